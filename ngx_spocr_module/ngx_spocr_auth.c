
/*
 * The auth step, and "spocr_keys" that feeds it.  The access handler calls
 * the step before it reads a byte of the body.  Invariant: what is answered
 * for an unknown, revoked, expired or disabled key is the same (C-7); only
 * the context's status, for logs and metrics, tells them apart.
 */


#include "ngx_spocr_auth.h"
#include "ngx_spocr_headers.h"
#include "ngx_spocr_keyfile.h"


static ngx_int_t ngx_spocr_auth_key(ngx_http_request_t *r,
    const ngx_spocr_auth_main_conf_t *amcf, ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict);
static char *ngx_spocr_auth_read(ngx_conf_t *cf,
    ngx_spocr_auth_main_conf_t *amcf, ngx_file_t *file);
static ssize_t ngx_spocr_auth_read_part(void *data, u_char *buf, size_t size);
static void *ngx_spocr_auth_alloc(void *data, size_t size);
static void ngx_spocr_auth_cleanup(void *data);
static ngx_int_t ngx_spocr_auth_challenge(ngx_http_request_t *r,
    ngx_uint_t malformed);


static const ngx_spocr_header_name_t  ngx_spocr_auth_challenge_name = {
    ngx_string("WWW-Authenticate"), ngx_string("www-authenticate"), 1
};

static const ngx_str_t  ngx_spocr_auth_challenge_missing =
    ngx_string("Bearer realm=\"space-ocr\"");

static const ngx_str_t  ngx_spocr_auth_challenge_malformed =
    ngx_string("Bearer realm=\"space-ocr\", error=\"invalid_token\"");


static const ngx_str_t  ngx_spocr_auth_statuses[] = {
    ngx_null_string,
    ngx_string("OFF"),
    ngx_string("OK"),
    ngx_string("MISSING"),
    ngx_string("MALFORMED"),
    ngx_string("UNKNOWN"),
    ngx_string("REVOKED"),
    ngx_string("EXPIRED"),
    ngx_string("DISABLED"),
    ngx_string("SCOPE")
};


char *
ngx_spocr_auth_keys(ngx_conf_t *cf, ngx_spocr_auth_main_conf_t *amcf)
{
    char             *rv;
    ngx_str_t        *value;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    value = cf->args->elts;

    if (amcf->keys) {
        return "is duplicate";
    }

    if (ngx_strncmp(value[1].data, "file=", 5) != 0 || value[1].len == 5) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"file=PATH\" is "
                           "expected", &value[1]);
        return NGX_CONF_ERROR;
    }

    amcf->file.data = value[1].data + 5;
    amcf->file.len = value[1].len - 5;

    if (ngx_conf_full_name(cf->cycle, &amcf->file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));
    file.name = amcf->file;
    file.log = cf->log;

    file.fd = ngx_open_file(file.name.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "spocr_keys \"%V\" cannot be opened", &file.name);
        return NGX_CONF_ERROR;
    }

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "spocr_keys \"%V\": fstat() failed", &file.name);
        rv = NGX_CONF_ERROR;

    } else if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "spocr_keys \"%V\" is not a file", &file.name);
        rv = NGX_CONF_ERROR;

    } else {
        if (ngx_file_access(&fi) & S_IROTH) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "spocr_keys \"%V\" is readable by everyone",
                               &file.name);
        }

        rv = ngx_spocr_auth_read(cf, amcf, &file);
    }

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           "spocr_keys \"%V\": close() failed", &file.name);
    }

    return rv;
}


void
ngx_spocr_auth_conf_finish(ngx_spocr_auth_conf_t *acf,
    const ngx_spocr_auth_main_conf_t *amcf)
{
    acf->scope_index = NGX_DECLINED;

    if (acf->scope.len && amcf->keys) {
        acf->scope_index = ngx_spocr_keys_scope_find(amcf->keys, &acf->scope);
    }
}


ngx_int_t
ngx_spocr_auth_step(ngx_http_request_t *r, const ngx_spocr_auth_conf_t *acf,
    const ngx_spocr_auth_main_conf_t *amcf, ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict)
{
    ngx_int_t  rc;

    if (!acf->enable) {

        if (ctx->status == NGX_SPOCR_AUTH_NONE) {
            ctx->status = NGX_SPOCR_AUTH_OFF;
        }

        return NGX_OK;
    }

    /* asked before, in the location that redirected here internally? */

    if (ctx->status != NGX_SPOCR_AUTH_OK
        && ctx->status != NGX_SPOCR_AUTH_SCOPE)
    {
        rc = ngx_spocr_auth_key(r, amcf, ctx, verdict);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!ngx_spocr_auth_in_scope(acf, ctx->key)) {
        ctx->status = NGX_SPOCR_AUTH_SCOPE;
        return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_INSUFFICIENT_SCOPE, -1,
                                NULL);
    }

    ctx->status = NGX_SPOCR_AUTH_OK;

    return NGX_OK;
}


