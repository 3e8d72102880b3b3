#include "sync/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/home.h"
#include "sync/home_doc.h"

/* Of the id of a document that has no name. */
#define ID_SHOWN_LEN 4

void
names_free(struct names *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < n->len; i++)
		free(n->entries[i].name);
	free(n->entries);
	free(n);
}

void
names_drop(struct replica *r)
{
	names_free(r->names);
	r->names = NULL;
}

static int
names_compare(const struct name_entry *e, const char *name,
    const uint8_t docid[static 32])
{
	int c = strcmp(e->name, name);

	return c != 0 ? c : memcmp(e->docid, docid, LK_ID_LEN);
}

/* The place of the first entry not below (name, docid). */
static size_t
names_floor(
    const struct names *n, const char *name, const uint8_t docid[static 32])
{
	size_t low = 0, high = n->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (names_compare(&n->entries[mid], name, docid) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct name_entry *
names_of(const struct names *n, const uint8_t docid[static 32])
{
	for (size_t i = 0; i < n->len; i++)
		if (memcmp(n->entries[i].docid, docid, LK_ID_LEN) == 0)
			return &n->entries[i];
	return NULL;
}

size_t
names_find(const struct names *n, const char *name, size_t *first)
{
	static const uint8_t lowest[LK_ID_LEN];
	size_t at = names_floor(n, name, lowest), len = 0;

	while (
	    at + len < n->len && strcmp(n->entries[at + len].name, name) == 0)
		len++;
	*first = at;
	return len;
}

/* Numbers the documents that share a name, lowest id first. */
static void
names_number(struct names *n, const char *name)
{
	size_t first, len = names_find(n, name, &first);

	for (size_t i = 0; i < len; i++)
		n->entries[first + i].copy = (unsigned)i;
}

bool
name_is_branch(const struct name_entry *e)
{
	static const uint8_t none[LK_ID_LEN];

	return memcmp(e->of, none, LK_ID_LEN) != 0;
}

bool
name_shown(const struct name_entry *e, char *out, size_t len)
{
	int n = e->copy == 0
	    ? snprintf(out, len, "%s", e->name)
	    : snprintf(out, len, "%s~%u", e->name, e->copy + 1);

	return n >= 0 && (size_t)n < len;
}

/* "x/y" for the branch y of what is called x. */
static char *
branch_name(const struct names *n, const struct name_given *given)
{
	const struct name_entry *of = names_of(n, given->of);
	char above[HOME_NAME_LEN], *name;

	if (of == NULL)
		hex_encode(above, BYTES(given->of, ID_SHOWN_LEN));
	else
		(void)name_shown(of, above, sizeof(above));
	return asprintf(&name, "%s/%s", above, given->name) < 0 ? NULL : name;
}

static lk_err
names_insert(struct names *n, const uint8_t docid[static 32],
    const struct name_given *given)
{
	struct name_entry e = { .copy = 0 };
	size_t at;

	if (n->len == n->cap) {
		size_t cap = n->cap == 0 ? 16 : n->cap * 2;
		struct name_entry *grown =
		    reallocarray(n->entries, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "names");
		n->entries = grown;
		n->cap = cap;
	}
	e.name =
	    given->of == NULL ? strdup(given->name) : branch_name(n, given);
	if (e.name == NULL)
		return LK_ERR(LK_E_NOMEM, "names");
	memcpy(e.docid, docid, LK_ID_LEN);
	if (given->of != NULL)
		memcpy(e.of, given->of, LK_ID_LEN);
	(void)strlcpy(e.type, given->type, sizeof(e.type));
	at = names_floor(n, e.name, docid);
	memmove(
	    &n->entries[at + 1], &n->entries[at], (n->len - at) * sizeof(e));
	n->entries[at] = e;
	n->len++;
	names_number(n, e.name);
	return LK_NONE;
}

lk_err
names_put(struct names *n, const uint8_t docid[static 32],
    const struct name_given *given)
{
	for (size_t i = 0; i < n->len; i++) {
		struct name_entry gone = n->entries[i];

		if (memcmp(gone.docid, docid, LK_ID_LEN) != 0)
			continue;
		n->len--;
		memmove(&n->entries[i], &n->entries[i + 1],
		    (n->len - i) * sizeof(gone));
		names_number(n, gone.name);
		free(gone.name);
		break;
	}
	return names_insert(n, docid, given);
}

/* The entries of the home document that are no branches, or those that are
 * branches of what has a name by now. */
struct names_load {
	struct doc *doc;
	struct names *names;
	bool branches, orphans; /* orphans: branches of what has no name */
};

static lk_err
names_visit(void *ctx, const struct doc_visit *v)
{
	struct names_load *load = ctx;
	uint8_t docid[LK_ID_LEN], of[LK_ID_LEN];
	struct home_text name, type, above;
	struct name_given given = { name.text, type.text, NULL };

	if (!v->winner || !v->item.is_obj || !home_key(v->key, docid))
		return LK_NONE;
	if (!home_text_get(load->doc, v->item.id, "name", &name) ||
	    !home_text_get(load->doc, v->item.id, "type", &type))
		return LK_NONE;
	if (home_text_get(load->doc, v->item.id, "of", &above) &&
	    home_key(BYTES_STR(above.text), of))
		given.of = of;
	if ((given.of != NULL) != load->branches)
		return LK_NONE;
	if (load->branches &&
	    (names_of(load->names, docid) != NULL ||
		(names_of(load->names, of) == NULL && !load->orphans)))
		return LK_NONE;
	return names_insert(load->names, docid, &given);
}

/* A branch is named after what it is a branch of, which is named first. */
static lk_err
names_load(struct names_load *load)
{
	size_t before;

	TRY(home_each(load->doc, "documents", names_visit, load));
	load->branches = true;
	do {
		before = load->names->len;
		TRY(home_each(load->doc, "documents", names_visit, load));
	} while (load->names->len > before);
	load->orphans = true;
	return home_each(load->doc, "documents", names_visit, load);
}

lk_err
names_get(struct replica *r, struct names **out)
{
	struct names_load load = { .branches = false };
	struct names *n;
	uint32_t home;
	lk_err err;

	if (r->names != NULL) {
		*out = r->names;
		return LK_NONE;
	}
	TRY(replica_home(r, &home));
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return LK_ERR(LK_E_NOMEM, "names");
	load.names = n;
	err = replica_open_doc(r, home, &load.doc);
	if (err.code == LK_OK) {
		err = names_load(&load);
		doc_free(load.doc);
	}
	if (err.code != LK_OK) {
		names_free(n);
		return err;
	}
	r->names = n;
	*out = n;
	return LK_NONE;
}
