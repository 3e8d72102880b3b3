#include "crypto/identity.h"
#include "crypto/digest.h"
#include "crypto/lock.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDENTITY_MAGIC "LKID"
#define IDENTITY_VERSION 1
#define IDENTITY_FILE_NEW "identity.new"
#define CHECKSUM_LEN 32
#define OPEN_TO_OTHERS (S_IRWXG | S_IRWXO)
#define WRITABLE_BY_OTHERS (S_IWGRP | S_IWOTH)

static const char damaged[] = "identity file";

lk_err
identity_rename(struct identity *id, const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > LK_NAME_MAX || !utf8_valid(BYTES_STR(name)))
		return LK_ERR(LK_E_USAGE, "name of the device");
	memset(id->name, 0, sizeof(id->name));
	memcpy(id->name, name, len);
	return LK_NONE;
}

lk_err
identity_create(
    struct identity *id, const struct random *random, const char *name)
{
	struct identity named;
	uint8_t secret[32];

	memset(&named, 0, sizeof(named));
	TRY(identity_rename(&named, name));
	*id = named;
	random_fill(random, secret, sizeof(secret));
	sign_key_from_seed(&id->sign, secret);
	random_fill(random, secret, sizeof(secret));
	dh_key_from_secret(&id->noise, secret);
	random_fill(random, secret, sizeof(secret));
	dh_key_from_secret(&id->box, secret);
	id->boxes_len = 1;
	random_fill(random, id->genesis_seed, sizeof(id->genesis_seed));
	random_fill(random, id->beacon_key, sizeof(id->beacon_key));
	sodium_memzero(secret, sizeof(secret));
	return LK_NONE;
}

lk_err
identity_rotate(struct identity *id, const struct random *random)
{
	uint8_t secret[32];

	if (id->box_counter == UINT32_MAX)
		return LK_ERR(LK_E_LIMIT, "number of box keys");
	if (id->boxes_len < IDENTITY_BOXES_MAX)
		id->boxes_len++;
	memmove(&id->boxes[1], &id->boxes[0],
	    (id->boxes_len - 1) * sizeof(id->boxes[0]));
	random_fill(random, secret, sizeof(secret));
	dh_key_from_secret(&id->box, secret);
	id->box_counter++;
	sodium_memzero(secret, sizeof(secret));
	return LK_NONE;
}

void
identity_clear(struct identity *id)
{
	if (id != NULL)
		sodium_memzero(id, sizeof(*id));
}

static void
checksum(uint8_t out[static CHECKSUM_LEN], struct bytes b)
{
	(void)crypto_generichash(out, CHECKSUM_LEN, b.ptr, b.len, NULL, 0);
}

static void
plain_encode(struct buf *out, const struct identity *id)
{
	size_t start = out->len, name_len = strlen(id->name);
	uint8_t seed[SIGN_SEED_LEN], sum[CHECKSUM_LEN];

	(void)crypto_sign_ed25519_sk_to_seed(seed, id->sign.sk);
	buf_str(out, IDENTITY_MAGIC);
	buf_u8(out, IDENTITY_VERSION);
	buf_mem(out, seed, sizeof(seed));
	buf_mem(out, id->noise.sk, sizeof(id->noise.sk));
	buf_u8(out, (uint8_t)id->boxes_len);
	for (size_t i = 0; i < id->boxes_len; i++)
		buf_mem(out, id->boxes[i].sk, sizeof(id->boxes[i].sk));
	buf_u32(out, id->box_counter);
	buf_mem(out, id->genesis_seed, sizeof(id->genesis_seed));
	buf_mem(out, id->beacon_key, sizeof(id->beacon_key));
	buf_mem(out, id->root_pk, sizeof(id->root_pk));
	buf_u16(out, (uint16_t)id->cert_len);
	buf_mem(out, id->cert, id->cert_len);
	buf_u8(out, (uint8_t)name_len);
	buf_mem(out, id->name, name_len);
	sodium_memzero(seed, sizeof(seed));
	if (out->failed)
		return;
	checksum(sum, BYTES(out->ptr + start, out->len - start));
	buf_mem(out, sum, sizeof(sum));
}

void
identity_encode(struct buf *out, const struct identity *id)
{
	BUF_SECRET plain = { 0 };

	if (!id->lock.set) {
		plain_encode(out, id);
		return;
	}
	buf_init(&plain, IDENTITY_BYTES_MAX);
	plain_encode(&plain, id);
	if (plain.failed)
		out->failed = true;
	else
		lock_seal(out, id->lock.key, id->lock.salt, buf_bytes(&plain));
}

