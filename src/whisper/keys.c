#include "whisper/keys.h"

#include <bsd/sys/tree.h>
#include <stdlib.h>

enum { PAIR, SYM, KINDS };

struct key {
    RB_ENTRY(key) by_id;
    struct sotto_shh_id id;
    struct sotto_secret *slot;                        /* guarded: the symmetric key, or the scalar */
    struct sotto_point point;                         /* of a pair */
};
RB_HEAD(key_tree, key);

/* All of one kind. Slots that are free stand on a stack. */
struct kind { struct key_tree tree; struct sotto_secret *slots; uint32_t *unused, count, max; };
struct sotto_shh_keys { struct kind kinds[KINDS]; struct sotto_rng *rng; };

static int compare(const struct key *a, const struct key *b) { return sotto_shh_id_compare(&a->id, &b->id); }

/* RB_GENERATE_STATIC of libbsd relies on a macro that its header does not bring. */
RB_GENERATE_INTERNAL(key_tree, key, by_id, compare, __attribute__((unused)) static)

static bool kind_make(struct kind *kind, uint32_t max)
{
    SOTTO_ASSERT(max >= 1 && max <= 65536);
    RB_INIT(&kind->tree);
    kind->max = max;
    kind->slots = sotto_guard_new(max * sizeof *kind->slots, NULL);
    kind->unused = malloc(max * sizeof *kind->unused);
    if (!kind->slots || !kind->unused) return false;
    for (uint32_t i = 0; i < max; i++) kind->unused[i] = max - 1 - i;
    return true;
}

static void drop(struct kind *kind, struct key *key)
{
    key_tree_RB_REMOVE(&kind->tree, key);
    SOTTO_WIPE(*key->slot);
    kind->unused[kind->max - kind->count] = (uint32_t)(key->slot - kind->slots);
    kind->count--;
    free(key);
}

static void kind_free(struct kind *kind)
{
    for (struct key *key; (key = RB_ROOT(&kind->tree)) != NULL;) drop(kind, key);
    sotto_guard_free(kind->slots);
    free(kind->unused);
}

enum sotto_err sotto_shh_keys_new(struct sotto_shh_keys **out, uint32_t pairs_max, uint32_t syms_max, struct sotto_rng *rng)
{
    struct sotto_shh_keys *k = calloc(1, sizeof *k);
    if (!k) return SOTTO_ERR_NOMEM;
    k->rng = rng;
    bool pairs = kind_make(&k->kinds[PAIR], pairs_max), syms = kind_make(&k->kinds[SYM], syms_max);
    if (!pairs || !syms) {
        sotto_shh_keys_free(k);
        return SOTTO_ERR_NOMEM;
    }
    *out = k;
    return SOTTO_OK;
}

void sotto_shh_keys_free(struct sotto_shh_keys *k)
{
    if (!k) return;
    for (unsigned i = 0; i < KINDS; i++) kind_free(&k->kinds[i]);
    free(k);
}

static struct key *find(const struct kind *kind, struct sotto_span id)
{
    struct key name;
    if (!sotto_shh_id_read(&name.id, id)) return NULL;
    return key_tree_RB_FIND((struct key_tree *)&kind->tree, &name);      /* the macro knows no const */
}

/* *key has a slot of its own, still to be filled. */
static struct sotto_shh_refusal add(struct sotto_shh_keys *k, struct kind *kind, struct key **out)
{
    struct sotto_shh_refusal full = { .why = SOTTO_SHH_REFUSED_KEYS_FULL, .limit = kind->max };
    if (kind->count == kind->max) return full;
    struct key *key = calloc(1, sizeof *key);
    if (!key) return sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_MEMORY);
    do sotto_shh_id_draw(&key->id, k->rng);
    while (key_tree_RB_INSERT(&kind->tree, key));     /* the same 256 random bits twice: only where a test says so */
    kind->count++;
    key->slot = &kind->slots[kind->unused[kind->max - kind->count]];
    *out = key;
    return sotto_shh_refusal(SOTTO_SHH_REFUSED_NOTHING);
}

/* ---- key pairs ---- */

static struct sotto_shh_refusal add_scalar(struct sotto_shh_keys *k, struct sotto_shh_id *id, const struct sotto_scalar *scalar)
{
    struct key *key;
    struct sotto_point point;
    enum sotto_err err = sotto_point_make(&point, scalar);
    SOTTO_ASSERT(err == SOTTO_OK);                    /* looked at before */
    struct sotto_shh_refusal r = add(k, &k->kinds[PAIR], &key);
    if (r.why) return r;
    memcpy(key->slot->b, scalar->b, sizeof key->slot->b);
    key->point = point;
    *id = key->id;
    return r;
}

