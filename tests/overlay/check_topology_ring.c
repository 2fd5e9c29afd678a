/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The ring as data.
 */
#include "config.h"

#include "overlay/topology/chord/ring.h"

#include "tests/support/test.h"

static PlNodeId
node (guint8 first)
{
  PlNodeId id = { { 0 } };

  id.b[0] = first;
  return id;
}

static PlRing *
ring_of (guint8 self, const guint8 *others, guint n)
{
  PlNodeId id = node (self);
  PlRing *ring = pl_ring_new (&id);

  for (guint i = 0; i < n; i++)
    {
      id = node (others[i]);
      ck_assert (pl_ring_add (ring, &id));
    }
  return ring;
}

START_TEST (ring_is_responsible_from_predecessor_to_itself) /* 238 */
{
  const guint8 others[] = { 0x20, 0x90, 0xe0 };
  g_autoptr (PlRing) ring = ring_of (0x50, others, 3);
  PlNodeId self = node (0x50), above = node (0x51), at = node (0x20), between = node (0x21);

  ck_assert (pl_ring_owns (ring, &self));
  ck_assert (pl_ring_owns (ring, &between));
  ck_assert (!pl_ring_owns (ring, &at));
  ck_assert (!pl_ring_owns (ring, &above));
  ck_assert (!pl_ring_add (ring, &self)); /* 266 */
}
END_TEST

START_TEST (ring_alone_owns_everything)
{
  g_autoptr (PlRing) ring = ring_of (0x50, NULL, 0);
  PlNodeId any = node (0xff);

  ck_assert (pl_ring_owns (ring, &any));
  ck_assert (pl_ring_keeps (ring, &any));
}
END_TEST

START_TEST (ring_routes_to_the_largest_before_then_the_smallest_after) /* 240 */
{
  const guint8 others[] = { 0x60, 0x70, 0x90, 0xe0 };
  g_autoptr (PlRing) ring = ring_of (0x50, others, 4);
  PlNodeId k = node (0x80), hops[4], exact = node (0x70), next = node (0x55);

  ck_assert_uint_eq (pl_ring_hops (ring, &k, hops, 4), 4);
  ck_assert_uint_eq (hops[0].b[0], 0x70);
  ck_assert_uint_eq (hops[1].b[0], 0x60);
  ck_assert_uint_eq (hops[2].b[0], 0x90);
  ck_assert_uint_eq (hops[3].b[0], 0xe0);
  pl_ring_hops (ring, &exact, hops, 1);
  ck_assert_uint_eq (hops[0].b[0], 0x70);
  pl_ring_hops (ring, &next, hops, 1);
  ck_assert_uint_eq (hops[0].b[0], 0x60);
}
END_TEST

START_TEST (ring_keeps_copies_of_two_predecessors) /* 267, 268 */
{
  const guint8 others[] = { 0x10, 0x20, 0x30, 0x40, 0x60 };
  g_autoptr (PlRing) ring = ring_of (0x50, others, 5);
  PlNodeId second = node (0x25), third = node (0x15);

  ck_assert (pl_ring_keeps (ring, &second));
  ck_assert (!pl_ring_keeps (ring, &third));
}
END_TEST

START_TEST (ring_wants_only_those_nearer_than_its_third_neighbours)
{
  const guint8 others[] = { 0x60, 0x70, 0x80, 0xa0, 0x20, 0x30, 0x40 };
  g_autoptr (PlRing) ring = ring_of (0x50, others, 7);
  PlNodeId near = node (0x75), far = node (0x90), before = node (0x25);

  ck_assert (pl_ring_wants (ring, &near, 3, 3));
  ck_assert (!pl_ring_wants (ring, &far, 3, 3));
  ck_assert (pl_ring_wants (ring, &before, 3, 3));
}
END_TEST

START_TEST (ring_has_as_many_neighbours_as_it_is_told) /* 257, RFC 7363 6.2 */
{
  const guint8 others[] = { 0x60, 0x70, 0x80, 0x90, 0xa0, 0x10, 0x20, 0x30, 0x40 };
  g_autoptr (PlRing) ring = ring_of (0x50, others, 9);
  PlNodeId third = node (0x80), fourth = node (0x90);

  ck_assert (pl_ring_is_neighbour (ring, &third) && !pl_ring_is_neighbour (ring, &fourth));
  pl_ring_set_breadth (ring, 4);
  ck_assert (pl_ring_is_neighbour (ring, &fourth));
  pl_ring_set_breadth (ring, 0);
  ck_assert_uint_eq (pl_ring_breadth (ring), 3); /* at least (10.7) */
  ck_assert (pl_ring_is_neighbour (ring, &third) && !pl_ring_is_neighbour (ring, &fourth));
  pl_ring_set_breadth (ring, 1000);
  ck_assert_uint_eq (pl_ring_breadth (ring), PL_RING_NEIGHBOURS_MAX);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay");
  TCase *c = tcase_create ("topology/ring");

  tcase_add_test (c, ring_is_responsible_from_predecessor_to_itself);
  tcase_add_test (c, ring_alone_owns_everything);
  tcase_add_test (c, ring_routes_to_the_largest_before_then_the_smallest_after);
  tcase_add_test (c, ring_keeps_copies_of_two_predecessors);
  tcase_add_test (c, ring_wants_only_those_nearer_than_its_third_neighbours);
  tcase_add_test (c, ring_has_as_many_neighbours_as_it_is_told);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
