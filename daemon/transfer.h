/*
 * transfer.h - bytes that are too many for one line, in pieces over the
 * control connection (architecture.md, "Two processes, one protocol").
 *
 *   upload.begin    {}                            -> {"handle": N}
 *   upload.append   {"handle": N, "data": base64} -> {"size": bytes so far}
 *   upload.drop     {"handle": N}                 -> {}
 *   download.read   {"handle": N}   -> {"data": base64, "left": bytes to come}
 *   download.drop   {"handle": N}                 -> {}
 *
 * A piece has at most TRANSFER_PIECE_MAX bytes before base64.  Reading goes on
 * where the last read ended; with left 0 the handle is gone.  A handle belongs
 * to its connection and is gone with it.
 *
 * Of a request, "params_upload": N instead of "params" names an upload that is
 * the JSON text of the params.  An answer whose result is too long for a line
 * has "result_download": {"handle": N, "size": bytes} instead of "result".
 *
 * Bounded: DOCUMENT_BODY_MAX for one connection, TRANSFER_TOTAL_MAX for all.
 */
#ifndef DAEMON_TRANSFER_H
#define DAEMON_TRANSFER_H

#include <sys/queue.h>

#include "base/bytes.h"
#include "base/limits.h"

#define TRANSFER_PIECE_MAX (512 * 1024)
#define TRANSFER_TOTAL_MAX (2 * (size_t)DOCUMENT_BODY_MAX)
/* Handles of one connection. */
#define TRANSFERS_MAX 16

struct transfer;

/* The transfers of one connection; `total` counts the bytes of all. */
struct transfers {
	TAILQ_HEAD(, transfer) list;
	size_t len, bytes;
	size_t *total; /* kept */
	int64_t next;  /* handle */
};

void transfers_init(struct transfers *, size_t *total);
void transfers_clear(struct transfers *);

/* LIMIT above TRANSFERS_MAX; NOMEM. */
LK_MUST_USE lk_err upload_begin(struct transfers *, int64_t *handle);
/* NOTFOUND; LIMIT above the bounds (the upload stays as it was); MALFORMED
 * base64; *size is what there is now. */
LK_MUST_USE lk_err upload_append(
    struct transfers *, int64_t handle, struct bytes base64, size_t *size);
/* Takes the bytes; the handle is gone.  `out` is overwritten.  NOTFOUND. */
LK_MUST_USE lk_err upload_take(
    struct transfers *, int64_t handle, struct buf *out);
/* Takes *in, which is empty afterwards, also after LIMIT. */
LK_MUST_USE lk_err download_begin(
    struct transfers *, struct buf *in, int64_t *handle);
/* Appends the next piece in base64; *left is what comes after it.  NOTFOUND,
 * NOMEM. */
LK_MUST_USE lk_err download_read(
    struct transfers *, int64_t handle, struct buf *base64, size_t *left);
/* Either kind.  NOTFOUND. */
LK_MUST_USE lk_err transfer_drop(struct transfers *, int64_t handle);

#endif
