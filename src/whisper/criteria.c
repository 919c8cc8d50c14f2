#include "whisper/filter.h"

struct sotto_shh_refusal sotto_shh_criteria_check(struct sotto_shh_criteria *out, struct sotto_point *signer, const struct sotto_shh_keys *keys,
                                                  const struct sotto_shh_criteria_asked *asked, enum sotto_shh_manner manner)
{
    struct sotto_shh_criteria c = { .min_pow = asked->min_pow, .allow_p2p = asked->allow_p2p, .topics = asked->topics, .topic_count = asked->topic_count };
    struct sotto_shh_refusal r;
    struct sotto_point by;
    bool subscribe = manner == SOTTO_SHH_SUBSCRIBE;
    if ((asked->sym_id.size > 0) == (asked->key_id.size > 0)) return sotto_shh_refusal(SOTTO_SHH_REFUSED_WHICH_KEY);
    if (asked->sig.size && sotto_shh_public_from(&by, asked->sig) != SOTTO_OK) return sotto_shh_refusal(SOTTO_SHH_REFUSED_SIGNING_KEY);
    if (asked->sym_id.size) {
        if (subscribe && asked->topic_count == 0) return sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_TOPICS);
        r = sotto_shh_keys_sym_to_use(keys, &c.sym, asked->sym_id);
    } else {
        struct sotto_shh_pair pair;
        r = sotto_shh_keys_pair(keys, &pair, asked->key_id);
        if (r.why == SOTTO_SHH_REFUSED_NOTHING) c.key = pair.key;
        else if (subscribe) r = sotto_shh_refusal(SOTTO_SHH_REFUSED_PUBLIC_KEY);
    }
    if (r.why) return r;
    if (asked->sig.size) {
        *signer = by;
        c.signer = signer;
    }
    *out = c;
    return r;
}

void sotto_shh_topics_bloom(struct sotto_bloom *out, const uint8_t (*topics)[4], size_t count)
{
    struct sotto_bloom all = { { 0 } }, one;
    for (size_t i = 0; i < count; i++) {
        sotto_bloom_topic(&one, topics[i]);
        sotto_bloom_join(&all, &one);
    }
    *out = all;
}
