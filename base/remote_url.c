#include "base/remote_url.h"

#include <string.h>

static lk_err
wrong(const char *what)
{
	return LK_ERR(LK_E_MALFORMED, what);
}

/* Writes what `in` stands for, with its NUL; false when that is too long, or
 * no text. */
static bool
text_decode(char *out, size_t size, struct bytes in)
{
	char digits[3] = "";
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.ptr[i];

		if (c == '%') {
			if (in.len - i < 3)
				return false;
			memcpy(digits, in.ptr + i + 1, 2);
			if (!hex_decode(&c, 1, digits))
				return false;
			i += 2;
		}
		if (c < ' ' || c == 0x7f || n + 1 >= size)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return utf8_valid(BYTES((const uint8_t *)out, n));
}

/* Takes what is before the first `end`, and that; all when there is none. */
static struct bytes
part_take(struct bytes *in, char end)
{
	const uint8_t *at = in->len == 0 ? NULL : memchr(in->ptr, end, in->len);
	size_t len = at == NULL ? in->len : (size_t)(at - in->ptr);
	struct bytes part = BYTES(in->ptr, len);

	if (at != NULL)
		len++;
	*in = BYTES(in->ptr + len, in->len - len);
	return part;
}

static bool
is_one_of(struct bytes text, const char *allowed, size_t max)
{
	if (text.len == 0 || text.len > max)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '\0' || strchr(allowed, text.ptr[i]) == NULL)
			return false;
	return true;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Whether a part of it is "." or "..": a server might take it for a way up. */
static bool
has_dots(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if (len > 0 && len <= 2 && strspn(path, ".") >= len)
			return true;
		if (path[len] == '\0')
			return false;
		path += len + 1;
	}
}

static lk_err
folder_parse(struct remote_url *u, struct bytes in)
{
	size_t len;

	if (in.len == 0 || in.ptr[0] != '/')
		return wrong(
		    "file:// wants an absolute path: file:///media/stick");
	if (!text_decode(u->path, sizeof(u->path), in))
		return wrong("the path is not text");
	len = strlen(u->path);
	while (len > 1 && u->path[len - 1] == '/')
		u->path[--len] = '\0';
	return LK_NONE;
}

static lk_err
endpoint_set(struct remote_url *u, struct bytes value)
{
	char text[REMOTE_HOST_MAX + 16], *host = text;
	size_t len;

	if (!text_decode(text, sizeof(text), value))
		return wrong("endpoint: too long");
	u->plain = strncmp(text, "http://", 7) == 0;
	if (u->plain)
		host += 7;
	else if (strncmp(text, "https://", 8) == 0)
		host += 8;
	else if (strstr(text, "://") != NULL)
		return wrong("endpoint: expected https://HOST or http://HOST");
	len = strlen(host);
	if (len > 0 && host[len - 1] == '/')
		len--;
	if (!is_one_of(BYTES((uint8_t *)host, len), LOWER UPPER DIGITS ".-_:[]",
		REMOTE_HOST_MAX))
		return wrong("endpoint: expected https://HOST or http://HOST");
	memcpy(u->host, host, len);
	u->host[len] = '\0';
	/* Whoever runs a server of his own rarely has a name a bucket. */
	u->path_style = true;
	return LK_NONE;
}

static lk_err
word_set(char out[static REMOTE_BUCKET_MAX + 1], struct bytes value)
{
	if (!is_one_of(value, LOWER UPPER DIGITS "._-@+", REMOTE_BUCKET_MAX))
		return wrong("region or profile: letters, digits and ._-@+");
	memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
	return LK_NONE;
}

static bool
is_word(struct bytes b, const char *word)
{
	return bytes_equal(b, BYTES_STR(word));
}

static lk_err
query_set(struct remote_url *u, struct bytes query)
{
	bool style_set = false, path_style = false;

	while (query.len > 0) {
		struct bytes value = part_take(&query, '&');
		struct bytes key = part_take(&value, '=');

		if (is_word(key, "endpoint"))
			TRY(endpoint_set(u, value));
		else if (is_word(key, "region"))
			TRY(word_set(u->region, value));
		else if (is_word(key, "profile"))
			TRY(word_set(u->profile, value));
		else if (is_word(key, "style")) {
			path_style = is_word(value, "path");
			if (!path_style && !is_word(value, "virtual"))
				return wrong("style: expected path or virtual");
			style_set = true;
		} else
			return wrong("after ?: endpoint, region, style or "
				     "profile");
	}
	if (style_set)
		u->path_style = path_style;
	return LK_NONE;
}

