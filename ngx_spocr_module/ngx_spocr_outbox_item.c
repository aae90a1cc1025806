
/*
 * An item <-> bytes, as it lies in the zone.
 *
 *     head       what it is and how many strings follow
 *     lengths    uint32_t each: slot, keys, arguments
 *     strings
 *
 * Invariant: bytes are not trusted: the zone may be older than this release.
 */


#include "ngx_spocr_outbox_entry.h"


#define NGX_SPOCR_OUTBOX_VERSION  0x53504f31

#define NGX_SPOCR_OUTBOX_STRINGS                                              \
    (1 + NGX_SPOCR_OUTBOX_KEYS_MAX + NGX_SPOCR_OUTBOX_ARGS_MAX)


typedef struct {
    uint32_t    version;
    uint8_t     function;
    uint8_t     nkeys;
    uint8_t     nargs;
    uint8_t     zero;
} ngx_spocr_outbox_head_t;


static ngx_uint_t ngx_spocr_outbox_strings(const ngx_spocr_outbox_item_t *item,
    ngx_str_t strings[NGX_SPOCR_OUTBOX_STRINGS]);


size_t
ngx_spocr_outbox_item_size(const ngx_spocr_outbox_item_t *item)
{
    size_t      len;
    ngx_uint_t  i, n;
    ngx_str_t   strings[NGX_SPOCR_OUTBOX_STRINGS];

    if (item->nkeys > NGX_SPOCR_OUTBOX_KEYS_MAX
        || item->nargs > NGX_SPOCR_OUTBOX_ARGS_MAX)
    {
        return 0;
    }

    n = ngx_spocr_outbox_strings(item, strings);

    len = sizeof(ngx_spocr_outbox_head_t) + n * sizeof(uint32_t);

    for (i = 0; i < n; i++) {
        if (strings[i].len > NGX_MAX_INT32_VALUE) {
            return 0;
        }

        len += strings[i].len;
    }

    return len;
}


void
ngx_spocr_outbox_item_write(const ngx_spocr_outbox_item_t *item, u_char *p)
{
    uint32_t                  len;
    ngx_uint_t                i, n;
    ngx_str_t                 strings[NGX_SPOCR_OUTBOX_STRINGS];
    ngx_spocr_outbox_head_t   head;

    n = ngx_spocr_outbox_strings(item, strings);

    head.version = NGX_SPOCR_OUTBOX_VERSION;
    head.function = (uint8_t) item->function;
    head.nkeys = (uint8_t) item->nkeys;
    head.nargs = (uint8_t) item->nargs;
    head.zero = 0;

    p = ngx_cpymem(p, &head, sizeof(head));

    for (i = 0; i < n; i++) {
        len = (uint32_t) strings[i].len;
        p = ngx_cpymem(p, &len, sizeof(len));
    }

    for (i = 0; i < n; i++) {

        /* an empty one may be of no memory at all */

        if (strings[i].len) {
            p = ngx_cpymem(p, strings[i].data, strings[i].len);
        }
    }
}


ngx_int_t
ngx_spocr_outbox_item_read(ngx_spocr_outbox_item_t *item, u_char *bytes,
    size_t len)
{
    u_char                   *p, *end;
    uint32_t                  length;
    ngx_uint_t                i, n;
    ngx_str_t                 strings[NGX_SPOCR_OUTBOX_STRINGS];
    ngx_spocr_outbox_head_t   head;

    if (len < sizeof(head)) {
        return NGX_ERROR;
    }

    ngx_memcpy(&head, bytes, sizeof(head));

    if (head.version != NGX_SPOCR_OUTBOX_VERSION
        || head.function > NGX_SPOCR_OUTBOX_UNCLAIM
        || head.nkeys > NGX_SPOCR_OUTBOX_KEYS_MAX
        || head.nargs > NGX_SPOCR_OUTBOX_ARGS_MAX)
    {
        return NGX_ERROR;
    }

    n = 1 + head.nkeys + head.nargs;

    if (len - sizeof(head) < n * sizeof(uint32_t)) {
        return NGX_ERROR;
    }

    p = bytes + sizeof(head) + n * sizeof(uint32_t);
    end = bytes + len;

    for (i = 0; i < n; i++) {
        ngx_memcpy(&length, bytes + sizeof(head) + i * sizeof(uint32_t),
                   sizeof(uint32_t));

        if (length > (size_t) (end - p)) {
            return NGX_ERROR;
        }

        strings[i].data = p;
        strings[i].len = length;
        p += length;
    }

    if (p != end) {
        return NGX_ERROR;
    }

    item->function = (ngx_spocr_outbox_function_e) head.function;
    item->slot = strings[0];
    item->nkeys = head.nkeys;
    item->nargs = head.nargs;
    item->ttl = 0;

    ngx_memcpy(item->keys, strings + 1, head.nkeys * sizeof(ngx_str_t));
    ngx_memcpy(item->args, strings + 1 + head.nkeys,
               head.nargs * sizeof(ngx_str_t));

    return NGX_OK;
}


/* All strings of an item, in their order. */

static ngx_uint_t
ngx_spocr_outbox_strings(const ngx_spocr_outbox_item_t *item,
    ngx_str_t strings[NGX_SPOCR_OUTBOX_STRINGS])
{
    ngx_uint_t  i, n;

    n = 0;
    strings[n++] = item->slot;

    for (i = 0; i < item->nkeys; i++) {
        strings[n++] = item->keys[i];
    }

    for (i = 0; i < item->nargs; i++) {
        strings[n++] = item->args[i];
    }

    return n;
}
