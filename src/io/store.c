#include "io/store_impl.h"
#include "base/plant.h"
#include "io/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BUSY_MS 1000                        /* another process is just closing: worth a moment, at the start only */
#define CACHE_KIB 512                       /* pages kept in memory: the hot tables are small */
#define WAL_KEEP_BYTES (4u << 20)

/* Rows are found by (account, table, id); history also by chat, in order of id. */
static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE account(number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE,"
    " created_ms INTEGER NOT NULL, value BLOB NOT NULL);"
    "CREATE TABLE row(account INTEGER NOT NULL, tbl TEXT NOT NULL, id INTEGER NOT NULL, value BLOB NOT NULL,"
    " PRIMARY KEY(account, tbl, id)) WITHOUT ROWID;"
    "CREATE TABLE message(account INTEGER NOT NULL, id INTEGER NOT NULL, chat BLOB NOT NULL, state INTEGER NOT NULL, ms INTEGER NOT NULL,"
    " value BLOB NOT NULL, PRIMARY KEY(account, id)) WITHOUT ROWID;"
    "CREATE INDEX message_chat ON message(account, chat, id);"
    "CREATE TABLE event(seq INTEGER PRIMARY KEY AUTOINCREMENT, ms INTEGER NOT NULL, account INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, value BLOB NOT NULL);"
    "CREATE TABLE request(key BLOB PRIMARY KEY, account INTEGER NOT NULL, params_hash BLOB NOT NULL,"
    " ms INTEGER NOT NULL, result BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX request_ms ON request(ms);"
    "CREATE TABLE job(id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, ms INTEGER NOT NULL, value BLOB NOT NULL);";

static const char *const sql_texts[] = {
#define TEXT(name, text) text,
    SOTTO_SQL_MAP(TEXT)
#undef TEXT
};

enum sotto_err sotto_store_map(struct sotto_store *s, int code)
{
    int base = code & 0xff;
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return SOTTO_OK;
    if (base == SQLITE_NOMEM) return SOTTO_ERR_NOMEM;
    if (base == SQLITE_FULL) return SOTTO_ERR_DISK_FULL;
    if (base == SQLITE_IOERR) {
        int e = s && s->db ? sqlite3_system_errno(s->db) : 0;
        return e == ENOSPC || e == EDQUOT || e == EFBIG ? SOTTO_ERR_DISK_FULL : code == SQLITE_IOERR_NOMEM ? SOTTO_ERR_NOMEM : SOTTO_ERR_IO;
    }
    if (base == SQLITE_CORRUPT || base == SQLITE_NOTADB) return SOTTO_ERR_DAMAGED;
    if (base == SQLITE_BUSY || base == SQLITE_LOCKED) return SOTTO_ERR_IN_USE;
    if (base == SQLITE_CONSTRAINT) return SOTTO_ERR_EXISTS;
    if (base == SQLITE_TOOBIG) return SOTTO_ERR_RANGE;
    return SOTTO_ERR_IO;
}

/* ---- statements ---- */

struct sotto_run sotto_run(struct sotto_store *s, enum sotto_sql which)
{
    struct sotto_run r = { .s = s };
    if (s->begun && sqlite3_get_autocommit(s->db) && which != SOTTO_SQL_ROLLBACK) {
        r.err = SOTTO_ERR_IO;               /* SQLite gave the transaction up (disk full, I/O): nothing may slip in behind it */
        return r;
    }
    sqlite3_stmt **slot = &s->cache[which];
    if (!*slot) r.err = sotto_store_map(s, sqlite3_prepare_v3(s->db, sql_texts[which], -1, SQLITE_PREPARE_PERSISTENT, slot, NULL));
    if (r.err != SOTTO_OK) return r;
    if (sqlite3_stmt_busy(*slot)) {         /* a callback of the same list reads again */
        r.own = true;
        r.err = sotto_store_map(s, sqlite3_prepare_v2(s->db, sql_texts[which], -1, &r.stmt, NULL));
    } else {
        r.stmt = *slot;
    }
    return r;
}

static void note(struct sotto_run *r, enum sotto_err err)
{
    if (r->err == SOTTO_OK) r->err = err;
}

void sotto_run_number(struct sotto_run *r, int at, uint64_t v)
{
    if (v > INT64_MAX) note(r, SOTTO_ERR_RANGE);
    if (r->err == SOTTO_OK) note(r, sotto_store_map(r->s, sqlite3_bind_int64(r->stmt, at, (sqlite3_int64)v)));
}

void sotto_run_bits(struct sotto_run *r, int at, uint64_t v)
{
    if (r->err == SOTTO_OK) note(r, sotto_store_map(r->s, sqlite3_bind_int64(r->stmt, at, (sqlite3_int64)v)));
}

void sotto_run_blob(struct sotto_run *r, int at, struct sotto_span v, size_t max)
{
    if (v.size > max) note(r, SOTTO_ERR_RANGE);
    if (r->err != SOTTO_OK) return;
    note(r, sotto_store_map(r->s, v.size == 0 ? sqlite3_bind_zeroblob(r->stmt, at, 0)       /* NULL data would bind NULL */
                                              : sqlite3_bind_blob64(r->stmt, at, v.data, v.size, SQLITE_STATIC)));
}

void sotto_run_text(struct sotto_run *r, int at, const char *v, size_t max)
{
    size_t size = strlen(v);
    if (size > max) note(r, SOTTO_ERR_RANGE);
    if (r->err == SOTTO_OK) note(r, sotto_store_map(r->s, sqlite3_bind_text(r->stmt, at, v, (int)size, SQLITE_STATIC)));
}

bool sotto_run_row(struct sotto_run *r)
{
    if (r->err != SOTTO_OK) return false;
    int code = sqlite3_step(r->stmt);
    if (code == SQLITE_ROW) return true;
    note(r, sotto_store_map(r->s, code));
    return false;
}

enum sotto_err sotto_run_end(struct sotto_run *r, enum sotto_err err)
{
    note(r, err);
    if (r->own) {
        sqlite3_finalize(r->stmt);
    } else if (r->stmt) {
        sqlite3_reset(r->stmt);             /* ends the read lock of an unfinished walk; its code is the step's, known already */
        sqlite3_clear_bindings(r->stmt);
    }
    return r->err;
}

enum sotto_err sotto_run_once(struct sotto_run *r)
{
    sotto_run_row(r);
    return sotto_run_end(r, SOTTO_OK);
}

/* ---- opening ---- */

static enum sotto_err execute(struct sotto_store *s, const char *sql) { return sotto_store_map(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL)); }

