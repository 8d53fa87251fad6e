/* SPDX-License-Identifier: GPL-2.0 */
/* The constants of the programs of the host's devices. Included before all that reads packets. */
#pragma once
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include "../abi/config.h"

/* .rodata, written before load and frozen. */
const volatile struct device_config device_config = {.link_header = ETH_HLEN};

/* A tunnel's device carries bare IP packets. */
#define LINK_HEADER device_config.link_header
