#include "daemon/change_json.h"

#include <string.h>

bool
change_counts(const struct change_info *info)
{
	return info->hashes.len > 0;
}

struct wall
change_time(int64_t seconds)
{
	const int64_t most = INT64_MAX / 1000;

	if (seconds > most || seconds < -most)
		return (struct wall){ seconds > 0 ? INT64_MAX : INT64_MIN };
	return (struct wall){ seconds * 1000 };
}

static bool
is_voided(const struct change_info *info)
{
	static const uint8_t none[LK_ID_LEN];

	return memcmp(info->voided_by, none, sizeof(none)) != 0;
}

static struct json_object *
kinds_json(uint32_t kinds)
{
	static const struct {
		enum op_kind kind;
		const char *name;
	} names[] = {
		{ OP_GENESIS, "genesis" },
		{ OP_GRANT, "grant" },
		{ OP_REVOKE, "revoke" },
		{ OP_BAN, "ban" },
		{ OP_LEAVE, "leave" },
		{ OP_GUARD, "guard" },
		{ OP_CHANGE, "change" },
		{ OP_ADOPT, "adopt" },
		{ OP_EPOCH, "epoch" },
		{ OP_SHARE, "share" },
		{ OP_REKEY, "rekey" },
		{ OP_IMPORT, "import" },
	};
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (kinds & UINT32_C(1) << names[i].kind)
			json_object_array_add(
			    list, json_object_new_string(names[i].name));
	return list;
}

static struct json_object *
person_json(struct replica *replica, const uint8_t key[static ACCESS_KEY_LEN],
    enum role role)
{
	struct json_object *o = json_object_new_object();
	char who[2 * LK_NAME_MAX + 8];

	home_who(replica, key, who, sizeof(who));
	json_add_text(o, "who", who);
	json_add_id(o, "key", BYTES(key, ACCESS_KEY_LEN));
	json_add_text(o, "role", role_name(role));
	return o;
}

/* Whom an envelope granted something.  A person is named once, not with each
 * device. */
static struct json_object *
granted_json(
    struct replica *replica, uint32_t docno, const uint8_t id[static LK_ID_LEN])
{
	struct json_object *list = json_object_new_array();
	struct graph *g;
	struct member m;

	for (size_t i = 0;; i++) {
		/* Naming people may read other documents meanwhile. */
		if (replica_graph(replica, docno, &g).code != LK_OK ||
		    i >= graph_members_len(g))
			return list;
		graph_member(g, i, &m);
		if (m.node == graph_find(g, id) &&
		    !((m.flags & GRANT_OWN) &&
			memcmp(m.parent.env, id, LK_ID_LEN) == 0))
			json_object_array_add(
			    list, person_json(replica, m.key, m.role));
	}
}

/* One for each key. */
static void
denied_add(struct replica *replica, struct json_object *list,
    const uint8_t key[static ACCESS_KEY_LEN], const struct revoke_entry *e)
{
	struct json_object *o = person_json(
	    replica, key, e == NULL ? ROLE_NONE : (enum role)e->level);

	if (e == NULL)
		json_add_flag(o, "ban", true);
	else if (e->flags & REVOKE_SOFT)
		json_add_flag(o, "soft", true);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *had = json_object_array_get_idx(list, i);
		struct json_object *as = json_object_object_get(had, "key");

		if (strcmp(json_object_get_string(as),
			json_object_get_string(
			    json_object_object_get(o, "key"))) != 0)
			continue;
		if (e == NULL)
			json_add_flag(had, "ban", true);
		json_object_put(o);
		return;
	}
	json_object_array_add(list, o);
}

static void
revoked_add(struct replica *replica, uint32_t docno, struct json_object *list,
    const struct op_revoke *op)
{
	for (size_t i = 0; i < op->entries_len; i++) {
		struct graph *g;
		struct member m;

		if (replica_graph(replica, docno, &g).code == LK_OK &&
		    graph_member_find(g, &op->entries[i].target, &m))
			denied_add(replica, list, m.key, &op->entries[i]);
	}
}

/* A banned device of somebody who is named is left out. */
static bool
is_device(struct replica *replica, uint32_t docno,
    const uint8_t key[static ACCESS_KEY_LEN])
{
	struct graph *g;
	struct member m;
	bool own = false;

	if (replica_graph(replica, docno, &g).code != LK_OK)
		return false;
	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		if (memcmp(m.key, key, ACCESS_KEY_LEN) != 0)
			continue;
		if (!(m.flags & GRANT_OWN))
			return false;
		own = true;
	}
	return own;
}

struct json_object *
denied_json(
    struct replica *replica, uint32_t docno, const struct change_info *info)
{
	struct json_object *list = json_object_new_array();
	ARENA_SCOPED arena = { .max = ENVELOPE_MAX };
	struct body body;
	size_t bans = 0;

