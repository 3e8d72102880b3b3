#include "tests/unit/store/scratch.h"

#define DOCS 3
#define SPACES 2
#define MAPS (DOCS * SPACES)
#define MODEL_MAX (64u * 1024 * 1024)

/* The same map twice: in the store, and in memory. */
struct twin {
	struct scratch scratch;
	struct store *store;
	struct txn *txn;
	struct kv model[MAPS];
};

static struct kv
real_map(struct txn *t, size_t i)
{
	/* Neighbouring numbers and spaces: prefixes must not run over. */
	static const uint32_t docs[DOCS] = { 0, 1, UINT32_MAX };
	static const enum store_space spaces[SPACES] = { SPACE_KEYS,
		SPACE_DOC };

	return txn_space(t, docs[i / SPACES], spaces[i % SPACES]);
}

static void
models_new(struct kv *maps)
{
	for (size_t i = 0; i < MAPS; i++)
		assert_ok(kv_memory_new(&maps[i], MODEL_MAX));
}

static void
models_free(struct kv *maps)
{
	for (size_t i = 0; i < MAPS; i++)
		kv_memory_free(&maps[i]);
}

/* The next key after one, for walking a map. */
static struct bytes
key_after(uint8_t room[static KV_KEY_MAX + 1], struct bytes key)
{
	memcpy(room, key.ptr, key.len);
	room[key.len] = 0;
	return BYTES(room, key.len + 1);
}

static void
models_copy(struct kv *to, const struct kv *from)
{
	uint8_t room[KV_KEY_MAX + 1];

	models_new(to);
	for (size_t i = 0; i < MAPS; i++) {
		struct bytes at = { 0 }, key, value;

		while (kv_seek(from[i], KV_FIRST_GE, at, &key, &value).code ==
		    LK_OK) {
			assert_ok(kv_put(to[i], key, value));
			at = key_after(room, key);
		}
	}
}

static void
assert_same_maps(struct txn *t, const struct kv *model)
{
	uint8_t room[KV_KEY_MAX + 1];

	for (size_t i = 0; i < MAPS; i++) {
		struct kv real = real_map(t, i);
		struct bytes at = { 0 }, a, b, av, bv;

		for (;;) {
			lk_err ra = kv_seek(real, KV_FIRST_GE, at, &a, &av);
			lk_err rb = kv_seek(model[i], KV_FIRST_GE, at, &b, &bv);

			assert_int_equal(ra.code, rb.code);
			if (ra.code != LK_OK)
				break;
			assert_true(bytes_equal(a, b));
			assert_true(bytes_equal(av, bv));
			at = key_after(room, a);
		}
	}
}

/* Few different keys, some long, some prefixes of each other. */
static struct bytes
some_key(struct scratch *s, uint8_t room[static KV_KEY_MAX])
{
	static const size_t lengths[] = { 1, 1, 2, 3, 8, 40, 200, KV_KEY_MAX };
	size_t n = lengths[scratch_below(s, 8)];

	memset(room, (int)scratch_below(s, 2) * 0xff, n);
	room[n - 1] = (uint8_t)scratch_below(s, 256);
	if (n > 2)
		room[1] = (uint8_t)scratch_below(s, 8);
	return BYTES(room, n);
}

static struct bytes
some_value(struct scratch *s, uint8_t *room)
{
	static const size_t most[] = { 1, 50, 50, 50, 300, 300, 3000, 20000 };
	size_t n = scratch_below(s, most[scratch_below(s, 8)]);

	random_fill(&s->random, room, n);
	return BYTES(room, n);
}

static void
twin_step(struct twin *w)
{
	static uint8_t value_room[20000];
	uint8_t key_room[KV_KEY_MAX];
	struct scratch *s = &w->scratch;
	size_t i = scratch_below(s, MAPS), what = scratch_below(s, 10);
	struct kv real = real_map(w->txn, i), model = w->model[i];
	struct bytes key = some_key(s, key_room), a, b, av, bv;
	lk_err ra, rb;

	if (what < 4) {
		struct bytes value = some_value(s, value_room);

		assert_ok(kv_put(real, key, value));
		assert_ok(kv_put(model, key, value));
	} else if (what < 6) {
		assert_ok(kv_del(real, key));
		assert_ok(kv_del(model, key));
	} else if (what < 7) {
		ra = kv_get(real, key, &av);
		rb = kv_get(model, key, &bv);
		assert_int_equal(ra.code, rb.code);
		assert_true(ra.code != LK_OK || bytes_equal(av, bv));
	} else {
		enum kv_seek how = what == 7 ? KV_FIRST_GE : KV_LAST_LE;

		ra = kv_seek(real, how, key, &a, &av);
		rb = kv_seek(model, how, key, &b, &bv);
		assert_int_equal(ra.code, rb.code);
		assert_true(ra.code != LK_OK ||
		    (bytes_equal(a, b) && bytes_equal(av, bv)));
	}
}

