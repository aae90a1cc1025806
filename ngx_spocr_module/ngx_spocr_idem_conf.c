
/*
 * The configuration of idempotency: values, files of secrets, and what is
 * refused because a request could then run twice, or be read by others.
 */


#include "ngx_spocr_idem.h"


#define NGX_SPOCR_IDEM_CAPTURE_LIMIT  (64 * 1024 * 1024)


static ngx_uint_t ngx_spocr_idem_is_never_stored(const ngx_str_t *name);
static void ngx_spocr_idem_defaults(ngx_spocr_idem_conf_t *prev,
    ngx_spocr_idem_conf_t *conf);
static ngx_http_upstream_conf_t *ngx_spocr_idem_upstream(ngx_conf_t *cf,
    const char *name);
static ngx_int_t ngx_spocr_idem_use(ngx_conf_t *cf,
    ngx_spocr_idem_main_conf_t *imcf);


ngx_conf_enum_t  ngx_spocr_idem_enable_names[] = {
    { ngx_string("off"), NGX_SPOCR_IDEM_OFF },
    { ngx_string("on"), NGX_SPOCR_IDEM_ON },
    { ngx_string("required"), NGX_SPOCR_IDEM_REQUIRED },
    { ngx_null_string, 0 }
};

ngx_conf_enum_t  ngx_spocr_idem_scope_names[] = {
    { ngx_string("uid"), NGX_SPOCR_IDEM_SCOPE_UID },
    { ngx_string("key"), NGX_SPOCR_IDEM_SCOPE_KEY },
    { ngx_null_string, 0 }
};

ngx_conf_enum_t  ngx_spocr_idem_on_unknown_names[] = {
    { ngx_string("deny"), NGX_SPOCR_IDEM_DENY },
    { ngx_string("retry"), NGX_SPOCR_IDEM_RETRY },
    { ngx_null_string, 0 }
};

ngx_conf_enum_t  ngx_spocr_idem_on_error_names[] = {
    { ngx_string("deny"), NGX_SPOCR_IDEM_DENY },
    { ngx_string("allow"), NGX_SPOCR_IDEM_ALLOW },
    { ngx_null_string, 0 }
};

static ngx_str_t  ngx_spocr_idem_stored[] = {
    ngx_string("Content-Type"),
    ngx_string("Location"),
    ngx_string("Content-Language"),
    ngx_string("Content-Disposition"),
    ngx_string("ETag")
};

static ngx_array_t  ngx_spocr_idem_stored_array = {
    ngx_spocr_idem_stored,
    sizeof(ngx_spocr_idem_stored) / sizeof(ngx_spocr_idem_stored[0]),
    sizeof(ngx_str_t),
    sizeof(ngx_spocr_idem_stored) / sizeof(ngx_spocr_idem_stored[0]),
    NULL
};

/* C-33: what is the connection's, the moment's, or one client's */

static const char  *ngx_spocr_idem_never[] = {
    "set-cookie", "date", "connection", "keep-alive", "proxy-authenticate",
    "www-authenticate", "te", "trailer", "transfer-encoding", "upgrade",
    "content-length", "content-encoding", "x-request-id", "retry-after",
    "server", "via", "age"
};


ngx_int_t
ngx_spocr_idem_main_init(ngx_conf_t *cf, ngx_spocr_idem_main_conf_t *imcf)
{
    imcf->capture_limit = NGX_CONF_UNSET_SIZE;

    imcf->worker = ngx_pcalloc(cf->pool, sizeof(ngx_spocr_idem_worker_t));

    if (imcf->worker == NULL
        || ngx_array_init(&imcf->upstreams, cf->pool, 4,
                          sizeof(ngx_spocr_idem_upstream_t))
           != NGX_OK
        || ngx_array_init(&imcf->servers, cf->pool, 4,
                          sizeof(ngx_http_core_srv_conf_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_spocr_idem_conf_init(ngx_spocr_idem_conf_t *icf)
{
    icf->enable = NGX_CONF_UNSET_UINT;
    icf->scope = NGX_CONF_UNSET_UINT;
    icf->on_unknown = NGX_CONF_UNSET_UINT;
    icf->on_error = NGX_CONF_UNSET_UINT;
    icf->ttl = NGX_CONF_UNSET_MSEC;
    icf->lease = NGX_CONF_UNSET_MSEC;
    icf->wait = NGX_CONF_UNSET_MSEC;
    icf->max_body = NGX_CONF_UNSET_SIZE;
    icf->budget = NGX_CONF_UNSET_SIZE;
    icf->headers = NULL;
}


char *
ngx_spocr_idem_secret_file(ngx_conf_t *cf, ngx_spocr_secrets_t **secrets)
{
    int           err;
    ngx_str_t    *value;
    ngx_uint_t    line;
    const char   *why;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        *secrets = NULL;
        return NGX_CONF_OK;
    }

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    *secrets = ngx_pcalloc(cf->pool, sizeof(ngx_spocr_secrets_t));
    if (*secrets == NULL) {
        return NGX_CONF_ERROR;
    }

    why = ngx_spocr_secrets_read(*secrets, (char *) value[1].data, &line,
                                 &err);

    if (why == NULL) {
        return NGX_CONF_OK;
    }

    if (line) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in \"%V\", line %ui",
                           why, &value[1], line);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err, "\"%V\": %s", &value[1],
                           why);
    }

    return NGX_CONF_ERROR;
}


