
/*
 * What a key may do: its state, its scopes, its limits.
 *
 * Called by the module for each request that has a known key, and by
 * spocrctl.
 *
 * Invariant: reads records and changes nothing.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keys.h"


static void ngx_spocr_limits_take(const ngx_spocr_limits_set_t *set,
    ngx_int_t name, ngx_uint_t with_key, ngx_uint_t with_uid,
    ngx_spocr_limits_t *limits);


ngx_spocr_key_e
ngx_spocr_key_check(const ngx_spocr_key_t *key, int64_t now)
{
    if (key->flags & NGX_SPOCR_KEY_REVOKED) {
        return NGX_SPOCR_KEY_IS_REVOKED;
    }

    if ((key->flags | key->tenant->flags) & NGX_SPOCR_KEY_DISABLED) {
        return NGX_SPOCR_KEY_IS_DISABLED;
    }

    if (key->expires && now >= key->expires) {
        return NGX_SPOCR_KEY_IS_EXPIRED;
    }

    return NGX_SPOCR_KEY_OK;
}


ngx_uint_t
ngx_spocr_key_has_scope(const ngx_spocr_key_t *key, ngx_int_t scope)
{
    if (key->flags & NGX_SPOCR_KEY_ALL_SCOPES) {
        return 1;
    }

    if (scope < 0 || scope >= NGX_SPOCR_NAMES_MAX) {
        return 0;
    }

    return (key->scopes >> scope) & 1;
}


void
ngx_spocr_key_limits(const ngx_spocr_key_t *key, ngx_int_t name,
    const ngx_spocr_limits_t *directive, ngx_spocr_limits_t *limits)
{
    ngx_spocr_tenant_t  *tenant;

    tenant = key->tenant;

    limits->key = NGX_SPOCR_LIMIT_UNSET;
    limits->uid = NGX_SPOCR_LIMIT_UNSET;

    /* keys of one uid could lift its limit otherwise: the key's own only */

    ngx_spocr_limits_take(key->limits, name, 1, 0, limits);
    ngx_spocr_limits_take(tenant->limits, name, 1, 1, limits);

    if (tenant->plan) {
        ngx_spocr_limits_take(tenant->plan->limits, name, 1, 1, limits);
    }

    if (limits->key == NGX_SPOCR_LIMIT_UNSET) {
        limits->key = directive->key;
    }

    if (limits->uid == NGX_SPOCR_LIMIT_UNSET) {
        limits->uid = directive->uid;
    }
}


/* Fills what is still unset with what a record says under that name. */

static void
ngx_spocr_limits_take(const ngx_spocr_limits_set_t *set, ngx_int_t name,
    ngx_uint_t with_key, ngx_uint_t with_uid, ngx_spocr_limits_t *limits)
{
    uint32_t                   i;
    const ngx_spocr_limits_t  *found;

    if (set == NULL || name < 0) {
        return;
    }

    found = (name == 0) ? &set->main : NULL;

    for (i = 0; name > 0 && i < set->nnamed; i++) {
        if (set->named[i].name == (uint32_t) name) {
            found = &set->named[i].limits;
            break;
        }
    }

    if (found == NULL) {
        return;
    }

    if (with_key && limits->key == NGX_SPOCR_LIMIT_UNSET) {
        limits->key = found->key;
    }

    if (with_uid && limits->uid == NGX_SPOCR_LIMIT_UNSET) {
        limits->uid = found->uid;
    }
}


ngx_uint_t
ngx_spocr_name_ok(const u_char *data, size_t len)
{
    u_char  ch;
    size_t  i;

    if (len == 0 || len > NGX_SPOCR_NAME_LEN_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        ch = data[i];

        if ((ch >= 'a' && ch <= 'z')
            || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9'))
        {
            continue;
        }

        if (i == 0 || ch == '\0' || strchr("._:@-", ch) == NULL) {
            return 0;
        }
    }

    return 1;
}
