
/*
 * Lookups of keys: C-8, C-10, C-19 (one budget).  The clock, the timers, the
 * link to Redis and the zone are replaced by ones that the test moves.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "tap.h"

/* the files themselves: what they call of nginx is replaced below */
#include "../../ngx_spocr_module/ngx_spocr_lookup.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_lookup_flight.c" /* NOLINT */


#define TIMEOUT  50
#define TTL      1000
#define CALLS    512


volatile ngx_msec_t    ngx_current_msec = 100000;
ngx_rbtree_t           ngx_event_timer_rbtree;


/* -- nginx -- */

static ngx_rbtree_node_t  *timers[512];
static size_t              ntimers;


static void
tree_put(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    if (tree->root == tree->sentinel) {
        node->left = tree->sentinel;
        node->right = tree->sentinel;
        tree->root = node;

    } else {
        tree->insert(tree->root, node, tree->sentinel);
    }
}


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    if (tree == &ngx_event_timer_rbtree) {
        timers[ntimers++] = node;
        return;
    }

    tree_put(tree, node);
}


static void
tree_without(ngx_rbtree_t *tree, ngx_rbtree_node_t *from,
    ngx_rbtree_node_t *node)
{
    ngx_rbtree_node_t  *left, *right;

    if (from == tree->sentinel) {
        return;
    }

    left = from->left;
    right = from->right;

    if (from != node) {
        tree_put(tree, from);
    }

    tree_without(tree, left, node);
    tree_without(tree, right, node);
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    size_t              i;
    ngx_rbtree_node_t  *root;

    if (tree == &ngx_event_timer_rbtree) {
        for (i = 0; timers[i] != node; i++) { /* void */ }
        timers[i] = timers[--ntimers];
        return;
    }

    root = tree->root;
    tree->root = tree->sentinel;
    tree_without(tree, root, node);
}


static void
sleep_ms(ngx_msec_t ms)
{
    size_t        i;
    ngx_event_t  *ev;

    ngx_current_msec += ms;

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
}


static void  *pool[8];
static size_t npool;


void *
ngx_pcalloc(ngx_pool_t *p, size_t size)
{
    (void) p;

    return pool[npool++] = calloc(1, size);
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
    va_list           args;
    const char       *kind, *what, *why;
    const ngx_str_t  *name;

    (void) level;
    (void) log;
    (void) e;

    va_start(args, fmt);
    kind = va_arg(args, const char *);
    name = va_arg(args, const ngx_str_t *);
    what = va_arg(args, const char *);
    why = va_arg(args, const char *);
    va_end(args);

    snprintf(line, sizeof(line), "%s %.*s %s: %s", kind, (int) name->len,
             name->data, what, why);
}


/* -- the zone -- */

static uint32_t  versions[16], epoch;
static uint64_t  totals[NGX_SPOCR_LOOKUP_TOTALS];


ngx_spocr_zone_version_t
ngx_spocr_zone_version(ngx_spocr_zone_t *zone, uint32_t hash)
{
    ngx_spocr_zone_version_t  version;

    (void) zone;

    version.record = versions[hash >> 28];
    version.epoch = epoch;

    return version;
}


void
ngx_spocr_zone_count(ngx_spocr_zone_t *zone, ngx_uint_t total, ngx_uint_t n)
{
    (void) zone;

    totals[total] += n;
}


ngx_uint_t
ngx_spocr_zone_may_say(ngx_spocr_zone_t *zone, ngx_uint_t topic,
    time_t seconds, ngx_uint_t *skipped)
{
    (void) zone;
    (void) topic;
    (void) seconds;

    *skipped = 0;

    return 1;
}


/* -- the link -- */

static struct {
    ngx_spocr_redis_call_t  *call;      /* NULL: cancelled, or answered */
    char                     key[128];
} calls[CALLS];

static size_t  ncalls;
static int     away;


ngx_uint_t
ngx_spocr_redis_ready(const ngx_spocr_redis_t *redis)
{
    (void) redis;

    return !away;
}


