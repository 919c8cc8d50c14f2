#include "ledger/ram.h"

#include <bsd/sys/tree.h>
#include <stdlib.h>

struct coin { RB_ENTRY(coin) node; struct sotto_coin coin; uint8_t script[]; };
struct record { RB_ENTRY(record) node; struct sotto_reg_record record; };
struct replay { RB_ENTRY(replay) node; uint8_t txid[32]; uint32_t expiry; };
RB_HEAD(ram_coins, coin);
RB_HEAD(ram_records, record);
RB_HEAD(ram_replays, replay);

static int coin_order(const struct coin *a, const struct coin *b)
{
    int order = memcmp(a->coin.at.txid, b->coin.at.txid, 32);
    return order ? order : (a->coin.at.index > b->coin.at.index) - (a->coin.at.index < b->coin.at.index);
}
static int record_order(const struct record *a, const struct record *b) { return memcmp(a->record.id.b, b->record.id.b, 20); }
static int replay_order(const struct replay *a, const struct replay *b) { return memcmp(a->txid, b->txid, 32); }
/* RB_GENERATE_STATIC of libbsd relies on a macro that its header does not bring. */
#define TREE(name, type, field, compare) RB_GENERATE_INTERNAL(name, type, field, compare, __attribute__((unused)) static)
TREE(ram_coins, coin, node, coin_order)
TREE(ram_records, record, node, record_order)
// NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what is freed left the tree just before
TREE(ram_replays, replay, node, replay_order)

struct block { struct sotto_header header; struct sotto_block_id id; uint64_t median_ms; uint32_t set_changes; };
struct sotto_ram {
    struct sotto_view view;
    struct sotto_params params;
    struct sotto_smt *tree;
    struct ram_coins coins;
    struct ram_records records;
    struct ram_replays replays;
    size_t coin_count, record_count;
    struct block *blocks;                         /* [height] */
    uint32_t block_count, block_cap;
    struct { struct sotto_delta delta; struct sotto_params params; } *undo;      /* params: before it, if it changed them */
    uint32_t undo_count, undo_max;
};

/* ---- answers ---- */

static struct coin *coin_of(const struct sotto_ram *r, const struct sotto_outpoint *at)
{
    struct coin key = { .coin.at = *at };
    return RB_FIND(ram_coins, (struct ram_coins *)&r->coins, &key);
}

static bool view_coin(void *of, struct sotto_coin *out, const struct sotto_outpoint *at)
{
    const struct coin *c = coin_of(of, at);
    if (c) *out = c->coin;
    return c != NULL;
}

static struct record *record_of(const struct sotto_ram *r, const struct sotto_id *id)
{
    struct record key = { .record.id = *id };
    return RB_FIND(ram_records, (struct ram_records *)&r->records, &key);
}

static bool view_record(void *of, struct sotto_reg_record *out, const struct sotto_id *id)
{
    const struct record *r = record_of(of, id);
    if (r) *out = r->record;
    return r != NULL;
}

static struct replay *replay_of(const struct sotto_ram *r, const uint8_t txid[32])
{
    struct replay key;
    memcpy(key.txid, txid, 32);
    return RB_FIND(ram_replays, (struct ram_replays *)&r->replays, &key);
}

static bool view_replay(void *of, const uint8_t txid[32]) { return replay_of(of, txid) != NULL; }

static bool view_ancestor(void *of, struct sotto_block_id *id, uint64_t *median_ms, uint32_t height)
{
    const struct sotto_ram *r = of;
    if (height >= r->block_count) return false;
    *id = r->blocks[height].id;
    *median_ms = r->blocks[height].median_ms;
    return true;
}

static uint32_t view_set_changes(void *of, uint32_t from)
{
    const struct sotto_ram *r = of;
    uint32_t sum = 0;
    for (uint32_t h = from; h < r->block_count; h++) sum += r->blocks[h].set_changes;
    return sum;
}

const struct sotto_view *sotto_ram_view(const struct sotto_ram *r) { return &r->view; }
size_t sotto_ram_coins(const struct sotto_ram *r) { return r->coin_count; }
size_t sotto_ram_records(const struct sotto_ram *r) { return r->record_count; }

struct sotto_amount sotto_ram_sum(const struct sotto_ram *r)
{
    struct sotto_amount sum = { 0 };
    struct coin *c;
    struct record *i;
    RB_FOREACH(c, ram_coins, (struct ram_coins *)&r->coins) sum.cong += c->coin.out.value.cong;
    RB_FOREACH(i, ram_records, (struct ram_records *)&r->records) sum.cong += i->record.bond.cong;
    return sum;
}

