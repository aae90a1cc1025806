/*
 * The OCR engine "tesseract": Tesseract 5 by its C API, with what was measured
 * to matter around it: straightened pages, the language found from the text,
 * and pages that lie on their side or head turned back.  Workers only.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tesseract/capi.h>

#include "bands.h"
#include "buf.h"
#include "lexicon.h"
#include "ocr.h"
#include "text.h"


/* An upright page in a known script reads well above this. */

#define BE_DOUBTFUL   60.0

/* A script is believed above this confidence of the detector. */

#define BE_SCRIPT_CONF  1.0

enum { BE_ENG = 0, BE_DEU, BE_FRA, BE_JPN, BE_NLANG };

static const struct {
    const char  *model;
    const char  *code;
} be_languages[BE_NLANG] = {
    { "eng", "en" }, { "deu", "de" }, { "fra", "fr" }, { "jpn", "ja" }
};


typedef struct {
    be_engine_t    engine;
    TessBaseAPI   *api[BE_NLANG];
    int            missing[BE_NLANG];    /* not installed */
    int            no_osd;

    PIX           *last;                 /* straightened, for "again" */
    be_affine_t    last_map;
    int            last_lang;
} be_tess_t;


const char *
be_tesseract_version(void)
{
    return TessVersion();
}


static TessBaseAPI *
be_tess_model(const char *model, int legacy)
{
    TessBaseAPI  *api;

    api = TessBaseAPICreate();
    if (api == NULL) {
        return NULL;
    }

    if (TessBaseAPIInit2(api, NULL, model, legacy ? OEM_TESSERACT_ONLY
                                                  : OEM_LSTM_ONLY) != 0)
    {
        TessBaseAPIDelete(api);
        return NULL;
    }

    return api;
}


static TessBaseAPI *
be_tess_api(be_tess_t *t, int lang)
{
    if (t->api[lang] == NULL && !t->missing[lang]) {
        t->api[lang] = be_tess_model(be_languages[lang].model, 0);
        t->missing[lang] = t->api[lang] == NULL;
    }

    return t->api[lang];
}


static void
be_tess_word(TessResultIterator *ri, be_page_t *pg, int line, int y0)
{
    int                 l, tp, r, b, from;
    char               *text, *sym;
    float               conf;
    be_box_t            box;
    be_token_t         *tok;
    TessPageIterator   *pi = TessResultIteratorGetPageIterator(ri);

    text = TessResultIteratorGetUTF8Text(ri, RIL_WORD);

    if (text == NULL || text[0] == '\0' || text[strspn(text, " ")] == '\0'
        || !TessPageIteratorBoundingBox(pi, RIL_WORD, &l, &tp, &r, &b))
    {
        TessDeleteText(text);
        return;
    }

    conf = TessResultIteratorConfidence(ri, RIL_WORD);
    box = (be_box_t) { l, y0 + tp, r, y0 + b };
    tok = be_page_add(pg, text, box, conf, line);
    TessDeleteText(text);

    from = 0;

    for ( ;; ) {
        sym = TessResultIteratorGetUTF8Text(ri, RIL_SYMBOL);

        if (sym != NULL) {
            if (TessPageIteratorBoundingBox(pi, RIL_SYMBOL, &l, &tp, &r, &b)) {
                box = (be_box_t) { l, y0 + tp, r, y0 + b };
                be_token_symbol(tok, from, from + (int) strlen(sym), box);
            }
            from += (int) strlen(sym);
            TessDeleteText(sym);
        }

        if (TessPageIteratorIsAtFinalElement(pi, RIL_WORD, RIL_SYMBOL)
            || !TessResultIteratorNext(ri, RIL_SYMBOL))
        {
            break;
        }
    }
}


/*
 * A line that reads badly is read once more with its colours changed, which
 * is for nothing where no ground is dark, and takes memory.
 */

static void
be_tess_invert(TessBaseAPI *api, PIX *band)
{
    (void) TessBaseAPISetVariable(api, "invert_threshold",
                                  be_dark_ground(band) ? "0.7" : "0");
}


/* The words of rows [y0, y1) of the page are added to those read before. */

