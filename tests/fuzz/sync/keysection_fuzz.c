/*
 * Key sections as anybody can write them: parsed, then opened, followed,
 * checked and turned into facts.  What checks, opens.
 */
#include <string.h>

#include "crypto/random.h"
#include "sync/keysection.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t etag[LK_TOPIC_LEN] = { 1 }, seed[32] = { 2 };
	static uint8_t devices[EPOCH_BOXES_MAX][ACCESS_KEY_LEN];
	struct keysection_place place = { etag, etag, 3 };
	struct graph_reader reader = { 0 };
	struct facts facts = { 0 };
	struct epoch_claim claim;
	struct epochs found;
	struct keysection s;
	ARENA_SCOPED arena = { 0 };
	struct dh_key key;
	struct epoch e;

	LK_ASSERT(crypto_start().code == LK_OK);
	arena_init(&arena, 1024 * 1024);
	if (keysection_parse(&s, BYTES(data, size), etag).code != LK_OK)
		return 0;
	LK_ASSERT(s.all.len == size);
	dh_key_from_secret(&key, seed);
	epoch_derive(&e, seed);
	memcpy(reader.box, key.pk, sizeof(key.pk));
	claim = (struct epoch_claim){ place, &e, &reader, 1, NULL, 0 };
	memcpy(s.etag, e.etag, sizeof(s.etag));
	LK_ASSERT(keysection_follow(&s, &e, 1, &arena, &found).code == LK_OK);
	LK_ASSERT(
	    keysection_open(&s, &key, 1, etag, &arena, &found).code == LK_OK);
	/* A fuzzer that watches memcmp does write good boxes in the end. */
	LK_ASSERT(keysection_check(&s, &claim).code != LK_OK || found.len == 1);
	LK_ASSERT(
	    keysection_facts(&s, (const uint8_t(*)[ACCESS_KEY_LEN])devices,
		s.kind == KEYS_SHARE ? s.boxes_len : 0, &arena, &facts)
		.code == LK_OK);
	LK_ASSERT(facts.links_len == s.links_len);
	return 0;
}
