#include <stdlib.h>
#include <string.h>

#include "crdt/document.h"
#include "sync/admit.h"
#include "sync/guardian.h"
#include "sync/home.h"
#include "sync/person.h"
#include "sync/piece.h"
#include "sync/revoke.h"

#define CREATE_BYTES_MAX ((size_t)256 * 1024 * 1024)
/* Grants that share the first envelope of a document with genesis and change;
 * further devices get theirs in the background. */
#define CREATE_GRANTS_MAX 12
#define SHARE_GRANTS_MAX ((size_t)ENVELOPE_OPS_MAX - 1)
#define RANK_CREATOR 1000
#define RANK_STEP_ADMIN 1000
#define RANK_WRITE 40000
#define RANK_READ 50000
#define RANK_RELAY 60000

/* Builds a document's first change in memory: its lean form does not depend on
 * the actor, which is only known when the document has its id. */
static lk_err
create_content(struct replica *r, edit_fn *fill, void *ctx, struct arena *arena,
    struct op_content *content, bool *any)
{
	static const uint8_t nobody[LK_TOPIC_LEN];
	struct change_head head = { .actor = BYTES_OF(nobody),
		.seq = 1,
		.start_op = 1,
		.time = r->now.wall.ms / 1000 };
	uint8_t hash[LK_ID_LEN];
	struct kv kv = { 0 };
	struct doc *doc = NULL;
	struct edit *edit = NULL;
	BUF_SCOPED body = { 0 };
	lk_err err;

	*any = false;
	if (fill == NULL)
		return LK_NONE;
	buf_init(&body, CHANGE_BODY_MAX);
	err = kv_memory_new(&kv, CREATE_BYTES_MAX);
	if (err.code == LK_OK)
		err = doc_open(&doc, kv);
	if (err.code == LK_OK)
		err = edit_new(&edit, doc, &head);
	if (err.code == LK_OK)
		err = fill(ctx, edit, doc);
	if (err.code == LK_OK && edit_ops(edit) > 0) {
		err = edit_finish(edit, &body, hash);
		*any = true;
	}
	edit_free(edit);
	doc_free(doc);
	kv_memory_free(&kv);
	TRY(err);
	return *any ? content_pack(arena, buf_bytes(&body), content) : LK_NONE;
}

void
grant_own_device(
    struct op_grant *g, const struct cert *cert, enum role role, uint16_t rank)
{
	*g = (struct op_grant){ .role = (uint8_t)role,
		.rank = rank,
		.box_counter = cert->block.box_counter,
		.flags = GRANT_OWN | GRANT_ENROLL };
	memcpy(g->key, cert->block.device_pk, ACCESS_KEY_LEN);
	if (role == ROLE_RELAY)
		return;
	memcpy(g->box, cert->block.box_pk, ACCESS_KEY_LEN);
	memcpy(g->box_sig, cert->block.box_sig, SIGN_LEN);
}

/* genesis and a grant for each other device of the person. */
static lk_err
create_ops(struct replica *r, struct body *body)
{
	const struct identity *me = r->identity;
	struct op_genesis *g = &body->ops[0].genesis;
	struct cert certs[PERSON_DEVICES_MAX];
	size_t certs_len;

	body->ops[0].kind = OP_GENESIS;
	memcpy(g->root_pk, me->root_pk, ACCESS_KEY_LEN);
	memcpy(g->device_pk, me->sign.pk, ACCESS_KEY_LEN);
	memcpy(g->device_box, me->box.pk, ACCESS_KEY_LEN);
	g->box_counter = me->box_counter;
	body->ops_len = 1;
	TRY(person_devices(r, certs, &certs_len));
	for (size_t i = 0; i < certs_len; i++) {
		struct access_op *op = &body->ops[body->ops_len];

		if (memcmp(certs[i].block.device_pk, me->sign.pk,
			ACCESS_KEY_LEN) == 0 ||
		    body->ops_len > CREATE_GRANTS_MAX)
			continue;
		op->kind = OP_GRANT;
		grant_own_device(
		    &op->grant, &certs[i], ROLE_ADMIN, RANK_CREATOR + 1);
		body->ops_len++;
	}
	return LK_NONE;
}

