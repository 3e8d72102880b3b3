#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/verbs.h"

static bool opt_exit_code;

static const struct option options[] = {
	{ "exit-code", 0, OPTION_FLAG, &opt_exit_code },
	OPTIONS_END,
};

static void
device_print(struct output *o, json_object *d)
{
	const char *state = field(d, "state"), *who = safe(field(d, "who"));
	bool is_silent = field(d, "oldest")[0] == '\0';

	if (strcmp(state, "synced") == 0)
		printf("  %s: %ssynced%s\n", who, style_on(o, STYLE_GOOD),
		    style_off(o));
	else if (strcmp(state, "pending") == 0)
		printf("  %s: %spending %lld%s, oldest %s%s\n", who,
		    style_on(o, STYLE_WAIT), (long long)field_int(d, "pending"),
		    style_off(o), field_ago(d, "oldest"),
		    field_bool(d, "connected") ? "" : ", not connected");
	else if (strcmp(state, "forgotten") == 0)
		printf("  %s: does not keep it, since %s\n", who,
		    field_ago(d, "oldest"));
	else
		printf("  %s: %sunknown%s%s%s%s\n", who, style_on(o, STYLE_BAD),
		    style_off(o),
		    is_silent ? ", it has said nothing yet" : " since ",
		    is_silent ? "" : field_ago(d, "oldest"),
		    field_bool(d, "connected") ? "" : ", not connected");
}

/* Where it lies besides: nobody may have fetched it yet. */
static void
remotes_print(json_object *remotes)
{
	for (size_t i = 0;
	     remotes != NULL && i < json_object_array_length(remotes); i++) {
		json_object *r = json_object_array_get_idx(remotes, i);

		printf("  remote %s: %s\n", safe(field(r, "name")),
		    field_bool(r, "stored") ? "all of it stored there"
					    : "not all of it stored yet");
	}
}

/* Whose key was used twice, and how that is mended. */
static void
forks_print(struct output *o, json_object *forks, const char *name)
{
	for (size_t i = 0; forks != NULL && i < json_object_array_length(forks);
	     i++) {
		json_object *f = json_object_array_get_idx(forks, i);
		const char *who = safe(field(f, "who"));

		printf("  %sforked%s: ", style_on(o, STYLE_BAD), style_off(o));
		if (field_bool(f, "self"))
			puts("this device's key was used twice (a copied "
			     "LK_HOME): make a new one and pair it; nothing is "
			     "lost");
		else
			printf("the key of %s was used twice; lk revoke %s %s, "
			       "then share with a new key\n",
			    who, name, who);
	}
}

static void
duels_print(struct output *o, json_object *duels)
{
	for (size_t i = 0; duels != NULL && i < json_object_array_length(duels);
	     i++) {
		json_object *d = json_object_array_get_idx(duels, i);

		printf("  %srefused%s: %s tried to revoke %s, who is not below "
		       "(%lld times, last %s)\n",
		    style_on(o, STYLE_BAD), style_off(o), safe(field(d, "by")),
		    safe(field(d, "of")), (long long)field_int(d, "count"),
		    field_ago(d, "last"));
	}
}

static void
alarms_print(struct output *o, json_object *doc)
{
	const char *on = style_on(o, STYLE_BAD), *off = style_off(o);
	const char *name = safe(field(doc, "name"));

	if (field_int(doc, "waiting") > 0)
		printf("  %s%lld waiting%s for something that is not here "
		       "yet\n",
		    on, (long long)field_int(doc, "waiting"), off);
	if (field_int(doc, "voided") > 0)
		printf("  %s%lld void%s: of somebody revoked; lk quarantine %s "
		       "shows what, lk adopt takes it in\n",
		    on, (long long)field_int(doc, "voided"), off, name);
	if (field_int(doc, "undone") > 0)
		printf("  %s%lld denied by somebody revoked have access "
		       "again%s: lk quarantine %s shows who\n",
		    on, (long long)field_int(doc, "undone"), off, name);
	if (field_int(doc, "stranded") > 0)
		printf("  %s%lld stranded%s inside something void: lk "
		       "quarantine %s shows what to adopt\n",
		    on, (long long)field_int(doc, "stranded"), off, name);
	forks_print(o, field_list(doc, "forks"), name);
	duels_print(o, field_list(doc, "duels"));
	if (field_int(doc, "damaged") > 0)
		printf("  %s%lld damaged%s on this disk: asked of every device "
		       "that has them (lk log shows them)\n",
		    on, (long long)field_int(doc, "damaged"), off);
	if (field_bool(doc, "newer"))
		printf("  %sneeds a newer lk%s\n", on, off);
}

