/* What a person does with own messages: write, cancel, send again. */
#include "base/text.h"
#include "conversation/messenger_impl.h"

static struct outgoing *find_message(const struct sotto_messenger *m, uint64_t message)
{
    for (uint32_t i = 0; message && i < m->contacts.count; i++) {
        const struct contact *c = (const struct contact *)m->contacts.at[i];
        for (uint32_t k = 0; k < c->out.count; k++)
            if (((struct outgoing *)c->out.at[k])->message == message) return (struct outgoing *)c->out.at[k];
    }
    return NULL;
}

static void history_add(struct sotto_messenger *m, const struct outgoing *o, struct sotto_span subject, struct sotto_span text, uint64_t reply_to)
{
    for (int i = 0; i < 2; i++) {
        struct sotto_act *a = sotto_act_add(m, i == 0 ? SOTTO_ACT_HISTORY_ADD : SOTTO_ACT_EVENT);
        a->event = SOTTO_EVENT_MESSAGE_NEW;
        a->contact = o->id;
        a->message = (struct sotto_message){ .message = o->message, .chat = o->id, .own = true, .type = o->type, .number = o->seq, .ms = o->time_ms,
                                             .arrived_ms = m->now_ms, .state = o->shown, .reply_to = reply_to };
        if (o->has_mid) memcpy(a->message.mid, o->mid, sizeof o->mid);
        if (i == 1) break;
        if ((subject.size && sotto_buf_add_span(&a->bytes, subject) != SOTTO_OK) || (text.size && sotto_buf_add_span(&a->bytes, text) != SOTTO_OK))
            m->failed = true;
        if (m->failed) return;
        a->message.subject = sotto_span(a->bytes.data, subject.size);
        a->message.text = sotto_span(subject.size ? a->bytes.data + subject.size : a->bytes.data, text.size);
    }
}

static enum sotto_err check_send(const struct contact *c, enum sotto_message_kind kind, struct sotto_span subject, struct sotto_span text)
{
    if (!c) return SOTTO_ERR_MISSING;
    if (kind != SOTTO_KIND_TEXT && kind != SOTTO_KIND_MAIL) return SOTTO_ERR_RANGE;
    if (!sotto_utf8_valid(text) || !sotto_utf8_valid(subject) || subject.size > 255 || (kind == SOTTO_KIND_TEXT && subject.size)) return SOTTO_ERR_RANGE;
    size_t size = text.size + (kind == SOTTO_KIND_MAIL ? subject.size + 1 : 0);
    if (text.size > SOTTO_TEXT_MAX || size > SOTTO_MESSAGE_MAX) return SOTTO_ERR_TOO_LONG;
    bool open = c->state == SOTTO_CONTACT_MUTUAL || c->state == SOTTO_CONTACT_REQUESTED || c->state == SOTTO_CONTACT_ACCEPTED;
    if (!open || c->blocked) return SOTTO_ERR_STATE;
    return SOTTO_OK;
}

static struct outgoing *write_message(struct sotto_messenger *m, struct contact *c, enum sotto_message_kind kind, struct sotto_span subject,
                                      struct sotto_span text, uint64_t message, uint64_t life_ms)
{
    uint8_t head[1 + 255];
    head[0] = (uint8_t)subject.size;
    if (subject.size) memcpy(head + 1, subject.data, subject.size);
    size_t head_size = kind == SOTTO_KIND_MAIL ? 1 + subject.size : 0;
    struct outgoing *o = sotto_outgoing_new(m, c, (uint8_t)kind, sotto_span(head, head_size), text);
    SOTTO_WIPE(head);
    if (!o) return NULL;
    o->message = message;
    o->shown = SOTTO_MSG_QUEUED;
    if (life_ms && life_ms < m->timing.message_life_ms) o->expire_ms = m->now_ms + life_ms;
    c->unacked++;
    c->last_ms = m->now_ms;
    c->renewed = false;
    sotto_mark(m, &c->node);
    return o;
}

