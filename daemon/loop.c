#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "daemon/control.h"
#include "daemon/hosting.h"
#include "daemon/mirrors.h"

#define EVENTS_MAX 64
/* Group commit (sync.md section 6): how much, and how long, a transaction may
 * take in while more is waiting. */
#define ROUND_BYTES_MAX (1024 * 1024)
#define ROUND_MS_MAX 5
/* Transactions in a row that only pass on what the one before made durable. */
#define FOLLOW_MAX 4
/* Events kept for watchers and the engine; above that they look at the log. */
#define FRESH_MAX 65536
/* After so long without anything to do memory is given back. */
#define REST_MS 2000

static int64_t
clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

struct now
now_read(void)
{
	return ((struct now){ .mono = { clock_ms(CLOCK_MONOTONIC) },
	    .wall = { clock_ms(CLOCK_REALTIME) } });
}

bool
round_is_full(const struct daemon *d)
{
	return (d->txn != NULL &&
	    (d->received >= ROUND_BYTES_MAX ||
		clock_ms(CLOCK_MONOTONIC) - d->begun.ms >= ROUND_MS_MAX));
}

/* Keeps what became durable until it has been passed on. */
static void
fresh_add(struct daemon *d, const struct replica_event *events, size_t len)
{
	struct replica_event *grown;

	if (len > FRESH_MAX - d->fresh_len) {
		len = FRESH_MAX - d->fresh_len;
		d->fresh_lost = true;
	}
	if (d->fresh_len + len > d->fresh_cap) {
		size_t cap = (d->fresh_len + len) * 2;

		grown = reallocarray(d->fresh, cap, sizeof(*grown));
		if (grown == NULL) {
			d->fresh_lost = true;
			return;
		}
		d->fresh = grown;
		d->fresh_cap = cap;
	}
	if (len > 0)
		memcpy(d->fresh + d->fresh_len, events, len * sizeof(*events));
	d->fresh_len += len;
}

/* An identity that was changed in a transaction that did not happen. */
static void
identity_undo(struct daemon *d)
{
	if (memcmp(&d->identity, &d->identity_saved, sizeof(d->identity)) == 0)
		return;
	d->identity = d->identity_saved;
	if (d->identity.name[0] == '\0') {
		replica_stop(d);
		d->has_identity = false;
	}
}

/* Everything in memory that came from the transaction that is gone. */
static void
round_forget(struct daemon *d, lk_err err)
{
	d->txn = NULL;
	d->identity_staged = false;
	if (d->replica != NULL)
		replica_aborted(d->replica);
	if (d->engine != NULL)
		engine_aborted(d->engine);
	if (d->relay_made)
		hosting_stop(d);
	d->relay_made = false;
	if (d->relay != NULL)
		relay_aborted(d->relay);
	d->lost_len = 0;
	d->peers_dropped = true;
	net_hang_up_peers(d->net);
	identity_undo(d);
	mirrors_aborted(d);
	control_aborted(d, err);
}

void
round_abort(struct daemon *d, lk_err err)
{
	log_warn("transaction: undone: %s%s%s", err.what,
	    err.code == LK_E_SYS ? ": " : "",
	    err.code == LK_E_SYS ? strerror(err.sys) : "");
	txn_abort(d->txn);
	round_forget(d, err);
}

static lk_err
store_check(struct daemon *d)
{
	struct store_damage damage;
	struct txn *txn;
	lk_err err;

	TRY(txn_begin(d->store, TXN_READ, &txn));
	err = store_verify(txn, &damage);
	txn_abort(txn);
	if (err.code == LK_OK && damage.envelopes + damage.records > 0)
		err = LK_ERR(LK_E_CORRUPT, "store");
	return (err);
}

