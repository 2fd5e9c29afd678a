/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/stun/client.h"

#include <stun/stunagent.h>
#include <stun/usages/bind.h>
#include <sys/socket.h>

#define REQUESTS_MAX 16 /* the agent remembers that many and more */

struct PlStunClient {
  StunAgent agent;
  guint sent;
};

PlStunClient *
pl_stun_client_new (void)
{
  static const guint16 known[] = { STUN_ATTRIBUTE_MAPPED_ADDRESS, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, STUN_ATTRIBUTE_ERROR_CODE,
                                   STUN_ATTRIBUTE_SOFTWARE, STUN_ATTRIBUTE_FINGERPRINT, 0 };
  PlStunClient *client = g_new0 (PlStunClient, 1);

  stun_agent_init (&client->agent, known, STUN_COMPATIBILITY_RFC5389, STUN_AGENT_USAGE_IGNORE_CREDENTIALS);
  return client;
}

void
pl_stun_client_free (PlStunClient *client)
{
  g_free (client);
}

gsize
pl_stun_client_request (PlStunClient *client, guint8 *buf)
{
  StunMessage request;

  if (client->sent >= REQUESTS_MAX)
    return 0;
  client->sent++;
  return stun_usage_bind_create (&client->agent, &request, buf, PL_STUN_REQUEST_MAX);
}

GSocketAddress *
pl_stun_client_take_answer (PlStunClient *client, const guint8 *data, gsize len)
{
  struct sockaddr_storage mapped = { 0 }, other = { 0 };
  socklen_t mapped_len = sizeof mapped, other_len = sizeof other;
  StunMessage answer;

  if (stun_agent_validate (&client->agent, &answer, data, len, NULL, NULL) != STUN_VALIDATION_SUCCESS
      || stun_message_get_method (&answer) != STUN_BINDING
      || stun_usage_bind_process (&answer, (struct sockaddr *) &mapped, &mapped_len, (struct sockaddr *) &other, &other_len)
           != STUN_USAGE_BIND_RETURN_SUCCESS)
    return NULL;
  return g_socket_address_new_from_native (&mapped, mapped_len);
}
