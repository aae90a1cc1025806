/*
 * The extractor "rules": deterministic, from labels and layout.  Called by
 * analyze.c.  This file decides which rule answers which field.
 *
 * A value is always bytes of the page; what is not found is left out.
 */

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "rules.h"
#include "text.h"


void
be_value_ref(be_value_t *v, int id, int from, int to)
{
    if (v->nrefs && v->refs[v->nrefs - 1].id == id) {
        v->refs[v->nrefs - 1].to = to;
        return;
    }

    v->refs = be_grow(v->refs, sizeof(be_ref_t) * (size_t) (v->nrefs + 1));
    v->refs[v->nrefs++] = (be_ref_t) { id, from, to };
}


void
be_value_free(be_value_t *v)
{
    free(v->text);
    free(v->source);
    free(v->refs);
    memset(v, 0, sizeof(*v));
}


void
be_result_free(be_result_t *r, const be_field_t *fd)
{
    int  i, c;

    be_value_free(&r->value);

    for (i = 0; i < r->nrows; i++) {
        for (c = 0; c < fd->nchildren; c++) {
            be_value_free(&r->rows[i][c]);
        }
        free(r->rows[i]);
    }

    free(r->rows);
    memset(r, 0, sizeof(*r));
}


void
be_take(const be_rules_t *r, be_value_t *v, int row, int from, int to)
{
    int              i;
    be_buf_t         b = { 0 };
    const be_row_t  *w = &r->l.rows[row];

    while (from < to && strchr(" :;|", w->text[from])) {
        from++;
    }

    while (to > from && strchr(" :;|", w->text[to - 1])) {
        to--;
    }

    if (from >= to) {
        return;
    }

    if (v->text != NULL) {
        be_buf_str(&b, v->text);
        be_buf_str(&b, " ");
    }

    be_buf_add(&b, w->text + from, (size_t) (to - from));

    for (i = from; i < to; i++) {
        if (w->token[i] >= 0) {
            be_value_ref(v, w->token[i], w->offset[i], w->offset[i] + 1);
        }
    }

    free(v->text);
    free(v->source);
    v->text = be_buf_take(&b);

    if (v->text == NULL) {
        abort();
    }

    v->source = be_strdup(v->text);
}


/* A comma at the end belongs to the line, not to the value. */

static void
be_take_end(be_value_t *v)
{
    size_t  n = v->text ? strlen(v->text) : 0;

    if (n > 1 && v->text[n - 1] == ',') {
        v->text[n - 1] = '\0';
        v->source[n - 1] = '\0';
        v->refs[v->nrefs - 1].to--;
    }
}


/* Whether a description asks for a value in a normal form. */

static int
be_asks(const char *description, const char *const *words)
{
    int    i, found = 0;
    char  *have, *want;

    have = be_norm(description, strlen(description));

    for (i = 0; words[i] != NULL && !found; i++) {
        want = be_norm(words[i], strlen(words[i]));
        found = strstr(have, want) != NULL;
        free(want);
    }

    free(have);

    return found;
}


static void
be_normal_form(const be_field_t *fd, be_value_t *v)
{
    int       n;
    char      s[64];
    be_hit_t  h;
    static const char *const  iso[] = { "yyyy-mm-dd", "iso 8601", "iso8601",
                                        "iso date", NULL };
    static const char *const  plain[] = { "plain number", "without separator",
                                          "without comma", "no comma",
                                          "no separator", "decimal point",
                                          NULL };

    if (v->text == NULL || fd->description[0] == '\0') {
        return;
    }

    n = (int) strlen(v->text);

    if (be_asks(fd->description, iso) && be_scan_date(v->text, 0, n, &h)) {
        snprintf(s, sizeof(s), "%04d-%02d-%02d", h.year, h.month, h.day);

    } else if (be_asks(fd->description, plain)
               && be_scan_money(v->text, 0, n, &h))
    {
        snprintf(s, sizeof(s), "%.*f", h.decimals, h.number);

    } else {
        return;
    }

    free(v->text);
    v->text = be_strdup(s);
}


/* "invoiceNo", "invoice_no" -> "invoice no" */

static char *
be_words_of(const char *name)
{
    be_buf_t     b = { 0 };
    const char  *p;

    for (p = name; *p; p++) {
        if (p > name && isupper((unsigned char) *p)
            && islower((unsigned char) p[-1]))
        {
            be_buf_str(&b, " ");
        }
        be_buf_add(&b, strchr("_-./", *p) ? " " : p, 1);
    }

    return be_buf_take(&b);
}


/* The kind of a field that the lexicon does not know. */

static be_kind_e
be_kind_guess(const be_field_t *fd, const char *words)
{
    size_t    i;
    be_buf_t  b = { 0 };
    char     *s;
    be_kind_e kind = fd->type == BE_NUMBER ? BE_K_MONEY : BE_K_TEXT;
    static const struct {
        const char  *word;
        be_kind_e    kind;
    } hints[] = {
        { " cost centre ", BE_K_TEXT }, { " cost center ", BE_K_TEXT },
        { " date ", BE_K_DATE }, { " time ", BE_K_TIME },
        { " amount ", BE_K_MONEY }, { " price ", BE_K_MONEY },
        { " fee ", BE_K_MONEY }, { " total ", BE_K_MONEY },
        { " cost ", BE_K_MONEY }, { " charge ", BE_K_MONEY },
        { " phone ", BE_K_PHONE }, { " fax ", BE_K_PHONE },
        { " email ", BE_K_EMAIL }, { " number ", BE_K_ID },
        { " no ", BE_K_ID }, { " id ", BE_K_ID }, { " code ", BE_K_ID },
        { " reference ", BE_K_ID }
    };

    be_buf_printf(&b, " %s ", words);
    s = be_buf_take(&b);

    for (i = 0; s && s[i]; i++) {
        s[i] = (char) tolower((unsigned char) s[i]);
    }

    for (i = 0; s && i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strstr(s, hints[i].word) != NULL) {
            kind = hints[i].kind;
            break;
        }
    }

    free(s);

    return kind;
}


