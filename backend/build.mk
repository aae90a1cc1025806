# Builds the bundled extraction backend.  Included by the top Makefile, which
# sets B, CC, CFLAGS and WARN; "make -f backend/build.mk backend" works too.

B      ?= build
CC     ?= cc
CFLAGS ?= -O2 -g
WARN   ?= -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror

BE_PKGS   := tesseract lept libmicrohttpd libcurl jansson libcrypto
BE_CFLAGS  = -std=c11 -D_GNU_SOURCE -pthread \
             $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I \
             $(BE_PKGS)))
BE_LIBS    = $(shell pkg-config --libs $(BE_PKGS)) -lm -pthread

# what needs no library of images or HTTP: all that the unit tests link
BE_PURE   := address base64 buf fault geometry imghead layout lexicon match \
             page request rules rules_field rules_party rules_plain \
             rules_table rules_total scan scan_date schema text
BE_REST   := analyze answer api fetch frame helper http main ocr_tesseract \
             options picture pool sandbox signature straighten

BE_PURE_O := $(BE_PURE:%=$(B)/backend/%.o)
BE_REST_O := $(BE_REST:%=$(B)/backend/%.o)
BE_UNITS  := $(patsubst backend/t/%.c,$(B)/backend-unit-%,\
             $(wildcard backend/t/*.c))

.PHONY: backend backend-unit backend-measure

backend: $(B)/spocr-backend

backend-unit: $(BE_UNITS)

backend-measure: $(B)/backend-measure

$(B)/backend/%.o: backend/%.c $(wildcard backend/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BE_CFLAGS) $(CFLAGS) $(WARN) -c -o $@ $<

$(B)/spocr-backend: $(BE_PURE_O) $(BE_REST_O)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BE_LIBS)

$(B)/backend-unit-%: backend/t/%.c $(BE_PURE_O)
	$(Q)$(CC) $(BE_CFLAGS) $(CFLAGS) $(WARN) -Ibackend $(LDFLAGS) -o $@ $^ \
		-ljansson -lm

$(B)/backend-measure: $(B)/backend/measure.o $(B)/backend/measure_page.o \
		$(BE_PURE_O) \
		$(filter-out %/main.o,$(BE_REST_O))
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BE_LIBS)
