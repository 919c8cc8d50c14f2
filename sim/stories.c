/* The worlds with a course of their own: state that is lost, and a crash at every single operation of the disk. */
#include "sim/worlds.h"

#include "sim/check.h"
#include "sim/net.h"
#include "sim/wrap.h"

#include <stdlib.h>

#define LINK_PATIENCE_US (10 * SIM_MINUTE_US)
#define HEAL_WRITE 3u                           /* messages that each writes after the loss: they must all arrive */

/* ---- state lost on one side ---- */

enum loss { OLD_COPY, FROM_BACKUP, FROM_WORDS, LOSSES };

struct known { char name[20], there[20]; };
struct memory { struct known *texts; unsigned count, events; uint64_t last_seq; char cursor[32]; struct sim_disk *copy; struct sotto_buf backup; };

/* What the person knows at this moment, with the disk as it is (or a backup made now). */
static bool remember(struct sim_person *p, struct memory *old, enum loss what)
{
    struct sim_people *people = p->people;
    if (!p->machine->node) return false;
    sim_person_poll(p, false);
    /* Before it is made: what comes meanwhile may be in it or not. */
    old->count = what == FROM_WORDS ? 0 : people->text_count;
    old->texts = sim_alloc((people->text_count + 1) * sizeof *old->texts);
    for (unsigned i = 0; i < old->count; i++) {
        memcpy(old->texts[i].name, people->texts[i].name, sizeof old->texts[i].name);
        memcpy(old->texts[i].there, people->texts[i].there, sizeof old->texts[i].there);
    }
    if (what == OLD_COPY) {
        old->copy = sim_disk_clone(p->machine->disk, people->world->seed);
    } else if (what == FROM_BACKUP) {
        struct sotto_span file;
        json_t *made = sim_job(p, "backup create", json_pack("{s:s,s:s}", "path", "/backup", "passphrase", ""), SIM_MINUTE_US);
        bool ok = made && sim_disk_peek(p->machine->disk, &file, "/backup");
        json_decref(made);
        if (!ok) return false;
        old->backup = sotto_buf_make(64u << 20);
        (void)!sotto_buf_add_span(&old->backup, file);
    } else {
        json_t *words = sim_await(p, "account phrase", json_pack("{s:s}", "passphrase", ""), SIM_MINUTE_US);
        size_t i;
        json_t *word;
        json_array_foreach(words, i, word)
        {
            size_t at = strlen(p->phrase);
            snprintf(p->phrase + at, sizeof p->phrase - at, "%s%s", i ? " " : "", json_string_value(word));
        }
        json_decref(words);
        if (!p->phrase[0]) return false;
    }
    return true;
}

static void forget(struct sim_person *p, const struct memory *old)
{
    struct sim_people *people = p->people;
    people->lossy = true;
    p->epoch_us = people->world->now_us;
    p->cursor[0] = 0;
    p->last_seq = 0;
    p->event_count = 0;
    p->polling = 0;
    for (unsigned i = 0; i < people->text_count; i++) {
        struct sim_text *t = &people->texts[i];
        bool kept = i < old->count;
        if (t->to == p->index) snprintf(t->there, sizeof t->there, "%s", kept ? old->texts[i].there : "");
        if (t->from != p->index) continue;
        snprintf(t->name, sizeof t->name, "%s", kept ? old->texts[i].name : "");
        t->state = t->told = SIM_UNKNOWN;
        t->forgotten = true;                    /* what becomes of it is not told any more */
    }
}

