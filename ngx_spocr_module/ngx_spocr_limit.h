
/*
 * How much: fixed-window limits per key and per uid (429), and the headers
 * that tell what is left.
 *
 * Layer 2.
 */

#ifndef _NGX_SPOCR_LIMIT_H_INCLUDED_
#define _NGX_SPOCR_LIMIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_spocr_error.h"
#include "ngx_spocr_keys.h"
#include "ngx_spocr_redis.h"
#include "ngx_spocr_zone.h"


#define NGX_SPOCR_LIMIT_KEY_DEFAULT     60
#define NGX_SPOCR_LIMIT_UID_DEFAULT     600
#define NGX_SPOCR_LIMIT_WINDOW_DEFAULT  60000      /* ms */
#define NGX_SPOCR_LIMIT_NODES_MAX       1000000


typedef enum {
    NGX_SPOCR_LIMIT_HEADERS_OFF = 0,
    NGX_SPOCR_LIMIT_HEADERS_IETF,
    NGX_SPOCR_LIMIT_HEADERS_LEGACY
} ngx_spocr_limit_headers_e;

typedef enum {
    NGX_SPOCR_LIMIT_ON_ERROR_LOCAL = 0,
    NGX_SPOCR_LIMIT_ON_ERROR_DENY,
    NGX_SPOCR_LIMIT_ON_ERROR_ALLOW
} ngx_spocr_limit_on_error_e;

typedef enum {
    NGX_SPOCR_LIMIT_STORE_ZONE = 0,
    NGX_SPOCR_LIMIT_STORE_REDIS
} ngx_spocr_limit_store_e;

typedef enum {
    NGX_SPOCR_LIMIT_STATUS_NONE = 0,              /* not asked yet */
    NGX_SPOCR_LIMIT_STATUS_OFF,
    NGX_SPOCR_LIMIT_STATUS_PASSED,
    NGX_SPOCR_LIMIT_STATUS_REJECTED_KEY,
    NGX_SPOCR_LIMIT_STATUS_REJECTED_UID,
    NGX_SPOCR_LIMIT_STATUS_REJECTED_KEY_DRY_RUN,
    NGX_SPOCR_LIMIT_STATUS_REJECTED_UID_DRY_RUN,
    NGX_SPOCR_LIMIT_STATUS_BYPASSED,              /* on_error allow */
    NGX_SPOCR_LIMIT_STATUS_UNAVAILABLE,           /* answered with 503 */
    NGX_SPOCR_LIMIT_STATUS_COUNT
} ngx_spocr_limit_status_e;


/* Where a decision was made; NONE where nothing had to be counted. */
typedef enum {
    NGX_SPOCR_LIMIT_SOURCE_NONE = 0,
    NGX_SPOCR_LIMIT_SOURCE_ZONE,
    NGX_SPOCR_LIMIT_SOURCE_REDIS,
    NGX_SPOCR_LIMIT_SOURCE_DENY_CACHE,   /* Redis said it before (C-18) */
    NGX_SPOCR_LIMIT_SOURCE_FALLBACK,     /* the zone, Redis being away */
    NGX_SPOCR_LIMIT_SOURCE_COUNT
} ngx_spocr_limit_source_e;


/* "spocr_limit": one limit, or off; cycle pool. */
typedef struct {
    ngx_str_t                 name;
    ngx_spocr_limits_t        limits;      /* of the directive */
    ngx_msec_t                window;
    ngx_int_t                 index;       /* of the name among the records' */
    uint64_t                  salt[2];     /* of name and window */
    ngx_str_t                 part;        /* ":l:<name>:<window>:", of the
                                            * names of counters in Redis */
    ngx_flag_t                enable;
    ngx_str_t                 file;        /* where the directive stands */
    ngx_uint_t                line;
} ngx_spocr_limit_spec_t;

/* Part of a location's configuration. */
typedef struct {
    ngx_spocr_limit_spec_t   *spec;        /* NULL while it is unset */
    ngx_uint_t                store;
    ngx_uint_t                on_error;
    ngx_uint_t                nodes;       /* that share a limit meanwhile */
    ngx_uint_t                headers;
    ngx_flag_t                dry_run;
} ngx_spocr_limit_conf_t;

/* Part of the http block's: the limits that were named, for one window each. */
typedef struct {
    ngx_array_t               specs;       /* of ngx_spocr_limit_spec_t * */
} ngx_spocr_limit_main_conf_t;


/* Where it is counted. */
typedef struct {
    ngx_spocr_zone_t         *zone;
    ngx_spocr_redis_t        *redis;       /* NULL: no spocr_redis */
} ngx_spocr_limit_store_t;


/* How far a question to Redis has come. */
typedef enum {
    NGX_SPOCR_LIMIT_IDLE = 0,
    NGX_SPOCR_LIMIT_ASKED,
    NGX_SPOCR_LIMIT_ANSWERED,
    NGX_SPOCR_LIMIT_UNANSWERED             /* or not with what is expected */
} ngx_spocr_limit_state_e;


