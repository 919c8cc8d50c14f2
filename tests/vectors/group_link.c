/* status, cell, record of network.json: what travels on a link of sotto/1. */
#include "vec_link.h"

#include "crypto/hash.h"
#include "relay/link_body.h"
#include "relay/link_cell.h"
#include "relay/link_refusal.h"

#include <stdio.h>
#include <stdlib.h>

void vec_is_refusal(struct vec *v, const json_t *object, enum sotto_err err)
{
    vec_is_str(v, object, "error", sotto_err_name(err));
    VEC_CHECK(v, err != SOTTO_OK);
    vec_is_num(v, object, "disconnect", sotto_rl_penalty(err).reason);
    vec_is_num(v, object, "score", (uint64_t)sotto_rl_penalty(err).score);
}

/* ---- options ---- */

static uint64_t item_num(struct vec *v, json_t *list, size_t i, uint64_t max)
{
    json_t *value = json_array_get(list, i);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max) vec_fault(v, "an option is no number in its range");
    vec_mark(v, value);
    return (uint64_t)json_integer_value(value);
}

static json_t *numbers(struct vec *v, const json_t *o, const char *key, size_t count)
{
    json_t *list = vec_get(v, o, key);
    VEC_CHECK(v, json_is_array(list) && json_array_size(list) == count);
    return list;
}

static uint64_t bits(struct vec *v, const json_t *object, const char *key)
{
    uint8_t b[8];
    vec_hex(v, object, key, b, sizeof b);
    return sotto_be64(b);
}

static void read_option(struct vec *v, const json_t *o, const char *key, unsigned id, struct sotto_rl_options *out)
{
    json_t *list;
    switch (id) {
    case 1: out->roles = (uint16_t)vec_num(v, o, key); break;
    case 2: vec_hex(v, o, key, out->network, sizeof out->network); break;
    case 3:
        list = numbers(v, o, key, 3);
        out->cells_rate = (uint32_t)item_num(v, list, 0, UINT32_MAX), out->bytes_rate = (uint32_t)item_num(v, list, 1, UINT32_MAX);
        out->window = (uint32_t)item_num(v, list, 2, UINT32_MAX);
        break;
    case 4: out->floor_bits = bits(v, o, key); break;
    case 5:
        list = numbers(v, o, key, 2);
        out->stem_class = (uint8_t)item_num(v, list, 0, 1), out->hop_ms = (uint16_t)item_num(v, list, 1, UINT16_MAX);
        break;
    case 6:
        list = numbers(v, o, key, 2);
        out->store_from = (uint32_t)item_num(v, list, 0, UINT32_MAX), out->store_page = (uint8_t)item_num(v, list, 1, 64);
        break;
    case 7: out->tcp_port = (uint16_t)vec_num(v, o, key); break;
    default: out->udp_port = (uint16_t)item_num(v, numbers(v, o, key, 1), 0, UINT16_MAX); break;
    }
    out->has |= (uint16_t)SOTTO_RL_HAS(id);
}

struct sotto_rl_options vec_options(struct vec *v, const json_t *object, const char *key, struct sotto_rl_extra extra[VEC_EXTRA_MAX], size_t *extra_count)
{
    struct sotto_rl_options out = sotto_rl_options();
    json_t *o = vec_get(v, object, key), *value;
    const char *name;
    size_t count = 0;
    json_object_foreach(o, name, value) {
        unsigned long id = strtoul(name, NULL, 10);
        if (id >= 1 && id <= 8) {
            read_option(v, o, name, (unsigned)id, &out);
            continue;
        }
        VEC_CHECK(v, count < VEC_EXTRA_MAX && id < 256);
        extra[count++] = (struct sotto_rl_extra){ (uint8_t)id, vec_bytes(v, o, name) };
    }
    *extra_count = count;
    return out;
}

