/*
 * Events and the clock.  Events are edges, as with epoll: one for each
 * arrival, which is lost to whoever does not read to the end.  Time passes
 * only where fz_sleeps says so, and then at once.
 */


#include "fz.h"


#define FZ_EPOCH   1767225600000        /* 2026-01-01 */


ngx_uint_t   fz_sleeps;

static ngx_int_t fz_event_init(ngx_cycle_t *cycle, ngx_msec_t timer);


static uint64_t  fz_clock = FZ_EPOCH;


uint64_t
fz_now(void)
{
    return fz_clock;
}


void
fz_pass(uint64_t ms)
{
    fz_clock += ms;
}


int
fz_gettimeofday(struct timeval *tv, void *zone)
{
    tv->tv_sec = (time_t) (fz_clock / 1000);
    tv->tv_usec = (suseconds_t) (fz_clock % 1000 * 1000);

    return 0;
}


int
fz_clock_gettime(clockid_t id, struct timespec *ts)
{
    ts->tv_sec = (time_t) (fz_clock / 1000);
    ts->tv_nsec = (long) (fz_clock % 1000 * 1000000);

    return 0;
}


static ngx_uint_t
fz_takes(const fz_conn_t *conn)
{
    return conn->writable && (conn->window || conn->reset);
}


ngx_uint_t
fz_busy(void)
{
    ngx_uint_t  i;
    fz_conn_t  *conn;

    for (i = 0; i < FZ_CONNS; i++) {
        conn = fz_fds[i];

        if (conn && conn->c
            && ((conn->readable && conn->c->read->active)
                || (fz_takes(conn) && conn->c->write->active)))
        {
            return 1;
        }
    }

    return !ngx_queue_empty(&ngx_posted_events)
           || !ngx_queue_empty(&ngx_posted_next_events);
}


static ngx_int_t
fz_add_event(ngx_event_t *ev, ngx_int_t event, ngx_uint_t flags)
{
    fz_conn_t         *conn;
    ngx_connection_t  *c;

    c = ev->data;
    conn = fz_of(c->fd);
    conn->c = c;

    ev->active = 1;

    if (event == NGX_READ_EVENT) {
        conn->readable |= conn->at < conn->in.len || conn->eof || conn->reset;

    } else {
        conn->writable |= conn->connected && conn->window > 0;
    }

    return NGX_OK;
}


static ngx_int_t
fz_del_event(ngx_event_t *ev, ngx_int_t event, ngx_uint_t flags)
{
    ev->active = 0;

    return NGX_OK;
}


static ngx_int_t
fz_add_conn(ngx_connection_t *c)
{
    (void) fz_add_event(c->read, NGX_READ_EVENT, 0);
    (void) fz_add_event(c->write, NGX_WRITE_EVENT, 0);

    return NGX_OK;
}


static ngx_int_t
fz_del_conn(ngx_connection_t *c, ngx_uint_t flags)
{
    c->read->active = 0;
    c->write->active = 0;

    return NGX_OK;
}


/* What was to come later comes now. */

static void
fz_arrive(void)
{
    ngx_uint_t  i;
    fz_conn_t  *conn;

    for (i = 0; i < FZ_CONNS; i++) {
        conn = fz_fds[i];

        if (conn && conn->later.len && conn->due <= fz_clock) {
            fz_append(&conn->in, conn->later.data, conn->later.len);
            conn->later.len = 0;
            conn->readable = 1;
        }
    }
}


static void
fz_sleep(ngx_msec_t timer)
{
    ngx_uint_t  i;
    fz_conn_t  *conn;

    for (i = 0; i < FZ_CONNS; i++) {
        conn = fz_fds[i];

        if (conn && conn->later.len && conn->due > fz_clock) {
            timer = ngx_min(timer, conn->due - fz_clock);
        }
    }

    if (timer != NGX_TIMER_INFINITE) {
        fz_clock += timer;
    }
}


static ngx_int_t
fz_process_events(ngx_cycle_t *cycle, ngx_msec_t timer, ngx_uint_t flags)
{
    ngx_uint_t         i;
    fz_conn_t         *conn;
    ngx_connection_t  *c;

    if (fz_sleeps && timer && !fz_busy()) {
        fz_sleep(timer);
    }

    fz_arrive();

    if ((flags & NGX_UPDATE_TIME) || ngx_event_timer_alarm) {
        ngx_time_update();
    }

    for (i = 0; i < FZ_CONNS; i++) {
        conn = fz_fds[i];
        c = conn ? conn->c : NULL;

        if (c && conn->readable && c->read->active) {
            conn->readable = 0;
            c->read->ready = 1;
            c->read->available = -1;
            c->read->handler(c->read);
        }

        if (conn == NULL || conn != fz_fds[i] || conn->c != c || c == NULL) {
            continue;
        }

        if (fz_takes(conn) && c->write->active) {
            conn->writable = 0;
            conn->connected = 1;
            c->write->ready = 1;
            c->write->handler(c->write);
        }
    }

    return NGX_OK;
}


static void
fz_event_done(ngx_cycle_t *cycle)
{
}


static ngx_str_t  fz_event_name = ngx_string("fz");

static ngx_event_module_t  fz_event_module_ctx = {
    &fz_event_name,
    NULL,
    NULL,
    {
        fz_add_event,
        fz_del_event,
        fz_add_event,
        fz_del_event,
        fz_add_conn,
        fz_del_conn,
        NULL,
        fz_process_events,
        fz_event_init,
        fz_event_done
    }
};


static ngx_int_t
fz_event_init(ngx_cycle_t *cycle, ngx_msec_t timer)
{
    ngx_io = fz_io;
    ngx_event_actions = fz_event_module_ctx.actions;
    ngx_event_flags = NGX_USE_CLEAR_EVENT | NGX_USE_GREEDY_EVENT;

    return NGX_OK;
}


ngx_module_t  fz_event_module = {
    NGX_MODULE_V1,
    &fz_event_module_ctx,
    NULL,
    NGX_EVENT_MODULE,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NGX_MODULE_V1_PADDING
};
