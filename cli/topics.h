/*
 * topics.h - what lk help says about things that are no command, a screen each.
 */
#ifndef CLI_TOPICS_H
#define CLI_TOPICS_H

struct topic {
	const char *name;
	const char *summary; /* one line, no full stop */
	const char *text;    /* lines ended by \n, at most 22 of 80 */
};

/* In the order of the help; ends with a name of NULL. */
extern const struct topic topics[];
const struct topic *topic_find(const char *name); /* NULL: there is none */

#endif
