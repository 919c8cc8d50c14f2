/* kdac, ratchet, cell, content; the bodies of record */
#include "vec_shared.h"

#include "conversation/cell.h"
#include "conversation/content.h"
#include "conversation/kdac.h"
#include "conversation/ratchet.h"

#include <stdio.h>

void vec_kdac(struct vec *v)
{
    struct sotto_secret hk, x, ahead_x;
    uint64_t dir = vec_num(v, v->in, "dir"), index = vec_num(v, v->in, "index");
    VEC_CHECK(v, dir <= 1 && index <= UINT32_MAX);
    vec_hex(v, v->in, "HK", hk.b, sizeof hk.b);
    struct sotto_scalar k_a = vec_scalar(v, v->in, "kA"), k_b = vec_scalar(v, v->in, "kB"), h, k_bt, ahead_h;
    struct sotto_point big_a, big_b, k_bt_point, k_at_point, p, s, other;
    struct sotto_tag tag, ahead_tag;
    VEC_OK(v, sotto_point_make(&big_a, &k_a));
    VEC_OK(v, sotto_point_make(&big_b, &k_b));

    VEC_OK(v, sotto_kdac_h(&h, &hk, (uint8_t)dir, (uint32_t)index));
    vec_is_hex(v, v->out, "h", h.b, sizeof h.b);
    VEC_OK(v, sotto_kdac_point(&k_bt_point, &h, &big_b));
    vec_is_hex(v, v->out, "K_Bt", k_bt_point.b, 33);
    VEC_OK(v, sotto_kdac_point(&k_at_point, &h, &big_a));
    vec_is_hex(v, v->out, "K_At", k_at_point.b, 33);
    VEC_OK(v, sotto_kdac_private(&k_bt, &h, &k_b));
    vec_is_hex(v, v->out, "k_Bt", k_bt.b, sizeof k_bt.b);
    VEC_OK(v, sotto_kdac_shared(&p, &k_a, &big_b));
    vec_is_hex(v, v->out, "P", p.b, 33);
    VEC_OK(v, sotto_kdac_point(&s, &h, &p));
    vec_is_hex(v, v->out, "S", s.b, 33);

    /* The equation of the paper, in every form: P from the other side, k_A*K_Bt, k_B*K_At, k_Bt*G. */
    VEC_OK(v, sotto_kdac_shared(&other, &k_b, &big_a));
    VEC_CHECK(v, memcmp(other.b, p.b, 33) == 0);
    VEC_OK(v, sotto_ecdh_point(&other, &k_a, &k_bt_point));
    VEC_CHECK(v, memcmp(other.b, s.b, 33) == 0);
    VEC_OK(v, sotto_ecdh_point(&other, &k_b, &k_at_point));
    VEC_CHECK(v, memcmp(other.b, s.b, 33) == 0);
    VEC_OK(v, sotto_point_make(&other, &k_bt));
    VEC_CHECK(v, memcmp(other.b, k_bt_point.b, 33) == 0);

    VEC_OK(v, sotto_kdac_x(&x, &h, &big_b));
    VEC_CHECK(v, memcmp(x.b, k_bt_point.b + 1, 32) == 0);
    sotto_kdac_tag(&tag, &x);
    vec_is_hex(v, v->out, "tag", tag.b, sizeof tag.b);
    vec_is_hex(v, v->out, "topic", tag.b, 4);
    VEC_OK(v, sotto_kdac_ahead(&ahead_tag, &ahead_h, &ahead_x, &hk, (uint8_t)dir, (uint32_t)index, &k_b));
    VEC_CHECK(v, memcmp(&ahead_tag, &tag, sizeof tag) == 0 && memcmp(&ahead_h, &h, sizeof h) == 0 && memcmp(&ahead_x, &x, sizeof x) == 0);
}

