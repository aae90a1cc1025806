
/* The key file: contract section 4; C-9 and C-10 for what messages say. */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keyfile.h"
#include "tap.h"


#define D1  "1111111111111111111111111111111111111111111111111111111111111111"
#define D2  "2222222222222222222222222222222222222222222222222222222222222222"
#define SECRET  "spocr_A7kfZ0bQx1sR9tUvWyCdEfGhIjKlMn01AbCd"

/* a file with one key, and with one key that has more fields */
#define KEY(more)  "{\"version\":1,\"keys\":[{\"id\":\"key_1\",\"sha256\":\"" \
                   D1 "\",\"uid\":\"u_1\"" more "}]}"
#define TENANT(body)  "{\"version\":1,\"keys\":[],\"tenants\":{\"u_1\":" body \
                      "}}"
#define PLAN(body)  "{\"version\":1,\"keys\":[],\"plans\":{\"pro\":" body "}}"


typedef struct {
    const char  *text;
    size_t       len;
    size_t       pos;
    size_t       step;         /* bytes of one read */
    size_t       fail_at;      /* 0: never */
} source_t;


static void   *blocks[4096];
static size_t  nblocks;


static void *
test_alloc(void *data, size_t size)
{
    void  *p = malloc(size);

    if (nblocks == 4096 || p == NULL) {
        abort();
    }

    memset(p, 0xa5, size);
    blocks[nblocks++] = p;

    return p;
}


static void
test_free(void)
{
    while (nblocks) {
        free(blocks[--nblocks]);
    }
}


static ssize_t
test_read(void *data, u_char *buf, size_t size)
{
    size_t     n;
    source_t  *source = data;

    if (source->fail_at && source->pos >= source->fail_at) {
        return -1;
    }

    n = source->len - source->pos;
    n = n < size ? n : size;
    n = n < source->step ? n : source->step;

    memcpy(buf, source->text + source->pos, n);
    source->pos += n;

    return (ssize_t) n;
}


static ngx_spocr_keys_t *
load_bytes(const char *text, size_t len, size_t step,
    ngx_spocr_keyfile_error_t *err)
{
    source_t  source = { text, len, 0, step, 0 };

    return ngx_spocr_keyfile_read(test_read, &source, test_alloc, NULL, err);
}


static ngx_spocr_keys_t *
load(const char *text, ngx_spocr_keyfile_error_t *err)
{
    return load_bytes(text, strlen(text), 65536, err);
}


/* Refused, with this message; also when each read gives a single byte. */

static void
refused_bytes(const char *text, size_t len, unsigned line,
    const char *message, const char *name)
{
    ngx_spocr_keys_t           *keys;
    ngx_spocr_keyfile_error_t   err, slow;

    keys = load_bytes(text, len, 65536, &err);

    ok(keys == NULL, "refused: %s", name);
    is_str((char *) err.text, message, "message: %s", name);
    is_int(err.line, line, "line: %s", name);
    test_free();

    keys = load_bytes(text, len, 1, &slow);
    ok(keys == NULL && slow.line == err.line
       && strcmp((char *) slow.text, (char *) err.text) == 0,
       "the same byte by byte: %s", name);
    test_free();

    ok(strstr((char *) err.text, &SECRET[6]) == NULL,
       "no key text in the message: %s", name);    /* C-9 */
}


static void
refused(const char *text, unsigned line, const char *message)
{
    refused_bytes(text, strlen(text), line, message, message);
}


static int
same(const ngx_str_t *s, const char *text)
{
    return s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}


static const char  whole[] =
    "{\n"
    "  \"version\": 1,\n"
    "  \"tenants\": {\n"
    "    \"u_acme\": { \"plan\": \"pro\", \"limits\": { \"uid\": 2400 },\n"
    "                \"status\": \"active\" },\n"
    "    \"u_off\": { \"status\": \"disabled\" }\n"
    "  },\n"
    "  \"keys\": [\n"
    "    { \"id\": \"key_1\", \"sha256\": \"" D1 "\", \"uid\": \"u_acme\",\n"
    "      \"name\": \"Buchhaltung \xc3\xa4\\n\\u00e9\",\n"
    "      \"scopes\": [\"ocr\", \"upload\"],\n"
    "      \"limits\": { \"key\": 60, \"upload\": { \"key\": 5 } },\n"
    "      \"status\": \"active\", \"expiresAt\": \"2027-01-01T00:00:00Z\",\n"
    "      \"createdAt\": \"2026-11-22T12:00:00Z\",\n"
    "      \"rotatedFrom\": \"key_0\", \"meta\": { \"a\": [ { } ] } },\n"
    "    { \"id\": \"key_2\", \"sha256\": \"" D2 "\", \"uid\": \"u_off\",\n"
    "      \"scopes\": [], \"status\": \"revoked\" }\n"
    "  ],\n"
    "  \"plans\": { \"pro\": { \"limits\": { \"key\": null, \"uid\": 1200,\n"
    "             \"upload\": { \"key\": 10, \"uid\": 100 } } } }\n"
    "}\n";


