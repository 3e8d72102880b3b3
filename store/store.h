/*
 * store.h - what a device keeps: the log of envelopes, its indexes, and the
 * derived state of every document, in one LMDB environment (sync.md section 6;
 * docs/storage.md has the records byte by byte).
 *
 * The log is the only truth: appended, never changed.  Everything else is a
 * function of it and can be rebuilt.  LMDB has no checksums, so every envelope
 * is checked against its id, and every other record against a checksum, on
 * every read (CORRUPT).
 *
 * One writer, one thread: the owner of the store.  Views returned are valid
 * until the transaction ends or, in a writing one, until the next write.
 * Default durable mode; a transaction that was committed is on disk.
 *
 * Deleting needs room too.  So a ballast file of 4 MiB stands beside the
 * database (and as much of a limited map is held back); both are given up at
 * the end of the first transaction that was FULL, and deletes and what a
 * shutdown writes then still fit.  It comes back when 64 MiB are free.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/kv.h"
#include "base/limits.h"

struct store;
struct txn;

/*
 * Opens or creates the store in directory `dir` (0700, made if absent).
 *   UNAVAILABLE  another process has it open
 *   CORRUPT      damaged: not an LMDB environment, or its meta records do not
 *                check; nothing is changed
 *   VERSION      written by a newer lk
 *   CONFIG       on a network file system
 *   FULL, SYS, NOMEM, LIMIT (the path)
 * Looks at every page in use first: about 0.2 ms a MiB.
 * `map_max` bytes are mapped at most (0: 1 TiB, halved until it maps).  Where a
 * maximum is given there is no ballast file: many such stores may be on a disk,
 * and whoever has them leaves it room.
 */
LK_MUST_USE lk_err store_open(struct store **, const char *dir, size_t map_max);
void store_close(struct store *);
/* Removes a store that nobody has open, and its directory; one that is not
 * there is no error.  SYS, LIMIT (the path). */
LK_MUST_USE lk_err store_remove(const char *dir);

/* Lets go of the pages of the file that this process holds mapped: they stay in
 * the system's cache and come back when read.  For a daemon with nothing to do;
 * outside of transactions. */
void store_rest(struct store *);

enum txn_mode { TXN_READ, TXN_WRITE };

LK_MUST_USE lk_err txn_begin(struct store *, enum txn_mode, struct txn **);
/* A writing transaction inside another: all or nothing of a part.  The parent
 * may not be used until the child has ended. */
LK_MUST_USE lk_err txn_begin_nested(struct txn *parent, struct txn **);
/* Ends and frees the transaction whatever the result.  FULL when the disk or
 * map is full: go on, with deletes; SYS: nothing may be acknowledged, close
 * and reopen. */
LK_MUST_USE lk_err txn_commit(struct txn *);
void txn_abort(struct txn *); /* accepts NULL */

/* Documents are numbered by this device; number 0 is the device itself. */
#define STORE_DEVICE 0

/* Spaces of records: one ordered map per document and space.  Valid for as
 * long as the transaction. */
enum store_space {
	SPACE_META = 1,  /* what the replica knows of the document */
	SPACE_NODES = 2, /* facts of its envelopes, in order of arrival */
	SPACE_KEYS = 3,  /* its epoch secrets */
	SPACE_DOC = 4,   /* the document engine's records */
	SPACE_WAIT = 5,  /* envelopes that lack a dependency */
	SPACE_PEERS = 6, /* acknowledgements of devices */
	SPACE_MIRRORS = 7, /* what a folder and the document had in common */
	SPACE_BACKUPS = 8, /* of the device: what backups hold already */
};
#define SPACE_LAST SPACE_BACKUPS
struct kv txn_space(struct txn *, uint32_t docno, enum store_space);
/* Removes all records of a document: spaces, log, indexes.  In slices of at
 * most `records_max`; *done when nothing is left. */
LK_MUST_USE lk_err store_drop(
    struct txn *, uint32_t docno, size_t records_max, bool *done);

