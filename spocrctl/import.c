
/*
 * key import: keys that exist elsewhere, from stdin, all of them or none.
 *
 * JSON lines (an object each: the fields of a key's record, with "key" or
 * "sha256") or CSV (a first line of names, or key or digest, uid, name).
 *
 * Invariant: a key's text goes from stdin into a digest and nowhere else.
 */


#include "ctl.h"
#include <ctype.h>
#include <openssl/crypto.h>


#define COLUMNS_MAX  16


typedef struct {
    const ctl_opts_t   *opts;
    json_t             *records;        /* of the keys */
    json_t             *made;           /* ids that were made here */
    json_t             *imported;       /* [{"id":...,"uid":...}] */
    size_t              line;
    const char         *columns[COLUMNS_MAX];
    size_t              ncolumns;
} import_t;


static void add_all(ctl_store_t *store, void *data);
static void import_line(import_t *im, char *line, bool json);
static void import_json(import_t *im, const char *line);
static void import_csv(import_t *im, char *line);
static bool import_header(import_t *im, char **fields, size_t n);
static size_t csv_split(const import_t *im, char *line,
    char *fields[COLUMNS_MAX]);
static void csv_field(const import_t *im, json_t *record, const char *column,
    const char *value);
static void import_add(import_t *im, json_t *record);
static void import_key(const import_t *im, json_t *record);
static bool is_digest(const char *s);


static const char  *const  known_columns[] = {
    "key", "sha256", "id", "uid", "name", "scopes", "status", "expiresAt",
    "createdAt", NULL
};


void
ctl_key_import(const ctl_opts_t *opts)
{
    bool       json;
    char      *line, *first;
    size_t     room;
    ssize_t    len;
    import_t   im;

    if (opts->format && strcmp(opts->format, "csv") != 0
        && strcmp(opts->format, "json") != 0)
    {
        ctl_die(CTL_USAGE, "--format must be csv or json");
    }

    if (opts->uid) {
        ctl_name_check("--uid", opts->uid);
    }

    memset(&im, 0, sizeof(import_t));
    im.opts = opts;
    im.imported = ctl_need(json_array());
    im.records = ctl_need(json_array());
    im.made = ctl_need(json_object());

    json = opts->format && strcmp(opts->format, "json") == 0;
    line = NULL;
    room = 0;

    while ((len = getline(&line, &room, stdin)) != -1) {
        im.line++;

        if (strlen(line) != (size_t) len) {
            ctl_die(CTL_USAGE, "line %zu: a NUL byte", im.line);
        }

        line[strcspn(line, "\r\n")] = '\0';
        first = line + strspn(line, " \t");

        if (*first == '\0') {
            continue;
        }

        if (opts->format == NULL && json_array_size(im.imported) == 0
            && im.ncolumns == 0)
        {
            json = (*first == '{');
        }

        import_line(&im, line, json);
        OPENSSL_cleanse(line, room);
    }

    free(line);

    if (ferror(stdin)) {
        ctl_die(CTL_FAILED, "stdin: %s", strerror(errno));
    }

    if (json_array_size(im.imported) == 0) {
        ctl_die(CTL_USAGE, "stdin has no keys; nothing was changed");
    }

    ctl_store_change(opts, add_all, &im);

    ctl_note(opts, "%zu keys imported", json_array_size(im.imported));

    if (opts->json) {
        ctl_say_json(json_pack("{s:O}", "imported", im.imported));

    } else {
        json_t  *entry;

        json_array_foreach(im.imported, room, entry) {
            printf("%s %s\n", ctl_field_text(entry, "id"),
                   ctl_field_text(entry, "uid"));
        }
    }

    json_decref(im.imported);

    ctl_change_done(opts);
}


static void
add_all(ctl_store_t *store, void *data)
{
    size_t     i;
    json_t    *record;
    import_t  *im;

    im = data;

    json_array_foreach(im->records, i, record) {
        store->ops->add_key(store, json_incref(record),
                            json_object_get(im->made,
                                            ctl_field_text(record, "id"))
                            != NULL);
    }
}


static void
import_line(import_t *im, char *line, bool json)
{
    if (json) {
        import_json(im, line);

    } else {
        import_csv(im, line);
    }
}


static void
import_json(import_t *im, const char *line)
{
    json_t  *record;

    record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(record)) {
        ctl_die(CTL_USAGE, "line %zu: not a JSON object; nothing was changed",
                im->line);
    }

    import_add(im, record);
}


static void
import_csv(import_t *im, char *line)
{
    char    *fields[COLUMNS_MAX];
    size_t   i, n;
    json_t  *record;

    n = csv_split(im, line, fields);

    if (im->ncolumns == 0 && import_header(im, fields, n)) {
        return;
    }

    if (n > im->ncolumns) {
        ctl_die(CTL_USAGE, "line %zu: %zu fields, but %zu columns; nothing was "
                "changed", im->line, n, im->ncolumns);
    }

    record = ctl_need(json_object());

    for (i = 0; i < n; i++) {
        if (fields[i][0]) {
            csv_field(im, record, im->columns[i], fields[i]);
        }
    }

    import_add(im, record);
}


/*
 * Whether the first line was one of names.  Without one the columns are key,
 * uid, name.
 */

static bool
import_header(import_t *im, char **fields, size_t n)
{
    size_t  i, k;

    if (strncmp(fields[0], "spocr_", 6) == 0 || is_digest(fields[0])) {
        im->columns[0] = "key";
        im->columns[1] = "uid";
        im->columns[2] = "name";
        im->ncolumns = 3;

        return false;
    }

    for (i = 0; i < n; i++) {

        for (k = 0; known_columns[k]; k++) {
            if (strcmp(known_columns[k], fields[i]) == 0) {
                break;
            }
        }

        if (known_columns[k] == NULL) {
            ctl_die(CTL_USAGE, "line %zu: column %zu is none of key, sha256, "
                    "id, uid, name, scopes, status, expiresAt, createdAt",
                    im->line, i + 1);
        }

        im->columns[i] = known_columns[k];
    }

    im->ncolumns = n;

    return true;
}


