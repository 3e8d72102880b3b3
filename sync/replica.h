/*
 * replica.h - one device's whole state: edit -> op -> envelope, and envelope ->
 * gates -> document (architecture.md, "How a change travels").
 *
 * It reads and writes the store, inside transactions its caller begins and
 * ends, and nothing else of the outside world: time, randomness and signature
 * checking are arguments.  The daemon and the simulator run this same code.
 *
 * Life of a transaction: replica_begin, any calls, then either the caller
 * commits and calls replica_committed (which hands out what happened), or
 * aborts and calls replica_aborted (which forgets what was cached from it).
 * A command that may fail half-way runs inside replica_nest / replica_unnest.
 * One thread.
 */
#ifndef SYNC_REPLICA_H
#define SYNC_REPLICA_H

#include "access/graph.h"
#include "base/clock.h"
#include "crdt/document.h"
#include "crdt/export.h"
#include "crypto/identity.h"
#include "crypto/random.h"
#include "store/store.h"
#include "sync/cert.h"
#include "sync/welcome.h"

struct replica;

/* One signature to check; the caller may check many at once, on threads. */
struct verify_job {
	uint8_t pk[32], sig[64], digest[32], docid[LK_ID_LEN];
	bool genesis; /* signed before there was a document id */
	bool valid;   /* out */
};
/* Checks one; any thread. */
void verify_job_run(struct verify_job *);
/* A verifier's `run` that checks them one after the other. */
void verify_jobs_here(void *ctx, struct verify_job *, size_t n);
struct verifier {
	void (*run)(void *ctx, struct verify_job *, size_t n);
	void *ctx;
};

/* The identity is borrowed and must outlive the replica. */
LK_MUST_USE lk_err replica_new(struct replica **, const struct identity *,
    struct random, struct verifier);
void replica_free(struct replica *);
/* Forgets what it holds in memory of documents, to be read again when needed;
 * outside of transactions. */
void replica_rest(struct replica *);
const struct identity *replica_identity(const struct replica *);

void replica_begin(struct replica *, struct txn *, struct now);
void replica_aborted(struct replica *);
/* All or nothing of one command.  commit false undoes it; an error from
 * replica_unnest(…, true) means the whole transaction must be aborted. */
LK_MUST_USE lk_err replica_nest(struct replica *);
/* Undoes what was done since replica_nest, and goes on.  After an error nothing
 * may be done but replica_unnest(…, false). */
LK_MUST_USE lk_err replica_nest_again(struct replica *);
LK_MUST_USE lk_err replica_unnest(struct replica *, bool commit);

/* What became durable: for watchers and for the sync engine. */
struct replica_event {
	uint32_t docno;
	uint64_t lsn; /* of the envelope; 0: only its status changed */
	uint8_t id[LK_ID_LEN];
	bool content; /* what the document shows may have changed */
	bool access;  /* who may do what changed */
	bool local;   /* written here */
};
/* The events of the transaction just committed, oldest first; valid until the
 * next replica_begin. */
void replica_committed(
    struct replica *, const struct replica_event **, size_t *);

/* Documents. */

struct doc_summary {
	uint32_t docno;
	uint8_t docid[LK_ID_LEN], topic[LK_TOPIC_LEN];
	bool home;            /* the person's own list */
	enum role role;       /* mine now */
	bool revoked;         /* I had one, and have none any more */
	uint64_t envelopes;   /* in the graph */
	uint64_t waiting;     /* envelopes that lack something */
	uint64_t damaged;     /* envelopes, on this disk: mend.h */
	bool newer;           /* something in it needs a newer lk */
	bool forgotten;       /* at the user's word: forget.h */
	struct wall changed;  /* when this device last took something in */
};
/* NOTFOUND. */
LK_MUST_USE lk_err replica_doc(struct replica *, uint32_t docno, struct doc_summary *);
/* How many of its envelopes are kept and do not count.  As much work as the
 * document is long. */
LK_MUST_USE lk_err replica_voided(
    struct replica *, uint32_t docno, uint64_t *voided);
LK_MUST_USE lk_err replica_doc_by_id(struct replica *,
    const uint8_t docid[static LK_ID_LEN], uint32_t *docno);
LK_MUST_USE lk_err replica_doc_by_topic(struct replica *,
    const uint8_t topic[static LK_TOPIC_LEN], uint32_t *docno);
/* The home document.  NOTFOUND before this device is anybody's. */
LK_MUST_USE lk_err replica_home(struct replica *, uint32_t *docno);
/* The next document number above `after`; NOTFOUND at the end. */
LK_MUST_USE lk_err replica_doc_next(struct replica *, uint32_t after, uint32_t *docno);
/* The authority of a document; borrowed until the next call that writes. */
LK_MUST_USE lk_err replica_graph(struct replica *, uint32_t docno, struct graph **);
/* Its content, for reading; doc_free it before anything is written. */
LK_MUST_USE lk_err replica_open_doc(struct replica *, uint32_t docno, struct doc **);

