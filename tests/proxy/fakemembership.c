/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/proxy/fakemembership.h"

const char *
pl_membership_aor (PlMembership *membership)
{
  return pl_world_aor (membership->world, membership->i);
}

const char *
pl_membership_overlay (PlMembership *membership)
{
  return membership->overlay ? membership->overlay : PL_FAKE_OVERLAY;
}

const char *
pl_membership_node_hex (PlMembership *membership)
{
  return membership->hex;
}

char *
pl_membership_dup_device (PlMembership *membership, const PlNodeId *node)
{
  g_autofree char *hex = pl_node_id_dup_hex (node);

  return g_strconcat (hex, membership->overlay ? "@" : NULL, membership->overlay, NULL);
}

PlNode *
pl_membership_node (PlMembership *membership)
{
  return pl_world_node (membership->world, membership->i);
}

/* An authority says who is who; keys kept at first contact are in check_pins and check_trust.py. */
gboolean
pl_membership_meet (PlMembership *membership, const PlCert *cert, gboolean dialled, GError **error)
{
  return TRUE;
}

gboolean
pl_membership_filter (PlMembership *membership, GArray *nodes)
{
  return TRUE;
}

GPtrArray *
pl_membership_dup_sip_links (PlMembership *membership)
{
  (void) membership;
  return g_ptr_array_new ();
}

gboolean
pl_membership_incognito (PlMembership *membership)
{
  return FALSE;
}

PlFarLink *
pl_membership_wrap (PlMembership *membership, PlAppLink *link)
{
  PlFakeLink *far = g_new0 (PlFakeLink, 1);

  (void) membership;
  far->link = link;
  return &far->base;
}
