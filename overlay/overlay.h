/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The public interface of libpeerline-overlay: a RELOAD peer or client (RFC 6940) of one overlay
 * for programs of their own Kinds. The only installed header; what it does not name is private.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * SECTION:overlay
 * @short_description: a node of one RELOAD overlay
 * @include: overlay/overlay.h
 *
 * A #PlOverlay is one node, of one identity, in one overlay. Make it from the overlay's
 * configuration document and the identity's key and certificate, say how it takes part, join, then
 * store and fetch. Everything runs on the #GMainContext that is the thread's default one when the
 * node is made; all calls come from that thread. No callback runs before the call that asked for
 * it has returned.
 *
 * Which Kinds an overlay has, with what data model and who may store where, says its document.
 * Every value is signed by who stores it and proven before it is handed up.
 *
 * The library logs with GLib in the domain "peerline-overlay".
 */

/**
 * PL_OVERLAY_NODE_ID_LEN:
 *
 * Octets of a Node-ID, and of a Resource-ID here (CHORD-RELOAD, RFC 6940 10.1).
 */
#define PL_OVERLAY_NODE_ID_LEN 16

/**
 * PL_OVERLAY_APPEND:
 *
 * The index that puts a value behind the last one of an array (RFC 6940 7.2.2).
 */
#define PL_OVERLAY_APPEND 0xffffffffu

/**
 * PlOverlay:
 *
 * A node of one overlay.
 */
typedef struct PlOverlay PlOverlay;

/**
 * PlOverlayValue:
 *
 * A value to store, or one that was fetched.
 */
typedef struct PlOverlayValue PlOverlayValue;

/**
 * PlOverlayRole:
 * @PL_OVERLAY_ROLE_CLIENT: uses the overlay, stores nothing for it and routes nothing (RFC 6940 4.2)
 * @PL_OVERLAY_ROLE_PEER: takes a place in the ring as soon as it can
 *
 * How a node takes part.
 */
typedef enum { PL_OVERLAY_ROLE_CLIENT, PL_OVERLAY_ROLE_PEER } PlOverlayRole;

/**
 * PlOverlayState:
 * @PL_OVERLAY_OUTSIDE: no way into the overlay, or not joined; it is tried again and again
 * @PL_OVERLAY_CLIENT: attached; values can be stored and fetched
 * @PL_OVERLAY_PEER: in the ring
 * @PL_OVERLAY_LEFT: over, after pl_overlay_leave_async()
 *
 * Where a node stands.
 */
typedef enum { PL_OVERLAY_OUTSIDE, PL_OVERLAY_CLIENT, PL_OVERLAY_PEER, PL_OVERLAY_LEFT } PlOverlayState;

/**
 * PlOverlayError:
 * @PL_OVERLAY_ERROR_NO_ANSWER: nobody answered in time, or the node is outside
 * @PL_OVERLAY_ERROR_FORBIDDEN: the Kind's access policy, or a signature, does not allow it
 * @PL_OVERLAY_ERROR_NOT_FOUND: no such thing
 * @PL_OVERLAY_ERROR_REQUEST_TIMEOUT: a node on the way got no answer
 * @PL_OVERLAY_ERROR_GENERATION_COUNTER_TOO_LOW: somebody stored meanwhile
 * @PL_OVERLAY_ERROR_INCOMPATIBLE_WITH_OVERLAY: the request does not fit this overlay
 * @PL_OVERLAY_ERROR_UNSUPPORTED_FORWARDING_OPTION: a forwarding option is not known
 * @PL_OVERLAY_ERROR_DATA_TOO_LARGE: larger than the Kind allows
 * @PL_OVERLAY_ERROR_DATA_TOO_OLD: a newer value is there
 * @PL_OVERLAY_ERROR_TTL_EXCEEDED: too many hops
 * @PL_OVERLAY_ERROR_MESSAGE_TOO_LARGE: larger than the overlay allows
 * @PL_OVERLAY_ERROR_UNKNOWN_KIND: the overlay's document has no such Kind
 * @PL_OVERLAY_ERROR_UNKNOWN_EXTENSION: a critical extension is not known
 * @PL_OVERLAY_ERROR_RESPONSE_TOO_LARGE: the answer is larger than asked for
 * @PL_OVERLAY_ERROR_CONFIG_TOO_OLD: our configuration document is too old
 * @PL_OVERLAY_ERROR_CONFIG_TOO_NEW: the far node's configuration document is too old
 * @PL_OVERLAY_ERROR_IN_PROGRESS: the same is under way
 * @PL_OVERLAY_ERROR_INVALID_MESSAGE: the far node could not read it, or we its answer
 *
 * Codes of %PL_OVERLAY_ERROR: what another node said, numbered as in RFC 6940 14.9. More may come.
 */
