
/* Secrets, their files, and signatures; C-34, C-42. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ngx_spocr_secret.h"
#include "ngx_spocr_token.h"
#include "tap.h"


/* bytes 0 to 31, and 32 times ff */
#define A  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define AA "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
#define F  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define N(x)                                                                  \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" x "\n"
#define EIGHT  N("1") N("2") N("3") N("4") N("5") N("6") N("7") N("8")


typedef struct {
    const char  *text;
    ngx_uint_t   n;           /* 0: refused */
    ngx_uint_t   line;
    const char  *name;
} parse_case_t;


static const parse_case_t  cases[] = {

    { A, 1, 0, "one line, no LF" },
    { A "\n", 1, 0, "one line" },
    { A "\r\n", 1, 0, "CRLF" },
    { AA "\n", 1, 0, "upper-case digits" },
    { A "\n" F "\n", 2, 0, "two secrets" },
    { "# new\r\n" A "\r\n\r\n# old\r\n" F, 2, 0, "comments, empty lines" },
    { "\n\n#\n" A "\n\n", 1, 0, "more empty lines" },
    { EIGHT, 8, 0, "eight" },

    { "", 0, 0, "empty" },
    { "\n\r\n\n", 0, 0, "empty lines" },
    { "# " A "\n", 0, 0, "a comment alone" },
    { EIGHT N("9"), 0, 9, "nine" },
    { A "\n" A "\n", 0, 2, "the same twice" },
    { A "\n" F "\n#\n" AA "\n", 0, 4, "the same twice, other case" },
    { A "0\n", 0, 1, "65 digits" },
    { A A "\n", 0, 1, "128 digits" },
    { "\n" F "\n00" "\n", 0, 3, "2 digits" },
    { " " A "\n", 0, 1, "a space before" },
    { A " \n", 0, 1, "a space behind" },
    { A "\r", 0, 1, "CR without LF" },
    { A "\r\r\n", 0, 1, "CR CR LF" },
    { " \n" A, 0, 1, "a space alone" },
    { " # x\n" A, 0, 1, "a space before a comment" },
    { "\xef\xbb\xbf" A, 0, 1, "a byte order mark" },
    { "g" N("g"), 0, 1, "not hexadecimal" }
};


static void
test_parse(void)
{
    size_t                i;
    const char           *wrong;
    ngx_uint_t            line;
    ngx_spocr_secrets_t   secrets;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        line = 99;
        wrong = ngx_spocr_secrets_parse(&secrets, (u_char *) cases[i].text,
                                        strlen(cases[i].text), &line);

        ok((wrong == NULL) == (cases[i].n > 0), "parse: %s (%s)",
           cases[i].name, wrong ? wrong : "good");
        is_int(secrets.n, cases[i].n, "secrets: %s", cases[i].name);
        is_int(line, cases[i].line, "line: %s", cases[i].name);
    }

    wrong = ngx_spocr_secrets_parse(&secrets, (const u_char *) A "\0", 65,
                                    &line);
    ok(wrong != NULL, "parse: a NUL");
    wrong = ngx_spocr_secrets_parse(&secrets, (const u_char *) A, 63, &line);
    ok(wrong != NULL, "parse: 63 digits");
}


static void
test_ids(void)
{
    u_char                hex[64];
    ngx_uint_t            line;
    ngx_spocr_secrets_t   secrets, one;

    ngx_spocr_secrets_parse(&secrets, (const u_char *) A "\n" F "\n",
                            2 * 65, &line);
    ngx_spocr_digest_text(secrets.all[0].secret, hex);
    ok(memcmp(hex, A, 64) == 0, "the first one is first");
    ngx_spocr_digest_text(secrets.all[1].secret, hex);
    ok(memcmp(hex, F, 64) == 0, "the second one is second");

    /* printf 'spocr secret id' | openssl dgst -sha256 -mac HMAC
     *     -macopt hexkey:$A */
    ok(memcmp(secrets.all[0].id, "\x3f\x11\x99\x9f", 4) == 0, "an id");
    ok(memcmp(secrets.all[1].id, "\x52\x52\x5b\x59", 4) == 0, "another one");

    ngx_spocr_secrets_parse(&one, (const u_char *) F, 64, &line);
    ok(memcmp(one.all[0].id, secrets.all[1].id, 4) == 0,
       "the place in the file does not matter");
}


