
/*
 * Which request targets are plain enough to be decided on and forwarded
 * (C-36): what the gateway protects must be what the backend runs.
 *
 * Layer 0: no request, no clock, no I/O.
 */

#ifndef _NGX_SPOCR_TARGET_H_INCLUDED_
#define _NGX_SPOCR_TARGET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Looks at the raw path and query of a request line, as the client sent them.
 * Returns NULL when they are plain, else the reason in a few words.
 */
const char *ngx_spocr_target_check(const u_char *target, size_t len);

/*
 * Whether the host of an absolute-form target and the Host header name the
 * same: the name without case, the port as text, none being equal to none.
 */
ngx_uint_t ngx_spocr_target_same_host(const ngx_str_t *a, const ngx_str_t *b);


#endif /* _NGX_SPOCR_TARGET_H_INCLUDED_ */
