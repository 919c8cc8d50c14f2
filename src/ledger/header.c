#include "ledger/header.h"

#include "ledger/codec.h"
#include "ledger/target.h"
#include "ledger/th.h"


enum { VERSION = 1 };

void sotto_header_put(uint8_t out[SOTTO_HEADER_SIZE], const struct sotto_header *h)
{
    sotto_put_le32(out, h->version);
    sotto_put_le32(out + 4, h->height);
    memcpy(out + 8, h->prev.b, 64);
    memcpy(out + 72, h->tx_root, 32);
    memcpy(out + 104, h->state_root, 32);
    memcpy(out + 136, h->engine_root, 32);
    memcpy(out + 168, h->spare_root, 32);
    sotto_put_le64(out + 200, h->time_ms);
    sotto_put_le32(out + 208, h->bits);
    sotto_put_le32(out + 212, h->flags);
    sotto_put_le64(out + 216, h->nonce);
}

enum sotto_err sotto_header_take(struct sotto_header *out, struct sotto_span bytes)
{
    if (bytes.size != SOTTO_HEADER_SIZE) return SOTTO_H_SIZE;
    const uint8_t *b = bytes.data;
    struct sotto_header h = { .version = sotto_le32(b), .height = sotto_le32(b + 4), .time_ms = sotto_le64(b + 200), .bits = sotto_le32(b + 208),
                              .flags = sotto_le32(b + 212), .nonce = sotto_le64(b + 216) };
    memcpy(h.prev.b, b + 8, 64);
    memcpy(h.tx_root, b + 72, 32);
    memcpy(h.state_root, b + 104, 32);
    memcpy(h.engine_root, b + 136, 32);
    memcpy(h.spare_root, b + 168, 32);
    static const uint8_t zero[32];
    if (h.version != VERSION || h.flags >= SOTTO_ENGINES || memcmp(h.spare_root, zero, sizeof zero) != 0) return SOTTO_H_FIELD;
    if (h.flags != SOTTO_ENGINE_POW && (h.bits != 0 || h.nonce != 0)) return SOTTO_H_FIELD;
    *out = h;
    return SOTTO_OK;
}

void sotto_header_id_of(struct sotto_block_id *out, const uint8_t header[SOTTO_HEADER_SIZE])
{
    sotto_sha512(out->b, sotto_span(header, SOTTO_HEADER_SIZE));
}

void sotto_header_id(struct sotto_block_id *out, const struct sotto_header *h)
{
    uint8_t bytes[SOTTO_HEADER_SIZE];
    sotto_header_put(bytes, h);
    sotto_header_id_of(out, bytes);
}

void sotto_engine_root(uint8_t out[32], struct sotto_span section)
{
    if (section.size == 0) memset(out, 0, 32);
    else SOTTO_TH_OF(out, SOTTO_TH_ENGINE, section);
}

uint64_t sotto_median_time(const uint64_t *times_ms, size_t count)
{
    uint64_t sorted[SOTTO_MEDIAN_SPAN];
    SOTTO_ASSERT(count >= 1 && count <= SOTTO_MEDIAN_SPAN);
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && sorted[at - 1] > times_ms[i]; at--) sorted[at] = sorted[at - 1];
        sorted[at] = times_ms[i];
    }
    return sorted[count / 2];
}

enum sotto_err sotto_header_follows(const struct sotto_header *h, const struct sotto_header *parent, const struct sotto_chain_rule *rule)
{
    struct sotto_block_id id;
    sotto_header_id(&id, parent);
    if (!sotto_block_id_equal(&h->prev, &id)) return SOTTO_H_PARENT;
    if (parent->height == UINT32_MAX || h->height != parent->height + 1 || h->flags != (uint32_t)rule->engine) return SOTTO_H_FIELD;
    if (h->time_ms <= rule->median_ms) return SOTTO_H_TIME_OLD;
    if (parent->time_ms > h->time_ms && parent->time_ms - h->time_ms > SOTTO_TIME_BACK_MS) return SOTTO_H_TIME_BACK;
    if (h->time_ms > rule->clock_ms && h->time_ms - rule->clock_ms > SOTTO_TIME_AHEAD_MS) return SOTTO_H_TIME_NEW;
    if (rule->engine != SOTTO_ENGINE_POW) return SOTTO_OK;
    struct sotto_target target;
    if (h->bits != rule->bits) return SOTTO_W_BITS;
    SOTTO_TRY(sotto_target_of(&target, h->bits));
    sotto_header_id(&id, h);
    return sotto_target_met(&target, id.b) ? SOTTO_OK : SOTTO_W_WORK;
}
