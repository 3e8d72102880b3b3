/* This device: init and its daemon. */
#include <string.h>

#include "crypto/phrase.h"
#include "daemon/commands.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"

static lk_err
device_init(struct request *r)
{
	struct random random = daemon_random(r->daemon);
	uint8_t entropy[PHRASE_ENTROPY_LEN];
	char phrase[PHRASE_TEXT_LEN];
	const char *name;
	lk_err err;

	TRY(param_string(r, "name", &name));
	random_fill(&random, entropy, sizeof(entropy));
	phrase_encode(phrase, entropy);
	err = request_init(r, name, entropy);
	explicit_bzero(entropy, sizeof(entropy));
	if (err.code == LK_OK) {
		json_add_identity(r->result, daemon_identity(r->daemon));
		json_add_text(r->result, "phrase", phrase);
	}
	explicit_bzero(phrase, sizeof(phrase));
	return err;
}

/* Members of "daemon" in a result, from what the daemon knows of itself. */
static void
daemon_json(struct json_object *o, const struct daemon_info *info)
{
	struct json_object *addresses = json_object_new_array();

	json_add_text(o, "version", LK_VERSION);
	json_add_number(o, "pid", (uint64_t)info->pid);
	json_add_time(o, "started", info->started);
	json_add_text(o, "home", info->home);
	json_add_text(o, "socket", info->socket);
	if (info->log != NULL)
		json_add_text(o, "log", info->log);
	else
		json_object_object_add(o, "log", NULL);
	json_add_text(o, "listen", info->listen);
	json_add_number(o, "port", info->port);
	for (size_t i = 0; i < info->addresses_len; i++)
		json_object_array_add(
		    addresses, json_object_new_string(info->addresses[i]));
	json_object_object_add(o, "addresses", addresses);
	json_add_number(o, "connections", info->connections);
	json_add_text(o, "discovery", info->discovery);
	json_add_text(o, "sandbox", info->sandbox);
	json_add_flag(o, "read_only", info->read_only);
	json_add_flag(o, "identity", info->identity);
}

/* Each layer that there could be, and what is out of its reach. */
static struct json_object *
layers_json(const struct sandbox *s)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < s->len; i++) {
		const struct sandbox_layer *l = &s->layers[i];
		struct json_object *o = json_object_new_object();

		json_object_array_add(list, o);
		json_add_text(o, "layer", l->name);
		json_add_flag(o, "enforced", l->enforced);
		json_add_number(o, "version", (uint64_t)l->version);
		json_add_text(o, "does", l->does);
		if (l->does_not != NULL)
			json_add_text(o, "does_not", l->does_not);
	}
	return list;
}

static lk_err
daemon_status(struct request *r)
{
	struct daemon_info info;

	daemon_info(r->daemon, &info);
	daemon_json(r->result, &info);
	json_object_object_add(
	    r->result, "sandbox_layers", layers_json(&r->daemon->sandbox));
	json_object_object_add(
	    r->result, "scrub", scrub_json(&r->daemon->scrub));
	return LK_NONE;
}

static lk_err
daemon_stop_(struct request *r)
{
	struct daemon_info info;

	daemon_info(r->daemon, &info);
	json_add_number(r->result, "pid", (uint64_t)info.pid);
	daemon_stop(r->daemon);
	return LK_NONE;
}

static lk_err
version(struct request *r)
{
	json_add_text(r->result, "version", LK_VERSION);
	json_add_text(r->result, "protocol", "lk.control/1");
	return LK_NONE;
}

static const struct command table[] = {
	{ "init", device_init, COMMAND_WRITES | COMMAND_ALONE },
	{ "daemon.status", daemon_status, 0 },
	{ "daemon.stop", daemon_stop_, 0 },
	{ "version", version, 0 },
	{ NULL, NULL, 0 },
};

const struct command *const commands_device = table;
