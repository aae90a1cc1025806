
/*
 * Makes request ids and puts them on answers; called by the header filter,
 * by variables and by the request's own steps, whoever is first.  Invariant:
 * one request has one id, and an answer carries it exactly once.
 */


#include "ngx_spocr_reqid.h"
#include "ngx_spocr_headers.h"

#include <openssl/err.h>
#include <openssl/rand.h>


static const u_char *ngx_spocr_reqid_random(ngx_spocr_reqid_source_t *source);


static const ngx_spocr_header_name_t  ngx_spocr_reqid_name = {
    ngx_string("X-Request-Id"), ngx_string("x-request-id"), 1
};


ngx_str_t
ngx_spocr_reqid_get(ngx_spocr_reqid_source_t *source,
    ngx_spocr_reqid_ctx_t *ctx)
{
    ngx_str_t    id;
    ngx_time_t  *tp;

    if (!ctx->made) {
        tp = ngx_timeofday();

        ngx_spocr_id_make(ctx->id, (uint64_t) tp->sec * 1000 + tp->msec,
                          ngx_spocr_reqid_random(source));
        ctx->made = 1;
    }

    id.data = ctx->id;
    id.len = NGX_SPOCR_ID_LEN;

    return id;
}


ngx_int_t
ngx_spocr_reqid_header(ngx_http_request_t *r, ngx_str_t *id)
{
    return ngx_spocr_header_replace(&r->headers_out.headers,
                                    &ngx_spocr_reqid_name, id);
}


/*
 * The bytes for one id.  The pid tells a worker from the master whose memory
 * it began with: no two processes may use the same bytes.
 */

static const u_char *
ngx_spocr_reqid_random(ngx_spocr_reqid_source_t *source)
{
    size_t   i;
    u_char  *p;

    if (source->left == 0 || source->pid != ngx_pid) {

        if (RAND_bytes(source->bytes, sizeof(source->bytes)) != 1) {

            /* an id must not fail a request; nginx's generator is seeded */

            ERR_clear_error();

            for (i = 0; i < sizeof(source->bytes); i++) {
                source->bytes[i] = (u_char) ngx_random();
            }
        }

        source->left = sizeof(source->bytes);
        source->pid = ngx_pid;
    }

    source->left -= NGX_SPOCR_ID_RANDOM_LEN;
    p = source->bytes + source->left;

    return p;
}
