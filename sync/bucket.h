/*
 * bucket.h - inside sync/: keeping one object remote up to date, and reading
 * what others left there (sync.md section 5, docs/protocol.md section 14).
 *
 *   bucket.c       requests and answers, when to look
 *   bucket_list.c  what is there, against what was known of it
 *   bucket_read.c  packs that are new: fetched, and merged
 *   bucket_write.c packs, acknowledgements and joins it lacks
 *   bucket_mail.c  letters
 *   records.c      what is known of each object, in the store
 *
 * A pass lists everything under "lk1/", page by page, and compares each page
 * with the records of the objects known: what is new is fetched, what is gone
 * is forgotten, and whatever only that held is written again.  So a remote that
 * was emptied, or rolled back, is filled up.  Nothing there is believed: an
 * envelope passes the same gates as from a peer, an object counts as holding
 * those that are in this device's own log.
 *
 * What is in memory is bounded, and an aborted transaction throws all of it
 * away: the records say what is true.
 */
#ifndef SYNC_BUCKET_H
#define SYNC_BUCKET_H

#include "sync/engine_state.h"
#include "sync/pack.h"

#define FLIGHTS_MAX 16
#define UNREAD_MAX 8192
#define FETCHED_MAX ((size_t)64 * 1024 * 1024)
#define IGNORED_MAX 65536
/* Of a pack this device writes: so much is fetched for one envelope of it. */
#define PACK_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define PACK_SMALL_MAX 256 /* packs of fewer are joined */
#define PACK_PARTS_MS (INT64_C(24) * 3600 * 1000) /* the parts stay so long */
/* An unacknowledged welcome is written again; so often the pause doubles. */
#define REMIND_MS 60000
#define REMIND_MOST 8
#define LETTERS_MAX 4096
#define BROKEN_MAX 64 /* letters remembered that did not open */
/* A listing that goes on for longer is given up and said. */
#define PAGES_MAX 4096

/* What became of an object that was read, or written here. */
enum record_state {
	RECORD_HELD =
	    1,          /* all its envelopes are in our log; an ack: taken in */
	RECORD_IGNORED, /* it is of no use */
	RECORD_DROPPED, /* what it holds counts for nothing now */
};
struct record {
	struct stored_name name;
	enum record_state state;
	uint64_t size;
	struct wall since;       /* that it is known */
	uint8_t last[LK_ID_LEN]; /* packs: id of the last envelope */
};

/* remotes.c */
void engine_remotes_free(struct engine *);
void engine_remotes_aborted(struct engine *);
LK_MUST_USE lk_err engine_remotes_tick(struct engine *);
LK_MUST_USE lk_err engine_remotes_event(
    struct engine *, const struct replica_event *);
int64_t engine_remotes_next_ms(const struct engine *);
bool engine_remotes_take(struct engine *, struct engine_output *);

/* records.c */
LK_MUST_USE lk_err record_put(
    struct engine *, uint32_t remote, const struct record *);
LK_MUST_USE lk_err record_del(
    struct engine *, uint32_t remote, const struct stored_name *);
/* The first one at or above this name, whatever its topic; NOTFOUND. */
LK_MUST_USE lk_err record_next(struct engine *, uint32_t remote,
    const struct stored_name *from, struct record *);
/* The same among those of its kind, topic and author. */
LK_MUST_USE lk_err record_next_of(struct engine *, uint32_t remote,
    const struct stored_name *from, struct record *);
/* Moves to the least name above. */
void record_step(struct stored_name *);
/* The essential set that was last seen to lie there, or NOTFOUND. */
LK_MUST_USE lk_err record_complete(
    struct engine *, uint32_t remote, uint32_t docno, struct fingerprint *);
LK_MUST_USE lk_err record_complete_put(struct engine *, uint32_t remote,
    uint32_t docno, const struct fingerprint *);
LK_MUST_USE lk_err record_complete_del(
    struct engine *, uint32_t remote, uint32_t docno);
/* When a device is to be sent a welcome for this grant by way of a remote, as
 * what is known of earlier ones says: 0 at first, then later each time.  Kept
 * until it has acknowledged the grant. */
LK_MUST_USE lk_err record_welcomed(struct engine *, uint32_t remote,
    uint32_t docno, const uint8_t pk[static 32],
    const uint8_t grant[static LK_ID_LEN], struct wall *due);
