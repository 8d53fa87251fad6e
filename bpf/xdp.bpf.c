// SPDX-License-Identifier: GPL-2.0
/* What a device does with a packet before the host's stack has it: drops what the prefilter names,
 * and sends the packets of services to backends on other hosts. What is for a backend of this host
 * passes on to tc, which delivers it; what is no service's passes untouched. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "lib/balance.h"
#include "lib/bucket_find.h"
#include "lib/device_report.h"
#include "lib/plain.h"
#include "lib/prefilter.h"
#include "lib/too_big.h"
#include "lib/xdp_errors.h"
#include "lib/xdp_parse.h"
#include "lib/xdp_send.h"

/* A client's packet to a frontend. */
static __always_inline enum fate serve(struct xdp_md *ctx, const struct arrival *a,
				       const struct service_entry *service, __u32 flags,
				       __u32 *mtu)
{
	__u32 frontend_id = service->frontend_id, id;
	struct backend_entry *backend;
	struct balance_flow f;

	if (service->flags & SERVICE_HOST_ONLY)
		return FATE_PASS;
	flow_of_packet(&a->p, &f);
	id = balance_choose(&f, service);
	device_count(frontend_id, frame_length(ctx));
	backend = id ? backend_of(id) : 0;
	if (!backend)
		return device_drop(ctx, a, DROP_REASON_NO_BACKEND, frontend_id);
	if (backend->flags & BACKEND_LOCAL)
		return FATE_PASS;
	if (flags & SETTINGS_TRACE)
		device_event(ctx, a, EVENT_TRACE, DROP_REASON_NONE, frontend_id);
	if (service->mode == SERVICE_MODE_SNAT && !(backend->flags & BACKEND_NODE)) {
		struct scratch *s = scratch_get();
		enum fate fate = s ? prepare_nat(ctx, a, id, frontend_id, &s->route) : FATE_PASS;

		if (fate == FATE_TOO_BIG)
			*mtu = s->route.mtu;
		return fate == FATE_GO ? send_rewritten(ctx, a, &s->route) : fate;
	}
	return send_whole(ctx, a, backend, service, mtu);
}

/* The service that the packet is for. Null: "fate" is the packet's. */
static __always_inline struct service_entry *find_service(struct xdp_md *ctx, struct arrival *a,
							  const struct settings *settings,
							  enum fate *fate)
{
	*fate = FATE_PASS;
	if (a->p.protocol == (a->p.flags & PACKET_IPV6 ? L4_ICMPV6 : L4_ICMP)) {
		*fate = icmp_packet(ctx, a, settings);
		return 0;
	}
	if (a->p.flags & PACKET_LATER_FRAGMENT) {
		if (fragment_restore(&a->p))
			return 0;
	} else if (!arrival_ports(ctx, a)) {
		return 0;
	}
	if (settings->lb_flags & LB_NAT && nat_is_port(a->p.dport, settings)) {
		struct scratch *s = scratch_get();
		enum fate reply = s ? prepare_reply(ctx, a, &s->route) : FATE_NOT_MINE;

		if (reply != FATE_NOT_MINE) {
			*fate = reply == FATE_GO ? send_rewritten(ctx, a, &s->route) : reply;
			return 0;
		}
	}
	return service_find(&a->p.dst, a->p.dport, a->p.protocol);
}

static __always_inline enum fate drop_prefiltered(struct xdp_md *ctx, const struct arrival *a,
						  __u32 flags)
{
	metrics_count(DIRECTION_DEVICE, DROP_REASON_PREFILTER, frame_length(ctx));
	if (flags & (SETTINGS_TRACE | SETTINGS_VERDICT))
		device_event(ctx, a, EVENT_DROP, DROP_REASON_PREFILTER, 0);
	return FATE_DROP;
}

static __always_inline bool is_prefiltered(const struct ip_addr *src, __u32 lb_flags)
{
	return lb_flags & (LB_PREFILTER_ADDRESS | LB_PREFILTER_PREFIX) &&
	       prefilter_has(src, lb_flags);
}

/* The shortest way through, for the packets that are most of a service's: plain ones to a service
 * by DSR whose slot is at rest. Changes and counts nothing until the packet can go: whatever stands
 * in its way is FATE_NOT_MINE, and the general way tells what. "service" is a bucket's value. */
static __always_inline enum fate send_plain(struct xdp_md *ctx, const struct plain *p,
					    __u64 service)
{
	struct service_slot slot = balance_slot(bucket_slot(service, p->hash));
	__u8 mode = bucket_mode(service);
	struct backend_hop *backend;
	struct ethhdr *eth;
	struct hop hop;

	if (slot.previous || slot.backend >= HOP_COUNT || mode == SERVICE_MODE_SNAT)
		return FATE_NOT_MINE;
	backend = &weir_plain.hop[slot.backend];
	hop.mac = *(volatile __u64 *)&backend->mac;
	hop.own_mac = *(volatile __u64 *)&backend->source_mac;
	hop.ifindex = backend->ifindex;
	if (!hop.mac)
		return FATE_NOT_MINE;
	eth = encap_is_due(backend->flags, mode) ? plain_encap(ctx, p, backend) : plain_bare(ctx);
	if (!eth)
		return FATE_NOT_MINE;
	hop_put_macs(eth, &hop);
	device_count(bucket_frontend_id(service), p->frame);
	return hop_leave(ctx, &hop);
}

