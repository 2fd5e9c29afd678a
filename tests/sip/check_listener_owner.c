/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/owner.h"
#include "tests/support/test.h"

#include <netinet/in.h>
#include <unistd.h>

static int
open_at (const char *text, int type, PlAddress *address)
{
  socklen_t len = sizeof address->storage;
  int fd;

  ck_assert (pl_address_parse (text, address));
  fd = socket (address->storage.ss_family, type, 0);
  if (fd < 0 || bind (fd, (struct sockaddr *) &address->storage, address->len) < 0)
    return -1;
  ck_assert_int_eq (getsockname (fd, (struct sockaddr *) &address->storage, &len), 0);
  return fd;
}

/* 1: as on kernels without sock_diag. */
static PlOwner *
owner_new (int i)
{
  PlOwner *owner = pl_owner_new ();

  if (i)
    pl_owner_use_proc (owner);
  return owner;
}

static void
check_udp (int i, const char *ours_text, const char *theirs_text)
{
  PlAddress ours, theirs;
  g_autoptr (PlOwner) owner = owner_new (i);
  int a = open_at (ours_text, SOCK_DGRAM, &ours), b = open_at (theirs_text, SOCK_DGRAM, &theirs);
  uid_t uid = -1;

  if (a < 0 || b < 0)
    return; /* no IPv6 here */
  ck_assert (pl_owner_lookup (owner, IPPROTO_UDP, &ours, &theirs, &uid));
  ck_assert_uint_eq (uid, getuid ());
  close (b);
  ck_assert (!pl_owner_lookup (owner, IPPROTO_UDP, &ours, &theirs, &uid));
  close (a);
}

/* FACTS: the natural order of addresses would find our own socket and always pass. */
START_TEST (owner_finds_the_sender_of_a_datagram)
{
  check_udp (_i, "127.0.0.1:0", "127.0.0.1:0");
  check_udp (_i, "[::1]:0", "[::1]:0");
}
END_TEST

START_TEST (owner_finds_the_other_end_of_a_connection)
{
  PlAddress ours, theirs;
  g_autoptr (PlOwner) owner = owner_new (_i);
  int a = open_at ("127.0.0.1:0", SOCK_STREAM, &ours), b = open_at ("127.0.0.1:0", SOCK_STREAM, &theirs);
  uid_t uid = -1;

  ck_assert_int_eq (listen (a, 1), 0);
  ck_assert_int_eq (connect (b, (struct sockaddr *) &ours.storage, ours.len), 0);
  ck_assert (pl_owner_lookup (owner, IPPROTO_TCP, &ours, &theirs, &uid));
  ck_assert_uint_eq (uid, getuid ());
  close (b);
  close (a);
}
END_TEST

START_TEST (owner_of_nobody_is_refused)
{
  PlAddress ours, theirs;
  g_autoptr (PlOwner) owner = owner_new (_i);
  int a = open_at ("127.0.0.1:0", SOCK_DGRAM, &ours);
  uid_t uid;

  ck_assert (pl_address_parse ("127.0.0.1:1", &theirs));
  ck_assert (!pl_owner_lookup (owner, IPPROTO_UDP, &ours, &theirs, &uid));
  ck_assert (!pl_owner_lookup (owner, IPPROTO_TCP, &ours, &theirs, &uid));
  close (a);
}
END_TEST

/* A phone bound everywhere, or to IPv6 and speaking IPv4, is found; our own port is no sender. */
START_TEST (owner_in_tables_is_who_could_have_sent_it)
{
  PlAddress ours, wild, sender;
  g_autoptr (PlOwner) owner = owner_new (1);
  int a = open_at ("127.0.0.1:0", SOCK_DGRAM, &ours), b = open_at ("[::]:0", SOCK_DGRAM, &wild);
  uid_t uid;

  ck_assert (pl_address_parse ("127.0.0.1:0", &sender));
  if (b >= 0)
    {
      pl_address_set_port (&sender, pl_address_port (&wild));
      ck_assert (pl_owner_lookup (owner, IPPROTO_UDP, &ours, &sender, &uid));
      ck_assert_uint_eq (uid, getuid ());
      close (b);
      ck_assert (!pl_owner_lookup (owner, IPPROTO_UDP, &ours, &sender, &uid));
    }
  close (a);
}
END_TEST

/* FACTS: another user who shares the port may be the sender as well. */
START_TEST (owner_in_tables_of_two_users_is_nobody)
{
  PlAddress ours, theirs;
  g_autoptr (PlOwner) owner = owner_new (1);
  int one = 1, a = open_at ("127.0.0.1:0", SOCK_DGRAM, &ours), b, c;
  uid_t uid;

  if (getuid () != 0)
    {
      close (a);
      return; /* takes a second user */
    }
  ck_assert (pl_address_parse ("127.0.0.1:0", &theirs));
  b = socket (AF_INET, SOCK_DGRAM, 0);
  setsockopt (b, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  ck_assert_int_eq (bind (b, (struct sockaddr *) &theirs.storage, theirs.len), 0);
  ck_assert_int_eq (getsockname (b, (struct sockaddr *) &theirs.storage, &theirs.len), 0);
  ck_assert (pl_owner_lookup (owner, IPPROTO_UDP, &ours, &theirs, &uid));
  if (seteuid (65534) == 0)
    {
      c = socket (AF_INET, SOCK_DGRAM, 0);
      ck_assert_int_eq (seteuid (0), 0);
      setsockopt (c, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
      ck_assert_int_eq (bind (c, (struct sockaddr *) &theirs.storage, theirs.len), 0);
      ck_assert (!pl_owner_lookup (owner, IPPROTO_UDP, &ours, &theirs, &uid));
      close (c);
    }
  close (b);
  close (a);
}
END_TEST

START_TEST (address_reads_and_writes_both_families)
{
  static const char *const good[] = { "127.0.0.1:5080", "[::1]:5080", "10.99.0.2:0" };
  static const char *const bad[] = { "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:5080", "[::1:5080", "host:1", "[127.0.0.1]:1" };
  PlAddress address;

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *text = NULL;

      ck_assert (pl_address_parse (good[i], &address));
      text = pl_address_dup_text (&address);
      ck_assert_str_eq (text, good[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    ck_assert_msg (!pl_address_parse (bad[i], &address), "%s", bad[i]);
  ck_assert (pl_address_parse ("[::1]:1", &address) && pl_address_is_loopback (&address));
  ck_assert (pl_address_parse ("10.0.0.1:1", &address) && !pl_address_is_loopback (&address));
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("sip");
  TCase *c = tcase_create ("listener/owner");

  tcase_add_loop_test (c, owner_finds_the_sender_of_a_datagram, 0, 2);
  tcase_add_loop_test (c, owner_finds_the_other_end_of_a_connection, 0, 2);
  tcase_add_loop_test (c, owner_of_nobody_is_refused, 0, 2);
  tcase_add_test (c, owner_in_tables_is_who_could_have_sent_it);
  tcase_add_test (c, owner_in_tables_of_two_users_is_nobody);
  tcase_add_test (c, address_reads_and_writes_both_families);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
