#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/options.h"

static const char *const variables[] = { "LK_HOME", "LK_SOCKET", "LK_LISTEN",
	"LK_LOG", "XDG_DATA_HOME", "XDG_RUNTIME_DIR" };

static int
environment_clear(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		unsetenv(variables[i]);
	setenv("HOME", "/home/nobody", 1);
	return (0);
}

static lk_err
options_of(struct options *o, struct options_flaw *flaw, const char *argument)
{
	char *argv[] = { strdup("lkd"), argument ? strdup(argument) : NULL,
		NULL };
	lk_err err = options_read(o, argument == NULL ? 1 : 2, argv, flaw);

	free(argv[0]);
	free(argv[1]);
	return (err);
}

static void
without_anything_the_defaults_hold(void **state)
{
	struct options o;
	struct options_flaw flaw;

	(void)state;
	assert_int_equal(options_of(&o, &flaw, NULL).code, LK_OK);
	assert_string_equal(o.home, "/home/nobody/.local/share/lk");
	assert_string_equal(
	    o.socket, "/home/nobody/.local/share/lk/run/control");
	assert_string_equal(o.listen_host, "");
	assert_int_equal(o.listen_port, 0);
	assert_string_equal(o.log_path, "");
	assert_int_equal(o.log_level, LOG_LEVEL_INFO);
	assert_false(o.foreground);
	setenv("XDG_DATA_HOME", "/data", 1);
	assert_int_equal(options_of(&o, &flaw, "-fv").code, LK_OK);
	assert_string_equal(o.home, "/data/lk");
	assert_true(o.foreground);
	assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
	setenv("LK_HOME", "/somewhere/", 1);
	assert_int_equal(options_of(&o, &flaw, NULL).code, LK_OK);
	assert_string_equal(o.home, "/somewhere");
}

static void
the_socket_depends_on_the_store(void **state)
{
	struct options a, b;
	struct options_flaw flaw;
	char longest[HOME_SOCKET_MAX + 2];

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
	setenv("LK_HOME", "/a", 1);
	assert_int_equal(options_of(&a, &flaw, NULL).code, LK_OK);
	setenv("LK_HOME", "/b", 1);
	assert_int_equal(options_of(&b, &flaw, NULL).code, LK_OK);
	assert_string_not_equal(a.socket, b.socket);
	assert_memory_equal(a.socket, "/run/user/1/lk/", 15);
	assert_int_equal(strlen(a.socket), 15 + 16 + strlen("/control"));
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	setenv("XDG_RUNTIME_DIR", longest, 1);
	assert_int_equal(options_of(&a, &flaw, NULL).code, LK_OK);
	assert_memory_equal(a.socket, "/tmp/lk-", 8);
	longest[HOME_SOCKET_MAX] = '\0';
	setenv("LK_SOCKET", longest, 1);
	assert_int_equal(options_of(&a, &flaw, NULL).code, LK_OK);
	assert_string_equal(a.socket, longest);
	setenv("LK_SOCKET",
	    "/1234567890/1234567890/1234567890/1234567890/"
	    "1234567890/1234567890/1234567890/1234567890/"
	    "1234567890/1234567890",
	    1);
	assert_int_equal(options_of(&a, &flaw, NULL).code, LK_E_CONFIG);
	assert_non_null(strstr(flaw.text, "LK_SOCKET"));
}

static void
links_and_relative_paths_name_the_same_store(void **state)
{
	char dir[] = "/tmp/lkoptXXXXXX", real[64], link[64], here[64];
	struct options a, b;
	struct options_flaw flaw;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(real, sizeof(real), "%s/real", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	snprintf(here, sizeof(here), "%s/link/new", dir);
	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink("real", link), 0);
	setenv("LK_HOME", here, 1);
	assert_int_equal(options_of(&a, &flaw, NULL).code, LK_OK);
	assert_int_equal(chdir(real), 0);
	setenv("LK_HOME", "new", 1);
	assert_int_equal(options_of(&b, &flaw, NULL).code, LK_OK);
	assert_int_equal(chdir("/"), 0);
	assert_string_equal(a.home, b.home);
	assert_string_equal(a.socket, b.socket);
	unlink(link);
	rmdir(real);
	rmdir(dir);
}

