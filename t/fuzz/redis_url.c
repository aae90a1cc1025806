
/*
 * "spocr_redis": the URL, and the parameters that need no file.  Property:
 * what is accepted, and user, database, address, prefix, timeouts and TLS,
 * is what a second reading of the rule says; a password in the URL is refused
 * and stands in no message.  What nginx reads of an address and of a time is
 * not the matter: it is asked for the right piece.
 *
 * Inputs have at most 200 bytes.
 */

#include "fuzz.h"
#include <ctype.h>
#include <strings.h>
#include "../../ngx_spocr_module/ngx_spocr_redis_conf.c" /* NOLINT */
#include "../../ngx_spocr_module/ngx_spocr_redis_url.c" /* NOLINT */


static int         shown;               /* the URL, in a message */
static ngx_str_t   words[8], asked;
static ngx_conf_t  conf;


/* --- what it calls of nginx */

void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    static ngx_spocr_redis_t  redis;

    property(size == sizeof(redis), "%zu bytes", size);

    return memset(&redis, 0, size);
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return NULL;
}


void
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    const char  *p;
    ngx_str_t   *s;
    va_list      args;

    va_start(args, fmt);

    for (p = strchr(fmt, '%'); p; p = strchr(p + 1, '%')) {
        if (p[1] != 'V') {
            break;
        }

        s = va_arg(args, ngx_str_t *); /* NOLINT: it was begun above */
        shown |= s->data <= words[1].data
                 && s->data + s->len >= words[1].data + words[1].len;
    }

    va_end(args);
}


ngx_int_t
ngx_parse_url(ngx_pool_t *pool, ngx_url_t *u)
{
    static ngx_addr_t       addr;
    static struct sockaddr  sa;

    property(asked.data == NULL || asked.data == u->url.data,
             "another address");
    asked = u->url;

    if (u->url.len == 0 || memchr(u->url.data, ' ', u->url.len)) {
        u->err = "invalid host";
        return NGX_ERROR;
    }

    addr.sockaddr = &sa;
    addr.socklen = sizeof(sa);
    u->addrs = &addr;
    u->naddrs = u->url.data[0] != 'n';
    u->host = u->url;
    u->port = 6379;

    return NGX_OK;
}


ngx_int_t
ngx_parse_time(ngx_str_t *line, ngx_uint_t is_sec)
{
    return line->len == 2 ? line->data[0] * 256 + line->data[1] : 50;
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    char  text[32];

    if (n == 0 || n > 18) {
        return NGX_ERROR;
    }

    memcpy(text, line, n);
    text[n] = '\0';

    return strspn(text, "0123456789") == n ? strtol(text, NULL, 10) : NGX_ERROR;
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((char *) s1, (char *) s2, n);
}


ngx_int_t
ngx_conf_full_name(ngx_cycle_t *cycle, ngx_str_t *name, ngx_uint_t conf_prefix)
{
    return NGX_ERROR;
}


ssize_t
ngx_read_file(ngx_file_t *file, u_char *buf, size_t size, off_t offset)
{
    return NGX_ERROR;
}


char *
ngx_spocr_redis_tls_set(ngx_conf_t *cf, ngx_spocr_redis_t *redis)
{
    return NGX_CONF_OK;
}


/* --- the second reading */

typedef struct {
    char  scheme[8], user[256], address[256], prefix[256];
    long  db;
    long  times[2];
    int   tls, password, files;
} url_t;


static void
copy(char dst[256], const char *src)
{
    snprintf(dst, 256, "%s", src);
}


static int
db_of(const char *text, long *db)
{
    char  *end;

    if (!isdigit((u_char) *text) || strlen(text) > 18) {
        return 0;
    }

    *db = strtol(text, &end, 10);

    return *end == '\0' && *db <= 65535;
}


static int
reference_unix(url_t *url)
{
    char  *colon;

    colon = strrchr(url->address, ':');

    if (colon >= url->address + 5
        && strspn(colon + 1, "0123456789") == strlen(colon + 1))
    {
        *colon = '\0';
        return db_of(colon + 1, &url->db);
    }

    return 1;
}


static int
reference_url(const char *text, url_t *url)
{
    char  *at, *slash;

    url->tls = strncmp(text, "rediss://", 9) == 0;

    if (strncmp(text, "unix:", 5) == 0) {
        copy(url->address, text);
        return reference_unix(url);
    }

    if (!url->tls && strncmp(text, "redis://", 8) != 0) {
        return 0;
    }

    copy(url->address, text + 8 + url->tls);

    at = strchr(url->address, '@');

    if (at) {
        *at = '\0';
        copy(url->user, url->address);
        memmove(url->address, at + 1, strlen(at + 1) + 1);

        if (url->user[0] == '\0' || strchr(url->user, ':')) {
            return 0;
        }
    }

    slash = strchr(url->address, '/');

    if (slash) {
        *slash = '\0';

        if (slash[1] && !db_of(slash + 1, &url->db)) {
            return 0;
        }
    }

    return strncasecmp(url->address, "unix:", 5) != 0
           && strchr(url->address, '?') == NULL;
}


