/*
 * What must hold when an input has ended, whatever the input was; all that is
 * seen of it: what clients, backend and Redis got, and what nginx keeps.
 */


#include "fz.h"
#include "ngx_spocr.h"
#include "ngx_spocr_outbox_entry.h"
#include <jansson.h>


fz_request_t  fz_requests[FZ_REQUESTS];
ngx_uint_t    fz_nrequests;
fz_record_t   fz_records[FZ_RECORDS];
ngx_uint_t    fz_nrecords;

static ngx_spocr_main_conf_t  *fz_smcf;
static ngx_uint_t              fz_free_conns, fz_timers;


/* --- what nginx keeps */

/* Of those that keep a worker that is to go. */

static ngx_uint_t
fz_count_timers(ngx_rbtree_node_t *node)
{
    ngx_event_t  *ev;

    if (node == ngx_event_timer_rbtree.sentinel) {
        return 0;
    }

    ev = ngx_rbtree_data(node, ngx_event_t, timer);

    return !ev->cancelable + fz_count_timers(node->left)
           + fz_count_timers(node->right);
}


void
fz_check_start(void)
{
    fz_smcf = ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_spocr_module);
    fz_free_conns = ngx_cycle->free_connection_n;
    fz_timers = fz_count_timers(ngx_event_timer_rbtree.root);

    if (fz_check_quiet()) {
        fz_fail("the server does not start: %s", fz_check_quiet());
    }
}


/* Nobody is there, Redis is back, and it knows all that it is to know: NULL, or
 * what is not so. */

const char *
fz_check_quiet(void)
{
    ngx_uint_t                    i, subscribed;
    fz_conn_t                    *conn;
    ngx_spocr_zone_outbox_use_t   use;

    subscribed = 0;

    for (i = 0; i < FZ_CONNS; i++) {
        conn = fz_fds[i];

        if (conn && conn->kind == FZ_CLIENT) {
            return "a client";
        }

        if (conn && conn->kind == FZ_BACKEND) {
            return "a connection to the backend";
        }

        subscribed += conn && conn->kind == FZ_REDIS && conn->asked;
    }

    if (subscribed != 1) {
        return subscribed ? "two subscriptions" : "no subscription";
    }

    if (fz_busy()) {
        return "an event";
    }

    if (!ngx_spocr_redis_ready(fz_smcf->redis)) {
        return "no Redis";
    }

    if (!ngx_spocr_redis_records_ready(fz_smcf->redis)) {
        return "no Redis for records";
    }

    if (ngx_cycle->free_connection_n != fz_free_conns) {
        return "connections of nginx's";
    }

    if (!ngx_queue_empty(&fz_smcf->idem.worker->outbox->entries)) {
        return "entries of the outbox";
    }

    if (fz_count_timers(ngx_event_timer_rbtree.root) > fz_timers) {
        return "a timer";
    }

    ngx_spocr_zone_outbox_use(fz_smcf->zone, &use);

    return use.items ? "items of the outbox" : NULL;
}


static ngx_uint_t
fz_used(const ngx_spocr_idem_memory_t *memory)
{
    size_t      used;
    ngx_uint_t  i;

    used = memory->used;

    for (i = 0; i < NGX_SPOCR_IDEM_SHARES; i++) {
        used |= memory->shares[i];
    }

    return used != 0;
}


static void
fz_check_kept(void)
{
    if (fz_used(&fz_smcf->idem.worker->captured)
        || fz_used(&fz_smcf->idem.worker->replayed))
    {
        fz_fail("bytes stay captured");
    }

    if (fz_smcf->idem.worker->waiting != 0) {
        fz_fail("%zu requests stay waiting",
                (size_t) fz_smcf->idem.worker->waiting);
    }

    if (fz_smcf->idem.worker->outbox->bytes != 0) {
        fz_fail("the outbox keeps %zu bytes",
                fz_smcf->idem.worker->outbox->bytes);
    }
}


/* --- what is seen meanwhile */

/* nginx escapes what JSON wants, but a path may be no UTF-8. */

