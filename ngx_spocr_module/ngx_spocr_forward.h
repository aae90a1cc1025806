
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
#include "ngx_spocr_secret.h"


/*
 * How far the client's headers were looked through.  An internal redirect may
 * lead from a location that only covers to one that gates.
 */
typedef enum {
    NGX_SPOCR_STRIP_NONE = 0,
    NGX_SPOCR_STRIP_COVERED,       /* ids and trace context */
    NGX_SPOCR_STRIP_GATED          /* X-Spocr-* as well */
} ngx_spocr_strip_e;


/* Part of the request's context; zeroed memory is a valid beginning. */
typedef struct {
    ngx_table_elt_t    *request_id;         /* X-Request-Id of the request,
                                             * the client's or ours; or NULL */
    ngx_str_t           client_request_id;  /* valid ones only */
    ngx_spocr_strip_e   stripped;
    unsigned            id_done:1;
    unsigned            uid_done:1;
    unsigned            signed_done:1;
} ngx_spocr_forward_ctx_t;


/* The identity that goes upstream; empty strings are not sent. */
typedef struct {
    ngx_str_t         request_id;
    ngx_str_t         uid;
    ngx_str_t         key_id;
    ngx_str_t         plan;
    const ngx_spocr_secrets_t  *secrets;   /* the first signs (C-42); NULL: no
                                            * signature */
    unsigned          auth:1;      /* keys are asked for here: whatever the
                                    * Authorization was, it goes no further */
} ngx_spocr_forward_t;


/* Computes the hashes of header names; once, while nginx starts. */
void ngx_spocr_forward_init(void);

/*
 * Step 3 of the contract: removes the client's X-Spocr-* headers (GATED), an
 * invalid traceparent with its tracestate, and remembers the X-Request-Id.
 * Does nothing the second time, unless there is more to strip.  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_spocr_forward_strip(ngx_http_request_t *r,
    ngx_spocr_forward_ctx_t *ctx, ngx_spocr_strip_e strip);

/*
 * The same for a subrequest's copy of the headers, where its parent's were
 * not stripped as far.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_forward_strip_subrequest(ngx_http_request_t *r);

/*
 * Writes the identity into the request's own headers, so that a bare
 * proxy_pass sends it: the id once, once uid, key and plan, and the signature
 * of these.  Where keys are asked for, the Authorization goes.  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_spocr_forward_identity(ngx_http_request_t *r,
    ngx_spocr_forward_ctx_t *ctx, const ngx_spocr_forward_t *identity);

/* Hides the X-Spocr-* and X-Idempotent-* headers of a backend's answer. */
void ngx_spocr_forward_clean_answer(ngx_http_request_t *r);


#endif /* _NGX_SPOCR_FORWARD_H_INCLUDED_ */
