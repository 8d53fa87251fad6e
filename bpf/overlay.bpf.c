// SPDX-License-Identifier: GPL-2.0
/* The programs of the overlay's device, VXLAN that carries the sender's identity for a network's number.
 *
 * weir_from_overlay takes what other nodes send to endpoints of this host, weir_to_overlay gives what this host's
 * stack sends to theirs its node; what a container sends has one already (lib/node_deliver.h). The device is Weir's
 * own: what is none of their business goes no further. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/deny.h"
#include "lib/deliver.h"
#include "lib/judge.h"
#include "lib/node_echo.h"
#include "lib/parse.h"
#include "lib/rate.h"
#include "lib/tunnel.h"

enum overlay_limit {
	/* Drops of strangers' packets that one CPU reports in a second; the others are counted. */
	OVERLAY_STRANGERS_PER_SECOND = 100,
};

/* From where the packet was sent, and with which number. A function of its own for the sake of the stack. */
static __noinline bool overlay_outer(struct __sk_buff *skb, struct ip_addr *from, __u32 *identity)
{
	struct bpf_tunnel_key key;

	if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0))
		ip_addr_set_v4(from, bpf_htonl(key.remote_ipv4));
	else if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6))
		__builtin_memcpy(from, key.remote_ipv6, sizeof(*from));
	else
		return false;
	*identity = key.tunnel_id;
	return true;
}

/* The end of a packet whose sender hears nothing. Where no node sent it, that is the reason; whoever can reach the
 * port can send as many of these as he likes. */
static __noinline int overlay_drop(struct __sk_buff *skb, const struct packet *p,
				   const struct report *r, const struct ip_addr *outer,
				   enum drop_reason reason)
{
	if (node_at(outer))
		return drop(skb, p, r, reason);
	if (rate_allows(RATE_EVENT, OVERLAY_STRANGERS_PER_SECOND, bpf_ktime_get_ns()))
		return drop(skb, p, r, DROP_REASON_NOT_A_NODE);
	metrics_count(r->direction, DROP_REASON_NOT_A_NODE, skb->len);
	return TC_ACT_SHOT;
}

/* The end of a packet for an endpoint: its sender hears of it, by the way that it came. */
static __always_inline int refuse(struct __sk_buff *skb, const struct packet *p,
				  const struct report *r, const struct ruling *v,
				  enum drop_reason reason)
{
	struct endpoint_entry *own = endpoint_of(r->endpoint_id);
	bool answered = false;

	drop(skb, p, r, reason);
	/* A connection that began without the proxy, or that nobody knows: that is no denial. */
	if (reason == DROP_REASON_PROXY_REQUIRED || reason == DROP_REASON_CT_INVALID)
		answered = deny_may_answer(r->endpoint_id) && reset_answer(skb, p);
	else if (deny_is_verdict(reason) && deny_is_heard(r->endpoint_id, r->endpoint_id))
		answered = deny_answer(skb, p, r->endpoint_id, &p->dst);
	return answered && own && tunnel_address(skb, v->node, own->identity)
		       ? tunnel_send(skb, skb->ifindex)
		       : TC_ACT_SHOT;
}

/* Is it no endpoint's packet, but one for the host itself? */
static __always_inline bool overlay_is_hosts(const struct packet *p, enum drop_reason reason)
{
	return (reason == DROP_REASON_NO_ENDPOINT || reason == DROP_REASON_ICMP_UNRELATED ||
		reason == DROP_REASON_FRAGMENT_NOT_FOUND) &&
	       identity_of_outside(&p->dst, p->flags & PACKET_IPV6) == IDENTITY_HOST;
}

/* A packet for the host itself: answers to what it sent to an endpoint there, and nothing that opens a connection:
 * whom the host lets in is not asked here. What is between the nodes themselves measures the way. */
static __always_inline int overlay_to_host(struct __sk_buff *skb, const struct packet *p,
					   const struct report *r, const struct ruling *v)
{
	if (node_echo_ends(p, v->node)) {
		if (!node_echo_is(p, ICMP4_ECHO_REQUEST, ICMP6_ECHO_REQUEST) &&
		    !node_echo_is(p, ICMP4_ECHO_REPLY, ICMP6_ECHO_REPLY))
			return drop(skb, p, r, DROP_REASON_FOREIGN_ENDPOINT);
		metrics_count(r->direction, DROP_REASON_NONE, skb->len);
		return node_echo_take(skb, p, v->node) &&
				       tunnel_address(skb, v->node, IDENTITY_REMOTE_NODE)
			   ? tunnel_send(skb, skb->ifindex)
			   : TC_ACT_SHOT;
	}
	if (identity_node(&p->src) != v->node)
		return drop(skb, p, r, DROP_REASON_FOREIGN_ENDPOINT);
	if (packet_opens_tcp(p))
		return drop(skb, p, r, DROP_REASON_CT_INVALID);
	bpf_skb_change_type(skb, PACKET_HOST);
	metrics_count(r->direction, DROP_REASON_NONE, skb->len);
	return TC_ACT_OK;
}

