#include "node/render.h"

#include "base/text.h"
#include "identity/cert.h"

#include <inttypes.h>
#include <stdio.h>

/* Length of the well-formed UTF-8 sequence at p (RFC 3629: shortest form, no surrogates, up to U+10FFFF); 0 = none. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80) return 1;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
    if (n == 0 || n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return n;
}

json_t *sotto_json_text(struct sotto_span utf8)
{
    json_t *whole = json_stringn((const char *)utf8.data, utf8.size);
    if (whole || utf8.size == 0) return whole ? whole : json_string("");
    struct sotto_buf fixed = sotto_buf_make(3 * utf8.size);
    for (size_t i = 0; i < utf8.size;) {
        size_t n = utf8_sequence(utf8.data + i, utf8.size - i);
        enum sotto_err err = n ? sotto_buf_add(&fixed, utf8.data + i, n) : sotto_buf_add(&fixed, "\xef\xbf\xbd", 3);
        if (err != SOTTO_OK) break;
        i += n ? n : 1;
    }
    json_t *text = json_stringn((const char *)fixed.data, fixed.size);
    sotto_buf_free(&fixed);
    return text;
}

json_t *sotto_json_id(const struct sotto_id *id)
{
    char text[43];
    sotto_id_text(text, id);
    return json_string(text);
}

json_t *sotto_json_hex(const void *data, size_t size)
{
    char text[2 + 2 * 65 + 1] = "0x";
    SOTTO_ASSERT(size <= 65);
    sotto_hex(text + 2, data, size);
    return json_string(text);
}

const char *sotto_contact_sentence(const struct sotto_contact *c)
{
    if (c->state == SOTTO_CONTACT_FROZEN) return "Their certificate has ended: messages are not sent. Ask them, by another way, for a new link.";
    if (c->verified) return "You compared the words with them. No ledger record: this network has no ledger.";
    return "No ledger record: compare words before trusting this name.";
}

json_t *sotto_json_contact(const struct sotto_contact *c)
{
    json_t *o = json_object();
    json_object_set_new(o, "id", sotto_json_id(&c->id));
    json_object_set_new(o, "alias", sotto_json_text(sotto_span_str(c->alias)));
    json_object_set_new(o, "state", json_string(sotto_contact_state_name(c->state)));
    json_object_set_new(o, "verified", json_boolean(c->verified));
    json_object_set_new(o, "keyHeight", json_null());
    json_object_set_new(o, "sentence", json_string(sotto_contact_sentence(c)));
    json_object_set_new(o, "receipts", json_boolean(c->receipts));
    json_object_set_new(o, "blocked", json_boolean(c->blocked));
    json_object_set_new(o, "muted", json_boolean(c->muted));
    json_object_set_new(o, "timerMs", json_integer((json_int_t)c->timer_ms));
    json_object_set_new(o, "note", sotto_json_text(sotto_span_str(c->note)));
    json_object_set_new(o, "addedMs", json_integer((json_int_t)c->added_ms));
    json_object_set_new(o, "lastMs", json_integer((json_int_t)c->last_ms));
    json_object_set_new(o, "unread", json_integer(c->unread));
    if (c->not_collected) json_object_set_new(o, "notCollected", json_true());
    struct sotto_cert cert;
    if (c->cert.size && sotto_cert_parse(&cert, c->cert) == SOTTO_OK)
        json_object_set_new(o, "certificateEndsMs", json_integer((json_int_t)(cert.not_after_s * 1000)));
    return o;
}

void sotto_message_name(char out[18], uint64_t message) { snprintf(out, 18, "m%016" PRIx64, message); }

enum sotto_err sotto_message_parse(uint64_t *out, const char *name)
{
    uint8_t raw[8];
    if (!name || name[0] != 'm') return SOTTO_ERR_FORMAT;
    SOTTO_TRY(sotto_unhex(raw, sizeof raw, sotto_span_str(name + 1)));
    *out = sotto_be64(raw);
    return SOTTO_OK;
}

static const char *kind_name(uint8_t type)
{
    switch (type) {
    case SOTTO_KIND_TEXT: return "text";
    case SOTTO_KIND_MAIL: return "mail";
    case SOTTO_KIND_SYSTEM: return "system";
    default: return "unknown";                            /* kept, acknowledged, shown as "needs a newer version" */
    }
}

json_t *sotto_json_message(const struct sotto_history *h, const struct sotto_id *self)
{
    const struct sotto_message *m = &h->m;
    char name[18];
    json_t *o = json_object();
    sotto_message_name(name, m->message);
    json_object_set_new(o, "message", json_string(name));
    json_object_set_new(o, "chat", sotto_json_id(&m->chat));
    json_object_set_new(o, "from", sotto_json_id(m->own ? self : &m->chat));
    json_object_set_new(o, "own", json_boolean(m->own));
    json_object_set_new(o, "ms", json_integer((json_int_t)m->ms));
    json_object_set_new(o, "arrivedMs", json_integer((json_int_t)m->arrived_ms));
    json_object_set_new(o, "kind", json_string(kind_name(m->type)));
    if (m->subject.size) json_object_set_new(o, "subject", sotto_json_text(m->subject));
    json_object_set_new(o, "text", sotto_json_text(m->text));
    json_object_set_new(o, "number", json_integer(m->number));
    if (m->gap_before) json_object_set_new(o, "gapBefore", json_integer(m->gap_before));
    if (m->reply_to) {
        sotto_message_name(name, m->reply_to);
        json_object_set_new(o, "replyTo", json_string(name));
    }
    json_object_set_new(o, "state", json_string(sotto_message_state_name(m->state)));
    json_t *states = json_array();
    for (unsigned i = 0; i < h->state_count; i++) {
        json_t *s = json_object();
        json_object_set_new(s, "state", json_string(sotto_message_state_name((enum sotto_message_state)h->states[i].state)));
        json_object_set_new(s, "ms", json_integer((json_int_t)h->states[i].ms));
        json_array_append_new(states, s);
    }
    json_object_set_new(o, "states", states);
    return o;
}
