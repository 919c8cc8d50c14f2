/* The methods shh_* as geth v1.9.20 has them (whisper-v6.md 12): what they check and say, and in which order, is whisper/'s; what they keep is
 * the desk's. */
#include "node/whisper_desk.h"

#include "rpc/foreign.h"

#include <inttypes.h>
#include <stdio.h>

#define ANSWER_MAX (8u << 20)             /* of shh_getFilterMessages: the rest comes with the next call */
#define TOPICS_MAX (4u * SOTTO_SHH_FILTER_TOPICS_MAX)

typedef const struct sotto_foreign_arg args_t;

/* NULL: the call was answered. */
static struct sotto_desk *desk_of(void *ctx, struct sotto_call *call)
{
    struct sotto_desk *d = sotto_desk(ctx);
    struct sotto_shh_refusal r = sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_MEMORY);
    if (!d) sotto_shh_refuse(call, &r);
    return d;
}

static void answer_refused(struct sotto_call *call, enum sotto_shh_refused why)
{
    struct sotto_shh_refusal r = sotto_shh_refusal(why);
    sotto_shh_refuse(call, &r);
}

static void answer_id(struct sotto_call *call, const struct sotto_shh_refusal *r, const struct sotto_shh_id *id)
{
    if (r->why) sotto_shh_refuse(call, r);
    else sotto_call_result(call, json_string(id->text));
}

/* ---- the node ---- */

static void version(void *ctx, struct sotto_call *call, args_t *args)
{
    (void)ctx;
    (void)args;
    sotto_call_result(call, json_string("6.0"));
}

static enum sotto_err info_text(struct sotto_buf *out, const struct sotto_node *n, uint32_t size_max)
{
    static const char middle[] = ",\"messages\":0,\"minPow\":";
    const struct sotto_pool *pool = sotto_net_pool(n->net);
    char text[96];
    int size = snprintf(text, sizeof text, "{\"maxMessageSize\":%" PRIu32 ",\"memory\":%" PRIu64, size_max, sotto_pool_sizes(pool));
    SOTTO_TRY(sotto_buf_add(out, text, (size_t)size));
    SOTTO_TRY(sotto_buf_add(out, middle, sizeof middle - 1));     /* nothing waits to be decrypted for long enough to be counted */
    SOTTO_TRY(sotto_shh_text_number(out, sotto_pool_floor(pool)));
    return sotto_buf_add_u8(out, '}');
}

static void info(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_node *n = ctx;
    struct sotto_buf text = sotto_buf_make(256);
    (void)args;
    enum sotto_err err = info_text(&text, n, n->desk ? n->desk->size_max : SOTTO_ENVELOPE_SIZE_MAX);
    if (err == SOTTO_OK) {
        sotto_call_result_text(call, &text);
        return;
    }
    sotto_buf_free(&text);
    answer_refused(call, SOTTO_SHH_REFUSED_NO_MEMORY);
}

static void set_max_message_size(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct sotto_shh_refusal r = { .why = SOTTO_SHH_REFUSED_SIZE_LIMIT, .number = args->number, .limit = SOTTO_DESK_SIZE_MAX };
    if (!d) return;
    if (args->number > SOTTO_DESK_SIZE_MAX) {
        sotto_shh_refuse(call, &r);
        return;
    }
    d->size_max = args->number;
    sotto_net_size_max(d->node->net, args->number);
    sotto_call_result(call, json_true());
}

static void set_min_pow(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_node *n = ctx;
    struct sotto_shh_refusal r = { .why = SOTTO_SHH_REFUSED_MIN_POW, .pow = args->real };
    if (args->real < 0) {
        sotto_shh_refuse(call, &r);
        return;
    }
    sotto_net_min_pow(n->net, args->real + 0.0, sotto_io_now(), &n->outq);      /* -0.0 becomes 0 */
    sotto_network_flush(n);
    sotto_call_result(call, json_true());
}

static void set_bloom_filter(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_node *n = ctx;
    struct sotto_bloom filter;
    struct sotto_shh_refusal r = { .why = SOTTO_SHH_REFUSED_BLOOM_SIZE, .number = args->bytes.size };
    if (args->bytes.size != sizeof filter.b) {
        sotto_shh_refuse(call, &r);
        return;
    }
    memcpy(filter.b, args->bytes.data, sizeof filter.b);
    sotto_net_bloom(n->net, &filter, sotto_io_now(), &n->outq);
    sotto_network_flush(n);
    sotto_log_line(n->log, SOTTO_LOG_INFO, "whisper", "bloom-set", NULL);
    sotto_call_result(call, json_true());
}

