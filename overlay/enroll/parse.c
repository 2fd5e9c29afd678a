/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/enroll/document.h"

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/tree.h>
#include <string.h>

#include "overlay/enroll/document-rng.h"
#include "overlay/enroll/enroll-priv.h"

#define PROBLEMS_MAX 8           /* said of one document */
#define PORT_DEFAULT 6084        /* RFC 6940, section 11.1 */
#define STUN_PORT_DEFAULT 3478   /* RFC 8489, section 18.6 */
#define GROUP_PORT_DEFAULT 6084  /* of RELOAD, RFC 6940 section 14.2 */
#define MESSAGE_SIZE_MAX 0xffffff

G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlParserCtxt, xmlFreeParserCtxt)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlRelaxNG, xmlRelaxNGFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlRelaxNGParserCtxt, xmlRelaxNGFreeParserCtxt)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlRelaxNGValidCtxt, xmlRelaxNGFreeValidCtxt)

typedef struct {
  GBytes *xml;
  GArray *extents;
  PlDocument *document;
  GString *problems;
  guint n_problems;
} Parser;

static void G_GNUC_PRINTF (3, 4)
complain (Parser *parser, long line, const char *format, ...)
{
  va_list args;

  if (parser->n_problems++ >= PROBLEMS_MAX)
    return;
  if (parser->problems->len > 0)
    g_string_append (parser->problems, "; ");
  g_string_append_printf (parser->problems, "line %ld: ", line);
  va_start (args, format);
  g_string_append_vprintf (parser->problems, format, args);
  va_end (args);
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "cannot use the overlay's configuration document: %s", why);
  return FALSE;
}

/* --- XML --- */

static void
on_schema_error (void *data, xmlErrorPtr found)
{
  Parser *parser = data;
  g_autofree char *text = g_strdup (found->message ? found->message : "malformed");

  complain (parser, found->line, "%s", g_strchomp (text));
}

static gboolean
is_utf8 (xmlDocPtr tree)
{
  const char *encoding = (const char *) tree->encoding;

  return !encoding || g_ascii_strcasecmp (encoding, "UTF-8") == 0;
}

