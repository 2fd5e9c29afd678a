/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/membership.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/secret.h"
#include "overlay/ident/key.h"
#include "overlay/local.h"
#include "proxy/diagnose.h"
#include "proxy/helper.h"
#include "proxy/peers.h"
#include "proxy/pins.h"
#include "proxy/renewal.h"
#include "proxy/siplinks.h"

#include <string.h>

struct PlMembership {
  PlMembershipHandlers handlers;
  gpointer user;
  char *aor, *overlay, *node_hex, *state_dir;
  char *issuer; /* of the certificate, for people */
  gboolean incognito;
  char *passphrase; /* of the key, NULL: none is needed */
  PlDocument *document;
  PlIdentity *identity;
  PlTrust *trust;
  PlStore *store;
  GPtrArray *stun;  /* strings, NULL-terminated */
  PlNode *node;
  PlEnv *env;
  PlRole role;
  PlSipLinks *links;
  GHashTable *questions; /* not answered yet -> GDestroyNotify */
  PlTimer *patience;
  char *problem; /* NULL: none */
  char *trouble; /* of the document, NULL: none */
  char *pins_path; /* NULL: an authority says who is who */
  GBytes *secrets; /* NULL: links have none */
  char *refusal;   /* of a key that changed, NULL: none */
  gint64 refused;
  PlRenewal *renewal;
  PlHelper *helper; /* that asks for it */
  char *document_path;
  guint16 port;  /* of the overlay, where this one listens; else 0 */
};

/* After this long without an overlay a person wants to know why. */
#define PATIENCE (3 * PL_USEC_PER_SEC)

/* So long a person is told that a key was refused. */
#define REFUSAL_TIME (24 * 3600 * PL_USEC_PER_SEC)

/* --- the node --- */

