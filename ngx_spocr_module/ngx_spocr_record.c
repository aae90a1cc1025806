
/*
 * Records of answers; written and read by the idempotency step.
 *
 * Invariant: a record that cannot be read back is not written, and what was
 * read holds nothing that could break an answer's header apart.
 *
 *     version[1] status[2] request id[36]
 *     headers[2] { name[2] value[2] name value }
 *     body[4] body
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_id.h"
#include "ngx_spocr_record.h"
#include "ngx_spocr_record_seal.h"


#define NGX_SPOCR_RECORD_VERSION   1
#define NGX_SPOCR_RECORD_FIXED     (1 + 2 + NGX_SPOCR_ID_LEN + 2 + 4)
#define NGX_SPOCR_RECORD_NAME_MAX  128
#define NGX_SPOCR_RECORD_BODY_MAX  (1024 * 1024 * 1024)


/* what is left of a text */

typedef struct {
    u_char  *pos;
    u_char  *last;
} ngx_spocr_record_cursor_t;


static ngx_uint_t ngx_spocr_record_valid(const ngx_spocr_record_t *record);
static ngx_uint_t ngx_spocr_record_header_valid(
    const ngx_spocr_record_header_t *header);
static u_char *ngx_spocr_record_number(u_char *dst, size_t value,
    ngx_uint_t bytes);
static void ngx_spocr_record_text(const ngx_spocr_record_t *record, u_char *p);
static ngx_int_t ngx_spocr_record_parse(ngx_spocr_record_t *record,
    const ngx_str_t *text);
static ngx_int_t ngx_spocr_record_take(ngx_spocr_record_cursor_t *cursor,
    ngx_uint_t bytes, size_t *value);
static ngx_int_t ngx_spocr_record_string(ngx_spocr_record_cursor_t *cursor,
    size_t len, ngx_str_t *string);


/* RFC 9110, 5.6.2 */

static const u_char  ngx_spocr_record_token[256] = {
    ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['!'] = 1,
    ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1,
    ['+'] = 1, ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1,
    ['|'] = 1, ['~'] = 1
};


size_t
ngx_spocr_record_size(const ngx_spocr_record_t *record,
    const ngx_spocr_secrets_t *secrets)
{
    size_t      size;
    ngx_uint_t  i;

    if (!ngx_spocr_record_valid(record)) {
        return 0;
    }

    size = ngx_spocr_record_around(secrets) + NGX_SPOCR_RECORD_FIXED
           + record->body.len;

    for (i = 0; i < record->nheaders; i++) {
        size += 4 + record->headers[i].name.len + record->headers[i].value.len;
    }

    return size;
}


static ngx_uint_t
ngx_spocr_record_valid(const ngx_spocr_record_t *record)
{
    size_t                            total;
    ngx_uint_t                        i;
    const ngx_spocr_record_header_t  *header;

    if (record->status < 200 || record->status > 399
        || record->nheaders > NGX_SPOCR_RECORD_HEADERS_MAX
        || record->body.len > NGX_SPOCR_RECORD_BODY_MAX
        || record->request_id.len != NGX_SPOCR_ID_LEN
        || memcmp(record->request_id.data, "req_", 4) != 0)
    {
        return 0;
    }

    for (i = 4; i < NGX_SPOCR_ID_LEN; i++) {
        if ((record->request_id.data[i] < '0'
             || record->request_id.data[i] > '9')
            && (record->request_id.data[i] < 'a'
                || record->request_id.data[i] > 'f'))
        {
            return 0;
        }
    }

    total = 0;

    for (i = 0; i < record->nheaders; i++) {
        header = &record->headers[i];

        if (header->value.len > NGX_SPOCR_RECORD_HEAD_MAX
            || !ngx_spocr_record_header_valid(header))
        {
            return 0;
        }

        total += header->name.len + header->value.len;
    }

    return total <= NGX_SPOCR_RECORD_HEAD_MAX;
}


