#include "cli/connection.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"

#define READ_STEP 65536
#define PATIENCE_MS 1000
#define PROTOCOL "lk.control/1"

static lk_err
peer_check(int fd)
{
	uid_t uid;
	gid_t gid;

	if (getpeereid(fd, &uid, &gid) == -1)
		return LK_SYS("look who listens");
	if (uid != geteuid())
		return LK_ERR(
		    LK_E_DENIED, "another user listens on this socket");
	return LK_NONE;
}

static lk_err
socket_connect(int fd, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (strlcpy(to.sun_path, path, sizeof(to.sun_path)) >=
	    sizeof(to.sun_path))
		return LK_ERR(LK_E_LIMIT, "the path of the socket is too long");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return peer_check(fd);
	if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
		return LK_ERR(LK_E_NOTFOUND, "no daemon listens");
	if (errno == EACCES)
		return LK_ERR(LK_E_DENIED, "the socket is not accessible");
	return LK_SYS("connect");
}

/*
 * A daemon that is just ending still has a socket.  Only who answers counts;
 * a command is not sent to one that may or may not carry it out.
 */
static lk_err
hello(struct connection *c)
{
	static const char question[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"version\"}\n";
	struct bytes answer;

	if (connection_send(c, BYTES_STR(question)).code != LK_OK ||
	    connection_line(c, &answer).code != LK_OK)
		return LK_ERR(LK_E_NOTFOUND, "no daemon answers");
	if (memmem(answer.ptr, answer.len, "\"" PROTOCOL "\"",
		strlen(PROTOCOL) + 2) == NULL)
		return LK_ERR(LK_E_VERSION, "another version listens");
	return LK_NONE;
}

lk_err
connection_open(struct connection *c, const char *path, struct output *tell)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	lk_err err;

	if (fd == -1)
		return LK_SYS("make a socket");
	err = socket_connect(fd, path);
	if (err.code != LK_OK) {
		close(fd);
		return err;
	}
	*c = (struct connection){ .fd = fd, .tell = tell };
	buf_init(&c->in, CONTROL_LINE_MAX + 2 * READ_STEP);
	err = hello(c);
	if (err.code != LK_OK)
		connection_close(c);
	return err;
}

void
connection_close(struct connection *c)
{
	close(c->fd);
	buf_clear(&c->in);
}

lk_err
connection_send(struct connection *c, struct bytes b)
{
	while (b.len > 0) {
		ssize_t n = send(c->fd, b.ptr, b.len, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return LK_SYS("send to the daemon");
		b = BYTES(b.ptr + n, b.len - (size_t)n);
	}
	return LK_NONE;
}

/* Whoever looks on should know what is waited for. */
static void
patience(struct connection *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	if (c->tell == NULL || poll(&p, 1, PATIENCE_MS) != 0)
		return;
	output_passing(c->tell, "lk: the daemon is busy, waiting for it");
	(void)poll(&p, 1, -1);
	output_passed(c->tell);
}

static lk_err
more_read(struct connection *c)
{
	size_t had = c->in.len;
	uint8_t *room = buf_extend(&c->in, READ_STEP);
	ssize_t n;

	if (room == NULL)
		return buf_err(&c->in, "a line from the daemon");
	patience(c);
	do
		n = recv(c->fd, room, READ_STEP, 0);
	while (n == -1 && errno == EINTR);
	c->in.len = had + (n > 0 ? (size_t)n : 0);
	if (n == -1 && errno != ECONNRESET)
		return LK_SYS("receive from the daemon");
	if (n <= 0)
		return LK_ERR(
		    LK_E_UNAVAILABLE, "the daemon closed the connection");
	return LK_NONE;
}

lk_err
connection_line(struct connection *c, struct bytes *line)
{
	size_t looked = 0;

	if (c->used > 0) {
		memmove(c->in.ptr, c->in.ptr + c->used, c->in.len - c->used);
		c->in.len -= c->used;
		c->used = 0;
	}
	for (;;) {
		const uint8_t *end = c->in.len == looked
		    ? NULL
		    : memchr(c->in.ptr + looked, '\n', c->in.len - looked);

		if (end != NULL) {
			*line = BYTES(c->in.ptr, (size_t)(end - c->in.ptr));
			c->used = line->len + 1;
			return LK_NONE;
		}
		looked = c->in.len;
		TRY(more_read(c));
	}
}
