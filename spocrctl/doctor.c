
/*
 * doctor: whether a Redis is what the gateway needs, as this user sees it.
 *
 * Invariant: nothing is changed but two counters of a uid that nobody has,
 * which are gone two seconds later.  What is denied is "unknown" and no
 * failure.
 */


#include "link.h"
#include <stdarg.h>
#include <time.h>


#define CALLS        100
#define BUDGET_MS    50.0               /* "timeout" of spocr_redis */
#define CLOCK_MAX_S  2.0
#define NOBODY       "{0000000000000000}:l:doctor:1000:"
#define NO_DIGEST    "00000000000000000000000000000000"                       \
                     "00000000000000000000000000000000"


typedef enum {
    RESULT_OK = 0,
    RESULT_WARN,
    RESULT_FAIL,
    RESULT_UNKNOWN
} result_e;


typedef struct {
    ctl_link_t   *link;
    const char   *prefix;
    json_t       *checks;
    char         *info;             /* "" where INFO is denied */
    bool          failed;
    bool          functions;        /* they answer */
} doctor_t;


static void add(doctor_t *d, const char *name, result_e result,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void check_version(doctor_t *d);
static void check_functions(doctor_t *d);
static void check_permissions(doctor_t *d);
static char *denied_subscribe(doctor_t *d);
static void check_role(doctor_t *d);
static void check_durability(doctor_t *d);
static void check_snapshots(doctor_t *d);
static void check_memory(doctor_t *d);
static void check_latency(doctor_t *d);
static void check_clock(doctor_t *d);
static char *info_read(ctl_link_t *link);
static char *info_field(const doctor_t *d, const char *name);
static char *config_get(doctor_t *d, const char *name);
static double now_ms(clockid_t clock);
static int by_size(const void *one, const void *two);


static const char  *const  result_names[] = {
    "ok", "warn", "FAIL", "unknown"
};


void
ctl_doctor(const ctl_opts_t *opts)
{
    char          *why;
    size_t         i;
    json_t        *check;
    doctor_t       d;
    ctl_place_t    place;

    memset(&d, 0, sizeof(doctor_t));

    ctl_place_parse(&place, opts);
    d.checks = ctl_need(json_array());
    d.prefix = place.prefix;
    d.link = ctl_link_try(&place, &why);

    if (d.link == NULL) {
        add(&d, "reachable", RESULT_FAIL, "%s", why);

    } else {
        add(&d, "reachable", RESULT_OK, "%s", place.url);
        d.info = info_read(d.link);

        check_version(&d);
        check_functions(&d);
        check_permissions(&d);
        check_role(&d);
        check_durability(&d);
        check_memory(&d);
        check_latency(&d);
        check_clock(&d);
    }

    if (opts->json) {
        ctl_say_json(json_pack("{s:s, s:b, s:O}", "redis", place.url, "ok",
                               !d.failed, "checks", d.checks));

    } else {
        json_array_foreach(d.checks, i, check) {
            printf("%-8s %-12s %s\n", ctl_field_text(check, "result"),
                   ctl_field_text(check, "check"),
                   ctl_field_text(check, "text"));
        }
    }

    if (d.failed) {
        ctl_say_done();
        exit(CTL_FAILED);
    }
}


static void
add(doctor_t *d, const char *name, result_e result, const char *fmt, ...)
{
    char     text[512];
    va_list  args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    json_array_append_new(d->checks,
                          ctl_need(json_pack("{s:s, s:s, s:s}", "check", name,
                                             "result", result_names[result],
                                             "text", text)));

    d->failed = d->failed || result == RESULT_FAIL;
}


static void
check_version(doctor_t *d)
{
    const ctl_link_t  *link;

    link = d->link;

    if (link->major == 0) {
        add(d, "version", RESULT_UNKNOWN, "HELLO does not say it");

    } else if (link->major < CTL_REDIS_MAJOR) {
        add(d, "version", RESULT_FAIL, "%s %s is too old: %d.0 or newer is "
            "needed", link->server, link->version, CTL_REDIS_MAJOR);

    } else {
        add(d, "version", RESULT_OK, "%s %s", link->server, link->version);
    }
}


static void
check_functions(doctor_t *d)
{
    redisReply     *reply;
    ctl_library_e   state;

    reply = ctl_call(d->link, "FCALL", CTL_LIBRARY "_hello", "0", "nonce");
    d->functions = (reply->type == REDIS_REPLY_ARRAY);
    state = ctl_library_state(d->link);

    if (ctl_is_error(reply, "NOPERM")) {
        add(d, "functions", RESULT_FAIL, "%s", ctl_error_text(reply));

    } else if (!d->functions) {
        add(d, "functions", RESULT_FAIL, "%s is not there: spocrctl redis "
            "install", CTL_LIBRARY);

    } else if (state == CTL_LIBRARY_OTHER) {
        add(d, "functions", RESULT_WARN, "%s, of an older or a newer release "
            "than this spocrctl", CTL_LIBRARY);

    } else {
        add(d, "functions", RESULT_OK, "%s%s", CTL_LIBRARY,
            state == CTL_LIBRARY_SAME ? ", of this release" : "");
    }

    freeReplyObject(reply);
}


/* By doing what the gateway does. */

static void
check_permissions(doctor_t *d)
{
    char        *key[3], *why;
    size_t       i;
    redisReply  *reply;

    if (!d->functions) {
        add(d, "permissions", RESULT_UNKNOWN, "without the functions they "
            "cannot be tried");
        return;
    }

    key[0] = ctl_text("%s" NOBODY "k:doctor", d->prefix);
    key[1] = ctl_text("%s" NOBODY "u", d->prefix);
    key[2] = ctl_text("%skey:" NO_DIGEST, d->prefix);

    ctl_send(d->link, "FCALL", CTL_LIBRARY "_limit", "2", key[0], key[1],
             "nonce", "1000000", "1000000", "1000", "0", "0", "0");
    ctl_send(d->link, "FCALL_RO", CTL_LIBRARY "_get", "1", key[2], "nonce");
    ctl_send(d->link, "PING");

    why = denied_subscribe(d);

    for (i = 0; i < 3; i++) {
        reply = ctl_reply(d->link);

        if (reply->type == REDIS_REPLY_ERROR && why == NULL) {
            why = ctl_error_text(reply);
        }

        freeReplyObject(reply);
        free(key[i]);
    }

    if (why) {
        add(d, "permissions", RESULT_FAIL, "%s (spocrctl redis acl prints "
            "what is needed)", why);

    } else {
        add(d, "permissions", RESULT_OK, "all that the gateway needs");
    }
}


/* On a connection of its own, which is good for nothing else then. */

static char *
denied_subscribe(doctor_t *d)
{
    char         *channel, *why;
    ctl_link_t   *link;
    redisReply   *reply;

    link = ctl_link_try(&d->link->place, &why);

    if (link == NULL) {
        return why;
    }

    channel = ctl_text("%snotice", d->prefix);
    reply = ctl_call(link, "SUBSCRIBE", channel);
    why = reply->type == REDIS_REPLY_ERROR ? ctl_error_text(reply) : NULL;

    freeReplyObject(reply);
    free(channel);
    ctl_link_close(link);

    return why;
}


static void
check_role(doctor_t *d)
{
    if (d->link->mode[0] && strcmp(d->link->mode, "standalone") != 0) {
        add(d, "role", RESULT_FAIL, "%s: the gateway knows single Redises only",
            d->link->mode);

    } else if (strcmp(d->link->role, "master") == 0) {
        add(d, "role", RESULT_OK, "master");

    } else if (d->link->role[0]) {
        add(d, "role", RESULT_FAIL, "%s: the gateway writes counters, so it "
            "needs the master", d->link->role);

    } else {
        add(d, "role", RESULT_UNKNOWN, "HELLO does not say it");
    }
}


static void
check_durability(doctor_t *d)
{
    char  *aof, *status, *fsync;

    aof = info_field(d, "aof_enabled");

    if (aof == NULL) {
        add(d, "durability", RESULT_UNKNOWN, "INFO is denied");
        return;
    }

    status = info_field(d, "aof_last_write_status");

    if (strcmp(aof, "1") != 0) {
        check_snapshots(d);

    } else if (status && strcmp(status, "ok") != 0) {
        add(d, "durability", RESULT_FAIL, "the append-only file cannot be "
            "written (%s)", status);

    } else {
        fsync = config_get(d, "appendfsync");
        add(d, "durability", RESULT_OK, "append-only file, fsync %s",
            fsync ? fsync : "unknown");
        free(fsync);
    }

    free(status);
    free(aof);
}


static void
check_snapshots(doctor_t *d)
{
    char  *save, *status;

    save = config_get(d, "save");
    status = info_field(d, "rdb_last_bgsave_status");

    if (status && strcmp(status, "ok") != 0) {
        add(d, "durability", RESULT_FAIL, "the last snapshot has failed, and "
            "Redis may refuse to write");

    } else if (save == NULL) {
        add(d, "durability", RESULT_UNKNOWN, "no append-only file; CONFIG, "
            "which knows about snapshots, is denied");

    } else if (*save == '\0') {
        add(d, "durability", RESULT_WARN, "none: a restart forgets counters, "
            "and keys if they are here");

    } else {
        add(d, "durability", RESULT_WARN, "snapshots alone: a crash forgets "
            "what was changed since the last one");
    }

    free(status);
    free(save);
}


static void
check_memory(doctor_t *d)
{
    char  *max, *policy;

    max = info_field(d, "maxmemory");
    policy = info_field(d, "maxmemory_policy");

    if (max == NULL || policy == NULL) {
        add(d, "memory", RESULT_UNKNOWN, "INFO is denied");

    } else if (strcmp(policy, "noeviction") == 0) {
        add(d, "memory", RESULT_OK, "nothing is evicted");

    } else if (strcmp(max, "0") == 0) {
        add(d, "memory", RESULT_WARN, "no limit of memory, but with one the "
            "policy %s would evict", policy);

    } else {
        add(d, "memory", RESULT_FAIL, "the policy %s evicts keys and counters;"
            " it must be noeviction", policy);
    }

    free(max);
    free(policy);
}


static void
check_latency(doctor_t *d)
{
    size_t       i;
    double       start, ms[CALLS];
    result_e     result;
    redisReply  *reply;

    for (i = 0; i < CALLS; i++) {
        start = now_ms(CLOCK_MONOTONIC);

        reply = d->functions ? ctl_call(d->link, "FCALL", CTL_LIBRARY "_hello",
                                        "0", "nonce")
                             : ctl_call(d->link, "PING");

        ms[i] = now_ms(CLOCK_MONOTONIC) - start;
        freeReplyObject(reply);
    }

    qsort(ms, CALLS, sizeof(double), by_size);

    result = (ms[CALLS / 2] > BUDGET_MS) ? RESULT_FAIL
             : (ms[CALLS - 2] > BUDGET_MS) ? RESULT_WARN : RESULT_OK;

    add(d, "latency", result, "p50 %.2f ms, p99 %.2f ms of %d calls%s",
        ms[CALLS / 2], ms[CALLS - 2], CALLS,
        result == RESULT_OK ? "" : "; the gateway waits 50 ms by default");

    (void) json_object_update(json_array_get(d->checks,
                                             json_array_size(d->checks) - 1),
                              ctl_need(json_pack("{s:f, s:f}", "p50Ms",
                                                 ms[CALLS / 2], "p99Ms",
                                                 ms[CALLS - 2])));
}


static void
check_clock(doctor_t *d)
{
    double       before, after, redis, away;
    redisReply  *reply;

    before = now_ms(CLOCK_REALTIME);
    reply = ctl_call(d->link, "TIME");
    after = now_ms(CLOCK_REALTIME);

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || ctl_reply_text(reply->element[0]) == NULL
        || ctl_reply_text(reply->element[1]) == NULL)
    {
        add(d, "clock", RESULT_UNKNOWN, "TIME is denied");
        freeReplyObject(reply);
        return;
    }

    redis = strtod(reply->element[0]->str, NULL) * 1000
            + strtod(reply->element[1]->str, NULL) / 1000;
    away = (redis - (before + after) / 2) / 1000;

    freeReplyObject(reply);

    if (away > CLOCK_MAX_S || away < -CLOCK_MAX_S) {
        add(d, "clock", RESULT_WARN, "%.1f s from the one here: limits follow "
            "Redis', expiry of keys the gateway's", away);

    } else {
        add(d, "clock", RESULT_OK, "%.3f s from the one here", away);
    }
}


