// SPDX-License-Identifier: GPL-2.0
/* What a device does with a packet before the host's stack has it: drops what the prefilter names,
 * and sends the packets of services to backends on other hosts. What is for a backend of this host
 * passes on to tc, which delivers it; what is no service's passes untouched. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/balance.h"
#include "lib/device_report.h"
#include "lib/encap.h"
#include "lib/fragment.h"
#include "lib/hop.h"
#include "lib/nat.h"
#include "lib/plain.h"
#include "lib/prefilter.h"
#include "lib/rewrite_quoted.h"
#include "lib/scratch.h"
#include "lib/too_big.h"
#include "lib/xdp_parse.h"

/* None of XDP's actions: the packet is somebody else's. */
#define NOT_MINE (-1)
/* Nor this: weir_xdp itself tells the client the MTU in the lower bits, where the stack is deep
 * enough. */
#define ANSWER_TOO_BIG 0x10000

/* Fills in the way to a backend on another host. */
static __always_inline void hop_to_backend(const struct backend_entry *backend, struct hop *hop)
{
	hop->mac = hop_mac(backend->mac);
	hop->own_mac = hop_mac(backend->source_mac);
	hop->ifindex = backend->ifindex;
}

/* May the packet go on? XDP_TX: it may. */
static __always_inline int check_hop(struct xdp_md *ctx, const struct arrival *a,
				     const struct hop *hop, __u32 frontend_id)
{
	if (!hop->mac)
		return device_drop(ctx, a, DROP_REASON_NO_NEXT_HOP, frontend_id);
	if (!hop_is_possible(ctx, a, hop) || !hop_lives(ctx, a))
		return XDP_PASS;
	return XDP_TX;
}

static __always_inline int drop_too_big(struct xdp_md *ctx, const struct arrival *a, __u32 mtu,
					__u32 frontend_id)
{
	device_drop(ctx, a, DROP_REASON_TOO_BIG, frontend_id);
	return ANSWER_TOO_BIG | (int)mtu;
}

/* Later fragments find their ports by what the first one had. */
static __always_inline void remember_fragment(const struct arrival *a)
{
	if (a->p.flags & PACKET_FIRST_FRAGMENT)
		fragment_remember(&a->p);
}

/* DSR: the packet goes to the backend as it is; the backend answers the client itself. */
static __always_inline int send_whole(struct xdp_md *ctx, const struct arrival *a,
				      const struct backend_entry *backend, __u32 mode,
				      __u32 frontend_id)
{
	__u32 more = mode == SERVICE_MODE_DSR ? encap_size(a) : 0, mtu;
	struct hop hop;
	int action;

	hop_to_backend(backend, &hop);
	action = check_hop(ctx, a, &hop, frontend_id);
	if (action != XDP_TX)
		return action;
	mtu = too_big_limit(ctx, a, hop.ifindex, more);
	if (mtu)
		return drop_too_big(ctx, a, mtu, frontend_id);
	remember_fragment(a);
	hop_age(ctx, a);
	/* A driver that leaves no room in front of its frames. */
	if (more && !encap_packet(ctx, a, backend))
		return device_drop(ctx, a, DROP_REASON_TOO_BIG, frontend_id);
	return hop_send(ctx, &hop);
}

/* The port of this host that the flow has, or gets; 0: the packet belongs to no flow. */
static __always_inline __be16 choose_port(struct xdp_md *ctx, struct scratch *s,
					  const struct packet *p, struct nat_path *path, bool opens,
					  enum drop_reason *reason)
{
	struct nat_entry *forward = nat_find(s, p, NAT_FORWARD);
	__be16 port = 0;

	*reason = DROP_REASON_CT_INVALID;
	/* A flow stays where it is, whatever the table says now; a new one goes by the table. */
	if (forward && forward->backend != path->backend_id && !opens) {
		path->backend_id = forward->backend;
		path->backend = backend_of(path->backend_id);
		if (!path->backend) {
			*reason = DROP_REASON_NO_BACKEND;
			return 0;
		}
	}
	if (forward && forward->backend == path->backend_id)
		port = nat_known(ctx, s, p, path, forward->port);
	if (port || !opens)
		return port;
	*reason = DROP_REASON_NAT_NO_PORT;
	return (__be16)nat_open(ctx, p, path->backend_id, path->frontend_id, path->now);
}

