/*
 * limits.h - every bound on what can grow, with its reason.
 * docs/protocol.md shows those that are part of a format.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <stdint.h>

#define LK_ID_LEN 32    /* envelope, document and change ids */
#define LK_TOPIC_LEN 16 /* topic, author tag, etag, actor, FP */

/* Envelopes: one fits a transaction and a message with room to spare. */
#define ENVELOPE_MAX (1024 * 1024)
/* The largest bucket that fits an envelope with header and AEAD tag, and what
 * is left of it beside the signature. */
#define ENVELOPE_PLAIN_MAX 1032192
#define ENVELOPE_BODY_MAX (ENVELOPE_PLAIN_MAX - 64)
#define ENVELOPE_OPS_MAX 16
#define ENVELOPE_DEPS_MAX 64
#define REVOKE_ENTRIES_MAX 64
#define REVOKE_KEEP_MAX 16
#define ADOPT_IDS_MAX 256
#define EPOCH_BOXES_MAX 1024
#define EPOCH_LINKS_MAX 64
#define PERSON_DEVICES_MAX 32

/* Automerge data: what one hostile file may cost (automerge-format 13.2). */
#define CHANGE_BODY_MAX (64u * 1024 * 1024)
/* Map keys over 400 bytes, once for every op that has one: a column repeats one
 * millions of times in a few bytes, and a document hashes each. */
#define CHANGE_KEYS_MAX (4 * CHANGE_BODY_MAX)
#define DOCUMENT_BODY_MAX (256u * 1024 * 1024)
#define LEAN_INFLATED_MAX (16u * 1024 * 1024)
#define INFLATE_RATIO_MAX 1000
/* Few bytes can say many ops, which then cost some 64 bytes each while they
 * are read: so many in any change or document chunk, and up to four times as
 * many where there are bytes for them. */
#define OPS_FREE (4u * 1024 * 1024)
#define CHANGE_OPS_MAX (4 * OPS_FREE)
#define DOCUMENT_OPS_MAX (4 * OPS_FREE)
/* For each byte: a letter is one in a change, and deflated in a document. */
#define CHANGE_OPS_PER_BYTE 1
#define DOCUMENT_OPS_PER_BYTE 4
/* Of all changes of a document chunk: a few bytes can say them too. */
#define DOCUMENT_DEPS_MAX (4u * 1024 * 1024)
/* Changes of one document file: a struct change takes some 600 bytes; real
 * documents with a change for each keystroke have 260,000. */
#define HISTORY_CHANGES_MAX (256u * 1024)
/* More cannot be among them; a hash each, 8 MiB in all. */
#define CHANGE_DEPS_MAX HISTORY_CHANGES_MAX
#define CHANGE_COLUMNS_MAX 16 /* there are 14 */
/* Of each table of a document; columns nobody knows may be among them. */
#define DOCUMENT_COLUMNS_MAX 64
#define ACTOR_LEN_MAX 255
/* In a change: of a branch, bytes and hash. */
#define ACTOR_NAME_MAX (ACTOR_LEN_MAX + LK_ID_LEN)
/* As many as changes of a document file: each has a byte or more in it. */
#define DOCUMENT_ACTORS_MAX 262144
#define TREE_DEPTH_MAX 512 /* levels shown or imported as JSON */
/* A whole value in memory: some 100 bytes for each of OPS_FREE. */
#define TREE_BYTES_MAX (512u * 1024 * 1024)
#define OP_COUNTER_MAX UINT32_MAX
/* What a view at old heads keeps of records that differ: as much as the
 * largest document that is read. */
#define VIEW_BYTES_MAX ((size_t)4 * DOCUMENT_BODY_MAX)

/* What one record about an envelope holds. */
#define IMPORT_HEADS_MAX 1024
#define CHANGE_PARENTS_MAX 2048

/* Peers. */
#define PEERS_MAX 512
/* A document of more other devices than this is a crowd: each then has
 * neighbours in it, and does not connect with all. */