LK_MUST_USE lk_err record_welcomed_put(struct engine *, uint32_t remote,
    uint32_t docno, const uint8_t pk[static 32],
    const uint8_t grant[static LK_ID_LEN]);
LK_MUST_USE lk_err record_welcomed_del(struct engine *, uint32_t remote,
    uint32_t docno, const uint8_t pk[static 32]);
struct welcomed;
/* The first of these at or above this document and device; and on. */
LK_MUST_USE lk_err record_welcomed_next(
    struct engine *, uint32_t remote, struct welcomed *);
bool welcome_step(struct welcomed *);
/* What was put there may be gone, letters too. */
LK_MUST_USE lk_err records_doubt(struct engine *, uint32_t remote);
/* How many are ignored. */
LK_MUST_USE lk_err records_ignored(
    struct engine *, uint32_t remote, uint64_t *n);
/* All of a remote. */
LK_MUST_USE lk_err records_clear(struct engine *, uint32_t remote);

enum flight_kind {
	FLIGHT_LIST,
	FLIGHT_READ,   /* a pack or acknowledgement */
	FLIGHT_PACK,   /* is put */
	FLIGHT_ACK,    /* is put */
	FLIGHT_LETTER, /* is put */
	FLIGHT_OPEN,   /* a letter is fetched */
	FLIGHT_DELETE,
};
/* Whom a letter welcomes to what. */
struct welcomed {
	uint32_t docno;
	uint8_t pk[32], grant[LK_ID_LEN];
};

struct flight {
	TAILQ_ENTRY(flight) next;
	enum flight_kind kind;
	bool sent;            /* handed out */
	struct mono asked;    /* then */
	uint32_t docno;       /* 0: of none */
	struct record record; /* what it is about */
	struct object_request request;
	struct welcomed *welcomed; /* owned; LETTER */
	size_t welcomed_len;
};
TAILQ_HEAD(flights, flight);

struct mailbox;

enum unread_state {
	UNREAD_NEW,
	UNREAD_ASKED,
	UNREAD_HERE,    /* its bytes are */
	UNREAD_WAITS,   /* for `missing` */
	UNREAD_DAMAGED, /* not before `again` */
	UNREAD_GONE,
};
struct unread {
	struct record record;
	uint32_t docno;
	enum unread_state state;
	struct buf bytes;      /* owned; HERE, and WAITS while there is room */
	struct rd rest;        /* of its envelopes, not admitted yet */
	size_t slice;          /* how many are tried at once */
	bool useless, dropped; /* some of them were */
	uint8_t missing[LK_ID_LEN];
	struct mono again;
	unsigned damaged; /* how often */
	uint64_t seen;    /* the pass that found it last */
};

/* Documents to be looked at, each once. */
struct docnos {
	uint32_t *at; /* owned */
	size_t len, cap;
};

struct bucket {
	struct mono now; /* of the last tick */
	struct flights flights;
	size_t flights_len;
	struct unread *unread; /* owned; in order as far as they are sorted */
	size_t unread_len, unread_cap, unread_sorted, unread_gone;
	size_t fetched;      /* bytes of them here */
	bool fed;            /* nothing new since they were merged */
	struct docnos dirty; /* our own envelopes may be new */
	struct docnos later; /* and others': when a pass is over, due */
	struct docnos due;
	struct mono dirty_due;
	struct mono mute; /* nothing is written before */
	/* The pass. */
	bool listing, listed; /* listed: a whole one came to its end */
	/* All documents are to be looked at: after the pass; being done, up to
	 * this one. */
	struct mono remind; /* when welcomes nobody has acknowledged are */
	bool look_again, walks;
	bool shrunk; /* what this device had put was gone */
	uint32_t walked;
	char after[OBJECT_NAME_MAX + 1];
	struct stored_name compared; /* records below were, with the list */
	struct wall began;
	size_t pages;
	uint64_t pass;    /* number of this one */
	struct mono next; /* when the next begins */
	unsigned failures;
	bool started;
	/* Slots at which letters for this device may lie: mailbox.h. */
	struct mailbox *boxes; /* owned; ascending by slot */
	size_t boxes_len;
	uint64_t boxes_at; /* engine->people, then */
	bool boxes_known;
	/* Letters to be written, and to be opened. */
	struct welcomed *welcomes; /* owned */
	size_t welcomes_len, welcomes_cap;
	struct stored_name *letters; /* owned; LETTERS_MAX, or NULL */
	size_t letters_len;
	bool soon;      /* one brought news: look at once */
	uint64_t asked; /* tickets up to this handle were asked about */
	struct mono ask_again;
	uint8_t broken[BROKEN_MAX][STORED_HASH_LEN];
	size_t broken_next;
};

