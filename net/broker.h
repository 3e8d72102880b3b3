/*
 * broker.h - a process beside the daemon that keeps what the daemon gives up
 * when it locks itself in: sight of the folders of remotes, wherever and
 * whenever they are mounted.  A sandbox cannot be widened afterwards; and the
 * daemon, which talks to strangers, is better kept away from them.
 *
 *   daemon --broker_start, before any secret, thread or sandbox--> broker
 *          --broker_connect, a thread of net/--------------------> broker
 *                                                 its child, for one channel
 *          --request-->                           folder_do
 *          <--answer---
 *
 * The broker believes nothing: it takes requests for objects, and for the keys
 * of buckets, and no others; folder.h says what such a request can reach.  A
 * child serves one channel, one request at a time, so that a folder that does
 * not answer holds up nobody else.  All of them end when the daemon does.
 */
#ifndef NET_BROKER_H
#define NET_BROKER_H

#include "base/object.h"
#include "net/credentials.h"

/* Children at once. */
#define BROKER_CHANNELS_MAX 80
/* Without an answer for so long a channel is given up, at both ends. */
#define BROKER_ANSWER_S 120
#define BROKER_KEYS_S 10

/*
 * Forks it; it lives until *fd is closed.  `confine` is called in it first.
 * The caller has one thread.  SYS.
 */
LK_MUST_USE lk_err broker_start(int *fd, void (*confine)(void));
/* A channel to a child of its own, which ends when it is closed.  Any thread.
 * UNAVAILABLE when the broker is gone. */
LK_MUST_USE lk_err broker_connect(int broker, int *channel);
/*
 * Has the request carried out in `dir`.  False when the channel is of no use
 * any more; *answer is filled in any case.  One thread a channel; another may
 * shutdown(2) it to have this return.
 */
bool broker_folder(int channel, const char *dir, const struct object_request *,
    struct object_answer *);
/* credentials_read, by a process that sees them.  UNAVAILABLE: the channel is
 * of no use; CONFIG. */
LK_MUST_USE lk_err broker_credentials(
    int channel, const char *profile, struct credentials *);

#endif
