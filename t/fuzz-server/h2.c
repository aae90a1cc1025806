/*
 * HTTP/2 with prior knowledge.  What the client says is frames, one a command:
 *
 *     HTEXT  headers, a line "name: value" each, and the end of the stream
 *     hTEXT  likewise, and more will come
 *     DTEXT  data and the end;  dTEXT  data;  R  the stream is reset
 *     FXYTEXT  any frame: its type, its flags, its bytes
 *
 * A header of no stream's opens the next one.  What comes is decoded, but for
 * what nginx does not send (a dynamic table).
 */


#include "fz.h"


#define FZ_STREAMS  32
#define FZ_HEADER   9


typedef struct {
    ngx_uint_t   id;
    ngx_uint_t   headers;
    fz_answer_t  answer;
} fz_stream_t;


static fz_stream_t  fz_streams[FZ_STREAMS];
static ngx_uint_t   fz_nstreams, fz_stream;


void
fz_h2_forget(void)
{
    fz_stream = 0;
}


/* --- to nginx */

static void
fz_frame(fz_conn_t *conn, u_char type, u_char flags, ngx_uint_t stream,
    const fz_bytes_t *payload)
{
    u_char             head[FZ_HEADER];
    static fz_bytes_t  frame;

    head[0] = (u_char) (payload->len >> 16);
    head[1] = (u_char) (payload->len >> 8);
    head[2] = (u_char) payload->len;
    head[3] = type;
    head[4] = flags;
    head[5] = (u_char) (stream >> 24);
    head[6] = (u_char) (stream >> 16);
    head[7] = (u_char) (stream >> 8);
    head[8] = (u_char) stream;

    frame.len = 0;
    fz_append(&frame, head, sizeof(head));
    fz_append(&frame, payload->data, payload->len);
    fz_say(conn, frame.data, frame.len);
}


/* A string without Huffman's code, its length first. */

static void
fz_string(fz_bytes_t *out, const u_char *p, size_t len)
{
    u_char  byte;

    byte = (u_char) ngx_min(len, 127);
    fz_append(out, &byte, 1);

    if (len >= 127) {
        len -= 127;

        while (len >= 128) {
            byte = (u_char) (len % 128 + 128);
            fz_append(out, &byte, 1);
            len /= 128;
        }

        byte = (u_char) len;
        fz_append(out, &byte, 1);
        len = 0;
    }
}


static void
fz_fields(fz_bytes_t *out, const u_char *p, const u_char *end)
{
    size_t         len;
    const u_char  *line, *colon;

    static const u_char  literal;

    for ( /* void */ ; p < end; p = line + 1) {

        line = memchr(p, '\n', (size_t) (end - p));

        if (line == NULL) {
            line = end;
        }

        colon = p < line ? memchr(p + 1, ':', (size_t) (line - p - 1)) : NULL;

        if (colon == NULL) {
            continue;
        }

        fz_append(out, &literal, 1);
        fz_string(out, p, (size_t) (colon - p));
        fz_append(out, p, (size_t) (colon - p));

        colon += 1 + (colon + 1 < line && colon[1] == ' ');
        len = (size_t) (line - colon);
        fz_string(out, colon, len);
        fz_append(out, colon, len);
    }
}


void
fz_h2_say(fz_conn_t *conn, const u_char *data, size_t len)
{
    fz_bytes_t         frame;
    static fz_bytes_t  fields;

    static const char  preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                   "\0\0\0\4\0\0\0\0\0";

    if (data == NULL) {
        fz_stream = 0;
        fz_say(conn, preface, sizeof(preface) - 1);
        return;
    }

    if (len == 0) {
        return;
    }

    frame.data = (u_char *) data + 1;
    frame.len = len - 1;

    switch (data[0]) {

    case 'H':
    case 'h':
        fields.len = 0;
        fz_fields(&fields, data + 1, data + len);
        fz_stream++;
        fz_frame(conn, 1, data[0] == 'H' ? 5 : 4, 2 * fz_stream - 1, &fields);
        break;

    case 'D':
    case 'd':
        fz_frame(conn, 0, data[0] == 'D', 2 * ngx_max(fz_stream, 1) - 1,
                 &frame);
        break;

    case 'R':
        conn->spoiled = 1;
        frame.data = (u_char *) "\0\0\0\10";
        frame.len = 4;
        fz_frame(conn, 3, 0, 2 * ngx_max(fz_stream, 1) - 1, &frame);
        break;

    case 'F':
        conn->spoiled = 1;

        if (len >= 3) {
            frame.data = (u_char *) data + 3;
            frame.len = len - 3;
            fz_frame(conn, data[1], data[2], 2 * fz_stream - (fz_stream > 0),
                     &frame);
        }

        break;

    default:
        break;
    }
}


/* --- from nginx */

static size_t
fz_int(const u_char **p, const u_char *end, ngx_uint_t bits)
{
    size_t      n, mask;
    ngx_uint_t  shift;

    if (*p >= end) {
        fz_fail("a header block is cut");
    }

    mask = ((size_t) 1 << bits) - 1;
    n = *(*p)++ & mask;

    if (n < mask) {
        return n;
    }

    for (shift = 0; *p < end && shift < 28; shift += 7) {
        n += (size_t) (**p & 127) << shift;

        if (*(*p)++ < 128) {
            return n;
        }
    }

    fz_fail("a number in a header block has no end");
}


