#ifndef BE_RULES_H
#define BE_RULES_H

#include "extract.h"
#include "lexicon.h"
#include "scan.h"

/* What the files of the rules share about one page. */
typedef struct {
    const be_page_t    *page;
    const be_schema_t  *schema;
    be_layout_t         l;
    be_labels_t         labels;
    int                 receipt;     /* narrow: no columns of addresses */
    int                 body;        /* row of the table's header, or -1 */
    int                 sums;        /* first row of the totals, or nrows */
    int                 cents;       /* amounts have two decimals */
} be_rules_t;

/* A place on the page that may be a value. */
typedef struct {
    int       row;
    be_hit_t  hit;
    double    score;
} be_cand_t;

/* Appends bytes of a row to a value, trimmed of spaces and separators. */
void be_take(const be_rules_t *r, be_value_t *v, int row, int from, int to);

/* rules_field.c: the value of a concept, by its labels. */
void be_rule_date(be_rules_t *r, be_concept_e c, be_value_t *v);
void be_rule_time(be_rules_t *r, be_value_t *v);
void be_rule_labelled(be_rules_t *r, int concept, be_kind_e kind,
    be_value_t *v);
void be_rule_phone(be_rules_t *r, be_value_t *v);
void be_rule_payment(be_rules_t *r, be_value_t *v);
void be_rule_email(be_rules_t *r, be_value_t *v);

int be_scan_kind(be_kind_e kind, const char *s, int at, int to, be_hit_t *h);

/* The label that a place on the page belongs to, or NULL. */
const be_label_t *be_owner(const be_rules_t *r, int row, int from, int to);

/* rules_total.c: subtotal, tax and total; the other amounts by label. */
void be_rule_money(be_rules_t *r, int concept, be_value_t *v);

/* rules_party.c: who sells, who buys, where. */
void be_rule_vendor(be_rules_t *r, be_value_t *v);
void be_rule_address(be_rules_t *r, be_value_t *v);
void be_rule_recipient(be_rules_t *r, be_value_t *v);

/* rules_table.c: rows of an array; and where the table and the sums are. */
void be_rule_regions(be_rules_t *r);
void be_rule_table(be_rules_t *r, const be_field_t *fd, be_result_t *out);

#define BE_MAX_ROWS  200

/* A new row of the array; its child for a column, or -1. */
be_value_t *be_result_row(be_result_t *out, const be_field_t *fd);
int be_child_of(const be_field_t *fd, int concept);

/* How many letters there are in bytes [from, to) of a text. */
int be_letters(const char *s, int from, int to);

/* rules_plain.c: the same without a table's head. */
void be_rule_plain(be_rules_t *r, const be_field_t *fd, be_result_t *out);

#endif
