/* The genesis file as people write it. */
#include "ledger/genesis.h"

#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const retargets[] = { "fixed", "asert" };
static const char *const flags[] = { "custom_groups", "stamps", "unsigned_posts" };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- reading: the first thing that is wrong sets bad, and all after it reads as nothing ---- */

struct reading { bool bad; size_t members; };

static const json_t *member(struct reading *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    r->members++;
    if (!value) r->bad = true;
    return value;
}

static struct sotto_span text(struct reading *r, const json_t *value)
{
    if (!json_is_string(value)) {
        r->bad = true;
        return sotto_span(NULL, 0);
    }
    return sotto_span(json_string_value(value), json_string_length(value));
}

static uint64_t whole(struct reading *r, const json_t *value, uint64_t most)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0 && (uint64_t)json_integer_value(value) <= most) return (uint64_t)json_integer_value(value);
    r->bad = true;
    return 0;
}

static uint32_t u32(struct reading *r, const json_t *object, const char *key) { return (uint32_t)whole(r, member(r, object, key), UINT32_MAX); }
static uint64_t u63(struct reading *r, const json_t *object, const char *key) { return whole(r, member(r, object, key), INT64_MAX); }

static struct sotto_amount amount(struct reading *r, const json_t *object, const char *key)
{
    struct sotto_amount a = { 0 };
    if (sotto_amount_parse(&a, text(r, member(r, object, key))) != SOTTO_OK) r->bad = true;
    return a;
}

static void hex(struct reading *r, const json_t *object, const char *key, uint8_t *out, size_t size)
{
    if (sotto_unhex(out, size, text(r, member(r, object, key))) != SOTTO_OK) r->bad = true;
}

static struct sotto_id address(struct reading *r, const json_t *object, const char *key)
{
    struct sotto_id id = { { 0 } };
    if (sotto_id_parse(&id, text(r, member(r, object, key)), false) != SOTTO_OK) r->bad = true;
    return id;
}

/* The place of a word in a list of words. */
static unsigned word(struct reading *r, const json_t *value, const char *(*name)(unsigned), unsigned count)
{
    struct sotto_span s = text(r, value);
    for (unsigned i = 0; i < count; i++)
        if (sotto_span_equal(s, sotto_span_str(name(i)))) return i;
    r->bad = true;
    return 0;
}

static const char *retarget_name(unsigned i) { return retargets[i]; }
static const char *flag_name(unsigned i) { return flags[i]; }

/* A list of different words as bits. */
static unsigned words(struct reading *r, const json_t *list, const char *(*name)(unsigned), unsigned count)
{
    unsigned bits = 0;
    size_t i;
    const json_t *one;
    if (!json_is_array(list)) r->bad = true;
    json_array_foreach(list, i, one) {
        unsigned bit = 1u << word(r, one, name, count);
        if (bits & bit) r->bad = true;
        bits |= bit;
    }
    return bits;
}

static void only(struct reading *r, const json_t *object, size_t members)        /* nothing that was not asked for */
{
    if (!json_is_object(object) || json_object_size(object) != members) r->bad = true;
}

static void read_eip712(struct reading *r, struct sotto_params *p, const json_t *value)
{
    struct reading in = { 0 };
    if (!value || json_is_null(value)) return;
    struct sotto_span chain = text(&in, member(&in, value, "chain"));
    if (chain.size == 0 || chain.size > 20 || (chain.data[0] == '0' && chain.size > 1)) in.bad = true;
    for (size_t i = 0; i < chain.size && !in.bad; i++) {
        unsigned digit = chain.data[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(p->eip712_chain, 10, &p->eip712_chain) || __builtin_add_overflow(p->eip712_chain, digit, &p->eip712_chain))
            in.bad = true;
    }
    memcpy(p->eip712_contract, address(&in, value, "contract").b, sizeof p->eip712_contract);
    if (sotto_all_zero(p->eip712_contract, sizeof p->eip712_contract)) in.bad = true;
    only(&in, value, in.members);
    r->bad |= in.bad;
}

