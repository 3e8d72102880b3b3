#include <stdlib.h>
#include <string.h>

#include "crdt/change_body.h"
#include "crdt/document_read.h"
#include "crdt/history_parts.h"

static int
hash_compare(const void *a, const void *b)
{
	return memcmp(a, b, LK_ID_LEN);
}

static void
heads_mark(const struct change_index *x, size_t n, bool *has_user)
{
	uint32_t at;

	for (size_t i = 0; i < n; i++)
		for (size_t d = 0; d < x->changes[i].deps_len; d++)
			if (change_index_find(
				x, x->changes[i].deps + d * LK_ID_LEN, &at))
				has_user[at] = true;
}

lk_err
history_heads(const struct change *changes, size_t count, struct arena *arena,
    uint8_t **heads, size_t *n)
{
	struct change_index x;
	size_t len = 0;
	uint8_t *out;
	bool *has_user;

	TRY(change_index_new(&x, changes, count));
	has_user = calloc(count + 1, sizeof(*has_user));
	if (has_user != NULL)
		heads_mark(&x, count, has_user);
	change_index_free(&x);
	if (has_user == NULL)
		return LK_ERR(LK_E_NOMEM, "heads");
	for (size_t i = 0; i < count; i++)
		len += !has_user[i];
	out = arena_alloc(arena, len * LK_ID_LEN);
	len = 0;
	for (size_t i = 0; i < count && out != NULL; i++)
		if (!has_user[i])
			memcpy(out + len++ * LK_ID_LEN, changes[i].hash,
			    LK_ID_LEN);
	free(has_user);
	if (out == NULL)
		return LK_ERR(LK_E_NOMEM, "heads");
	qsort(out, len, LK_ID_LEN, hash_compare);
	*heads = out;
	*n = len;
	return LK_NONE;
}

/* Copies the dependencies that are not there, or only counts them. */
static size_t
missing_copy(const struct change_index *x, size_t count, uint8_t *out)
{
	size_t n = 0;
	uint32_t at;

	for (size_t i = 0; i < count; i++) {
		for (size_t d = 0; d < x->changes[i].deps_len; d++) {
			const uint8_t *dep = x->changes[i].deps + d * LK_ID_LEN;

			if (change_index_find(x, dep, &at))
				continue;
			if (out != NULL)
				memcpy(out + n * LK_ID_LEN, dep, LK_ID_LEN);
			n++;
		}
	}
	return n;
}

lk_err
history_missing(const struct change *changes, size_t count, struct arena *arena,
    uint8_t **hashes, size_t *n)
{
	struct change_index x;
	size_t len, kept = 0;
	uint8_t *out;

	TRY(change_index_new(&x, changes, count));
	len = missing_copy(&x, count, NULL);
	out = arena_alloc(arena, len * LK_ID_LEN);
	if (out != NULL)
		(void)missing_copy(&x, count, out);
	change_index_free(&x);
	if (out == NULL)
		return LK_ERR(LK_E_NOMEM, "dependencies");
	qsort(out, len, LK_ID_LEN, hash_compare);
	for (size_t i = 0; i < len; i++)
		if (kept == 0 ||
		    hash_compare(
			out + (kept - 1) * LK_ID_LEN, out + i * LK_ID_LEN) != 0)
			memmove(out + kept++ * LK_ID_LEN, out + i * LK_ID_LEN,
			    LK_ID_LEN);
	*hashes = out;
	*n = kept;
	return LK_NONE;
}