/* What lies between the version and the checksum. */
static bool
fields_decode(struct identity *id, struct rd *r)
{
	uint8_t seed[SIGN_SEED_LEN], noise[DH_LEN], box[DH_LEN];
	struct bytes cert, name;

	rd_copy(r, seed, sizeof(seed));
	rd_copy(r, noise, sizeof(noise));
	id->boxes_len = rd_u8(r);
	if (id->boxes_len == 0 || id->boxes_len > IDENTITY_BOXES_MAX)
		return false;
	for (size_t i = 0; i < id->boxes_len; i++) {
		rd_copy(r, box, sizeof(box));
		dh_key_from_secret(&id->boxes[i], box);
	}
	id->box_counter = rd_u32(r);
	rd_copy(r, id->genesis_seed, sizeof(id->genesis_seed));
	rd_copy(r, id->beacon_key, sizeof(id->beacon_key));
	rd_copy(r, id->root_pk, sizeof(id->root_pk));
	cert = rd_take(r, rd_u16(r));
	name = rd_take(r, rd_u8(r));
	sign_key_from_seed(&id->sign, seed);
	dh_key_from_secret(&id->noise, noise);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(noise, sizeof(noise));
	sodium_memzero(box, sizeof(box));
	if (!rd_done(r) || cert.len > sizeof(id->cert) || name.len == 0 ||
	    !utf8_valid(name) || memchr(name.ptr, '\0', name.len) != NULL)
		return false;
	if (cert.len > 0)
		memcpy(id->cert, cert.ptr, cert.len);
	id->cert_len = cert.len;
	memcpy(id->name, name.ptr, name.len);
	return true;
}

lk_err
identity_decode(struct identity *out, struct bytes in)
{
	struct identity id = { 0 };
	uint8_t sum[CHECKSUM_LEN];
	struct bytes magic;
	struct rd r;
	bool good;

	if (in.len < CHECKSUM_LEN)
		return LK_ERR(LK_E_CORRUPT, damaged);
	/* The checksum ends the file in every version, so that a flipped bit
	 * of the version number is not taken for the work of a newer lk. */
	checksum(sum, BYTES(in.ptr, in.len - CHECKSUM_LEN));
	if (!digest_equal(sum, in.ptr + in.len - CHECKSUM_LEN, CHECKSUM_LEN))
		return LK_ERR(LK_E_CORRUPT, damaged);
	r = rd_over(BYTES(in.ptr, in.len - CHECKSUM_LEN));
	magic = rd_take(&r, strlen(IDENTITY_MAGIC));
	if (lock_is_sealed(in))
		return LK_ERR(LK_E_WAIT, "sealed identity file");
	if (!bytes_equal(magic, BYTES_STR(IDENTITY_MAGIC)))
		return LK_ERR(LK_E_CORRUPT, damaged);
	if (rd_u8(&r) != IDENTITY_VERSION)
		return LK_ERR(LK_E_VERSION, damaged);
	good = fields_decode(&id, &r);
	if (good)
		*out = id;
	sodium_memzero(&id, sizeof(id));
	return good ? LK_NONE : LK_ERR(LK_E_CORRUPT, damaged);
}

lk_err
identity_unseal(
    struct identity *out, struct bytes file, struct bytes passphrase)
{
	struct identity id;
	uint8_t key[LOCK_KEY_LEN], salt[LOCK_SALT_LEN];
	BUF_SECRET plain = { 0 };
	lk_err err;

	buf_init(&plain, IDENTITY_BYTES_MAX);
	TRY(lock_salt(salt, file));
	TRY(lock_derive(key, salt, passphrase));
	err = lock_open(&plain, key, file);
	if (err.code == LK_OK)
		err = identity_decode(&id, buf_bytes(&plain));
	if (err.code == LK_OK) {
		*out = id;
		out->lock.set = true;
		memcpy(out->lock.key, key, sizeof(key));
		memcpy(out->lock.salt, salt, sizeof(salt));
		sodium_memzero(&id, sizeof(id));
	}
	sodium_memzero(key, sizeof(key));
	return err;
}

lk_err
identity_lock(
    struct identity *id, const struct random *random, struct bytes passphrase)
{
	uint8_t key[LOCK_KEY_LEN], salt[LOCK_SALT_LEN];

	if (passphrase.len == 0) {
		sodium_memzero(&id->lock, sizeof(id->lock));
		return LK_NONE;
	}
	random_fill(random, salt, sizeof(salt));
	TRY(lock_derive(key, salt, passphrase));
	id->lock.set = true;
	memcpy(id->lock.key, key, sizeof(key));
	memcpy(id->lock.salt, salt, sizeof(salt));
	sodium_memzero(key, sizeof(key));
	return LK_NONE;
}

lk_err
identity_lock_check(const struct identity *id, struct bytes passphrase)
{
	uint8_t key[LOCK_KEY_LEN];
	bool right;

	if (!id->lock.set)
		return LK_NONE;
	TRY(lock_derive(key, id->lock.salt, passphrase));
	right = digest_equal(key, id->lock.key, sizeof(key));
	sodium_memzero(key, sizeof(key));
	return right ? LK_NONE : LK_ERR(LK_E_DENIED, WRONG_PASSPHRASE);
}

static void
fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define FD_SCOPED __attribute__((cleanup(fd_close))) int

