/*
 * backend-measure: how well the backend reads a folder of documents whose
 * truth is known.  Not installed; "make measure" builds and runs it.
 *
 *   backend-measure DIR [--perfect | --both] [--html FILE] [--show] [--rows]
 *                   [NAME...]
 *
 * --perfect injects the true words in place of OCR, so that rules and reading
 * can be told apart; --both does one after the other.  --html writes a report
 * with the pages and the boxes.  --show prints what is wrong, twice the whole
 * answers; --rows the rows of text and the labels found in them.  NAMEs choose
 * files by substring.  measure_load.c says what a folder is.
 *
 * All pages are read by one process, as by a worker.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "analyze.h"
#include "answer.h"
#include "helper.h"
#include "measure.h"


typedef struct {
    const char   *dir;
    const char   *html;
    char        **names;
    int           nnames;
    int           perfect;
    int           both;
    int           show;
    int           rows;
} options_t;


/* Processor time: what others do on the machine does not count. */

static double
cpu_ms(void)
{
    struct rusage  u;

    getrusage(RUSAGE_SELF, &u);

    return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3
           + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}


static double
wall_ms(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}


/* The peak since it was last reset; where it cannot be, since the start. */

static void
peak_reset(void)
{
    FILE  *f = fopen("/proc/self/clear_refs", "w");

    if (f != NULL) {
        fputs("5", f);
        fclose(f);
    }
}


static long
peak_kb(void)
{
    long   kb = 0;
    char   line[256];
    FILE  *f = fopen("/proc/self/status", "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kb = strtol(line + 6, NULL, 10);
        }
    }

    if (f != NULL) {
        fclose(f);
    }

    return kb;
}


static json_t *
run_perfect(const be_page_t *pg, const json_t *fields, be_fault_t *f)
{
    int            i;
    json_t        *answer;
    be_schema_t    s;
    be_result_t   *r;

    if (be_schema_parse(fields, "fields", &s, f) != 0) {
        return NULL;
    }

    r = be_alloc((size_t) s.nfields * sizeof(be_result_t));
    be_rules()->extract(be_rules(), pg, &s, r, f);
    answer = be_answer(&s, r, NULL);

    for (i = 0; i < s.nfields; i++) {
        be_result_free(&r[i], &s.fields[i]);
    }

    free(r);
    be_schema_free(&s);

    return answer;
}


static void
show(const options_t *o, const sheet_t *s, const json_t *answer)
{
    char  *text;

    if (o->show) {
        put_wrong(s);
    }

    if (o->show > 1 && answer != NULL) {
        text = json_dumps(answer, JSON_INDENT(1) | JSON_REAL_PRECISION(4));
        puts(text);
        free(text);
    }
}


/* One page; 0 if there is nothing to be read in this way. */

static int
measure(const options_t *o, const doc_t *d, be_engine_t *e, int perfect,
    sheet_t *s)
{
    char          *image;
    double         cpu, wall;
    size_t         len;
    json_t        *fields, *answer = NULL;
    be_page_t      truth = { 0 };
    be_fault_t     f = { 0 };
    be_imghead_t   h;

    memset(s, 0, sizeof(*s));
    s->doc = d;

    image = slurp(o->dir, d->file, &len);
    fields = be_template(d->kind, 0, &f);

    if (image == NULL || fields == NULL
        || be_imghead((unsigned char *) image, len, &h) != NULL)
    {
        fprintf(stderr, "backend-measure: %s: %s\n", d->file,
                image == NULL ? "cannot be read"
                : fields == NULL ? "no such template" : "no image");
        goto skip;
    }

    (void) true_page(o->dir, d->doc, &h, &truth);

    if (perfect && truth.ntokens == 0) {
        goto skip;
    }

    if (o->rows && perfect) {
        print_rows(&truth);

    } else if (o->rows) {
        print_image(e, image, len);
    }

    peak_reset();
    cpu = cpu_ms();
    wall = wall_ms();

    answer = perfect ? run_perfect(&truth, fields, &f)
                     : be_analyze(e, be_rules(), (unsigned char *) image, len,
                                  fields, NULL, &f);

    s->cpu = cpu_ms() - cpu;
    s->wall = wall_ms() - wall;
    s->peak = peak_kb();
    s->error = answer ? NULL : be_strdup(f.message);

    score_page(s, answer, &truth);
    show(o, s, answer);

    be_fault_free(&f);
    be_page_free(&truth);
    json_decref(answer);
    json_decref(fields);
    free(image);

    return 1;

skip:

    be_fault_free(&f);
    be_page_free(&truth);
    json_decref(fields);
    free(image);

    return 0;
}


