
/*
 * Records: options of the command line to fields, and fields to text.
 *
 * Called by the commands.  What a value may be is not repeated here: before a
 * change is kept, the gateway's own reader judges it.  Only what would be lost
 * on the way there is checked.
 */


#include "ctl.h"
#include <sys/random.h>


static void limit_set(json_t *limits, const char *level, const char *option,
    const char *value);
static void limit_named(json_t *limits, const char *option, bool in_key);
static char *limit_text(char *out, const char *name, const json_t *limits);


void
ctl_name_check(const char *what, const char *name)
{
    if (!ngx_spocr_name_ok((u_char *) name, strlen(name))
        || strncmp(name, "spocr_", 6) == 0)
    {
        /* not repeated: it may be a key */
        ctl_die(CTL_USAGE, "%s must be 1 to 64 of A-Z a-z 0-9 . _ : @ - with a "
                "letter or digit first, and not a key's text", what);
    }
}


/*
 * "key_" and 12 of 32 characters, none of which looks like another: 60 random
 * bits, which nobody has had before.
 */

char *
ctl_id_make(void)
{
    int                i;
    char              *id;
    unsigned char      random[12];
    static const char  digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

    if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random)) {
        ctl_die(CTL_FAILED, "no random bytes: %s", strerror(errno));
    }

    id = ctl_text("key_............");

    for (i = 0; i < 12; i++) {
        id[4 + i] = digits[random[i] % 32];
    }

    return id;
}


void
ctl_record_limits(json_t *record, const ctl_opts_t *opts, bool in_key)
{
    size_t   i;
    json_t  *limits;

    limits = json_object_get(record, "limits");

    if (limits == NULL) {
        limits = ctl_need(json_object());

    } else {
        json_incref(limits);
    }

    limit_set(limits, "key", "key-limit", opts->key_limit);
    limit_set(limits, "uid", "uid-limit", opts->uid_limit);

    for (i = 0; i < opts->limits.n; i++) {
        limit_named(limits, opts->limits.items[i], in_key);
    }

    if (json_object_size(limits)) {
        json_object_set(record, "limits", limits);

    } else {
        json_object_del(record, "limits");
    }

    json_decref(limits);
}


uint32_t
ctl_directive_limit(const char *option, const char *value, uint32_t otherwise)
{
    char           *end;
    unsigned long   n;

    if (value == NULL) {
        return otherwise;
    }

    n = strtoul(value, &end, 10);

    if (*value < '0' || *value > '9' || *end || n == 0
        || n > NGX_SPOCR_LIMIT_MAX)
    {
        ctl_die(CTL_USAGE, "--%s must be a number from 1 to %d", option,
                NGX_SPOCR_LIMIT_MAX);
    }

    return (uint32_t) n;
}


/* NULL leaves the limit as it is. */

static void
limit_set(json_t *limits, const char *level, const char *option,
    const char *value)
{
    char           *end;
    unsigned long   n;

    if (value == NULL) {
        return;
    }

    if (strcmp(value, "unset") == 0) {
        json_object_del(limits, level);
        return;
    }

    if (strcmp(value, "unlimited") == 0) {
        json_object_set_new(limits, level, ctl_need(json_null()));
        return;
    }

    errno = 0;
    n = strtoul(value, &end, 10);

    if (*value < '0' || *value > '9' || *end != '\0' || errno
        || n == 0 || n > NGX_SPOCR_LIMIT_MAX)
    {
        ctl_die(CTL_USAGE, "--%s must be a number from 1 to %d, or "
                "\"unlimited\", or \"unset\"", option, NGX_SPOCR_LIMIT_MAX);
    }

    json_object_set_new(limits, level, ctl_need(json_integer((json_int_t) n)));
}


/* "upload.key=10"; a name may have dots, so the last one counts. */

static void
limit_named(json_t *limits, const char *option, bool in_key)
{
    char    *name, *level, *value;
    json_t  *named;

    name = ctl_text("%s", option);
    value = strchr(name, '=');
    level = NULL;

    if (value) {
        *value++ = '\0';
        level = strrchr(name, '.');
    }

    if (level) {
        *level++ = '\0';
    }

    if (level == NULL
        || (strcmp(level, "key") != 0 && strcmp(level, "uid") != 0))
    {
        ctl_die(CTL_USAGE, "--limit must be like upload.key=10 or "
                "upload.uid=100");
    }

    if (in_key && level[0] == 'u') {
        ctl_die(CTL_USAGE, "--limit: the limit of a uid belongs to its tenant "
                "or plan");
    }

    ctl_name_check("the name of a limit", name);

    named = json_object_get(limits, name);

    if (!json_is_object(named)) {
        named = ctl_need(json_object());
        json_object_set_new(limits, name, named);
    }

    limit_set(named, level, "limit", value);

    if (json_object_size(named) == 0) {
        json_object_del(limits, name);
    }

    free(name);
}


