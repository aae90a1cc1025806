
/*
 * idempotency show, idempotency forget: what is stored under an
 * Idempotency-Key, and how to have it stored no more.
 *
 * The key's text comes on stdin, never in the arguments, which other users can
 * see.  Invariant: it is not printed, nor is a stored body that nobody asked
 * for; and forget takes away what it has looked at, or nothing.
 */


#include "idempotency.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>


#define INPUT_MAX  4096
#define SLOT_LEN   16               /* digits of the uid's digest in a key */


static const char  *const  state_words[] = {
    "in progress", "outcome unknown", "done", "not replayable", "malformed"
};

static const char  *const  state_names[] = {
    "in_progress", "outcome_unknown", "done", "not_replayable", "malformed"
};


static ctl_link_t *find(const ctl_opts_t *opts, bool change, char **name,
    ctl_idem_t *idem);
static void key_id(const ctl_opts_t *opts, u_char *id);
static size_t input_read(u_char *input);
static void secrets_read(ngx_spocr_secrets_t *secrets, const char *path);
static bool delete(ctl_link_t *link, const char *name);
static json_t *idem_json(const ctl_opts_t *opts, const ctl_idem_t *idem);
static json_t *answer_json(const ctl_idem_answer_t *answer, bool body);
static void idem_print(const ctl_idem_t *idem);
static void answer_print(const ctl_idem_answer_t *answer, bool body);
static void body_print(const ngx_str_t *body);
static char *span_text(int64_t ms);


void
ctl_idempotency_show(const ctl_opts_t *opts)
{
    char                 *name;
    json_t               *out;
    ctl_idem_t            idem;
    ctl_idem_answer_t     answer;
    ngx_spocr_secrets_t   secrets;

    if (opts->secret_file) {
        secrets_read(&secrets, opts->secret_file);
    }

    (void) find(opts, false, &name, &idem);
    memset(&answer, 0, sizeof(ctl_idem_answer_t));

    if (idem.state == CTL_IDEM_DONE) {
        ctl_idem_open(&idem, opts->secret_file ? &secrets : NULL, &answer);
    }

    if (opts->secret_file) {
        OPENSSL_cleanse(&secrets, sizeof(ngx_spocr_secrets_t));
    }

    if (opts->json) {
        out = idem_json(opts, &idem);

        if (idem.state == CTL_IDEM_DONE) {
            json_object_set_new(out, "answer",
                                answer_json(&answer, opts->body));
        }

        ctl_say_json(out);

    } else {
        idem_print(&idem);

        if (idem.state == CTL_IDEM_DONE) {
            answer_print(&answer, opts->body);
        }
    }

    /* what was asked for, and was not to be had */

    if (idem.state == CTL_IDEM_DONE && answer.wrong
        && (opts->secret_file || opts->body || !answer.sealed))
    {
        ctl_say_done();
        ctl_die(CTL_FAILED, "the stored answer was not opened: %s",
                answer.wrong);
    }

    if (opts->body && idem.state != CTL_IDEM_DONE) {
        ctl_say_done();
        ctl_die(CTL_FAILED, "there is no stored answer");
    }
}


void
ctl_idempotency_forget(const ctl_opts_t *opts)
{
    char        *name, *left;
    json_t      *out;
    ctl_idem_t   idem;
    ctl_link_t  *link;

    link = find(opts, true, &name, &idem);

    if (idem.held && !opts->force) {
        left = idem.lease ? span_text(idem.lease - idem.now)
                          : ctl_text("an unknown time");
        ctl_die(CTL_FAILED, "its request is in progress, and its lease lasts "
                "for %s: wait, or --force (nothing was changed)", left);
    }

    if (!delete(link, name)) {
        ctl_die(CTL_FAILED, "the record has changed meanwhile: look at it "
                "again (nothing was changed)");
    }

    if (opts->json) {
        out = idem_json(opts, &idem);
        json_object_set_new(out, "forgotten", json_true());
        ctl_say_json(out);

    } else {
        idem_print(&idem);
    }

    ctl_say_done();
    ctl_note(opts, "it is forgotten: a retry with this key executes the "
             "request again%s", idem.held ? ", and the first one may be "
             "running" : "");
}


