#include "sim/people.h"

#include "sim/check.h"
#include "sim/net.h"

#include <inttypes.h>
#include <stdlib.h>

#define LIST_PAGE 200
#define EVENT_PAGE_MAX 200u
#define AFTER_RESTART_US 3000000u           /* people try again soon */
#define ASK_AGAIN 12u                       /* one call of so many is made twice */

const char *const sim_state_names[SIM_STATES + 1] = { "queued", "working", "sent", "held", "delivered", "read", "expired", "failed", "cancelled", "received", "unknown" };

enum sim_state sim_state_of(const char *name)
{
    for (int i = 0; name && i < SIM_STATES; i++)
        if (strcmp(name, sim_state_names[i]) == 0) return (enum sim_state)i;
    return SIM_UNKNOWN;
}

uint64_t sim_people_dice(struct sim_people *people, uint64_t bound) { return sotto_rng_below(&people->dice.rng, bound); }

static void late(struct sim_world *w, struct sim_machine *m);
static void heard(void *ctx, unsigned from, unsigned to, struct sotto_span bytes) { sim_check_wire(ctx, from, to, bytes); }

struct sim_people *sim_people_new(struct sim_world *w)
{
    struct sim_people *people = sim_alloc(sizeof *people);
    people->world = w;
    sotto_rng_from_seed(&people->dice, w->dice_seed, "sim/people");
    w->user = people;
    w->stepped = late;
    sim_net_listen_in(w->net, heard, people);
    return people;
}

void sim_people_free(struct sim_people *people)
{
    if (!people) return;
    for (unsigned i = 0; i < people->count; i++) {
        sim_event_drop(people->world, &people->person[i].act);
        sim_event_drop(people->world, &people->person[i].poll);
        free(people->person[i].events);
    }
    for (unsigned i = 0; i < people->text_count; i++) free(people->texts[i].text);
    free(people->texts);
    people->world->user = NULL;
    people->world->stepped = NULL;
    free(people);
}

/* ---- events of the node ---- */

static struct sim_person *by_account(struct sim_people *people, const char *id)
{
    for (unsigned i = 0; id && i < people->count; i++)
        if (strcmp(people->person[i].account, id) == 0) return &people->person[i];
    return NULL;
}

static void message_event(struct sim_person *p, const char *kind, json_t *data)
{
    const char *text = json_string_value(json_object_get(data, "text")), *name = json_string_value(json_object_get(data, "message"));
    struct sim_person *other = by_account(p->people, json_string_value(json_object_get(data, "chat")));
    const char *type = json_string_value(json_object_get(data, "kind"));
    if (!text || !name || !other || !type || strcmp(type, "text") != 0) return;      /* removed meanwhile, or a line of the system */
    if (!json_is_true(json_object_get(data, "own"))) {
        if (strcmp(kind, "message.new") == 0) sim_check_shown(p, other, name, text);
        return;
    }
    struct sim_text *t = sim_check_known(p->people, text);
    if (!t) return;
    if (!t->name[0] && !t->refused) snprintf(t->name, sizeof t->name, "%s", name);      /* the answer was lost, but not the message */
    sim_check_answered(t, p->people, name, text);
    sim_check_told(p->people, t, sim_state_of(json_string_value(json_object_get(data, "state"))));
}

static void one_event(struct sim_person *p, json_t *event)
{
    const char *kind = json_string_value(json_object_get(event, "kind")), *account = json_string_value(json_object_get(event, "account"));
    json_t *data = json_object_get(event, "data");
    sim_check_event(p, (uint64_t)json_integer_value(json_object_get(event, "seq")), kind);
    const char *message = json_string_value(json_object_get(data, "message")), *now = json_string_value(json_object_get(data, "state"));
    sim_trace(p->people->world, p->machine->name, "told", "p%u %s %s %s", p->index, kind, message ? message : "", now ? now : "");
    if (account && strcmp(account, p->account) != 0) return;        /* of somebody else on the same node */
    if (strncmp(kind, "message.", 8) == 0 && strcmp(kind, "message.gap") != 0) message_event(p, kind, data);
    if (strncmp(kind, "contact.", 8) == 0) {
        json_t *contact = json_object_get(data, "contact");
        struct sim_person *q = by_account(p->people, json_string_value(json_object_get(contact, "id")));
        const char *state = json_string_value(json_object_get(contact, "state"));
        if (q && state) snprintf(p->state_of[q->index], sizeof p->state_of[0], "%s", state);
    }
}

