#ifndef BE_MEASURE_H
#define BE_MEASURE_H

/* Of backend-measure alone. */

#include "buf.h"
#include "imghead.h"
#include "ocr.h"

/* An image and what is to be read of it. */
typedef struct {
    char        file[256];
    char        group[32];       /* the set that it is of: its folder */
    const char *kind;            /* id of a template */
    json_t     *fields;          /* names of the template, or of name_of() */
    json_t     *items;           /* objects, or arrays in the order of cells */
    json_t     *places;          /* field -> [x, y] on the grid */
    json_t     *doc;             /* owns the above */
} doc_t;

typedef struct {
    const char  *dir;
    doc_t       *v;
    int          n;
} set_t;

typedef enum { V_NONE = 0, V_RIGHT, V_WRONG, V_MISSED, V_EXTRA } verdict_e;

/* A value that was asked for, that was given, or both. */
typedef struct {
    char         field[64];      /* as the truth names it */
    char        *truth;          /* NULL: not known */
    char        *given;          /* "": nothing */
    char         source[24];     /* bbox_source */
    double       ratio;
    be_quad_t    quad;
    int          has_box;
    int          box_in;         /* -1: not known */
    int          exact;          /* right to the letter */
    int          row;            /* a row of a table */
    verdict_e    verdict;
} mark_t;

typedef struct {
    const doc_t  *doc;
    mark_t       *v;
    int           n;
    char         *error;         /* what was answered in place of values */
    double        cpu;           /* ms */
    double        wall;
    long          peak;          /* KB of memory */
} sheet_t;

/* All pages read in one way. */
typedef struct {
    const char  *title;
    sheet_t     *v;
    int          n;
} run_t;

/* measure_load.c: a file, to be freed; NULL if it cannot be read. */
char *slurp(const char *dir, const char *file, size_t *len);

/* The documents of a folder; -1 with a message if it is none of ours. */
int load_set(const char *dir, set_t *set);
void free_set(set_t *set);

/* measure_page.c: the true words of a document as a page, an empty one where
 * it names none; -1: what it names cannot be read. */
int true_page(const char *dir, const json_t *doc, const be_imghead_t *h,
    be_page_t *pg);

/* The rows of a page, or of an image as it is read, and their labels. */
void print_rows(const be_page_t *pg);
void print_image(be_engine_t *e, const char *image, size_t len);

/* measure_score.c: compares an answer with the truth. */
void score_page(sheet_t *s, const json_t *answer, const be_page_t *truth);
void free_sheet(sheet_t *s);

/* measure_table.c: sums of a run, as text or as tables of HTML. */
void put_tables(be_buf_t *b, const run_t *r, int html);
void put_wrong(const sheet_t *s);

/* measure_html.c: the report; -1 if it cannot be written. */
int write_html(const char *file, const set_t *set, const run_t *runs,
    int nruns);
void put_text(be_buf_t *b, const char *s);

#endif