void vec_is_options(struct vec *v, const json_t *object, const char *key, const struct sotto_rl_options *o)
{
    struct sotto_rl_extra extra[VEC_EXTRA_MAX];
    size_t extra_count;
    struct sotto_rl_options want = vec_options(v, object, key, extra, &extra_count);
    VEC_CHECK(v, extra_count == 0);
    if (o->has != want.has) vec_fault(v, "%s: options %x were read", key, (unsigned)o->has);
    VEC_CHECK(v, o->roles == want.roles && memcmp(o->network, want.network, 32) == 0 && o->cells_rate == want.cells_rate && o->bytes_rate == want.bytes_rate);
    VEC_CHECK(v, o->window == want.window && o->floor_bits == want.floor_bits && o->stem_class == want.stem_class && o->hop_ms == want.hop_ms);
    VEC_CHECK(v, o->store_from == want.store_from && o->store_page == want.store_page && o->tcp_port == want.tcp_port && o->udp_port == want.udp_port);
}

/* ---- status ---- */

static void status_read(struct vec *v)
{
    struct sotto_rl_status s;
    struct sotto_point own;
    bool has_own = vec_has(v->in, "own_eph");
    if (has_own) own = vec_point(v, v->in, "own_eph");
    enum sotto_err err = sotto_rl_status_read(&s, vec_bytes(v, v->in, "payload"), has_own ? &own : NULL);
    if (vec_refused(v)) {
        vec_is_refusal(v, v->out, err);
        return;
    }
    VEC_OK(v, err);
    vec_is_options(v, v->out, "read", &s.options);
}

void vec_net_status(struct vec *v)
{
    struct sotto_rl_status s, back;
    struct sotto_rl_extra extra[VEC_EXTRA_MAX];
    size_t extra_count;
    uint8_t payload[SOTTO_RL_STATUS_SIZE];
    if (!vec_has(v->in, "eph")) {
        status_read(v);
        return;
    }
    s.fresh = vec_point(v, v->in, "eph");
    vec_hex(v, v->in, "nonce", s.nonce, sizeof s.nonce);
    s.options = vec_options(v, v->in, "options", extra, &extra_count);
    VEC_OK(v, sotto_rl_status_write(payload, &s, extra, extra_count));
    vec_is_hex(v, v->out, "payload", payload, sizeof payload);
    VEC_OK(v, sotto_rl_status_read(&back, SOTTO_SPAN(payload), NULL));
    VEC_CHECK(v, memcmp(back.fresh.b, s.fresh.b, 33) == 0 && memcmp(back.nonce, s.nonce, 32) == 0);
    vec_is_options(v, v->out, "read", &back.options);
}

/* ---- cell ---- */

/* The lane at its counter: as many keys on as whole runs of cells went by. */
static struct sotto_rl_lane lane(struct vec *v, const char *key)
{
    struct sotto_secret k;
    uint8_t iv[12], th[32], out[SOTTO_RL_PAYLOAD_MAX];
    static const uint8_t plain[SOTTO_RL_PLAIN_S];
    size_t size;
    vec_hex(v, v->in, key, k.b, sizeof k.b);
    vec_hex(v, v->in, "iv", iv, sizeof iv);
    vec_hex(v, v->in, "th", th, sizeof th);
    uint64_t direction = vec_num(v, v->in, "direction"), counter = vec_num(v, v->in, "counter");
    VEC_CHECK(v, direction <= 1 && counter < 10u * SOTTO_RL_REKEY);
    struct sotto_rl_lane l;
    sotto_rl_lane_begin(&l, &k, iv, th, (enum sotto_rl_direction)direction);
    for (uint64_t last = SOTTO_RL_REKEY - 1; last < counter && strcmp(key, "key_at_start") == 0; last += SOTTO_RL_REKEY) {
        l.counter = last;
        VEC_OK(v, sotto_rl_seal(&l, out, &size, SOTTO_RL_S, plain));
    }
    l.counter = counter;
    return l;
}

static void cell_refused(struct vec *v)
{
    struct sotto_rl_lane l = lane(v, "key_now"), before = l;
    uint8_t plain[SOTTO_RL_PLAIN_L];
    enum sotto_rl_class c;
    vec_is_refusal(v, v->out, sotto_rl_open(&l, plain, &c, vec_bytes(v, v->in, "payload")));
    VEC_CHECK(v, memcmp(&l, &before, sizeof l) == 0);
}

