# Everything that can be built or checked here; "make help" lists it.
#
# All outputs go to build/.  Variables that can be set on the command line:
#
#   CC, CFLAGS, LDFLAGS   as usual; hardening flags are part of the default
#   NGX_SRC=DIR           build against an nginx source tree instead of the
#                         installed nginx-dev; NGINX_SRC=DIR is the same
#   V=1                   show the commands

B        := build
CC       ?= cc
ifeq ($(origin CC),default)
CC       := cc
endif
HARDEN   := -fstack-protector-strong -fstack-clash-protection \
            -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
CFLAGS   ?= -O2 -g $(HARDEN)
LDFLAGS  ?= -Wl,-z,relro -Wl,-z,now
WARN     ?= -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion \
            -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wformat=2 -Wvla -Wwrite-strings -Wno-unused-parameter -Werror
NGX_SRC  ?= $(or $(NGINX_SRC),/usr/share/nginx/src)
V        ?=

export CC CFLAGS LDFLAGS NGX_SRC V

# What an "-I" of the nginx headers needs; ngx_auto_config.h is made by the
# configure step of the module, which $(NGX_READY) stands for.
NGX_OBJS  = $(B)/nginx
NGX_INCS  = -isystem "$(NGX_SRC)/src/core" -isystem "$(NGX_SRC)/src/event" \
            -isystem "$(NGX_SRC)/src/event/quic" \
            -isystem "$(NGX_SRC)/src/os/unix" -isystem $(NGX_OBJS)
NGX_READY = $(NGX_OBJS)/ngx_auto_config.h

ifeq ($(V),)
Q        := @
SAY       = @printf '  %-6s %s\n'
else
Q        :=
SAY       = @:
endif

MODULE   := $(B)/ngx_spocr_module.so
M        := ngx_spocr_module

# Layer 0: values; no function of nginx is called, so that spocrctl and the
# unit tests link these without it.
LAYER0   := $(wildcard $(patsubst %,$(M)/ngx_spocr_%.c, \
                token key* window id json target error idemkey* fingerprint* \
                secret* record*))

# What reads Redis' replies calls hiredis, and no function of nginx either.
PURE     := $(LAYER0) $(wildcard $(M)/ngx_spocr_redis_codec*.c)

# The Redis functions, for spocrctl and the unit tests; the module's build
# makes its own, by config.make.
LUA_H    := $(B)/embedded/ngx_spocr_lua.h
UNITS    := $(patsubst t/unit/%.c,$(B)/unit/%,$(wildcard t/unit/*.c))


.PHONY: all asan backend bench build check clean deb help lint spocrctl unit

build: $(MODULE)              ## the module, build/ngx_spocr_module.so (default)

all: build unit spocrctl backend backend-unit ## all programs, all unit tests

unit: $(UNITS)                ## the unit tests of layer 0

check:                        ## all tests; what they need must be installed
	$(Q)./test --no-install

lint:                         ## static checks of all sources
	$(Q)tools/lint

asan:                         ## all tests on nginx with ASan and UBSan
	$(Q)tools/asan

bench:                        ## CPU, latency and instructions, against nginx
	$(Q)bench/run

deb:                          ## Debian packages, in build/deb/
	$(Q)tools/deb

clean:                        ## removes build/
	rm -rf $(B)

help:                         ## this list
	@sed -n 's/^\([a-z-]*\):.*## */\1 /p' $(MAKEFILE_LIST) | \
	    sort -u | awk '{ n = $$1; $$1 = ""; printf "make %-13s%s\n", n, $$0 }'


# The nginx side of the build decides itself what is out of date: it knows
# the headers of nginx and of the module.  Behind the configured header, so
# that two jobs never configure beside each other.
$(MODULE): config config.make Makefile tools/build-module tools/embed \
    $(wildcard $(M)/*.[ch] $(M)/*.lua) | $(NGX_READY)
	$(SAY) MODULE $@
	$(Q)tools/build-module

# A tree that is configured for something else (another compiler, a file more)
# is configured again before anything is compiled with its headers.
ifneq ($(wildcard $(B)/nginx/signature),)
NGX_STALE := $(shell CC='$(CC)' CFLAGS='$(CFLAGS)' LDFLAGS='$(LDFLAGS)' \
               NGX_SRC='$(NGX_SRC)' tools/build-module --stale 2>/dev/null && \
               echo nginx-stale)
.PHONY: nginx-stale
endif

$(B)/nginx/ngx_auto_config.h: config config.make tools/build-module $(NGX_STALE)
	$(SAY) CONF $(B)/nginx
	$(Q)tools/build-module --configure

$(LUA_H): $(M)/spocr.lua tools/embed
	$(SAY) EMBED $<
	$(Q)mkdir -p $(@D)
	$(Q)tools/embed $< ngx_spocr_redis_lua >$@.new
	$(Q)mv $@.new $@

# One object per file, as the unit tests and spocrctl link them.
$(B)/layer0/%.o: $(M)/%.c $(wildcard $(M)/*.h) Makefile | $(NGX_READY)
	$(SAY) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(WARN) $(NGX_INCS) -I$(M) -c -o $@ $<

$(B)/libspocr0.a: $(patsubst $(M)/%.c,$(B)/layer0/%.o,$(PURE))
	$(SAY) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/unit/%: t/unit/%.c $(B)/libspocr0.a $(wildcard t/unit/*.h $(M)/*.[ch]) \
    $(LUA_H) Makefile
	$(SAY) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(WARN) $(NGX_INCS) -I$(M) -I$(dir $(LUA_H)) -o $@ \
	    $< $(B)/libspocr0.a $(LDFLAGS) -lhiredis -ljansson -lcrypto

-include spocrctl/build.mk
-include backend/build.mk
-include $(wildcard t/*/build.mk tools/*.mk bench/*.mk)
