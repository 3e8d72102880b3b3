#include "daemon/revision.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/shell.h"
#include "crdt/doc_history.h"
#include "daemon/change_json.h"

#define DIGITS_MIN 4
#define CANDIDATES_MAX 8
#define HEADS_MAX 1024 /* as many as an import may leave */

static const char digits[] = "0123456789abcdef";

static lk_err
revision_unknown(struct request *r, const struct subject *s, const char *rev)
{
	char quoted[SHELL_WORD_MAX];
	request_hint(
	    r, "lk log %s lists the changes", shell_word(quoted, s->name.name));
	return request_fail(r, LK_ERR(LK_E_NOTFOUND, "find revision"),
	    "%s: %s has no such revision", rev, s->name.name);
}

static lk_err
revision_malformed(struct request *r, const char *rev)
{
	request_hint(r,
	    "a revision is 4 or more digits of a change's hash, several of "
	    "them with commas, @N, or a branch or other document");
	return request_fail(
	    r, LK_ERR(LK_E_USAGE, "read revision"), "%s: no revision", rev);
}

/* The changes that digits may have meant. */
struct candidates {
	uint8_t hashes[CANDIDATES_MAX][LK_ID_LEN];
	size_t len;
};

static lk_err
candidate_add(void *ctx, const struct doc_change_info *info)
{
	struct candidates *c = ctx;

	memcpy(c->hashes[c->len++], info->hash, LK_ID_LEN);
	return c->len == CANDIDATES_MAX ? LK_ERR(LK_E_EXISTS, "enough")
					: LK_NONE;
}

static lk_err
revision_ambiguous(
    struct request *r, const char *rev, const struct candidates *c)
{
	struct json_object *list = json_object_new_array();
	BUF_SCOPED hint = { 0 };

	buf_init(&hint, CONTROL_LINE_MAX);
	buf_str(&hint, "give more digits:");
	for (size_t i = 0; i < c->len; i++) {
		char hex[2 * LK_ID_LEN + 1];

		hex_encode(hex, BYTES_OF(c->hashes[i]));
		json_object_array_add(list, json_object_new_string(hex));
		buf_printf(&hint, " %.12s", hex);
	}
	request_detail(r, "candidates", list);
	if (!hint.failed)
		request_hint(r, "%.*s", (int)hint.len, (const char *)hint.ptr);
	return request_fail(r, LK_ERR(LK_E_USAGE, "find revision"),
	    "%s: more than one change has a hash like this", rev);
}

/* One change, by the first digits of its hash. */
static lk_err
hash_find(struct request *r, const struct subject *s, struct doc *doc,
    const char *rev, uint8_t hash[static LK_ID_LEN])
{
	struct candidates found = { .len = 0 };
	size_t len = strlen(rev);
	lk_err err;

	if (len < DIGITS_MIN || len > 2 * LK_ID_LEN ||
	    strspn(rev, digits) != len)
		return revision_malformed(r, rev);
	err = doc_match(doc, rev, candidate_add, &found);
	if (err.code != LK_OK && err.code != LK_E_EXISTS)
		return err;
	if (found.len == 0)
		return revision_unknown(r, s, rev);
	if (found.len > 1)
		return revision_ambiguous(r, rev, &found);
	memcpy(hash, found.hashes[0], LK_ID_LEN);
	return LK_NONE;
}

/* The entry so many behind the newest one, of those that are not void only:
 * *entry is 1 + its number, and 0, and *back is what is left, when there are
 * not so many. */
static lk_err
entry_back(struct request *r, const struct subject *s, bool visible,
    uint64_t *back, uint32_t *entry)
{
	struct graph *g;
	uint32_t n;

	TRY(replica_graph(r->replica, s->docno, &g));
	for (n = graph_len(g); n > 0; n--) {
		struct change_info info;

		TRY(replica_entry(r->replica, s->docno, n - 1, &info));
		if (!change_counts(&info) || (visible && !info.visible))
			continue;
		if (*back == 0)
			break;
		--*back;
	}
	*entry = n;
	return LK_NONE;
}

