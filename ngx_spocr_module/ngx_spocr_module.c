
/*
 * The module as nginx sees it: its directives and its registration.  Nothing
 * here runs for a request.
 */


#include "ngx_spocr.h"


static ngx_int_t ngx_spocr_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_spocr_postconfiguration(ngx_conf_t *cf);

static char *ngx_spocr_set_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_redis(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_keys(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_switch(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_scope(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_on_error(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_methods(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_body_timeout(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_secret_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_store_header(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_spocr_set_page(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_conf_enum_t  ngx_spocr_log_levels[] = {
    { ngx_string("info"), NGX_LOG_INFO },
    { ngx_string("notice"), NGX_LOG_NOTICE },
    { ngx_string("warn"), NGX_LOG_WARN },
    { ngx_string("error"), NGX_LOG_ERR },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_spocr_commands[] = {

    { ngx_string("spocr_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_spocr_set_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_spocr_set_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr_keys"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1234,
      ngx_spocr_set_keys,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_spocr_set_switch,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, enable),
      NULL },

    { ngx_string("spocr_request_id"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, request_id_set),
      NULL },

    { ngx_string("spocr_json_errors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, json_errors_set),
      NULL },

    { ngx_string("spocr_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, auth.enable),
      NULL },

    { ngx_string("spocr_require_scope"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_spocr_set_scope,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr_methods"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_spocr_set_methods,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr_cors_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, cors.origin),
      NULL },

    { ngx_string("spocr_body_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_spocr_set_body_timeout,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_spocr_set_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr_limit_store"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, limit.store),
      &ngx_spocr_limit_store_names },

    { ngx_string("spocr_limit_on_error"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_spocr_set_on_error,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr_limit_headers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, limit.headers),
      &ngx_spocr_limit_headers_names },

    { ngx_string("spocr_limit_dry_run"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, limit.dry_run),
      NULL },

    { ngx_string("spocr_secret_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_spocr_set_secret_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr_upstream_secret_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_spocr_set_secret_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      1,
      NULL },

    { ngx_string("spocr_idempotency"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, idem.enable),
      &ngx_spocr_idem_enable_names },

    { ngx_string("spocr_idempotency_scope"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, idem.scope),
      &ngx_spocr_idem_scope_names },

    { ngx_string("spocr_idempotency_on_unknown"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, idem.on_unknown),
      &ngx_spocr_idem_on_unknown_names },

    { ngx_string("spocr_idempotency_on_error"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, idem.on_error),
      &ngx_spocr_idem_on_error_names },

    { ngx_string("spocr_idempotency_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, idem.ttl),
      NULL },

    { ngx_string("spocr_idempotency_lease"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, idem.lease),
      NULL },

    { ngx_string("spocr_idempotency_wait"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, idem.wait),
      NULL },

    { ngx_string("spocr_idempotency_max_body"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, idem.max_body),
      NULL },

    { ngx_string("spocr_idempotency_budget"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, idem.budget),
      NULL },

    { ngx_string("spocr_idempotency_capture_limit"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_spocr_main_conf_t, idem.capture_limit),
      NULL },

    { ngx_string("spocr_idempotency_store_header"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_spocr_set_store_header,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr_log_level"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_spocr_loc_conf_t, log_level),
      &ngx_spocr_log_levels },

    { ngx_string("spocr_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_spocr_set_page,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("spocr_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_spocr_set_page,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_spocr_module_ctx = {
    ngx_spocr_preconfiguration,            /* preconfiguration */
    ngx_spocr_postconfiguration,           /* postconfiguration */

    ngx_spocr_create_main_conf,            /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_spocr_create_loc_conf,             /* create location configuration */
    ngx_spocr_merge_loc_conf               /* merge location configuration */
};


ngx_module_t  ngx_spocr_module = {
    NGX_MODULE_V1,
    &ngx_spocr_module_ctx,                 /* module context */
    ngx_spocr_commands,                    /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_spocr_init_module,                 /* init module */
    ngx_spocr_init_process,                /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_spocr_exit_process,                /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_spocr_preconfiguration(ngx_conf_t *cf)
{
    return ngx_spocr_variables_add(cf);
}


static ngx_int_t
ngx_spocr_postconfiguration(ngx_conf_t *cf)
{
    ngx_spocr_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_spocr_module);

    if (ngx_spocr_limit_conf_finish(&smcf->limit, smcf->auth.keys) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "more than %d names of limits in the configuration and "
                      "the records", NGX_SPOCR_NAMES_MAX);
        return NGX_ERROR;
    }

    ngx_spocr_idem_finish(cf, &smcf->idem);

    if (ngx_spocr_process_conf(cf, smcf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_spocr_forward_init();
    ngx_spocr_filters_init();

    return ngx_spocr_pipeline_init(cf);
}


static char *
ngx_spocr_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_main_conf_t *smcf = conf;

    return ngx_spocr_zone_set(cf, &ngx_spocr_module, &smcf->zone);
}


static char *
ngx_spocr_set_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_main_conf_t *smcf = conf;

    smcf->redis_file = cf->conf_file->file.name;
    smcf->redis_line = cf->conf_file->line;

    return ngx_spocr_redis_set(cf, &smcf->redis);
}


static char *
ngx_spocr_set_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_main_conf_t *smcf = conf;

    smcf->keys_file = cf->conf_file->file.name;
    smcf->keys_line = cf->conf_file->line;

    return ngx_spocr_auth_keys(cf, &smcf->auth);
}


static char *
ngx_spocr_set_switch(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_loc_conf_t *slcf = conf;

    slcf->file = cf->conf_file->file.name;
    slcf->line = cf->conf_file->line;

    return ngx_conf_set_flag_slot(cf, cmd, conf);
}


static char *
ngx_spocr_set_scope(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_loc_conf_t *slcf = conf;

    ngx_str_t  *value;

    if (slcf->auth.scope.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {

        /* set, and none: what is above is not inherited */

        slcf->auth.scope.data = (u_char *) "";
        return NGX_CONF_OK;
    }

    if (!ngx_spocr_name_ok(value[1].data, value[1].len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid scope \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    slcf->auth.scope = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_spocr_set_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_loc_conf_t *slcf = conf;

    ngx_spocr_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_spocr_module);

    return ngx_spocr_limit_set(cf, &smcf->limit, &slcf->limit);
}


static char *
ngx_spocr_set_on_error(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_loc_conf_t *slcf = conf;

    return ngx_spocr_limit_set_on_error(cf, &slcf->limit);
}


static char *
ngx_spocr_set_methods(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_loc_conf_t *slcf = conf;

    return ngx_spocr_methods_set(cf, &slcf->methods);
}


static char *
ngx_spocr_set_body_timeout(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_loc_conf_t *slcf = conf;

    return ngx_spocr_body_set(cf, &slcf->body);
}


/* "spocr_secret_file", and with an offset "spocr_upstream_secret_file" */

static char *
ngx_spocr_set_secret_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_main_conf_t *smcf = conf;

    ngx_flag_t            *set;
    ngx_spocr_secrets_t  **secrets;

    set = cmd->offset ? &smcf->upstream_set : &smcf->idem.secret_set;
    secrets = cmd->offset ? &smcf->upstream : &smcf->idem.secrets;

    if (*set) {
        return "is duplicate";
    }

    *set = 1;

    return ngx_spocr_idem_secret_file(cf, secrets);
}


static char *
ngx_spocr_set_store_header(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_loc_conf_t *slcf = conf;

    return ngx_spocr_idem_store_header(cf, &slcf->idem);
}


/* "spocr_status json|prometheus", "spocr_health [ready]": content handlers. */

static char *
ngx_spocr_set_page(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_spocr_loc_conf_t *slcf = conf;

    ngx_str_t                 *value;
    ngx_http_handler_pt        handler;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "is incompatible with another content handler here";
    }

    value = cf->args->elts;

    if (ngx_strcmp(cmd->name.data, "spocr_health") == 0) {

        if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "ready") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\": \"ready\" or nothing is "
                               "expected", &value[1]);
            return NGX_CONF_ERROR;
        }

        handler = ngx_spocr_health_handler;
        slcf->ready = cf->args->nelts == 2;

    } else if (ngx_strcmp(value[1].data, "json") == 0) {
        handler = ngx_spocr_status_json_handler;

    } else if (ngx_strcmp(value[1].data, "prometheus") == 0) {
        handler = ngx_spocr_status_prometheus_handler;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": \"json\" or \"prometheus\" "
                           "is expected", &value[1]);
        return NGX_CONF_ERROR;
    }

    slcf->page = handler;
    slcf->page_file = cf->conf_file->file.name;
    slcf->page_line = cf->conf_file->line;

    clcf->handler = handler;

    return NGX_CONF_OK;
}
