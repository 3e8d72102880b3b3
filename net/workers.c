#include "net/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct workers {
	pthread_mutex_t mutex;
	pthread_cond_t begin, end;
	pthread_t threads[WORKERS_MAX];
	size_t threads_len;
	unsigned long round; /* counts the calls of workers_run */
	size_t active;       /* threads still in this round */
	bool stop;
	/* The work of this round; constant while active > 0. */
	void (*fn)(void *, size_t);
	void *ctx;
	size_t n;
	atomic_size_t next;
};

static void
work(struct workers *w)
{
	size_t i;

	while ((i = atomic_fetch_add(&w->next, 1)) < w->n)
		w->fn(w->ctx, i);
}

static void *
worker_run(void *arg)
{
	struct workers *w = arg;
	unsigned long seen = 0;

	pthread_mutex_lock(&w->mutex);
	for (;;) {
		while (!w->stop && w->round == seen)
			pthread_cond_wait(&w->begin, &w->mutex);
		if (w->stop)
			break;
		seen = w->round;
		pthread_mutex_unlock(&w->mutex);
		work(w);
		pthread_mutex_lock(&w->mutex);
		if (--w->active == 0)
			pthread_cond_signal(&w->end);
	}
	pthread_mutex_unlock(&w->mutex);
	return (NULL);
}

lk_err
workers_open(struct workers **out, size_t threads)
{
	struct workers *w = calloc(1, sizeof(*w));
	int rv = 0;

	if (w == NULL)
		return (LK_ERR(LK_E_NOMEM, "start workers"));
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->begin, NULL);
	pthread_cond_init(&w->end, NULL);
	if (threads > WORKERS_MAX)
		threads = WORKERS_MAX;
	while (rv == 0 && w->threads_len < threads) {
		rv = pthread_create(
		    &w->threads[w->threads_len], NULL, worker_run, w);
		if (rv == 0)
			w->threads_len++;
	}
	if (rv != 0 && w->threads_len == 0) {
		workers_close(w);
		return ((lk_err){ LK_E_SYS, rv, "start a thread" });
	}
	*out = w;
	return (LK_NONE);
}

void
workers_close(struct workers *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_broadcast(&w->begin);
	pthread_mutex_unlock(&w->mutex);
	for (size_t i = 0; i < w->threads_len; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->begin);
	pthread_cond_destroy(&w->end);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}

void
workers_run(struct workers *w, void (*fn)(void *, size_t), void *ctx, size_t n)
{
	/* Waking a thread costs more than one piece of work is worth. */
	if (n < 2 || w->threads_len == 0) {
		for (size_t i = 0; i < n; i++)
			fn(ctx, i);
		return;
	}
	pthread_mutex_lock(&w->mutex);
	w->fn = fn;
	w->ctx = ctx;
	w->n = n;
	atomic_store(&w->next, 0);
	w->active = w->threads_len;
	w->round++;
	pthread_cond_broadcast(&w->begin);
	pthread_mutex_unlock(&w->mutex);
	work(w);
	pthread_mutex_lock(&w->mutex);
	while (w->active > 0)
		pthread_cond_wait(&w->end, &w->mutex);
	pthread_mutex_unlock(&w->mutex);
}

size_t
workers_suggested(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n < 2)
		return (0);
	return (n - 1 > WORKERS_MAX ? WORKERS_MAX : (size_t)n - 1);
}