static void take_events(struct sim_person *p, json_t *result)
{
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(result, "events"), i, event)
    {
        if (p->people->world->broken) return;
        one_event(p, event);
    }
    const char *cursor = json_string_value(json_object_get(result, "cursor"));
    if (cursor) snprintf(p->cursor, sizeof p->cursor, "%s", cursor);
}

/* ---- calls ---- */

static void late_answer(struct sim_people *people, uint64_t conn, json_t *answer)
{
    for (unsigned i = 0; i < people->count; i++) {
        struct sim_person *p = &people->person[i];
        if (p->conn == conn && p->awaiting && (uint64_t)json_integer_value(json_object_get(answer, "id")) == p->awaiting) {
            p->awaiting = 0;
            p->awaited = json_incref(json_object_get(answer, "result"));
            p->code = (int)json_integer_value(json_object_get(json_object_get(answer, "error"), "code"));
            return;
        }
        if (p->conn != conn || !p->polling || (uint64_t)json_integer_value(json_object_get(answer, "id")) != p->polling) continue;
        p->polling = 0;
        json_t *result = json_object_get(answer, "result");
        if (result) take_events(p, result);
    }
}

static void late(struct sim_world *w, struct sim_machine *m)
{
    struct sim_people *people = w->user;
    uint64_t conn;
    if (!people) return;
    sim_check_machine(w, m);
    if (people->calling) return;                    /* it takes its answer itself */
    for (json_t *json; (json = sim_door_take(m, &conn)); json_decref(json)) late_answer(people, conn, json);
}

static json_t *call(struct sim_person *p, const char *method, json_t *params, bool wait)
{
    struct sim_people *people = p->people;
    char name[64] = "sotto_";
    size_t at = 6;
    for (bool big = false; *method; method++) {
        if (*method == ' ') big = true;
        else name[at++] = big ? (char)(*method - 32) : *method, big = false;
    }
    name[at] = 0;
    uint64_t id = ++people->next_id;
    json_t *request = json_pack("{s:s,s:I,s:s,s:o}", "jsonrpc", "2.0", "id", (json_int_t)id, "method", name, "params", params ? params : json_object());
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    people->calling = true;
    bool asked = sim_door_ask(p->machine, p->conn, text);
    people->calling = false;
    free(text);
    json_t *result = NULL;
    p->code = asked ? SIM_CALL_LOST : SIM_CALL_DOWN;
    uint64_t conn;
    for (json_t *json; (json = sim_door_take(p->machine, &conn)); json_decref(json)) {
        if (conn != p->conn || (uint64_t)json_integer_value(json_object_get(json, "id")) != id) {
            late_answer(people, conn, json);
            continue;
        }
        json_t *error = json_object_get(json, "error");
        result = error ? NULL : json_incref(json_object_get(json, "result"));
        p->code = error ? (int)json_integer_value(json_object_get(error, "code")) : 0;
        if (p->code == 1000 && !people->disk_faults) sim_break(people->world, "internal", "p%u: %s failed inside", p->index, name);
    }
    if (p->code == SIM_CALL_LOST && wait && p->machine->node) p->polling = id, p->polling_boot = p->machine->boot;
    else if (p->code == SIM_CALL_LOST) people->world->counts[SIM_N_CALLS_LOST]++;
    if (people->world->broken) {
        json_decref(result);
        return NULL;
    }
    return result;
}

/* On a node of several people each call is of the account in use. */
static bool take_seat(struct sim_person *p)
{
    bool shared = false;
    for (unsigned i = 0; i < p->people->count; i++) shared |= &p->people->person[i] != p && p->people->person[i].machine == p->machine;
    if (!shared || !p->account[0]) return true;
    json_t *used = call(p, "account use", json_pack("{s:s}", "account", p->account), false);
    json_decref(used);
    return used != NULL;
}

