/* The database, the same objects as in sottod, over a disk that loses its power, fills up, breaks or lies at every single operation. */
#include "store_work.h"

#include <time.h>

#define FULL_WAL_FRAMES 1000u               /* SQLite copies the WAL into the database from so many on */

static struct sim_disk *empty, *busy;       /* nothing yet; a store whose WAL is about to be copied, killed */
static struct work from_empty = { .to = 30 }, from_busy = { .from = 30, .to = 40 };

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static uint64_t wal_size(const struct sim_disk *d)
{
    struct sotto_span wal;
    return sim_disk_peek(d, &wal, WORK_DIR "/messages.db-wal") ? wal.size : 0;
}

static int prepare(void **state)
{
    (void)state;
    empty = ready_disk(1);
    struct sim_disk *d = sim_disk_clone(empty, 2);
    sim_disk_use(d);
    work_learn(&from_empty);
    sim_disk_free(d);
    busy = sim_disk_clone(empty, 3);
    sim_disk_use(busy);
    struct work w = { .to = 30 };
    assert_true(work_run(&w, 1));
    struct sotto_store *s;
    assert_ok(sotto_store_open(&s, NULL, WORK_DIR));
    uint8_t filler[3000] = { 0 };
    for (unsigned i = 0; i < FULL_WAL_FRAMES && wal_size(busy) < (FULL_WAL_FRAMES - 20) * 4120ull; i++) {
        memset(filler, (int)i, sizeof filler);                         /* SQLite writes nothing where nothing changes */
        assert_ok(sotto_store_meta_put(s, "filler", SOTTO_SPAN(filler)));
    }
    assert_true(wal_size(busy) >= (FULL_WAL_FRAMES - 20) * 4120ull);
    sim_disk_crash(busy, SIM_LOSS_NONE);
    sotto_store_close(s);
    sim_disk_restart(busy);
    d = sim_disk_clone(busy, 4);
    sim_disk_use(d);
    work_learn(&from_busy);
    sim_disk_free(d);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    sim_disk_free(empty);
    sim_disk_free(busy);
    return 0;
}

/* ---- judging ---- */

/* After a crash: opens, is sound, and holds what was promised, with the piece under way whole or not at all. NULL, or what is wrong. */
static const char *judge(const struct work *w, bool in_doubt, unsigned *found)
{
    struct sotto_store *s = NULL;
    struct content c = { 0 };
    const char *wrong = NULL;
    enum sotto_err err = sotto_store_open(&s, NULL, WORK_DIR);
    if (err != SOTTO_OK) wrong = err == SOTTO_ERR_DAMAGED ? "does not open: it is called damaged" : err == SOTTO_ERR_IO ? "does not open: input or output failed" : "does not open";
    else if (sotto_store_verify(s, NULL) != SOTTO_OK) wrong = "is damaged";
    else if (content_of(&c, s) != SOTTO_OK) wrong = "cannot be read";
    else if (memcmp(c.hash, w->after[w->done], sizeof c.hash) == 0) *found = w->done;
    else if (in_doubt && w->done < w->to && memcmp(c.hash, w->after[w->done + 1], sizeof c.hash) == 0) *found = w->done + 1;
    else wrong = "holds something else than was promised";
    sotto_store_close(s);
    return wrong;
}

static void tell(const struct work *w, const char *wrong, uint64_t k, enum sim_loss loss, uint64_t seed)
{
    print_error("operation %llu, loss %d, seed %llu: after %u pieces the database %s\n", (unsigned long long)k, (int)loss, (unsigned long long)seed, w->done, wrong);
    fail();
}

/* ---- the power goes at every operation: looked at on copies of the disk, while the work goes on ---- */

#define SEEN_SLOTS 16384u
struct cuts {
    struct sim_disk *disk;
    const struct work *work;
    unsigned rounds, every;                 /* random losses of each kind; only each so many-th operation */
    bool control;                           /* lost promises are counted, not a failure */
    uint64_t seed, operations, looks, kept_piece, lost_piece, second, wrong;
    uint64_t seen[SEEN_SLOTS];              /* states that were judged for the same promises */
};

