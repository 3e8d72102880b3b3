#include <stdlib.h>
#include <string.h>

#include "sync/bucket.h"
#include "sync/docno_list.h"

#define ENTRIES_MAX 65536 /* of one author, that are looked at in one turn */
#define COVERS_ARENA_MAX ((size_t)64 * 1024 * 1024)
#define DUE_MAX 64    /* documents waiting, above which no more are sought */
#define WALK_MAX 1000 /* documents passed by in one turn */

/* A pack that is there and holds what we have. */
struct cover {
	struct stored_name name;
	uint64_t from, to;
	struct wall since;
	uint8_t last[LK_ID_LEN];
};

/* An envelope of the author. */
struct chain_item {
	uint64_t seq;
	uint8_t id[LK_ID_LEN];
	bool packed;
};

/* One author's envelopes in a document, against what a remote has of them. */
struct author {
	struct engine *e;
	struct remote *r;
	struct docstate *ds;
	uint8_t tag[LK_TOPIC_LEN];
	bool forked;
	struct arena arena;
	struct cover *covers; /* ascending */
	size_t covers_len;
	uint8_t (*held)[LK_ID_LEN]; /* forked: ids, ascending */
	size_t held_len, held_cap;
	struct chain_item *lacks; /* ascending */
	size_t lacks_len;
};

static int
cover_compare(const void *a, const void *b)
{
	const struct cover *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to < y->to) - (x->to > y->to);
}

static lk_err
covers_of_kind(struct author *a, enum stored_kind kind, size_t *cap)
{
	struct stored_name at = { .kind = kind };
	struct record record;

	memcpy(at.topic, a->ds->topic.id, LK_TOPIC_LEN);
	memcpy(at.tag, a->tag, LK_TOPIC_LEN);
	for (;;) {
		lk_err err =
		    record_next_of(a->e, a->r->status.number, &at, &record);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		at = record.name;
		record_step(&at);
		if (record.state != RECORD_HELD)
			continue;
		if (a->covers_len == *cap) {
			struct cover *grown;

			*cap = *cap == 0 ? 64 : *cap * 2;
			grown = arena_alloc(&a->arena, *cap * sizeof(*grown));
			if (grown == NULL)
				return LK_ERR(LK_E_NOMEM, "packs");
			if (a->covers_len > 0)
				memcpy(grown, a->covers,
				    a->covers_len * sizeof(*grown));
			a->covers = grown;
		}
		a->covers[a->covers_len] =
		    (struct cover){ record.name, record.name.seq,
			    record.name.seq + record.name.count - 1,
			    record.since, { 0 } };
		memcpy(a->covers[a->covers_len++].last, record.last, LK_ID_LEN);
	}
}

/* Of a fork seqs say little: the ids that lie there, along each chain. */
static lk_err
held_read(struct author *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->covers_len; i++)
		n += (size_t)a->covers[i].name.count;
	a->held = arena_alloc(&a->arena, (n + 1) * LK_ID_LEN);
	if (a->held == NULL)
		return LK_ERR(LK_E_NOMEM, "packs");
	for (size_t i = 0; i < a->covers_len; i++) {
		uint8_t id[LK_ID_LEN];

		memcpy(id, a->covers[i].last, LK_ID_LEN);
		for (uint64_t k = a->covers[i].name.count; k > 0; k--) {
			struct log_entry entry;
			struct envelope env;
			lk_err err = log_by_id(a->e->r->txn, id, &entry);

			if (err.code == LK_E_NOTFOUND)
				break;
			TRY(err);
			TRY(envelope_parse(&env, entry.envelope));
			memcpy(a->held[a->held_len++], id, LK_ID_LEN);
			memcpy(id, env.prev, LK_ID_LEN);
		}
	}
	if (a->held_len > 1)
		qsort(a->held, a->held_len, LK_ID_LEN, lk_id_compare);
	return LK_NONE;
}

static lk_err
covers_read(struct author *a)
{
	size_t cap = 0;

	TRY(covers_of_kind(a, STORED_PACK, &cap));
	TRY(covers_of_kind(a, STORED_KEY_PACK, &cap));
	if (a->covers_len > 1)
		qsort(a->covers, a->covers_len, sizeof(*a->covers),
		    cover_compare);
	return a->forked ? held_read(a) : LK_NONE;
}

