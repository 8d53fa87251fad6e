/* SPDX-License-Identifier: GPL-2.0 */
/* The way by which a packet leaves. Filled in by whoever says FATE_GO or FATE_TOO_BIG. */
#pragma once
#include "../abi/address.h"

/* The two ends that a packet gets in the place of its own. */
struct ends {
	struct ip_addr src;
	struct ip_addr dst;
	__be16 sport;
	__be16 dport;
};

/* The next one who gets it. MACs are in the low six bytes, as they lie in memory. */
struct hop {
	__u64 mac; /* 0: not known */
	__u64 own_mac;
	__u32 ifindex;
};

struct route {
	struct ends ends; /* where it is rewritten */
	struct hop hop;
	__u32 mtu; /* FATE_TOO_BIG: the largest packet that could have gone */
};

static __always_inline __u32 ends_ports(__be16 sport, __be16 dport)
{
	return (__u32)dport << 16 | sport;
}