/* What other nodes send. */
SEC("tc")
int weir_from_overlay(struct __sk_buff *skb)
{
	struct report r = {.direction = DIRECTION_INGRESS};
	enum l3_proto l3 = l3_of(skb);
	struct packet p = {};
	struct ruling v = {};
	enum drop_reason reason;
	struct ip_addr outer;

	/* 1 */
	parse_pull(skb);
	if (skb->vlan_present || (l3 != L3_IPV4 && l3 != L3_IPV6))
		return drop(skb, &p, &r, DROP_REASON_UNKNOWN_L3);
	reason = parse_packet(skb, l3, &p);
	if (!overlay_outer(skb, &outer, &v.identity))
		return drop(skb, &p, &r, DROP_REASON_NOT_A_NODE);
	if (reason)
		return overlay_drop(skb, &p, &r, &outer, reason);
	if (p.flags & PACKET_NEIGHBOUR)
		return overlay_drop(skb, &p, &r, &outer, DROP_REASON_NEIGHBOUR);
	if (packet_is_multicast(&p))
		return overlay_drop(skb, &p, &r, &outer, DROP_REASON_MULTICAST);

	/* 4 to 6 */
	reason = judge(skb, &p, &r, JUDGE_FROM_NODE, 0, &v, &outer);
	if (reason) {
		v.node = (__u16)node_at(&outer);
		if (v.node && overlay_is_hosts(&p, reason))
			return overlay_to_host(skb, &p, &r, &v);
		if (!v.node || !r.endpoint_id)
			return overlay_drop(skb, &p, &r, &outer, reason);
		return refuse(skb, &p, &r, &v, reason);
	}

	/* 7 */
	if (v.way == WAY_PROXY)
		return deliver_proxy(skb, &p, &r);
	bpf_skb_change_type(skb, PACKET_HOST);
	return deliver_local(skb, &p, &r, v.endpoint);
}

/* Whose packet of the stack's it is: the host's own, or one of an endpoint's that was judged and let on: through the
 * proxy, or to be cut. 0: nobody's who may send here. */
static __always_inline __u32 overlay_sender(struct __sk_buff *skb, const struct packet *p)
{
	__u32 id = identity_local_endpoint(&p->src);
	struct endpoint_entry *own = id ? endpoint_of(id) : 0;

	if (own)
		return mark_is(skb, MARK_FROM_PROXY) || skb->ingress_ifindex == own->ifindex
			   ? own->identity
			   : 0;
	return !skb->ingress_ifindex &&
			       identity_of_outside(&p->src, p->flags & PACKET_IPV6) == IDENTITY_HOST
		   ? IDENTITY_REMOTE_NODE
		   : 0;
}

/* What this host sends. */
SEC("tc")
int weir_to_overlay(struct __sk_buff *skb)
{
	struct report r = {.direction = DIRECTION_DEVICE};
	enum l3_proto l3 = l3_of(skb);
	struct packet p = {};
	enum drop_reason reason;
	__u32 identity, node;

	if (mark_is(skb, MARK_OVERLAY)) {
		skb->mark = 0;
		return TC_ACT_OK;
	}
	parse_pull(skb);
	if (skb->vlan_present || (l3 != L3_IPV4 && l3 != L3_IPV6))
		return TC_ACT_SHOT;
	reason = parse_packet(skb, l3, &p);
	/* What a stack sends by every device, unasked: neighbour discovery, groups. */
	if (p.flags & PACKET_NEIGHBOUR || packet_is_multicast(&p))
		return TC_ACT_SHOT;
	if (reason)
		return drop(skb, &p, &r, reason);
	identity = overlay_sender(skb, &p);
	if (!identity)
		return drop(skb, &p, &r, DROP_REASON_INVALID_SOURCE_IP);
	node = identity_node(&p.dst);
	/* The agent asks the node itself whether packets come this way. */
	if (!node && node_echo_is(&p, ICMP4_ECHO_REQUEST, ICMP6_ECHO_REQUEST))
		node = node_at(&p.dst);
	if (!node || !tunnel_address(skb, node, identity))
		return drop(skb, &p, &r, DROP_REASON_NO_NODE);
	skb->mark = 0;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
