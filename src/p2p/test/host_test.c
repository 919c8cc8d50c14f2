/* The host against scripted peers: handshake, Hello, messages, refusals (devp2p.md 7, network.md 1). */
#include "p2p/test/rig.h"

#include "seal.h"

static const uint8_t empty_list[1] = { 0xc0 };

static void test_hello(void **state)
{
    (void)state;
    struct sotto_host_config config = { .listen_port = 30401 };
    struct rig *r = rig_new(test_seed(), &config);
    struct script s;
    struct sotto_hello h;
    struct sotto_peer_info info;
    script_key(&s, r, 1);
    script_dial(&s, rig_ip(10, 0, 0, 1));
    assert_true(script_next(&s));                     /* without waiting for ours */
    assert_int_equal(s.code, SOTTO_CODE_HELLO);
    assert_int_equal(sotto_hello_read(&h, sotto_buf_span(&s.raw)), SOTTO_OK);  /* never compressed */
    assert_true(h.version == 5 && h.port == 30401 && sotto_span_equal(h.client, sotto_span_str("sotto/1")));
    assert_true(sotto_span_equal(h.key, sotto_span(r->h->key, 64)));
    assert_memory_equal(h.capabilities.data, "\xc5\x83shh\x06", 6);
    assert_int_equal(h.capabilities.size, 6);
    assert_true(sotto_host_peer(r->h, s.conn, &info));
    assert_string_equal(info.state, "hello");
    assert_int_equal(sotto_host_peers(r->h), 0);
    script_send_hello(&s, 5);
    assert_int_equal(r->lines[s.conn].ups, 1);
    assert_int_equal(r->lines[s.conn].peer_up, 1);
    assert_int_equal(sotto_host_peers(r->h), 1);
    assert_true(sotto_host_peer_at(r->h, 0, &info));
    assert_false(sotto_host_peer_at(r->h, 1, &info));
    assert_string_equal(info.state, "up");
    assert_string_equal(info.client, "script/1");
    assert_memory_equal(info.key, s.pub, 64);
    assert_true(info.inbound && !info.is_static && info.bytes_in > 300 && info.bytes_out > 300);
    script_end(&s);
    rig_free(r);
}

static void test_messages(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    for (unsigned version = 4; version <= 6; version++) {
        struct script s;
        bool block = version >= 5;
        script_key(&s, r, version);
        script_dial(&s, rig_ip(10, version, 0, 1));
        assert_true(script_next(&s));
        script_send_hello(&s, version);
        void (*send)(struct script *, unsigned, struct sotto_span) = block ? script_send_block : script_send;
        send(&s, SOTTO_CODE_PING, SOTTO_SPAN(empty_list));
        assert_true(script_next(&s));
        assert_int_equal(s.code, SOTTO_CODE_PONG);
        assert_int_equal(s.was_block, block);
        assert_int_equal(s.plain.size, 1);
        assert_int_equal(s.plain.data[0], 0xc0);
        send(&s, SOTTO_CODE_PING, SOTTO_SPAN("\xc3" "abc"));                   /* whatever it carries */
        assert_true(script_next(&s) && s.code == SOTTO_CODE_PONG);
        send(&s, 0x10 + 126, SOTTO_SPAN("\xc2\x01\x02"));                      /* two bytes of code */
        assert_int_equal(r->lines[s.conn].messages, 1);
        assert_int_equal(r->lines[s.conn].last_code, 126);
        assert_memory_equal(r->lines[s.conn].last.data, "\xc2\x01\x02", 3);
        for (unsigned code = 4; code < 0x10; code++) send(&s, code, SOTTO_SPAN(empty_list));   /* reserved */
        send(&s, SOTTO_CODE_PONG, SOTTO_SPAN(empty_list));
        send(&s, SOTTO_CODE_HELLO, SOTTO_SPAN("nonsense"));                    /* a second Hello is ignored */
        assert_false(script_next(&s));
        assert_int_equal(sotto_host_send(r->h, s.conn, &rig_shh, 1, SOTTO_SPAN("hello"), r->now, &r->out), SOTTO_OK);
        rig_take(r);
        assert_true(script_next(&s));
        assert_int_equal(s.code, 0x11);
        assert_int_equal(s.was_block, block);
        assert_memory_equal(s.plain.data, "hello", 6);
        assert_false(r->lines[s.conn].closed);
        send(&s, SOTTO_CODE_DISCONNECT, SOTTO_SPAN("\xc1\x08"));
        assert_int_equal(script_reason(&s), -1);
        assert_int_equal(script_score(&s), 0);
        script_end(&s);
    }
    assert_int_equal(sotto_host_peers(r->h), 0);
    assert_int_equal(sotto_host_send(r->h, 1, &rig_shh, 1, SOTTO_SPAN("hello"), r->now, &r->out), SOTTO_ERR_MISSING);
    rig_free(r);
}

