/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/network.h"
#include "tests/support/test.h"

#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static PlLoop *loop;
static PlNetwork *network;
static guint changes;

static void
on_change (gpointer user, PlNetworkNews news)
{
  changes += news == PL_NETWORK_CHANGED;
}

static void
wait_for (const guint *counter, guint value)
{
  while (*counter < value)
    g_main_context_iteration (NULL, TRUE);
}

/* A network of the test's own, in which only the loopback is, and that is down. */
static gboolean
enter_network (void)
{
  return unshare (CLONE_NEWNET) == 0 || unshare (CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

static void
set_loopback (gboolean up)
{
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = { .ifr_flags = up ? IFF_UP : 0 };

  g_strlcpy (request.ifr_name, "lo", sizeof request.ifr_name);
  ck_assert_int_eq (ioctl (fd, SIOCSIFFLAGS, &request), 0);
  close (fd);
}

static void
open_all (void)
{
  changes = 0;
  loop = pl_loop_new (NULL);
  network = pl_network_new (loop, on_change, NULL);
}

static void
close_all (void)
{
  pl_network_free (network);
  pl_loop_free (loop);
}

START_TEST (an_address_that_comes_or_goes_is_told)
{
  if (!enter_network ())
    return; /* not allowed here */
  open_all ();
  ck_assert_uint_eq (g_strv_length ((char **) pl_network_addresses (network)), 0);
  set_loopback (TRUE);
  wait_for (&changes, 1);
  ck_assert (g_strv_contains (pl_network_addresses (network), "127.0.0.1"));
  set_loopback (FALSE);
  while (g_strv_contains (pl_network_addresses (network), "127.0.0.1"))
    wait_for (&changes, changes + 1);
  close_all ();
}
END_TEST

static void
count (gpointer data)
{
  ++*(guint *) data;
}

START_TEST (a_process_that_stood_still_is_told)
{
  guint fired = 0, late = 0;
  PlTimer *timer = NULL;
  gint64 start = g_get_monotonic_time ();

  loop = pl_loop_new (NULL);
  pl_loop_set_late (loop, 1000, count, &late);
  pl_env_arm (pl_loop_env (loop), &timer, 0, count, &fired);
  while (g_get_monotonic_time () - start < 2000)
    ;
  wait_for (&fired, 1);
  ck_assert_uint_eq (late, 1);
  pl_loop_free (loop);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("network");
  TCase *tcase = tcase_create ("network");

  tcase_add_test (tcase, an_address_that_comes_or_goes_is_told);
  tcase_add_test (tcase, a_process_that_stood_still_is_told);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
