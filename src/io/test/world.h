/* What the tests of io share: a folder of their own that goes at the end, and short checks. */
#ifndef SOTTO_IO_TEST_WORLD_H
#define SOTTO_IO_TEST_WORLD_H

#include "support/test.h"

#include "base/bytes.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define assert_ok(call) assert_int_equal((call), SOTTO_OK)

static char world_dir[64];

static inline int world_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

/* A fresh folder under /tmp (short: unix socket paths have 107 bytes). */
static inline int world_make(void **state)
{
    (void)state;
    strcpy(world_dir, "/tmp/sotto-io-XXXXXX");
    return mkdtemp(world_dir) ? 0 : -1;
}

static inline int world_drop(void **state)
{
    (void)state;
    return nftw(world_dir, world_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* dir/name; up to 8 at a time */
static inline const char *world_path(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *out = paths[next++ % 8];
    snprintf(out, 256, "%s/%s", world_dir, name);
    return out;
}

static inline void world_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static inline unsigned world_mode(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

#endif
