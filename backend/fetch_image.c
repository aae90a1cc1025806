/*
 * The image of a URL, and what its client is told where there is none.
 * Called by POST /ocr/fields.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "imghead.h"


#define BE_IMAGE_HOPS  3
#define BE_IMAGE_MS    10000

/* A helper says that the time is over before it would be killed for that. */

#define BE_IMAGE_SLACK_MS  500


static const struct {
    const char  *reason;
    const char  *why;
    const char  *message;
} be_image_faults[] = {
    { "bad_url", NULL, "The URL of the image is not valid" },
    { "forbidden_url", "scheme",
      "The URL of the image leads to something else than http and https" },
    { "forbidden_url", "user",
      "The URL of the image must not contain a user name or password" },
    { "forbidden_url", NULL, "Images are fetched from ports 80 and 443 only" },
    { "forbidden_address", NULL,
      "The host of the image is not on the public internet" },
    { "unknown_host", NULL, "The host of the image's URL is not known" },
    { "unreachable", NULL, "The host of the image could not be connected to" },
    { "timeout", NULL, "The image was not delivered in time" },
    { "too_large", NULL, "The image is larger than 20 MB" },
    { "redirects", NULL,
      "The URL of the image redirects more than 3 times" },
    { "failed", NULL, "The image could not be fetched from its URL" }
};


static int
be_image_refuse(be_fault_t *f, const char *reason, const char *message)
{
    json_decref(f->details);

    be_fault_code(f, 400, "invalid_image", "%s", message);
    f->details = json_pack("{s:s,s:s}", "field", "image", "reason", reason);

    return -1;
}


static int
be_image_fault(be_fault_t *f)
{
    size_t       i, n = sizeof(be_image_faults) / sizeof(be_image_faults[0]);
    const char  *reason = be_fetch_reason(f), *why;

    if (reason == NULL) {
        return f->status == 502
               ? be_fault(f, 502, "The image could not be fetched") : -1;
    }

    why = json_string_value(json_object_get(f->details, "why"));

    for (i = 0; i < n - 1; i++) {
        if (strcmp(reason, be_image_faults[i].reason) == 0
            && (be_image_faults[i].why == NULL
                || (why && strcmp(why, be_image_faults[i].why) == 0)))
        {
            break;
        }
    }

    return be_image_refuse(f, be_image_faults[i].reason,
                           be_image_faults[i].message);
}


int
be_fetch_image(const be_http_conf_t *conf, const char *url,
    const be_span_t *span, unsigned char **data, size_t *len, be_fault_t *f)
{
    char          message[96];
    be_fetch_t    q = { 0 };
    uint64_t      slack, now = be_now_ms();
    be_fetched_t  got;

    slack = span->end_by > now ? (span->end_by - now) / 4 : 0;
    slack = slack < BE_IMAGE_SLACK_MS ? slack : BE_IMAGE_SLACK_MS;

    *data = NULL;
    *len = 0;

    q.url = url;
    q.allowed = conf->allowed;
    q.hops = BE_IMAGE_HOPS;
    q.timeout_ms = BE_IMAGE_MS;
    q.until = span->end_by - slack;
    q.max = BE_MAX_IMAGE;

    if (be_fetch(conf->fetch, &q, &got, span, f) != 0) {
        return be_image_fault(f);
    }

    if (got.status != 200) {
        free(got.body);
        snprintf(message, sizeof(message), "The host of the image answered"
                 " with status %ld", got.status);
        return be_image_refuse(f, "status", message);
    }

    *data = (unsigned char *) got.body;
    *len = got.len;

    return 0;
}
