#include "daemon/line_diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "crdt/align.h"
#include "crdt/textdiff.h"

/* The lines of a text. */
struct lines {
	struct bytes *at; /* without their newlines */
	size_t len;
	bool ends; /* the last one has a newline */
};

static size_t
lines_count(struct bytes text)
{
	size_t n = 0;

	while (text.len > 0) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		size_t len =
		    end == NULL ? text.len : (size_t)(end - text.ptr) + 1;

		text = BYTES(text.ptr + len, text.len - len);
		n++;
	}
	return n;
}

static void
lines_split(struct lines *l, struct bytes text)
{
	for (size_t i = 0; i < l->len; i++) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);

		l->at[i] = BYTES(text.ptr, len);
		l->ends = end != NULL;
		len += l->ends;
		text = BYTES(text.ptr + len, text.len - len);
	}
}

/* Lines that go, and those that come in their place. */
struct edit_run {
	size_t from, from_len, to, to_len;
};

struct line_diff {
	struct lines from, to;
	struct bytes *lines_all; /* of both, one behind the other */
	uint32_t *numbers;
	uint32_t *match; /* of each old line, the new one; or ALIGN_NONE */
	size_t context;
	bool exact;
	struct json_object *hunks, *lines; /* lines: of the hunk at hand */
};

/* Whether a line is another one for want of a newline. */
static bool
line_bare(const struct line_diff *d, uint32_t i)
{
	if (!d->exact)
		return false;
	if (i < d->from.len)
		return i + 1 == d->from.len && !d->from.ends;
	return i + 1 == d->from.len + d->to.len && !d->to.ends;
}

static bool
lines_same(const void *ctx, uint32_t a, uint32_t b)
{
	const struct line_diff *d = ctx;

	return line_bare(d, a) == line_bare(d, b) &&
	    bytes_equal(d->lines_all[a], d->lines_all[b]);
}

static lk_err
lines_number(struct line_diff *d)
{
	size_t n = d->from.len + d->to.len;
	struct label *labels = reallocarray(NULL, n + 1, sizeof(*labels));

	if (labels == NULL)
		return LK_ERR(LK_E_NOMEM, "lines");
	for (size_t i = 0; i < n; i++)
		labels[i] =
		    (struct label){ text_hash(d->lines_all[i]), (uint32_t)i };
	labels_number(labels, n, lines_same, d, d->numbers);
	free(labels);
	return LK_NONE;
}

/* The next run at or after these lines; false: none. */
static bool
run_next(const struct line_diff *d, size_t from, size_t to, struct edit_run *r)
{
	while (from < d->from.len && d->match[from] == to) {
		from++;
		to++;
	}
	*r = (struct edit_run){ .from = from, .to = to };
	while (from + r->from_len < d->from.len &&
	    d->match[from + r->from_len] == ALIGN_NONE)
		r->from_len++;
	r->to_len =
	    (from + r->from_len < d->from.len ? d->match[from + r->from_len]
					      : d->to.len) -
	    to;
	return r->from_len + r->to_len > 0;
}

static void
lines_add(
    struct line_diff *d, char how, const struct lines *l, size_t at, size_t len)
{
	for (size_t i = at; i < at + len; i++) {
		BUF_SCOPED b = { 0 };

		buf_init(&b, l->at[i].len + 1);
		buf_u8(&b, (uint8_t)how);
		buf_add(&b, l->at[i]);
		json_object_array_add(d->lines,
		    json_object_new_string_len(
			(const char *)b.ptr, (int)b.len));
		if (d->exact && i + 1 == l->len && !l->ends)
			json_object_array_add(d->lines,
			    json_object_new_string("\\ No newline at end"));
	}
}

static void
number_add(struct json_object *o, const char *key, size_t n)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)n));
}

/* A hunk from its first run on; *r becomes the run after it. */
static bool
hunk_add(struct line_diff *d, struct edit_run *r)
{
	size_t before = r->from < d->context ? r->from : d->context, after;
	size_t from = r->from - before, to = r->to - before;
	struct json_object *o = json_object_new_object();
	bool more;

	d->lines = json_object_new_array();
	lines_add(d, ' ', &d->from, from, before);
	for (;;) {
		size_t end = r->from + r->from_len, end_to = r->to + r->to_len;

		lines_add(d, '-', &d->from, r->from, r->from_len);
		lines_add(d, '+', &d->to, r->to, r->to_len);
		more = run_next(d, end, end_to, r);
		after = (more ? r->from : d->from.len) - end;
		if (more && after <= 2 * d->context) {
			lines_add(d, ' ', &d->from, end, after);
			continue;
		}
		if (after > d->context)
			after = d->context;
		lines_add(d, ' ', &d->from, end, after);
		number_add(o, "from", from + (end + after > from));
		number_add(o, "from_lines", end + after - from);
		number_add(o, "to", to + (end_to + after > to));
		number_add(o, "to_lines", end_to + after - to);
		break;
	}
	json_object_object_add(o, "lines", d->lines);
	json_object_array_add(d->hunks, o);
	return more;
}

static lk_err
line_diff_run(struct line_diff *d, struct bytes from, struct bytes to)
{
	ALIGNER_SCOPED aligner = NULL;
	struct edit_run r;

	d->from.len = lines_count(from);
	d->to.len = lines_count(to);
	if (d->from.len + d->to.len > DOCUMENT_OPS_MAX)
		return LK_ERR(LK_E_LIMIT, "number of lines");
	d->lines_all =
	    calloc(d->from.len + d->to.len + 1, sizeof(*d->lines_all));
	d->numbers = calloc(d->from.len + d->to.len + 1, sizeof(*d->numbers));
	d->match = calloc(d->from.len + 1, sizeof(*d->match));
	if (d->lines_all == NULL || d->numbers == NULL || d->match == NULL)
		return LK_ERR(LK_E_NOMEM, "lines");
	d->from.at = d->lines_all;
	d->to.at = d->lines_all + d->from.len;
	lines_split(&d->from, from);
	lines_split(&d->to, to);
	TRY(lines_number(d));
	TRY(aligner_new(&aligner));
	TRY(align_match(aligner, d->match,
	    (struct series){ .items = d->numbers, .len = d->from.len },
	    (struct series){
		.items = d->numbers + d->from.len, .len = d->to.len }));
	if (run_next(d, 0, 0, &r))
		while (hunk_add(d, &r))
			continue;
	return LK_NONE;
}

static lk_err
line_diff_once(struct json_object *hunks, struct bytes from, struct bytes to,
    size_t context, bool exact)
{
	struct line_diff d = {
		.hunks = hunks, .context = context, .exact = exact
	};
	lk_err err = line_diff_run(&d, from, to);

	free(d.lines_all);
	free(d.numbers);
	free(d.match);
	return err;
}

lk_err
line_diff(struct json_object *hunks, struct bytes from, struct bytes to,
    size_t context)
{
	if (from.len > DOCUMENT_BODY_MAX || to.len > DOCUMENT_BODY_MAX)
		return LK_ERR(LK_E_LIMIT, "length of a text");
	TRY(line_diff_once(hunks, from, to, context, false));
	/* Nobody ends a text with a newline for its own sake: that it came or
	 * went is told if there is nothing else to tell. */
	if (json_object_array_length(hunks) > 0 || bytes_equal(from, to))
		return LK_NONE;
	return line_diff_once(hunks, from, to, context, true);
}