/* Fresh secrets for a document whose topic is not in use here. */
static lk_err
create_secrets(struct replica *r, uint8_t salt[static GENESIS_SALT_LEN],
    struct epoch *epoch, struct topic *topic)
{
	uint8_t ladder[EPOCH_SECRET_LEN];
	uint32_t taken;
	lk_err err;

	do {
		random_fill(&r->random, salt, GENESIS_SALT_LEN);
		genesis_ladder(ladder, r->identity->genesis_seed, salt);
		topic_derive(topic, ladder);
		err = replica_doc_by_topic(r, topic->id, &taken);
	} while (err.code == LK_OK);
	epoch_derive(epoch, ladder);
	secret_wipe(ladder, sizeof(ladder));
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
create_admit(struct replica *r, struct bytes envelope, const uint8_t *docid,
    const struct epoch *epoch, const struct topic *topic, bool home,
    uint32_t *docno)
{
	struct docstate *ds;
	struct admission a;
	bool is_new;
	lk_err err;

	TRY(docstate_create(r, docid, topic, home, &ds));
	TRY(docstate_key_add(r, ds->docno, epoch, &is_new));
	admission_begin(&a, r, ds);
	err = author_admit(&a, envelope);
	if (err.code != LK_OK) {
		admission_drop(&a);
		return err;
	}
	*docno = ds->docno;
	return admission_end(&a);
}

static lk_err
create_envelope(struct replica *r, const struct body *body, uint32_t *docno)
{
	uint8_t salt[GENESIS_SALT_LEN], docid[LK_ID_LEN];
	struct epoch epoch;
	struct topic topic;
	struct envelope_draft draft = { .author = &r->identity->sign,
		.topic = &topic,
		.epoch = &epoch,
		.seq = 1,
		.salt = salt };
	BUF_SCOPED bytes = { 0 };
	BUF_SCOPED out = { 0 };
	lk_err err;

	buf_init(&bytes, ENVELOPE_BODY_MAX);
	buf_init(&out, ENVELOPE_MAX);
	body_encode(&bytes, body);
	TRY(buf_err(&bytes, "one change over 1 MiB"));
	TRY(create_secrets(r, salt, &epoch, &topic));
	draft.body = buf_bytes(&bytes);
	err = envelope_make(&out, docid, &draft);
	if (err.code == LK_OK)
		err = create_admit(
		    r, buf_bytes(&out), docid, &epoch, &topic, false, docno);
	secret_wipe(&epoch, sizeof(epoch));
	return err;
}

static int
key_compare(const void *a, const void *b)
{
	return memcmp(a, b, ACCESS_KEY_LEN);
}

/* Who they are goes into the genesis, ascending. */
static lk_err
create_guardians(struct guardians *g, struct op_genesis *o)
{
	if (g->len > GENESIS_GUARDIANS_MAX || g->needed < 1 ||
	    g->needed > g->len)
		return LK_ERR(LK_E_USAGE, "number of guardians");
	qsort(g->keys, g->len, ACCESS_KEY_LEN, key_compare);
	for (size_t i = 1; i < g->len; i++)
		if (key_compare(g->keys[i - 1], g->keys[i]) == 0)
			return LK_ERR(LK_E_USAGE, "a guardian is named twice");
	o->k = (uint8_t)g->needed;
	o->m = (uint8_t)g->len;
	o->guardians = g->keys[0];
	return LK_NONE;
}

lk_err
replica_create(struct replica *r, const char *name, const char *type,
    edit_fn *fill, void *ctx, uint32_t *docno)
{
	const struct creation c = {
		.name = name, .type = type, .fill = fill, .ctx = ctx
	};

	return replica_create_as(r, &c, docno);
}

lk_err
replica_create_as(struct replica *r, const struct creation *c, uint32_t *docno)
{
	ARENA_SCOPED arena = { 0 };
	struct guardians guardians;
	struct body body = { 0 };
	struct op_content content;
	bool any;

	arena_init(&arena, CHANGE_BODY_MAX);
	TRY(home_name_check(r, c->name));
	TRY(create_content(r, c->fill, c->ctx, &arena, &content, &any));
	TRY(create_ops(r, &body));
	if (c->guardians != NULL) {
		guardians = *c->guardians;
		TRY(create_guardians(&guardians, &body.ops[0].genesis));
	}
	if (any)
		body.ops[body.ops_len++] =
		    (struct access_op){ .kind = OP_CHANGE, .content = content };
	TRY(create_envelope(r, &body, docno));
	return home_name_set(r, *docno, c->name, c->type);
}

/* The grant of this device for what it writes; why it has none, in words: a
 * home document is never named to anybody. */
static lk_err
own_grant(const struct docstate *ds, const struct replica *r, enum role need,
    struct grant_ref *out)
{
	lk_err err =
	    graph_grant_for(ds->graph, r->identity->sign.pk, need, out);