static void
twin_steps(struct twin *w, unsigned depth)
{
	struct kv before[MAPS];
	struct txn *outer = w->txn;

	for (size_t n = scratch_below(&w->scratch, 60); n > 0; n--)
		twin_step(w);
	if (depth == 0 || scratch_below(&w->scratch, 3) != 0)
		return;
	models_copy(before, w->model);
	assert_ok(txn_begin_nested(outer, &w->txn));
	twin_steps(w, depth - 1);
	if (scratch_below(&w->scratch, 2) == 0) {
		assert_ok(txn_commit(w->txn));
		models_free(before);
	} else {
		txn_abort(w->txn);
		models_free(w->model);
		memcpy(w->model, before, sizeof(before));
	}
	w->txn = outer;
	for (size_t n = scratch_below(&w->scratch, 20); n > 0; n--)
		twin_step(w);
}

static void
twin_transaction(struct twin *w)
{
	struct kv before[MAPS];

	models_copy(before, w->model);
	w->txn = scratch_txn(w->store, TXN_WRITE);
	twin_steps(w, 3);
	if (scratch_below(&w->scratch, 4) != 0) {
		assert_ok(txn_commit(w->txn));
		models_free(before);
	} else {
		txn_abort(w->txn);
		models_free(w->model);
		memcpy(w->model, before, sizeof(before));
	}
}

static void
a_space_behaves_as_a_map_in_memory(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct twin w;

		print_message("seed %llu\n", (unsigned long long)seed);
		scratch_init(&w.scratch, seed);
		w.store = scratch_store(&w.scratch, 0);
		models_new(w.model);
		for (size_t round = 0; round < 40; round++) {
			twin_transaction(&w);
			if (scratch_below(&w.scratch, 6) != 0)
				continue;
			/* Opening inspects every page. */
			store_close(w.store);
			w.store = scratch_store(&w.scratch, 0);
			w.txn = scratch_txn(w.store, TXN_READ);
			assert_same_maps(w.txn, w.model);
			txn_abort(w.txn);
		}
		assert_undamaged(w.store);
		store_close(w.store);
		models_free(w.model);
		scratch_clear(&w.scratch);
	}
}

static void
a_seek_never_leaves_its_space(void **state)
{
	const uint8_t high[KV_KEY_MAX + 20] = { 0xff, 0xff, 0xff };
	const uint8_t k[] = { 0 };
	struct bytes found, value;
	struct scratch s;
	struct store *store;
	struct txn *t;

	(void)state;
	scratch_init(&s, 1);
	store = scratch_store(&s, 0);
	t = scratch_txn(store, TXN_WRITE);
	assert_ok(
	    kv_put(txn_space(t, 7, SPACE_META), BYTES_OF(k), BYTES_OF(k)));
	assert_ok(
	    kv_put(txn_space(t, 7, SPACE_KEYS), BYTES_OF(k), BYTES_OF(k)));
	assert_ok(
	    kv_put(txn_space(t, 8, SPACE_NODES), BYTES_OF(k), BYTES_OF(k)));
	struct kv empty = txn_space(t, 7, SPACE_NODES);

	assert_code(kv_seek(empty, KV_FIRST_GE, BYTES_OF(k), &found, &value),
	    LK_E_NOTFOUND);
	assert_code(kv_seek(empty, KV_LAST_LE, BYTES_OF(high), &found, &value),
	    LK_E_NOTFOUND);
	assert_code(
	    kv_seek(empty, KV_FIRST_GE, (struct bytes){ 0 }, &found, &value),
	    LK_E_NOTFOUND);
	/* A key longer than any that can be stored still has its order. */
	assert_ok(kv_seek(txn_space(t, 7, SPACE_KEYS), KV_LAST_LE,
	    BYTES_OF(high), &found, &value));
	assert_int_equal(found.len, 1);
	txn_abort(t);
	store_close(store);
	scratch_clear(&s);
}

