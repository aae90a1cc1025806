
/*
 * Secrets: the files of spocr_secret_file and spocr_upstream_secret_file, and
 * the signature that a backend checks (C-34, C-42).
 *
 * Layer 0: no request, no clock.  Files are read while nginx reads its
 * configuration, and by spocrctl.
 */

#ifndef _NGX_SPOCR_SECRET_H_INCLUDED_
#define _NGX_SPOCR_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_SPOCR_SECRET_LEN      32
#define NGX_SPOCR_SECRET_ID_LEN   4        /* which one it is */
#define NGX_SPOCR_SECRETS_MAX     8        /* lines of a file */
#define NGX_SPOCR_SIGNATURE_LEN   64       /* hex digits */


typedef struct {
    u_char                secret[NGX_SPOCR_SECRET_LEN];
    u_char                record[NGX_SPOCR_SECRET_LEN];  /* what seals records,
                                                          * made of it */
    u_char                id[NGX_SPOCR_SECRET_ID_LEN];   /* tells nothing of
                                                          * the secret */
} ngx_spocr_secret_t;


/* The first one is for what is new; n is 1 at least. */
typedef struct {
    ngx_uint_t            n;
    ngx_spocr_secret_t    all[NGX_SPOCR_SECRETS_MAX];
} ngx_spocr_secrets_t;


/*
 * The text of a file: a secret a line, 64 hex digits; empty lines and those
 * that begin with # do not count.  NULL, or what is wrong; *line is where, or
 * 0 where it is no line's fault.
 */
const char *ngx_spocr_secrets_parse(ngx_spocr_secrets_t *secrets,
    const u_char *text, size_t len, ngx_uint_t *line);

/*
 * Reads a file, which must be a regular one that its owner alone can read or
 * write (0600 or stricter).  NULL, or what is wrong, in static memory; *line
 * as above; *err is errno where the system said it, else 0.
 */
const char *ngx_spocr_secrets_read(ngx_spocr_secrets_t *secrets,
    const char *path, ngx_uint_t *line, int *err);

/* What X-Spocr-Signature tells of a request. */
typedef struct {
    int64_t               time;            /* seconds of the epoch */
    ngx_str_t             method;
    ngx_str_t             target;          /* as forwarded, with the query */
    ngx_str_t             request_id;
    ngx_str_t             uid;             /* or empty */
    ngx_str_t             key_id;
} ngx_spocr_signed_t;

/*
 * Lower-case hex of HMAC-SHA256(secret, time LF method LF target LF request
 * id LF uid LF key id).  None of these can hold a LF, so no two requests have
 * the same text.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_spocr_secret_sign(const ngx_spocr_secret_t *secret,
    const ngx_spocr_signed_t *what, u_char hex[NGX_SPOCR_SIGNATURE_LEN]);


#endif /* _NGX_SPOCR_SECRET_H_INCLUDED_ */
