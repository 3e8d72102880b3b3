/*
 * Objects are listed in the order of their whole names, in which "a-b" comes
 * before "a/c": a directory sorts as its name and a slash.  Of each directory
 * only the next few names are held, however many it has, and it is read again
 * for those behind them.
 */
#include "net/folder_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
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
	const char *prefix, *after;
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

/* Whether what could not be opened or looked at is gone meanwhile, or no
 * directory any more.  What is there and is not for us, or on a disk that
 * fails, is not lost: a list without it would say so.  Only who lists
 * everything does not ask for what others have shut there. */
static bool
is_passed_over(const struct walk *w, int error)
{
	if (error == EACCES || error == EPERM)
		return strlen(w->prefix) <= strlen(OBJECT_ROOT "/");
	return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

/* Of what `name` is, by errno. */
static lk_err
failed(const struct walk *w, const char *name, const char *what)
{
	int error = errno;

	snprintf(w->answer->why, sizeof(w->answer->why), "%s: %s", name,
	    strerror(error));
	return (lk_err){ error == EACCES || error == EPERM ? LK_E_DENIED
							   : LK_E_UNAVAILABLE,
		error, what };
}

/* The whole name of an entry; *wanted: it is an object's, or a directory's,
 * that is_wanted. */
static lk_err
name_make(struct name *out, const struct walk *w, int at, const char *base,
    const struct dirent *e, bool *wanted)
{
	bool file, directory = e->d_type == DT_DIR;
	size_t len;
	struct stat st;

	*wanted = false;
	(void)strlcpy(out->text, base, sizeof(out->text));
	len = strlcat(out->text, e->d_name, sizeof(out->text));
	if (len >= sizeof(out->text) || !object_name_is_valid(out->text))
		return LK_NONE;
	file = is_wanted(out->text, w->prefix, w->after);
	strlcat(out->text, "/", sizeof(out->text));
	*wanted = is_wanted(out->text, w->prefix, w->after);
	if (e->d_type == DT_UNKNOWN && (file || *wanted)) {
		if (fstatat(at, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			directory = S_ISDIR(st.st_mode);
		else if (!is_passed_over(w, errno))
			return failed(w, out->text, "look at a file");
	}
	if (!directory) {
		out->text[len] = '\0';
		*wanted = file;
	}
	return LK_NONE;
}

/* Reads a directory for the least names behind the last batch. */
static lk_err
batch_read(struct walk *w, struct batch *b, int at, const char *base)
{
	int copy = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy == -1 ? NULL : fdopendir(copy);
	struct dirent *e;
	struct name name;
	lk_err err = LK_NONE;
	bool wanted;

	if (d == NULL) {
		err = failed(w, base, "read a directory");
		if (copy != -1)
			close(copy);
		return err;
	}
	if (b->len > 0)
		b->last = b->names[b->len - 1];
	b->len = 0;
	b->cut = false;
	while (err.code == LK_OK && (errno = 0, e = readdir(d)) != NULL) {
		if (++w->looked_at > FOLDER_ENTRIES_MAX)
			err = LK_ERR(LK_E_UNAVAILABLE, "too many files");
		else
			err = name_make(&name, w, at, base, e, &wanted);
		if (err.code != LK_OK || !wanted ||
		    strcmp(name.text, b->last.text) <= 0)
			continue;
		b->names[b->len++] = name;
		if (b->len == 2 * BATCH)
			batch_order(b);
	}
	if (err.code == LK_OK && errno != 0)
		err = failed(w, base, "read a directory");
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
		return is_passed_over(w, errno)
		    ? LK_NONE
		    : failed(w, name, "look at a file");
	if (a->entries_len == OBJECT_LIST_MAX) {
		a->more = *full = true;
		return LK_NONE;
	}
	e = &a->entries[a->entries_len++];
	strlcpy(e->name, name, sizeof(e->name));
	e->strange = !S_ISREG(st.st_mode);
	if (e->strange)
		return LK_NONE;
	e->size = (uint64_t)st.st_size;
	if (st.st_mtim.tv_sec > 0 && st.st_mtim.tv_sec < INT64_MAX / 1000)
		e->time_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
		    st.st_mtim.tv_nsec / 1000000;
	return LK_NONE;
}

static lk_err directory_walk(
    struct walk *, int at, const char *base, bool *full);

static lk_err
batch_walk(struct walk *w, const struct batch *b, int at, bool *full)
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
		if (fd == -1 && is_passed_over(w, errno))
			continue;
		if (fd == -1)
			return failed(w, part, "open a directory");
		err = directory_walk(w, fd, name, full);
		close(fd);
		if (err.code != LK_OK)
			return err;
	}
	return LK_NONE;
}

/* As deep as names have parts: object_name_is_valid has refused the rest. */
static lk_err
directory_walk(struct walk *w, int at, const char *base, bool *full)
{
	struct batch b = { .names = calloc(2 * BATCH, sizeof(struct name)) };
	lk_err err;

	if (b.names == NULL)
		return LK_ERR(LK_E_NOMEM, "list");
	do {
		err = batch_read(w, &b, at, base);
		if (err.code == LK_OK)
			err = batch_walk(w, &b, at, full);
	} while (err.code == LK_OK && b.cut && !*full);
	free(b.names);
	return err;
}

lk_err
folder_list(int root, const struct object_request *r, struct object_answer *out)
{
	struct walk w = { .prefix = r->name,
		.after = r->after,
		.answer = out };
	bool full = false;

	out->entries = calloc(OBJECT_LIST_MAX, sizeof(*out->entries));
	if (out->entries == NULL)
		return LK_ERR(LK_E_NOMEM, "list");
	if (!is_wanted(OBJECT_ROOT "/", r->name, r->after))
		return LK_NONE;
	return directory_walk(&w, root, OBJECT_ROOT "/", &full);
}
