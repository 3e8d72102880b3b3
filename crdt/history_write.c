#include <stdlib.h>

#include "crdt/deflate.h"
#include "crdt/document.h"
#include "crdt/document_write.h"
#include "crdt/history_order.h"

/* Automerge deflates the changes of a file from this size on. */
#define CHANGE_DEFLATE_MIN 256

/* What our own reader would take for a bomb stays plain. */
static lk_err
change_write_chunk(struct buf *out, const struct change *c)
{
	BUF_SCOPED deflated = { .max = CHANGE_BODY_MAX };

	if (c->body.len >= CHANGE_DEFLATE_MIN) {
		TRY(deflate_raw(&deflated, c->body));
		if (deflated.len < c->body.len &&
		    inflate_bound(deflated.len) >= c->body.len) {
			chunk_write_deflated(
			    out, c->hash, buf_bytes(&deflated));
			return buf_err(out, "size of a file");
		}
	}
	chunk_write(out, CHUNK_CHANGE, c->body);
	return buf_err(out, "size of a file");
}

/* How many of the first changes fit a document chunk however short it gets. */
static size_t
document_room(const struct change *ordered, size_t n)
{
	size_t ops = 0, i;

	for (i = 0; i < n; i++) {
		ops += ordered[i].ops_len;
		if (ops > OPS_FREE)
			break;
	}
	return i;
}

static lk_err
chunks_write(struct buf *out, const struct change *ordered, size_t n)
{
	size_t i = document_room(ordered, n);

	if (i > 0)
		TRY(document_write(out, ordered, i));
	for (; i < n; i++)
		TRY(change_write_chunk(out, &ordered[i]));
	return LK_NONE;
}

/* The changes in the one order they are written in. */
static lk_err
changes_sort(struct change *ordered, const struct change *changes, size_t n)
{
	uint32_t *order = calloc(n + 1, sizeof(*order));
	struct change_links links = { 0 };
	size_t ready = 0;
	lk_err err;

	if (order == NULL)
		return LK_ERR(LK_E_NOMEM, "order of changes");
	err = change_links_new(&links, changes, n);
	if (err.code == LK_OK)
		err = changes_order(&links, HISTORY_WHOLE, order, &ready);
	if (err.code == LK_OK && ready != n)
		err = LK_ERR(LK_E_DATA, "a dependency is missing");
	for (size_t i = 0; i < n && err.code == LK_OK; i++)
		ordered[i] = changes[order[i]];
	change_links_free(&links);
	free(order);
	return err;
}

lk_err
history_write(struct buf *out, const struct change *changes, size_t n)
{
	struct change *ordered;
	lk_err err;

	err = document_write(out, changes, n);
	if (err.code != LK_E_LIMIT || document_room(changes, n) == n)
		return err;
	ordered = calloc(n, sizeof(*ordered));
	if (ordered == NULL)
		return LK_ERR(LK_E_NOMEM, "order of changes");
	err = changes_sort(ordered, changes, n);
	if (err.code == LK_OK)
		err = chunks_write(out, ordered, n);
	free(ordered);
	return err;
}
