
/*
 * The handshake of a link: HELLO with the name and password, SELECT, and for
 * a link that will call functions, the question whether they are there.  The
 * link gives it what Redis answers, one message after the other.
 *
 * Invariant: a link is ready only when Redis is new enough, is no replica,
 * and has answered a function's call with the call's own nonce.  Nothing that
 * Redis says to HELLO is logged: an old one repeats the password.
 */


#include "ngx_spocr_redis_link.h"
#include "ngx_spocr_lua.h"


#define NGX_SPOCR_REDIS_MAJOR     7         /* the first with functions */
#define NGX_SPOCR_REDIS_VERSION   2         /* what hello() has to say */


typedef enum {
    NGX_SPOCR_REDIS_GREET_HELLO = 0,
    NGX_SPOCR_REDIS_GREET_SELECT,
    NGX_SPOCR_REDIS_GREET_CALL,
    NGX_SPOCR_REDIS_GREET_LOAD
} ngx_spocr_redis_greet_e;


static ngx_int_t ngx_spocr_redis_greet_select(ngx_spocr_redis_link_t *link);
static ngx_int_t ngx_spocr_redis_greet_call(ngx_spocr_redis_link_t *link);
static ngx_int_t ngx_spocr_redis_greet_load(ngx_spocr_redis_link_t *link);
static ngx_int_t ngx_spocr_redis_greet_hello_error(
    ngx_spocr_redis_link_t *link, const ngx_str_t *error);
static ngx_int_t ngx_spocr_redis_greet_hello(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message);
static ngx_int_t ngx_spocr_redis_greet_called(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message);
static ngx_int_t ngx_spocr_redis_greet_loaded(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message);
static ngx_int_t ngx_spocr_redis_greet_refused(ngx_spocr_redis_link_t *link,
    const char *what, const ngx_str_t *error);


#define ngx_spocr_redis_begins(s, text)                                       \
    ((s)->len >= sizeof(text) - 1                                             \
     && ngx_strncmp((s)->data, text, sizeof(text) - 1) == 0)


ngx_int_t
ngx_spocr_redis_greet(ngx_spocr_redis_link_t *link)
{
    ngx_str_t           words[5];
    ngx_uint_t          n;
    ngx_spocr_redis_t  *redis;

    redis = link->redis;

    link->step = NGX_SPOCR_REDIS_GREET_HELLO;
    link->loaded = 0;

    ngx_str_set(&words[0], "HELLO");
    ngx_str_set(&words[1], "2");
    n = 2;

    if (redis->password.len) {
        ngx_str_set(&words[2], "AUTH");
        words[3] = redis->user;
        words[4] = redis->password;
        n = 5;
    }

    return ngx_spocr_redis_link_send(link, words, n);
}


