/* Any text as 24 words, and any entropy written as words, spoilt, and read again. */
#include "support/fuzz_input.h"

#include "crypto/mnemonic.h"

#include <ctype.h>
#include <stdlib.h>

static void read_text(struct sotto_span text)
{
    struct sotto_entropy e, same;
    char words[SOTTO_WORDS_TEXT_MAX];
    int bad = -1;
    memset(&e, 0xa5, sizeof e);
    enum sotto_err err = fuzz_err(sotto_mnemonic_parse(&e, &bad, text));
    SOTTO_ASSERT(err == SOTTO_OK ? bad == -1 : err == SOTTO_ERR_PHRASE && bad >= 0 && bad <= 24);
    if (err != SOTTO_OK) {
        SOTTO_ASSERT(e.b[0] == 0xa5 && e.b[31] == 0xa5);
        return;
    }
    sotto_mnemonic_words(words, &e);
    SOTTO_ASSERT(sotto_mnemonic_parse(&same, NULL, sotto_span_str(words)) == SOTTO_OK && memcmp(&e, &same, sizeof e) == 0);
}

static void spoil(struct fuzz_in *in)
{
    static const char *const gaps[] = { " ", "  ", "\n", "\t ", "\xc2\xa0", "\xe3\x80\x80" };
    struct sotto_entropy e, same;
    char words[SOTTO_WORDS_TEXT_MAX];
    struct sotto_buf text = sotto_buf_make(4096);
    fuzz_fill(in, e.b, sizeof e.b);
    sotto_mnemonic_words(words, &e);
    for (const char *w = words; *w; w++) {
        const char *gap = *w == ' ' ? gaps[fuzz_below(in, 6)] : NULL;
        SOTTO_ASSERT((gap ? sotto_buf_add_span(&text, sotto_span_str(gap))
                          : sotto_buf_add_u8(&text, (uint8_t)(fuzz_bool(in) ? toupper((unsigned char)*w) : *w))) == SOTTO_OK);
    }
    if (fuzz_left(in)) {                              /* looking words up takes the same long time for any word: one reading is enough */
        text.data[fuzz_u8(in) % text.size] = fuzz_u8(in);
        read_text(sotto_buf_span(&text));
    } else {
        SOTTO_ASSERT(sotto_mnemonic_parse(&same, NULL, sotto_buf_span(&text)) == SOTTO_OK && memcmp(&e, &same, sizeof e) == 0);
    }
    sotto_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    if (fuzz_bool(&in)) {
        spoil(&in);
        return 0;
    }
    struct sotto_span text = fuzz_rest(&in);
    if (text.size > 10) {
        read_text(text);
        return 0;
    }
    int index = sotto_word_index(text);
    SOTTO_ASSERT(index >= -1 && index < 2048);
    const char *near = sotto_word_nearest(text);
    if (near) SOTTO_ASSERT(sotto_word_index(sotto_span_str(near)) >= 0);
    if (index >= 0) SOTTO_ASSERT(near && strcmp(near, sotto_word((unsigned)index)) == 0);
    return 0;
}
