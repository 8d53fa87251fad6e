// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Net;

namespace Weir.Policy.Reading;

/// <summary>Reads address prefixes.</summary>
internal static class CidrReader
{
    // IPv4 addresses are kept as ::ffff:a.b.c.d: an IPv6 prefix around or inside that range would catch IPv4.
    private static readonly IpPrefix _mappedIpv4 = new(IPAddress.Parse("::ffff:0:0"), 96);

    /// <summary>A prefix with the bits beyond its length cleared, or null with a problem.</summary>
    public static IpPrefix? Cidr(this ReadContext context, Node node, string what)
    {
        if (context.Text(node, what) is not { } text)
        {
            return null;
        }

        if (!IpPrefix.TryParse(text, out var prefix))
        {
            context.Error(node, $"expected {what}, an address prefix such as 10.0.0.0/8 or fd00::/8; found {node.Found}");
            return null;
        }

        if (prefix is { IsIpv6: true, Length: > 0 } && prefix.Overlaps(_mappedIpv4))
        {
            context.Error(node, $"{text} overlaps the IPv4-mapped range {_mappedIpv4}; write the IPv4 prefix, or a longer IPv6 prefix such as 2000::/3");
            return null;
        }

        return prefix.Masked;
    }

    /// <summary>A prefix with exceptions; each must be inside of it.</summary>
    public static PeerSelector.ByCidr? CidrSet(this ReadContext context, Fields fields)
    {
        if (fields["cidr"] is not { } cidrNode)
        {
            fields.Missing("cidr is missing");
            return null;
        }

        var cidr = context.Cidr(cidrNode, "cidr");
        var except = new List<IpPrefix>();
        if (fields.Value("except") is { } exceptNode)
        {
            foreach (var item in context.List(exceptNode, "except"))
            {
                if (context.Cidr(item, "an exception") is not { } exception)
                {
                    continue;
                }

                if (cidr is { } whole && !whole.Contains(exception))
                {
                    context.Error(item, $"exception {exception} is not inside {whole}");
                }

                except.Add(exception);
            }
        }

        return cidr is { } prefix ? new PeerSelector.ByCidr(prefix, except) : null;
    }
}
