/* SPDX-License-Identifier: GPL-2.0 */
/* Sending a service's packet to a backend on another host, by DSR or by SNAT, and a backend's
 * answer by SNAT to the client. */
#pragma once
#include <bpf/bpf_endian.h>
#include "balance.h"
#include "device_report.h"
#include "encap.h"
#include "fate.h"
#include "fragment.h"
#include "nat_tcp.h"
#include "nat_udp.h"
#include "near.h"
#include "scratch.h"
#include "too_big.h"
#include "xdp_rewrite.h"

/* Fills in the way to a backend on another host. */
static __always_inline void hop_to_backend(const struct backend_entry *backend, struct hop *hop)
{
	hop->mac = hop_mac(backend->mac);
	hop->own_mac = hop_mac(backend->source_mac);
	hop->ifindex = backend->ifindex;
}

/* May the packet go on? FATE_GO: it may. */
static __always_inline enum fate check_hop(struct xdp_md *ctx, const struct arrival *a,
					   const struct hop *hop, __u32 frontend_id)
{
	if (!hop->mac)
		return device_drop(ctx, a, DROP_REASON_NO_NEXT_HOP, frontend_id);
	if (!hop_is_possible(ctx, a, hop) || !hop_lives(ctx, a))
		return FATE_PASS;
	return FATE_GO;
}

/* Does it fit the hop's link, "more" bytes longer? FATE_GO: it does. FATE_TOO_BIG: "mtu" would. */
static __always_inline enum fate check_size(struct xdp_md *ctx, const struct arrival *a,
					    const struct hop *hop, __u32 more, __u32 frontend_id,
					    __u32 *mtu)
{
	__u32 limit = too_big_limit(ctx, a, hop->ifindex, more);

	if (!limit)
		return FATE_GO;
	*mtu = limit;
	device_drop(ctx, a, DROP_REASON_TOO_BIG, frontend_id);
	return FATE_TOO_BIG;
}

/* Later fragments find their ports by what the first one had. */
static __always_inline void remember_fragment(const struct arrival *a)
{
	if (a->p.flags & PACKET_FIRST_FRAGMENT)
		fragment_remember(&a->p);
}

/* DSR: the packet goes to the backend as it is; the backend, or the node that has it, answers the client itself. */
static __always_inline enum fate send_whole(struct xdp_md *ctx, const struct arrival *a,
					    const struct backend_entry *backend,
					    const struct service_entry *service, __u32 *mtu)
{
	__u32 more = encap_is_due(backend->flags, service->mode) ? encap_size(a) : 0;
	struct hop hop;
	enum fate fate;

	hop_to_backend(backend, &hop);
	fate = check_hop(ctx, a, &hop, service->frontend_id);
	if (fate == FATE_GO)
		fate = check_size(ctx, a, &hop, more, service->frontend_id, mtu);
	if (fate != FATE_GO)
		return fate;
	remember_fragment(a);
	hop_age(ctx, a);
	/* A driver that leaves no room in front of its frames. */
	if (more && !encap_packet(ctx, a, backend))
		return device_drop(ctx, a, DROP_REASON_TOO_BIG, service->frontend_id);
	return hop_send(ctx, &hop);
}

/* Can a packet go to the backend by SNAT? */
static __always_inline enum fate check_nat_hop(struct xdp_md *ctx, const struct arrival *a,
					       const struct backend_entry *backend,
					       struct route *route, __u32 frontend_id)
{
	enum fate fate;

	hop_to_backend(backend, &route->hop);
	fate = check_hop(ctx, a, &route->hop, frontend_id);
	if (fate != FATE_GO || route->hop.ifindex == ctx->ingress_ifindex)
		return fate;
	return check_size(ctx, a, &route->hop, 0, frontend_id, &route->mtu);
}

/* Global functions (not static) are verified once, not once a caller and state. Their pointers may
 * be null as far as the verifier knows. */

/* The port of a flow that is known; 0: it is not, or a new one begins. "backend" is the table's. */
static __always_inline __be16 nat_known(struct xdp_md *ctx, struct scratch *s,
					const struct arrival *a, struct nat_path *path,
					const struct backend_entry *backend)
{
	bool tcp = a->p.protocol == L4_TCP;
	struct nat_entry *forward, *reverse;
	__u32 backend_id;
	__be16 port;

	nat_key_of(&s->key, &a->p, NAT_FORWARD);
	forward = nat_lookup(&s->key, tcp);
	if (!forward)
		return 0;
	port = forward->port;
	backend_id = forward->backend;
	/* UDP's goes by the table, which knows of old flows as much as there is to know. */
	if (!tcp && path->opens && backend_id != path->backend_id)
		return 0;
	if (backend_id != path->backend_id)
		backend = backend_of(backend_id);
	if (!backend) {
		path->reason = DROP_REASON_NO_BACKEND;
		return 0;
	}
	nat_key_from_backend(&s->back, backend, port, a->p.protocol);
	reverse = nat_lookup(&s->back, tcp);
	if (!reverse || !nat_is_of(reverse, &a->p, path->frontend_id))
		return 0;
	if (tcp && (path->opens || reverse->flags) && nat_is_left(ctx, a, path, reverse, s))
		return 0;
	path->backend_id = backend_id;
	path->goes_on = tcp && !reverse->flags;
	nat_touch(ctx, reverse, a, true, path->now);
	nat_learn(ctx, reverse);
	return port;
}

