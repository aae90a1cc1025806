/*
 * What an LLM answered, and what of it is true.  Called in the OCR workers.
 *
 * Nothing in an answer is believed: names that nobody asked for are dropped,
 * ids that are not there or do not spell the value are no ids, and where the
 * value stands is decided by match.c from the page alone.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "buf.h"
#include "json.h"
#include "llm.h"
#include "match.h"
#include "rules.h"
#include "scan.h"
#include "text.h"


#define BE_MAX_IDS    1000
#define BE_MAX_CELLS  20000


/* The words that an answer named, as one text. */
typedef struct {
    char   *text;                /* joined by single spaces */
    int    *token;               /* for each byte its token, -1 for a joint */
    int    *offset;              /* and its byte there */
    char   *norm;                /* n(text) */
    int    *from;                /* for each byte of norm its character */
    int    *to;
} be_words_t;


static int
be_unusable(be_fault_t *f, const char *why)
{
    return be_fault(f, 502, "The LLM's answer cannot be used: %s", why);
}


/* The message of a chat completion: JSON, maybe inside a fence. */

static json_t *
be_llm_content(const char *body, size_t len, be_fault_t *f)
{
    size_t       n;
    json_t      *root, *choice, *message, *answer = NULL;
    be_fault_t   bad = { 0 };
    const char  *s, *end, *stop;

    root = be_json_answer(body, len, &bad);
    be_fault_free(&bad);

    choice = json_array_get(json_object_get(root, "choices"), 0);
    message = json_object_get(choice, "message");
    s = json_string_value(json_object_get(message, "content"));
    stop = json_string_value(json_object_get(choice, "finish_reason"));

    if (root == NULL) {
        be_unusable(f, "it is not JSON");

    } else if (json_is_string(json_object_get(message, "refusal"))) {
        be_unusable(f, "it is a refusal");

    } else if (stop != NULL && strcmp(stop, "length") == 0) {
        be_unusable(f, "it was cut off");

    } else if (s == NULL) {
        be_unusable(f, "it has no message");

    } else {
        s += strspn(s, " \t\r\n");

        if (strncmp(s, "```", 3) == 0) {
            s += strcspn(s, "\n");
            end = strstr(s, "```");
            n = end ? (size_t) (end - s) : strlen(s);

        } else {
            n = strlen(s);
        }

        answer = be_json_answer(s, n, &bad);
        be_fault_free(&bad);

        if (answer == NULL) {
            be_unusable(f, "its message is not a JSON object");
        }
    }

    json_decref(root);

    return answer;
}


/* A number as it is written: the shortest form that is the same. */

static void
be_number_text(const json_t *v, char *s, size_t size)
{
    int     p;
    double  d = json_number_value(v);

    if (json_is_integer(v)) {
        snprintf(s, size, "%lld", (long long) json_integer_value(v));
        return;
    }

    for (p = 6; p <= 17; p++) {
        snprintf(s, size, "%.*g", p, d);

        if (strtod(s, NULL) == d) {
            break;
        }
    }
}


/* The text of a value, on one line and trimmed; NULL where there is none. */

static char *
be_value_text(const json_t *v)
{
    char         number[40], *s, *p;
    size_t       n;
    const char  *t;

    if (json_is_number(v)) {
        be_number_text(v, number, sizeof(number));
        return be_strdup(number);
    }

    t = json_string_value(v);
    if (t == NULL || strlen(t) > BE_MAX_TEXT) {
        return NULL;
    }

    s = be_strdup(t);

    for (p = s; *p; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7F) {
            *p = ' ';
        }
    }

    p = s + strspn(s, " ");
    n = strlen(p);

    while (n > 0 && p[n - 1] == ' ') {
        n--;
    }

    memmove(s, p, n);
    s[n] = '\0';

    if (n == 0) {
        free(s);
        return NULL;
    }

    return s;
}


static void
be_words_free(be_words_t *w)
{
    free(w->text);
    free(w->token);
    free(w->offset);
    free(w->norm);
    free(w->from);
    free(w->to);
}


static void
be_words_norm(be_words_t *w, const char *end)
{
    size_t       i, n = (size_t) (end - w->text);
    char        *one;
    be_buf_t     b = { 0 };
    const char  *p = w->text, *q;

    /* a character may become two of up to three bytes */

    w->from = be_alloc((6 * n + 1) * sizeof(int));
    w->to = be_alloc((6 * n + 1) * sizeof(int));
    be_buf_str(&b, "");

    while (p < end) {
        q = p;
        (void) be_utf8_next(&q, end);
        one = be_norm(p, (size_t) (q - p));

        for (i = 0; one[i]; i++) {
            w->from[b.len] = (int) (p - w->text);
            w->to[b.len] = (int) (q - w->text);
            be_buf_add(&b, &one[i], 1);
        }

        free(one);
        p = q;
    }

    w->norm = be_buf_take(&b);
    if (w->norm == NULL) {
        abort();
    }
}


