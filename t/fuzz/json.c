
/*
 * The writer of errors' JSON.  Property: jansson loads what it writes, the
 * values are those that were given, no byte is below 0x20 and none above
 * 0x7e, and nothing is longer than the header says.
 *
 * Inputs have at most 200 bytes.
 */

#include "fuzz.h"
#include <inttypes.h>
#include <jansson.h>
#include "ngx_spocr_id.h"
#include "ngx_spocr_json.h"


static json_t *
load(const u_char *text, size_t len, size_t flags)
{
    size_t         i;
    json_t        *json;
    json_error_t   err;

    for (i = 0; i < len; i++) {
        property(text[i] >= 0x20 && text[i] < 0x7f, "byte %02x", text[i]);
    }

    json = json_loadb((const char *) text, len,
                      flags|JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, &err);
    property(json != NULL, "%s", err.text);

    return json;
}


static int
is(const json_t *json, const u_char *text, size_t len)
{
    return json_is_string(json) && json_string_length(json) == len
           && memcmp(json_string_value(json), text, len) == 0;
}


/* A byte is itself, or U+FFFD. */

static void
escape(const u_char *data, size_t size)
{
    u_char  *text, *expected, *p;
    size_t   i;
    json_t  *json;

    text = malloc(size * NGX_SPOCR_JSON_EXPAND + 2);
    expected = malloc(3 * size + 1);
    p = expected;

    for (i = 0; i < size; i++) {
        if (data[i] < 0x7f) {
            *p++ = data[i];

        } else {
            p = ngx_cpymem(p, "\xef\xbf\xbd", 3);
        }
    }

    *text = '"';
    i = (size_t) (ngx_spocr_json_escape(text + 1, data, size) - text);
    text[i++] = '"';

    json = load(text, i, JSON_DECODE_ANY);
    property(is(json, expected, (size_t) (p - expected)), "another text");

    json_decref(json);
    free(expected);
    free(text);
}


static void
number(uint64_t n)
{
    char    text[24];
    int     len;
    u_char  buf[20];

    len = snprintf(text, sizeof(text), "%" PRIu64, n);
    property(ngx_spocr_json_uint(buf, n) - buf == len
             && memcmp(buf, text, (size_t) len) == 0, "%s", text);
}


static void
error(fuzz_input_t *in)
{
    u_char                   *buf, id[NGX_SPOCR_ID_LEN];
    u_char                    first[NGX_SPOCR_ID_LEN], random[10];
    json_t                   *json, *e, *details;
    size_t                    len, i;
    ngx_int_t                 retry;
    ngx_str_t                 original;
    const ngx_spocr_error_t  *error;

    error = ngx_spocr_error(fuzz_byte(in) % NGX_SPOCR_ERR_COUNT);
    retry = (ngx_int_t) (int32_t) fuzz_number(in, 4);

    for (i = 0; i < sizeof(random); i++) {
        random[i] = fuzz_byte(in);
    }

    ngx_spocr_id_make(id, fuzz_number(in, 6), random);
    ngx_spocr_id_make(first, fuzz_number(in, 6), random);

    original.data = first;
    original.len = (fuzz_byte(in) & 1) ? sizeof(first) : 0;

    buf = malloc(NGX_SPOCR_JSON_ERROR_MAX);
    len = (size_t) (ngx_spocr_json_error(buf, error, id, retry, &original)
                    - buf);
    property(len <= NGX_SPOCR_JSON_ERROR_MAX, "%zu bytes", len);

    json = load(buf, len, 0);
    e = json_object_get(json, "error");
    details = json_object_get(json, "details");

    property(json_object_size(e) == 3
             && is(json_object_get(e, "code"), error->code.data,
                   error->code.len)
             && is(json_object_get(e, "message"), error->message.data,
                   error->message.len)
             && is(json_object_get(e, "requestId"), id, sizeof(id)), "error");

    property(json_object_size(json) == 1 + (details != NULL)
             && json_object_size(details)
                == (size_t) ((retry >= 0) + (original.len != 0))
             && (details != NULL) == (retry >= 0 || original.len), "details");

    if (retry >= 0) {
        property(json_integer_value(json_object_get(details, "retryAfterSec"))
                 == retry, "retryAfterSec");
    }

    if (original.len) {
        property(is(json_object_get(details, "originalRequestId"), first,
                    sizeof(first)), "originalRequestId");
    }

    json_decref(json);
    free(buf);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input_t  in = { data, data + size };

    if (fuzz_byte(&in) & 1) {
        error(&in);
        return 0;
    }

    escape(in.pos, fuzz_left(&in));
    number(fuzz_number(&in, 8));

    return 0;
}
