
/*
 * The methods step: the last that can refuse, after the limit, so that who
 * has no key learns nothing of a location.
 */


#include "ngx_spocr_methods.h"
#include "ngx_spocr_headers.h"


/* What a preflight is told where every method is taken. */
#define NGX_SPOCR_METHODS_ANY  "GET, HEAD, POST, PUT, PATCH, DELETE"


static ngx_int_t ngx_spocr_methods_add(ngx_spocr_methods_conf_t *mcf,
    const ngx_str_t *name);
static ngx_uint_t ngx_spocr_methods_has(const ngx_spocr_methods_conf_t *mcf,
    const ngx_str_t *name);
static ngx_uint_t ngx_spocr_methods_name_ok(const ngx_str_t *name);


static const ngx_spocr_header_name_t  ngx_spocr_methods_allow_name = {
    ngx_string("Allow"), ngx_string("allow"), 1
};

static const ngx_str_t  ngx_spocr_methods_get = ngx_string("GET");
static const ngx_str_t  ngx_spocr_methods_head = ngx_string("HEAD");


char *
ngx_spocr_methods_set(ngx_conf_t *cf, ngx_spocr_methods_conf_t *mcf)
{
    size_t      len;
    u_char     *p;
    ngx_str_t  *value, *name;
    ngx_uint_t  i;

    if (mcf->names) {
        return "is duplicate";
    }

    mcf->names = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (mcf->names == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {

        /* an empty list: any method, whatever is said above */

        ngx_str_set(&mcf->allow, NGX_SPOCR_METHODS_ANY);
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (!ngx_spocr_methods_name_ok(&value[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid method \"%V\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        if (ngx_spocr_methods_has(mcf, &value[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate method \"%V\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        if (ngx_spocr_methods_add(mcf, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    /* RFC 9110, 9.1: who takes GET takes HEAD */

    if (ngx_spocr_methods_has(mcf, &ngx_spocr_methods_get)
        && !ngx_spocr_methods_has(mcf, &ngx_spocr_methods_head)
        && ngx_spocr_methods_add(mcf, &ngx_spocr_methods_head) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    name = mcf->names->elts;
    len = 0;

    for (i = 0; i < mcf->names->nelts; i++) {
        len += name[i].len + sizeof(", ") - 1;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->allow.data = p;

    for (i = 0; i < mcf->names->nelts; i++) {
        if (i > 0) {
            *p++ = ',';
            *p++ = ' ';
        }

        p = ngx_cpymem(p, name[i].data, name[i].len);
    }

    mcf->allow.len = (size_t) (p - mcf->allow.data);

    return NGX_CONF_OK;
}


void
ngx_spocr_methods_merge(ngx_spocr_methods_conf_t *prev,
    ngx_spocr_methods_conf_t *conf)
{
    if (conf->names) {
        return;
    }

    if (prev->allow.len == 0) {
        ngx_str_set(&prev->allow, NGX_SPOCR_METHODS_ANY);
    }

    conf->names = prev->names;
    conf->allow = prev->allow;
}


ngx_int_t
ngx_spocr_methods_step(ngx_http_request_t *r, ngx_spocr_methods_conf_t *mcf,
    ngx_spocr_verdict_t *verdict)
{
    if (mcf->names == NULL
        || mcf->names->nelts == 0
        || ngx_spocr_methods_has(mcf, &r->method_name))
    {
        return NGX_OK;
    }

    return ngx_spocr_refuse(verdict, NGX_SPOCR_ERR_METHOD_NOT_ALLOWED, -1,
                            NULL);
}


ngx_int_t
ngx_spocr_methods_header(ngx_http_request_t *r, const ngx_str_t *allow)
{
    return ngx_spocr_header_replace(&r->headers_out.headers,
                                    &ngx_spocr_methods_allow_name, allow);
}


static ngx_int_t
ngx_spocr_methods_add(ngx_spocr_methods_conf_t *mcf, const ngx_str_t *name)
{
    ngx_str_t  *place;

    place = ngx_array_push(mcf->names);
    if (place == NULL) {
        return NGX_ERROR;
    }

    *place = *name;

    return NGX_OK;
}


static ngx_uint_t
ngx_spocr_methods_has(const ngx_spocr_methods_conf_t *mcf,
    const ngx_str_t *name)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    known = mcf->names->elts;

    for (i = 0; i < mcf->names->nelts; i++) {
        if (known[i].len == name->len
            && ngx_strncmp(known[i].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_spocr_methods_name_ok(const ngx_str_t *name)
{
    size_t  i;

    for (i = 0; i < name->len; i++) {
        if ((name->data[i] < 'A' || name->data[i] > 'Z')
            && name->data[i] != '-' && name->data[i] != '_')
        {
            return 0;
        }
    }

    return name->len > 0;
}
