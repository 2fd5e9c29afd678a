/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/agent/agent.h"

#include "base/log.h"
#include "ice/agent/addresses.h"

#include <nice/agent.h>
#include <string.h>

#define CREDENTIAL_MAX 256 /* RFC 8839 5.4 */
#define COMPONENT 1

/* A lost first check is repeated soon, a dead candidate is given up soon: the defaults (500 ms,
 * 7 sends) add seconds before a call is known to fail. */
#define STUN_INITIAL_TIMEOUT 200 /* ms */
#define STUN_MAX_RETRANSMISSIONS 4
#define IDLE_TIMEOUT 1000 /* ms */
/* libnice looks after the consent of a pair (RFC 7675: every 4 to 6 s at random) by a timer that
 * comes again after the pacing time, and 4 s later, to find nothing to do. Once no check is left
 * to be paced, it comes when most of the intervals are over. */
#define PACING 20        /* ms */
#define PACING_AT_REST 5800

struct PlIceAgent {
  PlIceAgentHandlers handlers;
  gpointer user;
  PlEnv *env;
  PlIceTell tell;
  NiceAgent *nice;
  guint stream;
  char *ufrag, *password;
  char *remote;       /* its credentials; NULL: none yet */
  GArray *candidates; /* NULL before gathered */
  PlTimer *gather_timer, *fail_timer;
  gint64 checks_started, elapsed;
  gboolean connected, failed;
};

/* --- candidates --- */

static void
address_from_nice (PlIceAddress *address, const NiceAddress *nice)
{
  memset (address, 0, sizeof *address);
  if (nice_address_ip_version (nice) == 6)
    {
      address->len = 16;
      memcpy (address->bytes, &nice->s.ip6.sin6_addr, 16);
    }
  else if (nice_address_ip_version (nice) == 4)
    {
      address->len = 4;
      memcpy (address->bytes, &nice->s.ip4.sin_addr, 4);
    }
  address->port = address->len ? nice_address_get_port (nice) : 0;
}

static gboolean
address_to_nice (NiceAddress *nice, const PlIceAddress *address)
{
  guint32 ipv4;

  nice_address_init (nice);
  if (address->len == 4)
    {
      memcpy (&ipv4, address->bytes, 4);
      nice_address_set_ipv4 (nice, GUINT32_FROM_BE (ipv4));
    }
  else if (address->len == 16)
    nice_address_set_ipv6 (nice, address->bytes);
  else
    return FALSE;
  nice_address_set_port (nice, address->port);
  return TRUE;
}

static PlIceType
type_from_nice (NiceCandidateType type)
{
  switch (type)
    {
    case NICE_CANDIDATE_TYPE_HOST:
      return PL_ICE_HOST;
    case NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE:
      return PL_ICE_SRFLX;
    case NICE_CANDIDATE_TYPE_PEER_REFLEXIVE:
      return PL_ICE_PRFLX;
    case NICE_CANDIDATE_TYPE_RELAYED:
      return PL_ICE_RELAY;
    }
  return PL_ICE_HOST;
}

static NiceCandidateType
type_to_nice (PlIceType type)
{
  switch (type)
    {
    case PL_ICE_HOST:
      return NICE_CANDIDATE_TYPE_HOST;
    case PL_ICE_SRFLX:
      return NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE;
    case PL_ICE_PRFLX:
      return NICE_CANDIDATE_TYPE_PEER_REFLEXIVE;
    case PL_ICE_RELAY:
      return NICE_CANDIDATE_TYPE_RELAYED;
    }
  return NICE_CANDIDATE_TYPE_HOST;
}

static gboolean
is_told (PlIceTell tell, PlIceType type)
{
  return tell == PL_ICE_TELL_ALL || type == PL_ICE_RELAY || (tell == PL_ICE_TELL_NO_HOST && type != PL_ICE_HOST);
}

static GArray *
dup_local_candidates (PlIceAgent *agent)
{
  GArray *out = g_array_new (FALSE, TRUE, sizeof (PlCandidate));
  GSList *list = nice_agent_get_local_candidates (agent->nice, agent->stream, COMPONENT);

  for (GSList *l = list; l; l = l->next)
    {
      const NiceCandidate *nice = l->data;
      PlCandidate candidate = { .type = type_from_nice (nice->type), .priority = nice->priority };

      address_from_nice (&candidate.address, &nice->addr);
      if (!is_told (agent->tell, candidate.type))
        continue;
      if (candidate.type != PL_ICE_HOST)
        address_from_nice (&candidate.related, &nice->base_addr);
      if (agent->tell != PL_ICE_TELL_ALL) /* RFC 8839 5.1: who hides it says 0.0.0.0 and 9 */
        candidate.related = (PlIceAddress){ .len = candidate.related.len, .port = 9 };
      g_strlcpy (candidate.foundation, nice->foundation, sizeof candidate.foundation);
      g_array_append_val (out, candidate);
    }
  g_slist_free_full (list, (GDestroyNotify) nice_candidate_free);
  return out;
}

