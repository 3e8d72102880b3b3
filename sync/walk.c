#include <string.h>

#include "sync/engine_state.h"

#define NEWCOMER_HOPS 6
#define NEWCOMER_KNOWN_AT 3 /* hops left when those on the way remember it */
#define SHUFFLE_HOPS 3
#define SHUFFLE_NEAR 3 /* neighbours in a shuffle */
#define SHUFFLE_OTHERS 4
#define TOKENS_MOST 16
#define TOKEN_MS 1000

static void
path_note(struct crowd *c, const uint8_t id[static WALK_ID_LEN], uint64_t conn)
{
	struct walk_path *p = &c->paths[c->paths_next++ % CROWD_PATHS];

	memcpy(p->id, id, WALK_ID_LEN);
	p->conn = conn;
	p->used = true;
}

static struct walk_path *
path_find(struct crowd *c, const uint8_t id[static WALK_ID_LEN])
{
	for (size_t i = 0; i < CROWD_PATHS; i++)
		if (c->paths[i].used &&
		    memcmp(c->paths[i].id, id, WALK_ID_LEN) == 0)
			return &c->paths[i];
	return NULL;
}

static lk_err
walk_send(struct engine *e, struct link *l, const struct crowd *c,
    struct walk *w, struct bytes entries)
{
	BUF_SCOPED b = { .max = 64 * 1024 };

	w->topic = topics_of(l, c->docno);
	walk_encode(&b, w, entries);
	TRY(buf_err(&b, "WALK"));
	link_send(e, l, MSG_WALK, buf_bytes(&b));
	return LK_NONE;
}

lk_err
walk_newcomer(struct engine *e, struct crowd *c, const struct link *newcomer)
{
	struct walk w = { .kind = WALK_NEWCOMER,
		.hops = NEWCOMER_HOPS,
		.peers = { .len = 1 } };
	BUF_SCOPED entry = { .max = 8 * 1024 };
	struct link *l;
	bool known;

	TRY(peers_entry(e, newcomer->pk, &entry, &known));
	if (!known)
		return LK_NONE;
	random_fill(&e->random, w.id, sizeof(w.id));
	TAILQ_FOREACH (l, &e->links, next) {
		uint32_t number = topics_of(l, c->docno);

		if (l != newcomer && l->state == LINK_OPEN &&
		    number != GRAPH_NONE &&
		    neighbour_active(topics_number(l, number)) != NULL)
			TRY(walk_send(e, l, c, &w, buf_bytes(&entry)));
	}
	return LK_NONE;
}

/* Entries of neighbours and of others that are known, at most `most`. */
static lk_err
sample(struct engine *e, const struct crowd *c, const struct link *but,
    size_t most, struct buf *entries, size_t *len)
{
	struct link *l;
	size_t near = 0;

	TAILQ_FOREACH (l, &e->links, next) {
		uint32_t number = topics_of(l, c->docno);
		bool known;

		if (near == SHUFFLE_NEAR || *len == most)
			break;
		if (l == but || l->state != LINK_OPEN || number == GRAPH_NONE ||
		    neighbour_active(topics_number(l, number)) == NULL ||
		    random_below(&e->random, 2) == 0)
			continue;
		TRY(peers_entry(e, l->pk, entries, &known));
		near += known;
		*len += known;
	}
	return peers_sample(e, c->docno, most, entries, len);
}

lk_err
walk_shuffle(struct engine *e, struct crowd *c)
{
	struct link *l = crowd_any(e, c, NULL);
	struct walk w = { .kind = WALK_SHUFFLE, .hops = SHUFFLE_HOPS };
	BUF_SCOPED entries = { .max = 48 * 1024 };
	bool known;

	if (l == NULL)
		return LK_NONE;
	TRY(peers_self(e, &entries, &known));
	w.peers.len = known;
	TRY(sample(e, c, l, 1 + SHUFFLE_NEAR + SHUFFLE_OTHERS, &entries,
	    &w.peers.len));
	if (w.peers.len == 0)
		return LK_NONE;
	random_fill(&e->random, w.id, sizeof(w.id));
	path_note(c, w.id, 0);
	return walk_send(e, l, c, &w, buf_bytes(&entries));
}

