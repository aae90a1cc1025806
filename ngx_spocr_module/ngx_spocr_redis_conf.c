
/*
 * "spocr_redis" as nginx.conf has it; nginx calls this while it reads the
 * configuration.
 *
 * Invariant: what is wrong with the line is an error, with a message of its
 * own.  What is wrong with Redis, or with its name, is none: nginx starts
 * without it.
 */


#include "ngx_spocr_redis_link.h"


#define NGX_SPOCR_REDIS_TIME_MAX      60000     /* ms */
#define NGX_SPOCR_REDIS_PASSWORD_MAX  4096


/* The parameters that are files' names or texts, until all are read. */
typedef struct {
    ngx_str_t   timeout;
    ngx_str_t   connect_timeout;
    ngx_str_t   password_file;
    ngx_str_t   prefix;
    ngx_str_t   ca;
    ngx_str_t   cert;
    ngx_str_t   key;
    ngx_str_t   server_name;
    ngx_uint_t  given;                  /* bits, in the order of the table */
} ngx_spocr_redis_params_t;


typedef struct {
    ngx_str_t   name;                   /* with the '=' */
    size_t      offset;
} ngx_spocr_redis_param_t;


static char *ngx_spocr_redis_parameter(ngx_conf_t *cf, ngx_str_t *value,
    ngx_spocr_redis_params_t *params);
static char *ngx_spocr_redis_time(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, ngx_msec_t *ms);
static char *ngx_spocr_redis_prefix_set(ngx_conf_t *cf,
    ngx_spocr_redis_t *redis, ngx_str_t *prefix);
static char *ngx_spocr_redis_password(ngx_conf_t *cf,
    ngx_spocr_redis_t *redis, ngx_str_t *path);
static char *ngx_spocr_redis_password_read(ngx_conf_t *cf, ngx_file_t *file,
    ngx_str_t *password);
static char *ngx_spocr_redis_secure(ngx_conf_t *cf, ngx_spocr_redis_t *redis,
    ngx_spocr_redis_params_t *params);


static const ngx_spocr_redis_param_t  ngx_spocr_redis_params[] = {
    { ngx_string("timeout="), offsetof(ngx_spocr_redis_params_t, timeout) },
    { ngx_string("connect_timeout="),
      offsetof(ngx_spocr_redis_params_t, connect_timeout) },
    { ngx_string("password_file="),
      offsetof(ngx_spocr_redis_params_t, password_file) },
    { ngx_string("prefix="), offsetof(ngx_spocr_redis_params_t, prefix) },
    { ngx_string("ca="), offsetof(ngx_spocr_redis_params_t, ca) },
    { ngx_string("cert="), offsetof(ngx_spocr_redis_params_t, cert) },
    { ngx_string("key="), offsetof(ngx_spocr_redis_params_t, key) },
    { ngx_string("server_name="),
      offsetof(ngx_spocr_redis_params_t, server_name) },
    { ngx_null_string, 0 }
};


char *
ngx_spocr_redis_set(ngx_conf_t *cf, ngx_spocr_redis_t **conf)
{
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_spocr_redis_t         *redis;
    ngx_spocr_redis_params_t   params;

    if (*conf) {
        return "is duplicate";
    }

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_spocr_redis_t));
    if (redis == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&params, sizeof(ngx_spocr_redis_params_t));

    ngx_str_set(&params.timeout, "50ms");
    ngx_str_set(&params.connect_timeout, "200ms");
    ngx_str_set(&params.prefix, "spocr:");

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_spocr_redis_parameter(cf, &value[i], &params)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_spocr_redis_url(cf, redis, &value[1]) != NGX_CONF_OK
        || ngx_spocr_redis_time(cf, "timeout", &params.timeout,
                                &redis->timeout)
           != NGX_CONF_OK
        || ngx_spocr_redis_time(cf, "connect_timeout",
                                &params.connect_timeout,
                                &redis->connect_timeout)
           != NGX_CONF_OK
        || ngx_spocr_redis_prefix_set(cf, redis, &params.prefix)
           != NGX_CONF_OK
        || ngx_spocr_redis_password(cf, redis, &params.password_file)
           != NGX_CONF_OK
        || ngx_spocr_redis_secure(cf, redis, &params) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    *conf = redis;

    return NGX_CONF_OK;
}


static char *
ngx_spocr_redis_parameter(ngx_conf_t *cf, ngx_str_t *value,
    ngx_spocr_redis_params_t *params)
{
    ngx_str_t                      *param;
    ngx_uint_t                      bit;
    const ngx_spocr_redis_param_t  *p;

    bit = 1;

    for (p = ngx_spocr_redis_params; p->name.len; p++, bit <<= 1) {

        if (value->len < p->name.len
            || ngx_strncmp(value->data, p->name.data, p->name.len) != 0)
        {
            continue;
        }

        if (value->len == p->name.len) {
            return ngx_spocr_redis_bad(cf, "parameter \"%V\" has no value",
                                       value);
        }

        if (params->given & bit) {
            return ngx_spocr_redis_bad(cf, "duplicate parameter \"%V\"",
                                       value);
        }

        params->given |= bit;

        param = (ngx_str_t *) ((u_char *) params + p->offset);
        param->data = value->data + p->name.len;
        param->len = value->len - p->name.len;

        return NGX_CONF_OK;
    }

    return ngx_spocr_redis_bad(cf, "invalid parameter \"%V\"", value);
}


