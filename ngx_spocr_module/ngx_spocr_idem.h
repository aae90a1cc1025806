
/*
 * Once: Idempotency-Key, from the claim to the stored answer (C-22 to C-34,
 * C-41).
 *
 * Layer 2.
 *
 * The step claims a request in Redis, or finds that it was claimed before.
 * What the backend answers to a claimed request is kept back until Redis knows
 * what became of it: a record, a tombstone, or a release.
 */

#ifndef _NGX_SPOCR_IDEM_H_INCLUDED_
#define _NGX_SPOCR_IDEM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_spocr_error.h"
#include "ngx_spocr_fingerprint.h"
#include "ngx_spocr_idemkey.h"
#include "ngx_spocr_keys.h"
#include "ngx_spocr_outbox.h"
#include "ngx_spocr_record.h"
#include "ngx_spocr_redis.h"
#include "ngx_spocr_secret.h"


#define NGX_SPOCR_IDEM_TOKEN_LEN    16
#define NGX_SPOCR_IDEM_BODY_LIMIT   (16 * 1024 * 1024)
#define NGX_SPOCR_IDEM_RECORD_MAX   (NGX_SPOCR_IDEM_BODY_LIMIT                \
                                     + NGX_SPOCR_RECORD_HEAD_MAX + 1024)
#define NGX_SPOCR_IDEM_HEADERS_MAX  24     /* names to store */
#define NGX_SPOCR_IDEM_SHARES       64


typedef enum {
    NGX_SPOCR_IDEM_OFF = 0,
    NGX_SPOCR_IDEM_ON,
    NGX_SPOCR_IDEM_REQUIRED
} ngx_spocr_idem_enable_e;

typedef enum {
    NGX_SPOCR_IDEM_SCOPE_UID = 0,
    NGX_SPOCR_IDEM_SCOPE_KEY
} ngx_spocr_idem_scope_e;

typedef enum {
    NGX_SPOCR_IDEM_DENY = 0,
    NGX_SPOCR_IDEM_RETRY,                  /* spocr_idempotency_on_unknown */
    NGX_SPOCR_IDEM_ALLOW                   /* spocr_idempotency_on_error */
} ngx_spocr_idem_policy_e;

/* What $spocr_idempotency_status and the metrics say. */
typedef enum {
    NGX_SPOCR_IDEM_STATUS_NONE = 0,        /* not asked yet */
    NGX_SPOCR_IDEM_STATUS_OFF,
    NGX_SPOCR_IDEM_STATUS_NEW,
    NGX_SPOCR_IDEM_STATUS_REPLAY,
    NGX_SPOCR_IDEM_STATUS_IN_PROGRESS,
    NGX_SPOCR_IDEM_STATUS_REUSED,
    NGX_SPOCR_IDEM_STATUS_OUTCOME_UNKNOWN,
    NGX_SPOCR_IDEM_STATUS_REPLAY_UNAVAILABLE,
    NGX_SPOCR_IDEM_STATUS_UNAVAILABLE,
    NGX_SPOCR_IDEM_STATUS_BYPASSED,
    NGX_SPOCR_IDEM_STATUS_INVALID,
    NGX_SPOCR_IDEM_STATUS_COUNT
} ngx_spocr_idem_status_e;

/* What became of a claim; totals from the number given in the context on. */
typedef enum {
    NGX_SPOCR_IDEM_TOTAL_STORED = 0,
    NGX_SPOCR_IDEM_TOTAL_TOMB,             /* delivered, but not to replay */
    NGX_SPOCR_IDEM_TOTAL_RELEASED,
    NGX_SPOCR_IDEM_TOTAL_UNKNOWN,
    NGX_SPOCR_IDEM_TOTAL_LATE,             /* sent before Redis knew it */
    NGX_SPOCR_IDEM_TOTAL_FENCED,           /* a lease that was lost */
    NGX_SPOCR_IDEM_TOTAL_BAD,              /* records that are none */
    NGX_SPOCR_IDEM_TOTALS
} ngx_spocr_idem_total_e;


/* Part of a location's configuration. */
typedef struct {
    ngx_uint_t                 enable;
    ngx_uint_t                 scope;
    ngx_uint_t                 on_unknown;
    ngx_uint_t                 on_error;
    ngx_msec_t                 ttl;
    ngx_msec_t                 lease;
    ngx_msec_t                 wait;
    size_t                     max_body;
    size_t                     budget;     /* bytes in 24 h; 0: none */
    ngx_array_t               *headers;    /* of ngx_str_t: names to store */
} ngx_spocr_idem_conf_t;


