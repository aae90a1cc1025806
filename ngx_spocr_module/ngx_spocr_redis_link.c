
/*
 * A link: one connection to Redis, its attempts, its bytes in and out.  The
 * calls and the subscription each own one; they are told when it is ready,
 * what comes, and when it is lost.
 *
 * Invariant: in READY, GREET and CONNECT there is a connection, in WAIT there
 * is a timer that makes the next attempt.  The timer is cancelable: a worker
 * that has nothing else to wait for goes.
 */


#include "ngx_spocr_redis_link.h"


#define NGX_SPOCR_REDIS_AT_ONCE      1       /* ms */
#define NGX_SPOCR_REDIS_PAUSE        200     /* and up to */
#define NGX_SPOCR_REDIS_PAUSE_MORE   100
#define NGX_SPOCR_REDIS_STABLE       1000    /* a link that was ready so long
                                              * is worth another try at once */


static void ngx_spocr_redis_link_connect(ngx_spocr_redis_link_t *link);
static void ngx_spocr_redis_link_close(ngx_spocr_redis_link_t *link);
static ngx_msec_t ngx_spocr_redis_link_pause(ngx_spocr_redis_link_t *link);
static void ngx_spocr_redis_link_timer(ngx_event_t *ev);
static void ngx_spocr_redis_link_writer(ngx_log_t *log, ngx_uint_t level,
    u_char *buf, size_t len);


ngx_spocr_redis_link_t *
ngx_spocr_redis_link_create(ngx_spocr_redis_t *redis,
    const ngx_spocr_redis_owner_t *owner, void *data)
{
    ngx_spocr_redis_link_t  *link;

    link = ngx_calloc(sizeof(ngx_spocr_redis_link_t), ngx_cycle->log);
    if (link == NULL) {
        return NULL;
    }

    link->out = ngx_alloc(NGX_SPOCR_REDIS_OUT_SIZE, ngx_cycle->log);
    if (link->out == NULL) {
        ngx_free(link);
        return NULL;
    }

    link->redis = redis;
    link->owner = owner;
    link->data = data;
    link->out_pos = link->out;
    link->out_last = link->out;
    link->longest = NGX_SPOCR_REDIS_BULK_MAX;

    link->ident.fd = (ngx_socket_t) -1;
    link->ident.data = link;

    link->timer.handler = ngx_spocr_redis_link_timer;
    link->timer.data = &link->ident;
    link->timer.log = ngx_cycle->log;
    link->timer.cancelable = 1;

    link->flush.handler = ngx_spocr_redis_link_flush_handler;
    link->flush.data = &link->ident;
    link->flush.log = ngx_cycle->log;

    link->log.log_level = NGX_LOG_INFO;
    link->log.writer = ngx_spocr_redis_link_writer;
    link->log.wdata = link;
    link->log.file = ngx_cycle->log->file;

    link->peer.get = ngx_event_get_peer;
    link->peer.log = &link->log;
    link->peer.log_error = NGX_ERROR_ERR;
    link->peer.sockaddr = &link->addr.sockaddr.sockaddr;
    link->peer.name = &link->peer_name;

    return link;
}


void
ngx_spocr_redis_link_destroy(ngx_spocr_redis_link_t *link)
{
    ngx_spocr_redis_link_stop(link);

    ngx_free(link->out);
    ngx_free(link);
}


void
ngx_spocr_redis_link_start(ngx_spocr_redis_link_t *link)
{
    if (link->state != NGX_SPOCR_REDIS_LINK_OFF) {
        return;
    }

    link->state = NGX_SPOCR_REDIS_LINK_WAIT;
    link->tried = 0;

    if (link->redis->naddrs == 0) {
        ngx_spocr_redis_resolve(link->redis);
    }

    ngx_add_timer(&link->timer, NGX_SPOCR_REDIS_AT_ONCE);
}


void
ngx_spocr_redis_link_stop(ngx_spocr_redis_link_t *link)
{
    ngx_spocr_redis_link_close(link);

    link->state = NGX_SPOCR_REDIS_LINK_OFF;
}


ngx_uint_t
ngx_spocr_redis_link_gave_up(const ngx_spocr_redis_link_t *link)
{
    return link->tried == 0;
}


/* Also what nginx has to say about the connection: see _writer(). */

