/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/enroll/document.h"

#include <regex.h>
#include <string.h>

#include "overlay/enroll/enroll-priv.h"

/* RFC 6940, section 11.1. */
#define TTL_DEFAULT 100
#define MESSAGE_SIZE_DEFAULT 5000
#define RELIABILITY_DEFAULT 3000
#define UPDATE_INTERVAL_DEFAULT 600   /* 10.7.4.1 */
#define PEERS_TO_PROBE_DEFAULT 4       /* RFC 7363, section 6.5 */
#define PING_INTERVAL_DEFAULT 3600

/* What our own documents say instead. */
#define OWN_MESSAGE_SIZE 16384
#define OWN_RELIABILITY 1000

gboolean
pl_host_port_parse (const char *text, guint16 otherwise, PlHostPort *place, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GSocketConnectable) address = g_network_address_parse (text, otherwise, &why);

  if (!address || g_network_address_get_port (G_NETWORK_ADDRESS (address)) == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' is no HOST:PORT%s%s", text, why ? ": " : "", why ? why->message : "");
      return FALSE;
    }
  place->host = g_strdup (g_network_address_get_hostname (G_NETWORK_ADDRESS (address)));
  place->port = g_network_address_get_port (G_NETWORK_ADDRESS (address));
  return TRUE;
}

static void
host_port_clear (gpointer data)
{
  g_free (((PlHostPort *) data)->host);
}

static void
kind_blob_free (gpointer data)
{
  PlKindBlob *blob = data;

  g_bytes_unref (blob->blob);
  g_free (blob->signature);
  g_free (blob);
}

static GArray *
host_list_new (void)
{
  GArray *list = g_array_new (FALSE, TRUE, sizeof (PlHostPort));

  g_array_set_clear_func (list, host_port_clear);
  return list;
}

PlDocument *
pl_document_alloc (const char *instance_name)
{
  PlDocument *document = g_new0 (PlDocument, 1);

  document->refs = 1;
  document->node_id_length = PL_NODE_ID_LEN;
  document->instance_name = g_strdup (instance_name);
  document->root_certs = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  document->bootstrap_nodes = host_list_new ();
  document->stun_servers = host_list_new ();
  document->multicast_groups = host_list_new ();
  document->kinds = g_array_new (FALSE, TRUE, sizeof (PlKind));
  document->kind_blobs = g_ptr_array_new_with_free_func (kind_blob_free);
  document->bad_nodes = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  document->configuration_signers = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  document->kind_signers = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  document->enrollment_servers = g_ptr_array_new_with_free_func (g_free);
  document->signatures = g_ptr_array_new_with_free_func (g_free);
  document->link_protocols = g_ptr_array_new_with_free_func (g_free);
  document->mandatory_extensions = g_ptr_array_new_with_free_func (g_free);
  document->domain_patterns = g_ptr_array_new_with_free_func (g_free);
  document->kind_updates = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  document->unknown_kinds = g_ptr_array_new_with_free_func (g_free);
  document->diagnostic_grants = g_array_new (FALSE, FALSE, sizeof (PlDiagnosticGrant));
  document->peers_to_probe = PEERS_TO_PROBE_DEFAULT;
  document->clients_permitted = TRUE;
  document->chord_reactive = TRUE;
  document->self_signed_digest = G_CHECKSUM_SHA256;
  document->initial_ttl = TTL_DEFAULT;
  document->max_message_size = MESSAGE_SIZE_DEFAULT;
  document->reliability_timer = RELIABILITY_DEFAULT;
  document->chord_update_interval = UPDATE_INTERVAL_DEFAULT;
  document->chord_ping_interval = PING_INTERVAL_DEFAULT;
  document->turn_density = 1;
  document->registration_places = 1;
  return document;
}

PlDocument *
pl_document_new (const char *instance_name)
{
  static const guint32 required[] = { PL_KIND_SIP_REGISTRATION, PL_KIND_CERTIFICATE_BY_NODE, PL_KIND_CERTIFICATE_BY_USER };
  PlDocument *document = pl_document_alloc (instance_name);

  document->has_sequence = TRUE;
  document->sequence = 1;
  document->topology = g_strdup (PL_TOPOLOGY_CHORD);
  g_ptr_array_add (document->link_protocols, g_strdup ("TLS"));
  document->max_message_size = OWN_MESSAGE_SIZE;
  document->reliability_timer = OWN_RELIABILITY;
  document->turn_density = 0;
  for (guint i = 0; i < G_N_ELEMENTS (required); i++)
    g_array_append_val (document->kinds, *pl_kind_registered (required[i]));
  pl_document_set_registration_places (document, PL_REGISTRATION_PLACES);
  return document;
}

