/* Any bytes as STATUS, and as the list of options of UPDATE. What is accepted has options that, written again, read the same; a refusal leaves what
 * was there. */
#include "support/fuzz_input.h"

#include "relay/link_status.h"

/* Field by field: what lies between them is nobody's. */
static bool same(const struct sotto_rl_options *a, const struct sotto_rl_options *b)
{
    return a->has == b->has && a->roles == b->roles && memcmp(a->network, b->network, sizeof a->network) == 0 && a->cells_rate == b->cells_rate &&
           a->bytes_rate == b->bytes_rate && a->window == b->window && a->floor_bits == b->floor_bits && a->stem_class == b->stem_class &&
           a->hop_ms == b->hop_ms && a->store_from == b->store_from && a->store_page == b->store_page && a->tcp_port == b->tcp_port &&
           a->udp_port == b->udp_port;
}

static void check_options(const struct sotto_rl_options *o)
{
    struct sotto_rl_options back = sotto_rl_options();
    struct sotto_buf b = sotto_buf_make(1024);
    SOTTO_ASSERT(o->cells_rate && o->bytes_rate && o->window && o->stem_class <= 1 && o->store_page <= 64 && !(o->floor_bits >> 63));
    SOTTO_ASSERT(sotto_rl_options_write(&b, o) == SOTTO_OK && sotto_rl_options_read(&back, sotto_buf_span(&b)) == SOTTO_OK);
    SOTTO_ASSERT(same(&back, o));
    sotto_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_span in = sotto_span(data, size);
    struct sotto_rl_status s, before;
    struct sotto_rl_options o = sotto_rl_options(), as_it_was;
    uint8_t again[SOTTO_RL_STATUS_SIZE];
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    memset(&s, 0xa5, sizeof s);
    memset(&before, 0xa5, sizeof before);
    memcpy(&as_it_was, &o, sizeof o);
    if (fuzz_err(sotto_rl_status_read(&s, in, NULL)) == SOTTO_OK) {
        struct sotto_rl_status back;
        check_options(&s.options);
        SOTTO_ASSERT(sotto_rl_status_read(&back, in, &s.fresh) == SOTTO_ERR_LINK_EPHEMERAL);
        SOTTO_ASSERT(sotto_rl_status_write(again, &s, NULL, 0) == SOTTO_OK && sotto_rl_status_read(&back, SOTTO_SPAN(again), NULL) == SOTTO_OK);
        SOTTO_ASSERT(memcmp(&back.fresh, &s.fresh, sizeof s.fresh) == 0 && memcmp(back.nonce, s.nonce, sizeof s.nonce) == 0 && same(&back.options, &s.options));
    } else SOTTO_ASSERT(memcmp(&s, &before, sizeof s) == 0);
    if (fuzz_err(sotto_rl_options_read(&o, in)) == SOTTO_OK) check_options(&o);
    else SOTTO_ASSERT(memcmp(&o, &as_it_was, sizeof o) == 0);
    return 0;
}