enum sotto_err sotto_messenger_send(struct sotto_messenger *m, uint64_t *message, const struct sotto_id *to, enum sotto_message_kind kind,
                                    struct sotto_span subject, struct sotto_span text, uint64_t reply_to, uint64_t life_ms, struct sotto_now now,
                                    struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct contact *c = sotto_contact_find(m, to);
    SOTTO_TRY(check_send(c, kind, subject, text));
    if (c->unacked >= m->config.unacked_max) return SOTTO_ERR_FULL;
    SOTTO_TRY(sotto_begin(m, now, acts));
    uint64_t number = sotto_message_next(m, 1);
    struct outgoing *o = write_message(m, c, kind, subject, text, number, life_ms);
    if (o) {
        o->fresh = true;
        sotto_pump(m, c);
        history_add(m, o, subject, text, reply_to);
    }
    SOTTO_TRY(sotto_finish(m, SOTTO_OK));
    *message = number;
    return SOTTO_OK;
}

enum sotto_err sotto_messenger_cancel(struct sotto_messenger *m, uint64_t message, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct outgoing *o = find_message(m, message);
    if (!o) return message && message < m->next_message ? SOTTO_ERR_STATE : SOTTO_ERR_MISSING;      /* done with, or never written */
    if (o->shown != SOTTO_MSG_QUEUED && o->shown != SOTTO_MSG_WORKING) return SOTTO_ERR_STATE;
    SOTTO_TRY(sotto_begin(m, now, acts));
    struct contact *c = o->contact;
    sotto_outgoing_shown(m, o, SOTTO_MSG_CANCELLED);
    if (o->seq) sotto_outgoing_fill(m, o);
    else sotto_outgoing_delete(m, o);
    sotto_pump(m, c);
    return sotto_finish(m, SOTTO_OK);
}

enum sotto_err sotto_messenger_resend(struct sotto_messenger *m, const struct sotto_message *message, uint64_t life_ms, struct sotto_now now,
                                      struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct contact *c = sotto_contact_find(m, &message->chat);
    enum sotto_message_kind kind = message->type == SOTTO_CONTENT_MAIL ? SOTTO_KIND_MAIL : message->type == SOTTO_CONTENT_TEXT ? SOTTO_KIND_TEXT : SOTTO_KIND_UNKNOWN;
    SOTTO_TRY(check_send(c, kind, message->subject, message->text));
    bool again = message->state == SOTTO_MSG_EXPIRED || message->state == SOTTO_MSG_FAILED || message->state == SOTTO_MSG_CANCELLED;
    if (!message->own || !message->message || !again) return SOTTO_ERR_STATE;
    if (c->unacked >= m->config.unacked_max) return SOTTO_ERR_FULL;
    struct outgoing *old = find_message(m, message->message);
    if (old && (old->state != OUT_EXPIRED || old->contact != c)) return SOTTO_ERR_STATE;
    SOTTO_TRY(sotto_begin(m, now, acts));
    struct outgoing *o = write_message(m, c, kind, message->subject, message->text, message->message, life_ms);
    if (o) {
        o->shown = message->state;
        o->time_ms = message->ms ? message->ms : m->now_ms;
        if (!sotto_all_zero(message->mid, sizeof message->mid)) {
            memcpy(o->mid, message->mid, sizeof o->mid);
            o->has_mid = o->resent = true;
        }
        if (old) {                        /* its number takes the new copy: no hole */
            o->talk = old->talk;
            o->talk_row = old->talk_row;
            o->seq = old->seq;
            o->resent = old->resent;
            memcpy(o->mid, old->mid, sizeof o->mid);
            o->has_mid = true;
            old->seq = 0;
            old->talk = NULL;
            old->message = 0;
            sotto_outgoing_delete(m, old);
        }
        sotto_outgoing_shown(m, o, SOTTO_MSG_QUEUED);
        sotto_pump(m, c);
    }
    return sotto_finish(m, SOTTO_OK);
}