typedef enum {
  PL_OVERLAY_ERROR_NO_ANSWER = 0,
  PL_OVERLAY_ERROR_FORBIDDEN = 2,
  PL_OVERLAY_ERROR_NOT_FOUND = 3,
  PL_OVERLAY_ERROR_REQUEST_TIMEOUT = 4,
  PL_OVERLAY_ERROR_GENERATION_COUNTER_TOO_LOW = 5,
  PL_OVERLAY_ERROR_INCOMPATIBLE_WITH_OVERLAY = 6,
  PL_OVERLAY_ERROR_UNSUPPORTED_FORWARDING_OPTION = 7,
  PL_OVERLAY_ERROR_DATA_TOO_LARGE = 8,
  PL_OVERLAY_ERROR_DATA_TOO_OLD = 9,
  PL_OVERLAY_ERROR_TTL_EXCEEDED = 10,
  PL_OVERLAY_ERROR_MESSAGE_TOO_LARGE = 11,
  PL_OVERLAY_ERROR_UNKNOWN_KIND = 12,
  PL_OVERLAY_ERROR_UNKNOWN_EXTENSION = 13,
  PL_OVERLAY_ERROR_RESPONSE_TOO_LARGE = 14,
  PL_OVERLAY_ERROR_CONFIG_TOO_OLD = 15,
  PL_OVERLAY_ERROR_CONFIG_TOO_NEW = 16,
  PL_OVERLAY_ERROR_IN_PROGRESS = 17,
  PL_OVERLAY_ERROR_INVALID_MESSAGE = 20,
} PlOverlayError;

/**
 * PL_OVERLAY_ERROR:
 *
 * The domain of #PlOverlayError.
 */
#define PL_OVERLAY_ERROR (pl_overlay_error_quark ())

/**
 * pl_overlay_error_quark:
 *
 * Returns: the domain of #PlOverlayError
 */
GQuark pl_overlay_error_quark (void);

/**
 * PlOverlayStateFunc:
 * @overlay: the node
 * @state: where it stands now
 * @user: what was given with the function
 *
 * The node's state changed. It must not be freed from here.
 */
typedef void (*PlOverlayStateFunc) (PlOverlay *overlay, PlOverlayState state, gpointer user);

/**
 * pl_overlay_new:
 * @document: the overlay's configuration document (RFC 6940 11.1), XML
 * @key: the private key, PEM: P-256, or RSA of at least 2048 bits
 * @certificate: its certificate (RFC 6940 11.3), PEM
 * @error: place for an error, or %NULL
 *
 * A node that does nothing yet. The document's signature and expiry, and the certificate against
 * the document's roots, are checked. A client in memory, with no port of its own, unless set
 * otherwise before pl_overlay_join().
 *
 * Returns: (transfer full): the node, or %NULL with @error set
 */
PlOverlay *pl_overlay_new (GBytes *document, const char *key, const char *certificate, GError **error);

/**
 * pl_overlay_free:
 * @overlay: (nullable): the node
 *
 * Ends everything at once; the other nodes find out by themselves. What was under way fails with
 * %G_IO_ERROR_CANCELLED when the main context runs again. Not from a callback of the node.
 */
void pl_overlay_free (PlOverlay *overlay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlOverlay, pl_overlay_free)

/**
 * pl_overlay_set_role:
 * @overlay: a node before pl_overlay_join()
 * @role: how to take part
 *
 * Sets whether the node becomes a peer. The default is a client.
 */
