#include "net/s3.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/random.h"
#include "net/broker.h"
#include "net/s3_request.h"

#define REGION_DEFAULT "us-east-1"
/* Room for an error beside an object that is shorter. */
#define ERROR_MAX (64 * 1024)
#define STATUS_ERRORS 300 /* and redirects */
#define NS_PER_MS 1000000
#define MS_PER_S 1000

static int64_t
wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((int64_t)ts.tv_sec * MS_PER_S + ts.tv_nsec / NS_PER_MS);
}

void
s3_init(struct s3 *s, const struct remote_url *url, const struct curl *curl,
    int broker)
{
	pthread_condattr_t attr;

	*s = (struct s3){ .url = url, .curl = curl, .broker = broker };
	atomic_init(&s->stop, false);
	pthread_mutex_init(&s->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->stopped, &attr);
	pthread_condattr_destroy(&attr);
}

void
s3_clear(struct s3 *s)
{
	pthread_cond_destroy(&s->stopped);
	pthread_mutex_destroy(&s->mutex);
	explicit_bzero(&s->keys, sizeof(s->keys));
}

void
s3_stop(struct s3 *s)
{
	pthread_mutex_lock(&s->mutex);
	atomic_store(&s->stop, true);
	pthread_cond_broadcast(&s->stopped);
	pthread_mutex_unlock(&s->mutex);
}

void
s3_link_close(struct s3_link *link)
{
	http_close(link->http);
	link->http = NULL;
}

/* One request of ours, while it is tried again and again. */
struct attempt {
	struct s3 *s3;
	struct s3_link *link;
	const struct object_request *request;
	const char *last; /* LIST: go on behind this key */
	struct credentials keys;
	struct http_answer http;
	unsigned tries, learned;
	char why[128];
};

static lk_err
keys_fetch(struct s3 *s, struct credentials *out)
{
	int channel;
	lk_err err;

	if (s->broker == -1)
		return (LK_ERR(LK_E_CONFIG, "no keys"));
	TRY(broker_connect(s->broker, &channel));
	err = broker_credentials(channel, s->url->profile, out);
	close(channel);
	return (err);
}

/* The keys to sign with; read anew when `refused` are the ones we have.  DENIED
 * when they are the same again. */
static lk_err
keys_get(struct s3 *s, struct credentials *out, const char *refused)
{
	struct credentials fresh;
	lk_err err = LK_NONE;
	bool known;

	pthread_mutex_lock(&s->mutex);
	known = s->keys.id[0] != '\0' &&
	    (refused == NULL || strcmp(s->keys.id, refused) != 0);
	if (known)
		*out = s->keys;
	pthread_mutex_unlock(&s->mutex);
	if (known)
		return (LK_NONE);
	TRY(keys_fetch(s, &fresh));
	if (refused != NULL && memcmp(&fresh, out, sizeof(fresh)) == 0)
		err = LK_ERR(LK_E_DENIED, "keys");
	*out = fresh;
	pthread_mutex_lock(&s->mutex);
	s->keys = fresh;
	pthread_mutex_unlock(&s->mutex);
	explicit_bzero(&fresh, sizeof(fresh));
	return (err);
}

static void
where_fill(struct s3_where *w, const struct attempt *a)
{
	struct s3 *s = a->s3;
	const char *region;

	*w = (struct s3_where){ .url = s->url, .keys = &a->keys };
	pthread_mutex_lock(&s->mutex);
	region = s->region[0] != '\0'   ? s->region
	    : s->url->region[0] != '\0' ? s->url->region
	    : a->keys.region[0] != '\0' ? a->keys.region
					: REGION_DEFAULT;
	strlcpy(w->region, region, sizeof(w->region));
	w->wall_ms = wall_ms() + s->skew_ms;
	pthread_mutex_unlock(&s->mutex);
}

/* A while that doubles, half of it by chance; less when it is to stop. */
static void
wait_for(struct s3 *s, unsigned tries)
{
	struct random random = random_system();
	int64_t ms = (int64_t)S3_WAIT_MS << tries;
	struct timespec until;
	int rv = 0;

	ms = ms / 2 + (int64_t)random_below(&random, (uint64_t)ms / 2 + 1);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / MS_PER_S;
	until.tv_nsec += (long)(ms % MS_PER_S) * NS_PER_MS;
	if (until.tv_nsec >= (long)MS_PER_S * NS_PER_MS) {
		until.tv_sec++;
		until.tv_nsec -= (long)MS_PER_S * NS_PER_MS;
	}
	pthread_mutex_lock(&s->mutex);
	while (!atomic_load(&s->stop) && rv == 0)
		rv = pthread_cond_timedwait(&s->stopped, &s->mutex, &until);
	pthread_mutex_unlock(&s->mutex);
}

static lk_err
send_once(struct attempt *a)
{
	const struct object_request *r = a->request;
	struct http_request request = { .method = s3_method(r->op) };
	struct s3_message m;
	struct s3_where where;
	lk_err err;

	where_fill(&where, a);
	TRY(s3_message_make(&m, &where, r, a->last));
	request.url = (const char *)m.url.ptr;
	request.headers = m.headers;
	request.answer_max = ERROR_MAX;
	if (r->op == OBJECT_PUT)
		request.body = buf_bytes(&r->bytes);
	if (r->op == OBJECT_GET && r->max > ERROR_MAX)
		request.answer_max = r->max;
	if (r->op == OBJECT_LIST)
		request.answer_max = S3_LIST_MAX;
	http_answer_clear(&a->http);
	err = http_do(a->link->http, &request, &a->http, a->why);
	s3_message_clear(&m);
	return (err);
}

