#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/home.h"
#include "base/limits.h"
#include "base/setting.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/nearest.h"
#include "cli/table.h"
#include "cli/verbs.h"

#define FILE_LEN_MAX (256 * 1024)

static int
path_find(struct lk *lk, char out[static PATH_MAX])
{
	char home[PATH_MAX];
	lk_err err = home_path(home);

	if (err.code == LK_OK &&
	    snprintf(out, PATH_MAX, "%s/" SETTING_FILE, home) >= PATH_MAX)
		err = LK_ERR(LK_E_LIMIT, "the path is too long");
	return err.code == LK_OK
	    ? 0
	    : lk_fail_err(lk, err, "LK_HOME",
		  "set LK_HOME to a directory of yours");
}

/* Settings may come before lk init. */
static int
home_make(struct lk *lk)
{
	char home[PATH_MAX];
	lk_err err = home_path(home);

	if (err.code == LK_OK)
		err = home_directory(home, 1);
	return err.code == LK_OK
	    ? 0
	    : lk_fail_err(lk, err, "LK_HOME",
		  "set LK_HOME to a directory of yours");
}

/* The file, which need not be there. */
static int
config_read(struct lk *lk, const char *path, struct buf *out)
{
	buf_init(out, FILE_LEN_MAX);
	if (access(path, F_OK) == -1 && errno == ENOENT)
		return 0;
	return file_read(lk, path, out);
}

/* Takes the next line of *text, with its end, off it, and reads it. */
static int
line_next(struct lk *lk, const char *path, struct bytes *text,
    struct bytes *line, struct setting_line *read)
{
	const uint8_t *end = memchr(text->ptr, '\n', text->len);
	char copy[PATH_MAX + 64];
	size_t len;

	line->ptr = text->ptr;
	line->len =
	    end == NULL ? text->len : (size_t)(end - text->ptr) + 1;
	*text = BYTES(text->ptr + line->len, text->len - line->len);
	len = line->len - (end != NULL);
	(void)snprintf(copy, sizeof(copy), "%.*s", (int)len,
	    (const char *)line->ptr);
	copy[strcspn(copy, "#")] = '\0';
	if (setting_line_read(read, copy).code == LK_OK)
		return 0;
	return lk_fail(lk, 78, "config", "mend it; lk.conf(5) says how",
	    "%s: not understood: %s", path, safe(copy));
}

/* New: {"name", "values", "default", "from", "about"} of one setting. */
static int
setting_json(struct lk *lk, const char *path, struct bytes text,
    enum setting_id id, json_object **out)
{
	const struct setting *s = &settings[id];
	json_object *o = json_object_new_object();
	json_object *values = json_object_new_array();
	const char *variable = s->variable == NULL ? NULL : getenv(s->variable);
	const char *from = "file";

	json_object_object_add(o, "name", json_object_new_string(s->name));
	json_object_object_add(o, "values", values);
	if (variable != NULL && variable[0] != '\0') {
		json_object_array_add(values, json_object_new_string(variable));
		from = s->variable;
		text.len = 0;
	}
	while (text.len > 0) {
		struct setting_line l;
		struct bytes line;

		if (line_next(lk, path, &text, &line, &l) != 0) {
			json_object_put(o);
			return 78;
		}
		if (!l.given || l.id != id)
			continue;
		if (s->values_max == 1)
			(void)json_object_array_del_idx(
			    values, 0, json_object_array_length(values));
		json_object_array_add(values, json_object_new_string(l.value));
	}
	if (json_object_array_length(values) == 0) {
		from = "default";
		if (s->fallback[0] != '\0')
			json_object_array_add(
			    values, json_object_new_string(s->fallback));
	}
	json_object_object_add(
	    o, "default", json_object_new_string(s->fallback));
	json_object_object_add(o, "from", json_object_new_string(from));
	json_object_object_add(o, "about", json_object_new_string(s->about));
	*out = o;
	return 0;
}

static void
values_join(json_object *setting, char *out, size_t len)
{
	json_object *values = field_list(setting, "values");

	out[0] = '\0';
	for (size_t i = 0; i < json_object_array_length(values); i++) {
		if (i > 0)
			(void)strlcat(out, " ", len);
		(void)strlcat(out,
		    safe(json_object_get_string(
			json_object_array_get_idx(values, i))),
		    len);
	}
}

static void
row_fill(json_object *s, const char *cells[])
{
	static char values[512];

	values_join(s, values, sizeof(values));
	cells[0] = field(s, "name");
	cells[1] = values[0] == '\0' ? "-" : values;
	cells[2] = field(s, "from");
	cells[3] = field(s, "about");
}

static void
list_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "settings", 4, row_fill);
}

static int
config_list(struct lk *lk, const char *path)
{
	JSON_SCOPED *result = json_object_new_object();
	json_object *list = json_object_new_array(), *one;
	BUF_SCOPED text = { 0 };

	json_object_object_add(result, "file", json_object_new_string(path));
	json_object_object_add(result, "settings", list);
	DO(config_read(lk, path, &text));
	for (int i = 0; i < SETTINGS_COUNT; i++) {
		DO(setting_json(
		    lk, path, buf_bytes(&text), (enum setting_id)i, &one));
		json_object_array_add(list, one);
	}
	output_result(&lk->output, "config", result, list_render);
	return 0;
}

