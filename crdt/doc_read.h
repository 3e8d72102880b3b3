/*
 * doc_read.h - what an element shows, for those who read texts.  Both let
 * caches shrink.  Internal to crdt.
 */
#ifndef CRDT_DOC_READ_H
#define CRDT_DOC_READ_H

#include "crdt/sequence.h"
#include "crdt/slot.h"

/* The op that wins at an element that is shown. */
LK_MUST_USE lk_err elem_winner(
    struct doc *, uint64_t obj, uint64_t elem, struct op_ref *);
/* Appends what a text shows for one. */
LK_MUST_USE lk_err elem_text(
    struct doc *, uint64_t obj, const struct seq_elem *, struct buf *);

#endif