static int
be_tess_band(be_tess_t *t, int lang, int psm, int y0, int y1, be_page_t *pg,
    be_fault_t *f)
{
    int                  dpi, line, rc;
    BOX                 *box;
    PIX                 *band;
    TessBaseAPI         *api = be_tess_api(t, lang);
    TessResultIterator  *ri;

    if (api == NULL) {
        return be_fault(f, 502, "The OCR model \"%s\" is not installed",
                        be_languages[lang].model);
    }

    /* as if it were a sheet of letter size; it steers noise removal only */

    dpi = (int) (pg->width < pg->height ? pg->width : pg->height) * 10 / 83;
    dpi = dpi < 70 ? 70 : dpi > 300 ? 300 : dpi;

    box = boxCreate(0, y0, (int) pg->width, y1 - y0);
    band = pixClipRectangle(t->last, box, NULL);
    boxDestroy(&box);

    if (band == NULL) {
        return be_fault(f, 502, "The OCR engine ran out of memory");
    }

    TessBaseAPISetPageSegMode(api, (TessPageSegMode) psm);
    be_tess_invert(api, band);
    TessBaseAPISetImage2(api, band);
    TessBaseAPISetSourceResolution(api, dpi);
    rc = TessBaseAPIRecognize(api, NULL);
    pixDestroy(&band);

    if (rc != 0) {
        TessBaseAPIClear(api);
        return be_fault(f, 502, "The OCR engine could not read the page");
    }

    line = pg->ntokens ? pg->tokens[pg->ntokens - 1].line + 1 : 0;
    ri = TessBaseAPIGetIterator(api);

    if (ri != NULL) {
        do {
            be_tess_word(ri, pg, line, y0);
            line += TessPageIteratorIsAtFinalElement(
                        TessResultIteratorGetPageIterator(ri), RIL_TEXTLINE,
                        RIL_WORD);
        } while (TessResultIteratorNext(ri, RIL_WORD));

        TessResultIteratorDelete(ri);
    }

    TessBaseAPIClear(api);
    pg->confidence = be_page_confidence(pg);

    return 0;
}


static void
be_tess_page(const be_tess_t *t, int lang, be_page_t *pg)
{
    memset(pg, 0, sizeof(*pg));

    pg->width = pixGetWidth(t->last);
    pg->height = pixGetHeight(t->last);
    pg->to_grid = t->last_map;
    snprintf(pg->language, sizeof(pg->language), "%s",
             be_languages[lang].model);
}


/* A page, or its first bands, in one language. */

static int
be_tess_recognize(be_tess_t *t, int lang, const int *edges, int n,
    be_page_t *pg, be_fault_t *f)
{
    int  i;

    be_tess_page(t, lang, pg);

    for (i = 0; i < n; i++) {
        if (be_tess_band(t, lang, PSM_SINGLE_COLUMN, edges[i], edges[i + 1],
                         pg, f) != 0)
        {
            return -1;
        }
    }

    return 0;
}


/*
 * The detector is large and seldom needed: it never is in memory with the
 * languages that this page does not need.
 */

static void
be_tess_make_room(be_tess_t *t)
{
    int  i;

    for (i = 0; i < BE_NLANG; i++) {
        if (i != BE_ENG && i != t->last_lang && t->api[i] != NULL) {
            TessBaseAPIDelete(t->api[i]);
            t->api[i] = NULL;
        }
    }

    TessBaseAPIClearPersistentCache(t->api[BE_ENG]);
}


/* How a doubtful page lies, and whether its script needs another model. */

static void
be_tess_detect(be_tess_t *t, int *quarters, int *lang)
{
    int           deg = 0;
    float         dconf = 0, sconf = 0;
    const char   *script = NULL;
    TessBaseAPI  *osd;

    if (t->no_osd) {
        return;
    }

    be_tess_make_room(t);
    osd = be_tess_model("osd", 1);

    if (osd == NULL) {
        t->no_osd = 1;
        return;
    }

    TessBaseAPISetPageSegMode(osd, PSM_OSD_ONLY);
    TessBaseAPISetImage2(osd, t->last);
    TessBaseAPISetSourceResolution(osd, 150);

    if (TessBaseAPIDetectOrientationScript(osd, &deg, &dconf, &script,
                                           &sconf))
    {
        *quarters = (360 - deg) / 90 & 3;

        if (script != NULL && (double) sconf >= BE_SCRIPT_CONF
            && (strncmp(script, "Japanese", 8) == 0
                || strncmp(script, "Han", 3) == 0
                || strcmp(script, "Katakana") == 0
                || strcmp(script, "Hiragana") == 0))
        {
            *lang = BE_JPN;
        }
    }

    TessBaseAPIDelete(osd);
}


static int
be_tess_hint(be_tess_t *t, const json_t *hints)
{
    int          l;
    size_t       i;
    const char  *s;

    for (i = 0; i < json_array_size(hints); i++) {
        s = json_string_value(json_array_get(hints, i));

        for (l = 0; s != NULL && l < BE_NLANG; l++) {
            if ((strncmp(s, be_languages[l].code, 2) == 0
                 || strncmp(s, be_languages[l].model, 3) == 0)
                && be_tess_api(t, l) != NULL)
            {
                return l;
            }
        }
    }

    return -1;
}


static int
be_tess_prepare(be_tess_t *t, PIX *picture, int quarters, be_fault_t *f)
{
    pixDestroy(&t->last);

    t->last = be_straighten(picture, quarters, &t->last_map);

    return t->last ? 0 : be_fault(f, 502, "The OCR engine ran out of memory");
}


/* Reads once more, and keeps what is read with more confidence. */

