#include "cli/qr.h"

#include <qrencode.h>

#define MARGIN 4

/* Whether a module is light; everything around the code is. */
static bool
is_light(const QRcode *qr, int x, int y)
{
	if (x < 0 || y < 0 || x >= qr->width || y >= qr->width)
		return true;
	return (qr->data[y * qr->width + x] & 1) == 0;
}

/* Two rows at a time: a character is about twice as high as it is wide. */
static void
rows_print(struct output *o, const QRcode *qr, int y)
{
	static const char *const blocks[] = { " ", "\u2584", "\u2580",
		"\u2588" };

	/* The terminal may be dark on light. */
	fputs(o->color_out ? "\033[97;40m" : "", stdout);
	for (int x = -MARGIN; x < qr->width + MARGIN; x++)
		fputs(blocks[is_light(qr, x, y) * 2 + is_light(qr, x, y + 1)],
		    stdout);
	puts(o->color_out ? "\033[0m" : "");
}

bool
qr_print(struct output *o, const char *text)
{
	QRcode *qr = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 0);

	if (qr == NULL)
		return false;
	for (int y = -MARGIN; y < qr->width + MARGIN; y += 2)
		rows_print(o, qr, y);
	QRcode_free(qr);
	return true;
}
