/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "base/log.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

/* The configuration document while the node runs (RFC 6940 6.5.4, 11.1): a newer one is judged,
 * put in force and told of; nodes listed in it as bad are cut off; one that can't be followed
 * ends the node's stay. */

#define COMPARE_SPREAD (2 * PL_USEC_PER_SEC)   /* until neighbours are asked which document they have */
#define COMPARE_MAX 64                         /* of them */
#define EXPIRY_LOOK (3600 * PL_USEC_PER_SEC)   /* the wall clock may be set, a machine may sleep */
#define EXPIRY_GRACE (60 * PL_USEC_PER_SEC)    /* to get a newer one after the end of ours */

struct PlNodeConfig {
  PlNode *node;
  PlDocument *held;          /* node->document, own reference */
  PlDocument *next;          /* judged, in force from the loop */
  PlTrust *next_trust;       /* NULL: stays */
  char *parting;             /* why the next one makes us leave */
  gint64 ask_at;             /* wall: when a newer copy is sought, 0: not planned */
  gboolean expired;
  PlTimer *apply_timer, *compare_timer, *expiry_timer;
};

static void look_at_expiry (gpointer data);

void
pl_node_config_init (PlNode *node, const PlDocument *document)
{
  node->config = g_new0 (PlNodeConfig, 1);
  node->config->node = node;
  node->config->held = pl_document_ref (document);
  node->document = node->config->held;
}

void
pl_node_config_free (PlNode *node)
{
  PlNodeConfig *config = node->config;

  pl_node_config_stop (node);
  pl_document_free (config->held);
  pl_document_free (config->next);
  pl_trust_free (config->next_trust);
  g_free (config->parting);
  g_free (config);
}

void
pl_node_config_stop (PlNode *node)
{
  pl_timer_clear (&node->config->apply_timer);
  pl_timer_clear (&node->config->compare_timer);
  pl_timer_clear (&node->config->expiry_timer);
}

const PlDocument *
pl_node_document (PlNode *node)
{
  return node->document;
}

static void
tell_trouble (PlNode *node, const char *problem)
{
  if (problem)
    pl_warn ("node", problem, NULL);
  if (node->handlers.trouble)
    node->handlers.trouble (node->user, problem);
}

/* --- telling others --- */

static void
send_update (PlNode *node, const PlNodeId *id, const PlConfigUpdateReq *update)
{
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_CONFIG_UPDATE_REQ), update);
  PlTransRequest request = { .code = PL_MESSAGE_CONFIG_UPDATE_REQ, .body = body };

  request.to = pl_destination_node (id);
  pl_trans_request (node->trans, &request, NULL, NULL, NULL);
}

void
pl_node_config_send (PlNode *node, const PlNodeId *id)
{
  PlConfigUpdateReq update = { .type = PL_CONFIG_UPDATE_CONFIG, .config_data = node->document->xml };

  if (node->document->xml)
    send_update (node, id, &update);
}

void
pl_node_config_teach (PlNode *node, const PlNodeId *id, guint32 kind)
{
  g_autoptr (GBytes) block = pl_document_dup_kind_block (node->document, kind);
  g_autoptr (GPtrArray) kinds = g_ptr_array_new ();
  PlConfigUpdateReq update = { .type = PL_CONFIG_UPDATE_KIND, .kinds = kinds };

  if (!block)
    return;
  g_ptr_array_add (kinds, block);
  send_update (node, id, &update);
}

/* A Ping shows who of us has an older document: it gets the newer one (6.3.2.1). */
static void
compare (gpointer data)
{
  PlNodeConfig *config = data;
  PlNode *node = config->node;
  PlPingReq ping = { 0 };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_PING_REQ), &ping);
  g_autoptr (GArray) nodes = pl_forward_dup_nodes (node->forward);
  guint first = nodes->len ? pl_env_random_below (node->env, nodes->len) : 0;

  for (guint i = 0; i < MIN (nodes->len, COMPARE_MAX); i++)
    {
      PlTransRequest request = { .code = PL_MESSAGE_PING_REQ, .body = body };

      request.to = pl_destination_node (&g_array_index (nodes, PlNodeId, (first + i) % nodes->len));
      pl_trans_request (node->trans, &request, NULL, NULL, NULL);
    }
}

