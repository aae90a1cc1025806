/*
 * Pages of any words in any place, read by the rules, and values with any
 * references, matched to them: whatever an engine reads, and whatever an
 * extractor says of it, a box lies on words of the page.
 */

#include <math.h>
#include <string.h>

#include "analyze.h"
#include "auto.h"
#include "fuzz.h"
#include "match.h"
#include "text.h"


const char *const  be_fuzz_words[] = {
    "\x01", "\x02", "\x10", "\x20", "\x80", "\xFF", "Total", "1,960.00",
    "\xEF\xAC\x81", "a", NULL
};

/* What invoices are made of: a byte of an input is a word. */

static const char *const  be_vocabulary[] = {
    "Invoice", "INVOICE", "Rechnung", "Facture", "Receipt", "Total", "Total:",
    "Subtotal", "Tax", "VAT", "MwSt.", "TVA", "19%", "Amount", "Due", "Date:",
    "Date", "Datum", "No.", "Nr.", "#", "4711", "INV-2026-17", "2026-01-05",
    "05.01.2026", "5", "Jan", "2026", "12:59", "$19.66", "1,960.00", "12,50",
    "EUR", "\xE2\x82\xAC", "\xC2\xA3" "5", "2", "x", "Qty", "Description",
    "Unit", "Price", "Menge", "Preis", "Betrag", "Widget", "GmbH", "Acme",
    "Ltd", "Inc.", "Street", "12", "10115", "Berlin", "Bill", "To:", "Ship",
    "From", "Tel.", "+49", "30", "1234567", "a@b.example", "Cash", "VISA",
    "Change", "Thank", "you", "\xE5\x90\x88\xE8\xA8\x88", "\xE5\xB0\x8F\xE8"
    "\xA8\x88", "\xC2\xA5" "1,200", "\xE9\xA0\x98\xE5\x8F\x8E\xE8\xA8\xBC",
    "\xE6\xA0\xAA\xE5\xBC\x8F\xE4\xBC\x9A\xE7\xA4\xBE", "2026\xE5\xB9\xB4"
    "1\xE6\x9C\x88" "5\xE6\x97\xA5", "-", "|", ".", ",", "(", ")", ":", "\xFF",
    "\xC3\x9F", "of\xEF\xAC\x81" "ce", " ", "0", "-5.00", "100%", "@", "1.",
    "Net", "Gross", "Balance", "Payment", "Terms", "Order", "Customer"
};

#define BE_WORDS  ((int) (sizeof(be_vocabulary) / sizeof(be_vocabulary[0])))
#define BE_MOST   400


void
be_fuzz_seeds(void)
{
    size_t   i, k;
    uint8_t  b[1200];

    for (k = 0; k < 4; k++) {
        for (i = 0; i < sizeof(b); i++) {
            b[i] = (uint8_t) (i * (k * 2 + 1) * 37 + i / 7 * k);
        }
        be_fuzz_seed(b, k == 3 ? sizeof(b) : 150 * (k + 1));
    }
}


/* Lines of words, or words anywhere, of any size; with characters or not. */

static void
be_make_page(be_fuzz_in_t *in, be_page_t *pg)
{
    int           i, k, n, w, mode, line = 0;
    double        x = 0, y = 10, h = 10;
    be_box_t      b;
    be_token_t   *t;
    const char   *s;

    mode = be_fuzz_below(in, 8);
    pg->width = 600 + be_fuzz_below(in, 2000);
    pg->height = 600 + be_fuzz_below(in, 2000);
    pg->confidence = 80;

    if (mode & 4) {
        pg->to_grid = be_affine_then(be_affine_rotate(be_fuzz_below(in, 7)),
                                     be_affine_shift(500, 400));

    } else {
        pg->to_grid = be_affine_scale(1000 / pg->width, 1000 / pg->height);
    }

    n = be_fuzz_below(in, 300);

    for (i = 0; i < n && i < BE_MOST && in->p < in->end; i++) {
        s = be_vocabulary[be_fuzz_below(in, BE_WORDS)];
        w = be_fuzz_below(in, 256);

        if (w < 60 || (mode & 1 && w < 120)) {
            line++;
            y += h * (1 + w % 3);
            x = w % 30 * 10;
            h = 8 + w % 9;

        } else {
            x += w % 16 == 15 ? 150 : 8;
        }

        if (mode & 2 && w % 11 == 0) {
            x = be_fuzz_below(in, 1000);
            y = be_fuzz_below(in, 1000);
        }

        b = (be_box_t) { x, y, x + 7 * (double) strlen(s), y + h };
        x = b.x1;
        t = be_page_add(pg, s, b, (float) (w % 101), line);

        for (k = 0; w & 1 && k < (int) strlen(s); k++) {
            be_token_symbol(t, k, k + 1, (be_box_t) { b.x0 + 7 * k - 1, b.y0,
                            b.x0 + 7 * k + 8, b.y1 });
        }
    }
}