ngx_int_t
ngx_spocr_redis_call(ngx_spocr_redis_t *redis, ngx_spocr_redis_call_t *call,
    const ngx_spocr_redis_request_t *request)
{
    (void) redis;

    if (away) {
        return NGX_DECLINED;
    }

    if (ncalls == CALLS || strcmp(request->function, "get") != 0
        || request->nkeys != 1 || !request->lookup
        || request->budget != TIMEOUT)
    {
        ok(0, "a call as it should be");
        exit(1);
    }

    calls[ncalls].call = call;
    snprintf(calls[ncalls].key, sizeof(calls[0].key), "%.*s",
             (int) request->keys[0].len, request->keys[0].data);
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
}


const ngx_str_t *
ngx_spocr_redis_prefix(const ngx_spocr_redis_t *redis)
{
    static const ngx_str_t  prefix = ngx_string("p:");

    (void) redis;

    return &prefix;
}


ngx_msec_t
ngx_spocr_redis_timeout(const ngx_spocr_redis_t *redis)
{
    (void) redis;

    return TIMEOUT;
}


/* What Redis says to the n-th call; NULL is nil. */

static void
end_call(size_t n, ngx_spocr_redis_result_e result, const char *text)
{
    ngx_spocr_redis_call_t   *call;
    ngx_spocr_redis_reply_t   reply;

    memset(&reply, 0, sizeof(reply));

    call = calls[n].call;
    calls[n].call = NULL;

    if (result == NGX_SPOCR_REDIS_ERROR) {
        reply.error.data = (u_char *) text;
        reply.error.len = strlen(text);

    } else {
        reply.nvalues = 1;

        if (text != NULL) {
            reply.values[0].type = NGX_SPOCR_REDIS_STRING;
            reply.values[0].text.data = (u_char *) text;
            reply.values[0].text.len = strlen(text);
        }
    }

    call->result = result;
    call->reply = result == NGX_SPOCR_REDIS_AWAY ? NULL : &reply;
    call->handler(call);
}


static void
answer(size_t n, const char *text)
{
    end_call(n, NGX_SPOCR_REDIS_OK, text);
}


/* -- requests -- */

typedef struct request_s  request_t;

struct request_s {
    ngx_spocr_asker_t        asker;
    ngx_spocr_redis_wait_t   wait;
    unsigned                 woken;
    ngx_int_t                rc;
    request_t               *ends;      /* who is gone when this one wakes */
};


static ngx_spocr_lookup_t  *lookup;
static ngx_spocr_digest_t  *digest;
static ngx_spocr_keys_t    *names;


static void
wake(void *data)
{
    request_t *r = data;

    r->woken++;

    if (r->ends != NULL) {
        ngx_spocr_asker_release(&r->ends->asker);
    }

    r->rc = ngx_spocr_asker_find(&r->asker);
}


static ngx_int_t
ask(request_t *r, const char *key)
{
    u_char  bytes[NGX_SPOCR_DIGEST_LEN];

    memset(r, 0, sizeof(request_t));
    r->wait.wake = wake;
    r->wait.data = r;

    ngx_spocr_digest(digest, (u_char *) key, strlen(key), bytes);
    ngx_spocr_asker_begin(&r->asker, lookup, &r->wait, bytes);

    return r->rc = ngx_spocr_asker_find(&r->asker);
}


static void
done(request_t *r)
{
    ngx_spocr_asker_release(&r->asker);
}


static void *
heap_alloc(void *data, size_t size)
{
    static void   *blocks[64];
    static size_t  count;

    (void) data;

    if (size == 0) {
        while (count) {
            free(blocks[--count]);
        }

        return NULL;
    }

    return blocks[count++] = malloc(size);
}


