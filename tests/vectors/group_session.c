/* session: two ends, played from the trace of the case */
#include "vec_shared.h"

#include "base/text.h"
#include "conversation/session.h"

#include <stdio.h>
#include <stdlib.h>

#define NEXT_TAGS_MAX 64u

struct end {
    struct play *play;
    const char *name;                     /* "I" or "R" */
    struct sotto_session *session;
    struct sotto_scalar exchange;
    json_t *scalars;                      /* in the order they are drawn */
    size_t drawn;
    uint64_t chain_height;                /* what the chain being sent began with */
    char chain_mk8[17];
    struct sotto_session_world world;
};
struct play {
    struct vec *v;
    struct end i, r;
    const json_t *blocks;
    struct sotto_block block;
    bool has_mk;
    struct sotto_secret mk;
    uint8_t mk_id[32];
    uint8_t x[32];                        /* of the cell being made */
    uint8_t (*cells)[SOTTO_CELL_BYTES];
    struct sotto_span *payloads;
    size_t cell_count;
};

/* ---- what a session asks ---- */

static void give_scalar(void *ctx, struct sotto_scalar *out)
{
    struct end *e = ctx;
    struct vec *v = e->play->v;
    const json_t *value = json_array_get(e->scalars, e->drawn++);
    if (!value) vec_fault(v, "%s draws more scalars than the case lists", e->name);
    struct sotto_span bytes = vec_bytes_value(v, value, "scalar");
    VEC_CHECK(v, bytes.size == sizeof out->b);
    memcpy(out->b, bytes.data, sizeof out->b);
    VEC_CHECK(v, sotto_scalar_valid(out));
}

static void give_x(void *ctx, uint8_t out[32])
{
    struct end *e = ctx;
    memcpy(out, e->play->x, 32);
}

static const struct sotto_block *give_block(void *ctx, uint64_t height)
{
    struct end *e = ctx;
    struct play *p = e->play;
    char key[24];
    snprintf(key, sizeof key, "%llu", (unsigned long long)height);
    if (!vec_has(p->blocks, key)) return NULL;
    json_t *block = vec_get(p->v, p->blocks, key);
    struct sotto_span id = vec_bytes(p->v, block, "id");
    VEC_CHECK(p->v, id.size >= 8 && id.size <= sizeof p->block.id);
    p->block = (struct sotto_block){ .chain = vec_num(p->v, block, "chain"), .height = height, .id_size = id.size };
    memcpy(p->block.id, id.data, id.size);
    return &p->block;
}

static const struct sotto_secret *give_mk(void *ctx, const uint8_t mk8[8])
{
    struct end *e = ctx;
    struct play *p = e->play;
    return p->has_mk && memcmp(mk8, p->mk_id, 8) == 0 ? &p->mk : NULL;
}

/* ---- the two ends ---- */

static void open_end(struct play *p, struct end *e, const char *name, const struct sotto_session_start *start, const char *exchange,
                     const char *scalars)
{
    struct vec *v = p->v;
    e->play = p;
    e->name = name;
    e->exchange = vec_scalar(v, v->in, exchange);
    e->scalars = vec_get(v, v->in, scalars);
    e->world = (struct sotto_session_world){ .exchange = &e->exchange, .ctx = e, .scalar = give_scalar, .x = give_x, .block = give_block, .mk = give_mk };
    VEC_OK(v, sotto_session_new(&e->session, start, &e->exchange));
}