void vec_net_cell(struct vec *v)
{
    uint8_t nonce[12], aad[26], out[SOTTO_RL_PAYLOAD_MAX], back[SOTTO_RL_PLAIN_L];
    enum sotto_rl_class c, got;
    size_t size;
    if (vec_refused(v)) {
        cell_refused(v);
        return;
    }
    struct sotto_rl_lane l = lane(v, "key_at_start"), reader = l;
    struct sotto_span plain = vec_bytes(v, v->in, "plain");
    VEC_CHECK(v, plain.size == SOTTO_RL_PLAIN_S || plain.size == SOTTO_RL_PLAIN_L);
    c = plain.size == SOTTO_RL_PLAIN_L ? SOTTO_RL_L : SOTTO_RL_S;
    vec_is_hex(v, v->out, "key", l.key.b, 32);
    sotto_rl_nonce(nonce, &l);
    sotto_rl_aad(aad, &l, c);
    vec_is_hex(v, v->out, "nonce", nonce, sizeof nonce);
    vec_is_hex(v, v->out, "aad", aad, sizeof aad);
    VEC_OK(v, sotto_rl_seal(&l, out, &size, c, plain.data));
    vec_is_hex(v, v->out, "cell", out + SOTTO_RL_PAYLOAD_HEAD, size - SOTTO_RL_PAYLOAD_HEAD);
    VEC_OK(v, sotto_rl_open(&reader, back, &got, sotto_span(out, size)));
    VEC_CHECK(v, got == c && memcmp(back, plain.data, plain.size) == 0 && memcmp(&reader, &l, sizeof l) == 0);
    json_t *next = json_object_get(v->out, "next_key");
    VEC_CHECK(v, json_is_null(next) == (l.counter % SOTTO_RL_REKEY != 0));
    if (json_is_null(next)) vec_mark(v, next);
    else vec_is_hex(v, v->out, "next_key", l.key.b, 32);
}

/* ---- record ---- */

static void is_u64hex(struct vec *v, const json_t *o, const char *key, uint64_t value)
{
    uint8_t b[8];
    sotto_put_be64(b, value);
    vec_is_hex(v, o, key, b, sizeof b);
}

static void is_ids(struct vec *v, const json_t *o, const struct sotto_rl_list *list)
{
    json_t *ids = vec_get(v, o, "ids");
    VEC_CHECK(v, json_array_size(ids) == list->count);
    for (uint32_t i = 0; i < list->count; i++) vec_is_hex_value(v, json_array_get(ids, i), "ids", list->items.data + 16 * i, 16);
}

static void is_page(struct vec *v, const json_t *f, const char *key, struct sotto_span bytes) { vec_is_hex(v, f, key, bytes.data, bytes.size); }

static void is_control(struct vec *v, const json_t *f, const struct sotto_rl_body *b)
{
    switch (b->code) {
    case SOTTO_RL_READY: vec_is_num(v, f, "roles", b->ready.roles); break;
    case SOTTO_RL_WINDOW: vec_is_num(v, f, "channel", b->window.channel), vec_is_num(v, f, "limit", b->window.limit); break;
    case SOTTO_RL_ACK: vec_is_num(v, f, "cells", b->ack.cells); break;
    case SOTTO_RL_UPDATE: vec_is_options(v, f, "options", &b->update.options); break;
    case SOTTO_RL_NOTICE: vec_is_num(v, f, "what", b->notice.what), vec_is_num(v, f, "arg", b->notice.arg); break;
    case SOTTO_RL_PEERS_GET: vec_is_num(v, f, "count", b->peers_get.count); break;
    case SOTTO_RL_PEERS: vec_is_num(v, f, "count", b->list.count); break;
    case SOTTO_RL_DIAL_ME: vec_is_num(v, f, "port", b->dial_me.port); break;
    case SOTTO_RL_DIALLED: vec_is_num(v, f, "ok", b->dialled.ok); break;
    case SOTTO_RL_PATH: vec_is_hex(v, f, "path", b->path.id, 8), vec_is_num(v, f, "port", b->path.port); break;
    case SOTTO_RL_FLOOR: is_u64hex(v, f, "bits", b->floor.bits); break;
    case SOTTO_RL_FEED: vec_is_num(v, f, "on", b->feed.on); break;
    case SOTTO_RL_INV: case SOTTO_RL_GET: case SOTTO_RL_MISS: is_ids(v, f, &b->list); break;
    case SOTTO_RL_ENV: case SOTTO_RL_STEM_ENV:
        vec_is_num(v, f, "expiry", b->envelope.expiry), vec_is_num(v, f, "ttl", b->envelope.ttl);
        vec_is_hex(v, f, "topic", b->envelope.topic, 4);
        is_page(v, f, "data", b->envelope.data);
        vec_is_num(v, f, "nonce", b->envelope.nonce);
        break;
    default: VEC_CHECK(v, b->code == SOTTO_RL_PING || b->code == SOTTO_RL_PONG || b->code == SOTTO_RL_BLOOM || b->code == SOTTO_RL_INFO_GET);
    }
}