static void
begin(void)
{
    ngx_cycle_t                        cycle;
    ngx_spocr_lookup_context_t         context;
    static ngx_log_t                   log;
    static const ngx_spocr_lookup_conf_t  conf = { TTL, TTL, 10 * TTL };

    memset(&cycle, 0, sizeof(cycle));
    memset(&context, 0, sizeof(context));
    memset(versions, 0, sizeof(versions));
    memset(totals, 0, sizeof(totals));
    log.log_level = NGX_LOG_WARN;
    cycle.log = &log;

    ncalls = 0;
    away = 0;
    line[0] = '\0';

    lookup = ngx_spocr_lookup_start(&cycle, &context, &conf, names, digest);
}


static void
end(void)
{
    ngx_spocr_lookup_stop(lookup);
    is_int(ntimers, 0, "no timer is left");

    while (npool) {
        free(pool[--npool]);
    }
}


/* The three records of a key, one call each; then none. */

static void
test_records(void)
{
    request_t  r;

    begin();

    is_int(ask(&r, "k"), NGX_AGAIN, "a key is asked for");
    is_int(ncalls, 1, "with one call");
    is_str(calls[0].key, "p:key:8254c329a92850f6d539dd376f4816ee"
                         "2764517da5e0235514af433164480d7a", "of its record");
    is_int(ngx_spocr_asker_find(&r.asker), NGX_AGAIN, "asking again waits");
    is_int(ncalls, 1, "and calls nobody");

    answer(0, "{\"id\":\"key_1\",\"uid\":\"u_acme\"}");
    ok(r.woken == 1 && r.rc == NGX_AGAIN, "woken, and its tenant is asked for");
    is_str(calls[1].key, "p:tenant:fb5470acf0aa436daaa6cda37b595f53"
                         "3a3faa47d438332b368934fb4d7b48b8", "by its digest");
    answer(1, "{\"plan\":\"pro\"}");
    is_str(calls[2].key, "p:plan:pro", "its plan");
    answer(2, "{\"limits\":{\"key\":5}}");
    ok(r.woken == 3 && r.rc == NGX_OK, "the identity is complete");
    is_int(r.asker.identity.key.tenant->plan->limits->main.key, 5,
           "with the plan's limits");
    is_int(totals[NGX_SPOCR_LOOKUP_REDIS], 1, "a key of Redis");
    is_int(totals[NGX_SPOCR_LOOKUP_ASKED], 3, "three calls");
    done(&r);

    is_int(ask(&r, "k"), NGX_OK, "the next one is let in at once");
    is_int(totals[NGX_SPOCR_LOOKUP_FRESH], 1, "from the cache");
    done(&r);

    is_int(ask(&r, "none"), NGX_AGAIN, "another key");
    answer(3, NULL);
    is_int(r.rc, NGX_DECLINED, "does not exist");
    done(&r);
    is_int(ask(&r, "none"), NGX_DECLINED, "which is remembered");
    is_int(totals[NGX_SPOCR_LOOKUP_NEGATIVE], 1, "as such");
    done(&r);

    end();
}


static void
test_many(void)
{
    int        i;
    unsigned   woken;
    request_t  r[20], other, gone;

    begin();

    for (i = 0; i < 20; i++) {
        ask(&r[i], "k");
    }

    ask(&gone, "k");
    ask(&other, "k2");
    is_int(ncalls, 2, "two keys, two calls");

    done(&gone);                        /* while it waits */
    r[5].ends = &r[6];                  /* while they are woken */
    r[7].ends = &r[3];                  /* who waits for the tenant then */

    answer(0, "{\"id\":\"key_1\",\"uid\":\"u\"}");
    answer(1, "{\"id\":\"key_2\",\"uid\":\"u\"}");
    is_int(ncalls, 3, "one call for their tenant");
    r[5].ends = r[7].ends = NULL;
    answer(2, NULL);

    for (i = 0, woken = 0; i < 20; i++) {
        woken += r[i].woken == 2 && r[i].rc == NGX_OK;
    }

    is_int(woken, 18, "each is woken once for each record");
    ok(r[6].woken == 0 && r[3].woken == 1 && gone.woken == 0,
       "but for those who have gone");
    is_int(other.rc, NGX_OK, "the other key's, too");
    ok(other.asker.identity.key.tenant->plan == NULL, "no tenant, no plan");

    for (i = 0; i < 20; i++) {
        done(&r[i]);
    }

    done(&other);

    /* all have gone: the answer is of use all the same */
    ask(&r[0], "k3");
    done(&r[0]);
    answer(3, "{\"id\":\"key_3\",\"uid\":\"u\"}");
    is_int(ask(&r[0], "k3"), NGX_OK, "an answer that nobody waited for");
    done(&r[0]);

    end();
}


