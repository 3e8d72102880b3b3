/*
 * graph_state.h - what a graph is made of.  Only for access/graph*.c; what they
 * do for each other is in graph_parts.h.
 *
 * Records are numbered in order of arrival and removed from the end only
 * (graph_pop), so each table is an array, and each list of records that belong
 * together is linked newest first.
 *
 * Chains.  The envelopes of an author form a tree by prev; a chain is a branch
 * of it, cut where a second child starts a new one.  The position of a node is
 * its seq.  A node's clock says of every other chain how much of it is in the
 * node's past; of its own chain that is everything before it.
 *
 * Streams.  What one chain holds under one grant.  An op that is no control op
 * is effective if its seq is at most a limit that depends on stream and role
 * alone, so status is kept per stream and never per node.  The Automerge
 * ancestors of a change, too, are a prefix of the changes of every stream, and
 * of its imports but for those adopted out of turn, which stand apart: no clock
 * needs more than two numbers for each.
 *
 * Control nodes are those with ops that change what others may do (authority)
 * or who knows a key (keys).  Two views with the same control nodes are
 * evaluated alike; `auth` and `keys` are clocks over control nodes alone, and
 * equal clocks have equal handles, which makes them the key of a cache.
 */
#ifndef ACCESS_GRAPH_STATE_H
#define ACCESS_GRAPH_STATE_H

#include "access/array.h"
#include "access/graph.h"
#include "access/vclock.h"

/* What a node holds. */
#define NODE_AUTH 0x01    /* genesis, grant, revoke, ban, leave, guard */
#define NODE_KEYS 0x02    /* genesis, epoch, share or rekey */
#define NODE_CHANGE 0x04  /* a change */
#define NODE_IMPORT 0x08  /* a piece of an import */
#define NODE_LAST 0x10    /* .. the last one */
#define NODE_OTHER 0x20   /* another op that needs write */
#define NODE_SHARE 0x40   /* an op that needs read */
#define NODE_GENESIS 0x80 /* the document itself */
#define NODE_ADOPT 0x100  /* an adopt */
#define NODE_REKEY 0x200  /* a rekey */

struct node {
	uint8_t id[LK_ID_LEN];
	uint32_t prev; /* GRAPH_NONE at seq 1 */
	uint32_t chain, seq, stream, grant;
	uint32_t clock;      /* the past, without the own chain */
	uint32_t auth, keys; /* control nodes of the past and this one */
	uint32_t maximal;    /* set of maximal epochs, this one included */
	uint32_t etag;       /* the key that seals it */
	uint32_t ctl, epoch; /* first of its ctls; its epoch, or GRAPH_NONE */
	uint32_t kinds;      /* offset of the kinds of its ops */
	/* A change: its Automerge ancestors, a clock over the changes of other
	 * streams and the imports of all, imports that stand apart (a set), and
	 * its number under the grant.  A piece of an import: `visible` counts
	 * the visible imports it is part of. */
	uint32_t ancestors, apart, number, visible;
	uint32_t adopted; /* effective adopts that list it */
	uint16_t flags;
	uint8_t ops_len, ctls_len, content; /* index of the content op */
};

struct author {
	uint8_t key[ACCESS_KEY_LEN];
	uint32_t chain, chains_len; /* newest chain */
	uint32_t grant, box;        /* newest grant, newest box key */
};

struct chain {
	uint32_t author, next; /* of the author's chains */
	uint32_t from;         /* the chain this one leaves, or GRAPH_NONE */
	uint32_t first;        /* seq of nodes.v[0] */
	struct u32s nodes;
	uint32_t stream;    /* newest stream on it */
	uint32_t essential; /* seq up to which it is essential */
};

/* Seqs on one chain under one grant; see the head of this file. */
struct stream {
	uint32_t chain, grant;
	uint32_t next_of_chain, next_of_grant;
	struct u32s changes, imports, others, shares;
	uint32_t visible;  /* seq up to which all changes and imports are */
	uint32_t adoption; /* newest of what adopts list of it */
};

struct grant {
	uint32_t ctl, node, author, box;
	uint32_t issuer; /* the grant it was made under; of the genesis and of
			  * guardians: GRAPH_NONE */
	uint32_t parent; /* of an own grant, else GRAPH_NONE */
	uint32_t top;    /* the first grant of the person; itself if not own */
	uint32_t below;  /* a top: newest own grant of the person */
	uint32_t next_of_author, next_of_top, stream;
	uint16_t rank;
	uint8_t role, flags, index;
};

/* A box key of a device: of a grant (zero when that gives none), or of a rekey
 * under one. */
struct box {
	uint8_t key[ACCESS_KEY_LEN];
	uint32_t counter, author, grant, node;
	uint32_t next; /* of the same author */
	uint8_t op;
	bool rekey;
};

/* An op that decides what others may do; what a guard says is a grant or revoke
 * of its own rank. */
struct ctl {
	uint32_t node;
	uint8_t op, kind, need;
	uint32_t grant; /* of the author; GRAPH_NONE: always holds */
	int32_t rank;   /* of the author; genesis -2, guards -1 */
	uint32_t bans;  /* OP_BAN: the author of that key */
	uint32_t gives; /* OP_GRANT: the grant */
	uint32_t entry, entries_len; /* OP_REVOKE */
	uint32_t keep;               /* OP_LEAVE: clock of what stays */
};

