/*
 * armor.h - inside sync/: bytes as one line that people send each other: a
 * prefix, then base32 (RFC 4648, lower case, no "=") of the bytes and a check
 * of 4 bytes (docs/protocol.md section 11).  Read in either case; one
 * text for one content.  Pure; any thread.
 */
#ifndef SYNC_ARMOR_H
#define SYNC_ARMOR_H

#include "base/arena.h"
#include "crypto/digest.h"

#define ARMOR_CHECK_LEN 4
/* Of n bytes with their check, without the prefix. */
#define ARMOR_TEXT_LEN(n) (((n)*8 + 4) / 5)

struct armor {
	const char *prefix;
	enum digest_label label; /* of the check */
	size_t text_max;
	const char *what; /* static, for errors */
};

/* Appends the check to `binary` and the text, without NUL, to `out`.  LIMIT,
 * NOMEM, with out as it was. */
LK_MUST_USE lk_err armor_encode(
    struct buf *out, const struct armor *, struct buf *binary);
/* The bytes without the check, in the arena.  LIMIT above text_max; MALFORMED,
 * a typing error too; TRUNCATED; NOMEM. */
LK_MUST_USE lk_err armor_decode(struct bytes *binary, struct arena *,
    const struct armor *, struct bytes text);

#endif
