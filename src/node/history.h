/* One line of history as it is stored: the value of a `message` row before it is sealed, and inside a backup. Pure. */
#ifndef SOTTO_NODE_HISTORY_H
#define SOTTO_NODE_HISTORY_H

#include "conversation/messenger.h"

#define SOTTO_HISTORY_STATES_MAX 16u      /* the newest are kept: a resent message changes state a few times a day at most */
#define SOTTO_HISTORY_SIZE_MAX (16u << 10)

struct sotto_history {
    struct sotto_message m;               /* spans point into what was decoded, or where the caller put them */
    unsigned state_count;
    struct { uint8_t state; uint64_t ms; } states[SOTTO_HISTORY_STATES_MAX];
};
SOTTO_MUST_USE enum sotto_err sotto_history_encode(struct sotto_buf *out, const struct sotto_history *h);
/* ERR_FORMAT for anything not written by _encode. The message number itself is the row id: not inside. */
SOTTO_MUST_USE enum sotto_err sotto_history_decode(struct sotto_history *out, uint64_t message, struct sotto_span bytes);
void sotto_history_state(struct sotto_history *h, enum sotto_message_state state, uint64_t ms);

#endif
