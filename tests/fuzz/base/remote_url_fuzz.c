/*
 * Addresses of remotes: every text is one or is refused, and what is taken out
 * of one keeps its rules.
 */
#include <string.h>

#include "base/remote_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char text[REMOTE_URL_MAX + 8] = "";
	struct remote_url u;

	memcpy(text, bytes, len < sizeof(text) - 1 ? len : sizeof(text) - 1);
	if (remote_url_parse(&u, text).code != LK_OK)
		return 0;
	if (u.kind == REMOTE_URL_FOLDER)
		LK_ASSERT(u.path[0] == '/');
	if (u.kind == REMOTE_URL_BUCKET) {
		size_t n = strlen(u.prefix);

		LK_ASSERT(u.bucket[0] != '\0' && strchr(u.host, '/') == NULL);
		LK_ASSERT(n == 0 || u.prefix[n - 1] == '/');
		LK_ASSERT(strstr(u.prefix, "/../") == NULL);
	}
	return 0;
}
