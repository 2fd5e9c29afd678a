/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>
#include "overlay/enroll/authority.h"
#include "overlay/enroll/document.h"
#include "base/universe.h"
#include "tests/support/test.h"

#define NAME "friends.example.org"
#define HEAD "<overlay xmlns=\"urn:ietf:params:xml:ns:p2p:config-base\">"

static PlUniverse *universe;
static PlEnv *env;
static PlAuthority *authority;
static PlIdentity *signer;

static PlIdentity *
identity_of (PlAuthority *issuer, const char *aor)
{
  g_autofree char *key = pl_key_make (NULL);
  g_autofree char *request = pl_request_make (key, "x@example.org", NAME, NULL);
  g_autofree char *cert = pl_authority_issue (issuer, request, aor, NULL, NULL);
  PlIdentity *identity = pl_identity_new (key, cert, NULL);

  ck_assert_ptr_nonnull (identity);
  return identity;
}

static void
setup (void)
{
  universe = pl_universe_new (1);
  env = pl_universe_env (universe);
  authority = pl_authority_new (env, NAME, NULL);
  signer = identity_of (authority, NULL);
}

static void
teardown (void)
{
  g_clear_pointer (&signer, pl_identity_unref);
  g_clear_pointer (&authority, pl_authority_free);
  g_clear_pointer (&universe, pl_universe_free);
}

/* --- helpers --- */

static PlDocument *
own_document (void)
{
  PlDocument *document = pl_document_new (NAME);
  PlHostPort bootstrap = { g_strdup ("2001:db8::1"), 6084 }, stun = { g_strdup ("stun.example.net"), 3478 },
             group = { g_strdup ("239.255.96.84"), 6085 };

  g_ptr_array_add (document->root_certs, g_bytes_ref (pl_authority_cert_der (authority)));
  g_array_append_val (document->bootstrap_nodes, bootstrap);
  g_array_append_val (document->stun_servers, stun);
  g_array_append_val (document->multicast_groups, group);
  return document;
}

static GBytes *
built (PlDocument *document, PlIdentity *by)
{
  g_autoptr (GError) error = NULL;
  GBytes *xml = pl_document_build (document, by, &error);

  ck_assert_msg (xml != NULL, "%s", error ? error->message : "");
  return xml;
}