/*
 * A field of the client's own: its name is the label, and so are the words
 * that its description quotes.
 */

static void
be_rule_custom(be_rules_t *r, const be_field_t *fd, int index, be_value_t *v)
{
    int          concept = BE_C_CUSTOM + index;
    char        *words, *label;
    const char  *p, *q;
    be_kind_e    kind;

    words = be_words_of(fd->name);
    be_labels_add(&r->l, &r->labels, words, concept, 9);

    for (p = fd->description; (p = strpbrk(p, "\"'")) != NULL; p = q + 1) {
        q = strchr(p + 1, *p);
        if (q == NULL) {
            break;
        }
        if (q - p > 2 && q - p < 60) {
            label = be_strndup(p + 1, (size_t) (q - p - 1));
            be_labels_add(&r->l, &r->labels, label, concept, 10);
            free(label);
        }
    }

    kind = be_kind_guess(fd, words);
    be_rule_labelled(r, concept, kind, v);

    /* what a description is about may be known by another name */

    if (v->text == NULL && fd->description[0] != '\0') {
        label = be_strndup(fd->description, strcspn(fd->description, ",.;(:"));
        be_labels_add(&r->l, &r->labels, label, concept, 8);
        free(label);
        be_rule_labelled(r, concept, kind, v);
    }

    free(words);
}


static be_concept_e
be_field_concept(const be_field_t *fd)
{
    char          *s;
    be_concept_e   c;

    s = be_words_of(fd->name);
    c = be_concept_of(s, 0);
    free(s);

    /* "description": "Supplier / billing company name" */

    if (c == BE_C_NONE && fd->description[0] != '\0') {
        s = be_strndup(fd->description, strcspn(fd->description, ",.;(:/"));
        c = be_concept_of(s, 0);
        free(s);
    }

    return c;
}


static void
be_rule_field(be_rules_t *r, const be_field_t *fd, int index, be_value_t *v)
{
    be_concept_e  c = be_field_concept(fd);

    switch (c) {
    case BE_C_VENDOR:
        be_rule_vendor(r, v);
        break;
    case BE_C_RECIPIENT:
        be_rule_recipient(r, v);
        break;
    case BE_C_ADDRESS:
        be_rule_address(r, v);
        break;
    case BE_C_DATE:
    case BE_C_DUE_DATE:
    case BE_C_DELIVERY_DATE:
    case BE_C_ORDER_DATE:
        be_rule_date(r, c, v);
        break;
    case BE_C_TIME:
        be_rule_time(r, v);
        break;
    case BE_C_PHONE:
        be_rule_phone(r, v);
        break;
    case BE_C_EMAIL:
        be_rule_email(r, v);
        break;
    case BE_C_PAYMENT:
        be_rule_payment(r, v);
        break;
    case BE_C_SUBTOTAL:
    case BE_C_TAX:
    case BE_C_TOTAL:
    case BE_C_CASH:
    case BE_C_CHANGE:
    case BE_C_DISCOUNT:
        be_rule_money(r, (int) c, v);
        break;
    case BE_C_NONE:
        be_rule_custom(r, fd, index, v);
        break;
    default:
        be_rule_labelled(r, (int) c, be_kind_of(c), v);
        break;
    }
}


static int
be_rules_extract(be_extractor_t *x, const be_page_t *pg,
    const be_schema_t *s, be_result_t *out, be_fault_t *f)
{
    int         i;
    be_rules_t  r = { 0 };

    (void) x;
    (void) f;

    r.page = pg;
    r.schema = s;
    r.receipt = pg->height > 1.7 * pg->width;

    be_layout(pg, &r.l);
    be_labels(&r.l, &r.labels);
    be_rule_regions(&r);

    for (i = 0; i < s->nfields; i++) {
        out[i].page = pg;

        if (s->fields[i].type == BE_ARRAY) {
            be_rule_table(&r, &s->fields[i], &out[i]);

        } else {
            be_rule_field(&r, &s->fields[i], i, &out[i].value);
            be_take_end(&out[i].value);
            be_normal_form(&s->fields[i], &out[i].value);
        }
    }

    be_labels_free(&r.labels);
    be_layout_free(&r.l);

    return 0;
}


/* Every invoice and receipt has a date and a total. */

static int
be_rules_wanting(be_extractor_t *x, const be_schema_t *s,
    const be_result_t *out)
{
    int           i;
    be_concept_e  c;

    (void) x;

    for (i = 0; i < s->nfields; i++) {
        if (s->fields[i].type == BE_ARRAY
            || (out[i].value.text != NULL && !out[i].value.unsure))
        {
            continue;
        }

        c = be_field_concept(&s->fields[i]);
        if (c == BE_C_TOTAL || c == BE_C_DATE) {
            return 1;
        }
    }

    return 0;
}


be_extractor_t *
be_rules(void)
{
    static be_extractor_t  x = { be_rules_extract, be_rules_wanting };

    return &x;
}
