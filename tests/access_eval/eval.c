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

static bool full; /* --full: what else of an answer there is */

static void
must(lk_err err)
{
	if (err.code != LK_OK)
		die(err.what);
}

/* The facts of an epoch: as many boxes as it needs, to whom it says, and links
 * to whatever its author should have known.  The rule that refuses it, or NULL.
 */
static const char *
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
	if (err.code != LK_OK)
		return err.what;
	if (!boxes_as_said(body, &j))
		return "A7 boxes";
	if (!links_as_said(h, body, &j))
		return "A7 links";
	if (field(body, "links") == NULL)
		links_to(h, f, j.maximal, j.maximal_len);
	return NULL;
}

/* Whether the one box a share says is made for the reader's present box key. */
static bool
box_as_said(struct history *h, const struct line *l)
{
	struct json_object *share = line_op(l, "share");
	struct json_object *box = field(share, "box");
	uint8_t said[ACCESS_KEY_LEN], key[ACCESS_KEY_LEN];
	const struct graph_reader *readers;
	struct graph *past;
	const struct line *k;
	bool right = false;
	size_t n;

	if (box == NULL)
		return true;
	name_bytes(said, sizeof(said), box);
	name_bytes(key, sizeof(key), field(share, "key"));
	must(graph_new(&past));
	for (uint32_t i = 0; i < graph_len(h->graph); i++)
		TAILQ_FOREACH (k, &h->lines, all)
			if (k->admissible &&
			    graph_find(h->graph, k->facts.id) == i &&
			    line_sees(h, l, i))
				must(graph_load(past, &k->facts));
	must(graph_settle(past));
	must(graph_readers(past, &readers, &n));
	for (size_t i = 0; i < n; i++)
		right |= memcmp(readers[i].key, key, sizeof(key)) == 0 &&
		    memcmp(readers[i].box, said, sizeof(said)) == 0;
	graph_free(past);
	return right;
}

/* The rule that refuses a line whose prev and deps are here, or NULL. */
static const char *
line_refused(struct history *h, struct line *l, struct judgement *j)
{
	uint8_t missing[LK_ID_LEN], key[ACCESS_KEY_LEN];
	struct graph_author author;
	struct json_object *epoch;
	const char *why = NULL;
	lk_err err;

	if (!line_read(h, l))
		return "form";
	name_bytes(key, sizeof(key), field(l->json, "author"));
	err = graph_author(h->graph, &l->facts, &author, missing);
	if (err.code != LK_OK)
		return err.what;
	if (memcmp(author.key, key, sizeof(key)) != 0)
		return "A4 author";
	epoch = line_op(l, "epoch");
	if (epoch != NULL)
		why = epoch_fill(h, l, epoch);
	if (why != NULL)
		return why;
	err = graph_judge(h->graph, &l->facts, j);
	if (err.code != LK_OK)
		return err.what;
	if (!keys_as_said(h, l))
		return "A7 keys";
	if (!box_as_said(h, l))
		return "A7 share";
	return import_ends(l) && !import_fits(h, l) ? "A8 import" : NULL;
}

static void
line_judge(struct history *h, struct line *l)
{
	struct judgement j;
	const struct flip *flips;
	size_t len;

	l->why = line_refused(h, l, &j);
	if (l->why != NULL)
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
			if (l == h->next)
				break;
			if (l->done || !line_ready(h, l))
				continue;
			l->done = true;
			line_judge(h, l);
			again = again || l->admissible;
		}
	}
}

static struct json_object *
op_name(const char *id, unsigned i)
{
	struct json_object *name;
	char *s;

	if (i == 0)
		return json_object_new_string(id);
	if (asprintf(&s, "%s/%u", id, i) < 0)
		die("memory");
	name = json_object_new_string(s);
	free(s);
	return name;
}

/* How many ops the line of this id says. */
static uint8_t
ops_of(const struct history *h, const char *id)
{
	const struct line *l;

	TAILQ_FOREACH (l, &h->lines, all)
		if (strcmp(text(field(l->json, "id")), id) == 0)
			break;
	return l == NULL || field(l->json, "ops") == NULL
	    ? 1
	    : (uint8_t)array_len(field(l->json, "ops"));
}

static void
status_print(
    struct json_object *out, const struct history *h, const struct graph *g)
{
	struct json_object *effective = json_object_new_array();
	struct json_object *visible = json_object_new_array();
	struct json_object *essential = json_object_new_array();

	for (uint32_t n = 0; n < graph_len(g); n++) {
		struct json_object *name = node_name(g, n);
		const char *id = json_object_get_string(name);
		uint8_t ops = ops_of(h, id);

		for (uint8_t i = 0; i < ops; i++) {
			if (!graph_effective(g, n, i))
				continue;
			json_object_array_add(effective, op_name(id, i));
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
	size_t n = graph_heads(g, heads, IDS_MAX);

	for (size_t i = 0; i < n; i++)
		json_object_array_add(a, bytes_name(heads[i], LK_ID_LEN));
	names_put(out, "heads", a);
	must(graph_readers(g, &r, &n));
	for (size_t i = 0; i < n; i++) {
		struct json_object *key = bytes_name(r[i].key, ACCESS_KEY_LEN);

		json_object_object_add(
		    readers, text(key), bytes_name(r[i].box, ACCESS_KEY_LEN));
		json_object_put(key);
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

	status_print(out, h, g);
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
	struct json_object *refused = json_object_new_object();
	struct line *l;

	TAILQ_FOREACH (l, &h->lines, all) {
		const char *id = text(field(l->json, "id"));

		if (!l->admissible) {
			json_object_object_add(refused, id,
			    json_object_new_string(
				l->why == NULL ? "waits" : l->why));
			continue;
		}
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
	json_object_object_add(out, "refused", refused);
}

static void
history_end(struct history *h)
{
	static const char *const more[] = { "essential", "heads", "readers",
		"maximal", "next", "parents", "number", "refused" };
	struct json_object *out, *again;
	struct line *l;

	ranks_sort(h);
	h->next = TAILQ_FIRST(&h->lines);
	while (h->next != NULL) {
		h->next = TAILQ_NEXT(h->next, all);
		lines_judge(h);
	}
	out = state_of(h, h->graph);
	must(graph_settle(h->loaded));
	again = state_of(h, h->loaded);
	/* A device that starts from its store stands where it stood. */
	if (!json_object_equal(out, again))
		die("a loaded graph stands elsewhere");
	json_object_put(again);
	lines_print(out, h);
	for (size_t i = 0; !full && i < sizeof(more) / sizeof(*more); i++)
		json_object_object_del(out, more[i]);
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
	while (h->etags.len > 0)
		free(h->etags.v[--h->etags.len].name);
	free(h->etags.v);
	free(h->ranks.v);
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
		    strcmp(text(field(l->json, "id")),
			text(field(json, "id"))) == 0)
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
	ranks_add(h, l);
}

int
main(int argc, char **argv)
{
	struct history h;
	char *line = NULL;
	size_t cap = 0;
	bool open = false;

	full = argc == 2 && strcmp(argv[1], "--full") == 0;
	if (argc > 1 && !full)
		die("usage: lk-access-eval [--full] < FILE");
	while (getline(&line, &cap, stdin) > 0) {
		struct json_object *json;

		if (*line == '\n') {
			if (open)
				history_end(&h);
			open = false;
			continue;
		}
		json = json_tokener_parse(line);
		if (json == NULL)
			die("not JSON");
		if (!open)
			history_start(&h);
		open = true;
		history_line(&h, json);
	}
	if (open)
		history_end(&h);
	free(line);
	names_free();
	return 0;
}
