/*
 * unite.h - two texts that have no common past become one: every line of
 * either, once where both have it, in the order of both.  Pure.
 */
#ifndef MIRROR_UNITE_H
#define MIRROR_UNITE_H

#include "base/bytes.h"

/* Appends the union: `theirs` before `mine` where they differ.  A last line
 * without its end gets one when something follows.  LIMIT (the buffer), NOMEM.
 */
LK_MUST_USE lk_err text_unite(
    struct buf *, struct bytes theirs, struct bytes mine);

#endif
