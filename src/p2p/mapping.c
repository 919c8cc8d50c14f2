#include "p2p/mapping.h"

#include "p2p/group.h"

struct sotto_mapping sotto_mapping_new(struct sotto_now now)
{
    struct sotto_mapping m = { .next_us = now.mono_us };
    return m;
}

enum sotto_mapping_wish sotto_mapping_tick(struct sotto_mapping *m, struct sotto_now now)
{
    if (m->mapped && now.mono_us >= m->ends_us) {
        m->mapped = false;
        return SOTTO_MAPPING_LOST;
    }
    if (m->done || m->asking || now.mono_us < m->next_us) return SOTTO_MAPPING_NOTHING;
    m->asking = true;
    return SOTTO_MAPPING_ASK;
}

/* What the router promises, or why that is none. */
static enum sotto_map_result judge(const struct sotto_map_try *t)
{
    if (t->result != SOTTO_MAP_MAPPED) return t->result;
    if (t->addr.family != 4 || t->addr.port < SOTTO_MAP_PORT_MIN || t->lease_s < SOTTO_MAP_LEASE_LEAST_S) return SOTTO_MAP_RUBBISH;
    return sotto_disc_class(&t->addr) == SOTTO_DISC_PUBLIC ? SOTTO_MAP_MAPPED : SOTTO_MAP_PRIVATE;
}

bool sotto_mapping_answer(struct sotto_mapping *m, const struct sotto_map_report *report, struct sotto_now now)
{
    SOTTO_ASSERT(m->asking && report->count <= SOTTO_MAP_METHOD_COUNT);
    m->asking = false;
    m->answered = true;
    m->last = *report;
    struct sotto_map_try *t = report->count ? &m->last.tries[report->count - 1] : NULL;
    if (t) t->result = judge(t);
    if (!t || t->result != SOTTO_MAP_MAPPED) {
        bool pause = ++m->fails >= SOTTO_MAP_FAILS_MAX;
        if (pause) m->fails = 0;
        m->next_us = now.mono_us + (pause ? SOTTO_MAP_PAUSE_US : SOTTO_MAP_AGAIN_US);
        return false;
    }
    uint64_t lease_us = 1000000ull * (t->lease_s < SOTTO_MAP_LEASE_S ? t->lease_s : SOTTO_MAP_LEASE_S);
    bool fresh = !m->mapped || !sotto_addr_equal(&m->have.addr, &t->addr);
    m->fails = 0;
    m->mapped = true;
    m->have = *t;
    m->ends_us = now.mono_us + lease_us;
    m->next_us = now.mono_us + lease_us / 2;
    return fresh && !m->done;
}

bool sotto_mapping_end(struct sotto_mapping *m)
{
    m->done = true;
    return m->mapped;
}

uint64_t sotto_mapping_deadline(const struct sotto_mapping *m)
{
    uint64_t at = m->done || m->asking ? UINT64_MAX : m->next_us;
    return m->mapped && m->ends_us < at ? m->ends_us : at;
}
