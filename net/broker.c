#include "net/broker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/remote_url.h"
#include "net/folder.h"

/* Between two processes of one program: structs as they are, then what is as
 * long as they say. */
#define ASK_CREDENTIALS (OBJECT_DELETE + 1)
struct ask {
	uint32_t op; /* of enum object_op, or ASK_CREDENTIALS */
	char dir[REMOTE_URL_MAX + 1]; /* or a profile */
	char name[OBJECT_NAME_MAX + 1], after[OBJECT_NAME_MAX + 1];
	uint64_t max, len;
};
struct reply {
	uint32_t code;
	int32_t sys;
	char why[128];
	uint64_t entries_len, len;
	uint8_t more;
};

static bool
all_send(int fd, const void *from, size_t len)
{
	const uint8_t *at = from;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
all_receive(int fd, void *to, size_t len)
{
	uint8_t *at = to;

	while (len > 0) {
		ssize_t n = recv(fd, at, len, 0);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* `len` bytes into an empty buffer; false also without memory. */
static bool
bytes_receive(int fd, struct buf *out, size_t len)
{
	buf_init(out, OBJECT_BYTES_MAX);
	if (len == 0)
		return true;
	return buf_extend(out, len) != NULL && all_receive(fd, out->ptr, len);
}

/* Here begins what runs in the broker and its children. */

static bool
ask_receive(int fd, struct ask *ask, struct object_request *r)
{
	if (!all_receive(fd, ask, sizeof(*ask)) || ask->op > ASK_CREDENTIALS ||
	    ask->len > OBJECT_BYTES_MAX || ask->max > OBJECT_BYTES_MAX)
		return false;
	ask->dir[sizeof(ask->dir) - 1] = '\0';
	ask->name[sizeof(ask->name) - 1] = '\0';
	ask->after[sizeof(ask->after) - 1] = '\0';
	*r = (struct object_request){ .max = (size_t)ask->max };
	if (ask->op == ASK_CREDENTIALS)
		return ask->len == 0;
	r->op = (enum object_op)ask->op;
	strlcpy(r->name, ask->name, sizeof(r->name));
	strlcpy(r->after, ask->after, sizeof(r->after));
	return ask->dir[0] == '/' &&
	    bytes_receive(fd, &r->bytes, (size_t)ask->len);
}

static bool
reply_send(int fd, const struct object_answer *a)
{
	struct reply reply;

	memset(&reply, 0, sizeof(reply));
	reply.code = a->err.code;
	reply.sys = a->err.sys;
	strlcpy(reply.why, a->why, sizeof(reply.why));
	reply.entries_len = a->entries_len;
	reply.len = a->bytes.len;
	reply.more = a->more;
	return all_send(fd, &reply, sizeof(reply)) &&
	    all_send(fd, a->entries, a->entries_len * sizeof(*a->entries)) &&
	    all_send(fd, a->bytes.ptr, a->bytes.len);
}

static bool
credentials_send(int fd, const char *profile)
{
	struct credentials c = { 0 };
	struct object_answer a = { .err = credentials_read(&c, profile) };
	bool sent;

	buf_init(&a.bytes, sizeof(c));
	if (a.err.code == LK_OK) {
		buf_mem(&a.bytes, &c, sizeof(c));
		a.err = buf_err(&a.bytes, "keys");
	}
	sent = reply_send(fd, &a);
	buf_wipe(&a.bytes);
	explicit_bzero(&c, sizeof(c));
	return sent;
}

static void
channel_serve(int fd)
{
	bool going = true;

	while (going) {
		struct object_request request = { 0 };
		struct object_answer answer = { 0 };
		struct ask ask;

		going = ask_receive(fd, &ask, &request);
		if (going && ask.op == ASK_CREDENTIALS)
			going = credentials_send(fd, ask.dir);
		else if (going) {
			/* A file system that hangs lets go of who is killed,
			 * and nobody waits for this answer any more. */
			(void)alarm(BROKER_ANSWER_S);
			folder_do(ask.dir, &request, &answer);
			(void)alarm(0);
			going = reply_send(fd, &answer);
		}
		object_request_clear(&request);
		object_answer_clear(&answer);
	}
}

/* The descriptor in a message; -1: none; *ended: there will be no more. */
static int
descriptor_receive(int fd, bool *ended)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int got = -1;

	*ended = n == 0 || (n == -1 && errno != EINTR);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&got, CMSG_DATA(c), sizeof(got));
	return got;
}

static _Noreturn void
broker_run(int fd)
{
	size_t children = 0;
	bool ended = false;

	while (!ended) {
		int channel = descriptor_receive(fd, &ended);
		pid_t pid = -1;

		while (children > 0 && waitpid(-1, NULL, WNOHANG) > 0)
			children--;
		if (channel == -1)
			continue;
		if (children < BROKER_CHANNELS_MAX)
			pid = fork();
		if (pid == 0) {
			close(fd);
			channel_serve(channel);
			_exit(0);
		}
		children += pid > 0;
		close(channel);
	}
	_exit(0);
}

/* Keeps nothing that was its parent's but the socket, and is ended by nothing
 * that is meant for the daemon: it ends with it. */
static _Noreturn void
broker_become(int fd, void (*confine)(void))
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; null != -1 && i <= STDERR_FILENO; i++)
		(void)dup2(null, i);
	if (fd != STDERR_FILENO + 1)
		(void)dup2(fd, STDERR_FILENO + 1);
	closefrom(STDERR_FILENO + 2);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)prctl(PR_SET_NAME, "lkd-broker");
	(void)setsid();
	(void)chdir("/");
	confine();
	broker_run(STDERR_FILENO + 1);
}

