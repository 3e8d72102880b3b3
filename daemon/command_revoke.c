/* Taking access away: revoke, leave; cli.md section 6. */
#include <stdlib.h>
#include <string.h>

#include "base/shell.h"
#include "daemon/change_json.h"
#include "daemon/commands.h"
#include "daemon/entry.h"
#include "daemon/guardians.h"
#include "daemon/members.h"
#include "sync/revoke.h"

#define KEEP_MAX 64   /* revisions that --keep may name */
#define LISTED_MAX 50 /* void changes that an answer tells one by one */
#define STANDING_MAX ((size_t)256 * 1024 * 1024)

#define NODE_SHOWN 1
#define NODE_DENIES 2

/* How everything stands, before a revocation and after it. */
struct standing {
	struct member *members;
	size_t members_len;
	uint8_t *nodes; /* NODE_SHOWN, NODE_DENIES */
	uint32_t nodes_len;
};

static lk_err
standing_take(struct request *r, uint32_t docno, struct arena *arena,
    struct standing *out)
{
	struct standing st;
	struct graph *g;

	TRY(replica_graph(r->replica, docno, &g));
	st.members_len = graph_members_len(g);
	st.nodes_len = graph_len(g);
	st.members =
	    arena_alloc(arena, (st.members_len + 1) * sizeof(*st.members));
	st.nodes = arena_alloc(arena, (size_t)st.nodes_len + 1);
	if (st.members == NULL || st.nodes == NULL)
		return LK_ERR(LK_E_NOMEM, "members");
	for (size_t i = 0; i < st.members_len; i++)
		graph_member(g, i, &st.members[i]);
	for (uint32_t n = 0; n < st.nodes_len; n++) {
		bool counts;

		if (graph_visible(g, n))
			st.nodes[n] |= NODE_SHOWN;
		if (graph_denies(g, n, &counts) && counts)
			st.nodes[n] |= NODE_DENIES;
	}
	*out = st;
	return LK_NONE;
}

/* Devices that may read the document and have not acknowledged all of it:
 * they may not have heard of a revocation yet. */
static lk_err
unheard_json(struct request *r, const struct subject *s, bool acted)
{
	struct json_object *list = json_object_new_array();
	struct sync_status status;

	json_object_object_add(r->result, "not_heard", list);
	for (size_t i = 0;; i++) {
		char who[WHO_LEN];
		lk_err err = subject_device(r, s->docno, i, &status);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		/* A moment ago nobody can have heard. */
		if (!acted && status.state == SYNC_DONE && status.connected)
			continue;
		home_who(r->replica, status.pk, who, sizeof(who));
		json_object_array_add(list, json_object_new_string(who));
	}
}

static void
person_add(struct request *r, struct json_object *list, const struct member *m)
{
	struct json_object *o = json_object_new_object();

	json_object_array_add(list, o);
	member_who(r, o, "who", m->key);
	json_add_id(o, "key", BYTES_OF(m->key));
	json_add_text(o, "role", role_name(m->now));
	json_add_text(o, "granted", role_name(m->role));
}

/* The revocation of one key, and what came of it. */
struct act {
	const struct subject *subject;
	struct revoke_order order;
	uint8_t key[32];
	uint32_t keep[KEEP_MAX];
	struct standing before, after;
};

/* Whether a member is the one revoked, or a device below him. */
static bool
is_target(const struct act *a, size_t i)
{
	const struct member *all = a->after.members;

	while (memcmp(all[i].key, a->key, sizeof(a->key)) != 0) {
		const struct grant_ref *up = &all[i].parent;
		size_t k = i;

		if (!(all[i].flags & GRANT_OWN))
			return false;
		do {
			if (k-- == 0)
				return false;
		} while (!grant_ref_equal(&all[k].grant, up));
		i = k;
	}
	return true;
}

/* What becomes of others: who has less than before (lost), who has more (back),
 * and who has what he gave them and keeps it (stay). */
static lk_err
others_json(struct request *r, const struct act *a)
{
	struct json_object *lost = json_object_new_array();
	struct json_object *back = json_object_new_array();
	struct json_object *stay = json_object_new_array();
	struct graph *g;

	json_object_object_add(r->result, "lost", lost);
	json_object_object_add(r->result, "back", back);
	json_object_object_add(r->result, "stay", stay);
	for (size_t i = 0; i < a->before.members_len; i++) {
		const struct member *was = &a->before.members[i];
		const struct member *m = &a->after.members[i];
		bool given = false;

		/* A person is named, not each device. */
		if (is_target(a, i) || (m->flags & GRANT_OWN))
			continue;
		TRY(replica_graph(r->replica, a->subject->docno, &g));
		for (size_t k = 0; k < i && !given; k++)
			given = is_target(a, k) && graph_member_below(g, i, k);
		if (m->now < was->now)
			person_add(r, lost, m);
		else if (m->now > was->now)
			person_add(r, back, m);
		else if (given && m->now > ROLE_NONE)
			person_add(r, stay, m);
	}
	return LK_NONE;
}

