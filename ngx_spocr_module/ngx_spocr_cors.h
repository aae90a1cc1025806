
/*
 * Scripts of other origins (C-40), by the Fetch standard's CORS protocol.
 *
 * Layer 2.
 */

#ifndef _NGX_SPOCR_CORS_H_INCLUDED_
#define _NGX_SPOCR_CORS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_spocr_error.h"


/* Part of a location's configuration. */
typedef struct {
    ngx_http_complex_value_t  *origin;     /* NULL: no spocr_cors_origin */
} ngx_spocr_cors_conf_t;


/*
 * The answer to a preflight.  methods is the location's list, as in Allow.
 *
 * NGX_DECLINED  this is no preflight: go on
 * NGX_DONE      allowed: status and headers of a 204 are set, send them
 * a status      the refusal in *verdict
 * NGX_ERROR
 */
ngx_int_t ngx_spocr_cors_preflight(ngx_http_request_t *r,
    const ngx_spocr_cors_conf_t *ccf, ngx_str_t *methods,
    ngx_spocr_verdict_t *verdict);

/* Lets scripts read the answer.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_cors_header(ngx_http_request_t *r,
    const ngx_spocr_cors_conf_t *ccf);


#endif /* _NGX_SPOCR_CORS_H_INCLUDED_ */
