#include <string.h>

#include "sync/bucket.h"
#include "sync/docno_list.h"

/* One page, against the records of what lies between its ends. */
struct page {
	struct engine *e;
	struct remote *r;
	struct stored_name at; /* the first record not compared yet */
	/* The topic met last. */
	uint8_t topic[LK_TOPIC_LEN], own[LK_TOPIC_LEN];
	uint32_t docno; /* 0: none of ours */
	bool has_topic, forgotten;
};

static lk_err
page_topic(struct page *p, const struct stored_name *name)
{
	struct forgotten f;
	struct topic topic;
	lk_err err;

	if (p->has_topic && memcmp(p->topic, name->topic, LK_TOPIC_LEN) == 0)
		return LK_NONE;
	p->has_topic = true;
	p->docno = 0;
	memcpy(p->topic, name->topic, LK_TOPIC_LEN);
	err = replica_doc_by_topic(p->e->r, name->topic, &p->docno);
	if (err.code == LK_E_NOTFOUND) {
		p->docno = 0;
		return LK_NONE;
	}
	TRY(err);
	TRY(docstate_forgotten(p->e->r, p->docno, &f));
	p->forgotten = f.is;
	TRY(docstate_topic(p->e->r, p->docno, &topic));
	author_tag(p->own, &topic, p->e->identity->sign.pk);
	secret_wipe(&topic, sizeof(topic));
	return LK_NONE;
}

/* Whether this device is about to delete it. */
static bool
is_deleted(const struct bucket *b, const struct stored_name *name)
{
	const struct flight *f;

	TAILQ_FOREACH (f, &b->flights, next)
		if (f->kind == FLIGHT_DELETE &&
		    stored_name_same(&f->record.name, name))
			return true;
	return false;
}

/* An object that was known is not there any more. */
static lk_err
record_gone(struct page *p, const struct record *record)
{
	struct bucket *b = &p->r->bucket;
	bool own;
	lk_err err;

	/* It was written, or read, while the list was under way. */
	if (record->since.ms >= b->began.ms &&
	    record->since.ms <= p->e->now.wall.ms)
		return LK_NONE;
	TRY(record_del(p->e, p->r->status.number, &record->name));
	if (record->state == RECORD_IGNORED && p->r->status.ignored > 0)
		p->r->status.ignored--;
	err = page_topic(p, &record->name);
	if (err.code != LK_OK || p->docno == 0)
		return err;
	own = memcmp(record->name.tag, p->own, LK_TOPIC_LEN) == 0;
	/* What others take away of their own, like an acknowledgement that a
	 * newer one has replaced, makes no work. */
	if (record->name.kind == STORED_ACK && !own)
		return LK_NONE;
	b->shrunk |= own && !is_deleted(b, &record->name);
	TRY(record_complete_del(p->e, p->r->status.number, p->docno));
	return docno_list_add(
	    &b->later.at, &b->later.len, &b->later.cap, p->docno);
}

/* Passes over the records below a name, of which the page says nothing; *known
 * when there is one of that name. */
static lk_err
records_below(struct page *p, const struct stored_name *name,
    struct record *record, bool *known)
{
	uint8_t wanted[STORED_KEY_LEN], at[STORED_KEY_LEN];

	*known = false;
	stored_name_key(wanted, name);
	for (;;) {
		lk_err err =
		    record_next(p->e, p->r->status.number, &p->at, record);
		int order;

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		stored_name_key(at, &record->name);
		order = memcmp(at, wanted, sizeof(at));
		if (order > 0)
			return LK_NONE;
		p->at = record->name;
		record_step(&p->at);
		*known = order == 0;
		if (*known)
			return LK_NONE;
		TRY(record_gone(p, record));
	}
}

/* An acknowledgement of our own that is not the one we know of. */
static void
own_ack(struct page *p, const struct stored_name *name)
{
	const struct flight *f;

	TAILQ_FOREACH (f, &p->r->bucket.flights, next)
		if (f->kind == FLIGHT_ACK && f->docno == p->docno)
			return;
	(void)bucket_ask(p->e, p->r, FLIGHT_DELETE, OBJECT_DELETE, name);
}

/* Whether a smaller pack of this device lies inside a large one. */
static lk_err
part_find(struct page *p, const struct stored_name *big, enum stored_kind kind,
    bool *found)
{
	struct stored_name at = *big;
	struct record record;

	at.kind = kind;
	at.count = 0;
	memset(at.hash, 0, sizeof(at.hash));
	for (int i = 0; i < 2 && !*found; i++) {
		lk_err err =
		    record_next_of(p->e, p->r->status.number, &at, &record);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (record.name.seq >= big->seq + big->count)
			return LK_NONE;
		*found = record.name.count < big->count;
		at = record.name;
		record_step(&at);
	}
	return LK_NONE;
}

/* One of our own large packs: what it has made needless is looked for. */
static lk_err
own_pack(struct page *p, const struct record *record)
{
	struct bucket *b = &p->r->bucket;
	bool found = false;

	if (record->name.count < PACK_SMALL_MAX ||
	    record->since.ms + PACK_PARTS_MS > p->e->now.wall.ms)
		return LK_NONE;
	TRY(part_find(p, &record->name, STORED_PACK, &found));
	TRY(part_find(p, &record->name, STORED_KEY_PACK, &found));
	return found ? docno_list_add(
			   &b->later.at, &b->later.len, &b->later.cap, p->docno)
		     : LK_NONE;
}

static lk_err
entry_take(struct page *p, const struct object_entry *entry)
{
	struct stored_name name;
	struct record record;
	bool known;

	if (!stored_name_parse(&name, entry->name))
		return LK_NONE;
	if (name.kind == STORED_MAIL)
		return bucket_letter_found(p->e, p->r, &name);
	TRY(records_below(p, &name, &record, &known));
	TRY(page_topic(p, &name));
	if (p->docno == 0)
		return LK_NONE;
	if (name.kind == STORED_ACK &&
	    memcmp(name.tag, p->own, LK_TOPIC_LEN) == 0) {
		if (!known)
			own_ack(p, &name);
		return LK_NONE;
	}
	if (p->forgotten)
		return LK_NONE;
	if (known && record.size == entry->size)
		return memcmp(name.tag, p->own, LK_TOPIC_LEN) == 0
		    ? own_pack(p, &record)
		    : LK_NONE;
	if (known) {
		record.since.ms = 0;
		TRY(record_gone(p, &record));
	}
	return bucket_found(p->e, p->r, p->docno, &name, entry->size);
}

lk_err
bucket_page(struct engine *e, struct remote *r, const struct object_answer *a)
{
	struct bucket *b = &r->bucket;
	struct page p = { .e = e, .r = r, .at = b->compared };
	struct record record;
	bool known;

	for (size_t i = 0; i < a->entries_len; i++) {
		const char *name = a->entries[i].name;

		/* A list that goes in circles would never end. */
		if (strnlen(name, OBJECT_NAME_MAX + 1) > OBJECT_NAME_MAX ||
		    strcmp(name, b->after) <= 0)
			continue;
		(void)strlcpy(b->after, name, sizeof(b->after));
		if (!a->entries[i].strange)
			TRY(entry_take(&p, &a->entries[i]));
	}
	if (!a->more) {
		struct stored_name end = { .kind = STORED_MAIL };

		memset(end.topic, 0xff, sizeof(end.topic));
		memset(end.tag, 0xff, sizeof(end.tag));
		TRY(records_below(&p, &end, &record, &known));
	}
	b->compared = p.at;
	return LK_NONE;
}
