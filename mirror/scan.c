#include "mirror/scan.h"

#include <stdlib.h>
#include <string.h>

#define SCAN_VERSION 1
#define FLAG_TEXT 1
#define FLAG_EXEC 2
#define FLAG_LARGE 4
#define FLAG_UNREAD 8
#define FLAGS (FLAG_TEXT | FLAG_EXEC | FLAG_LARGE | FLAG_UNREAD)
/* A record with an empty path. */
#define RECORD_MIN (1 + 8 + FILE_DIGEST_LEN + 2)
/* Somebody writes: so often it is looked at again. */
#define TRIES_MAX 5

/* Reading. */

static int
entry_compare(const void *a, const void *b)
{
	const struct plan_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static const char *
flaw_of(uint8_t flags)
{
	if (flags & FLAG_LARGE)
		return "too large to be kept";
	return flags & FLAG_UNREAD ? "it cannot be read" : NULL;
}

/* One record; its path, with a NUL behind it, goes to `path`. */
static lk_err
record_read(struct rd *rd, struct plan_entry *e, char *path)
{
	uint8_t flags = rd_u8(rd);
	uint64_t saved = rd_u64(rd);
	struct bytes name;

	rd_copy(rd, e->side.digest, sizeof(e->side.digest));
	name = rd_take(rd, rd_u16(rd));
	if (rd->failed)
		return LK_ERR(LK_E_TRUNCATED, "scan");
	if ((flags & ~FLAGS) != 0 || saved > INT64_MAX ||
	    path_flaw(name) != NULL)
		return LK_ERR(LK_E_MALFORMED, "scan");
	memcpy(path, name.ptr, name.len);
	path[name.len] = '\0';
	e->path = path;
	e->flaw = flaw_of(flags);
	e->side.there = true;
	e->side.is_text = (flags & FLAG_TEXT) != 0;
	e->side.exec = (flags & FLAG_EXEC) != 0;
	e->side.saved_ms = (int64_t)saved;
	return LK_NONE;
}

static lk_err
records_read(struct scan *s, struct rd *rd)
{
	size_t most = rd->left.len / RECORD_MIN;
	char *path;

	if (most > SCAN_FILES_MAX)
		most = SCAN_FILES_MAX;
	s->entries = calloc(most + 1, sizeof(*s->entries));
	s->paths = path = malloc(rd->left.len + 1);
	if (s->entries == NULL || s->paths == NULL)
		return LK_ERR(LK_E_NOMEM, "scan");
	while (rd->left.len > 0) {
		if (s->len == SCAN_FILES_MAX)
			return LK_ERR(LK_E_LIMIT, "too many files");
		if (rd->left.len < RECORD_MIN)
			return LK_ERR(LK_E_TRUNCATED, "scan");
		TRY(record_read(rd, &s->entries[s->len], path));
		path += strlen(path) + 1;
		s->len++;
	}
	qsort(s->entries, s->len, sizeof(*s->entries), entry_compare);
	for (size_t i = 1; i < s->len; i++)
		if (strcmp(s->entries[i - 1].path, s->entries[i].path) == 0)
			return LK_ERR(LK_E_MALFORMED, "a path twice");
	return LK_NONE;
}

static lk_err
all_read(struct scan *s, struct bytes from)
{
	struct rd rd = rd_over(from);
	uint8_t version = rd_u8(&rd), has;

	if (!rd.failed && version != SCAN_VERSION)
		return LK_ERR(LK_E_VERSION, "scan");
	s->skipped = rd_u32(&rd);
	has = rd_u8(&rd);
	s->ignore = rd_take(&rd, rd_u32(&rd));
	if (rd.failed)
		return LK_ERR(LK_E_TRUNCATED, "scan");
	if (has > 1 || (has == 0 && s->ignore.len > 0))
		return LK_ERR(LK_E_MALFORMED, "scan");
	s->has_ignore = has == 1;
	return records_read(s, &rd);
}

lk_err
scan_read(struct scan *out, struct bytes from)
{
	lk_err err;

	*out = (struct scan){ 0 };
	err = all_read(out, from);
	if (err.code != LK_OK)
		scan_clear(out);
	return err;
}

void
scan_clear(struct scan *s)
{
	free(s->entries);
	free(s->paths);
	*s = (struct scan){ 0 };
}

/* Writing. */

struct scanning {
	const struct folder *folder;
	struct wall now;
	struct buf *out;
	struct ignore ignore;
	size_t skipped_at, files;
	uint32_t skipped;
	lk_err err;
};

static lk_err
long_digest(struct scanning *s, const char *path, struct disk_file *disk)
{
	struct folder_reading r;
	struct file_sum sum;
	struct bytes piece = { 0 };
	lk_err err = folder_read_begin(s->folder, path, &r);

	file_sum_init(&sum);
	while (err.code == LK_OK && r.fd != -1) {
		err = folder_read_piece(&r, &piece);
		if (err.code != LK_OK || piece.len == 0)
			break;
		file_sum_add(&sum, piece);
	}
	if (err.code == LK_OK && r.fd != -1)
		err = folder_read_end(&r, s->now);
	*disk = r.disk;
	file_sum_final(&sum, disk->digest);
	folder_read_stop(&r);
	return err;
}

/* What a file is; `flags` are its record's. */
static lk_err
file_look(struct scanning *s, const char *path, struct disk_file *disk,
    uint8_t *flags)
{
	BUF_SCOPED content = { .max = FILE_BYTES_MAX };
	lk_err err = folder_read(s->folder, path, s->now, disk, &content);

	*flags = 0;
	if (err.code == LK_E_LIMIT)
		err = long_digest(s, path, disk);
	else if (err.code == LK_OK && file_is_text(buf_bytes(&content)))
		*flags = FLAG_TEXT;
	if (disk->exec)
		*flags |= FLAG_EXEC;
	return err;
}

static void
record_write(struct scanning *s, const char *path, const struct disk_file *disk,
    uint8_t flags)
{
	int64_t saved = disk->stamp.mtime_ns / 1000000;

	buf_u8(s->out, flags);
	buf_u64(s->out, saved > 0 ? (uint64_t)saved : 0);
	buf_mem(s->out, disk->digest, sizeof(disk->digest));
	buf_u16(s->out, (uint16_t)strlen(path));
	buf_str(s->out, path);
	s->err = buf_err(s->out, "scan");
}

static void
file_meet(void *ctx, const char *path, const struct disk_file *met)
{
	struct scanning *s = ctx;
	struct disk_file disk = *met;
	uint8_t flags = 0;
	lk_err err;

	if (s->err.code != LK_OK || met->kind != DISK_FILE ||
	    ignore_matches(&s->ignore, BYTES_STR(path), false))
		return;
	if (path_flaw(BYTES_STR(path)) != NULL) {
		s->skipped++;
		return;
	}
	if (s->files++ == SCAN_FILES_MAX) {
		s->err = LK_ERR(LK_E_LIMIT, "too many files");
		return;
	}
	for (int i = 0; i < TRIES_MAX; i++) {
		err = file_look(s, path, &disk, &flags);
		if (err.code != LK_E_AGAIN)
			break;
	}
	if (err.code == LK_OK && disk.kind != DISK_FILE)
		return;
	if (err.code == LK_E_NOMEM)
		s->err = err;
	if (err.code != LK_OK)
		flags |= err.code == LK_E_LIMIT ? FLAG_LARGE : FLAG_UNREAD;
	if (s->err.code == LK_OK)
		record_write(s, path, &disk, flags);
}

static bool
folder_enter(void *ctx, const char *path)
{
	struct scanning *s = ctx;

	return s->err.code == LK_OK &&
	    (path[0] == '\0' ||
		(path_flaw(BYTES_STR(path)) == NULL &&
		    !ignore_matches(&s->ignore, BYTES_STR(path), true)));
}

static void
closed_meet(void *ctx, const char *path)
{
	record_write(ctx, path, &(struct disk_file){ 0 }, FLAG_UNREAD);
}

static void
out_meet(void *ctx, const char *path, const struct file_id *id)
{
	(void)ctx;
	(void)path;
	(void)id;
}

static lk_err
head_write(struct scanning *s)
{
	BUF_SCOPED text = { .max = IGNORE_BYTES_MAX };
	struct disk_file disk;
	bool has =
	    folder_read(s->folder, IGNORE_FILE, s->now, &disk, &text).code ==
		LK_OK &&
	    disk.kind == DISK_FILE;

	if (!has || ignore_read(&s->ignore, buf_bytes(&text)).code != LK_OK)
		TRY(ignore_read(&s->ignore, BYTES(NULL, 0)));
	if (!has)
		buf_reset(&text);
	buf_u8(s->out, SCAN_VERSION);
	s->skipped_at = s->out->len;
	buf_u32(s->out, 0);
	buf_u8(s->out, has);
	buf_u32(s->out, (uint32_t)text.len);
	buf_add(s->out, buf_bytes(&text));
	return buf_err(s->out, "scan");
}

lk_err
scan_folder(struct buf *out, const struct folder *folder, struct wall now)
{
	struct scanning s = { .folder = folder, .now = now, .out = out };
	struct folder_walk walk = { .enter = folder_enter,
		.closed = closed_meet,
		.file = file_meet,
		.out = out_meet,
		.ctx = &s,
		.look_only = true };
	lk_err err = head_write(&s);

	if (err.code == LK_OK)
		err = folder_walk(folder, "", &walk);
	if (err.code == LK_OK)
		err = s.err;
	ignore_clear(&s.ignore);
	for (int i = 0; err.code == LK_OK && i < 4; i++)
		out->ptr[s.skipped_at + (size_t)i] =
		    (uint8_t)(s.skipped >> (24 - 8 * i));
	return err;
}