static void mark_trusted_peer(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_node *n = ctx;
    uint8_t key[64];
    char id[65], why[160];
    struct sotto_shh_refusal r = { .why = SOTTO_SHH_REFUSED_NO_PEER };
    if (!sotto_shh_url(key, id, why, args->bytes)) {
        sotto_call_foreign_error(call, SOTTO_FOREIGN_CODE, why, "ENODE");
        return;
    }
    r.text = sotto_span_str(id);
    if (sotto_net_trust(n->net, key) == SOTTO_OK) sotto_call_result(call, json_true());
    else sotto_shh_refuse(call, &r);
}

static void light(void *ctx, struct sotto_call *call, bool on)
{
    struct sotto_desk *d = desk_of(ctx, call);
    if (!d) return;
    d->light = on;
    sotto_net_light(d->node->net, on);
    sotto_call_result(call, json_true());
}
static void make_light_client(void *ctx, struct sotto_call *call, args_t *args)
{
    (void)args;
    light(ctx, call, true);
}
static void cancel_light_client(void *ctx, struct sotto_call *call, args_t *args)
{
    (void)args;
    light(ctx, call, false);
}

/* ---- keys ---- */

static void new_key_pair(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct sotto_shh_id id;
    (void)args;
    if (!d) return;
    struct sotto_shh_refusal r = sotto_shh_keys_new_pair(d->keys, &id);
    answer_id(call, &r, &id);
}

static void add_private_key(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct sotto_shh_id id;
    if (!d) return;
    struct sotto_shh_refusal r = sotto_shh_keys_add_pair(d->keys, &id, args->bytes);
    answer_id(call, &r, &id);
}

static void delete_key_pair(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    if (!d) return;
    struct sotto_shh_refusal r = sotto_shh_keys_delete_pair(d->keys, args->bytes);
    if (r.why) sotto_shh_refuse(call, &r);
    else sotto_call_result(call, json_true());
}

static void has_key_pair(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct sotto_shh_pair pair;
    if (d) sotto_call_result(call, json_boolean(sotto_shh_keys_pair(d->keys, &pair, args->bytes).why == SOTTO_SHH_REFUSED_NOTHING));
}

static void get_public_key(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct sotto_shh_pair pair;
    uint8_t text[SOTTO_SHH_PUBLIC];
    if (!d) return;
    struct sotto_shh_refusal r = sotto_shh_keys_pair(d->keys, &pair, args->bytes);
    if (r.why) {
        sotto_shh_refuse(call, &r);
        return;
    }
    sotto_shh_public(text, &pair.point);
    sotto_call_result(call, sotto_json_hex(text, sizeof text));
}

/* W-19: who may call shh_* may use keys; to carry them away is another matter. */
static bool may_export(struct sotto_desk *d, struct sotto_call *call)
{
    bool may = sotto_config_bool(d->node->config, SOTTO_KEY_WHISPER_EXPORT_KEYS);
    if (!may) answer_refused(call, SOTTO_SHH_REFUSED_KEY_EXPORT);
    return may;
}

static void get_private_key(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct sotto_shh_pair pair;
    if (!d || !may_export(d, call)) return;
    struct sotto_shh_refusal r = sotto_shh_keys_pair(d->keys, &pair, args->bytes);
    if (r.why) sotto_shh_refuse(call, &r);
    else sotto_call_result(call, sotto_json_hex(pair.key->b, sizeof pair.key->b));
}

static void new_sym_key(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct sotto_shh_id id;
    (void)args;
    if (!d) return;
    struct sotto_shh_refusal r = sotto_shh_keys_new_sym(d->keys, &id);
    answer_id(call, &r, &id);
}

static void add_sym_key(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct sotto_shh_id id;
    if (!d) return;
    struct sotto_shh_refusal r = sotto_shh_keys_add_sym(d->keys, &id, args->bytes);
    answer_id(call, &r, &id);
}

static void generate_sym_key(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    if (d) sotto_desk_password(d, call, args->bytes);
}

static void has_sym_key(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    const struct sotto_secret *key;
    if (d) sotto_call_result(call, json_boolean(sotto_shh_keys_sym(d->keys, &key, args->bytes).why == SOTTO_SHH_REFUSED_NOTHING));
}

