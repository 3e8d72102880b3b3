/*
 * random.h - the only source of randomness.  Pure modules take a struct
 * random; the daemon gives them the system's, the simulator a seeded one.
 */
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include "base/bytes.h"

struct random {
	void (*fill)(void *ctx, uint8_t *, size_t);
	void *ctx;
};

void random_fill(const struct random *, void *, size_t);
uint64_t random_u64(const struct random *);
/* Uniform below n; n > 0. */
uint64_t random_below(const struct random *, uint64_t n);

/* The operating system's; call crypto_start once before. */
struct random random_system(void);
/* Deterministic from a seed: ChaCha20 keystream.  For the simulator and
 * tests; it lives outside the product's binaries' paths. */
struct random_seeded {
	uint8_t key[32];
	uint64_t counter;
};
struct random random_from_seed(struct random_seeded *, uint64_t seed);

/* Initialises libsodium; UNAVAILABLE when that fails. */
LK_MUST_USE lk_err crypto_start(void);

#endif
