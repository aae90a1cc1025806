
/*
 * JSON strings: escapes and UTF-8, decoded where they stand.
 *
 * Called by ngx_spocr_keyfile_json.c.
 *
 * Invariant: what is written is never longer than what was read: an escape of
 * six bytes becomes three at most, one of twelve becomes four.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile_json.h"


static ngx_int_t ngx_spocr_json_escape(ngx_spocr_parser_t *parser,
    u_char **to);
static int ngx_spocr_json_hex(const u_char *p, const u_char *last);
static size_t ngx_spocr_json_utf8(const u_char *p, const u_char *last);


ngx_int_t
ngx_spocr_json_string(ngx_spocr_parser_t *parser, ngx_str_t *str)
{
    u_char  *p, *to, *from;
    size_t   n;

    from = parser->pos;
    p = from + 1;

    /* most strings have nothing to decode */

    while (p < parser->last && *p != '"' && *p != '\\' && *p >= ' '
           && *p < 0x80)
    {
        p++;
    }

    parser->pos = p;
    to = p;

    while (parser->pos < parser->last && *parser->pos != '"') {

        if (*parser->pos == '\\') {
            if (ngx_spocr_json_escape(parser, &to) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (*parser->pos < ' ') {
            return ngx_spocr_json_fail(parser,
                                       "a control character in a string");
        }

        n = ngx_spocr_json_utf8(parser->pos, parser->last);

        if (n == 0) {
            return ngx_spocr_json_fail(parser, "bad UTF-8");
        }

        memmove(to, parser->pos, n);
        to += n;
        parser->pos += n;
    }

    if (parser->pos == parser->last) {
        return ngx_spocr_json_fail(parser, "not valid JSON");
    }

    parser->pos++;
    parser->size += (size_t) (parser->pos - from);

    str->data = from + 1;
    str->len = (size_t) (to - str->data);

    *to = '\0';

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_json_escape(ngx_spocr_parser_t *parser, u_char **to)
{
    int                 code, low;
    u_char             *p;
    const char         *found;
    static const char   from[] = "\"\\/bfnrt";
    static const char   into[] = "\"\\/\b\f\n\r\t";

    p = parser->pos + 1;

    if (p == parser->last) {
        return ngx_spocr_json_fail(parser, "not valid JSON");
    }

    if (*p != 'u') {
        found = *p ? strchr(from, *p) : NULL;

        if (found == NULL) {
            return ngx_spocr_json_fail(parser, "not valid JSON");
        }

        *(*to)++ = (u_char) into[found - from];
        parser->pos = p + 1;

        return NGX_OK;
    }

    code = ngx_spocr_json_hex(p + 1, parser->last);
    p += 5;

    if (code >= 0xd800 && code < 0xdc00) {
        low = (parser->last - p > 2 && p[0] == '\\' && p[1] == 'u')
              ? ngx_spocr_json_hex(p + 2, parser->last) : -1;

        code = (low >= 0xdc00 && low < 0xe000)
               ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -1;
        p += 6;
    }

    if (code < 0 || (code >= 0xdc00 && code < 0xe000)) {
        return ngx_spocr_json_fail(parser, "not valid JSON");
    }

    if (code == 0) {
        return ngx_spocr_json_fail(parser, "a NUL character in a string");
    }

    parser->pos = p;

    if (code < 0x80) {
        *(*to)++ = (u_char) code;
        return NGX_OK;
    }

    if (code < 0x800) {
        *(*to)++ = (u_char) (0xc0 | code >> 6);

    } else {
        if (code < 0x10000) {
            *(*to)++ = (u_char) (0xe0 | code >> 12);

        } else {
            *(*to)++ = (u_char) (0xf0 | code >> 18);
            *(*to)++ = (u_char) (0x80 | (code >> 12 & 0x3f));
        }

        *(*to)++ = (u_char) (0x80 | (code >> 6 & 0x3f));
    }

    *(*to)++ = (u_char) (0x80 | (code & 0x3f));

    return NGX_OK;
}


/* Four digits, or -1. */

static int
ngx_spocr_json_hex(const u_char *p, const u_char *last)
{
    int     code;
    u_char  ch;
    size_t  i;

    if (last - p < 4) {
        return -1;
    }

    code = 0;

    for (i = 0; i < 4; i++) {
        ch = (u_char) (p[i] | 0x20);

        if (p[i] >= '0' && p[i] <= '9') {
            code = code << 4 | (p[i] - '0');

        } else if (ch >= 'a' && ch <= 'f') {
            code = code << 4 | (ch - 'a' + 10);

        } else {
            return -1;
        }
    }

    return code;
}


/* Bytes of the character at p (RFC 3629), or 0. */

static size_t
ngx_spocr_json_utf8(const u_char *p, const u_char *last)
{
    u_char  low, high;
    size_t  i, n;

    if (*p < 0x80) {
        return 1;
    }

    /* the second byte excludes long forms, surrogates, and over U+10FFFF */

    low = 0x80;
    high = 0xbf;

    if (*p >= 0xc2 && *p <= 0xdf) {
        n = 2;

    } else if (*p >= 0xe0 && *p <= 0xef) {
        n = 3;
        low = (*p == 0xe0) ? 0xa0 : low;
        high = (*p == 0xed) ? 0x9f : high;

    } else if (*p >= 0xf0 && *p <= 0xf4) {
        n = 4;
        low = (*p == 0xf0) ? 0x90 : low;
        high = (*p == 0xf4) ? 0x8f : high;

    } else {
        return 0;
    }

    if ((size_t) (last - p) < n || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}