void
ngx_spocr_redis_link_why(ngx_spocr_redis_link_t *link, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    if (link->why.len) {
        return;
    }

    va_start(args, fmt);
    p = ngx_vslprintf(link->why_text,
                      link->why_text + NGX_SPOCR_REDIS_WHY_MAX, fmt, args);
    va_end(args);

    link->why.data = link->why_text;
    link->why.len = (size_t) (p - link->why_text);

    ngx_spocr_redis_visible(link->why.data, link->why.len);
}


void
ngx_spocr_redis_link_fail(ngx_spocr_redis_link_t *link)
{
    ngx_msec_t                pause;
    ngx_uint_t                ready;
    ngx_spocr_redis_t        *redis;
    ngx_spocr_redis_topic_e   topic;

    redis = link->redis;
    ready = (link->state == NGX_SPOCR_REDIS_LINK_READY);

    ngx_spocr_redis_link_close(link);
    ngx_spocr_redis_link_why(link, "the connection is lost");

    /* where localhost is ::1 as well, that nobody listens there must not
     * hide what 127.0.0.1 has said */

    topic = redis->naddrs == 0 ? NGX_SPOCR_REDIS_TOPIC_NAME
            : link->next % redis->naddrs ? NGX_SPOCR_REDIS_TOPIC_OTHER
            : NGX_SPOCR_REDIS_TOPIC_LINK;

    pause = ngx_spocr_redis_link_pause(link);
    link->state = NGX_SPOCR_REDIS_LINK_WAIT;

    ngx_add_timer(&link->timer, pause);

    if (link->owner->library) {
        ngx_spocr_redis_count(redis, ready ? NGX_SPOCR_REDIS_TOTAL_CLOSED
                                           : NGX_SPOCR_REDIS_TOTAL_FAILED);

        ngx_spocr_redis_say(redis, NGX_LOG_ERR, topic, "Redis %V is away: %V",
                            link->peer_name.len ? &link->peer_name
                                                : &redis->name,
                            &link->why);
        link->complained = 1;
    }

    ngx_spocr_redis_resolve(redis);

    link->owner->lost(link);
}


/* How long until the next attempt, and at which address. */

static ngx_msec_t
ngx_spocr_redis_link_pause(ngx_spocr_redis_link_t *link)
{
    if (link->state == NGX_SPOCR_REDIS_LINK_READY
        && !link->lasting
        && ngx_current_msec - link->since >= NGX_SPOCR_REDIS_STABLE)
    {
        link->tried = 1;
        return NGX_SPOCR_REDIS_AT_ONCE;
    }

    link->next++;

    if (++link->tried < link->redis->naddrs) {
        return NGX_SPOCR_REDIS_AT_ONCE;
    }

    link->tried = 0;

    return NGX_SPOCR_REDIS_PAUSE
           + (ngx_msec_t) ngx_random() % NGX_SPOCR_REDIS_PAUSE_MORE;
}


/* The timer: a pause is over, or what was waited for has not come. */

static void
ngx_spocr_redis_link_timer(ngx_event_t *ev)
{
    ngx_connection_t        *ident;
    ngx_spocr_redis_link_t  *link;

    ident = ev->data;
    link = ident->data;

    switch (link->state) {

    case NGX_SPOCR_REDIS_LINK_WAIT:
        ngx_spocr_redis_link_connect(link);
        return;

    case NGX_SPOCR_REDIS_LINK_CONNECT:
        ngx_spocr_redis_link_why(link, "no connection within %Mms",
                                 link->redis->connect_timeout);
        break;

    case NGX_SPOCR_REDIS_LINK_GREET:
        ngx_spocr_redis_link_why(link, "no answer to the handshake within "
                                 "%Mms", link->redis->connect_timeout);
        break;

    default:
        return;
    }

    ngx_spocr_redis_link_fail(link);
}


