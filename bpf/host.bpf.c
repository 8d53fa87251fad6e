// SPDX-License-Identifier: GPL-2.0
/* The programs of the host's own devices.
 *
 * weir_from_dev leads what comes in for a service to its backend, where that is a container of this
 * host, wherever in the cluster it came in first, and to its receiver what another node's endpoint sends to one; weir_to_dev gives the frontend's
 * address to what the proxy answers for such a backend. Whatever is none of their business goes on to
 * the filters of others, unchanged. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/device_config.h"
#include "lib/alias.h"
#include "lib/balance.h"
#include "lib/deny.h"
#include "lib/deliver.h"
#include "lib/hand_over.h"
#include "lib/judge.h"
#include "lib/parse.h"
#include "lib/prefilter.h"
#include "lib/proxy.h"
#include "lib/reply.h"
#include "lib/rewrite.h"
#include "lib/take_over.h"

/* To the filters of others. */
#define UNTOUCHED TC_ACT_UNSPEC

static __always_inline bool is_plain_ip(const struct __sk_buff *skb, enum l3_proto l3)
{
	return !skb->vlan_present && (l3 == L3_IPV4 || l3 == L3_IPV6);
}

enum device_family {
	DEVICE_IPV4 = 2, /* AF_INET */
	DEVICE_IPV6 = 10,
};

enum choice {
	CHOICE_OTHER, /* no service, or a backend elsewhere */
	CHOICE_LOCAL,
	CHOICE_NONE, /* a service without a backend */
	CHOICE_WAITS, /* take_over.h */
};

/* The local one of two backends that a slot under change names; null: neither is. */
static __always_inline struct backend_entry *device_local_of(const struct balance_flow *f,
							     const struct service_entry *service)
{
	bool affinity = service->flags & SERVICE_AFFINITY;
	__u32 hash = balance_hash(f, affinity);
	struct service_slot slot = balance_slot(service->slots + (hash & service->slot_mask));
	struct backend_entry *backend = backend_of(slot.backend);

	if (!backend || !(backend->flags & BACKEND_LOCAL))
		backend = backend_of(slot.previous);
	return backend && backend->flags & BACKEND_LOCAL ? backend : 0;
}

/* The backend of the flow that the packet belongs to; "quoted": the packet is the backend's own.
 * Fills in how to lead a packet from the frontend to a local one. The node that handed a packet over may know better
 * than the table which of two it is.
 *
 * These are functions of their own for the sake of the stack: one frame of all would not fit. */
__noinline int device_choose(const struct packet *p, bool quoted, struct report *r,
			     struct rewrite *w)
{
	struct balance_flow f = {};
	struct service_entry service;
	struct backend_entry *backend;

	if (!p || !r || !w)
		return CHOICE_OTHER;
	f.client = quoted ? p->dst : p->src;
	f.addr = quoted ? p->src : p->dst;
	f.client_port = quoted ? p->dport : p->sport;
	f.port = quoted ? p->sport : p->dport;
	f.protocol = p->protocol;
	f.opens = !quoted && ct_may_open(p);
	/* Whoever is on the segment can send to 127.0.0.1: that is not for him. */
	if (!service_find(&f.addr, f.port, f.protocol, &service) ||
	    service.flags & SERVICE_HOST_ONLY)
		return CHOICE_OTHER;
	r->frontend_id = service.frontend_id;
	if (!quoted && take_over_waits(p))
		return CHOICE_WAITS;
	backend = backend_of(balance_choose(&f, &service));
	if (p->flags & PACKET_HANDED_OVER && !(backend && backend->flags & BACKEND_LOCAL))
		backend = device_local_of(&f, &service);
	if (!backend)
		return CHOICE_NONE;
	w->from = f.addr;
	w->from_port = f.port;
	w->to = backend->addr;
	w->to_port = backend->port;
	w->end = REWRITE_DESTINATION;
	return backend->flags & BACKEND_LOCAL ? CHOICE_LOCAL : CHOICE_OTHER;
}

