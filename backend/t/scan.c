/*
 * What is an amount, a date, a time, a phone number, and what only looks like
 * one; and the forms in which texts are compared.
 */

#include <math.h>
#include <stdlib.h>

#include "scan.h"
#include "tap.h"
#include "text.h"


typedef int (*scan_t)(const char *s, int at, int to, be_hit_t *h);


/* The text that was found; "" for none. */

static const char *
found(scan_t scan, const char *s, be_hit_t *h)
{
    static char  text[128];

    memset(h, 0, sizeof(*h));

    if (!scan(s, 0, (int) strlen(s), h)) {
        return "";
    }

    snprintf(text, sizeof(text), "%.*s", h->to - h->from, s + h->from);

    return text;
}


static void
test_money(void)
{
    size_t    i;
    be_hit_t  h;

    static const struct {
        const char  *text;
        const char  *found;
        double       number;
        int          decimals;
    } good[] = {
        { "12.50", "12.50", 12.5, 2 },
        { "1,234.56", "1,234.56", 1234.56, 2 },
        { "1.234,56", "1.234,56", 1234.56, 2 },
        { "1'234.50", "1'234.50", 1234.5, 2 },
        { "1 234,56", "1 234,56", 1234.56, 2 },
        { "1 234 567,89", "1 234 567,89", 1234567.89, 2 },
        { "12 345 678.90 x", "12 345 678.90", 12345678.9, 2 },
        { "1 234 567", "1", 1, 0 },
        { "1 234 567,8", "1", 1, 0 },
        { "1 234", "1", 1, 0 },
        { "1234 567,89", "1234", 1234, 0 },
        { "1.234 567,89", "1.234", 1234, 0 },
        { "1,234 567,89", "1,234", 1234, 0 },
        { "1'234 567.89", "1'234", 1234, 0 },
        { "13. 8", "13", 13, 0 },
        { "13. 80x", "13", 13, 0 },
        { "1.234. 80", "1.234", 1234, 0 },
        { "ab\xE2\x82" "5.60", "5.60", 5.6, 2 },
        { "1,234,567", "1,234,567", 1234567, 0 },
        { "13. 80", "13. 80", 13.8, 2 },
        { "13, 80 x", "13, 80", 13.8, 2 },
        { "-5,60", "-5,60", -5.6, 2 },
        { "- 5,60", "5,60", 5.6, 2 },
        { "5,60-", "5,60-", -5.6, 2 },
        { "5,60- x", "5,60-", -5.6, 2 },
        { "\xE2\x88\x92" "5.60", "\xE2\x88\x92" "5.60", -5.6, 2 },
        { "x \xE2\x88\x92" "5.60", "\xE2\x88\x92" "5.60", -5.6, 2 },
        { "\xE2\x82\xAC" "7.20", "7.20", 7.2, 2 },
        { "$ 7", "7", 7, 0 },
        { "7 EUR", "7", 7, 0 },
        { "1,5", "1,5", 1.5, 1 },
        { "1.500", "1.500", 1500, 0 },
    };
    static const char  *const bad[] = {
        "", "abc", "19 %", "19%", "7/8", "12:30", "12.03.2020", "a12", "#12",
        "1-2", "5_6", "12.5.7", "1,234.567"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        is(found(be_scan_money, good[i].text, &h), good[i].found,
           good[i].text);
        ok(fabs(h.number - good[i].number) < 1e-6
           && h.decimals == good[i].decimals, "  its number");
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is(found(be_scan_money, bad[i], &h), "", bad[i]);
    }
}


