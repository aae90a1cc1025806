/*
 * Numbers, searching, the arguments of GET /view, CSV cells, and data that is
 * taken apart as text.
 */

#include <stdlib.h>
#include <string.h>

#include "space/csv.h"
#include "space/cut.h"
#include "space/value.h"
#include "space/where.h"
#include "tap.h"


static void
number(const char *s, double want)
{
    char    what[80];
    double  have = -1;

    snprintf(what, sizeof(what), "the number %.40s", s);
    ok(be_value_number(s, &have) == 1 && have == want, what);
}


static void
no_number(const char *s)
{
    char    what[120];
    double  have;

    snprintf(what, sizeof(what), "no number: %.40s", s);
    ok(be_value_number(s, &have) == 0, what);
}


static void
numbers(void)
{
    number("0", 0);
    number("1,960.00", 1960);
    number("\xC2\xA5""7,855", 7855);
    number("\xEF\xBF\xA5 1 234", 1234);
    number("$5", 5);
    number("12.5 \xE2\x82\xAC", 12.5);
    number("\xC2\xA3.5", .5);
    number("-5", -5);
    number("-$5.25", -5.25);
    number("\xE2\x88\x92""5", -5);
    number("+7", 7);
    number("1,00,000", 100000);
    number("12,50", 12.5);
    number("1.960,00", 1960);
    number("1.234.567,8", 1234567.8);
    number("1,960", 1960);
    number("\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x8C\xEF\xBC\x93\xEF\xBC\x94"
           "\xEF\xBC\x95", 12345);
    number("007", 7);
    number("5.", 5);

    no_number("");
    no_number(" ");
    no_number("$");
    no_number("-");
    no_number(".");
    no_number(",");
    no_number("5-3");
    no_number("--5");
    no_number("5-");
    no_number("1e5");
    no_number("0x10");
    no_number("nan");
    no_number("inf");
    no_number("1.2.3");
    no_number("2026-01-05");
    no_number("12 pieces");
    no_number("5%");
    no_number("\xFF""5");
    no_number("1234567890123456789012345678901234567890123456789012345678901"
              "2345");
}


static void
folded(const char *s, const char *want)
{
    be_buf_t  b = { 0 };

    be_buf_str(&b, "before");
    be_value_fold(s, strlen(s), &b);
    is(b.data, want, want);
    be_buf_free(&b);
}


static void
folds(void)
{
    folded("", "");
    folded("ACME Ltd.", "acme ltd.");
    folded("Caf\xC3\x89 \xC3\x84\xC3\x96", "caf\xC3\xA9 \xC3\xA4\xC3\xB6");
    folded("\xD0\x9C\xD0\x90", "\xD0\xBC\xD0\xB0");
    folded("\xCE\xA3\xCF\x82", "\xCF\x83\xCF\x83");
    folded("\xEF\xBC\xA1\xEF\xBC\x91", "a1");
    folded("\xE6\xA0\xAA", "\xE6\xA0\xAA");
    folded("\xFF", "\xEF\xBF\xBD");
}


static be_ask_t    ask;
static be_fault_t  fault;
static be_arg_t    arg;
static char        value[256];


/* One argument, for columns of difficult names. */

static int
parse(const char *name, const char *text)
{
    int                       i;
    be_query_t                q = { &arg, 1 };
    static const char *const  names[] = {
        "total", "total>", "a", "a=b", "a,b", "na\"me", "-x", "x", "x:desc",
        "\xE5\x90\x88\xE8\xA8\x88", "rowKey"
    };

    be_ask_free(&ask);
    be_fault_free(&fault);
    memset(&ask, 0, sizeof(ask));

    for (i = 0; i < (int) (sizeof(names) / sizeof(names[0])); i++) {
        if (be_ask_column(&ask, i + 1, names[i], json_object()) != 0) {
            return -1;
        }
    }

    snprintf(value, sizeof(value), "%s", text);
    arg.name = (char *) name;
    arg.value = value;

    return be_ask_parse(&ask, &q, &fault);
}


static void
where(const char *text, const char *column, be_op_e op, const char *operand)
{
    int  good = parse("where", text) == 0 && ask.nwhere == 1
                && strcmp(ask.where[0].column->name, column) == 0
                && ask.where[0].op == op
                && strcmp(ask.where[0].text, operand) == 0;

    ok(good, text);
}


static void
sorted(const char *text, const char *column, int desc)
{
    int  good = parse("sort", text) == 0 && ask.nsort == 1
                && strcmp(ask.sort[0].column->name, column) == 0
                && ask.sort[0].desc == desc;

    ok(good, text);
}


