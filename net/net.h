/*
 * net.h - byte streams to and from elsewhere: TCP to peers, a Unix socket for
 * control clients (sync.md section 2).  The only part that sees NNG.
 *
 * NNG's callbacks only note what happened; the one thread that owns a struct
 * net collects it with net_wait and decides.  All functions are called by that
 * thread, except net_wake.
 *
 * A connection has a number, never used twice: the caller's own for one that
 * is dialed (from NET_DIALED_FIRST on), ours for one that was accepted.
 *
 *   net_dial -> DIALING --NET_DIALED----> OPEN --NET_CLOSED--> ENDED
 *                  |      NET_ACCEPTED -> OPEN                   |
 *                  +------NET_DIAL_FAILED ---------------------> |
 *   any state -- net_hang_up --> gone: no event names it any more
 *
 * Every connection is ended by net_hang_up, also after NET_CLOSED and
 * NET_DIAL_FAILED.  After NET_CLOSED no bytes arrive, but what is sent may
 * still be read on the other side (a client may close its half first).
 *
 * Memory is bounded: each connection has at most one buffer of received bytes,
 * and reads no more until the caller has seen it; what waits to be sent is at
 * most NET_PENDING_HARD.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/bytes.h"
#include "base/limits.h"
#include "base/object.h"
#include "base/remote_url.h"

#define NET_DIALED_FIRST (UINT64_C(1) << 62)
/* "[v6]:port" or "name:port" with its NUL. */
#define NET_ADDRESS_MAX 272
/* Received at once, at most. */
#define NET_RECEIVED_MAX (64 * 1024)
/* Above this net_send refuses: far over PEER_PENDING_MAX, where producers stop,
 * so only a bug or a flood of small answers gets here. */
#define NET_PENDING_HARD (4 * MESSAGE_MAX)
/* NET_SENT comes when what is pending falls to this. */
#define NET_PENDING_LOW (PEER_PENDING_MAX / 4)
/* TCP connections, both ways, those of strangers included. */
#define NET_PEERS_MAX (PEERS_MAX + PEERS_STRANGERS_MAX)
/* A few more than are served, so that the rest can be told why. */
#define NET_CONTROL_MAX (CONTROL_CLIENTS_MAX + 4)
/* What net_hang_up may take to send what is pending, and a dial in all. */
#define NET_FLUSH_MS 2000
#define NET_DIAL_MS 10000

struct net;

enum net_event_type {
	NET_ACCEPTED, /* a peer; address is set */
	NET_CONTROL,  /* a client of ours */
	NET_DIALED,
	NET_DIAL_FAILED,
	NET_BYTES,
	NET_SENT,    /* there is room again: NET_PENDING_LOW or less pending */
	NET_CLOSED,  /* by the other side, or broken */
	NET_SIGNAL,  /* the descriptor given to net_open is readable; no conn */
	NET_WATCHED, /* the one given to net_watch is; no conn */
	NET_DATAGRAM, /* said to everybody here; bytes, from; no conn */
	NET_CHANGED,  /* interfaces or addresses came or went; no conn */
	NET_OBJECT,   /* what a remote answers: answer; no conn */
};

/* Multicast (docs/protocol.md section 13): datagrams that are longer are not
 * passed on, and no more than so many a second are even read. */
#define NET_DATAGRAM_MAX 64
#define NET_DATAGRAMS_A_SECOND 20
#define NET_SOURCES_MAX 32

/* An address of this machine, and the interface it is of. */
struct net_source {
	uint8_t ip[16]; /* ::ffff: and an IPv4 address, or an IPv6 one */
	bool v6;
	uint32_t interface;
};
/* Who sent a datagram. */
struct net_from {
	uint8_t ip[16];
	char host[NET_ADDRESS_MAX]; /* as in an address, before the port */
};

struct net_event {
	enum net_event_type type;
	uint64_t conn;
	struct bytes bytes;  /* BYTES; borrowed until the next net_wait */
	const char *address; /* ACCEPTED: "1.2.3.4:567" or "[v6]:567"; borrowed
			      * until the next net_wait */
	const struct net_from *from; /* DATAGRAM; likewise */
	/* OBJECT: likewise, but what it owns may be taken out of it. */
	struct object_answer *answer;
};

/* `signal_fd` (-1: none) is watched but not read; kept, not closed.  Starts
 * threads: fork before. */
LK_MUST_USE lk_err net_open(struct net **, int signal_fd);
/* Another descriptor to watch, likewise; one.  Who is told reads it. */
void net_watch(struct net *, int fd);
/* Hangs up everything (so it may take NET_FLUSH_MS) and frees it. */
void net_close(struct net *);

