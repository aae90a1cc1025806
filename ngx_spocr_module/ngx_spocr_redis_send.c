
/*
 * How calls leave: the link asks for more when all that it had has left.
 *
 * Limits leave at once, as many as there are.  Redis answers nothing before it
 * has done all that it was sent, though: so of records, whose answers may be
 * megabytes, a few are sent at a time, and fewer where answers are long.
 */


#include "ngx_spocr_redis_calls.h"


#define NGX_SPOCR_REDIS_SAMPLE      16         /* calls for one that is timed */
#define NGX_SPOCR_REDIS_WINDOW      16         /* calls of records under way, */
#define NGX_SPOCR_REDIS_WINDOW_LONG 2          /* and where answers are long: */
#define NGX_SPOCR_REDIS_LONG        65536      /* bytes */


static ngx_queue_t *ngx_spocr_redis_calls_unsent(
    ngx_spocr_redis_calls_t *calls);
static ngx_int_t ngx_spocr_redis_entry_send(ngx_spocr_redis_entry_t *entry);


void
ngx_spocr_redis_calls_fill(ngx_spocr_redis_link_t *link)
{
    ngx_spocr_redis_calls_t *calls = link->data;

    ngx_uint_t                window;
    ngx_queue_t              *q;
    ngx_spocr_redis_entry_t  *entry;

    window = !calls->patient ? calls->max
             : calls->heard > NGX_SPOCR_REDIS_LONG
               ? NGX_SPOCR_REDIS_WINDOW_LONG : NGX_SPOCR_REDIS_WINDOW;

    if (calls->nsent == calls->n || calls->nsent >= window) {
        return;
    }

    /* the time that this pass has taken so far is not Redis' */

    ngx_time_update();

    for (q = ngx_spocr_redis_calls_unsent(calls);
         q != ngx_queue_sentinel(&calls->queue) && calls->nsent < window;
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ngx_spocr_redis_entry_t, queue);

        if (ngx_spocr_redis_entry_send(entry) != NGX_OK) {
            break;
        }
    }

    ngx_spocr_redis_count(calls->redis, NGX_SPOCR_REDIS_TOTAL_WRITES);
}


/* The first that was not sent; from the end that is nearer. */

static ngx_queue_t *
ngx_spocr_redis_calls_unsent(ngx_spocr_redis_calls_t *calls)
{
    ngx_uint_t    n;
    ngx_queue_t  *q;

    if (calls->nsent <= calls->n / 2) {
        q = ngx_queue_head(&calls->queue);

        for (n = calls->nsent; n; n--) {
            q = ngx_queue_next(q);
        }

        return q;
    }

    q = ngx_queue_sentinel(&calls->queue);

    for (n = calls->n - calls->nsent; n; n--) {
        q = ngx_queue_prev(q);
    }

    return q;
}


/* NGX_AGAIN: when what is before it has left. */

static ngx_int_t
ngx_spocr_redis_entry_send(ngx_spocr_redis_entry_t *entry)
{
    ngx_spocr_redis_link_t   *link;
    ngx_spocr_redis_calls_t  *calls;

    calls = entry->calls;
    link = calls->link;

    if (entry->len > NGX_SPOCR_REDIS_OUT_SIZE
        && link->out_last == link->out)
    {
        ngx_spocr_redis_link_lend(link, entry->command, entry->len);
        entry->command = NULL;

    } else if (entry->len > ngx_spocr_redis_link_room(link)) {
        return NGX_AGAIN;

    } else {
        link->out_last = ngx_cpymem(link->out_last, entry->command,
                                    entry->len);
        ngx_spocr_redis_entry_forget(entry);
    }

    entry->sent = 1;
    calls->nsent++;
    entry->deadline = ngx_current_msec + calls->timeout;

    if (calls->redis->context.observe
        && ++calls->sample >= NGX_SPOCR_REDIS_SAMPLE)
    {
        calls->sample = 0;
        entry->clock = ngx_spocr_redis_clock();
    }

    return NGX_OK;
}


void
ngx_spocr_redis_calls_heard(ngx_spocr_redis_calls_t *calls,
    const ngx_spocr_redis_message_t *message)
{
    size_t      len;
    ngx_uint_t  i;

    len = 0;

    for (i = 0; i < message->nvalues; i++) {
        if (message->values[i].type == NGX_SPOCR_REDIS_STRING) {
            len += message->values[i].text.len;
        }
    }

    calls->heard = ngx_max(len, calls->heard - calls->heard / 8);

    if (calls->nsent < calls->n) {
        ngx_spocr_redis_link_flush(calls->link);
    }
}


uint64_t
ngx_spocr_redis_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}
