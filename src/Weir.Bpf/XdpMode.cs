// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf;

/// <summary>Where a device runs its XDP program.</summary>
public enum XdpMode
{
    /// <summary>In its driver, before there is a packet of the stack.</summary>
    Native,

    /// <summary>In the stack: every device can, at a cost.</summary>
    Generic,
}
