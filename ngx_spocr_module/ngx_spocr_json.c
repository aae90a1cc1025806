
/*
 * Writes the JSON of errors; called by the error filter, and for numbers and
 * escaping by the status pages.  Invariant: what it writes is valid JSON.
 */


#include "ngx_spocr_json.h"
#include "ngx_spocr_id.h"


static u_char *ngx_spocr_json_put(u_char *dst, const char *text, size_t len);


#define ngx_spocr_json_lit(dst, text)                                         \
    ngx_spocr_json_put(dst, text, sizeof(text) - 1)


u_char *
ngx_spocr_json_error(u_char *buf, const ngx_spocr_error_t *error,
    const u_char *request_id, ngx_int_t retry_after,
    const ngx_str_t *original)
{
    u_char  *p;

    p = ngx_spocr_json_lit(buf, "{\"error\":{\"code\":\"");
    p = ngx_cpymem(p, error->code.data, error->code.len);
    p = ngx_spocr_json_lit(p, "\",\"message\":\"");
    p = ngx_cpymem(p, error->message.data, error->message.len);
    p = ngx_spocr_json_lit(p, "\",\"requestId\":\"");
    p = ngx_cpymem(p, request_id, NGX_SPOCR_ID_LEN);
    p = ngx_spocr_json_lit(p, "\"}");

    if (retry_after >= 0 || original->len) {
        p = ngx_spocr_json_lit(p, ",\"details\":{");

        if (retry_after >= 0) {
            p = ngx_spocr_json_lit(p, "\"retryAfterSec\":");
            p = ngx_spocr_json_uint(p, (uint64_t) retry_after);
        }

        if (original->len) {
            if (retry_after >= 0) {
                *p++ = ',';
            }

            p = ngx_spocr_json_lit(p, "\"originalRequestId\":\"");
            p = ngx_cpymem(p, original->data, original->len);
            *p++ = '"';
        }

        *p++ = '}';
    }

    *p++ = '}';

    return p;
}


u_char *
ngx_spocr_json_escape(u_char *dst, const u_char *src, size_t len)
{
    u_char         ch;
    size_t         i;
    static u_char  hex[] = "0123456789abcdef";

    for (i = 0; i < len; i++) {
        ch = src[i];

        if (ch == '"' || ch == '\\') {
            *dst++ = '\\';
            *dst++ = ch;

        } else if (ch < 0x20) {
            dst = ngx_spocr_json_lit(dst, "\\u00");
            *dst++ = hex[ch >> 4];
            *dst++ = hex[ch & 0xf];

        } else if (ch > 0x7e) {
            dst = ngx_spocr_json_lit(dst, "\\ufffd");

        } else {
            *dst++ = ch;
        }
    }

    return dst;
}


u_char *
ngx_spocr_json_uint(u_char *dst, uint64_t n)
{
    u_char  *p, buf[20];

    p = buf + sizeof(buf);

    do {
        *--p = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    return ngx_cpymem(dst, p, (size_t) (buf + sizeof(buf) - p));
}


static u_char *
ngx_spocr_json_put(u_char *dst, const char *text, size_t len)
{
    return ngx_cpymem(dst, text, len);
}
