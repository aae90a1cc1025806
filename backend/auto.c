/*
 * Fields that nobody has named: what a page seems to be, what of that was
 * found, and labels of the page with their values.  Called by analyze.c;
 * deterministic.
 */

#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "auto_pairs.h"
#include "buf.h"
#include "text.h"


static void
be_auto_open(be_rules_t *r, const be_page_t *pg)
{
    memset(r, 0, sizeof(*r));

    r->page = pg;
    r->receipt = pg->height > 1.7 * pg->width;

    be_layout(pg, &r->l);
    be_labels(&r->l, &r->labels);
    be_rule_regions(r);
}


static void
be_auto_close(be_rules_t *r)
{
    be_labels_free(&r->labels);
    be_layout_free(&r->l);
}


/* How many rows, from the top and down to a share of the page, have one of
 * the words. */

static int
be_rows_with(const be_rules_t *r, const char *const *words, double share,
    size_t longest)
{
    int    i, k, n = 0;
    char  *s;

    for (i = 0; i < r->l.nrows; i++) {
        if (r->l.rows[i].box.y0 > share * r->page->height) {
            break;
        }

        s = be_norm(r->l.rows[i].text, strlen(r->l.rows[i].text));

        for (k = 0; words[k] != NULL; k++) {
            if (strlen(s) <= longest && strstr(s, words[k]) != NULL) {
                n++;
                break;
            }
        }

        free(s);
    }

    return n;
}


/* Whether a label of a concept is there; money: with an amount beside it. */

static int
be_auto_has(const be_rules_t *r, int concept, int weight, int money)
{
    int                i;
    be_hit_t           h;
    const char        *s;
    const be_label_t  *a;

    for (i = 0; i < r->labels.n; i++) {
        a = &r->labels.v[i];
        s = r->l.rows[a->row].text;

        if (a->concept == concept && a->weight >= weight
            && (!money || be_scan_money(s, a->to, (int) strlen(s), &h)))
        {
            return 1;
        }
    }

    return 0;
}


const char *
be_auto_template(const be_page_t *pg)
{
    int         invoice, receipt, sums, bill, narrow, i, times = 0;
    be_hit_t    h;
    be_rules_t  r;
    static const char *const  bills[] = { "invoice", "rechnung", "facture",
                                          "\xE8\xAB\x8B\xE6\xB1\x82\xE6\x9B"
                                          "\xB8", NULL };
    static const char *const  slips[] = { "receipt", "quittung", "kassenbon",
                                          "re\xC3\xA7u", "cashbill",
                                          "thankyou", "ticketdecaisse",
                                          "\xE9\xA0\x98\xE5\x8F\x8E",
                                          "\xE3\x83\xAC\xE3\x82\xB7\xE3\x83"
                                          "\xBC\xE3\x83\x88", NULL };
    static const char *const  others[] = { "purchaseorder", "quotation",
                                           "angebot", "devis", "bestellung",
                                           "lieferschein", "deliverynote",
                                           "bondelivraison", "bankstatement",
                                           "packingslip", "\xE8\xA6\x8B\xE7"
                                           "\xA9\x8D", "\xE7\xB4\x8D\xE5\x93"
                                           "\x81\xE6\x9B\xB8", NULL };

    be_auto_open(&r, pg);

    narrow = pg->height > 1.5 * pg->width;

    for (i = 0; i < r.l.nrows; i++) {
        times |= be_scan_time(r.l.rows[i].text, 0,
                              (int) strlen(r.l.rows[i].text), &h);
    }

    bill = be_rows_with(&r, bills, 0.5, 40) > 0;
    sums = be_auto_has(&r, BE_C_TOTAL, 6, 1) || r.body >= 0
           || (be_auto_has(&r, BE_C_SUBTOTAL, 8, 1)
               && be_auto_has(&r, BE_C_TAX, 7, 1));

    receipt = 3 * narrow + 2 * (be_rows_with(&r, slips, 1, 60) > 0)
              + 2 * be_auto_has(&r, BE_C_CASH, 8, 1)
              + 2 * be_auto_has(&r, BE_C_CHANGE, 8, 1) + times
              + 2 * (times && sums && !bill);

    invoice = 3 * bill - 2 * narrow
              + 2 * be_auto_has(&r, BE_C_DUE_DATE, 9, 0)
              + 2 * be_auto_has(&r, BE_C_RECIPIENT, 8, 0)
              + 2 * be_auto_has(&r, BE_C_DOC_NO, 10, 0)
              + be_auto_has(&r, BE_C_ORDER_NO, 5, 0)
              + be_auto_has(&r, BE_C_CUSTOMER_NO, 5, 0)
              + be_auto_has(&r, BE_C_IBAN, 5, 0)
              + be_auto_has(&r, BE_C_TERMS, 5, 0);

    /* a heading that says it is something else */

    if (!bill && be_rows_with(&r, others, 0.3, 30) > 0) {
        sums = 0;
    }

    be_auto_close(&r);

    if (!sums || (invoice < 3 && receipt < 3)) {
        return NULL;
    }

    return invoice >= receipt ? "invoice" : "receipt";
}


