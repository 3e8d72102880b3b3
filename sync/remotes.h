/*
 * remotes.h - where else this device's documents are kept: folders, buckets and
 * relays, several side by side, all of them kept up to date (sync.md section
 * 5).  What the daemon tells the engine of them, and the engine says of each.
 *
 * What an object remote (a folder, a bucket) holds is a stranger's word: see
 * bucket.h.  Every call happens inside the replica's transaction.
 */
#ifndef SYNC_REMOTES_H
#define SYNC_REMOTES_H

#include "base/object.h"
#include "base/remote_url.h"
#include "sync/engine.h"

#define REMOTES_MAX 16
#define REMOTE_NAME_MAX 64

enum remote_kind { REMOTE_FOLDER, REMOTE_BUCKET, REMOTE_RELAY };

struct remote_config {
	uint32_t number; /* on this device: above 0, and never given again */
	enum remote_kind kind;
	const char *name, *url; /* for people */
};

/*
 * Says which there are, all of them: after engine_configure and whenever that
 * changes.  What was known of one that is gone is forgotten; of one that stays,
 * kept.  LIMIT above REMOTES_MAX; USAGE: a number twice, or 0.
 */
LK_MUST_USE lk_err engine_remotes_configure(
    struct engine *, const struct remote_config *, size_t n, struct now);
/* The answer to an ENGINE_OBJECT, whatever has become of the asker: one nobody
 * waits for is passed over.  What it owns stays the caller's. */
LK_MUST_USE lk_err engine_object(
    struct engine *, const struct object_answer *, struct now);

struct remote_status {
	uint32_t number;
	enum remote_kind kind;
	char name[REMOTE_NAME_MAX + 1], url[REMOTE_URL_MAX + 1];
	char address[512]; /* of a relay: for other devices to add, or "" */
	bool tried;        /* it has answered, or failed to, since the start */
	bool reachable;    /* the last time */
	struct wall since; /* that it is, or is not */
	lk_err err;        /* the last one; LK_OK: none since it was reached */
	char why[128];     /* the same in words, or "" */
	struct wall complete; /* when all it had was last seen; 0: not yet */
	uint64_t unread;      /* objects seen there and not read yet */
	uint64_t ignored;     /* objects that are of no use: refused */
	uint64_t damaged;     /* times that one was not what its name says */
};
/* The i-th; NOTFOUND past the end. */
LK_MUST_USE lk_err engine_remote(
    struct engine *, size_t i, struct remote_status *);
/*
 * Whether all this device has of a document lies there too, with what its
 * readers need to open it: as far as the remote's own lists say, and that is
 * not that anybody has fetched it.  False of a document of which nothing is
 * put. NOTFOUND: no such remote.
 */
LK_MUST_USE lk_err engine_remote_holds(
    struct engine *, uint32_t number, uint32_t docno, bool *holds);
/* Of how many documents, the home document included, something is still to be
 * put there.  Looks at all of them: 2 us each. */
LK_MUST_USE lk_err engine_remote_lacks(
    struct engine *, uint32_t number, uint64_t *lacks);

/*
 * A relay that a ticket names, under the account that the answer to it, which
 * came through that relay, has said: its address, each once, so that the caller
 * makes it one of the remotes; false: there is none.  After each event, in its
 * transaction.
 */
bool engine_relay_offered(struct engine *, char url[static REMOTE_URL_MAX + 1]);

#endif