/* Whether the neighbour may send one more. */
static bool
walk_admitted(struct engine *e, struct neighbour *n)
{
	int64_t now = e->now.mono.ms;
	int64_t more = (now - n->refilled.ms) / TOKEN_MS;

	if (n->refilled.ms == 0 || more >= TOKENS_MOST) {
		n->tokens = TOKENS_MOST;
		n->refilled = e->now.mono;
	} else if (more > 0) {
		n->tokens += (uint32_t)more;
		n->refilled.ms += more * TOKEN_MS;
		if (n->tokens > TOKENS_MOST)
			n->tokens = TOKENS_MOST;
	}
	if (n->tokens == 0)
		return false;
	n->tokens--;
	return true;
}

static lk_err
entries_learn(struct engine *e, const struct crowd *c, struct peer_list peers)
{
	struct peer_entry entry;

	while (peer_entry_next(&peers, &entry))
		TRY(peers_hear_of(e, c->docno, &entry, false));
	return LK_NONE;
}

static lk_err
shuffle_answer(
    struct engine *e, struct crowd *c, struct link *l, const struct walk *w)
{
	struct walk answer = { .topic = topics_of(l, c->docno) };
	BUF_SCOPED entries = { .max = 48 * 1024 };
	BUF_SCOPED b = { .max = 64 * 1024 };

	memcpy(answer.id, w->id, sizeof(answer.id));
	TRY(sample(e, c, l, w->peers.len, &entries, &answer.peers.len));
	shuffled_encode(&b, &answer, buf_bytes(&entries));
	TRY(buf_err(&b, "SHUFFLED"));
	link_send(e, l, MSG_SHUFFLED, buf_bytes(&b));
	return entries_learn(e, c, w->peers);
}

static lk_err
newcomer_met(struct engine *e, struct crowd *c, const struct walk *w, bool end)
{
	struct peer_list peers = w->peers;
	struct peer_entry entry;

	if (!peer_entry_next(&peers, &entry))
		return LK_NONE;
	return peers_hear_of(
	    e, c->docno, &entry, end && c->active < ACTIVE_TARGET);
}

lk_err
walk_received(struct engine *e, struct link *l, struct bytes body)
{
	struct walk w;
	struct link_topic *t;
	struct crowd *c;
	struct link *onward;

	TRY(walk_decode(&w, body));
	t = topics_number(l, w.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "WALK number");
	c = overlay_crowd(e, t->docno);
	/* One that was sent before it heard that it is no neighbour. */
	if (c == NULL || neighbour_active(t) == NULL ||
	    !walk_admitted(e, neighbour_of(t)))
		return LK_NONE;
	onward = w.hops == 0 ? NULL : crowd_any(e, c, l);
	if (w.kind == WALK_NEWCOMER &&
	    (onward == NULL || w.hops == NEWCOMER_KNOWN_AT))
		TRY(newcomer_met(e, c, &w, onward == NULL));
	if (onward != NULL) {
		if (w.kind == WALK_SHUFFLE)
			path_note(c, w.id, l->conn);
		w.hops--;
		return walk_send(e, onward, c, &w, w.peers.entries.left);
	}
	return w.kind == WALK_SHUFFLE ? shuffle_answer(e, c, l, &w) : LK_NONE;
}

lk_err
walk_answered(struct engine *e, struct link *l, struct bytes body)
{
	struct walk w;
	struct link_topic *t;
	struct crowd *c;
	struct walk_path *path;
	struct link *back;
	BUF_SCOPED b = { .max = 64 * 1024 };

	TRY(shuffled_decode(&w, body));
	t = topics_number(l, w.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "SHUFFLED number");
	c = overlay_crowd(e, t->docno);
	path = c == NULL ? NULL : path_find(c, w.id);
	if (path == NULL)
		return LK_NONE;
	path->used = false;
	if (path->conn == 0)
		return entries_learn(e, c, w.peers);
	back = link_find(e, path->conn);
	if (back == NULL || back->state != LINK_OPEN ||
	    topics_of(back, c->docno) == GRAPH_NONE)
		return LK_NONE;
	w.topic = topics_of(back, c->docno);
	shuffled_encode(&b, &w, w.peers.entries.left);
	TRY(buf_err(&b, "SHUFFLED"));
	link_send(e, back, MSG_SHUFFLED, buf_bytes(&b));
	return LK_NONE;
}
