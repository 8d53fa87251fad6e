// SPDX-License-Identifier: GPL-2.0
/* The program of one endpoint, on the host side of its veth.
 *
 * weir_from_ep sees what the container sends, weir_to_ep what the host's stack sends to it. A
 * packet's way, numbered as in ARCHITECTURE.md:
 *   1 parse  2 gateway's own answers  3 anti-spoofing  4 conntrack  5 policy of both ends
 *   6 remember the flow  7 deliver
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/config.h"
#include "lib/conntrack.h"
#include "lib/event.h"
#include "lib/flow.h"
#include "lib/fragment.h"
#include "lib/gateway.h"
#include "lib/parse.h"
#include "lib/proxy.h"
#include "lib/reset.h"

/* Instead of an endpoint: the proxy. */
#define TARGET_PROXY ((__u32)-1)

/* Is the address the endpoint's own? */
static __always_inline bool is_own_address(const struct ip_addr *a)
{
	const volatile struct endpoint_config *c = &endpoint_config;

	if (ip_addr_is_v4(a))
		return a->word[3] == c->ipv4.word[3] && c->ipv4.word[3];
	return a->word[3] == c->ipv6.word[3] && a->word[2] == c->ipv6.word[2] &&
	       a->word[1] == c->ipv6.word[1] && a->word[0] == c->ipv6.word[0];
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
		f->policy_port = f->v6 ? bpf_htons(ICMP6_ECHO_REQUEST << 8)
				       : bpf_htons(ICMP4_ECHO_REQUEST << 8);
	else
		f->policy_port = p->policy_port;
}

/* Steps 4 to 6 for a packet whose source was proven. Returns 0 and the local endpoint that it goes
 * to (0: the host's stack; or TARGET_PROXY), or a drop reason with the report filled in. */
static __always_inline enum drop_reason judge(struct __sk_buff *skb, struct packet *p,
					      struct report *r, bool from_endpoint, __u32 *target)
{
	__u32 zero = 0, own = endpoint_config.endpoint_id, revision;
	struct settings *s = bpf_map_lookup_elem(&weir_settings, &zero);
	__u64 now = bpf_ktime_get_coarse_ns();
	bool source_is_b, reply = false, known = false;
	enum drop_reason reason;
	struct ct_entry *entry;
	struct ct_key key;
	struct flow f;

