/*
 * A store whose file was changed at some places: opening it, reading all of it
 * and writing into it must end with errors at worst.  The input is a list of
 * changes, each u24 offset, u8 new value, to a file made at the start.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "crypto/random.h"
#include "store/store.h"

#define MAP_MAX ((size_t)64 * 1024 * 1024)
#define ENVELOPES 120

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct base {
	char dir[64], file[80];
	uint8_t *image;
	size_t len;
};

static void
envelope_fill(struct log_entry *e, uint8_t bytes[static 5000], uint32_t i)
{
	size_t n = i % 20 == 0 ? 5000 : 10 + i;

	memset(bytes, (int)i, 5000);
	memcpy(bytes, &i, sizeof(i));
	*e = (struct log_entry){
		.docno = i % 3, .seq = 1 + i, .envelope = BYTES(bytes, n)
	};
	digest(e->id, sizeof(e->id), DIGEST_ENVELOPE, NULL, e->envelope);
}

static void
fill(struct store *s)
{
	static uint8_t bytes[5000];
	struct log_entry e;
	struct txn *t;

	for (uint32_t i = 0; i < ENVELOPES; i++) {
		LK_ASSERT(txn_begin(s, TXN_WRITE, &t).code == LK_OK);
		envelope_fill(&e, bytes, i);
		LK_ASSERT(log_append(t, &e).code == LK_OK);
		LK_ASSERT(essential_set(t, e.id, i % 4 != 0).code == LK_OK);
		LK_ASSERT(kv_put(txn_space(t, i % 4, SPACE_DOC),
			      BYTES((uint8_t *)&i, 4), BYTES(bytes, i))
			      .code == LK_OK);
		LK_ASSERT(txn_commit(t).code == LK_OK);
	}
}

static void
base_make(struct base *b)
{
	struct store *s;
	struct stat st;
	int fd;

	LK_ASSERT(crypto_start().code == LK_OK);
	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/lk-fuzz-XXXXXX");
	LK_ASSERT(mkdtemp(b->dir) != NULL);
	(void)snprintf(b->file, sizeof(b->file), "%s/data.mdb", b->dir);
	LK_ASSERT(store_open(&s, b->dir, MAP_MAX).code == LK_OK);
	fill(s);
	store_close(s);
	fd = open(b->file, O_RDONLY | O_CLOEXEC);
	LK_ASSERT(fd != -1 && fstat(fd, &st) == 0);
	b->len = (size_t)st.st_size;
	b->image = malloc(b->len);
	LK_ASSERT(
	    b->image != NULL && read(fd, b->image, b->len) == (ssize_t)b->len);
	(void)close(fd);
}

static void
use(struct store *s)
{
	static uint8_t bytes[5000];
	struct store_damage d;
	struct log_entry e;
	struct txn *t;
	bool done;
	lk_err err;

	LK_ASSERT(txn_begin(s, TXN_READ, &t).code == LK_OK);
	LK_ASSERT(store_verify(t, &d).code == LK_OK);
	txn_abort(t);
	LK_ASSERT(txn_begin(s, TXN_WRITE, &t).code == LK_OK);
	envelope_fill(&e, bytes, ENVELOPES + 1);
	err = log_append(t, &e);
	for (uint32_t i = 0; err.code == LK_OK && i < 40; i++)
		err = kv_put(txn_space(t, i % 5, SPACE_DOC),
		    BYTES((uint8_t *)&i, 4), BYTES(bytes, 3 * i));
	if (err.code == LK_OK)
		err = store_drop(t, 1, 200, &done);
	if (err.code == LK_OK)
		err = txn_commit(t);
	else
		txn_abort(t);
	LK_ASSERT(err.code == LK_OK || err.code == LK_E_CORRUPT ||
	    err.code == LK_E_FULL || err.code == LK_E_EXISTS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct base b;
	uint8_t *copy;
	struct store *s;
	lk_err err;
	int fd;

	if (b.image == NULL)
		base_make(&b);
	copy = malloc(b.len);
	LK_ASSERT(copy != NULL);
	memcpy(copy, b.image, b.len);
	for (size_t i = 0; i + 4 <= size && i < 64; i += 4) {
		size_t at = (size_t)data[i] << 16 | (size_t)data[i + 1] << 8 |
		    data[i + 2];

		copy[at % b.len] = data[i + 3];
	}
	fd = open(b.file, O_WRONLY | O_TRUNC | O_CLOEXEC);
	LK_ASSERT(fd != -1 && write(fd, copy, b.len) == (ssize_t)b.len);
	(void)close(fd);
	free(copy);
	err = store_open(&s, b.dir, MAP_MAX);
	if (err.code == LK_OK) {
		use(s);
		store_close(s);
	} else {
		LK_ASSERT(err.code == LK_E_CORRUPT || err.code == LK_E_VERSION);
	}
	return 0;
}
