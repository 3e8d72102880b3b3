/*
 * sha256_blocks.h - SHA-256 by the processor's own instructions, where it has
 * them.  A document with a change for each keystroke has 260,000 hashes to
 * check, and libsodium computes them without.  One file for each kind of
 * processor is chosen by CMake.  Internal to crypto.
 */
#ifndef CRYPTO_SHA256_BLOCKS_H
#define CRYPTO_SHA256_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BLOCK 64
#define SHA256_WORDS 8

/* Whether this machine can do it; without, sha256_blocks may not be called. */
bool sha256_blocks_here(void);
/* Works n blocks into the state. */
void sha256_blocks(
    uint32_t state[static SHA256_WORDS], const uint8_t *data, size_t n);

#endif
