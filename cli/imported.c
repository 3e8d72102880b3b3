#include "cli/imported.h"

#include "cli/lk.h"

static json_object *
text_copy(json_object *of, const char *key)
{
	return json_object_new_string(field(of, key));
}

/* The hashes that an entry, or what it imported, ends with. */
static json_object *
heads_of(json_object *entry)
{
	json_object *changes = field_list(entry, "changes");
	json_object *heads = json_object_new_array();
	JSON_SCOPED *below = json_object_new_object();
	size_t n = changes == NULL ? 0 : json_object_array_length(changes);

	if (n == 0)
		json_object_array_add(heads, text_copy(entry, "hash"));
	for (size_t i = n; i > 0; i--) {
		json_object *c = json_object_array_get_idx(changes, i - 1);
		json_object *deps = field_list(c, "deps");

		if (!json_object_object_get_ex(below, field(c, "hash"), NULL))
			json_object_array_add(heads, text_copy(c, "hash"));
		for (size_t k = 0; k < json_object_array_length(deps); k++)
			json_object_object_add(below,
			    json_object_get_string(
				json_object_array_get_idx(deps, k)),
			    NULL);
	}
	return heads;
}

/* The heads of all parents, by the ids of their entries. */
static json_object *
parents_of(json_object *entry, json_object *heads)
{
	json_object *ids = field_list(entry, "parents");
	json_object *parents = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(ids); i++) {
		json_object *of = json_object_object_get(heads,
		    json_object_get_string(json_object_array_get_idx(ids, i)));

		for (size_t k = 0;
		     of != NULL && k < json_object_array_length(of); k++)
			json_object_array_add(parents,
			    json_object_get(json_object_array_get_idx(of, k)));
	}
	return parents;
}

/* New: a change as an entry like those of its import. */
static json_object *
change_entry(json_object *import, json_object *change)
{
	static const char *const own[] = { "hash", "actor", "writer", "ops",
		"time", "message" };
	static const char *const shared[] = { "who", "kinds", "visible",
		"received", "import" };
	json_object *o = json_object_new_object();

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		json_object_object_add(o, own[i],
		    json_object_get(json_object_object_get(change, own[i])));
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		json_object_object_add(o, shared[i],
		    json_object_get(json_object_object_get(import, shared[i])));
	json_object_object_add(o, "author", text_copy(change, "actor"));
	json_object_object_add(
	    o, "parents", json_object_get(field_list(change, "deps")));
	return o;
}

/* Takes an entry, unless its change is there. */
static void
entry_add(json_object *all, json_object *seen, json_object *entry)
{
	const char *hash = field(entry, "hash");

	if (json_object_object_get_ex(seen, hash, NULL)) {
		json_object_put(entry);
		return;
	}
	json_object_object_add(seen, hash, NULL);
	json_object_object_add(entry, "id", text_copy(entry, "hash"));
	json_object_array_add(all, entry);
}

json_object *
imported_expand(json_object *entries)
{
	json_object *all = json_object_new_array();
	JSON_SCOPED *heads = json_object_new_object();
	JSON_SCOPED *seen = json_object_new_object();

	for (size_t i = 0; i < json_object_array_length(entries); i++) {
		json_object *e = json_object_array_get_idx(entries, i);

		json_object_object_add(heads, field(e, "id"), heads_of(e));
	}
	for (size_t i = 0; i < json_object_array_length(entries); i++) {
		json_object *e = json_object_array_get_idx(entries, i);
		json_object *changes = field_list(e, "changes");

		if (changes == NULL) {
			json_object_object_add(
			    e, "parents", parents_of(e, heads));
			entry_add(all, seen, json_object_get(e));
			continue;
		}
		for (size_t k = 0; k < json_object_array_length(changes); k++)
			entry_add(all, seen,
			    change_entry(
				e, json_object_array_get_idx(changes, k)));
	}
	return all;
}
