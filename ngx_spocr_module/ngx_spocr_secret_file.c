
/*
 * Reads the files of secrets.  Invariant: their text does not stay in memory.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/crypto.h>
#include "ngx_spocr_secret.h"


#define NGX_SPOCR_SECRET_FILE_MAX  16384


static const char *ngx_spocr_secret_check(int fd, int *err);
static const char *ngx_spocr_secret_load(int fd, u_char *text, size_t *len,
    int *err);


const char *
ngx_spocr_secrets_read(ngx_spocr_secrets_t *secrets, const char *path,
    ngx_uint_t *line, int *err)
{
    int          fd;
    size_t       len;
    u_char       text[NGX_SPOCR_SECRET_FILE_MAX + 1];
    const char  *wrong;

    *line = 0;
    *err = 0;

    /* not to wait for the writer of a FIFO */

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == -1) {
        *err = errno;
        return "it cannot be opened";
    }

    wrong = ngx_spocr_secret_check(fd, err);

    if (wrong == NULL) {
        len = 0;
        wrong = ngx_spocr_secret_load(fd, text, &len, err);

        if (wrong == NULL) {
            wrong = ngx_spocr_secrets_parse(secrets, text, len, line);
        }

        OPENSSL_cleanse(text, sizeof(text));
    }

    (void) close(fd);

    return wrong;
}


static const char *
ngx_spocr_secret_check(int fd, int *err)
{
    struct stat  st;

    if (fstat(fd, &st) == -1) {
        *err = errno;
        return "it cannot be looked at";
    }

    if (!S_ISREG(st.st_mode)) {
        return "it is not a regular file";
    }

    if (st.st_mode & (S_IRWXG|S_IRWXO)) {
        return "its group or others have access to it; chmod 600 it";
    }

    return NULL;
}


static const char *
ngx_spocr_secret_load(int fd, u_char *text, size_t *len, int *err)
{
    ssize_t  n;

    while (*len <= NGX_SPOCR_SECRET_FILE_MAX) {

        n = read(fd, text + *len, NGX_SPOCR_SECRET_FILE_MAX + 1 - *len);

        if (n == 0) {
            return NULL;
        }

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            *err = errno;
            return "it cannot be read";
        }

        *len += (size_t) n;
    }

    return "it is longer than 16384 bytes";
}
