
/*
 * Redis' protocol: hiredis' reader, with limits.  The link feeds it what it
 * reads, and asks for one message after the other.
 *
 * Invariant: there is one message at a time, in memory of the codec's own;
 * hiredis' reader calls the functions below for each element of it, and what
 * they return it only compares with NULL.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdlib.h>
#include <hiredis/hiredis.h>
#include "ngx_spocr_redis_codec.h"


#define NGX_SPOCR_REDIS_TEXT_INITIAL  4096


#if (HIREDIS_MAJOR >= 1)
typedef size_t  ngx_spocr_redis_elements_t;
#else
typedef int     ngx_spocr_redis_elements_t;
#endif


struct ngx_spocr_redis_codec_s {
    redisReader                *reader;
    ngx_spocr_redis_message_t   message;

    /*
     * The strings' bytes, each behind the one before: the reader moves its
     * own buffer while an array is incomplete.
     */
    u_char                     *text;
    size_t                      used;
    size_t                      size;
    size_t                      offsets[NGX_SPOCR_REDIS_ELEMENTS_MAX];

    size_t                      bulk;       /* bytes of a string */
    size_t                      peak;       /* of the reader's buffer */

    const char                 *reason;
    ngx_uint_t                  skipped;    /* nested elements so far */
    unsigned                    nested:1;
    unsigned                    given:1;    /* the message was, as a whole */
};


static void *ngx_spocr_redis_on_string(const redisReadTask *task, char *data,
    size_t len);
static void *ngx_spocr_redis_on_array(const redisReadTask *task,
    ngx_spocr_redis_elements_t n);
static void *ngx_spocr_redis_on_integer(const redisReadTask *task,
    long long n);
static void *ngx_spocr_redis_on_nil(const redisReadTask *task);
static void ngx_spocr_redis_on_free(void *object);
#if (HIREDIS_MAJOR >= 1)
static void *ngx_spocr_redis_on_double(const redisReadTask *task, double n,
    char *data, size_t len);
static void *ngx_spocr_redis_on_bool(const redisReadTask *task, int n);
#endif
static redisReader *ngx_spocr_redis_reader(ngx_spocr_redis_codec_t *codec);
static void ngx_spocr_redis_shrink_reader(ngx_spocr_redis_codec_t *codec);
static void ngx_spocr_redis_shrink_text(ngx_spocr_redis_codec_t *codec);
static void ngx_spocr_redis_begin(ngx_spocr_redis_codec_t *codec);
static void *ngx_spocr_redis_refuse(ngx_spocr_redis_codec_t *codec,
    const char *reason);
static ngx_spocr_redis_value_t *ngx_spocr_redis_place(
    ngx_spocr_redis_codec_t *codec, const redisReadTask *task);
static ngx_int_t ngx_spocr_redis_room(ngx_spocr_redis_codec_t *codec,
    size_t len);


/* not const: hiredis' prototype is not */

static redisReplyObjectFunctions  ngx_spocr_redis_functions = {
    .createString = ngx_spocr_redis_on_string,
    .createArray = ngx_spocr_redis_on_array,
    .createInteger = ngx_spocr_redis_on_integer,
#if (HIREDIS_MAJOR >= 1)
    .createDouble = ngx_spocr_redis_on_double,
    .createBool = ngx_spocr_redis_on_bool,
#endif
    .createNil = ngx_spocr_redis_on_nil,
    .freeObject = ngx_spocr_redis_on_free
};


ngx_spocr_redis_codec_t *
ngx_spocr_redis_codec_create(void)
{
    ngx_spocr_redis_codec_t  *codec;

    codec = calloc(1, sizeof(ngx_spocr_redis_codec_t));
    if (codec == NULL) {
        return NULL;
    }

    codec->bulk = NGX_SPOCR_REDIS_BULK_MAX;
    codec->reader = ngx_spocr_redis_reader(codec);
    codec->text = malloc(NGX_SPOCR_REDIS_TEXT_INITIAL);

    if (codec->reader == NULL || codec->text == NULL) {
        ngx_spocr_redis_codec_destroy(codec);
        return NULL;
    }

    codec->size = NGX_SPOCR_REDIS_TEXT_INITIAL;

    return codec;
}


static redisReader *
ngx_spocr_redis_reader(ngx_spocr_redis_codec_t *codec)
{
    redisReader  *reader;

    reader = redisReaderCreateWithFunctions(&ngx_spocr_redis_functions);

    if (reader) {
        reader->privdata = codec;

        /*
         * The buffer is kept: our limits are its limits, and hiredis 0.14
         * aborts the process when there is no memory for a new one.
         */
        reader->maxbuf = 0;
    }

    return reader;
}


/*
 * A long answer's memory is given back.  A reader that has just given a message
 * and has nothing behind it is as good as a new one: the strings are copies.
 */

