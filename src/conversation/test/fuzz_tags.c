/* The tag table against a plain list, with tags that collide: the fuzzer chooses the bytes that decide their place. */
#include "conversation/tags.h"
#include "support/fuzz_input.h"

enum { LISTED_MAX = 400, OWNERS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct { struct sotto_tag tag; struct sotto_tag_place place; } list[LISTED_MAX];
    static int owners[OWNERS];
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_tags *t;
    uint32_t count = 0, max = 1 + fuzz_below(&in, LISTED_MAX - 1);
    SOTTO_ASSERT(sotto_tags_new(&t, max) == SOTTO_OK);
    while (fuzz_left(&in)) {
        uint8_t op = fuzz_u8(&in);
        struct sotto_tag tag = { { 0 } };
        struct sotto_tag_place place = { &owners[op >> 3 & 3], { (enum sotto_slot)(op >> 5 & 1), op } }, got;
        tag.b[7] = fuzz_u8(&in);                      /* the place in the table comes from the low bytes of the first 8 */
        tag.b[15] = fuzz_u8(&in) & 7;
        uint32_t at = 0;
        while (at < count && memcmp(&list[at].tag, &tag, sizeof tag) != 0) at++;
        switch (op & 7) {
        case 0: case 1: case 2: case 3: case 4: {
            enum sotto_err err = fuzz_err(sotto_tags_add(t, &tag, &place));
            SOTTO_ASSERT(err == (count >= max ? SOTTO_ERR_FULL : at < count ? SOTTO_ERR_EXISTS : SOTTO_OK));
            if (err == SOTTO_OK) list[count].tag = tag, list[count++].place = place;
            break;
        }
        case 5: case 6:
            sotto_tags_remove(t, &tag);
            if (at < count) list[at] = list[--count];
            break;
        default:
            sotto_tags_remove_owner(t, place.owner);
            for (at = count; at-- > 0;)
                if (list[at].place.owner == place.owner) list[at] = list[--count];
        }
        SOTTO_ASSERT(sotto_tags_count(t) == count);
        for (at = 0; at < count; at++) SOTTO_ASSERT(sotto_tags_find(t, &got, &list[at].tag) && got.owner == list[at].place.owner && got.hit.index == list[at].place.hit.index);
        tag.b[15] = 9;
        SOTTO_ASSERT(!sotto_tags_find(t, &got, &tag));
    }
    sotto_tags_free(t);
    return 0;
}
