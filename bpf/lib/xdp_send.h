/* SPDX-License-Identifier: GPL-2.0 */
/* Sending a service's packet to a backend on another host, by DSR or by SNAT, and a backend's
 * answer by SNAT to the client. */
#pragma once
#include <bpf/bpf_endian.h>
#include "balance.h"
#include "device_report.h"
#include "encap.h"
#include "fragment.h"
#include "hop.h"
#include "nat.h"
#include "scratch.h"
#include "too_big.h"
#include "xdp_parse.h"

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