/* The first column of the first row as a number. */
static enum sotto_err ask_number(struct sotto_store *s, int64_t *out, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    SOTTO_TRY(sotto_store_map(s, sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL)));
    int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return code == SQLITE_ROW ? SOTTO_OK : code == SQLITE_DONE ? SOTTO_ERR_DAMAGED : sotto_store_map(s, code);
}

/* quick_check looks at structure (unclean end), integrity_check at every index too. */
static enum sotto_err check_pages(struct sotto_store *s, char text[200], const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    SOTTO_TRY(sotto_store_map(s, sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL)));
    int code = sqlite3_step(stmt);
    const char *said = code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    enum sotto_err err = said && strcmp(said, "ok") == 0 ? SOTTO_OK : code == SQLITE_ROW ? SOTTO_ERR_DAMAGED : sotto_store_map(s, code);
    if (text) snprintf(text, 200, "%s", err == SOTTO_OK ? "" : said ? said : sqlite3_errmsg(s->db));
    sqlite3_finalize(stmt);
    return err;
}

/* What a file says of itself, read without SQLite, so that a newer or foreign one is left exactly as it is. With a WAL or a journal beside it
 * the first page may be one that the power cut while it was written: then SQLite takes it from the WAL, or makes the file empty again as the
 * journal of the first page of all has it, and what it says is asked afterwards. */
static enum sotto_err look(const char *path, bool unclean, bool *empty, uint32_t *format)
{
    uint8_t head[100];
    size_t n = 0;
    if (sotto_file_head(head, &n, path, sizeof head) != SOTTO_OK) return SOTTO_ERR_IO;
    *empty = n == 0;
    if (n == 0) return SOTTO_OK;
    if (n < sizeof head || memcmp(head, "SQLite format 3", 16) != 0) return unclean && sotto_all_zero(head, n) ? SOTTO_OK : SOTTO_ERR_DAMAGED;
    if (head[18] < 1 || head[18] > 2 || head[19] < 1 || head[19] > 2) return SOTTO_ERR_DAMAGED;   /* SQLite would open it, but write nothing */
    uint32_t app = sotto_be32(head + 68);
    *format = sotto_be32(head + 60);
    bool unborn = app == 0 && (*format == 0 || unclean);                      /* its first transaction is still in the WAL */
    if (app != SOTTO_STORE_APP_ID && !unborn) return SOTTO_ERR_DAMAGED;
    return *format > SOTTO_STORE_FORMAT ? SOTTO_ERR_NEWER : SOTTO_OK;
}

