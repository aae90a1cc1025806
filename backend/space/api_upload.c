/*
 * POST /upload.  Called by the front.
 *
 * Invariant: an upload is whole or nothing.  The images are on the disk
 * first, then one transaction holds the money and makes items, jobs, events
 * and the kept answer; when it fails the images are deleted again.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/evp.h>

#include "api.h"
#include "ident.h"
#include "imghead.h"
#include "space/api_job.h"
#include "space/courier.h"
#include "space/hook.h"
#include "space/jobs.h"
#include "space/money.h"
#include "space/replay.h"
#include "space/tree.h"


#define BE_WAIT_MS  30000

/* What was asked for, and what it becomes. */
typedef struct {
    const be_in_t  *in;
    const char     *path;
    int             wait;
    int             n;
    char            digest[65];
    const char     *media[BE_MAX_FILES];
    char            key[BE_MAX_FILES][BE_KEY_SIZE];
    char            job[BE_MAX_FILES][BE_ID_SIZE];
} be_batch_t;


/* An argument that may stand in the form or in the query. */

static int
be_batch_arg(const be_in_t *in, const char *name, const char *form,
    const char **value, be_fault_t *f)
{
    if (be_query_one(in->query, name, value, f) != 0) {
        return -1;
    }

    if (*value != NULL && form != NULL && strcmp(*value, form) != 0) {
        return be_fault_field(f, name, "%s is given twice", name);
    }

    *value = form ? form : *value;

    return 0;
}


static int
be_batch_args(be_batch_t *b, be_fault_t *f)
{
    json_t         *text;
    const char     *wait;
    const be_in_t  *in = b->in;
    static const char *const  known[] = { "path", "wait", NULL };

    if (be_query_known(in->query, known, f) != 0
        || be_batch_arg(in, "path", in->upload->path, &b->path, f) != 0
        || be_batch_arg(in, "wait", in->upload->wait, &wait, f) != 0)
    {
        return -1;
    }

    if (b->path == NULL || *b->path == '\0') {
        return be_fault_field(f, "path", "Send the path of a sheet as the"
                              " field \"path\"");
    }

    text = json_string(b->path);
    if (text == NULL) {
        return be_fault_field(f, "path", "path is not UTF-8");
    }

    json_decref(text);

    b->wait = wait != NULL && (strcmp(wait, "true") == 0
                               || strcmp(wait, "1") == 0);

    if (wait != NULL && !b->wait && *wait != '\0'
        && strcmp(wait, "false") != 0 && strcmp(wait, "0") != 0)
    {
        return be_fault_field(f, "wait", "wait must be true or false");
    }

    b->n = in->upload->nfiles;

    if (b->n == 0) {
        return be_fault_field(f, "files", "Send 1 to %d files as \"files\"",
                              BE_MAX_FILES);
    }

    return 0;
}


static const char *
be_media_type(const char *format)
{
    size_t  i;
    static const char  *const types[][2] = {
        { "JPEG", "image/jpeg" }, { "PNG", "image/png" },
        { "GIF", "image/gif" }, { "BMP", "image/bmp" },
        { "TIFF", "image/tiff" }, { "WebP", "image/webp" }
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i][0], format) == 0) {
            return types[i][1];
        }
    }

    return "application/octet-stream";
}


/* The header of each file, before anything is charged. */

static int
be_batch_images(be_batch_t *b, be_fault_t *f)
{
    int            i;
    void          *p;
    size_t         len;
    be_file_t     *file;
    const char    *wrong;
    be_imghead_t   h;

    for (i = 0; i < b->n; i++) {
        file = &b->in->upload->files[i];
        len = (size_t) file->size;
        p = len ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, file->fd, 0) : NULL;

        if (p == MAP_FAILED) {
            return be_fault(f, 503, "Out of memory");
        }

        memset(&h, 0, sizeof(h));
        wrong = len ? be_imghead(p, len, &h) : "The file is empty";

        if (len) {
            munmap(p, len);
        }

        if (wrong != NULL) {
            be_fault_code(f, 400, "invalid_image", "files[%d]: %s", i, wrong);
            f->details = json_pack("{s:o,s:s}", "field",
                                   json_sprintf("files[%d]", i), "name",
                                   file->name);
            return -1;
        }

        b->media[i] = be_media_type(h.format);
    }

    return 0;
}


/* What a repeated request must ask for as well. */

