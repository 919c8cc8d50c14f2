/* Prepared disks: what is the same in every run, keys, accounts, contacts, is made once and copied. Keys then repeat between seeds; texts, times,
 * faults and every random byte of the nodes do not. */
#include "sim/worlds.h"

#include "sim/check.h"
#include "sim/net.h"

#include <stdlib.h>

#define MEET_PATIENCE_US (20 * SIM_MINUTE_US)
#define TEMPLATES_MAX 32u
#define AGE_US (5 * SIM_MINUTE_US)              /* a run begins so long after its template; below the pause after which a node looks far ahead */

struct sim_template {
    unsigned nodes, pairs;
    bool contacts;
    uint64_t until_us;                          /* its time */
    struct sim_disk *disks[SIM_MACHINES_MAX];
    char enodes[SIM_MACHINES_MAX][256];
    struct { unsigned machine; char account[48], link[600], cursor[32]; uint64_t last_seq; } people[SIM_PEOPLE_MAX];
};
static struct sim_template *templates[TEMPLATES_MAX];
static unsigned template_count;

static void flags(struct sim_machine *m)
{
    static const struct { const char *key, *value; } common[] = {
        { "network.name", "test-sim" }, { "network.local", "true" }, { "relay.plain", "true" }, { "http.listen", "" }, { "relay.receipt", "1s" }, { "relay.work", "2" },
        { "vault.lock_after", "0" }, { "relay.pool", "1MiB" }, { "limits.static", "6" },
    };
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) sim_machine_flag(m, common[i].key, common[i].value);
}

static void enode_of(char out[256], struct sim_machine *m, struct sim_people *people)
{
    struct sim_person asker = { .people = people, .machine = m, .conn = 99, .index = 99 };
    json_t *status = sim_call(&asker, "node status", NULL);
    const char *peer = json_string_value(json_object_get(status, "peer"));
    SOTTO_ASSERT(peer);
    snprintf(out, 256, "%s", peer);
    json_decref(status);
}

/* Where the two of a pair live: far from each other, and all machines used. */
static unsigned home(unsigned person, unsigned nodes, unsigned pairs)
{
    SOTTO_ASSERT(nodes > 0);
    if (pairs == 1) return person == 0 ? 0 : nodes - 1;
    return person % nodes;
}

static void fail(const struct sim_world *w, const char *what)
{
    fprintf(stderr, "sim: the preparation failed: %s%s%s\n", what, w->broken ? ": " : "", w->broken ? w->why : "");
    abort();
}

static struct sim_template *make(unsigned nodes, unsigned pairs, bool contacts)
{
    struct sim_template *t = sim_alloc(sizeof *t);
    *t = (struct sim_template){ .nodes = nodes, .pairs = pairs, .contacts = contacts };
    struct sim_world *w = sim_world_new(1000000 + nodes * 100 + pairs, NULL);
    struct sim_people *people = sim_people_new(w);
    for (unsigned i = 0; i < nodes; i++) {
        struct sim_machine *m = sim_machine_new(w, NULL);
        flags(m);
        if (!sim_machine_start(m)) fail(w, m->log[0].text);
        enode_of(t->enodes[i], m, people);
    }
    for (unsigned i = 0; i < nodes; i++) {                        /* again, now with neighbours */
        sim_machine_crash(w->machines[i], SIM_LOSS_NONE);
        for (unsigned k = 0; k < nodes; k++)
            if (k != i && (k + 1) % nodes == i) sim_machine_flag(w->machines[i], "network.static", t->enodes[k]);
    }
    for (unsigned i = 0; i < nodes; i++)
        if (!sim_machine_start(w->machines[i])) fail(w, "start");
    for (unsigned i = 0; i < 2 * pairs; i++) {
        struct sim_person *p = sim_person_new(people, w->machines[home(i, nodes, pairs)]);
        if (!sim_person_create(p)) fail(w, "account");
    }
    for (unsigned i = 0; contacts && i < 2 * pairs; i += 2) {
        struct sim_person *a = &people->person[i], *b = &people->person[i + 1];
        uint64_t until = w->now_us + MEET_PATIENCE_US;
        if (!sim_person_add(a, b)) fail(w, "add");
        while (!w->broken && w->now_us < until && !sim_person_accept(b, a)) sim_world_run(w, w->now_us + SIM_SECOND_US);
        while (!w->broken && w->now_us < until && !(sim_person_mutual(a, b) && sim_person_mutual(b, a))) sim_world_run(w, w->now_us + SIM_SECOND_US);
        if (w->now_us >= until) fail(w, "contact");
    }
    sim_world_run(w, w->now_us + 2 * SIM_MINUTE_US);
    if (w->broken) fail(w, "rule");
    for (unsigned i = 0; i < 2 * pairs; i++) {
        struct sim_person *p = &people->person[i];
        do sim_person_poll(p, false);
        while (p->code == 0 && strcmp(p->cursor, t->people[i].cursor) != 0 && snprintf(t->people[i].cursor, sizeof t->people[i].cursor, "%s", p->cursor));
        t->people[i].machine = p->machine->index;
        t->people[i].last_seq = p->last_seq;
        snprintf(t->people[i].account, sizeof t->people[i].account, "%s", p->account);
        snprintf(t->people[i].link, sizeof t->people[i].link, "%s", p->link);
    }
    for (unsigned i = 0; i < nodes; i++) sim_machine_stop(w->machines[i]);
    sim_world_run(w, w->now_us + SIM_MINUTE_US);
    if (w->broken) fail(w, "rule");
    for (unsigned i = 0; i < nodes; i++) t->disks[i] = sim_disk_clone(w->machines[i]->disk, i);
    t->until_us = w->now_us;
    sim_people_free(people);
    sim_world_free(w);
    return t;
}

