#include <stdlib.h>
#include <string.h>

#include "daemon/mirror.h"
#include "sync/piece.h"

/* What is done of a long file in one slice. */
#define SLICE_BYTES ((size_t)2 * 1024 * 1024)

/* The document, SPACE_MIRRORS: "p" digest -> id of an envelope that has it. */
struct piece_key {
	uint8_t ptr[1 + FILE_DIGEST_LEN];
};

static struct piece_key
piece_key(const struct piece *p)
{
	struct piece_key k = { { 'p' } };

	memcpy(k.ptr + 1, p->digest, sizeof(p->digest));
	return k;
}

/* Where a piece is, if this device knows. */
static bool
piece_find(struct daemon *d, const struct mirror *m, struct piece *p)
{
	struct piece_key k = piece_key(p);
	struct bytes value;

	if (kv_get(txn_space(d->txn, m->docno, SPACE_MIRRORS), BYTES_OF(k.ptr),
		&value)
		    .code != LK_OK ||
	    value.len != sizeof(p->at) || !log_has(d->txn, value.ptr))
		return false;
	memcpy(p->at, value.ptr, sizeof(p->at));
	return true;
}

static lk_err
piece_note(struct daemon *d, const struct mirror *m, const struct piece *p)
{
	struct piece_key k = piece_key(p);

	return kv_put(txn_space(d->txn, m->docno, SPACE_MIRRORS),
	    BYTES_OF(k.ptr), BYTES_OF(p->at));
}

static lk_err
piece_write_new(
    struct daemon *d, struct mirror *m, struct bytes bytes, struct piece *p)
{
	struct replica *r = d->replica;
	lk_err err;

	TRY(replica_nest(r));
	err = replica_piece_add(r, m->docno, bytes, p->at);
	TRY(replica_unnest(r, err.code == LK_OK));
	if (err.code == LK_OK)
		return piece_note(d, m, p);
	m->denied |= err.code == LK_E_DENIED || err.code == LK_E_REVOKED;
	if (m->denied)
		err.what = DENIED_HERE;
	/* Callers take that for "not all yet". */
	if (err.code == LK_E_WAIT)
		err.code = LK_E_DENIED;
	return err;
}

static lk_err
piece_add(
    struct daemon *d, struct mirror *m, struct bytes bytes, struct buf *list)
{
	struct piece p = { .len = (uint32_t)bytes.len };

	piece_digest(p.digest, bytes);
	if (!piece_find(d, m, &p))
		TRY(piece_write_new(d, m, bytes, &p));
	piece_write(list, &p);
	return buf_err(list, "pieces");
}

lk_err
mirror_pieces_make(
    struct daemon *d, struct mirror *m, struct bytes content, struct buf *list)
{
	size_t n;

	for (; (n = piece_cut(content, true)) > 0;
	     content = BYTES(content.ptr + n, content.len - n))
		TRY(piece_add(d, m, BYTES(content.ptr, n), list));
	return LK_NONE;
}

void
mirror_piecing_end(struct mirror *m)
{
	if (m->piecing == NULL)
		return;
	folder_read_stop(&m->piecing->reading);
	buf_clear(&m->piecing->list);
	free(m->piecing);
	m->piecing = NULL;
}

/* Begins, unless another file is under way.  WAIT: it is. */
static lk_err
piecing_begin(struct daemon *d, struct mirror *m, const char *path)
{
	struct touched *other =
	    m->piecing == NULL ? NULL : mirror_touched(m, m->piecing->path);
	struct piecing *p;
	lk_err err;

	if (m->piecing != NULL && strcmp(m->piecing->path, path) == 0)
		return LK_NONE;
	if (other != NULL && other->due.ms <= d->now.mono.ms)
		return LK_ERR(LK_E_WAIT, "another long file");
	mirror_piecing_end(m);
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return LK_ERR(LK_E_NOMEM, "mirror");
	(void)strlcpy(p->path, path, sizeof(p->path));
	buf_init(&p->list, PIECES_MAX * PIECE_RECORD_LEN);
	err = folder_read_begin(&m->folder, path, &p->reading);
	m->piecing = p;
	return err;
}

/* Some pieces; WAIT: there are more. */
static lk_err
piecing_run(struct daemon *d, struct mirror *m)
{
	struct piecing *p = m->piecing;
	struct bytes piece;

	for (size_t n = 0; n < SLICE_BYTES; n += piece.len) {
		TRY(folder_read_piece(&p->reading, &piece));
		if (piece.len == 0)
			return folder_read_end(&p->reading, d->now.wall);
		TRY(piece_add(d, m, piece, &p->list));
	}
	return LK_ERR(LK_E_WAIT, "a long file");
}

/* Whether the path has another file, or another content, than the one that is
 * being read. */
static bool
piecing_is_stale(
    const struct mirror *m, const char *path, const struct disk_file *disk)
{
	const struct file_stamp *a = &disk->stamp, *b;

	if (m->piecing == NULL || strcmp(m->piecing->path, path) != 0)
		return false;
	b = &m->piecing->reading.disk.stamp;
	return a->ino != b->ino || a->size != b->size ||
	    a->mtime_ns != b->mtime_ns || a->ctime_ns != b->ctime_ns;
}

