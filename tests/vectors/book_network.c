/* network.json: who reads which group. */
#include "pins.h"
#include "vec.h"

static const struct vec_group groups[] = {
    { "status", vec_net_status }, { "handshake", vec_net_handshake }, { "cell", vec_net_cell }, { "record", vec_net_record }, { "receive", vec_net_receive },
    { "credit", vec_net_credit }, { "bucket", vec_net_bucket }, { "envelope", vec_net_envelope }, { "rating", vec_net_rating }, { "evict", vec_net_evict }, { "group", vec_net_group },
    { "want", vec_net_want }, { "lan", vec_net_lan },
};

static const char *const notes[] = { "encoding", NULL };
static const char *const later[] = { "store", "stem_map", "stem", "hop", "layer", "hop_cell", "voice", "datagram", NULL };

const struct vec_book vec_book_network = {
    "network.json", "design/network.md", groups, sizeof groups / sizeof *groups, notes, later, vec_pins_network, &vec_pins_network_count, false,
};
