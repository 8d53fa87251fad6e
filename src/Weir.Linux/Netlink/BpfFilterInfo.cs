// SPDX-License-Identifier: Apache-2.0
namespace Weir.Linux.Netlink;

/// <summary>A filter of a device's clsact.</summary>
/// <param name="ProgramId">Of the program it runs; 0: it is no BPF filter.</param>
public readonly record struct BpfFilterInfo(ushort Priority, uint Handle, uint ProgramId);