lk_err
broker_start(int *fd, void (*confine)(void))
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return LK_SYS("socketpair");
	pid = fork();
	if (pid == 0)
		broker_become(pair[1], confine);
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		return LK_SYS("fork");
	}
	*fd = pair[0];
	return LK_NONE;
}

/* Here begins the daemon's side. */

static bool
descriptor_send(int to, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = "" };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(to, &m, MSG_NOSIGNAL) == 1;
}

lk_err
broker_connect(int broker, int *channel)
{
	struct timeval patience = { .tv_sec = BROKER_ANSWER_S };
	int pair[2];
	bool sent;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return LK_SYS("socketpair");
	(void)setsockopt(
	    pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(
	    pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	sent = descriptor_send(broker, pair[1]);
	close(pair[1]);
	if (!sent) {
		close(pair[0]);
		return LK_ERR(
		    LK_E_UNAVAILABLE, "the process that sees folders is gone");
	}
	*channel = pair[0];
	return LK_NONE;
}

static bool
ask_send(
    int channel, uint32_t op, const char *dir, const struct object_request *r)
{
	struct ask ask;

	memset(&ask, 0, sizeof(ask));
	ask.op = op;
	strlcpy(ask.dir, dir, sizeof(ask.dir));
	strlcpy(ask.name, r->name, sizeof(ask.name));
	strlcpy(ask.after, r->after, sizeof(ask.after));
	ask.max = r->max;
	ask.len = r->bytes.len;
	return all_send(channel, &ask, sizeof(ask)) &&
	    all_send(channel, r->bytes.ptr, r->bytes.len);
}

static bool
entries_receive(int channel, struct object_answer *a, size_t len)
{
	if (len == 0)
		return true;
	a->entries = calloc(len, sizeof(*a->entries));
	if (a->entries == NULL ||
	    !all_receive(channel, a->entries, len * sizeof(*a->entries)))
		return false;
	a->entries_len = len;
	for (size_t i = 0; i < len; i++)
		a->entries[i].name[OBJECT_NAME_MAX] = '\0';
	return true;
}

static bool
reply_receive(int channel, struct object_answer *a)
{
	struct reply reply;

	if (!all_receive(channel, &reply, sizeof(reply)) ||
	    reply.code > LK_E_FULL || reply.entries_len > OBJECT_LIST_MAX ||
	    reply.len > OBJECT_BYTES_MAX)
		return false;
	reply.why[sizeof(reply.why) - 1] = '\0';
	if (!entries_receive(channel, a, (size_t)reply.entries_len) ||
	    !bytes_receive(channel, &a->bytes, (size_t)reply.len))
		return false;
	a->err = (lk_err){ (enum lk_code)reply.code, reply.sys, "folder" };
	strlcpy(a->why, reply.why, sizeof(a->why));
	a->more = reply.more != 0;
	return true;
}

bool
broker_folder(int channel, const char *dir, const struct object_request *r,
    struct object_answer *answer)
{
	*answer = (struct object_answer){ .remote = r->remote,
		.request = r->request };
	if (r->bytes.len <= OBJECT_BYTES_MAX &&
	    ask_send(channel, r->op, dir, r) && reply_receive(channel, answer))
		return true;
	object_answer_clear(answer);
	answer->err = LK_ERR(LK_E_UNAVAILABLE, "folder");
	strlcpy(answer->why, "the folder does not answer", sizeof(answer->why));
	return false;
}

lk_err
broker_credentials(int channel, const char *profile, struct credentials *out)
{
	static const struct object_request none;
	struct timeval patience = { .tv_sec = BROKER_KEYS_S };
	struct object_answer a = { 0 };
	lk_err err = LK_ERR(LK_E_UNAVAILABLE, "keys");

	(void)setsockopt(
	    channel, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (ask_send(channel, ASK_CREDENTIALS, profile, &none) &&
	    reply_receive(channel, &a)) {
		if (a.err.code != LK_OK)
			err = a.err;
		if (err.code == LK_E_CONFIG)
			err.what = CREDENTIALS_NONE;
		if (a.err.code == LK_OK && a.bytes.len == sizeof(*out)) {
			memcpy(out, a.bytes.ptr, sizeof(*out));
			err = LK_NONE;
		}
	}
	buf_wipe(&a.bytes);
	object_answer_clear(&a);
	return err;
}
