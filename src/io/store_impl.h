/* Inside io/store: the connection, its prepared statements, and the mapping of errors. */
#ifndef SOTTO_IO_STORE_IMPL_H
#define SOTTO_IO_STORE_IMPL_H

#include "io/store.h"

#include <sqlite3.h>

/* Each statement is prepared at its first use and kept. */
#define SOTTO_SQL_MAP(X)                                                                                                  \
    X(ROW_PUT, "INSERT INTO row VALUES(?1,?2,?3,?4) ON CONFLICT DO UPDATE SET value=?4")                                  \
    X(ROW_GET, "SELECT value FROM row WHERE account=?1 AND tbl=?2 AND id=?3")                                             \
    X(ROW_DELETE, "DELETE FROM row WHERE account=?1 AND tbl=?2 AND id=?3")                                                \
    X(ROW_CLEAR, "DELETE FROM row WHERE account=?1 AND tbl=?2")                                                           \
    X(ROW_SCAN, "SELECT id,value FROM row WHERE account=?1 AND tbl=?2 ORDER BY id")                                       \
    X(ROW_COUNT, "SELECT count(*) FROM row WHERE account=?1 AND tbl=?2")                                                  \
    X(ACCOUNT_ADD, "INSERT INTO account(id,created_ms,value) VALUES(?2,?3,?4)")                                           \
    X(ACCOUNT_PUT, "INSERT INTO account VALUES(?1,?2,?3,?4) ON CONFLICT(number) DO UPDATE SET id=?2,created_ms=?3,value=?4") \
    X(ACCOUNT_LIST, "SELECT number,id,created_ms,value FROM account ORDER BY number")                                     \
    X(ACCOUNT_DELETE, "DELETE FROM account WHERE number=?1")                                                              \
    X(ACCOUNT_ROWS, "DELETE FROM row WHERE account=?1")                                                                   \
    X(ACCOUNT_MESSAGES, "DELETE FROM message WHERE account=?1")                                                           \
    X(ACCOUNT_EVENTS, "DELETE FROM event WHERE account=?1")                                                               \
    X(ACCOUNT_REQUESTS, "DELETE FROM request WHERE account=?1")                                                           \
    X(ACCOUNT_JOBS, "DELETE FROM job WHERE account=?1")                                                                   \
    X(MESSAGE_PUT, "INSERT INTO message VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT DO UPDATE SET chat=?3,state=?4,ms=?5,value=?6") \
    X(MESSAGE_GET, "SELECT id,chat,state,ms,value FROM message WHERE account=?1 AND id=?2")                               \
    X(MESSAGE_DELETE, "DELETE FROM message WHERE account=?1 AND id=?2")                                                   \
    X(MESSAGE_LAST, "SELECT ifnull(max(id),0) FROM message WHERE account=?1")                                             \
    X(CHAT_DELETE, "DELETE FROM message WHERE account=?1 AND chat=?2")                                                    \
    X(CHAT_UP, SOTTO_SQL_MESSAGES "AND chat=?6 ORDER BY id LIMIT ?5")                                                     \
    X(CHAT_DOWN, "SELECT * FROM (" SOTTO_SQL_MESSAGES "AND chat=?6 ORDER BY id DESC LIMIT ?5) ORDER BY 1")                \
    X(CHAT_COUNT, SOTTO_SQL_COUNT "AND chat=?6")                                                                          \
    X(ALL_UP, SOTTO_SQL_MESSAGES "ORDER BY id LIMIT ?5")                                                                  \
    X(ALL_DOWN, "SELECT * FROM (" SOTTO_SQL_MESSAGES "ORDER BY id DESC LIMIT ?5) ORDER BY 1")                             \
    X(ALL_COUNT, SOTTO_SQL_COUNT)                                                                                         \
    X(EVENT_ADD, "INSERT INTO event(ms,account,kind,value) VALUES(?1,?2,?3,?4)")                                          \
    X(EVENT_LIST, "SELECT seq,ms,account,kind,value FROM event WHERE seq>?1 AND (?2=0 OR (?2>>kind)&1) ORDER BY seq LIMIT ?3") \
    X(EVENT_OLDEST, "SELECT min(seq) FROM event")                                                                         \
    X(EVENT_LAST, "SELECT max(seq) FROM event")                                                                           \
    X(EVENT_NEWEST, "SELECT seq FROM sqlite_sequence WHERE name='event'")                                                 \
    X(EVENT_KEEP, "SELECT min(seq) FROM (SELECT seq,ms FROM event ORDER BY seq LIMIT ?3) WHERE ms>=?1 AND seq>?2")        \
    X(EVENT_PART, "SELECT max(seq) FROM (SELECT seq FROM event ORDER BY seq LIMIT ?1)")                                   \
    X(EVENT_CUT, "DELETE FROM event WHERE seq<?1")                                                                        \
    X(REQUEST_GET, "SELECT params_hash,result FROM request WHERE key=?1 AND ms>?2")                                       \
    X(REQUEST_DROP, "DELETE FROM request WHERE key=?1 AND ms<=?2")                                                        \
    X(REQUEST_PUT, "INSERT INTO request VALUES(?1,?2,?3,?4,?5)")                                                          \
    X(REQUEST_PRUNE, "DELETE FROM request WHERE ms<=?1")                                                                  \
    X(JOB_ADD, "INSERT INTO job(account,ms,value) VALUES(?2,?3,?4)")                                                      \
    X(JOB_PUT, "INSERT INTO job VALUES(?1,?2,?3,?4) ON CONFLICT(id) DO UPDATE SET account=?2,ms=?3,value=?4")             \
    X(JOB_GET, "SELECT id,account,ms,value FROM job WHERE id=?1")                                                         \
    X(JOB_LIST, "SELECT id,account,ms,value FROM job ORDER BY id")                                                        \
    X(JOB_DELETE, "DELETE FROM job WHERE id=?1")                                                                          \
    X(SETTING_PUT, "INSERT INTO setting VALUES(?1,?2) ON CONFLICT DO UPDATE SET value=?2")                                \
    X(SETTING_GET, "SELECT value FROM setting WHERE key=?1")                                                              \
    X(SETTING_DELETE, "DELETE FROM setting WHERE key=?1")                                                                 \
    X(SETTING_LIST, "SELECT key,value FROM setting ORDER BY key")                                                         \
    X(META_PUT, "INSERT INTO meta VALUES(?1,?2) ON CONFLICT DO UPDATE SET value=?2")                                      \
    X(META_GET, "SELECT value FROM meta WHERE key=?1")                                                                    \
    X(META_DELETE, "DELETE FROM meta WHERE key=?1")                                                                       \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                                           \
    X(COMMIT, "COMMIT")                                                                                                   \
    X(ROLLBACK, "ROLLBACK")
