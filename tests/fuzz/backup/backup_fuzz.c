/*
 * What lies at a place of backups: any bytes as an object, and, since they
 * would hardly ever open, as what is in one of each kind.  What decodes is
 * encoded to the same bytes again.
 */
#include <string.h>

#include "backup/parcel.h"
#include "backup/pruning_mark.h"
#include "backup/roll.h"
#include "backup/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
object_any(struct bytes in)
{
	const uint8_t sk[DH_LEN] = { 7 };
	struct dh_key key;
	struct sealed s;
	BUF_SCOPED plain = { .max = 1 };

	if (sealed_read(&s, in).code != LK_OK)
		return;
	LK_ASSERT(s.head.len + s.ciphertext.len == in.len);
	dh_key_from_secret(&key, sk);
	/* Nobody can have sealed it to this key. */
	LK_ASSERT(sealed_open(&plain, &s, &key).code != LK_OK);
}

static void
parcel_any(struct bytes in)
{
	struct parcel_reader reader;
	struct parcel_group g;
	lk_err err;
	BUF_SCOPED out = { .max = OBJECT_BYTES_MAX };

	parcel_begin(&reader, in);
	while (parcel_next(&reader, &g, &err)) {
		struct parcel_group rest = g;
		struct bytes envelope;
		uint64_t n = 0;

		while (parcel_envelope(&rest, &envelope))
			n++;
		LK_ASSERT(n == g.envelopes && rest.bytes.len == 0);
		parcel_write(&out, &g);
	}
	LK_ASSERT(err.code != LK_OK || bytes_equal(buf_bytes(&out), in));
}

static void
roll_any(struct bytes in)
{
	struct roll_reader reader;
	struct roll_entry e;
	lk_err err;
	BUF_SCOPED out = { .max = OBJECT_BYTES_MAX };

	roll_begin(&reader, in);
	while (roll_next(&reader, &e, &err))
		roll_write(&out, &e);
	LK_ASSERT(err.code != LK_OK || bytes_equal(buf_bytes(&out), in));
}

/* The input is what stands before the signature, behind the name and the keys;
 * its first byte says how many objects the clear part names. */
static void
snapshot_any(struct bytes in)
{
	uint8_t seed[32] = { 3 }, names[255 * SEALED_NAME_LEN] = { 0 };
	struct snapshot_head head = { .time_ms = 1 };
	struct snapshot_about about = { .device_name = "d" };
	struct snapshot_setting setting;
	struct snapshot_parcel p;
	struct snapshot_roll roll;
	struct sign_key key;
	struct snapshot s;
	BUF_SCOPED clear = { .max = 65536 };
	BUF_SCOPED plain = { .max = OBJECT_BYTES_MAX };

	if (snapshot_head_read(&head, in).code == LK_OK) {
		snapshot_head_write(&clear, &head);
		LK_ASSERT(bytes_equal(buf_bytes(&clear), in));
		buf_reset(&clear);
	}
	if (in.len == 0)
		return;
	head.names = BYTES(names, in.ptr[0] * (size_t)SEALED_NAME_LEN);
	snapshot_head_write(&clear, &head);
	sign_key_from_seed(&key, seed);
	about.device_pk = about.root_pk = key.pk;
	snapshot_begin(&plain, &about);
	buf_mem(&plain, in.ptr + 1, in.len - 1);
	snapshot_sign(&plain, buf_bytes(&clear), &key);
	if (plain.failed ||
	    snapshot_read(&s, buf_bytes(&clear), buf_bytes(&plain)).code !=
		LK_OK)
		return;
	while (snapshot_parcel_next(&s, &p)) {
		uint32_t docno = 0, before = 0;

		LK_ASSERT(p.first <= p.last);
		while (snapshot_document_next(&p, &docno)) {
			LK_ASSERT(docno > before);
			before = docno;
		}
	}
	while (snapshot_roll_next(&s, &roll))
		continue;
	while (snapshot_setting_next(&s, &setting))
		continue;
}

static void
mark_any(struct bytes in)
{
	struct pruning_mark m;
	BUF_SCOPED out = { .max = OBJECT_BYTES_MAX };

	if (pruning_mark_read(&m, in).code != LK_OK)
		return;
	pruning_mark_write(&out, &m);
	LK_ASSERT(bytes_equal(buf_bytes(&out), in));
}

static void
path_any(struct bytes in)
{
	char path[OBJECT_NAME_MAX + 1], again[OBJECT_NAME_MAX + 1];
	size_t len = in.len < OBJECT_NAME_MAX ? in.len : OBJECT_NAME_MAX;
	struct sealed_place p;

	if (len > 0)
		memcpy(path, in.ptr, len);
	path[len] = '\0';
	if (!sealed_path_parse(&p, path))
		return;
	sealed_path(again, &p);
	LK_ASSERT(strcmp(again, path) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);

	LK_ASSERT(crypto_start().code == LK_OK);
	object_any(in);
	parcel_any(in);
	roll_any(in);
	snapshot_any(in);
	mark_any(in);
	path_any(in);
	return 0;
}