static bool new_state(struct cuts *c, const struct sim_disk *d)
{
    uint8_t hash[32];
    sim_disk_hash(d, hash);
    uint64_t mark = sotto_be64(hash) + c->work->done + 1;
    uint64_t *slot = &c->seen[mark % SEEN_SLOTS];
    if (*slot == mark) return false;
    *slot = mark;
    return true;
}

static void look_after(struct cuts *c, enum sim_loss loss, uint64_t seed)
{
    struct work w = *c->work;
    struct sim_disk *d = sim_disk_clone(c->disk, seed);
    sim_disk_crash(d, loss);
    sim_disk_restart(d);
    if (new_state(c, d)) {
        sim_disk_use(d);
        if (loss == SIM_LOSS_RANDOM && dice(2)) {                      /* and once more, while it recovers */
            struct sotto_store *s = NULL;
            sim_disk_crash_at(d, 1 + dice(7), dice(2) ? SIM_LOSS_RANDOM : SIM_LOSS_ALL);
            if (sotto_store_open(&s, NULL, WORK_DIR) == SOTTO_OK) sotto_store_close(s);
            c->second += sim_disk_dead(d);
            sim_disk_crash_at(d, 0, loss);
            sim_disk_restart(d);
        }
        unsigned found = w.done;
        const char *wrong = judge(&w, true, &found);
        if (!wrong && found > w.done) c->kept_piece++;
        else if (!wrong) c->lost_piece++;
        w.done = found;
        if (!wrong && dice(16) == 0 && (!work_run(&w, 1) || (wrong = judge(&w, false, &found)))) wrong = wrong ? wrong : "does not go on";
        if (wrong && !c->control) tell(&w, wrong, c->operations, loss, seed);
        c->wrong += wrong != NULL;
        c->looks++;
    }
    sim_disk_free(d);
}

static void on_step(void *ctx)
{
    struct cuts *c = ctx;
    if (c->operations++ % c->every != 0) return;
    look_after(c, SIM_LOSS_NONE, c->seed + c->operations);
    look_after(c, SIM_LOSS_ALL, c->seed + c->operations);
    for (unsigned i = 0; i < c->rounds; i++) {
        look_after(c, SIM_LOSS_RANDOM, c->seed + c->operations * 1000 + i);
        look_after(c, SIM_LOSS_TAIL, c->seed + c->operations * 1000 + i);
    }
    sim_disk_use(c->disk);
}

static void every_cut(struct cuts *c, const struct sim_disk *start, const struct work *known)
{
    struct work w = *known;
    c->work = &w;
    c->disk = sim_disk_clone(start, c->seed = dice_state = test_seed());
    sim_disk_use(c->disk);
    if (c->control) {
        struct sim_disk_config config = sim_disk_quiet();
        config.chance_ppm[SIM_FAULT_SYNC_LIES] = SIM_DISK_PPM;
        sim_disk_configure(c->disk, &config);
    }
    sim_disk_on_step(c->disk, on_step, c);
    assert_true(work_run(&w, 1));
    sim_disk_free(c->disk);
}

static unsigned rounds(void)
{
    const char *text = getenv("SOTTO_ROUNDS");
    return text ? (unsigned)strtoul(text, NULL, 10) : 1;
}

static void test_power(void **state)
{
    (void)state;
    static struct cuts a, b;
    a.rounds = b.rounds = rounds();
    a.every = b.every = 1;
    double begin = now_us();
    every_cut(&a, empty, &from_empty);
    every_cut(&b, busy, &from_busy);
    print_message("from an empty disk: %llu operations, from a full WAL: %llu; %llu different disks looked at, %.0f us each; the piece under way was there %llu times, "
                  "not there %llu times; %llu second cuts\n", (unsigned long long)a.operations, (unsigned long long)b.operations,
                  (unsigned long long)(a.looks + b.looks), (now_us() - begin) / (double)(a.looks + b.looks),
                  (unsigned long long)(a.kept_piece + b.kept_piece), (unsigned long long)(a.lost_piece + b.lost_piece), (unsigned long long)(a.second + b.second));
    assert_true(a.operations > 300 && b.operations > 100);
    assert_true(a.kept_piece + b.kept_piece > 10 && a.lost_piece + b.lost_piece > 10 && a.second + b.second > 10);
}

