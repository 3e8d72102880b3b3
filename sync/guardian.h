/*
 * guardian.h - what a device does with the guardians of a document: names them
 * when it makes one, asks them, and writes down what enough of them have
 * signed (access.md section 3, guard).  As for replica.h: inside a transaction,
 * on its thread.
 */
#ifndef SYNC_GUARDIAN_H
#define SYNC_GUARDIAN_H

#include "sync/guard_request.h"
#include "sync/replica.h"

/*
 * As replica_create, with guardians, `needed` of whom may together let in or
 * remove anybody.  USAGE: more than GENESIS_GUARDIANS_MAX, one is
 * there twice, or needed is not between 1 and len.
 */
struct guardians {
	uint8_t keys[GENESIS_GUARDIANS_MAX][ACCESS_KEY_LEN];
	size_t len, needed;
};
struct creation {
	const char *name, *type;
	edit_fn *fill; /* or NULL */
	void *ctx;
	const struct guardians *guardians; /* NULL: none */
};
LK_MUST_USE lk_err replica_create_as(
    struct replica *, const struct creation *, uint32_t *docno);
/* What is asked for: a role for a person (his root key; he gets it for his most
 * senior device, which hands it on to the others) or device, or that no more
 * than a role is left of what one has. */
struct guard_order {
	bool revoke;
	const uint8_t *key;
	enum role role; /* none only when revoking, admin only when granting */
};
/*
 * The request, in the arena, to be carried by this device.  Writes nothing.
 *   NOTFOUND  granting: neither a contact nor one of his devices or of this
 *             person's; revoking: never a member
 *   EXISTS    has this role; has no more than that
 *   DENIED    the document has no guardians, or this device no role there
 *   LIMIT     more grants than one revocation names
 */
LK_MUST_USE lk_err replica_guard_ask(struct replica *, uint32_t docno,
    const struct guard_order *, struct arena *, struct guard_request *);
/*
 * Writes what they have signed, by the first k of those who have.  *have is how
 * many different guardians, also where that is too few.
 *   DATA    a signature of another request, or not genuine
 *   DENIED  made for another device; a signature by no guardian; too few;
 *           this device has no role there; not admissible
 *   EXISTS  written before
 */
struct guard_answer {
	const struct guard_signature *list;
	size_t len;
};
LK_MUST_USE lk_err replica_guard_apply(struct replica *, uint32_t docno,
    const struct guard_request *, const struct guard_answer *, size_t *have);

#endif
