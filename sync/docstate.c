#include "sync/docstate.h"

#include "sync/admit.h"
#include "sync/engine_state.h"
#include "sync/names.h"

#include <stdlib.h>
#include <string.h>

#define NODE_KEY_LEN 4
#define NODE_PART_LEN ((size_t)48 * 1024) /* of facts in parts */
#define DROP_SLICE 100000
#define ERASE_SLICE 20000 /* records in one transaction */
#define DOCNO_LEN 4

/* Twice, since nothing else says what is in it. */
static const char key_record[] = "d";
static const char key_copy[] = "e";
static const char key_next[] = "n";

struct kv
docstate_space(struct replica *r, uint32_t docno, enum store_space space)
{
	return txn_space(r->txn, docno, space);
}

void
docstate_free(struct replica *r, struct docstate *ds)
{
	TAILQ_REMOVE(&r->states, ds, link);
	LIST_REMOVE(ds, slot);
	r->states_len--;
	graph_free(ds->graph);
	secret_wipe(ds->loose, LOOSE_KEYS_MAX * sizeof(*ds->loose));
	free(ds->loose);
	free(ds->waiters);
	free(ds->leftovers);
	secret_wipe(ds, sizeof(*ds));
	free(ds);
}

/* The oldest that are not part of the present transaction go, so that fewer
 * than `most` are left; never the newest one. */
static void
docstates_shrink(struct replica *r, size_t most)
{
	struct docstate *oldest, *next;

	TAILQ_FOREACH_SAFE (oldest, &r->states, link, next) {
		if (r->states_len < most || next == NULL)
			break;
		if (!oldest->dirty)
			docstate_free(r, oldest);
	}
}

static lk_err
docstate_new(struct replica *r, uint32_t docno, struct docstate **out)
{
	struct docstate *ds;

	docstates_shrink(r, DOCSTATES_MAX);
	ds = calloc(1, sizeof(*ds));
	if (ds == NULL)
		return LK_ERR(LK_E_NOMEM, "document");
	lk_err err = graph_new(&ds->graph);
	if (err.code != LK_OK) {
		free(ds);
		return err;
	}
	ds->docno = docno;
	TAILQ_INSERT_TAIL(&r->states, ds, link);
	LIST_INSERT_HEAD(&r->slots[docno % DOCSTATE_SLOTS], ds, slot);
	r->states_len++;
	*out = ds;
	return LK_NONE;
}

lk_err
docstate_record(struct replica *r, uint32_t docno, struct bytes *value)
{
	struct kv meta = docstate_space(r, docno, SPACE_META);
	lk_err err = kv_get(meta, BYTES_STR(key_record), value);

	if (err.code == LK_E_CORRUPT &&
	    kv_get(meta, BYTES_STR(key_copy), value).code == LK_OK)
		return LK_NONE;
	return err;
}

static lk_err
docstate_read(struct replica *r, struct docstate *ds)
{
	struct bytes value;
	struct rd rd;
	uint8_t secret[EPOCH_SECRET_LEN];

	TRY(docstate_record(r, ds->docno, &value));
	rd = rd_over(value);
	rd_copy(&rd, ds->docid, LK_ID_LEN);
	rd_copy(&rd, secret, sizeof(secret));
	ds->home = rd_u8(&rd) != 0;
	ds->newer = rd_u8(&rd) != 0;
	ds->changed.ms = (int64_t)rd_u64(&rd);
	ds->waiting = rd_u32(&rd);
	ds->waiting_bytes = rd_u32(&rd);
	if (rd.left.len > 0) {
		ds->forgotten = rd_u8(&rd) != 0;
		ds->floor = rd_u64(&rd);
	}
	if (!rd_done(&rd))
		return LK_ERR(LK_E_CORRUPT, "document record");
	topic_from_secret(&ds->topic, secret);
	secret_wipe(secret, sizeof(secret));
	return LK_NONE;
}

