/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP errors about packets of services: they reach the backend, or the client, that sent what they
 * quote. By SNAT the flow must live; by DSR this host keeps no flows, and the backend judges. */
#pragma once
#include "rewrite_quoted.h"
#include "xdp_quoted.h"
#include "xdp_send.h"

/* An error that has its route: sends it. */
static __always_inline enum fate send_error(struct xdp_md *ctx, const struct arrival *a,
					    struct scratch *s, __u32 frontend_id)
{
	enum fate fate = check_hop(ctx, a, &s->route.hop, frontend_id);

	if (fate != FATE_GO)
		return fate;
	hop_age(ctx, a);
	xdp_rewrite_error(ctx, a, s);
	return hop_send(ctx, &s->route.hop);
}

/* The flow of TCP that is proved, or of UDP, whose client would send a packet like s->forth; path gets
 * its backend, and "port" its port. Null: there is none. */
static __always_inline struct nat_entry *error_flow(struct scratch *s, struct nat_path *path,
						    __be16 *port)
{
	const struct packet *p = &s->forth;
	bool tcp = p->protocol == L4_TCP;
	const struct backend_entry *backend;
	struct nat_entry *forward, *reverse;

	nat_key_of(&s->key, p, NAT_FORWARD);
	forward = nat_lookup(&s->key, tcp);
	if (!forward)
		return 0;
	*port = forward->port;
	path->backend_id = forward->backend;
	backend = backend_of(path->backend_id);
	if (!backend)
		return 0;
	nat_key_from_backend(&s->key, backend, *port, p->protocol);
	reverse = nat_lookup(&s->key, tcp);
	return reverse && nat_is_of(reverse, p, path->frontend_id) &&
			       !nat_is_over(reverse, p->protocol, path->now)
		       ? reverse
		       : 0;
}

/* An error about a packet that a backend sent to a client by SNAT. */
__noinline enum fate error_to_nat_backend(struct xdp_md *ctx, const struct arrival *a,
					  __u32 frontend_id)
{
	struct nat_path path = {.frontend_id = frontend_id, .now = bpf_ktime_get_coarse_ns()};
	struct scratch *s = scratch_get();
	struct backend_entry *backend;
	struct nat_entry *reverse;
	__be16 port = 0;

	if (!a || !s)
		return FATE_PASS;
	reverse = error_flow(s, &path, &port);
	if (!reverse && s->forth.protocol == L4_TCP)
		reverse = nat_opening_by_client(s, &s->forth, &path, &port);
	/* A backend of this host has none. */
	if (!port)
		return FATE_PASS;
	backend = backend_of(path.backend_id);
	if (!reverse || !backend)
		return device_drop(ctx, a, DROP_REASON_ICMP_UNRELATED, frontend_id);
	hop_to_backend(backend, &s->route.hop);
	nat_backend_ends(backend, port, &s->route.ends);
	return send_error(ctx, a, s, frontend_id);
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
static __noinline enum fate error_to_backend(struct xdp_md *ctx, const struct arrival *a,
					     __u32 backend_id, const struct service_entry *service,
					     __u32 *mtu)
{
	struct backend_entry *backend = backend_id ? backend_of(backend_id) : 0;

	if (!backend)
		return device_drop(ctx, a, DROP_REASON_NO_BACKEND, service->frontend_id);
	if (backend->flags & BACKEND_LOCAL)
		return FATE_PASS;
	return send_whole(ctx, a, backend, service, mtu);
}

/* An error about a packet that SNAT sent to a backend: its client gets it. */
__noinline enum fate error_to_client(struct xdp_md *ctx, const struct arrival *a, __be32 seq)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct scratch *s = scratch_get();
	struct nat_entry *reverse;

	if (!a || !s)
		return FATE_PASS;
	if (s->forth.protocol == L4_UDP) {
		reverse = nat_answered_udp(s, &s->forth, now);
	} else {
		nat_key_of(&s->key, &s->forth, NAT_REVERSE);
		reverse = bpf_map_lookup_elem(&weir_nat, &s->key);
		if (!reverse || nat_is_over(reverse, L4_TCP, now))
			reverse = nat_answered_opening(s, nat_behind(seq), now);
	}
	if (!reverse || !nat_client_ends(reverse, &s->route.ends))
		return FATE_PASS;
	if (!quoted_is_possible(a) || !rate_allows(RATE_ERROR, QUOTED_PER_SECOND, now))
		return device_drop(ctx, a, DROP_REASON_ICMP_UNRELATED, reverse->frontend_id);
	hop_to_client(reverse, &s->route.hop);
	return send_error(ctx, a, s, reverse->frontend_id);
}

/* An error about a packet that came from that service. */
static __always_inline enum fate error_of_service(struct xdp_md *ctx, const struct arrival *a,
						  struct scratch *s,
						  const struct service_entry *service)
{
	struct backend_entry *backend;
	__u32 sender;

	if (service->flags & SERVICE_HOST_ONLY)
		return FATE_PASS;
	if (!quoted_is_possible(a) ||
	    !rate_allows(RATE_ERROR, QUOTED_PER_SECOND, bpf_ktime_get_coarse_ns()))
		return device_drop(ctx, a, DROP_REASON_ICMP_UNRELATED, service->frontend_id);
	sender = error_sender(&s->forth, service);
	backend = sender ? backend_of(sender) : 0;
	if (service->mode == SERVICE_MODE_SNAT && !(backend && backend->flags & BACKEND_NODE))
		return error_to_nat_backend(ctx, a, service->frontend_id);
	return error_to_backend(ctx, a, sender, service, &s->route.mtu);
}

__noinline enum fate icmp_packet(struct xdp_md *ctx, const struct arrival *a,
				 const struct settings *settings)
{
	const struct service_entry *service;
	struct scratch *s = scratch_get();
	const struct packet *forth;

	if (!a || !s || !settings || a->p.flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		return FATE_PASS;
	__builtin_memset(&s->quoted, 0, sizeof(s->quoted));
	if (!xdp_parse_quoted(ctx, a, &s->quoted))
		return FATE_PASS;
	turn_round(&s->quoted.p, &s->forth);
	forth = &s->forth;
	/* The error goes to the one whose packet it quotes, nobody else. */
	if (!ip_addr_equal(&forth->dst, &a->p.dst))
		return FATE_PASS;
	service = service_copy(&forth->dst, forth->dport, forth->protocol);
	if (service)
		return error_of_service(ctx, a, s, service);
	if (settings->lb_flags & LB_NAT && nat_is_port(forth->dport, settings))
		return error_to_client(ctx, a, quoted_seq(ctx, &s->quoted));
	return FATE_PASS;
}
