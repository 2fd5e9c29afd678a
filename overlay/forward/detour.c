/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/forward/detour.h"

#include "overlay/forward/forward.h"

/* One round-trip timeout: below it an acknowledgement may be on its way, above this bound the
 * originator repeats by himself. */
#define WAIT_MAX PL_USEC_PER_SEC

typedef struct {
  PlDetour *detour;
  GBytes *message;
  PlNodeId hops[PL_FORWARD_HOPS_MAX];
  guint n, at;              /* hops[at] has it */
  PlTimer *timer;
  GList *node;
} Pending;

struct PlDetour {
  PlEnv *env;
  guint max;
  PlDetourSend send;
  PlDetourLink link;
  gpointer user;
  GQueue *pending;
};

static void
pending_free (Pending *pending)
{
  pl_timer_clear (&pending->timer);
  g_bytes_unref (pending->message);
  g_queue_delete_link (pending->detour->pending, pending->node);
  g_free (pending);
}

PlDetour *
pl_detour_new (PlEnv *env, guint max, PlDetourSend send, PlDetourLink link, gpointer user)
{
  PlDetour *detour = g_new0 (PlDetour, 1);

  detour->env = env;
  detour->max = max;
  detour->send = send;
  detour->link = link;
  detour->user = user;
  detour->pending = g_queue_new ();
  return detour;
}

void
pl_detour_free (PlDetour *detour)
{
  if (!detour)
    return;
  while (!g_queue_is_empty (detour->pending))
    pending_free (g_queue_peek_head (detour->pending));
  g_queue_free (detour->pending);
  g_free (detour);
}

static gboolean
is_suspect (PlDetour *detour, const PlNodeId *hop)
{
  PlLink *link = detour->link (detour->user, hop);

  return link && pl_link_suspect (link);
}

/* Gives the message to the first hop from `at` on that takes it, to suspects when nobody else
 * does. */
static gboolean
send_from (PlDetour *detour, GBytes *message, PlNodeId *hops, guint n, guint *at)
{
  for (guint round = 0; round < 2; round++)
    for (guint i = *at; i < n; i++)
      {
        PlNodeId hop = hops[i];

        if (is_suspect (detour, &hop) != (round == 1) || !detour->send (detour->user, &hop, message))
          continue;
        /* what was passed over stays ahead as the next choice */
        for (guint j = i; j > *at; j--)
          hops[j] = hops[j - 1];
        hops[*at] = hop;
        return TRUE;
      }
  return FALSE;
}

static void wait_for (Pending *pending);

static void
try_next (Pending *pending)
{
  pending->at++;
  if (pending->at < pending->n
      && send_from (pending->detour, pending->message, pending->hops, pending->n, &pending->at)
      && pending->at + 1 < pending->n)
    wait_for (pending);
  else
    pending_free (pending);
}

static void
on_wait_over (gpointer data)
{
  Pending *pending = data;
  const PlNodeId *hop = &pending->hops[pending->at];

  if (!pending->detour->link (pending->detour->user, hop) || is_suspect (pending->detour, hop))
    try_next (pending);
  else
    pending_free (pending);
}

static void
wait_for (Pending *pending)
{
  PlLink *link = pending->detour->link (pending->detour->user, &pending->hops[pending->at]);
  PlLinkStats stats;

  if (!link)
    {
      pending_free (pending);
      return;
    }
  pl_link_stats (link, &stats);
  pl_env_arm (pending->detour->env, &pending->timer, MIN (stats.rto, WAIT_MAX), on_wait_over, pending);
}

gboolean
pl_detour_send (PlDetour *detour, GBytes *message, const PlNodeId *hops, guint n)
{
  Pending *pending;
  PlNodeId order[PL_FORWARD_HOPS_MAX];
  guint at = 0;

  n = MIN (n, PL_FORWARD_HOPS_MAX);
  for (guint i = 0; i < n; i++)
    order[i] = hops[i];
  if (!send_from (detour, message, order, n, &at))
    return FALSE;
  if (n < 2)
    return TRUE;
  if (g_queue_get_length (detour->pending) >= detour->max)
    pending_free (g_queue_peek_head (detour->pending));
  pending = g_new0 (Pending, 1);
  pending->detour = detour;
  pending->message = g_bytes_ref (message);
  pending->n = n;
  for (guint i = 0; i < n; i++)
    pending->hops[i] = order[i];
  g_queue_push_tail (detour->pending, pending);
  pending->node = g_queue_peek_tail_link (detour->pending);
  wait_for (pending);
  return TRUE;
}

void
pl_detour_lost (PlDetour *detour, const PlNodeId *hop)
{
  GList *next;

  for (GList *l = detour->pending->head; l; l = next)
    {
      Pending *pending = l->data;

      next = l->next;
      if (pl_node_id_equal (&pending->hops[pending->at], hop))
        try_next (pending);
    }
}
