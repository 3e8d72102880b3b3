#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/access_eval/history.h"

#define CREATOR_SAID 10 /* the creator's rank in the format */

static void *
keep(struct history *h, size_t n, size_t size)
{
	void *p = arena_alloc(&h->arena, (n + 1) * size);

	if (p == NULL)
		die("memory");
	memset(p, 0, (n + 1) * size);
	return p;
}

static bool
flag(struct json_object *o, const char *name)
{
	return json_object_get_boolean(field(o, name));
}

static int64_t
number(struct json_object *o, const char *name)
{
	return json_object_get_int64(field(o, name));
}

/* Ids, ascending; what is twice in it stays. */
static const uint8_t *
ids_of(struct history *h, struct json_object *a, size_t *len)
{
	size_t n = array_len(a);
	uint8_t *ids = keep(h, n, LK_ID_LEN);

	for (size_t i = 0; i < n; i++)
		name_bytes(ids + i * LK_ID_LEN, LK_ID_LEN, item(a, i));
	qsort(ids, n, LK_ID_LEN, lk_id_compare);
	*len = n;
	return ids;
}

/* A box key is named DEVICE.bN; false when DEVICE is another than `key`. */
static bool
box_of(uint8_t out[ACCESS_KEY_LEN], uint32_t *counter, struct json_object *box,
    struct json_object *key)
{
	const char *b = box == NULL ? "" : text(box);
	const char *k = text(key);
	const char *dot = strrchr(b, '.'), *bad = NULL;

	*counter = 0;
	name_bytes(out, ACCESS_KEY_LEN, box);
	if (dot != NULL && dot[1] == 'b')
		*counter = (uint32_t)strtonum(dot + 2, 0, UINT32_MAX, &bad);
	return *b == '\0' ||
	    (dot != NULL && bad == NULL && (size_t)(dot - b) == strlen(k) &&
		memcmp(b, k, strlen(k)) == 0);
}

struct grant_ref
op_ref(struct history *h, struct json_object *op, struct json_object *key)
{
	struct grant_ref ref = { 0 };
	const char *name = text(op), *slash = strrchr(name, '/');
	char *env = strdup(name);
	struct member root;
	uint8_t k[ACCESS_KEY_LEN];

	if (env == NULL)
		die("memory");
	string_bytes(ref.env, LK_ID_LEN, name);
	if (graph_find(h->graph, ref.env) != GRAPH_NONE)
		slash = NULL;
	if (slash != NULL)
		env[slash - name] = '\0';
	string_bytes(ref.env, LK_ID_LEN, env);
	free(env);
	if (slash != NULL)
		ref.index = (uint8_t)strtonum(slash + 1, 0, 254, NULL);
	if (graph_len(h->graph) == 0 || graph_find(h->graph, ref.env) != 0)
		return ref;
	name_bytes(k, sizeof(k), key);
	graph_member(h->graph, 1, &root);
	ref.index =
	    memcmp(root.key, k, sizeof(k)) == 0 ? GRANT_ROOT : GRANT_CREATOR;
	return ref;
}

/* Whether what a grant of that name gives is a grant to that key. */
static bool
ref_gives(struct history *h, const struct grant_ref *ref, const uint8_t *key)
{
	struct member m;

	return !graph_member_find(h->graph, ref, &m) ||
	    memcmp(m.key, key, ACCESS_KEY_LEN) == 0;
}

static bool
genesis_read(struct history *h, struct op_genesis *o, struct json_object *j)
{
	struct json_object *guardians = field(j, "guardians");
	uint32_t none;
	size_t m;
	bool ok = true;

	name_bytes(o->root_pk, ACCESS_KEY_LEN, field(j, "root"));
	name_bytes(o->device_pk, ACCESS_KEY_LEN, field(j, "creator"));
	ok = box_of(o->device_box, &o->box_counter, field(j, "box"),
	    field(j, "creator"));
	ok =
	    box_of(o->root_box, &none, field(j, "rootbox"), field(j, "root")) &&
	    ok;
	o->policy = o->root_box[0] == '\0' ? 0 : GENESIS_ROOT_BOX;
	o->guardians = ids_of(h, guardians, &m);
	o->m = (uint8_t)m;
	o->k = (uint8_t)number(j, "k");
	return ok && m <= GENESIS_GUARDIANS_MAX;
}

