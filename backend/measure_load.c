/*
 * Folders of documents whose truth is known, for backend-measure.
 *
 * index.jsonl has a line per image: {"file","kind","fields":{...}} and
 * "line_items", "boxes" (CSV of quads in pixels) or "words" (JSON of boxes on
 * the grid 0..1000).  Or truth.json, as backend/samples: an object by file of
 * {"templateId","fields","line_items","places"}.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"


char *
slurp(const char *dir, const char *file, size_t *len)
{
    int       failed;
    char      path[1024], chunk[65536];
    FILE     *f;
    size_t    n;
    be_buf_t  b = { 0 };

    snprintf(path, sizeof(path), "%s/%s", dir, file);
    f = fopen(path, "rb");
    if (f == NULL) {
        return NULL;
    }

    be_buf_str(&b, "");
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        be_buf_add(&b, chunk, n);
    }

    failed = ferror(f);
    fclose(f);

    if (failed) {
        be_buf_free(&b);
        return NULL;
    }

    *len = b.len;

    return be_buf_take(&b);
}


/* Takes the reference; what names no file or no template is left out. */

static void
load_doc(set_t *set, const char *file, const char *kind, const char *group,
    int len, json_t *doc)
{
    doc_t  *d;

    if (file == NULL || kind == NULL || strstr(file, "..") != NULL) {
        json_decref(doc);
        return;
    }

    set->v = be_grow(set->v, (size_t) (set->n + 1) * sizeof(doc_t));
    d = &set->v[set->n++];
    memset(d, 0, sizeof(*d));

    snprintf(d->file, sizeof(d->file), "%s", file);
    snprintf(d->group, sizeof(d->group), "%.*s", len, group);
    d->kind = kind;
    d->doc = doc;
    d->fields = json_object_get(doc, "fields");
    d->items = json_object_get(doc, "line_items");
    d->places = json_object_get(doc, "places");
}


static int
bad_json(const set_t *set, const char *file, int line, const json_error_t *e)
{
    fprintf(stderr, "backend-measure: %s/%s, line %d: %s\n", set->dir, file,
            line, e->text);

    return -1;
}


static int
load_index(set_t *set, char *text)
{
    int            n;
    char          *line;
    json_t        *doc;
    const char    *file;
    json_error_t   error;

    for (n = 1; (line = strsep(&text, "\n")) != NULL; n++) {
        if (line[strspn(line, " \t\r")] == '\0') {
            continue;
        }

        doc = json_loads(line, 0, &error);
        if (doc == NULL) {
            return bad_json(set, "index.jsonl", n, &error);
        }

        file = json_string_value(json_object_get(doc, "file"));

        load_doc(set, file, json_string_value(json_object_get(doc, "kind")),
                 file, file ? (int) strcspn(file, "/") : 0, doc);
    }

    return 0;
}


static int
load_truth(set_t *set, const char *text)
{
    int            len;
    json_t        *all, *doc;
    const char    *file, *name;
    json_error_t   error;

    /* the set is named as its folder */

    len = (int) strlen(set->dir);
    while (len > 1 && set->dir[len - 1] == '/') {
        len--;
    }

    for (name = set->dir + len; name > set->dir && name[-1] != '/'; name--) { }
    len -= (int) (name - set->dir);

    all = json_loads(text, 0, &error);
    if (all == NULL) {
        return bad_json(set, "truth.json", error.line, &error);
    }

    json_object_foreach(all, file, doc) {
        load_doc(set, file,
                 json_string_value(json_object_get(doc, "templateId")), name,
                 len, json_incref(doc));
    }

    json_decref(all);

    return 0;
}


int
load_set(const char *dir, set_t *set)
{
    int      rc;
    char    *s;
    size_t   len;

    memset(set, 0, sizeof(*set));
    set->dir = dir;

    s = slurp(dir, "index.jsonl", &len);

    if (s != NULL) {
        rc = load_index(set, s);

    } else {
        s = slurp(dir, "truth.json", &len);

        if (s == NULL) {
            fprintf(stderr, "backend-measure: %s has no index.jsonl and no"
                    " truth.json that could be read\n", dir);
            return -1;
        }

        rc = load_truth(set, s);
    }

    free(s);

    if (rc == 0 && set->n == 0) {
        fprintf(stderr, "backend-measure: no documents in %s\n", dir);
        rc = -1;
    }

    if (rc != 0) {
        free_set(set);
    }

    return rc;
}


void
free_set(set_t *set)
{
    int  i;

    for (i = 0; i < set->n; i++) {
        json_decref(set->v[i].doc);
    }

    free(set->v);
}
