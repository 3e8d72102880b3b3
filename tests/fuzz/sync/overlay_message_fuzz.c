#include "sync/overlay_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define OUT_MAX (1024u * 1024)

static bool
ids_fuzz(uint8_t type, struct bytes in, struct buf *out)
{
	struct id_list m;
	lk_err err =
	    type == MSG_IHAVE ? ihave_decode(&m, in) : graft_decode(&m, in);

	if (err.code != LK_OK)
		return false;
	LK_ASSERT(m.len <= IDS_MAX);
	id_list_encode(out, m.topic, BYTES(m.ids, m.len * LK_ID_LEN));
	return true;
}

static bool
walk_fuzz(uint8_t type, struct bytes in, struct buf *out)
{
	struct walk m;
	struct peer_entry e;
	struct peer_list left;
	size_t n = 0;
	lk_err err =
	    type == MSG_WALK ? walk_decode(&m, in) : shuffled_decode(&m, in);

	if (err.code != LK_OK)
		return false;
	left = m.peers;
	while (peer_entry_next(&left, &e))
		n++;
	LK_ASSERT(n == m.peers.len && n <= WALK_ENTRIES_MAX);
	if (type == MSG_WALK)
		walk_encode(out, &m, m.peers.entries.left);
	else
		shuffled_encode(out, &m, m.peers.entries.left);
	return true;
}

static bool
small_fuzz(uint8_t type, struct bytes in, struct buf *out)
{
	enum neighbour_word word;
	struct push push;
	uint32_t topic;

	if (type == MSG_PUSH && push_decode(&push, in).code == LK_OK) {
		buf_u32(out, push.topic);
		buf_add(out, push.items.left);
		return true;
	}
	if (type == MSG_PRUNE && prune_decode(&topic, in).code == LK_OK) {
		buf_u32(out, topic);
		return true;
	}
	if (type == MSG_NEIGHBOUR &&
	    neighbour_decode(&topic, &word, in).code == LK_OK) {
		neighbour_encode(out, topic, word);
		return true;
	}
	return false;
}

/* The first byte is the type of the message, the rest its body: what was taken
 * is what its encoder writes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body;
	bool taken;
	BUF_SCOPED out = { 0 };

	buf_init(&out, OUT_MAX);
	if (size < 1)
		return 0;
	body = BYTES(data + 1, size - 1);
	if (data[0] == MSG_IHAVE || data[0] == MSG_GRAFT)
		taken = ids_fuzz(data[0], body, &out);
	else if (data[0] == MSG_WALK || data[0] == MSG_SHUFFLED)
		taken = walk_fuzz(data[0], body, &out);
	else
		taken = small_fuzz(data[0], body, &out);
	LK_ASSERT(!taken || bytes_equal(buf_bytes(&out), body));
	return 0;
}
