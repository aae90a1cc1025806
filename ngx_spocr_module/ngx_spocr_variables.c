
/*
 * The $spocr_* variables, for access logs, maps and headers.  All of them
 * read the context; only the request's id is made when it is asked for.
 */


#include "ngx_spocr.h"


/* the width of a variable's length, which is a bit field */
#define NGX_SPOCR_VAR_LEN_MAX  0x0fffffff


typedef enum {
    NGX_SPOCR_VAR_REQUEST_ID = 0,
    NGX_SPOCR_VAR_CLIENT_REQUEST_ID,
    NGX_SPOCR_VAR_ERROR_CODE,
    NGX_SPOCR_VAR_UID,
    NGX_SPOCR_VAR_KEY_ID,
    NGX_SPOCR_VAR_PLAN,
    NGX_SPOCR_VAR_AUTH_STATUS,
    NGX_SPOCR_VAR_LIMIT_STATUS,
    NGX_SPOCR_VAR_LIMIT_SOURCE,
    NGX_SPOCR_VAR_LIMIT_REMAINING,
    NGX_SPOCR_VAR_RETRY_AFTER,
    NGX_SPOCR_VAR_IDEM_STATUS,
    NGX_SPOCR_VAR_ORIGINAL_REQUEST_ID,
    NGX_SPOCR_VAR_REDIS_TIME
} ngx_spocr_variable_e;


static ngx_int_t ngx_spocr_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_spocr_variable_text(ngx_http_variable_value_t *v,
    const ngx_str_t *value);
static ngx_int_t ngx_spocr_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t n);
static ngx_int_t ngx_spocr_variable_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_msec_t ms);
static ngx_int_t ngx_spocr_variable_original(ngx_http_variable_value_t *v,
    const ngx_spocr_idem_ctx_t *idem);
static ngx_int_t ngx_spocr_variable_identity(ngx_http_variable_value_t *v,
    ngx_spocr_ctx_t *ctx, uintptr_t data);


