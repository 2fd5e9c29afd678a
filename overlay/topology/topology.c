/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/topology.h"

#include "overlay/topology/chord/chord.h"

static const PlTopologyFuncs *const plugins[] = { &pl_chord_funcs, &pl_chord_tuned_funcs };

const PlTopologyFuncs *
pl_topology_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (plugins); i++)
    if (g_strcmp0 (plugins[i]->name, name) == 0)
      return plugins[i];
  return NULL;
}

PlTopology *
pl_topology_new (const PlTopologyFuncs *funcs, const PlTopologyConfig *config, const PlTopologyHost *host, gpointer user)
{
  PlTopology *topology = funcs->create (config, host, user);

  topology->funcs = funcs;
  return topology;
}

void
pl_topology_free (PlTopology *topology)
{
  if (topology)
    topology->funcs->free (topology);
}

void
pl_topology_start_ring (PlTopology *topology)
{
  topology->funcs->start_ring (topology);
}

void
pl_topology_set_peer (PlTopology *topology, gboolean peer)
{
  topology->funcs->set_peer (topology, peer);
}

void
pl_topology_leave (PlTopology *topology, void (*done) (gpointer data), gpointer data)
{
  topology->funcs->leave (topology, done, data);
}

PlTopologyState
pl_topology_state (PlTopology *topology)
{
  return topology->funcs->state (topology);
}

void
pl_topology_link_up (PlTopology *topology, const PlNodeId *id)
{
  topology->funcs->link_up (topology, id);
}

void
pl_topology_link_down (PlTopology *topology, const PlNodeId *id)
{
  topology->funcs->link_down (topology, id);
}

guint16
pl_topology_handle (PlTopology *topology, guint16 code, const PlNodeId *signer, const PlNodeId *link,
                    GBytes *body, GBytes **answer)
{
  return topology->funcs->handle (topology, code, signer, link, body, answer);
}

gboolean
pl_topology_responsible (PlTopology *topology, const PlNodeId *place)
{
  return topology->funcs->responsible (topology, place);
}

guint
pl_topology_hops (PlTopology *topology, const PlNodeId *place, PlNodeId *hops, guint max)
{
  return topology->funcs->hops (topology, place, hops, max);
}

gboolean
pl_topology_plausible (PlTopology *topology, const PlNodeId *place, const PlNodeId *signer)
{
  return topology->funcs->plausible (topology, place, signer);
}

gboolean
pl_topology_replica_ok (PlTopology *topology, const PlNodeId *place, const PlNodeId *sender)
{
  return topology->funcs->replica_ok (topology, place, sender);
}

void
pl_topology_stored (PlTopology *topology, const PlResourceId *resource, const PlNodeId *from)
{
  topology->funcs->stored (topology, resource, from);
}

guint
pl_topology_replicas (PlTopology *topology, PlNodeId *ids, guint max)
{
  return topology->funcs->replicas (topology, ids, max);
}

gboolean
pl_topology_guest_of (PlTopology *topology, PlNodeId *via)
{
  return topology->funcs->guest_of (topology, via);
}

const char *
pl_topology_role_of (PlTopology *topology, const PlNodeId *id)
{
  return topology->funcs->role_of (topology, id);
}

gboolean
pl_topology_is_peer (PlTopology *topology, const PlNodeId *id)
{
  return topology->funcs->is_peer (topology, id);
}

guint
pl_topology_share_ppb (PlTopology *topology)
{
  return topology->funcs->share_ppb (topology);
}

void
pl_topology_probe_partition (PlTopology *topology, const PlNodeId *bootstrap)
{
  topology->funcs->probe_partition (topology, bootstrap);
}

void
pl_topology_set_document (PlTopology *topology, const PlDocument *document)
{
  topology->funcs->set_document (topology, document);
}

GArray *
pl_topology_dup_extensions (PlTopology *topology)
{
  return topology->funcs->dup_extensions (topology);
}

void
pl_topology_on_extensions (PlTopology *topology, const PlNodeId *signer, GArray *extensions)
{
  topology->funcs->on_extensions (topology, signer, extensions);
}

gboolean
pl_topology_tuning (PlTopology *topology, PlTopologyTuning *out)
{
  return topology->funcs->tuning (topology, out);
}