ngx_int_t
ngx_spocr_redis_greet_message(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message)
{
    switch (link->step) {

    case NGX_SPOCR_REDIS_GREET_HELLO:

        if (ngx_spocr_redis_greet_hello(link, message) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_spocr_redis_greet_select(link);

    case NGX_SPOCR_REDIS_GREET_SELECT:

        if (message->error.len) {
            return ngx_spocr_redis_greet_refused(link, "SELECT",
                                                 &message->error);
        }

        return ngx_spocr_redis_greet_call(link);

    case NGX_SPOCR_REDIS_GREET_CALL:

        return ngx_spocr_redis_greet_called(link, message);

    default: /* NGX_SPOCR_REDIS_GREET_LOAD */

        if (ngx_spocr_redis_greet_loaded(link, message) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_spocr_redis_greet_call(link);
    }
}


static ngx_int_t
ngx_spocr_redis_greet_select(ngx_spocr_redis_link_t *link)
{
    u_char      db[NGX_INT_T_LEN];
    ngx_str_t   words[2];

    if (link->redis->db == 0) {
        return ngx_spocr_redis_greet_call(link);
    }

    link->step = NGX_SPOCR_REDIS_GREET_SELECT;

    ngx_str_set(&words[0], "SELECT");
    words[1].data = db;
    words[1].len = (size_t) (ngx_sprintf(db, "%ui", link->redis->db) - db);

    return ngx_spocr_redis_link_send(link, words, 2) == NGX_OK ? NGX_AGAIN
                                                               : NGX_ERROR;
}


static ngx_int_t
ngx_spocr_redis_greet_call(ngx_spocr_redis_link_t *link)
{
    ngx_str_t  words[4];

    if (!link->owner->library) {
        return NGX_OK;
    }

    link->step = NGX_SPOCR_REDIS_GREET_CALL;

    ngx_spocr_redis_nonce(link->redis, link->nonce);

    ngx_str_set(&words[0], "FCALL");
    ngx_str_set(&words[1], NGX_SPOCR_REDIS_LIBRARY "_hello");
    ngx_str_set(&words[2], "0");
    words[3].data = link->nonce;
    words[3].len = sizeof(link->nonce);

    return ngx_spocr_redis_link_send(link, words, 4) == NGX_OK ? NGX_AGAIN
                                                               : NGX_ERROR;
}


static ngx_int_t
ngx_spocr_redis_greet_load(ngx_spocr_redis_link_t *link)
{
    ngx_str_t  words[3];

    link->step = NGX_SPOCR_REDIS_GREET_LOAD;
    link->loaded = 1;

    ngx_str_set(&words[0], "FUNCTION");
    ngx_str_set(&words[1], "LOAD");
    ngx_str_set(&words[2], ngx_spocr_redis_lua);

    return ngx_spocr_redis_link_send(link, words, 3) == NGX_OK ? NGX_AGAIN
                                                               : NGX_ERROR;
}


/* HELLO is answered with names and values. */

static ngx_int_t
ngx_spocr_redis_greet_hello(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message)
{
    u_char           *p;
    ngx_int_t         major;
    ngx_uint_t        i;
    const ngx_str_t  *name, *value;

    if (message->error.len) {
        return ngx_spocr_redis_greet_hello_error(link, &message->error);
    }

    for (i = 0; i + 1 < message->nvalues; i += 2) {
        name = &message->values[i].text;
        value = &message->values[i + 1].text;

        if (ngx_spocr_redis_is(name, "version")) {
            p = value->len ? ngx_strlchr(value->data,
                                         value->data + value->len, '.')
                           : NULL;
            major = p ? ngx_atoi(value->data, (size_t) (p - value->data))
                      : NGX_ERROR;

            if (major < NGX_SPOCR_REDIS_MAJOR) {
                ngx_spocr_redis_link_why(link, "its version is %V, and %d.0 "
                                         "or newer is needed", value,
                                         NGX_SPOCR_REDIS_MAJOR);
                return NGX_ERROR;
            }

        } else if (ngx_spocr_redis_is(name, "role")
                   && !ngx_spocr_redis_is(value, "master"))
        {
            ngx_spocr_redis_link_why(link, "it is a replica");
            return NGX_ERROR;
        }
    }

    if (!message->array) {
        ngx_spocr_redis_link_why(link, "its answer to HELLO is none");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_spocr_redis_greet_hello_error(ngx_spocr_redis_link_t *link,
    const ngx_str_t *error)
{
    ngx_spocr_redis_t  *redis;

    redis = link->redis;

    if (ngx_spocr_redis_begins(error, "WRONGPASS")) {
        ngx_spocr_redis_link_why(link, "it refuses the password of user "
                                 "\"%V\"", &redis->user);

    } else if (ngx_spocr_redis_begins(error, "NOAUTH")) {
        ngx_spocr_redis_link_why(link, "it asks for a password: "
                                 "\"password_file=\" is needed");

    } else if (ngx_spocr_redis_begins(error, "ERR unknown command")) {
        ngx_spocr_redis_link_why(link, "it does not know HELLO, so its "
                                 "version is older than 6, and %d.0 or newer "
                                 "is needed", NGX_SPOCR_REDIS_MAJOR);

    } else if (ngx_spocr_redis_begins(error, "ERR max number of clients")) {
        ngx_spocr_redis_link_why(link, "it has too many clients");

    } else if (ngx_spocr_redis_begins(error, "DENIED")) {
        ngx_spocr_redis_link_why(link, "it is in protected mode");

    } else {
        ngx_spocr_redis_link_why(link, "it refuses HELLO");
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_spocr_redis_greet_called(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message)
{
    const ngx_spocr_redis_value_t  *v;

    if (message->error.len) {

        if (ngx_spocr_redis_begins(&message->error, "ERR Function not found")
            && !link->loaded)
        {
            return ngx_spocr_redis_greet_load(link);
        }

        return ngx_spocr_redis_greet_refused(link, NGX_SPOCR_REDIS_LIBRARY
                                             "_hello", &message->error);
    }

    v = message->values;

    if (!message->array
        || message->nvalues < 3
        || v[0].type != NGX_SPOCR_REDIS_STRING
        || v[0].text.len != sizeof(link->nonce)
        || ngx_memcmp(v[0].text.data, link->nonce, sizeof(link->nonce)) != 0)
    {
        ngx_spocr_redis_link_why(link, "its answer to a call is none");
        return NGX_ERROR;
    }

    if (v[1].type != NGX_SPOCR_REDIS_INTEGER
        || v[1].integer != NGX_SPOCR_REDIS_VERSION)
    {
        ngx_spocr_redis_link_why(link, "its function library \"%s\" is not "
                                 "the gateway's", NGX_SPOCR_REDIS_LIBRARY);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Another worker, or another node, may have been faster. */

static ngx_int_t
ngx_spocr_redis_greet_loaded(ngx_spocr_redis_link_t *link,
    const ngx_spocr_redis_message_t *message)
{
    if (message->error.len == 0
        || ngx_strlcasestrn(message->error.data,
                            message->error.data + message->error.len,
                            (u_char *) "already exists",
                            sizeof("already exists") - 2)
           != NULL)
    {
        return NGX_OK;
    }

    if (ngx_spocr_redis_begins(&message->error, "NOPERM")) {
        ngx_spocr_redis_link_why(link, "its function library \"%s\" is "
                                 "missing, and this user may not load it: "
                                 "\"spocrctl redis install\" does",
                                 NGX_SPOCR_REDIS_LIBRARY);
        return NGX_ERROR;
    }

    return ngx_spocr_redis_greet_refused(link, "FUNCTION LOAD",
                                         &message->error);
}


static ngx_int_t
ngx_spocr_redis_greet_refused(ngx_spocr_redis_link_t *link, const char *what,
    const ngx_str_t *error)
{
    ngx_spocr_redis_link_why(link, "it refuses %s: %V", what, error);

    return NGX_ERROR;
}


ngx_spocr_redis_error_e
ngx_spocr_redis_error(const ngx_str_t *error)
{
    ngx_uint_t        i;
    const ngx_str_t  *text;

    static const struct {
        ngx_str_t                text;
        ngx_spocr_redis_error_e  kind;
    } errors[] = {

        /* a user without a permission; a Redis that does not write */

        { ngx_string("NOPERM "), NGX_SPOCR_REDIS_ERROR_REFUSED },
        { ngx_string("ERR The user executing the script"),
          NGX_SPOCR_REDIS_ERROR_REFUSED },
        { ngx_string("ERR ACL failure in script"),
          NGX_SPOCR_REDIS_ERROR_REFUSED },
        { ngx_string("MISCONF "), NGX_SPOCR_REDIS_ERROR_REFUSED },
        { ngx_string("NOREPLICAS "), NGX_SPOCR_REDIS_ERROR_REFUSED },

        /* after a start; a replica; a cluster; with a script of another's */

        { ngx_string("LOADING "), NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_string("READONLY "), NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_string("MASTERDOWN "), NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_string("MOVED "), NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_string("ASK "), NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_string("CLUSTERDOWN "), NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_string("TRYAGAIN "), NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_string("BUSY "), NGX_SPOCR_REDIS_ERROR_USELESS },

        /* what the handshake is for */

        { ngx_string("NOAUTH "), NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_string("ERR Function not found"),
          NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_string("ERR unknown command"), NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_string("ERR max number of clients"),
          NGX_SPOCR_REDIS_ERROR_USELESS },
        { ngx_null_string, NGX_SPOCR_REDIS_ERROR_OWN }
    };

    for (i = 0; errors[i].text.len; i++) {
        text = &errors[i].text;

        if (error->len >= text->len
            && ngx_strncmp(error->data, text->data, text->len) == 0)
        {
            break;
        }
    }

    return errors[i].kind;
}
