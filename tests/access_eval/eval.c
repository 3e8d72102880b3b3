/*
 * lk-access-eval - what access/ makes of histories written as JSON Lines.
 *
 * The format is described in tests/model/access_model.py, whose `eval` answers
 * the same question by the letter of the rules; tests/model/access_diff.py
 * compares the two.  What signatures, boxes and Automerge chunks would show,
 * the caller of access/ looks at; here the history says it and this program
 * takes the caller's place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/access_eval/history.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)
#define IDS_MAX 4096
#define BOXES_TRIED 4096

_Noreturn void
die(const char *what)
{
	fprintf(stderr, "lk-access-eval: %s\n", what);
	exit(1);
}

static void
must(lk_err err)
{
	if (err.code != LK_OK)
		die(err.what);
}

/* The facts of an epoch: as many boxes as it needs, to whom it says, and links
 * to whatever its author should have known. */
static bool
epoch_fill(struct history *h, struct line *l, struct json_object *body)
{
	struct facts *f = &l->facts;
	struct judgement j;
	lk_err err;

	/* How many readers there are before the epoch, only a verdict says. */
	do {
		err = graph_judge(h->graph, f, &j);
	} while (err.code == LK_E_DENIED && strcmp(err.what, "A7 boxes") == 0 &&
	    ++f->boxes_len < BOXES_TRIED);
	if (err.code != LK_OK || !boxes_as_said(body, &j))
		return false;
	if (field(body, "links") == NULL)
		links_to(h, f, j.maximal, j.maximal_len);
	return true;
}

/* A line whose prev and deps are here. */
static void
line_judge(struct history *h, struct line *l)
{
	uint8_t missing[LK_ID_LEN], key[ACCESS_KEY_LEN];
	struct graph_author author;
	struct judgement j;
	const struct flip *flips;
	struct json_object *epoch;
	size_t len;

	if (!line_read(h, l))
		return;
	name_bytes(key, sizeof(key), field(l->json, "author"));
	if (graph_author(h->graph, &l->facts, &author, missing).code != LK_OK ||
	    memcmp(author.key, key, sizeof(key)) != 0)
		return;
	epoch = line_op(l, "epoch");
	if (epoch != NULL && !epoch_fill(h, l, epoch))
		return;
	if (graph_judge(h->graph, &l->facts, &j).code != LK_OK)
		return;
	if (import_ends(l) && !import_fits(h, l))
		return;
	l->number = j.change_seq;
	l->parents = nodes_names(h->graph, j.parents, j.parents_len);
	l->admissible = true;
	must(graph_add(h->graph, &l->facts, &flips, &len));
	must(graph_load(h->loaded, &l->facts));
}

static void
lines_judge(struct history *h)
{
	bool again = true;

	while (again) {
		struct line *l;

		again = false;
		TAILQ_FOREACH (l, &h->lines, all) {
			if (l->done || !line_ready(h, l))
				continue;
			l->done = true;
			line_judge(h, l);
			again = again || l->admissible;
		}
	}
}

static void
status_print(struct json_object *out, const struct graph *g)
{
	struct json_object *effective = json_object_new_array();
	struct json_object *visible = json_object_new_array();
	struct json_object *essential = json_object_new_array();
	char op[LK_ID_LEN + 8];

	for (uint32_t n = 0; n < graph_len(g); n++) {
		struct json_object *name = node_name(g, n);
		const char *id = json_object_get_string(name);

		for (uint8_t i = 0; i < ENVELOPE_OPS_MAX; i++) {
			if (!graph_effective(g, n, i))
				continue;
			snprintf(op, sizeof(op), i == 0 ? "%s" : "%s/%u", id,
			    (unsigned)i);
			json_object_array_add(
			    effective, json_object_new_string(op));
		}
		if (graph_visible(g, n))
			json_object_array_add(visible, json_object_get(name));
		if (graph_essential(g, n))
			json_object_array_add(essential, json_object_get(name));
		json_object_put(name);
	}
	names_put(out, "effective", effective);
	names_put(out, "visible", visible);
	names_put(out, "essential", essential);
}