static void
test_whole(size_t step)
{
    char                       *text, *at;
    u_char                      digest[NGX_SPOCR_DIGEST_LEN];
    ngx_str_t                   name;
    ngx_spocr_keys_t           *keys;
    ngx_spocr_limits_t          none = { 0, 0 }, limits;
    const ngx_spocr_key_t      *key;
    ngx_spocr_keyfile_error_t   err;

    /* a "name" may have no line break */
    text = strdup(whole);
    at = strstr(text, "\\n\\u00e9");
    at[0] = ' ';
    at[1] = ' ';

    keys = load_bytes(text, strlen(text), step, &err);
    free(text);

    if (keys == NULL) {
        ok(0, "a whole file, %zu bytes a read: %s", step, err.text);
        return;
    }

    is_int(ngx_spocr_keys_count(keys), 2, "two keys");

    memset(digest, 0x11, sizeof(digest));
    key = ngx_spocr_keys_find(keys, digest);

    if (key == NULL) {
        ok(0, "key_1 by its digest");
        return;
    }

    ok(same(&key->id, "key_1"), "key_1 by its digest");
    ok(same(&key->tenant->uid, "u_acme"), "its uid");
    is_int(key->expires, 1798761600, "its expiry");
    is_int(ngx_spocr_key_check(key, 1798761599), NGX_SPOCR_KEY_OK, "active");
    ok(same(&key->tenant->plan->name, "pro"), "a plan that comes later");

    ngx_spocr_key_limits(key, 0, &none, &limits);
    is_int(limits.key, 60, "limit of the key: its own");
    is_int(limits.uid, 2400, "limit of the uid: the tenant's");

    name.data = (u_char *) "upload";
    name.len = 6;
    ngx_spocr_key_limits(key, ngx_spocr_keys_limit_name_find(keys, &name),
                         &none, &limits);
    is_int(limits.key, 5, "named limit of the key: its own");
    is_int(limits.uid, 100, "named limit of the uid: the plan's");

    ok(ngx_spocr_key_has_scope(key, ngx_spocr_keys_scope_find(keys, &name)),
       "scope upload");
    name.data = (u_char *) "read";
    name.len = 4;
    ok(!ngx_spocr_key_has_scope(key, ngx_spocr_keys_scope_find(keys, &name)),
       "not scope read");

    memset(digest, 0x22, sizeof(digest));
    key = ngx_spocr_keys_find(keys, digest);

    if (key == NULL) {
        ok(0, "key_2 by its digest");
        return;
    }

    ok(!ngx_spocr_key_has_scope(key, 0), "scopes [] are none");
    is_int(ngx_spocr_key_check(key, 0), NGX_SPOCR_KEY_IS_REVOKED, "revoked");
    ok(key->tenant->flags & NGX_SPOCR_KEY_DISABLED, "tenant disabled");

    test_free();
}