/* Whether an envelope lies there; *next is the seq to go on with. */
static bool
is_held(const struct author *a, const struct log_entry *at, size_t *cover,
    uint64_t *next)
{
	*next = at->seq;
	if (a->forked)
		return a->held_len > 0 &&
		    bsearch(at->id, a->held, a->held_len, LK_ID_LEN,
			lk_id_compare) != NULL;
	while (*cover < a->covers_len && a->covers[*cover].to < at->seq)
		++*cover;
	if (*cover == a->covers_len || a->covers[*cover].from > at->seq)
		return false;
	*next = a->covers[*cover].to + 1;
	return true;
}

/* The essential envelopes of the author that do not lie there. */
static lk_err
lacks_read(struct author *a)
{
	struct log_entry at = { .seq = 1 };
	size_t cover = 0, cap = 0;

	memcpy(at.tag, a->tag, LK_TOPIC_LEN);
	while (a->lacks_len < ENTRIES_MAX) {
		lk_err err = chain_next(a->e->r->txn, a->ds->docno, &at);
		uint64_t next;

		if (err.code == LK_E_NOTFOUND ||
		    memcmp(at.tag, a->tag, LK_TOPIC_LEN) != 0)
			return LK_NONE;
		TRY(err);
		if (is_held(a, &at, &cover, &next)) {
			if (next > at.seq) {
				at.seq = next;
				memset(at.id, 0, LK_ID_LEN);
			} else {
				chain_step(&at);
			}
			continue;
		}
		if (at.essential) {
			if (a->lacks_len == cap) {
				struct chain_item *grown;

				cap = cap == 0 ? 64 : cap * 2;
				grown = arena_alloc(
				    &a->arena, cap * sizeof(*grown));
				if (grown == NULL)
					return LK_ERR(LK_E_NOMEM, "packs");
				if (a->lacks_len > 0)
					memcpy(grown, a->lacks,
					    a->lacks_len * sizeof(*grown));
				a->lacks = grown;
			}
			a->lacks[a->lacks_len].seq = at.seq;
			a->lacks[a->lacks_len].packed = false;
			memcpy(a->lacks[a->lacks_len++].id, at.id, LK_ID_LEN);
		}
		chain_step(&at);
	}
	return LK_NONE;
}

/* A run on its way to become a pack. */
struct run {
	struct arena arena;
	struct bytes *all;
	size_t len, bytes;
	uint64_t seq;
	uint8_t last[LK_ID_LEN];
};

/* Adds the envelope if it follows; *full: it would, and there is no room. */
static lk_err
run_add(struct author *a, struct run *run, const uint8_t id[static LK_ID_LEN],
    bool *added, bool *full)
{
	struct log_entry entry;
	struct envelope env;

	*added = *full = false;
	TRY(log_by_id(a->e->r->txn, id, &entry));
	TRY(envelope_parse(&env, entry.envelope));
	if (run->len > 0 &&
	    (env.seq != run->seq + 1 ||
		memcmp(env.prev, run->last, LK_ID_LEN) != 0))
		return LK_NONE;
	*full = run->len == PACK_ENVELOPES_MAX ||
	    (run->len > 0 && run->bytes + env.all.len > PACK_BYTES_MAX);
	if (*full)
		return LK_NONE;
	run->all[run->len] = arena_copy(&run->arena, env.all);
	if (run->all[run->len].ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "pack");
	run->len++;
	run->bytes += env.all.len;
	run->seq = env.seq;
	memcpy(run->last, env.id, LK_ID_LEN);
	*added = true;
	return LK_NONE;
}

static lk_err
run_begin(struct run *run)
{
	*run = (struct run){ .len = 0 };
	arena_init(&run->arena, 2 * OBJECT_BYTES_MAX);
	run->all =
	    arena_alloc(&run->arena, PACK_ENVELOPES_MAX * sizeof(*run->all));
	return run->all == NULL ? LK_ERR(LK_E_NOMEM, "pack") : LK_NONE;
}

/* Puts the run under the name it has. */
static lk_err
run_put(struct author *a, const struct run *run)
{
	BUF_SCOPED bytes = { .max = OBJECT_BYTES_MAX };
	struct stored_name name;
	struct record known;
	struct flight *f;
	lk_err err;

	TRY(pack_encode(&bytes, &name, run->all, run->len));
	/* A join that was cut off at its bytes would be made for ever. */
	err = record_next(a->e, a->r->status.number, &name, &known);
	if (err.code == LK_OK && stored_name_same(&known.name, &name))
		return LK_NONE;
	if (err.code != LK_E_NOTFOUND)
		TRY(err);
	TRY(bucket_put(a->e, a->r, FLIGHT_PACK, &name, &bytes, &f));
	f->docno = a->ds->docno;
	memcpy(f->record.last, run->last, LK_ID_LEN);
	return LK_NONE;
}

