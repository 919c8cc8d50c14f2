/* Any text on its way to a terminal: what comes out is whole UTF-8 without a character that moves the cursor, turns the writing
 * direction or hides; cleaning it again changes nothing more. Times and spans of any size fit their place. */
#include "show.h"

#include "base/text.h"
#include "support/fuzz_input.h"

#include <stdlib.h>

static char *cleaned(const char *text, enum clean how)
{
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);
    SOTTO_ASSERT(f);
    put_clean(f, text, how);
    fclose(f);
    return out;
}

static void check(const char *text, enum clean how)
{
    char *out = cleaned(text, how);
    struct sotto_span s = sotto_span_str(out);
    SOTTO_ASSERT(sotto_utf8_valid(s));
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        if (c == '\n') SOTTO_ASSERT(how == CLEAN_TEXT && s.size - i >= 5 && memcmp(s.data + i, "\n    ", 5) == 0);
        else SOTTO_ASSERT(c >= 0x20 && c != 0x7f);
        if (c == 0xc2) SOTTO_ASSERT(s.data[i + 1] >= 0xa0 && s.data[i + 1] != 0xad);                     /* C1, soft hyphen */
        if (c == 0xe2 && s.data[i + 1] == 0x80) SOTTO_ASSERT(s.data[i + 2] < 0xa8 || s.data[i + 2] > 0xae);      /* line ends, U+202A..202E */
        if (c == 0xe2 && s.data[i + 1] == 0x81) SOTTO_ASSERT(s.data[i + 2] < 0xa0 || s.data[i + 2] > 0xaf);      /* U+2060..206F */
        if (c == 0xf3) SOTTO_ASSERT(s.data[i + 1] != 0xa0 || s.data[i + 2] > 0x81);                      /* tags */
    }
    if (how == CLEAN_LINE) {
        char *again = clean_copy(out);
        SOTTO_ASSERT(strcmp(again, out) == 0 && text_width(out) <= s.size);
        free(again);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), when[32];
    SOTTO_ASSERT(text);
    if (size) memcpy(text, data, size);
    text[size] = 0;
    check(text, CLEAN_LINE);
    check(text, CLEAN_TEXT);
    struct fuzz_in in = fuzz_in(data, size);
    struct app app = { .o.utc = true };
    json_int_t ms = (json_int_t)(fuzz_u64(&in) >> 1);
    span_text(when, ms);
    SOTTO_ASSERT(strlen(when) < sizeof when && when[0]);
    memset(when, 0, sizeof when);
    time_text(&app, when, ms % (json_int_t)253402300800000);          /* to the year 9999 */
    SOTTO_ASSERT(strlen(when) < sizeof when && when[0]);
    free(text);
    return 0;
}