static void
test_away(void)
{
    request_t  r;

    begin();

    ask(&r, "k");
    end_call(0, NGX_SPOCR_REDIS_AWAY, NULL);
    ok(r.woken == 1 && r.rc == NGX_ERROR, "no answer");
    is_str(r.asker.reason, "Redis did not answer", "is why");
    is_int(ncalls, 1, "and asked no second time");
    done(&r);

    away = 1;
    is_int(ask(&r, "k"), NGX_ERROR, "a store that is away");
    is_str(r.asker.reason, "Redis is away", "is why");
    is_int(totals[NGX_SPOCR_LOOKUP_FAILED], 2, "both are counted");
    done(&r);

    away = 0;
    ask(&r, "k");
    answer(1, "{\"id\":\"key_1\",\"uid\":\"u\"}");
    answer(2, NULL);
    done(&r);

    sleep_ms(TTL);
    is_int(ask(&r, "k"), NGX_AGAIN, "its time is up: asked again");
    end_call(3, NGX_SPOCR_REDIS_AWAY, NULL);
    is_int(r.rc, NGX_AGAIN, "no answer: what is known, and its tenant");
    end_call(4, NGX_SPOCR_REDIS_AWAY, NULL);
    is_int(r.rc, NGX_OK, "also as it is known");
    is_int(totals[NGX_SPOCR_LOOKUP_STALE], 1, "counted as stale");
    done(&r);

    away = 1;
    is_int(ask(&r, "k"), NGX_OK, "away: the same at once");
    done(&r);

    versions[8]++;                      /* of "k", by its first digit */
    is_int(ask(&r, "k"), NGX_ERROR, "one that was changed is not used");
    done(&r);

    away = 0;
    ask(&r, "k");
    answer(5, "{\"id\":\"key_1\",\"uid\":\"u\"}");
    answer(6, NULL);
    is_int(r.rc, NGX_OK, "known again");
    done(&r);
    epoch++;
    away = 1;
    is_int(ask(&r, "k"), NGX_OK, "a new subscription makes it stale only");
    done(&r);
    sleep_ms(11 * TTL);
    is_int(ask(&r, "k"), NGX_ERROR, "that has an end");
    done(&r);

    end();
}


/* A change that was told while the answer was under way. */

static void
test_change(void)
{
    request_t  before, after;

    begin();

    ask(&before, "k");
    versions[8]++;
    ask(&after, "k");
    is_int(ncalls, 2, "who comes after the notice asks anew");

    answer(0, "{\"id\":\"old\",\"uid\":\"u\"}");
    answer(2, NULL);
    is_int(before.rc, NGX_OK, "who came before it has its answer");
    ok(after.woken == 0 && after.rc == NGX_AGAIN, "the other one waits on");
    answer(1, "{\"id\":\"new\",\"uid\":\"u\"}");
    is_int(after.rc, NGX_OK, "for the new record");
    ok(after.asker.identity.key.id.data[0] == 'n', "which it gets");
    done(&before);
    done(&after);

    is_int(ask(&after, "k"), NGX_OK, "and which is kept");
    ok(after.asker.identity.key.id.data[0] == 'n', "and not the old one");
    done(&after);

    end();
}