static char *
text_of (GBytes *bytes)
{
  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static char *
replaced (const char *text, const char *old, const char *new)
{
  g_auto (GStrv) parts = g_strsplit (text, old, 2);

  ck_assert_msg (parts[1] != NULL, "%s does not occur", old);
  return g_strjoinv (new, parts);
}

static PlDocument *
parse (const char *text, GError **error)
{
  g_autoptr (GBytes) xml = g_bytes_new (text, strlen (text));

  return pl_document_parse (xml, NULL, error);
}

static gboolean
verifies (PlDocument *document, PlDocument *previous, GError **error)
{
  g_autoptr (PlTrust) trust = pl_document_trust_new (previous ? previous : document, env, error);

  return trust && pl_document_verify (document, trust, previous, error);
}

/* --- what we make --- */

START_TEST (document_made_here_reads_back_and_verifies)
{
  g_autoptr (PlDocument) made = own_document ();
  g_autoptr (GBytes) xml = NULL;
  g_autoptr (PlDocument) read = NULL;
  g_autoptr (GError) error = NULL;
  const PlKind *kind;

  made->expiration = 1900000000;
  made->no_ice = TRUE;
  xml = built (made, signer);
  read = pl_document_parse (xml, NULL, &error);
  ck_assert_msg (read != NULL, "%s", error ? error->message : "");
  ck_assert_str_eq (read->instance_name, NAME);
  ck_assert_uint_eq (read->sequence, 1);
  ck_assert_int_eq (read->expiration, 1900000000);
  ck_assert (read->no_ice && read->clients_permitted && read->chord_reactive);
  ck_assert_uint_eq (read->max_message_size, 16384);
  ck_assert_uint_eq (read->reliability_timer, 1000);
  ck_assert_str_eq (g_array_index (read->bootstrap_nodes, PlHostPort, 0).host, "2001:db8::1");
  ck_assert_str_eq (g_array_index (read->stun_servers, PlHostPort, 0).host, "stun.example.net");
  ck_assert_uint_eq (g_array_index (read->stun_servers, PlHostPort, 0).port, 3478);
  ck_assert_uint_eq (read->multicast_groups->len, 1);
  ck_assert_str_eq (g_array_index (read->multicast_groups, PlHostPort, 0).host, "239.255.96.84");
  ck_assert_uint_eq (g_array_index (read->multicast_groups, PlHostPort, 0).port, 6085);
  kind = pl_document_kind (read, PL_KIND_SIP_REGISTRATION);
  ck_assert (kind->model == PL_DATA_DICTIONARY && kind->access == PL_ACCESS_USER_NODE_MATCH && kind->max_size == 1024);
  ck_assert_ptr_null (pl_document_kind (read, 0xf0000001));
  kind = pl_document_kind (read, PL_KIND_REGISTRATION_COPY);
  ck_assert (kind && kind->access == PL_ACCESS_COPIES && kind->max_node_multiple == 2 && kind->max_size == 1024);
  ck_assert_uint_eq (read->registration_places, 3);
  ck_assert_uint_eq (read->kind_blobs->len, 3); /* and so not required of others */
  ck_assert_msg (pl_document_check_supported (read, &error), "%s", error ? error->message : "");
  ck_assert_msg (verifies (read, NULL, &error), "%s", error ? error->message : "");
}
END_TEST

/* What `peerline overlay update` must not lose. */
START_TEST (document_made_from_another_keeps_what_the_extensions_say) /* RFC 7904, 7851 7, 7363 7 */
{
  g_autoptr (PlDocument) made = own_document (), read = NULL;
  g_autoptr (GBytes) xml = NULL;
  g_autoptr (GError) error = NULL;
  PlDiagnosticGrant grant = { 10, { { 1, 2, 3 } } };

  made->domains_restricted = TRUE;
  g_ptr_array_add (made->domain_patterns, g_strdup ("example\\.(org|net)"));
  g_array_append_val (made->diagnostic_grants, grant);
  g_free (made->topology);
  made->topology = g_strdup (PL_TOPOLOGY_SELF_TUNING);
  made->peers_to_probe = 6;
  xml = built (made, signer);
  read = pl_document_parse (xml, NULL, &error);
  ck_assert_msg (read && pl_document_check_supported (read, &error), "%s", error ? error->message : "");
  ck_assert (read->domains_restricted && read->domain_patterns->len == 1);
  ck_assert_str_eq (g_ptr_array_index (read->domain_patterns, 0), "example\\.(org|net)");
  ck_assert_uint_eq (read->diagnostic_grants->len, 1);
  ck_assert_mem_eq (&g_array_index (read->diagnostic_grants, PlDiagnosticGrant, 0), &grant, sizeof grant);
  ck_assert_uint_eq (read->peers_to_probe, 6);
  ck_assert (g_ptr_array_find_with_equal_func (read->mandatory_extensions, "urn:ietf:params:xml:ns:p2p:self-tuning", g_str_equal, NULL));
}
END_TEST

/* Checklist 317: one byte, also of white space, breaks the signature. */
START_TEST (document_with_changed_bytes_does_not_verify)
{
  static const struct { const char *old, *new; } changes[] = {
    { "sequence=\"1\"", "sequence=\"2\"" },
    { "2001:db8::1", "2001:db8::2" },
    { "    <node-id-length>", "   <node-id-length>" },
    { "<no-ice>false", "<no-ice>true" },
    { "<max-count>16<", "<max-count>17<" },
  };
  g_autoptr (PlDocument) made = own_document ();
  g_autoptr (GBytes) xml = built (made, signer);
  g_autofree char *text = text_of (xml);
  g_autofree char *changed = replaced (text, changes[_i].old, changes[_i].new);
  g_autoptr (GError) error = NULL;
  g_autoptr (PlDocument) read = parse (changed, &error);

  ck_assert_msg (read != NULL, "%s", error ? error->message : "");
  ck_assert (!verifies (read, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_SIGNATURE));
}
END_TEST

/* The signed bytes and the elements that are read are the same, whatever stands around them. */
START_TEST (document_that_hides_another_configuration_is_not_taken_for_the_signed_one)
{
  g_autoptr (PlDocument) made = own_document ();
  g_autoptr (GBytes) xml = built (made, signer);
  g_autofree char *text = text_of (xml);
  const char *start = strstr (text, "<configuration"), *end = strstr (text, "</configuration>");
  g_autofree char *signed_part = g_strndup (start, end + strlen ("</configuration>") - start);
  g_autofree char *rest = g_strdup (end + strlen ("</configuration>"));
  g_autofree char *comment = g_strdup_printf (HEAD "<!-- %s --><configuration instance-name=\"" NAME "\"/>%s", signed_part, rest);
  g_autofree char *cdata = g_strdup_printf (HEAD "<configuration instance-name=\"" NAME "\"><x xmlns=\"urn:x\"><![CDATA[%s]]></x></configuration>%s",
                                            signed_part, rest);
  g_autofree char *attribute = g_strdup_printf (HEAD "<configuration xmlns:x=\"urn:x\" x:y='>' instance-name=\"" NAME "\"/>%s", rest);
  const char *texts[] = { comment, cdata, attribute };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (PlDocument) read = parse (texts[i], NULL);

      ck_assert (!read || !verifies (read, NULL, NULL));
    }
}
END_TEST

START_TEST (document_signed_by_somebody_else_does_not_verify)
{
  g_autoptr (PlDocument) made = own_document ();
  g_autoptr (PlIdentity) member = identity_of (authority, "mallory@example.org");
  g_autoptr (GBytes) xml = NULL;
  g_autoptr (PlDocument) read = NULL;
  g_autoptr (GError) error = NULL;

  g_array_append_val (made->configuration_signers, *pl_identity_node_id (signer));
  g_array_append_val (made->kind_signers, *pl_identity_node_id (signer));
  xml = built (made, member);
  read = pl_document_parse (xml, NULL, NULL);
  ck_assert (!verifies (read, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_SIGNER));
}
END_TEST

/* Checklist 316: a Kind has a signature of its own. */
START_TEST (document_with_an_unsigned_kind_does_not_verify)
{
  g_autoptr (PlDocument) made = own_document ();
  g_autoptr (PlIdentity) member = identity_of (authority, "mallory@example.org");
  g_autoptr (GBytes) xml = NULL;
  g_autoptr (PlDocument) read = NULL;
  g_autoptr (GError) error = NULL;

  g_array_append_val (made->kind_signers, *pl_identity_node_id (member)); /* but `signer` signs */
  xml = built (made, signer);
  read = pl_document_parse (xml, NULL, NULL);
  ck_assert (!verifies (read, NULL, &error));
  ck_assert_ptr_nonnull (strstr (error->message, "the Kind at line"));
}
END_TEST

