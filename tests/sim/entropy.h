/*
 * entropy.h - for programs that simulate: what libsodium draws for itself (the
 * keys of sealed boxes) becomes a function of a seed.  One thread.
 */
#ifndef TESTS_SIM_ENTROPY_H
#define TESTS_SIM_ENTROPY_H

#include <stdint.h>

/* Once, before anything else of libsodium. */
void entropy_start(void);
void entropy_seed(uint64_t seed);

/* Removes a directory and all below it. */
void directory_remove(const char *dir);

#endif