static NiceCandidate *
candidate_to_nice (PlIceAgent *agent, const PlCandidate *candidate)
{
  NiceCandidate *nice = nice_candidate_new (type_to_nice (candidate->type));

  if (candidate->address.port == 0 || !address_to_nice (&nice->addr, &candidate->address))
    {
      nice_candidate_free (nice);
      return NULL;
    }
  if (candidate->type != PL_ICE_HOST)
    address_to_nice (&nice->base_addr, &candidate->related);
  nice->transport = NICE_CANDIDATE_TRANSPORT_UDP;
  nice->priority = candidate->priority;
  nice->stream_id = agent->stream;
  nice->component_id = COMPONENT;
  g_strlcpy (nice->foundation, candidate->foundation, NICE_CANDIDATE_MAX_FOUNDATION);
  return nice;
}

/* --- events of libnice --- */

static void
finish_gathering (gpointer data)
{
  PlIceAgent *agent = data;

  pl_timer_clear (&agent->gather_timer);
  if (agent->candidates)
    return;
  agent->candidates = dup_local_candidates (agent);
  agent->handlers.gathered (agent->user, agent);
}

static void
on_gathering_done (NiceAgent *nice, guint stream, gpointer data)
{
  PlIceAgent *agent = data;

  /* It may come from inside the start function: answer from the loop. */
  if (!agent->candidates)
    pl_env_arm (agent->env, &agent->gather_timer, 0, finish_gathering, agent);
}

static void
report_failure (gpointer data)
{
  PlIceAgent *agent = data;

  if (agent->failed)
    return;
  agent->failed = TRUE;
  agent->handlers.failed (agent->user, agent);
}

static void
on_state_changed (NiceAgent *nice, guint stream, guint component, guint state, gpointer data)
{
  PlIceAgent *agent = data;

  g_object_set (nice, "stun-pacing-timer", state == NICE_COMPONENT_STATE_READY ? PACING_AT_REST : PACING, NULL);
  if (state == NICE_COMPONENT_STATE_FAILED)
    {
      /* Before gathered it speaks of nothing yet. */
      if (agent->checks_started)
        pl_env_arm (agent->env, &agent->fail_timer, 0, report_failure, agent);
      return;
    }
  pl_timer_clear (&agent->fail_timer);
  /* CONNECTED has a working nominated pair; READY only says that no better one is being tried. */
  if ((state != NICE_COMPONENT_STATE_CONNECTED && state != NICE_COMPONENT_STATE_READY) || agent->connected)
    return;
  agent->connected = TRUE;
  agent->elapsed = pl_env_now (agent->env) - agent->checks_started;
  agent->handlers.connected (agent->user, agent);
}

static void
on_datagram (NiceAgent *nice, guint stream, guint component, guint len, gchar *data, gpointer user_data)
{
  PlIceAgent *agent = user_data;

  agent->handlers.datagram (agent->user, agent, (const guint8 *) data, len);
}

/* --- servers --- */

/* "address:port" with a numeric address; libnice asks no resolver. */
static gboolean
parse_server (const char *text, char **host, guint *port)
{
  g_autoptr (GSocketConnectable) address = g_network_address_parse (text, 0, NULL);

  if (!address)
    return FALSE;
  *port = g_network_address_get_port (G_NETWORK_ADDRESS (address));
  if (*port == 0 || !g_hostname_is_ip_address (g_network_address_get_hostname (G_NETWORK_ADDRESS (address))))
    return FALSE;
  *host = g_strdup (g_network_address_get_hostname (G_NETWORK_ADDRESS (address)));
  return TRUE;
}

static void
use_stun (PlIceAgent *agent, const PlIceAgentOptions *options)
{
  guint n = options->stun ? g_strv_length ((char **) options->stun) : 0;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *host = NULL;
      guint port;

      if (!parse_server (options->stun[(options->stun_index + i) % n], &host, &port))
        continue;
      g_object_set (agent->nice, "stun-server", host, "stun-server-port", port, NULL);
      return;
    }
}

