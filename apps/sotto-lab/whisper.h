/* `sotto-lab whisper`: the attacks of the paper on Whisper, their price and what they cost others. Threads: one. */
#ifndef SOTTO_LAB_WHISPER_H
#define SOTTO_LAB_WHISPER_H

#include <stdbool.h>
#include <stdint.h>

/* argv begins behind "whisper". 0; 1 when a run failed; 2 for wrong usage. */
int lab_whisper_command(int argc, char **argv);

/* Tries a second of one core, measured just now with the kernel in use (some tenths of a second). */
double lab_work_speed(void);
/* What a rating costs by size and life: the closed form, and searches with the kernel in use. */
void lab_work_table(uint64_t seed, unsigned trials, double tries_per_s, bool json);

#endif