/* The entry that @N names; *entry is 1 + its number, 0 when that is just before
 * the first. */
static lk_err
back_find(struct request *r, const struct subject *s, const char *rev,
    uint32_t *entry)
{
	uint64_t back = 0;
	uint32_t n;

	for (const char *c = rev + 1; *c != '\0'; c++) {
		if (*c < '0' || *c > '9')
			return revision_malformed(r, rev);
		/* More than there are says the same. */
		if (back < UINT32_MAX)
			back = 10 * back + (uint64_t)(*c - '0');
	}
	if (rev[1] == '\0')
		return revision_malformed(r, rev);
	TRY(entry_back(r, s, false, &back, &n));
	if (n == 0 && back > 0)
		return revision_unknown(r, s, rev);
	*entry = n;
	return LK_NONE;
}

static bool
is_change(const char *rev)
{
	size_t len = strspn(rev, digits);

	return rev[0] == '@' || strchr(rev, ',') != NULL ||
	    (rev[len] == '\0' && len >= DIGITS_MIN);
}

/* A branch of the document by its name, else any document, unless it may be
 * meant for a change; NOTFOUND. */
static lk_err
branch_find(struct request *r, const struct subject *s, const char *name,
    uint32_t *docno)
{
	char full[HOME_NAME_LEN];
	lk_err err = LK_ERR(LK_E_NOTFOUND, "branch");

	if (name == NULL || name[0] == '\0')
		return err;
	if (snprintf(full, sizeof(full), "%s/%s", s->name.name, name) <
	    (int)sizeof(full))
		err = home_find(r->replica, full, docno);
	if (err.code == LK_E_NOTFOUND && !is_change(name))
		err = home_find(r->replica, name, docno);
	return err;
}

static const struct revision_branch *
branch_opened(const struct revisions *v, const char *rev)
{
	for (size_t i = 0; i < v->branches_len; i++)
		if (strcmp(v->branches[i].rev, rev) == 0)
			return &v->branches[i];
	return NULL;
}

/* Puts the branch that a revision names, if it names one, over the document. */
static lk_err
branch_open(struct request *r, struct revisions *v, const char *rev)
{
	struct revision_branch *b;
	uint32_t docno;
	lk_err err = branch_find(r, v->subject, rev, &docno);

	if (err.code == LK_E_NOTFOUND ||
	    (err.code == LK_OK && branch_opened(v, rev) != NULL))
		return LK_NONE;
	TRY(err);
	if (v->base == NULL)
		TRY(replica_open_over(
		    r->replica, v->subject->docno, &v->overlay, &v->base));
	b = &v->branches[v->branches_len++];
	buf_init(&b->heads, DOCUMENT_BODY_MAX);
	b->rev = strdup(rev);
	if (b->rev == NULL)
		return LK_ERR(LK_E_NOMEM, "branch");
	err = replica_add_shown(r->replica, docno, v->base, &b->heads);
	return err.code == LK_E_DATA
	    ? request_fail(r, err, "%s: %s", rev, err.what)
	    : err;
}

static lk_err
revisions_fill(
    struct request *r, struct revisions *v, const char *rev, const char *other)
{
	uint64_t own;

	TRY(branch_open(r, v, rev));
	TRY(branch_open(r, v, other));
	if (v->branches_len == 0) {
		TRY(replica_open_doc(r->replica, v->subject->docno, &v->base));
		v->now = v->base;
		return LK_NONE;
	}
	TRY(replica_open_doc(r->replica, v->subject->docno, &v->now));
	own = doc_changes(v->now);
	doc_free(v->now);
	v->now = NULL;
	return doc_at_first(v->base, own, VIEW_JUDGED, &v->now);
}