/* Reads any packet, and finds its service. Null: "fate" is the packet's. */
static __always_inline struct service_entry *arrive(struct xdp_md *ctx, struct arrival *a,
						    const struct settings *settings,
						    enum fate *fate)
{
	__u32 lb_flags = settings->lb_flags, l3 = arrival_link(ctx, a);
	bool sound = l3 == L3_IPV4 ? arrival_ipv4(ctx, a) : l3 == L3_IPV6 && arrival_ipv6(ctx, a);

	*fate = FATE_PASS;
	if (a->has_addresses && is_prefiltered(&a->p.src, lb_flags)) {
		*fate = drop_prefiltered(ctx, a, settings->flags);
		return 0;
	}
	/* A frame to a group is not for this host alone (RFC 1122 §3.3.6). */
	if (!sound || !(lb_flags & (LB_SERVICES | LB_NAT)) || a->group || !arrival_is_whole(ctx, a))
		return 0;
	return find_service(ctx, a, settings, fate);
}

/* The way of every packet that no shorter one takes; of a plain one, the service may be known. */
static __always_inline enum fate forward(struct xdp_md *ctx, const struct settings *settings,
					 const struct service_entry *service)
{
	enum fate fate = FATE_PASS;
	struct arrival a = {};
	__u32 mtu = 0;

	if (!service)
		service = arrive(ctx, &a, settings, &fate);
	else if (!plain_arrival(ctx, &a))
		return FATE_PASS;
	if (!service)
		return fate;
	fate = serve(ctx, &a, service, settings->flags, &mtu);
	/* Told here, where the stack is deep enough. */
	if (fate == FATE_TOO_BIG)
		return too_big_answer(ctx, &a, mtu) ? FATE_SENT : FATE_DROP;
	return fate;
}

/* FATE_GO: the prefilter does not name the sender of a plain packet. */
static __noinline enum fate prefilter_plain(struct xdp_md *ctx)
{
	const struct settings *settings = &weir_settings;
	struct arrival a = {};

	if (!plain_arrival(ctx, &a) || !is_prefiltered(&a.p.src, settings->lb_flags))
		return FATE_GO;
	return drop_prefiltered(ctx, &a, settings->flags);
}

/* A plain packet where more than services is looked at. FATE_GO: it goes on. */
static __always_inline enum fate screen_plain(struct xdp_md *ctx, const struct plain *p,
					      const struct settings *settings)
{
	if (settings->flags & SETTINGS_TRACE ||
	    (settings->lb_flags & LB_NAT && nat_is_port(bucket_port(p->service), settings)))
		return FATE_NOT_MINE;
	return settings->lb_flags & (LB_PREFILTER_ADDRESS | LB_PREFILTER_PREFIX)
		   ? prefilter_plain(ctx)
		   : FATE_GO;
}

/* A plain packet. FATE_NOT_MINE: it goes the general way; "service" is its, where it is known. */
static __always_inline enum fate forward_plain(struct xdp_md *ctx, const struct plain *p,
					       const struct service_entry **service)
{
	bool more = false;
	const struct bucket_way *way = bucket_find(p->service, &more);
	enum fate fate;
	__u64 value;

	if (!way) {
		*service = more ? bucket_overflow(p->service) : 0;
		return *service ? FATE_NOT_MINE : FATE_PASS;
	}
	value = *(const volatile __u64 *)&way->value;
	fate = send_plain(ctx, p, value);
	if (fate == FATE_NOT_MINE)
		*service = bucket_service(value);
	return fate;
}

SEC("xdp")
int weir_xdp(struct xdp_md *ctx)
{
	const struct settings *settings = &weir_settings;
	const struct service_entry *service = 0;
	__u32 tables = settings->lb_flags;
	enum fate fate = FATE_GO;
	struct plain p;

	if (!tables)
		return XDP_PASS;
	if ((tables & (LB_SERVICES | LB_GENERAL)) == LB_SERVICES && plain_parse(ctx, &p)) {
		if (tables & (LB_NAT | LB_PREFILTER_ADDRESS | LB_PREFILTER_PREFIX) ||
		    settings->flags & SETTINGS_TRACE)
			fate = screen_plain(ctx, &p, settings);
		if (fate == FATE_GO)
			fate = forward_plain(ctx, &p, &service);
		if (fate != FATE_NOT_MINE)
			return (int)fate;
	}
	return (int)forward(ctx, settings, service);
}

char _license[] SEC("license") = "GPL";
