/* Who may do what on a document: members, share. */
#include <string.h>

#include "base/shell.h"
#include "daemon/change_json.h"
#include "daemon/commands.h"
#include "daemon/guardians.h"
#include "daemon/members.h"

void
member_who(struct request *r, struct json_object *o, const char *key,
    const uint8_t pk[static 32])
{
	char who[WHO_LEN];

	home_who(r->replica, pk, who, sizeof(who));
	json_add_text(o, key, who);
}

static const char *
sync_word(enum sync_state state)
{
	static const char *const words[] = {
		[SYNC_UNKNOWN] = "unknown",
		[SYNC_PENDING] = "pending",
		[SYNC_DONE] = "synced",
		[SYNC_FORGOTTEN] = "forgotten",
	};

	return words[state];
}

/* What this device knows of the other one's copy: null for itself, and for who
 * is no reader. */
static lk_err
member_acknowledged(struct request *r, uint32_t docno, struct json_object *o,
    const uint8_t pk[static 32])
{
	struct sync_status status;

	json_object_object_add(o, "acknowledged", NULL);
	for (size_t i = 0;; i++) {
		lk_err err = subject_device(r, docno, i, &status);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (memcmp(status.pk, pk, sizeof(status.pk)) != 0)
			continue;
		json_add_text(o, "acknowledged", sync_word(status.state));
		json_add_number(o, "pending", status.pending);
		json_add_time(o, "oldest", status.oldest);
		return LK_NONE;
	}
}

/* Who issued a grant: the key of the grant it was made under. */
static bool
issuer_find(const struct graph *g, const struct member *m, uint8_t key[32])
{
	struct member other;

	if (!graph_member_find(g, &m->parent, &other) ||
	    memcmp(other.key, m->key, ACCESS_KEY_LEN) == 0)
		return false;
	memcpy(key, other.key, ACCESS_KEY_LEN);
	return true;
}

void
member_grant(
    struct json_object *o, const struct graph *g, const struct member *m)
{
	uint8_t id[LK_ID_LEN], ended[LK_ID_LEN] = { 0 };

	graph_id(g, m->node, id);
	if (m->ended_by != GRAPH_NONE)
		graph_id(g, m->ended_by, ended);
	json_add_id(o, "key", BYTES_OF(m->key));
	json_add_text(o, "role", role_name(m->now));
	json_add_text(o, "granted", role_name(m->role));
	json_add_number(o, "rank", m->rank);
	json_add_flag(o, "own", (m->flags & GRANT_OWN) != 0);
	json_add_id(o, "since", BYTES_OF(id));
	json_add_id(o, "ended_by", BYTES_OF(ended));
}

static lk_err
member_json(struct request *r, const struct subject *s, const struct graph *g,
    const struct member *m, struct json_object *o)
{
	const struct identity *self = replica_identity(r->replica);
	uint8_t ended[LK_ID_LEN] = { 0 }, issuer[ACCESS_KEY_LEN];
	struct change_info granted;
	/* Only the genesis and guardians need no grant for what they give. */
	struct member parent;
	bool by_guardians =
	    m->node != 0 && !graph_member_find(g, &m->parent, &parent);

	/* The creator's root key has a role, but no device acts for it. */
	if (m->rank == 0 && memcmp(m->key, self->root_pk, ACCESS_KEY_LEN) == 0)
		json_add_text(o, "who", "recovery phrase");
	else
		member_who(r, o, "who", m->key);
	member_grant(o, g, m);
	json_add_flag(o, "person", (m->flags & GRANT_COLD) != 0);
	json_add_flag(
	    o, "self", memcmp(m->key, self->sign.pk, ACCESS_KEY_LEN) == 0);
	if (m->ended_by != GRAPH_NONE)
		graph_id(g, m->ended_by, ended);
	/* Naming people may read other documents: the graph before that. */
	if (by_guardians)
		json_add_text(o, "by", "guardians");
	else if (issuer_find(g, m, issuer))
		member_who(r, o, "by", issuer);
	else
		json_object_object_add(o, "by", NULL);
	TRY(replica_entry(r->replica, s->docno, m->node, &granted));
	json_add_time(o, "granted_at", granted.received);
	json_object_object_add(
	    o, "ended", voider_json(r->replica, s->docno, ended));
	TRY(member_acknowledged(r, s->docno, o, m->key));
	json_add_flag(o, "by_guardians", by_guardians);
	return LK_NONE;
}

