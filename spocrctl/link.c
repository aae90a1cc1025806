
/*
 * Commands to Redis and their replies.
 *
 * Called by the store in Redis and by the commands about Redis itself.
 *
 * Invariant: replies come in the order of the commands; a connection that
 * fails ends the program.
 */


#include "link.h"
#include <openssl/crypto.h>


#define READ_SIZE   65536
#define ERROR_MAX   200

#define SECONDS_DIGITS  12           /* of a time; more is none */


static char *handshake(ctl_link_t *link);
static char *hello_refused(const redisReply *reply, const char *password);
static void hello_read(ctl_link_t *link, const redisReply *reply);
static redisReply *reply_try(ctl_link_t *link, char **why);


ctl_link_t *
ctl_link_try(const ctl_place_t *place, char **why)
{
    ctl_link_t  *link;

    link = ctl_need(calloc(1, sizeof(ctl_link_t)));
    link->place = *place;
    link->reader = ctl_need(redisReaderCreate());
    link->socket = ctl_socket_open(place, why);

    if (link->socket == NULL) {
        redisReaderFree(link->reader);
        free(link);
        return NULL;
    }

    *why = handshake(link);

    if (*why) {
        ctl_link_close(link);
        return NULL;
    }

    return link;
}


ctl_link_t *
ctl_link_open(const ctl_opts_t *opts)
{
    char         *why;
    ctl_link_t   *link;
    ctl_place_t   place;

    ctl_place_parse(&place, opts);

    link = ctl_link_try(&place, &why);

    if (link == NULL) {
        ctl_die(CTL_FAILED, "%s: %s", place.url, why);

    } else if (link->major < CTL_REDIS_MAJOR) {
        ctl_die(CTL_FAILED, "%s: %s %s is too old: %d.0 or newer is needed",
                place.url, link->server, link->version, CTL_REDIS_MAJOR);
    }

    return link;
}


void
ctl_link_close(ctl_link_t *link)
{
    ctl_socket_close(link->socket);
    redisReaderFree(link->reader);
    free(link->out.data);
    free(link);
}


/* HELLO with the user, SELECT.  NULL, or why it was refused. */

static char *
handshake(ctl_link_t *link)
{
    char        *password, *why;
    redisReply  *reply;

    why = NULL;
    password = link->place.password_file
               ? ctl_password_read(link->place.password_file)
               : ctl_need(strdup(""));

    if (link->place.password_file || link->place.user) {
        ctl_send(link, "HELLO", "2", "AUTH",
                 link->place.user ? link->place.user : "default", password);

    } else {
        ctl_send(link, "HELLO", "2");
    }

    reply = reply_try(link, &why);

    if (reply && reply->type == REDIS_REPLY_ERROR) {
        why = hello_refused(reply, password);
    }

    OPENSSL_cleanse(password, strlen(password));
    free(password);

    if (why || reply == NULL) {
        freeReplyObject(reply);
        return why;
    }

    hello_read(link, reply);
    freeReplyObject(reply);

    if (link->place.db == NULL || strcmp(link->place.db, "0") == 0) {
        return NULL;
    }

    ctl_send(link, "SELECT", link->place.db);
    reply = reply_try(link, &why);

    if (reply && reply->type == REDIS_REPLY_ERROR) {
        why = ctl_error_text(reply);
    }

    freeReplyObject(reply);

    return why;
}


/* An old Redis repeats what it does not understand: a password, too. */

static char *
hello_refused(const redisReply *reply, const char *password)
{
    char  *why;

    if (ctl_is_error(reply, "ERR unknown command")) {
        return ctl_text("it does not know HELLO, so it is older than 6: %d.0 "
                        "or newer is needed", CTL_REDIS_MAJOR);
    }

    why = ctl_error_text(reply);

    if (*password && strstr(why, password)) {
        return ctl_text("it refuses HELLO");
    }

    return ctl_text("%s%s", why, ctl_is_error(reply, "NOAUTH")
                                 ? " (--password-file)" : "");
}


static void
hello_read(ctl_link_t *link, const redisReply *reply)
{
    size_t       i;
    const char  *name, *value;

    for (i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements;
         i += 2)
    {
        name = ctl_reply_text(reply->element[i]);
        value = ctl_reply_text(reply->element[i + 1]);

        if (name == NULL || value == NULL) {
            continue;
        }

        if (strcmp(name, "server") == 0) {
            snprintf(link->server, sizeof(link->server), "%s", value);

        } else if (strcmp(name, "version") == 0) {
            snprintf(link->version, sizeof(link->version), "%s", value);
            link->major = (int) strtol(value, NULL, 10);

        } else if (strcmp(name, "role") == 0) {
            snprintf(link->role, sizeof(link->role), "%s", value);

        } else if (strcmp(name, "mode") == 0) {
            snprintf(link->mode, sizeof(link->mode), "%s", value);
        }
    }
}


