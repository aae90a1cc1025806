
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
#include "ngx_spocr_keyfile.h"
#include "ngx_spocr_keyfile_entry.h"
#include "ngx_spocr_keyfile_split.h"


#define NGX_SPOCR_FILE_VERSION   0x01
#define NGX_SPOCR_FILE_PLANS     0x02
#define NGX_SPOCR_FILE_TENANTS   0x04
#define NGX_SPOCR_FILE_KEYS      0x08

#define NGX_SPOCR_MEMBER_MAX     128


typedef struct {
    ngx_spocr_split_t   *split;
    ngx_spocr_entry_t    entry;
    ngx_uint_t           seen;          /* members of the top level */

    /* a member's name; what is cut off would be too long for any purpose */
    ngx_str_t            name;
    u_char               name_buf[NGX_SPOCR_MEMBER_MAX];

    ngx_spocr_parser_t   parser;
} ngx_spocr_keyfile_t;


typedef ngx_int_t (*ngx_spocr_keyfile_entry_pt)(ngx_spocr_entry_t *entry,
    const ngx_str_t *name, u_char *text, size_t len);


static ngx_int_t ngx_spocr_keyfile_top(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_member(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_version(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_array(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_object(ngx_spocr_keyfile_t *file,
    const char *what, const char *bad, ngx_spocr_keyfile_entry_pt handler);
static ngx_int_t ngx_spocr_keyfile_begin(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_name(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_next(ngx_spocr_keyfile_t *file, int close,
    ngx_uint_t *more);
static ngx_int_t ngx_spocr_keyfile_plans(ngx_spocr_keyfile_t *file);
static ngx_int_t ngx_spocr_keyfile_stop(ngx_spocr_keyfile_t *file,
    const char *reason);


ngx_spocr_keys_t *
ngx_spocr_keyfile_read(ngx_spocr_read_pt read, void *rdata,
    ngx_spocr_alloc_pt alloc, void *adata, ngx_spocr_keyfile_error_t *err)
{
    ngx_int_t             rc;
    ngx_spocr_keys_t     *keys;
    ngx_spocr_keyfile_t  *file;

    memset(err, 0, sizeof(ngx_spocr_keyfile_error_t));

    file = malloc(sizeof(ngx_spocr_keyfile_t));
    keys = ngx_spocr_keys_create(alloc, adata);
    rc = NGX_ERROR;

    if (file != NULL && keys != NULL) {
        file->split = ngx_spocr_split_create(read, rdata);
        file->seen = 0;
        file->name_buf[0] = '\0';
        file->name.data = file->name_buf;
        file->name.len = 0;
        file->entry.keys = keys;
        file->entry.parser = &file->parser;
        file->entry.err = err;
        file->entry.record = 0;
        file->entry.unknown = 0;
        file->entry.line = 0;
        file->entry.list = NULL;

        if (file->split != NULL) {
            rc = ngx_spocr_keyfile_top(file);
            free(file->split);
        }
    }

    free(file);

    if (rc == NGX_OK) {
        rc = ngx_spocr_keys_finish(keys);
    }

    if (keys != NULL) {
        ngx_spocr_keys_abandon(keys);
    }

    if (rc == NGX_OK) {
        return keys;
    }

    if (err->text[0] == '\0') {
        snprintf((char *) err->text, sizeof(err->text), "out of memory");
    }

    return NULL;
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
    ngx_int_t    rc;
    ngx_uint_t   bit;
    const char  *text;

    if (ngx_spocr_keyfile_name(file) != NGX_OK) {
        return NGX_ERROR;
    }

    text = (const char *) file->name.data;

    bit = strcmp(text, "version") == 0 ? NGX_SPOCR_FILE_VERSION
          : strcmp(text, "plans") == 0 ? NGX_SPOCR_FILE_PLANS
          : strcmp(text, "tenants") == 0 ? NGX_SPOCR_FILE_TENANTS
          : strcmp(text, "keys") == 0 ? NGX_SPOCR_FILE_KEYS
          : 0;

    ngx_spocr_entry_quote(quoted, &file->name);

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
        rc = ngx_spocr_keyfile_object(file, "plans",
                                      "\"plans\" must be an object",
                                      ngx_spocr_entry_plan);
        break;

    case NGX_SPOCR_FILE_TENANTS:
        rc = ngx_spocr_keyfile_object(file, "tenants",
                                      "\"tenants\" must be an object",
                                      ngx_spocr_entry_tenant);
        break;

    default: /* NGX_SPOCR_FILE_KEYS */
        rc = ngx_spocr_keyfile_array(file);
    }

    file->entry.list = NULL;

    return rc;
}


static ngx_int_t
ngx_spocr_keyfile_version(ngx_spocr_keyfile_t *file)
{
    ngx_spocr_value_t  *value;

    if (ngx_spocr_split_value(file->split) != NGX_OK) {
        return ngx_spocr_keyfile_stop(file, NULL);
    }

    value = ngx_spocr_value_parse(&file->parser, file->split->text,
                                  file->split->len, file->split->text_line);

    if (value == NULL || value->type != NGX_SPOCR_INTEGER
        || value->integer != NGX_SPOCR_KEYFILE_VERSION)
    {
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
        file->entry.list = "keys";
        file->entry.member = NULL;
        file->entry.number = n;
        file->entry.id.len = 0;

        if (ngx_spocr_keyfile_begin(file) != NGX_OK
            || ngx_spocr_entry_key(&file->entry, split->text, split->len)
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
    const char *bad, ngx_spocr_keyfile_entry_pt handler)
{
    ngx_uint_t          more;
    ngx_spocr_split_t  *split;

    split = file->split;

    if (ngx_spocr_split_peek(split) != '{') {
        return ngx_spocr_keyfile_stop(file, bad);
    }

    ngx_spocr_split_take(split);

    more = (ngx_spocr_split_peek(split) != '}');

    if (!more) {
        ngx_spocr_split_take(split);
    }

    while (more) {
        file->entry.list = NULL;

        if (ngx_spocr_keyfile_name(file) != NGX_OK) {
            return NGX_ERROR;
        }

        file->entry.list = what;
        file->entry.member = &file->name;

        if (ngx_spocr_keyfile_begin(file) != NGX_OK
            || handler(&file->entry, &file->name, split->text, split->len)
               != NGX_OK
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


/* A member's name and the colon. */

static ngx_int_t
ngx_spocr_keyfile_name(ngx_spocr_keyfile_t *file)
{
    size_t              len;
    ngx_spocr_split_t  *split;
    ngx_spocr_value_t  *value;

    split = file->split;

    if (ngx_spocr_split_peek(split) != '"') {
        return ngx_spocr_keyfile_stop(file, "a name in quotes is missing here");
    }

    if (ngx_spocr_keyfile_begin(file) != NGX_OK) {
        return NGX_ERROR;
    }

    value = ngx_spocr_value_parse(&file->parser, split->text, split->len,
                                  split->text_line);

    if (value == NULL) {
        return ngx_spocr_keyfile_stop(file, "a name is not valid JSON");
    }

    /* its text is overwritten by what comes next */

    len = value->text.len;
    len = (len < NGX_SPOCR_MEMBER_MAX) ? len : NGX_SPOCR_MEMBER_MAX - 1;

    memcpy(file->name_buf, value->text.data, len);
    file->name_buf[len] = '\0';

    file->name.data = file->name_buf;
    file->name.len = len;

    if (ngx_spocr_split_peek(split) != ':') {
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
    file->entry.list = "tenants";
    file->entry.member = &tenant->uid;

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
