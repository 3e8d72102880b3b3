#include "net/objects.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/broker.h"
#include "net/conn.h"

void
objects_init(struct objects *o)
{
	o->broker = -1;
	LIST_INIT(&o->remotes);
	TAILQ_INIT(&o->answered);
	TAILQ_INIT(&o->told);
	pthread_cond_init(&o->ended, NULL);
}

static void
job_free(struct job *job)
{
	if (job == NULL)
		return;
	object_request_clear(&job->request);
	object_answer_clear(&job->answer);
	free(job);
}

static void
jobs_free(struct job_list *list)
{
	struct job *job;

	while ((job = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, job, entry);
		job_free(job);
	}
}

static struct remote *
remote_find(struct objects *o, uint32_t number)
{
	struct remote *r;

	LIST_FOREACH (r, &o->remotes, entry)
		if (r->number == number)
			return (r);
	return (NULL);
}

static void
remote_free(struct remote *r)
{
	pthread_cond_destroy(&r->work);
	if (r->url.kind == REMOTE_URL_BUCKET)
		s3_clear(&r->s3);
	free(r);
}

/* No event names it any more; its last thread frees it. */
static void
remote_drop(struct remote *r)
{
	struct objects *o = &r->net->objects;
	struct job *job, *next;

	LIST_REMOVE(r, entry);
	r->closed = true;
	jobs_free(&r->queued);
	TAILQ_FOREACH_SAFE (job, &o->answered, entry, next)
		if (job->request.remote == r->number) {
			TAILQ_REMOVE(&o->answered, job, entry);
			job_free(job);
		}
	for (size_t i = 0; i < OBJECTS_THREADS_MAX; i++)
		if (r->links[i].used && r->links[i].channel != -1)
			(void)shutdown(r->links[i].channel, SHUT_RDWR);
	if (r->url.kind == REMOTE_URL_BUCKET)
		s3_stop(&r->s3);
	pthread_cond_broadcast(&r->work);
	if (r->threads == 0)
		remote_free(r);
}

void
objects_close(struct net *net)
{
	struct objects *o = &net->objects;
	struct remote *r;

	while ((r = LIST_FIRST(&o->remotes)) != NULL)
		remote_drop(r);
	while (o->threads > 0)
		pthread_cond_wait(&o->ended, &net->mutex);
	jobs_free(&o->answered);
	jobs_free(&o->told);
	pthread_cond_destroy(&o->ended);
	if (o->broker != -1)
		close(o->broker);
	free(o->curl);
}

void
objects_return(struct objects *o)
{
	jobs_free(&o->told);
}

size_t
objects_take(struct objects *o, struct net_event *events, size_t max)
{
	struct job *job;
	size_t n = 0;

	while (n < max && (job = TAILQ_FIRST(&o->answered)) != NULL) {
		TAILQ_REMOVE(&o->answered, job, entry);
		TAILQ_INSERT_TAIL(&o->told, job, entry);
		if (job->counted)
			remote_find(o, job->request.remote)->pending--;
		events[n++] = (struct net_event){ .type = NET_OBJECT,
			.answer = &job->answer };
	}
	return (n);
}

/* The next thing to do; NULL when there was none for a while, or will be none
 * any more. */
static struct job *
job_take(struct remote *r)
{
	struct timespec until;
	struct job *job;
	int rv = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += OBJECTS_IDLE_S;
	r->idle++;
	while (!r->closed && TAILQ_EMPTY(&r->queued) && rv == 0)
		rv = pthread_cond_timedwait(&r->work, &r->net->mutex, &until);
	r->idle--;
	job = r->closed ? NULL : TAILQ_FIRST(&r->queued);
	if (job != NULL) {
		TAILQ_REMOVE(&r->queued, job, entry);
		r->queued_len--;
	}
	return (job);
}

static void
job_answered(struct remote *r, struct job *job)
{
	if (r->closed) {
		job_free(job);
		return;
	}
	/* What was put is not needed any more. */
	object_request_clear(&job->request);
	TAILQ_INSERT_TAIL(&r->net->objects.answered, job, entry);
	net_rouse(r->net);
}

static void
link_close(struct net *net, struct link *link)
{
	int channel = link->channel;

	s3_link_close(&link->s3);
	/* remote_drop must not meet a number that is somebody else's. */
	pthread_mutex_lock(&net->mutex);
	link->channel = -1;
	pthread_mutex_unlock(&net->mutex);
	if (channel != -1)
		close(channel);
}

static void
job_fail(struct job *job, lk_err err)
{
	job->answer = (struct object_answer){ .remote = job->request.remote,
		.request = job->request.request,
		.err = err };
	strlcpy(job->answer.why, err.what, sizeof(job->answer.why));
}

static lk_err
link_open(struct remote *r, struct link *link)
{
	struct net *net = r->net;
	int channel;

	if (net->objects.broker == -1)
		return (LK_ERR(LK_E_UNAVAILABLE, "folders are not served"));
	TRY(broker_connect(net->objects.broker, &channel));
	pthread_mutex_lock(&net->mutex);
	link->channel = channel;
	if (r->closed)
		(void)shutdown(channel, SHUT_RDWR);
	pthread_mutex_unlock(&net->mutex);
	return (LK_NONE);
}