/* Checklist 318, 322; S2-92. */
START_TEST (document_follows_a_previous_one_when_newer_and_signed_by_its_signer)
{
  g_autoptr (PlDocument) made = own_document ();
  g_autoptr (GBytes) first = built (made, signer);
  g_autoptr (PlDocument) previous = pl_document_parse (first, NULL, NULL);
  g_autoptr (PlAuthority) other = pl_authority_new (env, NAME, NULL);
  g_autoptr (PlIdentity) usurper = identity_of (other, NULL);
  g_autoptr (GBytes) second = NULL;
  g_autoptr (GBytes) foreign = NULL;
  g_autoptr (PlDocument) next = NULL;
  g_autoptr (PlDocument) usurped = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert (!verifies (previous, previous, NULL));
  made->sequence = 2;
  second = built (made, signer);
  next = pl_document_parse (second, NULL, NULL);
  ck_assert_msg (verifies (next, previous, &error), "%s", error ? error->message : "");
  ck_assert (!verifies (previous, next, NULL));
  g_ptr_array_set_size (made->root_certs, 0);
  g_ptr_array_add (made->root_certs, g_bytes_ref (pl_authority_cert_der (other)));
  made->sequence = 3;
  foreign = built (made, usurper);
  usurped = pl_document_parse (foreign, NULL, NULL);
  ck_assert (verifies (usurped, NULL, NULL));
  ck_assert (!verifies (usurped, previous, NULL));
}
END_TEST

/* Somebody whom nobody certifies, as the signer of a document or a person. */
static PlIdentity *
self_signed (const char *aor, guint n_node_ids)
{
  g_autofree char *key = pl_key_make (NULL);
  g_autofree char *pem = pl_self_signed_issue (env, &(PlSelfSigned) { key, aor, NAME, G_CHECKSUM_SHA256, n_node_ids }, NULL);

  return pl_identity_new (key, pem, NULL);
}

/* 11.3.1, S1-17: without an authority; whoever has the digest of their key as Node-ID is let in. */
START_TEST (document_without_an_authority_lets_in_who_signs_for_themselves)
{
  g_autoptr (PlDocument) made = pl_document_new (NAME);
  g_autoptr (PlIdentity) own = self_signed (NULL, 1);
  g_autoptr (PlIdentity) person = self_signed ("alice@example.org", 1);
  g_autoptr (PlIdentity) third = self_signed ("alice@example.org", 3);
  g_autoptr (PlIdentity) certified = identity_of (authority, "alice@example.org");
  g_autoptr (GBytes) xml = NULL;
  g_autoptr (PlDocument) read = NULL;
  g_autoptr (PlDocument) strict = own_document ();
  g_autoptr (PlTrust) trust = NULL, authoritative = pl_document_trust_new (strict, env, NULL);

  made->self_signed_permitted = TRUE;
  xml = built (made, own);
  read = pl_document_parse (xml, NULL, NULL);
  ck_assert (pl_document_mode (read) == PL_MODE_SELF_SIGNED);
  ck_assert (pl_document_check_supported (read, NULL) && verifies (read, NULL, NULL));
  trust = pl_document_trust_new (read, env, NULL);
  ck_assert (pl_trust_check_cert (trust, pl_identity_cert (person), NULL));
  ck_assert (pl_trust_check_cert (trust, pl_identity_cert (third), NULL));
  ck_assert (pl_node_id_equal (pl_identity_node_id (third), pl_cert_node_id (pl_identity_cert (third), 2)));
  ck_assert (!pl_trust_check_cert (authoritative, pl_identity_cert (person), NULL)); /* 108: where it is not permitted */
  ck_assert (!pl_trust_check_cert (trust, pl_identity_cert (certified), NULL)); /* its Node-ID is random */
  g_ptr_array_add (read->root_certs, g_bytes_ref (pl_authority_cert_der (authority)));
  ck_assert (!pl_document_check_supported (read, NULL)); /* one of them could pose as one of the others */
}
END_TEST

/* No document, even of the right signer, makes an overlay one of another kind (S1-16, S2-33). */
START_TEST (document_does_not_change_how_people_get_in)
{
  g_autoptr (PlDocument) made = own_document ();
  g_autoptr (GBytes) first = built (made, signer);
  g_autoptr (PlDocument) previous = pl_document_parse (first, NULL, NULL);
  g_autoptr (GBytes) second = NULL;
  g_autoptr (PlDocument) next = NULL;
  g_autoptr (GError) error = NULL;

  made->sequence = 2;
  made->self_signed_permitted = TRUE;
  made->secret_links = _i == 1;
  second = built (made, signer);
  next = pl_document_parse (second, NULL, NULL);
  ck_assert (pl_document_mode (next) == (_i ? PL_MODE_SHARED_SECRET : PL_MODE_SELF_SIGNED));
  ck_assert_uint_eq (next->mandatory_extensions->len, _i); /* others must not take it for one without */
  ck_assert (!verifies (next, previous, &error));
  ck_assert_ptr_nonnull (strstr (error->message, pl_mode_name (pl_document_mode (next))));
}
END_TEST

