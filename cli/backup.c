#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/object.h"
#include "base/remote_url.h"
#include "cli/backup.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/phrase.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/verbs.h"

static const char *opt_files, *opt_name, *opt_snapshot;
static bool opt_partial, opt_restore_test, opt_sealed;

static const struct option options[] = {
	{ "dry-run", 0, OPTION_FLAG, &opt_forget.dry_run },
	{ "grace", 0, OPTION_DURATION, &opt_prune.grace_ms },
	{ "files", 0, OPTION_STRING, &opt_files },
	{ "keep-last", 0, OPTION_NUMBER, &opt_forget.keep[KEEP_LAST] },
	{ "keep-hourly", 0, OPTION_NUMBER, &opt_forget.keep[KEEP_HOURLY] },
	{ "keep-daily", 0, OPTION_NUMBER, &opt_forget.keep[KEEP_DAILY] },
	{ "keep-weekly", 0, OPTION_NUMBER, &opt_forget.keep[KEEP_WEEKLY] },
	{ "keep-monthly", 0, OPTION_NUMBER, &opt_forget.keep[KEEP_MONTHLY] },
	{ "keep-yearly", 0, OPTION_NUMBER, &opt_forget.keep[KEEP_YEARLY] },
	{ "key-file", 0, OPTION_STRING, &opt_key_file },
	{ "name", 'n', OPTION_STRING, &opt_name },
	{ "partial", 0, OPTION_FLAG, &opt_partial },
	{ "phrase-file", 0, OPTION_STRING, &opt_phrase_file },
	{ "restore-test", 0, OPTION_FLAG, &opt_restore_test },
	{ "sealed", 0, OPTION_FLAG, &opt_sealed },
	{ "snapshot", 0, OPTION_STRING, &opt_snapshot },
	OPTIONS_END,
};

/* What is not plain in an address is written %XX. */
bool
backup_address(char out[static REMOTE_URL_MAX + 1], const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
	BUF_SCOPED text = { .max = REMOTE_URL_MAX };

	buf_str(&text, "file://");
	for (; *path != '\0'; path++)
		if (strchr(plain, *path) != NULL)
			buf_u8(&text, (uint8_t)*path);
		else
			buf_printf(&text, "%%%02X", (unsigned char)*path);
	buf_u8(&text, 0);
	if (text.failed)
		return false;
	memcpy(out, text.ptr, text.len);
	return true;
}

static int
place_address(
    struct lk *lk, const char *dest, char out[static REMOTE_URL_MAX + 1])
{
	struct remote_url url;
	char path[PATH_MAX];
	lk_err err;

	if (strstr(dest, "://") != NULL) {
		err = remote_url_parse(&url, dest);
		if (err.code != LK_OK)
			return lk_fail_usage(lk, "%s: %s", dest, err.what);
		(void)strlcpy(out, dest, REMOTE_URL_MAX + 1);
		return 0;
	}
	if (realpath(dest, path) == NULL)
		return lk_fail(lk, errno == ENOENT ? 66 : 74,
		    errno == ENOENT ? "not-found" : "system",
		    "a folder has to be there, and mounted", "%s: %s", dest,
		    strerror(errno));
	if (!backup_address(out, path))
		return lk_fail_usage(lk, "%s: too long a path", dest);
	return 0;
}

/* A folder has a mark, the directory lk1, without which the daemon writes
 * nothing into it. */
#define MARK_MAX (sizeof(((struct remote_url *)0)->path) + 8)

/* Whether it has one, or is no folder. */
static bool
is_marked(const char *address, char mark[static MARK_MAX])
{
	struct remote_url url;

	if (remote_url_parse(&url, address).code != LK_OK ||
	    url.kind != REMOTE_URL_FOLDER)
		return true;
	(void)snprintf(mark, MARK_MAX, "%s/" OBJECT_ROOT, url.path);
	return access(mark, F_OK) == 0;
}

int
backup_place(
    struct lk *lk, const char *dest, char out[static REMOTE_URL_MAX + 1])
{
	char mark[MARK_MAX];