static xmlDocPtr
read_tree (GBytes *xml, GError **error)
{
  g_autoptr (xmlParserCtxt) context = xmlNewParserCtxt ();
  gsize len;
  const char *text = g_bytes_get_data (xml, &len);
  g_autoptr (xmlDoc) tree = xmlCtxtReadMemory (context, text, len, NULL, NULL,
                                               XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
  xmlErrorPtr found = xmlCtxtGetLastError (context);

  if (!tree)
    {
      g_autofree char *why = found ? g_strdup_printf ("line %d: %s", found->line, found->message) : g_strdup ("no XML");

      refuse (error, g_strchomp (why));
      return NULL;
    }
  if (!is_utf8 (tree) || tree->intSubset || tree->extSubset)
    {
      refuse (error, is_utf8 (tree) ? "it has a DOCTYPE" : "it is not in UTF-8");
      return NULL;
    }
  return g_steal_pointer (&tree);
}

static gboolean
validate (Parser *parser, xmlDocPtr tree)
{
  g_autoptr (xmlRelaxNGParserCtxt) schema_parser = xmlRelaxNGNewMemParserCtxt (pl_document_rng, sizeof pl_document_rng - 1);
  g_autoptr (xmlRelaxNG) schema = xmlRelaxNGParse (schema_parser);
  g_autoptr (xmlRelaxNGValidCtxt) context = NULL;
  int rc;

  g_assert (schema); /* our own file */
  context = xmlRelaxNGNewValidCtxt (schema);
  xmlRelaxNGSetValidStructuredErrors (context, on_schema_error, parser);
  rc = xmlRelaxNGValidateDoc (context, tree);
  if (rc != 0 && parser->problems->len == 0)
    complain (parser, 1, "it does not follow the grammar of RFC 6940");
  return rc == 0;
}

static xmlNodePtr
next_in_document (xmlNodePtr node, xmlNodePtr root)
{
  if (node->children && node->type == XML_ELEMENT_NODE)
    return node->children;
  while (node != root && !node->next)
    node = node->parent;
  return node == root ? NULL : node->next;
}

/* Each element gets the number of its extent. FALSE when text and tree disagree. */
static gboolean
number_elements (Parser *parser, xmlNodePtr root)
{
  guint n = 0;

  for (xmlNodePtr node = root; node; node = next_in_document (node, root))
    if (node->type == XML_ELEMENT_NODE)
      node->_private = GUINT_TO_POINTER (n++);
  return n == parser->extents->len;
}

static GBytes *
dup_extent (Parser *parser, xmlNodePtr node)
{
  const PlExtent *extent = &g_array_index (parser->extents, PlExtent, GPOINTER_TO_UINT (node->_private));

  return g_bytes_new_from_bytes (parser->xml, extent->start, extent->end - extent->start);
}

static gboolean
is_element (xmlNodePtr node, const char *ns, const char *name)
{
  return node->type == XML_ELEMENT_NODE && node->ns && g_str_equal ((const char *) node->ns->href, ns)
         && g_str_equal ((const char *) node->name, name);
}

static char *
dup_text (xmlNodePtr node)
{
  xmlChar *content = xmlNodeGetContent (node);
  char *text = g_strdup (content ? (const char *) content : "");

  xmlFree (content);
  return g_strstrip (text);
}

static char *
dup_attribute (xmlNodePtr node, const char *name)
{
  xmlChar *content = xmlGetNoNsProp (node, (const xmlChar *) name);
  char *text = content ? g_strstrip (g_strdup ((const char *) content)) : NULL;

  xmlFree (content);
  return text;
}

/* --- values; the grammar has seen to their form --- */

static guint64
get_number (xmlNodePtr node)
{
  g_autofree char *text = dup_text (node);

  return g_ascii_strtoull (text, NULL, 10);
}

static gboolean
get_boolean (xmlNodePtr node)
{
  g_autofree char *text = dup_text (node);

  return g_str_equal (text, "true") || g_str_equal (text, "1");
}

static void
add_text (GPtrArray *list, xmlNodePtr node)
{
  g_ptr_array_add (list, dup_text (node));
}

static void
add_node_id (Parser *parser, GArray *list, xmlNodePtr node)
{
  g_autofree char *text = dup_text (node);
  PlNodeId id;

  if (parser->document->node_id_length != PL_NODE_ID_LEN)
    return;
  if (pl_node_id_parse (text, &id))
    g_array_append_val (list, id);
  else
    complain (parser, xmlGetLineNo (node), "%s is not a Node-ID of 32 hexadecimal digits", (const char *) node->name);
}

static void
add_root (Parser *parser, xmlNodePtr node)
{
  g_autofree char *text = dup_text (node);
  gsize len;
  guchar *der = g_base64_decode (text, &len);

  g_ptr_array_add (parser->document->root_certs, g_bytes_new_take (der, len));
}

static gboolean
is_host (const char *host)
{
  if (!host || !*host || strlen (host) > 255)
    return FALSE;
  for (const char *p = host; *p; p++)
    if (!g_ascii_isalnum (*p) && !strchr (".-_:", *p))
      return FALSE;
  return !strchr (host, ':') || g_hostname_is_ip_address (host);
}

static void
add_host (Parser *parser, GArray *list, xmlNodePtr node, const char *attribute, guint16 port_default)
{
  g_autofree char *host = dup_attribute (node, attribute);
  g_autofree char *port = dup_attribute (node, "port");
  guint64 number = port_default;
  PlHostPort item;

  if (!is_host (host) || (port && !g_ascii_string_to_unsigned (port, 10, 1, 65535, &number, NULL)))
    {
      complain (parser, xmlGetLineNo (node), "%s is no address and port", (const char *) node->name);
      return;
    }
  item.host = g_steal_pointer (&host);
  item.port = number;
  g_array_append_val (list, item);
}

static void
take_group (Parser *parser, xmlNodePtr node)
{
  GArray *groups = parser->document->multicast_groups;
  guint before = groups->len;

  add_host (parser, groups, node, "address", GROUP_PORT_DEFAULT);
  if (groups->len > PL_DOCUMENT_GROUPS_MAX)
    complain (parser, xmlGetLineNo (node), "more than %d multicast-bootstrap", PL_DOCUMENT_GROUPS_MAX);
  else if (groups->len > before && !pl_document_is_group (g_array_index (groups, PlHostPort, before).host))
    complain (parser, xmlGetLineNo (node), "multicast-bootstrap is no IPv4 multicast address");
}

static void
take_self_signed (Parser *parser, xmlNodePtr node)
{
  g_autofree char *digest = dup_attribute (node, "digest");

  parser->document->self_signed_permitted = get_boolean (node);
  if (g_strcmp0 (digest, "sha1") == 0)
    parser->document->self_signed_digest = G_CHECKSUM_SHA1;
  else if (g_strcmp0 (digest, "sha256") == 0)
    parser->document->self_signed_digest = G_CHECKSUM_SHA256;
  else
    complain (parser, xmlGetLineNo (node), "digest is neither sha1 nor sha256");
}

static void
take_enrollment_server (Parser *parser, xmlNodePtr node)
{
  g_autofree char *url = dup_text (node);

  if (g_str_has_prefix (url, "https://"))
    g_ptr_array_add (parser->document->enrollment_servers, g_steal_pointer (&url));
  else
    complain (parser, xmlGetLineNo (node), "enrollment-server is no https: URL");
}

/* --- Kinds --- */

static gboolean
find_model (const char *text, PlDataModel *model)
{
  for (*model = PL_DATA_SINGLE; *model <= PL_DATA_DICTIONARY; (*model)++)
    if (g_str_equal (text, pl_model_name (*model)))
      return TRUE;
  return FALSE;
}

static gboolean
find_access (const char *text, PlAccess *access)
{
  for (*access = PL_ACCESS_USER_MATCH; *access <= PL_ACCESS_NODE_MULTIPLE; (*access)++)
    if (g_str_equal (text, pl_access_name (*access)))
      return TRUE;
  return FALSE;
}

static gboolean
take_kind_field (xmlNodePtr node, PlKind *kind)
{
  g_autofree char *text = dup_text (node);

  if (is_element (node, PL_NS_BASE, "max-count"))
    kind->max_count = get_number (node);
  else if (is_element (node, PL_NS_BASE, "max-size"))
    kind->max_size = get_number (node);
  else if (is_element (node, PL_NS_BASE, "max-node-multiple"))
    kind->max_node_multiple = get_number (node);
  else if (is_element (node, PL_NS_BASE, "data-model"))
    return find_model (text, &kind->model);
  else if (is_element (node, PL_NS_BASE, "access-control"))
    return find_access (text, &kind->access);
  return TRUE;
}

/* FALSE for a Kind we can't keep: not an error of the document. */
static gboolean
read_kind (xmlNodePtr node, PlKind *kind)
{
  g_autofree char *name = dup_attribute (node, "name");
  g_autofree char *id = dup_attribute (node, "id");
  gboolean known = TRUE;
  const PlKind *registered;

  for (xmlNodePtr child = node->children; child; child = child->next)
    known = take_kind_field (child, kind) && known;
  kind->id = name ? pl_kind_id (name) : (guint32) g_ascii_strtoull (id, NULL, 10);
  registered = pl_kind_registered (kind->id);
  if (!registered)
    return known && kind->id != 0 && (kind->access != PL_ACCESS_NODE_MULTIPLE || kind->max_node_multiple > 0);
  /* The registry wins over the document (11.1), as in the RFC's own example. */
  kind->model = registered->model;
  kind->access = registered->access;
  if (kind->max_node_multiple == 0)
    kind->max_node_multiple = registered->max_node_multiple;
  return TRUE;
}

static void
add_kind (Parser *parser, xmlNodePtr node, char *signature)
{
  PlDocument *document = parser->document;
  PlKindBlob *blob = g_new0 (PlKindBlob, 1);
  PlKind kind = { 0 };
  char *name;

  blob->blob = dup_extent (parser, node);
  blob->signature = signature;
  blob->line = xmlGetLineNo (node);
  g_ptr_array_add (document->kind_blobs, blob);
  if (!read_kind (node, &kind))
    {
      name = dup_attribute (node, "name");
      g_ptr_array_add (document->unknown_kinds, name ? name : dup_attribute (node, "id"));
      return;
    }
  blob->id = kind.id;
  if (pl_document_kind (document, kind.id))
    complain (parser, xmlGetLineNo (node), "the Kind %u is defined twice", kind.id);
  g_array_append_val (document->kinds, kind);
}

static void
take_kind_block (Parser *parser, xmlNodePtr block)
{
  xmlNodePtr kind = NULL;
  char *signature = NULL;

  for (xmlNodePtr child = block->children; child; child = child->next)
    {
      if (is_element (child, PL_NS_BASE, "kind"))
        kind = child;
      if (is_element (child, PL_NS_BASE, "kind-signature") && !signature)
        signature = dup_text (child);
    }
  add_kind (parser, kind, signature);
}

static void
take_kinds (Parser *parser, xmlNodePtr node)
{
  for (xmlNodePtr child = node->children; child; child = child->next)
    if (is_element (child, PL_NS_BASE, "kind-block"))
      take_kind_block (parser, child);
}

static void
add_registered_kinds (PlDocument *document)
{
  static const guint32 ids[] = { PL_KIND_SIP_REGISTRATION, PL_KIND_TURN_SERVICE, PL_KIND_CERTIFICATE_BY_NODE,
                                 PL_KIND_CERTIFICATE_BY_USER };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    if (!pl_document_kind (document, ids[i]))
      g_array_append_val (document->kinds, *pl_kind_registered (ids[i]));
}

/* Absent, as in other people's documents: no copies. */
static void
take_registration_places (Parser *parser, xmlNodePtr configuration)
{
  for (xmlNodePtr node = configuration->children; node; node = node->next)
    {
      g_autofree char *text = NULL;
      guint64 number;

      if (!is_element (node, PL_NS_OWN, "registration-places"))
        continue;
      text = dup_text (node);
      if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT16, &number, NULL))
        complain (parser, xmlGetLineNo (node), "registration-places is no number from 1 on");
      else if (!pl_document_set_registration_places (parser->document, number))
        complain (parser, xmlGetLineNo (node), "the Kind %u is defined twice", PL_KIND_REGISTRATION_COPY);
    }
}

