/*
 * The key that opens backups, for whoever reads them without being able to
 * become a device.  It is the secret of the recovery box, and opens the escrow
 * and the relay account in the home document too (docs/security.md).
 *
 *   "lk-backup-key-1-" hex of: reading key 32, root pk 32, check 4
 *
 * check: the first bytes of H[32]("lk1 backup"; "key" || what is before it).
 */
#include <string.h>

#include "crypto/digest.h"
#include "crypto/phrase.h"
#include "daemon/backup.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"

#define KEY_LEAD "lk-backup-key-1-"
#define KEY_CHECK_LEN 4
#define KEY_LEN (DH_LEN + SIGN_PK_LEN + KEY_CHECK_LEN)
#define KEY_TEXT_LEN (sizeof(KEY_LEAD) - 1 + 2 * KEY_LEN)

static void
check_make(uint8_t out[static KEY_CHECK_LEN], const uint8_t *key)
{
	uint8_t all[32];
	struct digest d;

	digest_init(&d, sizeof(all), DIGEST_BACKUP, NULL);
	digest_add(&d, BYTES_STR("key"));
	digest_add(&d, BYTES(key, KEY_LEN - KEY_CHECK_LEN));
	digest_final(&d, all);
	memcpy(out, all, KEY_CHECK_LEN);
}

/* Of param "key"; the root seed stays nothing.  Said. */
static lk_err
key_secrets(struct request *r, struct backup_secrets *out)
{
	uint8_t key[KEY_LEN], check[KEY_CHECK_LEN];
	const char *text;
	bool good;

	TRY(param_string(r, "key", &text));
	good = strlen(text) == KEY_TEXT_LEN &&
	    strncmp(text, KEY_LEAD, strlen(KEY_LEAD)) == 0 &&
	    hex_decode(key, sizeof(key), text + strlen(KEY_LEAD));
	if (good) {
		check_make(check, key);
		good = digest_equal(
		    check, key + KEY_LEN - KEY_CHECK_LEN, KEY_CHECK_LEN);
	}
	if (good) {
		dh_key_from_secret(&out->reading, key);
		memcpy(out->root.pk, key + DH_LEN, SIGN_PK_LEN);
	}
	secret_wipe(key, sizeof(key));
	return (good ? LK_NONE
		     : request_fail(r, LK_ERR(LK_E_USAGE, "key"),
			   "not a key of lk backup key, or not all of it"));
}

lk_err
backup_secrets_or(struct request *r, struct backup_secrets *out, bool *given)
{
	bool key = json_object_object_get_ex(r->params, "key", NULL);

	*given = key || json_object_object_get_ex(r->params, "phrase", NULL);
	if (key)
		return (key_secrets(r, out));
	return (*given ? backup_secrets(r, out) : LK_NONE);
}

const char *
backup_secrets_of(const struct request *r)
{
	return (json_object_object_get_ex(r->params, "key", NULL) ? "key"
								  : "phrase");
}

lk_err
backup_key(struct request *r)
{
	char text[KEY_TEXT_LEN + 1] = KEY_LEAD;
	uint8_t key[KEY_LEN], secret[32];
	struct backup_secrets secrets;

	TRY(backup_secrets(r, &secrets));
	root_secret(secret, secrets.root_seed, ROOT_BOX);
	memcpy(key, secret, DH_LEN);
	memcpy(key + DH_LEN, secrets.root.pk, SIGN_PK_LEN);
	check_make(key + KEY_LEN - KEY_CHECK_LEN, key);
	hex_encode(text + strlen(KEY_LEAD), BYTES_OF(key));
	json_add_text(r->result, "key", text);
	json_add_id(r->result, "root", BYTES(secrets.root.pk, SIGN_PK_LEN));
	backup_secrets_clear(&secrets);
	secret_wipe(secret, sizeof(secret));
	secret_wipe(key, sizeof(key));
	secret_wipe(text, sizeof(text));
	return (LK_NONE);
}