START_TEST (sequence_numbers_compare_modulo) /* 60 */
{
  ck_assert (pl_document_sequence_newer (2, 1) && !pl_document_sequence_newer (1, 2) && !pl_document_sequence_newer (7, 7));
  ck_assert (pl_document_sequence_newer (0, 65534) && !pl_document_sequence_newer (65534, 0));
  ck_assert (pl_document_sequence_newer (32767, 0) && !pl_document_sequence_newer (32768, 0));
}
END_TEST

START_TEST (document_expires)
{
  g_autoptr (PlDocument) made = own_document ();
  g_autoptr (GError) error = NULL;

  ck_assert (pl_document_check_time (made, env, NULL));
  made->expiration = pl_env_wall (env) / PL_USEC_PER_SEC + 10;
  ck_assert (pl_document_check_time (made, env, NULL));
  pl_universe_step_wall (universe, 11 * PL_USEC_PER_SEC);
  ck_assert (!pl_document_check_time (made, env, &error));
  ck_assert_ptr_nonnull (strstr (error->message, "overlay join"));
}
END_TEST

/* --- what others make --- */

/* The RFC's example has Node-IDs of 8 bytes beside a node-id-length of 16: these are filled up
 * here. Its signatures, its second root and its date are no good either, which shows only
 * when they are used. */
START_TEST (document_of_the_rfc_is_read_with_longer_node_ids)
{
  g_autoptr (GBytes) xml = pl_test_data ("documents/rfc6940-example.xml");
  g_autofree char *text = text_of (xml);
  g_autoptr (GRegex) ids = g_regex_new ("(-signer|bad-node)>( ?)([0-9a-f]{16})", 0, 0, NULL);
  g_autofree char *longer = g_regex_replace (ids, text, -1, 0, "\\1>\\2\\3\\3", 0, NULL);
  g_autoptr (PlDocument) as_is = parse (text, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PlDocument) document = parse (longer, &error);
  const PlKind *kind;

  ck_assert_ptr_null (as_is);
  ck_assert_msg (document != NULL, "%s", error ? error->message : "");
  ck_assert_str_eq (document->instance_name, "overlay.example.org");
  ck_assert_uint_eq (document->sequence, 22);
  ck_assert_int_eq (document->expiration, 1034233200);
  ck_assert_str_eq (document->topology, "CHORD-RELOAD"); /* padded in the text */
  ck_assert_uint_eq (document->root_certs->len, 2);
  ck_assert_uint_eq (document->bootstrap_nodes->len, 3);
  ck_assert_uint_eq (document->enrollment_servers->len, 2);
  ck_assert_uint_eq (document->kind_signers->len, 2);
  ck_assert_uint_eq (document->bad_nodes->len, 2);
  ck_assert (!document->clients_permitted && !document->no_ice && !document->self_signed_permitted && document->shared_secret);
  ck_assert_uint_eq (document->turn_density, 20);
  ck_assert_uint_eq (document->initial_ttl, 30);
  ck_assert_uint_eq (document->reliability_timer, 3000);
  ck_assert_uint_eq (document->chord_update_interval, 400);
  ck_assert_uint_eq (document->chord_ping_interval, 30);
  kind = pl_document_kind (document, PL_KIND_SIP_REGISTRATION); /* E16, checklist 315: the registry wins */
  ck_assert (kind->model == PL_DATA_DICTIONARY && kind->access == PL_ACCESS_USER_NODE_MATCH && kind->max_size == 100);
  kind = pl_document_kind (document, 2000);
  ck_assert (kind->access == PL_ACCESS_NODE_MULTIPLE && kind->max_node_multiple == 3 && kind->max_count == 22);
  ck_assert (!pl_document_check_supported (document, NULL));
  ck_assert (!verifies (document, NULL, NULL));
}
END_TEST

START_TEST (document_of_several_overlays_is_read_by_name)
{
  g_autofree char *text = g_strdup (HEAD "<configuration instance-name=\"a.example\"/><signature>AAAA</signature>"
                                    "<configuration instance-name=\"b.example\" sequence=\"7\"/><signature>BBBB</signature></overlay>");
  g_autoptr (GBytes) xml = g_bytes_new (text, strlen (text));
  g_autoptr (PlDocument) b = pl_document_parse (xml, "B.example", NULL);
  g_autoptr (PlDocument) first = pl_document_parse (xml, NULL, NULL);

  ck_assert_uint_eq (b->sequence, 7);
  ck_assert_str_eq (g_ptr_array_index (b->signatures, 0), "BBBB");
  ck_assert_str_eq (first->instance_name, "a.example");
  ck_assert_uint_eq (first->signatures->len, 1);
  ck_assert_ptr_null (pl_document_parse (xml, "c.example", NULL));
  /* Defaults of 11.1, checklist 302, 306, 307, 309. */
  ck_assert_uint_eq (first->max_message_size, 5000);
  ck_assert_uint_eq (first->initial_ttl, 100);
  ck_assert_uint_eq (first->reliability_timer, 3000);
  ck_assert (first->clients_permitted && !first->no_ice && first->chord_reactive);
  ck_assert_uint_eq (first->turn_density, 1);
  ck_assert_str_eq (g_ptr_array_index (first->link_protocols, 0), "TLS");
}
END_TEST

#define WITH(what) HEAD "<configuration instance-name=\"a.example\">" what "</configuration></overlay>"
#define KIND(attr, access) "<required-kinds><kind-block><kind " attr "><data-model>SINGLE</data-model><access-control>" access \
  "</access-control><max-count>1</max-count><max-size>1</max-size></kind></kind-block></required-kinds>"

