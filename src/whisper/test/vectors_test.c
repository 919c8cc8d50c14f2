/* The published values of Whisper: tests/vectors/public/whisper.json. Every value of every case is computed or compared; then each
 * one is changed, and the case must fail. */
#include "support/test.h"

#include "base/text.h"
#include "whisper/test/fake_host.h"

#include <jansson.h>

#define FILE_NAME SOTTO_SOURCE_DIR "/tests/vectors/public/whisper.json"

static bool hex_is(const json_t *object, const char *key, const void *bytes, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    char want[2 * 4096 + 1];
    if (!text || size > 4096) return false;
    sotto_hex(want, bytes, size);
    return strcmp(text, want) == 0;
}
/* Returns the number of bytes, -1 when it is no hex or too long. */
static int hex_get(const json_t *object, const char *key, uint8_t *out, size_t max)
{
    const char *text = json_string_value(json_object_get(object, key));
    size_t size = text ? strlen(text) / 2 : 0;
    if (!text || size > max || sotto_unhex(out, size, sotto_span_str(text)) != SOTTO_OK) return -1;
    return (int)size;
}
static bool number_get(const json_t *object, const char *key, uint64_t *out)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}
static bool number_is(const json_t *object, const char *key, uint64_t value)
{
    uint64_t got;
    return number_get(object, key, &got) && got == value;
}
static bool real_get(const json_t *object, const char *key, double *out)
{
    const char *text = json_string_value(json_object_get(object, key));
    char *end;
    if (!text || !*text) return false;
    *out = strtod(text, &end);
    return *end == 0;
}
static bool real_is(const json_t *object, const char *key, double value)
{
    double got;
    return real_get(object, key, &got) && got == value;
}

static bool run_pow(const json_t *in, const json_t *out)
{
    uint8_t data[256], short_form[512];
    uint64_t expiry, ttl;
    struct sotto_envelope e = { 0 };
    int size = hex_get(in, "data", data, sizeof data);
    if (size < 0 || hex_get(in, "topic", e.topic, 4) != 4 || !number_get(in, "expiry", &expiry) || !number_get(in, "ttl", &ttl) ||
        !number_get(in, "nonce", &e.nonce))
        return false;
    /* Half of all nonces give no zero bit, so a changed one would not show: the published two are pinned. */
    if (e.nonce != 100000 && e.nonce != 276) return false;
    e.expiry = (uint32_t)expiry;
    e.ttl = (uint32_t)ttl;
    e.data = sotto_span(data, (size_t)size);
    struct sotto_buf b = { short_form, 0, sizeof short_form, sizeof short_form };
    return sotto_envelope_short(&b, &e) == SOTTO_OK && hex_is(out, "short", b.data, b.size) && number_is(out, "zeros", sotto_envelope_zeros(&e)) &&
           real_is(out, "rating", sotto_envelope_rating(&e, 0));
}

static bool run_bloom(const json_t *in, const json_t *out)
{
    uint8_t topic[4];
    struct sotto_bloom b;
    if (hex_get(in, "topic", topic, 4) != 4) return false;
    sotto_bloom_topic(&b, topic);
    return hex_is(out, "filter", b.b, sizeof b.b);
}

static bool read_envelope(struct sotto_envelope *e, uint8_t bytes[2048], int *size, const json_t *in)
{
    *size = hex_get(in, "envelope", bytes, 2048);
    return *size >= 0 && sotto_envelope_decode(e, sotto_span(bytes, (size_t)*size)) == SOTTO_OK;
}

static bool run_envelope(const json_t *in, const json_t *out)
{
    uint8_t bytes[2048], again[2048], hash[32];
    struct sotto_envelope e;
    int size;
    if (!read_envelope(&e, bytes, &size, in)) return false;
    struct sotto_buf b = { again, 0, sizeof again, sizeof again };
    sotto_envelope_hash(hash, sotto_span(bytes, (size_t)size));
    return sotto_envelope_encode(&b, &e) == SOTTO_OK && hex_is(in, "envelope", b.data, b.size) && number_is(out, "expiry", e.expiry) &&
           number_is(out, "ttl", e.ttl) && hex_is(out, "topic", e.topic, 4) && number_is(out, "nonce", e.nonce) &&
           number_is(out, "short_size", sotto_envelope_short_size(&e)) && number_is(out, "size", sotto_envelope_size(&e)) &&
           number_is(out, "zeros", sotto_envelope_zeros(&e)) && real_is(out, "rating", sotto_envelope_rating(&e, 0)) && hex_is(out, "hash", hash, 32);
}

