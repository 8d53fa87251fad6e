/* SPDX-License-Identifier: GPL-2.0 */
/* What host, proxy and programs tell one another by a packet's mark. */
#pragma once

/* skb->mark. Bits 8 to 11 tell, the upper half carries the source's identity. What a container
 * sends has no mark: the kernel clears it between namespaces. */
enum proxy_mark {
	MARK_TO_PROXY = 0x200,
	MARK_FROM_PROXY = 0xa00,
	MARK_ANSWER = 0x10b6, /* what the datapath answers for a container: not judged */
	MARK_MASK = 0xf00,
	MARK_IDENTITY_SHIFT = 16,
};
