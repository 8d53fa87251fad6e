/* SPDX-License-Identifier: GPL-2.0 */
/* A client's packet to a service that came in at another node: handed over in another packet, IP in IP, to the node
 * that has the backend. It serves it as one that came in by its own device, and answers the client itself. */
#pragma once
#include "identity.h"
#include "parse.h"

enum hand_over_protocol {
	HAND_OVER_IPV4 = 4, /* IPv4 in IPv4 */
	HAND_OVER_IPV6 = 41, /* IPv6 in IPv6 */
};

/* Is the packet from another node to this one, with another in it? */
static __always_inline bool hand_over_is(const struct packet *p)
{
	bool v6 = p->flags & PACKET_IPV6;

	return p->protocol == (v6 ? HAND_OVER_IPV6 : HAND_OVER_IPV4) &&
	       !(p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT)) &&
	       identity_of_outside(&p->src, v6) == IDENTITY_REMOTE_NODE &&
	       identity_of_outside(&p->dst, v6) == IDENTITY_HOST;
}

/* Takes the client's packet out, if there is one. False: none is, or it is whole; else it is of no use. */
__noinline int hand_over_take(struct __sk_buff *skb, struct packet *p)
{
	__u32 l3, more;

	if (!p || !hand_over_is(p))
		return false;
	l3 = p->flags & PACKET_IPV6 ? L3_IPV6 : L3_IPV4;
	more = parse_bounded(p->l4_off) - LINK_HEADER;
	/* What the stack put together stays in pieces as long as they came. */
	if (bpf_skb_adjust_room(skb, -(int)more, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return true;
	parse_pull(skb);
	if (parse_packet(skb, l3, p))
		return true;
	p->flags |= PACKET_HANDED_OVER;
	return false;
}
