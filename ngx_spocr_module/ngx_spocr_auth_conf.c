
/*
 * "spocr_keys", and the names of scopes.
 *
 * nginx calls this while it reads the configuration.  Invariant: a table of
 * keys is there as a whole, or the configuration is refused.
 */


#include "ngx_spocr_auth.h"
#include "ngx_spocr_keyfile.h"


#define NGX_SPOCR_AUTH_TTL           30000         /* ms */
#define NGX_SPOCR_AUTH_NEGATIVE_TTL  5000
#define NGX_SPOCR_AUTH_STALE         300000


/* What "redis" takes; numbers in ms. */

typedef struct {
    ngx_str_t    name;                             /* with its "=" */
    size_t       offset;
    ngx_msec_t   min;
    ngx_msec_t   max;
    const char  *range;                            /* for messages */
} ngx_spocr_auth_param_t;


static char *ngx_spocr_auth_redis(ngx_conf_t *cf,
    ngx_spocr_auth_main_conf_t *amcf);
static char *ngx_spocr_auth_param(ngx_conf_t *cf,
    ngx_spocr_lookup_conf_t *conf, ngx_str_t *arg);
static char *ngx_spocr_auth_open(ngx_conf_t *cf,
    ngx_spocr_auth_main_conf_t *amcf);
static char *ngx_spocr_auth_read(ngx_conf_t *cf,
    ngx_spocr_auth_main_conf_t *amcf, ngx_file_t *file);
static ssize_t ngx_spocr_auth_read_part(void *data, u_char *buf, size_t size);
static void *ngx_spocr_auth_alloc(void *data, size_t size);
static ngx_int_t ngx_spocr_auth_digest(ngx_conf_t *cf,
    ngx_spocr_auth_main_conf_t *amcf);
static void ngx_spocr_auth_cleanup(void *data);


static const ngx_spocr_auth_param_t  ngx_spocr_auth_params[] = {

    { ngx_string("ttl="), offsetof(ngx_spocr_lookup_conf_t, ttl),
      1000, 86400000, "from 1s to 1d" },

    { ngx_string("negative_ttl="),
      offsetof(ngx_spocr_lookup_conf_t, negative_ttl),
      0, 3600000, "from 0 to 1h" },

    { ngx_string("stale="), offsetof(ngx_spocr_lookup_conf_t, stale),
      0, (ngx_msec_t) 30 * 86400000, "from 0 to 30d" },

    { ngx_null_string, 0, 0, 0, NULL }
};


char *
ngx_spocr_auth_keys(ngx_conf_t *cf, ngx_spocr_auth_main_conf_t *amcf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (amcf->keys) {
        return "is duplicate";
    }

    if (ngx_strcmp(value[1].data, "redis") == 0) {
        return ngx_spocr_auth_redis(cf, amcf);
    }

    if (ngx_strncmp(value[1].data, "file=", 5) != 0 || value[1].len == 5) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"redis\" or "
                           "\"file=PATH\" is expected", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts > 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"file=PATH\" takes no "
                           "others", &value[2]);
        return NGX_CONF_ERROR;
    }

    amcf->file.data = value[1].data + 5;
    amcf->file.len = value[1].len - 5;

    if (ngx_spocr_auth_digest(cf, amcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_spocr_auth_open(cf, amcf);
}


/* A table of names only: keys come and go without the configuration. */

static char *
ngx_spocr_auth_redis(ngx_conf_t *cf, ngx_spocr_auth_main_conf_t *amcf)
{
    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_spocr_lookup_conf_t  *conf;

    value = cf->args->elts;
    conf = &amcf->conf;

    conf->ttl = NGX_CONF_UNSET_MSEC;
    conf->negative_ttl = NGX_CONF_UNSET_MSEC;
    conf->stale = NGX_CONF_UNSET_MSEC;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_spocr_auth_param(cf, conf, &value[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    ngx_conf_init_msec_value(conf->ttl, NGX_SPOCR_AUTH_TTL);
    ngx_conf_init_msec_value(conf->negative_ttl, NGX_SPOCR_AUTH_NEGATIVE_TTL);
    ngx_conf_init_msec_value(conf->stale, NGX_SPOCR_AUTH_STALE);

    if (ngx_spocr_auth_digest(cf, amcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    amcf->redis = 1;
    amcf->keys = ngx_spocr_keys_create(ngx_spocr_auth_alloc, cf->pool);

    if (amcf->keys == NULL || ngx_spocr_keys_finish(amcf->keys) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"spocr_keys redis\": memory is out");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_spocr_auth_param(ngx_conf_t *cf, ngx_spocr_lookup_conf_t *conf,
    ngx_str_t *arg)
{
    ngx_int_t                      ms;
    ngx_str_t                      text;
    ngx_msec_t                    *field;
    const ngx_spocr_auth_param_t  *param;

    for (param = ngx_spocr_auth_params; param->range; param++) {
        if (ngx_strncmp(arg->data, param->name.data, param->name.len) == 0) {
            break;
        }
    }

    if (param->range == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"ttl=\", "
                           "\"negative_ttl=\" or \"stale=\" is expected", arg);
        return NGX_CONF_ERROR;
    }

    field = (ngx_msec_t *) ((u_char *) conf + param->offset);

    if (*field != NGX_CONF_UNSET_MSEC) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" stands twice",
                           &param->name);
        return NGX_CONF_ERROR;
    }

    text.data = arg->data + param->name.len;
    text.len = arg->len - param->name.len;

    ms = ngx_parse_time(&text, 0);

    if (ms == NGX_ERROR
        || (ngx_msec_t) ms < param->min || (ngx_msec_t) ms > param->max)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time in \"%V\": %s is expected", arg,
                           param->range);
        return NGX_CONF_ERROR;
    }

    *field = (ngx_msec_t) ms;

    return NGX_CONF_OK;
}


char *
ngx_spocr_auth_conf_finish(ngx_conf_t *cf, ngx_spocr_auth_conf_t *acf,
    const ngx_spocr_auth_main_conf_t *amcf)
{
    acf->scope_index = NGX_DECLINED;

    if (acf->scope.len == 0 || amcf->keys == NULL) {
        return NGX_CONF_OK;
    }

    if (!amcf->redis) {
        acf->scope_index = ngx_spocr_keys_scope_find(amcf->keys, &acf->scope);
        return NGX_CONF_OK;
    }

    acf->scope_index = ngx_spocr_keys_scope(amcf->keys, &acf->scope);

    if (acf->scope_index < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d different scopes in "
                           "\"spocr_require_scope\"", NGX_SPOCR_NAMES_MAX);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_spocr_auth_open(ngx_conf_t *cf, ngx_spocr_auth_main_conf_t *amcf)
{
    char             *rv;
    ngx_file_t        file;
    ngx_file_info_t   fi;

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


static char *
ngx_spocr_auth_read(ngx_conf_t *cf, ngx_spocr_auth_main_conf_t *amcf,
    ngx_file_t *file)
{
    ngx_spocr_keyfile_error_t  err;

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


static ngx_int_t
ngx_spocr_auth_digest(ngx_conf_t *cf, ngx_spocr_auth_main_conf_t *amcf)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    amcf->digest = ngx_spocr_digest_create();
    if (amcf->digest == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "SHA-256 is not available");
        return NGX_ERROR;
    }

    cln->handler = ngx_spocr_auth_cleanup;
    cln->data = amcf->digest;

    return NGX_OK;
}


static void
ngx_spocr_auth_cleanup(void *data)
{
    ngx_spocr_digest_destroy(data);
}
