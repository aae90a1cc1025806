
/*
 * A record of an Idempotency-Key, from Redis: the hash that the gateway's
 * functions write (contract, "In Redis").
 *
 * Called by the commands "idempotency".
 *
 * Invariant: Redis is not trusted.  A field is taken over when it has the form
 * that the functions give it, and the record is malformed where one has not.
 */


#include "idempotency.h"


#define ATTEMPT_MAX  1000000000
#define DIGITS_MAX   15
#define TOKEN_LEN    16
#define SEALED       2              /* first byte of an answer */


/* in the order in which they are asked for */

enum { F_STATE = 0, F_TOKEN, F_FINGERPRINT, F_ATTEMPT, F_LEASE, F_CLAIMED,
       F_REASON, F_REQUEST, F_ANSWER, F_COUNT };


static void fields_read(ctl_idem_t *idem, redisReply *const *fields);
static void state_read(ctl_idem_t *idem, const redisReply *state);
static void request_read(ctl_idem_t *idem, const redisReply *id);
static void reason_read(ctl_idem_t *idem, const redisReply *reason,
    bool tomb);
static int64_t number(ctl_idem_t *idem, const redisReply *field, int64_t max,
    bool needed, const char *wrong);
static void wrong(ctl_idem_t *idem, const char *why);
static _Noreturn void no_reply(const ctl_link_t *link, const char *command);


/* What was replied stays in memory: idem points into it. */

bool
ctl_idem_read(ctl_link_t *link, const char *name, ctl_idem_t *idem)
{
    size_t       i;
    redisReply  *reply, *ttl;

    reply = ctl_call(link, "HMGET", name, "s", "t", "f", "n", "ld", "at", "st",
                     "rid", "b");

    if (reply->type == REDIS_REPLY_ERROR && !ctl_is_error(reply, "WRONGTYPE"))
    {
        ctl_refused(link, reply);
    }

    ttl = ctl_ask(link, "PTTL", name);
    idem->now = ctl_redis_now(link);

    /* it may have expired since the first question */

    if (ttl->type == REDIS_REPLY_INTEGER && ttl->integer == -2) {
        return false;
    }

    if (ttl->type != REDIS_REPLY_INTEGER || ttl->integer < -1
        || ttl->integer > CTL_YEAR_9999_MS - idem->now)
    {
        no_reply(link, "PTTL");
    }

    idem->ttl = ttl->integer;

    if (reply->type == REDIS_REPLY_ERROR) {
        idem->state = CTL_IDEM_MALFORMED;
        wrong(idem, "it is no hash");
        return true;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != F_COUNT) {
        no_reply(link, "HMGET");
    }

    for (i = 0; i < F_COUNT; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING
            && reply->element[i]->type != REDIS_REPLY_NIL)
        {
            no_reply(link, "HMGET");
        }
    }

    fields_read(idem, reply->element);

    return true;
}


static void
fields_read(ctl_idem_t *idem, redisReply *const *fields)
{
    bool               running;
    const redisReply  *print;

    state_read(idem, fields[F_STATE]);
    running = (idem->state == CTL_IDEM_RUNNING);

    if (fields[F_TOKEN]->type != REDIS_REPLY_STRING
        || fields[F_TOKEN]->len != TOKEN_LEN)
    {
        wrong(idem, "its token has not 16 bytes");
    }

    print = fields[F_FINGERPRINT];

    if (print->type == REDIS_REPLY_STRING
        && print->len == NGX_SPOCR_FINGERPRINT_LEN)
    {
        memcpy(idem->owner.fingerprint, print->str,
               NGX_SPOCR_FINGERPRINT_LEN);

    } else {
        wrong(idem, "its fingerprint has not 32 bytes");
    }

    idem->attempt = number(idem, fields[F_ATTEMPT], ATTEMPT_MAX, running,
                           "its attempt is no number");
    idem->lease = number(idem, fields[F_LEASE], CTL_YEAR_9999_MS, running,
                         "the end of its lease is no time");
    idem->claimed = number(idem, fields[F_CLAIMED], CTL_YEAR_9999_MS, running,
                           "its claim is at no time");

    request_read(idem, fields[F_REQUEST]);
    reason_read(idem, fields[F_REASON], idem->state == CTL_IDEM_TOMB);

    if (fields[F_ANSWER]->type == REDIS_REPLY_STRING) {
        idem->stored.data = (u_char *) fields[F_ANSWER]->str;
        idem->stored.len = fields[F_ANSWER]->len;
    }

    if (idem->state == CTL_IDEM_DONE && idem->stored.len == 0) {
        wrong(idem, "it has no answer");
    }

    /* where the end is not known, nobody can say that it has passed */
    idem->held = running && (idem->lease == 0 || idem->lease > idem->now);

    if (idem->wrong) {
        idem->state = CTL_IDEM_MALFORMED;

    } else if ((running && !idem->held)
               || strcmp(idem->reason, "outcome_unknown") == 0)
    {
        idem->state = CTL_IDEM_UNKNOWN;
    }
}


