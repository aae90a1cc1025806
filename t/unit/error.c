
/* The registry of errors: the contract's table. */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_error.h"
#include "tap.h"


static void
test_rows(void)
{
    ngx_uint_t                i, k;
    const ngx_spocr_error_t  *a, *b;

    for (i = 0; i < NGX_SPOCR_ERR_COUNT; i++) {
        a = ngx_spocr_error((ngx_spocr_error_e) i);

        is_int(a->index, i, "%s stands at its index", a->code.data);
        ok(a->status >= 400 && a->status < 600 && a->message.len > 0,
           "%s has a status and a message", a->code.data);

        for (k = 0; k < i; k++) {
            b = ngx_spocr_error((ngx_spocr_error_e) k);
            if (strcmp((char *) a->code.data, (char *) b->code.data) == 0) {
                break;
            }
        }

        is_int(k, i, "%s is no other row's code", a->code.data);
    }
}


static void
test_status(void)
{
    size_t  i;

    static const struct {
        ngx_uint_t   status;
        const char  *code;
    } cases[] = {
        { 400, "bad_request" }, { 401, "unauthorized" }, { 403, "forbidden" },
        { 404, "not_found" }, { 405, "method_not_allowed" },
        { 413, "payload_too_large" }, { 414, "uri_too_long" },
        { 415, "unsupported_media_type" }, { 429, "rate_limited" },
        { 500, "internal_error" }, { 501, "not_implemented" },
        { 502, "bad_gateway" }, { 503, "service_unavailable" },
        { 504, "gateway_timeout" }, { 505, "http_version_not_supported" },
        { 402, "bad_request" }, { 416, "bad_request" }, { 421, "bad_request" },
        { 499, "bad_request" }, { 507, "internal_error" },
        { 599, "internal_error" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_str((char *) ngx_spocr_error_of_status(cases[i].status)->code.data,
               cases[i].code, "status %u", (unsigned) cases[i].status);
    }
}


static void
test_refuse(void)
{
    ngx_spocr_verdict_t  verdict;

    memset(&verdict, 0, sizeof(verdict));

    is_int(ngx_spocr_refuse(&verdict, NGX_SPOCR_ERR_RATE_LIMITED, 7, "why"),
           429, "a refusal is its status");
    is_int(verdict.retry_after, 7, "with the wait");
    is_str(verdict.reason, "why", "and the reason");
    is_str((char *) verdict.error->code.data, "rate_limited", "and the row");
}


int
main(void)
{
    test_rows();
    test_status();
    test_refuse();

    return done_testing();
}
