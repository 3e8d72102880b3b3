#include "mirror/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"
#include "mirror/folder_path.h"

/* A writing within so long may leave the times of a file as they are. */
#define STAMP_RACE_NS (INT64_C(100) * 1000 * 1000)

lk_err
folder_error(const char *what)
{
	lk_err err = LK_SYS(what);

	switch (err.sys) {
	case EACCES:
	case EPERM:
	case EROFS:
		err.code = LK_E_DENIED;
		break;
	case ENOSPC:
	case EDQUOT:
		err.code = LK_E_FULL;
		break;
	case ENOENT:
	case ENOTDIR:
		err.code = LK_E_NOTFOUND;
		break;
	default:
		break;
	}
	return err;
}

/* The same one folder after the other, where the kernel is older than 5.6. */
static int
steps_open(const struct folder *f, const char *path, int flags)
{
	char copy[PATH_MAX], *rest = copy, *name;
	int at = f->fd, next = -1;
	struct stat st;

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	while ((name = strsep(&rest, "/")) != NULL) {
		int how = rest == NULL
		    ? flags
		    : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
		int saved;

		next = -1;
		errno = EXDEV;
		if (strcmp(name, "..") != 0)
			next = openat(at, name[0] == '\0' ? "." : name, how);
		saved = errno;
		if (at != f->fd)
			close(at);
		errno = saved;
		if (next == -1)
			return -1;
		if (fstat(next, &st) == -1 || st.st_dev != f->dev) {
			close(next);
			errno = EXDEV;
			return -1;
		}
		at = next;
	}
	return next;
}

lk_err
beneath_open(const struct folder *f, const char *path, int flags, int *fd)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW |
		    ((flags & O_PATH) == 0 ? O_LARGEFILE : 0)),
		.resolve =
		    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int opened = (int)syscall(SYS_openat2, f->fd,
	    path[0] == '\0' ? "." : path, &how, sizeof(how));

	if (opened == -1 && errno == ENOSYS)
		opened = steps_open(f, path, flags | O_CLOEXEC | O_NOFOLLOW);
	if (opened == -1)
		return folder_error("open");
	*fd = opened;
	return LK_NONE;
}

static bool
is_watchable(int fd)
{
	static const long without[] = { 0x6969 /* NFS */, 0x517b /* SMB */,
		(long)0xff534d42 /* CIFS */, (long)0xfe534d42 /* SMB2 */,
		0x65735546 /* FUSE */, 0x01021997 /* 9P */ };
	struct statfs fs;

	if (fstatfs(fd, &fs) == -1)
		return false;
	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++)
		if ((long)fs.f_type == without[i])
			return false;
	return true;
}

lk_err
folder_open(struct folder *out, const char *path)
{
	struct folder f = { .leases = true };
	struct stat st;
	lk_err err = LK_NONE;

	f.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f.fd == -1)
		return errno == ENOTDIR ? LK_ERR(LK_E_CONFIG, "no directory")
					: folder_error("open");
	if (fstat(f.fd, &st) == -1)
		err = LK_SYS("stat");
	else if (st.st_uid != geteuid())
		err = LK_ERR(LK_E_CONFIG, "it is another user's");
	else if (!is_watchable(f.fd))
		err = LK_ERR(
		    LK_E_CONFIG, "on a file system that tells of no changes");
	if (err.code != LK_OK) {
		close(f.fd);
		return err;
	}
	f.dev = st.st_dev;
	f.mode = st.st_mode;
	*out = f;
	return LK_NONE;
}

void
folder_close(struct folder *f)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
}

lk_err
folder_mark_read(const struct folder *f, uint8_t mark[static FOLDER_MARK_LEN])
{
	char text[2 * FOLDER_MARK_LEN + 1] = { 0 };
	ssize_t n;
	int fd;

	TRY(beneath_open(f, NAME_MARKER "/id", O_RDONLY, &fd));
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n == sizeof(text) - 1 && hex_decode(mark, FOLDER_MARK_LEN, text)
	    ? LK_NONE
	    : LK_ERR(LK_E_NOTFOUND, "no marker");
}