/* ---- refusals: each row begins a connection, sends one thing, and says how it must end ---- */

enum stage { IN_HELLO, IS_UP };
struct refusal { const char *name; enum stage stage; void (*act)(struct script *); int reason, score; bool reason_block; };

static void say_hello(struct script *s, uint64_t version, const char *name, unsigned cap_version, struct sotto_span key)
{
    struct sotto_buf hello = sotto_buf_make(4u << 20);
    script_hello(s, &hello, version, name, cap_version, key);
    script_send(s, SOTTO_CODE_HELLO, sotto_buf_span(&hello));
    sotto_buf_free(&hello);
}
static void act_key_63(struct script *s) { say_hello(s, 5, "shh", 6, sotto_span(s->pub, 63)); }
static void act_key_65(struct script *s) { uint8_t k[65] = { 4 }; memcpy(k + 1, s->pub, 64); say_hello(s, 5, "shh", 6, SOTTO_SPAN(k)); }
static void act_key_128(struct script *s) { uint8_t k[128] = { 4 }; say_hello(s, 5, "shh", 6, SOTTO_SPAN(k)); }
static void act_key_none(struct script *s) { say_hello(s, 5, "shh", 6, sotto_span(NULL, 0)); }
static void act_key_zero(struct script *s) { uint8_t k[64] = { 0 }; say_hello(s, 5, "shh", 6, SOTTO_SPAN(k)); }
static void act_key_other(struct script *s) { uint8_t k[64]; memcpy(k, s->pub, 64); k[9] ^= 1; say_hello(s, 5, "shh", 6, SOTTO_SPAN(k)); }
static void act_key_other_4(struct script *s) { uint8_t k[64]; memcpy(k, s->pub, 64); k[9] ^= 1; say_hello(s, 4, "shh", 6, SOTTO_SPAN(k)); }
static void act_no_cap(struct script *s) { say_hello(s, 5, "eth", 65, SOTTO_SPAN(s->pub)); }
static void act_other_version(struct script *s) { say_hello(s, 5, "shh", 5, SOTTO_SPAN(s->pub)); }
static void act_megabytes(struct script *s)
{
    char *name = malloc((2u << 20) + 1);
    memset(name, 'a', 2u << 20);
    name[2u << 20] = 0;
    say_hello(s, 5, name, 6, SOTTO_SPAN(s->pub));
    free(name);
}
static void act_key_megabytes(struct script *s)
{
    uint8_t *k = calloc(1, 2u << 20);
    say_hello(s, 5, "shh", 6, sotto_span(k, 2u << 20));
    free(k);
}
static void act_hello_2049(struct script *s)
{
    struct sotto_buf hello = sotto_buf_make(4096);
    static const uint8_t zero[4096];
    script_hello(s, &hello, 5, "shh", 6, SOTTO_SPAN(s->pub));
    assert_int_equal(sotto_buf_add(&hello, zero, 2049 - hello.size), SOTTO_OK);
    script_send(s, SOTTO_CODE_HELLO, sotto_buf_span(&hello));
    sotto_buf_free(&hello);
}
static void act_hello_junk(struct script *s) { script_send(s, SOTTO_CODE_HELLO, SOTTO_SPAN("junk")); }
static void act_hello_empty(struct script *s) { script_send(s, SOTTO_CODE_HELLO, sotto_span(NULL, 0)); }
static void act_hello_no_key(struct script *s) { script_send(s, SOTTO_CODE_HELLO, sotto_span("\xc4\x05\x80\xc0\x80", 5)); }
static void act_ping(struct script *s) { script_send(s, SOTTO_CODE_PING, SOTTO_SPAN(empty_list)); }
static void act_status(struct script *s) { script_send(s, 0x10, SOTTO_SPAN(empty_list)); }
static void act_disconnect(struct script *s) { script_send(s, SOTTO_CODE_DISCONNECT, sotto_span("\xc1\x04", 2)); }
static void act_disconnect_bare(struct script *s) { script_send(s, SOTTO_CODE_DISCONNECT, sotto_span("\x04", 1)); }
static void act_disconnect_block(struct script *s) { script_send_block(s, SOTTO_CODE_DISCONNECT, sotto_span("\xc1\x04", 2)); }
static void act_disconnect_junk(struct script *s) { script_send(s, SOTTO_CODE_DISCONNECT, sotto_span("\xff\xff\xff", 3)); }
static void act_outside(struct script *s) { script_send_block(s, 0x10 + 128, SOTTO_SPAN(empty_list)); }
static void act_far_outside(struct script *s) { script_send_block(s, 0xffffffff, SOTTO_SPAN(empty_list)); }
static void act_bad_snappy(struct script *s) { script_send(s, 0x11, sotto_span("\x05\x00\x01", 3)); }
static void act_bad_snappy_ping(struct script *s) { script_send(s, SOTTO_CODE_PING, SOTTO_SPAN(empty_list)); }
static void act_snappy_empty(struct script *s) { script_send(s, 0x11, sotto_span(NULL, 0)); }
static void act_snappy_17m(struct script *s) { script_send(s, 0x11, sotto_span("\x80\x80\x80\x08\x00", 5)); }
static void act_snappy_4g(struct script *s) { script_send(s, 0x11, sotto_span("\xff\xff\xff\xff\x0f\x00", 6)); }
static void act_too_big(struct script *s)             /* message_max + 1 of zeros: a small block of a large text */
{
    size_t size = s->r->config.message_max + 1u;
    uint8_t *zero = calloc(1, size);
    script_send_block(s, 0x11, sotto_span(zero, size));
    free(zero);
}
static void act_frame_too_big(struct script *s)       /* declares a size past the limit; nothing of the body follows */
{
    struct sotto_buf wire = sotto_buf_make(32u << 20);
    static uint8_t zero[SOTTO_FRAME_SIZE_MAX - 1];
    assert_int_equal(sotto_frame_write(&s->f, &wire, 0x11, SOTTO_SPAN(zero)), SOTTO_OK);
    rig_data(s->r, s->conn, wire.data, SOTTO_FRAME_HEAD);
    sotto_buf_free(&wire);
}
static void act_head_mac(struct script *s)
{
    struct sotto_buf wire = sotto_buf_make(4096);
    assert_int_equal(sotto_frame_write(&s->f, &wire, 2, SOTTO_SPAN(empty_list)), SOTTO_OK);
    wire.data[20] ^= 1;
    rig_data(s->r, s->conn, wire.data, wire.size);
    sotto_buf_free(&wire);
}
static void act_body_mac(struct script *s)
{
    struct sotto_buf wire = sotto_buf_make(4096);
    assert_int_equal(sotto_frame_write(&s->f, &wire, 2, SOTTO_SPAN(empty_list)), SOTTO_OK);
    wire.data[40] ^= 1;
    rig_data(s->r, s->conn, wire.data, wire.size);
    sotto_buf_free(&wire);
}

