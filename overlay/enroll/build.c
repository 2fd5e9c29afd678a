/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/enroll/document.h"

#include <string.h>

#include "overlay/enroll/enroll-priv.h"

static void
put_text (GString *out, const char *element, const char *text)
{
  g_autofree char *line = g_markup_printf_escaped ("    <%s>%s</%s>\n", element, text, element);

  g_string_append (out, line);
}

static void
put_number (GString *out, const char *element, guint number)
{
  g_string_append_printf (out, "    <%s>%u</%s>\n", element, number, element);
}

static void
put_boolean (GString *out, const char *element, gboolean value)
{
  put_text (out, element, value ? "true" : "false");
}

static void
put_texts (GString *out, const char *element, GPtrArray *texts)
{
  for (guint i = 0; i < texts->len; i++)
    put_text (out, element, g_ptr_array_index (texts, i));
}

static void
put_hosts (GString *out, const char *element, const char *attribute, GArray *hosts)
{
  for (guint i = 0; i < hosts->len; i++)
    {
      const PlHostPort *item = &g_array_index (hosts, PlHostPort, i);
      g_autofree char *line = g_markup_printf_escaped ("    <%s %s=\"%s\" port=\"%u\"/>\n", element, attribute, item->host, item->port);

      g_string_append (out, line);
    }
}

static void
put_node_ids (GString *out, const char *element, GArray *ids, const PlNodeId *instead)
{
  g_autofree char *hex = NULL;

  if (ids->len == 0 && instead)
    {
      hex = pl_node_id_dup_hex (instead);
      put_text (out, element, hex);
    }
  for (guint i = 0; i < ids->len; i++)
    {
      g_autofree char *one = pl_node_id_dup_hex (&g_array_index (ids, PlNodeId, i));

      put_text (out, element, one);
    }
}

static void
put_roots (GString *out, GPtrArray *roots)
{
  for (guint i = 0; i < roots->len; i++)
    {
      GBytes *der = g_ptr_array_index (roots, i);
      g_autofree char *base64 = g_base64_encode (g_bytes_get_data (der, NULL), g_bytes_get_size (der));

      put_text (out, "root-cert", base64);
    }
}

static char *
kind_text (const PlKind *kind)
{
  GString *out = g_string_new ("<kind ");
  const char *name = pl_kind_name (kind->id);

  if (name)
    g_string_append_printf (out, "name=\"%s\">", name);
  else
    g_string_append_printf (out, "id=\"%u\">", kind->id);
  g_string_append_printf (out, "<data-model>%s</data-model><access-control>%s</access-control>",
                          pl_model_name (kind->model), pl_access_name (kind->access));
  if (kind->access == PL_ACCESS_NODE_MULTIPLE)
    g_string_append_printf (out, "<max-node-multiple>%u</max-node-multiple>", kind->max_node_multiple);
  g_string_append_printf (out, "<max-count>%u</max-count><max-size>%u</max-size></kind>", kind->max_count, kind->max_size);
  return g_string_free (out, FALSE);
}

static gboolean
put_kinds (GString *out, GArray *kinds, PlIdentity *signer, GError **error)
{
  g_string_append (out, "    <required-kinds>\n");
  for (guint i = 0; i < kinds->len; i++)
    {
      const PlKind *def = &g_array_index (kinds, PlKind, i);
      g_autofree char *kind = NULL, *signature = NULL;

      if (def->access == PL_ACCESS_COPIES)
        continue; /* never required, so that foreign peers stay welcome */
      kind = kind_text (def);
      signature = pl_blob_sign (signer, kind, error);
      if (!signature)
        return FALSE;
      g_string_append_printf (out, "      <kind-block>%s<kind-signature>%s</kind-signature></kind-block>\n", kind, signature);
    }
  g_string_append (out, "    </required-kinds>\n");
  return TRUE;
}

/* RFC 7904, 7851 and 7363: nothing where the document says nothing. */
static void
put_extensions (GString *out, const PlDocument *document)
{
  if (document->domains_restricted)
    {
      g_string_append_printf (out, "    <sip:domain-restrictions xmlns:sip=\"" PL_NS_SIP "\" enable=\"%s\">\n",
                              document->domain_patterns->len ? "true" : "false");
      put_texts (out, "sip:pattern", document->domain_patterns);
      g_string_append (out, "    </sip:domain-restrictions>\n");
    }
  for (guint i = 0; i < document->diagnostic_grants->len; i++)
    {
      const PlDiagnosticGrant *grant = &g_array_index (document->diagnostic_grants, PlDiagnosticGrant, i);
      g_autofree char *hex = pl_node_id_dup_hex (&grant->node);

      g_string_append_printf (out, "    <d:diagnostic-kind xmlns:d=\"" PL_NS_DIAGNOSTICS "\" kind=\"0x%04x\">"
                              "<d:access-node>%s</d:access-node></d:diagnostic-kind>\n", grant->kind, hex);
    }
  if (g_strcmp0 (document->topology, PL_TOPOLOGY_SELF_TUNING) == 0)
    g_string_append_printf (out, "    <t:number-of-peers-to-probe xmlns:t=\"" PL_NS_TUNING "\">%u</t:number-of-peers-to-probe>\n",
                            document->peers_to_probe);
}