static void
document_print(struct output *o, json_object *doc)
{
	json_object *devices = field_list(doc, "devices");
	size_t len = json_object_array_length(devices);
	bool revoked = field_bool(doc, "revoked");

	printf("\n%s%s%s  %s, %s\n", style_on(o, STYLE_BOLD),
	    safe(field(doc, "name")), style_off(o), field(doc, "type"),
	    revoked ? "revoked" : field(doc, "role"));
	for (size_t i = 0; i < len; i++)
		device_print(o, json_object_array_get_idx(devices, i));
	if (revoked)
		puts("  what is here stays, nothing more comes");
	else if (strcmp(field(doc, "role"), "none") == 0)
		puts("  nothing of it has come yet");
	else if (len == 0)
		puts("  on this device only");
	remotes_print(field_list(doc, "remotes"));
	alarms_print(o, doc);
}

static void
tickets_print(struct output *o, json_object *tickets)
{
	for (size_t i = 0;
	     tickets != NULL && i < json_object_array_length(tickets); i++) {
		json_object *t = json_object_array_get_idx(tickets, i);
		const char *state = field(t, "state"), *said;

		said = strcmp(state, "refused") == 0
		    ? "refused: wrong, used or expired; ask for a new one"
		    : strcmp(state, "answered") == 0
		    ? "you were let in; the document is on its way"
		    : "nobody has answered yet";
		printf("%sticket %s%s  typed %s: %s\n", style_on(o, STYLE_WAIT),
		    field(t, "ticket"), style_off(o), field_ago(t, "since"),
		    said);
	}
}

static void
status_render(struct output *o, json_object *result)
{
	json_object *identity = json_object_object_get(result, "identity");
	json_object *daemon = json_object_object_get(result, "daemon");
	json_object *docs = field_list(result, "documents");
	int64_t connections = field_int(daemon, "connections");

	printf("%s%s%s  device %s, person %s\n", style_on(o, STYLE_BOLD),
	    safe(field(identity, "name")), style_off(o),
	    field_short(identity, "device"), field_short(identity, "person"));
	printf("daemon  pid %lld, started %s, port %lld, %lld %s\n",
	    (long long)field_int(daemon, "pid"), field_ago(daemon, "started"),
	    (long long)field_int(daemon, "port"), (long long)connections,
	    connections == 1 ? "connection" : "connections");
	if (field_bool(daemon, "read_only"))
		printf("%sthe store is read-only after errors; lk daemon logs "
		       "says which%s\n",
		    style_on(o, STYLE_BAD), style_off(o));
	tickets_print(o, field_list(result, "tickets"));
	for (size_t i = 0; i < json_object_array_length(docs); i++)
		document_print(o, json_object_array_get_idx(docs, i));
}

static int
status_run(struct lk *lk, const struct args *args)
{
	JSON_SCOPED *result = NULL;

	(void)args;
	DO(lk_call(lk, "status", NULL, &result));
	output_result(
	    &lk->output, "status", result, lk->quiet ? NULL : status_render);
	return opt_exit_code && !field_bool(result, "synced") ? EXIT_NO : 0;
}

const struct command verb_status = {
	.name = "status",
	.usage = "status [--exit-code]\n",
	.summary = "Show what every device has of every document",
	.details =
	    "synced: it has acknowledged all this device has, and this device "
	    "has all it\nannounced. pending: it has not yet. unknown: it never "
	    "said, or not for long.\n\n"
	    "  --exit-code         exit 1 unless everything is synced\n",
	.options = options,
	.run = status_run,
};
