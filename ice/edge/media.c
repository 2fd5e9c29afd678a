/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/edge/media.h"

#include "ice/edge/sdes.h"
#include "ice/edge/srtp.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_TRIES 64   /* for an even port with a free one after it (RFC 3550 11) */

#define SSRC_AT 8       /* byte of an RTP packet (RFC 3550 5.1) */
#define PORT_QUEUE_MAX 4096 /* datagrams: more than a socket's buffer holds */

/* One of the phone's two sockets. It is connected to the phone's port, so the kernel leaves out
 * what others send. */
typedef struct {
  PlEdgeMedia *media;
  int fd;
  GSource *source;
  guint16 phone_port; /* 0: not known */
} Side;

struct PlEdgeMedia {
  PlEdgeMedia *control;     /* RTCP beside us, for far sides that don't multiplex (RFC 5761 5.1.3); owned */
  PlEdgeMedia *main;        /* whose RTCP this is; NULL: none's */
  gboolean mux;             /* the far side multiplexes, or there is no more to have */
  gboolean gathered;        /* since the last start */
  PlEnv *env;
  PlEdgeMediaHandlers handlers;
  gpointer user;
  PlTlsCredentials *credentials;
  gboolean ipv6;
  Side rtp, rtcp;
  guint16 port;
  PlSdes *sdes;
  PlIceAgent *ice;          /* in use */
  PlIceAgent *next;         /* of a restart, until it has a path; NULL: none */
  GMainContext *context;
  gboolean lost;            /* the path in use */
  gboolean through;         /* the phone has DTLS-SRTP itself */
  gboolean echo;            /* there is no phone */
  gboolean retargeted;      /* the far side is another: what comes by the old path is not of it */
  gboolean secured;
  char **fingerprints;      /* NULL before set_remote */
  gboolean dtls_client;
  PlTlsSession *dtls;
  PlSrtp *srtp;             /* NULL before secured */
  PlTimer *fail_timer, *loss_timer;
  char *failure;            /* set: it is over */
  PlEdgeCounts counts;
};

/* --- the end --- */

static void
report_failure (gpointer data)
{
  PlEdgeMedia *media = data;

  media->handlers.failed (media->user, media, media->failure);
}

static void
report_loss (gpointer data)
{
  PlEdgeMedia *media = data;

  media->handlers.lost (media->user, media);
}

/* Told from the loop: we may be deep inside a library. */
static void
fail (PlEdgeMedia *media, const char *reason)
{
  if (media->failure)
    return;
  media->failure = g_strdup (reason);
  if (!media->main) /* without RTCP a call goes on */
    pl_env_arm (media->env, &media->fail_timer, 0, report_failure, media);
}

/* --- the phone --- */

static socklen_t
loopback (const PlEdgeMedia *media, guint16 port, struct sockaddr_storage *out)
{
  struct sockaddr_in *v4 = (struct sockaddr_in *) out;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) out;

  memset (out, 0, sizeof *out);
  if (media->ipv6)
    {
      v6->sin6_family = AF_INET6;
      v6->sin6_addr = in6addr_loopback;
      v6->sin6_port = htons (port);
      return sizeof *v6;
    }
  v4->sin_family = AF_INET;
  v4->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  v4->sin_port = htons (port);
  return sizeof *v4;
}

