/* Jobs: work that outlives a call (experience.md 2.1). Kept in memory: what they do (Argon2id, a backup) is either done and durable,
 * or did not happen; after a restart an unknown job is 1002. */
#include "node/impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const state_names[] = { "queued", "running", "done", "failed", "cancelled" };

struct task_waiter { struct task_waiter *next; struct sotto_node *node; struct sotto_call *call; uint64_t task; struct sotto_timer *timer; };

static bool ended(const struct sotto_task *t) { return t->state >= SOTTO_TASK_DONE; }

static void task_free(struct sotto_task *t)
{
    json_decref(t->result);
    json_decref(t->error);
    free(t);
}

void sotto_tasks_forget(struct sotto_node *n)
{
    for (unsigned i = 0; i < n->task_count; i++) {
        struct sotto_task *t = n->tasks[i];
        if (strcmp(t->method, "chat export") != 0) continue;
        json_decref(t->result);
        t->result = NULL;
    }
}

struct sotto_task *sotto_task_find(struct sotto_node *n, uint64_t id)
{
    for (unsigned i = 0; i < n->task_count; i++)
        if (n->tasks[i]->id == id) return n->tasks[i];
    return NULL;
}

static bool drop_oldest(struct sotto_node *n)
{
    for (unsigned i = 0; i < n->task_count; i++) {
        if (!ended(n->tasks[i])) continue;
        task_free(n->tasks[i]);
        memmove(&n->tasks[i], &n->tasks[i + 1], (--n->task_count - i) * sizeof n->tasks[0]);
        return true;
    }
    return false;
}

/* The call that began it came to nothing: so did the job. */
static void task_after(struct sotto_node *n, void *arg, bool committed)
{
    for (unsigned i = 0; !committed && i < n->task_count; i++) {
        if (n->tasks[i] != arg) continue;
        task_free(n->tasks[i]);
        memmove(&n->tasks[i], &n->tasks[i + 1], (--n->task_count - i) * sizeof n->tasks[0]);
    }
}

struct sotto_task *sotto_task_new(struct sotto_node *n, const char *method)
{
    if (n->task_count == SOTTO_TASKS_MAX && !drop_oldest(n)) return NULL;
    struct sotto_task *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->id = n->next_task++;
    snprintf(t->method, sizeof t->method, "%s", method);
    t->state = SOTTO_TASK_RUNNING;
    t->total = 1;
    t->started_ms = sotto_io_now().wall_ms;
    n->tasks[n->task_count++] = t;
    sotto_txn_after(n, task_after, t);
    return t;
}

json_t *sotto_task_json(const struct sotto_task *t)
{
    char id[SOTTO_TASK_TEXT];
    sotto_task_name(id, t->id);
    json_t *o = json_object();
    json_object_set_new(o, "job", json_string(id));
    json_object_set_new(o, "method", json_string(t->method));
    json_object_set_new(o, "state", json_string(state_names[t->state]));
    json_object_set_new(o, "step", json_string(t->step));
    json_object_set_new(o, "done", json_integer((json_int_t)t->done));
    json_object_set_new(o, "total", json_integer((json_int_t)t->total));
    json_object_set_new(o, "unit", json_string("steps"));
    json_object_set_new(o, "etaMs", json_null());
    if (t->result) json_object_set(o, "result", t->result);
    if (t->error) json_object_set(o, "error", t->error);
    return o;
}

static void waiter_free(struct task_waiter *w)
{
    struct task_waiter **at = (struct task_waiter **)&w->node->task_waiters;
    while (*at && *at != w) at = &(*at)->next;
    if (*at) *at = w->next;
    sotto_timer_free(w->timer);
    free(w);
}

static void settle(struct sotto_node *n, struct sotto_task *t)
{
    t->ended_ms = sotto_io_now().wall_ms;
    sotto_txn_begin(n);
    json_t *job = sotto_task_json(t);
    json_t *told = json_object();                         /* results may name people: an event of the node tells only that it ended */
    json_object_set(told, "job", json_object_get(job, "job"));
    json_object_set(told, "method", json_object_get(job, "method"));
    json_object_set(told, "state", json_object_get(job, "state"));
    json_decref(job);
    enum sotto_err err = sotto_event_add(n, NULL, "job.done", told);
    if (err != SOTTO_OK) sotto_txn_fail(n, err);
    err = sotto_txn_end(n, true);
    if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_WARN, "store", "event-lost", "reason=%s", sotto_err_name(err));
    for (struct task_waiter *w = n->task_waiters, *next; w; w = next) {
        next = w->next;
        if (w->task != t->id) continue;
        struct sotto_call *call = w->call;
        waiter_free(w);
        sotto_call_result(call, sotto_task_json(t));
    }
}

void sotto_task_done(struct sotto_node *n, struct sotto_task *t, json_t *result)
{
    t->state = SOTTO_TASK_DONE;
    t->done = t->total;
    t->step[0] = 0;
    t->result = result;
    t->job = NULL;
    settle(n, t);
}

void sotto_task_fail(struct sotto_node *n, struct sotto_task *t, int code, ...)
{
    const char *values[17];
    size_t count = 0;
    va_list args;
    va_start(args, code);
    while (count < 16 && (values[count] = va_arg(args, const char *))) count++;
    va_end(args);
    values[count] = NULL;
    t->state = SOTTO_TASK_FAILED;
    t->job = NULL;
    t->error = sotto_rpc_error_object(code, values);
    settle(n, t);
}