void pl_overlay_set_role (PlOverlay *overlay, PlOverlayRole role);

/**
 * pl_overlay_set_listen:
 * @overlay: a node before pl_overlay_join()
 * @address: (nullable): a numeric address of this machine, then the only one that is used;
 *   %NULL for all
 * @port: for TLS over TCP, and STUN over UDP; 0 for none: the node is reached by ICE
 *
 * Sets where the node listens. The first bootstrap node of a document listens where the document
 * says, and so starts the ring when no other one answers.
 */
void pl_overlay_set_listen (PlOverlay *overlay, const char *address, guint16 port);

/**
 * pl_overlay_set_records:
 * @overlay: a node before pl_overlay_join()
 * @path: (nullable): a file, made when it is not there; %NULL keeps everything in memory
 *
 * Sets where the node keeps what it stores for others, and the time of its last own value. A node
 * that stores values of its own again after a start should have one: without it a clock set back
 * makes its new values older than those in the overlay.
 */
void pl_overlay_set_records (PlOverlay *overlay, const char *path);

/**
 * pl_overlay_set_state_func:
 * @overlay: the node
 * @func: (nullable): called whenever the state changes
 * @user: for @func
 *
 * Sets who hears of changes of state.
 */
void pl_overlay_set_state_func (PlOverlay *overlay, PlOverlayStateFunc func, gpointer user);

/**
 * pl_overlay_join:
 * @overlay: the node
 * @error: place for an error, or %NULL
 *
 * Starts. From now on the node is kept in the overlay, through every loss of the network. Fails
 * when the port is taken, the records cannot be read, or it was called before.
 *
 * Returns: %TRUE when started
 */
gboolean pl_overlay_join (PlOverlay *overlay, GError **error);

/**
 * pl_overlay_leave_async:
 * @overlay: a node that was started
 * @callback: called when over, at the latest after 3 s
 * @user: for @callback
 *
 * Leaves the ring and tells the neighbours (RFC 6940 10.9). Once, and after it nothing but
 * pl_overlay_free().
 */
void pl_overlay_leave_async (PlOverlay *overlay, GAsyncReadyCallback callback, gpointer user);

/**
 * pl_overlay_leave_finish:
 * @result: what the callback got
 * @error: place for an error, or %NULL
 *
 * Returns: %TRUE, or %FALSE when the node was freed first
 */
gboolean pl_overlay_leave_finish (GAsyncResult *result, GError **error);

/**
 * pl_overlay_state:
 * @overlay: the node
 *
 * Returns: where the node stands
 */
PlOverlayState pl_overlay_state (PlOverlay *overlay);

/**
 * pl_overlay_name:
 * @overlay: the node
 *
 * Returns: (transfer none): the overlay's name
 */
const char *pl_overlay_name (PlOverlay *overlay);

/**
 * pl_overlay_user:
 * @overlay: the node
 *
 * Returns: (transfer none) (nullable): the user name in our certificate (rfc822Name), lower case;
 *   %NULL when it names nobody
 */
const char *pl_overlay_user (PlOverlay *overlay);

/**
 * pl_overlay_node_id:
 * @overlay: the node
 *
 * Returns: (transfer none): our Node-ID, %PL_OVERLAY_NODE_ID_LEN octets
 */
const guint8 *pl_overlay_node_id (PlOverlay *overlay);

/**
 * pl_overlay_resource:
 * @name: what the resource is named; for USER-MATCH a user name, for NODE-MATCH a Node-ID
 * @len: its octets
 * @resource: (out): place for %PL_OVERLAY_NODE_ID_LEN octets
 *
 * The Resource-ID of a name: its SHA-1, cut (RFC 6940 10.2).
 */
void pl_overlay_resource (const void *name, gsize len, guint8 *resource);

/**
 * pl_overlay_store_async:
 * @overlay: the node
 * @resource: a Resource-ID, as pl_overlay_resource() makes it
 * @kind: a Kind-ID of the overlay's document
 * @value: what to store; copied
 * @lifetime: for how many seconds
 * @cancellable: (nullable): to stop waiting; the value may be stored all the same
 * @callback: called when the responsible peer has answered or nobody did
 * @user: for @callback
 *
 * Signs and stores a value (RFC 6940 7.4.1). The overlay keeps no value longer than @lifetime: it
 * is its owner's to store again.
 */