char *
be_auto_name(const char *label, size_t len)
{
    char        *s, *p;
    size_t       n = 0;
    be_buf_t     b = { 0 };
    uint32_t     cp;
    const char  *end = label + len;
    static const char  plain[] = "aaaaaaaceeeeiiiidnooooo_ouuuuyty";

    be_buf_str(&b, "");

    while ((cp = be_utf8_next(&label, end)) != 0 && n < BE_MAX_NAME) {
        if (cp >= 0xFF01 && cp <= 0xFF5E) {
            cp -= 0xFEE0;
        }

        if (cp >= 'A' && cp <= 'Z') {
            cp += 32;
        }

        if (cp >= 0xC0 && cp <= 0xDE && cp != 0xD7) {
            cp += 32;
        }

        if (cp == 0xDF) {
            be_buf_str(&b, "ss");
            n += 2;

        } else if (cp == 0xE4 || cp == 0xF6 || cp == 0xFC) {
            be_buf_str(&b, cp == 0xE4 ? "ae" : cp == 0xF6 ? "oe" : "ue");
            n += 2;

        } else {
            if (cp >= 0xE0 && cp <= 0xFF) {
                cp = (unsigned char) plain[cp - 0xE0];
            }

            if (cp < 0x80 && be_is_word(cp)) {
                be_utf8_add(&b, cp);
                n++;

            } else if (n && b.data[n - 1] != '_' && cp != '\'') {
                be_buf_str(&b, "_");
                n++;
            }
        }
    }

    s = be_buf_take(&b);
    if (s == NULL) {
        abort();
    }

    n = n > BE_MAX_NAME ? BE_MAX_NAME : n;
    s[n] = '\0';

    for (p = s + n; p > s && p[-1] == '_'; p--) {
        p[-1] = '\0';
    }

    return s;
}


/* The name of a label: its own, or where that has no letter of the alphabet
 * what it means. */

static char *
be_pair_name(const be_rules_t *r, const be_pair_t *p)
{
    int    i;
    char  *s;
    static const struct {
        int          concept;
        const char  *name;
    } names[] = {
        { BE_C_VENDOR, "vendor" }, { BE_C_RECIPIENT, "recipient" },
        { BE_C_PHONE, "phone" }, { BE_C_FAX, "fax" }, { BE_C_EMAIL, "email" },
        { BE_C_DOC_NO, "document_no" }, { BE_C_ORDER_NO, "order_no" },
        { BE_C_CUSTOMER_NO, "customer_no" }, { BE_C_VAT_ID, "tax_id" },
        { BE_C_DATE, "date" }, { BE_C_DUE_DATE, "due_date" },
        { BE_C_DELIVERY_DATE, "delivery_date" },
        { BE_C_ORDER_DATE, "order_date" }, { BE_C_TIME, "time" },
        { BE_C_SUBTOTAL, "subtotal" }, { BE_C_TAX, "tax" },
        { BE_C_TOTAL, "total" }, { BE_C_CASH, "cash" },
        { BE_C_CHANGE, "change" }, { BE_C_DISCOUNT, "discount" },
        { BE_C_PAYMENT, "payment_method" }, { BE_C_TERMS, "payment_terms" }
    };

    s = be_auto_name(r->l.rows[p->row].text + p->from,
                     (size_t) (p->to - p->from));

    for (i = 0; s[strcspn(s, "abcdefghijklmnopqrstuvwxyz")] == '\0'
                && i < (int) (sizeof(names) / sizeof(names[0])); i++)
    {
        if (names[i].concept == p->concept) {
            free(s);
            return be_strdup(names[i].name);
        }
    }

    if (strcmp(s, "field_bboxes") == 0
        || s[strcspn(s, "abcdefghijklmnopqrstuvwxyz")] == '\0')
    {
        s[0] = '\0';
    }

    return s;
}


/* What is a field of the template that was found, in order of worth. */

static int
be_auto_rank(const char *name)
{
    int  i;
    static const char *const  order[] = {
        "invoice_no", "invoice_date", "vendor", "total", "line_items",
        "store_name", "transaction_date", "receipt_no", "due_date",
        "recipient", "tax", "payment_method", "transaction_time", "subtotal",
        "store_phone", "store_address", NULL
    };

    for (i = 0; order[i] != NULL && strcmp(order[i], name) != 0; i++) {
        /* on */
    }

    return i;
}