/* The control: on a disk that says it has written but has not, the same check finds lost promises. */
static void test_lying_disk(void **state)
{
    (void)state;
    static struct cuts c = { .control = true, .rounds = 1, .every = 17 };
    every_cut(&c, empty, &from_empty);
    print_message("syncs that do nothing: %llu of %llu disks are found\n", (unsigned long long)c.wrong, (unsigned long long)c.looks);
    assert_true(c.wrong > c.looks / 3);
}

/* ---- the process itself meets the dead disk, then starts again ---- */

static void test_dies(void **state)
{
    (void)state;
    uint64_t seed = test_seed(), points = 0;
    bool passed = false;
    for (uint64_t k = 1; !passed; k += 1 + seed % 13 + k / 100, points++) {
        struct work w = from_empty;
        unsigned found = 0;
        struct sim_disk *d = sim_disk_clone(empty, seed + k);
        sim_disk_use(d);
        sim_disk_crash_at(d, k, (enum sim_loss)(k % 4));
        passed = work_run(&w, 1) && !sim_disk_dead(d);
        sim_disk_crash_at(d, 0, SIM_LOSS_NONE);
        sim_disk_restart(d);
        const char *wrong = judge(&w, !passed, &found);
        if (wrong) tell(&w, wrong, k, (enum sim_loss)(k % 4), seed + k);
        w.done = found;
        assert_true(work_run(&w, 1));
        assert_null(judge(&w, false, &found));
        sim_disk_free(d);
    }
    print_message("%llu operations\n", (unsigned long long)points);
    assert_true(points > 20);
}

/* ---- a fault at every operation it can hit ---- */

static const struct { enum sim_disk_fault fault; const char *name; enum sotto_err error; } kinds[] = {
    { SIM_FAULT_WRITE, "write", SOTTO_ERR_IO },
    { SIM_FAULT_SYNC, "sync", SOTTO_ERR_IO },
    { SIM_FAULT_NAMES, "names", SOTTO_ERR_IO },
    { SIM_FAULT_READ, "read", SOTTO_ERR_IO },
    { SIM_FAULT_FULL, "full", SOTTO_ERR_DISK_FULL },
};

/* The error is told as what it is, nothing is half done, the next try goes on; what was promised stands when the power goes at the end, and when
 * the process starts again (a failed sync has thrown pages away by then). */
static void test_faults(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (size_t f = 0; f < sizeof kinds / sizeof *kinds; f++) {
        uint64_t step = rounds() > 1 || kinds[f].fault == SIM_FAULT_NAMES || kinds[f].fault == SIM_FAULT_SYNC ? 1 : 4, points = 0, errors = 0, other = 0, hidden = 0;
        bool was_hit = true;
        for (uint64_t k = 1 + seed % step; was_hit; k += step, points++) {
            struct work w = from_empty;
            unsigned found = 0;
            struct sim_disk *d = sim_disk_clone(empty, seed + k);
            sim_disk_use(d);
            sim_disk_fault_at(d, kinds[f].fault, k);
            w.look = true;
            bool done = work_run(&w, 3);
            was_hit = sim_disk_counts(d)->faults[kinds[f].fault] > 0;
            sim_disk_fault_at(d, kinds[f].fault, 0);
            const char *wrong = done ? NULL : "takes no more work";
            errors += w.error_count;
            for (unsigned i = 0; i < w.error_count && i < 8; i++) {
                /* SQLite hides why it could not make a WAL file: it tries to open one for reading, and that says "not there" */
                if (kinds[f].fault == SIM_FAULT_FULL && w.errors[i] == SOTTO_ERR_IO) hidden++;
                else other += w.errors[i] != kinds[f].error && !(kinds[f].fault == SIM_FAULT_READ && w.errors[i] == SOTTO_ERR_DAMAGED);
            }
            struct sim_disk *cut = sim_disk_clone(d, seed);
            sim_disk_crash(cut, SIM_LOSS_ALL);
            sim_disk_restart(cut);
            sim_disk_restart(d);
            sim_disk_use(cut);
            if (!wrong) wrong = judge(&w, false, &found);
            sim_disk_use(d);
            if (!wrong) wrong = judge(&w, false, &found);
            if (wrong) print_error("%s fails: ", kinds[f].name);
            if (wrong) tell(&w, wrong, k, SIM_LOSS_ALL, seed + k);
            sim_disk_free(cut);
            sim_disk_free(d);
        }
        print_message("%s: %llu operations, %llu errors, %llu of them not %s\n", kinds[f].name, (unsigned long long)points - 1, (unsigned long long)errors,
                      (unsigned long long)other, sotto_err_name(kinds[f].error));
        assert_true(points > 5 && errors > 0 && other == 0 && hidden <= 8);          /* a file is made once or twice in a run */
    }
}

