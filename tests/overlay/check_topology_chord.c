/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/ident/aor.h"
#include "overlay/topology/chord/tune.h"
#include "overlay/topology/topology.h"
#include "overlay/wire/body.h"
#include "overlay/wire/message.h"
#include "overlay/wire/routing.h"
#include "base/universe.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#include <string.h>

/* One plug-in with a host that only writes down what it was told. */

static PlNodeId
node (guint8 first)
{
  PlNodeId id = { { 0 } };

  id.b[0] = first;
  return id;
}

static PlUniverse *universe;
static PlTestPki *pki;
static PlEnv *env;
static PlTrust *trust;
static PlStore *store;
static PlTopology *topology;
static PlTopologyTarget attached[16];
static guint n_attached, n_requests[0x30], n_disconnected;
static PlTopologyState state;
static PlNodeId self;
static gboolean answers_pings, refuses_copies;
static gint is_there;            /* a node that is pinged by its Node-ID answers; below 0: does not */
static guint n_updates[4];       /* by type */
static guint n_updates_to[256];  /* by first octet */
static gint probes_say;          /* uptime of whoever is probed, 0: no answer */
static const PlSelfTuningData *probes_tell;
static guint n_searched[129];    /* places that were pinged, by finger */
static guint fingers;            /* of the next topology, 0: default */
static guint finger_split;
static gboolean strict_hops;
static const PlNodeId *silent; /* whose link does not answer */

static void
tell (const PlNodeId *from, const PlSelfTuningData *data, guint cut)
{
  g_autoptr (GArray) list = pl_message_extension_list_new ();
  g_autoptr (GBytes) whole = NULL, contents = NULL;
  g_auto (PlWriter) writer;

  pl_writer_init (&writer);
  pl_self_tuning_data_write (&writer, data);
  whole = pl_writer_finish (&writer);
  contents = g_bytes_new_from_bytes (whole, 0, g_bytes_get_size (whole) - cut);
  pl_message_extension_list_add (list, PL_EXTENSION_SELF_TUNING, contents);
  pl_topology_on_extensions (topology, from, list);
}

static void
answer_probe (const PlNodeId *from, PlTopologyDone done, gpointer data)
{
  g_auto (PlProbeAns) answer = { g_array_new (FALSE, TRUE, sizeof (PlProbeInformation)) };
  g_autoptr (GBytes) body = NULL;

  if (probes_tell)
    tell (from, probes_tell, 0);
  pl_probe_ans_add (&answer, PL_PROBE_UPTIME, (guint32) probes_say);
  body = pl_body_write (pl_body_type (PL_MESSAGE_PROBE_ANS), &answer);
  done (data, 0, from, body);
}

static void
host_request (gpointer user, const PlTopologyRequest *request, PlTopologyDone done, gpointer data, GDestroyNotify destroy)
{
  if (request->code < G_N_ELEMENTS (n_requests))
    n_requests[request->code]++;
  if (request->code == PL_MESSAGE_PROBE_REQ && probes_say)
    answer_probe (&request->target.id, done, data);
  if (request->code == PL_MESSAGE_UPDATE_REQ)
    n_updates_to[request->target.id.b[0]]++;
  if (request->code == PL_MESSAGE_UPDATE_REQ)
    n_updates[((const guint8 *) g_bytes_get_data (request->body, NULL))[4] % G_N_ELEMENTS (n_updates)]++;
  if (request->code == PL_MESSAGE_PING_REQ && !request->target.is_place && is_there)
    done (data, is_there > 0 ? 0 : PL_TOPOLOGY_NO_ANSWER, &request->target.id, NULL);
  if (request->code == PL_MESSAGE_STORE_REQ && refuses_copies)
    done (data, PL_ERROR_FORBIDDEN, NULL, NULL);
  if (request->code == PL_MESSAGE_PING_REQ && request->target.is_place && answers_pings)
    {
      PlNodeId offset = pl_node_id_sub (&request->target.id, &self);
      guint i = 1;

      while (i < 128 && !(offset.b[(i - 1) / 8] & (0x80 >> (i - 1) % 8)))
        i++;
      n_searched[i]++;
      done (data, PL_ERROR_NOT_FOUND, NULL, NULL);
    }
  if (destroy)
    destroy (data);
}

static void
host_attach (gpointer user, const PlTopologyTarget *target, PlTopologyDone done, gpointer data, GDestroyNotify destroy)
{
  attached[n_attached++ % G_N_ELEMENTS (attached)] = *target;
  if (destroy)
    destroy (data);
}

static gint64
host_heard (gpointer user, const PlNodeId *id)
{
  return pl_universe_now (universe);
}

static gboolean
host_suspect (gpointer user, const PlNodeId *id)
{
  return silent && pl_node_id_equal (id, silent);
}

static void
host_disconnect (gpointer user, const PlNodeId *id)
{
  n_disconnected++;
}

static void
host_merge (gpointer user, const PlNodeId *from, const PlResourceId *resource)
{
}

static void
host_state (gpointer user, PlTopologyState now)
{
  state = now;
}

static void
host_range (gpointer user)
{
}

