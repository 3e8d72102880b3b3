/*
 * objects.h - inside net/: the remotes that keep objects, and the threads that
 * carry out what is asked of them (net_remote_open, net_object in net.h).
 *
 *   net_object -> queued --a thread of its remote--> answered
 *       answered --net_wait, NET_OBJECT--> told --the next net_wait--> freed
 *
 * A remote has OBJECTS_THREADS_MAX threads at most, begun when there is more to
 * do than they get done, and ended after OBJECTS_IDLE_S without anything.
 * Everything is guarded by net->mutex, except that a job which a thread has
 * taken is that thread's until it is answered, and a link the thread's that has
 * it.  A thread never waits with the mutex held.
 */
#ifndef NET_OBJECTS_H
#define NET_OBJECTS_H

#include <pthread.h>
#include <sys/queue.h>

#include "base/object.h"
#include "base/remote_url.h"
#include "net/s3.h"

#define OBJECTS_THREADS_MAX 4
#define OBJECTS_IDLE_S 10

struct net;
struct net_event;

struct job {
	TAILQ_ENTRY(job) entry; /* queued, answered or told */
	struct object_request request;
	struct object_answer answer;
	bool counted; /* in `pending` of its remote, which is then open */
};
TAILQ_HEAD(job_list, job);

/* One thread's own way to a remote. */
struct link {
	bool used;
	int channel; /* FOLDER: to the broker; -1: none */
	struct s3_link s3;
};

struct remote {
	LIST_ENTRY(remote) entry; /* objects.remotes, until it is closed */
	struct net *net;
	uint32_t number;
	struct remote_url url;
	struct job_list queued;
	size_t queued_len;
	size_t pending; /* asked, and the core has not seen the answer */
	size_t threads, idle;
	pthread_cond_t work;
	bool closed;
	struct s3 s3; /* BUCKET */
	struct link links[OBJECTS_THREADS_MAX];
};
LIST_HEAD(remote_list, remote);

struct objects {
	int broker;        /* -1: none */
	struct curl *curl; /* NULL: not needed yet */
	struct remote_list remotes;
	struct job_list answered, told;
	size_t threads; /* of all remotes, closed ones too */
	pthread_cond_t ended;
};

void objects_init(struct objects *);
/* Drops what is pending and waits for the threads.  With the mutex held. */
void objects_close(struct net *);
/* The answers that were told before are freed; with the mutex held. */
void objects_return(struct objects *);
/* Answers as events; with the mutex held. */
size_t objects_take(struct objects *, struct net_event *, size_t max);

#endif
