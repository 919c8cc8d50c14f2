/* Any bytes as a discovery packet, and any bytes as type and data of one that is signed and hashed as it stands. What is accepted can be
 * written again, and then says the same. */
#include "support/fuzz_input.h"

#include "crypto/hash.h"
#include "p2p/discv4_packet.h"

static const struct sotto_scalar secret = { { [31] = 7 } };

static void check(struct sotto_span in)
{
    struct sotto_disc_packet p, q;
    struct sotto_disc_bytes again;
    memset(&p, 0xa5, sizeof p);
    if (fuzz_err(sotto_disc_read(&p, in)) != SOTTO_OK) {
        for (size_t i = 0; i < sizeof p; i++) SOTTO_ASSERT(((uint8_t *)&p)[i] == 0xa5);
        return;
    }
    SOTTO_ASSERT(p.node_count <= SOTTO_DISC_NODES_MAX && p.record.size <= in.size);
    if (p.record.size) SOTTO_ASSERT(p.record.data >= in.data && p.record.data + p.record.size <= in.data + in.size);
    if (p.node_count > SOTTO_DISC_NEIGHBORS_MAX) return;
    SOTTO_ASSERT(sotto_disc_write(&again, &p, &secret) == SOTTO_OK && sotto_disc_read(&q, sotto_span(again.b, again.size)) == SOTTO_OK);
    SOTTO_ASSERT(p.type == q.type && p.expiration == q.expiration && p.version == q.version && p.enr_seq == q.enr_seq && p.node_count == q.node_count);
    SOTTO_ASSERT(memcmp(&p.from, &q.from, sizeof p.from) == 0 && memcmp(&p.to, &q.to, sizeof p.to) == 0 && memcmp(p.reply_to, q.reply_to, 32) == 0);
    SOTTO_ASSERT(memcmp(p.target, q.target, 64) == 0 && memcmp(p.nodes, q.nodes, sizeof p.nodes) == 0 && sotto_span_equal(p.record, q.record));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_disc_bytes b;
    struct sotto_sig65 sig;
    uint8_t digest[32];
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    check(sotto_span(data, size));
    if (size == 0 || size > SOTTO_DISC_PACKET_MAX - 97) return 0;
    memcpy(b.b + 97, data, size);
    b.size = 97 + size;
    sotto_keccak256(digest, sotto_span(data, size));
    SOTTO_ASSERT(sotto_sign(&sig, &secret, digest) == SOTTO_OK);
    sig.b[64] -= 27;
    memcpy(b.b + 32, sig.b, 65);
    sotto_keccak256(b.b, sotto_span(b.b + 32, b.size - 32));
    check(sotto_span(b.b, b.size));
    return 0;
}
