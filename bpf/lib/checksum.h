/* SPDX-License-Identifier: GPL-2.0 */
/* Internet checksums kept right while single words change (RFC 1624, equation 3). */
#pragma once
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include "../abi/address.h"

/* A sum of changes: add those of all words, apply it to each checksum that covers them. */
static __always_inline __u64 sum_change(__u64 sum, __u32 from, __u32 to)
{
	return sum + (__u32)~from + to;
}

static __always_inline __u64 sum_change16(__u64 sum, __u16 from, __u16 to)
{
	return sum + (__u16)~from + to;
}

static __always_inline __u64 sum_change_addr(__u64 sum, const struct ip_addr *from,
					     const struct ip_addr *to)
{
	sum = sum_change(sum, from->word[0], to->word[0]);
	sum = sum_change(sum, from->word[1], to->word[1]);
	sum = sum_change(sum, from->word[2], to->word[2]);
	return sum_change(sum, from->word[3], to->word[3]);
}

/* Of three halves of words at most. */
static __always_inline __u16 sum_fold16(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)(sum + (sum >> 16));
}

static __always_inline __u16 sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* The checksum after those changes. */
static __always_inline __u16 sum_apply(__u16 check, __u64 sum)
{
	return (__u16)~sum_fold(sum + (__u16)~check);
}

/* UDP's: 0 says that there is none, and stays (RFC 768); a computed 0 is sent as its other form. */
static __always_inline __u16 sum_apply_udp(__u16 check, __u64 sum)
{
	__u16 changed;

	if (!check)
		return 0;
	changed = sum_apply(check, sum);
	return changed ? changed : 0xffff;
}

/* One hop less to go. */
static __always_inline void hop_age_ipv4(struct iphdr *ip)
{
	/* The upper byte of a word falls by one: its complement rises (RFC 1141). */
	__u32 check = ip->check + bpf_htons(0x0100);

	ip->check = (__u16)(check + (check >= 0xffff));
	ip->ttl--;
}
