#include "cli/spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/home.h"
#include "base/object_stream.h"
#include "base/stream_folder.h"
#include "cli/file.h"

#define SNAP "lk1/backup/snap/"

void
spool_remove(struct spool *s)
{
	if (s->fd == -1)
		return;
	stream_folder_remove(s->folder, s->fd);
	s->fd = -1;
}

static int
folder_make(struct lk *lk, struct spool *s)
{
	char home[PATH_MAX];
	lk_err err = home_path(home);

	if (err.code == LK_OK)
		err = home_directory(home, 1);
	if (err.code != LK_OK)
		return lk_fail_err(lk, err, "LK_HOME", NULL);
	stream_folders_sweep(home);
	if (!stream_folder_make(home, s->folder, &s->fd))
		return lk_fail(lk, 73, "system", NULL, "%s: %s", s->folder,
		    strerror(errno));
	return 0;
}

static bool
hex_skip(const char **at, size_t digits)
{
	if (strspn(*at, "0123456789abcdef") < digits)
		return false;
	*at += digits;
	return true;
}

static bool
is_snapshot(const char *name)
{
	return strncmp(name, SNAP, strlen(SNAP)) == 0;
}

/* lk1/backup/data/NAME or lk1/backup/snap/TIME-NAME: everything else would be
 * passed over, and whatever is in a stream is needed. */
static bool
is_backups(const char *name)
{
	static const char data[] = "lk1/backup/data/";
	const char *at = name + strlen(data);

	if (is_snapshot(name))
		return hex_skip(&at, 12) && *at++ == '-' && hex_skip(&at, 64) &&
		    *at == '\0';
	return strncmp(name, data, strlen(data)) == 0 && hex_skip(&at, 64) &&
	    *at == '\0';
}

static int
stream_fail(struct lk *lk, lk_err err)
{
	if (err.code == LK_E_NOMEM)
		return lk_fail_memory(lk);
	if (err.code == LK_E_VERSION)
		return lk_fail(lk, 76, "version", "it needs a newer lk",
		    "standard input: %s", err.what);
	return lk_fail(lk, lk_exit_status(LK_E_CORRUPT), "damaged",
	    "nothing was done with it", "standard input: %s", err.what);
}

static int
object_keep(struct lk *lk, struct spool *s, const struct object_found *o)
{
	char path[PATH_MAX];

	if (s->snapshot)
		return stream_fail(lk,
		    LK_ERR(LK_E_MALFORMED, "an object behind the snapshot"));
	if (!is_backups(o->name))
		return stream_fail(lk,
		    LK_ERR(LK_E_MALFORMED, "what is no object of a backup"));
	if (snprintf(path, sizeof(path), "%s/%s", s->folder, o->name) >=
	    (int)sizeof(path))
		return lk_fail(lk, 73, "system", NULL,
		    "%s: the path is too "
		    "long",
		    s->folder);
	if (access(path, F_OK) == 0)
		return stream_fail(
		    lk, LK_ERR(LK_E_MALFORMED, "an object came twice"));
	s->snapshot = is_snapshot(o->name);
	return file_write_below(lk, s->folder, o->name, o->bytes);
}

/* What is there of it so far. */
static int
objects_keep(struct lk *lk, struct spool *s, struct object_stream *stream)
{
	struct object_found o;
	lk_err err;
	bool found;

	do {
		err = object_stream_next(stream, &o, &found);
		if (err.code != LK_OK)
			return stream_fail(lk, err);
		if (found)
			DO(object_keep(lk, s, &o));
	} while (found);
	return 0;
}

static int
stream_keep(struct lk *lk, struct spool *s, struct object_stream *stream)
{
	static uint8_t piece[OBJECT_STREAM_PIECE_MAX];
	lk_err err;
	ssize_t n;

	for (;;) {
		do
			n = read(STDIN_FILENO, piece, sizeof(piece));
		while (n == -1 && errno == EINTR);
		if (n == -1)
			return lk_fail(lk, 74, "system", NULL,
			    "standard input: %s", strerror(errno));
		if (n == 0)
			break;
		err = object_stream_feed(stream, BYTES(piece, (size_t)n));
		if (err.code != LK_OK)
			return stream_fail(lk, err);
		DO(objects_keep(lk, s, stream));
	}
	err = object_stream_end(stream);
	if (err.code == LK_OK && !s->snapshot)
		err = LK_ERR(LK_E_MALFORMED, "there is no snapshot in it");
	return err.code == LK_OK ? 0 : stream_fail(lk, err);
}

int
spool_read(struct lk *lk, struct spool *s)
{
	struct object_stream stream;
	int status;

	s->fd = -1;
	s->snapshot = false;
	if (isatty(STDIN_FILENO))
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "what lk backup create - has written is read there",
		    "backup: standard input is a terminal");
	DO(folder_make(lk, s));
	object_stream_init(&stream);
	status = stream_keep(lk, s, &stream);
	object_stream_clear(&stream);
	return status;
}
