/* Payloads of the base protocol, and which capabilities two sides share (devp2p.md 7, 7.1). Internal to p2p/. */
#ifndef SOTTO_P2P_HELLO_H
#define SOTTO_P2P_HELLO_H

#include "p2p/host.h"

#define SOTTO_HELLO_PAYLOAD_MAX 2048u
#define SOTTO_P2P_VERSION 5u                          /* from this version on payloads are Snappy blocks */
#define SOTTO_CLIENT_ID "sotto/1"                     /* no version, no system name: nothing that tells nodes apart */
#define SOTTO_FIRST_CODE 0x10u                        /* the first code that belongs to a capability */
#define SOTTO_CAPABILITY_NAME_MAX 8u
#define SOTTO_CAPABILITIES_MAX 8u                     /* of one host; sotto has two */

enum sotto_base_code { SOTTO_CODE_HELLO = 0x00, SOTTO_CODE_DISCONNECT = 0x01, SOTTO_CODE_PING = 0x02, SOTTO_CODE_PONG = 0x03 };

struct sotto_hello {
    uint64_t version, port;
    struct sotto_span client, key;        /* borrowed from the payload; key of any size */
    struct sotto_span capabilities;       /* the items of the list, all of them checked */
};
/* port and key as given; ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_hello_write(struct sotto_buf *out, const struct sotto_capability *caps, unsigned cap_count,
                                                uint16_t port, const uint8_t key[64]);
/* Extra elements and bytes after the list are left for later versions. ERR_RLP. */
SOTTO_MUST_USE enum sotto_err sotto_hello_read(struct sotto_hello *out, struct sotto_span payload);

SOTTO_MUST_USE enum sotto_err sotto_disconnect_write(struct sotto_buf *out, enum sotto_reason reason);
/* [reason] or a bare integer, as a Snappy block or plain, in this order (c1 xx is never a valid block). What does not decode
 * counts as 0. */
uint64_t sotto_disconnect_read(struct sotto_span payload);

/* One shared capability and its first code. */
struct sotto_block { const struct sotto_capability *cap; unsigned first; };
/* Same name and version on both sides, the highest version per name, in byte order of the names. Returns how many. */
unsigned sotto_blocks_agree(struct sotto_block out[SOTTO_CAPABILITIES_MAX], const struct sotto_capability *caps, unsigned cap_count,
                            struct sotto_span remote);
/* The block that holds this code, or NULL. */
const struct sotto_block *sotto_block_of(const struct sotto_block *blocks, unsigned count, uint32_t code);

/* Printable ASCII for logs and screens: every other byte becomes '?'. */
void sotto_client_text(char out[128], struct sotto_span client);

#endif
