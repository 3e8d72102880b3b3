#include "tests/unit/sync/codec.h"

#include "sync/keysection.h"

#define READERS_MAX 8

/* What a vector of an epoch or share says. */
struct scene {
	uint8_t topic[16], tag[16], etag[16];
	struct keysection_place place;
	struct epoch epoch;
	struct graph_reader readers[READERS_MAX];
	struct dh_key boxes[READERS_MAX];
	size_t readers_len;
	struct epoch older[READERS_MAX];
	size_t older_len;
};

static void
epoch_from(struct epoch *e, struct json_object *o, const char *name)
{
	uint8_t ladder[32];

	codec_get(ladder, 32, o, name);
	epoch_derive(e, ladder);
}

static void
scene_place(struct scene *s, struct json_object *v)
{
	*s = (struct scene){ 0 };
	codec_get(s->topic, 16, v, "topic");
	codec_get(s->tag, 16, v, "tag");
	s->place = (struct keysection_place){ s->topic, s->tag,
		codec_number(v, "seq") };
}

static void
scene_epoch(struct scene *s, struct json_object *v)
{
	struct json_object *o;

	scene_place(s, v);
	epoch_from(&s->epoch, v, "L");
	for (; (o = codec_item(v, "recipients", s->readers_len)) != NULL;
	     s->readers_len++) {
		uint8_t sk[32];

		codec_get(s->readers[s->readers_len].box, 32, o, "box_pk");
		codec_get(sk, 32, o, "box_secret");
		dh_key_from_secret(&s->boxes[s->readers_len], sk);
	}
	for (; (o = codec_item(v, "older", s->older_len)) != NULL;
	     s->older_len++)
		epoch_from(&s->older[s->older_len], o, "L");
}

static struct epoch_claim
scene_claim(const struct scene *s)
{
	return (struct epoch_claim){ .place = s->place,
		.epoch = &s->epoch,
		.readers = s->readers,
		.readers_len = s->readers_len };
}

static void
epochs_are_made_as_in_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("keysection"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "epochs", i)) != NULL; i++) {
		VECTOR want = vector_get(v, "section");
		BUF_SCOPED out = { .max = KEYSECTION_MAX };
		struct epoch_plan p;
		struct scene s;

		scene_epoch(&s, v);
		p = (struct epoch_plan){ .place = s.place,
			.epoch = &s.epoch,
			.readers = s.readers,
			.readers_len = s.readers_len,
			.older = s.older,
			.older_len = s.older_len };
		assert_ok(keysection_make_epoch(&out, &p));
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(want));
	}
	json_object_put(all);
}

static void
every_recipient_of_an_epoch_opens_it_and_what_it_links_to(void **state)
{
	struct json_object *all = codec_vectors("keysection"), *v;
	const uint8_t stranger[32] = { 5 };

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "epochs", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "section");
		struct epochs found, links;
		struct keysection k;
		struct epoch_claim c;
		ARENA_SCOPED arena = { 0 };
		struct dh_key key;
		struct scene s;

		arena_init(&arena, 1024 * 1024);
		scene_epoch(&s, v);
		assert_ok(keysection_parse(&k, VECTOR_VIEW(raw), s.epoch.etag));
		for (size_t j = 0; j < s.readers_len; j++) {
			assert_ok(keysection_open(
			    &k, &s.boxes[j], 1, s.topic, &arena, &found));
			assert_int_equal(found.len, 1);
			assert_memory_equal(
			    &found.at[0], &s.epoch, sizeof(s.epoch));
		}
		assert_ok(keysection_follow(&k, &s.epoch, 1, &arena, &links));
		assert_int_equal(links.len, s.older_len);
		dh_key_from_secret(&key, stranger);
		assert_ok(
		    keysection_open(&k, &key, 1, s.topic, &arena, &found));
		assert_int_equal(found.len, 0);
		c = scene_claim(&s);
		assert_ok(keysection_check(&k, &c));
		epochs_wipe(&links);
	}
	json_object_put(all);
}

/* Fills a list of fixed-size values. */
static size_t
fixed_list(void *out, size_t n, struct json_object *v, const char *list)
{
	struct json_object *o;
	size_t i;

	for (i = 0; (o = codec_item(v, list, i)) != NULL; i++) {
		assert_true(i < READERS_MAX);
		codec_fixed((uint8_t *)out + i * n, n, o);
	}
	return i;
}