static void
keys_and_values_have_bounds(void **state)
{
	static uint8_t big[KV_VALUE_MAX + 1];
	struct scratch s;
	struct store *store;
	struct bytes value;
	struct txn *t;
	struct kv kv;

	(void)state;
	scratch_init(&s, 1);
	store = scratch_store(&s, 0);
	t = scratch_txn(store, TXN_WRITE);
	kv = txn_space(t, 1, SPACE_DOC);
	assert_ok(kv_put(kv, BYTES(big, KV_KEY_MAX), BYTES(big, KV_VALUE_MAX)));
	assert_code(
	    kv_put(kv, BYTES(big, KV_KEY_MAX + 1), BYTES(big, 1)), LK_E_LIMIT);
	assert_code(kv_put(kv, BYTES(big, 0), BYTES(big, 1)), LK_E_LIMIT);
	assert_code(kv_put(kv, BYTES(big, 1), BYTES(big, KV_VALUE_MAX + 1)),
	    LK_E_LIMIT);
	assert_ok(kv_get(kv, BYTES(big, KV_KEY_MAX), &value));
	assert_int_equal(value.len, KV_VALUE_MAX);
	assert_code(kv_get(kv, BYTES(big, 0), &value), LK_E_NOTFOUND);
	assert_code(
	    kv_get(kv, BYTES(big, KV_KEY_MAX + 9), &value), LK_E_NOTFOUND);
	assert_ok(kv_del(kv, BYTES(big, KV_KEY_MAX + 9)));
	txn_abort(t);
	store_close(store);
	scratch_clear(&s);
}

static void
a_reader_sees_what_was_committed_when_it_began(void **state)
{
	const uint8_t k[] = { 'k' }, one[] = { 1 }, two[] = { 2 };
	struct txn *reader, *writer;
	struct bytes value;
	struct scratch s;
	struct store *store;

	(void)state;
	scratch_init(&s, 1);
	store = scratch_store(&s, 0);
	writer = scratch_txn(store, TXN_WRITE);
	assert_ok(kv_put(
	    txn_space(writer, 1, SPACE_META), BYTES_OF(k), BYTES_OF(one)));
	assert_ok(txn_commit(writer));
	reader = scratch_txn(store, TXN_READ);
	writer = scratch_txn(store, TXN_WRITE);
	assert_ok(kv_put(
	    txn_space(writer, 1, SPACE_META), BYTES_OF(k), BYTES_OF(two)));
	assert_ok(txn_commit(writer));
	assert_ok(
	    kv_get(txn_space(reader, 1, SPACE_META), BYTES_OF(k), &value));
	assert_memory_equal(value.ptr, one, 1);
	txn_abort(reader);
	reader = scratch_txn(store, TXN_READ);
	assert_ok(
	    kv_get(txn_space(reader, 1, SPACE_META), BYTES_OF(k), &value));
	assert_memory_equal(value.ptr, two, 1);
	txn_abort(reader);
	store_close(store);
	scratch_clear(&s);
}

/* Pages of files that this process has mapped in. */
static long
file_pages(void)
{
	long all, resident, shared = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld %ld", &all, &resident, &shared), 3);
	(void)fclose(f);
	return shared;
}

static void
assert_all_there(struct store *store, uint32_t n)
{
	struct txn *t = scratch_txn(store, TXN_READ);
	uint8_t expected[4000];
	struct bytes value;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t key[4] = { (uint8_t)(i >> 8), (uint8_t)i };

		memset(expected, (int)i, sizeof(expected));
		assert_ok(
		    kv_get(txn_space(t, 1, SPACE_META), BYTES_OF(key), &value));
		assert_int_equal(value.len, sizeof(expected));
		assert_memory_equal(value.ptr, expected, sizeof(expected));
	}
	txn_abort(t);
}

static void
a_store_at_rest_holds_no_pages_and_loses_nothing(void **state)
{
	enum { RECORDS = 1000 };
	struct scratch s;
	struct store *store;
	struct txn *t;
	uint8_t value[4000];
	long before;

	(void)state;
	scratch_init(&s, 9);
	assert_ok(store_open(&store, s.dir, 0));
	t = scratch_txn(store, TXN_WRITE);
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint8_t key[4] = { (uint8_t)(i >> 8), (uint8_t)i };

		memset(value, (int)i, sizeof(value));
		assert_ok(kv_put(txn_space(t, 1, SPACE_META), BYTES_OF(key),
		    BYTES_OF(value)));
	}
	assert_ok(txn_commit(t));
	assert_all_there(store, RECORDS);
	before = file_pages();
	store_rest(store);
	assert_true(file_pages() <= before - RECORDS / 2);
	assert_all_there(store, RECORDS);
	store_close(store);
	scratch_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_space_behaves_as_a_map_in_memory),
		cmocka_unit_test(a_seek_never_leaves_its_space),
		cmocka_unit_test(keys_and_values_have_bounds),
		cmocka_unit_test(
		    a_reader_sees_what_was_committed_when_it_began),
		cmocka_unit_test(
		    a_store_at_rest_holds_no_pages_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
