// SPDX-License-Identifier: Apache-2.0
namespace Weir.Linux.Netlink;

/// <summary>An interface as the kernel has it now, with its own settings.</summary>
/// <param name="XdpProgram">The number of the XDP program that runs there; 0: none.</param>
public sealed record LinkState(int Index, string Name, ReadOnlyMemory<byte> Mac, bool IsUp, uint XdpProgram)
{
    // Places in IPV4_DEVCONF_* (linux/ip.h, less one) and DEVCONF_* (linux/ipv6.h).
    private static readonly Dictionary<string, int> _ipv4Places = new()
    {
        ["forwarding"] = 0,
        ["send_redirects"] = 5,
        ["rp_filter"] = 7,
        ["arp_ignore"] = 18,
        ["accept_local"] = 22,
        ["src_valid_mark"] = 23,
        ["route_localnet"] = 25,
    };

    private static readonly Dictionary<string, int> _ipv6Places = new()
    {
        ["forwarding"] = 0,
        ["accept_ra"] = 3,
        ["disable_ipv6"] = 26,
    };

    internal int[] Ipv4Settings { get; init; } = [];

    internal int[] Ipv6Settings { get; init; } = [];

    /// <summary>The value of net/ipv4/conf/LINK/NAME or net/ipv6/conf/LINK/NAME; null: not told here.</summary>
    public int? Setting(bool ipv6, string name)
    {
        int[] settings = ipv6 ? Ipv6Settings : Ipv4Settings;
        return (ipv6 ? _ipv6Places : _ipv4Places).TryGetValue(name, out int place) && place < settings.Length ? settings[place] : null;
    }
}
