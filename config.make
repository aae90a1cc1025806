# What this module adds to the Makefile that ./configure writes: the header
# with the Redis functions is made from spocr.lua, again when that changes.

spocr_lua=$ngx_addon_dir/ngx_spocr_module/spocr.lua
spocr_embed=$ngx_addon_dir/tools/embed

cat << END                                                    >> $NGX_MAKEFILE

$NGX_OBJS/ngx_spocr_lua.h: $spocr_lua $spocr_embed; \\
    sh $spocr_embed $spocr_lua ngx_spocr_redis_lua > \$@.new && \\
    mv \$@.new \$@

END