/* Can a packet go to the backend by NAT? XDP_TX: it can. */
static __always_inline int check_nat_hop(struct xdp_md *ctx, const struct arrival *a,
					 const struct backend_entry *backend, struct hop *hop,
					 __u32 frontend_id)
{
	__u32 mtu;
	int action;

	hop_to_backend(backend, hop);
	action = check_hop(ctx, a, hop, frontend_id);
	if (action != XDP_TX || hop->ifindex == ctx->ingress_ifindex)
		return action;
	mtu = too_big_limit(ctx, a, hop->ifindex, 0);
	return mtu ? drop_too_big(ctx, a, mtu, frontend_id) : XDP_TX;
}

/* Global functions (not static) are verified once, not once a caller and state. Their pointers may
 * be null as far as the verifier knows. */

/* Finds or opens a client's flow. XDP_TX: the scratch has the ends and the hop that its packet
 * gets. */
__noinline int prepare_nat(struct xdp_md *ctx, const struct arrival *a, __u32 backend_id,
			   __u32 frontend_id, bool opens)
{
	struct nat_path path = {
	    .backend = backend_of(backend_id),
	    .backend_id = backend_id,
	    .frontend_id = frontend_id,
	    .now = bpf_ktime_get_coarse_ns(),
	};
	struct scratch *s = scratch_get();
	enum drop_reason reason;
	__be16 port;
	int action;

	if (!a || !s)
		return XDP_DROP;
	if (!path.backend)
		return device_drop(ctx, a, DROP_REASON_NO_BACKEND, frontend_id);
	action = check_nat_hop(ctx, a, path.backend, &s->hop, frontend_id);
	if (action != XDP_TX)
		return action;
	port = choose_port(ctx, s, &a->p, &path, opens, &reason);
	if (!port || !path.backend)
		return device_drop(ctx, a, reason, frontend_id);
	nat_backend_ends(path.backend, port, &s->outer);
	if (path.backend_id == backend_id)
		return XDP_TX;
	return check_nat_hop(ctx, a, path.backend, &s->hop, frontend_id);
}

/* Sends a packet with the ends and to the hop in the scratch. */
__noinline int send_rewritten(struct xdp_md *ctx, const struct arrival *a)
{
	struct scratch *s = scratch_get();

	if (!a || !s)
		return XDP_DROP;
	remember_fragment(a);
	hop_age(ctx, a);
	rewrite_packet(ctx, a, &s->outer);
	return hop_send(ctx, &s->hop);
}

static __always_inline void hop_to_client(const struct nat_entry *reverse, struct hop *hop)
{
	hop->mac = hop_mac(reverse->mac);
	hop->own_mac = hop_mac(reverse->own_mac);
	hop->ifindex = reverse->ifindex;
}

/* The same for a backend's packet to a port of this host that SNAT gave away. */
__noinline int prepare_reply(struct xdp_md *ctx, const struct arrival *a)
{
	struct scratch *s = scratch_get();
	struct nat_entry *reverse;
	int action;

	if (!a || !s)
		return NOT_MINE;
	reverse = nat_find(s, &a->p, NAT_REVERSE);
	if (!reverse || !nat_client_ends(reverse, &s->outer))
		return NOT_MINE;
	hop_to_client(reverse, &s->hop);
	action = check_hop(ctx, a, &s->hop, reverse->frontend_id);
	if (action == XDP_TX)
		nat_touch(reverse, &a->p, false, bpf_ktime_get_coarse_ns());
	return action;
}

/* The flow of a client's packet. */
static __always_inline void flow_of_packet(const struct packet *p, struct balance_flow *f)
{
	const __u8 opening = TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN;

	f->client = p->src;
	f->addr = p->dst;
	f->client_port = p->sport;
	f->port = p->dport;
	f->protocol = p->protocol;
	f->opens = !(p->flags & PACKET_LATER_FRAGMENT) &&
		   (p->protocol != L4_TCP || (p->tcp_flags & opening) == TCP_SYN);
}