static int
reference(url_t *url, unsigned n)
{
    size_t       i, len;
    unsigned     w, given;
    const char  *text, *value;

    static const char  *params[] = {
        "timeout=", "connect_timeout=", "prefix=", "password_file=", "ca=",
        "cert=", "key=", "server_name="
    };

    memset(url, 0, sizeof(url_t));
    copy(url->prefix, "spocr:");
    url->times[0] = url->times[1] = 50;
    given = 0;

    for (w = 2; w < n; w++) {
        text = (char *) words[w].data;

        for (i = 0; i < 8; i++) {
            len = strlen(params[i]);

            if (strncmp(text, params[i], len) == 0) {
                break;
            }
        }

        if (i == 8 || text[len] == '\0' || (given >> i & 1)) {
            return 0;
        }

        given |= 1u << i;
        value = text + len;

        if (i < 2) {
            url->times[i] = strlen(value) == 2
                            ? (u_char) value[0] * 256 + (u_char) value[1] : 50;

        } else if (i == 2) {
            copy(url->prefix, value);
        }
    }

    url->password = given >> 3 & 1;
    url->files = (int) (given >> 4);

    if (!reference_url((char *) words[1].data, url) || url->address[0] == '\0'
        || strchr(url->address, ' '))
    {
        return 0;
    }

    for (i = 0; i < 2; i++) {
        if (url->times[i] == 0 || url->times[i] > 60000) {
            return 0;
        }
    }

    len = strlen(url->prefix);

    if (len > NGX_SPOCR_REDIS_PREFIX_MAX
        || strspn(url->prefix, "0123456789:._-abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != len)
    {
        return 0;
    }

    /* its file cannot be read here */

    if (url->password || url->user[0]) {
        return 0;
    }

    return url->tls ? (url->files >> 1 & 1) == (url->files >> 2 & 1)
                    : url->files == 0;
}


/* Text before an "@", with a colon in it: who knows what it is. */

static int
has_password(const char *text)
{
    const char  *p, *at;

    p = strstr(text, "://");
    p = p ? p + 3 : text;
    at = strrchr(p, '@');

    return strncmp(text, "unix:", 5) != 0 && at
           && memchr(p, ':', (size_t) (at - p)) != NULL;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char               *text, *p, *next;
    url_t               url;
    unsigned            n, expected;
    ngx_array_t         args;
    const char         *rv;
    ngx_spocr_redis_t  *redis;

    /* words of a configuration have no NUL, and end with one */

    if (size > 200 || memchr(data, '\0', size)) {
        return -1;
    }

    text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';

    ngx_str_set(&words[0], "spocr_redis");

    for (n = 1, p = text; p && n < 8; n++, p = next) {
        next = strchr(p, '\n');

        if (next) {
            *next++ = '\0';
        }

        words[n].data = (u_char *) p;
        words[n].len = strlen(p);
    }

    args.elts = words;
    args.nelts = n;
    conf.args = &args;

    redis = NULL;
    shown = 0;
    asked.data = NULL;

    rv = ngx_spocr_redis_set(&conf, &redis);
    expected = reference(&url, n) != 0;

    property((rv == NGX_CONF_OK) == expected && (redis != NULL) == expected,
             "%s is %s", (char *) words[1].data,
             expected ? "refused" : "taken");

    property(!shown || !has_password((char *) words[1].data),
             "a password in a message");

    if (redis) {
        property(redis->db == (ngx_uint_t) url.db, "database %lu", redis->db);
        property(redis->tls == (ngx_uint_t) url.tls, "TLS");
        property(redis->prefix.len == strlen(url.prefix)
                 && strncmp((char *) redis->prefix.data, url.prefix,
                            redis->prefix.len) == 0, "prefix");
        property(redis->name.len == strlen(url.address)
                 && strncmp((char *) redis->name.data, url.address,
                            redis->name.len) == 0
                 && asked.data == redis->name.data
                 && asked.len == redis->name.len, "address");
        property(redis->timeout == (ngx_msec_t) url.times[0]
                 && redis->connect_timeout == (ngx_msec_t) url.times[1],
                 "timeouts");
    }

    free(text);

    return 0;
}
