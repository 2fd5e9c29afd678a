/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/attachment.h"

#include <string.h>

#include "base/log.h"
#include "ice/agent/agent.h"

/* The first byte of a DTLS record (RFC 7983). */
#define DTLS_FIRST 20
#define DTLS_LAST 63
#define TEXT_MAX 255

/* The ICE path below a PlSecure; outlives the attachment in its carrier. */
typedef struct {
  PlEnv *env;
  PlIceAgent *agent;
  PlSecure *secure;       /* NULL before the handshake */
  PlAttachment *attachment; /* NULL after the hand-over */
  GQueue early;           /* GBytes: datagrams before the handshake */
  PlTimer *settle_timer;
  gboolean settled_once;
} Path;

struct PlAttachment {
  PlAttachmentContext context;
  PlAttachPurpose purpose;
  gboolean controlling;
  PlAttachmentHandlers handlers;
  gpointer user;
  Path *path;             /* NULL when it is the carrier's */
  gboolean gathered, has_remote, checking, over;
  PlAttachReqAns remote;
  PlNodeId node;
  PlTimer *limit_timer, *event_timer;
  GError *error;
  void (*over_func) (gpointer user, PlAttachment *attachment);
  gpointer over_user;
};

/* --- the path --- */

#define SETTLE_FIRST PL_USEC_PER_SEC
#define SETTLE_SECOND (5 * PL_USEC_PER_SEC)

static void
path_send (gpointer impl, const guint8 *data, gsize len)
{
  pl_ice_agent_send (((Path *) impl)->agent, data, len);
}

static char *
path_describe (gpointer impl)
{
  char *text = pl_ice_agent_dup_path (((Path *) impl)->agent);

  return text ? text : g_strdup ("udp - -");
}

static void
path_free (gpointer impl)
{
  Path *path = impl;

  pl_timer_clear (&path->settle_timer);
  pl_ice_agent_free (path->agent);
  g_queue_clear_full (&path->early, (GDestroyNotify) g_bytes_unref);
  g_free (path);
}

/* ICE goes on to better pairs for a while after the first that works. */
static void
on_settle (gpointer data)
{
  Path *path = data;

  if (!path->settled_once)
    pl_env_arm (path->env, &path->settle_timer, SETTLE_SECOND - SETTLE_FIRST, on_settle, path);
  path->settled_once = TRUE;
  pl_secure_moved (path->secure);
}

/* --- the end of it --- */

static void
attachment_done (PlAttachment *attachment)
{
  attachment->over_func (attachment->over_user, attachment);
}

static void
on_fail (gpointer data)
{
  PlAttachment *attachment = data;
  g_autoptr (GError) error = g_steal_pointer (&attachment->error);

  attachment->over = TRUE;
  pl_timer_clear (&attachment->limit_timer);
  pl_info ("attachment", "failed", "reason", error->message, NULL);
  attachment->handlers.failed (attachment->user, attachment, error);
  attachment_done (attachment);
}

/* Takes `error`; reports it from the loop. */
static void
attachment_fail (PlAttachment *attachment, GError *error)
{
  if (attachment->over || attachment->error)
    {
      g_error_free (error);
      return;
    }
  attachment->error = error;
  pl_env_arm (attachment->context.secure.env, &attachment->event_timer, 0, on_fail, attachment);
}

static void
on_limit (gpointer data)
{
  PlAttachment *attachment = data;

  attachment_fail (attachment, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                                    attachment->has_remote ? "no connection in time"
                                                                           : "no answer of the far side"));
}

/* --- DTLS --- */

static void
on_secure_ready (gpointer user, PlSecure *secure, PlCarrier *carrier)
{
  PlAttachment *attachment = user;
  Path *path = attachment->path;

  attachment->path = NULL; /* the carrier's */
  path->attachment = NULL;
  attachment->over = TRUE;
  pl_timer_clear (&attachment->limit_timer);
  pl_timer_clear (&attachment->event_timer);
  pl_env_arm (path->env, &path->settle_timer, SETTLE_FIRST, on_settle, path);
  attachment->handlers.connected (attachment->user, attachment, carrier);
  attachment_done (attachment);
}

