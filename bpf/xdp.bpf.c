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
#include "lib/near.h"
#include "lib/plain.h"
#include "lib/prefilter.h"
#include "lib/take_over.h"
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
	if (take_over_waits(&a->p))
		return device_drop(ctx, a, DROP_REASON_TAKING_OVER, frontend_id);
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
static __always_inline const struct service_entry *find_service(struct xdp_md *ctx,
								struct arrival *a,
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
		struct scratch *s;
		enum fate reply;

		if (take_over_waits(&a->p)) {
			*fate = device_drop(ctx, a, DROP_REASON_TAKING_OVER, 0);
			return 0;
		}
		s = scratch_get();
		reply = s ? prepare_reply(ctx, a, &s->route) : FATE_NOT_MINE;

		if (reply != FATE_NOT_MINE) {
			*fate = reply == FATE_GO ? send_rewritten(ctx, a, &s->route) : reply;
			return 0;
		}
	}
	return service_copy(&a->p.dst, a->p.dport, a->p.protocol);
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
 * by DSR whose slot is at rest, or of a flow by SNAT that is near. Changes and counts nothing until the packet can go: whatever stands
 * in its way is FATE_NOT_MINE, and the general way tells what. "service" is a bucket's value. */
static __always_inline enum fate send_plain(struct xdp_md *ctx, const struct plain *p,
					    __u64 service)
{
	__u8 mode = bucket_mode(service);
	struct service_slot slot;
	struct backend_hop *backend;
	struct ethhdr *eth;
	struct hop hop;

	if (mode == SERVICE_MODE_SNAT)
		return near_send(ctx, p->hash, bucket_frontend_id(service));
	slot = balance_slot(bucket_slot(service, p->hash));
	if (slot.previous || slot.backend >= HOP_COUNT || !plain_is_short(p->frame))
		return FATE_NOT_MINE;
	backend = &weir_hop.ipv4[slot.backend];
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

/* The same of IPv6. */
static __always_inline enum fate send_plain_ipv6(struct xdp_md *ctx, __u64 service, __u32 hash,
						 __u32 length)
{
	struct service_slot slot = balance_slot(bucket_slot(service, hash));
	__u8 mode = bucket_mode(service);
	struct backend_hop6 *backend;
	struct ethhdr *eth;
	struct hop hop;

	if (slot.previous || slot.backend >= HOP_COUNT || mode == SERVICE_MODE_SNAT)
		return FATE_NOT_MINE;
	backend = &weir_hop.ipv6[slot.backend];
	/* One address, or each field has its own. */
	asm volatile("" : "+r"(backend));
	hop.mac = *(volatile __u64 *)&backend->mac;
	if (!hop.mac)
		return FATE_NOT_MINE;
	eth = encap_is_due(backend->flags, mode) ? plain_encap_ipv6(ctx, backend)
						 : plain_bare_ipv6(ctx);
	if (!eth)
		return FATE_NOT_MINE;
	hop.own_mac = *(volatile __u64 *)&backend->source_mac;
	hop.ifindex = *(volatile __u32 *)&backend->ifindex;
	hop_put_macs(eth, &hop);
	device_count(bucket_frontend_id(service), length);
	return hop_leave(ctx, &hop);
}

/* Reads any packet, and finds its service. Null: "fate" is the packet's. */
static __always_inline const struct service_entry *arrive(struct xdp_md *ctx, struct arrival *a,
							  const struct settings *settings,
							  enum fate *fate)
{
	__u32 lb_flags = settings->lb_flags, l3;
	bool sound;

	*a = (struct arrival){};
	*fate = FATE_PASS;
	l3 = arrival_link(ctx, a);
	sound = l3 == L3_IPV4 ? arrival_ipv4(ctx, a) : l3 == L3_IPV6 && arrival_ipv6(ctx, a);
	if (a->has_addresses && is_prefiltered(&a->p.src, lb_flags)) {
		*fate = drop_prefiltered(ctx, a, settings->flags);
		return 0;
	}
	/* A frame to a group is not for this host alone (RFC 1122 §3.3.6). */
	if (!sound || !(lb_flags & (LB_SERVICES | LB_NAT)) || a->group || !arrival_is_whole(ctx, a))
		return 0;
	return find_service(ctx, a, settings, fate);
}

/* FATE_GO: the prefilter does not name the sender. */
static __always_inline enum fate prefilter(struct xdp_md *ctx, const struct arrival *a)
{
	const struct settings *settings = &weir_settings;

	return is_prefiltered(&a->p.src, settings->lb_flags)
		   ? drop_prefiltered(ctx, a, settings->flags)
		   : FATE_GO;
}

static __noinline enum fate prefilter_plain(struct xdp_md *ctx)
{
	struct arrival a;

	return plain_arrival(ctx, &a) ? prefilter(ctx, &a) : FATE_GO;
}

/* Is more than services looked at? */
static __always_inline bool is_screened(const struct settings *settings, __u32 tables)
{
	return tables & (LB_NAT | LB_PREFILTER_ADDRESS | LB_PREFILTER_PREFIX) ||
	       settings->flags & SETTINGS_TRACE;
}

/* Is it for a port of SNAT's? */
static __always_inline bool is_answer(const struct settings *settings, __be16 port)
{
	return settings->lb_flags & LB_NAT && nat_is_port(port, settings);
}

/* A plain packet where more than services is looked at. FATE_GO: it goes on. */
static __always_inline enum fate screen_plain(struct xdp_md *ctx, const struct plain *p,
					      const struct settings *settings)
{
	if (settings->flags & SETTINGS_TRACE)
		return FATE_NOT_MINE;
	if (settings->lb_flags & (LB_PREFILTER_ADDRESS | LB_PREFILTER_PREFIX)) {
		enum fate fate = prefilter_plain(ctx);

		if (fate != FATE_GO)
			return fate;
	}
	return is_answer(settings, bucket_port(p->service)) ? near_send(ctx, p->hash, 0) : FATE_GO;
}

static __noinline enum fate screen_plain_ipv6(struct xdp_md *ctx)
{
	struct arrival a;

	if (!plain_arrival_ipv6(ctx, &a) || weir_settings.flags & SETTINGS_TRACE ||
	    is_answer(&weir_settings, a.p.dport))
		return FATE_NOT_MINE;
	return prefilter(ctx, &a);
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

/* The same of IPv6; what its bucket does not have is read anew, as any packet is. */
static __always_inline enum fate forward_plain_ipv6(struct xdp_md *ctx,
						    const struct settings *settings, __u32 tables,
						    const struct service_entry **service)
{
	const struct plain_frame6 *frame;
	const struct bucket_way *way;
	enum fate fate = FATE_GO;
	bool more = false;
	__u32 length;
	__u64 value;

	frame = plain_parse_ipv6(ctx, &length);
	if (!frame)
		return FATE_NOT_MINE;
	if (is_screened(settings, tables))
		fate = screen_plain_ipv6(ctx);
	if (fate != FATE_GO)
		return fate;
	way = plain_find_ipv6(frame, &more);
	if (!way)
		return more ? FATE_NOT_MINE : FATE_PASS;
	value = *(const volatile __u64 *)&way->value;
	fate = send_plain_ipv6(ctx, value, plain_hash_ipv6(frame), length);
	if (fate == FATE_NOT_MINE)
		*service = bucket_service(value);
	return fate;
}

/* The short way. FATE_NOT_MINE: the packet goes the general one; its service may be known, and then
 * "a" has the packet. */
static __always_inline enum fate shorten(struct xdp_md *ctx, const struct settings *settings,
					 __u32 tables, struct arrival *a,
					 const struct service_entry **service)
{
	enum fate fate = FATE_GO;
	struct plain p;

	if (plain_parse(ctx, &p)) {
		if (is_screened(settings, tables))
			fate = screen_plain(ctx, &p, settings);
		if (fate == FATE_GO)
			fate = forward_plain(ctx, &p, service);
		if (fate != FATE_NOT_MINE || !*service)
			return fate;
		/* It can be read again, but the verifier does not know that. */
		return plain_arrival(ctx, a) ? FATE_NOT_MINE : FATE_PASS;
	}
	fate = forward_plain_ipv6(ctx, settings, tables, service);
	if (fate != FATE_NOT_MINE || !*service)
		return fate;
	return plain_arrival_ipv6(ctx, a) ? FATE_NOT_MINE : FATE_PASS;
}

/* The way of every packet that no shorter one takes. */
static __always_inline enum fate forward(struct xdp_md *ctx, const struct settings *settings,
					 struct arrival *a, const struct service_entry *service)
{
	enum fate fate = FATE_PASS;
	__u32 mtu = 0;

	if (!service)
		service = arrive(ctx, a, settings, &fate);
	if (!service)
		return fate;
	fate = serve(ctx, a, service, settings->flags, &mtu);
	/* Told here, where the stack is deep enough. */
	if (fate == FATE_TOO_BIG)
		return too_big_answer(ctx, a, mtu) ? FATE_SENT : FATE_DROP;
	return fate;
}

SEC("xdp")
int weir_xdp(struct xdp_md *ctx)
{
	const struct settings *settings = &weir_settings;
	const struct service_entry *service = 0;
	__u32 tables = settings->lb_flags;
	enum fate fate = FATE_NOT_MINE;
	struct arrival a;

	if (!tables)
		return XDP_PASS;
	if ((tables & (LB_SERVICES | LB_GENERAL)) == LB_SERVICES)
		fate = shorten(ctx, settings, tables, &a, &service);
	return (int)(fate == FATE_NOT_MINE ? forward(ctx, settings, &a, service) : fate);
}

char _license[] SEC("license") = "GPL";
