/* contact methods, and the name of a contact as people write it: an ID, a link, or an alias that only one contact has. */
#include "node/impl.h"

#include "identity/link.h"
#include "identity/safety.h"

#include <stdio.h>
#include <stdlib.h>

bool sotto_contact_resolve(struct sotto_node_account *a, struct sotto_call *call, const char *name, struct sotto_contact *out)
{
    struct sotto_id id;
    struct sotto_link link;
    size_t position;
    struct sotto_span text = sotto_span_str(name);
    bool by_id = sotto_id_parse(&id, text, true) == SOTTO_OK;
    if (!by_id && strncmp(name, "sotto:", 6) == 0 && sotto_link_parse(&link, &position, text) == SOTTO_OK && link.kind == SOTTO_LINK_CONTACT) {
        id = link.id;
        by_id = true;
    }
    if (by_id) {
        if (sotto_messenger_contact(a->messenger, &id, out)) return true;
    } else {
        unsigned hits = 0;
        struct sotto_contact c;
        for (unsigned i = 0; sotto_messenger_contact_at(a->messenger, i, &c); i++)
            if (strcmp(c.alias, name) == 0 && hits++ == 0) *out = c;
        if (hits == 1) return true;
        if (hits > 1) {
            sotto_call_error(call, 1001, "field", "contact", "why", "more than one contact has this alias; take the ID", NULL);
            return false;
        }
    }
    sotto_call_error(call, 1002, "thing", "contact", "value", name, NULL);
    return false;
}

/* A contact's answer of a change: what it is afterwards. */
static void answer(struct sotto_node_account *a, struct sotto_call *call, const struct sotto_id *id)
{
    struct sotto_contact c;
    if (sotto_messenger_contact(a->messenger, id, &c)) sotto_call_result(call, sotto_json_contact(&c));
    else sotto_call_error(call, 1000, NULL);
}

static void refused(struct sotto_call *call, enum sotto_err err, const struct sotto_contact *c)
{
    if (err == SOTTO_ERR_STATE) sotto_call_error(call, 1009, "thing", "the contact", "state", c->blocked ? "blocked" : sotto_contact_state_name(c->state), NULL);
    else if (err == SOTTO_ERR_RANGE) sotto_call_error(call, 1001, "field", "alias", "why", "it is too long or not UTF-8", NULL);
    else sotto_api_fail(call, err);
}

struct found { struct sotto_node *n; struct sotto_node_account *a; struct sotto_contact c; };
static bool find(struct found *f, void *ctx, struct sotto_call *call, const char *name)
{
    f->n = ctx;
    f->a = sotto_api_account(f->n, call);
    return f->a && sotto_contact_resolve(f->a, call, name, &f->c);
}

static void changed(struct found *f, struct sotto_call *call, enum sotto_err err)
{
    struct sotto_id id = f->c.id;
    if (err != SOTTO_OK) {
        refused(call, err, &f->c);
        return;
    }
    sotto_txn_apply(f->n, f->a);
    answer(f->a, call, &id);
}

static bool alias_free(struct sotto_node_account *a, struct sotto_call *call, const char *alias, const struct sotto_id *except)
{
    struct sotto_contact c;
    if (!alias || !alias[0]) return true;
    for (unsigned i = 0; sotto_messenger_contact_at(a->messenger, i, &c); i++) {
        if (strcmp(c.alias, alias) != 0 || (except && sotto_id_equal(&c.id, except))) continue;
        sotto_call_error(call, 1001, "field", "alias", "why", "another contact has it already", NULL);
        return false;
    }
    return true;
}

