
/*
 * explain: what the gateway would do with a key now, and why.
 *
 * The key's text, or the whole value of an Authorization header, comes on
 * stdin, never in the arguments, which other users can see.
 */


#include "ctl.h"
#include <openssl/crypto.h>
#include <strings.h>
#include <unistd.h>


#define INPUT_MAX  8192


typedef struct {
    int                      status;    /* of HTTP; 200: it goes on */
    const char              *code;      /* of the error, or NULL */
    const char              *reason;    /* one word */
    char                    *why;       /* a sentence */
    const ngx_spocr_key_t   *key;       /* NULL: not known, or not valid */
    const ngx_spocr_keys_t  *names;     /* of scopes and limits */
    const json_t            *record;
} answer_t;


static char *input_read(void);
static void judge(answer_t *a, ctl_store_t *store, const ctl_opts_t *opts,
    char *input);
static char *malformed_why(const char *value);
static char *unknown_why(const ngx_str_t *key);
static void judge_known(answer_t *a, ctl_store_t *store,
    const ctl_opts_t *opts);
static void judge_key(answer_t *a, const ctl_opts_t *opts);
static void answer_json(const answer_t *a,
    const ngx_spocr_limits_t *directive);
static void answer_text(const answer_t *a,
    const ngx_spocr_limits_t *directive);
static uint32_t limit_of(const answer_t *a, ngx_uint_t name, bool uid,
    const ngx_spocr_limits_t *directive, const char **from);


void
ctl_explain(const ctl_opts_t *opts)
{
    char                *input;
    answer_t             a;
    ctl_store_t         *store;
    ngx_spocr_limits_t   directive;

    if (opts->scope) {
        ctl_name_check("--scope", opts->scope);
    }

    directive.key = ctl_directive_limit("key-limit", opts->key_limit, 60);
    directive.uid = ctl_directive_limit("uid-limit", opts->uid_limit, 600);

    store = ctl_store_open(opts);

    memset(&a, 0, sizeof(answer_t));

    input = input_read();
    judge(&a, store, opts, input);
    OPENSSL_cleanse(input, INPUT_MAX);
    free(input);

    if (opts->json) {
        answer_json(&a, &directive);

    } else {
        answer_text(&a, &directive);
    }

    if (a.status != 200) {
        ctl_say_done();
        exit(CTL_FAILED);
    }
}


/* One line; INPUT_MAX bytes that end with a NUL. */

static char *
input_read(void)
{
    char    *input;
    size_t   len;

    input = ctl_need(calloc(1, INPUT_MAX));

    if (isatty(STDIN_FILENO)) {
        fputs("key: ", stderr);
    }

    if (fgets(input, INPUT_MAX, stdin) == NULL) {
        if (ferror(stdin)) {
            ctl_die(CTL_FAILED, "stdin: %s", strerror(errno));
        }

        input[0] = '\0';
    }

    len = strcspn(input, "\r\n");

    if (len == INPUT_MAX - 1) {
        ctl_die(CTL_USAGE, "the first line of stdin is too long to be a key");
    }

    input[len] = '\0';

    return input;
}


static void
judge(answer_t *a, ctl_store_t *store, const ctl_opts_t *opts, char *input)
{
    char                *value;
    char                 hex[CTL_HEX_LEN];
    ngx_str_t            header, key;
    ngx_spocr_token_e    code;

    if (strncasecmp(input, "Authorization:", 14) == 0) {
        input += 14;
    }

    input += strspn(input, " \t");

    /* a key alone is meant as "Bearer" and the key */
    value = strncmp(input, "spocr_", 6) == 0 ? ctl_text("Bearer %s", input)
                                              : ctl_text("%s", input);
    header.data = (u_char *) value;
    header.len = strlen(value);

    code = ngx_spocr_token_parse(&header, &key);

    if (code == NGX_SPOCR_TOKEN_OK) {
        ctl_digest_hex((char *) key.data, key.len, hex);
        a->record = store->ops->find(store, hex);

        if (a->record) {
            judge_known(a, store, opts);

        } else {
            a->status = 403;
            a->code = "forbidden";
            a->reason = "unknown";
            a->why = unknown_why(&key);
        }

    } else {
        a->status = 401;
        a->code = "unauthorized";

        if (code == NGX_SPOCR_TOKEN_MISSING) {
            a->reason = "missing";
            a->why = ctl_text("stdin has no key");

        } else {
            a->reason = "malformed";
            a->why = malformed_why(value);
        }
    }

    OPENSSL_cleanse(value, header.len);
    free(value);
}


