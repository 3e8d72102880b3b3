#include "daemon/depot.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"

lk_err
depot_open(struct request *r, struct depot **out)
{
	struct daemon *d = r->daemon;
	struct remote_url url;
	struct depot *p;
	const char *text, *called;
	lk_err err;

	TRY(param_string(r, "place", &text));
	TRY(param_string_or(r, "called", text, &called));
	err = remote_url_parse(&url, text);
	if (err.code == LK_OK && url.kind == REMOTE_URL_RELAY)
		err = LK_ERR(LK_E_USAGE, "a relay keeps no backups");
	if (err.code != LK_OK)
		return (request_fail(
		    r, LK_ERR(LK_E_USAGE, "place"), "%s: %s", text, err.what));
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return (LK_ERR(LK_E_NOMEM, "place"));
	p->daemon = d;
	p->number = DEPOT_FIRST + (++d->depots_opened & (DEPOT_FIRST - 1));
	(void)strlcpy(p->url, called, sizeof(p->url));
	TAILQ_INIT(&p->answers);
	err = net_remote_open(d->net, p->number, &url);
	if (err.code != LK_OK) {
		free(p);
		return (request_fail(r, err, "%s: %s", text, err.what));
	}
	LIST_INSERT_HEAD(&d->depots, p, entry);
	*out = p;
	return (LK_NONE);
}

void
depot_close(struct depot *p)
{
	struct depot_answer *a;

	if (p == NULL)
		return;
	if (p->stream == NULL)
		net_remote_close(p->daemon->net, p->number);
	depot_stream_free(p->stream);
	while ((a = TAILQ_FIRST(&p->answers)) != NULL) {
		TAILQ_REMOVE(&p->answers, a, next);
		object_answer_clear(&a->answer);
		free(a);
	}
	LIST_REMOVE(p, entry);
	free(p);
}

void
depot_answer_keep(struct depot *p, struct object_answer *answer)
{
	struct depot_answer *a = calloc(1, sizeof(*a));

	/* Without memory for it the command waits until its client gives up. */
	if (a == NULL) {
		log_error("backup: an answer is lost: no memory");
		return;
	}
	a->answer = *answer;
	answer->entries = NULL;
	answer->entries_len = 0;
	answer->bytes = (struct buf){ 0 };
	TAILQ_INSERT_TAIL(&p->answers, a, next);
}

void
depot_ask(struct depot *p, enum object_op op, const char *name,
    const char *after, struct buf *bytes, uint64_t number)
{
	struct object_request request = { .remote = p->number,
		.request = number,
		.op = op,
		.max = OBJECT_BYTES_MAX };

	LK_ASSERT(p->pending < DEPOT_PENDING_MAX);
	p->pending++;
	if (p->stream != NULL) {
		LK_ASSERT(op == OBJECT_PUT);
		depot_stream_put(p, name, buf_bytes(bytes), number);
		return;
	}
	(void)strlcpy(request.name, name, sizeof(request.name));
	(void)strlcpy(request.after, after, sizeof(request.after));
	if (bytes != NULL) {
		request.bytes = *bytes;
		*bytes = (struct buf){ .max = bytes->max };
	}
	if (net_object(p->daemon->net, &request).code != LK_OK) {
		struct object_answer answer = { .remote = p->number,
			.request = number,
			.err = LK_ERR(LK_E_NOMEM, "no memory") };

		depot_answer_keep(p, &answer);
	}
	object_request_clear(&request);
}

bool
depot_take(struct depot *p, struct object_answer *out)
{
	struct depot_answer *a = TAILQ_FIRST(&p->answers);

	if (a == NULL)
		return (false);
	TAILQ_REMOVE(&p->answers, a, next);
	*out = a->answer;
	free(a);
	p->pending--;
	return (true);
}

bool
depots_answer(struct daemon *d, struct object_answer *answer)
{
	struct depot *p;

	if (answer->remote < DEPOT_FIRST)
		return (false);
	LIST_FOREACH (p, &d->depots, entry)
		if (p->number == answer->remote)
			depot_answer_keep(p, answer);
	return (true);
}

lk_err
depot_fail(
    struct request *r, const struct depot *p, const struct object_answer *a)
{
	lk_err err = a->err;

	if (err.code == LK_E_UNAVAILABLE)
		request_hint(r, "is it mounted, or reachable?");
	/* The store's own words say it best. */
	return (request_fail(
	    r, err, "%s: %s", p->url, a->why[0] != '\0' ? a->why : err.what));
}
