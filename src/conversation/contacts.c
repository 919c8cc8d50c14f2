/* Contacts: what a person decides about them, and what time does to them. */
#include "base/text.h"
#include "conversation/messenger_impl.h"

#include <stdlib.h>

struct contact *sotto_contact_find(const struct sotto_messenger *m, const struct sotto_id *id)
{
    for (uint32_t i = 0; i < m->contacts.count; i++) {
        struct contact *c = (struct contact *)m->contacts.at[i];
        if (sotto_id_equal(&c->id, id)) return c;
    }
    return NULL;
}

struct contact *sotto_contact_new(struct sotto_messenger *m, const struct sotto_id *id, enum sotto_contact_state state)
{
    struct contact *c = sotto_new_node(m, sizeof *c, SOTTO_TABLE_CONTACT, false);
    if (!c) return NULL;
    c->id = *id;
    c->state = state;
    c->added_ms = m->now_ms;
    c->due_ms = UINT64_MAX;
    if (!sotto_list_add(&m->contacts, &c->node)) {
        m->failed = true;
        free(c);
        return NULL;
    }
    sotto_mark(m, &c->node);
    sotto_touch(m, c);
    return c;
}

void sotto_contact_free(struct contact *c)
{
    sotto_list_free(&c->talks);
    sotto_list_free(&c->out);
    sotto_list_free(&c->seen);
    sotto_wipe(c, sizeof *c);
    free(c);
}

void sotto_contact_delete(struct sotto_messenger *m, struct contact *c)
{
    sotto_conversation_over(m, c, false);
    struct hello *in = sotto_hello_of(m, &c->id, HELLO_IN);
    if (in) sotto_hello_free(m, in);
    for (uint32_t i = 0; i < c->seen.count; i++) {
        sotto_unmark(m, c->seen.at[i]);
        free(c->seen.at[i]);
    }
    for (uint32_t i = 0; i < m->touched_count; i++) {
        if (m->touched[i] != c) continue;
        m->touched[i] = m->touched[--m->touched_count];
        break;
    }
    sotto_unmark(m, &c->node);
    sotto_list_remove(&m->contacts, &c->node);
    sotto_contact_free(c);
}

void sotto_contact_take_cert(struct sotto_messenger *m, struct contact *c, struct sotto_span cert)
{
    SOTTO_ASSERT(cert.size <= SOTTO_CERT_MAX);
    struct sotto_point before = c->key;
    bool had = c->cert_size != 0;
    memcpy(c->cert, cert.data, cert.size);
    c->cert_size = (uint32_t)cert.size;
    SOTTO_ASSERT(sotto_contact_cert(c));              /* checked by the caller */
    c->cert_warned = false;
    if (had && memcmp(before.b, c->key.b, sizeof before.b) != 0) c->verified = false;
    sotto_mark(m, &c->node);
    sotto_touch(m, c);
}

void sotto_contact_unread(struct contact *c)
{
    c->unread = 0;
    for (uint32_t i = 0; i < c->seen.count; i++) {
        const struct seen *s = (const struct seen *)c->seen.at[i];
        for (uint32_t k = 0; k < s->count; k++) c->unread += !s->at[k].read;
    }
}

void sotto_contact_view(const struct contact *c, struct sotto_contact *out)
{
    *out = (struct sotto_contact){
        .id = c->id, .state = c->state, .cert = sotto_span(c->cert, c->cert_size), .verified = c->verified, .blocked = c->blocked,
        .receipts = c->receipts, .muted = c->muted, .timer_ms = c->timer_ms, .added_ms = c->added_ms, .last_ms = c->last_ms,
        .declined_ms = c->declined_ms, .unacked = c->unacked, .unread = c->unread, .renewed = c->renewed, .not_collected = c->not_collected,
    };
    memcpy(out->alias, c->alias, sizeof out->alias);
    memcpy(out->note, c->note, sizeof out->note);
}

bool sotto_messenger_contact(const struct sotto_messenger *m, const struct sotto_id *id, struct sotto_contact *out)
{
    const struct contact *c = sotto_contact_find(m, id);
    if (c) sotto_contact_view(c, out);
    return c != NULL;
}