void
ctl_send_words(ctl_link_t *link, const char **words)
{
    size_t  n;

    for (n = 0; words[n]; n++) { /* void */ }

    ctl_send_argv(link, n, words);
}


void
ctl_send_argv(ctl_link_t *link, size_t argc, const char **argv)
{
    char          *text;
    size_t         i, len, *lens;
    ctl_buffer_t  *out;

    lens = ctl_need(calloc(argc + 1, sizeof(size_t)));

    for (i = 0; i < argc; i++) {
        lens[i] = strlen(argv[i]);
    }

    len = (size_t) redisFormatCommandArgv(&text, (int) argc, argv, lens);
    free(lens);

    /* a negative length is memory that is out, and so is this */
    if ((ssize_t) len <= 0) {
        ctl_die(CTL_FAILED, "out of memory");
    }

    out = &link->out;

    if (out->room - out->len < len) {
        out->room = 2 * out->room + len + 4096;
        out->data = ctl_need(realloc(out->data, out->room));
    }

    memcpy(out->data + out->len, text, len);
    out->len += len;

    OPENSSL_cleanse(text, len);
    redisFreeCommand(text);
}


redisReply *
ctl_reply(ctl_link_t *link)
{
    char        *why;
    redisReply  *reply;

    reply = reply_try(link, &why);

    if (reply == NULL) {
        ctl_die(CTL_FAILED, "%s: %s%s", link->place.url, why,
                link->doubt ? link->doubt : "");
    }

    return reply;
}


static redisReply *
reply_try(ctl_link_t *link, char **why)
{
    void        *reply;
    char         buf[READ_SIZE];
    size_t       len;
    const char  *failed;

    failed = NULL;

    if (link->out.len) {
        failed = ctl_socket_write(link->socket, link->out.data,
                                  link->out.len);
        OPENSSL_cleanse(link->out.data, link->out.len);
        link->out.len = 0;
    }

    for (reply = NULL; failed == NULL; /* void */) {

        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
            failed = "what it says is not Redis' protocol";
            break;
        }

        if (reply) {
            return reply;
        }

        failed = ctl_socket_read(link->socket, buf, sizeof(buf), &len);

        if (failed == NULL
            && redisReaderFeed(link->reader, buf, len) != REDIS_OK)
        {
            failed = "out of memory";
        }
    }

    *why = ctl_text("%s", failed);

    return NULL;
}


redisReply *
ctl_call_words(ctl_link_t *link, const char **words)
{
    ctl_send_words(link, words);

    return ctl_reply(link);
}


redisReply *
ctl_ask_words(ctl_link_t *link, const char **words)
{
    redisReply  *reply;

    reply = ctl_call_words(link, words);

    if (reply->type == REDIS_REPLY_ERROR) {
        ctl_refused(link, reply);
    }

    return reply;
}


void
ctl_refused(const ctl_link_t *link, const redisReply *reply)
{
    ctl_die(CTL_FAILED, "%s: %s", link->place.url, ctl_error_text(reply));
}


bool
ctl_is_error(const redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR
           && strncmp(reply->str, code, strlen(code)) == 0;
}


char *
ctl_error_text(const redisReply *reply)
{
    char    *text;
    size_t   i;

    text = ctl_text("%.*s", ERROR_MAX, reply->str);

    for (i = 0; text[i]; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            text[i] = '?';
        }
    }

    return text;
}


const char *
ctl_reply_text(const redisReply *reply)
{
    return (reply->type == REDIS_REPLY_STRING
            || reply->type == REDIS_REPLY_STATUS)
           && strlen(reply->str) == reply->len ? reply->str : NULL;
}


int64_t
ctl_redis_now(ctl_link_t *link)
{
    int64_t      now;
    redisReply  *reply;
    const char  *seconds, *rest;

    reply = ctl_ask(link, "TIME");

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || (seconds = ctl_reply_text(reply->element[0])) == NULL
        || (rest = ctl_reply_text(reply->element[1])) == NULL
        || strlen(seconds) > SECONDS_DIGITS)
    {
        ctl_die(CTL_FAILED, "%s: a reply to TIME that is none",
                link->place.url);
    }

    now = strtoll(seconds, NULL, 10) * 1000 + strtoll(rest, NULL, 10) / 1000;

    freeReplyObject(reply);

    return now;
}