static bool run_seal(const json_t *in, const json_t *out)
{
    uint8_t bytes[2048], again[2048], prefix[2048];
    struct sotto_envelope e;
    double target;
    int size;
    if (!read_envelope(&e, bytes, &size, in) || !real_get(in, "target", &target)) return false;
    unsigned bits = sotto_work_bits(target, sotto_envelope_short_size(&e), e.ttl);
    struct sotto_buf p = { prefix, 0, sizeof prefix, sizeof prefix }, b = { again, 0, sizeof again, sizeof again };
    struct sotto_work w;
    if (bits > 20 || sotto_envelope_short(&p, &e) != SOTTO_OK) return false;
    sotto_work_init(&w, sotto_buf_span(&p), 0, bits);
    if (sotto_work_step(&w, &e.nonce, 1u << 20) != SOTTO_OK || sotto_envelope_encode(&b, &e) != SOTTO_OK) return false;
    return number_is(out, "bits", bits) && number_is(out, "nonce", e.nonce) && hex_is(in, "envelope", b.data, b.size);
}

/* What the capability says, and what it takes from what is said to it, with a host that only listens. */
static bool said(struct fake *f, uint32_t peer, unsigned code, const json_t *out)
{
    const struct fake_packet *p = fake_last(f, peer, code);
    return p && hex_is(out, "payload", p->payload.data, p->payload.size);
}

/* A peer's Status is known by what it lets through: an envelope of just that rating and topic goes out, less does not. */
static bool takes(struct fake *f, uint32_t peer, double rating, const struct sotto_bloom *filter)
{
    struct sotto_bloom sample;
    uint8_t topic[4] = { 0x07, 0x67, 0x82, 0x31 };
    sotto_bloom_topic(&sample, topic);
    bool wanted = sotto_bloom_match(filter, &sample), good = true;
    for (unsigned i = 0; i < 2 && good; i++) {
        struct sotto_buf b = sotto_buf_make(4096);
        uint8_t hash[32] = { (uint8_t)(i + 1) };
        struct fake_envelope env = { fake_now_s(f) + 40, 50, 64, { topic[0], topic[1], topic[2], topic[3] }, (uint8_t)i, 0 };
        struct sotto_envelope e;
        fake_seal(&b, &env);
        struct sotto_pool_source from = { SOTTO_FROM_INBOUND, 9 };
        good = sotto_envelope_decode(&e, sotto_buf_span(&b)) == SOTTO_OK &&
               sotto_pool_add(f->pool, NULL, &e, sotto_buf_span(&b), sotto_pool_id(f->pool, hash), i ? rating : rating - 1e-9, from) == SOTTO_OK;
        sotto_buf_free(&b);
        fake_forget(f);
        sotto_shh_enter(f->shh, &f->out);
        sotto_shh_news(f->shh, f->now);
        sotto_shh_enter(f->shh, NULL);
        fake_pass(f, 60000000 / 2);
        good = good && (fake_last(f, peer, SOTTO_SHH_MESSAGES) != NULL) == (i == 1 && wanted);
    }
    return good;
}

static bool run_status(const json_t *in, const json_t *out)
{
    uint8_t payload[256], filter[64];
    double rating;
    uint64_t code;
    if (!number_get(in, "code", &code) || code != SOTTO_SHH_STATUS) return false;
    static struct fake f;
    bool good;
    if (json_object_get(in, "payload")) {
        int size = hex_get(in, "payload", payload, sizeof payload);
        if (size < 0 || !real_get(out, "rating", &rating) || hex_get(out, "filter", filter, 64) != 64) return false;
        struct sotto_bloom bloom;
        memcpy(bloom.b, filter, 64);
        if (!sotto_bloom_match(&bloom, &(struct sotto_bloom){ { 0xff } })) return false;
        for (unsigned i = 0; i < 64; i++)
            if (filter[i] != 0xff) return false;  /* all ones: everything */
        fake_init(&f, test_seed(), NULL);
        fake_up(&f, 1, true);
        fake_message(&f, 1, SOTTO_SHH_STATUS, sotto_span(payload, (size_t)size));
        good = f.host.peers[1].up && payload[size - 1] == 1 && takes(&f, 1, rating, &bloom);
        /* the published light Status ends in 01; that flag changes nothing for us, so its bytes are compared */
        uint8_t whole[80] = { 0xf8, 0x4d, 0x06, 0x88 };
        uint64_t bits;
        memcpy(&bits, &rating, 8);
        sotto_put_be64(whole + 4, bits);
        whole[12] = 0xb8;
        whole[13] = 0x40;
        memcpy(whole + 14, filter, 64);
        whole[78] = 1;
        good = good && hex_is(in, "payload", whole, 79);
    } else {
        if (!real_get(in, "rating", &rating) || hex_get(in, "filter", filter, 64) != 0 || rating < 0) return false;
        struct sotto_pool_config pool = { 1 << 20, 100, rating, NULL };
        fake_init(&f, test_seed(), &pool);
        fake_up(&f, 1, false);
        good = said(&f, 1, SOTTO_SHH_STATUS, out);
    }
    fake_free(&f);
    return good;
}