static void
put_mandatory (GString *out, const PlDocument *document, const char *extension)
{
  if (!g_ptr_array_find_with_equal_func (document->mandatory_extensions, extension, g_str_equal, NULL))
    put_text (out, "mandatory-extension", extension);
}

/* The name spaces are declared in the signed part, too, so that nobody can give its elements
 * another meaning from outside of it. */
static void
put_start (GString *out, const PlDocument *document)
{
  g_autofree char *start = g_markup_printf_escaped (
    "<configuration xmlns=\"" PL_NS_BASE "\" xmlns:chord=\"" PL_NS_CHORD "\" xmlns:pl=\"" PL_NS_OWN "\""
    " instance-name=\"%s\" sequence=\"%u\"", document->instance_name, document->sequence);
  g_autoptr (GDateTime) when = NULL;
  g_autofree char *text = NULL;

  g_string_append (out, start);
  if (document->expiration)
    {
      when = g_date_time_new_from_unix_utc (document->expiration);
      text = when ? g_date_time_format (when, "%Y-%m-%dT%H:%M:%SZ") : NULL;
    }
  if (text)
    g_string_append_printf (out, " expiration=\"%s\"", text);
  g_string_append (out, ">\n");
}

static void
put_values (GString *out, const PlDocument *document)
{
  put_text (out, "topology-plugin", document->topology);
  put_number (out, "node-id-length", document->node_id_length);
  put_roots (out, document->root_certs);
  if (document->self_signed_permitted)
    g_string_append_printf (out, "    <self-signed-permitted digest=\"%s\">true</self-signed-permitted>\n",
                            document->self_signed_digest == G_CHECKSUM_SHA1 ? "sha1" : "sha256");
  if (document->secret_links)
    put_text (out, "pl:admission", "shared-secret");
  put_texts (out, "enrollment-server", document->enrollment_servers);
  put_hosts (out, "bootstrap-node", "address", document->bootstrap_nodes);
  put_number (out, "turn-density", document->turn_density);
  put_boolean (out, "clients-permitted", document->clients_permitted);
  put_boolean (out, "no-ice", document->no_ice);
  put_number (out, "chord:chord-update-interval", document->chord_update_interval);
  put_number (out, "chord:chord-ping-interval", document->chord_ping_interval);
  put_boolean (out, "chord:chord-reactive", document->chord_reactive);
  put_number (out, "max-message-size", document->max_message_size);
  put_number (out, "initial-ttl", document->initial_ttl);
  put_number (out, "overlay-reliability-timer", document->reliability_timer);
  put_texts (out, "overlay-link-protocol", document->link_protocols);
  put_node_ids (out, "bad-node", document->bad_nodes, NULL);
  put_texts (out, "mandatory-extension", document->mandatory_extensions);
  if (document->secret_links)
    put_mandatory (out, document, PL_NS_OWN); /* without it nobody gets a link */
  if (g_strcmp0 (document->topology, PL_TOPOLOGY_SELF_TUNING) == 0)
    put_mandatory (out, document, PL_NS_TUNING); /* RFC 7363, section 7 */
  put_hosts (out, "pl:stun-server", "host", document->stun_servers);
  put_hosts (out, "pl:multicast-bootstrap", "address", document->multicast_groups);
  put_number (out, "pl:registration-places", document->registration_places);
  put_extensions (out, document);
}

GBytes *
pl_document_build (const PlDocument *document, PlIdentity *signer, GError **error)
{
  g_autoptr (GString) blob = g_string_new (NULL);
  g_autofree char *signature = NULL;
  char *xml;

  put_start (blob, document);
  put_values (blob, document);
  put_node_ids (blob, "configuration-signer", document->configuration_signers, pl_identity_node_id (signer));
  put_node_ids (blob, "kind-signer", document->kind_signers, pl_identity_node_id (signer));
  if (!put_kinds (blob, document->kinds, signer, error))
    return NULL;
  g_string_append (blob, "  </configuration>");
  signature = pl_blob_sign (signer, blob->str, error);
  if (!signature)
    return NULL;
  xml = g_strdup_printf ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<overlay xmlns=\"" PL_NS_BASE "\">\n  %s\n"
                         "  <signature>%s</signature>\n</overlay>\n", blob->str, signature);
  return g_bytes_new_take (xml, strlen (xml));
}
