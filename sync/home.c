#include "sync/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/forget.h"
#include "sync/home_doc.h"
#include "sync/names.h"
#include "sync/person.h"

#define ID_PREFIX_MIN 4 /* hex digits that name a document or a key */
#define ID_SHORT 8
#define NO_NAME "not a name (1 to 255 bytes, no control character, no /)"
#define CONTACTS_ARENA_MAX ((size_t)1024 * 1024)

bool
home_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > LK_NAME_MAX || !utf8_valid(BYTES_STR(name)))
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == '/' || *p == 0x7f)
			return false;
	return true;
}

lk_err
home_name_check(struct replica *r, const char *name)
{
	struct names *names;
	size_t first;

	if (!home_name_valid(name))
		return LK_ERR(LK_E_DATA, NO_NAME);
	TRY(names_get(r, &names));
	if (names_find(names, name, &first) > 0)
		return LK_ERR(LK_E_EXISTS, "a document of this name");
	return LK_NONE;
}

struct naming {
	const uint8_t *docid;
	struct name_given given;
};

static lk_err
naming_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct naming *n = ctx;
	char hex[2 * LK_ID_LEN + 1];
	struct op_id map;

	TRY(home_entry_make(e, doc, "documents", n->docid, &map));
	TRY(home_text_put(e, map, "name", n->given.name));
	TRY(home_text_put(e, map, "type", n->given.type));
	if (n->given.of == NULL)
		return LK_NONE;
	hex_encode(hex, BYTES(n->given.of, LK_ID_LEN));
	return home_text_put(e, map, "of", hex);
}

static lk_err
naming_set(struct replica *r, uint32_t docno, const struct name_given *given)
{
	struct doc_summary doc;
	struct naming n = { .docid = doc.docid, .given = *given };
	struct names *names;
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;

	TRY(replica_doc(r, docno, &doc));
	TRY(replica_home(r, &home));
	TRY(names_get(r, &names));
	TRY(replica_edit(r, home, naming_fill, &n, NULL, &changed, hash));
	return names_put(names, doc.docid, given);
}

lk_err
home_name_set(
    struct replica *r, uint32_t docno, const char *name, const char *type)
{
	return naming_set(r, docno, &(struct name_given){ name, type, NULL });
}

lk_err
home_branch_check(struct replica *r, uint32_t of, const char *name)
{
	struct home_name above;
	struct names *names;
	char full[LK_NAME_MAX + 1];
	size_t first;

	if (!home_name_valid(name))
		return LK_ERR(LK_E_DATA, NO_NAME);
	TRY(home_name(r, of, &above));
	if (snprintf(full, sizeof(full), "%s/%s", above.name, name) >=
	    (int)sizeof(full))
		return LK_ERR(LK_E_DATA, "too long for a name");
	TRY(names_get(r, &names));
	if (names_find(names, full, &first) > 0)
		return LK_ERR(LK_E_EXISTS, "a branch of this name");
	return LK_NONE;
}

lk_err
home_branch_set(struct replica *r, uint32_t docno, uint32_t of,
    const char *name, const char *type)
{
	struct doc_summary above;

	TRY(replica_doc(r, of, &above));
	return naming_set(
	    r, docno, &(struct name_given){ name, type, above.docid });
}

lk_err
home_branch_of(struct replica *r, uint32_t docno, uint8_t of[static LK_ID_LEN])
{
	const struct name_entry *e;
	struct doc_summary doc;
	struct names *names;

	TRY(replica_doc(r, docno, &doc));
	TRY(names_get(r, &names));
	e = names_of(names, doc.docid);
	if (e == NULL || !name_is_branch(e))
		return LK_ERR(LK_E_NOTFOUND, "branch");
	memcpy(of, e->of, LK_ID_LEN);
	return LK_NONE;
}

/* Whether it is called so already, whoever else may be: then there is nothing
 * to do. */
static bool
is_called(struct replica *r, const uint8_t *docid, const char *name)
{
	const struct name_entry *e;
	struct names *names;
	const char *last;

	if (names_get(r, &names).code != LK_OK)
		return false;
	e = names_of(names, docid);
	if (e == NULL)
		return false;
	last = name_is_branch(e) ? strrchr(e->name, '/') : NULL;
	return strcmp(last == NULL ? e->name : last + 1, name) == 0;
}

