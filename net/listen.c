#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/conn.h"

#define SOCKET_MODE 0600
/* Accepting fails at once while descriptors are short: do not spin. */
#define REST_MS 100

static bool
listener_has_room(const struct listener *l)
{
	return (l->kind == CONN_PEER ? l->net->peers < NET_PEERS_MAX
				     : l->net->controls < NET_CONTROL_MAX);
}

void
listener_accept(struct listener *l)
{
	if (l->busy || l->stopped || l->orphan != NULL || !listener_has_room(l))
		return;
	l->busy = true;
	l->resting = false;
	nng_stream_listener_accept(l->stream, l->aio);
}

/* Only this user talks to his daemon; a process of root is not this user. */
static bool
stream_is_ours(nng_stream *stream)
{
	uint64_t uid;

	return (
	    nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_UID, &uid) == 0 &&
	    uid == geteuid());
}

static void
stream_adopt(struct listener *l, nng_stream *stream)
{
	struct net *net = l->net;
	struct conn *c = NULL;

	if (l->kind == CONN_PEER || stream_is_ours(stream))
		c = conn_new(net, l->kind, net->accepted_next);
	if (c == NULL) {
		l->orphan = stream;
		pthread_cond_signal(&net->reap);
		return;
	}
	net->accepted_next++;
	if (l->kind == CONN_PEER)
		address_format(c->address, stream);
	conn_tell(c, NEWS_ACCEPTED);
	conn_start(c, stream);
}

static void
accept_done(void *arg)
{
	struct listener *l = arg;
	struct net *net = l->net;
	int rv = nng_aio_result(l->aio);

	pthread_mutex_lock(&net->mutex);
	l->busy = false;
	if (!l->resting && rv == 0)
		stream_adopt(l, nng_aio_get_output(l->aio, 0));
	if (!l->resting && rv != 0 && !l->stopped) {
		l->busy = l->resting = true;
		nng_sleep_aio(REST_MS, l->aio);
	} else
		listener_accept(l);
	pthread_mutex_unlock(&net->mutex);
}

static lk_err
listen_error(int rv, const char *what)
{
	if (rv == NNG_ENOMEM)
		return (LK_ERR(LK_E_NOMEM, what));
	if (rv == NNG_EADDRINUSE || rv == NNG_EADDRINVAL || rv == NNG_EPERM)
		return (LK_ERR(LK_E_UNAVAILABLE, what));
	if (rv & NNG_ESYSERR)
		return ((lk_err){ LK_E_SYS, rv & ~NNG_ESYSERR, what });
	return (LK_ERR(LK_E_SYS, what));
}

/* Opens one listener; *port is what it is bound to. */
static lk_err
listener_open(
    struct net *net, enum conn_kind kind, const char *url, uint16_t *port)
{
	struct listener *l = &net->listeners[net->listeners_len];
	nng_stream_listener *stream;
	int rv, bound = 0;

	LK_ASSERT(net->listeners_len < NET_LISTENERS);
	if ((rv = nng_stream_listener_alloc(&stream, url)) != 0)
		return (listen_error(rv, "listen"));
	if (kind == CONN_PEER) {
		(void)nng_stream_listener_set_bool(
		    stream, NNG_OPT_TCP_NODELAY, true);
		(void)nng_stream_listener_set_bool(
		    stream, NNG_OPT_TCP_KEEPALIVE, true);
	} else
		(void)nng_stream_listener_set_int(
		    stream, NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE);
	if ((rv = nng_stream_listener_listen(stream)) != 0) {
		nng_stream_listener_free(stream);
		return (listen_error(rv, "listen"));
	}
	if (kind == CONN_PEER)
		(void)nng_stream_listener_get_int(
		    stream, NNG_OPT_TCP_BOUND_PORT, &bound);
	*l = (struct listener){ .net = net, .kind = kind, .stream = stream };
	if ((rv = nng_aio_alloc(&l->aio, accept_done, l)) != 0) {
		nng_stream_listener_close(stream);
		nng_stream_listener_free(stream);
		return (listen_error(rv, "listen"));
	}
	nng_aio_set_timeout(l->aio, NNG_DURATION_INFINITE);
	pthread_mutex_lock(&net->mutex);
	net->listeners_len++;
	listener_accept(l);
	pthread_mutex_unlock(&net->mutex);
	if (port != NULL)
		*port = (uint16_t)bound;
	return (LK_NONE);
}

lk_err
net_listen_tcp(
    struct net *net, const char *host, uint16_t port, uint16_t *bound)
{
	char url[NET_ADDRESS_MAX + 16];
	lk_err err;

	if (host != NULL) {
		bool v6 = strchr(host, ':') != NULL;
		int n = snprintf(url, sizeof(url),
		    v6 ? "tcp6://[%s]:%u" : "tcp4://%s:%u", host, port);

		if (n < 0 || (size_t)n >= sizeof(url))
			return (LK_ERR(LK_E_LIMIT, "listen"));
		return (listener_open(net, CONN_PEER, url, bound));
	}
	/* The IPv6 one serves both families on most systems. */
	snprintf(url, sizeof(url), "tcp6://[::]:%u", port);
	err = listener_open(net, CONN_PEER, url, bound);
	if (err.code == LK_E_UNAVAILABLE && port != 0)
		return (err);
	snprintf(url, sizeof(url), "tcp4://0.0.0.0:%u",
	    err.code == LK_OK ? *bound : port);
	if (err.code != LK_OK)
		return (listener_open(net, CONN_PEER, url, bound));
	/* In use then means: by the one above. */
	err = listener_open(net, CONN_PEER, url, NULL);
	return (err.code == LK_E_NOMEM ? err : LK_NONE);
}

lk_err
net_listen_control(struct net *net, const char *path)
{
	char url[sizeof(net->control_path) + 8];
	struct stat st;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return (LK_ERR(LK_E_LIMIT, "control socket path"));
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
			return (LK_ERR(LK_E_UNAVAILABLE,
			    "control socket: something else is there"));
		if (unlink(path) == -1)
			return (LK_SYS("control socket"));
	}
	snprintf(url, sizeof(url), "ipc://%s", path);
	TRY(listener_open(net, CONN_CONTROL, url, NULL));
	strlcpy(net->control_path, path, sizeof(net->control_path));
	return (LK_NONE);
}
