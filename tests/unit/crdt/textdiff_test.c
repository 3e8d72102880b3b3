#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crdt/textdiff.h"
#include "tests/unit/crdt/doc_replica.h"

#define TEXT_MAX ((size_t)16 * 1024 * 1024)

/* Applies the hunks, checking that they ascend and keep to code points. */
static void
hunks_apply(const struct textdiff *d, struct bytes old, struct bytes new,
    struct buf *got)
{
	size_t at = 0, point = 0;

	buf_init(got, TEXT_MAX);
	for (size_t i = 0; i < d->hunks_len; i++) {
		const struct text_hunk *h = &d->hunks[i];

		assert_true(h->old_at >= at && h->old_len <= old.len &&
		    h->old_at <= old.len - h->old_len);
		assert_true(
		    h->new_len <= new.len && h->new_at <= new.len - h->new_len);
		assert_true(h->old_len + h->new_len > 0);
		assert_true(utf8_valid(BYTES(old.ptr + at, h->old_at - at)));
		point += utf8_count(BYTES(old.ptr + at, h->old_at - at));
		assert_int_equal(h->old_point, point);
		assert_int_equal(h->old_points,
		    utf8_count(BYTES(old.ptr + h->old_at, h->old_len)));
		assert_true(utf8_valid(BYTES(old.ptr + h->old_at, h->old_len)));
		buf_mem(got, old.ptr + at, h->old_at - at);
		buf_mem(got, new.ptr + h->new_at, h->new_len);
		at = h->old_at + h->old_len;
		point += h->old_points;
	}
	buf_mem(got, old.ptr + at, old.len - at);
}

static void
check_hunks(const struct textdiff *d, struct bytes old, struct bytes new)
{
	struct buf got;

	hunks_apply(d, old, new, &got);
	assert_true(bytes_equal(buf_bytes(&got), new));
	buf_clear(&got);
}

static void
check_texts(struct bytes old, struct bytes new, size_t hunks, size_t bytes)
{
	struct textdiff d = { 0 };
	ALIGNER_SCOPED al = NULL;
	size_t changed = 0;

	assert_ok(aligner_new(&al));
	assert_ok(textdiff(&d, al, old, new));
	check_hunks(&d, old, new);
	for (size_t i = 0; i < d.hunks_len; i++)
		changed += d.hunks[i].old_len + d.hunks[i].new_len;
	if (hunks != SIZE_MAX) {
		assert_int_equal(d.hunks_len, hunks);
		assert_int_equal(changed, bytes);
	}
	textdiff_clear(&d);
}

#define CHECK(old, new, hunks, bytes) \
	check_texts(BYTES_STR(old), BYTES_STR(new), hunks, bytes)

static void
small_changes_give_small_hunks(void **state)
{
	(void)state;
	CHECK("", "", 0, 0);
	CHECK("a", "a", 0, 0);
	CHECK("", "abc", 1, 3);
	CHECK("abc", "", 1, 3);
	CHECK("abc", "abXc", 1, 1);
	CHECK("a\nb\nc\n", "a\nc\n", 1, 2);
	CHECK("a\nb\nc\n", "x\na\nb\nc\ny\n", 2, 4);
	CHECK("the quick brown fox\n", "the slow brown cat\n", 2, 15);
	CHECK("keep\nfoo bar baz\nkeep\nlast\n", "keep\nfoo baz\nkeep\nleast\n",
	    2, 5);
	/* A letter moves within its word only. */
	CHECK("colour", "color", 1, 1);
	/* Two code points that share their first byte. */
	CHECK("\xc3\xa9", "\xc3\xa8", 1, 4);
	CHECK("a\xf0\x9f\x98\x80z", "a\xf0\x9f\x98\x81z", 1, 8);
}

static void
random_text(struct dice *dice, struct buf *b, size_t tokens, uint64_t kinds)
{
	static const char *const parts[] = { "a", " ", "\n", "word", "other ",
		"\xc3\xa9", "\xf0\x9f\x98\x80", ".", "line of text\n", "\t",
		"\xc3\xa8", "zz" };

	buf_init(b, TEXT_MAX);
	for (size_t i = 0; i < tokens; i++)
		buf_str(b, parts[dice_roll(dice, kinds)]);
}

