
/*
 * Which methods a location takes: anything else gets 405 with Allow.
 *
 * Layer 2.
 */

#ifndef _NGX_SPOCR_METHODS_H_INCLUDED_
#define _NGX_SPOCR_METHODS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_spocr_error.h"


/* Part of a location's configuration. */
typedef struct {
    ngx_array_t  *names;      /* of ngx_str_t; NULL while unset */
    ngx_str_t     allow;      /* "GET, HEAD, POST" */
} ngx_spocr_methods_conf_t;


/* "spocr_methods METHOD ... | off"; HEAD comes with GET. */
char *ngx_spocr_methods_set(ngx_conf_t *cf, ngx_spocr_methods_conf_t *mcf);
void ngx_spocr_methods_merge(ngx_spocr_methods_conf_t *prev,
    ngx_spocr_methods_conf_t *conf);

/* NGX_OK, or the status of the refusal in *verdict. */
ngx_int_t ngx_spocr_methods_step(ngx_http_request_t *r,
    ngx_spocr_methods_conf_t *mcf, ngx_spocr_verdict_t *verdict);

/* Adds Allow to the answer, as a 405 must.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_methods_header(ngx_http_request_t *r,
    const ngx_str_t *allow);


#endif /* _NGX_SPOCR_METHODS_H_INCLUDED_ */
