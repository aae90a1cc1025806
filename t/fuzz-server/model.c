/*
 * What an honest Redis knows: keys, tenants and a plan, counters and claims.
 * The functions do what ngx_spocr_module/spocr.lua does, but for what only
 * time or a loss of data would show.
 */


#include "fz.h"
#include <openssl/sha.h>


#define FZ_CLAIMS    32
#define FZ_COUNTERS  32


typedef struct {
    u_char       name[160];
    size_t       name_len;
    u_char       state;                 /* P, D, T; 0: free */
    u_char       token[16];
    u_char       fingerprint[32];
    fz_bytes_t   id;
    fz_bytes_t   text;                  /* answer, or reason */
    uint64_t     at, ends;
    ngx_uint_t   attempt;
} fz_claim_t;

typedef struct {
    u_char       name[160];
    size_t       name_len;
    ngx_uint_t   count;
    uint64_t     window;
} fz_counter_t;

typedef struct {
    const char  *kind;                  /* key, tenant, plan */
    const char  *name;                  /* what its digest is of */
    const char  *json;
    char         redis[96];
} fz_known_t;


ngx_uint_t  fz_claims;
ngx_uint_t  fz_lied;

static fz_claim_t    fz_claimed[FZ_CLAIMS];
static fz_counter_t  fz_counters[FZ_COUNTERS];

static fz_known_t  fz_known[] = {
    { "key", "spocr_a", "{\"id\":\"k_a\",\"uid\":\"u_a\","
      "\"scopes\":[\"ocr\"]}", "" },
    { "key", "spocr_b", "{\"id\":\"k_b\",\"uid\":\"u_b\"}", "" },
    { "key", "spocr_n", "{\"id\":\"k_n\",\"uid\":\"u_b\",\"scopes\":[],"
      "\"limits\":{\"key\":2}}", "" },
    { "key", "spocr_r", "{\"id\":\"k_r\",\"uid\":\"u_b\","
      "\"status\":\"revoked\"}", "" },
    { "key", "spocr_x", "{\"id\":\"k_x\",\"uid\":\"u_b\","
      "\"expiresAt\":\"2026-01-01T00:00:00Z\"}", "" },
    { "key", "spocr_z", "{\"id\":\"k_z\",", "" },
    { "key", "spocr_d", "{\"id\":\"k_d\",\"uid\":\"u_d\"}", "" },
    { "tenant", "u_a", "{\"uid\":\"u_a\",\"plan\":\"pro\"}", "" },
    { "tenant", "u_d", "{\"uid\":\"u_d\",\"status\":\"disabled\"}", "" },
    { "plan", NULL, "{\"limits\":{\"key\":12,\"uid\":16}}", "spocr:plan:pro" }
};


void
fz_model_init(void)
{
    char        *p;
    u_char       digest[32];
    ngx_uint_t   i, k;

    for (i = 0; i < fz_n(fz_known); i++) {

        if (fz_known[i].name == NULL) {
            continue;
        }

        SHA256((const u_char *) fz_known[i].name, strlen(fz_known[i].name),
               digest);

        p = fz_known[i].redis;
        p += sprintf(p, "spocr:%s:", fz_known[i].kind);

        for (k = 0; k < 32; k++) {
            p += sprintf(p, "%02x", digest[k]);
        }
    }
}


void
fz_model_forget(void)
{
    ngx_uint_t  i;

    for (i = 0; i < FZ_CLAIMS; i++) {
        fz_claimed[i].state = 0;
        fz_claimed[i].name_len = 0;
    }

    for (i = 0; i < FZ_COUNTERS; i++) {
        fz_counters[i].name_len = 0;
    }

    fz_claims = 0;
    fz_lied = 0;
}


static void
fz_put_int(fz_bytes_t *out, long long n)
{
    char  text[32];

    fz_append(out, text, (size_t) snprintf(text, sizeof(text), ":%lld\r\n",
                                           n));
}


static void
fz_put(fz_bytes_t *out, const void *data, size_t len)
{
    char  text[32];

    fz_append(out, text, (size_t) snprintf(text, sizeof(text), "$%zu\r\n",
                                           len));
    fz_append(out, data, len);
    fz_append(out, "\r\n", 2);
}