/* A frame whose data is given whole, code included: seals what sotto_frame_write would not write. */
static void send_data(struct script *s, const uint8_t *data, uint32_t size)
{
    struct sotto_buf wire = sotto_buf_make(256);
    seal_data(&s->f, &wire, data, size);
    rig_data(s->r, s->conn, wire.data, wire.size);
    sotto_buf_free(&wire);
}
static void act_empty_frame(struct script *s) { send_data(s, NULL, 0); }
static void act_code_zero_byte(struct script *s) { send_data(s, (const uint8_t *)"\x00\xc0", 2); }
static void act_code_long(struct script *s) { send_data(s, (const uint8_t *)"\x81\x02\xc0", 3); }
static void act_code_leading_zero(struct script *s) { send_data(s, (const uint8_t *)"\x82\x00\x02\xc0", 4); }
static void act_code_list(struct script *s) { send_data(s, (const uint8_t *)"\xc1\x02\xc0", 3); }
static void act_code_cut(struct script *s) { send_data(s, (const uint8_t *)"\x84\x02", 2); }
static void act_code_wide(struct script *s) { send_data(s, (const uint8_t *)"\x85\x01\x00\x00\x00\x00\xc0", 7); }

static const struct refusal refusals[] = {
    { "Hello with a key of 63 bytes", IN_HELLO, act_key_63, 0x07, 20, false },
    { "Hello with a key of 65 bytes", IN_HELLO, act_key_65, 0x07, 20, false },
    { "Hello with a key of 128 bytes", IN_HELLO, act_key_128, 0x07, 20, false },
    { "Hello with an empty key", IN_HELLO, act_key_none, 0x07, 20, false },
    { "Hello with a key of zeros", IN_HELLO, act_key_zero, 0x07, 20, false },
    { "Hello with a key of 2 MiB", IN_HELLO, act_key_megabytes, 0x07, 20, false },
    { "Hello with a name of 2 MiB", IN_HELLO, act_megabytes, 0x07, 20, false },
    { "Hello of 2049 bytes", IN_HELLO, act_hello_2049, 0x07, 20, false },
    { "Hello with a key that was not proven", IN_HELLO, act_key_other, 0x09, 20, true },
    { "the same without compression", IN_HELLO, act_key_other_4, 0x09, 20, false },
    { "no capability in common", IN_HELLO, act_no_cap, 0x03, 0, true },
    { "another version of the capability", IN_HELLO, act_other_version, 0x03, 0, true },
    { "Hello that is junk", IN_HELLO, act_hello_junk, -1, 20, false },
    { "Hello without a payload", IN_HELLO, act_hello_empty, -1, 20, false },
    { "Hello without a key", IN_HELLO, act_hello_no_key, -1, 20, false },
    { "Ping before Hello", IN_HELLO, act_ping, -1, 20, false },
    { "Status before Hello", IN_HELLO, act_status, -1, 20, false },
    { "Disconnect before Hello", IN_HELLO, act_disconnect, -1, 0, false },
    { "bare Disconnect before Hello", IN_HELLO, act_disconnect_bare, -1, 0, false },
    { "frame too big before Hello", IN_HELLO, act_frame_too_big, 0x07, 20, false },
    { "head MAC before Hello", IN_HELLO, act_head_mac, -1, 20, false },
    { "body MAC before Hello", IN_HELLO, act_body_mac, -1, 20, false },
    { "Disconnect, plain", IS_UP, act_disconnect, -1, 0, false },
    { "Disconnect, bare", IS_UP, act_disconnect_bare, -1, 0, false },
    { "Disconnect, compressed", IS_UP, act_disconnect_block, -1, 0, false },
    { "Disconnect that is junk", IS_UP, act_disconnect_junk, -1, 0, false },
    { "code behind the last block", IS_UP, act_outside, -1, 20, false },
    { "code far outside", IS_UP, act_far_outside, -1, 20, false },
    { "corrupt Snappy", IS_UP, act_bad_snappy, -1, 20, false },
    { "plain Ping where blocks are agreed", IS_UP, act_bad_snappy_ping, -1, 20, false },
    { "no Snappy at all", IS_UP, act_snappy_empty, -1, 20, false },
    { "Snappy of 16 MiB declared", IS_UP, act_snappy_17m, -1, 20, false },
    { "Snappy of 4 GiB declared", IS_UP, act_snappy_4g, -1, 20, false },
    { "message above message_max", IS_UP, act_too_big, 0x10, 5, true },
    { "frame above message_max", IS_UP, act_frame_too_big, 0x10, 5, true },
    { "head MAC", IS_UP, act_head_mac, -1, 20, false },
    { "body MAC", IS_UP, act_body_mac, -1, 20, false },
    { "empty frame", IS_UP, act_empty_frame, -1, 20, false },
    { "code written as 00", IS_UP, act_code_zero_byte, -1, 20, false },
    { "code written 81 02", IS_UP, act_code_long, -1, 20, false },
    { "code with a leading zero", IS_UP, act_code_leading_zero, -1, 20, false },
    { "code that is a list", IS_UP, act_code_list, -1, 20, false },
    { "code that is cut", IS_UP, act_code_cut, -1, 20, false },
    { "code of 33 bits", IS_UP, act_code_wide, -1, 20, false },
};

