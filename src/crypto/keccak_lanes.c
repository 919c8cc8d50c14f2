#include "crypto/keccak_lanes.h"

#include "crypto/hash.h"
#include "crypto/keccak_kernel.h"

static void library_permute(uint64_t *state)
{
    struct sha3_state s;
    memcpy(s.a, state, sizeof s.a);
    sha3_permute(&s);
    memcpy(state, s.a, sizeof s.a);
}

static void library_first_words(uint64_t *out, const uint64_t *state)
{
    struct sha3_state s;
    memcpy(s.a, state, sizeof s.a);
    sha3_permute(&s);
    *out = s.a[0];
}

static void library_absorb(uint64_t *state, const uint8_t *const *in, size_t blocks)
{
    struct sha3_state s;
    memcpy(s.a, state, sizeof s.a);
    for (size_t block = 0; block < blocks; block++) {
        for (unsigned w = 0; w < SOTTO_KECCAK_RATE / 8; w++) s.a[w] ^= sotto_le64(in[0] + block * SOTTO_KECCAK_RATE + 8 * w);
        sha3_permute(&s);
    }
    memcpy(state, s.a, sizeof s.a);
    SOTTO_WIPE(s);
}

static const struct sotto_keccak_kernel library = { "library", 1, library_permute, library_first_words, library_absorb, library_absorb };
static const struct sotto_keccak_kernel *in_use = &library, *single = &library, *refused;

unsigned sotto_keccak_kernels(const struct sotto_keccak_kernel *out[SOTTO_KECCAK_KERNELS_MAX])
{
    unsigned count = 0;
    out[count++] = &library;
#ifdef SOTTO_KECCAK_X86
    if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) out[count++] = &sotto_keccak_scalar;
    if (__builtin_cpu_supports("avx512f")) out[count++] = &sotto_keccak_planes;
#endif
    out[count++] = &sotto_keccak_generic;
#ifdef SOTTO_KECCAK_X86
    if (__builtin_cpu_supports("avx2")) out[count++] = &sotto_keccak_avx2;
    if (__builtin_cpu_supports("avx512f")) out[count++] = &sotto_keccak_avx512;
#endif
    return count;
}

void sotto_keccak_use(const struct sotto_keccak_kernel *kernel)
{
    in_use = kernel;
    if (kernel->lanes == 1) single = kernel;
}
const struct sotto_keccak_kernel *sotto_keccak_in_use(void) { return in_use; }
const struct sotto_keccak_kernel *sotto_keccak_single(void) { return single; }

/* One lane's way through its message: whole blocks are taken from where they lie, one that several pieces share, and the last, are put
 * together here. */
struct lane {
    struct sotto_keccak_message *message;         /* NULL: nothing to do */
    unsigned part;
    size_t at;                                    /* in that part: what comes after the ready blocks */
    const uint8_t *blocks;
    size_t ready;
    bool last;                                    /* they end with the padding */
    uint8_t block[SOTTO_KECCAK_RATE];
};

static void gather(struct lane *l)
{
    const struct sotto_span *parts = l->message->parts;
    size_t filled = 0;
    while (l->part < SOTTO_KECCAK_PARTS_MAX && filled < SOTTO_KECCAK_RATE) {
        size_t left = parts[l->part].size - l->at, room = SOTTO_KECCAK_RATE - filled, take = left < room ? left : room;
        if (take) memmove(l->block + filled, parts[l->part].data + l->at, take);      /* memcpy of this bounded size becomes rep movs, slow to begin */
        filled += take;
        l->at += take;
        if (take == left) {
            l->part++;
            l->at = 0;
        }
    }
    l->blocks = l->block;
    l->ready = 1;
    l->last = filled < SOTTO_KECCAK_RATE;         /* a message that ends where a block does is padded in one of its own */
    if (!l->last) return;
    memset(l->block + filled, 0, SOTTO_KECCAK_RATE - filled);
    l->block[filled] = 0x01;                      /* the original Keccak, not SHA3 */
    l->block[SOTTO_KECCAK_RATE - 1] |= 0x80;
}

