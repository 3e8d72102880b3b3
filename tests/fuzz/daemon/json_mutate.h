/*
 * json_mutate.h - for fuzzers: one value changed in a text of JSON, so that it
 * mostly stays JSON.
 */
#ifndef TESTS_FUZZ_JSON_MUTATE_H
#define TESTS_FUZZ_JSON_MUTATE_H

#include <string.h>

#include "base/bytes.h"

#define SPANS_MAX 512

size_t LLVMFuzzerMutate(uint8_t *, size_t, size_t);

/* Values of a text, and keys. */
struct json_spans {
	struct {
		size_t at, end;
	} all[SPANS_MAX];
	size_t len;
};

static inline size_t
json_roll(uint64_t *random, size_t sides)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (size_t)((*random >> 11) % sides);
}

static inline void
span_add(struct json_spans *s, size_t at, size_t end)
{
	if (s->len < SPANS_MAX) {
		s->all[s->len].at = at;
		s->all[s->len++].end = end;
	}
}

static inline size_t
string_end(const uint8_t *text, size_t at, size_t len)
{
	for (at++; at < len && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < len ? at + 1 : len;
}

/* Finds them without asking whether the whole is JSON. */
static inline void
spans_find(struct json_spans *s, const uint8_t *text, size_t len)
{
	size_t open[64], depth = 0, end;

	for (size_t at = 0; at < len; at = end) {
		end = at + 1;
		switch (text[at]) {
		case '[':
		case '{':
			if (depth < 64)
				open[depth++] = at;
			break;
		case ']':
		case '}':
			if (depth > 0)
				span_add(s, open[--depth], end);
			break;
		case '"':
			end = string_end(text, at, len);
			span_add(s, at, end);
			break;
		case ',':
		case ':':
		case ' ':
		case '\n':
			break;
		default:
			while (end < len &&
			    memchr(",:]} \n\"[{", text[end], 10) == NULL)
				end++;
			span_add(s, at, end);
			break;
		}
	}
}

/* `words` ends with NULL: what may stand for a value or a key. */
static inline size_t
json_mutate(uint8_t *data, size_t len, size_t max, unsigned seed,
    const char *const *words)
{
	static struct json_spans s;
	uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	size_t i, k, words_len = 0;
	struct bytes with;
	BUF_SCOPED out = { .max = max };

	s.len = 0;
	spans_find(&s, data, len);
	if (s.len == 0 || json_roll(&random, 16) == 0)
		return LLVMFuzzerMutate(data, len, max);
	while (words[words_len] != NULL)
		words_len++;
	i = json_roll(&random, s.len);
	k = json_roll(&random, s.len);
	with = BYTES(data + s.all[k].at, s.all[k].end - s.all[k].at);
	if (json_roll(&random, 2) == 0)
		with = BYTES_STR(words[k % words_len]);
	buf_mem(&out, data, s.all[i].at);
	switch (json_roll(&random, 5)) {
	case 0: /* Twice. */
		buf_mem(&out, data + s.all[i].at, s.all[i].end - s.all[i].at);
		buf_str(&out, ",");
		buf_add(&out, with);
		break;
	case 1:
		buf_str(&out, "[");
		buf_mem(&out, data + s.all[i].at, s.all[i].end - s.all[i].at);
		buf_str(&out, "]");
		break;
	case 2: /* Gone, with what parts it from the next. */
		s.all[i].end += s.all[i].end < len;
		break;
	default:
		buf_add(&out, with);
		break;
	}
	buf_mem(&out, data + s.all[i].end, len - s.all[i].end);
	if (out.failed || out.len == 0)
		return LLVMFuzzerMutate(data, len, max);
	memcpy(data, out.ptr, out.len);
	return out.len;
}

#endif
