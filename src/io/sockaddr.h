/* Our addresses as those of the system, and back. Only for io/. Threads: any. */
#ifndef SOTTO_IO_SOCKADDR_H
#define SOTTO_IO_SOCKADDR_H

#include "base/step.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* addr->family is 4 or 6. */
void sotto_io_to_sockaddr(struct sockaddr_storage *out, const struct sotto_addr *addr);
/* A v4-mapped address becomes 4; family 0: neither IPv4 nor IPv6. */
struct sotto_addr sotto_io_from_sockaddr(const struct sockaddr *from);

#endif