static __always_inline __be16 nat_port(struct xdp_md *ctx, struct scratch *s,
				       const struct arrival *a, struct nat_path *path,
				       const struct backend_entry *backend)
{
	__be16 port = nat_known(ctx, s, a, path, backend);

	if (port)
		return port;
	if (!path->opens)
		return a->p.protocol == L4_TCP ? (__be16)nat_tcp_opening(ctx, a, path) : 0;
	path->reason = DROP_REASON_NAT_NO_PORT;
	return (__be16)(a->p.protocol == L4_TCP ? nat_open_tcp(ctx, a, path, backend, s)
						: nat_open_udp(ctx, a, path, backend, s));
}

/* The same of a client's, which is answered where it came from. */
static __always_inline void near_put_client(struct xdp_md *ctx, const struct arrival *a,
					    const struct ends *to, __u32 backend_id,
					    __u32 frontend_id)
{
	struct ethhdr *eth = PARSE_AT(ctx, 0, struct ethhdr);
	struct hop client = {.ifindex = ctx->ingress_ifindex};

	if (!eth)
		return;
	client.mac = hop_mac(eth->h_source);
	client.own_mac = hop_mac(eth->h_dest);
	near_put(a, to, &client, backend_id, frontend_id);
}

/* Finds or opens a client's flow. FATE_GO: the route has the ends and the hop that its packet gets.
 */
__noinline enum fate prepare_nat(struct xdp_md *ctx, const struct arrival *a, __u32 backend_id,
				 __u32 frontend_id, struct route *route)
{
	struct nat_path path = {
	    .backend_id = backend_id,
	    .frontend_id = frontend_id,
	    .reason = DROP_REASON_CT_INVALID,
	    .now = bpf_ktime_get_coarse_ns(),
	};
	struct backend_entry *backend = backend_of(backend_id);
	struct scratch *s = scratch_get();
	enum fate fate;
	__be16 port;

	if (!a || !s || !route)
		return FATE_DROP;
	if (!backend)
		return device_drop(ctx, a, DROP_REASON_NO_BACKEND, frontend_id);
	fate = check_nat_hop(ctx, a, backend, route, frontend_id);
	if (fate != FATE_GO)
		return fate;
	path.opens = packet_opens(&a->p);
	port = nat_port(ctx, s, a, &path, backend);
	if (!port)
		return device_drop(ctx, a, path.reason, frontend_id);
	if (path.backend_id != backend_id) {
		/* A flow stays where it is, whatever the table says now. */
		backend = backend_of(path.backend_id);
		if (!backend)
			return device_drop(ctx, a, DROP_REASON_NO_BACKEND, frontend_id);
		fate = check_nat_hop(ctx, a, backend, route, frontend_id);
	}
	nat_backend_ends(backend, port, &route->ends);
	if (path.goes_on && fate == FATE_GO)
		near_put_client(ctx, a, &route->ends, path.backend_id, frontend_id);
	return fate;
}

/* Sends a packet with the route's ends to its hop. */
__noinline enum fate send_rewritten(struct xdp_md *ctx, const struct arrival *a,
				    const struct route *route)
{
	if (!a || !route)
		return FATE_DROP;
	remember_fragment(a);
	hop_age(ctx, a);
	xdp_rewrite(ctx, a, &route->ends);
	return hop_send(ctx, &route->hop);
}

static __always_inline void hop_to_client(const struct nat_entry *reverse, struct hop *hop)
{
	hop->mac = hop_mac(reverse->mac);
	hop->own_mac = hop_mac(reverse->own_mac);
	hop->ifindex = reverse->ifindex;
}

/* The same as prepare_nat for a backend's packet to a port of this host that SNAT gave away. */
__noinline enum fate prepare_reply(struct xdp_md *ctx, const struct arrival *a, struct route *route)
{
	struct scratch *s = scratch_get();
	__u64 now = bpf_ktime_get_coarse_ns();
	struct nat_entry *reverse;
	bool goes_on = false;
	enum fate fate;

	if (!a || !s || !route)
		return FATE_NOT_MINE;
	reverse = a->p.protocol == L4_TCP ? nat_answered_tcp(ctx, s, a, now, &goes_on)
					  : nat_answered_udp(s, &a->p, now);
	if (!reverse || !nat_client_ends(reverse, &route->ends))
		return FATE_NOT_MINE;
	hop_to_client(reverse, &route->hop);
	fate = check_hop(ctx, a, &route->hop, reverse->frontend_id);
	if (fate != FATE_GO)
		return fate;
	nat_touch(ctx, reverse, a, false, now);
	if (goes_on)
		near_put(a, &route->ends, &route->hop, 0, reverse->frontend_id);
	return FATE_GO;
}
