# spocrctl, the operators' command, on the same layer 0 as the module.

CTL_OBJS := $(patsubst spocrctl/%.c,$(B)/spocrctl.o/%.o,\
                $(wildcard spocrctl/*.c))

spocrctl: $(B)/spocrctl       ## the operators' command, build/spocrctl

$(B)/spocrctl.o/%.o: spocrctl/%.c $(wildcard spocrctl/*.h) $(wildcard $(M)/*.h) \
                     $(LUA_H) Makefile spocrctl/build.mk | $(NGX_READY)
	$(SAY) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(WARN) $(NGX_INCS) \
	    -I$(M) -I$(dir $(LUA_H)) -c -o $@ $<

$(B)/spocrctl: $(CTL_OBJS) $(B)/libspocr0.a
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) -o $@ $(CTL_OBJS) $(B)/libspocr0.a $(LDFLAGS) \
	    -lhiredis -ljansson -lssl -lcrypto