static char *
list_bootstrap (const PlDocument *document)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < document->bootstrap_nodes->len; i++)
    {
      const PlHostPort *node = &g_array_index (document->bootstrap_nodes, PlHostPort, i);

      g_string_append_printf (text, strchr (node->host, ':') ? "%s[%s]:%u" : "%s%s:%u", i ? ", " : "", node->host, node->port);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
on_impatient (gpointer data)
{
  PlMembership *membership = data;
  g_autofree char *nodes = list_bootstrap (membership->document);

  if (!*nodes && membership->document->multicast_groups->len > 0)
    membership->problem = g_strdup_printf ("overlay %s: no peer on this network answers: is one on, with 'role=peer' in its peerline.conf? "
                                           "It is tried again and again", membership->overlay);
  else if (*nodes)
    membership->problem = g_strdup_printf ("overlay %s: no bootstrap node answers (%s): is this machine online, and does one of them run? "
                                           "It is tried again and again", membership->overlay, nodes);
  else
    membership->problem = g_strdup_printf ("overlay %s: its document names no bootstrap node: get one that does, and run "
                                           "'peerline overlay join FILE'", membership->overlay);
  pl_warn ("membership", membership->problem, NULL);
  if (membership->handlers.state_changed)
    membership->handlers.state_changed (membership->user, membership);
}

static void
watch_state (PlMembership *membership, PlNodeState state)
{
  if (state != PL_NODE_CONNECTING && state != PL_NODE_OFFLINE)
    {
      pl_timer_clear (&membership->patience);
      g_clear_pointer (&membership->problem, g_free);
    }
  else if (!membership->patience && !membership->problem)
    pl_env_arm (membership->env, &membership->patience, PATIENCE, on_impatient, membership);
}

static char *
dup_peers_path (PlMembership *membership)
{
  return g_strdup_printf ("%s/peers-%s", membership->state_dir, membership->node_hex);
}

static void
on_state_changed (gpointer user, PlNodeState state)
{
  PlMembership *membership = user;

  watch_state (membership, state);
  if (membership->handlers.state_changed)
    membership->handlers.state_changed (membership->user, membership);
}

static void
on_cached (gpointer user, const char *const *addresses)
{
  PlMembership *membership = user;
  g_autofree char *path = dup_peers_path (membership);

  pl_peers_save (path, addresses);
}

/* --- keys of names --- */

static void
note_refusal (PlMembership *membership, const char *text)
{
  gboolean known = g_strcmp0 (membership->refusal, text) == 0;

  g_free (membership->refusal);
  membership->refusal = g_strdup (text);
  membership->refused = pl_env_now (membership->env);
  if (known)
    return;
  pl_warn ("membership", text, NULL);
  if (membership->handlers.state_changed)
    membership->handlers.state_changed (membership->user, membership);
}

gboolean
pl_membership_meet (PlMembership *membership, const PlCert *cert, gboolean dialled, GError **error)
{
  const char *aor = pl_cert_aor (cert);
  guint8 key[PL_KEY_FINGERPRINT_LEN];
  g_autoptr (GError) why = NULL;

  if (!membership->pins_path || !aor)
    return TRUE;
  pl_cert_key_fingerprint (cert, key);
  if (pl_pins_meet (membership->pins_path, aor, key, dialled ? PL_PIN_DIALLED : PL_PIN_CALLED_US,
                    pl_env_wall (membership->env) / PL_USEC_PER_SEC, &why))
    return TRUE;
  note_refusal (membership, why->message);
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

static GPtrArray *
dup_keys_of (const GArray *nodes, const char *aor)
{
  GPtrArray *keys = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < nodes->len; i++)
    if (g_str_equal (g_array_index (nodes, PlFoundNode, i).aor, aor))
      g_ptr_array_add (keys, pl_hex_dup (g_array_index (nodes, PlFoundNode, i).key, PL_KEY_FINGERPRINT_LEN));
  return keys;
}

/* Those of `aor` stay whose key is among `keys`. */
static void
keep_keys (GArray *nodes, const char *aor, GPtrArray *keys)
{
  for (guint i = nodes->len; i > 0; i--)
    {
      const PlFoundNode *node = &g_array_index (nodes, PlFoundNode, i - 1);
      g_autofree char *key = pl_hex_dup (node->key, PL_KEY_FINGERPRINT_LEN);

      if (g_str_equal (node->aor, aor) && !g_ptr_array_find_with_equal_func (keys, key, g_str_equal, NULL))
        g_array_remove_index (nodes, i - 1);
    }
}

gboolean
pl_membership_filter (PlMembership *membership, GArray *nodes)
{
  g_autoptr (GPtrArray) aors = g_ptr_array_new_with_free_func (g_free);
  gboolean all = TRUE;

  for (guint i = 0; membership->pins_path && i < nodes->len; i++)
    if (!g_ptr_array_find_with_equal_func (aors, g_array_index (nodes, PlFoundNode, i).aor, g_str_equal, NULL))
      g_ptr_array_add (aors, g_strdup (g_array_index (nodes, PlFoundNode, i).aor));
  for (guint i = 0; i < aors->len; i++)
    {
      const char *aor = g_ptr_array_index (aors, i);
      g_autoptr (GPtrArray) keys = dup_keys_of (nodes, aor);
      g_autoptr (GError) why = NULL;

      if (!pl_pins_filter (membership->pins_path, aor, keys, pl_env_wall (membership->env) / PL_USEC_PER_SEC, &why))
        {
          note_refusal (membership, why ? why->message : "the keys of names can't be read");
          all = FALSE;
        }
      keep_keys (nodes, aor, keys);
    }
  return all;
}

static void
on_incoming (gpointer user, PlAppLink *link)
{
  PlMembership *membership = user;

  if (!pl_membership_meet (membership, pl_app_link_info (link)->cert, FALSE, NULL))
    return pl_app_link_free (link);
  membership->handlers.incoming (membership->user, pl_sip_links_wrap (membership->links, link));
}

/* What to do follows what is wrong. */
static void
add_hint (GError **error, const char *hint)
{
  g_autofree char *said = NULL;

  if (!error || !*error)
    return;
  said = (*error)->message;
  (*error)->message = g_strdup_printf ("%s; %s", said, hint);
}

static PlDocument *
load_document (const PlHomeIdentity *home, GError **error)
{
  g_autoptr (GBytes) xml = pl_file_read (home->document_path, PL_DOCUMENT_MAX, error);
  PlDocument *document = xml ? pl_document_parse (xml, home->overlay, error) : NULL;

  if (!document)
    add_hint (error, "get the overlay's document again and run 'peerline overlay join FILE'");
  return document;
}

/* Says what is wrong with our own certificate in words a person can act on. */
static gboolean
check_certificate (PlMembership *membership, GError **error)
{
  PlCert *cert = pl_identity_cert (membership->identity);
  gint64 now = pl_env_wall (membership->env) / PL_USEC_PER_SEC;
  g_autoptr (GDateTime) from = g_date_time_new_from_unix_local (pl_cert_not_before (cert));
  g_autofree char *text = from ? g_date_time_format (from, "%F %R") : g_strdup ("?");

  if (now < pl_cert_not_before (cert))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                   "the certificate of %s is valid from %s only: is this machine's clock right? (timedatectl)", membership->aor, text);
      return FALSE;
    }
  if (now > pl_cert_not_after (cert))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                   "the certificate of %s has expired: renew it with 'peerline identity request %s --overlay %s'",
                   membership->aor, membership->aor, membership->overlay);
      return FALSE;
    }
  return pl_trust_check_cert (membership->trust, cert, error);
}