/* Bytes, of all tenants and of those in a slot. */
typedef struct {
    size_t                     used;
    size_t                     shares[NGX_SPOCR_IDEM_SHARES];
} ngx_spocr_idem_memory_t;


/* A worker's: what all its requests share; cycle pool. */
typedef struct {
    ngx_spocr_outbox_t        *outbox;     /* NULL: not started */
    ngx_spocr_idem_memory_t    captured;
    ngx_spocr_idem_memory_t    replayed;
    ngx_uint_t                 waiting;    /* requests */
} ngx_spocr_idem_worker_t;


/* Upstream configurations of a server, which C-31 changes. */
typedef struct {
    ngx_http_core_srv_conf_t  *server;
    ngx_http_upstream_conf_t  *upstream;
} ngx_spocr_idem_upstream_t;


/* Part of the http block's configuration. */
typedef struct {
    size_t                     capture_limit;
    ngx_spocr_secrets_t       *secrets;    /* NULL: records are not sealed */
    ngx_flag_t                 secret_set; /* a file, or off, was said */
    ngx_uint_t                 used;       /* a location has it on */
    ngx_array_t                upstreams;  /* of ngx_spocr_idem_upstream_t */
    ngx_array_t                servers;    /* of ngx_http_core_srv_conf_t * */
    ngx_spocr_idem_worker_t   *worker;
} ngx_spocr_idem_main_conf_t;


/* What a request needs; on the stack of its caller. */
typedef struct {
    const ngx_spocr_idem_conf_t       *conf;
    const ngx_spocr_idem_main_conf_t  *main;
    ngx_spocr_redis_t                 *redis;
    ngx_spocr_zone_t                  *zone;
    ngx_uint_t                         totals;
    const ngx_spocr_key_t             *key;         /* or NULL */
    ngx_str_t                          request_id;
} ngx_spocr_idem_env_t;


/* How far a request has come. */
typedef enum {
    NGX_SPOCR_IDEM_BEGIN = 0,
    NGX_SPOCR_IDEM_READ,                   /* the body is to be read */
    NGX_SPOCR_IDEM_READING,
    NGX_SPOCR_IDEM_CLAIM,                  /* it was: Redis is to be asked */
    NGX_SPOCR_IDEM_ASKED,
    NGX_SPOCR_IDEM_ANSWERED,
    NGX_SPOCR_IDEM_WAITING,                /* for the first one's answer */
    NGX_SPOCR_IDEM_PASSED,                 /* no claim: off, or bypassed */
    NGX_SPOCR_IDEM_REFUSED,                /* or replayed */
    NGX_SPOCR_IDEM_CLAIMED,                /* it runs */
    NGX_SPOCR_IDEM_CAPTURE,                /* its answer is taken in */
    NGX_SPOCR_IDEM_HELD,                   /* until Redis knows what it was */
    NGX_SPOCR_IDEM_SENT                    /* nothing is left to do */
} ngx_spocr_idem_state_e;

/* What an answer means for its claim. */
typedef enum {
    NGX_SPOCR_IDEM_STORE = 0,
    NGX_SPOCR_IDEM_TOMB,
    NGX_SPOCR_IDEM_RELEASE,
    NGX_SPOCR_IDEM_UNKNOWN                 /* nothing is said: the lease ends */
} ngx_spocr_idem_outcome_e;

/* What Redis answered to a claim. */
typedef enum {
    NGX_SPOCR_IDEM_ANSWER_NEW = 0,
    NGX_SPOCR_IDEM_ANSWER_BUSY,
    NGX_SPOCR_IDEM_ANSWER_DONE,
    NGX_SPOCR_IDEM_ANSWER_TOMB,
    NGX_SPOCR_IDEM_ANSWER_MISMATCH,
    NGX_SPOCR_IDEM_ANSWER_BAD,
    NGX_SPOCR_IDEM_ANSWER_FULL,            /* it was executed, and there is no
                                            * memory to replay it */
    NGX_SPOCR_IDEM_ANSWER_AWAY
} ngx_spocr_idem_answer_e;


/*
 * Part of the request's context; zeroed memory is a valid beginning.  The
 * step's environment is copied at the claim: a redirect may lead elsewhere.
 */
