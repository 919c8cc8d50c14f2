/* Runs each operation under valgrind and tells how many errors memcheck saw in it. tests/secrets/constant_time.py starts it.
 *
 *     constant_time              all operations, then the control operations (their errors are wanted), then the wrapped functions
 *     constant_time --list       the names */
#include "ct.h"

#include "crypto/curve.h"
#include "crypto/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <valgrind/memcheck.h>

struct ct_public ct_public;

static bool undefined(const void *data, size_t size)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < size; i++) {
        uint8_t bits = 0;
        if (VALGRIND_GET_VBITS(p + i, &bits, 1) == 1 && bits) return true;
    }
    return false;
}

void ct_secret(void *data, size_t size) { (void)VALGRIND_MAKE_MEM_UNDEFINED(data, size); }

void ct_secret_point(struct sotto_point *point)
{
    static const uint8_t lowest_bit = 1;
    ct_secret(point->b + 1, sizeof point->b - 1);
    (void)VALGRIND_SET_VBITS(point->b, &lowest_bit, 1);
}

void ct_reveal(const void *data, size_t size, const char *why)
{
    ct_still_secret(data, size);
    (void)why;
    (void)VALGRIND_MAKE_MEM_DEFINED(data, size);
}

void ct_still_secret(const void *data, size_t size)
{
    if (undefined(data, size)) return;
    printf("no secret arrived in an output of %zu bytes\n", size);
    exit(3);
}

void ct_ok(enum sotto_err err, const char *file, int line)
{
    if (err == SOTTO_OK) return;
    printf("%s:%d: %s\n", file, line, sotto_err_name(err));
    exit(3);
}

static struct sotto_chacha_rng source;

static void fill_secret(struct sotto_rng *rng, void *out, size_t size)
{
    (void)rng;
    sotto_rng_fill(&source.rng, out, size);
    /* 8 bytes: sotto_rng_u64, which only lengths and delays come from. 16: salts, initial counters, tags; they stand in the clear. */
    if (size != 8 && size != 16) ct_secret(out, size);
}

struct sotto_rng *ct_rng(void)
{
    static struct sotto_rng rng = { fill_secret };
    return &rng;
}

struct sotto_rng *ct_open_rng(void) { return &source.rng; }

/* ---- controls: what a test must see to be one ---- */

static __attribute__((noinline)) int control_branch(const uint8_t *key)
{
    static volatile int sink;
    if (key[0] & 1) sink++;
    return sink;
}

static __attribute__((noinline)) int control_lookup(const uint8_t *key)
{
    static const volatile uint8_t table[256] = { 1, 2, 3 };
    return table[key[1]];
}

static __attribute__((noinline)) int control_compare(const uint8_t *key, const uint8_t *other)
{
    for (int i = 0; i < 32; i++)
        if (key[i] != other[i]) return i;
    return 32;
}

static void run_control(const char *name)
{
    static const uint8_t other[32] = { 1 };
    struct sotto_secret key;
    static volatile int sink;
    sotto_rng_fill(ct_open_rng(), key.b, sizeof key.b);
    memcpy(key.b, other, 2);
    CT_SECRET(key);
    int before = (int)VALGRIND_COUNT_ERRORS, got = 0;
    if (name[0] == 'b') got = control_branch(key.b);
    else if (name[0] == 'l') got = control_lookup(key.b);
    else got = control_compare(key.b, other);
    int errors = (int)VALGRIND_COUNT_ERRORS - before;
    (void)VALGRIND_MAKE_MEM_DEFINED(&got, sizeof got);
    sink = got;
    (void)sink;
    printf("control %-24s %d\n", name, errors);
}

int main(int argc, char **argv)
{
#define ITEM(list) list,
    static const struct ct_op *const lists[] = { CT_OPS(ITEM) };
    bool only_names = argc > 1 && strcmp(argv[1], "--list") == 0;
    if (!only_names && !RUNNING_ON_VALGRIND) {
        puts("this is run by tests/secrets/constant_time.py");
        return 2;
    }
    CT_OK(sotto_crypto_init());
    sotto_rng_from_seed(&source, 1, "constant time");
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++)
        for (const struct ct_op *op = lists[l]; op->name; op++) {
            if (only_names) {
                puts(op->name);
                continue;
            }
            int before = (int)VALGRIND_COUNT_ERRORS;
            memset(&ct_public, 0, sizeof ct_public);
            VALGRIND_PRINTF("operation %s\n", op->name);
            op->run();
            printf("operation %-24s %d\n", op->name, (int)VALGRIND_COUNT_ERRORS - before);
            fflush(stdout);
        }
    if (only_names) return 0;
    VALGRIND_PRINTF("controls\n");
    run_control("branch");
    run_control("lookup");
    run_control("compare");
    ct_declassified();
    return 0;
}
