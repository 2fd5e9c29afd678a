/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Prints one message of every code, made with the writers of overlay/wire and put into a
 * frame, as a line of hex each: food for other implementations (check_wire_tshark.py).
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include "base/hex.h"
#include "overlay/wire/attach.h"
#include "overlay/wire/body.h"
#include "overlay/wire/direct.h"
#include "overlay/wire/framing.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/store.h"

#define OVERLAY "interop.example.org"
#define KIND_SINGLE 0xf0000001u

static guint32 sequence;

static PlNodeId
node (guint8 fill)
{
  PlNodeId id;

  memset (id.b, fill, PL_NODE_ID_LEN);
  return id;
}

static GBytes *
text (const char *chars)
{
  return g_bytes_new (chars, strlen (chars));
}

static GArray *
nodes (guint n)
{
  GArray *list = g_array_new (FALSE, TRUE, sizeof (PlNodeId));

  for (guint i = 1; i <= n; i++)
    {
      PlNodeId id = node ((guint8) i);

      g_array_append_val (list, id);
    }
  return list;
}

static void
print_frame (GBytes *message)
{
  PlFrame frame = { .type = PL_FRAME_DATA, .sequence = sequence++, .message = message };
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *hex = NULL;

  pl_writer_init (&writer);
  pl_frame_write (&writer, &frame);
  bytes = pl_writer_finish (&writer);
  hex = pl_hex_dup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  puts (hex);
}

static void
add_direct_response (PlForwardingHeader *header)
{
  g_autoptr (GInetAddress) inet = g_inet_address_new_from_string ("192.0.2.1");
  PlDirectResponse response = { .transport = PL_LINK_TLS_TCP_FH_NO_ICE, .node = node (0xb0) };
  PlForwardingOption option;

  pl_ip_address_port_set (&response.address, inet, 6084);
  pl_direct_response_write (&option, &response);
  g_array_append_val (header->options, option);
}

/* Takes `body`'s content. */
static void
print_message (guint16 code, gpointer body)
{
  const PlBodyType *type = pl_body_type (code);
  g_autoptr (GBytes) bytes = pl_body_write (type, body);
  g_autoptr (GBytes) contents = pl_message_contents_write (code, bytes, NULL);
  g_autoptr (GBytes) message = NULL;
  g_auto (PlForwardingHeader) header;
  PlNodeId to = node (0xb0);
  PlDestination destination = pl_destination_node (&to), compact = pl_destination_compact (5);
  PlSignature signature = { .hash_alg = PL_HASH_SHA256, .sign_alg = PL_SIGN_RSA };

  pl_forwarding_header_init (&header);
  header.overlay = pl_overlay_hash (OVERLAY);
  header.configuration_sequence = 22;
  header.ttl = 100;
  header.transaction_id = 0xf000000000000000u + code;
  g_array_append_val (header.via_list, destination);
  add_direct_response (&header);
  g_array_append_val (header.destination_list, compact);
  g_array_append_val (header.destination_list, destination);
  signature.identity.type = PL_SIGNER_CERT_HASH;
  signature.identity.hash_alg = PL_HASH_SHA256;
  signature.identity.hash = g_bytes_new_static ("0123456789abcdef0123456789abcdef", 32);
  signature.value = text ("not a signature");
  message = pl_message_write (&header, contents, NULL, &signature);
  print_frame (message);
  pl_signature_clear (&signature);
  if (body)
    pl_body_clear (type, body);
}

