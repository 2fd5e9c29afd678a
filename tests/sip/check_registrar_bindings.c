/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/registrar/registrar.h"
#include "base/universe.h"
#include "tests/support/test.h"

#include <glib/gstdio.h>

#define CONTACT "sip:alice-0x55;uuid=A%41b@127.0.0.1:5062;transport=udp"

typedef struct {
  PlUniverse *universe;
  PlEnv *env;
  PlRegistrar *registrar;
  GString *seen;
  guint changes;
} World;

static void
on_presence (gpointer user, const char *aor, const char *prefs)
{
  g_string_append_printf (((World *) user)->seen, "%s%s%s%s ", prefs ? "+" : "-", aor, prefs && *prefs ? ";" : "", prefs ? prefs : "");
}

static void
on_changed (gpointer user)
{
  ((World *) user)->changes++;
}

static const PlRegistrarHandlers handlers = { on_presence, on_changed };

static void
world_start (World *w)
{
  g_autofree char *path = g_build_filename (g_get_home_dir (), "bindings", NULL);

  w->universe = pl_universe_new (1);
  w->env = pl_universe_env (w->universe);
  w->seen = g_string_new (NULL);
  w->registrar = pl_registrar_new (w->env, path, &handlers, w);
  pl_universe_run (w->universe, 0);
}

static void
world_restart (World *w)
{
  g_autofree char *path = g_build_filename (g_get_home_dir (), "bindings", NULL);

  pl_registrar_free (w->registrar);
  g_string_truncate (w->seen, 0);
  w->registrar = pl_registrar_new (w->env, path, &handlers, w);
  pl_universe_run (w->universe, 0);
}

static void
world_stop (World *w)
{
  g_autofree char *path = g_build_filename (g_get_home_dir (), "bindings", NULL);

  pl_registrar_free (w->registrar);
  pl_universe_free (w->universe);
  g_string_free (w->seen, TRUE);
  g_remove (path);
}

static PlRegisterResult
put (World *w, const char *aor, const char *contact, guint32 cseq, guint expires)
{
  PlBinding binding = { .aor = (char *) aor, .contact = (char *) contact, .flow = (char *) "udp:127.0.0.1:5062",
                        .call_id = (char *) "c1", .cseq = cseq };

  return pl_registrar_update (w->registrar, &binding, expires);
}

static guint
count (World *w, const char *aor)
{
  g_autoptr (GPtrArray) list = pl_registrar_list (w->registrar, aor);

  return list->len;
}

START_TEST (registrar_keeps_the_exact_contact_over_a_restart) /* S4-09, S4-10 */
{
  World w = { 0 };
  g_autoptr (GPtrArray) list = NULL;

  world_start (&w);
  put (&w, "alice@example.org", CONTACT, 1, 300);
  ck_assert_str_eq (w.seen->str, "+alice@example.org ");
  world_restart (&w);
  ck_assert_str_eq (w.seen->str, "+alice@example.org ");
  list = pl_registrar_list (w.registrar, "alice@example.org");
  ck_assert_uint_eq (list->len, 1);
  ck_assert_str_eq (((PlBinding *) list->pdata[0])->contact, CONTACT);
  ck_assert_str_eq (((PlBinding *) list->pdata[0])->flow, "udp:127.0.0.1:5062");
  world_stop (&w);
}
END_TEST

START_TEST (registrar_tells_the_first_and_the_last_phone)
{
  World w = { 0 };

  world_start (&w);
  put (&w, "a@x", "sip:1@h", 1, 60);
  put (&w, "a@x", "sip:2@h", 1, 60);
  put (&w, "a@x", "sip:1@h", 2, 0);
  ck_assert_str_eq (w.seen->str, "+a@x ");
  put (&w, "a@x", "sip:2@h", 2, 0);
  ck_assert_str_eq (w.seen->str, "+a@x -a@x ");
  world_stop (&w);
}
END_TEST

/* RFC 7904, contact_prefs: what one phone can do is published; of several, whom the registrar
 * judges itself, the highest q alone. */