static void
setup (void)
{
  static const PlTopologyHost host = { host_request, host_attach, host_heard, host_suspect, host_disconnect, host_merge, host_state, host_range };
  PlTopologyConfig config = { .self = node (0x50) };

  universe = pl_universe_new (5);
  env = pl_universe_env (universe);
  pki = pl_test_pki_new (env);
  trust = pl_test_pki_trust (pki, env);
  store = pl_store_new (env, pl_test_pki_document (pki), trust, NULL, NULL);
  config.env = env;
  config.fingers = fingers;
  config.finger_split = finger_split;
  config.strict_hops = strict_hops;
  self = config.self;
  answers_pings = refuses_copies = FALSE;
  is_there = 0;
  probes_say = 0;
  probes_tell = NULL;
  memset (n_updates, 0, sizeof n_updates);
  memset (n_searched, 0, sizeof n_searched);
  config.document = pl_test_pki_document (pki);
  config.store = store;
  n_attached = n_disconnected = 0;
  memset (n_requests, 0, sizeof n_requests);
  state = PL_TOPOLOGY_OUTSIDE;
  silent = NULL;
  ck_assert_ptr_null (pl_topology_find ("NO-SUCH-TOPOLOGY"));
  topology = pl_topology_new (pl_topology_find ("CHORD-RELOAD"), &config, &host, NULL); /* 237 */
}

static void
teardown (void)
{
  pl_topology_free (topology);
  pl_store_free (store);
  pl_trust_free (trust);
  pl_test_pki_free (pki);
  pl_universe_free (universe);
}

static guint16
update_of (const PlNodeId *from, const PlNodeId *predecessor, const guint8 *successors, guint n)
{
  g_auto (PlChordUpdate) update = { .type = PL_CHORD_UPDATE_NEIGHBORS };
  g_autoptr (GBytes) body = NULL, answer = NULL;

  if (predecessor)
    {
      update.predecessors = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
      g_array_append_vals (update.predecessors, predecessor, 1);
    }
  update.successors = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  for (guint i = 0; i < n; i++)
    {
      PlNodeId id = node (successors[i]);

      g_array_append_val (update.successors, id);
    }
  body = pl_body_write (pl_body_type (PL_MESSAGE_UPDATE_REQ), &update);
  return pl_topology_handle (topology, PL_MESSAGE_UPDATE_REQ, from, from, body, &answer);
}

static guint16
update_from (const PlNodeId *from, const guint8 *successors, guint n)
{
  return update_of (from, NULL, successors, n);
}

START_TEST (node_outside_attaches_to_the_place_after_its_own) /* 244, 343 */
{
  PlNodeId boot = node (0x90);

  pl_topology_link_up (topology, &boot);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_attached, 1);
  ck_assert (attached[0].is_place);
  ck_assert_uint_eq (attached[0].id.b[0], 0x50);
  ck_assert_uint_eq (attached[0].id.b[15], 1);
  ck_assert_int_eq (state, PL_TOPOLOGY_OUTSIDE);
}
END_TEST

START_TEST (first_node_owns_everything_and_answers_join_only_from_its_own_link) /* 278, 281 */
{
  PlNodeId joiner = node (0x90), liar = node (0xa0), place = node (0x77);
  PlJoinReq join = { .joining_peer_id = joiner };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_JOIN_REQ), &join);
  g_autoptr (GBytes) answer = NULL;

  pl_topology_start_ring (topology);
  ck_assert_int_eq (state, PL_TOPOLOGY_JOINED);
  ck_assert (pl_topology_responsible (topology, &place));
  pl_topology_link_up (topology, &joiner);
  pl_topology_link_up (topology, &liar);
  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_JOIN_REQ, &liar, &liar, body, &answer), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_JOIN_REQ, &joiner, &liar, body, &answer), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_JOIN_REQ, &joiner, &joiner, body, &answer), 0);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert (!pl_topology_responsible (topology, &place)); /* 247: the joiner's now */
  ck_assert_uint_ge (n_requests[PL_MESSAGE_UPDATE_REQ], 3);
}
END_TEST

START_TEST (named_nodes_are_attached_to_through_the_namer_and_believed_only_themselves) /* S1-04, S1-34, S2-67, 254, 264, S1-12, S2-41 */
{
  PlNodeId namer = node (0x90), hop, place = node (0x75);
  const guint8 named[] = { 0x70 };

  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &namer);
  ck_assert_uint_eq (update_from (&namer, named, 1), 0);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_attached, 1);
  ck_assert_uint_eq (attached[0].id.b[0], 0x70);
  ck_assert (attached[0].has_via);
  ck_assert_uint_eq (attached[0].via.b[0], 0x90);
  ck_assert_uint_eq (pl_topology_hops (topology, &place, &hop, 1), 1);
  ck_assert_uint_eq (hop.b[0], 0x90);
}
END_TEST

START_TEST (update_over_another_link_or_of_a_stranger_is_forbidden) /* S1-04 */
{
  PlNodeId peer = node (0x90), other = node (0xa0);
  PlChordUpdate update = { .type = PL_CHORD_UPDATE_PEER_READY };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_UPDATE_REQ), &update);
  GBytes *answer = NULL;

  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &peer);
  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_UPDATE_REQ, &other, &other, body, &answer), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_UPDATE_REQ, &peer, &other, body, &answer), PL_ERROR_FORBIDDEN);
}
END_TEST