PlDocument *
pl_document_ref (const PlDocument *document)
{
  PlDocument *counted = (PlDocument *) document;

  counted->refs++;
  return counted;
}

void
pl_document_free (PlDocument *document)
{
  if (!document || --document->refs > 0)
    return;
  g_free (document->instance_name);
  g_free (document->topology);
  g_ptr_array_unref (document->root_certs);
  g_array_unref (document->bootstrap_nodes);
  g_array_unref (document->stun_servers);
  g_array_unref (document->multicast_groups);
  g_array_unref (document->kinds);
  g_ptr_array_unref (document->kind_blobs);
  g_array_unref (document->bad_nodes);
  g_array_unref (document->configuration_signers);
  g_array_unref (document->kind_signers);
  g_ptr_array_unref (document->enrollment_servers);
  g_ptr_array_unref (document->signatures);
  g_ptr_array_unref (document->link_protocols);
  g_ptr_array_unref (document->mandatory_extensions);
  g_ptr_array_unref (document->domain_patterns);
  g_ptr_array_unref (document->kind_updates);
  g_ptr_array_unref (document->unknown_kinds);
  g_array_unref (document->diagnostic_grants);
  g_clear_pointer (&document->xml, g_bytes_unref);
  g_clear_pointer (&document->blob, g_bytes_unref);
  g_free (document);
}

/* A pattern that is none matches nothing. The whole domain must match: a pattern for one must not
 * let in another that only holds it. */
static gboolean
matches (const char *pattern, const char *domain)
{
  g_autofree char *whole = g_strdup_printf ("^(%s)$", pattern);
  regex_t regex;
  gboolean match;

  if (regcomp (&regex, whole, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
    return FALSE;
  match = regexec (&regex, domain, 0, NULL, 0) == 0;
  regfree (&regex);
  return match;
}

gboolean
pl_document_allows_aor (const PlDocument *document, const char *aor)
{
  const char *at = strrchr (aor, '@');

  if (!document->domains_restricted)
    return TRUE;
  if (!at)
    return FALSE;
  if (document->domain_patterns->len == 0)
    return g_ascii_strcasecmp (at + 1, document->instance_name) == 0;
  for (guint i = 0; i < document->domain_patterns->len; i++)
    if (matches (g_ptr_array_index (document->domain_patterns, i), at + 1))
      return TRUE;
  return FALSE;
}

gboolean
pl_document_is_group (const char *address)
{
  g_autoptr (GInetAddress) inet = g_inet_address_new_from_string (address);

  return inet && g_inet_address_get_family (inet) == G_SOCKET_FAMILY_IPV4 && g_inet_address_get_is_multicast (inet);
}

gboolean
pl_document_set_registration_places (PlDocument *document, guint places)
{
  const PlKind *first = pl_document_kind (document, PL_KIND_SIP_REGISTRATION);
  PlKind kind = first ? *first : *pl_kind_registered (PL_KIND_SIP_REGISTRATION);

  for (guint i = document->kinds->len; i > 0; i--)
    if (g_array_index (document->kinds, PlKind, i - 1).id == PL_KIND_REGISTRATION_COPY)
      {
        if (g_array_index (document->kinds, PlKind, i - 1).access != PL_ACCESS_COPIES)
          return FALSE;
        g_array_remove_index (document->kinds, i - 1);
      }
  document->registration_places = CLAMP (places, 1, PL_REGISTRATION_PLACES_MAX);
  if (document->registration_places == 1)
    return TRUE;
  kind.id = PL_KIND_REGISTRATION_COPY;
  kind.access = PL_ACCESS_COPIES;
  kind.max_node_multiple = document->registration_places - 1;
  g_array_append_val (document->kinds, kind);
  return TRUE;
}

const PlKind *
pl_document_kind (const PlDocument *document, guint32 id)
{
  for (guint i = 0; i < document->kinds->len; i++)
    if (g_array_index (document->kinds, PlKind, i).id == id)
      return &g_array_index (document->kinds, PlKind, i);
  return NULL;
}

PlTrust *
pl_document_trust_new (const PlDocument *document, PlEnv *env, GError **error)
{
  g_autoptr (PlTrust) trust = pl_trust_new (env, document->instance_name);

  for (guint i = 0; i < document->root_certs->len; i++)
    if (!pl_trust_add_root (trust, g_ptr_array_index (document->root_certs, i), error))
      {
        g_prefix_error (error, "root-cert %u of overlay %s: ", i + 1, document->instance_name);
        return NULL;
      }
  if (document->self_signed_permitted)
    pl_trust_allow_self_signed (trust, document->self_signed_digest);
  pl_trust_set_bad_nodes (trust, (const PlNodeId *) document->bad_nodes->data, document->bad_nodes->len);
  return g_steal_pointer (&trust);
}

gboolean
pl_document_check_time (const PlDocument *document, PlEnv *env, GError **error)
{
  g_autoptr (GDateTime) when = NULL;
  g_autofree char *text = NULL;

  if (document->expiration == 0 || pl_env_wall (env) / PL_USEC_PER_SEC <= document->expiration)
    return TRUE;
  when = g_date_time_new_from_unix_utc (document->expiration);
  text = when ? g_date_time_format (when, "%Y-%m-%dT%H:%M:%SZ") : g_strdup ("?");
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
               "the configuration of overlay %s expired at %s: get a new document and run 'peerline overlay join FILE', "
               "or set this machine's clock right", document->instance_name, text);
  return FALSE;
}

gboolean
pl_document_sequence_newer (guint16 a, guint16 b)
{
  guint ahead = (a + PL_DOCUMENT_SEQUENCES - b) % PL_DOCUMENT_SEQUENCES;

  return ahead != 0 && ahead <= PL_DOCUMENT_SEQUENCES / 2;
}

static gboolean
unsupported (const PlDocument *document, const char *what, const char *value, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               "overlay %s needs what this version of peerline does not do: %s%s%s; ask whoever runs it, or look for a "
               "newer peerline", document->instance_name, what, *value ? " " : "", value);
  return FALSE;
}