static lk_err
docstate_load_node(struct docstate *ds, struct arena *arena, struct bytes facts)
{
	struct body body;
	struct facts f;
	lk_err err = facts_decode(&f, &body, arena, facts);

	if (err.code == LK_OK)
		err = graph_load(ds->graph, &f);
	if (err.code != LK_OK && err.code != LK_E_NOMEM)
		return LK_ERR(LK_E_CORRUPT, "document graph");
	return err;
}

static lk_err
docstate_load_graph(struct replica *r, struct docstate *ds)
{
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, ENVELOPE_MAX);
	for (uint32_t n = 0;; n++) {
		struct node node;
		lk_err err = node_get(r, ds->docno, n, &node);

		if (err.code == LK_E_NOTFOUND)
			break;
		if (err.code == LK_OK)
			err = docstate_load_node(ds, &arena, node.facts);
		TRY(err);
		arena_clear(&arena);
	}
	return graph_settle(ds->graph);
}

static struct docstate *
docstate_held(struct replica *r, uint32_t docno)
{
	struct docstate *ds;

	LIST_FOREACH (ds, &r->slots[docno % DOCSTATE_SLOTS], slot)
		if (ds->docno == docno)
			break;
	return ds;
}

/* What its record says, without the rest: held already, or read into `room`,
 * which the caller wipes. */
static lk_err
docstate_peek(struct replica *r, uint32_t docno, struct docstate *room,
    const struct docstate **out)
{
	*out = docstate_held(r, docno);
	if (*out != NULL)
		return LK_NONE;
	room->docno = docno;
	TRY(docstate_read(r, room));
	*out = room;
	return LK_NONE;
}

lk_err
docstate_topic(struct replica *r, uint32_t docno, struct topic *out)
{
	struct docstate room = { .docno = 0 };
	const struct docstate *ds;

	TRY(docstate_peek(r, docno, &room, &ds));
	*out = ds->topic;
	secret_wipe(&room, sizeof(room));
	return LK_NONE;
}

lk_err
docstate_forgotten(struct replica *r, uint32_t docno, struct forgotten *out)
{
	struct docstate room = { .docno = 0 };
	const struct docstate *ds;

	TRY(docstate_peek(r, docno, &room, &ds));
	*out = (struct forgotten){ .is = ds->forgotten, .floor = ds->floor };
	secret_wipe(&room, sizeof(room));
	return LK_NONE;
}

lk_err
docstate_get(struct replica *r, uint32_t docno, struct docstate **out)
{
	struct docstate *ds = docstate_held(r, docno);
	lk_err err;

	if (ds != NULL) {
		TAILQ_REMOVE(&r->states, ds, link);
		TAILQ_INSERT_TAIL(&r->states, ds, link);
		*out = ds;
		return LK_NONE;
	}
	TRY(docstate_new(r, docno, &ds));
	err = docstate_read(r, ds);
	if (err.code == LK_OK)
		err = docstate_load_graph(r, ds);
	if (err.code == LK_OK)
		err = leftovers_load(r, ds);
	if (err.code == LK_OK)
		err = waiting_load(r, ds);
	if (err.code != LK_OK) {
		docstate_free(r, ds);
		return err;
	}
	if (graph_len(ds->graph) > DOCSTATE_SMALL_NODES)
		docstates_shrink(r, DOCSTATES_LARGE_MAX + 1);
	*out = ds;
	return LK_NONE;
}

lk_err
docstate_save(struct replica *r, struct docstate *ds)
{
	BUF_SECRET b = { 0 };

	buf_init(&b, 256);
	buf_mem(&b, ds->docid, LK_ID_LEN);
	buf_mem(&b, ds->topic.secret, EPOCH_SECRET_LEN);
	buf_u8(&b, ds->home);
	buf_u8(&b, ds->newer);
	buf_u64(&b, (uint64_t)ds->changed.ms);
	buf_u32(&b, ds->waiting);
	buf_u32(&b, ds->waiting_bytes);
	if (ds->floor > 0) {
		buf_u8(&b, ds->forgotten);
		buf_u64(&b, ds->floor);
	}
	TRY(buf_err(&b, "document record"));
	ds->dirty = true;
	TRY(kv_put(docstate_space(r, ds->docno, SPACE_META),
	    BYTES_STR(key_record), buf_bytes(&b)));
	return kv_put(docstate_space(r, ds->docno, SPACE_META),
	    BYTES_STR(key_copy), buf_bytes(&b));
}

