/*
 * http.h - one HTTP exchange at a time, by libcurl, which is loaded when it is
 * first needed: a device without buckets has neither its code nor its memory.
 * Redirects are not followed, certificates are always checked, what comes back
 * is bounded.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdatomic.h>

#include "base/bytes.h"

/* Without this many bytes a second for so long an exchange is given up. */
#define HTTP_SLOW_BYTES 64
#define HTTP_SLOW_S 15
#define HTTP_CONNECT_MS 10000
#define HTTP_TOTAL_MS 300000

struct curl; /* the library */
struct http; /* a connection that is kept; one thread */

/* Loads it; one thread, once.  It stays: what it has begun in this process
 * cannot be undone; *out is for free(3).  UNAVAILABLE: not installed. */
LK_MUST_USE lk_err curl_load(struct curl **);

/* Keeps `stop`: as soon as that is set every exchange ends.  NOMEM. */
LK_MUST_USE lk_err http_open(
    struct http **, const struct curl *, const atomic_bool *stop);
void http_close(struct http *);

struct http_request {
	const char *method, *url;
	const char *const *headers; /* "Name: value"; ends with NULL */
	struct bytes body;          /* of PUT */
	size_t answer_max;
};
struct http_answer {
	int status;
	struct buf body; /* owned */
	char date[64],
	    region[64]; /* headers Date, x-amz-bucket-region, or "" */
};
/*
 * AGAIN: it did not come to an end, and may the next time; UNAVAILABLE: it will
 * not, as with a wrong certificate; LIMIT: longer than answer_max (whatever
 * status it had: that is set).  In words in `why`.
 */
LK_MUST_USE lk_err http_do(struct http *, const struct http_request *,
    struct http_answer *, char why[static 128]);
void http_answer_clear(struct http_answer *);

#endif
