/*
 * verbs.h - every command of lk, each in a file of its name.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/lk.h"

extern const struct command verb_accept;
extern const struct command verb_adopt;
extern const struct command verb_apply;
extern const struct command verb_backup;
extern const struct command verb_blame;
extern const struct command verb_branch;
extern const struct command verb_completion;
extern const struct command verb_config;
extern const struct command verb_contact;
extern const struct command verb_daemon;
extern const struct command verb_device;
extern const struct command verb_diff;
extern const struct command verb_doctor;
extern const struct command verb_edit;
extern const struct command verb_export;
extern const struct command verb_get;
extern const struct command verb_guardian;
extern const struct command verb_help;
extern const struct command verb_import;
extern const struct command verb_inc;
extern const struct command verb_init;
extern const struct command verb_insert;
extern const struct command verb_invite;
extern const struct command verb_key;
extern const struct command verb_forget;
extern const struct command verb_leave;
extern const struct command verb_log;
extern const struct command verb_mark;
extern const struct command verb_ls;
extern const struct command verb_members;
extern const struct command verb_merge;
extern const struct command verb_mirror;
extern const struct command verb_new;
extern const struct command verb_pair;
extern const struct command verb_peers;
extern const struct command verb_quarantine;
extern const struct command verb_relay;
extern const struct command verb_remote;
extern const struct command verb_rename;
extern const struct command verb_restore;
extern const struct command verb_revoke;
extern const struct command verb_rm;
extern const struct command verb_set;
extern const struct command verb_share;
extern const struct command verb_show;
extern const struct command verb_splice;
extern const struct command verb_status;
extern const struct command verb_sync;
extern const struct command verb_undo;
extern const struct command verb_verify;
extern const struct command verb_version;
extern const struct command verb_watch;
extern const struct command verb_why;

#endif
