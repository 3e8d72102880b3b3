/*
 * s3.h - objects in a bucket of an S3-compatible store (base/object.h has what
 * is asked and answered; docs/remotes.md what is promised).
 *
 * Every request is signed, its body too (sigv4.h).  What a store says of itself
 * is learned: the region of its bucket, and how far its clock is from ours.
 * Keys are read again when they are refused.  What failed in passing is tried
 * again, each time after twice as long, S3_TRIES_MAX times.
 *
 *   asked -> signed -> sent --2xx--------------------------> answered
 *              ^        |---region, clock, keys: learned--.
 *              |        |---500, 503, broken off: waits---|
 *              '------------------------------------------'
 *                       '---anything else-----------------> failed
 *
 * struct s3 is shared by the threads of a remote and guarded by its own mutex;
 * a struct s3_link belongs to one thread.
 */
#ifndef NET_S3_H
#define NET_S3_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/object.h"
#include "base/remote_url.h"
#include "net/credentials.h"
#include "net/http.h"

#define S3_TRIES_MAX 5
#define S3_LEARN_MAX 4  /* things learned in one request */
#define S3_WAIT_MS 250  /* after the first failure; half of it is chance */
#define S3_PAGES_MAX 64 /* looked through for one LIST */

struct s3 {
	const struct remote_url *url; /* kept */
	const struct curl *curl;      /* kept */
	int broker;                   /* kept: reads the keys */
	atomic_bool stop;
	pthread_mutex_t mutex;
	pthread_cond_t stopped;
	struct credentials keys; /* id "": not read yet */
	char region[REMOTE_BUCKET_MAX + 1];
	int64_t skew_ms; /* of the store's clock */
};

struct s3_link {
	struct http *http; /* NULL: none yet */
};

void s3_init(
    struct s3 *, const struct remote_url *, const struct curl *, int broker);
void s3_clear(struct s3 *);
/* Has every s3_do end soon; any thread. */
void s3_stop(struct s3 *);

/* Carries out a request; whatever the result, it is in *answer. */
void s3_do(struct s3 *, struct s3_link *, const struct object_request *,
    struct object_answer *answer);
void s3_link_close(struct s3_link *);

#endif
