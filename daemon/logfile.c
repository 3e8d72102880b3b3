#include "daemon/logfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC)

lk_err
logfile_open(struct logfile *l, const char *path)
{
	if (strlcpy(l->path, path, sizeof(l->path)) >= sizeof(l->path))
		return (LK_ERR(LK_E_LIMIT, "open the log"));
	l->fd = open(path, OPEN_FLAGS, 0600);
	if (l->fd == -1)
		return (LK_SYS("open the log"));
	logfile_rotate(l);
	return (LK_NONE);
}

void
logfile_rotate(struct logfile *l)
{
	char old[PATH_MAX + 2];
	struct stat st;
	int fd;

	if (fstat(l->fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size < LOGFILE_MAX)
		return;
	snprintf(old, sizeof(old), "%s.1", l->path);
	if (rename(l->path, old) == -1)
		return;
	fd = open(l->path, OPEN_FLAGS, 0600);
	if (fd == -1)
		return;
	/* Other threads may be writing: the number must not change. */
	(void)dup2(fd, l->fd);
	close(fd);
}