	if (!s)
		return DROP_REASON_POLICY_DENIED;
	/* Before any policy map is read: a verdict may be younger than its revision, never older. */
	revision = s->revision;
	if (p->flags & PACKET_LATER_FRAGMENT) {
		reason = fragment_restore(p);
		if (reason)
			return reason;
	}
	if (p->flags & PACKET_ICMP_ERROR) {
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
		if (entry && entry->flags & CT_PROXY) {
			*target = TARGET_PROXY;
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
		if (entry->revision == revision) {
			ct_touch(entry, p, reply, now, skb->len);
			if (p->flags & PACKET_FIRST_FRAGMENT)
				fragment_remember(p);
			r->src_identity = entry->src_identity;
			r->dst_identity = entry->dst_identity;
			r->proxy = !!(entry->flags & CT_PROXY);
			*target = r->proxy	   ? TARGET_PROXY
				  : !from_endpoint ? own
				  : reply	   ? entry->src_endpoint
						   : entry->dst_endpoint;
			if (s->flags & SETTINGS_TRACE)
				event_emit(skb, p, r, EVENT_TRACE, DROP_REASON_NONE);
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
	reason = flow_judge(&f, r);
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
			entry->flags |= CT_PROXY | CT_CLOSED | CT_CUT;
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
	} else if (!(p->flags & PACKET_ICMP_OTHER)) {
		reason = flow_open(&key, source_is_b, p, r, s, revision, now, skb->len);
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

static __always_inline enum l3_proto l3_of(struct __sk_buff *skb)
{
	return (enum l3_proto)bpf_ntohs((__be16)skb->protocol);
}

/* What weir_to_ep judged and sent here, since only an ingress can give a packet to a socket. */
static __always_inline int taken_from_host(struct __sk_buff *skb, enum l3_proto l3,
					   struct packet *p, struct report *r)
{
	enum drop_reason reason = parse_packet(skb, l3, p);

	r->src_endpoint = 0;
	r->dst_endpoint = r->endpoint_id;
	r->direction = DIRECTION_INGRESS;
	if (!reason)
		reason = proxy_take(skb, p, skb->mark >> MARK_IDENTITY_SHIFT);
	return reason ? drop(skb, p, r, reason) : TC_ACT_OK;
}

/* Back to where packets of this link arrive, as if it were for the host. */
static __always_inline int send_to_ingress(struct __sk_buff *skb, const struct report *r)
{
	const volatile struct endpoint_config *c = &endpoint_config;
	struct ethhdr *eth = PARSE_AT(skb, 0, struct ethhdr);

	if (!eth)
		return TC_ACT_SHOT;
	mac_copy(eth->h_dest, c->gateway_mac);
	skb->mark = MARK_TO_PROXY | r->src_identity << MARK_IDENTITY_SHIFT;
	return (int)bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

/* What the container sends. */
SEC("tc")
int weir_from_ep(struct __sk_buff *skb)
{
	const volatile struct endpoint_config *c = &endpoint_config;
	struct report r = {
		.endpoint_id = (__u16)c->endpoint_id,
		.src_endpoint = (__u16)c->endpoint_id,
		.direction = DIRECTION_EGRESS,
	};
	struct packet p = {};
	struct endpoint_entry *to;
	enum drop_reason reason;
	enum l3_proto l3;
	struct ethhdr *eth;
	__u32 target = 0;

	/* 1 */
	parse_pull(skb);
	eth = PARSE_AT(skb, 0, struct ethhdr);
	if (!eth)
		return drop(skb, &p, &r, DROP_REASON_TRUNCATED);
	l3 = l3_of(skb);
	if (skb->vlan_present || l3 == L3_VLAN || l3 == L3_QINQ)
		return drop(skb, &p, &r, DROP_REASON_VLAN);
	if (mark_is(skb, MARK_TO_PROXY))
		return taken_from_host(skb, l3, &p, &r);
	if (!mac_equal(eth->h_source, c->mac))
		return drop(skb, &p, &r, DROP_REASON_INVALID_SOURCE_MAC);

	/* 2 */
	if (l3 == L3_ARP) {
		reason = arp_answer(skb);
		if (reason)
			return drop(skb, &p, &r, reason);
		return gateway_send(skb);
	}
	if (l3 != L3_IPV4 && l3 != L3_IPV6)
		return drop(skb, &p, &r, DROP_REASON_UNKNOWN_L3);
	reason = parse_packet(skb, l3, &p);
	/* Group management and router solicitation: named for what they are, not for how they
	 * look. */
	if ((reason == DROP_REASON_EXTENSION_HEADER || reason == DROP_REASON_IP_OPTIONS) &&
	    packet_is_multicast(&p))
		reason = DROP_REASON_MULTICAST;
	if (reason)
		return drop(skb, &p, &r, reason);
	if (p.flags & PACKET_NEIGHBOUR) {
		reason = neighbour_answer(skb, &p);
		if (reason)
			return drop(skb, &p, &r, reason);
		return gateway_send(skb);
	}
	if (packet_is_multicast(&p))
		return drop(skb, &p, &r, DROP_REASON_MULTICAST);

	/* 3 */
	if (!is_own_address(&p.src))
		return drop(skb, &p, &r, DROP_REASON_INVALID_SOURCE_IP);
	if (!mac_equal(eth->h_dest, c->gateway_mac))
		return drop(skb, &p, &r, DROP_REASON_MALFORMED);

	/* 4 to 6 */
	reason = judge(skb, &p, &r, true, &target);
	if (reason) {
		drop(skb, &p, &r, reason);
		return reason == DROP_REASON_PROXY_REQUIRED && reset_answer(skb, &p)
			       ? gateway_send(skb)
			       : TC_ACT_SHOT;
	}

	/* 7 */
	if (target == TARGET_PROXY) {
		reason = proxy_take(skb, &p, r.src_identity);
		if (reason)
			return drop(skb, &p, &r, reason);
	}
	metrics_count(DIRECTION_EGRESS, DROP_REASON_NONE, skb->len);
	if (!target || target == TARGET_PROXY)
		return TC_ACT_OK;
	to = endpoint_of(target);
	if (!to)
		return drop(skb, &p, &r, DROP_REASON_NO_ENDPOINT);
	return deliver_local(skb, to);
}

/* What the host's stack sends to the container: from the host itself and from outside. */
SEC("tc")
int weir_to_ep(struct __sk_buff *skb)
{
	struct report r = {
		.endpoint_id = (__u16)endpoint_config.endpoint_id,
		.dst_endpoint = (__u16)endpoint_config.endpoint_id,
		.direction = DIRECTION_INGRESS,
	};
	struct packet p = {};
	enum drop_reason reason;
	enum l3_proto l3;
	__u32 target = 0;

	parse_pull(skb);
	l3 = l3_of(skb);
	if (skb->vlan_present || l3 == L3_VLAN || l3 == L3_QINQ)
		return drop(skb, &p, &r, DROP_REASON_VLAN);
	if (l3 == L3_ARP)
		return drop(skb, &p, &r, DROP_REASON_ARP);
	if (l3 != L3_IPV4 && l3 != L3_IPV6)
		return drop(skb, &p, &r, DROP_REASON_UNKNOWN_L3);
	reason = parse_packet(skb, l3, &p);
	if (reason)
		return drop(skb, &p, &r, reason);
	if (p.flags & PACKET_NEIGHBOUR)
		return drop(skb, &p, &r, DROP_REASON_NEIGHBOUR);
	if (packet_is_multicast(&p))
		return drop(skb, &p, &r, DROP_REASON_MULTICAST);
	if (!is_own_address(&p.dst))
		return drop(skb, &p, &r, DROP_REASON_NO_ENDPOINT);
	reason = mark_is(skb, MARK_FROM_PROXY) ? proxy_sent(&p, &r, skb->len)
					       : judge(skb, &p, &r, false, &target);
	if (reason)
		return drop(skb, &p, &r, reason);
	metrics_count(DIRECTION_INGRESS, DROP_REASON_NONE, skb->len);
	return target == TARGET_PROXY ? send_to_ingress(skb, &r) : TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
