#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/access_eval/history.h"

static int
etag_compare(const void *a, const void *b)
{
	return memcmp(a, b, ETAG_LEN);
}

static uint32_t
line_node(const struct history *h, struct json_object *name)
{
	uint8_t id[LK_ID_LEN];

	name_bytes(id, sizeof(id), name);
	return graph_find(h->graph, id);
}

bool
line_ready(const struct history *h, const struct line *l)
{
	struct json_object *prev = field(l->json, "prev");
	struct json_object *deps = field(l->json, "deps");

	if (prev != NULL && line_node(h, prev) == GRAPH_NONE)
		return false;
	for (size_t i = 0; i < array_len(deps); i++) {
		if (line_node(h, item(deps, i)) == GRAPH_NONE)
			return false;
	}
	return true;
}

bool
line_sees(const struct history *h, const struct line *l, uint32_t node)
{
	struct json_object *prev = field(l->json, "prev");
	struct json_object *deps = field(l->json, "deps");

	if (prev != NULL && graph_in_past(h->graph, node, line_node(h, prev)))
		return true;
	for (size_t i = 0; i < array_len(deps); i++) {
		if (graph_in_past(h->graph, node, line_node(h, item(deps, i))))
			return true;
	}
	return false;
}

/* Without prev, each once, ascending. */
static void
deps_read(struct history *h, struct line *l)
{
	struct json_object *a = field(l->json, "deps");
	size_t n = array_len(a), kept = 0;
	uint8_t *ids = arena_alloc(&h->arena, (n + 1) * LK_ID_LEN);

	if (ids == NULL)
		die("memory");
	for (size_t i = 0; i < n; i++) {
		uint8_t *id = ids + kept * LK_ID_LEN;
		size_t k = 0;

		name_bytes(id, LK_ID_LEN, item(a, i));
		while (memcmp(ids + k * LK_ID_LEN, id, LK_ID_LEN) != 0)
			k++;
		kept += k == kept && memcmp(id, l->facts.prev, LK_ID_LEN) != 0;
	}
	qsort(ids, kept, LK_ID_LEN, lk_id_compare);
	l->body.deps = ids;
	l->body.deps_len = kept;
}

static const struct line *
line_before(const struct history *h, const struct line *l)
{
	struct json_object *prev = field(l->json, "prev");
	const struct line *k;

	TAILQ_FOREACH (k, &h->lines, all)
		if (prev != NULL && k->admissible &&
		    json_object_equal(field(k->json, "id"), prev))
			return k;
	return NULL;
}

/* Some grant of the past that names the author, the one said if that is such.
 */
static bool
grant_any(const struct history *h, const struct line *l, struct grant_ref *out)
{
	const struct grant_ref named = *out;
	uint8_t key[ACCESS_KEY_LEN];
	bool found = false;

	name_bytes(key, sizeof(key), field(l->json, "author"));
	for (size_t i = 0; i < graph_members_len(h->graph); i++) {
		struct member m;
		bool said;

		graph_member(h->graph, i, &m);
		said = grant_ref_equal(&m.grant, &named);
		if (memcmp(m.key, key, sizeof(key)) != 0 ||
		    !line_sees(h, l, m.node) || (found && !said))
			continue;
		found = true;
		*out = m.grant;
	}
	return found;
}

static bool
grant_named(struct history *h, struct line *l)
{
	struct json_object *name = field(l->json, "grant");
	const struct line *prev = line_before(h, l);
	struct grant_ref use;
	struct graph_author was;

	if (l->body.ops[0].kind == OP_GENESIS) {
		memcpy(l->grant.env, l->facts.id, LK_ID_LEN);
		l->grant.index =
		    l->body.ops[0].genesis.policy ? GRANT_ROOT : GRANT_CREATOR;
		return true;
	}
	if (name != NULL && l->body.ops[0].kind == OP_GUARD)
		return false;
	if (name == NULL && prev != NULL)
		l->grant = prev->grant;
	else if (name != NULL)
		l->grant = op_ref(h, name, field(l->json, "author"));
	else if (l->body.ops[0].kind != OP_GUARD)
		return false;
	use = l->grant;
	if (name == NULL && l->body.ops[0].kind == OP_GUARD &&
	    !grant_any(h, l, &use))
		return false;
	if (prev != NULL) {
		was = graph_node_author(
		    h->graph, graph_find(h->graph, prev->facts.id));
		/* The grant of before is not named again. */
		if (grant_ref_equal(&was.grant, &use))
			return true;
	}
	l->body.has_grant = true;
	l->body.grant = use;
	return true;
}

