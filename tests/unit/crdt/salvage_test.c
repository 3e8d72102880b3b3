#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/document.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_changes.h"

/* The changes of a recorded document, each a file of its own. */
struct folder {
	struct history whole;
	struct buf *chunks;
	struct bytes *files;
	size_t len;
};

static void
folder_open(struct folder *f)
{
	BUF_SCOPED file = { 0 };

	assert_true(
	    data_file(&file, "vectors", "40-random-collab", ".changes"));
	assert_int_equal(history_read(&f->whole, buf_bytes(&file)).code, LK_OK);
	f->len = f->whole.changes_len;
	f->chunks = calloc(f->len, sizeof(*f->chunks));
	f->files = calloc(f->len + 1, sizeof(*f->files));
	for (size_t i = 0; i < f->len; i++) {
		buf_init(&f->chunks[i], 1 << 20);
		chunk_write(
		    &f->chunks[i], CHUNK_CHANGE, f->whole.changes[i].body);
		f->files[i] = buf_bytes(&f->chunks[i]);
	}
	assert_true(f->len > 8);
}

static void
folder_close(struct folder *f)
{
	for (size_t i = 0; i < f->len; i++)
		buf_clear(&f->chunks[i]);
	free(f->chunks);
	free(f->files);
	history_clear(&f->whole);
}

#define FLAWS_MAX 64

struct flaws {
	struct history_flaw all[FLAWS_MAX];
	size_t len;
};

static lk_err
flaw_note(void *ctx, const struct history_flaw *flaw)
{
	struct flaws *f = ctx;

	assert_non_null(flaw->err.what);
	if (f->len < FLAWS_MAX)
		f->all[f->len] = *flaw;
	f->len++;
	return LK_NONE;
}

static void
salvage(const struct folder *f, struct history *h, struct flaws *flaws)
{
	flaws->len = 0;
	assert_int_equal(
	    history_salvage(h, f->files, f->len, flaw_note, flaws).code, LK_OK);
}

/* Whether change x of the whole follows change y, or is it. */
static bool
follows(const struct history *h, size_t x, size_t y)
{
	bool in[256] = { false };

	assert_true(h->changes_len <= 256);
	in[y] = true;
	for (size_t i = y + 1; i <= x; i++)
		for (size_t d = 0; d < h->changes[i].deps_len; d++)
			for (size_t j = y; j < i; j++)
				in[i] |= in[j] &&
				    memcmp(h->changes[j].hash,
					h->changes[i].deps + d * LK_ID_LEN,
					LK_ID_LEN) == 0;
	return in[x];
}

static bool
has_change(const struct change *all, size_t n, const uint8_t *hash)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(all[i].hash, hash, LK_ID_LEN) == 0)
			return true;
	return false;
}

/* All but change `lost` is there, in order or as an orphan. */
static void
check_without(const struct folder *f, const struct history *h, size_t lost)
{
	ARENA_SCOPED arena = { .max = 1 << 20 };
	uint8_t *missing;
	size_t missing_len;

	for (size_t i = 0; i < f->len; i++) {
		const uint8_t *hash = f->whole.changes[i].hash;
		bool after = follows(&f->whole, i, lost);

		assert_int_equal(
		    has_change(h->changes, h->changes_len, hash), !after);
		assert_int_equal(has_change(h->orphans, h->orphans_len, hash),
		    after && i != lost);
	}
	assert_int_equal(
	    history_missing(h->changes, h->changes_len + h->orphans_len, &arena,
		&missing, &missing_len)
		.code,
	    LK_OK);
	assert_int_equal(missing_len, h->orphans_len > 0);
	if (missing_len > 0)
		assert_memory_equal(
		    missing, f->whole.changes[lost].hash, LK_ID_LEN);
}

static void
files_may_come_in_any_order_and_twice(void **state)
{
	struct dice dice = dice_of(3);
	struct folder f;
	struct flaws flaws;

	(void)state;
	folder_open(&f);
	for (int round = 0; round < 20; round++) {
		struct history h;

		for (size_t i = f.len; i > 1; i--) {
			size_t j = dice_roll(&dice, i);
			struct bytes b = f.files[i - 1];

			f.files[i - 1] = f.files[j];
			f.files[j] = b;
		}
		f.files[f.len] = f.files[dice_roll(&dice, f.len)];
		f.len++;
		salvage(&f, &h, &flaws);
		f.len--;
		assert_int_equal(flaws.len, 0);
		assert_int_equal(h.changes_len, f.whole.changes_len);
		assert_int_equal(h.orphans_len, 0);
		history_clear(&h);
	}
	folder_close(&f);
}

