/*
 * graph_parts.h - what the parts of a graph do for each other.  Only for
 * access/graph*.c.
 *
 * An envelope is resolved (draft), appended with all its records (push), judged
 * or kept, and if it was only judged taken away again (pop).  A view of a set
 * of envelopes is evaluated once for all sets with the same control nodes.
 */
#ifndef ACCESS_GRAPH_PARTS_H
#define ACCESS_GRAPH_PARTS_H

#include "access/graph_state.h"

#define GRAPH_NOMEM LK_ERR(LK_E_NOMEM, "graph")

/* How the tables stood, to go back to. */
struct mark {
	uint32_t nodes, kinds, authors, chains, streams, grants, boxes, adopts,
	    adoptions, guards, ctls, entries, etags, epochs, hands, links, sets,
	    members, clocks;
};

/* An envelope with everything it names found; graph_push.c. */
struct draft {
	const struct facts *facts;
	const struct body *body;
	uint32_t prev, grant, author; /* GRAPH_NONE: new, or genesis */
	uint8_t key[ACCESS_KEY_LEN];
	uint32_t preds[ENVELOPE_DEPS_MAX + 1];
	uint32_t preds_len;
	uint32_t sole; /* the one that has all others in its past, or NONE */
	bool genesis, forks; /* forks: prev has a successor already */
	struct view past;
};

/* graph_find.c: records by name, and small questions about them. */
uint32_t author_find(
    const struct graph *, const uint8_t key[static ACCESS_KEY_LEN]);
uint32_t grant_find(const struct graph *, const struct grant_ref *);
uint32_t etag_find(const struct graph *, const uint8_t etag[static ETAG_LEN]);
uint32_t stream_find(const struct graph *, uint32_t chain, uint32_t grant);
/* The node of that seq on that very chain. */
uint32_t chain_node(const struct graph *, uint32_t chain, uint32_t seq);
uint32_t node_author(const struct graph *, uint32_t node);
struct grant_ref grant_name(const struct graph *, uint32_t grant);
/* Whether `above` is `grant` or an own grant's parent, any way up. */
bool person_has(const struct graph *, uint32_t grant, uint32_t above);
bool box_given(const struct box *);

/* graph_view.c: views, and sets of epochs. */
bool view_has(const struct graph *, const struct view *, uint32_t node);
bool view_has_op(
    const struct graph *, const struct view *, uint32_t node, uint8_t op);
/* The greatest seq of a chain in it; a partial node does not count. */
uint32_t view_reach(const struct graph *, const struct view *, uint32_t chain);
struct view view_whole(void);
/* The past of op `op` of a node. */
struct view view_before(const struct graph *, uint32_t node, uint8_t op);
/* Clock of past*(node). */
uint32_t clock_with(struct graph *, uint32_t node);
/* Sets by handle, 0 is empty; GRAPH_NONE without memory.  A merge leaves out
 * epochs that are in the past of others. */
uint32_t set_one(struct graph *, uint32_t epoch);
uint32_t set_merge(struct graph *, uint32_t a, uint32_t b);
const uint32_t *set_members(const struct graph *, uint32_t set, uint32_t *len);
/* The set of what is in a list, ascending. */
uint32_t set_of(struct graph *, const struct u32s *);
/* The maximal epochs of a view; of the whole set, those of what is essential.
 */
const uint32_t *view_maximal(
    const struct graph *, const struct view *, uint32_t *len);

/* graph_draft.c: finds what an envelope names; errors as graph_author. */
LK_MUST_USE lk_err draft_resolve(const struct graph *, const struct facts *,
    struct draft *, uint8_t missing[static LK_ID_LEN]);
/* Computes the past and `sole`; makes clocks and sets. */
LK_MUST_USE lk_err draft_view(struct graph *, struct draft *);

/* graph_push.c, graph_ops.c, graph_pop.c */
/*
 * Appends an envelope with all its records.  EXISTS, the errors of
 * draft_resolve, NOMEM, or DENIED when an op names something that is not in the
 * graph; on failure nothing has changed.
 */
LK_MUST_USE lk_err graph_append(
    struct graph *, const struct facts *, struct draft *, struct mark *);
/* The records of op `op`, whose node is appended already. */
LK_MUST_USE lk_err op_push(
    struct graph *, const struct draft *, uint32_t node, uint8_t op);