static void
fz_put_array(fz_bytes_t *out, ngx_uint_t n, const ngx_str_t *nonce)
{
    char  text[32];

    fz_append(out, text, (size_t) snprintf(text, sizeof(text), "*%zu\r\n",
                                           (size_t) n));
    fz_put(out, nonce->data, nonce->len);
}


static void
fz_put_text(fz_bytes_t *out, const char *text)
{
    fz_put(out, text, strlen(text));
}


static uint64_t
fz_number(const ngx_str_t *text)
{
    ngx_int_t  n;

    n = ngx_atoi(text->data, text->len);

    return n < 0 ? 0 : (uint64_t) n;
}


static ngx_uint_t
fz_is(const ngx_str_t *text, const char *name)
{
    return text->len == strlen(name)
           && memcmp(text->data, name, text->len) == 0;
}


static void
fz_get(const ngx_str_t *keys, ngx_uint_t n, const ngx_str_t *args,
    fz_bytes_t *out)
{
    ngx_uint_t  i, k;

    fz_put_array(out, n + 1, &args[0]);

    for (i = 0; i < n; i++) {

        for (k = 0; k < fz_n(fz_known); k++) {
            if (fz_is(&keys[i], fz_known[k].redis)) {
                break;
            }
        }

        if (k < fz_n(fz_known)) {
            fz_put_text(out, fz_known[k].json);

        } else {
            fz_append(out, "$-1\r\n", 5);
        }
    }
}


static fz_counter_t *
fz_counter(const ngx_str_t *name, uint64_t window)
{
    ngx_uint_t     i;
    fz_counter_t  *counter;

    for (i = 0; i < FZ_COUNTERS; i++) {
        counter = &fz_counters[i];

        if (counter->name_len == 0) {
            memcpy(counter->name, name->data,
                   ngx_min(name->len, sizeof(counter->name)));
            counter->name_len = name->len;
            counter->window = window;
            counter->count = 0;
        }

        if (counter->name_len == name->len
            && memcmp(counter->name, name->data, name->len) == 0)
        {
            if (counter->window != window) {
                counter->window = window;
                counter->count = 0;
            }

            return counter;
        }
    }

    fz_fail("too many counters: %.*s", (int) name->len, name->data);
}


static void
fz_limit(const ngx_str_t *keys, const ngx_str_t *args, fz_bytes_t *out)
{
    uint64_t       width, left, window, max, known;
    ngx_uint_t     i, refused;
    fz_counter_t  *counter[2];

    width = ngx_max(fz_number(&args[3]), 1);
    left = width - fz_now() % width;
    window = fz_now() / width;
    refused = 0;

    for (i = 0; i < 2; i++) {
        max = fz_number(&args[i + 1]);
        counter[i] = fz_counter(&keys[i], window);
        known = fz_number(&args[4]) == window % 16777216
                ? fz_number(&args[i + 5]) : 0;

        if (max) {
            counter[i]->count = ngx_max(counter[i]->count, known);
            refused += counter[i]->count >= max ? i + 1 : 0;
        }
    }

    fz_put_array(out, 6, &args[0]);
    fz_put_int(out, (long long) refused);

    for (i = 0; i < 2; i++) {

        if (!refused && fz_number(&args[i + 1])) {
            counter[i]->count++;
        }

        fz_put_int(out, fz_number(&args[i + 1])
                        ? (long long) counter[i]->count : 0);
    }

    fz_put_int(out, (long long) left);
    fz_put_int(out, (long long) window);
}


static fz_claim_t *
fz_claim_of(const ngx_str_t *name)
{
    ngx_uint_t   i;
    fz_claim_t  *claim;

    for (i = 0; i < FZ_CLAIMS; i++) {
        claim = &fz_claimed[i];

        if (claim->name_len == 0) {
            memcpy(claim->name, name->data,
                   ngx_min(name->len, sizeof(claim->name)));
            claim->name_len = name->len;
            claim->state = 0;
        }

        if (claim->name_len == name->len
            && memcmp(claim->name, name->data, name->len) == 0)
        {
            return claim;
        }
    }

    fz_fail("too many claims");
}