static void
on_secure_failed (gpointer user, PlSecure *secure, const GError *error)
{
  attachment_fail (user, g_error_copy (error));
}

static gboolean
remote_has_segments (const PlAttachReqAns *remote)
{
  for (guint i = 0; remote->candidates && i < remote->candidates->len; i++)
    {
      GBytes *value = NULL;

      if (pl_ice_candidate_find_extension (&g_array_index (remote->candidates, PlIceCandidate, i), PL_ATTACH_SEGMENTS,
                                           &value)
          && value && g_bytes_get_size (value) == 1 && memcmp (g_bytes_get_data (value, NULL), "1", 1) == 0)
        return TRUE;
    }
  return FALSE;
}

/* The sender of the Attach is ICE controlling and TLS server (6.5.1.9, 6.5.1.13). */
static void
begin_handshake (gpointer data)
{
  static const PlSecurePath funcs = { path_send, NULL, path_describe, path_free };
  static const PlSecureHandlers handlers = { on_secure_ready, on_secure_failed };
  PlAttachment *attachment = data;
  Path *path = attachment->path;
  gboolean application = attachment->purpose == PL_ATTACH_APPLICATION;
  gboolean segments = application && remote_has_segments (&attachment->remote);
  PlSecureOptions options = { .server = attachment->controlling, .datagram = TRUE, .expected = &attachment->node,
                              .segments = segments, .large_records = application && !segments };

  path->secure = pl_secure_new (&attachment->context.secure, &options, &funcs, path, &handlers, attachment);
  while (!g_queue_is_empty (&path->early))
    {
      g_autoptr (GBytes) datagram = g_queue_pop_head (&path->early);

      if (!pl_secure_feed (path->secure, g_bytes_get_data (datagram, NULL), g_bytes_get_size (datagram)))
        return;
    }
}

/* --- ICE --- */

static void
add_candidate (GArray *out, const PlCandidate *candidate, gboolean segments)
{
  PlIceCandidate wire = { .overlay_link = PL_LINK_DTLS_UDP_SR, .priority = candidate->priority };
  g_autoptr (GInetAddress) inet = pl_ice_address_dup_inet (&candidate->address);
  g_autoptr (GInetAddress) related = pl_ice_address_dup_inet (&candidate->related);

  if (!inet || candidate->type == PL_ICE_PRFLX)
    return;
  pl_ip_address_port_set (&wire.addr_port, inet, candidate->address.port);
  wire.foundation = g_bytes_new (candidate->foundation, strlen (candidate->foundation));
  wire.type = candidate->type == PL_ICE_HOST ? PL_CAND_HOST : candidate->type == PL_ICE_SRFLX ? PL_CAND_SRFLX : PL_CAND_RELAY;
  if (candidate->type != PL_ICE_HOST)
    pl_ip_address_port_set (&wire.rel_addr_port, related ? related : inet,
                            related ? candidate->related.port : candidate->address.port);
  if (segments)
    pl_ice_candidate_add_extension (&wire, PL_ATTACH_SEGMENTS, "1");
  g_array_append_val (out, wire);
}

