
/*
 * The one sender: an error in the place of nginx's page, a page of our own, an
 * answer without a body.
 *
 * Layer 2.
 */

#ifndef _NGX_SPOCR_REPLY_H_INCLUDED_
#define _NGX_SPOCR_REPLY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_spocr_error.h"


/*
 * Whether the answer whose header passes the filters is a page that nginx
 * itself made for an error: not a file, a text or a proxied page that an
 * error_page or a return names.
 */
ngx_uint_t ngx_spocr_reply_is_error_page(ngx_http_request_t *r);

/*
 * Turns the header of such a page into that of a JSON error and returns the
 * buffer to send for its body (last_buf is set), or NULL when memory is out.
 * details: what a step said, or NULL.
 */
ngx_buf_t *ngx_spocr_reply_error(ngx_http_request_t *r,
    const ngx_spocr_error_t *error, const ngx_str_t *request_id,
    const ngx_spocr_verdict_t *details);

/*
 * The body filter's part: swallows the page's buffers, and with the last one
 * gives the chain to pass on in *out; NULL: nothing yet.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_reply_error_body(ngx_http_request_t *r, ngx_chain_t *in,
    ngx_buf_t *body, ngx_chain_t **out);

/*
 * A content handler's answer with the buffer as its body, which is not to be
 * cached.  Returns what a content handler returns.
 */
ngx_int_t ngx_spocr_reply_page(ngx_http_request_t *r, ngx_uint_t status,
    const ngx_str_t *type, ngx_buf_t *body);

/*
 * Sends a header without a body, whose status and headers are set, from the
 * access phase, and finalizes the request.  Always NGX_DONE.
 */
ngx_int_t ngx_spocr_reply_empty(ngx_http_request_t *r);


#endif /* _NGX_SPOCR_REPLY_H_INCLUDED_ */