static void
set(ngx_str_t *to, const char *text)
{
    to->data = (u_char *) text;
    to->len = strlen(text);
}


static void
test_sign(void)
{
    char                 hex[65], other[65];
    ngx_uint_t           line, i;
    ngx_str_t           *fields[5];
    ngx_spocr_signed_t   what;
    ngx_spocr_secrets_t  secrets;

    ngx_spocr_secrets_parse(&secrets, (const u_char *) A "\n" F "\n",
                            2 * 65, &line);

    what.time = 1700000000;
    set(&what.method, "POST");
    set(&what.target, "/v1/ocr?a=b");
    set(&what.request_id, "req_018bcfe5687b7000800000000000000a");
    set(&what.uid, "u_1");
    set(&what.key_id, "k_1");
    hex[64] = '\0';
    other[64] = '\0';

    is_int(ngx_spocr_secret_sign(&secrets.all[0], &what, (u_char *) hex),
           NGX_OK, "sign");

    /* C-42; printf '1700000000\nPOST\n...\nk_1' | openssl dgst, as above */
    is_str(hex, "dac475bb0d1ab7a498849ea1bb9db907"
           "60bebf3f6893e22175273bb880e1f61f", "a known signature");

    ngx_spocr_secret_sign(&secrets.all[1], &what, (u_char *) other);
    ok(strcmp(hex, other) != 0, "another secret");

    what.time++;
    ngx_spocr_secret_sign(&secrets.all[0], &what, (u_char *) other);
    ok(strcmp(hex, other) != 0, "another time");
    what.time--;

    fields[0] = &what.method;
    fields[1] = &what.target;
    fields[2] = &what.request_id;
    fields[3] = &what.uid;
    fields[4] = &what.key_id;

    for (i = 0; i < 5; i++) {
        fields[i]->len--;
        ngx_spocr_secret_sign(&secrets.all[0], &what, (u_char *) other);
        ok(strcmp(hex, other) != 0, "field %d counts", (int) i);
        fields[i]->len++;
    }

    /* C-42: none of uid and key id takes the other's place */
    set(&what.uid, "");
    set(&what.key_id, "x");
    ngx_spocr_secret_sign(&secrets.all[0], &what, (u_char *) hex);
    set(&what.uid, "x");
    set(&what.key_id, "");
    ngx_spocr_secret_sign(&secrets.all[0], &what, (u_char *) other);
    ok(strcmp(hex, other) != 0, "uid is not key id");

    what.uid.data = NULL;
    what.uid.len = 0;
    what.key_id = what.uid;
    what.time = 0;
    is_int(ngx_spocr_secret_sign(&secrets.all[0], &what, (u_char *) hex),
           NGX_OK, "nobody");
    is_str(hex, "4ec1e4647142d7feb531db6804dfa95a"
           "0fcd692cc8021bded3f75929ee68b0b3", "its signature");
}


static void
test_modes(const char *path)
{
    int                   err;
    size_t                i;
    const char           *wrong;
    ngx_uint_t            line;
    ngx_spocr_secrets_t   secrets;

    static const struct {
        mode_t  mode;
        int     good;
    } modes[] = {
        { 0600, 1 }, { 0400, 1 }, { 0640, 0 }, { 0604, 0 }, { 0620, 0 },
        { 0602, 0 }, { 0610, 0 }, { 0601, 0 }, { 0660, 0 }, { 0666, 0 },
        { 0644, 0 }
    };

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (chmod(path, modes[i].mode) != 0) {
            ok(0, "chmod");
        }

        wrong = ngx_spocr_secrets_read(&secrets, path, &line, &err);

        /* C-34 */
        ok((wrong == NULL) == modes[i].good, "mode %04o: %s",
           (unsigned) modes[i].mode, wrong ? wrong : "good");
        is_int(err, 0, "no fault of the system");
    }

    chmod(path, 0600);
}


