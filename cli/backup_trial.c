#include "cli/backup.h"

#include <string.h>

#include "cli/client.h"
#include "cli/progress.h"

#define TRIAL "restore_test"

void
backup_trial_render(json_object *result)
{
	json_object *trial = NULL, *list;
	long long n;

	if (!json_object_object_get_ex(result, TRIAL, &trial))
		return;
	list = field_list(trial, "different");
	/* What is compared is the home document, too. */
	n = field_int(trial, "documents") - 1;
	printf("%s, restored in a scratch store: %lld %s and the list of "
	       "documents, %lld changes",
	    field_short(trial, "snapshot"), n,
	    n == 1 ? "document" : "documents",
	    (long long)field_int(trial, "envelopes"));
	if (json_object_array_length(list) == 0 &&
	    field_int(trial, "compared") < field_int(trial, "documents"))
		printf("; of %lld it says what they are to be",
		    (long long)field_int(trial, "compared"));
	puts(json_object_array_length(list) == 0 ? ": as it says" : "");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *d = json_object_array_get_idx(list, i);

		printf("  document %s: %s\n", safe(field(d, "name")),
		    field(d, "why"));
	}
}

int
backup_trial(struct lk *lk, json_object *params, json_object *result)
{
	json_object *trial = NULL;

	DO(progress_call(lk, "backup.rehearse", params, &trial));
	json_object_object_add(result, TRIAL, trial);
	return 0;
}

int
backup_trial_status(struct lk *lk, json_object *result, const char *said)
{
	json_object *trial = NULL;
	size_t damaged;
	long long n;

	if (!json_object_object_get_ex(result, TRIAL, &trial))
		return 0;
	damaged = json_object_array_length(field_list(trial, "damaged"));
	n = (long long)field_int(trial, "different_count");
	return n == 0 && damaged == 0
	    ? 0
	    : lk_fail(lk, lk_exit_status(LK_E_CORRUPT), "damaged",
		  "lk verify on the device that made it, then lk backup create",
		  "%s: %lld %s not what the backup says, restored", said, n,
		  n == 1 ? "document is" : "documents are");
}