/* Full, and then read-only, for a while: each time another piece of the work is the first to meet it. What was there can be read all the time. */
static void test_for_a_while(void **state)
{
    (void)state;
    uint64_t seed = test_seed(), met = 0;
    for (unsigned at = 0; at < from_empty.to; at++)
        for (unsigned kind = 0; kind < 3; kind++) {
            struct sotto_store *s = NULL;
            struct work w = from_empty;
            struct content c = { 0 };
            unsigned found = 0;
            struct sim_disk *d = sim_disk_clone(empty, seed + at);
            struct sim_disk_config config = sim_disk_quiet();
            sim_disk_use(d);
            w.to = at;
            assert_true(work_run(&w, 1));
            if (at > 0) assert_ok(sotto_store_open(&s, NULL, WORK_DIR));
            if (kind == 0) config.quota_bytes = sim_disk_used(d) + dice(3) * 4096;
            if (kind == 1) config.read_only = true;
            if (kind == 2) config.chance_ppm[SIM_FAULT_FULL] = config.chance_ppm[SIM_FAULT_SHORT_WRITE] = SIM_DISK_PPM;
            sim_disk_configure(d, &config);
            for (unsigned tries = 0; tries < 2; tries++) {
                bool open = s;
                enum sotto_err err = open ? work_piece(s, w.done) : sotto_store_open(&s, NULL, WORK_DIR);
                if (err == SOTTO_OK) w.done += open;
                else if (kind != 1 && err != SOTTO_ERR_DISK_FULL) assert_int_equal(err, at == 0 ? SOTTO_ERR_IO : SOTTO_ERR_DISK_FULL);      /* a WAL that cannot even be made */
                else if (kind == 1) assert_int_equal(err, SOTTO_ERR_IO);
                met += err != SOTTO_OK;
                if (s && at > 0) assert_ok(content_of(&c, s));
                if (s && at > 0) assert_memory_equal(c.hash, w.after[w.done], sizeof c.hash);
            }
            sotto_store_close(s);           /* cannot tidy up */
            config = sim_disk_quiet();
            sim_disk_configure(d, &config);
            w.to = from_empty.to;
            assert_true(work_run(&w, 1));
            sim_disk_crash(d, SIM_LOSS_ALL);
            sim_disk_restart(d);
            assert_null(judge(&w, false, &found));
            sim_disk_free(d);
        }
    print_message("%llu refusals\n", (unsigned long long)met);
    assert_true(met > 60);
}

/* ---- bits that turn over at rest ---- */

/* What becomes of it. The database cannot notice all of it, and this says how much: UNSEALED are columns in the clear (a state, a time, a chat, a
 * name) and rows that are no longer found; what a value says cannot change, its seal sees to that. */
enum fate { REFUSED, FOUND_BY_CHECK, NOT_READABLE, SEAL_BROKEN, UNSEALED, HARMLESS, FATES };

static enum fate fate_of(const struct work *w)
{
    struct sotto_store *s = NULL;
    struct content c = { 0 };
    enum sotto_err err = sotto_store_open(&s, NULL, WORK_DIR);
    if (err != SOTTO_OK) {
        assert_true(err == SOTTO_ERR_DAMAGED || err == SOTTO_ERR_NEWER || err == SOTTO_ERR_IO || err == SOTTO_ERR_IN_USE);
        return REFUSED;
    }
    bool sound = sotto_store_verify(s, NULL) == SOTTO_OK;
    enum sotto_err read = content_of(&c, s);
    bool same = read == SOTTO_OK && memcmp(c.hash, w->after[w->to], sizeof c.hash) == 0;
    (void)!work_piece(s, w->to);            /* any answer, but no crash */
    sotto_store_close(s);
    return read != SOTTO_OK ? NOT_READABLE : c.forged ? SEAL_BROKEN : same ? HARMLESS : sound ? UNSEALED : FOUND_BY_CHECK;
}

