/* ledger.json: who reads which group. */
#include "pins.h"
#include "vec.h"

static const struct vec_group groups[] = {
    { "tagged_hash", vec_ledger_tagged_hash },
    { "compact_size", vec_ledger_compact_size },
    { "amount_parse", vec_ledger_amount_parse },
    { "amount_text", vec_ledger_amount_text },
    { "keys", vec_ledger_keys },
    { "keccak256", vec_ledger_keccak256 },
    { "tx", vec_ledger_tx },
    { "tx_bad", vec_ledger_tx_bad },
    { "sighash_bitcoin", vec_ledger_sighash_bitcoin },
    { "stamp", vec_ledger_stamp },
    { "stamp_need", vec_ledger_stamp_need },
    { "domain", vec_ledger_domain },
    { "ops", vec_ledger_ops },
    { "gov", vec_ledger_gov },
    { "exponent", vec_ledger_exponent },
    { "script_run", vec_ledger_script_run },
    { "script_text", vec_ledger_script_text },
    { "templates", vec_ledger_templates },
    { "groups", vec_ledger_groups },
    { "block", vec_ledger_block },
    { "pow", vec_ledger_pow },
    { "asert", vec_ledger_asert },
    { "genesis", vec_ledger_genesis },
    { "state", vec_ledger_state },
    { "certificate", vec_ledger_certificate },
    { "record", vec_ledger_record },
    { "register", vec_ledger_register },
    { "verify", vec_ledger_verify },
    { "golden", vec_ledger_golden },
    { "merkle", vec_ledger_merkle },
    { "smt", vec_ledger_smt },
    { "smt_bad", vec_ledger_smt_bad },
};

static const char *const notes[] = { NULL };
static const char *const later[] = {
    "channel",
    "channel_bad",
    "message",
    "message_bad",
    "mk",
    "sync",
    NULL,
};

const struct vec_book vec_book_ledger = {
    "ledger.json", "design/ledger.md", groups, sizeof groups / sizeof *groups, notes, later, vec_pins_ledger, &vec_pins_ledger_count,
    .lists = true,
};
