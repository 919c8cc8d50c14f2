/* A WebSocket on the doors: what an HTTP connection became after the judge let it through. libwebsockets keeps the protocol (masks,
 * fragments, pings, UTF-8); no extension is offered, so nothing is inflated. */
#include "io/door_impl.h"

#include <libwebsockets.h>
#include <stdlib.h>

#define WRITE_STEP (64u << 10)              /* of one frame; a long message is several */

static void rearm(struct sotto_door_conn *c)
{
    uint64_t at = c->read_by_us < c->write_by_us ? c->read_by_us : c->write_by_us, now = uv_hrtime() / 1000;
    lws_set_timer_usecs(c->wsi, at == UINT64_MAX ? LWS_SET_TIMER_USEC_CANCEL : (lws_usec_t)(at > now ? at - now + 1000 : 1));
}

void sotto_door_ws_opened(struct sotto_door_conn *c)
{
    c->manner = SOTTO_DOOR_WS;
    c->read_by_us = c->write_by_us = UINT64_MAX;
    c->sent = 0;
}

/* A piece of a message. Pieces of one that is not read any more (the door drains) are forgotten. */
int sotto_door_ws_came(struct sotto_door_conn *c, struct lws *wsi, struct sotto_span part)
{
    struct sotto_door *door = c->door;
    bool whole = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;
    if (door->draining || door->freed) return door->freed ? -1 : 0;
    enum sotto_err err = part.size > door->config.message_max - c->in.size ? SOTTO_ERR_FULL : sotto_buf_add_span(&c->in, part);
    if (part.size) explicit_bzero((void *)(uintptr_t)part.data, part.size);       /* in lws' own buffer, which nobody else reads any more */
    if (err != SOTTO_OK) {
        lws_close_reason(wsi, err == SOTTO_ERR_FULL ? LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE : LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, NULL, 0);
        return -1;
    }
    if (whole) {
        c->read_by_us = UINT64_MAX;
        sotto_door_tell(c, sotto_buf_span(&c->in), false);
        if (c->in.cap > 4 * SOTTO_DOOR_CHUNK) sotto_buf_free(&c->in);
        else sotto_buf_drop(&c->in, c->in.size);
        if (door->freed) return -1;
        c->hungry = c->pending >= door->config.pending_max;
        if (c->hungry) lws_rx_flow_control(wsi, 0);
    } else if (c->read_by_us == UINT64_MAX) {
        c->read_by_us = sotto_door_message_deadline(c);
    }
    rearm(c);
    return 0;
}

void sotto_door_ws_read(struct sotto_door_conn *c)
{
    if (!c->hungry || c->leaving || c->pending >= c->door->config.pending_max) return;
    c->hungry = false;
    lws_rx_flow_control(c->wsi, 1);
}

enum sotto_err sotto_door_ws_add(struct sotto_door_conn *c, struct sotto_span json)
{
    enum sotto_err err;
    if (!sotto_door_queue(c, &err, json, LWS_PRE)) {
        sotto_door_http_end(c);
        return err;
    }
    if (c->write_by_us == UINT64_MAX) {
        c->write_by_us = sotto_door_message_deadline(c);
        rearm(c);
    }
    lws_callback_on_writable(c->wsi);
    return SOTTO_OK;
}

int sotto_door_ws_writable(struct sotto_door_conn *c, struct lws *wsi)
{
    struct sotto_door_out *out = c->first;
    if (!out) return 0;
    size_t size = out->size - 1, part = size - c->sent < WRITE_STEP ? size - c->sent : WRITE_STEP;       /* without the line end */
    bool last = c->sent + part == size;
    int how = (c->sent == 0 ? LWS_WRITE_TEXT : LWS_WRITE_CONTINUATION) | (last ? 0 : LWS_WRITE_NO_FIN);
    /* lws writes the frame's head into the LWS_PRE bytes before: room, or bytes that have left */
    if (lws_write(wsi, out->data + LWS_PRE + c->sent, part, (enum lws_write_protocol)how) < (int)part) return -1;
    c->sent += part;
    if (last) {
        c->sent = 0;
        sotto_door_unqueue(c);
    }
    c->write_by_us = c->first ? sotto_door_message_deadline(c) : UINT64_MAX;
    rearm(c);
    if (c->first) lws_callback_on_writable(wsi);
    else if (c->door->draining) sotto_door_kick(c->door);
    return 0;
}

int sotto_door_ws_deadline(struct sotto_door_conn *c)
{
    uint64_t now = uv_hrtime() / 1000;
    if (c->manner != SOTTO_DOOR_WS) return 0;
    if (now >= c->read_by_us || now >= c->write_by_us) return -1;
    rearm(c);
    return 0;
}