ngx_uint_t
ngx_spocr_auth_in_scope(const ngx_spocr_auth_conf_t *acf,
    const ngx_spocr_key_t *key)
{
    return acf->scope.len == 0
           || ngx_spocr_key_has_scope(key, acf->scope_index);
}


const ngx_str_t *
ngx_spocr_auth_status(ngx_spocr_auth_e status)
{
    return &ngx_spocr_auth_statuses[status];
}


/* Finds the request's key; NGX_OK with status OK, or as the step returns. */

static ngx_int_t
ngx_spocr_auth_key(ngx_http_request_t *r,
    const ngx_spocr_auth_main_conf_t *amcf, ngx_spocr_auth_ctx_t *ctx,
    ngx_spocr_verdict_t *verdict)
{
    u_char             digest[NGX_SPOCR_DIGEST_LEN];
    ngx_str_t          text;
    ngx_table_elt_t   *h;
    ngx_spocr_token_e  token;

    ctx->key = NULL;

    h = r->headers_in.authorization;
    token = ngx_spocr_token_parse(h ? &h->value : NULL, &text);

    if (token != NGX_SPOCR_TOKEN_OK) {
        ctx->status = token == NGX_SPOCR_TOKEN_MISSING
                      ? NGX_SPOCR_AUTH_MISSING : NGX_SPOCR_AUTH_MALFORMED;

        if (ngx_spocr_auth_challenge(r, token == NGX_SPOCR_TOKEN_MALFORMED)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_UNAUTHORIZED, -1, NULL);
    }

    if (ngx_spocr_digest(amcf->digest, text.data, text.len, digest)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->key = ngx_spocr_keys_find(amcf->keys, digest);

    if (ctx->key == NULL) {
        ctx->status = NGX_SPOCR_AUTH_UNKNOWN;
        return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_FORBIDDEN, -1, NULL);
    }

    switch (ngx_spocr_key_check(ctx->key, ngx_time())) {

    case NGX_SPOCR_KEY_OK:
        ctx->status = NGX_SPOCR_AUTH_OK;
        return NGX_OK;

    case NGX_SPOCR_KEY_IS_REVOKED:
        ctx->status = NGX_SPOCR_AUTH_REVOKED;
        break;

    case NGX_SPOCR_KEY_IS_EXPIRED:
        ctx->status = NGX_SPOCR_AUTH_EXPIRED;
        break;

    default: /* NGX_SPOCR_KEY_IS_DISABLED */
        ctx->status = NGX_SPOCR_AUTH_DISABLED;
        break;
    }

    return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_FORBIDDEN, -1, NULL);
}


static char *
ngx_spocr_auth_read(ngx_conf_t *cf, ngx_spocr_auth_main_conf_t *amcf,
    ngx_file_t *file)
{
    ngx_pool_cleanup_t        *cln;
    ngx_spocr_keyfile_error_t  err;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf->digest = ngx_spocr_digest_create();
    if (amcf->digest == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "SHA-256 is not available");
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_spocr_auth_cleanup;
    cln->data = amcf->digest;

    amcf->keys = ngx_spocr_keyfile_read(ngx_spocr_auth_read_part, file,
                                        ngx_spocr_auth_alloc, cf->pool, &err);

    if (amcf->keys) {
        return NGX_CONF_OK;
    }

    if (err.line) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "spocr_keys \"%V\" line %ui: %s",
                           &file->name, err.line, err.text);
    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "spocr_keys \"%V\": %s",
                           &file->name, err.text);
    }

    return NGX_CONF_ERROR;
}


static ssize_t
ngx_spocr_auth_read_part(void *data, u_char *buf, size_t size)
{
    ngx_file_t  *file = data;

    ssize_t  n;

    do {
        n = read(file->fd, buf, size);
    } while (n == -1 && ngx_errno == NGX_EINTR);

    return n;
}


static void *
ngx_spocr_auth_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


static void
ngx_spocr_auth_cleanup(void *data)
{
    ngx_spocr_digest_destroy(data);
}


/* C-6: RFC 9110, 15.5.2 wants it on a 401; RFC 6750, 3.1 says in what words. */

static ngx_int_t
ngx_spocr_auth_challenge(ngx_http_request_t *r, ngx_uint_t malformed)
{
    ngx_table_elt_t  *h;

    h = ngx_spocr_header_add(&r->headers_out.headers,
                             &ngx_spocr_auth_challenge_name,
                             malformed ? &ngx_spocr_auth_challenge_malformed
                                       : &ngx_spocr_auth_challenge_missing);
    if (h == NULL) {
        return NGX_ERROR;
    }

    /* nginx takes it back where "satisfy any" lets the request in */

    r->headers_out.www_authenticate = h;

    return NGX_OK;
}
