/*
 * base58.h - bytes as digits that cannot be mistaken for each other, as
 * Bitcoin writes them: one number to the base 58, a 1 for each leading zero.
 */
#ifndef BASE_BASE58_H
#define BASE_BASE58_H

#include "base/bytes.h"

/* It costs the square of the length, so there is an end to it. */
#define BASE58_BYTES_MAX 128
/* Digits for n bytes, at most. */
#define BASE58_LEN(n) ((n)*138 / 100 + 1)

/* Appends; at most BASE58_BYTES_MAX bytes. */
void base58_encode(struct buf *, struct bytes in);
/* Appends the bytes.  MALFORMED: another character; LIMIT: too many.  Nothing
 * was appended then. */
LK_MUST_USE lk_err base58_decode(struct buf *, struct bytes in);

#endif
