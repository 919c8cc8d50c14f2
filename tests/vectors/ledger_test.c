/* Every case of ledger.json of a group that a room of today computes; the others are named. SOTTO_VECTORS names another folder. */
#include "vec.h"

int main(void) { return vec_main(&vec_book_ledger); }