static int
be_batch_digest(be_batch_t *b, be_fault_t *f)
{
    int             i, good;
    char            size[32];
    EVP_MD_CTX     *md;
    be_file_t      *file;
    unsigned char   sum[EVP_MAX_MD_SIZE];

    md = EVP_MD_CTX_new();
    good = md != NULL && b->path != NULL
           && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
           && EVP_DigestUpdate(md, b->path, strlen(b->path) + 1) == 1;

    for (i = 0; good && i < b->n; i++) {
        file = &b->in->upload->files[i];
        snprintf(size, sizeof(size), "%lld", (long long) file->size);
        good = EVP_DigestUpdate(md, file->name, strlen(file->name) + 1) == 1
               && EVP_DigestUpdate(md, size, strlen(size) + 1) == 1
               && EVP_DigestUpdate(md, file->digest, sizeof(file->digest))
                  == 1;
    }

    good = good && EVP_DigestFinal_ex(md, sum, NULL) == 1;
    EVP_MD_CTX_free(md);

    for (i = 0; good && i < 32; i++) {
        snprintf(b->digest + 2 * i, 3, "%02x", sum[i]);
    }

    return good ? 0 : be_fault(f, 503, "Out of memory");
}


/* Moves the files to their places; all that were moved go with -1. */

static int
be_batch_keep(be_batch_t *b, be_fault_t *f)
{
    int  i;

    for (i = 0; i < b->n; i++) {
        be_key_new(b->key[i]);
        be_id(b->job[i], "job_");

        if (be_image_keep(b->in->conf->store, b->key[i],
                          &b->in->upload->files[i])
            != 0)
        {
            for ( ; i >= 0; i--) {
                (void) be_images_unlink(b->in->conf->store, b->key[i]);
            }

            be_fault(f, 503, "The service's storage is not available");
            f->details = json_pack("{s:i}", "retryAfterSec", 30);
            return -1;
        }
    }

    return 0;
}


static int
be_batch_insert(be_batch_t *b, be_db_t *db, const be_node_t *sheet, int i)
{
    char             url[64];
    int64_t          now = be_wall_ms(), item;
    be_file_t       *file = &b->in->upload->files[i];
    const be_in_t   *in = b->in;

    if (be_run(db, "INSERT INTO item (key, uid, sheet, name, media, size,"
                   " created, status, request_id)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', ?)",
               "ssissiis", b->key[i], in->uid, sheet->id, file->name,
               b->media[i], file->size, now, in->request_id)
        != 0)
    {
        return -1;
    }

    item = be_rowid(db);

    if (be_run(db, "INSERT INTO job (id, uid, item, item_key, sheet_key,"
                   " path, name, status, created, request_id)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)",
               "ssissssis", b->job[i], in->uid, item, b->key[i], sheet->key,
               sheet->path, file->name, now, in->request_id)
        != 0)
    {
        return -1;
    }

    snprintf(url, sizeof(url), "/images/%s", b->key[i]);

    return be_event(db, in->uid, "item.created",
                    json_pack("{s:s,s:s,s:s,s:s,s:s}", "jobId", b->job[i],
                              "path", sheet->path, "uniqueKey", b->key[i],
                              "name", file->name, "imageUrl", url),
                    in->request_id);
}


/* The answer to an upload that nobody waits for. */

static json_t *
be_batch_json(const be_batch_t *b, const be_node_t *sheet)
{
    int      i;
    json_t  *jobs = json_array();

    for (i = 0; i < b->n; i++) {
        (void) json_array_append_new(jobs, json_pack(
            "{s:s,s:s,s:s,s:s}", "uniqueKey", b->key[i], "originalName",
            b->in->upload->files[i].name, "jobId", b->job[i], "status",
            "pending"));
    }

    return json_pack("{s:s,s:s,s:o}", "path", sheet->path, "sheetRef",
                     sheet->key, "jobs", jobs);
}


/* Everything that an upload changes in the database but its replay. */

static int
be_batch_rows(be_batch_t *b, be_db_t *db, const be_node_t *sheet,
    be_fault_t *f)
{
    int             i, rc;
    const char     *refs[BE_MAX_FILES];
    const be_in_t  *in = b->in;

    for (i = 0; i < b->n; i++) {
        refs[i] = b->job[i];
    }

    if (be_money_hold(db, in->uid, b->n, refs, in->conf->free_scans,
                      in->request_id, f)
        != 0)
    {
        return -1;
    }

    rc = be_event(db, in->uid, "upload.received", be_batch_json(b, sheet),
                  in->request_id);

    for (i = 0; rc == 0 && i < b->n; i++) {
        rc = be_batch_insert(b, db, sheet, i);
    }

    if (rc == 0 || be_failed(db, f)) {
        return rc;
    }

    return be_fault(f, 503, "Out of memory");
}


/* In the transaction.  1: *answer is that of the first request, 0: it is new,
 * -1: the fault is set. */

