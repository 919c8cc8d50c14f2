/* Inside of the node: the one struct that its files share. Not for other rooms. */
#ifndef SOTTO_NODE_IMPL_H
#define SOTTO_NODE_IMPL_H

#include "crypto/rng.h"
#include "io/config.h"
#include "io/door.h"
#include "io/file.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/store.h"
#include "io/tcp.h"
#include "io/worker.h"
#include "node/discovery.h"
#include "node/history.h"
#include "node/keys.h"
#include "node/lan.h"
#include "node/meter.h"
#include "node/nat.h"
#include "node/node.h"
#include "node/render.h"
#include "relay/net.h"
#include "rpc/gate.h"
#include "rpc/rpc.h"

#include "api.h"

#define SOTTO_ACCOUNTS_MAX 16u            /* a node is a person's or a family's; each open one costs its keys and tables */
#define SOTTO_BACKLOG_MAX 4096u           /* cells waiting for a place in the outbox; full = QUEUE_FULL for people */
#define SOTTO_TASKS_MAX 256u              /* jobs kept, done ones included; the oldest done one makes room */
#define SOTTO_WAITERS_MAX 256u            /* pending event list and job wait calls */
#define SOTTO_CHATS_MAX 4096u
#define SOTTO_DOOR_REASONS 5u             /* why the HTTP door refuses, counted */

struct sotto_node_account {
    uint32_t number;                      /* > 0: its rows in the store */
    struct sotto_id id;
    uint64_t created_ms;
    bool opening;                         /* a worker is about to open its vault */
    unsigned busy;                        /* workers that hold this account */
    bool gone;                            /* removed while a worker held it: freed when the last one lets go */
    unsigned locks;                       /* how often a person locked it: what was opening meanwhile stays locked */
    bool broken;                          /* a stored row does not decode: stays locked, nothing is dropped */
    bool stalled;                         /* a commit failed: loaded again as soon as the disk takes writes */
    struct sotto_keys *keys;              /* guarded; NULL = locked */
    struct sotto_messenger *messenger;    /* NULL = locked */
    struct sotto_buf cert;
    char name[65];
    uint64_t backup_ms, day_key_ms;
    uint64_t used_us;                     /* last call of a person: idle lock */
    uint64_t fails, fail_until_us;        /* wrong passphrases in a row: the next try waits */
    struct sotto_acts acts;               /* of the running change, not yet applied */
    bool dirty;                           /* changed in this transaction: reload if it fails */
    bool probe;                           /* new tags, or cells whose commit failed: replay the pool with the end of the turn */
};

typedef void sotto_after_fn(struct sotto_node *n, void *arg, bool committed);      /* owns arg; exactly once */
struct sotto_deferred { struct sotto_node_account *account; struct sotto_act act; sotto_after_fn *after; void *arg; };      /* an act, or a function */
struct sotto_backlog { uint64_t id; uint8_t sealed[SOTTO_SEALED_SIZE]; };

enum sotto_task_state { SOTTO_TASK_QUEUED, SOTTO_TASK_RUNNING, SOTTO_TASK_DONE, SOTTO_TASK_FAILED, SOTTO_TASK_CANCELLED };
struct sotto_task {
    uint64_t id;
    char method[40];
    enum sotto_task_state state;
    char step[64];
    uint64_t done, total, started_ms, ended_ms;
    json_t *result;                       /* of a done one */
    int code;                             /* of a failed one, with the error object */
    json_t *error;
    struct sotto_job *job;                /* on the worker; NULL otherwise */
};

#define SOTTO_METER_CODES_MAX 128u        /* more than api/errors.json has */
struct sotto_meters {                     /* counted since the start; [0] = of the node itself, [1] = of what people do here */
    struct sotto_histogram fsync[2], work, rpc[SOTTO_RPC_METHODS];
    struct { int code; uint64_t count[2]; } errors[SOTTO_METER_CODES_MAX];
    unsigned error_count;
    uint64_t bytes[2];                    /* of all neighbours: came, left */
};

