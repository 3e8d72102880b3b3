/* Any bytes are JSON or not; what is JSON comes back the same when it is
 * written and read again. */
#include <string.h>

#include "daemon/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_object *tree = NULL, *again = NULL;
	struct json_flaw flaw;
	struct buf text;

	if (json_text_parse(&tree, BYTES(data, size), &flaw).code != LK_OK)
		return 0;
	buf_init(&text, 16 * size + 64);
	json_text_tree(&text, tree);
	LK_ASSERT(!text.failed);
	LK_ASSERT(
	    json_text_parse(&again, buf_bytes(&text), &flaw).code == LK_OK);
	LK_ASSERT(json_object_equal(tree, again));
	json_object_put(tree);
	json_object_put(again);
	buf_clear(&text);
	return 0;
}
