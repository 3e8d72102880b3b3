/*
 * s3_xml.h - the two answers of object stores that are read: a list of objects,
 * and an error.  As much of XML as they are written in, and no more: elements
 * with attributes that are passed over, text, the five entities and characters
 * by number, a declaration, comments.  A document type, CDATA, processing
 * instructions inside, depth over XML_DEPTH_MAX or a text over XML_TEXT_MAX
 * bytes is MALFORMED.  No state, no allocation that grows; any thread.
 */
#ifndef NET_S3_XML_H
#define NET_S3_XML_H

#include "base/object.h"

#define XML_DEPTH_MAX 8
#define XML_PATH_MAX 256
#define XML_TEXT_MAX 3072 /* of a key: 1,024 bytes */
/* A thousand names with all that stores say of each. */
#define S3_LIST_MAX (4u * 1024 * 1024)

/*
 * Goes through a document element by element, as each of them ends:
 *
 *	while (xml_next(&x))  x.path "Error/Code", x.text what it held
 *
 * and afterwards says whether all was well.  An element that has others in it
 * has no text.
 */
struct xml {
	struct bytes left;
	char path[XML_PATH_MAX];
	char text[XML_TEXT_MAX + 1]; /* no NUL inside */
	size_t depth, lens[XML_DEPTH_MAX], text_len;
	bool inner; /* the last thing was the end of an element */
	bool failed, ended, closing;
};
void xml_init(struct xml *, struct bytes);
bool xml_next(struct xml *);
LK_MUST_USE lk_err xml_err(const struct xml *);

struct s3_error {
	char code[64], message[128], region[64]; /* "": not said */
};
/* What can be read of it; all "" when it is none. */
void s3_error_parse(struct s3_error *, struct bytes);

/* One page. */
struct s3_page {
	struct object_entry *entries; /* OBJECT_LIST_MAX, the caller's */
	size_t entries_len;
	bool more;
	char last[XML_TEXT_MAX + 1]; /* the greatest key of all, or "" */
};
/*
 * Takes from a list those keys that are `prefix` and then the name of an
 * object that the request, a LIST, is of; in the order of bytes, each once.
 * MALFORMED; LIMIT with over OBJECT_LIST_MAX of them.
 */
LK_MUST_USE lk_err s3_page_parse(struct s3_page *, struct bytes,
    const char *prefix, const struct object_request *);

#endif
