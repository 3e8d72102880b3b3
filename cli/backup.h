/*
 * backup.h - inside cli/: what the verbs of `lk backup` share; each of the
 * longer ones is in a file of its name.
 */
#ifndef CLI_BACKUP_H
#define CLI_BACKUP_H

#include "base/remote_url.h"
#include "cli/lk.h"

/* DEST as the daemon knows it, where there may be a backup: an address; a
 * folder's is without links. */
int backup_place(
    struct lk *, const char *dest, char out[static REMOTE_URL_MAX + 1]);

/* A path as the address of a folder; false: it is too long. */
bool backup_address(char out[static REMOTE_URL_MAX + 1], const char *path);

/* Id, time, device and what is wrong with it: four cells of table_list. */
void backup_row(json_object *snapshot, const char *cells[]);

/* "3.4 MB", for people. */
void backup_size_print(int64_t bytes);

enum keep_rule {
	KEEP_LAST,
	KEEP_HOURLY,
	KEEP_DAILY,
	KEEP_WEEKLY,
	KEEP_MONTHLY,
	KEEP_YEARLY,
	KEEP_RULES
};
/* The options of forget. */
struct forget_options {
	int64_t keep[KEEP_RULES];
	bool dry_run;
};
extern struct forget_options opt_forget;

/* Those of prune; dry_run is that of forget. */
struct prune_options {
	int64_t grace_ms; /* below 0: not given */
};
extern struct prune_options opt_prune;

/* --phrase-file, and --key-file: instead of the phrase, where it is only about
 * reading. */
extern const char *opt_phrase_file, *opt_key_file;
/* Adds "key", or else the phrase as phrase_params does. */
int backup_key_params(struct lk *, json_object *params);

/* Verbs: operands[0] is the verb, [1] DEST. */
int backup_diff_run(struct lk *, const struct args *);
int backup_forget_run(struct lk *, const struct args *);
int backup_key_run(struct lk *, const struct args *); /* [1]: FILE */
int backup_prune_run(struct lk *, const struct args *);

/* Says what was made; its status. */
int backup_created(struct lk *, json_object *result);
/* What is checked or restored. */
struct backup_source {
	const char *said; /* as it was typed */
	char address[REMOTE_URL_MAX + 1];
	bool stream; /* what was on standard input, which is used up */
};
int backup_check_at(struct lk *, const struct backup_source *);
int backup_restore_at(struct lk *, const struct backup_source *);

/* The trial of a backup, restored in a scratch store: takes `params`, adds what
 * came of it to `result`; a part of the answer for people; its status. */
int backup_trial(struct lk *, json_object *params, json_object *result);
void backup_trial_render(json_object *result);
int backup_trial_status(struct lk *, json_object *result, const char *said);

/* Plain files of what is in a backup, into a folder that is empty or not there;
 * takes `params`, those of a source with the phrase. */
int backup_files(struct lk *, json_object *params, const char *folder);

/* The same with a stream, "-": on standard output, or standard input. */
int backup_stream_create(struct lk *);
int backup_stream_check(struct lk *);
/* What is damaged is told before anything is done, unless `partial`. */
int backup_stream_restore(struct lk *, bool partial);

#endif