lk_err
home_rename(
    struct replica *r, uint32_t docno, const char *name, bool *changed)
{
	struct name_given given = { .name = name };
	uint8_t above[LK_ID_LEN];
	struct doc_summary doc;
	struct home_name now;
	uint32_t of;
	lk_err err;

	TRY(replica_doc(r, docno, &doc));
	TRY(home_name(r, docno, &now));
	*changed = !is_called(r, doc.docid, name);
	if (!*changed)
		return LK_NONE;
	err = home_branch_of(r, docno, above);
	if (err.code == LK_OK) {
		TRY(replica_doc_by_id(r, above, &of));
		TRY(home_branch_check(r, of, name));
		given.of = above;
	} else if (err.code == LK_E_NOTFOUND) {
		TRY(home_name_check(r, name));
	} else {
		return err;
	}
	given.type = now.type;
	TRY(naming_set(r, docno, &given));
	/* What its branches are called follows from it. */
	names_drop(r);
	return LK_NONE;
}

static lk_err
entry_drop(void *ctx, struct edit *e, struct doc *doc)
{
	return home_entry_drop(e, doc, "documents", ctx);
}

lk_err
home_name_drop(struct replica *r, uint32_t docno)
{
	uint8_t hash[LK_ID_LEN];
	struct doc_summary doc;
	uint32_t home;
	bool changed;

	TRY(replica_doc(r, docno, &doc));
	TRY(replica_home(r, &home));
	TRY(replica_edit(r, home, entry_drop, doc.docid, NULL, &changed, hash));
	names_drop(r);
	return LK_NONE;
}

lk_err
home_name(struct replica *r, uint32_t docno, struct home_name *out)
{
	const struct name_entry *e;
	struct doc_summary doc;
	struct names *names;
	char hex[2 * LK_ID_LEN + 1];
	lk_err err = LK_ERR(LK_E_NOTFOUND, "name");

	TRY(replica_doc(r, docno, &doc));
	TRY(names_get(r, &names));
	e = names_of(names, doc.docid);
	if (e == NULL && doc.forgotten)
		err = forgotten_name(r, docno, out);
	if (err.code != LK_E_NOTFOUND)
		return err;
	if (doc.home) {
		(void)strlcpy(out->name, "home", sizeof(out->name));
		(void)strlcpy(out->type, "map", sizeof(out->type));
	} else if (e == NULL) {
		hex_encode(hex, BYTES_OF(doc.docid));
		(void)snprintf(
		    out->name, sizeof(out->name), "%.*s", ID_SHORT, hex);
		(void)strlcpy(out->type, "map", sizeof(out->type));
	} else {
		(void)name_shown(e, out->name, sizeof(out->name));
		(void)strlcpy(out->type, e->type, sizeof(out->type));
	}
	return LK_NONE;
}

/* "x~2": the second document called x. */
static const struct name_entry *
find_by_name(const struct names *names, const char *name)
{
	const char *tilde = strrchr(name, '~');
	char base[LK_NAME_MAX + 1];
	const char *bad = NULL;
	long long copy;
	size_t first, len = names_find(names, name, &first);

	if (len > 0)
		return &names->entries[first];
	if (tilde == NULL || (size_t)(tilde - name) >= sizeof(base))
		return NULL;
	copy = strtonum(tilde + 1, 2, UINT16_MAX, &bad);
	if (bad != NULL)
		return NULL;
	(void)strlcpy(base, name, (size_t)(tilde - name) + 1);
	len = names_find(names, base, &first);
	return (size_t)copy <= len ? &names->entries[first + (size_t)copy - 1]
				   : NULL;
}

bool
home_id_begins(const char *s, const uint8_t id[static LK_ID_LEN])
{
	char hex[2 * LK_ID_LEN + 1];
	size_t len = strlen(s);

	hex_encode(hex, BYTES(id, LK_ID_LEN));
	return len >= ID_PREFIX_MIN && len <= sizeof(hex) - 1 &&
	    strncasecmp(hex, s, len) == 0;
}

