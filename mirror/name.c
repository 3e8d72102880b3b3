#include "mirror/name.h"

#include <string.h>

/* Some file systems do not tell letters of different case apart, drop what is
 * at the end here, or know a name by a short one too. */
static bool
is_git(struct bytes part)
{
	static const char *const names[] = { NAME_GIT, "git~1" };

	while (part.len > 0 &&
	    (part.ptr[part.len - 1] == '.' || part.ptr[part.len - 1] == ' '))
		part.len--;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (part.len == strlen(names[i]) &&
		    strncasecmp((const char *)part.ptr, names[i], part.len) ==
			0)
			return true;
	return false;
}

static const char *
part_flaw(struct bytes part)
{
	if (part.len == 0)
		return "an empty name";
	if (part.len > PATH_PART_MAX)
		return "a name is too long";
	if (part.ptr[0] == '.' &&
	    (part.len == 1 || (part.len == 2 && part.ptr[1] == '.')))
		return "it leaves the folder";
	if (is_git(part))
		return "what is git's own is not shared";
	return NULL;
}

struct bytes
path_name(struct bytes path)
{
	for (size_t i = path.len; i > 0; i--)
		if (path.ptr[i - 1] == '/')
			return BYTES(path.ptr + i, path.len - i);
	return path;
}

bool
path_is_ours(struct bytes path)
{
	const size_t len = strlen(NAME_OURS);

	for (size_t i = 0; i + len <= path.len; i++)
		if ((i == 0 || path.ptr[i - 1] == '/') &&
		    memcmp(path.ptr + i, NAME_OURS, len) == 0)
			return true;
	return false;
}

const char *
path_flaw(struct bytes path)
{
	size_t from = 0, depth = 0;
	const char *flaw;

	if (path.len > PATH_BYTES_MAX)
		return "the path is too long";
	if (path.len == 0)
		return "an empty name";
	if (memchr(path.ptr, '\0', path.len) != NULL)
		return "a NUL in the name";
	if (!utf8_valid(path))
		return "the name is not UTF-8";
	for (size_t i = 0; i <= path.len; i++) {
		if (i < path.len && path.ptr[i] != '/')
			continue;
		flaw = part_flaw(BYTES(path.ptr + from, i - from));
		if (flaw != NULL)
			return flaw;
		if (++depth > PATH_DEPTH_MAX)
			return "too many folders";
		from = i + 1;
	}
	return path_is_ours(path) ? "the name is used by lk" : NULL;
}