static lk_err
docno_take(struct replica *r, uint32_t *docno)
{
	struct kv device = docstate_space(r, STORE_DEVICE, SPACE_META);
	struct bytes value;
	BUF_SCOPED b = { 0 };
	uint32_t next = 1;
	lk_err err = kv_get(device, BYTES_STR(key_next), &value);

	if (err.code == LK_OK) {
		struct rd rd = rd_over(value);

		next = rd_u32(&rd);
	} else if (err.code != LK_E_NOTFOUND) {
		return err;
	}
	buf_init(&b, 4);
	buf_u32(&b, next + 1);
	TRY(buf_err(&b, "document number"));
	TRY(kv_put(device, BYTES_STR(key_next), buf_bytes(&b)));
	*docno = next;
	return LK_NONE;
}

/* The index records "i" docid and "t" topic, both -> document number. */
static lk_err
docno_index(struct replica *r, char kind, struct bytes id, uint32_t docno)
{
	BUF_SCOPED key = { 0 };
	BUF_SCOPED value = { 0 };

	buf_init(&key, 64);
	buf_init(&value, 4);
	buf_u8(&key, (uint8_t)kind);
	buf_add(&key, id);
	buf_u32(&value, docno);
	TRY(buf_err(&value, "document index"));
	TRY(buf_err(&key, "document index"));
	return kv_put(docstate_space(r, STORE_DEVICE, SPACE_META),
	    buf_bytes(&key), buf_bytes(&value));
}

lk_err
docstate_restore(struct replica *r, uint32_t docno)
{
	struct kv meta = docstate_space(r, docno, SPACE_META);
	struct bytes value;
	uint64_t sifted = 0;
	BUF_SECRET copy = { .max = 256 };

	TRY(docstate_record(r, docno, &value));
	buf_add(&copy, value);
	TRY(buf_err(&copy, "document record"));
	TRY(space_sift(r->txn, docno, SPACE_META, &sifted));
	TRY(kv_put(meta, BYTES_STR(key_record), buf_bytes(&copy)));
	return kv_put(meta, BYTES_STR(key_copy), buf_bytes(&copy));
}

void
docstate_forget(struct replica *r, uint32_t docno)
{
	struct docstate *ds = docstate_held(r, docno);

	if (ds != NULL)
		docstate_free(r, ds);
}

static lk_err
docstate_index(struct replica *r, struct docstate *ds)
{
	TRY(docno_index(r, 'i', BYTES_OF(ds->docid), ds->docno));
	TRY(docno_index(r, 't', BYTES(ds->topic.id, LK_TOPIC_LEN), ds->docno));
	if (ds->home)
		TRY(docno_index(r, 'h', BYTES(NULL, 0), ds->docno));
	return member_index_update(r, ds);
}

lk_err
docstate_index_again(struct replica *r, uint32_t last)
{
	struct kv device = docstate_space(r, STORE_DEVICE, SPACE_META);
	struct bytes value;
	BUF_SCOPED next = { .max = 4 };

	for (uint32_t n = 1; n <= last; n++) {
		struct docstate *ds;
		lk_err err = docstate_get(r, n, &ds);

		/* It was forgotten, or is damaged itself. */
		if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT)
			continue;
		TRY(err);
		TRY(docstate_index(r, ds));
	}
	if (kv_get(device, BYTES_STR(key_next), &value).code == LK_OK)
		return LK_NONE;
	buf_u32(&next, last + 1);
	return kv_put(device, BYTES_STR(key_next), buf_bytes(&next));
}

