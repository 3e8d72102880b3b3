/*
 * remote_url.h - the address of a remote, as people write it (docs/remotes.md):
 *
 *   file:///media/stick/lk
 *   s3://bucket/prefix?endpoint=https://host:port&region=R&style=path&profile=P
 *   relay://KEY@host:port?invite=TOKEN, or ?account=ACCOUNT
 *
 * %XX stands for a byte in all but the last.  Nothing secret is part of
 * one, but a relay's invitation, which dies with its use.
 */
#ifndef BASE_REMOTE_URL_H
#define BASE_REMOTE_URL_H

#include "base/bytes.h"

#define REMOTE_URL_MAX 1024
#define REMOTE_BUCKET_MAX 63 /* S3's own rule; also for profile and region */
#define REMOTE_PREFIX_MAX 512
#define REMOTE_HOST_MAX 256 /* "[v6]:port" or "name:port" */

enum remote_url_kind { REMOTE_URL_FOLDER, REMOTE_URL_BUCKET, REMOTE_URL_RELAY };

struct remote_url {
	enum remote_url_kind kind;
	/* FOLDER: an absolute path, without a slash at its end. */
	char path[REMOTE_URL_MAX + 1];
	/* BUCKET. */
	char bucket[REMOTE_BUCKET_MAX + 1];
	char prefix[REMOTE_PREFIX_MAX + 1]; /* "" or with a slash at its end */
	char host[REMOTE_HOST_MAX + 1];     /* of the endpoint; "": Amazon's */
	bool plain;                         /* http: not encrypted on the way */
	bool path_style; /* host/bucket/name rather than bucket.host/name */
	char region[REMOTE_BUCKET_MAX + 1];  /* "": not said */
	char profile[REMOTE_BUCKET_MAX + 1]; /* "": not said */
	/* RELAY; ->host is where it is. */
	uint8_t relay_key[32];
	bool invited; /* it is good for an account, until there is one */
	uint8_t invite[16];
	bool has_account; /* whose: another device's, or another person's */
	uint8_t account[32];
};

/* MALFORMED with what is wrong, in words; LIMIT over REMOTE_URL_MAX. */
LK_MUST_USE lk_err remote_url_parse(struct remote_url *, const char *text);

#endif
