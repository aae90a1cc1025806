
/*
 * What the parts of spocrctl share.
 *
 * main.c          commands, options, --help
 * say.c           messages, JSON and tables on stdout, times
 * text.c          a buffer of text, and JSON in it
 *
 * store.c         the records, wherever they are
 * store_file.c    in the key file
 * doc.c           the key file: lock, read, check, replace
 * store_redis.c   in Redis: read
 * commit.c        in Redis: changed
 * scan.c          in Redis: all of them
 * check.c         a record as the gateway reads it
 * reload.c        nginx, after a change of the file
 *
 * place.c         where Redis is: a URL and its parameters
 * link.c          commands and replies
 * socket.c        bytes, over TCP, a unix socket or TLS
 *
 * record.c        options of the command line to fields of a record
 * key.c           key create, list, show, revoke, rotate
 * import.c        key import
 * tenant.c        tenant and plan
 * explain.c       explain
 * request.c       request
 * limits.c        limits
 * library.c       redis install
 * acl.c           redis acl
 * copy.c          redis import, redis export
 * idempotency.c   idempotency show, idempotency forget
 * idempotency_record.c  what they read from Redis
 * doctor.c        doctor
 *
 * All of it runs once and ends: a failure prints one sentence and exits, and
 * memory is left to the end of the process.
 */

#ifndef SPOCRCTL_CTL_H
#define SPOCRCTL_CTL_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include <stdbool.h>
#include "ngx_spocr_keyfile.h"


#define CTL_VERSION       "1.0.0"
#define CTL_DEFAULT_FILE  "/etc/spocr/keys.json"

#define CTL_FAILED        1         /* exit codes */
#define CTL_USAGE         2

#define CTL_LIST_MAX      64        /* an option that may be repeated */
#define CTL_TIME_LEN      21        /* "2027-01-01T00:00:00Z" and a NUL */
#define CTL_HEX_LEN       65        /* SHA-256 as text, and a NUL */

#define CTL_YEAR_9999_MS  253402300799999   /* the last one with a date */


typedef struct {
    const char   *items[CTL_LIST_MAX];
    size_t        n;
} ctl_list_t;


/* The command line; what was not given is NULL, false or empty. */

typedef struct {
    const char   *file;
    const char   *redis;            /* NULL: the records are in the file */
    const char   *prefix;
    const char   *password_file;
    const char   *ca;
    const char   *cert;
    const char   *cert_key;
    const char   *server_name;
    const char   *timeout;

    const char   *nginx;
    const char   *nginx_conf;
    bool          json;
    bool          quiet;
    bool          help;
    bool          version;
    bool          reload;
    bool          force;
    bool          auto_load;
    bool          body;

    const char   *uid;
    const char   *id;
    const char   *name;
    const char   *scopes;
    const char   *expires;
    const char   *meta;
    const char   *grace;
    const char   *plan;
    const char   *status;
    const char   *format;
    const char   *scope;
    const char   *user;
    const char   *whose;
    const char   *key_id;
    const char   *secret_file;
    const char   *key_limit;
    const char   *uid_limit;
    ctl_list_t    limits;
    ctl_list_t    logs;

    char        **args;             /* what is not an option */
    int           nargs;
} ctl_opts_t;


/* say.c */

