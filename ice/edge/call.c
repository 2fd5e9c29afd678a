/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/edge/call.h"

#include "ice/edge/media.h"

#include <string.h>

typedef struct {
  PlEdgeCall *call;
  guint id;
  PlEdgeMedia *media;
  gboolean gathered;   /* since the last start */
  gboolean opened;     /* ever */
  char *failure;
} Section;

struct PlEdgeCall {
  PlEnv *env;
  GMainContext *context;
  PlEdgeSendFunc send;
  gpointer user;
  PlTlsCredentials *credentials;
  char *fingerprint;
  Section sections[PL_EDGE_SECTIONS_MAX];
  gboolean over;
};

/* --- text --- */

static const char *const type_names[] = {
  [PL_ICE_HOST] = "host", [PL_ICE_SRFLX] = "srflx", [PL_ICE_PRFLX] = "prflx", [PL_ICE_RELAY] = "relay",
};

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, why);
  return FALSE;
}

/* The value of the first line with this name; NULL: none. Borrowed. */
static const char *
value_of (char **lines, const char *name)
{
  gsize len = strlen (name);

  for (guint i = 1; lines[i]; i++)
    if (strncmp (lines[i], name, len) == 0 && lines[i][len] == ' ')
      return lines[i] + len + 1;
  return NULL;
}

static gboolean
is_yes (char **lines, const char *name)
{
  return g_strcmp0 (value_of (lines, name), "yes") == 0;
}

/* All values with this name; borrowed strings, NULL-terminated. */
static GPtrArray *
dup_values (char **lines, const char *name)
{
  GPtrArray *out = g_ptr_array_new ();

  for (guint i = 1; lines[i]; i++)
    if (g_str_has_prefix (lines[i], name) && lines[i][strlen (name)] == ' ')
      g_ptr_array_add (out, lines[i] + strlen (name) + 1);
  g_ptr_array_add (out, NULL);
  return out;
}

static guint16
port_in (char **lines, const char *name)
{
  const char *text = value_of (lines, name);
  guint64 port = 0;

  return text && g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT16, &port, NULL) ? (guint16) port : 0;
}

/* RTCP's come after RTP's (RFC 8445 5.1.2.1). */
static void
append_candidate (GString *out, const char *name, const PlCandidate *candidate)
{
  guint priority = g_str_equal (name, "candidate") ? candidate->priority : candidate->priority - 1;

  g_autoptr (GInetAddress) address = pl_ice_address_dup_inet (&candidate->address);
  g_autoptr (GInetAddress) related = pl_ice_address_dup_inet (&candidate->related);
  g_autofree char *host = address ? g_inet_address_to_string (address) : NULL;

  if (!host)
    return;
  g_string_append_printf (out, "\n%s %s %u %s %s %u", name, candidate->foundation, priority,
                          type_names[candidate->type], host, candidate->address.port);
  if (related)
    {
      g_autofree char *base = g_inet_address_to_string (related);

      g_string_append_printf (out, " %s %u", base, candidate->related.port);
    }
}

static void
append_candidates (GString *out, const char *name, PlIceAgent *ice)
{
  const GArray *candidates = ice ? pl_ice_agent_candidates (ice) : NULL;

  for (guint i = 0; candidates && i < candidates->len; i++)
    append_candidate (out, name, &g_array_index (candidates, PlCandidate, i));
}

static gboolean
read_address (PlIceAddress *out, const char *host, const char *port)
{
  g_autoptr (GInetAddress) inet = g_inet_address_new_from_string (host);
  guint64 number;

  if (!inet || !g_ascii_string_to_unsigned (port, 10, 1, G_MAXUINT16, &number, NULL))
    return FALSE;
  pl_ice_address_set (out, inet, (guint16) number);
  return TRUE;
}

/* FOUNDATION PRIORITY TYPE ADDRESS PORT [ADDRESS PORT] */
static gboolean
read_candidate (const char *text, PlCandidate *out)
{
  g_auto (GStrv) words = g_strsplit (text, " ", 8);
  guint n = g_strv_length (words);
  guint64 priority;

  memset (out, 0, sizeof *out);
  if ((n != 5 && n != 7) || words[0][0] == '\0' || strlen (words[0]) > PL_ICE_FOUNDATION_MAX
      || !g_ascii_string_to_unsigned (words[1], 10, 1, G_MAXUINT32, &priority, NULL))
    return FALSE;
  g_strlcpy (out->foundation, words[0], sizeof out->foundation);
  out->priority = (guint32) priority;
  for (guint i = 0; i < G_N_ELEMENTS (type_names); i++)
    if (strcmp (words[2], type_names[i]) == 0)
      {
        out->type = i;
        return read_address (&out->address, words[3], words[4]) && (n == 5 || read_address (&out->related, words[5], words[6]));
      }
  return FALSE;
}

/* --- what a section tells --- */

