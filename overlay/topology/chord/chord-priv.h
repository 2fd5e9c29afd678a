/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The parts of the Chord plug-in share this state: chord.c (life, routing), candidate.c (who
 * could be a neighbour), join.c (finding a place), update.c (what peers tell each other),
 * finger.c, replica.c (copies of what is stored), leave.c,
 * selftune.c (RFC 7363).
 */
#pragma once
#include "overlay/topology/chord/chord.h"
#include "overlay/topology/chord/ring.h"
#include "overlay/topology/chord/tune.h"

G_BEGIN_DECLS

#define PL_CHORD_CANDIDATES_MAX 128
#define PL_CHORD_FINGER_SPLIT_MAX 3
#define PL_CHORD_NAMED_MAX 16        /* candidates that one peer named */
#define PL_CHORD_ATTACHES_MAX 6      /* at a time, for neighbours */
#define PL_CHORD_ATTACHES_OF_ONE 4   /* of those, to nodes that one peer named */
#define PL_CHORD_ATTACH_TRIES 3
#define PL_CHORD_CLIENT_LINKS 2      /* peers after our Node-ID that a client stays attached to */
#define PL_CHORD_HOLD_DOWN (30 * PL_USEC_PER_SEC) /* before new replicas after a failure (10.7.1) */
#define PL_CHORD_ASK_MAX (20 * PL_USEC_PER_SEC) /* a ping is over by then */
#define PL_CHORD_ALIVE (200 * PL_USEC_PER_SEC) /* heard since then: a link that pulse.c keeps asked */
#define PL_CHORD_COPIES_MAX 8        /* Stores under way at a time, */
#define PL_CHORD_TRANSFERS_MAX 32    /* and when joining nodes wait for some of them */

/* What a node told of itself to tune by (selftune.c). */
typedef struct {
  gboolean has_born;
  gint64 born;       /* when it came to the overlay, as its Updates say */
  PlTune tune;       /* its estimates, */
  gboolean has_tune; /* told since we last stabilised */
} PlChordTold;

/* A directly connected node. There are some dozens for each of us: small. */
typedef struct {
  PlNodeId id;
  PlNodeId before;   /* its predecessor, as its last Update has it */
  PlNodeId said;     /* our predecessor, as it was told last */
  gint64 up;         /* when the link came, or was replaced */
  gint64 told;       /* when it last got an Update from us */
  gint64 asked;      /* when a ping went out that is not answered yet, 0: none */
  PlChordTold *tuning; /* NULL: nothing */
  guint has_before : 1, has_said : 1;
  guint peer : 1;    /* an Update of its own came: it may be routed through (6.5.1) */
  guint finger : 1;
  guint ours : 1;    /* we attached: it is ours to end when nobody needs it */
} PlChordLink;

typedef struct PlChord {
  PlTopology topology;
  PlTopologyConfig config;
  PlTopologyHost host;
  gpointer user;
  PlTopologyState state;
  gboolean want_peer, started_ring;
  gint64 born;
  PlRing *ring;
  GHashTable *links;        /* set of PlChordLink, by PlNodeId: the connection table's members */

  /* candidate.c */
  GHashTable *candidates;   /* set of Candidate, by PlNodeId */
  guint attaching;
  PlTimer *candidate_timer;

  /* join.c */
  gboolean home_busy;
  gboolean home;            /* attached to the peer responsible for our Node-ID */
  gint64 home_wait;
  PlTimer *home_timer, *join_timer;

  /* update.c */
  GArray *announced;        /* PlNodeId: neighbours as last announced */
  PlTimer *announce_timer, *announce_clients_timer, *announce_far_timer, *stabilise_timer;
  gint64 stabilise_at;

  /* selftune.c */
  PlTuneLosses *losses;     /* NULL: not tuned */
  PlTune tune;              /* in force; of size 0: none yet */
  gint64 looked_at;         /* when it was last seen whether it should be another */

  GHashTable *history;      /* history.c: set of Past */

  /* finger.c */
  guint finger_next;        /* part of a range while a search runs, else 0 */
  gboolean finger_random;
  gint64 fingers_searched;  /* when places were last tried at random */
  PlTimer *finger_timer;

  PlTimer *pulse_timer;     /* pulse.c */

  /* replica.c */
  GHashTable *copies;       /* set of Copies, by PlNodeId, the place */
  GQueue urgent, jobs, running; /* urgent: a node waits for them to join */
  PlTimer *sync_timer, *give_timer;
  gint64 sync_at;
  gint64 ring_changed;      /* when the neighbours last changed */

  /* leave.c */
  void (*left) (gpointer data);
  gpointer left_data;
  gboolean retiring;
  gint64 hand_over_until;
  PlTimer *leave_timer;
} PlChord;