START_TEST (leave_of_a_neighbour_gives_its_range_back) /* 277, 283, 284 */
{
  PlNodeId peer = node (0x90), place = node (0x75);
  PlLeaveReq leave = { .leaving_peer_id = peer };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_LEAVE_REQ), &leave);
  PlNodeId other = node (0xa0);
  GBytes *answer = NULL;

  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &peer);
  update_from (&peer, NULL, 0);
  ck_assert (!pl_topology_responsible (topology, &place));
  pl_topology_link_up (topology, &other);
  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_LEAVE_REQ, &other, &peer, body, &answer), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_LEAVE_REQ, &other, &other, body, &answer), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_LEAVE_REQ, &peer, &other, body, &answer), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_LEAVE_REQ, &peer, &peer, body, &answer), 0);
  ck_assert (pl_topology_responsible (topology, &place));
}
END_TEST

static guint16
leave_naming (const PlNodeId *from, guint8 first, guint n)
{
  g_auto (PlChordLeaveData) data = { .type = PL_CHORD_LEAVE_FROM_SUCC };
  PlLeaveReq leave = { .leaving_peer_id = *from };
  g_auto (PlWriter) writer = { 0 };
  g_autoptr (GBytes) specific = NULL, body = NULL, answer = NULL;

  data.successors = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  for (guint i = 0; i < n; i++)
    {
      PlNodeId id = node (first + i);

      g_array_append_val (data.successors, id);
    }
  pl_writer_init (&writer);
  pl_chord_leave_data_write (&writer, &data);
  specific = pl_writer_finish (&writer);
  leave.overlay_specific_data = specific;
  body = pl_body_write (pl_body_type (PL_MESSAGE_LEAVE_REQ), &leave);
  return pl_topology_handle (topology, PL_MESSAGE_LEAVE_REQ, from, from, body, &answer);
}

/* S1-12, 283: the lists of one that leaves are hints as others are, and nobody's hints make us
 * attach to many. */
START_TEST (leave_makes_nobody_attach_to_far_nodes)
{
  const guint8 near[] = { 0x4d, 0x4e, 0x4f, 0x51, 0x52, 0x53, 0x90 };
  PlNodeId leaver = node (0x90), client = node (0x91);

  pl_topology_start_ring (topology);
  for (guint i = 0; i < G_N_ELEMENTS (near); i++)
    {
      PlNodeId id = node (near[i]);

      pl_topology_link_up (topology, &id);
      ck_assert_uint_eq (update_from (&id, NULL, 0), 0);
    }
  pl_topology_link_up (topology, &client);
  ck_assert_uint_eq (leave_naming (&client, 0x54, 32), 0);
  ck_assert_uint_eq (leave_naming (&leaver, 0x60, 32), 0);
  pl_universe_run (universe, 10 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_attached, 0);
}
END_TEST

START_TEST (one_that_names_many_does_not_hide_whom_others_name)
{
  PlNodeId liar = node (0x90), honest = node (0xa0);
  guint8 made_up[40];
  const guint8 real[] = { 0x8f };

  for (guint i = 0; i < G_N_ELEMENTS (made_up); i++)
    made_up[i] = 0x51 + i;
  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &liar);
  pl_topology_link_up (topology, &honest);
  ck_assert_uint_eq (update_from (&liar, made_up, G_N_ELEMENTS (made_up)), 0);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_le (n_attached, 4);
  n_attached = 0;
  ck_assert_uint_eq (update_from (&honest, real, 1), 0);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_attached, 1);
  ck_assert_uint_eq (attached[0].id.b[0], 0x8f);
}
END_TEST

START_TEST (lost_neighbour_leaves_the_table_and_the_others_are_told) /* 258, 260 */
{
  PlNodeId a = node (0x90), b = node (0xa0), place = node (0x95);
  guint before;

  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &a);
  pl_topology_link_up (topology, &b);
  update_from (&a, NULL, 0);
  update_from (&b, NULL, 0);
  pl_universe_run (universe, 5 * PL_USEC_PER_SEC);
  before = n_requests[PL_MESSAGE_UPDATE_REQ];
  pl_topology_link_down (topology, &b);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_gt (n_requests[PL_MESSAGE_UPDATE_REQ], before);
  ck_assert (pl_topology_responsible (topology, &place));
}
END_TEST

/* Most of those that are lost are dead: no Attach is repeated to them, unless they answer. */
START_TEST (lost_neighbour_is_attached_to_again_only_when_it_answers)
{
  PlNodeId a = node (0x90), b = node (0xa0);
  const guint8 stale[] = { 0xa0 };
  guint pings;

  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &a);
  update_from (&a, NULL, 0);
  for (guint round = 0; round < 2; round++)
    {
      is_there = round == 1 ? 1 : -1;
      pl_topology_link_up (topology, &b);
      update_from (&b, NULL, 0);
      pl_universe_run (universe, 60 * PL_USEC_PER_SEC);
      pings = n_requests[PL_MESSAGE_PING_REQ];
      n_attached = 0;
      pl_topology_link_down (topology, &b);
      pl_universe_run (universe, 5 * PL_USEC_PER_SEC);
      ck_assert_uint_eq (n_requests[PL_MESSAGE_PING_REQ], pings + 1);
      if (round == 0)
        update_from (&a, stale, 1); /* has not noticed yet */
      ck_assert_uint_eq (n_attached, round);
    }
}
END_TEST