	if (err.code == LK_E_DENIED && ds->home)
		err.what = "this device was revoked, and is none of its "
			   "person's any more";
	return err;
}

/* The head of the next change of this device: what it is shown is what it
 * follows. */
static lk_err
edit_head(struct admission *a, struct change_head *head)
{
	struct graph_author me;
	const uint32_t *parents;
	size_t parents_len;
	uint32_t tip;
	uint64_t seq;

	TRY(author_alone(a, &tip));
	memcpy(me.key, a->r->identity->sign.pk, ACCESS_KEY_LEN);
	TRY(own_grant(a->ds, a->r, ROLE_WRITE, &me.grant));
	TRY(graph_parents(
	    a->ds->graph, &me.grant, &parents, &parents_len, &seq));
	return content_head(a, parents, parents_len, &me, seq, head);
}

/* Runs `fill` over the document and appends the change it made, if any. */
static lk_err
edit_run(const struct edit_call *e, struct doc *doc, struct change_head *head,
    struct buf *body)
{
	struct edit *edit;
	lk_err err;

	if (e->message != NULL)
		head->message = BYTES_STR(e->message);
	TRY(edit_new(&edit, doc, head));
	err = e->fill(e->ctx, edit, doc);
	*e->changed = err.code == LK_OK && edit_ops(edit) > 0;
	if (*e->changed)
		err = edit_finish(edit, body, e->hash);
	edit_free(edit);
	return err;
}

static lk_err
edit_in(struct admission *a, const struct edit_call *e)
{
	struct change_head head;
	struct access_op op = { .kind = OP_CHANGE };
	struct doc *doc;
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	TRY(edit_head(a, &head));
	TRY(admission_doc(a, &doc));
	TRY(edit_run(e, doc, &head, &body));
	if (!*e->changed)
		return LK_NONE;
	TRY(content_pack(&a->arena, buf_bytes(&body), &op.content));
	return author_envelope(a, &op, 1, ROLE_WRITE, NULL);
}

/* An import is of changes by others: the actor is one of its own. */
static lk_err
edit_in_large(struct admission *a, const struct edit_call *e)
{
	struct change_head head;
	uint8_t actor[LK_TOPIC_LEN];
	struct kv overlay;
	struct doc *doc;
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	BUF_SCOPED chunk = { .max = CHANGE_BODY_MAX + 64 };
	lk_err err;

	TRY(edit_head(a, &head));
	random_fill(&a->r->random, actor, sizeof(actor));
	head.actor = BYTES_OF(actor);
	head.seq = 1;
	TRY(replica_open_over(a->r, a->ds->docno, &overlay, &doc));
	err = edit_run(e, doc, &head, &body);
	doc_free(doc);
	kv_overlay_free(&overlay);
	TRY(err);
	if (!*e->changed)
		return LK_NONE;
	chunk_write(&chunk, CHUNK_CHANGE, buf_bytes(&body));
	TRY(buf_err(&chunk, "change"));
	return author_import(a, buf_bytes(&chunk));
}

static lk_err
edit_admit(struct replica *r, uint32_t docno, const struct edit_call *e,
    lk_err (*in)(struct admission *, const struct edit_call *))
{
	struct docstate *ds;
	struct admission a;
	bool wrote;
	lk_err err;

	TRY(docstate_get(r, docno, &ds));
	admission_begin(&a, r, ds);
	err = author_see_all(&a, &wrote);
	if (err.code == LK_OK)
		err = in(&a, e);
	if (err.code == LK_OK && (*e->changed || wrote))
		return admission_end(&a);
	admission_drop(&a);
	return err;
}

lk_err
replica_edit(struct replica *r, uint32_t docno, edit_fn *fill, void *ctx,
    const char *message, bool *changed, uint8_t hash[static LK_ID_LEN])
{
	struct edit_call e = { fill, ctx, message, changed, hash };

	return edit_admit(r, docno, &e, edit_in);
}

lk_err
replica_edit_large(
    struct replica *r, uint32_t docno, const struct edit_call *call)
{
	return edit_admit(r, docno, call, edit_in_large);
}

lk_err
author_import(struct admission *a, struct bytes chunks)
{
	size_t at = 0;

	do {
		size_t n = chunks.len - at < REPLICA_PIECE_MAX
		    ? chunks.len - at
		    : REPLICA_PIECE_MAX;
		struct access_op op = { .kind = OP_IMPORT,
			.content = { .form = at + n == chunks.len,
			    .data = BYTES(chunks.ptr + at, n) } };

		TRY(author_envelope(a, &op, 1, ROLE_WRITE, NULL));
		at += n;
	} while (at < chunks.len);
	return LK_NONE;
}

lk_err
create_imported(struct replica *r, struct bytes chunks, uint32_t *docno)
{
	struct body body = { 0 };
	struct docstate *ds;
	struct admission a;
	lk_err err;

	TRY(create_ops(r, &body));
	TRY(create_envelope(r, &body, docno));
	if (chunks.len == 0)
		return LK_NONE;
	TRY(docstate_get(r, *docno, &ds));
	admission_begin(&a, r, ds);
	err = author_import(&a, chunks);
	if (err.code == LK_OK)
		return admission_end(&a);
	admission_drop(&a);
	return err;
}

lk_err
replica_import(
    struct replica *r, const char *name, struct bytes chunk, uint32_t *docno)
{
	TRY(home_name_check(r, name));
	TRY(create_imported(r, chunk, docno));
	return home_name_set(r, *docno, name, "map");
}

uint16_t
person_rank(enum role role, int32_t mine)
{
	int32_t rank;

	switch (role) {
	case ROLE_WRITE:
		rank = RANK_WRITE;
		break;
	case ROLE_READ:
		rank = RANK_READ;
		break;
	case ROLE_RELAY:
		rank = RANK_RELAY;
		break;
	case ROLE_NONE:
	case ROLE_ADMIN:
	default:
		rank = mine;
	}
	if (rank <= mine)
		rank = mine < UINT16_MAX - RANK_STEP_ADMIN - 1
		    ? mine + RANK_STEP_ADMIN
		    : UINT16_MAX - 1;
	return (uint16_t)rank;
}

lk_err
author_grant(struct docstate *ds, const struct replica *r, enum role need,
    struct member *out)
{
	struct grant_ref ref;