int
change_place_order(const void *a, const void *b)
{
	const struct change *x = *(const struct change *const *)a;
	const struct change *y = *(const struct change *const *)b;
	int r = bytes_compare(x->actor, y->actor);

	if (r != 0)
		return r;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Of changes sorted by actor and seq: no two the same, and no gaps if none
 * may be missing. */
static lk_err
seqs_check(const struct change **sorted, size_t n, bool complete)
{
	for (size_t i = 0; i < n; i++) {
		const struct change *c = sorted[i];
		bool same =
		    i > 0 && bytes_equal(sorted[i - 1]->actor, c->actor);
		uint64_t before = same ? sorted[i - 1]->seq : 0;

		if (same && c->seq == before)
			return LK_ERR(
			    LK_E_DATA, "two changes of an actor with one seq");
		if (complete && c->seq != before + 1)
			return LK_ERR(LK_E_MALFORMED, "gap in seq");
	}
	return LK_NONE;
}

static lk_err
history_check_seqs(const struct history *h, enum history_extent extent)
{
	size_t n = h->changes_len + h->orphans_len;
	const struct change **sorted = calloc(n + 1, sizeof(*sorted));
	lk_err err;

	if (sorted == NULL)
		return LK_ERR(LK_E_NOMEM, "order of changes");
	for (size_t i = 0; i < h->changes_len; i++)
		sorted[i] = &h->changes[i];
	qsort(sorted, h->changes_len, sizeof(*sorted), change_place_order);
	err = seqs_check(sorted, h->changes_len, extent == HISTORY_WHOLE);
	for (size_t i = 0; i < h->orphans_len; i++)
		sorted[h->changes_len + i] = &h->orphans[i];
	if (err.code == LK_OK && h->orphans_len > 0) {
		qsort(sorted, n, sizeof(*sorted), change_place_order);
		err = seqs_check(sorted, n, false);
	}
	free(sorted);
	return err;
}

/* Puts a list of different changes in order, into the history's arena. */
static lk_err
history_arrange(
    struct history *h, const struct change_list *l, enum history_extent extent)
{
	struct change *at = arena_alloc(&h->arena, l->len * sizeof(*at));
	uint32_t *order = calloc(l->len + 1, sizeof(*order));
	struct change_index x = { 0 };
	size_t ready = 0;
	lk_err err;

	if (at == NULL || order == NULL)
		err = LK_ERR(LK_E_NOMEM, "changes of a history");
	else
		err = change_index_new(&x, l->at, l->len);
	if (err.code == LK_OK)
		err = changes_order(&x, l->len, extent, order, &ready);
	if (err.code == LK_OK) {
		for (size_t i = 0; i < l->len; i++)
			at[i] = l->at[order[i]];
		h->changes = at;
		h->changes_len = ready;
		h->orphans = at + ready;
		h->orphans_len = l->len - ready;
	}
	change_index_free(&x);
	free(order);
	return err;
}

static lk_err
history_finish(
    struct history *h, struct change_list *l, enum history_extent extent)
{
	TRY(change_list_unique(l));
	TRY(history_arrange(h, l, extent));
	return extent == HISTORY_FORKS ? LK_NONE
				       : history_check_seqs(h, extent);
}

/* Decodes one change from a copy of its body that the history keeps. */
static lk_err
history_add_change(struct history *h, struct change_list *l, struct bytes body)
{
	struct bytes kept;
	struct change c;

	if (body.len > CHANGE_BODY_MAX)
		return LK_ERR(LK_E_LIMIT, "size of a change");
	kept = arena_copy(&h->arena, body);
	if (kept.len != body.len)
		return LK_ERR(LK_E_LIMIT, "size of a history");
	TRY(change_decode_lean(&c, &h->arena, kept, true));
	return change_list_add(l, &c);
}

/* Where the changes of a document chunk go. */
struct history_sink {
	struct history *h;
	struct change_list *l;
};

static lk_err
sink_add(void *ctx, const struct change *made)
{
	struct history_sink *to = ctx;
	struct bytes kept = arena_copy(&to->h->arena, made->body);
	struct change c;

	if (kept.ptr == NULL)
		return LK_ERR(LK_E_LIMIT, "changes of a document");
	TRY(change_frame(&c, &to->h->arena, kept));
	memcpy(c.hash, made->hash, sizeof(c.hash));
	c.ops_len = made->ops_len;
	return change_list_add(to->l, &c);
}

lk_err
history_add_chunk(
    struct history *h, struct change_list *l, const struct chunk *chunk)
{
	struct history_sink sink = { .h = h, .l = l };

	if (chunk->type == CHUNK_CHANGE)
		return history_add_change(h, l, chunk->body);
	if (chunk->type == CHUNK_DOCUMENT)
		return document_each(chunk->body, sink_add, &sink);
	return LK_ERR(LK_E_MALFORMED, "a bundle");
}

static lk_err
history_add_file(struct history *h, struct change_list *l, struct bytes file)
{
	struct rd r = rd_over(file);

	while (r.left.len > 0) {
		struct chunk chunk;

		TRY(chunk_next(&r, &h->arena, &chunk));
		TRY(history_add_chunk(h, l, &chunk));
	}
	return LK_NONE;
}

static lk_err
history_add_bodies(struct history *h, struct change_list *l,
    const struct bytes *bodies, size_t n)
{
	for (size_t i = 0; i < n; i++)
		TRY(history_add_change(h, l, bodies[i]));
	return LK_NONE;
}

lk_err
history_close(struct history *out, struct history *h, struct change_list *l,
    enum history_extent extent, lk_err err)
{
	if (err.code == LK_OK)
		err = history_finish(h, l, extent);
	change_list_clear(l);
	if (err.code == LK_OK)
		*out = *h;
	else
		arena_clear(&h->arena);
	return err;
}

/* What a history is made of: a file, or change bodies. */
struct history_source {
	struct bytes file;
	const struct bytes *bodies; /* NULL: the file */
	size_t bodies_len;
};

static lk_err
history_make(struct history *out, const struct history_source *from,
    enum history_extent extent)
{
	struct history h = { 0 };
	struct change_list l = { 0 };
	lk_err err;

	arena_init(&h.arena, HISTORY_ARENA_MAX);
	if (from->bodies == NULL)
		err = history_add_file(&h, &l, from->file);
	else
		err =
		    history_add_bodies(&h, &l, from->bodies, from->bodies_len);
	return history_close(out, &h, &l, extent, err);
}

lk_err
history_read(struct history *out, struct bytes file)
{
	return history_make(
	    out, &(struct history_source){ .file = file }, HISTORY_WHOLE);
}

lk_err
history_read_part(struct history *out, struct bytes file)
{
	return history_make(
	    out, &(struct history_source){ .file = file }, HISTORY_PART);
}

lk_err
history_from_changes(struct history *out, const struct bytes *bodies, size_t n)
{
	return history_make(out,
	    &(struct history_source){ .bodies = bodies, .bodies_len = n },
	    HISTORY_WHOLE);
}

lk_err
history_with_forks(struct history *out, const struct bytes *bodies, size_t n)
{
	return history_make(out,
	    &(struct history_source){ .bodies = bodies, .bodies_len = n },
	    HISTORY_FORKS);
}

lk_err
history_part_from_changes(
    struct history *out, const struct bytes *bodies, size_t n)
{
	return history_make(out,
	    &(struct history_source){ .bodies = bodies, .bodies_len = n },
	    HISTORY_PART);
}

void
history_clear(struct history *h)
{
	arena_clear(&h->arena);
	*h = (struct history){ 0 };
}

/* The body of the document chunk that a file consists of; NOTFOUND: it
 * consists of something else. */
static lk_err
history_only_document(struct bytes file, struct bytes *body)
{
	ARENA_SCOPED arena = { 0 };
	struct rd r = rd_over(file);
	struct chunk chunk;

	/* What is deflated needs memory, and is no document. */
	arena_init(&arena, 0);
	if (chunk_next(&r, &arena, &chunk).code != LK_OK ||
	    chunk.type != CHUNK_DOCUMENT || r.left.len > 0)
		return LK_ERR(LK_E_NOTFOUND, "document");
	*body = chunk.body;
	return LK_NONE;
}

lk_err
history_each(struct bytes file, change_fn *each, void *ctx)
{
	struct history h;
	struct bytes body;
	lk_err err = LK_NONE;

	if (history_only_document(file, &body).code == LK_OK)
		return document_each(body, each, ctx);
	TRY(history_read(&h, file));
	if (h.orphans_len > 0)
		err = LK_ERR(LK_E_WAIT, "a dependency is missing");
	for (size_t i = 0; i < h.changes_len && err.code == LK_OK; i++)
		err = each(ctx, &h.changes[i]);
	history_clear(&h);
	return err;
}
