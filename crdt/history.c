#include <stdlib.h>
#include <string.h>

#include "crdt/change_body.h"
#include "crdt/document_read.h"
#include "crdt/history_parts.h"

lk_err
history_heads(const struct change *changes, size_t count, struct arena *arena,
    uint8_t **heads, size_t *n)
{
	struct change_links links;
	size_t len = 0;
	uint8_t *out;
	bool *has_user;

	TRY(change_links_new(&links, changes, count));
	has_user = calloc(count + 1, sizeof(*has_user));
	if (has_user != NULL)
		change_links_users(&links, has_user);
	change_links_free(&links);
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
	qsort(out, len, LK_ID_LEN, lk_id_compare);
	*heads = out;
	*n = len;
	return LK_NONE;
}

/* Copies the dependencies that are not there, or only counts them. */
static size_t
missing_copy(
    const struct change_links *l, const struct change *changes, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < l->len; i++) {
		for (uint32_t d = l->deps_at[i]; d < l->deps_at[i + 1]; d++) {
			if (l->deps[d] != CHANGE_MISSING)
				continue;
			if (out != NULL)
				memcpy(out + n * LK_ID_LEN,
				    changes[i].deps +
					(d - l->deps_at[i]) * LK_ID_LEN,
				    LK_ID_LEN);
			n++;
		}
	}
	return n;
}

lk_err
history_missing(const struct change *changes, size_t count, struct arena *arena,
    uint8_t **hashes, size_t *n)
{
	struct change_links links;
	size_t len, kept = 0;
	uint8_t *out;

	TRY(change_links_new(&links, changes, count));
	len = missing_copy(&links, changes, NULL);
	out = arena_alloc(arena, len * LK_ID_LEN);
	if (out != NULL)
		(void)missing_copy(&links, changes, out);
	change_links_free(&links);
	if (out == NULL)
		return LK_ERR(LK_E_NOMEM, "dependencies");
	qsort(out, len, LK_ID_LEN, lk_id_compare);
	for (size_t i = 0; i < len; i++)
		if (kept == 0 ||
		    lk_id_compare(
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

static void
places_sort(const struct change **changes, size_t n)
{
	size_t i = 1;

	/* Who works alone has them in order. */
	while (i < n && change_place_order(&changes[i - 1], &changes[i]) < 0)
		i++;
	if (i < n)
		qsort(changes, n, sizeof(*changes), change_place_order);
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
	places_sort(sorted, h->changes_len);
	err = seqs_check(sorted, h->changes_len, extent == HISTORY_WHOLE);
	for (size_t i = 0; i < h->orphans_len; i++)
		sorted[h->changes_len + i] = &h->orphans[i];
	if (err.code == LK_OK && h->orphans_len > 0) {
		places_sort(sorted, n);
		err = seqs_check(sorted, n, false);
	}
	free(sorted);
	return err;
}

/* Moves each change to its place: order[i] is the number of the one that
 * belongs at i.  Uses the order up. */
static void
changes_permute(struct change *at, uint32_t *order, size_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct change first = at[i];
		uint32_t to = i;

		while (order[to] != i) {
			uint32_t from = order[to];

			at[to] = at[from];
			order[to] = to;
			to = from;
		}
		at[to] = first;
		order[to] = to;
	}
}

/* Puts a list of different changes in order. */
static lk_err
history_arrange(
    struct change_list *l, enum history_extent extent, size_t *ready)
{
	uint32_t *order = calloc(l->len + 1, sizeof(*order));
	struct change_links links = { 0 };
	lk_err err;

	if (order == NULL)
		err = LK_ERR(LK_E_NOMEM, "changes of a history");
	else
		err = change_links_new(&links, l->at, l->len);
	if (err.code == LK_OK)
		err = changes_order(&links, extent, order, ready);
	if (err.code == LK_OK)
		changes_permute(l->at, order, l->len);
	change_links_free(&links);
	free(order);
	return err;
}

static lk_err
history_finish(
    struct history *h, struct change_list *l, enum history_extent extent)
{
	size_t ready;

	TRY(change_list_unique(l));
	TRY(history_arrange(l, extent, &ready));
	h->changes = l->at;
	h->changes_len = ready;
	h->orphans = l->len > 0 ? l->at + ready : NULL;
	h->orphans_len = l->len - ready;
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
	TRY(change_decode_lean(&c, &h->arena, kept));
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
	if (err.code == LK_OK) {
		*out = *h;
		return LK_NONE;
	}
	change_list_clear(l);
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
	free(h->changes);
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

static lk_err
hand_out(
    struct bytes file, enum history_extent extent, change_fn *each, void *ctx)
{
	struct history h;
	struct bytes body;
	lk_err err = LK_NONE;

	if (history_only_document(file, &body).code == LK_OK)
		return document_each(body, each, ctx);
	TRY(history_make(&h, &(struct history_source){ .file = file }, extent));
	if (h.orphans_len > 0)
		err = LK_ERR(LK_E_WAIT, "a dependency is missing");
	for (size_t i = 0; i < h.changes_len && err.code == LK_OK; i++)
		err = each(ctx, &h.changes[i]);
	history_clear(&h);
	return err;
}

lk_err
history_each(struct bytes file, change_fn *each, void *ctx)
{
	return hand_out(file, HISTORY_WHOLE, each, ctx);
}

lk_err
history_each_part(struct bytes file, change_fn *each, void *ctx)
{
	return hand_out(file, HISTORY_PART, each, ctx);
}
