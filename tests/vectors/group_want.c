/* want of network.json: the inventory of one node with five links, event by event. */
#include "vec.h"

#include "crypto/rng.h"
#include "relay/inv.h"

#include <stdio.h>

struct story { struct vec *v; struct sotto_inv *inv; char said[128]; bool known[128], have[128]; };

static void say(struct story *s, const char *what, int link, char id)
{
    size_t n = strlen(s->said);
    if (link) snprintf(s->said + n, sizeof s->said - n, "%s%s %c %c", n ? ", " : "", what, link, id);
    else snprintf(s->said + n, sizeof s->said - n, "%s%s %c", n ? ", " : "", what, id);
}

static bool known(void *owner, const uint8_t id[SOTTO_INV_ID]) { return ((struct story *)owner)->known[id[0] & 127]; }
static void get(void *owner, uint32_t link, const uint8_t id[SOTTO_INV_ID]) { say(owner, "GET", (int)link, (char)id[0]); }
static void forgot(void *owner, const uint8_t id[SOTTO_INV_ID]) { say(owner, "forget", 0, (char)id[0]); }
static void offend(void *owner, uint32_t link, int score)
{
    struct story *s = owner;
    (void)link;
    size_t n = strlen(s->said);
    snprintf(s->said + n, sizeof s->said - n, "score %d", score);
}

static char letter(struct story *s, const json_t *event, size_t i)
{
    json_t *value = json_array_get(event, i);
    const char *text = json_string_value(value);
    if (!text || strlen(text) != 1 || *text < 0) vec_fault(s->v, "an event lacks its link or id");
    vec_mark(s->v, value);
    return *text;
}

static void one_event(struct story *s, json_t *event)
{
    json_t *name = json_array_get(event, 0), *time = json_array_get(event, 1);
    VEC_CHECK(s->v, json_is_array(event) && json_is_string(name) && json_is_integer(time) && json_integer_value(time) >= 0);
    vec_mark(s->v, event);
    vec_mark(s->v, name);
    vec_mark(s->v, time);
    const char *what = json_string_value(name);
    const struct sotto_now now = { .mono_us = (uint64_t)json_integer_value(time) * 1000 };
    uint8_t id[SOTTO_INV_ID] = { 0 };
    if (strcmp(what, "tick") == 0) {
        VEC_CHECK(s->v, json_array_size(event) == 2);
        sotto_inv_tick(s->inv, now);
        return;
    }
    bool gone = strcmp(what, "gone") == 0;
    VEC_CHECK(s->v, json_array_size(event) == (gone ? 3 : 4));
    char link = gone ? 0 : letter(s, event, 2);
    id[0] = (uint8_t)letter(s, event, gone ? 2 : 3);
    if (gone) s->have[id[0]] = false;
    else if (strcmp(what, "inv") == 0) sotto_inv_announced(s->inv, (uint32_t)link, id, now);
    else if (strcmp(what, "miss") == 0) sotto_inv_missed(s->inv, (uint32_t)link, id, now);
    else if (strcmp(what, "announce") == 0) {
        if (sotto_inv_tell(s->inv, (uint32_t)link, id)) say(s, "INV", link, (char)id[0]);
    } else if (strcmp(what, "env") == 0) {
        say(s, s->known[id[0]] ? "known" : "pool", 0, (char)id[0]);
        s->known[id[0]] = s->have[id[0]] = true;
        sotto_inv_body(s->inv, id);
    } else {
        VEC_CHECK(s->v, strcmp(what, "get") == 0);
        char before[sizeof s->said];
        enum sotto_inv_answer a = sotto_inv_asked(s->inv, (uint32_t)link, id, s->have[id[0]]);
        memcpy(before, s->said, sizeof before);
        if (a == SOTTO_INV_SILENCE) snprintf(s->said, sizeof s->said, "silence, %.100s", before);
        else say(s, a == SOTTO_INV_SERVE ? "ENV" : "MISS", link, (char)id[0]);
    }
}

static void play(struct vec *v, struct story *s)
{
    json_t *events = vec_get(v, v->in, "events"), *outs = vec_get(v, v->out, "events"), *event;
    size_t i;
    VEC_CHECK(v, json_array_size(events) == json_array_size(outs));
    json_array_foreach(events, i, event) {
        json_t *out = json_array_get(outs, i), *first = json_array_get(out, 0);
        VEC_CHECK(v, json_is_array(out) && json_array_size(out) <= 1);
        s->said[0] = 0;
        one_event(s, event);
        vec_mark_all(v, out);
        if (strcmp(first ? json_string_value(first) : "", s->said) != 0) vec_fault(v, "event %zu: computed \"%s\"", i, s->said);
    }
}

void vec_net_want(struct vec *v)
{
    struct story s = { .v = v };
    struct sotto_chacha_rng rng;
    const struct sotto_inv_sink sink = { &s, known, get, offend, forgot };
    sotto_rng_from_seed(&rng, 1, "want");
    VEC_OK(v, sotto_inv_new(&s.inv, 5, &rng.rng, &sink));
    jmp_buf outer;
    memcpy(&outer, &v->fault, sizeof outer);
    volatile bool good = false;
    if (setjmp(v->fault) == 0) {
        for (uint32_t link = 'A'; link <= 'E'; link++) VEC_OK(v, sotto_inv_up(s.inv, link));
        play(v, &s);
        good = true;
    }
    memcpy(&v->fault, &outer, sizeof outer);
    sotto_inv_free(s.inv);
    if (!good) longjmp(v->fault, 1);
}