#define MESH_MAX 12
/* Not authenticated yet; of these, from one IPv4 address or IPv6 /64.  Half of
 * either from addresses at which nobody was met lately. */
#define PEERS_STRANGERS_MAX 32
#define PEERS_STRANGERS_HERE 8
#define PEERS_MET_MS (30 * INT64_C(86400000))
#define STRANGER_LISTS_MAX 16 /* TOPICS of a device nobody knows, a session */
#define PEER_ADDRESS_MAX 8
#define PEER_ADDRESS_MET_MAX 4 /* of these, where it was met */
#define HANDSHAKE_MS 5000
#define HANDSHAKE_BYTES_MAX (64 * 1024)
#define MESSAGE_MAX (1024 * 1024 + 65536)
/* What a peer's questions may cost in a minute: bytes, and records read. */
#define ASKED_COST_MAX (4u * 1024 * 1024)
#define PEER_PENDING_MAX (1024 * 1024)
#define WAITING_ENVELOPES_MAX 1024 /* per document, what lacks a dependency */
#define WAITING_BYTES_MAX (4u * 1024 * 1024)
/* Per document, and of it for each device to whom they are laid: what had no
 * effect when it came, and nothing that has rests on it. */
#define LEFTOVERS_MAX 4096
#define LEFTOVERS_BYTES_MAX (64u * 1024 * 1024)
#define LEFTOVERS_AUTHOR_MAX 1024
#define LEFTOVERS_AUTHOR_BYTES_MAX (16u * 1024 * 1024)
/* How long more are taken because a member builds on them. */
#define LEFTOVERS_WANTED_MS 120000

/* A relay.  Of an account: what it may have whatever its quota, as each is a
 * small record in a database that all accounts share. */
#define RELAY_TOPICS_MAX 65536
#define RELAY_ACCOUNT_SLOTS_MAX 1024
#define RELAY_INVITATIONS_MAX 1024
/* Of a session: topics that are open, a few hundred bytes each; authors it has
 * named in all of them; credentials that were wrong. */
#define RELAY_OPEN_MAX 16384
#define RELAY_AUTHORS_MAX 65536
#define RELAY_REFUSALS_MAX 256
#define RELAY_STRANGERS_MAX 64 /* sessions that showed nothing yet */
#define RELAY_STRANGER_MS 10000
#define RELAY_STRANGER_BYTES_MAX (64 * 1024)
/* Records that are read for a session, and by how many more each second; by the
 * device for the relay, too. */
#define RELAY_WORK_MAX (2u * 1024 * 1024)
#define RELAY_WORK_SECOND 50000
/* Acknowledgements it keeps of a topic, and the greatest of them: a few more
 * devices than say so in one document (ACK_PASS_DEVICES_MAX). */
#define RELAY_ACKS_MAX 64
#define RELAY_ACK_MAX (4 * 1024)
/* Databases of accounts that stay open when nothing is done in them. */
#define RELAY_VAULTS_MAX 32
/* What an envelope counts beside its bytes: its records in the indexes. */
#define RELAY_ENVELOPE_COST 512
/* Below this much room on the disk nothing more is taken. */
#define RELAY_DISK_MIN (256ull * 1024 * 1024)

/* Control socket. */
#define CONTROL_LINE_MAX (1024 * 1024)
#define CONTROL_CLIENTS_MAX 32
#define LK_NAME_MAX 255     /* names of documents, devices, people */
#define PASSPHRASE_MAX 1024 /* of the identity file: a line of a file */
#define TICKETS_MAX 32
#define REDEEMS_MAX 32 /* tickets of others that wait for an answer */
#define TICKET_USES_MAX 1000
/* Pairing by code: shown at once, how long, and the tries that may break off
 * before anything was confirmed. */
#define CODES_MAX 8
#define CODE_LASTS_MS (5 * 60 * 1000)
#define CODE_RUNS_MAX 8
#define SPAN_DAYS_MAX 366 /* how long a ticket is good, or a command waits */
#define SPAN_MS_MAX (SPAN_DAYS_MAX * INT64_C(86400000))

#endif
