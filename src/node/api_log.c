/* log methods: the newest lines, and how much is said, area by area, while the node runs (experience.md 5). */
#include "node/impl.h"

#include <stdio.h>
#include <stdlib.h>

#define TAIL_BYTES_MAX (SOTTO_LOG_KEPT_BYTES + SOTTO_LOG_KEPT_LINES + 2)       /* all lines with their commas and brackets */

/* Every area that a line of this program names; tests/house keeps the list true. */
static const char *const areas[] = { "account", "config", "crypto", "discovery", "door", "lan", "log", "message", "network", "node", "p2p", "rpc", "store", "tcp", "udp",
                                     "whisper", "work" };
#define ALL "all"

static bool known(struct sotto_call *call, const char *area, bool all)
{
    char why[256];
    size_t at = (size_t)snprintf(why, sizeof why, "is none of:%s", all ? " " ALL : "");
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
        if (strcmp(areas[i], area) == 0) return true;
        if (at < sizeof why) at += (size_t)snprintf(why + at, sizeof why - at, " %s", areas[i]);
    }
    if (all && strcmp(area, ALL) == 0) return true;
    sotto_call_error(call, 1001, "field", "area", "why", why, NULL);
    return false;
}

static void log_tail(void *ctx, struct sotto_call *call, const struct sotto_log_tail_params *p)
{
    struct sotto_node *n = ctx;
    static const enum sotto_level levels[] = { [SOTTO_LOG_TAIL_LEVEL_ERROR] = SOTTO_LOG_ERROR, [SOTTO_LOG_TAIL_LEVEL_WARN] = SOTTO_LOG_WARN,
                                               [SOTTO_LOG_TAIL_LEVEL_INFO] = SOTTO_LOG_INFO, [SOTTO_LOG_TAIL_LEVEL_DEBUG] = SOTTO_LOG_DEBUG };
    struct sotto_buf lines = sotto_buf_make(TAIL_BYTES_MAX);
    if (p->area && !known(call, p->area, false)) return;
    enum sotto_err err = sotto_io_log_tail(n->log, &lines, p->area, levels[p->level], (unsigned)p->limit);
    if (err == SOTTO_OK) {
        sotto_call_result_text(call, &lines);
        return;
    }
    sotto_buf_free(&lines);
    sotto_api_fail(call, err);
}

static json_t *levels_json(struct sotto_node *n)
{
    struct sotto_log_area own[SOTTO_LOG_AREAS_MAX];
    unsigned count = sotto_io_log_areas(n->log, own);
    json_t *o = json_object();
    json_object_set_new(o, ALL, json_string(sotto_level_name(sotto_io_log_get(n->log, NULL))));
    for (unsigned i = 0; i < count; i++) json_object_set_new(o, own[i].area, json_string(sotto_level_name(own[i].level)));
    return o;
}

/* Nothing of it is stored, so it is no transaction: somebody whose disk is full wants to hear more. */
static void log_level(void *ctx, struct sotto_call *call, const struct sotto_log_level_params *p)
{
    struct sotto_node *n = ctx;
    static const enum sotto_level levels[] = { [SOTTO_LOG_LEVEL_LEVEL_ERROR] = SOTTO_LOG_ERROR, [SOTTO_LOG_LEVEL_LEVEL_WARN] = SOTTO_LOG_WARN,
                                               [SOTTO_LOG_LEVEL_LEVEL_INFO] = SOTTO_LOG_INFO, [SOTTO_LOG_LEVEL_LEVEL_DEBUG] = SOTTO_LOG_DEBUG };
    if (!known(call, p->area, true)) return;
    enum sotto_err err = sotto_io_log_level(n->log, strcmp(p->area, ALL) == 0 ? NULL : p->area, levels[p->level]);
    if (err == SOTTO_OK) sotto_call_result(call, levels_json(n));
    else sotto_api_fail(call, err);
}

void sotto_api_log_fill(struct sotto_api *api)
{
    _Static_assert(sizeof areas / sizeof *areas <= SOTTO_LOG_AREAS_MAX, "each area can have a level of its own");
    api->log_tail = log_tail;
    api->log_level = log_level;
}