static enum sotto_err prepare_file(const char *path, struct sotto_store_open_info *info, bool *empty)
{
    char wal[SOTTO_PATH_MAX], journal[SOTTO_PATH_MAX];                 /* the journal: before there is a WAL, while the first page is written */
    int n = snprintf(wal, sizeof wal, "%s-wal", path), m = snprintf(journal, sizeof journal, "%s-journal", path);
    if (n < 0 || (size_t)n >= sizeof wal || m < 0 || (size_t)m >= sizeof journal) return SOTTO_ERR_RANGE;
    enum sotto_err err = sotto_file_private(path);
    if (err == SOTTO_ERR_MISSING) {
        SOTTO_TRY(sotto_file_remove(wal));                             /* of a database that is gone */
        SOTTO_TRY(sotto_file_remove(journal));
        SOTTO_TRY(sotto_file_make(path));                              /* SQLite gives WAL and journal the same mode */
    } else {
        SOTTO_TRY(err);
        info->unclean = sotto_file_exists(wal) || sotto_file_exists(journal);          /* a clean close removes them */
        /* What the WAL says may be in memory only, after a sync that failed; a node that goes on from there would forget it again some day. */
        err = sotto_file_renew(wal);
        if (err != SOTTO_OK && err != SOTTO_ERR_MISSING) return err;
    }
    return look(path, info->unclean, empty, &info->format);
}

static enum sotto_err set_up(struct sotto_store *s, struct sotto_store_open_info *info, const char *dir, bool empty)
{
    char pragma[256];
    sqlite3_busy_timeout(s->db, BUSY_MS);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, (int)(SOTTO_STORE_VALUE_MAX + (1u << 20)));
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* One process only, so the WAL's index lives in memory, not in a shared file. */
    snprintf(pragma, sizeof pragma, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON;"
             "PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA cache_size=-%d;"
             "PRAGMA journal_size_limit=%u;", CACHE_KIB, WAL_KEEP_BYTES);
    SOTTO_TRY(execute(s, pragma));
    SOTTO_TRY(execute(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"));
    if (SOTTO_PLANTED(SYNC_OFF)) SOTTO_TRY(execute(s, "PRAGMA synchronous=OFF"));
    int64_t format = 0, app = 0;
    SOTTO_TRY(ask_number(s, &format, "PRAGMA user_version"));
    SOTTO_TRY(ask_number(s, &app, "PRAGMA application_id"));
    if (format > SOTTO_STORE_FORMAT) {
        info->format = (uint32_t)format;
        return SOTTO_ERR_NEWER;
    }
    if (format == 0 && app == 0) {          /* new, or its making was cut off */
        int64_t tables = 0;
        SOTTO_TRY(ask_number(s, &tables, "SELECT count(*) FROM sqlite_schema"));
        if (tables != 0) return SOTTO_ERR_DAMAGED;
        info->created = true;
        snprintf(pragma, sizeof pragma, "PRAGMA application_id=%d; PRAGMA user_version=%u; COMMIT;", SOTTO_STORE_APP_ID, SOTTO_STORE_FORMAT);
        SOTTO_TRY(execute(s, "BEGIN IMMEDIATE;"));
        SOTTO_TRY(execute(s, schema));
        SOTTO_TRY(execute(s, pragma));
    } else if (app != SOTTO_STORE_APP_ID) {
        return SOTTO_ERR_DAMAGED;
    }
    info->format = SOTTO_STORE_FORMAT;
    if (info->unclean && !empty) SOTTO_TRY(check_pages(s, NULL, "PRAGMA quick_check(1)"));
    /* The WAL is there by now. SQLite syncs its name with the first commit, but does not tell when that fails: an older WAL could then come
     * back over newer pages. */
    return sotto_dir_sync(dir);
}

static void release(struct sotto_store *s)
{
    for (unsigned i = 0; i < SOTTO_SQL_STATEMENTS; i++) sqlite3_finalize(s->cache[i]);
    sqlite3_close(s->db);
    free(s);
}

enum sotto_err sotto_store_open(struct sotto_store **out, struct sotto_store_open_info *info, const char *dir)
{
    struct sotto_store_open_info own = { 0 };
    char path[SOTTO_PATH_MAX];
    bool empty = false;
    SOTTO_TRY(sotto_path_join(path, dir, "messages.db"));
    enum sotto_err err = prepare_file(path, &own, &empty);
    struct sotto_store *s = err == SOTTO_OK ? calloc(1, sizeof *s) : NULL;
    if (err == SOTTO_OK && !s) err = SOTTO_ERR_NOMEM;
    if (err == SOTTO_OK) {
        err = sotto_store_map(NULL, sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL));
        if (err == SOTTO_OK) err = set_up(s, &own, dir, empty);
    }
    if (info && (err == SOTTO_OK || err == SOTTO_ERR_NEWER)) *info = own;
    if (err != SOTTO_OK) {
        if (s) release(s);
        return err;
    }
    *out = s;
    return SOTTO_OK;
}

