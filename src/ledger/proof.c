#include "ledger/proof.h"

#include "ledger/codec.h"
#include "ledger/merkle.h"

#include <stdlib.h>

/* ---- transactions ---- */

static enum sotto_err path_of(uint8_t path[SOTTO_MT_PATH_MAX][32], uint32_t *size, const struct sotto_block *block, uint32_t index)
{
    uint8_t (*leaves)[32] = malloc((size_t)block->count * sizeof *leaves);
    if (!leaves) return SOTTO_ERR_NOMEM;
    for (uint32_t i = 0; i < block->count; i++) sotto_mt_leaf(leaves[i], block->txs[i].txid, block->txs[i].wtxid);
    *size = sotto_mt_path(path, (const uint8_t(*)[32])leaves, block->count, index);
    free(leaves);
    return SOTTO_OK;
}

static enum sotto_err add_tx_proof(struct sotto_buf *out, const struct sotto_block *block, uint32_t index)
{
    uint8_t header[SOTTO_HEADER_SIZE], path[SOTTO_MT_PATH_MAX][32];
    uint32_t size = 0;
    SOTTO_TRY(path_of(path, &size, block, index));
    sotto_header_put(header, &block->header);
    SOTTO_TRY(sotto_buf_add(out, header, sizeof header));
    SOTTO_TRY(sotto_buf_add_le32(out, block->count));
    SOTTO_TRY(sotto_buf_add_le32(out, index));
    SOTTO_TRY(sotto_buf_add(out, block->txs[index].txid, 32));
    SOTTO_TRY(sotto_buf_add(out, block->txs[index].wtxid, 32));
    SOTTO_TRY(sotto_buf_add_compact(out, size));
    return sotto_buf_add(out, path, (size_t)size * 32);
}

enum sotto_err sotto_tx_prove(struct sotto_buf *out, const struct sotto_block *block, uint32_t index)
{
    SOTTO_ASSERT(index < block->count);
    size_t before = out->size;
    enum sotto_err err = add_tx_proof(out, block, index);
    if (err != SOTTO_OK) out->size = before;
    return err;
}

static enum sotto_err take_tx_proof(struct sotto_tx_proof *p, struct sotto_reader *r)
{
    struct sotto_span header, path;
    uint8_t leaf[32];
    uint32_t size;
    SOTTO_TRY(sotto_take_span(r, &header, SOTTO_HEADER_SIZE));
    SOTTO_TRY(sotto_header_take(&p->header, header));
    SOTTO_TRY(sotto_take_u32(r, &p->count));
    SOTTO_TRY(sotto_take_u32(r, &p->index));
    SOTTO_TRY(sotto_take_bytes(r, p->txid, 32));
    SOTTO_TRY(sotto_take_bytes(r, p->wtxid, 32));
    SOTTO_TRY(sotto_take_count(r, &size, SOTTO_MT_PATH_MAX));
    SOTTO_TRY(sotto_take_span(r, &path, (size_t)size * 32));
    sotto_mt_leaf(leaf, p->txid, p->wtxid);
    SOTTO_TRY(sotto_mt_check(p->header.tx_root, leaf, p->count, p->index, path));
    sotto_header_id_of(&p->block, header.data);
    return SOTTO_OK;
}

enum sotto_err sotto_tx_proof_check(struct sotto_tx_proof *out, struct sotto_span proof)
{
    struct sotto_reader r = sotto_reader(proof);
    struct sotto_tx_proof p;
    SOTTO_TRY(take_tx_proof(&p, &r));
    SOTTO_TRY(sotto_take_end(&r));
    *out = p;
    return SOTTO_OK;
}

enum sotto_err sotto_content_prove(struct sotto_buf *out, const struct sotto_block *block, uint32_t index)
{
    SOTTO_ASSERT(index < block->count);
    size_t before = out->size;
    enum sotto_err err = add_tx_proof(out, block, index);
    if (err == SOTTO_OK) err = sotto_buf_add_span(out, block->txs[index].tx.full);
    if (err != SOTTO_OK) out->size = before;
    return err;
}

static enum sotto_err take_content(struct sotto_tx_proof *p, struct sotto_tx *tx, struct sotto_tx_arena *arena, struct sotto_reader *r)
{
    uint8_t id[32];
    SOTTO_TRY(take_tx_proof(p, r));
    SOTTO_TRY(sotto_tx_decode(tx, arena, sotto_span(r->at, sotto_reader_left(r))));
    sotto_txid(id, sotto_tx_core(tx));
    if (memcmp(id, p->txid, sizeof id) != 0) return SOTTO_P_ROOT;
    sotto_wtxid(id, tx->full);
    return memcmp(id, p->wtxid, sizeof id) == 0 ? SOTTO_OK : SOTTO_P_ROOT;
}

enum sotto_err sotto_content_check(struct sotto_tx_proof *out, struct sotto_tx *tx, struct sotto_tx_arena *arena, struct sotto_span proof)
{
    struct sotto_reader r = sotto_reader(proof);
    struct sotto_tx_proof p;
    struct sotto_tx t;
    size_t used = arena->used;
    enum sotto_err err = take_content(&p, &t, arena, &r);
    if (err != SOTTO_OK) {
        arena->used = used;
        return err;
    }
    *out = p;
    *tx = t;
    return SOTTO_OK;
}