static void read_values(struct reading *r, struct sotto_params *p, const json_t *root)
{
    struct sotto_span name = text(r, member(r, root, "name"));
    if (name.size > SOTTO_CHAIN_NAME_MAX) r->bad = true;
    p->name.size = (uint8_t)(r->bad ? 0 : name.size);
    if (p->name.size) memcpy(p->name.text, name.data, p->name.size);
    p->chain_num = u63(r, root, "chain_num");
    p->engine = (uint8_t)word(r, member(r, root, "engine"), sotto_engine_name, SOTTO_ENGINES);
    p->mode = (uint8_t)word(r, member(r, root, "mode"), sotto_mode_name, SOTTO_MODES);
    p->time_ms = u63(r, root, "time");
    uint8_t bits[4] = { 0 }, limit[4] = { 0 };
    hex(r, root, "bits", bits, sizeof bits);
    hex(r, root, "bits_limit", limit, sizeof limit);
    p->bits = sotto_be32(bits);
    p->bits_limit = sotto_be32(limit);
    p->retarget = (uint8_t)word(r, member(r, root, "retarget"), retarget_name, SOTTO_RETARGETS);
    p->spacing_ms = u32(r, root, "spacing_ms");
    p->halflife_ms = u63(r, root, "halflife_ms");
    p->reward = amount(r, root, "reward");
    p->halving = u32(r, root, "halving");
    p->max_block_bytes = u32(r, root, "max_block_bytes");
    p->max_block_units = u32(r, root, "max_block_units");
    p->fee_rate = u63(r, root, "fee_rate");
    p->stamp_bits = (uint8_t)whole(r, member(r, root, "stamp_bits"), UINT8_MAX);
    p->bond = amount(r, root, "bond");
    p->reorg_limit = u32(r, root, "reorg_limit");
    p->snapshot_every = u32(r, root, "snapshot_every");
    p->flags = (uint8_t)words(r, member(r, root, "flags"), flag_name, COUNT(flags));
    read_eip712(r, p, member(r, root, "eip712"));
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct sotto_grant *)a)->id.b, ((const struct sotto_grant *)b)->id.b, 20);
}

/* Room for a list of the text, within its limit. Returns how many to read. */
static size_t room_for(struct reading *r, enum sotto_err *err, void **list, const json_t *array, size_t limit, size_t size)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count > limit) r->bad = true;
    if (r->bad || count == 0) return 0;
    *list = calloc(count, size);
    if (!*list) *err = SOTTO_ERR_NOMEM;
    return *list ? count : 0;
}

static enum sotto_err read_lists(struct reading *r, struct sotto_genesis *g, const json_t *root)
{
    enum sotto_err err = SOTTO_OK;
    void *list = NULL;
    const json_t *array = member(r, root, "validators");
    g->params.validator_count = (uint32_t)room_for(r, &err, &list, array, SOTTO_VALIDATORS_MAX, sizeof *g->params.validators);
    g->params.validators = list;
    for (uint32_t i = 0; i < g->params.validator_count; i++) {
        struct reading in = { 0 };
        const json_t *one = json_array_get(array, i);
        g->params.validators[i].id = address(&in, one, "id");
        hex(&in, one, "key", g->params.validators[i].key, 32);
        only(&in, one, in.members);
        r->bad |= in.bad;
    }
    list = NULL;
    array = member(r, root, "grants");
    g->params.grant_count = (uint32_t)room_for(r, &err, &list, array, SOTTO_GRANTS_MAX, sizeof *g->params.grants);
    g->params.grants = list;
    for (uint32_t i = 0; i < g->params.grant_count; i++) {
        struct reading in = { 0 };
        const json_t *one = json_array_get(array, i);
        g->params.grants[i].id = address(&in, one, "id");
        g->params.grants[i].perms = (uint16_t)words(&in, member(&in, one, "perms"), sotto_perm_name, 10);
        only(&in, one, in.members);
        r->bad |= in.bad;
    }
    if (g->params.grant_count) qsort(g->params.grants, g->params.grant_count, sizeof *g->params.grants, by_id);      /* a person writes them as they come */
    list = NULL;
    array = member(r, root, "alloc");
    g->alloc_count = (uint32_t)room_for(r, &err, &list, array, SOTTO_ALLOC_MAX, sizeof *g->allocs);
    g->allocs = list;
    for (uint32_t i = 0; i < g->alloc_count; i++) {
        struct reading in = { 0 };
        const json_t *one = json_array_get(array, i);
        if (sotto_pay_parse(&g->allocs[i].to, sotto_chain_pay_net(&g->params), text(&in, member(&in, one, "address"))) != SOTTO_OK) in.bad = true;
        g->allocs[i].amount = amount(&in, one, "amount");
        only(&in, one, in.members);
        r->bad |= in.bad;
    }
    return err;
}

