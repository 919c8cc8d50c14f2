/* Cells into a live session. 1028 bytes: a cell as it comes, which must be refused and leave no act. Otherwise a header (72)
 * and a body as only the true peer can seal them: whatever they say, the messenger stays whole. */
#include "fuzz_pair.h"
#include "support/fuzz.h"

enum { AT_INDEX = 39 };                             /* in a header, messaging.md 4.4 */

struct row { enum sotto_table table; uint64_t row; struct sotto_buf bytes; };
static struct fuzz_person bob, alice;
static struct row rows[64];                           /* Alice, as stored just after the first words */
static unsigned row_count;
static struct sotto_session_core bob_core;

static void deliver_all(struct sotto_acts *from, struct fuzz_person *to, struct sotto_acts *out)
{
    for (uint32_t i = 0; i < from->count; i++)
        if (from->slots[i].kind == SOTTO_ACT_CELL) (void)!sotto_messenger_cell_in(to->m, from->slots[i].bytes.data, FUZZ_NOW, out);
}

static void prepare(void)
{
    struct sotto_acts a = { 0 }, b = { 0 };
    struct sotto_contact asker;
    fuzz_person(&bob, 1);
    fuzz_person(&alice, 2);
    fuzz_open(&bob);
    fuzz_open(&alice);
    SOTTO_ASSERT(sotto_messenger_start(bob.m, 1, FUZZ_NOW, &b) == SOTTO_OK && sotto_messenger_start(alice.m, 1, FUZZ_NOW, &a) == SOTTO_OK);
    SOTTO_ASSERT(sotto_messenger_add(bob.m, sotto_buf_span(&alice.cert), "alice", "hello", FUZZ_NOW, &b) == SOTTO_OK);
    for (uint32_t i = 0; i < b.count; i++) {
        uint64_t solution, at = 0;
        if (b.slots[i].kind != SOTTO_ACT_SOLVE) continue;
        SOTTO_ASSERT(sotto_puzzle_search(&solution, &at, b.slots[i].digest, b.slots[i].bits, 1u << 20));
        sotto_messenger_solved(bob.m, b.slots[i].row, solution, FUZZ_NOW, &b);
    }
    deliver_all(&b, &alice, &a);
    SOTTO_ASSERT(sotto_messenger_contact_at(alice.m, 0, &asker));
    SOTTO_ASSERT(sotto_messenger_accept(alice.m, &asker.id, "bob", FUZZ_NOW, &a) == SOTTO_OK);
    sotto_acts_clear(&b);
    deliver_all(&a, &bob, &b);                        /* M2; M3 is among what comes back */
    deliver_all(&b, &alice, &a);
    SOTTO_ASSERT(sotto_messenger_contact_at(alice.m, 0, &asker) && asker.state == SOTTO_CONTACT_MUTUAL);
    for (uint32_t i = 0; i < a.count; i++) {
        const struct sotto_act *act = &a.slots[i];
        if (act->kind != SOTTO_ACT_PUT && act->kind != SOTTO_ACT_DELETE) continue;
        unsigned k = 0;
        while (k < row_count && (rows[k].table != act->table || rows[k].row != act->row)) k++;
        if (k < row_count) {
            sotto_buf_free(&rows[k].bytes);
            rows[k] = rows[--row_count];
        }
        if (act->kind == SOTTO_ACT_DELETE) continue;
        SOTTO_ASSERT(row_count < sizeof rows / sizeof rows[0]);
        rows[row_count] = (struct row){ act->table, act->row, sotto_buf_make(ROW_MAX) };
        SOTTO_ASSERT(sotto_buf_add_span(&rows[row_count++].bytes, sotto_buf_span(&act->bytes)) == SOTTO_OK);
    }
    bob_core = ((struct talk *)bob.m->talks.at[0])->s->core;
    sotto_messenger_free(alice.m);
    sotto_messenger_free(bob.m);
    sotto_acts_free(&a);
    sotto_acts_free(&b);
}

