/*
 * docno_list.h - inside sync/: a growing list of documents without repetition.
 */
#ifndef SYNC_DOCNO_LIST_H
#define SYNC_DOCNO_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The list is the caller's to free.  NOMEM: as it was. */
LK_MUST_USE lk_err docno_list_add(
    uint32_t **list, size_t *len, size_t *cap, uint32_t docno);

#endif
