#include "net/s3_request.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crypto/digest.h"

#define SERVICE "s3"
#define LIST_KEYS_MAX "1000"
#define LINES_MAX (CREDENTIAL_TOKEN_MAX + 4096)
_Static_assert(OBJECT_LIST_MAX == 1000, "as many as are asked for");

/* Statuses of HTTP. */
enum {
	STATUS_OK = 200,
	STATUS_ENDED = 300,
	STATUS_BAD_REQUEST = 400,
	STATUS_UNAUTHORIZED = 401,
	STATUS_FORBIDDEN = 403,
	STATUS_NOT_FOUND = 404,
	STATUS_TIMEOUT = 408,
	STATUS_TOO_MANY = 429,
	STATUS_SERVER = 500,
	STATUS_FULL = 507,
};

const char *
s3_method(enum object_op op)
{
	switch (op) {
	case OBJECT_LIST:
	case OBJECT_GET:
		return ("GET");
	case OBJECT_PUT:
		return ("PUT");
	case OBJECT_DELETE:
		return ("DELETE");
	}
	return ("GET");
}

static void
host_add(struct buf *out, const struct s3_where *w)
{
	const struct remote_url *u = w->url;

	if (!u->path_style)
		buf_printf(out, "%s.", u->bucket);
	if (u->host[0] != '\0')
		buf_str(out, u->host);
	else
		buf_printf(out, "s3.%s.amazonaws.com%s", w->region,
		    strncmp(w->region, "cn-", 3) == 0 ? ".cn" : "");
}

void
s3_list_prefix(
    struct buf *out, const struct remote_url *u, const struct object_request *r)
{
	buf_str(out, u->prefix);
	/* Whatever else is in the bucket is not ours to look through. */
	buf_str(out,
	    strncmp(OBJECT_ROOT "/", r->name, strlen(r->name)) == 0
		? OBJECT_ROOT "/"
		: r->name);
	buf_u8(out, '\0');
}

/* The decoded path. */
static void
path_add(
    struct buf *out, const struct s3_where *w, const struct object_request *r)
{
	if (w->url->path_style)
		buf_printf(out, "/%s", w->url->bucket);
	if (r->op != OBJECT_LIST)
		buf_printf(out, "/%s%s", w->url->prefix, r->name);
	else if (!w->url->path_style)
		buf_u8(out, '/');
	buf_u8(out, '\0');
}

/* Everything a request is made of, while it is being made. */
struct draft {
	struct buf host, path, prefix, after;
	struct sigv4_pair query[4], headers[4];
	struct sigv4_key key;
	char hash[SIGV4_HASH_LEN + 1];
	struct sigv4_request request;
};

static void
draft_clear(struct draft *d)
{
	buf_clear(&d->host);
	buf_clear(&d->path);
	buf_clear(&d->prefix);
	buf_clear(&d->after);
}

static const char *
text_of(const struct buf *b)
{
	return ((const char *)b->ptr);
}

static void
query_draft(struct draft *d, const struct s3_where *w,
    const struct object_request *r, const char *last)
{
	size_t n = 0;

	s3_list_prefix(&d->prefix, w->url, r);
	if (last[0] != '\0')
		buf_str(&d->after, last);
	else if (r->after[0] != '\0')
		buf_printf(&d->after, "%s%s", w->url->prefix, r->after);
	buf_u8(&d->after, '\0');
	if (d->prefix.failed || d->after.failed)
		return;
	d->query[n++] = (struct sigv4_pair){ "list-type", "2" };
	d->query[n++] = (struct sigv4_pair){ "max-keys", LIST_KEYS_MAX };
	d->query[n++] = (struct sigv4_pair){ "prefix", text_of(&d->prefix) };
	if (d->after.len > 1)
		d->query[n++] =
		    (struct sigv4_pair){ "start-after", text_of(&d->after) };
	d->request.query_len = n;
}