static bool
seal_named(struct history *h, struct line *l)
{
	struct json_object *said = field(l->json, "epoch");
	bool own =
	    l->body.ops[0].kind == OP_GENESIS || l->facts.keys == KEYS_EPOCH;
	uint8_t etag[ETAG_LEN];

	if (said == NULL && !own)
		return false;
	if (l->body.ops[0].kind == OP_GENESIS)
		etag_bytes(h, l->facts.etag, text(field(l->json, "id")));
	if (said == NULL)
		return true;
	etag_bytes(h, etag, text(said));
	if (own)
		return memcmp(etag, l->facts.etag, ETAG_LEN) == 0;
	memcpy(l->facts.etag, etag, ETAG_LEN);
	return true;
}

static size_t
ops_len(const struct line *l)
{
	struct json_object *ops = field(l->json, "ops");

	return ops == NULL ? 1 : array_len(ops);
}

static struct json_object *
op_at(const struct line *l, size_t i, const char **kind)
{
	struct json_object *ops = field(l->json, "ops");
	struct json_object *o = ops == NULL ? l->json : item(ops, i);

	*kind = json_object_get_string(field(o, "kind"));
	if (*kind == NULL)
		die("an op without kind");
	return field(o, "body");
}

struct json_object *
line_op(const struct line *l, const char *kind)
{
	static struct json_object *empty;

	for (size_t i = 0; i < ops_len(l); i++) {
		const char *k;
		struct json_object *body = op_at(l, i, &k);

		if (strcmp(k, kind) != 0)
			continue;
		if (body == NULL && empty == NULL)
			empty = json_object_new_object();
		return body == NULL ? empty : body;
	}
	return NULL;
}

static bool
ops_read(struct history *h, struct line *l)
{
	BUF_SCOPED bytes = { 0 };
	size_t n = ops_len(l);

	if (n == 0 || n > ENVELOPE_OPS_MAX ||
	    l->body.deps_len > ENVELOPE_DEPS_MAX)
		return false;
	l->body.ops_len = n;
	for (size_t i = 0; i < n; i++) {
		const char *kind;
		struct json_object *body = op_at(l, i, &kind);

		if (!op_read(h, l, i, kind, body))
			return false;
	}
	revoke_split(h, l);
	if (!grant_named(h, l) || !seal_named(h, l))
		return false;
	/* The codec's opinion: nothing else reaches a graph. */
	buf_init(&bytes, ENVELOPE_BODY_MAX);
	body_encode(&bytes, &l->body);
	return buf_err(&bytes, "body").code == LK_OK &&
	    body_decode(
		&l->body, &h->arena, arena_copy(&h->arena, buf_bytes(&bytes)))
		.code == LK_OK;
}

bool
line_read(struct history *h, struct line *l)
{
	struct json_object *author = field(l->json, "author");
	struct json_object *signer = field(l->json, "signed");
	struct json_object *doc = field(l->json, "doc");
	struct json_object *genesis = line_op(l, "genesis");

	if (author == NULL || field(l->json, "seq") == NULL)
		die("an envelope without author or seq");
	if (signer != NULL && !json_object_equal(signer, author))
		return false;
	if (doc != NULL &&
	    (graph_len(h->graph) == 0
		    ? !json_object_equal(doc, field(l->json, "id"))
		    : line_node(h, doc) != 0))
		return false;
	l->facts = (struct facts){ .body = &l->body };
	name_bytes(l->facts.id, LK_ID_LEN, field(l->json, "id"));
	name_bytes(l->facts.prev, LK_ID_LEN, field(l->json, "prev"));
	l->facts.seq =
	    (uint64_t)json_object_get_int64(field(l->json, "seq")) + 1;
	deps_read(h, l);
	if (!ops_read(h, l))
		return false;
	if (genesis != NULL && graph_len(h->graph) == 0)
		h->guardians = genesis;
	return true;
}