static const struct { const char *text, *said; } refused[] = {
  { "", "empty" },
  { "hello", "no XML" },
  { HEAD, "no XML, or cut off" },
  { HEAD "<configuration instance-name=\"a.example\"></overlay>", "configuration" },
  { "<overlay/>", "line 1" },
  { "<overlay xmlns=\"urn:other\"><configuration instance-name=\"a\"/></overlay>", "line 1" },
  { HEAD "</overlay>", "line 1" },
  { HEAD "<configuration/></overlay>", "line 1" },
  { "<!DOCTYPE overlay [<!ENTITY x \"y\">]>" HEAD "<configuration instance-name=\"&x;\"/></overlay>", "DOCTYPE" },
  { "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" WITH (""), "UTF-8" },
  { HEAD "<configuration instance-name=\"a b\"/></overlay>", "instance-name" },
  { HEAD "<configuration instance-name=\"a\" sequence=\"65535\"/></overlay>", "line 1" },
  { HEAD "<configuration instance-name=\"a\" expiration=\"2030-01-01T00:00:00\"/></overlay>", "time zone" },
  { WITH ("<overlay-reliability-timer>199</overlay-reliability-timer>"), "line 1" },
  { WITH ("<initial-ttl>0</initial-ttl>"), "line 1" },
  { WITH ("<node-id-length>21</node-id-length>"), "line 1" },
  { WITH ("<no-ice>maybe</no-ice>"), "line 1" },
  { WITH ("<turn-density>256</turn-density>"), "line 1" },
  { WITH ("<bootstrap-node port=\"1\"/>"), "line 1" },
  { WITH ("<bootstrap-node address=\"192.0.2.1\" port=\"0\"/>"), "line 1" },
  { WITH ("<bootstrap-node address=\"not an address\"/>"), "bootstrap-node" },
  { WITH ("<enrollment-server>http://example.org</enrollment-server>"), "https" },
  { WITH ("<bad-node>1234</bad-node>"), "bad-node" },
  { WITH ("<nonsense/>"), "line 1" },
  { WITH ("<nonsense xmlns=\"\"/>"), "line 1" },
  { WITH ("<self-signed-permitted digest=\"md5\">true</self-signed-permitted>"), "digest" },
  { WITH ("<pl:multicast-bootstrap xmlns:pl=\"urn:peerline:overlay:1\" address=\"192.0.2.1\"/>"), "no IPv4 multicast address" },
  { WITH ("<pl:multicast-bootstrap xmlns:pl=\"urn:peerline:overlay:1\" address=\"ff02::1\"/>"), "no IPv4 multicast address" },
  { WITH ("<pl:multicast-bootstrap xmlns:pl=\"urn:peerline:overlay:1\" address=\"239.0.0.1\" port=\"0\"/>"), "no address and port" },
  { WITH ("<admission xmlns=\"urn:peerline:overlay:1\">by-looks</admission>"), "admission" },
  { WITH ("<pl:stun-server xmlns:pl=\"urn:peerline:overlay:1\" host=\"\"/>"), "stun-server" },
  { WITH ("<pl:registration-places xmlns:pl=\"urn:peerline:overlay:1\">0</pl:registration-places>"), "registration-places" },
  { WITH ("<pl:registration-places xmlns:pl=\"urn:peerline:overlay:1\">2</pl:registration-places>"
          KIND ("id=\"4026531856\"", "USER-MATCH")), "twice" },
  { WITH ("<diagnostic-kind xmlns=\"urn:ietf:params:xml:ns:p2p:config-diagnostics\" kind=\"x\"/>"), "diagnostic-kind" },
  { WITH ("<number-of-peers-to-probe xmlns=\"urn:ietf:params:xml:ns:p2p:self-tuning\">many</number-of-peers-to-probe>"), "peers-to-probe" },
  { WITH (KIND ("id=\"77\"", "USER-MATCH") KIND ("id=\"77\"", "USER-MATCH")), "line 1" },
};

START_TEST (document_that_is_wrong_is_refused_with_a_reason)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlDocument) document = parse (refused[_i].text, &error);

  ck_assert_msg (document == NULL, "accepted: %s", refused[_i].text);
  ck_assert_msg (strstr (error->message, refused[_i].said) != NULL, "%s: %s", refused[_i].text, error->message);
}
END_TEST

START_TEST (document_of_others_has_no_copies_of_registrations)
{
  g_autoptr (PlDocument) document = parse (HEAD "<configuration instance-name=\"a\"/></overlay>", NULL);

  ck_assert_uint_eq (document->registration_places, 1);
  ck_assert_ptr_null (pl_document_kind (document, PL_KIND_REGISTRATION_COPY));
}
END_TEST

/* Checklist 327. */
START_TEST (document_with_foreign_elements_and_attributes_is_read)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlDocument) document = parse (HEAD "<configuration instance-name=\"a\" x:y=\"z\" xmlns:x=\"urn:x\">"
                                           "<x:a b=\"c\">text<x:d/></x:a><no-ice>1</no-ice></configuration></overlay>", &error);

  ck_assert_msg (document != NULL, "%s", error ? error->message : "");
  ck_assert (document->no_ice);
}
END_TEST

