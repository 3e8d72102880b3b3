#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/client.h"
#include "cli/file.h"
#include "cli/params.h"
#include "cli/phrase.h"
#include "cli/verbs.h"

#define TEXT_PREFIX "lkg1-"
#define TEXT_FILE_MAX ((size_t)1024 * 1024)

static const char *opt_grant, *opt_revoke, *opt_role, *opt_phrase_file;

static const struct option options[] = {
	{ "grant", 0, OPTION_STRING, &opt_grant },
	{ "phrase-file", 0, OPTION_STRING, &opt_phrase_file },
	{ "revoke", 0, OPTION_STRING, &opt_revoke },
	{ "role", 'r', OPTION_STRING, &opt_role },
	OPTIONS_END,
};

static void
person_print(FILE *to, json_object *p)
{
	const char *who = field(p, "who"), *key = field_short(p, "key");

	if (strcmp(who, key) != 0)
		fprintf(to, "%s, ", safe(who));
	fprintf(to, "key %s", key);
}

/* "ann, key 1a2b3c4d; key 2b3c4d5e" of who is called nothing here */
static void
people_print(FILE *to, json_object *result, const char *key)
{
	json_object *list = field_list(result, key);
	size_t len = list == NULL ? 0 : json_object_array_length(list);

	for (size_t i = 0; i < len; i++) {
		if (i > 0)
			fputs("; ", to);
		person_print(to, json_object_array_get_idx(list, i));
	}
}

/* What guardians are asked to sign. */
static void
request_print(FILE *to, json_object *result)
{
	const char *role = field(result, "role");

	fprintf(to, "Document:  %s, id %s\n", safe(field(result, "name")),
	    field(result, "doc"));
	if (strcmp(field(result, "kind"), "grant") == 0)
		fprintf(to, "Gives:     %s, rank %lld, to ", role,
		    (long long)field_int(result, "rank"));
	else if (strcmp(role, "none") == 0)
		fputs("Revokes:   all access of ", to);
	else
		fprintf(to, "Revokes:   all but %s of ", role);
	people_print(to, result, "people");
	fputs("\nAsked by:  ", to);
	person_print(to, json_object_object_get(result, "asked_by"));
	fprintf(to, "\nGuardians: any %lld of ",
	    (long long)field_int(result, "needed"));
	people_print(to, result, "guardians");
	fprintf(to, "\nWords:     %s\n", field(result, "words"));
}

static void
show_render(struct output *o, json_object *result)
{
	(void)o;
	request_print(stdout, result);
}

/* The line alone goes to stdout, so that it can go into a file. */
static void
ask_render(struct output *o, json_object *result)
{
	(void)o;
	request_print(stderr, result);
	puts(field(result, "request"));
}

static void
ask_render_quiet(struct output *o, json_object *result)
{
	(void)o;
	puts(field(result, "request"));
}

static void
sign_render(struct output *o, json_object *result)
{
	(void)o;
	puts(field(result, "signature"));
}

static void
apply_render(struct output *o, json_object *result)
{
	show_render(o, result);
	puts("Recorded here; lk sync --wait=all waits for everywhere.");
}

static struct bytes
trimmed(struct bytes b)
{
	while (b.len > 0 && strchr(" \t\r\n", b.ptr[b.len - 1]) != NULL)
		b.len--;
	while (b.len > 0 && strchr(" \t\r\n", b.ptr[0]) != NULL)
		b = BYTES(b.ptr + 1, b.len - 1);
	return b;
}

/* A request or signature: the line itself, or a file that has it. */
static int
text_read(struct lk *lk, const char *operand, json_object **out)
{
	BUF_SCOPED text = { .max = TEXT_FILE_MAX };
	struct bytes b;

	if (strncasecmp(operand, TEXT_PREFIX, strlen(TEXT_PREFIX)) == 0)
		buf_str(&text, operand);
	else
		DO(file_read(lk, operand, &text));
	b = trimmed(buf_bytes(&text));
	*out = json_object_new_string_len(
	    b.len == 0 ? "" : (const char *)b.ptr, (int)b.len);
	return 0;
}

static int
request_params(struct lk *lk, const char *operand, json_object **params)
{
	json_object *text;

	DO(text_read(lk, operand, &text));
	*params = params_new(NULL);
	json_object_object_add(*params, "request", text);
	return 0;
}