/* One envelope of the log. */
struct log_entry {
	uint64_t lsn; /* position in the log, from 1, ascending */
	uint32_t docno;
	uint8_t id[LK_ID_LEN];
	uint8_t tag[LK_TOPIC_LEN]; /* author tag */
	uint64_t seq;
	bool essential;
	struct bytes envelope;
};

/* Appends; entry->lsn and ->essential are set (not essential).  EXISTS; LIMIT
 * over ENVELOPE_MAX; FULL. */
LK_MUST_USE lk_err log_append(struct txn *, struct log_entry *);
/* The greatest lsn ever given, 0 at first. */
LK_MUST_USE lk_err lsn_last(struct txn *, uint64_t *lsn);
/* The first entry of the log, whatever its document, with lsn >= the one given;
 * as log_next, but that ->id is zeros when it is CORRUPT. */
LK_MUST_USE lk_err log_walk(struct txn *, uint64_t lsn, struct log_entry *);
/* NOTFOUND; CORRUPT when the bytes do not hash to the id. */
LK_MUST_USE lk_err log_by_id(
    struct txn *, const uint8_t id[static LK_ID_LEN], struct log_entry *);
bool log_has(struct txn *, const uint8_t id[static LK_ID_LEN]);
/* The first entry of a document with lsn >= the one given, in log order,
 * which is a causal order.  NOTFOUND; CORRUPT: only ->lsn, ->docno and ->id
 * (zeros when it cannot be told) are set, to heal it or go on behind it. */
LK_MUST_USE lk_err log_next(
    struct txn *, uint32_t docno, uint64_t lsn, struct log_entry *);
/* Replaces the bytes of a damaged entry by good ones with the same id:
 * MALFORMED when they have another.  NOTFOUND, CORRUPT (its index too), FULL.
 */
LK_MUST_USE lk_err log_heal(
    struct txn *, const uint8_t id[static LK_ID_LEN], struct bytes envelope);
/* Fetches the first chain entry (tag, seq, id) >= the one in *at of that
 * document, without reading the envelope (.envelope is empty).  NOTFOUND;
 * CORRUPT: *at is the damaged entry's place, to go on behind it. */
LK_MUST_USE lk_err chain_next(
    struct txn *, uint32_t docno, struct log_entry *at);
/* Moves *at to the least (tag, seq, id) above its own: with chain_next, to the
 * entry after it. */
void chain_step(struct log_entry *at);

/* An order-free fingerprint of a set of envelopes. */
struct fingerprint {
	uint64_t count;
	uint8_t sum[32]; /* ids added modulo 2^256, big-endian */
};
void fingerprint_add(struct fingerprint *, const uint8_t id[static 32]);
void fingerprint_sub(struct fingerprint *, const uint8_t id[static 32]);

/* Marks an entry as in or out of the essential set and updates the
 * fingerprints in the same transaction.  NOTFOUND, CORRUPT, FULL. */
LK_MUST_USE lk_err essential_set(
    struct txn *, const uint8_t id[static LK_ID_LEN], bool essential);
/* Of a document's essential set; zero when empty. */
LK_MUST_USE lk_err fingerprint_doc(
    struct txn *, uint32_t docno, struct fingerprint *);
/* An author's envelopes are summed up in blocks: those with one value of
 * seq >> FP_BLOCK_SHIFT. */
#define FP_BLOCK_SHIFT 8
/* Adds one set to another that has nothing in common with it. */
void fingerprint_join(struct fingerprint *, const struct fingerprint *);
/* Walks over what is not empty: the first author with a tag >= *tag, the first
 * block >= *block of an author, his last.  NOTFOUND, CORRUPT. */
LK_MUST_USE lk_err fingerprint_next_author(struct txn *, uint32_t docno,
    uint8_t tag[static LK_TOPIC_LEN], struct fingerprint *);
LK_MUST_USE lk_err fingerprint_next_block(struct txn *, uint32_t docno,
    const uint8_t tag[static LK_TOPIC_LEN], uint64_t *block,
    struct fingerprint *);