void vec_ratchet(struct vec *v)
{
    struct sotto_secret rk, rk2, ck, nhk, mk_bytes, message_key, secret, dh;
    struct sotto_span mk = vec_bytes(v, v->in, "mk"), block_id = vec_bytes(v, v->in, "block_id");
    struct sotto_scalar own = vec_scalar(v, v->in, "dh_private");
    struct sotto_point peer = vec_point(v, v->in, "dh_public");
    struct sotto_block block = { .chain = vec_num(v, v->in, "chain"), .height = vec_num(v, v->in, "height"), .id_size = block_id.size };
    uint8_t mix[32], id[32];
    vec_hex(v, v->in, "RK", rk.b, sizeof rk.b);
    VEC_CHECK(v, block_id.size <= sizeof block.id && (mk.size == 0 || mk.size == sizeof mk_bytes.b));
    memcpy(block.id, block_id.data, block_id.size);
    if (mk.size > 0) memcpy(mk_bytes.b, mk.data, mk.size);

    VEC_OK(v, sotto_ecdh_x(&dh, &own, &peer));
    vec_is_hex(v, v->out, "dh", dh.b, sizeof dh.b);
    sotto_block_mix(mix, &block);
    vec_is_hex(v, v->out, "block_mix", mix, sizeof mix);
    VEC_OK(v, sotto_root_step(&rk2, &ck, &nhk, &rk, &own, &peer, mix, mk.size ? &mk_bytes : NULL));
    vec_is_hex(v, v->out, "RK2", rk2.b, 32);
    vec_is_hex(v, v->out, "CK", ck.b, 32);
    vec_is_hex(v, v->out, "NHK", nhk.b, 32);
    sotto_chain_step(&message_key, &ck);
    vec_is_hex(v, v->out, "MK", message_key.b, 32);
    vec_is_hex(v, v->out, "CK2", ck.b, 32);
    sotto_header_secret(&secret, &nhk, 0, 3);
    vec_is_hex(v, v->out, "header_secret_0_3", secret.b, 32);
    sotto_mk_id(id, mk.size ? &mk_bytes : NULL);
    vec_is_hex(v, v->out, "mk_id", id, mk.size);
}

/* The direction stands in "dir", or else in the sentence ("sealed cell, dir 0, index 9"). */
static uint8_t cell_dir(struct vec *v, const json_t *one, uint32_t index)
{
    unsigned dir = 0, said = index;
    const char *what = json_string_value(one), *at = what ? strstr(what, "dir ") : NULL;
    if (vec_has(v->in, "dir")) {
        uint64_t n = vec_num(v, v->in, "dir");
        VEC_CHECK(v, n <= 1);
        return (uint8_t)n;
    }
    if (at) VEC_CHECK(v, sscanf(at, "dir %u, index %u", &dir, &said) == 2 && dir <= 1 && said == index);
    return (uint8_t)dir;
}