static void test_refusals(void **state)
{
    (void)state;
    struct sotto_host_config config = { .message_max = 1u << 20 };
    struct rig *r = rig_new(test_seed(), &config);
    for (unsigned i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *row = &refusals[i];
        struct script s;
        script_key(&s, r, i);
        if (row->stage == IS_UP) script_up(&s, rig_ip(10, i, 0, 1));
        else {
            script_dial(&s, rig_ip(10, i, 0, 1));
            assert_true(script_next(&s) && s.code == SOTTO_CODE_HELLO);
        }
        row->act(&s);
        if (!r->lines[s.conn].closed) fail_msg("%s: not closed", row->name);
        int reason = script_reason(&s);
        if (reason != row->reason) fail_msg("%s: reason %d, not %d", row->name, reason, row->reason);
        if (script_score(&s) != row->score) fail_msg("%s: score %d, not %d", row->name, script_score(&s), row->score);
        if (reason >= 0 && s.was_block != row->reason_block) fail_msg("%s: wrong form of Disconnect", row->name);
        if (reason >= 0) assert_int_equal(s.plain.size, 2);                    /* [reason] */
        assert_int_equal(r->lines[s.conn].messages, 0);
        assert_int_equal(r->h->conn_count, 0);
        assert_int_equal(r->h->budget_used, 0);
        /* whatever comes after the end is not looked at */
        rig_data(r, s.conn, "more", 4);
        rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_CLOSED, .conn = s.conn });
        script_end(&s);
    }
    rig_free(r);
}

