#include "daemon/writers.h"

#include <string.h>

#include "base/limits.h"
#include "daemon/change_json.h"

struct naming {
	struct replica *replica;
	struct json_object *names;
};

static lk_err
name_add(void *ctx, const uint8_t actor[static LK_TOPIC_LEN],
    const uint8_t key[static 32])
{
	struct naming *n = ctx;
	char who[2 * LK_NAME_MAX + 8], hex[2 * LK_TOPIC_LEN + 1];

	home_who(n->replica, key, who, sizeof(who));
	hex_encode(hex, BYTES(actor, LK_TOPIC_LEN));
	json_add_text(n->names, hex, who);
	return LK_NONE;
}

/* The document that one is a branch of, or itself. */
static lk_err
trunk_of(struct request *r, const struct subject *s, uint8_t id[LK_ID_LEN])
{
	lk_err err = home_branch_of(r->replica, s->docno, id);

	if (err.code != LK_E_NOTFOUND)
		return err;
	memcpy(id, s->summary.docid, LK_ID_LEN);
	return LK_NONE;
}

lk_err
writers_find(
    struct request *r, const struct subject *s, struct json_object **names)
{
	struct naming n = { r->replica, json_object_new_object() };
	uint8_t trunk[LK_ID_LEN], other[LK_ID_LEN];
	struct subject each;
	uint32_t docno = 0;
	lk_err err, named;

	*names = n.names;
	TRY(trunk_of(r, s, trunk));
	while ((err = subject_next(r, &docno, &each)).code == LK_OK) {
		TRY(trunk_of(r, &each, other));
		/* Of a branch of a branch, and of that one's branches. */
		if (memcmp(other, trunk, LK_ID_LEN) != 0 &&
		    memcmp(other, s->summary.docid, LK_ID_LEN) != 0 &&
		    memcmp(each.summary.docid, trunk, LK_ID_LEN) != 0)
			continue;
		named =
		    replica_each_actor(r->replica, each.docno, name_add, &n);
		/* Another document may be damaged; its people lack names. */
		if (named.code != LK_E_CORRUPT)
			TRY(named);
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

void
json_add_writer(
    struct json_object *o, struct json_object *names, struct bytes actor)
{
	char hex[2 * ACTOR_LEN_MAX + 1];
	struct json_object *who = NULL;

	hex_encode(hex, actor);
	json_add_text(o, "actor", hex);
	json_object_object_get_ex(names, hex, &who);
	json_object_object_add(o, "writer", json_object_get(who));
}

struct listing {
	struct json_object *names, *list;
	uint64_t older;
};

static void
listing_trim(struct listing *l, size_t most)
{
	size_t len = json_object_array_length(l->list);

	if (len <= most)
		return;
	l->older += len - IMPORT_LISTED_MAX;
	json_object_array_del_idx(l->list, 0, len - IMPORT_LISTED_MAX);
}

static struct json_object *
deps_json(const struct change *c)
{
	struct json_object *deps = json_object_new_array();

	for (size_t i = 0; i < c->deps_len; i++) {
		char hex[2 * LK_ID_LEN + 1];

		hex_encode(hex, BYTES(c->deps + i * LK_ID_LEN, LK_ID_LEN));
		json_object_array_add(deps, json_object_new_string(hex));
	}
	return deps;
}

void
json_add_change(struct json_object *o, const struct change *c)
{
	json_add_id(o, "hash", BYTES_OF(c->hash));
	json_add_number(o, "ops", c->ops_len);
	json_object_object_add(o, "deps", deps_json(c));
	if (c->message.len > 0)
		json_add_bytes(o, "message", c->message);
}

static lk_err
change_add(void *ctx, const struct change *c)
{
	struct listing *l = ctx;
	struct json_object *o = json_object_new_object();

	json_object_array_add(l->list, o);
	json_object_object_add(o, "message", NULL);
	json_add_change(o, c);
	json_add_writer(o, l->names, c->actor);
	json_add_number(o, "seq", c->seq);
	json_add_time(o, "time", change_time(c->time));
	listing_trim(l, (size_t)2 * IMPORT_LISTED_MAX);
	return LK_NONE;
}

lk_err
json_add_imported(struct json_object *o, struct request *r,
    const struct subject *s, uint32_t number, struct json_object *names)
{
	struct listing l = { names, json_object_new_array(), 0 };

	json_object_object_add(o, "changes", l.list);
	TRY(replica_each_change(r->replica, s->docno, number, change_add, &l));
	listing_trim(&l, IMPORT_LISTED_MAX);
	if (l.older > 0)
		json_add_number(o, "older", l.older);
	return LK_NONE;
}