static lk_err
draft_make(struct draft *d, const struct s3_where *w,
    const struct object_request *r, const char *last)
{
	uint8_t hash[SHA256_LEN];
	size_t n = 0;

	buf_init(&d->host, S3_URL_MAX);
	buf_init(&d->path, S3_URL_MAX);
	buf_init(&d->prefix, S3_KEY_MAX);
	buf_init(&d->after, S3_KEY_MAX);
	host_add(&d->host, w);
	buf_u8(&d->host, '\0');
	path_add(&d->path, w, r);
	if (r->op == OBJECT_LIST)
		query_draft(d, w, r, last);
	TRY(buf_err(&d->host, "address"));
	TRY(buf_err(&d->path, "address"));
	TRY(buf_err(&d->prefix, "address"));
	TRY(buf_err(&d->after, "address"));
	sha256(
	    hash, r->op == OBJECT_PUT ? buf_bytes(&r->bytes) : BYTES(NULL, 0));
	hex_encode(d->hash, BYTES_OF(hash));
	d->key = (struct sigv4_key){ .id = w->keys->id,
		.secret = w->keys->secret,
		.region = w->region,
		.service = SERVICE };
	sigv4_date(d->key.date, w->wall_ms);
	d->headers[n++] = (struct sigv4_pair){ "Host", text_of(&d->host) };
	d->headers[n++] = (struct sigv4_pair){ "x-amz-date", d->key.date };
	d->headers[n++] =
	    (struct sigv4_pair){ "x-amz-content-sha256", d->hash };
	if (w->keys->token[0] != '\0')
		d->headers[n++] = (struct sigv4_pair){ "x-amz-security-token",
			w->keys->token };
	d->request.method = s3_method(r->op);
	d->request.path = text_of(&d->path);
	d->request.query = d->query;
	d->request.headers = d->headers;
	d->request.headers_len = n;
	d->request.payload_hash = d->hash;
	return (LK_NONE);
}

static lk_err
message_write(
    struct s3_message *m, const struct s3_where *w, const struct draft *d)
{
	size_t n = 0;

	buf_printf(&m->url, "%s://%s", w->url->plain ? "http" : "https",
	    text_of(&d->host));
	uri_encode(&m->url, d->request.path, true);
	if (d->request.query_len > 0) {
		buf_u8(&m->url, '?');
		sigv4_query(&m->url, &d->request);
	}
	buf_u8(&m->url, '\0');
	for (size_t i = 0; i < d->request.headers_len; i++) {
		buf_printf(&m->lines, "%s: %s", d->headers[i].name,
		    d->headers[i].value);
		buf_u8(&m->lines, '\0');
	}
	buf_str(&m->lines, "Authorization: ");
	sigv4_authorize(&m->lines, &d->request, &d->key);
	buf_u8(&m->lines, '\0');
	TRY(buf_err(&m->url, "address"));
	TRY(buf_err(&m->lines, "headers"));
	for (size_t at = 0; at < m->lines.len && n < S3_HEADERS_MAX;) {
		m->headers[n] = (const char *)m->lines.ptr + at;
		at += strlen(m->headers[n++]) + 1;
	}
	m->headers[n] = NULL;
	return (LK_NONE);
}

lk_err
s3_message_make(struct s3_message *m, const struct s3_where *w,
    const struct object_request *r, const char *last)
{
	struct draft d = { 0 };
	lk_err err;

	*m = (struct s3_message){ 0 };
	buf_init(&m->url, 4 * S3_URL_MAX);
	buf_init(&m->lines, LINES_MAX);
	err = draft_make(&d, w, r, last);
	if (err.code == LK_OK)
		err = message_write(m, w, &d);
	draft_clear(&d);
	if (err.code != LK_OK)
		s3_message_clear(m);
	return (err);
}

void
s3_message_clear(struct s3_message *m)
{
	buf_clear(&m->url);
	buf_wipe(&m->lines);
}

