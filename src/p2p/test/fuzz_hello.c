/* Payloads of the base protocol: Hello, its capabilities, Disconnect, the client text. */
#include "support/fuzz.h"

#include "p2p/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sotto_capability caps[] = {
        { .name = "shh", .version = 6, .codes = 128 }, { .name = "sotto", .version = 1, .codes = 112 }, { .name = "eth", .version = 65, .codes = 17 },
        { .name = "eth", .version = 61, .codes = 8 }, { .name = "mork", .version = 22, .codes = 3 },
    };
    struct sotto_span in = sotto_span(data, size);
    struct sotto_hello h;
    char text[128];
    (void)sotto_disconnect_read(in);
    sotto_client_text(text, in);
    for (size_t i = 0; text[i]; i++) SOTTO_ASSERT(text[i] >= 0x20 && text[i] < 0x7f);
    if (sotto_hello_read(&h, in) != SOTTO_OK) return 0;
    SOTTO_ASSERT(h.client.data >= data && h.client.data + h.client.size <= data + size);
    SOTTO_ASSERT(h.key.data >= data && h.key.data + h.key.size <= data + size);
    struct sotto_block blocks[SOTTO_CAPABILITIES_MAX];
    unsigned count = sotto_blocks_agree(blocks, caps, sizeof caps / sizeof *caps, h.capabilities), next = SOTTO_FIRST_CODE;
    SOTTO_ASSERT(count <= 4);
    for (unsigned i = 0; i < count; i++) {
        SOTTO_ASSERT(blocks[i].first == next && (i == 0 || strcmp(blocks[i - 1].cap->name, blocks[i].cap->name) < 0));
        next += blocks[i].cap->codes;
        SOTTO_ASSERT(sotto_block_of(blocks, count, next - 1) == &blocks[i]);
    }
    SOTTO_ASSERT(sotto_block_of(blocks, count, next) == NULL);
    return 0;
}