static void
test_good(void)
{
    ngx_spocr_keys_t           *keys;
    const ngx_spocr_key_t      *key;
    ngx_spocr_keyfile_error_t   err;

    static const char  *const good[] = {
        "{\"version\":1,\"keys\":[]}",
        "\n\t{ \"keys\" : [ ] , \"version\" : 1 }\r\n  \n",
        "{\"version\":1,\"plans\":{},\"tenants\":{},\"keys\":[]}",
        "{\"\\u0076ersion\":1,\"keys\":[]}",
        PLAN("{}"),
        PLAN("{\"limits\":{}}"),
        PLAN("{\"limits\":{\"key\":1,\"uid\":1000000000}}"),
        TENANT("{}"),
        KEY(",\"meta\":{\"x\":\"" SECRET "\"}"),
        KEY(",\"name\":\"\""),
        KEY(",\"limits\":{\"a\":{}}")
    };
    size_t  i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        keys = load(good[i], &err);
        ok(keys != NULL, "good file %zu %s", i, (char *) err.text);
        test_free();
    }

    keys = load(KEY(""), &err);
    key = keys ? ngx_spocr_keys_key(keys, 0) : NULL;
    ok(key && key->limits == NULL && key->expires == 0
       && ngx_spocr_key_has_scope(key, NGX_DECLINED)
       && ngx_spocr_key_check(key, 0) == NGX_SPOCR_KEY_OK,
       "three fields are enough: active, all scopes, no limits, no expiry");
    test_free();

    keys = load(KEY(",\"expiresAt\":\"1970-01-01T00:00:00Z\""), &err);
    key = keys ? ngx_spocr_keys_key(keys, 0) : NULL;
    ok(key && ngx_spocr_key_check(key, 1000) == NGX_SPOCR_KEY_IS_EXPIRED,
       "a date at the epoch is expired, not never");
    test_free();
}


static void
test_structure(void)
{
    refused("", 0, "the file is empty");
    refused(" \n\n ", 0, "the file is empty");
    refused("[]", 1, "the file must be one JSON object");
    refused("null", 1, "the file must be one JSON object");
    refused("# keys\n{}", 1, "the file must be one JSON object");
    refused("\xef\xbb\xbf{}", 1, "the file begins with a byte order mark; "
            "save it as UTF-8 without one");
    refused("\xff\xfe{", 1, "the file is not UTF-8 (it begins like UTF-16)");
    refused("\xfe\xff{", 1, "the file is not UTF-8 (it begins like UTF-16)");
    refused("{}", 0, "\"version\" is missing");
    refused("{\"version\":1}", 0, "\"keys\" is missing");
    refused("{\"keys\":[]}", 0, "\"version\" is missing");
    refused("{\"version\":2,\"keys\":[]}", 1, "\"version\" must be 1");
    refused("{\"version\":1.0,\"keys\":[]}", 1, "\"version\" must be 1");
    refused("{\"version\":\"1\",\"keys\":[]}", 1, "\"version\" must be 1");
    refused("{\"version\":null,\"keys\":[]}", 1, "\"version\" must be 1");
    refused("{\"version\":1,\n\"version\":1,\"keys\":[]}", 2,
            "\"version\" stands twice");
    refused("{\"version\":1,\"keys\":[],\n\n\"keys\":[]}", 3,
            "\"keys\" stands twice");
    refused("{\"version\":1,\n\"key\":[]}", 2, "unknown member \"key\"");
    refused("{\"" SECRET "\":1}", 1, "unknown member \"spocr_...\"");
    refused("{\"version\":1,\"keys\":{}}", 1, "\"keys\" must be an array");
    refused("{\"version\":1,\"keys\":null}", 1, "\"keys\" must be an array");
    refused("{\"version\":1,\"plans\":[]}", 1, "\"plans\" must be an object");
    refused("{\"version\":1,\"tenants\":1}", 1,
            "\"tenants\" must be an object");
    refused("{\"version\":1,\"keys\":[]}\n{}", 2,
            "text after the end of the object");
    refused("{\"version\":1,\"keys\":[]}x", 1,
            "text after the end of the object");
    refused("{\"version\":1,\"keys\":[],}", 1,
            "a name in quotes is missing here");
    refused("{version:1}", 1, "a name in quotes is missing here");
    refused("{'version':1}", 1, "a name in quotes is missing here");
    refused("{\"version\" 1}", 1, "\":\" is missing here");
    refused("{\"version\":1 \"keys\":[]}", 1,
            "\",\" or \"}\" is missing here");
    refused("{\"version\":1,\"keys\":[{}{}]}", 1,
            "keys[0]: \"id\" is missing");
    refused("{\"version\":1,\"keys\":[,]}", 1,
            "keys[0]: a value is missing here");
    refused("{\"version\":,\"keys\":[]}", 1, "a value is missing here");
    refused("{\"ver\\sion\":1}", 1, "a name is not valid JSON");
    refused("{\"\\u0000\":1}", 1, "a name is not valid JSON");
    refused("{\"version\":1,\"keys\":[1]}", 1, "keys[0]: must be an object");
    refused("{\"version\":1,\"keys\":[\"" SECRET "\"]}", 1,
            "keys[0]: must be an object");
    refused("{\"version\":1,\"keys\":[\n\n[1,2]]}", 3,
            "keys[0]: must be an object");
    refused("{\"version\":1,\"keys\":[{\"id\":[}]}", 1,
            "keys[0]: a bracket is closed by one of another kind");
    refused("{\"version\":1,\"keys\":[\n{\"id\":\"key_1\n\"}]}", 2,
            "keys[0]: a string is not closed on its line");
    refused("{\"version\":1,\"keys\":[{\"id\":\"a\tb\"}]}", 1,
            "keys[0]: a control character in a string");
    refused("{\"version\":1,\"keys\":[{\"id\":\"\\q\"}]}", 1,
            "keys[0]: not valid JSON");
    refused("{\"version\":1,\"keys\":[{\"id\":\n\n nope}]}", 3,
            "keys[0]: not valid JSON");
    refused("{\"version\":1,\"keys\":[{\"id\" \"x\"}]}", 1,
            "keys[0]: not valid JSON");
}