static void
ngx_spocr_redis_shrink_reader(ngx_spocr_redis_codec_t *codec)
{
    redisReader  *reader;

    if (codec->peak <= NGX_SPOCR_REDIS_KEEP_MAX
        || codec->reader->pos != codec->reader->len)
    {
        return;
    }

    reader = ngx_spocr_redis_reader(codec);

    if (reader) {
        redisReaderFree(codec->reader);
        codec->reader = reader;
        codec->peak = 0;
    }
}


/* The message that was given before is of no use to anybody now. */

static void
ngx_spocr_redis_shrink_text(ngx_spocr_redis_codec_t *codec)
{
    u_char  *text;

    if (!codec->given || codec->size <= NGX_SPOCR_REDIS_KEEP_MAX) {
        return;
    }

    text = realloc(codec->text, NGX_SPOCR_REDIS_TEXT_INITIAL);

    if (text) {
        codec->text = text;
        codec->size = NGX_SPOCR_REDIS_TEXT_INITIAL;
        codec->used = 0;
    }
}


size_t
ngx_spocr_redis_codec_held(const ngx_spocr_redis_codec_t *codec)
{
    return codec->size + codec->peak;
}


void
ngx_spocr_redis_codec_destroy(ngx_spocr_redis_codec_t *codec)
{
    if (codec->reader) {
        redisReaderFree(codec->reader);
    }

    free(codec->text);
    free(codec);
}


void
ngx_spocr_redis_codec_nested(ngx_spocr_redis_codec_t *codec,
    ngx_uint_t allowed)
{
    codec->nested = allowed ? 1 : 0;
}


void
ngx_spocr_redis_codec_limit(ngx_spocr_redis_codec_t *codec, size_t max)
{
    codec->bulk = max;
}


ngx_int_t
ngx_spocr_redis_codec_feed(ngx_spocr_redis_codec_t *codec, const u_char *data,
    size_t len)
{
    if (redisReaderFeed(codec->reader, (const char *) data, len) != REDIS_OK) {
        ngx_spocr_redis_refuse(codec, "no memory for an answer");
        return NGX_ERROR;
    }

    codec->peak = ngx_max(codec->peak, codec->reader->len);

    return NGX_OK;
}


ngx_int_t
ngx_spocr_redis_codec_next(ngx_spocr_redis_codec_t *codec,
    const ngx_spocr_redis_message_t **message)
{
    void                       *object;
    ngx_uint_t                  i;
    redisReader                *reader;
    ngx_spocr_redis_message_t  *m;

    ngx_spocr_redis_shrink_text(codec);

    reader = codec->reader;

    if (redisReaderGetReply(reader, &object) != REDIS_OK) {
        ngx_spocr_redis_refuse(codec, "an answer that is not in Redis' "
                               "protocol");
        return NGX_ERROR;
    }

    if (object == NULL) {

        /* all that is complete was taken: what is left is one element */

        if (reader->len - reader->pos > codec->bulk + 64) {
            ngx_spocr_redis_refuse(codec, "an answer that is too long");
            return NGX_ERROR;
        }

        return NGX_AGAIN;
    }

    m = &codec->message;

    for (i = 0; i < m->nvalues; i++) {
        if (m->values[i].type == NGX_SPOCR_REDIS_STRING) {
            m->values[i].text.data = codec->text + codec->offsets[i];
        }
    }

    if (m->error.len) {
        m->error.data = codec->text;
    }

    codec->given = 1;
    *message = m;

    ngx_spocr_redis_shrink_reader(codec);

    return NGX_OK;
}


const char *
ngx_spocr_redis_codec_reason(const ngx_spocr_redis_codec_t *codec)
{
    return codec->reason ? codec->reason : "";
}


/* Strings, statuses and errors; whole, as the reader waits for all of one. */

static void *
ngx_spocr_redis_on_string(const redisReadTask *task, char *data, size_t len)
{
    ngx_spocr_redis_codec_t  *codec = task->privdata;
    ngx_spocr_redis_value_t  *value;

    if (task->parent == NULL) {
        ngx_spocr_redis_begin(codec);
    }

    /*
     * Also where it is not kept, as of an error or a nested string: in pieces
     * it would not be waited for, either.
     */

    if (len > codec->bulk) {
        return ngx_spocr_redis_refuse(codec, "a string that is too long");
    }

    if (task->type == REDIS_REPLY_ERROR) {

        if (task->parent) {
            return ngx_spocr_redis_refuse(codec, "an error inside an answer");
        }

        /* the buffer is never smaller than this */

        len = ngx_min(len, NGX_SPOCR_REDIS_ERROR_MAX);
        ngx_memcpy(codec->text, len ? data : "ERR", len ? len : 3);
        codec->message.error.len = len ? len : 3;

        return codec;
    }

    if (task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_STATUS) {
        return ngx_spocr_redis_refuse(codec, "an answer of RESP3");
    }

    value = ngx_spocr_redis_place(codec, task);
    if (value == NULL) {
        return codec;
    }

    if (ngx_spocr_redis_room(codec, len) != NGX_OK) {
        return NULL;
    }

    ngx_memcpy(codec->text + codec->used, data, len);

    codec->offsets[value - codec->message.values] = codec->used;
    codec->used += len;

    value->type = NGX_SPOCR_REDIS_STRING;
    value->text.len = len;

    return codec;
}


