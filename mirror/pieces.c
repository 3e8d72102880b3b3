#include "mirror/pieces.h"

#define WINDOW 64
/* One place in so many is a cut. */
#define CUT_BITS 18
#define CUT_FACTOR UINT64_C(0x9e3779b97f4a7c15)

/* After 64 bytes nothing is left in it of what came before. */
static uint64_t
roll(uint64_t hash, uint8_t byte)
{
	return (hash << 1) + (byte + UINT64_C(1)) * CUT_FACTOR;
}

size_t
piece_cut(struct bytes b, bool end)
{
	size_t limit = b.len < PIECE_MAX ? b.len : PIECE_MAX;
	uint64_t hash = 0;
	size_t i;

	if (b.len < PIECE_MIN)
		return end ? b.len : 0;
	for (i = PIECE_MIN - WINDOW; i < limit; i++) {
		hash = roll(hash, b.ptr[i]);
		if (i + 1 >= PIECE_MIN && hash >> (64 - CUT_BITS) == 0)
			return i + 1;
	}
	return end || limit == PIECE_MAX ? limit : 0;
}

void
piece_digest(uint8_t out[static FILE_DIGEST_LEN], struct bytes b)
{
	digest(out, FILE_DIGEST_LEN, DIGEST_PIECE, NULL, b);
}

void
piece_write(struct buf *list, const struct piece *p)
{
	buf_u32(list, p->len);
	buf_mem(list, p->digest, sizeof(p->digest));
	buf_mem(list, p->at, sizeof(p->at));
}

bool
piece_take(struct bytes *list, struct piece *p)
{
	struct rd r = rd_over(*list);

	p->len = rd_u32(&r);
	rd_copy(&r, p->digest, sizeof(p->digest));
	rd_copy(&r, p->at, sizeof(p->at));
	if (r.failed)
		return false;
	*list = r.left;
	return true;
}

void
file_sum_init(struct file_sum *s)
{
	digest_init(&s->sum, FILE_DIGEST_LEN, DIGEST_FILE, NULL);
}

static void
sum_add(struct file_sum *s, uint32_t len, const uint8_t *digest)
{
	uint8_t head[4];

	for (int i = 0; i < 4; i++)
		head[i] = (uint8_t)(len >> (24 - 8 * i));
	digest_add(&s->sum, BYTES_OF(head));
	digest_add(&s->sum, BYTES(digest, FILE_DIGEST_LEN));
}

void
file_sum_add(struct file_sum *s, struct bytes piece)
{
	uint8_t digest[FILE_DIGEST_LEN];

	piece_digest(digest, piece);
	sum_add(s, (uint32_t)piece.len, digest);
}

void
file_sum_final(struct file_sum *s, uint8_t out[static FILE_DIGEST_LEN])
{
	digest_final(&s->sum, out);
}

void
file_digest(uint8_t out[static FILE_DIGEST_LEN], struct bytes content)
{
	struct file_sum s;
	size_t n;

	file_sum_init(&s);
	for (; (n = piece_cut(content, true)) > 0;
	     content = BYTES(content.ptr + n, content.len - n))
		file_sum_add(&s, BYTES(content.ptr, n));
	file_sum_final(&s, out);
}

lk_err
pieces_digest(
    uint8_t out[static FILE_DIGEST_LEN], uint64_t *len, struct bytes list)
{
	struct file_sum s;
	struct piece p;

	*len = 0;
	if (list.len == 0 || list.len % PIECE_RECORD_LEN != 0 ||
	    list.len / PIECE_RECORD_LEN > PIECES_MAX)
		return LK_ERR(LK_E_MALFORMED, "pieces");
	file_sum_init(&s);
	while (piece_take(&list, &p)) {
		if (p.len == 0 || p.len > PIECE_MAX)
			return LK_ERR(LK_E_MALFORMED, "length of a piece");
		*len += p.len;
		sum_add(&s, p.len, p.digest);
	}
	if (*len > FILE_SIZE_MAX)
		return LK_ERR(LK_E_MALFORMED, "over 4 GiB");
	file_sum_final(&s, out);
	return LK_NONE;
}
