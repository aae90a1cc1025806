
/*
 * Inside of ngx_spocr_redis: its configuration, and a link, which is one
 * connection to Redis that is kept: it connects, greets, is ready, is lost,
 * and comes back.
 *
 * Layer 1, private to ngx_spocr_redis*.c.
 *
 * A worker has a link for the functions' calls, where there are records another
 * one for theirs, and the one that holds the node's subscription has one for
 * notices.  Invariant: a link is closed only by ngx_spocr_redis_link_fail() and
 * _stop(), which are called from events of its own and never from inside a call
 * that begins something.
 */

#ifndef _NGX_SPOCR_REDIS_LINK_H_INCLUDED_
#define _NGX_SPOCR_REDIS_LINK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include "ngx_spocr_redis.h"
#include "ngx_spocr_redis_codec.h"


#define NGX_SPOCR_REDIS_PORT         6379
#define NGX_SPOCR_REDIS_ADDRS_MAX    16
#define NGX_SPOCR_REDIS_WHY_MAX      320
#define NGX_SPOCR_REDIS_OUT_SIZE     65536   /* >= any usual command */


typedef struct ngx_spocr_redis_link_s    ngx_spocr_redis_link_t;
typedef struct ngx_spocr_redis_calls_s   ngx_spocr_redis_calls_t;
typedef struct ngx_spocr_redis_notice_s  ngx_spocr_redis_notice_t;


typedef struct {
    ngx_sockaddr_t               sockaddr;
    socklen_t                    socklen;
} ngx_spocr_redis_addr_t;


/*
 * The directive; cycle pool.  From "where it is" on it is the worker's own,
 * which changes while it runs.
 */
struct ngx_spocr_redis_s {
    ngx_str_t                    name;          /* for logs: host:port or
                                                 * unix:PATH */
    ngx_str_t                    host;
    in_port_t                    port;
    ngx_uint_t                   db;
    ngx_str_t                    user;
    ngx_str_t                    password;
    ngx_str_t                    prefix;
    ngx_msec_t                   timeout;
    ngx_msec_t                   connect_timeout;

    ngx_str_t                    ca;
    ngx_str_t                    cert;
    ngx_str_t                    key;
    ngx_str_t                    server_name;   /* ends with a null */
#if (NGX_SSL)
    ngx_ssl_t                   *ssl;
#endif

    unsigned                     tls:1;         /* rediss:// */
    unsigned                     resolve:1;     /* host is a name */
    unsigned                     server_is_addr:1;
    ngx_spocr_redis_context_t    context;

    /* where it is, as far as this worker knows */
    ngx_spocr_redis_addr_t       addrs[NGX_SPOCR_REDIS_ADDRS_MAX];
    ngx_uint_t                   naddrs;
    ngx_resolver_ctx_t          *resolving;
    ngx_msec_t                   resolved;      /* when it was last asked */
    const char                  *unresolved;    /* what it said, if no name */
    uint64_t                     nonces;        /* the last one */

    ngx_spocr_redis_calls_t     *calls;         /* NULL: not started */
    ngx_spocr_redis_calls_t     *records;       /* likewise; of records */
    ngx_spocr_redis_notice_t    *notice;
};


typedef enum {
    NGX_SPOCR_REDIS_LINK_OFF = 0,       /* stopped, or not begun */
    NGX_SPOCR_REDIS_LINK_WAIT,          /* away, until the timer */
    NGX_SPOCR_REDIS_LINK_CONNECT,       /* TCP, and TLS */
    NGX_SPOCR_REDIS_LINK_GREET,         /* the handshake */
    NGX_SPOCR_REDIS_LINK_READY
} ngx_spocr_redis_link_state_e;


/* Whom a link belongs to.  Each is called from the link's own events. */
typedef struct {
    unsigned                     library:1;     /* functions will be called;
                                                 * the link counts, and says
                                                 * what is wrong with Redis */

    void                       (*ready)(ngx_spocr_redis_link_t *link);

    /* NGX_OK, or NGX_ERROR: the link is of no use any more; what was sent
     * and why is said by ngx_spocr_redis_link_why() */
    ngx_int_t                  (*message)(ngx_spocr_redis_link_t *link,
                                    const ngx_spocr_redis_message_t *message);

    /* ready or not, it is away now; the next address may be tried at once;
     * the link may be stopped here */
    void                       (*lost)(ngx_spocr_redis_link_t *link);

    /* puts into an empty buffer what is to be sent; may be NULL */
    void                       (*fill)(ngx_spocr_redis_link_t *link);
} ngx_spocr_redis_owner_t;