/* Drops what was not found, and what is worth least of more than enough. */

static void
be_auto_keep(be_schema_t *s, be_result_t *r)
{
    int  i, n = 0, worst;

    for (i = 0; i < s->nfields; i++) {
        if (r[i].value.text != NULL || r[i].nrows > 0) {
            s->fields[n] = s->fields[i];
            r[n++] = r[i];

        } else {
            be_result_free(&r[i], &s->fields[i]);
            be_field_free(&s->fields[i]);
        }
    }

    while (n > BE_AUTO_MAX) {
        for (worst = 0, i = 1; i < n; i++) {
            if (be_auto_rank(s->fields[i].name)
                > be_auto_rank(s->fields[worst].name))
            {
                worst = i;
            }
        }

        be_result_free(&r[worst], &s->fields[worst]);
        be_field_free(&s->fields[worst]);
        n--;
        memmove(&s->fields[worst], &s->fields[worst + 1],
                (size_t) (n - worst) * sizeof(be_field_t));
        memmove(&r[worst], &r[worst + 1],
                (size_t) (n - worst) * sizeof(be_result_t));
    }

    s->nfields = n;
}


static void
be_claim(const be_page_t *pg, const be_page_t *of, const be_value_t *v,
    char *taken)
{
    int  i;

    for (i = 0; pg == of && i < v->nrefs; i++) {
        taken[v->refs[i].id] = 1;
    }
}


/* Tokens that are values already. */

static char *
be_auto_taken(const be_page_t *pg, const be_schema_t *s,
    const be_result_t *r)
{
    int    i, k, c;
    char  *taken = be_alloc((size_t) pg->ntokens + 1);

    for (i = 0; i < s->nfields; i++) {
        be_claim(pg, r[i].page, &r[i].value, taken);

        for (k = 0; k < r[i].nrows; k++) {
            for (c = 0; c < s->fields[i].nchildren; c++) {
                be_claim(pg, r[i].page, &r[i].rows[k][c], taken);
            }
        }
    }

    return taken;
}


/* Whether a field of the schema has this name or means the same. */

static int
be_auto_known(const be_schema_t *s, const char *name, int concept)
{
    int    i, same;
    char  *p, *words;

    for (i = 0; i < s->nfields; i++) {
        if (strcmp(s->fields[i].name, name) == 0) {
            return 1;
        }

        words = be_strdup(s->fields[i].name);
        for (p = words; *p; p++) {
            *p = *p == '_' ? ' ' : *p;
        }

        same = concept != BE_C_NONE
               && (int) be_concept_of(words, 0) == concept;
        free(words);

        if (same) {
            return 1;
        }
    }

    return 0;
}


static void
be_auto_add(const be_rules_t *rules, const be_pair_t *p, be_schema_t *s,
    be_result_t *r, char *taken)
{
    int          i;
    char        *name;
    be_value_t   v = { 0 };

    name = be_pair_name(rules, p);
    be_take(rules, &v, p->vrow, p->vfrom, p->vto);

    for (i = 0; i < v.nrefs && !taken[v.refs[i].id]; i++) {
        /* its tokens are its own */
    }

    if (name[0] == '\0' || v.text == NULL || i < v.nrefs
        || be_auto_known(s, name, p->concept))
    {
        be_value_free(&v);
        free(name);
        return;
    }

    be_claim(rules->page, rules->page, &v, taken);

    memset(&s->fields[s->nfields], 0, sizeof(be_field_t));
    memset(&r[s->nfields], 0, sizeof(be_result_t));
    s->fields[s->nfields].name = name;
    s->fields[s->nfields].description = be_strdup("");
    r[s->nfields].page = rules->page;
    r[s->nfields].value = v;
    s->nfields++;
}


void
be_auto_fields(const be_page_t *pg, be_schema_t *s, be_result_t **r)
{
    int         i, known;
    char       *taken;
    be_pairs_t  all;
    be_rules_t  rules;

    be_auto_keep(s, *r);

    s->fields = be_grow(s->fields, (BE_AUTO_MAX + 1) * sizeof(be_field_t));
    *r = be_grow(*r, (BE_AUTO_MAX + 1) * sizeof(be_result_t));

    be_auto_open(&rules, pg);

    be_pairs(&rules, &all);
    taken = be_auto_taken(pg, s, *r);

    /* what the lexicon knows goes before what only looks like a label */

    for (known = 1; known >= 0; known--) {
        for (i = 0; i < all.n && s->nfields < BE_AUTO_MAX; i++) {
            if (all.v[i].vto > 0 && (all.v[i].concept != BE_C_NONE) == known) {
                be_auto_add(&rules, &all.v[i], s, *r, taken);
            }
        }
    }

    free(taken);
    free(all.v);
    be_auto_close(&rules);
}
