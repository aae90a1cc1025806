
/*
 * The outbox: C-29.  The clock, the timers and the link to Redis are replaced
 * by ones that the test moves, the zone by lists of its own.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "tap.h"

/* the files themselves: what they call of nginx is replaced below */
#include "../../ngx_spocr_module/ngx_spocr_outbox.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_outbox_entry.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_outbox_item.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_outbox_retry.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone_shm.h" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_zone_outbox.c" /* NOLINT */


#define CALLS    512
#define LIMIT    4096
#define ROOM     2048


volatile ngx_msec_t    ngx_current_msec = 100000;
ngx_rbtree_t           ngx_event_timer_rbtree;
ngx_queue_t            ngx_posted_events;
ngx_uint_t             ngx_exiting;


/* -- nginx -- */

static ngx_rbtree_node_t  *timers[512];
static size_t              ntimers;


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    (void) tree;

    timers[ntimers++] = node;
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    size_t  i;

    (void) tree;

    for (i = 0; timers[i] != node; i++) { /* void */ }
    timers[i] = timers[--ntimers];
}


/* The end of a pass of the event loop: what was posted. */

static void
pass(void)
{
    ngx_queue_t  *q;
    ngx_event_t  *ev;

    while (!ngx_queue_empty(&ngx_posted_events)) {
        q = ngx_queue_head(&ngx_posted_events);
        ev = ngx_queue_data(q, ngx_event_t, queue);

        ngx_delete_posted_event(ev);
        ev->handler(ev);
    }
}


static void
sleep_ms(ngx_msec_t ms)
{
    size_t        i;
    ngx_msec_t    end;
    ngx_event_t  *ev;

    end = ngx_current_msec + ms;

    while (ngx_current_msec < end) {
        ngx_current_msec++;

        for (i = 0; i < ntimers; /* void */ ) {

            if (timers[i]->key > ngx_current_msec) {
                i++;
                continue;
            }

            ev = ngx_rbtree_data(timers[i], ngx_event_t, timer);
            timers[i] = timers[--ntimers];
            ev->timer_set = 0;
            ev->handler(ev);
            i = 0;
        }

        pass();
    }
}


static int  memory_out;


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return memory_out ? NULL : malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return calloc(1, size);
}


static char  line[512];


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t e,
    const char *fmt, ...)
{
    va_list      args;
    const char  *what, *why;

    (void) log;
    (void) e;
    (void) fmt;

    va_start(args, fmt);
    what = va_arg(args, const char *);
    why = va_arg(args, const char *);
    va_end(args);

    snprintf(line, sizeof(line), "%s %s: %s",
             level == NGX_LOG_WARN ? "warn" : "error", what, why);
}


/* -- the zone: the outbox' own part of it, in a heap that has an end -- */

static ngx_slab_pool_t       shpool;
static ngx_spocr_zone_shm_t  shm;
static ngx_spocr_zone_t      zone = { NULL, &shpool, &shm, 0 };
static size_t                used;
static size_t                room;
static uint64_t              totals[NGX_SPOCR_OUTBOX_TOTALS];


void *
ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    size_t  *p;

    (void) pool;

    if (used + size > room) {
        return NULL;
    }

    p = malloc(2 * sizeof(size_t) + size);
    p[0] = size;
    used += size;

    return p + 2;
}


void
ngx_slab_free_locked(ngx_slab_pool_t *pool, void *p)
{
    (void) pool;

    used -= ((size_t *) p)[-2];
    free((size_t *) p - 2);
}


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    (void) mtx;
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    (void) mtx;
}


void
ngx_spocr_zone_count(ngx_spocr_zone_t *z, ngx_uint_t total, ngx_uint_t n)
{
    (void) z;

    totals[total - 50] += n;
}


ngx_uint_t
ngx_spocr_zone_may_say(ngx_spocr_zone_t *z, ngx_uint_t topic, time_t seconds,
    ngx_uint_t *skipped)
{
    (void) z;
    (void) seconds;

    *skipped = 0;

    return topic == 7;
}


