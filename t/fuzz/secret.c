
/*
 * Files of secrets, and the signature of a request (C-34, C-42).  Property: a
 * file is refused or taken as a second reading of the rule says, with the line
 * that is wrong, and nothing of it is left when it is refused; an id and a
 * signature are HMAC-SHA256 of what the header says.
 *
 * Inputs have at most 600 bytes.
 */

#include "fuzz.h"
#include <ctype.h>
#include <openssl/hmac.h>
#include "ngx_spocr_secret.h"


typedef struct {
    u_char      all[NGX_SPOCR_SECRETS_MAX + 1][32];
    unsigned    n;
    ngx_uint_t  line;           /* that is wrong */
    int         wrong;
} expected_t;


static void
hmac(const u_char *key, const void *text, size_t len, u_char *out)
{
    unsigned  n;

    property(HMAC(EVP_sha256(), key, 32, text, len, out, &n) != NULL
             && n == 32, "OpenSSL");
}


/* One line without its end; 1 where it is right. */

static int
reference_line(expected_t *e, const u_char *p, size_t len)
{
    char      two[3] = { '\0' };
    size_t    i;
    unsigned  n;

    if (len == 0 || *p == '#') {
        return 1;
    }

    if (e->n == NGX_SPOCR_SECRETS_MAX || len != 64) {
        return 0;
    }

    for (i = 0; i < 64; i += 2) {
        if (!isxdigit(p[i]) || !isxdigit(p[i + 1])) {
            return 0;
        }

        two[0] = (char) p[i];
        two[1] = (char) p[i + 1];
        e->all[e->n][i / 2] = (u_char) strtol(two, NULL, 16);
    }

    for (n = 0; n < e->n; n++) {
        if (memcmp(e->all[n], e->all[e->n], 32) == 0) {
            return 0;
        }
    }

    e->n++;

    return 1;
}


static void
reference(expected_t *e, const u_char *text, size_t len)
{
    size_t      n;
    ngx_uint_t  line;

    e->n = 0;
    e->line = 0;

    for (line = 1; len; line++) {

        for (n = 0; n < len && text[n] != '\n'; n++) {
            /* void */
        }

        /* CRLF ends a line, too */

        if (!reference_line(e, text, n - (n && n < len
                                          && text[n - 1] == '\r')))
        {
            e->wrong = 1;
            e->line = line;
            return;
        }

        n += n < len;
        text += n;
        len -= n;
    }

    e->wrong = e->n == 0;
}


static void
signature(const ngx_spocr_secret_t *secret, fuzz_input_t *in)
{
    char                text[2048], hex[65];
    u_char              mac[32], got[NGX_SPOCR_SIGNATURE_LEN];
    size_t              i, n;
    ngx_str_t          *s, *texts[5];
    ngx_spocr_signed_t  what;

    what.time = (int64_t) fuzz_number(in, 8);
    n = (size_t) sprintf(text, "%lld", (long long) what.time);

    texts[0] = &what.method;
    texts[1] = &what.target;
    texts[2] = &what.request_id;
    texts[3] = &what.uid;
    texts[4] = &what.key_id;

    for (i = 0; i < 5; i++) {
        s = texts[i];
        *s = fuzz_piece(in, fuzz_byte(in));
        text[n++] = '\n';

        if (s->len) {
            memcpy(text + n, s->data, s->len);
            n += s->len;
        }
    }

    property(ngx_spocr_secret_sign(secret, &what, got) == NGX_OK, "sign");
    hmac(secret->secret, text, n, mac);

    for (i = 0; i < 32; i++) {
        sprintf(hex + 2 * i, "%02x", mac[i]);
    }

    property(memcmp(hex, got, 64) == 0, "another signature");
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char               mac[32];
    unsigned             i;
    expected_t           e;
    ngx_uint_t           line;
    const char          *wrong;
    fuzz_input_t         in = { data, data + size };
    ngx_spocr_secret_t   secret;
    ngx_spocr_secrets_t  secrets;

    if (fuzz_byte(&in) & 1) {
        memset(&secret, 0, sizeof(secret));

        for (i = 0; i < 8; i++) {
            secret.secret[i] = fuzz_byte(&in);
        }

        signature(&secret, &in);
        return 0;
    }

    memset(&secrets, 0x5a, sizeof(secrets));
    wrong = ngx_spocr_secrets_parse(&secrets, in.pos, fuzz_left(&in), &line);
    reference(&e, in.pos, fuzz_left(&in));

    property((wrong != NULL) == e.wrong, "%s", wrong ? wrong : "taken");
    property(line == e.line, "line %lu is not %lu", line, e.line);
    property(wrong == NULL || wrong[0], "no words");

    if (wrong) {
        for (i = 0; i < sizeof(secrets); i++) {
            property(((u_char *) &secrets)[i] == 0, "something is left");
        }

        return 0;
    }

    property(secrets.n == e.n && e.n > 0, "%lu secrets", secrets.n);

    for (i = 0; i < e.n; i++) {
        property(memcmp(secrets.all[i].secret, e.all[i], 32) == 0,
                 "another secret");
        hmac(e.all[i], "spocr secret id", 15, mac);
        property(memcmp(secrets.all[i].id, mac, NGX_SPOCR_SECRET_ID_LEN) == 0,
                 "another id");
    }

    return 0;
}
