/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/usage/usage.h"

G_DEFINE_QUARK (pl-usage-error-quark, pl_usage_error)