static void contact_add(void *ctx, struct sotto_call *call, const struct sotto_contact_add_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    struct sotto_link link;
    struct sotto_contact c;
    size_t position = 0;
    if (!a) return;
    enum sotto_err err = sotto_link_parse(&link, &position, sotto_span_str(p->link));
    if (err != SOTTO_OK) {
        char at[24];
        snprintf(at, sizeof at, "%zu", position);
        if (err == SOTTO_ERR_SIG_FORM || err == SOTTO_ERR_CERT_SIG) sotto_call_error(call, 1307, "what", "the certificate in this link", NULL);
        else sotto_call_error(call, 1401, "n", at, NULL);
        return;
    }
    if (link.kind != SOTTO_LINK_CONTACT) {
        sotto_call_error(call, 1402, "kind", sotto_link_kind_name(link.kind), NULL);
        return;
    }
    if (sotto_id_equal(&link.id, &a->id)) {
        sotto_call_error(call, 1404, NULL);
        return;
    }
    if (link.cert_size == 0) {
        /* the bare form needs a ledger to find the keys */
        char text[43];
        sotto_id_text(text, &link.id);
        sotto_call_error(call, 1301, "id", text, NULL);
        return;
    }
    if (sotto_messenger_contact(a->messenger, &link.id, &c) && (c.state == SOTTO_CONTACT_REQUESTED || c.state == SOTTO_CONTACT_ACCEPTED || c.state == SOTTO_CONTACT_MUTUAL)) {
        if (c.alias[0]) sotto_call_error(call, 1403, "alias", c.alias, NULL);
        else sotto_call_error(call, 1403, NULL);
        return;
    }
    if (!alias_free(a, call, p->alias, &link.id)) return;
    err = sotto_messenger_add(a->messenger, sotto_span(link.cert, link.cert_size), p->alias ? p->alias : "", p->note ? p->note : "", sotto_io_now(), &a->acts);
    switch ((int)err) {
    case SOTTO_OK:
        sotto_txn_apply(n, a);
        answer(a, call, &link.id);
        return;
    case SOTTO_ERR_CERT_EXPIRED: sotto_call_error(call, 1303, "reason", "the certificate of this link is too old", NULL); return;
    case SOTTO_ERR_CERT_REVOKED: sotto_call_error(call, 1304, NULL); return;
    case SOTTO_ERR_CERT_SIG:
    case SOTTO_ERR_SIG_FORM: sotto_call_error(call, 1307, "what", "the certificate in this link", NULL); return;
    case SOTTO_ERR_CERT_EARLY: sotto_call_error(call, 1308, NULL); return;
    case SOTTO_ERR_CERT_OWNER:
    case SOTTO_ERR_CERT_SUPERSEDED: sotto_call_error(call, 1406, NULL); return;
    case SOTTO_ERR_EXISTS: sotto_call_error(call, 1403, NULL); return;
    case SOTTO_ERR_RANGE: sotto_call_error(call, 1001, "field", "note", "why", "alias or note is too long or not UTF-8", NULL); return;
    case SOTTO_ERR_FULL: sotto_call_error(call, 1605, "need", "one more contact", "free", "0", NULL); return;
    case SOTTO_ERR_STATE: sotto_call_error(call, 1405, NULL); return;
    case SOTTO_ERR_NOMEM: sotto_api_fail(call, err); return;
    default: sotto_call_error(call, 1401, NULL); return;
    }
}

static void contact_accept(void *ctx, struct sotto_call *call, const struct sotto_contact_accept_params *p)
{
    struct found f;
    if (!find(&f, ctx, call, p->contact) || !alias_free(f.a, call, p->alias, &f.c.id)) return;
    struct sotto_id id = f.c.id;
    changed(&f, call, sotto_messenger_accept(f.a->messenger, &id, p->alias, sotto_io_now(), &f.a->acts));
}

static void contact_decline(void *ctx, struct sotto_call *call, const struct sotto_contact_decline_params *p)
{
    struct found f;
    if (!find(&f, ctx, call, p->contact)) return;
    struct sotto_id id = f.c.id;
    changed(&f, call, sotto_messenger_decline(f.a->messenger, &id, sotto_io_now(), &f.a->acts));
}

static void block(void *ctx, struct sotto_call *call, const char *name, bool on)
{
    struct found f;
    if (!find(&f, ctx, call, name)) return;
    struct sotto_id id = f.c.id;
    changed(&f, call, sotto_messenger_block(f.a->messenger, &id, on, sotto_io_now(), &f.a->acts));
}

static void contact_block(void *ctx, struct sotto_call *call, const struct sotto_contact_block_params *p) { block(ctx, call, p->contact, true); }
static void contact_unblock(void *ctx, struct sotto_call *call, const struct sotto_contact_unblock_params *p) { block(ctx, call, p->contact, false); }

