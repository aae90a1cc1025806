/*
 * What went over each connection: the backend's, request by request with its
 * answer, and the clients'.
 */


#include "fz.h"


#define FZ_EXCHANGES  64


typedef struct {
    const fz_request_t  *fr;
    fz_answer_t          answer;
    unsigned             sure:1;        /* that it was read as nginx does */
} fz_exchange_t;


static fz_exchange_t  fz_exchanges[FZ_EXCHANGES];
static ngx_uint_t     fz_nexchanges;


/* --- the backend */

/* C-12: no header of the client's that looks like one of these. */

static void
fz_check_identity(const fz_request_t *fr, const u_char *head,
    const u_char *end)
{
    ngx_str_t      value;
    ngx_uint_t     n, known;
    const u_char  *p, *line;

    n = 0;
    known = 0;

    for (line = head; line < end; line = p + 1) {
        p = memchr(line, '\n', (size_t) (end - line));

        if (p == NULL) {
            break;
        }

        if (p - line > 8
            && ngx_strncasecmp((u_char *) line, (u_char *) "x", 1) == 0
            && (line[1] == '-' || line[1] == '_')
            && ngx_strncasecmp((u_char *) line + 2, (u_char *) "spocr", 5)
               == 0
            && (line[7] == '-' || line[7] == '_'))
        {
            n++;
        }
    }

    if (fz_wire_header(head, end, "X-Spocr-Uid", &value)) {
        known++;

        if (value.len != fr->uid_len
            || memcmp(value.data, fr->uid, value.len) != 0)
        {
            fz_fail("the backend was told another uid");
        }

    } else if (fr->uid_len) {
        fz_fail("the backend was told no uid");
    }

    if (fz_wire_header(head, end, "X-Spocr-Key-Id", &value)) {
        known++;

        if (value.len != fr->key_len
            || memcmp(value.data, fr->key, value.len) != 0)
        {
            fz_fail("the backend was told another key");
        }
    }

    known += fz_wire_header(head, end, "X-Spocr-Signature", &value) == 1;

    if (fz_wire_header(head, end, "X-Spocr-Plan", &value)) {
        known++;

        if (value.len != 3 || memcmp(value.data, "pro", 3) != 0
            || fr->uid_len == 0)
        {
            fz_fail("the backend was told another plan");
        }
    }

    if (n != known) {
        fz_fail("the backend got %zu headers of the gateway's, not %zu",
                (size_t) n, (size_t) known);
    }

    if (fr->auth && fz_wire_header(head, end, "Authorization", &value)) {
        fz_fail("the backend got the key");
    }
}


/* C-36, on the path alone. */

static void
fz_check_target(const u_char *p, const u_char *end)
{
    const u_char  *start, *query;

    query = memchr(p, '?', (size_t) (end - p));
    end = query ? query : end;
    start = p;

    if (p == end || *p != '/') {
        fz_fail("the backend got no path");
    }

    for ( /* void */ ; p < end; p++) {

        if (*p <= ' ' || *p >= 127 || strchr("\\;\"<>^`{|}[]#", *p)) {
            fz_fail("the backend got a path with a %02x", *p);
        }

        if (*p == '%' && (end - p < 3
                          || ngx_hextoi((u_char *) p + 1, 2) <= 0x1f
                          || ngx_hextoi((u_char *) p + 1, 2) == 0x2f
                          || ngx_hextoi((u_char *) p + 1, 2) == 0x2e))
        {
            fz_fail("the backend got a path that hides something");
        }

        if (p > start && p[-1] == '/'
            && (*p == '/'
                || (*p == '.' && (p + 1 == end || p[1] == '/'
                                  || (p[1] == '.' && (p + 2 == end
                                                      || p[2] == '/'))))))
        {
            fz_fail("the backend got a path that is not plain");
        }
    }
}


/* The head of a request that the backend got. */