char *
ngx_spocr_idem_store_header(ngx_conf_t *cf, ngx_spocr_idem_conf_t *icf)
{
    ngx_str_t   *value, *name;
    ngx_uint_t   i;

    if (icf->headers) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts - 1 > NGX_SPOCR_IDEM_HEADERS_MAX) {
        return "has too many names";
    }

    icf->headers = ngx_array_create(cf->pool, cf->args->nelts,
                                    sizeof(ngx_str_t));
    if (icf->headers == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_spocr_idem_is_never_stored(&value[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "header \"%V\" is never replayed", &value[i]);
            return NGX_CONF_ERROR;
        }

        name = ngx_array_push(icf->headers);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = value[i];
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_spocr_idem_is_never_stored(const ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(ngx_spocr_idem_never) / sizeof(char *); i++) {

        if (ngx_strcasecmp(name->data, (u_char *) ngx_spocr_idem_never[i])
            == 0)
        {
            return 1;
        }
    }

    return ngx_strncasecmp(name->data, (u_char *) "x-spocr-", 8) == 0
           || ngx_strncasecmp(name->data, (u_char *) "x-idempoten", 11) == 0
           || ngx_strncasecmp(name->data, (u_char *) "ratelimit", 9) == 0
           || ngx_strncasecmp(name->data, (u_char *) "x-ratelimit", 11) == 0;
}


static void
ngx_spocr_idem_defaults(ngx_spocr_idem_conf_t *prev,
    ngx_spocr_idem_conf_t *conf)
{
    ngx_conf_merge_uint_value(conf->enable, prev->enable, NGX_SPOCR_IDEM_OFF);
    ngx_conf_merge_uint_value(conf->scope, prev->scope,
                              NGX_SPOCR_IDEM_SCOPE_UID);
    ngx_conf_merge_uint_value(conf->on_unknown, prev->on_unknown,
                              NGX_SPOCR_IDEM_DENY);
    ngx_conf_merge_uint_value(conf->on_error, prev->on_error,
                              NGX_SPOCR_IDEM_DENY);
    ngx_conf_merge_msec_value(conf->ttl, prev->ttl, 86400000);
    ngx_conf_merge_msec_value(conf->lease, prev->lease, 120000);
    ngx_conf_merge_msec_value(conf->wait, prev->wait, 0);
    ngx_conf_merge_size_value(conf->max_body, prev->max_body, 1024 * 1024);
    ngx_conf_merge_size_value(conf->budget, prev->budget, 64 * 1024 * 1024);

    if (conf->headers == NULL) {
        conf->headers = prev->headers ? prev->headers
                                      : &ngx_spocr_idem_stored_array;
    }
}