	TRY(own_grant(ds, r, need, &ref));
	return graph_member_find(ds->graph, &ref, out)
	    ? LK_NONE
	    : LK_ERR(LK_E_DENIED, "no grant of this device");
}

lk_err
author_ops(struct replica *r, struct docstate *ds, struct access_op *ops,
    size_t n, enum role need)
{
	struct admission a;
	lk_err err;

	admission_begin(&a, r, ds);
	err = author_envelope(&a, ops, n, need, NULL);
	if (err.code == LK_OK)
		return admission_end(&a);
	admission_drop(&a);
	return err;
}

/*
 * Grants for the devices that the one of op `above` has certified, or the root:
 * each below it, so that a more senior device can throw a junior one out.
 * Returns how many ops there are then.
 */
static size_t
share_below(
    struct access_op *ops, size_t n, size_t above, const struct person *who)
{
	const struct op_grant *parent = &ops[above].grant;

	for (size_t i = 0; i < who->devices_len && n < SHARE_GRANTS_MAX; i++) {
		if (memcmp(who->devices[i].issuer_pk, parent->key,
			ACCESS_KEY_LEN) != 0)
			continue;
		ops[n].kind = OP_GRANT;
		grant_own_device(&ops[n].grant, &who->devices[i],
		    (enum role)parent->role, (uint16_t)(parent->rank + 1));
		ops[n].grant.flags |= GRANT_PARENT_HERE;
		ops[n].grant.parent_index = (uint8_t)above;
		n++;
	}
	return n;
}

lk_err
replica_share(
    struct replica *r, uint32_t docno, const struct person *who, enum role role)
{
	struct access_op ops[SHARE_GRANTS_MAX] = { 0 };
	struct op_grant *root = &ops[0].grant;
	struct docstate *ds;
	struct member mine;
	size_t n = 1;

