/*
 * The stored images: <data>/images/<first two characters>/<key>.  Called by
 * POST /upload, GET /images, the jobs, and what removes items.
 *
 * Invariant: an image is on the disk before its item is in the database, and
 * goes after it; so no item is without an image, and what a crash leaves over
 * is deleted at the next start.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ident.h"
#include "upload.h"


#define BE_KEY_CHARS  "abcdefghijklmnopqrstuvwxyz0123456789"


static int
be_image_error(const char *what)
{
    fprintf(stderr, "spocr-backend: images: %s: %s\n", what, strerror(errno));

    return -1;
}


int
be_image_path(const be_store_t *s, const char *key, char *out, size_t size)
{
    int  n;

    if (strlen(key) != BE_KEY_LEN || strspn(key, BE_KEY_CHARS) != BE_KEY_LEN) {
        return -1;
    }

    n = snprintf(out, size, "%s/images/%.2s/%s", be_store_dir(s), key, key);

    return n > 0 && (size_t) n < size ? 0 : -1;
}


static int
be_folder_sync(const char *path)
{
    int  fd, rc;

    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }

    rc = fsync(fd);
    close(fd);

    return rc;
}


int
be_image_keep(const be_store_t *s, const char *key, be_file_t *file)
{
    char  path[640], folder[600];

    snprintf(folder, sizeof(folder), "%s/images", be_store_dir(s));

    if (be_image_path(s, key, path, sizeof(path)) != 0
        || fsync(file->fd) != 0)
    {
        return be_image_error("fsync");
    }

    *strrchr(path, '/') = '\0';

    /* one that is there may be another thread's, who has yet to sync it */

    if ((mkdir(path, 0700) != 0 && errno != EEXIST)
        || be_folder_sync(folder) != 0)
    {
        return be_image_error("mkdir");
    }

    path[strlen(path)] = '/';

    if (rename(file->path, path) != 0) {
        return be_image_error("rename");
    }

    file->path[0] = '\0';
    close(file->fd);
    file->fd = -1;

    *strrchr(path, '/') = '\0';

    return be_folder_sync(path) != 0 ? be_image_error("fsync") : 0;
}


int
be_image_load(const be_store_t *s, const char *key, unsigned char **data,
    size_t *len)
{
    int           fd;
    char          path[640];
    size_t        at = 0;
    ssize_t       n = 0;
    struct stat   st;

    *data = NULL;
    *len = 0;

    if (be_image_path(s, key, path, sizeof(path)) != 0) {
        return -1;
    }

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return -1;
    }

    if (fstat(fd, &st) != 0 || st.st_size <= 0
        || (*data = malloc((size_t) st.st_size)) == NULL)
    {
        close(fd);
        return -1;
    }

    while (at < (size_t) st.st_size) {
        n = read(fd, *data + at, (size_t) st.st_size - at);

        if (n > 0) {
            at += (size_t) n;

        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }

    close(fd);

    if (at < (size_t) st.st_size) {
        free(*data);
        *data = NULL;
        return -1;
    }

    *len = at;

    return 0;
}


int
be_images_unlink(const be_store_t *s, const char *key)
{
    char  path[640];

    if (be_image_path(s, key, path, sizeof(path)) != 0) {
        return -1;
    }

    if (unlink(path) != 0 && errno != ENOENT) {
        return be_image_error("unlink");
    }

    return 0;
}


/* Whether an item has this image; also where the database does not say. */

static int
be_image_used(be_db_t *db, const char *key)
{
    int            rc;
    sqlite3_stmt  *st;

    st = be_sql(db, "SELECT 1 FROM item WHERE key = ?", "s", key);
    rc = be_step(db, st);

    if (rc > 0) {
        be_done(st);
    }

    return rc != 0;
}


/* Deletes the files of a folder: all (db is NULL), or those nobody has. */

static int
be_folder_sweep(const char *path, be_db_t *db)
{
    DIR            *d;
    struct dirent  *e;

    d = opendir(path);
    if (d == NULL) {
        return db != NULL && errno == ENOTDIR ? 0 : be_image_error(path);
    }

    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.' && (db == NULL || !be_image_used(db, e->d_name))
            && unlinkat(dirfd(d), e->d_name, 0) != 0)
        {
            (void) be_image_error(e->d_name);
        }
    }

    closedir(d);

    return 0;
}


int
be_images_sweep(be_store_t *s)
{
    int             rc = 0;
    DIR            *d;
    char            path[600], folder[900];
    be_db_t        *db;
    be_fault_t      f = { 0 };
    struct dirent  *e;

    snprintf(path, sizeof(path), "%s/spool", be_store_dir(s));

    if (be_folder_sweep(path, NULL) != 0) {
        return -1;
    }

    snprintf(path, sizeof(path), "%s/images", be_store_dir(s));
    d = opendir(path);

    if (d == NULL) {
        return be_image_error(path);
    }

    db = be_store_read(s, &f);

    if (db == NULL) {
        be_fault_free(&f);
        closedir(d);
        return -1;
    }

    while (rc == 0 && (e = readdir(d)) != NULL) {
        if (strlen(e->d_name) == 2 && e->d_name[0] != '.') {
            snprintf(folder, sizeof(folder), "%s/%s", path, e->d_name);
            rc = be_folder_sweep(folder, db);
        }
    }

    be_store_abort(db);
    closedir(d);

    return rc;
}
