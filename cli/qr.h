/*
 * qr.h - a text as a QR code in the terminal, for a camera.
 */
#ifndef CLI_QR_H
#define CLI_QR_H

#include "cli/output.h"

/* Prints it in half-line blocks, light on dark, with the margin that readers
 * need.  Letters become capitals.  False, with nothing printed, when it is too
 * long for one, or without memory. */
bool qr_print(struct output *, const char *text);

#endif
