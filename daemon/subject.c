#include "daemon/subject.h"
#include "base/shell.h"
#include "sync/mend.h"

#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 8

lk_err
subject_load(struct request *r, uint32_t docno, struct subject *out)
{
	struct subject s = { .docno = docno };

	TRY(replica_doc(r->replica, docno, &s.summary));
	if (s.summary.home || s.summary.forgotten)
		return LK_ERR(LK_E_NOTFOUND, "find document");
	TRY(home_name(r->replica, docno, &s.name));
	*out = s;
	return LK_NONE;
}

lk_err
subject_next(struct request *r, uint32_t *docno, struct subject *out)
{
	for (;;) {
		lk_err err;

		TRY(replica_doc_next(r->replica, *docno, docno));
		err = subject_load(r, *docno, out);
		if (err.code != LK_E_NOTFOUND)
			return err;
	}
}

/* The documents a prefix may have meant, for who has to choose. */
static void
candidates_add(struct request *r, const char *prefix)
{
	struct json_object *list = json_object_new_array();
	struct subject s;
	uint32_t docno = 0;

	while (json_object_array_length(list) < CANDIDATES_MAX &&
	    subject_next(r, &docno, &s).code == LK_OK) {
		char hex[2 * LK_ID_LEN + 1];

		hex_encode(hex, BYTES_OF(s.summary.docid));
		if (strncmp(hex, prefix, strlen(prefix)) == 0)
			json_object_array_add(
			    list, json_object_new_string(hex));
	}
	request_detail(r, "candidates", list);
}

lk_err
subject_named(struct request *r, const char *name, struct subject *out)
{
	char quoted[SHELL_WORD_MAX];
	struct doc_summary doc;
	uint32_t docno;
	lk_err err = home_find(r->replica, name, &docno);

	if (err.code == LK_OK)
		err = replica_doc(r->replica, docno, &doc);
	if (err.code == LK_OK && doc.forgotten) {
		request_hint(r, "lk forget --undo %s brings it back",
		    shell_word(quoted, name));
		return request_fail(r, LK_ERR(LK_E_NOTFOUND, "find document"),
		    "%s: this device has forgotten it", name);
	}
	if (err.code == LK_OK)
		err = subject_load(r, docno, out);
	if (err.code == LK_E_NOTFOUND) {
		request_hint(r, "lk ls lists them");
		return request_fail(r, err, "%s: no such document", name);
	}
	if (err.code == LK_E_USAGE) {
		candidates_add(r, name);
		request_hint(r, "give more digits of its id");
		return request_fail(
		    r, err, "%s: more than one document is called so", name);
	}
	return err;
}

lk_err
subject_find(struct request *r, struct subject *out)
{
	const char *name;

	TRY(param_string(r, "doc", &name));
	return subject_named(r, name, out);
}

lk_err
subject_device(
    struct request *r, uint32_t docno, size_t i, struct sync_status *out)
{
	if (r->engine == NULL)
		return LK_ERR(LK_E_NOTFOUND, "find device");
	return engine_sync_status(r->engine, docno, i, out);
}

#define DAMAGED_NAMED 3

lk_err
subject_damaged(struct request *r, const struct subject *s, lk_err err)
{
	struct json_object *list = json_object_new_array();
	struct change_info info;
	struct graph *g;
	uint8_t id[LK_ID_LEN];
	size_t n = 0;
	BUF_SCOPED names = { .max = CONTROL_LINE_MAX };

	for (; replica_damaged(r->replica, s->docno, n, id).code == LK_OK;
	     n++) {
		char hex[2 * LK_ID_LEN + 1], who[2 * LK_NAME_MAX + 8];

		hex_encode(hex, BYTES_OF(id));
		json_object_array_add(list, json_object_new_string(hex));
		if (n >= DAMAGED_NAMED ||
		    replica_graph(r->replica, s->docno, &g).code != LK_OK ||
		    replica_entry(
			r->replica, s->docno, graph_find(g, id), &info)
			    .code != LK_OK)
			continue;
		home_who(r->replica, info.author, who, sizeof(who));
		buf_printf(
		    &names, "%s%.8s by %s", n == 0 ? "" : ", ", hex, who);
	}
	request_detail(r, "damaged", list);
	if (n == 0)
		return request_fail(
		    r, err, "%s: damaged: %s", s->name.name, err.what);
	request_hint(r,
	    "the rest can be read; what is damaged comes back from any device "
	    "that has it");
	return request_fail(r, err, "%s: damaged on this disk: %.*s%s",
	    s->name.name, (int)names.len, (const char *)names.ptr,
	    n > DAMAGED_NAMED ? ", and more" : "");
}

static lk_err
names_find(struct request *r, struct json_object *names, uint32_t *docnos)
{
	struct subject s;

	for (size_t i = 0; i < json_object_array_length(names); i++) {
		struct json_object *name = json_object_array_get_idx(names, i);

		TRY(subject_named(
		    r, name == NULL ? "" : json_object_get_string(name), &s));
		docnos[i] = s.docno;
	}
	return LK_NONE;
}

lk_err
subject_list(struct request *r, uint32_t **docnos, size_t *len)
{
	struct json_object *names;
	uint32_t *found;
	lk_err err;

	*docnos = NULL;
	*len = 0;
	if (!json_object_object_get_ex(r->params, "docs", &names) ||
	    !json_object_is_type(names, json_type_array) ||
	    json_object_array_length(names) == 0)
		return LK_NONE;
	found = calloc(json_object_array_length(names), sizeof(*found));
	if (found == NULL)
		return LK_ERR(LK_E_NOMEM, "find documents");
	err = names_find(r, names, found);
	if (err.code != LK_OK) {
		free(found);
		return err;
	}
	*docnos = found;
	*len = json_object_array_length(names);
	return LK_NONE;
}

