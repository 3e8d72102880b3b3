#include "store/closed.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inspect.h"

#define NOTE_MAGIC "LKCL\1"
#define NOTE_MAX 1024

static bool
note_path(char out[static PATH_MAX], const char *dir)
{
	int n = snprintf(out, PATH_MAX, "%s/" CLOSED_FILE, dir);

	return n > 0 && n < PATH_MAX;
}

static bool
note_make(struct buf *out, int data_fd)
{
	struct stat st;

	if (fstat(data_fd, &st) != 0)
		return false;
	buf_add(out, BYTES_STR(NOTE_MAGIC));
	buf_u64(out, (uint64_t)st.st_dev);
	buf_u64(out, (uint64_t)st.st_ino);
	buf_u64(out, (uint64_t)st.st_size);
	buf_u64(out, (uint64_t)st.st_mtim.tv_sec);
	buf_u64(out, (uint64_t)st.st_mtim.tv_nsec);
	buf_u64(out, (uint64_t)st.st_ctim.tv_sec);
	buf_u64(out, (uint64_t)st.st_ctim.tv_nsec);
	return file_metas(data_fd, out).code == LK_OK;
}

bool
closed_take(const char *dir, int data_fd)
{
	uint8_t found[NOTE_MAX];
	BUF_SCOPED now = { .max = NOTE_MAX };
	char path[PATH_MAX];
	ssize_t got;
	int fd;

	if (!note_path(path, dir))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return false;
	got = read(fd, found, sizeof(found));
	(void)close(fd);
	if (unlink(path) != 0 || got < 0 || !note_make(&now, data_fd))
		return false;
	return bytes_equal(BYTES(found, (size_t)got), buf_bytes(&now));
}

void
closed_leave(const char *dir, int data_fd)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	BUF_SCOPED note = { .max = NOTE_MAX };
	char path[PATH_MAX];
	struct stat st;
	bool whole;
	int fd;

	if (!note_path(path, dir) || fstat(data_fd, &st) != 0)
		return;
	times[1] = st.st_mtim;
	times[1].tv_sec--;
	if (futimens(data_fd, times) != 0 || !note_make(&note, data_fd))
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return;
	whole = write(fd, note.ptr, note.len) == (ssize_t)note.len;
	(void)close(fd);
	if (!whole)
		(void)unlink(path);
}