static int
guardian_ask(struct lk *lk, const struct args *args)
{
	json_object *params;

	if (args->len != 2)
		return lk_fail_usage(lk, "ask: one document");
	if ((opt_grant == NULL) == (opt_revoke == NULL))
		return lk_fail_usage(lk, "ask: either --grant or --revoke");
	params = params_new(args->operands[1]);
	params_text(params, "who", opt_grant != NULL ? opt_grant : opt_revoke);
	params_flag(params, "revoke", opt_revoke != NULL);
	params_text(params, "role", opt_role);
	return lk_answer(lk, "guardian.ask", params,
	    lk->quiet ? ask_render_quiet : ask_render);
}

static int
guardian_show(struct lk *lk, const struct args *args)
{
	json_object *params;

	if (args->len != 2)
		return lk_fail_usage(lk, "show: one request");
	DO(request_params(lk, args->operands[1], &params));
	return lk_answer(lk, "guardian.show", params, show_render);
}

/* Nobody types his phrase before he has read what for. */
static int
guardian_sign(struct lk *lk, const struct args *args)
{
	JSON_SCOPED *shown = NULL;
	json_object *params;
	int status;

	if (args->len != 2)
		return lk_fail_usage(lk, "sign: one request");
	DO(request_params(lk, args->operands[1], &params));
	status = lk_call(lk, "guardian.show", json_object_get(params), &shown);
	if (status == 0 && !lk->json && !lk->quiet)
		request_print(stderr, shown);
	if (status == 0)
		status = phrase_params(lk, params, opt_phrase_file);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	return lk_answer(lk, "guardian.sign", params, sign_render);
}

static int
guardian_apply(struct lk *lk, const struct args *args)
{
	json_object *params, *list;
	int status = 0;

	if (args->len < 3)
		return lk_fail_usage(lk, "apply: a request and its signatures");
	DO(request_params(lk, args->operands[1], &params));
	list = json_object_new_array();
	json_object_object_add(params, "signatures", list);
	for (size_t i = 2; i < args->len && status == 0; i++) {
		json_object *text;

		status = text_read(lk, args->operands[i], &text);
		if (status == 0)
			json_object_array_add(list, text);
	}
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	return lk_confirm(lk, "guardian.apply", params, apply_render);
}

static int
guardian_run(struct lk *lk, const struct args *args)
{
	const char *verb = args->operands[0];
	bool ask = strcmp(verb, "ask") == 0, sign = strcmp(verb, "sign") == 0;

	if (!ask &&
	    (opt_grant != NULL || opt_revoke != NULL || opt_role != NULL))
		return lk_fail_usage(
		    lk, "--grant, --revoke and --role belong to ask");
	if (!sign && opt_phrase_file != NULL)
		return lk_fail_usage(lk, "--phrase-file belongs to sign");
	if (ask)
		return guardian_ask(lk, args);
	if (sign)
		return guardian_sign(lk, args);
	if (strcmp(verb, "show") == 0)
		return guardian_show(lk, args);
	if (strcmp(verb, "apply") == 0)
		return guardian_apply(lk, args);
	return lk_fail_verb(lk, verb);
}

const struct command verb_guardian = {
	.name = "guardian",
	.usage = "guardian ask [--role ROLE] --grant WHO DOC\n"
		 "guardian ask [--role ROLE] --revoke WHO DOC\n"
		 "guardian show REQUEST\n"
		 "guardian sign [--phrase-file FILE] REQUEST\n"
		 "guardian apply REQUEST SIGNATURE ...\n",
	.summary = "Let guardians of a document let in or remove anybody",
	.details =
	    "A document made with lk new --guardian can be helped when nobody "
	    "who may is left. ask\nprints a request, one line to send to the "
	    "guardians. Each reads with show what it\nsays, compares its words "
	    "with who asked, and signs with their recovery phrase; they\nneed "
	    "not have the document. With enough of these lines the device that "
	    "asked applies\nit. REQUEST and SIGNATURE are files, or the lines "
	    "themselves.\n\n"
	    "  --grant WHO         a contact, or one of your devices: gets "
	    "ROLE (admin)\n"
	    "  --revoke WHO        keeps no more than ROLE (none)\n"
	    "  -r, --role ROLE     relay, read, write, or to grant, admin\n"
	    "  --phrase-file FILE  the phrase is the first line of the file "
	    "(it is asked for, or\n                      read from standard "
	    "input)\n",
	.options = options,
	.operands_min = 1,
	.operands_max = OPERANDS_MANY,
	.run = guardian_run,
};
