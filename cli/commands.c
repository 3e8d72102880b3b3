#include <string.h>

#include "cli/verbs.h"

const struct command *const commands[] = {
	&verb_init,
	&verb_pair,
	&verb_device,
	&verb_key,
	&verb_new,
	&verb_ls,
	&verb_rename,
	&verb_forget,
	&verb_get,
	&verb_set,
	&verb_rm,
	&verb_insert,
	&verb_inc,
	&verb_splice,
	&verb_mark,
	&verb_edit,
	&verb_apply,
	&verb_import,
	&verb_export,
	&verb_log,
	&verb_show,
	&verb_diff,
	&verb_blame,
	&verb_watch,
	&verb_mirror,
	&verb_backup,
	&verb_branch,
	&verb_merge,
	&verb_restore,
	&verb_undo,
	&verb_contact,
	&verb_invite,
	&verb_accept,
	&verb_share,
	&verb_members,
	&verb_revoke,
	&verb_leave,
	&verb_guardian,
	&verb_why,
	&verb_quarantine,
	&verb_adopt,
	&verb_status,
	&verb_sync,
	&verb_verify,
	&verb_peers,
	&verb_relay,
	&verb_remote,
	&verb_config,
	&verb_daemon,
	&verb_doctor,
	&verb_completion,
	&verb_version,
	&verb_help,
	NULL,
};

const struct command *
command_find(const char *name)
{
	for (const struct command *const *c = commands; *c != NULL; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

const char *
command_nearest(struct nearest *n, const char *name)
{
	nearest_init(n, name);
	for (const struct command *const *c = commands; *c != NULL; c++)
		nearest_offer(n, (*c)->name);
	return nearest_word(n);
}
