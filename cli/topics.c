#include "cli/topics.h"

#include <stddef.h>
#include <string.h>

const struct topic topics[] = {
	{ "documents", "How documents, and places in them, are named",
	    "DOC is a document's name, or 4 or more digits of its id "
	    "(lk ls -l). x/y is the\nbranch y of x, x~2 the second of two "
	    "that took the name x: lk rename gives it\nanother.\n\n"
	    "PATH is a JSON Pointer: /a/b is b in a, /list/0 the first of a "
	    "list, /list/- its\nend. In a name ~ is written ~0, / is ~1. "
	    "\"\" is the whole document. Paths of a text\nor list document "
	    "start at its content; --root makes them start at the map.\n"
	    "Positions in a text are code points.\n\n"
	    "REV is a state of a document: 4 or more digits of a change's "
	    "hash (lk log),\nseveral with commas between them, @N for N lines "
	    "of its log back, or a branch.\n\n"
	    "WHO is a contact, one of your devices, or 4 or more digits of a "
	    "key.\n" },
	{ "access", "Who may do what, and what revoking does",
	    "Roles: relay keeps and passes on what it cannot read; read; "
	    "write; admin also lets\nothers in and removes them. Each has "
	    "the rights of those before it.\n\n"
	    "  lk invite DOC              a ticket for somebody not met yet\n"
	    "  lk share DOC WHO           for a contact\n"
	    "  lk members DOC             who has what, and by whom\n"
	    "  lk revoke DOC WHO --dry-run   what would happen\n"
	    "  lk why DOC CHANGE          why it counts, or does not\n\n"
	    "A revocation means the same on every device, whatever the order "
	    "they hear of it\nin. What he wrote and you had seen stays, unless "
	    "--keep says otherwise; what comes\nlater does not count "
	    "(lk quarantine), and lk adopt takes it back in. New changes "
	    "are\nsealed to those who are left.\n\n"
	    "It takes back nothing that was received. Who has not heard of it "
	    "goes on for a\nwhile: lk sync --wait=all ends when all have. "
	    "lk-access(7) has the rules.\n" },
	{ "pairing", "How devices and people meet",
	    "Your own devices: they have all of your documents.\n"
	    "  first:   lk pair            shows a code, and where it is\n"
	    "  other:   lk init --name NAME\n"
	    "           lk pair CODE       or CODE@HOST:PORT from far away\n"
	    "Both show the same three words then; with others somebody is "
	    "between you. A code\nis good for one try and 5 minutes. "
	    "lk pair --ticket prints a line for a machine\nthat nobody sits "
	    "at.\n\n"
	    "Other people: they have what you share with them.\n"
	    "  lk invite DOC               a ticket, used by lk accept "
	    "TICKET\n"
	    "  lk contact pair             by a code, side by side or by "
	    "phone\n"
	    "  lk contact verify WHO       three words, compared by voice\n\n"
	    "All devices lost: lk init --recover with the recovery phrase, as "
	    "long as one of\nyours or a backup is left.\n" },
	{ "syncing", "When others have what you have",
	    "Devices find each other on the local network, at addresses they "
	    "know, and through\nremotes (lk help remote): a folder that is "
	    "carried about, a bucket, a relay.\n\n"
	    "lk status says of each document and device:\n"
	    "  synced      it has acknowledged all you have, and you have all "
	    "it announced\n"
	    "  pending N   changes it has not acknowledged, and since when\n"
	    "  unknown     it has said nothing, or not since then\n"
	    "Only a device's signed word counts: what lies in a remote is "
	    "stored, and not\ndelivered.\n\n"
	    "  lk sync                     ask the others now\n"
	    "  lk sync --wait=all --timeout 30s   exit 0 only when all have "
	    "it, else 75\n"
	    "  lk status --exit-code       1 unless everything is synced\n"
	    "  lk watch                    every change as it comes\n" },
	{ "mirrors", "Folders of plain files kept in step with documents",
	    "  lk mirror add DIR           a new document, called as the "
	    "folder\n"
	    "  lk mirror add DIR DOC       on the next device, the same "
	    "document\n"
	    "  lk mirror status            which files are not in step, and "
	    "why\n"
	    "  lk mirror rm DIR            ends it; files and document stay\n\n"
	    "Texts that several devices change merge, and no conflict file "
	    "appears; of other\nfiles the newer one counts, and the older is "
	    "in lk log. Renames keep history.\n\n"
	    ".lkignore says what stays out, as git's .gitignore does; .git "
	    "always does.\n\n"
	    "When many files are gone at once nothing is deleted elsewhere "
	    "until lk mirror\nresume says so. A disk that is not mounted "
	    "deletes nothing. docs/mirrors.md has\nmore.\n" },
	{ "backups", "How backups are made, checked and used",
	    "  lk backup create DEST       a folder that is there, or "
	    "s3://BUCKET/PREFIX\n"
	    "  lk backup ls DEST           what is there\n"
	    "  lk backup check DEST        reads all of it, and names what is "
	    "damaged\n"
	    "  lk backup restore DEST      makes a new device of it\n\n"
	    "Each holds all documents with their history and who may do what. "
	    "Only what is new\nis written. They are sealed to the recovery "
	    "phrase: keep it on paper, as nothing\nelse opens them.\n\n"
	    "A restored device is a new one, and takes the place of the old "
	    "one, which is\nrevoked. Where another device of yours is there, "
	    "lk pair loses nothing and is\nbetter.\n\n"
	    "Never copy LK_HOME and use it twice. docs/backups.md has "
	    "more.\n" },
	{ "scripts", "Exit statuses, and lk in programs",
	    "  0   done                         70  a mistake in lk itself\n"
	    "  1   a predicate is false: status --exit-code, diff, doctor\n"
	    "  3   a part failed, which was said\n"
	    "  64  wrong usage                  73  exists, cannot be made\n"
	    "  65  damaged or unfit data        74  I/O, or the disk is full\n"
	    "  66  no such document, path, person\n"
	    "  69  no daemon, or no address     75  try again later\n"
	    "  76  needs another version        77  not permitted, or "
	    "revoked\n"
	    "  78  no identity, or a bad configuration\n"
	    "  130, 143  interrupted\n\n"
	    "What failed has changed nothing. Nothing is asked when standard "
	    "input is no\nterminal. Answers are on standard output, everything "
	    "else on standard error.\nlk watch --exec and --cursor run a "
	    "command once for each change. docs/scripting.md\nhas more.\n" },
	{ "json", "What --json prints",
	    "One JSON document on one line, which names its kind: "
	    "{\"schema\":\"lk.status/1\",..}.\nlog, watch and import print a "
	    "line for each thing, get the value alone.\n\n"
	    "Times are RFC 3339 in UTC, ids and keys whole. Members are added, "
	    "none is renamed\nor goes. docs/schema has a JSON Schema for each "
	    "kind.\n\n"
	    "An error is one line on standard error:\n"
	    "  {\"error\":\"not-found\",\"code\":66,\"message\":..,\"hint\":"
	    "..}\n\n"
	    "Values of documents: a counter is a number, a time RFC 3339, "
	    "bytes base64, a float\nthat is no number null. lk get --typed "
	    "says the type of each, and lk set --typed\ntakes it back.\n\n"
	    "Programs can speak with the daemon as lk does: "
	    "docs/control.md.\n" },
	{ "damage", "What becomes of a bad disk",
	    "Everything on the disk has a hash or a checksum, and is checked "
	    "when it is read.\nThe daemon also reads all of it now and then, "
	    "slowly, while nothing else is to do.\n\n"
	    "What follows from the log of changes is made again from it. A "
	    "change that is\ndamaged itself is asked of every device that has "
	    "it, and takes its place again.\n\n"
	    "  lk status                   says which documents lack "
	    "something\n"
	    "  lk verify                   checks everything now\n"
	    "  lk doctor                   looks at all that lk needs\n"
	    "  lk backup check DEST        the same for backups\n" },
	{ NULL, NULL, NULL },
};

const struct topic *
topic_find(const char *name)
{
	for (const struct topic *t = topics; t->name != NULL; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}