	TRY(docstate_get(r, docno, &ds));
	TRY(author_grant(ds, r, ROLE_ADMIN, &mine));
	if (graph_role(ds->graph, who->root_pk) >= role)
		return LK_ERR(LK_E_EXISTS, "has this role already");
	ops[0].kind = OP_GRANT;
	*root = (struct op_grant){ .role = (uint8_t)role,
		.rank = person_rank(role, mine.rank),
		.flags = GRANT_COLD | GRANT_ENROLL };
	memcpy(root->key, who->root_pk, ACCESS_KEY_LEN);
	for (size_t above = 0; above < n; above++)
		n = share_below(ops, n, above, who);
	return author_ops(r, ds, ops, n, ROLE_ADMIN);
}

lk_err
replica_enroll(struct replica *r, uint32_t docno, const struct cert *device)
{
	struct access_op op = { .kind = OP_GRANT };
	struct docstate *ds;
	struct member mine;
	enum role role;

	TRY(docstate_get(r, docno, &ds));
	role = graph_role(ds->graph, r->identity->sign.pk);
	if (role < ROLE_RELAY)
		return LK_ERR(LK_E_DENIED, "not a member");
	TRY(author_grant(ds, r, role, &mine));
	if ((mine.flags & GRANT_ENROLL) == 0 && mine.role != ROLE_ADMIN)
		return LK_ERR(LK_E_DENIED, "may not add devices");
	if (graph_role(ds->graph, device->block.device_pk) >= role)
		return LK_ERR(LK_E_EXISTS, "has a grant");
	grant_own_device(&op.grant, device, role, (uint16_t)(mine.rank + 1));
	return author_ops(r, ds, &op, 1, role);
}

lk_err
replica_leave(struct replica *r, uint32_t docno)
{
	struct access_op op = { .kind = OP_LEAVE };
	struct docstate *ds;

	TRY(docstate_get(r, docno, &ds));
	TRY(author_ops(r, ds, &op, 1, ROLE_RELAY));
	/* Whoever was given another role later has more grants than one. */
	while (graph_role(ds->graph, r->identity->sign.pk) > ROLE_NONE)
		TRY(author_ops(r, ds, &op, 1, ROLE_RELAY));
	return LK_NONE;
}
