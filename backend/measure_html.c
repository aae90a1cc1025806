/*
 * The report of backend-measure: one HTML file that needs no other, with the
 * tables, and each page with the boxes that were given drawn on it.
 * Invariant: what was read of a page is escaped; it may say anything.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "picture.h"


#define PICTURE_WIDTH  700
#define JPEG_QUALITY   60


static const char  style[] =
    ":root{color-scheme:light dark}\n"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1400px;margin:2em auto;"
    "padding:0 1em;background:Canvas;color:CanvasText}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;margin:1em 0;font-size:14px}\n"
    "th,td{text-align:left;vertical-align:top;padding:.2em .7em;"
    "border-bottom:1px solid #8886;overflow-wrap:break-word}\n"
    ".n{text-align:right;font-variant-numeric:tabular-nums}\n"
    "article{display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start;"
    "border-top:1px solid #8886;margin-top:2em}\n"
    "article h3{width:100%;margin:.5em 0 0}\n"
    "figure{position:relative;margin:0;flex:0 1 700px}\n"
    "figure img{display:block;width:100%;height:auto}\n"
    "figure svg{position:absolute;inset:0;width:100%;height:100%}\n"
    "article>div{flex:1 1 420px;overflow-x:auto}\n"
    "polygon{stroke-width:2;vector-effect:non-scaling-stroke;"
    "fill-opacity:.15}\n"
    ".right{color:light-dark(#17692c,#5fd07f)}"
    ".wrong,.missed,.extra{color:light-dark(#b3121f,#ff8087)}\n"
    "polygon.right{stroke:#148a34;fill:#148a34}"
    "polygon.wrong,polygon.extra{stroke:#d0121f;fill:#d0121f}"
    "polygon.none{stroke:#5577cc;fill:#5577cc}\n";


void
put_text(be_buf_t *b, const char *s)
{
    for ( /* void */ ; *s; s++) {
        switch (*s) {
        case '&':
            be_buf_str(b, "&amp;");
            break;
        case '<':
            be_buf_str(b, "&lt;");
            break;
        case '>':
            be_buf_str(b, "&gt;");
            break;
        case '"':
            be_buf_str(b, "&quot;");
            break;
        default:
            be_buf_add(b, s, 1);
        }
    }
}


static void
put_base64(be_buf_t *b, const unsigned char *p, size_t len)
{
    size_t     i;
    char       four[4];
    unsigned   v;
    static const char  abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                               "uvwxyz0123456789+/";

    for (i = 0; i < len; i += 3) {
        v = (unsigned) p[i] << 16;
        v |= i + 1 < len ? (unsigned) p[i + 1] << 8 : 0;
        v |= i + 2 < len ? (unsigned) p[i + 2] : 0;

        four[0] = abc[v >> 18];
        four[1] = abc[v >> 12 & 63];
        four[2] = i + 1 < len ? abc[v >> 6 & 63] : '=';
        four[3] = i + 2 < len ? abc[v & 63] : '=';
        be_buf_add(b, four, 4);
    }
}


static void
put_picture(be_buf_t *b, const char *dir, const char *file)
{
    PIX         *pix = NULL, *small;
    char        *s;
    size_t       len, size = 0;
    double       scale;
    json_t      *warnings = json_array();
    l_uint8     *jpeg = NULL;
    be_fault_t   f = { 0 };

    s = slurp(dir, file, &len);

    if (s != NULL) {
        pix = be_picture_decode((unsigned char *) s, len, warnings, &f);
    }

    if (pix != NULL) {
        scale = fmin(1, (double) PICTURE_WIDTH / pixGetWidth(pix));
        small = pixScale(pix, (l_float32) scale, (l_float32) scale);

        if (small != NULL
            && pixWriteMemJpeg(&jpeg, &size, small, JPEG_QUALITY, 0) == 0)
        {
            be_buf_printf(b, "<img width=%d height=%d loading=lazy alt=\"\""
                          " src=\"data:image/jpeg;base64,",
                          pixGetWidth(small), pixGetHeight(small));
            put_base64(b, jpeg, size);
            be_buf_str(b, "\">\n");
        }

        lept_free(jpeg);
        pixDestroy(&small);
        pixDestroy(&pix);
    }

    json_decref(warnings);
    be_fault_free(&f);
    free(s);
}


static const char *
verdict_name(const mark_t *m)
{
    static const char *const  names[] = { "none", "right", "wrong", "missed",
                                          "extra" };

    return names[m->verdict];
}


