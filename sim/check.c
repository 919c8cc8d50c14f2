#include "sim/check.h"

#include "node/impl.h"

#include <inttypes.h>
#include <stdlib.h>

/* Limits of the node that it sets itself, said again here by somebody else. */
#define POOL_ENTRIES_MAX 65536u
#define OUTBOX_MAX 64u                          /* cells */
#define CONNS_MAX 512u

static const char *of(const struct sim_person *p, char out[24])
{
    snprintf(out, 24, "p%u on %s", p->index, p->machine->name);
    return out;
}

struct sim_text *sim_check_known(struct sim_people *people, const char *text)
{
    const char *at = strstr(text, SIM_MARK);
    unsigned number = at ? (unsigned)strtoul(at + strlen(SIM_MARK), NULL, 10) : 0;
    struct sim_text *t = at && number < people->text_count ? &people->texts[number] : NULL;
    if (t && strcmp(t->text, text) == 0) return t;
    sim_break(people->world, "once", "a text that nobody wrote: \"%.60s\"", text);
    return NULL;
}

static uint32_t kind_hash(const char *kind)
{
    uint32_t hash = 2166136261u;                /* FNV-1a */
    for (const char *c = kind; *c; c++) hash = (hash ^ (uint8_t)*c) * 16777619u;
    return hash;
}

void sim_check_event(struct sim_person *p, uint64_t seq, const char *kind)
{
    char who[24];
    if (seq <= p->last_seq) {
        sim_break(p->people->world, "events", "%s was told event %" PRIu64 " after %" PRIu64, of(p, who), seq, p->last_seq);
        return;
    }
    p->last_seq = seq;
    if (p->event_count == p->event_cap) {
        p->event_cap = p->event_cap ? 2 * p->event_cap : 64;
        p->events = realloc(p->events, p->event_cap * sizeof *p->events);
        if (!p->events) abort();
    }
    p->events[p->event_count++] = (struct sim_event_seen){ seq, kind_hash(kind) };
}

void sim_check_again(struct sim_person *p, size_t *at, uint64_t seq, const char *kind)
{
    char who[24];
    const struct sim_event_seen *seen = *at < p->event_count ? &p->events[*at] : NULL;
    if (!seen && seq > p->last_seq) return;         /* new since p looked, or the end */
    if (seen && seen->seq == seq && seen->kind_hash == kind_hash(kind)) {
        ++*at;
    } else if (seen && seen->seq <= seq) {
        sim_break(p->people->world, "events", "%s was told event %" PRIu64 "; a reader from the start is not, or another kind of it", of(p, who), seen->seq);
    } else {
        sim_break(p->people->world, "events", "a reader from the start is told event %" PRIu64 " (%s), %s was not", seq, kind, of(p, who));
    }
}

void sim_check_answered(struct sim_text *t, struct sim_people *people, const char *name, const char *text)
{
    if (t->forgotten) return;
    if (strcmp(text, t->text) != 0) sim_break(people->world, "request", "the answer to text %u holds another text", t->number);
    if (!t->name[0]) snprintf(t->name, sizeof t->name, "%s", name);
    else if (strcmp(t->name, name) != 0) sim_break(people->world, "request", "text %u was answered as %s, then as %s", t->number, t->name, name);
}

/* messaging.md 5.3; read and delivered may come late and correct "expired". */
static const uint16_t next_states[SIM_STATES] = {
#define TO(s) (1u << SIM_##s)
    [SIM_QUEUED] = TO(WORKING) | TO(SENT) | TO(HELD) | TO(DELIVERED) | TO(READ) | TO(EXPIRED) | TO(FAILED) | TO(CANCELLED),
    [SIM_WORKING] = TO(QUEUED) | TO(SENT) | TO(HELD) | TO(DELIVERED) | TO(READ) | TO(EXPIRED) | TO(FAILED) | TO(CANCELLED),
    [SIM_SENT] = TO(HELD) | TO(DELIVERED) | TO(READ) | TO(EXPIRED),
    [SIM_HELD] = TO(DELIVERED) | TO(READ) | TO(EXPIRED),
    [SIM_DELIVERED] = TO(READ),
    [SIM_EXPIRED] = TO(DELIVERED) | TO(READ) | TO(QUEUED),
    [SIM_FAILED] = TO(QUEUED),
    [SIM_CANCELLED] = TO(QUEUED),
#undef TO
};

