// SPDX-License-Identifier: Apache-2.0
namespace Weir.Linux;

/// <summary>Whether this network namespace speaks IPv6: a kernel can be built or started without it
/// (ipv6.disable=1), and an administrator can switch it off later (net.ipv6.conf.all.disable_ipv6).</summary>
public static class Ipv6
{
    private const string Switch = "net/ipv6/conf/lo/disable_ipv6"; // what is set for "all" is set for each

    /// <summary>Asked anew each time: it can change.</summary>
    public static bool IsOn => WhyOff is null;

    /// <summary>Why IPv6 is off, for people; null: it is on.</summary>
    public static string? WhyOff => !Sysctl.Exists(Switch)
        ? "this kernel has no IPv6 (ipv6.disable=1, or it is not built in)"
        : Sysctl.Read(Switch) == "1" ? "IPv6 is switched off (net.ipv6.conf.all.disable_ipv6=1)" : null;
}