/* Each prints "spocrctl: ...": die() ends the program with the code. */
_Noreturn void ctl_die(int code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ctl_note(const ctl_opts_t *opts, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Never NULL. */
void *ctl_need(void *p);
char *ctl_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One JSON value on stdout, with a line feed; takes the reference. */
void ctl_say_json(json_t *value);

/* Flushes stdout; a full disk or a closed pipe is a failure, too. */
void ctl_say_done(void);

int64_t ctl_now(void);
void ctl_time_text(int64_t seconds, char buf[CTL_TIME_LEN]);

/* "90s", "15m", "24h", "30d", "4w" to seconds; false on other text. */
bool ctl_duration_parse(const char *s, int64_t *seconds);

/* A date and time, a date, or a duration from now; exits on other text. */
int64_t ctl_when_parse(const char *option, const char *s);


/* text.c */

typedef struct {
    char    *data;
    size_t   len;
    size_t   pos;                   /* read so far, by ctl_buffer_read() */
    size_t   room;
} ctl_buffer_t;

void ctl_put(ctl_buffer_t *buf, const char *s);

/*
 * With as many digits for a fraction as it takes to read the same one again:
 * 0.1 stays 0.1 in somebody's "meta".
 */
void ctl_put_json(ctl_buffer_t *buf, const json_t *value);

/* The same as a text of its own, to be freed. */
char *ctl_json_text(const json_t *value);

/* An object with its members in the order of their names; takes it. */
json_t *ctl_sorted(json_t *object);


/* check.c */

/* What the gateway makes of a key and its tenant and plan. */
typedef struct {
    const ngx_spocr_keys_t   *names;    /* of scopes and limits */
    const ngx_spocr_key_t    *key;      /* NULL: a record is not valid; */
    char                     *why;      /* and why */
} ctl_judged_t;

/*
 * The same as the gateway does with records of Redis; tenant and plan may be
 * NULL.  The result lasts until the next call.
 */
void ctl_judge(ctl_judged_t *judged, const ctl_opts_t *opts,
    const json_t *key, const json_t *tenant, const json_t *plan);

/*
 * A record as Redis has it, by its name there ("key:...", "tenant:...",
 * "plan:..."): NULL, or why it is not valid.  strict: unknown fields are not.
 */
char *ctl_record_why(const char *name, const json_t *record, bool strict);

/* A record's text in Redis, to be freed: a key's without its "sha256". */
char *ctl_record_text(const char *name, const json_t *record);


/* store.c */

/*
 * A place for records.  In memory they look as in a key file: a key has its
 * "sha256", tenants and plans are named by what they are found under.
 */
typedef struct ctl_store_s  ctl_store_t;

typedef struct {
    /* Records; NULL: there is none.  They are the store's. */
    json_t  *(*key)(ctl_store_t *store, const char *id);
    json_t  *(*tenant)(ctl_store_t *store, const char *uid);
    json_t  *(*plan)(ctl_store_t *store, const char *name);

    /* All of them, as a key file has them. */
    json_t  *(*keys)(ctl_store_t *store);
    json_t  *(*tenants)(ctl_store_t *store);
    json_t  *(*plans)(ctl_store_t *store);

    /* A key by its digest, and what the gateway makes of it. */
    json_t  *(*find)(ctl_store_t *store, const char *hex);
    void     (*judge)(ctl_store_t *store, const json_t *key,
                      ctl_judged_t *judged);

    /* In a change; each takes the reference.  made: the id is a random one,
     * so nobody else has it. */
    void     (*add_key)(ctl_store_t *store, json_t *key, bool made);
    void     (*put_key)(ctl_store_t *store, json_t *key);
    void     (*put_tenant)(ctl_store_t *store, const char *uid,
                           json_t *tenant);
    void     (*put_plan)(ctl_store_t *store, const char *name, json_t *plan);

    /* Checks and keeps what was put.  false: the change has to be made again,
     * from its beginning, since something else has changed meanwhile. */
    bool     (*commit)(ctl_store_t *store);
} ctl_store_ops_t;

struct ctl_store_s {
    const ctl_store_ops_t   *ops;
    const ctl_opts_t        *opts;
    const char              *given;     /* for messages: the file, the URL */
    bool                     exists;    /* false: a file that is not there */
};

ctl_store_t *ctl_store_open(const ctl_opts_t *opts);

/*
 * Runs a change until it is kept: once on a file, which is locked meanwhile;
 * on Redis again and again while others are faster.  A record that it has
 * altered it must put, too.
 */
typedef void (*ctl_change_pt)(ctl_store_t *store, void *data);

void ctl_store_change(const ctl_opts_t *opts, ctl_change_pt change,
    void *data);

/* The key, or exits: there is none. */
json_t *ctl_key_need(ctl_store_t *store, const char *id);

/* "active", "disabled", "revoked", "expired", as the gateway sees it, or
 * "invalid": it cannot read the record. */
const char *ctl_key_state(ctl_store_t *store, const json_t *key);

/* After a change: what has to be done for it to act.  Flushes stdout first: a
 * reload may fail, and a new key's text must be out by then. */
void ctl_change_done(const ctl_opts_t *opts);


/* store_file.c, store_redis.c */

ctl_store_t *ctl_file_open(const ctl_opts_t *opts);
ctl_store_t *ctl_file_edit(const ctl_opts_t *opts);
ctl_store_t *ctl_redis_open(const ctl_opts_t *opts);
ctl_store_t *ctl_redis_edit(const ctl_opts_t *opts);

/* Forgets what was read and put, for another try. */
void ctl_redis_again(ctl_store_t *store);

/* Writes a whole new file; exits where it cannot be one. */
void ctl_file_write(const ctl_opts_t *opts, const char *path, json_t *root);


/* reload.c */

/* nginx -t, and then the reload. */
void ctl_reload(const ctl_opts_t *opts);


/* record.c */

/* Refuses what is no name (an id, a uid ...). */
void ctl_name_check(const char *what, const char *name);

/* A new id, to be freed. */
char *ctl_id_make(void);

/* Options into a record. */
void ctl_record_limits(json_t *record, const ctl_opts_t *opts, bool in_key);
void ctl_record_scopes(json_t *record, const char *list);
void ctl_record_name(json_t *record, const char *name);
void ctl_record_expires(json_t *record, int64_t seconds);
void ctl_record_meta(json_t *record, const char *s);

/* What "spocr_limit" says, by an option of that name. */
uint32_t ctl_directive_limit(const char *option, const char *value,
    uint32_t otherwise);

/* "key=60 uid=600 upload.key=10", or "-"; to be freed. */
char *ctl_limits_text(const json_t *record);

/* A string of a record, or "-". */
const char *ctl_field_text(const json_t *record, const char *name);

/*
 * Makes a key's text and puts its digest into the record.  The text is the
 * caller's to print once and to wipe; it has NGX_SPOCR_KEY_NEW_LEN bytes and
 * a NUL.
 */
void ctl_record_new_key(json_t *record, char *key);
void ctl_digest_hex(const char *data, size_t len, char hex[CTL_HEX_LEN]);


/* the commands */

void ctl_key_create(const ctl_opts_t *opts);
void ctl_key_list(const ctl_opts_t *opts);
void ctl_key_show(const ctl_opts_t *opts);
void ctl_key_revoke(const ctl_opts_t *opts);
void ctl_key_rotate(const ctl_opts_t *opts);
void ctl_key_import(const ctl_opts_t *opts);
void ctl_tenant_set(const ctl_opts_t *opts);
void ctl_tenant_show(const ctl_opts_t *opts);
void ctl_tenant_list(const ctl_opts_t *opts);
void ctl_plan_set(const ctl_opts_t *opts);
void ctl_plan_list(const ctl_opts_t *opts);
void ctl_explain(const ctl_opts_t *opts);
void ctl_request(const ctl_opts_t *opts);
void ctl_limits(const ctl_opts_t *opts);
void ctl_idempotency_show(const ctl_opts_t *opts);
void ctl_idempotency_forget(const ctl_opts_t *opts);
void ctl_redis_install(const ctl_opts_t *opts);
void ctl_redis_acl(const ctl_opts_t *opts);
void ctl_redis_import(const ctl_opts_t *opts);
void ctl_redis_export(const ctl_opts_t *opts);
void ctl_doctor(const ctl_opts_t *opts);


#endif /* SPOCRCTL_CTL_H */
