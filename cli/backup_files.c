/* lk backup restore --files: what the daemon gives, one file after the other.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/limits.h"
#include "cli/backup.h"
#include "cli/client.h"

struct taking {
	int dir;           /* the folder */
	bool made;         /* by this run */
	int fd;            /* the present file; -1: none, or not made */
	int64_t files;     /* that were made */
	json_object *lost; /* what could not be made: "file", "why" */
	int error;         /* errno of what ends it all; 0 */
};

/* A new folder, for nobody else, or one with nothing in it. */
static int
folder_open(struct lk *lk, const char *path, struct taking *t)
{
	struct dirent *e;
	size_t n = 0;
	DIR *dir;

	t->made = mkdir(path, 0700) == 0;
	if (!t->made && errno != EEXIST)
		return lk_fail(lk, 73, "system", NULL, "%s: %s", safe(path),
		    strerror(errno));
	dir = opendir(path);
	if (dir == NULL)
		return lk_fail(lk, 73, "system", NULL, "%s: %s", safe(path),
		    strerror(errno));
	while ((e = readdir(dir)) != NULL)
		n +=
		    strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	(void)closedir(dir);
	if (n > 0)
		return lk_fail(lk, 73, "exists",
		    "a folder that is new or empty: nothing is overwritten",
		    "%s: there is something in it", safe(path));
	t->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->dir != -1 ? 0
			    : lk_fail(lk, 73, "system", NULL, "%s: %s",
				  safe(path), strerror(errno));
}

static bool
is_part(const char *part, size_t len)
{
	return len > 0 && len <= NAME_MAX && !(len == 1 && part[0] == '.') &&
	    !(len == 2 && part[0] == '.' && part[1] == '.');
}

/* The folder of a file below the folder, which is not left: no link is
 * followed.  Its last part; -1: errno. */
static int
way_open(int dir, const char *path, char part[static NAME_MAX + 1])
{
	int at = dup(dir), next, error;
	size_t len;

	for (; at != -1; path += len + 1) {
		len = strcspn(path, "/");
		if (!is_part(path, len)) {
			(void)close(at);
			errno = EINVAL;
			return -1;
		}
		memcpy(part, path, len);
		part[len] = '\0';
		if (path[len] == '\0')
			break;
		if (mkdirat(at, part, 0777) == -1 && errno != EEXIST)
			next = -1;
		else
			next = openat(at, part,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		error = errno;
		(void)close(at);
		errno = error;
		at = next;
	}
	return at;
}

/* Nothing that is there is opened.  -1: errno. */
static int
file_make(int dir, const char *path, bool exec)
{
	char part[NAME_MAX + 1];
	int at = way_open(dir, path, part), fd, error;

	if (at == -1)
		return -1;
	fd = openat(at, part,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    exec ? 0777 : 0666);
	error = errno;
	(void)close(at);
	errno = error;
	return fd;
}

/* The present file, of which the rest is not there. */
static bool
file_drop(struct taking *t, const char *path)
{
	char part[NAME_MAX + 1];
	int at;

	if (t->fd == -1)
		return true;
	(void)close(t->fd);
	t->fd = -1;
	t->files--;
	at = way_open(t->dir, path, part);
	if (at == -1 || unlinkat(at, part, 0) == -1)
		t->error = errno;
	if (at != -1)
		(void)close(at);
	return t->error == 0;
}

static void
lost_add(struct taking *t, const char *path, int error)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "file", json_object_new_string(path));
	json_object_object_add(
	    o, "why", json_object_new_string(strerror(error)));
	json_object_array_add(t->lost, o);
}

static bool
file_end(struct taking *t)
{
	if (t->fd != -1 && close(t->fd) == -1)
		t->error = errno;
	t->fd = -1;
	return t->error == 0;
}

