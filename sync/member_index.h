/*
 * member_index.h - inside sync/: which documents concern which device, without
 * loading their authority.  Kept in step with every change of it.
 */
#ifndef SYNC_MEMBER_INDEX_H
#define SYNC_MEMBER_INDEX_H

#include "sync/docstate.h"

LK_MUST_USE lk_err member_index_update(struct replica *, struct docstate *);
/* An empty document is found by those by whom the one is that it takes the
 * place of, and that is found no more: its graph may know less of them. */
LK_MUST_USE lk_err member_index_move(
    struct replica *, uint32_t full, struct docstate *empty);
/* Removes what it says of a document. */
LK_MUST_USE lk_err member_index_remove(struct replica *, struct docstate *);
struct member_entry {
	uint32_t docno;
	bool was; /* was a reader or relay, and is none now */
	uint8_t topic[LK_TOPIC_LEN];
};
/* The entry of a device with docno >= entry->docno; NOTFOUND.  A document
 * whose authority is not known here yet is under 32 zero bytes. */
LK_MUST_USE lk_err member_index_next(
    struct replica *, const uint8_t pk[static 32], struct member_entry *);
/* Whether the device is a member now. */
LK_MUST_USE lk_err member_index_has(
    struct replica *, uint32_t docno, const uint8_t pk[static 32], bool *has);
/* How many grants to devices are in force; 0 while the authority is not known
 * here. */
LK_MUST_USE lk_err member_index_count(
    struct replica *, uint32_t docno, uint32_t *count);

#endif
