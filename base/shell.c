#include "base/shell.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static bool
is_plain(const char *name)
{
	for (const char *at = name; *at != '\0'; at++)
		if ((uint8_t)*at < 0x80 && !isalnum((uint8_t)*at) &&
		    strchr("-_./@:+,%", *at) == NULL)
			return false;
	return name[0] != '\0';
}

const char *
shell_word(char out[static SHELL_WORD_MAX], const char *name)
{
	size_t len = 0;

	if (is_plain(name)) {
		(void)strlcpy(out, name, SHELL_WORD_MAX);
		return out;
	}
	out[len++] = '\'';
	for (const char *at = name;
	     *at != '\0' && len + 4 + 2 <= SHELL_WORD_MAX; at++) {
		/* A quote ends the quotes, stands by itself, begins them. */
		if (*at == '\'') {
			memcpy(out + len, "'\\''", 4);
			len += 4;
		} else {
			out[len++] = *at;
		}
	}
	out[len++] = '\'';
	out[len] = '\0';
	return out;
}