/* The words of the ids; 0 where an id is none of the page, or too many. */

static int
be_words(const be_page_t *pg, const json_t *ids, be_words_t *w)
{
    int          id;
    char        *seen;
    size_t       i, k, len = 0, n = json_array_size(ids);
    json_t      *v;
    be_buf_t     b = { 0 };
    const char  *s;

    memset(w, 0, sizeof(*w));

    if (n == 0 || n > BE_MAX_IDS) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        v = json_array_get(ids, i);

        if (!json_is_integer(v) || json_integer_value(v) < 0
            || json_integer_value(v) >= pg->ntokens)
        {
            return 0;
        }

        len += strlen(pg->tokens[json_integer_value(v)].text) + 1;
    }

    seen = be_alloc((size_t) pg->ntokens);
    w->token = be_alloc((len + 1) * sizeof(int));
    w->offset = be_alloc((len + 1) * sizeof(int));

    for (i = 0; i < n; i++) {
        id = (int) json_integer_value(json_array_get(ids, i));

        if (seen[id]) {
            continue;
        }

        seen[id] = 1;

        if (b.len) {
            w->token[b.len] = -1;
            be_buf_str(&b, " ");
        }

        s = pg->tokens[id].text;

        for (k = 0; s[k]; k++) {
            w->token[b.len + k] = id;
            w->offset[b.len + k] = (int) k;
        }

        be_buf_str(&b, s);
    }

    free(seen);
    len = b.len;
    w->text = be_buf_take(&b);

    if (w->text == NULL) {
        abort();
    }

    be_words_norm(w, w->text + len);

    return 1;
}


/* Bytes [from, to) of the words are where the value was read. */

static void
be_words_refs(const be_words_t *w, int from, int to, be_value_t *v)
{
    int  i;

    for (i = from; i < to; i++) {
        if (w->token[i] >= 0) {
            be_value_ref(v, w->token[i], w->offset[i], w->offset[i] + 1);
        }
    }
}


/* The words spell the value, or hold it. */

static int
be_words_spell(const be_words_t *w, be_value_t *v)
{
    int          a, b;
    char        *want;
    const char  *p;

    want = be_norm(v->text, strlen(v->text));
    p = want[0] ? strstr(w->norm, want) : NULL;

    if (p != NULL) {
        a = (int) (p - w->norm);
        b = a + (int) strlen(want) - 1;
        be_words_refs(w, w->from[a], w->to[b], v);
    }

    free(want);

    return p != NULL;
}


/*
 * The words say the same date or amount in another form.  The place is theirs,
 * and verbatim the value is given as they have it.
 */

static int
be_words_mean(const be_words_t *w, int verbatim, be_value_t *v)
{
    int        at, end = (int) strlen(w->text), n = (int) strlen(v->text);
    int        dated, money;
    be_hit_t   want, h;

    dated = be_scan_date(v->text, 0, n, &want) && want.from == 0
            && want.to == n && want.year > 0;

    money = !dated && be_scan_money(v->text, 0, n, &want) && want.from == 0
            && want.to == n;

    if (!dated && !money) {
        return 0;
    }

    for (at = 0; at < end; at = h.to > at ? h.to : at + 1) {
        if (!(dated ? be_scan_date(w->text, at, end, &h)
                    : be_scan_money(w->text, at, end, &h)))
        {
            return 0;
        }

        if (dated ? h.year == want.year && h.month == want.month
                    && h.day == want.day
                  : fabs(h.number - want.number) < 0.0005)
        {
            free(v->source);
            v->source = be_strndup(w->text + h.from,
                                   (size_t) (h.to - h.from));

            if (verbatim) {
                free(v->text);
                v->text = be_strdup(v->source);
            }

            be_words_refs(w, h.from, h.to, v);
            return 1;
        }
    }

    return 0;
}


/* {value, token_ids}, or a bare value; anything else is none. */

static void
be_llm_value(const be_page_t *pg, const be_field_t *fd, const json_t *o,
    be_value_t *v)
{
    int            number;
    const json_t  *ids = NULL, *value = o;
    be_words_t     w;

    if (json_is_object(o)) {
        value = json_object_get(o, "value");
        ids = json_object_get(o, "token_ids");
    }

    v->text = be_value_text(value);
    if (v->text == NULL) {
        return;
    }

    v->source = be_strdup(v->text);

    if (be_words(pg, ids, &w)) {

        /* a number of JSON has lost the form in which it is printed; a text
         * may have the one that the description has asked for */

        number = json_is_number(value) && be_words_mean(&w, 1, v);

        if (!number && !be_words_spell(&w, v)
            && !be_words_mean(&w, fd->description[0] == '\0', v))
        {
            be_words_refs(&w, 0, (int) strlen(w.text), v);
        }

        be_words_free(&w);
    }
}


