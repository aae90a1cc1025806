/*
 * Text: what the rules find in it, what it is compared by, and numbers.  What
 * comes out lies inside of what went in.
 */

#include <math.h>
#include <string.h>

#include "auto.h"
#include "fuzz.h"
#include "scan.h"
#include "space/value.h"
#include "text.h"


const char *const  be_fuzz_words[] = {
    " ", ".", ",", "-", "/", ":", "'", "1,960.00", "1.960,00", "$", "EUR",
    "\xC2\xA3", "\xEF\xBF\xA5", "2026-01-05", "05.01.2026", "5 January 2026",
    "31/12/99", "Jan", "M\xC3\xA4rz", "d\xC3\xA9""c.", "12:59", "9pm",
    "+49 (0)30 1234-567", "a@b.example", "INV-2026/17",
    "\xE5\xB9\xB4", "\xE6\x9C\x88", "\xE6\x97\xA5", "\xEF\xBC\x91",
    "\xEF\xAC\x81", "\xC3\x9F", "\xE1\xBA\x9E", "\xED\xA0\x80", "\xF4\x90",
    "\xE0\x80\x80", "99999999999999999999", "\xE4\xBB\xA4\xE5\x92\x8C", NULL
};


void
be_fuzz_seeds(void)
{
    be_fuzz_seed_text("Total due: \xC2\xA3" "1,960.00 (5 Jan 2026)");
    be_fuzz_seed_text("Rechnung Nr. 4711 vom 05.01.2026, 12:59 Uhr, 1.960,00"
                      " EUR");
    be_fuzz_seed_text("\xE4\xBB\xA4\xE5\x92\x8C" "8\xE5\xB9\xB4" "1\xE6\x9C"
                      "\x88" "5\xE6\x97\xA5 \xEF\xBF\xA5" "1,200");
    be_fuzz_seed_text("Tel. +49 30 1234567 mail@acme.example");
}


typedef int (*be_scan_pt)(const char *s, int at, int to, be_hit_t *h);


/* From each place and to each end: inside of it, and something. */

static void
be_try_scans(const char *s, int n)
{
    int       at, to, hits;
    size_t    i;
    be_hit_t  h;
    static const be_scan_pt  scans[] = {
        be_scan_money, be_scan_date, be_scan_time, be_scan_phone,
        be_scan_email, be_scan_id
    };

    for (i = 0; i < sizeof(scans) / sizeof(scans[0]); i++) {
        for (to = n; to >= 0; to -= 1 + n / 3) {
            at = 0;
            hits = 0;
            memset(&h, 0, sizeof(h));

            while (at < to && scans[i](s, at, to, &h)) {
                be_fuzz_holds(h.from >= at && h.from < h.to && h.to <= to);
                be_fuzz_holds(++hits <= n);
                at = h.to;

                if (i == 0) {
                    be_fuzz_holds(isfinite(h.number));

                } else if (i == 1) {
                    be_fuzz_holds(h.month >= 0 && h.month <= 12 && h.day >= 0
                                  && h.day <= 31);
                }
            }
        }
    }
}


static void
be_try_compare(const char *s, size_t n)
{
    int     *map, i, half;
    char    *a, *b, *key, *copy;
    size_t   b0 = 0, b1 = 0, len;

    a = be_norm(s, n);
    b = be_norm(a, strlen(a));
    be_fuzz_holds(be_utf8_count(b) <= 2 * be_utf8_count(a));

    key = be_key(s, n, &map);
    len = strlen(key);

    for (i = 0; i <= (int) len; i++) {
        be_fuzz_holds(map[i] >= 0 && map[i] <= (int) n);
        be_fuzz_holds(i == 0 || map[i] >= map[i - 1]);
    }

    copy = be_strndup(s, n / 2);
    half = (int) be_utf8_count(s);
    be_fuzz_holds(be_distance(s, s, 3) == 0);
    be_fuzz_holds(be_distance(s, copy, half + 9)
                  == be_distance(copy, s, half + 9));
    be_fuzz_holds(be_distance(a, copy, 2) <= 3);

    i = be_distance_in(copy, s, &b0, &b1);
    be_fuzz_holds(copy[0] == '\0' ? i == -1 : i >= 0);
    be_fuzz_holds(i < 0 || (b0 <= b1 && b1 <= n));

    free(a);
    free(b);
    free(key);
    free(map);
    free(copy);
}


static void
be_try_values(const char *s, size_t n)
{
    size_t     i;
    char      *name;
    double     num = 0;
    json_t    *o;
    be_buf_t   a = { 0 }, b = { 0 };

    if (be_value_number(s, &num)) {
        be_fuzz_holds(isfinite(num));
    }

    be_value_fold(s, n, &a);
    be_value_fold(a.data, a.len, &b);
    be_fuzz_holds(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    be_buf_free(&a);
    be_buf_free(&b);

    name = be_auto_name(s, n);
    be_fuzz_holds(strlen(name) <= 64);

    for (i = 0; name[i]; i++) {
        be_fuzz_holds((name[i] >= 'a' && name[i] <= 'z')
                      || (name[i] >= '0' && name[i] <= '9') || name[i] == '_');
    }

    o = json_string(name);
    be_fuzz_holds(o != NULL);
    json_decref(o);
    free(name);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *s;
    size_t         n = size > 600 ? 600 : size;
    be_fuzz_in_t   in = { data, data + n };

    s = be_fuzz_until(&in, '\0');
    n = strlen(s);

    be_try_scans(s, (int) n);
    be_try_compare(s, n);
    be_try_values(s, n);
    free(s);

    return 0;
}
