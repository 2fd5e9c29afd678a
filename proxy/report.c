/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/report.h"

#include "base/aor.h"
#include "proxy/resolver/search.h"

#include <string.h>

static const char *
role_name (PlRole role)
{
  switch (role)
    {
    case PL_ROLE_AUTO:
      return "auto";
    case PL_ROLE_CLIENT:
      return "client";
    case PL_ROLE_PEER:
      return "peer";
    case PL_ROLE_BOOTSTRAP:
      return "bootstrap";
    }
  return "";
}

static const char *
state_name (PlNodeState state)
{
  switch (state)
    {
    case PL_NODE_OFFLINE:
      return "offline";
    case PL_NODE_CONNECTING:
      return "connecting";
    case PL_NODE_CLIENT:
      return "client";
    case PL_NODE_JOINING:
      return "joining";
    case PL_NODE_PEER:
      return "peer";
    case PL_NODE_LEAVING:
      return "leaving";
    case PL_NODE_LEFT:
      return "left";
    }
  return "";
}

static void
put_string (GVariantBuilder *dict, const char *key, const char *value)
{
  g_variant_builder_add (dict, "{sv}", key, g_variant_new_string (value ? value : ""));
}

static void
put_int (GVariantBuilder *dict, const char *key, gint64 value)
{
  g_variant_builder_add (dict, "{sv}", key, g_variant_new_int64 (value));
}

static void
add_overlay (GVariantBuilder *list, PlMembership *membership)
{
  g_autoptr (GPtrArray) peers = pl_node_dup_peers (pl_membership_node (membership));
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  put_string (&dict, "name", pl_membership_overlay (membership));
  put_string (&dict, "role", role_name (pl_membership_role (membership)));
  put_string (&dict, "state", state_name (pl_node_state (pl_membership_node (membership))));
  put_string (&dict, "node", pl_membership_node_hex (membership));
  g_variant_builder_add (&dict, "{sv}", "peers", g_variant_new_uint32 (peers->len));
  g_variant_builder_add_value (list, g_variant_builder_end (&dict));
}

static void
add_identity (GVariantBuilder *list, PlMembership *membership)
{
  const char *aor = pl_membership_aor (membership);
  guint places, missing;
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  put_string (&dict, "aor", aor);
  put_string (&dict, "overlay", pl_membership_overlay (membership));
  put_string (&dict, "node", pl_membership_node_hex (membership));
  g_variant_builder_add (&dict, "{sv}", "incognito", g_variant_new_boolean (pl_membership_incognito (membership)));
  put_string (&dict, "issuer", pl_membership_issuer (membership));
  put_int (&dict, "expires", pl_membership_expires (membership));
  put_int (&dict, "registered", pl_node_registered (pl_membership_node (membership), aor));
  pl_node_registration_places (pl_membership_node (membership), aor, &places, &missing);
  put_int (&dict, "places", places);
  put_int (&dict, "missing", missing);
  put_string (&dict, "redirect", pl_node_redirected (pl_membership_node (membership), aor));
  g_variant_builder_add_value (list, g_variant_builder_end (&dict));
}

/* One word for the whole: what a person would ask first. */
static const char *
overall_state (GPtrArray *memberships)
{
  if (memberships->len == 0)
    return "no-overlay";
  for (guint i = 0; i < memberships->len; i++)
    {
      PlNodeState state = pl_node_state (pl_membership_node (g_ptr_array_index (memberships, i)));

      if (state != PL_NODE_CLIENT && state != PL_NODE_PEER && state != PL_NODE_JOINING)
        return "connecting";
    }
  return "ready";
}

static GVariant *
strings (GPtrArray *list)
{
  return g_variant_new_strv ((const char *const *) list->pdata, list->len);
}

/* Somebody in the overlay says that it keeps our registration, and does not (S2-22). */
static char *
dup_missing (PlMembership *membership)
{
  guint places, missing;

  pl_node_registration_places (pl_membership_node (membership), pl_membership_aor (membership), &places, &missing);
  if (missing == 0)
    return NULL;
  return g_strdup_printf ("%u of %u places in the overlay %s do not keep the registration of %s: it is stored again by "
                          "other ways; 'peerline peers' shows who was noticed",
                          missing, places, pl_membership_overlay (membership), pl_membership_aor (membership));
}

