#include "net/sigv4.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/digest.h"

/* Longer than any request of ours in its agreed form. */
#define CANONICAL_MAX (64 * 1024)
#define DAY_LEN 8
#define ALGORITHM "AWS4-HMAC-SHA256"

void
sigv4_date(char out[static SIGV4_DATE_LEN + 1], int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(out, SIGV4_DATE_LEN + 1, "%Y%m%dT%H%M%SZ", &tm) == 0)
		strlcpy(out, "19700101T000000Z", SIGV4_DATE_LEN + 1);
}

static bool
is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

void
uri_encode(struct buf *out, const char *text, bool slash)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++) {
		uint8_t c = (uint8_t)*text;

		if (is_plain(c) || (c == '/' && slash)) {
			buf_u8(out, c);
			continue;
		}
		buf_u8(out, '%');
		buf_u8(out, (uint8_t)digits[c >> 4]);
		buf_u8(out, (uint8_t)digits[c & 15]);
	}
}

/* In the order of the encoded forms, where % is below all that stands as it
 * is. */
static int
encoded_compare(const char *a, const char *b)
{
	uint8_t x, y;

	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	x = (uint8_t)*a;
	y = (uint8_t)*b;
	if (x != '\0' && y != '\0' && is_plain(x) != is_plain(y))
		return is_plain(x) ? 1 : -1;
	return x < y ? -1 : x > y;
}

static int
query_compare(const void *a, const void *b)
{
	const struct sigv4_pair *x = a, *y = b;
	int order = encoded_compare(x->name, y->name);

	return order != 0 ? order : encoded_compare(x->value, y->value);
}

static int
header_compare(const void *a, const void *b)
{
	const struct sigv4_pair *x = a, *y = b;

	return strcasecmp(x->name, y->name);
}

static size_t
pairs_sort(struct sigv4_pair out[static SIGV4_PAIRS_MAX],
    const struct sigv4_pair *in, size_t len,
    int (*compare)(const void *, const void *))
{
	LK_ASSERT(len <= SIGV4_PAIRS_MAX);
	if (len > 0)
		memcpy(out, in, len * sizeof(*in));
	qsort(out, len, sizeof(*out), compare);
	return len;
}

void
sigv4_query(struct buf *out, const struct sigv4_request *r)
{
	struct sigv4_pair sorted[SIGV4_PAIRS_MAX];
	size_t n = pairs_sort(sorted, r->query, r->query_len, query_compare);

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_u8(out, '&');
		uri_encode(out, sorted[i].name, false);
		buf_u8(out, '=');
		uri_encode(out, sorted[i].value, false);
	}
}

static void
name_add(struct buf *out, const char *name)
{
	for (; *name != '\0'; name++)
		buf_u8(out, (uint8_t)tolower((unsigned char)*name));
}

/* Without spaces at either end, and one where there were several. */
static void
value_add(struct buf *out, const char *value)
{
	bool space = false;

	value += strspn(value, " \t");
	for (; *value != '\0'; value++) {
		if (*value == ' ' || *value == '\t') {
			space = true;
			continue;
		}
		if (space)
			buf_u8(out, ' ');
		space = false;
		buf_u8(out, (uint8_t)*value);
	}
}

static void
signed_headers(struct buf *out, const struct sigv4_request *r)
{
	struct sigv4_pair sorted[SIGV4_PAIRS_MAX];
	size_t n =
	    pairs_sort(sorted, r->headers, r->headers_len, header_compare);

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_u8(out, ';');
		name_add(out, sorted[i].name);
	}
}

void
sigv4_canonical(struct buf *out, const struct sigv4_request *r)
{
	struct sigv4_pair sorted[SIGV4_PAIRS_MAX];
	size_t n =
	    pairs_sort(sorted, r->headers, r->headers_len, header_compare);

	buf_str(out, r->method);
	buf_u8(out, '\n');
	uri_encode(out, r->path, true);
	buf_u8(out, '\n');
	sigv4_query(out, r);
	buf_u8(out, '\n');
	for (size_t i = 0; i < n; i++) {
		name_add(out, sorted[i].name);
		buf_u8(out, ':');
		value_add(out, sorted[i].value);
		buf_u8(out, '\n');
	}
	buf_u8(out, '\n');
	signed_headers(out, r);
	buf_u8(out, '\n');
	buf_str(out, r->payload_hash);
}

static void
scope_add(struct buf *out, const struct sigv4_key *key)
{
	buf_mem(out, key->date, DAY_LEN);
	buf_printf(out, "/%s/%s/aws4_request", key->region, key->service);
}

static void
hash_add(struct buf *out, const uint8_t hash[static SHA256_LEN])
{
	char text[2 * SHA256_LEN + 1];

	hex_encode(text, BYTES(hash, SHA256_LEN));
	buf_str(out, text);
}

void
sigv4_to_sign(
    struct buf *out, const struct sigv4_request *r, const struct sigv4_key *key)
{
	/* A session token is one of the headers. */
	BUF_SECRET canonical = { .max = CANONICAL_MAX };
	uint8_t hash[SHA256_LEN];

	sigv4_canonical(&canonical, r);
	if (canonical.failed) {
		/* A signature of a part would be one of something else. */
		out->failed = true;
		return;
	}
	sha256(hash, buf_bytes(&canonical));
	buf_printf(out, ALGORITHM "\n%s\n", key->date);
	scope_add(out, key);
	buf_u8(out, '\n');
	hash_add(out, hash);
}

static void
key_derive(uint8_t out[static SHA256_LEN], const struct sigv4_key *key)
{
	BUF_SECRET first = { .max = CANONICAL_MAX };
	uint8_t day[SHA256_LEN], region[SHA256_LEN], service[SHA256_LEN];

	buf_str(&first, "AWS4");
	buf_str(&first, key->secret);
	hmac_sha256(
	    day, buf_bytes(&first), BYTES((const uint8_t *)key->date, DAY_LEN));
	hmac_sha256(region, BYTES_OF(day), BYTES_STR(key->region));
	hmac_sha256(service, BYTES_OF(region), BYTES_STR(key->service));
	hmac_sha256(out, BYTES_OF(service), BYTES_STR("aws4_request"));
	explicit_bzero(day, sizeof(day));
	explicit_bzero(region, sizeof(region));
	explicit_bzero(service, sizeof(service));
}

void
sigv4_authorize(
    struct buf *out, const struct sigv4_request *r, const struct sigv4_key *key)
{
	BUF_SCOPED text = { .max = CANONICAL_MAX };
	uint8_t derived[SHA256_LEN], signature[SHA256_LEN];

	sigv4_to_sign(&text, r, key);
	if (text.failed) {
		out->failed = true;
		return;
	}
	key_derive(derived, key);
	hmac_sha256(signature, BYTES_OF(derived), buf_bytes(&text));
	explicit_bzero(derived, sizeof(derived));
	buf_printf(out, ALGORITHM " Credential=%s/", key->id);
	scope_add(out, key);
	buf_str(out, ", SignedHeaders=");
	signed_headers(out, r);
	buf_str(out, ", Signature=");
	hash_add(out, signature);
}