/* Heap, a worker's. */
struct ngx_spocr_redis_link_s {
    ngx_spocr_redis_t               *redis;
    const ngx_spocr_redis_owner_t   *owner;
    void                            *data;      /* the owner's */

    ngx_spocr_redis_link_state_e     state;
    ngx_uint_t                       step;      /* of the handshake */
    unsigned                         loaded:1;  /* the library, once */
    unsigned                         lasting:1; /* a failure that another try
                                                 * at once would not mend */
    unsigned                         complained:1;

    ngx_peer_connection_t            peer;
    ngx_spocr_redis_addr_t           addr;      /* the peer's */
    ngx_str_t                        peer_name;
    u_char                           peer_text[NGX_SOCKADDR_STRLEN];
    ngx_uint_t                       next;      /* address to try */
    ngx_uint_t                       tried;     /* addresses, since the last
                                                 * pause */
    ngx_msec_t                       since;     /* it is ready */
    ngx_msec_t                       moved;     /* a byte, in or out */

    ngx_spocr_redis_codec_t         *codec;
    size_t                           longest;   /* string of an answer */
    u_char                          *out;       /* NGX_SPOCR_REDIS_OUT_SIZE */
    u_char                          *lent;      /* a long command in its place;
                                                 * heap, or NULL */
    u_char                          *out_pos;
    u_char                          *out_last;

    ngx_event_t                      flush;     /* posted: there is something
                                                 * to send */
    ngx_event_t                      timer;     /* of a state */
    ngx_connection_t                 ident;     /* events' data: no socket */

    u_char                           nonce[16]; /* of the handshake's call */
    ngx_log_t                        log;       /* of the connection: what
                                                 * nginx says goes to why */
    ngx_str_t                        why;       /* it is away */
    u_char                           why_text[NGX_SPOCR_REDIS_WHY_MAX];
};


/* ngx_spocr_redis_link.c */

/* NULL when memory is out.  Starting and stopping may be repeated. */
ngx_spocr_redis_link_t *ngx_spocr_redis_link_create(ngx_spocr_redis_t *redis,
    const ngx_spocr_redis_owner_t *owner, void *data);
void ngx_spocr_redis_link_destroy(ngx_spocr_redis_link_t *link);
void ngx_spocr_redis_link_start(ngx_spocr_redis_link_t *link);
void ngx_spocr_redis_link_stop(ngx_spocr_redis_link_t *link);

/* Whether all addresses were tried in vain since the last pause. */
ngx_uint_t ngx_spocr_redis_link_gave_up(const ngx_spocr_redis_link_t *link);

/* Why the link is about to fail; the first one stays. */
void ngx_spocr_redis_link_why(ngx_spocr_redis_link_t *link, const char *fmt,
    ...);

/* Closes; the owner is told, and another attempt will be made. */
void ngx_spocr_redis_link_fail(ngx_spocr_redis_link_t *link);

/* The connection (and TLS) stands; the handshake is done. */
void ngx_spocr_redis_link_connected(ngx_spocr_redis_link_t *link);
void ngx_spocr_redis_link_ready(ngx_spocr_redis_link_t *link);

/*
 * A command, to be sent at the end of this pass of the event loop: NGX_OK, or
 * NGX_ERROR where there is no room.
 */
ngx_int_t ngx_spocr_redis_link_send(ngx_spocr_redis_link_t *link,
    const ngx_str_t *words, ngx_uint_t n);
void ngx_spocr_redis_link_flush(ngx_spocr_redis_link_t *link);

/* What was to be sent is, or never will be. */
void ngx_spocr_redis_link_empty(ngx_spocr_redis_link_t *link);

/* A command that is longer than the out buffer, which is empty: sent from its
 * own heap memory, and freed. */
void ngx_spocr_redis_link_lend(ngx_spocr_redis_link_t *link, u_char *command,
    size_t len);

/* Room in the out buffer, which the owner's fill() may use. */
#define ngx_spocr_redis_link_room(link)                                       \
    ((link)->lent                                                             \
     ? 0                                                                      \
     : (size_t) ((link)->out + NGX_SPOCR_REDIS_OUT_SIZE - (link)->out_last))


/* ngx_spocr_redis_link.c, for io */
void ngx_spocr_redis_link_established(ngx_spocr_redis_link_t *link);

/* ngx_spocr_redis_io.c: events' handlers */
void ngx_spocr_redis_link_read(ngx_event_t *rev);
void ngx_spocr_redis_link_write(ngx_event_t *wev);
void ngx_spocr_redis_link_flush_handler(ngx_event_t *ev);