static void prepare(struct lane *l)
{
    const struct sotto_span *parts = l->message->parts;
    while (l->part < SOTTO_KECCAK_PARTS_MAX && l->at == parts[l->part].size) {
        l->part++;
        l->at = 0;
    }
    size_t left = l->part < SOTTO_KECCAK_PARTS_MAX ? parts[l->part].size - l->at : 0;
    if (left < SOTTO_KECCAK_RATE) {
        gather(l);
        return;
    }
    l->blocks = parts[l->part].data + l->at;
    l->ready = left / SOTTO_KECCAK_RATE;
    l->at += l->ready * SOTTO_KECCAK_RATE;
}

/* All lanes go forward together by what the shortest has ready. */
struct states {
    const struct sotto_keccak_kernel *kernel;
    struct lane lanes[SOTTO_KECCAK_LANES_MAX];
    _Alignas(64) uint64_t words[SOTTO_KECCAK_WORDS * SOTTO_KECCAK_LANES_MAX];
    unsigned busy;
};

static void begin(struct states *s, unsigned index, struct sotto_keccak_message *message)
{
    struct lane *l = &s->lanes[index];
    l->message = message;
    l->part = 0;
    l->at = 0;
    for (unsigned w = 0; w < SOTTO_KECCAK_WORDS; w++) s->words[w * s->kernel->lanes + index] = 0;
    prepare(l);
    s->busy++;
}

/* Returns true when the lane's message is done. */
static bool taken(struct states *s, unsigned index, size_t blocks)
{
    struct lane *l = &s->lanes[index];
    l->ready -= blocks;
    l->blocks += blocks * SOTTO_KECCAK_RATE;
    if (l->ready) return false;
    if (!l->last) {
        prepare(l);
        return false;
    }
    for (unsigned w = 0; w < 4; w++) sotto_put_le64(l->message->hash + 8 * w, s->words[w * s->kernel->lanes + index]);
    l->message = NULL;
    l->last = false;
    s->busy--;
    return true;
}

static const struct lane *shortest(const struct states *s)            /* of those at work; there is one */
{
    const struct lane *least = NULL;
    for (unsigned i = 0; i < s->kernel->lanes; i++)
        if (s->lanes[i].message && (!least || s->lanes[i].ready < least->ready)) least = &s->lanes[i];
    SOTTO_ASSERT(least);
    return least;
}

static void absorb(struct states *s, const struct lane *least)
{
    const uint8_t *in[SOTTO_KECCAK_LANES_MAX];
    for (unsigned i = 0; i < s->kernel->lanes; i++)                   /* an idle lane chews what another one does */
        in[i] = s->lanes[i].message ? s->lanes[i].blocks : least->blocks;
    s->kernel->absorb(s->words, in, least->ready);
}

static void many(const struct sotto_keccak_kernel *kernel, struct sotto_keccak_message *messages, size_t count)
{
    struct states s;
    size_t next = 0;
    s.kernel = kernel;
    s.busy = 0;
    for (unsigned i = 0; i < kernel->lanes; i++) {
        s.lanes[i].message = NULL;
        s.lanes[i].last = false;
        if (next < count) begin(&s, i, &messages[next++]);
    }
    while (s.busy) {
        const struct lane *least = shortest(&s);
        size_t blocks = least->ready;
        absorb(&s, least);
        for (unsigned i = 0; i < kernel->lanes; i++)
            if (s.lanes[i].message && taken(&s, i, blocks) && next < count) begin(&s, i, &messages[next++]);
    }
}

void sotto_keccak256_many(struct sotto_keccak_message *messages, size_t count) { many(in_use, messages, count); }

/* Numbers without a pattern that a fault could hide in; no secret, and the same at each start. */
static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed ^ *seed >> 29;
}

#define CHECK_STATES 20u
#define CHECK_MESSAGES (2 * SOTTO_KECCAK_LANES_MAX + 1)
#define CHECK_SIZE_MAX 400u

