/*
 * GET /jobs/{id} and GET /images/{key}.  Called by the front; POST /upload
 * gives jobs in the same form.
 *
 * Invariant: both look for the id and the uid together, so that what another
 * tenant has is not there.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "space/api_job.h"


#define BE_JOB_COLUMNS                                                        \
    "id, item_key, path, sheet_key, name, status, result, error,"             \
    " request_id, created, started, finished, warnings"


/* A column that may be NULL: JSON, or milliseconds. */

static void
be_job_column(json_t *o, const char *name, sqlite3_stmt *st, int i)
{
    int  type = sqlite3_column_type(st, i);

    if (type == SQLITE_INTEGER) {
        json_object_set_new(o, name,
                            json_integer(sqlite3_column_int64(st, i)));

    } else if (type == SQLITE_TEXT) {
        json_object_set_new(o, name, json_loads(be_text(st, i), 0, NULL));
    }
}


/* A row of BE_JOB_COLUMNS. */

static json_t *
be_job_json(sqlite3_stmt *st)
{
    json_t  *o;

    o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:s}",
                  "jobId", be_text(st, 0), "uniqueKey", be_text(st, 1),
                  "path", be_text(st, 2), "sheetRef", be_text(st, 3),
                  "originalName", be_text(st, 4), "status", be_text(st, 5),
                  "imageUrl", json_sprintf("/images/%s", be_text(st, 1)),
                  "requestId", be_text(st, 8));

    if (o != NULL) {
        be_job_column(o, "result", st, 6);
        be_job_column(o, "warnings", st, 12);
        be_job_column(o, "error", st, 7);
        be_job_column(o, "createdAt", st, 9);
        be_job_column(o, "startedAt", st, 10);
        be_job_column(o, "finishedAt", st, 11);
    }

    return o;
}


json_t *
be_job_find(be_db_t *db, const char *uid, const char *id, be_fault_t *f)
{
    int            rc;
    json_t        *o = NULL;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT " BE_JOB_COLUMNS " FROM job"
                " WHERE id = ? AND uid = ?", "ss", id, uid);
    rc = be_step(db, st);

    if (rc > 0) {
        o = be_job_json(st);
        be_done(st);
    }

    if (o == NULL && !be_failed(db, f)) {
        be_fault(f, rc > 0 ? 500 : 404, rc > 0 ? "Internal error"
                                               : "There is no such job");
    }

    return o;
}


void
be_api_job(const be_in_t *in, be_reply_t *r)
{
    json_t      *o;
    be_db_t     *db;
    be_fault_t   f = { 0 };

    db = be_store_read(in->conf->store, &f);
    o = db ? be_job_find(db, in->uid, in->arg[0], &f) : NULL;

    if (db != NULL) {
        be_store_abort(db);
    }

    if (o == NULL) {
        be_api_refuse(r, &f, in->request_id);
        return;
    }

    be_reply_json(r, 200, o);
}


static const char *
be_media_known(const char *media)
{
    size_t  i;
    static const char  *const types[] = {
        "image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff",
        "image/webp"
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i], media) == 0) {
            return types[i];
        }
    }

    return "application/octet-stream";
}


/* The type of an image of this tenant; -1 with the fault. */

static int
be_image_find(const be_in_t *in, const char **media, be_fault_t *f)
{
    int            rc;
    be_db_t       *db;
    sqlite3_stmt  *st;

    db = be_store_read(in->conf->store, f);
    if (db == NULL) {
        return -1;
    }

    /* the sheet's tenant: one that is being removed has none any more */

    st = be_sql(db, "SELECT media FROM item JOIN node ON node.id = item.sheet"
                " WHERE item.key = ? AND node.uid = ?", "ss", in->arg[0],
                in->uid);
    rc = be_step(db, st);

    if (rc > 0) {
        *media = be_media_known(be_text(st, 0));
        be_done(st);

    } else if (!be_failed(db, f)) {
        be_fault(f, 404, "There is no such image");
    }

    be_store_abort(db);

    return rc > 0 ? 0 : -1;
}


void
be_api_image(const be_in_t *in, be_reply_t *r)
{
    char         path[640];
    be_fault_t   f = { 0 };
    struct stat  st;

    if (be_image_find(in, &r->type, &f) != 0) {
        r->type = NULL;
        be_api_refuse(r, &f, in->request_id);
        return;
    }

    r->fd = be_image_path(in->conf->store, in->arg[0], path, sizeof(path)) == 0
            ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

    if (r->fd < 0 || fstat(r->fd, &st) != 0) {

        /* it was removed meanwhile, or by hand */

        if (r->fd >= 0) {
            close(r->fd);
        }

        r->type = NULL;
        be_fault(&f, 404, "There is no such image");
        be_api_refuse(r, &f, in->request_id);
        return;
    }

    r->status = 200;
    r->file = 1;
    r->len = (size_t) st.st_size;
    r->cacheable = 1;
}