static bool restore(struct sim_run *run, struct sim_person *p, struct memory *old, enum loss what)
{
    struct sim_world *w = run->world;
    struct sim_machine *m = p->machine;
    json_t *done = NULL;
    if (m->node) sim_machine_crash(m, SIM_LOSS_NONE);
    sim_event_drop(w, &run->back[m->index]);
    sim_trace(w, m->name, "loss", "kind=%d", (int)what);
    forget(p, old);
    if (what == OLD_COPY) {
        sim_disk_restore(m->disk, old->copy);
        sim_watch_old_state(w, m->index);
        w->counts[SIM_N_OLD_STATES]++;
        return sim_machine_start(m);
    }
    w->counts[SIM_N_RESTORES]++;
    /* The link key comes along: neighbours that have this node in their configuration know it by that, and nobody tells them another one. */
    char path[32];
    uint8_t key[32];
    struct sotto_span file;
    snprintf(path, sizeof path, "/%s/network/key", m->name);
    if (!sim_disk_peek(m->disk, &file, path) || file.size != sizeof key) return false;
    memcpy(key, file.data, sizeof key);
    struct sim_disk *fresh = sim_disk_new(w->seed + 1);
    sim_disk_restore(m->disk, fresh);
    sim_disk_free(fresh);
    sim_disk_put(m->disk, path, SOTTO_SPAN(key));
    if (what == FROM_BACKUP) sim_disk_put(m->disk, "/backup", sotto_buf_span(&old->backup));
    if (!sim_machine_start(m)) return false;
    if (what == FROM_BACKUP) done = sim_job(p, "account restore", json_pack("{s:s,s:s}", "backup", "/backup", "passphrase", ""), SIM_MINUTE_US);
    else done = sim_job(p, "account restore", json_pack("{s:s,s:s,s:s}", "phrase", p->phrase, "passphrase", "", "name", SIM_MARK "again"), SIM_MINUTE_US);
    bool ok = done != NULL;
    json_decref(done);
    if (ok && what == FROM_WORDS) ok = sim_person_add(p, &run->people->person[p->index ^ 1]);
    return ok;
}

/* By itself, from here on: what both write now must arrive. */
static void heal(struct sim_run *run, struct sim_person *p, struct sim_person *q)
{
    for (unsigned i = 0; i < HEAL_WRITE; i++) {
        sim_person_write(p, q, 10)->after_loss = true;
        sim_person_write(q, p, 10)->after_loss = true;
    }
    sim_settle(run);
}

static void memory_free(struct memory *old)
{
    free(old->texts);
    sim_disk_free(old->copy);
    sotto_buf_free(&old->backup);
}

void sim_story_loss(struct sim_run *run)
{
    struct sim_people *people = run->people;
    struct sim_world *w = run->world;
    enum loss what = (enum loss)sim_dice(w, LOSSES);
    struct sim_person *p = &people->person[sim_dice(w, 2)], *q = &people->person[p->index ^ 1];
    struct memory old = { 0 };
    people->may_double = true;
    sim_people_begin(people);
    sim_world_run(w, w->now_us + run->trouble_us / 3);
    bool ok = remember(p, &old, what);
    sim_world_run(w, w->now_us + sim_dice(w, run->trouble_us / 2));
    if (ok) ok = restore(run, p, &old, what);
    if (!ok && !w->broken) sim_break(w, "restore", "p%u could not be brought back (way %d, code %d)", p->index, (int)what, p->code);
    sim_faults_begin(run);
    sim_world_run(w, w->now_us + run->trouble_us / 3);
    sim_faults_end(run);
    heal(run, p, q);
    memory_free(&old);
}

/* ---- bits that turn over by themselves ----
 *
 * Nothing on such a disk can be relied on, so nothing is asked but this: the process does not fall, what it shows was written by that person,
 * what it cannot read is named; and the other people hear nothing from it that nobody wrote. Then the disk is replaced by a copy from before
 * and the person lives on as in the world "loss". */

#define ROT_US (90 * SIM_SECOND_US)
#define ROT_STEP_US (4 * SIM_SECOND_US)
#define ROT_BITS_MAX 24u

