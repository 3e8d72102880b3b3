#include <stdlib.h>
#include <string.h>

#include "daemon/mirror.h"

/*
 * STORE_DEVICE, SPACE_MIRRORS: document number -> u8 flags, mark, folder.
 * The document, SPACE_MIRRORS: "f" id -> u8 flags, digest, ino, size, mtime,
 * ctime, path; "t" id, u8 part -> what the base of a text holds; "o" id,
 * digest -> u8 0, while what came out of the file with this digest is in the
 * log and lies in the folder; "p": see mirror_pieces.c.
 */
#define RECORD_PAUSED 1
#define RECORD_MARKED 2
#define RECORD_TEXT 1
#define RECORD_EXEC 2
#define PART_LEN 61440
/* A text is longer than anybody may write when several wrote it. */
#define PARTS_MAX (FILE_BYTES_MAX / PART_LEN + 1)
_Static_assert(PARTS_MAX <= UINT8_MAX, "their number is one byte");

struct id_key {
	uint8_t ptr[1 + FILE_ID_LEN + 1];
};

static struct id_key
id_key(uint8_t what, const struct file_id *id, uint8_t part)
{
	struct id_key k = { { what } };

	memcpy(k.ptr + 1, id->hex, FILE_ID_LEN);
	k.ptr[1 + FILE_ID_LEN] = part;
	return k;
}

static struct bytes
file_key(const struct id_key *k)
{
	return BYTES(k->ptr, sizeof(k->ptr) - 1);
}

static struct kv
space_of(struct daemon *d, const struct mirror *m)
{
	return txn_space(d->txn, m->docno, SPACE_MIRRORS);
}

static void
docno_key(uint8_t out[static 4], uint32_t docno)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(docno >> (24 - 8 * i));
}

lk_err
mirror_save(struct daemon *d, const struct mirror *m)
{
	BUF_SCOPED b = { .max = KV_VALUE_MAX };
	uint8_t key[4];

	docno_key(key, m->docno);
	buf_u8(&b,
	    (uint8_t)((m->state == MIRROR_PAUSED ? RECORD_PAUSED : 0) |
		(m->marked ? RECORD_MARKED : 0)));
	buf_mem(&b, m->mark, sizeof(m->mark));
	buf_str(&b, m->dir);
	TRY(buf_err(&b, "record a mirror"));
	return kv_put(txn_space(d->txn, STORE_DEVICE, SPACE_MIRRORS),
	    BYTES_OF(key), buf_bytes(&b));
}

lk_err
mirror_drop(struct daemon *d, const struct mirror *m)
{
	uint8_t key[4];

	docno_key(key, m->docno);
	TRY(space_clear(d->txn, m->docno, SPACE_MIRRORS));
	return kv_del(
	    txn_space(d->txn, STORE_DEVICE, SPACE_MIRRORS), BYTES_OF(key));
}

static lk_err
record_read(struct mirror *m, struct bytes value)
{
	struct rd rd = rd_over(value);
	uint8_t flags = rd_u8(&rd);

	rd_copy(&rd, m->mark, sizeof(m->mark));
	if (rd.failed || rd.left.len == 0 || rd.left.len >= sizeof(m->dir) ||
	    memchr(rd.left.ptr, '\0', rd.left.len) != NULL)
		return LK_ERR(LK_E_CORRUPT, "record of a mirror");
	memcpy(m->dir, rd.left.ptr, rd.left.len);
	m->dir[rd.left.len] = '\0';
	m->marked = (flags & RECORD_MARKED) != 0;
	if (flags & RECORD_PAUSED)
		m->state = MIRROR_PAUSED;
	return LK_NONE;
}

lk_err
mirrors_each_record(struct txn *txn, mirror_record_fn *each, void *ctx)
{
	struct kv kv = txn_space(txn, STORE_DEVICE, SPACE_MIRRORS);
	uint8_t key[4] = { 0 };
	struct bytes value;

	do {
		struct mirror m = { .folder = { .fd = -1 } };
		lk_err err = kv_walk(kv, key, sizeof(key), 0, &value);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		for (size_t i = 0; i < sizeof(key); i++)
			m.docno = m.docno << 8 | key[i];
		TRY(record_read(&m, value));
		TRY(each(ctx, &m));
	} while (bytes_next(key, sizeof(key)));
	return LK_NONE;
}

static lk_err
base_read(struct mirror *m, const struct file_id *id, struct bytes value)
{
	struct rd rd = rd_over(value);
	char path[PATH_BYTES_MAX + 1];
	struct mirrored *f;
	uint8_t flags = rd_u8(&rd);

	TRY(mirrored_add(m, id, &f));
	f->is_text = (flags & RECORD_TEXT) != 0;
	f->exec = (flags & RECORD_EXEC) != 0;
	rd_copy(&rd, f->digest, sizeof(f->digest));
	f->stamp.ino = rd_u64(&rd);
	f->stamp.size = rd_u64(&rd);
	f->stamp.mtime_ns = (int64_t)rd_u64(&rd);
	f->stamp.ctime_ns = (int64_t)rd_u64(&rd);
	if (rd.failed || path_flaw(rd.left) != NULL)
		return LK_ERR(LK_E_CORRUPT, "record of a file");
	memcpy(path, rd.left.ptr, rd.left.len);
	path[rd.left.len] = '\0';
	if (mirrored_at(m, path) != NULL)
		return LK_ERR(LK_E_CORRUPT, "records of one file");
	return mirrored_base(m, f, path);
}

