
/*
 * One record is asked for, and its answer read.
 *
 * Called by ngx_spocr_lookup.c.  A flight belongs to nobody: when those who
 * waited have gone, its answer still fills the cache.
 *
 * Invariant: what comes from Redis is untrusted, and becomes a record, the
 * knowledge that there is none, or a line in the log.
 */


#include "ngx_spocr_lookup_flight.h"


#define NGX_SPOCR_LOOKUP_KEY_MAX                                              \
    (NGX_SPOCR_REDIS_PREFIX_MAX + NGX_SPOCR_KEYRECORD_NAME_MAX)

/*
 * Calls under way, and records that wait for one to end, per worker.  More at
 * once are not faster, and what is caused by guesses would delay the limits'
 * calls, which share the link.
 */
#define NGX_SPOCR_LOOKUP_FLIGHTS     128
#define NGX_SPOCR_LOOKUP_HELD        4096

/* how often a line may be said, in seconds */
#define NGX_SPOCR_LOOKUP_BAD_EVERY   10
#define NGX_SPOCR_LOOKUP_WARN_EVERY  600


/* Topics of the lines that are said. */
typedef enum {
    NGX_SPOCR_LOOKUP_SAY_BAD = 0,
    NGX_SPOCR_LOOKUP_SAY_UNKNOWN,
    NGX_SPOCR_LOOKUP_SAY_PLAN
} ngx_spocr_lookup_topic_e;


static ngx_int_t ngx_spocr_flight_start(ngx_spocr_lookup_flight_t *flight);
static void ngx_spocr_flight_next(ngx_spocr_lookup_t *lookup);
static ngx_int_t ngx_spocr_flight_call(ngx_spocr_lookup_flight_t *flight);
static void ngx_spocr_flight_handler(ngx_spocr_redis_call_t *call);
static void ngx_spocr_flight_wake(ngx_spocr_lookup_flight_t *flight,
    const ngx_spocr_keycache_answer_t *answer);
static ngx_int_t ngx_spocr_flight_read(ngx_spocr_lookup_flight_t *flight,
    ngx_spocr_keycache_answer_t *answer);
static ngx_int_t ngx_spocr_flight_error(ngx_spocr_lookup_flight_t *flight,
    ngx_spocr_keycache_answer_t *answer);
static void ngx_spocr_flight_parse(ngx_spocr_lookup_flight_t *flight,
    const ngx_str_t *text, ngx_spocr_keycache_answer_t *answer);
static void ngx_spocr_flight_bad(ngx_spocr_lookup_flight_t *flight,
    const u_char *why, ngx_spocr_keycache_answer_t *answer);
static ngx_int_t ngx_spocr_flight_compare(const ngx_spocr_keyrecord_id_t *a,
    const ngx_spocr_keyrecord_id_t *b);
static void ngx_spocr_lookup_say(ngx_spocr_lookup_t *lookup,
    ngx_spocr_lookup_topic_e topic, const ngx_spocr_keyrecord_id_t *id,
    const char *what, const u_char *text);


