/* io/portmap.h in a world: its machines are all on one wire, there is no router to ask. */
#include "io/portmap.h"

enum sotto_err sotto_io_portmap(struct sotto_map_report *out, const struct sotto_portmap_request *r, const atomic_bool *cancel)
{
    (void)r;
    (void)cancel;
    *out = (struct sotto_map_report){ .count = 1, .tries = { { .method = SOTTO_MAP_UPNP, .result = SOTTO_MAP_SILENT } } };
    return SOTTO_OK;
}
