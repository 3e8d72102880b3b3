#include "net/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/random.h"
#include "net/folder_list.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define TEMPORARY_LEN 17 /* "~" and 16 digits */
#define TEMPORARY_STALE_S 3600
#define TEMPORARIES_LOOKED_AT 4096
#define PERMISSIONS 0777
#define PERMISSIONS_FILE 0666

/* What an errno means for whoever asked. */
static lk_err
errno_err(const char *what)
{
	switch (errno) {
	case ENOENT:
		return LK_ERR(LK_E_NOTFOUND, what);
	case EACCES:
	case EPERM:
	case EROFS:
		return (lk_err){ LK_E_DENIED, errno, what };
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return (lk_err){ LK_E_FULL, errno, what };
	case ENOMEM:
		return LK_ERR(LK_E_NOMEM, what);
	default:
		return (lk_err){ LK_E_UNAVAILABLE, errno, what };
	}
}

/* Some file systems do not sync directories, and do not need to. */
static lk_err
directory_sync(int fd)
{
	if (fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ||
	    errno == EBADF)
		return LK_NONE;
	return errno_err("sync the directory");
}

/* The descriptor of DIR/lk1. */
static lk_err
root_open(int *out, const char *dir)
{
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;
	lk_err err = LK_NONE;

	if (at == -1)
		return errno_err("the directory");
	fd = openat(at, OBJECT_ROOT, OPEN_DIR);
	if (fd == -1)
		err = errno_err(OBJECT_ROOT);
	close(at);
	if (fd != -1)
		*out = fd;
	return err;
}

/* A directory below, made with the permissions of the first when it may be. */
static lk_err
step_down(int *fd, const char *name, bool make)
{
	struct stat st;
	int next = openat(*fd, name, OPEN_DIR);

	if (next == -1 && errno == ENOENT && make) {
		if (fstat(*fd, &st) == -1)
			return errno_err("look at the directory");
		if (mkdirat(*fd, name, st.st_mode & PERMISSIONS) == -1 &&
		    errno != EEXIST)
			return errno_err("make a directory");
		/* Where permissions cannot be set they are as they are. */
		(void)fchmodat(*fd, name, st.st_mode & PERMISSIONS, 0);
		TRY(directory_sync(*fd));
		next = openat(*fd, name, OPEN_DIR);
	}
	/* A link or a file in the way is no object's directory. */
	if (next == -1 && (errno == ELOOP || errno == ENOTDIR) && !make)
		errno = ENOENT;
	if (next == -1)
		return errno_err("open a directory");
	close(*fd);
	*fd = next;
	return LK_NONE;
}

/* From the root to the directory an object is in, and its name there; *fd goes
 * as far as that comes. */
static lk_err
parent_open(
    int *fd, const char **last, const struct object_request *r, bool make)
{
	char part[OBJECT_NAME_MAX + 1];
	const char *name = r->name + strlen(OBJECT_ROOT "/"), *slash;

	while ((slash = strchr(name, '/')) != NULL) {
		size_t len = (size_t)(slash - name);

		memcpy(part, name, len);
		part[len] = '\0';
		TRY(step_down(fd, part, make));
		name = slash + 1;
	}
	*last = name;
	return LK_NONE;
}

