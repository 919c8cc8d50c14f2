/* The chooser of the build with planted bugs (base/plant.h): part of the room base there, and of no other build. */
#include "base/plant.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[SOTTO_PLANT_COUNT] = {
    "none",
#define SOTTO_PLANT(name, ...) #name,
#include "base/plants.def"
#undef SOTTO_PLANT
};
enum sotto_plant sotto_plant_awake;
static atomic_flag told = ATOMIC_FLAG_INIT;

/* A detector that fails without this line on stderr failed for another reason than the planted one. */
bool sotto_plant_reached(void)
{
    char text[96];
    if (atomic_flag_test_and_set(&told)) return true;
    int size = snprintf(text, sizeof text, "planted: %s\n", names[sotto_plant_awake]);
    if (size > 0 && write(STDERR_FILENO, text, (size_t)size) < 0) abort();
    return true;
}

__attribute__((constructor)) static void choose(void)
{
    const char *name = getenv("SOTTO_PLANT");
    if (!name || !*name) return;
    for (int i = 1; i < SOTTO_PLANT_COUNT; i++)
        if (strcmp(names[i], name) == 0) sotto_plant_awake = (enum sotto_plant)i;
    if (sotto_plant_awake) return;
    fprintf(stderr, "SOTTO_PLANT=%s: no such plant\n", name);
    exit(2);
}
