#include "daemon/commands.h"

#include <stddef.h>
#include <string.h>

static const struct command *const *const tables[] = {
	&commands_adopt,
	&commands_backup,
	&commands_branch,
	&commands_code,
	&commands_device,
	&commands_document,
	&commands_edit,
	&commands_file,
	&commands_forget,
	&commands_guardian,
	&commands_history,
	&commands_key,
	&commands_log,
	&commands_members,
	&commands_mirror,
	&commands_pairing,
	&commands_person,
	&commands_recover,
	&commands_relay,
	&commands_remote,
	&commands_restore,
	&commands_revoke,
	&commands_status,
	&commands_verify,
	&commands_watch,
	&commands_why,
};

const struct command *
command_find(const char *method)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct command *c = *tables[i]; c->method != NULL;
		     c++)
			if (strcmp(c->method, method) == 0)
				return c;
	return NULL;
}