static int
be_tess_better(be_tess_t *t, int lang, const int *edges, int n, double margin,
    be_page_t *pg, be_fault_t *f)
{
    be_page_t  next;

    if (be_tess_recognize(t, lang, edges, n, &next, f) != 0) {
        be_page_free(&next);
        return -1;
    }

    if (next.confidence + margin >= pg->confidence) {
        be_page_free(pg);
        *pg = next;
        return 1;
    }

    be_page_free(&next);

    return 0;
}


static int
be_tess_language(be_tess_t *t, const be_page_t *pg)
{
    int  lang = BE_ENG;

    switch (be_lexicon_language(pg)) {
    case BE_LANG_DE:
        lang = BE_DEU;
        break;
    case BE_LANG_FR:
        lang = BE_FRA;
        break;
    default:
        break;
    }

    return be_tess_api(t, lang) != NULL ? lang : BE_ENG;
}


/*
 * Reads a page band by band, in English until its words tell of another
 * language: then what was read is read again in that, which mostly is the
 * first band alone.
 */

static int
be_tess_bands(be_tess_t *t, int *lang, int known, be_page_t *pg,
    be_fault_t *f)
{
    int  i, n, rc, next, edges[BE_MAX_BANDS + 1];

    n = be_bands(t->last, edges);
    be_tess_page(t, *lang, pg);

    for (i = 0; i < n; i++) {
        if (be_tess_band(t, *lang, PSM_SINGLE_COLUMN, edges[i], edges[i + 1],
                         pg, f) != 0)
        {
            return -1;
        }

        next = known ? *lang : be_tess_language(t, pg);

        if (next == *lang) {
            continue;
        }

        rc = be_tess_better(t, next, edges, i + 1, 10, pg, f);
        if (rc < 0) {
            return -1;
        }

        *lang = rc ? next : *lang;
        known = 1;
    }

    return 0;
}


/*
 * A page that reads badly may lie on its side, or be in another script.  It
 * stays as it was read unless that reads better.
 */

static int
be_tess_turn(be_tess_t *t, PIX *picture, int known, be_page_t *pg,
    be_fault_t *f)
{
    int  rc, n, quarters = 0, lang = t->last_lang, edges[BE_MAX_BANDS + 1];

    be_tess_detect(t, &quarters, &lang);

    if (be_tess_api(t, lang) == NULL) {
        lang = t->last_lang;
    }

    if (quarters == 0 && lang == t->last_lang) {
        return 0;
    }

    if (be_tess_prepare(t, picture, quarters, f) != 0) {
        return -1;
    }

    n = be_bands(t->last, edges);
    rc = be_tess_better(t, lang, edges, n, 0, pg, f);

    if (rc == 0) {
        return be_tess_prepare(t, picture, 0, f);
    }

    t->last_lang = lang;

    /* what was upside down told nothing of its language */

    if (rc > 0 && lang == BE_ENG && !known) {
        lang = be_tess_language(t, pg);

        if (lang != BE_ENG) {
            rc = be_tess_better(t, lang, edges, n, 10, pg, f);
            t->last_lang = rc > 0 ? lang : BE_ENG;
        }
    }

    return rc < 0 ? -1 : 0;
}


static int
be_tess_read(be_engine_t *e, PIX *picture, const json_t *hints, int again,
    be_page_t *pg, be_fault_t *f)
{
    int         hint, lang;
    be_tess_t  *t = (be_tess_t *) e;

    if (again) {
        be_tess_page(t, t->last_lang, pg);

        return be_tess_band(t, t->last_lang, PSM_SINGLE_BLOCK, 0,
                            pixGetHeight(t->last), pg, f);
    }

    hint = be_tess_hint(t, hints);
    lang = hint >= 0 ? hint : BE_ENG;

    if (be_tess_prepare(t, picture, 0, f) != 0
        || be_tess_bands(t, &lang, hint >= 0, pg, f) != 0)
    {
        return -1;
    }

    t->last_lang = lang;

    if (pg->confidence >= BE_DOUBTFUL) {
        return 0;
    }

    return be_tess_turn(t, picture, hint >= 0, pg, f);
}


static void
be_tess_close(be_engine_t *e)
{
    int         i;
    be_tess_t  *t = (be_tess_t *) e;

    for (i = 0; i < BE_NLANG; i++) {
        if (t->api[i] != NULL) {
            TessBaseAPIDelete(t->api[i]);
        }
    }

    pixDestroy(&t->last);
    free(t);
}


be_engine_t *
be_tesseract_open(void)
{
    be_tess_t  *t;

    t = be_alloc(sizeof(be_tess_t));
    t->engine.read = be_tess_read;
    t->engine.close = be_tess_close;

    setMsgSeverity(L_SEVERITY_NONE);

    if (be_tess_api(t, BE_ENG) == NULL) {
        be_tess_close(&t->engine);
        return NULL;
    }

    return &t->engine;
}
