#include <stdlib.h>
#include <string.h>

#include "tests/access_eval/history.h"

struct json_object *
field(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) ? v : NULL;
}

size_t
array_len(struct json_object *a)
{
	return json_object_is_type(a, json_type_array)
	    ? json_object_array_length(a)
	    : 0;
}

struct json_object *
item(struct json_object *a, size_t i)
{
	return i < array_len(a) ? json_object_array_get_idx(a, i) : NULL;
}

const char *
text(struct json_object *o)
{
	if (!json_object_is_type(o, json_type_string))
		die("a name is missing, or is none");
	return json_object_get_string(o);
}

/* Names that are too long to be their own bytes: 0xff, with which no text
 * begins, and the place in this list. */
static ARRAY(char *) long_names;

void
string_bytes(uint8_t *out, size_t len, const char *s)
{
	size_t n = strlen(s);
	uint32_t i = 0;

	memset(out, 0, len);
	if (n <= len) {
		memcpy(out, s, n);
		return;
	}
	while (i < long_names.len && strcmp(long_names.v[i], s) != 0)
		i++;
	if (i == long_names.len) {
		char *copy = strdup(s);

		if (copy == NULL || !ARRAY_ROOM(&long_names))
			die("memory");
		long_names.v[long_names.len++] = copy;
	}
	*out = 0xff;
	memcpy(out + 1, &i, sizeof(i));
}

void
name_bytes(uint8_t *out, size_t len, struct json_object *name)
{
	string_bytes(out, len, name == NULL ? "" : text(name));
}

struct json_object *
bytes_name(const uint8_t *b, size_t len)
{
	uint32_t i;

	if (*b != 0xff)
		return json_object_new_string_len(
		    (const char *)b, (int)strnlen((const char *)b, len));
	memcpy(&i, b + 1, sizeof(i));
	return json_object_new_string(long_names.v[i]);
}

void
names_free(void)
{
	while (long_names.len > 0)
		free(long_names.v[--long_names.len]);
	free(long_names.v);
}

struct json_object *
node_name(const struct graph *g, uint32_t node)
{
	uint8_t id[LK_ID_LEN];

	graph_id(g, node, id);
	return bytes_name(id, sizeof(id));
}

static int
name_compare(const void *a, const void *b)
{
	return strcmp(json_object_get_string(*(struct json_object *const *)a),
	    json_object_get_string(*(struct json_object *const *)b));
}

void
names_put(struct json_object *out, const char *name, struct json_object *names)
{
	json_object_array_sort(names, name_compare);
	json_object_object_add(out, name, names);
}

struct json_object *
nodes_names(const struct graph *g, const uint32_t *nodes, size_t len)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < len; i++)
		json_object_array_add(a, node_name(g, nodes[i]));
	json_object_array_sort(a, name_compare);
	return a;
}

const char *
etag_name(const struct history *h, const uint8_t etag[ETAG_LEN])
{
	uint32_t i;

	memcpy(&i, etag, sizeof(i));
	return h->etags.v[i - 1].name;
}

void
etag_bytes(struct history *h, uint8_t etag[ETAG_LEN], const char *name)
{
	uint32_t i = 0;

	while (i < h->etags.len && strcmp(h->etags.v[i].name, name) != 0)
		i++;
	if (i == h->etags.len) {
		char *copy = strdup(name);

		if (copy == NULL || !ARRAY_ROOM(&h->etags))
			die("memory");
		h->etags.v[h->etags.len++].name = copy;
	}
	memset(etag, 0, ETAG_LEN);
	i++;
	memcpy(etag, &i, sizeof(i));
}
