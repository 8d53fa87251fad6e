/* SPDX-License-Identifier: GPL-2.0 */
/* Telling people what became of a packet at a device. */
#pragma once
#include "fate.h"
#include "maps.h"
#include "metrics.h"
#include "rate.h"
#include "xdp_parse.h"

enum device_report_limit {
	/* Drops that one CPU reports in a second: a flood must not fill the ring in which the events
	 * of containers are. The others are counted as lost, and by their reason. */
	DEVICE_DROPS_PER_SECOND = 2000,
};

static __noinline void device_event(struct xdp_md *ctx, const struct arrival *a,
				    enum event_type type, enum drop_reason reason,
				    __u32 frontend_id)
{
	__u64 now = bpf_ktime_get_ns();
	struct event *e = 0;

	if (type != EVENT_DROP || rate_allows(RATE_EVENT, DEVICE_DROPS_PER_SECOND, now))
		e = bpf_ringbuf_reserve(&weir_events, sizeof(*e), 0);
	if (!e) {
		__u32 zero = 0;
		__u64 *lost = bpf_map_lookup_elem(&weir_lost, &zero);

		if (lost)
			(*lost)++;
		return;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->time_ns = now;
	e->src = a->p.src;
	e->dst = a->p.dst;
	e->length = frame_length(ctx);
	e->sport = a->p.sport;
	e->dport = a->p.dport;
	e->type = (__u8)type;
	e->drop_reason = (__u8)reason;
	e->verdict = reason ? VERDICT_DENY : VERDICT_ALLOW;
	e->direction = DIRECTION_DEVICE;
	e->protocol = a->p.protocol;
	e->tcp_flags = a->p.tcp_flags;
	e->ether_type = a->p.flags & PACKET_IPV6 ? bpf_htons(L3_IPV6) : bpf_htons(L3_IPV4);
	e->frontend_id = frontend_id;
	bpf_ringbuf_submit(e, 0);
}

/* The only way out for a packet of a service that goes no further. */
static __noinline enum fate device_drop(struct xdp_md *ctx, const struct arrival *a,
				  enum drop_reason reason, __u32 frontend_id)
{
	metrics_count(DIRECTION_DEVICE, reason, frame_length(ctx));
	/* What is sent again was refused by nobody. */
	if (reason != DROP_REASON_TAKING_OVER)
		device_event(ctx, a, EVENT_DROP, reason, frontend_id);
	return FATE_DROP;
}

/* Counts a client's packet to a service. */
static __always_inline void device_count(__u32 frontend_id, __u32 length)
{
	struct lb_stats *stats = bpf_map_lookup_elem(&weir_lb_stats, &frontend_id);

	if (stats) {
		stats->packets++;
		stats->bytes += length;
	}
}
