
/*
 * Lines of the error log for refusals.  nginx adds the request line to what a
 * request logs, and a client may have put its key there: these lines are
 * written without that, and name the request by its id (C-9).
 */


#include "ngx_spocr.h"


static ngx_uint_t ngx_spocr_log_silent(ngx_spocr_worker_t *worker,
    const ngx_spocr_error_t *error, ngx_uint_t *skipped);


void
ngx_spocr_log_refusal(ngx_http_request_t *r, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *slcf, ngx_spocr_ctx_t *ctx)
{
    ngx_log_t                 log;
    ngx_str_t                 id, key_id, uid, reason;
    ngx_time_t               *tp;
    ngx_uint_t                level, skipped;
    ngx_msec_int_t            ms;
    const ngx_spocr_error_t  *error;

    error = ctx->verdict.error;
    level = slcf->log_level;
    skipped = 0;

    if (error->status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {

        /* ours, and an operator's business: at most one a second (C-3) */

        level = NGX_LOG_ERR;

        if (ngx_spocr_log_silent(smcf->worker, error, &skipped)) {
            return;
        }
    }

    if (r->connection->log->log_level < level) {
        return;
    }

    log = *r->connection->log;
    log.handler = NULL;

    id = ngx_spocr_request_id(r, ctx);

    ngx_str_set(&key_id, "-");
    ngx_str_set(&uid, "-");

    if (ctx->auth.key) {
        key_id = ctx->auth.key->id;
        uid = ctx->auth.key->tenant->uid;
    }

    if (ctx->verdict.reason) {
        reason.data = (u_char *) ctx->verdict.reason;
        reason.len = ngx_strlen(ctx->verdict.reason);

    } else {
        reason = ctx->idem && ctx->idem->status > NGX_SPOCR_IDEM_STATUS_NEW
                 ? *ngx_spocr_idem_status(ctx->idem->status)
                 : ctx->limit.status > NGX_SPOCR_LIMIT_STATUS_PASSED
                 ? *ngx_spocr_limit_status(ctx->limit.status)
                 : *ngx_spocr_auth_status(ctx->auth.status);
    }

    tp = ngx_timeofday();
    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (ngx_msec_int_t) (tp->msec - r->start_msec));

    ngx_log_error(level, &log, 0,
                  "spocr: %V refused: %V (%V) in step %s, uid \"%V\", "
                  "key \"%V\", client %V, %Mms", &id, &error->code, &reason,
                  ctx->step_name, &uid, &key_id, &r->connection->addr_text,
                  (ngx_msec_t) ngx_max(ms, 0));

    if (skipped) {
        ngx_log_error(level, &log, 0,
                      "spocr: %ui more requests were refused with %V since the "
                      "last line that said so", skipped, &error->code);
    }
}


/* nginx says nothing of it: it sends no answer to a client that timed out. */

void
ngx_spocr_log_slow(ngx_http_request_t *r, ngx_spocr_loc_conf_t *slcf,
    ngx_spocr_ctx_t *ctx)
{
    ngx_log_t  log;
    ngx_str_t  id;

    if (r->connection->log->log_level < slcf->log_level) {
        return;
    }

    log = *r->connection->log;
    log.handler = NULL;

    id = ngx_spocr_request_id(r, ctx);

    ngx_log_error(slcf->log_level, &log, 0,
                  "spocr: %V cut: %uL bytes of its body in %Mms, client %V",
                  &id, ctx->incoming.received,
                  ngx_spocr_body_elapsed(&ctx->incoming),
                  &r->connection->addr_text);
}


void
ngx_spocr_log_subrequest(ngx_http_request_t *r, ngx_spocr_loc_conf_t *slcf)
{
    ngx_log_t                  log;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    log = *r->connection->log;
    log.handler = NULL;

    ngx_log_error(slcf->log_level, &log, 0,
                  "spocr: subrequest to location \"%V\" refused: its main "
                  "request has no valid key, client %V", &clcf->name,
                  &r->connection->addr_text);
}


/* One line for each code and second; *skipped is how many were left out. */

static ngx_uint_t
ngx_spocr_log_silent(ngx_spocr_worker_t *worker,
    const ngx_spocr_error_t *error, ngx_uint_t *skipped)
{
    time_t  now;

    now = ngx_time();

    if (worker->logged[error->index] == now) {
        worker->silent[error->index]++;
        return 1;
    }

    *skipped = worker->silent[error->index];

    worker->logged[error->index] = now;
    worker->silent[error->index] = 0;

    return 0;
}