struct sotto_node {
    const struct sotto_config_input *input;
    struct sotto_config *config;
    struct sotto_log *log;
    struct sotto_loop *loop;
    struct sotto_workers *workers;
    struct sotto_dir_lock *lock;
    struct sotto_store *store;
    struct sotto_door *door;
    struct sotto_rpc *rpc;
    struct sotto_api api;
    struct sotto_addr http;               /* where HTTP listens; family 0 = nowhere */
    struct sotto_gate gate;
    struct sotto_tokens tokens;
    uint64_t door_refused[SOTTO_DOOR_REASONS], door_told_ms[SOTTO_DOOR_REASONS];
    struct sotto_io_net *io_net;
    struct sotto_net *net;
    struct sotto_book *book;
    struct sotto_secret *book_key;        /* guarded */
    uint64_t book_saved_us;
    struct sotto_discovery *discovery;    /* NULL: off */
    struct sotto_beacon *beacon;          /* NULL: off */
    struct sotto_nat *nat;                /* NULL: off */
    struct sotto_addr nat_listen;         /* the first IPv4 address listened on: what a router would lead to (nat.h) and a local network dials (lan.h); family 0: none */
    struct sotto_chacha_rng rng;
    struct sotto_timer *net_timer, *chat_timer, *house_timer;
    struct sotto_outq outq;
    bool flushing;                        /* the network's wishes are being performed: do not start again */

    char data_dir[SOTTO_PATH_MAX], socket_path[108], vault_dir[SOTTO_PATH_MAX];
    struct sotto_enode self;              /* our address for others; port 0 = not listening */
    bool local, json;
    bool proxy_only;                      /* network.proxy_only: no packet leaves but through the proxy */
    bool everywhere;                      /* listens on all addresses: which of them is ours, others say */
    uint64_t started_us, started_ms;
    int exit_code;
    bool stopping, wipe_all;
    char log_level[8];                    /* log.level when it was last taken over */
    bool drained;                         /* stopping: the doors have said all they had to say */
    unsigned lock_warned, house_ticks;    /* lock_warned: regions not locked when it was last told */

    struct sotto_node_account *accounts[SOTTO_ACCOUNTS_MAX];
    unsigned account_count;
    uint32_t current;                     /* number of the account in use; 0 = none */

    int txn_depth;
    bool batch;                           /* the open transaction is of what arrived in this turn of the loop (sotto_batch_open) */
    uint64_t batch_us;                    /* when it was opened */
    unsigned batch_cells;
    struct sotto_timer *idle_timer;       /* prepares the next messages */
    struct sotto_timer *turn_timer;       /* the end of the turn: ends the batch, replays the pool for new tags */
    uint64_t probe_us;                    /* a commit failed: no replay of the pool before */
    enum sotto_err txn_err;               /* first failure inside the running transaction */
    uint64_t txn_changes;                 /* rows that the store had changed when it began */
    bool txn_person;                      /* a call of somebody is in it */
    bool rpc_txn;                         /* the running call holds one transaction open */
    struct sotto_deferred *deferred;
    size_t deferred_count, deferred_cap;
    bool events_added;
    bool removed;                         /* rows went since the database was written anew */
    bool settings_changed;                /* the configuration in force was read inside this transaction */

    struct sotto_backlog *backlog;        /* ring */
    size_t backlog_head, backlog_count;

    struct sotto_task *tasks[SOTTO_TASKS_MAX];
    unsigned task_count;
    uint64_t next_task;

    void *replies;                        /* doors.c: requests that wait for their answer */
    void *keyed;                          /* api.c: calls under way that carry a requestKey */
    uint64_t chat_hold_us;                /* a commit failed: no tick of the conversations before */
    unsigned peers;                       /* connected now */
    uint64_t peer_events_us;              /* end of the ten minutes in which peer_events were stored */
    uint32_t peer_events;
    uint64_t alone_us;                    /* since when there is none; 0 = since the start */
    int64_t clock_ms;                     /* wall time less monotonic time when it was last looked at */
    bool away;                            /* nothing could come for a while, and now it can: the conversations must be told */

    void *waiters;                        /* events.c */
    void *task_waiters;                   /* tasks.c */
    void *subscriptions;                  /* events.c */
    uint64_t next_subscription;
    void *mining;                         /* network.c */
    void *mine_waiting;                   /* network.c: puzzles that found the lane full */
    struct sotto_meters meters;
    struct sotto_desk *desk;              /* whisper_desk.c: for callers of shh_*; NULL before the first */
    uint64_t refused[SOTTO_ERR_COUNT];    /* cells that were ours and refused, by reason */
};

/* node.c */
enum sotto_err sotto_node_config(struct sotto_node *n, struct sotto_config **out, struct sotto_config_problems *problems);
void sotto_node_configured(struct sotto_node *n);     /* takes over what may change while running */
bool sotto_config_again(struct sotto_node *n);        /* SIGHUP (api_config.c) */
void sotto_node_stop(struct sotto_node *n);           /* in the next turn of the loop: the running call is answered first */
void sotto_node_ending(struct sotto_node *n);         /* something that a stop waits for is over */