static void
test_date(void)
{
    size_t    i;
    char      have[32];
    be_hit_t  h;

    static const struct {
        const char  *text;
        const char  *found;
        const char  *date;
    } good[] = {
        { "2026-04-03", "2026-04-03", "2026-4-3" },
        { "03/04/2026", "03/04/2026", "2026-4-3" },
        { "04/13/2026", "04/13/2026", "2026-4-13" },
        { "3.4.26", "3.4.26", "2026-4-3" },
        { "3.4.70", "3.4.70", "1970-4-3" },
        { "3.4.69", "3.4.69", "2069-4-3" },
        { "03 / 04 / 2026", "", "" },
        { "03. 04. 2026", "03. 04. 2026", "2026-4-3" },
        { "14 MAR 2018", "14 MAR 2018", "2018-3-14" },
        { "1st March 2020", "1st March 2020", "2020-3-1" },
        { "2nd March 2020", "2nd March 2020", "2020-3-2" },
        { "23rd March 2020", "23rd March 2020", "2020-3-23" },
        { "4th of May 2020", "", "" },
        { "1er mars 2020", "1er mars 2020", "2020-3-1" },
        { "24. Januar 2014", "24. Januar 2014", "2014-1-24" },
        { "04-Jan-18", "04-Jan-18", "2018-1-4" },
        { "March 5, 2020", "March 5, 2020", "2020-3-5" },
        { "March 5th, 2020", "March 5th, 2020", "2020-3-5" },
        { "Mar 5 '20", "", "" },
        { "5 Marble 2020", "", "" },
        { "5 Junction 2020", "", "" },
        { "5 Decimal 2020", "", "" },
        { "5 Marker 2020", "", "" },
        { "5 Mayor 2020", "", "" },
        { "5 Sept 2020", "5 Sept 2020", "2020-9-5" },
        { "5 SEPTEMBER 2020", "5 SEPTEMBER 2020", "2020-9-5" },
        { "5 Septernber 2020", "5 Septernber 2020", "2020-9-5" },
        { "5 Septennial 2020", "", "" },
        { "5 Septembor 2020", "5 Septembor 2020", "2020-9-5" },
        { "5 Febuary 2020", "5 Febuary 2020", "2020-2-5" },
        { "5 Octoberr 2020", "5 Octoberr 2020", "2020-10-5" },
        { "5 f\xC3\xA9vr 2020", "5 f\xC3\xA9vr 2020", "2020-2-5" },
        { "5 ao\xC3\xBBt 2020", "5 ao\xC3\xBBt 2020", "2020-8-5" },
        { "5 juillet 2020", "5 juillet 2020", "2020-7-5" },
        { "5 juin 2020", "5 juin 2020", "2020-6-5" },
        { "5. Dez. 2020", "5. Dez. 2020", "2020-12-5" },
        { "5. M\xC3\xA4rz 2020", "5. M\xC3\xA4rz 2020", "2020-3-5" },
        { "5. M\xC3\x84RZ 2020", "5. M\xC3\x84RZ 2020", "2020-3-5" },
        { "5 AO\xC3\x9BT 2020", "5 AO\xC3\x9BT 2020", "2020-8-5" },
        { "29/02/2024", "29/02/2024", "2024-2-29" },
        { "2000-02-29", "2000-02-29", "2000-2-29" },
        { "30.04.2026", "30.04.2026", "2026-4-30" },
        { "31/12/2026", "31/12/2026", "2026-12-31" },
        { "25032018", "25032018", "2018-3-25" },
        { "20180325", "20180325", "2018-3-25" },
        { "2024\xE5\xB9\xB4" "3\xE6\x9C\x88 5\xE6\x97\xA5",
          "2024\xE5\xB9\xB4" "3\xE6\x9C\x88 5\xE6\x97\xA5", "2024-3-5" },
        { "\xE4\xBB\xA4\xE5\x92\x8C" "6\xE5\xB9\xB4" "3\xE6\x9C\x88"
          "5\xE6\x97\xA5", "\xE4\xBB\xA4\xE5\x92\x8C" "6\xE5\xB9\xB4"
          "3\xE6\x9C\x88" "5\xE6\x97\xA5", "2024-3-5" },
    };
    static const char  *const bad[] = {
        "", "2026", "2026-04", "13/13/2026", "00/04/2026", "03/04/2026,5",
        "03/04-2026", "03//04/2026", "3 4 2026", "123/04/2026", "03/04/226",
        "03/04/20266", "2026-123-04", "32.04.2026", "March 2020", "March",
        "123 March 2020", "5 March 202", "March 500, 2020",
        "32132018", "20183201", "12345678", "01012080", "03/04/1950",
        ("2024\xE5\xB9\xB4" "3\xE6\x9C\x88"), "a03/04/2026",
        "31/02/2026", "29/02/2026", "2026-04-31", "31 June 2026",
        "30022026", "2026-04-123", "2026-123-4", "03/1234/2026", "20261301"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        is(found(be_scan_date, good[i].text, &h), good[i].found,
           good[i].text);
        snprintf(have, sizeof(have), "%d-%d-%d", h.year, h.month, h.day);
        if (good[i].date[0]) {
            is(have, good[i].date, "  which is");
        }
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is(found(be_scan_date, bad[i], &h), "", bad[i]);
    }
}