lk_err
docstate_create(struct replica *r, const uint8_t docid[static 32],
    const struct topic *topic, bool home, struct docstate **out)
{
	struct docstate *ds;
	uint32_t docno;
	lk_err err;

	TRY(docno_take(r, &docno));
	TRY(docstate_new(r, docno, &ds));
	memcpy(ds->docid, docid, LK_ID_LEN);
	ds->topic = *topic;
	ds->home = home;
	ds->changed = r->now.wall;
	err = docstate_save(r, ds);
	if (err.code == LK_OK)
		err = docstate_index(r, ds);
	if (err.code != LK_OK) {
		docstate_free(r, ds);
		return err;
	}
	*out = ds;
	return LK_NONE;
}

lk_err
docstate_make_home(struct replica *r, uint32_t docno)
{
	struct docstate *ds;

	TRY(docstate_get(r, docno, &ds));
	TRY(docno_index(r, 'h', BYTES(NULL, 0), docno));
	ds->home = true;
	return docstate_save(r, ds);
}

static lk_err
docno_unindex(struct replica *r, char kind, struct bytes id)
{
	BUF_SCOPED key = { .max = 64 };

	buf_u8(&key, (uint8_t)kind);
	buf_add(&key, id);
	TRY(buf_err(&key, "document index"));
	return kv_del(
	    docstate_space(r, STORE_DEVICE, SPACE_META), buf_bytes(&key));
}

lk_err
docstate_drop(struct replica *r, uint32_t docno)
{
	struct docstate *ds;
	bool done = false;

	TRY(docstate_get(r, docno, &ds));
	TRY(docno_unindex(r, 'i', BYTES(ds->docid, LK_ID_LEN)));
	TRY(docno_unindex(r, 't', BYTES(ds->topic.id, LK_TOPIC_LEN)));
	if (ds->home) {
		TRY(docno_unindex(r, 'h', BYTES(NULL, 0)));
		r->home = 0;
		names_drop(r);
	}
	TRY(member_index_remove(r, ds));
	while (!done)
		TRY(store_drop(r->txn, docno, DROP_SLICE, &done));
	docstate_free(r, ds);
	return LK_NONE;
}

static lk_err
keys_copy(struct replica *r, uint32_t from, uint32_t to)
{
	uint8_t etag[ETAG_LEN] = { 0 }, key[EPOCH_SECRET_LEN];
	struct bytes value;

	do {
		lk_err err = kv_walk(docstate_space(r, from, SPACE_KEYS), etag,
		    sizeof(etag), 0, &value);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (value.len != sizeof(key))
			return LK_ERR(LK_E_CORRUPT, "epoch key");
		memcpy(key, value.ptr, sizeof(key));
		err = kv_put(docstate_space(r, to, SPACE_KEYS), BYTES_OF(etag),
		    BYTES_OF(key));
		secret_wipe(key, sizeof(key));
		TRY(err);
	} while (bytes_next(etag, sizeof(etag)));
	return LK_NONE;
}

lk_err
docstate_empty(struct replica *r, uint32_t docno, struct docstate **out)
{
	struct docstate *old, *empty;
	struct topic topic;
	uint8_t docid[LK_ID_LEN];
	lk_err err;
	BUF_SCOPED number = { .max = DOCNO_LEN };

	TRY(docstate_get(r, docno, &old));
	LK_ASSERT(!old->home);
	memcpy(docid, old->docid, LK_ID_LEN);
	topic = old->topic;
	err = docstate_create(r, docid, &topic, false, &empty);
	secret_wipe(&topic, sizeof(topic));
	TRY(err);
	TRY(keys_copy(r, docno, empty->docno));
	TRY(member_index_move(r, docno, empty));
	docstate_forget(r, docno);
	/* Without these there is no such document; the rest takes longer. */
	TRY(kv_del(
	    docstate_space(r, docno, SPACE_META), BYTES_STR(key_record)));
	TRY(kv_del(docstate_space(r, docno, SPACE_META), BYTES_STR(key_copy)));
	buf_u32(&number, docno);
	TRY(buf_err(&number, "document number"));
	TRY(docno_index(r, 'z', buf_bytes(&number), docno));
	*out = empty;
	return LK_NONE;
}

