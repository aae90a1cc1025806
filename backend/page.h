#ifndef BE_PAGE_H
#define BE_PAGE_H

#include "geometry.h"

/* A character with its place: bytes [from, to) of its token's text. */
typedef struct {
    int       from;
    int       to;
    be_box_t  box;
} be_symbol_t;

/* A word as the engine read it.  Its id is its index on the page. */
typedef struct {
    char         *text;
    float         confidence;    /* 0..100 */
    int           line;
    be_box_t      box;           /* pixels of the straightened page */
    be_symbol_t  *symbols;
    int           nsymbols;
} be_token_t;

/* What an OCR engine makes of an image. */
typedef struct {
    be_token_t   *tokens;
    int           ntokens;
    double        width;         /* of the straightened page */
    double        height;
    double        confidence;    /* mean over the characters */
    be_affine_t   to_grid;       /* straightened pixels -> 0..1000 as sent */
    char          language[16];  /* of the last pass: eng, deu, fra, jpn */
} be_page_t;

/* Bytes [from, to) of one token. */
typedef struct {
    int  id;
    int  from;
    int  to;
} be_ref_t;

/* The new token of the page; text is copied. */
be_token_t *be_page_add(be_page_t *pg, const char *text, be_box_t box,
    float confidence, int line);
void be_token_symbol(be_token_t *t, int from, int to, be_box_t box);
void be_page_free(be_page_t *pg);

/* Mean confidence by characters. */
double be_page_confidence(const be_page_t *pg);

/* The box of a part of a token, by its symbols where they are known. */
be_box_t be_ref_box(const be_page_t *pg, be_ref_t r);

#endif
