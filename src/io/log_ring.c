#include "io/log_ring.h"

#include <stdio.h>

static void drop_oldest(struct sotto_log_ring *ring) { ring->used -= ring->lines[ring->first++ % SOTTO_LOG_KEPT_LINES].size; }

void sotto_log_ring_add(struct sotto_log_ring *ring, enum sotto_level level, const char *area, struct sotto_span text)
{
    if (text.size > SOTTO_LOG_KEPT_BYTES) return;
    uint32_t size = (uint32_t)text.size;
    while (ring->next - ring->first == SOTTO_LOG_KEPT_LINES || ring->used + size > SOTTO_LOG_KEPT_BYTES) drop_oldest(ring);
    struct sotto_log_kept *line = &ring->lines[ring->next++ % SOTTO_LOG_KEPT_LINES];
    *line = (struct sotto_log_kept){ .at = ring->end, .size = size, .level = level };
    snprintf(line->area, sizeof line->area, "%s", area);
    uint32_t room = SOTTO_LOG_KEPT_BYTES - ring->end, straight = size < room ? size : room;
    memcpy(ring->bytes + ring->end, text.data, straight);
    if (size > straight) memcpy(ring->bytes, text.data + straight, size - straight);
    ring->end = (ring->end + size) % SOTTO_LOG_KEPT_BYTES;
    ring->used += size;
}

static bool fits(const struct sotto_log_kept *line, const char *area, enum sotto_level level)
{
    return line->level <= level && (!area || strcmp(line->area, area) == 0);
}

static enum sotto_err add_line(struct sotto_buf *out, const struct sotto_log_ring *ring, const struct sotto_log_kept *line)
{
    uint32_t room = SOTTO_LOG_KEPT_BYTES - line->at, straight = line->size < room ? line->size : room;
    SOTTO_TRY(sotto_buf_add(out, ring->bytes + line->at, straight));
    return sotto_buf_add(out, ring->bytes, line->size - straight);
}

static enum sotto_err tail(const struct sotto_log_ring *ring, struct sotto_buf *out, const char *area, enum sotto_level level, unsigned limit)
{
    uint64_t from = ring->next;
    for (uint64_t n = ring->next; n > ring->first && limit > 0; n--) {
        if (!fits(&ring->lines[(n - 1) % SOTTO_LOG_KEPT_LINES], area, level)) continue;
        from = n - 1;
        limit--;
    }
    SOTTO_TRY(sotto_buf_add_u8(out, '['));
    bool some = false;
    for (uint64_t n = from; n < ring->next; n++) {
        const struct sotto_log_kept *line = &ring->lines[n % SOTTO_LOG_KEPT_LINES];
        if (!fits(line, area, level)) continue;
        if (some) SOTTO_TRY(sotto_buf_add_u8(out, ','));
        SOTTO_TRY(add_line(out, ring, line));
        some = true;
    }
    return sotto_buf_add_u8(out, ']');
}

enum sotto_err sotto_log_ring_tail(const struct sotto_log_ring *ring, struct sotto_buf *out, const char *area, enum sotto_level level, unsigned limit)
{
    size_t before = out->size;
    enum sotto_err err = tail(ring, out, area, level, limit);
    if (err != SOTTO_OK) out->size = before;
    return err;
}