static lk_err
file_read(struct buf *out, int fd, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return errno_err("look at the file");
	if (!S_ISREG(st.st_mode))
		return LK_ERR(LK_E_NOTFOUND, "no plain file");
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return LK_ERR(LK_E_LIMIT, "longer than asked for");
	buf_init(out, max);
	if (st.st_size == 0)
		return LK_NONE;
	/* It may shrink meanwhile; what it grows by is not read. */
	if (buf_extend(out, (size_t)st.st_size) == NULL)
		return buf_err(out, "read the file");
	out->len = 0;
	while (out->len < (size_t)st.st_size) {
		ssize_t n = read(
		    fd, out->ptr + out->len, (size_t)st.st_size - out->len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno_err("read the file");
		if (n == 0)
			break;
		out->len += (size_t)n;
	}
	return LK_NONE;
}

static lk_err
object_get(int at, const char *name, size_t max, struct buf *out)
{
	BUF_SCOPED bytes = { 0 };
	/* NONBLOCK: a named pipe would make us wait for a writer. */
	int fd =
	    openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	lk_err err;

	if (fd == -1) {
		if (errno == ELOOP || errno == ENXIO || errno == ENOTDIR)
			errno = ENOENT;
		return errno_err("open the file");
	}
	err = file_read(&bytes, fd, max);
	close(fd);
	if (err.code != LK_OK)
		return err;
	*out = bytes;
	bytes = (struct buf){ 0 };
	return LK_NONE;
}

static bool
is_temporary(const char *name)
{
	return name[0] == '~' && strlen(name) == TEMPORARY_LEN &&
	    strspn(name + 1, "0123456789abcdef") == TEMPORARY_LEN - 1;
}

/* Removes what a writer left that did not come to its end. */
static void
temporaries_remove(int at)
{
	int copy = openat(at, ".", OPEN_DIR);
	DIR *d = copy == -1 ? NULL : fdopendir(copy);
	struct dirent *e;
	struct stat st;
	time_t now = time(NULL);

	if (d == NULL) {
		if (copy != -1)
			close(copy);
		return;
	}
	for (size_t n = 0; n < TEMPORARIES_LOOKED_AT && (e = readdir(d)); n++)
		if (is_temporary(e->d_name) &&
		    fstatat(at, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) &&
		    (st.st_mtime < now - TEMPORARY_STALE_S ||
			st.st_mtime > now + TEMPORARY_STALE_S))
			(void)unlinkat(at, e->d_name, 0);
	closedir(d);
}

static lk_err
bytes_write(int fd, struct bytes b)
{
	while (b.len > 0) {
		ssize_t n = write(fd, b.ptr, b.len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno_err("write the file");
		b.ptr += n;
		b.len -= (size_t)n;
	}
	return LK_NONE;
}

static lk_err
temporary_fill(int at, const char *temporary, struct bytes b)
{
	struct stat st;
	lk_err err;
	int fd;

	if (fstat(at, &st) == -1)
		return errno_err("look at the directory");
	fd = openat(at, temporary,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    st.st_mode & PERMISSIONS_FILE);
	if (fd == -1)
		return errno_err("make a file");
	/* Who may read the directory may read what is in it. */
	(void)fchmod(fd, st.st_mode & PERMISSIONS_FILE);
	err = bytes_write(fd, b);
	if (err.code == LK_OK && fsync(fd) == -1)
		err = errno_err("sync the file");
	if (close(fd) == -1 && err.code == LK_OK)
		err = errno_err("close the file");
	return err;
}

static lk_err
object_put(int at, const char *name, struct bytes b)
{
	char temporary[TEMPORARY_LEN + 1];
	struct random random = random_system();
	lk_err err;

	temporaries_remove(at);
	snprintf(
	    temporary, sizeof(temporary), "~%016" PRIx64, random_u64(&random));
	err = temporary_fill(at, temporary, b);
	if (err.code == LK_OK && renameat(at, temporary, at, name) == -1)
		err = errno_err("rename the file");
	if (err.code == LK_OK)
		return directory_sync(at);
	(void)unlinkat(at, temporary, 0);
	return err;
}

static lk_err
object_delete(int at, const char *name)
{
	if (unlinkat(at, name, 0) == -1) {
		if (errno == EISDIR)
			return LK_NONE;
		/* As a bucket does, it refuses before it has looked. */
		if (errno != ENOENT ||
		    (faccessat(at, ".", W_OK, AT_EACCESS) == -1 &&
			(errno == EACCES || errno == EROFS)))
			return errno_err("remove the file");
		return LK_NONE;
	}
	return directory_sync(at);
}

/* GET, PUT and DELETE; *at is the root, and then some directory. */
static lk_err
object_do(int *at, const struct object_request *r, struct buf *got)
{
	const char *name;
	lk_err err = parent_open(at, &name, r, r->op == OBJECT_PUT);

	if (err.code == LK_E_NOTFOUND && r->op == OBJECT_DELETE)
		return LK_NONE;
	TRY(err);
	if (r->op == OBJECT_PUT)
		return object_put(*at, name, buf_bytes(&r->bytes));
	if (r->op == OBJECT_GET)
		return object_get(*at, name, r->max, got);
	return object_delete(*at, name);
}

void
folder_do(const char *dir, const struct object_request *r,
    struct object_answer *answer)
{
	int at = -1;
	lk_err err;

	*answer = (struct object_answer){ .remote = r->remote,
		.request = r->request };
	err = object_request_check(r);
	if (err.code == LK_OK)
		err = root_open(&at, dir);
	if (err.code == LK_E_NOTFOUND) {
		err = LK_ERR(LK_E_UNAVAILABLE, "folder");
		strlcpy(answer->why,
		    "no directory " OBJECT_ROOT " in it: not mounted?",
		    sizeof(answer->why));
	}
	if (err.code == LK_OK && r->op == OBJECT_LIST)
		err = folder_list(at, r, answer);
	else if (err.code == LK_OK)
		err = object_do(&at, r, &answer->bytes);
	if (at != -1)
		close(at);
	answer->err = err;
	if (err.code != LK_OK && err.sys != 0 && answer->why[0] == '\0')
		snprintf(answer->why, sizeof(answer->why), "%s: %s", err.what,
		    strerror(err.sys));
}
