#include <stdio.h>

#include "cli/client.h"
#include "cli/history.h"
#include "cli/params.h"
#include "cli/progress.h"
#include "cli/verbs.h"

/* Whether something of a document is not here any more, or not what it should
 * be. */
static bool
document_lacks(json_object *doc)
{
	return json_object_array_length(field_list(doc, "damaged")) > 0 ||
	    field_int(doc, "lost") > 0 || field_int(doc, "keys") > 0 ||
	    !field_bool(doc, "compared");
}

static void
refused_print(json_object *doc)
{
	json_object *refused = field_list(doc, "refused");

	for (size_t i = 0; i < json_object_array_length(refused); i++) {
		json_object *o = json_object_array_get_idx(refused, i);

		printf("  %s  not admitted: %s\n", field_short(o, "id"),
		    safe(field(o, "why")));
	}
}

static void
document_print(struct output *o, json_object *doc)
{
	json_object *damaged = field_list(doc, "damaged");
	const char *name = field(doc, "name");
	int64_t records = field_int(doc, "records");

	if (records == 0 && !document_lacks(doc))
		return;
	printf("%s%s%s\n", style_on(o, STYLE_BOLD),
	    name[0] == '\0' ? "the list of documents" : safe(name),
	    style_off(o));
	if (records > 0)
		printf("  %lld damaged %s, mended%s\n", (long long)records,
		    records == 1 ? "record" : "records",
		    field_bool(doc, "rebuilt") ? " from the log" : "");
	if (field_int(doc, "lost") > 0)
		printf("  %s%lld changes lost%s, and %lld that wait for them: "
		       "they come back from any device that has them\n",
		    style_on(o, STYLE_BAD), (long long)field_int(doc, "lost"),
		    style_off(o), (long long)field_int(doc, "waiting"));
	if (field_int(doc, "keys") > 0)
		puts("  a key is gone: what is here can be read, and what is "
		     "new when another device hands the key over");
	refused_print(doc);
	for (size_t i = 0; i < json_object_array_length(damaged); i++)
		change_render(o, json_object_array_get_idx(damaged, i));
	if (!field_bool(doc, "compared"))
		puts("  not compared with what its log gives");
}

static void
verify_render(struct output *o, json_object *result)
{
	json_object *docs = field_list(result, "documents");
	int64_t records = field_int(result, "device_records");
	size_t named = 0, len = json_object_array_length(docs), good = 0;

	if (records > 0)
		printf("%lld damaged records of this device, mended\n",
		    (long long)records);
	for (size_t i = 0; i < len; i++) {
		json_object *doc = json_object_array_get_idx(docs, i);

		named += field(doc, "name")[0] != '\0';
		good += !document_lacks(doc);
		document_print(o, doc);
	}
	if (good == len)
		printf("%zu %s, %lld envelopes: hashes, signatures, who may do "
		       "what and contents are as they should be\n",
		    named, named == 1 ? "document" : "documents",
		    (long long)field_int(result, "envelopes"));
}

static int
verify_run(struct lk *lk, const struct args *args)
{
	JSON_SCOPED *result = NULL;
	json_object *params = params_new(NULL), *docs;
	size_t lacking = 0;

	params_docs(params, args);
	DO(progress_call(lk, "doc.verify", params, &result));
	output_result(
	    &lk->output, "verify", result, lk->quiet ? NULL : verify_render);
	docs = field_list(result, "documents");
	for (size_t i = 0; i < json_object_array_length(docs); i++)
		lacking += document_lacks(json_object_array_get_idx(docs, i));
	if (lacking == 0)
		return 0;
	return lk_fail(lk, lk_exit_status(LK_E_CORRUPT), "damaged",
	    "lk sync asks the other devices now",
	    "verify: %zu %s damaged; what is missing comes back from any "
	    "device "
	    "that has it",
	    lacking, lacking == 1 ? "document" : "documents");
}

const struct command verb_verify = {
	.name = "verify",
	.usage = "verify [DOC ...]\n",
	.summary = "Check everything, and mend what the disk has damaged",
	.details =
	    "Of each document every change is read again: its bytes against "
	    "its hash, its signature\nagainst its author's key, and whether "
	    "its "
	    "author was allowed to make it. What follows\nfrom the changes is "
	    "made again beside the store and compared with what is there. "
	    "Others\nare answered meanwhile.\n\n"
	    "What can be derived is mended from the log of changes. Changes "
	    "that are damaged\nthere are listed, and asked of every device "
	    "that "
	    "has them; until then the exit\nstatus is 65.\n",
	.operands_max = OPERANDS_MANY,
	.run = verify_run,
};
