/*
 * conn.h - inside net/: one connection, and what its parts share.
 *
 * Everything is guarded by net->mutex, except received bytes between a
 * completed receive and the next one, which belong to the core.  The mutex is
 * held while an operation is submitted: NNG runs callbacks on threads of its
 * own and holds no lock of its own meanwhile, so it cannot come back to us.
 *
 * An nng_aio is in one operation at a time: `receiving` and `transmitting` say
 * so.  A stream that was closed is given no further operation (it would never
 * complete).  A connection that is over is on the list of the dead, where only
 * the reaper's thread touches it: close the stream, stop the operations (which
 * waits for their callbacks), free.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <nng/nng.h>
#include <pthread.h>
#include <time.h>

#include "net/lan.h"
#include "net/net.h"
#include "net/objects.h"

#define CONN_DIALERS 2 /* IPv4, then IPv6, for a name */

enum conn_kind { CONN_PEER, CONN_CONTROL };

/* News the core has not seen, a bit each. */
enum conn_news {
	NEWS_ACCEPTED = 1,
	NEWS_DIALED = 2,
	NEWS_DIAL_FAILED = 4,
	NEWS_BYTES = 8,
	NEWS_SENT = 16,
	NEWS_CLOSED = 32,
};

struct conn {
	RB_ENTRY(conn) entry;    /* net->conns, until it is hung up */
	TAILQ_ENTRY(conn) ready; /* net->ready, while news != 0 */
	TAILQ_ENTRY(conn) lent;  /* net->lent, while the core has bytes */
	TAILQ_ENTRY(conn) ended; /* net->closing, net->dead */
	struct net *net;
	uint64_t id;
	enum conn_kind kind;
	nng_stream *stream;
	nng_stream_dialer *dialers[CONN_DIALERS];
	size_t dialers_len, dialers_tried;
	nng_aio *dial_aio, *receive_aio, *transmit_aio;
	unsigned news; /* of enum conn_news */
	bool is_ready, is_lent, receiving, transmitting, held;
	bool broken;              /* no operation on the stream any more */
	bool hung_up;             /* the core is done with it */
	bool buried;              /* was put on net->dead */
	bool over_low;            /* more than NET_PENDING_LOW was pending */
	struct timespec deadline; /* of closing, CLOCK_MONOTONIC */
	uint8_t *received;        /* NET_RECEIVED_MAX */
	size_t received_len;
	/* Being written, from sent_len on; and what comes after it. */
	struct buf sending, queued;
	size_t sent_len;
	char address[NET_ADDRESS_MAX];
};

TAILQ_HEAD(conn_list, conn);
RB_HEAD(conn_tree, conn);
int conn_compare(const struct conn *, const struct conn *);
RB_PROTOTYPE(conn_tree, conn, entry, conn_compare)

struct listener {
	struct net *net;
	enum conn_kind kind;
	nng_stream_listener *stream;
	nng_aio *aio;
	bool busy;    /* the operation is under way */
	bool resting; /* it is a pause after an error */
	bool stopped;
	/* A stream that nobody wants: freed by the reaper, and only then is
	 * the next one accepted. */
	nng_stream *orphan;
};

#define NET_LISTENERS 3 /* IPv6, IPv4, control */

struct net {
	pthread_mutex_t mutex;
	pthread_t reaper;
	pthread_cond_t reap; /* something is closing or dead, or stop */
	bool stop;
	int wake_fd, signal_fd, watched_fd;
	bool waiting; /* the core is in poll(2): wake it */
	struct conn_tree conns;
	struct conn_list ready, lent, closing, dead;
	size_t peers, controls; /* not yet freed */
	uint64_t accepted_next;
	struct listener listeners[NET_LISTENERS];
	size_t listeners_len;
	char control_path[128];
	struct lan lan; /* the core's, without the mutex */
	struct objects objects;
};

/* Has net_wait return when the core sleeps in it; with the mutex held. */
void net_rouse(struct net *);

/* conn.c; all with the mutex held. */
/* A connection without operations; NULL without memory or over the limit. */
struct conn *conn_new(struct net *, enum conn_kind, uint64_t id);
struct conn *conn_find(struct net *, uint64_t id);
void conn_tell(struct conn *, enum conn_news);
/* The stream is there: reads from it. */
void conn_start(struct conn *, nng_stream *);
void conn_receive(struct conn *);
void conn_transmit(struct conn *);
void conn_hang_up(struct conn *);
/* From net->closing to net->dead, once. */
void conn_bury(struct conn *);
/* Without the mutex, by the reaper. */
void conn_free(struct conn *);

/* listen.c; with the mutex held.  Accepts when it may and there is room. */
void listener_accept(struct listener *);

/* address.c */
/* Splits "host:port" and gives the host without brackets; false when it is no
 * address that may be dialed.  *family is 4 or 6, or 0 for a name. */
bool address_split(const char *address, char host[static NET_ADDRESS_MAX],
    uint16_t *port, int *family);
/* The text form of who is at the other end; "" when unknown. */
void address_format(char out[static NET_ADDRESS_MAX], nng_stream *);

#endif
