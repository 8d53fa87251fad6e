/* SPDX-License-Identifier: GPL-2.0 */
/* The verdict on a flow: identities, networks and both ends' policies. */
#pragma once
#include "door.h"
#include "event.h"
#include "identity.h"
#include "node.h"
#include "policy.h"
#include "ruling.h"

/* A flow as its first packet shows it: from the end that opens it to the other. */
struct flow {
	struct ip_addr src;
	struct ip_addr dst;
	__be16 policy_port;
	__u8 protocol;
	__u8 v6;
	__u16 src_endpoint; /* 0: not a local endpoint */
	__u16 dst_endpoint;
	bool forwarded; /* the opener's packets come in by a device: it is not the host */
	bool by_wire;	/* the packet came past the overlay */
	/* What the overlay says of the end that is not local, by this packet or the one that opened the flow. */
	bool remembered;
	__u16 node;
	__u32 identity;
};

/* Where a packet is judged. */
enum judge_side {
	JUDGE_FROM_ENDPOINT,
	JUDGE_TO_ENDPOINT,
	JUDGE_FROM_DEVICE, /* of a service's client, to a backend on this host */
	JUDGE_FROM_NODE,   /* through the overlay, to an endpoint of this host */
	JUDGE_FROM_WIRE,   /* of another node's endpoint, at the device that it came by */
};

/* Has the packet a source that sends nothing this way? What comes through the host's stack is no local
 * endpoint's, and no other node's where it came by no device. */
static __always_inline bool flow_is_forged(const struct __sk_buff *skb, const struct packet *p,
					   enum judge_side side)
{
	return identity_local_endpoint(&p->src) ||
	       (side == JUDGE_TO_ENDPOINT && !skb->ingress_ifindex && identity_node(&p->src));
}

/* The flow of a packet at the endpoint "own". */
static __always_inline enum drop_reason flow_of(struct __sk_buff *skb, const struct packet *p,
						enum judge_side side, __u32 own, bool reply,
						const struct ruling *v, struct flow *f)
{
	__u32 sender = own, receiver = own;

	if (side == JUDGE_FROM_ENDPOINT) {
		receiver = identity_local_endpoint(&p->dst);
	} else {
		sender = 0;
		if (side == JUDGE_FROM_NODE) {
			receiver = identity_local_endpoint(&p->dst);
			if (!receiver)
				return DROP_REASON_NO_ENDPOINT;
		}
		if (flow_is_forged(skb, p, side))
			return DROP_REASON_SPOOFED_ENDPOINT;
	}
	f->src = reply ? p->dst : p->src;
	f->dst = reply ? p->src : p->dst;
	f->protocol = p->protocol;
	f->v6 = !!(p->flags & PACKET_IPV6);
	f->src_endpoint = (__u16)(reply ? receiver : sender);
	f->dst_endpoint = (__u16)(reply ? sender : receiver);
	f->forwarded = side == JUDGE_TO_ENDPOINT && !reply && skb->ingress_ifindex;
	f->by_wire = side == JUDGE_TO_ENDPOINT || side == JUDGE_FROM_DEVICE;
	f->node = side == JUDGE_FROM_NODE ? v->node : 0;
	f->identity = v->identity;
	f->remembered = false;
	if (!packet_is_icmp(p))
		f->policy_port = reply ? p->sport : p->dport;
	else if (reply || p->flags & PACKET_LATER_FRAGMENT)
		f->policy_port =
		    f->v6 ? bpf_htons(ICMP6_ECHO_REQUEST << 8) : bpf_htons(ICMP4_ECHO_REQUEST << 8);
	else
		f->policy_port = p->policy_port;
	return DROP_REASON_NONE;
}

static __always_inline struct endpoint_entry *endpoint_of(__u32 id)
{
	struct endpoint_entry *entry = bpf_map_lookup_elem(&weir_endpoint, &id);

	return entry && entry->flags & ENDPOINT_PRESENT ? entry : 0;
}

