/* The published handshake, frame and Hello values (EIP-8; devp2p.md 10.1 to 10.4), from tests/vectors/public/rlpx.json. Every
 * value in the file is used: a change of any of them, a missing or an unknown group makes the check fail, and this program
 * tries that too. */
#include "support/test.h"

#include "base/text.h"
#include "p2p/frame.h"
#include "p2p/hello.h"

#include "crypto/rng.h"
#include "wire/snappy.h"

#include <jansson.h>

#define CHECK(cond) do { if (!(cond)) { if (loud) printf("%s:%d: %s\n", __FILE__, __LINE__, #cond); ok = false; goto end; } } while (0)
static bool loud;

enum { HEX_MAX = 1024 };
struct bytes { uint8_t b[HEX_MAX]; size_t size; };

static bool hex(struct bytes *out, const json_t *v)
{
    const char *text = json_string_value(v);
    if (!text || strlen(text) % 2 || strlen(text) / 2 > HEX_MAX) return false;
    out->size = strlen(text) / 2;
    return sotto_unhex(out->b, out->size, sotto_span_str(text)) == SOTTO_OK;
}
static bool hex_of(struct bytes *out, const json_t *object, const char *name, size_t size)
{
    return hex(out, json_object_get(object, name)) && (size == 0 || out->size == size);
}
static struct sotto_span span(const struct bytes *b) { return sotto_span(b->b, b->size); }
static bool same(const struct bytes *b, const void *data, size_t size) { return b->size == size && memcmp(b->b, data, size) == 0; }

struct side { struct sotto_scalar key, ephemeral; uint8_t pub[64], nonce[32]; struct sotto_point point, ephemeral_point; };

static bool load_side(struct side *s, const json_t *keys, const char *key, const char *ephemeral, const char *nonce)
{
    struct bytes k, e, n;
    if (!hex_of(&k, keys, key, 32) || !hex_of(&e, keys, ephemeral, 32) || !hex_of(&n, keys, nonce, 32)) return false;
    memcpy(s->key.b, k.b, 32);
    memcpy(s->ephemeral.b, e.b, 32);
    memcpy(s->nonce, n.b, 32);
    return sotto_point_make(&s->point, &s->key) == SOTTO_OK && sotto_point_to64(s->pub, &s->point) == SOTTO_OK &&
           sotto_point_make(&s->ephemeral_point, &s->ephemeral) == SOTTO_OK;
}

static void begin(struct sotto_rlpx *x, enum sotto_rlpx_role role, const struct side *s)
{
    struct sotto_chacha_rng rng;
    sotto_rng_from_seed(&rng, 1, "vectors");
    sotto_rlpx_begin(x, role, &s->key, &rng.rng);
    x->ephemeral = s->ephemeral;
    memcpy(x->nonce, s->nonce, 32);
}

/* Gives the packet in as many calls as the reader asks for. */
static enum sotto_err read_packet(struct sotto_rlpx *x, struct sotto_span packet)
{
    size_t need = SOTTO_RLPX_FIRST_NEED;
    for (;;) {
        if (packet.size < need) return SOTTO_ERR_FORMAT;
        enum sotto_err err = sotto_rlpx_read(x, &need, sotto_span_cut(packet, 0, need));
        if (err == SOTTO_ERR_AGAIN) continue;
        return err == SOTTO_OK && need != packet.size ? SOTTO_ERR_FORMAT : err;
    }
}

static bool check_keys(const json_t *keys, const struct side *a, const struct side *b)
{
    bool ok = true;
    struct bytes sig, rfc, token, e;
    struct sotto_secret shared, mixed;
    struct sotto_sig65 s;
    struct sotto_point who;
    uint8_t hash[32];
    CHECK(hex_of(&sig, keys, "auth_signature", 65) && hex_of(&rfc, keys, "auth_signature_rfc6979", 65));
    CHECK(hex_of(&token, keys, "token", 32) && hex_of(&e, keys, "e", 32));
    CHECK(json_object_size(keys) == 10);
    CHECK(sotto_ecdh_x(&shared, &a->key, &b->point) == SOTTO_OK && same(&token, shared.b, 32));
    CHECK(sotto_ecdh_x(&mixed, &b->ephemeral, &a->ephemeral_point) == SOTTO_OK && same(&e, mixed.b, 32));
    for (int i = 0; i < 32; i++) hash[i] = shared.b[i] ^ a->nonce[i];
    CHECK(sig.b[64] <= 1);
    memcpy(s.b, sig.b, 65);
    s.b[64] = (uint8_t)(s.b[64] + 27);
    CHECK(sotto_recover(&who, &s, hash) == SOTTO_OK && memcmp(who.b, a->ephemeral_point.b, 33) == 0);
    CHECK(sotto_sign(&s, &a->ephemeral, hash) == SOTTO_OK);
    s.b[64] = (uint8_t)(s.b[64] - 27);
    CHECK(same(&rfc, s.b, 65));
end:
    return ok;
}