/* --- configuration --- */

/* TRUE when the element was one of those that hold a single value. */
static gboolean
take_value (Parser *parser, xmlNodePtr node)
{
  PlDocument *document = parser->document;
  const char *name = (const char *) node->name;

  if (g_str_equal (name, "max-message-size"))
    document->max_message_size = MIN (get_number (node), MESSAGE_SIZE_MAX);
  else if (g_str_equal (name, "initial-ttl"))
    document->initial_ttl = get_number (node);
  else if (g_str_equal (name, "overlay-reliability-timer"))
    document->reliability_timer = get_number (node);
  else if (g_str_equal (name, "no-ice"))
    document->no_ice = get_boolean (node);
  else if (g_str_equal (name, "clients-permitted"))
    document->clients_permitted = get_boolean (node);
  else if (g_str_equal (name, "turn-density"))
    document->turn_density = get_number (node);
  else if (g_str_equal (name, "shared-secret"))
    document->shared_secret = TRUE;
  else if (g_str_equal (name, "topology-plugin"))
    document->topology = dup_text (node);
  else if (g_str_equal (name, "node-id-length"))
    document->node_id_length = get_number (node);
  else if (g_str_equal (name, "self-signed-permitted"))
    take_self_signed (parser, node);
  else
    return FALSE;
  return TRUE;
}

