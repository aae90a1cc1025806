/*
 * Who has sent a request: the gateway's secrets, and its signature (C-42).
 * The file is read when the program starts; the threads of http.c only look.
 * Invariant: how long a comparison takes tells nothing of a signature, and the
 * text of the file does not stay in memory.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "signature.h"


#define BE_SECRET_FILE_MAX  16384

/* Clocks may differ, and a request may be under way, so many seconds. */

#define BE_SIGNATURE_AGE    300
#define BE_TIME_DIGITS      12

#define BE_DIGITS  "0123456789"


/* hex digits to bytes; -1 where there are other characters */

static int
be_unhex(const char *s, size_t len, unsigned char *out)
{
    int     n;
    size_t  i;

    for (i = 0; i < len; i++) {
        if (s[i] >= '0' && s[i] <= '9') {
            n = s[i] - '0';

        } else if ((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'f') {
            n = (s[i] | 0x20) - 'a' + 10;

        } else {
            return -1;
        }

        out[i / 2] = (unsigned char) (i % 2 ? out[i / 2] << 4 | n : n);
    }

    return 0;
}


static const char *
be_secrets_line(be_secrets_t *s, const char *line, size_t len)
{
    if (len && line[len - 1] == '\r') {
        len--;
    }

    if (len == 0 || line[0] == '#') {
        return NULL;
    }

    if (s->n == BE_SECRETS_MAX) {
        return "there are more than 8 secrets";
    }

    if (len != 2 * BE_SECRET_LEN || be_unhex(line, len, s->all[s->n]) != 0) {
        return "a secret is 64 hexadecimal digits";
    }

    s->n++;

    return NULL;
}


/* NULL, or what is wrong; *line is where, or 0. */

static const char *
be_secrets_parse(be_secrets_t *s, const char *text, size_t len, int *line)
{
    const char  *p, *lf, *wrong, *last = text + len;

    for (p = text; p < last; p = lf + 1) {
        (*line)++;

        lf = memchr(p, '\n', (size_t) (last - p));
        lf = lf ? lf : last;

        wrong = be_secrets_line(s, p, (size_t) (lf - p));
        if (wrong != NULL) {
            return wrong;
        }

        if (lf == last) {
            break;
        }
    }

    *line = 0;

    return s->n ? NULL : "it has no secret";
}


static const char *
be_secrets_load(be_secrets_t *s, int fd, int *line)
{
    char         text[BE_SECRET_FILE_MAX + 1];
    size_t       len = 0;
    ssize_t      n;
    const char  *wrong;
    struct stat  st;

    if (fstat(fd, &st) != 0) {
        return strerror(errno);
    }

    if (!S_ISREG(st.st_mode)) {
        return "it is not a regular file";
    }

    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        return "its group or others have access to it; chmod 600 it";
    }

    do {
        n = read(fd, text + len, sizeof(text) - len);
        len += n > 0 ? (size_t) n : 0;
    } while ((n > 0 && len < sizeof(text)) || (n < 0 && errno == EINTR));

    wrong = n < 0 ? strerror(errno)
            : len == sizeof(text) ? "it is longer than 16384 bytes"
            : be_secrets_parse(s, text, len, line);

    OPENSSL_cleanse(text, sizeof(text));

    return wrong;
}


int
be_secrets_read(be_secrets_t *s, const char *path)
{
    int          fd, line = 0;
    char         where[32] = "";
    const char  *wrong;

    s->n = 0;

    /* not to wait for the writer of a FIFO */

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    wrong = fd < 0 ? strerror(errno) : be_secrets_load(s, fd, &line);

    if (fd >= 0) {
        close(fd);
    }

    if (wrong == NULL) {
        return 0;
    }

    if (line != 0) {
        snprintf(where, sizeof(where), " in line %d", line);
    }

    fprintf(stderr, "spocr-backend: --gateway-secret-file \"%s\"%s: %s\n",
            path, where, wrong);
    OPENSSL_cleanse(s, sizeof(*s));

    return -1;
}


/* The parts of "t=<digits>,v1=<64 digits>"; -1 where it is another text. */

static int
be_signature_parse(const char *value, int64_t *time, unsigned char *mac)
{
    size_t       digits;
    const char  *hex;

    if (strncmp(value, "t=", 2) != 0) {
        return -1;
    }

    digits = strspn(value + 2, BE_DIGITS);
    hex = value + 2 + digits;

    if (digits == 0 || digits > BE_TIME_DIGITS || strncmp(hex, ",v1=", 4) != 0
        || strlen(hex + 4) != 2 * BE_SECRET_LEN
        || strspn(hex + 4, BE_DIGITS "abcdef") != 2 * BE_SECRET_LEN)
    {
        return -1;
    }

    *time = strtoll(value + 2, NULL, 10);

    return be_unhex(hex + 4, 2 * BE_SECRET_LEN, mac);
}


const char *
be_signature_wrong(const be_secrets_t *s, const be_signed_t *what,
    const char *value, int64_t now)
{
    int             i, len, same = 0;
    char           *text;
    int64_t         time;
    unsigned char   told[BE_SECRET_LEN], mac[EVP_MAX_MD_SIZE];

    if (*value == '\0') {
        return "missing";
    }

    if (be_signature_parse(value, &time, told) != 0) {
        return "wrong";
    }

    /* the digits as they came: none of the parts can hold a line feed */

    len = asprintf(&text, "%.*s\n%s\n%s\n%s\n%s\n%s",
                   (int) strspn(value + 2, BE_DIGITS), value + 2, what->method,
                   what->target, what->request_id, what->uid, what->key_id);
    if (len < 0) {
        return "wrong";
    }

    for (i = 0; i < s->n; i++) {
        if (HMAC(EVP_sha256(), s->all[i], BE_SECRET_LEN,
                 (unsigned char *) text, (size_t) len, mac, NULL) != NULL
            && CRYPTO_memcmp(mac, told, BE_SECRET_LEN) == 0)
        {
            same = 1;
        }
    }

    free(text);

    if (!same) {
        return "wrong";
    }

    return time < now - BE_SIGNATURE_AGE || time > now + BE_SIGNATURE_AGE
           ? "stale" : NULL;
}
