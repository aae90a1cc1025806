
/*
 * The key file: read, checked as the gateway checks it, and replaced.
 *
 * Called by store_file.c.
 *
 * Invariant: the file is at any moment the old or the new one, whole.  A
 * change is made under a lock of the file's directory, written beside the
 * file, synchronised, and renamed over it.
 */


#include "doc.h"
#include <fcntl.h>
#include <libgen.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define LOCK_WAIT_MS  10000
#define FILE_MAX      (512u * 1024 * 1024)


static void doc_replace(const ctl_doc_t *doc, const ctl_buffer_t *buf);
static const char *doc_write(int fd, const ctl_doc_t *doc,
    const ctl_buffer_t *buf);
static void doc_dump(const ctl_doc_t *doc, ctl_buffer_t *buf);


static void *
table_alloc(void *data, size_t size)
{
    (void) data;

    return malloc(size);
}


static ssize_t
table_read(void *data, u_char *to, size_t size)
{
    size_t         n;
    ctl_buffer_t  *buf;

    buf = data;
    n = buf->len - buf->pos;
    n = (n < size) ? n : size;

    if (n) {
        memcpy(to, buf->data + buf->pos, n);
        buf->pos += n;
    }

    return (ssize_t) n;
}


/*
 * The file that a link names is replaced, not the link.  A file that is not
 * there yet is made where its name says.
 */

void
ctl_doc_resolve(ctl_doc_t *doc, const ctl_opts_t *opts)
{
    char         *copy, *dir;
    struct stat   st;

    memset(doc, 0, sizeof(ctl_doc_t));

    doc->given = opts->file;
    doc->dir = -1;
    doc->path = realpath(opts->file, NULL);

    if (doc->path) {
        return;
    }

    if (errno != ENOENT) {
        ctl_die(CTL_FAILED, "%s: %s", opts->file, strerror(errno));
    }

    if (lstat(opts->file, &st) == 0) {
        ctl_die(CTL_FAILED, "%s: the link leads to no file", opts->file);
    }

    copy = ctl_text("%s", opts->file);
    dir = realpath(dirname(copy), NULL);

    if (dir == NULL) {
        ctl_die(CTL_FAILED, "%s: %s", opts->file, strerror(errno));
    }

    free(copy);

    copy = ctl_text("%s", opts->file);
    doc->path = ctl_text("%s/%s", dir, basename(copy));

    free(copy);
    free(dir);
}


/*
 * The lock is of the directory: it needs no file of its own, and the kernel
 * lets it go with the process, however that ends.
 */