static ngx_http_variable_t  ngx_spocr_variables[] = {

    { ngx_string("spocr_request_id"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_REQUEST_ID, 0, 0 },

    { ngx_string("spocr_client_request_id"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_CLIENT_REQUEST_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_error_code"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_ERROR_CODE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_uid"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_UID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_key_id"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_KEY_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_plan"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_PLAN, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_auth_status"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_AUTH_STATUS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_limit_status"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_LIMIT_STATUS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_limit_source"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_LIMIT_SOURCE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_limit_remaining"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_LIMIT_REMAINING, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_retry_after"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_RETRY_AFTER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_idempotency_status"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_IDEM_STATUS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_original_request_id"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_ORIGINAL_REQUEST_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("spocr_redis_time"), NULL, ngx_spocr_variable,
      NGX_SPOCR_VAR_REDIS_TIME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_spocr_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_spocr_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    uint32_t          remaining;
    ngx_str_t         id;
    ngx_spocr_ctx_t  *ctx;

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    ctx = ngx_spocr_ctx(r, data == NGX_SPOCR_VAR_REQUEST_ID);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    switch (data) {

    case NGX_SPOCR_VAR_REQUEST_ID:
        id = ngx_spocr_request_id(r, ctx);
        return ngx_spocr_variable_text(v, &id);

    case NGX_SPOCR_VAR_CLIENT_REQUEST_ID:
        return ngx_spocr_variable_text(v, &ctx->forward.client_request_id);

    case NGX_SPOCR_VAR_ERROR_CODE:
        return ngx_spocr_variable_text(v, ctx->error ? &ctx->error->code
                                                     : NULL);

    case NGX_SPOCR_VAR_AUTH_STATUS:
        return ngx_spocr_variable_text(v,
                                       ngx_spocr_auth_status(ctx->auth.status));

    case NGX_SPOCR_VAR_LIMIT_STATUS:
        return ngx_spocr_variable_text(v,
                                     ngx_spocr_limit_status(ctx->limit.status));

    case NGX_SPOCR_VAR_LIMIT_SOURCE:
        return ngx_spocr_variable_text(v,
                                     ngx_spocr_limit_source(ctx->limit.source));

    case NGX_SPOCR_VAR_LIMIT_REMAINING:

        if (ngx_spocr_limit_remaining(&ctx->limit, &remaining)
            == NGX_DECLINED)
        {
            v->not_found = 1;
            return NGX_OK;
        }

        return ngx_spocr_variable_number(r, v, remaining);

    case NGX_SPOCR_VAR_RETRY_AFTER:

        if (ctx->error == NULL || ctx->error != ctx->verdict.error
            || ctx->verdict.retry_after < 0)
        {
            v->not_found = 1;
            return NGX_OK;
        }

        return ngx_spocr_variable_number(r, v,
                                         (uint64_t) ctx->verdict.retry_after);

    case NGX_SPOCR_VAR_IDEM_STATUS:
        return ngx_spocr_variable_text(v, ngx_spocr_idem_status(
                   ctx->idem ? ctx->idem->status
                             : ctx->passed ? NGX_SPOCR_IDEM_STATUS_OFF
                                           : NGX_SPOCR_IDEM_STATUS_NONE));

    case NGX_SPOCR_VAR_ORIGINAL_REQUEST_ID:
        return ngx_spocr_variable_original(v, ctx->idem);

    case NGX_SPOCR_VAR_REDIS_TIME:

        if (!ctx->waited) {
            v->not_found = 1;
            return NGX_OK;
        }

        return ngx_spocr_variable_seconds(r, v, ctx->wait.used);

    default:
        return ngx_spocr_variable_identity(v, ctx, data);
    }
}


/* The request that this one repeats: of a replay, or of a 409. */

static ngx_int_t
ngx_spocr_variable_original(ngx_http_variable_value_t *v,
    const ngx_spocr_idem_ctx_t *idem)
{
    ngx_str_t  id;

    if (idem == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (idem->record) {
        return ngx_spocr_variable_text(v, &idem->record->request_id);
    }

    id.data = (u_char *) idem->first;
    id.len = idem->first_len;

    return ngx_spocr_variable_text(v, &id);
}


/* A key that is known names its tenant in the log also when it is refused. */

static ngx_int_t
ngx_spocr_variable_identity(ngx_http_variable_value_t *v, ngx_spocr_ctx_t *ctx,
    uintptr_t data)
{
    const ngx_spocr_key_t  *key;

    key = ctx->auth.key;

    if (key == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    switch (data) {

    case NGX_SPOCR_VAR_UID:
        return ngx_spocr_variable_text(v, &key->tenant->uid);

    case NGX_SPOCR_VAR_KEY_ID:
        return ngx_spocr_variable_text(v, &key->id);

    default: /* NGX_SPOCR_VAR_PLAN */
        return ngx_spocr_variable_text(v, key->tenant->plan
                                          ? &key->tenant->plan->name : NULL);
    }
}


static ngx_int_t
ngx_spocr_variable_text(ngx_http_variable_value_t *v, const ngx_str_t *value)
{
    if (value == NULL || value->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = value->data;
    v->len = value->len & NGX_SPOCR_VAR_LEN_MAX;

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_variable_number(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uint64_t n)
{
    v->data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = (size_t) (ngx_sprintf(v->data, "%uL", n) - v->data)
             & NGX_SPOCR_VAR_LEN_MAX;

    return NGX_OK;
}


/* As $request_time is written: seconds, with three digits of milliseconds. */

static ngx_int_t
ngx_spocr_variable_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_msec_t ms)
{
    v->data = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = (size_t) (ngx_sprintf(v->data, "%T.%03M", (time_t) ms / 1000,
                                   ms % 1000)
                       - v->data)
             & NGX_SPOCR_VAR_LEN_MAX;

    return NGX_OK;
}
