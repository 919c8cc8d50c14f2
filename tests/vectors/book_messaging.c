/* messaging.json: who reads which group. */
#include "pins.h"
#include "vec.h"

static const struct vec_group groups[] = {
    { "keys", vec_keys }, { "vault", vec_vault }, { "keystore", vec_keystore }, { "hash", vec_hash }, { "cert", vec_cert },
    { "link", vec_link }, { "box", vec_box }, { "hello", vec_hello }, { "kdac", vec_kdac }, { "ratchet", vec_ratchet },
    { "cell", vec_cell }, { "session", vec_session }, { "content", vec_content }, { "record", vec_record },
    { "envelope", vec_envelope }, { "file", vec_file_group }, { "paper", vec_paper },
};

static const char *const notes[] = { "encoding", "sealed", NULL }, *const later[] = { NULL };

const struct vec_book vec_book_messaging = {
    "messaging.json", "design/messaging.md", groups, sizeof groups / sizeof *groups, notes, later, vec_pins_messaging, &vec_pins_messaging_count, false,
};
