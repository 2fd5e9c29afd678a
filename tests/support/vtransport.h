/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Moved to overlay/sim/vnet.h.
 */
#pragma once
#include "overlay/sim/vnet.h"