lk_err
mirror_load(struct daemon *d, struct mirror *m)
{
	struct kv kv = space_of(d, m);
	uint8_t key[1 + FILE_ID_LEN] = { 'f' };
	struct bytes value;

	do {
		struct file_id id;
		lk_err err = kv_walk(kv, key, sizeof(key), 1, &value);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (!file_id_read(&id, BYTES(key + 1, FILE_ID_LEN)))
			return LK_ERR(LK_E_CORRUPT, "record of a file");
		TRY(base_read(m, &id, value));
	} while (bytes_next(key, sizeof(key)));
	return LK_NONE;
}

static lk_err
text_drop(struct kv kv, const struct file_id *id, size_t from)
{
	for (; from < PARTS_MAX; from++) {
		struct id_key k = id_key('t', id, (uint8_t)from);
		struct bytes value;
		lk_err err = kv_get(kv, BYTES_OF(k.ptr), &value);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(kv_del(kv, BYTES_OF(k.ptr)));
	}
	return LK_NONE;
}

static lk_err
text_save(struct kv kv, const struct file_id *id, struct bytes text)
{
	size_t part = 0;

	for (size_t at = 0; at < text.len; at += PART_LEN, part++) {
		struct id_key k = id_key('t', id, (uint8_t)part);
		size_t n = text.len - at < PART_LEN ? text.len - at : PART_LEN;

		TRY(kv_put(kv, BYTES_OF(k.ptr), BYTES(text.ptr + at, n)));
	}
	return text_drop(kv, id, part);
}

lk_err
mirror_stamp_save(
    struct daemon *d, const struct mirror *m, const struct mirrored *f)
{
	struct kv kv = space_of(d, m);
	struct id_key k = id_key('f', &f->id, 0);
	BUF_SCOPED b = { .max = KV_VALUE_MAX };

	buf_u8(&b,
	    (uint8_t)((f->is_text ? RECORD_TEXT : 0) |
		(f->exec ? RECORD_EXEC : 0)));
	buf_mem(&b, f->digest, sizeof(f->digest));
	buf_u64(&b, f->stamp.ino);
	buf_u64(&b, f->stamp.size);
	buf_u64(&b, (uint64_t)f->stamp.mtime_ns);
	buf_u64(&b, (uint64_t)f->stamp.ctime_ns);
	buf_str(&b, f->path);
	TRY(buf_err(&b, "record a file"));
	return kv_put(kv, file_key(&k), buf_bytes(&b));
}

lk_err
mirror_base_save(struct daemon *d, const struct mirror *m,
    const struct mirrored *f, struct bytes text)
{
	TRY(mirror_stamp_save(d, m, f));
	return text_save(
	    space_of(d, m), &f->id, f->is_text ? text : BYTES(NULL, 0));
}

struct aside_key {
	uint8_t ptr[1 + FILE_ID_LEN + FILE_DIGEST_LEN];
};

static struct aside_key
aside_key(const struct file_id *id, const uint8_t *digest)
{
	struct aside_key k = { { 'o' } };

	memcpy(k.ptr + 1, id->hex, FILE_ID_LEN);
	memcpy(k.ptr + 1 + FILE_ID_LEN, digest, FILE_DIGEST_LEN);
	return k;
}

lk_err
mirror_aside_save(struct daemon *d, const struct mirror *m,
    const struct file_id *id, const uint8_t digest[static FILE_DIGEST_LEN])
{
	struct aside_key k = aside_key(id, digest);
	const uint8_t none[1] = { 0 };

	return kv_put(space_of(d, m), BYTES_OF(k.ptr), BYTES_OF(none));
}

bool
mirror_aside_has(struct daemon *d, const struct mirror *m,
    const struct file_id *id, const uint8_t digest[static FILE_DIGEST_LEN])
{
	struct aside_key k = aside_key(id, digest);
	struct bytes value;

	return kv_get(space_of(d, m), BYTES_OF(k.ptr), &value).code == LK_OK;
}

lk_err
mirror_aside_drop(struct daemon *d, const struct mirror *m,
    const struct file_id *id, const uint8_t digest[static FILE_DIGEST_LEN])
{
	struct aside_key k = aside_key(id, digest);

	return kv_del(space_of(d, m), BYTES_OF(k.ptr));
}

lk_err
mirror_base_drop(
    struct daemon *d, const struct mirror *m, const struct file_id *id)
{
	struct kv kv = space_of(d, m);
	struct id_key k = id_key('f', id, 0);

	TRY(kv_del(kv, file_key(&k)));
	return text_drop(kv, id, 0);
}

lk_err
mirror_base_text(struct daemon *d, const struct mirror *m,
    const struct mirrored *f, struct buf *out)
{
	struct kv kv = space_of(d, m);
	uint8_t digest[FILE_DIGEST_LEN];

	for (size_t part = 0; part < PARTS_MAX; part++) {
		struct id_key k = id_key('t', &f->id, (uint8_t)part);
		struct bytes value;
		lk_err err = kv_get(kv, BYTES_OF(k.ptr), &value);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		buf_add(out, value);
	}
	TRY(buf_err(out, "read a base"));
	file_digest(digest, buf_bytes(out));
	return memcmp(digest, f->digest, sizeof(digest)) == 0
	    ? LK_NONE
	    : LK_ERR(LK_E_NOTFOUND, "base of a file");
}
