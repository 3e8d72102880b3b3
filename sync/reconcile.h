/*
 * reconcile.h - inside sync/: coming to the same set of envelopes with a peer
 * (sync.md section 3, docs/protocol.md section 12).
 *
 *   reconcile.c  FP, VV, RANGE: what is compared, and who has what
 *   stream.c     what a peer lacks goes out, as there is room: BATCH
 *   push.c       what is new goes out at once; what comes in
 *   want.c       WANT
 *
 * A document whose fingerprint differs is compared by vectors (vector.h).  Of
 * authors of whom these do not tell, and when they are equal though the
 * fingerprints are not, it goes on by ranges (range.h).  Nothing depends on an
 * answer: what is lost is found to differ again in the next round.
 */
#ifndef SYNC_RECONCILE_H
#define SYNC_RECONCILE_H

#include "sync/link_topic.h"
#include "sync/replica.h"

struct engine;
struct link;

LK_MUST_USE lk_err reconcile_start(struct engine *, struct link *);
LK_MUST_USE lk_err reconcile_ask(
    struct engine *, struct link *, uint32_t number);
LK_MUST_USE lk_err reconcile_fp(struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err reconcile_vv(struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err reconcile_range(
    struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err reconcile_busy(struct engine *, struct link *, struct bytes);
/* Asks those who were not asked while another brought a document, where that
 * has ended. */
LK_MUST_USE lk_err reconcile_held(struct engine *);
/* Whether what a peer asks is within what that may cost in a minute, in records
 * to be read and bytes; the cost is added.  Else he is told that it is not to
 * be answered (BUSY). */
bool link_affords(struct engine *, struct link *, uint32_t number, size_t cost);
/* An exchange by ranges has brought something: whether that was all. */
LK_MUST_USE lk_err reconcile_again(
    struct engine *, struct link *, uint32_t number);

/* stream.c */
LK_MUST_USE lk_err reconcile_pump(struct engine *, struct link *);
/* Sends what the peer may have from the beginning of his farewell on. */
LK_MUST_USE lk_err stream_farewell(
    struct engine *, struct link *, struct link_topic *);
/* Sends these, too, in log order, as long as the link's queues have room.
 * Sorts `lsns`.  NOMEM. */
LK_MUST_USE lk_err stream_queue(
    struct link *, struct link_topic *, uint64_t *lsns, size_t len);

/* push.c */
LK_MUST_USE lk_err reconcile_batch(
    struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err reconcile_pushed(
    struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err reconcile_push(
    struct engine *, const struct replica_event *);

/* want.c */
LK_MUST_USE lk_err reconcile_want(struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err reconcile_missing(struct engine *, struct link *); /* asks */
/* Asks for envelopes, `len` ids. */
void want_send(struct engine *, struct link *, uint32_t number,
    const uint8_t *ids, size_t len);

#endif