static void
use_turn (PlIceAgent *agent, const char *text)
{
  const char *at = strrchr (text, '@');
  const char *colon = at ? memchr (text, ':', at - text) : NULL;
  g_autofree char *host = NULL, *name = NULL, *password = NULL;
  guint port;

  if (!colon || !parse_server (at + 1, &host, &port))
    return;
  name = g_uri_unescape_segment (text, colon, NULL);
  password = g_strndup (colon + 1, at - colon - 1);
  nice_agent_set_relay_info (agent->nice, agent->stream, COMPONENT, host, port, name, password, NICE_RELAY_TYPE_TURN_UDP);
}

/* --- life --- */

static void
add_address (PlIceAgent *agent, GInetAddress *inet)
{
  PlIceAddress address;
  NiceAddress nice;

  pl_ice_address_set (&address, inet, 0);
  if (address_to_nice (&nice, &address))
    nice_agent_add_local_address (agent->nice, &nice);
}

static void
add_addresses (PlIceAgent *agent, const PlIceAgentOptions *options)
{
  g_autoptr (GInetAddress) only = options->address ? g_inet_address_new_from_string (options->address) : NULL;
  g_autoptr (GPtrArray) all = NULL;

  if (only)
    {
      add_address (agent, only);
      return;
    }
  all = pl_ice_dup_addresses (options->loopback, TRUE, PL_ICE_LOCAL_ADDRESSES_MAX);
  for (guint i = 0; i < all->len; i++)
    add_address (agent, g_ptr_array_index (all, i));
}

static NiceAgent *
make_nice (GMainContext *context, const PlIceAgentOptions *options)
{
  NiceAgentOption flags = options->consent ? NICE_AGENT_OPTION_CONSENT_FRESHNESS : 0;
  NiceAgent *nice = nice_agent_new_full (context, NICE_COMPATIBILITY_RFC5245, flags);

  g_object_set (nice, "upnp", FALSE, "ice-tcp", FALSE, "controlling-mode", options->controlling,
                "stun-initial-timeout", STUN_INITIAL_TIMEOUT, "stun-max-retransmissions", STUN_MAX_RETRANSMISSIONS,
                "idle-timeout", IDLE_TIMEOUT, "force-relay", options->tell == PL_ICE_TELL_RELAY_ONLY, NULL);
  return nice;
}

static gboolean
start (PlIceAgent *agent, GMainContext *context, const PlIceAgentOptions *options)
{
  agent->nice = make_nice (context, options);
  add_addresses (agent, options);
  use_stun (agent, options);
  agent->stream = nice_agent_add_stream (agent->nice, 1);
  if (agent->stream == 0
      || (options->ufrag && !nice_agent_set_local_credentials (agent->nice, agent->stream, options->ufrag, options->password)))
    return FALSE;
  for (guint i = 0; options->turn && options->turn[i]; i++)
    use_turn (agent, options->turn[i]);
  nice_agent_attach_recv (agent->nice, agent->stream, COMPONENT, context, on_datagram, agent);
  g_signal_connect (agent->nice, "candidate-gathering-done", G_CALLBACK (on_gathering_done), agent);
  g_signal_connect (agent->nice, "component-state-changed", G_CALLBACK (on_state_changed), agent);
  pl_env_arm (agent->env, &agent->gather_timer, PL_ICE_GATHER_MAX, finish_gathering, agent);
  return nice_agent_gather_candidates (agent->nice, agent->stream)
         && nice_agent_get_local_credentials (agent->nice, agent->stream, &agent->ufrag, &agent->password);
}

PlIceAgent *
pl_ice_agent_new (PlEnv *env, GMainContext *context, const PlIceAgentOptions *options,
                  const PlIceAgentHandlers *handlers, gpointer user, GError **error)
{
  g_autoptr (PlIceAgent) agent = g_new0 (PlIceAgent, 1);

  agent->env = env;
  agent->tell = options->tell;
  agent->handlers = *handlers;
  agent->user = user;
  if (start (agent, context ? context : g_main_context_default (), options))
    return g_steal_pointer (&agent);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no socket for a direct path: is there a network interface, and are there free file descriptors?");
  return NULL;
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_object_unref (source);
}

