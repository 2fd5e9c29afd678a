/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/sip/stack-world.h"

#include <string.h>
#include <unistd.h>

static void
add_link (gpointer sip, PlFarLink *link)
{
  pl_sip_add_link (sip, link);
}

static void
on_calls (gpointer user)
{
  ((Side *) user)->calls_changed++;
}

static void
on_bindings (gpointer user)
{
  ((Side *) user)->bindings_changed++;
}

void
side_start (World *w, Side *side)
{
  static const char *const listen[] = { "127.0.0.1:0", "[::1]:0", NULL };
  static const PlSipHandlers handlers = { on_calls, on_bindings };
  PlSipOptions options = { .listen = listen, .uid = getuid (), .state_dir = side->state_dir, .media = side->media ? pl_fake_media_interface (side->media) : NULL, .passwords = side->passwords };
  g_autoptr (GError) error = NULL;

  if (!side->daemon)
    side->daemon = pl_fake_daemon_new (w->net, side->aor, side->node);
  side->sip = pl_sip_new (pl_loop_env (w->loop), w->context, pl_fake_daemon_resolver (side->daemon), &options, &handlers, side,
                          &error);
  ck_assert_msg (side->sip != NULL, "%s", error ? error->message : "");
  pl_fake_daemon_attach (side->daemon, add_link, side->sip);
}

void
side_kill (World *w, Side *side)
{
  pl_fake_daemon_attach (side->daemon, NULL, NULL);
  g_clear_pointer (&side->sip, pl_sip_free);
}

void
world_start (World *w)
{
  memset (w, 0, sizeof *w);
  w->context = g_main_context_new ();
  w->loop = pl_loop_new (w->context);
  w->net = pl_fake_net_new (pl_loop_env (w->loop));
  w->a = (Side){ .aor = ALICE, .node = NODE_A };
  w->b = (Side){ .aor = BOB, .node = NODE_B };
  {
    g_autofree char *dir = g_build_filename (g_get_home_dir (), "world-XXXXXX", NULL);

    ck_assert_ptr_nonnull (g_mkdtemp (dir));
    w->a.state_dir = g_build_filename (dir, "a", NULL);
    w->b.state_dir = g_build_filename (dir, "b", NULL);
  }
  side_start (w, &w->a);
  side_start (w, &w->b);
}

void
side_give_edges (World *w, Side *side)
{
  side->media = pl_fake_media_new (pl_loop_env (w->loop));
  side_kill (w, side);
  side_start (w, side);
}

void
world_stop (World *w)
{
  pl_sip_free (w->a.sip);
  pl_sip_free (w->b.sip);
  g_clear_pointer (&w->a.media, pl_fake_media_free);
  g_clear_pointer (&w->b.media, pl_fake_media_free);
  pl_fake_net_free (w->net);
  pl_loop_free (w->loop);
  g_main_context_unref (w->context);
  g_free (w->a.state_dir);
  g_free (w->b.state_dir);
}

PlPhone *
side_phone (World *w, Side *side, const char *aor, gboolean tcp)
{
  PlPhone *phone = pl_phone_new (w->context, aor, pl_sip_listening (side->sip)[0], tcp);

  pl_phone_register (phone, 300);
  ck_assert (pl_phone_wait (phone, "200 REGISTER", 1, WAIT));
  return phone;
}

const char *
expect_message (PlPhone *phone, const char *what)
{
  const PlPhoneMessage *all;
  gboolean came = pl_phone_wait (phone, what, 1, WAIT);

  all = pl_phone_last (phone, "");
  ck_assert_msg (came, "no %s; last message:\n%s", what, all ? all->text : "(none)");
  return pl_phone_last (phone, what)->text;
}

void
expect_contains (const char *text, const char *part)
{
  ck_assert_msg (strstr (text, part) != NULL, "\"%s\" is not in:\n%s", part, text);
}

void
expect_lacks (const char *text, const char *part)
{
  ck_assert_msg (strstr (text, part) == NULL, "\"%s\" is in:\n%s", part, text);
}

PlCallInfo *
side_dup_call (Side *side)
{
  g_autoptr (GPtrArray) calls = pl_sip_dup_calls (side->sip);

  ck_assert_uint_eq (calls->len, 1);
  g_ptr_array_set_free_func (calls, NULL);
  return calls->pdata[0];
}
