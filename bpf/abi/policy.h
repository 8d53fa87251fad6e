/* SPDX-License-Identifier: GPL-2.0 */
/* weir_policy: array of maps, index = endpoint id; each inner map is an LPM trie of one endpoint.
 *
 * The control plane flattens rules into disjoint decisions, so that the longest match is final: at
 * most two lookups (the peer's identity, then identity 0 = any peer), whatever the number of rules.
 * No entry at all means deny. */
#pragma once
#include <linux/types.h>

enum direction {
	DIRECTION_INGRESS = 0, /* into the container */
	DIRECTION_EGRESS = 1,  /* out of the container */
	DIRECTION_DEVICE = 2,  /* at one of the host's devices; never in a policy key */
};

/* prefix_len counts the bits after itself: 40 = any protocol, 48 = any port, 48 + n = n bits of
 * port. */
struct policy_key {
	__u32 prefix_len;
	__u32 identity; /* peer; 0 = any */
	__u8 direction; /* enum direction */
	__u8 protocol;	/* IP protocol number */
	__be16 port;	/* destination port; ICMP: type << 8 | code */
};

enum verdict {
	VERDICT_NONE = 0,
	VERDICT_ALLOW = 1,
	VERDICT_DENY = 2,
	VERDICT_PROXY = 3, /* through the proxy, which judges each request */
	VERDICT_AUDIT = 4, /* in events: allowed, and rules in audit would have denied it */
};

enum policy_flag {
	POLICY_AUDIT = 1, /* allowed, and rules in audit would deny it: audit_rule */
	/* VERDICT_PROXY: no request is refused; what cannot go through the proxy passes without it */
	POLICY_PROXY_AUDIT = 2,
};

struct policy_entry {
	__u32 rule_id; /* deciding rule; 0 = none (enforcement off, or default deny) */
	__u8 verdict;  /* enum verdict */
	__u8 flags;    /* enum policy_flag */
	__u8 _pad0[2];
	__u32 http_policy; /* VERDICT_PROXY: what the proxy judges by; else 0 */
	__u32 audit_rule;  /* POLICY_AUDIT: the rule that would deny it; 0 = none would allow it */
};