static void
a_wrong_box_or_link_makes_an_epoch_malformed(void **state)
{
	struct json_object *all = codec_vectors("keysection"), *v;
	size_t n = 0;

	(void)state;
	for (; (v = codec_item(all, "wrong_epochs", n)) != NULL; n++) {
		VECTOR raw = vector_get(v, "section");
		uint8_t keys[READERS_MAX][32], past[READERS_MAX][16];
		struct keysection k;
		struct epoch_claim c;
		struct scene s;
		lk_err err;

		scene_place(&s, v);
		epoch_from(&s.epoch, v, "L");
		s.readers_len = fixed_list(keys, 32, v, "box_keys");
		for (size_t i = 0; i < s.readers_len; i++)
			memcpy(s.readers[i].box, keys[i], 32);
		c = scene_claim(&s);
		c.past_len = fixed_list(past, 16, v, "past_etags");
		c.past = (const uint8_t(*)[16])past;
		err = keysection_parse(&k, VECTOR_VIEW(raw), s.epoch.etag);
		if (err.code == LK_OK)
			err = keysection_check(&k, &c);
		assert_int_equal(err.code, LK_E_MALFORMED);
	}
	assert_true(n >= 10);
	json_object_put(all);
}

struct share_scene {
	struct scene s;
	struct share_box boxes[READERS_MAX];
	struct share_link links[READERS_MAX];
	struct epoch epochs[READERS_MAX], newer[READERS_MAX],
	    older[READERS_MAX];
	struct dh_key keys[READERS_MAX];
	size_t boxes_len, links_len;
};

static void
share_from(struct share_scene *s, struct json_object *v)
{
	struct json_object *o;

	*s = (struct share_scene){ 0 };
	scene_place(&s->s, v);
	for (size_t i = 0; (o = codec_item(v, "boxes", i)) != NULL; i++) {
		uint8_t sk[32];

		codec_get(s->boxes[i].key, 32, o, "device");
		codec_get(s->boxes[i].box, 32, o, "box_pk");
		codec_get(sk, 32, o, "box_secret");
		dh_key_from_secret(&s->keys[i], sk);
		epoch_from(&s->epochs[i], o, "L");
		s->boxes[i].epoch = &s->epochs[i];
		s->boxes_len++;
	}
	for (size_t i = 0; (o = codec_item(v, "links", i)) != NULL; i++) {
		epoch_from(&s->newer[i], o, "L_new");
		epoch_from(&s->older[i], o, "L_old");
		s->links[i] = (struct share_link){ &s->newer[i], &s->older[i] };
		s->links_len++;
	}
}

static void
shares_are_made_and_opened_as_in_the_vectors(void **state)
{
	static const uint8_t no_etag[16];
	struct json_object *all = codec_vectors("keysection"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "shares", i)) != NULL; i++) {
		VECTOR want = vector_get(v, "section");
		uint8_t devices[READERS_MAX][32], order[READERS_MAX][32];
		BUF_SCOPED out = { .max = KEYSECTION_MAX };
		struct facts facts = { 0 };
		struct share_scene s;
		struct share_plan p;
		struct keysection k;
		struct epochs found;
		ARENA_SCOPED arena = { 0 };
		size_t len;

		arena_init(&arena, 1024 * 1024);
		share_from(&s, v);
		p = (struct share_plan){ s.s.place, s.boxes, s.boxes_len,
			s.links, s.links_len };
		assert_ok(keysection_make_share(&out, &p, devices, &len));
		assert_bytes(buf_bytes(&out), VECTOR_VIEW(want));
		assert_int_equal(
		    len, fixed_list(order, 32, v, "devices_in_order"));
		assert_memory_equal(devices, order, len * 32);
		assert_ok(keysection_parse(&k, VECTOR_VIEW(want), no_etag));
		for (size_t j = 0; j < s.boxes_len; j++) {
			assert_ok(keysection_open(
			    &k, &s.keys[j], 1, s.s.topic, &arena, &found));
			assert_true(found.len >= 1);
		}
		for (size_t j = 0; j < s.links_len; j++) {
			assert_ok(keysection_follow(
			    &k, &s.newer[j], 1, &arena, &found));
			assert_int_equal(found.len, 1);
			assert_memory_equal(
			    found.at, &s.older[j], sizeof(s.older[j]));
		}
		assert_ok(keysection_facts(
		    &k, (const uint8_t(*)[32])devices, len, &arena, &facts));
		assert_int_equal(facts.keys, KEYS_SHARE);
		assert_int_equal(facts.shared_len, s.boxes_len);
		assert_int_equal(facts.links_len, s.links_len);
		assert_code(keysection_facts(&k, (const uint8_t(*)[32])devices,
				len + 1, &arena, &facts),
		    LK_E_MALFORMED);
	}
	json_object_put(all);
}

