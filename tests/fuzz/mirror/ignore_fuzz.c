/*
 * .lkignore, which may be a stranger's, and a path up to the first NUL: what is
 * in a folder that stays out stays out as well, whatever it is.
 */
#include <string.h>

#include "mirror/ignore.h"
#include "mirror/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
path_check(const struct ignore *ig, struct bytes path)
{
	bool inside = false;

	for (size_t i = 0; i <= path.len; i++) {
		struct bytes part = BYTES(path.ptr, i);
		bool last = i == path.len;

		if (!last && path.ptr[i] != '/')
			continue;
		LK_ASSERT(!inside || ignore_matches(ig, part, false));
		LK_ASSERT(!inside || ignore_matches(ig, part, true));
		inside = inside || ignore_matches(ig, part, true);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const uint8_t *end = len == 0 ? NULL : memchr(bytes, 0, len);
	struct ignore ig = { 0 };
	struct bytes path, text;

	if (end == NULL)
		return 0;
	path = BYTES(bytes, (size_t)(end - bytes));
	text = BYTES(end + 1, len - path.len - 1);
	if (path_flaw(path) != NULL)
		return 0;
	if (ignore_read(&ig, text).code == LK_OK)
		path_check(&ig, path);
	else
		LK_ASSERT(text.len > IGNORE_LINES_MAX);
	ignore_clear(&ig);
	return 0;
}