static void
chosen(const char *text, const char *want)
{
    int   i;
    char  have[256] = "";

    if (parse("select", text) == 0) {
        for (i = 0; i < ask.nselect; i++) {
            strcat(have, ask.select[i]->name);
            strcat(have, "|");
        }
    }

    is(have, want, text);
}


static void
refused(const char *name, const char *text)
{
    char  what[120];

    snprintf(what, sizeof(what), "refused: %s %.60s", name, text);
    ok(parse(name, text) == -1 && fault.status == 400
       && json_array_size(json_object_get(fault.details, "available"))
          == 14, what);
}


static void
asks(void)
{
    where("x=5", "x", BE_OP_EQ, "5");
    where("x != 5", "x", BE_OP_NE, "5");
    where("x>5", "x", BE_OP_GT, "5");
    where("x>=5", "x", BE_OP_GE, "5");
    where("x < 5 ", "x", BE_OP_LT, "5 ");
    where("x<=5", "x", BE_OP_LE, "5");
    where("x~a=b", "x", BE_OP_HAS, "a=b");
    where("x=", "x", BE_OP_EQ, "");
    where("x==", "x", BE_OP_EQ, "=");
    where("a=b=c", "a=b", BE_OP_EQ, "c");
    where("a=c", "a", BE_OP_EQ, "c");
    where("a=b", "a", BE_OP_EQ, "b");
    where("total>=5", "total>", BE_OP_EQ, "5");
    where("total>5", "total", BE_OP_GT, "5");
    where("na\"me='; DROP TABLE item; --", "na\"me", BE_OP_EQ,
          "'; DROP TABLE item; --");
    where("\xE5\x90\x88\xE8\xA8\x88>1", "\xE5\x90\x88\xE8\xA8\x88", BE_OP_GT,
          "1");
    where("createdAt<9", "createdAt", BE_OP_LT, "9");

    parse("where", "rowKey=1");
    ok(ask.where[0].column->kind == BE_COL_CELL, "a sheet's own column hides"
       " the common one");
    parse("where", "x>1,960.00");
    ok(ask.where[0].numeric && ask.where[0].num == 1960, "a numeric operand");

    refused("where", "");
    refused("where", "total");
    refused("where", "tota=5");
    refused("where", "x 5");
    refused("where", "X=5");
    refused("where", "x!5");

    sorted("total", "total", 0);
    sorted("-total", "total", 1);
    sorted("total:asc", "total", 0);
    sorted("total:desc", "total", 1);
    sorted("-x", "-x", 0);
    sorted("--x", "-x", 1);
    sorted("x:desc", "x:desc", 0);
    sorted("x:desc:desc", "x:desc", 1);
    refused("sort", "");
    refused("sort", "-");
    refused("sort", "total:up");
    refused("sort", ":desc");

    chosen("x", "x|");
    chosen("total,x,total", "total|x|");
    chosen("a,b,a", "a,b|a|");
    chosen("a, x", "a|x|");
    chosen("name", "name|");
    refused("select", "");
    refused("select", "x,");
    refused("select", ",x");
    refused("select", "x,unknown");

    be_ask_free(&ask);
    be_fault_free(&fault);
}


static void
cell(const char *s, const char *want)
{
    be_buf_t  b = { 0 };

    be_buf_str(&b, "");
    be_csv_cell(&b, s);
    is(b.data, want, want);
    be_buf_free(&b);
}


static void
disposition(const char *name, const char *want)
{
    char  out[420];

    be_csv_disposition(name, out, sizeof(out));
    is(out, want, want);
}


