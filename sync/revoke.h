/*
 * revoke.h - taking access away, giving it up, and making void work count
 * (access.md sections 3 and 5).  As for replica.h: inside a transaction, on its
 * thread.
 */
#ifndef SYNC_REVOKE_H
#define SYNC_REVOKE_H

#include "sync/replica.h"

/* A revocation: every grant of a key (a contact's root key, with those of his
 * devices; or a device's) in the document, with `tree`; access.md sections 3 and
 * 5, cli.md section 6. */
struct revoke_order {
	const uint8_t *key;
	enum role level; /* what remains, below admin */
	/* Entries, by number: what he did after them and all they had seen is
	 * void (R7).  NULL: all that is here stays. */
	const uint32_t *keep;
	size_t keep_len;
	bool soft;    /* denials by him that are not here yet count (R8) */
	bool cascade; /* grants that he made, too (R3) */
	bool ban;     /* no more junior or concurrent grant has effect (R6) */
};
/*
 * Writes it.  One that is soft so far is hardened by one that is not.
 *   NOTFOUND  never a member
 *   EXISTS    has no more than `level` already
 *   DENIED    not mine to revoke
 */
struct revoke_report {
	uint64_t kept, grants; /* his changes that stay; grants ended */
	uint64_t epoch;        /* number of epochs so far */
	bool last_admin;       /* no other device can revoke after that */
};
LK_MUST_USE lk_err replica_revoke(struct replica *, uint32_t docno,
    const struct revoke_order *, struct revoke_report *);
/* What one takes in memory. */
#define REVOKE_MEMORY_MAX ((size_t)64 * 1024 * 1024)
/* Inside sync/: the one op that says it with the authority of guardians, in the
 * arena.  Errors as above; LIMIT when one op has no room for it. */
struct docstate;
LK_MUST_USE lk_err revoke_op_make(struct replica *, struct docstate *,
    const struct revoke_order *, struct arena *, struct access_op *);
/* Gives up every grant of this device.  DENIED, NOTFOUND: it has none. */
LK_MUST_USE lk_err replica_leave(struct replica *, uint32_t docno);
/* Makes void changes and imports count (access.md section 3), by the numbers of
 * their envelopes, of an import the last one.  In as many envelopes as it
 * takes: the caller undoes after an error.  DENIED. */
LK_MUST_USE lk_err replica_adopt(
    struct replica *, uint32_t docno, const uint32_t *numbers, size_t n);

#endif
