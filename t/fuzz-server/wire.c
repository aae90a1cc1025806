/*
 * An answer of HTTP/1.1, as its receiver reads it: what nginx sent to a client,
 * and what the backend sent to nginx.  Strict, and independent of nginx's own
 * parsers.
 */


#include "fz.h"
#include <ctype.h>


/* The first header of a name; how many there are. */

ngx_uint_t
fz_wire_header(const u_char *head, const u_char *end, const char *name,
    ngx_str_t *value)
{
    size_t         len;
    ngx_uint_t     n;
    const u_char  *p, *line;

    n = 0;
    len = strlen(name);

    for (line = head; line < end; line = p + 1) {

        p = memchr(line, '\n', (size_t) (end - line));

        if (p == NULL) {
            break;
        }

        if ((size_t) (p - line) <= len || line[len] != ':'
            || ngx_strncasecmp((u_char *) line, (u_char *) name, len) != 0
            || n++)
        {
            continue;
        }

        value->data = (u_char *) line + len + 1;
        value->len = (size_t) (p - value->data);

        while (value->len && *value->data == ' ') {
            value->data++;
            value->len--;
        }

        while (value->len && (value->data[value->len - 1] == '\r'
                              || value->data[value->len - 1] == ' '))
        {
            value->len--;
        }
    }

    return n;
}


static ngx_uint_t
fz_wire_is_id(const ngx_str_t *id)
{
    size_t  i;

    if (id->len != FZ_ID_LEN || memcmp(id->data, "req_", 4) != 0) {
        return 0;
    }

    for (i = 4; i < FZ_ID_LEN; i++) {
        if (!strchr("0123456789abcdef", id->data[i])) {
            return 0;
        }
    }

    return 1;
}


static void
fz_wire_headers(fz_answer_t *answer, const u_char *head, const u_char *end)
{
    ngx_str_t   value;
    ngx_uint_t  n;

    answer->ids = fz_wire_header(head, end, "X-Request-Id", &value);
    answer->well = answer->ids && fz_wire_is_id(&value);

    if (answer->well) {
        memcpy(answer->id, value.data, FZ_ID_LEN);
    }

    answer->replay = fz_wire_header(head, end, "X-Idempotent-Replay", &value)
                     && value.len == 4;

    if (fz_wire_header(head, end, "X-Idempotent-Original-Request-Id", &value)
        && fz_wire_is_id(&value))
    {
        memcpy(answer->original, value.data, FZ_ID_LEN);
    }

    answer->json = fz_wire_header(head, end, "Content-Type", &value)
                   && value.len >= 16
                   && memcmp(value.data, "application/json", 16) == 0;
    answer->encoded = fz_wire_header(head, end, "Content-Encoding", &value)
                      && value.len;
    answer->accel = ngx_strlcasestrn((u_char *) head, (u_char *) end,
                                     (u_char *) "x-accel-", 7) != NULL;

    n = fz_wire_header(head, end, "Transfer-Encoding", &value);
    answer->chunked = n > 0;
    answer->plain = n == 0 || (n == 1 && value.len == 7
                               && memcmp(value.data, "chunked", 7) == 0);

    answer->length = -1;
    n = fz_wire_header(head, end, "Content-Length", &value);

    if (n) {
        answer->length = ngx_atoof(value.data, value.len);
        answer->plain &= n == 1 && !answer->chunked && answer->length >= 0;
    }
}


/* A body in chunks; trailers are skipped. */

