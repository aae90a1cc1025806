
/*
 * Lookups of keys in Redis; the auth step asks here.
 *
 * A key's record names its tenant, the tenant's its plan: each is taken from
 * the cache or asked for with a call of its own, which all wait for who need
 * that record meanwhile.
 *
 * Invariant: an asker that waits is in exactly one flight's queue, and is
 * woken once or released.
 */


#include "ngx_spocr_lookup_flight.h"


#define NGX_SPOCR_LOOKUP_CACHE     (16 * 1024 * 1024)
#define NGX_SPOCR_LOOKUP_UNKNOWNS  4096


static void ngx_spocr_lookup_drop(ngx_queue_t *flights);
static ngx_int_t ngx_spocr_asker_walk(ngx_spocr_asker_t *asker);
static ngx_int_t ngx_spocr_asker_record(ngx_spocr_asker_t *asker,
    ngx_spocr_keycache_answer_t *answer);
static ngx_int_t ngx_spocr_asker_join(ngx_spocr_asker_t *asker,
    const ngx_spocr_keycache_version_t *version, ngx_uint_t known);
static void ngx_spocr_asker_timer_handler(ngx_event_t *ev);
static void ngx_spocr_asker_found(ngx_spocr_asker_t *asker,
    ngx_spocr_lookup_total_e source);


static const ngx_str_t  ngx_spocr_lookup_totals[] = {
    ngx_string("fresh"),
    ngx_string("negative"),
    ngx_string("redis"),
    ngx_string("stale"),
    ngx_string("failed"),
    ngx_string("asked"),
    ngx_string("bad"),
    ngx_string("unknown_field")
};


const ngx_str_t *
ngx_spocr_lookup_total(ngx_uint_t total)
{
    return &ngx_spocr_lookup_totals[total];
}


ngx_spocr_lookup_t *
ngx_spocr_lookup_start(ngx_cycle_t *cycle,
    const ngx_spocr_lookup_context_t *context,
    const ngx_spocr_lookup_conf_t *conf, ngx_spocr_keys_t *names,
    ngx_spocr_digest_t *digest)
{
    ngx_spocr_lookup_t         *lookup;
    ngx_spocr_keycache_conf_t   cache;

    lookup = ngx_pcalloc(cycle->pool, sizeof(ngx_spocr_lookup_t));
    if (lookup == NULL) {
        return NULL;
    }

    cache.size = NGX_SPOCR_LOOKUP_CACHE;
    cache.unknown = NGX_SPOCR_LOOKUP_UNKNOWNS;
    cache.ttl = conf->ttl;
    cache.negative_ttl = conf->negative_ttl;
    cache.stale = conf->stale;

    lookup->context = *context;
    lookup->log = cycle->log;
    lookup->dummy.fd = (ngx_socket_t) -1;

    ngx_rbtree_init(&lookup->tree, &lookup->sentinel, ngx_spocr_flight_insert);
    ngx_queue_init(&lookup->flights);
    ngx_queue_init(&lookup->held);

    lookup->cache = ngx_spocr_keycache_create(&cache);
    lookup->reader = ngx_spocr_keyreader_create(names, digest);

    if (lookup->cache == NULL || lookup->reader == NULL) {
        ngx_spocr_lookup_stop(lookup);
        return NULL;
    }

    return lookup;
}


void
ngx_spocr_lookup_stop(ngx_spocr_lookup_t *lookup)
{
    ngx_spocr_lookup_drop(&lookup->held);
    ngx_spocr_lookup_drop(&lookup->flights);

    ngx_spocr_keycache_destroy(lookup->cache);
    ngx_spocr_keyreader_destroy(lookup->reader);

    lookup->cache = NULL;
    lookup->reader = NULL;
}


static void
ngx_spocr_lookup_drop(ngx_queue_t *flights)
{
    ngx_queue_t  *q, *next;

    for (q = ngx_queue_head(flights);
         q != ngx_queue_sentinel(flights);
         q = next)
    {
        next = ngx_queue_next(q);
        ngx_spocr_flight_drop(ngx_queue_data(q, ngx_spocr_lookup_flight_t,
                                             queue));
    }
}


