/* What a person set for one conversation on this node alone: draft, archived, how long to keep. A sealed row of its own. */
#ifndef SOTTO_NODE_CHATS_H
#define SOTTO_NODE_CHATS_H

#include "node/impl.h"

#define SOTTO_DRAFT_MAX 65536u

struct sotto_chat {
    struct sotto_id id;
    bool archived;
    uint64_t keep_ms;                     /* 0 = for ever */
    struct sotto_buf draft;
};
/* A chat without a row has the defaults. Free the draft. */
SOTTO_MUST_USE enum sotto_err sotto_chat_load(struct sotto_chat *out, struct sotto_node *n, struct sotto_node_account *a, const struct sotto_id *id);
/* The row before it is sealed. _decode: ERR_FORMAT for anything that _encode does not write; frees nothing. */
SOTTO_MUST_USE enum sotto_err sotto_chat_encode(struct sotto_buf *out, const struct sotto_chat *chat);
SOTTO_MUST_USE enum sotto_err sotto_chat_decode(struct sotto_chat *out, struct sotto_span plain);
SOTTO_MUST_USE enum sotto_err sotto_chat_save(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_chat *chat);
void sotto_api_chat_fill(struct sotto_api *api);

#endif
