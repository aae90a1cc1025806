# What t/torture.t runs: the module's own objects, linked so that its calls
# can be made to fail, and the library that does it.

T_FAIL  := $(B)/torture/fail.so
T_MODULE := $(B)/torture/ngx_spocr_module.so

.PHONY: torture torture-build

torture-build: $(T_MODULE) $(T_FAIL)

torture: $(MODULE) torture-build ## every call of a module made to fail in turn
	$(Q)SPOCR_TORTURE=all prove -v --timer $(wildcard t/torture*.t)

$(T_FAIL): t/torture/fail.c t/torture/fail.h t/torture/build.mk
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O1 -g -fPIC -shared -Wall -Wextra -Werror -o $@ $<

# The functions that fail.c wraps, by their definitions.
$(T_MODULE): $(MODULE) t/torture/fail.c t/torture/build.mk
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -g -shared -o $@ $(B)/nginx/addon/$(M)/*.o \
	    $(B)/nginx/$(M)_modules.o -lhiredis -lssl -lcrypto \
	    $$(sed -n -e 's/^WRAP[1-9](.*FAIL_[A-Z]*, \([^,]*\),.*/\1/p' \
	              -e 's/^[^ ]* __wrap_\([^(]*\)(.*);$$/\1/p' $< \
	       t/torture/fail.c | sed 's/^/-Wl,--wrap=/')