/* Packs the run that begins with lacks[first]. */
static lk_err
lacks_pack(struct author *a, size_t first)
{
	struct run run;
	lk_err err = run_begin(&run);

	for (size_t i = first; i < a->lacks_len && err.code == LK_OK; i++) {
		struct chain_item *item = &a->lacks[i];
		bool full;

		if (item->packed)
			continue;
		if (run.len > 0 && item->seq > run.seq + 1)
			break;
		err = run_add(a, &run, item->id, &item->packed, &full);
		if (full)
			break;
	}
	/* What is damaged here is put by somebody who has it whole. */
	if (err.code == LK_OK || err.code == LK_E_CORRUPT)
		err = run.len > 0 ? run_put(a, &run) : LK_NONE;
	arena_clear(&run.arena);
	return err;
}

/* Parts of a larger pack that has been there for a day. */
static void
parts_delete(struct author *a)
{
	for (size_t i = 0; i < a->covers_len; i++) {
		const struct cover *big = &a->covers[i];

		if (big->name.count < PACK_SMALL_MAX ||
		    big->since.ms + PACK_PARTS_MS > a->e->now.wall.ms)
			continue;
		for (size_t k = 0; k < a->covers_len; k++) {
			const struct cover *part = &a->covers[k];

			if (k != i && part->from >= big->from &&
			    part->to <= big->to &&
			    part->name.count < big->name.count)
				(void)bucket_ask(a->e, a->r, FLIGHT_DELETE,
				    OBJECT_DELETE, &part->name);
		}
	}
}

/* The longest row of packs of at least `least` and below `most` envelopes, each
 * going on where the one before ends, if it makes `most` or more; 0: none. */
static uint64_t
joinable(const struct author *a, uint64_t least, uint64_t most, uint64_t *from)
{
	uint64_t start = 0, end = 0, joined = 0;

	for (size_t i = 0; i < a->covers_len; i++) {
		const struct cover *c = &a->covers[i];

		if (c->to <= joined)
			continue;
		if (c->name.count >= most)
			joined = c->to;
		if (c->name.count < least || c->name.count >= most)
			start = 0;
		else if (start == 0 || c->from > end + 1)
			start = c->from;
		if (start == 0)
			continue;
		if (c->to > end || start == c->from)
			end = c->to;
		if (end - start + 1 >= most) {
			*from = start;
			return end - start + 1;
		}
	}
	return 0;
}

/* Writes small packs of this device again as one. */
static lk_err
parts_join(struct author *a)
{
	struct log_entry at = { .seq = 1 };
	uint64_t from = 0,
		 n = joinable(a, PACK_SMALL_MAX, PACK_ENVELOPES_MAX, &from);
	struct run run;
	lk_err err;

	if (n == 0)
		n = joinable(a, 1, PACK_SMALL_MAX, &from);
	if (n == 0)
		return LK_NONE;
	at.seq = from;
	memcpy(at.tag, a->tag, LK_TOPIC_LEN);
	err = run_begin(&run);
	while (err.code == LK_OK && run.len < n) {
		bool added, full;

		err = chain_next(a->e->r->txn, a->ds->docno, &at);
		if (err.code == LK_OK)
			err = run_add(a, &run, at.id, &added, &full);
		if (err.code != LK_OK || !added)
			break;
		chain_step(&at);
	}
	if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT)
		err = LK_NONE;
	/* Large ones may be too large together. */
	if (err.code == LK_OK && run.len >= PACK_SMALL_MAX && run.len > n / 2)
		err = run_put(a, &run);
	arena_clear(&run.arena);
	return err;
}

/* What is done for one author: *all when nothing of his lacks. */
enum author_part { AUTHOR_COUNT, AUTHOR_PUT, AUTHOR_TIDY };

static lk_err
author_work(struct author *a, enum author_part part, bool *all)
{
	TRY(covers_read(a));
	TRY(lacks_read(a));
	*all &= a->lacks_len == 0;
	for (size_t i = 0; i < a->lacks_len && part != AUTHOR_COUNT &&
	     bucket_has_room(&a->r->bucket);
	     i++)
		if (!a->lacks[i].packed)
			TRY(lacks_pack(a, i));
	if (part != AUTHOR_TIDY || a->forked || a->lacks_len > 0 ||
	    !bucket_has_room(&a->r->bucket))
		return LK_NONE;
	parts_delete(a);
	return bucket_has_room(&a->r->bucket) ? parts_join(a) : LK_NONE;
}

