#include "crdt/doc_history.h"

#include <stdlib.h>

#include "crdt/opset.h"

lk_err
past_of_heads(struct doc *doc, const uint8_t (*heads)[LK_ID_LEN], size_t n,
    struct doc_past *out)
{
	uint32_t *numbers = calloc(n + 1, sizeof(*numbers));
	lk_err err = LK_NONE;

	if (numbers == NULL)
		return LK_ERR(LK_E_NOMEM, "heads");
	for (size_t i = 0; i < n && err.code == LK_OK; i++)
		err = doc_change_find(doc, heads[i], &numbers[i]);
	if (err.code == LK_OK)
		err = past_of_new(doc, DOC_NO_ACTOR, numbers, n, out);
	free(numbers);
	return err;
}

/* The numbers that changes in one past and not in another can have. */
static void
since_range(const struct clock *from, const struct clock *to, uint32_t *low,
    uint32_t *high)
{
	*low = UINT32_MAX;
	*high = 0;
	for (size_t i = 0; i < to->len; i++) {
		uint32_t had = i < from->len ? from->latest[i] : 0;

		if (to->latest[i] <= had)
			continue;
		if (*low > had)
			*low = had;
		if (*high < to->latest[i])
			*high = to->latest[i];
	}
}

lk_err
doc_since(struct doc *doc, const uint8_t (*from)[LK_ID_LEN], size_t from_len,
    const uint8_t (*to)[LK_ID_LEN], size_t to_len, doc_change_fn *each,
    void *ctx)
{
	PAST_SCOPED had = { 0 };
	PAST_SCOPED has = { 0 };
	uint32_t low, high;

	TRY(past_of_heads(doc, from, from_len, &had));
	TRY(past_of_heads(doc, to, to_len, &has));
	since_range(had.clock, has.clock, &low, &high);
	for (uint32_t n = low; n < high; n++) {
		struct doc_change_info info;
		struct doc_change c;

		TRY(doc_trim(doc));
		TRY(doc_change_load(doc, n, &c));
		if (past_has(&had, c.actor, n) || !past_has(&has, c.actor, n))
			continue;
		change_info(n, &c, &info);
		TRY(each(ctx, &info));
	}
	return LK_NONE;
}

/* Digits of hexadecimal as bytes; half a byte is filled up with 0. */
static lk_err
digits_read(const char *digits, uint8_t hash[static LK_ID_LEN], size_t *len)
{
	char padded[2 * LK_ID_LEN + 1];
	size_t n = strlen(digits);

	if (n == 0 || n > 2 * LK_ID_LEN)
		return LK_ERR(LK_E_USAGE, "beginning of a hash");
	memset(padded, '0', 2 * LK_ID_LEN);
	memcpy(padded, digits, n);
	padded[2 * LK_ID_LEN] = '\0';
	if (!hex_decode(hash, LK_ID_LEN, padded))
		return LK_ERR(LK_E_USAGE, "beginning of a hash");
	*len = n;
	return LK_NONE;
}

static uint64_t
first_bytes(const uint8_t *hash)
{
	uint64_t v = 0;

	for (size_t i = 0; i < sizeof(v); i++)
		v = v << 8 | hash[i];
	return v;
}

static bool
digits_begin(const uint8_t *prefix, size_t len, const uint8_t *hash)
{
	return memcmp(prefix, hash, len / 2) == 0 &&
	    (len % 2 == 0 || prefix[len / 2] >> 4 == hash[len / 2] >> 4);
}

lk_err
doc_match(struct doc *doc, const char *digits, doc_change_fn *each, void *ctx)
{
	ID_LIST_SCOPED numbers = { 0 };
	uint8_t prefix[LK_ID_LEN];
	uint64_t low, span;
	size_t len;

	TRY(digits_read(digits, prefix, &len));
	low = first_bytes(prefix);
	span = len < 16 ? UINT64_MAX >> (4 * len) : 0;
	TRY(doc_hash_range(doc, low, low + span, &numbers));
	for (size_t i = 0; i < numbers.len; i++) {
		uint32_t number = (uint32_t)numbers.ids[i];
		struct doc_change_info info;
		struct doc_change c;

		TRY(doc_trim(doc));
		TRY(doc_change_load(doc, number, &c));
		if (!digits_begin(prefix, len, c.hash))
			continue;
		change_info(number, &c, &info);
		TRY(each(ctx, &info));
	}
	return LK_NONE;
}

lk_err
doc_past_holds(
    struct doc *doc, struct bytes heads, struct bytes hashes, bool *holds)
{
	PAST_SCOPED past = { 0 };
	struct doc_change c;
	uint32_t number;

	*holds = false;
	/* In memory a row of hashes is an array of them. */
	TRY(past_of_heads(doc, (void *)(uintptr_t)heads.ptr,
	    heads.len / LK_ID_LEN, &past));
	for (size_t at = 0; at < hashes.len; at += LK_ID_LEN) {
		lk_err err = doc_change_find(doc, hashes.ptr + at, &number);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		TRY(doc_change_load(doc, number, &c));
		if (!past_has(&past, c.actor, number))
			return LK_NONE;
	}
	*holds = true;
	return LK_NONE;
}

lk_err
doc_op_change(struct doc *doc, struct op_id id, struct doc_change_info *out)
{
	struct doc_change c;
	struct op_ref at;

	TRY(doc_trim(doc));
	if (id.ctr > OP_COUNTER_MAX)
		return LK_ERR(LK_E_NOTFOUND, "op");
	TRY(opset_find(doc, id_pack(id), &at));
	TRY(doc_change_load(doc, at.op->change, &c));
	change_info(at.op->change, &c, out);
	return LK_NONE;
}
