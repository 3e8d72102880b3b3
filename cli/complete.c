#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

#include "base/setting.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/topics.h"
#include "cli/usage.h"

#define WORD_MAX 1024
#define OPERANDS_KEPT 4
/* Of more changes nobody picks one from a list. */
#define CHANGES_MAX 50

struct place {
	struct lk *lk;
	const struct command *command; /* NULL: it comes here */
	char verb[USAGE_WORD_MAX];     /* "": the command has none */
	bool verb_next;                /* it comes here */
	bool lost;                     /* there is no such command */
	const char *operands[OPERANDS_KEPT];
	size_t operands_len; /* behind the verb */
	const struct option *option; /* whose argument comes here, or NULL */
	bool ended;                  /* there was a -- */
	bool operand;                /* no option comes here */
	const char *begun;           /* what is there of the word */
	char lead[WORD_MAX];         /* what stands before each: "--role=" */
	json_object *words;          /* {word: what it is} */
	const char *files;           /* NULL, "files" or "folders" */
};

static void
offer(struct place *p, const char *word, const char *about)
{
	char whole[2 * WORD_MAX];

	if (snprintf(whole, sizeof(whole), "%s%s", p->lead, word) >=
		(int)sizeof(whole) ||
	    strncmp(whole, p->begun, strlen(p->begun)) != 0)
		return;
	/* It would be read as an option. */
	if (p->operand && !p->ended && whole[0] == '-')
		return;
	/* A line has to hold it. */
	for (const char *c = whole; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return;
	json_object_object_add(p->words, whole, json_object_new_string(about));
}

/* Whether a daemon runs and has answered; takes `params`.  A new *result. */
static bool
ask(struct place *p, const char *method, json_object *params,
    json_object **result)
{
	if (p->lk->client != NULL || lk_running(p->lk))
		return lk_call(p->lk, method, params, result) == 0;
	json_object_put(params);
	return false;
}

/* Offers a member of each object of a list that a method answers with; takes
 * `params`.  `about` names the member that says what it is. */
static void
offer_list(struct place *p, const char *method, json_object *params,
    const char *list_key, const char *const member[2])
{
	JSON_SCOPED *result = NULL;
	json_object *list;

	if (!ask(p, method, params, &result))
		return;
	list = field_list(result, list_key);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *o = json_object_array_get_idx(list, i);
		const char *word = field(o, member[0]);

		if (word[0] != '\0')
			offer(p, word, field(o, member[1]));
	}
}

static void
documents_offer(struct place *p)
{
	offer_list(p, "doc.list", NULL, "documents",
	    (const char *const[]){ "name", "type" });
	/* With --undo. */
	if (strcmp(p->command->name, "forget") == 0)
		offer_list(p, "doc.forgotten", NULL, "documents",
		    (const char *const[]){ "name", "type" });
}

static void
devices_offer(struct place *p)
{
	JSON_SCOPED *result = NULL;
	json_object *list;

	if (!ask(p, "device.list", NULL, &result))
		return;
	list = field_list(result, "devices");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *d = json_object_array_get_idx(list, i);

		if (!field_bool(d, "revoked"))
			offer(p, field(d, "name"),
			    field_bool(d, "self") ? "this device"
						  : "a device of yours");
	}
}

static const char *
document_of(const struct place *p)
{
	return p->operands_len > 0 ? p->operands[0] : NULL;
}

/* Whose access may be taken away: not this device's, nor the phrase's. */
static void
members_offer(struct place *p, const char *doc)
{
	JSON_SCOPED *result = NULL;
	json_object *list;

	if (!ask(p, "doc.members", params_new(doc), &result))
		return;
	list = field_list(result, "members");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *m = json_object_array_get_idx(list, i);

		if (!field_bool(m, "self") && field_int(m, "rank") > 0)
			offer(p, field(m, "who"), field(m, "role"));
	}
}

static void
people_offer(struct place *p)
{
	const char *doc = document_of(p);
	JSON_SCOPED *result = NULL;
	json_object *list;

	/* What is taken away was given. */
	if (strcmp(p->command->name, "revoke") == 0 && doc != NULL) {
		members_offer(p, doc);
		return;
	}
	if (ask(p, "contact.list", NULL, &result)) {
		list = field_list(result, "contacts");
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			json_object *c = json_object_array_get_idx(list, i);

			offer(p, field(c, "name"),
			    field(c, "verified")[0] == '\0'
				? "a contact, not verified"
				: "a contact");
		}
	}
	if (strcmp(p->command->name, "contact") != 0)
		devices_offer(p);
}

static void
remotes_offer(struct place *p)
{
	offer_list(p, "remote.list", NULL, "remotes",
	    (const char *const[]){ "name", "kind" });
}

static void
accounts_offer(struct place *p)
{
	offer_list(p, "relay.accounts", NULL, "accounts",
	    (const char *const[]){ "account", "created" });
}