/* -- the link -- */

static struct {
    ngx_spocr_redis_call_t  *call;      /* NULL: cancelled, or answered */
    char                     text[4096];
} calls[CALLS];

static size_t  ncalls;
static int     away;                    /* not ready */
static int     full;                    /* ready, but it takes no call */


ngx_uint_t
ngx_spocr_redis_records_ready(const ngx_spocr_redis_t *redis)
{
    (void) redis;

    return !away;
}


ngx_int_t
ngx_spocr_redis_call(ngx_spocr_redis_t *redis, ngx_spocr_redis_call_t *call,
    const ngx_spocr_redis_request_t *request)
{
    char        *p, *last;
    ngx_uint_t   i;

    (void) redis;

    if (away || full) {
        return NGX_DECLINED;
    }

    if (ncalls == CALLS || !request->record || request->lookup
        || request->budget != NGX_SPOCR_REDIS_PATIENCE)
    {
        ok(0, "a call as it should be");
        exit(1);
    }

    calls[ncalls].call = call;
    call->entry = (ngx_spocr_redis_entry_t *) call;

    p = calls[ncalls].text;
    last = p + sizeof(calls[0].text);
    p += snprintf(p, (size_t) (last - p), "%s %.*s", request->function,
                  (int) request->slot.len, request->slot.data);

    for (i = 0; i < request->nkeys; i++) {
        p += snprintf(p, (size_t) (last - p), " %.*s",
                      (int) request->keys[i].len, request->keys[i].data);
    }

    for (i = 0; i < request->nargs; i++) {
        p += snprintf(p, (size_t) (last - p), " [%.*s]",
                      (int) request->args[i].len, request->args[i].data);
    }

    ncalls++;

    return NGX_AGAIN;
}


void
ngx_spocr_redis_cancel(ngx_spocr_redis_call_t *call)
{
    size_t  i;

    for (i = 0; i < ncalls; i++) {
        if (calls[i].call == call) {
            calls[i].call = NULL;
        }
    }

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its entry is there still */
    call->entry = NULL;
}


static void
end_call(size_t n, ngx_spocr_redis_result_e result,
    const ngx_spocr_redis_reply_t *reply)
{
    ngx_spocr_redis_call_t  *call;

    call = calls[n].call;

    if (n >= ncalls || call == NULL) {
        ok(0, "call %u is under way", (unsigned) n);
        return;
    }

    calls[n].call = NULL;

    call->entry = NULL;
    call->result = result;
    call->reply = reply;
    call->handler(call);
}


static void
lose(size_t n)
{
    end_call(n, NGX_SPOCR_REDIS_AWAY, NULL);
}


static void
refuse(size_t n, const char *text)
{
    ngx_spocr_redis_reply_t  reply;

    memset(&reply, 0, sizeof(reply));
    reply.error.data = (u_char *) text;
    reply.error.len = strlen(text);
    end_call(n, NGX_SPOCR_REDIS_ERROR, &reply);
}


/* A text, or where it is NULL the number. */

static void
answer(size_t n, const char *text, int64_t number)
{
    ngx_spocr_redis_reply_t  reply;

    memset(&reply, 0, sizeof(reply));
    reply.nvalues = 1;
    reply.values[0].type = NGX_SPOCR_REDIS_INTEGER;
    reply.values[0].integer = number;

    if (text != NULL) {
        reply.values[0].type = NGX_SPOCR_REDIS_STRING;
        reply.values[0].text.data = (u_char *) text;
        reply.values[0].text.len = strlen(text);
    }

    end_call(n, NGX_SPOCR_REDIS_OK, &reply);
}


/* -- requests -- */

typedef struct {
    ngx_spocr_outbox_ticket_t  ticket;
    unsigned                   told;
} request_t;


static ngx_spocr_outbox_t  *outbox;


static void
told(ngx_spocr_outbox_ticket_t *ticket)
{
    request_t  *r = ticket->data;

    r->told++;
}


