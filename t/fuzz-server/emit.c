/*
 * A content handler that emits what the input says: a header, and chains of
 * buffers of all kinds.  What it does is what any handler may do.
 *
 *     oX   status: one of a list        n   a Content-Length
 *     g    Content-Encoding: x
 *     mX   a buffer of X bytes, read-only; tX: temporary; fX: X * 16 bytes of a
 *          file; MX: X * 256 bytes
 *     F    flush, S sync, R recycled, l last_in_chain: of the buffer before; F
 *          and S make one of their own, without bytes, where there is none
 *     L    the last buffer;  ;  the chain goes out
 *     w    the rest in a later event;  E  it fails
 */


#include "fz.h"


#define FZ_SCRIPTS  16


static char *fz_emit_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t fz_emit_handler(ngx_http_request_t *r);
static void fz_emit_writer(ngx_http_request_t *r);
static ngx_int_t fz_emit_run(ngx_http_request_t *r, fz_emit_t *e);
static ngx_int_t fz_emit_out(ngx_http_request_t *r, fz_emit_t *e,
    ngx_chain_t *chain);
static ngx_int_t fz_log_handler(ngx_http_request_t *r);
static ngx_int_t fz_postconf(ngx_conf_t *cf);


static fz_bytes_t  fz_scripts[FZ_SCRIPTS];
static ngx_uint_t  fz_nscripts, fz_script;

static ngx_file_t  fz_file;             /* 4 KB of fz_emit_byte() */

static ngx_command_t  fz_commands[] = {

    { ngx_string("fz_emit"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      fz_emit_set,
      0,
      0,
      NULL },

      ngx_null_command
};

static ngx_http_module_t  fz_module_ctx = {
    NULL,
    fz_postconf,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL
};

ngx_module_t  fz_module = {
    NGX_MODULE_V1,
    &fz_module_ctx,
    fz_commands,
    NGX_HTTP_MODULE,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NGX_MODULE_V1_PADDING
};


u_char
fz_emit_byte(size_t i)
{
    return (u_char) ('!' + (i * 7 + i / 89) % 90);
}


void
fz_emit_init(void)
{
    size_t  i;
    u_char  bytes[4096];
    FILE   *f;

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = fz_emit_byte(i);
    }

    f = tmpfile();

    if (f == NULL || fwrite(bytes, 1, sizeof(bytes), f) != sizeof(bytes)
        || fflush(f) != 0)
    {
        fz_fail("no temporary file");
    }

    fz_file.fd = fileno(f);
    fz_file.log = ngx_cycle->log;
    ngx_str_set(&fz_file.name, "emit");
}


void
fz_emit_script(const u_char *data, size_t len)
{
    if (fz_nscripts < FZ_SCRIPTS) {
        fz_scripts[fz_nscripts].len = 0;
        fz_append(&fz_scripts[fz_nscripts++], data, len);
    }
}


void
fz_emit_forget(void)
{
    fz_nscripts = 0;
    fz_script = 0;
}


static size_t
fz_emit_size(u_char op, u_char n)
{
    return op == 'f' ? (size_t) (n & 63) * 16
                     : op == 'M' ? (size_t) (n & 63) * 256 : n;
}


/* What a Content-Length has to say. */

static void
fz_emit_scan(fz_emit_t *e)
{
    const u_char  *p;

    static const ngx_uint_t  status[] = {
        200, 201, 202, 204, 302, 304, 400, 404, 409, 500, 502, 503, 504, 100
    };

    e->status = 200;

    for (p = e->script; p < e->end; p++) {

        switch (*p) {

        case 'o':
            if (++p < e->end) {
                e->status = status[*p % (fz_n(status) - 1)];
            }
            break;

        case 'n':
            e->length = 1;
            break;

        case 'g':
            e->encoded = 1;
            break;

        case 'm':
        case 't':
        case 'f':
        case 'M':
            if (p + 1 < e->end) {
                e->total += fz_emit_size(p[0], p[1]);
            }
            p++;
            break;

        case 'L':
        case 'E':
            return;

        default:
            break;
        }
    }
}