static GVariant *
all_problems (GPtrArray *memberships, GPtrArray *problems)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new (), ours = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < problems->len; i++)
    g_ptr_array_add (list, g_ptr_array_index (problems, i));
  for (guint i = 0; i < memberships->len; i++)
    {
      const char *problem = pl_membership_problem (g_ptr_array_index (memberships, i));
      char *missing = dup_missing (g_ptr_array_index (memberships, i));

      if (problem)
        g_ptr_array_add (list, (char *) problem);
      if (missing)
        {
          g_ptr_array_add (ours, missing);
          g_ptr_array_add (list, missing);
        }
    }
  return strings (list);
}

GVariant *
pl_report_status (GPtrArray *memberships, PlSip *sip, GPtrArray *problems)
{
  static const char *const none[] = { NULL };
  GVariantBuilder dict, overlays, identities;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_init (&overlays, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&identities, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < memberships->len; i++)
    {
      add_overlay (&overlays, g_ptr_array_index (memberships, i));
      add_identity (&identities, g_ptr_array_index (memberships, i));
    }
  put_string (&dict, "version", PACKAGE_VERSION);
  put_string (&dict, "state", overall_state (memberships));
  g_variant_builder_add (&dict, "{sv}", "listen", g_variant_new_strv (sip ? pl_sip_listening (sip) : none, -1));
  g_variant_builder_add (&dict, "{sv}", "overlays", g_variant_builder_end (&overlays));
  g_variant_builder_add (&dict, "{sv}", "identities", g_variant_builder_end (&identities));
  g_variant_builder_add (&dict, "{sv}", "problems", all_problems (memberships, problems));
  return g_variant_builder_end (&dict);
}

/* What a peer did with our requests, in words; "" for one that did well. */
static char *
dup_noticed (const PlPeerInfo *peer)
{
  static const char *const words[PL_VERDICTS] = { [PL_VERDICT_SILENT] = "silent", [PL_VERDICT_DENIED] = "denied",
                                                  [PL_VERDICT_OLD] = "old", [PL_VERDICT_PROVEN] = "proven" };
  GString *text = g_string_new (peer->shunned ? "shunned: " : "");

  for (guint i = 0; i < PL_VERDICTS; i++)
    if (words[i] && peer->noticed[i])
      g_string_append_printf (text, "%s %u, ", words[i], peer->noticed[i]);
  if (text->len)
    g_string_truncate (text, text->len - 2);
  return g_string_free (text, FALSE);
}

static void
add_peers (GVariantBuilder *list, PlMembership *membership, GPtrArray *peers, gint64 offset)
{
  for (guint i = 0; i < peers->len; i++)
    {
      const PlPeerInfo *peer = g_ptr_array_index (peers, i);
      g_autofree char *node = pl_node_id_dup_hex (&peer->node), *noticed = dup_noticed (peer);
      GVariantBuilder dict;

      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      put_string (&dict, "overlay", pl_membership_overlay (membership));
      put_string (&dict, "node", node);
      put_string (&dict, "aor", peer->aor);
      put_string (&dict, "role", peer->role);
      put_string (&dict, "path", peer->path);
      put_int (&dict, "rtt", peer->rtt);
      put_int (&dict, "since", peer->since ? peer->since + offset : 0);
      put_string (&dict, "noticed", noticed);
      g_variant_builder_add_value (list, g_variant_builder_end (&dict));
    }
}

