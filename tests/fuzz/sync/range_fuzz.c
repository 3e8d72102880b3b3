#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "sync/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define ENVELOPES 700
#define STEPS 3000

static const uint8_t session[64] = "one session";
static struct txn *set;

/* One author with a long chain, one with a fork, some that wrote little. */
static void
set_put(struct txn *t, uint32_t i)
{
	struct log_entry e = { .docno = 1,
		.seq = 1 + i / 2,
		.envelope = BYTES((const uint8_t *)&i, sizeof(i)) };

	memset(e.tag, i % 10 == 0 ? (int)(i % 7) : 0x80, sizeof(e.tag));
	digest(e.id, sizeof(e.id), DIGEST_ENVELOPE, NULL, e.envelope);
	LK_ASSERT(log_append(t, &e).code == LK_OK);
	LK_ASSERT(essential_set(t, e.id, i % 9 != 0).code == LK_OK);
}

/* The set is made once; its files are gone when the process ends. */
static void
set_make(void)
{
	char dir[] = "/tmp/lk-range-XXXXXX", command[64];
	struct store *store;
	struct txn *t;

	LK_ASSERT(mkdtemp(dir) != NULL);
	LK_ASSERT(store_open(&store, dir, (size_t)64 << 20).code == LK_OK);
	LK_ASSERT(txn_begin(store, TXN_WRITE, &t).code == LK_OK);
	for (uint32_t i = 0; i < ENVELOPES; i++)
		set_put(t, i);
	LK_ASSERT(txn_commit(t).code == LK_OK);
	LK_ASSERT(txn_begin(store, TXN_READ, &set).code == LK_OK);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	LK_ASSERT(system(command) == 0);
}

/* A message: its answer is one too, and cost what it may. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body = BYTES(data, size);
	struct range_result r = { .answers = false };
	struct range_set ours = { .docno = 1, .session = BYTES_OF(session) };
	BUF_SCOPED answer = { 0 };
	lk_err err;

	if (set == NULL)
		set_make();
	ours.txn = set;
	buf_init(&answer, RANGE_BODY_MAX);
	err = range_answer(&answer, &ours, body, STEPS, &r);
	LK_ASSERT(err.code == range_check(body).code);
	if (err.code != LK_OK)
		return 0;
	LK_ASSERT(r.steps <= STEPS && r.answers == (answer.len > 0));
	LK_ASSERT(!r.answers || range_check(buf_bytes(&answer)).code == LK_OK);
	LK_ASSERT(r.want_len <= size / LK_ID_LEN && r.send_len <= ENVELOPES);
	range_result_clear(&r);
	return 0;
}
