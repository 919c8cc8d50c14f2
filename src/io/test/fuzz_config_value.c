/* Any text as the value of any key, as it comes from a file, a flag or `config set`: what is taken keeps the bounds of the table and is
 * shown in a form that gives the same value again. The first byte is the key, the second the kind. */
#include "io/config_value.h"
#include "io/log.h"
#include "io/tcp.h"
#include "support/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    const struct sotto_config_key *key = &sotto_config_keys[fuzz_below(&in, SOTTO_KEYS)];
    static struct sotto_raw raw, loose;
    struct sotto_config_value v = { 0 }, same = { 0 };
    char why[SOTTO_WHY_MAX] = "";
    raw.kind = (enum sotto_raw_kind)fuzz_below(&in, SOTTO_RAW_LOOSE + 1);
    raw.count = 0;
    raw.text = sotto_span(NULL, 0);
    if (raw.kind == SOTTO_RAW_ARRAY)
        while (fuzz_left(&in) && raw.count < SOTTO_RAW_ITEMS_MAX) raw.items[raw.count++] = fuzz_span(&in, 255);
    else raw.text = fuzz_rest(&in);
    if (raw.text.size && memchr(raw.text.data, 0, raw.text.size)) return 0;       /* no source gives one */
    for (unsigned i = 0; i < raw.count; i++)
        if (raw.items[i].size && memchr(raw.items[i].data, 0, raw.items[i].size)) return 0;
    enum sotto_err err = fuzz_err(sotto_config_convert(&v, why, key, &raw));
    SOTTO_ASSERT(err == SOTTO_OK || (err == SOTTO_ERR_FORMAT && why[0] && strlen(why) < SOTTO_WHY_MAX));
    if (err == SOTTO_OK) {
        struct sotto_buf text = sotto_buf_make(1u << 18);
        if (key->type == SOTTO_TYPE_COUNT || key->type == SOTTO_TYPE_BYTES || key->type == SOTTO_TYPE_TIME) SOTTO_ASSERT(v.number >= key->min && v.number <= key->max);
        for (unsigned i = 0; key == &sotto_config_keys[SOTTO_KEY_NETWORK_LISTEN] && i < v.count; i++) {
            struct sotto_addr addr;                   /* what may stand there can be listened on */
            SOTTO_ASSERT(sotto_io_addr(&addr, v.items[i], 1) == SOTTO_OK && (addr.family == 4 || addr.family == 6));
        }
        enum sotto_level level;
        if (key == &sotto_config_keys[SOTTO_KEY_LOG_LEVEL]) SOTTO_ASSERT(sotto_level_parse(&level, v.text) == SOTTO_OK && strcmp(sotto_level_name(level), v.text) == 0);
        if (key->type == SOTTO_TYPE_STRING) SOTTO_ASSERT(v.text && strlen(v.text) >= key->min && strlen(v.text) <= key->max);
        SOTTO_ASSERT(sotto_config_value_show(&text, key, &v) == SOTTO_OK);
        loose = (struct sotto_raw){ .kind = SOTTO_RAW_LOOSE, .text = sotto_buf_span(&text) };
        bool parted = false;                          /* an item with a space or a comma inside is two when it is typed */
        for (unsigned i = 0; i < v.count; i++) parted |= strpbrk(v.items[i], " ,") != NULL;
        if (!parted) SOTTO_ASSERT(sotto_config_convert(&same, why, key, &loose) == SOTTO_OK && sotto_config_value_equal(&v, &same));
        sotto_config_value_free(&same);
        sotto_buf_free(&text);
    }
    sotto_config_value_free(&v);
    return 0;
}
