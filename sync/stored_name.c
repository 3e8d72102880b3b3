#include "sync/stored_name.h"

#include <stdio.h>
#include <string.h>

#define MAIL_PREFIX "lk1/mail/"

static void
hex_add(char *out, size_t *len, const uint8_t *bytes, size_t n)
{
	hex_encode(out + *len, BYTES(bytes, n));
	*len += 2 * n;
}

static void
text_add(char *out, size_t *len, const char *text)
{
	*len = strlcpy(out + *len, text, OBJECT_NAME_MAX + 1 - *len) + *len;
}

void
stored_name_format(
    char out[static OBJECT_NAME_MAX + 1], const struct stored_name *n)
{
	char number[2 * 16 + 8];
	size_t len = 0;

	if (n->kind == STORED_MAIL) {
		text_add(out, &len, MAIL_PREFIX);
		hex_add(out, &len, n->topic, sizeof(n->topic));
		text_add(out, &len, "/");
		hex_add(out, &len, n->hash, sizeof(n->hash));
		return;
	}
	text_add(out, &len, STORED_PREFIX);
	hex_add(out, &len, n->topic, sizeof(n->topic));
	text_add(out, &len, "/");
	hex_add(out, &len, n->tag, sizeof(n->tag));
	text_add(out, &len,
	    n->kind == STORED_PACK      ? "/"
		: n->kind == STORED_ACK ? "/ack-"
					: "/k-");
	(void)snprintf(number, sizeof(number),
	    n->kind == STORED_ACK ? "%016llx-%016llx" : "%016llx-%04llx-",
	    (unsigned long long)n->seq, (unsigned long long)n->count);
	text_add(out, &len, number);
	if (n->kind != STORED_ACK)
		hex_add(out, &len, n->hash, sizeof(n->hash));
}

/* Takes `text` off the front of *name. */
static bool
skip(const char **name, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(*name, text, len) != 0)
		return false;
	*name += len;
	return true;
}

/* n bytes of hex off the front; what is no lower-case hex is found when the
 * name is written again. */
static bool
hex_skip(const char **name, uint8_t *out, size_t n)
{
	char digits[2 * LK_ID_LEN + 1];

	if (strnlen(*name, 2 * n) < 2 * n)
		return false;
	memcpy(digits, *name, 2 * n);
	digits[2 * n] = '\0';
	*name += 2 * n;
	return hex_decode(out, n, digits);
}

static bool
number_skip(const char **name, uint64_t *out, size_t n)
{
	uint8_t bytes[8];

	if (!hex_skip(name, bytes, n))
		return false;
	*out = 0;
	for (size_t i = 0; i < n; i++)
		*out = *out << 8 | bytes[i];
	return true;
}

static bool
mail_parse(struct stored_name *n, const char *name)
{
	n->kind = STORED_MAIL;
	return hex_skip(&name, n->topic, sizeof(n->topic)) &&
	    skip(&name, "/") && hex_skip(&name, n->hash, sizeof(n->hash));
}

static bool
topic_parse(struct stored_name *n, const char *name)
{
	if (!hex_skip(&name, n->topic, sizeof(n->topic)) || !skip(&name, "/") ||
	    !hex_skip(&name, n->tag, sizeof(n->tag)) || !skip(&name, "/"))
		return false;
	if (skip(&name, "ack-")) {
		n->kind = STORED_ACK;
		return number_skip(&name, &n->seq, 8) && skip(&name, "-") &&
		    number_skip(&name, &n->count, 8);
	}
	n->kind = skip(&name, "k-") ? STORED_KEY_PACK : STORED_PACK;
	return number_skip(&name, &n->seq, 8) && skip(&name, "-") &&
	    number_skip(&name, &n->count, 2) && skip(&name, "-") &&
	    hex_skip(&name, n->hash, sizeof(n->hash)) && n->seq > 0 &&
	    n->seq <= STORED_SEQ_MAX && n->count > 0 &&
	    n->count <= PACK_ENVELOPES_MAX;
}

bool
stored_name_parse(struct stored_name *out, const char *name)
{
	char again[OBJECT_NAME_MAX + 1];
	struct stored_name n = { .kind = STORED_MAIL };
	const char *rest = name;
	bool is;

	if (skip(&rest, MAIL_PREFIX))
		is = mail_parse(&n, rest);
	else
		is = skip(&rest, STORED_PREFIX) && topic_parse(&n, rest);
	if (!is)
		return false;
	stored_name_format(again, &n);
	if (strcmp(again, name) != 0)
		return false;
	*out = n;
	return true;
}

static void
number_put(uint8_t *out, uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		out[i] = (uint8_t)(v >> (56 - 8 * i));
}

void
stored_name_key(uint8_t out[static STORED_KEY_LEN], const struct stored_name *n)
{
	memcpy(out, n->topic, LK_TOPIC_LEN);
	memcpy(out + LK_TOPIC_LEN, n->tag, LK_TOPIC_LEN);
	out += 2 * LK_TOPIC_LEN;
	*out++ = (uint8_t)n->kind;
	number_put(out, n->seq);
	number_put(out + 8, n->count);
	memcpy(out + 16, n->hash, STORED_HASH_LEN);
}

void
stored_name_from_key(
    struct stored_name *n, const uint8_t key[static STORED_KEY_LEN])
{
	struct rd r = rd_over(BYTES(key, STORED_KEY_LEN));

	rd_copy(&r, n->topic, LK_TOPIC_LEN);
	rd_copy(&r, n->tag, LK_TOPIC_LEN);
	n->kind = (enum stored_kind)rd_u8(&r);
	n->seq = rd_u64(&r);
	n->count = rd_u64(&r);
	rd_copy(&r, n->hash, STORED_HASH_LEN);
}
