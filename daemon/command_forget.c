/* Documents this device does not keep: doc.forget, doc.recall, doc.forgotten;
 * sync/forget.h. */
#include <string.h>

#include "base/shell.h"
#include "daemon/commands.h"
#include "daemon/mirror.h"
#include "daemon/subject.h"
#include "sync/forget.h"

#define WHO_LEN (2 * LK_NAME_MAX + 8)

/* Who else has the document. */
struct holders {
	size_t readers;    /* who may read it, and has not forgotten it */
	size_t own;        /* of those, devices of this person */
	size_t confirmed;  /* are connected and have all of it */
	char one[WHO_LEN]; /* of those that have not, or are not */
};

static bool
is_own(struct request *r, const uint8_t pk[static 32])
{
	struct home_device device;

	for (size_t i = 0; home_device(r->replica, i, &device).code == LK_OK;
	     i++)
		if (memcmp(device.pk, pk, sizeof(device.pk)) == 0)
			return true;
	return false;
}

static lk_err
holders_count(struct request *r, const struct subject *s, struct holders *h)
{
	struct sync_status status;

	*h = (struct holders){ .readers = 0 };
	for (size_t i = 0;; i++) {
		lk_err err = subject_device(r, s->docno, i, &status);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (status.state == SYNC_FORGOTTEN)
			continue;
		h->readers++;
		h->own += is_own(r, status.pk);
		if (status.state == SYNC_DONE && status.connected)
			h->confirmed++;
		else
			home_who(r->replica, status.pk, h->one, sizeof(h->one));
	}
}

/* What goes must be with somebody: not as of some time ago, but now. */
static lk_err
forget_allowed(
    struct request *r, const struct subject *s, const struct holders *h)
{
	const char *name = s->name.name;
	char quoted[SHELL_WORD_MAX];
	struct mirror *m = mirror_of(r->daemon, s->docno);
	bool force;

	if (m != NULL) {
		request_hint(
		    r, "lk mirror rm %s first", shell_word(quoted, m->dir));
		return request_fail(r, LK_ERR(LK_E_EXISTS, "forget"),
		    "%s: it is mirrored in %s", name, m->dir);
	}
	TRY(param_bool_or(r, "force", false, &force));
	/* Of what is not back yet, or never came, nothing is lost. */
	if (force || h->confirmed > 0 ||
	    (s->summary.envelopes == 0 && s->summary.waiting == 0))
		return LK_NONE;
	shell_word(quoted, name);
	if (s->summary.revoked) {
		request_hint(r, "lk forget --force %s deletes it", quoted);
		return request_fail(r, LK_ERR(LK_E_REVOKED, "forget"),
		    "%s: this device has no access any more: it could not be "
		    "had again",
		    name);
	}
	if (h->readers == 0) {
		request_hint(
		    r, "lk forget --force %s deletes it for good", quoted);
		return request_fail(r, LK_ERR(LK_E_DENIED, "forget"),
		    "%s: no other device has it", name);
	}
	request_hint(r,
	    "lk sync --wait %s first; --force deletes what nobody else may "
	    "have",
	    quoted);
	return request_fail(r, LK_ERR(LK_E_AGAIN, "forget"),
	    "%s: nobody who is connected has acknowledged all of it (%s%s)",
	    name, h->one, h->readers > 1 ? ", ..." : "");
}

static lk_err
doc_forget(struct request *r)
{
	struct holders h;
	struct subject s;
	uint32_t empty;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(holders_count(r, &s, &h));
	TRY(forget_allowed(r, &s, &h));
	err = engine_forget(r->engine, s.docno, r->now, &empty);
	if (err.code != LK_OK)
		return request_fail(r, err, "%s: %s", s.name.name, err.what);
	/* A device that is paired with this person is not to wait for it; but
	 * who has nothing of it does not know who else has. */
	if (h.own == 0 && s.summary.envelopes > 0) {
		err = home_name_drop(r->replica, empty);
		if (err.code != LK_E_DENIED)
			TRY(err);
	}
	json_add_subject(r->result, &s);
	json_add_number(r->result, "holders", h.readers);
	return LK_NONE;
}

/* The next document that was forgotten. */
static lk_err
forgotten_next(struct request *r, uint32_t *docno, struct subject *out)
{
	do {
		TRY(replica_doc_next(r->replica, *docno, docno));
		TRY(replica_doc(r->replica, *docno, &out->summary));
	} while (!out->summary.forgotten);
	out->docno = *docno;
	return home_name(r->replica, *docno, &out->name);
}

static bool
is_called(const struct subject *s, const char *word)
{
	return strcmp(s->name.name, word) == 0 ||
	    home_id_begins(word, s->summary.docid);
}

static lk_err
forgotten_find(struct request *r, struct subject *out)
{
	struct subject s;
	const char *word;
	uint32_t docno = 0;
	size_t found = 0;
	lk_err err;

	TRY(param_string(r, "doc", &word));
	while ((err = forgotten_next(r, &docno, &s)).code == LK_OK) {
		if (!is_called(&s, word))
			continue;
		found++;
		*out = s;
	}
	if (err.code != LK_E_NOTFOUND)
		return err;
	if (found == 1)
		return LK_NONE;
	request_hint(r, "lk forget --list shows them");
	return found == 0
	    ? request_fail(r, LK_ERR(LK_E_NOTFOUND, "recall"),
		  "%s: no document that this device has forgotten", word)
	    : request_fail(r, LK_ERR(LK_E_USAGE, "recall"),
		  "%s: more than one forgotten document is called so", word);
}

static lk_err
doc_recall(struct request *r)
{
	struct home_name now;
	struct subject s;
	lk_err err;

	TRY(forgotten_find(r, &s));
	err = engine_recall(r->engine, s.docno, r->now);
	if (err.code == LK_E_AGAIN)
		return request_fail(r, err,
		    "%s: what was here of it is still being removed",
		    s.name.name);
	TRY(err);
	/* Its name went where no device of this person had it any more. */
	TRY(home_name(r->replica, s.docno, &now));
	if (strcmp(now.name, s.name.name) != 0 &&
	    home_name_check(r->replica, s.name.name).code == LK_OK) {
		err = home_name_set(
		    r->replica, s.docno, s.name.name, s.name.type);
		if (err.code != LK_E_DENIED)
			TRY(err);
	}
	json_add_subject(r->result, &s);
	return LK_NONE;
}

static lk_err
doc_forgotten(struct request *r)
{
	struct json_object *list = json_object_new_array(), *o;
	uint32_t docno = 0;
	struct subject s;
	lk_err err;

	json_object_object_add(r->result, "documents", list);
	while ((err = forgotten_next(r, &docno, &s)).code == LK_OK) {
		o = json_object_new_object();
		json_object_array_add(list, o);
		json_add_subject(o, &s);
		json_add_text(o, "type", s.name.type);
		json_add_time(o, "since", s.summary.changed);
	}
	json_object_array_sort(list, json_name_compare);
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

#define FORGET_WRITES (COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED)

static const struct command table[] = {
	{ "doc.forget", doc_forget, FORGET_WRITES },
	{ "doc.recall", doc_recall, FORGET_WRITES },
	{ "doc.forgotten", doc_forgotten, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_forget = table;
