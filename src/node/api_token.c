/* token methods: who else may ask over HTTP, and for what. Rows are stored before anybody hears of them. */
#include "node/impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ROW "tokens"                      /* the meta value that holds the table */

static json_t *token_json(const struct sotto_token *t)
{
    char number[24], scopes[8];
    snprintf(number, sizeof number, "t%" PRIu64, t->number);
    sotto_scopes_text(scopes, t->scopes);
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o}", "token", number, "name", t->name, "scopes", scopes, "createdMs", (json_int_t)t->created_ms,
                     "expiresMs", t->expires_ms ? json_integer((json_int_t)t->expires_ms) : json_null(),
                     "usedMs", t->used_ms ? json_integer((json_int_t)t->used_ms) : json_null());
}

static enum sotto_err store(struct sotto_node *n, const struct sotto_tokens *tokens)
{
    struct sotto_buf rows = sotto_buf_make(SOTTO_TOKEN_ROWS_MAX);
    enum sotto_err err = sotto_tokens_encode(&rows, tokens);
    if (err == SOTTO_OK) err = sotto_store_meta_put(n->store, ROW, sotto_buf_span(&rows));
    sotto_buf_free(&rows);
    return err;
}

enum sotto_err sotto_tokens_load(struct sotto_node *n)
{
    struct sotto_buf rows = sotto_buf_make(SOTTO_TOKEN_ROWS_MAX);
    enum sotto_err err = sotto_store_meta_get(n->store, &rows, ROW);
    if (err == SOTTO_OK) err = sotto_tokens_decode(&n->tokens, sotto_buf_span(&rows));
    sotto_buf_free(&rows);
    return err == SOTTO_ERR_MISSING ? SOTTO_OK : err;
}

void sotto_tokens_save_use(struct sotto_node *n)
{
    if (!n->tokens.used) return;
    sotto_txn_begin(n);
    enum sotto_err err = store(n, &n->tokens);
    if (err != SOTTO_OK) sotto_txn_fail(n, err);
    if (sotto_txn_end(n, err == SOTTO_OK) == SOTTO_OK) n->tokens.used = false;       /* else the next time */
}

static void token_list(void *ctx, struct sotto_call *call, const struct sotto_token_list_params *p)
{
    struct sotto_node *n = ctx;
    json_t *items = json_array();
    (void)p;
    for (unsigned i = 0; i < n->tokens.count; i++) json_array_append_new(items, token_json(&n->tokens.made[i]));
    sotto_call_result(call, json_pack("{s:o}", "items", items));
}

/* Not one of the methods that a requestKey repeats: what those answer is stored, and this is a secret. */
static void token_create(void *ctx, struct sotto_call *call, const struct sotto_token_create_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_tokens fresh = n->tokens;
    const struct sotto_token *made = NULL;
    char secret[SOTTO_TOKEN_SECRET + 1], own[8];
    uint8_t random[32];
    unsigned scopes;
    uint64_t now = sotto_io_now().wall_ms;
    if (!sotto_scopes_parse(&scopes, p->scopes)) {
        sotto_call_error(call, -32602, "field", "scopes", "why", "are letters of r c w a x, each once", NULL);
        return;
    }
    if (scopes & ~sotto_call_scopes(call)) {              /* nobody gives away what he does not have */
        sotto_scopes_text(own, sotto_call_scopes(call));
        sotto_call_error(call, 1102, "verb", "token create", "scope", p->scopes, "name", "asking", "scopes", own, NULL);
        return;
    }
    sotto_rng_fill(&n->rng.rng, random, sizeof random);
    enum sotto_err err = sotto_tokens_add(&fresh, &made, secret, random, p->name, scopes, p->expires_ms ? now + *p->expires_ms : 0, now);
    if (err == SOTTO_ERR_EXISTS) sotto_call_error(call, 1001, "field", "name", "why", "is taken by another token", NULL);
    else if (err == SOTTO_ERR_FULL) sotto_call_error(call, 1003, "why", "There are 64 tokens already: revoke one.", NULL);
    else if (err != SOTTO_OK) sotto_api_fail(call, err);
    else {
        sotto_txn_begin(n);
        err = store(n, &fresh);
        if (err != SOTTO_OK) sotto_txn_fail(n, err);
        err = sotto_txn_end(n, err == SOTTO_OK);
        if (err != SOTTO_OK) sotto_api_fail(call, err);
        else {
            n->tokens = fresh;
            json_t *o = token_json(made);
            json_object_set_new(o, "secret", json_string(secret));
            sotto_call_result(call, o);
        }
    }
    SOTTO_WIPE(random);
    SOTTO_WIPE(secret);
}

static void revoke_after(struct sotto_node *n, void *arg, bool committed)
{
    uint64_t *number = arg;
    if (committed && sotto_tokens_remove(&n->tokens, *number) == SOTTO_OK && n->door) sotto_door_expel(n->door, *number);
    free(number);
}

static void token_revoke(void *ctx, struct sotto_call *call, const struct sotto_token_revoke_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_tokens fresh = n->tokens;
    json_t *was = NULL;
    uint64_t *number = malloc(sizeof *number);
    for (unsigned i = 0; number && i < fresh.count && !was; i++) {
        char text[24];
        *number = fresh.made[i].number;
        snprintf(text, sizeof text, "t%" PRIu64, *number);
        if (strcmp(p->token, text) == 0 || strcmp(p->token, fresh.made[i].name) == 0) was = token_json(&fresh.made[i]);
    }
    enum sotto_err err = !number ? SOTTO_ERR_NOMEM : was ? sotto_tokens_remove(&fresh, *number) : SOTTO_ERR_MISSING;
    if (err == SOTTO_OK) err = store(n, &fresh);
    if (err != SOTTO_OK) {
        free(number);
        json_decref(was);
        if (err == SOTTO_ERR_MISSING) sotto_call_error(call, 1002, "thing", "token", "value", p->token, NULL);
        else sotto_api_fail(call, err);
        return;
    }
    sotto_txn_after(n, revoke_after, number);
    sotto_call_result(call, was);
}

void sotto_api_token_fill(struct sotto_api *api)
{
    api->token_list = token_list;
    api->token_create = token_create;
    api->token_revoke = token_revoke;
}