enum sotto_err sotto_genesis_read(struct sotto_genesis *out, struct sotto_span json)
{
    struct sotto_genesis g = { 0 };
    struct reading r = { 0 };
    if (json.size > SOTTO_GENESIS_JSON_MAX) return SOTTO_D_GENESIS;
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, NULL);
    if (!root) return SOTTO_D_GENESIS;
    read_values(&r, &g.params, root);
    enum sotto_err err = read_lists(&r, &g, root);
    only(&r, root, r.members);
    json_decref(root);
    if (err == SOTTO_OK && r.bad) err = SOTTO_D_GENESIS;
    if (err == SOTTO_OK) err = sotto_genesis_seal(&g);
    if (err != SOTTO_OK) {
        sotto_genesis_free(&g);
        return err;
    }
    *out = g;
    return SOTTO_OK;
}

/* ---- writing: in the order in which a person reads, a value on each line ---- */

struct writing { struct sotto_buf *out; enum sotto_err err; };

static void put(struct writing *w, const char *s)
{
    if (w->err == SOTTO_OK) w->err = sotto_buf_add(w->out, s, strlen(s));
}

/* What stands in these texts needs no escape but the name's quotes and backslashes. */
static void put_text(struct writing *w, const char *key, const char *s)
{
    put(w, "  \"");
    put(w, key);
    put(w, "\": \"");
    for (; *s; s++) {
        char c[3] = { '\\', *s, 0 };
        put(w, *s == '"' || *s == '\\' ? c : c + 1);
    }
    put(w, "\",\n");
}

static void put_number(struct writing *w, const char *key, uint64_t n)
{
    char line[96];
    snprintf(line, sizeof line, "  \"%s\": %llu,\n", key, (unsigned long long)n);
    put(w, line);
}

static void put_amount(struct writing *w, const char *key, struct sotto_amount a)
{
    char number[SOTTO_AMOUNT_TEXT];
    sotto_amount_text(number, a);
    put_text(w, key, number);
}

static void put_bits(struct writing *w, const char *key, uint32_t bits)
{
    char number[9];
    snprintf(number, sizeof number, "%08x", (unsigned)bits);
    put_text(w, key, number);
}

static void put_words(struct writing *w, unsigned bits, const char *(*name)(unsigned), unsigned count)
{
    const char *before = "";
    put(w, "[");
    for (unsigned i = 0; i < count; i++) {
        if (!(bits >> i & 1)) continue;
        put(w, before);
        put(w, "\"");
        put(w, name(i));
        put(w, "\"");
        before = ", ";
    }
    put(w, "]");
}

