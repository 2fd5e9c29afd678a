/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/power.h"

#include "base/log.h"

typedef struct {
  const char *name, *path, *property;
  gboolean (*says_yes) (GVariant *value);
} Question;

static gboolean
is_on_battery (GVariant *value)
{
  return g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN) && g_variant_get_boolean (value);
}

/* NMMetered: 1 yes, 2 no, 3 probably yes, 4 probably no. */
static gboolean
is_metered (GVariant *value)
{
  return g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32)
         && (g_variant_get_uint32 (value) == 1 || g_variant_get_uint32 (value) == 3);
}

static const Question questions[] = {
  { "org.freedesktop.UPower", "/org/freedesktop/UPower", "OnBattery", is_on_battery },
  { "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", "Metered", is_metered },
};

struct PlPower {
  GDBusProxy *proxies[G_N_ELEMENTS (questions)]; /* NULL: not there yet */
  GCancellable *cancellable;
  gboolean saving;
  void (*func) (gpointer user, gboolean saving);
  gpointer user;
};

static void
look (PlPower *power)
{
  gboolean saving = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    {
      g_autoptr (GVariant) value = NULL;

      if (power->proxies[i])
        value = g_dbus_proxy_get_cached_property (power->proxies[i], questions[i].property);
      saving = saving || (value && questions[i].says_yes (value));
    }
  if (saving == power->saving)
    return;
  power->saving = saving;
  pl_notice ("power", saving ? "on battery or a metered network: no peer for now" : "on mains and a free network again", NULL);
  power->func (power->user, saving);
}

static void
on_changed (GDBusProxy *proxy, GVariant *changed, GStrv invalidated, gpointer user)
{
  look (user);
}

static void
on_proxy (GObject *source, GAsyncResult *result, gpointer user)
{
  g_autoptr (GError) error = NULL;
  GDBusProxy *proxy = g_dbus_proxy_new_finish (result, &error);
  PlPower *power = user;

  if (!proxy) /* cancelled: `power` is gone */
    return;
  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    if (g_str_equal (g_dbus_proxy_get_name (proxy), questions[i].name))
      power->proxies[i] = proxy;
  g_signal_connect (proxy, "g-properties-changed", G_CALLBACK (on_changed), power);
  look (power);
}

static void
ask (PlPower *power, GDBusConnection *bus)
{
  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    g_dbus_proxy_new (bus, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, NULL, questions[i].name, questions[i].path,
                      questions[i].name, power->cancellable, on_proxy, power);
}

static void
on_bus (GObject *source, GAsyncResult *result, gpointer user)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, &error);

  if (bus)
    ask (user, bus);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    pl_info ("power", "no system bus, so nobody says whether this machine is on battery", "reason", error->message, NULL);
}

PlPower *
pl_power_new (GDBusConnection *bus, void (*func) (gpointer user, gboolean saving), gpointer user)
{
  PlPower *power = g_new0 (PlPower, 1);

  power->cancellable = g_cancellable_new ();
  power->func = func;
  power->user = user;
  if (bus)
    ask (power, bus);
  else
    g_bus_get (G_BUS_TYPE_SYSTEM, power->cancellable, on_bus, power);
  return power;
}

void
pl_power_free (PlPower *power)
{
  if (!power)
    return;
  g_cancellable_cancel (power->cancellable);
  g_object_unref (power->cancellable);
  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    if (power->proxies[i])
      {
        g_signal_handlers_disconnect_by_data (power->proxies[i], power);
        g_object_unref (power->proxies[i]);
      }
  g_free (power);
}

gboolean
pl_power_saving (PlPower *power)
{
  return power->saving;
}
