/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/sipphone.h"

#include "tests/support/siptext.h"

#include <string.h>

#define DATAGRAM_MAX 65536

typedef struct {
  char *local, *remote;         /* name-addr, without tag */
  char *local_tag, *remote_tag;
  char *target;
  GPtrArray *routes;            /* "<...>", in the order we send them */
  guint cseq, invite_cseq;
  gboolean established, out;    /* out: we sent the INVITE */
  PlPhoneMessage *request;      /* last one received that waits for an answer of ours */
  char *answered;               /* last answer to it */
  guint answer;                 /* status of that */
  char *branch, *invite_uri;    /* of the INVITE we sent last */
} Dialog;

struct PlPhone {
  GMainContext *context;
  GSocketAddress *proxy;
  gboolean tcp;
  GSocket *socket;
  GSource *source;
  GByteArray *stream;
  char *id, *aor, *host, *contact, *params;
  gboolean own_contact;
  guint16 port;
  PlPhoneScript script;
  guint serial;
  GHashTable *dialogs;          /* Call-ID -> Dialog */
  GPtrArray *messages;          /* PlPhoneMessage */
};

/* --- sockets --- */

static void on_message (PlPhone *phone, const char *data, gsize len);

static void
take_stream (PlPhone *phone)
{
  gsize whole;

  while (phone->stream->len && strchr ("\r\n", phone->stream->data[0]))
    g_byte_array_remove_index (phone->stream, 0);
  while ((whole = pl_siptext_frame ((const char *) phone->stream->data, phone->stream->len)) > 0)
    {
      g_autofree char *copy = g_memdup2 (phone->stream->data, whole);

      g_byte_array_remove_range (phone->stream, 0, whole);
      on_message (phone, copy, whole);
    }
}

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer user)
{
  PlPhone *phone = user;
  g_autofree char *buf = g_malloc (DATAGRAM_MAX);
  gssize len = g_socket_receive (socket, buf, DATAGRAM_MAX, NULL, NULL);

  if (len > 0 && phone->tcp)
    {
      g_byte_array_append (phone->stream, (guint8 *) buf, len);
      take_stream (phone);
    }
  else if (len > 0)
    on_message (phone, buf, len);
  else if (phone->tcp)
    {
      g_clear_pointer (&phone->source, g_source_unref);
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

static void
name_contact (PlPhone *phone)
{
  g_autofree char *user = g_strndup (phone->aor, strcspn (phone->aor, "@"));

  if (phone->own_contact)
    return;
  g_free (phone->contact);
  phone->contact = g_strdup_printf ("sip:%s-%s@%s:%u%s", user, phone->id, phone->host, phone->port, phone->tcp ? ";transport=tcp" : "");
}

static void
bind_socket (PlPhone *phone)
{
  g_autoptr (GInetAddress) any = g_inet_address_new_loopback (g_socket_address_get_family (phone->proxy));
  g_autoptr (GSocketAddress) from = g_inet_socket_address_new (any, 0);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GError) error = NULL;

  phone->socket = g_socket_new (g_socket_address_get_family (phone->proxy), phone->tcp ? G_SOCKET_TYPE_STREAM : G_SOCKET_TYPE_DATAGRAM,
                                G_SOCKET_PROTOCOL_DEFAULT, &error);
  if (!phone->socket || !g_socket_bind (phone->socket, from, FALSE, &error))
    g_error ("test phone: %s", error->message);
  if (phone->tcp && !g_socket_connect (phone->socket, phone->proxy, NULL, &error))
    g_message ("test phone: %s", error->message);
  g_socket_set_blocking (phone->socket, FALSE);
  bound = g_socket_get_local_address (phone->socket, NULL);
  phone->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  phone->source = g_socket_create_source (phone->socket, G_IO_IN, NULL);
  g_source_set_callback (phone->source, G_SOURCE_FUNC (on_readable), phone, NULL);
  g_source_attach (phone->source, phone->context);
  name_contact (phone);
}

void
pl_phone_disconnect (PlPhone *phone)
{
  if (phone->source)
    g_source_destroy (phone->source);
  g_clear_pointer (&phone->source, g_source_unref);
  g_clear_object (&phone->socket);
  g_byte_array_set_size (phone->stream, 0);
}

gboolean
pl_phone_send_raw (PlPhone *phone, const void *data, gsize len)
{
  g_autoptr (GError) error = NULL;
  gssize sent = 0;

  if (!phone->source)
    pl_phone_disconnect (phone);
  if (!phone->socket)
    bind_socket (phone);
  if (!phone->tcp)
    return g_socket_send_to (phone->socket, phone->proxy, data, len, NULL, NULL) == (gssize) len;
  g_socket_set_blocking (phone->socket, TRUE);
  for (gsize done = 0; done < len && sent >= 0; done += sent)
    sent = g_socket_send (phone->socket, (const char *) data + done, len - done, NULL, &error);
  g_socket_set_blocking (phone->socket, FALSE);
  return sent >= 0;
}

static gboolean
send_text (PlPhone *phone, const char *text)
{
  return pl_phone_send_raw (phone, text, strlen (text));
}

/* --- life cycle --- */

static void
dialog_free (gpointer data)
{
  Dialog *dialog = data;

  g_free (dialog->local);
  g_free (dialog->remote);
  g_free (dialog->local_tag);
  g_free (dialog->remote_tag);
  g_free (dialog->target);
  g_free (dialog->answered);
  g_free (dialog->branch);
  g_free (dialog->invite_uri);
  g_clear_pointer (&dialog->request, pl_siptext_free);
  g_ptr_array_unref (dialog->routes);
  g_free (dialog);
}

void
pl_phone_set_proxy (PlPhone *phone, const char *proxy)
{
  g_autoptr (GSocketConnectable) where = g_network_address_parse (proxy, 5080, NULL);

  g_clear_object (&phone->proxy);
  phone->proxy = g_inet_socket_address_new_from_string (g_network_address_get_hostname (G_NETWORK_ADDRESS (where)),
                                                        g_network_address_get_port (G_NETWORK_ADDRESS (where)));
}

PlPhone *
pl_phone_new (GMainContext *context, const char *aor, const char *proxy, gboolean tcp)
{
  static guint phones;
  PlPhone *phone = g_new0 (PlPhone, 1);

  phone->context = context ? g_main_context_ref (context) : g_main_context_ref (g_main_context_default ());
  pl_phone_set_proxy (phone, proxy);
  phone->host = g_strdup (g_socket_address_get_family (phone->proxy) == G_SOCKET_FAMILY_IPV6 ? "[::1]" : "127.0.0.1");
  phone->id = g_strdup_printf ("%x%x", g_random_int (), ++phones);
  phone->aor = g_strdup (aor);
  phone->tcp = tcp;
  phone->params = g_strdup ("");
  phone->script = (PlPhoneScript){ .ring = 180, .answer = 200 };
  phone->stream = g_byte_array_new ();
  phone->dialogs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, dialog_free);
  phone->messages = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_siptext_free);
  bind_socket (phone);
  return phone;
}