json_t *sim_call(struct sim_person *p, const char *method, json_t *params)
{
    if (take_seat(p)) return call(p, method, params, false);
    json_decref(params);
    return NULL;
}

json_t *sim_job(struct sim_person *p, const char *method, json_t *params, uint64_t patience_us)
{
    struct sim_world *w = p->people->world;
    uint64_t until = w->now_us + patience_us;
    json_t *started = sim_call(p, method, params), *job = NULL;
    const char *name = started ? json_string_value(json_object_get(started, "job")) : NULL;
    while (name && w->now_us < until && !w->broken) {
        sim_world_run(w, w->now_us + 100000);
        json_decref(job);
        job = call(p, "job get", json_pack("{s:s}", "job", name), false);
        const char *state = job ? json_string_value(json_object_get(job, "state")) : NULL;
        if (!state || (strcmp(state, "running") != 0 && strcmp(state, "queued") != 0)) break;
    }
    json_t *result = job ? json_incref(json_object_get(job, "result")) : NULL;
    json_decref(job);
    json_decref(started);
    return result;
}

json_t *sim_await(struct sim_person *p, const char *method, json_t *params, uint64_t patience_us)
{
    struct sim_world *w = p->people->world;
    uint64_t until = w->now_us + patience_us;
    json_t *result = sim_call(p, method, params);
    if (result || p->code != SIM_CALL_LOST) return result;
    for (p->awaiting = p->people->next_id; p->awaiting && w->now_us < until && !w->broken;) sim_world_run(w, w->now_us + 100000);
    p->awaiting = 0;
    result = p->awaited;
    p->awaited = NULL;
    return result;
}

/* ---- what people do ---- */

struct sim_person *sim_person_new(struct sim_people *people, struct sim_machine *m)
{
    SOTTO_ASSERT(people->count < SIM_PEOPLE_MAX);
    struct sim_person *p = &people->person[people->count];
    *p = (struct sim_person){ .people = people, .machine = m, .index = people->count++ };
    p->conn = 100 + p->index;
    p->act_mean_us = 4 * SIM_SECOND_US;
    p->poll_mean_us = 3 * SIM_SECOND_US;
    return p;
}

bool sim_person_create(struct sim_person *p)
{
    char name[40];
    snprintf(name, sizeof name, SIM_MARK "p%u", p->index);
    json_t *made = sim_job(p, "account create", json_pack("{s:s,s:s}", "name", name, "passphrase", ""), SIM_MINUTE_US);
    const char *id = json_string_value(json_object_get(made, "account"));
    if (id) snprintf(p->account, sizeof p->account, "%s", id);
    json_decref(made);
    json_t *link = id ? sim_call(p, "account link", NULL) : NULL;
    const char *text = json_string_value(json_object_get(link, "link"));
    if (text) snprintf(p->link, sizeof p->link, "%s", text);
    json_decref(link);
    return text != NULL;
}

static void alias_of(char out[40], const struct sim_person *p) { snprintf(out, 40, SIM_MARK "p%u", p->index); }

bool sim_person_add(struct sim_person *p, struct sim_person *to)
{
    char alias[40];
    alias_of(alias, to);
    json_t *contact = sim_call(p, "contact add", json_pack("{s:s,s:s,s:s}", "link", to->link, "alias", alias, "note", SIM_MARK " hello"));
    json_decref(contact);
    if (contact) sim_trace(p->people->world, p->machine->name, "add", "p%u asks p%u", p->index, to->index);
    return contact != NULL;
}

bool sim_person_accept(struct sim_person *p, struct sim_person *from)
{
    char alias[40];
    alias_of(alias, from);
    json_t *contact = sim_call(p, "contact accept", json_pack("{s:s,s:s}", "contact", from->account, "alias", alias));
    json_decref(contact);
    if (contact) sim_trace(p->people->world, p->machine->name, "accept", "p%u accepts p%u", p->index, from->index);
    return contact != NULL;
}

