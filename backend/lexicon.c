/*
 * The words by which values are known, in English, German, French and
 * Japanese, and where they stand on a page.  Used by the rules.
 *
 * A weight says how surely a label means its concept: "Gesamtbetrag" is a
 * total, "Summe" may be of anything.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "lexicon.h"
#include "lexicon_words.h"
#include "text.h"


#define be_count(a)  (sizeof(a) / sizeof((a)[0]))


/* The labels of a list as keys, made once in the life of the process. */

typedef struct {
    char  *key;
    char  *norm;                 /* of short labels, which OCR's pairs of
                                  * alike characters would make too many of */
    int    n;                    /* bytes of the key */
    int    spaces;               /* within the label */
    int    cjk;
    int    concept;
    int    weight;
} be_entry_t;

typedef struct {
    be_entry_t  *v;
    int          n;
} be_entries_t;


static int
be_spaces(const char *s, int from, int to)
{
    int  n = 0;

    for ( /* void */ ; from < to; from++) {
        n += s[from] == ' ';
    }

    return n;
}


/* The next label of a list as a key; NULL at the end. */

static char *
be_words_next(const char **p, int *cjk, int *spaces)
{
    char        *key;
    size_t       n;
    const char  *s = *p, *q;

    if (*s == '\0') {
        return NULL;
    }

    n = strcspn(s, "|");
    q = s;
    *cjk = be_is_cjk(be_utf8_next(&q, s + n));
    *spaces = be_spaces(s, 0, (int) n);
    *p = s + n + (s[n] == '|');

    key = be_key(s, n, NULL);

    return key;
}


static int
be_letter_at(const char *s, int at)
{
    const char  *p = s + at;
    uint32_t     cp = be_utf8_next(&p, p + strlen(p));

    return be_is_word(cp) && !be_is_cjk(cp) && !(cp >= '0' && cp <= '9');
}


static int
be_is_tail(char c)
{
    return ((unsigned char) c & 0xC0) == 0x80;
}


/* Whether key bytes [a, b) of a row begin and end with a word. */

static int
be_label_bounded(const be_row_t *r, int a, int b, int cjk, int *from, int *to)
{
    int  p;

    *from = r->keymap[a];
    *to = r->keymap[b];

    /* the map leads to the next letter: what is between is not part of it */

    for (p = r->keymap[b - 1] + 1; be_is_tail(r->text[p]); p++) { }
    *to = p;

    if (cjk) {
        return 1;
    }

    if (*from > 0) {
        for (p = *from - 1; p > 0 && be_is_tail(r->text[p]); p--) {
            /* to the first byte of the character before */
        }
        if (be_letter_at(r->text, p)
            || (r->text[p] >= '0' && r->text[p] <= '9'))
        {
            return 0;
        }
    }

    return !be_letter_at(r->text, *to);
}


static void
be_label_put(be_labels_t *out, int row, int from, int to, int concept,
    int weight)
{
    int          i;
    be_label_t  *o;

    for (i = 0; i < out->n; i++) {
        o = &out->v[i];

        if (o->row != row || o->from >= to || from >= o->to) {
            continue;
        }

        if (o->to - o->from >= to - from) {
            return;
        }

        *o = out->v[--out->n];
        i--;
    }

    out->v = be_grow(out->v, (size_t) (out->n + 1) * sizeof(be_label_t));
    out->v[out->n++] = (be_label_t) { row, from, to, concept, weight };
}


/*
 * A key with at most "limit" errors has one of limit + 1 pieces whole: most
 * rows are ruled out by this at the price of a search.
 */

static int
be_label_likely(const char *key, int n, int limit, const char *hay)
{
    int   i, a, b;
    char  piece[64];

    for (i = 0; i <= limit; i++) {
        a = n * i / (limit + 1);
        b = n * (i + 1) / (limit + 1);

        if (b - a >= (int) sizeof(piece)) {
            return 1;
        }

        memcpy(piece, key + a, (size_t) (b - a));
        piece[b - a] = '\0';

        if (strstr(hay, piece) != NULL) {
            return 1;
        }
    }

    return 0;
}


/* Whether a place is the label: in one cell, and if short, to the letter. */

static int
be_label_is(const be_row_t *r, const be_entry_t *e, int from, int to)
{
    int    rc;
    char  *s;

    if (be_row_seg(r, from) != be_row_seg(r, to - 1)) {
        return 0;
    }

    if (e->norm == NULL) {
        return 1;
    }

    s = be_norm(r->text + from, (size_t) (to - from));
    rc = strcmp(s, e->norm) == 0;
    free(s);

    return rc;
}