static void
tell (PlEdgeCall *call, const char *verb, guint id, const char *name, const char *value)
{
  g_autofree char *message = name ? g_strdup_printf ("%s %u\n%s %s", verb, id, name, value) : g_strdup_printf ("%s %u", verb, id);

  call->send (call->user, message);
}

static void
tell_opened (Section *section)
{
  g_autoptr (GString) out = g_string_new (NULL);
  PlIceAgent *ice = pl_edge_media_ice (section->media);
  const char *const *keys = pl_edge_media_keys (section->media);

  g_string_append_printf (out, "opened %u\nport %u\nufrag %s\npassword %s\nfingerprint %s", section->id,
                          pl_edge_media_port (section->media), pl_ice_agent_ufrag (ice), pl_ice_agent_password (ice),
                          section->call->fingerprint);
  for (guint i = 0; keys[i]; i++)
    g_string_append_printf (out, "\ncrypto %s", keys[i]);
  append_candidates (out, "candidate", ice);
  append_candidates (out, "rtcp-candidate", pl_edge_media_control_ice (section->media));
  section->call->send (section->call->user, out->str);
}

static void
on_gathered (gpointer user, PlEdgeMedia *media)
{
  Section *section = user;

  section->gathered = section->opened = TRUE;
  tell_opened (section);
}

static void
on_secured (gpointer user, PlEdgeMedia *media)
{
  const Section *section = user;

  tell (section->call, "secured", section->id, NULL, NULL);
}

static void
on_failed (gpointer user, PlEdgeMedia *media, const char *reason)
{
  Section *section = user;

  section->failure = g_strdup (reason);
  tell (section->call, "failed", section->id, "reason", section->failure);
}

static void
on_lost (gpointer user, PlEdgeMedia *media)
{
  const Section *section = user;

  tell (section->call, "lost", section->id, NULL, NULL);
}

static const PlEdgeMediaHandlers handlers = { on_gathered, on_secured, on_lost, on_failed };

/* --- what the daemon asks for --- */

static void
clear_section (Section *section)
{
  g_clear_pointer (&section->media, pl_edge_media_free);
  g_free (section->failure);
  memset (section, 0, sizeof *section);
}

/* What ICE is told; points into `lines`, `stun` and `turn`. */
static PlIceAgentOptions
ice_options (char **lines, const GPtrArray *stun, const GPtrArray *turn)
{
  PlIceTell tell = PL_ICE_TELL_ALL;

  pl_ice_tell_parse (value_of (lines, "candidates"), &tell);
  return (PlIceAgentOptions){ .controlling = is_yes (lines, "controlling"), .consent = TRUE, .tell = tell, .address = value_of (lines, "address"),
                              .stun = (const char *const *) stun->pdata, .turn = (const char *const *) turn->pdata };
}

static gboolean
do_open (Section *section, char **lines, GError **error)
{
  g_autoptr (GPtrArray) stun = dup_values (lines, "stun");
  g_autoptr (GPtrArray) turn = dup_values (lines, "turn");
  PlEdgeMediaOptions options = { ice_options (lines, stun, turn), is_yes (lines, "ipv6") };

  if (section->media)
    return refuse (error, "this section is open");
  section->media = pl_edge_media_new (section->call->env, section->call->context, section->call->credentials, &options,
                                      &handlers, section, error);
  return section->media != NULL;
}

static gboolean
do_restart (Section *section, char **lines, GError **error)
{
  g_autoptr (GPtrArray) stun = dup_values (lines, "stun");
  g_autoptr (GPtrArray) turn = dup_values (lines, "turn");
  PlIceAgentOptions options = ice_options (lines, stun, turn);

  if (!section->opened)
    return refuse (error, "there is nothing to restart yet");
  if (!pl_edge_media_restart (section->media, &options, error))
    return FALSE;
  section->gathered = FALSE;
  g_clear_pointer (&section->failure, g_free);
  return TRUE;
}

static gboolean
do_phone (Section *section, char **lines, GError **error)
{
  if (is_yes (lines, "echo"))
    {
      pl_edge_media_set_echo (section->media);
      return TRUE;
    }
  if (is_yes (lines, "through"))
    pl_edge_media_set_through (section->media);
  if (!pl_edge_media_set_keys (section->media, value_of (lines, "crypto")))
    return refuse (error, "the phone's keys are not of a kind we know");
  return pl_edge_media_set_phone (section->media, port_in (lines, "rtp"), port_in (lines, "rtcp"))
         || refuse (error, "the phone has no such ports");
}

/* PlCandidate, as far as they can be read. */
static GArray *
read_candidates (char **lines, const char *name)
{
  g_autoptr (GPtrArray) texts = dup_values (lines, name);
  GArray *candidates = g_array_new (FALSE, FALSE, sizeof (PlCandidate));

  for (guint i = 0; i + 1 < texts->len; i++)
    {
      PlCandidate candidate;

      if (read_candidate (g_ptr_array_index (texts, i), &candidate))
        g_array_append_val (candidates, candidate);
    }
  return candidates;
}

