/*
 * Pure parts: base64, addresses, image headers, text and scanners.
 */

#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdlib.h>

#include "address.h"
#include "base64.h"
#include "imghead.h"
#include "scan.h"
#include "tap.h"
#include "text.h"


static void
test_base64(void)
{
    size_t          i, n, at;
    unsigned char  *p;
    char            what[80];
    static const char  *bad[] = { "TQ", "TQ=", "TQ==TQ==", "T Q==", "TR==",
                                  "TWF=", "TWF\n", "====", "TQ=a", "T===",
                                  "TWFu\xC3\xA9", "-_-_", NULL };

    p = be_base64_decode("TWFu", 4, &n, &at);
    ok(p && n == 3 && memcmp(p, "Man", 3) == 0, "base64: three bytes");
    free(p);

    p = be_base64_decode("TWE=", 4, &n, &at);
    ok(p && n == 2 && memcmp(p, "Ma", 2) == 0, "base64: two bytes");
    free(p);

    p = be_base64_decode("TQ==", 4, &n, &at);
    ok(p && n == 1 && p[0] == 'M', "base64: one byte");
    free(p);

    for (i = 0; bad[i]; i++) {
        p = be_base64_decode(bad[i], strlen(bad[i]), &n, &at);
        snprintf(what, sizeof(what), "base64: refused, case %zu", i);
        ok(p == NULL, what);
        free(p);
    }
}


static int
public_address(const char *s)
{
    struct sockaddr_in   in = { 0 };
    struct sockaddr_in6  in6 = { 0 };

    if (inet_pton(AF_INET, s, &in.sin_addr) == 1) {
        in.sin_family = AF_INET;
        return be_address_public((struct sockaddr *) &in);
    }

    inet_pton(AF_INET6, s, &in6.sin6_addr);
    in6.sin6_family = AF_INET6;

    return be_address_public((struct sockaddr *) &in6);
}


static void
test_address(void)
{
    int  i;
    static const char  *closed[] = {
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1",
        "10.255.255.255", "100.64.0.1", "100.127.255.255", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.1",
        "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
        "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::",
        "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
        "64:ff9b:1::1", "fc00::1", "fd12:3456::1", "fe80::1", "ff02::1",
        "2001:db8::1", "2001::1", "2002:7f00:1::", "3fff::1", "100::1", NULL
    };
    static const char  *open[] = {
        "8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.0.1",
        "172.32.0.1", "192.167.1.1", "223.255.255.255", "11.0.0.0",
        "2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", NULL
    };

    for (i = 0; closed[i]; i++) {
        ok(!public_address(closed[i]), closed[i]);
    }

    for (i = 0; open[i]; i++) {
        ok(public_address(open[i]), open[i]);
    }

    ok(!be_address_public(&(struct sockaddr) { .sa_family = AF_UNIX }),
       "what is no address of the internet");
}


static void
test_imghead(void)
{
    size_t         i;
    const char    *err;
    be_imghead_t   h;
    unsigned char  png[33] = "\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\x75\x30\0\0"
                             "\x75\x30\x01";
    unsigned char  gif[23] = "GIF89a\x20\0\x30\0\0\0\0,\0\0\0\0\x20\0\x30";
    static const unsigned char  jpeg[] =
        "\xFF\xD8\xFF\xE1\0\x22" "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03"
        "\0\0\0\x01\0\x06\0\0\0\0\0\0\xFF\xC0\0\x0B\x08\0\x40\0\x80\x01\x01"
        "\x11\0";

    err = be_imghead(png, sizeof(png), &h);
    ok(err && strstr(err, "too many pixels"), "a bomb is seen in its header");

    png[18] = png[22] = 1;
    err = be_imghead(png, sizeof(png), &h);
    ok(err == NULL && h.width == 256 + 0x30 && h.height == h.width, "PNG");

    err = be_imghead(gif, sizeof(gif), &h);
    ok(err == NULL && h.width == 32 && h.height == 48, "GIF");

    err = be_imghead(jpeg, sizeof(jpeg) - 1, &h);
    ok(err == NULL && h.width == 128 && h.height == 64 && h.orientation == 6,
       "JPEG with an EXIF orientation");

    for (i = 0; i < sizeof(jpeg); i++) {
        (void) be_imghead(jpeg, i, &h);
    }
    for (i = 0; i < sizeof(png); i++) {
        (void) be_imghead(png, i, &h);
    }
    ok(1, "cut anywhere");

    err = be_imghead((const unsigned char *) "%PDF-1.7", 8, &h);
    ok(err && strstr(err, "PDF"), "a PDF is named");
    err = be_imghead((const unsigned char *) "\0\0\0\x18" "ftypheic", 12, &h);
    ok(err && strstr(err, "HEIC"), "a HEIC is named");
    err = be_imghead((const unsigned char *) "", 0, &h);
    ok(err && strstr(err, "empty"), "nothing");
}


