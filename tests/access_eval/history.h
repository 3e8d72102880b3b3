/*
 * history.h - a history of the reference's format, and its lines as envelopes.
 *
 * Names are bytes with zeros behind them; a name of an epoch key stands in a
 * table, and its etag is its place there.
 */
#ifndef TESTS_ACCESS_EVAL_HISTORY_H
#define TESTS_ACCESS_EVAL_HISTORY_H

#include <sys/queue.h>

#include <json-c/json.h>

#include "access/array.h"
#include "access/graph.h"

struct line {
	TAILQ_ENTRY(line) all;
	struct json_object *json, *parents;
	struct facts facts;
	struct body body;
	struct grant_ref grant; /* what it says, or its prev did */
	uint64_t number;
	bool done, admissible;
	const char *why; /* the rule that refuses it; static */
};

struct etag_said {
	char *name; /* owned */
};

struct history {
	TAILQ_HEAD(, line) lines; /* all; judged up to the one before `next` */
	struct line *next;
	struct graph *graph, *loaded;
	struct arena arena;
	ARRAY(struct etag_said) etags;
	struct json_object *guardians; /* of the genesis; borrowed */
	/* The creator's rank is 10 here: so that it is what it is in access/,
	 * each rank below the creator's is its place among those there are. */
	struct u32s ranks;
};

/* A broken file ends the program. */
_Noreturn void die(const char *what);

/* json.c: NULL when it is not there, or null. */
struct json_object *field(struct json_object *, const char *name);
size_t array_len(struct json_object *);
/* The i-th of an array; NULL when there is none. */
struct json_object *item(struct json_object *, size_t i);
/* A string that must be there. */
const char *text(struct json_object *);
void string_bytes(uint8_t *out, size_t len, const char *name);
void name_bytes(uint8_t *out, size_t len, struct json_object *name);
void names_free(void);
struct json_object *bytes_name(const uint8_t *, size_t len);
struct json_object *node_name(const struct graph *, uint32_t node);
/* Sorted, as a field of `out`, which takes it over. */
void names_put(
    struct json_object *out, const char *field, struct json_object *names);
struct json_object *nodes_names(
    const struct graph *, const uint32_t *nodes, size_t len);
const char *etag_name(const struct history *, const uint8_t etag[ETAG_LEN]);
void etag_bytes(struct history *, uint8_t etag[ETAG_LEN], const char *name);

/* ops.c: op `i` of a line, false when a form or certificate would be wrong. */
bool op_read(struct history *, struct line *, size_t i, const char *kind,
    struct json_object *body);
/* Of a revocation that names a grant more than once. */
void revoke_split(struct history *, struct line *);
/* A grant named by its op; of the genesis that of `key`. */
struct grant_ref op_ref(
    struct history *, struct json_object *op, struct json_object *key);

/* Notes the ranks a line gives; when all are noted, before any is read. */
void ranks_add(struct history *, const struct line *);
void ranks_sort(struct history *);

/* lines.c */
/* Whether prev and deps are admissible. */
bool line_ready(const struct history *, const struct line *);
/* Whether a node is in the past of a line that is not in the graph. */
bool line_sees(const struct history *, const struct line *, uint32_t node);
/* Reads it as an envelope; false when it is refused for what it is. */
bool line_read(struct history *, struct line *);
/* The body of its op of that kind, else NULL. */
struct json_object *line_op(const struct line *, const char *kind);
/* Whether an epoch says to whom its boxes are, and that all open. */
bool boxes_as_said(struct json_object *epoch, const struct judgement *);
/* Whether the links an epoch says are all it can have. */
bool links_as_said(
    struct history *, struct json_object *epoch, const struct judgement *);
/* Whether a grant that says which keys it hands over says it right. */
bool keys_as_said(struct history *, const struct line *);
void links_to(struct history *, struct facts *,
    const uint8_t (*etags)[ETAG_LEN], size_t len);
bool import_ends(const struct line *);
/* Whether an import's actors are nobody's, and its places not taken (A8). */
bool import_fits(struct history *, const struct line *);

#endif
