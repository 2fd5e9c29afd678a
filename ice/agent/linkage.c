/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/agent/agent.h"

#include <dlfcn.h>
#include <string.h>

gboolean
pl_ice_check_linkage (GError **error)
{
  void *symbol = dlsym (RTLD_DEFAULT, "stun_message_length");
  Dl_info info;

  if (symbol && dladdr (symbol, &info) && info.dli_fname && strstr (info.dli_fname, "libnice"))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               "this build is broken: libnice must be linked before sofia-sip (stun_message_length comes from %s)",
               symbol && dladdr (symbol, &info) ? info.dli_fname : "nowhere");
  return FALSE;
}