static gboolean
take_candidate (PlCandidate *out, const PlIceCandidate *wire)
{
  g_autoptr (GInetAddress) inet = pl_ip_address_port_dup_inet (&wire->addr_port);
  g_autoptr (GInetAddress) related = pl_ip_address_port_dup_inet (&wire->rel_addr_port);
  gsize len = 0;
  const char *foundation = wire->foundation ? g_bytes_get_data (wire->foundation, &len) : NULL;

  if (!inet || wire->overlay_link != PL_LINK_DTLS_UDP_SR)
    return FALSE;
  /* Nobody is there; whole networks would get our checks. */
  if (g_inet_address_get_is_any (inet) || g_inet_address_get_is_multicast (inet))
    return FALSE;
  memset (out, 0, sizeof *out);
  out->type = wire->type == PL_CAND_HOST ? PL_ICE_HOST : wire->type == PL_CAND_SRFLX ? PL_ICE_SRFLX : PL_ICE_RELAY;
  out->priority = wire->priority;
  pl_ice_address_set (&out->address, inet, wire->addr_port.port);
  if (related)
    pl_ice_address_set (&out->related, related, wire->rel_addr_port.port);
  for (gsize i = 0; i < len && i < PL_ICE_FOUNDATION_MAX && g_ascii_isgraph (foundation[i]); i++)
    out->foundation[i] = foundation[i];
  return TRUE;
}

/* NULL when it is too long or holds a NUL. */
static char *
dup_text (GBytes *bytes)
{
  gsize len = 0;
  const char *data = bytes ? g_bytes_get_data (bytes, &len) : NULL;

  if (len == 0 || len > TEXT_MAX || memchr (data, 0, len))
    return NULL;
  return g_strndup (data, len);
}

static void
begin_checks (PlAttachment *attachment)
{
  g_autoptr (GArray) candidates = g_array_new (FALSE, TRUE, sizeof (PlCandidate));
  g_autofree char *ufrag = dup_text (attachment->remote.ufrag), *password = dup_text (attachment->remote.password);
  GError *error = NULL;

  for (guint i = 0; attachment->remote.candidates && i < attachment->remote.candidates->len; i++)
    {
      PlCandidate candidate;

      if (take_candidate (&candidate, &g_array_index (attachment->remote.candidates, PlIceCandidate, i)))
        g_array_append_val (candidates, candidate);
    }
  attachment->checking = TRUE;
  if (!ufrag || !password)
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the far side's ICE credentials are malformed");
  if (error || !pl_ice_agent_set_remote (attachment->path->agent, ufrag, password, candidates, &error))
    attachment_fail (attachment, error);
}

static void
on_gathered (gpointer user, PlIceAgent *agent)
{
  PlAttachment *attachment = ((Path *) user)->attachment;
  const GArray *candidates = pl_ice_agent_candidates (agent);
  const char *ufrag = pl_ice_agent_ufrag (agent), *password = pl_ice_agent_password (agent);
  g_auto (PlAttachReqAns) local = { 0 };
  gint64 limit = attachment->has_remote ? PL_ATTACH_CONNECT_MAX : PL_ATTACH_ANSWER_MAX;

  attachment->gathered = TRUE;
  if (candidates->len == 0)
    {
      attachment_fail (attachment, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, PL_ICE_NOTHING_TO_TELL));
      return;
    }
  if (attachment->context.stun && attachment->context.stun[0] && !pl_ice_agent_stun_answered (agent))
    (*attachment->context.stun_index)++;
  local.ufrag = g_bytes_new (ufrag, strlen (ufrag));
  local.password = g_bytes_new (password, strlen (password));
  local.candidates = pl_ice_candidate_list_new ();
  for (guint i = 0; i < candidates->len; i++)
    add_candidate (local.candidates, &g_array_index (candidates, PlCandidate, i),
                   attachment->purpose == PL_ATTACH_APPLICATION);
  pl_env_arm (attachment->context.secure.env, &attachment->limit_timer, limit, on_limit, attachment);
  if (attachment->has_remote)
    begin_checks (attachment);
  /* Last: the handler may cancel. */
  attachment->handlers.gathered (attachment->user, attachment, &local);
}

/* Possibly inside libnice: go on from the loop. */
static void
on_connected (gpointer user, PlIceAgent *agent)
{
  PlAttachment *attachment = ((Path *) user)->attachment;

  if (attachment && !attachment->error)
    pl_env_arm (attachment->context.secure.env, &attachment->event_timer, 0, begin_handshake, attachment);
}

