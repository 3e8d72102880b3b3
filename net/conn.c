#include "net/conn.h"

#include <stdlib.h>
#include <string.h>

int
conn_compare(const struct conn *a, const struct conn *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

RB_GENERATE(conn_tree, conn, entry, conn_compare)

struct conn *
conn_find(struct net *net, uint64_t id)
{
	struct conn key = { .id = id };

	return (RB_FIND(conn_tree, &net->conns, &key));
}

/* With the mutex held; wakes the core when it sleeps. */
void
conn_tell(struct conn *c, enum conn_news news)
{
	struct net *net = c->net;

	if (c->hung_up)
		return;
	c->news |= news;
	if (!c->is_ready) {
		TAILQ_INSERT_TAIL(&net->ready, c, ready);
		c->is_ready = true;
	}
	net_rouse(net);
}

/* The stream is of no use any more; what is left to send is dropped. */
static void
conn_break(struct conn *c)
{
	if (c->broken)
		return;
	c->broken = true;
	buf_clear(&c->queued);
	conn_tell(c, NEWS_CLOSED);
}

static bool
conn_flushed(const struct conn *c)
{
	return (c->broken || c->stream == NULL ||
	    (!c->transmitting && c->queued.len == 0));
}

void
conn_bury(struct conn *c)
{
	/* Freeing it ends an operation that reports here once more. */
	if (c->buried)
		return;
	c->buried = true;
	TAILQ_REMOVE(&c->net->closing, c, ended);
	TAILQ_INSERT_TAIL(&c->net->dead, c, ended);
	pthread_cond_signal(&c->net->reap);
}

static void
receive_done(void *arg)
{
	struct conn *c = arg;
	size_t len = nng_aio_count(c->receive_aio);
	int rv = nng_aio_result(c->receive_aio);

	pthread_mutex_lock(&c->net->mutex);
	c->receiving = false;
	if (rv == 0 && len > 0) {
		c->received_len = len;
		conn_tell(c, NEWS_BYTES);
	} else
		/* The other side is done; ours may go on sending. */
		conn_tell(c, NEWS_CLOSED);
	pthread_mutex_unlock(&c->net->mutex);
}

void
conn_receive(struct conn *c)
{
	nng_iov iov = { .iov_buf = c->received, .iov_len = NET_RECEIVED_MAX };

	if (c->receiving || c->broken || c->held || c->hung_up || c->is_lent ||
	    c->news & (NEWS_BYTES | NEWS_CLOSED) || c->stream == NULL)
		return;
	if (nng_aio_set_iov(c->receive_aio, 1, &iov) != 0) {
		conn_break(c);
		return;
	}
	c->receiving = true;
	nng_stream_recv(c->stream, c->receive_aio);
}

static void
transmit_done(void *arg)
{
	struct conn *c = arg;
	struct net *net = c->net;
	int rv = nng_aio_result(c->transmit_aio);
	size_t pending;

	pthread_mutex_lock(&net->mutex);
	c->transmitting = false;
	if (rv != 0)
		conn_break(c);
	else
		/* A part is a success, too. */
		c->sent_len += nng_aio_count(c->transmit_aio);
	if (c->broken || c->sent_len == c->sending.len) {
		buf_clear(&c->sending);
		c->sent_len = 0;
	}
	conn_transmit(c);
	pending = c->sending.len - c->sent_len + c->queued.len;
	if (c->over_low && pending <= NET_PENDING_LOW) {
		c->over_low = false;
		conn_tell(c, NEWS_SENT);
	}
	if (c->hung_up && conn_flushed(c))
		conn_bury(c);
	pthread_mutex_unlock(&net->mutex);
}

void
conn_transmit(struct conn *c)
{
	nng_iov iov;

	if (c->transmitting || c->broken || c->stream == NULL)
		return;
	if (c->sending.len == 0) {
		struct buf emptied = c->sending;

		c->sending = c->queued;
		c->queued = emptied;
	}
	if (c->sending.len == 0)
		return;
	iov.iov_buf = c->sending.ptr + c->sent_len;
	iov.iov_len = c->sending.len - c->sent_len;
	if (nng_aio_set_iov(c->transmit_aio, 1, &iov) != 0) {
		conn_break(c);
		return;
	}
	c->transmitting = true;
	nng_stream_send(c->stream, c->transmit_aio);
}

struct conn *
conn_new(struct net *net, enum conn_kind kind, uint64_t id)
{
	size_t *count = kind == CONN_PEER ? &net->peers : &net->controls;
	size_t max = kind == CONN_PEER ? NET_PEERS_MAX : NET_CONTROL_MAX;
	struct conn *c;

	if (*count >= max || (c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->net = net;
	c->kind = kind;
	c->id = id;
	buf_init(&c->sending, NET_PENDING_HARD);
	buf_init(&c->queued, NET_PENDING_HARD);
	c->received = malloc(NET_RECEIVED_MAX);
	if (c->received == NULL ||
	    nng_aio_alloc(&c->receive_aio, receive_done, c) != 0 ||
	    nng_aio_alloc(&c->transmit_aio, transmit_done, c) != 0) {
		conn_free(c);
		return (NULL);
	}
	/* An idle connection is not a failed one. */
	nng_aio_set_timeout(c->receive_aio, NNG_DURATION_INFINITE);
	nng_aio_set_timeout(c->transmit_aio, NNG_DURATION_INFINITE);
	++*count;
	RB_INSERT(conn_tree, &net->conns, c);
	return (c);
}

void
conn_start(struct conn *c, nng_stream *stream)
{
	c->stream = stream;
	conn_receive(c);
}

void
conn_hang_up(struct conn *c)
{
	struct net *net = c->net;

	RB_REMOVE(conn_tree, &net->conns, c);
	if (c->is_ready)
		TAILQ_REMOVE(&net->ready, c, ready);
	if (c->is_lent)
		TAILQ_REMOVE(&net->lent, c, lent);
	c->is_ready = c->is_lent = false;
	c->hung_up = true;
	clock_gettime(CLOCK_MONOTONIC, &c->deadline);
	c->deadline.tv_sec += NET_FLUSH_MS / 1000;
	TAILQ_INSERT_TAIL(&net->closing, c, ended);
	if (conn_flushed(c))
		conn_bury(c);
	else
		/* The reaper has a deadline to wait for now. */
		pthread_cond_signal(&net->reap);
}

/* An operation whose time is up is cancelled by a thread of NNG's that only
 * nng_aio_free waits for: what it was given to is freed after it (NNG 1.5.2;
 * nng_aio_stop is not enough). */
void
conn_free(struct conn *c)
{
	for (size_t i = 0; i < c->dialers_len; i++)
		nng_stream_dialer_close(c->dialers[i]);
	/* A dial may have succeeded at the last moment: only now is it certain
	 * whether there is a stream. */
	if (c->dial_aio != NULL)
		nng_aio_stop(c->dial_aio);
	nng_aio_free(c->dial_aio);
	if (c->stream != NULL)
		nng_stream_close(c->stream);
	if (c->receive_aio != NULL)
		nng_aio_stop(c->receive_aio);
	if (c->transmit_aio != NULL)
		nng_aio_stop(c->transmit_aio);
	nng_aio_free(c->receive_aio);
	nng_aio_free(c->transmit_aio);
	if (c->stream != NULL)
		nng_stream_free(c->stream);
	for (size_t i = 0; i < c->dialers_len; i++)
		nng_stream_dialer_free(c->dialers[i]);
	buf_clear(&c->sending);
	buf_clear(&c->queued);
	free(c->received);
	free(c);
}
