/*
 * cpace.h - CPace over ristretto255 with SHA-512: two sides that know the same
 * few bits agree on a key, and whoever does not know them gets one guess a run
 * (docs/protocol.md section 16; the CFRG's draft-irtf-cfrg-cpace, in the form
 * with an initiator and a responder).
 *
 *   cpace_init -> send cpace_share -> cpace_finish with the other side's
 *
 * The key says nothing about whether the other side has the same one: that is
 * for a confirmation by the caller, with a different text for each side.  Pure:
 * the random bytes are an argument, to be used once.  A struct cpace holds
 * secrets and is ended with cpace_clear.  One thread.
 */
#ifndef CRYPTO_CPACE_H
#define CRYPTO_CPACE_H

#include "base/bytes.h"

#define CPACE_POINT_LEN 32
#define CPACE_RANDOM_LEN 64
#define CPACE_ISK_LEN 64
/* Of each part below; what is longer would need another encoding. */
#define CPACE_PART_MAX 127

/* Parts are borrowed until cpace_init returns, except sid and ad. */
struct cpace_config {
	bool initiator;
	struct bytes prs; /* the secret bits */
	struct bytes ci;  /* what both sides have to mean alike */
	struct bytes sid; /* the channel; kept until cpace_finish */
	/* Associated data of the initiator and of the responder; kept. */
	struct bytes ad[2];
	const uint8_t *random; /* CPACE_RANDOM_LEN fresh bytes */
};

struct cpace {
	bool initiator;
	struct bytes sid, ad[2];
	uint8_t scalar[CPACE_POINT_LEN];
	uint8_t share[CPACE_POINT_LEN]; /* to be sent */
};

/* MALFORMED: the random bytes are no use (they were not random). */
LK_MUST_USE lk_err cpace_init(struct cpace *, const struct cpace_config *);
/*
 * Computes the key from what the other side sent, and wipes the secrets.
 * MALFORMED when that is no point, not in its only encoding, or such that the
 * key would be known to all.
 */
LK_MUST_USE lk_err cpace_finish(struct cpace *,
    const uint8_t theirs[static CPACE_POINT_LEN],
    uint8_t isk[static CPACE_ISK_LEN]);
void cpace_clear(struct cpace *);

#endif
