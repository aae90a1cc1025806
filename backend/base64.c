/*
 * Strict base64.  Pure.  Used by the request parser.
 */

#include <stdint.h>
#include <stdlib.h>

#include "base64.h"


static int
be_base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '+' ? 62 : c == '/' ? 63 : -1;
}


unsigned char *
be_base64_decode(const char *s, size_t len, size_t *outlen, size_t *at)
{
    int             v, pad = 0;
    size_t          i, n = 0, chars = 0;
    unsigned        acc = 0;
    unsigned char  *out;

    out = malloc(len / 4 * 3 + 4);
    if (out == NULL) {
        *at = SIZE_MAX;
        return NULL;
    }

    for (i = 0; i < len; i++) {
        if (s[i] == '=') {
            chars++;

            /* "=" stands third with a fourth to come, or fourth; the bits
             * that the padding leaves over must be zero */

            if ((chars & 3) == 3) {
                if (acc & 0xF) {
                    goto bad;
                }
                out[n++] = (unsigned char) (acc >> 4);

            } else if ((chars & 3) == 0) {
                if (pad == 0) {
                    if (acc & 0x3) {
                        goto bad;
                    }
                    out[n++] = (unsigned char) (acc >> 10);
                    out[n++] = (unsigned char) (acc >> 2);
                }

            } else {
                goto bad;
            }

            pad++;
            continue;
        }

        v = be_base64_value(s[i]);
        if (v < 0 || pad) {
            goto bad;
        }

        acc = acc << 6 | (unsigned) v;

        if ((++chars & 3) == 0) {
            out[n++] = (unsigned char) (acc >> 16);
            out[n++] = (unsigned char) (acc >> 8);
            out[n++] = (unsigned char) acc;
            acc = 0;
        }
    }

    if (chars & 3) {
        goto bad;
    }

    *outlen = n;
    *at = 0;

    return out;

bad:

    free(out);
    *at = i;

    return NULL;
}
