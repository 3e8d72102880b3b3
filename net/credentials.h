/*
 * credentials.h - the keys of buckets, where other programs keep them too: the
 * variables AWS_*, ~/.aws/credentials and ~/.aws/config.  Nothing is run and
 * nobody is asked for them.  They are never logged; whoever holds one wipes it
 * (explicit_bzero).
 */
#ifndef NET_CREDENTIALS_H
#define NET_CREDENTIALS_H

#include "base/bytes.h"
#include "base/remote_url.h"

#define CREDENTIAL_MAX 255
#define CREDENTIAL_TOKEN_MAX 8191 /* real ones have some 1,000 */
#define CREDENTIALS_FILE_MAX (256u * 1024)

/* What to say when there are none. */
#define CREDENTIALS_NONE                                                 \
	"no keys: neither AWS_ACCESS_KEY_ID when the daemon began, nor " \
	"the profile in ~/.aws/credentials"

struct credentials {
	char id[CREDENTIAL_MAX + 1], secret[CREDENTIAL_MAX + 1];
	char token[CREDENTIAL_TOKEN_MAX + 1]; /* "": lasting keys */
	char region[REMOTE_BUCKET_MAX + 1];   /* "": not said */
};

enum credentials_file { CREDENTIALS_KEYS, CREDENTIALS_CONFIG };

/*
 * Takes what a file says of a profile into those fields that are empty yet.
 * Lines it does not understand are passed over, as is a value that is too long
 * or has other characters than printable ASCII.  Keys are taken together with
 * their token, or not at all.
 */
void credentials_parse(struct credentials *, struct bytes file,
    const char *profile, enum credentials_file);
/*
 * The keys of `profile`; "": those of the environment, else of AWS_PROFILE,
 * else "default".  CONFIG when there are none.
 */
LK_MUST_USE lk_err credentials_read(struct credentials *, const char *profile);

#endif
