
/*
 * How long a request's body may take: an allowance, and what each piece that
 * came adds to it.
 *
 * Layer 2.
 */

#ifndef _NGX_SPOCR_BODY_H_INCLUDED_
#define _NGX_SPOCR_BODY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* Part of a location's configuration. */
typedef struct {
    ngx_msec_t  timeout;      /* 0: off */
    size_t      min_rate;     /* bytes that add a second; 0: none do */
} ngx_spocr_body_conf_t;


/* Part of a request's context. */
typedef struct {
    ngx_msec_t  start;        /* when its reading was begun */
    uint64_t    received;     /* bytes, decoded */
    unsigned    begun:1;
} ngx_spocr_body_ctx_t;


void ngx_spocr_body_init(ngx_spocr_body_conf_t *bcf);

/* "spocr_body_timeout TIME [min_rate=SIZE] | off" */
char *ngx_spocr_body_set(ngx_conf_t *cf, ngx_spocr_body_conf_t *bcf);
void ngx_spocr_body_merge(ngx_spocr_body_conf_t *prev,
    ngx_spocr_body_conf_t *conf);

/*
 * Takes account of a piece that came, or of a look for one.  NGX_OK, or 408
 * where the body is not complete and its time is over.
 */
ngx_int_t ngx_spocr_body_piece(const ngx_spocr_body_conf_t *bcf,
    ngx_spocr_body_ctx_t *ctx, ngx_chain_t *in);

/* Milliseconds since the reading was begun. */
ngx_msec_t ngx_spocr_body_elapsed(const ngx_spocr_body_ctx_t *ctx);


#endif /* _NGX_SPOCR_BODY_H_INCLUDED_ */
