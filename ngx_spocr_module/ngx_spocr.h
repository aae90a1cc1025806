
/*
 * The page: the request's context and the module's configuration, composed of
 * the parts' own structs.  Layer 3: no part includes this.
 */

#ifndef _NGX_SPOCR_H_INCLUDED_
#define _NGX_SPOCR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_spocr_auth.h"
#include "ngx_spocr_body.h"
#include "ngx_spocr_cors.h"
#include "ngx_spocr_error.h"
#include "ngx_spocr_forward.h"
#include "ngx_spocr_idem.h"
#include "ngx_spocr_limit.h"
#include "ngx_spocr_lookup.h"
#include "ngx_spocr_methods.h"
#include "ngx_spocr_metrics.h"
#include "ngx_spocr_redis.h"
#include "ngx_spocr_reqid.h"
#include "ngx_spocr_zone.h"


/* What a worker keeps for itself; cycle pool, changed while it runs. */
typedef struct {
    ngx_spocr_reqid_source_t      ids;
    ngx_uint_t                    sample;      /* requests since the last
                                                * that was timed */
    time_t                        logged[NGX_SPOCR_ERR_COUNT];
    ngx_uint_t                    silent[NGX_SPOCR_ERR_COUNT];
} ngx_spocr_worker_t;


/* The http block's configuration; cycle pool, read-only once it is read. */
typedef struct {
    ngx_spocr_zone_t             *zone;        /* NULL: no spocr_zone */
    ngx_spocr_redis_t            *redis;       /* NULL: no spocr_redis */
    ngx_uint_t                    redis_needed;    /* a location denies what
                                                * Redis cannot count, */
    ngx_uint_t                    records_needed;  /* or cannot claim */
    ngx_str_t                     redis_file;  /* where spocr_redis stands, */
    ngx_uint_t                    redis_line;
    ngx_str_t                     keys_file;   /* and spocr_keys */
    ngx_uint_t                    keys_line;
    ngx_spocr_auth_main_conf_t    auth;
    ngx_spocr_limit_main_conf_t   limit;
    ngx_spocr_idem_main_conf_t    idem;
    ngx_spocr_secrets_t          *upstream;    /* that sign; NULL: none */
    ngx_flag_t                    upstream_set;
    ngx_array_t                   logs;        /* of ngx_log_t *: error logs
                                                * of gated locations */
    ngx_spocr_worker_t           *worker;
} ngx_spocr_main_conf_t;


/* A location's configuration; cycle pool, read-only once it is read. */
typedef struct {
    ngx_flag_t                    enable;
    ngx_flag_t                    request_id;  /* what is valid here, and */
    ngx_flag_t                    json_errors;
    ngx_flag_t                    request_id_set;       /* what was said */
    ngx_flag_t                    json_errors_set;
    ngx_uint_t                    log_level;
    ngx_spocr_auth_conf_t         auth;
    ngx_spocr_limit_conf_t        limit;
    ngx_spocr_idem_conf_t         idem;
    ngx_spocr_methods_conf_t      methods;
    ngx_spocr_cors_conf_t         cors;
    ngx_spocr_body_conf_t         body;
    ngx_str_t                     file;        /* where "spocr on" stands */
    ngx_uint_t                    line;
    ngx_http_handler_pt           page;        /* spocr_status, spocr_health */
    ngx_str_t                     page_file;
    ngx_uint_t                    page_line;
    ngx_flag_t                    ready;       /* "spocr_health ready" */
} ngx_spocr_loc_conf_t;


/*
 * The request's context, in a cleanup of the main request's pool, so that it
 * is found again when an internal redirect has cleared the contexts.
 */
typedef struct {
    ngx_spocr_reqid_ctx_t         reqid;
    ngx_spocr_forward_ctx_t       forward;
    ngx_spocr_auth_ctx_t          auth;
    ngx_spocr_limit_ctx_t         limit;
    ngx_spocr_body_ctx_t          incoming;    /* the request's body */
    ngx_spocr_idem_ctx_t         *idem;        /* request pool; NULL: its
                                                * location has none */
    ngx_spocr_redis_wait_t        wait;
    ngx_spocr_verdict_t           verdict;     /* why a step refused */
    const ngx_spocr_error_t      *error;       /* what was answered */
    ngx_buf_t                    *body;        /* of a JSON error, not sent */
    ngx_uint_t                    step;        /* the one that goes on */
    const ngx_str_t              *allow;       /* methods of the location that
                                                * was asked */
    const char                   *step_name;   /* that refused, for the log */
    ngx_uint_t                    uri_changes; /* left when broken was set */
    void                        (*finalize)(ngx_http_request_t *r,
                                      ngx_int_t rc);  /* the upstream's own */
    unsigned                      covered:1;   /* an id was promised, also
                                                * if a redirect leads away */
    unsigned                      gated:1;     /* the steps were begun */
    unsigned                      passed:1;    /* and all were passed */
    unsigned                      stopped:1;   /* or one's refusal stands */
    unsigned                      preflight:1;
    unsigned                      parked:1;    /* a step waits for Redis */
    unsigned                      waited:1;    /* or has */
    unsigned                      unclaimed:1; /* it ran where idempotency is
                                                * off */
    unsigned                      broken:1;    /* the backend's answer is no
                                                * HTTP: 502 in its place */
} ngx_spocr_ctx_t;