	if (replica_body(replica, docno, info->number, &arena, &body).code !=
	    LK_OK)
		return list;
	for (size_t i = 0; i < body.ops_len; i++)
		bans += body.ops[i].kind == OP_BAN;
	for (size_t i = 0; i < body.ops_len; i++) {
		const struct access_op *op = &body.ops[i];

		if (op->kind == OP_GUARD)
			op = op->guard.op;
		if (op->kind == OP_REVOKE)
			revoked_add(replica, docno, list, &op->revoke);
		else if (op->kind == OP_BAN &&
		    (bans == 1 || !is_device(replica, docno, op->ban.key)))
			denied_add(replica, list, op->ban.key, NULL);
		else if (op->kind == OP_LEAVE)
			json_object_array_add(list,
			    person_json(replica, info->author, ROLE_NONE));
	}
	return list;
}

/* The hashes that an adopt shows; of what is not here, the envelope. */
static struct json_object *
adopted_json(struct replica *replica, uint32_t docno, uint32_t number)
{
	struct json_object *list = json_object_new_array();
	ARENA_SCOPED arena = { .max = ENVELOPE_MAX };
	struct body body;

	if (replica_body(replica, docno, number, &arena, &body).code != LK_OK)
		return list;
	for (size_t i = 0; i < body.ops_len; i++) {
		const struct op_adopt *a = &body.ops[i].adopt;

		if (body.ops[i].kind != OP_ADOPT)
			continue;
		for (size_t k = 0; k < a->ids_len; k++) {
			char hex[2 * LK_ID_LEN + 1];
			struct change_info of;
			struct graph *g;

			if (replica_graph(replica, docno, &g).code != LK_OK ||
			    replica_entry(replica, docno,
				graph_find(g, a->ids + k * LK_ID_LEN), &of)
				    .code != LK_OK)
				continue;
			hex_encode(hex, BYTES_OF(of.hash));
			json_object_array_add(
			    list, json_object_new_string(hex));
		}
	}
	return list;
}

#define KIND_BIT(kind) (UINT32_C(1) << (kind))

static void
access_add(struct replica *replica, uint32_t docno,
    const struct change_info *info, struct json_object *o)
{
	if (info->kinds & (KIND_BIT(OP_GRANT) | KIND_BIT(OP_GUARD)))
		json_object_object_add(
		    o, "granted", granted_json(replica, docno, info->id));
	if (info->kinds &
	    (KIND_BIT(OP_REVOKE) | KIND_BIT(OP_BAN) | KIND_BIT(OP_LEAVE) |
		KIND_BIT(OP_GUARD)))
		json_object_object_add(
		    o, "ended", denied_json(replica, docno, info));
	if (info->kinds & KIND_BIT(OP_ADOPT))
		json_object_object_add(
		    o, "adopted", adopted_json(replica, docno, info->number));
}

struct json_object *
change_json(
    struct replica *replica, uint32_t docno, const struct change_info *info)
{
	struct json_object *o = json_object_new_object(), *message = NULL;
	char who[2 * LK_NAME_MAX + 8];

	/* The next call of the replica ends it. */
	if (info->message.len > 0)
		message = json_object_new_string_len(
		    (const char *)info->message.ptr, (int)info->message.len);
	home_who(replica, info->author, who, sizeof(who));
	json_add_number(o, "cursor", info->lsn);
	json_add_id(o, "id", BYTES_OF(info->id));
	json_add_id(o, "hash", BYTES_OF(info->hash));
	json_add_id(o, "author", BYTES_OF(info->author));
	json_add_text(o, "who", who);
	json_add_number(o, "seq", info->seq);
	json_add_number(o, "ops", info->ops);
	json_add_time(o, "time", change_time(info->time));
	json_add_time(o, "received", info->received);
	json_object_object_add(o, "message", message);
	/* Only content is void as such; the rest is unless it was revoked. */
	json_add_flag(o, "visible",
	    change_counts(info) ? info->visible : !is_voided(info));
	json_add_id(o, "voided_by", BYTES_OF(info->voided_by));
	if (info->damaged)
		json_add_flag(o, "damaged", true);
	json_add_flag(o, "import", info->is_import);
	json_object_object_add(o, "kinds", kinds_json(info->kinds));
	access_add(replica, docno, info, o);
	return o;
}

struct json_object *
voider_json(
    struct replica *replica, uint32_t docno, const uint8_t id[static LK_ID_LEN])
{
	static const struct {
		enum op_kind kind;
		const char *name;
	} kinds[] = { { OP_REVOKE, "revoke" }, { OP_BAN, "ban" },
		{ OP_LEAVE, "leave" }, { OP_GUARD, "guard" },
		{ OP_ADOPT, "adopt" } };
	struct change_info info;
	struct json_object *o;
	struct graph *g;
	char who[2 * LK_NAME_MAX + 8];

	if (replica_graph(replica, docno, &g).code != LK_OK ||
	    replica_entry(replica, docno, graph_find(g, id), &info).code !=
		LK_OK)
		return NULL;
	o = json_object_new_object();
	json_add_id(o, "id", BYTES_OF(info.id));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((info.kinds & KIND_BIT(kinds[i].kind)) &&
		    json_object_object_get(o, "kind") == NULL)
			json_add_text(o, "kind", kinds[i].name);
	json_add_time(o, "received", info.received);
	home_who(replica, info.author, who, sizeof(who));
	json_add_text(o, "who", who);
	return o;
}
