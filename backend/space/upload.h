#ifndef BE_UPLOAD_H
#define BE_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "space/store.h"

#define BE_MAX_FILES   20
#define BE_MAX_UPLOAD  (401u * 1024 * 1024)      /* the whole body */

/* A file of a multipart body, on the disk in the store's spool. */
typedef struct {
    char      *name;             /* as the client calls it; "" */
    int64_t    size;
    int        fd;               /* open for reading and writing; owned */
    char       path[600];        /* in the spool; "" when it was moved away */
    unsigned char  digest[32];   /* SHA-256 */
} be_file_t;

/* A multipart/form-data body, while it comes and when it is there. */
typedef struct be_upload_s  be_upload_t;

struct be_upload_s {
    be_file_t  files[BE_MAX_FILES];
    int        nfiles;
    char      *path;             /* the field "path", or NULL */
    char      *wait;             /* the field "wait", or NULL */
    void      *state;            /* of the parser */
};

/*
 * Begins: content_type is the header's value.  NULL with the fault set.
 */
be_upload_t *be_upload_new(const be_store_t *s, const char *content_type,
    be_fault_t *f);

/* The next bytes of the body; 0, or -1 with the fault, and then no more. */
int be_upload_feed(be_upload_t *u, const char *data, size_t len,
    be_fault_t *f);

/* The body has ended: 0, or -1 where it is not whole. */
int be_upload_end(be_upload_t *u, be_fault_t *f);

/* Deletes what is still in the spool, closes, frees. */
void be_upload_free(be_upload_t *u);

/* 0 while more may be written beside the database, where fd is; else 503. */
int be_spool_room(int fd, be_fault_t *f);

/*
 * The stored images: <data>/images/<first two characters>/<key>.  The key
 * comes from the database or from be_key_new(); what does not look like one
 * is refused.  0, or -1.
 */
int be_image_path(const be_store_t *s, const char *key, char *out,
    size_t size);

/* Moves a file of the spool to its place, for good: both are on the disk when
 * this returns. */
int be_image_keep(const be_store_t *s, const char *key, be_file_t *file);

/* All of an image; *data is to be freed. */
int be_image_load(const be_store_t *s, const char *key,
    unsigned char **data, size_t *len);

/* After the transaction that removed its item; a missing file is no error. */
int be_images_unlink(const be_store_t *s, const char *key);

/* At start: empties the spool, deletes images that no item has. */
int be_images_sweep(be_store_t *s);

#endif