static lk_err
store_again(struct daemon *d)
{
	lk_err err;

	TRY(store_open_home(d));
	err = store_check(d);
	if (err.code == LK_E_CORRUPT) {
		log_error("store: damaged: read-only from now on");
		d->read_only = true;
	} else if (err.code != LK_OK)
		return (err);
	if (!d->has_identity)
		return (LK_NONE);
	TRY(txn_begin(d->store, TXN_WRITE, &d->txn));
	err = replica_start(d);
	txn_abort(d->txn);
	d->txn = NULL;
	if (d->replica != NULL)
		replica_aborted(d->replica);
	return (err);
}

/*
 * A commit failed for another reason than a full disk: whatever the system
 * says now, what it holds may not be what we wrote.  Begins again from the
 * disk once; after that nothing is written any more.
 */
static void
store_reopen(struct daemon *d)
{
	lk_err err;

	control_fail_deferred(d, LK_ERR(LK_E_SYS, "the store failed"));
	replica_stop(d);
	store_close(d->store);
	d->store = NULL;
	d->read_only = d->store_failed;
	d->store_failed = true;
	err = store_again(d);
	if (err.code == LK_OK) {
		log_error("store: opened again%s",
		    d->read_only ? ", for reading only" : "");
		return;
	}
	log_error("store: cannot be opened again, ending: %s", err.what);
	d->status = lk_exit_status(LK_E_SYS);
	d->stopping = true;
}

lk_err
round_begin(struct daemon *d)
{
	bool any;
	lk_err err;

	if (d->txn != NULL)
		return (LK_NONE);
	if (d->store == NULL)
		return (LK_ERR(LK_E_UNAVAILABLE, "store"));
	err = txn_begin(d->store, TXN_WRITE, &d->txn);
	if (err.code == LK_E_SYS || err.code == LK_E_CORRUPT)
		store_reopen(d);
	TRY(err);
	/* A batch of events may have taken several transactions by now. */
	d->now = now_read();
	d->begun = d->now.mono;
	d->received = 0;
	if (d->relay != NULL)
		relay_begin(d->relay, d->txn, d->now);
	if (d->replica == NULL)
		return (LK_NONE);
	replica_begin(d->replica, d->txn, d->now);
	err = daemon_mend(d, &any);
	if (err.code == LK_OK && d->remotes_stale)
		err = remotes_adopt(d);
	if (err.code != LK_OK)
		round_abort(d, err);
	return (err);
}

static void
commit_failed(struct daemon *d, lk_err err)
{
	log_error("store: commit failed: %s",
	    err.code == LK_E_SYS ? strerror(err.sys) : lk_strcode(err.code));
	round_forget(d, err);
	if (err.code == LK_E_SYS || err.code == LK_E_CORRUPT)
		store_reopen(d);
}

static void
round_commit(struct daemon *d)
{
	const struct replica_event *events;
	size_t len = 0;
	lk_err err = LK_NONE;

	if (d->read_only) {
		txn_abort(d->txn);
		d->txn = NULL;
		if (d->replica != NULL)
			replica_aborted(d->replica);
		return;
	}
	err = identity_swap_stage(d);
	if (err.code != LK_OK) {
		round_abort(d, err);
		return;
	}
	if (d->relay != NULL)
		relay_save(d->relay);
	err = txn_commit(d->txn);
	d->txn = NULL;
	if (err.code != LK_OK) {
		commit_failed(d, err);
		return;
	}
	identity_swap_adopt(d);
	d->relay_made = false;
	if (d->relay != NULL)
		relay_committed(d->relay);
	if (d->replica != NULL) {
		replica_committed(d->replica, &events, &len);
		fresh_add(d, events, len);
	}
}

void
round_end(struct daemon *d)
{
	if (d->txn != NULL)
		round_commit(d);
	control_committed(d);
	peers_output(d);
}

