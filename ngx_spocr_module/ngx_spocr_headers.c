
/*
 * Operations on lists of headers, for the parts that write requests to
 * backends and answers to clients.  Invariant: an element never moves, so
 * that the pointers which nginx keeps in headers_in stay right.
 */


#include "ngx_spocr_headers.h"


static ngx_uint_t ngx_spocr_header_same(ngx_table_elt_t *h, void *data);


void
ngx_spocr_header_set(ngx_table_elt_t *h, const ngx_spocr_header_name_t *name,
    const ngx_str_t *value)
{
    h->hash = name->hash;
    h->key = name->name;
    h->value = *value;
    h->lowcase_key = name->lower.data;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
}


ngx_table_elt_t *
ngx_spocr_header_add(ngx_list_t *list, const ngx_spocr_header_name_t *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(list);
    if (h == NULL) {
        return NULL;
    }

    ngx_spocr_header_set(h, name, value);

    return h;
}


ngx_int_t
ngx_spocr_header_replace(ngx_list_t *list,
    const ngx_spocr_header_name_t *name, const ngx_str_t *value)
{
    ngx_table_elt_t           *h, *own;
    ngx_spocr_headers_walk_t   walk;

    own = NULL;
    ngx_spocr_headers_begin(&walk, list);

    while ((h = ngx_spocr_headers_next(&walk)) != NULL) {
        if (h->hash == 0
            || h->key.len != name->name.len
            || ngx_strncasecmp(h->key.data, name->name.data,
                               name->name.len)
               != 0)
        {
            continue;
        }

        h->hash = 0;
        own = h;
    }

    if (own) {
        ngx_spocr_header_set(own, name, value);
        return NGX_OK;
    }

    return ngx_spocr_header_add(list, name, value) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_spocr_headers_unshare(ngx_pool_t *pool, ngx_list_t *list)
{
    ngx_list_part_t  *part, *copy;

    for (part = &list->part; part->next; part = copy) {

        copy = ngx_palloc(pool, sizeof(ngx_list_part_t));
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = *part->next;
        part->next = copy;
    }

    list->last = part;

    /* the memory behind the last part's elements is the parent's to write */

    if (part->nelts) {
        list->nalloc = part->nelts;
    }

    return NGX_OK;
}


ngx_int_t
ngx_spocr_headers_filter(ngx_pool_t *pool, ngx_list_t *list,
    ngx_spocr_unwanted_pt unwanted, void *data)
{
    ngx_uint_t        i, left, removed;
    ngx_list_part_t  *part, *prev, *rest;
    ngx_table_elt_t  *h;

    removed = 0;
    prev = NULL;
    part = &list->part;

    do {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!unwanted(&h[i], data)) {
                continue;
            }

            removed = 1;
            left = part->nelts - i - 1;
            part->nelts = i;

            if (left == 0) {
                break;
            }

            /* what stands behind the element becomes a part of its own */

            rest = ngx_palloc(pool, sizeof(ngx_list_part_t));
            if (rest == NULL) {
                return NGX_ERROR;
            }

            rest->elts = &h[i + 1];
            rest->nelts = left;
            rest->next = part->next;
            part->next = rest;

            break;
        }

        /* who walks a list expects that no part but the first is empty */

        if (part->nelts == 0 && prev) {
            prev->next = part->next;

        } else {
            prev = part;
        }

        part = part->next;

    } while (part);

    /*
     * ngx_list_push() writes behind the last part's elements unless they are
     * exactly nalloc, and there may be no memory of that part now.  With as
     * many as there are it opens a new part, of that size.
     */

    list->last = prev;

    if (removed && prev->nelts) {
        list->nalloc = prev->nelts;
    }

    return NGX_OK;
}


ngx_int_t
ngx_spocr_header_remove(ngx_pool_t *pool, ngx_list_t *list,
    ngx_table_elt_t *h)
{
    return ngx_spocr_headers_filter(pool, list, ngx_spocr_header_same, h);
}


static ngx_uint_t
ngx_spocr_header_same(ngx_table_elt_t *h, void *data)
{
    return h == data;
}


ngx_uint_t
ngx_spocr_header_begins(const u_char *lower, size_t len, const char *prefix,
    size_t prefix_len)
{
    size_t  i;

    if (len < prefix_len) {
        return 0;
    }

    for (i = 0; i < prefix_len; i++) {
        if (lower[i] != (u_char) prefix[i]
            && !(lower[i] == '_' && prefix[i] == '-'))
        {
            return 0;
        }
    }

    return 1;
}