static void
a_file_torn_anywhere_costs_only_itself(void **state)
{
	struct folder f;
	struct flaws flaws;

	(void)state;
	folder_open(&f);
	for (size_t lost = 0; lost < f.len; lost += 7) {
		struct bytes intact = f.files[lost];

		for (size_t cut = 0; cut < intact.len; cut += 3) {
			struct history h;

			f.files[lost].len = cut;
			salvage(&f, &h, &flaws);
			assert_int_equal(flaws.len, 1);
			assert_int_equal(flaws.all[0].file, lost);
			assert_int_equal(flaws.all[0].at, 0);
			assert_int_equal(flaws.all[0].len, cut);
			check_without(&f, &h, lost);
			history_clear(&h);
		}
		f.files[lost] = intact;
	}
	folder_close(&f);
}

/* All chunks in one file, with something in front of each. */
static void
join(const struct folder *f, struct bytes between, struct buf *out)
{
	for (size_t i = 0; i < f->len; i++) {
		buf_add(out, between);
		buf_add(out, f->files[i]);
	}
	assert_false(out->failed);
}

static void
what_lies_between_chunks_is_passed_over(void **state)
{
	static const char *const between[] = { "x", "\x85", "\x85\x6f\x4a",
		"\x85\x6f\x4a\x83", "\x85\x6f\x4a\x83zzzz\x01\x05",
		"\x85\x6f\x4a\x83zzzz\x01\xff\x7f", "garbage, more of it" };
	struct folder f;

	(void)state;
	folder_open(&f);
	for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
		BUF_SCOPED file = { .max = 1 << 20 };
		struct folder one = { .len = 1 };
		struct bytes all;
		struct flaws flaws;
		struct history h;

		join(&f, BYTES_STR(between[i]), &file);
		all = buf_bytes(&file);
		one.files = &all;
		salvage(&one, &h, &flaws);
		assert_int_equal(flaws.len, f.len);
		assert_int_equal(flaws.all[0].at, 0);
		assert_int_equal(flaws.all[0].len, strlen(between[i]));
		assert_int_equal(h.changes_len, f.whole.changes_len);
		history_clear(&h);
	}
	folder_close(&f);
}

/* A damaged byte costs the chunk it is in: its length is believed, or the next
 * beginning is found. */
static void
a_flipped_byte_costs_one_chunk(void **state)
{
	struct folder f;
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	folder_open(&f);
	join(&f, BYTES(NULL, 0), &file);
	for (size_t i = 0; i < file.len; i += 5) {
		struct bytes all = buf_bytes(&file);
		struct folder one = { .len = 1, .files = &all };
		size_t lost = 0;
		struct flaws flaws;
		struct history h;

		for (size_t at = f.files[0].len; at <= i;
		     at += f.files[++lost].len)
			;
		file.ptr[i] ^= 0x10;
		salvage(&one, &h, &flaws);
		file.ptr[i] ^= 0x10;
		assert_true(flaws.len > 0);
		check_without(&f, &h, lost);
		history_clear(&h);
	}
	folder_close(&f);
}

static void
a_document_and_later_changes_are_read_without_the_torn_one(void **state)
{
	struct folder f;
	struct flaws flaws;
	struct history h;
	BUF_SCOPED snapshot = { .max = 1 << 20 };
	size_t half;

	(void)state;
	folder_open(&f);
	half = f.len / 2;
	assert_int_equal(
	    history_write(&snapshot, f.whole.changes, half).code, LK_OK);
	for (size_t i = 0; i < half; i++)
		f.files[i] = buf_bytes(&snapshot);
	f.files[f.len - 1].len--;
	salvage(&f, &h, &flaws);
	assert_int_equal(flaws.len, 1);
	check_without(&f, &h, f.len - 1);
	history_clear(&h);
	folder_close(&f);
}

/* Each beginning claims all that is left, and none is a chunk. */
static void
a_file_of_beginnings_is_given_up(void **state)
{
	struct bytes all;
	struct folder one = { .files = &all, .len = 1 };
	struct flaws flaws;
	struct history h;
	BUF_SCOPED file = { .max = 1 << 23 };
	size_t size = 2000000, head = 12;

	(void)state;
	while (file.len + head < size) {
		BUF_SCOPED length = { .max = 16 };
		size_t left = size - file.len - head - 1;

		buf_uleb(&length, left);
		if (length.len != 3)
			break;
		buf_mem(&file, "\x85\x6f\x4a\x83zzzz\x00", 9);
		buf_add(&file, buf_bytes(&length));
	}
	memset(buf_extend(&file, size - file.len), 0, size - file.len);
	all = buf_bytes(&file);
	salvage(&one, &h, &flaws);
	assert_true(flaws.len > 1);
	assert_int_equal(h.changes_len, 0);
	history_clear(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_may_come_in_any_order_and_twice),
		cmocka_unit_test(a_file_torn_anywhere_costs_only_itself),
		cmocka_unit_test(what_lies_between_chunks_is_passed_over),
		cmocka_unit_test(a_flipped_byte_costs_one_chunk),
		cmocka_unit_test(
		    a_document_and_later_changes_are_read_without_the_torn_one),
		cmocka_unit_test(a_file_of_beginnings_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