/* doors.c */
int sotto_doors_start(struct sotto_node *n, char problem[1024]);       /* 0, or an exit code */
void sotto_doors_configured(struct sotto_node *n);    /* http.hosts */
void sotto_doors_refused(struct sotto_node *n, int code);              /* counts, and says so once a minute */
void sotto_doors_free(struct sotto_node *n);          /* before the door itself */

const char *sotto_doors_reason(unsigned index);       /* "token" "host" ..., below SOTTO_DOOR_REASONS */

/* metrics.c */
void sotto_metrics_text(struct sotto_buf *out, struct sotto_node *n);  /* appends; what does not fit is left out */
void sotto_meters_call(struct sotto_node *n, unsigned method, int code, uint64_t us);        /* as rpc's hook `told` */

/* api_token.c */
enum sotto_err sotto_tokens_load(struct sotto_node *n);                /* ERR_FORMAT, and what the store says */
void sotto_tokens_save_use(struct sotto_node *n);     /* when each was last used; at times, not at each use */

/* txn.c */
void sotto_txn_begin(struct sotto_node *n);
/* Applies what acct->acts promise to the disk in the running transaction; the rest waits for the commit. */
void sotto_txn_apply(struct sotto_node *n, struct sotto_node_account *a);
/* ok = false rolls back. Returns OK, or why nothing of it happened. Afterwards, with OK, performs what waited. */
enum sotto_err sotto_txn_end(struct sotto_node *n, bool ok);
void sotto_txn_fail(struct sotto_node *n, enum sotto_err err);
/* For what a commit cannot undo (a job begins, a neighbour is dialled): after(n, arg, true) once the running transaction is durable, or
 * after(n, arg, false) if nothing of it happened. Outside a transaction at once. */
void sotto_txn_after(struct sotto_node *n, sotto_after_fn *after, void *arg);
/* What arrives from the network in one turn of the loop shares one transaction, the batch. The first cell opens it; it ends with the
 * turn, when it is full or old, and before anybody else begins a transaction or is shown what is stored: nobody sees or adds to what
 * is not durable. If it fails, the accounts are loaded again and the pool is replayed for them: its cells come once more. */
void sotto_batch_open(struct sotto_node *n);
bool sotto_batch_full(const struct sotto_node *n, struct sotto_now now);
void sotto_batch_close(struct sotto_node *n);         /* none is open: nothing to do */
void sotto_turn_over(void *node, struct sotto_now now);

/* accounts.c */
enum sotto_err sotto_accounts_load(struct sotto_node *n);
void sotto_accounts_current_load(struct sotto_node *n);
struct sotto_node_account *sotto_account_find(struct sotto_node *n, const struct sotto_id *id);
struct sotto_node_account *sotto_account_number(struct sotto_node *n, uint32_t number);
struct sotto_node_account *sotto_account_current(struct sotto_node *n);
enum sotto_err sotto_account_reload(struct sotto_node *n, struct sotto_node_account *a);      /* messenger again from the rows */
enum sotto_err sotto_account_opened(struct sotto_node *n, struct sotto_node_account *a, struct sotto_keys *keys);   /* takes keys */
void sotto_account_lock(struct sotto_node *n, struct sotto_node_account *a);
void sotto_locks_check(struct sotto_node *n);         /* tells the operator when memory for keys could not be locked */
void sotto_leave_no_copy(struct sotto_node *n);                                     /* of rows that went: WAL and split pages. Outside a transaction */
enum sotto_err sotto_account_path(char out[SOTTO_PATH_MAX], const struct sotto_node *n, const struct sotto_id *id);
enum sotto_err sotto_profile_save(struct sotto_node *n, struct sotto_node_account *a);
/* The profile row before it is sealed: name, certificate, time of the last backup. _decode fills these, or ERR_FORMAT and nothing. */
enum sotto_err sotto_profile_encode(struct sotto_buf *out, const struct sotto_node_account *a);
enum sotto_err sotto_profile_decode(struct sotto_node_account *a, struct sotto_span plain);
void sotto_account_free(struct sotto_node_account *a);
void sotto_accounts_tick(struct sotto_node *n, struct sotto_now now);

/* api_account.c */
enum sotto_err sotto_account_adopt(struct sotto_node *n, struct sotto_node_account **out, struct sotto_keys *keys, const uint8_t file[SOTTO_ACCOUNT_FILE_SIZE],
                                   const char *name);
/* Takes back an adoption whose next step failed: nothing of it stays, so that it can be tried again. Frees a; if even that cannot be
 * written, the account stays, locked. */
