/* Bodies of the store's records, 50 to 5e (network.md 2 and 6). */
#include "relay/link_body.h"

static enum sotto_err u32(struct sotto_rlp *r, uint32_t *out)
{
    uint64_t v;
    SOTTO_TRY(sotto_rlp_uint_max(r, &v, UINT32_MAX));
    *out = (uint32_t)v;
    return SOTTO_OK;
}

static enum sotto_err u8(struct sotto_rlp *r, uint8_t *out, unsigned low, unsigned high)
{
    uint64_t v;
    SOTTO_TRY(sotto_rlp_uint_max(r, &v, high));
    if (v < low) return SOTTO_ERR_RANGE;
    *out = (uint8_t)v;
    return SOTTO_OK;
}

/* A string that is empty or exactly size bytes long. */
static enum sotto_err empty_or(struct sotto_rlp *r, struct sotto_span *out, size_t size)
{
    SOTTO_TRY(sotto_rlp_bytes(r, out));
    return out->size == 0 || out->size == size ? SOTTO_OK : SOTTO_ERR_RANGE;
}

static enum sotto_err info(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(u32(r, &b->info.from));
    SOTTO_TRY(u32(r, &b->info.to));
    SOTTO_TRY(sotto_rlp_uint(r, &b->info.seconds));
    SOTTO_TRY(sotto_rlp_uint(r, &b->info.page_max));
    return sotto_rlp_uint(r, &b->info.bytes_left);
}

static enum sotto_err epochs_get(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(u32(r, &b->epochs_get.req));
    SOTTO_TRY(u32(r, &b->epochs_get.from));
    return u32(r, &b->epochs_get.to);
}

static enum sotto_err epochs(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    struct sotto_rlp list, one;
    struct sotto_span root;
    uint32_t epoch, last = 0, count = 0;
    uint64_t entries;
    SOTTO_TRY(u32(r, &b->epochs.req));
    SOTTO_TRY(sotto_rlp_list(r, &list));
    b->epochs.epochs.items = sotto_rlp_rest(&list);
    for (; sotto_rlp_more(&list); count++, last = epoch) {
        SOTTO_TRY(sotto_rlp_list(&list, &one));
        SOTTO_TRY(u32(&one, &epoch));
        SOTTO_TRY(sotto_rlp_uint(&one, &entries));
        SOTTO_TRY(empty_or(&one, &root, 32));
        SOTTO_TRY(sotto_rlp_end(&one));
        if (count == SOTTO_RL_EPOCHS_LIST_MAX || (count > 0 && epoch <= last)) return SOTTO_ERR_RANGE;
    }
    b->epochs.epochs.count = count;
    return SOTTO_OK;
}

static enum sotto_err index_get(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(u32(r, &b->index_get.req));
    SOTTO_TRY(u32(r, &b->index_get.epoch));
    return empty_or(r, &b->index_get.cursor, 4);
}

static enum sotto_err index_page(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    struct sotto_span t;
    SOTTO_TRY(u32(r, &b->index.req));
    SOTTO_TRY(u32(r, &b->index.epoch));
    SOTTO_TRY(empty_or(r, &b->index.next, 4));
    SOTTO_TRY(sotto_rlp_bytes(r, &t));
    if (t.size % 4 || t.size / 4 > SOTTO_RL_TOPICS_MAX) return SOTTO_ERR_RANGE;
    for (size_t i = 4; i < t.size; i += 4)
        if (sotto_be32(t.data + i) <= sotto_be32(t.data + i - 4)) return SOTTO_ERR_RANGE;
    struct sotto_span next = b->index.next;
    if (next.size && (t.size == 0 || memcmp(next.data, t.data + t.size - 4, 4) != 0)) return SOTTO_ERR_RANGE;
    b->index.topics = (struct sotto_rl_list){ (uint32_t)(t.size / 4), t };
    return SOTTO_OK;
}

static enum sotto_err bits_prefix(uint8_t *bits, uint32_t *prefix, struct sotto_rlp *r)
{
    SOTTO_TRY(u8(r, bits, 0, SOTTO_RL_BUCKET_BITS_MAX));
    SOTTO_TRY(u32(r, prefix));
    return *prefix >> *bits ? SOTTO_ERR_RANGE : SOTTO_OK;
}

static enum sotto_err bucket_get(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(u32(r, &b->bucket_get.req));
    SOTTO_TRY(u32(r, &b->bucket_get.epoch));
    SOTTO_TRY(bits_prefix(&b->bucket_get.bits, &b->bucket_get.prefix, r));
    return empty_or(r, &b->bucket_get.cursor, 32);
}

/* A page of envelopes; last = hash of the last one. sorted: their hashes must ascend. */
static enum sotto_err envelopes(struct sotto_rl_list *out, uint8_t last[32], struct sotto_rlp *r, bool sorted)
{
    struct sotto_rlp list;
    struct sotto_span one;
    struct sotto_envelope e;
    uint8_t hash[32];
    SOTTO_TRY(sotto_rlp_list(r, &list));
    out->items = sotto_rlp_rest(&list);
    for (out->count = 0; sotto_rlp_more(&list); out->count++) {
        if (out->count == SOTTO_RL_PAGE_MAX) return SOTTO_ERR_RANGE;
        SOTTO_TRY(sotto_rlp_raw(&list, &one));
        SOTTO_TRY(sotto_envelope_decode(&e, one));
        sotto_envelope_hash(hash, one);
        if (sorted && out->count > 0 && memcmp(hash, last, sizeof hash) <= 0) return SOTTO_ERR_RANGE;
        memcpy(last, hash, sizeof hash);
    }
    return SOTTO_OK;
}

