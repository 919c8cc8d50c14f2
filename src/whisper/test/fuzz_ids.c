/* The set of known hashes against a plain list: has, add, forget the oldest, expire. */
#include "support/fuzz_input.h"

#include "whisper/ids.h"

enum { LISTED_MAX = 600 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[16] = { 1 };
    static struct { uint8_t hash[32]; uint32_t until; } list[LISTED_MAX + 1];
    struct fuzz_in in = fuzz_in(data, size);
    uint32_t max = 1 + fuzz_below(&in, LISTED_MAX), count = 0;
    struct sotto_ids s = sotto_ids_make(max);
    while (fuzz_left(&in)) {
        uint8_t op = fuzz_u8(&in), hash[32] = { 0 };
        hash[0] = fuzz_u8(&in), hash[1] = fuzz_u8(&in) & 3;
        uint64_t index = sotto_ids_index(key, hash);
        uint32_t at = 0, until = op >> 2;
        while (at < count && memcmp(list[at].hash, hash, 32) != 0) at++;
        SOTTO_ASSERT(sotto_ids_has(&s, hash, index) == (at < count));
        if (op % 4 < 3) {
            sotto_ids_add(&s, hash, index, until);
            if (at < count) {
                if (until > list[at].until) list[at].until = until;
            } else {
                memcpy(list[count].hash, hash, 32);
                list[count++].until = until;
                if (count > max) memmove(list, list + 1, --count * sizeof list[0]);
            }
            SOTTO_ASSERT(sotto_ids_has(&s, hash, index));
        } else {
            uint32_t kept = 0;
            sotto_ids_expire(&s, until);
            for (at = 0; at < count; at++)
                if (list[at].until >= until) list[kept++] = list[at];
            count = kept;
        }
        SOTTO_ASSERT(s.count == count && s.count <= s.max && s.cap <= s.max && (s.table_size & (s.table_size - 1)) == 0);
        for (at = 0; at < count; at++) SOTTO_ASSERT(sotto_ids_has(&s, list[at].hash, sotto_ids_index(key, list[at].hash)));
    }
    sotto_ids_free(&s);
    return 0;
}