static void
test_others(void)
{
    size_t    i;
    be_hit_t  h;

    static const struct {
        const char  *text;
        const char  *found;
    } times[] = {
        { "at 14:25", "14:25" }, { "14:25:30", "14:25:30" },
        { "2:05 pm", "2:05 pm" }, { "2:05PM", "2:05PM" },
        { "2:05 Pond", "2:05" }, { "2:05 amp", "2:05" },
        { "14:25:3", "14:25" }, { "14:25:", "14:25" }, { "2:05 am", "2:05 am" },
        { "14h30", "14h30" }, { "14H30", "14H30" }, { "14h3", "" },
        { "14\xE6\x99\x82" "25\xE5\x88\x86", "14\xE6\x99\x82" "25"
          "\xE5\x88\x86" },
        { "24:00", "" }, { "14:60", "" }, { "14:5", "" }, { "a14:25", "" },
        { "1.14:25", "" }, { "1/14:25", "" }, { "114:25", "" }, { "", "" }
    };
    static const struct {
        const char  *text;
        const char  *found;
    } mails[] = {
        { "to a.b+c@d-e.example now", "a.b+c@d-e.example" },
        { "@nobody", "" }, { "a@b", "" }, { "a@", "" }, { "", "" }
    };

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        is(found(be_scan_time, times[i].text, &h), times[i].found,
           times[i].text[0] ? times[i].text : "no time");
    }

    for (i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
        is(found(be_scan_email, mails[i].text, &h), mails[i].found,
           mails[i].text[0] ? mails[i].text : "no address");
    }
}


static void
norm(const char *text, const char *want)
{
    char  *s = be_norm(text, strlen(text));

    is(s, want, want);
    free(s);
}


static void
key(const char *text, const char *want)
{
    char  *s = be_key(text, strlen(text), NULL);

    is(s, want, want);
    free(s);
}


/* What is a letter or a digit, what a sign, what is written without blanks:
 * the first and the last of each block, and what is beside it. */

