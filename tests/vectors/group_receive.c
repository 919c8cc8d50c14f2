/* receive, credit, bucket of network.json: what counts on a link, and what is too much. */
#include "vec_link.h"

#include "relay/link_receive.h"
#include "whisper/bucket.h"

/* ---- receive ---- */

struct step {
    struct vec *v;
    struct sotto_rl_receive r;
    struct sotto_rl_budget budget;
    const json_t *expected;               /* messages of the cell, NULL: they are only counted */
    size_t messages, windows;
    unsigned last_channel;
    uint64_t last_limit;
};

static void got(void *owner, const struct sotto_rl_message *m)
{
    struct step *s = owner;
    size_t i = s->messages++;
    if (!s->expected) return;
    json_t *one = json_array_get(s->expected, i), *code = json_array_get(one, 0), *channel = json_array_get(one, 1);
    if (!json_is_array(one) || json_array_size(one) != 3) return;     /* the count says so, outside of the call */
    vec_mark(s->v, one);
    vec_mark(s->v, code);
    vec_mark(s->v, channel);
    if (json_integer_value(code) != m->code || json_integer_value(channel) != m->channel) vec_fault(s->v, "message %zu is of code %u", i, (unsigned)m->code);
    vec_is_hex_value(s->v, json_array_get(one, 2), "message", m->bytes.data, m->bytes.size);
}

static void is_pair(struct vec *v, json_t *pair, uint64_t channel, uint64_t limit)
{
    VEC_CHECK(v, json_is_array(pair) && json_array_size(pair) == 2);
    vec_mark_all(v, pair);
    VEC_CHECK(v, (uint64_t)json_integer_value(json_array_get(pair, 0)) == channel && (uint64_t)json_integer_value(json_array_get(pair, 1)) == limit);
}

static void grant(struct step *s, json_t *windows)
{
    for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS; ch++) {
        uint64_t limit;
        if (!sotto_rl_receive_due(&s->r, ch, &limit)) continue;
        sotto_rl_receive_granted(&s->r, ch, limit);
        if (windows) is_pair(s->v, json_array_get(windows, s->windows), ch, limit);
        s->windows++;
        s->last_channel = ch, s->last_limit = limit;
    }
}

static struct sotto_span plain_of(struct vec *v, const json_t *cell, enum sotto_rl_class *c)
{
    struct sotto_span plain = vec_bytes(v, cell, "plain");
    VEC_CHECK(v, plain.size == SOTTO_RL_PLAIN_S || plain.size == SOTTO_RL_PLAIN_L);
    *c = plain.size == SOTTO_RL_PLAIN_L ? SOTTO_RL_L : SOTTO_RL_S;
    return plain;
}

static void one_cell(struct step *s, const json_t *cell, const json_t *out, bool hold)
{
    static const struct sotto_rl_credit send;
    struct vec *v = s->v;
    enum sotto_rl_class c;
    struct sotto_span plain = plain_of(v, cell, &c);
    bool refused = vec_has(out, "error");
    json_t *windows = refused ? NULL : vec_get(v, out, "windows");
    s->messages = s->windows = 0;
    s->expected = refused ? NULL : vec_get(v, out, "messages");
    enum sotto_err err = sotto_rl_receive_cell(&s->r, plain, c, vec_num(v, cell, "t") * 1000, &send, got, s);
    if (refused) {
        vec_is_refusal(v, out, err);
        VEC_CHECK(v, s->messages == 0);
        return;
    }
    VEC_OK(v, err);
    VEC_CHECK(v, s->messages == json_array_size(s->expected));
    if (!hold) grant(s, windows);
    VEC_CHECK(v, s->windows == json_array_size(windows));
}

static void many_cells(struct step *s, const json_t *cell, const json_t *out, bool hold)
{
    static const struct sotto_rl_credit send;
    struct vec *v = s->v;
    enum sotto_rl_class c;
    enum sotto_err err = SOTTO_OK;
    struct sotto_span plain = plain_of(v, cell, &c);
    uint64_t times = vec_num(v, cell, "times"), now = vec_num(v, cell, "t") * 1000, accepted = 0;
    s->messages = s->windows = 0;
    s->expected = NULL;
    VEC_CHECK(v, times <= 1000);
    for (uint64_t i = 0; i < times && err == SOTTO_OK; i++) {
        err = sotto_rl_receive_cell(&s->r, plain, c, now, &send, got, s);
        accepted += err == SOTTO_OK;
        if (err == SOTTO_OK && !hold) grant(s, NULL);
    }
    vec_is_num(v, out, "accepted", accepted);
    vec_is_num(v, out, "messages", s->messages);
    vec_is_num(v, out, "windows", s->windows);
    json_t *last = json_object_get(out, "last_window");
    if (s->windows) is_pair(v, last, s->last_channel, s->last_limit);
    else {
        VEC_CHECK(v, json_is_null(last));
        vec_mark(v, last);
    }
    VEC_CHECK(v, vec_has(out, "error") == (err != SOTTO_OK));
    if (err != SOTTO_OK) vec_is_refusal(v, out, err);
}

static bool flag(struct vec *v, const char *key)
{
    json_t *value = json_object_get(v->in, key);
    VEC_CHECK(v, json_is_boolean(value));
    vec_mark(v, value);
    return json_is_true(value);
}