/* One that stores len bytes; r may be NULL. */

static ngx_int_t
put_len(request_t *r, ngx_spocr_outbox_function_e function, size_t len)
{
    u_char                   *blob;
    ngx_int_t                 rc;
    ngx_spocr_outbox_item_t   item;

    blob = malloc(len + 1);
    memset(blob, 'b', len);

    memset(&item, 0, sizeof(item));
    item.function = function;
    ngx_str_set(&item.slot, "h");
    ngx_str_set(&item.keys[0], "p:{h}:i:1");
    ngx_str_set(&item.args[0], "token");
    item.nkeys = 1;
    item.nargs = 1;
    item.ttl = 60000;

    if (function == NGX_SPOCR_OUTBOX_COMPLETE) {
        ngx_str_set(&item.keys[1], "p:{h}:b");
        item.args[2].data = blob;
        item.args[2].len = len;
        item.nkeys = 2;
        item.nargs = 3;
    }

    if (r != NULL) {
        memset(r, 0, sizeof(request_t));
        r->ticket.handler = told;
        r->ticket.data = r;
        r->ticket.patience = 100;
    }

    rc = ngx_spocr_outbox_put(outbox, &item, r ? &r->ticket : NULL);

    free(blob);

    return rc;
}


static ngx_int_t
put(request_t *r)
{
    return put_len(r, NGX_SPOCR_OUTBOX_COMPLETE, 3);
}


static ngx_spocr_outbox_t *
start(void)
{
    ngx_cycle_t                  cycle;
    ngx_spocr_outbox_context_t   context;
    static ngx_log_t             log;

    memset(&cycle, 0, sizeof(cycle));
    log.log_level = NGX_LOG_WARN;
    cycle.log = &log;

    memset(&context, 0, sizeof(context));
    context.zone = &zone;
    context.totals = 50;
    context.topic = 7;
    context.limit = LIMIT;

    return ngx_spocr_outbox_start(&cycle, &context);
}


static void
begin(void)
{
    memset(&shm, 0, sizeof(shm));
    memset(totals, 0, sizeof(totals));

    shm.outbox.size = ROOM;
    room = ROOM;
    ncalls = 0;
    away = 0;
    full = 0;
    line[0] = '\0';

    ngx_queue_init(&ngx_posted_events);

    outbox = start();
}


static void
is_total(ngx_spocr_outbox_total_e total, unsigned n)
{
    static const char  *names[] = {
        "acked", "kept", "stored", "dropped", "fenced"
    };

    is_int(totals[total], n, "%s: %u", names[total], n);
}


/* The number of items that the zone has at the end. */

static void
end(unsigned items)
{
    uint64_t               id;
    u_char                 buf[ROOM];
    ngx_spocr_zone_item_t  item;

    ngx_spocr_outbox_stop(outbox);

    is_int(ntimers, 0, "no timer is left");
    ok(ngx_queue_empty(&ngx_posted_events), "and no event");
    is_int(shm.outbox.n, items, "the zone has %u", items);

    ngx_current_msec += 100000;

    while (ngx_spocr_zone_outbox_take(&zone, &item, buf, sizeof(buf))
           == NGX_OK)
    {
        id = item.id;
        (void) ngx_spocr_zone_outbox_done(&zone, id);
    }

    is_int(used, 0, "all its memory is given back");
}


