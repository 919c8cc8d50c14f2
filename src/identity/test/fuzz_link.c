/* Any text as a link: what is accepted can be written again and reads back the same; what is refused names a character in it. */
#include "support/fuzz.h"

#include "identity/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    struct sotto_link link, again;
    size_t position = 0;
    enum sotto_err err = sotto_link_parse(&link, &position, sotto_span(data, size));
    SOTTO_ASSERT(err != SOTTO_ERR_LINK || (position >= 1 && position <= size + 1));
    if (err != SOTTO_OK || link.kind == SOTTO_LINK_CLUSTER) return 0;

    struct sotto_buf text = sotto_buf_make(SOTTO_LINK_MAX);
    SOTTO_ASSERT(sotto_link_build(&text, &link) == SOTTO_OK);
    SOTTO_ASSERT(sotto_link_parse(&again, NULL, sotto_buf_span(&text)) == SOTTO_OK);
    struct sotto_buf second = sotto_buf_make(SOTTO_LINK_MAX);
    SOTTO_ASSERT(sotto_link_build(&second, &again) == SOTTO_OK);
    SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&text), sotto_buf_span(&second)));
    sotto_buf_free(&second);
    sotto_buf_free(&text);
    return 0;
}
