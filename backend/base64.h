#ifndef BE_BASE64_H
#define BE_BASE64_H

#include <stddef.h>

/*
 * Strict RFC 4648 section 4: the standard alphabet, padding required, unused
 * bits zero, no line breaks.  The result is allocated.  NULL: not base64, *at
 * is the offset of the first wrong byte, or SIZE_MAX where memory ran out.
 */
unsigned char *be_base64_decode(const char *s, size_t len, size_t *outlen,
    size_t *at);

#endif
