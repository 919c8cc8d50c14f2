/* Every case of messaging.json: read from the folder in SOTTO_VECTORS, else from here. How many there are is not assumed. */
#include "vec.h"

int main(void) { return vec_main(&vec_book_messaging); }
