
/*
 * TLS to Redis, by nginx's own: prepared while the configuration is read,
 * begun by a link whose connection stands.
 *
 * Invariant: no byte of ours leaves before the certificate was found to be
 * valid for the name that the URL, or server_name=, has.
 */


#include "ngx_spocr_redis_link.h"


#if (NGX_SSL)

static char *ngx_spocr_redis_tls_name(ngx_conf_t *cf,
    ngx_spocr_redis_t *redis);
static ngx_int_t ngx_spocr_redis_tls_begin(ngx_spocr_redis_link_t *link);
static void ngx_spocr_redis_tls_done(ngx_connection_t *c);
static ngx_int_t ngx_spocr_redis_tls_verify(ngx_spocr_redis_link_t *link);
static ngx_int_t ngx_spocr_redis_tls_is_for(ngx_spocr_redis_t *redis,
    ngx_connection_t *c);


char *
ngx_spocr_redis_tls_set(ngx_conf_t *cf, ngx_spocr_redis_t *redis)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NGX_CONF_ERROR;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (redis->cert.len
        && ngx_ssl_certificate(cf, ssl, &redis->cert, &redis->key, NULL)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (redis->ca.len) {
        if (ngx_ssl_trusted_certificate(cf, ssl, &redis->ca, 9) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

    } else if (SSL_CTX_set_default_verify_paths(ssl->ctx) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_CONF_ERROR;
    }

    redis->ssl = ssl;

    return ngx_spocr_redis_tls_name(cf, redis);
}


/* What the certificate has to be for: server_name=, or the URL's host. */

static char *
ngx_spocr_redis_tls_name(ngx_conf_t *cf, ngx_spocr_redis_t *redis)
{
    u_char     *p;
    ngx_str_t   name;

    name = redis->server_name;

    if (name.len == 0) {
        name = redis->host;
        redis->server_is_addr = !redis->resolve;

        if (name.len > 2 && name.data[0] == '[') {
            name.data++;
            name.len -= 2;
        }
    }

    p = ngx_pnalloc(cf->pool, name.len + 1);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    redis->server_name.data = p;
    redis->server_name.len = name.len;

    p = ngx_cpymem(p, name.data, name.len);
    *p = '\0';

    return NGX_CONF_OK;
}


void
ngx_spocr_redis_tls_start(ngx_spocr_redis_link_t *link)
{
    if (ngx_spocr_redis_tls_begin(link) != NGX_OK) {
        ngx_spocr_redis_link_why(link, "TLS cannot begin");
        ngx_spocr_redis_link_fail(link);
    }
}


static ngx_int_t
ngx_spocr_redis_tls_begin(ngx_spocr_redis_link_t *link)
{
    ngx_int_t           rc;
    ngx_connection_t   *c;
    ngx_spocr_redis_t  *redis;

    redis = link->redis;
    c = link->peer.connection;

    c->pool = ngx_create_pool(1024, ngx_cycle->log);
    if (c->pool == NULL) {
        return NGX_ERROR;
    }

    if (ngx_ssl_create_connection(redis->ssl, c, NGX_SSL_CLIENT) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!redis->server_is_addr
        && SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) redis->server_name.data)
           == 0)
    {
        return NGX_ERROR;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_spocr_redis_tls_done;
        return NGX_OK;
    }

    ngx_spocr_redis_tls_done(c);

    return NGX_OK;
}


static void
ngx_spocr_redis_tls_done(ngx_connection_t *c)
{
    ngx_spocr_redis_link_t  *link;

    link = c->data;

    if (!c->ssl->handshaked) {
        ngx_spocr_redis_link_why(link, "the TLS handshake failed");
        ngx_spocr_redis_link_fail(link);
        return;
    }

    if (ngx_spocr_redis_tls_verify(link) != NGX_OK) {
        ngx_spocr_redis_link_fail(link);
        return;
    }

    ngx_spocr_redis_link_connected(link);
}


static ngx_int_t
ngx_spocr_redis_tls_verify(ngx_spocr_redis_link_t *link)
{
    long               rc;
    ngx_connection_t  *c;

    c = link->peer.connection;

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        ngx_spocr_redis_link_why(link, "its certificate is not trusted (%l: "
                                 "%s)", rc, X509_verify_cert_error_string(rc));
        return NGX_ERROR;
    }

    if (ngx_spocr_redis_tls_is_for(link->redis, c) != NGX_OK) {
        ngx_spocr_redis_link_why(link, "its certificate is not for \"%V\"",
                                 &link->redis->server_name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_redis_tls_is_for(ngx_spocr_redis_t *redis, ngx_connection_t *c)
{
    int    rc;
    X509  *cert;

    if (!redis->server_is_addr) {
        return ngx_ssl_check_host(c, &redis->server_name);
    }

    cert = SSL_get1_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return NGX_ERROR;
    }

    rc = X509_check_ip_asc(cert, (char *) redis->server_name.data, 0);

    X509_free(cert);

    return rc == 1 ? NGX_OK : NGX_ERROR;
}


/* Nothing is waited for: a "close notify" that cannot leave is left out. */

void
ngx_spocr_redis_tls_stop(ngx_connection_t *c)
{
    if (c->ssl == NULL) {
        return;
    }

    c->ssl->no_wait_shutdown = 1;

    if (ngx_ssl_shutdown(c) == NGX_AGAIN) {
        c->ssl->no_send_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }
}


#else


char *
ngx_spocr_redis_tls_set(ngx_conf_t *cf, ngx_spocr_redis_t *redis)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"rediss:\" needs an nginx that has TLS");
    return NGX_CONF_ERROR;
}


void
ngx_spocr_redis_tls_start(ngx_spocr_redis_link_t *link)
{
}


void
ngx_spocr_redis_tls_stop(ngx_connection_t *c)
{
}

#endif
