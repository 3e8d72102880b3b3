#include "cli/graph.h"

#include <stdlib.h>
#include <string.h>

/* An entry, and how many that are not printed yet follow it. */
struct place {
	json_object *entry;
	int64_t followers;
};

static size_t
parents_len(json_object *entry)
{
	json_object *parents = field_list(entry, "parents");

	return parents == NULL ? 0 : json_object_array_length(parents);
}

static const char *
parent_id(json_object *entry, size_t i)
{
	return json_object_get_string(
	    json_object_array_get_idx(field_list(entry, "parents"), i));
}

/*
 * Leaves out parents that are not among the entries, and puts that of the same
 * author first: it is the main line.
 */
static void
parents_arrange(struct place *all, json_object *index, json_object *entry)
{
	json_object *own = json_object_new_array();
	json_object *others = json_object_new_array(), *at;

	for (size_t i = 0; i < parents_len(entry); i++) {
		const char *id = parent_id(entry, i);
		struct place *p;
		bool same;

		if (!json_object_object_get_ex(index, id, &at))
			continue;
		p = &all[json_object_get_int64(at)];
		p->followers++;
		same = strcmp(field(p->entry, "author"),
			   field(entry, "author")) == 0;
		json_object_array_add(
		    same ? own : others, json_object_new_string(id));
	}
	for (size_t i = 0; i < json_object_array_length(others); i++)
		json_object_array_add(
		    own, json_object_get(json_object_array_get_idx(others, i)));
	json_object_put(others);
	json_object_object_add(entry, "parents", own);
}

/* Puts on the stack what an entry leads to and nothing else does any more. */
static size_t
parents_release(struct place *all, json_object *index, struct place *from,
    struct place **stack, size_t len)
{
	for (size_t i = 0; i < parents_len(from->entry); i++) {
		json_object *at =
		    json_object_object_get(index, parent_id(from->entry, i));
		struct place *p = &all[json_object_get_int64(at)];

		if (--p->followers == 0)
			stack[len++] = p;
	}
	return len;
}

static json_object *
places_order(struct place *all, size_t n, json_object *index)
{
	json_object *ordered = json_object_new_array();
	struct place **stack = calloc(n + 1, sizeof(struct place *));
	size_t len = 0;

	for (size_t i = 0; stack != NULL && i < n; i++)
		if (all[i].followers == 0)
			stack[len++] = &all[i];
	while (len > 0) {
		struct place *p = stack[--len];

		json_object_array_add(ordered, json_object_get(p->entry));
		len = parents_release(all, index, p, stack, len);
	}
	free(stack);
	return ordered;
}

json_object *
graph_order(json_object *entries)
{
	size_t n = json_object_array_length(entries);
	struct place *all = calloc(n + 1, sizeof(*all));
	json_object *index = json_object_new_object(), *ordered;

	if (all == NULL || index == NULL) {
		free(all);
		json_object_put(index);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		all[i].entry = json_object_array_get_idx(entries, i);
		json_object_object_add(index, field(all[i].entry, "id"),
		    json_object_new_int64((int64_t)i));
	}
	for (size_t i = 0; i < n; i++)
		parents_arrange(all, index, all[i].entry);
	ordered = places_order(all, n, index);
	json_object_put(index);
	free(all);
	return ordered;
}

struct lane {
	const char *id; /* of the entry expected; the entries keep it */
	unsigned color;
};

struct graph {
	struct lane *lanes;
	size_t len, cap, at; /* at: the lane of the present entry */
	unsigned colors;
};

struct graph *
graph_new(void)
{
	return calloc(1, sizeof(struct graph));
}

void
graph_free(struct graph *g)
{
	if (g != NULL)
		free(g->lanes);
	free(g);
}

/* Without memory a lane is missing, nothing else. */
static void
lane_insert(struct graph *g, size_t at, const char *id)
{
	if (g->len == g->cap) {
		size_t cap = 2 * g->cap + 8;
		struct lane *lanes =
		    reallocarray(g->lanes, cap, sizeof(*lanes));

		if (lanes != NULL) {
			g->lanes = lanes;
			g->cap = cap;
		}
	}
	if (g->len == g->cap)
		return;
	memmove(g->lanes + at + 1, g->lanes + at,
	    (g->len++ - at) * sizeof(*g->lanes));
	g->lanes[at] = (struct lane){ .id = id, .color = g->colors++ };
}

