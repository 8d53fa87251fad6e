/* SPDX-License-Identifier: GPL-2.0 */
/* weir_pre_net: sources that are dropped at the device, before anything else. Whole addresses are
 * in weir_pre_addr, by struct ip_addr. */
#pragma once
#include "address.h"

struct prefilter_key {
	__u32 prefix_len; /* bits, 0..128; a v4 prefix adds 96 */
	struct ip_addr addr;
};