static void test_flips(void **state)
{
    (void)state;
    static const char *const names[FATES] = { "refused at the start", "found by the check", "not readable", "a seal broken", "unnoticed in the clear", "harmless" };
    uint64_t seed = test_seed();
    unsigned many = 600 * rounds();
    struct sim_disk *closed = sim_disk_clone(empty, seed), *killed = sim_disk_clone(busy, seed);
    struct work w = from_empty;
    sim_disk_use(closed);
    assert_true(work_run(&w, 1));
    for (unsigned which = 0; which < 2; which++) {
        unsigned fates[FATES] = { 0 };
        const struct sim_disk *start = which ? killed : closed;
        struct work known = which ? from_busy : from_empty;
        known.to = known.done = 30;
        for (unsigned i = 0; i < many; i++) {
            struct sim_disk *d = sim_disk_clone(start, seed + i);
            sim_disk_use(d);
            assert_int_equal(sim_disk_flip(d, NULL, i % 2 ? WORK_DIR "/messages.db" : NULL, 1 + i % 3), 1 + i % 3);
            fates[fate_of(&known)]++;
            sim_disk_free(d);
        }
        print_message("%s:", which ? "database and WAL of a killed process" : "database of a closed store");
        for (unsigned f = 0; f < FATES; f++) print_message(" %u %s%s", fates[f], names[f], f + 1 < FATES ? "," : "\n");
        assert_true(fates[REFUSED] + fates[FOUND_BY_CHECK] + fates[NOT_READABLE] + fates[SEAL_BROKEN] > many / (which ? 10 : 5));        /* 30 % and 23 % in the mean */
        assert_true(fates[UNSEALED] < many / 5);
    }
    sim_disk_free(closed);
    sim_disk_free(killed);
}

/* ---- the same seed, the same bytes; and what it costs ---- */

static void test_repeats(void **state)
{
    (void)state;
    uint8_t hash[2][32];
    for (unsigned i = 0; i < 2; i++) {
        struct work w = from_empty;
        struct sim_disk *d = sim_disk_clone(empty, 77), *other = sim_disk_clone(empty, i);
        sim_disk_use(other);
        assert_true(work_run(&(struct work){ .to = 3 + 4 * i }, 1));   /* what runs beside it does not matter */
        sim_disk_use(d);
        assert_true(work_run(&w, 1));
        sim_disk_hash(d, hash[i]);
        sim_disk_free(d);
        sim_disk_free(other);
    }
    assert_memory_equal(hash[0], hash[1], 32);
}

static void test_cost(void **state)
{
    (void)state;
    enum { COMMITS = 2000, CLONES = 2000 };
    struct sim_disk *d = sim_disk_clone(empty, 1);
    struct sotto_store *s = NULL;
    struct work w = from_empty;
    sim_disk_use(d);
    assert_true(work_run(&w, 1));
    assert_ok(sotto_store_open(&s, NULL, WORK_DIR));
    uint8_t value[1000] = { 0 };
    double at = now_us();
    for (unsigned i = 0; i < COMMITS; i++) {
        memcpy(value, &i, sizeof i);
        assert_ok(sotto_store_begin(s));
        assert_ok(sotto_store_put(s, 1, "contact", i % 50, SOTTO_SPAN(value)));
        assert_ok(sotto_store_commit(s));
    }
    double commit = (now_us() - at) / COMMITS;
    sotto_store_close(s);
    sim_disk_settle(d);
    at = now_us();
    for (unsigned i = 0; i < CLONES; i++) sim_disk_free(sim_disk_clone(d, i));
    double copy = (now_us() - at) / CLONES;
    print_message("a commit of one row %.1f us; a clone of %llu KiB %.1f us\n", commit, (unsigned long long)(sim_disk_used(d) >> 10), copy);
    sim_disk_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power), cmocka_unit_test(test_lying_disk), cmocka_unit_test(test_dies), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_for_a_while), cmocka_unit_test(test_flips), cmocka_unit_test(test_repeats), cmocka_unit_test(test_cost),
    };
    if (getenv("SOTTO_ONLY")) cmocka_set_test_filter(getenv("SOTTO_ONLY"));
    return cmocka_run_group_tests(tests, prepare, drop);
}
