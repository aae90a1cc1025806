#ifndef BE_ADDRESS_H
#define BE_ADDRESS_H

#include <sys/socket.h>

/* Whether an address is one of the public internet: not loopback, private,
 * link-local, shared, documentation, multicast, mapped or translated. */
int be_address_public(const struct sockaddr *sa);

#endif