typedef struct {
    ngx_spocr_idem_state_e      state;
    ngx_spocr_idem_status_e     status;
    ngx_spocr_idem_env_t        env;
    ngx_http_request_t         *request;
    ngx_spocr_redis_wait_t     *wait;

    ngx_table_elt_t            *header;        /* Idempotency-Key */
    u_char                     *key;           /* request pool */
    size_t                      key_len;
    ngx_spocr_fingerprint_t    *hash;          /* heap; while it is read */
    ngx_spocr_record_owner_t    owner;
    u_char                      token[NGX_SPOCR_IDEM_TOKEN_LEN];
    u_char                     *name;          /* of the record in Redis, */
    size_t                      name_len;
    ngx_str_t                   slot;          /* and its hash tag; pool */

    ngx_spocr_redis_call_t      call;          /* claim, or renew */
    ngx_spocr_idem_answer_e     answer;
    ngx_str_t                   blob;          /* request pool */
    size_t                      replayed;      /* of the worker's memory */
    ngx_uint_t                  attempt;
    ngx_msec_t                  elapsed;       /* since the first's claim */
    u_char                      first[NGX_SPOCR_IDEMKEY_ID_LEN + 8];
    size_t                      first_len;     /* its request id; 0: unknown */
    ngx_msec_t                  asked;         /* when; ms */
    ngx_msec_t                  since;         /* it waits for the first one */
    ngx_msec_t                  pause;         /* the last; 0: none yet */
    ngx_event_t                 timer;         /* pause, or renewal */
    ngx_connection_t            ident;         /* the timer's: no socket */

    ngx_spocr_record_t         *record;        /* to replay; pool */

    ngx_spocr_idem_outcome_e    outcome;
    const char                 *reason;        /* of a tombstone */
    ngx_buf_t                   body;          /* captured; heap */
    size_t                      size;          /* of its memory */
    ngx_chain_t                *pending;       /* behind it; not consumed */
    ngx_chain_t               **pending_last;
    ngx_spocr_outbox_ticket_t   ticket;
    unsigned                    complete:1;    /* last_buf was seen */
    unsigned                    unhold:1;      /* release at the end */
    unsigned                    delays:1;      /* the client's writing */
    unsigned                    waits:1;       /* one of the waiting */
    unsigned                    bodiless:1;    /* its header said so: 204 */
} ngx_spocr_idem_ctx_t;


/* What the page lends: how a header that was kept back goes on, and the next
 * body filter. */
typedef struct {
    ngx_int_t                 (*send_header)(ngx_http_request_t *r);
    ngx_int_t                 (*next_body)(ngx_http_request_t *r,
                                           ngx_chain_t *in);
} ngx_spocr_idem_io_t;


extern ngx_conf_enum_t  ngx_spocr_idem_enable_names[];
extern ngx_conf_enum_t  ngx_spocr_idem_scope_names[];
extern ngx_conf_enum_t  ngx_spocr_idem_on_unknown_names[];
extern ngx_conf_enum_t  ngx_spocr_idem_on_error_names[];


/* ngx_spocr_idem_conf.c */

ngx_int_t ngx_spocr_idem_main_init(ngx_conf_t *cf,
    ngx_spocr_idem_main_conf_t *imcf);
void ngx_spocr_idem_conf_init(ngx_spocr_idem_conf_t *icf);

/* "spocr_secret_file PATH | off", "spocr_upstream_secret_file PATH | off":
 * *secrets is NULL for off. */
char *ngx_spocr_idem_secret_file(ngx_conf_t *cf,
    ngx_spocr_secrets_t **secrets);

/* "spocr_idempotency_store_header NAME ..." */
char *ngx_spocr_idem_store_header(ngx_conf_t *cf, ngx_spocr_idem_conf_t *icf);

/*
 * Inherits, and checks what stands alone: NGX_CONF_OK, or NGX_CONF_ERROR after
 * a line in the log.
 */
char *ngx_spocr_idem_merge(ngx_conf_t *cf, ngx_spocr_idem_conf_t *prev,
    ngx_spocr_idem_conf_t *conf);

/*
 * For a gated location: remembers its upstreams, and where it has idempotency
 * looks for what would make it unsafe.  file and line: of "spocr on".
 */
char *ngx_spocr_idem_check(ngx_conf_t *cf, ngx_spocr_idem_main_conf_t *imcf,
    const ngx_spocr_idem_conf_t *icf, ngx_uint_t redis, ngx_uint_t auth,
    const ngx_str_t *file, ngx_uint_t line);

/* For any location: its upstreams, in case its server has idempotency. */
ngx_int_t ngx_spocr_idem_remember(ngx_conf_t *cf,
    ngx_spocr_idem_main_conf_t *imcf);

/* After all of it was read: C-31. */
void ngx_spocr_idem_finish(ngx_conf_t *cf, ngx_spocr_idem_main_conf_t *imcf);


/* ngx_spocr_idem.c */

/*
 * NGX_OK: it may go on, claimed or without; NGX_AGAIN: it waits, for wake();
 * NGX_BUSY: the request's body is to be read first, and the step is called
 * again after that; NGX_DONE: ctx->record is to be replayed; or the status of
 * the refusal in *verdict.
 */
