#include "reader.h"

#include "conversation/messenger_impl.h"
#include "io/file.h"
#include "node/keys.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum { HELLO_SHARE_AT = 116 };            /* of the plain text of M1 and M2: identity/hello_layout.h */

struct reader { struct sotto_keys keys; reader_fn *tell; void *ctx; };

static void must(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "reader: %s\n", what);
    exit(1);
}

static void tell(const struct reader *r, const char *what, uint64_t row, const void *data, size_t size)
{
    char name[64];
    if (size < 8 || sotto_all_zero(data, size)) return;
    snprintf(name, sizeof name, "%s.%llu", what, (unsigned long long)row);
    r->tell(r->ctx, name, sotto_span(data, size));
}

/* What the next cell of a chain is sealed with, and the chain key after it: none of it may be left once that cell was sent or opened. */
static void one_time(const struct reader *r, const char *way, uint64_t row, const struct sotto_session_core *c, struct sotto_secret ck,
                     const struct sotto_secret *hk, uint8_t dir, uint32_t index, const struct sotto_point *peer)
{
    struct sotto_scalar h, kt;
    struct sotto_secret mk, hs, kbt, s;
    struct sotto_point p;
    char name[32];
#define TELL(what, object) (snprintf(name, sizeof name, "once-%s-%s", way, what), tell(r, name, row, (object).b, 32))
    TELL("ck", ck);
    must(sotto_kdac_h(&h, hk, dir, index) == SOTTO_OK, "h");
    sotto_header_secret(&hs, hk, dir, index);
    sotto_chain_step(&mk, &ck);
    if (peer) {
        must(sotto_kdac_x(&kbt, &h, peer) == SOTTO_OK, "K_Bt");
    } else {
        must(sotto_kdac_private(&kt, &h, &r->keys.roles.key[SOTTO_ROLE_EXCHANGE]) == SOTTO_OK && sotto_point_make(&p, &kt) == SOTTO_OK, "k_Bt");
        memcpy(kbt.b, p.b + 1, 32);
        TELL("k_Bt", kt);
    }
    must(sotto_kdac_x(&s, &h, &c->p) == SOTTO_OK, "S");
    TELL("h", h);
    TELL("hs", hs);
    TELL("mk", mk);
    TELL("K_Bt", kbt);
    TELL("S", s);
    snprintf(name, sizeof name, "next-%s-ck", way);
    tell(r, name, row, ck.b, 32);
#undef TELL
}

static void session(const struct reader *r, uint64_t row, struct sotto_span bytes)
{
    struct talk t = { 0 };
    must(sotto_talk_decode(&t, bytes) == SOTTO_OK, "a session row");
    const struct sotto_session_core *c = &t.s->core;
    tell(r, "session-p", row, c->p.b + 1, 32);
    tell(r, "session-rk", row, c->rk.b, 32);
    tell(r, "session-scalar", row, c->scalar.b, 32);
    tell(r, "session-send-ck", row, c->send_ck.b, 32);
    tell(r, "session-send-hk", row, c->send_hk.b, 32);
    tell(r, "session-send-nhk", row, c->send_nhk.b, 32);
    tell(r, "session-recv-ck", row, c->recv_ck.b, 32);
    tell(r, "session-recv-hk", row, c->recv_hk.b, 32);
    tell(r, "session-recv-nhk", row, c->recv_nhk.b, 32);
    tell(r, "session-confirm", row, t.confirm.b, 32);
    if (c->send_on && !c->send_fresh)
        one_time(r, "send", row, c, c->send_ck, &c->send_hk, sotto_session_dir_out(t.s), c->ns, &c->peer_xkey);
    if (c->recv_on) one_time(r, "recv", row, c, c->recv_ck, &c->recv_hk, sotto_session_dir_in(t.s), c->nr, NULL);
    sotto_session_free(t.s);
}

static void plain_row(const struct reader *r, enum sotto_table table, uint64_t row, struct sotto_span bytes)
{
    struct sotto_skipped e;
    uint64_t talk_row;
    if (table == SOTTO_TABLE_SESSION) session(r, row, bytes);
    if (table == SOTTO_TABLE_SKIPPED && sotto_skipped_decode(&e, &talk_row, bytes) == SOTTO_OK) {
        tell(r, "skipped-hs", row, e.hs.b, 32);
        tell(r, "skipped-mk", row, e.mk.b, 32);
        tell(r, "skipped-h", row, e.h.b, 32);
    }
    if (table == SOTTO_TABLE_HELLO) {
        struct hello h = { 0 };
        if (sotto_hello_decode(&h, bytes) != SOTTO_OK) return;           /* a remembered h1: no secret */
        tell(r, "hello-share", row, h.pt + HELLO_SHARE_AT, 32);
        tell(r, "hello-scalar", row, h.eph.b, 32);
    }
}

