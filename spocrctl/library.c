
/*
 * redis install: the function library that the gateway calls.
 *
 * Invariant: a library of our name with another text is replaced only when
 * that was asked for.  Libraries of other versions are left alone: gateways of
 * another release may call them.
 */


#include "link.h"
#include "ngx_spocr_lua.h"


static const redisReply *member(const redisReply *list, const char *name);


static const char  *const  state_names[] = {
    "unknown", "none", CTL_LIBRARY, CTL_LIBRARY ", with another text"
};


void
ctl_redis_install(const ctl_opts_t *opts)
{
    bool            changed;
    ctl_link_t     *link;
    redisReply     *reply;
    ctl_library_e   before;

    link = ctl_link_open(opts);
    before = ctl_library_state(link);

    if (before == CTL_LIBRARY_OTHER && !opts->force) {
        ctl_die(CTL_FAILED, "%s: %s is there with another text, of an older "
                "or a newer release; --force replaces it", link->place.url,
                CTL_LIBRARY);
    }

    changed = (before != CTL_LIBRARY_SAME);

    if (changed && opts->force) {
        reply = ctl_ask(link, "FUNCTION", "LOAD", "REPLACE",
                        ngx_spocr_redis_lua);

    } else if (changed) {
        reply = ctl_call(link, "FUNCTION", "LOAD", ngx_spocr_redis_lua);

        /* somebody was faster, or FUNCTION LIST is denied */

        if (ctl_is_error(reply, "ERR") && strstr(reply->str, "already exists"))
        {
            changed = false;

        } else if (reply->type == REDIS_REPLY_ERROR) {
            ctl_refused(link, reply);
        }

    } else {
        reply = NULL;
    }

    freeReplyObject(reply);

    /* it is there, and answers */
    freeReplyObject(ctl_ask(link, "FCALL", CTL_LIBRARY "_hello", "0", "nonce"));

    if (opts->json) {
        ctl_say_json(json_pack("{s:s, s:s, s:b}", "before",
                               state_names[before], "after", CTL_LIBRARY,
                               "changed", changed));

    } else {
        printf("%-8s %s\n%-8s %s\n", "before", state_names[before], "after",
               CTL_LIBRARY);
    }

    if (!changed) {
        ctl_note(opts, "nothing to change");
    }
}


ctl_library_e
ctl_library_state(ctl_link_t *link)
{
    const char        *text;
    redisReply        *reply;
    ctl_library_e      state;
    const redisReply  *code;

    reply = ctl_call(link, "FUNCTION", "LIST", "LIBRARYNAME", CTL_LIBRARY,
                     "WITHCODE");

    if (reply->type != REDIS_REPLY_ARRAY) {
        state = CTL_LIBRARY_UNKNOWN;

    } else if (reply->elements == 0) {
        state = CTL_LIBRARY_ABSENT;

    } else {
        code = member(reply->element[0], "library_code");
        text = code ? ctl_reply_text(code) : NULL;
        state = (text && strcmp(text, ngx_spocr_redis_lua) == 0)
                ? CTL_LIBRARY_SAME : CTL_LIBRARY_OTHER;
    }

    freeReplyObject(reply);

    return state;
}


/* A value of a list of names and values, or NULL. */

static const redisReply *
member(const redisReply *list, const char *name)
{
    size_t       i;
    const char  *text;

    for (i = 0; list->type == REDIS_REPLY_ARRAY && i + 1 < list->elements;
         i += 2)
    {
        text = ctl_reply_text(list->element[i]);

        if (text && strcmp(text, name) == 0) {
            return list->element[i + 1];
        }
    }

    return NULL;
}