static const fz_request_t *
fz_check_asked(const u_char *head, const u_char *end)
{
    ngx_str_t            id;
    const u_char        *p, *target, *line;
    const fz_request_t  *fr;

    line = memchr(head, '\n', (size_t) (end - head));
    target = memchr(head, ' ', (size_t) (line - head));
    p = target ? memchr(target + 1, ' ', (size_t) (line - target - 1)) : NULL;

    if (p == NULL || p != line - 10 || memcmp(p, " HTTP/1.", 8) != 0) {
        fz_fail("the backend got no request line: %.*s", (int) (line - head),
                head);
    }

    if (fz_wire_header(line + 1, end, "X-Request-Id", &id) != 1
        || id.len != FZ_ID_LEN)
    {
        fz_fail("the backend got no id, or several");
    }

    fr = fz_request_of(id.data);

    if (fr == NULL) {
        fz_fail("the backend got the id of no request");
    }

    if (fr->refused) {
        fz_fail("the backend got a request that was refused");
    }

    if (fr->gated) {
        fz_check_identity(fr, line + 1, end);
        fz_check_target(target + 1, p);

        if (!fr->redirected
            && (fr->target_len != (size_t) (p - target - 1)
                || memcmp(fr->target, target + 1, fr->target_len) != 0))
        {
            fz_fail("the backend got another target");
        }
    }

    return fr;
}


/* Moves behind a request's body; NGX_AGAIN where it is not all there. */

static ngx_int_t
fz_check_skip(const u_char *head, const u_char *end, const fz_bytes_t *out,
    size_t *at)
{
    ngx_int_t           rc;
    ngx_str_t           value;
    static fz_answer_t  body;

    if (fz_wire_header(head, end, "Transfer-Encoding", &value)) {
        body.body.len = 0;
        rc = fz_wire_chunks(&body, out, at);

        if (rc == NGX_ERROR) {
            fz_fail("the backend got a bad chunk");
        }

        return rc;
    }

    if (fz_wire_header(head, end, "Content-Length", &value)) {
        *at += (size_t) ngx_atoof(value.data, value.len);
    }

    return *at <= out->len ? NGX_OK : NGX_AGAIN;
}


static void
fz_check_backend(fz_conn_t *conn)
{
    size_t               at, from;
    ngx_int_t            rc;
    ngx_uint_t           sure;
    const u_char        *p, *head;
    fz_exchange_t       *x;

    at = 0;
    from = 0;
    sure = 1;
    rc = NGX_OK;

    while (rc == NGX_OK && at < conn->out.len && fz_nexchanges < FZ_EXCHANGES)
    {
        head = conn->out.data + at;
        p = ngx_strlcasestrn((u_char *) head, conn->out.data + conn->out.len,
                             (u_char *) "\r\n\r\n", 3);
        if (p == NULL) {
            return;
        }

        at = (size_t) (p + 4 - conn->out.data);

        x = &fz_exchanges[fz_nexchanges++];
        x->fr = fz_check_asked(head, p + 2);

        sure = fz_wire_answer(&x->answer, &conn->in, &from, x->fr->head,
                              conn->eof) != NGX_ERROR
               && x->answer.plain && x->answer.status >= 200 && sure
               && !(conn->reset && x->answer.closes);
        x->sure = sure ? 1 : 0;

        rc = fz_check_skip(head, p + 2, &conn->out, &at);
    }
}


/* The answer that a request got from the backend: NULL where there were
 * several, or it cannot be told. */

static const fz_answer_t *
fz_answer_of(const fz_request_t *fr)
{
    ngx_uint_t          i;
    const fz_answer_t  *answer;

    answer = NULL;

    for (i = 0; i < fz_nexchanges; i++) {

        if (fz_exchanges[i].fr != fr) {
            continue;
        }

        if (answer || !fz_exchanges[i].sure || fz_exchanges[i].answer.accel) {
            return NULL;
        }

        answer = &fz_exchanges[i].answer;
    }

    return answer;
}


