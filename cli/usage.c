#include "cli/usage.h"

#include <stdio.h>
#include <string.h>

static void
copy(char *out, size_t size, const char *text, size_t len)
{
	(void)snprintf(out, size, "%.*s", (int)len, text);
}

/* Behind the name of the command, in the line behind `line`, the first one for
 * NULL; NULL at the end. */
static const char *
line_next(const struct command *c, const char *line)
{
	line = line == NULL ? c->usage : line + strcspn(line, "\n") + 1;
	if (*line == '\0')
		return NULL;
	line += strlen(c->name);
	return line + strspn(line, " ");
}

/* The length of the verbs that a line begins with, 0 for none. */
static size_t
verbs_len(const char *line)
{
	size_t len = strcspn(line, " \n");

	return strspn(line, "abcdefghijklmnopqrstuvwxyz|") == len ? len : 0;
}

bool
usage_verb(const struct command *c, size_t n, char out[USAGE_WORD_MAX])
{
	char before[USAGE_WORD_MAX] = "", verb[USAGE_WORD_MAX];

	for (const char *line = line_next(c, NULL); line != NULL;
	     line = line_next(c, line)) {
		const char *end = line + verbs_len(line);
		size_t len;

		for (const char *at = line; at < end; at += len + 1) {
			len = strcspn(at, "| \n");
			copy(verb, sizeof(verb), at, len);
			/* Several lines may tell of one verb. */
			if (strcmp(verb, before) == 0)
				continue;
			memcpy(before, verb, sizeof(before));
			if (n-- > 0)
				continue;
			memcpy(out, verb, sizeof(verb));
			return true;
		}
	}
	return false;
}

bool
usage_has_verb(const struct command *c, const char *verb)
{
	char have[USAGE_WORD_MAX];

	for (size_t i = 0; usage_verb(c, i, have); i++)
		if (strcmp(have, verb) == 0)
			return true;
	return false;
}

bool
usage_is_verbs(const struct command *c)
{
	for (const char *at = line_next(c, NULL); at != NULL;
	     at = line_next(c, at))
		if (verbs_len(at) == 0)
			return false;
	return true;
}

/* Whether one of the verbs of the line is this one; "": it has none. */
static bool
line_is_of(const char *line, const char *verb)
{
	const char *end = line + verbs_len(line);
	size_t len = strlen(verb);

	if (len == 0)
		return end == line;
	for (const char *at = line; at < end; at += strcspn(at, "| \n") + 1)
		if (strncmp(at, verb, len) == 0 && strcspn(at, "| \n") == len)
			return true;
	return false;
}

const char *
usage_line(const struct command *c, const char *verb, size_t *len)
{
	const char *line = c->usage;

	for (const char *at = line_next(c, NULL); at != NULL;
	     at = line_next(c, at), line += strcspn(line, "\n") + 1)
		if (line_is_of(at, verb)) {
			*len = strcspn(line, "\n");
			return line;
		}
	*len = strcspn(c->usage, "\n");
	return c->usage;
}

/* Behind the ] of the [ here. */
static const char *
bracket_end(const char *at)
{
	size_t depth = 0;

	for (; *at != '\n'; at++) {
		if (*at == '[')
			depth++;
		else if (*at == ']' && --depth == 0)
			return at + 1;
	}
	return at;
}

/* Whether an option that stands here, outside of brackets, takes the next word
 * as its argument. */
static bool
takes_argument(const struct command *c, const char *at, size_t len)
{
	if (memchr(at, '|', len) != NULL)
		return false;
	for (const struct option *o = c->options; o != NULL && o->name != NULL;
	     o++)
		if (len == strlen(o->name) + 2 &&
		    strncmp(at + 2, o->name, len - 2) == 0)
			return o->kind != OPTION_FLAG &&
			    o->kind != OPTION_MAYBE;
	return false;
}

/* The next operand of a line; NULL when there is none.  *len is its length. */
static const char *
operand_next(const struct command *c, const char *at, size_t *len)
{
	for (;;) {
		at += strspn(at, " ]");
		if (*at == '\n')
			return NULL;
		if (strncmp(at, "[-", 2) == 0 ||
		    strncmp(at, "[option", 7) == 0) {
			at = bracket_end(at);
		} else if (*at == '[') {
			at++;
		} else if (*at == '-') {
			*len = strcspn(at, " \n");
			at += *len;
			if (takes_argument(c, at - *len, *len))
				at += 1 + strcspn(at + 1, " \n");
		} else {
			*len = strcspn(at, " []\n");
			return at;
		}
	}
}

bool
usage_operand(const struct command *c, const char *verb, size_t line, size_t n,
    char out[USAGE_WORD_MAX])
{
	const char *at = line_next(c, NULL), *operand;
	char last[USAGE_WORD_MAX] = "";
	size_t len = 0;

	while (at != NULL && (!line_is_of(at, verb) || line-- > 0))
		at = line_next(c, at);
	if (at == NULL)
		return false;
	out[0] = '\0';
	at += verbs_len(at);
	while ((operand = operand_next(c, at, &len)) != NULL) {
		bool again = len == 3 && strncmp(operand, "...", 3) == 0;

		if (!again)
			copy(last, sizeof(last), operand, len);
		if (again || n-- == 0) {
			memcpy(out, last, sizeof(last));
			break;
		}
		at = operand + len;
		/* What is glued to it, as in CODE[@HOST:PORT]. */
		if (*at == '[')
			at = bracket_end(at);
	}
	return true;
}

/* Behind an option's name in a line of details, or NULL. */
static const char *
option_here(const char *line, const char *name)
{
	size_t len = strlen(name);

	line += strspn(line, " ");
	if (line[0] == '-' && line[1] != '-' && line[1] != '\0' &&
	    line[2] == ',')
		line += 3 + strspn(line + 3, " ");
	if (strncmp(line, "--", 2) != 0 || strncmp(line + 2, name, len) != 0)
		return NULL;
	line += 2 + len;
	return strchr(" [\n", *line) != NULL ? line : NULL;
}

bool
usage_option(const char *details, const char *name, struct usage_option *out)
{
	const char *at = NULL;
	size_t len;

	*out = (struct usage_option){ .argument = "" };
	for (; *details != '\0'; details += strcspn(details, "\n") + 1)
		if (*details == ' ' &&
		    (at = option_here(details, name)) != NULL)
			break;
	if (at == NULL)
		return false;
	if (strncmp(at, "[=", 2) == 0) {
		len = strcspn(at + 2, "]");
		copy(out->argument, sizeof(out->argument), at + 2, len);
		at += len + 3;
	} else if (at[0] == ' ' && at[1] != ' ') {
		len = strcspn(at + 1, " \n");
		copy(out->argument, sizeof(out->argument), at + 1, len);
		at += len + 1;
	}
	/* Too long an argument has what it does on the next line. */
	at += strspn(at, " \n");
	copy(out->about, sizeof(out->about), at, strcspn(at, "\n"));
	return true;
}