	DO(place_address(lk, dest, out));
	if (is_marked(out, mark))
		return 0;
	return lk_fail(lk, 66, "not-found",
	    "is it mounted? lk backup create makes the first one",
	    "%s: no backup there", safe(out));
}

/* It is made before the first backup only: afterwards, where it is missing,
 * what is missing is the disk. */
static int
folder_mark(struct lk *lk, const char *address)
{
	JSON_SCOPED *result = NULL;
	json_object *params = params_new(NULL);
	char mark[MARK_MAX];

	params_text(params, "place", address);
	DO(lk_call(lk, "backup.known", params, &result));
	if (is_marked(address, mark))
		return 0;
	if (field_bool(result, "known"))
		return lk_fail(lk, 66, "not-found",
		    "is it mounted? mkdir makes a new place of it",
		    "%s: not there, and backups were made here before", mark);
	if (mkdir(mark, 0777) == 0 || errno == EEXIST)
		return 0;
	return lk_fail(lk, 73, "system", NULL, "%s: %s", mark, strerror(errno));
}

void
backup_size_print(int64_t bytes)
{
	char text[16];

	if (humanize_number(text, 8, bytes, "B", HN_AUTOSCALE,
		HN_DECIMAL | HN_DIVISOR_1000) < 0)
		(void)snprintf(text, sizeof(text), "?");
	fputs(text, stdout);
}

static void
create_render(struct output *o, json_object *result)
{
	json_object *damaged = field_list(result, "damaged");
	long long n = field_int(result, "documents");

	printf("%s: %lld %s, ", field_short(result, "snapshot"), n,
	    n == 1 ? "document" : "documents");
	backup_size_print(field_int(result, "bytes"));
	fputs("; added ", stdout);
	backup_size_print(field_int(result, "added"));
	putchar('\n');
	for (size_t i = 0; i < json_object_array_length(damaged); i++)
		printf(
		    "  %s%s%s: damaged on this disk, not all of it is in the "
		    "backup\n",
		    style_on(o, STYLE_BAD),
		    safe(field(json_object_array_get_idx(damaged, i), "name")),
		    style_off(o));
}

int
backup_created(struct lk *lk, json_object *result)
{
	int64_t envelopes = field_int(result, "damaged_envelopes");
	size_t damaged =
	    json_object_array_length(field_list(result, "damaged"));

	output_result(
	    &lk->output, "backup", result, lk->quiet ? NULL : create_render);
	if (damaged == 0 && envelopes == 0)
		return 0;
	return lk_fail(lk, 3, "damaged", "lk verify mends what it can",
	    "backup: %lld %s damaged on this disk, of %zu %s that can be named",
	    (long long)envelopes, envelopes == 1 ? "change is" : "changes are",
	    damaged, damaged == 1 ? "document" : "documents");
}

static bool
is_stream(const struct args *args)
{
	return strcmp(args->operands[1], "-") == 0;
}

static int
create_run(struct lk *lk, const struct args *args)
{
	const char *dest = args->operands[1];
	char address[REMOTE_URL_MAX + 1];
	JSON_SCOPED *result = NULL;
	json_object *params;

	if (is_stream(args))
		return backup_stream_create(lk);
	DO(place_address(lk, dest, address));
	DO(folder_mark(lk, address));
	params = params_new(NULL);
	params_text(params, "place", address);
	DO(progress_call(lk, "backup.create", params, &result));
	return backup_created(lk, result);
}

void
backup_row(json_object *s, const char *cells[])
{
	const char *name = field(s, "device_name");

	cells[0] = field_short(s, "snapshot");
	cells[1] = field(s, "time");
	cells[2] = name[0] != '\0' ? safe(name) : field_short(s, "machine");
	cells[3] = safe(field(s, "error"));
}

static void
ls_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "snapshots", 4, backup_row);
}

static int
ls_run(struct lk *lk, const struct args *args)
{
	const char *dest = args->operands[1];
	char address[REMOTE_URL_MAX + 1];
	json_object *params;

	if (is_stream(args))
		return lk_fail_usage(lk, "a stream has no list");
	DO(backup_place(lk, dest, address));
	DO(lk_connect(lk, CONNECT_INIT));
	params = params_new(NULL);
	params_text(params, "place", address);
	return lk_answer(lk, "backup.list", params, ls_render);
}

