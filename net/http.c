#include "net/http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERTIFICATES_VARIABLE "AWS_CA_BUNDLE"

/* What is used of it, as it is declared there. */
struct curl {
	void *library;
	CURLcode (*global_init)(long);
	CURL *(*easy_init)(void);
	void (*easy_reset)(CURL *);
	CURLcode (*set)(CURL *, CURLoption, ...);
	CURLcode (*easy_perform)(CURL *);
	CURLcode (*get)(CURL *, CURLINFO, ...);
	void (*easy_cleanup)(CURL *);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void (*slist_free_all)(struct curl_slist *);
	const char *(*easy_strerror)(CURLcode);
};

struct http {
	const struct curl *curl;
	const atomic_bool *stop;
	CURL *easy;
	/* Of one exchange. */
	const struct http_request *request;
	struct http_answer *answer;
	size_t sent;
	bool too_long;
};

/* The one way from an object to a function that ISO C leaves. */
static bool
symbol_find(void *library, const char *name, void *function, size_t size)
{
	void *symbol = dlsym(library, name);

	_Static_assert(sizeof(symbol) == sizeof(void (*)(void)), "POSIX");
	LK_ASSERT(size == sizeof(symbol));
	memcpy(function, &symbol, size);
	return (symbol != NULL);
}

#define FIND(c, member, name) \
	symbol_find((c)->library, name, &(c)->member, sizeof((c)->member))

static bool
symbols_find(struct curl *c)
{
	return (FIND(c, global_init, "curl_global_init") &&
	    FIND(c, easy_init, "curl_easy_init") &&
	    FIND(c, easy_reset, "curl_easy_reset") &&
	    FIND(c, set, "curl_easy_setopt") &&
	    FIND(c, easy_perform, "curl_easy_perform") &&
	    FIND(c, get, "curl_easy_getinfo") &&
	    FIND(c, easy_cleanup, "curl_easy_cleanup") &&
	    FIND(c, slist_append, "curl_slist_append") &&
	    FIND(c, slist_free_all, "curl_slist_free_all") &&
	    FIND(c, easy_strerror, "curl_easy_strerror"));
}

lk_err
curl_load(struct curl **out)
{
	static const char *const names[] = { "libcurl-gnutls.so.4",
		"libcurl.so.4" };
	struct curl *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return (LK_ERR(LK_E_NOMEM, "load libcurl"));
	for (size_t i = 0; i < 2 && c->library == NULL; i++)
		c->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (c->library == NULL || !symbols_find(c) ||
	    c->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(c);
		return (LK_ERR(LK_E_UNAVAILABLE,
		    "libcurl, which buckets need, is not installed"));
	}
	*out = c;
	return (LK_NONE);
}

lk_err
http_open(struct http **out, const struct curl *curl, const atomic_bool *stop)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return (LK_ERR(LK_E_NOMEM, "open a connection"));
	h->curl = curl;
	h->stop = stop;
	h->easy = curl->easy_init();
	if (h->easy == NULL) {
		free(h);
		return (LK_ERR(LK_E_NOMEM, "open a connection"));
	}
	*out = h;
	return (LK_NONE);
}

void
http_close(struct http *h)
{
	if (h == NULL)
		return;
	h->curl->easy_cleanup(h->easy);
	free(h);
}

void
http_answer_clear(struct http_answer *a)
{
	buf_clear(&a->body);
	*a = (struct http_answer){ 0 };
}

static size_t
body_receive(char *from, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;

	buf_mem(&h->answer->body, from, size * n);
	h->too_long = h->answer->body.failed && !h->answer->body.starved;
	return (h->answer->body.failed ? 0 : size * n);
}

static size_t
body_send(char *to, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;
	size_t left = h->request->body.len - h->sent, len = size * n;

	if (len > left)
		len = left;
	if (len > 0)
		memcpy(to, h->request->body.ptr + h->sent, len);
	h->sent += len;
	return (len);
}