static void
csv(void)
{
    int    i;
    char   out[420], name[520], want[540];

    cell("", "");
    cell("plain", "plain");
    cell("a b", "a b");
    cell("1,960.00", "\"1,960.00\"");
    cell("say \"hi\"", "\"say \"\"hi\"\"\"");
    cell("\"", "\"\"\"\"");
    cell("a\nb", "\"a\nb\"");
    cell("=1+1", "'=1+1");
    cell("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
    cell("+1 234", "+1 234");
    cell("-5", "-5");
    cell("-1,960.00", "\"-1,960.00\"");
    cell("-5+cmd|' /C calc'!A0", "'-5+cmd|' /C calc'!A0");
    cell("@SUM(A1)", "'@SUM(A1)");
    cell("\tx", "\"'\tx\"");
    cell("\rx", "\"'\rx\"");
    cell("\xEF\xBC\x9D""1+1", "'\xEF\xBC\x9D""1+1");
    cell("a=b", "a=b");

    /* what a reader takes for more cells, or lines, than there are */

    cell("a;b", "\"a;b\"");
    cell("a\tb", "\"a\tb\"");
    cell("a;=1+1", "\"a;'=1+1\"");
    cell("a\t@x;+y", "\"a\t'@x;'+y\"");
    cell("a\r\n-x", "\"a\r\n'-x\"");
    cell("=a;=b", "\"'=a;'=b\"");
    cell("a;;=b", "\"a;;'=b\"");
    cell("a;\"=b\"", "\"a;'\"\"=b\"\"\"");
    cell("a;\xEF\xBC\x9D""1", "\"a;'\xEF\xBC\x9D""1\"");
    cell("1;-5;+1,5;-x", "\"1;-5;+1,5;'-x\"");
    cell("-5;-6", "\"'-5;-6\"");
    cell("a; =b;c", "\"a; =b;c\"");
    cell("a;", "\"a;\"");

    memset(name, ' ', 300);
    memcpy(name, "a;-1", 4);
    strcpy(name + 300, "+x");
    snprintf(want, sizeof(want), "\"a;'%s\"", name + 2);
    cell(name, want);

    disposition("Invoices 2026", "attachment; filename=\"Invoices 2026.csv\";"
                " filename*=UTF-8''Invoices%202026.csv");
    disposition("a\";\r\nb", "attachment; filename=\"a____b.csv\";"
                " filename*=UTF-8''a%22%3B%0D%0Ab.csv");
    disposition("\xE8\xAB\x8B", "attachment; filename=\"_.csv\";"
                " filename*=UTF-8''%E8%AB%8B.csv");

    for (i = 0; i < 128; i++) {
        memcpy(name + 4 * i, "\xF0\x9F\x98\x80", 5);
    }

    be_csv_disposition(name, out, sizeof(out));
    ok(strlen(out) < sizeof(out) - 1
       && strcmp(out + strlen(out) - 16, "%F0%9F%98%80.csv") == 0,
       "a long name ends at a whole character");
}


static void
cut(const char *data, int boxes, const char *want)
{
    be_buf_t  b = { 0 };

    be_cut_row(&b, data, &ask, boxes);
    is(b.data, want, want);
    be_buf_free(&b);
}


static void
cuts(void)
{
    static const char  data[] =
        "{\"x\":\"a\\\"}{\",\"field_bboxes\":{\"x\":{\"v\":[1,{}]},\"b\":2},"
        "\"l\":[{\"d\":\"1\",\"field_bboxes\":{\"d\":{}}},{\"d\":\"2\"}],"
        "\"na\\\"me\":\"\",\"n\":1.5,\"e\":[],\"s\":[1,2]}";

    memset(&ask, 0, sizeof(ask));

    cut("", 0, "\"values\":{}");
    cut("", 1, "\"values\":{},\"field_bboxes\":{}");
    cut("{}", 1, "\"values\":{},\"field_bboxes\":{}");
    cut(data, 0, "\"values\":{\"x\":\"a\\\"}{\",\"l\":[{\"d\":\"1\"},{\"d\":"
        "\"2\"}],\"na\\\"me\":\"\",\"n\":1.5,\"e\":[],\"s\":[1,2]}");
    cut(data, 1, "\"values\":{\"x\":\"a\\\"}{\",\"l\":[{\"d\":\"1\","
        "\"field_bboxes\":{\"d\":{}}},{\"d\":\"2\"}],\"na\\\"me\":\"\","
        "\"n\":1.5,\"e\":[],\"s\":[1,2]},\"field_bboxes\":{\"x\":{\"v\":[1,"
        "{}]},\"b\":2}");

    parse("select", "x,na\"me");
    cut(data, 1, "\"values\":{\"x\":\"a\\\"}{\",\"na\\\"me\":\"\"},"
        "\"field_bboxes\":{\"x\":{\"v\":[1,{}]}}");

    parse("select", "x");
    cut("{\"x\":\"", 1, "\"values\":{},\"field_bboxes\":{}");
    cut("{\"x\":\"\\", 1, "\"values\":{},\"field_bboxes\":{}");
    cut("{\"x\":[{", 0, "\"values\":{}");
    be_ask_free(&ask);
}


int
main(void)
{
    numbers();
    folds();
    asks();
    csv();
    cuts();

    return done();
}
