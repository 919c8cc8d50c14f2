#include "whisper/rules.h"

#include "base/plant.h"
#include "whisper/pool.h"

enum sotto_err sotto_rules_before_work(uint32_t *late_s, const struct sotto_envelope *e, const struct sotto_rules *rules)
{
    if (sotto_envelope_size(e) > (rules->size_max ? rules->size_max : SOTTO_ENVELOPE_SIZE_MAX)) return SOTTO_ERR_ENV_SIZE;
    uint32_t sent = sotto_envelope_sent(e), late = 0;
    if (sent > rules->now_ahead) {
        if (sent - rules->now_ahead > SOTTO_SYNC_ALLOWANCE_S) return SOTTO_ERR_ENV_FUTURE;
        late = sent - rules->now_ahead + 1;
    }
    if (e->expiry < rules->now_behind + SOTTO_PLANTED(EXPIRY_OFF_BY_ONE)) return SOTTO_ERR_ENV_OLD;
    if (e->ttl == 0 || (e->ttl > SOTTO_POOL_TTL_MAX_S && !SOTTO_PLANTED(TTL_UNCAPPED))) return SOTTO_ERR_ENV_TTL;
    *late_s = late;
    return SOTTO_OK;
}

enum sotto_err sotto_rules_work(double *rating, const struct sotto_envelope *e, unsigned zeros, uint32_t late_s, const struct sotto_rules *rules)
{
    double value = sotto_rating(zeros, sotto_envelope_short_size(e), e->ttl, late_s);
    if (value < rules->floor && value < rules->floor_before && !SOTTO_PLANTED(WORK_IGNORED)) return SOTTO_ERR_ENV_WORK;
    if (rules->filter && rules->filter_before && !SOTTO_PLANTED(BLOOM_IGNORED)) {
        struct sotto_bloom topic;
        sotto_bloom_topic(&topic, e->topic);
        if (!sotto_bloom_match(rules->filter, &topic) && !sotto_bloom_match(rules->filter_before, &topic)) return SOTTO_ERR_ENV_BLOOM;
    }
    *rating = value;
    return SOTTO_OK;
}

double sotto_rules_worth(double rating, size_t data_size)
{
    size_t size = SOTTO_ENVELOPE_HEADER + data_size, native = SOTTO_ENVELOPE_HEADER + SOTTO_NATIVE_DATA;
    return size >= native ? rating : rating * ((double)size / (double)native);
}

enum sotto_err sotto_rules_judge(double *rating, const struct sotto_envelope *e, const struct sotto_rules *rules)
{
    uint32_t late_s;
    SOTTO_TRY(sotto_rules_before_work(&late_s, e, rules));
    return sotto_rules_work(rating, e, sotto_envelope_zeros(e), late_s, rules);
}