/* In place: quotes are taken off, "" in quotes is one quote. */

static size_t
csv_split(const import_t *im, char *line, char *fields[COLUMNS_MAX])
{
    char    *from, *to;
    bool     quoted;
    size_t   n;

    from = line;

    for (n = 0; n < COLUMNS_MAX; n++) {

        from += strspn(from, " \t");
        quoted = (*from == '"');
        from += quoted;
        to = from;
        fields[n] = to;

        while (*from && (quoted || *from != ',')) {
            if (quoted && *from == '"') {
                if (from[1] != '"') {
                    break;
                }

                from++;
            }

            *to++ = *from++;
        }

        if (quoted) {
            if (*from != '"') {
                ctl_die(CTL_USAGE, "line %zu: a quote is not closed; nothing "
                        "was changed", im->line);
            }

            from++;
            from += strspn(from, " \t");

        } else {
            while (to > fields[n] && (to[-1] == ' ' || to[-1] == '\t')) {
                to--;
            }
        }

        if (*from != ',' && *from != '\0') {
            ctl_die(CTL_USAGE, "line %zu: text after a quote; nothing was "
                    "changed", im->line);
        }

        if (*from == '\0') {
            *to = '\0';
            return n + 1;
        }

        from++;
        *to = '\0';
    }

    ctl_die(CTL_USAGE, "line %zu: more than %d fields; nothing was changed",
            im->line, COLUMNS_MAX);
}


static void
csv_field(const import_t *im, json_t *record, const char *column,
    const char *value)
{
    char    *list, *p;
    json_t  *string;

    if (strcmp(column, "scopes") == 0) {
        list = ctl_text("%s", value);

        for (p = list; *p; p++) {
            if (*p == ' ' || *p == ';') {
                *p = ',';
            }
        }

        ctl_record_scopes(record, list);
        free(list);
        return;
    }

    if (strcmp(column, "key") == 0 && is_digest(value)) {
        column = "sha256";
    }

    string = json_string(value);

    if (string == NULL || json_object_get(record, column)) {
        ctl_die(CTL_USAGE, "line %zu: %s; nothing was changed", im->line,
                string ? "two values of one column" : "bad UTF-8");
    }

    json_object_set_new(record, column, string);
}


/* Takes the record; fields not looked at here are the store's matter. */

static void
import_add(import_t *im, json_t *record)
{
    char        *id;
    json_t      *given, *entry;
    const char  *uid;

    import_key(im, record);

    uid = json_string_value(json_object_get(record, "uid"));

    if (uid == NULL) {
        if (im->opts->uid == NULL) {
            ctl_die(CTL_USAGE, "line %zu: no uid, and no --uid; nothing was "
                    "changed", im->line);
        }

        uid = im->opts->uid;
        json_object_set_new(record, "uid", ctl_need(json_string(uid)));
    }

    given = json_object_get(record, "id");

    if (given == NULL) {
        id = ctl_id_make();
        json_object_set_new(record, "id", ctl_need(json_string(id)));
        json_object_set_new(im->made, id, json_true());
        free(id);

    } else if (!json_is_string(given)) {
        ctl_die(CTL_USAGE, "line %zu: \"id\" must be a string; nothing was "
                "changed", im->line);
    }

    entry = json_pack("{s:O, s:O}", "id", json_object_get(record, "id"),
                      "uid", json_object_get(record, "uid"));

    json_array_append_new(im->imported, ctl_need(entry));
    json_array_append_new(im->records, record);
}


/* "key" becomes "sha256". */

static void
import_key(const import_t *im, json_t *record)
{
    char               hex[65], *header;
    ngx_str_t          value, key;
    const char        *s;
    ngx_spocr_token_e  code;

    s = json_string_value(json_object_get(record, "key"));

    if (s && json_object_get(record, "sha256")) {
        ctl_die(CTL_USAGE, "line %zu: both a key and a digest; nothing was "
                "changed", im->line);
    }

    if (s == NULL) {
        s = json_string_value(json_object_get(record, "sha256"));

        if (s == NULL || !is_digest(s)) {
            ctl_die(CTL_USAGE, "line %zu: neither \"key\" with a key's text "
                    "nor \"sha256\" with 64 hexadecimal digits; nothing was "
                    "changed",
                    im->line);
        }

        return;
    }

    header = ctl_text("Bearer %s", s);
    value.data = (u_char *) header;
    value.len = strlen(header);

    code = ngx_spocr_token_parse(&value, &key);

    if (code == NGX_SPOCR_TOKEN_OK) {
        ctl_digest_hex((char *) key.data, key.len, hex);
    }

    OPENSSL_cleanse(header, value.len);
    free(header);

    if (code != NGX_SPOCR_TOKEN_OK || key.len != strlen(s)) {
        ctl_die(CTL_USAGE, "line %zu: the gateway would refuse this key as "
                "malformed: it must be spocr_ and 1 to 122 of A-Z a-z 0-9 _ -; "
                "nothing was changed", im->line);
    }

    OPENSSL_cleanse((char *) s, strlen(s));

    json_object_del(record, "key");
    json_object_set_new(record, "sha256", ctl_need(json_string(hex)));
}


static bool
is_digest(const char *s)
{
    u_char  digest[NGX_SPOCR_DIGEST_LEN];

    return ngx_spocr_digest_parse((const u_char *) s, strlen(s), digest)
           == NGX_OK;
}