static void
be_label_exact(const be_layout_t *l, int row, be_labels_t *out,
    const be_entry_t *e)
{
    int              from, to;
    const char      *p;
    const be_row_t  *r = &l->rows[row];

    for (p = r->key; e->n && (p = strstr(p, e->key)) != NULL; p++) {
        if (be_label_bounded(r, (int) (p - r->key), (int) (p - r->key) + e->n,
                             e->cjk, &from, &to)
            && be_label_is(r, e, from, to))
        {
            be_label_put(out, row, from, to, e->concept, e->weight);
        }
    }
}


/* Long labels are also found with a character or two misread, where nothing
 * else was found. */

static void
be_label_fuzzy(const be_layout_t *l, int row, be_labels_t *out,
    const be_entry_t *e)
{
    int              i, d, limit, from, to;
    size_t           b0, b1;
    const be_row_t  *r = &l->rows[row];

    limit = e->cjk || e->n < 7 ? 0 : e->n < 12 ? 1 : 2;

    if (limit == 0 || strlen(r->key) + 2 < (size_t) e->n
        || !be_label_likely(e->key, e->n, limit, r->key))
    {
        return;
    }

    d = be_distance_in(e->key, r->key, &b0, &b1);

    if (d <= 0 || d > limit || b1 <= b0
        || !be_label_bounded(r, (int) b0, (int) b1, 0, &from, &to)
        || be_spaces(r->text, from, to) != e->spaces
        || !be_label_is(r, e, from, to))
    {
        return;
    }

    for (i = 0; i < out->n; i++) {
        if (out->v[i].row == row && out->v[i].from < to
            && from < out->v[i].to)
        {
            return;
        }
    }

    be_label_put(out, row, from, to, e->concept, e->weight - 1);
}


#define BE_SHORT  3


static be_entry_t
be_entry(const char *label, int len, char *key, int spaces, int cjk,
    int concept, int weight)
{
    be_entry_t  e = { key, NULL, (int) strlen(key), spaces, cjk, concept,
                      weight };

    if (e.n <= BE_SHORT && !cjk) {
        while (len > 0 && (label[len - 1] == '|' || label[len - 1] == '.')) {
            len--;
        }
        e.norm = be_norm(label, (size_t) len);
    }

    return e;
}


static void
be_entries(const be_words_t *w, size_t n, be_entries_t *e)
{
    int          cjk, spaces;
    char        *key;
    size_t       i;
    const char  *p, *from;

    if (e->n) {
        return;
    }

    for (i = 0; i < n; i++) {
        p = from = w[i].labels;

        for ( /* void */ ; (key = be_words_next(&p, &cjk, &spaces)) != NULL;
             from = p)
        {
            e->v = be_grow(e->v, (size_t) (e->n + 1) * sizeof(be_entry_t));
            e->v[e->n++] = be_entry(from, (int) (p - from), key, spaces, cjk,
                                    (int) w[i].concept, w[i].weight);
        }
    }
}


static void
be_labels_of(const be_layout_t *l, int row, const be_entries_t *e,
    be_labels_t *out)
{
    int  i;

    for (i = 0; i < e->n; i++) {
        be_label_exact(l, row, out, &e->v[i]);
    }

    for (i = 0; i < e->n; i++) {
        be_label_fuzzy(l, row, out, &e->v[i]);
    }
}


/* "Rechnungssumme netto (exkl. USt.)" is a subtotal, whatever a sum is. */

static void
be_label_refine(const be_layout_t *l, be_label_t *a)
{
    int                i;
    char              *rest;
    const be_row_t    *r = &l->rows[a->row];
    const be_seg_t    *g = be_row_seg(r, a->from);
    static const char *const  net[] = { "netto", "excl", "exkl", "exclud",
                                        "ohnemwst", "ohneust", "beforetax",
                                        "withouttax", "w/otax", "(ht)" };

    if (a->concept != BE_C_TOTAL) {
        return;
    }

    rest = be_norm(r->text + a->from, (size_t) (g->to - a->from));

    for (i = 0; i < (int) (sizeof(net) / sizeof(net[0])); i++) {
        if (strstr(rest, net[i]) != NULL) {
            a->concept = BE_C_SUBTOTAL;
            a->weight = 8;
        }
    }

    free(rest);
}


void
be_labels(const be_layout_t *l, be_labels_t *out)
{
    int                  r;
    static be_entries_t  e;

    memset(out, 0, sizeof(*out));
    be_entries(be_lexicon, be_count(be_lexicon), &e);

    for (r = 0; r < l->nrows; r++) {
        be_labels_of(l, r, &e, out);
    }

    for (r = 0; r < out->n; r++) {
        be_label_refine(l, &out->v[r]);
    }
}


void
be_labels_columns(const be_layout_t *l, int row, be_labels_t *out)
{
    static be_entries_t  e;

    memset(out, 0, sizeof(*out));
    be_entries(be_columns, be_count(be_columns), &e);
    be_labels_of(l, row, &e, out);
}