/* Asks for the record of the command line's uid and stdin's key; exits where
 * there is none.  change: it is watched. */

static ctl_link_t *
find(const ctl_opts_t *opts, bool change, char **name, ctl_idem_t *idem)
{
    char         slot[CTL_HEX_LEN], hex[CTL_HEX_LEN];
    ctl_link_t  *link;

    if (opts->file) {
        ctl_die(CTL_USAGE, "a key file has no records of Idempotency-Keys: "
                "they are in Redis, without --file");
    }

    memset(idem, 0, sizeof(ctl_idem_t));

    key_id(opts, idem->owner.id);
    ngx_spocr_digest_text(idem->owner.id, (u_char *) hex);
    hex[64] = '\0';

    ctl_digest_hex(opts->uid, strlen(opts->uid), slot);

    link = ctl_link_open(opts);
    *name = ctl_text("%s{%.*s}:i:%s", link->place.prefix, SLOT_LEN, slot, hex);

    if (change) {
        freeReplyObject(ctl_ask(link, "WATCH", *name));
    }

    if (!ctl_idem_read(link, *name, idem)) {
        ctl_die(CTL_FAILED, "%s: there is no record of this Idempotency-Key "
                "for uid %s%s%s", link->place.url, opts->uid,
                opts->key_id ? " and key " : "",
                opts->key_id ? opts->key_id : "");
    }

    return link;
}


/* The id of the record; the key's text is forgotten. */

static void
key_id(const ctl_opts_t *opts, u_char *id)
{
    u_char     input[INPUT_MAX], key[NGX_SPOCR_IDEMKEY_MAX];
    size_t     size, len;
    ngx_int_t  rc;
    ngx_str_t  uid, key_id;

    if (opts->uid == NULL) {
        ctl_die(CTL_USAGE, "--uid is missing");
    }

    ctl_name_check("--uid", opts->uid);

    if (opts->key_id) {
        ctl_name_check("--key-id", opts->key_id);
    }

    size = input_read(input);
    rc = ngx_spocr_idemkey_parse(input, size, key, &len);
    OPENSSL_cleanse(input, sizeof(input));

    if (rc != NGX_OK) {
        ctl_die(CTL_USAGE, "stdin has no Idempotency-Key: 1 to 255 visible "
                "ASCII characters, without double quotes, backslashes and "
                "commas, or in double quotes");
    }

    uid.data = (u_char *) opts->uid;
    uid.len = strlen(opts->uid);
    key_id.data = (u_char *) (opts->key_id ? opts->key_id : "");
    key_id.len = strlen((char *) key_id.data);

    rc = ngx_spocr_idemkey_id(&uid, &key_id, key, len, id);
    OPENSSL_cleanse(key, sizeof(key));

    if (rc != NGX_OK) {
        ctl_die(CTL_FAILED, "SHA-256 does not work (OpenSSL)");
    }
}


/* All of stdin, which is one line; INPUT_MAX bytes of room.  Returns its
 * length. */

static size_t
input_read(u_char *input)
{
    size_t  len;

    if (isatty(STDIN_FILENO)) {
        fputs("Idempotency-Key: ", stderr);
        len = fgets((char *) input, INPUT_MAX, stdin)
              ? strlen((char *) input) : 0;

    } else {
        len = fread(input, 1, INPUT_MAX, stdin);
    }

    if (ferror(stdin)) {
        ctl_die(CTL_FAILED, "stdin: %s", strerror(errno));
    }

    if (len == INPUT_MAX) {
        ctl_die(CTL_USAGE, "stdin is too long to be an Idempotency-Key");
    }

    if (len && input[len - 1] == '\n') {
        len--;

        if (len && input[len - 1] == '\r') {
            len--;
        }
    }

    if (len == 0) {
        ctl_die(CTL_USAGE, "stdin is empty: an Idempotency-Key is read from "
                "it");
    }

    if (memchr(input, '\n', len)) {
        ctl_die(CTL_USAGE, "stdin has more than one line: one Idempotency-Key "
                "is read from it");
    }

    return len;
}