static lk_err
find_by_id(struct replica *r, const char *prefix, uint32_t *docno)
{
	struct doc_summary doc;
	uint32_t found = 0;

	for (uint32_t n = 0; replica_doc_next(r, n, &n).code == LK_OK;) {
		TRY(replica_doc(r, n, &doc));
		if (!home_id_begins(prefix, doc.docid))
			continue;
		if (found != 0)
			return LK_ERR(LK_E_USAGE, "ambiguous document id");
		found = n;
	}
	if (found == 0)
		return LK_ERR(LK_E_NOTFOUND, "no such document");
	*docno = found;
	return LK_NONE;
}

static lk_err
find_document(struct replica *r, const char *name, uint32_t *docno)
{
	const struct name_entry *e;
	struct names *names;

	TRY(names_get(r, &names));
	e = find_by_name(names, name);
	if (e != NULL) {
		lk_err err = replica_doc_by_id(r, e->docid, docno);

		/* Listed, but this device has no key to it yet. */
		return err.code == LK_E_NOTFOUND
		    ? LK_ERR(LK_E_NOTFOUND, "the document has not arrived yet")
		    : err;
	}
	if (strlen(name) < ID_PREFIX_MIN ||
	    strspn(name, "0123456789abcdefABCDEF") != strlen(name))
		return LK_ERR(LK_E_NOTFOUND, "no such document");
	return find_by_id(r, name, docno);
}

/* A branch whose document is not called by its full name. */
static const struct name_entry *
find_branch(struct replica *r, const struct names *names, const char *name)
{
	const char *slash = strrchr(name, '/');
	char above[HOME_NAME_LEN];
	struct doc_summary doc;
	uint32_t of;

	if (slash == NULL || (size_t)(slash - name) >= sizeof(above))
		return NULL;
	(void)strlcpy(above, name, (size_t)(slash - name) + 1);
	if (find_document(r, above, &of).code != LK_OK ||
	    replica_doc(r, of, &doc).code != LK_OK)
		return NULL;
	for (size_t i = 0; i < names->len; i++) {
		const struct name_entry *e = &names->entries[i];
		const char *last = strrchr(e->name, '/');

		if (last != NULL && strcmp(last, slash) == 0 &&
		    memcmp(e->of, doc.docid, LK_ID_LEN) == 0)
			return e;
	}
	return NULL;
}

lk_err
home_find(struct replica *r, const char *name, uint32_t *docno)
{
	const struct name_entry *e;
	struct names *names;
	lk_err err = find_document(r, name, docno);

	if (err.code != LK_E_NOTFOUND)
		return err;
	TRY(names_get(r, &names));
	e = find_branch(r, names, name);
	return e == NULL ? err : replica_doc_by_id(r, e->docid, docno);
}
/* The i-th member of a map of the home document. */
struct nth {
	struct doc *doc;
	size_t wanted, at;
	bool found;
	uint8_t key[32];
	struct op_id map;
};

static lk_err
nth_visit(void *ctx, const struct doc_visit *v)
{
	struct nth *n = ctx;
	uint8_t key[32];

	if (!v->winner || !v->item.is_obj || !home_key(v->key, key))
		return LK_NONE;
	if (n->at++ == n->wanted) {
		memcpy(n->key, key, sizeof(key));
		n->map = v->item.id;
		n->found = true;
	}
	return LK_NONE;
}

/* Opens the home document at its i-th entry; doc_free(n->doc) afterwards. */
static lk_err
nth_open(struct replica *r, const char *name, size_t i, struct nth *n)
{
	uint32_t home;
	lk_err err;

	*n = (struct nth){ .wanted = i };
	TRY(replica_home(r, &home));
	TRY(replica_open_doc(r, home, &n->doc));
	err = home_each(n->doc, name, nth_visit, n);
	if (err.code == LK_OK && !n->found)
		err = LK_ERR(LK_E_NOTFOUND, name);
	if (err.code != LK_OK)
		doc_free(n->doc);
	return err;
}

/* The i-th of those that have a grant in the home document and no entry: who
 * takes himself off the list is still there. */
