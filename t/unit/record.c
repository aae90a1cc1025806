
/* Stored answers, and what is refused; C-34. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include "ngx_spocr_record.h"
#include "tap.h"


#define MUTATIONS  100000
#define REQUEST    "req_018bcfe5687b7000800000000000000a"
#define BEFORE     33           /* a plain record's text begins here */
#define A          "000102030405060708090a0b0c0d0e0f"                         \
                   "101112131415161718191a1b1c1d1e1f"
#define F          "ffffffffffffffffffffffffffffffff"                         \
                   "ffffffffffffffffffffffffffffffff"


static uint64_t                  seed = 88172645463325252ULL;
static ngx_spocr_record_owner_t  owner;


/* xorshift64: the same numbers each time */

static unsigned
below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (unsigned) ((seed >> 20) % n);
}


static void
set(ngx_str_t *to, const char *text)
{
    to->data = (u_char *) text;
    to->len = strlen(text);
}


static void
secrets_of(ngx_spocr_secrets_t *secrets, const char *text)
{
    ngx_uint_t  line;

    if (ngx_spocr_secrets_parse(secrets, (const u_char *) text, strlen(text),
                                &line)
        != NULL)
    {
        ok(0, "the secrets");
    }
}


static void
small(ngx_spocr_record_t *record)
{
    ngx_memzero(record, sizeof(ngx_spocr_record_t));

    record->status = 200;
    set(&record->request_id, REQUEST);
    record->nheaders = 2;
    set(&record->headers[0].name, "Content-Type");
    set(&record->headers[0].value, "application/json");
    set(&record->headers[1].name, "X-Empty");
    set(&record->headers[1].value, "");
    set(&record->body, "{\"text\":\"a\"}");
}


/* malloc'd; *len is 0 where it was refused. */

static u_char *
write_record(const ngx_spocr_record_t *record,
    const ngx_spocr_secrets_t *secrets, size_t *len)
{
    u_char  *data;

    *len = ngx_spocr_record_size(record, secrets);
    data = malloc(*len + 1);

    if (*len && ngx_spocr_record_write(record, secrets, &owner, data) != NGX_OK)
    {
        *len = 0;
    }

    return data;
}


/* Reads bytes in memory of their own length, so that ASan sees all. */

static ngx_int_t
read_bytes(const ngx_spocr_secrets_t *secrets,
    const ngx_spocr_record_owner_t *who, const u_char *data, size_t len)
{
    u_char              *room, *copy;
    size_t               i;
    ngx_int_t            rc;
    const char          *reason;
    ngx_spocr_record_t   record;

    copy = malloc(len ? len : 1);
    room = malloc(len ? len : 1);
    memcpy(copy, data, len);
    reason = NULL;

    rc = ngx_spocr_record_read(&record, secrets, who, len ? copy : NULL, len,
                               room, &reason);

    if (rc == NGX_DECLINED && (reason == NULL || record.nheaders
                               || record.body.data || record.status))
    {
        rc = -100;
    }

    /* all that was read is in room */

    for (i = 0; rc == NGX_OK && i < record.nheaders; i++) {
        if (record.headers[i].value.data < room
            || record.headers[i].value.data + record.headers[i].value.len
               > room + len)
        {
            rc = -101;
        }
    }

    free(copy);
    free(room);

    return rc;
}


