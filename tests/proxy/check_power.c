/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/power.h"
#include "tests/support/test.h"

/* UPower and NetworkManager are played on a bus of the test's own. */

static GTestDBus *dbus;
static GDBusConnection *ours, *theirs;
static gboolean on_battery;
static guint32 metered;
static guint changes;

static const char upower_xml[] = "<node><interface name='org.freedesktop.UPower'>"
                                 "<property name='OnBattery' type='b' access='read'/></interface></node>";
static const char manager_xml[] = "<node><interface name='org.freedesktop.NetworkManager'>"
                                  "<property name='Metered' type='u' access='read'/></interface></node>";

static GVariant *
get_property (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *name,
              GError **error, gpointer user)
{
  return g_str_equal (name, "OnBattery") ? g_variant_new_boolean (on_battery) : g_variant_new_uint32 (metered);
}

static void
play (const char *xml, const char *name, const char *path)
{
  static const GDBusInterfaceVTable table = { .get_property = get_property };
  g_autoptr (GDBusNodeInfo) info = g_dbus_node_info_new_for_xml (xml, NULL);

  ck_assert_uint_gt (g_dbus_connection_register_object (theirs, path, info->interfaces[0], &table, NULL, NULL, NULL), 0);
  g_bus_own_name_on_connection (theirs, name, G_BUS_NAME_OWNER_FLAGS_NONE, NULL, NULL, NULL, NULL);
}

static void
tell (const char *interface, const char *path, const char *name)
{
  GVariantBuilder changed;

  g_variant_builder_init (&changed, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&changed, "{sv}", name, get_property (NULL, NULL, NULL, NULL, name, NULL, NULL));
  g_dbus_connection_emit_signal (theirs, NULL, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                 g_variant_new ("(sa{sv}as)", interface, &changed, NULL), NULL);
}

static GDBusConnection *
connect_to (const char *address)
{
  return g_dbus_connection_new_for_address_sync (
    address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL, NULL);
}

static void
setup (void)
{
  dbus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (dbus);
  ours = connect_to (g_test_dbus_get_bus_address (dbus));
  theirs = connect_to (g_test_dbus_get_bus_address (dbus));
  ck_assert (ours && theirs);
  on_battery = FALSE;
  metered = 0;
  changes = 0;
}

static void
teardown (void)
{
  g_clear_object (&ours);
  g_clear_object (&theirs);
  g_test_dbus_stop (dbus);
  g_clear_object (&dbus);
}

static void
on_change (gpointer user, gboolean saving)
{
  changes++;
}

static void
run_until (PlPower *power, gboolean saving)
{
  gint64 end = g_get_monotonic_time () + 5 * G_USEC_PER_SEC;

  while (pl_power_saving (power) != saving && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  ck_assert_int_eq (pl_power_saving (power), saving);
}

START_TEST (battery_and_metered_networks_are_noticed_when_they_come_and_go)
{
  g_autoptr (PlPower) power = pl_power_new (ours, on_change, NULL);

  ck_assert (!pl_power_saving (power));
  on_battery = TRUE;
  play (upower_xml, "org.freedesktop.UPower", "/org/freedesktop/UPower"); /* it comes later than we */
  run_until (power, TRUE);
  on_battery = FALSE;
  tell ("org.freedesktop.UPower", "/org/freedesktop/UPower", "OnBattery");
  run_until (power, FALSE);
  metered = 3;
  play (manager_xml, "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager");
  run_until (power, TRUE);
  metered = 4;
  tell ("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", "Metered");
  run_until (power, FALSE);
  ck_assert_uint_eq (changes, 4);
}
END_TEST

START_TEST (it_may_be_freed_while_it_still_asks)
{
  PlPower *power = pl_power_new (ours, on_change, NULL);

  pl_power_free (power);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  ck_assert_uint_eq (changes, 0);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("proxy");
  TCase *t = tcase_create ("power");
  g_autofree char *daemon = g_find_program_in_path ("dbus-daemon");

  tcase_add_checked_fixture (t, setup, teardown);
  tcase_set_timeout (t, 20);
  suite_add_tcase (s, t);
  if (!daemon)
    {
      g_print ("# no dbus-daemon: not tested\n");
      return s;
    }
  tcase_add_test (t, battery_and_metered_networks_are_noticed_when_they_come_and_go);
  tcase_add_test (t, it_may_be_freed_while_it_still_asks);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
