
/*
 * The subscription to "<prefix>notice".  One of the node's workers has it;
 * what it hears becomes versions in the zone, which all of them look at
 * (C-10).
 *
 * Invariant: between a subscription and the one before, notices may have been
 * lost, so each one that is confirmed counts as a notice of everything.
 */


#include "ngx_spocr_redis_link.h"
#include "ngx_spocr_keyrecord.h"


/* ms: a worker that died is followed within TTL + TICK */
#define NGX_SPOCR_REDIS_TICK       200
#define NGX_SPOCR_REDIS_TTL        600
#define NGX_SPOCR_REDIS_AFTER_YOU  250

/* ms of silence: then it is asked, and then it is given up */
#define NGX_SPOCR_REDIS_QUIET      500
#define NGX_SPOCR_REDIS_SILENT     1500


/* Heap, a worker's. */
struct ngx_spocr_redis_notice_s {
    ngx_spocr_redis_t        *redis;
    ngx_spocr_redis_link_t   *link;
    ngx_event_t               tick;
    ngx_connection_t          ident;       /* the tick's data: no socket */
    ngx_msec_t                heard;       /* when something came */
    ngx_msec_t                not_before;  /* it asks for the lease again */
    unsigned                  asked:1;     /* a PING, since then */
    unsigned                  subscribed:1;
};


static void ngx_spocr_redis_notice_tick(ngx_event_t *ev);
static void ngx_spocr_redis_notice_watch(ngx_spocr_redis_notice_t *notice);
static void ngx_spocr_redis_notice_ready(ngx_spocr_redis_link_t *link);
static ngx_int_t ngx_spocr_redis_notice_message(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message);
static void ngx_spocr_redis_notice_subscribed(
    ngx_spocr_redis_notice_t *notice);
static void ngx_spocr_redis_notice_text(ngx_spocr_redis_t *redis,
    const ngx_str_t *text);
static void ngx_spocr_redis_notice_lost(ngx_spocr_redis_link_t *link);


static const ngx_spocr_redis_owner_t  ngx_spocr_redis_notice_owner = {
    .ready = ngx_spocr_redis_notice_ready,
    .message = ngx_spocr_redis_notice_message,
    .lost = ngx_spocr_redis_notice_lost
};


ngx_int_t
ngx_spocr_redis_notice_start(ngx_cycle_t *cycle, ngx_spocr_redis_t *redis)
{
    ngx_spocr_redis_notice_t  *notice;

    if (!redis->context.subscribe) {
        return NGX_OK;
    }

    notice = ngx_calloc(sizeof(ngx_spocr_redis_notice_t), cycle->log);
    if (notice == NULL) {
        return NGX_ERROR;
    }

    notice->redis = redis;
    notice->link = ngx_spocr_redis_link_create(redis,
                                       &ngx_spocr_redis_notice_owner, notice);
    if (notice->link == NULL) {
        ngx_free(notice);
        return NGX_ERROR;
    }

    notice->ident.fd = (ngx_socket_t) -1;
    notice->ident.data = notice;

    notice->tick.handler = ngx_spocr_redis_notice_tick;
    notice->tick.data = &notice->ident;
    notice->tick.log = cycle->log;
    notice->tick.cancelable = 1;

    redis->notice = notice;

    ngx_add_timer(&notice->tick, 1);

    return NGX_OK;
}


void
ngx_spocr_redis_notice_stop(ngx_spocr_redis_t *redis)
{
    ngx_spocr_redis_notice_t  *notice;

    notice = redis->notice;

    if (notice == NULL) {
        return;
    }

    if (notice->tick.timer_set) {
        ngx_del_timer(&notice->tick);
    }

    ngx_spocr_redis_link_destroy(notice->link);
    ngx_spocr_zone_let_go(redis->context.zone);

    ngx_free(notice);
    redis->notice = NULL;
}


/*
 * Each worker asks for the lease; who has it listens.  One that is going
 * leaves it to the others, as it may still have requests for a long time.
 */

static void
ngx_spocr_redis_notice_tick(ngx_event_t *ev)
{
    ngx_connection_t          *ident;
    ngx_spocr_zone_t          *zone;
    ngx_spocr_redis_notice_t  *notice;

    ident = ev->data;
    notice = ident->data;
    zone = notice->redis->context.zone;

    if (ngx_exiting) {
        ngx_spocr_redis_link_stop(notice->link);
        ngx_spocr_zone_let_go(zone);
        return;
    }

    ngx_add_timer(ev, NGX_SPOCR_REDIS_TICK);

    if (notice->link->state == NGX_SPOCR_REDIS_LINK_OFF
        && (ngx_msec_int_t) (notice->not_before - ngx_current_msec) > 0)
    {
        return;
    }

    if (ngx_spocr_zone_hold(zone, NGX_SPOCR_REDIS_TTL) != NGX_OK) {
        ngx_spocr_redis_link_stop(notice->link);
        return;
    }

    ngx_spocr_redis_link_start(notice->link);

    if (notice->link->state == NGX_SPOCR_REDIS_LINK_READY) {
        ngx_spocr_redis_notice_watch(notice);
    }
}


/*
 * A connection whose other end is gone says nothing, for ever.  An answer to
 * PING does not stand for the one to SUBSCRIBE.
 */