static bool form_is(const json_t *item, bool old)
{
    const char *form = json_string_value(json_object_get(item, "form"));
    return form && strcmp(form, old ? "old" : "eip8") == 0 && json_object_size(item) == 2;
}

static bool check_packets(const json_t *list, enum sotto_rlpx_role role, const struct side *own, const struct side *peer)
{
    bool ok = true;
    size_t i;
    const json_t *item;
    struct sotto_rlpx x = { .key = NULL };
    CHECK(json_array_size(list) >= 3);
    json_array_foreach(list, i, item) {
        struct bytes packet;
        sotto_rlpx_end(&x);
        begin(&x, role, own);
        CHECK(hex_of(&packet, item, "packet", 0) && packet.size >= 2);
        CHECK(read_packet(&x, span(&packet)) == SOTTO_OK);
        CHECK(form_is(item, x.old_form));
        CHECK(memcmp(x.remote_nonce, peer->nonce, 32) == 0 && memcmp(x.remote_ephemeral.b, peer->ephemeral_point.b, 33) == 0);
        CHECK(role == SOTTO_RLPX_DIALER || memcmp(x.remote, peer->pub, 64) == 0);
    }
end:
    sotto_rlpx_end(&x);
    return ok;
}

/* B's side of (auth 2, ack 2), then A's, which must mirror it. */
static bool check_secrets(struct sotto_rlpx_secrets *of_a, struct sotto_rlpx_secrets *of_b, const json_t *root, const struct side *a,
                          const struct side *b)
{
    bool ok = true;
    const json_t *g = json_object_get(root, "secrets");
    struct bytes auth, ack, aes, mac, foo, in, out;
    struct sotto_rlpx xb, xa;
    struct sotto_keccak k;
    uint8_t digest[32];
    begin(&xb, SOTTO_RLPX_LISTENER, b);
    begin(&xa, SOTTO_RLPX_DIALER, a);
    CHECK(hex_of(&auth, json_array_get(json_object_get(root, "auth"), 1), "packet", 0));
    CHECK(hex_of(&ack, json_array_get(json_object_get(root, "ack"), 1), "packet", 0));
    CHECK(hex_of(&aes, g, "aes", 32) && hex_of(&mac, g, "mac", 32) && hex_of(&foo, g, "ingress_foo", 32));
    CHECK(hex_of(&in, g, "ingress", 32) && hex_of(&out, g, "egress", 32) && json_object_size(g) == 5);
    CHECK(read_packet(&xb, span(&auth)) == SOTTO_OK && sotto_buf_add_span(&xb.ack, span(&ack)) == SOTTO_OK);
    CHECK(read_packet(&xa, span(&ack)) == SOTTO_OK && sotto_buf_add_span(&xa.auth, span(&auth)) == SOTTO_OK);
    CHECK(sotto_rlpx_secrets(of_b, &xb) == SOTTO_OK && sotto_rlpx_secrets(of_a, &xa) == SOTTO_OK);
    CHECK(same(&aes, of_b->aes, 32) && same(&mac, of_b->mac, 32) && same(&aes, of_a->aes, 32) && same(&mac, of_a->mac, 32));
    sotto_keccak_final(&of_b->ingress, digest);
    CHECK(same(&in, digest, 32));
    sotto_keccak_final(&of_a->egress, digest);
    CHECK(same(&in, digest, 32));
    sotto_keccak_final(&of_b->egress, digest);
    CHECK(same(&out, digest, 32));
    sotto_keccak_final(&of_a->ingress, digest);
    CHECK(same(&out, digest, 32));
    k = of_b->ingress;
    sotto_keccak_update(&k, "foo", 3);
    sotto_keccak_final(&k, digest);
    CHECK(same(&foo, digest, 32));
end:
    sotto_rlpx_end(&xa);
    sotto_rlpx_end(&xb);
    return ok;
}

