/*
 * A multipart/form-data body: files go to the spool as they come, the two
 * fields are kept.  Called by the front for POST /upload.
 *
 * Invariant: whatever is in the spool belongs to a be_upload_t, which deletes
 * it; what a crash leaves is deleted at the next start.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "buf.h"
#include "ident.h"
#include "imghead.h"
#include "multipart.h"
#include "text.h"
#include "upload.h"


#define BE_MAX_FIELD   4096
#define BE_MAX_OTHER   65536     /* of all that nobody asked for */
#define BE_MAX_PARTS   100
#define BE_MAX_NAME    255
#define BE_WRITE_SIZE  65536

/* What uploads and exports leave free, so that the database can still be
 * written. */

#define BE_DISK_SPARE  (64u * 1024 * 1024)

typedef enum {
    BE_IN_NOTHING = 0,           /* an unknown part, or an empty file input */
    BE_IN_FIELD,
    BE_IN_FILE
} be_in_e;

typedef struct {
    const be_store_t  *store;
    be_multipart_t    *parser;
    EVP_MD_CTX        *md;
    be_fault_t        *fault;    /* of the call that feeds */
    be_in_e            in;
    char             **field;    /* where the field goes */
    const char        *field_name;
    be_buf_t           text;
    size_t             other;
    int                parts;
    size_t             n;        /* bytes of the file that wait in buf */
    char               buf[BE_WRITE_SIZE];
} be_spool_t;


/*
 * A file's name is only shown, and never opened.  Folders before it go, and
 * so does what is no UTF-8 or would change how the text around it looks.
 */

static char *
be_upload_name(const char *s)
{
    uint32_t      cp;
    be_buf_t      b = { 0 };
    const char   *p, *end, *from;

    for (p = s; *p != '\0'; p++) {
        if (*p == '/' || *p == '\\') {
            s = p + 1;
        }
    }

    end = s + strlen(s);

    for (p = s; p < end && b.len < BE_MAX_NAME - 4; ) {
        from = p;
        cp = be_utf8_next(&p, end);

        if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0xFFFD
            || (cp >= 0x202A && cp <= 0x202E)
            || (cp >= 0x2066 && cp <= 0x2069)
            || (cp >= 0xD800 && cp <= 0xDFFF) || cp > 0x10FFFF
            || (p - from == 3 && cp < 0x800)
            || (p - from == 4 && cp < 0x10000))
        {
            be_buf_str(&b, "_");

        } else {
            be_buf_add(&b, from, (size_t) (p - from));
        }
    }

    return be_buf_take(&b);
}


static int
be_spool_full(be_fault_t *f)
{
    int  full = errno == ENOSPC || errno == EDQUOT;

    fprintf(stderr, "spocr-backend: spool: %s\n", strerror(errno));
    be_fault(f, 503, full ? "The service's storage is full"
                          : "The service's storage is not available");
    f->details = json_pack("{s:i}", "retryAfterSec", 30);

    return -1;
}


static int
be_spool_begin(be_upload_t *u, const char *name)
{
    char         key[BE_KEY_SIZE];
    be_file_t   *file;
    be_spool_t  *sp = u->state;

    if (u->nfiles == BE_MAX_FILES) {
        return be_fault_field(sp->fault, "files", "There are more than %d"
                              " files", BE_MAX_FILES);
    }

    file = &u->files[u->nfiles];
    memset(file, 0, sizeof(*file));
    file->name = be_upload_name(name);

    if (file->name == NULL
        || EVP_DigestInit_ex(sp->md, EVP_sha256(), NULL) != 1)
    {
        free(file->name);
        return be_fault(sp->fault, 503, "Out of memory");
    }

    be_key_new(key);
    snprintf(file->path, sizeof(file->path), "%s/spool/%s",
             be_store_dir(sp->store), key);
    file->fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
                    | O_NOFOLLOW, 0600);

    if (file->fd < 0) {
        free(file->name);
        return be_spool_full(sp->fault);
    }

    u->nfiles++;
    sp->in = BE_IN_FILE;
    sp->n = 0;

    return 0;
}


