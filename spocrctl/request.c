
/*
 * request: the time that a request id tells, and its lines in access logs.
 *
 * The logs are those of the shipped configuration: a JSON object a line, with
 * the id in "request_id".  An answer that was replayed names the first one in
 * another field, so the id is looked for in each.
 */


#include "ctl.h"
#include "ngx_spocr_id.h"


static void search(const char *path, const char *id, bool quiet_text,
    json_t *found);


void
ctl_request(const ctl_opts_t *opts)
{
    char         second[CTL_TIME_LEN];
    char        *when;
    size_t       i;
    json_t      *found;
    uint64_t     ms;
    const char  *id;

    id = opts->args[0];

    if (ngx_spocr_id_parse((const u_char *) id, strlen(id), &ms) != NGX_OK) {
        ctl_die(CTL_USAGE, "a request id is \"req_\" and 32 hexadecimal digits "
                "in lower case");
    }

    if (ms > CTL_YEAR_9999_MS) {
        ctl_die(CTL_USAGE, "the time in this request id is after the year "
                "9999");
    }

    ctl_time_text((int64_t) (ms / 1000), second);
    when = ctl_text("%.19s.%03dZ", second, (int) (ms % 1000));

    if (!opts->json) {
        printf("%s %s\n", id, when);
    }

    found = ctl_need(json_array());

    for (i = 0; i < opts->logs.n; i++) {
        search(opts->logs.items[i], id, opts->json, found);
    }

    i = json_array_size(found);

    if (opts->json) {
        ctl_say_json(json_pack("{s:s, s:s, s:o}", "id", id, "time", when,
                               "entries", found));

    } else {
        json_decref(found);
    }

    if (opts->logs.n && i == 0) {
        ctl_say_done();
        ctl_note(opts, "no line of the logs has this id");
        exit(CTL_FAILED);
    }
}


/* Appends each line that has the id; prints it, too, where text is wanted. */

static void
search(const char *path, const char *id, bool quiet_text, json_t *found)
{
    FILE         *f;
    char         *line;
    size_t        room;
    json_t       *entry;
    ssize_t       len;

    f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

    if (f == NULL) {
        ctl_die(CTL_FAILED, "%s: %s", path, strerror(errno));
    }

    line = NULL;
    room = 0;

    while ((len = getline(&line, &room, f)) != -1) {

        if (memmem(line, (size_t) len, id, strlen(id)) == NULL) {
            continue;
        }

        entry = json_loadb(line, (size_t) len, 0, NULL);

        /* a log of another format is worth showing as it is */
        if (entry == NULL) {
            line[strcspn(line, "\r\n")] = '\0';
            entry = json_string(line);
        }

        if (entry == NULL) {
            continue;
        }

        if (!quiet_text) {
            char  *shown = ctl_need(json_dumps(entry, JSON_INDENT(2)
                                               |JSON_ENCODE_ANY));

            printf("%s\n", shown);
            free(shown);
        }

        json_array_append_new(found, entry);
    }

    if (ferror(f)) {
        ctl_die(CTL_FAILED, "%s: %s", path, strerror(errno));
    }

    free(line);

    if (f != stdin) {
        fclose(f);
    }
}
