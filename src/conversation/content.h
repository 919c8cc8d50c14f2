/* What a cell says once it is open: the 876-byte body (messaging.md 5.1, 5.2). Pure.
 * All decoders refuse with ERR_CONTENT_FORM. Threads: no state. */
#ifndef SOTTO_CONVERSATION_CONTENT_H
#define SOTTO_CONVERSATION_CONTENT_H

#include "conversation/cell.h"

#define SOTTO_PAYLOAD_MAX 844u
#define SOTTO_FRAGMENTS_MAX 16u
#define SOTTO_MESSAGE_MAX (SOTTO_PAYLOAD_MAX * SOTTO_FRAGMENTS_MAX)      /* 13,504 */
#define SOTTO_MID_BYTES 8u

enum sotto_content_type {
    SOTTO_CONTENT_EMPTY = 0x00, SOTTO_CONTENT_TEXT = 0x01, SOTTO_CONTENT_MAIL = 0x02, SOTTO_CONTENT_FILE = 0x03, SOTTO_CONTENT_RECEIPT = 0x04,
    SOTTO_CONTENT_READ = 0x05, SOTTO_CONTENT_TYPING = 0x06, SOTTO_CONTENT_SYSTEM = 0x10, SOTTO_CONTENT_CALL = 0x20, SOTTO_CONTENT_CLUSTER = 0x30,
    SOTTO_CONTENT_NEGOTIATION = 0x40
};
enum sotto_system_type {
    SOTTO_SYSTEM_CONFIRM = 0x01, SOTTO_SYSTEM_END = 0x02, SOTTO_SYSTEM_RECORD_OFFER = 0x03, SOTTO_SYSTEM_RECORD_ACCEPT = 0x04,
    SOTTO_SYSTEM_RECORD_STOP = 0x05, SOTTO_SYSTEM_RESEND = 0x06, SOTTO_SYSTEM_TIMER = 0x07, SOTTO_SYSTEM_CERTIFICATE = 0x08,
    SOTTO_SYSTEM_DELETE = 0x09, SOTTO_SYSTEM_REACT = 0x0a
};
#define SOTTO_BODY_RECORD 1u              /* flag bit 0: record trailer */
#define SOTTO_BODY_RESENT 2u              /* flag bit 1: the message begins with the 8-byte id of its first copy */

struct sotto_body {
    uint8_t type, flags;
    uint32_t seq;                         /* 0 for types that are not counted */
    uint64_t time_ms;                     /* sender's clock, never 0 */
    uint32_t ack, ackbits, read;
    uint8_t fragment, fragments;
    struct sotto_span payload;            /* <= 844 bytes; of a decoded body: points into it */
};
bool sotto_content_known(uint8_t type);
bool sotto_content_counted(uint8_t type);                                /* of a known type */

/* SOTTO_ASSERTs its own caller's rules (sizes, fragment numbers). */
void sotto_body_encode(uint8_t out[SOTTO_BODY_BYTES], const struct sotto_body *body);
SOTTO_MUST_USE enum sotto_err sotto_body_decode(struct sotto_body *out, const uint8_t in[SOTTO_BODY_BYTES]);

/* Cells a message of that many bytes takes (1 for none); 0 = too long. */
unsigned sotto_fragments(size_t size);
/* The bytes of fragment number i. */
struct sotto_span sotto_fragment(struct sotto_span message, unsigned i);

/* Message id = TH("sotto/mid", c2 | dir | seq)[0..8]. */
void sotto_message_id(uint8_t out[SOTTO_MID_BYTES], const uint8_t c2[32], uint8_t dir, uint32_t seq);

/* Which numbers of one direction and session are complete here: all up to ack, then a bitmap. */
#define SOTTO_WINDOW_BITS 2048u
struct sotto_window { uint32_t ack; uint32_t high; uint8_t bits[SOTTO_WINDOW_BITS / 8]; };   /* bit i = number ack + 1 + i; high = highest complete */
bool sotto_window_has(const struct sotto_window *w, uint32_t seq);
bool sotto_window_fits(const struct sotto_window *w, uint32_t seq);      /* 1 <= seq <= ack + 2048 */
void sotto_window_add(struct sotto_window *w, uint32_t seq);             /* seq must fit */
/* The field ackbits: bit i = number ack + 2 + i is complete. */
uint32_t sotto_window_ackbits(const struct sotto_window *w);
/* Does a peer's (ack, ackbits) cover seq? */
bool sotto_ack_covers(uint32_t ack, uint32_t ackbits, uint32_t seq);

#endif
