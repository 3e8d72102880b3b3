/*
 * The identity file and the store change together (`init`, pairing): the new
 * file is written beside the old one and named in the transaction; after the
 * commit it takes its place.  After a crash the store says which one counts.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "daemon/daemon.h"

#define STAGE_KEY "identity"

static void
stage_dir(char out[static PATH_MAX + 32], const struct daemon *d)
{
	snprintf(out, PATH_MAX + 32, "%s/" IDENTITY_STAGE_DIR, d->options.home);
}

static void
stage_file(char out[static PATH_MAX + 64], const struct daemon *d)
{
	snprintf(out, PATH_MAX + 64, "%s/" IDENTITY_STAGE_DIR "/" IDENTITY_FILE,
	    d->options.home);
}

static void
identity_fingerprint(uint8_t out[static 32], const struct identity *id)
{
	BUF_SECRET bytes = { 0 };

	buf_init(&bytes, IDENTITY_BYTES_MAX);
	identity_encode(&bytes, id);
	sha256(out, buf_bytes(&bytes));
}

lk_err
daemon_passphrase(
    struct daemon *d, struct bytes present, struct bytes wanted)
{
	struct random random = random_system();

	TRY(identity_lock_check(&d->identity, present));
	/* It is staged with the transaction. */
	return (identity_lock(&d->identity, &random, wanted));
}

lk_err
identity_swap_stage(struct daemon *d)
{
	char dir[PATH_MAX + 32];
	uint8_t fingerprint[32];

	if (!d->has_identity ||
	    memcmp(&d->identity, &d->identity_saved, sizeof(d->identity)) == 0)
		return (LK_NONE);
	stage_dir(dir, d);
	TRY(identity_save(&d->identity, dir));
	identity_fingerprint(fingerprint, &d->identity);
	TRY(kv_put(txn_space(d->txn, STORE_DEVICE, SPACE_META),
	    BYTES_STR(STAGE_KEY), BYTES_OF(fingerprint)));
	d->identity_staged = true;
	return (LK_NONE);
}

static lk_err
file_adopt(const struct daemon *d)
{
	char dir[PATH_MAX + 32], from[PATH_MAX + 64], to[PATH_MAX + 64];
	int fd;

	stage_dir(dir, d);
	stage_file(from, d);
	snprintf(to, sizeof(to), "%s/" IDENTITY_FILE, d->options.home);
	if (rename(from, to) == -1)
		return (LK_SYS("identity file"));
	(void)rmdir(dir);
	fd = open(d->options.home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fsync(fd) == -1)
		log_warn("identity: not yet certain to be on disk: %s",
		    strerror(errno));
	if (fd != -1)
		close(fd);
	return (LK_NONE);
}

void
identity_swap_adopt(struct daemon *d)
{
	lk_err err;

	if (!d->identity_staged)
		return;
	d->identity_staged = false;
	d->identity_saved = d->identity;
	err = file_adopt(d);
	/* It is there, in its other place, and found at the next start. */
	if (err.code != LK_OK)
		log_error("identity: cannot take its place yet: %s",
		    strerror(err.sys));
}

/* Whether the transaction that was to bring this file was committed. */
static lk_err
stage_counts(struct daemon *d, struct bytes file, bool *counts)
{
	uint8_t fingerprint[32];
	struct bytes kept;
	struct txn *txn;
	lk_err err;

	sha256(fingerprint, file);
	TRY(txn_begin(d->store, TXN_READ, &txn));
	err = kv_get(txn_space(txn, STORE_DEVICE, SPACE_META),
	    BYTES_STR(STAGE_KEY), &kept);
	*counts = err.code == LK_OK && bytes_equal(kept, BYTES_OF(fingerprint));
	txn_abort(txn);
	return (err.code == LK_E_NOTFOUND ? LK_NONE : err);
}

lk_err
identity_swap_recover(struct daemon *d)
{
	char dir[PATH_MAX + 32], path[PATH_MAX + 64];
	BUF_SECRET file = { .max = IDENTITY_BYTES_MAX };
	bool counts = false;
	lk_err err;

	stage_dir(dir, d);
	stage_file(path, d);
	if (access(dir, F_OK) == -1)
		return (LK_NONE);
	/* It may be sealed: what it is says its hash alone. */
	err = identity_read(&file, dir);
	if (err.code == LK_OK)
		err = stage_counts(d, buf_bytes(&file), &counts);
	if (err.code == LK_OK && counts) {
		log_info("identity: the new one counts");
		return (file_adopt(d));
	}
	if (err.code != LK_OK && err.code != LK_E_CONFIG &&
	    err.code != LK_E_CORRUPT)
		return (err);
	/* It never came to be. */
	(void)unlink(path);
	(void)rmdir(dir);
	return (LK_NONE);
}
