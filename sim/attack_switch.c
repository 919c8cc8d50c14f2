#include "sim/attack_switch.h"

#include "whisper/pool.h"
#include "whisper/rules.h"

struct sim_attack_switch sim_attack_switch;

enum sotto_err __real_sotto_pool_new(struct sotto_pool **out, const struct sotto_pool_config *config);
enum sotto_err __wrap_sotto_pool_new(struct sotto_pool **out, const struct sotto_pool_config *config);
enum sotto_err __wrap_sotto_pool_new(struct sotto_pool **out, const struct sotto_pool_config *config)
{
    struct sotto_pool_config other = *config;
    if (sim_attack_switch.on) other.floor = sim_attack_switch.floor;
    return __real_sotto_pool_new(out, &other);
}

static bool marked(const struct sotto_envelope *e)
{
    return e->data.size == SOTTO_NATIVE_DATA && memcmp(e->data.data, sim_attack_switch.mark, SIM_ATTACK_MARK) == 0;
}

enum sotto_err __real_sotto_pool_add(struct sotto_pool *p, const struct sotto_pool_entry **entry, const struct sotto_envelope *e,
                                     struct sotto_span rlp, struct sotto_pool_id id, double rating, struct sotto_pool_source source);
enum sotto_err __wrap_sotto_pool_add(struct sotto_pool *p, const struct sotto_pool_entry **entry, const struct sotto_envelope *e,
                                     struct sotto_span rlp, struct sotto_pool_id id, double rating, struct sotto_pool_source source);
enum sotto_err __wrap_sotto_pool_add(struct sotto_pool *p, const struct sotto_pool_entry **entry, const struct sotto_envelope *e,
                                     struct sotto_span rlp, struct sotto_pool_id id, double rating, struct sotto_pool_source source)
{
    struct sim_attack_switch *s = &sim_attack_switch;
    if (!s->on) return __real_sotto_pool_add(p, entry, e, rlp, id, rating, source);
    s->arrivals++;
    if (!s->quota && source.from != SOTTO_FROM_SELF) source = (struct sotto_pool_source){ SOTTO_FROM_OUTBOUND, s->arrivals };
    enum sotto_err err = __real_sotto_pool_add(p, entry, e, rlp, id, rating, source);
    struct sim_attack_side *side = marked(e) ? &s->honest : &s->attacker;
    if (err == SOTTO_OK) side->let_in++;
    else if (err != SOTTO_ERR_ENV_DUPLICATE) side->refused++;
    return err;
}

double __real_sotto_rules_worth(double rating, size_t data_size);
double __wrap_sotto_rules_worth(double rating, size_t data_size);
double __wrap_sotto_rules_worth(double rating, size_t data_size)
{
    const struct sim_attack_switch *s = &sim_attack_switch;
    if (!s->on || s->evict == SIM_EVICT_PLACE) return __real_sotto_rules_worth(rating, data_size);
    if (s->evict == SIM_EVICT_OLDEST) return (double)s->arrivals;     /* what came last is best */
    if (s->evict == SIM_EVICT_NEWEST) return 1;                       /* all alike: nobody makes room for anybody */
    return rating;
}

enum sotto_err __real_sotto_rules_before_work(uint32_t *late_s, const struct sotto_envelope *e, const struct sotto_rules *rules);
enum sotto_err __wrap_sotto_rules_before_work(uint32_t *late_s, const struct sotto_envelope *e, const struct sotto_rules *rules);
enum sotto_err __wrap_sotto_rules_before_work(uint32_t *late_s, const struct sotto_envelope *e, const struct sotto_rules *rules)
{
    struct sotto_envelope shorter = *e;
    if (sim_attack_switch.on && !sim_attack_switch.cap && e->ttl > SOTTO_POOL_TTL_MAX_S) {      /* sent stays what it is */
        shorter.expiry = sotto_envelope_sent(e) + SOTTO_POOL_TTL_MAX_S;
        shorter.ttl = SOTTO_POOL_TTL_MAX_S;
    }
    return __real_sotto_rules_before_work(late_s, &shorter, rules);
}