static void *
ngx_spocr_redis_on_array(const redisReadTask *task,
    ngx_spocr_redis_elements_t n)
{
    ngx_spocr_redis_codec_t  *codec = task->privdata;

    ngx_uint_t            depth;
    const redisReadTask  *parent;

    if (task->type != REDIS_REPLY_ARRAY) {
        return ngx_spocr_redis_refuse(codec, "an answer of RESP3");
    }

    if (task->parent == NULL) {
        ngx_spocr_redis_begin(codec);

        if (n > NGX_SPOCR_REDIS_ELEMENTS_MAX) {
            return ngx_spocr_redis_refuse(codec, "an array that is too long");
        }

        codec->message.array = 1;

        return codec;
    }

    if (!codec->nested) {
        return ngx_spocr_redis_refuse(codec, "an array inside an answer");
    }

    depth = 0;

    for (parent = task->parent; parent; parent = parent->parent) {
        depth++;
    }

    if (depth > NGX_SPOCR_REDIS_DEPTH_MAX) {
        return ngx_spocr_redis_refuse(codec, "arrays that are too deep");
    }

    codec->skipped += (ngx_uint_t) ngx_min(n, NGX_SPOCR_REDIS_NESTED_MAX + 1);

    if (codec->skipped > NGX_SPOCR_REDIS_NESTED_MAX) {
        return ngx_spocr_redis_refuse(codec, "an array that is too long");
    }

    return ngx_spocr_redis_on_nil(task);
}


static void *
ngx_spocr_redis_on_integer(const redisReadTask *task, long long n)
{
    ngx_spocr_redis_codec_t  *codec = task->privdata;
    ngx_spocr_redis_value_t  *value;

    if (task->parent == NULL) {
        ngx_spocr_redis_begin(codec);
    }

    value = ngx_spocr_redis_place(codec, task);

    if (value) {
        value->type = NGX_SPOCR_REDIS_INTEGER;
        value->integer = n;
    }

    return codec;
}


static void *
ngx_spocr_redis_on_nil(const redisReadTask *task)
{
    ngx_spocr_redis_codec_t  *codec = task->privdata;
    ngx_spocr_redis_value_t  *value;

    if (task->parent == NULL) {
        ngx_spocr_redis_begin(codec);
    }

    value = ngx_spocr_redis_place(codec, task);

    if (value) {
        value->type = NGX_SPOCR_REDIS_NIL;
    }

    return codec;
}


/* The objects are the codec itself, each time. */

static void
ngx_spocr_redis_on_free(void *object)
{
}


#if (HIREDIS_MAJOR >= 1)

static void *
ngx_spocr_redis_on_double(const redisReadTask *task, double n, char *data,
    size_t len)
{
    return ngx_spocr_redis_refuse(task->privdata, "an answer of RESP3");
}


static void *
ngx_spocr_redis_on_bool(const redisReadTask *task, int n)
{
    return ngx_spocr_redis_refuse(task->privdata, "an answer of RESP3");
}

#endif


static void
ngx_spocr_redis_begin(ngx_spocr_redis_codec_t *codec)
{
    codec->used = 0;
    codec->given = 0;
    codec->skipped = 0;
    codec->message.error.len = 0;
    codec->message.error.data = NULL;
    codec->message.array = 0;
    codec->message.nvalues = 0;
}


/* NULL, which the reader takes for an error that lasts. */

static void *
ngx_spocr_redis_refuse(ngx_spocr_redis_codec_t *codec, const char *reason)
{
    if (codec->reason == NULL) {
        codec->reason = reason;
    }

    return NULL;
}


/* Where an element of the message belongs; NULL: it is one of a nested array,
 * and skipped. */

static ngx_spocr_redis_value_t *
ngx_spocr_redis_place(ngx_spocr_redis_codec_t *codec,
    const redisReadTask *task)
{
    ngx_spocr_redis_value_t  *value;

    if (task->parent && task->parent->parent) {
        return NULL;
    }

    value = &codec->message.values[codec->message.nvalues++];

    value->integer = 0;
    value->text.len = 0;
    value->text.data = NULL;

    return value;
}


static ngx_int_t
ngx_spocr_redis_room(ngx_spocr_redis_codec_t *codec, size_t len)
{
    size_t   size;
    u_char  *text;

    if (len <= codec->size - codec->used) {
        return NGX_OK;
    }

    if (codec->used + len > NGX_SPOCR_REDIS_TEXT_MAX - NGX_SPOCR_REDIS_BULK_MAX
                            + codec->bulk)
    {
        ngx_spocr_redis_refuse(codec, "an answer that is too long");
        return NGX_ERROR;
    }

    size = codec->size;

    while (size < codec->used + len) {
        size *= 2;
    }

    text = realloc(codec->text, size);

    if (text == NULL) {
        ngx_spocr_redis_refuse(codec, "no memory for an answer");
        return NGX_ERROR;
    }

    codec->text = text;
    codec->size = size;

    return NGX_OK;
}