static void
state_read(ctl_idem_t *idem, const redisReply *state)
{
    char  letter;

    letter = (state->type == REDIS_REPLY_STRING && state->len == 1)
             ? state->str[0] : ' ';

    switch (letter) {
    case 'P':
        idem->state = CTL_IDEM_RUNNING;
        break;
    case 'D':
        idem->state = CTL_IDEM_DONE;
        break;
    case 'T':
        idem->state = CTL_IDEM_TOMB;
        break;
    default:
        idem->state = CTL_IDEM_MALFORMED;
        wrong(idem, "its state is none");
        break;
    }
}


static void
request_read(ctl_idem_t *idem, const redisReply *id)
{
    if (id->type == REDIS_REPLY_STRING && id->len == 0) {
        return;
    }

    if (id->type == REDIS_REPLY_NIL
        || ngx_spocr_id_parse((const u_char *) id->str, id->len, NULL)
           != NGX_OK)
    {
        wrong(idem, "its request id is none");
        return;
    }

    memcpy(idem->request_id, id->str, NGX_SPOCR_ID_LEN);
}


static void
reason_read(ctl_idem_t *idem, const redisReply *reason, bool tomb)
{
    size_t  len;

    len = (reason->type == REDIS_REPLY_STRING) ? reason->len : 0;

    if (len == 0) {
        if (tomb) {
            wrong(idem, "it has no reason");
        }

        return;
    }

    if (len > CTL_REASON_MAX
        || strspn(reason->str, "abcdefghijklmnopqrstuvwxyz_") != len)
    {
        wrong(idem, "its reason is no word");
        return;
    }

    if (tomb) {
        memcpy(idem->reason, reason->str, len);
    }
}


/* 1 to max; 0 where it is absent, or is no such number. */

static int64_t
number(ctl_idem_t *idem, const redisReply *field, int64_t max, bool needed,
    const char *why)
{
    int64_t  n;

    n = 0;

    if (field->type == REDIS_REPLY_STRING && field->len
        && field->len <= DIGITS_MAX
        && strspn(field->str, "0123456789") == field->len)
    {
        n = strtoll(field->str, NULL, 10);
    }

    if (n == 0 || n > max) {
        if (needed || field->type == REDIS_REPLY_STRING) {
            wrong(idem, why);
        }

        return 0;
    }

    return n;
}


/* The first one is told. */

static void
wrong(ctl_idem_t *idem, const char *why)
{
    if (idem->wrong == NULL) {
        idem->wrong = why;
    }
}


static _Noreturn void
no_reply(const ctl_link_t *link, const char *command)
{
    ctl_die(CTL_FAILED, "%s: a reply to %s that is none", link->place.url,
            command);
}


void
ctl_idem_open(const ctl_idem_t *idem, const ngx_spocr_secrets_t *secrets,
    ctl_idem_answer_t *answer)
{
    u_char      *room;
    const char  *why;

    memset(answer, 0, sizeof(ctl_idem_answer_t));

    answer->sealed = (idem->stored.data[0] == SEALED);

    if (answer->sealed && secrets == NULL) {
        answer->wrong = "it is sealed (--secret-file opens it)";
        return;
    }

    room = ctl_need(malloc(idem->stored.len));
    why = "OpenSSL fails";

    if (ngx_spocr_record_read(&answer->record, secrets, &idem->owner,
                              idem->stored.data, idem->stored.len, room, &why)
        != NGX_OK)
    {
        answer->wrong = why;
    }
}
