/*
 * admit.h - inside sync/: the gates an envelope passes before it counts
 * (docs/protocol.md, "Acceptance"), the same for what was typed here and what
 * a peer sent.
 *
 *   bytes -> candidate_open: shape, key, AEAD, canonical body
 *         -> admit: author, signature, A2 to A7, boxes, change (A8)
 *         -> log, graph, document, indexes
 *
 * An admission is a run of envelopes for one document inside one transaction;
 * the document's state is opened once for all of them.  After an error other
 * than what `struct received` says the transaction must be aborted.
 */
#ifndef SYNC_ADMIT_H
#define SYNC_ADMIT_H

#include "crdt/export.h"
#include "sync/docstate.h"
#include "sync/envelope.h"
#include "sync/keysection.h"

/* An envelope id or key that others may have waited for. */
struct released {
	STAILQ_ENTRY(released) link;
	uint8_t id[LK_ID_LEN];
};

struct admission {
	STAILQ_HEAD(, released) released; /* owned */
	struct replica *r;
	struct docstate *ds;
	struct doc *doc; /* NULL until needed */
	struct arena arena;
	bool local; /* written by this device: the signature is its own */
	bool passing; /* what waits is not kept: replica_offer */
	const uint8_t *from; /* the device that sent it; NULL: nobody known */
	/* Mending: it was admitted before, and lies in the log at this lsn. */
	uint64_t again;
	struct wall arrived; /* then */
	bool strict; /* and its signature is checked all the same */
};

void admission_begin(struct admission *, struct replica *, struct docstate *);
LK_MUST_USE lk_err admission_doc(struct admission *, struct doc **);
/* Ends its use, flushed or not; admission_doc opens it again. */
LK_MUST_USE lk_err admission_doc_end(struct admission *);
void admission_doc_drop(struct admission *);
/* Flushes the document's state and saves the record. */
LK_MUST_USE lk_err admission_end(struct admission *);
void admission_drop(struct admission *); /* instead, after an error */

/* An envelope on its way in; views are in the input or the arena.  It holds
 * secrets: candidate_wipe. */
struct candidate {
	struct envelope env;
	struct keysection keys;
	struct epoch epoch; /* that opened it */
	struct epochs boxes, links; /* that it hands over */
	struct envelope_content content;
	struct body body;
	struct facts facts;
	bool opened;
	bool author_known; /* as far as the batch itself tells */
	struct graph_author author;
	bool checked, genuine; /* signature, against that author */
};

/*
 * Shape, key, AEAD, body.  WAIT: the key of its etag lacks; VERSION; MALFORMED
 * and the like: refused.  Keys the envelope hands over prove themselves by
 * their etag: they are loose, and held when it is admitted.
 */
LK_MUST_USE lk_err candidate_open(
    struct admission *, struct candidate *, struct bytes);
void candidate_wipe(struct candidate *);
/* The same, keeping what must wait; *out says why it did not open. */
LK_MUST_USE lk_err admission_open(struct admission *, struct candidate *,
    struct bytes, struct received *out);
/* The verdict is in *out; an error is the store's.  Wipes the candidate. */
LK_MUST_USE lk_err admit(
    struct admission *, struct candidate *, struct received *out);
/* Says that `id` is here: an envelope, or waiting_for_key of a key. */
LK_MUST_USE lk_err admission_release(
    struct admission *, const uint8_t id[static LK_ID_LEN]);
/* Admits everything that waited for what was released, and for that. */
LK_MUST_USE lk_err admission_drain(struct admission *);

/*
 * Leftovers (leftovers.c): envelopes without effect on which nothing rests that
 * has any.  What arrives so is bounded for each document, and for each device to
 * whom they are laid; above that it is dropped, and nobody remembers.  A member
 * who builds on such envelopes gets them through all the same.
 */
LK_MUST_USE lk_err leftovers_load(struct replica *, struct docstate *);
/* Whether one more may stay. */
LK_MUST_USE lk_err leftovers_room(struct admission *, const struct candidate *,
    const struct graph_author *, bool *room);
/* One more stays, as this node. */
LK_MUST_USE lk_err leftovers_add(struct admission *, const struct candidate *,
    const struct graph_author *, uint32_t node);
/* A candidate that waits: if a member has signed it, what it lacks is wanted,
 * whatever it counts for, when it comes from a member. */
void leftovers_vouch(struct admission *, const struct candidate *);

/* Waiting room (waiting.c), shared evenly by those whose envelopes wait: when it
 * is full, one that has more makes room for one that has less.  *is_new false: it
 * waits already, or there is no room. */
