/*
 * Fields without a schema: names, and what a page is taken for.
 */

#include <stdlib.h>

#include "auto.h"
#include "buf.h"
#include "rules.h"
#include "tap.h"


static be_page_t  page;


/* A page drawn as text, each character 10 x 20 pixels. */

static void
draw(double width, const char *const *lines)
{
    int     i;
    char    word[128];
    size_t  at, n;

    memset(&page, 0, sizeof(page));
    page.to_grid = be_affine_identity();
    page.width = width;
    page.height = 1000;

    for (i = 0; lines[i] != NULL; i++) {
        for (at = 0; lines[i][at]; at += n) {
            n = strcspn(lines[i] + at, " ");

            if (n == 0) {
                n = 1;
                continue;
            }

            snprintf(word, sizeof(word), "%.*s", (int) n, lines[i] + at);
            be_page_add(&page, word, (be_box_t) { (double) at * 10, i * 30,
                                                  (double) (at + n) * 10,
                                                  i * 30 + 20 }, 95, i);
        }
    }
}


static void
name(const char *label, const char *want)
{
    char  *s = be_auto_name(label, strlen(label));

    is(s, want, label);
    free(s);
}


static void
test_names(void)
{
    int    i;
    char   all[300], *s;

    name("Invoice No.", "invoice_no");
    name("  E-Mail ", "e_mail");
    name("Stra\xC3\x9F" "e", "strasse");
    name("K\xC3\xA4UFER", "kaeufer");
    name("\xC3\x89mis le", "emis_le");
    name("H\xC3\xB6he \xC3\x97 Fl\xC3\xBCgel", "hoehe_fluegel");
    name("\xC3\x96l \xC3\xBE", "oel_t");
    name("Customer's ref", "customers_ref");
    name("\xEF\xBC\xB4\xEF\xBC\xA5\xEF\xBC\xAC", "tel");
    name("\xE5\x90\x88\xE8\xA8\x88", "");
    name("\xFF\xFE\x80", "");
    name("...", "");
    name("", "");

    /* a letter that becomes two at the limit */

    memset(all, 'a', 63);
    memcpy(all + 63, "\xC3\xA4\xC3\xA4", 5);
    s = be_auto_name(all, strlen(all));
    ok(strlen(s) <= 64, "no name is longer than 64");
    free(s);

    for (i = 0; i < 299; i++) {
        all[i] = "ab_"[i % 3];
    }

    all[299] = '\0';
    s = be_auto_name(all, 299);
    ok(strlen(s) <= 64 && s[strlen(s) - 1] != '_', "and none ends in a dash");
    free(s);
}


static void
guess(double width, const char *const *lines, const char *want,
    const char *what)
{
    draw(width, lines);
    is(be_auto_template(&page), want, what);
    be_page_free(&page);
}


static void
test_guess(void)
{
    static const char *const  slip[] = {
        "CORNER SHOP", "Bread 3.20", "Total 3.20", "Cash 5.00",
        "Change 1.80", "12:30", NULL };
    static const char *const  bill[] = {
        "INVOICE", "Invoice no: 17", "Due date: 2026-04-01",
        "Total        3.20", NULL };
    static const char *const  rechnung[] = {
        "Rechnung", "Rechnungsnummer 17", "Zahlbar bis 01.04.2026",
        "Gesamtbetrag   3,20", NULL };
    static const char *const  offer[] = {
        "QUOTATION", "Bill to: Ada", "Terms: 30 days", "Customer no: 44",
        "Total     3.20", NULL };
    static const char *const  letter[] = {
        "Dear Ada,", "thank you for the invoice.", "Ben", NULL };
    static const char *const  none[] = { NULL };

    guess(400, slip, "receipt", "cash, change and a time: a receipt");
    guess(800, slip, "receipt", "on a wide page, too");
    guess(800, bill, "invoice", "an invoice");
    guess(800, rechnung, "invoice", "a German one");
    guess(800, offer, NULL, "a quotation is neither");
    guess(800, letter, NULL, "a letter about an invoice is none");
    guess(800, none, NULL, "an empty page is nothing");
}


static void
test_fields(void)
{
    int           i;
    be_schema_t   s = { 0 };
    be_result_t  *r = NULL;
    static const char *const  lines[] = {
        "Ship: MS Aurora      Port: Oslo", "Cargo", "salt", "Sailed at 9:30",
        NULL };

    draw(800, lines);
    be_auto_fields(&page, &s, &r);
    ok(s.nfields == 2, "two labels with values");
    is(s.nfields == 2 ? s.fields[0].name : NULL, "ship", "the first");
    is(s.nfields == 2 ? r[0].value.text : NULL, "MS Aurora", "its value");
    is(s.nfields == 2 ? r[1].value.text : NULL, "Oslo", "the second");
    ok(s.nfields == 2 && r[0].value.nrefs == 2 && r[0].value.refs[0].id == 1,
       "from its words");

    for (i = 0; i < s.nfields; i++) {
        be_result_free(&r[i], &s.fields[i]);
    }

    free(r);
    be_schema_free(&s);
    be_page_free(&page);
}


/* Labels without a letter of the alphabet have the name of what they mean. */

static void
test_japanese(void)
{
    int           i;
    be_schema_t   s = { 0 };
    be_result_t  *r = NULL;
    static const char *const  lines[] = {
        "\xE5\x90\x88\xE8\xA8\x88\xEF\xBC\x9A 1,200",
        "\xE9\x9B\xBB\xE8\xA9\xB1\xEF\xBC\x9A 03-1234-5678",
        "Ship: MS Aurora Port: Oslo",
        "field_bboxes: 7", "See: http://a.example/", "14:25 12:30",
        "- (Hold) : 4 west", NULL };
    static const char *const  want[][2] = {
        { "total", "1,200" }, { "phone", "03-1234-5678" },
        { "ship", "MS Aurora" }, { "port", "Oslo" },
        { "see", "http://a.example/" }, { "hold", "4 west" } };

    draw(800, lines);
    be_auto_fields(&page, &s, &r);

    ok(s.nfields == 6, "six labels with values");

    for (i = 0; i < s.nfields && i < 6; i++) {
        is(s.fields[i].name, want[i][0], want[i][0]);
        is(r[i].value.text, want[i][1], "  its value");
    }

    for (i = 0; i < s.nfields; i++) {
        be_result_free(&r[i], &s.fields[i]);
    }

    free(r);
    be_schema_free(&s);
    be_page_free(&page);
}


int
main(void)
{
    test_names();
    test_guess();
    test_fields();
    test_japanese();

    return done();
}
