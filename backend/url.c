/*
 * URLs that somebody else chose: what their text says.  Called by the fetch
 * helper before each hop, and where a webhook is registered.
 * Invariant: libcurl's own parser reads them, so that what is checked is what
 * will be requested.
 */

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "address.h"
#include "url.h"


static int
be_url_listed(const json_t *allowed, const char *host, const char *port)
{
    char         at[300];
    size_t       i;
    const char  *s;

    snprintf(at, sizeof(at), "%s:%s", host, port);

    for (i = 0; i < json_array_size(allowed); i++) {
        s = json_string_value(json_array_get(allowed, i));
        if (s != NULL && strcasecmp(s, at) == 0) {
            return 1;
        }
    }

    return 0;
}


be_url_e
be_url_check(const char *url, const json_t *allowed, int *listed)
{
    char      *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    CURLU     *u;
    be_url_e   rc = BE_URL_OK;

    *listed = 0;
    u = curl_url();

    if (u == NULL || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK
        || curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
    {
        rc = BE_URL_BAD;

    } else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        rc = BE_URL_SCHEME;

    } else if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK
               || *host == '\0'
               || curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)
                  != CURLUE_OK)
    {
        rc = BE_URL_BAD;

    } else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK) {
        rc = BE_URL_USER;

    } else {
        *listed = be_url_listed(allowed, host, port);

        if (!*listed && strcmp(port, "80") != 0 && strcmp(port, "443") != 0) {
            rc = BE_URL_PORT;
        }
    }

    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(u);

    return rc;
}


/* "host", or "host:port". */

static void
be_url_lower(const char *url, int with_port, char *out, size_t size)
{
    char   *host = NULL, *port = NULL;
    size_t  i;
    CURLU  *u;

    *out = '\0';
    u = curl_url();

    if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
        && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK
        && curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)
           == CURLUE_OK)
    {
        snprintf(out, size, "%s%s%s", host, with_port ? ":" : "",
                 with_port ? port : "");

        for (i = 0; out[i] != '\0'; i++) {
            out[i] = (char) tolower((unsigned char) out[i]);
        }
    }

    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
}


void
be_url_site(const char *url, char *out, size_t size)
{
    be_url_lower(url, 1, out, size);
}


int
be_url_inside(const char *url)
{
    char                 host[300], *end;
    size_t               len;
    struct sockaddr_in   in = { 0 };
    struct sockaddr_in6  in6 = { 0 };

    be_url_lower(url, 0, host, sizeof(host));

    if (host[0] == '[') {
        end = strpbrk(host, "]%");
        if (end != NULL) {
            *end = '\0';
        }

        in6.sin6_family = AF_INET6;

        return inet_pton(AF_INET6, host + 1, &in6.sin6_addr) != 1
               || !be_address_public((struct sockaddr *) &in6);
    }

    /* the resolver takes a dot at the end, and other forms, as 0x7f.1, where
     * libcurl has not yet written them in the usual one */

    len = strlen(host);
    if (len > 0 && host[len - 1] == '.') {
        host[--len] = '\0';
    }

    if (inet_aton(host, &in.sin_addr) != 0) {
        in.sin_family = AF_INET;
        return !be_address_public((struct sockaddr *) &in);
    }

    return strcmp(host, "localhost") == 0
           || (len > 10 && strcmp(host + len - 10, ".localhost") == 0);
}