bool sim_person_mutual(struct sim_person *p, struct sim_person *with)
{
    json_t *contact = sim_call(p, "contact get", json_pack("{s:s}", "contact", with->account));
    const char *state = json_string_value(json_object_get(contact, "state"));
    bool mutual = state && strcmp(state, "mutual") == 0;
    if (state) snprintf(p->state_of[with->index], sizeof p->state_of[0], "%s", state);
    json_decref(contact);
    return mutual;
}

struct sim_text *sim_person_write(struct sim_person *p, struct sim_person *to, size_t filler)
{
    struct sim_people *people = p->people;
    if (people->text_count == people->text_cap) {
        people->text_cap = people->text_cap ? 2 * people->text_cap : 64;
        people->texts = realloc(people->texts, people->text_cap * sizeof *people->texts);
        if (!people->texts) abort();
    }
    struct sim_text *t = &people->texts[people->text_count];
    *t = (struct sim_text){ .number = people->text_count++, .from = p->index, .to = to->index, .state = SIM_UNKNOWN, .told = SIM_UNKNOWN,
                            .written_us = people->world->now_us };
    t->text = sim_alloc(filler + 64);
    int head = snprintf(t->text, 64, SIM_MARK "%u:%016" PRIx64 " ", t->number, people->world->dice_seed);
    for (size_t i = 0; i < filler; i++) t->text[(size_t)head + i] = (char)('a' + sim_people_dice(people, 26));
    snprintf(t->key, sizeof t->key, "request-%016" PRIx64 "-%u", people->world->dice_seed, t->number);
    people->world->counts[SIM_N_SENT]++;
    return t;
}

void sim_person_send(struct sim_person *p, struct sim_text *t)
{
    struct sim_person *to = &p->people->person[t->to];
    json_t *m = sim_call(p, "message send", json_pack("{s:s,s:s,s:s}", "chat", to->account, "text", t->text, "requestKey", t->key));
    sim_trace(p->people->world, p->machine->name, "send", "p%u text=%u code=%d", p->index, t->number, p->code);
    if (m) {
        sim_check_answered(t, p->people, json_string_value(json_object_get(m, "message")), json_string_value(json_object_get(m, "text")));
        if (t->state == SIM_UNKNOWN) sim_check_state(p->people, t, sim_state_of(json_string_value(json_object_get(m, "state"))));
    } else if (p->code > 0 && p->code != 1105 && p->code != 1003 && p->code != 2101 && p->code != 1000 && !t->name[0]) {
        t->refused = true;
    }
    json_decref(m);
}

void sim_person_poll(struct sim_person *p, bool wait)
{
    if (p->polling && p->polling_boot == p->machine->boot) return;
    p->polling = 0;
    json_t *params = json_pack("{s:i}", "limit", 1 + (int)sim_people_dice(p->people, EVENT_PAGE_MAX));
    if (p->cursor[0]) json_object_set_new(params, "cursor", json_string(p->cursor));
    if (wait) json_object_set_new(params, "waitMs", json_integer(1000 + (json_int_t)sim_people_dice(p->people, 20000)));
    json_t *result = call(p, "event list", params, wait);
    if (result) take_events(p, result);
    json_decref(result);
}

void sim_person_again(struct sim_person *p)
{
    char cursor[32];
    size_t at = 0;
    if (!p->begin[0] || p->epoch_us || !p->machine->node) return;
    snprintf(cursor, sizeof cursor, "%s", p->begin);
    for (bool more = true; more && !p->people->world->broken;) {
        json_t *page = call(p, "event list", json_pack("{s:s,s:i}", "cursor", cursor, "limit", EVENT_PAGE_MAX), false);
        const char *next = json_string_value(json_object_get(page, "cursor"));
        if (p->code != 0 || !next) {                /* the oldest are no longer kept, or a vault is closed */
            json_decref(page);
            return;
        }
        size_t i;
        json_t *event;
        json_array_foreach(json_object_get(page, "events"), i, event)
            sim_check_again(p, &at, (uint64_t)json_integer_value(json_object_get(event, "seq")), json_string_value(json_object_get(event, "kind")));
        more = i > 0 && strcmp(next, cursor) != 0;
        snprintf(cursor, sizeof cursor, "%s", next);
        json_decref(page);
    }
    sim_check_again(p, &at, UINT64_MAX, NULL);
}

