/*
 * commands.h - the tables of methods, one a file; docs/control.md describes
 * every one of them.
 */
#ifndef DAEMON_COMMANDS_H
#define DAEMON_COMMANDS_H

#include "daemon/command.h"

/* Each ends with a NULL method. */
extern const struct command *const commands_adopt;
extern const struct command *const commands_backup;
extern const struct command *const commands_branch;   /* branch, merge */
extern const struct command *const commands_code;     /* pairing by code */
extern const struct command *const commands_device;   /* init, daemon */
extern const struct command *const commands_document; /* new, list, get */
extern const struct command *const commands_edit;
extern const struct command *const commands_file; /* import, export */
extern const struct command *const commands_forget;
extern const struct command *const commands_guardian;
extern const struct command *const commands_history; /* diff, show, blame */
extern const struct command *const commands_key;     /* show, passphrase */
extern const struct command *const commands_log;
extern const struct command *const commands_members; /* members, share */
extern const struct command *const commands_mirror;
extern const struct command *const commands_pairing; /* tickets */
extern const struct command *const commands_person;  /* devices, contacts */
extern const struct command *const commands_recover; /* by the phrase */
extern const struct command *const commands_relay;
extern const struct command *const commands_remote;
extern const struct command *const commands_restore; /* undo too */
extern const struct command *const commands_revoke;  /* leave too */
extern const struct command *const commands_status;  /* status, sync, peers */
extern const struct command *const commands_verify;
extern const struct command *const commands_watch;
extern const struct command *const commands_why;

#endif
