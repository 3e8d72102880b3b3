#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "store/ballast.h"
#include "store/closed.h"
#include "store/inspect.h"
#include "store/table.h"

#define DATA_FILE "data.mdb"
#define LMDB_LOCK_FILE "lock.mdb"
#define LOCK_FILE "lock"
#define NEW_DIR "new" /* a store that is being made */
#define MAP_DEFAULT ((uint64_t)1 << 40)
#define MAP_MIN ((size_t)1 << 20)

#define NFS_MAGIC 0x6969
#define SMB_MAGIC 0x517b
#define SMB2_MAGIC 0xfe534d42
#define CIFS_MAGIC 0xff534d42

static const char *const table_names[TABLES] = {
	[TABLE_META] = "meta",
	[TABLE_LOG] = "log",
	[TABLE_ID] = "id",
	[TABLE_CHAIN] = "chain",
	[TABLE_DOCLOG] = "doclog",
	[TABLE_FP] = "fp",
	[TABLE_STATE] = "state",
};

static lk_err
path_in(char out[static PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	if (n < 0 || n >= PATH_MAX)
		return LK_ERR(LK_E_LIMIT, "path of the store");
	return LK_NONE;
}

/* Locks and mapped files do not work there. */
static bool
on_network(const char *dir)
{
#ifdef __linux__
	struct statfs fs;

	if (statfs(dir, &fs) != 0)
		return false;
	switch ((uint32_t)fs.f_type) {
	case NFS_MAGIC:
	case SMB_MAGIC:
	case SMB2_MAGIC:
	case CIFS_MAGIC:
		return true;
	default:
		return false;
	}
#else
	(void)dir;
	return false;
#endif
}

static lk_err
dir_make(const char *dir)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return lmdb_err(errno, "directory of the store");
	if (on_network(dir))
		return LK_ERR(LK_E_CONFIG, "store on a network file system");
	return LK_NONE;
}

/* Only one process may have the database open, and only once: LMDB's own
 * locks end when any descriptor of the file is closed. */
static lk_err
dir_lock(const char *dir, int *fd)
{
	char path[PATH_MAX];
	int got;

	TRY(path_in(path, dir, LOCK_FILE));
	got = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (got == -1)
		return lmdb_err(errno, "lock of the store");
	if (flock(got, LOCK_EX | LOCK_NB) != 0) {
		lk_err err = errno == EWOULDBLOCK
		    ? LK_ERR(LK_E_UNAVAILABLE, "store is open elsewhere")
		    : LK_SYS("lock of the store");

		(void)close(got);
		return err;
	}
	*fd = got;
	return LK_NONE;
}

static lk_err
dir_sync(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lk_err err = LK_NONE;

	if (fd == -1)
		return LK_SYS("directory of the store");
	if (fsync(fd) != 0)
		err = LK_SYS("directory of the store");
	(void)close(fd);
	return err;
}

static int
env_try(const char *dir, size_t map_size, MDB_env **out)
{
	MDB_env *env;
	int rc = mdb_env_create(&env);

	if (rc != 0)
		return rc;
	rc = mdb_env_set_maxdbs(env, TABLES);
	if (rc == 0)
		rc = mdb_env_set_mapsize(env, map_size);
	if (rc == 0)
		rc = mdb_env_open(env, dir, MDB_NOTLS, 0600);
	if (rc != 0) {
		mdb_env_close(env);
		return rc;
	}
	*out = env;
	return 0;
}

/* Opens with the largest map that the machine gives; a sanitizer, an emulator
 * or a limit may not give much. */
static lk_err
env_open(const char *dir, size_t *map_size, MDB_env **env)
{
	int rc;

	for (;;) {
		rc = env_try(dir, *map_size, env);
		if (rc != ENOMEM && rc != EINVAL && rc != EOVERFLOW)
			break;
		if (*map_size / 2 < MAP_MIN)
			break;
		*map_size /= 2;
	}
	return rc == 0 ? LK_NONE : lmdb_err(rc, "store");
}

