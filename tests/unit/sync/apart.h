/*
 * apart.h - for tests: two devices of a person and one of a contact, who have
 * met, and from then on reach a shelf and nothing else.
 */
#ifndef TESTS_UNIT_SYNC_APART_H
#define TESTS_UNIT_SYNC_APART_H

#include "tests/unit/sync/shelf.h"

#define MINUTE 60000

enum { LAPTOP, PHONE, FRIEND, HOSTS };

struct story {
	struct wires w;
	struct host at[HOSTS];
	struct reader readers[HOSTS];
	struct shelf *shelf;
	uint32_t met; /* laptop's document by which the friend was met */
	int64_t ms;
};

static inline uint32_t
host_document(struct host *h, const char *name)
{
	struct setting s = { "title", name };
	uint32_t docno;

	device_begin(&h->d);
	ok(replica_create(h->d.r, name, "map", setting_fill, &s, &docno));
	host_commit(h);
	return docno;
}

static inline uint32_t
document_at(struct host *h, const char *name)
{
	uint32_t docno;
	lk_err err;

	device_begin(&h->d);
	err = home_find(h->d.r, name, &docno);
	device_commit(&h->d);
	return err.code == LK_OK ? docno : 0;
}

static inline bool
host_shows(struct host *h, const char *name, const char *key)
{
	uint32_t docno = document_at(h, name);
	struct doc_summary doc;

	if (docno == 0)
		return false;
	device_begin(&h->d);
	ok(replica_doc(h->d.r, docno, &doc));
	device_commit(&h->d);
	return doc.envelopes > 0 && shows(&h->d, docno, key);
}

static inline void
host_shares(struct host *h, uint32_t docno, const struct host *with)
{
	ARENA_SCOPED arena = { .max = (size_t)1 << 20 };
	struct person person;

	device_begin(&h->d);
	ok(home_person(h->d.r, with->d.identity.root_pk, &arena, &person));
	ok(replica_share(h->d.r, docno, &person, ROLE_WRITE));
	host_commit(h);
}

static inline void
pass(struct story *s, int64_t ms)
{
	readers_run(s->readers, HOSTS, &s->ms, ms);
}

/* Laptop and phone are paired, the friend has met the laptop; then the network
 * is gone, and there is the shelf. */
static inline struct story *
story_begin(void)
{
	struct story *s = calloc(1, sizeof(*s));
	char text[TICKET_TEXT_MAX + 1];

	assert_non_null(s);
	host_make(&s->w, &s->at[LAPTOP], 1, "laptop");
	host_make(&s->w, &s->at[PHONE], 2, "phone");
	host_make(&s->w, &s->at[FRIEND], 3, "fred");
	pair(&s->w, &s->at[LAPTOP], &s->at[PHONE]);
	s->met = host_document(&s->at[LAPTOP], "met");
	ticket_make(&s->at[LAPTOP], s->met, ROLE_WRITE, 1, text);
	assert_true(
	    redeemed(&s->at[FRIEND], redeem(&s->w, &s->at[FRIEND], text)) != 0);
	wires_run(&s->w, 20000);
	wires_cut(&s->w);
	s->ms = s->w.ms + 1000;
	s->shelf = shelf_new();
	for (int i = 0; i < HOSTS; i++) {
		s->at[i].cut = true;
		host_remote(&s->at[i], REMOTE_FOLDER);
		s->readers[i] =
		    (struct reader){ .host = &s->at[i], .shelf = s->shelf };
	}
	return s;
}

static inline void
story_end(struct story *s)
{
	for (int i = 0; i < HOSTS; i++)
		host_remove(&s->at[i]);
	shelf_free(s->shelf);
	free(s);
}

static inline enum sync_state
state_of(struct host *h, uint32_t docno, const struct host *of)
{
	struct sync_status status;
	enum sync_state state = SYNC_UNKNOWN;

	device_begin(&h->d);
	for (size_t i = 0;
	     engine_sync_status(h->e, docno, i, &status).code == LK_OK; i++)
		if (memcmp(status.pk, of->d.identity.sign.pk, 32) == 0)
			state = status.state;
	device_commit(&h->d);
	return state;
}

/* Whether two devices have the same of a document, and hold nothing back. */
static inline void
assert_same(struct story *s, const char *name)
{
	uint8_t sums[2][32];

	for (int i = LAPTOP; i <= PHONE; i++) {
		uint32_t docno = document_at(&s->at[i], name);
		struct fingerprint fp;

		assert_true(docno != 0);
		device_begin(&s->at[i].d);
		ok(fingerprint_doc(s->at[i].d.txn, docno, &fp));
		device_commit(&s->at[i].d);
		memcpy(sums[i], fp.sum, 32);
	}
	assert_memory_equal(sums[LAPTOP], sums[PHONE], 32);
}

/* Both write by turns, whatever goes wrong. */
static inline void
write_by_turns_on(struct story *s, int edits)
{
	struct host *laptop = &s->at[LAPTOP], *phone = &s->at[PHONE];
	uint32_t plan = document_at(laptop, "plan");

	for (int i = 0; i < edits; i++) {
		char text[16];
		uint32_t his = document_at(phone, "plan");

		(void)snprintf(text, sizeof(text), "%d", i);
		host_edit(laptop, plan, "a", text);
		if (his != 0 && shows(&phone->d, his, "title"))
			host_edit(phone, his, "b", text);
		pass(s, 15000);
	}
}

static inline void
write_by_turns(struct story *s, int edits)
{
	(void)host_document(&s->at[LAPTOP], "plan");
	pass(s, MINUTE);
	write_by_turns_on(s, edits);
}

static inline void
assert_stored(struct host *h, const char *name)
{
	uint32_t docno = document_at(h, name);
	uint64_t lacks;
	bool holds;

	device_begin(&h->d);
	ok(engine_remote_holds(h->e, SHELF_NUMBER, docno, &holds));
	ok(engine_remote_lacks(h->e, SHELF_NUMBER, &lacks));
	device_commit(&h->d);
	assert_true(holds);
	assert_int_equal(lacks, 0);
}

#endif