static void
money(const char *s, double want, const char *text)
{
    be_hit_t  h;
    char      have[64] = "";

    if (be_scan_money(s, 0, (int) strlen(s), &h)) {
        snprintf(have, sizeof(have), "%.*s", h.to - h.from, s + h.from);
    }

    is(have, text, s);

    if (text[0]) {
        ok(h.number > want - 0.001 && h.number < want + 0.001, s);
    }
}


static void
date(const char *s, int y, int m, int d)
{
    be_hit_t  h = { 0 };
    int       found = be_scan_date(s, 0, (int) strlen(s), &h);

    ok(y ? found && h.year == y && h.month == m && h.day == d : !found, s);
}


static void
test_scan(void)
{
    money("Total $8.20", 8.20, "8.20");
    money("RM41.45", 41.45, "41.45");
    money("1,234.56 EUR", 1234.56, "1,234.56");
    money("1.234,56", 1234.56, "1.234,56");
    money("33 535,20", 33535.20, "33 535,20");
    money("2,045", 2045, "2,045");
    money("-218,48 \xE2\x82\xAC", -218.48, "-218,48");
    money("13. 80", 13.80, "13. 80");
    money("19%", 0, "");
    money("19,0 %", 0, "");
    money("AB12", 0, "");
    money("12/05/2020", 0, "");
    money("12:30", 0, "");

    date("Date: 05/11/2017", 2017, 11, 5);
    date("2017-11-05", 2017, 11, 5);
    date("17-02-18", 2018, 2, 17);
    date("16.09.2013", 2013, 9, 16);
    date("14 MAR 2018 18:40", 2018, 3, 14);
    date("24. Januar 2014", 2014, 1, 24);
    date("le 31 octobre 2017", 2017, 10, 31);
    date("March 5, 2020", 2020, 3, 5);
    date("2024\xE5\xB9\xB4" "3\xE6\x9C\x88" "5\xE6\x97\xA5", 2024, 3, 5);
    date("25032018", 2018, 3, 25);
    date("18 -2.37", 0, 0, 0);
    date("31/31/2017", 0, 0, 0);
    date("03-40210276", 0, 0, 0);
    date("1.234,56", 0, 0, 0);
}


static void
test_text(void)
{
    char    *s;
    size_t   b0, b1;
    static const char  wild[] = "\xFFz\xC3\xE2\x82";

    s = be_norm("\xEF\xBC\xA1\xEF\xBC\x91 Stra\xC3\x9F" "e", 14);
    is(s, "a1strasse", "wide forms, case and sharp s are folded");
    free(s);

    s = be_key("Invoice No. 58", 14, NULL);
    is(s, "lnvolcenosb", "keys make alike characters one");
    free(s);

    s = be_norm(wild, sizeof(wild) - 1);
    ok(strstr(s, "z") != NULL, "broken UTF-8 is survived");
    free(s);

    ok(be_distance("kitten", "sitting", 5) == 3, "distance");
    ok(be_distance("kitten", "sitting", 2) == 3, "distance above its limit");
    ok(be_distance_in("abcd", "xxabedyy", &b0, &b1) == 1 && b0 == 2
       && b1 == 6, "the best window");
    ok(be_distance_in("", "x", &b0, &b1) == -1, "an empty needle");

    /* what is too long a form is no character, and no end */

    ok(be_utf8_count("a\xE0\x80\x80z") == 5, "a long form of NUL");
    ok(be_utf8_count("\xF0\x80\x80\x80\xED\xA0\x80\xF4\x90\x80\x80")
       == 11, "other long forms, surrogates, beyond the last one");
}


int
main(void)
{
    test_base64();
    test_address();
    test_imghead();
    test_scan();
    test_text();

    return done();
}