/* Whether the author of a tag has forked. */
static bool
is_forked(const struct docstate *ds, const uint8_t tag[static LK_TOPIC_LEN])
{
	for (size_t i = 0; i < graph_members_len(ds->graph); i++) {
		uint8_t its[LK_TOPIC_LEN];
		struct member m;
		bool forked = false;

		graph_member(ds->graph, i, &m);
		author_tag(its, &ds->topic, m.key);
		if (memcmp(its, tag, LK_TOPIC_LEN) != 0)
			continue;
		(void)graph_tip(ds->graph, m.key, &forked);
		return forked;
	}
	return false;
}

/* A document on its way to the remote. */
struct look {
	struct engine *e;
	struct remote *r;
	struct docstate *ds;
	bool others; /* what others wrote, too */
	bool all;    /* nothing lacks there */
};

static lk_err
look_author(struct look *k, const uint8_t tag[static LK_TOPIC_LEN], bool own)
{
	struct author a = { .e = k->e, .r = k->r, .ds = k->ds };
	lk_err err;

	memcpy(a.tag, tag, LK_TOPIC_LEN);
	a.forked = is_forked(k->ds, tag);
	arena_init(&a.arena, COVERS_ARENA_MAX);
	err = author_work(&a,
	    own && k->others       ? AUTHOR_TIDY
		: own || k->others ? AUTHOR_PUT
				   : AUTHOR_COUNT,
	    &k->all);
	arena_clear(&a.arena);
	return err;
}

static lk_err
look_authors(struct look *k)
{
	struct log_entry at = { .seq = 0 };
	uint8_t own[LK_TOPIC_LEN];

	author_tag(own, &k->ds->topic, k->e->identity->sign.pk);
	for (;;) {
		lk_err err = chain_next(k->e->r->txn, k->ds->docno, &at);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		TRY(look_author(
		    k, at.tag, memcmp(at.tag, own, LK_TOPIC_LEN) == 0));
		at.seq = 0;
		memset(at.id, 0, LK_ID_LEN);
		if (!bytes_next(at.tag, sizeof(at.tag)))
			return LK_NONE;
	}
}

/* Says there what this device has. */
static lk_err
look_ack(struct look *k)
{
	BUF_SCOPED bytes = { .max = 8192 };
	struct stored_name name;
	struct record record;
	struct flight *f;
	lk_err err = acks_name(k->e, k->ds, &name);

	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	err = record_next(k->e, k->r->status.number, &name, &record);
	if (err.code == LK_OK && stored_name_same(&record.name, &name))
		return LK_NONE;
	if (err.code != LK_E_NOTFOUND)
		TRY(err);
	k->all = false;
	if (!bucket_has_room(&k->r->bucket))
		return LK_NONE;
	err = acks_store(k->e, k->ds, &bytes);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	TRY(bucket_put(k->e, k->r, FLIGHT_ACK, &name, &bytes, &f));
	f->docno = k->ds->docno;
	return LK_NONE;
}

static bool
is_in_flight(const struct bucket *b, uint32_t docno)
{
	const struct flight *f;

	TAILQ_FOREACH (f, &b->flights, next)
		if (f->docno == docno && f->kind != FLIGHT_READ)
			return true;
	return false;
}

/* Writes what lacks of a document; *done when nothing of it is under way. */
static lk_err
look(
    struct engine *e, struct remote *r, uint32_t docno, bool others, bool *done)
{
	struct bucket *b = &r->bucket;
	struct look k = { .e = e, .r = r, .all = true };
	struct fingerprint fp;
	bool reads;
	lk_err err;

	*done = false;
	if (is_in_flight(b, docno))
		return LK_NONE;
	err = docstate_get(e->r, docno, &k.ds);
	*done = true;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (k.ds->forgotten)
		return look_ack(&k);
	if (graph_len(k.ds->graph) == 0 ||
	    graph_role(k.ds->graph, e->identity->sign.pk) < ROLE_READ)
		return LK_NONE;
	/* What is being read may be what others' envelopes lie in, and is more
	 * to acknowledge. */
	reads = bucket_reads(b, docno) || !b->listed;
	k.others = others && !reads;
	TRY(look_authors(&k));
	if (!reads)
		TRY(look_ack(&k));
	TRY(bucket_letters(e, r, k.ds, &k.all));
	*done =
	    !is_in_flight(b, docno) && bucket_has_room(b) && !(others && reads);
	if (!others && reads)
		TRY(docno_list_add(
		    &b->later.at, &b->later.len, &b->later.cap, docno));
	if (!k.all || reads)
		return LK_NONE;
	TRY(fingerprint_doc(e->r->txn, docno, &fp));
	return record_complete_put(e, r->status.number, docno, &fp);
}