/* Branches by their own name, without that of the document. */
static void
branches_offer(struct place *p)
{
	const char *doc = document_of(p);
	JSON_SCOPED *result = NULL;
	json_object *list;

	if (doc == NULL ||
	    !ask(p, "doc.branches", params_new(doc), &result))
		return;
	list = field_list(result, "branches");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *name =
		    field(json_object_array_get_idx(list, i), "name");
		size_t len = strlen(field(result, "name"));

		if (strlen(name) > len && name[len] == '/')
			offer(p, name + len + 1, "a branch");
	}
}

/* The last changes, by their hash. */
static void
changes_offer_of(struct place *p, const char *method, const char *list_key)
{
	const char *doc = document_of(p);
	JSON_SCOPED *result = NULL;
	json_object *list;
	size_t len;

	if (doc == NULL ||
	    !ask(p, method, params_new(doc), &result) ||
	    field_int(result, "next") != 0)
		return;
	list = field_list(result, list_key);
	len = json_object_array_length(list);
	for (size_t i = len; i > 0 && len - i < CHANGES_MAX; i--) {
		json_object *e = json_object_array_get_idx(list, i - 1);
		const char *message = field(e, "message");
		char about[256];

		if (field(e, "hash")[0] == '\0')
			continue;
		(void)snprintf(about, sizeof(about), "%s%s%s",
		    field_ago(e, "time"), message[0] == '\0' ? "" : ": ",
		    safe(message));
		offer(p, field_short(e, "hash"), about);
	}
}

static void
changes_offer(struct place *p)
{
	if (strcmp(p->command->name, "adopt") == 0)
		changes_offer_of(p, "doc.quarantine", "void");
	else
		changes_offer_of(p, "doc.log", "entries");
}

static void
revisions_offer(struct place *p)
{
	branches_offer(p);
	changes_offer(p);
}

static void
merged_offer(struct place *p)
{
	branches_offer(p);
	documents_offer(p);
}

static void
commands_offer(struct place *p)
{
	for (const struct command *const *c = commands; *c != NULL; c++)
		offer(p, (*c)->name, (*c)->summary);
}

static void
topics_offer(struct place *p)
{
	commands_offer(p);
	for (const struct topic *t = topics; t->name != NULL; t++)
		offer(p, t->name, t->summary);
}

static void
settings_offer(struct place *p)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		offer(p, settings[i].name, settings[i].about);
}

static void
files_offer(struct place *p)
{
	p->files = "files";
}

static void
folders_offer(struct place *p)
{
	if (p->files == NULL)
		p->files = "folders";
}

/* What the names in usage and details stand for; those that are not here stand
 * for what only the user knows. */
static const struct {
	const char *name;
	void (*offer)(struct place *);
	const char *words; /* with a blank behind each; or NULL */
} kinds[] = {
	{ "ACCOUNT", accounts_offer, NULL },
	{ "BRANCH", merged_offer, NULL },
	{ "CHANGE", changes_offer, NULL },
	{ "DEST", folders_offer, NULL },
	{ "DEVICE", devices_offer, NULL },
	{ "DIR", folders_offer, NULL },
	{ "DOC", documents_offer, NULL },
	{ "EDGES", NULL, "none before after both " },
	{ "FILE", files_offer, NULL },
	{ "FOLDER", folders_offer, NULL },
	{ "FORMAT", NULL, "automerge automerge-repo json text " },
	{ "REMOTE", remotes_offer, NULL },
	{ "REQUEST", files_offer, NULL },
	{ "REV", revisions_offer, NULL },
	{ "ROLE", NULL, "relay read write admin " },
	{ "SETTING", settings_offer, NULL },
	{ "SIGNATURE", files_offer, NULL },
	{ "TOPIC", topics_offer, NULL },
	{ "TYPE", NULL, "map text list " },
	{ "WHEN", NULL, "always never auto " },
	{ "WHO", people_offer, NULL },
};

static void
words_offer(struct place *p, const char *words)
{
	while (*words != '\0') {
		char word[USAGE_WORD_MAX];
		size_t len = strcspn(words, " ");

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, words);
		offer(p, word, "");
		words += len + 1;
	}
}

static void
kind_offer(struct place *p, const char *name)
{
	for (size_t i = 0; i < nitems(kinds); i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		if (kinds[i].offer != NULL)
			kinds[i].offer(p);
		else
			words_offer(p, kinds[i].words);
	}
	/* A word as it is, like the all of --wait. */
	if (name[0] >= 'a' && name[0] <= 'z')
		offer(p, name, "");
}

/* DIR|DOC: each of them. */
static void
kinds_offer(struct place *p, const char *names)
{
	while (*names != '\0') {
		char name[USAGE_WORD_MAX];
		size_t len = strcspn(names, "|");

		(void)snprintf(name, sizeof(name), "%.*s", (int)len, names);
		kind_offer(p, name);
		names += len + (names[len] != '\0');
	}
}

static void
verbs_offer(struct place *p)
{
	char verb[USAGE_WORD_MAX];

	for (size_t i = 0; usage_verb(p->command, i, verb); i++)
		offer(p, verb, "");
}