static const struct person_device *
unlisted(const struct person_device *all, size_t len, size_t i)
{
	for (size_t k = 0; k < len; k++)
		if (!all[k].listed && all[k].now > ROLE_NONE && i-- == 0)
			return &all[k];
	return NULL;
}

static void
device_fill(struct home_device *d, const struct person_device *known)
{
	char hex[2 * LK_ID_LEN + 1];

	if (d->name[0] == '\0') {
		hex_encode(hex, BYTES_OF(d->pk));
		(void)snprintf(d->name, sizeof(d->name), "%.*s", ID_SHORT, hex);
	}
	if (known == NULL)
		return;
	d->gone = known->gone;
	d->rank = known->rank;
	memcpy(d->issuer, known->cert.issuer_pk, sizeof(d->issuer));
}

/* One that was revoked hears of that from its home document's members: the list
 * in it says so only behind what it cannot read. */
static bool
is_revoked_here(struct replica *r)
{
	struct doc_summary home;
	uint32_t docno;

	return replica_home(r, &docno).code == LK_OK &&
	    replica_doc(r, docno, &home).code == LK_OK && home.revoked;
}

lk_err
home_device(struct replica *r, size_t i, struct home_device *out)
{
	ARENA_SCOPED arena = { .max = PERSON_ARENA_MAX };
	const struct person_device *all, *known;
	struct home_device d = { .self = false };
	struct home_text name = { "" };
	struct nth n;
	size_t len;
	lk_err err;

	TRY(person_all(r, &arena, &all, &len));
	err = nth_open(r, "devices", i, &n);
	if (err.code == LK_OK) {
		(void)home_text_get(n.doc, n.map, "name", &name);
		d.added.ms = home_time_get(n.doc, n.map, "added");
		doc_free(n.doc);
		memcpy(d.pk, n.key, sizeof(d.pk));
		known = person_device_in(all, len, d.pk);
	} else if (err.code == LK_E_NOTFOUND && n.at <= i) {
		known = unlisted(all, len, i - n.at);
		if (known == NULL)
			return err;
		memcpy(d.pk, known->cert.block.device_pk, sizeof(d.pk));
	} else {
		return err;
	}
	(void)strlcpy(d.name, name.text, sizeof(d.name));
	d.self = memcmp(d.pk, replica_identity(r)->sign.pk, 32) == 0;
	device_fill(&d, known);
	d.gone |= d.self && is_revoked_here(r);
	*out = d;
	return LK_NONE;
}

lk_err
home_find_device(struct replica *r, const char *who, struct home_device *out)
{
	struct home_device d;
	size_t named = 0, begun = 0;

	for (size_t i = 0; home_device(r, i, &d).code == LK_OK; i++) {
		bool is_named = strcmp(d.name, who) == 0;

		begun += home_id_begins(who, d.pk);
		named += is_named;
		if (is_named || (named == 0 && home_id_begins(who, d.pk)))
			*out = d;
	}
	if (named == 0 && begun == 0)
		return LK_ERR(LK_E_NOTFOUND, "no device of this name");
	if (named > 1 || (named == 0 && begun > 1))
		return LK_ERR(LK_E_USAGE, "more than one of this name");
	return LK_NONE;
}

/* What is written into one entry of the home document. */
struct entry_edit {
	const char *list;
	const uint8_t *pk;
	const char *name;     /* NULL: it stays */
	struct wall verified; /* 0: that stays */
};

static lk_err
entry_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct entry_edit *n = ctx;
	struct op_id map;

	TRY(home_entry_make(e, doc, n->list, n->pk, &map));
	if (n->name != NULL)
		TRY(home_text_put(e, map, "name", n->name));
	return n->verified.ms == 0
	    ? LK_NONE
	    : home_time_put(e, map, "verified", n->verified);
}

static lk_err
entry_write(struct replica *r, struct entry_edit *n)
{
	uint8_t hash[LK_ID_LEN];
	uint32_t home;
	bool changed;

	TRY(replica_home(r, &home));
	return replica_edit(r, home, entry_fill, n, NULL, &changed, hash);
}