LK_MUST_USE lk_err fingerprint_last_block(struct txn *, uint32_t docno,
    const uint8_t tag[static LK_TOPIC_LEN], uint64_t *block);

/*
 * Mending.  Every read that was CORRUPT notes the document it was about;
 * STORE_DEVICE also when that cannot be told.  Takes one of them; false when
 * there is none.
 */
bool store_doubt(struct store *, uint32_t *docno);
/* What is damaged of a document: records of its spaces, by space; of its
 * indexes, which may lack some; and envelopes, each told by its id.  CORRUPT is
 * not an error here. */
struct document_damage {
	uint64_t spaces[SPACE_LAST + 1], indexes;
	uint64_t envelopes; /* in the chains, damaged or not */
};
typedef lk_err damaged_fn(void *ctx, const uint8_t id[static LK_ID_LEN]);
LK_MUST_USE lk_err document_verify(struct txn *, uint32_t docno,
    struct document_damage *, damaged_fn *, void *ctx);
/* The greatest number of a document with records; 0: none. */
LK_MUST_USE lk_err store_last_document(struct txn *, uint32_t *docno);
/* Puts envelopes back to where their index says, and removes the records that
 * are damaged and that no known document will miss; adds their number to
 * *removed. */
typedef bool document_fn(void *ctx, uint32_t docno);
LK_MUST_USE lk_err store_sift(
    struct txn *, document_fn *known, void *ctx, uint64_t *removed);
/* Removes all records of a space, or those that are damaged (adding their
 * number to *removed). */
LK_MUST_USE lk_err space_clear(struct txn *, uint32_t docno, enum store_space);
LK_MUST_USE lk_err space_sift(
    struct txn *, uint32_t docno, enum store_space, uint64_t *removed);
/* Forgets the indexes of a document's envelopes, with its fingerprints.  The
 * log then is what log_stored finds, whatever was damaged. */
LK_MUST_USE lk_err log_unindex(struct txn *, uint32_t docno);
/* The first envelope in the log itself with lsn >= the one given: its place,
 * its bytes, and as ->id their hash.  NOTFOUND at the end. */
LK_MUST_USE lk_err log_stored(
    struct txn *, uint32_t docno, uint64_t lsn, struct log_entry *);
/* Indexes an envelope that is in the log at ->lsn; not essential. */
LK_MUST_USE lk_err log_index(struct txn *, const struct log_entry *);
/* Puts the bytes of an entry into the log at its ->lsn, where there is nothing
 * yet; no index.  LIMIT, FULL. */
LK_MUST_USE lk_err log_write(struct txn *, const struct log_entry *);
/* Removes what is in the log there; it has no index. */
LK_MUST_USE lk_err log_remove(struct txn *, uint64_t lsn);

/*
 * Reads everything there is, in parts: records against their checksums,
 * envelopes against their ids, and that these are where their index says.  What
 * is damaged is noted (store_doubt).  The caller keeps the place, zeros at
 * first, in the store if he likes; what is written meanwhile is met or not.
 */
#define STORE_SCAN_KEY_MAX 511
struct store_scan {
	uint8_t table;
	uint16_t key_len;
	uint8_t key[STORE_SCAN_KEY_MAX];
	uint64_t bytes;   /* read so far */
	uint64_t damaged; /* records and envelopes */
	bool done;
};
/* Goes on for about so many bytes. */
LK_MUST_USE lk_err store_scan(
    struct txn *, struct store_scan *, size_t bytes_max);

/* Bytes used by data, and bytes the file system still has. */
struct store_usage {
	uint64_t used, disk_free, envelopes;
};
LK_MUST_USE lk_err store_usage(struct store *, struct store_usage *);
/* The latter alone, which is quick. */
LK_MUST_USE lk_err store_disk_free(struct store *, uint64_t *bytes);

/*
 * Reads everything and checks every envelope against its id and every record
 * against its checksum: the number of damaged ones, and the document of the
 * first.
 */
struct store_damage {
	uint64_t envelopes, records;
	uint32_t first_docno;
};
LK_MUST_USE lk_err store_verify(struct txn *, struct store_damage *);

#endif