PlMode
pl_document_mode (const PlDocument *document)
{
  if (document->secret_links)
    return PL_MODE_SHARED_SECRET;
  return document->self_signed_permitted ? PL_MODE_SELF_SIGNED : PL_MODE_CERTIFICATES;
}

const char *
pl_mode_name (PlMode mode)
{
  switch (mode)
    {
    case PL_MODE_CERTIFICATES:
      return "certificates";
    case PL_MODE_SELF_SIGNED:
      return "self-signed";
    case PL_MODE_SHARED_SECRET:
      return "shared-secret";
    }
  return "";
}

static gboolean
list_has (GPtrArray *list, const char *text)
{
  return g_ptr_array_find_with_equal_func (list, text, g_str_equal, NULL);
}

gboolean
pl_document_check_supported (const PlDocument *document, GError **error)
{
  static const char *const known[] = { PL_NS_BASE, PL_NS_CHORD, PL_NS_SIP, PL_NS_DIAGNOSTICS, PL_NS_TUNING, PL_NS_OWN, NULL };

  if (g_strcmp0 (document->topology, PL_TOPOLOGY_CHORD) != 0 && g_strcmp0 (document->topology, PL_TOPOLOGY_SELF_TUNING) != 0)
    return unsupported (document, "topology plug-in", document->topology, error);
  if (document->node_id_length != PL_NODE_ID_LEN)
    return unsupported (document, "Node-IDs of another length", "", error);
  if (!list_has (document->link_protocols, "TLS"))
    return unsupported (document, "overlay link protocol", g_ptr_array_index (document->link_protocols, 0), error);
  for (guint i = 0; i < document->mandatory_extensions->len; i++)
    {
      const char *extension = g_ptr_array_index (document->mandatory_extensions, i);

      if (!g_strv_contains (known, extension))
        return unsupported (document, "extension", extension, error);
    }
  if (document->unknown_kinds->len > 0)
    return unsupported (document, "Kind", g_ptr_array_index (document->unknown_kinds, 0), error);
  if (document->shared_secret)
    return unsupported (document, "admission by shared secret", "", error);
  /* Whoever signs for themselves could be anybody whom the authority certified. */
  if (document->self_signed_permitted && document->root_certs->len > 0)
    return unsupported (document, "an authority and self-signed identities at once", "", error);
  if (document->secret_links && !document->self_signed_permitted)
    return unsupported (document, "a shared secret together with an authority", "", error);
  if (!document->self_signed_permitted && document->root_certs->len == 0)
    return unsupported (document, "admission of nobody", "", error);
  return TRUE;
}

GPtrArray *
pl_document_dup_stun (const PlDocument *document, char *const *more)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; more && more[i]; i++)
    g_ptr_array_add (list, g_strdup (more[i]));
  for (guint pass = 0; pass < 2; pass++)
    {
      GArray *from = pass ? document->bootstrap_nodes : document->stun_servers;

      for (guint i = 0; i < from->len; i++)
        {
          const PlHostPort *server = &g_array_index (from, PlHostPort, i);
          gboolean six = strchr (server->host, ':') != NULL;

          g_ptr_array_add (list, g_strdup_printf ("%s%s%s:%u", six ? "[" : "", server->host, six ? "]" : "", server->port));
        }
    }
  g_ptr_array_add (list, NULL);
  return list;
}