static void
test_bytes(void)
{
    char    *text;
    size_t   i, n;

    static const char  nul[] = "{\"version\":1,\n\"keys\":[{\"id\":\0\"k\"}]}";
    static const char  nul2[] = "{\"version\":1,\n\"keys\":[{\"id\":\"\0\"}]}";
    static const char  nul3[] = "{\"version\":1,\"keys\":[]}\0";

    refused_bytes(nul, sizeof(nul) - 1, 2, "keys[0]: a NUL byte", "NUL");
    refused_bytes(nul2, sizeof(nul2) - 1, 2,
                  "keys[0]: a control character in a string", "NUL in string");
    refused_bytes(nul3, sizeof(nul3) - 1, 1,
                  "text after the end of the object", "NUL at the end");

    refused("{\"version\":1,\"keys\":[{\"id\":\"a\\u0000b\"}]}", 1,
            "keys[0]: a NUL character in a string");
    refused(KEY(",\n\"name\":\"\xff\""), 2, "keys[0]: bad UTF-8");
    refused(KEY(",\"name\":\"\xc3\""), 1, "keys[0]: bad UTF-8");
    refused(KEY(",\"name\":\"\xed\xa0\x80\""), 1, "keys[0]: bad UTF-8");
    refused(KEY(",\"name\":\"\xc0\xaf\""), 1, "keys[0]: bad UTF-8");
    refused(KEY(",\"limits\":{\"key\":99999999999999999999999}"), 1,
            "keys[0]: a number is out of range");

    /* a file that is cut at any byte is refused, whatever the reason */

    n = 0;

    for (i = 0; i < sizeof(whole) - 2; i++) {
        ngx_spocr_keyfile_error_t  err;

        n += load_bytes(whole, i, 65536, &err) != NULL;
        n += err.text[0] == '\0';
        test_free();
    }

    is_int(n, 0, "cut at each of %zu places: refused", i);

    refused("{\"version\":1,\"keys\":[{\"id\":\"key_1\",\"sha", 1,
            "keys[0]: the file ends here");
    refused("{\"version\":1,\"keys\":[", 1, "keys[0]: the file ends here");
    refused("{\"version\":1,\n\"keys\":[]\n", 3, "the file ends here");
    refused("{\"version\":1,", 1, "the file ends here");
    refused("{\"version\":1", 1, "the file ends here");
    refused("{\"version\"", 1, "the file ends here");
    refused("{", 1, "the file ends here");

    /* wildly nested */

    n = 300000;
    text = malloc(n + 1);
    memset(text, '[', n);
    memcpy(text, "{\"version\":1,\"keys\":", 20);
    text[n] = '\0';
    refused_bytes(text, n, 1, "keys[0]: brackets are nested too deep",
                  "300000 brackets");

    memset(text + 20, ' ', n - 20);
    memcpy(text + 20, "[{\"id\":\"", 8);
    memset(text + 28, 'x', 70000);
    refused_bytes(text, n, 1, "keys[0]: an entry of more than 65536 bytes",
                  "long entry");
    free(text);
}


