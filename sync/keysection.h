/*
 * keysection.h - epoch keys in boxes and links, in clear in front of the
 * ciphertext (docs/protocol.md section 6).
 *
 *   epoch: u8 1, eph 32, u16 nbox, boxes, u8 nlinks, links
 *          box: hint 4, masked 32         link: older 16, masked 32
 *   share: u8 2, likewise
 *          box: .. etag 16                link: newer 16, older 16, masked 32
 *
 * A box needs no tag of its own: the etag that its secret must derive to is
 * the proof.  Whoever holds an epoch's L can recompute every box and link of
 * its section, and does.  Pure; any thread.
 */
#ifndef SYNC_KEYSECTION_H
#define SYNC_KEYSECTION_H

#include "access/graph.h"
#include "crypto/seal.h"
#include "sync/epoch.h"

#define KEYSECTION_MAX \
	(1 + 32 + 2 + EPOCH_BOXES_MAX * 52 + 1 + EPOCH_LINKS_MAX * 64)

struct keysection {
	enum key_section kind;      /* KEYS_EPOCH or KEYS_SHARE */
	uint8_t etag[LK_TOPIC_LEN]; /* the envelope's; an epoch's own */
	const uint8_t *eph;         /* DH_LEN */
	size_t boxes_len, links_len;
	/* Raw boxes and links in their order, borrowed. */
	struct bytes boxes, links;
	struct bytes all;
};

/*
 * Takes a key section from the front of a reader: counts within bounds, boxes
 * and links strictly ascending.  `etag` is the envelope header's.  TRUNCATED,
 * MALFORMED, LIMIT.  Borrows the input.
 */
LK_MUST_USE lk_err keysection_read(
    struct keysection *, struct rd *, const uint8_t etag[static LK_TOPIC_LEN]);
/* The same of all of `in`, as in struct envelope. */
LK_MUST_USE lk_err keysection_parse(struct keysection *, struct bytes in,
    const uint8_t etag[static LK_TOPIC_LEN]);

/* Where a section stands: its ephemeral secret depends on it. */
struct keysection_place {
	const uint8_t *topic; /* LK_TOPIC_LEN */
	const uint8_t *tag;   /* LK_TOPIC_LEN, of the author */
	uint64_t seq;
};

/* A list of epochs in an arena; they are secrets. */
struct epochs {
	struct epoch *at;
	size_t len;
};
void epochs_wipe(struct epochs *);

struct epoch_plan {
	struct keysection_place place;
	const struct epoch *epoch;          /* the new one */
	const struct graph_reader *readers; /* who gets it; may be repeated */
	size_t readers_len;
	const struct epoch *older; /* maximal epochs of the past we have */
	size_t older_len;
};
/*
 * Appends the key section of an epoch.  LIMIT: over EPOCH_BOXES_MAX distinct
 * box keys or EPOCH_LINKS_MAX distinct links, or none at all, or out is full;
 * DATA: a low-order box key; NOMEM.
 */
LK_MUST_USE lk_err keysection_make_epoch(
    struct buf *out, const struct epoch_plan *);

struct share_box {
	uint8_t key[ACCESS_KEY_LEN]; /* the device's Ed25519 key */
	uint8_t box[DH_LEN];
	const struct epoch *epoch;
};
struct share_link {
	const struct epoch *newer, *older;
};
struct share_plan {
	struct keysection_place place;
	const struct share_box *boxes;
	size_t boxes_len;
	const struct share_link *links;
	size_t links_len;
};
/*
 * Appends the key section of a share and writes the device keys in the order
 * of its boxes, what the share op's body lists: `devices` has room for
 * boxes_len, *devices_len is how many there are (of two devices with one box
 * key and one epoch, the first stands).  Errors as above.
 */
LK_MUST_USE lk_err keysection_make_share(struct buf *out,
    const struct share_plan *, uint8_t (*devices)[ACCESS_KEY_LEN],
    size_t *devices_len);

/*
 * Every epoch that a box of this section gives to one of `mine` (the present
 * and earlier box keys); .len 0 when there is none.  A box that does not open
 * to its etag is ignored.  NOMEM (arena).  One DH per key.
 */
LK_MUST_USE lk_err keysection_open(const struct keysection *,
    const struct dh_key *mine, size_t mine_len,
    const uint8_t topic[static LK_TOPIC_LEN], struct arena *, struct epochs *);
/* Every older epoch that the links give to a holder of `have`, through each
 * other as well; wrong links are ignored, `have` is not repeated.  NOMEM. */
LK_MUST_USE lk_err keysection_follow(const struct keysection *,
    const struct epoch *have, size_t have_len, struct arena *, struct epochs *);

struct epoch_claim {
	struct keysection_place place;
	const struct epoch *epoch; /* its L, which opens this envelope */
	const struct graph_reader *readers; /* judgement.readers */
	size_t readers_len;
	/* Etags of the epochs of the past that links may name; NULL when that
	 * was judged already. */
	const uint8_t (*past)[LK_TOPIC_LEN];
	size_t past_len;
};
/* Recomputes an epoch's boxes and links: MALFORMED when one is wrong, missing
 * or too many.  0.05 ms a box.  NOMEM. */
LK_MUST_USE lk_err keysection_check(
    const struct keysection *, const struct epoch_claim *);

/* Whether a share's section is, byte for byte, what this plan makes, its boxes
 * in the order of the plan's.  0.05 ms a box.  NOMEM. */
LK_MUST_USE lk_err keysection_is_share(
    const struct keysection *, const struct share_plan *, bool *is);

/*
 * Fills keys, boxes_len, shared and links of *facts (nothing else), in the
 * arena.  `devices` are the device keys of the share op's body, one per box
 * (MALFORMED otherwise); an epoch has none.  NOMEM.
 */
LK_MUST_USE lk_err keysection_facts(const struct keysection *,
    const uint8_t (*devices)[ACCESS_KEY_LEN], size_t devices_len,
    struct arena *, struct facts *);

#endif
