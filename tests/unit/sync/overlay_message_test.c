#include <stdlib.h>
#include <string.h>

#include "sync/overlay_message.h"
#include "tests/unit/sync/codec.h"

#define OUT_MAX (1024u * 1024)

static lk_err
ids_again(struct buf *out, const struct id_list *m)
{
	assert_in_range(m->len, 0, IDS_MAX);
	id_list_encode(out, m->topic, BYTES(m->ids, m->len * LK_ID_LEN));
	return LK_NONE;
}

static lk_err
walk_again(struct buf *out, struct walk *m, bool answer)
{
	struct peer_list left = m->peers;
	struct peer_entry e;
	size_t n = 0;

	assert_in_range(m->peers.len, answer ? 0 : 1, WALK_ENTRIES_MAX);
	while (peer_entry_next(&left, &e))
		n++;
	assert_int_equal(n, m->peers.len);
	(answer ? shuffled_encode : walk_encode)(out, m, m->peers.entries.left);
	return LK_NONE;
}

/* Reads a message and writes it again. */
static lk_err
again(struct buf *out, uint64_t type, struct bytes body)
{
	enum neighbour_word word;
	struct id_list ids;
	struct push push;
	struct walk walk;
	uint32_t topic;

	switch (type) {
	case MSG_PUSH:
		TRY(push_decode(&push, body));
		buf_u32(out, push.topic);
		buf_add(out, push.items.left);
		return LK_NONE;
	case MSG_IHAVE:
		TRY(ihave_decode(&ids, body));
		return ids_again(out, &ids);
	case MSG_GRAFT:
		TRY(graft_decode(&ids, body));
		return ids_again(out, &ids);
	case MSG_PRUNE:
		TRY(prune_decode(&topic, body));
		buf_u32(out, topic);
		return LK_NONE;
	case MSG_NEIGHBOUR:
		TRY(neighbour_decode(&topic, &word, body));
		neighbour_encode(out, topic, word);
		return LK_NONE;
	case MSG_WALK:
		TRY(walk_decode(&walk, body));
		return walk_again(out, &walk, false);
	case MSG_SHUFFLED:
		TRY(shuffled_decode(&walk, body));
		return walk_again(out, &walk, true);
	default:
		fail_msg("type %u", (unsigned)type);
		return LK_NONE;
	}
}

static void
every_message_of_the_protocol_is_read_and_written_again(void **state)
{
	struct json_object *all = codec_vectors("overlay"), *v;
	bool seen[256] = { false };

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "messages", i)) != NULL; i++) {
		VECTOR body = vector_get(v, "body");
		BUF_SCOPED out = { .max = OUT_MAX };

		assert_ok(
		    again(&out, codec_number(v, "type"), VECTOR_VIEW(body)));
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(body));
		seen[codec_number(v, "type") & 255] = true;
	}
	for (size_t t = MSG_PUSH; t <= MSG_SHUFFLED; t++)
		assert_true(seen[t]);
	json_object_put(all);
}

static void
every_bad_message_of_the_protocol_is_refused(void **state)
{
	struct json_object *all = codec_vectors("overlay"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "bad", i)) != NULL; i++) {
		VECTOR body = vector_get(v, "body");
		BUF_SCOPED out = { .max = OUT_MAX };

		if (again(&out, codec_number(v, "type"), VECTOR_VIEW(body))
			.code == LK_OK)
			fail_msg("%s: taken", vector_text(v, "name"));
	}
	json_object_put(all);
}

static void
damage_check(struct bytes body, void *ctx)
{
	uint64_t type = *(uint64_t *)ctx;
	BUF_SCOPED out = { .max = OUT_MAX };

	/* Of entries, addresses of an unknown type are skipped. */
	if (again(&out, type, body).code == LK_OK)
		assert_bytes(buf_bytes(&out), body);
}

static void
what_is_damaged_is_refused_or_says_something_else(void **state)
{
	struct json_object *all = codec_vectors("overlay"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "messages", i)) != NULL; i++) {
		VECTOR body = vector_get(v, "body");
		uint64_t type = codec_number(v, "type");

		codec_damage(VECTOR_VIEW(body), 500, damage_check, &type);
	}
	json_object_put(all);
}

/* Lists of whole ids and items have prefixes that are shorter lists. */
static void
every_proper_prefix_of_the_others_is_truncated(void **state)
{
	struct json_object *all = codec_vectors("overlay"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "messages", i)) != NULL; i++) {
		VECTOR body = vector_get(v, "body");
		uint64_t type = codec_number(v, "type");

		if (type == MSG_PUSH || type == MSG_IHAVE || type == MSG_GRAFT)
			continue;
		for (size_t n = 0; n < body.len; n++) {
			BUF_SCOPED out = { .max = OUT_MAX };

			assert_code(again(&out, type, BYTES(body.ptr, n)),
			    LK_E_TRUNCATED);
		}
	}
	json_object_put(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_message_of_the_protocol_is_read_and_written_again),
		cmocka_unit_test(every_bad_message_of_the_protocol_is_refused),
		cmocka_unit_test(
		    what_is_damaged_is_refused_or_says_something_else),
		cmocka_unit_test(
		    every_proper_prefix_of_the_others_is_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
