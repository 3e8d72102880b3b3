#include "backup/snapshot.h"

#include <string.h>

#include "base/limits.h"
#include "crypto/digest.h"

void
snapshot_machine(uint8_t out[static SNAPSHOT_MACHINE_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN])
{
	struct digest d;

	digest_init(&d, SNAPSHOT_MACHINE_LEN, DIGEST_BACKUP, NULL);
	digest_add(&d, BYTES_STR("machine"));
	digest_add(&d, BYTES(device_pk, SIGN_PK_LEN));
	digest_final(&d, out);
}

void
snapshot_head_write(struct buf *out, const struct snapshot_head *h)
{
	buf_mem(out, h->machine, sizeof(h->machine));
	buf_u64(out, (uint64_t)h->time_ms);
	buf_uleb(out, h->names.len / SEALED_NAME_LEN);
	buf_add(out, h->names);
}

lk_err
snapshot_head_read(struct snapshot_head *out, struct bytes clear)
{
	struct rd r = rd_over(clear);
	struct snapshot_head h;
	uint64_t time, n;

	rd_copy(&r, h.machine, sizeof(h.machine));
	time = rd_u64(&r);
	n = rd_uleb(&r);
	if (!r.failed && (n > SNAPSHOT_OBJECTS_MAX || time > INT64_MAX))
		return LK_ERR(LK_E_MALFORMED, "snapshot");
	h.names = rd_take(&r, (size_t)n * SEALED_NAME_LEN);
	TRY(rd_end(&r, "snapshot"));
	h.time_ms = (int64_t)time;
	*out = h;
	return LK_NONE;
}

void
snapshot_begin(struct buf *plain, const struct snapshot_about *a)
{
	buf_mem(plain, a->device_pk, SIGN_PK_LEN);
	buf_counted(plain, BYTES_STR(a->device_name));
	buf_mem(plain, a->root_pk, SIGN_PK_LEN);
}

void
snapshot_parcel_write(struct buf *plain, const struct snapshot_parcel *p)
{
	buf_uleb(plain, p->size);
	buf_uleb(plain, p->first);
	buf_uleb(plain, p->last - p->first);
	buf_uleb(plain, p->envelopes);
	buf_uleb(plain, p->documents_len);
	buf_add(plain, p->documents);
}

void
snapshot_roll_write(struct buf *plain, const struct snapshot_roll *r)
{
	buf_uleb(plain, r->size);
	buf_uleb(plain, r->block);
}

void
snapshot_setting_write(struct buf *plain, const struct snapshot_setting *s)
{
	buf_counted(plain, s->kind);
	buf_counted(plain, s->of);
	buf_counted(plain, s->value);
}

/* What is signed. */
static void
snapshot_digest(uint8_t out[static 32], struct bytes clear, struct bytes plain)
{
	struct digest d;
	BUF_SCOPED len = { .max = 16 };

	buf_u64(&len, clear.len);
	digest_init(&d, 32, DIGEST_BACKUP, NULL);
	digest_add(&d, buf_bytes(&len));
	digest_add(&d, clear);
	digest_add(&d, plain);
	digest_final(&d, out);
}

void
snapshot_sign(struct buf *plain, struct bytes clear, const struct sign_key *key)
{
	uint8_t digest[32], sig[SIGN_LEN];

	snapshot_digest(digest, clear, buf_bytes(plain));
	sign(sig, key, SIGN_BACKUP, BYTES_OF(digest), BYTES(NULL, 0));
	buf_mem(plain, sig, sizeof(sig));
}

static bool
parcel_read(struct rd *r, struct snapshot_parcel *p)
{
	const uint8_t *begin;
	uint64_t at = 0, span;

	p->size = rd_uleb(r);
	p->first = rd_uleb(r);
	span = rd_uleb(r);
	p->envelopes = rd_uleb(r);
	p->documents_len = rd_uleb(r);
	begin = r->left.ptr;
	for (uint64_t i = 0; i < p->documents_len && !r->failed; i++) {
		uint64_t step = rd_uleb(r);

		if (step == 0 || step > UINT32_MAX - at)
			return false;
		at += step;
	}
	if (r->failed || p->first == 0 || span > INT64_MAX - p->first ||
	    p->first > INT64_MAX || p->size > OBJECT_BYTES_MAX)
		return false;
	p->last = p->first + span;
	p->documents = BYTES(begin, (size_t)(r->left.ptr - begin));
	return true;
}