/* 255, 265, 269: everybody hears of a change; those far away get lists when our range is another. */
START_TEST (far_peers_are_told_without_lists)
{
  const guint8 first[] = { 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x4f, 0x4e, 0x4d, 0x4c, 0x4b, 0x4a, 0x90, 0xd0 };
  PlNodeId client = node (0x99), next = node (0x50);

  pl_topology_start_ring (topology);
  for (guint i = 0; i < G_N_ELEMENTS (first); i++)
    {
      PlNodeId id = node (first[i]);

      pl_topology_link_up (topology, &id);
      update_from (&id, NULL, 0);
    }
  pl_topology_link_up (topology, &client);
  pl_universe_run (universe, 60 * PL_USEC_PER_SEC);
  memset (n_updates, 0, sizeof n_updates);
  next.b[1] = 1; /* the nearest of all */
  pl_topology_link_up (topology, &next);
  update_from (&next, NULL, 0);
  pl_universe_run (universe, 60 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_updates[PL_CHORD_UPDATE_PEER_READY], 2 + 1); /* 0x56 is the seventh now */
  ck_assert_uint_ge (n_updates[PL_CHORD_UPDATE_NEIGHBORS], 12 + 1);
  memset (n_updates, 0, sizeof n_updates);
  next = node (0x4f);
  next.b[1] = 1; /* our predecessor now */
  pl_topology_link_up (topology, &next);
  update_from (&next, NULL, 0);
  pl_universe_run (universe, 60 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_updates[PL_CHORD_UPDATE_PEER_READY], 0);
  ck_assert_uint_ge (n_updates[PL_CHORD_UPDATE_NEIGHBORS], 16 + 1);
}
END_TEST

START_TEST (only_peers_of_the_ring_may_bring_copies_and_only_of_what_we_keep) /* S2-50, 171, 267 */
{
  const guint8 ids[] = { 0x20, 0x28, 0x30, 0x40, 0x60, 0x70, 0x80 };
  PlNodeId peer = node (0x40), client = node (0x41), stranger = node (0x42);
  PlNodeId near = node (0x35), far = node (0x90);

  pl_topology_start_ring (topology);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      PlNodeId id = node (ids[i]);

      pl_topology_link_up (topology, &id);
      ck_assert_uint_eq (update_from (&id, NULL, 0), 0);
    }
  pl_topology_link_up (topology, &client);
  ck_assert (pl_topology_replica_ok (topology, &near, &peer));
  ck_assert (!pl_topology_replica_ok (topology, &far, &peer));
  ck_assert (!pl_topology_replica_ok (topology, &near, &client));
  ck_assert (!pl_topology_replica_ok (topology, &near, &stranger));
}
END_TEST

/* 182, 188: whoever is farther from the place than three peers we know can't hold a copy of it. */
START_TEST (copies_come_only_from_the_three_holders_or_nearer_ones)
{
  static const guint8 ids[] = { 0x10, 0x20, 0x30, 0x40, 0x60, 0x70 };
  PlNodeId mine = node (0x45), second = node (0x35), third = node (0x25), id;

  pl_topology_start_ring (topology);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      id = node (ids[i]);
      pl_topology_link_up (topology, &id);
      ck_assert_uint_eq (update_from (&id, NULL, 0), 0);
    }
  id = node (0x60); /* the holders of ours are we, 60 and 70 */
  ck_assert (pl_topology_replica_ok (topology, &mine, &id));
  id = node (0x70);
  ck_assert (pl_topology_replica_ok (topology, &mine, &id));
  ck_assert (!pl_topology_replica_ok (topology, &second, &id)); /* 40, we, 60 */
  id = node (0x40);
  ck_assert (!pl_topology_replica_ok (topology, &mine, &id)); /* before the place */
  ck_assert (pl_topology_replica_ok (topology, &second, &id));
  id = node (0x60);
  ck_assert (!pl_topology_replica_ok (topology, &third, &id)); /* 30, 40, we */
  id = node (0x30);
  ck_assert (pl_topology_replica_ok (topology, &third, &id));
}
END_TEST

