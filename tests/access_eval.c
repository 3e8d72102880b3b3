/*
 * lk-access-eval - what access/ makes of histories written as JSON Lines.
 *
 * The format is described in tests/model/access_model.py, whose `eval` answers
 * the same question by the letter of the rules; tests/model/access_diff.py
 * compares the two.  One line of JSON per history; an empty line ends one.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/graph.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)
#define IDS_MAX 4096

struct history {
	struct graph *graph, *loaded;
	struct arena arena;
	struct json_object *admissible, *parents, *number;
};

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "lk-access-eval: %s\n", what);
	exit(1);
}

static void
must(lk_err err)
{
	if (err.code != LK_OK)
		die(err.what);
}

static struct json_object *
field(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) ? v : NULL;
}

static int64_t
number_of(struct json_object *o, const char *name)
{
	return json_object_get_int64(field(o, name));
}

static size_t
array_len(struct json_object *a)
{
	return json_object_is_type(a, json_type_array)
	    ? json_object_array_length(a)
	    : 0;
}

/* A name as a fixed number of bytes, zeros behind it. */
static void
name_bytes(uint8_t *out, size_t len, struct json_object *name)
{
	const char *s = name == NULL ? "" : json_object_get_string(name);
	size_t n = strlen(s);

	if (n > len)
		die("a name is too long");
	memset(out, 0, len);
	memcpy(out, s, n);
}

static struct json_object *
bytes_name(const uint8_t *b, size_t len)
{
	return json_object_new_string_len(
	    (const char *)b, (int)strnlen((const char *)b, len));
}

static struct json_object *
node_name(const struct graph *g, uint32_t node)
{
	uint8_t id[LK_ID_LEN];

	graph_id(g, node, id);
	return bytes_name(id, sizeof(id));
}

static struct grant_ref
ref_of(struct json_object *a)
{
	struct grant_ref r;

	name_bytes(r.env, LK_ID_LEN, json_object_array_get_idx(a, 0));
	r.index = (uint8_t)json_object_get_int(json_object_array_get_idx(a, 1));
	return r;
}

static uint8_t *
names_of(struct arena *arena, struct json_object *a, size_t *len)
{
	size_t n = array_len(a);
	uint8_t *ids = arena_alloc(arena, (n + 1) * LK_ID_LEN);

	for (size_t i = 0; i < n; i++)
		name_bytes(ids + i * LK_ID_LEN, LK_ID_LEN,
		    json_object_array_get_idx(a, i));
	*len = n;
	return ids;
}

/* A box key is named DEVICE.bN; whether it says so of the right device is what
 * a signature would show. */
static uint32_t
box_counter(const char *box)
{
	const char *dot = strrchr(box, '.');

	return dot == NULL ? 0
			   : (uint32_t)strtonum(dot + 2, 0, UINT32_MAX, NULL);
}

static bool
box_is_of(struct json_object *box, struct json_object *key)
{
	const char *b = json_object_get_string(box);
	const char *k = json_object_get_string(key);
	const char *dot = strrchr(b, '.');

	return *b == '\0' ||
	    (dot != NULL && (size_t)(dot - b) == strlen(k) &&
		memcmp(b, k, strlen(k)) == 0);
}

static bool
genesis_of(struct op_genesis *o, struct json_object *j)
{
	const char *rootbox = json_object_get_string(field(j, "rootbox"));

	name_bytes(o->root_pk, ACCESS_KEY_LEN, field(j, "root"));
	name_bytes(o->root_box, ACCESS_KEY_LEN, field(j, "rootbox"));
	name_bytes(o->device_pk, ACCESS_KEY_LEN, field(j, "device"));
	name_bytes(o->device_box, ACCESS_KEY_LEN, field(j, "box"));
	o->box_counter = box_counter(json_object_get_string(field(j, "box")));
	o->policy = *rootbox == '\0' ? 0 : GENESIS_ROOT_BOX;
	return box_is_of(field(j, "rootbox"), field(j, "root")) &&
	    box_is_of(field(j, "box"), field(j, "device"));
}

