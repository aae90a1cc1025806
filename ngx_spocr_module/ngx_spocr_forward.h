
/*
 * What the backend gets to see of the request, and the client of the
 * backend's answer (C-3, C-4, C-12).
 *
 * Layer 2.
 */

#ifndef _NGX_SPOCR_FORWARD_H_INCLUDED_
#define _NGX_SPOCR_FORWARD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* Part of the request's context; zeroed memory is a valid beginning. */
typedef struct {

    /* the client's headers that are still in the request's list, or NULL */
    ngx_table_elt_t  *request_id;
    ngx_table_elt_t  *authorization;

    ngx_str_t         client_request_id;    /* valid ones only */

    unsigned          stripped:1;
    unsigned          done:1;
} ngx_spocr_forward_ctx_t;


/* The identity that goes upstream; empty strings are not sent. */
typedef struct {
    ngx_str_t         request_id;
    ngx_str_t         uid;
    ngx_str_t         key_id;
    ngx_str_t         plan;
    unsigned          auth:1;      /* keys are asked for here: whatever the
                                    * Authorization was, it goes no further */
} ngx_spocr_forward_t;


/* Computes the hashes of header names; once, while nginx starts. */
void ngx_spocr_forward_init(void);

/*
 * Step 3 of the contract: removes the client's X-Spocr-* headers, an invalid
 * traceparent with its tracestate, and remembers what the rest of the request
 * needs.  With gated 0 (only ids, no keys) X-Spocr-* are not our business.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_forward_strip(ngx_http_request_t *r,
    ngx_spocr_forward_ctx_t *ctx, ngx_uint_t gated);

/*
 * Writes the identity into the request's own headers, so that a bare
 * proxy_pass sends it.  Once per request.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_forward_identity(ngx_http_request_t *r,
    ngx_spocr_forward_ctx_t *ctx, const ngx_spocr_forward_t *identity);

/* Hides the X-Spocr-* and X-Idempotent-* headers of a backend's answer. */
void ngx_spocr_forward_clean_answer(ngx_http_request_t *r);


#endif /* _NGX_SPOCR_FORWARD_H_INCLUDED_ */