static void
lane_remove(struct graph *g, size_t at)
{
	memmove(g->lanes + at, g->lanes + at + 1,
	    (--g->len - at) * sizeof(*g->lanes));
}

/* The first lane that leads to an id; their number when there is none. */
static size_t
lane_find(const struct graph *g, const char *id)
{
	size_t i = 0;

	while (i < g->len && strcmp(g->lanes[i].id, id) != 0)
		i++;
	return i;
}

static void
edge_print(const struct graph *g, struct output *o, size_t lane, char c)
{
	printf("%s%c%s", style_lane(o, g->lanes[lane].color), c, style_off(o));
}

/* Prints lanes as they stand: '|' and a blank each. */
static void
lanes_print(const struct graph *g, struct output *o, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		edge_print(g, o, i, '|');
		putchar(' ');
	}
}

/* Lanes from one on, each moved to the side. */
static void
lanes_lean(const struct graph *g, struct output *o, size_t from, char c)
{
	for (size_t i = from; i < g->len; i++) {
		putchar(' ');
		edge_print(g, o, i, c);
	}
	putchar('\n');
}

void
graph_entry(struct graph *g, struct output *o, json_object *entry)
{
	const char *id = field(entry, "id");

	g->at = lane_find(g, id);
	if (g->at == g->len)
		lane_insert(g, g->len, id);
	if (g->at == g->len)
		return;
	lanes_print(g, o, 0, g->at);
	edge_print(g, o, g->at, '*');
	putchar(' ');
	lanes_print(g, o, g->at + 1, g->len);
}

/* A lane that leads where an earlier one does joins it: one row for each lane
 * on the way. */
static void
lane_join(struct graph *g, struct output *o, size_t lane, size_t into)
{
	struct lane moving = g->lanes[lane];

	lanes_print(g, o, 0, lane - 1);
	edge_print(g, o, lane - 1, '|');
	edge_print(g, o, lane, '/');
	lanes_lean(g, o, lane + 1, '/');
	memmove(g->lanes + lane, g->lanes + lane + 1,
	    (--g->len - lane) * sizeof(*g->lanes));
	for (size_t at = lane - 1; at > into; at--) {
		lanes_print(g, o, 0, at - 1);
		edge_print(g, o, at - 1, '|');
		printf("%s/%s", style_lane(o, moving.color), style_off(o));
		edge_print(g, o, at, '|');
		lanes_lean(g, o, at + 1, '|');
	}
}

static void
lanes_join(struct graph *g, struct output *o)
{
	for (size_t i = 1; i < g->len;) {
		size_t first = lane_find(g, g->lanes[i].id);

		if (first < i)
			lane_join(g, o, i, first);
		else
			i++;
	}
}

static void
lane_end(struct graph *g, struct output *o)
{
	bool others = g->at + 1 < g->len;

	if (others) {
		lanes_print(g, o, 0, g->at);
		lanes_lean(g, o, g->at + 1, '/');
	}
	lane_remove(g, g->at);
}

/* Another parent: the next lane, if it leads there; else a new one right of
 * this, and those behind it move. */
static void
lane_branch(struct graph *g, struct output *o, const char *id)
{
	if (lane_find(g, id) == g->at + 1 && g->at + 1 < g->len) {
		lanes_print(g, o, 0, g->at);
		edge_print(g, o, g->at, '|');
		edge_print(g, o, g->at + 1, '\\');
		edge_print(g, o, g->at + 1, '|');
		lanes_lean(g, o, g->at + 2, '|');
		return;
	}
	lane_insert(g, g->at + 1, id);
	lanes_print(g, o, 0, g->at);
	edge_print(g, o, g->at, '|');
	edge_print(g, o, g->at + 1, '\\');
	lanes_lean(g, o, g->at + 2, '\\');
}

void
graph_edges(struct graph *g, struct output *o, json_object *entry)
{
	size_t n = parents_len(entry);

	if (g->at >= g->len)
		return;
	if (n == 0) {
		lane_end(g, o);
		return;
	}
	g->lanes[g->at].id = parent_id(entry, 0);
	for (size_t i = n; i > 1; i--)
		lane_branch(g, o, parent_id(entry, i - 1));
	lanes_join(g, o);
}
