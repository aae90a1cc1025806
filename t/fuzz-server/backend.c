/*
 * The backend's end: the n-th connection gets the n-th script, a list of
 * segments, each of which arrives by itself once the request's head is there.
 * Where the input says nothing the answer is a short 200.
 */


#include "fz.h"


#define FZ_SCRIPTS   16
#define FZ_SEGMENTS  32


typedef struct {
    fz_bytes_t   segment[FZ_SEGMENTS];
    ngx_uint_t   n;
    unsigned     ends:1;                /* it closes when all is sent, */
    unsigned     resets:1;              /* or resets */
    unsigned     refuses:1;
    unsigned     early:1;               /* it does not wait for a request */
    unsigned     quiet:1;               /* it says nothing more, for ever */
} fz_script_t;


static fz_script_t  fz_scripts[FZ_SCRIPTS];
static ngx_uint_t   fz_nscripts, fz_nconns;

static const char   fz_default[] = "HTTP/1.1 200 OK\r\n"
                                   "Content-Type: text/plain\r\n"
                                   "Content-Length: 2\r\n\r\nok";


void
fz_backend_forget(void)
{
    ngx_uint_t  i;

    for (i = 0; i <= fz_nscripts && i < FZ_SCRIPTS; i++) {
        fz_scripts[i].n = 0;
        fz_scripts[i].ends = 0;
        fz_scripts[i].resets = 0;
        fz_scripts[i].refuses = 0;
        fz_scripts[i].early = 0;
        fz_scripts[i].quiet = 0;
    }

    fz_nscripts = 0;
    fz_nconns = 0;
}


void
fz_backend_script(fz_backend_e what, const u_char *data, size_t len)
{
    fz_script_t  *script;

    script = &fz_scripts[fz_nscripts];

    switch (what) {

    case FZ_BACKEND_DATA:

        if (script->n < FZ_SEGMENTS) {
            script->segment[script->n].len = 0;
            fz_append(&script->segment[script->n++], data, len);
        }

        break;

    case FZ_BACKEND_EOF:
        script->ends = 1;
        break;

    case FZ_BACKEND_RESET:
        script->resets = 1;
        break;

    case FZ_BACKEND_REFUSE:
        script->refuses = 1;
        break;

    case FZ_BACKEND_EARLY:
        script->early = 1;
        break;

    case FZ_BACKEND_QUIET:
        script->quiet = 1;
        break;

    default: /* FZ_BACKEND_NEXT */

        if (fz_nscripts + 1 < FZ_SCRIPTS) {
            fz_nscripts++;
        }
    }
}


void
fz_backend_connected(fz_conn_t *conn)
{
    conn->script = fz_nconns++;
}


static fz_script_t *
fz_backend_of(fz_conn_t *conn)
{
    return conn->script < FZ_SCRIPTS && conn->script <= fz_nscripts
           ? &fz_scripts[conn->script] : NULL;
}


ngx_uint_t
fz_backend_refuses(fz_conn_t *conn)
{
    fz_script_t  *script;

    script = fz_backend_of(conn);

    return script && script->refuses && !fz_ending;
}


static ngx_uint_t
fz_backend_is_asked(fz_conn_t *conn)
{
    if (!conn->asked
        && ngx_strlcasestrn(conn->out.data, conn->out.data + conn->out.len,
                            (u_char *) "\r\n\r\n", 3) != NULL)
    {
        conn->asked = 1;
    }

    return conn->asked;
}


/* One segment; the next one when nginx has read it. */

void
fz_backend_go(fz_conn_t *conn)
{
    fz_script_t  *script;

    if (!conn->open || conn->readable || conn->eof || conn->reset
        || conn->at < conn->in.len)
    {
        return;
    }

    script = fz_backend_of(conn);

    if (conn->out.len && !fz_backend_is_asked(conn)
        && !(script && script->early))
    {
        return;
    }

    if (conn->out.len == 0 && !(script && script->early)) {
        return;
    }

    if (script && conn->step < script->n) {
        fz_say(conn, script->segment[conn->step].data,
               script->segment[conn->step].len);
        conn->step++;
        return;
    }

    if (script && (script->ends || script->resets)) {
        fz_close_end(conn, script->resets);
        return;
    }

    if (fz_ending && !(script && script->quiet)) {

        if (conn->step == 0) {
            fz_say(conn, fz_default, sizeof(fz_default) - 1);
            conn->step = 1;

        } else {
            fz_close_end(conn, 0);
        }
    }
}


void
fz_backend_all(void)
{
    ngx_uint_t  i;

    for (i = 0; i < FZ_CONNS; i++) {
        if (fz_fds[i] && fz_fds[i]->kind == FZ_BACKEND) {
            fz_backend_go(fz_fds[i]);
        }
    }
}
