
/* Request ids and trace ids: C-2 to C-4. */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_id.h"
#include "tap.h"


static ngx_uint_t
trace_ok(const char *text)
{
    return ngx_spocr_id_traceparent_ok((const u_char *) text, strlen(text));
}


static ngx_uint_t
client_ok(const char *text)
{
    return ngx_spocr_id_client_ok((const u_char *) text, strlen(text));
}


static void
test_make(void)
{
    char      text[NGX_SPOCR_ID_LEN + 1], later[NGX_SPOCR_ID_LEN + 1];
    u_char    zero[NGX_SPOCR_ID_RANDOM_LEN], ones[NGX_SPOCR_ID_RANDOM_LEN];
    uint64_t  ms;

    memset(zero, 0, sizeof(zero));
    memset(ones, 0xff, sizeof(ones));
    memset(text, 0, sizeof(text));
    memset(later, 0, sizeof(later));

    /* RFC 9562, 5.7: 48 bits of time, version 7, variant 10 */

    ngx_spocr_id_make((u_char *) text, 0x017f22e279b0ULL, zero);
    is_str(text, "req_017f22e279b070008000000000000000", "layout, zeros");

    ngx_spocr_id_make((u_char *) text, 0x017f22e279b0ULL, ones);
    is_str(text, "req_017f22e279b07fffbfffffffffffffff", "layout, ones");

    is_int(ngx_spocr_id_parse((u_char *) text, strlen(text), &ms), NGX_OK,
           "what was made is an id");
    is_int(ms, 0x017f22e279b0ULL, "and tells its time");

    ngx_spocr_id_make((u_char *) later, 0x017f22e279b1ULL, zero);
    ok(strcmp(text, later) < 0, "a later id sorts behind an earlier one");

    ok(client_ok(text), "an id is a good client id");
}


static void
test_parse(void)
{
    size_t       i;
    char         text[] = "req_017f22e279b070008000000000000000";
    const char  *bad[] = {
        "", "req_", "req_8fa2c1",
        "REQ_017f22e279b070008000000000000000",
        "req_017F22e279b070008000000000000000",
        "req_017f22e279b040008000000000000000",
        "req_017f22e279b07000c000000000000000",
        "req_017f22e279b07000000000000000000g",
        "req_017f22e279b0700080000000000000000"
    };

    is_int(ngx_spocr_id_parse((u_char *) text, strlen(text), NULL), NGX_OK,
           "the time need not be wanted");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(ngx_spocr_id_parse((const u_char *) bad[i], strlen(bad[i]),
                                  NULL),
               NGX_ERROR, "not an id: \"%s\"", bad[i]);
    }
}


static void
test_client(void)
{
    char  text[NGX_SPOCR_ID_CLIENT_MAX + 2];

    memset(text, 'a', sizeof(text));
    text[NGX_SPOCR_ID_CLIENT_MAX + 1] = '\0';

    ok(!client_ok(text), "129 characters are too many");
    text[NGX_SPOCR_ID_CLIENT_MAX] = '\0';
    ok(client_ok(text), "128 are not");

    ok(!client_ok(""), "none are too few");
    ok(client_ok("A.b_c-9"), "letters, digits, dot, underscore, dash");
    ok(!client_ok("spocr_abc"), "no key");                     /* C-9 */
    ok(!client_ok("x-SPOCR_abc"), "no key in any case or place");
    ok(!client_ok("sspocr_"), "nor behind half a prefix");
    ok(client_ok("spocr-abc"), "but what only looks like one");
    ok(!client_ok("a b"), "no space");
    ok(!client_ok("a\"b"), "no quote");
    ok(!client_ok("a\nb"), "no control");
    ok(!client_ok("a\xc3\xa4"), "no UTF-8");
}


static void
test_traceparent(void)
{
    ok(trace_ok("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
       "the standard's example");
    ok(!trace_ok("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
       "upper case");
    ok(!trace_ok("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
       "trace id of zeros");
    ok(!trace_ok("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
       "parent id of zeros");
    ok(!trace_ok("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
       "version ff");
    ok(!trace_ok("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"),
       "version 00 says no more");
    ok(trace_ok("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"),
       "a later version may");
    ok(!trace_ok("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x"),
       "but after a dash");
    ok(!trace_ok("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"),
       "too short");
    ok(!trace_ok("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
       "another separator");
    ok(!trace_ok("0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
       "no digit");
    ok(!trace_ok(""), "empty");
}


int
main(void)
{
    test_make();
    test_parse();
    test_client();
    test_traceparent();

    return done_testing();
}
