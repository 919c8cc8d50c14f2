/* RLPx frames: sealing and opening one message after the handshake (devp2p.md 6). Internal to p2p/.
 *
 *     header_ct 16 | header_mac 16 | body_ct, rounded up to 16 | body_mac 16
 *
 * One object per connection, both directions. Threads: one owner. */
#ifndef SOTTO_P2P_FRAME_H
#define SOTTO_P2P_FRAME_H

#include "p2p/rlpx.h"

#define SOTTO_FRAME_HEAD 32u
#define SOTTO_FRAME_MAC 16u
#define SOTTO_FRAME_SIZE_MAX 0xffffffu
#define SOTTO_FRAME_CODE_MAX 5u                       /* bytes that a message code may take in front of the payload */

struct sotto_ctr;
struct sotto_aes;
struct sotto_frames {
    struct sotto_ctr *seal, *open;
    struct sotto_aes *mac;
    struct sotto_keccak egress, ingress;
    uint8_t egress_digest[16], ingress_digest[16];    /* of these states as they stand: every MAC asks for the one that the last one ended with */
};

SOTTO_MUST_USE enum sotto_err sotto_frames_begin(struct sotto_frames *out, const struct sotto_rlpx_secrets *secrets);   /* ERR_NOMEM */
void sotto_frames_end(struct sotto_frames *f);        /* wipes; safe on a zeroed object and twice */

/* Bytes of body on the wire, padding and MAC included, of a frame that declares size. */
static inline size_t sotto_frame_rest(uint32_t size) { return ((size_t)size + 15) / 16 * 16 + SOTTO_FRAME_MAC; }

/* Appends one whole frame. ERR_FRAME_SIZE, ERR_FULL, ERR_NOMEM: then nothing was appended and no state has moved. */
SOTTO_MUST_USE enum sotto_err sotto_frame_write(struct sotto_frames *f, struct sotto_buf *out, unsigned code, struct sotto_span payload);

/* In two steps: the frame without its MACs, then those of several connections at once, which costs less (crypto/hash.h). What stands there
 * is whole only after the second, and no other frame of the connection is sealed in between. */
SOTTO_MUST_USE enum sotto_err sotto_frame_write_bare(struct sotto_frames *f, struct sotto_buf *out, unsigned code, struct sotto_span head,
                                                     struct sotto_span payload);       /* head: what stands in front of the payload */
#define SOTTO_FRAMES_SEAL_MAX 8u
struct sotto_bare_frame { struct sotto_frames *frames; uint8_t *bytes; size_t size; };            /* from its header to its end; no connection twice */
void sotto_frames_seal(const struct sotto_bare_frame *bare, unsigned count);                       /* count <= SOTTO_FRAMES_SEAL_MAX */

/* Checks the header's MAC, then tells the declared size. ERR_FRAME_MAC, ERR_FRAME_SIZE (an empty frame). After an error the
 * connection cannot go on. */
SOTTO_MUST_USE enum sotto_err sotto_frame_head(struct sotto_frames *f, uint32_t *size, const uint8_t head[SOTTO_FRAME_HEAD]);
/* rest = sotto_frame_rest(size) bytes, decrypted in place; payload points into it. ERR_FRAME_MAC, ERR_RLP (code). */
SOTTO_MUST_USE enum sotto_err sotto_frame_body(struct sotto_frames *f, uint32_t *code, struct sotto_span *payload, uint8_t *rest, uint32_t size);

#endif