/* False: its header is not the one that belongs there, so it must be refused. */
static bool forge(uint8_t sealed[SOTTO_CELL_SEALED], const uint8_t *data, size_t size)
{
    uint8_t header[SOTTO_HEADER_BYTES] = { 0 }, right[SOTTO_HEADER_BYTES], body[SOTTO_BODY_BYTES] = { 0 }, x[32];
    struct sotto_header own = { .point = bob_core.point, .pn = bob_core.pn, .index = bob_core.ns };
    struct sotto_body_key key = { .dir = 0, .index = bob_core.ns, .from = bob_core.own, .to = bob_core.peer };
    struct sotto_secret hs, ck = bob_core.send_ck;
    struct sotto_scalar h;
    struct sotto_tag tag;
    sotto_header_encode(header, &own);
    memcpy(right, header, sizeof right);
    if (size && data[0] & 1) memcpy(header, data, size < sizeof header ? size : sizeof header);          /* else the right one: straight to the body */
    else if (size > 2 && data[0] & 2) header[data[1] % sizeof header] ^= data[2];                         /* but for one byte */
    key.index = sotto_be32(header + AT_INDEX);        /* as one would who wants to move us on */
    if (size > sizeof header) memcpy(body, data + sizeof header, size - sizeof header < sizeof body ? size - sizeof header : sizeof body);
    SOTTO_ASSERT(sotto_kdac_h(&h, &bob_core.send_hk, 0, bob_core.ns) == SOTTO_OK);
    SOTTO_ASSERT(sotto_kdac_x(&key.kbt_x, &h, &bob_core.peer_xkey) == SOTTO_OK && sotto_kdac_x(&key.s_x, &h, &bob_core.p) == SOTTO_OK);
    sotto_kdac_tag(&tag, &key.kbt_x);
    sotto_header_secret(&hs, &bob_core.send_hk, 0, bob_core.ns);
    for (uint32_t i = bob_core.ns; i < key.index && i < bob_core.ns + 8; i++) sotto_chain_step(NULL, &ck);
    sotto_chain_step(&key.mk, &ck);
    sotto_cell_draw_x(x, &bob.rng.rng);
    SOTTO_ASSERT(sotto_cell_seal(sealed, &tag, x, &hs, &key, header, body) == SOTTO_OK);
    if (header[1] == SOTTO_HEADER_RECORD) header[1] = 0;             /* the one thing a sender may choose */
    return memcmp(header, right, sizeof header) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (row_count == 0) prepare();
    struct sotto_acts acts = { 0 };
    uint8_t sealed[SOTTO_CELL_SEALED] = { 0 };
    bool raw = size == SOTTO_CELL_SEALED, right = false;
    sotto_rng_from_seed(&alice.rng, 3, "fuzz");
    fuzz_open(&alice);
    for (unsigned i = 0; i < row_count; i++) SOTTO_ASSERT(sotto_messenger_load(alice.m, rows[i].table, rows[i].row, sotto_buf_span(&rows[i].bytes)) == SOTTO_OK);
    SOTTO_ASSERT(sotto_messenger_start(alice.m, 1, FUZZ_NOW, &acts) == SOTTO_OK);
    sotto_acts_clear(&acts);
    if (raw) memcpy(sealed, data, size);
    else right = forge(sealed, data, size);
    enum sotto_err err = sotto_messenger_cell_in(alice.m, sealed, FUZZ_NOW, &acts);
    SOTTO_ASSERT(right || err != SOTTO_OK);
    for (uint32_t i = 0; err != SOTTO_OK && i < acts.count; i++)         /* a note that the session does not fit, and M1, at most */
        SOTTO_ASSERT(acts.slots[i].kind == SOTTO_ACT_PUT || acts.slots[i].kind == SOTTO_ACT_SOLVE);
    if (err == SOTTO_OK) {                            /* the same cell again is nobody's; time goes on */
        SOTTO_ASSERT(sotto_messenger_cell_in(alice.m, sealed, FUZZ_NOW, &acts) == SOTTO_ERR_NOT_MINE);
        struct sotto_now later = { FUZZ_NOW.mono_us + 3600000000ull, FUZZ_NOW.wall_ms + 3600000 };
        sotto_messenger_tick(alice.m, later, &acts);
    }
    sotto_acts_free(&acts);
    sotto_messenger_free(alice.m);
    return 0;
}
