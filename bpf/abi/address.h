/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses of both families in one form. Included by every other header here. */
#pragma once
#include <linux/types.h>

/* An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), in network order. */
struct ip_addr {
	__be32 word[4];
};