static void get_sym_key(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    const struct sotto_secret *key;
    if (!d || !may_export(d, call)) return;
    struct sotto_shh_refusal r = sotto_shh_keys_sym(d->keys, &key, args->bytes);
    if (r.why) sotto_shh_refuse(call, &r);
    else sotto_call_result(call, sotto_json_hex(key->b, sizeof key->b));
}

static void delete_sym_key(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    if (d) sotto_call_result(call, json_boolean(sotto_shh_keys_delete_sym(d->keys, args->bytes)));
}

/* ---- messages ---- */

static void post(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct sotto_shh_post p = { 0 };
    struct sotto_buf payload = sotto_buf_make(SOTTO_RPC_BODY_MAX), padding = sotto_buf_make(SOTTO_RPC_BODY_MAX), public_key = sotto_buf_make(SOTTO_RPC_BODY_MAX);
    const struct sotto_go_field fields[] = {
        { "symKeyID", SOTTO_GO_STRING, &p.sym_id }, { "pubKey", SOTTO_GO_BYTES, &public_key }, { "sig", SOTTO_GO_STRING, &p.sig_id }, { "ttl", SOTTO_GO_UINT32, &p.ttl },
        { "topic", SOTTO_GO_TOPIC, p.topic }, { "payload", SOTTO_GO_BYTES, &payload }, { "padding", SOTTO_GO_BYTES, &padding }, { "powTime", SOTTO_GO_UINT32, &p.work_s },
        { "powTarget", SOTTO_GO_FLOAT64, &p.target }, { "targetPeer", SOTTO_GO_STRING, &p.target_peer },
    };
    struct sotto_go_fault fault;
    if (!d) return;
    if (sotto_go_object(fields, sizeof fields / sizeof fields[0], "NewMessage", args->object, &fault)) {
        p.payload = sotto_buf_span(&payload);
        p.padding = sotto_buf_span(&padding);
        p.public_key = sotto_buf_span(&public_key);
        sotto_desk_post(d, call, &p);
    } else {
        sotto_call_foreign_argument(call, 0, &fault);
    }
    sotto_buf_free(&payload);
    sotto_buf_free(&padding);
    sotto_buf_free(&public_key);
}

/* What a filter is to be: read, checked, and handed on. */
struct wanted { struct sotto_buf sig, topics; struct sotto_shh_criteria_asked asked; struct sotto_point signer; struct sotto_shh_criteria criteria; };

static void wanted_free(struct wanted *w)
{
    sotto_buf_free(&w->sig);
    sotto_buf_free(&w->topics);
}

/* False: the call was answered. w is freed by the caller either way. */
static bool wanted_read(struct wanted *w, struct sotto_desk *d, struct sotto_call *call, args_t *arg, unsigned index, enum sotto_shh_manner manner)
{
    struct sotto_go_fault fault;
    *w = (struct wanted){ .sig = sotto_buf_make(SOTTO_RPC_BODY_MAX), .topics = sotto_buf_make(TOPICS_MAX) };
    const struct sotto_go_field fields[] = {
        { "symKeyID", SOTTO_GO_STRING, &w->asked.sym_id }, { "privateKeyID", SOTTO_GO_STRING, &w->asked.key_id }, { "sig", SOTTO_GO_BYTES, &w->sig },
        { "minPow", SOTTO_GO_FLOAT64, &w->asked.min_pow }, { "topics", SOTTO_GO_TOPICS, &w->topics }, { "allowP2P", SOTTO_GO_BOOL, &w->asked.allow_p2p },
    };
    if (!sotto_go_object(fields, sizeof fields / sizeof fields[0], "Criteria", arg->object, &fault)) {
        sotto_call_foreign_argument(call, index, &fault);
        return false;
    }
    w->asked.sig = sotto_buf_span(&w->sig);
    w->asked.topics = (const uint8_t (*)[4])(const void *)w->topics.data;
    w->asked.topic_count = w->topics.size / 4;
    struct sotto_shh_refusal r = sotto_shh_criteria_check(&w->criteria, &w->signer, d->keys, &w->asked, manner);
    if (r.why) sotto_shh_refuse(call, &r);
    return r.why == SOTTO_SHH_REFUSED_NOTHING;
}

static void new_message_filter(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct wanted w;
    struct sotto_shh_id id;
    if (!d) return;
    if (wanted_read(&w, d, call, &args[0], 0, SOTTO_SHH_NEW_FILTER)) {
        struct sotto_shh_refusal r = sotto_shh_filters_add(d->filters, &id, &w.criteria);
        if (r.why == SOTTO_SHH_REFUSED_NOTHING) sotto_desk_widen(d, &w.criteria);
        answer_id(call, &r, &id);
    }
    wanted_free(&w);
}