static char *
ngx_spocr_redis_time(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    ngx_msec_t *ms)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    if (n == NGX_ERROR || n == 0 || n > NGX_SPOCR_REDIS_TIME_MAX) {
        return ngx_spocr_redis_bad(cf, "invalid \"%s=%V\": from 1ms to 60s is "
                                   "expected", name, value);
    }

    *ms = (ngx_msec_t) n;

    return NGX_CONF_OK;
}


/* It becomes part of keys, of a channel, and of patterns in an ACL. */

static char *
ngx_spocr_redis_prefix_set(ngx_conf_t *cf, ngx_spocr_redis_t *redis,
    ngx_str_t *prefix)
{
    size_t  i;
    u_char  ch;

    for (i = 0; i < prefix->len; i++) {
        ch = prefix->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9')
            || ch == ':' || ch == '.' || ch == '_' || ch == '-')
        {
            continue;
        }

        break;
    }

    if (i < prefix->len || prefix->len > NGX_SPOCR_REDIS_PREFIX_MAX) {
        return ngx_spocr_redis_bad(cf, "invalid \"prefix=%V\": 1 to %d of "
                                   "letters, digits and \":._-\" are expected",
                                   prefix, NGX_SPOCR_REDIS_PREFIX_MAX);
    }

    redis->prefix = *prefix;

    return NGX_CONF_OK;
}


static char *
ngx_spocr_redis_password(ngx_conf_t *cf, ngx_spocr_redis_t *redis,
    ngx_str_t *path)
{
    char        *rv;
    ngx_file_t   file;

    if (path->len == 0) {

        if (redis->user.len) {
            return ngx_spocr_redis_bad(cf, "Redis' user \"%V\" needs "
                                       "\"password_file=\"", &redis->user);
        }

        return NGX_CONF_OK;
    }

    if (redis->user.len == 0) {
        ngx_str_set(&redis->user, "default");
    }

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = cf->log;

    if (ngx_conf_full_name(cf->cycle, &file.name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* a pipe would be waited for */

    file.fd = ngx_open_file(file.name.data,
                            NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &file.name);
        return NGX_CONF_ERROR;
    }

    rv = ngx_spocr_redis_password_read(cf, &file, &redis->password);

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", &file.name);
    }

    return rv;
}


static char *
ngx_spocr_redis_password_read(ngx_conf_t *cf, ngx_file_t *file,
    ngx_str_t *password)
{
    u_char     *buf, *p, *last;
    size_t      len;
    ssize_t     n;

    if (ngx_fd_info(file->fd, &file->info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", &file->name);
        return NGX_CONF_ERROR;
    }

    if (!ngx_is_file(&file->info)) {
        return ngx_spocr_redis_bad(cf, "password file \"%V\" is no file",
                                   &file->name);
    }

    if (ngx_file_access(&file->info) & (S_IRWXO|S_IWGRP)) {
        return ngx_spocr_redis_bad(cf, "password file \"%V\" is open to "
                                   "others: \"chmod 600\" closes it",
                                   &file->name);
    }

    buf = ngx_pnalloc(cf->pool, NGX_SPOCR_REDIS_PASSWORD_MAX + 2);
    if (buf == NULL) {
        return NGX_CONF_ERROR;
    }

    n = ngx_read_file(file, buf, NGX_SPOCR_REDIS_PASSWORD_MAX + 2, 0);

    if (n == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    last = buf + n;

    if (last > buf && last[-1] == LF) {
        last--;
    }

    if (last > buf && last[-1] == CR) {
        last--;
    }

    len = (size_t) (last - buf);

    if (len == 0 || len > NGX_SPOCR_REDIS_PASSWORD_MAX) {
        return ngx_spocr_redis_bad(cf, "password file \"%V\" must have one "
                                   "line of 1 to %d bytes", &file->name,
                                   NGX_SPOCR_REDIS_PASSWORD_MAX);
    }

    for (p = buf; p < last; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            return ngx_spocr_redis_bad(cf, "password file \"%V\" has more "
                                       "than one line, or a control "
                                       "character", &file->name);
        }
    }

    password->data = buf;
    password->len = len;

    return NGX_CONF_OK;
}


/* TLS, and the name that the certificate has to have. */

static char *
ngx_spocr_redis_secure(ngx_conf_t *cf, ngx_spocr_redis_t *redis,
    ngx_spocr_redis_params_t *params)
{
    if (!redis->tls) {

        if (params->ca.len || params->cert.len || params->key.len
            || params->server_name.len)
        {
            return ngx_spocr_redis_bad(cf, "\"ca=\", \"cert=\", \"key=\" and "
                                       "\"server_name=\" are for "
                                       "\"rediss://\" only");
        }

        return NGX_CONF_OK;
    }

    if ((params->cert.len != 0) != (params->key.len != 0)) {
        return ngx_spocr_redis_bad(cf, "\"cert=\" and \"key=\" belong "
                                   "together");
    }

    redis->ca = params->ca;
    redis->cert = params->cert;
    redis->key = params->key;
    redis->server_name = params->server_name;

    if (ngx_spocr_redis_tls_set(cf, redis) != NGX_CONF_OK) {

        /* OpenSSL's reason is in the log, without the place */

        return ngx_spocr_redis_bad(cf, "TLS to Redis cannot be prepared");
    }

    return NGX_CONF_OK;
}