void sotto_task_cancelled(struct sotto_node *n, struct sotto_task *t)
{
    t->state = SOTTO_TASK_CANCELLED;
    t->job = NULL;
    settle(n, t);
}

void sotto_tasks_free(struct sotto_node *n)
{
    while (n->task_waiters) waiter_free(n->task_waiters);
    for (unsigned i = 0; i < n->task_count; i++) task_free(n->tasks[i]);
    n->task_count = 0;
}

/* ---- methods ---- */

void sotto_task_name(char out[SOTTO_TASK_TEXT], uint64_t id) { snprintf(out, SOTTO_TASK_TEXT, "j%" PRIx64, id); }

bool sotto_task_parse(uint64_t *out, const char *name)
{
    uint64_t id = 0;
    size_t digits = 0;
    if (name[0] != 'j' || name[1] == '0') return false;
    for (const char *c = name + 1; *c; c++, digits++) {
        if (digits == 16 || !((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'f'))) return false;
        id = id << 4 | (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
    }
    if (digits == 0) return false;
    *out = id;
    return true;
}

static struct sotto_task *by_name(struct sotto_node *n, struct sotto_call *call, const char *name)
{
    uint64_t id;
    struct sotto_task *t = sotto_task_parse(&id, name) ? sotto_task_find(n, id) : NULL;
    if (!t) sotto_call_error(call, 1002, "thing", "job", "value", name, NULL);
    return t;
}

static void job_get(void *ctx, struct sotto_call *call, const struct sotto_job_get_params *p)
{
    struct sotto_task *t = by_name(ctx, call, p->job);
    if (t) sotto_call_result(call, sotto_task_json(t));
}

static void job_list(void *ctx, struct sotto_call *call, const struct sotto_job_list_params *p)
{
    struct sotto_node *n = ctx;
    json_t *items = json_array();
    uint64_t after = p->after ? strtoull(p->after, NULL, 10) : 0;
    bool more = false;
    for (unsigned i = 0; i < n->task_count; i++) {
        struct sotto_task *t = n->tasks[i];
        if (t->id < after || (p->state && (int)t->state != (int)p->state - 1)) continue;
        if (json_array_size(items) == p->limit) {
            after = t->id;
            more = true;
            break;
        }
        json_array_append_new(items, sotto_task_json(t));
    }
    json_t *o = json_pack("{s:o}", "items", items);
    char next[32];
    snprintf(next, sizeof next, "%" PRIu64, after);
    if (more) json_object_set_new(o, "next", json_string(next));
    sotto_call_result(call, o);
}

static void wait_over(void *ctx, struct sotto_now now)
{
    struct task_waiter *w = ctx;
    struct sotto_task *t = sotto_task_find(w->node, w->task);
    struct sotto_call *call = w->call;
    (void)now;
    waiter_free(w);
    char id[SOTTO_TASK_TEXT];
    if (t) sotto_task_name(id, t->id);
    if (!t) sotto_call_error(call, 1002, "thing", "job", NULL);
    else if (ended(t)) sotto_call_result(call, sotto_task_json(t));
    else sotto_call_error(call, 1004, "step", t->step, "job", id, NULL);
}

static void wait_cancel(void *ctx, struct sotto_call *call)
{
    (void)call;
    waiter_free(ctx);
}

static void job_wait(void *ctx, struct sotto_call *call, const struct sotto_job_wait_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_task *t = by_name(n, call, p->job);
    if (!t) return;
    if (ended(t) || p->wait_ms == 0) {
        sotto_call_result(call, sotto_task_json(t));
        return;
    }
    struct task_waiter *w = calloc(1, sizeof *w);
    if (!w || sotto_timer_new(&w->timer, n->loop, wait_over, w) != SOTTO_OK) {
        free(w);
        sotto_call_error(call, 1003, NULL);
        return;
    }
    w->node = n;
    w->call = call;
    w->task = t->id;
    w->next = n->task_waiters;
    n->task_waiters = w;
    sotto_timer_set(w->timer, sotto_io_now().mono_us + p->wait_ms * 1000);
    sotto_call_on_cancel(call, wait_cancel, w);
}

static void cancel_after(struct sotto_node *n, void *arg, bool committed)
{
    uint64_t *id = arg;
    struct sotto_task *t = committed ? sotto_task_find(n, *id) : NULL;
    if (t && t->job) sotto_job_cancel(t->job);            /* it ends as cancelled when the worker lets go */
    free(id);
}

static void job_cancel(void *ctx, struct sotto_call *call, const struct sotto_job_cancel_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_task *t = by_name(n, call, p->job);
    if (!t) return;
    if (ended(t)) {
        sotto_call_error(call, 1009, "thing", "the job", "state", state_names[t->state], NULL);
        return;
    }
    uint64_t *id = malloc(sizeof *id);
    if (!id) {
        sotto_call_error(call, 1003, NULL);
        return;
    }
    *id = t->id;
    sotto_txn_after(n, cancel_after, id);
    sotto_call_result(call, sotto_task_json(t));
}

void sotto_api_job_fill(struct sotto_api *api)
{
    api->job_get = job_get;
    api->job_list = job_list;
    api->job_wait = job_wait;
    api->job_cancel = job_cancel;
}
