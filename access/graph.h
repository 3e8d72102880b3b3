/*
 * graph.h - the authority of one document: who may do what, and what counts.
 *
 * Holds every admissible envelope of a document as facts, without content.
 * What it answers is a function of the set of envelopes in it, whatever order
 * they were added in (access.md I1).  `admissible` is a function of an
 * envelope's past alone (I10); `effective`, `visible` and `essential` are
 * functions of the whole set and may flip when something is added.
 *
 * Knows neither ciphertext nor Automerge.  Signatures (A1), boxes and the
 * document engine's verdict (A8) are checked by the caller (sync/admit.h)
 * before graph_add.  Nodes are numbered 0.. in the order they were added; the
 * numbers are local and never leave this device.  Pure; not thread safe.
 */
#ifndef ACCESS_GRAPH_H
#define ACCESS_GRAPH_H

#include "access/body.h"

#define GRAPH_NONE UINT32_MAX
#define ETAG_LEN 16

struct graph;

/* What the key section and header of an envelope say, by protocol section 6. */
enum key_section { KEYS_NONE = 0, KEYS_EPOCH = 1, KEYS_SHARE = 2 };

/* One key handed over by a share: which, and to which device. */
struct shared_key {
	uint8_t etag[ETAG_LEN];
	uint8_t key[ACCESS_KEY_LEN]; /* the device's Ed25519 key */
};

struct key_link {
	uint8_t newer[ETAG_LEN], older[ETAG_LEN];
};

/* An envelope as facts; views are copied by graph_add. */
struct facts {
	uint8_t id[LK_ID_LEN], prev[LK_ID_LEN]; /* prev zero at seq 1 */
	uint64_t seq;
	uint8_t etag[ETAG_LEN];  /* the key that seals it; an epoch: its own */
	const struct body *body; /* op_content data may be empty */
	enum key_section keys;
	uint16_t boxes_len;              /* number of boxes */
	const struct shared_key *shared; /* KEYS_SHARE: as the body says */
	size_t shared_len;
	const struct key_link *links; /* both kinds; of an epoch all lead from
				       * its etag, whatever `newer` says */
	size_t links_len;
	/* A share whose boxes or links are not what holders of its keys
	 * compute: it may hand over nothing. */
	bool wrong_share;
};

/* Facts as bytes for the store, content left out; decode borrows. */
void facts_encode(struct buf *, const struct facts *);
LK_MUST_USE lk_err facts_decode(
    struct facts *, struct body *, struct arena *, struct bytes);

LK_MUST_USE lk_err graph_new(struct graph **);
void graph_free(struct graph *);
uint32_t graph_len(const struct graph *);
/* GRAPH_NONE when there is none. */
uint32_t graph_find(const struct graph *, const uint8_t id[static LK_ID_LEN]);
void graph_id(
    const struct graph *, uint32_t node, uint8_t id[static LK_ID_LEN]);

/* The grant and key an envelope is written under. */
struct graph_author {
	struct grant_ref grant;
	uint8_t key[ACCESS_KEY_LEN];
};
/*
 * Who wrote this envelope, from its body and prev alone (A4 without A5).
 *   WAIT       prev, a dep or the grant is not in the graph; `missing` says
 *              which (the first)
 *   MALFORMED  the grant reference names nothing that gives a key, or there is
 *              none to inherit
 */
LK_MUST_USE lk_err graph_author(const struct graph *, const struct facts *,
    struct graph_author *, uint8_t missing[static LK_ID_LEN]);

/* A device that holds or must get keys. */
struct graph_reader {
	uint8_t key[ACCESS_KEY_LEN];
	uint8_t box[ACCESS_KEY_LEN]; /* newest box key, not zero */
};

/*
 * The view an envelope is judged in: past(x), evaluated alone.  Lives until
 * the next graph_add or graph_judge.
 */
struct judgement {
	/* What the change or import in it must depend on: nodes whose changes
	 * are the Automerge heads of what is visible in past(x).  An import
	 * stands here as the node of its last piece, for all its changes; of
	 * what those depend on the graph knows nothing, so when one of the
	 * parents is an import, the caller still drops hashes that are
	 * ancestors of others. */
	const uint32_t *parents;
	size_t parents_len;
	uint64_t change_seq; /* 1 + changes under this grant in past(x) */
	/* For an epoch: exactly the readers it must be boxed to, ascending by
	 * key (one box for each distinct box key), and the etags of the maximal
	 * epochs of past(x), ascending.  For a share: whom its boxes are for,
	 * in their order. */
	const struct graph_reader *readers;
	size_t readers_len;
	const uint8_t (*maximal)[ETAG_LEN];
	size_t maximal_len;
	/* What it is in the whole set, as graph_add would find: without effect,
	 * and so outside of the essential set. */
	bool leftover;
};

