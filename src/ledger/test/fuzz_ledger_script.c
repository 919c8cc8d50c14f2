/* Any bytes as scripts. A run ends within its price and its memory, and ends the same way again; what a watch is told holds together. Whatever the bytes
 * are, their text is assembled to them again; a template that is read makes the script it was read from; and text that is assembled has one canonical form. */
#include "crypto/curve.h"
#include "ledger/script_text.h"
#include "ledger/template.h"
#include "support/fuzz_input.h"

#include <stdlib.h>

enum { TEXT_MAX = 6 * 4096 };

static struct sotto_script *machine(void)
{
    static struct sotto_script *m;
    if (!m) SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK && sotto_script_new(&m) == SOTTO_OK);
    return m;
}

/* ---- one run, watched ---- */

struct seen { uint64_t limit, units; size_t steps, unlock, output; uint32_t asked; };

static enum sotto_script_fault some_sig(void *of, struct sotto_span sig, struct sotto_span key)
{
    struct seen *s = of;
    SOTTO_ASSERT(sig.size >= 9 && sig.size <= 73 && key.size == 33);           /* only what is well formed */
    s->asked++;
    return (sig.data[sig.size - 2] & 1) == (key.data[32] & 1) ? SOTTO_FAULT_NONE : SOTTO_FAULT_SIGNATURE;
}
static bool some_time(void *of, uint64_t n)
{
    SOTTO_ASSERT(of && n < (UINT64_C(1) << 39));
    return n & 1;
}

static void look(void *of, const struct sotto_script_step *step)
{
    struct seen *s = of;
    struct sotto_script_word word;
    size_t at = step->at, all = step->depth + step->alt_depth;
    SOTTO_ASSERT(step->units >= s->units && step->units <= s->limit);          /* a word that cannot be paid is not charged */
    SOTTO_ASSERT(step->fault == SOTTO_FAULT_COST || step->units >= s->steps + 1);
    s->units = step->units;
    s->steps++;
    SOTTO_ASSERT(step->part <= 1 && step->script.size == (step->part ? s->output : s->unlock));
    SOTTO_ASSERT(sotto_script_next(&word, step->script, &at) && word.op == step->word.op && word.whole.data == step->word.whole.data);
    SOTTO_ASSERT(all <= SOTTO_SCRIPT_STACK_MAX || step->fault != SOTTO_FAULT_NONE);
    SOTTO_ASSERT(all <= SOTTO_SCRIPT_STACK_MAX + 3);
    uint8_t sum = 0;
    for (size_t i = 0; i < step->depth; i++) {
        SOTTO_ASSERT(step->stack[i].size <= SOTTO_SCRIPT_ELEMENT_MAX);
        for (size_t b = 0; b < step->stack[i].size; b++) sum ^= step->stack[i].data[b];      /* every byte can be read */
    }
    for (size_t i = 0; i < step->alt_depth; i++) SOTTO_ASSERT(step->alt[i].size <= SOTTO_SCRIPT_ELEMENT_MAX);
    uint8_t room[SOTTO_SCRIPT_LINE];
    struct sotto_buf line = { room, 0, sizeof room, sizeof room };
    SOTTO_ASSERT(sotto_script_line(&line, step, sum & 1 ? SOTTO_SCRIPT_PAPER : SOTTO_SCRIPT_PLAIN) == SOTTO_OK);
}

static enum sotto_err run(uint64_t *units, struct seen *s, struct sotto_span unlock, struct sotto_span output)
{
    const struct sotto_script_checker checker = { s, some_sig, NULL, some_time, some_time };
    const struct sotto_script_watch watch = { s, look };
    return fuzz_err(sotto_script_run(machine(), units, unlock, output, &checker, s->limit, &watch));
}

static void runs(struct sotto_span unlock, struct sotto_span output, uint64_t limit)
{
    uint64_t units = UINT64_MAX, again = UINT64_MAX;
    struct seen s = { .limit = limit, .unlock = unlock.size, .output = output.size }, t = s;
    enum sotto_err err = run(&units, &s, unlock, output);
    SOTTO_ASSERT(err == SOTTO_OK ? units <= limit && units == s.units : units == UINT64_MAX);
    SOTTO_ASSERT(run(&again, &t, unlock, output) == err && again == units && t.steps == s.steps && t.units == s.units && t.asked == s.asked);
    if (err != SOTTO_OK || units == 0) return;
    t = (struct seen){ .limit = units, .unlock = unlock.size, .output = output.size };
    SOTTO_ASSERT(run(&again, &t, unlock, output) == SOTTO_OK && again == units);
    t = (struct seen){ .limit = units - 1, .unlock = unlock.size, .output = output.size };
    SOTTO_ASSERT(run(&again, &t, unlock, output) == SOTTO_S_COST && again == units);
}

/* ---- text, templates ---- */

static void texts(struct sotto_span script)
{
    static uint8_t text_room[TEXT_MAX], back_room[4096 + 16];
    struct sotto_buf text = { text_room, 0, sizeof text_room, sizeof text_room }, back = { back_room, 0, sizeof back_room, sizeof back_room };
    SOTTO_ASSERT(sotto_script_disassemble(&text, script, SOTTO_SCRIPT_PLAIN) == SOTTO_OK);
    SOTTO_ASSERT(sotto_script_assemble(&back, sotto_buf_span(&text)) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&back), script));
    text.size = 0;
    SOTTO_ASSERT(sotto_script_disassemble(&text, script, SOTTO_SCRIPT_PAPER) == SOTTO_OK);
    struct sotto_template t;
    if (!sotto_template_read(&t, script)) return;
    back.size = 0;
    SOTTO_ASSERT(sotto_template_make(&back, &t) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&back), script));
}

static void from_text(struct sotto_span text)
{
    static uint8_t script_room[4096];
    struct sotto_buf script = { script_room, 0, sizeof script_room, sizeof script_room };
    enum sotto_err err = fuzz_err(sotto_script_assemble(&script, text));
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_A_WORD || err == SOTTO_A_NUMBER || err == SOTTO_ERR_FULL);
    if (err == SOTTO_OK) texts(sotto_buf_span(&script));
    else SOTTO_ASSERT(script.size == 0);
}

/* First byte: what is tried, and of a run how much it may cost; the second: how long the unlocking script is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t limits[] = { 5, 60, 400, 3000 };
    struct fuzz_in in = fuzz_in(data, size < 4096 ? size : 4096);
    uint8_t how = fuzz_u8(&in), tag[SOTTO_LOCK_TAG];
    if (how >= 0xf0) {
        from_text(fuzz_rest(&in));
        return 0;
    }
    struct sotto_span unlock = fuzz_span(&in, 255), output = fuzz_rest(&in);
    texts(output);
    if (sotto_unlock_tag(tag, unlock)) SOTTO_ASSERT(unlock.size > SOTTO_LOCK_TAG);
    runs(unlock, output, limits[how % 4]);
    return 0;
}