/* Networks meet only where the whole world is let in: at a service's frontend. */
static __always_inline enum drop_reason flow_between_networks(__u16 flags, __u32 frontend_id)
{
	if (!frontend_id)
		return DROP_REASON_NETWORK_ISOLATED;
	return flags & ENDPOINT_INTERNAL ? DROP_REASON_NETWORK_INTERNAL : DROP_REASON_NONE;
}

/* The end of a flow that is no local endpoint. */
struct peer {
	__u32 identity;
	__u32 network_id;
	__u16 node; /* whose endpoint it is; 0: no node's */
};

/* What a node says of its packet's sender must be what the ipcache says, as far as that knows him: a node speaks
 * for its own endpoints and for itself, and gives nobody an identity that only this host gives. Whom the ipcache
 * does not know yet is on the network that his address is of a range of. */
static __always_inline enum drop_reason flow_peer_tunnelled(const struct flow *f, struct peer *peer)
{
	if (f->identity == IDENTITY_REMOTE_NODE)
		return peer->identity == IDENTITY_REMOTE_NODE && !peer->node
			   ? DROP_REASON_NONE
			   : DROP_REASON_FOREIGN_ENDPOINT;
	if (peer->node)
		return f->remembered ||
			       (peer->node == f->node && peer->identity == f->identity)
			   ? DROP_REASON_NONE
			   : DROP_REASON_FOREIGN_ENDPOINT;
	if (f->identity < OVERLAY_FIRST_IDENTITY)
		return DROP_REASON_FOREIGN_ENDPOINT;
	peer->node = f->node;
	peer->identity = f->identity;
	return DROP_REASON_NONE;
}

static __always_inline enum drop_reason flow_peer(const struct flow *f, const struct ip_addr *addr,
						  struct peer *peer)
{
	struct ipcache_entry *entry = identity_entry(addr);

	peer->identity = identity_of_entry(entry, f->v6);
	peer->network_id = entry ? entry->network_id : 0;
	peer->node = entry ? entry->node : 0;
	if (f->node)
		return flow_peer_tunnelled(f, peer);
	/* Anybody on the wire can have the address of an endpoint that the overlay leads to. */
	return f->by_wire && peer->node && node_is_overlay(peer->node)
		   ? DROP_REASON_FOREIGN_ENDPOINT
		   : DROP_REASON_NONE;
}

/* May a local endpoint's network have to do with whoever is elsewhere? A network that is none here is no
 * endpoint's of this host. "frontend_id" is that of a service that leads to the local one: what leads from
 * here to another node's endpoint is forgotten on the way, and that node would let nobody in by it. */
static __always_inline enum drop_reason flow_leaves_network(const struct endpoint_entry *own,
							    const struct peer *peer,
							    __u32 frontend_id)
{
	if (!peer->node)
		return own->flags & ENDPOINT_INTERNAL ? DROP_REASON_NETWORK_INTERNAL
						      : DROP_REASON_NONE;
	if (peer->network_id && peer->network_id == own->network_id)
		return DROP_REASON_NONE;
	return flow_between_networks(own->flags, frontend_id);
}

/* Takes note of whether rules in audit would deny what an end's policy allows: the first end's, as if it had. */
static __always_inline void flow_audit(struct report *r, const struct policy_answer *answer,
				       __u32 *rule)
{
	if (!(answer->flags & POLICY_AUDIT) || r->audit_reason)
		return;
	r->audit_reason = answer->audit_rule ? DROP_REASON_POLICY_DENY_RULE
					     : DROP_REASON_POLICY_DENIED;
	r->audit_direction = r->direction;
	*rule = answer->audit_rule;
}

static __always_inline void flow_proxy(struct ruling *v, const struct policy_answer *answer)
{
	if (answer->verdict != VERDICT_PROXY)
		return;
	v->way = WAY_PROXY;
	v->proxy_required |= !(answer->flags & POLICY_PROXY_AUDIT);
}

/* Judges the flow from scratch: whether it needs the proxy, whom it concerns and which rule
 * decided. A local flow needs the source's egress and the destination's ingress (POLICY: both
 * ends); of one with another node each host judges its own end. */
