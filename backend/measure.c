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

typedef struct {
    char       *image;
    size_t      len;
    json_t     *fields;
    be_page_t   truth;
} input_t;


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


static void
close_page(input_t *in)
{
    be_page_free(&in->truth);
    json_decref(in->fields);
    free(in->image);
}


static int
open_page(const options_t *o, const doc_t *d, input_t *in)
{
    be_fault_t     f = { 0 };
    const char    *error = NULL;
    be_imghead_t   h = { 0 };

    memset(in, 0, sizeof(*in));
    in->image = slurp(o->dir, d->file, &in->len);
    in->fields = be_template(d->kind, 0, &f);

    if (in->image == NULL) {
        error = "cannot be read";

    } else if (in->fields == NULL) {
        error = f.message;

    } else {
        error = be_imghead((unsigned char *) in->image, in->len, &h);
    }

    if (error == NULL && true_page(o->dir, d->doc, &h, &in->truth) != 0) {
        error = "its true words cannot be read";
    }

    if (error != NULL) {
        fprintf(stderr, "backend-measure: %s: %s\n", d->file, error);
        close_page(in);
    }

    be_fault_free(&f);

    return error ? -1 : 0;
}


/* One page; 0 if there is nothing to be read in this way. */

static int
measure(const options_t *o, const doc_t *d, be_engine_t *e, int perfect,
    sheet_t *s)
{
    json_t      *answer;
    double       cpu, wall;
    input_t      in;
    be_fault_t   f = { 0 };

    memset(s, 0, sizeof(*s));
    s->doc = d;

    if (open_page(o, d, &in) != 0) {
        return 0;
    }

    if (perfect && in.truth.ntokens == 0) {
        close_page(&in);
        return 0;
    }

    if (o->rows && perfect) {
        print_rows(&in.truth);

    } else if (o->rows) {
        print_image(e, in.image, in.len);
    }

    peak_reset();
    cpu = cpu_ms();
    wall = wall_ms();

    answer = perfect ? be_analyze_page(be_rules(), &in.truth, in.fields, NULL,
                                       &f)
                     : be_analyze(e, be_rules(), (unsigned char *) in.image,
                                  in.len, in.fields, NULL, &f);

    s->cpu = cpu_ms() - cpu;
    s->wall = wall_ms() - wall;
    s->peak = peak_kb();
    s->error = answer ? NULL : be_strdup(f.message);

    score_page(s, answer, &in.truth);
    show(o, s, answer);

    json_decref(answer);
    be_fault_free(&f);
    close_page(&in);

    return 1;
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


/* The second run has no page that the first one has not. */

static int
report(const options_t *o, const set_t *set, const run_t *runs)
{
    if (runs[0].n == 0) {
        fprintf(stderr, "backend-measure: no page of %s was read\n", o->dir);
        return 2;
    }

    if (o->html == NULL) {
        return 0;
    }

    if (write_html(o->html, set, runs, runs[1].n ? 2 : 1) != 0) {
        perror(o->html);
        return 1;
    }

    printf("pages and boxes: %s\n", o->html);

    return 0;
}


static void
free_run(run_t *r)
{
    int  i;

    for (i = 0; i < r->n; i++) {
        free_sheet(&r->v[i]);
    }

    free(r->v);
}


int
main(int argc, char **argv)
{
    int           n = 0, rc;
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
        free_set(&set);
        return 1;
    }

    printf("%s: %d documents\n\n", o.dir, set.n);

    if (!o.perfect || o.both) {
        run(&o, &set, e, 0, &runs[n++]);
    }

    if (o.perfect || o.both) {
        run(&o, &set, e, 1, &runs[n++]);
    }

    rc = report(&o, &set, runs);

    free_run(&runs[0]);
    free_run(&runs[1]);
    free_set(&set);
    e->close(e);

    return rc;
}