/* What a store calls it, and what that is to us. */
static const struct {
	const char *code;
	enum s3_verdict verdict;
	enum lk_code err;
} codes[] = {
	{ "RequestTimeTooSkewed", S3_CLOCK, LK_E_DENIED },
	{ "ExpiredToken", S3_KEYS, LK_E_DENIED },
	{ "InvalidToken", S3_KEYS, LK_E_DENIED },
	{ "TokenRefreshRequired", S3_KEYS, LK_E_DENIED },
	{ "InvalidAccessKeyId", S3_KEYS, LK_E_DENIED },
	{ "SignatureDoesNotMatch", S3_KEYS, LK_E_DENIED },
	{ "AccessDenied", S3_FAILED, LK_E_DENIED },
	{ "AllAccessDisabled", S3_FAILED, LK_E_DENIED },
	{ "NoSuchBucket", S3_FAILED, LK_E_CONFIG },
	{ "InvalidBucketName", S3_FAILED, LK_E_CONFIG },
	{ "AuthorizationHeaderMalformed", S3_REGION, LK_E_CONFIG },
	{ "PermanentRedirect", S3_REGION, LK_E_CONFIG },
	{ "TemporaryRedirect", S3_REGION, LK_E_CONFIG },
	{ "IllegalLocationConstraintException", S3_REGION, LK_E_CONFIG },
	{ "SlowDown", S3_WAIT, LK_E_UNAVAILABLE },
	{ "RequestTimeout", S3_WAIT, LK_E_UNAVAILABLE },
	{ "InternalError", S3_WAIT, LK_E_UNAVAILABLE },
	{ "ServiceUnavailable", S3_WAIT, LK_E_UNAVAILABLE },
	{ "OperationAborted", S3_WAIT, LK_E_UNAVAILABLE },
	{ "QuotaExceeded", S3_FAILED, LK_E_FULL },
	{ "XMinioStorageFull", S3_FAILED, LK_E_FULL },
	{ "EntityTooLarge", S3_FAILED, LK_E_FULL },
};

/* Of a status without a code that we know. */
static void
status_judge(struct s3_judgement *j, enum object_op op, int status)
{
	j->verdict = S3_FAILED;
	j->err = LK_ERR(LK_E_UNAVAILABLE, "bucket");
	if (status == STATUS_NOT_FOUND)
		j->err.code = op == OBJECT_GET ? LK_E_NOTFOUND : LK_E_CONFIG;
	else if (status == STATUS_UNAUTHORIZED || status == STATUS_FORBIDDEN)
		j->err.code = LK_E_DENIED;
	else if (status == STATUS_FULL)
		j->err.code = LK_E_FULL;
	else if (status == STATUS_TIMEOUT || status == STATUS_TOO_MANY ||
	    status >= STATUS_SERVER)
		j->verdict = S3_WAIT;
	else if (status < STATUS_BAD_REQUEST) {
		j->verdict = S3_REGION;
		j->err.code = LK_E_CONFIG;
	}
}

static void
why_write(struct s3_judgement *j, int status, const struct s3_error *e)
{
	size_t n;

	snprintf(j->why, sizeof(j->why), "the bucket answers %d%s%.40s%s%.60s",
	    status, e->code[0] != '\0' ? " " : "", e->code,
	    e->message[0] != '\0' ? ": " : "", e->message);
	/* It is a stranger's word, and may end up in a log. */
	n = strlen(j->why);
	for (size_t i = 0; i < n; i++)
		if (j->why[i] < ' ' || j->why[i] > '~')
			j->why[i] = '?';
}

static bool
region_take(struct s3_judgement *j, const char *region)
{
	size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (len == 0 || region[len] != '\0' || len >= sizeof(j->region))
		return (false);
	strlcpy(j->region, region, sizeof(j->region));
	return (true);
}

static bool
clock_take(struct s3_judgement *j, const char *date)
{
	struct tm tm = { 0 };
	const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm);

	if (end == NULL || *end != '\0')
		return (false);
	j->wall_ms = (int64_t)timegm(&tm) * 1000;
	return (true);
}

void
s3_judge(struct s3_judgement *j, enum object_op op, const struct http_answer *a)
{
	struct s3_error e;

	*j = (struct s3_judgement){ .verdict = S3_DONE };
	if ((a->status >= STATUS_OK && a->status < STATUS_ENDED) ||
	    (op == OBJECT_DELETE && a->status == STATUS_NOT_FOUND))
		return;
	s3_error_parse(&e, buf_bytes(&a->body));
	status_judge(j, op, a->status);
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (strcmp(e.code, codes[i].code) == 0) {
			j->verdict = codes[i].verdict;
			j->err = LK_ERR(codes[i].err, "bucket");
		}
	why_write(j, a->status, &e);
	if (j->verdict == S3_REGION && !region_take(j, e.region) &&
	    !region_take(j, a->region))
		j->verdict = S3_FAILED;
	if (j->verdict == S3_CLOCK && !clock_take(j, a->date))
		j->verdict = S3_FAILED;
}
