/*
 * base64.h - RFC 4648 base64 with padding, as binary travels in JSON.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/bytes.h"

/* Characters for n bytes, without a NUL. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Appends BASE64_LEN(in.len) characters. */
void base64_encode(struct buf *, struct bytes in);
/* Appends the bytes.  MALFORMED unless it is the one canonical form: padded,
 * no white space, unused bits zero; nothing was appended then. */
LK_MUST_USE lk_err base64_decode(struct buf *, struct bytes in);

#endif