GVariant *
pl_report_peers (GPtrArray *memberships, PlEnv *env)
{
  gint64 offset = pl_env_wall (env) - pl_env_now (env);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < memberships->len; i++)
    {
      PlMembership *membership = g_ptr_array_index (memberships, i);
      g_autoptr (GPtrArray) peers = pl_node_dup_peers (pl_membership_node (membership));
      g_autoptr (GPtrArray) links = pl_membership_dup_sip_links (membership);
      g_autoptr (GPtrArray) noticed = pl_node_dup_noticed (pl_membership_node (membership));

      add_peers (&list, membership, peers, offset);
      add_peers (&list, membership, links, offset);
      add_peers (&list, membership, noticed, offset);
    }
  return g_variant_builder_end (&list);
}

static const char *
turn_name (PlTurnState state)
{
  switch (state)
    {
    case PL_TURN_NOT_OFFERED:
      return "not-offered";
    case PL_TURN_NOT_NEEDED:
      return "not-needed";
    case PL_TURN_MISSING:
      return "missing";
    case PL_TURN_FOUND:
      return "found";
    }
  return "";
}

GVariant *
pl_report_turn (GPtrArray *memberships, gboolean configured)
{
  GVariantBuilder list, dict;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < memberships->len; i++)
    {
      PlMembership *membership = g_ptr_array_index (memberships, i);
      const PlTurnAccess *access = NULL;
      gint64 expires = 0;
      PlTurnState state = pl_node_turn (pl_membership_node (membership), &access, &expires);
      g_autoptr (GInetAddress) inet = access ? pl_ip_address_port_dup_inet (&access->server) : NULL;
      g_autofree char *host = inet ? g_inet_address_to_string (inet) : NULL;

      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      put_string (&dict, "overlay", pl_membership_overlay (membership));
      put_string (&dict, "state", configured ? "configured" : turn_name (state));
      put_string (&dict, "host", host);
      put_int (&dict, "port", access ? access->server.port : 0);
      put_string (&dict, "username", access ? access->username : NULL);
      put_string (&dict, "password", access ? access->password : NULL);
      put_int (&dict, "expires", expires);
      g_variant_builder_add_value (&list, g_variant_builder_end (&dict));
    }
  return g_variant_builder_end (&list);
}

GVariant *
pl_report_registrations (PlSip *sip)
{
  g_autoptr (GPtrArray) bindings = pl_sip_dup_bindings (sip);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < bindings->len; i++)
    {
      const PlBindingInfo *binding = g_ptr_array_index (bindings, i);
      GVariantBuilder dict;

      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      put_string (&dict, "aor", binding->aor);
      put_string (&dict, "contact", binding->contact);
      put_string (&dict, "user_agent", binding->user_agent);
      put_int (&dict, "expires", binding->expires);
      g_variant_builder_add_value (&list, g_variant_builder_end (&dict));
    }
  return g_variant_builder_end (&list);
}

/* The name of a device (sip/resolver.h) in its parts. */
static void
put_far (GVariantBuilder *dict, const char *device)
{
  const char *at = device ? strchr (device, '@') : NULL;
  g_autofree char *node = at ? g_strndup (device, at - device) : NULL;

  put_string (dict, "far_node", node ? node : device);
  if (at)
    put_string (dict, "overlay", at + 1);
}

GVariant *
pl_report_calls (PlSip *sip)
{
  g_autoptr (GPtrArray) calls = pl_sip_dup_calls (sip);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < calls->len; i++)
    {
      const PlCallInfo *call = g_ptr_array_index (calls, i);
      GVariantBuilder dict;

      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      put_string (&dict, "id", call->id);
      put_string (&dict, "from", call->from);
      put_string (&dict, "to", call->to);
      put_string (&dict, "redirected", call->redirected);
      put_string (&dict, "state", call->state);
      put_string (&dict, "media", call->media);
      put_string (&dict, "edge", call->edge);
      put_far (&dict, call->far_node);
      put_int (&dict, "since", call->since);
      put_int (&dict, "lookup", call->lookup);
      put_int (&dict, "connect", call->connect);
      put_int (&dict, "invite", call->invite);
      g_variant_builder_add_value (&list, g_variant_builder_end (&dict));
    }
  return g_variant_builder_end (&list);
}

/* --- look-up --- */

