/* Arithmetic that is asked for again: both ends of a link, a session or a one-time address compute the same product, every start of a machine
 * opens the same vaults, and every seed begins from the same accounts. What the linker puts in the place of the libraries (--wrap):
 *
 *     secp256k1_ec_pubkey_create            k*G: remembered by k; a new one is summed up from a table of multiples of G
 *     secp256k1_ecdh                        k*P: where p of P = p*G went by, it is (k*p)*G, the same for both ends; else remembered by (k, P)
 *     secp256k1_ecdsa_sign_recoverable, secp256k1_ecdsa_recover     who signs tells what will be recovered
 *     secp256k1_ec_pubkey_parse             remembered by its 33 bytes
 *     sotto_pbkdf2_sha512                   remembered by its arguments
 *
 * Each is a function of its arguments alone, so nothing that happens in a world can depend on what stands in the tables: without them
 * (sotto-lab sim --plain) the libraries compute everything anew, and the trace hashes are the same (tests/sim.py again; sim/test/memo_test.c
 * compares value by value). The tables have a fixed size and live as long as the process; in a full row the least lately used goes.
 *
 * Not constant in time, and it keeps secrets: for simulated people only. Outside of a running world each calls the library. Threads: one. */
#ifndef SOTTO_SIM_MEMO_H
#define SOTTO_SIM_MEMO_H

#include <stdbool.h>
#include <stdint.h>

enum sim_memo_kind { SIM_MEMO_MADE, SIM_MEMO_SHARED, SIM_MEMO_FOREIGN, SIM_MEMO_RECOVERED, SIM_MEMO_PARSED, SIM_MEMO_DERIVED, SIM_MEMO_KINDS };
struct sim_memo_count { uint64_t asked, known; };

void sim_memo_use(bool on);                     /* on from the start */
void sim_memo_long(void);                       /* many seeds are to come: half a second now for quicker products then. After sotto_crypto_init */
/* FOREIGN: products with a point whose factor is not known. */
struct sim_memo_count sim_memo_count(enum sim_memo_kind kind);

#endif