static void test_hello_of_2048(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s;
    struct sotto_buf hello = sotto_buf_make(4096);
    static const uint8_t zero[2048];
    script_key(&s, r, 1);
    script_dial(&s, rig_ip(10, 0, 0, 1));
    script_hello(&s, &hello, 5, "shh", 6, SOTTO_SPAN(s.pub));
    assert_int_equal(sotto_buf_add(&hello, zero, 2048 - hello.size), SOTTO_OK);
    script_send(&s, SOTTO_CODE_HELLO, sotto_buf_span(&hello));
    assert_int_equal(r->lines[s.conn].ups, 1);
    sotto_buf_free(&hello);
    script_end(&s);
    rig_free(r);
}

/* Every byte of auth and of the first frame changed in turn: closed or still waiting, nobody up, and the next peer is served. */
static void test_flipped_bytes(void **state)
{
    (void)state;
    struct sotto_host_config config = { .local = true };
    struct sotto_addr here = rig_ip(127, 0, 0, 1);
    size_t size = 1;
    for (size_t at = 0; at < size; at++) {
        struct rig *r = rig_new(test_seed(), &config);
        struct sotto_rlpx x;
        struct script s;
        script_key(&s, r, 1);
        uint32_t conn = rig_accept(r, here);
        sotto_rlpx_begin(&x, SOTTO_RLPX_DIALER, &s.key, &r->rng.rng);
        assert_int_equal(sotto_rlpx_write_auth(&x, r->h->key, &r->rng.rng), SOTTO_OK);
        size = x.auth.size;
        x.auth.data[at] ^= (uint8_t)(1u << sotto_rng_below(&r->rng.rng, 8));
        rig_data(r, conn, x.auth.data, x.auth.size);
        assert_int_equal(r->lines[conn].sent.size, 0);
        if (at >= 2) assert_true(r->lines[conn].closed);
        rig_wait(r, SOTTO_HANDSHAKE_US);
        assert_true(r->lines[conn].closed);
        assert_int_equal(r->h->conn_count, 0);
        sotto_rlpx_end(&x);
        script_up(&s, here);
        script_end(&s);
        rig_free(r);
    }
    size = 1;
    for (size_t at = 0; at < size; at++) {
        struct rig *r = rig_new(test_seed(), &config);
        struct script s, t;
        struct sotto_buf hello = sotto_buf_make(4096), wire = sotto_buf_make(4096);
        script_key(&s, r, 1);
        script_key(&t, r, 2);
        script_dial(&s, here);
        script_hello(&s, &hello, 5, "shh", 6, SOTTO_SPAN(s.pub));
        assert_int_equal(sotto_frame_write(&s.f, &wire, SOTTO_CODE_HELLO, sotto_buf_span(&hello)), SOTTO_OK);
        size = wire.size;
        wire.data[at] ^= (uint8_t)(1u << sotto_rng_below(&r->rng.rng, 8));
        rig_data(r, s.conn, wire.data, wire.size);
        assert_true(r->lines[s.conn].closed);
        assert_int_equal(script_reason(&s), -1);
        assert_int_equal(r->lines[s.conn].ups, 0);
        script_up(&t, here);
        sotto_buf_free(&hello);
        sotto_buf_free(&wire);
        script_end(&s);
        script_end(&t);
        rig_free(r);
    }
}