/* What does not count any more: changes, and denials. */
static lk_err
voided_json(struct request *r, const struct act *a)
{
	struct json_object *changes = json_object_new_array();
	struct json_object *denials = json_object_new_array();
	uint32_t docno = a->subject->docno;
	struct change_info info;
	uint64_t voided = 0;

	json_object_object_add(r->result, "void", changes);
	json_object_object_add(r->result, "denials", denials);
	for (uint32_t n = 0; n < a->before.nodes_len; n++) {
		uint8_t gone =
		    (uint8_t)(a->before.nodes[n] & ~a->after.nodes[n]);

		if (gone == 0)
			continue;
		TRY(replica_entry(r->replica, docno, n, &info));
		voided += change_counts(&info) && (gone & NODE_SHOWN);
		if (change_counts(&info) && (gone & NODE_SHOWN) &&
		    json_object_array_length(changes) < LISTED_MAX)
			json_object_array_add(
			    changes, change_json(r->replica, docno, &info));
		TRY(replica_entry(r->replica, docno, n, &info));
		if (gone & NODE_DENIES)
			json_object_array_add(
			    denials, change_json(r->replica, docno, &info));
	}
	json_add_number(r->result, "voided", voided);
	return LK_NONE;
}

static bool
had_admin(const struct act *a)
{
	for (size_t i = 0; i < a->before.members_len; i++)
		if (is_target(a, i) && a->before.members[i].now == ROLE_ADMIN)
			return true;
	return false;
}

static lk_err
revoke_fail(struct request *r, const struct act *a, lk_err err)
{
	char quoted[SHELL_WORD_MAX];
	const char *name = a->subject->name.name;

	if (err.code == LK_E_NOTFOUND) {
		request_hint(
		    r, "lk members %s lists who is", shell_word(quoted, name));
		return request_fail(r, err, "%s: not a member", name);
	}
	if (err.code == LK_E_EXISTS) {
		request_hint(r, "lk members --all %s shows what ended it",
		    shell_word(quoted, name));
		return request_fail(r, LK_ERR(LK_E_USAGE, "revoke"),
		    a->order.level == ROLE_NONE
			? "%s: they have no access already"
			: "%s: they have no more than that already",
		    name);
	}
	return members_fail(r, a->subject, err);
}

static lk_err
revoke_run(struct request *r, struct act *a, struct arena *arena)
{
	uint32_t docno = a->subject->docno;
	struct guardians guardians;
	struct revoke_report report;
	lk_err err;

	/* Where the rest stands before anything is written, for a dry run. */
	if (r->undo)
		TRY(unheard_json(r, a->subject, false));
	TRY(standing_take(r, docno, arena, &a->before));
	err = replica_revoke(r->replica, docno, &a->order, &report);
	if (err.code != LK_OK)
		return revoke_fail(r, a, err);
	TRY(standing_take(r, docno, arena, &a->after));
	json_add_number(r->result, "kept", report.kept);
	json_add_number(r->result, "grants", report.grants);
	json_add_number(r->result, "epoch", report.epoch);
	json_add_flag(r->result, "last_admin", report.last_admin);
	json_add_flag(r->result, "admin", had_admin(a));
	json_add_flag(r->result, "soft", a->order.soft);
	json_add_flag(r->result, "ban", a->order.ban);
	json_add_flag(r->result, "cut", a->order.keep != NULL);
	TRY(others_json(r, a));
	TRY(voided_json(r, a));
	TRY(guardians_of(r, docno, &guardians));
	json_add_flag(r->result, "guarded", guardians.len > 0);
	return r->undo ? LK_NONE : unheard_json(r, a->subject, true);
}

/* --keep REV[,REV...]: the entries that these changes came with. */
static lk_err
keep_read(struct request *r, struct act *a)
{
	const char *rev;
	char one[2 * LK_ID_LEN + 2];

	TRY(param_string_or(r, "keep", NULL, &rev));
	if (rev == NULL)
		return LK_NONE;
	a->order.keep = a->keep;
	for (;;) {
		size_t len = strcspn(rev, ",");
		struct change_info info;

		if (a->order.keep_len == KEEP_MAX)
			return request_fail(r, LK_ERR(LK_E_USAGE, "keep"),
			    "keep: at most %d revisions", KEEP_MAX);
		/* What is longer is no hash. */
		(void)snprintf(one, sizeof(one), "%.*s", (int)len, rev);
		TRY(entry_find(r, a->subject, one, &info));
		a->keep[a->order.keep_len++] = info.number;
		if (rev[len] == '\0')
			return LK_NONE;
		rev += len + 1;
	}
}

