/*
 * ledger.h - what was promised: every envelope that became durable and where,
 * every edit that was acknowledged, every grant and revocation.  Kept outside
 * of the devices, from what their commits said, and compared with them.
 *
 * Documents, envelopes and edits are named by their number in here.
 */
#ifndef TESTS_SIM_LEDGER_H
#define TESTS_SIM_LEDGER_H

#include "tests/sim/world.h"

#define NOBODY UINT32_MAX

struct ledger_doc {
	uint8_t docid[LK_ID_LEN];
	bool home;
	enum node_index creator;   /* the first to have it */
	uint32_t granted;          /* bit by node: may have read at some time */
	uint32_t left;             /* bit by node: has left by itself */
	uint32_t cloned;           /* bit by node: a copy of it wrote here */
	uint32_t forgotten;        /* bit by node: some time, at its word */
	unsigned forgets[NODES];   /* how often */
	unsigned heard[NODES][NODES]; /* the first knows of so many of those */
	unsigned invited[PERSONS]; /* tickets made, and shares */
};

/* A grant of a device, as anybody but itself has seen it. */
struct ledger_grant {
	size_t doc;
	struct grant_ref ref, parent;
	bool own; /* stands and falls with its parent */
	enum node_index node;
};

struct ledger_envelope {
	uint8_t id[LK_ID_LEN];
	size_t doc;
	uint32_t have;      /* bit by node: durable there */
	uint32_t kept;      /* the same, and not forgotten since */
	const char *forged; /* must never be: what would be broken; or NULL */
	size_t edit;        /* + 1; 0: none */
};

struct ledger_edit {
	size_t doc, envelope;
	enum node_index node;
	uint8_t hash[LK_ID_LEN];
	struct grant_ref grant;
	uint8_t etag[ETAG_LEN]; /* of the key that seals it */
	uint32_t hidden; /* bit by node: who must not get it (any more) */
	int64_t counted; /* what it adds to the counter */
	char key[24];    /* what it set, to its own number; "": nothing */
};

struct ledger_revoke {
	size_t doc;
	enum node_index node;      /* who revoked */
	uint8_t id[LK_ID_LEN];     /* of the envelope that says so */
	struct grant_ref *covered; /* owned */
	size_t covered_len;
	bool *kept; /* owned; by edit */
	size_t kept_len;
};

struct ledger {
	struct world *world;
	bool met[PERSONS][PERSONS]; /* the second took a ticket of the first */
	struct ledger_doc *docs;
	struct ledger_grant *grants;
	struct ledger_envelope *envelopes;
	struct ledger_edit *edits;
	struct ledger_revoke *revokes;
	size_t docs_len, grants_len, envelopes_len, edits_len, revokes_len;
	size_t *index; /* envelopes by id: number + 1 */
	size_t index_len;
};

struct ledger *ledger_new(struct world *);
void ledger_free(struct ledger *);
/* The number of a document, entered when it is new. */
size_t ledger_doc(struct ledger *, const struct node *,
    const uint8_t docid[static LK_ID_LEN], bool home);
/* What a device has from before the run; the replica is being looked at. */
void ledger_adopt(struct ledger *, struct node *);
/* Something became durable; the same. */
void ledger_durable(
    struct ledger *, struct node *, const struct replica_event *);
/* It forgets a document, perhaps: it is not durable yet. */
void ledger_forget(struct ledger *, const struct node *, size_t doc);
/* Who was let in by somebody hostile, whose replica is being looked at. */
void ledger_let_in(struct ledger *, struct node *, uint32_t docno);
/* What a copy of a device wrote, durable nowhere else yet; the copy's replica
 * is being looked at. */
void ledger_cloned(
    struct ledger *, struct node *clone, const struct replica_event *);
/* An envelope nobody may ever take: which invariants that would break. */
void ledger_forged(struct ledger *, size_t doc, const uint8_t id[static 32],
    const char *breaks);
/* The edit with this change hash, or NULL. */
struct ledger_edit *ledger_edit_find(
    struct ledger *, size_t doc, const uint8_t hash[static 32]);
/* NULL when unknown. */
struct ledger_envelope *ledger_envelope_find(
    struct ledger *, const uint8_t id[static 32]);

/*
 * A revocation of a person's root key about to be written on this device:
 * which grants it ends, and which edits it has seen.  ledger_revoked enters it
 * once it is durable; ledger_revoke_clear drops it otherwise.
 */
void ledger_revoke_plan(struct ledger_revoke *, struct node *, uint32_t docno,
    const uint8_t root_pk[static 32]);
/* It is said, and not durable yet. */
void ledger_revoke_said(struct ledger_revoke *, struct node *, uint32_t docno);
void ledger_revoke_clear(struct ledger_revoke *);
void ledger_revoked(struct ledger *, struct ledger_revoke *);
/* Whether this device was let into the document and thrown out again, or left.
 */
bool ledger_ended(struct ledger *, size_t doc, const struct node *);
/* Whether its person has the document on devices alone whose keys were used
 * twice there: they write nothing more, so they let no other device in, and he
 * cannot be let in again as he is a member. */
bool ledger_shut_in(struct ledger *, size_t doc, const struct node *);
/* Whether who turned hostile has this envelope of his own, and nobody honest.
 */
bool ledger_kept_back(
    const struct ledger *, enum node_index, const struct ledger_envelope *);
/* Whether every revocation of its grant that anybody can know has kept this
 * edit. */
bool ledger_stands(struct ledger *, size_t edit);

#endif