static void
put_boxes(be_buf_t *b, const sheet_t *s)
{
    int            i, p;
    const mark_t  *m;

    be_buf_str(b, "<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=none>\n");

    for (i = 0; i < s->n; i++) {
        m = &s->v[i];

        if (!m->has_box) {
            continue;
        }

        be_buf_printf(b, "<polygon class=%s points=\"", verdict_name(m));
        for (p = 0; p < 4; p++) {
            be_buf_printf(b, "%s%.1f,%.1f", p ? " " : "", m->quad.p[p].x,
                          m->quad.p[p].y);
        }

        be_buf_str(b, "\"><title>");
        put_text(b, m->field);
        be_buf_str(b, ": ");
        put_text(b, m->given);
        be_buf_str(b, "</title></polygon>\n");
    }

    be_buf_str(b, "</svg>\n");
}


static void
put_marks(be_buf_t *b, const run_t *r, const sheet_t *s)
{
    int            i;
    const mark_t  *m;

    be_buf_str(b, "<h4>");
    put_text(b, r->title);
    be_buf_printf(b, ": %.2f s, %ld MB</h4>\n", s->cpu / 1e3, s->peak / 1024);

    if (s->error != NULL) {
        be_buf_str(b, "<p class=wrong>");
        put_text(b, s->error);
        be_buf_str(b, "</p>\n");
    }

    be_buf_str(b, "<table>\n<tr><th>field</th><th>truth</th><th>given</th>"
               "<th>verdict</th><th class=n>match_ratio</th>"
               "<th>bbox_source</th></tr>\n");

    for (i = 0; i < s->n; i++) {
        m = &s->v[i];

        be_buf_str(b, "<tr><td>");
        put_text(b, m->field);
        be_buf_str(b, "</td><td>");
        put_text(b, m->truth ? m->truth : "");
        be_buf_str(b, "</td><td>");
        put_text(b, m->given ? m->given : "");
        be_buf_printf(b, "</td><td class=%s>%s%s%s</td>", verdict_name(m),
                      m->verdict == V_NONE ? "" : verdict_name(m),
                      m->verdict == V_RIGHT && m->exact ? ", exact" : "",
                      m->box_in == 0 ? ", box elsewhere" : "");

        if (m->has_box) {
            be_buf_printf(b, "<td class=n>%.2f</td><td>", m->ratio);
            put_text(b, m->source);
            be_buf_str(b, "</td></tr>\n");

        } else {
            be_buf_str(b, "<td></td><td></td></tr>\n");
        }
    }

    be_buf_str(b, "</table>\n");
}


static const sheet_t *
sheet_of(const run_t *r, const doc_t *d)
{
    int  i;

    for (i = 0; i < r->n; i++) {
        if (r->v[i].doc == d) {
            return &r->v[i];
        }
    }

    return NULL;
}


/* The boxes drawn are those of the first run that has the page. */

static void
put_page(be_buf_t *b, const set_t *set, const doc_t *d, const run_t *runs,
    int nruns)
{
    int             i;
    const sheet_t  *s = NULL;

    for (i = 0; i < nruns && s == NULL; i++) {
        s = sheet_of(&runs[i], d);
    }

    if (s == NULL) {
        return;
    }

    be_buf_str(b, "<article><h3>");
    put_text(b, d->file);
    be_buf_str(b, "</h3>\n<figure>\n");
    put_picture(b, set->dir, d->file);
    put_boxes(b, s);
    be_buf_str(b, "</figure>\n<div>\n");

    for (i = 0; i < nruns; i++) {
        s = sheet_of(&runs[i], d);

        if (s != NULL) {
            put_marks(b, &runs[i], s);
        }
    }

    be_buf_str(b, "</div></article>\n");
}


int
write_html(const char *file, const set_t *set, const run_t *runs, int nruns)
{
    int        i, rc;
    FILE      *f;
    be_buf_t   b = { 0 };

    be_buf_str(&b, "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
               "<meta name=viewport content=\"width=device-width\">\n"
               "<title>What was read</title>\n<style>\n");
    be_buf_str(&b, style);
    be_buf_str(&b, "</style></head>\n<body>\n<h1>What was read of ");
    put_text(&b, set->dir);
    be_buf_str(&b, "</h1>\n<p>F1 compares amounts as numbers, dates as days,"
               " and the rest without case, spaces and punctuation; exact F1"
               " every character. <b>in</b>: the share of the boxes of right"
               " values whose middle lies in the true words. Seconds of"
               " processor time a page; memory of the process at its peak."
               " Green boxes are right, red ones wrong, of blue ones no truth"
               " is known.</p>\n");

    for (i = 0; i < nruns; i++) {
        put_tables(&b, &runs[i], 1);
    }

    for (i = 0; i < set->n; i++) {
        put_page(&b, set, &set->v[i], runs, nruns);
    }

    be_buf_str(&b, "</body></html>\n");

    f = b.failed ? NULL : fopen(file, "wb");
    rc = f == NULL || fwrite(b.data, 1, b.len, f) != b.len;

    if (f != NULL && fclose(f) != 0) {
        rc = 1;
    }

    be_buf_free(&b);

    return rc ? -1 : 0;
}
