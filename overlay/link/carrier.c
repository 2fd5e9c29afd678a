/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/carrier.h"

struct PlCarrier {
  const PlCarrierFuncs *funcs;
  gpointer impl;
  PlCarrierInfo info;
  const PlCarrierHandlers *handlers; /* NULL: none */
  gpointer user;
  guint over : 1;  /* closed by us or lost */
  guint refs : 31; /* the owner's, and one for each delivery under way */
};

static void
carrier_unref (PlCarrier *carrier)
{
  if (--carrier->refs == 0)
    g_free (carrier);
}

PlCarrier *
pl_carrier_new (const PlCarrierFuncs *funcs, gpointer impl, const PlCarrierInfo *info)
{
  PlCarrier *carrier = g_new0 (PlCarrier, 1);

  carrier->refs = 1;
  carrier->funcs = funcs;
  carrier->impl = impl;
  carrier->info = *info;
  carrier->info.description = g_ref_string_new_intern (info->description ? info->description : "");
  if (info->cert)
    pl_cert_ref (info->cert);
  return carrier;
}

void
pl_carrier_free (PlCarrier *carrier)
{
  if (!carrier)
    return;
  pl_carrier_close (carrier);
  carrier->funcs->free (carrier->impl);
  g_clear_pointer (&carrier->info.cert, pl_cert_unref);
  g_clear_pointer (&carrier->info.description, g_ref_string_release);
  carrier_unref (carrier);
}

const PlCarrierInfo *
pl_carrier_info (const PlCarrier *carrier)
{
  return &carrier->info;
}

void
pl_carrier_set_handlers (PlCarrier *carrier, const PlCarrierHandlers *handlers, gpointer user)
{
  carrier->handlers = handlers;
  carrier->user = user;
}

gboolean
pl_carrier_send (PlCarrier *carrier, const guint8 *data, gsize len)
{
  if (carrier->over || len == 0 || len > carrier->info.max_record)
    return FALSE;
  return carrier->funcs->send (carrier->impl, data, len);
}

void
pl_carrier_close (PlCarrier *carrier)
{
  if (carrier->over)
    return;
  carrier->over = TRUE;
  carrier->funcs->close (carrier->impl);
}

gboolean
pl_carrier_deliver (PlCarrier *carrier, const guint8 *data, gsize len)
{
  gboolean over;

  if (carrier->over)
    return FALSE;
  if (!carrier->handlers)
    return TRUE;
  carrier->refs++;
  carrier->handlers->record (carrier->user, data, len);
  over = carrier->over;
  carrier_unref (carrier);
  return !over;
}

void
pl_carrier_set_description (PlCarrier *carrier, const char *description)
{
  g_ref_string_release (carrier->info.description);
  carrier->info.description = g_ref_string_new_intern (description);
}

void
pl_carrier_lost (PlCarrier *carrier, const GError *error)
{
  if (carrier->over)
    return;
  carrier->over = TRUE;
  if (carrier->handlers)
    carrier->handlers->closed (carrier->user, error);
}