static void
signal_take(struct daemon *d)
{
	struct signalfd_siginfo info;

	if (read(d->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	log_info("lkd: signal %u: ending", info.ssi_signo);
	d->stopping = true;
}

/* No connection's. */
static bool
is_of_nobody(const struct net_event *e)
{
	return (e->type == NET_SIGNAL || e->type == NET_WATCHED ||
	    e->type == NET_DATAGRAM || e->type == NET_CHANGED ||
	    e->type == NET_OBJECT);
}

static void
events_handle(struct daemon *d, const struct net_event *events, size_t n)
{
	d->peers_dropped = false;
	for (size_t i = 0; i < n; i++) {
		if (events[i].type == NET_SIGNAL)
			signal_take(d);
		if (events[i].type == NET_CONTROL)
			addresses_refresh(d);
		if (events[i].type == NET_DATAGRAM ||
		    events[i].type == NET_CHANGED)
			lan_event(d, &events[i]);
		if (events[i].type == NET_OBJECT)
			remotes_event(d, events[i].answer);
		if (is_of_nobody(&events[i]))
			continue;
		if (!control_event(d, &events[i]) && !d->peers_dropped)
			peers_event(d, &events[i]);
		if (round_is_full(d))
			round_end(d);
	}
	peers_tick(d);
	round_end(d);
}

/* Passes on what is durable now: to the engine, which pushes it, and to those
 * who wait for something.  What that writes has consequences of its own. */
static void
follow(struct daemon *d)
{
	for (int i = 0; i < FOLLOW_MAX && !d->stopping; i++) {
		struct replica_event *events = d->fresh;
		size_t len = d->fresh_len;
		bool lost = d->fresh_lost;

		if (len == 0 && (i > 0 || !control_waits(d)))
			return;
		d->fresh = NULL;
		d->fresh_len = d->fresh_cap = 0;
		d->fresh_lost = false;
		if (len > 0)
			peers_fresh(d, events, len);
		mirrors_fresh(d, events, len, lost);
		peers_tick(d);
		if (control_waits(d) && round_begin(d).code == LK_OK)
			control_poll(d, events, len, lost);
		free(events);
		round_end(d);
	}
}

/* Nothing has come for a while: what the work before needed is let go. */
static void
rest(struct daemon *d)
{
	d->worked.ms = 0;
	if (d->replica != NULL)
		replica_rest(d->replica);
	if (d->engine != NULL)
		engine_rest(d->engine, d->now);
	if (d->store != NULL)
		store_rest(d->store);
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}

static int
loop_timeout(const struct daemon *d)
{
	int64_t next = peers_next_ms(d), control = control_next_ms(d), left;
	int64_t mirrors = mirrors_next_ms(d), scrub = scrub_next_ms(d);

	if (d->fresh_len > 0 || d->lost_len > 0 || control_due(d))
		return (0);
	if (control < next)
		next = control;
	if (mirrors < next)
		next = mirrors;
	if (scrub < next)
		next = scrub;
	if (d->worked.ms != 0 && d->worked.ms + REST_MS < next)
		next = d->worked.ms + REST_MS;
	if (next == INT64_MAX)
		return (-1);
	left = next - clock_ms(CLOCK_MONOTONIC);
	return (left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left);
}

void
loop_run(struct daemon *d)
{
	struct net_event events[EVENTS_MAX];

	while (!d->stopping) {
		size_t n = 0;
		lk_err err =
		    net_wait(d->net, loop_timeout(d), events, EVENTS_MAX, &n);

		if (err.code != LK_OK) {
			log_error("net: %s: %s", err.what, strerror(err.sys));
			d->status = lk_exit_status(err.code);
			break;
		}
		d->now = now_read();
		/* What is only overheard leaves nothing to be let go. */
		if (n > 0 && events[n - 1].type != NET_DATAGRAM)
			d->worked = d->now.mono;
		else if (d->worked.ms != 0 &&
		    d->now.mono.ms >= d->worked.ms + REST_MS)
			rest(d);
		events_handle(d, events, n);
		follow(d);
		mirrors_run(d);
		scrub_run(d);
		control_sweep(d);
		if (d->logfile.path[0] != '\0')
			logfile_rotate(&d->logfile);
	}
	control_fail_deferred(
	    d, LK_ERR(LK_E_UNAVAILABLE, "the daemon is ending"));
	control_committed(d);
	free(d->fresh);
	d->fresh = NULL;
	d->fresh_len = d->fresh_cap = 0;
}