/*
 * Judges an envelope by A2 to A7 as far as facts go: prev and chain, grant,
 * effective in its own view, ranks and roles, keep tips, clean epoch, number
 * of boxes, etag not seen before, what links name.  The body comes from
 * body_decode.  On LK_OK the caller still has to check the signature, the
 * points and box statements of grants and rekeys, what guardians have signed,
 * the boxes and links of an epoch
 * (`readers`) and the change (`parents`).
 *   WAIT       prev, a dep or the author's grant is missing
 *   EXISTS     known id
 *   MALFORMED, DENIED  inadmissible for ever; `what` names the rule ("A3 prev")
 */
LK_MUST_USE lk_err graph_judge(
    struct graph *, const struct facts *, struct judgement *);

/* What adding an envelope did to the status of one node. */
struct flip {
	uint32_t node;
	bool visible_changed, visible; /* of its changes and imports */
	bool essential_changed, essential;
};

/*
 * Adds an envelope that was judged admissible (or was once: loading trusts its
 * store).  `flips` lists every node whose status changed, its own included (a
 * new node was neither visible nor essential before), ascending; valid until
 * the next call that is not const.  EXISTS, and the errors of graph_author,
 * change nothing; after NOMEM the graph can only be freed.
 */
LK_MUST_USE lk_err graph_add(struct graph *, const struct facts *,
    const struct flip **flips, size_t *flips_len);
/* Loading: add without evaluating, then settle once.  Errors as above. */
LK_MUST_USE lk_err graph_load(struct graph *, const struct facts *);
LK_MUST_USE lk_err graph_settle(struct graph *);

/* Status of a node.  Every piece of an import is visible when its last one is
 * here and all are effective.  `op` beyond its ops: false. */
bool graph_effective(const struct graph *, uint32_t node, uint8_t op);
bool graph_visible(const struct graph *, uint32_t node);
bool graph_essential(const struct graph *, uint32_t node);
/* The effective revocation, ban or leave that voids a node's change (without
 * one, its first op), or the grant it rests on; of several the most senior,
 * then the lowest id.  Its node, GRAPH_NONE when none does. */
uint32_t graph_voided_by(const struct graph *, uint32_t node);
/* The effective adopt that makes a change or the last piece of an import
 * visible: of several the most senior, then the lowest id.  Its node, or
 * GRAPH_NONE. */
uint32_t graph_adopted_by(const struct graph *, uint32_t node);
/* Whom the leftovers of a grant are laid to: the key of the most senior grant
 * it was given under, itself included, that is not in full force; its own key
 * when all are, or the grant is not known (zeros then). */
void graph_liable(const struct graph *, const struct grant_ref *,
    uint8_t key[static ACCESS_KEY_LEN]);
/* Whether a is in past*(b). */
bool graph_in_past(const struct graph *, uint32_t a, uint32_t b);
/* seq, key of the author and grant of a node. */
uint64_t graph_seq(const struct graph *, uint32_t node);
struct graph_author graph_node_author(const struct graph *, uint32_t node);

/* The present state: the whole set. */

/* The deps of this author's next envelope, ascending ids: heads of the
 * essential set that are not in the past of his last envelope.  At most
 * ENVELOPE_DEPS_MAX: where there are more, because somebody forks without end,
 * one that has the epoch of graph_any_epoch in its past and those of different
 * authors first; what the envelope has seen is then less than the whole set,
 * and only graph_judge says what it must contain.  NOMEM. */
LK_MUST_USE lk_err graph_deps(const struct graph *,
    const uint8_t author[static ACCESS_KEY_LEN], uint8_t deps[][LK_ID_LEN],
    size_t *len);
/* Heads of the essential set, all of them, at most `max`; returns how many. */
size_t graph_heads(
    const struct graph *, uint8_t heads[][LK_ID_LEN], size_t max);
/* The author's latest envelope: its node, or GRAPH_NONE.  A forked author:
 * *forked. */
uint32_t graph_tip(const struct graph *,
    const uint8_t author[static ACCESS_KEY_LEN], bool *forked);
/* Two envelopes of this author with one seq, the least there is; of more the
 * two with the lowest ids, ascending: what proves to anybody that his key was
 * used twice (access.md section 8).  False: he has not forked. */
bool graph_fork(const struct graph *,
    const uint8_t author[static ACCESS_KEY_LEN], uint32_t nodes[static 2]);
/* The role a key has now (the best of its grants), and the grant to write
 * under for an op that needs `need` (the one of its last envelope when that
 * still will do, else the most senior; never a cold one for ROLE_WRITE).
 * NOTFOUND: never a member; DENIED: not (any more). */
