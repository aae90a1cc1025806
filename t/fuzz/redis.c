
/*
 * Redis' protocol.  Properties:
 *
 *   - any bytes end in messages, and then in "more" or an error that lasts and
 *     has a reason; how they were cut into pieces makes no difference;
 *   - a message is of the shape that the header says, and what the codec holds
 *     of memory is bounded by its limit, whatever is announced;
 *   - a command that was written is read back as the same words, and is no
 *     longer than the room that was told for it.
 *
 * Inputs have at most 300 bytes.
 */

#include "fuzz.h"
#include "ngx_spocr_redis_codec.h"


/* What came of some bytes: messages as text, and the end. */

typedef struct {
    char       *text;
    size_t      len;
    ngx_int_t   end;
    size_t      messages;
} outcome_t;


static size_t  limit;
static int     nested;


/* All of what is read for one answer, and what its strings take. */

static void
bounded(const ngx_spocr_redis_codec_t *codec, size_t fed)
{
    size_t  held;

    held = ngx_spocr_redis_codec_held(codec);

    property(held <= 2 * (NGX_SPOCR_REDIS_TEXT_MAX + limit) + fed,
             "%zu bytes are held", held);
}


static void
show(outcome_t *out, const ngx_spocr_redis_message_t *m)
{
    ngx_uint_t                      i;
    const ngx_spocr_redis_value_t  *v;

    out->text[out->len++] = "!*-"[m->error.len ? 0 : m->array ? 1 : 2];
    out->text[out->len++] = (char) m->nvalues;
    out->messages++;

    property(m->nvalues <= NGX_SPOCR_REDIS_ELEMENTS_MAX, "too many values");
    property(m->error.len <= NGX_SPOCR_REDIS_ERROR_MAX, "error's length");

    if (m->error.len) {
        property(m->nvalues == 0, "an error with values");
        memcpy(out->text + out->len, m->error.data, m->error.len);
        out->len += m->error.len;

    } else {
        property(m->error.data == NULL, "no error, but data");
        property(m->array || m->nvalues == 1, "%lu values", m->nvalues);
    }

    for (i = 0; i < m->nvalues; i++) {
        v = &m->values[i];
        out->text[out->len++] = (char) ('0' + v->type);

        switch (v->type) {

        case NGX_SPOCR_REDIS_NIL:
            break;

        case NGX_SPOCR_REDIS_INTEGER:
            memcpy(out->text + out->len, &v->integer, 8);
            out->len += 8;
            break;

        case NGX_SPOCR_REDIS_STRING:
            property(v->text.len <= limit, "a string of %zu", v->text.len);
            memcpy(out->text + out->len, v->text.data, v->text.len);
            out->len += v->text.len;
            out->text[out->len++] = '\0';
            break;

        default:
            property(0, "type %d", v->type);
        }
    }

    out->text[out->len++] = '\n';
}


/* One step of 0: all at once. */

static void
run(outcome_t *out, const u_char *data, size_t size, size_t step,
    uint64_t seed)
{
    u_char                           *piece;
    size_t                            n, fed;
    ngx_spocr_redis_codec_t          *codec;
    const ngx_spocr_redis_message_t  *m;

    out->len = 0;
    out->messages = 0;
    out->end = NGX_AGAIN;

    codec = ngx_spocr_redis_codec_create();
    property(codec != NULL, "no codec");
    ngx_spocr_redis_codec_nested(codec, nested);
    ngx_spocr_redis_codec_limit(codec, limit);

    for (fed = 0; fed < size && out->end == NGX_AGAIN; fed += n) {
        n = step ? 1 + fuzz_random(&seed) % step : size;
        n = n < size - fed ? n : size - fed;

        piece = fuzz_copy(data + fed, n);
        property(ngx_spocr_redis_codec_feed(codec, piece, n) == NGX_OK,
                 "memory is out");
        free(piece);

        while ((out->end = ngx_spocr_redis_codec_next(codec, &m)) == NGX_OK) {
            show(out, m);
        }

        bounded(codec, step ? step : size);
    }

    if (out->end == NGX_ERROR) {
        property(ngx_spocr_redis_codec_reason(codec)[0], "no reason");
        property(ngx_spocr_redis_codec_next(codec, &m) == NGX_ERROR,
                 "an error that goes away");

    } else {
        property(out->end == NGX_AGAIN, "%d", (int) out->end);
        property(ngx_spocr_redis_codec_reason(codec)[0] == '\0', "a reason");
    }

    ngx_spocr_redis_codec_destroy(codec);
}


static void
replies(const u_char *data, size_t size, uint64_t seed)
{
    outcome_t    whole, cut;
    static char  texts[2][1 << 18];

    whole.text = texts[0];
    cut.text = texts[1];

    run(&whole, data, size, 0, 0);
    run(&cut, data, size, 1 + seed % 24, seed);

    property(whole.messages == cut.messages, "%zu and %zu messages",
             whole.messages, cut.messages);
    property(whole.len == cut.len
             && memcmp(whole.text, cut.text, whole.len) == 0,
             "other messages");
    property(whole.end == cut.end, "%d and %d", (int) whole.end,
             (int) cut.end);
}


static void
command(fuzz_input_t *in)
{
    size_t                            room, len, max;
    u_char                           *text;
    ngx_str_t                         words[NGX_SPOCR_REDIS_ELEMENTS_MAX];
    ngx_uint_t                        i, n;
    ngx_spocr_redis_codec_t          *codec;
    const ngx_spocr_redis_message_t  *m;

    n = fuzz_byte(in) % NGX_SPOCR_REDIS_ELEMENTS_MAX + 1;
    max = fuzz_number(in, 2);

    for (i = 0; i < n; i++) {
        words[i] = fuzz_piece(in, fuzz_byte(in));
    }

    room = ngx_spocr_redis_codec_room(words, n, max);
    property(room <= max, "%zu, more than %zu", room, max);

    if (room == 0) {
        room = ngx_spocr_redis_codec_room(words, n, 100000);
        property(room > max, "refused without need");
    }

    text = malloc(room);
    len = (size_t) (ngx_spocr_redis_codec_write(text, words, n) - text);
    property(len <= room, "%zu, room for %zu", len, room);

    codec = ngx_spocr_redis_codec_create();
    property(ngx_spocr_redis_codec_feed(codec, text, len) == NGX_OK
             && ngx_spocr_redis_codec_next(codec, &m) == NGX_OK,
             "not read back");
    property(m->array && m->nvalues == n, "%lu words", m->nvalues);

    for (i = 0; i < n; i++) {
        property(m->values[i].type == NGX_SPOCR_REDIS_STRING
                 && m->values[i].text.len == words[i].len
                 && memcmp(m->values[i].text.data, words[i].data, words[i].len)
                    == 0, "word %lu", i);
    }

    property(ngx_spocr_redis_codec_next(codec, &m) == NGX_AGAIN, "and more");
    ngx_spocr_redis_codec_destroy(codec);
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char        flags;
    uint64_t      seed;
    fuzz_input_t  in = { data, data + size };

    if (size > 65536) {
        return -1;
    }

    flags = fuzz_byte(&in);

    if (flags & 1) {
        command(&in);
        return 0;
    }

    seed = fuzz_number(&in, 2);
    nested = (flags >> 1) & 1;
    limit = (flags & 4) ? (size_t) (flags >> 3) : NGX_SPOCR_REDIS_BULK_MAX;

    replies(in.pos, fuzz_left(&in), seed);

    return 0;
}