static json_t *whole_history(struct sim_person *p, struct sim_person *q)
{
    json_t *all = json_array();
    char after[24] = "m0000000000000000";
    for (;;) {
        json_t *page = sim_call(p, "message list", json_pack("{s:s,s:s,s:i}", "chat", q->account, "after", after, "limit", LIST_PAGE));
        json_t *items = json_object_get(page, "items");
        size_t count = json_array_size(items);
        if (!page) {
            json_decref(all);
            return NULL;
        }
        if (count) snprintf(after, sizeof after, "%s", json_string_value(json_object_get(json_array_get(items, count - 1), "message")));
        json_array_extend(all, items);
        json_decref(page);
        if (count < LIST_PAGE) return all;
    }
}

void sim_person_audit(struct sim_person *p)
{
    for (unsigned i = 0; i < p->people->count && !p->people->world->broken; i++) {
        struct sim_person *q = &p->people->person[i];
        if (!p->known[i] || !p->machine->node) continue;
        unsigned boot = p->machine->boot;
        json_t *items = whole_history(p, q);
        if (items) sim_check_history(p, q, items);
        else if (p->code == 1002 && boot == p->machine->boot && !p->people->lossy)
            sim_break(p->people->world, "durable", "p%u on %s: its contact p%u is gone", p->index, p->machine->name, i);
        json_decref(items);
        if (!items) return;
    }
    p->boot_audited = p->machine->boot;
}

/* A text that was never answered may be given up by its writer; a machine that is down for good explains everything. */
struct sim_text *sim_people_unsettled(struct sim_people *people)
{
    for (unsigned i = 0; i < people->text_count; i++) {
        struct sim_text *t = &people->texts[i];
        if (t->refused || t->forgotten) continue;
        if (!t->name[0] || t->told <= SIM_HELD || t->told >= SIM_RECEIVED) return t;
    }
    return NULL;
}

static struct sim_person *somebody_known(struct sim_person *p)
{
    unsigned count = 0, pick;
    for (unsigned i = 0; i < p->people->count; i++) count += p->known[i];
    if (!count) return NULL;
    pick = (unsigned)sim_people_dice(p->people, count);
    for (unsigned i = 0; i < p->people->count; i++)
        if (p->known[i] && pick-- == 0) return &p->people->person[i];
    return NULL;
}

static size_t length(struct sim_people *people)
{
    unsigned d = (unsigned)sim_people_dice(people, 100);
    return d < people->long_text_percent ? 900 + sim_people_dice(people, 5000) : sim_people_dice(people, 200);
}

static struct sim_text *unanswered(struct sim_person *p)
{
    for (unsigned i = 0; i < p->people->text_count; i++) {
        struct sim_text *t = &p->people->texts[i];
        if (t->from == p->index && !t->refused && !t->name[0] && !t->forgotten) return t;
    }
    return NULL;
}

static void cancel_one(struct sim_person *p)
{
    struct sim_people *people = p->people;
    for (unsigned i = people->text_count; i-- > 0;) {
        struct sim_text *t = &people->texts[i];
        if (t->from != p->index || !t->name[0] || t->told != SIM_QUEUED || t->forgotten) continue;
        json_t *m = sim_call(p, "message cancel", json_pack("{s:s}", "message", t->name));
        t->cancelled = t->cancelled || m || p->code == SIM_CALL_LOST;
        json_decref(m);
        return;
    }
}

static void read_all(struct sim_person *p, struct sim_person *q)
{
    const struct sim_text *last = NULL;
    for (unsigned i = 0; i < p->people->text_count; i++)
        if (p->people->texts[i].to == p->index && p->people->texts[i].from == q->index && p->people->texts[i].there[0]) last = &p->people->texts[i];
    if (last) json_decref(sim_call(p, "chat read", json_pack("{s:s,s:s}", "chat", q->account, "upTo", last->there)));
}

