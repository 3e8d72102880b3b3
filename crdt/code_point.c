#include "crdt/code_point.h"

uint32_t
code_point_first(struct bytes b, size_t *len)
{
	static const uint8_t lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint8_t lead = b.ptr[0];
	size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	uint32_t point = lead & lead_bits[n];

	for (size_t i = 1; i < n && i < b.len; i++)
		point = point << 6 | (b.ptr[i] & 0x3f);
	*len = n < b.len ? n : b.len;
	return point;
}

void
code_point_put(struct buf *b, uint32_t point)
{
	if (point < 0x80) {
		buf_u8(b, (uint8_t)point);
		return;
	}
	if (point < 0x800) {
		buf_u8(b, (uint8_t)(0xc0 | point >> 6));
	} else if (point < 0x10000) {
		buf_u8(b, (uint8_t)(0xe0 | point >> 12));
		buf_u8(b, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
	} else {
		buf_u8(b, (uint8_t)(0xf0 | point >> 18));
		buf_u8(b, (uint8_t)(0x80 | (point >> 12 & 0x3f)));
		buf_u8(b, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
	}
	buf_u8(b, (uint8_t)(0x80 | (point & 0x3f)));
}
