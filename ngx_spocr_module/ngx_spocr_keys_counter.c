
/*
 * The names of counters: of a key's id, a uid, a plan.
 *
 * Called by ngx_spocr_keys.c and ngx_spocr_keyrecord.c while they make records.
 *
 * Invariant: a name is hashed as it is compared, byte for byte.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_keys.h"


static ngx_int_t ngx_spocr_counter(ngx_spocr_digest_t *digest,
    const char *kind, const ngx_str_t *name, u_char *counter);


ngx_int_t
ngx_spocr_key_counter(ngx_spocr_digest_t *digest, const ngx_str_t *id,
    u_char *counter)
{
    return ngx_spocr_counter(digest, "k:", id, counter);
}


/* Redis' names of a uid's records begin with the same digest. */

ngx_int_t
ngx_spocr_uid_counter(ngx_spocr_digest_t *digest, const ngx_str_t *uid,
    u_char *counter)
{
    return ngx_spocr_counter(digest, "", uid, counter);
}


ngx_int_t
ngx_spocr_plan_counter(ngx_spocr_digest_t *digest, const ngx_str_t *name,
    u_char *counter)
{
    return ngx_spocr_counter(digest, "p:", name, counter);
}


static ngx_int_t
ngx_spocr_counter(ngx_spocr_digest_t *digest, const char *kind,
    const ngx_str_t *name, u_char *counter)
{
    u_char  text[2 + NGX_SPOCR_NAME_LEN_MAX], out[NGX_SPOCR_DIGEST_LEN];
    size_t  len;

    if (name->len > NGX_SPOCR_NAME_LEN_MAX) {
        return NGX_ERROR;
    }

    len = strlen(kind);
    memcpy(text, kind, len);
    memcpy(text + len, name->data, name->len);

    if (ngx_spocr_digest(digest, text, len + name->len, out) != NGX_OK) {
        return NGX_ERROR;
    }

    memcpy(counter, out, NGX_SPOCR_COUNTER_ID_LEN);

    return NGX_OK;
}