static bool next_is_last(struct sotto_span next, const struct sotto_rl_list *page, const uint8_t last[32])
{
    return next.size == 0 || (page->count > 0 && memcmp(next.data, last, 32) == 0);
}

static enum sotto_err bucket(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    uint8_t last[32];
    SOTTO_TRY(u32(r, &b->bucket.req));
    SOTTO_TRY(u32(r, &b->bucket.epoch));
    SOTTO_TRY(bits_prefix(&b->bucket.bits, &b->bucket.prefix, r));
    SOTTO_TRY(empty_or(r, &b->bucket.next, 32));
    SOTTO_TRY(envelopes(&b->bucket.envelopes, last, r, true));
    return next_is_last(b->bucket.next, &b->bucket.envelopes, last) ? SOTTO_OK : SOTTO_ERR_RANGE;
}

static enum sotto_err end(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(u32(r, &b->end.req));
    SOTTO_TRY(u8(r, &b->end.status, 0, 3));
    return sotto_rlp_uint(r, &b->end.total);
}

static enum sotto_err blob_put(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(u32(r, &b->blob_put.req));
    SOTTO_TRY(sotto_rlp_fixed(r, b->blob_put.id, 32));
    SOTTO_TRY(sotto_rlp_uint(r, &b->blob_put.seconds));
    SOTTO_TRY(sotto_rlp_bytes(r, &b->blob_put.receipt));
    SOTTO_TRY(sotto_rlp_bytes(r, &b->blob_put.piece));
    return b->blob_put.piece.size == SOTTO_RL_PIECE ? SOTTO_OK : SOTTO_ERR_RANGE;
}

static enum sotto_err blob_get(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(u32(r, &b->blob_get.req));
    SOTTO_TRY(sotto_rlp_fixed(r, b->blob_get.id, 32));
    return sotto_rlp_uint(r, &b->blob_get.offset);
}

static enum sotto_err blob(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(u32(r, &b->blob.req));
    SOTTO_TRY(sotto_rlp_fixed(r, b->blob.id, 32));
    SOTTO_TRY(sotto_rlp_uint(r, &b->blob.total));
    SOTTO_TRY(sotto_rlp_bytes(r, &b->blob.piece));
    bool held = b->blob.total == SOTTO_RL_PIECE && b->blob.piece.size <= SOTTO_RL_PIECE;      /* from an offset on: less than the whole */
    return held || (b->blob.total == 0 && b->blob.piece.size == 0) ? SOTTO_OK : SOTTO_ERR_RANGE;
}

static enum sotto_err keep(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    struct sotto_rlp list;
    uint8_t tag[16];
    SOTTO_TRY(u32(r, &b->keep.req));
    SOTTO_TRY(sotto_rlp_list(r, &list));
    b->keep.tags.items = sotto_rlp_rest(&list);
    for (b->keep.tags.count = 0; sotto_rlp_more(&list); b->keep.tags.count++) {
        if (b->keep.tags.count == SOTTO_RL_TAGS_MAX) return SOTTO_ERR_RANGE;
        SOTTO_TRY(sotto_rlp_fixed(&list, tag, sizeof tag));
    }
    return u8(r, &b->keep.days, 1, SOTTO_RL_KEEP_DAYS_MAX);
}

static enum sotto_err kept(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    uint8_t last[32];
    SOTTO_TRY(u32(r, &b->kept.req));
    SOTTO_TRY(envelopes(&b->kept.envelopes, last, r, false));
    SOTTO_TRY(empty_or(r, &b->kept.next, 32));
    return next_is_last(b->kept.next, &b->kept.envelopes, last) ? SOTTO_OK : SOTTO_ERR_RANGE;
}

static enum sotto_err blob_ok(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(u32(r, &b->blob_ok.req));
    return sotto_rlp_uint(r, &b->blob_ok.status);
}

enum sotto_err sotto_rl_body_store(struct sotto_rl_body *out, struct sotto_rlp *list)
{
    switch (out->code) {
    case SOTTO_RL_INFO_GET: return SOTTO_OK;
    case SOTTO_RL_INFO: return info(out, list);
    case SOTTO_RL_EPOCHS_GET: return epochs_get(out, list);
    case SOTTO_RL_EPOCHS: return epochs(out, list);
    case SOTTO_RL_INDEX_GET: return index_get(out, list);
    case SOTTO_RL_INDEX: return index_page(out, list);
    case SOTTO_RL_BUCKET_GET: return bucket_get(out, list);
    case SOTTO_RL_BUCKET: return bucket(out, list);
    case SOTTO_RL_END: return end(out, list);
    case SOTTO_RL_BLOB_PUT: return blob_put(out, list);
    case SOTTO_RL_BLOB_OK: return blob_ok(out, list);
    case SOTTO_RL_BLOB_GET: return blob_get(out, list);
    case SOTTO_RL_BLOB: return blob(out, list);
    case SOTTO_RL_KEEP: return keep(out, list);
    case SOTTO_RL_KEPT: return kept(out, list);
    default: return SOTTO_ERR_BODY;
    }
}
