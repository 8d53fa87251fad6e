// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.State;

/// <summary>Names of the two ends of an endpoint's veth pair. The kernel allows 15 characters.</summary>
internal static class LinkNames
{
    /// <summary>Of the host's ends; the overlay's name begins so, too.</summary>
    internal const string HostPrefix = "weir";
    private const string ContainerPrefix = "wc";
    private const int Digits = 8;

    internal static string Host(string endpointId) => HostPrefix + Short(endpointId);

    /// <summary>Until the runtime moves it into the container and calls it eth0.</summary>
    internal static string Container(string endpointId) => ContainerPrefix + Short(endpointId);

    /// <summary>Whether a link of this name is one of ours.</summary>
    internal static bool IsHost(string name) =>
        name.Length == HostPrefix.Length + Digits && name.StartsWith(HostPrefix, StringComparison.Ordinal);

    private static string Short(string endpointId) => endpointId.Length >= Digits ? endpointId[..Digits] : endpointId.PadRight(Digits, '0');
}