static void is_store(struct vec *v, const json_t *f, const struct sotto_rl_body *b)
{
    if (b->code != SOTTO_RL_INFO) vec_is_num(v, f, "req", b->epochs_get.req);         /* first in every one of them */
    switch (b->code) {
    case SOTTO_RL_INFO:
        vec_is_num(v, f, "from", b->info.from), vec_is_num(v, f, "to", b->info.to), vec_is_num(v, f, "seconds", b->info.seconds);
        vec_is_num(v, f, "page_max", b->info.page_max), vec_is_num(v, f, "bytes_left", b->info.bytes_left);
        break;
    case SOTTO_RL_EPOCHS_GET: vec_is_num(v, f, "from", b->epochs_get.from), vec_is_num(v, f, "to", b->epochs_get.to); break;
    case SOTTO_RL_EPOCHS: vec_is_num(v, f, "epochs", b->epochs.epochs.count); break;
    case SOTTO_RL_INDEX_GET: vec_is_num(v, f, "epoch", b->index_get.epoch), is_page(v, f, "cursor", b->index_get.cursor); break;
    case SOTTO_RL_INDEX:
        vec_is_num(v, f, "epoch", b->index.epoch), is_page(v, f, "next", b->index.next), vec_is_num(v, f, "topics", b->index.topics.count);
        break;
    case SOTTO_RL_BUCKET_GET:
        vec_is_num(v, f, "epoch", b->bucket_get.epoch), vec_is_num(v, f, "bits", b->bucket_get.bits), vec_is_num(v, f, "prefix", b->bucket_get.prefix);
        is_page(v, f, "cursor", b->bucket_get.cursor);
        break;
    case SOTTO_RL_BUCKET:
        vec_is_num(v, f, "epoch", b->bucket.epoch), vec_is_num(v, f, "bits", b->bucket.bits), vec_is_num(v, f, "prefix", b->bucket.prefix);
        is_page(v, f, "next", b->bucket.next), vec_is_num(v, f, "envelopes", b->bucket.envelopes.count);
        break;
    case SOTTO_RL_END: vec_is_num(v, f, "status", b->end.status), vec_is_num(v, f, "total", b->end.total); break;
    case SOTTO_RL_BLOB_OK: vec_is_num(v, f, "status", b->blob_ok.status); break;
    case SOTTO_RL_BLOB_GET: vec_is_hex(v, f, "id", b->blob_get.id, 32), vec_is_num(v, f, "offset", b->blob_get.offset); break;
    case SOTTO_RL_BLOB:
        vec_is_hex(v, f, "id", b->blob.id, 32), vec_is_num(v, f, "total", b->blob.total), vec_is_num(v, f, "length", b->blob.piece.size);
        break;
    case SOTTO_RL_KEEP: vec_is_num(v, f, "tags", b->keep.tags.count), vec_is_num(v, f, "days", b->keep.days); break;
    case SOTTO_RL_KEPT: vec_is_num(v, f, "envelopes", b->kept.envelopes.count), is_page(v, f, "next", b->kept.next); break;
    default: vec_fault(v, "no fields are known of code %02x", b->code);
    }
}

static void is_circuit(struct vec *v, const json_t *f, const struct sotto_rl_body *b)
{
    if (b->code == SOTTO_RL_OVERLAY) {
        vec_is_hex(v, f, "tag", b->overlay.tag, 8), vec_is_num(v, f, "hops", b->overlay.hops), vec_is_num(v, f, "seq", b->overlay.seq);
        is_page(v, f, "body", b->overlay.body);
        return;
    }
    vec_is_hex(v, f, "cid", b->create.cid, 4);            /* first in all the others */
    switch (b->code) {
    case SOTTO_RL_CREATE: vec_is_num(v, f, "form", b->create.form), vec_is_hex(v, f, "X", b->create.x, 33); break;
    case SOTTO_RL_CREATED:
        vec_is_hex(v, f, "Y", b->created.y, 33), vec_is_hex(v, f, "auth", b->created.auth, 16);
        vec_is_hex(v, f, "bf", b->created.bf, 4), vec_is_hex(v, f, "bb", b->created.bb, 4);
        break;
    case SOTTO_RL_DESTROY: vec_is_num(v, f, "reason", b->destroy.reason); break;
    default: vec_is_num(v, f, "seq", b->ccell.seq), is_page(v, f, "body", b->ccell.body);
    }
}

