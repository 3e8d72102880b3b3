#include "mirror/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/tree.h>
#include <unistd.h>

#define MASK                                                              \
	(IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | \
	    IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | \
	    IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK)

struct watched {
	RB_ENTRY(watched) link;
	int wd;
	uint32_t tag;
	char *path;
};

static int
watched_compare(const struct watched *a, const struct watched *b)
{
	return (a->wd > b->wd) - (a->wd < b->wd);
}

RB_HEAD(watched_tree, watched);
RB_PROTOTYPE(watched_tree, watched, link, watched_compare)
RB_GENERATE(watched_tree, watched, link, watched_compare)

struct watch {
	int fd;
	struct watched_tree all;
};

lk_err
watch_open(struct watch **out)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return LK_ERR(LK_E_NOMEM, "watch folders");
	RB_INIT(&w->all);
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd == -1) {
		free(w);
		return LK_SYS("watch folders");
	}
	*out = w;
	return LK_NONE;
}

static void
watched_free(struct watch *w, struct watched *one)
{
	RB_REMOVE(watched_tree, &w->all, one);
	free(one->path);
	free(one);
}

void
watch_close(struct watch *w)
{
	struct watched *one;

	if (w == NULL)
		return;
	while ((one = RB_ROOT(&w->all)) != NULL)
		watched_free(w, one);
	close(w->fd);
	free(w);
}

int
watch_fd(const struct watch *w)
{
	return w->fd;
}

static struct watched *
watched_find(struct watch *w, int wd)
{
	struct watched key = { .wd = wd };

	return RB_FIND(watched_tree, &w->all, &key);
}

lk_err
watch_add(
    struct watch *w, uint32_t tag, const struct folder *f, const char *path)
{
	char proc[PATH_BYTES_MAX + 64];
	struct watched *one;
	char *copy;
	int wd;

	folder_proc_path(f, path, proc, sizeof(proc));
	wd = inotify_add_watch(w->fd, proc, MASK & ~(unsigned)IN_DONT_FOLLOW);
	if (wd == -1 && errno == ENOSPC)
		return LK_ERR(LK_E_LIMIT,
		    "the system watches no more folders "
		    "(fs.inotify.max_user_watches)");
	if (wd == -1)
		return errno == ENOENT ? LK_ERR(LK_E_NOTFOUND, "watch")
				       : LK_SYS("watch");
	one = watched_find(w, wd);
	copy = strdup(path);
	if (one == NULL && copy != NULL) {
		one = calloc(1, sizeof(*one));
		if (one != NULL) {
			one->wd = wd;
			RB_INSERT(watched_tree, &w->all, one);
		}
	}
	if (one == NULL || copy == NULL) {
		free(copy);
		return LK_ERR(LK_E_NOMEM, "watch");
	}
	/* A folder that was moved keeps its watch. */
	free(one->path);
	one->path = copy;
	one->tag = tag;
	return LK_NONE;
}

void
watch_remove(struct watch *w, uint32_t tag)
{
	struct watched *one, *next;

	RB_FOREACH_SAFE (one, watched_tree, &w->all, next)
		if (one->tag == tag) {
			(void)inotify_rm_watch(w->fd, one->wd);
			watched_free(w, one);
		}
}

static enum watch_what
what_of(uint32_t mask)
{
	if (mask & IN_ISDIR)
		return WATCH_FOLDER;
	return mask & (IN_MODIFY | IN_CREATE) ? WATCH_WRITING : WATCH_SETTLED;
}

static void
event_tell(
    struct watch *w, const struct inotify_event *e, watch_fn *each, void *ctx)
{
	struct watched *one = watched_find(w, e->wd);
	struct watch_event told = { .what = what_of(e->mask) };
	char path[PATH_BYTES_MAX + PATH_PART_MAX + 2];

	if (e->mask & IN_Q_OVERFLOW) {
		told.what = WATCH_LOST;
		each(ctx, &told);
		return;
	}
	if (one == NULL)
		return;
	told.tag = one->tag;
	(void)strlcpy(path, one->path, sizeof(path));
	if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
		told.what = WATCH_FOLDER;
	} else if (e->len > 0) {
		if (path[0] != '\0')
			(void)strlcat(path, "/", sizeof(path));
		(void)strlcat(path, e->name, sizeof(path));
	}
	told.path = path;
	each(ctx, &told);
	if (e->mask & IN_IGNORED)
		watched_free(w, one);
}

void
watch_take(struct watch *w, watch_fn *each, void *ctx)
{
	_Alignas(struct inotify_event) uint8_t room[16384];
	ssize_t n;

	while ((n = read(w->fd, room, sizeof(room))) > 0)
		for (size_t at = 0; at < (size_t)n;) {
			const struct inotify_event *e =
			    (const void *)(room + at);

			at += sizeof(*e) + e->len;
			event_tell(w, e, each, ctx);
		}
}