static void
all_keys_for_one_device_come_out_at_once(void **state)
{
	static const uint8_t no_etag[16];
	struct json_object *all = codec_vectors("keysection"), *v;
	struct share_scene s;
	struct keysection k;
	struct epochs found;
	ARENA_SCOPED arena = { 0 };
	size_t phone = 0;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	v = codec_item(all, "shares", 0);
	VECTOR raw = vector_get(v, "section");

	share_from(&s, v);
	assert_ok(keysection_parse(&k, VECTOR_VIEW(raw), no_etag));
	for (size_t i = 0; i < s.boxes_len; i++)
		phone += memcmp(s.boxes[i].box, s.boxes[0].box, 32) == 0;
	assert_ok(keysection_open(
	    &k, s.keys, s.boxes_len, s.s.topic, &arena, &found));
	/* Two epochs in three boxes, though three keys were tried. */
	assert_int_equal(found.len, 2);
	assert_int_equal(phone, 2);
	json_object_put(all);
}

static void
a_share_is_right_to_the_last_byte_or_wrong(void **state)
{
	static const uint8_t topic[16] = { 1 }, tag[16] = { 2 };
	uint8_t devices[2][32];
	struct share_box boxes[2], sorted[2];
	struct epoch e[2];
	struct share_link link = { &e[0], &e[1] };
	struct share_plan p = { { topic, tag, 7 }, boxes, 2, &link, 1 };
	BUF_SCOPED out = { .max = KEYSECTION_MAX };
	struct keysection k;
	size_t len;
	bool is;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t secret[32] = { (uint8_t)(i + 1), 3 };
		struct dh_key key;

		epoch_derive(&e[i], secret);
		dh_key_from_secret(&key, secret);
		boxes[i] = (struct share_box){ .key = { (uint8_t)(i + 1) },
			.epoch = &e[i] };
		memcpy(boxes[i].box, key.pk, DH_LEN);
	}
	assert_ok(keysection_make_share(&out, &p, devices, &len));
	assert_int_equal(len, 2);
	for (size_t i = 0; i < 2; i++)
		sorted[i] = boxes[devices[i][0] - 1];
	p.boxes = sorted;
	for (size_t at = 0; at <= out.len; at++) {
		if (at < out.len)
			out.ptr[at] ^= 1;
		if (keysection_parse(&k, buf_bytes(&out), e[0].etag).code ==
		    LK_OK) {
			assert_ok(keysection_is_share(&k, &p, &is));
			assert_int_equal(is, at == out.len);
		}
		if (at < out.len)
			out.ptr[at] ^= 1;
	}
	/* Of another envelope, or to others, it is another. */
	assert_ok(keysection_parse(&k, buf_bytes(&out), e[0].etag));
	p.place.seq++;
	assert_ok(keysection_is_share(&k, &p, &is));
	assert_false(is);
	p.place.seq--;
	p.boxes = &sorted[1];
	p.boxes_len = 1;
	assert_ok(keysection_is_share(&k, &p, &is));
	assert_false(is);
	p.boxes = sorted;
	p.boxes_len = 2;
	/* What cannot be made at all is wrong, too. */
	memset(sorted[0].box, 0, DH_LEN);
	assert_ok(keysection_is_share(&k, &p, &is));
	assert_false(is);
}

/* A section with many readers whose box keys are out of a counter. */
static void
crowd(struct graph_reader *readers, struct dh_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t sk[32] = { 0, (uint8_t)i, (uint8_t)(i >> 8) };

		dh_key_from_secret(&keys[i], sk);
		memcpy(readers[i].box, keys[i].pk, 32);
	}
}

static void
the_greatest_epoch_has_1024_boxes_and_64_links(void **state)
{
	static struct graph_reader readers[EPOCH_BOXES_MAX + 2];
	static struct dh_key keys[EPOCH_BOXES_MAX + 2];
	static struct epoch older[EPOCH_LINKS_MAX + 1];
	const uint8_t topic[16] = { 1 }, tag[16] = { 2 }, seed[32] = { 3 };
	BUF_SCOPED out = { .max = KEYSECTION_MAX };
	struct epoch_plan p;
	struct epochs found;
	struct keysection k;
	ARENA_SCOPED arena = { 0 };
	struct epoch e;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	epoch_derive(&e, seed);
	crowd(readers, keys, EPOCH_BOXES_MAX + 1);
	/* The same key once more is no box more. */
	readers[EPOCH_BOXES_MAX + 1] = readers[1];
	for (size_t i = 0; i <= EPOCH_LINKS_MAX; i++) {
		uint8_t ladder[32] = { (uint8_t)i, 9 };

		epoch_derive(&older[i], ladder);
	}
	p = (struct epoch_plan){ { topic, tag, 1 }, &e, readers,
		EPOCH_BOXES_MAX + 1, older, EPOCH_LINKS_MAX };
	assert_code(keysection_make_epoch(&out, &p), LK_E_LIMIT);
	p.readers = readers + 1;
	assert_code(keysection_make_epoch(&out, &p), LK_OK);
	buf_reset(&out);
	p.older_len = EPOCH_LINKS_MAX + 1;
	assert_code(keysection_make_epoch(&out, &p), LK_E_LIMIT);
	p.older_len = EPOCH_LINKS_MAX;
	assert_ok(keysection_make_epoch(&out, &p));
	assert_ok(keysection_parse(&k, buf_bytes(&out), e.etag));
	assert_int_equal(k.boxes_len, EPOCH_BOXES_MAX);
	assert_int_equal(k.links_len, EPOCH_LINKS_MAX);
	assert_ok(keysection_open(&k, &keys[777], 1, topic, &arena, &found));
	assert_int_equal(found.len, 1);
	assert_ok(keysection_follow(&k, &e, 1, &arena, &found));
	assert_int_equal(found.len, EPOCH_LINKS_MAX);
}

