
/*
 * Reads a key file: its outer structure, entry by entry, into a table.
 *
 * Called by the module while it reads the configuration, and by spocrctl
 * before it replaces a file.
 *
 * Invariant: a table is returned only when all of the file was understood;
 * whatever else happens, *err says what and where, and no message repeats
 * text that may be a key.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ngx_spocr_keyfile.h"
#include "ngx_spocr_keyfile_entry.h"
#include "ngx_spocr_keyfile_split.h"


#define NGX_SPOCR_FILE_VERSION   0x01
#define NGX_SPOCR_FILE_PLANS     0x02
#define NGX_SPOCR_FILE_TENANTS   0x04
#define NGX_SPOCR_FILE_KEYS      0x08


typedef struct {
    ngx_spocr_split_t   *split;
    ngx_spocr_entry_t    entry;
    ngx_uint_t           seen;          /* members of the top level */
} ngx_spocr_keyfile_t;


typedef ngx_int_t (*ngx_spocr_keyfile_entry_pt)(ngx_spocr_entry_t *entry,
    const ngx_str_t *name, const u_char *text, size_t len);


static ngx_int_t ngx_spocr_keyfile_top(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_member(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_version(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_array(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_object(ngx_spocr_keyfile_t *file,
    const char *what, ngx_spocr_keyfile_entry_pt handler);
static ngx_int_t ngx_spocr_keyfile_begin(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_name(ngx_spocr_keyfile_t *file,
    json_t **name);
static ngx_int_t ngx_spocr_keyfile_next(ngx_spocr_keyfile_t *file, int close,
    ngx_uint_t *more);
static ngx_int_t ngx_spocr_keyfile_plans(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_stop(ngx_spocr_keyfile_t *file,
    const char *reason);
static ngx_int_t ngx_spocr_time_offset(const u_char *p, size_t len,
    int *offset);
static int ngx_spocr_time_digits(const u_char *p, ngx_uint_t n);


ngx_spocr_keys_t *
ngx_spocr_keyfile_read(ngx_spocr_read_pt read, void *rdata,
    ngx_spocr_alloc_pt alloc, void *adata, ngx_spocr_keyfile_error_t *err)
{
    ngx_int_t             rc;
    ngx_spocr_keys_t     *keys;
    ngx_spocr_keyfile_t   file;

    memset(err, 0, sizeof(ngx_spocr_keyfile_error_t));
    memset(&file, 0, sizeof(ngx_spocr_keyfile_t));

    file.entry.err = err;

    file.split = ngx_spocr_split_create(read, rdata);
    if (file.split == NULL) {
        (void) ngx_spocr_entry_fail(&file.entry, "out of memory");
        return NULL;
    }

    keys = ngx_spocr_keys_create(alloc, adata);
    if (keys == NULL) {
        (void) ngx_spocr_entry_fail(&file.entry, "out of memory");
        free(file.split);
        return NULL;
    }

    file.entry.keys = keys;

    rc = ngx_spocr_keyfile_top(&file);

    free(file.split);

    if (rc == NGX_OK && ngx_spocr_keys_finish(keys) != NGX_OK) {
        file.entry.line = 0;
        file.entry.where[0] = '\0';
        rc = ngx_spocr_entry_fail(&file.entry, "out of memory");
    }

    ngx_spocr_keys_abandon(keys);

    return (rc == NGX_OK) ? keys : NULL;
}


static ngx_int_t
ngx_spocr_keyfile_top(ngx_spocr_keyfile_t *file)
{
    int         ch;
    ngx_uint_t  more;

    ch = ngx_spocr_split_peek(file->split);

    switch (ch) {

    case '{':
        break;

    case NGX_SPOCR_SPLIT_EOF:
        return ngx_spocr_entry_fail(&file->entry, "%s",
                                    file->split->error ? file->split->error
                                                       : "the file is empty");

    case 0xef:
        return ngx_spocr_keyfile_stop(file, "the file begins with a byte "
                                  "order mark; save it as UTF-8 without one");

    case 0xfe:
    case 0xff:
        return ngx_spocr_keyfile_stop(file, "the file is not UTF-8 (it "
                                      "begins like UTF-16)");

    default:
        return ngx_spocr_keyfile_stop(file,
                                      "the file must be one JSON object");
    }

    ngx_spocr_split_take(file->split);

    more = (ngx_spocr_split_peek(file->split) != '}');

    if (!more) {
        ngx_spocr_split_take(file->split);
    }

    while (more) {
        if (ngx_spocr_keyfile_member(file) != NGX_OK
            || ngx_spocr_keyfile_next(file, '}', &more) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_spocr_split_peek(file->split) != NGX_SPOCR_SPLIT_EOF) {
        return ngx_spocr_keyfile_stop(file, "text after the end of the object");
    }

    if (file->split->error) {
        return ngx_spocr_keyfile_stop(file, NULL);
    }

    file->entry.line = 0;

    if (!(file->seen & NGX_SPOCR_FILE_VERSION)) {
        return ngx_spocr_entry_fail(&file->entry, "\"version\" is missing");
    }

    if (!(file->seen & NGX_SPOCR_FILE_KEYS)) {
        return ngx_spocr_entry_fail(&file->entry, "\"keys\" is missing");
    }

    return ngx_spocr_keyfile_plans(file);
}


static ngx_int_t
ngx_spocr_keyfile_member(ngx_spocr_keyfile_t *file)
{
    char         quoted[NGX_SPOCR_QUOTE_MAX];
    json_t      *name;
    ngx_int_t    rc;
    ngx_uint_t   bit;
    const char  *text;

    if (ngx_spocr_keyfile_name(file, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    text = json_string_value(name);

    bit = strcmp(text, "version") == 0 ? NGX_SPOCR_FILE_VERSION
          : strcmp(text, "plans") == 0 ? NGX_SPOCR_FILE_PLANS
          : strcmp(text, "tenants") == 0 ? NGX_SPOCR_FILE_TENANTS
          : strcmp(text, "keys") == 0 ? NGX_SPOCR_FILE_KEYS
          : 0;

    ngx_spocr_entry_quote(quoted, text, json_string_length(name));
    json_decref(name);

    if (bit == 0) {
        return ngx_spocr_entry_fail(&file->entry, "unknown member %s", quoted);
    }

    if (file->seen & bit) {
        return ngx_spocr_entry_fail(&file->entry, "%s stands twice", quoted);
    }

    file->seen |= bit;

    switch (bit) {

    case NGX_SPOCR_FILE_VERSION:
        rc = ngx_spocr_keyfile_version(file);
        break;

    case NGX_SPOCR_FILE_PLANS:
        rc = ngx_spocr_keyfile_object(file, "plans", ngx_spocr_entry_plan);
        break;

    case NGX_SPOCR_FILE_TENANTS:
        rc = ngx_spocr_keyfile_object(file, "tenants", ngx_spocr_entry_tenant);
        break;

    default: /* NGX_SPOCR_FILE_KEYS */
        rc = ngx_spocr_keyfile_array(file);
    }

    file->entry.where[0] = '\0';

    return rc;
}


static ngx_int_t
ngx_spocr_keyfile_version(ngx_spocr_keyfile_t *file)
{
    json_t     *value;
    ngx_uint_t  known;

    if (ngx_spocr_split_value(file->split) != NGX_OK) {
        return ngx_spocr_keyfile_stop(file, NULL);
    }

    value = json_loadb((char *) file->split->text, file->split->len,
                       JSON_DECODE_ANY, NULL);

    known = json_is_integer(value)
            && json_integer_value(value) == NGX_SPOCR_KEYFILE_VERSION;

    json_decref(value);

    if (!known) {
        return ngx_spocr_keyfile_stop(file, "\"version\" must be 1");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_keyfile_array(ngx_spocr_keyfile_t *file)
{
    ngx_uint_t          n, more;
    ngx_spocr_split_t  *split;

    split = file->split;

    if (ngx_spocr_split_peek(split) != '[') {
        return ngx_spocr_keyfile_stop(file, "\"keys\" must be an array");
    }

    ngx_spocr_split_take(split);

    more = (ngx_spocr_split_peek(split) != ']');

    if (!more) {
        ngx_spocr_split_take(split);
    }

    for (n = 0; more; n++) {
        snprintf(file->entry.where, sizeof(file->entry.where), "keys[%lu]", n);

        if (ngx_spocr_keyfile_begin(file) != NGX_OK
            || ngx_spocr_entry_key(&file->entry, n, split->text, split->len)
               != NGX_OK
            || ngx_spocr_keyfile_next(file, ']', &more) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_keyfile_object(ngx_spocr_keyfile_t *file, const char *what,
    ngx_spocr_keyfile_entry_pt handler)
{
    char                quoted[NGX_SPOCR_QUOTE_MAX];
    json_t             *name;
    ngx_int_t           rc;
    ngx_str_t           str;
    ngx_uint_t          more;
    ngx_spocr_split_t  *split;

    split = file->split;

    snprintf(file->entry.where, sizeof(file->entry.where), "\"%s\"", what);

    if (ngx_spocr_split_peek(split) != '{') {
        return ngx_spocr_keyfile_stop(file, "must be an object");
    }

    ngx_spocr_split_take(split);

    more = (ngx_spocr_split_peek(split) != '}');

    if (!more) {
        ngx_spocr_split_take(split);
    }

    while (more) {
        snprintf(file->entry.where, sizeof(file->entry.where), "\"%s\"", what);

        if (ngx_spocr_keyfile_name(file, &name) != NGX_OK) {
            return NGX_ERROR;
        }

        str.data = (u_char *) json_string_value(name);
        str.len = json_string_length(name);

        snprintf(file->entry.where, sizeof(file->entry.where), "%s[%s]", what,
                 ngx_spocr_entry_quote(quoted, (char *) str.data, str.len));

        rc = ngx_spocr_keyfile_begin(file);

        if (rc == NGX_OK) {
            rc = handler(&file->entry, &str, split->text, split->len);
        }

        json_decref(name);

        if (rc != NGX_OK
            || ngx_spocr_keyfile_next(file, '}', &more) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The text of an entry. */

static ngx_int_t
ngx_spocr_keyfile_begin(ngx_spocr_keyfile_t *file)
{
    if (ngx_spocr_split_value(file->split) != NGX_OK) {
        return ngx_spocr_keyfile_stop(file, NULL);
    }

    file->entry.line = file->split->text_line;

    return NGX_OK;
}


/* A member's name and the colon; the name is the caller's to release. */

static ngx_int_t
ngx_spocr_keyfile_name(ngx_spocr_keyfile_t *file, json_t **name)
{
    ngx_spocr_split_t  *split;

    split = file->split;

    if (ngx_spocr_split_peek(split) != '"') {
        return ngx_spocr_keyfile_stop(file, "a name in quotes is missing here");
    }

    if (ngx_spocr_keyfile_begin(file) != NGX_OK) {
        return NGX_ERROR;
    }

    *name = json_loadb((char *) split->text, split->len, JSON_DECODE_ANY,
                       NULL);
    if (*name == NULL) {
        return ngx_spocr_keyfile_stop(file, "a name is not valid JSON");
    }

    if (ngx_spocr_split_peek(split) != ':') {
        json_decref(*name);
        return ngx_spocr_keyfile_stop(file, "\":\" is missing here");
    }

    ngx_spocr_split_take(split);

    return NGX_OK;
}


/* After an entry: a comma, or the bracket that ends it all. */

static ngx_int_t
ngx_spocr_keyfile_next(ngx_spocr_keyfile_t *file, int close, ngx_uint_t *more)
{
    int  ch;

    ch = ngx_spocr_split_peek(file->split);

    if (ch != ',' && ch != close) {
        return ngx_spocr_keyfile_stop(file, close == ']'
                                            ? "\",\" or \"]\" is missing here"
                                            : "\",\" or \"}\" is missing here");
    }

    ngx_spocr_split_take(file->split);

    *more = (ch == ',');

    return NGX_OK;
}


/* A plan may be used before it is defined, so this is known at the end. */

static ngx_int_t
ngx_spocr_keyfile_plans(ngx_spocr_keyfile_t *file)
{
    ngx_uint_t                 i;
    ngx_spocr_plan_t          *plan;
    const ngx_spocr_tenant_t  *tenant;

    for (i = 0; /* void */ ; i++) {
        tenant = ngx_spocr_keys_tenant_at(file->entry.keys, i);

        if (tenant == NULL) {
            return NGX_OK;
        }

        plan = tenant->plan;

        if (plan != NULL && !plan->defined) {
            break;
        }
    }

    file->entry.line = plan->line;
    snprintf(file->entry.where, sizeof(file->entry.where), "tenants[\"%.*s\"]",
             (int) tenant->uid.len, tenant->uid.data);

    return ngx_spocr_entry_fail(&file->entry, "plan \"%.*s\" is not defined "
                                "under \"plans\"", (int) plan->name.len,
                                plan->name.data);
}


/*
 * An error where the splitter stands: its own, if it has one (bytes that
 * cannot be read or the end of the file explain all else), or the reason.
 */

static ngx_int_t
ngx_spocr_keyfile_stop(ngx_spocr_keyfile_t *file, const char *reason)
{
    ngx_spocr_split_t  *split;

    split = file->split;

    file->entry.line = split->line;

    if (split->error) {
        reason = split->error;

    } else if (split->eof) {
        reason = "the file ends here";
    }

    return ngx_spocr_entry_fail(&file->entry, "%s", reason);
}


ngx_int_t
ngx_spocr_time_parse(const u_char *text, size_t len, int64_t *seconds)
{
    int            year, month, day, hour, minute, second, offset;
    int64_t        days;
    const u_char  *p, *last;

    static const u_char  in_month[] = { 31, 29, 31, 30, 31, 30,
                                        31, 31, 30, 31, 30, 31 };

    p = text;
    last = text + len;

    /* "2027-01-01T00:00:00" and at least a "Z" */

    if (len < 20
        || (year = ngx_spocr_time_digits(p, 4)) < 0 || p[4] != '-'
        || (month = ngx_spocr_time_digits(p + 5, 2)) < 0 || p[7] != '-'
        || (day = ngx_spocr_time_digits(p + 8, 2)) < 0 || (p[10] | 32) != 't'
        || (hour = ngx_spocr_time_digits(p + 11, 2)) < 0 || p[13] != ':'
        || (minute = ngx_spocr_time_digits(p + 14, 2)) < 0 || p[16] != ':'
        || (second = ngx_spocr_time_digits(p + 17, 2)) < 0)
    {
        return NGX_ERROR;
    }

    if (year < 1 || month < 1 || month > 12
        || day < 1 || day > in_month[month - 1]
        || hour > 23 || minute > 59 || second > 59)
    {
        return NGX_ERROR;
    }

    if (month == 2 && day == 29
        && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))
    {
        return NGX_ERROR;
    }

    p += 19;

    if (*p == '.') {
        p++;

        if (p == last || *p < '0' || *p > '9') {
            return NGX_ERROR;
        }

        while (p < last && *p >= '0' && *p <= '9') {
            p++;
        }
    }

    if (ngx_spocr_time_offset(p, (size_t) (last - p), &offset) != NGX_OK) {
        return NGX_ERROR;
    }

    /* years begin in March, so that the odd day is the last one */

    if (month <= 2) {
        month += 12;
        year--;
    }

    days = 365 * (int64_t) year + year / 4 - year / 100 + year / 400
           + (153 * (month - 3) + 2) / 5 + day - 719469;

    *seconds = days * 86400 + hour * 3600 + minute * 60 + second
               - offset * 60;

    return NGX_OK;
}


/* "Z", "+09:00" or "-02:30"; minutes to the east. */

static ngx_int_t
ngx_spocr_time_offset(const u_char *p, size_t len, int *offset)
{
    int  hour, minute;

    if (len == 1 && (*p | 32) == 'z') {
        *offset = 0;
        return NGX_OK;
    }

    if (len != 6 || (*p != '+' && *p != '-') || p[3] != ':') {
        return NGX_ERROR;
    }

    hour = ngx_spocr_time_digits(p + 1, 2);
    minute = ngx_spocr_time_digits(p + 4, 2);

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) {
        return NGX_ERROR;
    }

    *offset = (*p == '+') ? hour * 60 + minute : -(hour * 60 + minute);

    return NGX_OK;
}


static int
ngx_spocr_time_digits(const u_char *p, ngx_uint_t n)
{
    int  value;

    for (value = 0; n > 0; n--, p++) {
        if (*p < '0' || *p > '9') {
            return -1;
        }

        value = value * 10 + (*p - '0');
    }

    return value;
}
