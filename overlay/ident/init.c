/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/ident/identity.h"

#include <glib.h>

/* GnuTLS reads the variable at its first handshake, not when it is loaded (tested in
 * tests/overlay/check_ident_keylog.c), so main is early enough. */
void
pl_ident_init (void)
{
#ifndef PL_ENABLE_KEYLOG
  g_unsetenv ("SSLKEYLOGFILE");
#endif
}