lk_err
mirror_pieces_read(struct daemon *d, struct mirror *m, const char *path,
    struct disk_file *disk, struct buf *list)
{
	uint64_t len;
	lk_err err;

	if (piecing_is_stale(m, path, disk)) {
		mirror_piecing_end(m);
		return LK_ERR(LK_E_AGAIN, "it is being written");
	}
	err = piecing_begin(d, m, path);
	if (err.code == LK_OK && m->piecing->reading.disk.kind == DISK_FILE)
		err = piecing_run(d, m);
	if (err.code == LK_E_WAIT)
		return err;
	if (err.code == LK_OK) {
		*disk = m->piecing->reading.disk;
		buf_add(list, buf_bytes(&m->piecing->list));
		err = buf_err(list, "pieces");
	}
	if (err.code == LK_OK && disk->kind == DISK_FILE)
		err = pieces_digest(disk->digest, &len, buf_bytes(list));
	mirror_piecing_end(m);
	return err;
}

/* Out. */

/* Begins with the list, or goes on with it.  WAIT: another one is staged. */
static lk_err
staging_begin(struct mirror *m, const struct file_id *id, const uint8_t *digest)
{
	struct staging *s = &m->staging;
	struct mirrored *other = s->on ? mirrored_get(m, &s->id) : NULL;

	if (s->on && strcmp(s->id.hex, id->hex) == 0 &&
	    memcmp(s->digest, digest, sizeof(s->digest)) == 0)
		return LK_NONE;
	if (other != NULL && other->to_write && other->retry.ms == 0)
		return LK_ERR(LK_E_WAIT, "another long file");
	if (other != NULL && other->shown != NULL)
		folder_unstage(&m->folder, other->shown, &other->id);
	*s = (struct staging){ .on = true, .id = *id };
	memcpy(s->digest, digest, sizeof(s->digest));
	return LK_NONE;
}

/* Before anything is written: all of it is there. */
static lk_err
pieces_look(struct daemon *d, struct bytes list)
{
	struct piece p;

	while (piece_take(&list, &p))
		if (!log_has(d->txn, p.at))
			return LK_ERR(
			    LK_E_CORRUPT, "a piece of it is not here");
	return LK_NONE;
}

static lk_err
piece_stage(struct daemon *d, struct mirror *m, const struct folder_put *put,
    const struct piece *p, bool last)
{
	BUF_SCOPED bytes = { .max = PIECE_MAX };
	uint8_t digest[FILE_DIGEST_LEN];
	lk_err err = replica_piece(d->replica, m->docno, p->at, &bytes);

	if (err.code == LK_E_NOTFOUND || err.code == LK_E_LIMIT ||
	    err.code == LK_E_WAIT)
		return LK_ERR(LK_E_CORRUPT, "a piece of it is not here");
	TRY(err);
	piece_digest(digest, buf_bytes(&bytes));
	if (bytes.len != p->len || memcmp(digest, p->digest, sizeof(digest)))
		return LK_ERR(LK_E_CORRUPT, "a piece of it is another one");
	/* Else the digest of the list would not be that of the file. */
	if (piece_cut(buf_bytes(&bytes), last) != bytes.len)
		return LK_ERR(LK_E_CORRUPT, "it is not cut as files are");
	TRY(folder_stage(&m->folder, put, m->staging.bytes, buf_bytes(&bytes)));
	TRY(piece_note(d, m, p));
	m->staging.pieces++;
	m->staging.bytes += p->len;
	return LK_NONE;
}

static lk_err
staging_run(struct daemon *d, struct mirror *m, const struct folder_put *put,
    struct bytes list)
{
	size_t done = m->staging.pieces * PIECE_RECORD_LEN;
	struct bytes left = BYTES(list.ptr + done, list.len - done);
	uint64_t from = m->staging.bytes;
	struct piece p;

	while (piece_take(&left, &p)) {
		if (m->staging.bytes - from >= SLICE_BYTES)
			return LK_ERR(LK_E_WAIT, "a long file");
		TRY(piece_stage(d, m, put, &p, left.len == 0));
	}
	return LK_NONE;
}

lk_err
mirror_pieces_stage(struct daemon *d, struct mirror *m,
    const struct folder_put *put, struct bytes list)
{
	struct folder_put all = *put;
	uint8_t digest[FILE_DIGEST_LEN];
	lk_err err;

	TRY(pieces_digest(digest, &all.size, list));
	err = staging_begin(m, put->id, digest);
	if (err.code == LK_OK && m->staging.pieces == 0)
		err = pieces_look(d, list);
	if (err.code == LK_OK)
		err = staging_run(d, m, &all, list);
	if (err.code != LK_OK && err.code != LK_E_WAIT)
		m->staging.on = false;
	return err;
}

void
mirror_pieces_forget(struct mirror *m)
{
	mirror_piecing_end(m);
	m->staging.on = false;
}