ngx_spocr_lookup_flight_t *
ngx_spocr_flight_find(ngx_spocr_lookup_t *lookup,
    const ngx_spocr_keyrecord_id_t *id)
{
    ngx_int_t                   rc;
    ngx_rbtree_node_t          *node;
    ngx_spocr_lookup_flight_t  *flight;

    node = lookup->tree.root;

    while (node != &lookup->sentinel) {
        flight = ngx_rbtree_data(node, ngx_spocr_lookup_flight_t, node);

        rc = ngx_spocr_flight_compare(id, &flight->id);

        if (rc == 0) {
            return flight;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


ngx_spocr_lookup_flight_t *
ngx_spocr_flight_begin(ngx_spocr_lookup_t *lookup,
    const ngx_spocr_keyrecord_id_t *id, ngx_uint_t urgent)
{
    ngx_spocr_lookup_flight_t  *flight;

    if (!ngx_spocr_redis_ready(lookup->context.redis)
        || lookup->nheld == NGX_SPOCR_LOOKUP_HELD)
    {
        return NULL;
    }

    flight = ngx_calloc(sizeof(ngx_spocr_lookup_flight_t), lookup->log);
    if (flight == NULL) {
        return NULL;
    }

    flight->lookup = lookup;
    flight->id = *id;

    /* the asker's copy may be gone before the answer is here */

    if (id->name.len) {
        ngx_memcpy(flight->name, id->name.data, id->name.len);
        flight->id.name.data = flight->name;
    }

    ngx_queue_init(&flight->askers);

    if (lookup->nflights < NGX_SPOCR_LOOKUP_FLIGHTS) {

        if (ngx_spocr_flight_start(flight) != NGX_OK) {
            ngx_free(flight);
            return NULL;
        }

    } else {
        flight->held = 1;
        lookup->nheld++;

        /* only a key that is known to nobody may be a guess */

        if (urgent || id->kind != NGX_SPOCR_KEYRECORD_KEY) {
            ngx_queue_insert_head(&lookup->held, &flight->queue);

        } else {
            ngx_queue_insert_tail(&lookup->held, &flight->queue);
        }
    }

    ngx_rbtree_insert(&lookup->tree, &flight->node);
    flight->open = 1;

    return flight;
}


/* The version is read before the record is: a change meanwhile is noticed. */

static ngx_int_t
ngx_spocr_flight_start(ngx_spocr_lookup_flight_t *flight)
{
    ngx_spocr_lookup_t  *lookup;

    lookup = flight->lookup;

    ngx_spocr_lookup_version(lookup, &flight->id, &flight->version);
    flight->begun = ngx_current_msec;

    if (ngx_spocr_flight_call(flight) != NGX_AGAIN) {
        return NGX_DECLINED;
    }

    ngx_queue_insert_tail(&lookup->flights, &flight->queue);
    lookup->nflights++;

    ngx_spocr_lookup_count(lookup, NGX_SPOCR_LOOKUP_ASKED);

    return NGX_OK;
}


/* One that was held takes the place of one that has ended. */

static void
ngx_spocr_flight_next(ngx_spocr_lookup_t *lookup)
{
    ngx_queue_t                *q;
    ngx_spocr_lookup_flight_t  *flight;

    while (lookup->nflights < NGX_SPOCR_LOOKUP_FLIGHTS
           && !ngx_queue_empty(&lookup->held))
    {
        q = ngx_queue_head(&lookup->held);
        flight = ngx_queue_data(q, ngx_spocr_lookup_flight_t, queue);

        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): those have left it */
        ngx_queue_remove(q);
        lookup->nheld--;
        flight->held = 0;

        if (ngx_spocr_flight_start(flight) != NGX_OK) {
            ngx_spocr_flight_shut(flight);
            ngx_spocr_flight_wake(flight, NULL);
            ngx_free(flight);
        }
    }
}


static ngx_int_t
ngx_spocr_flight_call(ngx_spocr_lookup_flight_t *flight)
{
    u_char                     *p, key[NGX_SPOCR_LOOKUP_KEY_MAX];
    const ngx_str_t            *prefix;
    ngx_spocr_redis_t          *redis;
    ngx_spocr_redis_request_t   request;

    redis = flight->lookup->context.redis;
    prefix = ngx_spocr_redis_prefix(redis);

    p = ngx_cpymem(key, prefix->data, prefix->len);
    p = ngx_spocr_keyrecord_name(&flight->id, p);

    ngx_memzero(&request, sizeof(ngx_spocr_redis_request_t));

    request.function = "get";
    request.nkeys = 1;
    request.keys[0].data = key;
    request.keys[0].len = (size_t) (p - key);
    request.slot = request.keys[0];
    request.budget = ngx_spocr_redis_timeout(redis);
    request.lookup = 1;
    request.read = 1;

    flight->call.handler = ngx_spocr_flight_handler;
    flight->call.data = flight;

    return ngx_spocr_redis_call(redis, &flight->call, &request);
}


/* The end of the call, however it ended. */

static void
ngx_spocr_flight_handler(ngx_spocr_redis_call_t *call)
{
    ngx_spocr_lookup_flight_t *flight = call->data;

    ngx_int_t                     rc;
    ngx_spocr_lookup_t           *lookup;
    ngx_spocr_keycache_answer_t   answer;

    lookup = flight->lookup;

    /* who asks from now on begins anew */

    ngx_spocr_flight_shut(flight);
    ngx_queue_remove(&flight->queue);
    lookup->nflights--;

    rc = ngx_spocr_flight_read(flight, &answer);

    if (rc == NGX_OK) {
        ngx_spocr_keycache_put(lookup->cache, &flight->id, &flight->version,
                               flight->begun, &answer);
    }

    ngx_spocr_flight_wake(flight, rc == NGX_OK ? &answer : NULL);

    if (rc == NGX_OK) {
        ngx_spocr_keyrecord_unref(answer.record);
    }

    ngx_free(flight);

    ngx_spocr_flight_next(lookup);
}


/* All who wait; those who are woken may end others of the queue. */

static void
ngx_spocr_flight_wake(ngx_spocr_lookup_flight_t *flight,
    const ngx_spocr_keycache_answer_t *answer)
{
    ngx_queue_t        *q;
    ngx_spocr_asker_t  *asker;

    while (!ngx_queue_empty(&flight->askers)) {
        q = ngx_queue_head(&flight->askers);
        asker = ngx_queue_data(q, ngx_spocr_asker_t, queue);

        if (answer == NULL) {
            ngx_spocr_asker_wake(asker, NGX_SPOCR_LOOKUP_SILENT);
            continue;
        }

        asker->answer.what = answer->what;
        asker->answer.record = ngx_spocr_keyrecord_ref(answer->record);
        ngx_spocr_asker_wake(asker, NGX_SPOCR_LOOKUP_ANSWERED);
    }
}


/* NGX_OK and what Redis has, or NGX_ERROR where that is not known. */

static ngx_int_t
ngx_spocr_flight_read(ngx_spocr_lookup_flight_t *flight,
    ngx_spocr_keycache_answer_t *answer)
{
    const ngx_spocr_redis_value_t  *value;
    const ngx_spocr_redis_reply_t  *reply;

    answer->record = NULL;

    if (flight->call.result == NGX_SPOCR_REDIS_AWAY) {
        return NGX_ERROR;
    }

    reply = flight->call.reply;

    if (flight->call.result == NGX_SPOCR_REDIS_ERROR) {
        return ngx_spocr_flight_error(flight, answer);
    }

    value = &reply->values[0];

    if (reply->nvalues != 1 || value->type == NGX_SPOCR_REDIS_INTEGER) {
        ngx_spocr_lookup_say(flight->lookup, NGX_SPOCR_LOOKUP_SAY_BAD,
                             &flight->id, "was not answered",
                             (u_char *) "the reply has a wrong shape");
        return NGX_ERROR;
    }

    if (value->type == NGX_SPOCR_REDIS_STRING) {
        ngx_spocr_flight_parse(flight, &value->text, answer);
        return NGX_OK;
    }

    answer->what = NGX_SPOCR_KEYCACHE_NONE;

    if (flight->id.kind == NGX_SPOCR_KEYRECORD_PLAN) {
        ngx_spocr_lookup_say(flight->lookup, NGX_SPOCR_LOOKUP_SAY_PLAN,
                             &flight->id, "is missing",
                             (u_char *) "its tenants are as without a plan");
    }

    return NGX_OK;
}


/* A value of another type is a record; the link has said what others are. */

static ngx_int_t
ngx_spocr_flight_error(ngx_spocr_lookup_flight_t *flight,
    ngx_spocr_keycache_answer_t *answer)
{
    const ngx_str_t  *error;

    error = &flight->call.reply->error;

    if (error->len < sizeof("WRONGTYPE") - 1
        || ngx_strncmp(error->data, "WRONGTYPE", sizeof("WRONGTYPE") - 1) != 0)
    {
        return NGX_ERROR;
    }

    ngx_spocr_flight_bad(flight, (u_char *) "the value is no string", answer);

    return NGX_OK;
}


static void
ngx_spocr_flight_parse(ngx_spocr_lookup_flight_t *flight,
    const ngx_str_t *text, ngx_spocr_keycache_answer_t *answer)
{
    ngx_spocr_lookup_t         *lookup;
    ngx_spocr_keyfile_error_t   err;

    lookup = flight->lookup;

    answer->record = ngx_spocr_keyrecord_parse(lookup->reader, &flight->id,
                                               text, &err);
    if (answer->record == NULL) {
        ngx_spocr_flight_bad(flight, err.text, answer);
        return;
    }

    answer->what = NGX_SPOCR_KEYCACHE_RECORD;

    if (answer->record->unknown) {
        ngx_spocr_lookup_count(lookup, NGX_SPOCR_LOOKUP_UNKNOWN);
        ngx_spocr_lookup_say(lookup, NGX_SPOCR_LOOKUP_SAY_UNKNOWN, &flight->id,
                             "has what this release does not know", err.text);
    }
}


static void
ngx_spocr_flight_bad(ngx_spocr_lookup_flight_t *flight, const u_char *why,
    ngx_spocr_keycache_answer_t *answer)
{
    answer->what = NGX_SPOCR_KEYCACHE_BAD;

    ngx_spocr_lookup_count(flight->lookup, NGX_SPOCR_LOOKUP_BAD);
    ngx_spocr_lookup_say(flight->lookup, NGX_SPOCR_LOOKUP_SAY_BAD, &flight->id,
                         "cannot be used", why);
}


void
ngx_spocr_flight_shut(ngx_spocr_lookup_flight_t *flight)
{
    if (flight->open) {
        ngx_rbtree_delete(&flight->lookup->tree, &flight->node);
        flight->open = 0;
    }
}


void
ngx_spocr_flight_drop(ngx_spocr_lookup_flight_t *flight)
{
    ngx_queue_t  *q, *next;

    ngx_spocr_redis_cancel(&flight->call);
    ngx_spocr_flight_shut(flight);

    ngx_queue_remove(&flight->queue);

    if (flight->held) {
        flight->held = 0;
        flight->lookup->nheld--;

    } else {
        flight->lookup->nflights--;
    }

    for (q = ngx_queue_head(&flight->askers);
         q != ngx_queue_sentinel(&flight->askers);
         q = next)
    {
        next = ngx_queue_next(q);
        ngx_spocr_asker_leave(ngx_queue_data(q, ngx_spocr_asker_t, queue));
    }

    ngx_free(flight);
}


void
ngx_spocr_flight_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t          **p;
    ngx_spocr_lookup_flight_t   *flight, *other;

    flight = ngx_rbtree_data(node, ngx_spocr_lookup_flight_t, node);

    for ( ;; ) {
        other = ngx_rbtree_data(temp, ngx_spocr_lookup_flight_t, node);

        p = ngx_spocr_flight_compare(&flight->id, &other->id) < 0
            ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


static ngx_int_t
ngx_spocr_flight_compare(const ngx_spocr_keyrecord_id_t *a,
    const ngx_spocr_keyrecord_id_t *b)
{
    if (a->kind != b->kind) {
        return (ngx_int_t) a->kind - (ngx_int_t) b->kind;
    }

    return ngx_memcmp(a->digest, b->digest, NGX_SPOCR_DIGEST_LEN);
}


/* A key is told by the beginning of its digest, the others by their names. */

static void
ngx_spocr_lookup_say(ngx_spocr_lookup_t *lookup,
    ngx_spocr_lookup_topic_e topic, const ngx_spocr_keyrecord_id_t *id,
    const char *what, const u_char *text)
{
    u_char       digits[2 * NGX_SPOCR_DIGEST_LEN];
    time_t       seconds;
    ngx_str_t    name;
    ngx_uint_t   level, skipped;

    static const char  *kinds[] = { "key", "tenant", "plan" };

    if (topic == NGX_SPOCR_LOOKUP_SAY_BAD) {
        level = NGX_LOG_ERR;
        seconds = NGX_SPOCR_LOOKUP_BAD_EVERY;

    } else {
        level = NGX_LOG_WARN;
        seconds = NGX_SPOCR_LOOKUP_WARN_EVERY;
    }

    if (!ngx_spocr_zone_may_say(lookup->context.zone,
                                lookup->context.topics + topic, seconds,
                                &skipped))
    {
        return;
    }

    name = id->name;

    if (id->kind == NGX_SPOCR_KEYRECORD_KEY) {
        ngx_spocr_digest_text(id->digest, digits);
        name.data = digits;
        name.len = 8;
    }

    ngx_log_error(level, lookup->log, 0, "spocr: in Redis the %s %V %s: %s",
                  kinds[id->kind], &name, what, text);

    if (skipped) {
        ngx_log_error(level, lookup->log, 0,
                      "spocr: %ui more lines of that kind were left out since "
                      "the last", skipped);
    }
}
