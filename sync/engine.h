/*
 * engine.h - keeping devices in step: peers, sessions, reconciliation, pushes,
 * acknowledgements, pairing by ticket (sync.md sections 2 to 4, protocol.md
 * sections 5 to 7).
 *
 * A state machine without socket, clock or thread: events in, outputs out.
 * Every call happens inside the replica's transaction.  Outputs are collected
 * and must be carried out only after the commit (persist before you speak);
 * after an abort engine_aborted drops them and every session with them.
 */
#ifndef SYNC_ENGINE_H
#define SYNC_ENGINE_H

#include "base/object.h"
#include "crypto/phrase.h"
#include "sync/beacon.h"
#include "sync/replica.h"
#include "sync/ticket.h"

struct engine;

#define ADDRESS_TEXT_MAX 256

struct engine_config {
	uint16_t listen_port;
	bool discovery; /* beacons are sent, and listened for */
	/* Addresses of this device as others may reach it, "host:port". */
	const char *const *addresses;
	size_t addresses_len;
};

/* Connections the engine dials are numbered from here; what the caller accepts
 * must be numbered below. */
#define ENGINE_CONN_FIRST (UINT64_C(1) << 62)

/* Everything is borrowed and outlives the engine; a pairing gives the identity
 * another root and certificate, to be saved together with the commit. */
LK_MUST_USE lk_err engine_new(
    struct engine **, struct replica *, struct identity *, struct random);
void engine_free(struct engine *);
/* Once after engine_new and whenever it changes, inside a transaction: what
 * tickets and certificates say of where this device listens. */
LK_MUST_USE lk_err engine_configure(
    struct engine *, const struct engine_config *);

/* Events.  `conn` is the caller's number for a connection, never reused. */
LK_MUST_USE lk_err engine_accepted(
    struct engine *, uint64_t conn, const char *address, struct now);
LK_MUST_USE lk_err engine_dialed(struct engine *, uint64_t conn, struct now);
LK_MUST_USE lk_err engine_bytes(
    struct engine *, uint64_t conn, struct bytes, struct now);
/* It ended, or could not be dialed. */
LK_MUST_USE lk_err engine_closed(struct engine *, uint64_t conn, struct now);
/* Bytes of this connection the caller has not yet written out. */
void engine_pending(struct engine *, uint64_t conn, size_t pending);
/* Call when engine_next is due, and after any of the above. */
LK_MUST_USE lk_err engine_tick(struct engine *, struct now);
/* When it wants to be called next. */
struct mono engine_next(const struct engine *);
/* New envelopes became durable (from replica_committed). */
LK_MUST_USE lk_err engine_events(
    struct engine *, const struct replica_event *, size_t, struct now);

/* Outputs, in order.  Carried out after the commit. */
/* After CLOSE the caller answers with engine_closed when it is done. */
enum engine_do {
	ENGINE_DIAL,
	ENGINE_SEND,
	ENGINE_CLOSE,
	ENGINE_ANNOUNCE,
	ENGINE_OBJECT
};
struct engine_output {
	enum engine_do what;
	uint64_t conn;
	char address[ADDRESS_TEXT_MAX]; /* DIAL: "host:port" */
	unsigned beacons; /* ANNOUNCE: 1 << enum beacon_type, each to be made by
			   * engine_beacon for every address of this device */
	struct buf bytes; /* SEND: taken by whoever carries it out */
	/* OBJECT: taken too; answered by engine_object (remotes.h). */
	struct object_request object;
};
/* Takes the first output; false when there is none. */
bool engine_take(struct engine *, struct engine_output *);
void engine_aborted(struct engine *);
/* Frees what no session has under way any more, as replica_rest: when nothing
 * has come for a while.  No transaction is needed. */
void engine_rest(struct engine *, struct now);
/* A peer that was dropped for what it sent, each once: for the log. */
bool engine_dropped(
    struct engine *, uint64_t *conn, const char **address, const char **why);

/* Discovery (docs/protocol.md section 13); none needs a transaction. */
struct beacon_source {
	uint8_t ip[BEACON_ADDRESS_LEN];
	const char *host; /* as before the port of an address; borrowed */
};
/* A datagram of the local network.  Whatever it holds, it costs at most one
 * hash for each known device, and above 20 a second nothing. */
void engine_heard(
    struct engine *, struct bytes, const struct beacon_source *, struct now);
/* A beacon to be sent from this address, fresh each time; its length, 0 when
 * there is nothing of this type to say. */
size_t engine_beacon(struct engine *, enum beacon_type,
    const uint8_t address[static BEACON_ADDRESS_LEN],
    uint8_t out[static BEACON_MAX]);
/* The addresses of this device changed: who was lost is dialled now, who seems
 * to be there is asked, and a beacon is sent. */
void engine_network_changed(struct engine *, struct now);
/*
 * The i-th address, "host:port", at which such a number was heard in the last
 * 10 seconds; anybody may have said it.  NOTFOUND past the end.
 */
LK_MUST_USE lk_err engine_window_heard(struct engine *, uint8_t number,
    size_t i, struct now, char out[static ADDRESS_TEXT_MAX]);

/* Tickets. */
struct ticket_request {
	enum ticket_purpose purpose;
	uint32_t docno;     /* invite */
	enum role role;     /* invite */
	uint32_t uses;      /* 1 by default */
	int64_t expires_ms; /* from now: 10 minutes, 7 days by default */
};
/* Writes the one line (NUL ended).  LIMIT when TICKETS_MAX are outstanding. */
LK_MUST_USE lk_err engine_ticket(struct engine *, const struct ticket_request *,
    struct now, char *out, size_t len);