static bool permutes_right(const struct sotto_keccak_kernel *k, uint64_t *seed)
{
    uint64_t words[SOTTO_KECCAK_WORDS * SOTTO_KECCAK_LANES_MAX], first[SOTTO_KECCAK_LANES_MAX];
    struct sha3_state expected[SOTTO_KECCAK_LANES_MAX];
    bool right = true;
    for (unsigned l = 0; l < k->lanes; l++)
        for (unsigned w = 0; w < SOTTO_KECCAK_WORDS; w++) words[w * k->lanes + l] = expected[l].a[w] = draw(seed);
    k->first_words(first, words);
    k->permute(words);
    for (unsigned l = 0; l < k->lanes; l++) {
        sha3_permute(&expected[l]);
        right &= first[l] == expected[l].a[0];
        for (unsigned w = 0; w < SOTTO_KECCAK_WORDS; w++) right &= words[w * k->lanes + l] == expected[l].a[w];
    }
    return right;
}

static bool hashes_right(const struct sotto_keccak_kernel *k, uint64_t *seed)
{
    uint8_t bytes[CHECK_SIZE_MAX], expected[32];
    struct sotto_keccak_message messages[CHECK_MESSAGES];
    bool right = true;
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)draw(seed);
    for (unsigned i = 0; i < CHECK_MESSAGES; i++) {
        bool long_run = i < SOTTO_KECCAK_LANES_MAX;                   /* all lanes have several blocks ready at once */
        size_t size = long_run ? CHECK_SIZE_MAX : draw(seed) % CHECK_SIZE_MAX, cut = long_run ? 0 : draw(seed) % (size + 1);
        messages[i] = (struct sotto_keccak_message){ .parts = { sotto_span(bytes, cut), sotto_span(bytes + cut, size - cut) } };
    }
    many(k, messages, CHECK_MESSAGES);
    for (unsigned i = 0; i < CHECK_MESSAGES; i++) {
        sotto_keccak256(expected, sotto_span(bytes, messages[i].parts[0].size + messages[i].parts[1].size));
        right &= memcmp(expected, messages[i].hash, sizeof expected) == 0;
    }
    return right;
}

static bool absorbs_right(const struct sotto_keccak_kernel *k, uint64_t *seed)
{
    uint8_t bytes[CHECK_SIZE_MAX];
    uint64_t words[SOTTO_KECCAK_WORDS * SOTTO_KECCAK_LANES_MAX], expected[SOTTO_KECCAK_LANES_MAX][SOTTO_KECCAK_WORDS];
    const uint8_t *in[SOTTO_KECCAK_LANES_MAX];
    bool right = true;
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)draw(seed);
    for (unsigned l = 0; l < k->lanes; l++) {
        in[l] = bytes + draw(seed) % (CHECK_SIZE_MAX - 2 * SOTTO_KECCAK_RATE);
        for (unsigned w = 0; w < SOTTO_KECCAK_WORDS; w++) words[w * k->lanes + l] = expected[l][w] = draw(seed);
        library_absorb(expected[l], &in[l], 2);
    }
    k->absorb_secret(words, in, 2);
    for (unsigned l = 0; l < k->lanes; l++)
        for (unsigned w = 0; w < SOTTO_KECCAK_WORDS; w++) right &= words[w * k->lanes + l] == expected[l][w];
    return right;
}

bool sotto_keccak_right(const struct sotto_keccak_kernel *kernel)
{
    uint64_t seed = 1;
    bool right = true;
    const struct sotto_keccak_kernel *was = single;
    for (unsigned i = 0; i < CHECK_STATES; i++) right &= permutes_right(kernel, &seed);
    right &= absorbs_right(kernel, &seed);
    single = &library;                            /* what sotto_keccak256 compares with */
    right &= hashes_right(kernel, &seed);
    single = was;
    return right;
}

void sotto_keccak_start(void)
{
    const struct sotto_keccak_kernel *kernels[SOTTO_KECCAK_KERNELS_MAX];
    unsigned count = sotto_keccak_kernels(kernels);
    refused = NULL;
    in_use = single = kernels[0];                 /* the library itself needs no check */
    for (unsigned i = 1; i < count; i++) {
        if (sotto_keccak_right(kernels[i])) sotto_keccak_use(kernels[i]);
        else refused = kernels[i];
    }
}

const char *sotto_keccak_refused(void) { return refused ? refused->name : NULL; }
