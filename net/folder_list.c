/*
 * Objects are listed in the order of their whole names, in which "a-b" comes
 * before "a/c": a directory sorts as its name and a slash.  Of each directory
 * only the next few names are held, however many it has, and it is read again
 * for those behind them.
 */
#include "net/folder_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/folder.h"

/* Held of one directory; twice as many while it is read. */
#define BATCH (OBJECT_LIST_MAX + 24)

struct name {
	char text[OBJECT_NAME_MAX + 2]; /* from lk1 on; a directory ends in / */
};

struct walk {
	const char *prefix;
	struct object_answer *answer;
	size_t looked_at;
};

/* The next names of one directory, in order when it has been read. */
struct batch {
	struct name *names; /* 2 * BATCH */
	size_t len;
	bool cut;         /* there are others behind them */
	struct name last; /* of the batch before; "" */
};

static int
name_compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return strcmp(x->text, y->text);
}

static void
batch_order(struct batch *b)
{
	qsort(b->names, b->len, sizeof(*b->names), name_compare);
	if (b->len > BATCH) {
		b->len = BATCH;
		b->cut = true;
	}
}

static bool
starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* Whether it is, or may have below it, what begins so and is above `after`. */
static bool
is_wanted(const char *name, const char *prefix, const char *after)
{
	if (name[strlen(name) - 1] != '/')
		return starts_with(name, prefix) && strcmp(name, after) > 0;
	return (starts_with(name, prefix) || starts_with(prefix, name)) &&
	    (strcmp(name, after) > 0 || starts_with(after, name));
}

/* A directory at all; those that cannot be looked at are none. */
static bool
is_directory(int at, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(at, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

/* The whole name of an entry; false when it is no object's. */
static bool
name_make(struct name *out, const char *base, int at, const struct dirent *e)
{
	(void)strlcpy(out->text, base, sizeof(out->text));
	if (strlcat(out->text, e->d_name, sizeof(out->text)) >=
		sizeof(out->text) ||
	    !object_name_is_valid(out->text))
		return false;
	if (is_directory(at, e))
		strlcat(out->text, "/", sizeof(out->text));
	return true;
}

/* Whether what could not be opened or looked at is gone meanwhile, or not for
 * us.  A disk that fails has not lost what it does not show. */
static bool
is_passed_over(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP ||
	    error == EACCES || error == EPERM;
}

/* Reads a directory for the least names behind the last batch. */
static lk_err
batch_read(struct walk *w, struct batch *b, int at, const char *base,
    const char *after)
{
	int copy = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy == -1 ? NULL : fdopendir(copy);
	struct dirent *e;
	struct name name;
	lk_err err = LK_NONE;

	if (d == NULL) {
		if (copy != -1)
			close(copy);
		return (lk_err){ LK_E_UNAVAILABLE, errno, "read a directory" };
	}
	if (b->len > 0)
		b->last = b->names[b->len - 1];
	b->len = 0;
	b->cut = false;
	while ((errno = 0, e = readdir(d)) != NULL && err.code == LK_OK) {
		if (++w->looked_at > FOLDER_ENTRIES_MAX)
			err = LK_ERR(LK_E_UNAVAILABLE, "too many files");
		if (!name_make(&name, base, at, e) ||
		    !is_wanted(name.text, w->prefix, after) ||
		    strcmp(name.text, b->last.text) <= 0)
			continue;
		b->names[b->len++] = name;
		if (b->len == 2 * BATCH)
			batch_order(b);
	}
	if (e == NULL && errno != 0)
		err = (lk_err){ LK_E_UNAVAILABLE, errno, "read a directory" };
	closedir(d);
	batch_order(b);
	return err;
}

/* One file more; *full when that was one too many. */
static lk_err
entry_add(struct walk *w, int at, const char *name, bool *full)
{
	struct object_answer *a = w->answer;
	struct object_entry *e;
	const char *last = strrchr(name, '/');
	struct stat st;

	if (fstatat(at, last == NULL ? name : last + 1, &st,
		AT_SYMLINK_NOFOLLOW) == -1)
		return is_passed_over(errno)
		    ? LK_NONE
		    : (lk_err){ LK_E_UNAVAILABLE, errno, "look at a file" };
	if (!S_ISREG(st.st_mode))
		return LK_NONE;
	if (a->entries_len == OBJECT_LIST_MAX) {
		a->more = *full = true;
		return LK_NONE;
	}
	e = &a->entries[a->entries_len++];
	strlcpy(e->name, name, sizeof(e->name));
	e->size = (uint64_t)st.st_size;
	if (st.st_mtim.tv_sec > 0 && st.st_mtim.tv_sec < INT64_MAX / 1000)
		e->time_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
		    st.st_mtim.tv_nsec / 1000000;
	return LK_NONE;
}

static lk_err directory_walk(
    struct walk *, int at, const char *base, const char *after, bool *full);

static lk_err
batch_walk(struct walk *w, const struct batch *b, int at, const char *after,
    bool *full)
{
	for (size_t i = 0; i < b->len && !*full; i++) {
		char part[OBJECT_NAME_MAX + 2];
		const char *name = b->names[i].text, *last;
		size_t len = strlen(name);
		lk_err err;
		int fd;

		if (name[len - 1] != '/') {
			TRY(entry_add(w, at, name, full));
			continue;
		}
		strlcpy(part, name, sizeof(part));
		part[len - 1] = '\0';
		last = strrchr(part, '/');
		fd = openat(at, last == NULL ? part : last + 1,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1 && is_passed_over(errno))
			continue;
		if (fd == -1)
			return (lk_err){ LK_E_UNAVAILABLE, errno,
				"open a directory" };
		err = directory_walk(w, fd, name, after, full);
		close(fd);
		if (err.code != LK_OK)
			return err;
	}
	return LK_NONE;
}

/* As deep as names have parts: object_name_is_valid has refused the rest. */
static lk_err
directory_walk(
    struct walk *w, int at, const char *base, const char *after, bool *full)
{
	struct batch b = { .names = calloc(2 * BATCH, sizeof(struct name)) };
	lk_err err;

	if (b.names == NULL)
		return LK_ERR(LK_E_NOMEM, "list");
	do {
		err = batch_read(w, &b, at, base, after);
		if (err.code == LK_OK)
			err = batch_walk(w, &b, at, after, full);
	} while (err.code == LK_OK && b.cut && !*full);
	free(b.names);
	return err;
}

lk_err
folder_list(int root, const struct object_request *r, struct object_answer *out)
{
	struct walk w = { .prefix = r->name, .answer = out };
	bool full = false;

	out->entries = calloc(OBJECT_LIST_MAX, sizeof(*out->entries));
	if (out->entries == NULL)
		return LK_ERR(LK_E_NOMEM, "list");
	if (!is_wanted(OBJECT_ROOT "/", r->name, r->after))
		return LK_NONE;
	return directory_walk(&w, root, OBJECT_ROOT "/", r->after, &full);
}