/* --- leaving --- */

static void
on_gone (gpointer data)
{
  PlNode *node = data;
  g_autoptr (GArray) nodes = pl_forward_dup_nodes (node->forward);

  for (guint i = 0; i < nodes->len; i++)
    pl_forward_disconnect (node->forward, &g_array_index (nodes, PlNodeId, i));
  pl_node_app_expel (node, NULL, NULL, "the overlay was left");
}

static void
leave (PlNode *node, const char *why)
{
  g_autofree char *text = g_strdup_printf ("overlay %s was left: %s", node->document->instance_name, why);

  tell_trouble (node, text);
  if (node->state != PL_NODE_LEAVING && node->state != PL_NODE_LEFT)
    pl_node_stop (node, on_gone, node);
}

/* "clients-permitted": nobody stays a client without it (11.1). */
static void
check_role (PlNode *node)
{
  if (node->document->clients_permitted)
    return;
  if (node->options.role == PL_ROLE_CLIENT)
    leave (node, "its configuration permits no clients: set 'role=auto' or 'role=peer' in the group [overlay] of peerline.conf");
  else
    pl_node_promote (node);
}

/* --- expiry (11.1) --- */

static void
plan_expiry (PlNodeConfig *config)
{
  PlNode *node = config->node;
  gint64 now = pl_env_wall (node->env), end = config->held->expiration * PL_USEC_PER_SEC;

  config->expired = FALSE;
  if (end == 0)
    {
      pl_timer_clear (&config->expiry_timer);
      return;
    }
  /* "At a randomly selected time that is before the expiration time." */
  if (end > now)
    config->ask_at = now + (end - now) / 2 + (gint64) pl_env_random_below (node->env, (end - now) / 2 + 1);
  pl_env_arm (node->env, &config->expiry_timer, CLAMP (MIN (config->ask_at, end) - now, 0, EXPIRY_LOOK), look_at_expiry, config);
}

static void
on_expired (PlNodeConfig *config)
{
  PlNode *node = config->node;
  g_autoptr (GError) error = NULL;

  if (pl_document_check_time (node->document, node->env, &error))
    return;
  if (config->expired)
    {
      leave (node, error->message);
      return;
    }
  config->expired = TRUE;
  tell_trouble (node, error->message);
  compare (config);
  pl_env_arm (node->env, &config->expiry_timer, EXPIRY_GRACE, look_at_expiry, config);
}

static void
look_at_expiry (gpointer data)
{
  PlNodeConfig *config = data;
  gint64 now = pl_env_wall (config->node->env), end = config->held->expiration * PL_USEC_PER_SEC;

  if (now > end)
    {
      on_expired (config);
      return;
    }
  if (now >= config->ask_at)
    {
      compare (config);
      config->ask_at = end + PL_USEC_PER_SEC;
    }
  pl_env_arm (config->node->env, &config->expiry_timer, CLAMP (config->ask_at - now, PL_USEC_PER_MSEC, EXPIRY_LOOK),
              look_at_expiry, config);
}

void
pl_node_config_start (PlNode *node)
{
  plan_expiry (node->config);
  check_role (node);
}

/* --- a document comes into force --- */

static gboolean
is_bad (PlNode *node, const PlCarrierInfo *info, gconstpointer data)
{
  return pl_trust_is_bad (node->trust, &info->node) || (info->cert && pl_trust_has_bad (node->trust, info->cert));
}

/* Everywhere at once: the trust knows already, the routing table loses the link, and the Kinds
 * and values went from the store. */
static void
cut_off_bad (PlNode *node)
{
  g_autoptr (GArray) nodes = pl_forward_dup_nodes (node->forward);

  for (guint i = 0; i < nodes->len; i++)
    {
      const PlNodeId *id = &g_array_index (nodes, PlNodeId, i);
      PlLink *link = pl_forward_link (node->forward, id);

      if (link && (pl_trust_is_bad (node->trust, id) || pl_trust_has_bad (node->trust, pl_link_cert (link))))
        pl_forward_disconnect (node->forward, id);
    }
  pl_node_app_expel (node, is_bad, NULL, "the overlay's configuration lists the node as bad");
}