enum sotto_err sotto_find_digest(uint32_t *op, struct sotto_op_digest *digest, const struct sotto_tx *tx, const uint8_t d[32])
{
    for (uint32_t i = 0; i < tx->op_count; i++) {
        struct sotto_op read;
        if (tx->ops[i].type != SOTTO_OP_DIGEST || sotto_op_read(&read, &tx->ops[i]) != SOTTO_OK) continue;
        for (uint32_t k = 0; k < read.digest.count; k++) {
            if (memcmp(read.digest.digests.data + (size_t)k * 32, d, 32) != 0) continue;
            *op = i;
            *digest = read.digest;
            return SOTTO_OK;
        }
    }
    return SOTTO_ERR_MISSING;
}

void sotto_digests_root(uint8_t out[32], struct sotto_span digests)
{
    struct sotto_mt t = { 0 };
    uint8_t leaf[32];
    SOTTO_ASSERT(digests.size % 32 == 0);
    for (size_t i = 0; i < digests.size; i += 32) {
        sotto_mt_leaf(leaf, digests.data + i, digests.data + i);
        sotto_mt_add(&t, leaf);
    }
    sotto_mt_root(out, &t);
}

enum sotto_err sotto_batch_check(const uint8_t root[32], const uint8_t d[32], uint32_t count, uint32_t index, struct sotto_span path)
{
    uint8_t leaf[32];
    sotto_mt_leaf(leaf, d, d);
    return sotto_mt_check(root, leaf, count, index, path);
}

/* ---- state ---- */

enum sotto_err sotto_state_prove(struct sotto_buf *out, const struct sotto_header *next, const struct sotto_state_parts *parts)
{
    uint8_t header[SOTTO_HEADER_SIZE];
    sotto_header_put(header, next);
    SOTTO_TRY(sotto_buf_reserve(out, SOTTO_STATE_PROOF));
    SOTTO_TRY(sotto_buf_add(out, header, sizeof header));
    SOTTO_TRY(sotto_buf_add(out, next->prev.b, sizeof next->prev.b));
    SOTTO_TRY(sotto_buf_add(out, parts->results, 32));
    SOTTO_TRY(sotto_buf_add(out, parts->registry, 32));
    SOTTO_TRY(sotto_buf_add(out, parts->params, 32));
    SOTTO_TRY(sotto_buf_add(out, parts->coins, 32));
    return sotto_buf_add(out, parts->snap, 32);
}

static enum sotto_err take_state(struct sotto_state_proof *p, struct sotto_reader *r)
{
    struct sotto_span header;
    uint8_t root[32];
    SOTTO_TRY(sotto_take_span(r, &header, SOTTO_HEADER_SIZE));
    SOTTO_TRY(sotto_header_take(&p->next, header));
    SOTTO_TRY(sotto_take_bytes(r, p->block.b, sizeof p->block.b));
    SOTTO_TRY(sotto_take_bytes(r, p->parts.results, 32));
    SOTTO_TRY(sotto_take_bytes(r, p->parts.registry, 32));
    SOTTO_TRY(sotto_take_bytes(r, p->parts.params, 32));
    SOTTO_TRY(sotto_take_bytes(r, p->parts.coins, 32));
    SOTTO_TRY(sotto_take_bytes(r, p->parts.snap, 32));
    if (p->next.height == 0) return SOTTO_P_FORM;         /* block 0 commits to no state */
    sotto_state_root(root, &p->block, &p->parts);
    bool follows = sotto_block_id_equal(&p->block, &p->next.prev);
    return follows && memcmp(root, p->next.state_root, sizeof root) == 0 ? SOTTO_OK : SOTTO_P_ROOT;
}

enum sotto_err sotto_state_check(struct sotto_state_proof *out, struct sotto_span proof)
{
    struct sotto_reader r = sotto_reader(proof);
    struct sotto_state_proof p;
    SOTTO_TRY(take_state(&p, &r));
    SOTTO_TRY(sotto_take_end(&r));
    *out = p;
    return SOTTO_OK;
}

enum sotto_err sotto_registry_prove(struct sotto_buf *out, const struct sotto_header *next, const struct sotto_state_parts *parts, const struct sotto_smt *tree,
                                    const struct sotto_id *id, struct sotto_span record)
{
    size_t before = out->size;
    enum sotto_err err = sotto_state_prove(out, next, parts);
    if (err == SOTTO_OK) err = sotto_smt_prove(tree, out, id, record);
    if (err != SOTTO_OK) out->size = before;
    return err;
}

enum sotto_err sotto_registry_check(struct sotto_registry_answer *out, const struct sotto_id *id, struct sotto_span proof)
{
    struct sotto_reader r = sotto_reader(proof);
    struct sotto_registry_answer a = { .present = false };
    struct sotto_smt_answer found;
    SOTTO_TRY(take_state(&a.state, &r));
    SOTTO_TRY(sotto_smt_check(&found, a.state.parts.registry, id, sotto_span(r.at, sotto_reader_left(&r))));
    a.present = found.present;
    /* No chain has such a leaf; that it leads to a root shows only that its maker wrote the header. */
    if (found.present && (sotto_reg_take(&a.record, found.record) != SOTTO_OK || !sotto_id_equal(&a.record.id, id))) return SOTTO_P_FORM;
    *out = a;
    return SOTTO_OK;
}

enum sotto_err sotto_chunk_check(const uint8_t snap_root[32], struct sotto_span chunk, uint32_t count, uint32_t index, struct sotto_span path)
{
    uint8_t leaf[32];
    if (chunk.size > SOTTO_SNAP_CHUNK) return SOTTO_E_LIMIT;
    sotto_snap_leaf(leaf, index, chunk);
    return sotto_mt_check(snap_root, leaf, count, index, path);
}