void sotto_ram_digest(uint8_t out[32], const struct sotto_ram *r)
{
    uint8_t record[SOTTO_REG_RECORD], hash[32];
    struct sotto_coins_digest coins;
    struct sotto_th t;
    struct coin *c;
    struct record *i;
    struct replay *p;
    sotto_coins_begin(&coins);
    RB_FOREACH(c, ram_coins, (struct ram_coins *)&r->coins) sotto_coins_made(&coins, &c->coin);
    sotto_coins_end(&coins, hash, r->view.state_root, (uint32_t)r->coin_count);
    sotto_th_init(&t, "sotto/ram");
    sotto_th_update(&t, hash, sizeof hash);
    RB_FOREACH(i, ram_records, (struct ram_records *)&r->records) {
        sotto_reg_put(record, &i->record);
        sotto_th_update(&t, record, sizeof record);
    }
    RB_FOREACH(p, ram_replays, (struct ram_replays *)&r->replays) sotto_th_update(&t, p->txid, 32);
    sotto_th_final(&t, out);
}

/* ---- pieces ---- */

static struct coin *coin_new(const struct sotto_coin *from)
{
    struct coin *c = malloc(sizeof *c + from->out.script.size);
    if (!c) return NULL;
    c->coin = *from;
    if (from->out.script.size) memcpy(c->script, from->out.script.data, from->out.script.size);
    c->coin.out.script.data = c->script;
    return c;
}

static void coin_add(struct sotto_ram *r, struct coin *c)
{
    SOTTO_ASSERT(!RB_INSERT(ram_coins, &r->coins, c));
    r->coin_count++;
}

static void coin_drop(struct sotto_ram *r, const struct sotto_outpoint *at)
{
    struct coin *c = coin_of(r, at);
    SOTTO_ASSERT(c);
    RB_REMOVE(ram_coins, &r->coins, c);
    r->coin_count--;
    free(c);
}

/* The tip again as the view says it, from the list of blocks. */
static void look_at_tip(struct sotto_ram *r)
{
    const struct block *tip = &r->blocks[r->block_count - 1];
    r->view.tip = tip->header;
    r->view.tip_id = tip->id;
    r->view.median_ms = tip->median_ms;
}

static enum sotto_err block_room(struct sotto_ram *r)
{
    if (r->block_count < r->block_cap) return SOTTO_OK;
    uint32_t cap = r->block_cap ? r->block_cap * 2 : 64;
    struct block *more = realloc(r->blocks, cap * sizeof *more);
    if (!more) return SOTTO_ERR_NOMEM;
    r->blocks = more;
    r->block_cap = cap;
    return SOTTO_OK;
}

static void block_add(struct sotto_ram *r, const struct sotto_header *h, const struct sotto_block_id *id, uint32_t set_changes)
{
    uint64_t times[SOTTO_MEDIAN_SPAN];
    size_t count = 0;
    r->blocks[r->block_count++] = (struct block){ .header = *h, .id = *id, .set_changes = set_changes };
    for (uint32_t i = r->block_count; i-- > 0 && count < SOTTO_MEDIAN_SPAN;) times[count++] = r->blocks[i].header.time_ms;
    r->blocks[r->block_count - 1].median_ms = sotto_median_time(times, count);
    look_at_tip(r);
}

/* ---- life ---- */

static enum sotto_err start(struct sotto_ram *r, const struct sotto_genesis *g, uint32_t ids_max)
{
    struct sotto_state_parts parts;
    SOTTO_TRY(sotto_params_copy(&r->params, &g->params));
    SOTTO_TRY(sotto_smt_new(&r->tree, ids_max));
    SOTTO_TRY(sotto_genesis_state(g, &parts, r->view.state_root));
    SOTTO_TRY(block_room(r));
    for (uint32_t i = 0; i < g->alloc_count; i++) {
        uint8_t script[SOTTO_P2PKH_SIZE];
        struct sotto_coin from = sotto_alloc_coin(script, g, i);
        struct coin *c = coin_new(&from);
        if (!c) return SOTTO_ERR_NOMEM;
        coin_add(r, c);
    }
    memcpy(r->view.coins, parts.coins, 32);
    r->view.params = &r->params;
    r->view.registry = r->tree;
    r->view.genesis = g->id;
    sotto_chain_domain(r->view.domain, &g->params, &g->id);
    block_add(r, &g->header, &g->id, 0);
    return SOTTO_OK;
}

