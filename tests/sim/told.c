#include "tests/sim/told.h"

#include <string.h>

#include "sync/envelope.h"
#include "sync/keysection.h"
#include "tests/sim/world.h"

/* Whether a box of what is in a device's log hands another one this key. */
static bool
key_handed(struct node *n, uint32_t docno, const uint8_t *etag,
    const struct identity *to)
{
	ARENA_SCOPED arena = { .max = (size_t)1 << 24 };
	struct log_entry at = { .lsn = 0 };
	bool handed = false;

	while (
	    !handed && log_next(n->txn, docno, at.lsn + 1, &at).code == LK_OK) {
		struct epochs found = { 0 };
		struct keysection keys;
		struct envelope env;

		world_need(n->world, envelope_parse(&env, at.envelope), "log");
		if (env.key_section.len == 0)
			continue;
		world_need(n->world,
		    keysection_parse(&keys, env.key_section, env.etag), "log");
		world_need(n->world,
		    keysection_open(&keys, to->boxes, to->boxes_len, env.topic,
			&arena, &found),
		    "boxes");
		for (size_t i = 0; i < found.len; i++)
			handed |=
			    memcmp(found.at[i].etag, etag, LK_TOPIC_LEN) == 0;
		epochs_wipe(&found);
	}
	return handed;
}

bool
cannot_be_told(
    struct node *creator, struct node *n, const uint8_t docid[static LK_ID_LEN])
{
	uint32_t docno, own, ends[ENVELOPE_DEPS_MAX];
	struct log_entry at = { .lsn = 0 };
	bool lacks = false;
	struct graph *g;
	size_t len;

	node_look(creator);
	node_look(n);
	world_need(n->world, replica_doc_by_id(n->replica, docid, &own), "doc");
	world_need(n->world, replica_doc_by_id(creator->replica, docid, &docno),
	    "doc");
	world_need(
	    n->world, replica_graph(creator->replica, docno, &g), "graph");
	len = graph_farewell(g, n->identity.sign.pk, ends, ENVELOPE_DEPS_MAX);
	while (!lacks &&
	    log_next(creator->txn, docno, at.lsn + 1, &at).code == LK_OK) {
		uint32_t node = graph_find(g, at.id);
		struct envelope env;
		struct bytes key;

		world_need(n->world, envelope_parse(&env, at.envelope), "log");
		for (size_t i = 0; i < len && !lacks; i++)
			lacks = graph_in_past(g, node, ends[i]);
		lacks = lacks &&
		    kv_get(txn_space(n->txn, own, SPACE_KEYS),
			BYTES_OF(env.etag), &key)
			    .code != LK_OK &&
		    !key_handed(creator, docno, env.etag, &n->identity);
	}
	node_look_end(n);
	node_look_end(creator);
	return lacks;
}
