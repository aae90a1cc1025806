
/*
 * A second reading of keys, tenants and plans, for the drivers of key files
 * and of records in Redis: from jansson's tree, field by field, as the
 * contract's section 4 has them.
 */

#ifndef _FUZZ_KEYS_REFERENCE_H_INCLUDED_
#define _FUZZ_KEYS_REFERENCE_H_INCLUDED_


#include <ctype.h>
#include <jansson.h>
#include <time.h>
#include "ngx_spocr_keyfile.h"


typedef struct {
    const char  *names[NGX_SPOCR_NAMES_MAX + 2];
    unsigned     n;
    unsigned     max;
    int          closed;            /* a name that is not there is passed
                                     * over */
} names_t;


static names_t  scopes, limit_names;
static int      in_record;          /* of Redis: unknown fields have no
                                     * effect */


static int
is(const json_t *json, const char *text)
{
    const char  *s;

    s = json_string_value(json);

    return s && strcmp(s, text) == 0;
}


static int
name_ok(const char *s)
{
    size_t  n;

    n = strlen(s);

    return n >= 1 && n <= 64 && isalnum((u_char) s[0])
           && strspn(s, "0123456789.:@_-abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n
           && strncmp(s, "spocr_", 6) != 0;
}


static int
name_field(const json_t *json)
{
    return json_is_string(json) && name_ok(json_string_value(json));
}


/* Its index; or -1. */

static int
name_index(names_t *names, const char *name)
{
    unsigned  i;

    for (i = 0; i < names->n; i++) {
        if (strcmp(names->names[i], name) == 0) {
            return (int) i;
        }
    }

    if (names->closed || names->n == names->max) {
        return -1;
    }

    names->names[names->n] = name;

    return (int) names->n++;
}


/* Seconds of the epoch; 0: no date. */

static int
date(const json_t *json, int64_t *seconds)
{
    int          year, offset, hours, minutes;
    char         sign;
    time_t       t;
    size_t       n;
    struct tm    tm, back;
    const char  *s, *p;

    static const char  shape[] = "dddd-dd-ddTdd:dd:dd";

    s = json_string_value(json);

    if (s == NULL) {
        return 0;
    }

    for (n = 0; shape[n]; n++) {
        if (shape[n] == 'd' ? !isdigit((u_char) s[n])
                            : shape[n] != toupper((u_char) s[n]))
        {
            return 0;
        }
    }

    memset(&tm, 0, sizeof(tm));
    sscanf(s, "%4d-%2d-%2d%*1c%2d:%2d:%2d", &year, &tm.tm_mon, &tm.tm_mday,
           &tm.tm_hour, &tm.tm_min, &tm.tm_sec);
    tm.tm_year = year - 1900;
    tm.tm_mon--;

    if (year < 1 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59) {
        return 0;
    }

    back = tm;
    t = timegm(&back);

    if (back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday) {
        return 0;
    }

    p = s + n;

    if (*p == '.') {
        n = strspn(p + 1, "0123456789");

        if (n == 0) {
            return 0;
        }

        p += 1 + n;
    }

    offset = 0;

    if (strcasecmp(p, "z") != 0) {
        if (strlen(p) != 6 || (p[0] != '+' && p[0] != '-')
            || !isdigit((u_char) p[1]) || !isdigit((u_char) p[2])
            || p[3] != ':' || !isdigit((u_char) p[4])
            || !isdigit((u_char) p[5])
            || sscanf(p, "%c%2d:%2d", &sign, &hours, &minutes) != 3
            || hours > 23 || minutes > 59)
        {
            return 0;
        }

        offset = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
    }

    *seconds = (int64_t) t - offset;

    return 1;
}


static int
label(const json_t *json)
{
    size_t       n;
    const char  *p;

    if (!json_is_string(json)) {
        return 0;
    }

    n = 0;

    for (p = json_string_value(json); *p; p++) {
        if (iscntrl((u_char) *p) || (*p == '\xc2' && p[1] < '\xa0')) {
            return 0;
        }

        n += (*p & '\xc0') != '\x80';
    }

    return n <= 128;
}


/* What stands there for one level; 0: nothing. */

static int
level_ok(const json_t *json)
{
    return json_is_null(json)
           || (json_is_integer(json) && json_integer_value(json) >= 1
               && json_integer_value(json) <= 1000000000);
}


static int
limits_ok(json_t *limits, int in_key)
{
    json_t      *value, *level;
    const char  *name, *which;

    if (!json_is_object(limits)) {
        return 0;
    }

    json_object_foreach(limits, name, value) {

        if (strcmp(name, "key") == 0 || strcmp(name, "uid") == 0) {
            if ((in_key && name[0] == 'u') || !level_ok(value)) {
                return 0;
            }

            continue;
        }

        if (strcmp(name, "default") == 0 || !name_ok(name)) {
            return 0;
        }

        if (name_index(&limit_names, name) < 0) {
            if (limit_names.closed) {
                continue;
            }

            return 0;
        }

        if (!json_is_object(value)) {
            return 0;
        }

        json_object_foreach(value, which, level) {
            if (strcmp(which, "key") != 0 && strcmp(which, "uid") != 0) {
                if (in_record) {
                    continue;
                }

                return 0;
            }

            if ((in_key && which[0] == 'u') || !level_ok(level)) {
                return 0;
            }
        }
    }

    return 1;
}


/* The number that a record's limits say; UNSET: none. */

static uint32_t
limit_of(const json_t *record, const char *name, const char *which)
{
    const json_t  *limits, *level;

    limits = json_object_get(record, "limits");

    if (strcmp(name, "default") != 0) {
        limits = json_object_get(limits, name);
    }

    level = json_object_get(limits, which);

    return level == NULL ? NGX_SPOCR_LIMIT_UNSET
           : json_is_null(level) ? NGX_SPOCR_LIMIT_NONE
           : (uint32_t) json_integer_value(level);
}


static int
scopes_ok(const json_t *list, uint64_t *bits)
{
    int     n;
    size_t  i;

    *bits = 0;

    if (!json_is_array(list)) {
        return 0;
    }

    for (i = 0; i < json_array_size(list); i++) {
        if (!name_field(json_array_get(list, i))) {
            return 0;
        }

        n = name_index(&scopes, json_string_value(json_array_get(list, i)));

        if (n < 0) {
            if (scopes.closed) {
                continue;
            }

            return 0;
        }

        if (*bits >> n & 1) {
            return 0;
        }

        *bits |= (uint64_t) 1 << n;
    }

    return 1;
}


static int
digest_ok(const json_t *json, u_char *digest)
{
    char         two[3] = { '\0' };
    size_t       i;
    const char  *s;

    s = json_string_value(json);

    if (s == NULL || strlen(s) != 64
        || strspn(s, "0123456789abcdefABCDEF") != 64)
    {
        return 0;
    }

    for (i = 0; i < 32; i++) {
        two[0] = s[2 * i];
        two[1] = s[2 * i + 1];
        digest[i] = (u_char) strtol(two, NULL, 16);
    }

    return 1;
}


static int
version_ok(const json_t *json)
{
    return json_is_integer(json) && json_integer_value(json) == 1;
}


static int
status_ok(const json_t *json, int of_key, ngx_uint_t *flags)
{
    *flags |= is(json, "disabled") ? NGX_SPOCR_KEY_DISABLED : 0;
    *flags |= is(json, "revoked") ? NGX_SPOCR_KEY_REVOKED : 0;

    return is(json, "active") || is(json, "disabled")
           || (of_key && is(json, "revoked"));
}


typedef struct {
    u_char      digest[32];
    ngx_uint_t  flags;
    uint64_t    scopes;
    int64_t     expires;
} ref_key_t;


static int
key_ok(json_t *key, ref_key_t *ref)
{
    int          ok;
    json_t      *value;
    int64_t      seconds;
    const char  *name;

    memset(ref, 0, sizeof(ref_key_t));
    ref->flags = NGX_SPOCR_KEY_ALL_SCOPES;

    if (!json_is_object(key) || json_object_get(key, "id") == NULL
        || json_object_get(key, "uid") == NULL
        || (!in_record && json_object_get(key, "sha256") == NULL))
    {
        return 0;
    }

    json_object_foreach(key, name, value) {

        if (strcmp(name, "id") == 0 || strcmp(name, "uid") == 0
            || strcmp(name, "rotatedFrom") == 0)
        {
            ok = name_field(value);

        } else if (strcmp(name, "sha256") == 0 && !in_record) {
            ok = digest_ok(value, ref->digest);

        } else if (strcmp(name, "version") == 0 && in_record) {
            ok = version_ok(value);

        } else if (strcmp(name, "name") == 0) {
            ok = label(value);

        } else if (strcmp(name, "scopes") == 0) {
            ref->flags &= ~(ngx_uint_t) NGX_SPOCR_KEY_ALL_SCOPES;
            ok = scopes_ok(value, &ref->scopes);

        } else if (strcmp(name, "limits") == 0) {
            ok = limits_ok(value, 1);

        } else if (strcmp(name, "status") == 0) {
            ok = status_ok(value, 1, &ref->flags);

        } else if (strcmp(name, "expiresAt") == 0) {
            ok = date(value, &seconds);
            ref->expires = ok && seconds > 0 ? seconds : 1;

        } else if (strcmp(name, "createdAt") == 0) {
            ok = date(value, &seconds);

        } else if (strcmp(name, "meta") == 0) {
            ok = json_is_object(value);

        } else {
            ok = in_record;
        }

        if (!ok) {
            return 0;
        }
    }

    return 1;
}


/* self: the name that a record in Redis must have, if it says one. */

static int
tenant_ok(json_t *tenant, const char *self, ngx_uint_t *flags)
{
    int          ok;
    json_t      *value;
    const char  *name;

    *flags = 0;

    if (!json_is_object(tenant)) {
        return 0;
    }

    json_object_foreach(tenant, name, value) {

        if (strcmp(name, "plan") == 0) {
            ok = name_field(value);

        } else if (strcmp(name, "limits") == 0) {
            ok = limits_ok(value, 0);

        } else if (strcmp(name, "status") == 0) {
            ok = status_ok(value, 0, flags);

        } else if (strcmp(name, "version") == 0 && in_record) {
            ok = version_ok(value);

        } else if (strcmp(name, "uid") == 0 && in_record) {
            ok = is(value, self);

        } else {
            ok = in_record;
        }

        if (!ok) {
            return 0;
        }
    }

    return 1;
}


static int
plan_ok(json_t *plan, const char *self)
{
    int          ok;
    json_t      *value;
    const char  *name;

    if (!json_is_object(plan)) {
        return 0;
    }

    json_object_foreach(plan, name, value) {

        if (strcmp(name, "limits") == 0) {
            ok = limits_ok(value, 0);

        } else if (strcmp(name, "version") == 0 && in_record) {
            ok = version_ok(value);

        } else if (strcmp(name, "name") == 0 && in_record) {
            ok = is(value, self);

        } else {
            ok = in_record;
        }

        if (!ok) {
            return 0;
        }
    }

    return 1;
}


/*
 * What is wrong is told, but nothing that may be a key's text; and what only
 * the reader itself may refuse, since jansson does not count it.
 */

static int
told(const ngx_spocr_keyfile_error_t *err)
{
    unsigned     i;
    const char  *p, *text;

    static const char  *own[] = {
        "more than 65536 bytes", "more than 2048 values", "nested too deep",
        "a number is too long", "\"meta\" has more than 1024 bytes"
    };

    text = (const char *) err->text;
    property(text[0] && memchr(text, '\0', sizeof(err->text)), "no words");

    /* inside of a name it is one's that is allowed */

    for (p = text; (p = strstr(p, "spocr_")) != NULL; p += 6) {
        property(!isalnum((u_char) p[6])
                 || (p > text && (isalnum((u_char) p[-1])
                                  || strchr("._:@-", p[-1]))),
                 "a key's text: %s", text);
    }

    for (p = text; *p; p++) {
        property(*p >= ' ' && *p <= '~', "byte %02x in %s", (u_char) *p, text);
    }

    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strstr(text, own[i])) {
            return 1;
        }
    }

    return 0;
}


#endif /* _FUZZ_KEYS_REFERENCE_H_INCLUDED_ */
