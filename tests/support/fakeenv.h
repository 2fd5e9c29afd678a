/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Moved to base/universe.h.
 */
#pragma once
#include "base/universe.h"