uint32_t author_push(struct graph *, const uint8_t key[static ACCESS_KEY_LEN]);
uint32_t etag_push(struct graph *, const uint8_t etag[static ETAG_LEN]);
/* Takes away the last node, if it came after the mark. */
void graph_pop(struct graph *, const struct mark *);

/* graph_eval.c: from the cache, or evaluated; valid until the next eval_of. */
LK_MUST_USE lk_err eval_of(
    const struct graph *, const struct view *, struct eval **);
LK_MUST_USE lk_err eval_run(
    const struct graph *, struct eval *, const struct view *);
void eval_clear(struct eval *);
/* Drops from the cache what speaks of records after the mark. */
void evals_forget(struct evals *, const struct mark *);
bool eval_grant(const struct graph *, const struct eval *, uint32_t grant);
/* The role a new op on top of the view has under a grant. */
enum role eval_role(const struct graph *, const struct eval *, uint32_t grant);
/* Whether a new op on top of the view would be effective. */
bool eval_allows(const struct graph *, const struct eval *, uint32_t grant,
    uint8_t kind, uint8_t need);
/* The seq up to which ops of a chain under a grant that need `need`, control
 * ops apart, are effective. */
uint32_t eval_limit(const struct graph *, const struct eval *, uint32_t grant,
    uint8_t need, uint32_t chain);
/* A ban that counts and keeps a grant from having effect, else GRAPH_NONE: the
 * ctl of the most senior, then the one of the lowest id. */
uint32_t eval_banned(const struct graph *, const struct eval *, uint32_t grant);
/* Whether some cut that counts names this grant itself. */
bool eval_names(const struct eval *, uint32_t grant);
/* The cuts that count against a grant, in turn: NULL begins and ends. */
const struct cut *eval_next_cut(const struct graph *, const struct eval *,
    uint32_t grant, const struct cut *);
/* The cut that denies op `op` of `node`, else NULL. */
const struct cut *eval_denied(
    const struct graph *, const struct eval *, uint32_t node, uint8_t op);
bool eval_op(
    const struct graph *, const struct eval *, uint32_t node, uint8_t op);
/* The same of a node that was appended since the evaluation was made. */
bool eval_would(
    const struct graph *, const struct eval *, uint32_t node, uint8_t op);
/* The cut that brings a grant's role down most, else NULL. */
const struct cut *eval_ended(
    const struct graph *, const struct eval *, uint32_t grant);
uint8_t op_need(const struct graph *, uint32_t node, uint8_t op);
uint32_t op_ctl(const struct graph *, uint32_t node, uint8_t op);

/* graph_keys.c: fills `readers` or `clean` of an evaluation. */
LK_MUST_USE lk_err eval_readers(
    const struct graph *, struct eval *, const struct view *);
LK_MUST_USE lk_err eval_clean(
    const struct graph *, struct eval *, const struct view *);
/* Adds to `out` the effective epochs that no later effective one
 * supersedes. */
LK_MUST_USE lk_err epochs_present(const struct graph *, const struct eval *,
    const struct view *, struct u32s *out);
/* His newest box key; GRAPH_NONE for no reader. */
uint32_t eval_reader(const struct eval *, uint32_t author);
bool eval_is_clean(const struct graph *, const struct eval *, uint32_t etag);
/* Whether some epoch of that etag is in the view. */
bool etag_in_view(const struct graph *, const struct view *, uint32_t etag);
/* Fills g->readers, or g->maximal. */
LK_MUST_USE lk_err readers_list(
    struct graph *, struct eval *, const struct view *);
LK_MUST_USE lk_err maximal_list(struct graph *, const struct view *);
/* The author of a box key and that key. */
void reader_fill(const struct graph *, uint32_t box, struct graph_reader *);

/* graph_parents.c: fills g->parents with the heads of what is visible. */
LK_MUST_USE lk_err parents_of(
    struct graph *, const struct view *, const struct eval *);
/* The Automerge ancestors of a change of that node on g->parents. */
LK_MUST_USE lk_err parents_ancestors(struct graph *, uint32_t node);
/* Changes under a grant in a view. */
uint32_t changes_under(
    const struct graph *, const struct view *, uint32_t grant);

/* graph_status.c: status of nodes in the whole set; appends to g->flips. */
LK_MUST_USE lk_err status_settle(struct graph *);
/* For a new node without ops of authority or adopts. */
LK_MUST_USE lk_err status_add(struct graph *, uint32_t node);

#endif