static gboolean
check_document (PlMembership *membership, GError **error)
{
  if (!pl_document_check_supported (membership->document, error))
    return FALSE;
  membership->trust = pl_document_trust_new (membership->document, membership->env, error);
  if (membership->trust && pl_document_verify (membership->document, membership->trust, NULL, error))
    return TRUE;
  if (error && *error && !strstr ((*error)->message, "clock"))
    add_hint (error, "get the overlay's document again and run 'peerline overlay join FILE'");
  return FALSE;
}

static gboolean
load_identity (PlMembership *membership, const PlHomeIdentity *home, GError **error)
{
  g_autofree char *hint = g_strdup_printf ("get a new certificate: 'peerline identity request %s --overlay %s', then "
                                           "'peerline identity import FILE'", home->aor, home->overlay);

  membership->identity = pl_identity_load (home->key_path, home->cert_path, membership->passphrase, error);
  if (membership->identity)
    return check_certificate (membership, error);
  if (error && *error && (*error)->domain != PL_KEY_ERROR && !strstr ((*error)->message, "chmod"))
    add_hint (error, hint);
  return FALSE;
}

static gboolean
load_secrets (PlMembership *membership, const PlHomeIdentity *home, GError **error)
{
  if (pl_document_mode (membership->document) != PL_MODE_SHARED_SECRET)
    return TRUE;
  membership->secrets = pl_home_load_secrets (home->secrets_path, error);
  if (!membership->secrets)
    add_hint (error, "get the overlay's secret from one who has it and run 'peerline overlay secret NAME --add FILE'");
  return membership->secrets != NULL;
}

static gboolean
load_files (PlMembership *membership, const PlHomeIdentity *home, const PlStoreLimits *limits, GError **error)
{
  g_autofree char *store_path = NULL;

  membership->document = load_document (home, error);
  if (!membership->document)
    return FALSE;
  if (!check_document (membership, error) || !load_identity (membership, home, error))
    return FALSE;
  if (pl_document_mode (membership->document) != PL_MODE_CERTIFICATES)
    membership->pins_path = g_strdup (home->pins_path);
  if (!load_secrets (membership, home, error))
    return FALSE;
  membership->issuer = pl_document_mode (membership->document) == PL_MODE_CERTIFICATES
                         ? pl_cert_dup_issuer (pl_identity_cert (membership->identity)) : g_strdup ("itself");
  membership->node_hex = pl_node_id_dup_hex (pl_identity_node_id (membership->identity));
  store_path = g_strdup_printf ("%s/records-%s", membership->state_dir, membership->node_hex);
  membership->store = pl_store_new (membership->env, membership->document, membership->trust, store_path, error);
  if (membership->store)
    pl_store_set_limits (membership->store, limits);
  return membership->store != NULL;
}

static PlTransport *
make_transport (PlMembership *membership, const PlMembershipOptions *options, GError **error)
{
  const PlSettings *config = options->config;
  PlTransportOptions transport = {
    .listen_address = config->overlay_listen,
    .listen_port = options->listen ? config->overlay_port : 0,
    .turn = (const char *const *) config->turn,
    .secrets = membership->secrets,
    .max_message = membership->document->max_message_size,
    .no_ice = membership->document->no_ice,
    .tell = config->tell,
    .connections = config->connections,
  };

  g_clear_pointer (&membership->stun, g_ptr_array_unref);
  membership->stun = pl_document_dup_stun (membership->document, config->stun);
  transport.stun = pl_membership_stun (membership);
  return pl_transport_real_new (membership->env, pl_loop_context (options->loop), membership->identity,
                                membership->trust, &transport, error);
}