static void
damaged_print(struct output *o, json_object *bad)
{
	json_object *docs = field_list(bad, "documents"),
		    *snapshots = field_list(bad, "snapshots");

	printf("%s%s %s%s: %s\n", style_on(o, STYLE_BAD), field(bad, "kind"),
	    field_short(bad, "object"), style_off(o), safe(field(bad, "why")));
	for (size_t i = 0; i < json_object_array_length(snapshots); i++)
		printf("  in backup %.8s\n",
		    json_object_get_string(
			json_object_array_get_idx(snapshots, i)));
	for (size_t i = 0; i < json_object_array_length(docs); i++) {
		json_object *d = json_object_array_get_idx(docs, i);
		const char *name = field(d, "name");

		printf("  document %s\n",
		    name[0] == '\0' ? field_short(d, "doc") : safe(name));
	}
}

static void
check_render(struct output *o, json_object *result)
{
	json_object *bad = field_list(result, "damaged");

	for (size_t i = 0; i < json_object_array_length(bad); i++)
		damaged_print(o, json_object_array_get_idx(bad, i));
	if (json_object_array_length(bad) > 0)
		return;
	printf("%lld %s, %lld objects, ",
	    (long long)field_int(result, "snapshots"),
	    field_int(result, "snapshots") == 1 ? "backup" : "backups",
	    (long long)field_int(result, "objects"));
	backup_size_print(field_int(result, "bytes"));
	fputs(field_bool(result, "opened") ? ": good"
					   : ": as written; not opened",
	    stdout);
	if (field_int(result, "others") > 0)
		printf("; %lld of the objects sealed to another key",
		    (long long)field_int(result, "others"));
	putchar('\n');
	backup_trial_render(result);
}

/* Of what was on standard input nothing is left for a phrase. */
static int
phrase_add(struct lk *lk, json_object *params, const struct backup_source *p)
{
	return p->stream && opt_key_file == NULL
	    ? phrase_params_apart(lk, params, opt_phrase_file)
	    : backup_key_params(lk, params);
}

static json_object *
source_params(const struct backup_source *p)
{
	json_object *params = params_new(NULL);

	params_text(params, "place", p->address);
	params_text(params, "called", p->stream ? p->said : NULL);
	return params;
}

int
backup_check_at(struct lk *lk, const struct backup_source *p)
{
	JSON_SCOPED *result = NULL, *trial = NULL;
	json_object *params;
	size_t bad;
	int status;

	DO(lk_connect(lk, CONNECT_INIT));
	params = source_params(p);
	status = opt_sealed ? 0 : phrase_add(lk, params, p);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	trial = json_object_get(params);
	DO(progress_call(lk, "backup.check", params, &result));
	bad = json_object_array_length(field_list(result, "damaged")) +
	    (size_t)field_int(result, "untold");
	if (bad == 0 && opt_restore_test) {
		params_text(trial, "snapshot", opt_snapshot);
		DO(backup_trial(lk, json_object_get(trial), result));
	}
	output_result(
	    &lk->output, "backup", result, lk->quiet ? NULL : check_render);
	return bad == 0
	    ? backup_trial_status(lk, result, p->said)
	    : lk_fail(lk, lk_exit_status(LK_E_CORRUPT), "damaged",
		  "lk backup create writes again what is missing or cut; "
		  "remove what is damaged first",
		  "%s: %zu %s damaged", p->said, bad,
		  bad == 1 ? "object is" : "objects are");
}

static int
check_run(struct lk *lk, const struct args *args)
{
	struct backup_source p = { .said = args->operands[1] };

	if (opt_sealed && (opt_phrase_file != NULL || opt_key_file != NULL))
		return lk_fail_usage(lk, "--sealed and %s exclude each other",
		    opt_key_file != NULL ? "--key-file" : "--phrase-file");
	if (opt_key_file != NULL && opt_restore_test)
		return lk_fail_usage(
		    lk, "--restore-test needs the phrase, not --key-file");
	if (opt_sealed && opt_restore_test)
		return lk_fail_usage(
		    lk, "--sealed and --restore-test exclude each other");
	if (is_stream(args))
		return backup_stream_check(lk);
	DO(backup_place(lk, p.said, p.address));
	return backup_check_at(lk, &p);
}

