#include "backup/sealed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"

#define TIME_BYTES 6
#define BOX_LEN (SEAL_KEY_LEN + BOX_SEAL_LEN)

static const char magic[] = { 'L', 'K', 'B', 'K' };
/* Each key seals one object. */
static const uint8_t nonce[SEAL_NONCE_LEN];

void
sealed_name(uint8_t name[static SEALED_NAME_LEN], struct bytes object)
{
	digest(name, SEALED_NAME_LEN, DIGEST_BACKUP, NULL, object);
}

void
sealed_path(char *out, const struct sealed_place *p)
{
	char hex[2 * SEALED_NAME_LEN + 1];

	hex_encode(hex, BYTES_OF(p->name));
	if (p->snapshot || p->mark)
		(void)snprintf(out, OBJECT_NAME_MAX + 1, "%s%012" PRIx64 "-%s",
		    p->mark ? SEALED_MARK : SEALED_SNAP, (uint64_t)p->time_ms,
		    hex);
	else
		(void)snprintf(out, OBJECT_NAME_MAX + 1, SEALED_DATA "%s", hex);
}

/* Takes twelve digits and the sign behind them. */
static bool
time_parse(int64_t *out, const char **path)
{
	uint8_t time[TIME_BYTES];
	char digits[2 * TIME_BYTES + 1];

	if (strlen(*path) < sizeof(digits))
		return false;
	memcpy(digits, *path, sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = '\0';
	if (!hex_decode(time, sizeof(time), digits))
		return false;
	*out = 0;
	for (size_t i = 0; i < sizeof(time); i++)
		*out = *out << 8 | time[i];
	*path += sizeof(digits);
	return true;
}

bool
sealed_path_parse(struct sealed_place *out, const char *path)
{
	char again[OBJECT_NAME_MAX + 1];
	const char *rest = path;
	struct sealed_place p = { .time_ms = 0 };
	size_t len = strlen(SEALED_SNAP);

	_Static_assert(sizeof(SEALED_SNAP) == sizeof(SEALED_DATA), "as long");
	_Static_assert(sizeof(SEALED_SNAP) == sizeof(SEALED_MARK), "as long");
	p.snapshot = strncmp(path, SEALED_SNAP, len) == 0;
	p.mark = strncmp(path, SEALED_MARK, len) == 0;
	if (!p.snapshot && !p.mark && strncmp(path, SEALED_DATA, len) != 0)
		return false;
	rest += len;
	if ((p.snapshot || p.mark) && !time_parse(&p.time_ms, &rest))
		return false;
	if (!hex_decode(p.name, sizeof(p.name), rest))
		return false;
	/* In one case only, and with the right sign between. */
	sealed_path(again, &p);
	if (strcmp(again, path) != 0)
		return false;
	*out = p;
	return true;
}

static void
boxes_write(struct buf *out, const struct sealed_draft *d, const uint8_t *key)
{
	buf_u8(out, (uint8_t)d->keys_len);
	for (size_t i = 0; i < d->keys_len; i++)
		box_seal(out, d->keys[i], BYTES(key, SEAL_KEY_LEN));
}

lk_err
sealed_write(
    struct buf *out, const struct sealed_draft *d, const struct random *random)
{
	uint8_t key[SEAL_KEY_LEN];
	size_t begin = out->len;

	LK_ASSERT(d->keys_len >= 1 && d->keys_len <= SEALED_KEYS_MAX);
	if (d->clear.len > SEALED_CLEAR_MAX || d->plain.len > SEALED_PLAIN_MAX)
		return LK_ERR(LK_E_LIMIT, "object of a backup");
	random_fill(random, key, sizeof(key));
	buf_mem(out, magic, sizeof(magic));
	buf_u8(out, SEALED_VERSION);
	buf_u8(out, (uint8_t)d->kind);
	buf_counted(out, d->clear);
	boxes_write(out, d, key);
	if (!out->failed) {
		/* What it is bound to lies in the buffer that grows. */
		BUF_SCOPED head = { .max = OBJECT_BYTES_MAX };

		buf_mem(&head, out->ptr + begin, out->len - begin);
		seal(out, key, nonce, buf_bytes(&head), d->plain);
		out->failed |= head.failed;
	}
	secret_wipe(key, sizeof(key));
	return buf_err(out, "object of a backup");
}

lk_err
sealed_read(struct sealed *out, struct bytes object)
{
	struct rd r = rd_over(object);
	struct sealed s = { 0 };
	uint8_t version, kind, n;

	if (!bytes_equal(rd_take(&r, sizeof(magic)),
		BYTES((const uint8_t *)magic, sizeof(magic))))
		return r.failed
		    ? LK_ERR(LK_E_TRUNCATED, "object of a backup")
		    : LK_ERR(LK_E_MALFORMED, "no object of a backup");
	version = rd_u8(&r);
	if (version > SEALED_VERSION)
		return LK_ERR(LK_E_VERSION, "backup of a newer lk");
	kind = rd_u8(&r);
	s.clear = rd_counted(&r);
	n = rd_u8(&r);
	s.boxes = rd_take(&r, (size_t)n * BOX_LEN);
	if (r.malformed)
		return LK_ERR(LK_E_MALFORMED, "object of a backup");
	if (r.failed || r.left.len < SEAL_TAG_LEN)
		return LK_ERR(LK_E_TRUNCATED, "object of a backup");
	if (version == 0 || kind < SEALED_PARCEL || kind > SEALED_SNAPSHOT ||
	    n == 0 || n > SEALED_KEYS_MAX || s.clear.len > SEALED_CLEAR_MAX ||
	    r.left.len > SEALED_PLAIN_MAX + SEAL_TAG_LEN ||
	    (kind != SEALED_SNAPSHOT && s.clear.len > 0))
		return LK_ERR(LK_E_MALFORMED, "object of a backup");
	s.kind = (enum sealed_kind)kind;
	s.ciphertext = r.left;
	s.head = BYTES(object.ptr, object.len - r.left.len);
	*out = s;
	return LK_NONE;
}

/* The object's key, by the first box that opens. */
static lk_err
key_find(uint8_t key[static SEAL_KEY_LEN], const struct sealed *s,
    const struct dh_key *mine)
{
	for (size_t at = 0; at < s->boxes.len; at += BOX_LEN) {
		BUF_SECRET plain = { .max = SEAL_KEY_LEN };

		if (box_open(&plain, mine, BYTES(s->boxes.ptr + at, BOX_LEN))
			    .code != LK_OK ||
		    plain.len != SEAL_KEY_LEN)
			continue;
		memcpy(key, plain.ptr, SEAL_KEY_LEN);
		return LK_NONE;
	}
	return LK_ERR(LK_E_DENIED, "it is sealed to another key");
}

lk_err
sealed_open(
    struct buf *plain, const struct sealed *s, const struct dh_key *mine)
{
	size_t len = s->ciphertext.len - SEAL_TAG_LEN;
	uint8_t key[SEAL_KEY_LEN], *at, none;
	lk_err err;

	TRY(key_find(key, s, mine));
	buf_init(plain, len + 1);
	at = len == 0 ? &none : buf_extend(plain, len);
	err = at == NULL ? LK_ERR(LK_E_NOMEM, "object of a backup")
			 : unseal(at, key, nonce, s->head, s->ciphertext);
	secret_wipe(key, sizeof(key));
	return err;
}