static lk_err
level_read(struct request *r, struct act *a)
{
	const char *word;

	TRY(param_string_or(r, "role", "none", &word));
	if (strcmp(word, "none") != 0)
		TRY(role_read(r, word, &a->order.level));
	if (a->order.level == ROLE_ADMIN) {
		request_hint(r, "roles that may remain: relay, read, write");
		return request_fail(r, LK_ERR(LK_E_USAGE, "read role"),
		    "admin: a revocation leaves less than that");
	}
	if (a->order.ban && a->order.level != ROLE_NONE) {
		request_hint(r, "ban without role");
		return request_fail(r, LK_ERR(LK_E_USAGE, "read role"),
		    "%s: a ban leaves nothing", word);
	}
	return LK_NONE;
}

static lk_err
revoke(struct request *r)
{
	ARENA_SCOPED arena = { .max = STANDING_MAX };
	struct act a = { .order = { .level = ROLE_NONE } };
	struct subject s;

	TRY(subject_find(r, &s));
	a.subject = &s;
	a.order.key = a.key;
	TRY(param_bool_or(r, "dry_run", false, &r->undo));
	TRY(param_bool_or(r, "soft", false, &a.order.soft));
	TRY(param_bool_or(r, "cascade", false, &a.order.cascade));
	TRY(param_bool_or(r, "ban", false, &a.order.ban));
	TRY(level_read(r, &a));
	TRY(member_find(r, &s, a.key));
	json_add_subject(r->result, &s);
	member_who(r, r->result, "who", a.key);
	json_add_id(r->result, "key", BYTES_OF(a.key));
	json_add_text(r->result, "role", role_name(a.order.level));
	json_add_flag(r->result, "dry_run", r->undo);
	TRY(keep_read(r, &a));
	return revoke_run(r, &a, &arena);
}

lk_err
members_reduce(struct request *r, const struct subject *s,
    const uint8_t key[static 32], enum role level)
{
	struct act a = { .subject = s, .order = { .level = level } };
	struct revoke_report report;
	lk_err err;

	a.order.key = key;
	err = replica_revoke(r->replica, s->docno, &a.order, &report);
	return err.code == LK_OK ? err : revoke_fail(r, &a, err);
}

/* Other devices of this person that stay, and whether anybody is left who can
 * change members. */
static lk_err
left_json(struct request *r, const struct subject *s, bool was_admin)
{
	const uint8_t *me = replica_identity(r->replica)->sign.pk;
	struct json_object *devices = json_object_new_array();
	struct home_device device;
	struct guardians guardians;
	struct graph *g;
	struct member m;
	bool admin = false;

	TRY(guardians_of(r, s->docno, &guardians));
	json_add_flag(r->result, "guarded", guardians.len > 0);
	TRY(replica_graph(r->replica, s->docno, &g));
	for (size_t i = 0; i < graph_members_len(g); i++) {
		graph_member(g, i, &m);
		admin |= m.now == ROLE_ADMIN && !(m.flags & GRANT_COLD) &&
		    m.rank > 0 && memcmp(m.key, me, sizeof(m.key)) != 0;
	}
	json_add_flag(r->result, "last_admin", was_admin && !admin);
	json_object_object_add(r->result, "devices", devices);
	for (size_t i = 0;; i++) {
		lk_err err = home_device(r->replica, i, &device);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		TRY(replica_graph(r->replica, s->docno, &g));
		if (!device.self && graph_role(g, device.pk) > ROLE_NONE)
			json_object_array_add(
			    devices, json_object_new_string(device.name));
	}
}

static lk_err
leave(struct request *r)
{
	struct subject s;
	lk_err err;

	TRY(subject_find(r, &s));
	err = replica_leave(r->replica, s.docno);
	if (err.code == LK_E_DENIED)
		return subject_denied(r, &s, "leave");
	if (err.code != LK_OK)
		return request_fail(r, err, "%s: %s", s.name.name, err.what);
	json_add_subject(r->result, &s);
	json_add_text(r->result, "role", role_name(s.summary.role));
	return left_json(r, &s, s.summary.role == ROLE_ADMIN);
}

#define ACCESS_WRITES (COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED)

static const struct command table[] = {
	{ "doc.revoke", revoke, ACCESS_WRITES },
	{ "doc.leave", leave, ACCESS_WRITES },
	{ NULL, NULL, 0 },
};

const struct command *const commands_revoke = table;