static void
test_read_error(void)
{
    source_t                    source = { KEY(""), sizeof(KEY("")) - 1,
                                           0, 10, 0 };
    size_t                      i;
    unsigned                    bad;
    ngx_spocr_keyfile_error_t   err;

    bad = 0;

    for (i = 1; i < sizeof(KEY("")) - 1; i += 10) {
        source.pos = 0;
        source.fail_at = i;

        bad += ngx_spocr_keyfile_read(test_read, &source, test_alloc, NULL,
                                      &err) != NULL;
        bad += strstr((char *) err.text, "the file cannot be read") == NULL;
        test_free();
    }

    is_int(bad, 0, "a read that fails at each place is said to have failed");
}


static void
test_names(void)
{
    refused("{\"version\":1,\"keys\":[{}]}", 1, "keys[0]: \"id\" is missing");
    refused("{\"version\":1,\"keys\":[{\"id\":\"key_1\",\"uid\":\"u\"}]}", 1,
            "keys[0] (key_1): \"sha256\" is missing");
    refused("{\"version\":1,\"keys\":[{\"id\":\"key_1\",\"sha256\":\"" D1
            "\"}]}", 1, "keys[0] (key_1): \"uid\" is missing");
    refused(KEY(",\"expire\":\"x\""), 1,
            "keys[0] (key_1): unknown field \"expire\"");
    refused(KEY(",\"" SECRET "\":1"), 1,
            "keys[0] (key_1): unknown field \"spocr_...\"");
    refused(KEY(",\"a\\\"\\n\xc3\xa4\":1"), 1,
            "keys[0] (key_1): unknown field \"a????\"");
    refused(KEY(",\n\"id\":\"key_2\""), 2, "keys[0]: field \"id\" stands "
            "twice");
    refused("{\"version\":1,\"keys\":[{\"uid\":\"u\",\"id\":\"" SECRET
            "\"}]}", 1, "keys[0]: \"id\" must be 1 to 64 of A-Z a-z 0-9 . _ "
            ": @ - with a letter or digit first, and not a key's text");
    refused("{\"version\":1,\"keys\":[{\"id\":\"\"}]}", 1,
            "keys[0]: \"id\" must be 1 to 64 of A-Z a-z 0-9 . _ "
            ": @ - with a letter or digit first, and not a key's text");
    refused("{\"version\":1,\"keys\":[{\"id\":7}]}", 1,
            "keys[0]: \"id\" must be 1 to 64 of A-Z a-z 0-9 . _ "
            ": @ - with a letter or digit first, and not a key's text");
    refused("{\"version\":1,\"keys\":[{\"id\":\"k\",\"uid\":\"u 1\"}]}", 1,
            "keys[0] (k): \"uid\" must be 1 to 64 of A-Z a-z 0-9 . _ "
            ": @ - with a letter or digit first, and not a key's text");
    refused("{\"version\":1,\"keys\":[{\"id\":\"k\",\"sha256\":\"" SECRET
            "\"}]}", 1, "keys[0] (k): \"sha256\" holds a key's text; put its "
            "SHA-256 there, and revoke the key if others could read it");
    refused("{\"version\":1,\"keys\":[{\"id\":\"k\",\"sha256\":\"12\"}]}", 1,
            "keys[0] (k): \"sha256\" must be 64 hexadecimal digits");
    refused("{\"version\":1,\"keys\":[{\"id\":\"k\",\"sha256\":12}]}", 1,
            "keys[0] (k): \"sha256\" must be a string");
    refused("{\"version\":1,\"tenants\":{\"u 1\":{}}}", 1,
            "tenants[\"u 1\"]: a uid must be 1 to 64 of A-Z a-z 0-9 . _ "
            ": @ - with a letter or digit first, and not a key's text");
    refused("{\"version\":1,\"tenants\":{\"" SECRET "\":{}}}", 1,
            "tenants[\"spocr_...\"]: a uid must be 1 to 64 of A-Z a-z 0-9 . _ "
            ": @ - with a letter or digit first, and not a key's text");
    refused("{\"version\":1,\"plans\":{\"\":{}}}", 1,
            "plans[\"\"]: a plan must be 1 to 64 of A-Z a-z 0-9 . _ "
            ": @ - with a letter or digit first, and not a key's text");
}


