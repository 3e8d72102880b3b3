#include "daemon/control.h"
#include "sync/mend.h"

#include <string.h>

#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"

/* A document whose damage is known is not looked through again at every read
 * that meets it. */
#define MEND_AGAIN_MS (10 * 60 * 1000)

static void
report_log(struct daemon *d, uint32_t docno, const struct mend_report *m)
{
	struct home_name name;
	const char *who = "this device";

	if (docno != STORE_DEVICE)
		who = home_name(d->replica, docno, &name).code == LK_OK
		    ? name.name
		    : "a document";
	if (m->records > 0)
		log_warn("document %s: damaged: %llu records%s", who,
		    (unsigned long long)m->records,
		    m->rebuilt ? ", made again from its log" : "");
	if (m->keys > 0)
		log_error("document %s: a key is damaged: what is new cannot "
			  "be read until a device hands it over again",
		    who);
	if (m->envelopes + m->lost > 0)
		log_error("document %s: damaged: %llu envelopes%s", who,
		    (unsigned long long)(m->envelopes + m->lost),
		    ", asked of every device that has them");
}

lk_err
daemon_mend_one(struct daemon *d, uint32_t docno, struct mend_report *out)
{
	struct mend_report m = { 0 };
	lk_err err;

	TRY(replica_nest(d->replica));
	err = replica_mend(d->replica, docno, &m);
	TRY(replica_unnest(d->replica, err.code == LK_OK));
	if (err.code != LK_OK) {
		log_error("document %u: damaged, not mended: %s", docno,
		    err.what);
		return (err);
	}
	report_log(d, docno, &m);
	*out = m;
	return (LK_NONE);
}

static bool
is_known(struct daemon *d, uint32_t docno)
{
	uint8_t id[LK_ID_LEN];

	return (replica_damaged(d->replica, docno, 0, id).code == LK_OK &&
	    d->now.mono.ms < d->mended.ms + MEND_AGAIN_MS);
}

/* Every document: what was met does not say which one it concerns. */
static lk_err
mend_each(struct daemon *d, bool *any)
{
	uint32_t docno = 0;
	struct mend_report m;

	TRY(daemon_mend_one(d, STORE_DEVICE, &m));
	*any |= m.records > 0;
	for (;;) {
		lk_err err = replica_doc_next(d->replica, docno, &docno);

		if (err.code == LK_E_NOTFOUND)
			return (LK_NONE);
		TRY(err);
		err = daemon_mend_one(d, docno, &m);
		if (err.code != LK_OK && err.code != LK_E_CORRUPT)
			return (err);
		*any |= m.records + m.envelopes > 0;
	}
}

lk_err
daemon_mend(struct daemon *d, bool *any)
{
	uint32_t doubts[64], docno;
	size_t len = 0;
	lk_err err = LK_NONE;

	*any = false;
	if (d->replica == NULL || d->read_only)
		return (LK_NONE);
	while (len < 64 && store_doubt(d->store, &docno))
		doubts[len++] = docno;
	for (size_t i = 0; i < len && err.code == LK_OK; i++) {
		struct mend_report m = { 0 };

		if (is_known(d, doubts[i]))
			continue;
		if (doubts[i] == STORE_DEVICE) {
			err = mend_each(d, any);
			continue;
		}
		err = daemon_mend_one(d, doubts[i], &m);
		*any |= m.records + m.envelopes > 0;
		/* It says so itself; the others go on. */
		if (err.code == LK_E_CORRUPT || err.code == LK_E_NOTFOUND)
			err = LK_NONE;
	}
	/* What is known now was met while looking. */
	while (store_doubt(d->store, &docno))
		;
	if (len > 0 && d->engine != NULL) {
		d->mended = d->now.mono;
		engine_poke(d->engine, d->now);
	}
	return (err);
}