lk_err
docstate_erasing(struct replica *r, uint32_t *docno)
{
	uint8_t key[1 + DOCNO_LEN] = { 'z' };
	struct bytes value;
	struct rd rd;

	TRY(kv_walk(docstate_space(r, STORE_DEVICE, SPACE_META), key,
	    sizeof(key), 1, &value));
	rd = rd_over(BYTES(key + 1, DOCNO_LEN));
	*docno = rd_u32(&rd);
	return LK_NONE;
}

lk_err
docstate_erase(struct replica *r, uint32_t docno)
{
	BUF_SCOPED number = { .max = DOCNO_LEN };
	bool done;

	TRY(store_drop(r->txn, docno, ERASE_SLICE, &done));
	buf_u32(&number, docno);
	TRY(buf_err(&number, "document number"));
	return done ? docno_unindex(r, 'z', buf_bytes(&number)) : LK_NONE;
}

lk_err
docstate_key(struct replica *r, uint32_t docno,
    const uint8_t etag[static ETAG_LEN], struct epoch *out)
{
	struct bytes value;

	TRY(kv_get(docstate_space(r, docno, SPACE_KEYS), BYTES(etag, ETAG_LEN),
	    &value));
	if (value.len != EPOCH_SECRET_LEN)
		return LK_ERR(LK_E_CORRUPT, "epoch key");
	epoch_derive(out, value.ptr);
	return LK_NONE;
}

lk_err
docstate_key_add(
    struct replica *r, uint32_t docno, const struct epoch *epoch, bool *is_new)
{
	struct kv keys = docstate_space(r, docno, SPACE_KEYS);
	struct bytes etag = BYTES(epoch->etag, ETAG_LEN), value;
	lk_err err = kv_get(keys, etag, &value);

	*is_new = err.code == LK_E_NOTFOUND;
	if (err.code != LK_E_NOTFOUND)
		return err;
	return kv_put(keys, etag, BYTES(epoch->ladder, EPOCH_SECRET_LEN));
}

static const struct epoch *
loose_find(const struct docstate *ds, const uint8_t etag[static ETAG_LEN])
{
	for (size_t i = 0; i < ds->loose_len; i++)
		if (memcmp(ds->loose[i].etag, etag, ETAG_LEN) == 0)
			return &ds->loose[i];
	return NULL;
}

lk_err
docstate_key_any(struct replica *r, struct docstate *ds,
    const uint8_t etag[static ETAG_LEN], struct epoch *out)
{
	const struct epoch *loose;
	lk_err err = docstate_key(r, ds->docno, etag, out);

	if (err.code != LK_E_NOTFOUND)
		return err;
	loose = loose_find(ds, etag);
	if (loose == NULL)
		return err;
	*out = *loose;
	return LK_NONE;
}

lk_err
docstate_key_loose(struct replica *r, struct docstate *ds,
    const struct epoch *epoch, bool *is_new)
{
	struct bytes value;
	lk_err err = kv_get(docstate_space(r, ds->docno, SPACE_KEYS),
	    BYTES(epoch->etag, ETAG_LEN), &value);

	*is_new =
	    err.code == LK_E_NOTFOUND && loose_find(ds, epoch->etag) == NULL;
	if (!*is_new)
		return err.code == LK_E_NOTFOUND ? LK_NONE : err;
	if (ds->loose == NULL)
		ds->loose = calloc(LOOSE_KEYS_MAX, sizeof(*ds->loose));
	if (ds->loose == NULL)
		return LK_ERR(LK_E_NOMEM, "epoch keys");
	ds->loose[ds->loose_next] = *epoch;
	ds->loose_next = (ds->loose_next + 1) % LOOSE_KEYS_MAX;
	if (ds->loose_len < LOOSE_KEYS_MAX)
		ds->loose_len++;
	return LK_NONE;
}

static struct bytes
node_key(uint8_t out[static NODE_KEY_LEN], uint32_t number)
{
	for (size_t i = 0; i < NODE_KEY_LEN; i++)
		out[i] = (uint8_t)(number >> (8 * (NODE_KEY_LEN - 1 - i)));
	return BYTES(out, NODE_KEY_LEN);
}