lk_err
home_device_rename(
    struct replica *r, const uint8_t pk[static 32], const char *name)
{
	struct entry_edit n = { .list = "devices", .pk = pk, .name = name };
	struct home_device d;
	bool found = false;

	if (!home_name_valid(name))
		return LK_ERR(LK_E_DATA, NO_NAME);
	for (size_t i = 0; home_device(r, i, &d).code == LK_OK; i++) {
		if (memcmp(d.pk, pk, 32) == 0)
			found = true;
		else if (strcmp(d.name, name) == 0)
			return LK_ERR(LK_E_EXISTS, "a device of this name");
	}
	if (!found)
		return LK_ERR(LK_E_NOTFOUND, "device");
	return entry_write(r, &n);
}

static void
contact_from_card(struct home_contact *c, const struct card *card)
{
	size_t len =
	    card->name.len < LK_NAME_MAX ? card->name.len : LK_NAME_MAX;

	memcpy(c->root_pk, card->root_pk, 32);
	if (len > 0)
		memcpy(c->name, card->name.ptr, len);
	c->name[len] = '\0';
	for (size_t i = 0; i < card->devices_len; i++)
		memcpy(
		    c->devices[i], card->devices[i].cert.block.device_pk, 32);
	c->devices_len = card->devices_len;
}

lk_err
home_contact(struct replica *r, size_t i, struct home_contact *out)
{
	ARENA_SCOPED arena = { 0 };
	struct home_text name;
	struct bytes bytes;
	struct card card;
	struct nth n;

	arena_init(&arena, CONTACTS_ARENA_MAX);
	TRY(nth_open(r, "contacts", i, &n));
	*out = (struct home_contact){ .devices_len = 0 };
	memcpy(out->root_pk, n.key, sizeof(out->root_pk));
	/* A card that is none must not hide the contacts behind it. */
	if (home_bytes_get(n.doc, n.map, "card", &bytes) &&
	    card_decode(&card, &arena, bytes).code == LK_OK &&
	    memcmp(card.root_pk, n.key, sizeof(n.key)) == 0)
		contact_from_card(out, &card);
	if (home_text_get(n.doc, n.map, "name", &name))
		(void)strlcpy(out->name, name.text, sizeof(out->name));
	out->verified.ms = home_time_get(n.doc, n.map, "verified");
	doc_free(n.doc);
	return LK_NONE;
}

lk_err
home_find_contact(struct replica *r, const char *who, struct home_contact *out)
{
	struct home_contact c;
	size_t named = 0, begun = 0;

	for (size_t i = 0; home_contact(r, i, &c).code == LK_OK; i++) {
		bool is_named = strcmp(c.name, who) == 0;
		bool is_key = home_id_begins(who, c.root_pk);

		begun += is_key;
		named += is_named;
		if (is_named || (named == 0 && is_key))
			*out = c;
	}
	if (named == 0 && begun == 0)
		return LK_ERR(LK_E_NOTFOUND, "nobody of this name");
	if (named > 1 || (named == 0 && begun > 1))
		return LK_ERR(LK_E_USAGE, "more than one of this name");
	return LK_NONE;
}

lk_err
home_contact_rename(
    struct replica *r, const uint8_t root_pk[static 32], const char *name)
{
	struct entry_edit n = {
		.list = "contacts", .pk = root_pk, .name = name
	};
	struct home_contact c;

	if (!home_name_valid(name))
		return LK_ERR(LK_E_DATA, NO_NAME);
	for (size_t i = 0; home_contact(r, i, &c).code == LK_OK; i++)
		if (memcmp(c.root_pk, root_pk, 32) != 0 &&
		    strcmp(c.name, name) == 0)
			return LK_ERR(LK_E_EXISTS, "a contact of this name");
	return entry_write(r, &n);
}

lk_err
home_contact_verified(struct replica *r, const uint8_t root_pk[static 32])
{
	struct entry_edit n = {
		.list = "contacts", .pk = root_pk, .verified = r->now.wall
	};

	return entry_write(r, &n);
}

/* Contact and device a key belongs to: true with the contact's name. */
static bool
who_contact(
    struct replica *r, const uint8_t pk[static 32], char *out, size_t len)
{
	struct home_contact c;
	char hex[2 * LK_ID_LEN + 1];