void
pl_phone_free (PlPhone *phone)
{
  pl_phone_disconnect (phone);
  g_byte_array_unref (phone->stream);
  g_hash_table_unref (phone->dialogs);
  g_ptr_array_unref (phone->messages);
  g_clear_object (&phone->proxy);
  g_free (phone->id);
  g_free (phone->aor);
  g_free (phone->host);
  g_free (phone->contact);
  g_free (phone->params);
  g_main_context_unref (phone->context);
  g_free (phone);
}

void
pl_phone_set_script (PlPhone *phone, const PlPhoneScript *script)
{
  phone->script = *script;
}

guint16
pl_phone_port (PlPhone *phone)
{
  return phone->port;
}

const char *
pl_phone_contact (PlPhone *phone)
{
  return phone->contact;
}

void
pl_phone_set_contact (PlPhone *phone, const char *uri)
{
  g_free (phone->contact);
  phone->contact = g_strdup (uri);
  phone->own_contact = TRUE;
}

void
pl_phone_set_params (PlPhone *phone, const char *params)
{
  g_free (phone->params);
  phone->params = g_strdup (params);
}

void
pl_phone_set_aor (PlPhone *phone, const char *aor)
{
  g_free (phone->aor);
  phone->aor = g_strdup (aor);
  name_contact (phone);
}