static void
test_acked(void)
{
    int         i;
    request_t   r;

    static const char  *answers[] = { "OK", "DUP", "RESTORED", "BUDGET" };

    begin();

    for (i = 0; i < 4; i++) {
        is_int(put(&r), NGX_AGAIN, "an item");
        is_str(calls[i].text, "complete h p:{h}:i:1 p:{h}:b [token] [] [bbb]",
               "is sent at once");
        is_int(r.told, 0, "nobody is told meanwhile");
        answer((size_t) i, answers[i], 0);
        ok(r.told == 1 && r.ticket.result == NGX_SPOCR_OUTBOX_ACKED
           && r.ticket.entry == NULL, "%s: it has arrived", answers[i]);
        ngx_spocr_outbox_forget(&r.ticket);
    }

    is_total(NGX_SPOCR_OUTBOX_TOTAL_ACKED, 4);
    is_str(line, "", "nothing is said");

    put(&r);
    answer(4, "LOST", 0);
    ok(r.told == 1 && r.ticket.result == NGX_SPOCR_OUTBOX_ACKED,
       "another's claim: there is no more to do");
    is_total(NGX_SPOCR_OUTBOX_TOTAL_FENCED, 1);
    is_str(line, "warn the end of a claim was not stored in Redis: the claim "
           "is another request's by now", "but to say");

    is_int(put_len(&r, NGX_SPOCR_OUTBOX_RELEASE, 0), NGX_AGAIN, "a release");
    is_str(calls[5].text, "release h p:{h}:i:1 [token]", "is one");
    answer(5, NULL, 0);
    ok(r.told == 1 && r.ticket.result == NGX_SPOCR_OUTBOX_ACKED,
       "of nothing, which is as good");

    is_int(put(NULL), NGX_AGAIN, "nobody waits");
    answer(6, "OK", 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_ACKED, 7);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_KEPT, 0);

    end(0);
}


static void
test_late(void)
{
    request_t  r, s;

    begin();

    put(&r);
    put(&s);
    sleep_ms(99);
    ngx_spocr_outbox_forget(&s.ticket);
    ok(r.told == 0, "its patience is not over");
    sleep_ms(1);
    ok(r.told == 1 && r.ticket.result == NGX_SPOCR_OUTBOX_LATE
       && r.ticket.entry == NULL, "but now: late");
    is_int(s.told, 0, "who has gone is not told");
    answer(0, "OK", 0);
    answer(1, "OK", 0);
    ok(r.told == 1 && s.told == 0, "nor is anybody when it has arrived");
    is_total(NGX_SPOCR_OUTBOX_TOTAL_ACKED, 2);
    is_int(outbox->bytes, 0, "of which nothing is left");

    put(&r);
    lose(2);
    ok(r.told == 1 && r.ticket.result == NGX_SPOCR_OUTBOX_LATE,
       "not answered: late at once");
    is_total(NGX_SPOCR_OUTBOX_TOTAL_KEPT, 1);
    sleep_ms(499);
    is_int(ncalls, 3, "it waits half a second");
    sleep_ms(1300);
    is_str(calls[3].text, "complete h p:{h}:i:1 p:{h}:b [token] [] [bbb]",
           "and is sent again");
    answer(3, "DUP", 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_STORED, 1);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_ACKED, 2);
    is_int(r.told, 1, "who waited once is told once");

    end(0);
}


static void
test_declined(void)
{
    request_t  r, s, t;

    begin();

    away = 1;
    is_int(put(&r), NGX_AGAIN, "Redis is away");
    is_int(put(&s), NGX_AGAIN, "two items");
    is_int(put(NULL), NGX_AGAIN, "and one that nobody waits for");
    is_int(r.told, 0, "nobody is told from inside");
    is_total(NGX_SPOCR_OUTBOX_TOTAL_KEPT, 3);
    ngx_spocr_outbox_forget(&s.ticket);
    pass();
    ok(r.told == 1 && r.ticket.result == NGX_SPOCR_OUTBOX_LATE, "but then");
    is_int(s.told, 0, "unless it has gone");
    is_int(outbox->bytes, 0, "the zone has them alone");

    sleep_ms(5000);
    is_int(ncalls, 0, "nobody is asked");
    is_int(shm.outbox.lists[NGX_SPOCR_ZONE_OUTBOX_NOW].head != NULL, 1,
           "nor is one taken");
    away = 0;
    full = 1;
    sleep_ms(1000);
    is_int(shm.outbox.n, 3, "what is not taken goes back");
    full = 0;
    sleep_ms(1000);
    is_int(ncalls, 3, "it is back");
    answer(0, "OK", 0);
    answer(1, "OK", 0);
    answer(2, "OK", 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_STORED, 3);

    /* the worker ends before it is told */

    full = 1;
    put(&t);
    end(1);
    ok(t.told == 0 && t.ticket.entry == NULL, "the end tells nobody");
}