/* The published frame was made with a hash that always says 01: its MACs are that, the rest is ours. */
static bool check_layout(const json_t *g)
{
    bool ok = true;
    struct sotto_rlpx_secrets s;
    struct sotto_frames f = { .seal = NULL };
    struct sotto_buf out = sotto_buf_make(256);
    struct bytes payload, frame;
    uint8_t ones[16];
    memset(ones, 1, sizeof ones);
    memset(&s, 0, sizeof s);
    sotto_keccak256(s.aes, sotto_span(NULL, 0));
    memcpy(s.mac, s.aes, 32);
    sotto_keccak_init(&s.egress);
    sotto_keccak_init(&s.ingress);
    CHECK(hex_of(&payload, g, "payload", 0) && hex_of(&frame, g, "frame", 64) && json_object_size(g) == 3);
    CHECK(sotto_frames_begin(&f, &s) == SOTTO_OK);
    CHECK(sotto_frame_write(&f, &out, (unsigned)json_integer_value(json_object_get(g, "code")), span(&payload)) == SOTTO_OK);
    CHECK(out.size == 64 && memcmp(out.data, frame.b, 16) == 0 && memcmp(out.data + 32, frame.b + 32, 16) == 0);
    CHECK(memcmp(frame.b + 16, ones, 16) == 0 && memcmp(frame.b + 48, ones, 16) == 0);
end:
    sotto_frames_end(&f);
    sotto_buf_free(&out);
    return ok;
}

static bool write_same(struct sotto_frames *f, const json_t *want, unsigned code, struct sotto_span payload)
{
    struct bytes frame;
    struct sotto_buf out = sotto_buf_make(512);
    bool ok = hex(&frame, want) && sotto_frame_write(f, &out, code, payload) == SOTTO_OK && same(&frame, out.data, out.size);
    sotto_buf_free(&out);
    return ok;
}

static bool read_same(struct sotto_frames *f, const json_t *wire, unsigned code, struct sotto_span payload)
{
    struct bytes frame;
    uint32_t size, got_code;
    struct sotto_span got;
    return hex(&frame, wire) && frame.size > SOTTO_FRAME_HEAD && sotto_frame_head(f, &size, frame.b) == SOTTO_OK &&
           frame.size == SOTTO_FRAME_HEAD + sotto_frame_rest(size) &&
           sotto_frame_body(f, &got_code, &got, frame.b + SOTTO_FRAME_HEAD, size) == SOTTO_OK && got_code == code && sotto_span_equal(got, payload);
}

static bool hello_is(const struct bytes *payload, uint64_t version, const char *client, uint64_t port, const uint8_t key[64])
{
    struct sotto_hello h;
    return sotto_hello_read(&h, span(payload)) == SOTTO_OK && h.version == version && h.port == port &&
           sotto_span_equal(h.client, sotto_span_str(client)) && sotto_span_equal(h.key, sotto_span(key, 64));
}