static void
hunks_turn_any_text_into_any_other(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 3000; seed++) {
		struct dice dice = dice_of(seed);
		uint64_t kinds = 1 + dice_roll(&dice, 12);
		struct buf old, new;

		random_text(&dice, &old, dice_roll(&dice, 40), kinds);
		random_text(&dice, &new, dice_roll(&dice, 40), kinds);
		check_texts(buf_bytes(&old), buf_bytes(&new), SIZE_MAX, 0);
		buf_clear(&old);
		buf_clear(&new);
	}
}

/* Copies a text, changing a word here and there. */
static void
mutate(struct dice *dice, struct bytes old, struct buf *new)
{
	buf_init(new, TEXT_MAX);
	for (size_t i = 0; i < old.len; i++) {
		if (old.ptr[i] == ' ' && dice_roll(dice, 50) == 0)
			buf_str(new, " new");
		buf_u8(new, old.ptr[i]);
	}
}

static void
edits_beyond_the_bound_still_give_the_text(void **state)
{
	struct dice dice = dice_of(1);
	struct buf old, new;

	(void)state;
	buf_init(&old, TEXT_MAX);
	for (int i = 0; i < 20000; i++)
		buf_printf(&old, "line %d has words %d\n", i, i % 7);
	mutate(&dice, buf_bytes(&old), &new);
	check_texts(buf_bytes(&old), buf_bytes(&new), SIZE_MAX, 0);
	buf_clear(&new);
	/* Nothing in common, line by line and word by word. */
	buf_init(&new, TEXT_MAX);
	for (int i = 0; i < 20000; i++)
		buf_printf(&new, "%dx%d\n", i, i + 1);
	check_texts(buf_bytes(&old), buf_bytes(&new), SIZE_MAX, 0);
	check_texts(buf_bytes(&new), buf_bytes(&old), SIZE_MAX, 0);
	buf_clear(&old);
	buf_clear(&new);
}

static void
changes_all_over_a_long_text_stay_apart(void **state)
{
	struct textdiff d = { 0 };
	ALIGNER_SCOPED al = NULL;
	struct buf old, new;

	(void)state;
	assert_ok(aligner_new(&al));
	buf_init(&old, TEXT_MAX);
	buf_init(&new, TEXT_MAX);
	for (int i = 0; i < 5000; i++) {
		buf_printf(&old, "line %d of the text\n", i);
		buf_printf(&new, "line %d of the %stext\n", i,
		    i % 5 == 0 ? "new " : "");
	}
	assert_ok(textdiff(&d, al, buf_bytes(&old), buf_bytes(&new)));
	check_hunks(&d, buf_bytes(&old), buf_bytes(&new));
	assert_int_equal(d.hunks_len, 1000);
	textdiff_clear(&d);
	buf_clear(&old);
	buf_clear(&new);
}

static char *
merged(const char *base, const char *wanted, const char *current)
{
	struct textdiff mine = { 0 }, theirs = { 0 }, onto = { 0 };
	ALIGNER_SCOPED al = NULL;
	struct buf out;
	char *copy;

	assert_ok(aligner_new(&al));
	assert_ok(textdiff(&mine, al, BYTES_STR(base), BYTES_STR(wanted)));
	assert_ok(textdiff(&theirs, al, BYTES_STR(base), BYTES_STR(current)));
	assert_ok(textdiff_onto(&onto,
	    (struct text_change){ &mine, BYTES_STR(wanted) },
	    (struct text_change){ &theirs, BYTES_STR(current) }));
	hunks_apply(&onto, BYTES_STR(current), BYTES_STR(wanted), &out);
	copy = strndup(out.len == 0 ? "" : (const char *)out.ptr, out.len);
	buf_clear(&out);
	textdiff_clear(&mine);
	textdiff_clear(&theirs);
	textdiff_clear(&onto);
	return copy;
}

static void
assert_merges(const char *base, const char *wanted, const char *current,
    const char *result)
{
	char *got = merged(base, wanted, current);

	assert_string_equal(got, result);
	free(got);
}

