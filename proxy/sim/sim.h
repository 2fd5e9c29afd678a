/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a simulation is told and what it found. All times in virtual seconds unless said.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_SIM_PEERS_MAX 1000000

typedef struct {
  gint peers, lookups, bootstraps, places;
  gint64 seed;
  gdouble duration, settle, join_rate;
  gdouble median_session;       /* 0: nobody goes */
  gboolean pareto;
  gdouble loss, duplicate, reorder, silent, goodbye, natted, symmetric; /* percent */
  gdouble malicious;            /* percent, all in one gang */
  gint malice;                  /* PlMalice */
  gdouble delay_min, delay_max; /* one way, milliseconds */
  gdouble promote_after;        /* below 0: all are peers at once */
  gdouble partition;            /* how long half of all is cut off, 0: not */
  gdouble massacre;             /* percent that die at the same instant, 0: none */
  gdouble event_at;             /* when, after the peers have settled */
  gint finger_split;            /* PlNodeOptions.finger_split */
  gboolean direct;              /* PlNodeOptions.direct_response */
  gboolean strict_hops;         /* PlNodeOptions.strict_hops */
  gboolean self_tuning;         /* RFC 7363 */
  gboolean stub, json;
  char *plot;
} PlSimOptions;

/* A growing list of samples. */
typedef GArray PlSamples;       /* of double */
PlSamples *pl_samples_new (void);
void pl_samples_add (PlSamples *samples, double value);
double pl_samples_mean (const PlSamples *samples);
/* 0 when there are none; sorts. */
double pl_samples_percentile (PlSamples *samples, double percent);

typedef struct { guint asked, right; PlSamples *delays; } PlSimTally;

/* What a record carries. */
typedef enum {
  PL_SIM_UPDATE, PL_SIM_PING, PL_SIM_ATTACH, PL_SIM_JOIN /* and Leave */, PL_SIM_STORE, PL_SIM_FETCH, PL_SIM_OTHER,
  PL_SIM_LINK,                  /* acknowledgements and keep-alives */
  PL_SIM_KINDS
} PlSimKind;

typedef struct {
  guint joined;                 /* peers (or clients) in the overlay after the joining phase */
  guint alive;                  /* at the end */
  guint births, deaths;
  double stable_seconds;        /* from the first start until every peer knew its true neighbours; below 0: never */
  PlSimTally lookups, event;    /* event: those of the first 10 s after it */
  PlSamples *hops, *ideal, *joins, *traffic; /* traffic: bytes a second of each peer that stayed */
  guint wrong_failed, wrong_offline, wrong_unknown, wrong_node; /* how look-ups went wrong */
  guint hidden;                 /* of all: those whose every place is kept by a liar */
  double malicious_share;       /* of the ring, percent, at the end */
  double bytes_per_peer_per_s;  /* of all together, those that went away too */
  double maintenance_bytes;     /* the same without Fetches */
  struct { double bytes, records; } by_kind[PL_SIM_KINDS]; /* the same, of each kind */
  double links_neighbour, links_finger, links_other; /* of a peer at the end, mean */
  double tuned_size, tuned_interval; /* what peers think at the end, mean; seconds */
  double healed_seconds;        /* from the end of a partition until one ring; below 0: never */
  guint owners, owners_found;   /* look-ups of every owner at the end */
  GArray *ring;                 /* double, 0..1: places of the peers alive at the end */
  double memory_per_peer, memory_before, memory_halfway; /* at the end, when look-ups begin, and between */
  double wall_seconds, cpu_seconds, events_per_s; /* of real time */
} PlSimResult;

PlSimResult *pl_sim_run (const PlSimOptions *options, void (*progress) (double share, const char *what));
void pl_sim_result_free (PlSimResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSimResult, pl_sim_result_free)

/* --- report.c --- */
char *pl_sim_dup_json (const PlSimOptions *options, PlSimResult *result);
char *pl_sim_dup_table (const PlSimOptions *options, PlSimResult *result);
/* --- plot.c --- */
char *pl_sim_dup_svg (const PlSimOptions *options, PlSimResult *result);

G_END_DECLS