void
ngx_spocr_asker_begin(ngx_spocr_asker_t *asker, ngx_spocr_lookup_t *lookup,
    ngx_spocr_redis_wait_t *wait, const u_char *digest)
{
    ngx_spocr_asker_release(asker);

    asker->lookup = lookup;
    asker->wait = wait;
    asker->source = NGX_SPOCR_LOOKUP_FRESH;
    asker->reason = NULL;

    asker->id.kind = NGX_SPOCR_KEYRECORD_KEY;
    ngx_memcpy(asker->id.digest, digest, NGX_SPOCR_DIGEST_LEN);
    ngx_str_null(&asker->id.name);
}


ngx_int_t
ngx_spocr_asker_find(ngx_spocr_asker_t *asker)
{
    ngx_int_t  rc;

    if (asker->state == NGX_SPOCR_LOOKUP_WAITING) {
        return NGX_AGAIN;
    }

    rc = ngx_spocr_asker_walk(asker);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR) {
        ngx_spocr_asker_found(asker, NGX_SPOCR_LOOKUP_FAILED);
    }

    ngx_spocr_lookup_count(asker->lookup, asker->source);

    return rc;
}


ngx_uint_t
ngx_spocr_asker_waits(const ngx_spocr_asker_t *asker)
{
    return asker->state != NGX_SPOCR_LOOKUP_IDLE;
}


void
ngx_spocr_asker_release(ngx_spocr_asker_t *asker)
{
    if (asker->state == NGX_SPOCR_LOOKUP_WAITING) {
        ngx_spocr_asker_leave(asker);

    } else if (asker->state == NGX_SPOCR_LOOKUP_ANSWERED) {
        ngx_spocr_keyrecord_unref(asker->answer.record);
    }

    asker->state = NGX_SPOCR_LOOKUP_IDLE;

    ngx_spocr_identity_release(&asker->identity);
}


/* From the record that is next to the last one that there is. */

static ngx_int_t
ngx_spocr_asker_walk(ngx_spocr_asker_t *asker)
{
    ngx_int_t                    rc;
    ngx_spocr_keyrecord_e        kind;
    ngx_spocr_keyrecord_t       *record;
    ngx_spocr_keycache_answer_t  answer;

    for ( ;; ) {
        kind = asker->id.kind;

        rc = ngx_spocr_asker_record(asker, &answer);

        if (rc != NGX_OK) {
            return rc;
        }

        record = answer.record;
        asker->identity.records[kind] = record;

        if (answer.what == NGX_SPOCR_KEYCACHE_BAD) {
            asker->reason = "a record in Redis cannot be used";
            return NGX_ERROR;
        }

        if (record == NULL && kind == NGX_SPOCR_KEYRECORD_KEY) {
            return NGX_DECLINED;
        }

        if (record == NULL || record->next.name.len == 0) {
            ngx_spocr_identity_join(&asker->identity);
            return NGX_OK;
        }

        asker->id = record->next;
    }
}


/* One record: its reference in *answer is the caller's. */

static ngx_int_t
ngx_spocr_asker_record(ngx_spocr_asker_t *asker,
    ngx_spocr_keycache_answer_t *answer)
{
    ngx_spocr_lookup_t            *lookup;
    ngx_spocr_lookup_state_e       state;
    ngx_spocr_keycache_state_e     worth;
    ngx_spocr_keycache_version_t   version;

    lookup = asker->lookup;
    state = asker->state;

    asker->state = NGX_SPOCR_LOOKUP_IDLE;

    if (state == NGX_SPOCR_LOOKUP_ANSWERED) {
        *answer = asker->answer;
        ngx_spocr_asker_found(asker, NGX_SPOCR_LOOKUP_REDIS);
        return NGX_OK;
    }

    ngx_spocr_lookup_version(lookup, &asker->id, &version);

    worth = ngx_spocr_keycache_get(lookup->cache, &asker->id, &version,
                                   ngx_current_msec, answer);

    if (worth == NGX_SPOCR_KEYCACHE_FRESH) {

        if (answer->what == NGX_SPOCR_KEYCACHE_NONE
            && asker->id.kind == NGX_SPOCR_KEYRECORD_KEY)
        {
            ngx_spocr_asker_found(asker, NGX_SPOCR_LOOKUP_NEGATIVE);
        }

    } else if (state != NGX_SPOCR_LOOKUP_SILENT
               && ngx_spocr_asker_join(asker, &version,
                                       worth == NGX_SPOCR_KEYCACHE_STALE)
                  == NGX_OK)
    {
        return NGX_AGAIN;

    } else if (worth == NGX_SPOCR_KEYCACHE_STALE) {
        ngx_spocr_asker_found(asker, NGX_SPOCR_LOOKUP_STALE);

    } else {
        asker->reason = (state == NGX_SPOCR_LOOKUP_SILENT)
                        ? "Redis did not answer" : "Redis is away";
        return NGX_ERROR;
    }

    (void) ngx_spocr_keyrecord_ref(answer->record);

    return NGX_OK;
}


