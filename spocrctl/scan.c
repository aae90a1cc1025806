
/*
 * All keys of a pattern, with their values: SCAN and MGET, page by page.
 *
 * Called by the store in Redis and by "limits".
 *
 * Invariant: no command takes long, however many keys there are.  SCAN may
 * name a key twice; the caller sees it once.
 */


#include "link.h"


#define PAGE  "1000"


static void page_values(ctl_link_t *link, const redisReply *names,
    json_t *known, ctl_scan_pt seen, void *data);


void
ctl_scan(ctl_link_t *link, const char *pattern, ctl_scan_pt seen, void *data)
{
    char        *cursor;
    json_t      *known;
    const char  *next;
    redisReply  *reply;

    known = ctl_need(json_object());
    cursor = ctl_text("0");

    do {
        reply = ctl_ask(link, "SCAN", cursor, "MATCH", pattern, "COUNT", PAGE);

        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
            || (next = ctl_reply_text(reply->element[0])) == NULL
            || reply->element[1]->type != REDIS_REPLY_ARRAY)
        {
            ctl_die(CTL_FAILED, "%s: a reply to SCAN that is none",
                    link->place.url);
        }

        free(cursor);
        cursor = ctl_text("%s", next);

        page_values(link, reply->element[1], known, seen, data);
        freeReplyObject(reply);

    } while (strcmp(cursor, "0") != 0);

    free(cursor);
    json_decref(known);
}


static void
page_values(ctl_link_t *link, const redisReply *names, json_t *known,
    ctl_scan_pt seen, void *data)
{
    size_t        i, argc;
    redisReply   *values;
    const char  **argv;

    argv = ctl_need(calloc(names->elements + 1, sizeof(char *)));
    argv[0] = "MGET";
    argc = 1;

    for (i = 0; i < names->elements; i++) {
        argv[argc] = ctl_reply_text(names->element[i]);

        if (argv[argc] == NULL || json_object_get(known, argv[argc])) {
            continue;
        }

        /* false: a name that is no UTF-8, and so none of ours */
        argc += json_object_set_new(known, argv[argc], json_true()) == 0;
    }

    if (argc > 1) {
        ctl_send_argv(link, argc, argv);
        values = ctl_reply(link);

        if (values->type == REDIS_REPLY_ERROR) {
            ctl_refused(link, values);
        }

        if (values->type != REDIS_REPLY_ARRAY
            || values->elements != argc - 1)
        {
            ctl_die(CTL_FAILED, "%s: a reply to MGET that is none",
                    link->place.url);
        }

        for (i = 0; i < values->elements; i++) {
            seen(data, argv[i + 1], ctl_reply_text(values->element[i]));
        }

        freeReplyObject(values);
    }

    free(argv);
}
