#include "tests/sim/entropy.h"

#include <ftw.h>
#include <sodium.h>
#include <stdio.h>

#include "crypto/random.h"

static struct random_seeded sodium_seed;
static struct random sodium_random;

static const char *
sodium_name(void)
{
	return "simulator";
}

static void
sodium_fill(void *const out, const size_t n)
{
	random_fill(&sodium_random, out, n);
}

static uint32_t
sodium_number(void)
{
	uint32_t n;

	sodium_fill(&n, sizeof(n));
	return n;
}

void
entropy_seed(uint64_t seed)
{
	sodium_random = random_from_seed(&sodium_seed, seed);
	sodium_seed.key[31] = 2;
}

void
entropy_start(void)
{
	static struct randombytes_implementation seeded = {
		.implementation_name = sodium_name,
		.random = sodium_number,
		.buf = sodium_fill,
	};

	entropy_seed(0);
	LK_ASSERT(randombytes_set_implementation(&seeded) == 0);
	LK_ASSERT(crypto_start().code == LK_OK);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void
directory_remove(const char *dir)
{
	(void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
