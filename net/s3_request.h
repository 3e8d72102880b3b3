/*
 * s3_request.h - inside net/: what is sent to a store for a request of
 * base/object.h, and what its answer means.  Pure; any thread.
 */
#ifndef NET_S3_REQUEST_H
#define NET_S3_REQUEST_H

#include "net/credentials.h"
#include "net/http.h"
#include "net/s3_xml.h"
#include "net/sigv4.h"

#define S3_HEADERS_MAX 8
/* host/bucket/prefix and name, each byte of the last two as three. */
#define S3_URL_MAX 8192
#define S3_KEY_MAX (REMOTE_PREFIX_MAX + XML_TEXT_MAX + 1)

/* The place and the moment of a request. */
struct s3_where {
	const struct remote_url *url;
	const struct credentials *keys;
	char region[REMOTE_BUCKET_MAX + 1];
	int64_t wall_ms; /* of the store */
};

/* One request, ready to be sent; what its pointers show is its own. */
struct s3_message {
	struct buf url, lines; /* lines: headers, each with its NUL */
	const char *headers[S3_HEADERS_MAX + 1];
};

/* LIST goes on behind `last`, a whole key, when there is one.  LIMIT: too long;
 * NOMEM. */
LK_MUST_USE lk_err s3_message_make(struct s3_message *, const struct s3_where *,
    const struct object_request *, const char *last);
void s3_message_clear(struct s3_message *);
const char *s3_method(enum object_op);

/* Prefix of the keys that a LIST is of. */
void s3_list_prefix(
    struct buf *, const struct remote_url *, const struct object_request *);

/* What to do about an answer that came whole. */
enum s3_verdict {
	S3_DONE,   /* it is what was asked for */
	S3_WAIT,   /* it may be the next time */
	S3_REGION, /* ->region is the bucket's */
	S3_CLOCK,  /* ->wall_ms is the store's clock */
	S3_KEYS,   /* the keys are not accepted */
	S3_FAILED  /* with ->err */
};
struct s3_judgement {
	enum s3_verdict verdict;
	lk_err err; /* also of WAIT and KEYS, when it stays so */
	char why[128];
	char region[REMOTE_BUCKET_MAX + 1];
	int64_t wall_ms;
};
void s3_judge(
    struct s3_judgement *, enum object_op, const struct http_answer *);

#endif
