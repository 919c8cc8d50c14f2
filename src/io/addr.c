#include "io/sockaddr.h"
#include "io/tcp.h"

#include <arpa/inet.h>

void sotto_io_to_sockaddr(struct sockaddr_storage *out, const struct sotto_addr *addr)
{
    memset(out, 0, sizeof *out);
    if (addr->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(addr->port);
        memcpy(&in->sin_addr, addr->ip, 4);
    } else {
        struct sockaddr_in6 *in = (struct sockaddr_in6 *)out;
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(addr->port);
        memcpy(&in->sin6_addr, addr->ip, 16);
    }
}

struct sotto_addr sotto_io_from_sockaddr(const struct sockaddr *from)
{
    struct sotto_addr addr = { 0 };
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        addr.family = 4;
        addr.port = ntohs(in->sin_port);
        memcpy(addr.ip, &in->sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)from;
        addr = sotto_io_addr_v6(in->sin6_addr.s6_addr, ntohs(in->sin6_port));
    }
    return addr;
}

struct sotto_addr sotto_io_addr_v6(const uint8_t ip[16], uint16_t port)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    struct sotto_addr addr = { .port = port };
    if (memcmp(ip, mapped, sizeof mapped) == 0) {
        addr.family = 4;
        memcpy(addr.ip, ip + 12, 4);
    } else {
        addr.family = 6;
        memcpy(addr.ip, ip, 16);
    }
    return addr;
}

enum sotto_err sotto_io_addr(struct sotto_addr *out, const char *text, uint16_t port)
{
    struct sotto_addr addr = { .family = 4, .port = port };
    if (inet_pton(AF_INET, text, addr.ip) == 1) {
        *out = addr;
        return SOTTO_OK;
    }
    char bare[INET6_ADDRSTRLEN];
    size_t size = strlen(text);
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (size >= sizeof bare) return SOTTO_ERR_FORMAT;
    memcpy(bare, text, size);
    bare[size] = 0;
    uint8_t ip[16];
    if (inet_pton(AF_INET6, bare, ip) != 1) return SOTTO_ERR_FORMAT;
    *out = sotto_io_addr_v6(ip, port);
    return SOTTO_OK;
}