__noinline enum drop_reason device_judge(struct __sk_buff *skb, struct packet *p, struct report *r,
					 struct ruling *v)
{
	if (!p || !r || !v)
		return DROP_REASON_MALFORMED;
	return judge(skb, p, r, JUDGE_FROM_DEVICE, r->endpoint_id, v, 0);
}

enum device_node {
	DEVICE_NO_NODES = -1, /* no packet from another node's endpoint to one of this host's, by its way */
};

/* The device by which the host's route leads to the packet's sender; 0: there is none. */
__noinline __u32 device_back(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_fib_lookup way = {};
	long found;

	if (!p)
		return 0;
	way.ifindex = skb->ifindex;
	if (p->flags & PACKET_IPV6) {
		way.family = DEVICE_IPV6;
		__builtin_memcpy(way.ipv6_src, &p->dst, sizeof(way.ipv6_src));
		__builtin_memcpy(way.ipv6_dst, &p->src, sizeof(way.ipv6_dst));
	} else {
		way.family = DEVICE_IPV4;
		way.ipv4_src = p->dst.word[3];
		way.ipv4_dst = p->src.word[3];
	}
	found = bpf_fib_lookup(skb, &way, sizeof(way), 0);
	return found == BPF_FIB_LKUP_RET_SUCCESS || found == BPF_FIB_LKUP_RET_NO_NEIGH ? way.ifindex : 0;
}

/* Is a flow of the packet known? */
__noinline int device_knows(const struct packet *p)
{
	struct ct_key key;

	if (!p)
		return false;
	ct_key_of(p, &key);
	return !!ct_find(&key, bpf_ktime_get_coarse_ns());
}

/* What another node's endpoint sends to one of this host's, where routes lead to it: judged as weir_to_ep does. A
 * drop reason, or that it is none such. */
__noinline int device_node(struct __sk_buff *skb, struct packet *p, struct report *r,
			   struct ruling *v)
{
	enum drop_reason reason;
	__u32 node, own;

	/* Errors are few, and the stack brings them, too. */
	if (!p || !r || !v || p->flags & PACKET_ICMP_ERROR)
		return DEVICE_NO_NODES;
	own = identity_local_endpoint(&p->dst);
	node = own ? identity_node(&p->src) : 0;
	if (!node || node_is_overlay(node))
		return DEVICE_NO_NODES;
	/* What the stack might refuse is left to it. */
	if (ct_may_open(p) && !device_knows(p) && device_back(skb, p) != skb->ifindex)
		return DEVICE_NO_NODES;
	r->direction = DIRECTION_INGRESS;
	r->dst_endpoint = r->endpoint_id = (__u16)own;
	reason = judge(skb, p, r, JUDGE_FROM_WIRE, own, v, 0);
	/* So is what might be taken up in its middle. */
	return reason == DROP_REASON_CT_INVALID ? DEVICE_NO_NODES : (int)reason;
}

/* Later fragments come to the frontend too. */
__noinline int device_remember(const struct packet *p, const struct rewrite *w, __be16 client_port)
{
	struct frag_entry ports = {};
	struct frag_key key;

	if (!p || !w)
		return 0;
	key = fragment_key(p);
	key.dst = w->from;
	ports.sport = client_port ? client_port : p->sport;
	ports.dport = w->from_port;
	return (int)bpf_map_update_elem(&weir_frag, &key, &ports, BPF_ANY);
}

/* Is the packet one that a local backend sent its client through a service? Then says whose. */
__noinline int device_related(const struct packet *quoted, struct report *r, struct ruling *v)
{
	const struct settings *s = &weir_settings;
	struct ct_entry *entry;
	bool reply;

	if (!quoted || !r || !v)
		return false;
	entry = related_flow(quoted, s->revision, bpf_ktime_get_coarse_ns(), &reply);
	if (!entry || !(entry->flags & CT_SERVICE) || !reply ||
	    entry->frontend_id != r->frontend_id)
		return false;
	r->src_identity = entry->src_identity;
	r->dst_identity = entry->dst_identity;
	r->dst_endpoint = r->endpoint_id = entry->dst_endpoint;
	r->is_reply = 1;
	r->direction = DIRECTION_INGRESS;
	known_way(entry, JUDGE_FROM_DEVICE, entry->dst_endpoint, false, v, r);
	return true;
}

