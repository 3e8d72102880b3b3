#include <string.h>

#include "cli/verbs.h"

const struct command *const commands[] = {
	&verb_init,
	&verb_pair,
	&verb_device,
	&verb_key,
	&verb_new,
	&verb_ls,
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
	&verb_daemon,
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

#define NAME_MAX_LEN 32

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters inserted, deleted, replaced, or swapped with their neighbour. */
static size_t
spelling_distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_LEN + 1];
	size_t len = strlen(b);

	if (len > NAME_MAX_LEN || strlen(a) > NAME_MAX_LEN)
		return SIZE_MAX;
	for (size_t j = 0; j <= len; j++)
		rows[0][j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t *now = rows[i % 3], *last = rows[(i + 2) % 3],
		       *before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t same = a[i - 1] == b[j - 1] ? 0 : 1;

			now[j] = least(
			    last[j - 1] + same, least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return rows[strlen(a) % 3][len];
}

/* The only command that begins like this, or NULL. */
static const char *
command_begun(const char *name)
{
	const char *found = NULL;
	size_t len = strlen(name);

	for (const struct command *const *c = commands; *c != NULL; c++) {
		if (strncmp((*c)->name, name, len) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = (*c)->name;
	}
	return found;
}

const char *
command_nearest(const char *name)
{
	const char *begun = command_begun(name);
	const char *nearest = NULL;
	/* More than a third of the word wrong is no misspelling. */
	size_t best = (strlen(name) + 2) / 3 + 1;

	if (begun != NULL)
		return begun;
	for (const struct command *const *c = commands; *c != NULL; c++) {
		size_t d = spelling_distance(name, (*c)->name);

		if (d < best) {
			best = d;
			nearest = (*c)->name;
		}
	}
	return nearest;
}
