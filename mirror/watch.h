/*
 * watch.h - what happens in the folders of mirrors, as the system tells it
 * (inotify): hints on where to look, never what is there.
 *
 * One descriptor for all mirrors; each is told apart by its tag.  Folders are
 * watched one by one; what happens before a watch is there is seen by whoever
 * walks the folder after adding it.  One thread.
 */
#ifndef MIRROR_WATCH_H
#define MIRROR_WATCH_H

#include "mirror/folder.h"

struct watch;

enum watch_what {
	WATCH_SETTLED, /* a file: closed after writing, moved, removed */
	WATCH_WRITING, /* a file somebody is writing */
	WATCH_FOLDER,  /* a folder came, went or moved: walk it */
	WATCH_LOST, /* there was more than fits: walk all; no path, any tag */
};
struct watch_event {
	enum watch_what what;
	uint32_t tag;
	const char *path; /* below the folder of the mirror */
};
typedef void watch_fn(void *ctx, const struct watch_event *);

LK_MUST_USE lk_err watch_open(struct watch **);
void watch_close(struct watch *); /* accepts NULL */
/* To be polled for reading. */
int watch_fd(const struct watch *);
/* Watches one folder ("" is the mirror's own); again is fine.  LIMIT: the
 * system watches as many as it will (fs.inotify.max_user_watches); NOTFOUND,
 * NOMEM, SYS. */
LK_MUST_USE lk_err watch_add(
    struct watch *, uint32_t tag, const struct folder *, const char *path);
/* Forgets all of a mirror. */
void watch_remove(struct watch *, uint32_t tag);
/* Takes what there is; does not block. */
void watch_take(struct watch *, watch_fn *, void *ctx);

#endif