	hex_encode(hex, BYTES(pk, 32));
	for (size_t i = 0; home_contact(r, i, &c).code == LK_OK; i++) {
		if (memcmp(c.root_pk, pk, 32) == 0) {
			(void)strlcpy(out, c.name, len);
			return true;
		}
		for (size_t d = 0; d < c.devices_len; d++) {
			if (memcmp(c.devices[d], pk, 32) != 0)
				continue;
			if (c.devices_len == 1)
				(void)strlcpy(out, c.name, len);
			else
				(void)snprintf(out, len, "%s (%.*s)", c.name,
				    ID_SHORT, hex);
			return true;
		}
	}
	return false;
}

void
home_who(struct replica *r, const uint8_t pk[static 32], char *out, size_t len)
{
	struct home_device d;
	char hex[2 * LK_ID_LEN + 1];

	for (size_t i = 0; home_device(r, i, &d).code == LK_OK; i++) {
		if (memcmp(d.pk, pk, 32) == 0) {
			(void)strlcpy(out, d.name, len);
			return;
		}
	}
	if (memcmp(replica_identity(r)->root_pk, pk, 32) == 0) {
		(void)strlcpy(out, "me", len);
		return;
	}
	if (who_contact(r, pk, out, len))
		return;
	hex_encode(hex, BYTES(pk, 32));
	(void)snprintf(out, len, "%.*s", ID_SHORT, hex);
}

struct who_search {
	const char *who;
	uint8_t key[32];
	size_t found;
};

static void
who_found(struct who_search *s, const uint8_t key[static 32])
{
	if (s->found > 0 && memcmp(s->key, key, 32) == 0)
		return;
	memcpy(s->key, key, 32);
	s->found++;
}

static void
who_by_name(struct replica *r, struct who_search *s)
{
	struct home_contact c;
	struct home_device d;

	for (size_t i = 0; home_contact(r, i, &c).code == LK_OK; i++)
		if (strcmp(c.name, s->who) == 0)
			who_found(s, c.root_pk);
	for (size_t i = 0; home_device(r, i, &d).code == LK_OK; i++)
		if (strcmp(d.name, s->who) == 0)
			who_found(s, d.pk);
}

static lk_err
who_by_key(struct replica *r, uint32_t docno, struct who_search *s)
{
	struct home_contact c;
	struct graph *g;
	struct member m;

	for (size_t i = 0; home_contact(r, i, &c).code == LK_OK; i++)
		if (home_id_begins(s->who, c.root_pk))
			who_found(s, c.root_pk);
	TRY(replica_graph(r, docno, &g));
	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		if (home_id_begins(s->who, m.key))
			who_found(s, m.key);
	}
	return LK_NONE;
}

lk_err
home_find_person(
    struct replica *r, uint32_t docno, const char *who, uint8_t key[static 32])
{
	struct who_search s = { .who = who };

	who_by_name(r, &s);
	if (s.found == 0)
		TRY(who_by_key(r, docno, &s));
	if (s.found == 0)
		return LK_ERR(LK_E_NOTFOUND, "nobody of this name");
	if (s.found > 1)
		return LK_ERR(LK_E_USAGE, "more than one of this name");
	memcpy(key, s.key, 32);
	return LK_NONE;
}

lk_err
home_person(struct replica *r, const uint8_t root_pk[static 32],
    struct arena *arena, struct person *out)
{
	struct cert *certs;
	struct card card;

	TRY(person_contact(r, root_pk, arena, &card));
	/* Any device of this person may have put it there. */
	if (card_verify(&card).code != LK_OK)
		return LK_ERR(LK_E_NOTFOUND, "contact");
	certs = arena_alloc(arena, card.devices_len * sizeof(*certs));
	if (certs == NULL)
		return LK_ERR(LK_E_NOMEM, "contact");
	for (size_t i = 0; i < card.devices_len; i++)
		certs[i] =
		    cert_grantee(&card.devices[i].cert, &card.devices[i].box);
	memcpy(out->root_pk, root_pk, 32);
	out->devices = certs;
	out->devices_len = card.devices_len;
	return LK_NONE;
}
