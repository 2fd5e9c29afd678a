/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between the link of the echo and its calls.
 */
#pragma once
#include "sip/echo/echo.h"

G_BEGIN_DECLS

/* The calls that came over one link. */
typedef struct PlEchoCalls PlEchoCalls;

typedef struct {
  PlEnv *env;
  const PlMedia *media;
  const char *own;      /* who calls */
  /* A message for the caller; taken. */
  void (*send) (gpointer user, GBytes *message);
  gpointer user;
} PlEchoCallsParts;

/* Strings are borrowed. */
PlEchoCalls *pl_echo_calls_new (const PlEchoCallsParts *parts);
/* Ends them without a word. */
void pl_echo_calls_free (PlEchoCalls *calls);
/* A message of the caller. */
void pl_echo_calls_take (PlEchoCalls *calls, const guint8 *data, gsize len);

G_END_DECLS