static void
test_refused(void)
{
    request_t  r;

    begin();

    put(&r);
    refuse(0, "OOM command not allowed when used memory > 'maxmemory'.");
    is_int(r.ticket.result, NGX_SPOCR_OUTBOX_LATE, "Redis has no memory");
    sleep_ms(1800);
    is_int(ncalls, 2, "it is asked again");
    refuse(1, "OOM command not allowed when used memory > 'maxmemory'.");
    sleep_ms(900);
    is_int(ncalls, 3, "and again");
    answer(2, "OK", 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_STORED, 1);

    put(NULL);
    refuse(3, "WRONGTYPE Operation against a key ...");
    sleep_ms(4990);
    is_int(ncalls, 4, "what is refused for itself waits longer");
    sleep_ms(1100);
    is_int(ncalls, 5, "but is not given up");
    answer(4, "WHAT", 0);
    sleep_ms(4990);
    is_int(ncalls, 5, "so does what is not understood");
    sleep_ms(1100);
    answer(5, NULL, 1);
    sleep_ms(6000);
    answer(6, "OK", 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_STORED, 2);

    put_len(NULL, NGX_SPOCR_OUTBOX_RELEASE, 0);
    answer(7, "OK", 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_KEPT, 3);

    end(1);
}


/* The claim may be on its way when its end is. */

static void
test_unclaim(void)
{
    begin();

    put_len(NULL, NGX_SPOCR_OUTBOX_UNCLAIM, 0);
    is_str(calls[0].text, "release h p:{h}:i:1 [token]", "a release");
    answer(0, NULL, 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_ACKED, 0);
    sleep_ms(999);
    is_int(ncalls, 1, "there is nothing yet");
    sleep_ms(1300);
    is_int(ncalls, 2, "it is asked for again");
    lose(1);
    sleep_ms(1000);
    answer(2, NULL, 0);
    sleep_ms(999);
    is_int(ncalls, 3, "a second later");
    sleep_ms(400);
    answer(3, NULL, 0);
    sleep_ms(20000);
    is_int(ncalls, 4, "three answers are enough");
    is_total(NGX_SPOCR_OUTBOX_TOTAL_STORED, 1);

    put_len(NULL, NGX_SPOCR_OUTBOX_UNCLAIM, 0);
    answer(4, NULL, 0);
    sleep_ms(2300);
    answer(5, NULL, 1);
    sleep_ms(20000);
    is_int(ncalls, 6, "so is one that it was there");

    put_len(NULL, NGX_SPOCR_OUTBOX_UNCLAIM, 0);
    answer(6, NULL, 1);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_ACKED, 1);

    end(0);
}


static void
test_stop(void)
{
    request_t            r;
    ngx_spocr_outbox_t  *other;

    begin();

    put(NULL);
    lose(0);
    sleep_ms(1800);
    is_int(ncalls, 2, "one of the zone");
    put(&r);
    is_int(ncalls, 3, "and one for the first time are under way");

    /* a second worker, which has no part in it while the first one lives */

    other = outbox;
    outbox = start();
    sleep_ms(90);
    is_int(ncalls, 3, "what is held is sent once");

    ngx_spocr_outbox_stop(other);
    ok(calls[1].call == NULL && calls[2].call == NULL,
       "the end of the worker: calls are cancelled");
    ok(r.told == 0 && r.ticket.entry == NULL, "nobody is told");
    is_int(shm.outbox.n, 2, "both items are in the zone");
    sleep_ms(1100);
    is_int(ncalls, 5, "and are sent by the other worker");
    answer(3, "OK", 0);
    answer(4, "OK", 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_STORED, 2);

    end(0);
}