static ngx_int_t
fz_emit_handler(ngx_http_request_t *r)
{
    fz_emit_t   *e;
    fz_bytes_t  *script;

    e = ngx_pcalloc(r->pool, sizeof(fz_emit_t));

    if (e == NULL || ngx_http_discard_request_body(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (fz_script < fz_nscripts) {
        script = &fz_scripts[fz_script++];
        e->script = script->data;
        e->end = script->data + script->len;
    }

    fz_emit_scan(e);
    ngx_http_set_ctx(r, e, fz_module);

    return fz_emit_run(r, e);
}


static void
fz_emit_writer(ngx_http_request_t *r)
{
    ngx_int_t          rc;
    fz_emit_t         *e;
    ngx_connection_t  *c;

    c = r->connection;
    e = ngx_http_get_module_ctx(r, fz_module);

    if (c->write->timedout) {
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (c->write->delayed) {
        (void) ngx_handle_write_event(c->write, 0);
        return;
    }

    rc = fz_emit_run(r, e);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


static ngx_int_t
fz_emit_header(ngx_http_request_t *r, fz_emit_t *e)
{
    ngx_table_elt_t  *h;

    e->header = 1;

    r->headers_out.status = e->status;
    r->headers_out.content_length_n = e->length ? (off_t) e->total : -1;
    ngx_str_set(&r->headers_out.content_type, "text/plain");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (e->encoded) {
        h = ngx_list_push(&r->headers_out.headers);

        if (h == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(h, sizeof(ngx_table_elt_t));
        h->hash = 1;
        ngx_str_set(&h->key, "Content-Encoding");
        ngx_str_set(&h->value, "x");
        r->headers_out.content_encoding = h;
    }

    return ngx_http_send_header(r);
}


static ngx_buf_t *
fz_emit_buf(ngx_http_request_t *r, fz_emit_t *e, u_char op, size_t size)
{
    size_t      i;
    ngx_buf_t  *b;

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || size == 0) {
        return b;
    }

    /* the file has its own beginning: only where the pattern fits */

    if (op == 'f' && e->written + size <= 4096) {
        b->in_file = 1;
        b->file = &fz_file;
        b->file_pos = (off_t) e->written;
        b->file_last = (off_t) (e->written + size);

    } else {
        b->start = ngx_pnalloc(r->pool, size);

        if (b->start == NULL) {
            return NULL;
        }

        for (i = 0; i < size; i++) {
            b->start[i] = fz_emit_byte(e->written + i);
        }

        b->pos = b->start;
        b->last = b->start + size;
        b->end = b->last;
        b->temporary = op == 't';
        b->memory = op != 't';
    }

    e->written += size;

    return b;
}


/* One chain: NGX_AGAIN where it is to go out. */

static ngx_int_t
fz_emit_chain(ngx_http_request_t *r, fz_emit_t *e, ngx_chain_t **chain)
{
    u_char         op;
    ngx_buf_t     *b;
    ngx_chain_t   *cl, **last;

    b = NULL;
    last = chain;
    *chain = NULL;

    while (e->script < e->end) {
        op = *e->script++;

        if (ngx_strchr("mtfM", op) && op && e->script < e->end) {
            b = fz_emit_buf(r, e, op, fz_emit_size(op, *e->script++));

            if (b == NULL) {
                return NGX_ERROR;
            }

            if (ngx_buf_size(b) == 0) {
                b = NULL;
                continue;
            }

        } else if (op == 'F' || op == 'S' || op == 'L') {

            if (b && op == 'F') {
                b->flush = 1;
                continue;
            }

            if (b && op == 'L') {
                b->last_buf = 1;
                b->last_in_chain = 1;
                e->last = 1;
                return NGX_AGAIN;
            }

            b = ngx_calloc_buf(r->pool);
            if (b == NULL) {
                return NGX_ERROR;
            }

            b->flush = op == 'F';
            b->sync = op == 'S';
            b->last_buf = op == 'L';
            b->last_in_chain = op == 'L';
            e->last = op == 'L';

        } else {

            if (b && op == 'R') {
                b->recycled = 1;
            }

            if (b && op == 'l') {
                b->last_in_chain = 1;
            }

            if (op == 'o') {
                e->script++;
            }

            if (op == ';' || op == 'w' || op == 'E') {
                e->script -= op != ';';
                return NGX_AGAIN;
            }

            continue;
        }

        cl = ngx_alloc_chain_link(r->pool);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        cl->buf = b;
        cl->next = NULL;
        *last = cl;
        last = &cl->next;

        if (e->last) {
            return NGX_AGAIN;
        }

        if (b->flush || b->sync) {
            b = NULL;
        }
    }

    return NGX_OK;
}


static ngx_int_t
fz_emit_run(ngx_http_request_t *r, fz_emit_t *e)
{
    ngx_int_t     rc, more;
    ngx_chain_t  *chain;

    if (!e->header) {
        rc = fz_emit_header(r, e);

        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            return rc;
        }
    }

    rc = NGX_OK;

    for ( ;; ) {
        more = fz_emit_chain(r, e, &chain);

        if (more == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (chain) {
            rc = fz_emit_out(r, e, chain);

            if (rc == NGX_ERROR || e->last) {
                return rc;
            }
        }

        if (more == NGX_OK) {
            e->last = 1;
            return ngx_http_send_special(r, NGX_HTTP_LAST);
        }

        if (e->script < e->end && *e->script == 'E') {
            return NGX_ERROR;
        }

        if (e->script < e->end && *e->script == 'w') {
            e->script++;
            r->write_event_handler = fz_emit_writer;

            if (!e->counted) {
                e->counted = 1;
                r->main->count++;
            }

            ngx_post_event(r->connection->write, &ngx_posted_next_events);
            return NGX_DONE;
        }
    }
}


/*
 * A buffer of the handler's own that was consumed is the handler's again, who
 * writes something else into it.
 */

static ngx_int_t
fz_emit_out(ngx_http_request_t *r, fz_emit_t *e, ngx_chain_t *chain)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    rc = ngx_http_output_filter(r, chain);

    for (cl = chain; rc != NGX_ERROR && cl; cl = cl->next) {

        if (cl->buf->temporary && cl->buf->pos == cl->buf->last) {
            ngx_memset(cl->buf->start, '#',
                       (size_t) (cl->buf->end - cl->buf->start));
        }
    }

    return rc;
}


static char *
fz_emit_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = fz_emit_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
fz_log_handler(ngx_http_request_t *r)
{
    fz_check_request(r);

    return NGX_OK;
}


static ngx_int_t
fz_postconf(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = fz_log_handler;

    return NGX_OK;
}
