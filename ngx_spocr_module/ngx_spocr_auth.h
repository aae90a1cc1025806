
/*
 * Who asks: bearer key, its state, its scope (401, 403, 503).
 *
 * Layer 2.
 */

#ifndef _NGX_SPOCR_AUTH_H_INCLUDED_
#define _NGX_SPOCR_AUTH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_spocr_error.h"
#include "ngx_spocr_keys.h"
#include "ngx_spocr_lookup.h"


typedef enum {
    NGX_SPOCR_AUTH_NONE = 0,           /* not asked yet */
    NGX_SPOCR_AUTH_OFF,
    NGX_SPOCR_AUTH_OK,
    NGX_SPOCR_AUTH_MISSING,
    NGX_SPOCR_AUTH_MALFORMED,
    NGX_SPOCR_AUTH_UNKNOWN,
    NGX_SPOCR_AUTH_REVOKED,
    NGX_SPOCR_AUTH_EXPIRED,
    NGX_SPOCR_AUTH_DISABLED,
    NGX_SPOCR_AUTH_SCOPE,
    NGX_SPOCR_AUTH_UNAVAILABLE,        /* it cannot be known now */
    NGX_SPOCR_AUTH_COUNT
} ngx_spocr_auth_e;


/*
 * Part of the http block's configuration; cycle pool.  With keys in Redis the
 * table holds no key, only the names of scopes and limits that are used.
 */
typedef struct {
    ngx_str_t                 file;      /* of spocr_keys */
    ngx_spocr_keys_t         *keys;      /* NULL: no spocr_keys */
    ngx_spocr_digest_t       *digest;
    ngx_flag_t                redis;     /* keys are there */
    ngx_spocr_lookup_conf_t   conf;
    ngx_spocr_lookup_t       *lookup;    /* this worker's; NULL: none */
} ngx_spocr_auth_main_conf_t;


/* Part of a location's configuration. */
typedef struct {
    ngx_flag_t                enable;
    ngx_str_t                 scope;     /* "": none is required */
    ngx_int_t                 scope_index;
} ngx_spocr_auth_conf_t;


/* Part of the request's context; zeroed memory is a valid beginning. */
typedef struct {
    const ngx_spocr_key_t    *key;       /* of status OK and SCOPE, and of
                                          * keys that are no longer valid */
    ngx_spocr_auth_e          status;
    ngx_spocr_asker_t        *asker;     /* has the key, where it came from
                                          * Redis; request pool */
} ngx_spocr_auth_ctx_t;


/*
 * "spocr_keys file=PATH": reads the file now, so that nginx -t and a reload
 * refuse a bad one; "spocr_keys redis [parameter...]".  NGX_CONF_OK, a
 * message, or NGX_CONF_ERROR after one that was logged.
 */
char *ngx_spocr_auth_keys(ngx_conf_t *cf, ngx_spocr_auth_main_conf_t *amcf);

/*
 * Places scope names in the table; after the whole configuration is read.
 * NGX_CONF_OK, or NGX_CONF_ERROR when they are too many.
 */
char *ngx_spocr_auth_conf_finish(ngx_conf_t *cf, ngx_spocr_auth_conf_t *acf,
    const ngx_spocr_auth_main_conf_t *amcf);

/*
 * In a worker's init_process, and in exit_process before the link to Redis is
 * stopped; nothing where keys are in a file.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_auth_start(ngx_cycle_t *cycle,
    ngx_spocr_auth_main_conf_t *amcf,
    const ngx_spocr_lookup_context_t *context);
void ngx_spocr_auth_stop(ngx_spocr_auth_main_conf_t *amcf);

/*
 * NGX_OK, or the status of the refusal in *verdict (C-5 to C-8); or NGX_AGAIN:
 * it waits for Redis, and is to be called again when wait->wake() was called,
 * or earlier.  wait lives as long as ctx.
 */
ngx_int_t ngx_spocr_auth_step(ngx_http_request_t *r,
    const ngx_spocr_auth_conf_t *acf, const ngx_spocr_auth_main_conf_t *amcf,
    ngx_spocr_auth_ctx_t *ctx, ngx_spocr_redis_wait_t *wait,
    ngx_spocr_verdict_t *verdict);

/* The request is over: its key is no longer there.  Once or more often. */
void ngx_spocr_auth_release(ngx_spocr_auth_ctx_t *ctx);

/* Whether a key may be used where that is the configuration. */
ngx_uint_t ngx_spocr_auth_in_scope(const ngx_spocr_auth_conf_t *acf,
    const ngx_spocr_key_t *key);

/* The name of a status, as $spocr_auth_status and the metrics show it. */
const ngx_str_t *ngx_spocr_auth_status(ngx_spocr_auth_e status);


#endif /* _NGX_SPOCR_AUTH_H_INCLUDED_ */
