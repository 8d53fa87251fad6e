/* SPDX-License-Identifier: GPL-2.0 */
/* Later fragments carry no ports: they take those of the first one that was let through. */
#pragma once
#include "maps.h"
#include "packet.h"

static __always_inline struct frag_key fragment_key(const struct packet *p)
{
	struct frag_key key = {
		.src = p->src,
		.dst = p->dst,
		.id = p->frag_id,
		.protocol = p->protocol,
	};

	return key;
}

static __always_inline void fragment_remember(const struct packet *p)
{
	struct frag_key key = fragment_key(p);
	struct frag_entry entry = {.sport = p->sport, .dport = p->dport};

	bpf_map_update_elem(&weir_frag, &key, &entry, BPF_ANY);
}

static __always_inline enum drop_reason fragment_restore(struct packet *p)
{
	struct frag_key key = fragment_key(p);
	struct frag_entry *entry = bpf_map_lookup_elem(&weir_frag, &key);

	if (!entry)
		return DROP_REASON_FRAGMENT_NOT_FOUND;
	p->sport = entry->sport;
	p->dport = entry->dport;
	p->policy_port = entry->dport;
	return DROP_REASON_NONE;
}
