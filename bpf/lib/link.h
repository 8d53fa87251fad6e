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

static __always_inline bool mac_equal(const volatile __u8 *a, const volatile __u8 *b)
{
	return a[5] == b[5] && a[4] == b[4] && a[3] == b[3] && a[2] == b[2] && a[1] == b[1] &&
	       a[0] == b[0];
}

static __always_inline void mac_copy(__u8 *to, const volatile __u8 *from)
{
#pragma unroll
	for (int i = 0; i < ETH_ALEN; i++)
		to[i] = from[i];
}