static void contact_remove(void *ctx, struct sotto_call *call, const struct sotto_contact_remove_params *p)
{
    struct found f;
    if (!find(&f, ctx, call, p->contact)) return;
    struct sotto_id id = f.c.id;
    json_t *before = sotto_json_contact(&f.c);            /* it may be gone afterwards: the answer is what it was, ended */
    enum sotto_err err = sotto_messenger_remove(f.a->messenger, &id, p->forget, sotto_io_now(), &f.a->acts);
    if (err != SOTTO_OK) {
        json_decref(before);
        refused(call, err, &f.c);
        return;
    }
    sotto_txn_apply(f.n, f.a);
    sotto_chat_forget(f.n, f.a, &id);
    json_object_set_new(before, "state", json_string(sotto_contact_state_name(SOTTO_CONTACT_ENDED)));
    sotto_call_result(call, before);
}

static void contact_set(void *ctx, struct sotto_call *call, const struct sotto_contact_set_params *p)
{
    struct found f;
    if (!find(&f, ctx, call, p->contact) || !alias_free(f.a, call, p->alias, &f.c.id)) return;
    struct sotto_id id = f.c.id;
    struct sotto_contact_change change = { .alias = p->alias, .receipts = p->receipts, .muted = p->muted, .timer_ms = p->timer_ms };
    changed(&f, call, sotto_messenger_set(f.a->messenger, &id, &change, sotto_io_now(), &f.a->acts));
}

static void contact_get(void *ctx, struct sotto_call *call, const struct sotto_contact_get_params *p)
{
    struct found f;
    if (find(&f, ctx, call, p->contact)) sotto_call_result(call, sotto_json_contact(&f.c));
}

static void contact_list(void *ctx, struct sotto_call *call, const struct sotto_contact_list_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    struct sotto_contact c;
    if (!a) return;
    json_t *items = json_array();
    unsigned i = p->after ? (unsigned)strtoul(p->after, NULL, 10) : 0;
    bool more = false;
    for (; sotto_messenger_contact_at(a->messenger, i, &c); i++) {
        char id[43];
        sotto_id_text(id, &c.id);
        if (p->state && strcmp(sotto_contact_state_name(c.state), sotto_contact_state_name((enum sotto_contact_state)(p->state - 1))) != 0) continue;
        if (p->query && !strcasestr(c.alias, p->query) && !strcasestr(id, p->query)) continue;
        if (json_array_size(items) == p->limit) {
            more = true;
            break;
        }
        json_array_append_new(items, sotto_json_contact(&c));
    }
    json_t *o = json_pack("{s:o}", "items", items);
    char next[16];
    snprintf(next, sizeof next, "%u", i);
    if (more) json_object_set_new(o, "next", json_string(next));
    sotto_call_result(call, o);
}

/* ---- comparing words (messaging.md 2.3) ---- */

struct safety { char digits[SOTTO_SAFETY_DIGITS], words[SOTTO_SAFETY_WORDS]; };

/* The words cost 0.1 to 0.3 s: a worker makes them, and the call goes on when they are there. */
struct safety_work {
    struct sotto_node *node;
    uint32_t account;
    struct sotto_id contact;
    struct sotto_point mine, theirs;
    struct safety made;
    char code[513];                       /* empty: show them; else compare */
    struct sotto_call *call;
};

static void safety_run(void *arg, const atomic_bool *cancel)
{
    struct safety_work *w = arg;
    (void)cancel;
    sotto_safety_digits(w->made.digits, &w->mine, &w->theirs);
    sotto_safety_words(w->made.words, &w->mine, &w->theirs);
}

static void safety_cancelled(void *ctx, struct sotto_call *call)
{
    (void)call;
    ((struct safety_work *)ctx)->call = NULL;
}

static void shown(const struct safety_work *w, const struct sotto_contact *c)
{
    json_t *words = json_array();
    char copy[sizeof w->made.words], qr[sizeof w->made.digits + 16];
    memcpy(copy, w->made.words, sizeof copy);
    for (char *save = NULL, *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) json_array_append_new(words, json_string(word));
    snprintf(qr, sizeof qr, "sotto:safety:%s", w->made.digits);
    json_t *o = json_object();
    json_object_set_new(o, "words", words);
    json_object_set_new(o, "digits", json_string(w->made.digits));
    json_object_set_new(o, "qr", json_string(qr));
    json_object_set_new(o, "sentence", json_string(sotto_contact_sentence(c)));
    json_object_set_new(o, "height", json_null());
    sotto_call_result(w->call, o);
}