/* The same for the ack and the first frame that come back on a connection the host has dialled. */
static void test_flipped_ack(void **state)
{
    (void)state;
    size_t size = 1;
    for (size_t at = 0; at < size; at++) {
        struct rig *r = rig_new(test_seed(), NULL);
        struct script s;
        struct sotto_enode node = { .addr = rig_ip(10, 1, 1, 1) };
        size_t need = SOTTO_RLPX_FIRST_NEED;
        enum sotto_err err;
        script_key(&s, r, 1);
        memcpy(node.key, s.pub, 64);
        assert_int_equal(sotto_host_add(r->h, &node, r->now, &r->out), SOTTO_OK);
        rig_take(r);
        rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = r->last_dial });
        struct rig_line *line = &r->lines[r->last_dial];
        sotto_rlpx_begin(&s.x, SOTTO_RLPX_LISTENER, &s.key, &r->rng.rng);
        do err = sotto_rlpx_read(&s.x, &need, sotto_span(line->sent.data, need)); while (err == SOTTO_ERR_AGAIN);
        assert_int_equal(err, SOTTO_OK);
        assert_int_equal(sotto_rlpx_write_ack(&s.x, &r->rng.rng), SOTTO_OK);
        size = s.x.ack.size;
        s.x.ack.data[at] ^= (uint8_t)(1u << sotto_rng_below(&r->rng.rng, 8));
        size_t before = line->sent.size;
        rig_data(r, r->last_dial, s.x.ack.data, size);
        if (at >= 2) assert_true(line->closed);
        assert_int_equal(line->sent.size, before);
        rig_wait(r, SOTTO_HANDSHAKE_US);
        assert_true(line->closed && !line->ups);
        assert_int_equal(sotto_rep_node_score(r->h->rep, s.pub, r->now), 0);    /* bad keys on dial cost nothing */
        sotto_rlpx_end(&s.x);
        script_end(&s);
        rig_free(r);
    }
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello), cmocka_unit_test(test_messages), cmocka_unit_test(test_refusals), cmocka_unit_test(test_hello_of_2048),
        cmocka_unit_test(test_flipped_bytes), cmocka_unit_test(test_flipped_ack),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