/* Facts that do not fit one record: the node's key and a number -> a part. */
static lk_err
node_parts_get(
    struct replica *r, uint32_t docno, uint32_t number, struct bytes *facts)
{
	struct kv nodes = docstate_space(r, docno, SPACE_NODES);
	uint8_t key[NODE_KEY_LEN + 1] = { 0 };

	(void)node_key(key, number);
	buf_reset(&r->facts);
	r->facts.max = 2 * ENVELOPE_MAX;
	for (;; key[NODE_KEY_LEN]++) {
		struct bytes part;
		lk_err err = kv_get(nodes, BYTES_OF(key), &part);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		buf_add(&r->facts, part);
	}
	*facts = buf_bytes(&r->facts);
	if (facts->len == 0)
		return LK_ERR(LK_E_CORRUPT, "document node");
	return buf_err(&r->facts, "document node");
}

static lk_err
node_parts_put(
    struct replica *r, uint32_t docno, uint32_t number, struct bytes facts)
{
	struct kv nodes = docstate_space(r, docno, SPACE_NODES);
	uint8_t key[NODE_KEY_LEN + 1] = { 0 };

	(void)node_key(key, number);
	for (size_t at = 0; at < facts.len; at += NODE_PART_LEN) {
		size_t n = facts.len - at < NODE_PART_LEN ? facts.len - at
							  : NODE_PART_LEN;

		TRY(kv_put(nodes, BYTES_OF(key), BYTES(facts.ptr + at, n)));
		key[NODE_KEY_LEN]++;
	}
	return LK_NONE;
}

lk_err
node_get(struct replica *r, uint32_t docno, uint32_t number, struct node *out)
{
	uint8_t key[NODE_KEY_LEN];
	struct bytes value;
	struct rd rd;
	struct node n;

	TRY(kv_get(docstate_space(r, docno, SPACE_NODES), node_key(key, number),
	    &value));
	rd = rd_over(value);
	n.lsn = rd_uleb(&rd);
	n.received.ms = rd_sleb(&rd);
	n.time = rd_sleb(&rd);
	n.ops = rd_uleb(&rd);
	n.seq = rd_uleb(&rd);
	n.parents = rd_counted(&rd);
	n.hashes = rd_counted(&rd);
	n.message = rd_counted(&rd);
	n.facts = rd_counted(&rd);
	if (!rd_done(&rd) || n.hashes.len % LK_ID_LEN != 0)
		return LK_ERR(LK_E_CORRUPT, "document node");
	if (n.facts.len == 0)
		TRY(node_parts_get(r, docno, number, &n.facts));
	*out = n;
	return LK_NONE;
}

lk_err
node_put(
    struct replica *r, uint32_t docno, uint32_t number, const struct node *n)
{
	uint8_t key[NODE_KEY_LEN];
	struct bytes message = n->message, facts = n->facts;
	BUF_SCOPED b = { 0 };

	/* Parents and hashes take half of a record at most. */
	if (facts.len > KV_VALUE_MAX / 4) {
		TRY(node_parts_put(r, docno, number, facts));
		facts.len = 0;
	}

	if (message.len > NODE_MESSAGE_MAX) {
		message.len = NODE_MESSAGE_MAX;
		while (message.len > 0 &&
		    (message.ptr[message.len] & 0xc0) == 0x80)
			message.len--;
	}
	buf_init(&b, KV_VALUE_MAX);
	buf_uleb(&b, n->lsn);
	buf_sleb(&b, n->received.ms);
	buf_sleb(&b, n->time);
	buf_uleb(&b, n->ops);
	buf_uleb(&b, n->seq);
	buf_counted(&b, n->parents);
	buf_counted(&b, n->hashes);
	buf_counted(&b, message);
	buf_counted(&b, facts);
	TRY(buf_err(&b, "document node"));
	return kv_put(docstate_space(r, docno, SPACE_NODES),
	    node_key(key, number), buf_bytes(&b));
}
