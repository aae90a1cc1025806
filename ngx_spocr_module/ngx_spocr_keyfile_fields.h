
/*
 * The fields of keys, tenants and plans, in a key file and in Redis.
 *
 * Layer 0, private to ngx_spocr_keyfile_entry.c and ngx_spocr_keyrecord.c.
 */

#ifndef _NGX_SPOCR_KEYFILE_FIELDS_H_INCLUDED_
#define _NGX_SPOCR_KEYFILE_FIELDS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile_entry.h"


#define NGX_SPOCR_KEY_NAME_MAX  128     /* characters of "name" */
#define NGX_SPOCR_META_MAX      1024    /* bytes of "meta" */

#define NGX_SPOCR_NAME_RULE                                                   \
    "1 to 64 of A-Z a-z 0-9 . _ : @ - with a letter or digit first, and not " \
    "a key's text"

/* where a field may stand */
#define NGX_SPOCR_IN_FILE    0x01
#define NGX_SPOCR_IN_RECORD  0x02
#define NGX_SPOCR_IN_BOTH    0x03


/*
 * What the fields of one entry are collected in; strings belong to the
 * values.  Zeroed up to named by ngx_spocr_fields_init().
 */

typedef struct {
    ngx_spocr_entry_t         *entry;
    ngx_spocr_key_t            key;         /* of a key, but for its tenant */
    ngx_str_t                  uid;         /* of a key */
    ngx_str_t                  plan;        /* of a tenant; "": none */
    const ngx_str_t           *self;        /* of a tenant or plan in Redis:
                                             * its uid or name */
    u_char                     flags;       /* of a key or tenant */
    unsigned                   in_key:1;    /* a uid's limit is refused */

    ngx_spocr_limits_set_t     limits;
    ngx_spocr_limits_named_t   named[NGX_SPOCR_NAMES_MAX];
} ngx_spocr_fields_t;


typedef struct {
    const char   *name;                     /* NULL: end of the table */
    ngx_int_t   (*set)(ngx_spocr_fields_t *fields, const char *name,
                       ngx_spocr_value_t *value);
    unsigned      in:2;                     /* where it is known */
    unsigned      required:1;
} ngx_spocr_field_t;


extern const ngx_spocr_field_t  ngx_spocr_key_fields[];
extern const ngx_spocr_field_t  ngx_spocr_tenant_fields[];
extern const ngx_spocr_field_t  ngx_spocr_plan_fields[];


void ngx_spocr_fields_init(ngx_spocr_fields_t *fields,
    ngx_spocr_entry_t *entry);

/*
 * Parses an entry's text, which is decoded in place, and collects its fields.
 * NGX_OK, or NGX_ERROR with the entry's *err filled.
 */
ngx_int_t ngx_spocr_fields_read(ngx_spocr_fields_t *fields,
    const ngx_spocr_field_t *known, u_char *text, size_t len);

/* The rule above. */
ngx_uint_t ngx_spocr_field_name_ok(const ngx_str_t *text);


/* Of the files that read fields, for each other: "limits"; */
ngx_int_t ngx_spocr_field_limits(ngx_spocr_fields_t *fields, const char *name,
    ngx_spocr_value_t *value);

/* a field that is passed over: NGX_OK; in a file it is an error; */
ngx_int_t ngx_spocr_field_unknown(ngx_spocr_fields_t *fields,
    const char *where, const ngx_str_t *name);

/* a name that could not be added: too many of them, or no memory. */
ngx_int_t ngx_spocr_field_names_full(ngx_spocr_fields_t *fields,
    const ngx_str_t *last, const char *what);


#endif /* _NGX_SPOCR_KEYFILE_FIELDS_H_INCLUDED_ */
