#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/person.h"
#include "tests/sim/hostile.h"

#define BODY_MAX ((size_t)64 * 1024)

static const uint8_t known_types[] = { MSG_HELLO, MSG_CLOSE, MSG_PING, MSG_PONG,
	MSG_SET, MSG_TOPICS, MSG_MATCH, MSG_FP, MSG_VV, MSG_RANGE, MSG_BATCH,
	MSG_WANT, MSG_ACK, MSG_BUSY, MSG_ACKS, MSG_WELCOME, MSG_CARD, MSG_PEERS,
	MSG_CODE_SHARE, MSG_CODE_CONFIRM, MSG_CODE_KEYS, MSG_CODE_DONE };

static void
body_random(struct hostile *h, struct buf *b, size_t n)
{
	uint8_t *room = buf_extend(b, n);

	if (room != NULL)
		random_fill(&h->random, room, n);
}

/* The length fits a type, more or less. */
void
say_malformed(struct speaker *s)
{
	struct hostile *h = s->h;
	unsigned type = hostile_chance(h, 4)
	    ? (unsigned)hostile_below(h, 256)
	    : known_types[hostile_below(h, sizeof(known_types))];
	size_t most = hostile_chance(h, 10) ? BODY_MAX
	    : hostile_chance(h, 2)          ? 300
					    : 40;
	BUF_SCOPED b = { .max = BODY_MAX };
	uint32_t number, docno;
	struct item_state *items;

	/* Half of them are of a document. */
	if (hostile_chance(h, 2) && speaker_topic(s, &number, &docno, &items))
		buf_u32(&b, number);
	body_random(h, &b, (size_t)hostile_below(h, most));
	speaker_say(s, type, buf_bytes(&b));
}

static int
tag_compare(const void *a, const void *b)
{
	return memcmp(a, b, LK_TOPIC_LEN);
}

/* Vectors of authors who are not there, or of all that are, far ahead. */
static void
lie_vector(struct speaker *s, bool huge)
{
	struct hostile *h = s->h;
	uint8_t tags[20][LK_TOPIC_LEN];
	size_t n = (size_t)hostile_below(h, 20);
	struct item_state *items;
	uint32_t number, docno;
	uint8_t docid[LK_ID_LEN];
	struct topic topic;
	BUF_SCOPED b = { .max = BODY_MAX };

	if (!speaker_topic(s, &number, &docno, &items) ||
	    inside_topic(h->node->replica, docno, &topic, docid).code != LK_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct node *who =
		    &h->node->world->nodes[hostile_below(h, NODES)];

		if (hostile_chance(h, 3))
			random_fill(&h->random, tags[i], LK_TOPIC_LEN);
		else
			author_tag(tags[i], &topic, who->identity.sign.pk);
	}
	qsort(tags, n, LK_TOPIC_LEN, tag_compare);
	if (hostile_chance(h, 4))
		number = (uint32_t)hostile_below(h, UINT32_MAX);
	version_vector_encode(&b, number, hostile_chance(h, 2));
	for (size_t i = 0; i < n; i++) {
		struct version_entry e = {
			.seq = huge ? UINT64_MAX : 1 + hostile_below(h, 40)
		};

		if (i > 0 && memcmp(tags[i - 1], tags[i], LK_TOPIC_LEN) == 0)
			continue;
		memcpy(e.tag, tags[i], LK_TOPIC_LEN);
		random_fill(&h->random, e.prefix, sizeof(e.prefix));
		version_entry_encode(&b, &e);
	}
	speaker_say(s, MSG_VV, buf_bytes(&b));
}

static void
lie_fingerprint(struct speaker *s, bool huge)
{
	struct hostile *h = s->h;
	size_t numbers = speaker_numbers(s);
	struct fp_range f = { .answer = hostile_chance(h, 2) };
	BUF_SCOPED b = { .max = BODY_MAX };

	f.first = (uint32_t)hostile_below(h, numbers + 1);
	f.last = f.first + (uint32_t)hostile_below(h, numbers + 8);
	f.count = huge ? UINT64_MAX : hostile_below(h, 100);
	if (huge && hostile_chance(h, 2))
		f.last = UINT32_MAX;
	random_fill(&h->random, f.hash, sizeof(f.hash));
	fp_range_encode(&b, &f);
	speaker_say(s, MSG_FP, buf_bytes(&b));
}

/* Everybody is to be found where nobody is, or here. */
static void
lie_addresses(struct speaker *s)
{
	struct hostile *h = s->h;
	struct world *w = h->node->world;
	ARENA_SCOPED arena = { .max = (size_t)1024 * 1024 };
	BUF_SCOPED b = { .max = BODY_MAX };
	BUF_SCOPED entries = { .max = BODY_MAX };
	size_t n = 0;

	for (size_t i = 0; i < NODES; i++) {
		struct peer_entry entry = { .addresses.len = PEER_ADDRESS_MAX };
		const struct identity *who = &w->nodes[i].identity;
		struct card card;

		if (!w->nodes[i].present)
			continue;
		if (person_contact(
			h->node->replica, who->root_pk, &arena, &card)
			    .code != LK_OK ||
		    card_proof(&card, &entry.proof, who->sign.pk).code != LK_OK)
			continue;
		for (size_t k = 0; k < PEER_ADDRESS_MAX; k++) {
			struct address *a = &entry.addresses.at[k];

			a->type = ADDRESS_IPV4;
			a->port = (uint16_t)(1 + hostile_below(h, 60000));
			memcpy(a->ip,
			    (uint8_t[]){ 10, 9, (uint8_t)k,
				(uint8_t)hostile_below(h, 250) },
			    4);
		}
		peer_entry_encode(&entries, &entry);
		n++;
	}
	peer_list_encode(&b, n);
	buf_add(&b, buf_bytes(&entries));
	if (n > 0)
		speaker_say(s, MSG_PEERS, buf_bytes(&b));
}

