/* Backups: what each method does is in a file of its own, backup_*.c. */
#include "daemon/backup.h"
#include "daemon/commands.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"

/* Whether this device has made one at that place before: then what it was made
 * in has to be there. */
static lk_err
backup_known(struct request *r)
{
	struct held held;
	const char *url;
	lk_err err;

	TRY(param_string(r, "place", &url));
	err = held_load(&held, r->daemon, url);
	json_add_flag(r->result, "known", held.known);
	held_clear(&held);
	return (err);
}

static const struct command table[] = {
	{ "backup.known", backup_known, COMMAND_IDENTITY },
	{ "backup.places", backup_places, COMMAND_IDENTITY },
	{ "backup.made", backup_made, COMMAND_IDENTITY | COMMAND_WRITES },
	{ "backup.create", backup_create, COMMAND_IDENTITY | COMMAND_WRITES },
	{ "backup.list", backup_list, 0 },
	{ "backup.check", backup_check, 0 },
	{ "backup.files", backup_files, 0 },
	{ "backup.rehearse", backup_rehearse, 0 },
	{ "backup.restore", backup_restore, COMMAND_WRITES | COMMAND_ALONE },
	{ "backup.diff", backup_diff, 0 },
	{ "backup.forget", backup_forget, 0 },
	{ "backup.key", backup_key, 0 },
	{ "backup.prune", backup_prune, 0 },
	{ NULL, NULL, 0 },
};

const struct command *const commands_backup = table;
