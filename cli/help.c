#include <stdio.h>

#include "cli/topics.h"
#include "cli/verbs.h"

const char globals_details[] =
    "Options of every command:\n"
    "  --json              results and errors as JSON\n"
    "  -q, --quiet         say less\n"
    "  -v, --verbose       say more\n"
    "  --color[=WHEN]      always, never or auto (also NO_COLOR)\n"
    "  -h, --help          this help\n";

static void
usage_print(const char *usage)
{
	const char *lead = "usage:";

	while (*usage != '\0') {
		const char *end = usage;

		while (*end != '\n')
			end++;
		printf("%-6s lk %.*s\n", lead, (int)(end - usage), usage);
		usage = end + 1;
		lead = "";
	}
}

static json_object *
command_json(const struct command *c)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(c->name));
	json_object_object_add(
	    o, "summary", json_object_new_string(c->summary));
	json_object_object_add(o, "usage", json_object_new_string(c->usage));
	json_object_object_add(
	    o, "details", json_object_new_string(c->details));
	return o;
}

static void
command_render(struct output *o, json_object *result)
{
	(void)o;
	usage_print(field(result, "usage"));
	printf("\n%s.\n", field(result, "summary"));
	if (field(result, "details")[0] != '\0')
		printf("\n%s", field(result, "details"));
	printf("\n%s", globals_details);
}

static void
topic_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s.\n\n%s", field(result, "summary"), field(result, "text"));
}

static json_object *
topic_json(const struct topic *t, bool whole)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "topic", json_object_new_string(t->name));
	json_object_object_add(
	    o, "summary", json_object_new_string(t->summary));
	if (whole)
		json_object_object_add(
		    o, "text", json_object_new_string(t->text));
	return o;
}

static void
all_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "commands");

	(void)o;
	puts("lk keeps documents on your own devices and in step with each "
	     "other.\n\n"
	     "usage: lk [option ...] command [argument ...]\n\nCommands:");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *c = json_object_array_get_idx(list, i);

		printf("  %-10s %s\n", field(c, "name"), field(c, "summary"));
	}
	puts("\nTopics:");
	for (const struct topic *t = topics; t->name != NULL; t++)
		printf("   %-10s %s\n", t->name, t->summary);
	printf("\n%s\nlk help COMMAND or lk help TOPIC says more about one; "
	       "lk(1) has it all.\n",
	    globals_details);
}

void
help_print(struct lk *lk, const struct command *command)
{
	JSON_SCOPED *result = NULL;
	json_object *list;

	if (command != NULL) {
		result = command_json(command);
		output_result(&lk->output, "help", result, command_render);
		return;
	}
	result = json_object_new_object();
	list = json_object_new_array();
	for (const struct command *const *c = commands; *c != NULL; c++)
		json_object_array_add(list, command_json(*c));
	json_object_object_add(result, "commands", list);
	list = json_object_new_array();
	for (const struct topic *t = topics; t->name != NULL; t++)
		json_object_array_add(list, topic_json(t, false));
	json_object_object_add(result, "topics", list);
	output_result(&lk->output, "help", result, all_render);
}

/* Neither a command nor a topic. */
static int
help_fail(struct lk *lk, const char *name)
{
	char hint[64] = "lk help lists both";
	const char *near;
	struct nearest n;

	(void)command_nearest(&n, name);
	for (const struct topic *t = topics; t->name != NULL; t++)
		nearest_offer(&n, t->name);
	near = nearest_word(&n);
	if (near != NULL)
		(void)snprintf(
		    hint, sizeof(hint), "did you mean lk help %s?", near);
	return lk_fail(lk, EXIT_USAGE_, "usage", hint,
	    "help: %s: no such command or topic", safe(name));
}

static int
help_run(struct lk *lk, const struct args *args)
{
	JSON_SCOPED *result = NULL;
	const struct command *about = NULL;
	const struct topic *topic;

	if (args->len > 0) {
		about = command_find(args->operands[0]);
		topic = topic_find(args->operands[0]);
		if (about == NULL && topic == NULL)
			return help_fail(lk, args->operands[0]);
		if (about == NULL) {
			result = topic_json(topic, true);
			output_result(
			    &lk->output, "help", result, topic_render);
			return 0;
		}
	}
	help_print(lk, about);
	return 0;
}

const struct command verb_help = {
	.name = "help",
	.usage = "help [TOPIC]\n",
	.summary = "List the commands and topics, or explain one",
	.details = "A topic is a command, or one of those that lk help lists "
		   "below them.\n",
	.operands_max = 1,
	.run = help_run,
};
