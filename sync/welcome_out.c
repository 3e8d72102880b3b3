#include <string.h>

#include "sync/engine_state.h"
#include "sync/envelope.h"
#include "sync/home.h"
#include "sync/mailbox.h"
#include "sync/person.h"

/* Of more there was somebody who forks. */
#define READER_GRANTS_MAX 16

/* The grants under which a device reads now, the newest first, but those in the
 * past of another: who lets somebody in hands him the keys of what he knows,
 * and may not know of who else did. */
static size_t
reader_grants(const struct graph *g, const uint8_t pk[static 32],
    struct member *out, size_t most)
{
	size_t n = 0;

	for (size_t i = graph_members_len(g); i-- > 0 && n < most;) {
		struct member m;
		bool past = false;

		graph_member(g, i, &m);
		if (memcmp(m.key, pk, 32) != 0 || m.now < ROLE_READ)
			continue;
		for (size_t k = 0; k < n && !past; k++)
			past = m.node == out[k].node ||
			    graph_in_past(g, m.node, out[k].node);
		if (!past)
			out[n++] = m;
	}
	return n;
}

bool
reader_grant(
    const struct graph *g, const uint8_t pk[static 32], struct member *out)
{
	return reader_grants(g, pk, out, 1) > 0;
}

static lk_err
keys_add(struct engine *e, uint32_t docno, const uint8_t etag[static ETAG_LEN],
    struct welcome *w)
{
	lk_err err;

	for (size_t i = 0; i < w->keys_len; i++)
		if (memcmp(w->keys[i].etag, etag, ETAG_LEN) == 0)
			return LK_NONE;
	if (w->keys_len == WELCOME_KEYS_MAX)
		return LK_NONE;
	err = docstate_key(e->r, docno, etag, &w->keys[w->keys_len]);
	if (err.code == LK_OK)
		w->keys_len++;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/*
 * The key that seals the grant, and those of the epochs in its past: what the
 * grant counts as handing over, and what that opens over the links.
 */
static lk_err
welcome_keys(struct engine *e, struct docstate *ds, uint32_t grant_node,
    struct welcome *w)
{
	ARENA_SCOPED arena = { .max = ENVELOPE_MAX };

