/*
 * pieces.h - how a long file is cut, and what a document holds of it
 * (docs/storage.md, "Files in pieces").
 *
 * A file is cut where its content says so (a rolling hash of 64 bytes; cf.
 * Muthitacharoen et al., "A Low-bandwidth Network File System", 2001), so an
 * insertion changes the pieces around it and no others.  The digest of a file
 * is that of its pieces: it does not depend on how the file is kept.  Pure.
 */
#ifndef MIRROR_PIECES_H
#define MIRROR_PIECES_H

#include "base/bytes.h"
#include "base/limits.h"
#include "crypto/digest.h"

#define FILE_DIGEST_LEN 32
#define PIECE_MIN ((size_t)256 * 1024)
#define PIECE_MAX ((size_t)960 * 1024) /* fits an envelope */
#define FILE_SIZE_MAX (UINT64_C(4) << 30)
#define PIECES_MAX ((size_t)(FILE_SIZE_MAX / PIECE_MIN))

/* The length of the first piece of what a file has left, of which these bytes
 * are the beginning, or with `end` all.  0: it takes more bytes to tell, which
 * never is so from PIECE_MAX on; or there are none. */
size_t piece_cut(struct bytes, bool end);

struct piece {
	uint32_t len;
	uint8_t digest[FILE_DIGEST_LEN]; /* H[32]("lk1 piece"; bytes) */
	uint8_t at[LK_ID_LEN];           /* the envelope that has it */
};
#define PIECE_RECORD_LEN (4 + FILE_DIGEST_LEN + LK_ID_LEN)

void piece_digest(uint8_t out[static FILE_DIGEST_LEN], struct bytes);
/* Appends its record: u32 len, digest, at. */
void piece_write(struct buf *list, const struct piece *);
/* Takes the first record of a list; false when there is none. */
bool piece_take(struct bytes *list, struct piece *);

/* The digest of a file: H[32]("lk1 file"; for each piece: u32 len, digest). */
struct file_sum {
	struct digest sum;
};
void file_sum_init(struct file_sum *);
void file_sum_add(struct file_sum *, struct bytes piece);
void file_sum_final(struct file_sum *, uint8_t out[static FILE_DIGEST_LEN]);
void file_digest(uint8_t out[static FILE_DIGEST_LEN], struct bytes content);
/* That of what a list says, and its length.  MALFORMED: no whole records, none,
 * too many, a piece of no length or over PIECE_MAX, over FILE_SIZE_MAX. */
LK_MUST_USE lk_err pieces_digest(
    uint8_t out[static FILE_DIGEST_LEN], uint64_t *len, struct bytes list);

#endif
