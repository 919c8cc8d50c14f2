/* The tags of the ledger's hashes, TH(tag, m), each with the state of SHA-256 after the two hashes of the tag: a short hash then takes one
 * compression less, and no tag is hashed again. A test makes every state anew.
 *
 *     struct sotto_th t;
 *     sotto_th_begin(&t, SOTTO_TH_TX);
 *     sotto_th_update(&t, core.data, core.size);
 *     sotto_th_final(&t, txid); */
#ifndef SOTTO_LEDGER_TH_H
#define SOTTO_LEDGER_TH_H

#include "crypto/hash.h"

/* X(name, text, the state in eight words) */
#define SOTTO_TH_TAGS(X) \
    X(TX, "sotto/tx/1", 0x3cdfcbe4, 0xaf5f6fa9, 0x24548e23, 0xf62dcdc4, 0x06fa9828, 0x49021e38, 0x5bc159ab, 0x9253344f) \
    X(WTX, "sotto/wtx/1", 0x9251e6d2, 0xf34b025f, 0x2282dadd, 0x00612718, 0x4b931efb, 0xb477417c, 0x87f9b1a0, 0xb9f797a2) \
    X(STAMP, "sotto/stamp/1", 0xb3afa102, 0xbcc024f5, 0x95440d29, 0x4730620f, 0x18858b4d, 0x5bf9d372, 0x7d32cbe1, 0xf7385ed4) \
    X(SIGHASH, "sotto/sighash/1", 0xbf4809d3, 0xb37103d9, 0xa985536c, 0x1d9482fc, 0x9cc7e38a, 0xfd2d33e7, 0x2e5931cd, 0x8f5a5eb0) \
    X(SH_PREVOUTS, "sotto/sh/prevouts", 0x894dff0f, 0xfd6bb9ce, 0xaedfe796, 0xdd2cb72c, 0xf8a27333, 0x2788c1df, 0xf724cecc, 0xee44a51e) \
    X(SH_SPENT, "sotto/sh/spent", 0x845c5bc2, 0x6145cd85, 0xa14e1b42, 0x411bb905, 0xbffddce3, 0x90876225, 0x8b6c42b5, 0x4a425784) \
    X(SH_SEQUENCES, "sotto/sh/sequences", 0x329183d2, 0x25d8ac86, 0x4ebe30db, 0xac4d69d5, 0x40724dc5, 0x88479c1c, 0xb8cb94b4, 0x5f53d18e) \
    X(SH_OUTPUTS, "sotto/sh/outputs", 0x1f22d0d5, 0x2bab6df3, 0x77113348, 0xf2955003, 0xdf80bbef, 0xb6313ff9, 0xaabe86fc, 0x8bc6396e) \
    X(SH_OPS, "sotto/sh/ops", 0xc77c256c, 0x4f17668c, 0xb1f96dee, 0x154ab787, 0xd6aff5df, 0xe534b3f1, 0x29fd7b7a, 0xc5405aea) \
    X(GOV, "sotto/gov/1", 0x4bbc90a0, 0xc6ba3e9c, 0xe5cec58c, 0x73a1751f, 0xd349afc3, 0x2ef9d179, 0xba6faa8e, 0xf95b2f27) \
    X(MT_LEAF, "sotto/mt/leaf", 0xd92a2aea, 0xddda78b5, 0xa55243d7, 0x2ad9a90c, 0xa91c5bc3, 0x179cfa99, 0xb6e77eeb, 0x02139709) \
    X(MT_NODE, "sotto/mt/node", 0x5f876382, 0xe3e5e0e6, 0x30aeee2f, 0xfa7e747d, 0x15c12c32, 0x2dc43055, 0x11ed3a7e, 0x14336f51) \
    X(MT_ROOT, "sotto/mt/root", 0x979569d9, 0xe29d3bf7, 0x8b951755, 0xc92590b0, 0x4390becc, 0xc4ac1b6b, 0x4ffe0eb3, 0x8404e3e6) \
    X(SMT_VALUE, "sotto/smt/value", 0xbbd5ed6b, 0x40d6c134, 0x64e77d4d, 0x1bd23e50, 0xbaa68924, 0x83853bcd, 0x388171b4, 0x533f7cc6) \
    X(SMT_LEAF, "sotto/smt/leaf", 0x65787cc3, 0x6cf1e5fd, 0xdda1dc14, 0xb4046e94, 0xac7b81ac, 0xaf20e31f, 0x317f03e3, 0x46eb4df5) \
    X(SMT_NODE, "sotto/smt/node", 0xabf21a80, 0xa3b3affc, 0xacf69242, 0x4b38a8dd, 0xcd0e40f9, 0xd9deffc7, 0x48dc4c35, 0x1f026a30) \
    X(GENESIS, "sotto/genesis", 0x0bf75a74, 0x7ce00915, 0x3a3e944f, 0x0b331aea, 0x49b50f29, 0x5509b650, 0x39a39a56, 0x578a37ad) \
    X(ENGINE, "sotto/engine", 0xbb037a87, 0x60975240, 0x4656f3c8, 0x38c602e9, 0x886dd389, 0xdc70a135, 0xa7585997, 0xecc53e53) \
    X(STATE, "sotto/state/1", 0xd3de8672, 0x387def17, 0xfd8bab8a, 0x0800960e, 0x79b11c98, 0xa2e14440, 0xb2d0befe, 0xcceb386f) \
    X(RESULTS, "sotto/results", 0xeae5a777, 0x31d0a110, 0x0f2a20d0, 0x559d02a4, 0x45e7a1da, 0x6616ed24, 0x95fe7cdd, 0xdfa941ff) \
    X(PARAMS, "sotto/params", 0x2d725ec8, 0x6d98ca95, 0x4456f5b2, 0x169d5d22, 0xc575d8a4, 0xbebd58c4, 0xf69abf46, 0x40a9d775) \
    X(COINS, "sotto/coins", 0x8a2bb2f8, 0x896806eb, 0xd16de594, 0x771c33b8, 0x6ef5c4ee, 0x689c60c2, 0x7fd07c04, 0xd5da2dee) \
    X(COINS_SPENT, "sotto/coins/spent", 0xdd539e3c, 0x9320d1ea, 0xd910b643, 0x99196a5b, 0x07c5a5d8, 0x7064f791, 0xf5edca12, 0x548fbc12) \
    X(COINS_MADE, "sotto/coins/made", 0xdcdbdad4, 0x86db23db, 0xbbd6b721, 0x3c3f0559, 0xca25f93d, 0xc8d77d2e, 0xff037808, 0xf320671e) \
    X(ALLOC, "sotto/alloc", 0x5611af3b, 0xed377a95, 0x6d27e23b, 0xd5629cb5, 0xac20f911, 0x80ba25ae, 0x34062aff, 0xb8f63d86) \
    X(BOND_RETURN, "sotto/bond/return", 0xec480a16, 0x088a6ca6, 0xf0739c0a, 0x7faa0558, 0x05ca2dcd, 0x68a2c72d, 0x86329e53, 0x00a55efe) \
    X(ISSUE, "sotto/issue", 0xa770e428, 0x83e66140, 0x1df78922, 0x5420912b, 0x75b7363c, 0x765bf7c9, 0xeaa688f2, 0x20cefada) \
    X(SNAP_CHUNK, "sotto/snap/chunk", 0xc9e5bb5a, 0x2dabaebd, 0xfecfe6d4, 0xe826c897, 0x1e4c7f3a, 0xefba7bdc, 0x521a45b2, 0xaac94617) \
    X(SHORT, "sotto/short", 0x1a22dd97, 0x3466580c, 0x768766e3, 0xe4f65b3c, 0x2accf05d, 0x23fd8575, 0xe5f9723b, 0x2a808538) \
    X(REGISTRY, "sotto/registry", 0x81e44511, 0x104155c0, 0xd6e971ae, 0xd8fd911c, 0xe3b07d4f, 0x40196b5a, 0x5382c753, 0x5cd55436) \
    X(BOND, "sotto/bond", 0x4f21070d, 0xf1dbb455, 0x657bf2b8, 0x2e1a99ce, 0xba724b97, 0xe5035aa2, 0x82bfd251, 0x29ef85a4)

#define SOTTO_TH_FIELD(name, text, ...) SOTTO_TH_##name,
enum sotto_th_tag { SOTTO_TH_TAGS(SOTTO_TH_FIELD) SOTTO_TH_TAG_COUNT };
#undef SOTTO_TH_FIELD

/* Begins TH(tag, ..); it goes on with sotto_th_update and sotto_th_final of crypto/hash.h, and sotto_th_u32 ... of ledger/codec.h. */
void sotto_th_begin(struct sotto_th *t, enum sotto_th_tag tag);
/* The whole of it, parts in order. */
void sotto_th_of(uint8_t out[32], enum sotto_th_tag tag, const struct sotto_span *parts, size_t count);
#define SOTTO_TH_OF(out, tag, ...) \
    sotto_th_of((out), (tag), (const struct sotto_span[]){ __VA_ARGS__ }, \
                sizeof((const struct sotto_span[]){ __VA_ARGS__ }) / sizeof(struct sotto_span))
/* The tag itself, e.g. "sotto/tx/1". */
const char *sotto_th_text(enum sotto_th_tag tag);

#endif