static bool
grant_of(struct op_grant *o, struct json_object *j)
{
	name_bytes(o->key, ACCESS_KEY_LEN, field(j, "key"));
	name_bytes(o->box, ACCESS_KEY_LEN, field(j, "box"));
	o->box_counter = box_counter(json_object_get_string(field(j, "box")));
	o->role = (uint8_t)number_of(j, "role");
	o->rank = (uint16_t)number_of(j, "rank");
	o->flags = (uint8_t)number_of(j, "flags");
	o->parent_index = (uint8_t)number_of(j, "parent");
	return box_is_of(field(j, "box"), field(j, "key"));
}

static void
revoke_of(struct op_revoke *o, struct arena *arena, struct json_object *j)
{
	struct json_object *a = field(j, "entries");
	size_t n = array_len(a);
	struct revoke_entry *e = arena_alloc(arena, (n + 1) * sizeof(*e));

	for (size_t i = 0; i < n; i++) {
		struct json_object *k = json_object_array_get_idx(a, i);

		e[i].target = ref_of(field(k, "target"));
		e[i].level = (uint8_t)number_of(k, "level");
		e[i].flags = (uint8_t)number_of(k, "flags");
		e[i].keep = names_of(arena, field(k, "keep"), &e[i].keep_len);
	}
	o->entries = e;
	o->entries_len = n;
}

static bool
op_of(struct access_op *op, struct arena *arena, struct json_object *j)
{
	op->kind = (uint8_t)number_of(j, "kind");
	switch (op->kind) {
	case OP_GENESIS:
		return genesis_of(&op->genesis, j);
	case OP_GRANT:
		return grant_of(&op->grant, j);
	case OP_REVOKE:
		revoke_of(&op->revoke, arena, j);
		return true;
	case OP_SHARE:
		op->share.keys =
		    names_of(arena, field(j, "keys"), &op->share.keys_len);
		return true;
	case OP_IMPORT:
		op->content.form = (uint8_t)number_of(j, "last");
		return true;
	default:
		return true;
	}
}

static void
section_of(struct facts *f, struct arena *arena, struct json_object *j)
{
	struct json_object *shared = field(j, "shared");
	struct json_object *links = field(j, "links");
	size_t s = array_len(shared), l = array_len(links);
	struct shared_key *keys = arena_alloc(arena, (s + 1) * sizeof(*keys));
	struct key_link *link = arena_alloc(arena, (l + 1) * sizeof(*link));

	for (size_t i = 0; i < s; i++) {
		struct json_object *k = json_object_array_get_idx(shared, i);

		name_bytes(
		    keys[i].etag, ETAG_LEN, json_object_array_get_idx(k, 0));
		name_bytes(keys[i].key, ACCESS_KEY_LEN,
		    json_object_array_get_idx(k, 1));
	}
	for (size_t i = 0; i < l; i++) {
		struct json_object *k = json_object_array_get_idx(links, i);

		name_bytes(
		    link[i].newer, ETAG_LEN, json_object_array_get_idx(k, 0));
		name_bytes(
		    link[i].older, ETAG_LEN, json_object_array_get_idx(k, 1));
	}
	f->boxes_len = (uint16_t)number_of(j, "boxes");
	f->shared = keys;
	f->shared_len = s;
	f->links = link;
	f->links_len = l;
	if (body_has(f->body, OP_EPOCH))
		f->keys = KEYS_EPOCH;
	else if (body_has(f->body, OP_SHARE))
		f->keys = KEYS_SHARE;
}

/* Reads an envelope; false when a signature or its encoding would be wrong. */
static bool
envelope_of(struct facts *f, struct body *body, struct arena *arena,
    struct json_object *j)
{
	struct json_object *ops = field(j, "ops");
	BUF_SCOPED bytes = { 0 };
	bool ok = true;

