/*
 * Ids and keys of what is stored.  Called by all of space/.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "ident.h"


int64_t
be_wall_ms(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


void
be_random(void *p, unsigned n)
{
    if (getrandom(p, n, 0) != (ssize_t) n) {
        fprintf(stderr, "spocr-backend: the system gives no random bytes\n");
        abort();
    }
}


void
be_id(char *out, const char *prefix)
{
    int             i, at;
    uint64_t        ms = (uint64_t) be_wall_ms();
    unsigned char   r[16];

    be_random(r, sizeof(r));

    for (i = 0; i < 6; i++) {
        r[i] = (unsigned char) (ms >> (40 - 8 * i));
    }

    r[6] = (unsigned char) (0x70 | (r[6] & 0x0F));
    r[8] = (unsigned char) (0x80 | (r[8] & 0x3F));

    at = snprintf(out, BE_ID_SIZE, "%.14s", prefix);

    for (i = 0; i < 16; i++, at += 2) {
        snprintf(out + at, 3, "%02x", r[i]);
    }
}


void
be_key_new(char *out)
{
    int                 i = 0;
    unsigned char       r;
    static const char   chars[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    while (i < BE_KEY_LEN) {
        be_random(&r, 1);

        /* 252 is the largest multiple of 36 in a byte: no letter is
         * likelier than another */

        if (r < 252 && (i > 0 || r % 36 < 26)) {
            out[i++] = chars[r % 36];
        }
    }

    out[i] = '\0';
}