static void
ngx_spocr_redis_notice_watch(ngx_spocr_redis_notice_t *notice)
{
    ngx_str_t                word;
    ngx_msec_t               silent;
    ngx_spocr_redis_link_t  *link;

    link = notice->link;
    silent = ngx_current_msec - (notice->subscribed ? notice->heard
                                                    : link->since);

    if (silent >= NGX_SPOCR_REDIS_SILENT) {
        ngx_spocr_redis_say(notice->redis, NGX_LOG_ERR,
                            NGX_SPOCR_REDIS_TOPIC_NOTICE,
                            "Redis %V does not answer on the subscription",
                            &link->peer_name);
        ngx_spocr_redis_link_fail(link);
        return;
    }

    if (silent >= NGX_SPOCR_REDIS_QUIET && !notice->asked) {

        ngx_str_set(&word, "PING");

        if (ngx_spocr_redis_link_send(link, &word, 1) == NGX_OK) {
            notice->asked = 1;
        }
    }
}


static void
ngx_spocr_redis_notice_ready(ngx_spocr_redis_link_t *link)
{
    ngx_spocr_redis_notice_t *notice = link->data;

    u_char              channel[NGX_SPOCR_REDIS_PREFIX_MAX + sizeof("notice")];
    ngx_str_t           words[2];
    const ngx_str_t    *prefix;

    prefix = &notice->redis->prefix;

    ngx_str_set(&words[0], "SUBSCRIBE");
    words[1].data = channel;
    words[1].len = (size_t) (ngx_sprintf(channel, "%Vnotice", prefix)
                             - channel);

    notice->heard = ngx_current_msec;
    notice->asked = 0;

    /* there is room: nothing else was sent since the handshake */

    (void) ngx_spocr_redis_link_send(link, words, 2);
}


static ngx_int_t
ngx_spocr_redis_notice_message(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message)
{
    ngx_spocr_redis_notice_t *notice = link->data;

    const ngx_str_t                *kind;
    const ngx_spocr_redis_value_t  *v;

    if (message->error.len) {
        ngx_spocr_redis_visible(message->error.data, message->error.len);
        ngx_spocr_redis_say(notice->redis, NGX_LOG_ERR,
                            NGX_SPOCR_REDIS_TOPIC_NOTICE,
                            "Redis %V refuses the subscription: %V",
                            &link->peer_name, &message->error);
        link->lasting = 1;
        return NGX_ERROR;
    }

    notice->heard = ngx_current_msec;
    notice->asked = 0;

    v = message->values;

    if (message->nvalues == 3 && v[2].type == NGX_SPOCR_REDIS_STRING) {
        kind = &v[0].text;

        if (ngx_spocr_redis_is(kind, "message")) {
            ngx_spocr_redis_notice_text(notice->redis, &v[2].text);
            return NGX_OK;
        }

    } else if (message->nvalues == 3) {
        kind = &v[0].text;

        if (ngx_spocr_redis_is(kind, "subscribe")) {
            ngx_spocr_redis_notice_subscribed(notice);
            return NGX_OK;
        }

    } else if (message->nvalues) {
        kind = &v[0].text;

        if (ngx_spocr_redis_is(kind, "pong")
            || ngx_spocr_redis_is(kind, "PONG"))
        {
            return NGX_OK;
        }
    }

    ngx_spocr_redis_say(notice->redis, NGX_LOG_ERR,
                        NGX_SPOCR_REDIS_TOPIC_NOTICE,
                        "Redis %V sent what belongs to no subscription",
                        &link->peer_name);
    link->lasting = 1;

    return NGX_ERROR;
}


static void
ngx_spocr_redis_notice_subscribed(ngx_spocr_redis_notice_t *notice)
{
    ngx_spocr_redis_t  *redis;

    redis = notice->redis;
    notice->subscribed = 1;

    ngx_spocr_zone_notice_all(redis->context.zone);
    ngx_spocr_zone_subscribed(redis->context.zone, 1);

    ngx_spocr_redis_count(redis, NGX_SPOCR_REDIS_TOTAL_SUBSCRIBED);
}


static void
ngx_spocr_redis_notice_text(ngx_spocr_redis_t *redis, const ngx_str_t *text)
{
    uint32_t           hash;
    ngx_spocr_zone_t  *zone;

    zone = redis->context.zone;

    ngx_spocr_redis_count(redis, NGX_SPOCR_REDIS_TOTAL_NOTICES);

    if (ngx_spocr_keyrecord_notice(text, &hash) == NGX_OK) {
        ngx_spocr_zone_notice(zone, hash);

    } else {
        ngx_spocr_zone_notice_all(zone);
    }
}


static void
ngx_spocr_redis_notice_lost(ngx_spocr_redis_link_t *link)
{
    ngx_spocr_redis_notice_t *notice = link->data;

    if (notice->subscribed) {
        notice->subscribed = 0;
        ngx_spocr_zone_subscribed(notice->redis->context.zone, 0);
    }

    if (ngx_spocr_redis_link_gave_up(link)) {

        /* it may be this worker's own trouble: another one shall try */

        notice->not_before = ngx_current_msec + NGX_SPOCR_REDIS_AFTER_YOU;

        ngx_spocr_redis_link_stop(link);
        ngx_spocr_zone_let_go(notice->redis->context.zone);
    }
}
