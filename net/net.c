#include "net/net.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/conn.h"

static bool
time_before(struct timespec a, struct timespec b)
{
	return (a.tv_sec < b.tv_sec ||
	    (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec));
}

/* Whose time to send what is left is over, joins the dead. */
static void
closing_expire(struct net *net)
{
	struct timespec now;
	struct conn *c;

	clock_gettime(CLOCK_MONOTONIC, &now);
	while ((c = TAILQ_FIRST(&net->closing)) != NULL &&
	    !time_before(now, c->deadline))
		conn_bury(c);
}

/* Frees one dead connection; the mutex is released meanwhile, since stopping
 * waits for callbacks that want it. */
static void
dead_free(struct net *net, struct conn *c)
{
	size_t *count = c->kind == CONN_PEER ? &net->peers : &net->controls;

	TAILQ_REMOVE(&net->dead, c, ended);
	pthread_mutex_unlock(&net->mutex);
	conn_free(c);
	pthread_mutex_lock(&net->mutex);
	--*count;
}

static void
listeners_tend(struct net *net)
{
	for (size_t i = 0; i < net->listeners_len; i++) {
		struct listener *l = &net->listeners[i];
		nng_stream *orphan = l->orphan;

		if (orphan != NULL) {
			pthread_mutex_unlock(&net->mutex);
			nng_stream_close(orphan);
			nng_stream_free(orphan);
			pthread_mutex_lock(&net->mutex);
			l->orphan = NULL;
		}
		listener_accept(l);
	}
}

static bool
orphan_waits(const struct net *net)
{
	for (size_t i = 0; i < net->listeners_len; i++)
		if (net->listeners[i].orphan != NULL)
			return (true);
	return (false);
}

static void *
reaper_run(void *arg)
{
	struct net *net = arg;
	struct conn *c;

	pthread_mutex_lock(&net->mutex);
	for (;;) {
		closing_expire(net);
		if ((c = TAILQ_FIRST(&net->dead)) != NULL) {
			dead_free(net, c);
			listeners_tend(net);
		} else if (orphan_waits(net))
			listeners_tend(net);
		else if ((c = TAILQ_FIRST(&net->closing)) != NULL)
			pthread_cond_timedwait(
			    &net->reap, &net->mutex, &c->deadline);
		else if (net->stop)
			break;
		else
			pthread_cond_wait(&net->reap, &net->mutex);
	}
	pthread_mutex_unlock(&net->mutex);
	return (NULL);
}

static lk_err
reaper_start(struct net *net)
{
	pthread_condattr_t attr;
	int rv;

	pthread_mutex_init(&net->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&net->reap, &attr);
	pthread_condattr_destroy(&attr);
	if ((rv = pthread_create(&net->reaper, NULL, reaper_run, net)) == 0)
		return (LK_NONE);
	pthread_cond_destroy(&net->reap);
	pthread_mutex_destroy(&net->mutex);
	return ((lk_err){ LK_E_SYS, rv, "start a thread" });
}

lk_err
net_open(struct net **out, int signal_fd)
{
	struct net *net = calloc(1, sizeof(*net));
	lk_err err;

	if (net == NULL)
		return (LK_ERR(LK_E_NOMEM, "open the network"));
	net->signal_fd = signal_fd;
	net->watched_fd = -1;
	lan_init(&net->lan);
	objects_init(&net->objects);
	net->accepted_next = 1;
	RB_INIT(&net->conns);
	TAILQ_INIT(&net->ready);
	TAILQ_INIT(&net->lent);
	TAILQ_INIT(&net->closing);
	TAILQ_INIT(&net->dead);
	net->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = net->wake_fd == -1 ? LK_SYS("eventfd") : reaper_start(net);
	if (err.code != LK_OK) {
		if (net->wake_fd != -1)
			close(net->wake_fd);
		free(net);
		return (err);
	}
	*out = net;
	return (LK_NONE);
}

void
net_watch(struct net *net, int fd)
{
	net->watched_fd = fd;
}

static void
listener_close(struct listener *l)
{
	struct net *net = l->net;

	pthread_mutex_lock(&net->mutex);
	l->stopped = true;
	pthread_mutex_unlock(&net->mutex);
	nng_stream_listener_close(l->stream);
	nng_aio_stop(l->aio);
	nng_aio_free(l->aio);
	nng_stream_listener_free(l->stream);
}