bool sotto_messenger_contact_at(const struct sotto_messenger *m, unsigned index, struct sotto_contact *out)
{
    if (index >= m->contacts.count) return false;
    sotto_contact_view((const struct contact *)m->contacts.at[index], out);
    return true;
}

/* ---- What a person decides ---- */

static bool text_fits(const char *text, size_t most)
{
    return !text || (strlen(text) <= most && sotto_utf8_valid(sotto_span_str(text)));
}

static void set_text(char *out, size_t size, const char *text)
{
    memset(out, 0, size);
    memcpy(out, text, strlen(text));      /* text_fits was asked */
}

static unsigned own_contacts(const struct sotto_messenger *m)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < m->contacts.count; i++) {
        const struct contact *c = (const struct contact *)m->contacts.at[i];
        count += c->known || (c->state != SOTTO_CONTACT_INCOMING && c->state != SOTTO_CONTACT_DECLINED);
    }
    return count;
}

static enum sotto_err accept_now(struct sotto_messenger *m, struct contact *c, const char *alias)
{
    struct hello *in = sotto_hello_of(m, &c->id, HELLO_IN);
    enum sotto_err err = sotto_hello_answer(m, c, in);
    if (err != SOTTO_OK) return err;
    sotto_hello_free(m, in);
    if (alias) set_text(c->alias, sizeof c->alias, alias);
    c->declined_ms = 0;
    sotto_contact_to(m, c, SOTTO_CONTACT_ACCEPTED);
    return SOTTO_OK;
}

static enum sotto_err can_accept(const struct sotto_messenger *m, const struct contact *c, uint64_t now_ms)
{
    if (c->state != SOTTO_CONTACT_INCOMING && c->state != SOTTO_CONTACT_DECLINED) return SOTTO_ERR_STATE;
    const struct hello *in = sotto_hello_of(m, &c->id, HELLO_IN);
    if (!in || c->blocked) return SOTTO_ERR_STATE;
    enum sotto_err err = sotto_hello_answerable(m, in, now_ms);
    return err == SOTTO_ERR_HELLO_TIME ? SOTTO_ERR_STATE : err;
}

enum sotto_err sotto_messenger_add(struct sotto_messenger *m, struct sotto_span cert, const char *alias, const char *note, struct sotto_now now,
                                   struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct sotto_cert parsed;
    SOTTO_TRY(sotto_cert_read(&parsed, cert, now.wall_ms, NULL));
    if (sotto_id_equal(&parsed.id, &m->cert.id)) return SOTTO_ERR_STATE;
    if (!text_fits(alias, SOTTO_ALIAS_MAX) || !text_fits(note, SOTTO_NOTE_MAX)) return SOTTO_ERR_RANGE;
    struct contact *c = sotto_contact_find(m, &parsed.id);
    if (c && c->blocked) return SOTTO_ERR_STATE;
    if (c && (c->state == SOTTO_CONTACT_REQUESTED || c->state == SOTTO_CONTACT_ACCEPTED || c->state == SOTTO_CONTACT_MUTUAL)) return SOTTO_ERR_EXISTS;
    bool asked_us = c && can_accept(m, c, now.wall_ms) == SOTTO_OK;
    if (!asked_us && !sotto_hello_room(m)) return SOTTO_ERR_FULL;
    if (!c && own_contacts(m) >= m->config.contacts_max) return SOTTO_ERR_FULL;
    SOTTO_TRY(sotto_begin(m, now, acts));
    if (asked_us) return sotto_finish(m, accept_now(m, c, alias));       /* both want it: their request is the answer to ours */
    if (!c) c = sotto_contact_new(m, &parsed.id, SOTTO_CONTACT_ENDED);
    if (c) {
        sotto_contact_take_cert(m, c, cert);
        if (alias) set_text(c->alias, sizeof c->alias, alias);
        set_text(c->note, sizeof c->note, note ? note : "");
        c->declined_ms = 0;
        (void)!sotto_hello_start(m, c, c->talks.count ? SOTTO_HELLO_RESYNC : 0, note);
        sotto_contact_to(m, c, SOTTO_CONTACT_REQUESTED);
    }
    return sotto_finish(m, SOTTO_OK);
}