lk_err
revisions_open(struct request *r, struct revisions *out,
    const struct subject *s, const char *rev, const char *other)
{
	struct revisions v = { .subject = s };
	lk_err err;

	err = revisions_fill(r, &v, rev, other);
	if (err.code != LK_OK) {
		revisions_close(&v);
		return err;
	}
	*out = v;
	return LK_NONE;
}

void
revisions_close(struct revisions *v)
{
	if (v->now != v->base)
		doc_free(v->now);
	doc_free(v->base);
	kv_overlay_free(&v->overlay);
	for (size_t i = 0; i < v->branches_len; i++) {
		buf_clear(&v->branches[i].heads);
		free(v->branches[i].rev);
	}
	*v = (struct revisions){ .subject = NULL };
}

static lk_err
view_back(struct request *r, const struct revisions *v, struct doc *near,
    const char *rev, struct doc **view)
{
	const struct subject *s = v->subject;
	uint64_t changes = 0;
	uint32_t entry;

	TRY(back_find(r, s, rev, &entry));
	if (entry > 0)
		TRY(replica_changes_at(
		    r->replica, s->docno, v->base, entry - 1, &changes));
	return doc_at_first(near, changes, VIEW_JUDGED, view);
}

/* Several hashes, with commas between them. */
static lk_err
view_hashes(struct request *r, const struct revisions *v, struct doc *near,
    const char *rev, struct doc **view)
{
	char one[2 * LK_ID_LEN + 2];
	uint8_t(*heads)[LK_ID_LEN] = NULL;
	size_t n = 0;
	lk_err err = LK_NONE;

	while (err.code == LK_OK) {
		size_t len = strcspn(rev, ",");
		uint8_t(*more)[LK_ID_LEN] =
		    reallocarray(heads, n + 1, LK_ID_LEN);

		if (more == NULL || n == HEADS_MAX) {
			err = LK_ERR(LK_E_LIMIT, "heads of a revision");
			break;
		}
		heads = more;
		/* What is longer is no hash. */
		(void)snprintf(one, sizeof(one), "%.*s", (int)len, rev);
		err = hash_find(r, v->subject, v->base, one, heads[n++]);
		if (rev[len] == '\0')
			break;
		rev += len + 1;
	}
	if (err.code == LK_OK)
		err = doc_at(near, (const uint8_t(*)[LK_ID_LEN])heads, n,
		    VIEW_JUDGED, view);
	free(heads);
	return err;
}

lk_err
revision_view(struct request *r, const struct revisions *v, struct doc *near,
    const char *rev, struct doc **view)
{
	const struct revision_branch *b = branch_opened(v, rev);

	if (b != NULL)
		return doc_at(near, (const uint8_t(*)[LK_ID_LEN])b->heads.ptr,
		    b->heads.len / LK_ID_LEN, VIEW_JUDGED, view);
	return rev[0] == '@' ? view_back(r, v, near, rev, view)
			     : view_hashes(r, v, near, rev, view);
}

lk_err
revision_before_last(struct request *r, const struct revisions *v,
    struct doc *near, struct doc **view)
{
	const struct subject *s = v->subject;
	uint64_t changes = 0, back = 0;
	uint32_t n;

	TRY(entry_back(r, s, true, &back, &n));
	if (n > 1)
		TRY(replica_changes_at(
		    r->replica, s->docno, v->base, n - 2, &changes));
	return doc_at_first(near, changes, VIEW_JUDGED, view);
}

lk_err
revision_change(struct request *r, const struct revisions *v, const char *rev,
    uint8_t hash[static LK_ID_LEN])
{
	const struct subject *s = v->subject;
	struct change_info info;
	uint32_t entry;

	if (rev[0] != '@')
		return hash_find(r, s, v->base, rev, hash);
	TRY(back_find(r, s, rev, &entry));
	if (entry == 0)
		return revision_unknown(r, s, rev);
	TRY(replica_entry(r->replica, s->docno, entry - 1, &info));
	memcpy(hash, info.hash, LK_ID_LEN);
	return LK_NONE;
}
