#include "whisper/rules.h"

#include "whisper/pool.h"

enum sotto_err sotto_rules_judge(double *rating, const struct sotto_envelope *e, const struct sotto_rules *rules)
{
    if (sotto_envelope_size(e) > SOTTO_ENVELOPE_SIZE_MAX) return SOTTO_ERR_ENV_SIZE;
    uint32_t sent = sotto_envelope_sent(e), late = 0;
    if (sent > rules->now_ahead) {
        if (sent - rules->now_ahead > SOTTO_SYNC_ALLOWANCE_S) return SOTTO_ERR_ENV_FUTURE;
        late = sent - rules->now_ahead + 1;
    }
    if (e->expiry < rules->now_behind) return SOTTO_ERR_ENV_OLD;
    if (e->ttl == 0 || e->ttl > SOTTO_POOL_TTL_MAX_S) return SOTTO_ERR_ENV_TTL;
    double value = sotto_envelope_rating(e, late);
    if (value < rules->floor && value < rules->floor_before) return SOTTO_ERR_ENV_WORK;
    if (rules->filter && rules->filter_before) {
        struct sotto_bloom topic;
        sotto_bloom_topic(&topic, e->topic);
        if (!sotto_bloom_match(rules->filter, &topic) && !sotto_bloom_match(rules->filter_before, &topic)) return SOTTO_ERR_ENV_BLOOM;
    }
    *rating = value;
    return SOTTO_OK;
}