#define SOTTO_SQL_RANGE "FROM message WHERE account=?1 AND id>?2 AND id<=?3 AND (?4=0 OR (?4>>state)&1) "
#define SOTTO_SQL_MESSAGES "SELECT id,chat,state,ms,value " SOTTO_SQL_RANGE
#define SOTTO_SQL_COUNT "SELECT count(*) " SOTTO_SQL_RANGE

enum sotto_sql {
#define SOTTO_SQL_ENUM(name, text) SOTTO_SQL_##name,
    SOTTO_SQL_MAP(SOTTO_SQL_ENUM)
#undef SOTTO_SQL_ENUM
    SOTTO_SQL_STATEMENTS
};

struct sotto_store {
    sqlite3 *db;
    sqlite3_stmt *cache[SOTTO_SQL_STATEMENTS];
    bool begun;
};

enum sotto_err sotto_store_map(struct sotto_store *s, int code);

/* One run of a statement. Bind in order of use; an error sticks and shows in the next step. Always end it. */
struct sotto_run { struct sotto_store *s; sqlite3_stmt *stmt; enum sotto_err err; bool own; };
struct sotto_run sotto_run(struct sotto_store *s, enum sotto_sql which);
void sotto_run_number(struct sotto_run *r, int at, uint64_t v);                      /* ERR_RANGE above 2^63 - 1 */
void sotto_run_bits(struct sotto_run *r, int at, uint64_t v);                        /* 64 flags */
void sotto_run_blob(struct sotto_run *r, int at, struct sotto_span v, size_t max);   /* borrowed until the end */
void sotto_run_text(struct sotto_run *r, int at, const char *v, size_t max);
bool sotto_run_row(struct sotto_run *r);                                             /* the next row? */
enum sotto_err sotto_run_end(struct sotto_run *r, enum sotto_err err);               /* the first of the run's error and err */
enum sotto_err sotto_run_once(struct sotto_run *r);                                  /* a statement without rows, and its end */

static inline uint64_t sotto_col_number(struct sotto_run *r, int at)
{
    sqlite3_int64 v = sqlite3_column_int64(r->stmt, at);
    return v < 0 ? 0 : (uint64_t)v;
}
static inline struct sotto_span sotto_col_blob(struct sotto_run *r, int at)
{
    const void *data = sqlite3_column_blob(r->stmt, at);               /* before _bytes, as its rules want */
    return sotto_span(data, (size_t)sqlite3_column_bytes(r->stmt, at));
}

#endif