static void
ngx_spocr_redis_link_connect(ngx_spocr_redis_link_t *link)
{
    ngx_int_t           rc;
    ngx_connection_t   *c;
    ngx_spocr_redis_t  *redis;

    redis = link->redis;

    link->why.len = 0;
    link->peer_name.len = 0;
    link->lasting = 0;

    if (redis->naddrs == 0) {
        ngx_spocr_redis_link_why(link, "its name is not resolved (%s)",
                                 redis->unresolved ? redis->unresolved
                                                   : "no answer yet");
        ngx_spocr_redis_link_fail(link);
        return;
    }

    link->codec = ngx_spocr_redis_codec_create();
    if (link->codec == NULL) {
        ngx_spocr_redis_link_why(link, "no memory");
        ngx_spocr_redis_link_fail(link);
        return;
    }

    ngx_spocr_redis_codec_limit(link->codec, link->longest);

    link->addr = redis->addrs[link->next % redis->naddrs];
    link->peer.socklen = link->addr.socklen;
    link->peer_name.data = link->peer_text;
    link->peer_name.len = ngx_sock_ntop(&link->addr.sockaddr.sockaddr,
                                        link->addr.socklen, link->peer_text,
                                        NGX_SOCKADDR_STRLEN, 1);

    link->state = NGX_SPOCR_REDIS_LINK_CONNECT;

    rc = ngx_event_connect_peer(&link->peer);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        link->peer.connection = NULL;
        ngx_spocr_redis_link_fail(link);
        return;
    }

    c = link->peer.connection;

    c->data = link;
    c->log = &link->log;
    c->read->handler = ngx_spocr_redis_link_read;
    c->write->handler = ngx_spocr_redis_link_write;

    ngx_add_timer(&link->timer, redis->connect_timeout);

    if (rc == NGX_OK) {
        ngx_spocr_redis_link_established(link);
    }
}


/* TCP stands. */

void
ngx_spocr_redis_link_established(ngx_spocr_redis_link_t *link)
{
    ngx_connection_t  *c;

    c = link->peer.connection;

    if (link->addr.sockaddr.sockaddr.sa_family != AF_UNIX
        && ngx_tcp_nodelay(c) != NGX_OK)
    {
        ngx_spocr_redis_link_fail(link);
        return;
    }

    if (link->redis->tls) {
        ngx_spocr_redis_tls_start(link);
        return;
    }

    ngx_spocr_redis_link_connected(link);
}


void
ngx_spocr_redis_link_connected(ngx_spocr_redis_link_t *link)
{
    ngx_connection_t  *c;

    c = link->peer.connection;

    c->read->handler = ngx_spocr_redis_link_read;
    c->write->handler = ngx_spocr_redis_link_write;

    link->state = NGX_SPOCR_REDIS_LINK_GREET;

    /* nginx does not move a timer for a few milliseconds */

    ngx_del_timer(&link->timer);
    ngx_add_timer(&link->timer, link->redis->connect_timeout);

    ngx_spocr_redis_codec_nested(link->codec, 1);

    if (ngx_spocr_redis_greet(link) != NGX_OK
        || ngx_handle_read_event(c->read, 0) != NGX_OK)
    {
        ngx_spocr_redis_link_fail(link);
        return;
    }

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


void
ngx_spocr_redis_link_ready(ngx_spocr_redis_link_t *link)
{
    ngx_del_timer(&link->timer);

    ngx_spocr_redis_codec_nested(link->codec, 0);

    link->state = NGX_SPOCR_REDIS_LINK_READY;
    link->since = ngx_current_msec;
    link->tried = 0;
    link->why.len = 0;

    if (link->owner->library) {
        ngx_spocr_redis_count(link->redis, NGX_SPOCR_REDIS_TOTAL_CONNECTED);
    }

    if (link->complained) {
        link->complained = 0;
        ngx_spocr_redis_say(link->redis, NGX_LOG_NOTICE,
                            NGX_SPOCR_REDIS_TOPIC_BACK, "Redis %V is back",
                            &link->peer_name);
    }

    link->owner->ready(link);
}


static void
ngx_spocr_redis_link_close(ngx_spocr_redis_link_t *link)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    if (link->flush.posted) {
        ngx_delete_posted_event(&link->flush);
    }

    if (link->codec) {
        ngx_spocr_redis_codec_destroy(link->codec);
        link->codec = NULL;
    }

    ngx_spocr_redis_link_empty(link);

    c = link->peer.connection;

    if (c == NULL) {
        return;
    }

    link->peer.connection = NULL;

    ngx_spocr_redis_tls_stop(c);

    pool = c->pool;

    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


/*
 * What nginx would log about the connection, without the time and the level:
 * it becomes the reason of the link's next line, which has its own rate.
 */

static void
ngx_spocr_redis_link_writer(ngx_log_t *log, ngx_uint_t level, u_char *buf,
    size_t len)
{
    u_char                  *p, *last;
    ngx_spocr_redis_link_t  *link;

    link = log->wdata;
    last = buf + len - NGX_LINEFEED_SIZE;

    /* "... [error] 1234#1234: text" */

    p = ngx_strlchr(buf, last, '#');
    p = p ? ngx_strlchr(p, last, ' ') : NULL;

    if (p) {
        ngx_spocr_redis_link_why(link, "%*s", (size_t) (last - p - 1), p + 1);
    }
}