/* Whether what was learned is news. */
static bool
is_learned(struct attempt *a, const struct s3_judgement *j)
{
	struct s3 *s = a->s3;
	struct s3_where where;
	bool news = false;

	if (++a->learned > S3_LEARN_MAX)
		return (false);
	if (j->verdict == S3_KEYS)
		return (keys_get(s, &a->keys, a->keys.id).code == LK_OK);
	where_fill(&where, a);
	pthread_mutex_lock(&s->mutex);
	if (j->verdict == S3_REGION) {
		news = strcmp(where.region, j->region) != 0;
		strlcpy(s->region, j->region, sizeof(s->region));
	} else if (j->verdict == S3_CLOCK) {
		s->skew_ms = j->wall_ms - wall_ms();
		news = true;
	}
	pthread_mutex_unlock(&s->mutex);
	return (news);
}

/* Whether to wait and try again. */
static bool
may_wait(struct attempt *a)
{
	if (++a->tries >= S3_TRIES_MAX || atomic_load(&a->s3->stop))
		return (false);
	wait_for(a->s3, a->tries - 1);
	return (!atomic_load(&a->s3->stop));
}

/* Until there is an answer that is one, or no hope. */
static lk_err
attempt_run(struct attempt *a)
{
	struct s3_judgement j;

	for (;;) {
		lk_err err = send_once(a);

		if (err.code == LK_E_AGAIN) {
			if (may_wait(a))
				continue;
			return (LK_ERR(LK_E_UNAVAILABLE, "bucket"));
		}
		/* Of an error that is too long the status says enough. */
		if (err.code != LK_OK &&
		    (err.code != LK_E_LIMIT || a->http.status < STATUS_ERRORS))
			return (err);
		s3_judge(&j, a->request->op, &a->http);
		if (j.verdict == S3_DONE)
			return (LK_NONE);
		strlcpy(a->why, j.why, sizeof(a->why));
		if (j.verdict == S3_FAILED ||
		    (j.verdict == S3_WAIT ? !may_wait(a) : !is_learned(a, &j)))
			return (j.err);
	}
}

static lk_err
page_get(struct attempt *a, struct s3_page *page)
{
	for (;;) {
		lk_err err;

		TRY(attempt_run(a));
		err = s3_page_parse(page, buf_bytes(&a->http.body),
		    a->s3->url->prefix, a->request);
		if (err.code != LK_E_MALFORMED)
			return (err);
		strlcpy(a->why, "the bucket's list is no list", sizeof(a->why));
		/* It may have come out of something in between. */
		if (!may_wait(a))
			return (LK_ERR(LK_E_UNAVAILABLE, "bucket"));
	}
}

/* Only names that are asked for count; it goes on until there is one. */
static lk_err
list_run(struct attempt *a, struct object_answer *answer)
{
	struct s3_page *page = calloc(1, sizeof(*page));
	char behind[S3_KEY_MAX] = "";
	lk_err err = LK_NONE;

	answer->entries = calloc(OBJECT_LIST_MAX, sizeof(*answer->entries));
	if (page == NULL || answer->entries == NULL) {
		free(page);
		return (LK_ERR(LK_E_NOMEM, "list"));
	}
	page->entries = answer->entries;
	for (unsigned n = 0; n < S3_PAGES_MAX; n++) {
		a->last = behind;
		err = page_get(a, page);
		if (err.code != LK_OK || page->entries_len > 0 || !page->more)
			break;
		if (strcmp(page->last, behind) <= 0) {
			err = LK_ERR(LK_E_UNAVAILABLE, "bucket");
			strlcpy(a->why, "the bucket's list does not go on",
			    sizeof(a->why));
			break;
		}
		strlcpy(behind, page->last, sizeof(behind));
	}
	if (err.code == LK_OK && page->more && page->entries_len == 0)
		err = LK_ERR(LK_E_UNAVAILABLE, "too many other objects");
	answer->entries_len = err.code == LK_OK ? page->entries_len : 0;
	answer->more = page->more;
	free(page);
	return (err);
}

static lk_err
request_run(struct attempt *a, struct object_answer *answer)
{
	const struct object_request *r = a->request;

	TRY(object_request_check(r));
	if (r->op == OBJECT_LIST)
		return (list_run(a, answer));
	TRY(attempt_run(a));
	if (r->op != OBJECT_GET)
		return (LK_NONE);
	if (a->http.body.len > r->max)
		return (LK_ERR(LK_E_LIMIT, "longer than asked for"));
	answer->bytes = a->http.body;
	a->http.body = (struct buf){ 0 };
	return (LK_NONE);
}

void
s3_do(struct s3 *s, struct s3_link *link, const struct object_request *r,
    struct object_answer *answer)
{
	struct attempt a = { .s3 = s, .link = link, .request = r, .last = "" };
	lk_err err = LK_NONE;

	*answer = (struct object_answer){ .remote = r->remote,
		.request = r->request };
	if (link->http == NULL)
		err = http_open(&link->http, s->curl, &s->stop);
	if (err.code == LK_OK)
		err = keys_get(s, &a.keys, NULL);
	if (err.code == LK_OK)
		err = request_run(&a, answer);
	if (err.code != LK_OK)
		strlcpy(answer->why, a.why[0] != '\0' ? a.why : err.what,
		    sizeof(answer->why));
	answer->err = err;
	http_answer_clear(&a.http);
	explicit_bzero(&a.keys, sizeof(a.keys));
}
