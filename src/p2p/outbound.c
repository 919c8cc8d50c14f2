/* What p2p/dial.h wishes, on connections: each of them carries the ticket that wants it, two of them the same one when a node is tried
 * by both of its addresses. */
#include "p2p/state.h"

static bool barred(void *owner, const uint8_t key[64], const struct sotto_addr addr[2], struct sotto_now now)
{
    const struct sotto_host *h = owner;
    if (memcmp(h->key, key, 64) == 0 || sotto_host_static(h, key) || sotto_host_by_key(h, key) || sotto_rep_node_banned(h->rep, key, now)) return true;
    for (unsigned i = 0; i < 2; i++)
        if (addr[i].family && !sotto_host_exempt(h, &addr[i]) && sotto_rep_address_banned(h->rep, &addr[i], now)) return true;
    return false;
}

enum sotto_err sotto_outbound_new(struct sotto_host *h)
{
    if (!h->config.book) return SOTTO_OK;
    unsigned places = h->config.outbound_max < SOTTO_DIAL_PLACES_MAX ? h->config.outbound_max : SOTTO_DIAL_PLACES_MAX;
    struct sotto_dial_config config = { .local = h->config.local, .outbound_max = places, .group = sotto_group_of, .book = h->config.book,
                                        .rng = h->config.rng, .owner = h, .barred = barred };
    return sotto_dial_new(&h->dial, &config);
}

static bool alone(const struct sotto_host *h, uint32_t ticket)
{
    for (unsigned i = 0; i < h->conn_count; i++)
        if (h->conns[i]->ticket == ticket && h->conns[i]->state != SOTTO_CONN_CLOSING) return false;
    return true;
}

static bool begin(struct sotto_host *h, const struct sotto_dial_want *want, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_conn *c = sotto_host_connect(h, &want->node, now, out);
    if (!c) return false;
    c->ticket = want->ticket;
    c->feeler = want->kind == SOTTO_DIAL_FEELER;
    return true;
}

/* At most as many wishes as there are places, so that a peer that cannot be dialled does not hold up the step. */
void sotto_outbound_dial(struct sotto_host *h, bool first, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_dial_want want;
    for (unsigned left = 2 * SOTTO_DIAL_PLACES_MAX; h->dial && !h->quitting && left > 0 && sotto_dial_next(h->dial, &want, first, now); left--) {
        if (want.close) {
            for (unsigned i = 0; i < h->conn_count; i++)
                if (h->conns[i]->ticket == want.ticket) sotto_conn_end(h, h->conns[i], SOTTO_END_REQUESTED, now, out);
            if (alone(h, want.ticket)) (void)!sotto_dial_ended(h->dial, want.ticket, SOTTO_DIAL_GIVEN_UP, now);
        } else if (!begin(h, &want, now, out) && alone(h, want.ticket)) {
            (void)!sotto_dial_ended(h->dial, want.ticket, SOTTO_DIAL_GIVEN_UP, now);
        }
    }
}

void sotto_outbound_opened(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    if (!c->ticket || c->state == SOTTO_CONN_CLOSING) return;
    sotto_dial_opened(h->dial, c->ticket);
    for (unsigned i = 0; i < h->conn_count; i++) {
        struct sotto_conn *o = h->conns[i];
        if (o != c && o->ticket == c->ticket) sotto_conn_end(h, o, SOTTO_END_REPLACED, now, out);
    }
}

void sotto_outbound_up(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now)
{
    if (c->ticket) sotto_dial_up(h->dial, c->ticket, now);
}

static enum sotto_dial_end how(const struct sotto_conn *c)
{
    if (c->up_us) return SOTTO_DIAL_LOST;
    if (c->ours) return SOTTO_DIAL_GIVEN_UP;
    if (c->useless) return SOTTO_DIAL_USELESS;
    return c->proven && c->told ? SOTTO_DIAL_FULL : SOTTO_DIAL_REFUSED;
}

void sotto_outbound_ended(struct sotto_host *h, const struct sotto_conn *c, struct sotto_now now)
{
    if (c->ticket && alone(h, c->ticket)) (void)!sotto_dial_ended(h->dial, c->ticket, how(c), now);      /* the other address: with the next wish */
}

void sotto_outbound_release(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now)
{
    if (!c->ticket) return;
    uint32_t ticket = c->ticket;
    c->ticket = 0;
    c->feeler = false;
    (void)!sotto_dial_ended(h->dial, ticket, SOTTO_DIAL_GIVEN_UP, now);
}
