/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP errors about packets of services: they reach the backend, or the client, that sent what they
 * quote. */
#pragma once
#include "balance.h"
#include "nat.h"
#include "rewrite_quoted.h"
#include "scratch.h"
#include "xdp_send.h"

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