static bool
bytes_write(struct taking *t, struct bytes b)
{
	while (b.len > 0) {
		ssize_t n = write(t->fd, b.ptr, b.len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			t->error = errno;
			return false;
		}
		b = BYTES(b.ptr + n, b.len - (size_t)n);
	}
	return true;
}

/* Where a file cannot be made the others are all the same; a full disk ends
 * it. */
static bool
piece_take(void *ctx, json_object *event)
{
	struct taking *t = ctx;
	const char *path = field(event, "file");
	BUF_SCOPED piece = { .max = CONTROL_LINE_MAX };

	if (path[0] == '\0')
		return true;
	if (field_bool(event, "dropped"))
		return file_drop(t, path);
	if (field_bool(event, "first")) {
		if (!file_end(t))
			return false;
		t->fd = file_make(t->dir, path, field_bool(event, "exec"));
		if (t->fd == -1)
			lost_add(t, path, errno);
		else
			t->files++;
	}
	if (base64_decode(&piece, BYTES_STR(field(event, "data"))).code !=
	    LK_OK) {
		t->error = EPROTO;
		return false;
	}
	return t->fd == -1 || bytes_write(t, buf_bytes(&piece));
}

static void
list_print(struct output *o, json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *f = json_object_array_get_idx(list, i);

		printf("  %s%s%s: %s\n", style_on(o, STYLE_BAD),
		    safe(field(f, "file")), style_off(o),
		    safe(field(f, "why")));
	}
}

static void
files_render(struct output *o, json_object *result)
{
	long long files = field_int(result, "files"),
		  n = field_int(result, "documents");

	printf("%lld %s of %lld %s in %s, as of %s.\n", files,
	    files == 1 ? "file" : "files", n, n == 1 ? "document" : "documents",
	    safe(field(result, "folder")), field(result, "time"));
	list_print(o, field_list(result, "left_out"));
}

static int
files_said(
    struct lk *lk, json_object *result, struct taking *t, const char *folder)
{
	json_object *list = field_list(result, "left_out");
	int64_t lost = (int64_t)json_object_array_length(t->lost), left_out;

	left_out = field_int(result, "left_out_count") + lost;
	for (int64_t i = 0; i < lost; i++)
		json_object_array_add(list,
		    json_object_get(
			json_object_array_get_idx(t->lost, (size_t)i)));
	json_object_object_add(
	    result, "folder", json_object_new_string(folder));
	json_object_object_add(
	    result, "left_out_count", json_object_new_int64(left_out));
	json_object_object_add(
	    result, "files", json_object_new_int64(t->files));
	output_result(
	    &lk->output, "backup", result, lk->quiet ? NULL : files_render);
	if (left_out == 0 && field_int(result, "refused") == 0 &&
	    json_object_array_length(field_list(result, "damaged")) == 0)
		return 0;
	return lk_fail(lk, EXIT_PARTLY, "damaged",
	    "lk backup check names what is damaged",
	    "%s: not all of the backup is there: %lld files left out, %lld "
	    "changes lack what they rest on",
	    safe(folder), (long long)left_out,
	    (long long)field_int(result, "refused"));
}

int
backup_files(struct lk *lk, json_object *params, const char *folder)
{
	JSON_SCOPED *owned = params, *result = NULL, *lost = NULL;
	struct taking t = { .fd = -1 };
	int status;

	DO(folder_open(lk, folder, &t));
	lost = t.lost = json_object_new_array();
	status = lk_call_each(lk, "backup.files", json_object_get(owned),
	    (struct events){ piece_take, &t }, &result);
	(void)file_end(&t);
	(void)close(t.dir);
	/* One that nothing came into. */
	if (t.made && (status != 0 || result == NULL))
		(void)rmdir(folder);
	if (status != 0)
		return status;
	if (t.error != 0 || result == NULL)
		return lk_fail(lk, 74, "system", "what is there is not all",
		    "%s: %s", safe(folder),
		    strerror(t.error != 0 ? t.error : EPROTO));
	return files_said(lk, result, &t, folder);
}