/* A client's packet to a frontend. */
static __always_inline int serve(struct xdp_md *ctx, const struct arrival *a,
				 const struct service_entry *service, __u32 flags)
{
	__u32 frontend_id = service->frontend_id, id;
	struct backend_entry *backend;
	struct balance_flow f;

	if (service->flags & SERVICE_HOST_ONLY)
		return XDP_PASS;
	flow_of_packet(&a->p, &f);
	id = balance_choose(&f, service);
	device_count(frontend_id, frame_length(ctx));
	backend = id ? backend_of(id) : 0;
	if (!backend)
		return device_drop(ctx, a, DROP_REASON_NO_BACKEND, frontend_id);
	if (backend->flags & BACKEND_LOCAL)
		return XDP_PASS;
	if (flags & SETTINGS_TRACE)
		device_event(ctx, a, EVENT_TRACE, DROP_REASON_NONE, frontend_id);
	if (service->mode == SERVICE_MODE_SNAT) {
		int action = prepare_nat(ctx, a, id, frontend_id, f.opens);

		return action == XDP_TX ? send_rewritten(ctx, a) : action;
	}
	return send_whole(ctx, a, backend, service->mode, frontend_id);
}

/* An error that has its outer ends: sends it. */
static __always_inline int send_error(struct xdp_md *ctx, const struct arrival *a,
				      struct scratch *s, const struct hop *hop, __u32 frontend_id)
{
	int action = check_hop(ctx, a, hop, frontend_id);

	if (action != XDP_TX)
		return action;
	hop_age(ctx, a);
	rewrite_error(ctx, a, s);
	return hop_send(ctx, hop);
}

/* An error about a packet that a backend sent to a client by SNAT. */
__noinline int error_to_nat_backend(struct xdp_md *ctx, const struct arrival *a, __u32 frontend_id)
{
	struct scratch *s = scratch_get();
	struct backend_entry *backend;
	struct nat_entry *forward;
	struct hop hop;

	if (!a || !s)
		return XDP_PASS;
	forward = nat_find(s, &s->forth, NAT_FORWARD);
	backend = forward ? backend_of(forward->backend) : 0;
	/* A backend of this host has no such entry. */
	if (!backend)
		return XDP_PASS;
	hop_to_backend(backend, &hop);
	nat_backend_ends(backend, forward->port, &s->outer);
	return send_error(ctx, a, s, &hop, frontend_id);
}

/* The quoted packet's flow as packets of the other direction show it. */
static __always_inline void turn_round(const struct packet *quoted, struct packet *forth)
{
	*forth = *quoted;
	forth->src = quoted->dst;
	forth->dst = quoted->src;
	forth->sport = quoted->dport;
	forth->dport = quoted->sport;
}

/* The backend that sent the quoted packet by way of a frontend; 0: there is none. */
static __noinline __u32 error_sender(const struct packet *forth,
				     const struct service_entry *service)
{
	struct balance_flow f;

	flow_of_packet(forth, &f);
	f.opens = false;
	return balance_choose(&f, service);
}

/* An error about a packet that a frontend sent to a client. */
static __noinline int error_to_backend(struct xdp_md *ctx, const struct arrival *a,
				       __u32 backend_id, const struct service_entry *service)
{
	struct backend_entry *backend = backend_id ? backend_of(backend_id) : 0;

	if (!backend)
		return device_drop(ctx, a, DROP_REASON_NO_BACKEND, service->frontend_id);
	if (backend->flags & BACKEND_LOCAL)
		return XDP_PASS;
	return send_whole(ctx, a, backend, service->mode, service->frontend_id);
}

/* An error about a packet that SNAT sent to a backend: its client gets it. */
__noinline int error_to_client(struct xdp_md *ctx, const struct arrival *a)
{
	struct scratch *s = scratch_get();
	struct nat_entry *reverse;
	struct hop hop;

	if (!a || !s)
		return XDP_PASS;
	reverse = nat_find(s, &s->forth, NAT_REVERSE);
	if (!reverse || !nat_client_ends(reverse, &s->outer))
		return XDP_PASS;
	hop_to_client(reverse, &hop);
	return send_error(ctx, a, s, &hop, reverse->frontend_id);
}

static __always_inline bool icmp_is_error(const struct arrival *a, const struct icmp_head *icmp)
{
	if (a->p.flags & PACKET_IPV6)
		return icmp->type >= ICMP6_UNREACHABLE && icmp->type <= ICMP6_PARAMETER_PROBLEM;
	return icmp->type == ICMP4_UNREACHABLE || icmp->type == ICMP4_TIME_EXCEEDED ||
	       icmp->type == ICMP4_PARAMETER_PROBLEM;
}