void
say_lie(struct speaker *s)
{
	switch (hostile_below(s->h, 3)) {
	case 0:
		lie_vector(s, false);
		break;
	case 1:
		lie_fingerprint(s, false);
		break;
	case 2:
		lie_addresses(s);
		break;
	}
}

void
say_huge(struct speaker *s)
{
	struct hostile *h = s->h;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	switch (hostile_below(h, 4)) {
	case 0:
		lie_vector(s, true);
		break;
	case 1:
		lie_fingerprint(s, true);
		break;
	case 2:
		body_random(h, &b, 63 * 1024);
		speaker_say(s, MSG_UNKNOWN_MIN + 7, buf_bytes(&b));
		break;
	case 3:
		for (uint32_t i = 0; i < 10000; i++)
			buf_u32(&b, UINT32_MAX - 10000 + i);
		speaker_say(s, MSG_MATCH, buf_bytes(&b));
		break;
	}
}

/*
 * An acknowledgement of all that this device has, sealed as it should be: in
 * somebody else's name, badly signed, or its own, with a counter or an
 * incarnation that it has not.
 */
void
say_ack(struct speaker *s)
{
	struct hostile *h = s->h;
	struct ack_forgery f = { .whose = NULL };
	struct item_state *items;
	uint32_t number, docno;
	BUF_SCOPED b = { .max = BODY_MAX };

	if (!speaker_topic(s, &number, &docno, &items))
		return;
	if (!hostile_chance(h, 4))
		f.whose = h->node->world->nodes[hostile_below(h, NODES)]
			      .identity.sign.pk;
	f.counter = hostile_chance(h, 3) ? UINT64_MAX : hostile_below(h, 1000);
	random_fill(&h->random, f.incarnation, sizeof(f.incarnation));
	random_fill(&h->random, f.nonce, sizeof(f.nonce));
	buf_u32(&b, number);
	if (inside_ack(h->node->engine, docno, &f, &b).code == LK_OK)
		speaker_say(s, MSG_ACK, buf_bytes(&b));
}

/* The ids of what this device holds, some of them again and again. */
static void
ask_envelopes(struct speaker *s, size_t n)
{
	struct item_state *items;
	struct log_entry entry = { .lsn = 0 };
	struct want want;
	BUF_SCOPED ids = { .max = WANT_MAX * LK_ID_LEN };
	BUF_SCOPED b = { .max = BODY_MAX };
	uint32_t docno;

	if (!speaker_topic(s, &want.topic, &docno, &items))
		return;
	while (ids.len < n * LK_ID_LEN &&
	    log_next(s->h->node->txn, docno,
		hostile_chance(s->h, 3) ? 1 : entry.lsn + 1, &entry)
		    .code == LK_OK)
		buf_mem(&ids, entry.id, LK_ID_LEN);
	want.ids = ids.ptr;
	want.len = ids.len / LK_ID_LEN;
	want_encode(&b, &want);
	if (want.len > 0)
		speaker_say(s, MSG_WANT, buf_bytes(&b));
}

/* A vector with nothing in it: all of it, please. */
static void
ask_all(struct speaker *s)
{
	struct item_state *items;
	uint32_t number, docno;
	BUF_SCOPED b = { .max = 64 };

	if (!speaker_topic(s, &number, &docno, &items))
		return;
	version_vector_encode(&b, number, false);
	speaker_say(s, MSG_VV, buf_bytes(&b));
}

static void
ask_topics(struct speaker *s)
{
	struct topic_list list = { .last = hostile_chance(s->h, 2) };
	uint8_t hashes[ANNOUNCE_LEN * TOPIC_LIST_PAD];
	BUF_SCOPED b = { .max = BODY_MAX };

	random_fill(&s->h->random, hashes, sizeof(hashes));
	list.hashes = hashes;
	list.len = hostile_chance(s->h, 2) ? 0 : TOPIC_LIST_PAD;
	topic_list_encode(&b, &list);
	speaker_say(s, MSG_TOPICS, buf_bytes(&b));
}

void
say_questions(struct speaker *s, size_t n)
{
	static const uint8_t nonce[8];

	while (n-- > 0) {
		switch (hostile_below(s->h, 5)) {
		case 0:
			ask_envelopes(s, WANT_MAX);
			break;
		case 1:
			ask_all(s);
			break;
		case 2:
			lie_fingerprint(s, false);
			break;
		case 3:
			ask_topics(s);
			break;
		case 4:
			speaker_say(s, MSG_PING, BYTES_OF(nonce));
			break;
		}
	}
}