static bool may_go(const struct sim_text *t, enum sim_state from, enum sim_state to)
{
    if (from == to || t->forgotten) return true;
    if (to >= SIM_STATES || to == SIM_RECEIVED) return false;
    if (from >= SIM_STATES) return true;
    if (t->resent) return true;                     /* the arrows begin anew */
    if (to == SIM_QUEUED && from != SIM_WORKING) return false;
    return next_states[from] & (1u << to);
}

static void step_to(struct sim_people *people, struct sim_text *t, enum sim_state *at, enum sim_state next, const char *where)
{
    if (!may_go(t, *at, next)) {
        sim_break(people->world, "states", "text %u of p%u went from %s to %s (%s)", t->number, t->from, sim_state_names[*at], sim_state_names[next], where);
        return;
    }
    *at = next;
    if ((next == SIM_DELIVERED || next == SIM_READ) && !t->delivered) {
        t->delivered = true;
        people->world->counts[SIM_N_DELIVERED]++;
    }
}

void sim_check_state(struct sim_people *people, struct sim_text *t, enum sim_state next) { step_to(people, t, &t->state, next, "history"); }
void sim_check_told(struct sim_people *people, struct sim_text *t, enum sim_state next) { step_to(people, t, &t->told, next, "event"); }

void sim_check_shown(struct sim_person *p, struct sim_person *from, const char *name, const char *text)
{
    char who[24];
    struct sim_text *t = sim_check_known(p->people, text);
    if (!t) return;
    p->people->world->counts[SIM_N_SHOWN]++;
    if (t->from != from->index || t->to != p->index) {
        sim_break(p->people->world, "once", "%s was shown text %u as coming from p%u; it goes from p%u to p%u", of(p, who), t->number, from->index, t->from, t->to);
    } else if (t->refused) {
        sim_break(p->people->world, "once", "%s was shown text %u, which the sender's node had refused", of(p, who), t->number);
    } else if (!t->there[0]) {
        snprintf(t->there, sizeof t->there, "%s", name);
    } else if (strcmp(t->there, name) != 0 && !p->people->may_double) {
        sim_break(p->people->world, "once", "%s was shown text %u as %s and as %s", of(p, who), t->number, t->there, name);
    }
}

static void missing(struct sim_person *p, const struct sim_text *t, const char *what)
{
    char who[24];
    sim_break(p->people->world, "durable", "%s: text %u from p%u to p%u (%s) is not in the history, but %s", of(p, who), t->number, t->from, t->to,
              sim_state_names[t->state], what);
}

void sim_check_history(struct sim_person *p, struct sim_person *q, json_t *items)
{
    struct sim_people *people = p->people;
    unsigned audit = ++people->audits;
    size_t i;
    json_t *item;
    char who[24];
    const struct sim_text *last = NULL;
    people->world->counts[SIM_N_AUDITS]++;
    json_array_foreach(items, i, item)
    {
        const char *text = json_string_value(json_object_get(item, "text")), *name = json_string_value(json_object_get(item, "message"));
        if (strcmp(json_string_value(json_object_get(item, "kind")), "text") != 0) continue;
        bool own = json_is_true(json_object_get(item, "own"));
        struct sim_text *t = sim_check_known(people, text);
        if (!t) return;
        if (own ? t->from != p->index || t->to != q->index : t->from != q->index || t->to != p->index) {
            sim_break(people->world, "once", "%s: text %u (p%u to p%u) stands in the history with p%u", of(p, who), t->number, t->from, t->to, q->index);
            return;
        }
        unsigned *seen = own ? &t->audit_own : &t->audit_there;
        if (*seen == audit && !people->may_double) {
            sim_break(people->world, "once", "%s: text %u stands twice in the history with p%u", of(p, who), t->number, q->index);
            return;
        }
        *seen = audit;
        /* the sender's own names rise with the order of writing (its calls may have been repeated in another one) */
        if (!own && last && last->name[0] && t->name[0] && strcmp(t->name, last->name) < 0 && !people->lossy && !t->resent) {
            sim_break(people->world, "order", "%s: text %u stands after text %u, though it was written before", of(p, who), t->number, last->number);
            return;
        }
        if (!own) last = t;
        if (own) {
            sim_check_answered(t, people, name, text);
            sim_check_state(people, t, sim_state_of(json_string_value(json_object_get(item, "state"))));
        } else {
            sim_check_shown(p, q, name, text);
        }
        if (people->world->broken) return;
    }
    for (unsigned n = 0; n < people->text_count; n++) {
        const struct sim_text *t = &people->texts[n];
        if (t->from == p->index && t->to == q->index && t->name[0] && t->audit_own != audit) missing(p, t, "its writing was answered");
        if (t->from != q->index || t->to != p->index || t->audit_there == audit) continue;
        if (t->there[0]) missing(p, t, "it was shown");
        else if (t->delivered && t->written_us > p->epoch_us) missing(p, t, "it was reported as delivered");
    }
}