/* What we hold a copy of goes straight to its peer; we stand in when that does not take it. */
START_TEST (place_we_hold_a_copy_of_goes_to_its_peer_and_then_to_us)
{
  static const guint8 ids[] = { 0x10, 0x20, 0x30, 0x40, 0x60, 0x70 };
  PlNodeId second = node (0x35), third = node (0x25), far = node (0x15), hops[8];

  pl_topology_start_ring (topology);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      PlNodeId id = node (ids[i]);

      pl_topology_link_up (topology, &id);
      update_from (&id, NULL, 0);
    }
  ck_assert_uint_eq (pl_topology_hops (topology, &second, hops, 8), 2);
  ck_assert_uint_eq (hops[0].b[0], 0x40);
  ck_assert_uint_eq (hops[1].b[0], 0x50);
  ck_assert_uint_eq (pl_topology_hops (topology, &third, hops, 8), 3);
  ck_assert_uint_eq (hops[0].b[0], 0x30);
  ck_assert_uint_eq (hops[2].b[0], 0x50);
  ck_assert_uint_eq (pl_topology_hops (topology, &far, hops, 8), 6);
  ck_assert_uint_eq (hops[0].b[0], 0x10);
}
END_TEST

static guint8
next_hop (guint8 to)
{
  PlNodeId place = node (to), hops[8];

  ck_assert_uint_gt (pl_topology_hops (topology, &place, hops, 8), 0);
  return hops[0].b[0];
}

static void
meet_nine_peers (void)
{
  static const guint8 ids[] = { 0x10, 0x20, 0x30, 0x40, 0x60, 0x70, 0x80, 0x90, 0xc0 };

  pl_topology_start_ring (topology);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      PlNodeId id = node (ids[i]);

      pl_topology_link_up (topology, &id);
      update_from (&id, NULL, 0);
    }
}

static void
ready_from (const PlNodeId *from)
{
  PlChordUpdate update = { .type = PL_CHORD_UPDATE_PEER_READY };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_UPDATE_REQ), &update), answer = NULL;

  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_UPDATE_REQ, from, from, body, &answer), 0);
}

/* Straight to whom a place belongs, when he said so and nobody we know lies between. */
START_TEST (place_goes_to_the_peer_that_said_its_range_holds_it)
{
  PlNodeId far = node (0xc0), before = node (0xa0), between = node (0xb0);

  meet_nine_peers ();
  ck_assert_uint_eq (next_hop (0xa8), 0x90);
  update_of (&far, &before, NULL, 0);
  ck_assert_uint_eq (next_hop (0xa8), 0xc0);
  ck_assert_uint_eq (next_hop (0xa0), 0x90); /* the one before it */
  pl_topology_link_up (topology, &between);
  update_from (&between, NULL, 0);
  ck_assert_uint_eq (next_hop (0xa8), 0x90); /* it has not told its range */
  ck_assert_uint_eq (next_hop (0xb8), 0xc0);
  ready_from (&far); /* nothing about its range is new */
  ck_assert_uint_eq (next_hop (0xb8), 0xc0);
  update_from (&far, NULL, 0);
  ck_assert_uint_eq (next_hop (0xb8), 0xb0);
}
END_TEST

START_TEST (place_goes_to_the_peer_before_it_where_the_rfc_is_followed_to_the_letter) /* 240 */
{
  PlNodeId far = node (0xc0), before = node (0xa0);

  teardown ();
  strict_hops = TRUE;
  setup ();
  strict_hops = FALSE;
  meet_nine_peers ();
  update_of (&far, &before, NULL, 0);
  ck_assert_uint_eq (next_hop (0xa8), 0x90);
}
END_TEST

/* 93, S2-08: a peer in between speaks against a claim while it answers; it is asked at once. */
START_TEST (claim_is_doubted_while_a_nearer_peer_answers)
{
  PlNodeId near = node (0x30), far = node (0x90), place = node (0x25), between = node (0x28);

  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &near);
  update_from (&near, NULL, 0);
  ck_assert (pl_topology_plausible (topology, &place, &near));
  ck_assert (pl_topology_plausible (topology, &place, &between));
  n_requests[PL_MESSAGE_PING_REQ] = 0;
  ck_assert (!pl_topology_plausible (topology, &place, &far));
  ck_assert_uint_eq (n_requests[PL_MESSAGE_PING_REQ], 1);
  silent = &near;
  ck_assert (pl_topology_plausible (topology, &place, &far));
}
END_TEST

static void
put_registration (void)
{
  g_autoptr (PlIdentity) alice = pl_test_pki_identity (pki, "alice@example.org", NULL);
  const PlNodeId *id = pl_identity_node_id (alice);
  g_auto (PlStoreReq) request = { 0 };
  g_auto (PlStoreAns) answer = { 0 };
  g_autoptr (GPtrArray) certs = g_ptr_array_new ();
  PlStoreKindData kind = { .kind = PL_KIND_SIP_REGISTRATION, .values = pl_stored_data_list_new () };
  PlStoredData data = { .storage_time = 1, .lifetime = 900 };
  GBytes *info = NULL;

  pl_aor_resource ("alice@example.org", &request.resource);
  data.value = (PlStoredDataValue) { PL_DATA_DICTIONARY, 0, g_bytes_new (id->b, sizeof id->b), { TRUE, g_bytes_new ("x", 1) } };
  pl_identity_sign_value (alice, &request.resource, kind.kind, &data, NULL);
  g_array_append_val (kind.values, data);
  request.kind_data = pl_store_kind_data_list_new ();
  g_array_append_val (request.kind_data, kind);
  g_ptr_array_add (certs, pl_cert_der (pl_identity_cert (alice)));
  ck_assert_uint_eq (pl_store_put (store, &request, pl_identity_cert (alice), id, certs, &answer, &info), 0);
}

