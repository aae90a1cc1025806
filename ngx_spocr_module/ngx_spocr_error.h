
/*
 * The registry of the gateway's own errors: code, HTTP status, message.
 * The contract's table, docs/errors.md and the OpenAPI document's enum name
 * the same codes; a test holds them together.
 *
 * Layer 0: no request, no clock, no I/O.
 */

#ifndef _NGX_SPOCR_ERROR_H_INCLUDED_
#define _NGX_SPOCR_ERROR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    NGX_SPOCR_ERR_BAD_REQUEST = 0,
    NGX_SPOCR_ERR_INVALID_IDEMPOTENCY_KEY,
    NGX_SPOCR_ERR_IDEMPOTENCY_KEY_REQUIRED,
    NGX_SPOCR_ERR_HEADERS_TOO_LARGE,
    NGX_SPOCR_ERR_UNAUTHORIZED,
    NGX_SPOCR_ERR_FORBIDDEN,
    NGX_SPOCR_ERR_INSUFFICIENT_SCOPE,
    NGX_SPOCR_ERR_NOT_FOUND,
    NGX_SPOCR_ERR_METHOD_NOT_ALLOWED,
    NGX_SPOCR_ERR_IDEMPOTENCY_IN_PROGRESS,
    NGX_SPOCR_ERR_IDEMPOTENCY_OUTCOME_UNKNOWN,
    NGX_SPOCR_ERR_IDEMPOTENCY_REPLAY_UNAVAILABLE,
    NGX_SPOCR_ERR_PAYLOAD_TOO_LARGE,
    NGX_SPOCR_ERR_URI_TOO_LONG,
    NGX_SPOCR_ERR_UNSUPPORTED_MEDIA_TYPE,
    NGX_SPOCR_ERR_IDEMPOTENCY_KEY_REUSED,
    NGX_SPOCR_ERR_RATE_LIMITED,
    NGX_SPOCR_ERR_INTERNAL_ERROR,
    NGX_SPOCR_ERR_NOT_IMPLEMENTED,
    NGX_SPOCR_ERR_BAD_GATEWAY,
    NGX_SPOCR_ERR_SERVICE_UNAVAILABLE,
    NGX_SPOCR_ERR_GATEWAY_TIMEOUT,
    NGX_SPOCR_ERR_HTTP_VERSION_NOT_SUPPORTED,
    NGX_SPOCR_ERR_COUNT
} ngx_spocr_error_e;


typedef struct {
    ngx_str_t            code;
    ngx_str_t            message;
    ngx_uint_t           status;      /* as on the wire */
    ngx_spocr_error_e    index;
} ngx_spocr_error_t;


/*
 * What a step of the gateway decided when it refused a request.  error is
 * NULL as long as nothing was refused.
 */
typedef struct {
    const ngx_spocr_error_t  *error;
    ngx_int_t                 retry_after;   /* seconds; -1: not said */
    ngx_str_t                 original;      /* id of the request that came
                                              * first; "": not said */
    const char               *reason;        /* for logs only, or NULL */
} ngx_spocr_verdict_t;


const ngx_spocr_error_t *ngx_spocr_error(ngx_spocr_error_e index);

/*
 * The error for a status that nginx itself made an error page for: never
 * NULL, any other 4xx is bad_request, any other 5xx internal_error.
 */
const ngx_spocr_error_t *ngx_spocr_error_of_status(ngx_uint_t status);

/*
 * Writes a refusal into the verdict and returns the status, so that a step
 * can end with "return ngx_spocr_refuse(...)".  retry_after: seconds or -1.
 */
ngx_int_t ngx_spocr_refuse(ngx_spocr_verdict_t *verdict,
    ngx_spocr_error_e index, ngx_int_t retry_after, const char *reason);


#endif /* _NGX_SPOCR_ERROR_H_INCLUDED_ */