static void
test_signs(void)
{
    size_t  i;
    char    what[64];

    static const struct {
        uint32_t  cp;
        int       space;
        int       word;
        int       cjk;
    } all[] = {
        { 8, 0, 0, 0 }, { 9, 1, 0, 0 }, { 13, 1, 0, 0 }, { 14, 0, 0, 0 },
        { '/', 0, 0, 0 }, { '0', 0, 1, 0 }, { ':', 0, 0, 0 },
        { '@', 0, 0, 0 }, { 'A', 0, 1, 0 }, { '[', 0, 0, 0 },
        { '`', 0, 0, 0 }, { 'z', 0, 1, 0 }, { '{', 0, 0, 0 },
        { 0xA0, 1, 0, 0 }, { 0xAA, 0, 1, 0 }, { 0xB5, 0, 1, 0 },
        { 0xBA, 0, 1, 0 }, { 0xBB, 0, 0, 0 }, { 0xC0, 0, 1, 0 },
        { 0xD7, 0, 0, 0 }, { 0xF7, 0, 0, 0 }, { 0x1FFF, 0, 1, 0 },
        { 0x200B, 1, 0, 0 }, { 0x200C, 0, 0, 0 }, { 0x202F, 1, 0, 0 },
        { 0x2C00, 0, 1, 0 }, { 0x3000, 1, 0, 0 }, { 0x3004, 0, 0, 0 },
        { 0x3005, 0, 1, 1 }, { 0x3007, 0, 1, 1 }, { 0x3008, 0, 0, 0 },
        { 0x3020, 0, 0, 0 }, { 0x3021, 0, 1, 0 }, { 0x3040, 0, 1, 1 },
        { 0x30FB, 0, 0, 1 }, { 0x30FF, 0, 1, 1 }, { 0x3100, 0, 1, 0 },
        { 0x3400, 0, 1, 1 }, { 0x9FFF, 0, 1, 1 }, { 0xA000, 0, 1, 0 },
        { 0xE000, 0, 0, 0 }, { 0xF900, 0, 1, 1 }, { 0xFB00, 0, 1, 0 },
        { 0xFE00, 0, 0, 0 }, { 0xFEFF, 1, 0, 0 }, { 0xFF0F, 0, 0, 0 },
        { 0xFF10, 0, 1, 0 }, { 0xFF1A, 0, 0, 0 }, { 0xFF21, 0, 1, 0 },
        { 0xFF66, 0, 1, 1 }, { 0xFF9F, 0, 1, 1 }, { 0xFFA0, 0, 1, 0 },
        { 0xFFE0, 0, 0, 0 }
    };

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        snprintf(what, sizeof(what), "U+%04X", (unsigned) all[i].cp);
        ok(be_is_space(all[i].cp) == all[i].space
           && be_is_word(all[i].cp) == all[i].word
           && be_is_cjk(all[i].cp) == all[i].cjk, what);
    }
}


static void
test_forms(void)
{
    norm("A b\tC\r\n d\xC2\xA0" "e\xE2\x80\x82" "f\xE3\x80\x80g\xEF\xBB\xBFh",
         "abcdefgh");
    norm("\xC3\x84\xC3\x96\xC3\x9C\xC3\x97", "\xC3\xA4\xC3\xB6\xC3\xBC"
         "\xC3\x97");
    norm("\xCE\x91\xCE\xA9\xD0\x90\xD0\xAF", "\xCE\xB1\xCF\x89\xD0\xB0"
         "\xD1\x8F");
    norm("m\xC2\xB2 m\xC2\xB3 x\xC2\xB9", "m2m3x1");
    norm("\xE2\x80\x98x\xE2\x80\x99 \xE2\x80\x9Cy\xE2\x80\x9D", "'x'\"y\"");
    norm("a\xE2\x80\x90" "b\xE2\x80\x93" "c\xE2\x80\x94" "d\xE2\x88\x92"
         "e", "a-b-c-d-e");
    norm("\xEF\xBC\xA1\xEF\xBC\x91", "a1");
    norm("\xE2\x80\x9Bx\xC2\xB4y`", "'x'y'");
    norm("\xE2\x80\x9Ez\xE2\x80\x9D\xE2\x80\xAF\xEF\xBF\xA5",
         "\"z\"\xC2\xA5");
    norm("\xF0\x9F\x98\x80" "A", "\xF0\x9F\x98\x80" "a");

    key("\xC3\x89t\xC3\xA9", "ete");
    key("T0tal:", "total");
    key("\xC5\x92uvre \xC5\x93uf", "ouvreouf");
    key("1\xC2\xAA 2\xC2\xBA 3\xC2\xB5 \xC2\xA7", "l\xC2\xAA" "2\xC2\xBA"
        "3\xC2\xB5");
    test_signs();
    ok(be_utf8_count("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80") == 4,
       "four characters");
}


int
main(void)
{
    test_money();
    test_date();
    test_others();
    test_forms();

    return done();
}