void sotto_store_close(struct sotto_store *s)
{
    if (!s) return;
    sotto_store_rollback(s);
    release(s);                             /* the last connection folds the WAL back and removes it: the mark of a clean end */
}

/* ---- transactions ---- */

enum sotto_err sotto_store_begin(struct sotto_store *s)
{
    if (s->begun) return SOTTO_ERR_STATE;
    struct sotto_run r = sotto_run(s, SOTTO_SQL_BEGIN);
    SOTTO_TRY(sotto_run_once(&r));
    s->begun = true;
    return SOTTO_OK;
}

enum sotto_err sotto_store_commit(struct sotto_store *s)
{
    if (!s->begun) return SOTTO_ERR_STATE;
    struct sotto_run r = sotto_run(s, SOTTO_SQL_COMMIT);
    enum sotto_err err = sotto_run_once(&r);
    if (err != SOTTO_OK) sotto_store_rollback(s);
    s->begun = false;
    return SOTTO_PLANTED(COMMIT_ERROR_IGNORED) ? SOTTO_OK : err;
}

void sotto_store_rollback(struct sotto_store *s)
{
    if (!s->begun) return;
    if (!sqlite3_get_autocommit(s->db)) {
        struct sotto_run r = sotto_run(s, SOTTO_SQL_ROLLBACK);
        enum sotto_err err = sotto_run_once(&r);
        if (err != SOTTO_OK) (void)execute(s, "ROLLBACK");             /* without memory for the statement: once more, plainly */
    }
    s->begun = false;
}

bool sotto_store_begun(const struct sotto_store *s) { return s->begun; }
uint64_t sotto_store_changes(const struct sotto_store *s) { return (uint64_t)sqlite3_total_changes64(s->db); }

enum sotto_err sotto_store_wal_truncate(struct sotto_store *s)
{
    if (s->begun) return SOTTO_ERR_STATE;
    int in_wal = 0, copied = 0;
    SOTTO_TRY(sotto_store_map(s, sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &in_wal, &copied)));
    return in_wal == copied ? SOTTO_OK : SOTTO_ERR_IN_USE;             /* a walk is under way */
}

enum sotto_err sotto_store_compact(struct sotto_store *s)
{
    if (s->begun) return SOTTO_ERR_STATE;
    enum sotto_err err = sotto_store_size(s) <= SOTTO_STORE_COMPACT_MAX ? execute(s, "VACUUM") : SOTTO_OK;
    enum sotto_err cut = sotto_store_wal_truncate(s);
    return err != SOTTO_OK ? err : cut;
}

enum sotto_err sotto_store_verify(struct sotto_store *s, char text[200]) { return check_pages(s, text, "PRAGMA integrity_check(1)"); }

enum sotto_err sotto_store_limit(struct sotto_store *s, uint64_t bytes)
{
    int64_t page = 0, got = 0;
    char pragma[64];
    SOTTO_TRY(ask_number(s, &page, "PRAGMA page_size"));
    if (page <= 0) return SOTTO_ERR_DAMAGED;
    uint64_t pages = bytes / (uint64_t)page;
    if (bytes == 0 || pages > 0xfffffffeu) pages = 0xfffffffeu;
    snprintf(pragma, sizeof pragma, "PRAGMA max_page_count=%llu", (unsigned long long)(pages ? pages : 1));
    return ask_number(s, &got, pragma);
}

uint64_t sotto_store_size(struct sotto_store *s)
{
    int64_t pages = 0, page = 0;
    if (ask_number(s, &pages, "PRAGMA page_count") != SOTTO_OK || ask_number(s, &page, "PRAGMA page_size") != SOTTO_OK) return 0;
    return (uint64_t)pages * (uint64_t)page;
}