static int
rank_compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
rank_add(struct history *h, struct json_object *body)
{
	int64_t rank = number(body, "rank");

	if (rank <= CREATOR_SAID || rank > UINT16_MAX)
		return;
	if (!ARRAY_ROOM(&h->ranks))
		die("memory");
	h->ranks.v[h->ranks.len++] = (uint32_t)rank;
}

void
ranks_add(struct history *h, const struct line *l)
{
	struct json_object *ops = field(l->json, "ops");

	for (size_t i = 0; i <= array_len(ops); i++) {
		struct json_object *body =
		    field(i == array_len(ops) ? l->json : item(ops, i), "body");

		rank_add(h, body);
		rank_add(h, field(body, "grant"));
	}
}

void
ranks_sort(struct history *h)
{
	uint32_t n = 0;

	if (h->ranks.len > 0)
		qsort(h->ranks.v, h->ranks.len, sizeof(*h->ranks.v),
		    rank_compare);
	for (uint32_t i = 0; i < h->ranks.len; i++)
		if (n == 0 || h->ranks.v[n - 1] != h->ranks.v[i])
			h->ranks.v[n++] = h->ranks.v[i];
	h->ranks.len = n;
}

static uint16_t
rank_of(const struct history *h, int64_t said)
{
	uint32_t i = 0;
	struct member creator;

	if (said < CREATOR_SAID || graph_len(h->graph) == 0)
		return (uint16_t)said;
	graph_member(h->graph, 0, &creator);
	if (said == CREATOR_SAID)
		return creator.rank;
	while (h->ranks.v[i] != said)
		i++;
	return (uint16_t)(creator.rank + 1 + i);
}

static bool
grant_read(const struct history *h, struct op_grant *o, struct json_object *j)
{
	struct json_object *parent = field(j, "parent");
	int64_t role = number(j, "role"), rank = number(j, "rank");
	bool ok;

	name_bytes(o->key, ACCESS_KEY_LEN, field(j, "key"));
	ok = box_of(o->box, &o->box_counter, field(j, "box"), field(j, "key"));
	if (role < 0 || role > ROLE_ADMIN || rank < 0 || rank > UINT16_MAX)
		return false;
	o->role = (uint8_t)role;
	o->rank = rank_of(h, rank);
	o->flags = (uint8_t)((flag(j, "enroll") ? GRANT_ENROLL : 0) |
	    (flag(j, "cold") ? GRANT_COLD : 0) |
	    (flag(j, "own") ? GRANT_OWN : 0) |
	    (parent != NULL ? GRANT_PARENT_HERE : 0));
	o->parent_index = (uint8_t)(parent == NULL ? 0 : number(j, "parent"));
	if (o->flags & GRANT_COLD || role == ROLE_RELAY) {
		memset(o->box, 0, sizeof(o->box));
		o->box_counter = 0;
	}
	return ok;
}

static int
entry_compare(const void *a, const void *b)
{
	const struct revoke_entry *x = a, *y = b;

	return grant_ref_compare(&x->target, &y->target);
}

