/*
 * sigv4.h - signing a request to an object store, AWS Signature Version 4: the
 * request in one agreed form, hashed, under a key made of the secret, the day,
 * the region and the service.  Pure; any thread.
 */
#ifndef NET_SIGV4_H
#define NET_SIGV4_H

#include "base/bytes.h"

#define SIGV4_PAIRS_MAX 16
#define SIGV4_DATE_LEN 16 /* 20150830T123600Z */
#define SIGV4_HASH_LEN 64 /* in hex */

struct sigv4_pair {
	const char *name, *value;
};

/* Nothing in it is encoded yet.  Headers may be in any order and case; each
 * name once; "host" and "x-amz-date" are among them. */
struct sigv4_request {
	const char *method, *path; /* begins with '/' */
	const struct sigv4_pair *query;
	size_t query_len;
	const struct sigv4_pair *headers;
	size_t headers_len;       /* at most SIGV4_PAIRS_MAX, like query_len */
	const char *payload_hash; /* SHA-256 of the body, in hex */
};

struct sigv4_key {
	const char *id, *secret;
	const char *region, *service;
	char date[SIGV4_DATE_LEN + 1];
};

/* "20150830T123600Z" of milliseconds since 1970. */
void sigv4_date(char out[static SIGV4_DATE_LEN + 1], int64_t wall_ms);

/* Appends text as it stands in a URL: all but letters, digits and -._~ as %XX,
 * a slash too unless `slash`. */
void uri_encode(struct buf *, const char *text, bool slash);
/* Appends a query in the order in which it is signed. */
void sigv4_query(struct buf *, const struct sigv4_request *);

/* The three steps; each appends.  The last is the value of the header
 * "Authorization"; whether all fitted is for buf_err to say. */
void sigv4_canonical(struct buf *, const struct sigv4_request *);
void sigv4_to_sign(
    struct buf *, const struct sigv4_request *, const struct sigv4_key *);
void sigv4_authorize(
    struct buf *, const struct sigv4_request *, const struct sigv4_key *);

#endif
