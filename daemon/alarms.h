/*
 * alarms.h - what a person should look at in a document (access.md sections 5,
 * 6 and 8): forks, denials that are undone, stranded content.
 */
#ifndef DAEMON_ALARMS_H
#define DAEMON_ALARMS_H

#include "daemon/subject.h"

/* Adds "forks" (whose key was used twice: who, key, self), "undone" (how many
 * people have more than a void revocation or ban of them would leave) and
 * "stranded" (how many operations wait for something void). */
LK_MUST_USE lk_err alarms_add(
    struct request *, const struct subject *, struct json_object *);

#endif