static const char *const unsupported[] = {
  WITH ("<topology-plugin>PASTRY</topology-plugin>"),
  WITH ("<overlay-link-protocol>DTLS-UDP-SR</overlay-link-protocol>"),
  WITH ("<mandatory-extension>urn:x</mandatory-extension>"),
  WITH ("<node-id-length>20</node-id-length><bad-node>0102030405060708090a0b0c0d0e0f1011121314</bad-node>"), /* 302 */
  WITH ("<shared-secret>secret</shared-secret>"),
  WITH ("<self-signed-permitted digest=\"sha1\">false</self-signed-permitted>"),
  WITH ("<admission xmlns=\"urn:peerline:overlay:1\">shared-secret</admission>"),
  WITH (KIND ("name=\"X-UNKNOWN\"", "USER-MATCH")),
  WITH (KIND ("id=\"4026531841\"", "MY-OWN")),
  WITH (KIND ("id=\"4026531841\"", "NODE-MULTIPLE")),
};

static const char *const no_kinds[] = {
  "", "0xf0000001", "0xf0000001:SINGLE:USER-MATCH:1", "0xf0000001:SINGLE:USER-MATCH:1:1000:2", "0x10:SINGLE:USER-MATCH:1:1000",
  "0xffffffff:SINGLE:USER-MATCH:1:1000", "0xf0000001:HEAP:USER-MATCH:1:1000", "0xf0000001:SINGLE:ANYBODY:1:1000",
  "0xf0000001:SINGLE:USER-MATCH:0:1000", "0xf0000001:SINGLE:USER-MATCH:1:-1", "0xf0000001:SINGLE:USER-MATCH:1:4294967296",
};

START_TEST (kind_of_ones_own_is_read_from_a_line)
{
  PlKind kind;

  ck_assert (pl_kind_parse ("0xf0000001:SINGLE:USER-MATCH:1:1000", &kind, NULL));
  ck_assert (kind.id == 0xf0000001u && kind.model == PL_DATA_SINGLE && kind.access == PL_ACCESS_USER_MATCH);
  ck_assert (kind.max_count == 1 && kind.max_size == 1000 && kind.max_node_multiple == 0);
  ck_assert (pl_kind_parse ("4294967294:dictionary:node-multiple:4:20", &kind, NULL));
  ck_assert (kind.id == 0xfffffffeu && kind.model == PL_DATA_DICTIONARY && kind.access == PL_ACCESS_NODE_MULTIPLE);
  ck_assert (kind.max_count == 4 && kind.max_size == 20 && kind.max_node_multiple == 20);
  for (guint i = 0; i < G_N_ELEMENTS (no_kinds); i++)
    {
      g_autoptr (GError) error = NULL;

      ck_assert_msg (!pl_kind_parse (no_kinds[i], &kind, &error), "taken: %s", no_kinds[i]);
      ck_assert_ptr_nonnull (strstr (error->message, "ID:MODEL:POLICY:COUNT:SIZE"));
    }
}
END_TEST

START_TEST (domain_restrictions_are_read) /* RFC 7904 */
{
  g_autoptr (PlDocument) none = parse (WITH ("<turn-density>2</turn-density>"), NULL);
  g_autoptr (PlDocument) some = parse (WITH ("<s:domain-restrictions xmlns:s=\"urn:ietf:params:xml:ns:p2p:config-base:sip\" enable=\"true\">"
                                             "<s:pattern> example\\.(org|net) </s:pattern><s:pattern>a\\.example</s:pattern>"
                                             "</s:domain-restrictions>"), NULL);

#define DOMAINS(name, rest) WITH ("<s:" name " xmlns:s=\"urn:ietf:params:xml:ns:p2p:config-base:sip\"" rest "</s:" name ">")
  g_autoptr (PlDocument) unset = parse (DOMAINS ("domain-restrictions", ">"), NULL);
  g_autoptr (PlDocument) off = parse (DOMAINS ("domain-restrictions", " enable=\"false\"><s:pattern>.*</s:pattern>"), NULL);
  g_autoptr (PlDocument) nobody = parse (DOMAINS ("domain-restrictions", " enable=\"1\">"), NULL);
  g_autoptr (PlDocument) grammar = parse (DOMAINS ("domain-restriction", " enable=\"true\"><s:pattern>b\\.example</s:pattern>"), NULL);

  ck_assert (!pl_document_allows_aor (unset, "a@example.net") && !pl_document_allows_aor (off, "a@example.net")); /* 3.4 */
  ck_assert (pl_document_allows_aor (unset, "a@a.example") && pl_document_allows_aor (off, "a@a.example") && !pl_document_allows_aor (nobody, "a@a.example"));
  ck_assert (pl_document_allows_aor (grammar, "a@b.example") && !pl_document_allows_aor (grammar, "a@a.example")); /* as the grammar spells it */
  ck_assert (!none->domains_restricted && some->domains_restricted);
  ck_assert_uint_eq (none->domain_patterns->len, 0);
  ck_assert_uint_eq (some->domain_patterns->len, 2);
  ck_assert_str_eq (g_ptr_array_index (some->domain_patterns, 0), "example\\.(org|net)");
  ck_assert (pl_document_allows_aor (none, "a@example.org") && pl_document_allows_aor (some, "a@example.net"));
  ck_assert (!pl_document_allows_aor (some, "a@sub.example.net") && !pl_document_allows_aor (some, "a@example.net.evil.com"));
  g_ptr_array_set_size (some->domain_patterns, 0);
  ck_assert (!pl_document_allows_aor (some, "a@example.net"));
  g_free (some->instance_name);
  some->instance_name = g_strdup ("example.net");
  ck_assert (pl_document_allows_aor (some, "a@example.net"));
}
END_TEST

