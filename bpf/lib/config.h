/* SPDX-License-Identifier: GPL-2.0 */
/* The endpoint's own constants. */
#pragma once
#include <bpf/bpf_helpers.h>
#include "../abi/config.h"

/* .rodata, written before load and frozen: what makes this program the endpoint's own. */
const volatile struct endpoint_config endpoint_config = {};