/*
 * Redeems one: dials the issuer until the deadline and after that in the
 * background.  Poll engine_redeemed.
 *   MALFORMED  a typing mistake; DENIED  pairing while owning documents
 */
LK_MUST_USE lk_err engine_redeem(struct engine *, const char *ticket,
    enum ticket_purpose, struct now, uint64_t *handle);
/*
 * An invitation that was typed here, has not come to its end and goes on after
 * a restart: the i-th; NOTFOUND past the end.  It is forgotten when the
 * document is here, after 30 days, and by engine_ticket_drop; what was asked of
 * its issuer may be answered all the same.
 */
struct ticket_waits {
	uint8_t id[TICKET_ID_LEN]; /* says nothing of the secret */
	struct wall since;
	bool answered; /* the issuer let this device in, by letter */
	bool refused;  /* nothing more comes of it */
};
LK_MUST_USE lk_err engine_ticket_waits(
    struct engine *, size_t i, struct now, struct ticket_waits *);
/* The id of a ticket, from its text.  As ticket_decode. */
LK_MUST_USE lk_err engine_ticket_id(
    const char *text, uint8_t id[static TICKET_ID_LEN]);
/* NOTFOUND. */
LK_MUST_USE lk_err engine_ticket_drop(
    struct engine *, const uint8_t id[static TICKET_ID_LEN], struct now);
/*
 * Makes this device, which owns no documents, one of the person of a recovery
 * phrase, by way of one of his devices.  The root key is in memory during the
 * call only.  The same deadline and polling; REDEEM_REFUSED: that device is not
 * of this person, or may not add devices (any more).
 *   MALFORMED  the address; DENIED  this device has documents of its own
 */
struct recovery {
	const uint8_t *entropy;  /* PHRASE_ENTROPY_LEN, of the phrase */
	const uint8_t *noise_pk; /* DH_LEN, of the device to ask */
	const char *address;     /* of it, "host:port", numbers */
};
LK_MUST_USE lk_err engine_recover(
    struct engine *, const struct recovery *, struct now, uint64_t *handle);
/* Gives up what engine_recover began and no device has taken in yet. */
void engine_recover_cancel(struct engine *);
enum redeem_state { REDEEM_TRYING, REDEEM_DONE, REDEEM_REFUSED };
struct redeem_status {
	enum redeem_state state;
	uint32_t docno;   /* invite: the document, when done */
	size_t documents; /* pair: how many have arrived and are readable */
	const char *why;  /* refused: static */
	bool broken;      /* refused: a code that may be good for all we know */
	/* By code, when done: what both sides show, and who a contact is. */
	char words[KEY_WORDS_LEN];
	uint8_t root_pk[32];
	char name[LK_NAME_MAX + 1];
};
LK_MUST_USE lk_err engine_redeemed(
    struct engine *, uint64_t handle, struct redeem_status *);

/* Devices of this person. */

/*
 * Revokes one: at once in the home document, in the background, one step a
 * document, in all others that this device may.  `since` (0: keep all its
 * work): what it did from then on, as far as this device can tell, does not
 * stay. NOTFOUND, EXISTS (gone already), DENIED (not senior to it; `what` says
 * it)
 */
LK_MUST_USE lk_err engine_device_revoke(struct engine *,
    const uint8_t pk[static 32], struct wall since, struct now);
/*
 * The same by the root key of this recovery phrase, which is senior to every
 * device, and at once in all documents, where a contact made them too; the root
 * key is in memory during the call only.  The caller undoes after an error.
 *   NOTFOUND, EXISTS as above; DENIED: the phrase of somebody else, or this
 *   device itself
 */
LK_MUST_USE lk_err engine_device_revoke_by_phrase(struct engine *,
    const uint8_t entropy[static 16], const uint8_t pk[static 32],
    struct wall since, struct now now);
/* A new box key for this device: said at once in the home document, in the
 * background in all others.  The identity is changed, to be saved with the
 * commit.  LIMIT, DENIED (it may not write its home). */
LK_MUST_USE lk_err engine_key_rotate(struct engine *, struct now);
/* Whether documents are still to be looked at in the background. */
bool engine_fanning_out(const struct engine *);
/* The next document after `after` in which a device has a role; NOTFOUND. */
LK_MUST_USE lk_err engine_device_left(struct engine *,
    const uint8_t pk[static 32], uint32_t after, uint32_t *docno);

/* Status. */
struct peer_status {
	uint8_t pk[32];
	bool connected, own; /* own: a device of this person */
	char address[ADDRESS_TEXT_MAX];
	struct wall seen; /* last authenticated session; 0: never */
};
/* The i-th device known; NOTFOUND past the end. */
LK_MUST_USE lk_err engine_peer(struct engine *, size_t i, struct peer_status *);

enum sync_state {
	SYNC_UNKNOWN,
	SYNC_PENDING,
	SYNC_DONE,
	SYNC_FORGOTTEN, /* it has said that it keeps nothing of it */
};
struct sync_status {
	uint8_t pk[32];
	enum sync_state state; /* has it acknowledged all I have, do I hold all
				* it announced */
	uint64_t pending;      /* envelopes it has not acknowledged */
	struct wall oldest;    /* of those; or unknown, or forgotten, since */
	bool connected;
};
/* For a document: the i-th other device that may read it.  NOTFOUND past the
 * end, and when this device was revoked. */
LK_MUST_USE lk_err engine_sync_status(
    struct engine *, uint32_t docno, size_t i, struct sync_status *);
/* Asks every peer at once instead of at the next round. */
void engine_poke(struct engine *, struct now);

#endif