START_TEST (grants_of_diagnostics_and_peers_to_probe_are_read) /* RFC 7851 7, RFC 7363 7 */
{
  g_autoptr (PlDocument) none = parse (WITH ("<turn-density>2</turn-density>"), NULL);
  g_autoptr (PlDocument) some = parse (WITH ("<d:diagnostic-kind xmlns:d=\"urn:ietf:params:xml:ns:p2p:config-diagnostics\" kind=\"0x000A\">"
                                             "<d:access-node>0102030405060708090a0b0c0d0e0f10</d:access-node>"
                                             "<d:access-node>0102030405060708090a0b0c0d0e0f11</d:access-node></d:diagnostic-kind>"
                                             "<t:number-of-peers-to-probe xmlns:t=\"urn:ietf:params:xml:ns:p2p:self-tuning\">7"
                                             "</t:number-of-peers-to-probe>"), NULL);
  const PlDiagnosticGrant *grant;

  ck_assert_uint_eq (none->diagnostic_grants->len, 0);
  ck_assert_uint_eq (none->peers_to_probe, 4);
  ck_assert_uint_eq (some->diagnostic_grants->len, 2);
  grant = &g_array_index (some->diagnostic_grants, PlDiagnosticGrant, 1);
  ck_assert_uint_eq (grant->kind, 10);
  ck_assert_uint_eq (grant->node.b[15], 0x11);
  ck_assert_uint_eq (some->peers_to_probe, 7);
}
END_TEST

START_TEST (document_that_needs_what_we_lack_is_read_but_not_supported)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlDocument) document = parse (unsupported[_i], &error);

  ck_assert_msg (document != NULL, "%s", error ? error->message : "");
  ck_assert (!pl_document_check_supported (document, &error));
  ck_assert (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED));
}
END_TEST

START_TEST (document_cut_off_or_with_flipped_bits_does_no_harm)
{
  g_autoptr (PlDocument) made = own_document ();
  g_autoptr (GBytes) xml = built (made, signer);
  gsize len;
  const guint8 *data = g_bytes_get_data (xml, &len);

  /* The line's end behind the last tag may go: without it the document is still whole. */
  while (len > 0 && g_ascii_isspace (data[len - 1]))
    len--;
  for (gsize i = 0; i < len; i += 13)
    {
      g_autoptr (GBytes) cut = g_bytes_new (data, i);
      g_autofree guint8 *flipped = g_memdup2 (data, len);
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (PlDocument) a = pl_document_parse (cut, NULL, NULL);
      g_autoptr (PlDocument) b = NULL;

      ck_assert_ptr_null (a);
      flipped[i] ^= 1 << (i % 8);
      bytes = g_bytes_new (flipped, len);
      b = pl_document_parse (bytes, NULL, NULL);
      if (b)
        verifies (b, NULL, NULL);
    }
}
END_TEST

START_TEST (document_too_large_or_too_deep_is_refused)
{
  g_autoptr (GString) deep = g_string_new (HEAD "<configuration instance-name=\"a\">");
  g_autofree char *large = g_strnfill (PL_DOCUMENT_MAX + 1, ' ');
  g_autoptr (GBytes) deep_xml = NULL;
  g_autoptr (GBytes) large_xml = g_bytes_new (large, PL_DOCUMENT_MAX + 1);

  for (int i = 0; i < 100; i++)
    g_string_append (deep, "<x:a xmlns:x=\"urn:x\">");
  for (int i = 0; i < 100; i++)
    g_string_append (deep, "</x:a>");
  g_string_append (deep, "</configuration></overlay>");
  deep_xml = g_bytes_new (deep->str, deep->len);
  ck_assert_ptr_null (pl_document_parse (deep_xml, NULL, NULL));
  ck_assert_ptr_null (pl_document_parse (large_xml, NULL, NULL));
}
END_TEST

/* --- authority --- */

START_TEST (authority_takes_only_the_key_of_a_request) /* S2-28, S2-45, S2-55, S2-62, S2-98 */
{
  g_autofree char *key = pl_key_make (NULL);
  g_autofree char *request = pl_request_make (key, "eve@example.org", "elsewhere.example", NULL);
  g_autofree char *aor = NULL;
  g_autofree char *overlay = NULL;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autoptr (PlCert) a = NULL;
  g_autoptr (PlCert) b = NULL;
  PlNodeId id = { { 1, 2, 3 } };

  ck_assert (pl_request_read (request, &aor, &overlay, NULL));
  ck_assert_str_eq (aor, "eve@example.org");
  ck_assert_str_eq (overlay, "elsewhere.example");
  first = pl_authority_issue (authority, request, "alice@example.org", NULL, NULL);
  second = pl_authority_issue (authority, request, "alice@example.org", &id, NULL);
  a = pl_cert_new_from_pem (first, NULL);
  b = pl_cert_new_from_pem (second, NULL);
  ck_assert_str_eq (pl_cert_aor (a), "alice@example.org");
  ck_assert_str_eq (pl_cert_overlay (a), NAME);
  ck_assert (!pl_node_id_equal (pl_cert_node_id (a, 0), pl_cert_node_id (b, 0)));
  ck_assert (pl_node_id_equal (pl_cert_node_id (b, 0), &id));
  ck_assert (pl_request_has_key_of (request, a));
  ck_assert (!pl_request_has_key_of (request, pl_identity_cert (signer)));
  ck_assert_int_le (pl_cert_not_before (a), pl_env_wall (env) / PL_USEC_PER_SEC);
}
END_TEST

