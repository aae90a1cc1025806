
/*
 * Checks request targets; called by the target step for each gated request.
 * Invariant: a path that passes reads the same before and after percent
 * decoding and dot-segment removal, as far as segments and unreserved
 * characters go, so no two programs can disagree on what it names.
 */


#include "ngx_spocr_target.h"


static ngx_uint_t ngx_spocr_target_unreserved(u_char ch);
static ngx_uint_t ngx_spocr_target_raw(u_char ch);
static ngx_int_t ngx_spocr_target_hex(u_char ch);
static const char *ngx_spocr_target_escape(const u_char *p, size_t left);
static u_char ngx_spocr_target_lower(u_char ch);


const char *
ngx_spocr_target_check(const u_char *target, size_t len)
{
    u_char      ch;
    size_t      i, segment;
    const char  *reason;

    if (len == 0 || target[0] != '/') {
        return "no path";
    }

    segment = 1;      /* where the segment that is being read begins */

    for (i = 1; /* void */ ; i++) {

        ch = (i < len) ? target[i] : '?';

        if (ch == '/' || ch == '?') {

            /* the last segment may be empty, as in "/" and "/jobs/" */

            if (i == segment && ch == '/') {
                return "empty path segment";
            }

            if ((i - segment == 1 && target[segment] == '.')
                || (i - segment == 2 && target[segment] == '.'
                    && target[segment + 1] == '.'))
            {
                return "dot segment";
            }

            if (ch == '?') {
                break;
            }

            segment = i + 1;
            continue;
        }

        if (ch == '%') {
            reason = ngx_spocr_target_escape(target + i, len - i);

            if (reason) {
                return reason;
            }

            i += 2;
            continue;
        }

        if (!ngx_spocr_target_raw(ch)) {
            return ch == '#' ? "fragment" : "character not allowed in a path";
        }
    }

    for ( /* void */ ; i < len; i++) {
        if (target[i] == '#') {
            return "fragment";
        }
    }

    return NULL;
}


ngx_uint_t
ngx_spocr_target_same_host(const ngx_str_t *a, const ngx_str_t *b)
{
    size_t  i;

    if (a->len != b->len) {
        return 0;
    }

    for (i = 0; i < a->len; i++) {
        if (ngx_spocr_target_lower(a->data[i])
            != ngx_spocr_target_lower(b->data[i]))
        {
            return 0;
        }
    }

    return 1;
}


/* An escape of what needs none, or of what separates, hides another path. */

static const char *
ngx_spocr_target_escape(const u_char *p, size_t left)
{
    u_char     ch;
    ngx_int_t  high, low;

    if (left < 3) {
        return "broken percent escape";
    }

    high = ngx_spocr_target_hex(p[1]);
    low = ngx_spocr_target_hex(p[2]);

    if (high == NGX_ERROR || low == NGX_ERROR) {
        return "broken percent escape";
    }

    ch = (u_char) (high << 4 | low);

    if (ngx_spocr_target_unreserved(ch)) {
        return "escaped unreserved character";
    }

    if (ch == '/' || ch == '\\' || ch == ';' || ch < 0x20 || ch == 0x7f) {
        return "escaped separator or control";
    }

    return NULL;
}


static ngx_uint_t
ngx_spocr_target_unreserved(u_char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
           || (ch >= '0' && ch <= '9')
           || ch == '-' || ch == '.' || ch == '_' || ch == '~';
}


static ngx_uint_t
ngx_spocr_target_raw(u_char ch)
{
    if (ngx_spocr_target_unreserved(ch)) {
        return 1;
    }

    switch (ch) {

    case '!': case '$': case '&': case '\'': case '(': case ')': case '*':
    case '+': case ',': case '=': case ':': case '@':
        return 1;

    default:
        return 0;
    }
}


static ngx_int_t
ngx_spocr_target_hex(u_char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch = ngx_spocr_target_lower(ch);

    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }

    return NGX_ERROR;
}


static u_char
ngx_spocr_target_lower(u_char ch)
{
    return (u_char) (ch >= 'A' && ch <= 'Z' ? ch | 0x20 : ch);
}
