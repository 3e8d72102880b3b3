/*
 * forget.h - a document that this device forgets, at its user's word (cli.md
 * section 1, lk forget).
 *
 * The device stays a member.  What it had of the document goes; an empty one
 * takes its place, with the keys, so that it can be had again.  It takes
 * nothing in, and where it is asked it says, in place of an acknowledgement and
 * signed like one, that it keeps nothing (docs/protocol.md section 12, ACK):
 * what it acknowledged before would be a lie from now on.  Nobody sends it
 * anything until it asks.
 *
 * When it is had again, this device must not write before all it wrote once is
 * back: another envelope at the same place of its chain would be a fork, and
 * for everybody else its key was copied.  So the place is kept.
 *
 * One thread; inside the replica's transaction.
 */
#ifndef SYNC_FORGET_H
#define SYNC_FORGET_H

#include "sync/engine.h"

struct link;
struct link_topic;
struct docstate;

/* Forgets it, under the number *empty from then on; who is connected is told.
 * Its name is kept, tickets for it end.  Whether others have it is the caller's
 * to look at.
 *   DENIED  the home document
 *   EXISTS  it is forgotten already */
LK_MUST_USE lk_err engine_forget(
    struct engine *, uint32_t docno, struct now, uint32_t *empty);
/* Asks for it again, of whoever is met and of remotes.
 *   NOTFOUND  it was not forgotten
 *   AGAIN     what was here is not all removed yet, which goes on by itself */
LK_MUST_USE lk_err engine_recall(struct engine *, uint32_t docno, struct now);

/* Inside sync/.  Of a tick: begins with the remotes anew, and goes on with
 * removing what was here. */
LK_MUST_USE lk_err forgotten_step(struct engine *);
/* What it was called then.  NOTFOUND: that is lost. */
struct home_name;
LK_MUST_USE lk_err forgotten_name(
    struct replica *, uint32_t docno, struct home_name *);
/* Whoever uses a ticket for it wants it again; the rest of what was here is
 * removed before that. */
LK_MUST_USE lk_err forgotten_wanted(struct engine *, uint32_t docno);
/* What a link is to know of a document that has a number now. */
LK_MUST_USE lk_err forgotten_look(
    struct engine *, const struct link *, struct link_topic *);
/* The peer keeps it again. */
LK_MUST_USE lk_err forgotten_no_more(
    struct engine *, struct link *, struct link_topic *);
/* What was signed when it was forgotten: its counter, 0 where nothing could be
 * said, and the acknowledgement without the document's number. */
LK_MUST_USE lk_err forgotten_counter(
    struct replica *, const struct docstate *, uint64_t *);
LK_MUST_USE lk_err forgotten_said(
    struct replica *, const struct docstate *, struct buf *);

#endif
