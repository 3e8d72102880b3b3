#include "sync/names.h"

#include <stdlib.h>
#include <string.h>

#include "sync/home_doc.h"

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
names_floor(const struct names *n, const char *name,
    const uint8_t docid[static 32])
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

	while (at + len < n->len && strcmp(n->entries[at + len].name, name) == 0)
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

static lk_err
names_insert(struct names *n, const uint8_t docid[static 32],
    const char *name, const char *type)
{
	size_t at = names_floor(n, name, docid);
	struct name_entry e = { .copy = 0 };

	if (n->len == n->cap) {
		size_t cap = n->cap == 0 ? 16 : n->cap * 2;
		struct name_entry *grown =
		    reallocarray(n->entries, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "names");
		n->entries = grown;
		n->cap = cap;
	}
	e.name = strdup(name);
	if (e.name == NULL)
		return LK_ERR(LK_E_NOMEM, "names");
	memcpy(e.docid, docid, LK_ID_LEN);
	(void)strlcpy(e.type, type, sizeof(e.type));
	memmove(&n->entries[at + 1], &n->entries[at],
	    (n->len - at) * sizeof(e));
	n->entries[at] = e;
	n->len++;
	return LK_NONE;
}

lk_err
names_put(struct names *n, const uint8_t docid[static 32], const char *name,
    const char *type)
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
	TRY(names_insert(n, docid, name, type));
	names_number(n, name);
	return LK_NONE;
}

/* One member of the map "documents" of the home document. */
static lk_err
names_visit(void *ctx, const struct doc_visit *v)
{
	struct home_walk *walk = ctx;
	uint8_t docid[LK_ID_LEN];
	struct home_text name, type;

	if (!v->winner || !v->item.is_obj || !home_key(v->key, docid))
		return LK_NONE;
	if (!home_text_get(walk->doc, v->item.id, "name", &name) ||
	    !home_text_get(walk->doc, v->item.id, "type", &type))
		return LK_NONE;
	return names_insert(walk->out, docid, name.text, type.text);
}

lk_err
names_get(struct replica *r, struct names **out)
{
	struct names *n;
	struct home_walk walk;
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
	err = replica_open_doc(r, home, &walk.doc);
	walk.out = n;
	if (err.code == LK_OK) {
		err = home_each(walk.doc, "documents", names_visit, &walk);
		doc_free(walk.doc);
	}
	if (err.code != LK_OK) {
		names_free(n);
		return err;
	}
	for (size_t i = 0; i < n->len; i++)
		if (i == 0 || strcmp(n->entries[i - 1].name,
				  n->entries[i].name) != 0)
			names_number(n, n->entries[i].name);
	r->names = n;
	*out = n;
	return LK_NONE;
}