void
fz_check_log(const u_char *line, size_t len)
{
    size_t              i;
    json_t             *json;
    static fz_bytes_t   text;

    if (len && line[0] == '{') {
        text.len = 0;
        fz_append(&text, line, len);

        for (i = 0; i < len; i++) {
            text.data[i] = text.data[i] < 0x80 ? text.data[i] : '?';
        }

        json = json_loadb((const char *) text.data, len, 0, NULL);

        if (json == NULL) {
            fz_fail("a line of the access log is no JSON: %.*s", (int) len,
                    line);
        }

        json_decref(json);
        return;
    }

    if (ngx_strlcasestrn((u_char *) line, (u_char *) line + len,
                         (u_char *) "[alert]", 6)
        || ngx_strlcasestrn((u_char *) line, (u_char *) line + len,
                            (u_char *) "[crit]", 5)
        || ngx_strlcasestrn((u_char *) line, (u_char *) line + len,
                            (u_char *) "[emerg]", 6))
    {
        fz_fail("it logs %.*s", (int) len, line);
    }
}


static void
fz_keep(u_char *to, size_t *len, const ngx_str_t *from)
{
    *len = ngx_min(from->len, 64);
    memcpy(to, from->data, *len);
}


static void
fz_check_ctx(fz_request_t *fr, ngx_spocr_ctx_t *ctx,
    ngx_spocr_loc_conf_t *slcf)
{
    fr->gated = ctx->gated;
    fr->refused = ctx->stopped && ctx->verdict.error;
    fr->error = ctx->error != NULL;
    fr->auth = slcf->enable && slcf->auth.enable;

    if (ctx->auth.status == NGX_SPOCR_AUTH_OK) {
        fz_keep(fr->uid, &fr->uid_len, &ctx->auth.key->tenant->uid);
        fz_keep(fr->key, &fr->key_len, &ctx->auth.key->id);
    }

    fr->claimed = ctx->idem && ctx->idem->status == NGX_SPOCR_IDEM_STATUS_NEW;
}


void
fz_check_request(ngx_http_request_t *r)
{
    ngx_str_t              id;
    fz_emit_t             *e;
    fz_request_t          *fr;
    ngx_spocr_ctx_t       *ctx;
    ngx_spocr_loc_conf_t  *slcf;

    if (fz_nrequests == FZ_REQUESTS) {
        return;
    }

    fr = &fz_requests[fz_nrequests++];
    memset(fr, 0, sizeof(fz_request_t));

    slcf = ngx_http_get_module_loc_conf(r, ngx_spocr_module);
    ctx = ngx_spocr_ctx(r, 1);

    if (ctx == NULL) {
        fz_fail("no context");
    }

    id = ngx_spocr_request_id(r, ctx);
    memcpy(fr->id, id.data, ngx_min(id.len, FZ_ID_LEN));

    fr->conn = fz_of(r->connection->fd);
    fr->method = r->method;
    fr->status = r->headers_out.status;
    fr->stream = r->stream ? r->stream->node->id : 0;
    fr->sent = r->header_sent;
    fr->head = r->method == NGX_HTTP_HEAD;
    fr->upstream = r->upstream_states != NULL;
    fr->redirected = r->internal
                     || r->uri_changes != NGX_HTTP_MAX_URI_CHANGES + 1;
    fr->target_len = r->unparsed_uri.len;
    fr->target = malloc(fr->target_len + 1);
    memcpy(fr->target, r->unparsed_uri.data, fr->target_len);

    fz_check_ctx(fr, ctx, slcf);

    e = ngx_http_get_module_ctx(r, fz_module);

    if (e) {
        fr->emits = 1;
        fr->whole = e->last;
        fr->emitted = e->written;
    }
}


/* What the module stores is sealed by the file "secret": it must open. */

void
fz_check_record(const u_char *name, size_t name_len,
    const ngx_str_t *fingerprint, const ngx_str_t *blob)
{
    u_char                    *room;
    ngx_uint_t                 i;
    const char                *reason;
    fz_record_t               *kept;
    ngx_spocr_record_t         record;
    ngx_spocr_record_owner_t   owner;

    if (name_len < 64 || fingerprint->len != sizeof(owner.fingerprint)) {
        fz_fail("a record without an owner");
    }

    for (i = 0; i < sizeof(owner.id); i++) {
        owner.id[i] = (u_char) ngx_hextoi((u_char *) name + name_len - 64
                                          + 2 * i, 2);
    }

    memcpy(owner.fingerprint, fingerprint->data, sizeof(owner.fingerprint));
    room = malloc(blob->len + 1);

    if (ngx_spocr_record_read(&record, fz_smcf->idem.secrets, &owner,
                              blob->data, blob->len, room, &reason)
        != NGX_OK)
    {
        fz_fail("a record that was stored cannot be read");
    }

    if (fz_nrecords < FZ_RECORDS && record.request_id.len == FZ_ID_LEN) {
        kept = &fz_records[fz_nrecords++];
        memcpy(kept->id, record.request_id.data, FZ_ID_LEN);
        kept->status = record.status;
        kept->body.len = 0;
        fz_append(&kept->body, record.body.data, record.body.len);
    }

    free(room);
}


