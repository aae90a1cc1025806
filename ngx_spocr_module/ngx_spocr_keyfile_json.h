
/*
 * JSON (RFC 8259) of one entry of a key file: a small tree over its text.
 *
 * jansson takes a second for 100,000 keys, most of it in allocations; this
 * one decodes strings where they stand and takes values from an array.
 *
 * Layer 0, private to the key file's reader.
 */

#ifndef _NGX_SPOCR_KEYFILE_JSON_H_INCLUDED_
#define _NGX_SPOCR_KEYFILE_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_SPOCR_VALUES_MAX  2048
#define NGX_SPOCR_DEPTH_MAX   64


typedef enum {
    NGX_SPOCR_NULL = 0,
    NGX_SPOCR_BOOLEAN,
    NGX_SPOCR_INTEGER,
    NGX_SPOCR_REAL,                     /* its value is not kept */
    NGX_SPOCR_STRING,
    NGX_SPOCR_ARRAY,
    NGX_SPOCR_OBJECT
} ngx_spocr_value_e;


typedef struct ngx_spocr_value_s  ngx_spocr_value_t;

struct ngx_spocr_value_s {
    ngx_spocr_value_e    type;
    ngx_str_t            name;          /* of a member of an object */
    ngx_str_t            text;          /* of a string */
    int64_t              integer;
    size_t               size;          /* bytes of source, but for space */
    ngx_spocr_value_t   *child;         /* of an array or object */
    ngx_spocr_value_t   *next;
};


typedef struct {
    u_char              *pos;
    u_char              *last;
    ngx_uint_t           line;          /* of pos */
    size_t               size;          /* bytes taken, but for space */

    const char          *error;         /* why it was refused */
    ngx_str_t            twice;         /* the name that stands twice */

    ngx_uint_t           depth;         /* open brackets */
    ngx_uint_t           nvalues;
    ngx_spocr_value_t    values[NGX_SPOCR_VALUES_MAX];
} ngx_spocr_parser_t;


/*
 * One value that fills the text.  Names and strings are decoded in place and
 * end with a NUL; they, and the values, last until the next call.  NULL: error
 * and line say what is wrong where, and twice which name, if any.
 */
ngx_spocr_value_t *ngx_spocr_value_parse(ngx_spocr_parser_t *parser,
    u_char *text, size_t len, ngx_uint_t line);

/*
 * The string whose quote is at pos, for the parser's own use: decoded in
 * place, with a NUL.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_json_string(ngx_spocr_parser_t *parser, ngx_str_t *str);

/* Sets the error.  Always NGX_ERROR. */
ngx_int_t ngx_spocr_json_fail(ngx_spocr_parser_t *parser, const char *error);

/* A member of an object, or NULL. */
ngx_spocr_value_t *ngx_spocr_value_member(const ngx_spocr_value_t *object,
    const char *name);


#endif /* _NGX_SPOCR_KEYFILE_JSON_H_INCLUDED_ */