/* Looks at the documents of a list while there is room for requests. */
static lk_err
look_list(struct engine *e, struct remote *r, struct docnos *list, bool others)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->len; i++) {
		uint32_t docno = list->at[i];
		bool done = false;

		if (bucket_has_room(&r->bucket))
			TRY(look(e, r, docno, others, &done));
		if (!done)
			list->at[kept++] = docno;
	}
	list->len = kept;
	return LK_NONE;
}

/* Seeks documents of which something may lack. */
static lk_err
walk(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	for (size_t n = 0; b->walks && b->due.len < DUE_MAX; n++) {
		struct fingerprint fp, there;
		lk_err err;

		if (n == WALK_MAX) {
			e->wake = e->now.mono;
			return LK_NONE;
		}
		err = replica_doc_next(e->r, b->walked, &b->walked);
		if (err.code == LK_E_NOTFOUND) {
			b->walks = false;
			return LK_NONE;
		}
		TRY(err);
		TRY(fingerprint_doc(e->r->txn, b->walked, &fp));
		err = record_complete(e, r->status.number, b->walked, &there);
		if (err.code == LK_OK && fp.count == there.count &&
		    memcmp(fp.sum, there.sum, sizeof(fp.sum)) == 0)
			continue;
		if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
			return err;
		TRY(docno_list_add(
		    &b->due.at, &b->due.len, &b->due.cap, b->walked));
	}
	return LK_NONE;
}

lk_err
bucket_write(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	if (b->dirty_due.ms <= e->now.mono.ms)
		TRY(look_list(e, r, &b->dirty, false));
	TRY(walk(e, r));
	return look_list(e, r, &b->due, true);
}

lk_err
bucket_passed(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	for (size_t i = 0; i < b->later.len; i++)
		TRY(docno_list_add(
		    &b->due.at, &b->due.len, &b->due.cap, b->later.at[i]));
	b->later.len = 0;
	if (b->shrunk) {
		TRY(records_doubt(e, r->status.number));
		b->shrunk = false;
		b->look_again = true;
	}
	if (!b->look_again)
		return LK_NONE;
	b->look_again = false;
	b->walks = true;
	b->walked = 0;
	return LK_NONE;
}

/* Takes away the acknowledgements that this one replaces. */
static lk_err
acks_replace(struct engine *e, struct remote *r, const struct stored_name *now)
{
	struct stored_name at = { .kind = STORED_ACK };
	struct record record;

	memcpy(at.topic, now->topic, LK_TOPIC_LEN);
	memcpy(at.tag, now->tag, LK_TOPIC_LEN);
	for (;;) {
		lk_err err = record_next_of(e, r->status.number, &at, &record);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		at = record.name;
		record_step(&at);
		if (stored_name_same(&record.name, now))
			continue;
		/* Where there is no room for the request, the next pass sees
		 * one of ours that we do not know of. */
		(void)bucket_ask(
		    e, r, FLIGHT_DELETE, OBJECT_DELETE, &record.name);
		TRY(record_del(e, r->status.number, &record.name));
	}
}

lk_err
bucket_written(struct engine *e, struct remote *r, const struct flight *f)
{
	struct bucket *b = &r->bucket;
	struct record record = f->record;

	record.state = RECORD_HELD;
	record.since = e->now.wall;
	TRY(record_put(e, r->status.number, &record));
	if (f->kind == FLIGHT_ACK)
		TRY(acks_replace(e, r, &record.name));
	/* Look at it once more: there may be more, or it is complete now. */
	return bucket_dirty(b, f->docno);
}

lk_err
bucket_put_failed(struct remote *r, const struct flight *f)
{
	struct bucket *b = &r->bucket;

	for (size_t i = 0; i < f->welcomed_len; i++)
		TRY(docno_list_add(&b->due.at, &b->due.len, &b->due.cap,
		    f->welcomed[i].docno));
	if (f->docno == 0)
		return LK_NONE;
	return docno_list_add(&b->due.at, &b->due.len, &b->due.cap, f->docno);
}
