#include "sim/record.h"

#include "base/text.h"
#include "node/impl.h"
#include "wire/rlp.h"

#include <inttypes.h>
#include <stdlib.h>

struct sim_record { FILE *file, *truth; };

struct sim_record *sim_record_new(struct sim_world *w, const char *file, const char *truth)
{
    struct sim_record *r = sim_alloc(sizeof *r);
    r->file = fopen(file, "w");
    r->truth = truth ? fopen(truth, "w") : NULL;
    if (r->file && (r->truth || !truth)) {
        w->record = r;
        return r;
    }
    perror(r->file ? truth : file);
    sim_record_free(r);
    return NULL;
}

void sim_record_free(struct sim_record *r)
{
    if (!r) return;
    if (r->file) fclose(r->file);
    if (r->truth) fclose(r->truth);
    free(r);
}

static int machine_of(const struct sim_world *w, const uint8_t key[64])
{
    for (unsigned i = 0; i < w->machine_count; i++)
        if (w->machines[i]->node && memcmp(w->machines[i]->node->self.key, key, 64) == 0) return (int)i;
    return -1;
}

void sim_record_envelope(struct sim_world *w, const uint8_t key[64], struct sotto_span rlp)
{
    char topic[9], cell[2 * SOTTO_NATIVE_DATA + 1];
    struct sotto_envelope e;
    if (!w->record || !w->current || w->current->dead) return;
    if (sotto_envelope_decode(&e, rlp) != SOTTO_OK || e.data.size != SOTTO_NATIVE_DATA) return;
    sotto_hex(topic, e.topic, 4);
    sotto_hex(cell, e.data.data, e.data.size);
    fprintf(w->record->file, "{\"time_us\":%" PRIu64 ",\"from\":%u,\"to\":%d,\"ttl\":%u,\"expiry\":%u,\"topic\":\"%s\",\"cell\":\"%s\",\"nonce\":\"%016" PRIx64 "\"}\n",
            w->now_us, w->current->index, machine_of(w, key), e.ttl, e.expiry, topic, cell, e.nonce);
}

void sim_record_packet(struct sim_world *w, const uint8_t key[64], struct sotto_span packet)
{
    struct sotto_rlp top = sotto_rlp(packet), list;
    struct sotto_span rlp;
    if (sotto_rlp_list(&top, &list) != SOTTO_OK) return;
    while (sotto_rlp_more(&list) && sotto_rlp_raw(&list, &rlp) == SOTTO_OK) sim_record_envelope(w, key, rlp);
}

/* Accounts of a machine are numbered from 1 in the order of their making, as its people are. */
void sim_record_cell(struct sim_world *w, unsigned machine, uint32_t account, const uint8_t sealed[1028])
{
    const struct sim_people *people = w->user;
    if (!w->record || !w->record->truth || !people) return;
    for (unsigned i = 0; i < people->count; i++) {
        if (people->person[i].machine->index != machine || --account > 0) continue;
        char topic[9], name[17];
        uint8_t hash[32];
        sotto_sha256(hash, sotto_span(sealed + 4, 1024));
        sotto_hex(topic, sealed, 4);
        sotto_hex(name, hash, 8);
        fprintf(w->record->truth, "{\"topic\":\"%s\",\"cell_hash\":\"%s\",\"sender\":%u,\"receiver\":%u}\n", topic, name, i, i ^ 1);
        return;
    }
}