/* Reads what the error quotes. False: it quotes no packet of TCP or UDP with its ports. */
__noinline int parse_quoted(struct xdp_md *ctx, const struct arrival *a, struct arrival *quoted)
{
	struct icmp_head *icmp;
	__u32 offset;

	if (!a || !quoted)
		return false;
	offset = arrival_offset(a->p.l4_off);
	icmp = PARSE_AT(ctx, offset, struct icmp_head);
	if (!icmp || !icmp_is_error(a, icmp))
		return false;
	offset += sizeof(*icmp);
	if (offset > ARRIVAL_OFFSET)
		return false;
	quoted->l3_off = arrival_offset(offset);
	if (!(a->p.flags & PACKET_IPV6 ? arrival_ipv6(ctx, quoted) : arrival_ipv4(ctx, quoted)) ||
	    quoted->p.l4_off > ARRIVAL_OFFSET)
		return false;
	return arrival_quoted_ports(ctx, quoted, a->l3_off + a->l3_len);
}

__noinline int icmp_packet(struct xdp_md *ctx, const struct arrival *a, __u32 lb_flags)
{
	struct service_entry *service;
	struct scratch *s = scratch_get();
	const struct packet *forth;

	if (!a || !s || a->p.flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		return XDP_PASS;
	__builtin_memset(&s->quoted, 0, sizeof(s->quoted));
	if (!parse_quoted(ctx, a, &s->quoted))
		return XDP_PASS;
	turn_round(&s->quoted.p, &s->forth);
	forth = &s->forth;
	/* The error goes to the one whose packet it quotes, nobody else. */
	if (!ip_addr_equal(&forth->dst, &a->p.dst))
		return XDP_PASS;
	service = service_find(&forth->dst, forth->dport, forth->protocol);
	if (service && service->flags & SERVICE_HOST_ONLY)
		return XDP_PASS;
	if (service) {
		if (service->mode == SERVICE_MODE_SNAT)
			return error_to_nat_backend(ctx, a, service->frontend_id);
		return error_to_backend(ctx, a, error_sender(forth, service), service);
	}
	if (lb_flags & LB_NAT && nat_is_port(forth->dport))
		return error_to_client(ctx, a);
	return XDP_PASS;
}

/* The service that the packet is for. Null: "action" is what becomes of it. */
static __always_inline struct service_entry *find_service(struct xdp_md *ctx, struct arrival *a,
							  __u32 lb_flags, int *action)
{
	*action = XDP_PASS;
	if (a->p.protocol == (a->p.flags & PACKET_IPV6 ? L4_ICMPV6 : L4_ICMP)) {
		*action = icmp_packet(ctx, a, lb_flags);
		return 0;
	}
	if (a->p.flags & PACKET_LATER_FRAGMENT) {
		if (fragment_restore(&a->p))
			return 0;
	} else if (!arrival_ports(ctx, a)) {
		return 0;
	}
	if (lb_flags & LB_NAT && nat_is_port(a->p.dport)) {
		int nat = prepare_reply(ctx, a);

		if (nat != NOT_MINE) {
			*action = nat == XDP_TX ? send_rewritten(ctx, a) : nat;
			return 0;
		}
	}
	return service_find(&a->p.dst, a->p.dport, a->p.protocol);
}

static __always_inline int drop_prefiltered(struct xdp_md *ctx, const struct arrival *a,
					    __u32 flags)
{
	metrics_count(DIRECTION_DEVICE, DROP_REASON_PREFILTER, frame_length(ctx));
	if (flags & (SETTINGS_TRACE | SETTINGS_VERDICT))
		device_event(ctx, a, EVENT_DROP, DROP_REASON_PREFILTER, 0);
	return XDP_DROP;
}

static __always_inline bool is_prefiltered(const struct ip_addr *src, __u32 lb_flags)
{
	return lb_flags & (LB_PREFILTER_ADDRESS | LB_PREFILTER_PREFIX) &&
	       prefilter_has(src, lb_flags);
}

static __noinline int drop_plain(struct xdp_md *ctx, __u32 flags)
{
	struct arrival a = {};

	return plain_arrival(ctx, &a) ? drop_prefiltered(ctx, &a, flags) : XDP_DROP;
}

/* The shortest way through, for the packets that are most of a service's: plain ones to a service
 * by DSR whose slot is at rest. Changes and counts nothing until the packet can go: whatever stands
 * in its way is NOT_MINE, and the general way tells what. */
static __always_inline int send_plain(struct xdp_md *ctx, const struct plain *p,
				      const struct service_entry *service)
{
	struct backend_entry *backend;
	struct service_slot slot;
	struct ethhdr *eth;
	struct hop hop;

	if (service->flags || service->mode == SERVICE_MODE_SNAT)
		return NOT_MINE;
	slot = balance_slot(service, p->hash);
	backend = backend_of(slot.backend);
	if (slot.previous || !backend || backend->flags & BACKEND_LOCAL)
		return NOT_MINE;
	hop_to_backend(backend, &hop);
	if (!hop.mac)
		return NOT_MINE;
	eth = service->mode == SERVICE_MODE_DSR ? plain_encap(ctx, p, backend) : plain_bare(ctx);
	if (!eth)
		return NOT_MINE;
	hop_put_macs(eth, &hop);
	device_count(service->frontend_id, p->frame);
	return hop_leave(ctx, &hop);
}

/* Reads any packet, and finds its service. Null: "action" is what becomes of it. */
static __always_inline struct service_entry *arrive(struct xdp_md *ctx, struct arrival *a,
						    const struct settings *settings, int *action)
{
	__u32 lb_flags = settings->lb_flags, l3 = arrival_link(ctx, a);
	bool sound = l3 == L3_IPV4 ? arrival_ipv4(ctx, a) : l3 == L3_IPV6 && arrival_ipv6(ctx, a);

	*action = XDP_PASS;
	if (a->has_addresses && is_prefiltered(&a->p.src, lb_flags)) {
		*action = drop_prefiltered(ctx, a, settings->flags);
		return 0;
	}
	/* A frame to a group is not for this host alone (RFC 1122 §3.3.6). */
	if (!sound || !(lb_flags & (LB_SERVICES | LB_NAT)) || a->group || !arrival_is_whole(ctx, a))
		return 0;
	return find_service(ctx, a, lb_flags, action);
}

/* The way of every packet that no shorter one takes; of a plain one, the service may be known. */
static __always_inline int forward(struct xdp_md *ctx, const struct settings *settings,
				   const struct service_entry *service)
{
	struct arrival a = {};
	int action = XDP_PASS;

	if (!service)
		service = arrive(ctx, &a, settings, &action);
	else if (!plain_arrival(ctx, &a))
		return XDP_PASS;
	if (service)
		action = serve(ctx, &a, service, settings->flags);
	if (action < ANSWER_TOO_BIG)
		return action;
	return too_big_answer(ctx, &a, action & (ANSWER_TOO_BIG - 1)) ? XDP_TX : XDP_DROP;
}

/* A plain packet. NOT_MINE: it goes the general way; "service" is its, where that is known. */
static __always_inline int forward_plain(struct xdp_md *ctx, const struct plain *p,
					 const struct settings *settings,
					 const struct service_entry **service)
{
	struct ip_addr src = p->flow.client;

	if (settings->flags & SETTINGS_TRACE ||
	    (settings->lb_flags & LB_NAT && nat_is_port(p->flow.port)))
		return NOT_MINE;
	if (is_prefiltered(&src, settings->lb_flags))
		return drop_plain(ctx, settings->flags);
	*service = service_find(&p->flow.addr, p->flow.port, p->flow.protocol);
	return *service ? send_plain(ctx, p, *service) : XDP_PASS;
}

SEC("xdp")
int weir_xdp(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct settings *settings = bpf_map_lookup_elem(&weir_settings, &zero);
	const struct service_entry *service = 0;
	struct plain p;
	int action;

	if (!settings || !settings->lb_flags)
		return XDP_PASS;
	if (settings->lb_flags & LB_SERVICES && plain_parse(ctx, &p)) {
		action = forward_plain(ctx, &p, settings, &service);
		if (action != NOT_MINE)
			return action;
	}
	return forward(ctx, settings, service);
}

char _license[] SEC("license") = "GPL";
