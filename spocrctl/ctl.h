
/*
 * What the parts of spocrctl share.
 *
 * main.c      commands, options, --help
 * say.c       messages, JSON and tables on stdout, times
 * doc.c       the key file: lock, read, check, replace
 * reload.c    nginx, after a change
 * record.c    options of the command line to fields of a record
 * key.c       key create, list, show, revoke, rotate
 * import.c    key import
 * tenant.c    tenant and plan
 * explain.c   explain
 * request.c   request
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


typedef struct {
    const char   *items[CTL_LIST_MAX];
    size_t        n;
} ctl_list_t;


/* The command line; what was not given is NULL, false or empty. */

typedef struct {
    const char   *file;
    const char   *nginx;
    const char   *nginx_conf;
    bool          json;
    bool          quiet;
    bool          help;
    bool          version;
    bool          reload;

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
    const char   *key_limit;
    const char   *uid_limit;
    ctl_list_t    limits;
    ctl_list_t    logs;

    char        **args;             /* what is not an option */
    int           nargs;
} ctl_opts_t;


/* A key file in memory: its JSON, and the table that it makes. */

typedef struct {
    const char         *given;      /* the path as the user wrote it */
    char               *path;       /* of the file itself, links resolved */
    int                 dir;        /* descriptor, locked; -1: reading only */
    json_t             *root;
    json_t             *plans;      /* NULL: absent */
    json_t             *tenants;
    json_t             *keys;
    ngx_spocr_keys_t   *table;
    bool                exists;
} ctl_doc_t;


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


/* doc.c */

/* A file that must be there, for reading. */
void ctl_doc_read(ctl_doc_t *doc, const ctl_opts_t *opts);

/* For a change: locked; an empty document where there is no file. */
void ctl_doc_edit(ctl_doc_t *doc, const ctl_opts_t *opts);

/* Checks the document, replaces the file, and lets the lock go. */
void ctl_doc_save(ctl_doc_t *doc);

/* reload.c */

/*
 * After ctl_doc_save() and what is to be printed (a reload may fail, and a new
 * key's text must be out by then): the reload, or the note that one is needed.
 */
void ctl_change_done(const ctl_opts_t *opts);

/* The object "plans" or "tenants", made where it is absent. */
json_t *ctl_doc_object(ctl_doc_t *doc, const char *name);

/* The record of a key by its id, or NULL. */
json_t *ctl_doc_key(const ctl_doc_t *doc, const char *id);


/* record.c */

/* Refuse what is no name (an id, a uid ...) and no key's record. */
void ctl_name_check(const char *what, const char *name);
json_t *ctl_key_need(const ctl_doc_t *doc, const char *id);

/* A new id, to be freed. */
char *ctl_id_make(void);

/* Options into a record. */
void ctl_record_limits(json_t *record, const ctl_opts_t *opts, bool in_key);
void ctl_record_scopes(json_t *record, const char *list);
void ctl_record_name(json_t *record, const char *name);
void ctl_record_expires(json_t *record, int64_t seconds);
void ctl_record_meta(json_t *record, const char *s);

/* "active", "disabled", "revoked" or "expired", as the gateway sees it. */
const char *ctl_record_state(const ctl_doc_t *doc, const json_t *key);

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
void ctl_digest_hex(const char *key, size_t len, char hex[65]);


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


#endif /* SPOCRCTL_CTL_H */