enum sotto_err sotto_messenger_accept(struct sotto_messenger *m, const struct sotto_id *id, const char *alias, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct contact *c = sotto_contact_find(m, id);
    if (!c) return SOTTO_ERR_MISSING;
    if (!text_fits(alias, SOTTO_ALIAS_MAX)) return SOTTO_ERR_RANGE;
    SOTTO_TRY(can_accept(m, c, now.wall_ms));
    if (own_contacts(m) >= m->config.contacts_max) return SOTTO_ERR_FULL;
    SOTTO_TRY(sotto_begin(m, now, acts));
    return sotto_finish(m, accept_now(m, c, alias));
}

enum sotto_err sotto_messenger_decline(struct sotto_messenger *m, const struct sotto_id *id, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct contact *c = sotto_contact_find(m, id);
    if (!c) return SOTTO_ERR_MISSING;
    if (c->state != SOTTO_CONTACT_INCOMING) return SOTTO_ERR_STATE;
    SOTTO_TRY(sotto_begin(m, now, acts));
    c->declined_ms = now.wall_ms;
    sotto_contact_to(m, c, SOTTO_CONTACT_DECLINED);
    return sotto_finish(m, SOTTO_OK);
}

enum sotto_err sotto_messenger_block(struct sotto_messenger *m, const struct sotto_id *id, bool on, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct contact *c = sotto_contact_find(m, id);
    if (!c) return SOTTO_ERR_MISSING;
    SOTTO_TRY(sotto_begin(m, now, acts));
    if (c->blocked != on) {
        c->blocked = on;
        sotto_mark(m, &c->node);
        sotto_touch(m, c);
        sotto_event_chat(m, c, SOTTO_EVENT_CHAT_CHANGED, NULL);
        struct hello *asking = on ? sotto_hello_of(m, id, HELLO_OUT) : NULL;
        if (asking) {
            sotto_hello_free(m, asking);
            if (c->state == SOTTO_CONTACT_REQUESTED) sotto_contact_to(m, c, c->talks.count ? SOTTO_CONTACT_MUTUAL : SOTTO_CONTACT_ENDED);
        }
        if (!on) {
            for (uint32_t i = 0; i < c->talks.count; i++) sotto_talk_wide(m, (struct talk *)c->talks.at[i]);     /* they went on meanwhile */
            sotto_pump(m, c);
        }
    }
    return sotto_finish(m, SOTTO_OK);
}

enum sotto_err sotto_messenger_remove(struct sotto_messenger *m, const struct sotto_id *id, bool forget, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct contact *c = sotto_contact_find(m, id);
    if (!c) return SOTTO_ERR_MISSING;
    SOTTO_TRY(sotto_begin(m, now, acts));
    sotto_end_cells(m, c);
    sotto_conversation_over(m, c, true);
    sotto_contact_to(m, c, SOTTO_CONTACT_ENDED);
    if (forget) sotto_act_add(m, SOTTO_ACT_HISTORY_REMOVE)->contact = *id;
    sotto_contact_delete(m, c);
    return sotto_finish(m, SOTTO_OK);
}

enum sotto_err sotto_messenger_set(struct sotto_messenger *m, const struct sotto_id *id, const struct sotto_contact_change *change, struct sotto_now now,
                                   struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct contact *c = sotto_contact_find(m, id);
    if (!c) return SOTTO_ERR_MISSING;
    if (!text_fits(change->alias, SOTTO_ALIAS_MAX)) return SOTTO_ERR_RANGE;
    if (change->timer_ms && (*change->timer_ms % 1000 || *change->timer_ms / 1000 > UINT32_MAX)) return SOTTO_ERR_RANGE;
    SOTTO_TRY(sotto_begin(m, now, acts));
    if (change->alias) set_text(c->alias, sizeof c->alias, change->alias);
    if (change->receipts) c->receipts = *change->receipts;
    if (change->muted) c->muted = *change->muted;
    if (change->verified) c->verified = *change->verified;
    if (change->timer_ms && *change->timer_ms != c->timer_ms) {
        c->timer_ms = *change->timer_ms;
        if (c->state == SOTTO_CONTACT_MUTUAL && !c->blocked) {
            uint8_t seconds[4];
            sotto_put_be32(seconds, (uint32_t)(c->timer_ms / 1000));
            sotto_outgoing_system(m, c, SOTTO_SYSTEM_TIMER, SOTTO_SPAN(seconds));
            sotto_pump(m, c);
        }
    }
    sotto_mark(m, &c->node);
    sotto_touch(m, c);
    sotto_event_chat(m, c, SOTTO_EVENT_CHAT_CHANGED, NULL);
    return sotto_finish(m, SOTTO_OK);
}