static void
a_low_order_box_key_is_no_recipient(void **state)
{
	const uint8_t topic[16] = { 1 }, tag[16] = { 2 }, seed[32] = { 3 };
	const struct graph_reader low = { .box = { 0 } };
	BUF_SCOPED out = { .max = KEYSECTION_MAX };
	struct epoch_plan p;
	struct epoch e;

	(void)state;
	assert_ok(crypto_start());
	epoch_derive(&e, seed);
	p = (struct epoch_plan){ { topic, tag, 1 }, &e, &low, 1, NULL, 0 };
	assert_code(keysection_make_epoch(&out, &p), LK_E_DATA);
	assert_int_equal(out.len, 0);
}

static void
links_are_followed_through_each_other(void **state)
{
	enum { N = 20 };
	const uint8_t topic[16] = { 1 }, tag[16] = { 2 };
	static const uint8_t no_etag[16];
	BUF_SCOPED out = { .max = KEYSECTION_MAX };
	struct share_link links[N - 1];
	struct epoch e[N];
	struct share_plan p;
	struct keysection k;
	struct epochs found;
	ARENA_SCOPED arena = { 0 };
	size_t len;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	for (size_t i = 0; i < N; i++) {
		uint8_t ladder[32] = { (uint8_t)i, 9 };

		epoch_derive(&e[i], ladder);
	}
	for (size_t i = 0; i + 1 < N; i++)
		links[i] = (struct share_link){ &e[i], &e[i + 1] };
	p = (struct share_plan){ { topic, tag, 1 }, NULL, 0, links, N - 1 };
	assert_ok(keysection_make_share(&out, &p, NULL, &len));
	assert_ok(keysection_parse(&k, buf_bytes(&out), no_etag));
	assert_ok(keysection_follow(&k, &e[0], 1, &arena, &found));
	assert_int_equal(found.len, N - 1);
	assert_ok(keysection_follow(&k, &e[12], 1, &arena, &found));
	assert_int_equal(found.len, N - 13);
	/* A wrong link is as if it were not there, and so is what only it
	 * leads to. */
	out.ptr[out.len - 1] ^= 1;
	assert_ok(keysection_parse(&k, buf_bytes(&out), no_etag));
	assert_ok(keysection_follow(&k, &e[0], 1, &arena, &found));
	assert_true(found.len < N - 1);
}

static void
parse_any(struct bytes in, void *ctx)
{
	struct keysection k;
	lk_err err = keysection_parse(&k, in, ctx);

	assert_true(err.code == LK_OK || err.code == LK_E_MALFORMED ||
	    err.code == LK_E_TRUNCATED || err.code == LK_E_LIMIT);
}

static void
sections_that_end_early_are_truncated(void **state)
{
	struct json_object *all = codec_vectors("keysection");
	static uint8_t etag[16];
	struct keysection k;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		VECTOR raw =
		    vector_get(codec_item(all, i == 0 ? "epochs" : "shares", 0),
			"section");

		for (size_t n = 0; n < raw.len; n++)
			assert_code(
			    keysection_parse(&k, BYTES(raw.ptr, n), etag),
			    LK_E_TRUNCATED);
		codec_damage(VECTOR_VIEW(raw), 2000, parse_any, etag);
	}
	json_object_put(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(epochs_are_made_as_in_the_vectors),
		cmocka_unit_test(
		    every_recipient_of_an_epoch_opens_it_and_what_it_links_to),
		cmocka_unit_test(a_wrong_box_or_link_makes_an_epoch_malformed),
		cmocka_unit_test(shares_are_made_and_opened_as_in_the_vectors),
		cmocka_unit_test(all_keys_for_one_device_come_out_at_once),
		cmocka_unit_test(a_share_is_right_to_the_last_byte_or_wrong),
		cmocka_unit_test(
		    the_greatest_epoch_has_1024_boxes_and_64_links),
		cmocka_unit_test(a_low_order_box_key_is_no_recipient),
		cmocka_unit_test(links_are_followed_through_each_other),
		cmocka_unit_test(sections_that_end_early_are_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
