/*
 * id_list.h - packed op ids, in lists and sets.
 *
 * Inside a document an op id is one 64-bit number: the counter above, the
 * document's number of the actor below; 0 is the root object, the head of a
 * sequence, or nothing.  As numbers they order records; the order that decides
 * winners and places is doc_id_compare's.  Internal to crdt.
 */
#ifndef CRDT_ID_LIST_H
#define CRDT_ID_LIST_H

#include "crdt/op.h"

static inline uint64_t
id_pack(struct op_id id)
{
	return id.ctr << 32 | id.actor;
}

static inline struct op_id
id_unpack(uint64_t id)
{
	return (struct op_id){ .ctr = id >> 32, .actor = (uint32_t)id };
}

static inline uint32_t
id_ctr(uint64_t id)
{
	return (uint32_t)(id >> 32);
}

static inline uint32_t
id_actor(uint64_t id)
{
	return (uint32_t)id;
}

/* The op before the end of a mark is its begin. */
static inline uint64_t
mark_begin_of(uint64_t end)
{
	return end - (UINT64_C(1) << 32);
}

/* Numbers and ids inside records.  A number over 32 bits makes rd fail. */
uint32_t uleb32_get(struct rd *);
uint64_t id_get(struct rd *);
void id_put(struct buf *, uint64_t);

struct id_list {
	uint64_t *ids;
	size_t len, cap;
};

/* A zeroed struct is an empty list. */
void id_list_clear(struct id_list *);
LK_MUST_USE lk_err id_list_add(struct id_list *, uint64_t);
bool id_list_has(const struct id_list *, uint64_t);

#define ID_LIST_SCOPED __attribute__((cleanup(id_list_clear))) struct id_list

/* A zeroed struct is an empty set. */
struct id_set {
	uint64_t *slots; /* 0: free */
	size_t len, cap;
};

void id_set_clear(struct id_set *);
/* id is not 0.  *added: it was not in the set before. */
LK_MUST_USE lk_err id_set_add(struct id_set *, uint64_t id, bool *added);
bool id_set_has(const struct id_set *, uint64_t id);

#define ID_SET_SCOPED __attribute__((cleanup(id_set_clear))) struct id_set

#endif
