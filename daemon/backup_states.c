#include "daemon/backup_states.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"

#define KIND "state"
#define CHARACTERS 3     /* of a state */
#define BITS 6           /* of a character */
#define BLOCKS_MAX 16384 /* four million documents: 16 MiB */
#define PRESENT (UINT32_C(1) << 31)
#define TAKEN (UINT32_C(1) << 30)
#define STATE_BITS (CHARACTERS * BITS)
#define STATE_MASK ((UINT32_C(1) << STATE_BITS) - 1)

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/";
static const char absent[] = "...";

void
states_clear(struct states *s)
{
	free(s->v);
	*s = (struct states){ .v = NULL };
}

static lk_err
states_grow(struct states *s, size_t len)
{
	uint32_t *v;

	if (len <= s->len)
		return (LK_NONE);
	v = reallocarray(s->v, len, sizeof(*v));
	if (v == NULL)
		return (LK_ERR(LK_E_NOMEM, "states of documents"));
	memset(v + s->len, 0, (len - s->len) * sizeof(*v));
	s->v = v;
	s->len = len;
	return (LK_NONE);
}

/* The first bits of H[32]("lk1 backup"; "state" || count || sum). */
static lk_err
state_of(struct txn *txn, uint32_t docno, uint32_t *out)
{
	uint8_t hash[32];
	struct fingerprint fp;
	struct rd r;
	BUF_SCOPED text = { .max = 64 };

	TRY(fingerprint_doc(txn, docno, &fp));
	buf_str(&text, KIND);
	buf_u64(&text, fp.count);
	buf_mem(&text, fp.sum, sizeof(fp.sum));
	TRY(buf_err(&text, "state of a document"));
	digest(hash, sizeof(hash), DIGEST_BACKUP, NULL, buf_bytes(&text));
	r = rd_over(BYTES_OF(hash));
	*out = rd_u32(&r) >> (32 - STATE_BITS);
	return (LK_NONE);
}

lk_err
states_take(struct states *s, struct txn *txn, uint32_t docno_last)
{
	TRY(states_grow(s, (size_t)docno_last + 1));
	for (uint32_t n = 1; n <= docno_last; n++) {
		lk_err err = state_of(txn, n, &s->v[n]);

		/* Of what is damaged here nothing can be said. */
		if (err.code == LK_OK)
			s->v[n] |= TAKEN;
		else if (err.code != LK_E_CORRUPT)
			return (err);
		if (n == UINT32_MAX)
			break;
	}
	return (LK_NONE);
}

void
states_present(struct states *s, uint32_t docno)
{
	if (docno < s->len && (s->v[docno] & TAKEN) != 0)
		s->v[docno] |= PRESENT;
}

static void
block_write(const struct states *s, size_t first, struct buf *value)
{
	size_t written = 0;

	for (size_t i = 0; i < BACKUP_BLOCK && first + i < s->len; i++) {
		uint32_t v = s->v[first + i];

		if ((v & PRESENT) == 0)
			continue;
		for (; written < i; written++)
			buf_str(value, absent);
		for (size_t k = CHARACTERS; k-- > 0;)
			buf_u8(
			    value, (uint8_t)alphabet[v >> (k * BITS) & 0x3f]);
		written++;
	}
}

void
states_write(const struct states *s, struct buf *out, uint64_t *settings)
{
	_Static_assert(BACKUP_BLOCK * CHARACTERS <= SNAPSHOT_SETTING_MAX,
	    "a block is one setting");
	for (size_t first = 0; first < s->len; first += BACKUP_BLOCK) {
		struct snapshot_setting setting = { .kind = BYTES_STR(KIND) };
		BUF_SCOPED of = { .max = 16 };
		BUF_SCOPED value = { .max = SNAPSHOT_SETTING_MAX };

		if (*settings == SNAPSHOT_SETTINGS_MAX)
			return;
		block_write(s, first, &value);
		if (value.len == 0)
			continue;
		buf_printf(&of, "%zu", first / BACKUP_BLOCK);
		out->failed |= of.failed || value.failed;
		setting.of = buf_bytes(&of);
		setting.value = buf_bytes(&value);
		snapshot_setting_write(out, &setting);
		(*settings)++;
	}
}

/* The number of a block, in digits. */
static bool
block_number(struct bytes of, size_t *out)
{
	size_t n = 0;

	if (of.len == 0 || of.len > 8)
		return (false);
	for (size_t i = 0; i < of.len; i++) {
		if (of.ptr[i] < '0' || of.ptr[i] > '9')
			return (false);
		n = 10 * n + (size_t)(of.ptr[i] - '0');
	}
	*out = n;
	return (n < BLOCKS_MAX);
}

static bool
state_read(const uint8_t *text, uint32_t *out)
{
	uint32_t v = 0;

	for (size_t k = 0; k < CHARACTERS; k++) {
		const char *at =
		    text[k] == 0 ? NULL : strchr(alphabet, text[k]);

		if (at == NULL)
			return (false);
		v = v << BITS | (uint32_t)(at - alphabet);
	}
	*out = v;
	return (true);
}

lk_err
states_read(struct states *s, struct snapshot snapshot)
{
	struct snapshot_setting setting;
	size_t block;

	while (snapshot_setting_next(&snapshot, &setting)) {
		size_t n = setting.value.len / CHARACTERS;

		if (!bytes_equal(setting.kind, BYTES_STR(KIND)) ||
		    !block_number(setting.of, &block) || n > BACKUP_BLOCK)
			continue;
		TRY(states_grow(s, (block + 1) * BACKUP_BLOCK));
		for (size_t i = 0; i < n; i++) {
			uint32_t v;

			if (state_read(setting.value.ptr + i * CHARACTERS, &v))
				s->v[block * BACKUP_BLOCK + i] = v | PRESENT;
		}
	}
	return (LK_NONE);
}

bool
states_known(const struct states *s, uint32_t docno)
{
	return (docno < s->len && (s->v[docno] & PRESENT) != 0);
}

lk_err
states_compare(const struct states *s, uint32_t docno, struct txn *txn,
    uint32_t here, bool *same)
{
	uint32_t now;

	*same = true;
	if (!states_known(s, docno))
		return (LK_NONE);
	TRY(state_of(txn, here, &now));
	*same = now == (s->v[docno] & STATE_MASK);
	return (LK_NONE);
}