/* A worker that is killed, or that is too slow. */

static void
test_take_over(void)
{
    size_t               last;
    ngx_spocr_outbox_t  *slow;

    begin();

    full = 1;
    put(NULL);
    full = 0;
    sleep_ms(1000);
    is_int(ncalls, 1, "a worker sends one");

    slow = outbox;
    outbox = start();
    sleep_ms(NGX_SPOCR_ZONE_OUTBOX_HOLD - 1);
    is_int(ncalls, 1, "and has its time");
    sleep_ms(1300);
    ok(ncalls >= 2, "then another one sends it");
    last = ncalls - 1;
    answer(0, "OK", 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_STORED, 0);
    is_int(shm.outbox.n, 1, "it is not the first one's any more");
    answer(last, "DUP", 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_STORED, 1);
    is_int(shm.outbox.n, 0, "it has arrived");

    ngx_spocr_outbox_stop(slow);
    end(0);
}


static void
test_room(void)
{
    request_t  r;

    begin();

    room = 100;
    full = 1;
    is_int(put(&r), NGX_AGAIN, "Redis does not take it, nor has the zone room");
    pass();
    ok(r.told == 1 && r.ticket.result == NGX_SPOCR_OUTBOX_LATE, "late");
    is_total(NGX_SPOCR_OUTBOX_TOTAL_DROPPED, 1);
    is_str(line, "error what Redis had to be told of a claim is lost: the zone "
           "has no room for it", "and lost");
    full = 0;

    put(&r);
    lose(0);
    is_int(r.told, 1, "the same after a call");
    is_total(NGX_SPOCR_OUTBOX_TOTAL_DROPPED, 2);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_KEPT, 0);

    /* the worker's memory */

    room = ROOM;
    is_int(put_len(NULL, NGX_SPOCR_OUTBOX_COMPLETE, LIMIT - 200), NGX_AGAIN,
           "a long one is under way");
    is_int(put_len(&r, NGX_SPOCR_OUTBOX_COMPLETE, 300), NGX_AGAIN,
           "another one is too much");
    ok(ncalls == 2 && r.told == 0, "it is not sent at once");
    is_total(NGX_SPOCR_OUTBOX_TOTAL_KEPT, 1);
    pass();
    ok(r.told == 1 && r.ticket.result == NGX_SPOCR_OUTBOX_LATE, "but late");
    put_len(&r, NGX_SPOCR_OUTBOX_COMPLETE, 300);
    ngx_spocr_outbox_forget(&r.ticket);
    pass();
    is_int(r.told, 0, "forgotten before it was told");

    is_int(put_len(&r, NGX_SPOCR_OUTBOX_COMPLETE, LIMIT), NGX_ERROR,
           "one that nothing has room for");
    pass();
    ok(r.told == 0 && r.ticket.entry == NULL, "ends with that");
    is_total(NGX_SPOCR_OUTBOX_TOTAL_DROPPED, 3);

    /* what the zone has does not need more than the limit, but for one */

    sleep_ms(1000);
    is_int(ncalls, 3, "one is sent from there");
    answer(1, "OK", 0);
    answer(2, "OK", 0);
    answer(3, "OK", 0);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_STORED, 2);

    memory_out = 1;
    is_int(put(&r), NGX_ERROR, "memory is out");
    put(NULL);
    memory_out = 0;
    is_total(NGX_SPOCR_OUTBOX_TOTAL_DROPPED, 5);

    end(0);
}


static void
test_ttl(void)
{
    begin();

    full = 1;
    put(NULL);
    full = 0;
    away = 1;
    sleep_ms(59900);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_DROPPED, 0);
    sleep_ms(500);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_DROPPED, 1);
    is_str(line, "error what Redis had to be told of a claim is lost: its time "
           "is over", "also while Redis is away");
    is_int(ncalls, 0, "it is not sent");

    full = 1;
    put(NULL);
    full = 0;
    ngx_current_msec += 60000;
    away = 0;
    ngx_spocr_outbox_retry(outbox);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_DROPPED, 2);
    is_int(ncalls, 0, "nor one that was not looked at in time");

    end(0);
}