void
json_add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

/* What json-c keeps for an object and its first members, about. */
#define ENTRY_BYTES 1024

lk_err
answer_take(size_t *room, size_t bytes)
{
	if (*room < ENTRY_BYTES || *room - ENTRY_BYTES < bytes)
		return LK_ERR(LK_E_LIMIT, "the answer is too large");
	*room -= ENTRY_BYTES + bytes;
	return LK_NONE;
}

void
json_add_bytes(struct json_object *o, const char *key, struct bytes b)
{
	json_object_object_add(o, key,
	    json_object_new_string_len(
		b.len == 0 ? "" : (const char *)b.ptr, (int)b.len));
}

void
json_add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

void
json_add_identity(struct json_object *o, const struct identity *self)
{
	json_add_text(o, "name", self->name);
	json_add_id(o, "device", BYTES_OF(self->sign.pk));
	json_add_id(o, "person", BYTES_OF(self->root_pk));
}

void
json_add_flag(struct json_object *o, const char *key, bool flag)
{
	json_object_object_add(o, key, json_object_new_boolean(flag));
}

void
json_add_id(struct json_object *o, const char *key, struct bytes id)
{
	char hex[2 * LK_ID_LEN + 1];
	bool zero = true;

	LK_ASSERT(id.len <= LK_ID_LEN);
	for (size_t i = 0; i < id.len; i++)
		zero = zero && id.ptr[i] == 0;
	if (zero) {
		json_object_object_add(o, key, NULL);
		return;
	}
	hex_encode(hex, id);
	json_add_text(o, key, hex);
}

void
json_add_time(struct json_object *o, const char *key, struct wall at)
{
	char text[WALL_TEXT_LEN];

	if (at.ms == 0) {
		json_object_object_add(o, key, NULL);
		return;
	}
	wall_format(text, at);
	json_add_text(o, key, text);
}

void
json_add_subject(struct json_object *o, const struct subject *s)
{
	json_add_id(o, "doc", BYTES_OF(s->summary.docid));
	json_add_text(o, "name", s->name.name);
}

lk_err
json_add_summary(
    struct request *r, struct json_object *o, const struct subject *s)
{
	uint64_t voided;

	TRY(replica_voided(r->replica, s->docno, &voided));
	json_add_subject(o, s);
	json_add_text(o, "type", s->name.type);
	json_add_text(o, "role", role_name(s->summary.role));
	json_add_flag(o, "revoked", s->summary.revoked);
	json_add_number(o, "waiting", s->summary.waiting);
	json_add_number(o, "voided", voided);
	json_add_number(o, "damaged", s->summary.damaged);
	json_add_flag(o, "newer", s->summary.newer);
	return LK_NONE;
}

int
json_name_compare(const void *a, const void *b)
{
	/* What sets apart two of one name: the keys come after what is for
	 * people. */
	static const char *const members[] = { "name", "who", "doc", "person",
		"device", "key", "address" };
	struct json_object *const *x = a, *const *y = b;

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		struct json_object *of_x, *of_y;
		int c;

		if (!json_object_object_get_ex(*x, members[i], &of_x) ||
		    !json_object_object_get_ex(*y, members[i], &of_y) ||
		    of_x == NULL || of_y == NULL)
			continue;
		c = strcmp(
		    json_object_get_string(of_x), json_object_get_string(of_y));
		if (c != 0)
			return c;
	}
	return 0;
}

static const char *const role_names[] = {
	[ROLE_NONE] = "none",
	[ROLE_RELAY] = "relay",
	[ROLE_READ] = "read",
	[ROLE_WRITE] = "write",
	[ROLE_ADMIN] = "admin",
};

const char *
role_name(enum role role)
{
	return role_names[role];
}

lk_err
subject_denied(struct request *r, const struct subject *s, const char *what)
{
	char quoted[SHELL_WORD_MAX];
	const char *name = s->name.name;

	if (s->summary.revoked) {
		request_hint(r, "lk log --access %s shows who took it away",
		    shell_word(quoted, name));
		return request_fail(r, LK_ERR(LK_E_REVOKED, what),
		    "%s: revoked: this device has no access any more", name);
	}
	request_hint(
	    r, "lk members %s shows who may", shell_word(quoted, name));
	return request_fail(r, LK_ERR(LK_E_DENIED, what),
	    "%s: not permitted to %s: the role of this device is %s", name,
	    what, role_name(s->summary.role));
}

lk_err
role_read(struct request *r, const char *word, enum role *role)
{
	for (enum role i = ROLE_RELAY; i <= ROLE_ADMIN; i++) {
		if (strcmp(role_names[i], word) != 0)
			continue;
		*role = i;
		return LK_NONE;
	}
	request_hint(r, "roles are relay, read, write and admin");
	return request_fail(
	    r, LK_ERR(LK_E_USAGE, "read role"), "%s: no such role", word);
}

void
param_wipe(struct request *r, const char *key)
{
	struct json_object *o = json_object_object_get(r->params, key);

	if (json_object_is_type(o, json_type_string))
		explicit_bzero((void *)(uintptr_t)json_object_get_string(o),
		    (size_t)json_object_get_string_len(o));
}
