/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libnice and sofia-sip export stun_message_length with different meanings. Linked with
 * exactly the daemon's list, libnice must still build a STUN request (STYLE.md, section 0).
 */
#include "config.h"

#include "ice/agent/agent.h"
#include "tests/support/test.h"

#include <stun/stunagent.h>

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
  tcase_add_test (linkage, linkage_check_at_start_agrees);
  suite_add_tcase (suite, linkage);
  return pl_test_run (suite, NULL);
}