static bool
roll_read(struct rd *r, struct snapshot_roll *out)
{
	out->size = rd_uleb(r);
	out->block = rd_uleb(r);
	return !r->failed && out->size <= OBJECT_BYTES_MAX &&
	    out->block <= UINT32_MAX;
}

static bool
setting_read(struct rd *r, struct snapshot_setting *s)
{
	s->kind = rd_counted(r);
	s->of = rd_counted(r);
	s->value = rd_counted(r);
	return !r->failed && s->kind.len <= SNAPSHOT_SETTING_MAX &&
	    s->of.len <= SNAPSHOT_SETTING_MAX &&
	    s->value.len <= SNAPSHOT_SETTING_MAX && utf8_valid(s->kind) &&
	    utf8_valid(s->of) && utf8_valid(s->value);
}

/* The three lists; false: one is not well formed, or cut off. */
static bool
lists_read(struct snapshot *s, struct rd *r)
{
	struct snapshot_setting setting;
	struct snapshot_parcel parcel;
	struct snapshot_roll roll;

	s->parcels = rd_uleb(r);
	s->parcels_rd = *r;
	for (uint64_t i = 0; i < s->parcels; i++)
		if (!parcel_read(r, &parcel))
			return false;
	s->rolls = rd_uleb(r);
	s->rolls_rd = *r;
	for (uint64_t i = 0; i < s->rolls; i++)
		if (!roll_read(r, &roll))
			return false;
	s->settings = rd_uleb(r);
	s->settings_rd = *r;
	for (uint64_t i = 0; i < s->settings; i++)
		if (i == SNAPSHOT_SETTINGS_MAX || !setting_read(r, &setting))
			return false;
	return !r->failed;
}

lk_err
snapshot_read(struct snapshot *out, struct bytes clear, struct bytes plain)
{
	struct rd r = rd_over(plain);
	struct snapshot_head head;
	struct snapshot s;
	uint8_t digest[32], sig[SIGN_LEN], machine[SNAPSHOT_MACHINE_LEN];

	TRY(snapshot_head_read(&head, clear));
	rd_copy(&r, s.device_pk, sizeof(s.device_pk));
	s.device_name = rd_counted(&r);
	rd_copy(&r, s.root_pk, sizeof(s.root_pk));
	if (!r.failed &&
	    (s.device_name.len > LK_NAME_MAX || !utf8_valid(s.device_name)))
		return LK_ERR(LK_E_MALFORMED, "snapshot");
	if (!lists_read(&s, &r))
		return r.failed && !r.malformed
		    ? LK_ERR(LK_E_TRUNCATED, "snapshot")
		    : LK_ERR(LK_E_MALFORMED, "snapshot");
	rd_copy(&r, sig, sizeof(sig));
	TRY(rd_end(&r, "snapshot"));
	if (s.parcels + s.rolls != head.names.len / SEALED_NAME_LEN)
		return LK_ERR(LK_E_MALFORMED, "snapshot");
	snapshot_digest(digest, clear, BYTES(plain.ptr, plain.len - SIGN_LEN));
	if (!sign_verify(sig, s.device_pk, SIGN_BACKUP, BYTES_OF(digest),
		BYTES(NULL, 0)))
		return LK_ERR(LK_E_MALFORMED, "signature of a snapshot");
	snapshot_machine(machine, s.device_pk);
	if (memcmp(machine, head.machine, sizeof(machine)) != 0)
		return LK_ERR(LK_E_MALFORMED, "machine of a snapshot");
	*out = s;
	return LK_NONE;
}

bool
snapshot_parcel_next(struct snapshot *s, struct snapshot_parcel *p)
{
	return s->parcels > 0 && s->parcels-- > 0 &&
	    parcel_read(&s->parcels_rd, p);
}

bool
snapshot_roll_next(struct snapshot *s, struct snapshot_roll *r)
{
	return s->rolls > 0 && s->rolls-- > 0 && roll_read(&s->rolls_rd, r);
}

bool
snapshot_setting_next(struct snapshot *s, struct snapshot_setting *out)
{
	return s->settings > 0 && s->settings-- > 0 &&
	    setting_read(&s->settings_rd, out);
}

bool
snapshot_document_next(struct snapshot_parcel *p, uint32_t *at)
{
	struct rd r = rd_over(p->documents);

	if (p->documents.len == 0)
		return false;
	*at += (uint32_t)rd_uleb(&r);
	p->documents = r.left;
	return true;
}
