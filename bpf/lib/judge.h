/* SPDX-License-Identifier: GPL-2.0 */
/* Steps 4 to 7 of a packet's way, the same for an endpoint's programs and for those of the host's
 * devices: conntrack, policy of both ends, remembering the flow, delivery. */
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include "conntrack.h"
#include "event.h"
#include "flow.h"
#include "fragment.h"
#include "link.h"
#include "parse.h"
#include "proxy.h"

/* Where a packet is judged. */
enum judge_side {
	JUDGE_FROM_ENDPOINT,
	JUDGE_TO_ENDPOINT,
	JUDGE_FROM_DEVICE, /* of a service's client, to a backend on this host */
};

/* Instead of an endpoint: the proxy. */
#define TARGET_PROXY ((__u32) - 1)

static __always_inline enum l3_proto l3_of(struct __sk_buff *skb)
{
	return (enum l3_proto)bpf_ntohs((__be16)skb->protocol);
}

/* The only way out for a packet that goes no further. */
__noinline int drop(struct __sk_buff *skb, const struct packet *p, const struct report *r,
		    enum drop_reason reason)
{
	if (!p || !r)
		return TC_ACT_SHOT;
	metrics_count(r->direction, reason, skb->len);
	event_emit(skb, p, r, EVENT_DROP, reason);
	return TC_ACT_SHOT;
}

/* 7: straight into the other container, past the host's stack. */
static __always_inline int deliver_local(struct __sk_buff *skb, struct endpoint_entry *to)
{
	struct ethhdr *eth = PARSE_AT(skb, 0, struct ethhdr);

	if (!eth)
		return TC_ACT_SHOT;
	mac_copy(eth->h_dest, to->mac);
	mac_copy(eth->h_source, to->gateway_mac);
	return (int)bpf_redirect_peer(to->ifindex, 0);
}

static __always_inline void flow_of(const struct packet *p, bool reply, __u32 src_endpoint,
				    __u32 dst_endpoint, struct flow *f)
{
	f->src = reply ? p->dst : p->src;
	f->dst = reply ? p->src : p->dst;
	f->protocol = p->protocol;
	f->v6 = !!(p->flags & PACKET_IPV6);
	f->src_endpoint = src_endpoint;
	f->dst_endpoint = dst_endpoint;
	if (!packet_is_icmp(p))
		f->policy_port = reply ? p->sport : p->dport;
	else if (reply || p->flags & PACKET_LATER_FRAGMENT)
		f->policy_port =
		    f->v6 ? bpf_htons(ICMP6_ECHO_REQUEST << 8) : bpf_htons(ICMP4_ECHO_REQUEST << 8);
	else
		f->policy_port = p->policy_port;
}

/* What a known flow's entry says beside the verdict: who is between its ends, and whose address its
 * replies get. */
static __always_inline void judge_detour(const struct ct_entry *entry, enum judge_side side,
					 bool reply, struct report *r, __u32 *target)
{
	if (entry->flags & CT_PROXY) {
		r->proxy = true;
		*target = TARGET_PROXY;
	} else if (side == JUDGE_FROM_ENDPOINT && reply) {
		r->frontend_id = entry->frontend_id;
		r->ifindex = entry->ifindex;
	}
}

/* A flow that a service led here belongs to it. The same ports towards another of its addresses are
 * another connection, which the backend could not tell from this one. */
static __always_inline enum drop_reason
judge_service(struct ct_entry *entry, const struct packet *p, const struct report *r, bool reply)
{
	if (reply)
		return DROP_REASON_CT_INVALID;
	if (entry->frontend_id != r->frontend_id) {
		if (!(entry->flags & CT_SERVICE) || packet_opens_tcp(p))
			return DROP_REASON_CT_INVALID;
		entry->frontend_id = r->frontend_id;
	}
	if (entry->ifindex != r->ifindex)
		entry->ifindex = r->ifindex;
	return DROP_REASON_NONE;
}