/* 267, 188: the new holder may see the ring later than we do. */
START_TEST (refused_copy_is_offered_again_while_the_ring_settles)
{
  PlNodeId peer = node (0x60);
  guint n;

  put_registration ();
  pl_topology_start_ring (topology);
  refuses_copies = TRUE;
  pl_topology_link_up (topology, &peer);
  ck_assert_uint_eq (update_from (&peer, NULL, 0), 0);
  pl_universe_run (universe, 2 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_requests[PL_MESSAGE_STORE_REQ], 1);
  pl_universe_run (universe, 16 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_requests[PL_MESSAGE_STORE_REQ], 2);
  pl_universe_run (universe, 400 * PL_USEC_PER_SEC);
  n = n_requests[PL_MESSAGE_STORE_REQ];
  ck_assert_uint_le (n, 22);
  pl_universe_run (universe, 400 * PL_USEC_PER_SEC);
  ck_assert_uint_le (n_requests[PL_MESSAGE_STORE_REQ], n + 1); /* with the periodic look only */
}
END_TEST

/* 270: an Update to every neighbour about every ten minutes, though nothing changes. */
START_TEST (neighbours_are_told_about_every_ten_minutes)
{
  PlNodeId peer = node (0x60), far = node (0x41);
  guint before;

  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &peer);
  ck_assert_uint_eq (update_from (&peer, NULL, 0), 0);
  pl_topology_link_up (topology, &far); /* a client: not told */
  pl_universe_run (universe, 60 * PL_USEC_PER_SEC);
  before = n_requests[PL_MESSAGE_UPDATE_REQ];
  pl_universe_run (universe, 6000 * PL_USEC_PER_SEC);
  ck_assert_uint_ge (n_requests[PL_MESSAGE_UPDATE_REQ] - before, 8);
  ck_assert_uint_le (n_requests[PL_MESSAGE_UPDATE_REQ] - before, 13);
}
END_TEST

/* S2-43: who joins again and again is given its data once at a time. */
START_TEST (joins_during_a_transfer_start_no_other) /* S2-44 */
{
  PlNodeId joiner = node (0x4f);
  PlJoinReq join = { .joining_peer_id = joiner };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_JOIN_REQ), &join);

  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &joiner);
  put_registration ();
  for (guint i = 0; i < 6; i++)
    {
      g_autoptr (GBytes) answer = NULL;

      if (i == 5) /* it restarted */
        {
          ck_assert_uint_eq (n_requests[PL_MESSAGE_STORE_REQ], 1);
          pl_topology_link_up (topology, &joiner);
        }
      ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_JOIN_REQ, &joiner, &joiner, body, &answer), 0);
      pl_universe_run (universe, PL_USEC_PER_SEC / 10);
    }
  ck_assert_uint_eq (n_requests[PL_MESSAGE_STORE_REQ], 2);
}
END_TEST

static void
start_with_neighbours (void)
{
  PlNodeId id = self;

  pl_topology_start_ring (topology);
  for (guint i = 1; i <= 3; i++)
    {
      id.b[PL_NODE_ID_LEN - 1] = i; /* all successors are close: no finger is covered */
      pl_topology_link_up (topology, &id);
      ck_assert_uint_eq (update_from (&id, NULL, 0), 0);
    }
  answers_pings = TRUE;
}

/* 252, 271, 272: the joined node looks for every finger; later, once an hour at most and at random
 * places of the range, for invalid ones. */
START_TEST (fingers_are_searched_for_at_the_start_and_then_hourly)
{
  guint first, later;

  start_with_neighbours ();
  pl_universe_run (universe, 30 * PL_USEC_PER_SEC);
  for (guint i = 1; i <= 128; i++)
    ck_assert_uint_eq (n_searched[i] > 0, i <= 16);
  first = n_searched[1];
  memset (n_searched, 0, sizeof n_searched);
  pl_universe_run (universe, 40 * 3600 * PL_USEC_PER_SEC);
  later = n_searched[1] + n_searched[2] + n_searched[3];
  ck_assert_uint_ge (first, 1);
  ck_assert_uint_ge (later, 30);  /* half of 3 in 40 hours is 60 */
  ck_assert_uint_le (n_searched[1], 40);
}
END_TEST

START_TEST (finger_table_grows_as_far_as_it_is_told) /* 273 */
{
  teardown ();
  fingers = 100;
  setup ();
  fingers = 0;
  start_with_neighbours ();
  pl_universe_run (universe, 60 * PL_USEC_PER_SEC);
  for (guint i = 1; i <= 128; i++)
    ck_assert_uint_eq (n_searched[i] > 0, i <= 100);
}
END_TEST

START_TEST (finger_range_is_searched_in_as_many_parts_as_it_is_told)
{
  teardown ();
  finger_split = 2;
  setup ();
  finger_split = 0;
  start_with_neighbours ();
  pl_universe_run (universe, 60 * PL_USEC_PER_SEC);
  for (guint i = 1; i <= 16; i++)
    ck_assert_uint_eq (n_searched[i], 4);
  ck_assert_uint_eq (n_searched[17], 0);
}
END_TEST

