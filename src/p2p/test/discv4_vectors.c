/* The published values of discovery v4 and of node records (devp2p.md 10.5, 10.6), from tests/vectors/public/discv4.json. */
#include "support/test.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "p2p/discv4_packet.h"
#include "p2p/enr.h"

#include <jansson.h>

static json_t *root;

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    assert_non_null(text);
    return text;
}
static void hex_of(uint8_t *out, size_t size, const json_t *o, const char *name)
{
    assert_int_equal(sotto_unhex(out, size, sotto_span_str(text_of(o, name))), SOTTO_OK);
}

static void test_records(void **state)
{
    (void)state;
    size_t i, whole = 0;
    json_t *v;
    json_array_foreach(json_object_get(root, "enr"), i, v) {
        struct sotto_scalar key;
        struct sotto_enr r, made;
        struct sotto_enr_record record, again;
        struct sotto_addr addr;
        uint16_t tcp;
        char text[SOTTO_ENR_TEXT_SIZE], where[64];
        uint8_t id[32], want[SOTTO_ENR_SIZE_MAX];
        hex_of(key.b, 32, v, "key");
        assert_int_equal(sotto_enr_parse(&record, &r, sotto_span_str(text_of(v, "text"))), SOTTO_OK);
        assert_true(r.seq == (uint64_t)json_integer_value(json_object_get(v, "seq")));
        assert_true(sotto_enr_endpoint(&r, &addr, &tcp));
        sotto_addr_text(where, &addr);
        assert_memory_equal(where, text_of(v, "ip"), strlen(text_of(v, "ip")));
        assert_int_equal(addr.port, json_integer_value(json_object_get(v, "udp")));
        assert_int_equal(tcp, 0);
        /* RFC 6979: our signature is the published one, so the bytes are */
        memset(&made, 0, sizeof made);
        made.seq = r.seq;
        made.has_ip4 = true;
        memcpy(made.ip4, addr.ip, 4);
        made.udp = addr.port;
        assert_int_equal(sotto_enr_sign(&again, &made, &key), SOTTO_OK);
        assert_true(sotto_span_equal(sotto_enr_span(&record), sotto_enr_span(&again)));
        assert_int_equal(sotto_enr_text(text, sotto_enr_span(&again)), SOTTO_OK);
        assert_string_equal(text, text_of(v, "text"));
        if (!json_object_get(v, "record")) continue;
        whole++;
        assert_int_equal(strlen(text_of(v, "record")), 2 * record.size);
        hex_of(want, record.size, v, "record");
        assert_memory_equal(want, record.b, record.size);
        hex_of(want, 32, v, "node");
        sotto_keccak256(id, SOTTO_SPAN(r.key));
        assert_memory_equal(want, id, 32);
    }
    assert_true(i == 2 && whole == 1);
    json_array_foreach(json_object_get(root, "enr_bad"), i, v) {
        struct sotto_enr r;
        struct sotto_enr_record record;
        assert_int_equal(sotto_enr_parse(&record, &r, sotto_span_str(json_string_value(v))), SOTTO_ERR_SIG_FORM);
    }
    assert_int_equal(i, 1);
}

static void is(const struct sotto_disc_endpoint *e, const char *addr, unsigned tcp)
{
    char text[64];
    sotto_addr_text(text, &e->addr);
    assert_string_equal(text, addr);
    assert_int_equal(e->tcp, tcp);
}