/* Digits alone, or words alone, in any case and spacing, with the QR's prefix or without. */
static bool same_code(const struct safety *s, const char *code)
{
    if (strncmp(code, "sotto:safety:", 13) == 0) code += 13;
    const char *forms[] = { s->digits, s->words };
    for (size_t i = 0; i < 2; i++) {
        const char *a = forms[i], *b = code;
        for (;;) {
            while (*a == ' ') a++;
            while (*b == ' ' || *b == '\t' || *b == '\n' || *b == '\r' || *b == '-' || *b == ',') b++;
            char low = *b >= 'A' && *b <= 'Z' ? (char)(*b - 'A' + 'a') : *b;
            if (*a == 0 && low == 0) return true;
            if (*a != low) break;
            a++, b++;
        }
    }
    return false;
}

static void mark(struct found *f, struct sotto_call *call, bool on)
{
    struct sotto_id id = f->c.id;
    struct sotto_contact_change change = { .verified = &on };
    changed(f, call, sotto_messenger_set(f->a->messenger, &id, &change, sotto_io_now(), &f->a->acts));
}

static void safety_done(void *arg, bool cancelled)
{
    struct safety_work *w = arg;
    sotto_batch_close(w->node);
    struct found f = { .n = w->node, .a = sotto_account_number(w->node, w->account) };
    if (w->call) {
        if (cancelled || !f.a || !f.a->messenger) sotto_call_error(w->call, 1105, NULL);
        else if (!sotto_messenger_contact(f.a->messenger, &w->contact, &f.c)) sotto_call_error(w->call, 1002, "thing", "contact", NULL);
        else if (!w->code[0]) shown(w, &f.c);
        else if (!same_code(&w->made, w->code)) sotto_call_error(w->call, 1407, NULL);
        else {
            sotto_api_attach(f.n);
            mark(&f, w->call, true);
        }
    }
    SOTTO_WIPE(*w);
    free(w);
}

static void safety_start(struct found *f, struct sotto_call *call, const char *code)
{
    struct sotto_cert mine, theirs;
    if (sotto_cert_parse(&mine, sotto_buf_span(&f->a->cert)) != SOTTO_OK || sotto_cert_parse(&theirs, f->c.cert) != SOTTO_OK) {
        sotto_call_error(call, 1301, NULL);
        return;
    }
    struct safety_work *w = calloc(1, sizeof *w);
    if (!w) {
        sotto_call_error(call, 1003, NULL);
        return;
    }
    *w = (struct safety_work){ .node = f->n, .account = f->a->number, .contact = f->c.id, .mine = mine.key, .theirs = theirs.key, .call = call };
    snprintf(w->code, sizeof w->code, "%s", code);
    if (sotto_workers_run(f->n->workers, NULL, SOTTO_LANE_WORK, safety_run, safety_done, w) != SOTTO_OK) {
        free(w);
        sotto_call_error(call, 1003, NULL);
        return;
    }
    sotto_call_on_cancel(call, safety_cancelled, w);
}

static void contact_safety(void *ctx, struct sotto_call *call, const struct sotto_contact_safety_params *p)
{
    struct found f;
    if (find(&f, ctx, call, p->contact)) safety_start(&f, call, "");
}

static void contact_verify(void *ctx, struct sotto_call *call, const struct sotto_contact_verify_params *p)
{
    struct found f;
    if (!find(&f, ctx, call, p->contact)) return;
    safety_start(&f, call, p->code);                      /* first: f.c borrows from the messenger, which the end of a transaction may change */
    sotto_api_detach(f.n);
}

static void contact_unverify(void *ctx, struct sotto_call *call, const struct sotto_contact_unverify_params *p)
{
    struct found f;
    if (find(&f, ctx, call, p->contact)) mark(&f, call, false);
}

void sotto_api_contact_fill(struct sotto_api *api)
{
    api->contact_list = contact_list;
    api->contact_get = contact_get;
    api->contact_add = contact_add;
    api->contact_accept = contact_accept;
    api->contact_decline = contact_decline;
    api->contact_block = contact_block;
    api->contact_unblock = contact_unblock;
    api->contact_remove = contact_remove;
    api->contact_set = contact_set;
    api->contact_safety = contact_safety;
    api->contact_verify = contact_verify;
    api->contact_unverify = contact_unverify;
}
