/*
 * Which addresses an image may be fetched from.  Pure.  Called for the very
 * address that is about to be connected to, so that no name can be turned
 * into another address in between.
 */

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "address.h"


static const struct {
    uint32_t  net;
    int       bits;
} be_closed4[] = {
    { 0x00000000, 8 },           /* this network */
    { 0x0A000000, 8 },           /* private */
    { 0x64400000, 10 },          /* carriers' shared addresses */
    { 0x7F000000, 8 },           /* loopback */
    { 0xA9FE0000, 16 },          /* link-local, clouds' metadata */
    { 0xAC100000, 12 },          /* private */
    { 0xC0000000, 24 },          /* protocol assignments */
    { 0xC0000200, 24 },          /* documentation */
    { 0xC0586300, 24 },          /* 6to4 relays */
    { 0xC0A80000, 16 },          /* private */
    { 0xC6120000, 15 },          /* benchmarks */
    { 0xC6336400, 24 },          /* documentation */
    { 0xCB007100, 24 },          /* documentation */
    { 0xE0000000, 3 }            /* multicast, reserved, broadcast */
};

/* Within 2000::/3; all of IPv6 outside of that is closed. */

static const struct {
    unsigned char  net[4];
    int            bits;
} be_closed6[] = {
    { { 0x20, 0x01, 0x00, 0x00 }, 23 },    /* protocols: Teredo, ORCHID ... */
    { { 0x20, 0x01, 0x0D, 0xB8 }, 32 },    /* documentation */
    { { 0x20, 0x02, 0x00, 0x00 }, 16 },    /* 6to4 hides an IPv4 address */
    { { 0x3F, 0xFF, 0x00, 0x00 }, 20 }     /* documentation */
};


static int
be_address4(uint32_t a)
{
    size_t  i;

    for (i = 0; i < sizeof(be_closed4) / sizeof(be_closed4[0]); i++) {
        if ((a ^ be_closed4[i].net) >> (32 - be_closed4[i].bits) == 0) {
            return 0;
        }
    }

    return 1;
}


static int
be_address6(const unsigned char *a)
{
    size_t    i;
    uint32_t  head, net;

    if (a[0] >> 5 != 1) {
        return 0;
    }

    head = (uint32_t) a[0] << 24 | (uint32_t) a[1] << 16
           | (uint32_t) a[2] << 8 | a[3];

    for (i = 0; i < sizeof(be_closed6) / sizeof(be_closed6[0]); i++) {
        net = (uint32_t) be_closed6[i].net[0] << 24
              | (uint32_t) be_closed6[i].net[1] << 16
              | (uint32_t) be_closed6[i].net[2] << 8 | be_closed6[i].net[3];

        if ((uint64_t) (head ^ net) >> (32 - be_closed6[i].bits) == 0) {
            return 0;
        }
    }

    return 1;
}


int
be_address_public(const struct sockaddr *sa)
{
    struct sockaddr_in   in;
    struct sockaddr_in6  in6;

    if (sa->sa_family == AF_INET) {
        memcpy(&in, sa, sizeof(in));
        return be_address4(ntohl(in.sin_addr.s_addr));
    }

    if (sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof(in6));
        return be_address6(in6.sin6_addr.s6_addr);
    }

    return 0;
}
