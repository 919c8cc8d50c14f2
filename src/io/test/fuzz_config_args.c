/* Any words as arguments, environment and stored settings of a node, parted by zero bytes; the first byte chooses which. A configuration is
 * loaded whole or refused with sentences; two loads of the same are equal. */
#include "io/config.h"
#include "support/fuzz_input.h"

#include <stdlib.h>

enum { WORDS_MAX = 32 };

static bool load(struct sotto_config **out, const struct sotto_config_input *input)
{
    struct sotto_config_problems problems = { 0 };
    enum sotto_err err = fuzz_err(sotto_config_load(out, &problems, input));
    SOTTO_ASSERT((err == SOTTO_ERR_FORMAT) == (problems.all > 0) && problems.count <= SOTTO_CONFIG_PROBLEMS_MAX);
    for (unsigned i = 0; i < problems.count; i++)
        for (const char *c = problems.items[i].text; *c; c++) SOTTO_ASSERT((unsigned char)*c >= 0x20 && *c != 0x7f);
    sotto_config_problems_free(&problems);
    return err == SOTTO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *words[WORDS_MAX + 1] = { (char[]){ "sottod" } }, why[200] = "";
    int count = 1;
    SOTTO_ASSERT(text);
    if (size) memcpy(text, data, size);
    text[size] = 0;
    for (size_t at = 1; at < size && count < WORDS_MAX; at += strlen(text + at) + 1) words[count++] = text + at;
    words[count] = NULL;
    struct sotto_config_input input = { .system_file = "", .system_dir = "", .user_file = "" };
    struct sotto_config_pair *flags = NULL, pairs[WORDS_MAX];
    bool seen = false;
    const char *value = NULL;
    const struct sotto_config_option options[] = { { "--json", false, NULL, &seen }, { "--config", true, &value, NULL } };
    bool good = true;
    switch (size ? data[0] % 3 : 0) {
    case 0: {
        enum sotto_err err = fuzz_err(sotto_config_args(&flags, &input.flag_count, why, count, words, options, 2));
        good = err == SOTTO_OK;
        SOTTO_ASSERT(good || (err == SOTTO_ERR_FORMAT && why[0] && strlen(why) < sizeof why));
        SOTTO_ASSERT(!good || input.flag_count < (unsigned)count);
        input.flags = flags;
        break;
    }
    case 1: input.environ = words + 1; break;
    default:
        for (int i = 1; i + 1 < count; i += 2) pairs[input.set_count++] = (struct sotto_config_pair){ words[i], words[i + 1] };
        input.set = pairs;
    }
    struct sotto_config *c = NULL, *same = NULL;
    if (good && load(&c, &input)) {
        char dir[4096], socket[108];
        struct sotto_buf shown = sotto_buf_make(1u << 18), again = sotto_buf_make(1u << 18);
        SOTTO_ASSERT(load(&same, &input));
        for (unsigned k = 0; k < SOTTO_KEYS; k++) {
            SOTTO_ASSERT(sotto_config_equal(c, same, (enum sotto_config_key_id)k));
            SOTTO_ASSERT(sotto_config_show(&shown, c, (enum sotto_config_key_id)k) == SOTTO_OK && sotto_config_show(&again, same, (enum sotto_config_key_id)k) == SOTTO_OK);
        }
        SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&shown), sotto_buf_span(&again)));
        (void)fuzz_err(sotto_config_data_dir(dir, c));
        (void)fuzz_err(sotto_config_socket(socket, c));
        sotto_buf_free(&shown);
        sotto_buf_free(&again);
    }
    sotto_config_free(c);
    sotto_config_free(same);
    free(flags);
    free(text);
    return 0;
}