static void
get_render(struct output *o, json_object *result)
{
	json_object *values = field_list(result, "values");

	(void)o;
	for (size_t i = 0; i < json_object_array_length(values); i++)
		puts(safe(json_object_get_string(
		    json_object_array_get_idx(values, i))));
}

static int
config_answer(
    struct lk *lk, const char *path, enum setting_id id, render_fn *render)
{
	JSON_SCOPED *result = NULL;
	BUF_SCOPED text = { 0 };

	DO(config_read(lk, path, &text));
	DO(setting_json(lk, path, buf_bytes(&text), id, &result));
	output_result(&lk->output, "config", result, render);
	return 0;
}

static int
values_check(struct lk *lk, enum setting_id id, const struct args *args)
{
	const struct setting *s = &settings[id];

	if (args->len - 2 > s->values_max)
		return lk_fail_usage(lk, "%s: has at most %zu %s", s->name,
		    s->values_max, s->values_max == 1 ? "value" : "values");
	for (size_t i = 2; i < args->len; i++) {
		const char *value = args->operands[i];
		lk_err err = setting_check(id, value);

		if (err.code != LK_OK)
			return lk_fail_usage(
			    lk, "%s: %s: %s", s->name, safe(value), err.what);
		/* A line cannot hold these. */
		if (strpbrk(value, "#\\\n\r\t") != NULL || value[0] == ' ' ||
		    value[strlen(value) - 1] == ' ')
			return lk_fail_usage(lk,
			    "%s: %s: no #, no backslash, no blank at an end",
			    s->name, safe(value));
	}
	return 0;
}

static void
values_write(struct buf *out, enum setting_id id, const struct args *args)
{
	if (out->len > 0 && out->ptr[out->len - 1] != '\n')
		buf_u8(out, '\n');
	for (size_t i = 2; i < args->len; i++)
		buf_printf(
		    out, "%s %s\n", settings[id].name, args->operands[i]);
}

/* The new lines stand where the first old one stood, else at the end;
 * everything else stays as it is. */
static int
config_set(struct lk *lk, const char *path, enum setting_id id,
    const struct args *args)
{
	BUF_SCOPED text = { 0 };
	BUF_SCOPED now = { 0 };
	struct setting_line l;
	struct bytes left, line;
	bool written = false;

	DO(values_check(lk, id, args));
	DO(config_read(lk, path, &text));
	buf_init(&now, 2 * FILE_LEN_MAX);
	left = buf_bytes(&text);
	while (left.len > 0) {
		DO(line_next(lk, path, &left, &line, &l));
		if (!l.given || l.id != id) {
			buf_add(&now, line);
		} else if (!written) {
			values_write(&now, id, args);
			written = true;
		}
	}
	if (!written)
		values_write(&now, id, args);
	if (buf_err(&now, path).code != LK_OK)
		return lk_fail_memory(lk);
	DO(home_make(lk));
	DO(file_write(lk, path, buf_bytes(&now)));
	if (lk_running(lk) && !lk->quiet)
		fprintf(stderr,
		    "lk: %s: counts when the daemon starts again: lk daemon "
		    "restart\n",
		    settings[id].name);
	return config_answer(lk, path, id, NULL);
}

static int
setting_fail(struct lk *lk, const char *name)
{
	struct nearest n;
	char hint[64] = "lk config ls lists them";

	nearest_init(&n, name);
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		nearest_offer(&n, settings[i].name);
	if (nearest_word(&n) != NULL)
		(void)snprintf(hint, sizeof(hint), "did you mean %s?",
		    nearest_word(&n));
	return lk_fail(lk, 66, "not-found", hint, "%s: no such setting",
	    safe(name));
}

static int
config_run(struct lk *lk, const struct args *args)
{
	const char *verb = args->operands[0];
	bool get = strcmp(verb, "get") == 0 && args->len == 2;
	char path[PATH_MAX];
	enum setting_id id;

	DO(path_find(lk, path));
	if (strcmp(verb, "ls") == 0 && args->len == 1)
		return config_list(lk, path);
	if (!get && (strcmp(verb, "set") != 0 || args->len < 2))
		return lk_fail_verb(lk, verb);
	if (setting_find(args->operands[1], &id).code != LK_OK)
		return setting_fail(lk, args->operands[1]);
	return get ? config_answer(lk, path, id, get_render)
		   : config_set(lk, path, id, args);
}

const struct command verb_config = {
	.name = "config",
	.usage = "config ls\n"
		 "config get SETTING\n"
		 "config set SETTING [VALUE ...]\n",
	.summary = "Show or change the settings of the daemon",
	.details =
	    "ls shows each with its value and where that comes from: the "
	    "default, the file, or a\nvariable of the environment, which goes "
	    "before the file. set writes the file, config\nin LK_HOME; without "
	    "a value the default holds again. lk.conf(5) says what each is.\n",
	.operands_min = 1,
	.operands_max = 2 + PEER_ADDRESS_MAX,
	.run = config_run,
};