ngx_int_t ngx_spocr_idem_step(ngx_http_request_t *r,
    const ngx_spocr_idem_env_t *env, ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_redis_wait_t *wait, ngx_spocr_verdict_t *verdict);

/* The request goes, or is refused while it waits. */
void ngx_spocr_idem_release(ngx_spocr_idem_ctx_t *ctx);

const ngx_str_t *ngx_spocr_idem_status(ngx_spocr_idem_status_e status);
const ngx_str_t *ngx_spocr_idem_total(ngx_uint_t total);


/* ngx_spocr_idem_memory.c: NGX_OK, or NGX_DECLINED where a tenant gets no more;
 * what was taken is given back */

ngx_int_t ngx_spocr_idem_take(ngx_spocr_idem_memory_t *memory, size_t limit,
    const ngx_spocr_tenant_t *tenant, size_t size);
void ngx_spocr_idem_give(ngx_spocr_idem_memory_t *memory,
    const ngx_spocr_tenant_t *tenant, size_t size);


/* ngx_spocr_idem_request.c */

/* The Idempotency-Key, and how many there are: for idem files only. */
ngx_table_elt_t *ngx_spocr_idem_find(ngx_http_request_t *r, ngx_uint_t *n);

/* Begins ctx->hash with what is known before the body, likewise. */
ngx_int_t ngx_spocr_idem_hash(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx);

/* The request body filter's part; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_idem_body(ngx_spocr_idem_ctx_t *ctx, ngx_chain_t *in);

/* Headers for the backend of a claimed request: NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_idem_forward(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx);


/* ngx_spocr_idem_claim.c: the question to Redis, for idem files only */

ngx_int_t ngx_spocr_idem_name(ngx_spocr_idem_ctx_t *ctx);

/* NGX_AGAIN, or NGX_DECLINED where nobody can be asked. */
ngx_int_t ngx_spocr_idem_ask(ngx_spocr_idem_ctx_t *ctx);

/* Keeps the claim alive while the backend works. */
void ngx_spocr_idem_renew(ngx_spocr_idem_ctx_t *ctx);

/* Ends a timer, a call. */
void ngx_spocr_idem_quiet(ngx_spocr_idem_ctx_t *ctx);


/* ngx_spocr_idem_end.c: how a claim ends, for idem files only */

void ngx_spocr_idem_count(const ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_idem_total_e total);

/* A claim that may or may not have been made must not stay. */
void ngx_spocr_idem_unclaim(ngx_spocr_idem_ctx_t *ctx);

/*
 * Tells Redis what became of it.  NGX_AGAIN: ctx->ticket's handler will be
 * called; NGX_OK: it will not.  handler NULL: nobody waits.
 */
ngx_int_t ngx_spocr_idem_tell(ngx_spocr_idem_ctx_t *ctx,
    ngx_spocr_idem_outcome_e outcome,
    void (*handler)(ngx_spocr_outbox_ticket_t *ticket));

/* What an answer whose header passes the filters, or the end of a request
 * that has none, says of its claim. */
ngx_spocr_idem_outcome_e ngx_spocr_idem_outcome(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx, ngx_uint_t broken);
ngx_uint_t ngx_spocr_idem_nothing_sent(ngx_http_request_t *r);


/* ngx_spocr_idem_capture.c */

void ngx_spocr_idem_filters(const ngx_spocr_idem_io_t *io);

/*
 * The header filter's part: NGX_OK: it goes on; NGX_AGAIN: it is kept back,
 * and sent by io->send_header() later.  broken: the answer is no HTTP.
 */
ngx_int_t ngx_spocr_idem_header(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx, ngx_uint_t broken);

/*
 * The body filter's: NGX_DECLINED: it is not this part's matter; NGX_ABORT:
 * the answer ended before its end, and 502 is to be sent in its place; else
 * what a body filter returns.
 */
ngx_int_t ngx_spocr_idem_answer_body(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx, ngx_chain_t *in);

void ngx_spocr_idem_capture_free(ngx_spocr_idem_ctx_t *ctx);


/* ngx_spocr_idem_replay.c */

/* Reads what Redis gave: NGX_OK, NGX_DECLINED where it is no record of this
 * request, NGX_ERROR. */
ngx_int_t ngx_spocr_idem_open(ngx_spocr_idem_ctx_t *ctx, const char **reason);

/* Sends ctx->record from the access phase.  Always NGX_DONE. */
ngx_int_t ngx_spocr_idem_replay(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx);

/* Adds X-Idempotent-Replay and its like: NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_idem_answer_headers(ngx_http_request_t *r,
    ngx_spocr_idem_ctx_t *ctx);


#endif /* _NGX_SPOCR_IDEM_H_INCLUDED_ */
