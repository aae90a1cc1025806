# Builds the bundled extraction backend.  Included by the top Makefile, which
# sets B, CC, CFLAGS and WARN; "make -f backend/build.mk backend" works too.

B      ?= build
CC     ?= cc
CFLAGS ?= -O2 -g
WARN   ?= -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror

BE_PKGS   := tesseract lept libmicrohttpd libcurl jansson libcrypto sqlite3
BE_CFLAGS  = -std=c11 -D_GNU_SOURCE -pthread -Ibackend -I$(B) \
             $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I \
             $(BE_PKGS)))
BE_LIBS    = $(shell pkg-config --libs $(BE_PKGS)) -lm -pthread

# what needs no library of images or HTTP: all that the unit tests link
BE_PURE   := address base64 buf fault geometry imghead json layout lexicon \
             auto auto_pairs answer engine_http ident llm llm_answer \
             match page page_json query request rules rules_column rules_field \
             rules_party rules_plain rules_table rules_total rules_vendor \
             sandbox scan scan_date schema \
             space/csv space/cut space/multipart space/value space/where templates text
BE_REST   := $(filter-out $(BE_PURE) measure%, \
             $(patsubst backend/%.c,%,$(wildcard backend/*.c \
             backend/space/*.c)))

BE_PURE_O := $(BE_PURE:%=$(B)/backend/%.o)
BE_REST_O := $(BE_REST:%=$(B)/backend/%.o)
BE_UNITS  := $(patsubst backend/t/%.c,$(B)/backend-unit-%,\
             $(wildcard backend/t/*.c))

BE_FUZZ   := $(patsubst %,$(B)/backend-fuzz-%,csv engine image llm multipart \
             page query request text)

.PHONY: backend backend-unit backend-measure backend-fuzz fuzz-backend measure

backend: $(B)/spocr-backend

backend-unit: $(BE_UNITS) $(BE_FUZZ) $(B)/backend-fill $(B)/backend-measure

backend-fuzz: $(BE_FUZZ)

backend-measure: $(B)/backend-measure

$(B)/backend/%.o: backend/%.c $(wildcard backend/*.h backend/space/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BE_CFLAGS) $(CFLAGS) $(WARN) -c -o $@ $<

# the files that the program carries
BE_EMBED  := $(B)/embedded/be_openapi.h $(B)/embedded/be_page_html.h \
             $(B)/embedded/be_page_css.h $(B)/embedded/be_page_js.h

$(B)/embedded/be_openapi.h: conf.d/openapi.json
$(B)/embedded/be_page_html.h: backend/page/index.html
$(B)/embedded/be_page_css.h: backend/page/page.css
$(B)/embedded/be_page_js.h: backend/page/page.js

$(BE_EMBED): tools/embed
	@mkdir -p $(@D)
	$(Q)tools/embed $(filter-out tools/embed,$^) $(basename $(@F)) >$@.new
	$(Q)mv $@.new $@

$(B)/backend/api_page.o: $(BE_EMBED)

$(B)/spocr-backend: $(BE_PURE_O) $(BE_REST_O)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BE_LIBS)

$(B)/backend-unit-%: backend/t/%.c $(BE_PURE_O) $(wildcard backend/t/*.h)
	$(Q)$(CC) $(BE_CFLAGS) $(CFLAGS) $(WARN) -Ibackend $(LDFLAGS) -o $@ \
		$(filter-out %.h,$^) \
		-ljansson -lm

# puts rows into a sheet, for tests and bench/view
$(B)/backend-fill: backend/t/tool/fill.c $(BE_PURE_O) \
		$(filter-out %/main.o,$(BE_REST_O))
	$(Q)$(CC) $(BE_CFLAGS) $(CFLAGS) $(WARN) $(LDFLAGS) -o $@ $^ $(BE_LIBS)

$(B)/backend-measure: $(patsubst %.c,$(B)/%.o,$(wildcard \
		backend/measure*.c)) $(BE_PURE_O) \
		$(filter-out %/main.o,$(BE_REST_O))
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BE_LIBS)

# a driver of backend/fuzz with all that it may call
$(B)/backend/fuzz/%.o: backend/fuzz/%.c $(wildcard backend/*.h \
		backend/space/*.h backend/fuzz/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BE_CFLAGS) $(CFLAGS) $(WARN) -c -o $@ $<

$(B)/backend-fuzz-%: $(B)/backend/fuzz/%.o $(B)/backend/fuzz/fuzz.o \
		$(B)/backend/fuzz/fuzz_answer.o $(BE_PURE_O) \
		$(filter-out %/main.o,$(BE_REST_O))
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(BE_LIBS)

.PRECIOUS: $(B)/backend/fuzz/%.o

# every driver with the sanitizers, N changed inputs of each cheap one
N    ?= 300000
SEED ?= $(shell date +%s)
SAN  := -fsanitize=address,undefined,float-cast-overflow \
        -fno-sanitize-recover=all

fuzz-backend:                 ## fuzzes the backend, with sanitizers; N=, SEED=
	$(Q)$(MAKE) -s -f backend/build.mk B=$(B)/fuzz WARN= LDFLAGS='$(SAN)' \
	    CFLAGS='-O1 -g -fno-omit-frame-pointer $(SAN)' backend-fuzz
	$(Q)backend/fuzz/run $(B)/fuzz $(SEED) $(N)

# a folder of documents whose truth is known (backend/measure_load.c)
DATA ?= $(if $(wildcard ../shared/data/index.jsonl),../shared/data,\
backend/samples)

measure: $(B)/backend-measure ## reads documents of known truth; DATA=DIR
	$(Q)$(B)/backend-measure $(DATA) --both --html $(B)/measure.html