static char *
info_read(ctl_link_t *link)
{
    char        *text;
    redisReply  *reply;

    reply = ctl_call(link, "INFO");
    text = ctl_text("%s", ctl_reply_text(reply) && reply->type
                          == REDIS_REPLY_STRING ? reply->str : "");
    freeReplyObject(reply);

    return text;
}


/* The value of a line, to be freed, or NULL. */

static char *
info_field(const doctor_t *d, const char *name)
{
    char        *start;
    const char  *line;

    start = ctl_text("\n%s:", name);
    line = strstr(d->info, start);
    line = line ? line + strlen(start) : NULL;
    free(start);

    return line ? ctl_text("%.*s", (int) strcspn(line, "\r\n"), line) : NULL;
}


static char *
config_get(doctor_t *d, const char *name)
{
    char        *value;
    redisReply  *reply;

    reply = ctl_call(d->link, "CONFIG", "GET", name);

    value = (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
             && ctl_reply_text(reply->element[1]))
            ? ctl_text("%s", reply->element[1]->str) : NULL;

    freeReplyObject(reply);

    return value;
}


static double
now_ms(clockid_t clock)
{
    struct timespec  t;

    clock_gettime(clock, &t);

    return (double) t.tv_sec * 1000 + (double) t.tv_nsec / 1000000;
}


static int
by_size(const void *one, const void *two)
{
    double  a, b;

    a = *(const double *) one;
    b = *(const double *) two;

    return (a > b) - (a < b);
}