/* NGX_OK: it waits; NGX_DECLINED: there is nothing to wait for. */

static ngx_int_t
ngx_spocr_asker_join(ngx_spocr_asker_t *asker,
    const ngx_spocr_keycache_version_t *version, ngx_uint_t known)
{
    ngx_event_t                *timer;
    ngx_msec_t                  timeout, left;
    ngx_spocr_lookup_t         *lookup;
    ngx_spocr_lookup_flight_t  *flight;

    lookup = asker->lookup;
    timeout = ngx_spocr_redis_timeout(lookup->context.redis);

    if (asker->wait->used >= timeout) {
        return NGX_DECLINED;
    }

    flight = ngx_spocr_flight_find(lookup, &asker->id);

    if (flight != NULL
        && !flight->held
        && flight->version.record != version->record)
    {

        /* what it brings may be older than the change that was told */

        ngx_spocr_flight_shut(flight);
        flight = NULL;
    }

    if (flight == NULL) {
        flight = ngx_spocr_flight_begin(lookup, &asker->id, known);
        if (flight == NULL) {
            return NGX_DECLINED;
        }
    }

    ngx_queue_insert_tail(&flight->askers, &asker->queue);

    asker->flight = flight;
    asker->state = NGX_SPOCR_LOOKUP_WAITING;
    asker->since = ngx_current_msec;

    left = timeout - asker->wait->used;

    if (flight->held || left < flight->begun + timeout - ngx_current_msec) {
        timer = &asker->timer;

        timer->handler = ngx_spocr_asker_timer_handler;
        timer->data = &lookup->dummy;
        timer->log = lookup->log;

        ngx_add_timer(timer, left);
    }

    return NGX_OK;
}


void
ngx_spocr_asker_leave(ngx_spocr_asker_t *asker)
{
    ngx_spocr_lookup_flight_t  *flight;

    flight = asker->flight;

    ngx_queue_remove(&asker->queue);

    if (asker->timer.timer_set) {
        ngx_del_timer(&asker->timer);
    }

    asker->wait->used += ngx_current_msec - asker->since;
    asker->flight = NULL;
    asker->state = NGX_SPOCR_LOOKUP_SILENT;

    /* what was not asked for yet is not needed any more */

    if (flight->held && ngx_queue_empty(&flight->askers)) {
        ngx_spocr_flight_drop(flight);
    }
}


void
ngx_spocr_asker_wake(ngx_spocr_asker_t *asker, ngx_spocr_lookup_state_e state)
{
    ngx_spocr_asker_leave(asker);

    asker->state = state;
    asker->wait->wake(asker->wait->data);
}


static void
ngx_spocr_asker_timer_handler(ngx_event_t *ev)
{
    ngx_spocr_asker_t  *asker;

    asker = (ngx_spocr_asker_t *)
                ((u_char *) ev - offsetof(ngx_spocr_asker_t, timer));

    ngx_spocr_asker_wake(asker, NGX_SPOCR_LOOKUP_SILENT);
}


static void
ngx_spocr_asker_found(ngx_spocr_asker_t *asker,
    ngx_spocr_lookup_total_e source)
{
    if (source > asker->source) {
        asker->source = source;
    }
}


void
ngx_spocr_lookup_version(ngx_spocr_lookup_t *lookup,
    const ngx_spocr_keyrecord_id_t *id, ngx_spocr_keycache_version_t *version)
{
    ngx_spocr_zone_version_t  current;

    current = ngx_spocr_zone_version(lookup->context.zone,
                                     ngx_spocr_keyrecord_hash(id));
    version->record = current.record;
    version->epoch = current.epoch;
}


void
ngx_spocr_lookup_count(ngx_spocr_lookup_t *lookup,
    ngx_spocr_lookup_total_e total)
{
    ngx_spocr_zone_count(lookup->context.zone,
                         lookup->context.totals + total, 1);
}