static ngx_uint_t
ngx_spocr_record_header_valid(const ngx_spocr_record_header_t *header)
{
    u_char  ch;
    size_t  i;

    if (header->name.len == 0 || header->name.len > NGX_SPOCR_RECORD_NAME_MAX)
    {
        return 0;
    }

    for (i = 0; i < header->name.len; i++) {
        if (!ngx_spocr_record_token[header->name.data[i]]) {
            return 0;
        }
    }

    for (i = 0; i < header->value.len; i++) {
        ch = header->value.data[i];

        if ((ch < 0x20 && ch != '\t') || ch == 0x7f) {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_spocr_record_write(const ngx_spocr_record_t *record,
    const ngx_spocr_secrets_t *secrets, const ngx_spocr_record_owner_t *owner,
    u_char *dst)
{
    size_t  size;

    size = ngx_spocr_record_size(record, secrets);

    if (size == 0) {
        return NGX_ERROR;
    }

    ngx_spocr_record_text(record, dst + ngx_spocr_record_before(secrets));

    return ngx_spocr_record_close(secrets, owner, dst,
                                  size - ngx_spocr_record_around(secrets));
}


static void
ngx_spocr_record_text(const ngx_spocr_record_t *record, u_char *p)
{
    ngx_uint_t                        i;
    const ngx_spocr_record_header_t  *header;

    *p++ = NGX_SPOCR_RECORD_VERSION;
    p = ngx_spocr_record_number(p, record->status, 2);
    p = ngx_cpymem(p, record->request_id.data, NGX_SPOCR_ID_LEN);
    p = ngx_spocr_record_number(p, record->nheaders, 2);

    for (i = 0; i < record->nheaders; i++) {
        header = &record->headers[i];

        p = ngx_spocr_record_number(p, header->name.len, 2);
        p = ngx_spocr_record_number(p, header->value.len, 2);
        p = ngx_cpymem(p, header->name.data, header->name.len);

        if (header->value.len) {
            p = ngx_cpymem(p, header->value.data, header->value.len);
        }
    }

    p = ngx_spocr_record_number(p, record->body.len, 4);

    if (record->body.len) {
        ngx_memcpy(p, record->body.data, record->body.len);
    }
}


static u_char *
ngx_spocr_record_number(u_char *dst, size_t value, ngx_uint_t bytes)
{
    ngx_uint_t  i;

    for (i = bytes; i > 0; i--) {
        dst[i - 1] = (u_char) (value & 0xff);
        value >>= 8;
    }

    return dst + bytes;
}


ngx_int_t
ngx_spocr_record_read(ngx_spocr_record_t *record,
    const ngx_spocr_secrets_t *secrets, const ngx_spocr_record_owner_t *owner,
    const u_char *data, size_t len, u_char *room, const char **reason)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    ngx_memzero(record, sizeof(ngx_spocr_record_t));

    rc = ngx_spocr_record_open(secrets, owner, data, len, room, &text, reason);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_spocr_record_parse(record, &text) != NGX_OK) {
        *reason = "its text is malformed";

    } else if (!ngx_spocr_record_valid(record)) {
        *reason = "its text is not of an answer that is stored";

    } else {
        *reason = NULL;
        return NGX_OK;
    }

    ngx_memzero(record, sizeof(ngx_spocr_record_t));

    return NGX_DECLINED;
}


static ngx_int_t
ngx_spocr_record_parse(ngx_spocr_record_t *record, const ngx_str_t *text)
{
    size_t                      n, name, value;
    ngx_uint_t                  i;
    ngx_spocr_record_cursor_t   cursor;
    ngx_spocr_record_header_t  *header;

    cursor.pos = text->data;
    cursor.last = text->data + text->len;

    if (ngx_spocr_record_take(&cursor, 1, &n) != NGX_OK
        || n != NGX_SPOCR_RECORD_VERSION
        || ngx_spocr_record_take(&cursor, 2, &n) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    record->status = n;

    if (ngx_spocr_record_string(&cursor, NGX_SPOCR_ID_LEN, &record->request_id)
        != NGX_OK
        || ngx_spocr_record_take(&cursor, 2, &n) != NGX_OK
        || n > NGX_SPOCR_RECORD_HEADERS_MAX)
    {
        return NGX_DECLINED;
    }

    record->nheaders = n;

    for (i = 0; i < n; i++) {
        header = &record->headers[i];

        if (ngx_spocr_record_take(&cursor, 2, &name) != NGX_OK
            || ngx_spocr_record_take(&cursor, 2, &value) != NGX_OK
            || ngx_spocr_record_string(&cursor, name, &header->name) != NGX_OK
            || ngx_spocr_record_string(&cursor, value, &header->value)
               != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    if (ngx_spocr_record_take(&cursor, 4, &n) != NGX_OK
        || ngx_spocr_record_string(&cursor, n, &record->body) != NGX_OK
        || cursor.pos != cursor.last)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_record_take(ngx_spocr_record_cursor_t *cursor, ngx_uint_t bytes,
    size_t *value)
{
    if ((size_t) (cursor->last - cursor->pos) < bytes) {
        return NGX_DECLINED;
    }

    for (*value = 0; bytes; bytes--) {
        *value = (*value << 8) | *cursor->pos++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_record_string(ngx_spocr_record_cursor_t *cursor, size_t len,
    ngx_str_t *string)
{
    if ((size_t) (cursor->last - cursor->pos) < len) {
        return NGX_DECLINED;
    }

    string->data = cursor->pos;
    string->len = len;
    cursor->pos += len;

    return NGX_OK;
}
