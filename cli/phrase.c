#include "cli/phrase.h"

#include <string.h>
#include <unistd.h>

#include "base/passphrase.h"
#include "cli/client.h"

/* `fd` -1: not by a descriptor. */
static int
phrase_take(struct lk *lk, json_object *params, const char *file, int fd)
{
	struct passphrase_source from = {
		.file = file, .fd = fd, .prompt = "Recovery phrase: "
	};
	BUF_SECRET text = { 0 };
	lk_err err = passphrase_read(&text, &from);

	if (err.code == LK_E_SYS)
		return lk_fail(lk, 74, "system", NULL, "recovery phrase: %s",
		    strerror(err.sys));
	if (err.code != LK_OK)
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "twelve words: at a terminal, in a file, or on standard "
		    "input",
		    "recovery phrase: none given");
	json_object_object_add(params, "phrase",
	    json_object_new_string_len((const char *)text.ptr, (int)text.len));
	return 0;
}

int
phrase_params(struct lk *lk, json_object *params, const char *file)
{
	return phrase_take(
	    lk, params, file, isatty(STDIN_FILENO) ? -1 : STDIN_FILENO);
}

int
phrase_params_apart(struct lk *lk, json_object *params, const char *file)
{
	return phrase_take(lk, params, file, -1);
}
