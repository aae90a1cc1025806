/*
 * multipart/form-data.  An input is the Content-Type, a line feed, and the
 * body.  However the network cuts a body, the same parts come out of it.
 */

#include <string.h>

#include "buf.h"
#include "fuzz.h"
#include "space/multipart.h"


const char *const  be_fuzz_words[] = {
    "\r\n", "\r", "\n", "--", "--b", "\r\n--b", "\r\n--b--", "\r\n--b\r\n",
    "\r\n\r\n", "boundary=", "boundary=\"b\"", "multipart/form-data;",
    "Content-Disposition: form-data; ", "name=\"files\"", "filename=\"",
    "filename*=UTF-8''a%20b", "Content-Type: ", "\\\"", "\"", ";", "=", " ",
    "\t", "Content-Transfer-Encoding: base64", NULL
};


typedef struct {
    be_buf_t  events;
    size_t    bytes;
    int       open;
} be_parts_t;


void
be_fuzz_seeds(void)
{
    be_fuzz_seed_text(
        "multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-"
        "data; name=\"path\"\r\n\r\nA/B\r\n--b\r\nContent-Disposition: form-"
        "data; name=\"files\"; filename=\"a.png\"\r\nContent-Type: image/png"
        "\r\n\r\nxx\r\n-\r\n--\r\n--c\r\n\r\n--b--\r\n");
    be_fuzz_seed_text(
        "multipart/form-data; boundary=\"a b\"\npreamble\r\n--a b  \r\n"
        "content-disposition:form-data;name=files;filename*=UTF-8''%E2%82%AC"
        "\r\n\r\n\r\r\n\r\n--a b--epilogue");
}


static int
be_on_part(void *data, const be_part_t *part)
{
    be_parts_t  *p = data;

    be_fuzz_holds(!p->open && part->name != NULL);
    p->open = 1;
    be_buf_printf(&p->events, "\nbegin %s, %s\n", part->name,
                  part->filename ? part->filename : "(field)");

    return 0;
}


static int
be_on_bytes(void *data, const char *s, size_t len)
{
    be_parts_t  *p = data;

    be_fuzz_holds(p->open && len > 0);
    p->bytes += len;
    be_buf_add(&p->events, s, len);

    return 0;
}


static int
be_on_end(void *data)
{
    be_parts_t  *p = data;

    be_fuzz_holds(p->open);
    p->open = 0;
    be_buf_str(&p->events, "\nend\n");

    return 0;
}


/* The whole at once, or byte by byte, or in pieces by a number. */

static void
be_run(const char *type, const uint8_t *body, size_t len, unsigned pieces,
    be_parts_t *p)
{
    int               rc = 0;
    char             *piece;
    size_t            at, n;
    const char       *why;
    be_multipart_t   *m;
    static const be_part_handler_t  handler = { be_on_part, be_on_bytes,
                                                be_on_end };

    memset(p, 0, sizeof(*p));
    be_buf_str(&p->events, "");

    m = be_multipart_new(type, &handler, p, &why);

    if (m == NULL) {
        be_fuzz_holds(why != NULL);
        return;
    }

    for (at = 0; at < len && rc == 0; at += n) {
        pieces = pieces ? pieces * 1103515245 + 12345 : 0;
        n = pieces ? pieces >> 16 & 15 : len;
        n = n > len - at ? len - at : n;
        piece = be_strndup((const char *) body + at, n);
        rc = be_multipart_feed(m, piece, n, &why);
        free(piece);
        be_fuzz_holds((rc == 0) == (why == NULL));
    }

    be_buf_printf(&p->events, "%d %d", rc, be_multipart_whole(m));
    be_fuzz_holds(!be_multipart_whole(m) || (rc == 0 && !p->open));
    be_fuzz_holds(p->bytes <= len);
    be_multipart_free(m);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *type;
    size_t         n;
    unsigned       i;
    be_parts_t     whole, cut;
    be_fuzz_in_t   in = { data, data + size };

    type = be_fuzz_until(&in, '\n');
    n = (size_t) (in.end - in.p);

    be_run(type, in.p, n, 0, &whole);

    for (i = 1; i < 4; i++) {
        be_run(type, in.p, n, i * 7 + (unsigned) n, &cut);
        be_fuzz_holds(whole.events.len == cut.events.len
                      && memcmp(whole.events.data, cut.events.data,
                                cut.events.len) == 0);
        be_buf_free(&cut.events);
    }

    be_buf_free(&whole.events);
    free(type);

    return 0;
}
