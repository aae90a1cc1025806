/*
 * Delivers webhooks: a few threads, of which one at a time looks for what is
 * due while the others deliver.  Started by main.c, woken by whoever made an
 * event.
 *
 * Invariant: a delivery stays pending, and due, until the outcome of an
 * attempt is on the disk.  What is under way is known in memory alone: this
 * is the only process that delivers from the folder (its lock), so that a
 * kill -9 in the middle repeats an attempt and loses nothing.  So a stop need
 * not wait for a receiver either: it breaks off what is under way.  Receivers
 * see an event at least once, and tell repetitions by its id.
 *
 * A tenant has one delivery under way, and one whose receiver fails slowly is
 * left alone for five times as long as it took: however many there are, each
 * holds a thread for a sixth of the time at most.
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "courier.h"
#include "fetch.h"
#include "hook.h"
#include "parcel.h"


#define BE_HOOK_MS       10000   /* for one attempt */
#define BE_HOOK_WAIT_MS  15000   /* for a helper, while one is restarted */
#define BE_HOOK_SPARE_MS  2000   /* until a helper that is late is killed */
#define BE_REST_TIMES    5
#define BE_REST_MIN_MS   500
#define BE_REST_SAVE_MS  30000   /* after an outcome that was not stored */
#define BE_RESTS         64

#define BE_SWEEP_MS      (60 * 60 * 1000)
#define BE_LOOK_MS       60000   /* the clock may have been set */


typedef struct {
    char     *uid;
    uint64_t  until;
} be_rest_t;

struct be_courier_s {
    const be_http_conf_t  *conf;
    be_retries_t           retries;
    pthread_mutex_t        turn; /* who looks for what is due */
    pthread_mutex_t        lock; /* of all below */
    pthread_cond_t         news;
    int                    woken;
    int                    stopping;
    be_rest_t              rests[BE_RESTS];
    const be_parcel_t     *busy[BE_COURIERS];
    int                    n;
    pthread_t              threads[BE_COURIERS];
    uint64_t               sweep_at;     /* under "turn" */
};


int
be_retries_parse(const char *s, be_retries_t *r)
{
    long   n;
    char  *end;

    memset(r, 0, sizeof(*r));

    for ( ;; ) {
        if (*s < '0' || *s > '9' || r->n == BE_MAX_RETRIES) {
            return -1;
        }

        errno = 0;
        n = strtol(s, &end, 10);

        if (errno || n < 1 || n > 7 * 24 * 60 * 60) {
            return -1;
        }

        r->after[r->n++] = (int) n;

        if (*end == '\0') {
            return 0;
        }

        if (*end != ',') {
            return -1;
        }

        s = end + 1;
    }
}


/* A line in the log, like that of a request.  The URL is the tenant's own
 * affair: there may be a token in it. */

static void
be_courier_log(const be_parcel_t *p, const be_outcome_t *o, uint64_t ms)
{
    char        when[32], *line;
    time_t      now = time(NULL);
    json_t     *j;
    struct tm   tm;

    gmtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);

    j = json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:s,s:I}", "time", when,
                  "requestId", p->request_id, "uid", p->uid,
                  "delivery", p->key, "event", p->type,
                  "attempt", p->attempts + 1, "status", (int) o->status,
                  "error", o->error ? o->error : "",
                  "ms", (json_int_t) ms);
    line = j ? json_dumps(j, JSON_COMPACT) : NULL;

    if (line != NULL) {
        fprintf(stderr, "%s\n", line);
    }

    free(line);
    json_decref(j);
}


/* Whom to leave alone; the lock is held. */

static void
be_rest(be_courier_t *c, const char *uid, uint64_t ms)
{
    int  i, oldest = 0;

    for (i = 1; i < BE_RESTS; i++) {
        if (c->rests[i].until < c->rests[oldest].until) {
            oldest = i;
        }
    }

    free(c->rests[oldest].uid);
    c->rests[oldest].uid = strdup(uid);
    c->rests[oldest].until = c->rests[oldest].uid ? be_now_ms() + ms : 0;
}


/* Until when a tenant has to wait; UINT64_MAX: until its delivery ends. */

static uint64_t
be_courier_held(be_courier_t *c, const char *uid)
{
    int       i;
    uint64_t  until = 0;

    pthread_mutex_lock(&c->lock);

    for (i = 0; i < BE_RESTS; i++) {
        if (c->rests[i].until > until && strcmp(c->rests[i].uid, uid) == 0) {
            until = c->rests[i].until;
        }
    }

    for (i = 0; i < BE_COURIERS; i++) {
        if (c->busy[i] != NULL && strcmp(c->busy[i]->uid, uid) == 0) {
            until = UINT64_MAX;
        }
    }

    pthread_mutex_unlock(&c->lock);

    return until;
}


/* One host may have half of the threads. */

