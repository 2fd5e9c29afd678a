/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the network lets through, as far as a machine can find out by asking the STUN servers and
 * bootstrap nodes of its overlays.
 */
#pragma once
#include "proxy/cli/cli.h"

G_BEGIN_DECLS

typedef enum {
  PL_NET_ABSENT,     /* no address of this family */
  PL_NET_SILENT,     /* no server answers */
  PL_NET_OPEN,       /* seen with its own address */
  PL_NET_CONE,       /* a NAT that shows all servers the same address */
  PL_NET_SYMMETRIC,  /* a NAT that shows each server another one */
  PL_NET_NAT         /* a NAT; only one server answered, so which kind is not known */
} PlNetKind;

typedef struct {
  const char *family;   /* "IPv4", "IPv6" */
  PlNetKind kind;
  guint asked, answered; /* STUN servers */
  char *seen;           /* the address of ours that the first one saw; NULL when none answered */
} PlNetPath;

typedef struct {
  PlNetPath paths[2];           /* IPv4, IPv6 */
  guint bootstraps, reached;    /* bootstrap nodes that were tried by TCP, and that took it */
} PlNetReport;
void pl_net_report_clear (PlNetReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlNetReport, pl_net_report_clear)

/* Asks and waits, PL_NET_SECONDS at the most for each kind of question. */
#define PL_NET_SECONDS 3
void pl_net_measure (PlCli *cli, PlNetReport *report);
/* A sentence about a path, for people. Static. */
const char *pl_net_sentence (PlNetKind kind);

G_END_DECLS