static bool check_session(const json_t *g, const struct sotto_rlpx_secrets *sa, const struct sotto_rlpx_secrets *sb, const struct side *a,
                          const struct side *b)
{
    bool ok = true;
    struct sotto_frames fa = { .seal = NULL }, fb = { .seal = NULL };
    struct bytes hello_a, hello_b;
    static const struct sotto_capability shh = { .name = "shh", .version = 6, .codes = 128 };
    struct sotto_block blocks[SOTTO_CAPABILITIES_MAX];
    struct sotto_hello h;
    const json_t *ab = json_object_get(g, "a_to_b"), *ba = json_object_get(g, "b_to_a");
    struct sotto_buf ping = sotto_buf_make(64), cut = sotto_buf_make(16), cut_block = sotto_buf_make(64);
    CHECK(json_object_size(g) == 4 && json_array_size(ab) == 2 && json_array_size(ba) == 3);
    CHECK(hex_of(&hello_a, g, "hello_a", 0) && hello_is(&hello_a, 5, "test/A", 0, a->pub));
    CHECK(hex_of(&hello_b, g, "hello_b", 0) && hello_is(&hello_b, 5, "test/B", 30303, b->pub));
    CHECK(sotto_hello_read(&h, span(&hello_a)) == SOTTO_OK && sotto_blocks_agree(blocks, &shh, 1, h.capabilities) == 1);
    CHECK(sotto_snappy_deflate(&ping, sotto_span("\xc0", 1)) == SOTTO_OK);
    CHECK(sotto_disconnect_write(&cut, SOTTO_REASON_TOO_MANY) == SOTTO_OK && sotto_snappy_deflate(&cut_block, sotto_buf_span(&cut)) == SOTTO_OK);
    CHECK(sotto_disconnect_read(sotto_buf_span(&cut_block)) == SOTTO_REASON_TOO_MANY);
    CHECK(sotto_frames_begin(&fa, sa) == SOTTO_OK && sotto_frames_begin(&fb, sb) == SOTTO_OK);
    CHECK(write_same(&fa, json_array_get(ab, 0), SOTTO_CODE_HELLO, span(&hello_a)));
    CHECK(write_same(&fa, json_array_get(ab, 1), SOTTO_CODE_PING, sotto_buf_span(&ping)));
    CHECK(read_same(&fb, json_array_get(ab, 0), SOTTO_CODE_HELLO, span(&hello_a)));
    CHECK(read_same(&fb, json_array_get(ab, 1), SOTTO_CODE_PING, sotto_buf_span(&ping)));
    CHECK(write_same(&fb, json_array_get(ba, 0), SOTTO_CODE_HELLO, span(&hello_b)));
    CHECK(write_same(&fb, json_array_get(ba, 1), SOTTO_CODE_PONG, sotto_buf_span(&ping)));
    CHECK(write_same(&fb, json_array_get(ba, 2), SOTTO_CODE_DISCONNECT, sotto_buf_span(&cut_block)));
    CHECK(read_same(&fa, json_array_get(ba, 0), SOTTO_CODE_HELLO, span(&hello_b)));
    CHECK(read_same(&fa, json_array_get(ba, 1), SOTTO_CODE_PONG, sotto_buf_span(&ping)));
    CHECK(read_same(&fa, json_array_get(ba, 2), SOTTO_CODE_DISCONNECT, sotto_buf_span(&cut_block)));
end:
    sotto_frames_end(&fa);
    sotto_frames_end(&fb);
    sotto_buf_free(&ping);
    sotto_buf_free(&cut);
    sotto_buf_free(&cut_block);
    return ok;
}

/* capabilities are "name/version", highest version of a name first in what two sides agree on. payload: the three extra
 * elements at its end are ignored by a reader, so they are compared here as bytes. */
static bool check_hello(const json_t *list, const struct side *a)
{
    bool ok = true;
    size_t i, j;
    const json_t *item, *cap;
    CHECK(json_array_size(list) >= 1);
    json_array_foreach(list, i, item) {
        struct bytes payload;
        struct sotto_hello h;
        struct sotto_block blocks[SOTTO_CAPABILITIES_MAX];
        const char *client = json_string_value(json_object_get(item, "client"));
        const json_t *caps = json_object_get(item, "capabilities");
        CHECK(json_object_size(item) == 5 && client && hex_of(&payload, item, "payload", 0));
        CHECK(hello_is(&payload, (uint64_t)json_integer_value(json_object_get(item, "version")), client,
                       (uint64_t)json_integer_value(json_object_get(item, "port")), a->pub));
        CHECK(sotto_hello_read(&h, span(&payload)) == SOTTO_OK);
        CHECK(h.key.data + 64 + 11 == payload.b + payload.size && memcmp(h.key.data + 64, "\xc8\x83" "foo" "\x83" "bar" "\x03\x04", 11) == 0);
        size_t pairs = 0;
        json_array_foreach(caps, j, cap) {
            char name[16] = { 0 };
            unsigned version = 0;
            CHECK(json_string_value(cap) && sscanf(json_string_value(cap), "%8[a-z]/%u", name, &version) == 2);
            struct sotto_capability ours = { .name = name, .version = version, .codes = 1 };
            CHECK(sotto_blocks_agree(blocks, &ours, 1, h.capabilities) == 1);
            pairs += strlen(name) + 2 + 1;            /* head of the pair, head of the name, a version below 128 */
        }
        CHECK(h.capabilities.size == pairs);
    }
end:
    return ok;
}

