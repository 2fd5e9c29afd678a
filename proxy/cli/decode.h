/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline decode`: a RELOAD message from standard input as JSON on standard output.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_DECODE_MALFORMED 1  /* not a message, or another overlay's */
#define PL_DECODE_UNTRUSTED 2  /* signature missing, SHA-1 or bad, or certificate not trusted */
#define PL_DECODE_USAGE 64     /* options that can't be, or a file that can't be read */

/* argv[0] is the command's name. Returns the exit code; reasons go to standard error. */
int pl_cli_decode (int argc, char **argv);

G_END_DECLS
