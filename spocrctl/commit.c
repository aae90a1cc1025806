
/*
 * A change of records in Redis: checked, made, and told to the gateways.
 *
 * Called through store_redis.c.
 *
 * Invariant: a change is one transaction, and fails where something that it
 * was made of has changed since.  PREFIXids (when a key was added last) is
 * written with each new key, and watched by whoever looks for an id, so that
 * no id is given twice.
 */


#include "store_redis.h"


#define NOTICE       "notice"
#define NOTICES_MAX  64             /* more changes than these: one for all */
#define BATCH        500


static void commit_check(ctl_redis_t *rs);
static void commit_added(ctl_redis_t *rs);
static void commit_watch(ctl_redis_t *rs, const char **keys, size_t n);
static size_t commit_send(ctl_redis_t *rs);
static bool commit_replies(ctl_redis_t *rs, size_t n);


bool
ctl_redis_commit(ctl_store_t *store)
{
    ctl_redis_t  *rs;

    rs = (ctl_redis_t *) store;

    if (json_object_size(rs->puts) == 0) {
        return true;
    }

    commit_check(rs);
    commit_added(rs);

    return commit_replies(rs, commit_send(rs));
}


/* What the command line asked for may be what no record can say. */

static void
commit_check(ctl_redis_t *rs)
{
    char        *why;
    json_t      *record;
    const char  *name;

    json_object_foreach(rs->puts, name, record) {
        why = ctl_record_why(name, record, json_object_get(rs->added, name)
                                           != NULL);

        if (why && name[0] == 'k') {
            ctl_die(CTL_USAGE, "key %s: %s (nothing was changed)",
                    ctl_field_text(record, "id"), why);
        }

        if (why) {
            ctl_die(CTL_USAGE, "%s (nothing was changed)", why);
        }
    }
}


/* New keys are new: nobody has their ids, nor their texts. */

static void
commit_added(ctl_redis_t *rs)
{
    size_t        n;
    json_t       *made, *seen;
    const char   *name, *id, **keys;

    n = 0;
    seen = ctl_need(json_object());
    keys = ctl_need(malloc((json_object_size(rs->added) + 1)
                           * sizeof(char *)));

    json_object_foreach(rs->added, name, made) {
        id = ctl_field_text(json_object_get(rs->puts, name), "id");

        if (json_object_get(seen, id)
            || (json_is_false(made) && rs->store.ops->key(&rs->store, id)))
        {
            ctl_die(CTL_USAGE, "there is a key %s already (nothing was "
                    "changed)", id);
        }

        json_object_set_new(seen, id, json_true());
        keys[n++] = ctl_text("%s%s", rs->prefix, name);
    }

    commit_watch(rs, keys, n);

    while (n) {
        free((char *) keys[--n]);
    }

    free(keys);
    json_decref(seen);
}


/* Keys that must not be there, not even until the change is made. */

static void
commit_watch(ctl_redis_t *rs, const char **keys, size_t n)
{
    size_t        batch;
    redisReply   *reply;
    const char   *argv[BATCH + 1];

    for (/* void */; n; n -= batch, keys += batch) {
        batch = n < BATCH ? n : BATCH;
        memcpy(argv + 1, keys, batch * sizeof(char *));

        argv[0] = "WATCH";
        ctl_send_argv(rs->link, batch + 1, argv);
        argv[0] = "EXISTS";
        ctl_send_argv(rs->link, batch + 1, argv);

        reply = ctl_reply(rs->link);

        if (reply->type != REDIS_REPLY_ERROR) {
            freeReplyObject(reply);
            reply = ctl_reply(rs->link);
        }

        if (reply->type != REDIS_REPLY_INTEGER) {
            ctl_refused(rs->link, reply);
        }

        if (reply->integer) {
            ctl_die(CTL_USAGE, "a key with this text, or one of these, is "
                    "there already (nothing was changed)");
        }

        freeReplyObject(reply);
    }
}


/* The transaction; how many replies come before the one of EXEC. */

static size_t
commit_send(ctl_redis_t *rs)
{
    bool         all;
    char        *key, *text, *channel, now[CTL_TIME_LEN];
    size_t       n;
    json_t      *record;
    const char  *name;

    channel = ctl_text("%s" NOTICE, rs->prefix);
    all = json_object_size(rs->puts) > NOTICES_MAX;

    ctl_send(rs->link, "MULTI");
    n = 1;

    json_object_foreach(rs->puts, name, record) {
        key = ctl_text("%s%s", rs->prefix, name);
        text = ctl_record_text(name, record);

        ctl_send(rs->link, "SET", key, text);
        n++;

        if (!all) {
            ctl_send(rs->link, "PUBLISH", channel, name);
            n++;
        }

        free(text);
        free(key);
    }

    if (all) {
        ctl_send(rs->link, "PUBLISH", channel, "all");
        n++;
    }

    if (json_object_size(rs->added)) {
        key = ctl_text("%s" CTL_REDIS_IDS, rs->prefix);
        ctl_time_text(ctl_now(), now);
        ctl_send(rs->link, "SET", key, now);
        n++;
        free(key);
    }

    free(channel);
    ctl_send(rs->link, "EXEC");

    return n;
}


/* false: something that was watched has changed. */

static bool
commit_replies(ctl_redis_t *rs, size_t n)
{
    bool         kept;
    size_t       i;
    redisReply  *reply;

    rs->link->doubt = "; the change may have been made or not: look before "
                      "you make it again";

    for (i = 0; i < n; i++) {
        reply = ctl_reply(rs->link);

        if (reply->type == REDIS_REPLY_ERROR) {
            ctl_die(CTL_FAILED, "%s: %s (nothing was changed)",
                    rs->store.given, ctl_error_text(reply));
        }

        freeReplyObject(reply);
    }

    reply = ctl_reply(rs->link);
    rs->link->doubt = NULL;

    if (reply->type == REDIS_REPLY_ERROR) {
        ctl_die(CTL_FAILED, "%s: %s (nothing was changed)", rs->store.given,
                ctl_error_text(reply));
    }

    kept = (reply->type == REDIS_REPLY_ARRAY);

    for (i = 0; kept && i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            ctl_refused(rs->link, reply->element[i]);
        }
    }

    freeReplyObject(reply);

    return kept;
}
