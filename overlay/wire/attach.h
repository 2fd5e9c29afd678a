/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Addresses, ICE candidates and the bodies of Attach and AppAttach (RFC 6940, sections 6.3.1.1,
 * 6.5.1.1 and 6.5.2.1), and TurnServer (9). Rules of overlay/wire/data.h hold.
 */
#pragma once
#include <gio/gio.h>
#include "overlay/wire/reader.h"
#include "overlay/wire/writer.h"

G_BEGIN_DECLS

#define PL_CANDIDATES_MAX 128
#define PL_ICE_EXTENSIONS_MAX 32

typedef enum { PL_ADDRESS_IPV4 = 1, PL_ADDRESS_IPV6 = 2 } PlAddressType;

typedef struct {
  guint8 type;       /* PlAddressType; 0 for no address at all */
  guint8 addr[16];   /* network order; IPv4 uses the first four */
  guint16 port;
} PlIpAddressPort;

gboolean pl_ip_address_port_read (PlReader *reader, PlIpAddressPort *address);
void pl_ip_address_port_write (PlWriter *writer, const PlIpAddressPort *address);
gboolean pl_ip_address_port_equal (const PlIpAddressPort *a, const PlIpAddressPort *b);
void pl_ip_address_port_set (PlIpAddressPort *address, GInetAddress *inet, guint16 port);
/* NULL for no address. Own reference. */
GInetAddress *pl_ip_address_port_dup_inet (const PlIpAddressPort *address);

typedef enum {
  PL_LINK_DTLS_UDP_SR = 1,
  PL_LINK_DTLS_UDP_SR_NO_ICE = 3,
  PL_LINK_TLS_TCP_FH_NO_ICE = 4,
} PlOverlayLinkType;

typedef enum { PL_CAND_HOST = 1, PL_CAND_SRFLX = 2, PL_CAND_RELAY = 4 } PlCandType;

typedef struct {
  GBytes *name;
  GBytes *value;
} PlIceExtension;

typedef struct {
  PlIpAddressPort addr_port;
  guint8 overlay_link;          /* PlOverlayLinkType, others kept */
  GBytes *foundation;
  guint32 priority;
  guint8 type;                  /* PlCandType; anything else is refused */
  PlIpAddressPort rel_addr_port; /* srflx and relay only */
  GArray *extensions;           /* of PlIceExtension */
} PlIceCandidate;

gboolean pl_ice_candidate_read (PlReader *reader, PlIceCandidate *candidate);
void pl_ice_candidate_write (PlWriter *writer, const PlIceCandidate *candidate);
void pl_ice_candidate_clear (PlIceCandidate *candidate);
GArray *pl_ice_candidate_list_new (void);
/* Both texts are copied; `extensions` is made when NULL. */
void pl_ice_candidate_add_extension (PlIceCandidate *candidate, const char *name, const char *value);
/* The value of an extension, borrowed; FALSE when there is none (value may be NULL: empty). */
gboolean pl_ice_candidate_find_extension (const PlIceCandidate *candidate, const char *name, GBytes **value);

/* Attach request and answer, AppAttach request and answer: one struct, as their fields. */
typedef struct {
  GBytes *ufrag;
  GBytes *password;
  guint16 application;   /* AppAttach only */
  GBytes *role;          /* "passive" in requests, "active" in answers */
  GArray *candidates;    /* of PlIceCandidate */
  gboolean send_update;  /* Attach only */
} PlAttachReqAns;

gboolean pl_attach_req_ans_read (PlReader *reader, PlAttachReqAns *attach);
void pl_attach_req_ans_write (PlWriter *writer, const PlAttachReqAns *attach);
gboolean pl_app_attach_read (PlReader *reader, PlAttachReqAns *attach);
void pl_app_attach_write (PlWriter *writer, const PlAttachReqAns *attach);
void pl_attach_req_ans_clear (PlAttachReqAns *attach);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlAttachReqAns, pl_attach_req_ans_clear)
void pl_attach_req_ans_copy (PlAttachReqAns *copy, const PlAttachReqAns *attach);

typedef struct {
  guint8 iteration;
  PlIpAddressPort server_address;
} PlTurnServer;

gboolean pl_turn_server_read (PlReader *reader, PlTurnServer *server);
void pl_turn_server_write (PlWriter *writer, const PlTurnServer *server);

G_END_DECLS