static void
test_duplicates(void)
{
    refused("{\"version\":1,\"keys\":[\n"
            "{\"id\":\"a\",\"sha256\":\"" D1 "\",\"uid\":\"u\"},\n"
            "{\"id\":\"b\",\"sha256\":\"" D2 "\",\"uid\":\"u\"},\n"
            "{\"id\":\"a\",\"sha256\":\"" D2 "\",\"uid\":\"u\"}]}", 4,
            "keys[2] (a): another key has this id, too");
    refused("{\"version\":1,\"keys\":[\n"
            "{\"id\":\"a\",\"sha256\":\"" D1 "\",\"uid\":\"u\"},\n"
            "{\"id\":\"b\",\"sha256\":\"" D1 "\",\"uid\":\"u\"}]}", 3,
            "keys[1] (b): key \"a\" has the same \"sha256\"");
    refused("{\"version\":1,\"tenants\":{\"u\":{},\n\"u\":{}},\"keys\":[]}", 2,
            "tenants[\"u\"]: stands twice");
    refused("{\"version\":1,\"plans\":{\"p\":{},\n\"p\":{}},\"keys\":[]}", 2,
            "plans[\"p\"]: stands twice");
    refused(KEY(",\"meta\":{\"a\":1,\"a\":2}"), 1,
            "keys[0]: field \"a\" stands twice");
    refused(KEY(",\"meta\":{\"" SECRET "\":1,\"" SECRET "\":2}"), 1,
            "keys[0]: field \"spocr_...\" stands twice");
    refused(KEY(",\"scopes\":[\"ocr\",\"ocr\"]"), 1,
            "keys[0] (key_1): scope \"ocr\" stands twice");
    refused("{\"version\":1,\"keys\":[],\"tenants\":{\n"
            "\"u_1\":{\"plan\":\"pro\"},\n\"u_2\":{\"plan\":\"free\"}},\n"
            "\"plans\":{\"pro\":{}}}\n", 3,
            "tenants[\"u_2\"]: plan \"free\" is not defined under \"plans\"");
}


