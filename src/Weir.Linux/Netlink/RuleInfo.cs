// SPDX-License-Identifier: Apache-2.0
namespace Weir.Linux.Netlink;

/// <summary>A rule that sends packets of a mark to a table.</summary>
/// <param name="Mask">The bits of a packet's mark that count.</param>
/// <param name="IsKernels">Its protocol is "kernel": managers of the network leave it alone.</param>
public readonly record struct RuleInfo(bool IsIpv6, uint Priority, uint Mark, uint Mask, uint Table, bool IsKernels = true);