START_TEST (route_query_names_the_next_peer) /* 275, 287 */
{
  PlNodeId a = node (0x90), place = node (0x80);
  PlResourceId resource;
  PlRouteQueryReq query = { 0 };
  g_autoptr (GBytes) body = NULL, answer = NULL;
  PlChordRouteQueryAns reply;

  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &a);
  update_from (&a, NULL, 0);
  pl_resource_id_from_node_id (&resource, &place);
  query.destination = pl_destination_resource (&resource);
  body = pl_body_write (pl_body_type (PL_MESSAGE_ROUTE_QUERY_REQ), &query);
  ck_assert_uint_eq (pl_topology_handle (topology, PL_MESSAGE_ROUTE_QUERY_REQ, &a, &a, body, &answer), 0);
  ck_assert_int_eq (pl_body_read (pl_body_type (PL_MESSAGE_ROUTE_QUERY_ANS), answer, NULL, NULL, &reply), PL_WIRE_OK);
  ck_assert (pl_node_id_equal (&reply.next_peer, &a));
}
END_TEST

/* Neighbours 0x20 to 0x40 and 0x58 to 0x70; the others can only be fingers. */
static const guint8 tuned_peers[] = { 0x20, 0x30, 0x40, 0x58, 0x60, 0x70, 0x90, 0xb0, 0xd0 };

static void
tuned_ring (gboolean tuned)
{
  PlDocument *document = pl_test_pki_document (pki);

  g_free (document->topology);
  document->topology = g_strdup (tuned ? PL_TOPOLOGY_SELF_TUNING : PL_TOPOLOGY_CHORD);
  pl_topology_set_document (topology, document);
  pl_topology_start_ring (topology);
  for (guint i = 0; i < G_N_ELEMENTS (tuned_peers); i++)
    {
      PlNodeId id = node (tuned_peers[i]);

      pl_topology_link_up (topology, &id);
      update_from (&id, NULL, 0);
    }
}

START_TEST (chord_that_does_not_tune_itself_asks_and_tells_nothing)
{
  const PlSelfTuningData much = { 1000, 86400000, 86400000 };
  PlTopologyTuning tuning;

  probes_say = 1;
  tuned_ring (FALSE);
  tell (&(PlNodeId) { { 0x58 } }, &much, 0);
  pl_universe_run (universe, 2000 * PL_USEC_PER_SEC);
  ck_assert (!pl_topology_tuning (topology, &tuning));
  ck_assert_ptr_null (pl_topology_dup_extensions (topology));
  ck_assert_uint_eq (n_requests[PL_MESSAGE_PROBE_REQ], 0);
}
END_TEST

/* RFC 7363 6.5, 6.6, 5.2: what fingers told counts in the next interval; then only the first of either
 * side get Updates. */
START_TEST (tuned_ring_asks_fingers_and_stabilises_as_often_as_they_say)
{
  const PlSelfTuningData data = { 1000, 0, 86400000 };
  g_autoptr (GArray) extensions = NULL;
  PlTopologyTuning tuning;
  guint before;

  probes_say = 200000;
  probes_tell = &data;
  tuned_ring (TRUE);
  pl_universe_run (universe, 200000 * PL_USEC_PER_SEC); /* all have grown old */
  extensions = pl_topology_dup_extensions (topology);
  ck_assert_ptr_nonnull (pl_message_extension_list_find (extensions, PL_EXTENSION_SELF_TUNING));
  ck_assert (pl_topology_tuning (topology, &tuning));
  ck_assert_double_eq (tuning.size, 1000);
  ck_assert_int_eq (tuning.interval, PL_TUNE_INTERVAL_MIN);
  memset (n_updates_to, 0, sizeof n_updates_to);
  before = n_requests[PL_MESSAGE_PROBE_REQ];
  pl_universe_run (universe, 100 * PL_USEC_PER_SEC);
  ck_assert_uint_ge (n_updates_to[0x40], 5);
  ck_assert_uint_eq (n_updates_to[0x58], n_updates_to[0x40]);
  for (guint i = 0; i < 256; i++)
    ck_assert (n_updates_to[i] == 0 || i == 0x40 || i == 0x58);
  ck_assert_uint_eq (n_requests[PL_MESSAGE_PROBE_REQ] - before, 4 * n_updates_to[0x40]);
  n_attached = 0;
  update_from (&(PlNodeId) { { 0x60 } }, (const guint8[]) { 0xa0 }, 1); /* log2 (1000) neighbours are wanted each way (6.2) */
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_attached, 1);
  ck_assert_uint_eq (attached[0].id.b[0], 0xa0);
}
END_TEST