/* One that was configured. */
struct remote {
	TAILQ_ENTRY(remote) next;
	struct remote_status status;
	struct bucket bucket; /* a folder's or bucket's */
};

/* bucket.c */
void bucket_clear(struct remote *);
LK_MUST_USE lk_err bucket_tick(struct engine *, struct remote *);
LK_MUST_USE lk_err bucket_answer(
    struct engine *, struct remote *, const struct object_answer *);
LK_MUST_USE lk_err bucket_event(
    struct engine *, struct remote *, const struct replica_event *);
int64_t bucket_next_ms(const struct engine *, const struct remote *);
bool bucket_take(struct remote *, struct engine_output *);
/* A request about an object, or NULL with FLIGHTS_MAX under way; NULL too where
 * there is no memory. */
struct flight *bucket_ask(struct engine *, struct remote *, enum flight_kind,
    enum object_op, const struct stored_name *);
/* The same for a PUT, which takes the bytes.  NOMEM: as above. */
LK_MUST_USE lk_err bucket_put(struct engine *, struct remote *,
    enum flight_kind, const struct stored_name *, struct buf *bytes,
    struct flight **);
/* Ends what is under way, to begin again after a pause. */
void bucket_rest(struct engine *, struct remote *);
/* Says why the remote cannot be used. */
void bucket_complain(struct remote *, lk_err, const char *why);
bool bucket_has_room(const struct bucket *);
/* Something of the document may be to be written. */
LK_MUST_USE lk_err bucket_dirty(struct bucket *, uint32_t docno);

/* bucket_list.c */
LK_MUST_USE lk_err bucket_page(
    struct engine *, struct remote *, const struct object_answer *);

/* bucket_read.c */
/* An object that is there and was not read yet.  LIMIT: there are too many at
 * once. */
LK_MUST_USE lk_err bucket_found(struct engine *, struct remote *,
    uint32_t docno, const struct stored_name *, uint64_t size);
LK_MUST_USE lk_err bucket_fetched(struct engine *, struct remote *,
    const struct flight *, const struct object_answer *);
/* Asks for what comes next, and admits what is here. */
LK_MUST_USE lk_err bucket_read(struct engine *, struct remote *);
bool bucket_reads(const struct bucket *, uint32_t docno);
/* Whether so much is to be read that the list can wait. */
bool bucket_is_busy(const struct bucket *);
/* A pass is over: what it did not find is not to be read any more. */
void bucket_read_passed(struct remote *);
void bucket_read_clear(struct bucket *);

/* bucket_write.c */
LK_MUST_USE lk_err bucket_write(struct engine *, struct remote *);
/* A pass is over: whatever was not there is not. */
LK_MUST_USE lk_err bucket_passed(struct engine *, struct remote *);
/* It was not taken: what it was about is to be looked at again. */
LK_MUST_USE lk_err bucket_put_failed(struct remote *, const struct flight *);
LK_MUST_USE lk_err bucket_written(
    struct engine *, struct remote *, const struct flight *);

/* bucket_mail.c */
/* Asks for letters that are there, and writes those that wait. */
LK_MUST_USE lk_err bucket_post(struct engine *, struct remote *);
/* Notes which of the document's readers are to be welcomed; *all false: some
 * are. */
LK_MUST_USE lk_err bucket_letters(
    struct engine *, struct remote *, struct docstate *, bool *all);
/* Has documents looked at whose readers were welcomed in vain so far. */
LK_MUST_USE lk_err bucket_remind(struct engine *, struct remote *);
LK_MUST_USE lk_err bucket_letter_sent(
    struct engine *, struct remote *, const struct flight *);
LK_MUST_USE lk_err bucket_letter_found(
    struct engine *, struct remote *, const struct stored_name *);
LK_MUST_USE lk_err bucket_letter_open(struct engine *, struct remote *,
    const struct flight *, const struct object_answer *);

#endif
