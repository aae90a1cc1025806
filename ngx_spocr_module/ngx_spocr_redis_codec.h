
/*
 * Redis' protocol (RESP2): words to the bytes of a command, bytes to messages.
 *
 * Layer 0 in spirit: no function of nginx, so that unit tests link it.
 *
 * hiredis reads; what is here gives it limits.  What Redis sends is not
 * trusted: the memory that it can take is bounded, and what is not of the
 * shape that a gateway's calls have is an error, after which the connection
 * can only be closed.  Commands are written by hand: it is a few lines, and
 * hiredis 0.14 takes fifteen times as long.
 */

#ifndef _NGX_SPOCR_REDIS_CODEC_H_INCLUDED_
#define _NGX_SPOCR_REDIS_CODEC_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_spocr_redis.h"


/* elements of an answer: HELLO has the most */
#define NGX_SPOCR_REDIS_ELEMENTS_MAX  32
#define NGX_SPOCR_REDIS_NESTED_MAX    512
#define NGX_SPOCR_REDIS_DEPTH_MAX     6

#define NGX_SPOCR_REDIS_BULK_MAX      65536     /* unless it is set */
#define NGX_SPOCR_REDIS_TEXT_MAX      262144    /* strings of one answer, but
                                                 * for the longest */
#define NGX_SPOCR_REDIS_KEEP_MAX      262144    /* memory that is kept */
#define NGX_SPOCR_REDIS_ERROR_MAX     256       /* what is kept of one */

#define NGX_SPOCR_REDIS_WORDS_MAX     99        /* of a command */
#define NGX_SPOCR_REDIS_COMMAND_MAX   65536     /* bytes of one, usually */
#define NGX_SPOCR_REDIS_LENGTH_MAX    99999999  /* and at most */


typedef struct ngx_spocr_redis_codec_s  ngx_spocr_redis_codec_t;


/*
 * One message.  An array's elements are values; a single status, string or
 * integer is values[0], and array is 0.  With an error there are no values.
 */
typedef struct {
    ngx_str_t                error;     /* data is NULL where it is none */
    ngx_uint_t               array;
    ngx_uint_t               nvalues;
    ngx_spocr_redis_value_t  values[NGX_SPOCR_REDIS_ELEMENTS_MAX];
} ngx_spocr_redis_message_t;


/* NULL when memory is out. */
ngx_spocr_redis_codec_t *ngx_spocr_redis_codec_create(void);
void ngx_spocr_redis_codec_destroy(ngx_spocr_redis_codec_t *codec);

/*
 * Whether an element of an array may be an array itself: it then becomes NIL,
 * and what is in it is skipped.  Not allowed at first.
 */
void ngx_spocr_redis_codec_nested(ngx_spocr_redis_codec_t *codec,
    ngx_uint_t allowed);

/* The longest string that is allowed, instead of 64 KB. */
void ngx_spocr_redis_codec_limit(ngx_spocr_redis_codec_t *codec, size_t max);

/* Bytes that have come: NGX_OK or NGX_ERROR. */
ngx_int_t ngx_spocr_redis_codec_feed(ngx_spocr_redis_codec_t *codec,
    const u_char *data, size_t len);

/*
 * The next message: NGX_OK, and *message is valid until the next call of
 * this or feed; NGX_AGAIN where more bytes are needed; NGX_ERROR where they
 * are no message that is allowed.
 */
ngx_int_t ngx_spocr_redis_codec_next(ngx_spocr_redis_codec_t *codec,
    const ngx_spocr_redis_message_t **message);

/* Bytes of memory that it holds for answers, at least. */
size_t ngx_spocr_redis_codec_held(const ngx_spocr_redis_codec_t *codec);

/* Why it was NGX_ERROR: a text that holds nothing of what was sent. */
const char *ngx_spocr_redis_codec_reason(const ngx_spocr_redis_codec_t *codec);

/*
 * The bytes of a command: room that is enough for them, or 0 where they are
 * more than max; and their end, when they are written.
 */
size_t ngx_spocr_redis_codec_room(const ngx_str_t *words, ngx_uint_t n,
    size_t max);
u_char *ngx_spocr_redis_codec_write(u_char *p, const ngx_str_t *words,
    ngx_uint_t n);


#endif /* _NGX_SPOCR_REDIS_CODEC_H_INCLUDED_ */
