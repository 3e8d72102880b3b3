/*
 * graph.h - a history as a graph of asterisks and lines, as git log --graph
 * draws it: lanes from the newest changes down to the oldest, each leading to
 * the change that is expected next in it.
 */
#ifndef CLI_GRAPH_H
#define CLI_GRAPH_H

#include "cli/output.h"

/* New: the same entries ("id", "author", "parents"), oldest first as given,
 * newest first as returned; what belongs together stays together, and an entry
 * comes after all that follow it.  Of the parents those remain that are among
 * the entries.  NULL: no memory. */
json_object *graph_order(json_object *entries);

struct graph;
/* NULL: no memory.  Entries must outlive it. */
struct graph *graph_new(void);
void graph_free(struct graph *);
/* Prints the lanes, an asterisk for this entry in its own; the line goes on
 * behind them. */
void graph_entry(struct graph *, struct output *, json_object *entry);
/* Prints the lines between this entry and the next one. */
void graph_edges(struct graph *, struct output *, json_object *entry);

#endif
