// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Weir.Net;

namespace Weir.Services.Reading;

/// <summary>Reads "10.0.0.1:80" and "[2001:db8::1]:80".</summary>
internal static class AddressAndPort
{
    /// <param name="text">What is read.</param>
    /// <param name="address">The address; never an IPv4 address in IPv6 form.</param>
    /// <param name="port">The port; never 0.</param>
    /// <param name="fault">What is wrong, when it is false.</param>
    public static bool TryRead(string text, out IPAddress address, out ushort port, out string fault)
    {
        address = IPAddress.None;
        port = 0;
        if (!TrySplit(text, out var host, out var portText, out fault))
        {
            return false;
        }

        // IpPrefix knows how strictly people's addresses are read here.
        if (host.Contains('/', StringComparison.Ordinal) || !IpPrefix.TryParse(host, out var prefix))
        {
            fault = host.Length == 0 ? "the address is missing" : $"{Quoted.Of(host)} is not an address";
            return false;
        }

        address = prefix.Address;
        if (address.IsIPv4MappedToIPv6)
        {
            fault = $"{host} is IPv4 address {address.MapToIPv4()} in IPv6 form; write it as IPv4";
            return false;
        }

        return CheckBrackets(text, address, ref fault) && TryReadPort(portText, out port, out fault);
    }

    private static bool TrySplit(string text, out string host, out string port, out string fault)
    {
        (host, port, fault) = ("", "", "");
        if (text.StartsWith('['))
        {
            var end = text.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
            {
                fault = "']' is missing after the IPv6 address";
                return false;
            }

            host = text[1..end];
            var rest = text[(end + 1)..];
            if (!rest.StartsWith(':'))
            {
                fault = rest.Length == 0 ? "the port is missing" : $"expected ':' and the port after ']', not {Quoted.Of(rest)}";
                return false;
            }

            port = rest[1..];
            return true;
        }

        var colon = text.LastIndexOf(':');
        if (colon < 0)
        {
            fault = text.Length == 0 ? "address and port are missing" : "the port is missing";
            return false;
        }

        if (text.IndexOf(':', StringComparison.Ordinal) != colon)
        {
            fault = "an IPv6 address stands in brackets";
            return false;
        }

        (host, port) = (text[..colon], text[(colon + 1)..]);
        return true;
    }

    private static bool CheckBrackets(string text, IPAddress address, ref string fault)
    {
        if (text.StartsWith('[') && address.AddressFamily == AddressFamily.InterNetwork)
        {
            fault = "only an IPv6 address stands in brackets";
            return false;
        }

        return true;
    }

    private static bool TryReadPort(string text, out ushort port, out string fault)
    {
        fault = "";
        if (ushort.TryParse(text, NumberStyles.None, null, out port) && port > 0)
        {
            return true;
        }

        fault = text.Length == 0 ? "the port is missing" : $"the port is a number from 1 to 65535, not {Quoted.Of(text)}";
        return false;
    }
}