static void
fz_text(const u_char **p, const u_char *end, fz_bytes_t *out)
{
    size_t      len;
    u_char      state, *dst;
    ngx_uint_t  huffman;

    static u_char  room[65536];

    huffman = *p < end && **p >= 128;
    len = fz_int(p, end, 7);
    out->len = 0;

    if (len > (size_t) (end - *p)) {
        fz_fail("a string in a header block is cut");
    }

    if (huffman) {
        state = 0;
        dst = room;

        if (len > sizeof(room) / 8
            || ngx_http_huff_decode(&state, (u_char *) *p, len, &dst, 1,
                                    ngx_cycle->log)
               != NGX_OK)
        {
            fz_fail("a string in a header block is none");
        }

        fz_append(out, room, (size_t) (dst - room));

    } else {
        fz_append(out, *p, len);
    }

    *p += len;
}


static void
fz_field(fz_answer_t *answer, const fz_bytes_t *name, const fz_bytes_t *value)
{
    static const char  id[] = "x-request-id";
    static const char  first[] = "x-idempotent-original-request-id";

    if (name->len == sizeof(id) - 1
        && memcmp(name->data, id, name->len) == 0)
    {
        answer->ids++;

        if (value->len == FZ_ID_LEN) {
            answer->well = 1;
            memcpy(answer->id, value->data, FZ_ID_LEN);
        }
    }

    if (name->len == sizeof(first) - 1 && value->len == FZ_ID_LEN
        && memcmp(name->data, first, name->len) == 0)
    {
        answer->replay = 1;
        memcpy(answer->original, value->data, FZ_ID_LEN);
    }
}


static void
fz_block(fz_answer_t *answer, const u_char *p, const u_char *end)
{
    size_t             index;
    static fz_bytes_t  name, value;

    static const ngx_uint_t  status[] = { 200, 204, 206, 304, 400, 404, 500 };

    while (p < end) {

        if (*p >= 128) {
            index = fz_int(&p, end, 7);

            if (index >= 8 && index <= 14) {
                answer->status = status[index - 8];
            }

            continue;
        }

        if (*p >= 32 && *p < 64) {
            (void) fz_int(&p, end, 5);
            continue;
        }

        index = fz_int(&p, end, *p >= 64 ? 6 : 4);
        name.len = 0;

        if (index == 0) {
            fz_text(&p, end, &name);
        }

        fz_text(&p, end, &value);

        if (index >= 8 && index <= 14 && value.len == 3) {
            answer->status = (ngx_uint_t) ngx_atoi(value.data, 3);
        }

        fz_field(answer, &name, &value);
    }
}


static fz_stream_t *
fz_stream_of(ngx_uint_t id)
{
    ngx_uint_t    i;
    fz_stream_t  *stream;

    for (i = 0; i < fz_nstreams; i++) {
        if (fz_streams[i].id == id) {
            return &fz_streams[i];
        }
    }

    if (fz_nstreams == FZ_STREAMS) {
        return NULL;
    }

    stream = &fz_streams[fz_nstreams++];
    stream->id = id;
    stream->headers = 0;
    fz_free(&stream->answer.body);
    memset(&stream->answer, 0, sizeof(fz_answer_t));

    return stream;
}


/* One frame.  Where there is a continuation the block is not looked at: no
 * answer of ours is that long. */

static void
fz_heard(u_char type, u_char flags, ngx_uint_t id, const u_char *p, size_t len)
{
    fz_stream_t  *stream;

    if (id == 0 || type > 1) {
        return;
    }

    stream = fz_stream_of(id);

    if (stream == NULL) {
        return;
    }

    if (type == 1) {

        if (stream->headers++ || !(flags & 4)) {
            fz_fail("two heads on one stream");
        }

        fz_block(&stream->answer, p, p + len);

    } else {

        if (stream->headers == 0 || stream->answer.complete) {
            fz_fail("data without a head, or behind the end");
        }

        fz_append(&stream->answer.body, p, len);
    }

    stream->answer.complete |= flags & 1;
}


static void
fz_h2_frames(const fz_bytes_t *out)
{
    size_t         len;
    const u_char  *p, *end;

    end = out->data + out->len;

    for (p = out->data; end - p >= FZ_HEADER; p += len) {
        len = (size_t) p[0] << 16 | (size_t) p[1] << 8 | p[2];
        p += FZ_HEADER;

        if ((size_t) (end - p) < len) {
            return;
        }

        fz_heard(p[-6], p[-5],
                 (ngx_uint_t) (p[-4] & 127) << 24 | (ngx_uint_t) p[-3] << 16
                 | (ngx_uint_t) p[-2] << 8 | p[-1],
                 p, len);
    }
}


void
fz_h2_check(fz_conn_t *conn)
{
    ngx_uint_t     i;
    fz_stream_t   *stream;
    fz_request_t  *fr;

    if (conn->out.len == 0) {
        return;
    }

    fz_nstreams = 0;

    /* what does not begin with SETTINGS is an answer of HTTP/1 */

    if (conn->out.len >= 4 && memcmp(conn->out.data, "HTTP", 4) != 0) {
        fz_h2_frames(&conn->out);
    }

    for (i = 0; i < fz_nrequests; i++) {
        fr = &fz_requests[i];

        if (fr->conn != conn || fr->stream == 0) {
            continue;
        }

        stream = fz_stream_of(fr->stream);

        /* an error of the connection may have been faster */

        if (stream == NULL || stream->headers == 0) {
            continue;
        }

        if (stream->answer.ids != 1 || !stream->answer.well
            || memcmp(stream->answer.id, fr->id, FZ_ID_LEN) != 0)
        {
            fz_fail("an answer of HTTP/2 with %zu ids, or another one",
                    (size_t) stream->answer.ids);
        }

        fz_check_body(fr, stream->answer.status, stream->answer.replay,
                      stream->answer.original, &stream->answer.body,
                      stream->answer.complete);
    }
}