/* Whether a location has any of the three switches on (C-39). */
#define ngx_spocr_covers(slcf)                                                \
    ((slcf)->enable || (slcf)->request_id || (slcf)->json_errors)


extern ngx_module_t  ngx_spocr_module;


/*
 * The main request's context; made where it does not exist.  NULL when memory
 * is out, or with create 0 where there is none.
 */
ngx_spocr_ctx_t *ngx_spocr_ctx(ngx_http_request_t *r, ngx_uint_t create);

/* The request's id, made where it does not exist. */
ngx_str_t ngx_spocr_request_id(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx);

/* ngx_spocr_conf.c: what nginx's module contexts name */
void *ngx_spocr_create_main_conf(ngx_conf_t *cf);
void *ngx_spocr_create_loc_conf(ngx_conf_t *cf);
char *ngx_spocr_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
ngx_int_t ngx_spocr_init_module(ngx_cycle_t *cycle);

/* ngx_spocr_pipeline.c and ngx_spocr_filters.c register what they have. */
ngx_int_t ngx_spocr_pipeline_init(ngx_conf_t *cf);
void ngx_spocr_filters_init(void);

/* The verdict stands: no "satisfy any" can overrule it now.  Once is enough. */
void ngx_spocr_stopped(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx);

/*
 * ngx_spocr_steps.c: the steps in their order; the last one has no name.  A
 * step returns NGX_OK (the next one), NGX_AGAIN (parked: the same step is
 * called again), NGX_BUSY (likewise, when the request's body was read),
 * NGX_DONE (the answer that it has prepared), or the status of a refusal.
 */
typedef struct {
    const char   *name;
    ngx_int_t   (*run)(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
                       ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx);
} ngx_spocr_step_t;

extern const ngx_spocr_step_t  ngx_spocr_steps[];

/* ngx_spocr_variables.c */
ngx_int_t ngx_spocr_variables_add(ngx_conf_t *cf);

/*
 * ngx_spocr_wait.c: a request that a step has parked goes on where Redis'
 * answer, or the end of its patience, wakes it.
 */
ngx_int_t ngx_spocr_park(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx);
void ngx_spocr_wake(void *data);

/* A request whose step needs the body: the access phase's answer.  The steps
 * go on when it has come. */
ngx_int_t ngx_spocr_read_body(ngx_http_request_t *r, ngx_spocr_ctx_t *ctx);

/* ngx_spocr_process.c: a worker's beginning and end */
ngx_int_t ngx_spocr_init_process(ngx_cycle_t *cycle);
void ngx_spocr_exit_process(ngx_cycle_t *cycle);
ngx_int_t ngx_spocr_process_conf(ngx_conf_t *cf, ngx_spocr_main_conf_t *smcf);

/* ngx_spocr_status.c: content handlers, and the families of totals */
ngx_int_t ngx_spocr_status_json_handler(ngx_http_request_t *r);
ngx_int_t ngx_spocr_status_prometheus_handler(ngx_http_request_t *r);
ngx_int_t ngx_spocr_health_handler(ngx_http_request_t *r);
void ngx_spocr_status_count(ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx);

/* A body that came too slowly was cut. */
void ngx_spocr_status_slow(ngx_spocr_main_conf_t *smcf);

/* Where the totals of the store begin among the zone's. */
ngx_uint_t ngx_spocr_status_redis_totals(void);
ngx_uint_t ngx_spocr_status_lookup_totals(void);
ngx_uint_t ngx_spocr_status_idem_totals(void);
ngx_uint_t ngx_spocr_status_outbox_totals(void);

/*
 * ngx_spocr_log.c: lines of the error log that tell of a refusal.  None holds
 * key text, nor the request line, which may.
 */
void ngx_spocr_log_refusal(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx);
void ngx_spocr_log_slow(ngx_http_request_t *r, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx);
void ngx_spocr_log_subrequest(ngx_http_request_t *r,
    ngx_spocr_loc_conf_t *slcf);


#endif /* _NGX_SPOCR_H_INCLUDED_ */
