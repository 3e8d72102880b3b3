#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mirror/folder_path.h"

/* How often somebody may save between two exchanges before it is left alone. */
#define ROUNDS_MAX 8
/* Of a digest, in the name of what it was exchanged for. */
#define NAME_DIGEST 8
#define NAME_BYTES (FILE_ID_LEN + 2 * NAME_DIGEST + 16)

/* What was there a moment ago and is not is no answer to a write. */
static lk_err
write_error(const char *what)
{
	lk_err err = folder_error(what);

	if (err.code == LK_E_NOTFOUND)
		err.code = LK_E_SYS;
	return err;
}

static lk_err
parent_make(const struct folder *f, char *path, size_t len)
{
	struct stat st;
	size_t cut = len;
	lk_err err;
	int dir;

	while (cut > 0 && path[cut - 1] != '/')
		cut--;
	path[len] = '\0';
	if (cut > 0)
		path[cut - 1] = '\0';
	err =
	    beneath_open(f, cut > 0 ? path : "", O_RDONLY | O_DIRECTORY, &dir);
	if (cut > 0)
		path[cut - 1] = '/';
	TRY(err);
	if (fstat(dir, &st) == -1)
		err = LK_SYS("stat");
	else if (mkdirat(dir, path + cut, 0700) == 0)
		err = fchmodat(dir, path + cut, st.st_mode & 0777, 0) == -1 ||
			fsync(dir) == -1
		    ? write_error("make a folder")
		    : LK_NONE;
	else if (errno != EEXIST)
		err = write_error("make a folder");
	close(dir);
	return err;
}

lk_err
place_open(
    const struct folder *f, const char *path, bool make, struct place *out)
{
	char parent[PATH_BYTES_MAX + 1];
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);
	lk_err err;

	LK_ASSERT(len < sizeof(parent));
	memcpy(parent, path, len);
	parent[len] = '\0';
	for (size_t i = 1; make && i <= len; i++)
		if (path[i] == '/') {
			TRY(parent_make(f, parent, i));
			memcpy(parent, path, len);
			parent[len] = '\0';
		}
	err = beneath_open(f, parent, O_RDONLY | O_DIRECTORY, &out->dir);
	out->name = slash == NULL ? path : slash + 1;
	return err;
}

void
place_close(struct place *p)
{
	close(p->dir);
}

struct names {
	char new[NAME_BYTES], out[NAME_BYTES];
};

/* `put`: the digest of what goes in, or NULL. */
static struct names
names_of(const struct file_id *id, const uint8_t *put)
{
	char hex[2 * NAME_DIGEST + 1] = "";
	struct names n;

	if (put != NULL)
		hex_encode(hex, BYTES(put, NAME_DIGEST));
	(void)snprintf(n.new, sizeof(n.new), NAME_OURS "new-%s", id->hex);
	(void)snprintf(n.out, sizeof(n.out), NAME_OURS "out-%s%s%s", id->hex,
	    put != NULL ? "-" : "", hex);
	return n;
}

bool
folder_out_is_new(
    const char *path, const uint8_t digest[static FILE_DIGEST_LEN])
{
	char hex[2 * NAME_DIGEST + 1];
	size_t len = strlen(path);

	hex_encode(hex, BYTES(digest, NAME_DIGEST));
	return len > sizeof(hex) && path[len - sizeof(hex)] == '-' &&
	    strcmp(path + len - sizeof(hex) + 1, hex) == 0;
}