/* Part of the request's context; zeroed memory is a valid beginning. */
typedef struct {
    ngx_spocr_limit_status_e  status;
    ngx_spocr_limit_source_e  source;
    uint32_t                  limits[NGX_SPOCR_LEVELS];
    uint32_t                  counts[NGX_SPOCR_LEVELS];
    ngx_msec_t                window;
    ngx_int_t                 retry_after;     /* seconds to the window's end */
    unsigned                  counted:1;       /* limits and counts are set */

    ngx_spocr_limit_state_e   state;
    ngx_uint_t                refused;         /* levels, as Redis answered */
    uint64_t                  begun;           /* zone's time of the question */
    ngx_msec_t                parked;          /* since when the request is */
    ngx_spocr_zone_t         *zone;            /* for the answer's handler */
    ngx_spocr_redis_wait_t   *wait;
    ngx_spocr_redis_call_t    call;
    ngx_spocr_zone_known_t    known[NGX_SPOCR_LEVELS];
} ngx_spocr_limit_ctx_t;


extern ngx_conf_enum_t  ngx_spocr_limit_headers_names[];
extern ngx_conf_enum_t  ngx_spocr_limit_store_names[];


/* "spocr_limit [name=] [key=] [uid=] [window=] | off" */
char *ngx_spocr_limit_set(ngx_conf_t *cf, ngx_spocr_limit_main_conf_t *lmcf,
    ngx_spocr_limit_conf_t *lcf);

/* "spocr_limit_on_error local [nodes=N] | deny | allow" */
char *ngx_spocr_limit_set_on_error(ngx_conf_t *cf,
    ngx_spocr_limit_conf_t *lcf);

/*
 * Fills in the default limit and inherits; store: where nothing is said.
 * NULL when memory is out.
 */
char *ngx_spocr_limit_merge(ngx_conf_t *cf, ngx_spocr_limit_main_conf_t *lmcf,
    ngx_uint_t store, ngx_spocr_limit_conf_t *prev,
    ngx_spocr_limit_conf_t *conf);

/*
 * Places limit names among those of the key table, which may be NULL.  NGX_OK,
 * or NGX_ERROR when there are too many.
 */
ngx_int_t ngx_spocr_limit_conf_finish(ngx_spocr_limit_main_conf_t *lmcf,
    ngx_spocr_keys_t *keys);

/*
 * NGX_OK; NGX_AGAIN while Redis is asked, until wait's wake is called; or the
 * status of the refusal in *verdict: 429, or 503 when nothing can count.  A
 * request is counted once, however often it is redirected.  key and wait last
 * as long as ctx.
 */
ngx_int_t ngx_spocr_limit_step(const ngx_spocr_limit_conf_t *lcf,
    const ngx_spocr_limit_store_t *store, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_redis_wait_t *wait,
    ngx_spocr_verdict_t *verdict);

/* The request goes: an answer is not waited for any more. */
void ngx_spocr_limit_release(ngx_spocr_limit_ctx_t *ctx);

/*
 * What is left for a client: of the level with the smaller remainder, the
 * key's on a tie.  Returns the level, or NGX_DECLINED when none is limited.
 */
ngx_int_t ngx_spocr_limit_remaining(const ngx_spocr_limit_ctx_t *ctx,
    uint32_t *remaining);

/* Adds the answer's limit headers (C-21).  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_limit_header(ngx_http_request_t *r, ngx_uint_t headers,
    const ngx_spocr_limit_ctx_t *ctx);

/* The names of a status and of a source, as variables and metrics have them. */
const ngx_str_t *ngx_spocr_limit_status(ngx_spocr_limit_status_e status);
const ngx_str_t *ngx_spocr_limit_source(ngx_spocr_limit_source_e source);

/*
 * The parts of the step, for limit files only.  ask: NGX_AGAIN; NGX_BUSY where
 * the refusal is known already (ctx->refused, ctx->retry_after are set); or
 * NGX_DECLINED where nobody can be asked.
 */
ngx_int_t ngx_spocr_limit_ask(const ngx_spocr_limit_store_t *store,
    const ngx_spocr_limit_spec_t *spec, const ngx_spocr_key_t *key,
    ngx_spocr_limit_ctx_t *ctx, ngx_spocr_redis_wait_t *wait);

/* The name of a counter in the zone: of whom, of which limit, and why. */
typedef enum {
    NGX_SPOCR_LIMIT_COUNTED = 0,           /* in the zone */
    NGX_SPOCR_LIMIT_TOLD                   /* in Redis, and told by it */
} ngx_spocr_limit_use_e;

void ngx_spocr_limit_id(u_char *id, const ngx_spocr_limit_spec_t *spec,
    const ngx_spocr_key_t *key, ngx_uint_t level, ngx_spocr_limit_use_e use);


#endif /* _NGX_SPOCR_LIMIT_H_INCLUDED_ */
