/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libnice and sofia-sip export stun_message_length with different meanings. Linked with
 * exactly the daemon's list, libnice must still build a STUN request (STYLE.md, section 0).
 */
#include "config.h"

#include "ice/agent/agent.h"
#include "tests/support/test.h"

#include <dlfcn.h>
#include <stun/stunagent.h>
#include <string.h>

/* Of sofia-sip, whose headers belong to sip/: called, so that a linker which drops unused
 * libraries keeps it. Without it in the program this test proves nothing. */
int su_init (void);
void su_deinit (void);

START_TEST (linkage_libnice_builds_a_request_of_the_right_length)
{
  static const guint16 known[] = { 0 };
  guint8 buffer[256];
  StunAgent agent;
  StunMessage message;

  stun_agent_init (&agent, known, STUN_COMPATIBILITY_RFC5389, STUN_AGENT_USAGE_USE_FINGERPRINT);
  ck_assert (stun_agent_init_request (&agent, &message, buffer, sizeof buffer, STUN_BINDING));
  ck_assert_int_eq (stun_message_append_string (&message, STUN_ATTRIBUTE_USERNAME, "abcd:efgh"), STUN_MESSAGE_RETURN_SUCCESS);
  /* 20 of header, 4 + 12 of user name, 8 of fingerprint */
  ck_assert_uint_eq (stun_agent_finish_message (&agent, &message, NULL, 0), 44);
}
END_TEST

START_TEST (linkage_symbol_is_libnices_though_sofia_is_in_the_program)
{
  Dl_info info = { 0 };

  su_init ();
  su_deinit ();
  ck_assert_ptr_nonnull (dlsym (RTLD_DEFAULT, "nta_agent_create"));
  ck_assert_int_ne (dladdr ((void *) stun_message_length, &info), 0);
  ck_assert_msg (strstr (info.dli_fname, "libnice") != NULL, "%s", info.dli_fname);
}
END_TEST

START_TEST (linkage_check_at_start_agrees)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (pl_ice_check_linkage (&error), "%s", error ? error->message : "");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("ice");
  TCase *linkage = tcase_create ("ice/linkage");

  tcase_add_test (linkage, linkage_libnice_builds_a_request_of_the_right_length);
  tcase_add_test (linkage, linkage_symbol_is_libnices_though_sofia_is_in_the_program);
  tcase_add_test (linkage, linkage_check_at_start_agrees);
  suite_add_tcase (suite, linkage);
  return pl_test_run (suite, NULL);
}
