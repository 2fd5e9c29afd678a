/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A phone's TCP connection as a flow. The connection belongs to its flow: it goes when the
 * flow is closed, and closes the flow when the phone hangs up or sends what is no SIP.
 */
#pragma once
#include "sip/listener/hub.h"
#include "sip/listener/owner.h"

G_BEGIN_DECLS

typedef struct {
  GMainContext *context;
  PlHub *hub;
  int fd;                   /* taken, non-blocking */
  const char *local;        /* our address as the phone knows it; outlives the connection */
  const PlAddress *remote;  /* copied */
  const char *name;         /* of the flow */
  void (*gone) (gpointer user);
  gpointer user;
} PlConnectionOptions;

void pl_connection_open (const PlConnectionOptions *options);

G_END_DECLS
