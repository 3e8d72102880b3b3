/*
 * remotes.h - inside daemon/: the remotes of this device: the list of them in
 * the store, the engine and net/ told of it, and requests carried between the
 * two (sync/remotes.h, base/object.h).
 *
 * The list is one record, changed inside a transaction; what is told of it is
 * read from the store again when that has been committed, so an abort needs no
 * undoing.
 *
 *   remotes_write -> stale --the next round_begin, remotes_adopt--> told
 */
#ifndef DAEMON_REMOTES_H
#define DAEMON_REMOTES_H

#include "base/kv.h"
#include "base/remote_url.h"
#include "sync/remotes.h"

struct daemon;
struct net_event;

struct remote_known {
	uint32_t number;
	char name[REMOTE_NAME_MAX + 1]; /* of A-Z a-z 0-9 . _ -, not - first */
	char url[REMOTE_URL_MAX + 1];
};
/* In the order in which they were added; `next` is the number of the next. */
struct remotes {
	uint32_t next;
	size_t len;
	struct remote_known list[REMOTES_MAX];
};
#define REMOTES_BYTES_MAX (REMOTES_MAX * sizeof(struct remote_known))

/* docs/storage.md, "remotes". */
void remotes_encode(struct buf *, const struct remotes *);
/* TRUNCATED, MALFORMED. */
LK_MUST_USE lk_err remotes_decode(struct remotes *, struct bytes);
bool remote_name_is_valid(const char *);
/* NULL: none of this name. */
const struct remote_known *remotes_find(const struct remotes *, const char *);

/* The list, from the device's records; empty when there is none.  CORRUPT. */
LK_MUST_USE lk_err remotes_read(struct kv, struct remotes *);
/* Puts it there, and has it told after the commit; inside a round. */
LK_MUST_USE lk_err remotes_write(struct daemon *, const struct remotes *);
/* Tells the engine and net/ of what is there now; inside a round. */
LK_MUST_USE lk_err remotes_adopt(struct daemon *);

/* Adds relays that came with tickets, unless they are there, as "relay" or
 * "relay-N"; inside a round. */
LK_MUST_USE lk_err remotes_offered(struct daemon *);

/* Requests of the engine have numbers below it; those above are of commands. */
#define REMOTE_REQUEST_OURS (UINT64_C(1) << 63)
/* Carries out an ENGINE_OBJECT, or a command's; takes what it owns.  It is
 * answered in any case: without memory for the asking, with that. */
void remotes_ask(struct daemon *, struct object_request *);
/* Answers to the engine what could not be asked; inside a round. */
LK_MUST_USE lk_err remotes_answer(struct daemon *);

/* NET_OBJECT. */
void remotes_event(struct daemon *, struct object_answer *);

/* command_remote.c: an answer for a command. */
void remote_test_answer(struct daemon *, struct object_answer *);

#endif
