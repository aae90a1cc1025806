
/*
 * Request ids, the ids of clients, traceparent (C-2, C-3, C-4).  Property:
 * what is accepted is what a second reading of the rules says; an id that was
 * made is read back with its time, and no other text is.
 *
 * Inputs have at most 160 bytes.
 */

#include "fuzz.h"
#include <ctype.h>
#include <strings.h>
#include "ngx_spocr_id.h"


static int
digits(const char *p, size_t n)
{
    return strspn(p, "0123456789abcdef") >= n;
}


static int
zeros(const char *p, size_t n)
{
    return strspn(p, "0") >= n;
}


static int
reference_id(const char *text, size_t len)
{
    return len == 36 && strlen(text) == 36 && strncmp(text, "req_", 4) == 0
           && digits(text + 4, 32) && text[16] == '7'
           && strchr("89ab", text[20]) != NULL;
}


static int
reference_client(const char *text, size_t len)
{
    return len >= 1 && len <= 128 && strlen(text) == len
           && strspn(text, "0123456789.-_abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len
           && strcasestr(text, "spocr_") == NULL;
}


/* version "-" trace-id "-" parent-id "-" flags, and more after a "-" */

static int
reference_traceparent(const char *text, size_t len)
{
    size_t             i, n;
    const char        *p;
    static const int   widths[] = { 2, 32, 16, 2 };

    p = text;

    for (i = 0; i < 4; i++) {
        n = (size_t) widths[i];

        if ((size_t) (text + len - p) < n || !digits(p, n)
            || (n > 2 && zeros(p, n)))
        {
            return 0;
        }

        p += n;

        if (i < 3 && *p++ != '-') {
            return 0;
        }
    }

    if (strncmp(text, "ff", 2) == 0) {
        return 0;
    }

    return p == text + len || (*p == '-' && strncmp(text, "00", 2) != 0);
}


static void
made(fuzz_input_t *in)
{
    char      text[37], expected[17];
    u_char    random[NGX_SPOCR_ID_RANDOM_LEN], *id;
    size_t    i;
    uint64_t  ms, back;

    ms = fuzz_number(in, 6);

    for (i = 0; i < sizeof(random); i++) {
        random[i] = fuzz_byte(in);
    }

    id = malloc(NGX_SPOCR_ID_LEN);
    ngx_spocr_id_make(id, ms, random);
    memcpy(text, id, NGX_SPOCR_ID_LEN);
    text[NGX_SPOCR_ID_LEN] = '\0';

    snprintf(expected, sizeof(expected), "req_%012llx",
             (unsigned long long) ms);
    property(reference_id(text, 36) && strncmp(text, expected, 16) == 0,
             "made %s", text);
    property(ngx_spocr_id_parse(id, NGX_SPOCR_ID_LEN, &back) == NGX_OK
             && back == ms, "not read back: %s", text);
    property(ngx_spocr_id_client_ok(id, NGX_SPOCR_ID_LEN), "not sent back");

    free(id);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *text;
    uint64_t       ms;
    fuzz_input_t   in = { data, data + size };

    text = malloc(size + 1);

    if (size) {
        memcpy(text, data, size);
    }

    text[size] = '\0';

    property((ngx_spocr_id_parse(data, size, &ms) == NGX_OK)
             == reference_id(text, size), "id");
    property((ngx_spocr_id_client_ok(data, size) != 0)
             == reference_client(text, size), "client's id");
    property((ngx_spocr_id_traceparent_ok(data, size) != 0)
             == reference_traceparent(text, size), "traceparent");

    free(text);

    made(&in);

    return 0;
}
