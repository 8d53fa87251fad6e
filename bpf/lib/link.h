/* SPDX-License-Identifier: GPL-2.0 */
/* The link's header, and Ethernet addresses. */
#pragma once
#include <stdbool.h>
#include <linux/if_ether.h>
#include <linux/types.h>

/* Bytes in front of the IP header. A container's link is Ethernet; the host's devices may be something
 * else (device_config.h). */
#ifndef LINK_HEADER
#define LINK_HEADER ETH_HLEN
#endif

/* By a word and a half: told nothing, the compiler takes six bytes one by one. Packets and maps may be read
 * at any place; on the stack an address must lie where a word may. */
static __always_inline bool mac_equal(const volatile __u8 *a, const volatile __u8 *b)
{
	return *(const volatile __u32 *)a == *(const volatile __u32 *)b &&
	       *(const volatile __u16 *)(a + 4) == *(const volatile __u16 *)(b + 4);
}

static __always_inline void mac_copy(__u8 *to, const volatile __u8 *from)
{
	*(volatile __u32 *)to = *(const volatile __u32 *)from;
	*(volatile __u16 *)(to + 4) = *(const volatile __u16 *)(from + 4);
}