static bool check_all(const json_t *root)
{
    bool ok = true;
    struct side a, b;
    struct sotto_rlpx_secrets sa, sb;
    const json_t *keys = json_object_get(root, "keys");
    CHECK(json_object_size(root) == 7);               /* the groups below and no other */
    CHECK(load_side(&a, keys, "static_a", "ephemeral_a", "nonce_a") && load_side(&b, keys, "static_b", "ephemeral_b", "nonce_b"));
    CHECK(check_keys(keys, &a, &b));
    CHECK(check_packets(json_object_get(root, "auth"), SOTTO_RLPX_LISTENER, &b, &a));
    CHECK(check_packets(json_object_get(root, "ack"), SOTTO_RLPX_DIALER, &a, &b));
    CHECK(check_secrets(&sa, &sb, root, &a, &b));
    CHECK(check_layout(json_object_get(root, "frame_layout")));
    CHECK(check_session(json_object_get(root, "session"), &sa, &sb, &a, &b));
    CHECK(check_hello(json_object_get(root, "hello"), &a));
end:
    return ok;
}

static json_t *load(void)
{
    json_error_t error;
    json_t *root = json_load_file(SOTTO_SOURCE_DIR "/tests/vectors/public/rlpx.json", JSON_REJECT_DUPLICATES, &error);
    if (!root) fail_msg("%s:%d: %s", error.source, error.line, error.text);
    return root;
}

static void test_values(void **state)
{
    (void)state;
    json_t *root = load();
    loud = true;
    assert_true(check_all(root));
    json_decref(root);
}

static char other_digit(char c)
{
    if (c >= '0' && c <= '8') return (char)(c + 1);
    if (c >= 'a' && c <= 'e') return (char)(c + 1);
    return c == '9' ? 'a' : c == 'f' ? '0' : 'q';
}

/* Changes every leaf in turn, at a random place, and wants the whole check to fail. */
static void each_leaf(json_t *root, json_t *node, const char *path)
{
    char below[256];
    const char *name;
    json_t *child;
    size_t i;
    if (json_is_object(node)) {
        json_object_foreach(node, name, child) {
            snprintf(below, sizeof below, "%.200s.%.50s", path, name);
            each_leaf(root, child, below);
        }
    } else if (json_is_array(node)) {
        json_array_foreach(node, i, child) {
            snprintf(below, sizeof below, "%.200s[%zu]", path, i);
            each_leaf(root, child, below);
        }
    } else if (json_is_integer(node)) {
        json_int_t was = json_integer_value(node);
        json_integer_set(node, was + 1);
        if (check_all(root)) fail_msg("a changed %s was not noticed", path);
        json_integer_set(node, was);
    } else {
        char *was = strdup(json_string_value(node)), *text = strdup(was);
        size_t at = (size_t)rand() % strlen(was);
        text[at] = other_digit(text[at]);
        json_string_set(node, text);
        if (check_all(root)) fail_msg("a changed %s was not noticed (digit %zu)", path, at);
        text[strlen(text) - 1] = 0;
        json_string_set(node, text);
        if (check_all(root)) fail_msg("a cut %s was not noticed", path);
        json_string_set(node, was);
        free(was);
        free(text);
    }
}

static void test_changes(void **state)
{
    (void)state;
    srand((unsigned)test_seed());
    json_t *root = load();
    loud = false;
    each_leaf(root, root, "");
    assert_true(check_all(root));
    static const char *const groups[] = { "keys", "auth", "ack", "secrets", "frame_layout", "session", "hello" };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        json_t *less = json_deep_copy(root);
        assert_int_equal(json_object_del(less, groups[i]), 0);
        assert_false(check_all(less));
        json_decref(less);
    }
    json_object_set_new(root, "unheard", json_array());
    assert_false(check_all(root));
    json_decref(root);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_values), cmocka_unit_test(test_changes) };
    return cmocka_run_group_tests(tests, setup, NULL);
}
