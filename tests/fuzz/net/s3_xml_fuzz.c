/*
 * What an object store answers: whatever the bytes are, names that come out of
 * a list are names, in order, and texts are bounded.
 */
#include <stdlib.h>
#include <string.h>

#include "net/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct object_entry entries[OBJECT_LIST_MAX];
	static struct s3_page page;
	struct object_request r = { .op = OBJECT_LIST, .name = "lk1/" };
	struct s3_error e;

	page = (struct s3_page){ .entries = entries };
	s3_error_parse(&e, BYTES(data, size));
	if (s3_page_parse(&page, BYTES(data, size), "p/", &r).code != LK_OK)
		return (0);
	LK_ASSERT(page.entries_len <= OBJECT_LIST_MAX);
	for (size_t i = 0; i < page.entries_len; i++) {
		LK_ASSERT(object_name_is_valid(entries[i].name));
		LK_ASSERT(
		    i == 0 || strcmp(entries[i - 1].name, entries[i].name) < 0);
	}
	return (0);
}
