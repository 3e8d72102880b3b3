/*
 * Histories made of the input: every pair of bytes is an envelope, or a wrong
 * one, on top of earlier ones.  Judging must never crash, must leave no trace,
 * and the graph must stand where loading its envelopes puts it.
 */
#include <stdlib.h>
#include <string.h>

#include "access/graph.h"

#define ENVELOPES 48

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct envelope {
	struct facts f;
	struct body b;
	struct revoke_entry entry;
	struct access_op guarded;
	uint8_t deps[3 * LK_ID_LEN], keep[LK_ID_LEN], share[ACCESS_KEY_LEN];
	uint8_t adopted[LK_ID_LEN], sigs[GUARD_SIG_LEN];
	struct shared_key shared;
	struct key_link link;
};

struct input {
	const uint8_t *at;
	size_t left;
	struct envelope *env;
	size_t len;
};

static uint8_t
take(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static size_t
pick(struct input *in)
{
	return in->len == 0 ? 0 : take(in) % in->len;
}

static void
key_of(uint8_t key[static 32], uint8_t n)
{
	memset(key, 0, 32);
	key[0] = (uint8_t)('A' + n % 5);
}

static void authority_of(struct input *, struct envelope *, struct access_op *);

static void
op_of(struct input *in, struct envelope *e, struct access_op *op)
{
	static const uint8_t kinds[] = { OP_CHANGE, OP_GRANT, OP_REVOKE,
		OP_LEAVE, OP_EPOCH, OP_SHARE, OP_IMPORT, 200, OP_BAN, OP_ADOPT,
		OP_REKEY, OP_GUARD };

	op->kind = kinds[take(in) % sizeof(kinds)];
	if (op->kind == OP_SHARE) {
		key_of(e->share, take(in));
		op->share.keys = e->share;
		op->share.keys_len = 1;
	} else if (op->kind == OP_IMPORT) {
		op->content.form = take(in) & 1;
	} else if (op->kind == OP_ADOPT) {
		memcpy(e->adopted, in->env[pick(in)].f.id, LK_ID_LEN);
		op->adopt.ids = e->adopted;
		op->adopt.ids_len = 1;
	} else if (op->kind == OP_REKEY) {
		op->rekey.box[0] = op->rekey.box[1] = take(in) | 1;
		op->rekey.box_counter = op->rekey.box[0];
	} else if (op->kind == OP_GUARD) {
		e->guarded.kind = take(in) & 1 ? OP_GRANT : OP_REVOKE;
		authority_of(in, e, &e->guarded);
		op->guard.op = &e->guarded;
		op->guard.nonce[0] = take(in) & 1;
		op->guard.sigs = e->sigs;
		op->guard.sigs_len = take(in) & 1;
	} else {
		authority_of(in, e, op);
	}
}

static void
authority_of(struct input *in, struct envelope *e, struct access_op *op)
{
	if (op->kind == OP_BAN) {
		key_of(op->ban.key, take(in));
	} else if (op->kind == OP_GRANT) {
		uint8_t bits = take(in);

		key_of(op->grant.key, take(in));
		op->grant.role = (uint8_t)(1 + bits % 4);
		op->grant.rank = (uint16_t)(998 + (bits >> 2) % 8);
		op->grant.flags = (uint8_t)(take(in) &
		    (GRANT_ENROLL | GRANT_COLD | GRANT_OWN));
		if (op->grant.role > ROLE_RELAY &&
		    !(op->grant.flags & GRANT_COLD))
			memcpy(op->grant.box, op->grant.key, 32);
	} else if (op->kind == OP_REVOKE) {
		memcpy(e->entry.target.env, in->env[pick(in)].f.id, LK_ID_LEN);
		e->entry.level = take(in) % ROLE_ADMIN;
		e->entry.flags = take(in) & (REVOKE_SOFT | REVOKE_TREE);
		memcpy(e->keep, in->env[pick(in)].f.id, LK_ID_LEN);
		e->entry.keep = e->keep;
		e->entry.keep_len = e->entry.level & 1;
		op->revoke.entries = &e->entry;
		op->revoke.entries_len = 1;
	}
}

static void
section_of(struct input *in, struct envelope *e)
{
	struct facts *f = &e->f;

	memcpy(f->etag, in->env[pick(in)].f.etag, ETAG_LEN);
	if (body_has(&e->b, OP_EPOCH)) {
		f->keys = KEYS_EPOCH;
		memcpy(e->link.older, f->etag, ETAG_LEN);
		memset(f->etag, 0, ETAG_LEN);
		f->etag[0] = (uint8_t)in->len;
		f->boxes_len = take(in) % 6;
	} else if (body_has(&e->b, OP_SHARE)) {
		f->keys = KEYS_SHARE;
		memcpy(e->shared.key, e->share, ACCESS_KEY_LEN);
		memcpy(e->shared.etag, f->etag, ETAG_LEN);
		memcpy(e->link.newer, f->etag, ETAG_LEN);
		memcpy(e->link.older, in->env[pick(in)].f.etag, ETAG_LEN);
		f->shared = &e->shared;
		f->shared_len = 1;
		f->boxes_len = 1;
	}
	if (f->keys != KEYS_NONE) {
		f->links = &e->link;
		f->links_len = take(in) & 1;
	}
}

static void
genesis_of(struct envelope *e)
{
	struct op_genesis *o = &e->b.ops[0].genesis;

	e->f.seq = 1;
	e->f.etag[0] = 0xff;
	e->b.ops[0].kind = OP_GENESIS;
	e->b.ops_len = 1;
	key_of(o->root_pk, 4);
	key_of(o->device_pk, 0);
	o->device_box[0] = 1;
	o->k = o->m = 1;
	o->guardians = o->root_pk;
}

static void
envelope_of(struct input *in, struct envelope *e)
{
	size_t prev = pick(in);
	uint8_t bits = take(in);

	e->f.seq = bits & 1 ? in->env[prev].f.seq + 1 : 1;
	if (bits & 1)
		memcpy(e->f.prev, in->env[prev].f.id, LK_ID_LEN);
	e->b.has_grant = !(bits & 1) || (bits & 2);
	if (e->b.has_grant) {
		memcpy(e->b.grant.env, in->env[pick(in)].f.id, LK_ID_LEN);
		e->b.grant.index = bits & 4 ? GRANT_ROOT : 0;
	}
	e->b.deps_len = (bits >> 3) % 4;
	for (size_t i = 0; i < e->b.deps_len; i++)
		memcpy(
		    e->deps + i * LK_ID_LEN, in->env[pick(in)].f.id, LK_ID_LEN);
	qsort(e->deps, e->b.deps_len, LK_ID_LEN, lk_id_compare);
	e->b.deps = e->deps;
	e->b.ops_len = 1 + (bits >> 5) % 3;
	for (size_t i = 0; i < e->b.ops_len; i++)
		op_of(in, e, &e->b.ops[i]);
	section_of(in, e);
}

/* The codec's opinion; nothing else reaches a graph. */
static bool
encodes(const struct body *b)
{
	ARENA_SCOPED arena = { 0 };
	BUF_SCOPED out = { 0 };
	struct body read;

	arena_init(&arena, 1 << 20);
	buf_init(&out, ENVELOPE_BODY_MAX);
	body_encode(&out, b);
	return body_decode(&read, &arena, buf_bytes(&out)).code == LK_OK;
}

static void
same(const struct graph *a, const struct graph *b)
{
	LK_ASSERT(graph_len(a) == graph_len(b));
	for (uint32_t n = 0; n < graph_len(a); n++) {
		LK_ASSERT(graph_visible(a, n) == graph_visible(b, n));
		LK_ASSERT(graph_essential(a, n) == graph_essential(b, n));
		for (uint8_t i = 0; i < ENVELOPE_OPS_MAX; i++)
			LK_ASSERT(graph_effective(a, n, i) ==
			    graph_effective(b, n, i));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct envelope env[ENVELOPES]; /* zeroed when used */
	struct input in = { data, size, env, 0 };
	struct graph *g = NULL, *loaded = NULL;
	const struct flip *flips;
	struct judgement j;
	size_t n;

	if (graph_new(&g).code != LK_OK || graph_new(&loaded).code != LK_OK)
		abort();
	while (in.len < ENVELOPES && (in.left > 0 || in.len == 0)) {
		struct envelope *e = &env[in.len];

		memset(e, 0, sizeof(*e));
		e->f.body = &e->b;
		e->f.id[0] = (uint8_t)(in.len * 73 + 1);
		if (in.len == 0)
			genesis_of(e);
		else
			envelope_of(&in, e);
		if (!encodes(&e->b) || graph_judge(g, &e->f, &j).code != LK_OK)
			continue;
		LK_ASSERT(graph_add(g, &e->f, &flips, &n).code == LK_OK);
		LK_ASSERT(graph_load(loaded, &e->f).code == LK_OK);
		in.len++;
	}
	LK_ASSERT(graph_settle(loaded).code == LK_OK);
	same(g, loaded);
	graph_free(g);
	graph_free(loaded);
	return 0;
}
