// SPDX-License-Identifier: Apache-2.0

using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Policies;

/// <summary>Names of ports that a container declares: label "weir.port.http=80" or "weir.port.dns=53/udp".</summary>
internal static class NamedPortLabels
{
    private const string Prefix = "weir.port.";

    /// <summary>Null: it declares none. What is no port is passed over: labels are anybody's. Names are in any case, as in rules.</summary>
    internal static Dictionary<string, NamedPort>? Read(LabelSet labels)
    {
        Dictionary<string, NamedPort>? ports = null;
        foreach (Label label in labels.Where(label => label.Key.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            string[] parts = label.Value.Split('/');
            IpProtocol protocol = IpProtocol.Tcp;
            if (parts.Length <= 2 && ushort.TryParse(parts[0], out ushort port) && port > 0
                && (parts.Length == 1 || IpProtocolNames.TryParse(parts[1], out protocol)))
            {
                (ports ??= [])[label.Key[Prefix.Length..].ToLowerInvariant()] = new NamedPort(port, protocol);
            }
        }

        return ports;
    }
}
