
/*
 * The fields of a key file's entries.
 *
 * Layer 0, private to ngx_spocr_keyfile_entry.c.
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


/*
 * What the fields of one entry are collected in; strings belong to the
 * values.  Zeroed up to named by the caller.
 */

typedef struct {
    ngx_spocr_entry_t         *entry;
    ngx_spocr_key_t            key;         /* of a key */
    ngx_spocr_plan_t          *plan;        /* of a tenant */
    u_char                     flags;       /* of a key or tenant */
    unsigned                   in_key:1;    /* a uid's limit is refused */

    ngx_spocr_limits_set_t     limits;
    ngx_spocr_limits_named_t   named[NGX_SPOCR_NAMES_MAX];
} ngx_spocr_fields_t;


typedef struct {
    const char   *name;                     /* NULL: end of the table */
    ngx_int_t   (*set)(ngx_spocr_fields_t *fields, const char *name,
                       ngx_spocr_value_t *value);
    unsigned      required:1;
} ngx_spocr_field_t;


extern const ngx_spocr_field_t  ngx_spocr_key_fields[];
extern const ngx_spocr_field_t  ngx_spocr_tenant_fields[];
extern const ngx_spocr_field_t  ngx_spocr_plan_fields[];


/* The rule above. */
ngx_uint_t ngx_spocr_field_name_ok(const ngx_str_t *text);


#endif /* _NGX_SPOCR_KEYFILE_FIELDS_H_INCLUDED_ */
