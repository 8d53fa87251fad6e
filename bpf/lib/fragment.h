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

/* Both are functions of their own: few packets need their room on the stack. */

__noinline int fragment_remember(const struct packet *p)
{
	struct frag_entry entry = {};
	struct frag_key key;

	if (!p)
		return 0;
	key = fragment_key(p);
	entry.sport = p->sport;
	entry.dport = p->dport;
	return (int)bpf_map_update_elem(&weir_frag, &key, &entry, BPF_ANY);
}

__noinline enum drop_reason fragment_restore(struct packet *p)
{
	struct frag_entry *entry;
	struct frag_key key;

	if (!p)
		return DROP_REASON_MALFORMED;
	key = fragment_key(p);
	entry = bpf_map_lookup_elem(&weir_frag, &key);
	if (!entry)
		return DROP_REASON_FRAGMENT_NOT_FOUND;
	p->sport = entry->sport;
	p->dport = entry->dport;
	p->policy_port = entry->dport;
	return DROP_REASON_NONE;
}