typedef struct {
  GDBusMethodInvocation *invocation;
  GPtrArray *memberships; /* those that are asked */
  PlSearch *search;
  char *aor;
} Query;

static const char *
result_name (PlLookupResult result)
{
  switch (result)
    {
    case PL_LOOKUP_FOUND:
      return "found";
    case PL_LOOKUP_UNKNOWN:
      return "unknown";
    case PL_LOOKUP_OFFLINE:
      return "offline";
    case PL_LOOKUP_FAILED:
      return "failed";
    case PL_LOOKUP_CIRCLE:
      return "circle";
    case PL_LOOKUP_ELSEWHERE:
      return "elsewhere";
    }
  return "";
}

static void
query_free (Query *query)
{
  for (guint i = 0; i < query->memberships->len; i++)
    pl_membership_answered (g_ptr_array_index (query->memberships, i), query);
  g_ptr_array_unref (query->memberships);
  pl_search_free (query->search);
  g_free (query->aor);
  g_free (query);
}

static void
put_part (GVariantBuilder *dict, const PlSearchPart *part)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < part->nodes->len; i++)
    g_ptr_array_add (names, pl_node_id_dup_hex (&g_array_index (part->nodes, PlFoundNode, i).node));
  put_string (dict, "overlay", pl_membership_overlay (part->membership));
  put_string (dict, "result", !part->answered ? "pending" : part->refused ? "refused" : result_name (part->result));
  g_variant_builder_add (dict, "{sv}", "nodes", strings (names));
  if (part->aors->len > 1)
    g_variant_builder_add (dict, "{sv}", "redirects",
                           g_variant_new_strv ((const char *const *) part->aors->pdata + 1, part->aors->len - 1));
  put_int (dict, "took", part->took);
}

static void
on_decided (gpointer user, const PlSearchPart *decided)
{
  Query *query = user;
  const GPtrArray *parts = pl_search_parts (query->search);
  GVariantBuilder dict, list;
  GVariant *answer;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < parts->len; i++)
    {
      g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
      put_part (&dict, g_ptr_array_index (parts, i));
      g_variant_builder_add_value (&list, g_variant_builder_end (&dict));
    }
  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  put_string (&dict, "aor", query->aor);
  put_part (&dict, decided);
  g_variant_builder_add (&dict, "{sv}", "overlays", g_variant_builder_end (&list));
  answer = g_variant_builder_end (&dict);
  g_dbus_method_invocation_return_value (query->invocation, g_variant_new_tuple (&answer, 1));
  query_free (query);
}

/* A membership went away. */
static void
on_gone (gpointer data)
{
  Query *query = data;

  g_dbus_method_invocation_return_error_literal (query->invocation, G_IO_ERROR, G_IO_ERROR_CANCELLED, PL_LEFT_TEXT);
  query_free (query);
}

void
pl_report_lookup (GPtrArray *memberships, PlEnv *env, const char *text, GDBusMethodInvocation *invocation)
{
  static const PlSearchFuncs funcs = { NULL, on_decided };
  g_autofree char *aor = pl_aor_canonical (text);
  Query *query;

  if (!aor)
    {
      g_dbus_method_invocation_return_error (invocation, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                                             "\"%s\" is no address; it should look like alice@example.org", text);
      return;
    }
  if (memberships->len == 0)
    {
      g_dbus_method_invocation_return_error (invocation, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                                             "you are in no overlay yet: 'peerline overlay join FILE' or 'peerline overlay create NAME'");
      return;
    }
  query = g_new0 (Query, 1);
  query->invocation = invocation;
  query->aor = g_steal_pointer (&aor);
  query->memberships = g_ptr_array_new ();
  for (guint i = 0; i < memberships->len; i++)
    {
      if (pl_membership_incognito (g_ptr_array_index (memberships, i)))
        continue;
      g_ptr_array_add (query->memberships, g_ptr_array_index (memberships, i));
      pl_membership_asked (g_ptr_array_index (memberships, i), query, on_gone);
    }
  query->search = pl_search_new (env, query->memberships, NULL, query->aor, &funcs, query);
}