static void
apply (gpointer data)
{
  PlNodeConfig *config = data;
  PlNode *node = config->node;
  PlDocument *old = config->held;
  g_autofree char *parting = g_steal_pointer (&config->parting);

  if (parting)
    {
      leave (node, parting);
      return;
    }
  if (node->handlers.document)
    node->handlers.document (node->user, config->next);
  pl_notice ("node", "another configuration document is in force", "overlay", config->next->instance_name, NULL);
  config->held = g_steal_pointer (&config->next);
  node->document = config->held;
  if (config->next_trust)
    pl_trust_replace (node->trust, g_steal_pointer (&config->next_trust));
  pl_forward_set_limits (node->forward, config->held->initial_ttl, config->held->max_message_size,
                         pl_node_reliability (config->held));
  pl_store_set_document (node->store, config->held);
  pl_topology_set_document (node->topology, config->held);
  pl_trans_set_document (node->trans, config->held);
  pl_node_boot_set_document (node);
  pl_node_turn_set_document (node);
  pl_node_multicast_set_document (node);
  if (old->sequence != config->held->sequence)
    {
      tell_trouble (node, NULL);
      plan_expiry (config);
      pl_env_arm (node->env, &config->compare_timer, pl_env_random_below (node->env, COMPARE_SPREAD), compare, config);
    }
  pl_document_free (old);
  cut_off_bad (node);
  check_role (node);
}

/* --- judging --- */

/* What the overlay no longer has in common with this program, or with this node. */
static gboolean
check_livable (PlNode *node, const PlDocument *document, PlTrust *trust, GError **error)
{
  if (!pl_document_check_supported (document, error))
    return FALSE;
  if (pl_trust_check_cert (trust, pl_identity_cert (node->identity), error))
    return TRUE;
  g_prefix_error (error, "its newest configuration does not admit this identity any more: ");
  return FALSE;
}

/* Kinds that came after the present document stay when their signer still may sign (11.1). */
static void
keep_kinds (PlNodeConfig *config)
{
  for (guint i = 0; i < config->held->kind_updates->len; i++)
    {
      g_autoptr (GPtrArray) one = g_ptr_array_new ();
      PlDocument *with;

      g_ptr_array_add (one, g_ptr_array_index (config->held->kind_updates, i));
      with = pl_document_with_kinds (config->next, one, config->next_trust, NULL);
      if (!with)
        continue;
      pl_document_free (config->next);
      config->next = with;
    }
}

/* A document of another overlay name is looked at, too: it may say that ours is renamed. */
static PlDocument *
parse (PlNode *node, GBytes *xml, GError **error)
{
  PlDocument *document = pl_document_parse (xml, node->document->instance_name, NULL);

  return document ? document : pl_document_parse (xml, NULL, error);
}

static gboolean
judge (PlNodeConfig *config, GBytes *xml, GError **error)
{
  PlNode *node = config->node;
  g_autoptr (PlDocument) document = parse (node, xml, error);
  g_autoptr (PlTrust) trust = NULL;
  g_autoptr (GError) why = NULL;

  if (!document)
    return FALSE;
  if (!pl_document_verify (document, node->trust, node->document, &why))
    {
      if (!g_error_matches (why, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
        {
          g_propagate_error (error, g_steal_pointer (&why));
          return FALSE;
        }
      config->parting = g_strdup (why->message);
    }
  else
    {
      trust = pl_document_trust_new (document, node->env, error);
      if (!trust)
        return FALSE;
      if (!check_livable (node, document, trust, &why))
        config->parting = g_strdup (why->message);
    }
  config->next = g_steal_pointer (&document);
  config->next_trust = g_steal_pointer (&trust);
  if (!config->parting)
    keep_kinds (config);
  return TRUE;
}

static gboolean
is_busy (PlNodeConfig *config)
{
  return config->apply_timer || config->node->state == PL_NODE_LEAVING || config->node->state == PL_NODE_LEFT;
}

static void
apply_soon (PlNodeConfig *config)
{
  pl_env_arm (config->node->env, &config->apply_timer, 0, apply, config);
}

gboolean
pl_node_take_document (PlNode *node, GBytes *xml, GError **error)
{
  if (is_busy (node->config))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "the node is leaving, or takes another document");
      return FALSE;
    }
  if (!judge (node->config, xml, error))
    return FALSE;
  apply_soon (node->config);
  return TRUE;
}