enum sotto_err sotto_messenger_end(struct sotto_messenger *m, const struct sotto_id *id, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct contact *c = sotto_contact_find(m, id);
    if (!c) return SOTTO_ERR_MISSING;
    if (c->state == SOTTO_CONTACT_INCOMING || c->state == SOTTO_CONTACT_DECLINED || c->state == SOTTO_CONTACT_ENDED) return SOTTO_ERR_STATE;
    SOTTO_TRY(sotto_begin(m, now, acts));
    sotto_end_cells(m, c);
    sotto_conversation_over(m, c, true);
    sotto_system_line(m, c, "conversation ended");
    sotto_contact_to(m, c, SOTTO_CONTACT_ENDED);
    return sotto_finish(m, SOTTO_OK);
}

/* The field "read": 1 .. read were shown, so it has no holes and stops before what was not. */
static void read_field(struct sotto_messenger *m, struct contact *c, struct talk *t)
{
    uint32_t highest = 0, unread = UINT32_MAX;
    for (uint32_t k = 0; k < c->seen.count; k++) {
        const struct seen *s = (const struct seen *)c->seen.at[k];
        for (uint32_t j = 0; j < s->count; j++) {
            if (s->at[j].talk_row != t->node.row) continue;
            if (s->at[j].read && s->at[j].seq > highest) highest = s->at[j].seq;
            if (!s->at[j].read && s->at[j].seq < unread) unread = s->at[j].seq;
        }
    }
    if (highest >= unread) highest = unread - 1;
    if (highest > t->window.ack) highest = t->window.ack;
    if (highest <= t->read_seq) return;
    t->read_seq = highest;
    sotto_mark(m, &t->node);
    if (!c->receipts || t->retire_ms) return;
    t->read_due = true;
    if (!t->receipt_ms) t->receipt_ms = m->now_ms + 1 + sotto_rng_exp_us(m->config.rng, m->config.receipt_mean_ms * 1000) / 1000;
    sotto_touch(m, c);
}

enum sotto_err sotto_messenger_read(struct sotto_messenger *m, const struct sotto_id *chat, uint64_t up_to, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct contact *c = sotto_contact_find(m, chat);
    if (!c) return SOTTO_ERR_MISSING;
    SOTTO_TRY(sotto_begin(m, now, acts));
    bool news = false;
    for (uint32_t k = 0; k < c->seen.count; k++) {
        struct seen *s = (struct seen *)c->seen.at[k];
        for (uint32_t j = 0; j < s->count; j++) {
            if (s->at[j].read || s->at[j].message > up_to) continue;     /* one that comes late into its old place is unread all the same */
            s->at[j].read = true;
            sotto_mark(m, &s->node);
            news = true;
        }
    }
    if (news) {
        sotto_contact_unread(c);
        sotto_event_chat(m, c, SOTTO_EVENT_CHAT_CHANGED, NULL);
        for (uint32_t i = 0; i < c->talks.count; i++) read_field(m, c, (struct talk *)c->talks.at[i]);
    }
    return sotto_finish(m, SOTTO_OK);
}

enum sotto_err sotto_messenger_resync(struct sotto_messenger *m, const struct sotto_id *id, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct contact *c = sotto_contact_find(m, id);
    if (!c) return SOTTO_ERR_MISSING;
    if (!c->cert_size || c->blocked || c->state == SOTTO_CONTACT_INCOMING || c->state == SOTTO_CONTACT_DECLINED || c->state == SOTTO_CONTACT_FROZEN)
        return SOTTO_ERR_STATE;
    if (!sotto_hello_of(m, id, HELLO_OUT) && !sotto_hello_room(m)) return SOTTO_ERR_FULL;
    SOTTO_TRY(sotto_begin(m, now, acts));
    (void)!sotto_hello_start(m, c, SOTTO_HELLO_RESYNC, NULL);
    sotto_contact_to(m, c, SOTTO_CONTACT_REQUESTED);
    return sotto_finish(m, SOTTO_OK);
}