static lk_err
tables_open(struct store *s, unsigned flags)
{
	MDB_txn *t;
	int rc = mdb_txn_begin(s->env, NULL, flags == 0 ? MDB_RDONLY : 0, &t);

	if (rc != 0)
		return lmdb_err(rc, "tables of the store");
	for (size_t i = 0; rc == 0 && i < TABLES; i++)
		rc = mdb_dbi_open(t, table_names[i], flags, &s->tables[i]);
	if (rc == 0)
		rc = mdb_txn_commit(t);
	else
		mdb_txn_abort(t);
	if (rc == MDB_NOTFOUND)
		return LK_ERR(LK_E_CORRUPT, "table of the store missing");
	return rc == 0 ? LK_NONE : lmdb_err(rc, "tables of the store");
}

static lk_err
format_write(struct store *s)
{
	uint8_t b[4];
	struct txn *t;
	lk_err err;

	big_endian(b, STORE_FORMAT, sizeof(b));
	TRY(txn_begin(s, TXN_WRITE, &t));
	err = table_put(t, TABLE_META, BYTES_STR(META_FORMAT), BYTES_OF(b));
	if (err.code != LK_OK) {
		txn_abort(t);
		return err;
	}
	return txn_commit(t);
}

static lk_err
format_read(struct store *s)
{
	struct bytes value;
	uint32_t format = 0;
	struct txn *t;
	struct rd r;
	lk_err err;

	TRY(txn_begin(s, TXN_READ, &t));
	err = table_get(t, TABLE_META, BYTES_STR(META_FORMAT), &value);
	if (err.code == LK_OK) {
		r = rd_over(value);
		format = rd_u32(&r);
		err = rd_done(&r) ? LK_NONE : LK_ERR(LK_E_CORRUPT, "format");
	}
	txn_abort(t);
	if (err.code == LK_E_NOTFOUND || (err.code == LK_OK && format == 0))
		return LK_ERR(LK_E_CORRUPT, "format of the store");
	if (err.code == LK_OK && format > STORE_FORMAT)
		return LK_ERR(LK_E_VERSION, "store");
	return err;
}

/* A store that is made but for its name. */
static lk_err
new_fill(struct store *s, const char *dir, size_t map_size)
{
	lk_err err;

	TRY(env_open(dir, &map_size, &s->env));
	err = tables_open(s, MDB_CREATE);
	if (err.code == LK_OK)
		err = format_write(s);
	mdb_env_close(s->env);
	s->env = NULL;
	return err;
}

/*
 * Makes the database in a directory of its own and moves it into place when it
 * is whole, so that a file found in place was never half made.
 */
static lk_err
new_make(struct store *s, const char *data, size_t map_size)
{
	char dir[PATH_MAX], file[PATH_MAX], lock[PATH_MAX];

	TRY(path_in(dir, s->dir, NEW_DIR));
	TRY(path_in(file, dir, DATA_FILE));
	TRY(path_in(lock, dir, LMDB_LOCK_FILE));
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return lmdb_err(errno, "new store");
	if (unlink(file) != 0 && errno != ENOENT)
		return LK_SYS("new store");
	TRY(new_fill(s, dir, map_size));
	if (rename(file, data) != 0)
		return lmdb_err(errno, "new store");
	(void)unlink(lock);
	(void)rmdir(dir);
	return dir_sync(s->dir);
}

static lk_err
data_inspect(const char *dir, const char *data)
{
	int fd = open(data, O_RDONLY | O_CLOEXEC);
	lk_err err = LK_NONE;

	if (fd == -1)
		return LK_SYS("store file");
	if (!closed_take(dir, fd))
		err = file_inspect(fd);
	(void)close(fd);
	return err;
}