void vec_cell(struct vec *v)
{
    struct sotto_secret hk, hs, kbt_x, s_x, mk;
    uint8_t header_bytes[SOTTO_HEADER_BYTES], body[SOTTO_BODY_BYTES], x[32], sealed[SOTTO_CELL_BYTES], again[SOTTO_BODY_BYTES];
    struct sotto_header header;
    struct sotto_scalar k_a = vec_scalar(v, v->in, "kA"), k_b = vec_scalar(v, v->in, "kB"), h;
    struct sotto_point big_b, p;
    struct sotto_tag tag;
    struct sotto_kn kn;
    vec_hex(v, v->in, "HK", hk.b, 32);
    vec_hex(v, v->in, "MK", mk.b, 32);
    vec_hex(v, v->in, "header", header_bytes, sizeof header_bytes);
    vec_hex(v, v->in, "body", body, sizeof body);
    vec_hex(v, v->in, "X", x, sizeof x);
    VEC_CHECK(v, sotto_cell_x_good(x));
    VEC_OK(v, sotto_header_decode(&header, header_bytes));
    uint8_t rewritten[SOTTO_HEADER_BYTES];
    sotto_header_encode(rewritten, &header);
    VEC_CHECK(v, memcmp(rewritten, header_bytes, sizeof rewritten) == 0);
    uint8_t dir = cell_dir(v, v->what, header.index);

    VEC_OK(v, sotto_point_make(&big_b, &k_b));
    VEC_OK(v, sotto_kdac_shared(&p, &k_a, &big_b));
    VEC_OK(v, sotto_kdac_h(&h, &hk, dir, header.index));
    vec_is_hex(v, v->out, "h", h.b, 32);
    VEC_OK(v, sotto_kdac_x(&kbt_x, &h, &big_b));
    vec_is_hex(v, v->out, "K_Bt_x", kbt_x.b, 32);
    VEC_OK(v, sotto_kdac_x(&s_x, &h, &p));
    vec_is_hex(v, v->out, "S_x", s_x.b, 32);
    sotto_header_secret(&hs, &hk, dir, header.index);
    vec_is_hex(v, v->out, "header_secret", hs.b, 32);
    sotto_cell_header_kn(&kn, x, &hs);
    vec_is_hex(v, v->out, "header_keys", kn.b, sizeof kn.b);
    struct sotto_body_key key = { .kbt_x = kbt_x, .mk = mk, .s_x = s_x, .dir = dir, .index = header.index };
    key.from = vec_id(v, v->in, "idA");
    key.to = vec_id(v, v->in, "idB");
    sotto_cell_body_kn(&kn, x, &key);
    vec_is_hex(v, v->out, "body_keys", kn.b, sizeof kn.b);
    sotto_kdac_tag(&tag, &kbt_x);
    vec_is_hex(v, v->out, "tag", tag.b, sizeof tag.b);
    VEC_OK(v, sotto_cell_seal(sealed, &tag, x, &hs, &key, header_bytes, body));
    vec_is_hex(v, v->out, "sealed", sealed, sizeof sealed);

    VEC_OK(v, sotto_cell_open_header(rewritten, sealed, &hs));
    VEC_CHECK(v, memcmp(rewritten, header_bytes, sizeof rewritten) == 0);
    VEC_OK(v, sotto_cell_open_body(again, sealed, &key));
    VEC_CHECK(v, memcmp(again, body, sizeof body) == 0);
}

/* ---- content ---- */

uint8_t vec_content_type(struct vec *v, const char *kind)
{
    static const struct { const char *name; uint8_t type; } kinds[] = {
        { "empty", SOTTO_CONTENT_EMPTY }, { "text", SOTTO_CONTENT_TEXT }, { "mail", SOTTO_CONTENT_MAIL }, { "file", SOTTO_CONTENT_FILE },
        { "receipt", SOTTO_CONTENT_RECEIPT }, { "read", SOTTO_CONTENT_READ }, { "typing", SOTTO_CONTENT_TYPING },
        { "system", SOTTO_CONTENT_SYSTEM }, { "call", SOTTO_CONTENT_CALL }, { "cluster", SOTTO_CONTENT_CLUSTER },
        { "negotiation", SOTTO_CONTENT_NEGOTIATION },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, kind) == 0) return kinds[i].type;
    vec_fault(v, "unknown kind %s", kind);
}

/* The cells of one message against out.body or out.bodies. */
static void check_bodies(struct vec *v, const struct sotto_body *head, struct sotto_span message)
{
    unsigned count = sotto_fragments(message.size);
    VEC_CHECK(v, count >= 1);
    json_t *list = vec_has(v->out, "bodies") ? vec_get(v, v->out, "bodies") : NULL;
    VEC_CHECK(v, list ? json_is_array(list) && json_array_size(list) == count : count == 1);
    for (unsigned i = 0; i < count; i++) {
        struct sotto_body body = *head, decoded;
        uint8_t bytes[SOTTO_BODY_BYTES];
        body.fragment = (uint8_t)i;
        body.fragments = (uint8_t)count;
        body.payload = sotto_fragment(message, i);
        sotto_body_encode(bytes, &body);
        if (list) vec_is_hex_value(v, json_array_get(list, i), "bodies", bytes, sizeof bytes);
        else vec_is_hex(v, v->out, "body", bytes, sizeof bytes);
        VEC_OK(v, sotto_body_decode(&decoded, bytes));
        VEC_CHECK(v, decoded.seq == head->seq && decoded.time_ms == head->time_ms && sotto_span_equal(decoded.payload, body.payload));
    }
}

