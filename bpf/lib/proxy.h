/* SPDX-License-Identifier: GPL-2.0 */
/* Handing flows to the transparent proxy, and knowing what comes from it.
 *
 * A flow that policy sends through the proxy has two legs with the same addresses and ports: the
 * opener's, which ends at a socket of the proxy's, and the proxy's own to the other end. Packets of
 * either end are marked "to proxy" and come in by loopback; a rule of the host routes what is so marked
 * to its own stack, which finds the socket by the packet's addresses, and the listener by asking
 * listener.bpf.c.
 *
 * By loopback, because there no filter has anything against a source that is an address of the host or
 * has its route elsewhere: loopback looks for the way back with the mark (src_valid_mark), and finds
 * itself; whatever rp_filter all other devices have, and a firewall's test of the reverse path. */
#pragma once
#include "../abi/proxy.h"
#include "event.h"
#include "flow_entry.h"
#include "take_over.h"

static __always_inline bool mark_is(const struct __sk_buff *skb, enum proxy_mark mark)
{
	return skb->mark == (__u32)mark;
}

/* Whether someone takes the packet that opens a connection; for what belongs to one, sockets answer. */
static __always_inline bool proxy_listens(const struct packet *p)
{
	return !packet_opens_tcp(p) || weir_settings.proxy_port;
}

/* A packet of the proxy's: it was judged. Keeps the flow alive, and opens one where the proxy could
 * not use the opener's own port. */
static __always_inline enum drop_reason proxy_sent(struct __sk_buff *skb, const struct packet *p,
						   struct report *r)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	/* What it opens itself is for an opener whose port it could not use: one outside. */
	struct ruling v = {.way = WAY_PROXY, .http_why = HTTP_WHY_ENDS};
	struct ct_entry *entry;
	struct ct_key key;
	bool source_is_b;

	if (take_over_waits(p))
		return DROP_REASON_TAKING_OVER;
	source_is_b = ct_key_of(p, &key);
	entry = ct_find(&key, now);
	if (entry && !ct_reopens(entry, p)) {
		r->is_reply = ct_is_reply(entry, source_is_b);
		return flow_advance(&key, entry, p, r->is_reply, true, now, skb->len);
	}
	if (!packet_opens_tcp(p))
		return DROP_REASON_NONE; /* the end of a flow that is forgotten already */
	r->proxy = true;
	r->src_identity = identity_of_outside(&p->src, p->flags & PACKET_IPV6);
	v.revision = weir_settings.revision;
	return flow_open(skb, &key, p, r, &v);
}