static void open_both(struct play *p)
{
    struct vec *v = p->v;
    struct sotto_session_start i = { .initiator = true }, r;
    struct sotto_scalar exchange_i = vec_scalar(v, v->in, "I_exchange"), exchange_r = vec_scalar(v, v->in, "R_exchange");
    struct sotto_point xkey_i, xkey_r;
    VEC_OK(v, sotto_point_make(&xkey_i, &exchange_i));
    VEC_OK(v, sotto_point_make(&xkey_r, &exchange_r));
    i.own = vec_id(v, v->in, "I_id");
    i.peer = vec_id(v, v->in, "R_id");
    vec_hex(v, v->in, "RK", i.rk.b, 32);
    vec_hex(v, v->in, "HKI", i.hk_i.b, 32);
    vec_hex(v, v->in, "HKR", i.hk_r.b, 32);
    i.eph_r_scalar = vec_scalar(v, v->in, "ephR");
    VEC_OK(v, sotto_point_make(&i.eph_r, &i.eph_r_scalar));
    r = i;
    r.initiator = false;
    r.own = i.peer;
    r.peer = i.own;
    i.peer_xkey = xkey_r;
    r.peer_xkey = xkey_i;
    SOTTO_WIPE(i.eph_r_scalar);           /* only R knows it */

    p->blocks = vec_get(v, v->in, "blocks");
    vec_mark_all(v, p->blocks);           /* a block that no chain names is fine */
    const char *key;
    const json_t *block;
    json_object_foreach((json_t *)p->blocks, key, block)
        VEC_CHECK(v, json_object_size(block) == 2 && vec_has(block, "chain") && vec_has(block, "id"));
    struct sotto_span mk = vec_bytes(v, v->in, "mk");
    VEC_CHECK(v, mk.size == 0 || mk.size == sizeof p->mk.b);
    p->has_mk = mk.size > 0;
    if (p->has_mk) memcpy(p->mk.b, mk.data, mk.size);
    sotto_mk_id(p->mk_id, p->has_mk ? &p->mk : NULL);
    open_end(p, &p->i, "I", &i, "I_exchange", "scalarsI");
    open_end(p, &p->r, "R", &r, "R_exchange", "scalarsR");
}

static struct end *end_of(struct play *p, const json_t *op)
{
    const char *by = vec_str(p->v, op, "by");
    VEC_CHECK(p->v, strcmp(by, "I") == 0 || strcmp(by, "R") == 0);
    return by[0] == 'I' ? &p->i : &p->r;
}

/* ---- operations ---- */

static bool same_core(const struct sotto_session_core *a, const struct sotto_session_core *b)
{
    return memcmp(a, b, sizeof *a) == 0;  /* both are copies of one object: padding included */
}

/* A cell that cannot be sent yet may be named without its fields. */
static void send_refused(struct play *p, const json_t *op, struct end *e)
{
    struct vec *v = p->v;
    struct sotto_session_core before;
    uint8_t body[SOTTO_BODY_BYTES], sealed[SOTTO_CELL_BYTES];
    struct sotto_body content = { .type = SOTTO_CONTENT_TEXT, .seq = 1, .time_ms = 1, .fragments = 1 };
    static const char *const numbers[] = { "seq", "time", "height" };
    for (size_t i = 0; i < 3; i++)
        if (vec_has(op, numbers[i])) (void)vec_num(v, op, numbers[i]);
    if (vec_has(op, "mk8")) (void)vec_bytes(v, op, "mk8");
    if (vec_has(op, "payload")) content.payload = vec_bytes(v, op, "payload");
    VEC_CHECK(v, content.payload.size <= SOTTO_PAYLOAD_MAX);
    sotto_body_encode(body, &content);
    memcpy(&before, &e->session->core, sizeof before);
    enum sotto_err err = sotto_session_send(e->session, sealed, NULL, body, 0, NULL, &e->world);
    VEC_CHECK(v, err != SOTTO_OK && same_core(&before, &e->session->core));
    vec_is_str(v, op, "error", sotto_err_name(err));
}

static void send(struct play *p, const json_t *op)
{
    struct vec *v = p->v;
    struct end *e = end_of(p, op);
    if (vec_has(op, "error")) {
        send_refused(p, op, e);
        return;
    }
    struct sotto_session_core before;
    memcpy(&before, &e->session->core, sizeof before);
    bool fresh_chain = !before.send_on || before.send_fresh;
    uint64_t height = vec_num(v, op, "height"), seq = vec_num(v, op, "seq");
    VEC_CHECK(v, seq <= UINT32_MAX);
    const char *mk8_text = vec_str(v, op, "mk8");
    uint8_t mk8[8], body[SOTTO_BODY_BYTES], sealed[SOTTO_CELL_BYTES], want[SOTTO_CELL_BYTES];
    vec_hex(v, op, "mk8", mk8, sizeof mk8);
    struct sotto_fresh fresh = { NULL, NULL };
    if (fresh_chain) {
        if (height) VEC_CHECK(v, (fresh.block = give_block(e, height)) != NULL);
        if (!sotto_all_zero(mk8, sizeof mk8)) VEC_CHECK(v, (fresh.mk = give_mk(e, mk8)) != NULL);
    } else {                              /* they count on the first cell of a chain only: nothing, or the chain's own */
        VEC_CHECK(v, height == 0 || height == e->chain_height);
        VEC_CHECK(v, sotto_all_zero(mk8, sizeof mk8) || strcmp(mk8_text, e->chain_mk8) == 0);
    }

    struct sotto_body content = { .type = SOTTO_CONTENT_TEXT, .seq = (uint32_t)seq, .time_ms = vec_num(v, op, "time"), .fragments = 1 };
    content.payload = vec_bytes(v, op, "payload");
    VEC_CHECK(v, content.payload.size <= SOTTO_PAYLOAD_MAX);
    sotto_body_encode(body, &content);
    vec_hex(v, op, "sealed", want, sizeof want);
    memcpy(p->x, want + SOTTO_TAG_BYTES, 32);
    VEC_CHECK(v, sotto_cell_x_good(p->x));
    VEC_OK(v, sotto_session_send(e->session, sealed, NULL, body, 0, &fresh, &e->world));
    vec_is_hex(v, op, "sealed", sealed, sizeof sealed);
    if (fresh_chain) {
        e->chain_height = height;
        memcpy(e->chain_mk8, mk8_text, 17);
    }
    memcpy(p->cells[p->cell_count], sealed, sizeof sealed);
    p->payloads[p->cell_count++] = content.payload;
}

