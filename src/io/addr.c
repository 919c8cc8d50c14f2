#include "io/tcp.h"

#include <arpa/inet.h>

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