static void
texts_merge_word_by_word(void **state)
{
	(void)state;
	assert_merges("", "", "", "");
	assert_merges("a b c\n", "a B c\n", "a b c\n", "a B c\n");
	assert_merges("a b c\n", "a b c\n", "a b C\n", "a b C\n");
	assert_merges("a b c\n", "A b c\n", "a b C\n", "A b C\n");
	assert_merges("one\ntwo\nthree\n", "one\nTWO\nthree\n",
	    "zero\none\ntwo\nthree\nfour\n", "zero\none\nTWO\nthree\nfour\n");
	/* A side deletes what the other one changes: the new word stays. */
	assert_merges("a b c\n", "a c\n", "a B c\n", "a Bc\n");
	/* Both put something at the same place: both stay. */
	assert_merges("x\n", "x mine\n", "x theirs\n", "x theirs mine\n");
	/* Both did the same: once. */
	assert_merges("old\n", "new\n", "new\n", "new\n");
	assert_merges("", "hello\n", "world\n", "world\nhello\n");
}

static void
what_is_put_before_its_like_stays_in_one_piece(void **state)
{
	(void)state;
	assert_merges("tk4x\nb\n", "tk1x\ntk4x\nb\n", "b\n", "tk1x\nb\n");
	assert_merges("tk4x y\n", "tk1x tk4x y\n", "y\n", "tk1x y\n");
	assert_merges("a\ntk4x\n", "a\ntk4x\ntk1x\n", "a\ntk4z\n",
	    "a\ntk4z\ntk1x\n");
}

/* Other words in a text; each occurs nowhere else, and none is the beginning of
 * another. */
static void
words_change(
    struct dice *dice, const char *from, char side, char *out, size_t size)
{
	size_t len = 0, serial = 0;

	for (const char *c = from;; c = strchr(c, ' ') + 1) {
		size_t n = strcspn(c, " ");

		if (dice_roll(dice, 5) == 0)
			len += (size_t)snprintf(out + len, size - len,
			    "%c%zuq%s ", side, serial++,
			    dice_roll(dice, 4) == 0 ? "\n" : "");
		if (n > 0 && dice_roll(dice, 6) != 0)
			len += (size_t)snprintf(
			    out + len, size - len, "%.*s ", (int)n, c);
		if (c[n] == '\0')
			break;
	}
	out[len] = '\0';
}

/* Every word of `text` that starts with this letter is in `all`, where blanks
 * around it may be gone. */
static void
assert_words(const char *text, char letter, const char *all)
{
	for (const char *c = text; *c != '\0';) {
		size_t n = strcspn(c, " \n");
		char word[16];

		if (n > 0 && *c == letter) {
			(void)snprintf(word, sizeof(word), "%.*s", (int)n, c);
			if (strstr(all, word) == NULL)
				fail_msg("lost %s in: %s", word, all);
		}
		c += n + (c[n] != '\0');
	}
}

static void
no_inserted_word_is_ever_lost(void **state)
{
	struct dice dice = dice_of(7);

	(void)state;
	for (int round = 0; round < 2000; round++) {
		char base[1024], mine[4096], theirs[4096], *all;
		size_t len = 0;

		for (unsigned i = 0; i < 30; i++)
			len += (size_t)snprintf(base + len, sizeof(base) - len,
			    "b%u%s", i, dice_roll(&dice, 5) == 0 ? "\n " : " ");
		words_change(&dice, base, 'm', mine, sizeof(mine));
		words_change(&dice, base, 't', theirs, sizeof(theirs));
		all = merged(base, mine, theirs);
		assert_words(mine, 'm', all);
		assert_words(theirs, 't', all);
		free(all);
		assert_merges(base, mine, base, mine);
		assert_merges(base, base, theirs, theirs);
		assert_merges(base, mine, mine, mine);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_changes_give_small_hunks),
		cmocka_unit_test(hunks_turn_any_text_into_any_other),
		cmocka_unit_test(edits_beyond_the_bound_still_give_the_text),
		cmocka_unit_test(changes_all_over_a_long_text_stay_apart),
		cmocka_unit_test(texts_merge_word_by_word),
		cmocka_unit_test(
		    what_is_put_before_its_like_stays_in_one_piece),
		cmocka_unit_test(no_inserted_word_is_ever_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