void sotto_account_unadopt(struct sotto_node *n, struct sotto_node_account *a);
void sotto_account_restore_phrase(struct sotto_node *n, struct sotto_call *call, const struct sotto_account_restore_params *p);
void sotto_accounts_open_at_start(struct sotto_node *n, const char *passphrase);

/* rows.c: sealed rows of one account */
enum sotto_err sotto_rows_put(struct sotto_node *n, struct sotto_node_account *a, enum sotto_table table, uint64_t row, struct sotto_span plain);
enum sotto_err sotto_rows_message_put(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_history *h);
enum sotto_err sotto_rows_message_get(struct sotto_node *n, struct sotto_node_account *a, uint64_t message, struct sotto_history *out, struct sotto_buf *hold);
enum sotto_err sotto_rows_message_delete(struct sotto_node *n, struct sotto_node_account *a, uint64_t message);       /* and what else holds its text */
void sotto_chat_key(uint8_t out[16], const struct sotto_node_account *a, const struct sotto_id *chat);

/* network_start.c */
enum sotto_err sotto_network_start(struct sotto_node *n, char problem[1024], int *code);

/* network.c */
void sotto_network_input(void *node, const struct sotto_in *in, struct sotto_now now);
void sotto_network_flush(struct sotto_node *n);
void sotto_network_tick(void *node, struct sotto_now now);
void sotto_chat_tick(void *node, struct sotto_now now);
void sotto_idle_turn(void *node, struct sotto_now now);
void sotto_network_stop(struct sotto_node *n);
void sotto_network_free(struct sotto_node *n);
void sotto_network_submit(struct sotto_node *n, struct sotto_node_account *a, uint64_t cell, struct sotto_span sealed);
void sotto_network_cancel(struct sotto_node *n, struct sotto_node_account *a, uint64_t cell);
void sotto_network_solve(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_act *act);
void sotto_network_unsolve(struct sotto_node *n, struct sotto_node_account *a, uint64_t token);
void sotto_network_solve_again(struct sotto_node *n);                              /* puzzles that a full lane refused */
void sotto_network_probe(struct sotto_node *n, struct sotto_node_account *a);
void sotto_network_forget(struct sotto_node *n, struct sotto_node_account *a);      /* lock: nothing of it waits any more */
/* A node that has proven by itself that it lives there and is worth dialling: sotto_network_learned with itself as the source. */
enum sotto_err sotto_network_found(struct sotto_node *n, const struct sotto_enode *node);
void sotto_network_external(struct sotto_node *n, const struct sotto_addr *addr);   /* others reach us there, as far as is known */
/* An enode or ENR of somebody who can be dialled; literal addresses only. ERR_ENODE, ERR_ENR and the other errors of sotto_enr_parse. */
enum sotto_err sotto_network_address(struct sotto_enode *out, const char *text);
void sotto_peers_added(struct sotto_node *n);                                         /* the ones of peer add, dialled again */
void sotto_network_wake(struct sotto_node *n);                                      /* timers again from the cores' deadlines */

/* neighbours.c: the address book, its file, and the way into it. */
#define SOTTO_BOOK_SAVE_US (300 * 1000000ull)             /* network.md 1: every 5 min, and at the end */
enum sotto_err sotto_neighbours_new(struct sotto_node *n, const struct sotto_scalar *key);      /* before the network core */
void sotto_neighbours_load(struct sotto_node *n);         /* after it, before the first peer is added: whom to dial first */
void sotto_neighbours_save(struct sotto_node *n);
void sotto_neighbours_tick(struct sotto_node *n, struct sotto_now now);
void sotto_neighbours_free(struct sotto_node *n);         /* after the network core */
/* Whoever hears of nodes tells of each here, as often as it hears of it: discovery, PEERS, a beacon on the LAN. node->addr: its TCP
 * address. source: where that was told, which decides how much room such tellings have in the book; where the node has proven itself
 * that it lives there (an endpoint proof, its signed record fetched from it), source = node->addr. Tell only of nodes that may be
 * dialled: with the key sotto in their record, or any with whisper.bridge. When and whether it is dialled is p2p/dial.h's.
 * OK: it is new; ERR_EXISTS: known, fine; ERR_RANGE, ERR_KEY, ERR_FULL as sotto_book_learn; ERR_STATE: this node itself, or the end. */
enum sotto_err sotto_network_learned(struct sotto_node *n, const struct sotto_enode *node, const struct sotto_addr *source);