static int
equal(const ngx_str_t *a, const ngx_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


static int
round_trip(const ngx_spocr_record_t *record,
    const ngx_spocr_secrets_t *secrets)
{
    int                  same;
    size_t               len, i;
    u_char              *data, *room;
    const char          *reason;
    ngx_spocr_record_t   back;

    data = write_record(record, secrets, &len);
    room = malloc(len ? len : 1);

    same = len
           && ngx_spocr_record_read(&back, secrets, &owner, data, len, room,
                                    &reason)
              == NGX_OK;

    free(data);

    same = same && back.status == record->status
           && equal(&back.request_id, &record->request_id)
           && back.nheaders == record->nheaders
           && equal(&back.body, &record->body);

    for (i = 0; same && i < back.nheaders; i++) {
        same = equal(&back.headers[i].name, &record->headers[i].name)
               && equal(&back.headers[i].value, &record->headers[i].value);
    }

    free(room);

    return same;
}


static void
test_round_trip(const ngx_spocr_secrets_t *secrets, const char *how)
{
    int                  i, good;
    u_char              *big;
    const size_t         size = 1024 * 1024;
    ngx_spocr_record_t   record;
    static char          values[33][600];

    small(&record);
    ok(round_trip(&record, secrets), "%s: a small one", how);

    record.nheaders = 0;
    record.body.len = 0;
    record.body.data = NULL;
    record.status = 399;
    ok(round_trip(&record, secrets), "%s: no header, no body", how);

    for (i = 0; i < 32; i++) {
        snprintf(values[i], sizeof(values[i]), "%d\t\xc3\xa9 ~!%0*d", i, 400,
                 i);
        set(&record.headers[i].name, "X-Name");
        set(&record.headers[i].value, values[i]);
    }

    record.nheaders = 32;
    ok(round_trip(&record, secrets), "%s: 32 headers", how);

    big = malloc(size);

    for (i = 0; i < (int) size; i++) {
        big[i] = (u_char) below(256);
    }

    record.body.data = big;
    good = 0;

    for (i = 0; i < 20; i++) {
        record.body.len = i ? below((unsigned) size) : size;
        good += round_trip(&record, secrets);
    }

    is_int(good, 20, "%s: bodies up to 1 MB", how);

    free(big);
}


/* C-34: what was changed or cut, or is another one's, is refused. */

static void
test_refused(const ngx_spocr_secrets_t *secrets, const char *how)
{
    int                        bit, wrong;
    size_t                     len, i;
    u_char                    *data, *changed;
    ngx_spocr_record_t         record;
    ngx_spocr_record_owner_t   other;

    small(&record);
    data = write_record(&record, secrets, &len);
    changed = malloc(len + 40);

    is_int(read_bytes(secrets, &owner, data, len), NGX_OK, "%s: good", how);

    wrong = 0;

    for (i = 0; i < len; i++) {
        for (bit = 0; bit < 256; bit++) {
            memcpy(changed, data, len);
            changed[i] ^= (u_char) bit;

            wrong += bit && read_bytes(secrets, &owner, changed, len)
                            != NGX_DECLINED;
        }
    }

    is_int(wrong, 0, "%s: any value of any byte", how);

    wrong = 0;

    for (i = 0; i < len; i++) {
        wrong += read_bytes(secrets, &owner, data, i) != NGX_DECLINED;
        wrong += read_bytes(secrets, &owner, data + len - i, i)
                 != NGX_DECLINED;
    }

    is_int(wrong, 0, "%s: any truncation", how);

    wrong = 0;
    memset(changed, 0, len + 40);
    memcpy(changed, data, len);

    for (i = 1; i <= 40; i++) {
        wrong += read_bytes(secrets, &owner, changed, len + i) != NGX_DECLINED;
    }

    is_int(wrong, 0, "%s: more bytes behind", how);

    wrong = 0;

    for (i = 0; i < 32; i++) {
        other = owner;
        other.id[i] ^= 1;
        wrong += read_bytes(secrets, &other, data, len) != NGX_DECLINED;

        other = owner;
        other.fingerprint[i] ^= 0x80;
        wrong += read_bytes(secrets, &other, data, len) != NGX_DECLINED;
    }

    is_int(wrong, 0, "%s: another request's", how);

    wrong = 0;

    for (i = 0; i < MUTATIONS; i++) {
        size_t    n;
        unsigned  k;

        n = below(4) ? len : below((unsigned) len + 40);
        memcpy(changed, data, len);

        for (k = below(8) + 1; k; k--) {
            changed[below((unsigned) len)] = (u_char) below(256);
        }

        if (n != len || memcmp(changed, data, len) != 0) {
            wrong += read_bytes(secrets, &owner, changed, n) != NGX_DECLINED;
        }
    }

    is_int(wrong, 0, "%s: %d random changes", how, MUTATIONS);
    is_int(ERR_peek_error(), 0, "%s: no error is left to OpenSSL", how);

    free(changed);
    free(data);
}


static void
test_sealing(void)
{
    int                   found;
    size_t                len, len2, i;
    u_char               *data, *data2, *plain;
    ngx_spocr_record_t    record;
    ngx_spocr_secrets_t   a, f, fa, af;

    secrets_of(&a, A);
    secrets_of(&f, F);
    secrets_of(&fa, F "\n" A);
    secrets_of(&af, A "\n" F);
    small(&record);

    data = write_record(&record, &a, &len);
    is_int(read_bytes(&fa, &owner, data, len), NGX_OK, "rotated: the old one");
    is_int(read_bytes(&af, &owner, data, len), NGX_OK, "still the first");
    is_int(read_bytes(&f, &owner, data, len), NGX_DECLINED, "no longer known");
    is_int(read_bytes(NULL, &owner, data, len), NGX_DECLINED,
           "sealed, but no secret");

    data2 = write_record(&record, &fa, &len2);
    is_int(read_bytes(&f, &owner, data2, len2), NGX_OK, "the first one seals");
    is_int(read_bytes(&a, &owner, data2, len2), NGX_DECLINED, "and no other");

    /* its id says F, its seal is of A */
    memcpy(data + 1, data2 + 1, 4);
    is_int(read_bytes(&fa, &owner, data, len), NGX_DECLINED, "another's id");
    free(data2);

    data2 = write_record(&record, &a, &len2);
    ok(memcmp(data + 5, data2 + 5, 12) != 0, "a nonce for each");

    found = 0;

    for (i = 0; i + 4 <= len2; i++) {
        found += memcmp(data2 + i, "json", 4) == 0
                 || memcmp(data2 + i, "req_", 4) == 0;
    }

    is_int(found, 0, "nothing of it can be read");

    plain = write_record(&record, NULL, &len);
    is_int(read_bytes(NULL, &owner, plain, len), NGX_OK, "plain");
    /* C-34 */
    is_int(read_bytes(&a, &owner, plain, len), NGX_DECLINED,
           "plain, though there is a secret");
    plain[0] = 2;
    is_int(read_bytes(&a, &owner, plain, len), NGX_DECLINED,
           "plain, but says it is sealed");

    is_int(len, BEFORE + 45 + 4 + 28 + 4 + 7 + 12, "size of a plain record");
    is_int(len2, len, "a seal is as long as a digest");

    free(data);
    free(data2);
    free(plain);
}


/* A plain record over any text: its digest can be made by anyone. */

static ngx_int_t
read_text(const u_char *text, size_t len)
{
    u_char     *data;
    ngx_int_t   rc;
    EVP_MD_CTX *ctx;

    /* NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): not 0 bytes */
    data = malloc(BEFORE + len);
    data[0] = 1;

    if (len) {
        memcpy(data + BEFORE, text, len);
    }

    ctx = EVP_MD_CTX_new();
    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    EVP_DigestUpdate(ctx, owner.id, 32);
    EVP_DigestUpdate(ctx, owner.fingerprint, 32);
    EVP_DigestUpdate(ctx, data + BEFORE, len);
    EVP_DigestFinal_ex(ctx, data + 1, NULL);
    EVP_MD_CTX_free(ctx);

    rc = read_bytes(NULL, &owner, data, BEFORE + len);
    free(data);

    return rc;
}


typedef struct {
    size_t       offset;
    const char  *bytes;
    size_t       len;
    ngx_int_t    rc;
    const char  *name;
} text_case_t;


#define AT(offset, bytes, rc, name)                                           \
    { offset, bytes, sizeof(bytes) - 1, rc, name }

static const text_case_t  texts[] = {
    AT(0, "\1", NGX_OK, "as it is"),
    AT(0, "\0", NGX_DECLINED, "version 0"),
    AT(0, "\2", NGX_DECLINED, "version 2"),
    AT(1, "\0\307", NGX_DECLINED, "status 199"),
    AT(1, "\1\217", NGX_OK, "status 399"),
    AT(1, "\1\220", NGX_DECLINED, "status 400"),
    AT(1, "\0\0", NGX_DECLINED, "status 0"),
    AT(1, "\377\377", NGX_DECLINED, "status 65535"),
    AT(3, "REQ_", NGX_DECLINED, "REQ_"),
    AT(7, "A", NGX_DECLINED, "upper-case digits in the request id"),
    AT(38, "g", NGX_DECLINED, "no digit in the request id"),
    AT(38, "\0", NGX_DECLINED, "a NUL in the request id"),
    AT(38, "\n", NGX_DECLINED, "a LF in the request id"),
    AT(39, "\0\1", NGX_DECLINED, "a header less"),
    AT(39, "\0\3", NGX_DECLINED, "a header more"),
    AT(39, "\0\41", NGX_DECLINED, "33 headers"),
    AT(39, "\377\377", NGX_DECLINED, "65535 headers"),
    AT(41, "\0\15", NGX_DECLINED, "a longer name"),
    AT(41, "\0\0\0\34", NGX_DECLINED, "no name"),
    AT(41, "\0\34\0\0", NGX_DECLINED, "a name of all"),
    AT(43, "\377\377", NGX_DECLINED, "a longer value"),
    AT(45, "content-type", NGX_OK, "a name in lower case"),
    AT(45, "C:", NGX_DECLINED, "a colon in a name"),
    AT(45, "C ", NGX_DECLINED, "a space in a name"),
    AT(45, "C\n", NGX_DECLINED, "a LF in a name"),
    AT(45, "C\0", NGX_DECLINED, "a NUL in a name"),
    AT(45, "C\351", NGX_DECLINED, "no ASCII in a name"),
    AT(57, "a\tb", NGX_OK, "a tab in a value"),
    AT(57, "a\351b", NGX_OK, "no ASCII in a value"),
    AT(57, "a\r\nb", NGX_DECLINED, "CRLF in a value"),
    AT(57, "a\nb", NGX_DECLINED, "LF in a value"),
    AT(57, "a\rb", NGX_DECLINED, "CR in a value"),
    AT(57, "a\0b", NGX_DECLINED, "NUL in a value"),
    AT(57, "a\177b", NGX_DECLINED, "DEL in a value"),
    AT(57, "a\33b", NGX_DECLINED, "ESC in a value"),
    AT(84, "\0\0\0\15", NGX_DECLINED, "a longer body"),
    AT(84, "\0\0\0\13", NGX_DECLINED, "a shorter body"),
    AT(84, "\377\377\377\377", NGX_DECLINED, "a body of 4 GB"),
    AT(88, "\0\1\2\n", NGX_OK, "any byte in the body")
};


static void
test_texts(void)
{
    size_t              len, i, n;
    u_char             *data, text[400];
    unsigned            wrong, good;
    ngx_spocr_record_t  record;

    small(&record);
    data = write_record(&record, NULL, &len);
    len -= BEFORE;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        memcpy(text, data + BEFORE, len);
        memcpy(text + texts[i].offset, texts[i].bytes, texts[i].len);

        /* C-34 */
        is_int(read_text(text, len), texts[i].rc, "text: %s", texts[i].name);
    }

    wrong = 0;

    for (i = 0; i < len; i++) {
        wrong += read_text(data + BEFORE, i) != NGX_DECLINED;
    }

    memcpy(text, data + BEFORE, len);
    text[len] = '\0';
    wrong += read_text(text, len + 1) != NGX_DECLINED;

    is_int(wrong, 0, "texts that are cut, or go on");

    wrong = 0;
    good = 0;

    for (i = 0; i < MUTATIONS; i++) {
        ngx_int_t  rc;

        memcpy(text, data + BEFORE, len);
        n = below(4) ? len : below((unsigned) len + 1);
        text[below((unsigned) len)] = (u_char) below(256);
        text[below((unsigned) len)] = (u_char) below(256);

        rc = read_text(text, n);
        good += rc == NGX_OK;
        wrong += rc != NGX_OK && rc != NGX_DECLINED;
    }

    is_int(wrong, 0, "%d random texts, %u of them good", MUTATIONS, good);
    free(data);
}


