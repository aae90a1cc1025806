/*
 * The page for the browser, and the description of the API: files that are a
 * part of this program.  Called by http.c; anybody may read them.
 */

#include <stdlib.h>
#include <string.h>

#include "api.h"

#include "embedded/be_openapi.h"
#include "embedded/be_page_css.h"
#include "embedded/be_page_html.h"
#include "embedded/be_page_js.h"


static void
be_page_reply(be_reply_t *r, const char *text, const char *type)
{
    r->status = 200;
    r->type = type;
    r->body = strdup(text);
    r->len = r->body ? strlen(r->body) : 0;
}


void
be_api_page(const be_in_t *in, be_reply_t *r)
{
    (void) in;

    be_page_reply(r, be_page_html, "text/html; charset=utf-8");
}


void
be_api_script(const be_in_t *in, be_reply_t *r)
{
    (void) in;

    be_page_reply(r, be_page_js, "text/javascript; charset=utf-8");
}


void
be_api_style(const be_in_t *in, be_reply_t *r)
{
    (void) in;

    be_page_reply(r, be_page_css, "text/css; charset=utf-8");
}


void
be_api_openapi(const be_in_t *in, be_reply_t *r)
{
    (void) in;

    be_page_reply(r, be_openapi, NULL);
}