static void
rewrite(const char *path, const char *text, size_t size)
{
    FILE    *out;
    size_t   n;

    out = fopen(path, "w");

    if (out == NULL) {
        ok(0, "fopen");
        return;
    }

    n = fwrite(text, 1, strlen(text), out);

    while (n < size) {
        fputc('\n', out);
        n++;
    }

    fclose(out);
}


/* The lowest descriptor that is not in use. */

static int
lowest(void)
{
    int  fd;

    fd = open("/dev/null", O_RDONLY);
    close(fd);

    return fd;
}


static void
test_files(const char *dir, const char *path)
{
    int                   err, before;
    char                  link[64];
    const char           *wrong;
    ngx_uint_t            line;
    ngx_spocr_secrets_t   secrets;

    before = lowest();

    wrong = ngx_spocr_secrets_read(&secrets, path, &line, &err);
    is_str(wrong, NULL, "read");
    is_int(secrets.n, 2, "two secrets");

    snprintf(link, sizeof(link), "%s/link", dir);

    if (symlink(path, link) == 0) {
        wrong = ngx_spocr_secrets_read(&secrets, link, &line, &err);
        is_str(wrong, NULL, "a symbolic link");
        unlink(link);
    }

    rewrite(path, A "\n", 16384);
    wrong = ngx_spocr_secrets_read(&secrets, path, &line, &err);
    is_str(wrong, NULL, "16384 bytes");

    rewrite(path, A "\n", 16385);
    wrong = ngx_spocr_secrets_read(&secrets, path, &line, &err);
    ok(wrong != NULL, "16385 bytes: %s", wrong ? wrong : "good");
    is_int(err, 0, "no fault of the system");

    rewrite(path, A "\nx\n", 0);
    wrong = ngx_spocr_secrets_read(&secrets, path, &line, &err);
    ok(wrong != NULL, "a bad line: %s", wrong ? wrong : "good");
    is_int(line, 2, "which one");

    rewrite(path, "", 0);
    wrong = ngx_spocr_secrets_read(&secrets, path, &line, &err);
    ok(wrong != NULL, "an empty file: %s", wrong ? wrong : "good");
    is_int(line, 0, "no line's fault");

    unlink(path);
    wrong = ngx_spocr_secrets_read(&secrets, path, &line, &err);
    ok(wrong != NULL, "no file: %s", wrong ? wrong : "good");
    is_int(err, ENOENT, "the system says so");

    chmod(dir, 0700);
    wrong = ngx_spocr_secrets_read(&secrets, dir, &line, &err);
    ok(wrong != NULL, "a directory: %s", wrong ? wrong : "good");

    if (mkfifo(path, 0600) == 0) {
        wrong = ngx_spocr_secrets_read(&secrets, path, &line, &err);
        ok(wrong != NULL, "a FIFO: %s", wrong ? wrong : "good");
        unlink(path);
    }

    is_int(lowest(), before, "no descriptor is left");
}


int
main(void)
{
    char  dir[] = "/tmp/spocr_secret_XXXXXX", path[64];

    test_parse();
    test_ids();
    test_sign();

    if (mkdtemp(dir) == NULL) {
        ok(0, "mkdtemp");
        return done_testing();
    }

    snprintf(path, sizeof(path), "%s/file", dir);
    rewrite(path, A "\n" F "\n", 0);

    test_modes(path);
    test_files(dir, path);

    rmdir(dir);

    return done_testing();
}