static void
setting_print(json_object *s)
{
	if (strcmp(field(s, "kind"), "mirror") == 0)
		printf("  lk mirror add %s %.8s\n", safe(field(s, "value")),
		    field(s, "of"));
	else if (strcmp(field(s, "kind"), "remote") == 0)
		printf("  lk remote add %s %s\n", safe(field(s, "of")),
		    safe(field(s, "value")));
}

static void
restore_render(struct output *o, json_object *result)
{
	json_object *settings = field_list(result, "settings"),
		    *damaged = field_list(result, "damaged");
	long long n = field_int(result, "documents"),
		  unwritable = field_int(result, "unwritable");

	printf("This device is called %s, id %s; %lld %s here, as of %s.\n",
	    safe(field(result, "name")), field_short(result, "device"), n,
	    n == 1 ? "document is" : "documents are", field(result, "time"));
	printf("It has the place of the device that made the backup, %s, "
	       "which is revoked.\n",
	    field_short(result, "instead_of"));
	if (unwritable > 0)
		printf("%lld of them can be read here but not written: the "
		       "phrase has no say there.\n",
		    unwritable);
	for (size_t i = 0; i < json_object_array_length(damaged); i++)
		printf("%s%s%s: %s\n", style_on(o, STYLE_BAD),
		    field_short(
			json_object_array_get_idx(damaged, i), "object"),
		    style_off(o),
		    safe(field(json_object_array_get_idx(damaged, i), "why")));
	if (json_object_array_length(settings) > 0)
		puts("\nWhat it had set, to be set here again as need be:");
	for (size_t i = 0; i < json_object_array_length(settings); i++)
		setting_print(json_object_array_get_idx(settings, i));
}

int
backup_restore_at(struct lk *lk, const struct backup_source *p)
{
	JSON_SCOPED *result = NULL;
	json_object *params;
	int status;

	DO(lk_connect(lk, CONNECT_INIT));
	params = source_params(p);
	if (opt_files == NULL)
		params_device_name(params, opt_name);
	params_text(params, "snapshot", opt_snapshot);
	if (opt_partial)
		params_flag(params, "partial", true);
	status = phrase_add(lk, params, p);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	if (opt_files != NULL)
		return backup_files(lk, params, opt_files);
	DO(progress_call(lk, "backup.restore", params, &result));
	output_result(
	    &lk->output, "backup", result, lk->quiet ? NULL : restore_render);
	if (field_int(result, "refused") == 0 &&
	    json_object_array_length(field_list(result, "damaged")) == 0)
		return 0;
	return lk_fail(lk, 3, "damaged", "lk backup check names what it is",
	    "%s: not all of the backup could be had: %lld changes lack what "
	    "they rest on",
	    p->said, (long long)field_int(result, "refused"));
}

static int
restore_run(struct lk *lk, const struct args *args)
{
	struct backup_source p = { .said = args->operands[1] };

	if (opt_key_file != NULL)
		return lk_fail_usage(
		    lk, "--key-file only checks: restoring takes the phrase");
	if (opt_files != NULL && opt_name != NULL)
		return lk_fail_usage(
		    lk, "--files and --name exclude each other");
	if (is_stream(args))
		return backup_stream_restore(lk, opt_partial);
	DO(backup_place(lk, p.said, p.address));
	return backup_restore_at(lk, &p);
}

static const struct action {
	const char *name;
	int (*run)(struct lk *, const struct args *);
	size_t operands_max; /* with the verb */
} actions[] = {
	{ "create", create_run, 2 },
	{ "ls", ls_run, 2 },
	{ "check", check_run, 2 },
	{ "diff", backup_diff_run, 4 },
	{ "forget", backup_forget_run, OPERANDS_MANY },
	{ "key", backup_key_run, 2 },
	{ "prune", backup_prune_run, 2 },
	{ "restore", restore_run, 2 },
};