static void turn_bits(struct sim_world *w, struct sim_machine *m)
{
    static const char *const files[] = { NULL, NULL, NULL, "messages.db", "messages.db", "messages.db-wal", "network/key" };
    const char *file = files[sim_dice(w, sizeof files / sizeof files[0])];
    struct sim_disk_spot at = { .path = "" };
    char path[48];
    if (file) snprintf(path, sizeof path, "/%s/%s", m->name, file);
    unsigned turned = sim_disk_flip(m->disk, &at, file ? path : NULL, 1 + (unsigned)sim_dice(w, ROT_BITS_MAX));
    w->counts[SIM_N_BITS_FLIPPED] += turned;
    sim_trace(w, m->name, "rot", "bits=%u last=%s:%llu", turned, at.path, (unsigned long long)at.offset);
}

/* The last line of a start that was refused says what it is about, with its number. */
static void refused(struct sim_machine *m)
{
    const char *said = m->log_count ? m->log[(m->log_count - 1) % SIM_LOG_LINES].text : "";
    const char *code = strrchr(said, '(');
    sim_trace(m->world, m->name, "rot", "refused: %s", said);
    if (!code || code[1] < '1' || code[1] > '2') sim_break(m->world, "rot", "%s does not start from a damaged disk and does not say why: \"%s\"", m->name, said);
    else m->world->counts[SIM_N_DAMAGE_NAMED]++;
}

static void read_all_of(struct sim_person *p, const struct sim_person *q)
{
    json_t *page = sim_call(p, "message list", json_pack("{s:s,s:i}", "chat", q->account, "limit", 200)), *item;
    size_t i;
    if (p->code == 1105) {                      /* it did not open by itself: why? */
        json_decref(sim_await(p, "vault unlock", json_pack("{s:s}", "passphrase", ""), SIM_MINUTE_US));
        if (p->code == 1000) sim_break(p->people->world, "rot", "p%u cannot open its vault on a damaged disk, and the node does not know why", p->index);
    }
    if (!page) sim_trace(p->people->world, p->machine->name, "rot", "code=%d", p->code);
    if (!page && p->code > 0) p->people->world->counts[SIM_N_DAMAGE_NAMED]++;
    json_array_foreach(json_object_get(page, "items"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "kind")), "text") != 0) continue;
        const struct sim_text *t = sim_check_known(p->people, json_string_value(json_object_get(item, "text")));
        bool own = json_is_true(json_object_get(item, "own"));
        if (!t) break;
        if (t->from != (own ? p : q)->index) sim_break(p->people->world, "rot", "text %u of p%u is shown by p%u as %s", t->number, t->from, p->index, own ? "its own" : "received");
    }
    json_decref(page);
}

void sim_story_rot(struct sim_run *run)
{
    struct sim_people *people = run->people;
    struct sim_world *w = run->world;
    struct sim_person *p = &people->person[sim_dice(w, 2)], *q = &people->person[p->index ^ 1];
    struct sim_machine *m = p->machine;
    struct memory old = { 0 };
    people->may_double = true;
    sim_people_begin(people);
    sim_world_run(w, w->now_us + run->trouble_us / 3);
    bool ok = remember(p, &old, OLD_COPY);
    if (ok) {
        uint64_t end_us = w->now_us + ROT_US;
        sim_event_drop(w, &p->act);             /* what it does and asks now is not what people are promised */
        sim_event_drop(w, &p->poll);
        people->disk_faults = people->lossy = true;
        sim_watch_old_state(w, m->index);       /* a write-ahead log ends where its checksum fails: what follows is an old state, and nobody can know */
        if (sim_chance(w, 60)) sim_machine_crash(m, SIM_LOSS_NONE);
        for (bool first = true; !w->broken && w->now_us < end_us; first = false) {
            if (first || sim_chance(w, 20)) turn_bits(w, m);
            if (!m->node && !sim_machine_start(m)) {
                refused(m);
                break;
            }
            sim_world_run(w, w->now_us + ROT_STEP_US);
            if (m->node && sim_chance(w, 30)) sim_person_send(p, sim_person_write(p, q, 20));
            if (m->node) read_all_of(p, q);
            if (m->node && sim_chance(w, 15)) sim_machine_crash(m, SIM_LOSS_NONE);
        }
        people->disk_faults = false;
        if (!w->broken) ok = restore(run, p, &old, OLD_COPY);
        sim_event_at(w, &p->act, w->now_us + p->act_mean_us);
        sim_event_at(w, &p->poll, w->now_us + p->poll_mean_us);
    }
    if (!ok && !w->broken) sim_break(w, "restore", "p%u could not be brought back (code %d)", p->index, p->code);
    heal(run, p, q);
    memory_free(&old);
}

