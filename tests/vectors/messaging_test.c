/* Every case of messaging.json: read from the folder in SOTTO_VECTORS, else from here. How many there are is not assumed. */
#include "vec.h"

#include <stdio.h>

int main(void)
{
    size_t cases = 0;
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    json_t *root = vec_load("messaging.json");
    bool good = root && vec_file(root, false, &cases);
    json_decref(root);
    printf("%zu cases of messaging.json: %s\n", cases, good ? "all pass" : "FAILED");
    return good ? 0 : 1;
}