static void open_row(struct reader *r, const char *table, uint64_t row, struct sotto_span sealed)
{
    struct sotto_buf plain = sotto_buf_make(1u << 20);
    struct sotto_secret base;
    if (strcmp(table, "daykey") == 0) {
        sotto_vault_subkey(&base, &r->keys.vk, "sessions");
        must(sotto_row_open(&plain, &base, table, row, "value", sealed) == SOTTO_OK && plain.size == 72, "the day keys");
        memcpy(r->keys.sub[SOTTO_PURPOSE_SESSIONS].b, plain.data, 32);
        memcpy(r->keys.sub[SOTTO_PURPOSE_SKIPPED].b, plain.data + 32, 32);
        tell(r, "day-sessions", row, plain.data, 32);
        tell(r, "day-skipped", row, plain.data + 32, 32);
    }
    for (int t = 0; t < SOTTO_TABLE_COUNT; t++) {
        if (strcmp(table, sotto_table_name((enum sotto_table)t)) != 0) continue;
        plain.size = 0;
        must(sotto_row_open(&plain, &r->keys.sub[sotto_purpose_of((enum sotto_table)t)], table, row, "value", sealed) == SOTTO_OK, table);
        plain_row(r, (enum sotto_table)t, row, sotto_buf_span(&plain));
    }
    sotto_buf_free(&plain);
}

static void rows(struct reader *r, const char *path, const struct sotto_id *id, const char *where)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT tbl,id,value FROM row WHERE account=(SELECT number FROM account WHERE id=?1) AND tbl%s'daykey'", where);
    must(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK, "the database");
    must(sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    sqlite3_bind_blob(q, 1, id->b, 20, SQLITE_STATIC);
    while (sqlite3_step(q) == SQLITE_ROW)
        open_row(r, (const char *)sqlite3_column_text(q, 0), (uint64_t)sqlite3_column_int64(q, 1),
                 sotto_span(sqlite3_column_blob(q, 2), (size_t)sqlite3_column_bytes(q, 2)));
    sqlite3_finalize(q);
    sqlite3_close(db);
}

void reader_account(const char *vault, const char *db, const char *passphrase, reader_fn *fn, void *ctx)
{
    static const char *const roles[SOTTO_ROLE_COUNT] = { "role-identity", "role-exchange", "role-payment", "role-scan" };
    static const char *const subs[SOTTO_PURPOSE_COUNT] = { "sub-contacts", "sub-messages", "sub-sessions", "sub-skipped" };
    struct reader r = { .tell = fn, .ctx = ctx };
    struct sotto_buf file = sotto_buf_make(SOTTO_ACCOUNT_FILE_SIZE);
    struct sotto_entropy entropy;
    struct sotto_point key;
    struct sotto_id id;
    char words[SOTTO_WORDS_TEXT_MAX];
    struct sotto_seed seed;
    must(sotto_file_read(&file, vault) == SOTTO_OK, "the vault file");
    must(sotto_keys_open(&r.keys, sotto_buf_span(&file), sotto_span_str(passphrase), &sotto_vault_limits_default) == SOTTO_OK, "the vault");
    must(sotto_keys_entropy(&entropy, &r.keys, sotto_buf_span(&file)) == SOTTO_OK, "the seed row");
    must(sotto_point_make(&key, &r.keys.roles.key[SOTTO_ROLE_IDENTITY]) == SOTTO_OK && sotto_id_of(&id, &key) == SOTTO_OK, "the identity");
    size_t size = sotto_mnemonic_words(words, &entropy);
    sotto_mnemonic_seed(&seed, sotto_span(words, size), sotto_span(NULL, 0));
    tell(&r, "vk", 0, r.keys.vk.b, 32);
    for (int i = 0; i < SOTTO_PURPOSE_COUNT; i++) tell(&r, subs[i], 0, r.keys.sub[i].b, 32);
    for (int i = 0; i < SOTTO_ROLE_COUNT; i++) tell(&r, roles[i], 0, r.keys.roles.key[i].b, 32);
    tell(&r, "entropy", 0, entropy.b, 32);
    tell(&r, "seed-start", 0, seed.b, 32);
    tell(&r, "seed-end", 0, seed.b + 32, 32);
    for (size_t at = 0, part = 0; at + 24 <= size; at += 20) tell(&r, "words", part++, words + at, 24);
    if (db) {
        rows(&r, db, &id, "=");
        rows(&r, db, &id, "<>");
    }
    sotto_buf_free(&file);
}