static void
test_budget(void)
{
    request_t  slow, fast;

    begin();

    ask(&slow, "k");
    sleep_ms(30);
    answer(0, "{\"id\":\"key_1\",\"uid\":\"u\"}");
    is_int(slow.wait.used, 30, "30 ms are used");
    is_int(ncalls, 2, "and the tenant is asked for");

    ask(&fast, "k");
    sleep_ms(19);
    ok(slow.woken == 1, "one ms is left");
    sleep_ms(1);
    ok(slow.woken == 2 && slow.rc == NGX_ERROR, "then it has waited enough");
    is_int(slow.wait.used, 50, "for all of its time");
    ok(fast.woken == 0, "but not who came later");
    answer(1, NULL);
    ok(fast.woken == 1 && fast.rc == NGX_OK, "who gets the answer");
    done(&slow);
    done(&fast);

    memset(&slow, 0, sizeof(slow));
    sleep_ms(TTL);
    ask(&slow, "new");
    done(&slow);
    slow.wait.used = TIMEOUT;
    ngx_spocr_asker_begin(&slow.asker, lookup, &slow.wait,
                          (u_char *) "0123456789abcdef0123456789abcdef");
    is_int(ngx_spocr_asker_find(&slow.asker), NGX_ERROR,
           "nothing is left: nobody is asked");
    is_int(ncalls, 3, "indeed");
    done(&slow);

    /* gone while its timer runs */
    ask(&slow, "k");
    sleep_ms(10);
    answer(3, "{\"id\":\"key_1\",\"uid\":\"u2\"}");
    is_int(ntimers, 1, "a timer for the rest");
    done(&slow);
    is_int(ntimers, 0, "goes with the request");

    end();
}


static void
test_bad(void)
{
    request_t  r;

    begin();

    ask(&r, "k");
    answer(0, "{\"id\":5}");
    is_int(r.rc, NGX_ERROR, "a record of a wrong shape");
    is_str(r.asker.reason, "a record in Redis cannot be used", "is why");
    is_str(line, "key 8254c329 cannot be used: \"id\" must be 1 to 64 of A-Z "
           "a-z 0-9 . _ : @ - with a letter or digit first, and not a key's "
           "text", "and what the line says");
    done(&r);
    is_int(ask(&r, "k"), NGX_ERROR, "is remembered");
    is_int(ncalls, 1, "without a call");
    done(&r);

    ask(&r, "k2");
    end_call(1, NGX_SPOCR_REDIS_ERROR, "WRONGTYPE Operation against ...");
    is_int(r.rc, NGX_ERROR, "a value of another type");
    ok(strstr(line, "cannot be used: the value is no string") != NULL,
       "is one, too");
    is_int(totals[NGX_SPOCR_LOOKUP_BAD], 2, "both are counted");
    done(&r);

    line[0] = '\0';
    ask(&r, "k3");
    end_call(2, NGX_SPOCR_REDIS_ERROR, "ERR something else");
    is_int(r.rc, NGX_ERROR, "any other error");
    is_str(line, "", "is the link's to tell");
    done(&r);
    is_int(ask(&r, "k3"), NGX_AGAIN, "and nothing to remember");
    answer(3, "{\"id\":\"key_3\",\"uid\":\"u\",\"new\":1}");
    ok(strstr(line, "unknown field \"new\"") != NULL, "an unknown field");
    answer(4, "{\"plan\":\"nowhere\"}");
    answer(5, NULL);
    is_int(r.rc, NGX_OK, "is no reason to refuse, nor is a missing plan");
    is_str(line, "plan nowhere is missing: its tenants are as without a plan",
           "which is told");
    done(&r);

    end();
}


/* Many different keys at once: some wait until others have their answers. */

