/*
 * What an OCR helper can be asked to do.  The text of a job is an object, the
 * member "op" says what it is; "fields" are FieldSpecs, or are left out for
 * autoFields:
 *
 *   analyze  data: an image.  The answer, by the built-in engine and rules.
 *   read     data: an image.  The page, and as data what to ask the LLM.
 *   engine   data: what an OCR engine over HTTP said of an image of width and
 *            height.  With a "model" as read, else the answer by the rules.
 *   bind     page, data: what the LLM said.  The answer.
 *   rules    page, failure: why there is no LLM.  The answer by the rules.
 *
 * All that comes from outside is parsed here, in a process that can be lost.
 */

#include <stdlib.h>
#include <string.h>

#include "analyze.h"
#include "answer.h"
#include "engine_http.h"
#include "llm.h"
#include "op.h"
#include "page_json.h"
#include "picture.h"


static int
be_op_memory(be_fault_t *f)
{
    return be_fault(f, 502, "The OCR engine ran out of memory");
}


/* Takes the reference. */

static int
be_op_text(json_t *o, int precision, be_frame_t *reply, be_fault_t *f)
{
    reply->text = json_dumps(o, JSON_COMPACT
                                | (size_t) JSON_REAL_PRECISION(precision));
    json_decref(o);

    if (reply->text == NULL) {
        return be_op_memory(f);
    }

    reply->text_len = strlen(reply->text);

    return 0;
}


/* The page for a later job, and the question for the LLM. */

static int
be_op_ask(const json_t *meta, const be_page_t *pg, json_t *warnings,
    be_frame_t *reply, be_fault_t *f)
{
    char         *body;
    json_t       *fields = json_object_get(meta, "fields");
    be_schema_t   s = { 0 };
    const char   *prompt, *model;

    prompt = json_string_value(json_object_get(meta, "prompt"));
    model = json_string_value(json_object_get(meta, "model"));

    if (fields != NULL && be_schema_parse(fields, "fields", &s, f) != 0) {
        return -1;
    }

    body = be_llm_request(pg, fields ? &s : NULL, prompt, model);
    be_schema_free(&s);

    if (body == NULL) {
        return be_op_memory(f);
    }

    reply->data = (unsigned char *) body;
    reply->data_len = strlen(body);

    return be_op_text(be_page_pack(pg, warnings), 10, reply, f);
}


static int
be_op_answer(json_t *answer, be_frame_t *reply, be_fault_t *f)
{
    return answer ? be_op_text(answer, 4, reply, f) : -1;
}


static int
be_op_read(be_engine_t *e, const json_t *meta, const be_frame_t *job,
    json_t *warnings, be_frame_t *reply, be_fault_t *f)
{
    int        rc;
    be_page_t  pg;

    rc = be_analyze_read(e, job->data, job->data_len,
                         json_object_get(meta, "languageHints"), warnings,
                         &pg, f);

    if (rc == 0) {
        rc = be_op_ask(meta, &pg, warnings, reply, f);
    }

    be_page_free(&pg);

    return rc;
}


static int
be_op_engine(const json_t *meta, const be_frame_t *job, json_t *warnings,
    be_frame_t *reply, be_fault_t *f)
{
    int        rc;
    be_page_t  pg;

    rc = be_engine_parse((const char *) job->data, job->data_len,
                         json_number_value(json_object_get(meta, "width")),
                         json_number_value(json_object_get(meta, "height")),
                         &pg, f);

    if (rc == 0 && pg.ntokens == 0) {
        rc = be_fault(f, 502, "No text was found in the image");
    }

    if (rc == 0 && json_object_get(meta, "model") != NULL) {
        rc = be_op_ask(meta, &pg, warnings, reply, f);

    } else if (rc == 0) {
        rc = be_op_answer(be_analyze_page(be_rules(), &pg,
                                          json_object_get(meta, "fields"),
                                          warnings, f), reply, f);
    }

    be_page_free(&pg);

    return rc;
}


static json_t *
be_op_bind(const json_t *fields, const be_page_t *pg, const be_frame_t *job,
    json_t *warnings, be_fault_t *f)
{
    json_t       *answer = NULL;
    be_schema_t   s = { 0 };
    be_result_t  *r;

    if (fields != NULL && be_schema_parse(fields, "fields", &s, f) != 0) {
        return NULL;
    }

    r = be_llm_answer(pg, &s, fields == NULL, (const char *) job->data,
                      job->data_len, f);

    if (r != NULL && s.nfields == 0) {
        (void) be_fault(f, 502, "No fields were found");

    } else if (r != NULL) {
        answer = be_answer(&s, r, warnings);
    }

    if (r != NULL) {
        be_results_free(&s, r);
    }

    be_schema_free(&s);

    return answer;
}


/* The second half of a call, on the page of the first. */

static int
be_op_page(const json_t *meta, int bind, const be_frame_t *job,
    json_t *warnings, be_frame_t *reply, be_fault_t *f)
{
    json_t      *answer, *fields = json_object_get(meta, "fields");
    be_page_t    pg;
    const char  *why;

    if (be_page_unpack(json_object_get(meta, "page"), &pg, warnings) != 0) {
        be_page_free(&pg);
        return be_fault(f, 502, "The page was lost");
    }

    if (bind) {
        answer = be_op_bind(fields, &pg, job, warnings, f);

    } else {
        why = json_string_value(json_object_get(meta, "failure"));
        be_warn(warnings, "llm_unavailable", why ? why : "");
        answer = be_analyze_page(be_rules(), &pg, fields, warnings, f);
    }

    be_page_free(&pg);

    return be_op_answer(answer, reply, f);
}


int
be_op(be_engine_t *e, const be_frame_t *job, be_frame_t *reply,
    be_fault_t *f)
{
    int          rc;
    json_t      *meta, *warnings = json_array();
    const char  *op;

    meta = json_loadb(job->text, job->text_len, 0, NULL);
    op = json_string_value(json_object_get(meta, "op"));

    if (op == NULL || strcmp(op, "analyze") == 0) {
        rc = be_op_answer(be_analyze(e, be_rules(), job->data, job->data_len,
                                     json_object_get(meta, "fields"),
                                     json_object_get(meta, "languageHints"),
                                     f), reply, f);

    } else if (strcmp(op, "read") == 0) {
        rc = be_op_read(e, meta, job, warnings, reply, f);

    } else if (strcmp(op, "engine") == 0) {
        rc = be_op_engine(meta, job, warnings, reply, f);

    } else {
        rc = be_op_page(meta, strcmp(op, "bind") == 0, job, warnings, reply,
                        f);
    }

    json_decref(meta);
    json_decref(warnings);

    return rc;
}
