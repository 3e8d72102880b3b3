#include "daemon/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

struct transfer {
	TAILQ_ENTRY(transfer) entry;
	int64_t handle;
	bool upload;
	struct buf bytes;
	size_t read; /* of a download: handed out so far */
};

void
transfers_init(struct transfers *t, size_t *total)
{
	*t = (struct transfers){ .total = total, .next = 1 };
	TAILQ_INIT(&t->list);
}

static void
transfer_free(struct transfers *t, struct transfer *x)
{
	TAILQ_REMOVE(&t->list, x, entry);
	t->len--;
	t->bytes -= x->bytes.len;
	*t->total -= x->bytes.len;
	buf_clear(&x->bytes);
	free(x);
}

void
transfers_clear(struct transfers *t)
{
	struct transfer *x;

	while ((x = TAILQ_FIRST(&t->list)) != NULL)
		transfer_free(t, x);
}

static struct transfer *
transfer_find(struct transfers *t, int64_t handle, bool upload)
{
	struct transfer *x;

	TAILQ_FOREACH (x, &t->list, entry)
		if (x->handle == handle && x->upload == upload)
			return (x);
	return (NULL);
}

static lk_err
transfer_new(struct transfers *t, bool upload, struct transfer **out)
{
	struct transfer *x;

	if (t->len == TRANSFERS_MAX)
		return (LK_ERR(LK_E_LIMIT, "begin a transfer"));
	if ((x = calloc(1, sizeof(*x))) == NULL)
		return (LK_ERR(LK_E_NOMEM, "begin a transfer"));
	x->handle = t->next++;
	x->upload = upload;
	buf_init(&x->bytes, DOCUMENT_BODY_MAX);
	TAILQ_INSERT_TAIL(&t->list, x, entry);
	t->len++;
	*out = x;
	return (LK_NONE);
}

static bool
has_room(const struct transfers *t, size_t n)
{
	return (n <= DOCUMENT_BODY_MAX - t->bytes &&
	    n <= TRANSFER_TOTAL_MAX - *t->total);
}

lk_err
upload_begin(struct transfers *t, int64_t *handle)
{
	struct transfer *x;

	TRY(transfer_new(t, true, &x));
	*handle = x->handle;
	return (LK_NONE);
}

lk_err
upload_append(
    struct transfers *t, int64_t handle, struct bytes base64, size_t *size)
{
	struct transfer *x = transfer_find(t, handle, true);
	BUF_SCOPED piece = { 0 };

	buf_init(&piece, TRANSFER_PIECE_MAX);
	if (x == NULL)
		return (LK_ERR(LK_E_NOTFOUND, "upload"));
	TRY(base64_decode(&piece, base64));
	if (!has_room(t, piece.len))
		return (LK_ERR(LK_E_LIMIT, "upload"));
	buf_add(&x->bytes, buf_bytes(&piece));
	TRY(buf_err(&x->bytes, "upload"));
	t->bytes += piece.len;
	*t->total += piece.len;
	*size = x->bytes.len;
	return (LK_NONE);
}

lk_err
upload_take(struct transfers *t, int64_t handle, struct buf *out)
{
	struct transfer *x = transfer_find(t, handle, true);

	if (x == NULL)
		return (LK_ERR(LK_E_NOTFOUND, "upload"));
	*out = x->bytes;
	t->bytes -= out->len;
	*t->total -= out->len;
	buf_init(&x->bytes, 0);
	transfer_free(t, x);
	return (LK_NONE);
}

lk_err
download_begin(struct transfers *t, struct buf *in, int64_t *handle)
{
	struct transfer *x = NULL;
	lk_err err = has_room(t, in->len) ? transfer_new(t, false, &x)
					  : LK_ERR(LK_E_LIMIT, "download");

	if (err.code != LK_OK) {
		buf_clear(in);
		return (err);
	}
	x->bytes = *in;
	*in = (struct buf){ .max = in->max };
	t->bytes += x->bytes.len;
	*t->total += x->bytes.len;
	*handle = x->handle;
	return (LK_NONE);
}

lk_err
download_read(
    struct transfers *t, int64_t handle, struct buf *base64, size_t *left)
{
	struct transfer *x = transfer_find(t, handle, false);
	size_t n;

	if (x == NULL)
		return (LK_ERR(LK_E_NOTFOUND, "download"));
	n = x->bytes.len - x->read;
	if (n > TRANSFER_PIECE_MAX)
		n = TRANSFER_PIECE_MAX;
	if (n > 0)
		base64_encode(base64, BYTES(x->bytes.ptr + x->read, n));
	TRY(buf_err(base64, "download"));
	x->read += n;
	*left = x->bytes.len - x->read;
	if (*left == 0)
		transfer_free(t, x);
	return (LK_NONE);
}

lk_err
transfer_drop(struct transfers *t, int64_t handle)
{
	struct transfer *x = transfer_find(t, handle, true);

	if (x == NULL)
		x = transfer_find(t, handle, false);
	if (x == NULL)
		return (LK_ERR(LK_E_NOTFOUND, "transfer"));
	transfer_free(t, x);
	return (LK_NONE);
}
