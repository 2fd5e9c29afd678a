/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/fakemedia.h"

#include <string.h>

#define EIGHT_BYTES "ED:6E:ED:6E:ED:6E:ED:6E"
#define FINGERPRINT EIGHT_BYTES ":" EIGHT_BYTES ":" EIGHT_BYTES ":" EIGHT_BYTES

typedef struct {
  gboolean asked, controlling, open;
  PlMediaSection section;
  guint16 phone;
  char *far;
  guint fars;
} Section;

struct PlMediaEdge {
  PlFakeMedia *media;
  char *name;
  gboolean claimed;
  PlMediaHandlers handlers;
  gpointer user;
  Section sections[PL_MEDIA_SECTIONS_MAX];
  PlTimer *opening, *securing, *failing, *losing;
};

struct PlFakeMedia {
  PlEnv *env;
  PlMedia interface;
  GPtrArray *edges;
  gboolean allowed;
  gint64 delay;
  guint most, started;
};

static void
edge_free (gpointer data)
{
  PlMediaEdge *edge = data;

  pl_timer_clear (&edge->opening);
  pl_timer_clear (&edge->securing);
  pl_timer_clear (&edge->failing);
  pl_timer_clear (&edge->losing);
  for (guint i = 0; i < PL_MEDIA_SECTIONS_MAX; i++)
    g_free (edge->sections[i].far);
  g_free (edge->name);
  g_free (edge);
}

static gboolean
fake_allowed (gpointer impl, const char *own)
{
  return ((PlFakeMedia *) impl)->allowed;
}

static PlMediaEdge *
fake_start (gpointer impl, const char *own, const char *name, GError **error)
{
  PlFakeMedia *media = impl;
  PlMediaEdge *edge;

  if (media->edges->len >= media->most)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "too many calls at once need the media edge");
      return NULL;
    }
  edge = g_new0 (PlMediaEdge, 1);
  edge->media = media;
  edge->name = g_strdup (name);
  edge->claimed = TRUE;
  media->started++;
  g_ptr_array_add (media->edges, edge);
  return edge;
}

static PlMediaEdge *
fake_find (gpointer impl, const char *name)
{
  PlFakeMedia *media = impl;

  for (guint i = 0; i < media->edges->len; i++)
    {
      PlMediaEdge *edge = media->edges->pdata[i];

      if (edge->claimed || strcmp (edge->name, name) != 0)
        continue;
      edge->claimed = TRUE;
      return edge;
    }
  return NULL;
}

static void
fake_set_handlers (PlMediaEdge *edge, const PlMediaHandlers *handlers, gpointer user)
{
  edge->handlers = *handlers;
  edge->user = user;
}

static void
on_opening (gpointer data)
{
  PlMediaEdge *edge = data;

  for (guint i = 0; i < PL_MEDIA_SECTIONS_MAX; i++)
    {
      Section *section = &edge->sections[i];

      if (!section->asked || section->open)
        continue;
      section->open = TRUE;
      pl_env_arm (edge->media->env, &edge->opening, 0, on_opening, edge);
      edge->handlers.opened (edge->user, i); /* which may end the edge */
      return;
    }
}

static void
fake_open (PlMediaEdge *edge, guint n, gboolean controlling, gboolean ipv6)
{
  static char ufrag[] = "edge", password[] = "edgeedgeedgeedgeedgeedge", fingerprint[] = "sha-256 " FINGERPRINT;
  static char candidate[] = "1 2130706431 host 192.0.2.99 50000";
  static char outside[] = "2 1694498815 srflx 203.0.113.9 50001 192.0.2.99 50000";
  static char *candidates[] = { candidate, outside, NULL };
  static char key[] = "AES_CM_128_HMAC_SHA1_80 " PL_FAKE_MEDIA_KEY;
  static char *keys[] = { key, NULL };
  Section *section = &edge->sections[n];

  if (section->asked)
    return;
  section->asked = TRUE;
  section->controlling = controlling;
  section->section = (PlMediaSection) { .port = 42000 + 2 * n, .ufrag = ufrag, .password = password, .fingerprint = fingerprint,
                                        .candidates = candidates, .crypto = keys };
  pl_env_arm (edge->media->env, &edge->opening, edge->media->delay, on_opening, edge);
}

static void
fake_restart (PlMediaEdge *edge, guint n, gboolean controlling)
{
  static char ufrag[] = "edge-again";

  edge->sections[n].open = FALSE;
  edge->sections[n].section.ufrag = ufrag;
  pl_env_arm (edge->media->env, &edge->opening, edge->media->delay, on_opening, edge);
}

