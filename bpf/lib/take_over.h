/* SPDX-License-Identifier: GPL-2.0 */
/* The moment in which these programs take the place of others that have other maps. What those know of flows is
 * copied into these when the last of them is gone. Until then TCP waits: no packet changes an entry that is about to be
 * overwritten, or is judged without the one that it belongs to. It is dropped, and whoever sent it sends it again.
 * docs/adr/0055 */
#pragma once
#include "maps.h"
#include "packet.h"

static __always_inline bool take_over_waits(const struct packet *p)
{
	return weir_settings.taking_over && p->protocol == L4_TCP;
}
