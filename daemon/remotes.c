#include "daemon/remotes.h"

#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"

#define RECORD "remotes"

bool
remote_name_is_valid(const char *name)
{
	size_t len = strspn(name,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789._-");

	return (len > 0 && len <= REMOTE_NAME_MAX && name[len] == '\0' &&
	    name[0] != '-');
}

const struct remote_known *
remotes_find(const struct remotes *r, const char *name)
{
	for (size_t i = 0; i < r->len; i++)
		if (strcmp(r->list[i].name, name) == 0)
			return (&r->list[i]);
	return (NULL);
}

void
remotes_encode(struct buf *out, const struct remotes *r)
{
	buf_u32(out, r->next);
	buf_u8(out, (uint8_t)r->len);
	for (size_t i = 0; i < r->len; i++) {
		buf_u32(out, r->list[i].number);
		buf_counted(out, BYTES_STR(r->list[i].name));
		buf_counted(out, BYTES_STR(r->list[i].url));
	}
}

/* A text without NUL; false when it is none or too long. */
static bool
text_copy(char *out, size_t size, struct bytes in)
{
	if (in.len == 0 || in.len >= size ||
	    memchr(in.ptr, '\0', in.len) != NULL)
		return (false);
	memcpy(out, in.ptr, in.len);
	out[in.len] = '\0';
	return (true);
}

static lk_err
known_decode(struct remotes *r, struct rd *rd)
{
	struct remote_known *k = &r->list[r->len];
	uint32_t below = r->len == 0 ? 0 : k[-1].number;
	struct remote_url url;
	struct bytes name, text;

	k->number = rd_u32(rd);
	name = rd_counted(rd);
	text = rd_counted(rd);
	if (rd->failed)
		return (rd_end(rd, RECORD));
	if (k->number <= below || k->number >= r->next ||
	    !text_copy(k->name, sizeof(k->name), name) ||
	    !text_copy(k->url, sizeof(k->url), text) ||
	    !remote_name_is_valid(k->name) ||
	    remotes_find(r, k->name) != NULL ||
	    remote_url_parse(&url, k->url).code != LK_OK)
		return (LK_ERR(LK_E_MALFORMED, RECORD));
	r->len++;
	return (LK_NONE);
}

lk_err
remotes_decode(struct remotes *out, struct bytes in)
{
	struct remotes r = { 0 };
	struct rd rd = rd_over(in);
	size_t n;

	r.next = rd_u32(&rd);
	n = rd_u8(&rd);
	if (!rd.failed && (r.next == 0 || n > REMOTES_MAX))
		return (LK_ERR(LK_E_MALFORMED, RECORD));
	while (r.len < n && !rd.failed)
		TRY(known_decode(&r, &rd));
	TRY(rd_end(&rd, RECORD));
	*out = r;
	return (LK_NONE);
}

lk_err
remotes_read(struct kv device, struct remotes *out)
{
	struct bytes record;
	lk_err err = kv_get(device, BYTES_STR(RECORD), &record);

	if (err.code == LK_E_NOTFOUND) {
		*out = (struct remotes){ .next = 1 };
		return (LK_NONE);
	}
	TRY(err);
	err = remotes_decode(out, record);
	return (err.code == LK_OK ? err : LK_ERR(LK_E_CORRUPT, RECORD));
}

lk_err
remotes_write(struct daemon *d, const struct remotes *r)
{
	BUF_SCOPED record = { .max = REMOTES_BYTES_MAX };

	remotes_encode(&record, r);
	TRY(buf_err(&record, RECORD));
	TRY(kv_put(txn_space(d->txn, STORE_DEVICE, SPACE_META),
	    BYTES_STR(RECORD), buf_bytes(&record)));
	d->remotes_stale = true;
	return (LK_NONE);
}

static bool
is_open(const struct daemon *d, uint32_t number)
{
	for (size_t i = 0; i < d->remotes_open_len; i++)
		if (d->remotes_open[i] == number)
			return (true);
	return (false);
}

static bool
is_among(const struct remotes *r, uint32_t number)
{
	for (size_t i = 0; i < r->len; i++)
		if (r->list[i].number == number)
			return (true);
	return (false);
}

/* A relay is talked to in another way. */
static void
store_open_one(struct daemon *d, const struct remote_known *k,
    const struct remote_url *url)
{
	lk_err err;

	if (url->kind == REMOTE_URL_RELAY || is_open(d, k->number))
		return;
	err = net_remote_open(d->net, k->number, url);
	if (err.code == LK_OK)
		d->remotes_open[d->remotes_open_len++] = k->number;
	else
		log_warn("remote %s: %s, ignoring", k->name, err.what);
}

static void
stores_close(struct daemon *d, const struct remotes *wanted)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->remotes_open_len; i++)
		if (is_among(wanted, d->remotes_open[i]))
			d->remotes_open[kept++] = d->remotes_open[i];
		else
			net_remote_close(d->net, d->remotes_open[i]);
	d->remotes_open_len = kept;
}