static bool
write_all(int fd, struct bytes b)
{
	while (b.len > 0) {
		ssize_t n = write(fd, b.ptr, b.len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		b = BYTES(b.ptr + n, b.len - (size_t)n);
	}
	return true;
}

/* Writes a file beside the others, with this mode; one that was staged is there
 * already. */
static lk_err
new_write(int dir, const char *name, const struct folder_put *put, mode_t mode)
{
	lk_err err = LK_NONE;
	int make = put->staged == NULL ? O_CREAT | O_TRUNC : 0;
	int fd =
	    openat(dir, name, O_WRONLY | make | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1)
		return errno == ENOENT ? LK_ERR(LK_E_NOTFOUND, "staged")
				       : write_error("write");
	if ((put->staged == NULL && !write_all(fd, put->content)) ||
	    fchmod(fd, mode) == -1 || fsync(fd) == -1)
		err = write_error("write");
	close(fd);
	if (err.code != LK_OK)
		(void)unlinkat(dir, name, 0);
	return err;
}

static mode_t
mode_exec(mode_t mode, bool exec)
{
	return exec ? mode | ((mode & 0444) >> 2) : mode & ~(mode_t)0111;
}

/* What is in a file now; false when it cannot be told. */
static bool
digest_at(int dir, const char *name, uint8_t out[static FILE_DIGEST_LEN])
{
	int fd =
	    openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool read = fd != -1 && file_sum_fd(fd, out).code == LK_OK;

	if (fd != -1)
		close(fd);
	return read;
}

/* A file that is to go, held so that nobody can begin to write into it. */
struct target {
	int fd;
	bool leased;
	mode_t mode;
	ino_t ino;
};

static bool
target_is_known(const struct target *t, const struct file_stamp *known)
{
	struct file_stamp now;

	return known != NULL && file_stamp_fd(t->fd, &now) &&
	    file_stamp_same(known, &now);
}

static lk_err
target_hold(const struct folder *f, const struct place *p,
    const struct folder_put *put, struct target *t,
    enum folder_outcome *outcome)
{
	uint8_t digest[FILE_DIGEST_LEN];
	struct stat st;

	*outcome = FOLDER_CHANGED;
	t->fd = openat(
	    p->dir, p->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (t->fd == -1)
		return errno == ENOENT || errno == ELOOP ? LK_NONE
							 : write_error("open");
	if (fstat(t->fd, &st) == -1 || !S_ISREG(st.st_mode))
		return LK_NONE;
	/* Whose content it was might have been s; this one is somebody else's.
	 */
	t->mode = st.st_mode & 0777;
	t->ino = st.st_ino;
	t->leased = f->leases && fcntl(t->fd, F_SETLEASE, F_RDLCK) == 0;
	if (!t->leased && f->leases && errno == EAGAIN) {
		*outcome = FOLDER_BUSY;
		return LK_NONE;
	}
	if (target_is_known(t, put->stamp) ||
	    (file_sum_fd(t->fd, digest).code == LK_OK &&
		memcmp(digest, put->expected, sizeof(digest)) == 0))
		*outcome = FOLDER_DONE;
	return LK_NONE;
}

static void
target_free(struct target *t)
{
	if (t->fd != -1)
		close(t->fd);
}

/* Whether somebody waits to write into what is held. */
static bool
target_wanted(const struct target *t)
{
	return t->leased && fcntl(t->fd, F_GETLEASE) != F_RDLCK;
}

/* What came out; zeros when it cannot be told.  A file that was held all the
 * time is what it was. */
static void
came_out(const struct place *p, const char *out, const struct target *t,
    const uint8_t *expected, uint8_t came[static FILE_DIGEST_LEN])
{
	struct stat st;

	if (t->leased && !target_wanted(t) &&
	    fstatat(p->dir, out, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == t->ino) {
		memcpy(came, expected, FILE_DIGEST_LEN);
		return;
	}
	if (!digest_at(p->dir, out, came))
		memset(came, 0, FILE_DIGEST_LEN);
}

/*
 * Exchanges `out` and the file until what comes out is what was there before:
 * `put` is what lies in `out`, `expected` what should come.  When something
 * else does, somebody saved in between, and that goes back in.  What in the end
 * is neither of the two was saved and replaced meanwhile: it stays.
 */
static lk_err
exchange(const struct place *p, const char *out, const struct target *t,
    const uint8_t *expected, const uint8_t *put, enum folder_outcome *outcome)
{
	uint8_t want[FILE_DIGEST_LEN], mine[FILE_DIGEST_LEN];
	uint8_t came[FILE_DIGEST_LEN];
	bool known = true;

	memcpy(want, expected, sizeof(want));
	memcpy(mine, put, sizeof(mine));
	*outcome = FOLDER_DONE;
	for (int i = 0; i < ROUNDS_MAX; i++) {
		if (renameat2(p->dir, out, p->dir, p->name, RENAME_EXCHANGE) ==
		    -1)
			return write_error("exchange");
		came_out(p, out, t, expected, came);
		known = memcmp(came, expected, sizeof(came)) == 0 ||
		    memcmp(came, put, sizeof(came)) == 0;
		if (memcmp(came, want, sizeof(want)) == 0 &&
		    (*outcome != FOLDER_DONE || !target_wanted(t)))
			break;
		*outcome = FOLDER_CHANGED;
		memcpy(want, mine, sizeof(want));
		memcpy(mine, came, sizeof(mine));
	}
	if (!known)
		*outcome = FOLDER_LEFT;
	return LK_NONE;
}

static bool
is_there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What is in .lk-new- goes in.  It is put beside first under the name that says
 * so, where nothing must be: it would be lost. */
static lk_err
put_in(const struct place *p, const struct names *n, const struct target *t,
    const uint8_t *expected, const uint8_t *put, enum folder_outcome *outcome)
{
	if (renameat2(p->dir, n->new, p->dir, n->out, RENAME_NOREPLACE) == -1)
		return write_error("rename");
	TRY(exchange(p, n->out, t, expected, put, outcome));
	if (*outcome != FOLDER_LEFT && unlinkat(p->dir, n->out, 0) == -1)
		return write_error("remove");
	return LK_NONE;
}

static lk_err
replace(const struct folder *f, const struct place *p,
    const struct folder_put *put, enum folder_outcome *outcome)
{
	struct target t = { .fd = -1 };
	uint8_t digest[FILE_DIGEST_LEN];
	struct names n;
	lk_err err = target_hold(f, p, put, &t, outcome);

	if (put->staged == NULL)
		file_digest(digest, put->content);
	else
		memcpy(digest, put->staged, sizeof(digest));
	n = names_of(put->id, digest);
	if (err.code == LK_OK && *outcome == FOLDER_DONE &&
	    is_there(p->dir, n.out))
		*outcome = FOLDER_LEFT;
	if (err.code == LK_OK && *outcome == FOLDER_DONE) {
		err =
		    new_write(p->dir, n.new, put, mode_exec(t.mode, put->exec));
		if (err.code == LK_OK)
			err = put_in(p, &n, &t, put->expected, digest, outcome);
		(void)fsync(p->dir);
	}
	target_free(&t);
	return err;
}

static lk_err
create(const struct folder *f, const struct place *p,
    const struct folder_put *put, enum folder_outcome *outcome)
{
	struct names n = names_of(put->id, NULL);

	TRY(new_write(
	    p->dir, n.new, put, mode_exec(f->mode & 0666, put->exec)));
	*outcome = FOLDER_DONE;
	if (renameat2(p->dir, n.new, p->dir, p->name, RENAME_NOREPLACE) == -1) {
		lk_err err = errno == EEXIST ? LK_NONE : write_error("rename");

		(void)unlinkat(p->dir, n.new, 0);
		*outcome = FOLDER_CHANGED;
		return err;
	}
	return fsync(p->dir) == -1 ? write_error("write") : LK_NONE;
}

/* The place to put it; made for a new file. */
static lk_err
put_place(const struct folder *f, const struct folder_put *put, struct place *p)
{
	lk_err err = place_open(f, put->path, put->expected == NULL, p);

	return err.code == LK_E_NOTFOUND && put->expected == NULL
	    ? LK_ERR(
		  LK_E_DENIED, "something else is where its folder should be")
	    : err;
}

static lk_err
part_write(int fd, const struct folder_put *put, uint64_t at, struct bytes part)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return LK_SYS("stat");
	if ((uint64_t)st.st_size != at)
		return LK_ERR(LK_E_NOTFOUND, "staged");
	if (at == 0 &&
	    fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)put->size) == -1 &&
	    errno != EOPNOTSUPP)
		return write_error("write");
	if (!write_all(fd, part))
		return write_error("write");
	file_flush(fd, at, part.len);
	return LK_NONE;
}

