/* sotto-lab: the papers' literal forms, computed and taken apart, and the simulator. It speaks to no node, reads no vault, and no node can
 * be switched into anything it does. Secrets stand in its arguments on purpose: never use one that means something. */
#include "literal.h"
#include "whisper.h"

#include "base/text.h"
#include "sim/links.h"
#include "sim/run.h"
#include "sim/strangers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_USAGE = 2 };

static int usage(void)
{
    fputs("sotto-lab: literal forms of the papers, for study. Nothing here protects anything.\n\n"
          "  sotto-lab kdac --x HEX --t N --ka HEX --kb HEX\n"
          "      the paper's key derivation: 64-bit seed x (16 digits), clock t, private keys k_A and k_B (64 digits each)\n"
          "  sotto-lab sim --world NAME --seed FIRST --count N [--trace FILE]\n"
          "      whole nodes in a simulated world where everything goes wrong that can; sotto-lab sim --list names the worlds\n"
          "  sotto-lab whisper ATTACK|--all [--seed S] [--trials N] [--jobs N] [--json]\n"
          "      attacks on Whisper, what they pay and what others lose; sotto-lab whisper --help names them\n"
          "  sotto-lab strangers [--seed FIRST] [--count N] [--no-groups]\n"
          "      a thousand nodes that find and dial each other, a fifth of them hostile\n"
          "  sotto-lab links [--seed FIRST] [--count N] [--strategy NAME]\n"
          "      links of sotto/1 on bad lines, and a hostile peer on one of them; sotto-lab links --list names what it does\n",
          stderr);
    return EXIT_USAGE;
}

static void line(const char *name, const void *bytes, size_t size, const char *what)
{
    char hex[2 * 33 + 1];
    sotto_hex(hex, bytes, size);
    printf("  %-6s %-66s  %s\n", name, hex, what);
}

static void broken(const struct lab_literal *l, const struct sotto_scalar *k_b)
{
    struct sotto_scalar again;
    bool found = lab_literal_recover(&again, &l->k_bt, &l->h) == SOTTO_OK && memcmp(again.b, k_b->b, sizeof again.b) == 0;
    puts("\nwhat is broken about it");
    printf("  1  One k_Bt with its h gives k_B for ever: k_Bt / h mod n %s\n",
           found ? "was computed just now and is k_B." : "did not give k_B: this program is wrong.");
    puts("  2  x has 64 bits: whoever knows t and one K_Bt tries all x in about 2^63 hashes and multiplications.\n"
         "  3  t is a clock and travels in clear: it dates the message, repeats within one tick, and differs between machines.\n"
         "  4  x never changes: one leak of x and k opens everything said before and after.\n"
         "  5  K_S = S.x xor S.y binds neither the two people nor the message, and the paper's cipher has no integrity.\n"
         "  6  Nothing here proves who sent it: \"A sent it\" follows from no equation above.\n"
         "\nThe product derives a fresh address and key per message from a ratchet instead, authenticates them, and erases them.");
}

static bool number(uint64_t *out, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno) return false;
    *out = v;
    return true;
}

static int kdac(int argc, char **argv)
{
    static const char *const names[] = { "--x", "--t", "--ka", "--kb" };
    const char *values[4] = { NULL };
    for (int i = 0; i + 1 < argc; i += 2)
        for (size_t n = 0; n < 4; n++)
            if (strcmp(argv[i], names[n]) == 0 && !values[n]) values[n] = argv[i + 1];
    uint8_t x[8];
    uint64_t t;
    struct sotto_scalar k_a, k_b;
    struct lab_literal l;
    if (argc != 8 || !values[0] || !values[1] || !values[2] || !values[3]) return usage();
    if (sotto_unhex(x, sizeof x, sotto_span_str(values[0])) != SOTTO_OK || !number(&t, values[1]) ||
        sotto_unhex(k_a.b, sizeof k_a.b, sotto_span_str(values[2])) != SOTTO_OK ||
        sotto_unhex(k_b.b, sizeof k_b.b, sotto_span_str(values[3])) != SOTTO_OK)
        return usage();
    if (lab_literal_kdac(&l, x, t, &k_a, &k_b) != SOTTO_OK) {
        fputs("sotto-lab: a key must lie between 1 and n - 1.\n", stderr);
        return EXIT_USAGE;
    }
    printf("LITERAL FORM OF THE PAPER, NOT WHAT SOTTO USES: A sends to B at t = %llu\n\n", (unsigned long long)t);
    line("h", l.h.b, 32, "SHA-256(x || t) mod n");
    line("K_Bt", l.big_k_bt.b, 33, "h*K_B, the one-time address");
    line("K_At", l.big_k_at.b, 33, "h*K_A");
    line("k_Bt", l.k_bt.b, 32, "h*k_B mod n");
    line("S", l.s.b, 33, "k_A*K_Bt = k_B*K_At");
    line("K_S", l.k_s, 32, "S.x xor S.y, the message key");
    broken(&l, &k_b);
    return 0;
}

int main(int argc, char **argv)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    if (argc >= 2 && strcmp(argv[1], "kdac") == 0) return kdac(argc - 2, argv + 2);
    if (argc >= 2 && strcmp(argv[1], "sim") == 0) return sim_command(argc - 2, argv + 2);
    if (argc >= 2 && strcmp(argv[1], "whisper") == 0) return lab_whisper_command(argc - 2, argv + 2);
    if (argc >= 2 && strcmp(argv[1], "strangers") == 0) return sim_strangers_command(argc - 2, argv + 2);
    if (argc >= 2 && strcmp(argv[1], "links") == 0) return sim_links_command(argc - 2, argv + 2);
    return usage();
}
