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

void
name_bytes(uint8_t *out, size_t len, struct json_object *name)
{
	const char *s = name == NULL ? "" : json_object_get_string(name);
	size_t n = strlen(s);

	if (n > len)
		die("a name is too long");
	memset(out, 0, len);
	memcpy(out, s, n);
}

struct json_object *
bytes_name(const uint8_t *b, size_t len)
{
	return json_object_new_string_len(
	    (const char *)b, (int)strnlen((const char *)b, len));
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
		if (!ARRAY_ROOM(&h->etags) || strlen(name) > NAME_MAX_LEN)
			die("epoch name");
		strlcpy(h->etags.v[h->etags.len++].name, name,
		    sizeof(h->etags.v->name));
	}
	memset(etag, 0, ETAG_LEN);
	i++;
	memcpy(etag, &i, sizeof(i));
}
