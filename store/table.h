/*
 * table.h - inside the store: its tables, and records that carry their own
 * checksum.
 *
 * A table is an LMDB sub-database.  A record is u64 checksum, value; the
 * checksum is over table, key and value, so that a record that ends up under
 * another key, or in another table, does not check either.  Only the log has
 * no checksums: there the envelope's id is one.
 *
 * A transaction has one cursor per table, made when first needed: neighbouring
 * records then cost no descent from the root.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include <lmdb.h>
#include <sys/tree.h>
#include <unistd.h>

#include "store/key.h"
#include "store/store.h"

enum table {
	TABLE_META,   /* name -> value, of the store itself */
	TABLE_LOG,    /* lsn u64 -> docno u32, envelope; no checksum */
	TABLE_ID,     /* id -> lsn u64, docno u32, tag, seq u64 */
	TABLE_CHAIN,  /* docno, tag, seq, id -> lsn u64, essential u8 */
	TABLE_DOCLOG, /* docno, lsn -> nothing */
	TABLE_FP,     /* docno [, tag [, block u64]] -> count u64, sum */
	TABLE_STATE,  /* docno, space u8, key -> value */
	TABLES,
};

#define DOCNO_LEN 4
#define LSN_LEN 8

#define STORE_FORMAT 1
#define META_FORMAT "format" /* u32 */
#define META_LSN "lsn"       /* u64, the greatest ever given, after drops */

/* Documents that damage was met in and nobody has looked at yet. */
#define DOUBTS_MAX 64

struct store {
	MDB_env *env;
	uint32_t doubts[DOUBTS_MAX];
	size_t doubts_len;
	MDB_dbi tables[TABLES];
	char *dir;
	int lock_fd;
	size_t map_size;  /* what is mapped now */
	size_t map_spare; /* given to the map once it is full */
	pid_t pid;
	unsigned live;    /* transactions, nested ones not counted */
	unsigned commits; /* since the ballast was looked after */
	bool writing;
	bool limited; /* in its size, by its owner */
	bool full;    /* a write found no room; see ballast.h */
	bool ballast; /* the file is there */
	bool broken;  /* a commit failed: what is on disk is uncertain */
	bool damaged; /* something did not check */
	bool opened;  /* to the end */
};

struct space;
RB_HEAD(spaces, space);

struct txn {
	struct store *store;
	struct txn *parent;
	MDB_txn *mdb;
	MDB_cursor *cursors[TABLES];
	struct spaces spaces;
	enum txn_mode mode;
	bool full; /* a write found no room: it cannot be committed */
	bool has_child;
};

/* The error for a result of LMDB other than MDB_SUCCESS. */
lk_err lmdb_err(int rc, const char *what);

void spaces_free(struct spaces *);

/* Values come without their checksum.  NOTFOUND, CORRUPT. */
LK_MUST_USE lk_err table_get(
    struct txn *, enum table, struct bytes key, struct bytes *value);
LK_MUST_USE lk_err table_put(
    struct txn *, enum table, struct bytes key, struct bytes value);
/* *found (may be NULL): it was there. */
LK_MUST_USE lk_err table_del(
    struct txn *, enum table, struct bytes key, bool *found);

/*
 * The same without checksums, which are for record_check once it is clear that
 * the record found is wanted at all.  `cursor_move` is a plain cursor
 * operation; MDB_SET_RANGE and MDB_SET_KEY read *key, all write it.
 */
LK_MUST_USE lk_err cursor_seek(struct txn *, enum table, enum kv_seek,
    struct bytes *key, struct bytes *raw);
LK_MUST_USE lk_err cursor_move(struct txn *, enum table, MDB_cursor_op,
    struct bytes *key, struct bytes *raw);
/* Makes room for n bytes under the key; they are the caller's to fill before
 * any other call. */
LK_MUST_USE lk_err raw_put(
    struct txn *, enum table, struct bytes key, size_t n, uint8_t **at);
/* raw_put at the end of the table; the key is greater than all others. */
LK_MUST_USE lk_err raw_append(
    struct txn *, enum table, struct bytes key, size_t n, uint8_t **at);
/* Checks and strips the checksum of what cursor_move found. */
LK_MUST_USE lk_err record_check(
    enum table, struct bytes key, struct bytes raw, struct bytes *value);

/* Whether a key belongs to a document: all tables but META, LOG and ID. */
static inline bool
key_in_doc(struct bytes key, uint32_t docno)
{
	struct rd r = rd_over(key);

	return rd_u32(&r) == docno && !r.failed;
}

/* TABLE_ID */
struct place {
	uint64_t lsn;
	uint32_t docno;
	uint8_t tag[LK_TOPIC_LEN];
	uint64_t seq;
};
LK_MUST_USE lk_err place_of(
    struct txn *, const uint8_t id[static LK_ID_LEN], struct place *);
LK_MUST_USE lk_err place_decode(struct place *, struct bytes value);
void lsn_key(struct key *, uint64_t lsn);
void doclog_key(struct key *, uint32_t docno, uint64_t lsn);
void chain_key(
    struct key *, const struct place *, const uint8_t id[static LK_ID_LEN]);
/* TABLE_CHAIN's value. */
LK_MUST_USE lk_err chain_decode(
    struct bytes value, uint64_t *lsn, bool *essential);
/* The same of the record of an envelope that is known: CORRUPT when absent. */
LK_MUST_USE lk_err chain_get(
    struct txn *, const struct key *, uint64_t *lsn, bool *essential);
/* The bytes of the envelope at this place: CORRUPT unless they hash to the id
 * and are of the document. */
LK_MUST_USE lk_err envelope_at(struct txn *, const struct place *,
    const uint8_t id[static LK_ID_LEN], struct bytes *);
/* What the indexes say of an envelope; not essential. */
LK_MUST_USE lk_err place_index(
    struct txn *, const uint8_t id[static LK_ID_LEN], const struct place *);
/* Something of this document is damaged: store_doubt. */
void damage_note(struct txn *, uint32_t docno);
void damage_note_record(struct txn *, enum table, struct bytes key);
/* TABLE_FP's value. */
LK_MUST_USE lk_err fingerprint_decode(struct fingerprint *, struct bytes);

#endif