LK_MUST_USE lk_err waiting_load(struct replica *, struct docstate *);
/* Counts anew: parts of it may be gone.  CORRUPT. */
LK_MUST_USE lk_err waiting_count(struct replica *, struct docstate *);
LK_MUST_USE lk_err waiting_put(struct admission *, const struct envelope *,
    const uint8_t missing[static LK_ID_LEN], bool *is_new);
/* The missing id that stands for a key. */
void waiting_for_key(uint8_t missing[static LK_ID_LEN],
    const uint8_t etag[static ETAG_LEN]);
/* Takes one envelope out that waited for `missing`, and who sent it; NOTFOUND.
 */
LK_MUST_USE lk_err waiting_take(struct admission *,
    const uint8_t missing[static LK_ID_LEN], struct buf *envelope,
    uint8_t from[static SIGN_PK_LEN]);

/* Content (content.c). */

/* What the next change of an author must begin with; arrays in the arena. */
LK_MUST_USE lk_err content_head(struct admission *, const uint32_t *parents,
    size_t parents_len, const struct graph_author *, uint64_t seq,
    struct change_head *);
/* Checks and applies the change or import of a candidate that was judged;
 * fills what its node says.  MALFORMED, LIMIT, DATA: refused by A8, nothing
 * changed. */
LK_MUST_USE lk_err content_apply(struct admission *, const struct candidate *,
    const struct judgement *, struct node *);
/* Whether more than one envelope has brought a change. */
LK_MUST_USE lk_err content_carried(struct admission *,
    const uint8_t hash[static LK_ID_LEN], bool *again);
/* One more envelope that brought a change counts, or one less: whether it shows
 * now, as it does as long as any does. */
LK_MUST_USE lk_err content_counts(struct admission *,
    const uint8_t hash[static LK_ID_LEN], bool more, bool *shows);
/* The same, and makes it so. */
LK_MUST_USE lk_err content_show(
    struct admission *, const uint8_t hash[static LK_ID_LEN], bool more);
/* An envelope brings a change that is there, and counts. */
LK_MUST_USE lk_err content_show_again(
    struct admission *, const uint8_t hash[static LK_ID_LEN]);
/* Carries a change of status into the document. */
LK_MUST_USE lk_err content_flip(struct admission *, uint32_t node, bool visible);
/* Hands out the change a node brought, or the changes of its import, each
 * behind those of them that it depends on. */
LK_MUST_USE lk_err content_each(
    struct admission *, uint32_t node, change_fn *, void *ctx);
/* Adds the body of the change a node brought, or the changes of its import. */
LK_MUST_USE lk_err content_changes(
    struct admission *, uint32_t node, struct change_bodies *);
/* Whether a change of these is by the actor a member has here. */
bool content_pretends(const struct admission *, const struct member *,
    const struct change *, size_t);
/* Whether everything these changes depend on is among them, or among the
 * ancestors of what the parents left. */
struct history;
LK_MUST_USE lk_err content_closed(struct admission *, const struct history *,
    const uint32_t *parents, size_t parents_len, bool *closed);
/* Form and lean bytes of a change body, as op 6 wants them. */
LK_MUST_USE lk_err content_pack(struct arena *, struct bytes change_body,
    struct op_content *);

/* Writing (author.c): one envelope of this device with these ops, an epoch in
 * front when `content` ops need one.  Admits it.  `id` may be NULL. */
LK_MUST_USE lk_err author_envelope(struct admission *, struct access_op *ops,
    size_t ops_len, enum role need, uint8_t *id);
/* The same for one op that needs write and must have these nodes in its past,
 * whether they count or not. */
LK_MUST_USE lk_err author_after(struct admission *, struct access_op *,
    const uint32_t *nodes, size_t n);
/* Where somebody forks without end an envelope cannot name all heads: as many
 * envelopes without effect as it takes for the next one to have seen them, so
 * that its change follows what is shown.  *wrote: admission_end must follow. */
LK_MUST_USE lk_err author_see_all(struct admission *, bool *wrote);
/* An import of whole chunks, in as many envelopes as it takes. */
LK_MUST_USE lk_err author_import(struct admission *, struct bytes chunks);
/* One envelope with these ops, as its own admission. */
LK_MUST_USE lk_err author_ops(struct replica *, struct docstate *,
    struct access_op *ops, size_t n, enum role need);
/* This device's present grant with at least this role; errors as
 * graph_grant_for. */
LK_MUST_USE lk_err author_grant(
    struct docstate *, const struct replica *, enum role need, struct member *);
/* DENIED: somebody else writes with this device's key.  *tip: its latest
 * envelope, or GRAPH_NONE. */
LK_MUST_USE lk_err author_alone(const struct admission *, uint32_t *tip);
/* Admits an envelope of this device, in the arena; what the rules say against
 * it is DENIED. */
LK_MUST_USE lk_err author_admit(struct admission *, struct bytes envelope);

#endif