enum sotto_err sotto_ram_new(struct sotto_ram **out, const struct sotto_genesis *g, uint32_t ids_max, uint32_t undo_max)
{
    struct sotto_ram *r = calloc(1, sizeof *r);
    if (!r) return SOTTO_ERR_NOMEM;
    RB_INIT(&r->coins);
    RB_INIT(&r->records);
    RB_INIT(&r->replays);
    r->view = (struct sotto_view){ .of = r, .coin = view_coin, .record = view_record, .replay = view_replay, .ancestor = view_ancestor,
                                   .set_changes = view_set_changes };
    r->undo_max = undo_max;
    r->undo = calloc(undo_max + 1u, sizeof *r->undo);
    enum sotto_err err = r->undo ? start(r, g, ids_max) : SOTTO_ERR_NOMEM;
    if (err != SOTTO_OK) {
        sotto_ram_free(r);
        return err;
    }
    *out = r;
    return SOTTO_OK;
}

void sotto_ram_free(struct sotto_ram *r)
{
    struct coin *c, *next_coin;
    struct record *i, *next_record;
    struct replay *p, *next_replay;
    if (!r) return;
    RB_FOREACH_SAFE(c, ram_coins, &r->coins, next_coin) {
        RB_REMOVE(ram_coins, &r->coins, c);
        free(c);
    }
    RB_FOREACH_SAFE(i, ram_records, &r->records, next_record) {
        RB_REMOVE(ram_records, &r->records, i);
        free(i);
    }
    RB_FOREACH_SAFE(p, ram_replays, &r->replays, next_replay) {
        RB_REMOVE(ram_replays, &r->replays, p);
        free(p);
    }
    for (uint32_t k = 0; k < r->undo_count; k++) {
        sotto_delta_free(&r->undo[k].delta);
        sotto_params_free(&r->undo[k].params);
    }
    free(r->undo);
    free(r->blocks);
    sotto_smt_free(r->tree);
    sotto_params_free(&r->params);
    free(r);
}

/* ---- a block on, a block off ---- */

/* All memory that a commit takes, before anything changes. */
struct parts { struct coin **coins; struct record **records; struct replay **replays; };

static void parts_free(struct parts *p, const struct sotto_delta *d)
{
    for (uint32_t i = 0; p->coins && i < d->made_count; i++) free(p->coins[i]);
    for (uint32_t i = 0; p->records && i < d->record_count; i++) free(p->records[i]);
    for (uint32_t i = 0; p->replays && i < d->replay_count; i++) free(p->replays[i]);
    free(p->coins);
    free(p->records);
    free(p->replays);
}

static enum sotto_err parts_make(struct parts *p, const struct sotto_delta *d)
{
    p->coins = calloc(d->made_count + 1u, sizeof *p->coins);
    p->records = calloc(d->record_count + 1u, sizeof *p->records);
    p->replays = calloc(d->replay_count + 1u, sizeof *p->replays);
    if (!p->coins || !p->records || !p->replays) return SOTTO_ERR_NOMEM;
    for (uint32_t i = 0; i < d->made_count; i++)
        if (!(p->coins[i] = coin_new(&d->made[i]))) return SOTTO_ERR_NOMEM;
    for (uint32_t i = 0; i < d->record_count; i++)
        if (!d->records[i].existed && !(p->records[i] = malloc(sizeof *p->records[i]))) return SOTTO_ERR_NOMEM;
    for (uint32_t i = 0; i < d->replay_count; i++)
        if (!(p->replays[i] = malloc(sizeof *p->replays[i]))) return SOTTO_ERR_NOMEM;
    return SOTTO_OK;
}

static void take_parts(struct sotto_ram *r, struct parts *p, const struct sotto_delta *d)
{
    for (uint32_t i = 0; i < d->made_count; i++) coin_add(r, p->coins[i]);       /* first: some are spent in the same block */
    for (uint32_t i = 0; i < d->spent_count; i++) coin_drop(r, &d->spent[i].at);
    for (uint32_t i = 0; i < d->record_count; i++) {
        struct record *at = d->records[i].existed ? record_of(r, &d->records[i].after.id) : p->records[i];
        SOTTO_ASSERT(at);
        at->record = d->records[i].after;
        if (d->records[i].existed) continue;
        SOTTO_ASSERT(!RB_INSERT(ram_records, &r->records, at));
        r->record_count++;
    }
    for (uint32_t i = 0; i < d->replay_count; i++) {
        memcpy(p->replays[i]->txid, d->replay[i].txid, 32);
        p->replays[i]->expiry = d->replay[i].expiry;
        SOTTO_ASSERT(!RB_INSERT(ram_replays, &r->replays, p->replays[i]));
    }
    free(p->coins);
    free(p->records);
    free(p->replays);
}

