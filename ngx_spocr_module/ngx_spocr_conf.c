
/*
 * The configuration: how it is made and merged, and what of it is refused or
 * warned of.  nginx calls this while it reads nginx.conf.  Invariant: what
 * would be silently unsafe does not start (contract, section 3).
 */


#include "ngx_spocr.h"


static void ngx_spocr_merge_switches(ngx_conf_t *cf,
    ngx_spocr_loc_conf_t *prev, ngx_spocr_loc_conf_t *conf);
static void ngx_spocr_warn_unused(ngx_conf_t *cf, ngx_spocr_loc_conf_t *conf);
static char *ngx_spocr_check_page(ngx_conf_t *cf,
    ngx_spocr_loc_conf_t *conf);
static char *ngx_spocr_check_gated(ngx_conf_t *cf,
    ngx_spocr_main_conf_t *smcf, ngx_spocr_loc_conf_t *conf);
static ngx_int_t ngx_spocr_remember_log(ngx_spocr_main_conf_t *smcf,
    ngx_log_t *error_log);


void *
ngx_spocr_create_main_conf(ngx_conf_t *cf)
{
    ngx_spocr_main_conf_t  *smcf;

    /* set by ngx_pcalloc(): zone, auth = NULL */

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_spocr_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    smcf->worker = ngx_pcalloc(cf->pool, sizeof(ngx_spocr_worker_t));
    if (smcf->worker == NULL) {
        return NULL;
    }

    if (ngx_spocr_idem_main_init(cf, &smcf->idem) != NGX_OK
        || ngx_array_init(&smcf->limit.specs, cf->pool, 8,
                       sizeof(ngx_spocr_limit_spec_t *))
        != NGX_OK
        || ngx_array_init(&smcf->logs, cf->pool, 4, sizeof(ngx_log_t *))
           != NGX_OK)
    {
        return NULL;
    }

    return smcf;
}


void *
ngx_spocr_create_loc_conf(ngx_conf_t *cf)
{
    ngx_spocr_loc_conf_t  *conf;

    /* set by ngx_pcalloc(): limit.spec, methods, cors, file = NULL */

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_spocr_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->enable = NGX_CONF_UNSET;
    conf->request_id_set = NGX_CONF_UNSET;
    conf->json_errors_set = NGX_CONF_UNSET;
    conf->log_level = NGX_CONF_UNSET_UINT;

    conf->auth.enable = NGX_CONF_UNSET;

    conf->limit.store = NGX_CONF_UNSET_UINT;
    conf->limit.on_error = NGX_CONF_UNSET_UINT;
    conf->limit.headers = NGX_CONF_UNSET_UINT;
    conf->limit.dry_run = NGX_CONF_UNSET;

    ngx_spocr_idem_conf_init(&conf->idem);
    ngx_spocr_body_init(&conf->body);

    return conf;
}


char *
ngx_spocr_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_spocr_loc_conf_t *prev = parent;
    ngx_spocr_loc_conf_t *conf = child;

    ngx_spocr_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_spocr_module);

    ngx_spocr_merge_switches(cf, prev, conf);

    if (!conf->enable) {
        ngx_spocr_warn_unused(cf, conf);
    }

    ngx_conf_merge_uint_value(conf->log_level, prev->log_level,
                              NGX_LOG_NOTICE);
    ngx_conf_merge_value(conf->auth.enable, prev->auth.enable, 1);
    ngx_conf_merge_str_value(conf->auth.scope, prev->auth.scope, "");

    if (conf->cors.origin == NULL) {
        conf->cors.origin = prev->cors.origin;
    }

    if (ngx_spocr_auth_conf_finish(cf, &conf->auth, &smcf->auth)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_spocr_methods_merge(&prev->methods, &conf->methods);
    ngx_spocr_body_merge(&prev->body, &conf->body);

    if (ngx_spocr_limit_merge(cf, &smcf->limit,
                              smcf->redis ? NGX_SPOCR_LIMIT_STORE_REDIS
                                          : NGX_SPOCR_LIMIT_STORE_ZONE,
                              &prev->limit, &conf->limit)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_spocr_idem_merge(cf, &prev->idem, &conf->idem) != NGX_CONF_OK
        || ngx_spocr_idem_remember(cf, &smcf->idem) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->page && conf->page != ngx_spocr_health_handler
        && smcf->zone == NULL)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"spocr_status\" needs \"spocr_zone\" in %V:%ui",
                      &conf->page_file, conf->page_line);
        return NGX_CONF_ERROR;
    }

    if (ngx_spocr_check_page(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return conf->enable ? ngx_spocr_check_gated(cf, smcf, conf) : NGX_CONF_OK;
}


/* "spocr" and the two that follow it where they are not set (C-38). */

static void
ngx_spocr_merge_switches(ngx_conf_t *cf, ngx_spocr_loc_conf_t *prev,
    ngx_spocr_loc_conf_t *conf)
{
    ngx_http_core_srv_conf_t  *cscf;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

    if (conf->enable == NGX_CONF_UNSET && prev->enable == 1
        && cscf->ctx->loc_conf[ngx_spocr_module.ctx_index] == conf)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "server \"%V\" in %s:%ui inherits \"spocr on\" from "
                      "%V:%ui", &cscf->server_name, cscf->file_name,
                      cscf->line, &prev->file, prev->line);
    }

    if (conf->enable == NGX_CONF_UNSET) {
        conf->file = prev->file;
        conf->line = prev->line;
    }

    ngx_conf_merge_value(conf->enable, prev->enable, 0);

    if (conf->request_id_set == NGX_CONF_UNSET) {
        conf->request_id_set = prev->request_id_set;
    }

    if (conf->json_errors_set == NGX_CONF_UNSET) {
        conf->json_errors_set = prev->json_errors_set;
    }

    conf->request_id = conf->request_id_set == NGX_CONF_UNSET
                       ? conf->enable : conf->request_id_set;
    conf->json_errors = conf->json_errors_set == NGX_CONF_UNSET
                        ? conf->enable : conf->json_errors_set;
}