static void
fz_claim_take(fz_claim_t *claim, const ngx_str_t *args)
{
    claim->state = 'P';
    memcpy(claim->token, args[1].data, 16);
    memcpy(claim->fingerprint, args[2].data, 32);
    claim->id.len = 0;
    fz_append(&claim->id, args[6].data, args[6].len);
    claim->at = fz_now();
    claim->ends = fz_now() + fz_number(&args[3]);
    fz_claims++;
}


/* An answer that is there already, or the tombstone. */

static void
fz_claim_past(fz_claim_t *claim, const ngx_str_t *nonce, fz_bytes_t *out)
{
    fz_put_array(out, 4, nonce);
    fz_put_text(out, claim->state == 'D' ? "DONE" : "TOMB");
    fz_put(out, claim->text.data, claim->text.len);
    fz_put(out, claim->id.data, claim->id.len);
}


static void
fz_claim(const ngx_str_t *keys, const ngx_str_t *args, fz_bytes_t *out)
{
    fz_claim_t  *claim;

    if (args[1].len != 16 || args[2].len != 32) {
        fz_fail("a claim with a wrong token or fingerprint");
    }

    claim = fz_claim_of(&keys[0]);

    if (claim->state == 0) {
        claim->attempt = 1;

    } else if (memcmp(claim->fingerprint, args[2].data, 32) != 0) {
        fz_put_array(out, 3, &args[0]);
        fz_put_text(out, "MISMATCH");
        fz_put(out, claim->id.data, claim->id.len);
        return;

    } else if (claim->state != 'P') {
        fz_claim_past(claim, &args[0], out);
        return;

    } else if (memcmp(claim->token, args[1].data, 16) == 0) {
        claim->ends = fz_now() + fz_number(&args[3]);

    } else if (claim->ends > fz_now()) {
        fz_put_array(out, 5, &args[0]);
        fz_put_text(out, "BUSY");
        fz_put_int(out, (long long) (claim->ends - fz_now()));
        fz_put_int(out, (long long) (fz_now() - claim->at));
        fz_put(out, claim->id.data, claim->id.len);
        return;

    } else if (!fz_is(&args[5], "retry")) {
        claim->state = 'T';
        claim->text.len = 0;
        fz_append(&claim->text, "outcome_unknown", 15);
        fz_claim_past(claim, &args[0], out);
        return;

    } else {
        claim->attempt++;
    }

    fz_claim_take(claim, args);

    fz_put_array(out, 4, &args[0]);
    fz_put_text(out, "NEW");
    fz_put_int(out, (long long) claim->attempt);
    fz_put_int(out, (long long) fz_now());
}


static ngx_uint_t
fz_owns(const fz_claim_t *claim, const ngx_str_t *args)
{
    return claim->state && args[1].len == 16
           && memcmp(claim->token, args[1].data, 16) == 0;
}


static void
fz_renew(const ngx_str_t *keys, const ngx_str_t *args, fz_bytes_t *out)
{
    ngx_uint_t   mine;
    fz_claim_t  *claim;

    claim = fz_claim_of(&keys[0]);
    mine = claim->state == 'P' && fz_owns(claim, args);

    if (mine) {
        claim->ends = fz_now() + fz_number(&args[2]);
    }

    fz_put_array(out, 2, &args[0]);
    fz_put_int(out, (long long) mine);
}


static void
fz_release(const ngx_str_t *keys, const ngx_str_t *args, fz_bytes_t *out)
{
    ngx_uint_t   mine;
    fz_claim_t  *claim;

    claim = fz_claim_of(&keys[0]);
    mine = claim->state == 'P' && fz_owns(claim, args);

    if (mine) {
        claim->state = 0;
    }

    fz_put_array(out, 2, &args[0]);
    fz_put_int(out, (long long) mine);
}


