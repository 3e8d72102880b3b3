/*
 * acks.h - inside sync/: acknowledgements (protocol.md 6.4, docs/protocol.md
 * section 12, ACK): what each device says it has of a document, signed.
 *
 * What a device says goes to whom it is connected with, and these pass it on,
 * as it was said, to those who may not be: each news once over a link, and what
 * is superseded meanwhile not at all.  What was missed is found by comparing
 * fingerprints of all of them, once when all documents were found equal and
 * anything is new since.  A device can lie about itself only.  While it is
 * connected only what it says itself counts.
 *
 *   ack_record.c what is kept, by document and device
 *   acks.c       saying and hearing those that are signed
 *   acks_said.c  those that are for one peer, many together
 *   acks_tell.c  what they tell
 *   acks_pass.c  passing on
 */
#ifndef SYNC_ACKS_H
#define SYNC_ACKS_H

#include "sync/docstate.h"
#include "sync/message.h"
#include "sync/stored_name.h"

struct engine;
struct link;

/* In documents of more devices they are not passed on: what each says to each
 * goes up with the square. */
#define ACK_PASS_DEVICES_MAX 33
#define ACK_PASSES_MAX 4096
#define ACK_PASS_FROM_MAX 8

/* Views are valid as what kv_get returns. */
struct ack_record {
	uint8_t incarnation[INCARNATION_LEN];
	uint8_t former[INCARNATION_LEN]; /* before that; zero: none */
	uint64_t counter;
	struct wall when;
	uint8_t equal[32]; /* the essential set's sum at which the device was
			    * last seen to hold everything, or zero */
	bool passed;       /* it came from somebody else */
	const uint8_t *heads;
	size_t heads_len;  /* 0: it has nothing of the document */
	struct bytes said; /* the message, without the topic's number; empty:
			    * it was not signed, and is not passed on */
};
/* Whether it has forgotten the document, by its own signature; who has nothing
 * of it and did not sign that wants it again. */
bool ack_says_forgotten(const struct ack_record *);
/* NOTFOUND, CORRUPT. */
LK_MUST_USE lk_err ack_record_get(struct replica *, uint32_t docno,
    const uint8_t pk[static 32], struct ack_record *);
LK_MUST_USE lk_err ack_record_put(struct replica *, uint32_t docno,
    const uint8_t pk[static 32], const struct ack_record *);
/* The first record of a document with a device key >= *pk.  NOTFOUND. */
LK_MUST_USE lk_err ack_record_next(struct replica *, uint32_t docno,
    uint8_t pk[static 32], struct ack_record *);

/* acks.c */
/* A document is to be acknowledged soon; a crowd later, to neighbours only. */
LK_MUST_USE lk_err acks_note(struct engine *, uint32_t docno);
/* Says what is due, of so many documents at once. */
LK_MUST_USE lk_err acks_flush(struct engine *, size_t max);
/* Those of crowds, when they have waited for others. */
LK_MUST_USE lk_err acks_late(struct engine *);
LK_MUST_USE lk_err acks_received(struct engine *, struct link *, struct bytes);
/* Acknowledges a document to one peer: soon, when that is for it alone. */
LK_MUST_USE lk_err acks_send(struct engine *, struct link *, uint32_t number);
/* Appends an acknowledgement of these heads without the document's number:
 * nothing where this device may not read it, or lacks the key. */
LK_MUST_USE lk_err acks_write(struct engine *, struct docstate *,
    uint64_t counter, struct bytes heads, struct buf *);
/* What acks_send says, as the body of the message; nothing where there is
 * nothing to say. */
LK_MUST_USE lk_err acks_body(
    struct engine *, uint32_t docno, uint32_t number, struct buf *);
/* Takes in one that somebody kept, of whichever device: nothing where it is no
 * news.  WAIT when its key is not known, or who it is, or while the device is
 * connected; MALFORMED. */
LK_MUST_USE lk_err acks_kept(
    struct engine *, struct docstate *, const struct ack *);
