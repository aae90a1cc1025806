
/*
 * The request's id (C-1 to C-3): made when it is first wanted, once.
 *
 * Layer 2.
 */

#ifndef _NGX_SPOCR_REQID_H_INCLUDED_
#define _NGX_SPOCR_REQID_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_spocr_id.h"


/* Random bytes, fetched for 400 ids at a time; per process, cycle pool. */
typedef struct {
    ngx_pid_t    pid;
    size_t       left;
    u_char       bytes[400 * NGX_SPOCR_ID_RANDOM_LEN];
} ngx_spocr_reqid_source_t;


/* Part of the request's context; zeroed memory is a valid beginning. */
typedef struct {
    u_char       id[NGX_SPOCR_ID_LEN];
    unsigned     made:1;
} ngx_spocr_reqid_ctx_t;


/* The request's id: NGX_SPOCR_ID_LEN bytes in the context.  Never fails. */
ngx_str_t ngx_spocr_reqid_get(ngx_spocr_reqid_source_t *source,
    ngx_spocr_reqid_ctx_t *ctx);

/*
 * Sets the answer's X-Request-Id, in the place of the backend's where there
 * is one; any others are hidden.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_reqid_header(ngx_http_request_t *r, ngx_str_t *id);


#endif /* _NGX_SPOCR_REQID_H_INCLUDED_ */