/* --- chord.c --- */
void pl_chord_enter (PlChord *chord, PlTopologyState state);
PlChordLink *pl_chord_link (PlChord *chord, const PlNodeId *id);
/* An Attach of ours made the link to this node. */
void pl_chord_link_ours (PlChord *chord, const PlNodeId *id);
/* A request to a connected node. `done` may be NULL. */
void pl_chord_send (PlChord *chord, const PlNodeId *to, guint16 code, GBytes *body, PlTopologyDone done);
/* The ring's members changed: neighbours, range and copies are looked at again. */
void pl_chord_changed (PlChord *chord, gboolean failure);

/* --- candidate.c --- */
void pl_chord_candidates_init (PlChord *chord);
void pl_chord_candidates_free (PlChord *chord);
/* `id` was named by `from` (NULL: known of old); tried not before `delay`. */
void pl_chord_candidate (PlChord *chord, const PlNodeId *id, const PlNodeId *from, gint64 delay);
/* The link to this neighbour was lost. */
void pl_chord_candidate_gone (PlChord *chord, const PlNodeId *id);
void pl_chord_candidate_forget (PlChord *chord, const PlNodeId *id);
/* Starts Attaches to those that would be neighbours now. */
void pl_chord_candidates_run (PlChord *chord);
/* Wanted neighbours whose Attach is not decided yet, and those whose Attach failed. */
guint pl_chord_candidates_open (PlChord *chord, guint *failed);

/* --- join.c --- */
void pl_chord_home_run (PlChord *chord, gint64 delay);
/* A client makes sure of the peer responsible for it. */
void pl_chord_home_verify (PlChord *chord, gint64 delay);
void pl_chord_join_check (PlChord *chord);
void pl_chord_joined (PlChord *chord);
guint16 pl_chord_on_join (PlChord *chord, const PlNodeId *signer, const PlNodeId *link, GBytes *body, GBytes **answer);
void pl_chord_join_clear (PlChord *chord);

/* --- history.c --- */
/* Drops who behaved for a while. */
void pl_chord_history_tidy (PlChord *chord);
void pl_chord_history_free (PlChord *chord);
/* A connected node says that it is a peer now, or wants to be. FALSE: it does so too often and must not. */
gboolean pl_chord_history_came (PlChord *chord, const PlNodeId *id);

/* --- leave.c --- */
void pl_chord_leave (PlTopology *topology, void (*done) (gpointer data), gpointer data);
/* A peer becomes a client again. */
void pl_chord_retire (PlChord *chord);

/* --- update.c --- */
void pl_chord_update_send (PlChord *chord, const PlNodeId *to, gboolean full);
void pl_chord_announce (PlChord *chord);
/* An Update to every connected node now. */
void pl_chord_tell_all (PlChord *chord);
guint16 pl_chord_on_update (PlChord *chord, const PlNodeId *signer, const PlNodeId *link, GBytes *body, GBytes **answer);
guint16 pl_chord_on_leave (PlChord *chord, const PlNodeId *signer, const PlNodeId *link, GBytes *body, GBytes **answer);
void pl_chord_leave_send (PlChord *chord, const PlNodeId *to, PlTopologyDone done);
void pl_chord_stabilise_start (PlChord *chord);
void pl_chord_updates_clear (PlChord *chord);

