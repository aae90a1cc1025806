/*
 * What is served, in one table; the front asks it for each request line.
 * Pure but for the table.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"
#include "route.h"


#define BE_MAX_JSON      (1024u * 1024)
#define BE_MAX_SEGMENTS  6


static const be_route_t  be_routes[] = {
    { "GET", "/health", be_api_health, BE_BODY_NONE, 0, BE_OPEN },
    { "GET", "/openapi.json", be_api_openapi, BE_BODY_NONE, 0, BE_OPEN },
    { "GET", "/", be_api_page, BE_BODY_NONE, 0, BE_OPEN | BE_PAGE },
    { "GET", "/assets/page.js", be_api_script, BE_BODY_NONE, 0,
      BE_OPEN | BE_PAGE },
    { "GET", "/assets/page.css", be_api_style, BE_BODY_NONE, 0,
      BE_OPEN | BE_PAGE },

    { "POST", "/ocr/fields", be_api_fields, BE_BODY_JSON, BE_MAX_BODY,
      BE_COUNTS },

    { "POST", "/upload", be_api_upload, BE_BODY_FORM, BE_MAX_UPLOAD,
      BE_STORED | BE_COUNTS | BE_KEYED },
    { "GET", "/jobs/*", be_api_job, BE_BODY_NONE, 0, BE_STORED },
    { "GET", "/images/*", be_api_image, BE_BODY_NONE, 0, BE_STORED },
    { "GET", "/amount", be_api_amount, BE_BODY_NONE, 0, BE_STORED },

    { "POST", "/create", be_api_create, BE_BODY_JSON, BE_MAX_JSON,
      BE_STORED | BE_KEYED },
    { "GET", "/space", be_api_space, BE_BODY_NONE, 0, BE_STORED },
    { "POST", "/edit", be_api_edit, BE_BODY_JSON, BE_MAX_JSON, BE_STORED },
    { "POST", "/remove", be_api_remove, BE_BODY_JSON, BE_MAX_JSON,
      BE_STORED },
    { "GET", "/view", be_api_view, BE_BODY_NONE, 0, BE_STORED },

    { "GET", "/webhook", be_api_hook_get, BE_BODY_NONE, 0, BE_STORED },
    { "PUT", "/webhook", be_api_hook_put, BE_BODY_JSON, BE_MAX_JSON,
      BE_STORED },
    { "DELETE", "/webhook", be_api_hook_delete, BE_BODY_NONE, 0, BE_STORED },
    { "POST", "/webhook/test", be_api_hook_test, BE_BODY_NONE, 0,
      BE_STORED },
    { "GET", "/webhooks/deliveries", be_api_deliveries, BE_BODY_NONE, 0,
      BE_STORED },
    { "GET", "/webhooks/deliveries/*", be_api_delivery, BE_BODY_NONE, 0,
      BE_STORED },
    { "POST", "/webhooks/deliveries/*/redeliver", be_api_redeliver,
      BE_BODY_NONE, 0, BE_STORED }
};


/* The decoded segments of a target's path; their number, or -1: it is broken,
 * or there is no memory. */

static int
be_segments(const char *target, char **seg, int *broken)
{
    int          n = 0;
    size_t       len;
    const char  *s = target;

    while (*s == '/' && n < BE_MAX_SEGMENTS) {
        s++;
        len = strcspn(s, "/?");
        seg[n] = be_unescape(s, len, 0);

        if (seg[n] == NULL) {
            *broken = errno != ENOMEM;
            return -1;
        }

        n++;
        s += len;
    }

    /* more of them, or none at all: no path of the table */

    return *s == '\0' || *s == '?' ? n : 0;
}


static int
be_path_fits(const char *pattern, char *const *seg, int n,
    const char **arg)
{
    int     i, args = 0;
    size_t  len;

    for (i = 0; *pattern == '/'; i++) {
        pattern++;
        len = strcspn(pattern, "/");

        if (i == n) {
            return 0;
        }

        if (len == 1 && *pattern == '*') {
            if (seg[i][0] == '\0') {
                return 0;
            }
            arg[args++] = seg[i];

        } else if (strlen(seg[i]) != len
                   || memcmp(seg[i], pattern, len) != 0)
        {
            return 0;
        }

        pattern += len;
    }

    return i == n;
}


static int
be_method_fits(const char *route, const char *method)
{
    return strcmp(route, method) == 0
           || (strcmp(route, "GET") == 0 && strcmp(method, "HEAD") == 0);
}


static int
be_route_match(const char *method, char *const *seg, int n, be_match_t *m)
{
    int                i, j;
    size_t             at;
    const be_route_t  *r;

    for (i = 0; i < (int) (sizeof(be_routes) / sizeof(be_routes[0])); i++) {
        const char  *arg[2] = { NULL, NULL };

        r = &be_routes[i];

        if (!be_path_fits(r->path, seg, n, arg)) {
            continue;
        }

        m->path = r->path;
        m->flags = r->flags;
        at = strlen(m->allow);
        snprintf(m->allow + at, sizeof(m->allow) - at, "%s%s%s",
                 at ? ", " : "", r->method,
                 strcmp(r->method, "GET") == 0 ? ", HEAD" : "");

        if (!be_method_fits(r->method, method)) {
            continue;
        }

        m->route = r;

        for (j = 0; j < 2 && arg[j] != NULL; j++) {
            m->arg[j] = strdup(arg[j]);
            if (m->arg[j] == NULL) {
                return -1;
            }
        }
    }

    return 0;
}


int
be_route(const char *method, const char *target, be_match_t *m)
{
    int    i, n, rc;
    char  *seg[BE_MAX_SEGMENTS] = { NULL };

    memset(m, 0, sizeof(*m));

    n = be_segments(target, seg, &m->broken);

    rc = n < 0 && !m->broken ? -1 : 0;

    if (n > 0) {
        rc = be_route_match(method, seg, n, m);
    }

    for (i = 0; i < BE_MAX_SEGMENTS; i++) {
        free(seg[i]);
    }

    return rc;
}


void
be_match_free(be_match_t *m)
{
    free(m->arg[0]);
    free(m->arg[1]);
    m->arg[0] = NULL;
    m->arg[1] = NULL;
}