START_TEST (authority_gives_several_node_ids_and_keeps_them) /* S2-29, 98, 11.3 */
{
  g_autofree char *key = pl_key_make (NULL);
  g_autofree char *request = pl_request_make (key, "alice@example.org", NAME, NULL);
  PlNodeId kept = { { 1, 2, 3 } };
  g_autofree char *pem = pl_authority_issue_several (authority, request, "alice@example.org", &kept, 1, PL_AUTHORITY_NODE_IDS_MAX, NULL);
  g_autoptr (PlCert) cert = pl_cert_new_from_pem (pem, NULL);

  ck_assert_uint_eq (pl_cert_n_node_ids (cert), PL_AUTHORITY_NODE_IDS_MAX);
  ck_assert (pl_node_id_equal (pl_cert_node_id (cert, 0), &kept));
  ck_assert (!pl_node_id_equal (pl_cert_node_id (cert, 1), pl_cert_node_id (cert, 2)));
}
END_TEST

START_TEST (authority_refuses_a_request_that_was_changed_or_is_none)
{
  g_autofree char *key = pl_key_make (NULL);
  g_autofree char *request = pl_request_make (key, "eve@example.org", NAME, NULL);
  g_autofree char *large = g_strnfill (PL_REQUEST_MAX + 1, 'A');
  char *at = strstr (request, "\n") + 60;

  ck_assert_ptr_null (pl_authority_issue (authority, "garbage", "a@example.org", NULL, NULL));
  ck_assert_ptr_null (pl_authority_issue (authority, large, "a@example.org", NULL, NULL));
  *at = *at == 'A' ? 'B' : 'A';
  ck_assert_ptr_null (pl_authority_issue (authority, request, "a@example.org", NULL, NULL));
  ck_assert (!pl_request_read (request, NULL, NULL, NULL));
}
END_TEST

START_TEST (authority_loads_its_own_files_only)
{
  g_autofree char *key = pl_authority_dup_key_pem (authority);
  g_autofree char *cert = pl_authority_dup_cert_pem (authority);
  g_autofree char *other = pl_key_make (NULL);
  g_autoptr (PlAuthority) again = pl_authority_load (env, NAME, key, cert, NULL);
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_nonnull (again);
  ck_assert_ptr_null (pl_authority_load (env, NAME, other, cert, &error));
  g_clear_error (&error);
  pl_universe_step_wall (universe, (gint64) 4000 * 24 * 3600 * PL_USEC_PER_SEC);
  ck_assert_ptr_null (pl_authority_load (env, NAME, key, cert, &error));
  ck_assert_ptr_nonnull (strstr (error->message, "expired"));
}
END_TEST

static TCase *
document_case (void)
{
  TCase *tcase = tcase_create ("enroll/document");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_set_timeout (tcase, 60);
  tcase_add_test (tcase, document_made_here_reads_back_and_verifies);
  tcase_add_test (tcase, document_made_from_another_keeps_what_the_extensions_say);
  tcase_add_loop_test (tcase, document_with_changed_bytes_does_not_verify, 0, 5);
  tcase_add_test (tcase, document_that_hides_another_configuration_is_not_taken_for_the_signed_one);
  tcase_add_test (tcase, document_signed_by_somebody_else_does_not_verify);
  tcase_add_test (tcase, document_with_an_unsigned_kind_does_not_verify);
  tcase_add_test (tcase, document_follows_a_previous_one_when_newer_and_signed_by_its_signer);
  tcase_add_test (tcase, domain_restrictions_are_read);
  tcase_add_test (tcase, grants_of_diagnostics_and_peers_to_probe_are_read);
  tcase_add_test (tcase, document_without_an_authority_lets_in_who_signs_for_themselves);
  tcase_add_loop_test (tcase, document_does_not_change_how_people_get_in, 0, 2);
  tcase_add_test (tcase, sequence_numbers_compare_modulo);
  tcase_add_test (tcase, document_expires);
  tcase_add_test (tcase, document_of_the_rfc_is_read_with_longer_node_ids);
  tcase_add_test (tcase, document_of_several_overlays_is_read_by_name);
  tcase_add_loop_test (tcase, document_that_is_wrong_is_refused_with_a_reason, 0, G_N_ELEMENTS (refused));
  tcase_add_test (tcase, document_with_foreign_elements_and_attributes_is_read);
  tcase_add_test (tcase, document_of_others_has_no_copies_of_registrations);
  tcase_add_test (tcase, kind_of_ones_own_is_read_from_a_line);
  tcase_add_loop_test (tcase, document_that_needs_what_we_lack_is_read_but_not_supported, 0, G_N_ELEMENTS (unsupported));
  tcase_add_test (tcase, document_cut_off_or_with_flipped_bits_does_no_harm);
  tcase_add_test (tcase, document_too_large_or_too_deep_is_refused);
  return tcase;
}

static TCase *
authority_case (void)
{
  TCase *tcase = tcase_create ("enroll/authority");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, authority_takes_only_the_key_of_a_request); /* S0-11, S1-48 */
  tcase_add_test (tcase, authority_gives_several_node_ids_and_keeps_them);
  tcase_add_test (tcase, authority_refuses_a_request_that_was_changed_or_is_none);
  tcase_add_test (tcase, authority_loads_its_own_files_only);
  return tcase;
}

int
main (void)
{
  Suite *suite = suite_create ("overlay");

  suite_add_tcase (suite, document_case ());
  suite_add_tcase (suite, authority_case ());
  return pl_test_run (suite, NULL);
}
