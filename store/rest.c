#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "store/table.h"

/* The addresses of a line of /proc/self/maps when it maps this file. */
static bool
maps_line(const char *line, ino_t inode, uintptr_t *from, uintptr_t *to)
{
	uintptr_t first, end;
	uint64_t number;

	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*4s %*x %*x:%*x %" SCNu64,
		&first, &end, &number) != 3 ||
	    number != (uint64_t)inode || strstr(line, "data.mdb") == NULL)
		return false;
	*from = first;
	*to = end;
	return true;
}

void
store_rest(struct store *s)
{
	char line[PATH_MAX + 128];
	uintptr_t from, to;
	struct stat st;
	mdb_filehandle_t fd;
	FILE *maps;

	LK_ASSERT(s->live == 0);
	if (mdb_env_get_fd(s->env, &fd) != 0 || fstat(fd, &st) != 0)
		return;
	maps = fopen("/proc/self/maps", "re");
	if (maps == NULL)
		return;
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (!maps_line(line, st.st_ino, &from, &to))
			continue;
		if (to - from > (uintptr_t)st.st_size)
			to = from + (uintptr_t)st.st_size;
		/* Read-only and shared: what is let go is read again. */
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	(void)fclose(maps);
}