/* ngx_spocr_redis_handshake.c: NGX_OK it is done, NGX_AGAIN, NGX_ERROR */
ngx_int_t ngx_spocr_redis_greet(ngx_spocr_redis_link_t *link);
ngx_int_t ngx_spocr_redis_greet_message(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message);

/* What an error says of the next call. */
typedef enum {
    NGX_SPOCR_REDIS_ERROR_OWN = 0,      /* nothing: it is this call's own */
    NGX_SPOCR_REDIS_ERROR_REFUSED,      /* others of its kind will be refused,
                                         * too; the link is good */
    NGX_SPOCR_REDIS_ERROR_USELESS       /* this Redis, or this link, is not the
                                         * one to ask */
} ngx_spocr_redis_error_e;

ngx_spocr_redis_error_e ngx_spocr_redis_error(const ngx_str_t *error);


/* ngx_spocr_redis_address.c */

/* Asks the resolver, where there is one to ask; what it says is used by the
 * next attempt to connect. */
void ngx_spocr_redis_resolve(ngx_spocr_redis_t *redis);
void ngx_spocr_redis_resolve_cancel(ngx_spocr_redis_t *redis);


/* While the configuration is read: a message about the line, NGX_CONF_ERROR. */
#define ngx_spocr_redis_bad(cf, ...)                                          \
    (ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, __VA_ARGS__), NGX_CONF_ERROR)


/* ngx_spocr_redis_url.c: NGX_CONF_OK, or NGX_CONF_ERROR after a line that was
 * logged */
char *ngx_spocr_redis_url(ngx_conf_t *cf, ngx_spocr_redis_t *redis,
    ngx_str_t *url);


/* ngx_spocr_redis_tls.c: both say ngx_spocr_redis_link_connected() or _fail()
 * in the end; NGX_CONF_OK, or NGX_CONF_ERROR after a line that was logged */
char *ngx_spocr_redis_tls_set(ngx_conf_t *cf, ngx_spocr_redis_t *redis);
void ngx_spocr_redis_tls_start(ngx_spocr_redis_link_t *link);
void ngx_spocr_redis_tls_stop(ngx_connection_t *c);


/* ngx_spocr_redis_calls.c: NGX_OK or NGX_ERROR.  which: of redis' own two. */
ngx_int_t ngx_spocr_redis_calls_start(ngx_cycle_t *cycle,
    ngx_spocr_redis_t *redis, ngx_spocr_redis_calls_t **which);
void ngx_spocr_redis_calls_stop(ngx_spocr_redis_calls_t **which);


/* ngx_spocr_redis_notice.c: the subscription; NGX_OK or NGX_ERROR */
ngx_int_t ngx_spocr_redis_notice_start(ngx_cycle_t *cycle,
    ngx_spocr_redis_t *redis);
void ngx_spocr_redis_notice_stop(ngx_spocr_redis_t *redis);


#define ngx_spocr_redis_is(s, text)                                           \
    ((s)->len == sizeof(text) - 1                                             \
     && ngx_strncmp((s)->data, text, sizeof(text) - 1) == 0)


/* ngx_spocr_redis.c */

void ngx_spocr_redis_count(ngx_spocr_redis_t *redis,
    ngx_spocr_redis_total_e total);
void ngx_spocr_redis_state(ngx_spocr_redis_t *redis, ngx_uint_t state);

/*
 * A line in the log: at most one for a topic in ten seconds, over all the
 * node's workers.
 */
typedef enum {
    NGX_SPOCR_REDIS_TOPIC_LINK = 0,
    NGX_SPOCR_REDIS_TOPIC_BACK,
    NGX_SPOCR_REDIS_TOPIC_CALL,
    NGX_SPOCR_REDIS_TOPIC_NOTICE,
    NGX_SPOCR_REDIS_TOPIC_OTHER,    /* a name's further addresses */
    NGX_SPOCR_REDIS_TOPIC_NAME,     /* a name without any */
    NGX_SPOCR_REDIS_TOPIC_COUNT
} ngx_spocr_redis_topic_e;

_Static_assert((int) NGX_SPOCR_REDIS_TOPIC_COUNT == NGX_SPOCR_REDIS_TOPICS,
               "as many as are said to be");

void ngx_spocr_redis_say(ngx_spocr_redis_t *redis, ngx_uint_t level,
    ngx_spocr_redis_topic_e topic, const char *fmt, ...);

/* Text of Redis' for the log: what is not visible becomes '?'. */
void ngx_spocr_redis_visible(u_char *text, size_t len);

/* A nonce: 16 hex digits, no two of a worker's the same. */
void ngx_spocr_redis_nonce(ngx_spocr_redis_t *redis, u_char nonce[16]);


#endif /* _NGX_SPOCR_REDIS_LINK_H_INCLUDED_ */