static void
on_failed (gpointer user, PlIceAgent *agent)
{
  Path *path = user;
  GError *error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE,
                                       path->attachment ? "no path to the far side was found" : "the path is lost");

  if (path->attachment)
    {
      attachment_fail (path->attachment, error);
      return;
    }
  pl_secure_lost (path->secure, error);
  g_error_free (error);
}

static void
on_datagram (gpointer user, PlIceAgent *agent, const guint8 *data, gsize len)
{
  Path *path = user;

  if (len == 0 || data[0] < DTLS_FIRST || data[0] > DTLS_LAST)
    return;
  if (path->secure)
    pl_secure_feed (path->secure, data, len);
  else if (path->early.length < PL_SECURE_EARLY_MAX)
    g_queue_push_tail (&path->early, g_bytes_new (data, len));
}

/* --- life --- */

static Path *
path_new (PlAttachment *attachment, GError **error)
{
  static const PlIceAgentHandlers handlers = { on_gathered, on_connected, on_failed, on_datagram };
  const PlAttachmentContext *context = &attachment->context;
  PlIceAgentOptions options = { .controlling = attachment->controlling,
                                .consent = attachment->purpose == PL_ATTACH_APPLICATION,
                                .tell = context->tell, .address = context->address, .loopback = context->loopback, .stun = context->stun,
                                .stun_index = *context->stun_index, .turn = context->turn };
  Path *path = g_new0 (Path, 1);

  path->env = context->secure.env;
  path->attachment = attachment;
  g_queue_init (&path->early);
  path->agent = pl_ice_agent_new (context->secure.env, context->context, &options, &handlers, path, error);
  if (path->agent)
    return path;
  g_free (path);
  return NULL;
}

PlAttachment *
pl_attachment_new (const PlAttachmentContext *context, PlAttachPurpose purpose, gboolean controlling,
                   const PlAttachmentHandlers *handlers, gpointer user, const GError *refused)
{
  PlAttachment *attachment = g_new0 (PlAttachment, 1);
  GError *error = NULL;

  attachment->context = *context;
  attachment->purpose = purpose;
  attachment->controlling = controlling;
  attachment->handlers = *handlers;
  attachment->user = user;
  if (refused)
    error = g_error_copy (refused);
  else
    attachment->path = path_new (attachment, &error);
  if (error)
    attachment_fail (attachment, error);
  return attachment;
}

void
pl_attachment_set_remote (PlAttachment *attachment, const PlAttachReqAns *remote, const PlNodeId *node)
{
  if (attachment->has_remote || attachment->over || attachment->error)
    return;
  attachment->has_remote = TRUE;
  pl_attach_req_ans_copy (&attachment->remote, remote);
  attachment->node = *node;
  if (!attachment->gathered)
    return;
  pl_env_arm (attachment->context.secure.env, &attachment->limit_timer, PL_ATTACH_CONNECT_MAX, on_limit, attachment);
  begin_checks (attachment);
}

void
pl_attachment_set_over (PlAttachment *attachment, void (*over) (gpointer user, PlAttachment *attachment), gpointer user)
{
  attachment->over_func = over;
  attachment->over_user = user;
}

gboolean
pl_attachment_is_over (PlAttachment *attachment)
{
  return attachment->over;
}

void
pl_attachment_free (PlAttachment *attachment)
{
  if (!attachment)
    return;
  pl_timer_clear (&attachment->limit_timer);
  pl_timer_clear (&attachment->event_timer);
  if (attachment->path && attachment->path->secure)
    pl_secure_free (attachment->path->secure); /* and the path */
  else if (attachment->path)
    path_free (attachment->path);
  pl_attach_req_ans_clear (&attachment->remote);
  g_clear_error (&attachment->error);
  g_free (attachment);
}