START_TEST (registrar_tells_what_the_phones_can_do)
{
  World w = { 0 };
  PlBinding one = { .aor = (char *) "a@x", .contact = (char *) "sip:1@h", .flow = (char *) "udp:127.0.0.1:5062",
                    .call_id = (char *) "c1", .cseq = 1, .prefs = (char *) "q=0.5;audio;description=\"<at home>\";+x.y" };
  PlBinding two = one;

  world_start (&w);
  pl_registrar_update (w.registrar, &one, 60);
  ck_assert_str_eq (w.seen->str, "+a@x;q=0.5;audio ");
  one.cseq = 2;
  pl_registrar_update (w.registrar, &one, 60); /* a refresh tells nothing */
  ck_assert_str_eq (w.seen->str, "+a@x;q=0.5;audio ");
  world_restart (&w);
  ck_assert_str_eq (w.seen->str, "+a@x;q=0.5;audio ");
  two.contact = (char *) "sip:2@h";
  two.prefs = (char *) "q=0.75;video";
  pl_registrar_update (w.registrar, &two, 60);
  ck_assert_str_eq (w.seen->str, "+a@x;q=0.5;audio +a@x;q=0.750 ");
  one.cseq = 3;
  pl_registrar_update (w.registrar, &one, 0);
  ck_assert_str_eq (w.seen->str, "+a@x;q=0.5;audio +a@x;q=0.750 +a@x;q=0.75;video ");
  pl_registrar_retell (w.registrar, "a@x");
  pl_registrar_retell (w.registrar, "nobody@x");
  pl_universe_run (w.universe, 61 * PL_USEC_PER_SEC);
  ck_assert_str_eq (w.seen->str, "+a@x;q=0.5;audio +a@x;q=0.750 +a@x;q=0.75;video +a@x;q=0.75;video -a@x ");
  world_stop (&w);
}
END_TEST

START_TEST (registrar_lets_bindings_expire)
{
  World w = { 0 };

  world_start (&w);
  put (&w, "a@x", "sip:1@h", 1, 60);
  put (&w, "a@x", "sip:2@h", 1, 120);
  pl_universe_run (w.universe, 61 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (count (&w, "a@x"), 1);
  pl_universe_run (w.universe, 61 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (count (&w, "a@x"), 0);
  ck_assert_str_eq (w.seen->str, "+a@x -a@x ");
  world_stop (&w);
}
END_TEST

START_TEST (registrar_refuses_an_older_cseq)
{
  World w = { 0 };

  world_start (&w);
  ck_assert_int_eq (put (&w, "a@x", "sip:1@h", 5, 60), PL_REGISTERED);
  ck_assert_int_eq (put (&w, "a@x", "sip:1@h", 5, 0), PL_REGISTER_STALE);
  ck_assert_int_eq (pl_registrar_remove_all (w.registrar, "a@x", "c1", 4), PL_REGISTER_STALE);
  ck_assert_int_eq (pl_registrar_remove_all (w.registrar, "a@x", "c1", 6), PL_REGISTERED);
  ck_assert_uint_eq (count (&w, NULL), 0);
  world_stop (&w);
}
END_TEST

START_TEST (registrar_bounds_phones_per_address)
{
  World w = { 0 };

  world_start (&w);
  for (guint i = 0; i <= PL_BINDINGS_PER_AOR; i++)
    {
      g_autofree char *contact = g_strdup_printf ("sip:%u@h", i);

      ck_assert_int_eq (put (&w, "a@x", contact, 1, 60), i < PL_BINDINGS_PER_AOR ? PL_REGISTERED : PL_REGISTER_TOO_MANY);
    }
  world_stop (&w);
}
END_TEST

START_TEST (registrar_replaces_the_contact_of_the_same_instance)
{
  World w = { 0 };
  PlBinding binding = { .aor = (char *) "a@x", .contact = (char *) "sip:old@h", .flow = (char *) "tcp:127.0.0.1:1",
                        .call_id = (char *) "c", .cseq = 1, .instance = (char *) "\"<urn:uuid:1>\"" };
  g_autoptr (GPtrArray) list = NULL;

  world_start (&w);
  pl_registrar_update (w.registrar, &binding, 60);
  binding.contact = (char *) "sip:new@h";
  binding.cseq = 2;
  pl_registrar_update (w.registrar, &binding, 60);
  ck_assert_uint_eq (count (&w, "a@x"), 1);
  list = pl_registrar_list (w.registrar, "a@x");
  ck_assert_str_eq (((PlBinding *) list->pdata[0])->contact, "sip:new@h");
  ck_assert_str_eq (w.seen->str, "+a@x ");
  world_stop (&w);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("sip");
  TCase *c = tcase_create ("registrar/bindings");

  tcase_add_test (c, registrar_keeps_the_exact_contact_over_a_restart);
  tcase_add_test (c, registrar_tells_the_first_and_the_last_phone);
  tcase_add_test (c, registrar_tells_what_the_phones_can_do);
  tcase_add_test (c, registrar_lets_bindings_expire);
  tcase_add_test (c, registrar_refuses_an_older_cseq);
  tcase_add_test (c, registrar_bounds_phones_per_address);
  tcase_add_test (c, registrar_replaces_the_contact_of_the_same_instance);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