static bool
revoke_read(struct history *h, struct op_revoke *o, struct json_object *j)
{
	struct json_object *a = field(j, "entries");
	size_t n = array_len(a);
	struct revoke_entry *e = keep(h, n, sizeof(*e));
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		struct json_object *k = item(a, i);
		struct json_object *key = field(k, "key");
		int64_t level = number(k, "level");
		uint8_t bytes[ACCESS_KEY_LEN];

		e[i].target = op_ref(h, field(k, "target"), key);
		name_bytes(bytes, sizeof(bytes), key);
		if (key != NULL)
			ok = ref_gives(h, &e[i].target, bytes) && ok;
		e[i].level = level < 0 || level > ROLE_ADMIN ? ROLE_ADMIN
							     : (uint8_t)level;
		e[i].flags = (uint8_t)((flag(k, "soft") ? REVOKE_SOFT : 0) |
		    (flag(k, "tree") ? REVOKE_TREE : 0));
		e[i].keep = ids_of(h, field(k, "keep"), &e[i].keep_len);
	}
	qsort(e, n, sizeof(*e), entry_compare);
	o->entries = e;
	o->entries_len = n;
	return ok;
}

/* An op names a grant once.  One that names it more often is several, in one
 * envelope. */
void
revoke_split(struct history *h, struct line *l)
{
	struct body *b = &l->body;
	struct op_revoke *o = &b->ops[0].revoke;

	if (field(l->json, "ops") != NULL || b->ops[0].kind != OP_REVOKE)
		return;
	for (; b->ops_len < ENVELOPE_OPS_MAX;
	     o = &b->ops[b->ops_len++].revoke) {
		struct revoke_entry *once, *again;
		size_t n = 0, m = 0;

		once = keep(h, o->entries_len, sizeof(*once));
		again = keep(h, o->entries_len, sizeof(*again));
		for (size_t i = 0; i < o->entries_len; i++) {
			if (n > 0 &&
			    grant_ref_equal(
				&once[n - 1].target, &o->entries[i].target))
				again[m++] = o->entries[i];
			else
				once[n++] = o->entries[i];
		}
		*o = (struct op_revoke){ .entries = once, .entries_len = n };
		if (m == 0)
			return;
		b->ops[b->ops_len] = (struct access_op){ .kind = OP_REVOKE,
			.revoke = { .entries = again, .entries_len = m } };
	}
}

/* Of the names that sign, those that are guardians, once; no more than are
 * needed. */
static void
signers_read(struct history *h, struct op_guard *o, struct json_object *names)
{
	size_t m, n, needed = (size_t)number(h->guardians, "k");
	const uint8_t *all = ids_of(h, field(h->guardians, "guardians"), &m);
	const uint8_t *said = ids_of(h, names, &n);
	uint8_t *sigs = keep(h, m, GUARD_SIG_LEN);

	for (size_t i = 0; i < m; i++) {
		bool signs = false;

		for (size_t k = 0; k < n && !signs; k++)
			signs = lk_id_compare(all + i * LK_ID_LEN,
				    said + k * LK_ID_LEN) == 0;
		if (signs && o->sigs_len < needed)
			sigs[o->sigs_len++ * GUARD_SIG_LEN] = (uint8_t)i;
	}
	o->sigs = sigs;
}

static bool
guard_read(struct history *h, struct op_guard *o, struct json_object *j)
{
	struct access_op *op = keep(h, 1, sizeof(*op));
	struct json_object *grant = field(j, "grant");
	struct json_object *revoke = field(j, "revoke");

	if ((grant == NULL) == (revoke == NULL) || h->guardians == NULL)
		return false;
	o->op = op;
	/* In the reference each guard is a statement of its own. */
	memcpy(o->nonce, &op, sizeof(op));
	signers_read(h, o, field(j, "sigs"));
	op->kind = grant != NULL ? OP_GRANT : OP_REVOKE;
	return grant != NULL ? grant_read(h, &op->grant, grant)
			     : revoke_read(h, &op->revoke, revoke);
}

/* A box named wrong is one that does not open, which nobody refuses. */
static void
share_read(struct history *h, struct line *l, struct op_share *o,
    struct json_object *j)
{
	struct json_object *boxes = field(j, "boxes"),
			   *links = field(j, "links");
	bool one = field(j, "epoch") != NULL;
	size_t n = one ? 1 : array_len(boxes), m = array_len(links);
	uint8_t *keys = keep(h, n, ACCESS_KEY_LEN);
	struct shared_key *shared = keep(h, n, sizeof(*shared));
	struct key_link *link = keep(h, m, sizeof(*link));