static void
print_attach (void)
{
  static const guint16 codes[] = { PL_MESSAGE_ATTACH_REQ, PL_MESSAGE_ATTACH_ANS, PL_MESSAGE_APP_ATTACH_REQ, PL_MESSAGE_APP_ATTACH_ANS };
  g_autoptr (GInetAddress) v4 = g_inet_address_new_from_string ("192.0.2.1");
  g_autoptr (GInetAddress) v6 = g_inet_address_new_from_string ("2001:db8::1");

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      PlAttachReqAns attach = { text ("ufrg"), text ("passwordpasswordpassword"), 5060, text (i % 2 ? "active" : "passive") };
      PlIceCandidate host = { .overlay_link = PL_LINK_DTLS_UDP_SR, .priority = 2130706431, .type = PL_CAND_HOST };
      PlIceCandidate relay = { .overlay_link = PL_LINK_DTLS_UDP_SR, .priority = 1, .type = PL_CAND_RELAY };

      attach.candidates = pl_ice_candidate_list_new ();
      pl_ip_address_port_set (&host.addr_port, v6, 6084);
      host.foundation = text ("1");
      pl_ice_candidate_add_extension (&host, "pl-sip-seg", "1");
      g_array_append_val (attach.candidates, host);
      pl_ip_address_port_set (&relay.addr_port, v4, 40000);
      pl_ip_address_port_set (&relay.rel_addr_port, v4, 6084);
      relay.foundation = text ("2");
      g_array_append_val (attach.candidates, relay);
      print_message (codes[i], &attach);
    }
}

static void
print_storage (void)
{
  PlNodeId place = node (0x0a);
  PlStoreReq store = { .kind_data = pl_store_kind_data_list_new () };
  PlStoreKindData kind = { .kind = KIND_SINGLE, .values = pl_stored_data_list_new () };
  PlStoredData data = { .storage_time = 1750000000123, .lifetime = 900 };
  PlStoreAns store_ans = { pl_store_kind_response_list_new () };
  PlStoreKindResponse stored = { KIND_SINGLE, 1, nodes (2) };
  PlFetchReq fetch = { .specifiers = pl_stored_data_specifier_list_new () };
  PlStatReq stat = { .specifiers = pl_stored_data_specifier_list_new () };
  PlStoredDataSpecifier specifier = { .kind = KIND_SINGLE, .model = PL_DATA_SINGLE };
  PlFetchAns fetch_ans = { pl_fetch_kind_response_list_new () };
  PlFetchKindResponse fetched = { .kind = KIND_SINGLE, .generation = 1, .values = pl_stored_data_list_new () };
  PlStatAns stat_ans = { pl_stat_kind_response_list_new () };
  PlStatKindResponse told = { .kind = KIND_SINGLE, .generation = 1, .values = pl_stored_meta_data_list_new () };
  PlStoredMetaData meta;
  PlStoredData copy;

  data.value.model = PL_DATA_SINGLE;
  data.value.value.exists = TRUE;
  data.value.value.value = text ("value");
  pl_signature_init_none (&data.signature);
  data.signature.identity.type = PL_SIGNER_CERT_HASH;
  data.signature.hash_alg = PL_HASH_SHA256;
  data.signature.sign_alg = PL_SIGN_ECDSA;
  pl_stored_meta_data_from (&meta, &data);
  g_array_append_val (told.values, meta);
  g_array_append_val (stat_ans.kind_responses, told);
  pl_stored_data_copy (&copy, &data);
  g_array_append_val (fetched.values, copy);
  g_array_append_val (fetch_ans.kind_responses, fetched);
  g_array_append_val (kind.values, data);
  g_array_append_val (store.kind_data, kind);
  g_array_append_val (store_ans.kind_responses, stored);
  g_array_append_val (fetch.specifiers, specifier);
  g_array_append_val (stat.specifiers, specifier);
  pl_resource_id_from_node_id (&store.resource, &place);
  fetch.resource = stat.resource = store.resource;
  print_message (PL_MESSAGE_STORE_REQ, &store);
  print_message (PL_MESSAGE_STORE_ANS, &store_ans);
  print_message (PL_MESSAGE_FETCH_REQ, &fetch);
  print_message (PL_MESSAGE_FETCH_ANS, &fetch_ans);
  print_message (PL_MESSAGE_STAT_REQ, &stat);
  print_message (PL_MESSAGE_STAT_ANS, &stat_ans);
}