/* What could not be read back is not written. */

static void
test_limits(void)
{
    int                  i;
    char                *name, *value;
    ngx_spocr_record_t   record;
    ngx_spocr_secrets_t  secrets;

    secrets_of(&secrets, A);
    name = malloc(130);
    value = malloc(16385);
    memset(name, 'n', 130);
    memset(value, 'v', 16385);

    small(&record);
    record.headers[0].name.data = (u_char *) name;
    record.headers[0].value.data = (u_char *) value;
    record.nheaders = 1;

    record.headers[0].name.len = 128;
    record.headers[0].value.len = 16384 - 128;
    ok(round_trip(&record, NULL), "16384 bytes of headers");
    ok(round_trip(&record, &secrets), "and sealed");
    record.headers[0].value.len++;
    is_int(ngx_spocr_record_size(&record, NULL), 0, "16385 bytes");

    record.headers[0].value.len = 16385;
    is_int(ngx_spocr_record_size(&record, NULL), 0, "a longer value");
    record.headers[0].value.len = 0;
    record.headers[0].name.len = 129;
    is_int(ngx_spocr_record_size(&record, NULL), 0, "a name of 129");
    record.headers[0].name.len = 0;
    is_int(ngx_spocr_record_size(&record, NULL), 0, "no name");

    small(&record);
    record.nheaders = 33;
    is_int(ngx_spocr_record_size(&record, NULL), 0, "33 headers");

    for (i = 0; i < 4; i++) {
        small(&record);
        record.status = i < 2 ? 199 + 201 * (ngx_uint_t) i : 200;
        record.request_id.len -= i == 2;

        if (i == 3) {
            set(&record.headers[1].value, "a\nb");
        }

        is_int(ngx_spocr_record_size(&record, NULL), 0, "not written (%d)", i);
    }

    free(name);
    free(value);
}


int
main(void)
{
    size_t               i;
    ngx_spocr_secrets_t  secrets;

    for (i = 0; i < 32; i++) {
        owner.id[i] = (u_char) i;
        owner.fingerprint[i] = (u_char) (100 + i);
    }

    secrets_of(&secrets, A "\n" F);

    test_round_trip(NULL, "plain");
    test_round_trip(&secrets, "sealed");
    test_refused(NULL, "plain");
    test_refused(&secrets, "sealed");
    test_sealing();
    test_texts();
    test_limits();

    return done_testing();
}