/* The first thing that is wrong; no part of the text is repeated. */

static char *
malformed_why(const char *value)
{
    size_t  len;

    if (strncasecmp(value, "Bearer", 6) != 0
        || (value[6] != ' ' && value[6] != '\0'))
    {
        return ctl_text("it is neither a key, which begins with \"spocr_\", "
                        "nor \"Bearer\", a space and a key");
    }

    value += 6;
    value += strspn(value, " ");

    if (strncmp(value, "spocr_", 6) != 0) {
        return ctl_text("the key does not begin with \"spocr_\"");
    }

    len = strcspn(value, " \t");

    if (value[len + strspn(value + len, " \t")] != '\0') {
        return ctl_text("something follows the key");
    }

    if (len == 6) {
        return ctl_text("nothing follows \"spocr_\"");
    }

    if (len > NGX_SPOCR_KEY_MAX) {
        return ctl_text("the key has %zu characters; %d is the most", len,
                        NGX_SPOCR_KEY_MAX);
    }

    return ctl_text("character %zu of the key is none of A-Z a-z 0-9 _ -",
                    strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "abcdefghijklmnopqrstuvwxyz0123456789_-") + 1);
}


static char *
unknown_why(const ngx_str_t *key)
{
    if (ngx_spocr_token_checksum_ok(key->data, key->len)) {
        return ctl_text("no key has this text; its checksum is "
                        "right, so it was made by spocrctl: for another store, "
                        "or its record is gone");
    }

    if (key->len == NGX_SPOCR_KEY_NEW_LEN) {
        return ctl_text("no key has this text; its checksum is "
                        "wrong, so it is probably mistyped");
    }

    return ctl_text("no key has this text; it has %zu characters, "
                    "those that spocrctl makes have %d", key->len,
                    NGX_SPOCR_KEY_NEW_LEN);
}


/* In Redis, a record may be what the gateway cannot read (C-8). */

static void
judge_known(answer_t *a, ctl_store_t *store, const ctl_opts_t *opts)
{
    ctl_judged_t  judged;

    store->ops->judge(store, a->record, &judged);

    a->key = judged.key;
    a->names = judged.names;

    if (a->key) {
        judge_key(a, opts);
        return;
    }

    a->status = 503;
    a->code = "service_unavailable";
    a->reason = "invalid";
    a->why = ctl_text("a record is not valid: %s", judged.why);
}


static void
judge_key(answer_t *a, const ctl_opts_t *opts)
{
    ngx_str_t  scope;

    a->status = 403;
    a->code = "forbidden";

    switch (ngx_spocr_key_check(a->key, ctl_now())) {

    case NGX_SPOCR_KEY_IS_REVOKED:
        a->reason = "revoked";
        a->why = ctl_text("the key's status is revoked");
        return;

    case NGX_SPOCR_KEY_IS_DISABLED:
        a->reason = "disabled";
        a->why = ctl_text("the status of the %s is disabled",
                          (a->key->flags & NGX_SPOCR_KEY_DISABLED) ? "key"
                                                                   : "tenant");
        return;

    case NGX_SPOCR_KEY_IS_EXPIRED:
        a->reason = "expired";
        a->why = ctl_text("the key has expired at %s",
                          ctl_field_text(a->record, "expiresAt"));
        return;

    default:
        break;
    }

    if (opts->scope) {
        scope.data = (u_char *) opts->scope;
        scope.len = strlen(opts->scope);

        if (!ngx_spocr_key_has_scope(a->key,
                           ngx_spocr_keys_scope_find(a->names, &scope)))
        {
            a->code = "insufficient_scope";
            a->reason = "scope";
            a->why = ctl_text("the key does not have the scope %s",
                              opts->scope);
            return;
        }
    }

    a->status = 200;
    a->code = NULL;
    a->reason = "ok";
    a->why = ctl_text("the key is let through, within its limits");
}