/* --- requests --- */

static Dialog *
dialog_new (PlPhone *phone, const char *call_id)
{
  Dialog *dialog = g_new0 (Dialog, 1);

  dialog->local_tag = g_strdup_printf ("t%s%u", phone->id, ++phone->serial);
  dialog->routes = g_ptr_array_new_with_free_func (g_free);
  g_hash_table_replace (phone->dialogs, g_strdup (call_id), dialog);
  return dialog;
}

static void
append_via (PlPhone *phone, GString *out, const char *branch)
{
  g_string_append_printf (out, "Via: SIP/2.0/%s %s:%u;branch=%s;rport\r\nMax-Forwards: 70\r\n", phone->tcp ? "TCP" : "UDP", phone->host,
                          phone->port, branch);
}

static void
append_rest (PlPhone *phone, GString *out, const char *headers, const char *body)
{
  gsize len = body ? strlen (body) : 0;

  g_string_append (out, headers ? headers : "");
  if (len && !(headers && strstr (headers, "Content-Type:")))
    g_string_append_printf (out, "Content-Type: %s\r\n", g_str_has_prefix (body, "v=") ? "application/sdp" : "text/plain");
  g_string_append_printf (out, "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s", len, body ? body : "");
}

/* A request of the dialog as it stands; `branch` and `cseq` decide what it belongs to. */
static char *
make_request (PlPhone *phone, Dialog *dialog, const char *call_id, const char *method, const char *branch, guint cseq)
{
  GString *out = g_string_new (NULL);
  const char *target = dialog->target ? dialog->target : dialog->invite_uri;

  g_string_append_printf (out, "%s %s SIP/2.0\r\n", method, target);
  append_via (phone, out, branch);
  for (guint i = 0; i < dialog->routes->len; i++)
    g_string_append_printf (out, "Route: %s\r\n", (char *) dialog->routes->pdata[i]);
  g_string_append_printf (out, "From: %s;tag=%s\r\nTo: %s%s%s\r\n", dialog->local, dialog->local_tag, dialog->remote,
                          dialog->remote_tag ? ";tag=" : "", dialog->remote_tag ? dialog->remote_tag : "");
  g_string_append_printf (out, "Call-ID: %s\r\nCSeq: %u %s\r\n", call_id, cseq, method);
  if (!g_str_equal (method, "ACK") && !g_str_equal (method, "CANCEL"))
    g_string_append_printf (out, "Contact: <%s>%s\r\nUser-Agent: test phone\r\n", phone->contact,
                            g_str_equal (method, "REGISTER") ? phone->params : "");
  return g_string_free (out, FALSE);
}

static char *
next_branch (PlPhone *phone)
{
  return g_strdup_printf ("z9hG4bK%s-%u", phone->id, ++phone->serial);
}

static void
note_invite (Dialog *dialog, const char *method, const char *uri, const char *branch)
{
  if (!g_str_equal (method, "INVITE"))
    return;
  dialog->invite_cseq = dialog->cseq;
  g_free (dialog->branch);
  dialog->branch = g_strdup (branch);
  g_free (dialog->invite_uri);
  dialog->invite_uri = g_strdup (uri);
  dialog->out = TRUE;
}