__noinline enum drop_reason flow_judge(const struct flow *f, struct report *r, struct ruling *v)
{
	struct endpoint_entry *src = 0, *dst = 0;
	enum drop_reason reason = DROP_REASON_NONE;
	struct policy_answer answer;
	struct peer peer = {};
	__u32 audit_rule = 0;

	if (!f || !r || !v)
		return DROP_REASON_MALFORMED;
	if (f->src_endpoint) {
		src = endpoint_of(f->src_endpoint);
		if (!src)
			return DROP_REASON_NO_ENDPOINT;
	}
	if (f->dst_endpoint) {
		dst = endpoint_of(f->dst_endpoint);
		if (!dst)
			return DROP_REASON_NO_ENDPOINT;
	}
	r->src_endpoint = f->src_endpoint;
	r->dst_endpoint = f->dst_endpoint;
	r->audit_reason = DROP_REASON_NONE;
	/* One end is local, or nobody would judge here. */
	if (!src || !dst)
		reason = flow_peer(f, src ? &f->dst : &f->src, &peer);
	v->node = f->node ? f->node : peer.node;
	r->src_identity = src ? src->identity : peer.identity;
	r->dst_identity = dst ? dst->identity : peer.identity;
	if (reason)
		return reason;
	/* Who forges the host's address, or is masqueraded with it, comes from outside all the same. */
	if (f->forwarded && r->src_identity == IDENTITY_HOST)
		r->src_identity = identity_of_world(f->v6);
	if (src && dst) {
		if (src->network_id != dst->network_id)
			reason = flow_between_networks(src->flags | dst->flags, r->frontend_id);
	} else if (src) {
		reason = flow_leaves_network(src, &peer, 0);
	} else if (dst) {
		reason = flow_leaves_network(dst, &peer, r->frontend_id);
	}
	/* Whoever may speak there may say who he is. */
	if (src && f->protocol == L4_UDP && f->policy_port == bpf_htons(OVERLAY_PORT) &&
	    (peer.identity == IDENTITY_HOST || peer.identity == IDENTITY_REMOTE_NODE))
		reason = DROP_REASON_OVERLAY_PORT;
	if (reason)
		return reason;
	if (src) {
		r->endpoint_id = f->src_endpoint;
		r->direction = DIRECTION_EGRESS;
		answer = policy_decide(f->src_endpoint, DIRECTION_EGRESS, r->dst_identity,
				       f->protocol, f->policy_port);
		r->rule_id = answer.rule_id;
		v->http_egress = answer.http_policy;
		flow_proxy(v, &answer);
		if (answer.reason)
			return answer.reason;
		flow_audit(r, &answer, &audit_rule);
	}
	if (dst) {
		__u32 egress_rule = r->rule_id;

		r->endpoint_id = f->dst_endpoint;
		r->direction = DIRECTION_INGRESS;
		answer = policy_decide(f->dst_endpoint, DIRECTION_INGRESS, r->src_identity,
				       f->protocol, f->policy_port);
		/* Where only the source has a rule for it, that one decided. */
		r->rule_id = answer.rule_id ? answer.rule_id : answer.reason ? 0 : egress_rule;
		v->http_ingress = answer.http_policy;
		flow_proxy(v, &answer);
		if (answer.reason)
			return answer.reason;
		flow_audit(r, &answer, &audit_rule);
		/* An endpoint of another node is no outsider. */
		if (!src && !peer.node && !answer.rule_id)
			reason = door_judge(&f->src, f->v6, r->src_identity, v, f->dst_endpoint,
					    dst->flags);
	}
	if (!reason && r->audit_reason)
		r->rule_id = audit_rule;
	return reason;
}

/* The same, with what only the place of judging tells. */
static __always_inline enum drop_reason flow_judge_at(const struct flow *f, struct report *r,
						      enum judge_side side, struct ruling *v)
{
	enum drop_reason reason = flow_judge(f, r, v);

	/* None but the host has its addresses, and it sends by no device what it sends to itself.
	 */
	if (side == JUDGE_FROM_DEVICE && !reason && r->src_identity == IDENTITY_HOST)
		return DROP_REASON_SPOOFED_ENDPOINT;
	return reason;
}
