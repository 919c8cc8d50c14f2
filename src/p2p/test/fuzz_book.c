/* The address book: its bytes (first byte even), or a sequence of inputs to it (odd). What loads is saved as the same bytes; after every
 * step the book keeps its bounds and finds everybody it holds. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "p2p/dial.h"

static struct sotto_chacha_rng rng;

static bool nobody_barred(void *owner, const uint8_t key[64], const struct sotto_addr addr[2], struct sotto_now now)
{
    (void)owner;
    (void)key;
    (void)addr;
    (void)now;
    return false;
}

static struct sotto_book *book_new(bool local)
{
    struct sotto_book *b;
    struct sotto_book_config config = { .local = local, .lan = true, .group = sotto_group_of, .rng = &rng.rng };
    sotto_rng_from_seed(&rng, 7, "fuzz");
    return sotto_book_new(&b, &config) == SOTTO_OK ? b : NULL;
}

static void read_bytes(struct fuzz_in *in)
{
    struct sotto_now now = { 1000000, 1800000000000ull };
    struct sotto_span bytes = fuzz_rest(in);
    struct sotto_book *b = book_new(false), *again = book_new(false);
    struct sotto_dial *d;
    struct sotto_buf out = sotto_buf_make(SOTTO_BOOK_BYTES_MAX), twice = sotto_buf_make(SOTTO_BOOK_BYTES_MAX);
    if (b && again && sotto_book_load(b, bytes, now) == SOTTO_OK) {
        SOTTO_ASSERT(sotto_book_count(b, SOTTO_BOOK_ANY) <= SOTTO_BOOK_MAX);
        SOTTO_ASSERT(sotto_book_save(b, &out, now) == SOTTO_OK && sotto_book_load(again, sotto_buf_span(&out), now) == SOTTO_OK);
        SOTTO_ASSERT(sotto_book_save(again, &twice, now) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&out), sotto_buf_span(&twice)));
        SOTTO_ASSERT(out.size <= bytes.size && sotto_book_live(b) == sotto_book_live(again));
    }
    struct sotto_dial_config config = { .outbound_max = 8, .group = sotto_group_of, .book = b, .rng = &rng.rng, .barred = nobody_barred };
    if (b && sotto_dial_new(&d, &config) == SOTTO_OK) {
        out.size = twice.size = 0;
        if (sotto_dial_load(d, bytes, now) == SOTTO_OK) {
            struct sotto_dial_want want;
            SOTTO_ASSERT(sotto_dial_save(d, &out, now) == SOTTO_OK && out.size <= SOTTO_DIAL_BYTES_MAX);
            for (unsigned i = 0; sotto_dial_next(d, &want, true, now); i++) SOTTO_ASSERT(i < 16);
        }
        sotto_dial_free(d);
    }
    sotto_buf_free(&out);
    sotto_buf_free(&twice);
    sotto_book_free(b);
    sotto_book_free(again);
}

static struct sotto_addr addr_of(uint8_t n)
{
    struct sotto_addr a = { .family = n & 1 ? 6 : 4, .port = n >> 6 ? 30303 : 0 };
    a.ip[0] = a.family == 4 ? 50 : 0x26;
    a.ip[1] = n >> 2 & 7;
    a.ip[3] = a.ip[15] = n >> 5;
    return a;
}

static bool some(void *ctx, const struct sotto_book_entry *e) { return (e->key[0] & 3) != *(const uint8_t *)ctx; }

static void drive(struct fuzz_in *in)
{
    struct sotto_now now = { 1000000, 1800000000000ull };
    struct sotto_book *b = book_new(fuzz_bool(in));
    uint64_t known[1024] = { 0 };
    if (!b) return;
    while (fuzz_left(in)) {
        uint8_t op = fuzz_u8(in), who = fuzz_u8(in), where = fuzz_u8(in);
        struct sotto_enode e = { .addr = addr_of(where) };
        struct sotto_addr source = addr_of(fuzz_u8(in) | 0xc0);
        struct sotto_book_entry x;
        e.key[0] = who;
        e.key[1] = op >> 6;
        e.key[63] = 1;
        unsigned before = sotto_book_count(b, SOTTO_BOOK_ANY);
        bool had = sotto_book_find(b, NULL, e.key);
        switch (op % 8) {
        case 0: case 1: case 2: {
            enum sotto_err err = sotto_book_learn(b, &e, &source, now);
            SOTTO_ASSERT((err == SOTTO_OK) == (!had && sotto_book_find(b, NULL, e.key)) && (err != SOTTO_ERR_EXISTS || had));
            break;
        }
        case 3: sotto_book_alive(b, e.key, op & 8, now); break;
        case 4: sotto_book_dialled(b, e.key, fuzz_u16(in), now.mono_us + fuzz_wide(in) % (1ull << 40)); break;
        case 5: sotto_book_forget(b, e.key); break;
        case 6: {
            uint8_t not = where & 3;
            uint64_t wait = 0;
            if (sotto_book_draw(b, &x, &wait, op >> 4 & 1 ? SOTTO_BOOK_TRIED : SOTTO_BOOK_ANY, some, &not, now))
                SOTTO_ASSERT((x.key[0] & 3) != not && x.next_us <= now.mono_us && sotto_book_find(b, NULL, x.key));
            else SOTTO_ASSERT(wait > now.mono_us);
            break;
        }
        default: {
            uint64_t s = fuzz_wide(in) % (1ull << 24);
            now.mono_us += s * 1000000;
            now.wall_ms += s * 1000;
        }
        }
        if (op % 8 == 5) SOTTO_ASSERT(!sotto_book_find(b, NULL, e.key) && sotto_book_count(b, SOTTO_BOOK_ANY) == before - had);
        unsigned count = 0, live = 0;
        memset(known, 0, sizeof known);
        for (; sotto_book_at(b, count, &x); count++) {
            unsigned n = x.key[0] | (unsigned)x.key[1] << 8;
            SOTTO_ASSERT(n < 1024 && !known[n] && sotto_book_find(b, NULL, x.key));
            known[n] = 1;
            live += x.alive_s && !x.failures;
        }
        SOTTO_ASSERT(count == sotto_book_count(b, SOTTO_BOOK_ANY) && live == sotto_book_live(b));
        SOTTO_ASSERT(count == sotto_book_count(b, SOTTO_BOOK_NEW) + sotto_book_count(b, SOTTO_BOOK_TRIED));
    }
    sotto_book_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    if (fuzz_u8(&in) & 1) drive(&in);
    else read_bytes(&in);
    return 0;
}
