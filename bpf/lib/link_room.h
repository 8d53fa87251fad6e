/* SPDX-License-Identifier: GPL-2.0 */
/* Room between the link's header and the packet: the frame grows at its head, and the type and the
 * VLAN tags move there. MACs do not: whoever makes room sends the frame elsewhere. */
#pragma once
#include "xdp_parse.h"

struct link_type {
	__be16 type;
};

static __always_inline bool link_move_word(struct xdp_md *ctx, __u32 offset, __u32 by)
{
	__be16 *from = PARSE_AT(ctx, offset + by, __be16), *to = PARSE_AT(ctx, offset, __be16);

	if (!from || !to)
		return false;
	*to = *from;
	return true;
}

/* False: there is no room in front of the frame; it is unchanged. Pointers into it are void after.
 */
static __always_inline bool link_make_room(struct xdp_md *ctx, const struct arrival *a, __u32 by)
{
	if (bpf_xdp_adjust_head(ctx, -(int)by))
		return false;
#pragma unroll
	for (__u32 at = 2 * ETH_ALEN; at < ETH_HLEN + 2 * sizeof(struct vlan_tag); at += 2) {
		if (at >= a->l3_off)
			break;
		if (!link_move_word(ctx, at, by))
			return false;
	}
	return true;
}