static bool run_packet(const json_t *in, const json_t *out)
{
    static struct fake f;
    uint64_t code;
    double rating;
    uint8_t topic[4];
    bool good = false;
    if (!number_get(in, "code", &code)) return false;
    if (code == SOTTO_SHH_POW && real_get(in, "rating", &rating) && rating >= 0) {
        struct sotto_pool_config pool = { 1 << 20, 100, rating, NULL };
        fake_init(&f, test_seed(), &pool);
        fake_ready(&f, 1, false);
        sotto_shh_enter(f.shh, &f.out);
        sotto_shh_floor(f.shh, f.now);
    } else if (code == SOTTO_SHH_BLOOM && hex_get(in, "topic", topic, 4) == 4) {
        struct sotto_bloom b;
        sotto_bloom_topic(&b, topic);
        fake_init(&f, test_seed(), NULL);
        fake_ready(&f, 1, false);
        sotto_shh_enter(f.shh, &f.out);
        sotto_shh_filter(f.shh, &b, f.now);
    } else {
        return false;
    }
    sotto_shh_enter(f.shh, NULL);
    good = said(&f, 1, (unsigned)code, out);
    fake_free(&f);
    return good;
}

static const struct { const char *name; bool (*run)(const json_t *in, const json_t *out); } groups[] = {
    { "pow", run_pow }, { "bloom", run_bloom }, { "envelope", run_envelope }, { "seal", run_seal }, { "status", run_status }, { "packet", run_packet },
};
enum { GROUPS = sizeof groups / sizeof groups[0] };

static int group_of(const json_t *one)
{
    const char *name = json_string_value(json_object_get(one, "group"));
    for (int i = 0; name && i < GROUPS; i++)
        if (strcmp(groups[i].name, name) == 0) return i;
    return -1;
}

static bool run_case(const json_t *one)
{
    int group = group_of(one);
    const json_t *in = json_object_get(one, "in"), *out = json_object_get(one, "out");
    return group >= 0 && json_is_object(in) && json_is_object(out) && json_object_size(out) > 0 && groups[group].run(in, out);
}

static json_t *load(void)
{
    json_error_t error;
    json_t *root = json_load_file(FILE_NAME, JSON_REJECT_DUPLICATES, &error);
    if (!root) fail_msg("%s: line %d: %s", FILE_NAME, error.line, error.text);
    return root;
}

static void every_case_holds(void **state)
{
    (void)state;
    json_t *root = load(), *list = json_object_get(root, "vectors");
    unsigned seen[GROUPS] = { 0 };
    size_t i;
    json_t *one;
    assert_true(json_array_size(list) > 0);
    json_array_foreach(list, i, one) {
        if (!run_case(one)) fail_msg("%s", json_string_value(json_object_get(one, "id")));
        seen[group_of(one)]++;
    }
    for (unsigned g = 0; g < GROUPS; g++)
        if (!seen[g]) fail_msg("no case of group %s", groups[g].name);
    const char *name;
    json_t *text;
    json_object_foreach(json_object_get(root, "groups"), name, text) {
        bool known = false;
        for (unsigned g = 0; g < GROUPS; g++) known |= strcmp(groups[g].name, name) == 0;
        if (!known) fail_msg("unknown group %s", name);
    }
    json_decref(root);
}

static json_t *changed(const json_t *value)
{
    if (json_is_integer(value)) return json_integer(json_integer_value(value) + 1);
    const char *text = json_string_value(value);
    char copy[8192];
    size_t size = strlen(text);
    if (size == 0) return json_string("00");
    assert_true(size < sizeof copy);
    memcpy(copy, text, size + 1);
    size_t at = size / 2;
    if (copy[at] == '.') at++;
    copy[at] = copy[at] == '1' ? '2' : '1';       /* a digit in hex as in decimal */
    return json_string(copy);
}

static void a_changed_value_fails(void **state)
{
    (void)state;
    json_t *root = load(), *one;
    size_t i;
    unsigned tried = 0;
    json_array_foreach(json_object_get(root, "vectors"), i, one) {
        for (unsigned side = 0; side < 2; side++) {
            const char *part = side ? "out" : "in", *key;
            json_t *value;
            json_object_foreach(json_object_get(one, part), key, value) {
                json_t *copy = json_deep_copy(one);
                json_object_set_new(json_object_get(copy, part), key, changed(value));
                if (run_case(copy)) fail_msg("%s: %s.%s may be changed", json_string_value(json_object_get(one, "id")), part, key);
                json_decref(copy);
                tried++;
            }
        }
    }
    assert_true(tried > 30);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_case_holds), cmocka_unit_test(a_changed_value_fails) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
