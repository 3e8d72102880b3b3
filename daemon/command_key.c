/* The keys of this device: show, seal, rotate. */
#include <string.h>

#include "daemon/commands.h"
#include "daemon/subject.h"

static lk_err
key_show(struct request *r)
{
	const struct identity *self = replica_identity(r->replica);

	json_add_text(r->result, "name", self->name);
	json_add_id(r->result, "device", BYTES_OF(self->sign.pk));
	json_add_id(r->result, "session", BYTES_OF(self->noise.pk));
	json_add_id(r->result, "box", BYTES_OF(self->box.pk));
	json_add_number(r->result, "box_counter", self->box_counter);
	json_add_id(r->result, "person", BYTES_OF(self->root_pk));
	json_add_flag(r->result, "sealed", self->lock.set);
	return LK_NONE;
}

static lk_err
passwd_change(struct request *r)
{
	const char *present, *wanted;

	TRY(param_string_or(r, "present", "", &present));
	TRY(param_string_or(r, "new", "", &wanted));
	return daemon_passphrase(
	    r->daemon, BYTES_STR(present), BYTES_STR(wanted));
}

static lk_err
key_passwd(struct request *r)
{
	lk_err err = passwd_change(r);

	param_wipe(r, "present");
	param_wipe(r, "new");
	if (err.code == LK_E_DENIED)
		return request_fail(r, err, "%s", err.what);
	if (err.code == LK_E_LIMIT)
		return request_fail(
		    r, err, "passphrase: longer than 1,024 bytes");
	TRY(err);
	json_add_flag(
	    r->result, "sealed", replica_identity(r->replica)->lock.set);
	return LK_NONE;
}

static lk_err
rotate_poll(struct request *r, bool *done)
{
	*done = !engine_fanning_out(r->engine);
	return LK_NONE;
}

static lk_err
key_rotate(struct request *r)
{
	const struct identity *self = replica_identity(r->replica);
	lk_err err = engine_key_rotate(r->engine, r->now);

	if (err.code == LK_E_DENIED || err.code == LK_E_NOTFOUND)
		return request_fail(
		    r, err, "this device may not write its home document");
	TRY(err);
	json_add_id(r->result, "box", BYTES_OF(self->box.pk));
	json_add_number(r->result, "box_counter", self->box_counter);
	request_defer(r, rotate_poll, (struct mono){ .ms = 0 }, NULL, NULL);
	return LK_NONE;
}

static const struct command table[] = {
	{ "key.show", key_show, COMMAND_IDENTITY },
	{ "key.passwd", key_passwd, COMMAND_IDENTITY | COMMAND_WRITES },
	{ "key.rotate", key_rotate,
	    COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED },
	{ NULL, NULL, 0 },
};

const struct command *const commands_key = table;