void
fz_check_exchanges(void)
{
    ngx_uint_t          i, claimed;
    fz_conn_t          *conn;
    const fz_answer_t  *answer;

    fz_nexchanges = 0;
    claimed = 0;

    for (conn = fz_all; conn; conn = conn->next) {
        if (conn->kind == FZ_BACKEND) {
            fz_check_backend(conn);
        }
    }

    for (i = 0; i < fz_nexchanges; i++) {

        if (fz_exchanges[i].answer.accel) {
            return;
        }

        claimed += fz_exchanges[i].fr->claimed;
    }

    if (claimed > fz_claims && !fz_lied) {
        fz_fail("%zu executions, %zu claims", (size_t) claimed,
                (size_t) fz_claims);
    }

    for (i = 0; i < fz_nrecords; i++) {
        answer = fz_answer_of(fz_request_of(fz_records[i].id));

        if (answer == NULL) {
            continue;
        }

        if (!answer->complete || answer->closes || answer->encoded) {
            fz_fail("an answer was stored that has no end");
        }

        if (answer->status != fz_records[i].status
            || answer->body.len != fz_records[i].body.len
            || memcmp(answer->body.data, fz_records[i].body.data,
                      answer->body.len) != 0)
        {
            fz_fail("stored is what the backend did not send");
        }
    }
}


/* --- clients */

/* Whether nothing was in the way of an answer to its end. */

static ngx_uint_t
fz_is_due(const fz_conn_t *conn, const fz_request_t *fr)
{
    const fz_answer_t  *answer;

    if (conn->spoiled) {
        return 0;
    }

    if (fr->emits) {
        return fr->whole;
    }

    if (!fr->upstream || fr->error) {
        return 1;
    }

    answer = fz_answer_of(fr);

    return answer && answer->complete && !answer->closes;
}


static void
fz_check_proxied(const fz_request_t *fr, const fz_answer_t *got)
{
    const fz_answer_t  *answer;

    if (!fr->upstream || fr->error || fr->emits || got->replay) {
        return;
    }

    answer = fz_answer_of(fr);

    if (answer == NULL || answer->status != got->status) {
        return;
    }

    if (answer->body.len < got->body.len
        || memcmp(answer->body.data, got->body.data, got->body.len) != 0)
    {
        fz_fail("a client got what the backend did not send");
    }

    if (got->complete && !got->closes && answer->complete
        && answer->body.len != got->body.len)
    {
        fz_fail("a client got %zu bytes of %zu, and a clean end",
                got->body.len, answer->body.len);
    }
}


/* All that nginx wrote to a client of HTTP/1, answer by answer. */

static void
fz_check_client(fz_conn_t *conn)
{
    size_t              at;
    ngx_int_t           rc;
    ngx_uint_t          i;
    fz_request_t       *fr;
    static fz_answer_t  got;

    static const char  interim[] = "HTTP/1.1 100 Continue\r\n\r\n";

    at = 0;
    rc = NGX_OK;

    for (i = 0; i < fz_nrequests; i++) {
        fr = &fz_requests[i];

        while (conn->out.len - at >= sizeof(interim) - 1
               && memcmp(conn->out.data + at, interim, sizeof(interim) - 1)
                  == 0)
        {
            at += sizeof(interim) - 1;
        }

        if (fr->conn != conn || !fr->sent) {
            continue;
        }

        if (rc != NGX_OK && at < conn->out.len) {
            fz_fail("an answer behind one that was cut");
        }

        rc = fz_wire_answer(&got, &conn->out, &at, fr->head, 1);

        if (rc == NGX_ERROR) {
            fz_fail("a client got what is no HTTP");
        }

        if (rc == NGX_AGAIN && fz_is_due(conn, fr)) {
            fz_fail("an answer was cut: %.36s", fr->id);
        }

        if (got.status == 0) {
            continue;
        }

        if (got.ids != 1 || !got.well
            || memcmp(got.id, fr->id, FZ_ID_LEN) != 0)
        {
            fz_fail("an answer with %zu ids, or another one",
                    (size_t) got.ids);
        }

        if (fr->error && !fr->redirected && !got.json) {
            fz_fail("an error without a JSON type");
        }

        fz_check_body(fr, got.status, got.replay, got.original, &got.body,
                      got.complete);
        fz_check_proxied(fr, &got);
    }

    if (at < conn->out.len) {
        fz_fail("a client got %zu bytes too many", conn->out.len - at);
    }
}


void
fz_check_clients(void)
{
    fz_conn_t  *conn;

    for (conn = fz_all; conn; conn = conn->next) {

        if (conn->kind == FZ_CLIENT && conn->h2) {
            fz_h2_check(conn);

        } else if (conn->kind == FZ_CLIENT) {
            fz_check_client(conn);
        }
    }
}
