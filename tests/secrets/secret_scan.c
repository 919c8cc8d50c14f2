/* The tool of tests/system/memory_scan.py.
 *
 *     secret_scan account VAULT [DB]    passphrase from stdin; prints "NAME HEX" for each secret of that account
 *     secret_scan process PID           secrets as such lines from stdin; prints "NAME FORM where" for each place in readable memory
 *     secret_scan files FOLDER          the same in every file below FOLDER
 *
 * where of a process: "locked" or "open" (in a region that is both locked in memory and kept out of dumps, or not), the address and
 * the region's name. Exit status 0, also when something was found; 2 for whatever cannot be looked at. */
#include "reader.h"
#include "scan.h"

#include "base/text.h"
#include "crypto/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REGION_MAX (1ull << 30)           /* what no program of ours has: the shadow of a sanitizer */

static struct scan *secrets;

static void print_secret(void *ctx, const char *name, struct sotto_span secret)
{
    (void)ctx;
    printf("%s ", name);
    for (size_t i = 0; i < secret.size; i++) printf("%02x", secret.data[i]);
    putchar('\n');
}

static int account(const char *vault, const char *db)
{
    char passphrase[1026];
    if (!fgets(passphrase, sizeof passphrase, stdin)) passphrase[0] = 0;
    passphrase[strcspn(passphrase, "\n")] = 0;
    if (sotto_crypto_init() != SOTTO_OK) return 2;
    reader_account(vault, db, passphrase, print_secret, NULL);
    return 0;
}

static bool read_secrets(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    secrets = scan_new();
    while ((size = getline(&line, &room, stdin)) > 0) {
        line[strcspn(line, "\n")] = 0;
        char *hex = strchr(line, ' ');
        if (!hex) return false;
        *hex++ = 0;
        size_t bytes = strlen(hex) / 2;
        uint8_t *raw = malloc(bytes + 1);
        char *name = strdup(line);
        if (!raw || !name || sotto_unhex(raw, bytes, sotto_span(hex, 2 * bytes)) != SOTTO_OK) return false;
        scan_secret(secrets, name, sotto_span(raw, bytes));
        free(raw);
    }
    free(line);
    return true;
}

struct region { unsigned long long from, to; bool readable, locked, undumped; char name[256]; };

static void found_in_memory(void *ctx, const char *name, const char *form, size_t offset)
{
    const struct region *r = ctx;
    printf("%s %s %s %llx %s\n", name, form, r->locked && r->undumped ? "locked" : "open", r->from + offset, r->name[0] ? r->name : "-");
}

static void look(int memory, struct region *r)
{
    if (!r->readable || r->to - r->from > REGION_MAX || strncmp(r->name, "[v", 2) == 0) return;
    size_t size = (size_t)(r->to - r->from), have = 0;
    uint8_t *bytes = malloc(size);
    if (!bytes) abort();
    while (have < size) {
        ssize_t n = pread(memory, bytes + have, size - have, (off_t)(r->from + have));
        if (n <= 0) break;
        have += (size_t)n;
    }
    scan_bytes(secrets, sotto_span(bytes, have), found_in_memory, r);
    free(bytes);
}

static int process(const char *pid)
{
    char path[64], line[1024];
    struct region r = { 0 };
    bool any = false;
    snprintf(path, sizeof path, "/proc/%s/mem", pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%s/smaps", pid);
    FILE *maps = fopen(path, "re");
    if (memory < 0 || !maps || !read_secrets()) {
        fprintf(stderr, "secret_scan: process %s: %s\n", pid, strerror(errno));
        return 2;
    }
    while (fgets(line, sizeof line, maps)) {
        unsigned long long from, to;
        char rights[5], name[256] = "";
        if (sscanf(line, "%llx-%llx %4s %*s %*s %*s %255s", &from, &to, rights, name) >= 3 && strchr(line, '-')) {
            r = (struct region){ .from = from, .to = to, .readable = rights[0] == 'r' };
            memcpy(r.name, name, sizeof name);
        } else if (strncmp(line, "VmFlags:", 8) == 0) {                  /* the last line of a region */
            r.locked = strstr(line, " lo ") != NULL;
            r.undumped = strstr(line, " dd ") != NULL;
            any = true;
            look(memory, &r);
        }
    }
    fclose(maps);
    close(memory);
    return any ? 0 : 2;
}

static void found_in_file(void *ctx, const char *name, const char *form, size_t offset)
{
    printf("%s %s %s %zx -\n", name, form, (const char *)ctx, offset);
}

static int one_file(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)walk;
    if (kind != FTW_F || !S_ISREG(st->st_mode)) return 0;
    FILE *f = fopen(path, "re");
    uint8_t *bytes = f ? malloc((size_t)st->st_size + 1) : NULL;
    if (!bytes) return 0;                 /* gone meanwhile */
    size_t size = fread(bytes, 1, (size_t)st->st_size, f);
    scan_bytes(secrets, sotto_span(bytes, size), found_in_file, (void *)(uintptr_t)path);
    free(bytes);
    fclose(f);
    return 0;
}

int main(int argc, char **argv)
{
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "account") == 0) return account(argv[2], argc == 4 ? argv[3] : NULL);
    if (argc == 3 && strcmp(argv[1], "process") == 0) return process(argv[2]);
    if (argc == 3 && strcmp(argv[1], "files") == 0) return read_secrets() && nftw(argv[2], one_file, 16, FTW_PHYS) == 0 ? 0 : 2;
    fputs("secret_scan account VAULT [DB] | process PID | files FOLDER\n", stderr);
    return 2;
}