/* A packet to a frontend that is this host's own address, and no flow of the service: may it be the answer to a connection that
 * netfilter masquerades from that very port? It does so although the port is taken. The stack knows, and resets what is
 * nobody's. */
__noinline int device_may_be_hosts(const struct packet *p, const struct ip_addr *frontend)
{
	if (!p || !frontend || p->protocol != L4_TCP || p->flags & PACKET_HANDED_OVER)
		return false;
	return identity_of_outside(frontend, p->flags & PACKET_IPV6) == IDENTITY_HOST && !device_knows(p);
}

enum concern {
	CONCERN_OTHER, /* none of ours, and unchanged */
	CONCERN_BACKEND,
	CONCERN_BROKEN, /* a backend's, and cut short */
	CONCERN_FORGED, /* nobody who forwards a backend's packets sends it */
};

/* An ICMP error about what a backend sent its client from the frontend's address: made one about
 * the backend's own packet. */
__noinline int device_error(struct __sk_buff *skb, const struct packet *p, struct report *r,
			    struct rewrite *w, struct ruling *v)
{
	struct packet quoted = {};
	__be16 port;

	if (!p || !r || !w || !v)
		return CONCERN_OTHER;
	if (parse_quoted(skb, p, &quoted) || !ip_addr_equal(&quoted.src, &p->dst) ||
	    device_choose(&quoted, true, r, w) != CHOICE_LOCAL)
		return CONCERN_OTHER;
	quoted.src = w->to;
	quoted.sport = w->to_port;
	if (!related_fits(skb, p) || identity_local_endpoint(&p->src))
		return CONCERN_FORGED;
	port = quoted.dport;
	if (!device_related(&quoted, r, v)) {
		quoted.dport = alias_of(&quoted, w);
		if (!quoted.dport || !device_related(&quoted, r, v))
			return CONCERN_FORGED;
	}
	return rewrite_error(skb, p, &quoted, w) &&
		       (port == quoted.dport ||
			rewrite_quoted_port(skb, p, &quoted, port, quoted.dport,
					    REWRITE_DESTINATION))
		   ? CONCERN_BACKEND
		   : CONCERN_BROKEN;
}

/* Gives a packet the Ethernet header that a container's link has, where it came without one. */
static __always_inline bool device_frame(struct __sk_buff *skb)
{
	struct ethhdr *eth;

	if (LINK_HEADER)
		return true;
	if (bpf_skb_change_head(skb, ETH_HLEN, 0))
		return false;
	eth = PARSE_AT(skb, 0, struct ethhdr);
	if (!eth)
		return false;
	eth->h_proto = (__be16)skb->protocol;
	return true;
}

/* What a device's packets are looked up in. */
static __always_inline __u32 device_tables(const struct settings *s)
{
	return s->lb_flags & (device_config.prefilter ? LB_SERVICES | LB_NODES | LB_PREFILTER_ADDRESS |
							    LB_PREFILTER_PREFIX
						      : LB_SERVICES | LB_NODES);
}

/* Drops what the prefilter names; false: it does not name the source. As in XDP, a flood is counted and
 * told only to who asked. */
__noinline int device_prefilter(struct __sk_buff *skb, const struct packet *p, const struct report *r,
				__u32 tables, __u32 flags)
{
	struct ip_addr src;

	if (!p || !r)
		return false;
	src = p->src;
	if (!prefilter_has(&src, tables))
		return false;
	metrics_count(r->direction, DROP_REASON_PREFILTER, skb->len);
	if (flags & (SETTINGS_TRACE | SETTINGS_VERDICT))
		event_emit(skb, p, r, EVENT_DROP, DROP_REASON_PREFILTER);
	return true;
}