/* events.c */
enum sotto_err sotto_event_add(struct sotto_node *n, struct sotto_node_account *a, const char *kind, json_t *data /* stolen */);
void sotto_events_publish(struct sotto_node *n);      /* after a commit: wake who waits, push to who subscribed */
void sotto_events_closed(struct sotto_node *n, uint64_t conn);
void sotto_events_free(struct sotto_node *n);
/* "e" and the number of an event: what a client hands back. false: no cursor. */
#define SOTTO_CURSOR_TEXT 32u
void sotto_cursor_text(char out[SOTTO_CURSOR_TEXT], uint64_t seq);
bool sotto_cursor_parse(uint64_t *out, const char *text);

/* whisper_desk.c */
void sotto_desk_look(struct sotto_node *n);           /* the pool may have something new for filters */
void sotto_desk_direct(struct sotto_node *n, struct sotto_buf *rlp /* taken over */);
void sotto_desk_closed(struct sotto_node *n, uint64_t conn);
void sotto_desk_free(struct sotto_node *n);

/* tasks.c */
/* Inside a call: a call whose commit fails leaves no job. Start its work with sotto_txn_after. */
struct sotto_task *sotto_task_new(struct sotto_node *n, const char *method);
void sotto_task_done(struct sotto_node *n, struct sotto_task *t, json_t *result /* stolen */);
void sotto_task_fail(struct sotto_node *n, struct sotto_task *t, int code, ...) __attribute__((sentinel));    /* "key", value, ..., NULL */
void sotto_task_cancelled(struct sotto_node *n, struct sotto_task *t);
json_t *sotto_task_json(const struct sotto_task *t);
json_t *sotto_task_answer(const struct sotto_task *t);                              /* {job} */
struct sotto_task *sotto_task_find(struct sotto_node *n, uint64_t id);
/* "j" and the number of a job in hexadecimal. false: no such name. */
#define SOTTO_TASK_TEXT 32u
void sotto_task_name(char out[SOTTO_TASK_TEXT], uint64_t id);
bool sotto_task_parse(uint64_t *out, const char *name);
void sotto_tasks_forget(struct sotto_node *n);        /* results with texts in them: a message was removed, or the vault is locked */
void sotto_tasks_free(struct sotto_node *n);

/* api.c */
enum sotto_err sotto_api_start(struct sotto_node *n);
void sotto_api_end(struct sotto_node *n);
/* api_*.c: fill the handlers of their objects */
void sotto_api_node_fill(struct sotto_api *api);
void sotto_api_account_fill(struct sotto_api *api);
void sotto_api_contact_fill(struct sotto_api *api);
void sotto_api_message_fill(struct sotto_api *api);
void sotto_api_network_fill(struct sotto_api *api);
void sotto_api_event_fill(struct sotto_api *api);
void sotto_api_job_fill(struct sotto_api *api);
void sotto_api_config_fill(struct sotto_api *api);
void sotto_api_backup_fill(struct sotto_api *api);
void sotto_api_shh_fill(struct sotto_api *api);
void sotto_api_foreign_fill(struct sotto_api *api);
void sotto_api_token_fill(struct sotto_api *api);
void sotto_api_log_fill(struct sotto_api *api);
void sotto_api_metric_fill(struct sotto_api *api);
json_t *sotto_status_json(struct sotto_node *n);
/* Answers with the public error that fits err. */
void sotto_api_fail(struct sotto_call *call, enum sotto_err err);
/* peer add and peer remove under any name. add: false = answered; was: what the neighbour was, NULL = answered. */
bool sotto_api_peer_add(struct sotto_node *n, struct sotto_call *call, const char *address, json_t **now);
json_t *sotto_api_peer_remove(struct sotto_node *n, struct sotto_call *call, const char *peer);
void sotto_api_touch(struct sotto_node *n);           /* a person is here: the idle lock starts anew */
/* The account in use, open; NULL after the call was answered (1201, 1105, 2101). */
struct sotto_node_account *sotto_api_account(struct sotto_node *n, struct sotto_call *call);
/* Ends the transaction that a call with the write flag holds, for handlers that answer later. */
void sotto_api_detach(struct sotto_node *n);
/* Opens one again before such a handler changes something and answers: the answer commits it. */
void sotto_api_attach(struct sotto_node *n);
bool sotto_contact_resolve(struct sotto_node_account *a, struct sotto_call *call, const char *name, struct sotto_contact *out);   /* false: answered */
void sotto_chats_prune(struct sotto_node *n, struct sotto_node_account *a, struct sotto_now now);
void sotto_chat_forget(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_id *id);          /* its draft and settings */

#endif
