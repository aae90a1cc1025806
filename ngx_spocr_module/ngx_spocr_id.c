
/*
 * Makes and reads request ids; called by ngx_spocr_reqid.c, by the filter of
 * the request's headers, and by spocrctl.
 */


#include "ngx_spocr_id.h"


static void ngx_spocr_id_hex(u_char *dst, uint32_t n);
static ngx_int_t ngx_spocr_id_digit(u_char ch);
static ngx_uint_t ngx_spocr_id_digits(const u_char *text, size_t len,
    ngx_uint_t *nonzero);


void
ngx_spocr_id_make(u_char *id, uint64_t ms, const u_char *random)
{
    uint16_t  a;
    uint64_t  b;

    /* any order of the random bytes is as good */

    ngx_memcpy(&a, random, sizeof(a));
    ngx_memcpy(&b, random + sizeof(a), sizeof(b));

    a = (uint16_t) (0x7000 | (a & 0x0fff));
    b = ((uint64_t) 2 << 62) | (b & 0x3fffffffffffffff);

    id = ngx_cpymem(id, "req_", 4);

    ngx_spocr_id_hex(id, (uint32_t) (ms >> 16));
    ngx_spocr_id_hex(id + 8, (uint32_t) (ms << 16) | a);
    ngx_spocr_id_hex(id + 16, (uint32_t) (b >> 32));
    ngx_spocr_id_hex(id + 24, (uint32_t) b);
}


/*
 * Eight digits at once: each nibble gets a byte of its own, and the bytes
 * above 9 the distance from '9' + 1 to 'a' as well.
 */

static void
ngx_spocr_id_hex(u_char *dst, uint32_t n)
{
    uint64_t  x, letter;

    x = n;
    x = (x << 16 | x) & 0x0000ffff0000ffff;
    x = (x << 8 | x) & 0x00ff00ff00ff00ff;
    x = (x << 4 | x) & 0x0f0f0f0f0f0f0f0f;

    letter = ((x + 0x0606060606060606) >> 4) & 0x0101010101010101;
    x += 0x3030303030303030 + letter * ('a' - '9' - 1);

#if (NGX_HAVE_LITTLE_ENDIAN)
    x = __builtin_bswap64(x);
#endif

    ngx_memcpy(dst, &x, sizeof(x));
}


ngx_int_t
ngx_spocr_id_parse(const u_char *text, size_t len, uint64_t *ms)
{
    uint64_t    t;
    ngx_uint_t  i;

    if (len != NGX_SPOCR_ID_LEN || ngx_memcmp(text, "req_", 4) != 0
        || !ngx_spocr_id_digits(text + 4, 32, NULL))
    {
        return NGX_ERROR;
    }

    /* the version is the 13th digit, the variant the two bits of the 17th */

    if (text[4 + 12] != '7' || (ngx_spocr_id_digit(text[4 + 16]) & 0xc) != 8) {
        return NGX_ERROR;
    }

    if (ms) {
        t = 0;

        for (i = 4; i < 16; i++) {
            t = t << 4 | (uint64_t) ngx_spocr_id_digit(text[i]);
        }

        *ms = t;
    }

    return NGX_OK;
}


/* A key is no id: who sends one here must not find it in a log (C-9). */

ngx_uint_t
ngx_spocr_id_client_ok(const u_char *text, size_t len)
{
    u_char               ch;
    size_t               i, match;
    static const u_char  prefix[] = "spocr_";

    if (len == 0 || len > NGX_SPOCR_ID_CLIENT_MAX) {
        return 0;
    }

    match = 0;

    for (i = 0; i < len; i++) {
        ch = text[i];

        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
              || (ch >= '0' && ch <= '9')
              || ch == '.' || ch == '_' || ch == '-'))
        {
            return 0;
        }

        ch = (u_char) (ch >= 'A' && ch <= 'Z' ? ch | 0x20 : ch);

        /* no character of the prefix but the first begins it again */

        match = (ch == prefix[match]) ? match + 1 : (ch == prefix[0]);

        if (match == sizeof(prefix) - 1) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ngx_spocr_id_traceparent_ok(const u_char *text, size_t len)
{
    ngx_uint_t  nonzero;

    /* 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01 */

    if (len < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') {
        return 0;
    }

    if (!ngx_spocr_id_digits(text, 2, NULL)
        || !ngx_spocr_id_digits(text + 53, 2, NULL)
        || ngx_memcmp(text, "ff", 2) == 0)
    {
        return 0;
    }

    if (len > 55 && (ngx_memcmp(text, "00", 2) == 0 || text[55] != '-')) {
        return 0;
    }

    if (!ngx_spocr_id_digits(text + 3, 32, &nonzero) || !nonzero) {
        return 0;
    }

    return ngx_spocr_id_digits(text + 36, 16, &nonzero) && nonzero;
}


static ngx_int_t
ngx_spocr_id_digit(u_char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }

    return NGX_ERROR;
}


/* Whether all are lower-case hexadecimal digits; *nonzero: one is not 0. */

static ngx_uint_t
ngx_spocr_id_digits(const u_char *text, size_t len, ngx_uint_t *nonzero)
{
    size_t      i;
    ngx_int_t   d;
    ngx_uint_t  any;

    any = 0;

    for (i = 0; i < len; i++) {
        d = ngx_spocr_id_digit(text[i]);

        if (d == NGX_ERROR) {
            return 0;
        }

        any |= (ngx_uint_t) d;
    }

    if (nonzero) {
        *nonzero = any;
    }

    return 1;
}