enum sotto_err sotto_ram_commit(struct sotto_ram *r, struct sotto_delta *d)
{
    struct parts p = { 0 };
    SOTTO_ASSERT(sotto_block_id_equal(&d->header.prev, &r->view.tip_id) && memcmp(d->state_root_before, r->view.state_root, 32) == 0);
    enum sotto_err err = block_room(r);
    if (err == SOTTO_OK) err = parts_make(&p, d);
    if (err == SOTTO_OK) err = sotto_smt_apply(r->tree, NULL, d->leaves, d->record_count);
    if (err != SOTTO_OK) {
        parts_free(&p, d);
        return err;
    }
    take_parts(r, &p, d);
    struct sotto_params before = { 0 };
    if (d->params_changed) {
        before = r->params;
        r->params = d->params;
        d->params = (struct sotto_params){ 0 };
    }
    memcpy(r->view.coins, d->parts.coins, 32);
    memcpy(r->view.state_root, d->state_root, 32);
    block_add(r, &d->header, &d->block, d->set_changes);
    if (r->undo_count == r->undo_max && r->undo_max > 0) {           /* the oldest cannot be taken back any more */
        sotto_delta_free(&r->undo[0].delta);
        sotto_params_free(&r->undo[0].params);
        memmove(r->undo, r->undo + 1, (r->undo_max - 1) * sizeof *r->undo);
        r->undo_count--;
    }
    r->undo[r->undo_count].delta = *d;
    r->undo[r->undo_count].params = before;
    *d = (struct sotto_delta){ .codes = NULL };
    if (r->undo_max > 0) {
        r->undo_count++;
    } else {
        sotto_delta_free(&r->undo[0].delta);
        sotto_params_free(&r->undo[0].params);
    }
    return SOTTO_OK;
}

/* The same without what never changes back: values and absences of before. */
static enum sotto_err leaves_back(struct sotto_ram *r, const struct sotto_delta *d)
{
    if (d->record_count == 0) return SOTTO_OK;
    struct sotto_smt_change *back = calloc(d->record_count, sizeof *back);
    if (!back) return SOTTO_ERR_NOMEM;
    for (uint32_t i = 0; i < d->record_count; i++) {
        back[i].id = d->leaves[i].id;
        back[i].gone = !d->records[i].existed;
        if (!back[i].gone) sotto_reg_value(back[i].value, &d->records[i].before);
    }
    enum sotto_err err = sotto_smt_apply(r->tree, NULL, back, d->record_count);
    free(back);
    return err;
}

enum sotto_err sotto_ram_undo(struct sotto_ram *r)
{
    if (r->undo_count == 0) return SOTTO_B_DEEP;
    struct sotto_delta *d = &r->undo[r->undo_count - 1].delta;
    struct coin **again = calloc(d->spent_count + 1u, sizeof(struct coin *));
    enum sotto_err err = again ? SOTTO_OK : SOTTO_ERR_NOMEM;
    for (uint32_t i = 0; err == SOTTO_OK && i < d->spent_count; i++)
        if (!(again[i] = coin_new(&d->spent[i]))) err = SOTTO_ERR_NOMEM;
    if (err == SOTTO_OK) err = leaves_back(r, d);
    if (err != SOTTO_OK) {
        for (uint32_t i = 0; again && i < d->spent_count; i++) free(again[i]);
        free(again);
        return err;
    }
    for (uint32_t i = 0; i < d->spent_count; i++) coin_add(r, again[i]);
    free(again);
    for (uint32_t i = 0; i < d->made_count; i++) coin_drop(r, &d->made[i].at);
    for (uint32_t i = 0; i < d->record_count; i++) {
        struct record *at = record_of(r, &d->records[i].after.id);
        SOTTO_ASSERT(at);
        if (d->records[i].existed) {
            at->record = d->records[i].before;
            continue;
        }
        RB_REMOVE(ram_records, &r->records, at);
        r->record_count--;
        free(at);
    }
    for (uint32_t i = 0; i < d->replay_count; i++) {
        struct replay *p = replay_of(r, d->replay[i].txid);
        SOTTO_ASSERT(p);
        RB_REMOVE(ram_replays, &r->replays, p);
        free(p);
    }
    if (d->params_changed) {
        sotto_params_free(&r->params);
        r->params = r->undo[r->undo_count - 1].params;
    }
    memcpy(r->view.coins, d->coins_before, 32);
    memcpy(r->view.state_root, d->state_root_before, 32);
    r->block_count--;
    look_at_tip(r);
    sotto_delta_free(d);
    r->undo_count--;
    return SOTTO_OK;
}
