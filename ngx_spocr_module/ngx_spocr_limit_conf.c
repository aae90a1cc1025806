
/*
 * "spocr_limit" as nginx.conf has it; nginx calls this while it reads the
 * configuration.  Invariant: one name has one window, so that a counter's
 * name says how wide it is.
 */


#include "ngx_spocr_limit.h"


static ngx_uint_t ngx_spocr_limit_again(const ngx_str_t *value, ngx_uint_t i);
static char *ngx_spocr_limit_parameter(ngx_conf_t *cf, ngx_str_t *value,
    ngx_spocr_limit_spec_t *spec);
static char *ngx_spocr_limit_number(ngx_conf_t *cf, ngx_str_t *parameter,
    size_t prefix, uint32_t *limit);
static char *ngx_spocr_limit_conflict(ngx_conf_t *cf,
    ngx_spocr_limit_main_conf_t *lmcf, ngx_spocr_limit_spec_t *spec);
static char *ngx_spocr_limit_register(ngx_conf_t *cf,
    ngx_spocr_limit_main_conf_t *lmcf, ngx_spocr_limit_spec_t *spec);
static ngx_spocr_limit_spec_t *ngx_spocr_limit_spec(ngx_conf_t *cf);


char *
ngx_spocr_limit_set(ngx_conf_t *cf, ngx_spocr_limit_main_conf_t *lmcf,
    ngx_spocr_limit_conf_t *lcf)
{
    char                    *rv;
    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_spocr_limit_spec_t  *spec;

    if (lcf->spec) {
        return "is duplicate";
    }

    spec = ngx_spocr_limit_spec(cf);
    if (spec == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->spec = spec;
    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        spec->enable = 0;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_spocr_limit_again(value, i)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        rv = ngx_spocr_limit_parameter(cf, &value[i], spec);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (spec->limits.key != NGX_SPOCR_LIMIT_NONE
        && spec->limits.key > spec->limits.uid)
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the key limit %uD is above the uid limit %uD",
                           spec->limits.key, spec->limits.uid);
    }

    if (ngx_spocr_limit_conflict(cf, lmcf, spec) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_spocr_limit_register(cf, lmcf, spec);
}


/* The number of nodes belongs to the policy: they are inherited together. */

