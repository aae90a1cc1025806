
/*
 * Redis, as a client of it that may wait: place.c, link.c, socket.c.
 *
 * hiredis is the codec alone, as in the module: the one of Debian 12 has no
 * TLS, and its own sockets are of no use for that.
 */

#ifndef SPOCRCTL_LINK_H
#define SPOCRCTL_LINK_H


#include "ctl.h"
#include <hiredis/hiredis.h>


#define CTL_LIBRARY      "spocr_v2"     /* the functions that belong to us */
#define CTL_REDIS_MAJOR  7


/* place.c */

/*
 * "redis://[user@]host:port[/db]", "rediss://...", "unix:PATH[:db]", and the
 * parameters of the directive spocr_redis, which options overrule.
 */
typedef struct {
    const char   *url;                  /* for messages; has no password */
    const char   *path;                 /* of a unix socket, or NULL */
    const char   *host;
    const char   *port;
    const char   *user;                 /* NULL: the default user */
    const char   *db;                   /* NULL: 0 */
    bool          tls;

    const char   *prefix;
    const char   *password_file;
    const char   *ca;
    const char   *cert;
    const char   *cert_key;
    const char   *server_name;
    int           timeout;              /* ms, of each step */
} ctl_place_t;

void ctl_place_parse(ctl_place_t *place, const ctl_opts_t *opts);

/* The prefix alone, for what needs no connection; *db is NULL for database
 * 0. */
const char *ctl_place_prefix(const ctl_opts_t *opts, const char **db);

/* The first line of a file that only some may read; to be wiped. */
char *ctl_password_read(const char *path);


/* socket.c */

typedef struct ctl_socket_s  ctl_socket_t;

/* NULL, with a sentence in *why.  Names are resolved by the C library. */
ctl_socket_t *ctl_socket_open(const ctl_place_t *place, char **why);
void ctl_socket_close(ctl_socket_t *s);

/* All of it; a NULL is good, else it is the reason. */
const char *ctl_socket_write(ctl_socket_t *s, const char *data, size_t len);

/* At least one byte; as above. */
const char *ctl_socket_read(ctl_socket_t *s, char *data, size_t size,
    size_t *len);


/* link.c */

typedef struct {
    ctl_place_t     place;
    ctl_socket_t   *socket;
    redisReader    *reader;
    ctl_buffer_t    out;                /* not sent yet */
    char            server[32];         /* "redis", as HELLO has it */
    char            version[32];        /* "7.0.15", or "" */
    int             major;              /* 7; 0: not known */
    char            role[16];           /* "master", "replica", or "" */
    char            mode[16];           /* "standalone", "cluster", or "" */
    const char     *doubt;              /* said where a reply is missing */
} ctl_link_t;

/*
 * Connects, and authenticates.  NULL with a sentence in *why; *version then
 * has what is known of it.  An old Redis is connected to, too.
 */
ctl_link_t *ctl_link_try(const ctl_place_t *place, char **why);

/* The same for all but doctor: exits where it fails, or is too old. */
ctl_link_t *ctl_link_open(const ctl_opts_t *opts);
void ctl_link_close(ctl_link_t *link);

/* Commands are words: ctl_call(link, "GET", key). */
#define CTL_WORDS(...)      (const char *[]) { __VA_ARGS__, NULL }
#define ctl_send(link, ...) ctl_send_words(link, CTL_WORDS(__VA_ARGS__))
#define ctl_call(link, ...) ctl_call_words(link, CTL_WORDS(__VA_ARGS__))
#define ctl_ask(link, ...)  ctl_ask_words(link, CTL_WORDS(__VA_ARGS__))

/* Only queues the command. */
void ctl_send_words(ctl_link_t *link, const char **words);
void ctl_send_argv(ctl_link_t *link, size_t argc, const char **argv);

/* The next reply, after sending what is queued; to be freed.  Exits where
 * there is none; an error is a reply, too. */
redisReply *ctl_reply(ctl_link_t *link);

/* Both; ctl_ask() exits on an error, ctl_call() does not. */
redisReply *ctl_call_words(ctl_link_t *link, const char **words);
redisReply *ctl_ask_words(ctl_link_t *link, const char **words);

/* Exits with what an error reply says. */
_Noreturn void ctl_refused(const ctl_link_t *link, const redisReply *reply);

bool ctl_is_error(const redisReply *reply, const char *code);

/* An error's text without what a terminal would obey; to be freed. */
char *ctl_error_text(const redisReply *reply);

/* The text of a reply that has one, or NULL. */
const char *ctl_reply_text(const redisReply *reply);

/* Redis' time, in ms. */
int64_t ctl_redis_now(ctl_link_t *link);


/* scan.c */

/*
 * Calls back for each key of a pattern, once, with its value, or NULL where
 * it is no string.
 */
typedef void (*ctl_scan_pt)(void *data, const char *key, const char *value);

void ctl_scan(ctl_link_t *link, const char *pattern, ctl_scan_pt seen,
    void *data);

/* library.c */

typedef enum {
    CTL_LIBRARY_UNKNOWN = 0,            /* FUNCTION LIST is denied */
    CTL_LIBRARY_ABSENT,
    CTL_LIBRARY_SAME,                   /* byte for byte ours */
    CTL_LIBRARY_OTHER                   /* of our name, and another text */
} ctl_library_e;

ctl_library_e ctl_library_state(ctl_link_t *link);


#endif /* SPOCRCTL_LINK_H */
