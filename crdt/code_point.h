/*
 * code_point.h - single Unicode code points in UTF-8.  Internal to crdt.
 */
#ifndef CRDT_CODE_POINT_H
#define CRDT_CODE_POINT_H

#include "base/bytes.h"

#define CODE_POINT_OBJECT 0xfffc /* stands for what is no text */

/* The first one of valid, not empty UTF-8, and how many bytes it has. */
uint32_t code_point_first(struct bytes, size_t *len);
void code_point_put(struct buf *, uint32_t);

#endif
