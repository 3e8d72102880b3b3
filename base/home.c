#include "base/home.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_LEN 17 /* 16 digits and the NUL */
#define WRITABLE_BY_OTHERS (S_IWGRP | S_IWOTH)

static const char finding[] = "find the home directory";

/* An empty variable counts as absent, as the XDG specification says. */
static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return (value != NULL && value[0] != '\0' ? value : NULL);
}

static lk_err
home_choose(char out[static PATH_MAX])
{
	const char *lk = environment("LK_HOME");
	const char *data = environment("XDG_DATA_HOME");
	const char *home = environment("HOME");
	int n;

	if (lk != NULL && lk[0] == '/')
		n = snprintf(out, PATH_MAX, "%s", lk);
	else if (lk != NULL) {
		if (getcwd(out, PATH_MAX) == NULL)
			return (LK_SYS(finding));
		size_t len = strlen(out);
		n = snprintf(out + len, PATH_MAX - len, "/%s", lk);
		if (n >= 0)
			n += (int)len;
	} else if (data != NULL && data[0] == '/')
		n = snprintf(out, PATH_MAX, "%s/lk", data);
	else if (home != NULL && home[0] == '/')
		n = snprintf(out, PATH_MAX, "%s/.local/share/lk", home);
	else
		return (LK_ERR(LK_E_CONFIG, finding));
	if (n < 0 || n >= PATH_MAX)
		return (LK_ERR(LK_E_LIMIT, finding));
	return (LK_NONE);
}

/*
 * realpath(3) of the longest part that exists; the rest is kept as written.
 * Before `init` nothing may exist, and lk and lkd must agree all the same.
 */
static lk_err
path_resolve(char path[static PATH_MAX])
{
	char real[PATH_MAX], rest[PATH_MAX] = "", joined[PATH_MAX];

	for (;;) {
		char *slash;
		int n;

		if (realpath(path, real) != NULL)
			break;
		if (errno != ENOENT)
			return (LK_SYS(finding));
		slash = strrchr(path, '/');
		if (slash == NULL || path[1] == '\0')
			return (LK_ERR(LK_E_CONFIG, finding));
		n = snprintf(joined, sizeof(joined), "%s%s", slash, rest);
		if (n < 0 || n >= PATH_MAX)
			return (LK_ERR(LK_E_LIMIT, finding));
		strlcpy(rest, joined, sizeof(rest));
		slash[slash == path] = '\0';
	}
	if (rest[0] == '\0')
		return (strlcpy(path, real, PATH_MAX) < PATH_MAX
			? LK_NONE
			: LK_ERR(LK_E_LIMIT, finding));
	if (snprintf(joined, sizeof(joined), "%s%s",
		strcmp(real, "/") == 0 ? "" : real, rest) >= PATH_MAX)
		return (LK_ERR(LK_E_LIMIT, finding));
	strlcpy(path, joined, PATH_MAX);
	return (LK_NONE);
}

lk_err
home_path(char out[static PATH_MAX])
{
	char path[PATH_MAX];

	TRY(home_choose(path));
	for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
	TRY(path_resolve(path));
	strlcpy(out, path, PATH_MAX);
	return (LK_NONE);
}

/* FNV-1a: the name only has to differ between stores, nobody attacks it, as
 * the folder it names is checked. */
static void
home_hash(char out[static HASH_LEN], const char *home)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *home != '\0'; home++)
		h = (h ^ (uint8_t)*home) * UINT64_C(0x100000001b3);
	snprintf(out, HASH_LEN, "%016llx", (unsigned long long)h);
}

lk_err
home_socket_path(const char *home, char out[static HOME_SOCKET_MAX + 1])
{
	const char *given = environment("LK_SOCKET");
	const char *runtime = environment("XDG_RUNTIME_DIR");
	char path[PATH_MAX + 32], hash[HASH_LEN];
	int n;

	if (given != NULL) {
		if (strlcpy(path, given, sizeof(path)) > HOME_SOCKET_MAX)
			return (LK_ERR(LK_E_LIMIT, "LK_SOCKET"));
		strlcpy(out, path, HOME_SOCKET_MAX + 1);
		return (LK_NONE);
	}
	home_hash(hash, home);
	if (runtime != NULL && runtime[0] == '/')
		n = snprintf(
		    path, sizeof(path), "%s/lk/%s/control", runtime, hash);
	else
		n = snprintf(path, sizeof(path), "%s/run/control", home);
	if (n < 0 || n > HOME_SOCKET_MAX)
		snprintf(path, sizeof(path), "/tmp/lk-%lu/%s/control",
		    (unsigned long)geteuid(), hash);
	strlcpy(out, path, HOME_SOCKET_MAX + 1);
	return (LK_NONE);
}

static lk_err
parents_make(const char *path)
{
	char part[PATH_MAX];

	if (strlcpy(part, path, sizeof(part)) >= sizeof(part))
		return (LK_ERR(LK_E_LIMIT, "make a directory"));
	for (char *p = part + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0700) == -1 && errno != EEXIST)
			return (LK_SYS("make a directory"));
		*p = '/';
	}
	return (LK_NONE);
}

lk_err
home_directory(const char *path, int make)
{
	struct stat st;

	if (make && mkdir(path, 0700) == -1 && errno != EEXIST) {
		if (errno != ENOENT)
			return (LK_SYS("make a directory"));
		TRY(parents_make(path));
		if (mkdir(path, 0700) == -1 && errno != EEXIST)
			return (LK_SYS("make a directory"));
	}
	if (lstat(path, &st) == -1)
		return (errno == ENOENT ? LK_ERR(LK_E_NOTFOUND, "directory")
					: LK_SYS("look at a directory"));
	if (!S_ISDIR(st.st_mode))
		return (LK_ERR(LK_E_CONFIG, "it is not a directory"));
	if (st.st_uid != geteuid())
		return (LK_ERR(LK_E_CONFIG, "it belongs to another user"));
	if (st.st_mode & WRITABLE_BY_OTHERS)
		return (LK_ERR(LK_E_CONFIG, "others may write to it"));
	return (LK_NONE);
}
