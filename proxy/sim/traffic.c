/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/sim/traffic.h"

#include "overlay/wire/message.h"

#define RECENT 4096   /* messages in fragments whose later ones are still told apart */

typedef struct { guint64 transaction; PlSimKind kind; } Recent;
typedef struct { guint64 records, bytes; } Sum;

struct PlTraffic {
  Sum sums[PL_SIM_KINDS];
  Recent recent[RECENT];
};

PlTraffic *
pl_traffic_new (void)
{
  return g_new0 (PlTraffic, 1);
}

void
pl_traffic_free (PlTraffic *traffic)
{
  g_free (traffic);
}

static PlSimKind
kind_of (guint16 code)
{
  switch (code)
    {
    case PL_MESSAGE_UPDATE_REQ: case PL_MESSAGE_UPDATE_ANS: return PL_SIM_UPDATE;
    case PL_MESSAGE_PING_REQ: case PL_MESSAGE_PING_ANS: return PL_SIM_PING;
    case PL_MESSAGE_ATTACH_REQ: case PL_MESSAGE_ATTACH_ANS: return PL_SIM_ATTACH;
    case PL_MESSAGE_JOIN_REQ: case PL_MESSAGE_JOIN_ANS:
    case PL_MESSAGE_LEAVE_REQ: case PL_MESSAGE_LEAVE_ANS: return PL_SIM_JOIN;
    case PL_MESSAGE_STORE_REQ: case PL_MESSAGE_STORE_ANS: return PL_SIM_STORE;
    case PL_MESSAGE_FETCH_REQ: case PL_MESSAGE_FETCH_ANS: return PL_SIM_FETCH;
    default: return PL_SIM_OTHER;
    }
}

void
pl_traffic_add (PlTraffic *traffic, const PlGlimpse *seen, gsize bytes)
{
  PlSimKind kind = PL_SIM_LINK;

  if (seen)
    {
      Recent *recent = &traffic->recent[(seen->transaction ^ seen->transaction >> 32) % RECENT];

      kind = seen->code ? kind_of (seen->code) : recent->transaction == seen->transaction ? recent->kind : PL_SIM_OTHER;
      *recent = (Recent) { seen->transaction, kind };
    }
  traffic->sums[kind].records++;
  traffic->sums[kind].bytes += bytes;
}

void
pl_traffic_zero (PlTraffic *traffic)
{
  for (guint i = 0; i < PL_SIM_KINDS; i++)
    traffic->sums[i] = (Sum) { 0, 0 };
}

void
pl_traffic_report (const PlTraffic *traffic, double seconds, PlSimResult *result)
{
  for (guint i = 0; i < PL_SIM_KINDS; i++)
    {
      result->by_kind[i].bytes = traffic->sums[i].bytes / seconds;
      result->by_kind[i].records = traffic->sums[i].records / seconds;
      result->bytes_per_peer_per_s += result->by_kind[i].bytes;
    }
  result->maintenance_bytes = result->bytes_per_peer_per_s - result->by_kind[PL_SIM_FETCH].bytes;
}