/* The newer document of the overlay, for the next start. The file may be of a later one already. */
static void
on_document (gpointer user, PlDocument *document)
{
  PlMembership *membership = user;
  g_autoptr (GBytes) xml = pl_file_read (membership->document_path, PL_DOCUMENT_MAX, NULL);
  g_autoptr (PlDocument) there = xml ? pl_document_parse (xml, membership->overlay, NULL) : NULL;
  g_autoptr (GError) error = NULL;
  gsize len;
  const char *data = g_bytes_get_data (document->xml, &len);

  pl_document_free (membership->document);
  membership->document = pl_document_ref (document);
  pl_local_remove_self (document, membership->port);
  if ((!there || pl_document_sequence_newer (document->sequence, there->sequence))
      && !pl_file_write (membership->document_path, data, len, 0644, &error))
    pl_warn ("membership", "cannot keep the overlay's newer document", "reason", error->message, NULL);
}

static void
on_trouble (gpointer user, const char *problem)
{
  PlMembership *membership = user;

  g_free (membership->trouble);
  membership->trouble = g_strdup (problem);
  if (membership->handlers.state_changed)
    membership->handlers.state_changed (membership->user, membership);
}

static gboolean
make_node (PlMembership *membership, const PlMembershipOptions *options, GError **error)
{
  static const PlNodeHandlers handlers = { on_state_changed, on_incoming, on_cached, on_document, on_trouble };
  PlNodeOptions node = { .role = membership->role, .promote_after = options->config->promote_after };
  PlDiagnosticsPolicy diagnostics = options->config->diagnostics;
  g_autofree char *peers_path = dup_peers_path (membership);
  g_auto (GStrv) peers = pl_peers_dup (peers_path);
  PlTransport *transport;

  diagnostics.measure = pl_diagnose_measure;
  node.diagnostics = &diagnostics;
  node.cached = (const char *const *) peers;
  node.limits = &options->config->limits;
  node.find_turn = !options->config->turn[0];
  node.needs_turn = options->config->tell == PL_ICE_TELL_RELAY_ONLY;
  node.turn = options->listen && options->config->turn_offer.secret ? &options->config->turn_offer : NULL;
  /* Where peers of the LAN are asked for, a ring is started by who can be found. */
  node.may_start_ring = pl_local_remove_self (membership->document, membership->port)
                        && (membership->port != 0 || membership->document->multicast_groups->len == 0);
  if (membership->document->no_ice && options->config->tell != PL_ICE_TELL_ALL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "candidates=%s cannot be followed in this overlay: it has no ICE, its links go straight from address to address",
                   pl_ice_tell_name (options->config->tell));
      return FALSE;
    }
  transport = make_transport (membership, options, error);
  if (!transport)
    {
      add_hint (error, "end the program that has the port ('ss -lntup' tells), or set another 'port' in the group [overlay] of peerline.conf");
      return FALSE;
    }
  membership->node = pl_node_new (membership->env, membership->document, membership->identity, membership->trust,
                                  transport, membership->store, &node, &handlers, membership);
  return TRUE;
}

/* --- renewal --- */

static void
on_renewed (gpointer user, const char *why)
{
  PlMembership *membership = user;

  g_clear_pointer (&membership->helper, pl_helper_free);
  pl_renewal_done (membership->renewal, why);
}

static void
ask_renewal (gpointer user)
{
  PlMembership *membership = user;
  const char *words[] = { "renew", membership->aor, "--overlay", membership->overlay, NULL };
  g_autoptr (GError) error = NULL;

  pl_info ("membership", "the certificate is renewed", "aor", membership->aor, "overlay", membership->overlay, NULL);
  membership->helper = pl_helper_start (words, membership->passphrase, on_renewed, membership, &error);
  if (!membership->helper)
    pl_renewal_done (membership->renewal, error->message);
}