static int
bind_port (const PlEdgeMedia *media, guint16 port)
{
  struct sockaddr_storage address;
  socklen_t len = loopback (media, port, &address);
  int fd = socket (media->ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd >= 0 && bind (fd, (struct sockaddr *) &address, len) == 0)
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

static guint16
port_of (int fd)
{
  struct sockaddr_storage address;
  socklen_t len = sizeof address;

  if (fd < 0 || getsockname (fd, (struct sockaddr *) &address, &len) < 0)
    return 0;
  /* sin6_port and sin_port lie at the same place. */
  return ntohs (((struct sockaddr_in *) &address)->sin_port);
}

static gboolean
bind_pair (PlEdgeMedia *media)
{
  for (guint i = 0; i < PORT_TRIES; i++)
    {
      int fd = bind_port (media, 0);
      guint16 port = port_of (fd);

      if (port > 0 && port % 2 == 0 && (media->rtcp.fd = bind_port (media, port + 1)) >= 0)
        {
          media->rtp.fd = fd;
          media->port = port;
          return TRUE;
        }
      if (fd >= 0)
        close (fd);
    }
  return FALSE;
}

/* DTLS and SRTP (RFC 7983 7), which pass between two that have keys of their own. */
static gboolean
is_sealed (const guint8 *data, gsize len)
{
  return len > 0 && ((data[0] >= 20 && data[0] <= 63) || pl_rtp_kind (data, len) != PL_RTP_NONE);
}

/* Us, or our RTCP beside us. A phone with DTLS-SRTP of its own has an association on each of its
 * sockets. */
static PlEdgeMedia *
path_for (const Side *side, const guint8 *data, gsize len)
{
  PlEdgeMedia *media = side->media;
  gboolean control = media->through ? side == &media->rtcp : pl_rtp_kind (data, len) == PL_RTP_CONTROL;

  if (!control || (media->mux && !media->through))
    return media;
  return media->mux ? NULL : media->control;
}

static gboolean
seal_for_far (PlEdgeMedia *media, PlEdgeMedia *path, guint8 *data, gsize *len)
{
  if (media->through)
    return path->secured && is_sealed (data, *len);
  return path->srtp && pl_sdes_unprotect (media->sdes, data, len) && pl_srtp_protect (path->srtp, data, len);
}

static void
send_to_far (PlEdgeMedia *media, PlEdgeMedia *path, guint8 *data, gsize len)
{
  if (path && !media->failure && !path->failure && seal_for_far (media, path, data, &len) && pl_ice_agent_send (path->ice, data, len))
    media->counts.to_far++;
  else
    media->counts.dropped++;
}

static gboolean
on_phone_readable (int fd, GIOCondition condition, gpointer data)
{
  Side *side = data;
  guint8 packet[PL_EDGE_PACKET_MAX + PL_SRTP_TRAILER];

  for (guint i = 0; i < PL_EDGE_BURST; i++)
    {
      ssize_t n = recv (fd, packet, PL_EDGE_PACKET_MAX, MSG_TRUNC);

      if (n < 0 && errno == ECONNREFUSED)
        continue; /* the phone had not opened its port yet */
      if (n < 0)
        break;
      if (n <= PL_EDGE_PACKET_MAX && side->phone_port)
        send_to_far (side->media, path_for (side, packet, n), packet, n);
      else
        side->media->counts.dropped++;
    }
  return G_SOURCE_CONTINUE;
}

static void
watch (PlEdgeMedia *media, Side *side, GMainContext *context)
{
  side->media = media;
  side->source = g_unix_fd_source_new (side->fd, G_IO_IN);
  g_source_set_callback (side->source, G_SOURCE_FUNC (on_phone_readable), side, NULL);
  g_source_attach (side->source, context);
}

static void
close_side (Side *side)
{
  if (side->source)
    {
      g_source_destroy (side->source);
      g_source_unref (side->source);
    }
  if (side->fd >= 0)
    close (side->fd);
}

/* What came before the kernel knew whom to let through. */
static void
drain (int fd)
{
  char byte;

  for (guint i = 0; i < PORT_QUEUE_MAX && recv (fd, &byte, 1, MSG_TRUNC) >= 0; i++)
    ;
}

static gboolean
connect_side (PlEdgeMedia *media, Side *side, guint16 port)
{
  struct sockaddr_storage address;
  socklen_t len = loopback (media, port, &address);

  if (port == side->phone_port)
    return TRUE;
  side->phone_port = 0;
  if (connect (side->fd, (struct sockaddr *) &address, len) < 0)
    return FALSE;
  drain (side->fd);
  side->phone_port = port;
  return TRUE;
}

gboolean
pl_edge_media_set_phone (PlEdgeMedia *media, guint16 rtp, guint16 rtcp)
{
  return rtp != 0 && rtcp != 0 && connect_side (media, &media->rtp, rtp) && connect_side (media, &media->rtcp, rtcp);
}

const char *const *
pl_edge_media_keys (PlEdgeMedia *media)
{
  return pl_sdes_offers (media->sdes);
}

gboolean
pl_edge_media_set_keys (PlEdgeMedia *media, const char *keys)
{
  return pl_sdes_set_phone (media->sdes, keys);
}

/* `data` has room for a trailer. */
static void
send_to_phone (PlEdgeMedia *path, guint8 *data, gsize len)
{
  PlEdgeMedia *media = path->main ? path->main : path;
  gboolean control = media->through ? path->main != NULL : pl_rtp_kind (data, len) == PL_RTP_CONTROL;
  Side *side = control && media->rtcp.phone_port != media->rtp.phone_port ? &media->rtcp : &media->rtp;

  if (side->phone_port && pl_sdes_protect (media->sdes, data, &len) && send (side->fd, data, len, MSG_NOSIGNAL) == (ssize_t) len)
    media->counts.to_phone++;
  else
    media->counts.dropped++;
}

/* The far side hears itself, from another source: one of its own would be a loop (RFC 3550 8.2).
 * `data` has room for a trailer. */
static void
send_back (PlEdgeMedia *media, guint8 *data, gsize len)
{
  if (pl_rtp_kind (data, len) == PL_RTP_DATA)
    {
      data[SSRC_AT] ^= 0x80;
      if (pl_srtp_protect (media->srtp, data, &len) && pl_ice_agent_send (media->ice, data, len))
        {
          media->counts.to_far++;
          return;
        }
    }
  media->counts.dropped++;
}

/* --- DTLS --- */

static void
on_dtls_send (gpointer user, const guint8 *data, gsize len)
{
  PlEdgeMedia *media = user;

  pl_ice_agent_send (media->ice, data, len); /* what is lost is sent again */
}

static gboolean
on_dtls_verify (gpointer user, const GPtrArray *chain, GError **error)
{
  PlEdgeMedia *media = user;

  for (guint i = 0; media->fingerprints[i]; i++)
    if (pl_edge_fingerprint_matches (media->fingerprints[i], g_ptr_array_index (chain, 0)))
      return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the far side's certificate is not the one its SDP names");
  return FALSE;
}

static void
report_secured (PlEdgeMedia *media)
{
  media->secured = TRUE;
  if (!media->main)
    media->handlers.secured (media->user, media);
}

static void
on_dtls_established (gpointer user, PlTlsSession *session)
{
  PlEdgeMedia *media = user;
  PlTlsSrtpKeys keys;

  if (media->failure)
    return;
  if (pl_tls_session_srtp_keys (session, &keys))
    media->srtp = pl_srtp_new (PL_SRTP_SHA1_80, keys.local, keys.remote);
  explicit_bzero (&keys, sizeof keys);
  if (media->srtp)
    report_secured (media);
  else
    fail (media, "the far side does not agree to SRTP");
}

static void
on_dtls_record (gpointer user, const guint8 *data, gsize len)
{
  /* Application data has no meaning here (RFC 5764 4). */
}

static void
on_dtls_closed (gpointer user, const GError *error)
{
  fail (user, error ? error->message : "the far side ended the media");
}

static const PlTlsHandlers dtls_handlers = { on_dtls_send, on_dtls_verify, on_dtls_established, on_dtls_record, on_dtls_closed };

static void
start_dtls (PlEdgeMedia *media)
{
  PlTlsOptions options = { .server = !media->dtls_client, .datagram = TRUE, .srtp = TRUE };

  if (!media->dtls && !media->failure)
    media->dtls = pl_tls_session_new (media->env, media->credentials, &options, &dtls_handlers, media);
}

/* --- ICE --- */

static void
on_gathered (gpointer user, PlIceAgent *agent)
{
  PlEdgeMedia *media = user, *whole = media->main ? media->main : media;

  media->gathered = TRUE;
  if (whole->gathered && (!whole->control || whole->control->gathered))
    whole->handlers.gathered (whole->user, whole);
}

static void
on_connected (gpointer user, PlIceAgent *agent)
{
  PlEdgeMedia *media = user;

  if (agent == media->next)
    {
      pl_ice_agent_free (media->ice);
      media->ice = g_steal_pointer (&media->next);
      media->lost = FALSE;
      pl_timer_clear (&media->loss_timer);
    }
  media->retargeted = FALSE;
  if (media->secured || media->through)
    report_secured (media);
  else
    start_dtls (media);
}

static void
on_lost (gpointer user, PlIceAgent *agent)
{
  PlEdgeMedia *media = user;

  if (agent == media->next)
    g_clear_pointer (&media->next, pl_ice_agent_free);
  else
    media->lost = TRUE;
  if (!media->lost)
    return;
  if (!media->secured)
    fail (media, "no path to the far side");
  else if (!media->main) /* without RTCP a call goes on */
    pl_env_arm (media->env, &media->loss_timer, 0, report_loss, media);
}

static void
on_datagram (gpointer user, PlIceAgent *agent, const guint8 *data, gsize len)
{
  PlEdgeMedia *media = user;
  guint8 packet[PL_EDGE_PACKET_MAX + 2 * PL_SRTP_TRAILER]; /* of the far side, of the phone */

  if (len == 0 || media->failure || !media->fingerprints || media->retargeted)
    return;
  if (media->through && is_sealed (data, len) && len <= PL_EDGE_PACKET_MAX)
    {
      memcpy (packet, data, len);
      send_to_phone (media, packet, len);
      return;
    }
  if (!media->through && data[0] >= 20 && data[0] <= 63) /* RFC 7983 7 */
    {
      start_dtls (media); /* a client may be quicker than our own end of ICE */
      pl_tls_session_feed (media->dtls, data, len);
      return;
    }
  if (!media->srtp || len > PL_EDGE_PACKET_MAX + PL_SRTP_TRAILER)
    {
      media->counts.dropped++;
      return;
    }
  memcpy (packet, data, len);
  if (pl_srtp_unprotect (media->srtp, packet, &len))
    (media->echo ? send_back : send_to_phone) (media, packet, len);
  else
    media->counts.dropped++;
}

static const PlIceAgentHandlers ice_handlers = { on_gathered, on_connected, on_lost, on_datagram };

static gboolean
usable_fingerprints (const char *const *fingerprints)
{
  guint n = fingerprints ? g_strv_length ((char **) fingerprints) : 0;

  return n > 0 && n <= PL_EDGE_FINGERPRINTS_MAX;
}

/* RFC 8842 4: the association stays while one of its certificates does. */
static gboolean
keeps_certificate (const PlEdgeMedia *media, const char *const *fingerprints)
{
  for (guint i = 0; media->fingerprints[i]; i++)
    for (guint k = 0; fingerprints[k]; k++)
      if (g_ascii_strcasecmp (media->fingerprints[i], fingerprints[k]) == 0)
        return TRUE;
  return FALSE;
}

static PlIceAgent *
newest (PlEdgeMedia *media)
{
  return media->next ? media->next : media->ice;
}

static void
set_control_remote (PlEdgeMedia *media, const PlEdgeRemote *remote)
{
  PlEdgeRemote control = *remote;

  media->mux = !media->control || !remote->control || remote->control->len == 0;
  control.candidates = remote->control;
  control.control = NULL;
  if (!media->mux)
    pl_edge_media_set_remote (media->control, &control, NULL);
}

gboolean
pl_edge_media_set_remote (PlEdgeMedia *media, const PlEdgeRemote *remote, GError **error)
{
  gboolean goes_on = media->fingerprints && usable_fingerprints (remote->fingerprints) && keeps_certificate (media, remote->fingerprints);

  if (media->failure || !usable_fingerprints (remote->fingerprints))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s", media->failure ? media->failure : "the far side names no certificate");
      return FALSE;
    }
  if (!pl_ice_agent_set_remote (newest (media), remote->ufrag, remote->password, remote->candidates, error))
    return FALSE;
  set_control_remote (media, remote);
  g_strfreev (media->fingerprints);
  media->fingerprints = g_strdupv ((char **) remote->fingerprints);
  if (goes_on)
    return TRUE;
  media->retargeted = media->dtls || media->secured;
  media->secured = FALSE;
  g_clear_pointer (&media->dtls, pl_tls_session_free);
  g_clear_pointer (&media->srtp, pl_srtp_free);
  media->dtls_client = remote->dtls_client;
  return TRUE;
}

