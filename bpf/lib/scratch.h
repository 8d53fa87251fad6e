/* SPDX-License-Identifier: GPL-2.0 */
/* What does not fit the stack of 512 bytes beside the callers' frames. */
#pragma once
#include "maps.h"
#include "route.h"
#include "xdp_parse.h"

struct scratch {
	struct arrival quoted; /* what an ICMP error quotes */
	struct packet forth;   /* the same as the other end sent it */
	struct route route;    /* of the packet that is there */
	struct ends inner;     /* what the quoted packet gets */
	struct service_entry service; /* whose the packet is */
	struct nat_key key;    /* of a flow by SNAT: by the packet that is there */
	struct nat_key back;   /* the other end's */
	struct nat_entry entry;
};

/* Used by weir_xdp while it has one packet; nobody else knows it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} weir_scratch SEC(".maps");

static __always_inline struct scratch *scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&weir_scratch, &zero);
}

/* The service of that address. */
static __always_inline const struct service_entry *service_copy(const struct ip_addr *addr,
								__be16 port, __u8 protocol)
{
	struct scratch *s = scratch_get();

	return s && service_find(addr, port, protocol, &s->service) ? &s->service : 0;
}
