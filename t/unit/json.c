
/* Error bodies: C-13, C-35. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ngx_spocr_id.h"
#include "ngx_spocr_json.h"
#include "tap.h"


#define ID  "req_017f22e279b070008000000000000000"


static const ngx_str_t  none = ngx_null_string;
static const ngx_str_t  first = ngx_string(ID);


static void
test_exact(void)
{
    char  buf[NGX_SPOCR_JSON_ERROR_MAX + 1];

    /* C-13: exactly this */

    *ngx_spocr_json_error((u_char *) buf,
                          ngx_spocr_error(NGX_SPOCR_ERR_RATE_LIMITED),
                          (u_char *) ID, 12, &none) = '\0';
    is_str(buf, "{\"error\":{\"code\":\"rate_limited\",\"message\":"
           "\"Rate limit exceeded\",\"requestId\":\"" ID "\"},"
           "\"details\":{\"retryAfterSec\":12}}", "429 to the byte");

    *ngx_spocr_json_error((u_char *) buf,
                          ngx_spocr_error(NGX_SPOCR_ERR_NOT_FOUND),
                          (u_char *) ID, -1, &none) = '\0';
    is_str(buf, "{\"error\":{\"code\":\"not_found\",\"message\":"
           "\"Not found\",\"requestId\":\"" ID "\"}}", "no details");

    /* C-26 */

    *ngx_spocr_json_error((u_char *) buf,
                       ngx_spocr_error(NGX_SPOCR_ERR_IDEMPOTENCY_IN_PROGRESS),
                       (u_char *) ID, 3, &first) = '\0';
    is_str(strstr(buf, ",\"details\""),
           ",\"details\":{\"retryAfterSec\":3,\"originalRequestId\":\""
           ID "\"}}", "both details");

    *ngx_spocr_json_error((u_char *) buf,
                   ngx_spocr_error(NGX_SPOCR_ERR_IDEMPOTENCY_OUTCOME_UNKNOWN),
                   (u_char *) ID, -1, &first) = '\0';
    is_str(strstr(buf, ",\"details\""),
           ",\"details\":{\"originalRequestId\":\"" ID "\"}}",
           "the first request's id alone");
}


static void
test_all(void)
{
    size_t      len;
    json_t     *root;
    u_char      buf[2 * NGX_SPOCR_JSON_ERROR_MAX], *p;
    ngx_uint_t  i;

    for (i = 0; i < NGX_SPOCR_ERR_COUNT; i++) {
        p = ngx_spocr_json_error(buf, ngx_spocr_error((ngx_spocr_error_e) i),
                                 (u_char *) ID, NGX_MAX_INT_T_VALUE, &first);
        len = (size_t) (p - buf);
        root = json_loadb((char *) buf, len, JSON_REJECT_DUPLICATES, NULL);

        ok(root && len <= NGX_SPOCR_JSON_ERROR_MAX,
           "error %u is JSON within %d bytes", (unsigned) i,
           NGX_SPOCR_JSON_ERROR_MAX);
        json_decref(root);
    }
}


static void
test_escape(void)
{
    size_t    i, n;
    json_t   *value;
    u_char    in[64], out[2 + NGX_SPOCR_JSON_EXPAND * 64], *p;
    unsigned  seed;

    *ngx_spocr_json_escape(out, (u_char *) "a\"b\\c\n\x7f\xff", 8) = '\0';
    is_str((char *) out, "a\\\"b\\\\c\\u000a\\ufffd\\ufffd", "escapes");

    seed = 1;

    for (n = 0; n < 20000; n++) {

        for (i = 0; i < sizeof(in); i++) {
            seed = seed * 1103515245 + 12345;
            in[i] = (u_char) (seed >> 16);
        }

        out[0] = '"';
        p = ngx_spocr_json_escape(out + 1, in, n % sizeof(in));
        *p++ = '"';

        value = json_loadb((char *) out, (size_t) (p - out),
                           JSON_DECODE_ANY|JSON_ALLOW_NUL, NULL);
        if (value == NULL) {
            break;
        }

        json_decref(value);
    }

    is_int(n, 20000, "whatever the bytes, the outcome is JSON");
}


static void
test_uint(void)
{
    char  buf[32];

    *ngx_spocr_json_uint((u_char *) buf, 0) = '\0';
    is_str(buf, "0", "zero");
    *ngx_spocr_json_uint((u_char *) buf, (uint64_t) -1) = '\0';
    is_str(buf, "18446744073709551615", "the largest");
}


int
main(void)
{
    test_exact();
    test_all();
    test_escape();
    test_uint();

    return done_testing();
}