static void
test_values(void)
{
    char  text[2048], filler[1100];

    refused(KEY(",\"limits\":{\"key\":0}"), 1,
            "keys[0] (key_1): limits.key: 0 is no limit; use "
            "\"status\":\"disabled\" to refuse all requests");
    refused(KEY(",\"limits\":{\"key\":-1}"), 1,
            "keys[0] (key_1): limits.key must be an integer from 1 to "
            "1000000000, or null for unlimited");
    refused(KEY(",\"limits\":{\"key\":1.5}"), 1,
            "keys[0] (key_1): limits.key must be an integer from 1 to "
            "1000000000, or null for unlimited");
    refused(KEY(",\"limits\":{\"key\":\"60\"}"), 1,
            "keys[0] (key_1): limits.key must be an integer from 1 to "
            "1000000000, or null for unlimited");
    refused(KEY(",\"limits\":{\"key\":true}"), 1,
            "keys[0] (key_1): limits.key must be an integer from 1 to "
            "1000000000, or null for unlimited");
    refused(TENANT("{\"limits\":{\"uid\":1000000001}}"), 1,
            "tenants[\"u_1\"]: limits.uid must be an integer from 1 to "
            "1000000000, or null for unlimited");
    refused(KEY(",\"limits\":{\"uid\":600}"), 1,
            "keys[0] (key_1): limits.uid: the limit of a uid belongs to its "
            "tenant or plan");
    refused(KEY(",\"limits\":{\"upload\":{\"uid\":600}}"), 1,
            "keys[0] (key_1): limits.upload.uid: the limit of a uid belongs "
            "to its tenant or plan");
    refused(PLAN("{\"limits\":{\"upload\":{\"key\":0}}}"), 1,
            "plans[\"pro\"]: limits.upload.key: 0 is no limit; use "
            "\"status\":\"disabled\" to refuse all requests");
    refused(PLAN("{\"limits\":{\"upload\":{\"keys\":1}}}"), 1,
            "plans[\"pro\"]: limits.upload: unknown field \"keys\"");
    refused(PLAN("{\"limits\":{\"upload\":10}}"), 1,
            "plans[\"pro\"]: limits: \"upload\" must be an object");
    refused(PLAN("{\"limits\":{\"default\":{\"key\":10}}}"), 1,
            "plans[\"pro\"]: limits: \"default\" is reserved; its numbers "
            "stand directly under \"limits\"");
    refused(PLAN("{\"limits\":{\"a b\":{}}}"), 1,
            "plans[\"pro\"]: limits: \"a b\" is neither \"key\" nor \"uid\" "
            "nor a limit's name");
    refused(PLAN("{\"limits\":60}"), 1,
            "plans[\"pro\"]: \"limits\" must be an object");
    refused(PLAN("{\"status\":\"active\"}"), 1,
            "plans[\"pro\"]: unknown field \"status\"");
    refused(PLAN("[]"), 1, "plans[\"pro\"]: must be an object");
    refused(TENANT("null"), 1, "tenants[\"u_1\"]: must be an object");
    refused(TENANT("{\"plan\":null}"), 1,
            "tenants[\"u_1\"]: \"plan\" must be 1 to 64 of A-Z a-z 0-9 . _ "
            ": @ - with a letter or digit first, and not a key's text");
    refused(TENANT("{\"status\":\"revoked\"}"), 1,
            "tenants[\"u_1\"]: \"status\" must be \"active\" or "
            "\"disabled\"");
    refused(TENANT("{\"name\":\"x\"}"), 1,
            "tenants[\"u_1\"]: unknown field \"name\"");
    refused(KEY(",\"status\":\"Active\""), 1, "keys[0] (key_1): \"status\" "
            "must be \"active\", \"disabled\" or \"revoked\"");
    refused(KEY(",\"status\":\"" SECRET "\""), 1, "keys[0] (key_1): "
            "\"status\" must be \"active\", \"disabled\" or \"revoked\"");
    refused(KEY(",\"status\":1"), 1, "keys[0] (key_1): \"status\" "
            "must be \"active\", \"disabled\" or \"revoked\"");
    refused(KEY(",\"scopes\":\"ocr\""), 1, "keys[0] (key_1): \"scopes\" must "
            "be an array of strings");
    refused(KEY(",\"scopes\":[1]"), 1, "keys[0] (key_1): a scope must be 1 "
            "to 64 of A-Z a-z 0-9 . _ : @ - with a letter or digit first, and "
            "not a key's text");
    refused(KEY(",\"expiresAt\":\"tomorrow\""), 1, "keys[0] (key_1): "
            "\"expiresAt\" must be a date and time such as "
            "\"2027-01-01T00:00:00Z\"");
    refused(KEY(",\"expiresAt\":1798761600"), 1, "keys[0] (key_1): "
            "\"expiresAt\" must be a date and time such as "
            "\"2027-01-01T00:00:00Z\"");
    refused(KEY(",\"createdAt\":\"2026-02-30T00:00:00Z\""), 1,
            "keys[0] (key_1): \"createdAt\" must be a date and time such as "
            "\"2027-01-01T00:00:00Z\"");
    refused(KEY(",\"rotatedFrom\":\"\""), 1, "keys[0] (key_1): "
            "\"rotatedFrom\" must be 1 to 64 of A-Z a-z 0-9 . _ : @ - with a "
            "letter or digit first, and not a key's text");
    refused(KEY(",\"name\":null"), 1,
            "keys[0] (key_1): \"name\" must be a string");
    refused(KEY(",\"name\":\"a\\nb\""), 1,
            "keys[0] (key_1): \"name\" has a control character");
    refused(KEY(",\"name\":\"a\\u0085b\""), 1,
            "keys[0] (key_1): \"name\" has a control character");
    refused(KEY(",\"meta\":[]"), 1,
            "keys[0] (key_1): \"meta\" must be an object");

    memset(filler, 'm', sizeof(filler));

    /* {"x":"..."}: 8 bytes more than the string */
    snprintf(text, sizeof(text), KEY(",\"meta\":{ \"x\" : \"%.*s\" }"), 1017,
             filler);
    refused(text, 1, "keys[0] (key_1): \"meta\" has more than 1024 bytes");

    snprintf(text, sizeof(text), KEY(",\"meta\":{ \"x\" : \"%.*s\" }"), 1016,
             filler);
    ok(load(text, &(ngx_spocr_keyfile_error_t) { 0 }) != NULL,
       "meta of 1024 bytes");
    test_free();

    memset(filler, 'n', 129);
    snprintf(text, sizeof(text), KEY(",\"name\":\"%.*s\""), 129, filler);
    refused(text, 1, "keys[0] (key_1): \"name\" has more than 128 "
            "characters");

    for (int i = 0; i < 128; i++) {
        filler[2 * i] = '\xc3';
        filler[2 * i + 1] = '\xa4';
    }

    snprintf(text, sizeof(text), KEY(",\"name\":\"%.*s\""), 256, filler);
    ok(load(text, &(ngx_spocr_keyfile_error_t) { 0 }) != NULL,
       "a name of 128 characters in 256 bytes");
    test_free();
}


