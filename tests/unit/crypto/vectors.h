/*
 * vectors.h - reading test vectors: JSON objects whose values are hex.
 */
#ifndef TESTS_UNIT_CRYPTO_VECTORS_H
#define TESTS_UNIT_CRYPTO_VECTORS_H

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* A returned view lives as long as this. */
struct vector_bytes {
	uint8_t *ptr;
	size_t len;
};

static inline struct json_object *
vector_field(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, name, &v);
	return v;
}

static inline const char *
vector_text(struct json_object *o, const char *name)
{
	struct json_object *v = vector_field(o, name);

	return v == NULL ? "" : json_object_get_string(v);
}

/* The bytes of a hex string; absent is empty.  The caller frees .ptr. */
static inline struct vector_bytes
vector_hex(struct json_object *v)
{
	const char *text = v == NULL ? "" : json_object_get_string(v);
	size_t len = strlen(text) / 2;
	struct vector_bytes out = { calloc(1, len + 1), len };

	if (out.ptr == NULL || !hex_decode(out.ptr, len, text))
		abort();
	return out;
}

static inline struct vector_bytes
vector_get(struct json_object *o, const char *name)
{
	return vector_hex(vector_field(o, name));
}

static inline void
vector_bytes_free(struct vector_bytes *b)
{
	free(b->ptr);
}

#define VECTOR __attribute__((cleanup(vector_bytes_free))) struct vector_bytes
#define VECTOR_VIEW(v) BYTES((v).ptr, (v).len)

#endif
