#include <string.h>

#include "sync/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define OUT_MAX (4u * 1024 * 1024)
#define ARENA_MAX ((size_t)4 * 1024 * 1024)

static const uint8_t topic[LK_TOPIC_LEN] = "one topic";

/* What a decoder took must be what its encoder writes. */
static void
same_expect(const struct buf *out, struct bytes in)
{
	LK_ASSERT(bytes_equal(buf_bytes(out), in));
}

static void
fixed_fuzz(uint8_t type, struct bytes in, struct buf *out)
{
	struct topic_list topics;
	struct topic_set set;
	struct fp_range fp;
	struct hello hello;
	struct busy busy;

	if (type == MSG_HELLO && hello_decode(&hello, in).code == LK_OK)
		hello_encode(out, &hello);
	else if (type == MSG_SET && topic_set_decode(&set, in).code == LK_OK)
		topic_set_encode(out, &set);
	else if (type == MSG_BUSY && busy_decode(&busy, in).code == LK_OK)
		busy_encode(out, &busy);
	else if (type == MSG_FP && fp_range_decode(&fp, in).code == LK_OK)
		fp_range_encode(out, &fp);
	else if (type == MSG_TOPICS &&
	    topic_list_decode(&topics, in).code == LK_OK)
		topic_list_encode(out, &topics);
	else
		return;
	same_expect(out, in);
}

static void
list_fuzz(uint8_t type, struct bytes in, struct buf *out)
{
	struct version_vector vv;
	struct version_entry entry;
	struct acks_entry acked;
	struct match match;
	struct acks acks;
	struct want want;
	uint64_t next = 0;

	if (type == MSG_MATCH && match_decode(&match, in).code == LK_OK) {
		for (size_t i = 0; i < match.len; i++)
			buf_u32(out, rd_u32(&match.indexes));
	} else if (type == MSG_WANT && want_decode(&want, in).code == LK_OK) {
		want_encode(out, &want);
	} else if (type == MSG_ACKS && acks_decode(&acks, in).code == LK_OK) {
		while (acks_entry_next(&acks, &acked)) {
			acks_entry_encode(
			    out, &next, acked.topic, acked.counter, acked.len);
			for (size_t i = 0; i < acked.len; i++) {
				uint64_t slot = rd_uleb(&acked.heads);

				buf_uleb(out, slot);
				if (slot == 0)
					buf_add(out,
					    rd_take(&acked.heads, LK_ID_LEN));
			}
		}
	} else if (type == MSG_VV &&
	    version_vector_decode(&vv, in).code == LK_OK) {
		version_vector_encode(out, vv.topic, vv.answer);
		while (version_entry_next(&vv, &entry))
			version_entry_encode(out, &entry);
	} else {
		return;
	}
	same_expect(out, in);
}

static void
sealed_fuzz(uint8_t type, struct bytes in)
{
	struct peer_entry entry;
	struct peer_list peers;
	struct ack ack;
	size_t n = 0;

	if (type == MSG_ACK && ack_decode(&ack, in).code == LK_OK)
		LK_ASSERT(
		    ack.clear.len + ack.sealed.len + 4 + sizeof(ack.nonce) ==
		    in.len);
	if (type == MSG_PEERS && peer_list_decode(&peers, in).code == LK_OK) {
		while (peer_entry_next(&peers, &entry))
			n++;
		LK_ASSERT(n == peers.len && n <= PEER_LIST_MAX);
	}
}

/* The envelopes that came out of a batch, sent on, come out again. */
static void
batch_fuzz(struct bytes in, struct buf *out)
{
	struct item_state state = { 0 }, to = { 0 }, from = { 0 };
	struct bytes all, again;
	struct envelope e;
	struct batch batch;
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, ARENA_MAX);
	if (batch_decode(&batch, in).code != LK_OK)
		return;
	while (batch.items.left.len > 0 &&
	    item_decode(&batch.items, &state, topic, &arena, &all).code ==
		LK_OK) {
		struct rd items;

		if (envelope_parse(&e, all).code != LK_OK)
			continue;
		buf_reset(out);
		LK_ASSERT(item_encode(out, &to, &e).code == LK_OK);
		LK_ASSERT(!out->failed);
		items = rd_over(buf_bytes(out));
		if (item_decode(&items, &from, topic, &arena, &again).code !=
		    LK_OK)
			break; /* the arena is full */
		LK_ASSERT(rd_done(&items) && bytes_equal(all, again));
	}
	item_state_clear(&state);
	item_state_clear(&to);
	item_state_clear(&from);
}

/* The first byte is the type of the message, the rest its body. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body;
	BUF_SCOPED out = { 0 };

	buf_init(&out, OUT_MAX);
	if (size < 1)
		return 0;
	body = BYTES(data + 1, size - 1);
	fixed_fuzz(data[0], body, &out);
	list_fuzz(data[0], body, &out);
	sealed_fuzz(data[0], body);
	if (data[0] == MSG_BATCH)
		batch_fuzz(body, &out);
	return 0;
}