static __always_inline int deliver(struct __sk_buff *skb, const struct packet *p,
				   const struct report *r, const struct ruling *v)
{
	if (!device_frame(skb))
		return drop(skb, p, r, DROP_REASON_TRUNCATED);
	return v->way == WAY_ENDPOINT ? deliver_local(skb, p, r, v->endpoint)
				      : deliver_proxy(skb, p, r);
}

/* The end of a packet for a local backend: its sender learns of it where the backend's policy wants that, by where the
 * answers to one leave that was handed over. */
static __always_inline int refuse(struct __sk_buff *skb, const struct packet *p,
				  const struct report *r, const struct ruling *v,
				  enum drop_reason reason, const struct ip_addr *frontend)
{
	__u32 asker = v->node ? r->endpoint_id : DENY_ASKER_OUTSIDE;
	bool answered = false;

	drop(skb, p, r, reason);
	/* An answer is made behind an Ethernet header, which a device without one takes off again. */
	if (!device_frame(skb))
		return TC_ACT_SHOT;
	/* A connection that went without the proxy so far, or that nobody knows: that is no denial. */
	if (reason == DROP_REASON_PROXY_REQUIRED || reason == DROP_REASON_CT_INVALID)
		answered = deny_may_answer(asker) && reset_answer(skb, p);
	else if (deny_is_verdict(reason) && deny_is_heard(r->endpoint_id, asker))
		answered = deny_answer(skb, p, asker, frontend);
	if (!answered)
		return TC_ACT_SHOT;
	return p->flags & PACKET_HANDED_OVER ? (int)bpf_redirect_neigh(v->ifindex, 0, 0, 0)
					     : (int)bpf_redirect(skb->ifindex, 0);
}