static void check_fields(const char *name, const struct sotto_disc_packet *p)
{
    static const char *const nodes[4][3] = {
        { "99.33.22.55:4444", "4445", "3155e1427f85f10a" }, { "1.2.3.4:1", "1", "312c55512422cf9b" },
        { "[2001:db8:3c4d:15::abcd:ef12]:3333", "3333", "38643200b172dcfe" }, { "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:999", "1000", "8dcab8618c3253b5" }
    };
    if (strncmp(name, "ping", 4) == 0) assert_int_equal(p->type, SOTTO_DISC_PING);
    if (strcmp(name, "ping") == 0 || strcmp(name, "ping-tail") == 0) {
        assert_true(p->version == 4 && p->enr_seq == (strcmp(name, "ping") ? 1 : 0));
        is(&p->from, "127.0.0.1:3322", 5544);
        is(&p->to, "[::1]:2222", 3333);
    } else if (strcmp(name, "ping-555") == 0) {
        assert_true(p->version == 555 && p->enr_seq == 0);                  /* a list stands there */
        is(&p->from, "[2001:db8:3c4d:15::abcd:ef12]:3322", 5544);
        is(&p->to, "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:2222", 33338);
    } else if (strcmp(name, "pong") == 0) {
        uint8_t hash[32];
        assert_int_equal(sotto_unhex(hash, 32, sotto_span_str("fbc914b16819237dcd8801d7e53f69e9719adecb3cc0e790c57e91ca4461c954")), SOTTO_OK);
        assert_true(p->type == SOTTO_DISC_PONG && p->enr_seq == 0);
        assert_memory_equal(p->reply_to, hash, 32);
        is(&p->to, "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:2222", 33338);
    } else if (strcmp(name, "findnode") == 0) {
        assert_int_equal(p->type, SOTTO_DISC_FINDNODE);
        assert_memory_equal(p->target, p->key, 64);
    } else {
        assert_string_equal(name, "neighbors");
        assert_true(p->type == SOTTO_DISC_NEIGHBORS && p->node_count == 4);
        for (unsigned i = 0; i < 4; i++) {
            uint8_t head[8];
            is(&p->nodes[i].at, nodes[i][0], (unsigned)strtoul(nodes[i][1], NULL, 10));
            assert_int_equal(sotto_unhex(head, 8, sotto_span_str(nodes[i][2])), SOTTO_OK);
            assert_memory_equal(p->nodes[i].key, head, 8);
        }
    }
}

static void test_packets(void **state)
{
    (void)state;
    struct sotto_scalar key;
    struct sotto_point point;
    uint8_t key64[64], packet[SOTTO_DISC_PACKET_MAX];
    uint64_t expiration = (uint64_t)json_integer_value(json_object_get(root, "expiration"));
    size_t i;
    json_t *v;
    hex_of(key.b, 32, root, "key");
    assert_int_equal(sotto_point_make(&point, &key), SOTTO_OK);
    assert_int_equal(sotto_point_to64(key64, &point), SOTTO_OK);
    json_array_foreach(json_object_get(root, "packets"), i, v) {
        struct sotto_disc_packet p, back;
        struct sotto_disc_bytes again;
        size_t size = strlen(text_of(v, "packet")) / 2;
        hex_of(packet, size, v, "packet");
        assert_int_equal(sotto_disc_read(&p, sotto_span(packet, size)), SOTTO_OK);
        assert_memory_equal(p.key, key64, 64);
        assert_memory_equal(p.hash, packet, 32);
        assert_true(p.expiration == expiration);
        assert_true(sotto_disc_fresh(expiration, (expiration - 1) * 1000 + 999) && !sotto_disc_fresh(expiration, expiration * 1000));
        check_fields(text_of(v, "name"), &p);
        /* written again: the same items stand where they stood, without what the published packets carry behind them */
        assert_int_equal(sotto_disc_write(&again, &p, &key), SOTTO_OK);
        assert_int_equal(sotto_disc_read(&back, sotto_span(again.b, again.size)), SOTTO_OK);
        check_fields(text_of(v, "name"), &back);
        assert_true(back.expiration == expiration && memcmp(back.key, key64, 64) == 0);
        /* each flipped bit is seen */
        for (size_t at = 0; at < size; at++) {
            packet[at] ^= 4;
            assert_int_equal(sotto_disc_read(&p, sotto_span(packet, size)), SOTTO_ERR_DISC_HASH);
            packet[at] ^= 4;
        }
    }
    assert_int_equal(i, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_packets),
    };
    json_error_t error;
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    root = json_load_file(SOTTO_SOURCE_DIR "/tests/vectors/public/discv4.json", JSON_REJECT_DUPLICATES, &error);
    if (!root) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(root);
    return failed;
}