struct entry {
	uint32_t target, keep; /* grant; clock of what stays */
	uint8_t level, flags;
};

/* What an adopt lists, one by one. */
struct adopt {
	uint32_t node, first, len; /* adoptions */
	uint8_t op;
	bool counts; /* in the whole set */
};

/* What guardians said, so that its author cannot say it again. */
struct guard {
	uint32_t node;
	uint8_t nonce[GUARD_NONCE_LEN];
};

struct adoption {
	uint32_t adopt, target; /* node of the change or last piece */
	uint32_t next;          /* of the same stream */
};

/* A device and which of its box keys. */
struct holder {
	uint32_t author, box;
};

struct etag {
	uint8_t etag[ETAG_LEN];
	uint32_t epoch, hand, link; /* newest; links that lead to this one */
	uint32_t stamp;             /* of the last walk that came by */
};

struct epoch {
	uint32_t node, etag, next; /* next: of the same etag */
	uint8_t op;
	uint32_t before; /* maximal epochs of its past */
	bool known;      /* `to` was computed */
	struct holder *to;
	uint32_t to_len;
};

/* A key handed over by a share, or to a grantee. */
struct hand {
	uint32_t node, author, etag, next; /* next: of the same etag */
	uint32_t box;                      /* GRAPH_NONE: not computed yet */
	uint8_t op;
	bool wrong; /* of a wrong share: maybe nothing was handed over */
};

struct link {
	uint32_t node, newer, older, next; /* next: of the same older */
	uint8_t op;
	bool wrong; /* as in struct hand */
};

struct set {
	uint32_t from, len;
};

/*
 * A set of envelopes: everything (`whole`), or the past of op `op` of `node`
 * (all of the node's past when node is GRAPH_NONE; then chain and seq say how
 * far the own chain reaches).
 */
struct view {
	bool whole;
	uint32_t clock, chain, seq;
	uint32_t auth, keys, maximal;
	uint32_t node;
	uint8_t op;
};

/* An effective denial, as it stands against one grant. */
struct cut {
	uint32_t grant, next; /* the list it is in */
	uint32_t ctl, keep;
	uint8_t level, flags;
	bool leave;
};

/* An effective ban. */
struct barred {
	uint32_t ctl, next; /* the list it is in */
};

/*
 * What a view makes of its control ops.  Lists of cuts by grant, of bans by
 * author; readers by author: GRAPH_NONE for no reader, else his newest box key.
 */
struct eval {
	bool used;
	uint32_t pins;                 /* users that must not lose it */
	uint32_t auth, keys, node, op; /* the key in the cache */
	uint64_t age;
	struct {
		uint8_t *v;
		uint32_t len, cap;
	} effective;         /* by ctl */
	struct u32s cuts_of; /* by grant: GRAPH_NONE or an index in cuts */
	ARRAY(struct cut) cuts;
	struct u32s bans_of; /* by author: GRAPH_NONE or an index in bans */
	ARRAY(struct barred) bans;
	bool readers_known, clean_known;
	struct u32s readers; /* by author */
	struct u32s clean;   /* epochs a change may be sealed under */
};

#define EVALS_CACHED 16

/* Derived, and filled on demand, also while the graph itself is const. */
struct evals {
	struct eval now, cached[EVALS_CACHED];
	uint64_t age;
	uint32_t stamp;
	struct u32s walk;  /* etags still to visit */
	struct u32s shown; /* by stream, while heads are sought */
	/* The answer of graph_missing_share, when known. */
	bool share_known, share_missing;
	uint32_t share_epoch, share_author;
};

struct graph {
	ARRAY(struct node) nodes;
	ARRAY(uint8_t) kinds;
	ARRAY(struct author) authors;
	ARRAY(struct chain) chains;
	ARRAY(struct stream) streams;
	ARRAY(struct grant) grants;
	ARRAY(struct box) boxes;
	ARRAY(struct adopt) adopts;
	ARRAY(struct adoption) adoptions;
	ARRAY(struct guard) guards;
	ARRAY(struct ctl) ctls;
	ARRAY(struct entry) entries;
	ARRAY(struct etag) etags;
	ARRAY(struct epoch) epochs;
	ARRAY(struct hand) hands;
	ARRAY(struct link) links;
	ARRAY(struct set) sets;
	struct u32s members; /* of sets */
	struct u32s order;   /* ctls by rank, leaves, bans, arrival */
	struct lookup by_id, by_key, by_etag, by_set;
	struct vclock_pool clocks;

	struct evals *evals;
	uint8_t guardian_keys[GENESIS_GUARDIANS_MAX][ACCESS_KEY_LEN];
	uint8_t guardians, guardians_needed; /* how many there are */
	bool settled;
	struct u32s heads, maximal_now; /* of the essential set */

	/* Answers that stay valid until the next call. */
	struct u32s parents;
	ARRAY(struct graph_reader) readers;
	struct {
		uint8_t (*v)[ETAG_LEN];
		uint32_t len, cap;
	} maximal;
	ARRAY(struct flip) flips;
};

#endif