/* BLOB_PUT as its head and the piece, which is one row of bytes again and again. */
static void blob_put(struct vec *v, uint8_t code)
{
    struct sotto_span head = vec_bytes(v, v->out, "head");
    uint8_t unit[32], hash[32], piece[SOTTO_RL_PIECE];
    uint64_t length = vec_num(v, v->out, "length");
    struct sotto_buf body = sotto_buf_make(2 * SOTTO_RL_PIECE);
    struct sotto_rl_body b;
    vec_hex(v, v->in, "unit", unit, sizeof unit);
    for (size_t i = 0; i < sizeof piece; i++) piece[i] = unit[i % sizeof unit];
    VEC_CHECK(v, length > sizeof piece && length - sizeof piece <= head.size && length <= body.max);
    size_t front = length - sizeof piece;
    VEC_CHECK(v, memcmp(head.data + front, piece, head.size - front) == 0);
    bool built = sotto_buf_add(&body, head.data, front) == SOTTO_OK && sotto_buf_add(&body, piece, sizeof piece) == SOTTO_OK;
    enum sotto_err err = sotto_rl_body_read(&b, code, sotto_buf_span(&body));
    sotto_sha256(hash, sotto_buf_span(&body));
    sotto_buf_free(&body);
    VEC_CHECK(v, built);
    VEC_OK(v, err);
    vec_is_hex(v, v->out, "sha256", hash, sizeof hash);
    SOTTO_TH(hash, "sotto/blob", SOTTO_SPAN(piece));
    VEC_CHECK(v, memcmp(hash, b.blob_put.id, sizeof hash) == 0);
}

/* Every code and its channel. */
static void codes(struct vec *v)
{
    json_t *channel = vec_get(v, v->out, "channel"), *ignored = vec_get(v, v->out, "ignored"), *refused = vec_get(v, v->out, "refused"), *one;
    unsigned seen[256] = { 0 };
    char name[3];
    size_t i;
    for (unsigned code = 0; code < 255; code++) {
        snprintf(name, sizeof name, "%02x", code);
        if (!vec_has(channel, name)) continue;
        vec_is_num(v, channel, name, sotto_rl_channel((uint8_t)code));
        seen[code]++;
    }
    json_t *const lists[] = { ignored, refused };
    for (unsigned n = 0; n < 2; n++)
        json_array_foreach(lists[n], i, one) {
            struct sotto_span code = vec_bytes_value(v, one, "code");
            VEC_CHECK(v, code.size == 1 && sotto_rl_channel(code.data[0]) == (n ? SOTTO_RL_REFUSED : SOTTO_RL_IGNORED));
            seen[code.data[0]]++;
        }
    for (unsigned code = 0; code < 255; code++) VEC_CHECK(v, seen[code] == 1);
}

void vec_net_record(struct vec *v)
{
    struct sotto_rl_body b;
    if (!vec_has(v->in, "code")) {
        codes(v);
        return;
    }
    uint64_t code = vec_num(v, v->in, "code");
    VEC_CHECK(v, code < 256);
    if (!vec_refused(v)) vec_is_num(v, v->out, "channel", sotto_rl_channel((uint8_t)code));
    if (vec_has(v->in, "unit")) {
        blob_put(v, (uint8_t)code);
        return;
    }
    enum sotto_err err = sotto_rl_body_read(&b, (uint8_t)code, vec_bytes(v, v->in, "body"));
    if (vec_refused(v)) {
        vec_is_refusal(v, v->out, err);
        return;
    }
    VEC_OK(v, err);
    const json_t *f = vec_get(v, v->out, "fields");
    if (code >= SOTTO_RL_CREATE) is_circuit(v, f, &b);
    else if (code > SOTTO_RL_INFO_GET) is_store(v, f, &b);
    else is_control(v, f, &b);
}