ngx_int_t
fz_wire_chunks(fz_answer_t *answer, const fz_bytes_t *bytes, size_t *at)
{
    off_t          size;
    u_char        *digits, *p;
    const u_char  *end, *line;

    end = bytes->data + bytes->len;

    for ( ;; ) {
        digits = bytes->data + *at;
        line = *at < bytes->len ? memchr(digits, '\n',
                                         (size_t) (end - digits)) : NULL;
        if (line == NULL) {
            return NGX_AGAIN;
        }

        for (p = digits; p < line && isxdigit(*p); p++) { /* void */ }

        size = ngx_hextoi(digits, (size_t) (p - digits));

        if (size < 0 || (*p != '\r' && *p != '\n' && *p != ';' && *p != ' '
                         && *p != '\t'))
        {
            return NGX_ERROR;
        }

        *at = (size_t) (line + 1 - bytes->data);

        if (size == 0) {
            break;
        }

        if (bytes->len - *at < (size_t) size) {
            fz_append(&answer->body, bytes->data + *at, bytes->len - *at);
            *at = bytes->len;
            return NGX_AGAIN;
        }

        fz_append(&answer->body, bytes->data + *at, (size_t) size);
        *at += (size_t) size;

        if (*at < bytes->len && bytes->data[*at] == '\r') {
            (*at)++;
        }

        if (*at >= bytes->len) {
            return NGX_AGAIN;
        }

        if (bytes->data[(*at)++] != '\n') {
            return NGX_ERROR;
        }
    }

    for ( ;; ) {
        line = *at < bytes->len ? memchr(bytes->data + *at, '\n',
                                         bytes->len - *at) : NULL;
        if (line == NULL) {
            return NGX_AGAIN;
        }

        size = line - (bytes->data + *at);
        p = bytes->data + *at;
        *at = (size_t) (line + 1 - bytes->data);

        if (size == 0 || (size == 1 && *p == '\r')) {
            return NGX_OK;
        }
    }
}


static ngx_int_t
fz_wire_body(fz_answer_t *answer, const fz_bytes_t *bytes, size_t *at,
    ngx_uint_t head, ngx_uint_t eof)
{
    size_t     n;
    ngx_int_t  rc;

    if (head || answer->status == 204 || answer->status == 304) {
        answer->complete = 1;
        return NGX_OK;
    }

    if (answer->chunked) {
        rc = fz_wire_chunks(answer, bytes, at);
        answer->complete = rc == NGX_OK;
        return rc;
    }

    n = bytes->len - *at;

    if (answer->length >= 0) {
        n = ngx_min(n, (size_t) answer->length);
    }

    fz_append(&answer->body, bytes->data + *at, n);
    *at += n;

    if (answer->length >= 0) {
        answer->complete = n == (size_t) answer->length;
        return answer->complete ? NGX_OK : NGX_AGAIN;
    }

    answer->closes = 1;
    answer->complete = eof ? 1 : 0;

    return eof ? NGX_OK : NGX_AGAIN;
}


/* Of a head that was cut nothing is told: its status is 0.  Nothing is behind
 * it. */

ngx_int_t
fz_wire_answer(fz_answer_t *answer, const fz_bytes_t *bytes, size_t *at,
    ngx_uint_t head, ngx_uint_t eof)
{
    fz_bytes_t     body;
    const u_char  *p, *end, *status, *headers, *line;

    body = answer->body;
    body.len = 0;
    memset(answer, 0, sizeof(fz_answer_t));
    answer->body = body;

    p = bytes->data + *at;
    end = bytes->data + bytes->len;

    line = *at < bytes->len ? memchr(p, '\n', (size_t) (end - p)) : NULL;

    if (line == NULL) {
        *at = bytes->len;
        return NGX_AGAIN;
    }

    if (line - p < 12 || memcmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ') {
        return NGX_ERROR;
    }

    status = p + 9;
    headers = line + 1;

    for ( ;; ) {
        p = line + 1;
        line = p < end ? memchr(p, '\n', (size_t) (end - p)) : NULL;

        if (line == NULL) {
            *at = bytes->len;
            return NGX_AGAIN;
        }

        if (line == p || (line == p + 1 && *p == '\r')) {
            break;
        }
    }

    answer->status = (ngx_uint_t) ngx_atoi((u_char *) status, 3);
    fz_wire_headers(answer, headers, line + 1);
    *at = (size_t) (line + 1 - bytes->data);

    return fz_wire_body(answer, bytes, at, head, eof);
}