static gboolean
do_remote (Section *section, char **lines, GError **error)
{
  g_autoptr (GPtrArray) fingerprints = dup_values (lines, "fingerprint");
  g_autoptr (GArray) candidates = read_candidates (lines, "candidate");
  g_autoptr (GArray) control = read_candidates (lines, "rtcp-candidate");
  PlEdgeRemote remote = { value_of (lines, "ufrag"), value_of (lines, "password"), candidates,
                          (const char *const *) fingerprints->pdata, is_yes (lines, "dtls-client"), control };

  if (!section->gathered)
    return refuse (error, "not the time for a far side");
  return pl_edge_media_set_remote (section->media, &remote, error);
}

static gboolean
do_counts (Section *section, char **lines, GError **error)
{
  g_autofree char *message = NULL;
  PlEdgeCounts counts;

  pl_edge_media_counts (section->media, &counts);
  message = g_strdup_printf ("counts %u\nto-far %" G_GUINT64_FORMAT "\nto-phone %" G_GUINT64_FORMAT "\ndropped %" G_GUINT64_FORMAT,
                             section->id, counts.to_far, counts.to_phone, counts.dropped);
  section->call->send (section->call->user, message);
  return TRUE;
}

static gboolean
do_close (Section *section, char **lines, GError **error)
{
  clear_section (section);
  return TRUE;
}

static const struct {
  const char *verb;
  gboolean (*func) (Section *section, char **lines, GError **error);
} verbs[] = {
  { "open", do_open }, { "phone", do_phone }, { "remote", do_remote }, { "restart", do_restart },
  { "counts", do_counts }, { "close", do_close },
};

static gboolean
follow (PlEdgeCall *call, guint id, char **lines, GError **error)
{
  Section *section = &call->sections[id];

  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      gsize len = strlen (verbs[i].verb);

      if (strncmp (lines[0], verbs[i].verb, len) != 0 || lines[0][len] != ' ')
        continue;
      if (!section->media && verbs[i].func != do_open)
        return refuse (error, "this section is not open");
      section->call = call;
      section->id = id;
      return verbs[i].func (section, lines, error);
    }
  return refuse (error, "not a message of this version");
}

void
pl_edge_call_take (PlEdgeCall *call, const char *data, gsize len)
{
  g_autofree char *text = g_strndup (data, MIN (len, PL_EDGE_MESSAGE_MAX));
  g_auto (GStrv) lines = g_strsplit (text, "\n", PL_EDGE_LINES_MAX);
  g_autoptr (GError) error = NULL;
  const char *space = lines[0] ? strchr (lines[0], ' ') : NULL;
  guint64 id = 0;

  if (g_strcmp0 (lines[0], "quit") == 0)
    call->over = TRUE;
  else if (!space || !g_ascii_string_to_unsigned (space + 1, 10, 0, PL_EDGE_SECTIONS_MAX - 1, &id, NULL))
    tell (call, "refused", 0, "reason", "not a message of this version");
  else if (!follow (call, (guint) id, lines, &error))
    tell (call, "refused", (guint) id, "reason", error->message);
}

void
pl_edge_call_greet (PlEdgeCall *call)
{
  call->send (call->user, "edge 1");
  for (guint i = 0; i < PL_EDGE_SECTIONS_MAX; i++)
    {
      Section *section = &call->sections[i];

      if (section->gathered)
        tell_opened (section);
      if (section->media && pl_edge_media_secured (section->media))
        tell (call, "secured", i, NULL, NULL);
      if (section->media && pl_edge_media_lost (section->media))
        tell (call, "lost", i, NULL, NULL);
      if (section->failure)
        tell (call, "failed", i, "reason", section->failure);
    }
}

gboolean
pl_edge_call_over (PlEdgeCall *call)
{
  return call->over;
}

/* --- life --- */

PlEdgeCall *
pl_edge_call_new (PlEnv *env, GMainContext *context, PlEdgeSendFunc send, gpointer user, GError **error)
{
  g_autoptr (PlEdgeCall) call = g_new0 (PlEdgeCall, 1);
  g_autoptr (GBytes) der = NULL;

  call->env = env;
  call->context = context;
  call->send = send;
  call->user = user;
  call->credentials = pl_tls_credentials_new_ephemeral (env, &der, error);
  if (!call->credentials)
    return NULL;
  call->fingerprint = pl_edge_dup_fingerprint (der);
  return g_steal_pointer (&call);
}

void
pl_edge_call_free (PlEdgeCall *call)
{
  if (!call)
    return;
  for (guint i = 0; i < PL_EDGE_SECTIONS_MAX; i++)
    clear_section (&call->sections[i]);
  pl_tls_credentials_free (call->credentials);
  g_free (call->fingerprint);
  g_free (call);
}