LK_MUST_USE lk_err graph_grant_for(const struct graph *,
    const uint8_t key[static ACCESS_KEY_LEN], enum role need,
    struct grant_ref *);
enum role graph_role(
    const struct graph *, const uint8_t key[static ACCESS_KEY_LEN]);
/* The epoch to write a change under: the clean one with the lowest envelope
 * id.  NOTFOUND: an epoch must be made first. */
LK_MUST_USE lk_err graph_clean_epoch(
    const struct graph *, uint8_t etag[static ETAG_LEN]);
/* The epoch for what is no change: clean, else the maximal effective one with
 * the lowest id, else the last. */
void graph_any_epoch(const struct graph *, uint8_t etag[static ETAG_LEN]);
/* Readers of the whole set, ascending by key, and maximal epochs of the
 * essential one (others are in nobody's past); as in struct judgement, valid
 * until the next call that is not const. */
LK_MUST_USE lk_err graph_readers(
    struct graph *, const struct graph_reader **, size_t *);
LK_MUST_USE lk_err graph_maximal(
    struct graph *, const uint8_t (**etags)[ETAG_LEN], size_t *);
/* Nodes whose changes are the heads of what is visible, as parents of the next
 * change of `author`; and its seq under `grant`. */
LK_MUST_USE lk_err graph_parents(struct graph *, const struct grant_ref *,
    const uint32_t **parents, size_t *len, uint64_t *change_seq);

/* A reader who was never handed the key of an essential epoch: which device,
 * which etag, newest epochs first.  What a wrong share said it hands over was
 * not.  False when nobody lacks any, or without memory (section 7, share). */
bool graph_missing_share(
    struct graph *, struct shared_key *, struct graph_reader *);

/* How many guardians there are, and of them are needed; their keys, borrowed, by
 * number. */
uint8_t graph_guardians(const struct graph *,
    const uint8_t (**keys)[ACCESS_KEY_LEN], uint8_t *needed);
/* What guardians say is above the root (access.md section 3). */
#define GUARD_RANK (-1)
/* Whether this author has written a guard with this nonce. */
bool graph_guarded(const struct graph *,
    const uint8_t author[static ACCESS_KEY_LEN],
    const uint8_t nonce[static GUARD_NONCE_LEN]);

/* Everybody who ever had a grant, in order of arrival; the creator and the root
 * are 0 and 1, and have no parent (zeros). */
struct member {
	struct grant_ref grant,
	    parent; /* parent: the grant it was issued under */
	uint8_t key[ACCESS_KEY_LEN], box[ACCESS_KEY_LEN];
	enum role role, now; /* as granted; as it counts now (NONE: void) */
	uint16_t rank;
	uint8_t flags;
	uint32_t node;     /* the envelope that granted it */
	uint32_t ended_by; /* the denial in force, or GRAPH_NONE */
	bool named;        /* one that counts names this very grant */
	/* All that ended it is soft: what it has denied others since, without
	 * knowing, still counts (access.md R8). */
	bool soft;
};
size_t graph_members_len(const struct graph *);
void graph_member(const struct graph *, size_t i, struct member *);
/* The one with this grant; false when there is none. */
bool graph_member_find(
    const struct graph *, const struct grant_ref *, struct member *);
/* Whether member i is the one at `above`, or was added under it, however far
 * down: by a person's own devices too. */
bool graph_member_below(const struct graph *, size_t i, size_t above);
/* Work under a grant, and which part of it. */
struct graph_work {
	struct grant_ref grant;
	bool tree; /* under the own grants below it, too */
	/* Only what is in past* of these nodes; NULL: all. */
	const uint32_t *until;
	size_t until_len;
	/* Without what only soft revocations to `level` or less spare. */
	bool hardened;
	enum role level;
};
/* The essential tips of its chains: what a revocation that keeps this work
 * names.  NOTFOUND: no such grant.  At most REVOKE_KEEP_MAX, the newest:
 * whoever forks without end loses what is older, and cannot prevent it. */
LK_MUST_USE lk_err graph_tips_of(const struct graph *,
    const struct graph_work *, uint8_t tips[][LK_ID_LEN], size_t *len);
/* Whether a node says a revocation or ban; *counts: one of them is
 * effective. */
bool graph_denies(const struct graph *, uint32_t node, bool *counts);
/* Nodes that ended what a key may fetch: for each of its grants the earliest of
 * the revocations (or leaves) in force against it, for the farewell of protocol
 * 6.3; how many, at most `max`.  0 for who is a reader or relay, and for who
 * never was. */
size_t graph_farewell(const struct graph *,
    const uint8_t key[static ACCESS_KEY_LEN], uint32_t *nodes, size_t max);

#endif
