#include "tests/tools/thief/socket.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "sync/endpoint.h"

lk_err
socket_dial(const char *address, int *out)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct address a;
	lk_err err;
	int fd;

	TRY(endpoint_parse(&a, address));
	if (a.type != ADDRESS_IPV4)
		return LK_ERR(LK_E_USAGE, "address");
	memcpy(&to.sin_addr, a.ip, sizeof(to.sin_addr));
	to.sin_port = htons(a.port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return LK_SYS("socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		err = LK_SYS("connect");
		(void)close(fd);
		return err;
	}
	*out = fd;
	return LK_NONE;
}

lk_err
socket_write(int fd, struct bytes bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n < 0)
			return LK_SYS("send");
		bytes = BYTES(bytes.ptr + n, bytes.len - (size_t)n);
	}
	return LK_NONE;
}

lk_err
socket_read(int fd, int wait_ms, uint8_t *to, size_t max, size_t *len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	*len = 0;
	if (poll(&p, 1, wait_ms) <= 0)
		return LK_NONE;
	n = recv(fd, to, max, 0);
	if (n <= 0)
		return LK_ERR(LK_E_UNAVAILABLE, "the peer went");
	*len = (size_t)n;
	return LK_NONE;
}

lk_err
socket_end(int fd)
{
	/* Whoever was attacked may have hung up before. */
	return shutdown(fd, SHUT_WR) < 0 && errno != ENOTCONN
	    ? LK_SYS("shutdown")
	    : LK_NONE;
}