static void
take_list_item (Parser *parser, xmlNodePtr node)
{
  PlDocument *document = parser->document;
  const char *name = (const char *) node->name;

  if (g_str_equal (name, "root-cert"))
    add_root (parser, node);
  else if (g_str_equal (name, "bootstrap-node"))
    add_host (parser, document->bootstrap_nodes, node, "address", PORT_DEFAULT);
  else if (g_str_equal (name, "enrollment-server"))
    take_enrollment_server (parser, node);
  else if (g_str_equal (name, "kind-signer"))
    add_node_id (parser, document->kind_signers, node);
  else if (g_str_equal (name, "configuration-signer"))
    add_node_id (parser, document->configuration_signers, node);
  else if (g_str_equal (name, "bad-node"))
    add_node_id (parser, document->bad_nodes, node);
  else if (g_str_equal (name, "overlay-link-protocol"))
    add_text (document->link_protocols, node);
  else if (g_str_equal (name, "mandatory-extension"))
    add_text (document->mandatory_extensions, node);
  else if (g_str_equal (name, "required-kinds"))
    take_kinds (parser, node);
}

/* RFC 7904, 3.4: <domain-restrictions enable="true"><pattern>..</pattern>..</domain-restrictions>. There and
 * not enabled: the overlay's own name alone; enabled without a pattern: nobody. */