/* Takes the value of a header of this name. */
static void
header_take(
    char *out, size_t size, const char *name, const char *line, size_t len)
{
	size_t at = strlen(name), n = 0;

	if (len <= at || strncasecmp(line, name, at) != 0)
		return;
	while (at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	while (
	    at < len && n + 1 < size && line[at] > ' ' - 1 && line[at] <= '~')
		out[n++] = line[at++];
	out[n] = '\0';
}

static size_t
header_receive(char *from, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;
	struct http_answer *a = h->answer;

	header_take(a->date, sizeof(a->date), "date:", from, size * n);
	header_take(a->region, sizeof(a->region), "x-amz-bucket-region:", from,
	    size * n);
	return (size * n);
}

static int
progress(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total,
    curl_off_t up)
{
	const struct http *h = ctx;

	(void)total;
	(void)now;
	(void)up_total;
	(void)up;
	return (atomic_load(h->stop) ? 1 : 0);
}

/* What is so in every exchange. */
static bool
manners_set(struct http *h)
{
	const struct curl *c = h->curl;
	const char *certificates = getenv(CERTIFICATES_VARIABLE);
	CURL *e = h->easy;

	return (c->set(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    c->set(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	    c->set(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    c->set(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	    c->set(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	    (certificates == NULL || certificates[0] == '\0' ||
		c->set(e, CURLOPT_CAINFO, certificates) == CURLE_OK) &&
	    c->set(e, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
	    c->set(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
		CURLE_OK &&
	    c->set(e, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS) ==
		CURLE_OK &&
	    c->set(e, CURLOPT_TIMEOUT_MS, (long)HTTP_TOTAL_MS) == CURLE_OK &&
	    c->set(e, CURLOPT_LOW_SPEED_LIMIT, (long)HTTP_SLOW_BYTES) ==
		CURLE_OK &&
	    c->set(e, CURLOPT_LOW_SPEED_TIME, (long)HTTP_SLOW_S) == CURLE_OK &&
	    c->set(e, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	    c->set(e, CURLOPT_XFERINFOFUNCTION, progress) == CURLE_OK &&
	    c->set(e, CURLOPT_XFERINFODATA, h) == CURLE_OK &&
	    c->set(e, CURLOPT_USERAGENT, "lk/" LK_VERSION) == CURLE_OK);
}

static bool
request_set(struct http *h, struct curl_slist *headers, char *error)
{
	const struct http_request *r = h->request;
	const struct curl *c = h->curl;
	CURL *e = h->easy;
	bool put = strcmp(r->method, "PUT") == 0;

	return (c->set(e, CURLOPT_URL, r->url) == CURLE_OK &&
	    c->set(e, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
	    (!put ||
		(c->set(e, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
		    c->set(e, CURLOPT_INFILESIZE_LARGE,
			(curl_off_t)r->body.len) == CURLE_OK &&
		    c->set(e, CURLOPT_READFUNCTION, body_send) == CURLE_OK &&
		    c->set(e, CURLOPT_READDATA, h) == CURLE_OK)) &&
	    c->set(e, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK &&
	    c->set(e, CURLOPT_WRITEFUNCTION, body_receive) == CURLE_OK &&
	    c->set(e, CURLOPT_WRITEDATA, h) == CURLE_OK &&
	    c->set(e, CURLOPT_HEADERFUNCTION, header_receive) == CURLE_OK &&
	    c->set(e, CURLOPT_HEADERDATA, h) == CURLE_OK &&
	    c->set(e, CURLOPT_ERRORBUFFER, error) == CURLE_OK);
}

static struct curl_slist *
headers_make(const struct curl *c, const char *const *headers)
{
	/* Without it a server is asked first whether it wants the body. */
	struct curl_slist *list = c->slist_append(NULL, "Expect:"), *longer;

	for (; *headers != NULL && list != NULL; headers++) {
		longer = c->slist_append(list, *headers);
		if (longer == NULL)
			c->slist_free_all(list);
		list = longer;
	}
	return (list);
}

/* Whether the same may well succeed in a moment. */
static bool
is_passing(CURLcode code)
{
	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_PARTIAL_FILE:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UPLOAD_FAILED:
	case CURLE_SEND_FAIL_REWIND:
		return (true);
	default:
		return (false);
	}
}

static lk_err
exchange(struct http *h, struct curl_slist *headers, char why[static 128])
{
	char error[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode code;

	/* Connections are kept, all that was set is not. */
	h->curl->easy_reset(h->easy);
	if (!manners_set(h) || !request_set(h, headers, error))
		return (LK_ERR(LK_E_UNAVAILABLE, "libcurl is too old"));
	code = h->curl->easy_perform(h->easy);
	(void)h->curl->get(h->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)h->curl->set(h->easy, CURLOPT_ERRORBUFFER, NULL);
	h->answer->status = (int)status;
	if (code == CURLE_OK)
		return (LK_NONE);
	strlcpy(
	    why, error[0] != '\0' ? error : h->curl->easy_strerror(code), 128);
	if (h->too_long)
		return (LK_ERR(LK_E_LIMIT, "longer than asked for"));
	if (h->answer->body.starved || code == CURLE_OUT_OF_MEMORY)
		return (LK_ERR(LK_E_NOMEM, "bucket"));
	return (
	    LK_ERR(is_passing(code) ? LK_E_AGAIN : LK_E_UNAVAILABLE, "bucket"));
}

lk_err
http_do(struct http *h, const struct http_request *request,
    struct http_answer *answer, char why[static 128])
{
	struct curl_slist *headers = headers_make(h->curl, request->headers);
	lk_err err;

	why[0] = '\0';
	*answer =
	    (struct http_answer){ .body = { .max = request->answer_max } };
	if (headers == NULL)
		return (LK_ERR(LK_E_NOMEM, "bucket"));
	h->request = request;
	h->answer = answer;
	h->sent = 0;
	h->too_long = false;
	err = exchange(h, headers, why);
	h->curl->slist_free_all(headers);
	return (err);
}