static void
secrets_read(ngx_spocr_secrets_t *secrets, const char *path)
{
    int          err;
    ngx_uint_t   line;
    const char  *wrong;

    wrong = ngx_spocr_secrets_read(secrets, path, &line, &err);

    if (wrong == NULL) {
        return;
    }

    if (line) {
        ctl_die(CTL_FAILED, "the secret file: line %d: %s", (int) line, wrong);
    }

    ctl_die(CTL_FAILED, "the secret file: %s%s%s", wrong, err ? ": " : "",
            err ? strerror(err) : "");
}


/* false: somebody has changed it since it was watched. */

static bool
delete(ctl_link_t *link, const char *name)
{
    bool         kept;
    redisReply  *reply;

    freeReplyObject(ctl_ask(link, "MULTI"));
    freeReplyObject(ctl_ask(link, "DEL", name));

    link->doubt = "; the record may have been forgotten or not: look";
    reply = ctl_ask(link, "EXEC");
    link->doubt = NULL;

    kept = (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1);

    if (kept && reply->element[0]->type == REDIS_REPLY_ERROR) {
        ctl_refused(link, reply->element[0]);
    }

    kept = kept && reply->element[0]->type == REDIS_REPLY_INTEGER
           && reply->element[0]->integer == 1;

    freeReplyObject(reply);

    return kept;
}


static json_t *
idem_json(const ctl_opts_t *opts, const ctl_idem_t *idem)
{
    char     buf[CTL_TIME_LEN];
    json_t  *out;

    out = ctl_need(json_pack("{s:s, s:s*, s:s, s:s*, s:s*}",
                             "uid", opts->uid, "keyId", opts->key_id,
                             "state", state_names[idem->state],
                             "reason", idem->wrong ? idem->wrong
                                       : idem->reason[0] ? idem->reason : NULL,
                             "requestId", idem->request_id[0]
                                          ? idem->request_id : NULL));

    if (idem->claimed) {
        ctl_time_text(idem->claimed / 1000, buf);
        json_object_set_new(out, "claimedAt", json_string(buf));
    }

    if (idem->attempt) {
        json_object_set_new(out, "attempt", json_integer(idem->attempt));
    }

    if (idem->held && idem->lease) {
        json_object_set_new(out, "leaseLeftMs",
                            json_integer(idem->lease - idem->now));
    }

    if (idem->ttl == -1) {
        json_object_set_new(out, "expiresAt", json_null());

    } else {
        ctl_time_text((idem->now + idem->ttl) / 1000, buf);
        json_object_set_new(out, "expiresAt", json_string(buf));
    }

    json_object_set_new(out, "bytes",
                        json_integer((json_int_t) idem->stored.len));

    return out;
}


static json_t *
answer_json(const ctl_idem_answer_t *answer, bool body)
{
    char                       *text;
    json_t                     *out, *names, *value;
    ngx_uint_t                  i;
    const ngx_str_t            *name;
    const ngx_spocr_record_t   *record;

    record = &answer->record;

    if (answer->wrong) {
        return ctl_need(json_pack("{s:b, s:s}", "sealed", answer->sealed,
                                  "notOpened", answer->wrong));
    }

    names = ctl_need(json_array());

    for (i = 0; i < record->nheaders; i++) {
        name = &record->headers[i].name;
        json_array_append_new(names, ctl_need(json_stringn((char *) name->data,
                                                           name->len)));
    }

    out = ctl_need(json_pack("{s:b, s:I, s:o, s:I}", "sealed", answer->sealed,
                             "status", (json_int_t) record->status,
                             "headers", names,
                             "bodyBytes", (json_int_t) record->body.len));
    if (!body) {
        return out;
    }

    value = json_stringn((char *) record->body.data, record->body.len);

    if (value) {
        json_object_set_new(out, "body", value);
        return out;
    }

    /* it is no UTF-8 */

    text = ctl_need(malloc(4 * (record->body.len / 3 + 1) + 1));
    EVP_EncodeBlock((u_char *) text, record->body.data,
                    (int) record->body.len);
    json_object_set_new(out, "bodyBase64", ctl_need(json_string(text)));
    free(text);

    return out;
}