static lk_err
bucket_parse(struct remote_url *u, struct bytes in)
{
	struct bytes path = part_take(&in, '?'), query = in;
	struct bytes bucket = part_take(&path, '/');
	size_t len;

	if (memchr(bucket.ptr, '@', bucket.len) != NULL)
		return wrong("no keys in the address: they come from the "
			     "environment or ~/.aws/credentials");
	if (!is_one_of(bucket, LOWER DIGITS ".-", REMOTE_BUCKET_MAX) ||
	    bucket.len < 3 || bucket.ptr[0] == '.' || bucket.ptr[0] == '-')
		return wrong("a bucket's name has 3 to 63 of a-z 0-9 . -");
	memcpy(u->bucket, bucket.ptr, bucket.len);
	u->bucket[bucket.len] = '\0';
	/* A certificate for *.host covers no name with dots. */
	u->path_style = strchr(u->bucket, '.') != NULL;
	if (!text_decode(u->prefix, sizeof(u->prefix) - 1, path) ||
	    has_dots(u->prefix) || u->prefix[0] == '/' ||
	    strstr(u->prefix, "//") != NULL)
		return wrong("the prefix is no text of at most 511 bytes, or "
			     "has empty parts, . or ..");
	len = strlen(u->prefix);
	if (len > 0 && u->prefix[len - 1] != '/')
		memcpy(u->prefix + len, "/", 2);
	return query_set(u, query);
}

#define RELAY_KEY_DIGITS 64

/* What may stand behind a relay's port: a name, and so many digits. */
static bool
tail_cut(struct bytes *in, const char *name, uint8_t *out, size_t n)
{
	char digits[RELAY_KEY_DIGITS + 1];
	size_t tail = strlen(name) + 2 * n;

	if (in->len < tail ||
	    memcmp(in->ptr + in->len - tail, name, strlen(name)) != 0)
		return false;
	memcpy(digits, in->ptr + in->len - 2 * n, 2 * n);
	digits[2 * n] = '\0';
	in->len -= tail;
	return hex_decode(out, n, digits);
}

static lk_err
relay_parse(struct remote_url *u, struct bytes in)
{
	char digits[RELAY_KEY_DIGITS + 1];
	size_t head = RELAY_KEY_DIGITS + 1;

	u->invited = tail_cut(&in, "?invite=", u->invite, sizeof(u->invite));
	u->has_account = !u->invited &&
	    tail_cut(&in, "?account=", u->account, sizeof(u->account));
	if (in.len > 0 && memchr(in.ptr, '?', in.len) != NULL)
		return wrong("after ?: invite and 32 digits, or account and "
			     "64; copy all of it");
	if (in.len <= head || in.ptr[RELAY_KEY_DIGITS] != '@')
		return wrong("expected relay://KEY@HOST:PORT");
	memcpy(digits, in.ptr, RELAY_KEY_DIGITS);
	digits[RELAY_KEY_DIGITS] = '\0';
	in = BYTES(in.ptr + head, in.len - head);
	if (!hex_decode(u->relay_key, sizeof(u->relay_key), digits) ||
	    in.len > REMOTE_HOST_MAX ||
	    !is_one_of(in, LOWER UPPER DIGITS ".-_:[]%", REMOTE_HOST_MAX) ||
	    memchr(in.ptr, ':', in.len) == NULL)
		return wrong("expected relay://KEY@HOST:PORT");
	memcpy(u->host, in.ptr, in.len);
	u->host[in.len] = '\0';
	return LK_NONE;
}

static const struct {
	const char *scheme;
	enum remote_url_kind kind;
	lk_err (*parse)(struct remote_url *, struct bytes);
} schemes[] = {
	{ "file://", REMOTE_URL_FOLDER, folder_parse },
	{ "s3://", REMOTE_URL_BUCKET, bucket_parse },
	{ "relay://", REMOTE_URL_RELAY, relay_parse },
};

lk_err
remote_url_parse(struct remote_url *out, const char *text)
{
	struct remote_url u = { 0 };
	size_t len = strnlen(text, REMOTE_URL_MAX + 1);

	if (len > REMOTE_URL_MAX)
		return LK_ERR(LK_E_LIMIT, "longer than 1,024 bytes");
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		size_t n = strlen(schemes[i].scheme);

		if (strncmp(text, schemes[i].scheme, n) != 0)
			continue;
		u.kind = schemes[i].kind;
		TRY(schemes[i].parse(
		    &u, BYTES((const uint8_t *)text + n, len - n)));
		*out = u;
		return LK_NONE;
	}
	return wrong("expected file:///DIRECTORY, s3://BUCKET or relay://");
}