const char *
pl_phone_request (PlPhone *phone, const char *method, const char *uri, const char *headers, const char *body)
{
  g_autofree char *call_id = g_strdup_printf ("c%s-%u@test", phone->id, ++phone->serial);
  g_autofree char *branch = next_branch (phone);
  g_autofree char *head = NULL;
  GString *out;
  Dialog *dialog = dialog_new (phone, call_id);
  gpointer key;

  if (!phone->socket)
    bind_socket (phone);
  dialog->cseq = 1;
  dialog->local = g_strdup_printf ("<sip:%s>", phone->aor);
  dialog->remote = g_strdup_printf ("<%s>", uri);
  dialog->target = g_strdup (uri);
  note_invite (dialog, method, uri, branch);
  head = make_request (phone, dialog, call_id, method, branch, 1);
  g_clear_pointer (&dialog->target, g_free);
  out = g_string_new (head);
  append_rest (phone, out, headers, body);
  send_text (phone, out->str);
  g_string_free (out, TRUE);
  g_hash_table_lookup_extended (phone->dialogs, call_id, &key, NULL);
  return key;
}

const char *
pl_phone_invite (PlPhone *phone, const char *aor, const char *sdp)
{
  g_autofree char *uri = g_strdup_printf ("sip:%s", aor);

  return pl_phone_request (phone, "INVITE", uri, NULL, sdp);
}

void
pl_phone_register (PlPhone *phone, guint expires)
{
  g_autofree char *call_id = g_strdup_printf ("r%s@test", phone->id);
  g_autofree char *branch = next_branch (phone);
  g_autofree char *headers = g_strdup_printf ("Expires: %u\r\n", expires);
  g_autofree char *head = NULL;
  Dialog *dialog = g_hash_table_lookup (phone->dialogs, call_id);
  GString *out;

  if (!phone->socket)
    bind_socket (phone);
  if (!dialog)
    dialog = dialog_new (phone, call_id);
  g_free (dialog->local);
  dialog->local = g_strdup_printf ("<sip:%s>", phone->aor);
  g_free (dialog->remote);
  dialog->remote = g_strdup (dialog->local);
  g_free (dialog->target);
  dialog->target = g_strdup_printf ("sip:%s", strchr (phone->aor, '@') + 1);
  head = make_request (phone, dialog, call_id, "REGISTER", branch, ++dialog->cseq);
  out = g_string_new (head);
  append_rest (phone, out, headers, NULL);
  send_text (phone, out->str);
  g_string_free (out, TRUE);
}

gboolean
pl_phone_in_dialog (PlPhone *phone, const char *call_id, const char *method, const char *headers, const char *body)
{
  Dialog *dialog = g_hash_table_lookup (phone->dialogs, call_id);
  g_autofree char *branch = next_branch (phone);
  g_autofree char *head = NULL;
  GString *out;
  gboolean sent;

  if (!dialog || !dialog->target)
    return FALSE;
  dialog->cseq++;
  note_invite (dialog, method, dialog->target, branch);
  head = make_request (phone, dialog, call_id, method, branch, dialog->cseq);
  out = g_string_new (head);
  append_rest (phone, out, headers, body);
  sent = send_text (phone, out->str);
  g_string_free (out, TRUE);
  return sent;
}

/* CANCEL and the ACK of a refusal belong to the INVITE's transaction: its URI, branch and To. */
static gboolean
send_in_transaction (PlPhone *phone, Dialog *dialog, const char *call_id, const char *method, const char *to)
{
  GString *out = g_string_new (NULL);
  gboolean sent;

  g_string_append_printf (out, "%s %s SIP/2.0\r\n", method, dialog->invite_uri);
  append_via (phone, out, dialog->branch);
  for (guint i = 0; dialog->established && i < dialog->routes->len; i++)
    g_string_append_printf (out, "Route: %s\r\n", (char *) dialog->routes->pdata[i]);
  g_string_append_printf (out, "From: %s;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n", dialog->local, dialog->local_tag, to,
                          call_id, dialog->invite_cseq, method);
  append_rest (phone, out, NULL, NULL);
  sent = send_text (phone, out->str);
  g_string_free (out, TRUE);
  return sent;
}