/* "bit 0 of byte 900" */
static void change_cell(struct vec *v, uint8_t *sealed, const char *how)
{
    unsigned bit, byte;
    int used = 0;
    VEC_CHECK(v, sscanf(how, "bit %u of byte %u%n", &bit, &byte, &used) == 2 && how[used] == 0);
    VEC_CHECK(v, bit < 8 && byte < SOTTO_CELL_BYTES);
    sealed[byte] ^= (uint8_t)(1u << bit);
}

static void recv(struct play *p, const json_t *op)
{
    struct vec *v = p->v;
    struct end *e = end_of(p, op);
    uint64_t number = vec_num(v, op, "number"), window = SOTTO_AHEAD_MIN;
    VEC_CHECK(v, number < p->cell_count);
    if (vec_has(op, "window")) window = vec_num(v, op, "window");
    VEC_CHECK(v, window <= SOTTO_AHEAD_WIDE);
    uint8_t sealed[SOTTO_CELL_BYTES];
    memcpy(sealed, p->cells[number], sizeof sealed);
    if (vec_has(op, "changed")) change_cell(v, sealed, vec_str(v, op, "changed"));

    struct sotto_session_core before;
    memcpy(&before, &e->session->core, sizeof before);
    uint32_t skipped_before = e->session->skipped_count;
    struct sotto_tag tag;
    struct sotto_hit hit;
    struct sotto_step step = { 0 };
    memcpy(tag.b, sealed, sizeof tag.b);
    enum sotto_err err = SOTTO_ERR_NOT_MINE;
    if (sotto_session_find(e->session, &hit, &tag, (uint32_t)window, &e->exchange))
        err = sotto_session_open(e->session, &step, &hit, sealed, &e->world, 0);
    if (vec_has(op, "error")) {
        sotto_session_drop(&step);
        VEC_CHECK(v, same_core(&before, &e->session->core) && skipped_before == e->session->skipped_count);
        vec_is_str(v, op, "error", sotto_err_name(err));
        return;
    }
    if (err != SOTTO_OK) vec_fault(v, "recv %llu by %s gives %s", (unsigned long long)number, e->name, sotto_err_name(err));
    struct sotto_header header = step.header;
    uint8_t bytes[SOTTO_BODY_BYTES];
    memcpy(bytes, step.body, sizeof bytes);
    err = sotto_session_commit(e->session, &step);
    sotto_session_drop(&step);
    VEC_CHECK(v, err == SOTTO_OK);
    struct sotto_body body;
    VEC_OK(v, sotto_body_decode(&body, bytes));
    vec_is_hex(v, op, "payload", body.payload.data, body.payload.size);
    VEC_CHECK(v, sotto_span_equal(body.payload, p->payloads[number]));
    vec_is_num(v, op, "index", header.index);
    vec_is_num(v, op, "pn", header.pn);
}

/* ---- the end ---- */

/* One value of a skipped entry as the file may name it: its index, tag, header secret, message key or h. */
static bool is_of_skipped(const json_t *value, const struct sotto_skipped *mine)
{
    const struct { const uint8_t *bytes; size_t size; } parts[] = { { mine->tag.b, 16 }, { mine->hs.b, 32 }, { mine->mk.b, 32 }, { mine->h.b, 32 } };
    char hex[65];
    if (json_is_integer(value)) return json_integer_value(value) == (json_int_t)mine->index;
    for (size_t i = 0; json_is_string(value) && i < 4; i++) {
        sotto_hex(hex, parts[i].bytes, parts[i].size);
        if (strcmp(hex, json_string_value(value)) == 0) return true;
    }
    return false;
}

