
/*
 * Stored answers (C-34).  Properties, with a seal and without one:
 *
 *   - what was written is read back as it was;
 *   - a record of which one bit is another, or of another owner, or that was
 *     cut, is refused;
 *   - a text that was made by somebody who has the secret, of any bytes, is
 *     refused, or it is a record that is written as the same bytes;
 *   - what is read has headers as an answer may have, and its status;
 *   - any bytes at all are refused; nothing is read or written outside of them
 *     and of the room, which is as long.
 *
 * Inputs have at most 400 bytes.
 */

#include "fuzz.h"
#include <ctype.h>
#include "ngx_spocr_record.h"
#include "ngx_spocr_record_seal.h"


static ngx_spocr_secrets_t       *sealed;
static ngx_spocr_record_owner_t   owner;


/* What is read may go into an answer: RFC 9110, tokens and field values. */

static int
harmless(const ngx_spocr_record_t *record)
{
    size_t      n, total;
    ngx_uint_t  i;

    total = 0;

    for (i = 0; i < record->nheaders; i++) {
        const ngx_str_t  *name = &record->headers[i].name;
        const ngx_str_t  *value = &record->headers[i].value;

        for (n = 0; n < name->len; n++) {
            if (name->data[n] <= ' ' || name->data[n] > '~'
                || strchr("\"(),/:;<=>?@[\\]{}", name->data[n]))
            {
                return 0;
            }
        }

        for (n = 0; n < value->len; n++) {
            if (iscntrl(value->data[n]) && value->data[n] != '\t') {
                return 0;
            }
        }

        total += name->len + value->len;

        if (name->len == 0) {
            return 0;
        }
    }

    return record->status >= 200 && record->status < 400
           && total <= NGX_SPOCR_RECORD_HEAD_MAX
           && record->request_id.len == 36
           && strspn((char *) record->request_id.data + 4,
                     "0123456789abcdef") >= 32;
}


static ngx_int_t
read_record(ngx_spocr_record_t *record, const ngx_spocr_secrets_t *secrets,
    const u_char *data, size_t len, u_char *room)
{
    ngx_int_t    rc;
    const char  *reason;

    rc = ngx_spocr_record_read(record, secrets, &owner, data, len, room,
                               &reason);

    property(rc == NGX_OK || rc == NGX_DECLINED, "%d", (int) rc);
    property((rc == NGX_OK) == (reason == NULL), "reason");
    property(rc == NGX_OK || record->nheaders == 0, "something of it is left");
    property(rc != NGX_OK || harmless(record), "no answer's headers");

    return rc;
}