static int
be_courier_crowded(be_courier_t *c, const char *site)
{
    int  i, n = 0;

    pthread_mutex_lock(&c->lock);

    for (i = 0; i < BE_COURIERS; i++) {
        n += c->busy[i] != NULL && strcmp(c->busy[i]->site, site) == 0;
    }

    pthread_mutex_unlock(&c->lock);

    return n >= BE_COURIERS / 2;
}


/* Marks a parcel as under way, or the place of old as free. */

static void
be_courier_busy(be_courier_t *c, const be_parcel_t *old,
    const be_parcel_t *p)
{
    int  i;

    pthread_mutex_lock(&c->lock);

    for (i = 0; i < BE_COURIERS; i++) {
        if (c->busy[i] == old) {
            c->busy[i] = p;
            break;
        }
    }

    pthread_mutex_unlock(&c->lock);
}


/*
 * Looks for something to deliver.  1: *p; 0: *wait is for how many ms there
 * will be nothing, unless there are news.  Each tenant's first delivery is
 * found by a step in the index, however many are behind it.
 */

static int
be_courier_look(be_courier_t *c, be_parcel_t *p, uint64_t *wait)
{
    int            rc = 0;
    int64_t        now = be_wall_ms(), due;
    be_db_t       *db;
    uint64_t       held, clock = be_now_ms();
    be_fault_t     f = { 0 };
    sqlite3_stmt  *st;

    *wait = 1000;
    db = be_store_read(c->conf->store, &f);

    if (db == NULL) {
        be_fault_free(&f);
        return 0;
    }

    st = be_sql(db, "WITH RECURSIVE t (uid) AS ("
                " SELECT min(uid) FROM delivery WHERE status = 'pending'"
                " UNION ALL"
                " SELECT (SELECT min(uid) FROM delivery"
                "  WHERE status = 'pending' AND uid > t.uid)"
                " FROM t WHERE t.uid IS NOT NULL)"
                " SELECT uid, (SELECT min(next_at) FROM delivery"
                "  WHERE status = 'pending' AND uid = t.uid) AS due"
                " FROM t WHERE uid IS NOT NULL ORDER BY due", "");
    *wait = BE_LOOK_MS;

    while (rc == 0 && (rc = be_step(db, st)) == 1) {
        due = sqlite3_column_int64(st, 1);

        if (due > now) {
            *wait = (uint64_t) (due - now) < *wait ? (uint64_t) (due - now)
                                                   : *wait;
            rc = 0;
            break;
        }

        held = be_courier_held(c, be_text(st, 0));

        if (held > clock) {
            *wait = held - clock < *wait ? held - clock : *wait;
            rc = 0;
            continue;
        }

        rc = be_parcel_load(db, be_text(st, 0), now, p);

        if (rc == 1 && be_courier_crowded(c, p->site)) {
            be_parcel_free(p);
            rc = 0;
        }
    }

    be_done(st);
    be_store_abort(db);

    if (rc < 0) {
        *wait = 1000;
    }

    return rc == 1;
}


static const char *
be_courier_reason(const be_fault_t *f)
{
    size_t              i;
    const char         *reason = be_fetch_reason(f);
    static const char  *known[] = {
        "bad_url", "forbidden_url", "forbidden_address", "unknown_host",
        "unreachable", "timeout", "tls"
    };

    for (i = 0; reason && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(reason, known[i]) == 0) {
            return known[i];
        }
    }

    return "failed";
}


static void
be_courier_send(be_courier_t *c, const be_parcel_t *p, be_outcome_t *o)
{
    int           at;
    char          signature[BE_HOOK_SIGNATURE_SIZE + 24];
    char          type[80], delivery[80];
    const char   *headers[5];
    uint64_t      now = be_now_ms();
    be_span_t     span = { now + BE_HOOK_WAIT_MS, now + BE_HOOK_WAIT_MS
                           + BE_HOOK_MS + BE_HOOK_SPARE_MS };
    be_fault_t    f = { 0 };
    be_fetch_t    q = { 0 };
    be_fetched_t  got;

    at = snprintf(signature, 24, "X-Spaceocr-Signature: ");
    be_hook_sign(p->secret, be_wall_ms() / 1000, p->body, strlen(p->body),
                 signature + at);
    snprintf(type, sizeof(type), "X-Spaceocr-Event: %s", p->type);
    snprintf(delivery, sizeof(delivery), "X-Spaceocr-Delivery: %s", p->key);

    headers[0] = "Content-Type: application/json";
    headers[1] = signature;
    headers[2] = type;
    headers[3] = delivery;
    headers[4] = NULL;

    q.url = p->url;
    q.headers = headers;
    q.body = p->body;
    q.len = strlen(p->body);
    q.allowed = c->conf->allowed;
    q.timeout_ms = BE_HOOK_MS;

    if (be_fetch(c->conf->deliver, &q, &got, &span, &f) == 0) {
        o->status = got.status;
        o->error = got.status >= 200 && got.status < 300 ? NULL
                   : got.status >= 300 && got.status < 400 ? "redirect"
                   : "status";
        free(got.body);

    } else {
        o->error = be_courier_reason(&f);
        o->counts = f.status != 503 && f.status != 500;
    }

    be_fault_free(&f);
}