static void put_values(struct writing *w, const struct sotto_params *p)
{
    char line[160], contract[43];
    struct sotto_id id;
    put_text(w, "name", p->name.text);
    put_number(w, "chain_num", p->chain_num);
    put_text(w, "engine", sotto_engine_name(p->engine));
    put_text(w, "mode", sotto_mode_name(p->mode));
    put_number(w, "time", p->time_ms);
    put_bits(w, "bits", p->bits);
    put_bits(w, "bits_limit", p->bits_limit);
    put_text(w, "retarget", retargets[p->retarget]);
    put_number(w, "spacing_ms", p->spacing_ms);
    put_number(w, "halflife_ms", p->halflife_ms);
    put_amount(w, "reward", p->reward);
    put_number(w, "halving", p->halving);
    put_number(w, "max_block_bytes", p->max_block_bytes);
    put_number(w, "max_block_units", p->max_block_units);
    put_number(w, "fee_rate", p->fee_rate);
    put_number(w, "stamp_bits", p->stamp_bits);
    put_amount(w, "bond", p->bond);
    put_number(w, "reorg_limit", p->reorg_limit);
    put_number(w, "snapshot_every", p->snapshot_every);
    put(w, "  \"flags\": ");
    put_words(w, p->flags, flag_name, COUNT(flags));
    if (sotto_all_zero(p->eip712_contract, sizeof p->eip712_contract)) {
        put(w, ",\n  \"eip712\": null,\n");
        return;
    }
    memcpy(id.b, p->eip712_contract, sizeof id.b);
    sotto_id_text(contract, &id);
    snprintf(line, sizeof line, ",\n  \"eip712\": {\"chain\": \"%llu\", \"contract\": \"%s\"},\n", (unsigned long long)p->eip712_chain, contract);
    put(w, line);
}

static void put_lists(struct writing *w, const struct sotto_genesis *g)
{
    char line[160], id[43], key[65], to[SOTTO_PAY_TEXT], sum[SOTTO_AMOUNT_TEXT];
    put(w, "  \"validators\": [");
    for (uint32_t i = 0; i < g->params.validator_count; i++) {
        sotto_id_text(id, &g->params.validators[i].id);
        sotto_hex(key, g->params.validators[i].key, 32);
        snprintf(line, sizeof line, "%s\n    {\"id\": \"%s\", \"key\": \"%s\"}", i ? "," : "", id, key);
        put(w, line);
    }
    put(w, "],\n  \"grants\": [");
    for (uint32_t i = 0; i < g->params.grant_count; i++) {
        sotto_id_text(id, &g->params.grants[i].id);
        snprintf(line, sizeof line, "%s\n    {\"id\": \"%s\", \"perms\": ", i ? "," : "", id);
        put(w, line);
        put_words(w, g->params.grants[i].perms, sotto_perm_name, 10);
        put(w, "}");
    }
    put(w, "],\n  \"alloc\": [");
    for (uint32_t i = 0; i < g->alloc_count; i++) {
        sotto_pay_text(to, sotto_chain_pay_net(&g->params), &g->allocs[i].to);
        sotto_amount_text(sum, g->allocs[i].amount);
        snprintf(line, sizeof line, "%s\n    {\"address\": \"%s\", \"amount\": \"%s\"}", i ? "," : "", to, sum);
        put(w, line);
    }
    put(w, "]\n}\n");
}

enum sotto_err sotto_genesis_write(struct sotto_buf *out, const struct sotto_genesis *g)
{
    struct writing w = { out, SOTTO_OK };
    const struct sotto_params *p = &g->params;
    if (p->chain_num > INT64_MAX || p->time_ms > INT64_MAX || p->halflife_ms > INT64_MAX || p->fee_rate > INT64_MAX) return SOTTO_ERR_RANGE;
    if (p->gov_seq != 0 || p->upgrade_height != 0 || (sotto_all_zero(p->eip712_contract, sizeof p->eip712_contract) && p->eip712_chain != 0)) return SOTTO_ERR_RANGE;
    size_t before = out->size;
    put(&w, "{\n");
    put_values(&w, p);
    put_lists(&w, g);
    if (w.err != SOTTO_OK) out->size = before;
    return w.err;
}