static int
be_batch_write(be_batch_t *b, be_db_t *db, char **answer, be_fault_t *f)
{
    int             rc = 0, status;
    json_t         *o;
    be_node_t       sheet;
    const be_in_t  *in = b->in;

    if (in->idempotency_key != NULL) {
        rc = be_replay_find(db, in->uid, in->idempotency_key, "upload",
                            b->digest, &status, answer, f);
        if (rc != 0) {
            return rc;
        }
    }

    memset(&sheet, 0, sizeof(sheet));
    rc = be_path_find(db, in->uid, b->path, "path", &sheet, f);

    if (rc == 0 && sheet.type != BE_NODE_SHEET) {
        rc = be_fault_field(f, "path", "path is no sheet; images are uploaded"
                            " to a sheet");
    }

    if (rc == 0) {
        rc = be_batch_rows(b, db, &sheet, f);
    }

    if (rc == 0) {
        o = be_batch_json(b, &sheet);
        *answer = o ? json_dumps(o, JSON_COMPACT) : NULL;
        json_decref(o);
        rc = *answer ? 0 : be_fault(f, 503, "Out of memory");
    }

    if (rc == 0 && in->idempotency_key != NULL) {
        (void) be_replay_keep(db, in->uid, in->idempotency_key, "upload",
                              b->digest, 200, *answer, in->request_id);
    }

    be_node_free(&sheet);

    return rc;
}


/* The transaction, and what becomes of the images by it. */

static int
be_batch_commit(be_batch_t *b, char **answer, be_fault_t *f)
{
    int          i, rc;
    be_db_t     *db;
    be_store_t  *store = b->in->conf->store;

    db = be_store_write(store, f);
    rc = db ? be_batch_write(b, db, answer, f) : -1;

    if (db != NULL && rc == 0) {
        rc = be_store_commit(db, f);

    } else if (db != NULL) {
        be_store_abort(db);
    }

    for (i = 0; rc != 0 && i < b->n; i++) {
        (void) be_images_unlink(store, b->key[i]);
    }

    if (rc < 0) {
        free(*answer);
        *answer = NULL;
    }

    return rc;
}


/* Waits for the jobs of an answer, and gives each as it is then. */

static int
be_batch_wait(const be_in_t *in, uint64_t since, json_t *answer,
    be_fault_t *f)
{
    size_t       i, n;
    json_t      *jobs, *o;
    uint64_t     most = (uint64_t) in->conf->timeout * 1000;
    be_db_t     *db;
    const char  *ids[BE_MAX_FILES];

    jobs = json_object_get(answer, "jobs");
    n = json_array_size(jobs);
    most = most < BE_WAIT_MS ? most : BE_WAIT_MS;

    for (i = 0; i < n && i < BE_MAX_FILES; i++) {
        ids[i] = json_string_value(json_object_get(json_array_get(jobs, i),
                                                   "jobId"));
    }

    /* the work is the jobs' from here on */

    be_place_rest(in->place);
    be_jobs_wait(in->conf->jobs, ids, (int) n, since + most);

    db = be_store_read(in->conf->store, f);
    if (db == NULL) {
        return -1;
    }

    for (i = 0; i < n; i++) {
        o = be_job_find(db, in->uid, ids[i], f);

        if (o == NULL) {
            be_store_abort(db);
            return -1;
        }

        json_array_set_new(jobs, i, o);
    }

    be_store_abort(db);

    return 0;
}


void
be_api_upload(const be_in_t *in, be_reply_t *r)
{
    int          rc;
    char        *answer = NULL;
    json_t      *o;
    uint64_t     since = be_now_ms();
    be_batch_t   b = { .in = in };
    be_fault_t   f = { 0 };

    if (be_batch_args(&b, &f) != 0 || be_batch_images(&b, &f) != 0
        || be_batch_digest(&b, &f) != 0 || be_batch_keep(&b, &f) != 0
        || (rc = be_batch_commit(&b, &answer, &f)) < 0)
    {
        be_api_refuse(r, &f, in->request_id);
        return;
    }

    if (rc == 0) {
        be_jobs_wake(in->conf->jobs);
        be_courier_wake(in->conf->courier);
    }

    r->replayed = rc == 1;

    if (!b.wait || answer == NULL) {
        r->status = 200;
        r->body = answer;
        r->len = answer ? strlen(answer) : 0;
        return;
    }

    o = json_loads(answer, 0, NULL);
    free(answer);

    /* the upload itself is done: what fails now does not undo it, so the
     * answer is that of one that does not wait */

    if (be_batch_wait(in, since, o, &f) != 0) {
        be_fault_free(&f);
    }

    be_reply_json(r, 200, o);
}