/* The service that the socket hook found for this new connection: for display. A function of its
 * own: its key would take the room on the stack that a reply needs. */
__noinline __u32 judge_frontend(struct __sk_buff *skb, const struct packet *p)
{
	struct sock_key key = {};
	struct sock_entry *entry;

	if (!p)
		return 0;
	key.cookie = bpf_get_socket_cookie(skb);
	key.backend = p->dst;
	key.port = p->dport;
	key.protocol = p->protocol;
	entry = key.cookie ? bpf_map_lookup_elem(&weir_sock, &key) : 0;
	return entry ? entry->frontend_id : 0;
}

/* Steps 4 to 6 for a packet whose source was proven, at the endpoint "own"; a packet from a device
 * has its backend's address already. Returns 0 and the local endpoint that it goes to (0: the
 * host's stack; or TARGET_PROXY), or a drop reason with the report filled in. */
static __always_inline enum drop_reason judge(struct __sk_buff *skb, struct packet *p,
					      struct report *r, enum judge_side side, __u32 own,
					      __u32 *target)
{
	const bool from_endpoint = side == JUDGE_FROM_ENDPOINT;
	__u32 zero = 0, revision;
	struct settings *s = bpf_map_lookup_elem(&weir_settings, &zero);
	__u64 now = bpf_ktime_get_coarse_ns();
	bool source_is_b, reply = false, known = false;
	enum drop_reason reason;
	struct ct_entry *entry;
	struct ct_key key;
	struct flow f;

	if (!s)
		return DROP_REASON_POLICY_DENIED;
	/* Before any policy map is read: a verdict may be younger than its revision, never older.
	 */
	revision = s->revision;
	if (p->flags & PACKET_LATER_FRAGMENT) {
		reason = fragment_restore(p);
		if (reason)
			return reason;
	}
	if (side != JUDGE_FROM_DEVICE && p->flags & PACKET_ICMP_ERROR) {
		struct packet quoted = {};

		reason = parse_quoted(skb, p, &quoted);
		if (reason)
			return reason;
		entry = ct_find_quoted(&quoted, &source_is_b, now);
		if (!entry && !(p->flags & PACKET_ICMP_PMTU))
			return DROP_REASON_CT_INVALID;
		/* The error goes to the one whose packet it quotes, nobody else. */
		if (!ip_addr_equal(&quoted.src, &p->dst))
			return DROP_REASON_MALFORMED;
		*target = from_endpoint ? identity_local_endpoint(&p->dst) : own;
		r->is_reply = 1;
		if (entry && entry->flags & (CT_PROXY | CT_SERVICE)) {
			judge_detour(entry, side, !*target, r, target);
			if (*target == TARGET_PROXY)
				return DROP_REASON_NONE;
		}
		if (from_endpoint && *target) {
			struct endpoint_entry *src = endpoint_of(own);
			struct endpoint_entry *dst = endpoint_of(*target);

			if (!src || !dst)
				return DROP_REASON_NO_ENDPOINT;
			if (src->network_id != dst->network_id)
				return DROP_REASON_NETWORK_ISOLATED;
		}
		return DROP_REASON_NONE;
	}

	source_is_b = ct_key_of(p, &key);
	entry = p->flags & PACKET_ICMP_OTHER ? 0 : bpf_map_lookup_elem(&weir_ct, &key);
	if (entry && ct_alive(entry, p, now)) {
		reply = ct_is_reply(entry, source_is_b);
		r->is_reply = reply;
		r->src_endpoint = entry->src_endpoint;
		r->dst_endpoint = entry->dst_endpoint;
		/* Between two local endpoints nothing travels through the host's stack. */
		if (!from_endpoint && entry->src_endpoint && entry->dst_endpoint)
			return DROP_REASON_SPOOFED_ENDPOINT;
		if (entry->flags & CT_CUT)
			return DROP_REASON_PROXY_REQUIRED;
		if (side == JUDGE_FROM_DEVICE) {
			reason = judge_service(entry, p, r, reply);
			if (reason)
				return reason;
			reply = false;
		}
		if (entry->revision == revision) {
			ct_touch(entry, p, reply, now, skb->len);
			if (p->flags & PACKET_FIRST_FRAGMENT)
				fragment_remember(p);
			r->src_identity = entry->src_identity;
			r->dst_identity = entry->dst_identity;
			*target = !from_endpoint ? own
				  : reply	 ? entry->src_endpoint
						 : entry->dst_endpoint;
			if (entry->flags & (CT_PROXY | CT_SERVICE))
				judge_detour(entry, side, reply, r, target);
			if (s->flags & SETTINGS_TRACE) {
				r->frontend_id = entry->frontend_id;
				event_emit(skb, p, r, EVENT_TRACE, DROP_REASON_NONE);
			}
			return DROP_REASON_NONE;
		}
		known = true;
	} else if (p->flags & PACKET_LATER_FRAGMENT) {
		return DROP_REASON_FRAGMENT_NOT_FOUND;
	}

	/* 5: a new flow, or one that was judged under an older policy. */
	if (from_endpoint) {
		__u32 peer = identity_local_endpoint(&p->dst);

		flow_of(p, reply, reply ? peer : own, reply ? own : peer, &f);
	} else {
		if (identity_local_endpoint(&p->src))
			return DROP_REASON_SPOOFED_ENDPOINT;
		flow_of(p, reply, reply ? own : 0, reply ? 0 : own, &f);
	}
	if (!known && !(p->flags & PACKET_ICMP_OTHER) && !ct_may_open(p)) {
		r->src_endpoint = (__u16)f.src_endpoint;
		r->dst_endpoint = (__u16)f.dst_endpoint;
		return DROP_REASON_CT_INVALID;
	}
	if (known)
		r->frontend_id = entry->frontend_id;
	else if (side != JUDGE_FROM_DEVICE && s->lb_flags & LB_SERVICES)
		r->frontend_id = judge_frontend(skb, p);
	reason = flow_judge(&f, r);
	/* None but the host has its addresses, and it sends by no device what it sends to itself.
	 */
	if (side == JUDGE_FROM_DEVICE && !reason && r->src_identity == IDENTITY_HOST)
		reason = DROP_REASON_SPOOFED_ENDPOINT;
	if (reason) {
		if (known)
			bpf_map_delete_elem(&weir_ct, &key);
		return reason;
	}
	/* What went through the proxy once stays with it: its connections end there. */
	r->proxy |= known && entry->flags & CT_PROXY;
	*target = r->proxy	   ? TARGET_PROXY
		  : !from_endpoint ? own
		  : reply	   ? r->src_endpoint
				   : r->dst_endpoint;

	/* 6 */
	if (known) {
		if (r->proxy && !(entry->flags & CT_PROXY)) {
			ct_close(entry, CT_PROXY | CT_CLOSED | CT_CUT);
			return DROP_REASON_PROXY_REQUIRED;
		}
		entry->http_egress = r->http_egress;
		entry->http_ingress = r->http_ingress;
		entry->src_identity = r->src_identity;
		entry->dst_identity = r->dst_identity;
		entry->src_endpoint = r->src_endpoint;
		entry->dst_endpoint = r->dst_endpoint;
		entry->revision = revision;
		ct_touch(entry, p, reply, now, skb->len);
		if (entry->flags & CT_SERVICE)
			judge_detour(entry, side, reply, r, target);
	} else if (!(p->flags & PACKET_ICMP_OTHER)) {
		reason = flow_open(skb, &key, p, r, revision);
		if (reason)
			return reason;
		if (s->flags & SETTINGS_VERDICT)
			event_emit(skb, p, r, EVENT_VERDICT, DROP_REASON_NONE);
	}
	if (p->flags & PACKET_FIRST_FRAGMENT)
		fragment_remember(p);
	if (s->flags & SETTINGS_TRACE)
		event_emit(skb, p, r, EVENT_TRACE, DROP_REASON_NONE);
	return DROP_REASON_NONE;
}