/* A newer one whose signer we don't know: we missed one in between (6.5.4.2), or somebody lies. */
static void
say_unfollowed (PlNode *node, GBytes *xml, const GError *why)
{
  g_autoptr (PlDocument) document = pl_document_parse (xml, node->document->instance_name, NULL);
  g_autofree char *text = NULL;

  if (!document || !g_error_matches (why, PL_TRUST_ERROR, PL_TRUST_ERROR_SIGNER)
      || !pl_document_sequence_newer (document->sequence, node->document->sequence))
    return;
  text = g_strdup_printf ("overlay %s: a node says that configuration %u is in force, which does not follow from %u, the one "
                          "here: its signer is unknown. If whoever runs the overlay confirms it, get the document and run "
                          "'peerline overlay join FILE --force'", document->instance_name, document->sequence,
                          node->document->sequence);
  tell_trouble (node, text);
}

static void
on_document (PlNode *node, PlIncoming *incoming, GBytes *xml)
{
  g_autoptr (GError) error = NULL;

  if (!xml || (node->document->xml && g_bytes_equal (xml, node->document->xml)))
    pl_trans_refuse_text (node->trans, incoming, PL_ERROR_CONFIG_TOO_OLD, "the document is not newer than ours");
  else if (judge (node->config, xml, &error))
    {
      pl_trans_answer (node->trans, incoming, NULL, NULL);
      apply_soon (node->config);
    }
  else if (error->domain != PL_TRUST_ERROR)
    pl_trans_refuse_text (node->trans, incoming, PL_ERROR_INVALID_MESSAGE, "the document is malformed");
  else if (error->code == PL_TRUST_ERROR_EXPIRED)
    pl_trans_refuse_text (node->trans, incoming, PL_ERROR_CONFIG_TOO_OLD, "the document is not newer than ours");
  else
    {
      say_unfollowed (node, xml, error);
      pl_trans_refuse_text (node->trans, incoming, PL_ERROR_FORBIDDEN, "the document is not properly signed");
    }
}

static void
on_kinds (PlNode *node, PlIncoming *incoming, GPtrArray *kinds)
{
  PlNodeConfig *config = node->config;
  g_autoptr (GError) error = NULL;

  config->next = pl_document_with_kinds (node->document, kinds, node->trust, &error);
  if (config->next)
    {
      pl_trans_answer (node->trans, incoming, NULL, NULL);
      apply_soon (config);
    }
  else if (error->domain == PL_TRUST_ERROR)
    pl_trans_refuse_text (node->trans, incoming, PL_ERROR_FORBIDDEN, "the Kinds are not signed by one who may");
  else
    pl_trans_refuse_text (node->trans, incoming, PL_ERROR_INVALID_MESSAGE, "the Kinds are malformed or unknown");
}

void
pl_node_on_config_update (PlNode *node, PlIncoming *incoming)
{
  g_auto (PlConfigUpdateReq) update = { 0 };

  if (pl_body_read (pl_body_type (PL_MESSAGE_CONFIG_UPDATE_REQ), incoming->body, NULL, NULL, &update) != PL_WIRE_OK)
    pl_trans_refuse_text (node->trans, incoming, PL_ERROR_INVALID_MESSAGE, "malformed request");
  else if (is_busy (node->config))
    pl_trans_drop (node->trans, incoming); /* it is sent again */
  else if (update.type == PL_CONFIG_UPDATE_CONFIG)
    on_document (node, incoming, update.config_data);
  else if (update.type == PL_CONFIG_UPDATE_KIND)
    on_kinds (node, incoming, update.kinds);
  else
    pl_trans_refuse_text (node->trans, incoming, PL_ERROR_INVALID_MESSAGE, "unknown type of ConfigUpdate");
}