/* Without the mutex. */
static void
job_do(struct remote *r, struct link *link, struct job *job)
{
	lk_err err = LK_NONE;

	if (r->url.kind == REMOTE_URL_BUCKET) {
		s3_do(&r->s3, &link->s3, &job->request, &job->answer);
		return;
	}
	if (link->channel == -1)
		err = link_open(r, link);
	if (err.code != LK_OK)
		job_fail(job, err);
	else if (!broker_folder(
		     link->channel, r->url.path, &job->request, &job->answer))
		link_close(r->net, link);
}

struct start {
	struct remote *remote;
	struct link *link;
};

static void *
thread_run(void *arg)
{
	struct start start = *(struct start *)arg;
	struct remote *r = start.remote;
	struct net *net = r->net;
	struct job *job;

	free(arg);
	pthread_mutex_lock(&net->mutex);
	do {
		while ((job = job_take(r)) != NULL) {
			pthread_mutex_unlock(&net->mutex);
			job_do(r, start.link, job);
			pthread_mutex_lock(&net->mutex);
			job_answered(r, job);
		}
		pthread_mutex_unlock(&net->mutex);
		link_close(net, start.link);
		pthread_mutex_lock(&net->mutex);
		/* What was asked meanwhile counted on this thread. */
	} while (!r->closed && !TAILQ_EMPTY(&r->queued));
	start.link->used = false;
	if (--r->threads == 0 && r->closed)
		remote_free(r);
	net->objects.threads--;
	pthread_cond_signal(&net->objects.ended);
	pthread_mutex_unlock(&net->mutex);
	return (NULL);
}

/* One thread more; SYS, NOMEM.  With the mutex held. */
static lk_err
thread_start(struct remote *r)
{
	struct start *start = malloc(sizeof(*start));
	pthread_attr_t attr;
	pthread_t thread;
	size_t i = 0;
	int rv;

	if (start == NULL)
		return (LK_ERR(LK_E_NOMEM, "start a thread"));
	while (r->links[i].used)
		i++;
	r->links[i] = (struct link){ .used = true, .channel = -1 };
	*start = (struct start){ r, &r->links[i] };
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rv = pthread_create(&thread, &attr, thread_run, start);
	pthread_attr_destroy(&attr);
	if (rv != 0) {
		r->links[i].used = false;
		free(start);
		return ((lk_err){ LK_E_SYS, rv, "start a thread" });
	}
	r->threads++;
	r->net->objects.threads++;
	return (LK_NONE);
}

void
net_broker(struct net *net, int fd)
{
	net->objects.broker = fd;
}

lk_err
net_remote_open(struct net *net, uint32_t number, const struct remote_url *url)
{
	struct remote *r;
	pthread_condattr_t attr;

	if (url->kind == REMOTE_URL_RELAY)
		return (LK_ERR(LK_E_USAGE, "no store of objects"));
	if (url->kind == REMOTE_URL_BUCKET && net->objects.curl == NULL)
		TRY(curl_load(&net->objects.curl));
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return (LK_ERR(LK_E_NOMEM, "open a remote"));
	r->net = net;
	r->number = number;
	r->url = *url;
	if (url->kind == REMOTE_URL_BUCKET)
		s3_init(
		    &r->s3, &r->url, net->objects.curl, net->objects.broker);
	TAILQ_INIT(&r->queued);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->work, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_lock(&net->mutex);
	LK_ASSERT(remote_find(&net->objects, number) == NULL);
	LIST_INSERT_HEAD(&net->objects.remotes, r, entry);
	pthread_mutex_unlock(&net->mutex);
	return (LK_NONE);
}

void
net_remote_close(struct net *net, uint32_t number)
{
	struct remote *r;

	pthread_mutex_lock(&net->mutex);
	r = remote_find(&net->objects, number);
	if (r != NULL)
		remote_drop(r);
	pthread_mutex_unlock(&net->mutex);
}

/* Gives it to a remote; with the mutex held. */
static lk_err
job_queue(struct remote *r, struct job *job)
{
	if (r == NULL)
		return (LK_ERR(LK_E_NOTFOUND, "no such remote"));
	if (r->pending == NET_OBJECTS_MAX)
		return (LK_ERR(LK_E_LIMIT, "too much is asked of it"));
	if (r->queued_len >= r->idle && r->threads < OBJECTS_THREADS_MAX) {
		lk_err err = thread_start(r);

		/* Those that are there will get to it. */
		if (err.code != LK_OK && r->threads == 0)
			return (err);
	}
	TAILQ_INSERT_TAIL(&r->queued, job, entry);
	r->queued_len++;
	r->pending++;
	job->counted = true;
	pthread_cond_signal(&r->work);
	return (LK_NONE);
}

lk_err
net_object(struct net *net, struct object_request *request)
{
	struct job *job = calloc(1, sizeof(*job));
	lk_err err;

	if (job == NULL)
		return (LK_ERR(LK_E_NOMEM, "remote"));
	job->request = *request;
	request->bytes = (struct buf){ .max = request->bytes.max };
	pthread_mutex_lock(&net->mutex);
	err = job_queue(remote_find(&net->objects, job->request.remote), job);
	if (err.code != LK_OK) {
		job_fail(job, err);
		TAILQ_INSERT_TAIL(&net->objects.answered, job, entry);
		net_rouse(net);
	}
	pthread_mutex_unlock(&net->mutex);
	return (LK_NONE);
}