void
pl_ice_agent_free (PlIceAgent *agent)
{
  if (!agent)
    return;
  pl_timer_clear (&agent->gather_timer);
  pl_timer_clear (&agent->fail_timer);
  if (agent->nice)
    {
      g_signal_handlers_disconnect_by_data (agent->nice, agent);
      if (agent->stream)
        nice_agent_attach_recv (agent->nice, agent->stream, COMPONENT, NULL, NULL, NULL);
      /* Gives TURN allocations back first; the reference goes when that is done. */
      nice_agent_close_async (agent->nice, on_closed, NULL);
    }
  g_clear_pointer (&agent->candidates, g_array_unref);
  g_free (agent->ufrag);
  g_free (agent->password);
  g_free (agent->remote);
  g_free (agent);
}

const char *
pl_ice_agent_ufrag (PlIceAgent *agent)
{
  return agent->ufrag;
}

const char *
pl_ice_agent_password (PlIceAgent *agent)
{
  return agent->password;
}

const GArray *
pl_ice_agent_candidates (PlIceAgent *agent)
{
  return agent->candidates;
}

gboolean
pl_ice_agent_stun_answered (PlIceAgent *agent)
{
  for (guint i = 0; agent->candidates && i < agent->candidates->len; i++)
    if (g_array_index (agent->candidates, PlCandidate, i).type == PL_ICE_SRFLX)
      return TRUE;
  return FALSE;
}

static gboolean
is_credential (const char *text)
{
  gsize len = text ? strlen (text) : 0;

  return len > 0 && len <= CREDENTIAL_MAX;
}

/* Makes room for a far side, keeps what we are called (forking: RFC 8839, 4.4). The same as
 * before may only have more candidates. */
static gboolean
forget_remote (PlIceAgent *agent, const char *ufrag, const char *password)
{
  g_autofree char *before = g_steal_pointer (&agent->remote);

  agent->remote = g_strjoin (" ", ufrag, password, NULL);
  if (!before || g_str_equal (before, agent->remote))
    return TRUE;
  agent->connected = agent->failed = FALSE;
  pl_timer_clear (&agent->fail_timer);
  return nice_agent_restart_stream (agent->nice, agent->stream)
         && nice_agent_set_local_credentials (agent->nice, agent->stream, agent->ufrag, agent->password);
}

gboolean
pl_ice_agent_set_remote (PlIceAgent *agent, const char *ufrag, const char *password, const GArray *candidates, GError **error)
{
  GSList *list = NULL;
  int n = 0;

  g_return_val_if_fail (agent->candidates != NULL, FALSE);
  if (agent->candidates->len == 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, PL_ICE_NOTHING_TO_TELL);
      return FALSE;
    }
  for (guint i = 0; i < candidates->len && i < PL_ICE_REMOTE_CANDIDATES_MAX; i++)
    {
      NiceCandidate *nice = candidate_to_nice (agent, &g_array_index (candidates, PlCandidate, i));

      if (nice)
        list = g_slist_append (list, nice);
    }
  if (list && is_credential (ufrag) && is_credential (password) && forget_remote (agent, ufrag, password)
      && nice_agent_set_remote_credentials (agent->nice, agent->stream, ufrag, password))
    {
      agent->checks_started = pl_env_now (agent->env);
      n = nice_agent_set_remote_candidates (agent->nice, agent->stream, COMPONENT, list);
    }
  g_slist_free_full (list, (GDestroyNotify) nice_candidate_free);
  if (n > 0)
    return TRUE;
  agent->checks_started = 0;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the far side named no address that can be tried");
  return FALSE;
}

gboolean
pl_ice_agent_send (PlIceAgent *agent, const guint8 *data, gsize len)
{
  return nice_agent_send (agent->nice, agent->stream, COMPONENT, len, (const char *) data) == (gint) len;
}

static void
append_address (GString *text, const NiceAddress *address)
{
  char host[NICE_ADDRESS_STRING_LEN];

  nice_address_to_string (address, host);
  g_string_append_printf (text, nice_address_ip_version (address) == 6 ? " [%s]:%u" : " %s:%u", host, nice_address_get_port (address));
}

char *
pl_ice_agent_dup_path (PlIceAgent *agent)
{
  g_autoptr (GString) text = g_string_new ("udp");
  NiceCandidate *local, *remote;

  if (!nice_agent_get_selected_pair (agent->nice, agent->stream, COMPONENT, &local, &remote))
    return NULL;
  append_address (text, local->type == NICE_CANDIDATE_TYPE_RELAYED ? &local->addr : &local->base_addr);
  append_address (text, &remote->addr);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

gint64
pl_ice_agent_elapsed (PlIceAgent *agent)
{
  return agent->elapsed;
}