static void
be_llm_rows(const be_page_t *pg, const be_field_t *fd, const json_t *o,
    be_result_t *out, int *cells)
{
    int          c, found;
    size_t       i;
    json_t      *row;
    be_value_t  *v;

    if (json_is_object(o)) {
        o = json_object_get(o, "rows") ? json_object_get(o, "rows")
                                       : json_object_get(o, "value");
    }

    for (i = 0; i < json_array_size(o) && out->nrows < BE_MAX_ROWS; i++) {
        row = json_array_get(o, i);
        *cells += fd->nchildren;

        if (*cells > BE_MAX_CELLS) {
            break;
        }

        if (!json_is_object(row)) {
            continue;
        }

        v = be_result_row(out, fd);
        found = 0;

        for (c = 0; c < fd->nchildren; c++) {
            be_llm_value(pg, &fd->children[c],
                         json_object_get(row, fd->children[c].name), &v[c]);
            found |= v[c].text != NULL;
        }

        if (!found) {
            free(out->rows[--out->nrows]);
        }
    }
}


/* The answer for a field: by its name as a member, or in a list. */

static const json_t *
be_llm_find(const json_t *answer, const be_schema_t *s, const char *name)
{
    int          i;
    size_t       k;
    json_t      *v, *list = json_object_get(answer, "fields");
    const char  *n;

    for (i = 0; i < s->nfields; i++) {
        if (strcmp(s->fields[i].name, "fields") == 0) {
            list = NULL;
        }
    }

    if (!json_is_array(list)) {
        return json_object_get(answer, name);
    }

    for (k = 0; k < json_array_size(list); k++) {
        v = json_array_get(list, k);
        n = json_string_value(json_object_get(v, "name"));

        if (n != NULL && strcmp(n, name) == 0) {
            return v;
        }
    }

    return NULL;
}


/* A field of the model's own choice: it must be on the page. */

static void
be_llm_propose(const be_page_t *pg, const json_t *o, be_schema_t *s,
    be_result_t *r, be_claims_t *claims)
{
    int          i, good;
    char        *name;
    be_match_t   m = { 0 };
    be_field_t  *fd = &s->fields[s->nfields];
    be_value_t  *v = &r[s->nfields].value;
    const char  *n = json_string_value(json_object_get(o, "name"));

    if (n == NULL || strlen(n) > BE_MAX_TEXT) {
        return;
    }

    name = be_auto_name(n, strlen(n));
    good = name[0] != '\0' && strcmp(name, "field_bboxes") != 0;

    for (i = 0; i < s->nfields; i++) {
        good = good && strcmp(s->fields[i].name, name) != 0;
    }

    fd->name = name;
    fd->description = be_strdup("");

    if (good) {
        be_llm_value(pg, fd, o, v);

        if (v->text != NULL) {
            be_match(pg, v, claims, &m);
        }
    }

    if (!m.found) {
        be_field_free(fd);
        be_value_free(v);

    } else {
        r[s->nfields].page = pg;
        s->nfields++;
    }
}


static be_result_t *
be_llm_proposals(const be_page_t *pg, const json_t *answer, be_schema_t *s)
{
    size_t        i;
    json_t       *list = json_object_get(answer, "fields");
    be_claims_t   claims = { 0 };
    be_result_t  *r;

    r = be_alloc((BE_AUTO_MAX + 1) * sizeof(be_result_t));
    s->fields = be_alloc((BE_AUTO_MAX + 1) * sizeof(be_field_t));

    for (i = 0; i < json_array_size(list) && s->nfields < BE_AUTO_MAX; i++) {
        be_llm_propose(pg, json_array_get(list, i), s, r, &claims);
    }

    be_claims_free(&claims);

    return r;
}


be_result_t *
be_llm_answer(const be_page_t *pg, be_schema_t *s, int automatic,
    const char *body, size_t len, be_fault_t *f)
{
    int            i, cells = 0;
    json_t        *answer;
    be_result_t   *r;
    const json_t  *v;

    answer = be_llm_content(body, len, f);
    if (answer == NULL) {
        return NULL;
    }

    if (automatic) {
        r = be_llm_proposals(pg, answer, s);
        json_decref(answer);
        return r;
    }

    r = be_alloc((size_t) s->nfields * sizeof(be_result_t));

    for (i = 0; i < s->nfields; i++) {
        r[i].page = pg;
        v = be_llm_find(answer, s, s->fields[i].name);

        if (s->fields[i].type == BE_ARRAY) {
            be_llm_rows(pg, &s->fields[i], v, &r[i], &cells);

        } else {
            be_llm_value(pg, &s->fields[i], v, &r[i].value);
        }
    }

    json_decref(answer);

    return r;
}