/* A browser's file input without a file is no file. */

static void
be_spool_drop(be_upload_t *u)
{
    be_file_t  *file = &u->files[--u->nfiles];

    (void) unlink(file->path);
    close(file->fd);
    free(file->name);
    memset(file, 0, sizeof(*file));
}


int
be_spool_room(int fd, be_fault_t *f)
{
    struct statvfs  v;

    if (fstatvfs(fd, &v) != 0
        || (uint64_t) v.f_bavail * v.f_frsize >= BE_DISK_SPARE)
    {
        return 0;
    }

    errno = ENOSPC;

    return be_spool_full(f);
}


/* Writes what has gathered. */

static int
be_spool_flush(be_upload_t *u)
{
    size_t       at = 0;
    ssize_t      n;
    be_spool_t  *sp = u->state;
    be_file_t   *file = &u->files[u->nfiles - 1];

    if (be_spool_room(file->fd, sp->fault) != 0) {
        return -1;
    }

    while (at < sp->n) {
        n = write(file->fd, sp->buf + at, sp->n - at);

        if (n > 0) {
            at += (size_t) n;

        } else if (n == 0 || errno != EINTR) {
            return be_spool_full(sp->fault);
        }
    }

    EVP_DigestUpdate(sp->md, sp->buf, sp->n);
    sp->n = 0;

    return 0;
}


