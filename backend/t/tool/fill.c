/*
 * Puts rows into a sheet as the job runner does, without an image or OCR; for
 * tests and bench/view.  Not installed.
 *
 *   backend-fill DIR UID PATH <ROWS   each line of ROWS is an object: name,
 *                                     status (or done), data; prints rowKeys
 *   backend-fill DIR UID PATH N       N rows of an invoice, the same each time
 *
 * It runs beside a server.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ident.h"
#include "space/tree.h"


static unsigned
be_fill_random(void)
{
    static unsigned  state = 1;

    state = state * 1103515245 + 12345;

    return state >> 8 & 0xFFFF;
}


static json_t *
be_fill_box(void)
{
    unsigned  x = be_fill_random() % 900, y = be_fill_random() % 900;

    return json_pack("{s:{s:i,s:i,s:i,s:i},s:[{s:i,s:i},{s:i,s:i},{s:i,s:i},"
                     "{s:i,s:i}],s:f,s:s}", "bbox", "xmin", x, "ymin", y,
                     "xmax", x + 80, "ymax", y + 20, "vertices", "x", x, "y",
                     y, "x", x + 80, "y", y, "x", x + 80, "y", y + 20, "x", x,
                     "y", y + 20, "match_ratio", 1.0, "bbox_source",
                     "token_id");
}


static void
be_fill_value(json_t *o, const char *name, const char *value)
{
    json_object_set_new(o, name, json_string(value));
    json_object_set_new(json_object_get(o, "field_bboxes"), name,
                        be_fill_box());
}


static json_t *
be_fill_invoice(void)
{
    char      s[64];
    int       i;
    json_t   *o, *row, *rows;
    unsigned  total = be_fill_random() * 7 + 100;

    static const char *const  vendors[] = {
        "Acme GmbH", "Blue Ocean Ltd", "Caf\xC3\xA9 Z\xC3\xBCrich AG",
        "\xE6\xA0\xAA\xE5\xBC\x8F\xE4\xBC\x9A\xE7\xA4\xBE", "Delta & Sons"
    };

    o = json_pack("{s:{}}", "field_bboxes");
    rows = json_array();

    be_fill_value(o, "vendor", vendors[be_fill_random() % 5]);
    snprintf(s, sizeof(s), "INV-%05u", be_fill_random());
    be_fill_value(o, "invoice_no", s);
    snprintf(s, sizeof(s), "2026-%02u-%02u", be_fill_random() % 12 + 1,
             be_fill_random() % 28 + 1);
    be_fill_value(o, "invoice_date", s);
    snprintf(s, sizeof(s), "%u,%03u.%02u", total / 1000, total % 1000,
             be_fill_random() % 100);
    be_fill_value(o, "total", s);
    snprintf(s, sizeof(s), "%u.%02u", total / 10, be_fill_random() % 100);
    be_fill_value(o, "tax", s);
    be_fill_value(o, "subtotal", s);
    be_fill_value(o, "recipient", "Example Trading Company, Harbour Street");

    for (i = 0; i < 3; i++) {
        row = json_pack("{s:{}}", "field_bboxes");
        be_fill_value(row, "description", "Hexagon bolt M8, zinc plated");
        be_fill_value(row, "qty", "12");
        be_fill_value(row, "unit_price", "1.25");
        json_array_append_new(rows, row);
    }

    json_object_set_new(o, "line_items", rows);

    return o;
}


static int
be_fill_row(be_db_t *db, const char *uid, int64_t sheet, const char *name,
    const char *status, const json_t *data, char *key)
{
    char  id[BE_ID_SIZE];

    be_key_new(key);
    be_id(id, "req_");

    if (be_run(db, "INSERT INTO item (key, uid, sheet, name, media, size,"
               " created, status, request_id) VALUES (?, ?, ?, ?,"
               " 'image/png', 0, ?, ?, ?)", "ssisiss", key, uid, sheet, name,
               be_wall_ms(), status, id) != 0)
    {
        return -1;
    }

    return data ? be_item_store(db, be_rowid(db), data) : 0;
}


/* One line of the input: 1, 0 at the end, -1. */

static int
be_fill_line(be_db_t *db, const char *uid, int64_t sheet)
{
    int            rc;
    char           key[BE_KEY_SIZE], *line = NULL;
    size_t         size = 0;
    json_t        *o;
    const char    *name = "row.png", *status = "done";
    const json_t  *data;

    if (getline(&line, &size, stdin) < 0) {
        free(line);
        return 0;
    }

    o = json_loads(line, 0, NULL);
    free(line);

    if (o == NULL) {
        return -1;
    }

    (void) json_unpack(o, "{s?s,s?s}", "name", &name, "status", &status);
    data = json_object_get(o, "data");
    rc = be_fill_row(db, uid, sheet, name, status, data, key);
    json_decref(o);

    if (rc == 0) {
        printf("%s\n", key);
    }

    return rc == 0 ? 1 : -1;
}


int
main(int argc, char **argv)
{
    int          i, n, rc = 1;
    char         key[BE_KEY_SIZE], name[40];
    json_t      *data;
    be_db_t     *db;
    be_node_t    at;
    be_store_t  *s;
    be_fault_t   f = { 0 };

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "Usage: backend-fill DIR UID PATH [N]\n");
        return 2;
    }

    n = argc == 5 ? atoi(argv[4]) : 0;
    s = be_store_open(argv[1], 0);
    db = s ? be_store_write(s, &f) : NULL;

    if (db == NULL || be_path_find(db, argv[2], argv[3], "path", &at, &f) != 0)
    {
        fprintf(stderr, "backend-fill: %s\n", f.message);
        return 1;
    }

    for (i = 0; rc == 1 && i < n; i++) {
        data = be_fill_invoice();
        snprintf(name, sizeof(name), "scan-%06d.png", i);
        rc = be_fill_row(db, argv[2], at.id, name, "done", data, key) == 0
             ? 1 : -1;
        json_decref(data);
    }

    while (rc == 1 && argc == 4) {
        rc = be_fill_line(db, argv[2], at.id);
    }

    if (rc < 0 || be_store_commit(db, &f) != 0) {
        fprintf(stderr, "backend-fill: failed: %s\n", f.message);
        return 1;
    }

    be_node_free(&at);
    be_store_close(s);

    return 0;
}