void
pl_edge_media_set_through (PlEdgeMedia *media)
{
  media->through = TRUE;
  if (media->control)
    media->control->through = TRUE;
}

void
pl_edge_media_set_echo (PlEdgeMedia *media)
{
  media->echo = TRUE;
}

/* One stream, one ufrag (RFC 8839 5.4). */
static PlIceAgentOptions
control_options (PlEdgeMedia *media, const PlIceAgentOptions *options)
{
  PlIceAgentOptions beside = *options;

  beside.ufrag = pl_ice_agent_ufrag (newest (media));
  beside.password = pl_ice_agent_password (newest (media));
  return beside;
}

gboolean
pl_edge_media_restart (PlEdgeMedia *media, const PlIceAgentOptions *options, GError **error)
{
  PlIceAgent *next = media->failure && !media->lost ? NULL : pl_ice_agent_new (media->env, media->context, options, &ice_handlers, media, error);

  if (!next)
    {
      if (error && !*error)
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, media->failure);
      return FALSE;
    }
  pl_timer_clear (&media->fail_timer);
  pl_timer_clear (&media->loss_timer);
  g_clear_pointer (&media->failure, g_free);
  g_clear_pointer (&media->next, pl_ice_agent_free);
  media->next = next;
  media->gathered = FALSE;
  if (media->control)
    {
      PlIceAgentOptions beside = control_options (media, options);

      media->control->lost = media->control->lost || media->control->failure;
      if (!pl_edge_media_restart (media->control, &beside, NULL))
        g_clear_pointer (&media->control, pl_edge_media_free);
    }
  return TRUE;
}