static void receive_all(struct vec *v, struct step *s, bool hold)
{
    static const char *const names[] = { NULL, "1", "2", "3" };
    const json_t *cells = vec_get(v, v->in, "cells"), *steps = vec_get(v, v->out, "steps");
    VEC_CHECK(v, json_array_size(cells) == json_array_size(steps));
    size_t i;
    json_t *cell;
    json_array_foreach(cells, i, cell) {
        json_t *out = json_array_get(steps, i);
        vec_mark(v, cell);
        vec_mark(v, out);
        if (vec_has(cell, "times")) many_cells(s, cell, out, hold);
        else one_cell(s, cell, out, hold);
        VEC_CHECK(v, i + 1 == json_array_size(cells) || !vec_has(out, "error"));
    }
    const json_t *used = vec_get(v, v->out, "used"), *limit = vec_get(v, v->out, "limit");
    for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS; ch++) {
        vec_is_num(v, used, names[ch], s->r.used[ch]);
        vec_is_num(v, limit, names[ch], s->r.limit[ch]);
    }
    vec_is_num(v, v->out, "cells", s->r.cells);
}

void vec_net_receive(struct vec *v)
{
    struct step s = { .v = v, .budget = { 0, SOTTO_RL_BUDGET_MAX } };
    uint64_t roles = vec_num(v, v->in, "roles"), window2 = vec_num(v, v->in, "window2");
    bool padded = flag(v, "padded"), bound = flag(v, "bound"), hold = flag(v, "hold");
    VEC_CHECK(v, roles <= UINT16_MAX);
    s.r = sotto_rl_receive(&s.budget, (uint16_t)roles, padded, window2);
    if (bound) sotto_rl_receive_bound(&s.r);
    jmp_buf outer;                        /* what the machine holds is given back, whatever the case says */
    memcpy(&outer, &v->fault, sizeof outer);
    volatile bool good = false;
    if (setjmp(v->fault) == 0) {
        receive_all(v, &s, hold);
        good = true;
    }
    memcpy(&v->fault, &outer, sizeof outer);
    sotto_rl_receive_end(&s.r);
    if (!good) longjmp(v->fault, 1);
    VEC_CHECK(v, s.budget.used == 0);
}

/* ---- credit ---- */

static uint64_t part(struct vec *v, json_t *step, size_t i)
{
    json_t *value = json_array_get(step, i);
    VEC_CHECK(v, json_is_integer(value) && json_integer_value(value) >= 0);
    vec_mark(v, value);
    return (uint64_t)json_integer_value(value);
}

void vec_net_credit(struct vec *v)
{
    struct sotto_rl_credit c = sotto_rl_credit(SOTTO_RL_WINDOW_2);
    const json_t *steps = vec_get(v, v->in, "steps"), *outs = vec_get(v, v->out, "steps");
    VEC_CHECK(v, json_array_size(steps) == json_array_size(outs));
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step) {
        json_t *out = json_array_get(outs, i), *name = json_array_get(step, 0);
        vec_mark(v, step);
        vec_mark(v, name);
        vec_mark(v, out);
        VEC_CHECK(v, json_is_array(step) && json_array_size(step) == 3 && json_is_string(name));
        uint64_t channel = part(v, step, 1), amount = part(v, step, 2);
        VEC_CHECK(v, channel >= 1 && channel < SOTTO_RL_CHANNELS);
        if (strcmp(json_string_value(name), "send") == 0) {
            bool may = sotto_rl_credit_record(&c, (unsigned)channel, amount);
            VEC_CHECK(v, json_is_boolean(out) && json_is_true(out) == may);
            continue;
        }
        VEC_CHECK(v, strcmp(json_string_value(name), "window") == 0);
        enum sotto_err err = sotto_rl_credit_window(&c, (unsigned)channel, amount);
        if (err != SOTTO_OK) vec_is_refusal(v, out, err);
        else VEC_CHECK(v, json_is_string(out) && strcmp(json_string_value(out), "ok") == 0);
    }
}

/* ---- bucket ---- */

/* The file writes a step (time, cost) as if it were a point: 02 for an even cost, 03 for an odd one, then the time in 32 bytes. The cost
 * itself is what was taken; where nothing was, the least cost of that parity that does not fit. */
static void bucket_step(struct vec *v, struct sotto_bucket *b, json_t *in, json_t *out)
{
    struct sotto_span s = vec_bytes_value(v, in, "step");
    json_t *taken = json_array_get(out, 0), *level = json_array_get(out, 1);
    VEC_CHECK(v, s.size == 33 && (s.data[0] == 2 || s.data[0] == 3) && sotto_all_zero(s.data + 1, 24));
    VEC_CHECK(v, json_is_array(out) && json_array_size(out) == 2 && json_is_boolean(taken) && json_is_integer(level));
    vec_mark_all(v, out);
    uint64_t now = sotto_be64(s.data + 25), after = (uint64_t)json_integer_value(level), odd = s.data[0] == 3;
    sotto_bucket_fill(b, now);
    uint64_t before = b->level, cost;
    if (json_is_true(taken)) {
        VEC_CHECK(v, after < before && (before - after) % 1000000 == 0);
        cost = (before - after) / 1000000;
        VEC_CHECK(v, (cost & 1) == odd && sotto_bucket_take(b, (uint32_t)cost, now));
    } else {
        cost = before / 1000000 + 1;
        cost += (cost & 1) != odd;
        VEC_CHECK(v, !sotto_bucket_take(b, (uint32_t)cost, now));
    }
    if (b->level != after) vec_fault(v, "level: computed %llu", (unsigned long long)b->level);
}

void vec_net_bucket(struct vec *v)
{
    uint64_t rate = vec_num(v, v->in, "rate"), burst = vec_num(v, v->in, "burst");
    const json_t *steps = vec_get(v, v->in, "steps"), *outs = vec_get(v, v->out, "steps");
    VEC_CHECK(v, rate <= UINT32_MAX && burst <= UINT32_MAX && json_array_size(steps) == json_array_size(outs));
    struct sotto_bucket b = sotto_bucket_make((uint32_t)rate, (uint32_t)burst, 0);
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step) bucket_step(v, &b, step, json_array_get(outs, i));
}
