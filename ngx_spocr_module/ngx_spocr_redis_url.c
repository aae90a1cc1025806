
/*
 * The URL of "spocr_redis": where Redis is, as whom, which database.  Called
 * while nginx reads the configuration.
 *
 * Invariant: no message shows a URL that may have a password in it.
 */


#include "ngx_spocr_redis_link.h"


#define NGX_SPOCR_REDIS_DB_MAX  65535


static ngx_uint_t ngx_spocr_redis_url_secret(ngx_str_t *url);
static char *ngx_spocr_redis_url_unix(ngx_conf_t *cf,
    ngx_spocr_redis_t *redis, ngx_str_t *url);
static char *ngx_spocr_redis_url_inet(ngx_conf_t *cf,
    ngx_spocr_redis_t *redis, ngx_str_t *url, ngx_str_t *rest);
static char *ngx_spocr_redis_url_db(ngx_conf_t *cf, ngx_spocr_redis_t *redis,
    ngx_str_t *url, u_char *p, u_char *last);
static char *ngx_spocr_redis_addresses(ngx_conf_t *cf,
    ngx_spocr_redis_t *redis, ngx_str_t *url, ngx_str_t *where);


char *
ngx_spocr_redis_url(ngx_conf_t *cf, ngx_spocr_redis_t *redis, ngx_str_t *url)
{
    ngx_str_t  rest;

    if (ngx_strncmp(url->data, "unix:", 5) == 0) {
        return ngx_spocr_redis_url_unix(cf, redis, url);
    }

    /* before all else: what is wrong with a URL is told with the URL */

    if (ngx_spocr_redis_url_secret(url)) {
        return ngx_spocr_redis_bad(cf, "a password does not belong into the "
                                   "URL of \"spocr_redis\": use "
                                   "\"password_file=\"");
    }

    if (ngx_strncmp(url->data, "redis://", 8) == 0) {
        rest.data = url->data + 8;

    } else if (ngx_strncmp(url->data, "rediss://", 9) == 0) {
        rest.data = url->data + 9;
        redis->tls = 1;

    } else {
        return ngx_spocr_redis_bad(cf, "invalid Redis \"%V\": "
                                   "\"redis://[user@]host:port[/db]\", "
                                   "\"rediss://...\" or \"unix:PATH[:db]\" is "
                                   "expected", url);
    }

    rest.len = (size_t) (url->data + url->len - rest.data);

    return ngx_spocr_redis_url_inet(cf, redis, url, &rest);
}


/* A colon before an "@", but for the scheme's own, has a password behind it,
 * in whatever else it may be wrong. */

static ngx_uint_t
ngx_spocr_redis_url_secret(ngx_str_t *url)
{
    u_char  *p, *at;

    at = url->data + url->len;

    do {
        if (at == url->data) {
            return 0;
        }
    } while (*--at != '@');

    p = ngx_strlchr(url->data, at, ':');

    if (p && at - p > 2 && p[1] == '/' && p[2] == '/') {
        p = ngx_strlchr(p + 3, at, ':');
    }

    return p != NULL;
}


/* A colon with digits behind it is the database's. */

static char *
ngx_spocr_redis_url_unix(ngx_conf_t *cf, ngx_spocr_redis_t *redis,
    ngx_str_t *url)
{
    u_char     *p, *last;
    ngx_str_t   where;

    where = *url;
    last = url->data + url->len;

    for (p = last; p > url->data && p[-1] >= '0' && p[-1] <= '9'; p--) {
        /* void */
    }

    if (p > url->data + sizeof("unix:") - 1 && p[-1] == ':') {

        if (ngx_spocr_redis_url_db(cf, redis, url, p, last) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

        where.len = (size_t) (p - 1 - url->data);
    }

    redis->name = where;

    return ngx_spocr_redis_addresses(cf, redis, url, &where);
}


static char *
ngx_spocr_redis_url_inet(ngx_conf_t *cf, ngx_spocr_redis_t *redis,
    ngx_str_t *url, ngx_str_t *rest)
{
    u_char     *p, *last;
    ngx_str_t   where;

    last = rest->data + rest->len;
    where = *rest;

    p = ngx_strlchr(where.data, last, '@');

    if (p) {
        redis->user.data = where.data;
        redis->user.len = (size_t) (p - where.data);

        if (redis->user.len == 0) {
            return ngx_spocr_redis_bad(cf, "invalid Redis \"%V\": no user "
                                       "before the \"@\"", url);
        }

        where.data = p + 1;
    }

    p = ngx_strlchr(where.data, last, '/');

    if (p) {
        if (p + 1 < last
            && ngx_spocr_redis_url_db(cf, redis, url, p + 1, last)
               != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        last = p;
    }

    where.len = (size_t) (last - where.data);

    if (ngx_strncasecmp(where.data, (u_char *) "unix:", 5) == 0
        || ngx_strlchr(where.data, last, '?'))
    {
        return ngx_spocr_redis_bad(cf, "invalid Redis \"%V\"", url);
    }

    redis->name = where;

    return ngx_spocr_redis_addresses(cf, redis, url, &where);
}


static char *
ngx_spocr_redis_url_db(ngx_conf_t *cf, ngx_spocr_redis_t *redis,
    ngx_str_t *url, u_char *p, u_char *last)
{
    ngx_int_t  n;

    n = ngx_atoi(p, (size_t) (last - p));

    if (n == NGX_ERROR || n > NGX_SPOCR_REDIS_DB_MAX) {
        return ngx_spocr_redis_bad(cf, "invalid Redis \"%V\": the database is "
                                   "a number from 0 to %d", url,
                                   NGX_SPOCR_REDIS_DB_MAX);
    }

    redis->db = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


static char *
ngx_spocr_redis_addresses(ngx_conf_t *cf, ngx_spocr_redis_t *redis,
    ngx_str_t *url, ngx_str_t *where)
{
    ngx_url_t                u;
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_spocr_redis_addr_t  *addr;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *where;
    u.default_port = NGX_SPOCR_REDIS_PORT;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        return ngx_spocr_redis_bad(cf, "invalid Redis \"%V\": %s", url,
                                   u.err ? u.err : "no memory");
    }

    redis->host = u.host;
    redis->port = u.port;

    if (u.naddrs == 0) {

        /* a name: nginx can do without its address for now */

        redis->resolve = 1;

        ngx_memzero(&u, sizeof(ngx_url_t));

        u.url = *where;
        u.default_port = NGX_SPOCR_REDIS_PORT;

        rc = ngx_parse_url(cf->pool, &u);

        if (rc != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "Redis \"%V\": %s; nginx goes on without an "
                               "address, and asks its resolver, if it has "
                               "one", url, u.err ? u.err : "not resolved");
            return NGX_CONF_OK;
        }
    }

    redis->naddrs = ngx_min(u.naddrs, NGX_SPOCR_REDIS_ADDRS_MAX);

    for (i = 0; i < redis->naddrs; i++) {
        addr = &redis->addrs[i];

        ngx_memcpy(&addr->sockaddr, u.addrs[i].sockaddr, u.addrs[i].socklen);
        addr->socklen = u.addrs[i].socklen;
    }

    return NGX_CONF_OK;
}
