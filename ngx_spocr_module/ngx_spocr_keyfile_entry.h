
/*
 * One entry of a key file, as text, to a record of the table.
 *
 * Layer 0, private to ngx_spocr_keyfile.c and ngx_spocr_keyrecord.c, which
 * reads the same entries one by one, as Redis has them.
 */

#ifndef _NGX_SPOCR_KEYFILE_ENTRY_H_INCLUDED_
#define _NGX_SPOCR_KEYFILE_ENTRY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile.h"
#include "ngx_spocr_keyfile_json.h"


#define NGX_SPOCR_QUOTE_MAX  72


typedef struct {
    ngx_spocr_keys_t            *keys;        /* of a file: what is read goes
                                               * there; else only its names of
                                               * scopes and limits count */
    ngx_spocr_parser_t          *parser;
    ngx_spocr_keyfile_error_t   *err;

    unsigned                     record:1;    /* from Redis: what is not known
                                               * is passed over */
    unsigned                     unknown:1;   /* and that was done; *err says
                                               * with what */

    ngx_uint_t                   line;        /* where the entry begins */

    /* for messages: keys[3] (key_abc), tenants["u_acme"] */
    const char                  *list;        /* NULL: not in a list */
    const ngx_str_t             *member;      /* NULL: an array */
    ngx_uint_t                   number;
    ngx_str_t                    id;          /* of a key, once it is known */
} ngx_spocr_entry_t;


/*
 * Each parses the text, which is decoded in place, and adds the record.
 * NGX_OK, or NGX_ERROR with *err filled.  Line and place are set by the
 * caller.
 */
ngx_int_t ngx_spocr_entry_key(ngx_spocr_entry_t *entry, u_char *text,
    size_t len);
ngx_int_t ngx_spocr_entry_tenant(ngx_spocr_entry_t *entry,
    const ngx_str_t *uid, u_char *text, size_t len);
ngx_int_t ngx_spocr_entry_plan(ngx_spocr_entry_t *entry,
    const ngx_str_t *name, u_char *text, size_t len);

/*
 * A string of the file in a message: quotes around it, 60 characters at most,
 * nothing but ASCII, and what follows "spocr_" is left out, as it may be a
 * key's text.  buf has NGX_SPOCR_QUOTE_MAX bytes.
 */
const char *ngx_spocr_entry_quote(char *buf, const ngx_str_t *text);

/* Fills *err: the place and the reason.  Always NGX_ERROR. */
__attribute__((format(printf, 2, 3)))
ngx_int_t ngx_spocr_entry_fail(const ngx_spocr_entry_t *entry,
    const char *fmt, ...);


#endif /* _NGX_SPOCR_KEYFILE_ENTRY_H_INCLUDED_ */