static int
chosen(const options_t *o, const char *file)
{
    int  i;

    for (i = 0; i < o->nnames; i++) {
        if (strstr(file, o->names[i]) != NULL) {
            return 1;
        }
    }

    return o->nnames == 0;
}


static void
run(const options_t *o, const set_t *set, be_engine_t *e, int perfect,
    run_t *r)
{
    int       i;
    be_buf_t  b = { 0 };

    r->title = perfect ? "With perfect words" : "As read by OCR";
    r->v = be_alloc((size_t) set->n * sizeof(sheet_t));

    for (i = 0; i < set->n; i++) {
        if (chosen(o, set->v[i].file)) {
            r->n += measure(o, &set->v[i], e, perfect, &r->v[r->n]);
        }
    }

    if (r->n == 0) {
        printf("-- %s: no page%s\n\n", r->title,
               perfect ? " whose true words are known" : "");
        return;
    }

    put_tables(&b, r, 0);
    fwrite(b.data, 1, b.len, stdout);
    fflush(stdout);
    be_buf_free(&b);
}


static int
options(int argc, char **argv, options_t *o)
{
    int  i;

    memset(o, 0, sizeof(*o));
    o->names = argv;

    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--perfect") == 0) {
            o->perfect = 1;

        } else if (strcmp(argv[i], "--both") == 0) {
            o->both = 1;

        } else if (strcmp(argv[i], "--show") == 0) {
            o->show++;

        } else if (strcmp(argv[i], "--rows") == 0) {
            o->rows = 1;

        } else if (strcmp(argv[i], "--html") == 0 && i + 1 < argc) {
            o->html = argv[++i];

        } else if (argv[i][0] == '-') {
            return -1;

        } else if (o->dir == NULL) {
            o->dir = argv[i];

        } else {
            o->names[o->nnames++] = argv[i];
        }
    }

    return o->dir ? 0 : -1;
}


int
main(int argc, char **argv)
{
    int           i, j, n = 0, pages = 0, rc = 0;
    set_t         set;
    run_t         runs[2] = { { 0 } };
    options_t     o;
    be_engine_t  *e;

    be_single_threaded(argv);

    if (options(argc, argv, &o) != 0) {
        fprintf(stderr, "usage: backend-measure DIR [--perfect | --both]"
                " [--html FILE] [--show] [--rows] [NAME...]\n");
        return 2;
    }

    if (load_set(o.dir, &set) != 0) {
        return 2;
    }

    e = be_tesseract_open();
    if (e == NULL) {
        fprintf(stderr, "backend-measure: no Tesseract model\n");
        return 1;
    }

    printf("%s: %d documents\n\n", o.dir, set.n);

    if (!o.perfect || o.both) {
        run(&o, &set, e, 0, &runs[n++]);
    }

    if (o.perfect || o.both) {
        run(&o, &set, e, 1, &runs[n++]);
    }

    for (i = 0; i < n; i++) {
        pages += runs[i].n;
    }

    if (pages == 0) {
        fprintf(stderr, "backend-measure: no page of %s was read\n", o.dir);
        rc = 2;

    } else if (o.html != NULL) {
        rc = write_html(o.html, &set, runs, runs[1].n ? 2 : 1) ? 1 : 0;

        if (rc) {
            perror(o.html);
        } else {
            printf("pages and boxes: %s\n", o.html);
        }
    }

    for (i = 0; i < n; i++) {
        for (j = 0; j < runs[i].n; j++) {
            free_sheet(&runs[i].v[j]);
        }
        free(runs[i].v);
    }

    free_set(&set);
    e->close(e);

    return rc;
}