void sim_check_end(struct sim_people *people)
{
    const struct sim_text *t = sim_people_unsettled(people);
    if (t) sim_break(people->world, "settled", "text %u from p%u to p%u is still %s%s after everything was healed%s", t->number, t->from, t->to,
                     sim_state_names[t->told], t->name[0] ? "" : " (never answered)", t->there[0] ? "; it was shown" : "; it was not shown");
    for (unsigned i = 0; i < people->text_count && !people->world->broken; i++) {
        t = &people->texts[i];
        if (t->told == SIM_EXPIRED) people->world->counts[SIM_N_EXPIRED]++;
        if (t->told == SIM_EXPIRED && !people->lossy && !t->refused)
            sim_break(people->world, "settled", "text %u from p%u to p%u expired, though everything was healed long before", t->number, t->from, t->to);
        if (t->after_loss && !t->delivered && t->told != SIM_CANCELLED)
            sim_break(people->world, "settled", "text %u from p%u to p%u, written after the loss, did not arrive", t->number, t->from, t->to);
        if (!t->refused && !t->forgotten && t->told != t->state)
            sim_break(people->world, "events", "text %u of p%u is %s in the history, but the last event said %s", t->number, t->from,
                      sim_state_names[t->state], sim_state_names[t->told]);
    }
}

/* ---- plain text where none may be ---- */

void sim_check_wire(struct sim_people *people, unsigned from, unsigned to, struct sotto_span bytes)
{
    if (memmem(bytes.data, bytes.size, SIM_MARK, strlen(SIM_MARK))) sim_break(people->world, "plain", "a text went over the wire from n%u to n%u", from, to);
}

void sim_check_disks(struct sim_people *people)
{
    struct sim_world *w = people->world;
    struct sim_disk_spot spot;
    for (unsigned i = 0; i < w->machine_count; i++)
        if (sim_disk_watched(w->machines[i]->disk, &spot) || sim_disk_find(w->machines[i]->disk, &spot, sotto_span_str(SIM_MARK)))
            sim_break(w, "plain", "a text was written to the disk of n%u: %s at %" PRIu64, i, spot.path, spot.offset);
}

/* ---- bounds: cheap enough for every step ---- */

void sim_check_bounds(struct sim_world *w, const char *name, const struct sim_bounds *b)
{
    if (b->pool_bytes > b->pool_max || b->pool_count > POOL_ENTRIES_MAX) sim_break(w, "bounds", "%s: the pool holds %" PRIu64 " bytes, %u envelopes", name, b->pool_bytes, b->pool_count);
    if (b->outbox > OUTBOX_MAX) sim_break(w, "bounds", "%s: the outbox holds %u cells", name, b->outbox);
    if (b->backlog > SOTTO_BACKLOG_MAX) sim_break(w, "bounds", "%s: the backlog holds %zu cells", name, b->backlog);
    if (b->tasks > SOTTO_TASKS_MAX) sim_break(w, "bounds", "%s: %u tasks", name, b->tasks);
    if (b->conns > CONNS_MAX) sim_break(w, "bounds", "%s: %u connections", name, b->conns);
    if (b->txn_open) sim_break(w, "bounds", "%s: a transaction is open after the step", name);
    if (b->wishes) sim_break(w, "bounds", "%s: %zu wishes of the network were left undone", name, b->wishes);
}

void sim_check_machine(struct sim_world *w, struct sim_machine *m)
{
    const struct sotto_node *n = m->node;
    if (!n || !n->net) return;
    const struct sotto_pool *pool = sotto_net_pool(n->net);
    struct sim_bounds b = {
        .pool_bytes = sotto_pool_bytes(pool),
        .pool_max = sotto_config_number(n->config, SOTTO_KEY_RELAY_POOL),
        .pool_count = sotto_pool_count(pool),
        .outbox = sotto_net_outbox(n->net),
        .backlog = n->backlog_count,
        .tasks = n->task_count,
        .conns = n->io_net ? sotto_io_net_conns(n->io_net) : 0,
        .txn_open = !n->batch && (n->txn_depth != 0 || (n->store && sotto_store_begun(n->store) && !n->rpc_txn)),
        .wishes = n->stopping ? 0 : n->outq.count,
    };
    sim_check_bounds(w, m->name, &b);
}