void vec_record_body(struct vec *v, const struct sotto_record *r, const struct sotto_sig65 *sig)
{
    struct sotto_body head = { .type = r->type, .flags = SOTTO_BODY_RECORD, .seq = r->seq, .time_ms = r->time_ms };
    uint8_t message[SOTTO_MESSAGE_MAX];
    VEC_CHECK(v, r->payload.size + SOTTO_RECORD_TRAILER <= sizeof message);
    memcpy(message, r->payload.data, r->payload.size);
    memcpy(message + r->payload.size, r->salt, 32);
    memcpy(message + r->payload.size + 32, sig->b, 65);
    check_bodies(v, &head, sotto_span(message, r->payload.size + SOTTO_RECORD_TRAILER));
}

/* The case of acknowledgements names neither time nor what was read: the time is the one that the file's other bodies begin
 * with, and what was read is complete here. */
static void check_received(struct vec *v)
{
    json_t *list = vec_get(v, v->in, "received"), *number;
    struct sotto_window w = { 0 };
    struct sotto_body body = { .type = SOTTO_CONTENT_RECEIPT, .fragments = 1 }, decoded;
    uint8_t bytes[SOTTO_BODY_BYTES];
    size_t i;
    json_array_foreach(list, i, number) {
        vec_mark(v, number);
        VEC_CHECK(v, json_is_integer(number) && json_integer_value(number) >= 1 && json_integer_value(number) <= UINT32_MAX);
        uint32_t seq = (uint32_t)json_integer_value(number);
        VEC_CHECK(v, sotto_window_fits(&w, seq) && !sotto_window_has(&w, seq));
        sotto_window_add(&w, seq);
    }
    body.ack = w.ack;
    body.ackbits = sotto_window_ackbits(&w);
    vec_is_num(v, v->out, "ack", body.ack);
    vec_is_num(v, v->out, "ackbits", body.ackbits);
    json_array_foreach(list, i, number) {
        uint32_t seq = (uint32_t)json_integer_value(number);
        if (seq <= body.ack + 33) VEC_CHECK(v, sotto_ack_covers(body.ack, body.ackbits, seq));
    }
    vec_hex(v, v->out, "body", bytes, sizeof bytes);
    VEC_OK(v, sotto_body_decode(&decoded, bytes));
    body.type = decoded.type;
    body.read = decoded.read;
    body.time_ms = decoded.time_ms;
    VEC_CHECK(v, body.type == SOTTO_CONTENT_RECEIPT || body.type == SOTTO_CONTENT_EMPTY || body.type == SOTTO_CONTENT_READ);
    VEC_CHECK(v, body.read <= body.ack);
    bool time_known = false;
    json_array_foreach(json_object_get(v->root, "vectors"), i, number) {
        const json_t *in = json_object_get(number, "in"), *time = json_object_get(in, "time");
        if (time && (uint64_t)json_integer_value(time) == body.time_ms) time_known = true;
    }
    VEC_CHECK(v, time_known);
    sotto_body_encode(bytes, &body);
    vec_is_hex(v, v->out, "body", bytes, sizeof bytes);
}

void vec_content(struct vec *v)
{
    if (vec_refused(v) && vec_has(v->in, "body")) {
        struct sotto_span bytes = vec_bytes(v, v->in, "body");
        struct sotto_body body;
        vec_is_error(v, bytes.size == SOTTO_BODY_BYTES ? sotto_body_decode(&body, bytes.data) : SOTTO_ERR_CONTENT_FORM);
        return;
    }
    if (vec_has(v->in, "received")) {
        check_received(v);
        return;
    }
    uint64_t seq = vec_num(v, v->in, "seq");
    struct sotto_span message = vec_bytes(v, v->in, "payload");
    struct sotto_body head = { .type = vec_content_type(v, vec_str(v, v->in, "kind")), .seq = (uint32_t)seq, .time_ms = vec_num(v, v->in, "time") };
    VEC_CHECK(v, seq <= UINT32_MAX);
    if (vec_refused(v)) vec_is_error(v, sotto_fragments(message.size) == 0 ? SOTTO_ERR_TOO_LONG : SOTTO_OK);
    else check_bodies(v, &head, message);
}