static void
on_renewal_changed (gpointer user)
{
  PlMembership *membership = user;
  const char *problem = pl_renewal_problem (membership->renewal);

  if (problem)
    pl_warn ("membership", problem, NULL);
  if (membership->handlers.state_changed)
    membership->handlers.state_changed (membership->user, membership);
}

PlMembership *
pl_membership_new (const PlHomeIdentity *home, const PlMembershipOptions *options, GError **error)
{
  static const PlRenewalFuncs renewal = { ask_renewal, on_renewal_changed };
  g_autoptr (PlMembership) membership = g_new0 (PlMembership, 1);

  membership->questions = g_hash_table_new (NULL, NULL);
  membership->handlers = *options->handlers;
  membership->user = options->user;
  membership->env = pl_loop_env (options->loop);
  membership->aor = g_strdup (home->aor);
  membership->overlay = g_strdup (home->overlay);
  membership->incognito = pl_home_is_incognito (home);
  membership->passphrase = g_strdup (options->passphrase);
  membership->document_path = g_strdup (home->document_path);
  membership->port = options->listen ? options->config->overlay_port : 0;
  membership->state_dir = g_strdup (options->state_dir);
  /* Whoever made the overlay is where the others come to. */
  membership->role = options->config->role == PL_ROLE_AUTO && options->listen ? PL_ROLE_BOOTSTRAP : options->config->role;
  membership->links = pl_sip_links_new (membership->env, membership->aor, membership->state_dir);
  if (load_files (membership, home, &options->config->store_limits, error) && make_node (membership, options, error))
    {
      membership->renewal = pl_renewal_new (membership->env, pl_identity_cert (membership->identity), &renewal, membership);
      return g_steal_pointer (&membership);
    }
  g_prefix_error (error, "%s in overlay %s: ", home->aor, home->overlay);
  return NULL;
}

PlFarLink *
pl_membership_wrap (PlMembership *membership, PlAppLink *link)
{
  return pl_sip_links_wrap (membership->links, link);
}

char *
pl_membership_dup_device (PlMembership *membership, const PlNodeId *node)
{
  return pl_sip_links_dup_name (membership->links, node);
}

void
pl_membership_set_only (PlMembership *membership, gboolean only)
{
  pl_sip_links_set_overlay (membership->links, only ? NULL : membership->overlay);
}

GPtrArray *
pl_membership_dup_sip_links (PlMembership *membership)
{
  return pl_sip_links_dup_peers (membership->links);
}

void
pl_membership_asked (PlMembership *membership, gpointer question, GDestroyNotify end)
{
  g_hash_table_insert (membership->questions, question, end);
}

void
pl_membership_answered (PlMembership *membership, gpointer question)
{
  if (membership->questions)
    g_hash_table_remove (membership->questions, question);
}

/* Their look-ups may be cancelled still: the node is there. */
static void
end_questions (GHashTable *questions)
{
  GHashTableIter iter;
  gpointer question, end;

  g_hash_table_iter_init (&iter, questions);
  while (g_hash_table_iter_next (&iter, &question, &end))
    ((GDestroyNotify) end) (question);
  g_hash_table_unref (questions);
}

static void
wipe_secrets (PlMembership *membership)
{
  if (membership->secrets)
    pl_wipe ((guint8 *) g_bytes_get_data (membership->secrets, NULL), g_bytes_get_size (membership->secrets));
  g_clear_pointer (&membership->secrets, g_bytes_unref);
}

void
pl_membership_free (PlMembership *membership)
{
  if (!membership)
    return;
  g_clear_pointer (&membership->links, pl_sip_links_free);
  g_clear_pointer (&membership->helper, pl_helper_free);
  g_clear_pointer (&membership->renewal, pl_renewal_free);
  g_clear_pointer (&membership->questions, end_questions);
  g_clear_pointer (&membership->node, pl_node_free);
  g_clear_pointer (&membership->store, pl_store_free);
  g_clear_pointer (&membership->identity, pl_identity_unref);
  g_clear_pointer (&membership->trust, pl_trust_free);
  g_clear_pointer (&membership->document, pl_document_free);
  pl_timer_clear (&membership->patience); /* a node that stops may say so */
  g_free (membership->problem);
  g_free (membership->trouble);
  wipe_secrets (membership);
  g_free (membership->pins_path);
  g_free (membership->refusal);
  g_free (membership->document_path);
  g_clear_pointer (&membership->stun, g_ptr_array_unref);
  g_free (membership->aor);
  g_free (membership->overlay);
  g_free (membership->node_hex);
  g_free (membership->issuer);
  pl_wipe_text (membership->passphrase);
  g_free (membership->state_dir);
  g_free (membership);
}