/* --- life --- */

/* NULL: RTCP takes the path of RTP, or none. */
static PlEdgeMedia *
control_new (PlEdgeMedia *media, const PlIceAgentOptions *options)
{
  g_autoptr (PlEdgeMedia) control = g_new0 (PlEdgeMedia, 1);
  PlIceAgentOptions beside = control_options (media, options);

  control->env = media->env;
  control->credentials = media->credentials;
  control->context = media->context;
  control->main = media;
  control->rtp.fd = control->rtcp.fd = -1;
  control->ice = pl_ice_agent_new (control->env, control->context, &beside, &ice_handlers, control, NULL);
  return control->ice ? g_steal_pointer (&control) : NULL;
}

PlEdgeMedia *
pl_edge_media_new (PlEnv *env, GMainContext *context, PlTlsCredentials *credentials, const PlEdgeMediaOptions *options,
                   const PlEdgeMediaHandlers *handlers, gpointer user, GError **error)
{
  g_autoptr (PlEdgeMedia) media = g_new0 (PlEdgeMedia, 1);

  media->env = env;
  media->handlers = *handlers;
  media->user = user;
  media->credentials = credentials;
  media->ipv6 = options->ipv6;
  media->sdes = pl_sdes_new (env);
  media->rtp.fd = media->rtcp.fd = -1;
  if (!bind_pair (media))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no pair of loopback ports for the phone's media");
      return NULL;
    }
  watch (media, &media->rtp, context);
  watch (media, &media->rtcp, context);
  media->context = context;
  media->ice = pl_ice_agent_new (env, context, &options->ice, &ice_handlers, media, error);
  if (!media->ice)
    return NULL;
  media->control = control_new (media, &options->ice);
  return g_steal_pointer (&media);
}