static void
fz_complete(const ngx_str_t *keys, const ngx_str_t *args, fz_bytes_t *out)
{
    const char  *answer;
    fz_claim_t  *claim;

    claim = fz_claim_of(&keys[0]);

    if (claim->state && (!fz_owns(claim, args)
                         || memcmp(claim->fingerprint, args[2].data, 32) != 0))
    {
        answer = "LOST";

    } else if (claim->state == 'D'
               || (claim->state == 'T'
                   && (claim->text.len != 15
                       || memcmp(claim->text.data, "outcome_unknown", 15)
                          != 0)))
    {
        answer = "DUP";

    } else {
        answer = claim->state ? "OK" : "RESTORED";

        claim->state = args[4].data[0];
        memcpy(claim->token, args[1].data, 16);
        memcpy(claim->fingerprint, args[2].data, 32);
        claim->id.len = 0;
        fz_append(&claim->id, args[7].data, args[7].len);
        claim->text.len = 0;

        if (claim->state == 'D') {
            fz_append(&claim->text, args[6].data, args[6].len);

        } else {
            fz_append(&claim->text, args[5].data, args[5].len);
        }
    }

    if (args[4].data[0] == 'D') {
        fz_check_record(keys[0].data, keys[0].len, &args[2], &args[6]);
    }

    fz_put_array(out, 2, &args[0]);
    fz_put_text(out, answer);
}


static void
fz_function(const fz_command_t *command, fz_bytes_t *out)
{
    ngx_uint_t        i, n;
    const ngx_str_t  *keys, *args;

    static const struct {
        const char   *name;
        ngx_uint_t    nargs;
        void        (*call)(const ngx_str_t *keys, const ngx_str_t *args,
                            fz_bytes_t *out);
    } functions[] = {
        { "spocr_v2_limit", 7, fz_limit },
        { "spocr_v2_claim", 7, fz_claim },
        { "spocr_v2_renew", 3, fz_renew },
        { "spocr_v2_release", 2, fz_release },
        { "spocr_v2_complete", 9, fz_complete }
    };

    n = (ngx_uint_t) (command->word[2].data[0] - '0');
    keys = &command->word[3];
    args = keys + n;

    if (command->word[2].len != 1 || n > 9 || 3 + n >= command->n) {
        fz_fail("a function without a nonce");
    }

    if (fz_is(&command->word[1], "spocr_v2_hello")) {
        fz_put_array(out, 3, &args[0]);
        fz_put_int(out, 2);
        fz_put_int(out, (long long) fz_now());
        return;
    }

    if (fz_is(&command->word[1], "spocr_v2_get")) {
        fz_get(keys, n, args, out);
        return;
    }

    for (i = 0; i < fz_n(functions); i++) {
        if (fz_is(&command->word[1], functions[i].name)) {

            if (command->n != 3 + n + functions[i].nargs) {
                fz_fail("%s with %zu words", functions[i].name,
                        (size_t) command->n);
            }

            functions[i].call(keys, args, out);
            return;
        }
    }

    fz_fail("Redis is asked for what it has not");
}


void
fz_model_answer(const fz_command_t *command, fz_bytes_t *out)
{
    const ngx_str_t  *word;

    word = command->word;

    if (command->n > 3
        && (fz_is(&word[0], "FCALL") || fz_is(&word[0], "FCALL_RO")))
    {
        fz_function(command, out);

    } else if (fz_is(&word[0], "HELLO")) {
        fz_append(out, "*6\r\n", 4);
        fz_put_text(out, "server");
        fz_put_text(out, "redis");
        fz_put_text(out, "version");
        fz_put_text(out, "7.0.15");
        fz_put_text(out, "role");
        fz_put_text(out, "master");

    } else if (command->n == 2 && fz_is(&word[0], "SUBSCRIBE")) {
        fz_append(out, "*3\r\n", 4);
        fz_put_text(out, "subscribe");
        fz_put(out, word[1].data, word[1].len);
        fz_put_int(out, 1);

    } else if (fz_is(&word[0], "PING")) {
        fz_append(out, "*2\r\n", 4);
        fz_put_text(out, "pong");
        fz_put_text(out, "");

    } else {
        fz_fail("Redis is sent an unknown command");
    }
}