/* What a device receives. */
SEC("tc")
int weir_from_dev(struct __sk_buff *skb)
{
	struct report r = {.direction = DIRECTION_DEVICE};
	enum l3_proto l3 = l3_of(skb);
	enum drop_reason reason;
	struct rewrite w = {};
	struct packet p = {};
	struct ruling v = {};
	const struct settings *s = &weir_settings;
	__u32 tables;
	int choice, concern, result;

	tables = device_tables(s);
	if (!tables || skb->pkt_type != PACKET_HOST || !is_plain_ip(skb, l3))
		return UNTOUCHED;
	parse_pull(skb);
	reason = parse_packet(skb, l3, &p);
	if (device_config.prefilter && device_prefilter(skb, &p, &r, tables, s->flags))
		return TC_ACT_SHOT;
	if (reason)
		return UNTOUCHED;
	if (tables & LB_SERVICES && hand_over_take(skb, &p))
		return drop(skb, &p, &r, DROP_REASON_MALFORMED);
	if (tables & LB_NODES && !(p.flags & PACKET_HANDED_OVER)) {
		result = device_node(skb, &p, &r, &v);
		if (result > 0)
			return refuse(skb, &p, &r, &v, (enum drop_reason)result, &p.dst);
		if (!result)
			return deliver(skb, &p, &r, &v);
	}
	if (!(tables & LB_SERVICES))
		return UNTOUCHED;
	if (p.flags & PACKET_ICMP_ERROR) {
		concern = device_error(skb, &p, &r, &w, &v);
		if (concern == CONCERN_OTHER)
			return p.flags & PACKET_HANDED_OVER ? drop(skb, &p, &r, DROP_REASON_ICMP_UNRELATED)
							     : UNTOUCHED;
		if (concern == CONCERN_BACKEND)
			return deliver(skb, &p, &r, &v);
		return drop(skb, &p, &r,
			    concern == CONCERN_BROKEN ? DROP_REASON_TRUNCATED
						      : DROP_REASON_ICMP_UNRELATED);
	}
	if ((p.protocol != L4_TCP && p.protocol != L4_UDP) ||
	    (p.flags & PACKET_LATER_FRAGMENT && fragment_restore(&p)))
		return p.flags & PACKET_HANDED_OVER ? drop(skb, &p, &r, DROP_REASON_NO_BACKEND)
						    : UNTOUCHED;
	choice = device_choose(&p, false, &r, &w);
	if (choice == CHOICE_WAITS)
		return drop(skb, &p, &r, DROP_REASON_TAKING_OVER);
	/* What was handed over once goes no further: two nodes that differ would have it for ever. */
	if (choice == CHOICE_NONE || (p.flags & PACKET_HANDED_OVER && choice != CHOICE_LOCAL))
		return drop(skb, &p, &r, DROP_REASON_NO_BACKEND);
	if (choice != CHOICE_LOCAL)
		return UNTOUCHED;

	/* From here on it is the endpoint's. */
	p.dst = w.to;
	p.dport = w.to_port;
	p.policy_port = w.to_port;
	v.frontend_id = r.frontend_id;
	v.ifindex = skb->ifindex;
	if (p.flags & PACKET_HANDED_OVER) {
		v.ifindex = device_back(skb, &p);
		if (!v.ifindex)
			return drop(skb, &p, &r, DROP_REASON_NO_NEXT_HOP);
	}
	r.direction = DIRECTION_INGRESS;
	r.dst_endpoint = r.endpoint_id = (__u16)identity_local_endpoint(&p.dst);
	reason = r.endpoint_id ? device_judge(skb, &p, &r, &v) : DROP_REASON_NO_ENDPOINT;
	if (reason == DROP_REASON_CT_INVALID && alias_take(&p, &w, &v))
		reason = device_judge(skb, &p, &r, &v);
	if (reason == DROP_REASON_CT_INVALID && device_may_be_hosts(&p, &w.from))
		return UNTOUCHED;
	if (reason)
		return refuse(skb, &p, &r, &v, reason, &w.from);
	if (p.flags & PACKET_FIRST_FRAGMENT)
		device_remember(&p, &w, v.client_port);
	if (!rewrite_packet(skb, &p, &w) ||
	    (v.client_port && !rewrite_end_port(skb, &p, v.client_port, p.sport, REWRITE_SOURCE)))
		return drop(skb, &p, &r, DROP_REASON_TRUNCATED);
	return deliver(skb, &p, &r, &v);
}

/* What a device sends. */
SEC("tc")
int weir_to_dev(struct __sk_buff *skb)
{
	const struct report r = {.direction = DIRECTION_DEVICE};
	enum l3_proto l3 = l3_of(skb);
	struct packet p = {};
	struct rewrite w = {};
	__u64 now = bpf_ktime_get_coarse_ns();
	struct ct_entry *entry;
	struct ct_key key;
	bool source_is_b;

	if (!mark_is(skb, MARK_FROM_PROXY) || !is_plain_ip(skb, l3))
		return UNTOUCHED;
	parse_pull(skb);
	if (parse_packet(skb, l3, &p) || p.protocol != L4_TCP || p.flags & PACKET_LATER_FRAGMENT)
		return UNTOUCHED;
	if (take_over_waits(&p))
		return drop(skb, &p, &r, DROP_REASON_TAKING_OVER);
	source_is_b = ct_key_of(&p, &key);
	entry = ct_find(&key, now);
	if (!entry || (entry->flags & (CT_PROXY | CT_SERVICE)) != (CT_PROXY | CT_SERVICE) ||
	    !ct_is_reply(entry, source_is_b))
		return UNTOUCHED;
	if (!reply_rewrite_of(&p, entry->frontend_id, &w) || !rewrite_packet(skb, &p, &w) ||
	    (entry->client_port &&
	     !rewrite_end_port(skb, &p, p.dport, entry->client_port, REWRITE_DESTINATION)))
		return TC_ACT_SHOT;
	flow_advance(&key, entry, &p, true, true, now, skb->len);
	return UNTOUCHED;
}

char _license[] SEC("license") = "GPL";
