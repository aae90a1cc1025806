
/*
 * Lists of headers, request's and response's alike: add, replace, remove.
 *
 * Layer 1: core headers of nginx only.
 */

#ifndef _NGX_SPOCR_HEADERS_H_INCLUDED_
#define _NGX_SPOCR_HEADERS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * A header's name as both filters and variables want it.  lower is the name
 * in lower case, hash its ngx_hash_key().
 */
typedef struct {
    ngx_str_t    name;
    ngx_str_t    lower;
    ngx_uint_t   hash;
} ngx_spocr_header_name_t;


/* A walk over a list; the list must not change meanwhile. */
typedef struct {
    const ngx_list_part_t  *part;
    ngx_uint_t              i;
} ngx_spocr_headers_walk_t;


static ngx_inline void
ngx_spocr_headers_begin(ngx_spocr_headers_walk_t *walk, const ngx_list_t *list)
{
    walk->part = &list->part;
    walk->i = 0;
}


/* The next element, hidden ones included; NULL at the end. */

static ngx_inline ngx_table_elt_t *
ngx_spocr_headers_next(ngx_spocr_headers_walk_t *walk)
{
    while (walk->part) {

        if (walk->i < walk->part->nelts) {
            return (ngx_table_elt_t *) walk->part->elts + walk->i++;
        }

        walk->part = walk->part->next;
        walk->i = 0;
    }

    return NULL;
}


/*
 * Fills an element with a name and a value; neither is copied.  Whatever the
 * element was, it is then this header.
 */
void ngx_spocr_header_set(ngx_table_elt_t *h,
    const ngx_spocr_header_name_t *name, const ngx_str_t *value);

/* Adds a header; NULL when memory is out.  Nothing is copied. */
ngx_table_elt_t *ngx_spocr_header_add(ngx_list_t *list,
    const ngx_spocr_header_name_t *name, const ngx_str_t *value);

/*
 * Sets a header of an answer, in the place of one of that name where there
 * is one; any others of the name are hidden.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_header_replace(ngx_list_t *list,
    const ngx_spocr_header_name_t *name, const ngx_str_t *value);

/*
 * Gives a subrequest's list, which begins as a copy of its parent's, parts of
 * its own.  The elements stay shared.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_headers_unshare(ngx_pool_t *pool, ngx_list_t *list);

/*
 * Takes the elements that unwanted() names out of a request's list, in one
 * walk and without moving any other, since nginx keeps pointers to them.
 * Pushing to the list is safe afterwards.  NGX_OK, or NGX_ERROR when memory
 * is out.
 */
typedef ngx_uint_t (*ngx_spocr_unwanted_pt)(ngx_table_elt_t *h, void *data);

ngx_int_t ngx_spocr_headers_filter(ngx_pool_t *pool, ngx_list_t *list,
    ngx_spocr_unwanted_pt unwanted, void *data);

/* The same for one element. */
ngx_int_t ngx_spocr_header_remove(ngx_pool_t *pool, ngx_list_t *list,
    ngx_table_elt_t *h);

/*
 * Whether a name, in lower case, begins with prefix when "_" is read as "-",
 * as CGI and its successors read it.
 */
ngx_uint_t ngx_spocr_header_begins(const u_char *lower, size_t len,
    const char *prefix, size_t prefix_len);


#endif /* _NGX_SPOCR_HEADERS_H_INCLUDED_ */
