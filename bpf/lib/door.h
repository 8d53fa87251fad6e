/* SPDX-License-Identifier: GPL-2.0 */
/* The doors by which outsiders come to a container of this host: its published ports, and its own
 * addresses. Both are closed unless somebody opened them. */
#pragma once
#include "identity.h"
#include "maps.h"
#include "packet.h"
#include "ruling.h"

enum publish_bits {
	PUBLISH_FULL_KEY = 192, /* the port, and the whole source */
};

static __always_inline bool door_is_open(const struct publish_key *key, __u32 ifindex)
{
	struct publish_entry *entry = bpf_map_lookup_elem(&weir_publish, key);

	return entry && (!entry->ifindex || entry->ifindex == ifindex);
}

/* May the source open a flow that no rule of policy speaks of to the endpoint? It comes by a service
 * where the ruling names one, else to the endpoint's own address. */
static __always_inline enum drop_reason door_judge(const struct ip_addr *source, bool v6,
						   __u32 identity, const struct ruling *v,
						   __u32 endpoint_id, __u16 endpoint_flags)
{
	struct publish_key key = {.prefix_len = PUBLISH_FULL_KEY, .v6 = v6};
	__u32 frontend_id = v->frontend_id;
	struct frontend_entry *frontend;

	if (identity == IDENTITY_HOST)
		return DROP_REASON_NONE;
	if (!frontend_id)
		return endpoint_flags & ENDPOINT_ROUTED ? DROP_REASON_NONE : DROP_REASON_NOT_ROUTED;
	frontend = bpf_map_lookup_elem(&weir_frontend, &frontend_id);
	if (!frontend)
		return DROP_REASON_NOT_PUBLISHED;
	if (!(frontend->flags & FRONTEND_CLOSED))
		return DROP_REASON_NONE;
	key.source = *source;
	if (door_is_open(&key, v->ifindex))
		return DROP_REASON_NONE;
	key.endpoint_id = (__u16)endpoint_id;
	key.port = frontend->port;
	key.protocol = frontend->protocol;
	return door_is_open(&key, v->ifindex) ? DROP_REASON_NONE : DROP_REASON_NOT_PUBLISHED;
}
