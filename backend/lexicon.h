#ifndef BE_LEXICON_H
#define BE_LEXICON_H

#include "layout.h"

/* What a value means.  A label names a concept, and so does a field. */
typedef enum {
    BE_C_NONE = 0,
    BE_C_VENDOR,
    BE_C_RECIPIENT,
    BE_C_ADDRESS,                /* of the vendor or store */
    BE_C_PHONE,
    BE_C_FAX,
    BE_C_EMAIL,
    BE_C_WEB,
    BE_C_DOC_NO,
    BE_C_ORDER_NO,
    BE_C_CUSTOMER_NO,
    BE_C_OTHER_NO,
    BE_C_VAT_ID,
    BE_C_IBAN,
    BE_C_BIC,
    BE_C_DATE,
    BE_C_DUE_DATE,
    BE_C_DELIVERY_DATE,
    BE_C_ORDER_DATE,
    BE_C_TIME,
    BE_C_SUBTOTAL,
    BE_C_TAX,
    BE_C_TAX_RATE,
    BE_C_TOTAL,
    BE_C_CASH,
    BE_C_CHANGE,
    BE_C_DISCOUNT,
    BE_C_OTHER_MONEY,
    BE_C_PAYMENT,
    BE_C_CURRENCY,
    BE_C_TERMS,
    BE_C_DESCRIPTION,
    BE_C_QTY,
    BE_C_UNIT_PRICE,
    BE_C_AMOUNT,
    BE_C_SKU,
    BE_C_ITEMS,
    BE_C_CUSTOM                  /* the first of a schema's own labels */
} be_concept_e;

typedef enum {
    BE_K_TEXT = 0,
    BE_K_MONEY,
    BE_K_DATE,
    BE_K_TIME,
    BE_K_ID,
    BE_K_PHONE,
    BE_K_EMAIL
} be_kind_e;

/* A label that stands on the page: bytes [from, to) of a row. */
typedef struct {
    int  row;
    int  from;
    int  to;
    int  concept;
    int  weight;                 /* 1..10: how surely it means the concept */
} be_label_t;

typedef struct {
    be_label_t  *v;
    int          n;
} be_labels_t;

typedef enum { BE_LANG_NONE = 0, BE_LANG_DE, BE_LANG_FR } be_lang_e;

/* Finds all labels of the page; where two overlap the longer one stays. */
void be_labels(const be_layout_t *l, be_labels_t *out);

/* The words over columns that stand in one row. */
void be_labels_columns(const be_layout_t *l, int row, be_labels_t *out);

/* Adds the places of a label that the lexicon does not know. */
void be_labels_add(const be_layout_t *l, be_labels_t *out, const char *label,
    int concept, int weight);
void be_labels_free(be_labels_t *s);

/* What a field's name asks for, or BE_C_NONE; column: within an array. */
be_concept_e be_concept_of(const char *name, int column);
be_kind_e be_kind_of(be_concept_e c);

/* The language that a page read as English seems to be in. */
be_lang_e be_lexicon_language(const be_page_t *pg);

#endif
