/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/scenario/threats/foe.h"

#define PORT 6084

static void
on_answer (gpointer user, const PlTransAnswer *answer)
{
  Reception *reception = user;

  if (!answer)
    reception->unanswered++;
  else if (answer->error_code)
    reception->refused++;
  else
    reception->done++;
  if (answer && answer->error_code)
    reception->last_error = answer->error_code;
}

void
foe_request (PlWorld *world, guint foe, const PlDestination *to, guint16 code, GBytes *body, Reception *reception)
{
  PlTransRequest request = { .to = *to, .code = code, .body = body, .timeout = 2 * SEC };

  reception->sent++;
  pl_trans_request (pl_world_node (world, foe)->trans, &request, on_answer, reception, NULL);
}

static void
on_stored (gpointer user, const GError *error)
{
  Reception *reception = user;

  if (!error)
    reception->done++;
  else if (error->domain == PL_USAGE_ERROR && error->code == PL_USAGE_ERROR_NO_ANSWER)
    reception->unanswered++;
  else
    reception->refused++;
  if (error && error->domain == PL_USAGE_ERROR)
    reception->last_error = (guint16) error->code;
}

void
foe_store (PlWorld *world, guint foe, const PlResourceId *place, guint32 kind, GBytes *key, GBytes *value, Reception *reception)
{
  PlStoredDataValue data = { .model = key ? PL_DATA_DICTIONARY : PL_DATA_SINGLE, .key = key };

  data.value.exists = TRUE;
  data.value.value = value;
  reception->sent++;
  pl_node_store (pl_world_node (world, foe), place, kind, &data, 3600, on_stored, reception);
}

void
foe_start (PlWorld *world, Stranger *stranger, PlIdentity *identity, PlTrust *trust, const char *host, PlRole role)
{
  PlDocument *document = pl_test_pki_document (pl_world_pki (world));
  PlNodeOptions options = { .role = role, .may_start_ring = host != NULL };
  PlTransport *transport;

  stranger->env = pl_universe_env (pl_world_universe (world));
  stranger->trust = trust;
  stranger->store = pl_store_new (stranger->env, document, trust, NULL, NULL);
  transport = pl_vnet_transport (pl_world_net (world), stranger->env, identity, trust, host, PORT);
  stranger->node = pl_node_new (stranger->env, document, identity, trust, transport, stranger->store, &options, NULL, NULL);
  pl_node_start (stranger->node);
}

void
foe_end (Stranger *stranger)
{
  pl_node_free (stranger->node);
  pl_store_free (stranger->store);
  pl_trust_free (stranger->trust);
}