static void
take_domains (Parser *parser, xmlNodePtr node)
{
  PlDocument *document = parser->document;
  g_autofree char *enable = dup_attribute (node, "enable");

  document->domains_restricted = TRUE;
  if (g_strcmp0 (enable, "true") != 0 && g_strcmp0 (enable, "1") != 0)
    return;
  for (xmlNodePtr child = node->children; child; child = child->next)
    {
      g_autofree char *pattern = NULL;

      if (!is_element (child, PL_NS_SIP, "pattern"))
        continue;
      pattern = dup_text (child);
      if (strlen (pattern) > PL_DOCUMENT_PATTERN_LEN_MAX || document->domain_patterns->len >= PL_DOCUMENT_PATTERNS_MAX)
        complain (parser, xmlGetLineNo (child), "too many domain patterns, or too long a one");
      else
        g_ptr_array_add (document->domain_patterns, g_steal_pointer (&pattern));
    }
  if (document->domain_patterns->len == 0)
    g_ptr_array_add (document->domain_patterns, g_strdup (""));
}

/* RFC 7851, section 7: <diagnostic-kind kind="0x6"><access-node>NODE-ID</access-node>..</diagnostic-kind> */
static void
take_diagnostic_kind (Parser *parser, xmlNodePtr node)
{
  GArray *grants = parser->document->diagnostic_grants;
  g_autofree char *kind = dup_attribute (node, "kind");
  const char *digits = kind && g_ascii_strncasecmp (kind, "0x", 2) == 0 ? kind + 2 : kind;
  g_autoptr (GArray) nodes = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  guint64 number;

  if (!digits || !g_ascii_string_to_unsigned (digits, 16, 1, G_MAXUINT16, &number, NULL))
    {
      complain (parser, xmlGetLineNo (node), "diagnostic-kind has no hexadecimal kind");
      return;
    }
  for (xmlNodePtr child = node->children; child; child = child->next)
    if (is_element (child, PL_NS_DIAGNOSTICS, "access-node"))
      add_node_id (parser, nodes, child);
  if (grants->len + nodes->len > PL_DOCUMENT_GRANTS_MAX)
    complain (parser, xmlGetLineNo (node), "more than %d access-node", PL_DOCUMENT_GRANTS_MAX);
  for (guint i = 0; i < nodes->len && grants->len < PL_DOCUMENT_GRANTS_MAX; i++)
    {
      PlDiagnosticGrant grant = { (guint16) number, g_array_index (nodes, PlNodeId, i) };

      g_array_append_val (grants, grant);
    }
}

static void
take_peers_to_probe (Parser *parser, xmlNodePtr node)
{
  g_autofree char *text = dup_text (node);
  guint64 number;

  if (g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &number, NULL))
    parser->document->peers_to_probe = (guint) MIN (number, PL_DOCUMENT_PROBES_MAX);
  else
    complain (parser, xmlGetLineNo (node), "number-of-peers-to-probe is no number");
}

/* What we don't know of could be what keeps others out, so it is not passed over. */
static void
take_admission (Parser *parser, xmlNodePtr node)
{
  g_autofree char *text = dup_text (node);

  if (g_strcmp0 (text, "shared-secret") == 0)
    parser->document->secret_links = TRUE;
  else
    complain (parser, xmlGetLineNo (node), "admission is not shared-secret");
}

static void
take_element (Parser *parser, xmlNodePtr node)
{
  PlDocument *document = parser->document;

  if (is_element (node, PL_NS_CHORD, "chord-ping-interval"))
    document->chord_ping_interval = get_number (node);
  else if (is_element (node, PL_NS_CHORD, "chord-update-interval"))
    document->chord_update_interval = get_number (node);
  else if (is_element (node, PL_NS_CHORD, "chord-reactive"))
    document->chord_reactive = get_boolean (node);
  else if (is_element (node, PL_NS_SIP, "domain-restrictions") || is_element (node, PL_NS_SIP, "domain-restriction"))
    take_domains (parser, node);
  else if (is_element (node, PL_NS_DIAGNOSTICS, "diagnostic-kind"))
    take_diagnostic_kind (parser, node);
  else if (is_element (node, PL_NS_TUNING, "number-of-peers-to-probe"))
    take_peers_to_probe (parser, node);
  else if (is_element (node, PL_NS_OWN, "admission"))
    take_admission (parser, node);
  else if (is_element (node, PL_NS_OWN, "stun-server"))
    add_host (parser, document->stun_servers, node, "host", STUN_PORT_DEFAULT);
  else if (is_element (node, PL_NS_OWN, "multicast-bootstrap"))
    take_group (parser, node);
  else if (node->type == XML_ELEMENT_NODE && g_str_equal ((const char *) node->ns->href, PL_NS_BASE)
           && !take_value (parser, node))
    take_list_item (parser, node);
}

