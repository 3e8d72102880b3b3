#include "daemon/repo_folder.h"

#include <string.h>

#include "base/base58.h"
#include "crypto/digest.h"

#define ID_BYTES 16
#define CHECK_BYTES 4

static void
id_check(uint8_t out[static CHECK_BYTES], const uint8_t id[static ID_BYTES])
{
	uint8_t once[SHA256_LEN], twice[SHA256_LEN];

	sha256(once, BYTES(id, ID_BYTES));
	sha256(twice, BYTES_OF(once));
	memcpy(out, twice, CHECK_BYTES);
}

bool
repo_id_valid(const char *text)
{
	uint8_t check[CHECK_BYTES];
	BUF_SCOPED id = { .max = BASE58_BYTES_MAX };

	if (base58_decode(&id, BYTES_STR(text)).code != LK_OK ||
	    id.len != ID_BYTES + CHECK_BYTES)
		return (false);
	id_check(check, id.ptr);
	return (memcmp(id.ptr + ID_BYTES, check, CHECK_BYTES) == 0);
}

void
repo_id_of(char out[static REPO_ID_LEN], const uint8_t docid[static LK_ID_LEN],
    const char *name)
{
	uint8_t digest[SHA256_LEN], id[ID_BYTES + CHECK_BYTES];
	struct sha256_state s;
	BUF_SCOPED text = { .max = REPO_ID_LEN };

	if (repo_id_valid(name)) {
		(void)strlcpy(out, name, REPO_ID_LEN);
		return;
	}
	sha256_init(&s);
	sha256_add(&s, BYTES_STR("lk automerge-repo"));
	sha256_add(&s, BYTES(docid, LK_ID_LEN));
	sha256_final(&s, digest);
	/* Its own ids are random UUIDs: version 4, variant 1. */
	memcpy(id, digest, ID_BYTES);
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	id_check(id + ID_BYTES, id);
	base58_encode(&text, BYTES_OF(id));
	LK_ASSERT(!text.failed && text.len < REPO_ID_LEN);
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
}

void
repo_snapshot_path(struct buf *out, const char *id, struct bytes heads)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * LK_ID_LEN + 1];
	struct sha256_state s;

	/* As its own writer does it: of the heads in hex. */
	sha256_init(&s);
	for (size_t at = 0; at < heads.len; at += LK_ID_LEN) {
		hex_encode(hex, BYTES(heads.ptr + at, LK_ID_LEN));
		sha256_add(&s, BYTES_STR(hex));
	}
	sha256_final(&s, digest);
	hex_encode(hex, BYTES_OF(digest));
	buf_printf(out, "%.2s/%s/snapshot/%s", id, id + 2, hex);
}