static int
same_string(const ngx_str_t *a, const ngx_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


static int
same(const ngx_spocr_record_t *a, const ngx_spocr_record_t *b)
{
    ngx_uint_t  i;

    for (i = 0; i < a->nheaders && i < b->nheaders; i++) {
        if (!same_string(&a->headers[i].name, &b->headers[i].name)
            || !same_string(&a->headers[i].value, &b->headers[i].value))
        {
            return 0;
        }
    }

    return a->status == b->status && a->nheaders == b->nheaders
           && same_string(&a->request_id, &b->request_id)
           && same_string(&a->body, &b->body);
}


/* A record of the input; what is no record is not written. */

static void
make(ngx_spocr_record_t *record, fuzz_input_t *in, u_char *id)
{
    u_char      shape;
    ngx_uint_t  i;

    memset(record, 0, sizeof(ngx_spocr_record_t));

    record->status = 200 + fuzz_byte(in) * 256 / 325;
    shape = fuzz_byte(in);
    record->nheaders = shape % (NGX_SPOCR_RECORD_HEADERS_MAX + 1);

    memcpy(id, "req_0123456789abcdef0123456789abcdef", 37);
    id[4 + (shape & 31)] = (u_char) "0123456789abcdefg"[fuzz_byte(in) % 17];
    record->request_id.data = id;
    record->request_id.len = 36;

    for (i = 0; i < record->nheaders; i++) {
        record->headers[i].name = fuzz_piece(in, fuzz_byte(in) % 16);
        record->headers[i].value = fuzz_piece(in, fuzz_byte(in));
    }

    record->body = fuzz_piece(in, fuzz_left(in));
}


/* One of the ways in which a record may be another one. */

static void
spoil(const ngx_spocr_secrets_t *secrets, u_char *text, size_t size,
    u_char *room, uint64_t seed)
{
    size_t               at;
    ngx_spocr_record_t   back;

    switch (fuzz_random(&seed) % 4) {

    case 0:
        at = fuzz_random(&seed) % size;
        property(read_record(&back, secrets, text, at, room) != NGX_OK,
                 "cut to %zu of %zu bytes", at, size);
        break;

    case 1:
        at = fuzz_random(&seed) % sizeof(owner);
        ((u_char *) &owner)[at] ^= 1;
        property(read_record(&back, secrets, text, size, room) != NGX_OK,
                 "another owner's");
        ((u_char *) &owner)[at] ^= 1;
        break;

    case 2:
        property(read_record(&back, secrets ? NULL : sealed, text, size, room)
                 != NGX_OK, "sealed, or not");
        /* fall through */

    default:
        at = fuzz_random(&seed) % (8 * size);
        text[at / 8] ^= (u_char) (1 << at % 8);
        property(read_record(&back, secrets, text, size, room) != NGX_OK,
                 "bit %zu is another", at);
    }
}


static void
write_and_read(const ngx_spocr_record_t *record,
    const ngx_spocr_secrets_t *secrets, uint64_t seed)
{
    u_char              *text, *room;
    size_t               size;
    ngx_spocr_record_t   back;

    size = ngx_spocr_record_size(record, secrets);
    text = malloc(size + 1);
    room = malloc(size + 1);

    property((ngx_spocr_record_write(record, secrets, &owner, text) == NGX_OK)
             == (size != 0), "size %zu", size);

    if (size) {
        property(read_record(&back, secrets, text, size, room) == NGX_OK,
                 "what was written is refused");
        property(same(record, &back), "another record");

        spoil(secrets, text, size, room, seed);
    }

    free(text);
    free(room);
}


static void
any_text(fuzz_input_t *in, const ngx_spocr_secrets_t *secrets)
{
    u_char              *text, *room, *again;
    size_t               len, size, before;
    ngx_str_t            bytes;
    ngx_spocr_record_t   record;

    bytes = fuzz_piece(in, fuzz_left(in));
    before = ngx_spocr_record_before(secrets);
    len = bytes.len;
    size = ngx_spocr_record_around(secrets) + len;

    text = malloc(size);
    room = malloc(size);

    if (len) {
        memcpy(text + before, bytes.data, len);
    }

    property(ngx_spocr_record_close(secrets, &owner, text, len) == NGX_OK,
             "close");

    if (read_record(&record, secrets, text, size, room) == NGX_OK) {
        property(ngx_spocr_record_size(&record, NULL)
                 == ngx_spocr_record_around(NULL) + len, "another size");

        again = malloc(ngx_spocr_record_around(NULL) + len);
        property(ngx_spocr_record_write(&record, NULL, &owner, again)
                 == NGX_OK, "not written");
        property(memcmp(again + ngx_spocr_record_before(NULL), bytes.data, len)
                 == 0, "other bytes");
        free(again);
    }

    free(text);
    free(room);
}


static void
any_bytes(fuzz_input_t *in, const ngx_spocr_secrets_t *secrets)
{
    u_char              *data, *room;
    size_t               len;
    ngx_spocr_record_t   record;

    len = fuzz_left(in);
    data = fuzz_copy(in->pos, len);
    room = malloc(len + (len == 0));

    /* known id of the secret, so that the seal itself is tried */

    if (len > 5 && secrets && data[0] == 2) {
        memcpy(data + 1, secrets->all[len & 1].id, 4);
    }

    property(read_record(&record, secrets, data, len, room) != NGX_OK,
             "a forged record");

    free(data);
    free(room);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                      mode, id[37];
    ngx_uint_t                  line;
    fuzz_input_t                in = { data, data + size };
    ngx_spocr_record_t          record;
    static ngx_spocr_secrets_t  secrets;
    const ngx_spocr_secrets_t  *which;

    static const char  file[] =
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
        "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n";

    if (sealed == NULL) {
        property(ngx_spocr_secrets_parse(&secrets, (const u_char *) file,
                                         sizeof(file) - 1, &line) == NULL,
                 "secrets");
        sealed = &secrets;
        memset(&owner, 0x17, sizeof(owner));
    }

    mode = fuzz_byte(&in);
    which = (mode & 1) ? sealed : NULL;

    switch ((mode >> 1) % 3) {

    case 0:
        make(&record, &in, id);
        write_and_read(&record, which, size + mode);
        break;

    case 1:
        any_text(&in, which);
        break;

    default:
        any_bytes(&in, which);
    }

    return 0;
}
