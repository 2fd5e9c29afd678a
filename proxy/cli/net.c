/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline net`. Two servers at two addresses tell a NAT that keeps a socket's outside address
 * from one that takes a new one for each far address (RFC 4787, 4.1): the latter is what makes
 * direct paths fail.
 */
#include "config.h"

#include "proxy/cli/net.h"

#include <stdio.h>
#include <string.h>

#include "ice/stun/client.h"

#define SERVERS_MAX 4    /* of a family */
#define TRIES 3
#define TRY_STEP (PL_NET_SECONDS * G_USEC_PER_SEC / TRIES)

typedef struct {
  PlStunClient *client;
  GSocketAddress *address;
  GSocketAddress *seen;    /* NULL: no answer yet */
} Server;

static void
server_free (gpointer data)
{
  Server *server = data;

  pl_stun_client_free (server->client);
  g_object_unref (server->address);
  g_clear_object (&server->seen);
  g_free (server);
}

void
pl_net_report_clear (PlNetReport *report)
{
  for (guint i = 0; i < G_N_ELEMENTS (report->paths); i++)
    g_free (report->paths[i].seen);
}

/* --- which servers --- */

static gboolean
is_known (GPtrArray *servers, GSocketAddress *address)
{
  GInetAddress *inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address));

  for (guint i = 0; i < servers->len; i++)
    {
      Server *server = g_ptr_array_index (servers, i);

      if (g_inet_address_equal (inet, g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (server->address))))
        return TRUE;
    }
  return FALSE;
}

static void
add_servers (GPtrArray *servers, const char *name, GSocketFamily family)
{
  g_autoptr (GSocketConnectable) connectable = g_network_address_parse (name, 3478, NULL);
  g_autoptr (GSocketAddressEnumerator) all = connectable ? g_socket_connectable_enumerate (connectable) : NULL;
  GSocketAddress *next;

  while (all && servers->len < SERVERS_MAX && (next = g_socket_address_enumerator_next (all, NULL, NULL)))
    {
      g_autoptr (GSocketAddress) address = next;
      Server *server;

      if (!G_IS_INET_SOCKET_ADDRESS (address) || g_socket_address_get_family (address) != family || is_known (servers, address))
        continue;
      server = g_new0 (Server, 1);
      server->client = pl_stun_client_new ();
      server->address = g_steal_pointer (&address);
      g_ptr_array_add (servers, server);
    }
}

static GPtrArray *
list_servers (GPtrArray *overlays, GSocketFamily family)
{
  GPtrArray *servers = g_ptr_array_new_with_free_func (server_free);

  for (guint i = 0; i < overlays->len; i++)
    {
      const PlHomeOverlay *overlay = g_ptr_array_index (overlays, i);
      g_autoptr (GPtrArray) names = overlay->document ? pl_document_dup_stun (overlay->document, NULL) : NULL;

      for (guint k = 0; names && k + 1 < names->len; k++)
        add_servers (servers, g_ptr_array_index (names, k), family);
    }
  return servers;
}

/* --- asking them --- */

static void
send_requests (GSocket *socket, GPtrArray *servers)
{
  guint8 buf[PL_STUN_REQUEST_MAX];

  for (guint i = 0; i < servers->len; i++)
    {
      Server *server = g_ptr_array_index (servers, i);
      gsize len = server->seen ? 0 : pl_stun_client_request (server->client, buf);

      if (len > 0)
        g_socket_send_to (socket, server->address, (const char *) buf, len, NULL, NULL);
    }
}

static void
take_answer (GPtrArray *servers, const guint8 *data, gsize len)
{
  for (guint i = 0; i < servers->len; i++)
    {
      Server *server = g_ptr_array_index (servers, i);

      if (!server->seen && (server->seen = pl_stun_client_take_answer (server->client, data, len)))
        return;
    }
}

static gboolean
all_answered (GPtrArray *servers)
{
  for (guint i = 0; i < servers->len; i++)
    if (!((Server *) g_ptr_array_index (servers, i))->seen)
      return FALSE;
  return TRUE;
}

static void
ask_servers (PlEnv *env, GSocket *socket, GPtrArray *servers)
{
  guint8 buf[PL_STUN_REQUEST_MAX];

  for (guint try = 0; try < TRIES && !all_answered (servers); try++)
    {
      gint64 end = pl_env_now (env) + TRY_STEP;

      send_requests (socket, servers);
      while (!all_answered (servers) && g_socket_condition_timed_wait (socket, G_IO_IN, MAX (end - pl_env_now (env), 0), NULL, NULL))
        {
          gssize n = g_socket_receive (socket, (char *) buf, sizeof buf, NULL, NULL);

          if (n > 0)
            take_answer (servers, buf, n);
        }
    }
}

/* --- what it means --- */

static char *
address_text (GSocketAddress *address)
{
  return g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));
}

/* The address this machine sends from to that one; no packet leaves. */
static GInetAddress *
local_address (GSocketAddress *to)
{
  g_autoptr (GSocket) socket = g_socket_new (g_socket_address_get_family (to), G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);
  g_autoptr (GSocketAddress) local = NULL;

  if (!socket || !g_socket_connect (socket, to, NULL, NULL))
    return NULL;
  local = g_socket_get_local_address (socket, NULL);
  return local ? g_object_ref (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (local))) : NULL;
}

static PlNetKind
judge (PlNetPath *path, GPtrArray *servers)
{
  Server *first = NULL;
  PlNetKind kind = PL_NET_SILENT;

  for (guint i = 0; i < servers->len; i++)
    {
      Server *server = g_ptr_array_index (servers, i);
      g_autofree char *seen = server->seen ? address_text (server->seen) : NULL;
      g_autoptr (GInetAddress) local = NULL;

      if (!seen)
        continue;
      path->answered++;
      if (first)
        kind = g_str_equal (seen, path->seen) ? kind == PL_NET_NAT ? PL_NET_CONE : kind : PL_NET_SYMMETRIC;
      if (first)
        continue;
      first = server;
      local = local_address (server->address);
      kind = local && g_inet_address_equal (local, g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (server->seen))) ? PL_NET_OPEN : PL_NET_NAT;
      path->seen = g_steal_pointer (&seen);
    }
  return kind;
}

static void
measure_path (PlCli *cli, GPtrArray *overlays, GSocketFamily family, PlNetPath *path)
{
  g_autoptr (GPtrArray) servers = list_servers (overlays, family);
  g_autoptr (GSocket) socket = g_socket_new (family, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);
  g_autoptr (GInetAddress) local = servers->len ? local_address (((Server *) g_ptr_array_index (servers, 0))->address) : NULL;

  path->family = family == G_SOCKET_FAMILY_IPV4 ? "IPv4" : "IPv6";
  path->asked = servers->len;
  path->kind = PL_NET_ABSENT;
  if (!socket || !local)
    return;
  ask_servers (cli->env, socket, servers);
  path->kind = judge (path, servers);
}

static void
measure_bootstraps (GPtrArray *overlays, PlNetReport *report)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();

  g_socket_client_set_timeout (client, PL_NET_SECONDS);
  for (guint i = 0; i < overlays->len; i++)
    {
      const PlDocument *document = ((PlHomeOverlay *) g_ptr_array_index (overlays, i))->document;

      for (guint k = 0; document && k < MIN (document->bootstrap_nodes->len, SERVERS_MAX); k++)
        {
          const PlHostPort *node = &g_array_index (document->bootstrap_nodes, PlHostPort, k);
          g_autoptr (GSocketConnection) connection = g_socket_client_connect_to_host (client, node->host, node->port, NULL, NULL);

          report->bootstraps++;
          report->reached += connection != NULL;
        }
    }
}

void
pl_net_measure (PlCli *cli, PlNetReport *report)
{
  g_autoptr (GPtrArray) overlays = pl_home_list_overlays (cli->paths, NULL);

  measure_path (cli, overlays, G_SOCKET_FAMILY_IPV4, &report->paths[0]);
  measure_path (cli, overlays, G_SOCKET_FAMILY_IPV6, &report->paths[1]);
  measure_bootstraps (overlays, report);
}

/* --- the command --- */

static const struct { const char *name, *sentence; } kinds[] = {
  [PL_NET_ABSENT] = { "absent", "no way to any server of your overlays" },
  [PL_NET_SILENT] = { "silent", "no STUN server answers: a firewall stops UDP, or none of them runs" },
  [PL_NET_OPEN] = { "open", "no NAT: everybody can reach this machine, if no firewall is in between" },
  [PL_NET_CONE] = { "nat", "behind a NAT that keeps one address: direct calls work" },
  [PL_NET_SYMMETRIC] = { "symmetric", "behind a NAT that takes another port for each far address: direct calls work with "
                                      "people who are not behind such a NAT too, and otherwise need a TURN server" },
  [PL_NET_NAT] = { "nat-unknown", "behind a NAT; only one server answered, so what kind of NAT it is, is not known" },
};

const char *
pl_net_sentence (PlNetKind kind)
{
  return kinds[kind].sentence;
}

static JsonArray *
path_rows (const PlNetReport *report)
{
  JsonArray *rows = json_array_new ();

  for (guint i = 0; i < G_N_ELEMENTS (report->paths); i++)
    {
      const PlNetPath *path = &report->paths[i];
      JsonObject *row = json_object_new ();

      json_object_set_string_member (row, "family", path->family);
      json_object_set_string_member (row, "kind", kinds[path->kind].name);
      json_object_set_string_member (row, "seen", path->seen ? path->seen : "");
      json_object_set_int_member (row, "asked", path->asked);
      json_object_set_int_member (row, "answered", path->answered);
      json_array_add_object_element (rows, row);
    }
  return rows;
}

static void
print_report (PlCli *cli, const PlNetReport *report)
{
  static const PlColumn columns[] = { { "family", "FAMILY" }, { "kind", "KIND" }, { "seen", "SEEN AS" }, { "asked", "SERVERS" },
                                      { "answered", "ANSWERED" }, { NULL } };
  g_autoptr (JsonArray) rows = path_rows (report);
  g_autoptr (JsonNode) node = json_node_alloc ();
  JsonObject *object;

  if (cli->json)
    {
      object = json_object_new ();
      json_object_set_array_member (object, "paths", json_array_ref (rows));
      json_object_set_int_member (object, "bootstraps", report->bootstraps);
      json_object_set_int_member (object, "reached", report->reached);
      json_node_take_object (json_node_init (node, JSON_NODE_OBJECT), object);
      pl_cli_print_json (node);
      return;
    }
  pl_cli_print_rows (cli, rows, columns, "");
  putchar ('\n');
  for (guint i = 0; i < G_N_ELEMENTS (report->paths); i++)
    printf ("%s: %s.\n", report->paths[i].family, pl_net_sentence (report->paths[i].kind));
  printf ("Bootstrap nodes that take a connection: %u of %u.\n", report->reached, report->bootstraps);
}

static gboolean
run_net (PlCli *cli, GError **error)
{
  g_autoptr (GPtrArray) overlays = pl_home_list_overlays (cli->paths, NULL);
  g_auto (PlNetReport) report = { 0 };

  if (overlays->len == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no overlay, hence nobody to ask: 'peerline overlay join FILE' first");
      return FALSE;
    }
  pl_net_measure (cli, &report);
  print_report (cli, &report);
  if (report.reached > 0 || report.paths[0].answered + report.paths[1].answered > 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "nobody answers: is this machine online, and do the bootstrap nodes run?");
  return FALSE;
}

const PlCliCommand pl_cli_net_commands[] = {
  { NULL, "net", "", "what the network lets through: NAT, IPv6, the servers of your overlays",
    "Asks the STUN servers and bootstrap nodes of your overlays; takes some seconds when they are silent.", 0, NULL, run_net },
  { NULL }
};
