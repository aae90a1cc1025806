
/*
 * Where Redis is.  The configuration resolves its name once; where nginx has
 * a resolver, the name is looked up again when a link was lost, beside the
 * attempts to connect to what is known.
 *
 * Invariant: no attempt waits for the resolver, so a silent one delays nothing
 * as long as one address is known.
 */


#include "ngx_spocr_redis_link.h"


#define NGX_SPOCR_REDIS_RESOLVE_EVERY  1000     /* ms */


static void ngx_spocr_redis_resolve_handler(ngx_resolver_ctx_t *ctx);


void
ngx_spocr_redis_resolve(ngx_spocr_redis_t *redis)
{
    ngx_resolver_ctx_t  *ctx;

    if (!redis->resolve
        || redis->resolving
        || (redis->resolved
            && ngx_current_msec - redis->resolved
               < NGX_SPOCR_REDIS_RESOLVE_EVERY))
    {
        return;
    }

    ctx = NGX_NO_RESOLVER;

    if (redis->context.resolver) {
        ctx = ngx_resolve_start(redis->context.resolver, NULL);
    }

    if (ctx == NULL) {
        return;
    }

    if (ctx == NGX_NO_RESOLVER) {
        redis->unresolved = "there is no \"resolver\"";
        return;
    }

    redis->unresolved = NULL;

    ctx->name = redis->host;
    ctx->handler = ngx_spocr_redis_resolve_handler;
    ctx->data = redis;
    ctx->timeout = redis->context.resolver_timeout;
    ctx->cancelable = 1;

    redis->resolving = ctx;
    redis->resolved = ngx_current_msec;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        redis->resolving = NULL;
    }
}


static void
ngx_spocr_redis_resolve_handler(ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t               i;
    ngx_spocr_redis_t       *redis;
    ngx_spocr_redis_addr_t  *addr;

    redis = ctx->data;
    redis->resolving = NULL;

    if (ctx->state) {
        redis->unresolved = ngx_resolver_strerror(ctx->state);

    } else {
        redis->naddrs = ngx_min(ctx->naddrs, NGX_SPOCR_REDIS_ADDRS_MAX);

        for (i = 0; i < redis->naddrs; i++) {
            addr = &redis->addrs[i];

            ngx_memcpy(&addr->sockaddr, ctx->addrs[i].sockaddr,
                       ctx->addrs[i].socklen);
            addr->socklen = ctx->addrs[i].socklen;

            ngx_inet_set_port(&addr->sockaddr.sockaddr, redis->port);
        }
    }

    ngx_resolve_name_done(ctx);
}


void
ngx_spocr_redis_resolve_cancel(ngx_spocr_redis_t *redis)
{
    if (redis->resolving) {
        ngx_resolve_name_done(redis->resolving);
        redis->resolving = NULL;
    }
}
