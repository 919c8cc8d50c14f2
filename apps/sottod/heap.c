/* The heap of sottod wipes what is given back. Passphrases, words and texts pass through buffers of libraries (JSON, HTTP, the event
 * loop, SQLite, stdio) that free them as they are; in this process free and realloc wipe first, whoever calls them, so that what was
 * said to the node does not stay in its memory (messaging.md 1.3). One memset a free: see HACKING.md for what that costs.
 *
 * The memory itself is glibc's: only the two calls that give memory back are replaced. Not under sanitizers, which replace the heap. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__

extern void __libc_free(void *memory);    /* what free is an alias of, exported for programs that replace it */

void free(void *memory)
{
    if (!memory) return;
    int saved = errno;                    /* free does not change it */
    explicit_bzero(memory, malloc_usable_size(memory));
    __libc_free(memory);
    errno = saved;
}

/* Moves in every case where the C library might, because that would leave the old bytes behind. A block that shrinks a little stays. */
void *realloc(void *memory, size_t size)
{
    if (!memory) return malloc(size);
    if (size == 0) {                      /* as glibc: frees */
        free(memory);
        return NULL;
    }
    size_t room = malloc_usable_size(memory);
    if (size <= room && size >= room / 2) return memory;
    void *moved = malloc(size);
    if (!moved) return NULL;
    memcpy(moved, memory, room < size ? room : size);
    free(memory);
    return moved;
}

#else
typedef int sotto_heap_is_not_glibc;      /* the test memory_scan tells what another heap leaves behind */
#endif
