#include "relay/link_send.h"

enum { ITEM_HEAD = 5, KEEP_CAP = 2048, PIECE_MIN = 16 };          /* a piece shorter than this waits for the next cell */

struct sotto_rl_queue sotto_rl_queue(size_t max) { return (struct sotto_rl_queue){ .bytes = sotto_buf_make(max) }; }
void sotto_rl_queue_end(struct sotto_rl_queue *q)
{
    sotto_buf_free(&q->bytes);
    q->at = q->sent = 0;
}

enum sotto_err sotto_rl_queue_add(struct sotto_rl_queue *q, uint8_t code, struct sotto_span body)
{
    uint8_t head[ITEM_HEAD] = { code };
    SOTTO_ASSERT(body.size > 0 && body.size <= UINT32_MAX);
    if (q->at > 0 && q->at >= q->bytes.size / 2) {                    /* half of it has left: what is moved is less than what was */
        sotto_buf_drop(&q->bytes, q->at);
        q->at = 0;
    }
    sotto_put_be32(head + 1, (uint32_t)body.size);
    SOTTO_TRY(sotto_buf_reserve(&q->bytes, sizeof head + body.size));
    SOTTO_TRY(sotto_buf_add(&q->bytes, head, sizeof head));
    return sotto_buf_add_span(&q->bytes, body);
}

static void put(struct sotto_rl_pack *p, uint8_t code, unsigned flags, struct sotto_span body)
{
    uint8_t *to = p->plain + p->at;
    to[0] = code;
    to[1] = (uint8_t)flags;
    sotto_put_be16(to + 2, (uint16_t)body.size);
    memcpy(to + SOTTO_RL_HEAD, body.data, body.size);
    p->at += SOTTO_RL_HEAD + body.size;
    p->bytes[flags & 3u] += (uint32_t)(SOTTO_RL_HEAD + body.size);
    p->channels |= (uint8_t)(1u << (flags & 3u));
}

bool sotto_rl_pack_record(struct sotto_rl_pack *p, uint8_t code, struct sotto_span body, size_t end)
{
    SOTTO_ASSERT(end <= sizeof p->plain && sotto_rl_channel(code) < SOTTO_RL_CHANNELS);
    if (p->at + SOTTO_RL_HEAD + body.size > end) return false;
    put(p, code, SOTTO_RL_FIRST | sotto_rl_channel(code), body);
    return true;
}

/* The first message has left: the next one is first. */
static void next_message(struct sotto_rl_queue *q, uint32_t size)
{
    q->at += ITEM_HEAD + size;
    q->sent = 0;
    if (sotto_rl_queue_any(q)) return;
    q->at = 0;
    if (q->bytes.cap > KEEP_CAP) sotto_buf_free(&q->bytes);
    else q->bytes.size = 0;
}

unsigned sotto_rl_pack_queue(struct sotto_rl_pack *p, struct sotto_rl_queue *q, unsigned channel, struct sotto_rl_credit *credit, size_t end, unsigned most)
{
    unsigned count = 0;
    SOTTO_ASSERT(end <= sizeof p->plain);
    while (sotto_rl_queue_any(q) && count < most && p->at + SOTTO_RL_HEAD < end) {
        const uint8_t *item = q->bytes.data + q->at;
        uint32_t size = sotto_be32(item + 1), left = size - q->sent;
        uint64_t room = end - p->at - SOTTO_RL_HEAD, credit_left = sotto_rl_credit_left(credit, channel);
        if (credit_left <= SOTTO_RL_HEAD) break;
        if (room > credit_left - SOTTO_RL_HEAD) room = credit_left - SOTTO_RL_HEAD;
        uint32_t take = left <= room ? left : (uint32_t)room;
        if (take < left && take < PIECE_MIN) break;
        bool took = sotto_rl_credit_record(credit, channel, take);
        SOTTO_ASSERT(took);
        unsigned flags = channel | (q->sent == 0 ? SOTTO_RL_FIRST : 0) | (take < left ? SOTTO_RL_MORE : 0);
        put(p, item[0], flags, sotto_span(item + ITEM_HEAD + q->sent, take));
        count++;
        q->sent += take;
        if (take == left) next_message(q, size);
    }
    return count;
}

void sotto_rl_pack_close(struct sotto_rl_pack *p, size_t size)
{
    SOTTO_ASSERT(p->at <= size && size <= sizeof p->plain);
    if (p->at == size) return;
    memset(p->plain + p->at, 0, size - p->at);
    p->plain[p->at] = SOTTO_RL_END_MARK;
}
