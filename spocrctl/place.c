
/*
 * Where Redis is: the directive's URL and parameters, and options.
 *
 * Called by the link, and by commands that only name keys.
 *
 * Invariant: a password is in a file that not everybody can read, and never
 * in a URL, in arguments, or in a message.
 */


#include "link.h"
#include <openssl/crypto.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>


#define PREFIX_DEFAULT   "spocr:"
#define PREFIX_MAX       64
#define PORT_DEFAULT     "6379"
#define TIMEOUT_DEFAULT  5000               /* ms */
#define PASSWORD_MAX     512


static void place_url(ctl_place_t *place, char *url);
static void place_unix(ctl_place_t *place, char *rest);
static void place_host(ctl_place_t *place, char *rest);
static void place_parameter(ctl_place_t *place, char *word);
static void place_options(ctl_place_t *place, const ctl_opts_t *opts);
static bool is_number(const char *s, unsigned long max);


/* "URL [parameter=value]...", with spaces between, as in nginx.conf. */

void
ctl_place_parse(ctl_place_t *place, const ctl_opts_t *opts)
{
    char  *words, *word, *save;

    memset(place, 0, sizeof(ctl_place_t));

    place->prefix = PREFIX_DEFAULT;
    place->timeout = TIMEOUT_DEFAULT;

    words = ctl_text("%s", opts->redis);
    word = strtok_r(words, " \t", &save);

    if (word == NULL) {
        ctl_die(CTL_USAGE, "--redis is empty");
    }

    place_url(place, word);

    while ((word = strtok_r(NULL, " \t", &save)) != NULL) {
        place_parameter(place, word);
    }

    place_options(place, opts);

    if ((place->cert == NULL) != (place->cert_key == NULL)) {
        ctl_die(CTL_USAGE, "--cert and --key are given together");
    }

    if (!place->tls && (place->ca || place->cert || place->server_name)) {
        ctl_die(CTL_USAGE, "--ca, --cert, --key and --server-name are for TLS:"
                " rediss://");
    }
}


static void
place_url(ctl_place_t *place, char *url)
{
    place->url = ctl_text("%s", url);

    if (strncmp(url, "unix:", 5) == 0) {
        place_unix(place, url + 5);

    } else if (strncmp(url, "redis://", 8) == 0) {
        place_host(place, url + 8);

    } else if (strncmp(url, "rediss://", 9) == 0) {
        place->tls = true;
        place_host(place, url + 9);

    } else {
        /* not repeated: it may be anything */
        ctl_die(CTL_USAGE, "--redis must begin with redis://, rediss:// or "
                "unix:");
    }
}


static void
place_unix(ctl_place_t *place, char *rest)
{
    char  *colon;

    colon = strrchr(rest, ':');

    if (colon && is_number(colon + 1, 65535)) {
        *colon = '\0';
        place->db = colon + 1;
    }

    if (rest[0] != '/') {
        ctl_die(CTL_USAGE, "--redis: unix: needs an absolute path");
    }

    place->path = rest;
}


/* "[user@]host[:port][/db]" */

static void
place_host(ctl_place_t *place, char *rest)
{
    char  *at, *end;

    at = strrchr(rest, '@');

    if (at) {
        *at = '\0';

        if (strchr(rest, ':')) {
            ctl_die(CTL_USAGE, "--redis: a password does not belong into a "
                    "URL, where others see it: use --password-file");
        }

        place->user = rest;
        rest = at + 1;
    }

    end = strchr(rest, '/');

    if (end) {
        *end++ = '\0';
        place->db = *end ? end : NULL;
    }

    if (place->db && !is_number(place->db, 65535)) {
        ctl_die(CTL_USAGE, "--redis: what follows the slash must be the "
                "number of a database");
    }

    if (*rest == '[') {
        rest++;
        end = strchr(rest, ']');

        if (end && (end[1] == ':' || end[1] == '\0')) {
            *end++ = '\0';

        } else {
            ctl_die(CTL_USAGE, "--redis: a bracket is not closed");
        }

    } else {
        end = strrchr(rest, ':');
    }

    place->host = rest;
    place->port = PORT_DEFAULT;

    if (end && *end == ':') {
        *end = '\0';
        place->port = end + 1;
    }

    if (*rest == '\0' || !is_number(place->port, 65535)
        || (place->user && *place->user == '\0'))
    {
        ctl_die(CTL_USAGE, "--redis must be like redis://user@host:6379/0; "
                "user, port and database may be left out");
    }
}


