#include <stdio.h>
#include <string.h>

#include "net/conn.h"

static void
dial_next(struct conn *c)
{
	nng_stream_dialer_dial(c->dialers[c->dialers_tried++], c->dial_aio);
}

static void
dial_done(void *arg)
{
	struct conn *c = arg;
	struct net *net = c->net;
	int rv = nng_aio_result(c->dial_aio);
	nng_stream *stream;

	pthread_mutex_lock(&net->mutex);
	if (rv == 0) {
		stream = nng_aio_get_output(c->dial_aio, 0);
		conn_tell(c, NEWS_DIALED);
		conn_start(c, stream);
	} else if (!c->hung_up && c->dialers_tried < c->dialers_len)
		dial_next(c);
	else
		conn_tell(c, NEWS_DIAL_FAILED);
	pthread_mutex_unlock(&net->mutex);
}

/* One dialer for each family that may work; none when the address is bad. */
static void
dialers_make(struct conn *c, const char *address)
{
	static const int families[CONN_DIALERS] = { 4, 6 };
	char host[NET_ADDRESS_MAX], url[NET_ADDRESS_MAX + 16];
	uint16_t port;
	int family;

	if (!address_split(address, host, &port, &family))
		return;
	for (size_t i = 0; i < CONN_DIALERS; i++) {
		nng_stream_dialer *d;

		if (family != 0 && family != families[i])
			continue;
		snprintf(url, sizeof(url),
		    family == 6 ? "tcp%d://[%s]:%u" : "tcp%d://%s:%u",
		    families[i], host, port);
		if (nng_stream_dialer_alloc(&d, url) != 0)
			continue;
		(void)nng_stream_dialer_set_bool(d, NNG_OPT_TCP_NODELAY, true);
		(void)nng_stream_dialer_set_bool(
		    d, NNG_OPT_TCP_KEEPALIVE, true);
		c->dialers[c->dialers_len++] = d;
	}
}

lk_err
net_dial(struct net *net, uint64_t conn, const char *address)
{
	struct conn *c;
	lk_err err = LK_NONE;

	LK_ASSERT(conn >= NET_DIALED_FIRST);
	pthread_mutex_lock(&net->mutex);
	if (conn_find(net, conn) != NULL)
		err = LK_ERR(LK_E_EXISTS, "dial");
	else if (net->peers >= NET_PEERS_MAX)
		err = LK_ERR(LK_E_LIMIT, "dial");
	else if ((c = conn_new(net, CONN_PEER, conn)) == NULL)
		err = LK_ERR(LK_E_NOMEM, "dial");
	else {
		if (nng_aio_alloc(&c->dial_aio, dial_done, c) == 0) {
			nng_aio_set_timeout(
			    c->dial_aio, NET_DIAL_MS / CONN_DIALERS);
			dialers_make(c, address);
		}
		if (c->dialers_len > 0)
			dial_next(c);
		else
			conn_tell(c, NEWS_DIAL_FAILED);
	}
	pthread_mutex_unlock(&net->mutex);
	return (err);
}
