/* `lk backup key`: what opens backups, apart from the phrase, in a file. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/passphrase.h"
#include "cli/backup.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/params.h"
#include "cli/phrase.h"

const char *opt_phrase_file, *opt_key_file;

int
backup_key_params(struct lk *lk, json_object *params)
{
	const char *file = opt_key_file;
	struct passphrase_source from = { .file = file, .fd = -1 };
	BUF_SECRET text = { 0 };
	lk_err err;

	if (file == NULL)
		return phrase_params(lk, params, opt_phrase_file);
	if (opt_phrase_file != NULL)
		return lk_fail_usage(
		    lk, "--key-file and --phrase-file exclude each other");
	err = passphrase_read(&text, &from);
	if (err.code == LK_E_SYS)
		return lk_fail(lk, err.sys == ENOENT ? 66 : 74,
		    err.sys == ENOENT ? "not-found" : "system", NULL, "%s: %s",
		    file, strerror(err.sys));
	if (err.code != LK_OK)
		return lk_fail_usage(lk, "%s: no key in it", file);
	params_bytes(params, "key", buf_bytes(&text));
	return 0;
}

/* As a file that only its owner reads. */
static int
key_write(struct lk *lk, const char *path, json_object *result)
{
	BUF_SECRET text = { .max = 1024 };

	buf_printf(&text, "%s\n", field(result, "key"));
	if (text.failed)
		return lk_fail_memory(lk);
	if (strcmp(path, "-") != 0 && access(path, F_OK) == 0)
		return lk_fail(
		    lk, 73, "exists", NULL, "%s: %s", path, strerror(EEXIST));
	umask(077);
	return file_write(lk, path, buf_bytes(&text));
}

int
backup_key_run(struct lk *lk, const struct args *args)
{
	const char *path = args->operands[1];
	JSON_SCOPED *result = NULL;
	json_object *params = params_new(NULL);
	int status = lk_connect(lk, CONNECT_INIT);

	if (status == 0 && opt_key_file != NULL)
		status = lk_fail_usage(
		    lk, "the key follows from the phrase: --phrase-file");
	if (status == 0)
		status = backup_key_params(lk, params);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	DO(lk_call(lk, "backup.key", params, &result));
	if (lk->json && strcmp(path, "-") == 0) {
		output_result(&lk->output, "backup", result, NULL);
		return 0;
	}
	DO(key_write(lk, path, result));
	json_object_object_del(result, "key");
	params_text(result, "file", path);
	if (lk->json)
		output_result(&lk->output, "backup", result, NULL);
	return 0;
}