lk_err
remotes_adopt(struct daemon *d)
{
	static const enum remote_kind kinds[] = {
		[REMOTE_URL_FOLDER] = REMOTE_FOLDER,
		[REMOTE_URL_BUCKET] = REMOTE_BUCKET,
		[REMOTE_URL_RELAY] = REMOTE_RELAY,
	};
	struct remote_config configs[REMOTES_MAX];
	struct remotes now;

	d->remotes_stale = false;
	TRY(remotes_read(txn_space(d->txn, STORE_DEVICE, SPACE_META), &now));
	stores_close(d, &now);
	for (size_t i = 0; i < now.len; i++) {
		const struct remote_known *k = &now.list[i];
		struct remote_url url;

		TRY(remote_url_parse(&url, k->url));
		store_open_one(d, k, &url);
		configs[i] = (struct remote_config){ .number = k->number,
			.kind = kinds[url.kind],
			.name = k->name,
			.url = k->url };
	}
	return (engine_remotes_configure(d->engine, configs, now.len, d->now));
}

/* Whether it is there, whoever's account is used. */
static bool
relay_is_among(const struct remotes *r, const struct remote_url *wanted)
{
	struct remote_url url;

	for (size_t i = 0; i < r->len; i++)
		if (remote_url_parse(&url, r->list[i].url).code == LK_OK &&
		    url.kind == REMOTE_URL_RELAY &&
		    memcmp(url.relay_key, wanted->relay_key,
			sizeof(url.relay_key)) == 0)
			return (true);
	return (false);
}

static lk_err
relay_offered(struct daemon *d, const char *text)
{
	struct remote_known *k;
	struct remote_url url;
	struct remotes all;

	TRY(remote_url_parse(&url, text));
	TRY(remotes_read(txn_space(d->txn, STORE_DEVICE, SPACE_META), &all));
	if (relay_is_among(&all, &url))
		return (LK_NONE);
	if (all.len == REMOTES_MAX) {
		log_warn("remote %s: there are as many as may be, ignoring",
		    url.host);
		return (LK_NONE);
	}
	k = &all.list[all.len];
	(void)strlcpy(k->name, "relay", sizeof(k->name));
	for (size_t n = 2; remotes_find(&all, k->name) != NULL; n++)
		(void)snprintf(k->name, sizeof(k->name), "relay-%zu", n);
	(void)strlcpy(k->url, text, sizeof(k->url));
	k->number = all.next++;
	all.len++;
	log_info(
	    "remote %s: added: %s, which a ticket names", k->name, url.host);
	return (remotes_write(d, &all));
}

lk_err
remotes_offered(struct daemon *d)
{
	char url[REMOTE_URL_MAX + 1];

	while (engine_relay_offered(d->engine, url))
		TRY(relay_offered(d, url));
	return (LK_NONE);
}

/* After one such answer the engine asks everything of that remote again. */
static void
unanswered_add(struct daemon *d, uint32_t remote, uint64_t request)
{
	size_t i = 0;

	while (i < d->unanswered_len && d->unanswered[i].remote != remote)
		i++;
	if (i == REMOTES_MAX)
		return;
	d->unanswered[i].remote = remote;
	d->unanswered[i].request = request;
	if (i == d->unanswered_len)
		d->unanswered_len++;
}

static struct object_answer
no_memory(uint32_t remote, uint64_t request)
{
	return ((struct object_answer){ .remote = remote,
	    .request = request,
	    .err = LK_ERR(LK_E_NOMEM, "no memory") });
}

void
remotes_ask(struct daemon *d, struct object_request *request)
{
	struct object_answer answer =
	    no_memory(request->remote, request->request);

	if (net_object(d->net, request).code != LK_OK) {
		log_error("remote: not asked: no memory");
		if (answer.request > REMOTE_REQUEST_OURS)
			remote_test_answer(d, &answer);
		else
			unanswered_add(d, answer.remote, answer.request);
	}
	object_request_clear(request);
}

lk_err
remotes_answer(struct daemon *d)
{
	while (d->unanswered_len > 0) {
		size_t i = --d->unanswered_len;
		struct object_answer answer = no_memory(
		    d->unanswered[i].remote, d->unanswered[i].request);

		TRY(engine_object(d->engine, &answer, d->now));
	}
	return (LK_NONE);
}

void
remotes_event(struct daemon *d, struct object_answer *answer)
{
	lk_err err;

	if (depots_answer(d, answer))
		return;
	if (answer->request > REMOTE_REQUEST_OURS) {
		remote_test_answer(d, answer);
		return;
	}
	if (d->engine == NULL || d->read_only)
		return;
	if (round_begin(d).code != LK_OK) {
		unanswered_add(d, answer->remote, answer->request);
		return;
	}
	d->engine_touched = true;
	err = engine_object(d->engine, answer, d->now);
	if (err.code != LK_OK)
		round_abort(d, err);
}
