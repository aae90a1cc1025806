
/*
 * What is around a record's text: a seal, or a digest.
 *
 * Layer 0; private to the files of the record.
 */

#ifndef _NGX_SPOCR_RECORD_SEAL_H_INCLUDED_
#define _NGX_SPOCR_RECORD_SEAL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_record.h"


/* Bytes before the text, and around it. */
size_t ngx_spocr_record_before(const ngx_spocr_secrets_t *secrets);
size_t ngx_spocr_record_around(const ngx_spocr_secrets_t *secrets);

/*
 * Closes dst, which has len bytes of text where ngx_spocr_record_before() says.
 * NGX_OK or NGX_ERROR (OpenSSL).
 */
ngx_int_t ngx_spocr_record_close(const ngx_spocr_secrets_t *secrets,
    const ngx_spocr_record_owner_t *owner, u_char *dst, size_t len);

/*
 * The text of len bytes, in room.  NGX_OK; NGX_DECLINED, and *reason is why;
 * NGX_ERROR (OpenSSL).
 */
ngx_int_t ngx_spocr_record_open(const ngx_spocr_secrets_t *secrets,
    const ngx_spocr_record_owner_t *owner, const u_char *data, size_t len,
    u_char *room, ngx_str_t *text, const char **reason);


#endif /* _NGX_SPOCR_RECORD_SEAL_H_INCLUDED_ */
