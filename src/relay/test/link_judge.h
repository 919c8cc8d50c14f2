/* A second reader of one direction of a link, written from network.md 2 and not from link_receive.c: plain texts of cells in, and what each must lead
 * to. It holds the credit of its direction, which WINDOW in the other one raises, and the messages that are open. For tests; one owner. */
#ifndef SOTTO_RELAY_TEST_LINK_JUDGE_H
#define SOTTO_RELAY_TEST_LINK_JUDGE_H

#include "relay/link.h"

enum { JUDGE_RECORDS_MAX = SOTTO_RL_PLAIN_L / 5 + 1 };
struct judge_record { uint8_t code, channel; bool first, more; struct sotto_span body; };
struct judge_open { bool open; uint8_t code; size_t size; uint64_t first_us; struct sotto_buf bytes; };
struct judge {
    bool ready, padded;                           /* READY came; stem class 1 of the sender */
    uint16_t roles;                               /* what READY must say */
    uint64_t cells, used[SOTTO_RL_CHANNELS], limit[SOTTO_RL_CHANNELS];
    struct judge_open at[SOTTO_RL_CHANNELS];
    struct judge *back;                           /* the other direction */
    /* of the latest cell */
    struct judge_record records[JUDGE_RECORDS_MAX];
    unsigned count, channels;                     /* records; bit i: one of channel i */
    size_t text_size;                             /* bytes before the end mark */
    struct sotto_buf whole;                       /* messages it completed: code(1) || channel(1) || size(4) || bytes */
};

void judge_begin(struct judge *j, struct judge *back, uint16_t roles, bool padded, uint64_t window2);
void judge_end(struct judge *j);
/* What the other end must answer: OK, or the refusal that wins. After a refusal the judge is of no more use. */
enum sotto_err judge_cell(struct judge *j, struct sotto_span plain, uint64_t now_us);
/* Bytes of messages of this direction that are not whole. */
size_t judge_open_bytes(const struct judge *j);

#endif