lk_err
folder_stage(const struct folder *f, const struct folder_put *put, uint64_t at,
    struct bytes part)
{
	struct names n = names_of(put->id, NULL);
	int make = at == 0 ? O_CREAT | O_TRUNC : 0;
	struct place p;
	lk_err err;
	int fd;

	TRY(put_place(f, put, &p));
	fd = openat(p.dir, n.new,
	    O_WRONLY | O_APPEND | make | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1) {
		err = part_write(fd, put, at, part);
		close(fd);
	} else
		err = errno == ENOENT ? LK_ERR(LK_E_NOTFOUND, "staged")
				      : write_error("write");
	if (err.code != LK_OK)
		(void)unlinkat(p.dir, n.new, 0);
	place_close(&p);
	return err;
}

void
folder_unstage(
    const struct folder *f, const char *path, const struct file_id *id)
{
	struct names n = names_of(id, NULL);
	struct place p;

	if (place_open(f, path, false, &p).code != LK_OK)
		return;
	(void)unlinkat(p.dir, n.new, 0);
	place_close(&p);
}

bool
folder_is_busy(const struct folder *f, const char *path)
{
	bool busy = false;
	int fd;

	if (!f->leases ||
	    beneath_open(f, path, O_RDONLY | O_NONBLOCK, &fd).code != LK_OK)
		return false;
	busy = fcntl(fd, F_SETLEASE, F_RDLCK) == -1 && errno == EAGAIN;
	close(fd);
	return busy;
}

