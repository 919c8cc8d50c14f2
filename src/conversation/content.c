#include "conversation/content.h"

#include "crypto/hash.h"

enum { AT_PAYLOAD = 32 };
_Static_assert(AT_PAYLOAD + SOTTO_PAYLOAD_MAX == SOTTO_BODY_BYTES, "messaging.md 5.1");
_Static_assert(SOTTO_MESSAGE_MAX == 13504, "messaging.md 5.1");

static const struct { uint8_t type; bool counted; } types[] = {
    { SOTTO_CONTENT_EMPTY, false }, { SOTTO_CONTENT_TEXT, true }, { SOTTO_CONTENT_MAIL, true }, { SOTTO_CONTENT_FILE, true },
    { SOTTO_CONTENT_RECEIPT, false }, { SOTTO_CONTENT_READ, false }, { SOTTO_CONTENT_TYPING, false }, { SOTTO_CONTENT_SYSTEM, true },
    { SOTTO_CONTENT_CALL, true }, { SOTTO_CONTENT_CLUSTER, true }, { SOTTO_CONTENT_NEGOTIATION, true },
};

bool sotto_content_known(uint8_t type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == type) return true;
    return false;
}

bool sotto_content_counted(uint8_t type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == type) return types[i].counted;
    return false;
}

void sotto_body_encode(uint8_t out[SOTTO_BODY_BYTES], const struct sotto_body *body)
{
    SOTTO_ASSERT(body->payload.size <= SOTTO_PAYLOAD_MAX);
    SOTTO_ASSERT(body->fragments >= 1 && body->fragments <= SOTTO_FRAGMENTS_MAX && body->fragment < body->fragments);
    memset(out, 0, SOTTO_BODY_BYTES);
    out[0] = body->type;
    out[1] = body->flags;
    sotto_put_be16(out + 2, (uint16_t)body->payload.size);
    sotto_put_be32(out + 4, body->seq);
    sotto_put_be64(out + 8, body->time_ms);
    sotto_put_be32(out + 16, body->ack);
    sotto_put_be32(out + 20, body->ackbits);
    sotto_put_be32(out + 24, body->read);
    out[28] = body->fragment;
    out[29] = body->fragments;
    if (body->payload.size) memcpy(out + AT_PAYLOAD, body->payload.data, body->payload.size);
}

enum sotto_err sotto_body_decode(struct sotto_body *out, const uint8_t in[SOTTO_BODY_BYTES])
{
    size_t size = sotto_be16(in + 2);
    if ((in[1] & ~(SOTTO_BODY_RECORD | SOTTO_BODY_RESENT)) != 0 || size > SOTTO_PAYLOAD_MAX || in[30] != 0 || in[31] != 0 ||
        in[29] < 1 || in[29] > SOTTO_FRAGMENTS_MAX || in[28] >= in[29] || !sotto_all_zero(in + AT_PAYLOAD + size, SOTTO_PAYLOAD_MAX - size))
        return SOTTO_ERR_CONTENT_FORM;
    struct sotto_body b = {
        .type = in[0], .flags = in[1], .seq = sotto_be32(in + 4), .time_ms = sotto_be64(in + 8), .ack = sotto_be32(in + 16),
        .ackbits = sotto_be32(in + 20), .read = sotto_be32(in + 24), .fragment = in[28], .fragments = in[29],
        .payload = sotto_span(in + AT_PAYLOAD, size),
    };
    if (b.time_ms == 0) return SOTTO_ERR_CONTENT_FORM;                   /* B-24: every message includes the time */
    if (sotto_content_known(b.type)) {
        bool counted = sotto_content_counted(b.type);
        if (counted != (b.seq != 0)) return SOTTO_ERR_CONTENT_FORM;
        if (!counted && (b.fragments != 1 || b.flags != 0)) return SOTTO_ERR_CONTENT_FORM;
        if ((b.type == SOTTO_CONTENT_EMPTY || b.type == SOTTO_CONTENT_READ) && size != 0) return SOTTO_ERR_CONTENT_FORM;
    }
    if ((b.flags & SOTTO_BODY_RESENT) && b.fragment == 0 && size < SOTTO_MID_BYTES) return SOTTO_ERR_CONTENT_FORM;
    *out = b;
    return SOTTO_OK;
}

unsigned sotto_fragments(size_t size)
{
    if (size > SOTTO_MESSAGE_MAX) return 0;
    return size == 0 ? 1 : (unsigned)((size + SOTTO_PAYLOAD_MAX - 1) / SOTTO_PAYLOAD_MAX);
}

struct sotto_span sotto_fragment(struct sotto_span message, unsigned i)
{
    size_t from = (size_t)i * SOTTO_PAYLOAD_MAX;
    SOTTO_ASSERT(i < sotto_fragments(message.size));
    size_t left = message.size - from;
    return sotto_span_cut(message, from, left < SOTTO_PAYLOAD_MAX ? left : SOTTO_PAYLOAD_MAX);
}

void sotto_message_id(uint8_t out[SOTTO_MID_BYTES], const uint8_t c2[32], uint8_t dir, uint32_t seq)
{
    uint8_t place[5], digest[32];
    place[0] = dir;
    sotto_put_be32(place + 1, seq);
    SOTTO_TH(digest, "sotto/mid", sotto_span(c2, 32), SOTTO_SPAN(place));
    memcpy(out, digest, SOTTO_MID_BYTES);
}

static bool bit(const struct sotto_window *w, uint32_t i) { return w->bits[i / 8] >> (i % 8) & 1; }

bool sotto_window_has(const struct sotto_window *w, uint32_t seq)
{
    if (seq == 0) return false;
    if (seq <= w->ack) return true;
    uint32_t i = seq - w->ack - 1;
    return i < SOTTO_WINDOW_BITS && bit(w, i);
}

bool sotto_window_fits(const struct sotto_window *w, uint32_t seq)
{
    return seq >= 1 && (seq <= w->ack || seq - w->ack <= SOTTO_WINDOW_BITS);
}

void sotto_window_add(struct sotto_window *w, uint32_t seq)
{
    SOTTO_ASSERT(sotto_window_fits(w, seq));
    if (sotto_window_has(w, seq)) return;
    uint32_t i = seq - w->ack - 1, run = 0;
    w->bits[i / 8] |= (uint8_t)(1u << (i % 8));
    if (seq > w->high) w->high = seq;
    while (run < SOTTO_WINDOW_BITS && bit(w, run)) run++;
    if (run == 0) return;
    uint8_t moved[SOTTO_WINDOW_BITS / 8] = { 0 };
    for (uint32_t j = run; j < SOTTO_WINDOW_BITS; j++)
        if (bit(w, j)) moved[(j - run) / 8] |= (uint8_t)(1u << ((j - run) % 8));
    memcpy(w->bits, moved, sizeof moved);
    w->ack += run;
}

uint32_t sotto_window_ackbits(const struct sotto_window *w)
{
    uint32_t out = 0;
    for (uint32_t i = 0; i < 32; i++)
        if (bit(w, i + 1)) out |= 1u << i;            /* bit 0 of the bitmap is ack + 1, always missing */
    return out;
}

bool sotto_ack_covers(uint32_t ack, uint32_t ackbits, uint32_t seq)
{
    if (seq == 0) return false;
    if (seq <= ack) return true;
    uint32_t i = seq - ack;                           /* 1 = the first missing one */
    return i >= 2 && i - 2 < 32 && (ackbits >> (i - 2) & 1);
}