void
net_close(struct net *net)
{
	struct conn *c;

	if (net == NULL)
		return;
	for (size_t i = 0; i < net->listeners_len; i++)
		listener_close(&net->listeners[i]);
	if (net->control_path[0] != '\0')
		(void)unlink(net->control_path);
	pthread_mutex_lock(&net->mutex);
	while ((c = RB_ROOT(&net->conns)) != NULL)
		conn_hang_up(c);
	objects_close(net);
	net->stop = true;
	pthread_cond_signal(&net->reap);
	pthread_mutex_unlock(&net->mutex);
	pthread_join(net->reaper, NULL);
	pthread_cond_destroy(&net->reap);
	pthread_mutex_destroy(&net->mutex);
	lan_close(&net->lan);
	close(net->wake_fd);
	free(net);
}

static size_t
pending_of(const struct conn *c)
{
	return (c->sending.len - c->sent_len + c->queued.len);
}

/* Takes *b into the queue of a connection. */
static lk_err
conn_queue(struct conn *c, struct buf *b)
{
	if (b->len > NET_PENDING_HARD - pending_of(c))
		return (LK_ERR(LK_E_LIMIT, "send"));
	if (c->queued.len == 0) {
		size_t max = c->queued.max;

		buf_clear(&c->queued);
		c->queued = *b;
		c->queued.max = max;
		*b = (struct buf){ .max = b->max };
	} else {
		buf_add(&c->queued, buf_bytes(b));
		TRY(buf_err(&c->queued, "send"));
	}
	conn_transmit(c);
	if (pending_of(c) > NET_PENDING_LOW)
		c->over_low = true;
	return (LK_NONE);
}

lk_err
net_send(struct net *net, uint64_t conn, struct buf *b)
{
	struct conn *c;
	lk_err err = LK_NONE;

	pthread_mutex_lock(&net->mutex);
	c = conn_find(net, conn);
	if (c == NULL || c->stream == NULL)
		err = LK_ERR(LK_E_NOTFOUND, "send");
	/* To a broken one nothing can be sent; NET_CLOSED says so. */
	else if (!c->broken && b->len > 0)
		err = conn_queue(c, b);
	pthread_mutex_unlock(&net->mutex);
	buf_clear(b);
	return (err);
}

size_t
net_pending(struct net *net, uint64_t conn)
{
	struct conn *c;
	size_t pending;

	pthread_mutex_lock(&net->mutex);
	c = conn_find(net, conn);
	pending = c == NULL ? 0 : pending_of(c);
	pthread_mutex_unlock(&net->mutex);
	return (pending);
}

void
net_hold(struct net *net, uint64_t conn, bool hold)
{
	struct conn *c;

	pthread_mutex_lock(&net->mutex);
	c = conn_find(net, conn);
	if (c != NULL) {
		c->held = hold;
		conn_receive(c);
	}
	pthread_mutex_unlock(&net->mutex);
}

void
net_hang_up(struct net *net, uint64_t conn)
{
	struct conn *c;

	pthread_mutex_lock(&net->mutex);
	c = conn_find(net, conn);
	if (c != NULL)
		conn_hang_up(c);
	pthread_mutex_unlock(&net->mutex);
}

void
net_hang_up_peers(struct net *net)
{
	struct conn *c, *next;

	pthread_mutex_lock(&net->mutex);
	RB_FOREACH_SAFE (c, conn_tree, &net->conns, next)
		if (c->kind == CONN_PEER)
			conn_hang_up(c);
	pthread_mutex_unlock(&net->mutex);
}

void
net_wake(struct net *net)
{
	uint64_t one = 1;

	/* It fails only when the counter is full, and then it is awake. */
	if (write(net->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void
net_rouse(struct net *net)
{
	if (net->waiting) {
		net->waiting = false;
		net_wake(net);
	}
}

size_t
net_peers(struct net *net)
{
	size_t n;

	pthread_mutex_lock(&net->mutex);
	n = net->peers;
	pthread_mutex_unlock(&net->mutex);
	return (n);
}

/* What the core was lent it has seen: those connections may read again. */
static void
lent_return(struct net *net)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&net->lent)) != NULL) {
		TAILQ_REMOVE(&net->lent, c, lent);
		c->is_lent = false;
		conn_receive(c);
	}
}