	for (uint32_t n = grant_node + 1; n-- > 0;) {
		struct node node;
		struct facts facts;
		struct body body;

		if (n != grant_node && !graph_in_past(ds->graph, n, grant_node))
			continue;
		TRY(node_get(e->r, ds->docno, n, &node));
		TRY(facts_decode(&facts, &body, &arena, node.facts));
		if (n == grant_node || n == 0 || facts.keys == KEYS_EPOCH)
			TRY(keys_add(e, ds->docno, facts.etag, w));
		arena_clear(&arena);
	}
	return LK_NONE;
}

static lk_err
welcome_fill(struct engine *e, struct docstate *ds, const struct member *m,
    bool own, struct welcome *w)
{
	struct home_name name;

	memcpy(w->docid, ds->docid, LK_ID_LEN);
	w->topic = ds->topic;
	w->grant = m->grant;
	TRY(welcome_keys(e, ds, m->node, w));
	if (own)
		return LK_NONE;
	TRY(home_name(e->r, ds->docno, &name));
	/* Somebody else may not have what this is a branch of. */
	for (char *slash = name.name; (slash = strchr(slash, '/')) != NULL;)
		*slash = '-';
	if (strlen(name.name) <= LK_NAME_MAX)
		(void)strlcpy(w->name, name.name, sizeof(w->name));
	(void)strlcpy(w->type, name.type, sizeof(w->type));
	return LK_NONE;
}

/* S need not be sent when it follows from the only key. */
static bool
secret_follows(const struct welcome *w)
{
	struct topic topic;
	bool same;

	if (w->keys_len != 1)
		return false;
	topic_derive(&topic, w->keys[0].ladder);
	same = digest_equal(topic.secret, w->topic.secret, EPOCH_SECRET_LEN);
	secret_wipe(&topic, sizeof(topic));
	return same;
}

/* Appends it, signed even between devices of one person: the other one may not
 * know yet that we are his.  Nothing: this device lacks the keys itself. */
static lk_err
welcome_write(struct engine *e, struct docstate *ds, const struct member *m,
    bool own, struct buf *out)
{
	struct welcome w = { .keys_len = 0 };
	lk_err err = welcome_fill(e, ds, m, own, &w);

	w.secret_implied = secret_follows(&w);
	if (err.code == LK_OK && w.keys_len > 0)
		err = welcome_encode(out, &w, m->key, &e->identity->sign);
	welcome_clear(&w);
	return err;
}

lk_err
welcome_compose(struct engine *e, struct docstate *ds,
    const uint8_t pk[static 32], bool own, struct buf *out)
{
	struct member m;

	if (!reader_grant(ds->graph, pk, &m))
		return LK_NONE;
	return welcome_write(e, ds, &m, own, out);
}

/* A welcome for each of some grants; *sent: for one at least. */
static lk_err
welcomes_make(struct engine *e, struct link *l, struct docstate *ds,
    const struct member *grants, size_t len, bool *sent)
{
	*sent = false;
	for (size_t i = 0; i < len; i++) {
		BUF_SECRET b = { .max = WELCOME_MAX };

		TRY(welcome_write(e, ds, &grants[i], link_is_own(e, l), &b));
		if (b.len == 0)
			continue;
		link_send(e, l, MSG_WELCOME, buf_bytes(&b));
		*sent = true;
	}
	return LK_NONE;
}

lk_err
welcome_send(struct engine *e, struct link *l, uint32_t docno)
{
	struct member grants[READER_GRANTS_MAX];
	struct docstate *ds;
	size_t len;
	bool sent;

	TRY(docstate_get(e->r, docno, &ds));
	len = reader_grants(ds->graph, l->pk, grants, READER_GRANTS_MAX);
	if (len == 0) {
		topics_welcomed(l, docno, false);
		return LK_NONE;
	}
	if (topics_is_welcomed(l, docno))
		return LK_NONE;
	if (!link_has_room(l)) {
		/* Listed again, and welcomed then, when there is. */
		l->list_again = true;
		return LK_NONE;
	}
	TRY(welcomes_make(e, l, ds, grants, len, &sent));
	if (sent)
		topics_welcomed(l, docno, true);
	return LK_NONE;
}

/* Whether he has acknowledged a grant, and the vector he asks with holds it: a
 * store that was put back has less than it once said. */
static lk_err
grant_is_known(struct engine *e, const struct link *l,
    const struct link_topic *t, struct docstate *ds, const struct member *m,
    bool *known)
{
	struct graph_author by = graph_node_author(ds->graph, m->node);
	uint8_t tag[LK_TOPIC_LEN];

	TRY(acks_cover(e, ds, l->pk, m->node, known));
	author_tag(tag, &ds->topic, by.key);
	*known &= vector_covers(
	    &exchange_of(t)->vector, tag, graph_seq(ds->graph, m->node));
	return LK_NONE;
}

lk_err
welcome_renew(struct engine *e, struct link *l, struct link_topic *t)
{
	struct member grants[READER_GRANTS_MAX];
	struct docstate *ds;
	size_t len, lacks = 0;
	bool sent;

	if (t->welcomed)
		return LK_NONE;
	TRY(docstate_get(e->r, t->docno, &ds));
	len = reader_grants(ds->graph, l->pk, grants, READER_GRANTS_MAX);
	if (len == 0)
		return LK_NONE;
	for (size_t i = 0; i < len; i++) {
		bool known;

		TRY(grant_is_known(e, l, t, ds, &grants[i], &known));
		if (!known)
			grants[lacks++] = grants[i];
	}
	if (lacks == 0) {
		t->welcomed = true;
		return LK_NONE;
	}
	TRY(welcomes_make(e, l, ds, grants, lacks, &sent));
	t->welcomed = sent;
	return LK_NONE;
}

lk_err
welcome_offer(struct engine *e, uint32_t docno)
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next) {
		if (l->state != LINK_OPEN || !l->known ||
		    topics_of(l, docno) != GRAPH_NONE)
			continue;
		/* Before the lists were compared he may have it already; the
		 * list that is out does not hold it. */
		if (l->matched)
			TRY(welcome_send(e, l, docno));
		else
			l->list_again = true;
	}
	return LK_NONE;
}
