/*
 * Targets: escapes, and the arguments of a query.
 */

#include <stdlib.h>

#include "query.h"
#include "tap.h"


static void
test_unescape(void)
{
    int     i;
    char   *s, what[80];
    static const char  *const bad[] = {
        "%", "%4", "%zz", "%4g", "a%", "%00", "%ff", "%C3", "%C0%AF",
        "%E0%80%80", "%ED%A0%80", "%F0%80%80%80", "%F4%90%80%80", "\xE4",
        NULL
    };

    s = be_unescape("a%2Fb%2fc+d", 11, 0);
    is(s, "a/b/c+d", "unescape: an escaped slash, a plus");
    free(s);

    s = be_unescape("a+b%2B", 6, 1);
    is(s, "a b+", "unescape: as forms send it");
    free(s);

    s = be_unescape("abc", 0, 0);
    is(s, "", "unescape: nothing");
    free(s);

    s = be_unescape("%E8%AB%8B%E6%B1%82%F0%9F%98%80", 30, 0);
    is(s, "\xE8\xAB\x8B\xE6\xB1\x82\xF0\x9F\x98\x80", "unescape: UTF-8");
    free(s);

    s = be_unescape("%EF%BF%BD", 9, 0);
    is(s, "\xEF\xBF\xBD", "unescape: U+FFFD itself");
    free(s);

    for (i = 0; bad[i]; i++) {
        s = be_unescape(bad[i], strlen(bad[i]), 0);
        snprintf(what, sizeof(what), "unescape: refused, case %d", i);
        is(s, NULL, what);
        free(s);
    }

    s = be_unescape("a%2Fb", 3, 0);
    is(s, NULL, "unescape: the length ends inside of an escape");
    free(s);
}


static void
test_parse(void)
{
    int          i, at = 3;
    char         target[1200] = "/x?";
    be_fault_t   f = { 0 };
    be_query_t   q;
    const char  *v;

    ok(be_query_parse("/view", &q, &f) == 0 && q.n == 0, "query: none");
    be_query_free(&q);

    ok(be_query_parse("/view?", &q, &f) == 0 && q.n == 0, "query: empty");
    be_query_free(&q);

    ok(be_query_parse("/view?path=A%26b&&where=x+%3E=+1&where=&flag&=v",
                      &q, &f) == 0 && q.n == 5, "query: five arguments");
    is(q.v[0].value, "A&b", "query: an escaped ampersand");
    is(q.v[1].value, "x >= 1", "query: a value with an equals sign");
    is(q.v[2].value, "", "query: an empty value");
    is(q.v[3].name, "flag", "query: a name alone");
    is(q.v[3].value, "", "query: its value");
    is(q.v[4].name, "", "query: a value alone");

    ok(be_query_one(&q, "path", &v, &f) == 0, "one: found");
    is(v, "A&b", "one: its value");
    ok(be_query_one(&q, "none", &v, &f) == 0 && v == NULL, "one: absent");
    ok(be_query_one(&q, "where", &v, &f) == -1 && f.status == 400
       && v == NULL, "one: two are refused");
    be_fault_free(&f);
    be_query_free(&q);

    ok(be_query_parse("/x?a=%zz", &q, &f) == -1 && f.status == 400,
       "query: a broken escape");
    be_fault_free(&f);
    be_query_free(&q);

    ok(be_query_parse("/x?%00=1", &q, &f) == -1, "query: a NUL");
    be_fault_free(&f);
    be_query_free(&q);

    for (i = 0; i < 201; i++) {
        at += snprintf(target + at, 5, "a=1&");
    }

    ok(be_query_parse(target, &q, &f) == -1 && f.status == 400,
       "query: 201 arguments");
    be_fault_free(&f);
    be_query_free(&q);

    target[3 + 200 * 4] = '\0';
    ok(be_query_parse(target, &q, &f) == 0 && q.n == 200,
       "query: 200 arguments");
    be_query_free(&q);
}


static void
test_number(void)
{
    int          i;
    long         n = 7;
    char         target[64], what[80];
    be_fault_t   f = { 0 };
    be_query_t   q;
    static const char  *const bad[] = {
        "", "-", "x", "1x", "1.5", "+5", "%205", "5%20", "0", "501", "-1",
        "99999999999999999999999", "0x5", NULL
    };
    static const char  *const names[] = { "limit", "offset", NULL };

    be_query_parse("/x?limit=500", &q, &f);
    ok(be_query_number(&q, "limit", 1, 500, &n, &f) == 0 && n == 500,
       "number: the largest");
    n = 7;
    ok(be_query_number(&q, "offset", 0, 10, &n, &f) == 0 && n == 7,
       "number: absent");
    ok(be_query_known(&q, names, &f) == 0, "known: all are");
    be_query_free(&q);

    for (i = 0; bad[i]; i++) {
        snprintf(target, sizeof(target), "/x?limit=%s", bad[i]);
        be_query_parse(target, &q, &f);
        snprintf(what, sizeof(what), "number: refused, \"%s\"", bad[i]);
        ok(be_query_number(&q, "limit", 1, 500, &n, &f) == -1 && n == 7
           && strcmp(f.code, "validation_failed") == 0, what);
        be_fault_free(&f);
        be_query_free(&q);
    }

    be_query_parse("/x?limit=1&Limit=2", &q, &f);
    ok(be_query_known(&q, names, &f) == -1, "known: one is not");
    is(json_string_value(json_object_get(f.details, "field")), "Limit",
       "known: its name");
    be_fault_free(&f);
    be_query_free(&q);
}


int
main(void)
{
    test_unescape();
    test_parse();
    test_number();

    return done();
}