/* Whether one with this device's own tag is what it says now. */
LK_MUST_USE lk_err acks_current(
    struct engine *, struct docstate *, const struct ack *, bool *current);
/* Whether the device itself has acknowledged this node of a document, here or
 * at a remote, or that it has forgotten the document. */
LK_MUST_USE lk_err acks_cover(struct engine *, struct docstate *,
    const uint8_t pk[static 32], uint32_t node, bool *cover);
/* Whether the peer's last acknowledgement covers all we have, for what is
 * cheap: without loading the document's graph it may say no too often. */
LK_MUST_USE lk_err acks_stand(
    struct engine *, uint32_t docno, const uint8_t pk[static 32], bool *stand);
/* The i-th other device that may read the document. */
bool acks_reader(const struct engine *, const struct docstate *, size_t i,
    uint8_t pk[static 32]);

/* The counter rises with the log, on which the heads depend; 0: there are
 * none. */
LK_MUST_USE lk_err acks_counter(
    struct engine *, uint32_t docno, uint64_t *counter);
/* Keeps what a device said, completing the record, and passes on what is signed
 * and news; `conn` is the link it came by, or 0. */
LK_MUST_USE lk_err acks_keep(struct engine *, struct docstate *,
    const uint8_t pk[static 32], struct ack_record *, uint64_t conn);

/* acks_tell.c */
/* Notes at which fingerprint a device was seen to hold all that we do, so that
 * the question need not be worked out again. */
LK_MUST_USE lk_err acks_equal(
    struct replica *, struct docstate *, struct ack_record *);

/* acks_said.c */
/* Notes that a document is to be acknowledged to this peer alone. */
LK_MUST_USE lk_err acks_say_soon(struct link *, uint32_t number);
LK_MUST_USE lk_err acks_say(struct engine *, struct link *);
LK_MUST_USE lk_err acks_said(struct engine *, struct link *, struct bytes);

/* One to be passed on when it is due. */
struct ack_pass {
	uint32_t docno;
	uint8_t pk[32]; /* whose */
	struct mono due;
	uint64_t from[ACK_PASS_FROM_MAX]; /* links that have it already */
	size_t from_len;
};
/* acks_pass.c */
/* How many devices a document's acknowledgements are passed on among, this one
 * too; 0: not at all.  Of two each hears the other. */
LK_MUST_USE lk_err acks_pass_among(
    struct engine *, uint32_t docno, uint32_t *devices);
/* An acknowledgement was kept that came by this link (0: by none). */
LK_MUST_USE lk_err acks_pass_note(struct engine *, uint32_t docno,
    const uint8_t pk[static 32], uint64_t conn);
/* One came that is no news: the link need not be sent it. */
LK_MUST_USE lk_err acks_pass_known(
    struct engine *, struct link *, uint32_t docno, const struct ack *);
/* Passes on what is due; when the next is, or INT64_MAX. */
LK_MUST_USE lk_err acks_pass_step(struct engine *);
int64_t acks_pass_next_ms(const struct engine *);
/* An order-free sum over what is known of a document's devices, without the
 * peer and this one. */
LK_MUST_USE lk_err acks_sum(
    struct engine *, const struct link *, uint32_t docno, struct fingerprint *);
/* Sends a peer all of that. */
LK_MUST_USE lk_err acks_tell(struct engine *, struct link *, uint32_t number);

/* As an object of a bucket: the name it has now, NOTFOUND where nobody wants to
 * know; appends it, NOTFOUND where there is nothing to say.  And takes one in,
 * of whichever device: errors as acks_kept, TRUNCATED. */
LK_MUST_USE lk_err acks_name(
    struct engine *, struct docstate *, struct stored_name *);
LK_MUST_USE lk_err acks_store(
    struct engine *, struct docstate *, struct buf *out);
LK_MUST_USE lk_err acks_stored(struct engine *, struct docstate *,
    const struct stored_name *, struct bytes);

#endif