/* --- finger.c --- */
/* Searches for missing fingers: all of them, or some at random places (10.7.4.2). */
void pl_chord_fingers_run (PlChord *chord, gboolean random);
void pl_chord_fingers_clear (PlChord *chord);
gboolean pl_chord_is_finger (PlChord *chord, const PlNodeId *id);
/* A neighbour, or the best peer we know for one of the fingers. */
gboolean pl_chord_needs (PlChord *chord, const PlNodeId *id);
/* The best peer we know for each finger, once (of PlNodeId, caller's). */
GArray *pl_chord_dup_fingers (PlChord *chord);

/* --- selftune.c --- */
gboolean pl_chord_is_tuned (const PlChord *chord);
/* The end of a stabilisation interval: new estimates from what was told during it, which also some
 * fingers are asked for. */
void pl_chord_tune (PlChord *chord);
/* Something changed: a shorter interval begins now, not when the one that runs is over. */
void pl_chord_tune_look (PlChord *chord);
/* A new finger: how long has it been there (RFC 7363 5.3)? */
void pl_chord_tune_probe (PlChord *chord, const PlNodeId *id);
void pl_chord_tune_joined (PlChord *chord);
/* Its Update says for how many seconds it has been in the overlay. */
void pl_chord_tune_uptime (PlChord *chord, PlChordLink *link, guint32 uptime);
/* Before it leaves the tables. */
void pl_chord_tune_lost (PlChord *chord, const PlNodeId *id);
gint64 pl_chord_stabilise_interval (PlChord *chord);
guint pl_chord_finger_table_size (PlChord *chord);
GArray *pl_chord_dup_extensions (PlTopology *topology);
void pl_chord_on_extensions (PlTopology *topology, const PlNodeId *signer, GArray *extensions);
gboolean pl_chord_tuning (PlTopology *topology, PlTopologyTuning *out);

/* --- pulse.c --- */
/* A neighbour of a peer, or one of those that a client stays attached to. */
gboolean pl_chord_is_near (PlChord *chord, const PlNodeId *id);
/* Pings a connected node that was quiet; its link is closed when it does not answer. */
void pl_chord_pulse (PlChord *chord, const PlNodeId *id);
/* The same though it was heard a moment ago: something speaks against it. */
void pl_chord_pulse_now (PlChord *chord, const PlNodeId *id);
/* `from` told its predecessors or (`after`) successors: who of our neighbours is missing? */
void pl_chord_pulse_missing (PlChord *chord, const PlNodeId *from, GArray *list, gboolean after);
void pl_chord_pulse_start (PlChord *chord);
void pl_chord_pulse_clear (PlChord *chord);

/* --- replica.c --- */
void pl_chord_replicas_init (PlChord *chord);
void pl_chord_replicas_free (PlChord *chord);
void pl_chord_replicas_sync (PlChord *chord, gint64 delay);
/* The ring changed: somebody may be responsible now who has no copy. */
void pl_chord_replicas_give (PlChord *chord);
/* This node went; should it come back, it may have lost its copies. */
void pl_chord_replicas_gone (PlChord *chord, const PlNodeId *id);
void pl_chord_replicas_stored (PlChord *chord, const PlResourceId *resource, const PlNodeId *from);
/* Everything in (after, upto] goes to `node`; then `done` (data). */
void pl_chord_replicas_transfer (PlChord *chord, const PlNodeId *node, const PlNodeId *after, void (*done) (PlChord *chord, const PlNodeId *node));
/* One that began at `since` or later is under way. */
gboolean pl_chord_replicas_transferring (PlChord *chord, const PlNodeId *node, gint64 since);
guint pl_chord_replicas_pending (PlChord *chord);
/* Nothing is held any more. */
void pl_chord_replicas_forget (PlChord *chord);

G_END_DECLS