	*f = (struct facts){ .body = body };
	*body = (struct body){ .ops_len = array_len(ops) };
	name_bytes(f->id, LK_ID_LEN, field(j, "id"));
	name_bytes(f->prev, LK_ID_LEN, field(j, "prev"));
	name_bytes(f->etag, ETAG_LEN, field(j, "tag"));
	f->seq = (uint64_t)number_of(j, "seq");
	body->has_grant = field(j, "grant") != NULL;
	if (body->has_grant)
		body->grant = ref_of(field(j, "grant"));
	body->deps = names_of(arena, field(j, "deps"), &body->deps_len);
	for (size_t i = 0; i < body->ops_len && i < ENVELOPE_OPS_MAX; i++)
		ok = op_of(&body->ops[i], arena,
			 json_object_array_get_idx(ops, i)) &&
		    ok;
	section_of(f, arena, j);
	buf_init(&bytes, ENVELOPE_BODY_MAX);
	body_encode(&bytes, body);
	must(buf_err(&bytes, "body"));
	return body_decode(body, arena, arena_copy(arena, buf_bytes(&bytes)))
		   .code == LK_OK &&
	    ok;
}

static int
name_compare(const void *a, const void *b)
{
	return strcmp(json_object_get_string(*(struct json_object *const *)a),
	    json_object_get_string(*(struct json_object *const *)b));
}

static struct json_object *
nodes_names(const struct graph *g, const uint32_t *nodes, size_t len)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < len; i++)
		json_object_array_add(a, node_name(g, nodes[i]));
	json_object_array_sort(a, name_compare);
	return a;
}

static void
history_line(struct history *h, struct json_object *j)
{
	struct body *body = arena_alloc(&h->arena, sizeof(*body));
	struct facts *f = arena_alloc(&h->arena, sizeof(*f));
	uint8_t missing[LK_ID_LEN], key[ACCESS_KEY_LEN];
	struct graph_author author;
	struct judgement judged;
	const struct flip *flips;
	size_t flips_len;
	const char *id = json_object_get_string(field(j, "id"));

	if (body == NULL || f == NULL)
		die("memory");
	name_bytes(key, sizeof(key), field(j, "author"));
	if (!envelope_of(f, body, &h->arena, j) ||
	    graph_author(h->graph, f, &author, missing).code != LK_OK ||
	    memcmp(author.key, key, sizeof(key)) != 0 ||
	    graph_judge(h->graph, f, &judged).code != LK_OK)
		return;
	json_object_array_add(h->admissible, json_object_get(field(j, "id")));
	if (body_has(body, OP_CHANGE)) {
		json_object_object_add(h->parents, id,
		    nodes_names(h->graph, judged.parents, judged.parents_len));
		json_object_object_add(h->number, id,
		    json_object_new_int64((int64_t)judged.change_seq));
	}
	must(graph_add(h->graph, f, &flips, &flips_len));
	must(graph_load(h->loaded, f));
}

static void
status_print(struct json_object *out, const struct graph *g)
{
	struct json_object *effective = json_object_new_array();
	struct json_object *visible = json_object_new_array();
	struct json_object *essential = json_object_new_array();
	char op[LK_ID_LEN + 8];

	for (uint32_t n = 0; n < graph_len(g); n++) {
		struct json_object *name = node_name(g, n);

		for (uint8_t i = 0; i < ENVELOPE_OPS_MAX; i++) {
			snprintf(op, sizeof(op), "%s/%u",
			    json_object_get_string(name), i);
			if (graph_effective(g, n, i))
				json_object_array_add(
				    effective, json_object_new_string(op));
		}
		if (graph_visible(g, n))
			json_object_array_add(visible, json_object_get(name));
		if (graph_essential(g, n))
			json_object_array_add(essential, json_object_get(name));
		json_object_put(name);
	}
	json_object_array_sort(effective, name_compare);
	json_object_array_sort(visible, name_compare);
	json_object_array_sort(essential, name_compare);
	json_object_object_add(out, "effective", effective);
	json_object_object_add(out, "visible", visible);
	json_object_object_add(out, "essential", essential);
}

