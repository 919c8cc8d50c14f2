/* config methods and node reload. A value set here lies in the database, above the files and below environment and flags. */
#include "node/impl.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *item(const struct sotto_config *c, enum sotto_config_key_id id, bool with_source)
{
    const struct sotto_config_key *key = &sotto_config_keys[id];
    struct sotto_buf text = sotto_buf_make(256u << 10);
    json_t *o = json_object();
    json_object_set_new(o, "key", json_string(key->name));
    json_object_set_new(o, "value", sotto_config_show(&text, c, id) == SOTTO_OK ? sotto_json_text(sotto_buf_span(&text)) : json_null());
    json_object_set_new(o, "default", json_string(key->default_text));
    if (with_source) {
        json_object_set_new(o, "source", json_string(sotto_config_source_name(sotto_config_source(c, id))));
        json_object_set_new(o, "seedRow", json_string(key->row));
    }
    json_object_set_new(o, "needsRestart", json_boolean(key->flags & SOTTO_CONFIG_RESTART));
    sotto_buf_free(&text);
    return o;
}

static json_t *problems_json(const struct sotto_config_problems *p)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < p->count; i++) {
        const struct sotto_config_problem *q = &p->items[i];
        json_t *o = json_object();
        if (q->key[0]) json_object_set_new(o, "key", json_string(q->key));
        if (q->line) json_object_set_new(o, "line", json_integer(q->line));
        json_object_set_new(o, "file", json_string(q->file));
        json_object_set_new(o, "what", json_string(q->text));
        json_object_set_new(o, "todo", q->near[0] ? json_sprintf("Did you mean \"%s\"?", q->near) : json_string("Correct it; the old values stay in force."));
        json_array_append_new(list, o);
    }
    return list;
}

static void refuse(struct sotto_call *call, struct sotto_config_problems *p)
{
    char line[16];
    const struct sotto_config_problem *q = p->count ? &p->items[0] : NULL;
    if (q && q->line) {
        snprintf(line, sizeof line, "%u", q->line);
        sotto_call_error(call, 2105, "file", q->file, "n", line, "why", q->text, "field", q->key, NULL);
    } else if (q) {
        sotto_call_error(call, 2105, "why", q->text, "field", q->key, NULL);
    } else {
        sotto_call_error(call, 2105, NULL);
    }
    sotto_config_problems_free(p);
}

static bool known(struct sotto_call *call, const char *name, enum sotto_config_key_id *out)
{
    *out = sotto_config_find(sotto_span_str(name));
    if (*out != SOTTO_KEYS) return true;
    const char *near = sotto_config_nearest(sotto_span_str(name));
    if (near) sotto_call_error(call, 2105, "key", name, "why", "is unknown", "near", near, NULL);
    else sotto_call_error(call, 2105, "key", name, "why", "is unknown", NULL);
    return false;
}

static void config_dump(void *ctx, struct sotto_call *call, const struct sotto_config_dump_params *p)
{
    struct sotto_node *n = ctx;
    json_t *list = json_array();
    for (int i = 0; i < SOTTO_KEYS; i++) json_array_append_new(list, item(n->config, (enum sotto_config_key_id)i, p->with_source));
    sotto_call_result(call, list);
}

static void config_get(void *ctx, struct sotto_call *call, const struct sotto_config_get_params *p)
{
    struct sotto_node *n = ctx;
    enum sotto_config_key_id id;
    if (known(call, p->key, &id)) sotto_call_result(call, item(n->config, id, true));
}

/* Reads everything anew; on any problem the old values stay. Keys marked restart keep their old effect until then. */
static bool reload(struct sotto_node *n, struct sotto_call *call)
{
    struct sotto_config *fresh = NULL;
    struct sotto_config_problems problems = { 0 };
    enum sotto_err err = sotto_node_config(n, &fresh, &problems);
    if (err != SOTTO_OK) {
        if (call && err == SOTTO_ERR_FORMAT) refuse(call, &problems);
        else {
            if (call) sotto_api_fail(call, err);
            else sotto_log_line(n->log, SOTTO_LOG_WARN, "config", "not-reloaded", "problems=%u", problems.all);
            sotto_config_problems_free(&problems);
        }
        return false;
    }
    sotto_config_free(n->config);
    n->config = fresh;
    if (n->txn_depth) n->settings_changed = true;         /* read again if what it holds is not stored after all */
    sotto_node_configured(n);
    return true;
}

bool sotto_config_again(struct sotto_node *n) { return reload(n, NULL); }

static void config_set(void *ctx, struct sotto_call *call, const struct sotto_config_set_params *p)
{
    struct sotto_node *n = ctx;
    enum sotto_config_key_id id;
    struct sotto_config_problems problems = { 0 };
    if (!known(call, p->key, &id)) return;
    enum sotto_err err = sotto_config_check_value(&problems, n->config, p->key, p->value);
    if (err == SOTTO_ERR_FORMAT) {
        refuse(call, &problems);
        return;
    }
    if (err == SOTTO_OK) err = sotto_store_setting_put(n->store, p->key, p->value);
    if (err != SOTTO_OK) {
        sotto_api_fail(call, err);
        return;
    }
    if (reload(n, call)) sotto_call_result(call, item(n->config, id, true));
}

static void config_unset(void *ctx, struct sotto_call *call, const struct sotto_config_unset_params *p)
{
    struct sotto_node *n = ctx;
    enum sotto_config_key_id id;
    if (!known(call, p->key, &id)) return;
    enum sotto_err err = sotto_store_setting_delete(n->store, p->key);
    if (err != SOTTO_OK && err != SOTTO_ERR_MISSING) {
        sotto_api_fail(call, err);
        return;
    }
    if (reload(n, call)) sotto_call_result(call, item(n->config, id, true));
}

/* What is no mistake and yet has no effect. */
static void config_idle(json_t *list, const struct sotto_config *c)
{
    const char *why = sotto_config_bool(c, SOTTO_KEY_NETWORK_LAN) ? sotto_beacon_barred(c) : NULL;
    if (why)
        json_array_append_new(list, json_pack("{s:s, s:o, s:s}", "key", "network.lan", "what", json_sprintf("network.lan has no effect (%s).", why),
                                              "todo", "Set network.lan to false, or do without the proxy."));
}

static void config_check(void *ctx, struct sotto_call *call, const struct sotto_config_check_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_config_problems problems = { 0 };
    struct sotto_config *fresh = NULL;
    enum sotto_err err = p->text ? sotto_config_check(&problems, "text", sotto_span_str(p->text)) : sotto_node_config(n, &fresh, &problems);
    if (err == SOTTO_OK || err == SOTTO_ERR_FORMAT) {
        json_t *list = problems_json(&problems);
        if (fresh) config_idle(list, fresh);
        sotto_call_result(call, list);
    } else {
        sotto_api_fail(call, err);
    }
    sotto_config_free(fresh);
    sotto_config_problems_free(&problems);
}

static void node_reload(void *ctx, struct sotto_call *call, const struct sotto_node_reload_params *p)
{
    (void)p;
    if (reload(ctx, call)) sotto_call_result(call, json_true());
}

void sotto_api_config_fill(struct sotto_api *api)
{
    api->config_dump = config_dump;
    api->config_get = config_get;
    api->config_set = config_set;
    api->config_unset = config_unset;
    api->config_check = config_check;
    api->node_reload = node_reload;
}
