#include <stdio.h>

#include "cli/client.h"
#include "cli/graph.h"
#include "cli/history.h"
#include "cli/imported.h"
#include "cli/params.h"
#include "cli/verbs.h"

static bool opt_access, opt_graph;
static int64_t opt_number = INT64_MAX;

static const struct option options[] = {
	{ "access", 0, OPTION_FLAG, &opt_access },
	{ "graph", 0, OPTION_FLAG, &opt_graph },
	{ "number", 'n', OPTION_NUMBER, &opt_number },
	OPTIONS_END,
};

/* All entries there are, oldest first, fetched a page at a time. */
static int
entries_get(struct lk *lk, const char *doc, json_object *all)
{
	int64_t after = 0;

	for (;;) {
		JSON_SCOPED *result = NULL;
		json_object *params = params_new(doc), *page;

		params_number(params, "after", after);
		params_flag(params, "access", opt_access);
		params_flag(params, "parents", opt_graph);
		params_flag(params, "changes", opt_graph);
		DO(lk_call(lk, "doc.log", params, &result));
		page = field_list(result, "entries");
		for (size_t i = 0; i < json_object_array_length(page); i++)
			json_object_array_add(all,
			    json_object_get(
				json_object_array_get_idx(page, i)));
		after = field_int(result, "next");
		if (after == 0)
			return 0;
	}
}

static void
graph_draw(struct lk *lk, struct graph *g, json_object *entry)
{
	if (lk->json) {
		output_event(&lk->output, "log", entry, NULL);
		return;
	}
	graph_entry(g, &lk->output, entry);
	change_render(&lk->output, entry);
	graph_edges(g, &lk->output, entry);
}

/* Says what is too much to be drawn. */
static void
older_tell(const char *doc, json_object *all)
{
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		int64_t older =
		    field_int(json_object_array_get_idx(all, i), "older");

		if (older > 0)
			fprintf(stderr,
			    "lk: %s: %lld older changes of an import are not "
			    "drawn\n",
			    safe(doc), (long long)older);
	}
}

/* For people the changes of an import are changes like others. */
static int
graph_run(struct lk *lk, const char *doc, json_object *all)
{
	JSON_SCOPED *nodes =
	    lk->json ? json_object_get(all) : imported_expand(all);
	JSON_SCOPED *ordered = graph_order(nodes);
	struct graph *g = graph_new();

	if (ordered == NULL || g == NULL) {
		graph_free(g);
		return lk_fail_memory(lk);
	}
	for (size_t i = 0;
	     i < json_object_array_length(ordered) && i < (uint64_t)opt_number;
	     i++)
		graph_draw(lk, g, json_object_array_get_idx(ordered, i));
	graph_free(g);
	if (!lk->json)
		older_tell(doc, all);
	return 0;
}

static int
log_run(struct lk *lk, const struct args *args)
{
	JSON_SCOPED *all = json_object_new_array();
	size_t last;

	if (opt_graph && opt_access)
		return lk_fail_usage(
		    lk, "log: --graph is about changes, without --access");
	DO(entries_get(lk, args->operands[0], all));
	if (opt_graph)
		return graph_run(lk, args->operands[0], all);
	last = json_object_array_length(all);
	for (size_t i = last; i > 0 && last - i < (uint64_t)opt_number; i--)
		output_event(&lk->output, "log",
		    json_object_array_get_idx(all, i - 1), change_render);
	return 0;
}

const struct command verb_log = {
	.name = "log",
	.usage = "log [-n N] [--graph | --access] DOC\n",
	.summary = "List the changes of a document, newest first",
	.details =
	    "One line a change: hash, when, who, how many operations, message. "
	    "void marks a\nchange that does not count, because its author was "
	    "revoked.\n\n"
	    "  -n, --number N      the last N only\n"
	    "  --graph             draw which changes follow which, with those "
	    "of "
	    "imports and\n                      merges\n"
	    "  --access            with what was said about members and keys\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = log_run,
};
