#include "daemon/alarms.h"

#include <string.h>

#include "crdt/document.h"
#include "sync/refusals.h"

/* The ids of the two envelopes that prove it; both lie in the log. */
static void
proof_add(const struct graph *g, const struct member *m, struct json_object *f)
{
	struct json_object *proof = json_object_new_array();
	uint32_t nodes[2];

	json_object_object_add(f, "proof", proof);
	if (!graph_fork(g, m->key, nodes))
		return;
	for (int i = 0; i < 2; i++) {
		uint8_t id[LK_ID_LEN];
		char text[2 * LK_ID_LEN + 1];

		graph_id(g, nodes[i], id);
		hex_encode(text, BYTES_OF(id));
		json_object_array_add(proof, json_object_new_string(text));
	}
}

static lk_err
forks_add(struct request *r, uint32_t docno, struct json_object *o)
{
	const uint8_t *me = replica_identity(r->replica)->sign.pk;
	struct json_object *list = json_object_new_array();
	struct graph *g;
	struct member m, before;

	json_object_object_add(o, "forks", list);
	for (size_t i = 0;; i++) {
		char who[2 * LK_NAME_MAX + 8];
		struct json_object *f;
		bool forked, again = false;

		/* Naming people may read other documents meanwhile. */
		TRY(replica_graph(r->replica, docno, &g));
		if (i >= graph_members_len(g))
			return LK_NONE;
		graph_member(g, i, &m);
		/* A phrase may be typed on machines that have not met. */
		if ((m.flags & GRANT_COLD) != 0)
			continue;
		(void)graph_tip(g, m.key, &forked);
		for (size_t k = 0; k < i && forked && !again; k++) {
			graph_member(g, k, &before);
			again = memcmp(before.key, m.key, sizeof(m.key)) == 0;
		}
		if (!forked || again)
			continue;
		f = json_object_new_object();
		json_object_array_add(list, f);
		proof_add(g, &m, f);
		home_who(r->replica, m.key, who, sizeof(who));
		json_add_text(f, "who", who);
		json_add_id(f, "key", BYTES_OF(m.key));
		json_add_flag(f, "self", memcmp(m.key, me, sizeof(m.key)) == 0);
	}
}

/* Whom a revocation names that has more now than it would leave. */
static uint64_t
entries_undone(const struct graph *g, const struct op_revoke *op)
{
	uint64_t undone = 0;
	struct member m;

	for (size_t i = 0; i < op->entries_len; i++)
		undone += graph_member_find(g, &op->entries[i].target, &m) &&
		    m.now > op->entries[i].level;
	return undone;
}

static lk_err
undone_count(struct request *r, uint32_t docno, uint32_t node, uint64_t *undone)
{
	ARENA_SCOPED arena = { .max = ENVELOPE_MAX };
	struct body body;
	struct graph *g;

	TRY(replica_body(r->replica, docno, node, &arena, &body));
	TRY(replica_graph(r->replica, docno, &g));
	for (size_t i = 0; i < body.ops_len; i++) {
		const struct access_op *op = &body.ops[i];

		if (op->kind == OP_REVOKE)
			*undone += entries_undone(g, &op->revoke);
		else if (op->kind == OP_BAN)
			*undone += graph_role(g, op->ban.key) > ROLE_NONE;
	}
	return LK_NONE;
}

static lk_err
undone_add(struct request *r, uint32_t docno, struct json_object *o)
{
	uint64_t undone = 0;
	struct graph *g;

	for (uint32_t n = 0;; n++) {
		bool counts;

		TRY(replica_graph(r->replica, docno, &g));
		if (n >= graph_len(g))
			break;
		if (graph_denies(g, n, &counts) && !counts)
			TRY(undone_count(r, docno, n, &undone));
	}
	json_add_number(o, "undone", undone);
	return LK_NONE;
}

static lk_err
stranded_count(void *ctx, const struct doc_stranded *found)
{
	uint64_t *n = ctx;

	(void)found;
	++*n;
	return LK_NONE;
}

/* Refused revocations of somebody who is not below their author. */
static void
duels_add(struct request *r, uint32_t docno, struct json_object *o)
{
	struct json_object *list = json_object_new_array();
	struct refusal f;

	json_object_object_add(o, "duels", list);
	for (size_t i = 0; replica_refusal(r->replica, i, &f); i++) {
		char who[2 * LK_NAME_MAX + 8];
		struct json_object *duel;

		if (!f.duel || f.docno != docno)
			continue;
		duel = json_object_new_object();
		json_object_array_add(list, duel);
		home_who(r->replica, f.author, who, sizeof(who));
		json_add_text(duel, "by", who);
		json_add_id(duel, "by_key", BYTES_OF(f.author));
		home_who(r->replica, f.target, who, sizeof(who));
		json_add_text(duel, "of", who);
		json_add_id(duel, "of_key", BYTES_OF(f.target));
		json_add_number(duel, "count", f.count);
		json_add_time(duel, "last", f.at);
	}
}

lk_err
alarms_add(struct request *r, const struct subject *s, struct json_object *o)
{
	uint64_t stranded = 0, voided;
	struct doc *doc;
	lk_err err = LK_NONE;

	TRY(forks_add(r, s->docno, o));
	TRY(undone_add(r, s->docno, o));
	TRY(replica_voided(r->replica, s->docno, &voided));
	if (voided > 0) {
		TRY(replica_open_doc(r->replica, s->docno, &doc));
		err = doc_stranded(doc, stranded_count, &stranded);
		doc_free(doc);
	}
	json_add_number(o, "stranded", stranded);
	duels_add(r, s->docno, o);
	return err;
}