void
pl_membership_start (PlMembership *membership)
{
  watch_state (membership, PL_NODE_OFFLINE);
  pl_node_start (membership->node);
}

void
pl_membership_stop (PlMembership *membership, void (*done) (gpointer data), gpointer data)
{
  pl_node_stop (membership->node, done, data);
}

/* What is being written or spoilt does not replace what works. A renewed certificate is taken over in
 * place (11.3), one for another key is not. */
static gboolean
has_identity_of (PlMembership *membership, const PlHomeIdentity *home)
{
  g_autoptr (PlIdentity) identity = pl_identity_load (home->key_path, home->cert_path, membership->passphrase, NULL);
  PlCert *cert = identity ? pl_identity_cert (identity) : NULL;

  if (!cert || g_bytes_equal (pl_cert_der (cert), pl_cert_der (pl_identity_cert (membership->identity))))
    return TRUE;
  if (pl_node_state (membership->node) == PL_NODE_LEFT || !pl_trust_check_cert (membership->trust, cert, NULL)
      || !pl_node_renew (membership->node, identity))
    return FALSE;
  pl_notice ("membership", "goes on with its renewed certificate", "aor", membership->aor, "overlay", membership->overlay, NULL);
  pl_renewal_set_cert (membership->renewal, cert);
  return TRUE;
}

/* As with the identity, what can't be read does not replace what works. */
static gboolean
has_secrets_of (PlMembership *membership, const PlHomeIdentity *home)
{
  g_autoptr (GBytes) secrets = membership->secrets ? pl_home_load_secrets (home->secrets_path, NULL) : NULL;

  return !secrets || g_bytes_equal (secrets, membership->secrets);
}

/* The document in the file is in force, or will be in a moment as the next one of the present;
 * FALSE when it must begin anew with it. */
static gboolean
follows_document_of (PlMembership *membership, const PlHomeIdentity *home)
{
  g_autoptr (GBytes) xml = pl_file_read (home->document_path, PL_DOCUMENT_MAX, NULL);
  g_autoptr (PlDocument) document = xml ? pl_document_parse (xml, home->overlay, NULL) : NULL;

  if (!document || g_bytes_equal (xml, membership->document->xml))
    return TRUE;
  return pl_node_state (membership->node) != PL_NODE_LEFT && document->no_ice == membership->document->no_ice
         && pl_node_take_document (membership->node, xml, NULL);
}

gboolean
pl_membership_is_current (PlMembership *membership, const PlHomeIdentity *home)
{
  return membership->incognito == pl_home_is_incognito (home) && has_identity_of (membership, home) && has_secrets_of (membership, home) && follows_document_of (membership, home);
}

const char *
pl_membership_problem (PlMembership *membership)
{
  if (membership->trouble || membership->problem)
    return membership->trouble ? membership->trouble : membership->problem;
  if (membership->refusal && pl_env_now (membership->env) - membership->refused < REFUSAL_TIME)
    return membership->refusal;
  return pl_renewal_problem (membership->renewal);
}

const char *
pl_membership_aor (PlMembership *membership)
{
  return membership->aor;
}

const char *
pl_membership_overlay (PlMembership *membership)
{
  return membership->overlay;
}

const char *
pl_membership_node_hex (PlMembership *membership)
{
  return membership->node_hex;
}

PlNode *
pl_membership_node (PlMembership *membership)
{
  return membership->node;
}

const char *const *
pl_membership_stun (PlMembership *membership)
{
  return (const char *const *) membership->stun->pdata;
}

PlRole
pl_membership_role (PlMembership *membership)
{
  return membership->role;
}

gboolean
pl_membership_incognito (PlMembership *membership)
{
  return membership->incognito;
}

const char *
pl_membership_issuer (PlMembership *membership)
{
  return membership->issuer;
}

gint64
pl_membership_expires (PlMembership *membership)
{
  return pl_cert_not_after (pl_identity_cert (membership->identity));
}