	for (size_t i = 0; i < n; i++) {
		struct json_object *b = item(boxes, i);
		struct json_object *key = one ? field(j, "key") : item(b, 1);
		struct json_object *etag = one ? field(j, "epoch") : item(b, 0);

		name_bytes(keys + i * ACCESS_KEY_LEN, ACCESS_KEY_LEN, key);
		name_bytes(shared[i].key, ACCESS_KEY_LEN, key);
		etag_bytes(h, shared[i].etag, text(etag));
	}
	for (size_t i = 0; i < m; i++) {
		struct json_object *p = item(links, i);

		etag_bytes(h, link[i].newer, text(item(p, 0)));
		etag_bytes(h, link[i].older, text(item(p, 1)));
	}
	o->keys = keys;
	o->keys_len = n;
	l->facts.keys = KEYS_SHARE;
	l->facts.boxes_len = (uint16_t)n;
	l->facts.shared = shared;
	l->facts.shared_len = n;
	l->facts.links = link;
	l->facts.links_len = m;
}

static void
epoch_read(struct history *h, struct line *l, struct json_object *j)
{
	struct json_object *key = field(j, "key"), *links = field(j, "links");
	size_t n = array_len(links);
	struct key_link *link = keep(h, n, sizeof(*link));

	etag_bytes(
	    h, l->facts.etag, text(key == NULL ? field(l->json, "id") : key));
	l->facts.keys = KEYS_EPOCH;
	for (size_t i = 0; i < n; i++) {
		memcpy(link[i].newer, l->facts.etag, ETAG_LEN);
		etag_bytes(h, link[i].older, text(item(links, i)));
	}
	l->facts.links = link;
	l->facts.links_len = n;
}

static uint8_t
kind_of(const char *name)
{
	static const struct {
		const char *name;
		uint8_t kind;
	} kinds[] = { { "genesis", OP_GENESIS }, { "grant", OP_GRANT },
		{ "revoke", OP_REVOKE }, { "ban", OP_BAN },
		{ "leave", OP_LEAVE }, { "change", OP_CHANGE },
		{ "adopt", OP_ADOPT }, { "epoch", OP_EPOCH },
		{ "share", OP_SHARE }, { "rekey", OP_REKEY },
		{ "guard", OP_GUARD }, { "import", OP_IMPORT } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	}
	/* A number: below 128 it waits or is refused, which is one here. */
	return (uint8_t)strtonum(name, OP_NO_EFFECT_MIN, 255, NULL);
}

bool
op_read(struct history *h, struct line *l, size_t i, const char *kind,
    struct json_object *j)
{
	struct access_op *op = &l->body.ops[i];

	op->kind = kind_of(kind);
	switch (op->kind) {
	case OP_GENESIS:
		return genesis_read(h, &op->genesis, j);
	case OP_GRANT:
		return grant_read(h, &op->grant, j);
	case OP_REVOKE:
		return revoke_read(h, &op->revoke, j);
	case OP_BAN:
		name_bytes(op->ban.key, ACCESS_KEY_LEN, field(j, "key"));
		return true;
	case OP_ADOPT:
		op->adopt.ids = ids_of(h, field(j, "ops"), &op->adopt.ids_len);
		return true;
	case OP_REKEY:
		return box_of(op->rekey.box, &op->rekey.box_counter,
		    field(j, "box"), field(l->json, "author"));
	case OP_GUARD:
		return guard_read(h, &op->guard, j);
	case OP_SHARE:
		share_read(h, l, &op->share, j);
		return true;
	case OP_EPOCH:
		epoch_read(h, l, j);
		return true;
	case OP_IMPORT:
		op->content.form = field(j, "last") == NULL || flag(j, "last");
		return true;
	default:
		return op->kind != 0;
	}
}