void
ctl_doc_lock(ctl_doc_t *doc, const ctl_opts_t *opts)
{
    int              waited;
    char            *copy;
    struct timespec  pause = { 0, 20 * 1000 * 1000 };

    copy = ctl_text("%s", doc->path);

    doc->dir = open(dirname(copy), O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (doc->dir == -1) {
        ctl_die(CTL_FAILED, "%s: %s", doc->given, strerror(errno));
    }

    free(copy);

    for (waited = 0; flock(doc->dir, LOCK_EX|LOCK_NB) == -1; waited += 20) {

        if (errno != EWOULDBLOCK && errno != EINTR) {
            ctl_die(CTL_FAILED, "%s: the lock: %s", doc->given,
                    strerror(errno));
        }

        if (waited >= LOCK_WAIT_MS) {
            ctl_die(CTL_FAILED, "%s: another spocrctl is changing a file in "
                    "this folder, and has been for %d seconds", doc->given,
                    LOCK_WAIT_MS / 1000);
        }

        if (waited == 1000) {
            ctl_note(opts, "waiting for another spocrctl");
        }

        nanosleep(&pause, NULL);
    }
}


/* false: there is no file. */

bool
ctl_doc_load(ctl_doc_t *doc, ctl_buffer_t *buf)
{
    int          fd;
    ssize_t      n;
    struct stat  st;

    memset(buf, 0, sizeof(ctl_buffer_t));

    fd = open(doc->path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == -1 && errno == ENOENT) {
        return false;
    }

    if (fd == -1 || fstat(fd, &st) == -1) {
        ctl_die(CTL_FAILED, "%s: %s", doc->given, strerror(errno));
    }

    if (!S_ISREG(st.st_mode)) {
        ctl_die(CTL_FAILED, "%s: not a regular file", doc->given);
    }

    if ((uint64_t) st.st_size > FILE_MAX) {
        ctl_die(CTL_FAILED, "%s: larger than 512 MB", doc->given);
    }

    buf->room = (size_t) st.st_size + 1;
    buf->data = ctl_need(malloc(buf->room));

    do {
        n = read(fd, buf->data + buf->len, buf->room - buf->len);

        if (n > 0) {
            buf->len += (size_t) n;
        }
    } while ((n > 0 && buf->len < buf->room) || (n == -1 && errno == EINTR));

    if (n == -1) {
        ctl_die(CTL_FAILED, "%s: %s", doc->given, strerror(errno));
    }

    close(fd);

    return true;
}


/* The gateway's own check; ends the program with what nginx -t would say. */

ngx_spocr_keys_t *
ctl_doc_check(const ctl_doc_t *doc, const ctl_buffer_t *buf, int code)
{
    ctl_buffer_t                    source;
    ngx_spocr_keys_t           *keys;
    ngx_spocr_keyfile_error_t   err;

    source = *buf;
    source.pos = 0;

    keys = ngx_spocr_keyfile_read(table_read, &source, table_alloc, NULL,
                                  &err);
    if (keys) {
        return keys;
    }

    if (code == CTL_USAGE) {
        ctl_die(code, "%s (nothing was changed)", err.text);
    }

    if (err.line) {
        ctl_die(code, "%s: line %lu: %s", doc->given, err.line, err.text);
    }

    ctl_die(code, "%s: %s", doc->given, err.text);
}


void
ctl_doc_parse(ctl_doc_t *doc, const ctl_buffer_t *buf)
{
    doc->root = ctl_need(json_loadb(buf->data, buf->len, JSON_REJECT_DUPLICATES,
                                    NULL));

    doc->plans = json_object_get(doc->root, "plans");
    doc->tenants = json_object_get(doc->root, "tenants");
    doc->keys = json_object_get(doc->root, "keys");
}


void
ctl_doc_save(ctl_doc_t *doc, int code)
{
    ctl_buffer_t  buf;

    memset(&buf, 0, sizeof(ctl_buffer_t));

    doc_dump(doc, &buf);

    /* what was asked for may be what no file can say */
    (void) ctl_doc_check(doc, &buf, code);

    doc_replace(doc, &buf);
    free(buf.data);
}


/* An entry a line, so that two versions can be compared by eye. */

static void
doc_dump(const ctl_doc_t *doc, ctl_buffer_t *buf)
{
    size_t       n;
    json_t      *member, *entry, *name_json;
    const char  *name, *entry_name, *comma;

    ctl_put(buf, "{");
    comma = "\n";

    json_object_foreach(doc->root, name, member) {
        ctl_put(buf, comma);
        ctl_put(buf, "  \"");
        ctl_put(buf, name);
        ctl_put(buf, "\": ");
        comma = ",\n";

        if (json_is_object(member) && json_object_size(member)) {
            n = 0;

            json_object_foreach(member, entry_name, entry) {
                ctl_put(buf, n++ ? ",\n    " : "{\n    ");
                name_json = ctl_need(json_string(entry_name));
                ctl_put_json(buf, name_json);
                json_decref(name_json);
                ctl_put(buf, ": ");
                ctl_put_json(buf, entry);
            }

            ctl_put(buf, "\n  }");

        } else if (json_is_array(member) && json_array_size(member)) {

            json_array_foreach(member, n, entry) {
                ctl_put(buf, n ? ",\n    " : "[\n    ");
                ctl_put_json(buf, entry);
            }

            ctl_put(buf, "\n  ]");

        } else {
            ctl_put_json(buf, member);
        }
    }

    ctl_put(buf, "\n}\n");
}


static void
doc_replace(const ctl_doc_t *doc, const ctl_buffer_t *buf)
{
    int          fd;
    char        *copy, *name, *temp;
    const char  *failed;

    copy = ctl_text("%s", doc->path);
    name = basename(copy);
    temp = ctl_text(".%s.spocrctl", name);

    /* only a run that was killed can have left one: we hold the lock */
    unlinkat(doc->dir, temp, 0);

    fd = openat(doc->dir, temp, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == -1) {
        ctl_die(CTL_FAILED, "%s: a file beside it: %s", doc->given,
                strerror(errno));
    }

    failed = doc_write(fd, doc, buf);

    if (failed == NULL && close(fd) == -1) {
        failed = strerror(errno);
    }

    if (failed == NULL
        && renameat(doc->dir, temp, doc->dir, name) == -1)
    {
        failed = strerror(errno);
    }

    if (failed) {
        unlinkat(doc->dir, temp, 0);
        ctl_die(CTL_FAILED, "%s: not changed: %s", doc->given, failed);
    }

    if (fsync(doc->dir) == -1) {
        ctl_die(CTL_FAILED, "%s: changed, but perhaps not yet on the disk: %s",
                doc->given, strerror(errno));
    }

    free(temp);
    free(copy);
}


/* NULL, or what went wrong. */

static const char *
doc_write(int fd, const ctl_doc_t *doc, const ctl_buffer_t *buf)
{
    size_t       done;
    ssize_t      n;
    struct stat  old, new;

    for (done = 0; done < buf->len; /* void */) {
        n = write(fd, buf->data + done, buf->len - done);

        if (n == -1 && errno != EINTR) {
            return strerror(errno);
        }

        done += (n > 0) ? (size_t) n : 0;
    }

    if (doc->exists) {

        if (stat(doc->path, &old) == -1 || fstat(fd, &new) == -1) {
            return strerror(errno);
        }

        if ((old.st_uid != new.st_uid || old.st_gid != new.st_gid)
            && fchown(fd, old.st_uid, old.st_gid) == -1)
        {
            return "its owner cannot be kept by this user";
        }

        if (fchmod(fd, old.st_mode & 07777) == -1) {
            return strerror(errno);
        }
    }

    if (fsync(fd) == -1) {
        return strerror(errno);
    }

    return NULL;
}