static lk_err
sys_err(const char *what)
{
	if (errno == ENOSPC || errno == EDQUOT)
		return (
		    lk_err){ .code = LK_E_FULL, .sys = errno, .what = what };
	return LK_SYS(what);
}

/* Whoever may write the directory can put another file in the place of ours. */
static lk_err
home_open(int *fd, const char *home)
{
	struct stat st;
	int dir = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 && errno == ENOENT)
		return LK_ERR(LK_E_CONFIG, "no identity here");
	if (dir < 0)
		return LK_SYS("open LK_HOME");
	*fd = dir;
	if (fstat(dir, &st) != 0)
		return LK_SYS("stat LK_HOME");
	if (st.st_uid != geteuid())
		return LK_ERR(LK_E_DENIED, "LK_HOME belongs to another user");
	if ((st.st_mode & WRITABLE_BY_OTHERS) != 0)
		return LK_ERR(LK_E_DENIED,
		    "LK_HOME can be written by others (chmod 700 it)");
	return LK_NONE;
}

static lk_err
file_check(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return LK_SYS("stat identity file");
	if (!S_ISREG(st.st_mode))
		return LK_ERR(LK_E_DENIED, "identity is not a regular file");
	if (st.st_uid != geteuid())
		return LK_ERR(
		    LK_E_DENIED, "identity file belongs to another user");
	if ((st.st_mode & OPEN_TO_OTHERS) != 0)
		return LK_ERR(LK_E_DENIED,
		    "identity file is open to others (chmod 600 it)");
	if (st.st_size > IDENTITY_BYTES_MAX)
		return LK_ERR(LK_E_CORRUPT, damaged);
	return LK_NONE;
}

static lk_err
file_read(int fd, struct buf *out)
{
	uint8_t part[1024];
	ssize_t n;

	do {
		n = read(fd, part, sizeof(part));
		if (n > 0)
			buf_mem(out, part, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
	sodium_memzero(part, sizeof(part));
	return n < 0 ? LK_SYS("read identity file") : buf_err(out, damaged);
}

lk_err
identity_read(struct buf *out, const char *home)
{
	FD_SCOPED dir = -1;
	FD_SCOPED fd = -1;

	TRY(home_open(&dir, home));
	/* Not blocking: the name could be a pipe. */
	fd = openat(
	    dir, IDENTITY_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return LK_ERR(LK_E_CONFIG, "no identity here");
	if (fd < 0 && errno == ELOOP)
		return LK_ERR(LK_E_DENIED, "identity is not a regular file");
	if (fd < 0)
		return LK_SYS("open identity file");
	TRY(file_check(fd));
	return file_read(fd, out);
}

lk_err
identity_load(struct identity *id, const char *home)
{
	BUF_SECRET content = { 0 };

	buf_init(&content, IDENTITY_BYTES_MAX);
	TRY(identity_read(&content, home));
	return identity_decode(id, buf_bytes(&content));
}

static lk_err
file_write(int fd, struct bytes b)
{
	while (b.len > 0) {
		ssize_t n = write(fd, b.ptr, b.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sys_err("write identity file");
		b.ptr += n;
		b.len -= (size_t)n;
	}
	if (fsync(fd) != 0)
		return sys_err("sync identity file");
	return LK_NONE;
}

/* A whole new file under another name, on the disk when this returns. */
static lk_err
file_prepare(int dir, struct bytes content)
{
	FD_SCOPED fd = -1;

	/* Left by a crash, or put there by nobody else: the directory is ours.
	 */
	if (unlinkat(dir, IDENTITY_FILE_NEW, 0) != 0 && errno != ENOENT)
		return LK_SYS("remove old identity file");
	fd = openat(dir, IDENTITY_FILE_NEW,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    S_IRUSR | S_IWUSR);
	if (fd < 0)
		return sys_err("create identity file");
	/* The umask may have taken away even our own permissions. */
	if (fchmod(fd, S_IRUSR | S_IWUSR) != 0)
		return LK_SYS("chmod identity file");
	return file_write(fd, content);
}

lk_err
identity_save(const struct identity *id, const char *home)
{
	FD_SCOPED dir = -1;
	BUF_SECRET content = { 0 };
	lk_err err;

	LK_ASSERT(id->cert_len <= sizeof(id->cert));
	buf_init(&content, IDENTITY_BYTES_MAX);
	identity_encode(&content, id);
	TRY(buf_err(&content, damaged));
	if (mkdir(home, S_IRWXU) != 0 && errno != EEXIST)
		return sys_err("create LK_HOME");
	TRY(home_open(&dir, home));
	err = file_prepare(dir, buf_bytes(&content));
	if (err.code != LK_OK) {
		(void)unlinkat(dir, IDENTITY_FILE_NEW, 0);
		return err;
	}
	if (renameat(dir, IDENTITY_FILE_NEW, dir, IDENTITY_FILE) != 0)
		return sys_err("rename identity file");
	if (fsync(dir) != 0)
		return sys_err("sync LK_HOME");
	return LK_NONE;
}
