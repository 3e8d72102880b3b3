/*
 * object_ask - asks a remote, for tests/remote/buckets.py: a request a line on
 * standard input, an answer a line on standard output, as they come.
 *
 *	object_ask URL
 *	put NUMBER NAME HEX        get NUMBER NAME MAX
 *	list NUMBER PREFIX AFTER   delete NUMBER NAME       ("-": empty)
 *	wait N                     for N answers, before more is read
 *
 *	NUMBER ERROR MORE WHY<tab>HEX<tab>NAME=SIZE NAME=SIZE ...
 */
#include <inttypes.h>
#include <libutil.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "net/broker.h"
#include "net/net.h"

#define REMOTE 1
#define EVENTS 16
#define LINE_MAX_LEN ((size_t)2 * OBJECT_BYTES_MAX + 1024)

static void
confine_not(void)
{
}

static void
answer_print(const struct object_answer *a)
{
	printf("%" PRIu64 " %s %d %s\t", a->request, lk_strcode(a->err.code),
	    a->more, a->why[0] == '\0' ? "-" : a->why);
	for (size_t i = 0; i < a->bytes.len; i++)
		printf("%02x", a->bytes.ptr[i]);
	putchar('\t');
	for (size_t i = 0; i < a->entries_len; i++)
		printf("%s%s=%" PRIu64, i > 0 ? " " : "", a->entries[i].name,
		    a->entries[i].size);
	putchar('\n');
	fflush(stdout);
}

static bool
answers_await(struct net *net, size_t n)
{
	struct net_event events[EVENTS];
	size_t got;

	while (n > 0) {
		if (net_wait(net, -1, events, n < EVENTS ? n : EVENTS, &got)
			.code != LK_OK)
			return (false);
		for (size_t i = 0; i < got; i++)
			answer_print(events[i].answer);
		n -= got;
	}
	return (true);
}

static bool
op_find(const char *word, enum object_op *out)
{
	static const char *const words[] = { "list", "get", "put", "delete" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(word, words[i]) == 0) {
			*out = (enum object_op)i;
			return (true);
		}
	return (false);
}

/* Each argument where the operation has it. */
static bool
request_read(struct object_request *r, char *line)
{
	const char *word = strsep(&line, " "), *number = strsep(&line, " "),
		   *name = strsep(&line, " "), *last = line;
	size_t len = last == NULL ? 0 : strlen(last);

	*r = (struct object_request){ .remote = REMOTE };
	if (number == NULL || name == NULL || !op_find(word, &r->op))
		return (false);
	r->request = (uint64_t)strtonum(number, 0, LLONG_MAX, NULL);
	strlcpy(r->name, strcmp(name, "-") == 0 ? "" : name, sizeof(r->name));
	buf_init(&r->bytes, OBJECT_BYTES_MAX);
	if (r->op == OBJECT_LIST && last != NULL && strcmp(last, "-") != 0)
		strlcpy(r->after, last, sizeof(r->after));
	if (r->op == OBJECT_GET && last != NULL)
		r->max = (size_t)strtonum(last, 0, LLONG_MAX, NULL);
	if (r->op != OBJECT_PUT || len == 0 || strcmp(last, "-") == 0)
		return (true);
	return (buf_extend(&r->bytes, len / 2) != NULL &&
	    hex_decode(r->bytes.ptr, len / 2, last));
}

static int
lines_run(struct net *net)
{
	char *line = malloc(LINE_MAX_LEN);
	struct object_request r;
	int status = 0;

	while (line != NULL && status == 0 &&
	    fgets(line, (int)LINE_MAX_LEN, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "wait ", 5) == 0) {
			if (!answers_await(net,
				(size_t)strtonum(line + 5, 0, LLONG_MAX, NULL)))
				status = 74;
		} else if (!request_read(&r, line) ||
		    net_object(net, &r).code != LK_OK)
			status = 64;
	}
	free(line);
	return (status);
}

int
main(int argc, char **argv)
{
	struct remote_url url;
	struct net *net = NULL;
	int broker, status;

	if (argc != 2 || remote_url_parse(&url, argv[1]).code != LK_OK ||
	    crypto_start().code != LK_OK ||
	    broker_start(&broker, confine_not).code != LK_OK ||
	    net_open(&net, -1).code != LK_OK) {
		fprintf(stderr, "usage: object_ask URL\n");
		return (64);
	}
	net_broker(net, broker);
	if (net_remote_open(net, REMOTE, &url).code != LK_OK) {
		fprintf(stderr, "object_ask: %s: cannot be opened\n", argv[1]);
		net_close(net);
		return (69);
	}
	status = lines_run(net);
	net_close(net);
	return (status);
}
