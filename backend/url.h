#ifndef BE_URL_H
#define BE_URL_H

#include <jansson.h>

/* Why a URL is not requested. */
typedef enum {
    BE_URL_OK = 0,
    BE_URL_BAD,                  /* no URL, or no host in it */
    BE_URL_SCHEME,               /* neither http nor https */
    BE_URL_USER,                 /* a user name or password in it */
    BE_URL_PORT                  /* neither 80 nor 443 */
} be_url_e;

/*
 * What can be told from the text of somebody else's URL.  allowed is the
 * operator's ["host:port", ...]: *listed says whether the URL is one of
 * these, which may have any port and any address.
 */
be_url_e be_url_check(const char *url, const json_t *allowed, int *listed);

/* Whether its host is an address that is not public, or a name of this
 * machine.  A courtesy: what a name resolves to is known at connect time. */
int be_url_inside(const char *url);

/* Its "host:port" in lower case, in out; "" where it has none. */
void be_url_site(const char *url, char *out, size_t size);

#endif