/* As pairs of device and box key, each of which an epoch has. */
bool
boxes_as_said(struct json_object *epoch, const struct judgement *j)
{
	struct json_object *to = field(epoch, "to");

	if (array_len(field(epoch, "bad")) > 0)
		return false;
	if (to == NULL)
		return true;
	if (array_len(to) != j->readers_len)
		return false;
	for (size_t i = 0; i < array_len(to); i++) {
		struct json_object *pair = item(to, i);
		uint8_t key[ACCESS_KEY_LEN], box[ACCESS_KEY_LEN];
		size_t k = 0;

		name_bytes(key, sizeof(key), item(pair, 0));
		name_bytes(box, sizeof(box), item(pair, 1));
		while (k < j->readers_len &&
		    (memcmp(j->readers[k].key, key, sizeof(key)) != 0 ||
			memcmp(j->readers[k].box, box, sizeof(box)) != 0))
			k++;
		if (k == j->readers_len)
			return false;
	}
	return true;
}

/* As etags, each once, ascending; how many. */
static size_t
etags_said(
    struct history *h, struct json_object *names, uint8_t (*out)[ETAG_LEN])
{
	size_t n = 0;

	for (size_t i = 0; i < array_len(names); i++) {
		size_t k = 0;

		etag_bytes(h, out[n], text(item(names, i)));
		while (memcmp(out[k], out[n], ETAG_LEN) != 0)
			k++;
		n += k == n;
	}
	qsort(out, n, ETAG_LEN, etag_compare);
	return n;
}

static bool
etags_are(struct history *h, struct json_object *names,
    const uint8_t (*want)[ETAG_LEN], size_t len)
{
	uint8_t(*said)[ETAG_LEN] =
	    arena_alloc(&h->arena, (array_len(names) + 1) * ETAG_LEN);
	size_t n;

	if (said == NULL)
		die("memory");
	n = etags_said(h, names, said);
	return n == len && (n == 0 || memcmp(said, want, n * ETAG_LEN) == 0);
}

bool
links_as_said(
    struct history *h, struct json_object *epoch, const struct judgement *j)
{
	struct json_object *links = field(epoch, "links");

	return links == NULL || etags_are(h, links, j->maximal, j->maximal_len);
}

static bool
line_makes_key(const struct line *l)
{
	return l->admissible &&
	    (line_op(l, "genesis") != NULL || line_op(l, "epoch") != NULL);
}

/* Whether it is the key of an epoch of this past, and of none before another
 * one there. */
static bool
key_is_maximal(const struct history *h, const struct line *l,
    const struct line *made, uint32_t node)
{
	const struct line *k;

	if (!line_makes_key(made) || !line_sees(h, l, node))
		return false;
	TAILQ_FOREACH (k, &h->lines, all) {
		uint32_t later;

		if (k == made || !line_makes_key(k))
			continue;
		later = graph_find(h->graph, k->facts.id);
		if (line_sees(h, l, later) &&
		    graph_in_past(h->graph, node, later))
			return false;
	}
	return true;
}

bool
keys_as_said(struct history *h, const struct line *l)
{
	struct json_object *grant = line_op(l, "grant");
	struct json_object *keys = field(grant, "keys");
	uint8_t(*want)[ETAG_LEN];
	const struct line *k;
	size_t n = 0;

	if (keys == NULL)
		return true;
	want = arena_alloc(
	    &h->arena, ((size_t)graph_len(h->graph) + 1) * ETAG_LEN);
	if (want == NULL)
		die("memory");
	if (json_object_get_int64(field(grant, "role")) >= ROLE_READ)
		TAILQ_FOREACH (k, &h->lines, all)
			if (key_is_maximal(
				h, l, k, graph_find(h->graph, k->facts.id)))
				memcpy(want[n++], k->facts.etag, ETAG_LEN);
	qsort(want, n, ETAG_LEN, etag_compare);
	return etags_are(h, keys, (const uint8_t(*)[ETAG_LEN])want, n);
}