static bool
line_write(int dir, const char *name, const char *line)
{
	size_t len = strlen(line);
	int fd = openat(dir, name,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool done =
	    fd != -1 && write(fd, line, len) == (ssize_t)len && fsync(fd) == 0;

	if (fd != -1)
		close(fd);
	return done;
}

lk_err
folder_mark_write(
    const struct folder *f, const uint8_t mark[static FOLDER_MARK_LEN])
{
	char text[2 * FOLDER_MARK_LEN + 2] = { 0 };
	lk_err err = LK_NONE;
	int dir;

	hex_encode(text, BYTES(mark, FOLDER_MARK_LEN));
	text[2 * FOLDER_MARK_LEN] = '\n';
	if (mkdirat(f->fd, NAME_MARKER, 0700) == -1 && errno != EEXIST)
		return folder_error("make " NAME_MARKER);
	TRY(beneath_open(f, NAME_MARKER, O_RDONLY | O_DIRECTORY, &dir));
	if (!line_write(dir, ".gitignore", "*\n") ||
	    !line_write(dir, "id", text) || fsync(dir) == -1 ||
	    fsync(f->fd) == -1)
		err = folder_error("write " NAME_MARKER);
	close(dir);
	return err;
}

void
folder_mark_remove(const struct folder *f)
{
	(void)unlinkat(f->fd, NAME_MARKER "/id", 0);
	(void)unlinkat(f->fd, NAME_MARKER "/.gitignore", 0);
	(void)unlinkat(f->fd, NAME_MARKER, AT_REMOVEDIR);
}

bool
file_stamp_same(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->ctime_ns != 0 && a->ino == b->ino && a->size == b->size &&
	    a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static int64_t
nanoseconds(struct timespec ts)
{
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
disk_set(struct disk_file *out, const struct stat *st)
{
	*out = (struct disk_file){
		.kind = S_ISREG(st->st_mode) ? DISK_FILE
		    : S_ISDIR(st->st_mode)   ? DISK_FOLDER
					     : DISK_OTHER,
		.exec = (st->st_mode & S_IXUSR) != 0,
		.stamp = { st->st_ino, (uint64_t)st->st_size,
		    nanoseconds(st->st_mtim), nanoseconds(st->st_ctim) },
	};
}

bool
file_stamp_fd(int fd, struct file_stamp *out)
{
	struct disk_file disk;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return false;
	disk_set(&disk, &st);
	*out = disk.stamp;
	return true;
}

lk_err
folder_stat(const struct folder *f, const char *path, struct disk_file *out)
{
	struct stat st;
	lk_err err;
	int fd;

	*out = (struct disk_file){ .kind = DISK_ABSENT };
	err = beneath_open(f, path, O_PATH, &fd);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	/* A link, or behind one. */
	if (err.code == LK_E_SYS && (err.sys == ELOOP || err.sys == EXDEV)) {
		out->kind = DISK_OTHER;
		return LK_NONE;
	}
	TRY(err);
	if (fstat(fd, &st) == -1)
		err = LK_SYS("stat");
	else
		disk_set(out, &st);
	close(fd);
	return err;
}

/* Some more of a file.  LIMIT: it does not fit. */
static lk_err
some_read(int fd, struct buf *out, bool *end)
{
	uint8_t piece[16384];
	ssize_t n;

	do
		n = read(fd, piece, sizeof(piece));
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return LK_SYS("read");
	*end = n == 0;
	if ((size_t)n > out->max - out->len)
		return LK_ERR(LK_E_LIMIT, "too long");
	buf_mem(out, piece, (size_t)n);
	return buf_err(out, "read");
}

static lk_err
file_load(int fd, struct buf *out)
{
	bool end = false;

	while (!end)
		TRY(some_read(fd, out, &end));
	return LK_NONE;
}

static lk_err
file_take(int fd, struct wall now, struct disk_file *out, struct buf *content)
{
	struct stat before, after;
	size_t from = content->len;

	if (fstat(fd, &before) == -1)
		return LK_SYS("stat");
	disk_set(out, &before);
	if (out->kind != DISK_FILE)
		return LK_NONE;
	if (out->stamp.size > content->max - content->len)
		return LK_ERR(LK_E_LIMIT, "too long");
	/* What is recorded of it must not be ahead of the disk. */
	(void)fsync(fd);
	TRY(file_load(fd, content));
	if (fstat(fd, &after) == -1)
		return LK_SYS("stat");
	disk_set(out, &after);
	if (before.st_size != after.st_size ||
	    nanoseconds(before.st_mtim) != out->stamp.mtime_ns ||
	    nanoseconds(before.st_ctim) != out->stamp.ctime_ns ||
	    content->len - from != out->stamp.size)
		return LK_ERR(LK_E_AGAIN, "it is being written");
	file_digest(
	    out->digest, BYTES(content->ptr + from, content->len - from));
	if (now.ms * 1000000 - out->stamp.ctime_ns < STAMP_RACE_NS)
		out->stamp.ctime_ns = 0;
	return LK_NONE;
}

lk_err
folder_read(const struct folder *f, const char *path, struct wall now,
    struct disk_file *out, struct buf *content)
{
	lk_err err;
	int fd;

	TRY(folder_stat(f, path, out));
	if (out->kind != DISK_FILE)
		return LK_NONE;
	err = beneath_open(f, path, O_RDONLY | O_NONBLOCK, &fd);
	if (err.code == LK_E_NOTFOUND) {
		*out = (struct disk_file){ .kind = DISK_ABSENT };
		return LK_NONE;
	}
	TRY(err);
	err = file_take(fd, now, out, content);
	close(fd);
	return err;
}

static void
reading_open(struct folder_reading *r, int fd)
{
	*r = (struct folder_reading){ .fd = fd };
	buf_init(&r->window, 3 * PIECE_MAX);
}

lk_err
folder_read_begin(
    const struct folder *f, const char *path, struct folder_reading *r)
{
	struct disk_file disk;
	struct stat st;
	int fd = -1;

	reading_open(r, -1);
	TRY(folder_stat(f, path, &disk));
	if (disk.kind == DISK_FILE)
		TRY(beneath_open(f, path, O_RDONLY | O_NONBLOCK, &fd));
	reading_open(r, fd);
	r->disk = disk;
	r->sync = true;
	if (fd == -1)
		return LK_NONE;
	if (fstat(fd, &st) == -1)
		return LK_SYS("stat");
	disk_set(&r->disk, &st);
	if (r->disk.stamp.size > FILE_SIZE_MAX)
		return LK_ERR(LK_E_LIMIT, "over 4 GiB");
	return LK_NONE;
}

void
file_flush(int fd, uint64_t at, size_t len)
{
	uint64_t from = at > PIECE_MAX ? at - PIECE_MAX : 0;

	if (at > 0)
		(void)sync_file_range(fd, (off_t)from, (off_t)(at - from),
		    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
			SYNC_FILE_RANGE_WAIT_AFTER);
	(void)sync_file_range(fd, (off_t)at, (off_t)len, SYNC_FILE_RANGE_WRITE);
}

lk_err
folder_read_piece(struct folder_reading *r, struct bytes *piece)
{
	struct buf *w = &r->window;
	size_t n;

	if (r->at > PIECE_MAX) {
		memmove(w->ptr, w->ptr + r->at, w->len - r->at);
		w->len -= r->at;
		r->at = 0;
	}
	while (!r->end && w->len - r->at < PIECE_MAX)
		TRY(some_read(r->fd, w, &r->end));
	n = piece_cut(BYTES(w->ptr + r->at, w->len - r->at), r->end);
	*piece = BYTES(w->ptr + r->at, n);
	if (r->sync)
		file_flush(r->fd, r->read, n);
	r->at += n;
	r->read += n;
	return LK_NONE;
}

lk_err
folder_read_end(struct folder_reading *r, struct wall now)
{
	struct file_stamp before = r->disk.stamp;
	struct stat st;

	/* What is recorded of it must not be ahead of the disk. */
	(void)fsync(r->fd);
	if (fstat(r->fd, &st) == -1)
		return LK_SYS("stat");
	disk_set(&r->disk, &st);
	if (before.size != r->disk.stamp.size ||
	    before.mtime_ns != r->disk.stamp.mtime_ns ||
	    before.ctime_ns != r->disk.stamp.ctime_ns ||
	    r->read != r->disk.stamp.size)
		return LK_ERR(LK_E_AGAIN, "it is being written");
	if (now.ms * 1000000 - r->disk.stamp.ctime_ns < STAMP_RACE_NS)
		r->disk.stamp.ctime_ns = 0;
	return LK_NONE;
}

void
folder_read_stop(struct folder_reading *r)
{
	if (r->fd != -1)
		close(r->fd);
	r->fd = -1;
	buf_clear(&r->window);
}

lk_err
file_sum_fd(int fd, uint8_t out[static FILE_DIGEST_LEN])
{
	struct folder_reading r;
	struct file_sum sum;
	struct bytes piece;
	lk_err err;

	reading_open(&r, fd);
	file_sum_init(&sum);
	for (;;) {
		err = folder_read_piece(&r, &piece);
		if (err.code != LK_OK || piece.len == 0)
			break;
		file_sum_add(&sum, piece);
	}
	file_sum_final(&sum, out);
	buf_clear(&r.window);
	return err;
}

lk_err
folder_drop(const struct folder *f, const char *path)
{
	struct place p;
	lk_err err;

	TRY(place_open(f, path, false, &p));
	err = (unlinkat(p.dir, p.name, 0) == -1 && errno != ENOENT) ||
		fsync(p.dir) == -1
	    ? folder_error("remove")
	    : LK_NONE;
	place_close(&p);
	return err;
}

void
folder_proc_path(
    const struct folder *f, const char *path, char *out, size_t len)
{
	(void)snprintf(out, len, "/proc/self/fd/%d/%s", f->fd, path);
}

/* Walking. */

struct walk {
	const struct folder *folder;
	const struct folder_walk *calls;
	char path[PATH_BYTES_MAX + 2];
};

static lk_err walk_into(struct walk *, size_t len, unsigned depth);

/* Whose it is, from behind ".lk-out-". */
static bool
out_id_read(struct file_id *id, const char *rest)
{
	struct bytes digits = BYTES_STR(rest);

	if (digits.len < FILE_ID_LEN ||
	    (digits.len > FILE_ID_LEN && rest[FILE_ID_LEN] != '-'))
		return false;
	digits.len = FILE_ID_LEN;
	return file_id_read(id, digits);
}

static void
walk_ours(struct walk *w, size_t at)
{
	static const char out[] = NAME_OURS "out-", new[] = NAME_OURS "new-";
	const char *name = w->path + at;
	struct file_id id;

	if (strncmp(name, new, sizeof(new) - 1) == 0) {
		if (!w->calls->look_only &&
		    (w->calls->staged == NULL ||
			strcmp(name + sizeof(new) - 1, w->calls->staged->hex) !=
			    0))
			(void)folder_drop(w->folder, w->path).code;
	} else if (strncmp(name, out, sizeof(out) - 1) == 0 &&
	    out_id_read(&id, name + sizeof(out) - 1))
		w->calls->out(w->calls->ctx, w->path, &id);
}

static lk_err
walk_one(struct walk *w, int dir, const char *name, size_t len, unsigned depth)
{
	size_t at = len + (len > 0);
	struct disk_file file;
	struct stat st;
	size_t n = strlen(name);

	if (at + n > PATH_BYTES_MAX)
		return LK_NONE;
	if (len > 0)
		w->path[len] = '/';
	memcpy(w->path + at, name, n + 1);
	if (strncmp(name, NAME_OURS, strlen(NAME_OURS)) == 0) {
		walk_ours(w, at);
		return LK_NONE;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return LK_NONE;
	if (S_ISDIR(st.st_mode))
		return depth < PATH_DEPTH_MAX && st.st_dev == w->folder->dev
		    ? walk_into(w, at + n, depth + 1)
		    : LK_NONE;
	disk_set(&file, &st);
	w->calls->file(w->calls->ctx, w->path, &file);
	return LK_NONE;
}

static lk_err
walk_into(struct walk *w, size_t len, unsigned depth)
{
	struct dirent *e;
	lk_err err = LK_NONE;
	DIR *dir;
	int fd;

	w->path[len] = '\0';
	if (!w->calls->enter(w->calls->ctx, w->path))
		return LK_NONE;
	err = beneath_open(w->folder, w->path, O_RDONLY | O_DIRECTORY, &fd);
	if (err.code == LK_E_DENIED && len > 0) {
		w->calls->closed(w->calls->ctx, w->path);
		return LK_NONE;
	}
	TRY(err);
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return LK_SYS("read a folder");
	}
	errno = 0;
	while (err.code == LK_OK && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			err = walk_one(w, fd, e->d_name, len, depth);
		/* A folder that is gone meanwhile. */
		if (err.code == LK_E_NOTFOUND)
			err = LK_NONE;
		errno = 0;
	}
	if (err.code == LK_OK && errno != 0)
		err = LK_SYS("read a folder");
	closedir(dir);
	return err;
}

lk_err
folder_walk(
    const struct folder *f, const char *from, const struct folder_walk *calls)
{
	struct walk w = { .folder = f, .calls = calls };

	(void)strlcpy(w.path, from, sizeof(w.path));
	return walk_into(&w, strlen(w.path), 0);
}
