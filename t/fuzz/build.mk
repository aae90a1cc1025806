# The fuzzing drivers of the module: t/fuzz/NAME.c is one, for libFuzzer.
# Included by the top Makefile.  What they are for: docs/fuzzing.md.
#
# Two builds of each: "fast" has coverage only, "san" has ASan and UBSan too.

FUZZ_CC  ?= $(firstword $(shell command -v clang clang-22 clang-19 clang-16 \
            clang-14 2>/dev/null) clang)
FUZZ_DIR := $(B)/fuzz
FUZZ     := $(patsubst t/fuzz/%.c,%,$(wildcard t/fuzz/*.c))

# A driver may include files of the module that call nginx, and stand in for
# what they call; setters of directives return literals as char *, as nginx's.
# Warnings are no errors: each release of clang has new ones, and make lint
# has gcc's.
FUZZ_WARN := -Wall -Wextra -Wshadow -Wno-unused-parameter -Wno-sign-compare \
             -Wno-incompatible-pointer-types-discards-qualifiers
FUZZ_SAN  := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_CFLAGS_fast := -O2 -g -fsanitize=fuzzer-no-link
FUZZ_CFLAGS_san  := -O1 -g -fno-omit-frame-pointer \
                    -fsanitize=fuzzer-no-link $(FUZZ_SAN)
FUZZ_LINK_fast   := -fsanitize=fuzzer
FUZZ_LINK_san    := -fsanitize=fuzzer $(FUZZ_SAN)
FUZZ_LIBS        := -lhiredis -ljansson -lcrypto -lz

.PHONY: fuzz fuzz-fast fuzz-san

# SECONDS= or RUNS= of each driver, DRIVER= only these, BUILD=fast or san
fuzz: fuzz-$(or $(BUILD),san) ## fuzzes the module; SECONDS=, RUNS=, DRIVER=
	$(Q)t/fuzz/run --build=$(or $(BUILD),san) \
	    $(if $(SECONDS),--seconds=$(SECONDS)) $(if $(RUNS),--runs=$(RUNS)) \
	    $(DRIVER)

# $(1): fast or san
define FUZZ_BUILD
fuzz-$(1): $(patsubst %,$(FUZZ_DIR)/$(1)/%,$(or $(DRIVER),$(FUZZ)))

$(FUZZ_DIR)/$(1)/layer0/%.o: $(M)/%.c $$(wildcard $(M)/*.h) t/fuzz/build.mk \
    | $$(NGX_READY)
	$$(SAY) FUZZ $$<
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(FUZZ_CC) $$(FUZZ_CFLAGS_$(1)) $$(NGX_INCS) -I$(M) -c -o $$@ $$<

$(FUZZ_DIR)/$(1)/libspocr0.a: \
    $(patsubst $(M)/%.c,$(FUZZ_DIR)/$(1)/layer0/%.o,$(PURE))
	$$(Q)rm -f $$@ && ar rcs $$@ $$^

$(FUZZ_DIR)/$(1)/%: t/fuzz/%.c $(FUZZ_DIR)/$(1)/libspocr0.a \
    $$(wildcard t/fuzz/*.h $(M)/*.[ch]) t/fuzz/build.mk
	$$(SAY) FUZZ $$<
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(FUZZ_CC) $$(FUZZ_CFLAGS_$(1)) $$(FUZZ_WARN) $$(NGX_INCS) -I$(M) \
	    $$(FUZZ_LINK_$(1)) -o $$@ $$< $(FUZZ_DIR)/$(1)/libspocr0.a \
	    $$(FUZZ_LIBS)
endef

$(eval $(call FUZZ_BUILD,fast))
$(eval $(call FUZZ_BUILD,san))