struct sotto_shh_refusal sotto_shh_keys_new_pair(struct sotto_shh_keys *k, struct sotto_shh_id *id)
{
    struct sotto_scalar scalar;
    sotto_scalar_random(&scalar, k->rng);
    struct sotto_shh_refusal r = add_scalar(k, id, &scalar);
    SOTTO_WIPE(scalar);
    return r;
}

struct sotto_shh_refusal sotto_shh_keys_add_pair(struct sotto_shh_keys *k, struct sotto_shh_id *id, struct sotto_span private_key)
{
    struct sotto_scalar scalar;
    struct sotto_shh_refusal r;
    if (private_key.size != sizeof scalar.b) return sotto_shh_refusal(SOTTO_SHH_REFUSED_KEY_LENGTH);
    memcpy(scalar.b, private_key.data, sizeof scalar.b);
    if (sotto_scalar_valid(&scalar)) r = add_scalar(k, id, &scalar);
    else r = sotto_shh_refusal(sotto_all_zero(scalar.b, sizeof scalar.b) ? SOTTO_SHH_REFUSED_KEY_ZERO : SOTTO_SHH_REFUSED_KEY_ABOVE_ORDER);
    SOTTO_WIPE(scalar);
    return r;
}

struct sotto_shh_refusal sotto_shh_keys_delete_pair(struct sotto_shh_keys *k, struct sotto_span id)
{
    struct key *key = find(&k->kinds[PAIR], id);
    struct sotto_shh_refusal missing = { .why = SOTTO_SHH_REFUSED_NO_KEY_PAIR, .text = id };
    if (!key) return missing;
    drop(&k->kinds[PAIR], key);
    return sotto_shh_refusal(SOTTO_SHH_REFUSED_NOTHING);
}

struct sotto_shh_refusal sotto_shh_keys_pair(const struct sotto_shh_keys *k, struct sotto_shh_pair *out, struct sotto_span id)
{
    const struct key *key = find(&k->kinds[PAIR], id);
    if (!key) return sotto_shh_refusal(SOTTO_SHH_REFUSED_INVALID_ID);
    _Static_assert(sizeof(struct sotto_scalar) == sizeof *key->slot, "a slot holds either kind");
    *out = (struct sotto_shh_pair){ (const struct sotto_scalar *)(const void *)key->slot, key->point };
    return sotto_shh_refusal(SOTTO_SHH_REFUSED_NOTHING);
}

/* ---- symmetric keys ---- */

struct sotto_shh_refusal sotto_shh_keys_add_sym(struct sotto_shh_keys *k, struct sotto_shh_id *id, struct sotto_span key_bytes)
{
    struct key *key;
    struct sotto_shh_refusal size = { .why = SOTTO_SHH_REFUSED_SYM_KEY_SIZE, .number = key_bytes.size };
    if (key_bytes.size != sizeof key->slot->b) return size;
    struct sotto_shh_refusal r = add(k, &k->kinds[SYM], &key);
    if (r.why) return r;
    memcpy(key->slot->b, key_bytes.data, sizeof key->slot->b);
    *id = key->id;
    return r;
}

struct sotto_shh_refusal sotto_shh_keys_new_sym(struct sotto_shh_keys *k, struct sotto_shh_id *id)
{
    struct sotto_secret key;
    sotto_rng_fill(k->rng, key.b, sizeof key.b);
    struct sotto_shh_refusal r = sotto_shh_keys_add_sym(k, id, SOTTO_SPAN(key.b));
    SOTTO_WIPE(key);
    return r;
}

bool sotto_shh_keys_delete_sym(struct sotto_shh_keys *k, struct sotto_span id)
{
    struct key *key = find(&k->kinds[SYM], id);
    if (!key) return false;
    drop(&k->kinds[SYM], key);
    return true;
}

struct sotto_shh_refusal sotto_shh_keys_sym(const struct sotto_shh_keys *k, const struct sotto_secret **out, struct sotto_span id)
{
    const struct key *key = find(&k->kinds[SYM], id);
    if (!key) return sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_SYM_KEY);
    *out = key->slot;
    return sotto_shh_refusal(SOTTO_SHH_REFUSED_NOTHING);
}

struct sotto_shh_refusal sotto_shh_keys_sym_to_use(const struct sotto_shh_keys *k, const struct sotto_secret **out, struct sotto_span id)
{
    const struct sotto_secret *key;
    struct sotto_shh_refusal r = sotto_shh_keys_sym(k, &key, id);
    if (r.why) return r;
    if (sotto_all_zero(key->b, sizeof key->b)) return sotto_shh_refusal(SOTTO_SHH_REFUSED_SYM_KEY);
    *out = key;
    return r;
}

uint32_t sotto_shh_keys_pairs(const struct sotto_shh_keys *k) { return k->kinds[PAIR].count; }
uint32_t sotto_shh_keys_syms(const struct sotto_shh_keys *k) { return k->kinds[SYM].count; }