static void
answer_text(const answer_t *a, const ngx_spocr_limits_t *directive)
{
    int               level;
    char             *label;
    uint32_t          n;
    ngx_uint_t        i;
    const char       *from;
    const ngx_str_t  *name;

    if (a->status == 200) {
        printf("%-12s yes: %s\n", "allowed", a->why);

    } else {
        printf("%-12s no, %d %s: %s\n", "allowed", a->status, a->code,
               a->why);
    }

    if (a->key == NULL) {
        return;
    }

    printf("%-12s %s\n%-12s %s\n%-12s %s\n%-12s %s\n", "id",
           ctl_field_text(a->record, "id"), "uid",
           ctl_field_text(a->record, "uid"),
           "name", ctl_field_text(a->record, "name"), "expires",
           ctl_field_text(a->record, "expiresAt"));

    printf("%-12s %.*s\n", "plan",
           a->key->tenant->plan ? (int) a->key->tenant->plan->name.len : 1,
           a->key->tenant->plan ? (char *) a->key->tenant->plan->name.data
                                : "-");

    for (i = 0; (name = ngx_spocr_keys_limit_name_at(a->names, i)); i++) {
        for (level = 0; level < 2; level++) {
            n = limit_of(a, i, level, directive, &from);

            /* a named limit that no record sets is the directive's alone */
            if (i && n == NGX_SPOCR_LIMIT_UNSET) {
                continue;
            }

            label = i ? ctl_text("%.*s.%s", (int) name->len, name->data,
                                 level ? "uid" : "key")
                      : ctl_text("%s", level ? "uid" : "key");

            if (n == NGX_SPOCR_LIMIT_NONE) {
                printf("limit %-12s unlimited, from the %s\n", label, from);

            } else {
                printf("limit %-12s %u, from the %s\n", label, n, from);
            }

            free(label);
        }
    }
}


static void
answer_json(const answer_t *a, const ngx_spocr_limits_t *directive)
{
    int               level;
    char             *label;
    json_t           *out, *limits, *limit, *entry;
    uint32_t          n;
    ngx_uint_t        i;
    const char       *from;
    const ngx_str_t  *name;

    out = ctl_need(json_pack("{s:b, s:i, s:s?, s:s, s:s}", "allowed",
                             a->status == 200, "status", a->status, "code",
                             a->code, "reason", a->reason, "why", a->why));

    if (a->key == NULL) {
        ctl_say_json(out);
        return;
    }

    json_object_set_new(out, "id", json_incref(json_object_get(a->record,
                                                               "id")));
    json_object_set_new(out, "uid", json_incref(json_object_get(a->record,
                                                                "uid")));

    if (a->key->tenant->plan) {
        json_object_set_new(out, "plan", ctl_need(json_stringn(
                                (char *) a->key->tenant->plan->name.data,
                                a->key->tenant->plan->name.len)));
    }

    limits = ctl_need(json_object());
    json_object_set_new(out, "limits", limits);

    for (i = 0; (name = ngx_spocr_keys_limit_name_at(a->names, i)); i++) {
        limit = ctl_need(json_object());

        for (level = 0; level < 2; level++) {
            n = limit_of(a, i, level, directive, &from);

            if (n == NGX_SPOCR_LIMIT_UNSET) {
                continue;
            }

            entry = ctl_need(json_object());
            json_object_set_new(entry, "limit",
                                n == NGX_SPOCR_LIMIT_NONE ? json_null()
                                                          : json_integer(n));
            json_object_set_new(entry, "from", ctl_need(json_string(from)));
            json_object_set_new(limit, level ? "uid" : "key", entry);
        }

        if (json_object_size(limit)) {
            label = ctl_text("%.*s", (int) name->len, name->data);
            json_object_set(limits, label, limit);
            free(label);
        }

        json_decref(limit);
    }

    ctl_say_json(out);
}


/* A limit and the record that it is from; UNSET where no record has it. */

static uint32_t
limit_of(const answer_t *a, ngx_uint_t name, bool uid,
    const ngx_spocr_limits_t *directive, const char **from)
{
    size_t                          i;
    ngx_spocr_key_t                 key;
    ngx_spocr_tenant_t              tenant;
    ngx_spocr_limits_t              none = { 0, 0 }, limits;
    static const char        *const  steps[] = { "key", "tenant", "plan" };

    /* the gateway's own rule, with one record at a time */

    for (i = 0; i < 3; i++) {
        key = *a->key;
        tenant = *a->key->tenant;
        key.tenant = &tenant;

        key.limits = (i == 0) ? key.limits : NULL;
        tenant.limits = (i == 1) ? tenant.limits : NULL;
        tenant.plan = (i == 2) ? tenant.plan : NULL;

        ngx_spocr_key_limits(&key, (ngx_int_t) name, &none, &limits);

        *from = steps[i];

        if ((uid ? limits.uid : limits.key) != NGX_SPOCR_LIMIT_UNSET) {
            return uid ? limits.uid : limits.key;
        }
    }

    *from = "directive";

    if (name != 0) {
        return NGX_SPOCR_LIMIT_UNSET;
    }

    return uid ? directive->uid : directive->key;
}
