/*
 * history_share.h - writes shares of keys into a history.
 */
#ifndef TESTS_ACCESS_HISTORY_SHARE_H
#define TESTS_ACCESS_HISTORY_SHARE_H

#include "tests/unit/access/history_write.h"

static inline void
link_fill(struct history *h, struct envelope *e)
{
	struct key_link *link;

	if (h->link_newer == NULL)
		return;
	link = arena_alloc(&e->arena, sizeof(*link));
	name_etag(link->newer, h->link_newer);
	name_etag(link->older, h->link_older);
	e->facts.links = link;
	e->facts.links_len = 1;
	h->link_newer = NULL;
}

/* A share of one key to one device; the seal is chosen as ever. */
static inline bool
w_share(struct history *h, const char *name, const char *author,
    const char *grant, const char *view, const char *etag, const char *device)
{
	struct access_op op = { .kind = OP_SHARE };
	struct envelope *e;
	struct shared_key *s;
	uint8_t key[32], *copy;
	bool in[HISTORY_MAX], ok;
	struct graph *g;
	struct judgement j;

	name_key(key, device);
	op.share.keys = key;
	op.share.keys_len = 1;
	h->keep_refused = true;
	(void)history_write(h, name, author, grant, view, &op, 1);
	h->keep_refused = false;
	e = h->env[--h->len];
	copy = arena_alloc(&e->arena, sizeof(key));
	memcpy(copy, key, sizeof(key));
	e->body.ops[0].share.keys = copy;
	s = arena_alloc(&e->arena, sizeof(*s));
	memcpy(s->key, key, sizeof(key));
	name_etag(s->etag, etag);
	e->facts.keys = KEYS_SHARE;
	e->facts.shared = s;
	e->facts.shared_len = 1;
	e->facts.boxes_len = 1;
	link_fill(h, e);
	view_close(h, view, in);
	g = view_graph(h, in);
	h->last = graph_judge(g, &e->facts, &j);
	graph_free(g);
	ok = h->last.code == LK_OK;
	if (ok) {
		h->len++;
	} else {
		arena_clear(&e->arena);
		free(e);
	}
	return ok;
}

#endif