/* Builds a change: called once with the edit and the document it works on. */
typedef lk_err edit_fn(void *ctx, struct edit *, struct doc *);

/* Creates a document: genesis, grants for my own other devices, and one change
 * made by `fill` (NULL: none).  The home document lists it under `name`. */
LK_MUST_USE lk_err replica_create(struct replica *, const char *name,
    const char *type, edit_fn *fill, void *ctx, uint32_t *docno);
/*
 * Edits a document: one change, made durable with the transaction; an epoch
 * first when the present key is known to somebody who may not read any more.
 * *changed false: the edit was no edit, nothing was written.
 *   DENIED   this device may not write (any more)
 *   and whatever `fill` returns: the caller must then undo (replica_unnest)
 */
LK_MUST_USE lk_err replica_edit(struct replica *, uint32_t docno,
    edit_fn *fill, void *ctx, const char *message, bool *changed,
    uint8_t hash[static LK_ID_LEN]);
/* The same for a change that is too large for an envelope (LIMIT): it is an
 * import, of a change by an actor that is only its own. */
struct edit_call {
	edit_fn *fill;
	void *ctx;
	const char *message; /* or NULL */
	bool *changed;
	uint8_t *hash; /* LK_ID_LEN */
};
LK_MUST_USE lk_err replica_edit_large(
    struct replica *, uint32_t docno, const struct edit_call *);
/*
 * Undoes the last change or import of this device that counts, is not undone
 * and still shows, as a new change; what others wrote since stays.  With `redo`
 * the last undoing is undone.  NOTFOUND: there is none; else as replica_edit.
 */
struct undo_report {
	uint8_t of[LK_ID_LEN]; /* the change, the first one of an import */
	bool changed;
	uint8_t hash[LK_ID_LEN];
};
LK_MUST_USE lk_err replica_undo(
    struct replica *, uint32_t docno, bool redo, struct undo_report *);
/* A new document holding the changes of a document chunk that history_write or
 * history_rewrite made, or none.  DATA, MALFORMED, LIMIT: nothing was written. */
LK_MUST_USE lk_err replica_import(
    struct replica *, const char *name, struct bytes chunk, uint32_t *docno);
/* A new document with the history of another one, listed as its branch
 * (home.h).  DATA: it holds what only counts in part. */
LK_MUST_USE lk_err replica_branch(
    struct replica *, uint32_t of, const char *name, uint32_t *docno);
/* How many changes a document shows that another one does not; an import
 * counts as one. */
LK_MUST_USE lk_err replica_ahead(
    struct replica *, uint32_t docno, uint32_t of, uint64_t *ahead);
/*
 * Imports what `from` shows and this document does not; *changes is how many,
 * 0: nothing was written.  The caller undoes after an error.
 *   DENIED  this device may not write here
 *   DATA    no history in common, or it builds on what does not count here;
 *           `what` is for people
 */
LK_MUST_USE lk_err replica_merge(
    struct replica *, uint32_t docno, uint32_t from, uint64_t *changes);
/* The same with an Automerge file, or a part of one. */
LK_MUST_USE lk_err replica_merge_file(
    struct replica *, uint32_t docno, struct bytes file, uint64_t *changes);
/* The content of a document for trying something out: what is written stays in
 * *overlay, which is freed (kv_overlay_free) after the doc. */
LK_MUST_USE lk_err replica_open_over(
    struct replica *, uint32_t docno, struct kv *overlay, struct doc **);
/* Applies to such a doc what another document shows and it lacks, and appends
 * the heads of what that one shows.  DATA: it builds on what is not here. */
LK_MUST_USE lk_err replica_add_shown(
    struct replica *, uint32_t from, struct doc *, struct buf *heads);
/* Appends an Automerge file that shows what the document shows (crdt/export.h;
 * deterministic: equal state, equal bytes), and the heads it has, ascending,
 * LK_ID_LEN bytes each.  LIMIT: it would be too large. */
LK_MUST_USE lk_err replica_export(struct replica *, uint32_t docno,
    enum export_form, struct buf *file, struct buf *heads);

/* One change, for `lk log` and `lk watch`. */
struct change_info {
	uint8_t id[LK_ID_LEN];   /* envelope */
	uint32_t number;         /* of the envelope: in order of arrival, from 0 */
	uint64_t lsn;
	uint8_t hash[LK_ID_LEN]; /* Automerge change hash; zero: no change in it */
	uint8_t author[32];      /* device key */
	uint64_t seq, ops;
	int64_t time;            /* seconds since 1970, as claimed */
	struct wall received;    /* when this device took it in */
	bool visible, has_change, is_import;
	bool damaged;            /* its envelope is, on this disk: mend.h */
	uint32_t kinds;          /* bit per op_kind below 32 */
	uint8_t voided_by[LK_ID_LEN]; /* zero: nothing */
	struct bytes message;    /* borrowed until the next call, as the next */
	struct bytes hashes;     /* heads it left: of an import, maybe several */
};
/* The envelope of a document with lsn >= the one given; NOTFOUND at the end. */
LK_MUST_USE lk_err replica_log(struct replica *, uint32_t docno,
    uint64_t lsn, struct change_info *);