/* ---- a crash at the k-th operation of a disk ----
 *
 * One course, always the same up to the crash: its seed is fixed. The seed of the run says where: which machine, after how many operations
 * (counted over its whole life, starts included), and what the disk loses with it. */

#define CRASH_LOSSES 4u

unsigned sim_crash_points(uint64_t seed, unsigned *machine, enum sim_loss *loss, unsigned points[2])
{
    static const enum sim_loss losses[CRASH_LOSSES] = { SIM_LOSS_NONE, SIM_LOSS_ALL, SIM_LOSS_RANDOM, SIM_LOSS_TAIL };
    unsigned all = points[0] + points[1], at = (unsigned)(seed % all);
    *machine = at >= points[0];
    *loss = losses[seed / all % CRASH_LOSSES];
    return 1 + (*machine ? at - points[0] : at);
}

static void crash_course(struct sim_run *run)
{
    struct sim_people *people = run->people;
    struct sim_world *w = run->world;
    struct sim_person *a = &people->person[0], *b = &people->person[1];
    struct sim_text *t;
    for (unsigned i = 0; i < w->machine_count; i++) sim_machine_start(w->machines[i]);
    sim_people_begin(people);
    for (unsigned i = 0; i < 3 && !w->broken; i++) {
        t = sim_person_write(a, b, i == 1 ? 1500 : 20);           /* the second one has two parts */
        sim_person_send(a, t);
        sim_world_run(w, w->now_us + 4 * SIM_SECOND_US);
        t = sim_person_write(b, a, 20);
        sim_person_send(b, t);
        sim_world_run(w, w->now_us + 6 * SIM_SECOND_US);
    }
    for (unsigned i = 0; i < w->machine_count; i++) {
        if (w->machines[i]->node) sim_machine_stop(w->machines[i]);
        sim_start_again(run, w->machines[i], 5 * SIM_SECOND_US);
        sim_world_run(w, w->now_us + 10 * SIM_SECOND_US);
    }
}

void sim_story_crash(struct sim_run *run)
{
    static unsigned points[2];
    struct sim_world *w = run->world;
    enum sim_loss loss;
    unsigned machine;
    if (!points[0]) {                           /* once a process: how many operations are there? */
        struct sim_run count;
        struct sim_world *outer = sim_world_running;
        sim_run_prepare(&count, run->kind, run->options, SIM_CRASH_SEED, NULL);
        crash_course(&count);
        for (unsigned i = 0; i < 2; i++) points[i] = (unsigned)sim_disk_counts(count.world->machines[i]->disk)->steps;
        sim_run_free(&count);
        sim_world_running = outer;
    }
    unsigned k = sim_crash_points(w->seed, &machine, &loss, points);
    sim_disk_crash_at(w->machines[machine]->disk, k, loss);
    sim_trace(w, w->machines[machine]->name, "plan", "crash at operation %u of %u, loss %d", k, points[machine], (int)loss);
    run->people->disk_faults = true;
    crash_course(run);
    if (!w->broken && sim_disk_counts(w->machines[machine]->disk)->crashes == 0) sim_break(w, "crash", "operation %u of n%u was not reached: the course differs from the counted one", k, machine);
    sim_faults_end(run);
    sim_settle(run);
}