/*
 * Accepts peers on `host` (a numeric address; NULL: all of them, IPv6 and
 * IPv4) and `port` (0: one the system chooses), which is put in *bound.  Once.
 *   UNAVAILABLE  the port or the address cannot be had
 */
LK_MUST_USE lk_err net_listen_tcp(
    struct net *, const char *host, uint16_t port, uint16_t *bound);
/*
 * Accepts clients of this user, and of no other, on a Unix socket made at
 * `path` (mode 0600), in a directory the caller has checked.  A socket that
 * was left there is replaced.  Removed by net_close.  Once.
 *   LIMIT  longer than a socket's path may be; UNAVAILABLE, SYS
 */
LK_MUST_USE lk_err net_listen_control(struct net *, const char *path);

/*
 * Dials "host:port", a name, an IPv4 address or an IPv6 address in brackets.
 * The result is always an event, also for an address that is none.
 *   LIMIT  NET_PEERS_MAX are there already; EXISTS; NOMEM
 */
LK_MUST_USE lk_err net_dial(struct net *, uint64_t conn, const char *address);

/*
 * Sends the bytes and takes them: *b is empty afterwards, whatever the result.
 * In order, never a part without the rest unless the connection ends.
 *   NOTFOUND  no such connection, or not open (yet)
 *   LIMIT     NET_PENDING_HARD would be exceeded: hang up, the stream has a
 *             hole; NOMEM likewise
 */
LK_MUST_USE lk_err net_send(struct net *, uint64_t conn, struct buf *b);
/* Bytes not yet handed to the system; 0 for no connection. */
size_t net_pending(struct net *, uint64_t conn);
/* While held nothing is read from it (one NET_BYTES may still be on its way),
 * so the other side is slowed down. */
void net_hold(struct net *, uint64_t conn, bool hold);
/* Ends it, in the background: what was sent goes out first, for NET_FLUSH_MS
 * at most. */
void net_hang_up(struct net *, uint64_t conn);
/* The same for all connections to peers, those being dialed too. */
void net_hang_up_peers(struct net *);

/*
 * Waits up to timeout_ms (-1: for ever, 0: not at all) for something to
 * happen, and gives up to `max` events; *n is 0 after the timeout or net_wake.
 * Connections take turns, one after the other.  Views in earlier events end.
 */
LK_MUST_USE lk_err net_wait(struct net *, int timeout_ms,
    struct net_event *events, size_t max, size_t *n);
/* Makes net_wait return; from any thread. */
void net_wake(struct net *);

/*
 * Watches the interfaces and, with `multicast`, listens on all of them, as they
 * come and go, for what is said to 239.255.76.75 and ff02::4c4b, port 7675.
 * Other programs may listen beside it.  `only`: a numeric address, to speak
 * from no other, or "".  Once.  After an error the rest works nevertheless.
 *   SYS  no interfaces can be watched, or no family listened to
 */
LK_MUST_USE lk_err net_lan_open(struct net *, const char *only, bool multicast);
/* The addresses to speak from: each IPv4 address and link-local IPv6 address of
 * an interface that is up and can multicast.  Borrowed until the next net_wait.
 */
size_t net_sources(const struct net *, const struct net_source **);
/* Says it to everybody on that interface, from that address, TTL 1.  What
 * cannot be sent is lost, and NET_CHANGED comes when something changes. */
void net_announce(struct net *, const struct net_source *, struct bytes);

/* What may be asked of one remote and not be answered by net_wait yet. */
#define NET_OBJECTS_MAX 64

/* Where folders are seen (broker.h): keeps and closes it.  Before a remote is
 * opened; without it folders are UNAVAILABLE. */
void net_broker(struct net *, int fd);
/*
 * From now on requests name this remote by `number`, which is no other's.  It
 * need not be reachable.  USAGE when it keeps no objects (a relay); UNAVAILABLE
 * when libcurl is not there, for a bucket; NOMEM.
 */
LK_MUST_USE lk_err net_remote_open(
    struct net *, uint32_t number, const struct remote_url *);
/* Drops what is not answered: no event names it any more, except those already
 * given by net_wait. */
void net_remote_close(struct net *, uint32_t number);
/*
 * Asks (base/object.h), and takes the bytes of the request; NET_OBJECT answers,
 * also when there is no such remote (NOTFOUND), NET_OBJECTS_MAX are pending
 * (LIMIT), or no thread could be had (SYS).  NOMEM: not asked, no answer.
 */
LK_MUST_USE lk_err net_object(struct net *, struct object_request *);

/* Connections to peers, both ways, those being dialed included. */
size_t net_peers(struct net *);

#endif