gboolean
pl_phone_cancel (PlPhone *phone, const char *call_id)
{
  Dialog *dialog = g_hash_table_lookup (phone->dialogs, call_id);

  return dialog && dialog->branch && send_in_transaction (phone, dialog, call_id, "CANCEL", dialog->remote);
}

/* --- answers --- */

static char *
make_answer (PlPhone *phone, Dialog *dialog, const PlPhoneMessage *request, guint status)
{
  GString *out = g_string_new (NULL);
  g_autofree char *via = pl_siptext_dup_lines (request, "Via");
  g_autofree char *routes = pl_siptext_dup_lines (request, "Record-Route");
  g_autofree char *from = pl_phone_message_dup_header (request, "From", 0);
  g_autofree char *to = pl_phone_message_dup_header (request, "To", 0);
  g_autofree char *cseq = pl_phone_message_dup_header (request, "CSeq", 0);
  gboolean invite = g_str_equal (request->method, "INVITE");
  gboolean tag = dialog && status > 100 && to && !strstr (to, ";tag=");

  g_string_append_printf (out, "SIP/2.0 %u Answer\r\n%sFrom: %s\r\nTo: %s%s%s\r\n", status, via, from, to, tag ? ";tag=" : "",
                          tag ? dialog->local_tag : "");
  g_string_append_printf (out, "Call-ID: %s\r\nCSeq: %s\r\n", request->call_id, cseq);
  if (invite && !phone->script.no_record_route)
    g_string_append (out, routes);
  if (invite)
    g_string_append_printf (out, "Contact: <%s>\r\n%s", phone->script.contact ? phone->script.contact : phone->contact,
                            phone->script.headers ? phone->script.headers : "");
  return g_string_free (out, FALSE);
}

static gboolean
answer (PlPhone *phone, Dialog *dialog, const PlPhoneMessage *request, guint status, const char *extra[2])
{
  g_autofree char *head = make_answer (phone, dialog, request, status);
  GString *out = g_string_new (head);

  append_rest (phone, out, extra ? extra[0] : NULL, extra ? extra[1] : NULL);
  if (dialog && dialog->request == request)
    {
      g_free (dialog->answered);
      dialog->answered = g_strdup (out->str);
      dialog->answer = status;
      dialog->established |= status / 100 == 2;
    }
  send_text (phone, out->str);
  g_string_free (out, TRUE);
  return TRUE;
}

gboolean
pl_phone_answer (PlPhone *phone, const char *call_id, guint status, const char *headers, const char *body)
{
  Dialog *dialog = g_hash_table_lookup (phone->dialogs, call_id);

  return dialog && dialog->request && answer (phone, dialog, dialog->request, status, (const char *[2]){ headers, body });
}

static void
answer_invite (PlPhone *phone, Dialog *dialog, gboolean inside)
{
  if (phone->script.ring && !inside)
    answer (phone, dialog, dialog->request, phone->script.ring, NULL);
  if (phone->script.answer)
    answer (phone, dialog, dialog->request, phone->script.answer,
            (const char *[2]){ NULL, phone->script.answer / 100 == 2 ? phone->script.sdp : NULL });
}

/* --- what comes in --- */