/* When all is in order as far as anybody saw. */
static void
closed_tell(const struct store *s)
{
	char data[PATH_MAX];
	int fd;

	if (s->broken || s->damaged ||
	    path_in(data, s->dir, DATA_FILE).code != LK_OK)
		return;
	fd = open(data, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	closed_leave(s->dir, fd);
	(void)close(fd);
}

static size_t
map_of(size_t map_max)
{
	if (map_max != 0)
		return map_max;
	return MAP_DEFAULT > SIZE_MAX / 2 ? SIZE_MAX / 2 + 1
					  : (size_t)MAP_DEFAULT;
}

static lk_err
store_start(struct store *s, size_t map_max)
{
	char data[PATH_MAX];
	struct stat st;
	bool spare;

	TRY(path_in(data, s->dir, DATA_FILE));
	if (stat(data, &st) != 0) {
		if (errno != ENOENT)
			return LK_SYS("store file");
		TRY(new_make(s, data, map_max));
	}
	TRY(data_inspect(s->dir, data));
	/* A page's worth of rounding is the least that a map needs. */
	spare = map_max >= 4 * BALLAST_LEN;
	s->map_size = spare ? map_max - BALLAST_LEN : map_max;
	TRY(env_open(s->dir, &s->map_size, &s->env));
	s->map_spare = spare ? BALLAST_LEN : 0;
	TRY(tables_open(s, 0));
	TRY(format_read(s));
	ballast_keep(s);
	s->opened = true;
	return LK_NONE;
}

lk_err
store_open(struct store **out, const char *dir, size_t map_max)
{
	struct store *s = calloc(1, sizeof(*s));
	lk_err err;

	if (s == NULL)
		return LK_ERR(LK_E_NOMEM, "store");
	s->lock_fd = -1;
	s->pid = getpid();
	s->limited = map_max != 0;
	s->dir = strdup(dir);
	err = s->dir == NULL ? LK_ERR(LK_E_NOMEM, "store") : dir_make(dir);
	if (err.code == LK_OK)
		err = dir_lock(dir, &s->lock_fd);
	if (err.code == LK_OK)
		err = store_start(s, map_of(map_max));
	if (err.code != LK_OK) {
		store_close(s);
		return err;
	}
	*out = s;
	return LK_NONE;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	LK_ASSERT(s->live == 0);
	if (s->env != NULL)
		mdb_env_close(s->env);
	if (s->opened)
		closed_tell(s);
	if (s->lock_fd != -1)
		(void)close(s->lock_fd);
	free(s->dir);
	free(s);
}

lk_err
store_remove(const char *dir)
{
	static const char *const files[] = { DATA_FILE, LMDB_LOCK_FILE,
		CLOSED_FILE, BALLAST_FILE, LOCK_FILE };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		TRY(path_in(path, dir, files[i]));
		if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
			return LK_SYS("remove a store");
	}
	return rmdir(dir) == 0 || errno == ENOENT ? LK_NONE
						  : LK_SYS("remove a store");
}

lk_err
store_disk_free(struct store *s, uint64_t *bytes)
{
	struct statvfs fs;

	if (statvfs(s->dir, &fs) != 0)
		return LK_SYS("file system of the store");
	*bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return LK_NONE;
}

/* Pages of one tree. */
static lk_err
tree_pages(MDB_txn *t, MDB_dbi dbi, uint64_t *bytes, uint64_t *entries)
{
	MDB_stat st;
	int rc = mdb_stat(t, dbi, &st);

	if (rc != 0)
		return lmdb_err(rc, "usage of the store");
	*bytes += st.ms_psize *
	    (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages);
	*entries = st.ms_entries;
	return LK_NONE;
}

lk_err
store_usage(struct store *s, struct store_usage *out)
{
	struct store_usage u = { 0 };
	uint64_t entries;
	struct txn *t;
	lk_err err = LK_NONE;

	TRY(store_disk_free(s, &u.disk_free));
	TRY(txn_begin(s, TXN_READ, &t));
	for (size_t i = 0; err.code == LK_OK && i < TABLES; i++) {
		err = tree_pages(t->mdb, s->tables[i], &u.used, &entries);
		if (i == TABLE_LOG)
			u.envelopes = entries;
	}
	txn_abort(t);
	if (err.code == LK_OK)
		*out = u;
	return err;
}
