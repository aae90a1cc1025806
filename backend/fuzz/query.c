/*
 * Targets, and the arguments of GET /view.  An input is names of columns, one
 * a line, an empty line, and a target.
 */

#include <string.h>

#include "fuzz.h"
#include "route.h"
#include "space/where.h"
#include "text.h"


const char *const  be_fuzz_words[] = {
    "\n", "\n\n", "?", "&", "=", "+", "/", "%", "%00", "%C3%A9", "%ED%A0%80",
    "%F4%90%80%80", "%20", "%3D", "where=", "sort=", "select=", "limit=",
    "total", "name", "rowKey", "ocrStatus", "createdAt", "a>b", "!=", ">=",
    "<=", "<", ">", "~", ":desc", ":asc", "-", ",", "1,960.00", "/view?",
    "/jobs/", "/webhooks/deliveries/", "/redeliver", "where=total>1&", NULL
};


void
be_fuzz_seeds(void)
{
    be_fuzz_seed_text("total\nvendor\na>b\na\nx,y\n\n/view?path=A%2FB&where="
                      "total>=100&where=vendor+~+Acme&sort=-total&sort=vendor"
                      ":asc&select=a,total&select=x,y&limit=10&offset=-1");
    be_fuzz_seed_text("name\n-a\na:desc\na\n=\n\n/view?sort=-a&sort=a:desc&"
                      "where===3&where=a%3Edesc%3D1&select=name");
    be_fuzz_seed_text("\n/webhooks/deliveries/dlv_1/redeliver?limit=5");
    be_fuzz_seed_text("\n/jobs/job_%20x?a=b&a=c&d");
}


/* Written with escapes alone, the query is the same. */

static void
be_check_again(const be_query_t *q)
{
    int          i, k;
    be_buf_t     b = { 0 };
    be_fault_t   f = { 0 };
    be_query_t   again;
    const char  *s;

    be_buf_str(&b, "?");

    for (i = 0; i < q->n; i++) {
        for (k = 0; k < 2; k++) {
            for (s = k ? q->v[i].value : q->v[i].name; *s; s++) {
                be_buf_printf(&b, "%%%02x", (unsigned char) *s);
            }
            be_buf_str(&b, k ? "&" : "=");
        }
    }

    be_fuzz_holds(be_query_parse(b.data, &again, &f) == 0);
    be_fuzz_holds(again.n == q->n);

    for (i = 0; i < q->n; i++) {
        be_fuzz_holds(strcmp(again.v[i].name, q->v[i].name) == 0);
        be_fuzz_holds(strcmp(again.v[i].value, q->v[i].value) == 0);
    }

    be_query_free(&again);
    be_buf_free(&b);
}


static void
be_check_query(const be_query_t *q)
{
    int          i, rc;
    long         n = 7;
    json_t      *a, *b;
    be_fault_t   f = { 0 };

    for (i = 0; i < q->n; i++) {
        a = json_string(q->v[i].name);
        b = json_string(q->v[i].value);
        be_fuzz_holds(a != NULL && b != NULL);
        json_decref(a);
        json_decref(b);
    }

    be_check_again(q);

    rc = be_query_number(q, "limit", 1, 500, &n, &f);
    be_fuzz_holds(rc != 0 || n == 7 || (n >= 1 && n <= 500));
    be_fuzz_fault(&f, rc != 0);
}


static int
be_is_column(const be_ask_t *a, const be_column_t *c)
{
    return c >= a->columns && c < a->columns + a->ncolumns;
}


static int
be_ends_with(const char *s, const char *end)
{
    size_t  n = strlen(s), m = strlen(end);

    return m <= n && strcmp(s + n - m, end) == 0;
}


/* What is asked for names columns, each once, and has its operands. */

static void
be_check_ask(const be_ask_t *a, const be_query_t *q)
{
    int  i, k;

    be_fuzz_holds(a->nwhere <= BE_MAX_WHERE && a->nsort <= BE_MAX_SORT);
    be_fuzz_holds(a->nselect <= a->ncolumns);

    for (i = 0, k = 0; i < a->nwhere; i++, k++) {
        while (strcmp(q->v[k].name, "where") != 0) {
            k++;
        }

        be_fuzz_holds(be_is_column(a, a->where[i].column));
        be_fuzz_holds(strncmp(q->v[k].value, a->where[i].column->name,
                              strlen(a->where[i].column->name)) == 0);
        be_fuzz_holds(be_ends_with(q->v[k].value, a->where[i].text));
    }

    for (i = 0; i < a->nsort; i++) {
        be_fuzz_holds(be_is_column(a, a->sort[i].column));
    }

    for (i = 0; i < a->nselect; i++) {
        be_fuzz_holds(be_is_column(a, a->select[i]));

        for (k = 0; k < i; k++) {
            be_fuzz_holds(a->select[i] != a->select[k]);
        }
    }
}


static void
be_try_ask(const char *columns, const be_query_t *q)
{
    int           rc;
    char         *name;
    size_t        n;
    be_fault_t    f = { 0 };
    const char   *s = columns;
    static be_ask_t  ask;

    memset(&ask, 0, sizeof(ask));

    while (*s != '\0') {
        n = strcspn(s, "\n");
        name = strndup(s, n);

        /* columns have names that are text, and each another */

        if (name != NULL && n != 0 && be_ask_own(&ask, name) == NULL) {
            (void) be_ask_column(&ask, 1, name, json_object());
        }

        free(name);
        s += n + (s[n] == '\n');
    }

    rc = be_ask_parse(&ask, q, &f);
    be_fuzz_fault(&f, rc != 0);

    if (rc == 0) {
        be_check_ask(&ask, q);
    }

    be_ask_free(&ask);
}


static void
be_try_route(const char *target)
{
    int          i;
    be_match_t   m = { 0 };
    static const char *const  methods[] = { "GET", "POST", "HEAD", "PUT",
                                            "DELETE", "X" };

    for (i = 0; i < 6; i++) {
        be_fuzz_holds(be_route(methods[i], target, &m) == 0);
        be_fuzz_holds(m.route == NULL || m.path != NULL);
        be_fuzz_holds(strlen(m.allow) < sizeof(m.allow));
        be_match_free(&m);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            rc;
    char          *columns, *target;
    size_t         n = 0;
    be_fault_t     f = { 0 };
    be_query_t     q;
    be_fuzz_in_t   in = { data, data + size };

    while (n < size && (data[n] != '\n' || (n && data[n - 1] != '\n'))) {
        n++;
    }

    in.end = data + n;
    columns = be_fuzz_until(&in, '\0');
    in.p = in.end + (n < size);
    in.end = data + size;
    target = be_fuzz_until(&in, '\0');

    rc = be_query_parse(target, &q, &f);
    be_fuzz_fault(&f, rc != 0);

    if (rc == 0) {
        be_check_query(&q);
        be_try_ask(columns, &q);
    }

    be_query_free(&q);
    be_try_route(target);
    free(columns);
    free(target);

    return 0;
}