/* Sides, route set and target as a request that makes or refreshes a dialog has them. */
static void
learn_from_request (Dialog *dialog, const PlPhoneMessage *request, gboolean inside)
{
  g_autofree char *from = pl_phone_message_dup_header (request, "From", 0);
  g_autofree char *to = pl_phone_message_dup_header (request, "To", 0);
  g_autofree char *contact = pl_phone_message_dup_header (request, "Contact", 0);
  g_autofree char *remote = from ? pl_siptext_dup_uri (from) : g_strdup ("");
  g_autofree char *local = to ? pl_siptext_dup_uri (to) : g_strdup ("");

  if (contact)
    {
      g_free (dialog->target);
      dialog->target = pl_siptext_dup_uri (contact);
    }
  if (inside || (dialog->local && !dialog->request))
    return; /* (one that was asked before is asked again) */
  g_free (dialog->remote);
  g_free (dialog->local);
  g_free (dialog->remote_tag);
  dialog->remote = g_strdup_printf ("<%s>", remote);
  dialog->local = g_strdup_printf ("<%s>", local);
  dialog->remote_tag = from ? pl_siptext_dup_param (from, "tag") : NULL;
  g_ptr_array_unref (dialog->routes);
  dialog->routes = pl_siptext_dup_record_routes (request);
}

static gboolean
is_repeat (Dialog *dialog, const PlPhoneMessage *request)
{
  g_autofree char *old = dialog->request ? pl_phone_message_dup_header (dialog->request, "Via", 0) : NULL;
  g_autofree char *via = pl_phone_message_dup_header (request, "Via", 0);
  g_autofree char *old_branch = old ? pl_siptext_dup_param (old, "branch") : NULL;
  g_autofree char *branch = via ? pl_siptext_dup_param (via, "branch") : NULL;

  return branch && g_strcmp0 (branch, old_branch) == 0;
}

static void
on_invite (PlPhone *phone, PlPhoneMessage *request)
{
  Dialog *dialog = g_hash_table_lookup (phone->dialogs, request->call_id);
  g_autofree char *to = pl_phone_message_dup_header (request, "To", 0);
  gboolean inside = to && strstr (to, ";tag=");

  if (dialog && is_repeat (dialog, request))
    {
      if (dialog->answered)
        send_text (phone, dialog->answered);
      return;
    }
  if (!dialog)
    dialog = dialog_new (phone, request->call_id);
  learn_from_request (dialog, request, inside);
  g_clear_pointer (&dialog->request, pl_siptext_free);
  dialog->request = pl_siptext_parse (request->text, request->len);
  dialog->answer = 0;
  answer_invite (phone, dialog, inside);
}

static void
on_request (PlPhone *phone, PlPhoneMessage *request)
{
  Dialog *dialog = g_hash_table_lookup (phone->dialogs, request->call_id);

  if (phone->script.deaf || g_str_equal (request->method, "ACK"))
    return;
  if (g_str_equal (request->method, "INVITE"))
    {
      on_invite (phone, request);
      return;
    }
  if (dialog && g_str_equal (request->method, "UPDATE"))
    learn_from_request (dialog, request, TRUE);
  answer (phone, dialog, request, 200, NULL);
  if (g_str_equal (request->method, "CANCEL") && dialog && dialog->request && dialog->answer < 200)
    answer (phone, dialog, dialog->request, 487, NULL);
}

static void
learn_from_response (Dialog *dialog, const PlPhoneMessage *response)
{
  g_autofree char *to = pl_phone_message_dup_header (response, "To", 0);
  g_autofree char *contact = pl_phone_message_dup_header (response, "Contact", 0);
  g_autoptr (GPtrArray) routes = pl_siptext_dup_record_routes (response);

  if (contact)
    {
      g_free (dialog->target);
      dialog->target = pl_siptext_dup_uri (contact);
    }
  if (dialog->established)
    return;
  g_free (dialog->remote_tag);
  dialog->remote_tag = to ? pl_siptext_dup_param (to, "tag") : NULL;
  g_ptr_array_set_size (dialog->routes, 0);
  for (guint i = routes->len; i > 0; i--)
    g_ptr_array_add (dialog->routes, g_strdup (routes->pdata[i - 1]));
}