/* Each edge is one of a word or of a character of it. */

static void
be_check_edges(const be_page_t *pg, const be_match_t *m)
{
    int               i, k, left = 0, right = 0, top = 0, bottom = 0;
    double            x0, x1;
    const be_box_t   *b;
    const be_quad_t  *q = &m->quad;
    const be_token_t *t;

    for (i = 0; i < pg->ntokens; i++) {
        t = &pg->tokens[i];
        b = &t->box;
        left |= b->x0 == q->p[0].x;
        right |= b->x1 == q->p[1].x;
        top |= b->y0 == q->p[0].y;
        bottom |= b->y1 == q->p[2].y;

        for (k = 0; k < t->nsymbols; k++) {
            x0 = fmax(t->symbols[k].box.x0, b->x0);
            x1 = fmin(t->symbols[k].box.x1, b->x1);
            left |= x0 == q->p[0].x;
            right |= x1 == q->p[1].x;
        }
    }

    be_fuzz_holds(left && right && top && bottom);
}


/* Values that an extractor may have made up. */

static void
be_try_match(be_fuzz_in_t *in, be_page_t *pg)
{
    int           i, k, n;
    char          text[400];
    be_value_t    v[6];
    be_match_t    m;
    be_claims_t   claims = { 0 };

    memset(v, 0, sizeof(v));
    pg->to_grid = be_affine_identity();

    for (i = 0; i < 6; i++) {
        n = be_fuzz_below(in, 6);
        text[0] = '\0';

        for (k = 0; k < n; k++) {
            strcat(text, be_vocabulary[be_fuzz_below(in, BE_WORDS)]);
            strcat(text, be_fuzz_byte(in) & 1 ? " " : "");
        }

        v[i].text = be_strdup(text);
        v[i].source = be_strdup(text);
        n = be_fuzz_below(in, 5);

        for (k = 0; k < n; k++) {
            be_value_ref(&v[i], be_fuzz_below(in, 300) - 1,
                         be_fuzz_below(in, 12) - 1, be_fuzz_below(in, 40));
        }

        be_match(pg, &v[i], &claims, &m);
        be_fuzz_holds(m.ratio >= 0 && m.ratio <= 1 && m.source != NULL);
        be_fuzz_holds(!m.found || m.ratio > 0);

        /* the grid ends at 1000 */

        if (m.found && m.quad.p[2].x < 1000 && m.quad.p[2].y < 1000) {
            be_check_edges(pg, &m);
        }
    }

    be_claims_free(&claims);

    for (i = 0; i < 6; i++) {
        be_value_free(&v[i]);
    }
}


static void
be_try_rules(const be_page_t *pg, const be_schema_t *s)
{
    be_fault_t    f = { 0 };
    be_schema_t   own = { 0 };
    be_result_t  *r;

    r = be_alloc((size_t) s->nfields * sizeof(be_result_t));
    be_fuzz_holds(be_rules()->extract(be_rules(), pg, s, r, &f) == 0);
    be_fuzz_answer(pg, s, r);
    (void) be_rules()->wanting(be_rules(), s, r);
    be_results_free(s, r);

    r = be_alloc(sizeof(be_result_t));
    (void) be_auto_template(pg);
    be_auto_fields(pg, &own, &r);
    be_fuzz_holds(own.nfields <= BE_AUTO_MAX);
    be_fuzz_answer(pg, &own, r);
    be_results_free(&own, r);
    be_schema_free(&own);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         i;
    be_page_t      pg = { 0 };
    be_fuzz_in_t   in = { data, data + size };
    static be_schema_t  schemas[2];
    static const char *const  names[] = { "invoice", "receipt" };

    if (schemas[0].nfields == 0) {
        for (i = 0; i < 2; i++) {
            be_fault_t   f = { 0 };
            json_t      *a = be_template(names[i], 0, &f);

            be_fuzz_holds(be_schema_parse(a, "fields", &schemas[i], &f) == 0);
            json_decref(a);
        }
    }

    be_make_page(&in, &pg);
    be_try_rules(&pg, &schemas[size & 1]);
    be_try_match(&in, &pg);
    be_page_free(&pg);

    return 0;
}
