
/*
 * The registry of errors: one row for each code that the gateway can answer.
 * Steps name rows by their index, the error filter finds them by status.
 * Invariant: the rows stand in the order of ngx_spocr_error_e.
 */


#include "ngx_spocr_error.h"


#define ngx_spocr_error_row(code, message, status, index)                     \
    { ngx_string(code), ngx_string(message), status, index }


static const ngx_spocr_error_t  ngx_spocr_errors[] = {

    ngx_spocr_error_row("bad_request", "Bad request",
                        400, NGX_SPOCR_ERR_BAD_REQUEST),

    ngx_spocr_error_row("invalid_idempotency_key",
                        "Malformed Idempotency-Key header",
                        400, NGX_SPOCR_ERR_INVALID_IDEMPOTENCY_KEY),

    ngx_spocr_error_row("idempotency_key_required",
                        "An Idempotency-Key header is required",
                        400, NGX_SPOCR_ERR_IDEMPOTENCY_KEY_REQUIRED),

    ngx_spocr_error_row("headers_too_large", "Request headers are too large",
                        400, NGX_SPOCR_ERR_HEADERS_TOO_LARGE),

    ngx_spocr_error_row("unauthorized",
                        "Missing or malformed Authorization header",
                        401, NGX_SPOCR_ERR_UNAUTHORIZED),

    ngx_spocr_error_row("forbidden", "Access denied",
                        403, NGX_SPOCR_ERR_FORBIDDEN),

    ngx_spocr_error_row("insufficient_scope",
                        "API key does not have the required scope",
                        403, NGX_SPOCR_ERR_INSUFFICIENT_SCOPE),

    ngx_spocr_error_row("not_found", "Not found",
                        404, NGX_SPOCR_ERR_NOT_FOUND),

    ngx_spocr_error_row("method_not_allowed", "Method not allowed",
                        405, NGX_SPOCR_ERR_METHOD_NOT_ALLOWED),

    ngx_spocr_error_row("idempotency_in_progress",
                        "A request with this Idempotency-Key is in progress",
                        409, NGX_SPOCR_ERR_IDEMPOTENCY_IN_PROGRESS),

    ngx_spocr_error_row("idempotency_outcome_unknown",
                        "The outcome of the request with this "
                        "Idempotency-Key is unknown",
                        409, NGX_SPOCR_ERR_IDEMPOTENCY_OUTCOME_UNKNOWN),

    ngx_spocr_error_row("idempotency_replay_unavailable",
                        "The request was executed, but its response was not "
                        "stored",
                        409, NGX_SPOCR_ERR_IDEMPOTENCY_REPLAY_UNAVAILABLE),

    ngx_spocr_error_row("payload_too_large", "Request body is too large",
                        413, NGX_SPOCR_ERR_PAYLOAD_TOO_LARGE),

    ngx_spocr_error_row("uri_too_long", "Request URI is too long",
                        414, NGX_SPOCR_ERR_URI_TOO_LONG),

    ngx_spocr_error_row("unsupported_media_type", "Unsupported media type",
                        415, NGX_SPOCR_ERR_UNSUPPORTED_MEDIA_TYPE),

    ngx_spocr_error_row("idempotency_key_reused",
                        "Idempotency-Key was used with a different request",
                        422, NGX_SPOCR_ERR_IDEMPOTENCY_KEY_REUSED),

    ngx_spocr_error_row("rate_limited", "Rate limit exceeded",
                        429, NGX_SPOCR_ERR_RATE_LIMITED),

    ngx_spocr_error_row("internal_error", "Internal error",
                        500, NGX_SPOCR_ERR_INTERNAL_ERROR),

    ngx_spocr_error_row("not_implemented", "Not implemented",
                        501, NGX_SPOCR_ERR_NOT_IMPLEMENTED),

    ngx_spocr_error_row("bad_gateway", "Bad gateway",
                        502, NGX_SPOCR_ERR_BAD_GATEWAY),

    ngx_spocr_error_row("service_unavailable",
                        "Service temporarily unavailable",
                        503, NGX_SPOCR_ERR_SERVICE_UNAVAILABLE),

    ngx_spocr_error_row("gateway_timeout", "Gateway timeout",
                        504, NGX_SPOCR_ERR_GATEWAY_TIMEOUT),

    ngx_spocr_error_row("http_version_not_supported",
                        "HTTP version not supported",
                        505, NGX_SPOCR_ERR_HTTP_VERSION_NOT_SUPPORTED)
};


const ngx_spocr_error_t *
ngx_spocr_error(ngx_spocr_error_e index)
{
    return &ngx_spocr_errors[index];
}


const ngx_spocr_error_t *
ngx_spocr_error_of_status(ngx_uint_t status)
{
    ngx_uint_t  i;

    switch (status) {

    /*
     * statuses that two rows share, or that a step alone may explain: what
     * nginx or another module refused was not refused for its scope
     */

    case 400:
    case 409:
    case 422:
        return &ngx_spocr_errors[NGX_SPOCR_ERR_BAD_REQUEST];

    case 403:
        return &ngx_spocr_errors[NGX_SPOCR_ERR_FORBIDDEN];

    default:
        break;
    }

    for (i = 0; i < NGX_SPOCR_ERR_COUNT; i++) {
        if (ngx_spocr_errors[i].status == status) {
            return &ngx_spocr_errors[i];
        }
    }

    return status < 500 ? &ngx_spocr_errors[NGX_SPOCR_ERR_BAD_REQUEST]
                        : &ngx_spocr_errors[NGX_SPOCR_ERR_INTERNAL_ERROR];
}


ngx_int_t
ngx_spocr_refuse(ngx_spocr_verdict_t *verdict, ngx_spocr_error_e index,
    ngx_int_t retry_after, const char *reason)
{
    verdict->error = &ngx_spocr_errors[index];
    verdict->retry_after = retry_after;
    verdict->reason = reason;
    verdict->original.len = 0;

    return (ngx_int_t) verdict->error->status;
}