static void
test_counts(void)
{
    int    i, n;
    char  *text;

    text = malloc(8192);

    n = sprintf(text, "{\"version\":1,\"keys\":[{\"id\":\"k\",\"sha256\":\""
                D1 "\",\"uid\":\"u\",\"scopes\":[");

    for (i = 0; i < 65; i++) {
        n += sprintf(text + n, "%s\"s%d\"", i ? "," : "", i);
    }

    sprintf(text + n, "]}]}");
    refused(text, 1, "keys[0] (k): more than 64 different scopes in the file");

    n = sprintf(text, "{\"version\":1,\"keys\":[],\"plans\":{\"p\":"
                "{\"limits\":{");

    for (i = 0; i < 65; i++) {
        n += sprintf(text + n, "%s\"n%d\":{}", i ? "," : "", i);
    }

    sprintf(text + n, "}}}}");
    refused(text, 1, "plans[\"p\"]: more than 64 different names of limits in "
            "the file");

    free(text);
}


static void
test_time(void)
{
    size_t   i;
    int64_t  seconds;

    static const struct {
        const char  *text;
        int64_t      seconds;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1969-12-31T23:59:59Z", -1 },
        { "2000-02-29T12:34:56Z", 951827696 },
        { "2024-02-29T00:00:00Z", 1709164800 },
        { "2027-01-01T00:00:00Z", 1798761600 },
        { "2027-01-01t00:00:00z", 1798761600 },
        { "2027-01-01T00:00:00.999Z", 1798761600 },
        { "2027-01-01T09:00:00+09:00", 1798761600 },
        { "2026-12-31T21:30:00-02:30", 1798761600 },
        { "2027-01-01T00:00:00.5+00:00", 1798761600 },
        { "9999-12-31T23:59:59Z", 253402300799 },
        { "0001-01-01T00:00:00Z", -62135596800 },
        { "1900-03-01T00:00:00Z", -2203891200 },
    };

    static const char  *const bad[] = {
        "", "2027", "2027-01-01", "2027-01-01T00:00:00", "2027-01-01 00:00:00Z",
        "2027-01-01T00:00Z", "2027-1-1T00:00:00Z", "2027-13-01T00:00:00Z",
        "2027-00-01T00:00:00Z", "2027-01-00T00:00:00Z", "2027-01-32T00:00:00Z",
        "2027-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2027-04-31T00:00:00Z",
        "2027-01-01T24:00:00Z", "2027-01-01T00:60:00Z", "2027-01-01T00:00:60Z",
        "2027-01-01T00:00:00.Z", "2027-01-01T00:00:00,5Z",
        "2027-01-01T00:00:00+9:00", "2027-01-01T00:00:00+0900",
        "2027-01-01T00:00:00+24:00", "2027-01-01T00:00:00+01:60",
        "2027-01-01T00:00:00ZZ", "2027-01-01T00:00:00Z ", "+2027-01-01T00:00Z",
        "-001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "2027-01-01T00:00:00.5",
        "2027-01-01T00:00:00.5+", "2027/01/01T00:00:00Z",
        "2027-01-01T-1:00:00Z"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        seconds = 12345;
        is_int(ngx_spocr_time_parse((u_char *) good[i].text,
                                    strlen(good[i].text), &seconds),
               NGX_OK, "time %s", good[i].text);
        is_int(seconds, good[i].seconds, "seconds of %s", good[i].text);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(ngx_spocr_time_parse((u_char *) bad[i], strlen(bad[i]),
                                    &seconds),
               NGX_ERROR, "no time: \"%s\"", bad[i]);
    }
}


int
main(void)
{
    test_whole(65536);
    test_whole(1);
    test_whole(7);
    test_good();
    test_structure();
    test_bytes();
    test_read_error();
    test_names();
    test_duplicates();
    test_values();
    test_counts();
    test_time();

    return done_testing();
}