static void
idem_print(const ctl_idem_t *idem)
{
    char         buf[CTL_TIME_LEN];
    const char  *why;

    why = idem->wrong ? idem->wrong
          : idem->state == CTL_IDEM_TOMB ? idem->reason
          : (idem->state == CTL_IDEM_UNKNOWN && idem->reason[0] == '\0')
          ? "its lease has ended" : NULL;

    printf("%-12s %s%s%s\n", "state", state_words[idem->state],
           why ? ": " : "", why ? why : "");
    printf("%-12s %s\n", "request",
           idem->request_id[0] ? idem->request_id : "-");

    if (idem->claimed) {
        ctl_time_text(idem->claimed / 1000, buf);
        printf("%-12s %s, %s ago\n", "claimed", buf,
               span_text(idem->now - idem->claimed));
    }

    if (idem->attempt) {
        printf("%-12s %" PRId64 "\n", "attempt", idem->attempt);
    }

    if (idem->held && idem->lease) {
        printf("%-12s %s left\n", "lease", span_text(idem->lease - idem->now));
    }

    if (idem->ttl == -1) {
        printf("%-12s never\n", "expires");

    } else {
        ctl_time_text((idem->now + idem->ttl) / 1000, buf);
        printf("%-12s %s, in %s\n", "expires", buf, span_text(idem->ttl));
    }

    printf("%-12s %zu bytes\n", "size", idem->stored.len);
}


static void
answer_print(const ctl_idem_answer_t *answer, bool body)
{
    ngx_uint_t                  i;
    const ngx_spocr_record_t   *record;

    record = &answer->record;

    if (answer->wrong) {
        printf("%-12s not opened: %s\n", "answer", answer->wrong);
        return;
    }

    printf("%-12s %s\n", "sealed", answer->sealed ? "yes" : "no");
    printf("%-12s %d\n%-12s ", "status", (int) record->status, "headers");

    /* tokens, each of them */

    for (i = 0; i < record->nheaders; i++) {
        printf("%s%.*s", i ? ", " : "", (int) record->headers[i].name.len,
               (char *) record->headers[i].name.data);
    }

    printf("%s\n%-12s %zu bytes\n", record->nheaders ? "" : "-", "body",
           record->body.len);

    if (body) {
        putchar('\n');
        body_print(&record->body);
    }
}


/* Without what a terminal would obey, and as UTF-8 or not at all. */

static void
body_print(const ngx_str_t *body)
{
    u_char   ch;
    size_t   i;
    json_t  *text;

    text = json_stringn((char *) body->data, body->len);

    for (i = 0; i < body->len; i++) {
        ch = body->data[i];

        if (text && ch == 0xc2 && body->data[i + 1] < 0xa0) {
            printf("\\xc2\\x%02x", body->data[++i]);

        } else if ((ch < ' ' && ch != '\n' && ch != '\t') || ch == 0x7f
                   || (ch > 0x7f && text == NULL))
        {
            printf("\\x%02x", ch);

        } else {
            putchar(ch);
        }
    }

    json_decref(text);
    putchar('\n');
}


/* "1.5 s", "90 min"; not negative. */

static char *
span_text(int64_t ms)
{
    ms = ms < 0 ? 0 : ms;

    return ms < 120000 ? ctl_text("%.1f s", (double) ms / 1000)
           : ms < 120 * 60000 ? ctl_text("%" PRId64 " min", ms / 60000)
           : ctl_text("%" PRId64 " h", ms / 3600000);
}