static void
print_find (void)
{
  PlFindReq req = { .kinds = g_array_new (FALSE, TRUE, sizeof (guint32)) };
  PlFindAns ans = { pl_find_kind_data_list_new () };
  PlFindKindData data = { .kind = PL_KIND_SIP_REGISTRATION, .closest = { .len = 16 } };
  guint32 kind = PL_KIND_SIP_REGISTRATION;

  req.resource.len = 16;
  g_array_append_val (req.kinds, kind);
  g_array_append_val (ans.results, data);
  print_message (PL_MESSAGE_FIND_REQ, &req);
  print_message (PL_MESSAGE_FIND_ANS, &ans);
}

static void
print_topology (void)
{
  PlJoinReq join = { node (1), NULL };
  PlJoinAns join_ans = { NULL };
  PlChordLeaveData data = { .type = PL_CHORD_LEAVE_FROM_SUCC, .successors = nodes (3) };
  PlLeaveReq leave = { node (1), NULL };
  PlRouteQueryReq query = { .send_update = TRUE };
  PlChordRouteQueryAns query_ans = { node (3) };
  g_auto (PlWriter) writer;

  pl_writer_init (&writer);
  pl_chord_leave_data_write (&writer, &data);
  leave.overlay_specific_data = pl_writer_finish (&writer);
  pl_chord_leave_data_clear (&data);
  query.destination = pl_destination_node (&query_ans.next_peer);
  print_message (PL_MESSAGE_JOIN_REQ, &join);
  print_message (PL_MESSAGE_JOIN_ANS, &join_ans);
  print_message (PL_MESSAGE_LEAVE_REQ, &leave);
  print_message (PL_MESSAGE_LEAVE_ANS, NULL);
  for (guint8 type = PL_CHORD_UPDATE_PEER_READY; type <= PL_CHORD_UPDATE_FULL; type++)
    {
      PlChordUpdate update = { 3600, type, nodes (3), nodes (2), nodes (4) };

      print_message (PL_MESSAGE_UPDATE_REQ, &update);
    }
  print_message (PL_MESSAGE_UPDATE_ANS, NULL);
  print_message (PL_MESSAGE_ROUTE_QUERY_REQ, &query);
  print_message (PL_MESSAGE_ROUTE_QUERY_ANS, &query_ans);
}

static void
print_rest (void)
{
  static const guint8 wanted[] = { PL_PROBE_RESPONSIBLE_SET, PL_PROBE_NUM_RESOURCES, PL_PROBE_UPTIME };
  PlProbeReq probe = { g_array_new (FALSE, TRUE, 1) };
  PlProbeAns probe_ans = { NULL };
  PlPingReq ping = { text ("padding") };
  PlPingAns pong = { G_MAXUINT64, 1750000000123 };
  PlConfigUpdateReq config = { .type = PL_CONFIG_UPDATE_CONFIG, .config_data = text ("<overlay xmlns=\"urn:ietf:params:xml:ns:p2p:config-base\"><configuration instance-name=\"interop.example.org\" sequence=\"23\"></configuration></overlay>") };
  PlErrorResponse error = { PL_ERROR_NOT_FOUND, text ("nothing here") };

  g_array_append_vals (probe.requested_info, wanted, sizeof wanted);
  for (guint i = 0; i < sizeof wanted; i++)
    pl_probe_ans_add (&probe_ans, wanted[i], 7);
  print_message (PL_MESSAGE_PROBE_REQ, &probe);
  print_message (PL_MESSAGE_PROBE_ANS, &probe_ans);
  print_message (PL_MESSAGE_PING_REQ, &ping);
  print_message (PL_MESSAGE_PING_ANS, &pong);
  print_message (PL_MESSAGE_CONFIG_UPDATE_REQ, &config);
  print_message (PL_MESSAGE_CONFIG_UPDATE_ANS, NULL);
  print_message (PL_MESSAGE_ERROR, &error);
}

int
main (void)
{
  print_attach ();
  print_storage ();
  print_find ();
  print_topology ();
  print_rest ();
  return 0;
}
