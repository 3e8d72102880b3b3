/*
 * body.h - what an envelope says: the decoded plaintext of protocol section 4.
 *
 * A body is a grant reference, dependencies, and 1 to 16 operations.  Decoding
 * is strict: one encoding for one content, every count bounded before it is
 * believed.  Views point into the input or the arena.  Pure.
 */
#ifndef ACCESS_BODY_H
#define ACCESS_BODY_H

#include <string.h>

#include "base/arena.h"
#include "base/limits.h"

#define ACCESS_KEY_LEN 32

enum role { ROLE_NONE, ROLE_RELAY, ROLE_READ, ROLE_WRITE, ROLE_ADMIN };

/* Wire numbers.  Kinds this version does not act on, below 128: wait. */
enum op_kind {
	OP_GENESIS = 1,
	OP_GRANT = 2,
	OP_REVOKE = 3,
	OP_BAN = 4,
	OP_LEAVE = 5,
	OP_CHANGE = 6,
	OP_ADOPT = 7,
	OP_EPOCH = 8,
	OP_SHARE = 9,
	OP_REKEY = 10,
	OP_GUARD = 11,
	OP_IMPORT = 12,
	OP_NO_EFFECT_MIN = 128, /* 128 to 255: needs write, has no effect */
	OP_PIECE = 129,         /* bytes that a document refers to */
};

/* Names a grant: the envelope, and which of its ops.  The genesis gives two,
 * with indices of their own. */
#define GRANT_CREATOR 0
#define GRANT_ROOT 255

struct grant_ref {
	uint8_t env[LK_ID_LEN];
	uint8_t index;
};

/* The order of the entries of a revocation: by envelope, then index. */
static inline int
grant_ref_compare(const struct grant_ref *a, const struct grant_ref *b)
{
	int c = memcmp(a->env, b->env, LK_ID_LEN);

	return c != 0 ? c : (int)a->index - (int)b->index;
}

static inline bool
grant_ref_equal(const struct grant_ref *a, const struct grant_ref *b)
{
	return grant_ref_compare(a, b) == 0;
}

#define GRANT_ENROLL 0x01 /* may add and revoke own devices below itself */
#define GRANT_COLD 0x04   /* only grant, revoke, ban, share and rekey */
#define GRANT_OWN 0x08    /* effective only while its parent is */
#define GRANT_PARENT_HERE                                  \
	0x10 /* parent: op `parent_index` of this envelope \
	      */

/* The root has a box key, and wrote the genesis; the creator's own signature
 * over his box key stands in it. */
#define GENESIS_ROOT_BOX 0x01
#define GENESIS_GUARDIANS_MAX 16

struct op_genesis {
	uint8_t root_pk[ACCESS_KEY_LEN], root_box[ACCESS_KEY_LEN]; /* or zero */
	uint8_t device_pk[ACCESS_KEY_LEN], device_box[ACCESS_KEY_LEN];
	uint32_t box_counter;
	uint8_t box_sig[64]; /* by the device, with GENESIS_ROOT_BOX */
	uint8_t policy, k, m;
	const uint8_t *guardians; /* m keys, ascending */
};

struct op_grant {
	uint8_t key[ACCESS_KEY_LEN];
	uint8_t box[ACCESS_KEY_LEN]; /* zero: cold, or ROLE_RELAY */
	uint32_t box_counter;
	uint8_t box_sig[64]; /* by `key`, when box is not zero */
	uint8_t role;        /* enum role */
	uint16_t rank;
	uint8_t flags;
	uint8_t parent_index; /* with GRANT_PARENT_HERE */
};

#define REVOKE_SOFT 0x01
#define REVOKE_TREE 0x02

struct revoke_entry {
	struct grant_ref target;
	uint8_t level; /* enum role, below admin */
	uint8_t flags;
	const uint8_t *keep; /* keep_len ids, ascending */
	size_t keep_len;
};

struct op_revoke {
	const struct revoke_entry *entries;
	size_t entries_len;
};

struct op_ban {
	uint8_t key[ACCESS_KEY_LEN];
};

struct op_adopt { /* envelopes with a void change, or the last of an import */
	const uint8_t *ids; /* ids_len ids, ascending, at least one */
	size_t ids_len;
};

struct op_rekey { /* the author's new box key */
	uint8_t box[ACCESS_KEY_LEN];
	uint32_t box_counter;
};

/* A grant or revoke above the root; whose signatures they are, and over what,
 * is looked at by graph_judge and its caller (sync/guard.h). */
#define GUARD_SIG_LEN 65 /* index of the guardian u8, signature 64 */
#define GUARD_NONCE_LEN 16
struct op_guard {
	uint8_t nonce[GUARD_NONCE_LEN]; /* an author writes each once */
	const struct access_op *op;     /* OP_GRANT, not own, or OP_REVOKE */
	const uint8_t
	    *sigs; /* sigs_len times GUARD_SIG_LEN, indices ascending */
	size_t sigs_len;
};

struct op_share { /* whom the boxes of the key section are for, in order */
	const uint8_t *keys; /* keys_len times ACCESS_KEY_LEN bytes */
	size_t keys_len;
};

struct op_content {   /* change: u8 form and lean bytes; import */
	uint8_t form; /* change: 0 plain, 1 deflated; import: `last` */
	struct bytes data;
};

struct access_op {
	uint8_t kind; /* enum op_kind or 128 to 255 */
	union {
		struct op_genesis genesis;
		struct op_grant grant;
		struct op_revoke revoke;
		struct op_ban ban;
		struct op_adopt adopt;
		struct op_share share;
		struct op_rekey rekey;
		struct op_guard guard;
		struct op_content content; /* change, import, 128 to 255 */
	};
};

struct body {
	bool has_grant; /* else the same grant as the previous envelope's */
	struct grant_ref grant;
	const uint8_t *deps; /* deps_len ids, ascending */
	size_t deps_len;
	size_t ops_len;
	struct access_op ops[ENVELOPE_OPS_MAX];
};

/*
 * TRUNCATED, MALFORMED or LIMIT, `what` naming the rule; VERSION when an op
 * below 128 is of a kind this version does not know, or has a flag it does not
 * know (the envelope waits).  Whether keys are points, box statements are
 * signed and content is an Automerge chunk is not looked at here; nor is what
 * depends on seq, on the previous envelope or on the key section (graph_judge).
 * The content of a change or import may be empty: facts leave it out.
 */
LK_MUST_USE lk_err body_decode(struct body *, struct arena *, struct bytes);
/* The one encoding of a body that is well formed. */
void body_encode(struct buf *, const struct body *);

bool body_has(const struct body *, enum op_kind);
/* One grant or revoke alone, as it stands in a guard: kind and length first. */
void body_op_encode(struct buf *, const struct access_op *);
/* Reads one.  When the reader has failed nothing was found wrong yet: *op is
 * not to be used; else errors as of body_decode. */
LK_MUST_USE lk_err body_op_read(
    struct access_op *, struct arena *, struct rd *);

#endif