/* What is the gateway's alone is passed over, so that a line can be copied. */

static void
place_parameter(ctl_place_t *place, char *word)
{
    size_t       i, len;
    const struct {
        const char   *name;
        const char  **value;
    } known[] = {
        { "prefix=", &place->prefix },
        { "password_file=", &place->password_file },
        { "ca=", &place->ca },
        { "cert=", &place->cert },
        { "key=", &place->cert_key },
        { "server_name=", &place->server_name },
        { "timeout=", NULL },
        { "connect_timeout=", NULL },
    };

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        len = strlen(known[i].name);

        if (strncmp(word, known[i].name, len) == 0) {
            if (known[i].value) {
                *known[i].value = word + len;
            }

            return;
        }
    }

    ctl_die(CTL_USAGE, "--redis: after the URL there may be prefix=, "
            "password_file=, ca=, cert=, key=, server_name=, timeout= and "
            "connect_timeout=");
}


static void
place_options(ctl_place_t *place, const ctl_opts_t *opts)
{
    int64_t  seconds;

    place->prefix = opts->prefix ? opts->prefix : place->prefix;
    place->password_file = opts->password_file ? opts->password_file
                                               : place->password_file;
    place->ca = opts->ca ? opts->ca : place->ca;
    place->cert = opts->cert ? opts->cert : place->cert;
    place->cert_key = opts->cert_key ? opts->cert_key : place->cert_key;
    place->server_name = opts->server_name ? opts->server_name
                                           : place->server_name;

    if (*place->prefix == '\0' || strlen(place->prefix) > PREFIX_MAX
        || strspn(place->prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                  "abcdefghijklmnopqrstuvwxyz0123456789._:-")
           != strlen(place->prefix))
    {
        ctl_die(CTL_USAGE, "--prefix must be 1 to %d of A-Z a-z 0-9 . _ : -",
                PREFIX_MAX);
    }

    if (opts->timeout) {
        if (!ctl_duration_parse(opts->timeout, &seconds) || seconds == 0
            || seconds > 3600)
        {
            ctl_die(CTL_USAGE, "--timeout must be a duration such as 5s or "
                    "1m, up to an hour");
        }

        place->timeout = (int) seconds * 1000;
    }
}


const char *
ctl_place_prefix(const ctl_opts_t *opts, const char **db)
{
    ctl_place_t  place;
    ctl_opts_t   local;

    local = *opts;

    if (local.redis == NULL) {
        local.redis = "redis://localhost";
    }

    ctl_place_parse(&place, &local);

    *db = (place.db && strcmp(place.db, "0") != 0) ? place.db : NULL;

    return place.prefix;
}


static bool
is_number(const char *s, unsigned long max)
{
    size_t  len;

    len = strlen(s);

    return len && len < 10 && strspn(s, "0123456789") == len
           && strtoul(s, NULL, 10) <= max;
}


char *
ctl_password_read(const char *path)
{
    int           fd;
    char         *buf;
    ssize_t       n;
    struct stat   st;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == -1 || fstat(fd, &st) == -1) {
        ctl_die(CTL_FAILED, "the password file: %s", strerror(errno));
    }

    if (st.st_mode & S_IROTH) {
        ctl_die(CTL_FAILED, "the password file can be read by everybody: "
                "chmod 600 it");
    }

    buf = ctl_need(calloc(1, PASSWORD_MAX + 1));
    n = read(fd, buf, PASSWORD_MAX);
    close(fd);

    if (n < 0) {
        ctl_die(CTL_FAILED, "the password file: %s", strerror(errno));
    }

    if (n == PASSWORD_MAX || strlen(buf) != (size_t) n) {
        ctl_die(CTL_FAILED, "the password file is no text of less than %d "
                "bytes", PASSWORD_MAX);
    }

    buf[strcspn(buf, "\r\n")] = '\0';

    if (*buf == '\0') {
        ctl_die(CTL_FAILED, "the first line of the password file is empty");
    }

    return buf;
}
