/* Verdicts on scripts by the hundred thousand: lines of "FLAGS UNLOCK OUTPUT" come in, each a list of flag names and two scripts in hex, "-" for none;
 * a word goes out for each, OK or Bitcoin's name of the error. The transaction is that of script_tests.json. */
#include "ledger/test/btc_words.h"

#include "base/text.h"
#include "crypto/curve.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_BYTES = 4 * 10000 + 1000 };

static bool from_hex(struct sotto_span *out, uint8_t *room, const char *hex)
{
    size_t size = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
    *out = sotto_span(room, size);
    return size <= SOTTO_SCRIPT_MAX && (size == 0 || sotto_unhex(room, size, sotto_span_str(hex)) == SOTTO_OK);
}

static const char *verdict(struct sotto_script *m, char *line)
{
    static uint8_t room[2][SOTTO_SCRIPT_MAX];
    struct sotto_span unlock, output;
    struct btc_pair pair;
    uint32_t flags;
    char *rest = NULL, *words[3];
    for (int i = 0; i < 3; i++)
        if (!(words[i] = strtok_r(i ? NULL : line, " \n", &rest))) return NULL;
    if (!sotto_btc_flags(&flags, strcmp(words[0], "-") == 0 ? "" : words[0]) || !from_hex(&unlock, room[0], words[1]) || !from_hex(&output, room[1], words[2])) return NULL;
    btc_pair_make(&pair, unlock, output, NULL, 0, 0);
    const struct sotto_btc_spend spend = btc_pair_spend(&pair);
    return sotto_script_fault_word(sotto_btc_verify(m, &spend, flags, NULL));
}

int main(void)
{
    static char line[LINE_MAX_BYTES];
    struct sotto_script *m;
    unsigned long count = 0;
    if (sotto_crypto_init() != SOTTO_OK || sotto_script_new(&m) != SOTTO_OK) return 1;
    while (fgets(line, sizeof line, stdin)) {
        const char *word = verdict(m, line);
        count++;
        if (!word) {
            fprintf(stderr, "line %lu is not FLAGS UNLOCK OUTPUT\n", count);
            return 1;
        }
        puts(word);
    }
    sotto_script_free(m);
    return 0;
}
