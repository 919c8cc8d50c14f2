/* Sealed rows of one account: what the store holds is opened and closed here and nowhere else (messaging.md 1.2). */
#include "node/impl.h"

#include "crypto/hash.h"

enum sotto_err sotto_rows_put(struct sotto_node *n, struct sotto_node_account *a, enum sotto_table table, uint64_t row, struct sotto_span plain)
{
    uint8_t nonce[24];
    const char *name = sotto_table_name(table);
    struct sotto_buf sealed = sotto_buf_make(SOTTO_STORE_VALUE_MAX);
    sotto_rng_fill(&n->rng.rng, nonce, sizeof nonce);
    enum sotto_err err = sotto_row_seal(&sealed, &a->keys->sub[sotto_purpose_of(table)], name, row, "value", plain, nonce);
    if (err == SOTTO_OK) err = sotto_store_put(n->store, a->number, name, row, sotto_buf_span(&sealed));
    sotto_buf_free(&sealed);
    return err;
}

void sotto_chat_key(uint8_t out[16], const struct sotto_node_account *a, const struct sotto_id *chat)
{
    uint8_t mac[32];
    SOTTO_HMAC(mac, SOTTO_SPAN(a->keys->sub[SOTTO_PURPOSE_CONTACTS].b), sotto_span_str("chat"), SOTTO_SPAN(chat->b));
    memcpy(out, mac, 16);
}

enum sotto_err sotto_rows_message_put(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_history *h)
{
    uint8_t nonce[24], chat[16];
    struct sotto_buf plain = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX), sealed = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX + SOTTO_ROW_OVERHEAD);
    enum sotto_err err = sotto_history_encode(&plain, h);
    sotto_rng_fill(&n->rng.rng, nonce, sizeof nonce);
    if (err == SOTTO_OK)
        err = sotto_row_seal(&sealed, &a->keys->sub[SOTTO_PURPOSE_MESSAGES], "message", h->m.message, "value", sotto_buf_span(&plain), nonce);
    if (err == SOTTO_OK) {
        sotto_chat_key(chat, a, &h->m.chat);
        struct sotto_store_message row = { .id = h->m.message, .chat = SOTTO_SPAN(chat), .state = (uint32_t)h->m.state,
                                           .ms = h->m.own ? h->m.ms : h->m.arrived_ms, .value = sotto_buf_span(&sealed) };
        err = sotto_store_message_put(n->store, a->number, &row);
    }
    sotto_buf_free(&plain);
    sotto_buf_free(&sealed);
    return err;
}

struct get { struct sotto_node_account *account; struct sotto_history *out; struct sotto_buf *hold; };
static enum sotto_err got(void *ctx, const struct sotto_store_message *m)
{
    struct get *g = ctx;
    SOTTO_TRY(sotto_row_open(g->hold, &g->account->keys->sub[SOTTO_PURPOSE_MESSAGES], "message", m->id, "value", m->value));
    return sotto_history_decode(g->out, m->id, sotto_buf_span(g->hold));
}

/* hold keeps the plain text that out points into. */
enum sotto_err sotto_rows_message_get(struct sotto_node *n, struct sotto_node_account *a, uint64_t message, struct sotto_history *out, struct sotto_buf *hold)
{
    struct get g = { a, out, hold };
    return sotto_store_message_get(n->store, a->number, message, got, &g);
}

enum sotto_err sotto_rows_message_delete(struct sotto_node *n, struct sotto_node_account *a, uint64_t message)
{
    n->removed = true;
    sotto_tasks_forget(n);
    return sotto_store_message_delete(n->store, a->number, message);
}