/* ---- Time ---- */

static bool may_freeze(const struct contact *c)
{
    return c->cert_size && (c->state == SOTTO_CONTACT_MUTUAL || c->state == SOTTO_CONTACT_ACCEPTED || c->state == SOTTO_CONTACT_REQUESTED);
}

static uint64_t warn_at(const struct sotto_messenger *m, const struct contact *c)
{
    return c->not_after_ms > m->timing.cert_warn_ms ? c->not_after_ms - m->timing.cert_warn_ms : 0;
}

uint64_t sotto_contact_due(const struct sotto_messenger *m, const struct contact *c)
{
    uint64_t due = sotto_hello_due(m, c), at;
    for (uint32_t i = 0; i < c->talks.count; i++) {
        at = sotto_talk_due(m, (const struct talk *)c->talks.at[i]);
        if (at < due) due = at;
    }
    if (!c->blocked)
        for (uint32_t i = 0; i < c->out.count; i++) {
            at = sotto_outgoing_due(m, (const struct outgoing *)c->out.at[i]);
            if (at < due) due = at;
        }
    if (c->declined_ms && c->state == SOTTO_CONTACT_DECLINED && c->declined_ms + m->timing.decline_life_ms < due)
        due = c->declined_ms + m->timing.decline_life_ms;
    if (may_freeze(c)) {
        at = c->cert_warned ? c->not_after_ms + m->timing.cert_freeze_ms : warn_at(m, c);
        if (at < due) due = at;
    }
    if (c->unreplied_ms && !c->not_collected && c->state == SOTTO_CONTACT_MUTUAL && c->unreplied_ms + m->timing.uncollected_ms < due)
        due = c->unreplied_ms + m->timing.uncollected_ms;
    return due;
}

void sotto_contact_tick(struct sotto_messenger *m, struct contact *c)
{
    sotto_touch(m, c);
    if (may_freeze(c) && !c->cert_warned && warn_at(m, c) <= m->now_ms) {
        c->cert_warned = true;
        sotto_mark(m, &c->node);
        sotto_event_contact(m, c, SOTTO_EVENT_CONTACT_KEY, c->state, c->state);
        sotto_system_line(m, c, c->not_after_ms <= m->now_ms ? "certificate expired" : "certificate expires soon");
    }
    if (may_freeze(c) && c->not_after_ms + m->timing.cert_freeze_ms <= m->now_ms) sotto_contact_to(m, c, SOTTO_CONTACT_FROZEN);
    if (c->unreplied_ms && !c->not_collected && c->unreplied_ms + m->timing.uncollected_ms <= m->now_ms) {
        c->not_collected = true;
        sotto_mark(m, &c->node);
        sotto_event_chat(m, c, SOTTO_EVENT_CHAT_CHANGED, "not collected");
    }
    if (!c->blocked) sotto_outgoing_tick(m, c);
    for (uint32_t i = c->talks.count; i-- > 0;) sotto_talk_tick(m, (struct talk *)c->talks.at[i]);
    if (c->state == SOTTO_CONTACT_ACCEPTED && c->talks.count == 0) sotto_contact_to(m, c, SOTTO_CONTACT_ENDED);   /* M3 never came */
    if (c->state == SOTTO_CONTACT_DECLINED && c->declined_ms + m->timing.decline_life_ms <= m->now_ms) {
        struct hello *in = sotto_hello_of(m, &c->id, HELLO_IN);
        if (in) sotto_hello_free(m, in);
        if (c->known) {
            sotto_contact_to(m, c, SOTTO_CONTACT_ENDED);
        } else {
            sotto_contact_delete(m, c);
            return;
        }
    }
    sotto_pump(m, c);
    sotto_hello_tick(m, c);               /* last: a request that lapses takes its contact along */
}
