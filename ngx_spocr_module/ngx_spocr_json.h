
/*
 * The only maker of error bytes: {"error":{...},"details":{...}}.
 *
 * Layer 0: no request, no clock, no I/O.
 */

#ifndef _NGX_SPOCR_JSON_H_INCLUDED_
#define _NGX_SPOCR_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_error.h"


/* No error body is longer: the registry's texts, two ids, one number. */
#define NGX_SPOCR_JSON_ERROR_MAX  384

/* A byte becomes six at most (\u00XX). */
#define NGX_SPOCR_JSON_EXPAND     6


/*
 * Writes an error body of at most NGX_SPOCR_JSON_ERROR_MAX bytes to buf and
 * returns its end.  request_id is 36 bytes of "req_..." (it needs no
 * escaping).  In the details: retry_after, seconds, or -1 where it is not said
 * (C-13); original, an id of the same form, or an empty string (C-26).
 */
u_char *ngx_spocr_json_error(u_char *buf, const ngx_spocr_error_t *error,
    const u_char *request_id, ngx_int_t retry_after,
    const ngx_str_t *original);

/*
 * Writes bytes as the inside of a JSON string and returns the end; dst has
 * room for NGX_SPOCR_JSON_EXPAND * len bytes.  Controls, quotes, backslashes
 * and bytes above 0x7e are escaped, the latter as U+FFFD, so that the outcome
 * is valid JSON whatever the bytes were.
 */
u_char *ngx_spocr_json_escape(u_char *dst, const u_char *src, size_t len);

/* Writes a number in decimal and returns the end; 20 bytes at most. */
u_char *ngx_spocr_json_uint(u_char *dst, uint64_t n);


#endif /* _NGX_SPOCR_JSON_H_INCLUDED_ */