static int
be_courier_stopping(be_courier_t *c)
{
    int  stopping;

    pthread_mutex_lock(&c->lock);
    stopping = c->stopping;
    pthread_mutex_unlock(&c->lock);

    return stopping;
}


static void
be_courier_deliver(be_courier_t *c, const be_parcel_t *p)
{
    uint64_t      ms = be_now_ms(), rest;
    be_outcome_t  o = { 0, "removed", 1 };

    if (p->url != NULL) {
        be_courier_send(c, p, &o);

        /* broken off, maybe: that was no attempt */

        if (o.error != NULL && be_courier_stopping(c)) {
            return;
        }
    }

    ms = be_now_ms() - ms;
    rest = o.error ? ms * BE_REST_TIMES : 0;

    if (!o.counts || be_parcel_store(c->conf->store, &c->retries, p, &o) != 0) {
        rest = BE_REST_SAVE_MS;
    }

    be_courier_log(p, &o, ms);

    pthread_mutex_lock(&c->lock);

    if (rest >= BE_REST_MIN_MS) {
        be_rest(c, p->uid, rest);
    }

    pthread_mutex_unlock(&c->lock);
}


/* Waits until there is a parcel.  0: the courier stops. */

static int
be_courier_next(be_courier_t *c, be_parcel_t *p)
{
    int               found = 0;
    uint64_t          wait, until;
    struct timespec   ts;

    pthread_mutex_lock(&c->turn);

    for ( ;; ) {
        pthread_mutex_lock(&c->lock);
        c->woken = 0;
        pthread_mutex_unlock(&c->lock);

        if (be_courier_stopping(c)) {
            break;
        }

        if (be_now_ms() >= c->sweep_at) {
            be_parcel_sweep(c->conf->store, &c->retries);
            c->sweep_at = be_now_ms() + BE_SWEEP_MS;
        }

        found = be_courier_look(c, p, &wait);

        if (found) {
            be_courier_busy(c, NULL, p);
            break;
        }

        /* a little more: the clocks' milliseconds are not the same */

        until = be_now_ms() + wait + 1;
        until = until < c->sweep_at ? until : c->sweep_at;
        ts.tv_sec = (time_t) (until / 1000);
        ts.tv_nsec = (long) (until % 1000) * 1000000;

        pthread_mutex_lock(&c->lock);

        while (!c->woken && !c->stopping
               && pthread_cond_timedwait(&c->news, &c->lock, &ts) == 0)
        {
            /* woken for nothing */
        }

        pthread_mutex_unlock(&c->lock);
    }

    pthread_mutex_unlock(&c->turn);

    return found;
}


static void *
be_courier_main(void *data)
{
    be_parcel_t    p = { 0 };
    be_courier_t  *c = data;

    while (be_courier_next(c, &p)) {
        be_courier_deliver(c, &p);
        be_courier_busy(c, &p, NULL);
        be_parcel_free(&p);
        be_courier_wake(c);
    }

    return NULL;
}


be_courier_t *
be_courier_start(const be_http_conf_t *conf, const be_retries_t *retries)
{
    be_courier_t        *c;
    pthread_condattr_t   attr;

    c = calloc(1, sizeof(be_courier_t));
    if (c == NULL) {
        fprintf(stderr, "spocr-backend: out of memory\n");
        return NULL;
    }

    c->conf = conf;
    c->retries = *retries;

    pthread_mutex_init(&c->turn, NULL);
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->news, &attr);
    pthread_condattr_destroy(&attr);

    for (c->n = 0; c->n < BE_COURIERS; c->n++) {
        if (pthread_create(&c->threads[c->n], NULL, be_courier_main, c) != 0) {
            fprintf(stderr, "spocr-backend: no thread for webhooks\n");
            be_courier_stop(c);
            return NULL;
        }
    }

    return c;
}


void
be_courier_wake(be_courier_t *c)
{
    if (c == NULL) {
        return;
    }

    pthread_mutex_lock(&c->lock);
    c->woken = 1;
    pthread_cond_signal(&c->news);
    pthread_mutex_unlock(&c->lock);
}


void
be_courier_stop(be_courier_t *c)
{
    int  i;

    if (c == NULL) {
        return;
    }

    pthread_mutex_lock(&c->lock);
    c->stopping = 1;
    pthread_cond_broadcast(&c->news);
    pthread_mutex_unlock(&c->lock);

    be_pool_cut(c->conf->deliver);

    for (i = 0; i < c->n; i++) {
        pthread_join(c->threads[i], NULL);
    }

    for (i = 0; i < BE_RESTS; i++) {
        free(c->rests[i].uid);
    }

    pthread_cond_destroy(&c->news);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->turn);
    free(c);
}
