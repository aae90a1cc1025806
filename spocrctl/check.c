
/*
 * Records of Redis as the gateway reads them: with its own reader.
 *
 * Called by the store in Redis.  Invariant: what is valid here is what a
 * gateway of this release takes.
 */


#include "ctl.h"
#include "ngx_spocr_keyrecord.h"


typedef struct {
    ngx_spocr_keys_t        *names;
    ngx_spocr_keyreader_t   *reader;
    ngx_spocr_identity_t     identity;
} judge_t;


static judge_t *judge_get(void);
static ngx_spocr_keyrecord_t *record_read(judge_t *judge, const char *name,
    const json_t *record, ngx_spocr_keyfile_error_t *err);
static void names_add(judge_t *judge, const json_t *record);


static void *
names_alloc(void *data, size_t size)
{
    (void) data;

    return malloc(size);
}


static judge_t *
judge_get(void)
{
    ngx_spocr_digest_t  *digest;
    static judge_t      *judge;

    if (judge == NULL) {
        judge = ctl_need(calloc(1, sizeof(judge_t)));
        digest = ctl_need(ngx_spocr_digest_create());

        judge->names = ctl_need(ngx_spocr_keys_create(names_alloc, NULL));
        judge->reader = ctl_need(ngx_spocr_keyreader_create(judge->names,
                                                            digest));
    }

    return judge;
}


void
ctl_judge(ctl_judged_t *judged, const ctl_opts_t *opts, const json_t *key,
    const json_t *tenant, const json_t *plan)
{
    char                       *names[NGX_SPOCR_KEYRECORD_KINDS];
    char                        hex[CTL_HEX_LEN];
    judge_t                    *judge;
    ngx_str_t                   scope;
    ngx_uint_t                  i;
    const char                 *uid;
    const json_t               *records[NGX_SPOCR_KEYRECORD_KINDS];
    ngx_spocr_keyfile_error_t   err;

    judge = judge_get();
    ngx_spocr_identity_release(&judge->identity);
    memset(judged, 0, sizeof(ctl_judged_t));

    uid = ctl_field_text(key, "uid");
    ctl_digest_hex(uid, strlen(uid), hex);

    names[0] = ctl_text("key:%s", ctl_field_text(key, "sha256"));
    names[1] = ctl_text("tenant:%s", hex);
    names[2] = ctl_text("plan:%s", ctl_field_text(tenant, "plan"));

    records[0] = key;
    records[1] = tenant;
    records[2] = plan;

    if (opts->scope) {
        scope.data = (u_char *) opts->scope;
        scope.len = strlen(opts->scope);
        (void) ngx_spocr_keys_scope(judge->names, &scope);
    }

    for (i = 0; i < NGX_SPOCR_KEYRECORD_KINDS; i++) {

        if (records[i] && judged->why == NULL) {
            names_add(judge, records[i]);

            judge->identity.records[i] = record_read(judge, names[i],
                                                     records[i], &err);

            if (judge->identity.records[i] == NULL) {
                judged->why = ctl_text("%.*s: %s", (int) strcspn(names[i], ":"),
                                       names[i], err.text);
            }
        }

        free(names[i]);
    }

    if (judged->why == NULL) {
        ngx_spocr_identity_join(&judge->identity);
        judged->key = &judge->identity.key;
        judged->names = judge->names;
    }
}


/* The reader passes over limits that nobody has asked for. */

static void
names_add(judge_t *judge, const json_t *record)
{
    json_t      *limit;
    ngx_str_t    str;
    const char  *name;

    json_object_foreach(json_object_get(record, "limits"), name, limit) {
        if (json_is_object(limit)) {
            str.data = (u_char *) name;
            str.len = strlen(name);
            (void) ngx_spocr_keys_limit_name(judge->names, &str);
        }
    }
}


char *
ctl_record_why(const char *name, const json_t *record, bool strict)
{
    char                       *why;
    ngx_spocr_keyrecord_t      *read;
    ngx_spocr_keyfile_error_t   err;

    read = record_read(judge_get(), name, record, &err);
    why = NULL;

    if (read == NULL || (strict && read->unknown)) {
        why = ctl_text("%s", err.text);
    }

    ngx_spocr_keyrecord_unref(read);

    return why;
}


static ngx_spocr_keyrecord_t *
record_read(judge_t *judge, const char *name, const json_t *record,
    ngx_spocr_keyfile_error_t *err)
{
    char                      *text;
    ngx_str_t                  str;
    const char                *self;
    ngx_spocr_keyrecord_t     *read;
    ngx_spocr_keyrecord_id_t   id;

    memset(&id, 0, sizeof(ngx_spocr_keyrecord_id_t));

    self = strchr(name, ':') + 1;

    switch (name[0]) {
    case 'k':
        id.kind = NGX_SPOCR_KEYRECORD_KEY;
        break;
    case 't':
        id.kind = NGX_SPOCR_KEYRECORD_TENANT;
        id.name.data = (u_char *) ctl_field_text(record, "uid");
        id.name.len = strlen((char *) id.name.data);
        break;
    default:
        id.kind = NGX_SPOCR_KEYRECORD_PLAN;
        id.name.data = (u_char *) self;
        id.name.len = strlen(self);
    }

    (void) ngx_spocr_digest_parse((u_char *) self, strlen(self), id.digest);

    text = ctl_record_text(name, record);
    str.data = (u_char *) text;
    str.len = strlen(text);

    read = ngx_spocr_keyrecord_parse(judge->reader, &id, &str, err);
    free(text);

    return read;
}


char *
ctl_record_text(const char *name, const json_t *record)
{
    char    *text;
    json_t  *copy;

    copy = ctl_need(json_copy((json_t *) record));

    if (name[0] == 'k') {
        json_object_del(copy, "sha256");
    }

    text = ctl_json_text(copy);
    json_decref(copy);

    return text;
}