/* --- what must hold in the end */

const fz_request_t *
fz_request_of(const u_char *id)
{
    ngx_uint_t  i;

    for (i = 0; i < fz_nrequests; i++) {
        if (memcmp(fz_requests[i].id, id, FZ_ID_LEN) == 0) {
            return &fz_requests[i];
        }
    }

    return NULL;
}


static void
fz_check_ids(void)
{
    ngx_uint_t  i;

    for (i = 0; i < fz_nrequests; i++) {
        if (fz_request_of(fz_requests[i].id) != &fz_requests[i]) {
            fz_fail("two requests have the id %.36s", fz_requests[i].id);
        }

        if (fz_requests[i].refused && fz_requests[i].upstream) {
            fz_fail("a refused request has reached the backend");
        }
    }
}


/* C-35 */

void
fz_check_error(const fz_request_t *fr, const u_char *body, size_t len)
{
    json_t      *json, *error;
    const char  *id;

    json = json_loadb((const char *) body, len, JSON_REJECT_DUPLICATES, NULL);
    error = json ? json_object_get(json, "error") : NULL;
    id = error ? json_string_value(json_object_get(error, "requestId"))
               : NULL;

    if (id == NULL
        || json_object_size(json) != 1 + (json_object_get(json, "details")
                                          != NULL)
        || strlen(id) != FZ_ID_LEN || memcmp(id, fr->id, FZ_ID_LEN) != 0
        || !json_is_string(json_object_get(error, "code"))
        || !json_is_string(json_object_get(error, "message")))
    {
        fz_fail("an error's body is %.*s", (int) len, body);
    }

    json_decref(json);
}


void
fz_check_pattern(const u_char *body, size_t len, const char *what)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (body[i] != fz_emit_byte(i)) {
            fz_fail("%s differs from what was emitted at byte %zu", what, i);
        }
    }
}


/* The body of an answer that a client got, or its beginning. */

void
fz_check_body(const fz_request_t *fr, ngx_uint_t status, ngx_uint_t replay,
    const u_char *original, const fz_bytes_t *body, ngx_uint_t complete)
{
    ngx_uint_t  i;

    if (replay) {

        for (i = 0; i < fz_nrecords; i++) {
            if (memcmp(fz_records[i].id, original, FZ_ID_LEN) == 0
                && fz_records[i].status == status
                && fz_records[i].body.len >= body->len
                && (!complete || fr->head || status == 204 || status == 304
                    || fz_records[i].body.len == body->len)
                && memcmp(fz_records[i].body.data, body->data, body->len)
                   == 0)
            {
                return;
            }
        }

        fz_fail("a replay that was never stored");
    }

    if (fr->emits) {
        fz_check_pattern(body->data, body->len, "what a client got");

        if (complete && fr->whole && body->len != fr->emitted && !fr->head
            && status != 204 && status != 304)
        {
            fz_fail("a client got %zu bytes, %zu were emitted", body->len,
                    fr->emitted);
        }

        return;
    }

    if (fr->error && complete && !fr->head && !fr->redirected) {
        fz_check_error(fr, body->data, body->len);
    }
}


static void
fz_check_stored(void)
{
    ngx_uint_t           i;
    fz_record_t         *record;
    const fz_request_t  *fr;

    for (i = 0; i < fz_nrecords; i++) {
        record = &fz_records[i];
        fr = fz_request_of(record->id);

        if (fr == NULL) {
            fz_fail("a record of no request");
        }

        if (!fr->emits) {
            continue;
        }

        fz_check_pattern(record->body.data, record->body.len,
                         "what was stored");

        if (!fr->whole || record->body.len != fr->emitted) {
            fz_fail("stored are %zu bytes of %zu", record->body.len,
                    fr->emitted);
        }
    }
}


void
fz_check_all(void)
{
    fz_check_kept();

    if (fz_nrequests == FZ_REQUESTS || fz_nrecords == FZ_RECORDS) {
        return;
    }

    fz_check_ids();
    fz_check_stored();
    fz_check_exchanges();
    fz_check_clients();
}


void
fz_check_forget(void)
{
    ngx_uint_t  i;

    for (i = 0; i < fz_nrequests; i++) {
        free(fz_requests[i].target);
    }

    fz_nrequests = 0;
    fz_nrecords = 0;
}
