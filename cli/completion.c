/*
 * completion.c - what a shell needs to complete a command line of lk.
 */
#include <stdio.h>
#include <string.h>

#include "cli/complete.h"
#include "cli/shell_scripts.h"
#include "cli/verbs.h"

static void
script_render(struct output *o, json_object *result)
{
	(void)o;
	fputs(field(result, "script"), stdout);
}

static const struct {
	const char *shell, *script;
} scripts[] = {
	{ "bash", shell_bash },
	{ "zsh", shell_zsh },
	{ "fish", shell_fish },
};

static int
completion_run(struct lk *lk, const struct args *args)
{
	const char *shell = args->operands[0];
	JSON_SCOPED *result = json_object_new_object();

	if (strcmp(shell, "words") == 0)
		return complete_words(
		    lk, args->operands + 1, args->len - 1);
	for (size_t i = 0; i < nitems(scripts) && args->len == 1; i++) {
		if (strcmp(shell, scripts[i].shell) != 0)
			continue;
		json_object_object_add(
		    result, "shell", json_object_new_string(shell));
		json_object_object_add(result, "script",
		    json_object_new_string(scripts[i].script));
		output_result(&lk->output, "completion", result, script_render);
		return 0;
	}
	return lk_fail_verb(lk, shell);
}

const struct command verb_completion = {
	.name = "completion",
	.usage = "completion bash|zsh|fish\n",
	.summary = "Print what makes a shell complete what is typed",
	.details =
	    "Commands, options, documents, people, devices and revisions are "
	    "completed; names only\nwhile the daemon runs. For good:\n\n"
	    "  bash   source <(lk completion bash)       in ~/.bashrc\n"
	    "  zsh    source <(lk completion zsh)        in ~/.zshrc, after "
	    "compinit\n"
	    "  fish   lk completion fish | source        in "
	    "~/.config/fish/config.fish\n\n"
	    "An installed lk has put them where these shells look by "
	    "themselves.\n",
	.operands_min = 1,
	.operands_max = OPERANDS_MANY,
	.run = completion_run,
};
