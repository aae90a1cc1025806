
/*
 * The key file as a document: doc.c.
 */

#ifndef SPOCRCTL_DOC_H
#define SPOCRCTL_DOC_H


#include "ctl.h"


/* A key file in memory: its JSON, and the table that it makes. */

typedef struct {
    const char         *given;      /* the path as the user wrote it */
    char               *path;       /* of the file itself, links resolved */
    int                 dir;        /* descriptor, locked; -1: reading only */
    json_t             *root;
    json_t             *plans;      /* NULL: absent */
    json_t             *tenants;
    json_t             *keys;
    ngx_spocr_keys_t   *table;
    bool                exists;
} ctl_doc_t;


/* Where it is; and, for a change, the lock of the folder. */
void ctl_doc_resolve(ctl_doc_t *doc, const ctl_opts_t *opts);
void ctl_doc_lock(ctl_doc_t *doc, const ctl_opts_t *opts);

/* The file's text; false: there is no file. */
bool ctl_doc_load(ctl_doc_t *doc, ctl_buffer_t *buf);

/*
 * The gateway's own check.  Ends the program with what nginx -t would say,
 * and with the code, of which CTL_USAGE is about what the user wants.
 */
ngx_spocr_keys_t *ctl_doc_check(const ctl_doc_t *doc, const ctl_buffer_t *buf,
    int code);

/* The JSON of a text that was checked. */
void ctl_doc_parse(ctl_doc_t *doc, const ctl_buffer_t *buf);

/* Checks root, with the code of a failure, and replaces the file. */
void ctl_doc_save(ctl_doc_t *doc, int code);


#endif /* SPOCRCTL_DOC_H */