void
links_to(struct history *h, struct facts *f, const uint8_t (*etags)[ETAG_LEN],
    size_t len)
{
	struct key_link *link =
	    arena_alloc(&h->arena, (len + 1) * sizeof(*link));

	if (link == NULL)
		die("memory");
	for (size_t i = 0; i < len; i++) {
		memcpy(link[i].newer, f->etag, ETAG_LEN);
		memcpy(link[i].older, etags[i], ETAG_LEN);
	}
	f->links = link;
	f->links_len = len;
}

bool
import_ends(const struct line *l)
{
	for (size_t i = 0; i < l->body.ops_len; i++) {
		if (l->body.ops[i].kind == OP_IMPORT)
			return l->body.ops[i].content.form == 1;
	}
	return false;
}

/* Takes the places (actor, seq) of a complete import for its hashes; false
 * when one is taken by another.  A line that is not in the graph has the grant
 * of its prev unless it names one. */
static bool
places_take(
    struct json_object *taken, const struct history *h, const struct line *l)
{
	const struct line *last = l;

	for (; l != NULL; l = line_before(h, l)) {
		struct json_object *body = line_op(l, "import"), *changes;

		if (body == NULL || (l != last && import_ends(l)))
			break;
		changes = field(body, "changes");
		for (size_t i = 0; i < array_len(changes); i++) {
			struct json_object *c = item(changes, i);
			bool same;
			struct json_object *hash = item(c, 2);
			char *place;

			if (asprintf(&place, "%s %lld", text(item(c, 0)),
				(long long)json_object_get_int64(item(c, 1))) <
			    0)
				die("memory");
			if (field(taken, place) == NULL)
				json_object_object_add(
				    taken, place, json_object_get(hash));
			same = json_object_equal(field(taken, place), hash);
			free(place);
			if (!same)
				return false;
		}
		if (l->body.has_grant)
			break;
	}
	return true;
}

/* A member's actor is named KEY@OP. */
static bool
actor_is(const struct history *h, const struct member *m, const char *actor)
{
	struct json_object *env = node_name(h->graph, m->node);
	struct json_object *key = bytes_name(m->key, sizeof(m->key));
	unsigned index = m->node == 0 ? 0 : m->grant.index;
	char *name;
	bool is;

	if (asprintf(&name, index == 0 ? "%s@%s" : "%s@%s/%u", text(key),
		text(env), index) < 0)
		die("memory");
	is = strcmp(name, actor) == 0;
	json_object_put(env);
	json_object_put(key);
	free(name);
	return is;
}

static bool
members_apart(
    const struct history *h, const struct line *l, struct json_object *mine)
{
	for (size_t i = 0; i < graph_members_len(h->graph); i++) {
		struct member m;

		graph_member(h->graph, i, &m);
		if (!line_sees(h, l, m.node))
			continue;
		json_object_object_foreach(mine, place, hash)
		{
			char *actor = strdup(place);
			bool is;

			(void)hash;
			if (actor == NULL)
				die("memory");
			*strrchr(actor, ' ') = '\0';
			is = actor_is(h, &m, actor);
			free(actor);
			if (is)
				return false;
		}
	}
	return true;
}

bool
import_fits(struct history *h, const struct line *l)
{
	struct json_object *mine = json_object_new_object();
	struct line *k;
	bool ok = places_take(mine, h, l) && members_apart(h, l, mine);

	TAILQ_FOREACH (k, &h->lines, all) {
		uint32_t node;

		if (!ok || !k->admissible || !import_ends(k))
			continue;
		node = line_node(h, field(k->json, "id"));
		if (line_sees(h, l, node))
			ok = places_take(mine, h, k);
	}
	json_object_put(mine);
	return ok;
}