static int
be_spool_bytes(be_upload_t *u, const char *p, size_t len)
{
    size_t       n;
    be_spool_t  *sp = u->state;
    be_file_t   *file = &u->files[u->nfiles - 1];

    if (len > BE_MAX_IMAGE - (size_t) file->size) {
        be_fault(sp->fault, 413, "The file \"%s\" is larger than 20 MB",
                 file->name);
        sp->fault->details = json_pack("{s:o,s:s}", "field",
            json_sprintf("files[%d]", u->nfiles - 1), "name", file->name);
        return -1;
    }

    file->size += (int64_t) len;

    for ( ; len > 0; p += n, len -= n) {
        n = sizeof(sp->buf) - sp->n;
        n = n < len ? n : len;
        memcpy(sp->buf + sp->n, p, n);
        sp->n += n;

        if (sp->n == sizeof(sp->buf) && be_spool_flush(u) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
be_is_file_name(const char *s)
{
    return strcmp(s, "files") == 0 || strcmp(s, "files[]") == 0
           || strcmp(s, "file") == 0;
}


static int
be_part_begin(void *data, const be_part_t *part)
{
    be_upload_t  *u = data;
    be_spool_t   *sp = u->state;

    if (++sp->parts > BE_MAX_PARTS) {
        return be_fault(sp->fault, 400, "The body has more than %d parts",
                        BE_MAX_PARTS);
    }

    sp->field_name = strcmp(part->name, "path") == 0 ? "path" : "wait";
    sp->field = strcmp(part->name, "path") == 0 ? &u->path
                : strcmp(part->name, "wait") == 0 ? &u->wait : NULL;

    if (sp->field != NULL) {
        sp->in = BE_IN_FIELD;
        return *sp->field == NULL ? 0
               : be_fault_field(sp->fault, sp->field_name, "%s is given twice",
                                sp->field_name);
    }

    sp->in = BE_IN_NOTHING;

    if (!be_is_file_name(part->name)) {
        return 0;
    }

    if (part->filename == NULL) {
        return be_fault_field(sp->fault, "files", "A part \"files\" must be a"
                              " file: it has no filename");
    }

    return be_spool_begin(u, part->filename);
}


static int
be_part_bytes(void *data, const char *p, size_t len)
{
    be_upload_t  *u = data;
    be_spool_t   *sp = u->state;

    if (sp->in == BE_IN_FILE) {
        return be_spool_bytes(u, p, len);
    }

    if (sp->in == BE_IN_FIELD) {
        if (sp->text.len + len > BE_MAX_FIELD) {
            return be_fault_field(sp->fault, sp->field_name, "%s is longer"
                                  " than %d bytes", sp->field_name,
                                  BE_MAX_FIELD);
        }

        be_buf_add(&sp->text, p, len);
        return 0;
    }

    sp->other += len;

    if (sp->other > BE_MAX_OTHER) {
        return be_fault_field(sp->fault, "files", "There is more than %d KB in"
                              " parts of other names than path, wait and"
                              " files", BE_MAX_OTHER / 1024);
    }

    return 0;
}


static int
be_part_end(void *data)
{
    be_file_t    *file;
    be_upload_t  *u = data;
    be_spool_t   *sp = u->state;

    if (sp->in == BE_IN_FIELD) {
        if (sp->text.len
            && memchr(sp->text.data, '\0', sp->text.len) != NULL)
        {
            return be_fault_field(sp->fault, sp->field_name, "%s contains a"
                                  " NUL character", sp->field_name);
        }

        be_buf_add(&sp->text, "", 0);
        *sp->field = be_buf_take(&sp->text);

        if (*sp->field == NULL) {
            return be_fault(sp->fault, 503, "Out of memory");
        }

    } else if (sp->in == BE_IN_FILE) {
        file = &u->files[u->nfiles - 1];

        if (file->size == 0 && *file->name == '\0') {
            be_spool_drop(u);
            sp->in = BE_IN_NOTHING;
            return 0;
        }

        if (be_spool_flush(u) != 0) {
            return -1;
        }

        EVP_DigestFinal_ex(sp->md, file->digest, NULL);
    }

    sp->in = BE_IN_NOTHING;

    return 0;
}


static const be_part_handler_t  be_part_handler = {
    be_part_begin, be_part_bytes, be_part_end
};


be_upload_t *
be_upload_new(const be_store_t *s, const char *content_type, be_fault_t *f)
{
    const char   *why = NULL;
    be_spool_t   *sp;
    be_upload_t  *u;

    u = calloc(1, sizeof(be_upload_t));
    sp = calloc(1, sizeof(be_spool_t));

    if (u == NULL || sp == NULL) {
        free(u);
        free(sp);
        be_fault(f, 503, "Out of memory");
        return NULL;
    }

    u->state = sp;
    sp->store = s;
    sp->md = EVP_MD_CTX_new();
    sp->parser = be_multipart_new(content_type, &be_part_handler, u, &why);

    if (sp->parser == NULL || sp->md == NULL) {
        be_fault(f, why ? 400 : 503, "%s", why ? why : "Out of memory");
        be_upload_free(u);
        return NULL;
    }

    return u;
}


int
be_upload_feed(be_upload_t *u, const char *data, size_t len, be_fault_t *f)
{
    int          rc;
    const char  *why;
    be_spool_t  *sp = u->state;

    sp->fault = f;
    rc = be_multipart_feed(sp->parser, data, len, &why);
    sp->fault = NULL;

    if (rc != 0 && f->status == 0) {
        return be_fault(f, 400, "%s", why ? why : "The body is malformed");
    }

    return rc;
}


int
be_upload_end(be_upload_t *u, be_fault_t *f)
{
    be_spool_t  *sp = u->state;

    if (!be_multipart_whole(sp->parser)) {
        return be_fault(f, 400, "The multipart body ends before its last"
                        " boundary");
    }

    return 0;
}


void
be_upload_free(be_upload_t *u)
{
    int          i;
    be_file_t   *file;
    be_spool_t  *sp;

    if (u == NULL) {
        return;
    }

    for (i = 0; i < u->nfiles; i++) {
        file = &u->files[i];

        if (file->path[0] != '\0') {
            (void) unlink(file->path);
        }

        if (file->fd >= 0) {
            close(file->fd);
        }

        free(file->name);
    }

    sp = u->state;
    EVP_MD_CTX_free(sp->md);
    be_multipart_free(sp->parser);
    be_buf_free(&sp->text);
    free(sp);
    free(u->path);
    free(u->wait);
    free(u);
}