static void
present_print(struct json_object *out, struct graph *g)
{
	static uint8_t heads[IDS_MAX][LK_ID_LEN];
	struct json_object *a = json_object_new_array();
	struct json_object *readers = json_object_new_object();
	const struct graph_reader *r;
	const uint8_t(*etags)[ETAG_LEN];
	uint8_t etag[ETAG_LEN] = { 0 };
	char key[ACCESS_KEY_LEN + 1] = { 0 };
	size_t n = graph_heads(g, heads, IDS_MAX);

	for (size_t i = 0; i < n; i++)
		json_object_array_add(a, bytes_name(heads[i], LK_ID_LEN));
	json_object_object_add(out, "heads", a);
	must(graph_readers(g, &r, &n));
	for (size_t i = 0; i < n; i++) {
		memcpy(key, r[i].key, ACCESS_KEY_LEN);
		json_object_object_add(
		    readers, key, bytes_name(r[i].box, ACCESS_KEY_LEN));
	}
	json_object_object_add(out, "readers", readers);
	must(graph_maximal(g, &etags, &n));
	a = json_object_new_array();
	for (size_t i = 0; i < n; i++)
		json_object_array_add(a, bytes_name(etags[i], ETAG_LEN));
	json_object_object_add(out, "maximal", a);
	if (graph_clean_epoch(g, etag).code != LK_OK)
		memset(etag, 0, sizeof(etag));
	json_object_object_add(out, "clean", bytes_name(etag, ETAG_LEN));
}

static void
next_print(struct json_object *out, struct graph *g)
{
	struct graph_author first = graph_node_author(g, 0);
	const uint32_t *parents;
	uint64_t seq;
	size_t n;

	must(graph_parents(g, &first.grant, &parents, &n, &seq));
	json_object_object_add(out, "next", nodes_names(g, parents, n));
}

static struct json_object *
state_of(struct graph *g)
{
	struct json_object *out = json_object_new_object();

	if (graph_len(g) == 0)
		return out;
	status_print(out, g);
	present_print(out, g);
	next_print(out, g);
	return out;
}

static void
history_start(struct history *h)
{
	must(graph_new(&h->graph));
	must(graph_new(&h->loaded));
	arena_init(&h->arena, ARENA_MAX);
	h->admissible = json_object_new_array();
	h->parents = json_object_new_object();
	h->number = json_object_new_object();
}

static void
history_end(struct history *h)
{
	struct json_object *out = state_of(h->graph), *again;

	must(graph_settle(h->loaded));
	again = state_of(h->loaded);
	/* A device that starts from its store stands where it stood. */
	if (!json_object_equal(out, again))
		json_object_object_add(out, "loaded", json_object_get(again));
	json_object_put(again);
	json_object_array_sort(h->admissible, name_compare);
	json_object_object_add(out, "admissible", h->admissible);
	json_object_object_add(out, "parents", h->parents);
	json_object_object_add(out, "number", h->number);
	puts(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN));
	json_object_put(out);
	graph_free(h->graph);
	graph_free(h->loaded);
	arena_clear(&h->arena);
}

int
main(void)
{
	struct history h;
	char *line = NULL;
	size_t cap = 0;
	bool open = false;

	while (getline(&line, &cap, stdin) > 0) {
		if (*line == '\n') {
			if (open)
				history_end(&h);
			open = false;
			continue;
		}
		struct json_object *j = json_tokener_parse(line);

		if (j == NULL)
			die("not JSON");
		if (!open)
			history_start(&h);
		open = true;
		history_line(&h, j);
		json_object_put(j);
	}
	if (open)
		history_end(&h);
	free(line);
	return 0;
}