static const PlMediaSection *
fake_section (PlMediaEdge *edge, guint n)
{
  return edge->sections[n].open ? &edge->sections[n].section : NULL;
}

static void
on_securing (gpointer data)
{
  PlMediaEdge *edge = data;

  if (edge->handlers.secured)
    edge->handlers.secured (edge->user, 0);
}

static void
check_both (PlMediaEdge *edge, const Section *section)
{
  if (section->phone && section->far)
    pl_env_arm (edge->media->env, &edge->securing, PL_USEC_PER_MSEC, on_securing, edge);
}

static void
fake_set_phone (PlMediaEdge *edge, guint n, const PlMediaPhone *phone)
{
  edge->sections[n].phone = phone->echo ? PL_FAKE_MEDIA_ECHO : phone->rtp;
  check_both (edge, &edge->sections[n]);
}

static void
fake_set_far (PlMediaEdge *edge, guint n, const PlMediaFar *far)
{
  g_free (edge->sections[n].far);
  edge->sections[n].far = g_strdup (far->ufrag);
  edge->sections[n].fars++;
  check_both (edge, &edge->sections[n]);
}

static void
fake_end (PlMediaEdge *edge)
{
  g_ptr_array_remove (edge->media->edges, edge);
}

static void
fake_leave (PlMediaEdge *edge)
{
  edge->claimed = FALSE;
  memset (&edge->handlers, 0, sizeof edge->handlers);
  pl_timer_clear (&edge->opening);
  pl_timer_clear (&edge->securing);
}

static const PlMediaFuncs funcs = {
  fake_allowed, fake_start, fake_find, fake_set_handlers, fake_open, fake_restart, fake_section, fake_set_phone, fake_set_far, fake_end, fake_leave,
};

PlFakeMedia *
pl_fake_media_new (PlEnv *env)
{
  PlFakeMedia *media = g_new0 (PlFakeMedia, 1);

  media->env = env;
  media->interface = (PlMedia) { &funcs, media };
  media->edges = g_ptr_array_new_with_free_func (edge_free);
  media->allowed = TRUE;
  media->delay = PL_USEC_PER_MSEC;
  media->most = G_MAXUINT;
  return media;
}

void
pl_fake_media_free (PlFakeMedia *media)
{
  g_ptr_array_unref (media->edges);
  g_free (media);
}

const PlMedia *
pl_fake_media_interface (PlFakeMedia *media)
{
  return &media->interface;
}

void
pl_fake_media_set_allowed (PlFakeMedia *media, gboolean allowed)
{
  media->allowed = allowed;
}

void
pl_fake_media_set_most (PlFakeMedia *media, guint most)
{
  media->most = most;
}

void
pl_fake_media_set_delay (PlFakeMedia *media, gint64 delay)
{
  media->delay = delay;
}

guint
pl_fake_media_started (PlFakeMedia *media)
{
  return media->started;
}

guint
pl_fake_media_live (PlFakeMedia *media)
{
  return media->edges->len;
}

static void
on_failing (gpointer data)
{
  PlMediaEdge *edge = data;

  edge->handlers.failed (edge->user, "the media edge has ended unexpectedly");
}

static PlMediaEdge *
nth (PlFakeMedia *media, guint n)
{
  g_assert_cmpuint (n, <, media->edges->len);
  return media->edges->pdata[n];
}

void
pl_fake_media_kill (PlFakeMedia *media, guint n)
{
  pl_env_arm (media->env, &nth (media, n)->failing, 0, on_failing, nth (media, n));
}

static void
on_losing (gpointer data)
{
  PlMediaEdge *edge = data;

  edge->handlers.lost (edge->user, 0);
}

void
pl_fake_media_lose (PlFakeMedia *media, guint n)
{
  pl_env_arm (media->env, &nth (media, n)->losing, 0, on_losing, nth (media, n));
}

guint16
pl_fake_media_phone (PlFakeMedia *media, guint n)
{
  return nth (media, n)->sections[0].phone;
}

const char *
pl_fake_media_far (PlFakeMedia *media, guint n)
{
  const char *far = nth (media, n)->sections[0].far;

  return far ? far : "";
}

guint
pl_fake_media_fars (PlFakeMedia *media, guint n)
{
  return nth (media, n)->sections[0].fars;
}

gboolean
pl_fake_media_controlling (PlFakeMedia *media, guint n)
{
  return nth (media, n)->sections[0].controlling;
}

guint16
pl_fake_media_port (PlFakeMedia *media, guint n)
{
  return nth (media, n)->sections[0].section.port;
}
