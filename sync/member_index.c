#include "sync/member_index.h"

#include <string.h>

/* STORE_DEVICE, SPACE_PEERS: "m" device key, document number -> u8 was, topic;
 * "c" document number -> u32 how many members it has. */
#define INDEX_KEY_LEN (1 + 32 + 4)
#define COUNT_KEY_LEN (1 + 4)

static const uint8_t nobody[32];

static void
number_write(uint8_t out[static 4], uint32_t n)
{
	for (size_t i = 0; i < 4; i++)
		out[i] = (uint8_t)(n >> (24 - 8 * i));
}

static struct bytes
index_key(uint8_t out[static INDEX_KEY_LEN], const uint8_t pk[static 32],
    uint32_t docno)
{
	out[0] = 'm';
	memcpy(out + 1, pk, 32);
	number_write(out + 33, docno);
	return BYTES(out, INDEX_KEY_LEN);
}

static lk_err
index_put(struct replica *r, const struct docstate *ds,
    const uint8_t pk[static 32], bool was)
{
	struct kv kv = docstate_space(r, STORE_DEVICE, SPACE_PEERS);
	uint8_t key[INDEX_KEY_LEN], value[1 + LK_TOPIC_LEN];
	struct bytes known;

	value[0] = was;
	memcpy(value + 1, ds->topic.id, LK_TOPIC_LEN);
	if (kv_get(kv, index_key(key, pk, ds->docno), &known).code == LK_OK &&
	    bytes_equal(known, BYTES_OF(value)))
		return LK_NONE;
	r->memberships++;
	return kv_put(kv, BYTES_OF(key), BYTES_OF(value));
}

static struct bytes
count_key(uint8_t out[static COUNT_KEY_LEN], uint32_t docno)
{
	out[0] = 'c';
	number_write(out + 1, docno);
	return BYTES(out, COUNT_KEY_LEN);
}

static lk_err
count_put(struct replica *r, uint32_t docno, uint32_t count)
{
	uint8_t key[COUNT_KEY_LEN], value[4];

	number_write(value, count);
	return kv_put(docstate_space(r, STORE_DEVICE, SPACE_PEERS),
	    count_key(key, docno), BYTES_OF(value));
}

lk_err
member_index_count(struct replica *r, uint32_t docno, uint32_t *count)
{
	uint8_t key[COUNT_KEY_LEN];
	struct bytes value;
	struct rd rd;
	lk_err err = kv_get(docstate_space(r, STORE_DEVICE, SPACE_PEERS),
	    count_key(key, docno), &value);

	*count = 0;
	if (err.code != LK_OK)
		return err.code == LK_E_NOTFOUND ? LK_NONE : err;
	rd = rd_over(value);
	*count = rd_u32(&rd);
	return rd_done(&rd) ? LK_NONE : LK_ERR(LK_E_CORRUPT, "member count");
}

lk_err
member_index_has(
    struct replica *r, uint32_t docno, const uint8_t pk[static 32], bool *has)
{
	struct member_entry m = { .docno = docno };
	lk_err err = member_index_next(r, pk, &m);

	*has = err.code == LK_OK && m.docno == docno && !m.was;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
member_index_update(struct replica *r, struct docstate *ds)
{
	uint8_t key[INDEX_KEY_LEN];
	struct member m;
	uint32_t count = 0;

	if (graph_len(ds->graph) == 0)
		return index_put(r, ds, nobody, false);
	TRY(kv_del(docstate_space(r, STORE_DEVICE, SPACE_PEERS),
	    index_key(key, nobody, ds->docno)));
	for (size_t i = 0; i < graph_members_len(ds->graph); i++) {
		graph_member(ds->graph, i, &m);
		if ((m.flags & GRANT_COLD) != 0)
			continue;
		count += m.now >= ROLE_RELAY;
		TRY(index_put(
		    r, ds, m.key, graph_role(ds->graph, m.key) < ROLE_RELAY));
	}
	return count_put(r, ds->docno, count);
}

/* The first device >= *pk that the index has in a document. */
static lk_err
device_next(struct replica *r, uint32_t docno, uint8_t pk[static 32], bool *was)
{
	uint8_t key[INDEX_KEY_LEN];
	struct bytes found, value;

	for (;;) {
		TRY(kv_seek(docstate_space(r, STORE_DEVICE, SPACE_PEERS),
		    KV_FIRST_GE, index_key(key, pk, docno), &found, &value));
		if (found.len != INDEX_KEY_LEN || found.ptr[0] != key[0])
			return LK_ERR(LK_E_NOTFOUND, "member");
		if (bytes_equal(found, BYTES_OF(key)))
			break;
		if (memcmp(found.ptr + 1, pk, 32) != 0)
			memcpy(pk, found.ptr + 1, 32);
		else if (!bytes_next(pk, 32))
			return LK_ERR(LK_E_NOTFOUND, "member");
	}
	*was = value.len > 0 && value.ptr[0] != 0;
	return LK_NONE;
}

lk_err
member_index_move(struct replica *r, uint32_t full, struct docstate *empty)
{
	struct kv kv = docstate_space(r, STORE_DEVICE, SPACE_PEERS);
	uint8_t key[INDEX_KEY_LEN], pk[32] = { 0 };
	bool was;

	TRY(kv_del(kv, index_key(key, nobody, empty->docno)));
	do {
		lk_err err = device_next(r, full, pk, &was);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		if (!was)
			TRY(index_put(r, empty, pk, false));
		TRY(kv_del(kv, index_key(key, pk, full)));
	} while (bytes_next(pk, sizeof(pk)));
	return kv_del(kv, count_key(key, full));
}

lk_err
member_index_remove(struct replica *r, struct docstate *ds)
{
	struct kv kv = docstate_space(r, STORE_DEVICE, SPACE_PEERS);
	uint8_t key[INDEX_KEY_LEN];
	struct member m;

	TRY(kv_del(kv, index_key(key, nobody, ds->docno)));
	TRY(kv_del(kv, count_key(key, ds->docno)));
	for (size_t i = 0; i < graph_members_len(ds->graph); i++) {
		graph_member(ds->graph, i, &m);
		TRY(kv_del(kv, index_key(key, m.key, ds->docno)));
	}
	return LK_NONE;
}

lk_err
member_index_next(
    struct replica *r, const uint8_t pk[static 32], struct member_entry *entry)
{
	uint8_t key[INDEX_KEY_LEN];
	struct bytes found, value;
	struct rd rd;

	TRY(kv_seek(docstate_space(r, STORE_DEVICE, SPACE_PEERS), KV_FIRST_GE,
	    index_key(key, pk, entry->docno), &found, &value));
	if (found.len != INDEX_KEY_LEN || memcmp(found.ptr, key, 33) != 0)
		return LK_ERR(LK_E_NOTFOUND, "member");
	rd = rd_over(BYTES(found.ptr + 33, 4));
	entry->docno = rd_u32(&rd);
	rd = rd_over(value);
	entry->was = rd_u8(&rd) != 0;
	rd_copy(&rd, entry->topic, LK_TOPIC_LEN);
	return rd_done(&rd) ? LK_NONE : LK_ERR(LK_E_CORRUPT, "member index");
}