char *
ngx_spocr_idem_merge(ngx_conf_t *cf, ngx_spocr_idem_conf_t *prev,
    ngx_spocr_idem_conf_t *conf)
{
    const char  *wrong;

    ngx_spocr_idem_defaults(prev, conf);

    wrong = NULL;

    if (conf->lease < 1000) {
        wrong = "\"spocr_idempotency_lease\" is below 1s";

    } else if (conf->ttl < conf->lease) {
        wrong = "\"spocr_idempotency_ttl\" is below "
                "\"spocr_idempotency_lease\"";

    } else if (conf->ttl > (ngx_msec_t) 31536000 * 1000) {
        wrong = "\"spocr_idempotency_ttl\" is above 365d";

    } else if (conf->max_body > NGX_SPOCR_IDEM_BODY_LIMIT) {
        wrong = "\"spocr_idempotency_max_body\" is above 16m";
    }

    if (wrong) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in %V:%ui", wrong,
                      &cf->conf_file->file.name, cf->conf_file->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* The first member of each of these modules' locations is an upstream's. */

static ngx_http_upstream_conf_t *
ngx_spocr_idem_upstream(ngx_conf_t *cf, const char *name)
{
    ngx_uint_t            i;
    ngx_http_conf_ctx_t  *ctx;

    ctx = cf->ctx;

    for (i = 0; cf->cycle->modules[i]; i++) {

        if (cf->cycle->modules[i]->type == NGX_HTTP_MODULE
            && ngx_strcmp(cf->cycle->modules[i]->name, name) == 0)
        {
            return ctx->loc_conf[cf->cycle->modules[i]->ctx_index];
        }
    }

    return NULL;
}


static const char  *ngx_spocr_idem_modules[] = {
    "ngx_http_proxy_module", "ngx_http_fastcgi_module",
    "ngx_http_uwsgi_module", "ngx_http_scgi_module",
    "ngx_http_grpc_module"
};


ngx_int_t
ngx_spocr_idem_remember(ngx_conf_t *cf, ngx_spocr_idem_main_conf_t *imcf)
{
    ngx_uint_t                  i;
    ngx_http_upstream_conf_t   *upstream;
    ngx_spocr_idem_upstream_t  *place;

    for (i = 0; i < sizeof(ngx_spocr_idem_modules) / sizeof(char *); i++) {

        upstream = ngx_spocr_idem_upstream(cf, ngx_spocr_idem_modules[i]);

        if (upstream == NULL) {
            continue;
        }

        place = ngx_array_push(&imcf->upstreams);
        if (place == NULL) {
            return NGX_ERROR;
        }

        place->upstream = upstream;
        place->server = ngx_http_conf_get_module_srv_conf(cf,
                                                        ngx_http_core_module);
    }

    return NGX_OK;
}


char *
ngx_spocr_idem_check(ngx_conf_t *cf, ngx_spocr_idem_main_conf_t *imcf,
    const ngx_spocr_idem_conf_t *icf, ngx_uint_t redis, ngx_uint_t auth,
    const ngx_str_t *file, ngx_uint_t line)
{
    ngx_uint_t                 i;
    const char                *wrong;
    ngx_http_upstream_conf_t  *upstream;
    ngx_http_core_loc_conf_t  *clcf;

    if (icf->enable == NGX_SPOCR_IDEM_OFF) {
        return NGX_CONF_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    wrong = NULL;

    if (!redis) {
        wrong = "needs \"spocr_redis\"";

    } else if (!auth) {
        wrong = "is on where \"spocr_auth\" is off";

    } else if (!imcf->secret_set) {
        wrong = "needs \"spocr_secret_file\", which may be \"off\"";

    } else {

        for (i = 0; i < sizeof(ngx_spocr_idem_modules) / sizeof(char *); i++) {

            upstream = ngx_spocr_idem_upstream(cf, ngx_spocr_idem_modules[i]);

            if (upstream
                && upstream->next_upstream
                   != NGX_CONF_UNSET_UINT
                && (upstream->next_upstream
                    & NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT))
            {
                wrong = "is on where a \"..._next_upstream\" is "
                        "\"non_idempotent\": requests could run twice";
            }
        }
    }

    if (wrong) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"spocr_idempotency\" %s, in location \"%V\", \"spocr "
                      "on\" in %V:%ui", wrong, &clcf->name, file, line);
        return NGX_CONF_ERROR;
    }

    return ngx_spocr_idem_use(cf, imcf) == NGX_OK ? NGX_CONF_OK
                                                  : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_spocr_idem_use(ngx_conf_t *cf, ngx_spocr_idem_main_conf_t *imcf)
{
    ngx_uint_t                  i;
    ngx_http_core_srv_conf_t   *cscf, **server;

    imcf->used = 1;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    server = imcf->servers.elts;

    for (i = 0; i < imcf->servers.nelts; i++) {
        if (server[i] == cscf) {
            return NGX_OK;
        }
    }

    server = ngx_array_push(&imcf->servers);
    if (server == NULL) {
        return NGX_ERROR;
    }

    *server = cscf;

    return NGX_OK;
}


/*
 * C-31, for all locations of a server: an error_page or a rewrite may lead a
 * claimed request from one to another.
 */

void
ngx_spocr_idem_finish(ngx_conf_t *cf, ngx_spocr_idem_main_conf_t *imcf)
{
    ngx_uint_t                  i, k, changed;
    ngx_http_core_srv_conf_t  **server;
    ngx_spocr_idem_upstream_t  *place;

    ngx_conf_init_size_value(imcf->capture_limit,
                             NGX_SPOCR_IDEM_CAPTURE_LIMIT);

    server = imcf->servers.elts;
    place = imcf->upstreams.elts;

    for (i = 0; i < imcf->servers.nelts; i++) {

        changed = 0;

        for (k = 0; k < imcf->upstreams.nelts; k++) {

            if (place[k].server == server[i]
                && !place[k].upstream->ignore_client_abort)
            {
                place[k].upstream->ignore_client_abort = 1;
                changed = 1;
            }
        }

        if (changed) {
            ngx_log_error(NGX_LOG_NOTICE, cf->log, 0,
                          "\"proxy_ignore_client_abort\" and its like are on "
                          "in server \"%V\" in %s:%ui, for "
                          "\"spocr_idempotency\"", &server[i]->server_name,
                          server[i]->file_name, server[i]->line);
        }
    }
}