static lk_err
members(struct request *r)
{
	struct json_object *list;
	struct graph *g;
	struct guardians guardians;
	struct subject s;
	struct member m;
	bool all;

	TRY(param_bool_or(r, "all", false, &all));
	TRY(subject_find(r, &s));
	json_add_subject(r->result, &s);
	json_add_text(r->result, "role", role_name(s.summary.role));
	list = json_object_new_array();
	json_object_object_add(r->result, "members", list);
	TRY(guardians_of(r, s.docno, &guardians));
	guardians_json(r, r->result, guardians);
	for (size_t i = 0;; i++) {
		struct json_object *o;

		/* Naming people may read other documents meanwhile. */
		TRY(replica_graph(r->replica, s.docno, &g));
		if (i >= graph_members_len(g))
			return LK_NONE;
		graph_member(g, i, &m);
		if (m.now == ROLE_NONE && !all)
			continue;
		o = json_object_new_object();
		json_object_array_add(list, o);
		TRY(member_json(r, &s, g, &m, o));
	}
}

lk_err
member_find(struct request *r, const struct subject *s, uint8_t key[static 32])
{
	char quoted[SHELL_WORD_MAX];
	const char *who;
	lk_err err;

	TRY(param_string(r, "who", &who));
	err = home_find_person(r->replica, s->docno, who, key);
	if (err.code == LK_E_NOTFOUND) {
		request_hint(r, "lk members %s and lk contact ls list them",
		    shell_word(quoted, s->name.name));
		return request_fail(
		    r, err, "%s: nobody here is called so", who);
	}
	if (err.code == LK_E_USAGE) {
		request_hint(r, "give more digits of the key");
		return request_fail(
		    r, err, "%s: more than one is called so", who);
	}
	return err;
}

lk_err
members_fail(struct request *r, const struct subject *s, lk_err err)
{
	char quoted[SHELL_WORD_MAX];

	if (err.code != LK_E_DENIED)
		return request_fail(r, err, "%s: %s", s->name.name, err.what);
	if (s->summary.role < ROLE_ADMIN)
		return subject_denied(r, s, "change members");
	request_hint(r, "lk members %s shows roles and ranks",
	    shell_word(quoted, s->name.name));
	return request_fail(r, err,
	    "%s: not permitted: only an admin of a smaller rank may",
	    s->name.name);
}

#define PERSON_ARENA_MAX (256 * 1024)

static lk_err
share(struct request *r)
{
	char quoted[SHELL_WORD_MAX];
	uint8_t key[32];
	struct subject s;
	const char *word;
	enum role role, has;
	struct graph *g;
	struct person person;
	struct arena arena;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_string_or(r, "role", "write", &word));
	TRY(role_read(r, word, &role));
	TRY(member_find(r, &s, key));
	TRY(replica_graph(r->replica, s.docno, &g));
	has = graph_role(g, key);
	arena_init(&arena, PERSON_ARENA_MAX);
	err = home_person(r->replica, key, &arena, &person);
	if (err.code == LK_OK)
		err = replica_share(r->replica, s.docno, &person, role);
	arena_clear(&arena);
	/* Who has more than that keeps what is said here. */
	if (err.code == LK_E_EXISTS && has > role) {
		TRY(members_reduce(r, &s, key, role));
		err = LK_NONE;
	}
	if (err.code == LK_E_NOTFOUND) {
		request_hint(r, "lk invite %s makes a ticket for them",
		    shell_word(quoted, s.name.name));
		return request_fail(r, err, "share: not a contact yet");
	}
	if (err.code != LK_OK)
		return members_fail(r, &s, err);
	json_add_subject(r->result, &s);
	member_who(r, r->result, "who", key);
	json_add_id(r->result, "key", BYTES_OF(key));
	json_add_text(r->result, "role", word);
	json_add_text(r->result, "had", role_name(has));
	json_add_flag(r->result, "less", has > role);
	return LK_NONE;
}

#define ACCESS_WRITES (COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED)

static const struct command table[] = {
	{ "doc.members", members, COMMAND_IDENTITY },
	{ "doc.share", share, ACCESS_WRITES },
	{ NULL, NULL, 0 },
};

const struct command *const commands_members = table;
