/* qr_none.c - qr.h without libqrencode: where there is none to link. */
#include "cli/qr.h"

bool
qr_print(struct output *o, const char *text)
{
	(void)o;
	(void)text;
	return false;
}
