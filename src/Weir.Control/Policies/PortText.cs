// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control.Policies;

/// <summary>A port as people write it.</summary>
internal static class PortText
{
    /// <summary>"80/tcp", "80" (TCP), "icmp:8" (type), "icmp:3.4" (type and code), "sctp".</summary>
    /// <exception cref="ControlException">It is none of these.</exception>
    internal static (IpProtocol Protocol, ushort Port) Parse(string text)
    {
        string[] slash = text.Split('/');
        if (ushort.TryParse(slash[0], out ushort port) && slash.Length <= 2)
        {
            IpProtocol named = IpProtocol.Tcp;
            if (slash.Length == 1 || (IpProtocolNames.TryParse(slash[1], out named) && !IsIcmp(named)))
            {
                return (named, port);
            }
        }

        string[] colon = text.Split(':');
        if (IpProtocolNames.TryParse(colon[0], out IpProtocol protocol))
        {
            if (colon.Length == 1)
            {
                return (protocol, IsIcmp(protocol) ? EchoRequest(protocol) : (ushort)0);
            }

            string[] numbers = colon[1].Split('.');
            byte code = 0;
            if (IsIcmp(protocol) && colon.Length == 2 && numbers.Length <= 2 && byte.TryParse(numbers[0], out byte type)
                && (numbers.Length == 1 || byte.TryParse(numbers[1], out code)))
            {
                return (protocol, (ushort)((type << 8) | code));
            }
        }

        throw new ControlException($"--port {text} is not a port; write for example 80/tcp, 53/udp, icmp:8 or gre");
    }

    private static bool IsIcmp(IpProtocol protocol) => protocol is IpProtocol.Icmp or IpProtocol.Icmpv6;

    private static ushort EchoRequest(IpProtocol protocol) => (ushort)((protocol == IpProtocol.Icmp ? 8 : 128) << 8);
}
