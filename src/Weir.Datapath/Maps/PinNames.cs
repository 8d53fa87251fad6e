// SPDX-License-Identifier: Apache-2.0
namespace Weir.Datapath;

/// <summary>Devices' names as parts of pins' names: a BPF file system has no dots in names; a VLAN's device has one.</summary>
internal static class PinNames
{
    internal static string Of(string device) => device.Replace("%", "%25", StringComparison.Ordinal).Replace(".", "%2E", StringComparison.Ordinal);

    internal static string Device(string name) => name.Replace("%2E", ".", StringComparison.Ordinal).Replace("%25", "%", StringComparison.Ordinal);
}
