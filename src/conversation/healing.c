/* Sessions whose two ends do not fit any more: one side lives on from an old copy of its state (messaging.md 1.2, 4.9). Nobody tells, since an
 * old copy looks like a state; what is left is what its cells give away:
 *
 *     proof    an authentic cell that cannot be: an acknowledgement of what was never sent, a header that contradicts its chain, a second cell
 *              under a used address, another message under a used number. Only the other end can make one: asked at once
 *     doubt    a cell under an address of ours that does not open. A relay that saw the address can make one: only with an own message that two
 *              whole copies did not bring there
 *     silence  no acknowledgement for a day, whatever else is heard: a friend who is away, most likely, so once a day at most. Sooner would
 *              renew healthy sessions in a bad network and of everybody who sleeps
 *
 * What the other end acknowledges may be what the lost time wrote: see "Acknowledgements that prove something" below.
 *
 * Asking is M1 with the resync flag; the contact stays as it is, and "session renewed" is said when the answer is here. One M1 at a time; a
 * relay's doubt can bring at most one session in resync_every_ms. Until then the parted session acknowledges nothing and believes no
 * acknowledgement: the same numbers may name two messages. */
#include "conversation/messenger_impl.h"

enum { DOUBT_COPIES = 2 };                /* a receipt may take longer than one copy lives */

static void ask(struct sotto_messenger *m, const struct talk *t, uint64_t pause_ms)
{
    struct contact *c = t->contact;
    if (c->state != SOTTO_CONTACT_MUTUAL || c->blocked || !c->cert_size || t->retire_ms || sotto_talk_sending(c) != t) return;
    if (sotto_hello_of(m, &c->id, HELLO_OUT) || !sotto_hello_room(m)) return;
    if (c->t_out_ms <= m->now_ms && m->now_ms < c->t_out_ms + pause_ms) return;
    (void)!sotto_hello_start(m, c, SOTTO_HELLO_RESYNC, NULL);
}

void sotto_heal_parted(struct sotto_messenger *m, struct talk *t)
{
    if (!t->confirmed || t->retire_ms) return;
    if (!t->parted) {
        t->parted = true;
        sotto_mark(m, &t->node);
    }
    ask(m, t, m->timing.resync_every_ms);
}

void sotto_heal_refused(struct sotto_messenger *m, struct talk *t, enum sotto_err err)
{
    if (err == SOTTO_ERR_HEADER_CHAIN || err == SOTTO_ERR_HEADER_KEY) sotto_heal_parted(m, t);     /* the header was authentic */
    if (err != SOTTO_ERR_AEAD || t->doubted || t->retire_ms || !t->contact->unacked) return;
    t->doubted = true;
    sotto_mark(m, &t->node);
}

void sotto_heal_copy_gone(struct sotto_messenger *m, const struct outgoing *o)
{
    const struct talk *t = o->talk;
    if (!t || !o->sent_ms) return;
    bool silent = m->now_ms >= o->first_ms + m->timing.resync_silent_ms;
    struct hello *own = sotto_hello_of(m, &o->id, HELLO_OUT);
    if (own && silent && o->contact->state == SOTTO_CONTACT_MUTUAL) sotto_hello_again(m, o->contact, own);
    else if (t->parted || (t->doubted && o->copies >= DOUBT_COPIES)) ask(m, t, m->timing.resync_every_ms);
    else if (silent) ask(m, t, m->timing.resync_silent_ms);
}

void sotto_heal_healthy(struct sotto_messenger *m, const struct talk *t)
{
    struct hello *own = t->contact->state == SOTTO_CONTACT_MUTUAL && sotto_talk_sending(t->contact) == t ? sotto_hello_of(m, &t->id, HELLO_OUT) : NULL;
    if (own) sotto_hello_free(m, own);
}

/* ---- Acknowledgements that prove something ----
 *
 * An old copy gives the same numbers again, and what the other end once acknowledged is not what they name now. Its acknowledgements come on a
 * chain that it made with our ratchet key of that time, and a copy can read that chain if the key is in it. So an acknowledgement counts on a
 * chain made with a key that is younger: always the next one for what was written on a chain of this process; for what was still written on one
 * that was read from the disk, the one after it. A number that is acknowledged too early is said once more, on our next chain. Nothing of this
 * is seen unless a node was started between; then the first "delivered" of a pause takes one more exchange. */

void sotto_heal_loaded(struct talk *t) { t->proven_from = t->s->core.recv_chain + (t->s->core.send_fresh ? 1 : 2); }

uint32_t sotto_heal_need(const struct talk *t)
{
    uint32_t next = t->s->core.recv_chain + 1;
    return next > t->proven_from ? next : t->proven_from;
}

void sotto_heal_unproven(struct sotto_messenger *m, struct talk *t, uint32_t chain)
{
    const struct contact *c = t->contact;
    struct outgoing *least = NULL;
    if (chain != t->s->core.recv_chain || t->retire_ms) return;
    for (uint32_t i = 0; i < c->out.count; i++) {
        struct outgoing *o = (struct outgoing *)c->out.at[i];
        if (o->state == OUT_WAITING) return;          /* leaves next, and asks the same */
        if (o->talk != t || o->state != OUT_FLYING) continue;
        if (o->copy_chain == chain) return;           /* is on its way */
        if (!o->unsent && (!least || o->payload.size < least->payload.size)) least = o;
    }
    if (least) sotto_outgoing_again(m, least);
}

/* ---- Used addresses ---- */

void sotto_heal_remember(struct sotto_messenger *m, struct talk *t, const struct sotto_secret *hs, const uint8_t sealed[SOTTO_CELL_SEALED])
{
    if (t->retire_ms) return;
    if (!t->used) t->used = sotto_guard_new(sizeof *t->used, NULL);
    if (!t->used) return;                 /* one sign less: the others remain */
    struct used *u = t->used;
    uint32_t i = u->next;
    if (u->count == USED_MAX) sotto_tags_remove(m->tags, &u->at[i].tag);
    else u->count++;
    memcpy(u->at[i].tag.b, sealed, SOTTO_TAG_BYTES);
    memcpy(u->at[i].x, sealed + SOTTO_TAG_BYTES, sizeof u->at[i].x);
    u->at[i].hs = *hs;
    u->next = (i + 1) % USED_MAX;
    if (sotto_tags_add(m->tags, &u->at[i].tag, &(struct sotto_tag_place){ t, { SOTTO_SLOT_USED, i } }) == SOTTO_ERR_NOMEM) m->failed = true;
}

void sotto_heal_forget(struct sotto_messenger *m, struct talk *t)
{
    for (uint32_t i = 0; t->used && i < t->used->count; i++) sotto_tags_remove(m->tags, &t->used->at[i].tag);
    sotto_guard_free(t->used);
    t->used = NULL;
}

/* The same cell again is a replay, by whomever. Another one whose header opens was sealed by the other end, which never uses an index twice. */
void sotto_heal_used(struct sotto_messenger *m, struct talk *t, uint32_t place, const uint8_t sealed[SOTTO_CELL_SEALED])
{
    uint8_t header[SOTTO_HEADER_BYTES];
    if (memcmp(t->used->at[place].x, sealed + SOTTO_TAG_BYTES, sizeof t->used->at[place].x) == 0) return;
    bool authentic = sotto_cell_open_header(header, sealed, &t->used->at[place].hs) == SOTTO_OK;
    SOTTO_WIPE(header);
    if (authentic) sotto_heal_parted(m, t);
}
