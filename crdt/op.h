/*
 * op.h - operations of an Automerge change, as values: automerge-format
 * sections 5, 6 and 9.
 */
#ifndef CRDT_OP_H
#define CRDT_OP_H

#include "base/bytes.h"
#include "base/limits.h"

enum value_type {
	VALUE_NULL = 0,
	VALUE_FALSE = 1,
	VALUE_TRUE = 2,
	VALUE_UINT = 3,
	VALUE_INT = 4,
	VALUE_F64 = 5,
	VALUE_STR = 6,
	VALUE_BYTES = 7,
	VALUE_COUNTER = 8,
	VALUE_TIMESTAMP = 9,
	/* 10 to 15 are carried through as bytes. */
	VALUE_UNKNOWN_MIN = 10,
	VALUE_UNKNOWN_MAX = 15,
};

/* A scalar.  Three number types are three different values. */
struct value {
	uint8_t type; /* enum value_type, or 10 to 15 */
	union {
		uint64_t u64;
		int64_t i64;   /* INT, COUNTER, TIMESTAMP (ms since 1970) */
		uint8_t f64[8]; /* little endian; NaN payloads survive */
		struct bytes bytes; /* STR (valid UTF-8), BYTES, unknown; borrowed */
	};
};

bool value_equal(const struct value *, const struct value *);

enum action {
	ACTION_MAKE_MAP = 0,
	ACTION_SET = 1,
	ACTION_MAKE_LIST = 2,
	ACTION_DELETE = 3,
	ACTION_MAKE_TEXT = 4,
	ACTION_INCREMENT = 5,
	ACTION_MAKE_TABLE = 6, /* refused */
	ACTION_MARK = 7,
};

enum key_kind { KEY_MAP, KEY_HEAD, KEY_ELEM };

/*
 * Names an op: its counter and an actor.  What `actor` indexes is the
 * container's business: in a change 0 is its author and 1.. its other actors
 * in order; inside struct doc it is the document's own numbering.
 * Counter 0 is the root object, or nothing.
 */
struct op_id {
	uint64_t ctr;
	uint32_t actor;
};

/* One operation of a change; all views are borrowed. */
struct op {
	struct op_id obj; /* ctr 0: the root map */
	enum key_kind key_kind;
	struct bytes key;  /* KEY_MAP: valid UTF-8 */
	struct op_id elem; /* KEY_ELEM */
	bool insert;
	uint8_t action; /* enum action */
	struct value value;
	const struct op_id *preds; /* ascending by (counter, actor bytes) */
	size_t preds_len;
	bool expand;
	bool has_mark_name; /* mark begin */
	struct bytes mark_name;
};

#endif
