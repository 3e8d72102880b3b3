/*
 * A store whose file was changed at some places: opening it, reading all of it
 * and writing into it must end with errors at worst.  The input is a list of
 * changes, each u24 offset, u8 new value, to a file made at the start.  Most
 * are only inspected, in memory; a checksum of the input chooses those whose
 * store is used as well.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "crypto/random.h"
#include "store/inspect.h"
#include "store/store.h"

#define MAP_MAX ((size_t)64 * 1024 * 1024)
#define ENVELOPES 30
#define CHANGES_MAX 16
#define USED_MASK 63

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct base {
	char dir[64], file[80];
	uint8_t *image;
	size_t len;
	int memory; /* the same, for inspection */
};

static void
envelope_fill(struct log_entry *e, uint8_t bytes[static 5000], uint32_t i)
{
	size_t n = i % 10 == 0 ? 5000 : 250 + i;

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
	(void)snprintf(b->dir, sizeof(b->dir), "/dev/shm/lk-fuzz-XXXXXX");
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
	b->memory = memfd_create("store", MFD_CLOEXEC);
	LK_ASSERT(b->memory != -1 &&
	    write(b->memory, b->image, b->len) == (ssize_t)b->len);
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

/* Makes the changes in the image, or takes them back; where is the caller's. */
static void
change(struct base *b, const uint8_t *data, size_t n, uint8_t *before)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t *c = data + 4 * i;
		size_t at = ((size_t)c[0] << 16 | (size_t)c[1] << 8 | c[2]) %
		    b->len;

		before[i] = b->image[at];
		b->image[at] = c[3];
		LK_ASSERT(pwrite(b->memory, c + 3, 1, (off_t)at) == 1);
	}
}

static void
restore(struct base *b, const uint8_t *data, size_t n, const uint8_t *before)
{
	while (n-- > 0) {
		const uint8_t *c = data + 4 * n;
		size_t at = ((size_t)c[0] << 16 | (size_t)c[1] << 8 | c[2]) %
		    b->len;

		b->image[at] = before[n];
		LK_ASSERT(pwrite(b->memory, before + n, 1, (off_t)at) == 1);
	}
}

static void
open_and_use(const struct base *b)
{
	struct store *s;
	int fd = open(b->file, O_WRONLY | O_TRUNC | O_CLOEXEC);

	LK_ASSERT(fd != -1 && write(fd, b->image, b->len) == (ssize_t)b->len);
	(void)close(fd);
	if (store_open(&s, b->dir, MAP_MAX).code != LK_OK)
		return;
	use(s);
	store_close(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct base b;
	uint8_t before[CHANGES_MAX];
	size_t n = size / 4 < CHANGES_MAX ? size / 4 : CHANGES_MAX;
	lk_err err;

	if (b.image == NULL)
		base_make(&b);
	change(&b, data, n, before);
	err = file_inspect(b.memory);
	LK_ASSERT(err.code == LK_OK || err.code == LK_E_CORRUPT ||
	    err.code == LK_E_VERSION);
	if (err.code == LK_OK &&
	    (digest_checksum(BYTES(data, size)) & USED_MASK) == 0)
		open_and_use(&b);
	restore(&b, data, n, before);
	return 0;
}