void
ctl_record_scopes(json_t *record, const char *list)
{
    char    *copy, *scope, *rest;
    json_t  *scopes;

    if (strcmp(list, "all") == 0) {
        json_object_del(record, "scopes");
        return;
    }

    scopes = ctl_need(json_array());

    if (strcmp(list, "none") != 0) {
        copy = ctl_text("%s", list);
        rest = copy;

        while ((scope = strsep(&rest, ",")) != NULL) {
            ctl_name_check("a scope", scope);
            json_array_append_new(scopes, ctl_need(json_string(scope)));
        }

        free(copy);
    }

    json_object_set_new(record, "scopes", scopes);
}


void
ctl_record_name(json_t *record, const char *name)
{
    json_t  *value;

    value = json_string(name);

    if (value == NULL) {
        ctl_die(CTL_USAGE, "--name must be UTF-8");
    }

    json_object_set_new(record, "name", value);
}


void
ctl_record_expires(json_t *record, int64_t seconds)
{
    char  buf[CTL_TIME_LEN];

    ctl_time_text(seconds, buf);
    json_object_set_new(record, "expiresAt", ctl_need(json_string(buf)));
}


void
ctl_record_meta(json_t *record, const char *s)
{
    json_t  *meta;

    meta = json_loads(s, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(meta)) {
        ctl_die(CTL_USAGE, "--meta must be a JSON object");
    }

    json_object_set_new(record, "meta", meta);
}


char *
ctl_limits_text(const json_t *record)
{
    char        *out;
    json_t      *limits, *value;
    const char  *name;

    limits = json_object_get(record, "limits");
    out = limit_text(ctl_text("%s", ""), "", limits);

    json_object_foreach(limits, name, value) {
        if (json_is_object(value)) {
            out = limit_text(out, name, value);
        }
    }

    if (*out == '\0') {
        free(out);
        out = ctl_text("-");
    }

    return out;
}


/* Appends "NAME.key=N NAME.uid=N"; takes out and gives the longer one. */

static char *
limit_text(char *out, const char *name, const json_t *limits)
{
    int          i;
    char        *longer, *number;
    json_t      *value;
    const char  *level;

    for (i = 0; i < 2; i++) {
        level = i ? "uid" : "key";
        value = json_object_get(limits, level);

        if (value == NULL || json_is_object(value)) {
            continue;
        }

        number = json_is_null(value) ? ctl_text("unlimited")
                 : ctl_text("%" JSON_INTEGER_FORMAT, json_integer_value(value));

        longer = ctl_text("%s%s%s%s%s=%s", out, *out ? " " : "", name,
                          *name ? "." : "", level, number);
        free(number);
        free(out);
        out = longer;
    }

    return out;
}


const char *
ctl_field_text(const json_t *record, const char *name)
{
    const char  *s;

    s = json_string_value(json_object_get(record, name));

    return (s && *s) ? s : "-";
}


void
ctl_record_new_key(json_t *record, char *key)
{
    char  hex[65];

    if (ngx_spocr_token_make((u_char *) key) != NGX_OK) {
        ctl_die(CTL_FAILED, "no random bytes: %s", strerror(errno));
    }

    key[NGX_SPOCR_KEY_NEW_LEN] = '\0';

    ctl_digest_hex(key, NGX_SPOCR_KEY_NEW_LEN, hex);
    json_object_set_new(record, "sha256", ctl_need(json_string(hex)));
}


void
ctl_digest_hex(const char *data, size_t len, char hex[CTL_HEX_LEN])
{
    u_char               out[NGX_SPOCR_DIGEST_LEN];
    ngx_spocr_digest_t  *digest;

    digest = ngx_spocr_digest_create();

    if (digest == NULL
        || ngx_spocr_digest(digest, (const u_char *) data, len, out) != NGX_OK)
    {
        ctl_die(CTL_FAILED, "SHA-256 does not work (OpenSSL)");
    }

    ngx_spocr_digest_destroy(digest);

    ngx_spocr_digest_text(out, (u_char *) hex);
    hex[64] = '\0';
}