/* One that tells malformed data or lies does not carry the others with it. */
START_TEST (tuned_ring_forgets_what_it_was_told_when_the_interval_is_over)
{
  const PlSelfTuningData data = { 1000, 86400000, 86400000 };
  PlTopologyTuning tuning;

  probes_say = 200000;
  tuned_ring (TRUE);
  pl_universe_run (universe, 200000 * PL_USEC_PER_SEC);
  for (guint i = 0; i < G_N_ELEMENTS (tuned_peers); i++)
    tell (&(PlNodeId) { { tuned_peers[i] } }, &data, i < 5 ? 1 : 0); /* most are malformed */
  ck_assert (pl_topology_tuning (topology, &tuning));
  ck_assert_double_lt (tuning.size, 100); /* not yet */
  for (guint i = 0; i < 800 && tuning.size < 100; i++)
    {
      pl_universe_run (universe, PL_USEC_PER_SEC);
      ck_assert (pl_topology_tuning (topology, &tuning));
    }
  ck_assert_double_eq (tuning.size, 1000);
  pl_universe_run (universe, 25 * PL_USEC_PER_SEC);
  ck_assert (pl_topology_tuning (topology, &tuning));
  ck_assert_double_lt (tuning.size, 100);
}
END_TEST

/* RFC 7363 5.3, 6.4: fingers are asked how old they are; young ones mean that many join. */
START_TEST (tuned_ring_takes_the_age_of_fingers_from_their_answers)
{
  PlTopologyTuning tuning;

  tuned_ring (TRUE);
  probes_say = 200000;
  pl_universe_run (universe, 200000 * PL_USEC_PER_SEC);
  ck_assert (pl_topology_tuning (topology, &tuning));
  ck_assert_int_gt (tuning.interval, 10 * PL_TUNE_INTERVAL_MIN);
  probes_say = 60;
  pl_universe_run (universe, 5000 * PL_USEC_PER_SEC);
  ck_assert (pl_topology_tuning (topology, &tuning));
  ck_assert_int_eq (tuning.interval, PL_TUNE_INTERVAL_MIN);
}
END_TEST

START_TEST (malformed_bodies_are_refused) /* S2-46 */
{
  PlNodeId a = node (0x90);
  g_autoptr (GBytes) body = g_bytes_new_static ("\xff\xff\xff", 3);
  const guint16 codes[] = { PL_MESSAGE_JOIN_REQ, PL_MESSAGE_LEAVE_REQ, PL_MESSAGE_UPDATE_REQ, PL_MESSAGE_ROUTE_QUERY_REQ };
  GBytes *answer = NULL;

  pl_topology_start_ring (topology);
  pl_topology_link_up (topology, &a);
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    ck_assert_uint_eq (pl_topology_handle (topology, codes[i], &a, &a, body, &answer), PL_ERROR_INVALID_MESSAGE);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay");
  TCase *c = tcase_create ("topology/chord");

  tcase_add_checked_fixture (c, setup, teardown);
  tcase_add_test (c, node_outside_attaches_to_the_place_after_its_own);
  tcase_add_test (c, first_node_owns_everything_and_answers_join_only_from_its_own_link);
  tcase_add_test (c, named_nodes_are_attached_to_through_the_namer_and_believed_only_themselves);
  tcase_add_test (c, update_over_another_link_or_of_a_stranger_is_forbidden);
  tcase_add_test (c, leave_of_a_neighbour_gives_its_range_back);
  tcase_add_test (c, leave_makes_nobody_attach_to_far_nodes);
  tcase_add_test (c, one_that_names_many_does_not_hide_whom_others_name);
  tcase_add_test (c, lost_neighbour_leaves_the_table_and_the_others_are_told);
  tcase_add_test (c, only_peers_of_the_ring_may_bring_copies_and_only_of_what_we_keep);
  tcase_add_test (c, copies_come_only_from_the_three_holders_or_nearer_ones);
  tcase_add_test (c, place_we_hold_a_copy_of_goes_to_its_peer_and_then_to_us);
  tcase_add_test (c, place_goes_to_the_peer_that_said_its_range_holds_it);
  tcase_add_test (c, place_goes_to_the_peer_before_it_where_the_rfc_is_followed_to_the_letter);
  tcase_add_test (c, claim_is_doubted_while_a_nearer_peer_answers);
  tcase_add_test (c, refused_copy_is_offered_again_while_the_ring_settles);
  tcase_add_test (c, neighbours_are_told_about_every_ten_minutes);
  tcase_add_test (c, joins_during_a_transfer_start_no_other);
  tcase_add_test (c, fingers_are_searched_for_at_the_start_and_then_hourly);
  tcase_add_test (c, finger_table_grows_as_far_as_it_is_told);
  tcase_add_test (c, finger_range_is_searched_in_as_many_parts_as_it_is_told);
  tcase_add_test (c, route_query_names_the_next_peer);
  tcase_add_test (c, lost_neighbour_is_attached_to_again_only_when_it_answers);
  tcase_add_test (c, far_peers_are_told_without_lists);
  tcase_add_test (c, chord_that_does_not_tune_itself_asks_and_tells_nothing);
  tcase_add_test (c, tuned_ring_asks_fingers_and_stabilises_as_often_as_they_say);
  tcase_add_test (c, tuned_ring_forgets_what_it_was_told_when_the_interval_is_over);
  tcase_add_test (c, tuned_ring_takes_the_age_of_fingers_from_their_answers);
  tcase_add_test (c, malformed_bodies_are_refused);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
