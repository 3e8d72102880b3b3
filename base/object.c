#include "base/object.h"

#include <stdlib.h>
#include <string.h>

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
	    c == '_' || c == '-';
}

bool
object_name_is_valid(const char *name)
{
	const char *part = name;
	size_t parts = 1;

	if (strnlen(name, OBJECT_NAME_MAX + 1) > OBJECT_NAME_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len == 1 && part[0] == '.') ||
		    (len == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		for (size_t i = 0; i < len; i++)
			if (!is_name_char(part[i]))
				return false;
		if (part[len] == '\0')
			return true;
		if (++parts > OBJECT_PARTS_MAX)
			return false;
		part += len + 1;
	}
}

lk_err
object_request_check(const struct object_request *r)
{
	if (r->op == OBJECT_LIST)
		return strnlen(r->name, sizeof(r->name)) > OBJECT_NAME_MAX ||
			strnlen(r->after, sizeof(r->after)) > OBJECT_NAME_MAX
		    ? LK_ERR(LK_E_USAGE, "name")
		    : LK_NONE;
	if (!object_name_is_valid(r->name) ||
	    (r->op == OBJECT_GET && r->max > OBJECT_BYTES_MAX) ||
	    (r->op == OBJECT_PUT && r->bytes.len > OBJECT_BYTES_MAX))
		return LK_ERR(LK_E_USAGE, "name or length");
	if (strncmp(r->name, OBJECT_ROOT "/", strlen(OBJECT_ROOT "/")) != 0)
		return LK_ERR(LK_E_DENIED, "outside of " OBJECT_ROOT);
	return LK_NONE;
}

void
object_request_clear(struct object_request *r)
{
	buf_clear(&r->bytes);
}

void
object_answer_clear(struct object_answer *a)
{
	free(a->entries);
	a->entries = NULL;
	a->entries_len = 0;
	buf_clear(&a->bytes);
}
