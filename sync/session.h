/*
 * session.h - one encrypted connection as a pure byte machine: the preface,
 * the Noise handshake and the stream of messages inside it (docs/protocol.md
 * section 10).
 *
 * No socket, no clock, no randomness: bytes that arrived go in, bytes to send
 * are appended to a buffer of the caller, and what happened comes out as one
 * event at a time.  Bytes may be cut anywhere.  Deadlines are the caller's.
 *
 * Invariants: nothing is delivered that was not authenticated whole and in
 * order; the first error is the last thing that happens (every later call
 * returns it again); no length is believed before it is checked.
 *
 *   initiator: session_new -----------------------+
 *                                                 v
 *   responder: PREFACE --- XK, NK -----------> HANDSHAKE --ESTABLISHED--> OPEN
 *                 |                               ^  ^                     | ^
 *                 +-- XKpsk3 --TICKET--> PSK -----+  |                     +-+
 *                 |                        session_psk                  MESSAGE
 *                 +-- XX --WINDOW--> WINDOW ---------+
 *                                          session_window
 *   any state -- error --> DEAD
 *
 * Transitions are made by session_step, except the one named.  A session is
 * used by one thread at a time and lives on the heap (about 1 KiB idle).
 */
#ifndef SYNC_SESSION_H
#define SYNC_SESSION_H

#include "base/bytes.h"
#include "crypto/seal.h"

#define SESSION_TICKET_LEN 8
#define SESSION_WINDOW_LEN 1
#define SESSION_PSK_LEN 32
#define SESSION_HASH_LEN 64 /* h, the Noise handshake hash (BLAKE2b) */
#define SESSION_TYPES 256
/* What a message of n bytes of body costs on the wire, at most. */
#define SESSION_WIRE_MAX(n) ((n) + 5 + 18 * (1 + ((n) + 5) / 65519))

/* As on the wire. */
enum session_pattern {
	SESSION_XK = 1,     /* a known peer */
	SESSION_XKPSK3 = 2, /* a ticket */
	SESSION_XX = 3,     /* a code: keys of the two sides' own for it */
	SESSION_NK = 4,     /* a relay, which learns no key of who dials */
};

enum session_role {
	SESSION_INITIATOR,
	SESSION_RESPONDER,
};

/* Everything is copied by session_new, except body_max. */
struct session_config {
	enum session_role role;
	const struct dh_key *noise; /* our static key; NULL: we dial with NK */
	const uint8_t *ephemeral;   /* DH_LEN fresh random bytes, used once */
	/*
	 * The greatest body of each type of message this side receives,
	 * SESSION_TYPES entries, each at most MESSAGE_MAX.  Kept: it outlives
	 * the session.
	 */
	const uint32_t *body_max;
	/* A responder that is a relay: NK, and takes nothing else; any other:
	 * 0, and takes the rest. */
	enum session_pattern pattern;
	/* The initiator only: */
	const uint8_t *remote; /* DH_LEN, static key of the responder; not XX */
	const uint8_t *ticket; /* SESSION_TICKET_LEN with XKPSK3, else NULL */
	const uint8_t *psk;    /* SESSION_PSK_LEN with XKPSK3, else NULL */
	uint8_t window;        /* with XX: the number of the code */
	struct bytes payload;  /* of the last handshake message; not XX, NK */
};

enum session_event_type {
	SESSION_NOTHING,     /* all of the input is used up; wait for more */
	SESSION_TICKET,      /* a responder wants session_psk */
	SESSION_WINDOW,      /* a responder wants session_window */
	SESSION_ESTABLISHED, /* h, remote and payload are authentic */
	SESSION_MESSAGE,
};

/* Views are valid until the next session_step or session_free. */
struct session_event {
	enum session_event_type type;
	/* TICKET, WINDOW and ESTABLISHED: */
	enum session_pattern pattern;
	const uint8_t *ticket; /* SESSION_TICKET_LEN with XKPSK3, else NULL */
	uint8_t window;        /* with XX, else 0 */
	/* ESTABLISHED: */
	const uint8_t *hash; /* SESSION_HASH_LEN */
	/* DH_LEN, static key of the other side; zeros: it dialled with NK */
	const uint8_t *remote;
	struct bytes payload; /* the initiator's; empty on its own side */
	/* MESSAGE: */
	uint8_t message;
	struct bytes body;
};

struct session;

/*
 * Returns a new session; an initiator's first bytes are appended to `out`.
 * MALFORMED when the initiator's remote key is a low-order point, DENIED when
 * it is our own, LIMIT when the payload does not fit HANDSHAKE_BYTES_MAX or
 * `out` is full, NOMEM.
 */
LK_MUST_USE lk_err session_new(
    struct session **, const struct session_config *, struct buf *out);
void session_free(struct session *); /* wipes its keys; NULL is fine */

/*
 * Takes bytes from the front of *in up to the next event, appends what is to
 * be sent to `out`, and fills *event.  Call it again until SESSION_NOTHING:
 * only then is *in empty.  Errors kill the session: VERSION (another preface
 * version or pattern), MALFORMED (anything not authentic or out of place),
 * LIMIT (a length over its bound, or `out` full), DENIED (the other side
 * has our own key: we connected to ourselves), NOMEM.
 * After SESSION_TICKET, session_psk comes first; after SESSION_WINDOW
 * session_window.
 */
LK_MUST_USE lk_err session_step(struct session *, struct bytes *in,
    struct buf *out, struct session_event *event);

/* Answers SESSION_TICKET.  For a ticket that is not honoured give random
 * bytes: the initiator then fails exactly as with a wrong psk. */
void session_psk(struct session *, const uint8_t psk[static SESSION_PSK_LEN]);

/* Answers SESSION_WINDOW: the static key of this window.  Copied.  For a window
 * that is not open there is no answer: free the session. */
void session_window(struct session *, const struct dh_key *);

/*
 * Says one message: whole frames are appended to `out`, what fills none waits
 * for those that follow, or for session_flush.  LIMIT when out has no room for
 * SESSION_WIRE_MAX of all that or the body is over MESSAGE_MAX: nothing was
 * sent and the session goes on.  AGAIN before it is established; otherwise the
 * error that killed the session.
 */
LK_MUST_USE lk_err session_queue(
    struct session *, struct buf *out, uint8_t message, struct bytes body);
/* Appends what waits as a frame, if anything does; NULL is fine.  LIMIT, NOMEM:
 * the session is dead. */
LK_MUST_USE lk_err session_flush(struct session *, struct buf *out);
/* What waits is not sent, and nothing else happens.  NULL is fine. */
void session_end(struct session *);
/* Both in one; errors as session_queue. */
LK_MUST_USE lk_err session_send(
    struct session *, struct buf *out, uint8_t message, struct bytes body);

/* After SESSION_ESTABLISHED, for as long as the session lives. */
const uint8_t *session_hash(const struct session *);   /* SESSION_HASH_LEN */
const uint8_t *session_remote(const struct session *); /* DH_LEN */

#endif
