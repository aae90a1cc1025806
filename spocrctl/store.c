
/*
 * The records, wherever they are: in the key file or in Redis.
 *
 * Called by the commands, which are written once for both.
 *
 * Invariant: a change is kept whole, and on what it has read, or not at all.
 */


#include "ctl.h"
#include <time.h>
#include <unistd.h>


#define TRIES_MAX  500


ctl_store_t *
ctl_store_open(const ctl_opts_t *opts)
{
    return opts->redis ? ctl_redis_open(opts) : ctl_file_open(opts);
}


void
ctl_store_change(const ctl_opts_t *opts, ctl_change_pt change, void *data)
{
    int               tries;
    ctl_store_t      *store;
    struct timespec   pause = { 0, 0 };

    store = opts->redis ? ctl_redis_edit(opts) : ctl_file_edit(opts);
    srandom((unsigned) getpid());

    for (tries = 0; tries < TRIES_MAX; tries++) {
        change(store, data);

        if (store->ops->commit(store)) {
            return;
        }

        /* who has lost often waits for a moment, by chance a long one */
        pause.tv_nsec = random() % (1 + (tries < 50 ? tries : 50)) * 1000000;
        nanosleep(&pause, NULL);

        ctl_redis_again(store);
    }

    ctl_die(CTL_FAILED, "%s: others were faster %d times; nothing was changed",
            store->given, TRIES_MAX);
}


json_t *
ctl_key_need(ctl_store_t *store, const char *id)
{
    json_t  *key;

    ctl_name_check("an id", id);

    key = store->ops->key(store, id);

    if (key == NULL) {
        ctl_die(CTL_FAILED, "%s: there is no key %s", store->given, id);
    }

    return key;
}


const char *
ctl_key_state(ctl_store_t *store, const json_t *key)
{
    ctl_judged_t  judged;

    store->ops->judge(store, key, &judged);

    if (judged.key == NULL) {
        free(judged.why);
        return "invalid";
    }

    switch (ngx_spocr_key_check(judged.key, ctl_now())) {
    case NGX_SPOCR_KEY_OK:
        return "active";
    case NGX_SPOCR_KEY_IS_REVOKED:
        return "revoked";
    case NGX_SPOCR_KEY_IS_DISABLED:
        return "disabled";
    case NGX_SPOCR_KEY_IS_EXPIRED:
        return "expired";
    default:
        return "invalid";
    }
}


void
ctl_change_done(const ctl_opts_t *opts)
{
    ctl_say_done();

    if (opts->reload) {
        ctl_reload(opts);

    } else if (opts->redis == NULL) {
        ctl_note(opts, "the change acts when nginx is reloaded (--reload, or "
                 "nginx -t && nginx -s reload)");
    }
}