void
pl_edge_media_free (PlEdgeMedia *media)
{
  if (!media)
    return;
  g_clear_pointer (&media->control, pl_edge_media_free);
  pl_timer_clear (&media->fail_timer);
  pl_timer_clear (&media->loss_timer);
  if (media->dtls)
    pl_tls_session_close (media->dtls); /* while there is a path for its alert */
  g_clear_pointer (&media->dtls, pl_tls_session_free);
  g_clear_pointer (&media->next, pl_ice_agent_free);
  g_clear_pointer (&media->ice, pl_ice_agent_free);
  g_clear_pointer (&media->srtp, pl_srtp_free);
  g_clear_pointer (&media->sdes, pl_sdes_free);
  close_side (&media->rtp);
  close_side (&media->rtcp);
  g_strfreev (media->fingerprints);
  g_free (media->failure);
  g_free (media);
}

guint16
pl_edge_media_port (PlEdgeMedia *media)
{
  return media->port;
}

PlIceAgent *
pl_edge_media_ice (PlEdgeMedia *media)
{
  return newest (media);
}

PlIceAgent *
pl_edge_media_control_ice (PlEdgeMedia *media)
{
  return media->control ? newest (media->control) : NULL;
}

gboolean
pl_edge_media_secured (PlEdgeMedia *media)
{
  return media->secured && !media->failure && !media->lost;
}

gboolean
pl_edge_media_lost (PlEdgeMedia *media)
{
  return media->secured && !media->failure && media->lost;
}

void
pl_edge_media_counts (PlEdgeMedia *media, PlEdgeCounts *counts)
{
  *counts = media->counts;
}