static const struct {
	enum conn_news news;
	enum net_event_type type;
} news_order[] = {
	{ NEWS_ACCEPTED, NET_ACCEPTED },
	{ NEWS_DIALED, NET_DIALED },
	{ NEWS_DIAL_FAILED, NET_DIAL_FAILED },
	{ NEWS_BYTES, NET_BYTES },
	{ NEWS_SENT, NET_SENT },
	{ NEWS_CLOSED, NET_CLOSED },
};

/* Moves the first piece of news of a connection into an event. */
static void
news_take(struct conn *c, struct net_event *event)
{
	size_t i = 0;

	while (!(c->news & news_order[i].news))
		i++;
	c->news &= ~(unsigned)news_order[i].news;
	*event =
	    (struct net_event){ .type = news_order[i].type, .conn = c->id };
	if (event->type == NET_ACCEPTED) {
		event->address = c->address;
		if (c->kind == CONN_CONTROL)
			event->type = NET_CONTROL;
	}
	if (event->type == NET_BYTES) {
		event->bytes = BYTES(c->received, c->received_len);
		TAILQ_INSERT_TAIL(&c->net->lent, c, lent);
		c->is_lent = true;
	}
}

/* Answers of remotes; then each connection gives all its news, at most one of
 * each kind. */
static size_t
ready_take(struct net *net, struct net_event *events, size_t max)
{
	struct conn *c;
	size_t n;

	n = objects_take(&net->objects, events, max);
	while (n < max && (c = TAILQ_FIRST(&net->ready)) != NULL) {
		while (n < max && c->news != 0)
			news_take(c, &events[n++]);
		if (c->news == 0) {
			TAILQ_REMOVE(&net->ready, c, ready);
			c->is_ready = false;
		}
	}
	return (n);
}

/* What the core sleeps on. */
enum { WAKE_FD, SIGNAL_FD, WATCHED_FD, LAN_FD, CORE_FDS = LAN_FD + LAN_FDS };

/* Sleeps until there is news. */
static lk_err
core_sleep(struct net *net, int timeout_ms, struct pollfd fds[static CORE_FDS])
{
	uint64_t count;

	fds[WAKE_FD] = (struct pollfd){ .fd = net->wake_fd, .events = POLLIN };
	fds[SIGNAL_FD] =
	    (struct pollfd){ .fd = net->signal_fd, .events = POLLIN };
	fds[WATCHED_FD] =
	    (struct pollfd){ .fd = net->watched_fd, .events = POLLIN };
	lan_poll(&net->lan, fds + LAN_FD, &timeout_ms);
	if (poll(fds, CORE_FDS, timeout_ms) == -1) {
		if (errno != EINTR)
			return (LK_SYS("poll"));
		for (size_t i = 0; i < CORE_FDS; i++)
			fds[i].revents = 0;
	}
	if (fds[WAKE_FD].revents != 0 &&
	    read(net->wake_fd, &count, sizeof(count)) < 0)
		count = 0;
	return (LK_NONE);
}

lk_err
net_wait(struct net *net, int timeout_ms, struct net_event *events, size_t max,
    size_t *n)
{
	struct pollfd fds[CORE_FDS];
	size_t taken, extra;
	lk_err err;

	pthread_mutex_lock(&net->mutex);
	lent_return(net);
	objects_return(&net->objects);
	taken = ready_take(net, events, max);
	net->waiting = taken == 0 && timeout_ms != 0;
	pthread_mutex_unlock(&net->mutex);
	/* Signals are looked at even when bytes never stop coming. */
	err = core_sleep(net, taken > 0 ? 0 : timeout_ms, fds);
	*n = taken;
	TRY(err);
	extra = fds[SIGNAL_FD].revents != 0 && fds[WATCHED_FD].revents != 0 ? 2
	    : fds[SIGNAL_FD].revents != 0 || fds[WATCHED_FD].revents != 0   ? 1
									    : 0;
	if (taken == 0) {
		pthread_mutex_lock(&net->mutex);
		net->waiting = false;
		taken = ready_take(net, events, max > extra ? max - extra : 0);
		pthread_mutex_unlock(&net->mutex);
	}
	if (fds[SIGNAL_FD].revents != 0 && taken < max)
		events[taken++] = (struct net_event){ .type = NET_SIGNAL };
	if (fds[WATCHED_FD].revents != 0 && taken < max)
		events[taken++] = (struct net_event){ .type = NET_WATCHED };
	*n = taken +
	    lan_take(&net->lan, fds + LAN_FD, events + taken, max - taken);
	return (LK_NONE);
}