static void
listen_takes_a_port_and_perhaps_a_numeric_host(void **state)
{
	static const struct {
		const char *value, *host;
		uint16_t port;
	} good[] = {
		{ "4711", "", 4711 },
		{ ":4711", "", 4711 },
		{ "0", "", 0 },
		{ "127.0.0.1:1", "127.0.0.1", 1 },
		{ "localhost:65535", "127.0.0.1", 65535 },
		{ "[::1]:80", "::1", 80 },
	};
	static const char *const bad[] = { "", ":", "x", "65536", "-1", "+1",
		" 1", "host:80", "::1:80", "[::1]", "[::1]:", "[1.2.3.4]:80",
		"1.2.3:80", "1.2.3.4", "[]:80x" };
	struct options o = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(options_listen(&o, good[i].value).code, LK_OK);
		assert_string_equal(o.listen_host, good[i].host);
		assert_int_equal(o.listen_port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (options_listen(&o, bad[i]).code != LK_E_MALFORMED)
			fail_msg("%s", bad[i]);
}

static void
the_file_is_lines_of_a_key_and_a_value(void **state)
{
	static const char *const bad[] = { "listen", "listen x", "port 1",
		"listenx 1", "address x", "address :1", "address x:0", "log",
		"discovery", "discovery yes", "backup-age", "backup-age 14",
		"backup-age 367d", "backup-age -1d" };
	struct options o = { 0 };

	(void)state;
	assert_int_equal(options_line(&o, "").code, LK_OK);
	assert_int_equal(options_line(&o, " \t ").code, LK_OK);
	assert_int_equal(options_line(&o, " listen\t:99 \r").code, LK_OK);
	assert_int_equal(o.listen_port, 99);
	assert_int_equal(options_line(&o, "log warn").code, LK_OK);
	assert_int_equal(o.log_level, LOG_LEVEL_WARN);
	assert_int_equal(options_line(&o, "log /var/log/my lk").code, LK_OK);
	assert_string_equal(o.log_path, "/var/log/my lk");
	assert_int_equal(options_line(&o, "discovery on").code, LK_OK);
	assert_true(o.discovery);
	assert_int_equal(options_line(&o, "discovery off").code, LK_OK);
	assert_false(o.discovery);
	assert_int_equal(options_line(&o, "backup-age 2h").code, LK_OK);
	assert_int_equal(o.backup_age_ms, 7200000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (options_line(&o, bad[i]).code != LK_E_MALFORMED)
			fail_msg("%s", bad[i]);
	for (size_t i = 0; i < PEER_ADDRESS_MAX; i++)
		assert_int_equal(
		    options_line(&o, "address vpn.example.org:1").code, LK_OK);
	assert_int_equal(
	    options_line(&o, "address one.more:1").code, LK_E_MALFORMED);
}

static void
the_environment_wins_over_the_file_and_flaws_say_where(void **state)
{
	char dir[] = "/tmp/lkoptXXXXXX", path[64];
	struct options o;
	struct options_flaw flaw;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/config", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("# a comment\nlisten 1\n\nlog lk.log # another\n", f);
	fclose(f);
	setenv("LK_HOME", dir, 1);
	assert_int_equal(options_of(&o, &flaw, NULL).code, LK_OK);
	assert_int_equal(o.listen_port, 1);
	assert_memory_equal(o.log_path, dir, strlen(dir));
	assert_string_equal(o.log_path + strlen(dir), "/lk.log");
	setenv("LK_LISTEN", "2", 1);
	assert_int_equal(options_of(&o, &flaw, NULL).code, LK_OK);
	assert_int_equal(o.listen_port, 2);
	setenv("LK_LISTEN", "nonsense", 1);
	assert_int_equal(options_of(&o, &flaw, NULL).code, LK_E_CONFIG);
	assert_non_null(strstr(flaw.text, "LK_LISTEN"));
	unsetenv("LK_LISTEN");
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("\nbogus 1\n", f);
	fclose(f);
	assert_int_equal(options_of(&o, &flaw, NULL).code, LK_E_CONFIG);
	assert_non_null(strstr(flaw.text, "line 2"));
	unlink(path);
	rmdir(dir);
}

static void
other_arguments_are_a_mistake(void **state)
{
	struct options o;
	struct options_flaw flaw;

	(void)state;
	assert_int_equal(options_of(&o, &flaw, "-x").code, LK_E_USAGE);
	assert_int_equal(options_of(&o, &flaw, "file").code, LK_E_USAGE);
	assert_int_equal(options_of(&o, &flaw, "-f").code, LK_OK);
}

static void
a_directory_others_may_write_to_is_refused(void **state)
{
	char dir[] = "/tmp/lkoptXXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_int_equal(home_directory(path, 0).code, LK_E_NOTFOUND);
	assert_int_equal(home_directory(path, 1).code, LK_OK);
	assert_int_equal(home_directory(path, 1).code, LK_OK);
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(home_directory(path, 1).code, LK_E_CONFIG);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(home_directory(path, 1).code, LK_OK);
	rmdir(path);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_int_equal(home_directory(path, 1).code, LK_E_CONFIG);
	unlink(path);
	snprintf(path, sizeof(path), "%s/a", dir);
	rmdir(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    without_anything_the_defaults_hold, environment_clear),
		cmocka_unit_test_setup(
		    the_socket_depends_on_the_store, environment_clear),
		cmocka_unit_test_setup(
		    links_and_relative_paths_name_the_same_store,
		    environment_clear),
		cmocka_unit_test(
		    listen_takes_a_port_and_perhaps_a_numeric_host),
		cmocka_unit_test(the_file_is_lines_of_a_key_and_a_value),
		cmocka_unit_test_setup(
		    the_environment_wins_over_the_file_and_flaws_say_where,
		    environment_clear),
		cmocka_unit_test_setup(
		    other_arguments_are_a_mistake, environment_clear),
		cmocka_unit_test(a_directory_others_may_write_to_is_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
