
/*
 * Redis' protocol: the writer.  The calls and the link's handshake ask for room
 * first, and then write a command into it.
 *
 * Invariant: what is written is never longer than the room that was told for
 * the same words.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_redis_codec.h"


static u_char *ngx_spocr_redis_length(u_char *p, u_char type, size_t n);


size_t
ngx_spocr_redis_codec_room(const ngx_str_t *words, ngx_uint_t n, size_t max)
{
    size_t      room;
    ngx_uint_t  i;

    max = ngx_min(max, NGX_SPOCR_REDIS_LENGTH_MAX);

    if (n > NGX_SPOCR_REDIS_WORDS_MAX) {
        return 0;
    }

    room = sizeof("*99\r\n") - 1;

    for (i = 0; i < n; i++) {

        if (words[i].len > max) {
            return 0;
        }

        room += words[i].len + sizeof("$99999999\r\n\r\n") - 1;
    }

    return room <= max ? room : 0;
}


u_char *
ngx_spocr_redis_codec_write(u_char *p, const ngx_str_t *words, ngx_uint_t n)
{
    ngx_uint_t  i;

    p = ngx_spocr_redis_length(p, '*', n);

    for (i = 0; i < n; i++) {
        p = ngx_spocr_redis_length(p, '$', words[i].len);
        p = ngx_cpymem(p, words[i].data, words[i].len);
        *p++ = CR;
        *p++ = LF;
    }

    return p;
}


static u_char *
ngx_spocr_redis_length(u_char *p, u_char type, size_t n)
{
    u_char  digits[NGX_SIZE_T_LEN], *d;

    d = digits + sizeof(digits);

    do {
        *--d = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    *p++ = type;
    p = ngx_cpymem(p, d, (size_t) (digits + sizeof(digits) - d));
    *p++ = CR;
    *p++ = LF;

    return p;
}
