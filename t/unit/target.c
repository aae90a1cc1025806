
/* Request targets: C-36. */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ctype.h>
#include "ngx_spocr_target.h"
#include "tap.h"


static const char *
check(const char *text)
{
    return ngx_spocr_target_check((const u_char *) text, strlen(text));
}


static void
test_plain(void)
{
    size_t       i;
    const char  *plain[] = {
        "/", "/upload", "/jobs/", "/jobs/job_1", "/a/b/c", "/?", "/?a=b",
        "/view?where=a%2fb", "/view?x=//y/../z", "/a-b._~c",
        "/!$&'()*+,=:@", "/%20", "/%C3%A4", "/%c3%a4", "/a%3Fb", "/a%23b",
        "/a%25", "/...", "/.a", "/..a", "/a.", "/a..", "/%22",
        "/view?where=\xc3\xa4"
    };

    for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        ok(check(plain[i]) == NULL, "plain: %s", plain[i]);
    }
}


static void
test_refused(void)
{
    size_t       i;
    const char  *bad[] = {
        "", "upload", "*", "//upload", "//", "/upload//", "/a//b",
        "/%75pload", "/%2Fupload", "/a%2fb", "/a%5cb", "/a%5Cb", "/a\\b",
        "/./upload", "/.", "/..", "/../upload", "/x/../upload", "/x/..",
        "/x/.", "/x/./y", "/.?a", "/..?a", "/%2e/upload", "/%2E%2e/upload",
        "/.%2e/upload", "/a;b", "/a%3bb", "/a%3Bb", "/a/..;/b", "/a#b",
        "/a?b#c", "/#", "/%00", "/a%00b", "/a%0db", "/a%0A", "/%1f", "/%7f",
        "/%", "/%2", "/%zz", "/%2g", "/a%", "/a%4", "/a b", "/a\tb",
        "/a\x01", "/\x7f", "/\xc3\xa4", "/a\"b", "/a<b", "/a>b", "/a|b",
        "/a^b", "/a`b", "/{a}", "/a[0]", "/%41", "/%7e", "/%2D", "/%5F",
        "http://host/upload"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(check(bad[i]) != NULL, "refused: %s", bad[i]);
    }
}


/*
 * The property behind the rules: decoding the path once more, or removing
 * its dot segments, finds the same segments.  A small reference that does
 * both is held against the checker for all short strings over the characters
 * that matter.
 */

static int
reference_plain(const char *s)
{
    int          ch;
    char         seg[16], hex[3] = "";
    size_t       n;
    const char  *p;

    if (*s++ != '/') {
        return 0;
    }

    n = 0;

    for (p = s; /* void */ ; p++) {

        if (*p == '/' || *p == '\0') {
            seg[n] = '\0';

            if (strcmp(seg, ".") == 0 || strcmp(seg, "..") == 0
                || (n == 0 && *p == '/'))
            {
                return 0;
            }

            if (*p == '\0') {
                return 1;
            }

            n = 0;
            continue;
        }

        if (*p == '%') {

            if (!isxdigit((u_char) p[1]) || !isxdigit((u_char) p[2])) {
                return 0;
            }

            memcpy(hex, p + 1, 2);
            ch = (int) strtol(hex, NULL, 16);

            if (ch < 0x80 && (isalnum(ch) || strchr("-._~/\\;", ch))) {
                return 0;
            }

            seg[n++] = (char) ch;
            p += 2;
            continue;
        }

        if (*p == ';' || *p == '#' || *p == '\\') {
            return 0;
        }

        seg[n++] = *p;
    }
}


static void
test_reference(void)
{
    char           text[8];
    long           n, k, wrong, total;
    size_t         len, i;
    static const char  alphabet[] = "/.%25ea;#\\";

    wrong = 0;
    total = 0;

    for (len = 1; len <= 6; len++) {

        for (n = 1, i = 0; i < len; i++) {
            n *= (long) sizeof(alphabet) - 1;
        }

        for (k = 0; k < n; k++) {
            long  rest = k;

            for (i = 0; i < len; i++) {
                text[i] = alphabet[rest % ((long) sizeof(alphabet) - 1)];
                rest /= (long) sizeof(alphabet) - 1;
            }

            text[len] = '\0';
            total++;

            if ((check(text) == NULL) != reference_plain(text)) {
                if (wrong++ < 5) {
                    diag("differs: %s", text);
                }
            }
        }
    }

    is_int(wrong, 0, "equal to the reference on %ld strings", total);
}


static void
test_host(void)
{
    ngx_str_t  a = ngx_string("Api.Example:8080");
    ngx_str_t  b = ngx_string("api.example:8080");
    ngx_str_t  c = ngx_string("api.example");
    ngx_str_t  d = ngx_string("api.examplf");

    ok(ngx_spocr_target_same_host(&a, &b), "case does not matter");
    ok(!ngx_spocr_target_same_host(&b, &c), "the port does");
    ok(!ngx_spocr_target_same_host(&c, &d), "nor does another name pass");
}


int
main(void)
{
    test_plain();
    test_refused();
    test_reference();
    test_host();

    return done_testing();
}
