/* Why something counts, or does not: why. */
#include <string.h>

#include "daemon/change_json.h"
#include "daemon/commands.h"
#include "daemon/entry.h"
#include "daemon/members.h"

static struct json_object *
grant_json(struct request *r, const struct graph *g, const struct member *m)
{
	struct json_object *o = json_object_new_object();

	member_grant(o, g, m);
	/* Naming people may read other documents: the graph last. */
	member_who(r, o, "who", m->key);
	return o;
}

/* The grants that what this entry says rests on, up to the document's own. */
static lk_err
grants_json(
    struct request *r, uint32_t docno, uint32_t node, struct json_object *to)
{
	struct json_object *list = json_object_new_array();
	struct grant_ref ref;
	struct graph *g;
	struct member m;

	json_object_object_add(to, "grants", list);
	TRY(replica_graph(r->replica, docno, &g));
	ref = graph_node_author(g, node).grant;
	for (;;) {
		TRY(replica_graph(r->replica, docno, &g));
		/* A rank is greater than that above it, so this ends. */
		if (!graph_member_find(g, &ref, &m))
			return LK_NONE;
		json_object_array_add(list, grant_json(r, g, &m));
		ref = m.parent;
	}
}

/* Another entry that decides: what it is, and what it rests on itself. */
static lk_err
deciding_json(
    struct request *r, const struct subject *s, uint32_t node, const char *key)
{
	struct json_object *o;
	uint8_t id[LK_ID_LEN];
	struct graph *g;

	TRY(replica_graph(r->replica, s->docno, &g));
	graph_id(g, node, id);
	o = voider_json(r->replica, s->docno, id);
	json_object_object_add(r->result, key, o);
	return o == NULL ? LK_NONE : grants_json(r, s->docno, node, o);
}

static lk_err
why(struct request *r)
{
	struct change_info info;
	struct subject s;
	struct graph *g;
	struct json_object *entry;
	const char *rev;
	uint32_t number, adopt, voider;

	TRY(subject_find(r, &s));
	TRY(param_string(r, "change", &rev));
	TRY(entry_find(r, &s, rev, &info));
	number = info.number;
	json_add_subject(r->result, &s);
	entry = change_json(r->replica, s.docno, &info);
	json_object_object_add(r->result, "change", entry);
	json_object_object_add(r->result, "counts",
	    json_object_get(json_object_object_get(entry, "visible")));
	TRY(grants_json(r, s.docno, number, r->result));
	TRY(replica_graph(r->replica, s.docno, &g));
	voider = graph_voided_by(g, number);
	adopt = voider == GRAPH_NONE ? GRAPH_NONE : graph_adopted_by(g, number);
	if (voider != GRAPH_NONE)
		TRY(deciding_json(r, &s, voider, "voided"));
	if (adopt != GRAPH_NONE)
		TRY(deciding_json(r, &s, adopt, "adopted"));
	return LK_NONE;
}

static const struct command table[] = {
	{ "doc.why", why, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_why = table;
