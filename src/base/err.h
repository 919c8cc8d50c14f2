/* One list of every way a call can end; code, refusal name and text come from it.
 *
 * A name such as "cert-sig" is the word the design documents use for a refusal: it is counted and logged, never sent to a
 * peer. What a person reads is chosen higher up (api/errors.json) from the public codes 1000..2299.
 *
 * Three kinds of failure, three answers: a peer, a disk or a user sent something wrong -> return it; the machine fails
 * (memory, disk) -> return it up to the daemon; we are wrong -> SOTTO_ASSERT. */
#ifndef SOTTO_BASE_ERR_H
#define SOTTO_BASE_ERR_H

#include "base/err_ledger.h"

#define SOTTO_MUST_USE __attribute__((warn_unused_result))

#define SOTTO_ERR_MAP(X)                                                                                                  \
    X(OK, "ok")                                                                                                           \
    /* general */                                                                                                         \
    X(ERR_NOMEM, "no-memory")                                                                                             \
    X(ERR_FULL, "full")                 /* a bound set at creation was reached */                                         \
    X(ERR_FORMAT, "format")             /* bytes that do not decode */                                                    \
    X(ERR_RANGE, "range")               /* a number outside its field */                                                  \
    X(ERR_STATE, "state")               /* not possible in this state */                                                  \
    X(ERR_MISSING, "missing")           /* no such thing */                                                               \
    X(ERR_EXISTS, "exists")                                                                                               \
    X(ERR_AGAIN, "again")               /* more input or time is needed */                                                \
    X(ERR_CANCELLED, "cancelled")                                                                                         \
    X(ERR_IO, "io")                                                                                                       \
    X(ERR_DISK_FULL, "disk-full")                                                                                         \
    X(ERR_LOCKED, "locked")                                                                                               \
    X(ERR_IN_USE, "in-use")             /* another process has it: a data directory, a port */                            \
    X(ERR_MODE, "mode")                 /* others could read it */                                                        \
    X(ERR_NEWER, "newer")               /* written by a newer program */                                                  \
    X(ERR_DAMAGED, "damaged")           /* a store whose content contradicts itself */                                    \
    X(ERR_INTERNAL, "internal")                                                                                           \
    /* wire */                                                                                                            \
    X(ERR_RLP, "rlp")                                                                                                     \
    /* crypto and vault, messaging.md 0-1 */                                                                              \
    X(ERR_KEY, "key")                   /* not a point, or a scalar outside [1, n-1] */                                   \
    X(ERR_POINT, "point")               /* not an x coordinate */                                                         \
    X(ERR_SIG_FORM, "sig-form")                                                                                           \
    X(ERR_SIG, "sig")                                                                                                     \
    X(ERR_AEAD, "aead")                                                                                                   \
    X(ERR_MAC, "mac")                                                                                                     \
    X(ERR_PHRASE, "phrase")                                                                                               \
    X(ERR_VAULT_FORM, "vault-form")                                                                                       \
    X(ERR_VAULT_COST, "vault-cost")                                                                                       \
    X(ERR_PASSPHRASE, "passphrase")                                                                                       \
    X(ERR_KEYSTORE, "keystore")                                                                                           \
    /* identity, messaging.md 2 */                                                                                        \
    X(ERR_CERT_FORM, "cert-form")                                                                                         \
    X(ERR_CERT_KEYS, "cert-keys")                                                                                         \
    X(ERR_CERT_TIMES, "cert-times")                                                                                       \
    X(ERR_CERT_EARLY, "cert-early")                                                                                       \
    X(ERR_CERT_EXPIRED, "cert-expired")                                                                                   \
    X(ERR_CERT_SIG, "cert-sig")                                                                                           \
    X(ERR_CERT_UNKNOWN, "cert-unknown")                                                                                   \
    X(ERR_CERT_REVOKED, "cert-revoked")                                                                                   \
    X(ERR_CERT_SUPERSEDED, "cert-superseded")                                                                             \
    X(ERR_CERT_OWNER, "cert-owner")                                                                                       \
    X(ERR_LINK, "link")                                                                                                   \
    /* first contact, messaging.md 3 */                                                                                   \
    X(ERR_NOT_MINE, "not-mine")                                                                                           \
    X(ERR_HELLO_FORM, "hello-form")                                                                                       \
    X(ERR_HELLO_TO, "hello-to")                                                                                           \
    X(ERR_HELLO_TIME, "hello-time")                                                                                       \
    X(ERR_HELLO_PUZZLE, "hello-puzzle")                                                                                   \
    X(ERR_HELLO_FROM, "hello-from")                                                                                       \
    X(ERR_HELLO_SIG, "hello-sig")                                                                                         \
    X(ERR_HELLO_ECHO, "hello-echo")                                                                                       \
    X(ERR_HELLO_MK, "hello-mk")                                                                                           \
    X(ERR_HELLO_CONFIRM, "hello-confirm")                                                                                 \
    X(ERR_REPLAY, "replay")                                                                                               \
    /* conversation, messaging.md 4-5 */                                                                                  \
    X(ERR_HEADER_FORM, "header-form")                                                                                     \
    X(ERR_HEADER_INDEX, "header-index")                                                                                   \
    X(ERR_HEADER_CHAIN, "header-chain")                                                                                   \
    X(ERR_HEADER_KEY, "header-key")                                                                                       \
    X(ERR_HEADER_BLOCK, "header-block")                                                                                   \
    X(ERR_SKIP, "skip")                                                                                                   \
    X(ERR_CONTENT_FORM, "content-form")                                                                                   \
    X(ERR_TOO_LONG, "too-long")                                                                                           \
    X(ERR_CHAIN_END, "chain-end")                                                                                         \
    X(ERR_RECORD_SIG, "record-sig")                                                                                       \
    X(ERR_FILE_FORM, "file-form")                                                                                         \
    /* p2p, devp2p.md */                                                                                                  \
    X(ERR_ECIES, "ecies")                                                                                                 \
    X(ERR_FRAME_MAC, "frame-mac")                                                                                         \
    X(ERR_FRAME_SIZE, "frame-size")                                                                                       \
    X(ERR_SNAPPY, "snappy")                                                                                               \
    X(ERR_ENODE, "enode")                                                                                                 \
    X(ERR_ENR, "enr")                                                                                                     \
    X(ERR_DISC_HASH, "disc-hash")       /* the first field of a discovery packet is not its hash */                       \
    X(ERR_DISC_TYPE, "disc-type")                                                                                         \
    X(ERR_LAN_FORM, "lan-form")         /* a beacon of the local network, or an answer to one */                          \
    X(ERR_LAN_SECRET, "lan-secret")                                                                                       \
    X(ERR_PROXY, "proxy")               /* a SOCKS5 proxy refuses, or speaks something else */                            \
    X(ERR_HELLO_SIZE, "p2p-hello-size")                                                                                   \
    X(ERR_PEER, "peer")                 /* the peer broke the protocol: disconnect it */                                  \
    /* whisper and pool, whisper-v6.md 7, network.md 5 */                                                                 \
    X(ERR_ENV_FORM, "env-form")                                                                                           \
    X(ERR_ENV_SIZE, "env-size")                                                                                           \
    X(ERR_ENV_FUTURE, "env-future")                                                                                       \
    X(ERR_ENV_OLD, "env-old")                                                                                             \
    X(ERR_ENV_EXPIRED, "env-expired")   /* late, but so little that it is dropped in silence */                           \
    X(ERR_ENV_TTL, "env-ttl")                                                                                             \
    X(ERR_ENV_WORK, "env-work")                                                                                           \
    X(ERR_ENV_BLOOM, "env-bloom")                                                                                         \
    X(ERR_ENV_DUPLICATE, "env-duplicate")                                                                                 \
    X(ERR_ENV_QUOTA, "env-quota")                                                                                         \
    /* links of sotto/1, network.md 2; what each of them costs: relay/link_refusal.h */                                   \
    X(ERR_STATUS_SIZE, "status-size")                                                                                     \
    X(ERR_STATUS_FORM, "status-form")                                                                                     \
    X(ERR_STATUS_VERSION, "status-version")                                                                               \
    X(ERR_STATUS_ORDER, "status-order")                                                                                   \
    X(ERR_STATUS_OPTION, "status-option")                                                                                 \
    X(ERR_LINK_EPHEMERAL, "link-ephemeral")                                                                               \
    X(ERR_LINK_CODE, "link-code")       /* a code that no link has, or not in this state */                               \
    X(ERR_LINK_TIME, "link-time")       /* STATUS or READY did not come in time */                                        \
    X(ERR_LINK_RATE, "link-rate")                                                                                         \
    X(ERR_CELL_SIZE, "cell-size")                                                                                         \
    X(ERR_CELL_OPEN, "cell-open")                                                                                         \
    X(ERR_CELL_PADDING, "cell-padding")                                                                                   \
    X(ERR_MESSAGE_TIME, "message-time")                                                                                   \
    X(ERR_MESSAGE_SIZE, "message-size")                                                                                   \
    X(ERR_RECORD_CODE, "record-code")                                                                                     \
    X(ERR_RECORD_OVERRUN, "record-overrun")                                                                               \
    X(ERR_RECORD_FLAGS, "record-flags")                                                                                   \
    X(ERR_RECORD_CHANNEL, "record-channel")                                                                               \
    X(ERR_RECORD_EMPTY, "record-empty")                                                                                   \
    X(ERR_READY_FIRST, "ready-first")                                                                                     \
    X(ERR_READY_AGAIN, "ready-again")                                                                                     \
    X(ERR_READY_ROLES, "ready-roles")                                                                                     \
    X(ERR_WINDOW, "window")             /* more was sent than the credit allows */                                        \
    X(ERR_WINDOW_BACK, "window-back")                                                                                     \
    X(ERR_FRAGMENT_ORDER, "fragment-order")                                                                               \
    X(ERR_FRAGMENT_CODE, "fragment-code")                                                                                 \
    X(ERR_BODY, "body")                                                                                                   \
    /* ledger, ledger.md 14: SOTTO_T_SIZE and so on; their numbers and texts: ledger/errors.h */                          \
    SOTTO_ERR_LEDGER_MAP(SOTTO_ERR_LEDGER_ROW, X)
#define SOTTO_ERR_LEDGER_ROW(X, code, name, text) X(name, #name)

enum sotto_err {
#define SOTTO_ERR_ENUM(name, text) SOTTO_##name,
    SOTTO_ERR_MAP(SOTTO_ERR_ENUM)
#undef SOTTO_ERR_ENUM
    SOTTO_ERR_COUNT
};

/* The refusal name, e.g. "cert-sig"; "unknown" for a value outside the list. Never NULL, never freed. */
const char *sotto_err_name(enum sotto_err err);

#define SOTTO_TRY(expr)                                                                                                   \
    do {                                                                                                                  \
        enum sotto_err sotto_try_err_ = (expr);                                                                           \
        if (sotto_try_err_ != SOTTO_OK) return sotto_try_err_;                                                            \
    } while (0)

/* Kept on in every build: what must hold inside our own code. Never on what a peer, a disk or a user sent. */
#define SOTTO_ASSERT(cond)                                                                                                \
    do {                                                                                                                  \
        if (__builtin_expect(!(cond), 0)) sotto_assert_failed(#cond, __FILE__, __LINE__);                                 \
    } while (0)
_Noreturn void sotto_assert_failed(const char *cond, const char *file, int line);

#endif