static void
take_attributes (Parser *parser, xmlNodePtr node)
{
  PlDocument *document = parser->document;
  g_autofree char *sequence = dup_attribute (node, "sequence");
  g_autofree char *expiration = dup_attribute (node, "expiration");
  g_autoptr (GDateTime) when = NULL;

  document->has_sequence = sequence != NULL;
  document->sequence = sequence ? g_ascii_strtoull (sequence, NULL, 10) : 0;
  if (!is_host (document->instance_name) || strchr (document->instance_name, ':'))
    complain (parser, xmlGetLineNo (node), "instance-name is no host name");
  if (!expiration)
    return;
  when = g_date_time_new_from_iso8601 (expiration, NULL);
  if (when)
    document->expiration = g_date_time_to_unix (when);
  else
    complain (parser, xmlGetLineNo (node), "expiration has no time zone: write UTC with a Z at the end");
}

static void
take_signatures (Parser *parser, xmlNodePtr configuration)
{
  for (xmlNodePtr node = configuration->next; node; node = node->next)
    {
      if (is_element (node, PL_NS_BASE, "configuration"))
        return;
      if (is_element (node, PL_NS_BASE, "signature"))
        add_text (parser->document->signatures, node);
    }
}

static void
take_configuration (Parser *parser, xmlNodePtr node)
{
  PlDocument *document = parser->document = pl_document_alloc (NULL);

  document->instance_name = dup_attribute (node, "instance-name");
  document->xml = g_bytes_ref (parser->xml);
  document->blob = dup_extent (parser, node);
  take_attributes (parser, node);
  for (xmlNodePtr child = node->children; child; child = child->next)
    if (is_element (child, PL_NS_BASE, "node-id-length")) /* before any Node-ID */
      document->node_id_length = get_number (child);
  for (xmlNodePtr child = node->children; child; child = child->next)
    take_element (parser, child);
  if (!document->topology)
    document->topology = g_strdup (PL_TOPOLOGY_CHORD);
  if (document->link_protocols->len == 0)
    g_ptr_array_add (document->link_protocols, g_strdup ("TLS"));
  add_registered_kinds (document);
  take_registration_places (parser, node);
  take_signatures (parser, node);
}

static xmlNodePtr
find_configuration (xmlNodePtr root, const char *name)
{
  for (xmlNodePtr node = root->children; node; node = node->next)
    {
      g_autofree char *instance = NULL;

      if (!is_element (node, PL_NS_BASE, "configuration"))
        continue;
      instance = dup_attribute (node, "instance-name");
      if (!name || (instance && g_ascii_strcasecmp (instance, name) == 0))
        return node;
    }
  return NULL;
}

static PlDocument *
parse_tree (Parser *parser, xmlDocPtr tree, const char *name, GError **error)
{
  xmlNodePtr root = xmlDocGetRootElement (tree), configuration = NULL;

  if (!number_elements (parser, root))
    {
      refuse (error, "its elements can't be told apart");
      return NULL;
    }
  if (validate (parser, tree))
    {
      configuration = find_configuration (root, name);
      if (configuration)
        take_configuration (parser, configuration);
      else
        complain (parser, 1, "it holds no configuration of overlay %s", name);
    }
  if (parser->n_problems > 0)
    {
      refuse (error, parser->problems->str);
      g_clear_pointer (&parser->document, pl_document_free);
    }
  return g_steal_pointer (&parser->document);
}

PlDocument *
pl_document_parse (GBytes *xml, const char *name, GError **error)
{
  gsize len;
  const char *text = g_bytes_get_data (xml, &len);
  g_autoptr (GString) problems = g_string_new (NULL);
  g_autoptr (GArray) extents = NULL;
  g_autoptr (xmlDoc) tree = NULL;
  Parser parser = { .xml = xml, .problems = problems };

  if (len == 0 || len > PL_DOCUMENT_MAX || !g_utf8_validate_len (text, len, NULL))
    {
      refuse (error, len == 0 ? "it is empty" : len > PL_DOCUMENT_MAX ? "it is too large" : "it is not in UTF-8");
      return NULL;
    }
  parser.extents = extents = pl_xml_extents (text, len, error);
  if (!extents)
    {
      g_prefix_error (error, "cannot use the overlay's configuration document: ");
      return NULL;
    }
  tree = read_tree (xml, error);
  return tree ? parse_tree (&parser, tree, name, error) : NULL;
}