static void
test_held(void)
{
    int         i, woken;
    char        key[16];
    request_t  *r, first, stale;

    begin();
    r = calloc(200, sizeof(request_t));

    ask(&stale, "known");
    answer(0, "{\"id\":\"known\",\"uid\":\"u\"}");
    answer(1, NULL);
    done(&stale);
    sleep_ms(TTL);

    ask(&first, "first");
    for (i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        ask(&r[i], key);
    }

    is_int(ncalls, 2 + NGX_SPOCR_LOOKUP_FLIGHTS, "so many calls are under way");
    is_int(lookup->nheld, 201 - NGX_SPOCR_LOOKUP_FLIGHTS, "the others wait");

    done(&r[199]);
    is_int(lookup->nheld, 200 - NGX_SPOCR_LOOKUP_FLIGHTS,
           "who goes is not asked for");

    is_int(ask(&stale, "known"), NGX_AGAIN, "a key that is known");

    for (i = 0; i < 16; i++) {
        versions[i]++;
    }

    answer(2, "{\"id\":\"first\",\"uid\":\"u\"}");
    is_int(first.rc, NGX_AGAIN, "an answer, and its tenant");
    is_str(calls[ncalls - 1].key, "p:tenant:0bfe935e70c321c7ca3afc75ce0d0ca2"
           "f98b5422e008bb31c00c6d7f1f1c0ad6", "has the place at once");
    answer(ncalls - 1, NULL);
    is_int(first.rc, NGX_OK, "the first is done");
    is_int(strncmp(calls[ncalls - 1].key, "p:key:", 6), 0, "then a key");
    answer(ncalls - 1, NULL);
    is_int(stale.rc, NGX_DECLINED, "the known one before all guesses");
    done(&stale);
    is_int(ask(&stale, "known"), NGX_DECLINED, "a change before it was asked "
           "for is no matter");

    sleep_ms(TIMEOUT);

    for (i = 0, woken = 0; i < 199; i++) {
        woken += r[i].woken == 1 && r[i].rc == NGX_ERROR;
    }

    ok(lookup->nheld == 0 && woken >= 70, "who was not asked for in time, "
       "waits no more: %d", woken);

    for (i = 0; i < 200; i++) {
        done(&r[i]);
    }

    /* the store goes away with all that wait */

    for (i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "more%d", i);
        ask(&r[i], key);
    }

    ok(lookup->nheld > 0, "some wait again");
    away = 1;

    for (i = 0; i < (int) ncalls; i++) {
        if (calls[i].call) {
            end_call(i, NGX_SPOCR_REDIS_AWAY, NULL);
        }
    }

    for (i = 0, woken = 0; i < 200; i++) {
        woken += r[i].woken == 1 && r[i].rc == NGX_ERROR;
        done(&r[i]);
    }

    is_int(woken, 200, "nobody waits for what is away");
    ok(lookup->nheld == 0 && lookup->nflights == 0, "nothing is left");
    away = 0;

    for (i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "last%d", i);
        ask(&r[i], key);
    }

    done(&first);
    done(&stale);
    end();

    for (i = 0, woken = 0; i < 200; i++) {
        woken += r[i].woken;
        done(&r[i]);
    }

    is_int(woken, 0, "the end wakes nobody");
    free(r);
}


/* The worker ends: nobody is woken any more. */

static void
test_stop(void)
{
    request_t  r, s;

    begin();

    ask(&r, "k");
    sleep_ms(10);
    answer(0, "{\"id\":\"key_1\",\"uid\":\"u\"}");
    ask(&s, "k2");

    end();

    ok(r.woken == 1 && s.woken == 0, "nobody is woken");
    ok(calls[1].call == NULL && calls[2].call == NULL,
       "calls are cancelled");
    done(&r);
    done(&s);
}


int
main(void)
{
    digest = ngx_spocr_digest_create();
    names = ngx_spocr_keys_create(heap_alloc, NULL);
    ngx_spocr_keys_finish(names);

    test_records();
    test_many();
    test_away();
    test_change();
    test_budget();
    test_bad();
    test_held();
    test_stop();

    ngx_spocr_digest_destroy(digest);
    heap_alloc(NULL, 0);

    return done_testing();
}