/* Many at once: so many calls, and the next ones as they end. */

static void
test_many(void)
{
    size_t    i;
    unsigned  n;

    begin();

    room = shm.outbox.size = 100 * ROOM;
    full = 1;

    for (n = 0; n < 100; n++) {
        put(NULL);
    }

    full = 0;
    sleep_ms(1000);
    is_int(ncalls, 16, "16 calls are under way");

    for (i = 0; i < 50; i++) {
        answer(i, "OK", 0);
    }

    is_int(ncalls, 66, "each end makes room");

    for (i = 50; i < 66; i++) {
        lose(i);
    }

    is_int(ncalls, 66, "but not a failure");
    sleep_ms(310);
    is_int(ncalls, 82, "which is waited for");

    ngx_exiting = 1;
    answer(66, "OK", 0);
    sleep_ms(400);
    is_int(ncalls, 82, "a worker that is going takes no more");
    ngx_exiting = 0;
    is_int(outbox->timer.cancelable, 1, "nor does its timer keep it");
    is_total(NGX_SPOCR_OUTBOX_TOTAL_STORED, 51);

    end(49);
}


/* What the zone gives back is checked: every byte of it may be another. */

static void
test_bytes(void)
{
    size_t                    len, i;
    u_char                   *bytes, *copy;
    unsigned                  wrong;
    ngx_str_t                *s;
    ngx_spocr_zone_item_t     kept;
    ngx_spocr_outbox_item_t   item;

    begin();

    put(NULL);
    lose(0);
    len = shm.outbox.bytes;
    bytes = ngx_spocr_kept_bytes(
                         shm.outbox.lists[NGX_SPOCR_ZONE_OUTBOX_SOON].head);

    for (i = 0, wrong = 0; i < len; i++) {
        copy = malloc(i + 1);
        memcpy(copy, bytes, i);
        wrong += ngx_spocr_outbox_item_read(&item, copy, i) != NGX_ERROR;
        free(copy);
    }

    is_int(wrong, 0, "a part of an item is none");

    copy = malloc(len + 1);
    memcpy(copy, bytes, len);
    is_int(ngx_spocr_outbox_item_read(&item, copy, len + 1), NGX_ERROR,
           "nor is more than one");

    for (i = 0; i < 256 * len; i++) {
        memcpy(copy, bytes, len);
        copy[i / 256] = (u_char) i;

        if (ngx_spocr_outbox_item_read(&item, copy, len) == NGX_OK) {
            s = &item.args[item.nargs - 1];
            wrong += item.nargs && s->data + s->len != copy + len;
        }
    }

    is_int(wrong, 0, "nothing is read that is not there");

    memcpy(copy, bytes, len);
    copy[0]++;
    kept.len = len;
    kept.expires = ngx_current_msec + 60000;
    kept.mark = 0;
    (void) ngx_spocr_zone_outbox_put(&zone, &kept, copy,
                                     NGX_SPOCR_ZONE_OUTBOX_NOW);
    free(copy);
    ngx_spocr_outbox_retry(outbox);
    is_total(NGX_SPOCR_OUTBOX_TOTAL_DROPPED, 1);
    is_str(line, "error what Redis had to be told of a claim is lost: another "
           "release has put it into the zone", "and it is told");

    memset(&item, 0, sizeof(item));
    item.nargs = NGX_SPOCR_OUTBOX_ARGS_MAX + 1;
    is_int(ngx_spocr_outbox_put(outbox, &item, NULL), NGX_ERROR,
           "too many arguments");

    end(1);
}


int
main(void)
{
    test_acked();
    test_late();
    test_declined();
    test_refused();
    test_unclaim();
    test_stop();
    test_take_over();
    test_room();
    test_ttl();
    test_many();
    test_bytes();

    return done_testing();
}