/* What protects nothing is said, where a location alone has it. */

static void
ngx_spocr_warn_unused(ngx_conf_t *cf, ngx_spocr_loc_conf_t *conf)
{
    const char                *name;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_core_srv_conf_t  *cscf;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

    if (cscf->ctx->loc_conf[ngx_spocr_module.ctx_index] == conf) {

        /* a server's settings may be meant for its locations */

        return;
    }

    if (conf->auth.enable == 1) {
        name = "spocr_auth";

    } else if (conf->auth.scope.len) {
        name = "spocr_require_scope";

    } else if (conf->methods.names) {
        name = "spocr_methods";

    } else if (conf->limit.spec && conf->limit.spec->enable) {
        name = "spocr_limit";

    } else if (conf->idem.enable == NGX_SPOCR_IDEM_ON
               || conf->idem.enable == NGX_SPOCR_IDEM_REQUIRED)
    {
        name = "spocr_idempotency";

    } else {
        return;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "\"%s\" has no effect in location \"%V\", where \"spocr\" "
                  "is off, of the server in %s:%ui", name, &clcf->name,
                  cscf->file_name, cscf->line);
}


/* The last of two content handlers would win, without a word. */

static char *
ngx_spocr_check_page(ngx_conf_t *cf, ngx_spocr_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->page == NULL || clcf->handler == conf->page) {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "location \"%V\" has another content handler than the page "
                  "in %V:%ui", &clcf->name, &conf->page_file,
                  conf->page_line);

    return NGX_CONF_ERROR;
}


/* Keys and counters are needed where requests are gated. */

static char *
ngx_spocr_check_gated(ngx_conf_t *cf, ngx_spocr_main_conf_t *smcf,
    ngx_spocr_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_core_srv_conf_t  *cscf;

    if (conf->auth.enable && smcf->auth.keys == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"spocr on\" needs \"spocr_keys\" in %V:%ui",
                      &conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    if (smcf->zone == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"spocr on\" needs \"spocr_zone\" in %V:%ui",
                      &conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    if (conf->limit.store == NGX_SPOCR_LIMIT_STORE_REDIS) {

        if (smcf->redis == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"spocr_limit_store redis\" needs \"spocr_redis\" "
                          "in %V:%ui", &conf->file, conf->line);
            return NGX_CONF_ERROR;
        }

        if (conf->limit.on_error == NGX_SPOCR_LIMIT_ON_ERROR_DENY
            && conf->limit.spec->enable)
        {
            smcf->redis_needed = 1;
        }
    }

    if (ngx_spocr_idem_check(cf, &smcf->idem, &conf->idem,
                             smcf->redis != NULL, conf->auth.enable == 1,
                             &conf->file, conf->line)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->idem.enable != NGX_SPOCR_IDEM_OFF
        && conf->idem.on_error == NGX_SPOCR_IDEM_DENY)
    {
        smcf->records_needed = 1;
    }

    /* headers are parsed with the server's log, and logged with both */

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    clcf = cscf->ctx->loc_conf[ngx_http_core_module.ctx_index];

    if (ngx_spocr_remember_log(smcf, clcf->error_log) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    return ngx_spocr_remember_log(smcf, clcf->error_log) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_spocr_remember_log(ngx_spocr_main_conf_t *smcf, ngx_log_t *error_log)
{
    ngx_uint_t    i;
    ngx_log_t   **log;

    log = smcf->logs.elts;

    for (i = 0; i < smcf->logs.nelts; i++) {
        if (log[i] == error_log) {
            return NGX_OK;
        }
    }

    log = ngx_array_push(&smcf->logs);
    if (log == NULL) {
        return NGX_ERROR;
    }

    *log = error_log;

    return NGX_OK;
}


/* nginx writes header lines, keys among them, at info and debug (C-9). */

ngx_int_t
ngx_spocr_init_module(ngx_cycle_t *cycle)
{
    ngx_log_t              *log, **logs;
    ngx_uint_t              i;
    ngx_spocr_main_conf_t  *smcf;

    if (cycle->conf_ctx[ngx_http_module.index] == NULL) {
        return NGX_OK;
    }

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_spocr_module);
    logs = smcf->logs.elts;

    for (i = 0; i < smcf->logs.nelts; i++) {

        for (log = logs[i]; log; log = log->next) {

            if (log->log_level <= NGX_LOG_NOTICE) {
                continue;
            }

            ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                          "error_log \"%s\" is below notice where \"spocr\" "
                          "is on: nginx writes API keys to it",
                          log->file ? log->file->name.data : (u_char *) "");
        }
    }

    return NGX_OK;
}
