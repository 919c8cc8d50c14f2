/* Reading a vector file so that nothing in it is passed over.
 *
 * Every value that a group reads or compares is marked. A case passes only when all comparisons hold and every value of its
 * "in" and "out" was marked: a key that nobody asked for fails, and so does one that is missing. Any fault ends the case
 * (longjmp to vec_case) with one line that names case and value. */
#ifndef SOTTO_TESTS_VEC_H
#define SOTTO_TESTS_VEC_H

#include "crypto/curve.h"

#include <jansson.h>
#include <setjmp.h>

struct vec;
typedef void vec_group_fn(struct vec *v);

/* A published file and who reads which group of it. */
struct vec_book {
    const char *file, *spec;
    const struct vec_group { const char *name; vec_group_fn *run; } *groups;
    size_t group_count;
    const char *const *notes;             /* what "fields" explains besides groups; up to NULL */
    const char *const *later;             /* groups that no room of today can compute: there, of the right form, named and not covered; up to NULL */
    const struct vec_pin *pins;
    const size_t *pin_count;
    bool lists;                           /* the file is one object of lists, a group each: vec_load gives it the form of the others */
};
extern const struct vec_book vec_book_messaging, vec_book_network, vec_book_ledger;

struct vec {
    const struct vec_book *book;
    json_t *root, *in, *out, *what;
    const char *id, *group;
    const json_t **marks;
    size_t mark_count, mark_cap;
    bool quiet;                           /* the mutation test expects faults */
    jmp_buf fault;
};

/* ---- files and cases, vec.c ---- */
json_t *vec_load(const struct vec_book *book);     /* from the folder in SOTTO_VECTORS, else tests/vectors; NULL with a message */
bool vec_case(const struct vec_book *book, json_t *root, json_t *one, bool quiet);       /* one case; true = passes */
bool vec_later(const struct vec_book *book, const json_t *one);       /* it is of a group that is not covered */
/* Form of the file, every case, every group present. Counts what was computed, and prints what is not yet covered. */
bool vec_file(const struct vec_book *book, json_t *root, bool quiet, size_t *cases);
int vec_main(const struct vec_book *book);                            /* a test of one file: its exit status */

/* ---- faults and marks ---- */
__attribute__((format(printf, 2, 3))) _Noreturn void vec_fault(struct vec *v, const char *why, ...);
void vec_mark(struct vec *v, const json_t *value);
void vec_mark_all(struct vec *v, const json_t *value);               /* with everything below: only after comparing all of it */
#define VEC_CHECK(v, cond) do { if (!(cond)) vec_fault((v), "%s is false", #cond); } while (0)
#define VEC_OK(v, expr) \
    do { \
        enum sotto_err vec_err_ = (expr); \
        if (vec_err_ != SOTTO_OK) vec_fault((v), "%s gives %s", #expr, sotto_err_name(vec_err_)); \
    } while (0)

/* ---- reading; every one of these faults when the key is missing or of another form ---- */
bool vec_has(const json_t *object, const char *key);
json_t *vec_get(struct vec *v, const json_t *object, const char *key);                    /* object or array, marked */
const char *vec_str(struct vec *v, const json_t *object, const char *key);
uint64_t vec_num(struct vec *v, const json_t *object, const char *key);
uint64_t vec_u64(struct vec *v, const json_t *object, const char *key);                   /* a number, or its decimal text */
void vec_hex(struct vec *v, const json_t *object, const char *key, void *out, size_t size);       /* exactly size bytes */
struct sotto_span vec_bytes(struct vec *v, const json_t *object, const char *key);        /* any size; kept until vec_case ends */
struct sotto_span vec_bytes_value(struct vec *v, const json_t *value, const char *what);
struct sotto_scalar vec_scalar(struct vec *v, const json_t *object, const char *key);     /* in [1, n-1] */
struct sotto_point vec_point(struct vec *v, const json_t *object, const char *key);
struct sotto_id vec_id(struct vec *v, const json_t *object, const char *key);

/* ---- comparing with what we computed ---- */
void vec_is_hex(struct vec *v, const json_t *object, const char *key, const void *bytes, size_t size);
void vec_is_hex_value(struct vec *v, const json_t *value, const char *what, const void *bytes, size_t size);
void vec_is_str(struct vec *v, const json_t *object, const char *key, const char *text);
void vec_is_num(struct vec *v, const json_t *object, const char *key, uint64_t value);
void vec_is_real(struct vec *v, const json_t *object, const char *key, double value);
bool vec_refused(const struct vec *v);                                /* out is {"error": name} */
void vec_is_error(struct vec *v, enum sotto_err err);                 /* compares that name */

/* ---- groups of messaging.json ---- */
vec_group_fn vec_keys, vec_vault, vec_keystore, vec_hash;             /* group_crypto.c */
vec_group_fn vec_cert, vec_link, vec_box, vec_record;                 /* group_identity.c */
vec_group_fn vec_hello;                                               /* group_hello.c */
vec_group_fn vec_kdac, vec_ratchet, vec_cell, vec_content;            /* group_cell.c */
vec_group_fn vec_session;                                             /* group_session.c */
vec_group_fn vec_envelope, vec_file_group, vec_paper;                 /* group_other.c */

/* ---- groups of network.json ---- */
vec_group_fn vec_net_status, vec_net_cell, vec_net_record, vec_net_receive, vec_net_credit, vec_net_bucket;       /* group_link.c */
vec_group_fn vec_net_handshake;                                        /* group_handshake.c */
vec_group_fn vec_net_want;                                             /* group_want.c */
vec_group_fn vec_net_lan;                                              /* group_lan.c */
vec_group_fn vec_net_envelope, vec_net_rating, vec_net_evict, vec_net_group;                                       /* group_pool.c */

/* ---- groups of ledger.json ---- */
vec_group_fn vec_ledger_tagged_hash, vec_ledger_compact_size, vec_ledger_amount_parse, vec_ledger_amount_text, vec_ledger_keys,
             vec_ledger_keccak256;                                     /* group_ledger_basics.c */
vec_group_fn vec_ledger_tx, vec_ledger_tx_bad;                         /* group_ledger_tx.c */
vec_group_fn vec_ledger_domain, vec_ledger_ops, vec_ledger_gov;        /* group_ledger_ops.c */
vec_group_fn vec_ledger_stamp, vec_ledger_stamp_need;                  /* group_ledger_stamp.c */
vec_group_fn vec_ledger_sighash_bitcoin;                               /* group_ledger_bitcoin.c */
vec_group_fn vec_ledger_merkle, vec_ledger_smt, vec_ledger_smt_bad;    /* group_ledger_trees.c */
vec_group_fn vec_ledger_block, vec_ledger_pow, vec_ledger_asert;       /* group_ledger_chain.c */
vec_group_fn vec_ledger_genesis, vec_ledger_state;                     /* group_ledger_genesis.c */
vec_group_fn vec_ledger_certificate, vec_ledger_record, vec_ledger_register, vec_ledger_verify;      /* group_ledger_registry.c */
vec_group_fn vec_ledger_golden;                                        /* group_ledger_golden.c */

vec_group_fn vec_ledger_script_run, vec_ledger_exponent, vec_ledger_script_text, vec_ledger_templates, vec_ledger_groups;      /* group_ledger_script.c */

/* Values of the published cases from which nothing can be computed, pins.c. */
const char *vec_pin_broken(const struct vec_book *book, const json_t *one);                /* path of a changed one, or NULL */

#endif