static void
operand_offer(struct place *p)
{
	char name[USAGE_WORD_MAX];

	p->operand = true;
	for (size_t line = 0; usage_operand(
		 p->command, p->verb, line, p->operands_len, name);
	     line++)
		kinds_offer(p, name);
}

static void
options_offer(struct place *p)
{
	static const char *const everywhere[] = { "json", "quiet", "verbose",
		"color", "help" };
	const struct option *o =
	    p->command == NULL ? NULL : p->command->options;
	struct usage_option said;
	char word[USAGE_WORD_MAX + 2];

	for (; o != NULL && o->name != NULL; o++) {
		(void)snprintf(word, sizeof(word), "--%s", o->name);
		(void)usage_option(p->command->details, o->name, &said);
		offer(p, word, said.about);
	}
	for (size_t i = 0; i < nitems(everywhere); i++) {
		(void)snprintf(word, sizeof(word), "--%s", everywhere[i]);
		(void)usage_option(globals_details, everywhere[i], &said);
		offer(p, word, said.about);
	}
}

static void
argument_offer(struct place *p, const char *name)
{
	const char *details =
	    p->command == NULL ? "" : p->command->details;
	struct usage_option said;

	if (usage_option(details, name, &said) ||
	    usage_option(globals_details, name, &said))
		kinds_offer(p, said.argument);
}

static const struct option *
option_find(const struct place *p, const char *word)
{
	const struct option *o =
	    p->command == NULL ? NULL : p->command->options;

	for (; o != NULL && o->name != NULL; o++)
		if (word[1] == '-' ? strcmp(word + 2, o->name) == 0
				   : word[1] == o->letter && word[2] == '\0')
			return o;
	return NULL;
}

/* Takes a word that is complete. */
static void
place_pass(struct place *p, const char *word)
{
	char verb[USAGE_WORD_MAX];

	if (p->option != NULL) {
		p->option = NULL;
	} else if (!p->ended && word[0] == '-' && word[1] != '\0') {
		const struct option *o = option_find(p, word);

		p->ended = strcmp(word, "--") == 0;
		if (o != NULL && o->kind != OPTION_FLAG &&
		    o->kind != OPTION_MAYBE)
			p->option = o;
	} else if (p->command == NULL) {
		p->command = command_find(word);
		p->lost = p->command == NULL;
		p->verb_next = p->command != NULL &&
		    usage_verb(p->command, 0, verb);
	} else if (p->verb_next) {
		p->verb_next = false;
		(void)strlcpy(p->verb, word, sizeof(p->verb));
	} else if (p->operands_len++ < OPERANDS_KEPT) {
		p->operands[p->operands_len - 1] = word;
	}
}

static void
place_offer(struct place *p)
{
	size_t option = strncmp(p->begun, "--", 2) == 0 && !p->ended
	    ? strcspn(p->begun, "=")
	    : strlen(p->begun);
	char name[WORD_MAX];

	if (p->option != NULL) {
		argument_offer(p, p->option->name);
	} else if (p->begun[option] == '=' && option < sizeof(name) - 1) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)option - 2,
		    p->begun + 2);
		(void)snprintf(p->lead, sizeof(p->lead), "%.*s",
		    (int)option + 1, p->begun);
		argument_offer(p, name);
	} else if (p->begun[0] == '-' && !p->ended) {
		options_offer(p);
	} else if (p->command == NULL) {
		commands_offer(p);
	} else if (p->verb_next) {
		verbs_offer(p);
	} else {
		operand_offer(p);
	}
}

static void
words_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "words");

	(void)o;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *w = json_object_array_get_idx(list, i);

		printf("%s\t%s\n", field(w, "word"), safe(field(w, "about")));
	}
	if (field(result, "files")[0] != '\0')
		printf("\t%s\n", field(result, "files"));
}

static void
words_answer(struct place *p)
{
	JSON_SCOPED *result = json_object_new_object();
	json_object *list = json_object_new_array();

	json_object_object_foreach(p->words, word, about)
	{
		json_object *o = json_object_new_object();

		json_object_object_add(
		    o, "word", json_object_new_string(word));
		json_object_object_add(o, "about", json_object_get(about));
		json_object_array_add(list, o);
	}
	json_object_object_add(result, "words", list);
	json_object_object_add(result, "files",
	    p->files == NULL ? NULL : json_object_new_string(p->files));
	output_result(&p->lk->output, "completion", result, words_render);
}

int
complete_words(struct lk *lk, const char *const *words, size_t len)
{
	struct place p = { .lk = lk,
		.begun = len == 0 ? "" : words[len - 1] };

	/* Nobody asked for the answer alone but a shell, between two keys. */
	if (freopen("/dev/null", "w", stderr) == NULL)
		return lk_fail(lk, 74, "system", NULL, "/dev/null: %s",
		    strerror(errno));
	p.words = json_object_new_object();
	for (size_t i = 0; i + 1 < len; i++)
		place_pass(&p, words[i]);
	if (!p.lost)
		place_offer(&p);
	words_answer(&p);
	json_object_put(p.words);
	return 0;
}