char *
ngx_spocr_limit_set_on_error(ngx_conf_t *cf, ngx_spocr_limit_conf_t *lcf)
{
    ngx_int_t    n;
    ngx_str_t   *value;
    ngx_uint_t   i;

    static const struct {
        ngx_str_t   name;
        ngx_uint_t  policy;
    } policies[] = {
        { ngx_string("local"), NGX_SPOCR_LIMIT_ON_ERROR_LOCAL },
        { ngx_string("deny"), NGX_SPOCR_LIMIT_ON_ERROR_DENY },
        { ngx_string("allow"), NGX_SPOCR_LIMIT_ON_ERROR_ALLOW }
    };

    if (lcf->on_error != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (value[1].len == policies[i].name.len
            && ngx_strcmp(value[1].data, policies[i].name.data) == 0)
        {
            lcf->on_error = policies[i].policy;
        }
    }

    if (lcf->on_error == NGX_CONF_UNSET_UINT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": \"local\", \"deny\" or "
                           "\"allow\" is expected", &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->nodes = 1;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    n = NGX_ERROR;

    if (lcf->on_error == NGX_SPOCR_LIMIT_ON_ERROR_LOCAL
        && ngx_strncmp(value[2].data, "nodes=", 6) == 0)
    {
        n = ngx_atoi(value[2].data + 6, value[2].len - 6);
    }

    if (n < 1 || n > NGX_SPOCR_LIMIT_NODES_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"local nodes=N\" with "
                           "a number from 1 to %d is expected", &value[2],
                           NGX_SPOCR_LIMIT_NODES_MAX);
        return NGX_CONF_ERROR;
    }

    lcf->nodes = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


char *
ngx_spocr_limit_merge(ngx_conf_t *cf, ngx_spocr_limit_main_conf_t *lmcf,
    ngx_uint_t store, ngx_spocr_limit_conf_t *prev,
    ngx_spocr_limit_conf_t *conf)
{
    if (conf->on_error == NGX_CONF_UNSET_UINT) {
        conf->nodes = prev->nodes ? prev->nodes : 1;
    }

    ngx_conf_merge_uint_value(conf->store, prev->store, store);
    ngx_conf_merge_uint_value(conf->on_error, prev->on_error,
                              NGX_SPOCR_LIMIT_ON_ERROR_LOCAL);
    ngx_conf_merge_uint_value(conf->headers, prev->headers,
                              NGX_SPOCR_LIMIT_HEADERS_OFF);
    ngx_conf_merge_value(conf->dry_run, prev->dry_run, 0);

    if (conf->spec) {
        return NGX_CONF_OK;
    }

    if (prev->spec == NULL) {

        /* nobody said anything: 60 and 600 a minute (C-13) */

        prev->spec = ngx_spocr_limit_spec(cf);
        if (prev->spec == NULL) {
            return NGX_CONF_ERROR;
        }

        if (ngx_spocr_limit_register(cf, lmcf, prev->spec) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    conf->spec = prev->spec;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_spocr_limit_conf_finish(ngx_spocr_limit_main_conf_t *lmcf,
    ngx_spocr_keys_t *keys)
{
    ngx_uint_t                i;
    ngx_spocr_limit_spec_t  **spec;

    spec = lmcf->specs.elts;

    for (i = 0; i < lmcf->specs.nelts; i++) {
        if (keys == NULL) {
            spec[i]->index = NGX_DECLINED;
            continue;
        }

        /* records that are read later find it there */

        spec[i]->index = ngx_spocr_keys_limit_name(keys, &spec[i]->name);

        if (spec[i]->index == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_spocr_limit_spec_t *
ngx_spocr_limit_spec(ngx_conf_t *cf)
{
    ngx_spocr_limit_spec_t  *spec;

    spec = ngx_pcalloc(cf->pool, sizeof(ngx_spocr_limit_spec_t));
    if (spec == NULL) {
        return NULL;
    }

    ngx_str_set(&spec->name, "default");
    spec->enable = 1;
    spec->limits.key = NGX_SPOCR_LIMIT_KEY_DEFAULT;
    spec->limits.uid = NGX_SPOCR_LIMIT_UID_DEFAULT;
    spec->window = NGX_SPOCR_LIMIT_WINDOW_DEFAULT;
    spec->file = cf->conf_file->file.name;
    spec->line = cf->conf_file->line;

    return spec;
}


/* Whether an argument before the i-th has the same name before its "=". */

static ngx_uint_t
ngx_spocr_limit_again(const ngx_str_t *value, ngx_uint_t i)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   k;

    p = (u_char *) ngx_strchr(value[i].data, '=');

    if (p == NULL) {
        return 0;
    }

    len = (size_t) (p - value[i].data) + 1;

    for (k = 1; k < i; k++) {
        if (value[k].len >= len
            && ngx_strncmp(value[k].data, value[i].data, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static char *
ngx_spocr_limit_parameter(ngx_conf_t *cf, ngx_str_t *value,
    ngx_spocr_limit_spec_t *spec)
{
    ngx_int_t  window;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "name=", 5) == 0) {
        spec->name.data = value->data + 5;
        spec->name.len = value->len - 5;

        if (!ngx_spocr_name_ok(spec->name.data, spec->name.len)
            || ngx_strcmp(spec->name.data, "key") == 0
            || ngx_strcmp(spec->name.data, "uid") == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid limit name \"%V\"", &spec->name);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "key=", 4) == 0) {
        return ngx_spocr_limit_number(cf, value, 4, &spec->limits.key);
    }

    if (ngx_strncmp(value->data, "uid=", 4) == 0) {
        return ngx_spocr_limit_number(cf, value, 4, &spec->limits.uid);
    }

    if (ngx_strncmp(value->data, "window=", 7) == 0) {
        s.data = value->data + 7;
        s.len = value->len - 7;

        window = ngx_parse_time(&s, 0);

        if (window == NGX_ERROR || window < 1000 || window > 31536000000) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid window \"%V\": from 1s to 365d is "
                               "expected", &s);
            return NGX_CONF_ERROR;
        }

        spec->window = (ngx_msec_t) window;

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       value);

    return NGX_CONF_ERROR;
}


static char *
ngx_spocr_limit_number(ngx_conf_t *cf, ngx_str_t *parameter, size_t prefix,
    uint32_t *limit)
{
    ngx_int_t  n;

    n = ngx_atoi(parameter->data + prefix, parameter->len - prefix);

    if (n == NGX_ERROR || n == 0 || n > NGX_SPOCR_LIMIT_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid limit \"%V\": a number from 1 to %d is "
                           "expected", parameter, NGX_SPOCR_LIMIT_MAX);
        return NGX_CONF_ERROR;
    }

    *limit = (uint32_t) n;

    return NGX_CONF_OK;
}


/*
 * The same limit may stand in many places, with other numbers, but with one
 * window: two would count the same requests in two ways.
 */

static char *
ngx_spocr_limit_conflict(ngx_conf_t *cf, ngx_spocr_limit_main_conf_t *lmcf,
    ngx_spocr_limit_spec_t *spec)
{
    ngx_uint_t                i;
    ngx_spocr_limit_spec_t  **other;

    other = lmcf->specs.elts;

    for (i = 0; i < lmcf->specs.nelts; i++) {

        if (other[i]->name.len != spec->name.len
            || ngx_strncmp(other[i]->name.data, spec->name.data,
                           spec->name.len)
               != 0
            || other[i]->window == spec->window)
        {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "limit \"%V\" has a window of %Mms here, and of "
                           "%Mms in %V:%ui", &spec->name, spec->window,
                           other[i]->window, &other[i]->file,
                           other[i]->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Remembers a limit, and gives it what its counters' names have of it. */

static char *
ngx_spocr_limit_register(ngx_conf_t *cf, ngx_spocr_limit_main_conf_t *lmcf,
    ngx_spocr_limit_spec_t *spec)
{
    u_char                    text[NGX_SPOCR_NAME_LEN_MAX + 32], *p;
    u_char                    out[NGX_SPOCR_DIGEST_LEN];
    ngx_int_t                 rc;
    ngx_spocr_digest_t       *digest;
    ngx_spocr_limit_spec_t  **place;

    p = ngx_snprintf(text, sizeof(text), "%V %M", &spec->name, spec->window);

    digest = ngx_spocr_digest_create();

    rc = digest ? ngx_spocr_digest(digest, text, (size_t) (p - text), out)
                : NGX_ERROR;

    ngx_spocr_digest_destroy(digest);

    if (rc != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "SHA-256 is not available");
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(spec->salt, out, sizeof(spec->salt));

    p = ngx_snprintf(text, sizeof(text), ":l:%V:%M:", &spec->name,
                     spec->window);

    spec->part.len = (size_t) (p - text);
    spec->part.data = ngx_pnalloc(cf->pool, spec->part.len);
    if (spec->part.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(spec->part.data, text, spec->part.len);

    place = ngx_array_push(&lmcf->specs);
    if (place == NULL) {
        return NGX_CONF_ERROR;
    }

    *place = spec;

    return NGX_CONF_OK;
}