static void
acknowledge (PlPhone *phone, Dialog *dialog, const PlPhoneMessage *response)
{
  g_autofree char *to = pl_phone_message_dup_header (response, "To", 0);
  g_autofree char *branch = next_branch (phone);
  g_autofree char *head = NULL;
  GString *out;

  if (response->status >= 300)
    {
      send_in_transaction (phone, dialog, response->call_id, "ACK", to);
      return;
    }
  dialog->established = TRUE;
  if (phone->script.no_ack)
    return;
  head = make_request (phone, dialog, response->call_id, "ACK", branch, dialog->invite_cseq);
  out = g_string_new (head);
  append_rest (phone, out, NULL, NULL);
  send_text (phone, out->str);
  g_string_free (out, TRUE);
}

static void
on_response (PlPhone *phone, PlPhoneMessage *response)
{
  Dialog *dialog = g_hash_table_lookup (phone->dialogs, response->call_id);

  if (!dialog || response->status <= 100 || phone->script.deaf)
    return;
  if (response->status < 300 && !g_str_equal (response->method, "REGISTER") && !g_str_equal (response->method, "CANCEL"))
    learn_from_response (dialog, response);
  if (g_str_equal (response->method, "INVITE") && response->status >= 200 && dialog->out)
    acknowledge (phone, dialog, response);
}

static void
on_message (PlPhone *phone, const char *data, gsize len)
{
  PlPhoneMessage *message = pl_siptext_parse (data, len);

  if (!message)
    return;
  g_ptr_array_add (phone->messages, message);
  if (message->status)
    on_response (phone, message);
  else
    on_request (phone, message);
}

/* --- what was received --- */

guint
pl_phone_count (PlPhone *phone, const char *what)
{
  guint count = 0;

  for (guint i = 0; i < phone->messages->len; i++)
    count += pl_siptext_matches (phone->messages->pdata[i], what);
  return count;
}

const PlPhoneMessage *
pl_phone_last (PlPhone *phone, const char *what)
{
  for (guint i = phone->messages->len; i > 0; i--)
    if (pl_siptext_matches (phone->messages->pdata[i - 1], what))
      return phone->messages->pdata[i - 1];
  return NULL;
}

static gboolean
wake_up (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

gboolean
pl_phone_wait (PlPhone *phone, const char *what, guint count, guint msec)
{
  gint64 end = g_get_monotonic_time () + msec * G_TIME_SPAN_MILLISECOND;
  GSource *ticks = g_timeout_source_new (MIN (msec, 20));

  g_source_set_callback (ticks, wake_up, NULL, NULL);
  g_source_attach (ticks, phone->context);
  while (pl_phone_count (phone, what) < count && g_get_monotonic_time () < end)
    g_main_context_iteration (phone->context, TRUE);
  g_source_destroy (ticks);
  g_source_unref (ticks);
  return pl_phone_count (phone, what) >= count;
}

void
pl_phone_idle (PlPhone *phone, guint msec)
{
  pl_phone_wait (phone, "", G_MAXUINT, msec);
}

void
pl_phone_clear (PlPhone *phone)
{
  g_ptr_array_set_size (phone->messages, 0);
}

char *
pl_phone_make_sdp (guint host, gboolean is_answer)
{
  return g_strdup_printf ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                          "a=ice-ufrag:host%u\r\na=ice-pwd:0123456789abcdef01234%u\r\na=setup:%s\r\n"
                          "a=fingerprint:SHA-256 10:A5:C2:02:90:C1:FD:ED:87:F5:D5:13:B4:6F:DC:82:21:E6:04:EB:C2:43:20:47:15:A2:C0:E5:2C:22:5E:2B\r\n"
                          "m=audio 51296 UDP/TLS/RTP/SAVP 0\r\nc=IN IP4 192.0.2.%u\r\na=rtcp-mux\r\n"
                          "a=candidate:1 1 UDP 2130706303 192.0.2.%u 51296 typ host\r\n",
                          host, host, is_answer ? "active" : "actpass", host, host);
}