/* Appends until there are no more or the text is long enough. */
static enum sotto_err messages_text(struct sotto_buf *out, struct sotto_desk *d, struct sotto_span id)
{
    const struct sotto_shh_received *m;
    enum sotto_err err = sotto_buf_add_u8(out, '[');
    while (err == SOTTO_OK && out->size < ANSWER_MAX && sotto_shh_filters_take(d->filters, &m, id) == SOTTO_OK) {
        if (out->size > 1) err = sotto_buf_add_u8(out, ',');
        if (err == SOTTO_OK) err = sotto_shh_text_message(out, m);
        sotto_shh_filters_release(d->filters, m);
    }
    return err == SOTTO_OK ? sotto_buf_add_u8(out, ']') : err;
}

static void get_filter_messages(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct sotto_shh_filter_state state;
    struct sotto_buf text = sotto_buf_make(64u << 20);
    if (!d) return;
    if (sotto_shh_filters_state(d->filters, &state, args->bytes) != SOTTO_OK) {
        answer_refused(call, SOTTO_SHH_REFUSED_NO_FILTER);
    } else if (messages_text(&text, d, args->bytes) == SOTTO_OK) {
        sotto_call_result_text(call, &text);
    } else {
        sotto_buf_free(&text);
        answer_refused(call, SOTTO_SHH_REFUSED_NO_MEMORY);
    }
}

static void delete_message_filter(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    if (!d) return;
    if (sotto_shh_filters_remove(d->filters, args->bytes)) sotto_call_result(call, json_true());
    else answer_refused(call, SOTTO_SHH_REFUSED_NO_FILTER_TO_DELETE);
}

static void subscribe(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    struct wanted w;
    char id[SOTTO_DESK_PUSH_ID];
    if (!d) return;
    if (wanted_read(&w, d, call, &args[1], 1, SOTTO_SHH_SUBSCRIBE)) {
        struct sotto_shh_refusal r = sotto_desk_subscribe(d, id, &w.criteria, (uint64_t)(uintptr_t)sotto_call_conn(call));
        if (r.why == SOTTO_SHH_REFUSED_NOTHING) sotto_desk_widen(d, &w.criteria);
        if (r.why) sotto_shh_refuse(call, &r);
        else sotto_call_result(call, json_string(id));
    }
    wanted_free(&w);
}

static void unsubscribe(void *ctx, struct sotto_call *call, args_t *args)
{
    struct sotto_desk *d = desk_of(ctx, call);
    if (!d) return;
    if (sotto_desk_unsubscribe(d, args->bytes, (uint64_t)(uintptr_t)sotto_call_conn(call))) sotto_call_result(call, json_true());
    else sotto_call_foreign_error(call, SOTTO_FOREIGN_CODE, "subscription not found", "NO_SUBSCRIPTION");
}

void sotto_api_shh_fill(struct sotto_api *api)
{
    api->shh_version = version;
    api->shh_info = info;
    api->shh_set_max_message_size = set_max_message_size;
    api->shh_set_min_pow = set_min_pow;
    api->shh_set_bloom_filter = set_bloom_filter;
    api->shh_mark_trusted_peer = mark_trusted_peer;
    api->shh_make_light_client = make_light_client;
    api->shh_cancel_light_client = cancel_light_client;
    api->shh_new_key_pair = new_key_pair;
    api->shh_add_private_key = add_private_key;
    api->shh_delete_key_pair = delete_key_pair;
    api->shh_has_key_pair = has_key_pair;
    api->shh_get_public_key = get_public_key;
    api->shh_get_private_key = get_private_key;
    api->shh_new_sym_key = new_sym_key;
    api->shh_add_sym_key = add_sym_key;
    api->shh_generate_sym_key_from_password = generate_sym_key;
    api->shh_has_sym_key = has_sym_key;
    api->shh_get_sym_key = get_sym_key;
    api->shh_delete_sym_key = delete_sym_key;
    api->shh_post = post;
    api->shh_new_message_filter = new_message_filter;
    api->shh_get_filter_messages = get_filter_messages;
    api->shh_delete_message_filter = delete_message_filter;
    api->shh_subscribe = subscribe;
    api->shh_unsubscribe = unsubscribe;
}