static void
present_print(struct json_object *out, struct history *h, struct graph *g)
{
	static uint8_t heads[IDS_MAX][LK_ID_LEN];
	struct json_object *a = json_object_new_array();
	struct json_object *readers = json_object_new_object();
	const struct graph_reader *r;
	const uint8_t(*etags)[ETAG_LEN];
	char key[ACCESS_KEY_LEN + 1] = { 0 };
	size_t n = graph_heads(g, heads, IDS_MAX);

	for (size_t i = 0; i < n; i++)
		json_object_array_add(a, bytes_name(heads[i], LK_ID_LEN));
	names_put(out, "heads", a);
	must(graph_readers(g, &r, &n));
	for (size_t i = 0; i < n; i++) {
		memcpy(key, r[i].key, ACCESS_KEY_LEN);
		json_object_object_add(
		    readers, key, bytes_name(r[i].box, ACCESS_KEY_LEN));
	}
	json_object_object_add(out, "readers", readers);
	must(graph_maximal(g, &etags, &n));
	a = json_object_new_array();
	for (size_t i = 0; i < n; i++)
		json_object_array_add(
		    a, json_object_new_string(etag_name(h, etags[i])));
	names_put(out, "maximal", a);
}

static struct json_object *
state_of(struct history *h, struct graph *g)
{
	struct json_object *out = json_object_new_object();
	struct graph_author first;
	const uint32_t *parents;
	uint64_t seq;
	size_t n;

	status_print(out, g);
	present_print(out, h, g);
	if (graph_len(g) == 0)
		return out;
	first = graph_node_author(g, 0);
	must(graph_parents(g, &first.grant, &parents, &n, &seq));
	json_object_object_add(out, "next", nodes_names(g, parents, n));
	return out;
}

static void
history_start(struct history *h)
{
	memset(h, 0, sizeof(*h));
	TAILQ_INIT(&h->lines);
	must(graph_new(&h->graph));
	must(graph_new(&h->loaded));
	arena_init(&h->arena, ARENA_MAX);
}

static void
lines_print(struct json_object *out, struct history *h)
{
	struct json_object *admissible = json_object_new_array();
	struct json_object *parents = json_object_new_object();
	struct json_object *number = json_object_new_object();
	struct line *l;

	TAILQ_FOREACH (l, &h->lines, all) {
		const char *id = json_object_get_string(field(l->json, "id"));

		if (!l->admissible)
			continue;
		json_object_array_add(admissible, json_object_new_string(id));
		if (!body_has(&l->body, OP_CHANGE))
			continue;
		json_object_object_add(
		    parents, id, json_object_get(l->parents));
		json_object_object_add(
		    number, id, json_object_new_int64((int64_t)l->number));
	}
	names_put(out, "admissible", admissible);
	json_object_object_add(out, "parents", parents);
	json_object_object_add(out, "number", number);
}

static void
history_end(struct history *h)
{
	struct json_object *out, *again;
	struct line *l;

	lines_judge(h);
	out = state_of(h, h->graph);
	must(graph_settle(h->loaded));
	again = state_of(h, h->loaded);
	/* A device that starts from its store stands where it stood. */
	if (!json_object_equal(out, again))
		die("a loaded graph stands elsewhere");
	json_object_put(again);
	lines_print(out, h);
	puts(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN));
	json_object_put(out);
	graph_free(h->graph);
	graph_free(h->loaded);
	while ((l = TAILQ_FIRST(&h->lines)) != NULL) {
		TAILQ_REMOVE(&h->lines, l, all);
		json_object_put(l->json);
		json_object_put(l->parents);
		free(l);
	}
	free(h->etags.v);
	arena_clear(&h->arena);
}

static void
history_line(struct history *h, struct json_object *json)
{
	struct line *l;

	if (!json_object_is_type(json, json_type_object))
		die("not an object");
	TAILQ_FOREACH (l, &h->lines, all)
		if (field(json, "id") == NULL ||
		    strcmp(json_object_get_string(field(l->json, "id")),
			json_object_get_string(field(json, "id"))) == 0)
			break;
	if (field(json, "id") == NULL || l != NULL) {
		json_object_put(json);
		return;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		die("memory");
	l->json = json;
	TAILQ_INSERT_TAIL(&h->lines, l, all);
	lines_judge(h);
}

int
main(void)
{
	struct history h;
	char *text = NULL;
	size_t cap = 0;
	bool open = false;

	while (getline(&text, &cap, stdin) > 0) {
		struct json_object *json;

		if (*text == '\n') {
			if (open)
				history_end(&h);
			open = false;
			continue;
		}
		json = json_tokener_parse(text);
		if (json == NULL)
			die("not JSON");
		if (!open)
			history_start(&h);
		open = true;
		history_line(&h, json);
	}
	if (open)
		history_end(&h);
	free(text);
	return 0;
}