/* By number; NOTFOUND past the last, which is graph_len - 1. */
LK_MUST_USE lk_err replica_entry(struct replica *, uint32_t docno,
    uint32_t number, struct change_info *);
/* What an envelope says about who may do what, its content left out; in the
 * arena. */
LK_MUST_USE lk_err replica_body(struct replica *, uint32_t docno,
    uint32_t number, struct arena *, struct body *);
/* Appends the ids of the envelopes whose changes an envelope's change follows;
 * of an import: nothing. */
LK_MUST_USE lk_err replica_parents(
    struct replica *, uint32_t docno, uint32_t number, struct buf *ids);
/* How many changes the document had with this envelope; as doc_at_first takes
 * it. */
LK_MUST_USE lk_err replica_changes_at(struct replica *, uint32_t docno,
    struct doc *, uint32_t number, uint64_t *changes);
/* The envelope that brought a change first.  NOTFOUND: no such change, or it is
 * only in this doc (replica_add_shown). */
LK_MUST_USE lk_err replica_change(struct replica *, uint32_t docno,
    struct doc *, const uint8_t hash[static LK_ID_LEN], struct change_info *);
/* Calls `each` for every change an envelope brought, a dependency before its
 * dependants.  An error from `each`, which may not write, ends that. */
LK_MUST_USE lk_err replica_each_change(struct replica *, uint32_t docno,
    uint32_t number, change_fn *each, void *ctx);
/* Calls `each` for every grant there ever was: the Automerge actor by which its
 * device writes, and the device's key.  Else as replica_each_change. */
typedef lk_err actor_fn(void *ctx, const uint8_t actor[static LK_TOPIC_LEN],
    const uint8_t key[static 32]);
LK_MUST_USE lk_err replica_each_actor(
    struct replica *, uint32_t docno, actor_fn *each, void *ctx);
/* Appends the body of a change that an envelope brought. */
LK_MUST_USE lk_err replica_change_body(struct replica *, uint32_t docno,
    uint32_t number, const uint8_t hash[static LK_ID_LEN], struct buf *);

/* Sharing. */

/* Somebody to share with: a verified card's root key and devices. */
struct person {
	uint8_t root_pk[32];
	const struct cert *devices;
	size_t devices_len;
};
/* Grants a person, in one envelope: the root key cold, each device own below
 * the one that certified it, or the root.  EXISTS when he has that role or more; DENIED. */
LK_MUST_USE lk_err replica_share(struct replica *, uint32_t docno,
    const struct person *, enum role);
/* Grants a further device of my own the role I have.  EXISTS, DENIED. */
LK_MUST_USE lk_err replica_enroll(
    struct replica *, uint32_t docno, const struct cert *device);
/* Hands a key to a reader who is entitled to it and lacks it (access.md
 * section 7): at most one; call again while *healed. */
LK_MUST_USE lk_err replica_heal(struct replica *, uint32_t docno, bool *healed);

/* Receiving. */

/* KNOWN: it is here, or waits here already; or waits, and there is no room.
 * DROPPED: it counts for nothing, and there is no room for more of such; another
 * time there may be. */
enum receipt {
	RECEIPT_ACCEPTED,
	RECEIPT_KNOWN,
	RECEIPT_WAITING,
	RECEIPT_DROPPED,
	RECEIPT_REFUSED
};
struct received {
	enum receipt what;
	const char *why; /* refused or waiting: the rule; static */
	uint8_t missing[LK_ID_LEN]; /* waiting for this one, or zero */
};
/*
 * Takes envelopes of one document from a peer (`from`: his device key, 32 bytes,
 * or NULL), in the sender's order: checks them by protocol section 7 and applies
 * what is admissible, together with
 * what waited for it.  Never an error for what the bytes say: that is in
 * `out`; errors are the store's.
 */
LK_MUST_USE lk_err replica_receive(struct replica *, uint32_t docno,
    const uint8_t *from, const struct bytes *envelopes, size_t n,
    struct received *out);
/* The same for what can be had again at any time: what waits is not kept, and
 * says each time what it waits for. */
LK_MUST_USE lk_err replica_offer(struct replica *, uint32_t docno,
    const struct bytes *envelopes, size_t n, struct received *out);
/* Makes a document known from a welcome: id, topic secret, ladder keys.
 * MALFORMED: the secret is that of another document that is here, or not that
 * of this one. */
LK_MUST_USE lk_err replica_welcome(
    struct replica *, const struct welcome *, uint32_t *docno);

#endif