void pl_overlay_store_async (PlOverlay *overlay, const guint8 *resource, guint32 kind, const PlOverlayValue *value,
                             guint32 lifetime, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user);

/**
 * pl_overlay_store_finish:
 * @result: what the callback got
 * @error: place for an error, or %NULL
 *
 * Returns: %TRUE when stored
 */
gboolean pl_overlay_store_finish (GAsyncResult *result, GError **error);

/**
 * pl_overlay_fetch_async:
 * @overlay: the node
 * @resource: a Resource-ID
 * @kind: a Kind-ID of the overlay's document
 * @cancellable: (nullable): to stop waiting
 * @callback: called when the responsible peer has answered or nobody did
 * @user: for @callback
 *
 * Fetches all values of a Kind at a resource (RFC 6940 7.4.2).
 */
void pl_overlay_fetch_async (PlOverlay *overlay, const guint8 *resource, guint32 kind, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user);

/**
 * pl_overlay_fetch_finish:
 * @result: what the callback got
 * @error: place for an error, or %NULL
 *
 * That a value's signer may store this Kind there was for the storing peer to judge; who it was is
 * in the value.
 *
 * Returns: (transfer full) (element-type PlOverlayValue): the proven values, freed with the
 *   array; none when there are none; %NULL with @error set
 */
GPtrArray *pl_overlay_fetch_finish (GAsyncResult *result, GError **error);

/**
 * pl_overlay_value_new:
 * @data: (nullable): its octets; %NULL removes what is there
 *
 * Returns: (transfer full): a value to store
 */
PlOverlayValue *pl_overlay_value_new (GBytes *data);

/**
 * pl_overlay_value_free:
 * @value: (nullable): the value
 *
 * Frees a value.
 */
void pl_overlay_value_free (PlOverlayValue *value);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlOverlayValue, pl_overlay_value_free)

/**
 * pl_overlay_value_set_index:
 * @value: a value of pl_overlay_value_new()
 * @index: its place, or %PL_OVERLAY_APPEND, which is the default
 *
 * For Kinds that are arrays.
 */
void pl_overlay_value_set_index (PlOverlayValue *value, guint32 index);

/**
 * pl_overlay_value_set_key:
 * @value: a value of pl_overlay_value_new()
 * @key: its key; with USER-NODE-MATCH our Node-ID
 *
 * For Kinds that are dictionaries.
 */
void pl_overlay_value_set_key (PlOverlayValue *value, GBytes *key);

/**
 * pl_overlay_value_data:
 * @value: the value
 *
 * Returns: (transfer none) (nullable): its octets
 */
GBytes *pl_overlay_value_data (const PlOverlayValue *value);

/**
 * pl_overlay_value_index:
 * @value: the value
 *
 * Returns: its place in the array
 */
guint32 pl_overlay_value_index (const PlOverlayValue *value);

/**
 * pl_overlay_value_key:
 * @value: the value
 *
 * Returns: (transfer none) (nullable): its key in the dictionary
 */
GBytes *pl_overlay_value_key (const PlOverlayValue *value);

/**
 * pl_overlay_value_user:
 * @value: a fetched value
 *
 * Returns: (transfer none) (nullable): the user name in its signer's certificate
 */
const char *pl_overlay_value_user (const PlOverlayValue *value);

/**
 * pl_overlay_value_node_id:
 * @value: a fetched value
 *
 * Returns: (transfer none): its signer's Node-ID, %PL_OVERLAY_NODE_ID_LEN octets
 */
const guint8 *pl_overlay_value_node_id (const PlOverlayValue *value);

/**
 * pl_overlay_value_time:
 * @value: a fetched value
 *
 * Returns: when its signer stored it, milliseconds since 1970
 */
guint64 pl_overlay_value_time (const PlOverlayValue *value);

G_END_DECLS