/* The list of the file is empty, or names each entry by one value, a list of them or an object of them, in any order. */
static void check_skipped(struct vec *v, const struct sotto_session *s, json_t *list)
{
    size_t i, n;
    json_t *one, *part;
    const char *key;
    VEC_CHECK(v, json_is_array(list) && json_array_size(list) == s->skipped_count);
    bool used[SOTTO_SKIPPED_MAX] = { false };
    json_array_foreach(list, i, one) {
        bool found = false;
        for (uint32_t m = 0; m < s->skipped_count && m < SOTTO_SKIPPED_MAX && !found; m++) {
            bool all = !used[m];
            if (json_is_object(one)) json_object_foreach(one, key, part) all = all && is_of_skipped(part, &s->skipped[m]);
            else if (json_is_array(one)) json_array_foreach(one, n, part) all = all && is_of_skipped(part, &s->skipped[m]);
            else all = all && is_of_skipped(one, &s->skipped[m]);
            found = all && (json_is_string(one) || json_is_integer(one) || json_object_size(one) + json_array_size(one) > 0);
            if (found) used[m] = true;
        }
        VEC_CHECK(v, found);
        vec_mark_all(v, one);
    }
}

/* How many tags it lists. */
static size_t check_final(struct vec *v, const json_t *final, const struct end *e)
{
    const struct sotto_session *s = e->session;
    json_t *o = vec_get(v, final, e->name), *tags = vec_get(v, o, "next_tags");
    vec_is_hex(v, o, "RK", s->core.rk.b, 32);
    vec_is_num(v, o, "Ns", s->core.ns);
    vec_is_num(v, o, "Nr", s->core.nr);
    check_skipped(v, s, vec_get(v, o, "skipped"));
    struct sotto_tag mine[NEXT_TAGS_MAX];
    uint32_t indexes[NEXT_TAGS_MAX];
    size_t count = json_array_size(tags);
    VEC_CHECK(v, count >= 1 && count <= NEXT_TAGS_MAX);
    enum sotto_slot slot = s->core.recv_on ? SOTTO_SLOT_CURRENT : SOTTO_SLOT_NEXT;
    uint32_t got = sotto_session_ahead(s, mine, indexes, slot, s->core.recv_on ? s->core.nr : 0, (uint32_t)count, &e->exchange);
    VEC_CHECK(v, got == count);
    for (size_t i = 0; i < count; i++) vec_is_hex_value(v, json_array_get(tags, i), "next_tags", mine[i].b, sizeof mine[i].b);
    VEC_CHECK(v, e->drawn == json_array_size(e->scalars));
    return count;
}

static void play_all(struct play *p, const json_t *trace)
{
    struct vec *v = p->v;
    size_t n;
    const json_t *op;
    open_both(p);
    json_array_foreach(trace, n, op) {
        vec_mark(v, op);
        const char *name = vec_str(v, op, "op");
        if (strcmp(name, "send") == 0) send(p, op);
        else if (strcmp(name, "recv") == 0) recv(p, op);
        else vec_fault(v, "unknown operation %s", name);
    }
    json_t *final = vec_get(v, v->out, "final");
    VEC_CHECK(v, check_final(v, final, &p->i) == check_final(v, final, &p->r));
}

void vec_session(struct vec *v)
{
    json_t *trace = vec_get(v, v->out, "trace");
    size_t count = json_array_size(trace);
    VEC_CHECK(v, count >= 1);
    struct play *p = calloc(1, sizeof *p);
    SOTTO_ASSERT(p);
    p->v = v;
    p->cells = calloc(count, sizeof *p->cells);
    p->payloads = calloc(count, sizeof *p->payloads);
    SOTTO_ASSERT(p->cells && p->payloads);

    jmp_buf outer;                        /* a fault inside must still free both sessions */
    memcpy(&outer, &v->fault, sizeof outer);
    volatile bool good = false;
    if (setjmp(v->fault) == 0) {
        play_all(p, trace);
        good = true;
    }
    memcpy(&v->fault, &outer, sizeof outer);
    sotto_session_free(p->i.session);
    sotto_session_free(p->r.session);
    free(p->cells);
    free(p->payloads);
    free(p);
    if (!good) longjmp(v->fault, 1);
}