/* First contact, as far as this person has a part in it. True: nothing is left to do. */
static bool meet(struct sim_person *p)
{
    struct sim_person *q = &p->people->person[p->index ^ 1];
    if (!p->meets || p->known[q->index]) return true;
    if (!p->machine->node) return false;
    bool mutual = sim_person_mutual(p, q);
    if (p->code == 1002) p->state_of[q->index][0] = 0;
    if (mutual) {
        if (p->declined) sim_break(p->people->world, "meet", "p%u declined p%u, and is its contact all the same", p->index, q->index);
        p->known[q->index] = true;
        return true;
    }
    const char *state = p->state_of[q->index];
    if (p->code != 0 && p->code != 1002) return false;
    if (strcmp(state, "incoming") == 0 && p->declines) {
        json_t *done = sim_call(p, "contact decline", json_pack("{s:s}", "contact", q->account));
        p->declined |= done != NULL;
        json_decref(done);
    } else if (strcmp(state, "incoming") == 0) {
        (void)sim_person_accept(p, q);
    } else if (p->initiates && (!state[0] || strcmp(state, "unanswered") == 0)) {
        (void)sim_person_add(p, q);
    }
    return false;
}

static void act(void *ctx)
{
    struct sim_person *p = ctx;
    struct sim_people *people = p->people;
    struct sim_world *w = people->world;
    unsigned d = (unsigned)sim_people_dice(people, 100);
    struct sim_text *t = unanswered(p);
    bool met = p->machine->node && !p->locked && meet(p);
    struct sim_person *q = somebody_known(p);
    if (p->meets && p->code == 1105) p->locked = true;
    if (w->broken) return;
    if (p->machine->node && p->locked && !q) {
        json_decref(sim_call(p, "vault unlock", json_pack("{s:s}", "passphrase", "")));
        p->locked = p->code == SIM_CALL_DOWN;
    } else if (p->machine->node && q) {
        if (p->boot_audited != p->machine->boot) sim_person_audit(p);
        if (p->locked) {
            json_t *open = sim_call(p, "vault unlock", json_pack("{s:s}", "passphrase", ""));
            p->locked = p->code == SIM_CALL_DOWN;
            json_decref(open);
        } else if (t) {
            sim_person_send(p, t);
        } else if (people->ending) {
            /* only what was begun is brought to its end */
        } else if (d < people->lock_percent) {
            json_decref(sim_call(p, "vault lock", NULL));
            w->counts[SIM_N_LOCKS]++;
            p->locked = true;
        } else if (d < people->lock_percent + people->cancel_percent) {
            cancel_one(p);
        } else if (d < people->lock_percent + people->cancel_percent + people->read_percent) {
            read_all(p, q);
        } else if (p->to_write) {
            p->to_write--;
            t = sim_person_write(p, q, length(people));
            sim_person_send(p, t);
            if (sim_people_dice(people, ASK_AGAIN) == 0) sim_person_send(p, t);      /* its answer was lost on the way: the same, under the same key */
        }
        if (p->code == 1105) p->locked = true;      /* a fault at the start left it closed */
    }
    uint64_t mean = p->machine->node && !people->ending ? p->act_mean_us : p->act_mean_us + AFTER_RESTART_US;
    if (!people->ending || t || !met || p->locked || p->boot_audited != p->machine->boot || p->to_write) sim_event_at(w, &p->act, w->now_us + 1000 + sotto_rng_exp_us(&people->dice.rng, mean));
}

static void poll(void *ctx)
{
    struct sim_person *p = ctx;
    struct sim_people *people = p->people;
    if (p->machine->node) sim_person_poll(p, sim_people_dice(people, 4) == 0);
    sim_event_at(people->world, &p->poll, people->world->now_us + 1000 + sotto_rng_exp_us(&people->dice.rng, people->ending ? 20 * p->poll_mean_us : p->poll_mean_us));
}

void sim_people_begin(struct sim_people *people)
{
    for (unsigned i = 0; i < people->count; i++) {
        struct sim_person *p = &people->person[i];
        sim_event_init(&p->act, NULL, "act", act, p);
        sim_event_init(&p->poll, NULL, "poll", poll, p);
        sim_event_at(people->world, &p->act, people->world->now_us + sim_people_dice(people, p->act_mean_us));
        sim_event_at(people->world, &p->poll, people->world->now_us + sim_people_dice(people, p->poll_mean_us));
    }
}
