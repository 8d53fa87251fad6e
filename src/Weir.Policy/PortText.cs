// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>The port of a connection as people write it.</summary>
public static class PortText
{
    /// <summary>For messages.</summary>
    public const string Example = "80/tcp, 53/udp, icmp:8 or gre";

    /// <summary>"80/tcp", "80" (TCP), "icmp:8" (type), "icmp:3.4" (type and code), "icmp" (echo request), "sctp".</summary>
    public static bool TryParse(string text, out IpProtocol protocol, out ushort port)
    {
        ArgumentNullException.ThrowIfNull(text);
        var slash = text.Split('/');
        protocol = IpProtocol.Tcp;
        if (ushort.TryParse(slash[0], out port) && slash.Length <= 2
            && (slash.Length == 1 || (IpProtocolNames.TryParse(slash[1], out protocol) && !IsIcmp(protocol))))
        {
            return true;
        }

        port = 0;
        var colon = text.Split(':');
        if (!IpProtocolNames.TryParse(colon[0], out protocol))
        {
            return false;
        }

        if (colon.Length == 1)
        {
            port = IsIcmp(protocol) ? EchoRequest(protocol) : (ushort)0;
            return true;
        }

        var numbers = colon[1].Split('.');
        byte code = 0;
        if (!IsIcmp(protocol) || colon.Length != 2 || numbers.Length > 2 || !byte.TryParse(numbers[0], out var type)
            || (numbers.Length == 2 && !byte.TryParse(numbers[1], out code)))
        {
            return false;
        }

        port = (ushort)((type << 8) | code);
        return true;
    }

    private static bool IsIcmp(IpProtocol protocol) => protocol is IpProtocol.Icmp or IpProtocol.Icmpv6;

    private static ushort EchoRequest(IpProtocol protocol) => (ushort)((protocol == IpProtocol.Icmp ? 8 : 128) << 8);
}
