/*
 * data_file.h - for tests: the files of tests/data/automerge.
 */
#ifndef TESTS_DATA_FILE_H
#define TESTS_DATA_FILE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>

#include "base/bytes.h"

#define AUTOMERGE_DATA LK_TEST_DATA "/automerge/"
#define DATA_JSON_DEPTH 8192
#define DATA_FILE_MAX ((size_t)16 * 1024 * 1024)

/* Reads a file below tests/data/automerge; false when it is not there. */
static inline bool
data_file(struct buf *b, const char *dir, const char *name, const char *ext)
{
	char path[1024];
	uint8_t piece[4096];
	size_t n;
	FILE *f;

	(void)snprintf(
	    path, sizeof(path), "%s%s/%s%s", AUTOMERGE_DATA, dir, name, ext);
	buf_init(b, DATA_FILE_MAX);
	f = fopen(path, "rb");
	if (f == NULL)
		return false;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_mem(b, piece, n);
	(void)fclose(f);
	return !b->failed;
}

/* The JSON of a file, to be put back; NULL when there is none.  Trees of
 * documents are deeper than json-c reads by itself. */
static inline struct json_object *
data_json(const char *dir, const char *name)
{
	struct json_tokener *tokener = json_tokener_new_ex(DATA_JSON_DEPTH);
	struct json_object *json = NULL;
	BUF_SCOPED file = { 0 };

	if (data_file(&file, dir, name, ".json") && tokener != NULL)
		json = json_tokener_parse_ex(
		    tokener, (const char *)file.ptr, (int)file.len);
	json_tokener_free(tokener);
	return json;
}

typedef void data_line_fn(struct json_object *, void *ctx);

/* Calls `each` with the JSON of every line of a file below tests/data; returns
 * how many there were. */
static inline size_t
data_each_line(const char *file, data_line_fn *each, void *ctx)
{
	char path[1024], *line = NULL;
	size_t cap = 0, count = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", LK_TEST_DATA, file);
	f = fopen(path, "r");
	while (f != NULL && getline(&line, &cap, f) > 0) {
		struct json_object *json = json_tokener_parse(line);

		each(json, ctx);
		json_object_put(json);
		count++;
	}
	free(line);
	if (f != NULL)
		(void)fclose(f);
	return count;
}

typedef void data_each_fn(const char *name, void *ctx);

/* Calls `each` for every file of that kind; returns how many there were. */
static inline size_t
data_each(const char *dir, const char *ext, data_each_fn *each, void *ctx)
{
	char path[1024];
	struct dirent **names;
	size_t count = 0;
	int n;

	(void)snprintf(path, sizeof(path), "%s%s", AUTOMERGE_DATA, dir);
	n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		size_t len = strlen(names[i]->d_name), cut = strlen(ext);
		char stem[256];

		if (len > cut && len < sizeof(stem) &&
		    strcmp(names[i]->d_name + len - cut, ext) == 0) {
			(void)snprintf(stem, sizeof(stem), "%.*s",
			    (int)(len - cut), names[i]->d_name);
			if (strchr(stem, '.') == NULL) {
				each(stem, ctx);
				count++;
			}
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return count;
}

#endif