void
be_labels_add(const be_layout_t *l, be_labels_t *out, const char *label,
    int concept, int weight)
{
    int          r, len = (int) strlen(label);
    be_entry_t   e;
    const char  *p = label;

    e = be_entry(label, len, be_key(label, strlen(label), NULL),
                 be_spaces(label, 0, len),
                 be_is_cjk(be_utf8_next(&p, label + len)), concept, weight);

    for (r = 0; r < l->nrows; r++) {
        be_label_exact(l, r, out, &e);
        be_label_fuzzy(l, r, out, &e);
    }

    free(e.key);
    free(e.norm);
}


void
be_labels_free(be_labels_t *s)
{
    free(s->v);
    memset(s, 0, sizeof(*s));
}


static be_concept_e
be_concept_in(const be_words_t *w, size_t n, const char *key)
{
    int          cjk, spaces, same;
    char        *k;
    size_t       i;
    const char  *p;

    for (i = 0; i < n; i++) {
        p = w[i].labels;

        while ((k = be_words_next(&p, &cjk, &spaces)) != NULL) {
            same = strcmp(k, key) == 0;
            free(k);

            if (same) {
                return w[i].concept;
            }
        }
    }

    return BE_C_NONE;
}


be_concept_e
be_concept_of(const char *name, int column)
{
    char          *key;
    be_concept_e   c;

    key = be_key(name, strlen(name), NULL);

    c = column ? be_concept_in(be_columns, be_count(be_columns), key)
               : be_concept_in(be_names, be_count(be_names), key);

    if (c == BE_C_NONE && !column) {
        c = be_concept_in(be_lexicon, be_count(be_lexicon), key);
    }

    free(key);

    return c;
}


be_kind_e
be_kind_of(be_concept_e c)
{
    switch (c) {
    case BE_C_DATE:
    case BE_C_DUE_DATE:
    case BE_C_DELIVERY_DATE:
    case BE_C_ORDER_DATE:
        return BE_K_DATE;
    case BE_C_TIME:
        return BE_K_TIME;
    case BE_C_SUBTOTAL:
    case BE_C_TAX:
    case BE_C_TOTAL:
    case BE_C_CASH:
    case BE_C_CHANGE:
    case BE_C_DISCOUNT:
    case BE_C_OTHER_MONEY:
    case BE_C_UNIT_PRICE:
    case BE_C_AMOUNT:
        return BE_K_MONEY;
    case BE_C_DOC_NO:
    case BE_C_ORDER_NO:
    case BE_C_CUSTOMER_NO:
    case BE_C_OTHER_NO:
    case BE_C_VAT_ID:
        return BE_K_ID;
    case BE_C_PHONE:
    case BE_C_FAX:
        return BE_K_PHONE;
    case BE_C_EMAIL:
        return BE_K_EMAIL;
    default:
        return BE_K_TEXT;
    }
}


be_lang_e
be_lexicon_language(const be_page_t *pg)
{
    int          i, j, k, score[2] = { 0, 0 };
    char        *key;
    static const char  *words[2][24] = {
        { "rechnung", "rechnungsnummer", "datum", "mwst", "ust", "menge",
          "betrag", "und", "der", "die", "das", "gesamt", "netto", "summe",
          "bitte", "stra\xC3\x9F" "e", "wir", "kundennummer", "rechnungsdatum",
          "lieferant", "k\xC3\xA4ufer", "kunde", "telefon", NULL },
        { "facture", "tva", "quantite", "prix", "montant", "de", "la", "le",
          "les", "des", "du", "rue", "echeance", "ttc", "ht", "client",
          "et", "livraison", "n\xC2\xB0", "adresse", NULL }
    };
    char        *keys[2][24] = { { NULL } };

    for (j = 0; j < 2; j++) {
        for (k = 0; words[j][k]; k++) {
            keys[j][k] = be_key(words[j][k], strlen(words[j][k]), NULL);
        }
    }

    for (i = 0; i < pg->ntokens; i++) {
        key = be_key(pg->tokens[i].text, strlen(pg->tokens[i].text), NULL);

        for (j = 0; j < 2; j++) {
            for (k = 0; keys[j][k]; k++) {
                score[j] += strcmp(key, keys[j][k]) == 0;
            }
        }

        free(key);
    }

    for (j = 0; j < 2; j++) {
        for (k = 0; keys[j][k]; k++) {
            free(keys[j][k]);
        }
    }

    if (score[0] >= 3 && score[0] > score[1]) {
        return BE_LANG_DE;
    }

    return score[1] >= 4 && score[1] > score[0] ? BE_LANG_FR : BE_LANG_NONE;
}