static struct sim_template *find(unsigned nodes, unsigned pairs, bool contacts)
{
    for (unsigned i = 0; i < template_count; i++)
        if (templates[i]->nodes == nodes && templates[i]->pairs == pairs && templates[i]->contacts == contacts) return templates[i];
    SOTTO_ASSERT(template_count < TEMPLATES_MAX);
    struct sim_world *outer = sim_world_running;
    struct sim_template *t = make(nodes, pairs, contacts);
    sim_world_running = outer;
    templates[template_count++] = t;
    return t;
}

void sim_template_use(struct sim_run *run, unsigned nodes, unsigned pairs, bool contacts)
{
    const struct sim_template *t = find(nodes, pairs, contacts);
    struct sim_world *w = run->world;
    run->prepared = t;
    w->now_us = t->until_us + AGE_US;
    for (unsigned i = 0; i < nodes; i++) flags(sim_machine_new(w, sim_disk_clone(t->disks[i], w->dice_seed * SIM_MACHINES_MAX + i)));
    for (unsigned i = 0; i < 2 * pairs; i++) {
        struct sim_person *p = sim_person_new(run->people, w->machines[t->people[i].machine]);
        snprintf(p->account, sizeof p->account, "%s", t->people[i].account);
        snprintf(p->link, sizeof p->link, "%s", t->people[i].link);
        snprintf(p->cursor, sizeof p->cursor, "%s", t->people[i].cursor);
        snprintf(p->begin, sizeof p->begin, "%s", t->people[i].cursor);
        p->last_seq = t->people[i].last_seq;
        p->known[i ^ 1] = contacts;
    }
}

void sim_template_neighbours(struct sim_run *run, const char *only)
{
    const struct sim_template *t = run->prepared;
    struct sim_world *w = run->world;
    for (unsigned i = 0; i < t->nodes; i++) {
        unsigned dialled = 0;
        if (only) sim_machine_flag(w->machines[i], "network.static", only);
        for (unsigned k = 0; k < t->nodes && !only; k++) {
            bool neighbour = k != i && ((k + 1) % t->nodes == i || (t->nodes > 3 && sim_chance(w, 15)));
            if (neighbour && dialled++ < 5) sim_machine_flag(w->machines[i], "network.static", t->enodes[k]);
        }
    }
}

void sim_templates_free(void)
{
    while (template_count) {
        struct sim_template *t = templates[--template_count];
        for (unsigned i = 0; i < t->nodes; i++) sim_disk_free(t->disks[i]);
        free(t);
    }
}