static int
backup_run(struct lk *lk, const struct args *args)
{
	for (size_t i = 0; i < nitems(actions); i++)
		if (strcmp(actions[i].name, args->operands[0]) == 0 &&
		    args->len <= actions[i].operands_max)
			return actions[i].run(lk, args);
	return lk_fail_verb(lk, args->operands[0]);
}

const struct command verb_backup = {
	.name = "backup",
	.usage = "backup create DEST\n"
		 "backup ls DEST\n"
		 "backup check DEST [--phrase-file FILE | --key-file FILE | "
		 "--sealed]\n"
		 "backup check DEST --restore-test [--phrase-file FILE] "
		 "[--snapshot ID]\n"
		 "backup diff DEST SNAPSHOT [SNAPSHOT] [--phrase-file FILE | "
		 "--key-file FILE]\n"
		 "backup forget DEST SNAPSHOT... [--dry-run]\n"
		 "backup forget DEST --keep-daily N... [--key-file FILE] "
		 "[--dry-run]\n"
		 "backup key FILE [--phrase-file FILE]\n"
		 "backup prune DEST [--grace TIME] [--dry-run]\n"
		 "backup restore DEST [--phrase-file FILE] [--snapshot ID] "
		 "[--name NAME] [--partial]\n"
		 "backup restore DEST --files DIR [--phrase-file FILE] "
		 "[--snapshot ID] [--partial]\n",
	.summary = "Keep everything a second time, and have it back",
	.details =
	    "DEST is a folder, or s3://BUCKET/PREFIX as for lk remote. A "
	    "backup has every\ndocument with its history, who may do what in "
	    "it, your devices, contacts and\nsettings; it adds what no backup "
	    "there has yet. It is sealed: this device cannot\nread it, only "
	    "the recovery phrase opens it.\n\nDEST - is a stream, the whole "
	    "backup each time: create writes it to standard\noutput; check "
	    "and restore read it from standard input.\n\n"
	    "check reads all of it, and names the documents that damage "
	    "concerns (exit status\n65). restore, where there is no identity "
	    "yet, makes a new device in the place of\nthe one that made the "
	    "backup, which it revokes. Both ask for the recovery phrase.\n\n"
	    "diff says what the second backup has that the first has not, and "
	    "the other way\nround; without a second one it is the newest of "
	    "that machine.\n\n"
	    "forget ends the backups that are named, or of each machine all "
	    "that no --keep\nkeeps; the newest one of a machine always is. "
	    "Days and weeks are those of this\nmachine's time zone. prune "
	    "frees the room: it marks what no backup needs, and\nremoves what "
	    "it marked before the grace began. Neither needs the "
	    "phrase.\n\n"
	    "key writes what opens backups into a file, and nothing that "
	    "makes a device: for who\nchecks them elsewhere.\n\n"
	    "  --dry-run           say what would be done\n"
	    "  --grace TIME        what is marked stays so long (default: 7d)\n"
	    "  --files DIR         write what is in it as plain files into a "
	    "folder, and make no\n"
	    "                      device\n"
	    "  --keep-last N       keep the last N backups of each machine\n"
	    "  --keep-hourly N     and the last one of each of N hours\n"
	    "  --keep-daily N      and of each of N days\n"
	    "  --keep-weekly N     and of each of N weeks, from Monday\n"
	    "  --keep-monthly N    and of each of N months\n"
	    "  --keep-yearly N     and of each of N years\n"
	    "  --key-file FILE     the key of lk backup key, instead of the "
	    "phrase; forget then\n"
	    "                      counts only what it opens\n"
	    "  --partial           restore what is there of a damaged backup, "
	    "for good\n"
	    "  --phrase-file FILE  the phrase is the first line of the file\n"
	    "  --restore-test      restore the newest backup in a scratch "
	    "store as well, and\n"
	    "                      compare it with what the backup says\n"
	    "  --sealed            check without the phrase: every byte, but "
	    "no "
	    "names\n"
	    "  --snapshot ID       another one than the newest, as ls shows "
	    "it; needed where\n"
	    "                      several of your machines have backups\n"
	    "  -n, --name NAME     what the new device is called (default: the "
	    "host name)\n",
	.options = options,
	.operands_min = 2,
	.operands_max = OPERANDS_MANY,
	.run = backup_run,
};