lk_err
folder_write(const struct folder *f, const struct folder_put *put,
    enum folder_outcome *outcome)
{
	struct place p;
	lk_err err = put_place(f, put, &p);

	if (err.code == LK_E_NOTFOUND) {
		*outcome = FOLDER_CHANGED;
		return LK_NONE;
	}
	TRY(err);
	err = put->expected == NULL ? create(f, &p, put, outcome)
				    : replace(f, &p, put, outcome);
	place_close(&p);
	return err;
}

/* The folders that a path was in, from the innermost on, as long as they are
 * empty. */
static void
parents_remove(const struct folder *f, const char *path)
{
	char parent[PATH_BYTES_MAX + 1];
	char *slash;

	(void)strlcpy(parent, path, sizeof(parent));
	while ((slash = strrchr(parent, '/')) != NULL) {
		struct place p;
		int failed;

		*slash = '\0';
		if (place_open(f, parent, false, &p).code != LK_OK)
			return;
		failed = unlinkat(p.dir, p.name, AT_REMOVEDIR);
		place_close(&p);
		if (failed == -1)
			return;
	}
}

/* What was taken away is removed, or put back if it is not what it should be.
 */
static void
taken_look(const struct place *p, const char *out, const struct target *t,
    const uint8_t *expected, enum folder_outcome *outcome)
{
	uint8_t came[FILE_DIGEST_LEN];

	came_out(p, out, t, expected, came);
	if (memcmp(came, expected, sizeof(came)) == 0 && !target_wanted(t)) {
		(void)unlinkat(p->dir, out, 0);
		return;
	}
	*outcome = FOLDER_CHANGED;
	if (renameat2(p->dir, out, p->dir, p->name, RENAME_NOREPLACE) == -1)
		*outcome = FOLDER_LEFT;
}

static lk_err
take_away(const struct folder *f, const struct place *p,
    const struct folder_put *put, enum folder_outcome *outcome)
{
	struct names n = names_of(put->id, NULL);
	struct target t = { .fd = -1 };
	lk_err err = target_hold(f, p, put, &t, outcome);

	if (err.code == LK_OK && *outcome == FOLDER_DONE) {
		if (renameat2(
			p->dir, p->name, p->dir, n.out, RENAME_NOREPLACE) == 0)
			taken_look(p, n.out, &t, put->expected, outcome);
		else if (errno == EEXIST)
			*outcome = FOLDER_LEFT;
		else
			err = write_error("rename");
		(void)fsync(p->dir);
	}
	target_free(&t);
	return err;
}

lk_err
folder_remove(const struct folder *f, const struct folder_put *put,
    enum folder_outcome *outcome)
{
	struct place p;
	lk_err err = place_open(f, put->path, false, &p);

	*outcome = FOLDER_DONE;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	err = take_away(f, &p, put, outcome);
	place_close(&p);
	if (err.code == LK_OK && *outcome == FOLDER_DONE)
		parents_remove(f, put->path);
	return err;
}

lk_err
folder_rename(const struct folder *f, const char *from, const char *to,
    enum folder_outcome *outcome)
{
	struct place a, b;
	lk_err err = place_open(f, from, false, &a);

	*outcome = FOLDER_CHANGED;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	err = place_open(f, to, true, &b);
	if (err.code == LK_OK) {
		if (renameat2(a.dir, a.name, b.dir, b.name, RENAME_NOREPLACE) ==
		    0) {
			*outcome = FOLDER_DONE;
			if (fsync(b.dir) == -1 || fsync(a.dir) == -1)
				err = write_error("rename");
		} else if (errno != EEXIST && errno != ENOENT)
			err = write_error("rename");
		place_close(&b);
	}
	place_close(&a);
	if (err.code == LK_OK && *outcome == FOLDER_DONE)
		parents_remove(f, from);
	return err;
}
